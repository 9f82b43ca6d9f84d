//! Reading Jira's JSON into rows: the one way in, for the sync of a mirror, for the import into a sandbox and for what
//! a sandbox writes itself.
//!
//! The payload is kept whole, but for two things: e-mail addresses are taken out on the way in, and the lists that
//! have tables of their own (comments, worklogs, histories) are stored once, there, and put back on the way out
//! ([`crate::issues`] rows, assembled by the Jira-compatible API). Their paging envelopes stay, because what an export left out
//! is not invented.

mod addresses;
mod attached;
mod children;
mod clean;
mod desks;
mod field_values;
mod groups;
mod hash;
mod issue;
mod lists;
mod present;
mod rosters;
mod shared;

use std::{
    collections::BTreeSet,
    sync::{Mutex, MutexGuard, PoisonError},
};

use serde_json::Value;

pub use addresses::is_address;
pub(crate) use children::text_of;
pub(crate) use clean::address_stand_in;
pub(crate) use field_values::field_values;
pub use issue::{read_issue, read_text};
pub use present::{Present, accounts_shown};
pub use rosters::read_rosters;
use shared::Shared;

use crate::{
    agile::SprintDetails,
    erasure::ErasedPeople,
    instances::Dialect,
    ports::Secrets,
    reference::{ComponentRecord, VersionRecord},
};

/// A version as a site lists it, with `projectId`; `None` for what is none.
pub(crate) fn version_record(raw: &Value) -> Option<VersionRecord> {
    lists::version(raw, None, &mut Shared::default())
}

/// A component as a site lists it, with `projectId`; `None` for what is none.
pub(crate) fn component_record(raw: &Value) -> Option<ComponentRecord> {
    lists::component(raw, None, &mut Shared::default())
}

/// A sprint as the field of an issue shows it, in either dialect; `None` for what is none.
pub fn sprint_of(value: &Value) -> Option<SprintDetails> {
    field_values::sprints(std::slice::from_ref(value)).pop().map(SprintDetails::from)
}

/// How a site's issues are to be read. What those that one reader reads have in common, they share.
pub struct Reader<'a> {
    /// The shape of the JSON.
    pub dialect: Dialect,
    /// Which custom fields have a meaning of their own.
    pub roles: &'a FieldRoles,
    /// Hashes e-mail addresses.
    pub secrets: &'a dyn Secrets,
    /// People who must not come back. Read in the transaction that stores what is read here (see
    /// [`crate::erasure::ErasureStore::erased_people`]).
    pub erased: &'a ErasedPeople,
    shared: Mutex<Shared>,
}

impl<'a> Reader<'a> {
    /// A reader for the issues of a page.
    pub fn new(
        dialect: Dialect,
        roles: &'a FieldRoles,
        secrets: &'a dyn Secrets,
        erased: &'a ErasedPeople,
    ) -> Self {
        Self { dialect, roles, secrets, erased, shared: Mutex::default() }
    }

    /// A panic elsewhere leaves nothing half-kept.
    fn shared(&self) -> MutexGuard<'_, Shared> {
        self.shared.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A row that could not be read: kept aside, never a reason to stop.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reject {
    /// The numeric id, where it could be read.
    pub jira_id: Option<String>,
    /// Why.
    pub reason: String,
}

/// Custom fields that Jira itself gives a meaning, by id: ids differ per site, `schema.custom` does not. Ordered: where an issue has
/// several of one meaning, the first by id is taken, in every process.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FieldRoles {
    sprint: BTreeSet<String>,
    story_points: BTreeSet<String>,
    epic_link: BTreeSet<String>,
}

impl FieldRoles {
    /// Whether no field has any of these meanings: the site has none, or nobody has asked for its fields yet.
    fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// Reads the roles from a site's fields (`GET /field`; jira-facts 6.3). What it looks for,
    /// [`crate::reference::ReferenceStore::fields_with_roles`] looks for as well.
    pub fn from_fields<'v>(fields: impl IntoIterator<Item = &'v Value>) -> Self {
        let mut roles = Self::default();
        for field in fields {
            let Some(id) = field["id"].as_str().or_else(|| field["key"].as_str()) else { continue };
            let custom = field["schema"]["custom"].as_str().unwrap_or_default();
            let name = field["name"].as_str().unwrap_or_default();
            if custom.ends_with(":gh-sprint") {
                roles.sprint.insert(id.to_owned());
            } else if custom.ends_with(":gh-epic-link") {
                roles.epic_link.insert(id.to_owned());
            } else if custom.ends_with(":jsw-story-points")
                || (custom.ends_with(":float") && name.eq_ignore_ascii_case("story points"))
            {
                roles.story_points.insert(id.to_owned());
            }
        }
        roles
    }
}

/// The dialect in which one recorded issue is written: strings where v3 has documents mean v2; without any rich text,
/// users without `accountId` mean v2.
pub fn sniff_dialect(issue: &Value) -> Dialect {
    let fields = &issue["fields"];
    let bodies =
        fields["comment"]["comments"].as_array().into_iter().flatten().map(|comment| &comment["body"]);
    for text in [&fields["description"], &fields["environment"]].into_iter().chain(bodies) {
        if text.is_string() {
            return Dialect::V2;
        }
        if text.is_object() {
            return Dialect::V3;
        }
    }
    let user = ["reporter", "creator", "assignee"]
        .into_iter()
        .map(|name| &fields[name])
        .find(|user| user.is_object());
    match user {
        Some(user) if user["accountId"].is_string() => Dialect::V3,
        Some(_) => Dialect::V2,
        None => Dialect::V3,
    }
}

/// Reads one comment as Jira serves it.
///
/// # Errors
/// What is missing or wrong.
pub fn read_comment(raw: Value) -> Result<crate::issues::CommentRecord, String> {
    children::comment(raw, &mut Shared::default())
}

/// Takes e-mail addresses out of a payload that only people look at (the audit log): none is searched by.
pub fn strip_addresses(value: &mut Value) {
    addresses::Addresses::new(&|_| "address".to_owned()).take_out(value);
}

/// Takes e-mail addresses and erased people out of a payload that is kept as it came (a webhook's body, a site's answer).
pub fn clean_payload(value: &mut Value, secrets: &dyn Secrets, erased: &ErasedPeople) {
    clean::hash_addresses(value, secrets);
    erased.take_out(value, secrets);
}

#[cfg(test)]
mod tests;
