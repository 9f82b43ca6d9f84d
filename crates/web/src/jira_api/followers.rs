//! Watchers and votes of an issue (jira-facts 6.2). Of a mirrored site the copy knows how many there are, and who where it was told.

use application::{
    issues::{Follower, IssueRow},
    sandbox,
};
use axum::{
    body::Bytes,
    http::StatusCode,
    response::{IntoResponse, Response},
};
use serde_json::{Value, json};

use super::{answer, params::Params, refusal::Refusal, site::Site};

/// `GET issue/{id}/watchers`.
pub(super) async fn watchers(site: Site) -> Result<Response, Refusal> {
    let (_, row) = site.issue().await?;
    let people = site.transaction().await?.watchers(row.id).await?;
    let shown = &row.raw["fields"]["watches"];
    Ok(answer::ok(&json!({
        "self": address(&site, &row, "watchers"),
        "isWatching": shown["isWatching"] == true,
        "watchCount": shown["watchCount"].as_u64().unwrap_or(people.len() as u64),
        "watchers": served(people),
    })))
}

/// `GET issue/{id}/votes`.
pub(super) async fn votes(site: Site) -> Result<Response, Refusal> {
    let (_, row) = site.issue().await?;
    let people = site.transaction().await?.voters(row.id).await?;
    let shown = &row.raw["fields"]["votes"];
    Ok(answer::ok(&json!({
        "self": address(&site, &row, "votes"),
        "votes": shown["votes"].as_u64().unwrap_or(people.len() as u64),
        "hasVoted": shown["hasVoted"] == true,
        "voters": served(people),
    })))
}

fn address(site: &Site, row: &IssueRow, list: &str) -> String {
    site.api_url(&format!("issue/{}/{list}", row.key))
}

fn served(people: Vec<Follower>) -> Vec<Value> {
    let account = |person: Follower| person.raw.unwrap_or_else(|| json!({ "accountId": person.account }));
    people.into_iter().map(account).collect()
}

/// `POST issue/{id}/watchers`: the body is an account's id as a JSON text, or nothing.
pub(super) async fn watch(site: Site, bytes: Bytes) -> Result<Response, Refusal> {
    let user = account(&bytes)?;
    set_watching(&site, user.as_deref(), true).await
}

/// `DELETE issue/{id}/watchers?accountId=`.
pub(super) async fn unwatch(site: Site, params: Params) -> Result<Response, Refusal> {
    let user = params.text("accountId").or_else(|| params.text("username"));
    set_watching(&site, user, false).await
}

async fn set_watching(site: &Site, user: Option<&str>, watching: bool) -> Result<Response, Refusal> {
    site.require_shown().await?;
    let (services, issue) = (&site.state.services, site.param("issue"));
    sandbox::watch(services, &site.caller, &site.name, issue, (user, watching)).await?;
    Ok(StatusCode::NO_CONTENT.into_response())
}

fn account(bytes: &[u8]) -> Result<Option<String>, Refusal> {
    if bytes.iter().all(u8::is_ascii_whitespace) {
        return Ok(None);
    }
    match serde_json::from_slice(bytes) {
        Ok(Value::String(user)) => Ok(Some(user)),
        Ok(Value::Null) => Ok(None),
        _ => Err(Refusal::invalid_payload()),
    }
}

/// `POST issue/{id}/votes`.
pub(super) async fn vote(site: Site) -> Result<Response, Refusal> {
    set_voting(&site, true).await
}

/// `DELETE issue/{id}/votes`.
pub(super) async fn unvote(site: Site) -> Result<Response, Refusal> {
    set_voting(&site, false).await
}

async fn set_voting(site: &Site, voting: bool) -> Result<Response, Refusal> {
    site.require_shown().await?;
    let services = &site.state.services;
    sandbox::vote(services, &site.caller, &site.name, site.param("issue"), voting).await?;
    Ok(StatusCode::NO_CONTENT.into_response())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_watcher_is_a_text_or_nobody_in_particular() {
        assert_eq!(account(br#""5b:1""#).unwrap().as_deref(), Some("5b:1"));
        assert_eq!(account(b" ").unwrap(), None);
        assert_eq!(account(b"null").unwrap(), None);
        assert!(account(b"{}").is_err());
        assert!(account(b"ann").is_err());
    }
}
