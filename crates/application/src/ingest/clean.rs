//! What is taken out on the way in, and the users met on the way.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use super::{addresses::Addresses, shared::Shared};
use crate::{erasure::ErasedPeople, ports::Secrets, reference::UserRecord};

/// Takes e-mail addresses and erased people out of payloads, replaces NUL (which PostgreSQL cannot store), and collects
/// users.
pub(super) struct Cleaner<'a> {
    secrets: &'a dyn Secrets,
    erased: &'a ErasedPeople,
    shared: &'a mut Shared,
    users: BTreeMap<String, UserRecord>,
}

impl<'a> Cleaner<'a> {
    pub(super) fn new(secrets: &'a dyn Secrets, erased: &'a ErasedPeople, shared: &'a mut Shared) -> Self {
        Self { secrets, erased, shared, users: BTreeMap::new() }
    }

    pub(super) fn clean(&mut self, value: &mut Value) {
        let secrets = self.secrets;
        let stand_in = |address: &str| address_stand_in(secrets, address);
        let of_accounts = if self.erased.is_empty() {
            let mut collect = |object: &Map<String, Value>| self.collect(object);
            let mut addresses = Addresses::new(&stand_in).telling(&mut collect);
            addresses.take_out(value);
            addresses.of_accounts
        } else {
            let of_accounts = hash_addresses(value, secrets);
            self.erased.take_out(value, secrets);
            self.collect_all(value);
            of_accounts
        };
        for (account, address) in of_accounts {
            if let Some(user) = self.users.get_mut(&account).filter(|user| user.email_hash.is_none()) {
                user.email_hash = Some(secrets.email_hash(&address));
            }
        }
    }

    fn collect_all(&mut self, value: &Value) {
        match value {
            Value::Array(items) => items.iter().for_each(|item| self.collect_all(item)),
            Value::Object(object) => {
                object.values().for_each(|value| self.collect_all(value));
                self.collect(object);
            }
            _ => {}
        }
    }

    /// Notes the user that an object shows, if it shows one.
    fn collect(&mut self, object: &Map<String, Value>) {
        let Some(account) = account_shown(object) else { return };
        if !self.users.contains_key(account) {
            let user = user(account, object, self.shared);
            self.users.insert(account.to_owned(), user);
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
    account_of(object).map(str::to_owned)
}

/// As [`user_id`].
pub(super) fn account_of(object: &Map<String, Value>) -> Option<&str> {
    ["accountId", "key", "name"].into_iter().find_map(|id| object.get(id)?.as_str())
}

/// The account that an object shows, if it shows one. A key or name makes a person only of what also has what every user has on
/// Server and Data Center: a board's `location` has a `displayName` and a `name` as well.
pub(super) fn account_shown(object: &Map<String, Value>) -> Option<&str> {
    object.get("displayName")?;
    if ["accountId", "active", "avatarUrls"].iter().any(|member| object.contains_key(*member)) {
        return account_of(object);
    }
    None
}

/// The id of a user inside an issue.
pub(super) fn user_id_of(value: &Value) -> Option<String> {
    user_id(value.as_object()?)
}

fn user(account: &str, object: &Map<String, Value>, shared: &mut Shared) -> UserRecord {
    let text = |name: &str| object.get(name).and_then(Value::as_str).map(str::to_owned);
    UserRecord {
        account_id: account.to_owned(),
        display_name: text("displayName"),
        email_hash: None,
        time_zone: text("timeZone"),
        active: object.get("active").and_then(Value::as_bool),
        raw: shared.person(object),
    }
}
