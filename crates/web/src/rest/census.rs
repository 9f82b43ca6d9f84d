//! Censuses: taking one, how the latest stands, and answering for one that the brake has stopped.

use application::{
    Scope, lookups,
    sync::{
        census::{self, CensusSettings, CensusState, ProjectState},
        presence::Standing,
    },
};
use axum::{
    extract::{Json, State},
    http::StatusCode,
};
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use utoipa::{ToSchema, openapi::Object};
use utoipa_axum::{router::OpenApiRouter, routes};
use uuid::Uuid;

use super::{
    document::{Body, Conflicting, Missing, Standard, word_of},
    extract::{ApiCaller, ValidJson, ValidPath},
    problem::Problem,
};
use crate::state::WebState;

pub(super) fn routes() -> OpenApiRouter<WebState> {
    OpenApiRouter::new()
        .routes(routes!(start_census, get_census, configure_census))
        .routes(routes!(decide_census))
}

/// A census that was asked for.
#[derive(Serialize, ToSchema)]
struct CensusStarted {
    /// The instance's name.
    instance: String,
    /// Where it is shown how it stands.
    #[schema(example = "/v1/instances/acme/census")]
    status_url: String,
}

/// The latest census, and how careful they are.
#[derive(Serialize, ToSchema)]
struct CensusStatus {
    /// The latest census.
    census: Option<Census>,
    /// How careful censuses are, and how frequent.
    settings: Settings,
}

/// How careful the censuses of an instance are, and how frequent.
#[derive(Serialize, ToSchema)]
#[schema(as = CensusSettings)]
struct Settings {
    /// The brake stops a census when more than so many percent of a project, or of the site, are gone ...
    brake_percent: u32,
    /// ... and more than so many issues.
    brake_issues: u32,
    /// Hours between censuses; 0 for none but those that are asked for.
    every_hours: u32,
}

impl From<CensusSettings> for Settings {
    fn from(settings: CensusSettings) -> Self {
        Self {
            brake_percent: settings.brake_percent,
            brake_issues: settings.brake_issues,
            every_hours: settings.every_hours,
        }
    }
}

/// What to change; what is left out stays.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct CensusSettingsChange {
    /// From 0 to 100; 100 takes the brake away.
    #[schema(maximum = 100)]
    brake_percent: Option<u32>,
    /// So many issues may be gone in any case.
    brake_issues: Option<u32>,
    /// Hours between censuses, at most a year; 0 for none but those that are asked for.
    #[schema(maximum = 8760)]
    every_hours: Option<u32>,
}

/// A census.
#[derive(Serialize, ToSchema)]
struct Census {
    /// Its id.
    id: Uuid,
    /// How it stands.
    #[schema(schema_with = state)]
    state: &'static str,
    /// Who let it go on although the brake had stopped it.
    accepted_by: Option<String>,
    /// The present step, for people.
    step: String,
    /// HTTP requests sent.
    requests: u64,
    /// Issues that are gone, over all projects.
    gone: u64,
    /// Why it failed, or what it waits for.
    error: Option<String>,
    /// When it began.
    started_at: DateTime<Utc>,
    /// When it last made progress.
    updated_at: DateTime<Utc>,
    /// When it ended.
    finished_at: Option<DateTime<Utc>>,
    /// By key.
    projects: Vec<CensusProject>,
}

/// What a census found of one project.
#[derive(Serialize, ToSchema)]
struct CensusProject {
    /// Its key.
    project: String,
    /// How far the census is with it.
    #[schema(schema_with = project_state)]
    state: &'static str,
    /// How the site shows it.
    #[schema(schema_with = standing)]
    standing: &'static str,
    /// Issues of the copy that were present when it was compared.
    present: u64,
    /// Issues that the site listed.
    listed: u64,
    /// Issues fetched, because the copy did not have them so.
    fetched: u64,
    /// Issues of the copy that were not listed.
    absent: u64,
    /// Those that were not shown by their id either.
    gone: u64,
    /// Issues for which the site had no answer just now; they stay as they are.
    unsettled: u64,
    /// Why it failed.
    error: Option<String>,
    /// When it was compared.
    compared_at: DateTime<Utc>,
}

fn state() -> Object {
    let meaning =
        "How it stands. `held`: the brake has stopped it and a person is asked; what is gone is still shown.";
    word_of(meaning, CensusState::ALL.map(CensusState::as_str))
}

fn project_state() -> Object {
    let meaning = "How far the census is with it. `settled`: what is gone is written down; `failed`: nothing was concluded.";
    word_of(meaning, ProjectState::ALL.map(ProjectState::as_str))
}

fn standing() -> Object {
    let meaning = "How the site shows the project. `unlisted`: deleted for good, or not visible to our account any more.";
    word_of(meaning, Standing::ALL.map(Standing::as_str))
}

impl From<census::Census> for Census {
    fn from(census: census::Census) -> Self {
        Self {
            id: census.id,
            state: census.state.as_str(),
            accepted_by: census.accepted_by,
            step: census.step,
            requests: census.requests,
            gone: census.projects.iter().map(|project| project.gone).sum(),
            error: census.error,
            started_at: census.started_at,
            updated_at: census.updated_at,
            finished_at: census.finished_at,
            projects: census.projects.into_iter().map(CensusProject::from).collect(),
        }
    }
}

impl From<census::CensusProject> for CensusProject {
    fn from(project: census::CensusProject) -> Self {
        Self {
            project: project.key,
            state: project.state.as_str(),
            standing: project.standing.as_str(),
            present: project.present,
            listed: project.listed,
            fetched: project.fetched,
            absent: project.absent,
            gone: project.gone,
            unsettled: project.unsettled,
            error: project.error,
            compared_at: project.compared_at,
        }
    }
}

/// Asks the workers for a census now: a roll call that finds what is gone from the site and what the copy lacks.
#[utoipa::path(
    post, path = "/instances/{name}/census", tag = "sync", security(("bearer" = ["admin"])),
    params(("name" = String, Path, description = "The instance's name or id.")),
    responses((status = 202, description = "It will be taken.", body = CensusStarted), Standard, Missing, Conflicting),
)]
async fn start_census(
    State(state): State<WebState>,
    ApiCaller(caller): ApiCaller,
    ValidPath(name): ValidPath<String>,
) -> Result<(StatusCode, Json<CensusStarted>), Problem> {
    let instance = census::start(&state.services, &caller, &name).await?.name;
    let status_url = format!("/v1/instances/{instance}/census");
    Ok((StatusCode::ACCEPTED, Json(CensusStarted { instance, status_url })))
}

/// How the latest census stands, and how careful they are.
#[utoipa::path(
    get, path = "/instances/{name}/census", tag = "sync", security(("bearer" = ["admin"])),
    params(("name" = String, Path, description = "The instance's name or id.")),
    responses((status = 200, description = "The latest census.", body = CensusStatus), Standard, Missing),
)]
async fn get_census(
    State(state): State<WebState>,
    ApiCaller(caller): ApiCaller,
    ValidPath(name): ValidPath<String>,
) -> Result<Json<CensusStatus>, Problem> {
    caller.require(Scope::Admin)?;
    caller.require_all_projects()?;
    let instance = lookups::instance(&state.services, &caller, &name).await?;
    let mut tx = state.services.db.tenant(&caller.context()).await?;
    let settings = tx.census_settings(instance.id).await?.into();
    let census = tx.latest_census(instance.id).await?.map(Census::from);
    Ok(Json(CensusStatus { census, settings }))
}

/// Changes how careful and how frequent the censuses of an instance are. Audited.
#[utoipa::path(
    patch, path = "/instances/{name}/census", tag = "sync", security(("bearer" = ["admin"])),
    params(("name" = String, Path, description = "The instance's name or id.")),
    request_body = CensusSettingsChange,
    responses((status = 200, description = "The settings now.", body = Settings), Standard, Missing, Conflicting, Body),
)]
async fn configure_census(
    State(state): State<WebState>,
    ApiCaller(caller): ApiCaller,
    ValidPath(name): ValidPath<String>,
    ValidJson(change): ValidJson<CensusSettingsChange>,
) -> Result<Json<Settings>, Problem> {
    let settings = census::configure(&state.services, &caller, &name, |settings| {
        settings.brake_percent = change.brake_percent.unwrap_or(settings.brake_percent);
        settings.brake_issues = change.brake_issues.unwrap_or(settings.brake_issues);
        settings.every_hours = change.every_hours.unwrap_or(settings.every_hours);
    });
    Ok(Json(settings.await?.into()))
}

/// An answer to a census that the brake has stopped.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct CensusDecision {
    /// What is to be done with the issues that are gone.
    decision: Decision,
}

/// `accept` writes them off, `reject` keeps them as present until the next census asks again.
#[derive(Clone, Copy, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
enum Decision {
    Accept,
    Reject,
}

/// Answers for a census that the brake has stopped. Audited. What is accepted is looked for once more before it is written off.
#[utoipa::path(
    post, path = "/instances/{name}/census/decision", tag = "sync", security(("bearer" = ["admin"])),
    params(("name" = String, Path, description = "The instance's name or id.")),
    request_body = CensusDecision,
    responses((status = 202, description = "The census as it was held.", body = Census), Standard, Missing, Conflicting, Body),
)]
async fn decide_census(
    State(state): State<WebState>,
    ApiCaller(caller): ApiCaller,
    ValidPath(name): ValidPath<String>,
    ValidJson(answer): ValidJson<CensusDecision>,
) -> Result<(StatusCode, Json<Census>), Problem> {
    let accept = matches!(answer.decision, Decision::Accept);
    let held = census::decide(&state.services, &caller, &name, accept).await?;
    Ok((StatusCode::ACCEPTED, Json(held.into())))
}
