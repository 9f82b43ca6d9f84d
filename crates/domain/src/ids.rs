//! Identities. An id of ours is derived from the instance and Jira's own id, so that a batch of rows can name
//! its parents without a look-up, and a second copy of the same row meets the first.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};
use uuid::Uuid;

macro_rules! id_type {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(pub Uuid);

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }

        impl FromStr for $name {
            type Err = uuid::Error;

            fn from_str(text: &str) -> Result<Self, Self::Err> {
                Uuid::parse_str(text).map(Self)
            }
        }
    };
}

id_type!(
    /// Who pays; the border nothing crosses.
    TenantId
);
id_type!(
    /// One Jira site of a tenant.
    InstanceId
);
id_type!(
    /// An issue of one instance.
    IssueId
);
id_type!(
    /// An API key, not its secret.
    KeyId
);

/// What an identity derived by [`InstanceId::derive`] stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EntityKind {
    /// A project, by its numeric id.
    Project,
    /// A user, by `accountId` (Cloud) or user key (Server, Data Center).
    User,
    /// An issue, by its numeric id; never by its key, which changes (jira-facts 2.4).
    Issue,
    /// A comment, by its numeric id.
    Comment,
    /// A worklog, by its numeric id.
    Worklog,
    /// An issue link, by its numeric id; both issues show the same one.
    IssueLink,
    /// A field, by its id (`customfield_10010`).
    Field,
    /// An attachment, by its numeric id.
    Attachment,
}

impl EntityKind {
    const fn name(self) -> &'static str {
        match self {
            Self::Project => "project",
            Self::User => "user",
            Self::Issue => "issue",
            Self::Comment => "comment",
            Self::Worklog => "worklog",
            Self::IssueLink => "issuelink",
            Self::Field => "field",
            Self::Attachment => "attachment",
        }
    }
}

impl InstanceId {
    /// The identity (UUID version 5) of one of Jira's rows at this instance.
    pub fn derive(self, kind: EntityKind, jira_id: &str) -> Uuid {
        let mut name = String::with_capacity(kind.name().len() + 1 + jira_id.len());
        name.push_str(kind.name());
        name.push('/');
        name.push_str(jira_id);
        Uuid::new_v5(&self.0, name.as_bytes())
    }

    /// The identity of the issue with this numeric Jira id.
    pub fn issue(self, jira_id: &str) -> IssueId {
        IssueId(self.derive(EntityKind::Issue, jira_id))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_row_has_the_same_id_and_another_instance_or_kind_another() {
        let here = InstanceId(Uuid::from_u128(1));
        let there = InstanceId(Uuid::from_u128(2));
        assert_eq!(here.issue("10001"), here.issue("10001"));
        assert_ne!(here.issue("10001"), there.issue("10001"));
        assert_ne!(here.derive(EntityKind::Comment, "10001"), here.derive(EntityKind::Worklog, "10001"));
    }
}
