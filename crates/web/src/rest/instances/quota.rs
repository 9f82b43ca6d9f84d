//! What was asked of a site lately.

use application::{instances, site_limits};
use axum::extract::{Json, State};
use chrono::{DateTime, NaiveDate, Utc};
use serde::Serialize;
use utoipa::ToSchema;

use crate::{
    rest::{
        document::{Missing, Standard},
        extract::{ApiCaller, ValidPath},
        problem::Problem,
    },
    state::WebState,
};

/// What was asked of a site lately, and whether it is left alone just now.
#[derive(Serialize, ToSchema)]
pub(super) struct Quota {
    /// The instance's name.
    instance: String,
    /// The most requests a minute that are configured on the instance; the server's setting when absent.
    requests_per_minute: Option<u32>,
    /// The pace that the site's headers led to, in requests a minute; the usual one when absent.
    pace: Option<f64>,
    /// Requests in a row that failed; after ten the site is left alone for a while.
    failures: i32,
    /// Times in which nothing is sent, in any process.
    pauses: Vec<Pause>,
    /// What was asked each day (UTC) of the last 30, latest first.
    days: Vec<Day>,
}

/// A time in which nothing is sent.
#[derive(Serialize, ToSchema)]
struct Pause {
    /// How far it reaches: `site`, `op:` and an operation, or `issue:` and an id.
    #[schema(example = "site")]
    scope: String,
    /// Until when.
    until: DateTime<Utc>,
    /// Why.
    reason: String,
}

/// What was asked on one day.
#[derive(Serialize, ToSchema)]
struct Day {
    /// The day (UTC).
    day: NaiveDate,
    /// Requests sent.
    requests: u64,
    /// Those that repeated an earlier one.
    retries: u64,
    /// Those that the site refused for their number.
    refused: u64,
    /// Those that failed: no answer, an unusable one, or a fault of the site.
    failed: u64,
    /// Points as Jira Cloud counts them: one a request, and one more for each object read.
    points: u64,
    /// Bytes of answers, unpacked.
    bytes: u64,
    /// Milliseconds that requests waited because the site, or our own ceiling, asked them to.
    throttled_ms: u64,
}

impl From<&site_limits::SiteDay> for Day {
    fn from(day: &site_limits::SiteDay) -> Self {
        let spent = &day.spent;
        Self {
            day: day.day,
            requests: spent.requests,
            retries: spent.retries,
            refused: spent.refused,
            failed: spent.failed,
            points: spent.points,
            bytes: spent.bytes,
            throttled_ms: spent.throttled_ms,
        }
    }
}

impl From<instances::Quota> for Quota {
    fn from(quota: instances::Quota) -> Self {
        let pause = |pause: site_limits::SitePause| Pause {
            scope: pause.scope,
            until: pause.until,
            reason: pause.reason,
        };
        Self {
            instance: quota.instance,
            requests_per_minute: quota.requests_per_minute,
            pace: quota.pace,
            failures: quota.failures,
            pauses: quota.pauses.into_iter().map(pause).collect(),
            days: quota.days.iter().map(Day::from).collect(),
        }
    }
}

/// What was asked of an instance's site lately, and whether it is left alone just now.
#[utoipa::path(
    get, path = "/instances/{name}/quota", tag = "instances", security(("bearer" = ["read"])),
    params(("name" = String, Path, description = "The instance's name or id.")),
    responses((status = 200, description = "The quota.", body = Quota), Standard, Missing),
)]
pub(super) async fn get_quota(
    State(state): State<WebState>,
    ApiCaller(caller): ApiCaller,
    ValidPath(name): ValidPath<String>,
) -> Result<Json<Quota>, Problem> {
    let quota = instances::quota(&state.services, &caller, &name).await?;
    Ok(Json(Quota::from(quota)))
}
