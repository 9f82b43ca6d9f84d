//! How a desk is set up, as far as its own API can change it: customers, organisations, request types.

use serde_json::{Value, json};

use super::{
    address,
    organizations::{change_list, set_property},
    requests::person,
    writing::Writing,
};
use crate::{
    actions::Action,
    caller::Caller,
    error::{Error, Result},
    ingest::read_rosters,
    ports::ReferenceData,
    service_desks::{FormField, RequestType, ServiceDesk},
    services::Services,
};

/// A customer to be made.
#[derive(Clone, Debug)]
pub struct NewCustomer {
    /// The address; only its hash is kept.
    pub email: String,
    /// What they are called.
    pub display_name: String,
}

/// A request type to be made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewRequestType {
    /// The id of the type of issues that its requests are.
    pub issue_type: String,
    /// Its name.
    pub name: String,
    /// What the portal says of it.
    pub description: String,
    /// What the portal says above its form.
    pub help_text: String,
}

/// Makes an account for a customer; answers it as the site shows it.
///
/// # Errors
/// [`Error::Invalid`] for an address or a name that is none; [`Error::Conflict`] when somebody has the address.
pub async fn create_customer(
    services: &Services,
    caller: &Caller,
    instance: &str,
    new: &NewCustomer,
) -> Result<Value> {
    let mut write = Writing::begin(services, caller, Action::CreateCustomer, instance).await?;
    if !crate::ingest::is_address(new.email.trim()) {
        return Err(Error::invalid("email", "The email address is not valid."));
    }
    let name = new.display_name.trim();
    if name.is_empty() || name.chars().count() > 255 {
        return Err(Error::invalid("displayName", "The name must have between 1 and 255 characters."));
    }
    let site = write.instance.clone();
    let hash = services.secrets.email_hash(new.email.trim());
    if write.tx.is_email_known(site.id, &hash).await? {
        return Err(Error::Conflict("An account already exists for this email address.".into()));
    }
    let id = write.ids(1).await?;
    let account = format!("qm:{}:{id}", site.id);
    let raw = json!({
        "self": address(&site, site.dialect, &format!("user?accountId={account}")),
        "accountId": account, "accountType": "customer", "displayName": name, "active": true, "timeZone": "Etc/UTC",
        "emailAddress": new.email.trim(),
    });
    let erased = write.tx.erased_people(site.id).await?;
    let data = ReferenceData { users: vec![raw], ..ReferenceData::default() };
    let records = read_rosters(data, services.secrets.as_ref(), &erased);
    write.tx.upsert_reference(site.id, &records, true).await?;
    let stored = write.tx.user(site.id, &account).await?.unwrap_or_default();
    write.finish(&account, Value::Null, json!({ "account": account })).await?;
    Ok(stored)
}

/// Lets people ask a desk for help, or not any more.
///
/// # Errors
/// [`Error::NotFound`] without the desk; [`Error::Invalid`] for people who are not there.
pub async fn change_desk_customers(
    services: &Services,
    caller: &Caller,
    instance: &str,
    desk: &str,
    (accounts, adding): (&[String], bool),
) -> Result<()> {
    let mut write = Writing::begin(services, caller, Action::EditServiceDesk, instance).await?;
    let mut desk = write.locked_desk(desk).await?;
    for wanted in accounts {
        person(&mut write, "accountIds", wanted).await?;
    }
    change_list(&mut desk.setup.customers, accounts, adding);
    let after = json!({ "customers": accounts, "of": desk.id, "customer": adding });
    store(write, &desk, after).await
}

/// Lets the people of an organisation ask a desk for help, or not any more.
///
/// # Errors
/// [`Error::NotFound`] without the desk or the organisation.
pub async fn change_desk_organizations(
    services: &Services,
    caller: &Caller,
    instance: &str,
    desk: &str,
    (organization, adding): (&str, bool),
) -> Result<()> {
    let mut write = Writing::begin(services, caller, Action::EditServiceDesk, instance).await?;
    let mut desk = write.locked_desk(desk).await?;
    let site = write.instance.id;
    if !write.tx.organizations(site).await?.iter().any(|known| known.id == organization) {
        return Err(Error::not_found("organization", organization));
    }
    change_list(&mut desk.setup.organizations, &[organization.to_owned()], adding);
    let after = json!({ "organization": organization, "of": desk.id, "customer": adding });
    store(write, &desk, after).await
}

/// Makes a request type, with a form that asks for a summary. It belongs to no group, so it is hidden in the portal, as at Jira.
///
/// # Errors
/// [`Error::NotFound`] without the desk; [`Error::Invalid`] for a name that is none or taken, and for an issue type that the project
/// does not have.
pub async fn add_request_type(
    services: &Services,
    caller: &Caller,
    instance: &str,
    desk: &str,
    new: NewRequestType,
) -> Result<(ServiceDesk, RequestType)> {
    let mut write = Writing::begin(services, caller, Action::EditServiceDesk, instance).await?;
    let mut desk = write.locked_desk(desk).await?;
    let name = new.name.trim().to_owned();
    if name.is_empty() || name.chars().count() > 255 {
        return Err(Error::invalid("name", "The name must have between 1 and 255 characters."));
    }
    if desk.setup.request_types.iter().any(|known| known.name.eq_ignore_ascii_case(&name)) {
        return Err(Error::invalid(
            "name",
            format!("There is a request type with the name '{name}' already."),
        ));
    }
    let site = write.instance.id;
    let project = write.tx.project(site, &desk.project_key).await?.unwrap_or_default();
    let types = project["issueTypes"].as_array().map_or(&[][..], Vec::as_slice);
    if !types.iter().any(|known| known["id"] == new.issue_type.as_str()) {
        let message = format!("The issue type '{}' is none of the project's.", new.issue_type);
        return Err(Error::invalid("issueTypeId", message));
    }
    let summary = FormField {
        field: "summary".into(),
        name: "Summary".into(),
        description: String::new(),
        required: true,
    };
    let kind = RequestType {
        id: write.ids(1).await?.to_string(),
        name,
        description: new.description,
        help_text: new.help_text,
        issue_type: new.issue_type,
        groups: Vec::new(),
        fields: vec![summary],
        properties: std::collections::BTreeMap::new(),
        raw: Value::Null,
    };
    desk.setup.request_types.push(kind.clone());
    let after = json!({ "requestType": kind.id, "name": kind.name, "of": desk.id });
    store(write, &desk, after).await?;
    Ok((desk, kind))
}

/// Deletes a request type. Its requests stay issues, and go on showing it.
///
/// # Errors
/// [`Error::NotFound`] without the desk or the request type.
pub async fn remove_request_type(
    services: &Services,
    caller: &Caller,
    instance: &str,
    desk: &str,
    request_type: &str,
) -> Result<()> {
    let mut write = Writing::begin(services, caller, Action::EditServiceDesk, instance).await?;
    let mut desk = write.locked_desk(desk).await?;
    desk.require_type(request_type)?;
    desk.setup.request_types.retain(|known| known.id != request_type);
    let gone = json!({ "deletedRequestType": request_type, "of": desk.id });
    store(write, &desk, gone).await
}

/// Sets a property of a request type, or takes it away; whether it is new.
///
/// # Errors
/// [`Error::NotFound`] without the desk, the request type, or the property that is to be taken away; [`Error::Invalid`] for a key or a
/// value that is too long.
pub async fn set_request_type_property(
    services: &Services,
    caller: &Caller,
    instance: &str,
    (desk, request_type): (&str, &str),
    (key, value): (&str, Option<&Value>),
) -> Result<bool> {
    let mut write = Writing::begin(services, caller, Action::EditServiceDesk, instance).await?;
    let mut desk = write.locked_desk(desk).await?;
    let kind = desk.setup.request_types.iter_mut().find(|known| known.id == request_type);
    let kind = kind.ok_or_else(|| Error::not_found("request type", request_type))?;
    let is_new = set_property(&mut kind.properties, key, value)?;
    let after = json!({ "requestType": request_type, "property": key, "value": value });
    store(write, &desk, after).await?;
    Ok(is_new)
}

async fn store(mut write: Writing<'_>, desk: &ServiceDesk, after: Value) -> Result<()> {
    let site = write.instance.id;
    write.tx.put_service_desk(site, desk).await?;
    write.finish(&desk.project_key, Value::Null, after).await
}

impl Writing<'_> {
    /// The desk with this id, locked, where the caller may write.
    async fn locked_desk(&mut self, id: &str) -> Result<ServiceDesk> {
        let found = self.tx.lock_service_desk(self.instance.id, id).await?;
        found
            .filter(|desk| self.reaches(&desk.project_key))
            .ok_or_else(|| Error::not_found("service desk", id))
    }
}
