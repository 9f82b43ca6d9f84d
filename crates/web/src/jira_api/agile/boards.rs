//! Boards.

use std::sync::Arc;

use application::{
    Error,
    instances::{Instance, InstanceKind},
    lookups,
    ports::TenantTx,
    reference::Roster,
};
use axum::response::Response;
use domain::ids::InstanceId;
use serde_json::{Value, json};

use super::{
    address, id,
    landmarks::{Landmarks, number_of},
    page, questions,
};
use crate::jira_api::{answer, params::Params, refusal::Refusal, site::Site};

/// A board as the site lists it.
#[derive(Clone, Debug)]
pub(super) struct Board {
    pub(super) id: i64,
    pub(super) name: String,
    /// The project that it is at home in.
    pub(super) project_key: Option<String>,
    raw: Value,
}

impl Board {
    fn read(raw: Value) -> Option<Self> {
        Some(Self {
            id: raw["id"].as_i64()?,
            name: raw["name"].as_str()?.to_owned(),
            project_key: raw["location"]["projectKey"].as_str().map(str::to_owned),
            raw,
        })
    }

    fn kind(&self) -> &str {
        self.raw["type"].as_str().unwrap_or_default()
    }

    pub(super) fn is_scrum(&self) -> bool {
        self.kind() == "scrum"
    }

    /// Kanban boards have no sprints; boards of team-managed projects (`simple`) may have some.
    pub(super) fn has_sprints(&self) -> bool {
        self.kind() != "kanban"
    }
}

/// The boards that the caller may see.
async fn boards(tx: &mut dyn TenantTx, site: &Site, instance: InstanceId) -> Result<Vec<Board>, Refusal> {
    let mut boards: Vec<Board> =
        tx.roster(instance, Roster::Boards).await?.into_iter().filter_map(Board::read).collect();
    if let Some(lens) = site.lens() {
        boards.retain(|board| board.project_key.as_deref().is_none_or(|key| !lens.hides_project(key)));
    }
    Ok(boards)
}

/// The board that the path names.
pub(super) async fn named(
    tx: &mut dyn TenantTx,
    site: &Site,
    instance: InstanceId,
) -> Result<Board, Refusal> {
    let wanted = id(site, "board", "board")?;
    let found = boards(tx, site, instance).await?.into_iter().find(|board| board.id == wanted);
    found.ok_or_else(|| Error::not_found("board", wanted.to_string()).into())
}

/// `GET board`.
pub(super) async fn list(site: Site, params: Params) -> Result<Response, Refusal> {
    let (mut tx, instance) = site.read().await?;
    let project = match params.text("projectKeyOrId").filter(|text| !text.is_empty()) {
        Some(asked) => Some(project(&site, &instance, asked).await?),
        None => None,
    };
    let mut boards = boards(tx.as_mut(), &site, instance.id).await?;
    let kinds = params.list("type");
    let name = params.text("name").map(str::to_lowercase).filter(|name| !name.is_empty());
    boards.retain(|board| {
        (kinds.is_empty() || kinds.iter().any(|kind| kind == board.kind()))
            && name.as_ref().is_none_or(|name| board.name.to_lowercase().contains(name))
            && project.as_ref().is_none_or(|project| board.project_key.as_ref() == Some(project))
    });
    match params.text("orderBy") {
        Some("name" | "+name") => boards.sort_by(|one, other| one.name.cmp(&other.name)),
        Some("-name") => boards.sort_by(|one, other| other.name.cmp(&one.name)),
        _ => {}
    }
    let list = boards.into_iter().map(|board| board.raw).collect();
    Ok(answer::ok(&page(&params, list)?))
}

/// The key of the project that is asked for by key or id.
async fn project(site: &Site, instance: &Arc<Instance>, asked: &str) -> Result<String, Refusal> {
    let found = lookups::project(&site.state.services, &site.caller, instance, asked).await;
    let found = found.map_err(|error| match error {
        Error::NotFound { .. } => {
            Refusal::bad_request(format!("No project could be found with key or id '{asked}'."))
        }
        error => error.into(),
    })?;
    Ok(found["key"].as_str().unwrap_or_default().to_owned())
}

/// `GET board/{id}`.
pub(super) async fn one(site: Site) -> Result<Response, Refusal> {
    let (mut tx, instance) = site.read().await?;
    Ok(answer::ok(&named(tx.as_mut(), &site, instance.id).await?.raw))
}

/// `GET board/{id}/project`.
pub(super) async fn projects(site: Site, params: Params) -> Result<Response, Refusal> {
    let (mut tx, instance) = site.read().await?;
    let board = named(tx.as_mut(), &site, instance.id).await?;
    let mut projects = tx.roster(instance.id, Roster::Projects).await?;
    projects.retain(|project| project["key"].as_str() == board.project_key.as_deref());
    Ok(answer::ok(&page(&params, projects)?))
}

/// `GET board/{id}/project/full`.
pub(super) async fn projects_in_full(site: Site) -> Result<Response, Refusal> {
    let (mut tx, instance) = site.read().await?;
    let board = named(tx.as_mut(), &site, instance.id).await?;
    let mut projects = tx.roster(instance.id, Roster::Projects).await?;
    projects.retain(|project| project["key"].as_str() == board.project_key.as_deref());
    let total = projects.len();
    Ok(answer::ok(&json!({
        "maxResults": total, "startAt": 0, "total": total, "isLast": true, "values": projects,
    })))
}

/// `GET board/{id}/version`: those of the project that the board is at home in.
pub(super) async fn versions(site: Site, params: Params) -> Result<Response, Refusal> {
    let (mut tx, instance) = site.read().await?;
    let board = named(tx.as_mut(), &site, instance.id).await?;
    let mut versions = match &board.project_key {
        Some(project) => tx.versions_of(instance.id, project).await?,
        None => Vec::new(),
    };
    if let Some(released) = params.text("released").filter(|text| !text.is_empty()) {
        versions.retain(|version| (version["released"] == true) == (released == "true"));
    }
    // This API has numbers for ids.
    for version in &mut versions {
        if let Some(id) = version["id"].as_str().and_then(|id| id.parse::<i64>().ok()) {
            version["id"] = json!(id);
        }
    }
    Ok(answer::ok(&page(&params, versions)?))
}

/// `GET board/{id}/configuration`: of a mirror as the site serves it; a sandbox's boards have a column for each category of statuses.
pub(super) async fn configuration(site: Site) -> Result<Response, Refusal> {
    let instance = site.instance(application::Scope::Read).await?;
    let landmarks = Landmarks::load(&site, instance.id).await?;
    let mut tx = site.transaction().await?;
    let board = named(tx.as_mut(), &site, instance.id).await?;
    if instance.kind != InstanceKind::Sandbox {
        let known = tx.board_configuration(instance.id, board.id).await?;
        let unknown = "how this board is configured was not read yet, or is not shown to the mirror; ask the site itself";
        return Ok(answer::ok(&known.ok_or_else(|| Error::Unsupported(unknown.into()))?));
    }
    let statuses = tx.roster(instance.id, Roster::Statuses).await?;
    let filter = questions::filter_of(&tx.roster(instance.id, Roster::Filters).await?, &board);
    let mut answer = json!({
        "id": board.id,
        "name": board.name,
        "type": board.kind(),
        "self": address(&site, &format!("board/{}/configuration", board.id)),
        "columnConfig": { "columns": columns(&statuses), "constraintType": "none" },
    });
    if let Some(project) = &board.project_key {
        answer["location"] = json!({ "type": "project", "projectKeyOrId": project });
    }
    if let Some((id, _)) = filter {
        answer["filter"] = json!({ "id": id, "self": site.api_url(&format!("filter/{id}")) });
    }
    if let Some((field, name)) = landmarks.points.filter(|_| board.is_scrum()) {
        answer["estimation"] = json!({ "type": "field", "field": { "fieldId": field, "displayName": name } });
    }
    if let Some(rank) = landmarks.rank.and_then(|rank| number_of(&rank).parse::<i64>().ok()) {
        answer["ranking"] = json!({ "rankCustomFieldId": rank });
    }
    Ok(answer::ok(&answer))
}

fn columns(statuses: &[Value]) -> Vec<Value> {
    let columns = [("To Do", "new"), ("In Progress", "indeterminate"), ("Done", "done")];
    columns
        .into_iter()
        .map(|(name, category)| {
            let own = statuses.iter().filter(|status| status["statusCategory"]["key"] == category);
            let own: Vec<Value> =
                own.map(|status| json!({ "id": status["id"], "self": status["self"] })).collect();
            json!({ "name": name, "statuses": own })
        })
        .collect()
}
