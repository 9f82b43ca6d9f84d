//! What is taken out on the way in, and the users met on the way.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use crate::{ports::Secrets, reference::UserRecord};

/// Walks a payload once: takes e-mail addresses out, replaces NUL (which PostgreSQL cannot store), and collects users.
pub(super) struct Cleaner<'a> {
    secrets: &'a dyn Secrets,
    pub(super) users: BTreeMap<String, UserRecord>,
}

impl<'a> Cleaner<'a> {
    pub(super) fn new(secrets: &'a dyn Secrets) -> Self {
        Self { secrets, users: BTreeMap::new() }
    }

    pub(super) fn clean(&mut self, value: &mut Value) {
        match value {
            Value::String(text) if text.contains('\0') => *text = text.replace('\0', "\u{fffd}"),
            Value::Array(items) => items.iter_mut().for_each(|item| self.clean(item)),
            Value::Object(object) => self.clean_object(object),
            _ => {}
        }
    }

    fn clean_object(&mut self, object: &mut Map<String, Value>) {
        let address = object.remove("emailAddress");
        for (_, value) in object.iter_mut() {
            self.clean(value);
        }
        if let Some(account_id) = object.get("displayName").and_then(|_| user_id(object)) {
            let hash = address
                .as_ref()
                .and_then(Value::as_str)
                .filter(|address| address.contains('@'))
                .map(|address| self.secrets.email_hash(address));
            let known = self.users.entry(account_id.clone()).or_insert_with(|| user(account_id, object));
            known.email_hash = known.email_hash.take().or(hash);
        }
    }
}

/// `accountId` on Cloud; the key, or else the name, on Server and Data Center (jira-facts 6.2).
fn user_id(object: &Map<String, Value>) -> Option<String> {
    ["accountId", "key", "name"].into_iter().find_map(|id| object.get(id)?.as_str()).map(str::to_owned)
}

/// The id of a user inside an issue.
pub(super) fn user_id_of(value: &Value) -> Option<String> {
    user_id(value.as_object()?)
}

fn user(account_id: String, object: &Map<String, Value>) -> UserRecord {
    let text = |name: &str| object.get(name).and_then(Value::as_str).map(str::to_owned);
    UserRecord {
        account_id,
        display_name: text("displayName"),
        email_hash: None,
        time_zone: text("timeZone"),
        active: object.get("active").and_then(Value::as_bool).unwrap_or(true),
        raw: Value::Object(object.clone()),
    }
}
