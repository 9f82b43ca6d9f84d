//! How fresh each project of a mirror is and what proves it; what differed; and rows that are kept aside.

use application::{
    Scope, lookups,
    sync::{drift, freshness, reference, rejects},
    webhooks,
};
use axum::extract::{Json, State};
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::{router::OpenApiRouter, routes};
use uuid::Uuid;

use super::{
    document::{Conflicting, Missing, Standard, Upstream},
    extract::{ApiCaller, ValidPath, ValidQuery, within},
    instances::webhook::Webhook,
    paging::usual_limit,
    problem::Problem,
};
use crate::state::WebState;

pub(super) fn routes() -> OpenApiRouter<WebState> {
    OpenApiRouter::new()
        .routes(routes!(get_freshness))
        .routes(routes!(list_drift))
        .routes(routes!(list_rejects))
        .routes(routes!(get_reject))
        .routes(routes!(retry_reject))
}

/// How fresh a mirror is.
#[derive(Serialize, ToSchema)]
struct InstanceFreshness {
    /// The instance's name.
    instance: String,
    /// Requests that syncs, censuses and comparisons have sent in the last 24 hours.
    requests_24h: u64,
    /// Rows kept aside because they cannot be read; 0 for a caller who is limited to projects.
    rejected: u64,
    /// By project and collection.
    collections: Vec<Freshness>,
    /// Reference data that is read in rounds; none for a caller who is limited to projects.
    reference: Vec<ReferenceRead>,
    /// What is read at once: lists that one request serves, and the site's feeds of worklogs.
    lists: Vec<ListRead>,
    /// How the site tells of changes; none for a caller who is limited to projects.
    webhook: Option<Webhook>,
}

/// When something was read that is read at once.
#[derive(Serialize, ToSchema)]
struct ListRead {
    /// `rosters` (projects, fields, statuses and so on), `worklogs_updated` or `worklogs_deleted` (the site's feeds).
    list: String,
    /// The copy has it as of then.
    read_at: Option<DateTime<Utc>>,
}

/// How far a list of reference data is read.
#[derive(Serialize, ToSchema)]
struct ReferenceRead {
    /// `project_parts` (versions and components), `board_sprints` (configuration too), `field_options` (contexts too),
    /// `group_members`, `project_roles`, `service_desks` (how they are set up), `organizations` (their people), `users` or
    /// `followers`.
    list: &'static str,
    /// The copy has it as of then; absent until a round came to its end.
    read_at: Option<DateTime<Utc>>,
    /// When the present round began, or the last one.
    began_at: DateTime<Utc>,
    /// Whether that one came to its end.
    finished: bool,
    /// Projects, boards, fields or groups that the site showed the lists of; pages of people.
    shown: u32,
    /// Those that it did not.
    refused: u32,
    /// Why there is nothing, where the site serves none of it.
    note: Option<String>,
}

impl From<reference::ReferenceRead> for ReferenceRead {
    fn from(read: reference::ReferenceRead) -> Self {
        Self {
            list: read.list.as_str(),
            read_at: read.read_at,
            began_at: read.began_at,
            finished: read.finished,
            shown: read.shown,
            refused: read.refused,
            note: read.note,
        }
    }
}

/// How fresh one collection of one project is, and what proves it.
#[derive(Serialize, ToSchema)]
struct Freshness {
    /// The project's key.
    project: String,
    /// `issues`, `comments`, `worklogs` or `changelog`.
    collection: String,
    /// The newest change that is stored.
    watermark: Option<DateTime<Utc>>,
    /// Every change that the site showed up to then is stored.
    polled_at: Option<DateTime<Utc>>,
    /// Seconds since then.
    lag_seconds: Option<i64>,
    /// The roll call after which the copy had the issues of the site, and no others.
    census_at: Option<DateTime<Utc>>,
    /// When rows were last compared with the site's, hash by hash.
    checked_at: Option<DateTime<Utc>>,
    /// Issues whose rows the present round of comparisons has compared.
    rows_checked: u64,
    /// Issues whose rows differed without a reason in the last seven days; they are mended.
    rows_differing: u64,
    /// Issues of the project at the site, as the last census listed them.
    source_rows: Option<u64>,
    /// Present issues of the project in the copy after the last census.
    copy_rows: Option<u64>,
}

impl Freshness {
    fn new(row: freshness::Freshness, now: DateTime<Utc>) -> Self {
        Self {
            lag_seconds: row.polled_at.map(|at| (now - at).num_seconds().max(0)),
            project: row.project,
            collection: row.collection,
            watermark: row.watermark,
            polled_at: row.polled_at,
            census_at: row.census_at,
            checked_at: row.checked_at,
            rows_checked: row.rows_checked,
            rows_differing: row.rows_differing,
            source_rows: row.source_rows,
            copy_rows: row.copy_rows,
        }
    }
}

/// How fresh each project of an instance is: what proves its changes, its set of issues, and its content.
#[utoipa::path(
    get, path = "/instances/{name}/freshness", tag = "sync", security(("bearer" = ["read"])),
    params(("name" = String, Path, description = "The instance's name or id.")),
    responses((status = 200, description = "By project and collection.", body = InstanceFreshness), Standard, Missing),
)]
async fn get_freshness(
    State(state): State<WebState>,
    ApiCaller(caller): ApiCaller,
    ValidPath(name): ValidPath<String>,
) -> Result<Json<InstanceFreshness>, Problem> {
    caller.require(Scope::Read)?;
    let instance = lookups::instance(&state.services, &caller, &name).await?;
    let now = state.services.clock.now();
    let mut tx = state.services.db.tenant(&caller.context()).await?;
    let found = tx.freshness(instance.id, now).await?;
    let health = webhooks::health(tx.as_mut(), instance.id, now).await?;
    let webhook = health.registration.is_some().then(|| Webhook::from(health));
    Ok(Json(InstanceFreshness {
        instance: instance.name.clone(),
        requests_24h: found.requests_24h,
        rejected: found.rejected,
        collections: found.rows.into_iter().map(|row| Freshness::new(row, now)).collect(),
        reference: found.reference.into_iter().map(ReferenceRead::from).collect(),
        lists: found
            .lists
            .into_iter()
            .map(|read| ListRead { list: read.list, read_at: read.read_at })
            .collect(),
        webhook,
    }))
}

/// Which part of a list.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct Before {
    /// Only those that are older.
    before: Option<DateTime<Utc>>,
    /// At most so many.
    #[serde(default = "usual_limit")]
    #[param(minimum = 1, maximum = 200, default = 50)]
    limit: i64,
}

/// A difference between the copy and the site that had no reason.
#[derive(Serialize, ToSchema)]
struct DriftFinding {
    /// Its id.
    id: Uuid,
    /// The issue's key then.
    issue: String,
    /// `issues`, `comments`, `worklogs` or `changelog`.
    collection: String,
    /// Fields of the issue, or ids of rows, that differed; at most twenty.
    what: Vec<String>,
    /// Where it may have come from: `missed_update`, `silent_change`, `silent_child` or `source_went_back`.
    origin: String,
    /// `updated` in the copy.
    copy_updated: DateTime<Utc>,
    /// `updated` at the site.
    source_updated: DateTime<Utc>,
    /// Whether the copy was mended.
    mended: bool,
    /// When it was found.
    found_at: DateTime<Utc>,
}

/// Differences that were found.
#[derive(Serialize, ToSchema)]
struct DriftFindings {
    /// The latest first. The next page is `before` the last one's `found_at`.
    findings: Vec<DriftFinding>,
}

/// What comparisons with the site have found.
#[utoipa::path(
    get, path = "/instances/{name}/drift", tag = "sync", security(("bearer" = ["read"])),
    params(("name" = String, Path, description = "The instance's name or id."), Before),
    responses((status = 200, description = "Differences.", body = DriftFindings), Standard, Missing),
)]
async fn list_drift(
    State(state): State<WebState>,
    ApiCaller(caller): ApiCaller,
    ValidPath(name): ValidPath<String>,
    ValidQuery(list): ValidQuery<Before>,
) -> Result<Json<DriftFindings>, Problem> {
    caller.require(Scope::Read)?;
    let limit = within("limit", list.limit, 1, 200)?;
    let instance = lookups::instance(&state.services, &caller, &name).await?;
    let mut tx = state.services.db.tenant(&caller.context()).await?;
    let found = tx.findings(instance.id, list.before, limit).await?;
    let show = |row: drift::FindingRow| DriftFinding {
        id: row.id,
        issue: row.key,
        collection: row.collection,
        what: row.what,
        origin: row.origin,
        copy_updated: row.copy_updated,
        source_updated: row.source_updated,
        mended: row.mended,
        found_at: row.found_at,
    };
    Ok(Json(DriftFindings { findings: found.into_iter().map(show).collect() }))
}

/// A row of the site that cannot be read.
#[derive(Serialize, ToSchema)]
struct RejectedRow {
    /// Its id.
    id: Uuid,
    /// The issue's numeric id, where it could be read.
    jira_id: Option<String>,
    /// Why it cannot be read.
    reason: String,
    /// How often it was met.
    attempts: u32,
    /// When it was first met.
    created_at: DateTime<Utc>,
    /// When it was last met.
    tried_at: DateTime<Utc>,
    /// When it is looked for again.
    retry_at: DateTime<Utc>,
    /// As served, without e-mail addresses and erased people; in the list, and until it was fetched again, null or its id.
    payload: Option<Value>,
}

impl From<rejects::RejectedRow> for RejectedRow {
    fn from(row: rejects::RejectedRow) -> Self {
        Self {
            id: row.id,
            jira_id: row.jira_id,
            reason: row.reason,
            attempts: row.attempts,
            created_at: row.created_at,
            tried_at: row.tried_at,
            retry_at: row.retry_at,
            payload: row.payload,
        }
    }
}

/// Rows kept aside.
#[derive(Serialize, ToSchema)]
struct RejectedRows {
    /// The latest first. The next page is `before` the last one's `created_at`.
    rejects: Vec<RejectedRow>,
}

/// Rows of the site that cannot be read, without their payloads.
#[utoipa::path(
    get, path = "/instances/{name}/rejects", tag = "sync", security(("bearer" = ["admin"])),
    params(("name" = String, Path, description = "The instance's name or id."), Before),
    responses((status = 200, description = "Rows kept aside.", body = RejectedRows), Standard, Missing),
)]
async fn list_rejects(
    State(state): State<WebState>,
    ApiCaller(caller): ApiCaller,
    ValidPath(name): ValidPath<String>,
    ValidQuery(list): ValidQuery<Before>,
) -> Result<Json<RejectedRows>, Problem> {
    caller.require(Scope::Admin)?;
    let limit = within("limit", list.limit, 1, 200)?;
    let instance = lookups::instance(&state.services, &caller, &name).await?;
    let mut tx = state.services.db.tenant(&caller.context()).await?;
    let rows = tx.rejected_rows(instance.id, list.before, limit).await?;
    Ok(Json(RejectedRows { rejects: rows.into_iter().map(RejectedRow::from).collect() }))
}

/// A row of the site that cannot be read, with its payload.
#[utoipa::path(
    get, path = "/instances/{name}/rejects/{id}", tag = "sync", security(("bearer" = ["admin"])),
    params(
        ("name" = String, Path, description = "The instance's name or id."),
        ("id" = Uuid, Path, description = "The row's id."),
    ),
    responses((status = 200, description = "The row.", body = RejectedRow), Standard, Missing),
)]
async fn get_reject(
    State(state): State<WebState>,
    ApiCaller(caller): ApiCaller,
    ValidPath((name, id)): ValidPath<(String, Uuid)>,
) -> Result<Json<RejectedRow>, Problem> {
    caller.require(Scope::Admin)?;
    let instance = lookups::instance(&state.services, &caller, &name).await?;
    let mut tx = state.services.db.tenant(&caller.context()).await?;
    let row = rejects::require_reject(tx.rejected_row(instance.id, id).await?, id)?;
    Ok(Json(row.into()))
}

/// What became of a row that was looked for again.
#[derive(Serialize, ToSchema)]
struct RejectRetried {
    /// `stored`, `still_bad`, `gone` (the site does not show it any more) or `unanswered`.
    outcome: &'static str,
    /// Why it still cannot be read.
    reason: Option<String>,
}

/// Looks for a row now, and stores it if it can be read.
#[utoipa::path(
    post, path = "/instances/{name}/rejects/{id}/retry", tag = "sync", security(("bearer" = ["admin"])),
    params(
        ("name" = String, Path, description = "The instance's name or id."),
        ("id" = Uuid, Path, description = "The row's id."),
    ),
    responses((status = 200, description = "What became of it.", body = RejectRetried), Standard, Missing, Conflicting, Upstream),
)]
async fn retry_reject(
    State(state): State<WebState>,
    ApiCaller(caller): ApiCaller,
    ValidPath((name, id)): ValidPath<(String, Uuid)>,
) -> Result<Json<RejectRetried>, Problem> {
    let outcome = rejects::retry_now(&state.services, &caller, &name, id).await?;
    let reason = match &outcome {
        rejects::Retried::StillBad(reason) => Some(reason.clone()),
        _ => None,
    };
    Ok(Json(RejectRetried { outcome: outcome.as_str(), reason }))
}
