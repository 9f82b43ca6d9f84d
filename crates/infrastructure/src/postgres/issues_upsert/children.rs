//! What comments and worklogs have in common: an identity and a hash of their own, and a list that may be complete.

use std::collections::{BTreeMap, HashMap, HashSet};

use application::issues::{CommentRecord, WorklogRecord};
use chrono::{DateTime, Utc};
use domain::ids::EntityKind;
use uuid::Uuid;

use super::{PRESENT, Planned, Scope};

/// A row that belongs to an issue.
pub(super) trait Child {
    const KIND: EntityKind;

    fn jira_id(&self) -> &str;
    fn source_hash(&self) -> &[u8];
    fn updated(&self) -> DateTime<Utc>;
}

impl Child for CommentRecord {
    const KIND: EntityKind = EntityKind::Comment;

    fn jira_id(&self) -> &str {
        &self.jira_id
    }

    fn source_hash(&self) -> &[u8] {
        &self.source_hash
    }

    fn updated(&self) -> DateTime<Utc> {
        self.updated
    }
}

impl Child for WorklogRecord {
    const KIND: EntityKind = EntityKind::Worklog;

    fn jira_id(&self) -> &str {
        &self.jira_id
    }

    fn source_hash(&self) -> &[u8] {
        &self.source_hash
    }

    fn updated(&self) -> DateTime<Utc> {
        self.updated
    }
}

/// What is known of a child that is stored already.
pub(super) struct StoredChild {
    pub(super) id: Uuid,
    pub(super) issue_id: Uuid,
    pub(super) source_hash: Vec<u8>,
    pub(super) presence: String,
    pub(super) updated_at: DateTime<Utc>,
}

/// A child with its issue.
pub(super) struct SeenChild<'a, T> {
    pub(super) id: Uuid,
    pub(super) issue: &'a Planned<'a>,
    pub(super) record: &'a T,
}

/// What is to be done with the children of a page.
pub(super) struct Comparison<'a, T> {
    /// New or different, in the order of their ids.
    pub(super) changed: Vec<SeenChild<'a, T>>,
    /// Stored, and missing from a complete list.
    pub(super) gone: Vec<Uuid>,
    /// The issues of those that are gone.
    pub(super) bereft: HashSet<Uuid>,
}

/// Compares what the page shows with what is stored. `list` answers an issue's children, and whether they are all of
/// them.
pub(super) fn compare<'a, T: Child>(
    scope: Scope,
    issues: &'a [Planned<'a>],
    stored: Vec<StoredChild>,
    list: impl Fn(&'a Planned<'a>) -> (&'a [T], bool),
) -> Comparison<'a, T> {
    let mut seen = BTreeMap::new();
    let mut complete = HashSet::new();
    for issue in issues {
        let (children, is_complete) = list(issue);
        if is_complete {
            complete.insert(issue.id);
        }
        for record in children {
            let id = scope.instance.derive(T::KIND, record.jira_id());
            seen.insert(id, SeenChild { id, issue, record });
        }
    }
    let is_gone = |row: &&StoredChild| {
        row.presence == PRESENT && complete.contains(&row.issue_id) && !seen.contains_key(&row.id)
    };
    let (gone, bereft) = stored.iter().filter(is_gone).map(|row| (row.id, row.issue_id)).unzip();
    let stored: HashMap<Uuid, StoredChild> = stored.into_iter().map(|row| (row.id, row)).collect();
    let changed = seen
        .into_values()
        .filter(|child| stored.get(&child.id).is_none_or(|row| differs(child, row)))
        .collect();
    Comparison { changed, gone, bereft }
}

fn differs<T: Child>(child: &SeenChild<'_, T>, stored: &StoredChild) -> bool {
    let is_older = child.record.updated() < stored.updated_at;
    let is_other = child.record.source_hash() != stored.source_hash
        || stored.presence != PRESENT
        || stored.issue_id != child.issue.id;
    is_other && !is_older
}

/// The issues whose children may be stored already.
pub(super) fn known(issues: &[Planned<'_>]) -> Vec<Uuid> {
    issues.iter().filter(|issue| issue.stored.is_some()).map(|issue| issue.id).collect()
}
