//! Organisations of customers.

use serde_json::{Value, json};

use super::{requests::person, writing::Writing};
use crate::{
    actions::Action,
    caller::Caller,
    error::{Error, Result},
    service_desks::Organization,
    services::Services,
};

/// The longest name, as at Jira.
const LONGEST_NAME: usize = 200;
/// The longest key of a property, and the most bytes of its value, as at Jira.
pub(super) const LONGEST_KEY: usize = 255;
pub(super) const LARGEST_VALUE: usize = 32_768;

/// Makes an organisation.
///
/// # Errors
/// [`Error::Invalid`] (field `name`) for a name that is none.
pub async fn create_organization(
    services: &Services,
    caller: &Caller,
    instance: &str,
    name: &str,
) -> Result<Organization> {
    let mut write = Writing::begin(services, caller, Action::CreateOrganization, instance).await?;
    let name = name.trim();
    if name.is_empty() || name.chars().count() > LONGEST_NAME {
        let message =
            format!("The name of an organization must have between 1 and {LONGEST_NAME} characters.");
        return Err(Error::invalid("name", message));
    }
    let id = write.ids(1).await?.to_string();
    let made = Organization {
        id,
        name: name.to_owned(),
        members: Vec::new(),
        properties: std::collections::BTreeMap::new(),
        created: Some(services.clock.now()),
        members_known: true,
        raw: Value::Null,
    };
    let site = write.instance.id;
    write.tx.put_organization(site, &made).await?;
    let after = json!({ "id": made.id, "name": made.name });
    write.finish(&made.name, Value::Null, after).await?;
    Ok(made)
}

/// Deletes an organisation. Requests that were shared with it go on showing it, as at Jira.
///
/// # Errors
/// [`Error::NotFound`].
pub async fn delete_organization(
    services: &Services,
    caller: &Caller,
    instance: &str,
    id: &str,
) -> Result<()> {
    let mut write = Writing::begin(services, caller, Action::DeleteOrganization, instance).await?;
    let gone = write.organization(id).await?;
    let site = write.instance.id;
    for desk in write.tx.service_desks(site).await? {
        if !desk.setup.organizations.contains(&gone.id) {
            continue;
        }
        if let Some(mut desk) = write.tx.lock_service_desk(site, &desk.id).await? {
            desk.setup.organizations.retain(|known| *known != gone.id);
            write.tx.put_service_desk(site, &desk).await?;
        }
    }
    write.tx.remove_organization(site, id).await?;
    let before = json!({ "id": gone.id, "name": gone.name });
    write.finish(&gone.name, before, Value::Null).await
}

/// Puts people into an organisation, or takes them out.
///
/// # Errors
/// [`Error::NotFound`] without the organisation; [`Error::Invalid`] for people who are not there.
pub async fn change_organization_members(
    services: &Services,
    caller: &Caller,
    instance: &str,
    id: &str,
    (accounts, adding): (&[String], bool),
) -> Result<()> {
    let mut write = Writing::begin(services, caller, Action::EditOrganization, instance).await?;
    let mut organization = write.organization(id).await?;
    for wanted in accounts {
        person(&mut write, "accountIds", wanted).await?;
    }
    change_list(&mut organization.members, accounts, adding);
    let site = write.instance.id;
    write.tx.put_organization(site, &organization).await?;
    let after = json!({ "accounts": accounts, "member": adding });
    write.finish(&organization.name, Value::Null, after).await
}

/// Sets a property of an organisation, or takes it away; whether it is new.
///
/// # Errors
/// [`Error::NotFound`] without the organisation, and without the property that is to be taken away; [`Error::Invalid`] for a key or a
/// value that is too long.
pub async fn set_organization_property(
    services: &Services,
    caller: &Caller,
    instance: &str,
    id: &str,
    (key, value): (&str, Option<&Value>),
) -> Result<bool> {
    let mut write = Writing::begin(services, caller, Action::EditOrganization, instance).await?;
    let mut organization = write.organization(id).await?;
    let is_new = set_property(&mut organization.properties, key, value)?;
    let site = write.instance.id;
    write.tx.put_organization(site, &organization).await?;
    let after = json!({ "property": key, "value": value });
    write.finish(&organization.name, Value::Null, after).await?;
    Ok(is_new)
}

/// Sets a property among others, or takes it away; whether it is new.
pub(super) fn set_property(
    properties: &mut std::collections::BTreeMap<String, Value>,
    key: &str,
    value: Option<&Value>,
) -> Result<bool> {
    let Some(value) = value else {
        let gone = properties.remove(key);
        return gone.map(|_| false).ok_or_else(|| Error::not_found("property", key));
    };
    if key.is_empty() || key.chars().count() > LONGEST_KEY {
        let message = format!("The property key must have between 1 and {LONGEST_KEY} characters.");
        return Err(Error::invalid("propertyKey", message));
    }
    if value.to_string().len() > LARGEST_VALUE {
        let message = format!("The property value is longer than {LARGEST_VALUE} characters.");
        return Err(Error::invalid("value", message));
    }
    Ok(properties.insert(key.to_owned(), value.clone()).is_none())
}

/// Adds to a list what is not in it yet, or takes out what is.
pub(super) fn change_list(list: &mut Vec<String>, changed: &[String], adding: bool) {
    list.retain(|known| adding || !changed.contains(known));
    if adding {
        for new in changed {
            if !list.contains(new) {
                list.push(new.clone());
            }
        }
    }
}

impl Writing<'_> {
    /// The organisation with this id, locked.
    async fn organization(&mut self, id: &str) -> Result<Organization> {
        let found = self.tx.lock_organization(self.instance.id, id).await?;
        found.ok_or_else(|| Error::not_found("organization", id))
    }
}
