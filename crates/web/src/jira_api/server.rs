//! Which site this is, and who one is there (jira-facts 11.4). Clients choose their dialect by it.

use std::sync::Arc;

use application::{
    Scope,
    instances::{Dialect, Instance, InstanceKind},
    lookups, sandbox,
    service_desks::shown,
};
use axum::response::Response;
use chrono::{DateTime, Utc};
use domain::jira_time;
use serde_json::{Map, Value, json};
use url::form_urlencoded::byte_serialize;

use super::{
    answer, groups,
    params::Params,
    refusal::Refusal,
    site::{Site, zone},
};

pub(super) async fn server_info(site: Site) -> Result<Response, Refusal> {
    let instance = site.instance(Scope::Read).await?;
    let now = site.state.services.clock.now();
    Ok(answer::ok(&describe(&instance, &site.base_url(), now)))
}

/// `GET servicedeskapi/info`: Jira Service Management has the version of its Jira.
pub(super) async fn service_desk_info(site: Site) -> Result<Response, Refusal> {
    let instance = site.instance(Scope::Read).await?;
    let about = describe(&instance, &site.base_url(), site.state.services.clock.now());
    let built = jira_time::parse_json(&about["buildDate"]).unwrap_or_default();
    Ok(answer::ok(&json!({
        "version": about["version"],
        "platformVersion": about["version"],
        "buildDate": shown::moment(built, zone(&instance)),
        "buildChangeSet": about["scmInfo"],
        "isLicensedForUse": true,
        "_links": { "self": shown::address(&site.base_url(), "info") },
    })))
}

/// Clients look at the version of Server to choose among operations: it is one that has those of today.
fn describe(instance: &Instance, base_url: &str, now: DateTime<Utc>) -> Value {
    let (deployment, version, numbers, build) = match instance.dialect {
        Dialect::V3 => ("Cloud", "1001.0.0-SNAPSHOT", json!([1001, 0, 0]), 100_300),
        Dialect::V2 => ("Server", "9.12.0", json!([9, 12, 0]), 912_000),
    };
    json!({
        "baseUrl": base_url,
        "version": version,
        "versionNumbers": numbers,
        "deploymentType": deployment,
        "buildNumber": build,
        "buildDate": "2026-01-01T00:00:00.000+0000",
        "serverTime": jira_time::format(now),
        "scmInfo": format!("forebay {}", env!("CARGO_PKG_VERSION")),
        "serverTitle": instance.display_name,
        "defaultLocale": { "locale": "en_US" },
    })
}

/// `GET auth/1/session`: the same account as who one is signed in as. Clients try it to see whether they are.
pub(super) async fn session(site: Site) -> Result<Response, Refusal> {
    let account = Value::Object(own_account(&site).await?);
    let name = ["name", "accountId"].iter().find_map(|member| account[*member].as_str()).unwrap_or_default();
    Ok(answer::ok(&json!({ "self": account["self"], "name": name })))
}

/// The account that the site's answers are seen with: a sandbox's own, or the one that mirrors.
pub(super) async fn myself(site: Site, params: Params) -> Result<Response, Refusal> {
    let mut account = Value::Object(own_account(&site).await?);
    groups::expand(&site, &params, &mut account).await?;
    Ok(answer::ok(&account))
}

/// That account with its address.
async fn own_account(site: &Site) -> Result<Map<String, Value>, Refusal> {
    let instance = site.instance(Scope::Read).await?;
    let known = match (instance.kind, &instance.account_id) {
        (InstanceKind::Sandbox, _) | (_, None) => None,
        (_, Some(id)) => lookups::user(&site.state.services, &site.caller, instance.id, id).await?,
    };
    let mut account = account(&instance, known.map(Arc::unwrap_or_clone));
    if !account.contains_key("self") {
        let user = user_query(&account);
        account.insert("self".into(), Value::String(site.api_url(&format!("user?{user}"))));
    }
    Ok(account)
}

/// A sandbox's own account, which is none of its people.
pub(super) async fn sandbox_account(site: &Site) -> Result<Option<Value>, Refusal> {
    match site.instance(Scope::Read).await?.kind {
        InstanceKind::Sandbox => Ok(Some(Value::Object(own_account(site).await?))),
        _ => Ok(None),
    }
}

fn account(instance: &Instance, known: Option<Value>) -> Map<String, Value> {
    let known = match instance.kind {
        InstanceKind::Sandbox => Some(sandbox::account(instance.dialect)),
        _ => known,
    };
    match known {
        Some(Value::Object(account)) => account,
        _ => minimal_account(instance),
    }
}

/// An account of which no issue has shown more than we know ourselves.
fn minimal_account(instance: &Instance) -> Map<String, Value> {
    let id = instance.account_id.clone().unwrap_or_default();
    let mut account = Map::from_iter([
        ("displayName".to_owned(), Value::String(id.clone())),
        ("active".to_owned(), Value::Bool(true)),
    ]);
    if let Some(zone) = &instance.time_zone {
        account.insert("timeZone".into(), Value::String(zone.clone()));
    }
    match instance.dialect {
        Dialect::V3 => {
            account.insert("accountId".into(), Value::String(id));
            account.insert("accountType".into(), Value::String("atlassian".into()));
        }
        Dialect::V2 => {
            account.insert("key".into(), Value::String(id.clone()));
            account.insert("name".into(), Value::String(id));
        }
    }
    account
}

/// How a user's own address names them.
fn user_query(account: &Map<String, Value>) -> String {
    let (name, member) = match account.get("accountId") {
        Some(_) => ("accountId", "accountId"),
        None => ("username", "name"),
    };
    let value = account.get(member).and_then(Value::as_str).unwrap_or_default();
    format!("{name}={}", byte_serialize(value.as_bytes()).collect::<String>())
}

#[cfg(test)]
mod tests {
    use super::{super::tests::instance, *};

    #[test]
    fn the_dialect_decides_what_clients_take_the_site_for() {
        let now = DateTime::from_timestamp(0, 0).unwrap();
        let info = |dialect| describe(&instance(InstanceKind::Sandbox, dialect), "http://x/jira/a", now);
        assert_eq!(info(Dialect::V3)["deploymentType"], "Cloud");
        assert_eq!(info(Dialect::V2)["deploymentType"], "Server");
        assert_eq!(info(Dialect::V2)["baseUrl"], "http://x/jira/a");
        assert_eq!(info(Dialect::V2)["serverTime"], "1970-01-01T00:00:00.000+0000");
    }

    #[test]
    fn a_mirror_shows_its_own_account() {
        let mirror = Instance {
            account_id: Some("abc".into()),
            time_zone: Some("Europe/Berlin".into()),
            ..instance(InstanceKind::Cloud, Dialect::V3)
        };
        let known = json!({"accountId": "abc", "displayName": "Ann"});
        let shown = account(&mirror, Some(known.clone()));
        assert_eq!(Value::Object(shown), known);
        let shown = Value::Object(account(&mirror, None));
        assert_eq!((&shown["accountId"], &shown["timeZone"]), (&json!("abc"), &json!("Europe/Berlin")));
    }

    #[test]
    fn a_user_is_named_by_what_the_site_names_users_by() {
        let query = |value: Value| user_query(value.as_object().unwrap());
        assert_eq!(query(json!({"accountId": "5b:1"})), "accountId=5b%3A1");
        assert_eq!(query(json!({"name": "a b", "key": "JIRAUSER1"})), "username=a+b");
    }
}
