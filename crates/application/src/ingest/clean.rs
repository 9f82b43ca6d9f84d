//! What is taken out on the way in, and the users met on the way.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use super::{Reader, addresses::Addresses};
use crate::{erasure::ErasedPeople, ports::Secrets, reference::UserRecord};

/// Takes e-mail addresses and erased people out of payloads, replaces NUL (which PostgreSQL cannot store), and collects
/// users.
pub(super) struct Cleaner<'a> {
    secrets: &'a dyn Secrets,
    erased: &'a ErasedPeople,
    users: BTreeMap<String, UserRecord>,
}

impl<'a> Cleaner<'a> {
    pub(super) fn new(secrets: &'a dyn Secrets, erased: &'a ErasedPeople) -> Self {
        Self { secrets, erased, users: BTreeMap::new() }
    }

    pub(super) fn of(reader: &Reader<'a>) -> Self {
        Self::new(reader.secrets, reader.erased)
    }

    pub(super) fn clean(&mut self, value: &mut Value) {
        let of_accounts = hash_addresses(value, self.secrets);
        self.erased.take_out(value, self.secrets);
        self.collect(value, &of_accounts);
    }

    fn collect(&mut self, value: &Value, of_accounts: &BTreeMap<String, String>) {
        match value {
            Value::Array(items) => items.iter().for_each(|item| self.collect(item, of_accounts)),
            Value::Object(object) => {
                object.values().for_each(|value| self.collect(value, of_accounts));
                if let Some(account_id) = account_shown(object) {
                    let hash = of_accounts.get(&account_id).map(|address| self.secrets.email_hash(address));
                    let known =
                        self.users.entry(account_id.clone()).or_insert_with(|| user(account_id, object));
                    known.email_hash = known.email_hash.take().or(hash);
                }
            }
            _ => {}
        }
    }

    pub(super) fn into_users(self) -> Vec<UserRecord> {
        self.users.into_values().collect()
    }
}

/// Takes addresses out; answers them by account. What names somebody by an address gets a keyed hash in its place, the same
/// for the same address, so that the parts of a payload still find each other.
pub(super) fn hash_addresses(value: &mut Value, secrets: &dyn Secrets) -> BTreeMap<String, String> {
    let stand_in = |address: &str| address_stand_in(secrets, address);
    let mut addresses = Addresses::new(&stand_in);
    addresses.take_out(value);
    addresses.of_accounts
}

/// What stands in the place of an address that names somebody.
pub(crate) fn address_stand_in(secrets: &dyn Secrets, address: &str) -> String {
    format!("address-{}", secrets.email_hash(address).chars().take(32).collect::<String>())
}

/// `accountId` on Cloud; the key, or else the name, on Server and Data Center (jira-facts 6.2).
pub(super) fn user_id(object: &Map<String, Value>) -> Option<String> {
    ["accountId", "key", "name"].into_iter().find_map(|id| object.get(id)?.as_str()).map(str::to_owned)
}

/// The account that an object shows, if it shows one. A key or name makes a person only of what also has what every user has on
/// Server and Data Center: a board's `location` has a `displayName` and a `name` as well.
pub(super) fn account_shown(object: &Map<String, Value>) -> Option<String> {
    object.get("displayName")?;
    if ["accountId", "active", "avatarUrls"].iter().any(|member| object.contains_key(*member)) {
        return user_id(object);
    }
    None
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
        active: object.get("active").and_then(Value::as_bool),
        raw: Value::Object(object.clone()),
    }
}
