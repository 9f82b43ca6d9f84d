//! What the copy says of an issue that its site does not show any more.
//!
//! Jira has no tombstones: a deleted issue and one that our account may not see any more are both absent from searches and
//! answered with the same 404 (jira-facts 2.3). So a presence is what the evidence allows, and no more:
//!
//! - `deleted`: a webhook said so; or the issue is neither listed nor shown by its id although we see its project, and nothing
//!   in that project is under a security level, and we see issues there that do not name our account: so we are not let in as
//!   the reporter or assignee of each issue. Those are the ways in which a single issue can be hidden from an account that sees
//!   the project.
//! - `access_lost`: it may be either: its project is not shown to us, or the project may hide issues from us.
//! - `archived`, `trashed`: the site says so of the project, or of the issue itself (`archiveddate`).
//! - `unobserved`: another issue has its key by now, and nobody has looked for it since.

use serde_json::Value;

use crate::issues::Presence;

/// How a site shows a project to our account.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    /// Among the live ones.
    Live,
    /// Among the archived ones.
    Archived,
    /// Among those in the trash.
    Trashed,
    /// In none of its lists: deleted for good, or not ours to see any more.
    Unlisted,
}

impl Standing {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Live, Self::Archived, Self::Trashed, Self::Unlisted];

    /// Its name.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Live => "live",
            Self::Archived => "archived",
            Self::Trashed => "trashed",
            Self::Unlisted => "unlisted",
        }
    }

    /// What is to be said of the project itself.
    pub fn presence(self) -> Presence {
        match self {
            Self::Live => Presence::Present,
            Self::Archived => Presence::Archived,
            Self::Trashed => Presence::Trashed,
            Self::Unlisted => Presence::AccessLost,
        }
    }
}

/// What is to be said of an issue that is not shown by its id. `may_hide` is whether its project may hide single issues from
/// us.
pub fn of_gone(project: Standing, may_hide: bool) -> Presence {
    match project {
        Standing::Live if !may_hide => Presence::Deleted,
        Standing::Live => Presence::AccessLost,
        retired => retired.presence(),
    }
}

/// What is to be said of an issue that is shown by its id. Data Center says of the issue itself that it is archived
/// (jira-facts 2.6).
pub fn of_shown(issue: &Value) -> Presence {
    let archived = ["archiveddate", "archivedDate"].iter().any(|name| issue["fields"][name].is_string());
    if archived { Presence::Archived } else { Presence::Present }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn only_what_the_evidence_allows_is_said() {
        assert_eq!(of_gone(Standing::Live, false), Presence::Deleted);
        assert_eq!(of_gone(Standing::Live, true), Presence::AccessLost);
        for may_hide in [false, true] {
            assert_eq!(of_gone(Standing::Unlisted, may_hide), Presence::AccessLost);
            assert_eq!(of_gone(Standing::Archived, may_hide), Presence::Archived);
            assert_eq!(of_gone(Standing::Trashed, may_hide), Presence::Trashed);
        }
    }

    #[test]
    fn an_issue_that_is_shown_may_be_in_the_archive() {
        assert_eq!(of_shown(&json!({ "fields": { "archiveddate": null } })), Presence::Present);
        let archived = json!({ "fields": { "archiveddate": "2026-01-05T10:00:00.000+0000" } });
        assert_eq!(of_shown(&archived), Presence::Archived);
    }
}
