//! Boards, sprints, and who was in which sprint when.

use application::{
    Error, Scope,
    catalog::{BoardRow, SprintIssueRow, SprintRow, require_sprint},
};
use axum::extract::{Json, State};
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema, openapi::Object};
use utoipa_axum::{router::OpenApiRouter, routes};

use super::{
    document::{Conflicting, Missing, Standard, word_of},
    extract::{ApiCaller, ValidPath, ValidQuery},
    issues::Status,
    paging::{cut, page_of, usual_limit},
    problem::Problem,
};
use crate::state::WebState;

pub(super) fn routes() -> OpenApiRouter<WebState> {
    OpenApiRouter::new()
        .routes(routes!(list_boards))
        .routes(routes!(list_sprints))
        .routes(routes!(list_sprint_issues))
}

/// The states of a sprint.
const STATES: [&str; 3] = ["future", "active", "closed"];

/// Which boards.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct ListOfBoards {
    /// Only those of this instance, by name or id.
    instance: Option<String>,
    /// At most so many.
    #[serde(default = "usual_limit")]
    #[param(minimum = 1, maximum = 200, default = 50)]
    limit: i64,
    /// `next_cursor` of the page before.
    cursor: Option<String>,
}

/// A board.
#[derive(Serialize, ToSchema)]
struct Board {
    /// Jira's id.
    #[schema(example = 1)]
    id: i64,
    /// The instance's name.
    instance: String,
    /// Its name.
    name: String,
    /// `scrum`, `kanban` or `simple`.
    #[serde(rename = "type")]
    board_type: Option<String>,
    /// The key of the project it is at home in.
    #[schema(example = "PAY")]
    project: Option<String>,
}

impl From<BoardRow> for Board {
    fn from(row: BoardRow) -> Self {
        Self {
            id: row.jira_id,
            instance: row.instance,
            name: row.name,
            board_type: row.board_type,
            project: row.project,
        }
    }
}

/// A page of boards.
#[derive(Serialize, ToSchema)]
struct BoardPage {
    /// By instance and name.
    boards: Vec<Board>,
    /// The cursor of the next page; absent on the last one.
    #[serde(skip_serializing_if = "Option::is_none")]
    next_cursor: Option<String>,
}

/// Which sprints.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct ListOfSprints {
    /// Only those of this instance, by name or id.
    instance: Option<String>,
    /// Only those that belong to, or are listed on, the board with this id.
    board: Option<i64>,
    /// Only those in this state: `future`, `active` or `closed`.
    #[param(example = "active")]
    state: Option<String>,
    /// At most so many.
    #[serde(default = "usual_limit")]
    #[param(minimum = 1, maximum = 200, default = 50)]
    limit: i64,
    /// `next_cursor` of the page before.
    cursor: Option<String>,
}

/// A sprint.
#[derive(Serialize, ToSchema)]
struct Sprint {
    /// Jira's id.
    #[schema(example = 7)]
    id: i64,
    /// The instance's name.
    instance: String,
    /// Its name.
    name: String,
    /// How far it is.
    #[schema(schema_with = state_of_sprint)]
    state: String,
    /// The id of the board it belongs to.
    board: Option<i64>,
    /// Its goal.
    goal: Option<String>,
    /// When it began, or is to begin.
    start: Option<DateTime<Utc>>,
    /// When it is to end.
    end: Option<DateTime<Utc>>,
    /// When it was closed.
    closed: Option<DateTime<Utc>>,
}

fn state_of_sprint() -> Object {
    word_of("How far it is.", STATES)
}

impl From<SprintRow> for Sprint {
    fn from(row: SprintRow) -> Self {
        Self {
            id: row.jira_id,
            instance: row.instance,
            name: row.name,
            state: row.state,
            board: row.board_id,
            goal: row.goal,
            start: row.start,
            end: row.end,
            closed: row.complete,
        }
    }
}

/// A page of sprints.
#[derive(Serialize, ToSchema)]
struct SprintPage {
    /// By instance, oldest first.
    sprints: Vec<Sprint>,
    /// The cursor of the next page; absent on the last one.
    #[serde(skip_serializing_if = "Option::is_none")]
    next_cursor: Option<String>,
}

/// Which part of a sprint's issues.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct ListOfSprintIssues {
    /// The instance's name or id. Needed only where several instances have a sprint of this id.
    instance: Option<String>,
    /// At most so many.
    #[serde(default = "usual_limit")]
    #[param(minimum = 1, maximum = 200, default = 50)]
    limit: i64,
    /// `next_cursor` of the page before.
    cursor: Option<String>,
}

/// A stay of an issue in a sprint.
#[derive(Serialize, ToSchema)]
struct SprintIssue {
    /// The issue's key.
    #[schema(example = "PAY-7")]
    key: String,
    /// Its summary.
    summary: String,
    /// Its status, now.
    status: Status,
    /// Its story points, now.
    story_points: Option<f64>,
    /// Since when it was in the sprint.
    added: DateTime<Utc>,
    /// When it was taken out; absent while it is in.
    removed: Option<DateTime<Utc>>,
    /// Whether it was done when the sprint was closed; absent while the sprint is open, and for an issue that was not in it
    /// then. `false` is carried over.
    done_at_close: Option<bool>,
}

impl From<SprintIssueRow> for SprintIssue {
    fn from(row: SprintIssueRow) -> Self {
        Self {
            key: row.key,
            summary: row.summary,
            status: Status { name: row.status, category: row.status_category },
            story_points: row.story_points,
            added: row.added,
            removed: row.removed,
            done_at_close: row.done_at_close,
        }
    }
}

/// A page of a sprint's issues.
#[derive(Serialize, ToSchema)]
struct SprintIssuePage {
    /// The sprint.
    sprint: Sprint,
    /// By key; an issue that came back has several stays.
    issues: Vec<SprintIssue>,
    /// The cursor of the next page; absent on the last one.
    #[serde(skip_serializing_if = "Option::is_none")]
    next_cursor: Option<String>,
}

/// The boards of the tenant.
#[utoipa::path(
    get, path = "/boards", tag = "reference", security(("bearer" = ["read"])),
    params(ListOfBoards),
    responses((status = 200, description = "A page of boards.", body = BoardPage), Standard, Missing),
)]
async fn list_boards(
    State(state): State<WebState>,
    ApiCaller(caller): ApiCaller,
    ValidQuery(list): ValidQuery<ListOfBoards>,
) -> Result<Json<BoardPage>, Problem> {
    caller.require(Scope::Read)?;
    let page = page_of(
        &state.services,
        &caller,
        "boards",
        list.instance.as_deref(),
        list.limit,
        list.cursor.as_deref(),
    )
    .await?;
    let mut tx = state.services.db.tenant(&caller.context()).await?;
    let (boards, next_cursor) = cut("boards", tx.boards(&page).await?, &page, Board::from);
    Ok(Json(BoardPage { boards, next_cursor }))
}

/// The sprints of the tenant.
#[utoipa::path(
    get, path = "/sprints", tag = "reference", security(("bearer" = ["read"])),
    params(ListOfSprints),
    responses((status = 200, description = "A page of sprints.", body = SprintPage), Standard, Missing),
)]
async fn list_sprints(
    State(state): State<WebState>,
    ApiCaller(caller): ApiCaller,
    ValidQuery(list): ValidQuery<ListOfSprints>,
) -> Result<Json<SprintPage>, Problem> {
    caller.require(Scope::Read)?;
    if list.state.as_deref().is_some_and(|state| !STATES.contains(&state)) {
        return Err(Error::invalid("state", "must be `future`, `active` or `closed`").into());
    }
    let page = page_of(
        &state.services,
        &caller,
        "sprints",
        list.instance.as_deref(),
        list.limit,
        list.cursor.as_deref(),
    )
    .await?;
    let mut tx = state.services.db.tenant(&caller.context()).await?;
    let found = tx.sprints(&page, list.board, list.state.as_deref()).await?;
    let (sprints, next_cursor) = cut("sprints", found, &page, Sprint::from);
    Ok(Json(SprintPage { sprints, next_cursor }))
}

/// Which issues were in a sprint: since when, until when, and whether they were done when it was closed.
#[utoipa::path(
    get, path = "/sprints/{id}/issues", tag = "reference", security(("bearer" = ["read"])),
    params(("id" = i64, Path, description = "The sprint's id.", example = 7), ListOfSprintIssues),
    responses(
        (status = 200, description = "A page of its issues.", body = SprintIssuePage), Standard, Missing, Conflicting,
    ),
)]
async fn list_sprint_issues(
    State(state): State<WebState>,
    ApiCaller(caller): ApiCaller,
    ValidPath(id): ValidPath<i64>,
    ValidQuery(list): ValidQuery<ListOfSprintIssues>,
) -> Result<Json<SprintIssuePage>, Problem> {
    caller.require(Scope::Read)?;
    let page = page_of(
        &state.services,
        &caller,
        "sprint issues",
        list.instance.as_deref(),
        list.limit,
        list.cursor.as_deref(),
    )
    .await?;
    let mut tx = state.services.db.tenant(&caller.context()).await?;
    let (instance, sprint) = require_sprint(tx.as_mut(), page.instance, id).await?;
    let found = tx.sprint_issues((instance, id), &page).await?;
    let (issues, next_cursor) = cut("sprint issues", found, &page, SprintIssue::from);
    Ok(Json(SprintIssuePage { sprint: sprint.into(), issues, next_cursor }))
}
