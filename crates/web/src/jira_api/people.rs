//! People: by account, by name, and who can be given work (jira-facts 10.4, 11.2). What is shown of them is what the copy keeps:
//! no e-mail address. Whoever knows one finds its account by it, whole: only a hash of it is stored.

use std::{collections::HashSet, sync::Arc};

use application::{Error, Scope, lookups, site_lists::PeopleQuery};
use axum::response::Response;
use domain::ids::InstanceId;
use serde_json::{Value, json};
use url::form_urlencoded::byte_serialize;

use super::{answer, groups, page::Window, params::Params, projects, refusal::Refusal, server, site::Site};

const PAGE: usize = 50;
const LARGEST_PAGE: usize = 1_000;

/// People among whom a page is looked for: Jira, too, looks no further.
const FOUND: usize = 1_000;

/// Accounts on a page of `user/bulk`.
const BULK_PAGE: usize = 10;
const LARGEST_BULK_PAGE: usize = 200;

pub(super) async fn one(site: Site, params: Params) -> Result<Response, Refusal> {
    let account = params.text("accountId").or_else(|| params.text("key"));
    let (name, found) = match (account, params.text("username")) {
        (Some(account), _) => (account, by_account(&site, account).await?),
        (None, Some(login)) => (login, by_login(&site, login).await?),
        (None, None) => return Err(Refusal::bad_request("The accountId query parameter must be provided.")),
    };
    let mut found = found.ok_or_else(|| Error::not_found("user", name))?;
    groups::expand(&site, &params, &mut found).await?;
    Ok(answer::ok(&found))
}

/// The account as the site serves it, or as a sandbox shows its own.
pub(super) async fn by_account(site: &Site, account: &str) -> Result<Option<Value>, Refusal> {
    let instance = site.instance(Scope::Read).await?;
    match lookups::user(&site.state.services, &site.caller, instance.id, account).await? {
        Some(known) => Ok(Some(with_address(site, Arc::unwrap_or_clone(known)))),
        None => {
            let own = server::sandbox_account(site).await?;
            Ok(own.filter(|own| own["accountId"] == account || own["key"] == account))
        }
    }
}

/// By the name for signing in at a Server.
async fn by_login(site: &Site, login: &str) -> Result<Option<Value>, Refusal> {
    let own = server::sandbox_account(site).await?;
    if let Some(own) = own.filter(|own| own["name"] == login) {
        return Ok(Some(own));
    }
    let instance = site.instance(Scope::Read).await?;
    let query = PeopleQuery { login: Some(login.to_owned()), limit: 1, ..PeopleQuery::default() };
    let found = site.transaction().await?.people(instance.id, &query).await?;
    Ok(found.into_iter().next().map(|user| with_address(site, user)))
}

pub(super) async fn search(site: Site, params: Params) -> Result<Response, Refusal> {
    let window = Window::of(&params, PAGE, LARGEST_PAGE)?;
    if ["query", "username", "accountId", "property"].iter().all(|name| params.text(name).is_none()) {
        let message = "Either 'query', 'username' or 'accountId' is required.";
        return Err(Refusal::bad_request(message));
    }
    Ok(answer::ok(&Value::Array(find(&site, &params, window, false).await?)))
}

/// Everybody, by name.
pub(super) async fn all(site: Site, params: Params) -> Result<Response, Refusal> {
    let window = Window::of(&params, PAGE, LARGEST_PAGE)?;
    let instance = site.instance(Scope::Read).await?;
    let query = of_page(window, PeopleQuery::default());
    Ok(answer::ok(&Value::Array(people(&site, instance.id, &query).await?)))
}

/// Who can be given an issue, or an issue of a project. Whom the site lets take one is not known to a copy: everybody active.
pub(super) async fn assignable(site: Site, params: Params) -> Result<Response, Refusal> {
    let window = Window::of(&params, PAGE, LARGEST_PAGE)?;
    if !projects::context_is_there(&site, &params, "project").await? {
        let message = "Either 'project', 'issueKey' or 'issueId' is required.";
        return Err(Refusal::bad_request(message));
    }
    Ok(answer::ok(&Value::Array(find(&site, &params, window, true).await?)))
}

/// Who can be given issues of each of these projects.
pub(super) async fn assignable_in_all(site: Site, params: Params) -> Result<Response, Refusal> {
    let window = Window::of(&params, PAGE, LARGEST_PAGE)?;
    let keys = params.list("projectKeys");
    if keys.is_empty() {
        return Err(Refusal::bad_request("The projectKeys query parameter must be provided."));
    }
    let instance = site.instance(Scope::Read).await?;
    for key in keys {
        lookups::project(&site.state.services, &site.caller, &instance, &key).await?;
    }
    Ok(answer::ok(&Value::Array(find(&site, &params, window, true).await?)))
}

/// Who can see an issue, or those of a project; as far as it is known, everybody.
pub(super) async fn viewers(site: Site, params: Params) -> Result<Response, Refusal> {
    let window = Window::of(&params, PAGE, LARGEST_PAGE)?;
    if !projects::context_is_there(&site, &params, "projectKey").await? {
        return Err(Refusal::bad_request("Either 'projectKey' or 'issueKey' is required."));
    }
    Ok(answer::ok(&Value::Array(find(&site, &params, window, true).await?)))
}

/// Who has permissions. A copy knows of two of them, which it takes everybody active to have.
pub(super) async fn permitted(site: Site, params: Params) -> Result<Response, Refusal> {
    let window = Window::of(&params, PAGE, LARGEST_PAGE)?;
    let permissions = params.list("permissions");
    if permissions.is_empty() {
        return Err(Refusal::bad_request("The permissions query parameter must be provided."));
    }
    if let Some(unknown) = permissions.iter().find(|name| !EVERYBODYS.contains(&name.as_str())) {
        let message =
            format!("whom the site gives `{unknown}` is not known to a copy; ask for BROWSE_PROJECTS");
        return Err(Error::Unsupported(message).into());
    }
    projects::context_is_there(&site, &params, "projectKey").await?;
    Ok(answer::ok(&Value::Array(find(&site, &params, window, true).await?)))
}

/// Permissions that everybody active is taken to have, by their names of today and those of Server.
const EVERYBODYS: [&str; 4] = ["BROWSE_PROJECTS", "BROWSE", "ASSIGNABLE_USER", "ASSIGNABLE"];

/// Several accounts by their ids.
pub(super) async fn bulk(site: Site, params: Params) -> Result<Response, Refusal> {
    let window = Window::of(&params, BULK_PAGE, LARGEST_BULK_PAGE)?;
    let mut accounts = params.list("accountId");
    accounts.extend(params.list("key"));
    if accounts.is_empty() {
        return Err(Refusal::bad_request("The accountId query parameter must be provided."));
    }
    let mut seen = HashSet::new();
    let mut found = Vec::new();
    for account in accounts.into_iter().filter(|account| seen.insert(account.clone())).take(FOUND) {
        found.extend(by_account(&site, &account).await?);
    }
    Ok(answer::ok(&window.bean(&site, &params, "user/bulk", found)))
}

/// People as a field offers them to choose from.
pub(super) async fn picker(site: Site, params: Params) -> Result<Response, Refusal> {
    if params.text("query").is_none() {
        return Err(Refusal::bad_request("The query parameter must be provided."));
    }
    Ok(answer::ok(&picked(&site, &params).await?))
}

/// The people whom a picker finds.
pub(super) async fn picked(site: &Site, params: &Params) -> Result<Value, Refusal> {
    let window = Window::of(params, PAGE, LARGEST_PAGE)?;
    let mut excluded = params.list("excludeAccountIds");
    excluded.extend(params.list("exclude"));
    let with_avatars = params.text("showAvatar") == Some("true");
    let whole = Window { start: 0, size: FOUND };
    let mut found = find(site, params, whole, false).await?;
    found.retain(|user| !excluded.iter().any(|id| user["accountId"] == *id || user["name"] == *id));
    let total = found.len();
    let users: Vec<Value> = window.cut(found).iter().map(|user| suggested(user, with_avatars)).collect();
    let header = format!("Showing {} of {total} matching users", users.len());
    Ok(json!({ "users": users, "total": total, "header": header }))
}

fn suggested(user: &Value, with_avatar: bool) -> Value {
    let mut shown = serde_json::Map::new();
    for member in ["accountId", "accountType", "name", "key", "displayName"] {
        if let Some(value) = user.get(member) {
            shown.insert(member.to_owned(), value.clone());
        }
    }
    let name = user["displayName"].as_str().unwrap_or_default();
    shown.insert("html".into(), Value::String(escaped(name)));
    if let Some(avatar) = user["avatarUrls"].get("16x16").filter(|_| with_avatar) {
        shown.insert("avatarUrl".into(), avatar.clone());
    }
    Value::Object(shown)
}

/// A text as HTML shows it.
pub(super) fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

/// People by `query`, or `username` as Server calls it, or `accountId`.
async fn find(site: &Site, params: &Params, window: Window, assignable: bool) -> Result<Vec<Value>, Refusal> {
    if let Some(account) = params.text("accountId") {
        let found: Vec<Value> = by_account(site, account).await?.into_iter().collect();
        return Ok(window.cut(found));
    }
    let instance = site.instance(Scope::Read).await?;
    // Server takes a dot for anybody.
    let text = params.text("query").or_else(|| params.text("username")).filter(|text| *text != ".");
    let query = PeopleQuery { text: text.map(str::to_owned), assignable, ..PeopleQuery::default() };
    people(site, instance.id, &of_page(window, query)).await
}

async fn people(site: &Site, instance: InstanceId, query: &PeopleQuery) -> Result<Vec<Value>, Refusal> {
    let found = site.transaction().await?.people(instance, query).await?;
    Ok(found.into_iter().map(|user| with_address(site, user)).collect())
}

/// The user with `self`, which exports of Server leave out, and clients rely on.
pub(super) fn with_address(site: &Site, mut user: Value) -> Value {
    let named = [("accountId", "accountId"), ("name", "username"), ("key", "key")];
    let mut known = named.iter().filter_map(|(member, param)| Some((param, user[member].as_str()?)));
    if !user["self"].is_string()
        && let Some((param, value)) = known.next()
    {
        let value: String = byte_serialize(value.as_bytes()).collect();
        user["self"] = Value::String(site.api_url(&format!("user?{param}={value}")));
    }
    user
}

/// The page of a query; no further than Jira looks.
fn of_page(window: Window, query: PeopleQuery) -> PeopleQuery {
    let size = window.size.min(LARGEST_PAGE);
    PeopleQuery {
        offset: i64::try_from(window.start).unwrap_or(i64::MAX),
        limit: i64::try_from(size).unwrap_or(0),
        ..query
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_suggestion_shows_the_name_as_html_and_an_avatar_where_it_is_asked_for() {
        let user = json!({"accountId": "5b:1", "accountType": "atlassian", "displayName": "Ann <b>", "active": true,
                          "avatarUrls": {"16x16": "https://a.example/16"}});
        assert_eq!(
            suggested(&user, false),
            json!({"accountId": "5b:1", "accountType": "atlassian", "displayName": "Ann <b>", "html": "Ann &lt;b&gt;"})
        );
        assert_eq!(suggested(&user, true)["avatarUrl"], "https://a.example/16");
    }
}
