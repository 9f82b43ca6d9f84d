//! Jobs that wait, run or have died.

use application::{
    Error,
    jobs::{self, QueuedState},
};
use axum::{
    extract::{Json, State},
    http::StatusCode,
};
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::{IntoParams, ToSchema, openapi::Object};
use utoipa_axum::{router::OpenApiRouter, routes};

use super::{
    document::{Conflicting, Missing, Standard, word_of},
    extract::{ApiCaller, ValidPath, ValidQuery, within},
    paging::usual_limit,
    problem::Problem,
};
use crate::state::WebState;

pub(super) fn routes() -> OpenApiRouter<WebState> {
    OpenApiRouter::new()
        .routes(routes!(list_queued_jobs))
        .routes(routes!(get_queued_job, drop_queued_job))
        .routes(routes!(retry_queued_job))
}

/// Which jobs.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct ListOfJobs {
    /// Only those in this state: `waiting`, `failing`, `running` or `dead`.
    state: Option<String>,
    /// Only those with a smaller number.
    before: Option<i64>,
    /// At most so many.
    #[serde(default = "usual_limit")]
    #[param(minimum = 1, maximum = 200, default = 50)]
    limit: i64,
}

/// A job in the queue.
#[derive(Serialize, ToSchema)]
struct QueuedJob {
    /// Its number.
    id: i64,
    /// Its name.
    #[schema(example = "process_hint")]
    task: String,
    /// Its data.
    payload: Value,
    /// How it stands.
    #[schema(schema_with = state_of)]
    state: &'static str,
    /// How often it was tried.
    attempts: i32,
    /// After so many attempts it is dead.
    max_attempts: i32,
    /// Not before.
    run_at: DateTime<Utc>,
    /// When it was added.
    created_at: DateTime<Utc>,
    /// Since when a worker has it.
    running_since: Option<DateTime<Utc>>,
    /// Why it failed last.
    error: Option<String>,
}

fn state_of() -> Object {
    let meaning = "How it stands. `failing` comes again by itself; `dead` does not.";
    word_of(meaning, QueuedState::ALL.map(QueuedState::as_str))
}

impl From<jobs::QueuedJob> for QueuedJob {
    fn from(job: jobs::QueuedJob) -> Self {
        Self {
            id: job.id,
            task: job.task,
            payload: job.payload,
            state: job.state.as_str(),
            attempts: job.attempts,
            max_attempts: job.max_attempts,
            run_at: job.run_at,
            created_at: job.created_at,
            running_since: job.running_since,
            error: job.error,
        }
    }
}

/// Jobs in the queue.
#[derive(Serialize, ToSchema)]
struct QueuedJobs {
    /// Newest first. The next page is `before` the last one's `id`.
    jobs: Vec<QueuedJob>,
}

/// What background jobs there are to do for the tenant, and which have died.
#[utoipa::path(
    get, path = "/jobs/queued", tag = "sync", security(("bearer" = ["admin"])),
    params(ListOfJobs),
    responses((status = 200, description = "Jobs in the queue.", body = QueuedJobs), Standard),
)]
async fn list_queued_jobs(
    State(state): State<WebState>,
    ApiCaller(caller): ApiCaller,
    ValidQuery(list): ValidQuery<ListOfJobs>,
) -> Result<Json<QueuedJobs>, Problem> {
    let limit = i32::try_from(within("limit", list.limit, 1, 200)?).map_err(Error::internal)?;
    let wanted = list.state.as_deref().map(str::parse).transpose()?;
    let found = jobs::queued(&state.services, &caller, wanted, list.before, limit).await?;
    Ok(Json(QueuedJobs { jobs: found.into_iter().map(QueuedJob::from).collect() }))
}

/// One job in the queue. A job that is done is in the history only.
#[utoipa::path(
    get, path = "/jobs/queued/{id}", tag = "sync", security(("bearer" = ["admin"])),
    params(("id" = i64, Path, description = "The job's number.")),
    responses((status = 200, description = "The job.", body = QueuedJob), Standard, Missing),
)]
async fn get_queued_job(
    State(state): State<WebState>,
    ApiCaller(caller): ApiCaller,
    ValidPath(id): ValidPath<String>,
) -> Result<Json<QueuedJob>, Problem> {
    Ok(Json(jobs::queued_job(&state.services, &caller, number(&id)?).await?.into()))
}

/// Lets a job run now that waits or has died.
#[utoipa::path(
    post, path = "/jobs/queued/{id}/retry", tag = "sync", security(("bearer" = ["admin"])),
    params(("id" = i64, Path, description = "The job's number.")),
    responses((status = 204, description = "It will run."), Standard, Missing, Conflicting),
)]
async fn retry_queued_job(
    State(state): State<WebState>,
    ApiCaller(caller): ApiCaller,
    ValidPath(id): ValidPath<String>,
) -> Result<StatusCode, Problem> {
    jobs::retry(&state.services, &caller, number(&id)?).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Takes a job out of the queue that waits or has died.
#[utoipa::path(
    delete, path = "/jobs/queued/{id}", tag = "sync", security(("bearer" = ["admin"])),
    params(("id" = i64, Path, description = "The job's number.")),
    responses((status = 204, description = "It is gone."), Standard, Missing, Conflicting),
)]
async fn drop_queued_job(
    State(state): State<WebState>,
    ApiCaller(caller): ApiCaller,
    ValidPath(id): ValidPath<String>,
) -> Result<StatusCode, Problem> {
    jobs::discard(&state.services, &caller, number(&id)?).await?;
    Ok(StatusCode::NO_CONTENT)
}

fn number(text: &str) -> Result<i64, Error> {
    text.parse().map_err(|_| Error::not_found("job", text))
}
