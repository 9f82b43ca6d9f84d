//! The audit log.

use application::{
    Action, Error, Scope,
    audit::{self, AuditFilter, Outcome},
};
use axum::extract::{Json, State};
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::{IntoParams, ToSchema, openapi::Object};
use utoipa_axum::{router::OpenApiRouter, routes};
use uuid::Uuid;

use super::{
    document::{Standard, word_of},
    extract::{ApiCaller, ValidQuery, within},
    problem::Problem,
};
use crate::state::WebState;

pub(super) fn routes() -> OpenApiRouter<WebState> {
    OpenApiRouter::new().routes(routes!(list_audit_entries))
}

/// Which entries.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct AuditParameters {
    /// Only this action.
    #[param(example = "add_comment")]
    action: Option<String>,
    /// Only this target: an issue's key, an instance's name, a key's id or name ...
    #[param(example = "PAY-7")]
    target: Option<String>,
    /// At most so many entries.
    #[serde(default = "usual_limit")]
    #[param(minimum = 1, maximum = 200, default = 50)]
    limit: i64,
    /// Only entries older than this one: `next_before` of the page before.
    before: Option<Uuid>,
}

fn usual_limit() -> i64 {
    50
}

/// A page of the audit log.
#[derive(Serialize, ToSchema)]
struct AuditPage {
    /// Newest first.
    entries: Vec<AuditEntry>,
    /// The `before` of the next page; absent on the last one.
    #[serde(skip_serializing_if = "Option::is_none")]
    next_before: Option<Uuid>,
}

/// One write.
#[derive(Serialize, ToSchema)]
struct AuditEntry {
    /// Its id.
    id: Uuid,
    /// The name of the instance, where it still exists.
    instance: Option<String>,
    /// Who: `key:<name>:<id>`, `cli:<user>` for the command line, or `system`.
    #[schema(example = "system")]
    actor: String,
    /// What.
    #[schema(example = "add_comment")]
    action: String,
    /// To what.
    #[schema(example = "PAY-7")]
    target: Option<String>,
    /// How it ended.
    #[schema(schema_with = outcome)]
    outcome: String,
    /// What was before, and what is after.
    #[schema(value_type = Option<Object>)]
    payload: Option<Value>,
    /// The `X-Request-Id` of the request it came with.
    request_id: Option<String>,
    /// When.
    created_at: DateTime<Utc>,
}

fn outcome() -> Object {
    let meaning = "How it ended; `indeterminate` where the site's answer was lost.";
    word_of(meaning, [Outcome::Succeeded, Outcome::Failed, Outcome::Indeterminate].map(Outcome::as_str))
}

impl From<audit::AuditEntry> for AuditEntry {
    fn from(entry: audit::AuditEntry) -> Self {
        Self {
            id: entry.id,
            instance: entry.instance,
            actor: entry.actor,
            action: entry.action,
            target: entry.target,
            outcome: entry.outcome,
            payload: entry.payload,
            request_id: entry.request_id,
            created_at: entry.created_at,
        }
    }
}

/// A page, of the entries of one more than fit.
fn page(mut entries: Vec<audit::AuditEntry>, limit: usize) -> AuditPage {
    let more = entries.len() > limit;
    entries.truncate(limit);
    let next_before = entries.last().filter(|_| more).map(|entry| entry.id);
    AuditPage { entries: entries.into_iter().map(AuditEntry::from).collect(), next_before }
}

/// The audit log, newest first.
#[utoipa::path(
    get, path = "/audit", tag = "audit", security(("bearer" = ["admin"])),
    params(AuditParameters),
    responses((status = 200, description = "A page of entries.", body = AuditPage), Standard),
)]
async fn list_audit_entries(
    State(state): State<WebState>,
    ApiCaller(caller): ApiCaller,
    ValidQuery(parameters): ValidQuery<AuditParameters>,
) -> Result<Json<AuditPage>, Problem> {
    caller.require(Scope::Admin)?;
    let limit = within("limit", parameters.limit, 1, 200)?;
    if let Some(action) = &parameters.action {
        action.parse::<Action>().map_err(|_| {
            let known = Action::ALL.map(Action::as_str).join(", ");
            Error::invalid("action", format!("`{action}` is no action; choose from {known}"))
        })?;
    }
    let filter = AuditFilter {
        action: parameters.action,
        target: parameters.target,
        before: parameters.before,
        limit: limit + 1,
    };
    let mut tx = state.services.db.tenant(&caller.context()).await?;
    let entries = tx.audit_entries(&filter).await?;
    Ok(Json(page(entries, usize::try_from(limit).unwrap_or_default())))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(id: u128) -> audit::AuditEntry {
        audit::AuditEntry {
            id: Uuid::from_u128(id),
            instance: None,
            actor: "system".into(),
            action: "add_instance".into(),
            target: None,
            outcome: "succeeded".into(),
            payload: None,
            request_id: None,
            created_at: DateTime::UNIX_EPOCH,
        }
    }

    #[test]
    fn the_last_page_has_no_successor() {
        let full = page(vec![entry(3), entry(2), entry(1)], 2);
        assert_eq!((full.entries.len(), full.next_before), (2, Some(Uuid::from_u128(2))));
        let last = page(vec![entry(3), entry(2)], 2);
        assert_eq!((last.entries.len(), last.next_before), (2, None));
        assert!(page(Vec::new(), 2).next_before.is_none());
    }
}
