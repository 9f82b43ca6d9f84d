//! Saved filters. There is one account at a sandbox, so a filter that is its own is also what it may see.

use serde_json::{Value, json};

use super::{address, writing::Writing};
use crate::{
    actions::Action,
    caller::Caller,
    error::{Error, Result},
    reference::{FilterRecord, ReferenceRecords, Roster},
    sandbox::account,
    search::parse_jql,
    services::Services,
};

/// What is to be saved. A member that is `None` stays as it is.
#[derive(Clone, Debug, Default)]
pub struct FilterChanges {
    /// Its name.
    pub name: Option<String>,
    /// What it is about.
    pub description: Option<String>,
    /// Its question.
    pub jql: Option<String>,
    /// Whether it is among the favourites.
    pub favourite: Option<bool>,
}

/// Saves a new filter; answers it as served.
///
/// # Errors
/// [`Error::Invalid`] without a name, and for a name that another filter has; [`Error::InvalidJql`].
pub async fn create_filter(
    services: &Services,
    caller: &Caller,
    instance: &str,
    changes: FilterChanges,
) -> Result<Value> {
    let mut write = Writing::begin(services, caller, Action::CreateFilter, instance).await?;
    let known = filters(&mut write).await?;
    let name = changes.name.as_deref().unwrap_or_default().trim();
    check(&known, None, Some(name), changes.jql.as_deref())?;
    let id = write.ids(1).await?;
    let dialect = write.instance.dialect;
    let base = write.instance.base_url.clone();
    let blank = json!({
        "self": address(&write.instance, dialect, &format!("filter/{id}")),
        "id": id.to_string(),
        "name": name,
        "description": "",
        "owner": account(dialect),
        "jql": "",
        "viewUrl": format!("{base}/issues/?filter={id}"),
        "searchUrl": "",
        "favourite": false,
        "favouritedCount": 0,
        "sharePermissions": [],
        "editPermissions": [],
        "subscriptions": { "size": 0, "items": [], "max-results": 0, "start-index": 0, "end-index": 0 },
    });
    let made = changed(&write, blank, &changes);
    store(&mut write, &made).await?;
    write.finish(made["name"].as_str().unwrap_or_default(), Value::Null, audited(&made)).await?;
    Ok(made)
}

/// Changes a filter; answers it as served.
///
/// # Errors
/// As [`create_filter`]; [`Error::NotFound`] without the filter.
pub async fn edit_filter(
    services: &Services,
    caller: &Caller,
    instance: &str,
    filter: &str,
    changes: FilterChanges,
) -> Result<Value> {
    let mut write = Writing::begin(services, caller, Action::EditFilter, instance).await?;
    let known = filters(&mut write).await?;
    let before = find(&known, filter)?.clone();
    check(&known, Some(filter), changes.name.as_deref().map(str::trim), changes.jql.as_deref())?;
    let after = changed(&write, before.clone(), &changes);
    if after == before {
        return Ok(after);
    }
    store(&mut write, &after).await?;
    let name = after["name"].as_str().unwrap_or_default().to_owned();
    write.finish(&name, audited(&before), audited(&after)).await?;
    Ok(after)
}

/// Deletes a filter.
///
/// # Errors
/// [`Error::NotFound`].
pub async fn delete_filter(services: &Services, caller: &Caller, instance: &str, filter: &str) -> Result<()> {
    let mut write = Writing::begin(services, caller, Action::DeleteFilter, instance).await?;
    let known = filters(&mut write).await?;
    let before = find(&known, filter)?.clone();
    let site = write.instance.id;
    write.tx.remove_filter(site, filter).await?;
    let name = before["name"].as_str().unwrap_or_default().to_owned();
    write.finish(&name, audited(&before), Value::Null).await
}

async fn filters(write: &mut Writing<'_>) -> Result<Vec<Value>> {
    let site = write.instance.id;
    write.tx.roster(site, Roster::Filters).await
}

fn find<'v>(known: &'v [Value], id: &str) -> Result<&'v Value> {
    known.iter().find(|filter| filter["id"] == id).ok_or_else(|| Error::not_found("filter", id))
}

fn check(known: &[Value], own: Option<&str>, name: Option<&str>, jql: Option<&str>) -> Result<()> {
    if let Some(name) = name {
        if name.is_empty() || name.chars().count() > 255 {
            return Err(Error::invalid("filterName", "You must specify a name to save this filter as."));
        }
        let is_taken = |filter: &&Value| filter["name"] == name && filter["id"].as_str() != own;
        if known.iter().any(|filter| is_taken(&filter)) {
            return Err(Error::invalid("filterName", "Filter with same name already exists."));
        }
    }
    jql.map(parse_jql).transpose().map(drop)
}

fn changed(write: &Writing<'_>, mut filter: Value, changes: &FilterChanges) -> Value {
    if let Some(name) = &changes.name {
        filter["name"] = json!(name.trim());
    }
    if let Some(description) = &changes.description {
        filter["description"] = json!(description);
    }
    if let Some(jql) = &changes.jql {
        let encoded: String = url::form_urlencoded::byte_serialize(jql.as_bytes()).collect();
        filter["jql"] = json!(jql);
        filter["searchUrl"] =
            json!(address(&write.instance, write.instance.dialect, &format!("search?jql={encoded}")));
    }
    if let Some(favourite) = changes.favourite {
        filter["favourite"] = json!(favourite);
        filter["favouritedCount"] = json!(u8::from(favourite));
    }
    filter
}

async fn store(write: &mut Writing<'_>, filter: &Value) -> Result<()> {
    let text = |member: &str| filter[member].as_str().map(str::to_owned);
    let record = FilterRecord {
        jira_id: text("id").unwrap_or_default(),
        name: text("name").unwrap_or_default(),
        description: text("description"),
        jql: text("jql"),
        owner_account_id: super::fields::account_of(&filter["owner"]),
        raw: filter.clone(),
    };
    let records = ReferenceRecords { filters: vec![record], ..ReferenceRecords::default() };
    let site = write.instance.id;
    write.tx.upsert_reference(site, &records, true).await
}

fn audited(filter: &Value) -> Value {
    super::desk::members(filter, &["id", "name", "description", "jql", "favourite"])
}
