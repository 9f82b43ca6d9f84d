//! Work Pulse: the numbers for managers.

use std::sync::Arc;

use application::{
    Error, Result, Scope, lookups,
    pulse::{self, PulseFilter},
};
use axum::extract::{Json, State};
use chrono::{DateTime, NaiveDate, Utc};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::{router::OpenApiRouter, routes};

use super::{
    document::{Missing, Standard},
    extract::{ApiCaller, ValidQuery, within},
    problem::Problem,
};
use crate::state::WebState;

pub(super) fn routes() -> OpenApiRouter<WebState> {
    OpenApiRouter::new().routes(routes!(get_pulse))
}

const USUAL_WEEKS: u16 = 12;
const MOST_WEEKS: u16 = 104;

/// Over what the numbers are taken.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct PulseParameters {
    /// The name or id of one instance; all of the tenant's when absent.
    instance: Option<String>,
    /// The key of one project.
    #[param(example = "PAY")]
    project: Option<String>,
    /// How many whole weeks the period has, up to today (UTC).
    #[serde(default = "usual_weeks")]
    #[param(minimum = 1, maximum = 104, default = 12)]
    weeks: u16,
}

fn usual_weeks() -> u16 {
    USUAL_WEEKS
}

/// The overview.
#[derive(Serialize, ToSchema)]
struct Pulse {
    /// Issues completed in the period: last entry into `done`, still done. Epics and sub-tasks do not count.
    throughput: u64,
    /// Lead time (created to completed) of those, in days.
    lead_time_days: Percentiles,
    /// Cycle time (first status in progress to completed) of those that were in progress, in days.
    cycle_time_days: Percentiles,
    /// Open issues at risk: overdue, or older than the P85 of lead time.
    sla_risk: u64,
    /// Issues in a status of category `indeterminate` now.
    wip: u64,
    /// Those of them without a status change for longer than 7 days.
    stuck: u64,
    /// Of the issues that entered `done` in the period, the share (0 to 1) that left it again in the period.
    reopen_rate: Option<f64>,
    /// Issues present altogether.
    issues: u64,
    /// Those that are not done.
    open: u64,
    /// One entry a week, oldest first.
    trend: Vec<Week>,
    /// The issues at highest risk: overdue first, then oldest.
    top_risks: Vec<RiskIssue>,
    /// When the newest issue was changed at the source.
    as_of: Option<DateTime<Utc>>,
}

/// Percentiles, by linear interpolation.
#[derive(Serialize, ToSchema)]
struct Percentiles {
    /// Half took at most so long.
    p50: Option<f64>,
    /// 85 of 100 took at most so long.
    p85: Option<f64>,
    /// 90 of 100 took at most so long.
    p90: Option<f64>,
}

/// One week.
#[derive(Serialize, ToSchema)]
struct Week {
    /// Its first day.
    from: NaiveDate,
    /// Its last day.
    to: NaiveDate,
    /// Issues created.
    created: u64,
    /// Issues completed.
    completed: u64,
    /// P50 of the lead time of those completed, in days.
    lead_time_p50: Option<f64>,
    /// P85 of the lead time of those completed, in days.
    lead_time_p85: Option<f64>,
}

/// An open issue at risk.
#[derive(Serialize, ToSchema)]
struct RiskIssue {
    /// The instance's name.
    instance: String,
    /// Its key.
    key: String,
    /// Its summary.
    summary: String,
    /// Its status.
    status: String,
    /// The status's category: `new`, `indeterminate` or `undefined`.
    #[schema(example = "indeterminate")]
    status_category: String,
    /// Its assignee's name.
    assignee: Option<String>,
    /// Days since it was created.
    age_days: f64,
    /// Due date.
    due: Option<NaiveDate>,
    /// Why it is at risk: `overdue` or `older than P85`.
    #[schema(example = "overdue")]
    reason: String,
}

impl From<pulse::Pulse> for Pulse {
    fn from(pulse: pulse::Pulse) -> Self {
        Self {
            throughput: pulse.throughput,
            lead_time_days: pulse.lead_time_days.into(),
            cycle_time_days: pulse.cycle_time_days.into(),
            sla_risk: pulse.sla_risk,
            wip: pulse.wip,
            stuck: pulse.stuck,
            reopen_rate: pulse.reopen_rate,
            issues: pulse.issues,
            open: pulse.open,
            trend: pulse.trend.into_iter().map(Week::from).collect(),
            top_risks: pulse.top_risks.into_iter().map(RiskIssue::from).collect(),
            as_of: pulse.as_of,
        }
    }
}

impl From<pulse::Percentiles> for Percentiles {
    fn from(percentiles: pulse::Percentiles) -> Self {
        let pulse::Percentiles { p50, p85, p90 } = percentiles;
        Self { p50, p85, p90 }
    }
}

impl From<pulse::PulseWeek> for Week {
    fn from(week: pulse::PulseWeek) -> Self {
        Self {
            from: week.from,
            to: week.to,
            created: week.created,
            completed: week.completed,
            lead_time_p50: week.lead_time_p50,
            lead_time_p85: week.lead_time_p85,
        }
    }
}

impl From<pulse::RiskIssue> for RiskIssue {
    fn from(issue: pulse::RiskIssue) -> Self {
        Self {
            instance: issue.instance,
            key: issue.key,
            summary: issue.summary,
            status: issue.status,
            status_category: issue.status_category,
            assignee: issue.assignee,
            age_days: issue.age_days,
            due: issue.due,
            reason: issue.reason,
        }
    }
}

/// Work Pulse: throughput, lead time, SLA risk, work in progress and reopen rate, with a weekly trend.
#[utoipa::path(
    get, path = "/pulse", tag = "pulse", security(("bearer" = ["read"])),
    params(PulseParameters),
    responses((status = 200, description = "The numbers.", body = Pulse), Standard, Missing),
)]
async fn get_pulse(
    State(state): State<WebState>,
    ApiCaller(caller): ApiCaller,
    ValidQuery(parameters): ValidQuery<PulseParameters>,
) -> Result<Json<Pulse>, Problem> {
    caller.require(Scope::Read)?;
    within("weeks", parameters.weeks, 1, MOST_WEEKS)?;
    let services = &state.services;
    let filter = PulseFilter {
        instance: lookups::instance_id(services, &caller, parameters.instance.as_deref()).await?,
        project: parameters.project.clone(),
        until: services.clock.now().date_naive(),
        weeks: parameters.weeks,
    };
    let instance = filter.instance;
    let computed = lookups::pulse(services, &caller, filter).await?;
    // A row of zeros would be an answer about a project that there is.
    if let Some(key) = parameters.project.as_deref().filter(|_| computed.issues == 0)
        && !lookups::has_project(services, &caller, instance, key).await?
    {
        return Err(Error::not_found("project", key).into());
    }
    Ok(Json(Arc::unwrap_or_clone(computed).into()))
}
