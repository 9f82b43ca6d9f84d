//! Sandboxes: what they do wrong, and by which workflow their issues go.

use std::collections::BTreeMap;

use application::{
    Caller, Scope, lookups,
    sandbox::{
        faults::{self, FaultPlan, FaultReport},
        workflow::{self, WorkflowPlan},
    },
};
use axum::{
    Router,
    extract::{Json, State},
    routing::{get, put},
};
use chrono::{DateTime, Utc};
use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;
use utoipa_axum::{router::OpenApiRouter, routes};

use super::{
    document::{Body, Conflicting, Missing, Standard},
    extract::{ApiCaller, ValidJson, ValidPath},
    problem::Problem,
};
use crate::state::WebState;

pub(super) fn routes() -> OpenApiRouter<WebState> {
    OpenApiRouter::new()
        .routes(routes!(get_faults, set_faults, clear_faults))
        .routes(routes!(get_workflow, set_workflow, clear_workflow))
        // The plan as a whole is replaced, so PUT says the same.
        .route("/sandbox/{name}/faults", put(set_faults))
}

/// The same without the version, for those who type it.
pub(super) fn unversioned() -> Router<WebState> {
    let faults = get(get_faults).post(set_faults).put(set_faults).delete(clear_faults);
    Router::new().route("/sandbox/{name}/faults", faults)
}

/// What a sandbox does wrong.
#[derive(ToSchema)]
#[schema(as = FaultPlan)]
#[expect(dead_code, reason = "the document's view of a plan, which the application reads")]
struct PlanToSet {
    /// The same seed answers the same requests with the same faults.
    #[schema(example = 42)]
    seed: u64,
    /// At most 100; several may meet one request.
    rules: Vec<RuleToSet>,
}

/// A fault and when it is served. Beside these members it has those of its fault; the reference is in docs/sandbox.md.
#[derive(ToSchema)]
#[schema(as = FaultRule)]
#[expect(dead_code, reason = "the document's view of a rule, which the application reads")]
struct RuleToSet {
    /// What goes wrong: `latency`, `status`, `rate_limit`, `index_lag` …
    #[schema(example = "rate_limit")]
    fault: String,
    /// How likely it is for each request that it could meet, 0 to 1; 1 when absent.
    probability: Option<f64>,
    /// Which requests it could meet: `endpoints`, `methods`, `path`; for webhooks `events`. All when absent.
    on: Option<Value>,
    /// Only the first so many times that the very same request is made.
    first: Option<u32>,
    /// At most so many times in all, in each serving process.
    times: Option<u64>,
    /// `from_seconds`, `until_seconds` since the plan was set; `from_request`, `until_request` of those it could meet.
    window: Option<Value>,
}

/// How a sandbox's faults stand.
#[derive(Serialize, ToSchema)]
struct SandboxFaults {
    /// The sandbox's name.
    instance: String,
    /// What is served, with every default filled in; null when nothing goes wrong.
    #[schema(value_type = Option<PlanToSet>)]
    plan: Option<FaultPlan>,
    /// When the plan was set or cleared.
    set_at: Option<DateTime<Utc>>,
    /// How many faults of each kind the latest plan has injected; kept when it is cleared, until the next one is set.
    injected: BTreeMap<String, u64>,
    /// All of them.
    injected_total: u64,
}

impl SandboxFaults {
    fn new(instance: String, report: FaultReport) -> Self {
        Self {
            instance,
            plan: report.plan,
            set_at: report.set_at,
            injected_total: report.injected.values().sum(),
            injected: report.injected,
        }
    }
}

/// What a sandbox does wrong, and how often it did. Counts of other processes are half a second old.
#[utoipa::path(
    get, path = "/sandbox/{name}/faults", tag = "instances", security(("bearer" = ["read"])),
    params(("name" = String, Path, description = "The sandbox's name or id.")),
    responses((status = 200, description = "How its faults stand.", body = SandboxFaults), Standard, Missing, Conflicting),
)]
async fn get_faults(
    State(state): State<WebState>,
    ApiCaller(caller): ApiCaller,
    ValidPath(name): ValidPath<String>,
) -> Result<Json<SandboxFaults>, Problem> {
    caller.require(Scope::Read)?;
    let name = settle(&state, &caller, &name).await?;
    let report = faults::read(&state.services, &caller, &name).await?;
    Ok(Json(SandboxFaults::new(name, report)))
}

/// Sets what a sandbox does wrong from now on, in the place of what was set before; PUT does the same. For testing what is built
/// against Jira.
#[utoipa::path(
    post, path = "/sandbox/{name}/faults", tag = "instances", security(("bearer" = ["admin"])),
    params(("name" = String, Path, description = "The sandbox's name or id.")),
    request_body = PlanToSet,
    responses((status = 200, description = "It is served.", body = SandboxFaults), Standard, Missing, Conflicting, Body),
)]
async fn set_faults(
    State(state): State<WebState>,
    ApiCaller(caller): ApiCaller,
    ValidPath(name): ValidPath<String>,
    ValidJson(plan): ValidJson<Value>,
) -> Result<Json<SandboxFaults>, Problem> {
    let plan = FaultPlan::parse(&plan)?;
    let report = faults::set(&state.services, &caller, &name, plan).await?;
    let instance = lookups::instance(&state.services, &caller, &name).await?;
    Ok(Json(SandboxFaults::new(instance.name.clone(), report)))
}

/// Lets a sandbox do nothing wrong any more; answers what went wrong until now.
#[utoipa::path(
    delete, path = "/sandbox/{name}/faults", tag = "instances", security(("bearer" = ["admin"])),
    params(("name" = String, Path, description = "The sandbox's name or id.")),
    responses((status = 200, description = "Nothing goes wrong any more.", body = SandboxFaults), Standard, Missing, Conflicting),
)]
async fn clear_faults(
    State(state): State<WebState>,
    ApiCaller(caller): ApiCaller,
    ValidPath(name): ValidPath<String>,
) -> Result<Json<SandboxFaults>, Problem> {
    faults::clear(&state.services, &caller, &name).await?;
    let name = settle(&state, &caller, &name).await?;
    let report = faults::read(&state.services, &caller, &name).await?;
    Ok(Json(SandboxFaults::new(name, report)))
}

/// Stores what this process has counted; answers the sandbox's name.
async fn settle(state: &WebState, caller: &Caller, name: &str) -> Result<String, Problem> {
    let instance = lookups::instance(&state.services, caller, name).await?;
    state.faults.settle(&state.services, instance.id).await;
    Ok(instance.name.clone())
}

/// A workflow: the reference is in docs/sandbox.md.
#[derive(ToSchema)]
#[schema(as = SandboxWorkflow)]
#[expect(dead_code, reason = "the document's view of a workflow, which the application reads")]
struct WorkflowToSet {
    /// `id`, `name`, `category` (`new`, `indeterminate`, `done`); those that the sandbox does not have yet are added to it.
    statuses: Vec<Value>,
    /// `id` (a number, as text), `name`, `from` (ids of statuses; any when absent), `to`, `conditions`, `screen`, `required`.
    transitions: Vec<Value>,
    /// The status in which a new issue starts.
    #[schema(example = "10000")]
    initial: String,
    /// Names of keys by role.
    roles: Option<BTreeMap<String, Vec<String>>>,
}

/// The workflow of a sandbox.
#[derive(Serialize, ToSchema)]
struct ShownWorkflow {
    /// The sandbox's name.
    instance: String,
    /// Whether it was set; otherwise it is the one that the sandbox has by itself.
    is_set: bool,
    /// By which its issues go.
    #[schema(value_type = WorkflowToSet)]
    workflow: WorkflowPlan,
}

async fn shown_workflow(
    state: &WebState,
    caller: &Caller,
    name: &str,
) -> Result<Json<ShownWorkflow>, Problem> {
    let (plan, is_set) = workflow::read(&state.services, caller, name).await?;
    let instance = lookups::instance(&state.services, caller, name).await?;
    Ok(Json(ShownWorkflow { instance: instance.name.clone(), is_set, workflow: plan }))
}

/// The workflow by which a sandbox's issues go.
#[utoipa::path(
    get, path = "/sandbox/{name}/workflow", tag = "instances", security(("bearer" = ["read"])),
    params(("name" = String, Path, description = "The sandbox's name or id.")),
    responses((status = 200, description = "Its workflow.", body = ShownWorkflow), Standard, Missing, Conflicting),
)]
async fn get_workflow(
    State(state): State<WebState>,
    ApiCaller(caller): ApiCaller,
    ValidPath(name): ValidPath<String>,
) -> Result<Json<ShownWorkflow>, Problem> {
    shown_workflow(&state, &caller, &name).await
}

/// Gives a sandbox a workflow: with conditions, screens and required fields.
#[utoipa::path(
    put, path = "/sandbox/{name}/workflow", tag = "instances", security(("bearer" = ["admin"])),
    params(("name" = String, Path, description = "The sandbox's name or id.")),
    request_body = WorkflowToSet,
    responses((status = 200, description = "It is in force.", body = ShownWorkflow), Standard, Missing, Conflicting, Body),
)]
async fn set_workflow(
    State(state): State<WebState>,
    ApiCaller(caller): ApiCaller,
    ValidPath(name): ValidPath<String>,
    ValidJson(written): ValidJson<Value>,
) -> Result<Json<ShownWorkflow>, Problem> {
    let plan = WorkflowPlan::parse(&written)?;
    workflow::set(&state.services, &caller, &name, &plan).await?;
    shown_workflow(&state, &caller, &name).await
}

/// Gives a sandbox the workflow back that it has by itself; the statuses that were added stay.
#[utoipa::path(
    delete, path = "/sandbox/{name}/workflow", tag = "instances", security(("bearer" = ["admin"])),
    params(("name" = String, Path, description = "The sandbox's name or id.")),
    responses((status = 200, description = "The workflow that is in force.", body = ShownWorkflow), Standard, Missing, Conflicting),
)]
async fn clear_workflow(
    State(state): State<WebState>,
    ApiCaller(caller): ApiCaller,
    ValidPath(name): ValidPath<String>,
) -> Result<Json<ShownWorkflow>, Problem> {
    workflow::clear(&state.services, &caller, &name).await?;
    shown_workflow(&state, &caller, &name).await
}
