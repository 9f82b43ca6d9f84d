//! The history of background jobs.

use application::{
    Scope,
    jobs::{JobOutcome, JobRun},
};
use axum::extract::{Json, State};
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema, openapi::Object};
use utoipa_axum::{router::OpenApiRouter, routes};
use uuid::Uuid;

use super::{
    document::{Standard, word_of},
    extract::{ApiCaller, ValidQuery, within},
    paging::usual_limit,
    problem::Problem,
};
use crate::state::WebState;

pub(super) fn routes() -> OpenApiRouter<WebState> {
    OpenApiRouter::new().routes(routes!(list_job_runs))
}

/// Which runs.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct ListOfRuns {
    /// Only those that began before.
    before: Option<DateTime<Utc>>,
    /// At most so many.
    #[serde(default = "usual_limit")]
    #[param(minimum = 1, maximum = 200, default = 50)]
    limit: i64,
}

/// One attempt of a job.
#[derive(Serialize, ToSchema)]
struct Run {
    /// The job's name.
    #[schema(example = "sync_instance")]
    task: String,
    /// The id of the instance it worked on.
    instance_id: Option<Uuid>,
    /// Which attempt, from 1.
    attempt: i32,
    /// How it ended.
    #[schema(schema_with = outcome)]
    outcome: &'static str,
    /// Why it did not succeed.
    error: Option<String>,
    /// When it began.
    started: DateTime<Utc>,
    /// When it ended.
    finished: DateTime<Utc>,
}

fn outcome() -> Object {
    use JobOutcome::{Failed, Retry, RetryAfter, Succeeded};
    let meaning = "How it ended. `retry` failed and comes again, `retry_after` waits as the other side asked, \
        `failed` is not tried again.";
    word_of(meaning, [Succeeded, Retry, RetryAfter, Failed].map(JobOutcome::as_str))
}

impl From<JobRun> for Run {
    fn from(run: JobRun) -> Self {
        Self {
            task: run.task,
            instance_id: run.instance.map(|instance| instance.0),
            attempt: run.attempt,
            outcome: run.outcome.as_str(),
            error: run.error,
            started: run.started,
            finished: run.finished,
        }
    }
}

/// Attempts of jobs.
#[derive(Serialize, ToSchema)]
struct Runs {
    /// Newest first. The next page is `before` the last one's `started`.
    runs: Vec<Run>,
}

/// What background jobs did for the tenant in the last 30 days, newest first.
#[utoipa::path(
    get, path = "/jobs", tag = "sync", security(("bearer" = ["admin"])),
    params(ListOfRuns),
    responses((status = 200, description = "Attempts of jobs.", body = Runs), Standard),
)]
async fn list_job_runs(
    State(state): State<WebState>,
    ApiCaller(caller): ApiCaller,
    ValidQuery(list): ValidQuery<ListOfRuns>,
) -> Result<Json<Runs>, Problem> {
    caller.require(Scope::Admin)?;
    caller.require_all_projects()?;
    let limit = within("limit", list.limit, 1, 200)?;
    let mut tx = state.services.db.tenant(&caller.context()).await?;
    let runs = tx.job_runs(list.before, limit).await?.into_iter().map(Run::from).collect();
    Ok(Json(Runs { runs }))
}
