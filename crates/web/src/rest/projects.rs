//! Projects with their versions and components.

use application::{
    Scope,
    catalog::{ComponentRow, ProjectRow, VersionRow, require_project},
    lookups,
};
use axum::extract::{Json, State};
use chrono::NaiveDate;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::{router::OpenApiRouter, routes};
use uuid::Uuid;

use super::{
    document::{Conflicting, Missing, Standard},
    extract::{ApiCaller, ValidPath, ValidQuery},
    issues::OfInstance,
    paging::{cut, page_of, usual_limit},
    problem::Problem,
};
use crate::state::WebState;

pub(super) fn routes() -> OpenApiRouter<WebState> {
    OpenApiRouter::new().routes(routes!(list_projects)).routes(routes!(get_project))
}

/// Which projects.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct ListOfProjects {
    /// Only those of this instance, by name or id.
    instance: Option<String>,
    /// At most so many.
    #[serde(default = "usual_limit")]
    #[param(minimum = 1, maximum = 200, default = 50)]
    limit: i64,
    /// `next_cursor` of the page before.
    cursor: Option<String>,
}

/// A project.
#[derive(Serialize, ToSchema)]
struct Project {
    /// Its id in Forebay; the same for good.
    id: Uuid,
    /// Its present key.
    #[schema(example = "PAY")]
    key: String,
    /// Jira's numeric id, as text.
    #[schema(example = "10000")]
    jira_id: String,
    /// The instance's name.
    instance: String,
    /// Its name.
    name: String,
    /// `software`, `service_desk`, `business` ...
    #[serde(rename = "type")]
    project_type: Option<String>,
    /// The lead's name.
    lead: Option<String>,
    /// The lead's account id, or user key on Server and Data Center.
    lead_account_id: Option<String>,
}

impl From<ProjectRow> for Project {
    fn from(row: ProjectRow) -> Self {
        Self {
            id: row.id,
            key: row.key,
            jira_id: row.jira_id,
            instance: row.instance,
            name: row.name,
            project_type: row.project_type,
            lead: row.lead,
            lead_account_id: row.lead_account_id,
        }
    }
}

/// A page of projects.
#[derive(Serialize, ToSchema)]
struct ProjectPage {
    /// By instance and key.
    projects: Vec<Project>,
    /// The cursor of the next page; absent on the last one.
    #[serde(skip_serializing_if = "Option::is_none")]
    next_cursor: Option<String>,
}

/// A project with what it consists of.
#[derive(Serialize, ToSchema)]
struct WholeProject {
    /// The project.
    #[serde(flatten)]
    project: Project,
    /// Its versions, in its own order.
    versions: Vec<Version>,
    /// Its components, by name.
    components: Vec<Component>,
}

/// A version of a project.
#[derive(Serialize, ToSchema)]
struct Version {
    /// Jira's numeric id, as text.
    #[schema(example = "10010")]
    id: String,
    /// Its name.
    #[schema(example = "2.1.0")]
    name: String,
    /// What it is about.
    description: Option<String>,
    /// Whether it is out.
    released: bool,
    /// Whether it is hidden from new issues.
    archived: bool,
    /// When work on it began.
    start_date: Option<NaiveDate>,
    /// When it was, or is to be, released.
    release_date: Option<NaiveDate>,
}

impl From<VersionRow> for Version {
    fn from(row: VersionRow) -> Self {
        Self {
            id: row.jira_id,
            name: row.name,
            description: row.description,
            released: row.released,
            archived: row.archived,
            start_date: row.start,
            release_date: row.release,
        }
    }
}

/// A component of a project.
#[derive(Serialize, ToSchema)]
struct Component {
    /// Jira's numeric id, as text.
    #[schema(example = "10001")]
    id: String,
    /// Its name.
    name: String,
    /// What it is about.
    description: Option<String>,
    /// The lead's name.
    lead: Option<String>,
}

impl From<ComponentRow> for Component {
    fn from(row: ComponentRow) -> Self {
        Self { id: row.jira_id, name: row.name, description: row.description, lead: row.lead }
    }
}

/// The projects of the tenant.
#[utoipa::path(
    get, path = "/projects", tag = "reference", security(("bearer" = ["read"])),
    params(ListOfProjects),
    responses((status = 200, description = "A page of projects.", body = ProjectPage), Standard, Missing),
)]
async fn list_projects(
    State(state): State<WebState>,
    ApiCaller(caller): ApiCaller,
    ValidQuery(list): ValidQuery<ListOfProjects>,
) -> Result<Json<ProjectPage>, Problem> {
    caller.require(Scope::Read)?;
    let page = page_of(
        &state.services,
        &caller,
        "projects",
        list.instance.as_deref(),
        list.limit,
        list.cursor.as_deref(),
    )
    .await?;
    let mut tx = state.services.db.tenant(&caller.context()).await?;
    let (projects, next_cursor) = cut("projects", tx.projects(&page).await?, &page, Project::from);
    Ok(Json(ProjectPage { projects, next_cursor }))
}

/// A project with its versions and components, by its key or Jira's numeric id.
#[utoipa::path(
    get, path = "/projects/{key}", tag = "reference", security(("bearer" = ["read"])),
    params(("key" = String, Path, description = "The project's key or Jira's numeric id.", example = "PAY"), OfInstance),
    responses((status = 200, description = "The project.", body = WholeProject), Standard, Missing, Conflicting),
)]
async fn get_project(
    State(state): State<WebState>,
    ApiCaller(caller): ApiCaller,
    ValidPath(key): ValidPath<String>,
    ValidQuery(of): ValidQuery<OfInstance>,
) -> Result<Json<WholeProject>, Problem> {
    caller.require(Scope::Read)?;
    let instance = lookups::instance_id(&state.services, &caller, of.instance.as_deref()).await?;
    let mut tx = state.services.db.tenant(&caller.context()).await?;
    let project = require_project(tx.as_mut(), instance, &key).await?;
    let versions = tx.versions(project.id).await?.into_iter().map(Version::from).collect();
    let components = tx.components(project.id).await?.into_iter().map(Component::from).collect();
    Ok(Json(WholeProject { project: project.into(), versions, components }))
}
