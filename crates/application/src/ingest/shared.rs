//! What the issues of a page repeat: people, statuses, projects. Each is kept once for all of them.

use std::{collections::HashMap, sync::Arc};

use serde_json::{Map, Value};

use super::clean::account_of;

/// What is kept, by Jira's ids.
#[derive(Debug, Default)]
pub(super) struct Shared {
    people: HashMap<String, Arc<Value>>,
    others: HashMap<Kind, HashMap<String, Arc<Value>>>,
}

/// What has ids of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Kind {
    Project,
    Status,
    IssueType,
    Priority,
    Resolution,
    Version,
    Component,
}

impl Shared {
    /// The one copy of a payload. Two of one id that differ are both kept by whoever was given them; here it is the later one.
    pub(super) fn payload(&mut self, kind: Kind, id: &str, payload: &Value) -> Arc<Value> {
        let known = self.others.entry(kind).or_default();
        match known.get_mut(id) {
            Some(kept) if **kept == *payload => Arc::clone(kept),
            Some(kept) => {
                *kept = Arc::new(payload.clone());
                Arc::clone(kept)
            }
            None => Arc::clone(known.entry(id.to_owned()).or_insert_with(|| Arc::new(payload.clone()))),
        }
    }

    /// The one copy of a user whom an issue shows.
    pub(super) fn person(&mut self, user: &Map<String, Value>) -> Arc<Value> {
        let account = account_of(user).unwrap_or_default();
        if let Some(kept) = self.people.get(account).filter(|kept| kept.as_object() == Some(user)) {
            return Arc::clone(kept);
        }
        self.keep(account.to_owned(), Value::Object(user.clone()))
    }

    /// The one copy of a user who is taken out of a payload.
    pub(super) fn take_person(&mut self, user: Value) -> Arc<Value> {
        let account = user.as_object().and_then(account_of).unwrap_or_default();
        if let Some(kept) = self.people.get(account).filter(|kept| ***kept == user) {
            return Arc::clone(kept);
        }
        self.keep(account.to_owned(), user)
    }

    fn keep(&mut self, account: String, user: Value) -> Arc<Value> {
        let kept = Arc::new(user);
        self.people.insert(account, Arc::clone(&kept));
        kept
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_is_equal_is_one_and_what_differs_is_as_it_came() {
        let mut shared = Shared::default();
        let ann = json!({"accountId": "a", "displayName": "Ann"});
        let first = shared.take_person(ann.clone());
        assert!(Arc::ptr_eq(&first, &shared.person(ann.as_object().unwrap())));
        let renamed = json!({"accountId": "a", "displayName": "Ann Lee"});
        assert_eq!(*shared.take_person(renamed.clone()), renamed);
        assert_eq!(*first, ann);

        let status = json!({"id": "1", "name": "To Do"});
        let first = shared.payload(Kind::Status, "1", &status);
        assert!(Arc::ptr_eq(&first, &shared.payload(Kind::Status, "1", &status)));
        let other = json!({"id": "1", "name": "High"});
        assert_eq!(*shared.payload(Kind::Priority, "1", &other), other);
        assert!(Arc::ptr_eq(&first, &shared.payload(Kind::Status, "1", &status)));
    }
}
