//! Saved filters. They are the whole site's (docs/security.md): keys that are limited to projects read them, and write none.

use application::{
    Error, Scope, lookups,
    reference::Roster,
    sandbox::{self, FilterChanges},
    search::current_user,
};
use axum::{
    http::StatusCode,
    response::{IntoResponse, Response},
};
use serde_json::Value;

use super::{answer, body::Body, page::Window, params::Params, refusal::Refusal, site::Site};

const PAGE: usize = 50;
const LARGEST_PAGE: usize = 100;

/// What a filter shows in a search without being asked for more.
const BRIEF: [&str; 3] = ["self", "id", "name"];

async fn filters(site: &Site) -> Result<Vec<Value>, Refusal> {
    let instance = site.instance(Scope::Read).await?;
    let found = lookups::roster(&site.state.services, &site.caller, instance.id, Roster::Filters).await?;
    Ok(std::sync::Arc::unwrap_or_clone(found))
}

/// `GET filter/{id}`.
pub(super) async fn one(site: Site) -> Result<Response, Refusal> {
    let wanted = site.param("filter");
    let found = filters(&site).await?.into_iter().find(|filter| filter["id"] == wanted);
    Ok(answer::ok(&found.ok_or_else(|| Error::not_found("filter", wanted))?))
}

/// `GET filter/{id}/permission`.
pub(super) async fn permissions(site: Site) -> Result<Response, Refusal> {
    Ok(answer::ok(&Value::Array(shared(&site).await?)))
}

/// `GET filter/{id}/permission/{id}`.
pub(super) async fn permission(site: Site) -> Result<Response, Refusal> {
    let wanted = site.param("permission");
    let is_wanted = |share: &Value| wanted.parse().is_ok_and(|id: i64| share["id"] == id);
    let found = shared(&site).await?.into_iter().find(is_wanted);
    Ok(answer::ok(&found.ok_or_else(|| Error::not_found("share permission", wanted))?))
}

/// With whom the filter is shared that the path names.
async fn shared(site: &Site) -> Result<Vec<Value>, Refusal> {
    let wanted = site.param("filter");
    let found = filters(site).await?.into_iter().find(|filter| filter["id"] == wanted);
    // Here Jira says 404 where it says 400 of the filter itself.
    let mut found = found.ok_or_else(|| {
        Refusal::message(StatusCode::NOT_FOUND, format!("The filter with id '{wanted}' does not exist."))
    })?;
    match found["sharePermissions"].take() {
        Value::Array(shares) => Ok(shares),
        _ => Ok(Vec::new()),
    }
}

/// `GET filter/search`.
pub(super) async fn search(site: Site, params: Params) -> Result<Response, Refusal> {
    let window = Window::of(&params, PAGE, LARGEST_PAGE)?;
    let name = params.text("filterName").map(str::to_lowercase);
    let owner = params.text("accountId").or_else(|| params.text("owner")).map(str::to_owned);
    let (ids, expand) = (params.list("id"), params.list("expand"));
    let mut found = filters(&site).await?;
    found.retain(|filter| {
        let text = |member: &str| filter[member].as_str().unwrap_or_default();
        name.as_ref().is_none_or(|name| text("name").to_lowercase().contains(name))
            && owner.as_ref().is_none_or(|owner| is_owner(filter, owner))
            && (ids.is_empty() || ids.iter().any(|id| id == text("id")))
    });
    let shown = found.into_iter().map(|filter| brief(filter, &expand)).collect();
    Ok(answer::ok(&window.bean(&site, &params, "filter/search", shown)))
}

/// `GET filter/my`.
pub(super) async fn my(site: Site) -> Result<Response, Refusal> {
    let instance = site.instance(Scope::Read).await?;
    let own = current_user(&instance);
    let mut found = filters(&site).await?;
    found.retain(|filter| own.as_ref().is_some_and(|own| is_owner(filter, own)));
    Ok(answer::ok(&Value::Array(found)))
}

/// `GET filter/favourite`.
pub(super) async fn favourites(site: Site) -> Result<Response, Refusal> {
    let mut found = filters(&site).await?;
    found.retain(|filter| filter["favourite"] == true);
    Ok(answer::ok(&Value::Array(found)))
}

fn is_owner(filter: &Value, account: &str) -> bool {
    ["accountId", "key", "name"].into_iter().any(|member| filter["owner"][member] == account)
}

fn brief(mut filter: Value, expand: &[String]) -> Value {
    if let Some(members) = filter.as_object_mut() {
        members.retain(|name, _| BRIEF.contains(&name.as_str()) || expand.contains(name));
    }
    filter
}

/// `POST filter`.
pub(super) async fn create(site: Site, body: Body) -> Result<Response, Refusal> {
    let services = &site.state.services;
    let made = sandbox::create_filter(services, &site.caller, &site.name, changes(&body)?).await?;
    Ok(answer::ok(&made))
}

/// `PUT filter/{id}`.
pub(super) async fn edit(site: Site, body: Body) -> Result<Response, Refusal> {
    change(&site, changes(&body)?).await
}

/// `PUT filter/{id}/favourite`.
pub(super) async fn favour(site: Site) -> Result<Response, Refusal> {
    change(&site, FilterChanges { favourite: Some(true), ..FilterChanges::default() }).await
}

/// `DELETE filter/{id}/favourite`.
pub(super) async fn disfavour(site: Site) -> Result<Response, Refusal> {
    change(&site, FilterChanges { favourite: Some(false), ..FilterChanges::default() }).await
}

async fn change(site: &Site, changes: FilterChanges) -> Result<Response, Refusal> {
    let (services, filter) = (&site.state.services, site.param("filter"));
    Ok(answer::ok(&sandbox::edit_filter(services, &site.caller, &site.name, filter, changes).await?))
}

/// `DELETE filter/{id}`.
pub(super) async fn remove(site: Site) -> Result<Response, Refusal> {
    sandbox::delete_filter(&site.state.services, &site.caller, &site.name, site.param("filter")).await?;
    Ok(StatusCode::NO_CONTENT.into_response())
}

fn changes(body: &Body) -> Result<FilterChanges, Refusal> {
    let text = |name: &str| body.text(name).map(|text| text.map(str::to_owned));
    // Some clients send it as text.
    let favourite = body.get("favourite").and_then(|value| match value {
        Value::String(text) => text.parse().ok(),
        value => value.as_bool(),
    });
    Ok(FilterChanges { name: text("name")?, description: text("description")?, jql: text("jql")?, favourite })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_search_shows_little_unless_asked_for_more() {
        let filter =
            json!({ "id": "1", "name": "N", "self": "s", "jql": "a = b", "owner": { "accountId": "x" } });
        assert_eq!(brief(filter.clone(), &[]), json!({ "id": "1", "name": "N", "self": "s" }));
        assert_eq!(brief(filter.clone(), &["jql".into()])["jql"], "a = b");
        assert!(is_owner(&filter, "x") && !is_owner(&filter, "y"));
    }
}
