//! What an issue was: its fields over time, its state at a moment, and how long it was in which status.

use application::{Scope, history};
use axum::extract::{Json, State};
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::{router::OpenApiRouter, routes};

use super::{
    document::{Conflicting, Missing, Standard},
    extract::{ApiCaller, ValidPath, ValidQuery},
    issues::find,
    paging::{cut, page_of_issue, usual_limit},
    problem::Problem,
};
use crate::state::WebState;

pub(super) fn routes() -> OpenApiRouter<WebState> {
    OpenApiRouter::new()
        .routes(routes!(get_field_history))
        .routes(routes!(get_issue_state))
        .routes(routes!(get_time_in_status))
}

/// The fields of an issue over time.
#[derive(Serialize, ToSchema)]
struct FieldHistory {
    /// The issue's present key.
    #[schema(example = "PAY-7")]
    key: String,
    /// The instance's name.
    instance: String,
    /// By field id, each field from the creation on.
    spans: Vec<FieldSpan>,
    /// The cursor of the next page; absent on the last one.
    #[serde(skip_serializing_if = "Option::is_none")]
    next_cursor: Option<String>,
}

/// A value that a field had from one moment until another.
#[derive(Serialize, ToSchema)]
struct FieldSpan {
    /// Jira's field id; the name that the changelog uses, where nothing tells the id.
    #[schema(example = "status")]
    field_id: String,
    /// The field's present name.
    field: String,
    /// The id of the value. Several are one text, as Jira logs them ("1, 2"); versions, components, links and attachments have
    /// a span for each value.
    #[schema(example = "3")]
    value: Option<String>,
    /// The value as it was shown then.
    #[schema(example = "In Progress")]
    text: Option<String>,
    /// Since when.
    started: DateTime<Utc>,
    /// Until when, that moment not included; null while it lasts.
    ended: Option<DateTime<Utc>>,
}

impl From<history::FieldSpan> for FieldSpan {
    fn from(span: history::FieldSpan) -> Self {
        Self {
            field_id: span.field_id,
            field: span.field,
            value: span.value,
            text: span.string,
            started: span.started,
            ended: span.ended,
        }
    }
}

/// Which fields of which issue.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct FieldHistoryParameters {
    /// The instance's name or id. Needed only where several instances have an issue of this key.
    instance: Option<String>,
    /// Only the field with this id; all when absent.
    #[param(example = "status")]
    field: Option<String>,
    /// At most so many.
    #[serde(default = "usual_limit")]
    #[param(minimum = 1, maximum = 200, default = 50)]
    limit: i64,
    /// `next_cursor` of the page before.
    cursor: Option<String>,
}

/// What every field of an issue was, from its creation on.
///
/// The values at creation are found by walking the changelog back; a field that never changed has had its present value all along.
#[utoipa::path(
    get, path = "/issues/{key}/history", tag = "issues", security(("bearer" = ["read"])),
    params(
        ("key" = String, Path, description = "The issue's key or Jira's numeric id."), FieldHistoryParameters,
    ),
    responses((status = 200, description = "The history.", body = FieldHistory), Standard, Missing, Conflicting),
)]
async fn get_field_history(
    State(state): State<WebState>,
    ApiCaller(caller): ApiCaller,
    ValidPath(key): ValidPath<String>,
    ValidQuery(parameters): ValidQuery<FieldHistoryParameters>,
) -> Result<Json<FieldHistory>, Problem> {
    caller.require(Scope::Read)?;
    let page = page_of_issue("history", parameters.limit, parameters.cursor.as_deref())?;
    let issue = find(&state.services, &caller, parameters.instance.as_deref(), &key).await?;
    let mut tx = state.services.db.tenant(&caller.context()).await?;
    let found = tx.field_history_of(issue.id, parameters.field.as_deref(), &page).await?;
    let (spans, next_cursor) = cut("history", found, &page, FieldSpan::from);
    Ok(Json(FieldHistory { key: issue.key.clone(), instance: issue.instance.clone(), spans, next_cursor }))
}

/// An issue as it was at a moment.
#[derive(Serialize, ToSchema)]
struct IssueState {
    /// The issue's present key; that of the moment is the field `issuekey`.
    #[schema(example = "PAY-7")]
    key: String,
    /// The instance's name.
    instance: String,
    /// The moment.
    at: DateTime<Utc>,
    /// Whether the issue had been created by then.
    existed: bool,
    /// The fields that were set, by field id.
    fields: Vec<FieldState>,
}

/// A value that a field had at the moment.
#[derive(Serialize, ToSchema)]
struct FieldState {
    /// Jira's field id; the name that the changelog uses, where nothing tells the id.
    #[schema(example = "status")]
    field_id: String,
    /// The field's present name.
    field: String,
    /// The id of the value. Several are one text, as Jira logs them ("1, 2"); versions, components, links and attachments are
    /// listed one by one.
    #[schema(example = "3")]
    value: Option<String>,
    /// The value as it was shown then.
    #[schema(example = "In Progress")]
    text: Option<String>,
    /// Since when it had it.
    since: DateTime<Utc>,
}

impl From<history::FieldState> for FieldState {
    fn from(state: history::FieldState) -> Self {
        Self {
            field_id: state.field_id,
            field: state.field,
            value: state.value,
            text: state.string,
            since: state.since,
        }
    }
}

/// At which moment.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct StateParameters {
    /// The instance's name or id. Needed only where several instances have an issue of this key.
    instance: Option<String>,
    /// The moment, in RFC 3339.
    #[param(example = "2026-01-31T12:00:00Z")]
    at: DateTime<Utc>,
}

/// What the fields of an issue were at a moment.
#[utoipa::path(
    get, path = "/issues/{key}/state", tag = "issues", security(("bearer" = ["read"])),
    params(("key" = String, Path, description = "The issue's key or Jira's numeric id."), StateParameters),
    responses((status = 200, description = "The state.", body = IssueState), Standard, Missing, Conflicting),
)]
async fn get_issue_state(
    State(state): State<WebState>,
    ApiCaller(caller): ApiCaller,
    ValidPath(key): ValidPath<String>,
    ValidQuery(parameters): ValidQuery<StateParameters>,
) -> Result<Json<IssueState>, Problem> {
    caller.require(Scope::Read)?;
    let issue = find(&state.services, &caller, parameters.instance.as_deref(), &key).await?;
    let mut tx = state.services.db.tenant(&caller.context()).await?;
    let fields = tx.issue_at(issue.id, parameters.at).await?.into_iter().map(FieldState::from).collect();
    Ok(Json(IssueState {
        key: issue.key.clone(),
        instance: issue.instance.clone(),
        at: parameters.at,
        existed: issue.created <= parameters.at,
        fields,
    }))
}

/// How long an issue was in which status.
#[derive(Serialize, ToSchema)]
struct TimeInStatus {
    /// The issue's present key.
    #[schema(example = "PAY-7")]
    key: String,
    /// The instance's name.
    instance: String,
    /// Until when it is counted.
    at: DateTime<Utc>,
    /// By status, in the order of first entry.
    statuses: Vec<StatusTime>,
    /// By status category, in the order of first entry.
    categories: Vec<CategoryTime>,
}

/// The time in one status.
#[derive(Serialize, ToSchema)]
struct StatusTime {
    /// The status's id; null where an old Server did not log it.
    #[schema(example = "3")]
    status_id: Option<String>,
    /// Its name.
    #[schema(example = "In Progress")]
    status: String,
    /// The key of its category: `new`, `indeterminate`, `done` or `undefined`.
    #[schema(example = "indeterminate")]
    category: String,
    /// Seconds, all visits together.
    seconds: f64,
    /// How often the issue entered it; the creation counts.
    visits: u64,
    /// When it entered it first.
    first_entered: DateTime<Utc>,
    /// When it left it last; null while it is there.
    last_left: Option<DateTime<Utc>>,
}

impl From<history::TimeInStatus> for StatusTime {
    fn from(time: history::TimeInStatus) -> Self {
        Self {
            status_id: time.status_id,
            status: time.status,
            category: time.category,
            seconds: time.seconds,
            visits: time.visits,
            first_entered: time.first_entered,
            last_left: time.last_left,
        }
    }
}

/// The time in one status category.
#[derive(Serialize, ToSchema)]
struct CategoryTime {
    /// Its key: `new`, `indeterminate`, `done` or `undefined`.
    #[schema(example = "indeterminate")]
    category: String,
    /// Seconds, all visits together.
    seconds: f64,
    /// How often the issue entered it; the creation counts, moves within it do not.
    visits: u64,
    /// When it entered it first.
    first_entered: DateTime<Utc>,
    /// When it left it last; null while it is there.
    last_left: Option<DateTime<Utc>>,
}

impl From<history::TimeInCategory> for CategoryTime {
    fn from(time: history::TimeInCategory) -> Self {
        Self {
            category: time.category,
            seconds: time.seconds,
            visits: time.visits,
            first_entered: time.first_entered,
            last_left: time.last_left,
        }
    }
}

/// Until which moment.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct TimeInStatusParameters {
    /// The instance's name or id. Needed only where several instances have an issue of this key.
    instance: Option<String>,
    /// Until when it is counted, in RFC 3339; now when absent.
    #[param(example = "2026-01-31T12:00:00Z")]
    at: Option<DateTime<Utc>>,
}

/// How long an issue was in each status, and in each status category.
#[utoipa::path(
    get, path = "/issues/{key}/time-in-status", tag = "issues", security(("bearer" = ["read"])),
    params(("key" = String, Path, description = "The issue's key or Jira's numeric id."), TimeInStatusParameters),
    responses((status = 200, description = "The times.", body = TimeInStatus), Standard, Missing, Conflicting),
)]
async fn get_time_in_status(
    State(state): State<WebState>,
    ApiCaller(caller): ApiCaller,
    ValidPath(key): ValidPath<String>,
    ValidQuery(parameters): ValidQuery<TimeInStatusParameters>,
) -> Result<Json<TimeInStatus>, Problem> {
    caller.require(Scope::Read)?;
    let issue = find(&state.services, &caller, parameters.instance.as_deref(), &key).await?;
    let mut tx = state.services.db.tenant(&caller.context()).await?;
    let at = parameters.at.unwrap_or_else(|| state.services.clock.now());
    let statuses = tx.time_in_status(issue.id, at).await?.into_iter().map(StatusTime::from).collect();
    let categories = tx.time_in_category(issue.id, at).await?.into_iter().map(CategoryTime::from).collect();
    Ok(Json(TimeInStatus {
        key: issue.key.clone(),
        instance: issue.instance.clone(),
        at,
        statuses,
        categories,
    }))
}
