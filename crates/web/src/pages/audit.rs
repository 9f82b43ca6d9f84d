//! `/audit`: every write, newest first.

use application::{
    Action, Error, Scope,
    audit::{AuditEntry, AuditFilter},
};
use askama::Template;
use axum::{
    extract::{Query, State},
    response::Response,
};
use chrono::{DateTime, Utc};
use serde::Deserialize;
use uuid::Uuid;

use super::{
    addresses,
    shell::{Section, Shell},
    visitor::Visitor,
    wording::Moment,
};
use crate::state::WebState;

const PAGE_SIZE: i64 = 50;

/// Which entries.
#[derive(Default, Deserialize)]
pub(super) struct Asked {
    #[serde(default)]
    pub(super) action: String,
    #[serde(default)]
    pub(super) target: String,
    /// Only entries older than this one.
    #[serde(default)]
    pub(super) before: String,
}

/// `GET /audit`
pub(super) async fn show(
    State(state): State<WebState>,
    visitor: Visitor,
    Query(asked): Query<Asked>,
) -> Response {
    visitor.page(Section::Audit, view(&state, &visitor, &asked).await)
}

async fn view(state: &WebState, visitor: &Visitor, asked: &Asked) -> Result<AuditPage, Error> {
    visitor.caller.require(Scope::Admin)?;
    let given = |text: &str| Some(text.trim().to_owned()).filter(|text| !text.is_empty());
    let before = match given(&asked.before) {
        Some(id) => {
            Some(Uuid::parse_str(&id).map_err(|_| Error::invalid("before", "is not the id of an entry"))?)
        }
        None => None,
    };
    let action = given(&asked.action).map(|text| text.to_lowercase().replace(' ', "_"));
    if let Some(action) = &action {
        action.parse::<Action>().map_err(|_| {
            Error::invalid(
                "action",
                format!("`{}` is no action; choose one of the list", asked.action.trim()),
            )
        })?;
    }
    let filter = AuditFilter { action, target: given(&asked.target), before, limit: PAGE_SIZE };
    let mut tx = state.services.db.tenant(&visitor.caller.context()).await?;
    let entries = tx.audit_entries(&filter).await?;
    Ok(AuditPage::new(visitor.shell(Section::Audit, "Audit log"), asked, entries, state.services.clock.now()))
}

/// The page.
#[derive(Template)]
#[template(path = "audit.html")]
pub(super) struct AuditPage {
    shell: Shell,
    action: String,
    target: String,
    filtered: bool,
    /// The names of all actions, as they are shown.
    actions: Vec<String>,
    rows: Vec<Row>,
    next: Option<String>,
    first: Option<String>,
}

struct Row {
    at: Moment,
    actor: String,
    actor_in_full: String,
    action: String,
    target: String,
    target_in_full: String,
    /// The issue it happened to, where it was one.
    target_address: Option<String>,
    instance: String,
    outcome: String,
    tone: &'static str,
    request_id: String,
    payload: Option<String>,
}

impl AuditPage {
    pub(super) fn new(shell: Shell, asked: &Asked, entries: Vec<AuditEntry>, now: DateTime<Utc>) -> Self {
        let at = |before: &str| {
            let query = [("action", asked.action.as_str()), ("target", &asked.target), ("before", before)];
            addresses::href("/audit", &query)
        };
        let is_full = entries.len() as i64 == PAGE_SIZE;
        Self {
            shell,
            next: entries.last().filter(|_| is_full).map(|entry| at(&entry.id.to_string())),
            first: (!asked.before.is_empty()).then(|| at("")),
            filtered: !(asked.action.is_empty() && asked.target.is_empty() && asked.before.is_empty()),
            actions: Action::ALL.map(|action| action.as_str().replace('_', " ")).to_vec(),
            action: asked.action.trim().replace('_', " "),
            target: asked.target.clone(),
            rows: entries.into_iter().map(|entry| row(entry, now)).collect(),
        }
    }
}

fn row(entry: AuditEntry, now: DateTime<Utc>) -> Row {
    let issue = match (entry.action.as_str(), &entry.target, &entry.instance) {
        ("add_comment" | "transition_issue", Some(key), Some(instance)) => {
            Some(addresses::issue(instance, key))
        }
        _ => None,
    };
    let target = key_name(&entry).or_else(|| entry.target.clone()).unwrap_or_default();
    Row {
        at: Moment::of(entry.created_at, now),
        actor: actor_name(&entry.actor).to_owned(),
        actor_in_full: entry.actor,
        action: entry.action.replace('_', " "),
        target,
        target_in_full: entry.target.unwrap_or_default(),
        target_address: issue,
        instance: entry.instance.unwrap_or_default(),
        tone: match entry.outcome.as_str() {
            "succeeded" => "good",
            "failed" => "bad",
            _ => "waiting",
        },
        outcome: entry.outcome,
        request_id: entry.request_id.unwrap_or_default(),
        payload: entry.payload.and_then(|payload| serde_json::to_string_pretty(&payload).ok()),
    }
}

/// The name of the key that an entry is about: an id alone tells a reader nothing.
fn key_name(entry: &AuditEntry) -> Option<String> {
    if !matches!(entry.action.as_str(), "create_key" | "update_key" | "revoke_key") {
        return None;
    }
    let payload = entry.payload.as_ref()?;
    let name = |side: &str| payload[side]["name"].as_str().map(str::to_owned);
    name("after").or_else(|| name("before"))
}

/// The name within `key:name:id` or `cli:name`; anything else as it is.
fn actor_name(actor: &str) -> &str {
    if let Some(user) = actor.strip_prefix("cli:") {
        return user;
    }
    actor.strip_prefix("key:").and_then(|rest| rest.rsplit_once(':')).map_or(actor, |(name, _)| name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_actor_is_shown_by_name() {
        assert_eq!(actor_name("key:ci: nightly:0198c8e0"), "ci: nightly");
        assert_eq!(actor_name("cli:dana"), "dana");
        assert_eq!(actor_name("system"), "system");
    }
}
