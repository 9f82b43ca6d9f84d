//! Epics, as the Agile API shows them.

use application::{
    Error,
    issues::{IssueRow, require_issue},
    ports::TenantTx,
    sandbox::{self, Destination, FieldChanges, RankTarget},
    search::{SearchRequest, SearchStart, parse_jql},
};
use axum::{
    http::StatusCode,
    response::{IntoResponse, Response},
};
use domain::ids::InstanceId;
use serde_json::{Map, Value, json};

use super::{PAGE, address, boards, landmarks::Landmarks, questions};
use crate::jira_api::{
    answer, body::Body, page::Window, params::Params, refusal::Refusal, search, site::Site,
};

/// The epic that the path names.
pub(super) async fn named(
    tx: &mut dyn TenantTx,
    site: &Site,
    instance: InstanceId,
    landmarks: &Landmarks,
) -> Result<IssueRow, Refusal> {
    let name = site.param("epic");
    let missing = || Error::not_found("epic", name);
    let row = require_issue(tx, Some(instance), name).await.map_err(|error| match error {
        Error::NotFound { .. } => missing(),
        error => error,
    })?;
    let kind = row.raw["fields"]["issuetype"]["id"].as_str().unwrap_or_default();
    let is_epic = landmarks.epic_types.iter().any(|epic| epic == kind);
    if is_epic && !site.lens().is_some_and(|lens| lens.hides(&row)) { Ok(row) } else { Err(missing().into()) }
}

/// An epic from an issue, or from what its children show of it.
pub(super) fn served(site: &Site, landmarks: &Landmarks, issue: &Value) -> Value {
    let fields = &issue["fields"];
    let number = issue["id"].as_str().and_then(|id| id.parse::<i64>().ok()).unwrap_or_default();
    let named = landmarks.epic_name.as_ref().map(|field| &fields[field]).filter(|name| name.is_string());
    json!({
        "id": number,
        "key": issue["key"],
        "self": address(site, &format!("epic/{number}")),
        "name": named.unwrap_or(&fields["summary"]),
        "summary": fields["summary"],
        "color": { "key": format!("color_{}", number.rem_euclid(9) + 1) },
        "done": fields["status"]["statusCategory"]["key"] == "done",
    })
}

/// `GET board/{id}/epic`.
pub(super) async fn of_board(site: Site, params: Params) -> Result<Response, Refusal> {
    let window = Window::of(&params, PAGE, PAGE)?;
    let instance = site.instance(application::Scope::Read).await?;
    let landmarks = Landmarks::load(&site, instance.id).await?;
    let mut tx = site.transaction().await?;
    let board = boards::named(tx.as_mut(), &site, instance.id).await?;
    let Some(epics) = questions::epics(&landmarks, "in") else {
        return Ok(answer::ok(&page(&window, Vec::new(), 0)));
    };
    let of_board = questions::of_filter(tx.as_mut(), &instance, &board, &landmarks).await?;
    let done = match params.text("done") {
        Some("true") => " AND statusCategory = Done",
        Some("false") => " AND statusCategory != Done",
        _ => "",
    };
    let text = format!("{epics}{done} {}", questions::ranked(&landmarks));
    let query = questions::both(of_board, parse_jql(&text)?);
    let request = SearchRequest {
        limit: u32::try_from(window.size.max(1)).unwrap_or(1),
        start: SearchStart::Offset(window.start as u64),
        with_total: true,
        ..search::request(&site, &instance, query)
    };
    let found = tx.search(&request).await?;
    let total = found.total.unwrap_or(0);
    let values = found.issues.iter().take(window.size).map(|row| served(&site, &landmarks, &row.raw));
    Ok(answer::ok(&page(&window, values.collect(), total)))
}

fn page(window: &Window, values: Vec<Value>, total: u64) -> Value {
    let is_last = values.is_empty() || (window.start + values.len()) as u64 >= total;
    json!({
        "maxResults": window.size, "startAt": window.start, "total": total, "isLast": is_last, "values": values,
    })
}

/// `GET epic/{id}`.
pub(super) async fn one(site: Site) -> Result<Response, Refusal> {
    let instance = site.instance(application::Scope::Read).await?;
    let landmarks = Landmarks::load(&site, instance.id).await?;
    let mut tx = site.transaction().await?;
    let row = named(tx.as_mut(), &site, instance.id, &landmarks).await?;
    Ok(answer::ok(&served(&site, &landmarks, &row.raw)))
}

/// The numeric id of the epic that the path names.
async fn epic_id(site: &Site) -> Result<String, Refusal> {
    let instance = site.instance(application::Scope::Write).await?;
    let landmarks = Landmarks::load(site, instance.id).await?;
    let mut tx = site.transaction().await?;
    Ok(named(tx.as_mut(), site, instance.id, &landmarks).await?.jira_id)
}

/// `POST epic/{id}`: its name and summary. Its colour is not kept, and it is done by a transition.
pub(super) async fn change(site: Site, body: Body) -> Result<Response, Refusal> {
    let epic = epic_id(&site).await?;
    if body.get("done").is_some() || body.get("color").is_some() {
        let message = "`done` and `color` of epics are not served by Forebay; transition the epic instead";
        return Err(Error::Unsupported(message.into()).into());
    }
    let instance = site.instance(application::Scope::Write).await?;
    let landmarks = Landmarks::load(&site, instance.id).await?;
    let mut fields = Map::new();
    if let Some(summary) = body.text("summary")? {
        fields.insert("summary".into(), json!(summary));
    }
    if let Some(name) = body.text("name")? {
        // Where epics have no names of their own, they are called by their summary.
        let field = landmarks.epic_name.clone().unwrap_or_else(|| "summary".to_owned());
        fields.insert(field, json!(name));
    }
    let changes = FieldChanges { dialect: site.dialect, fields, update: Map::new() };
    sandbox::edit_issue(&site.state.services, &site.caller, &site.name, &epic, changes).await?;
    one(site).await
}

/// `PUT epic/{id}/rank`: before or after another epic.
pub(super) async fn rank(site: Site, body: Body) -> Result<Response, Refusal> {
    let target = match (body.text("rankBeforeEpic")?, body.text("rankAfterEpic")?) {
        (Some(epic), None) => RankTarget::Before(epic.to_owned()),
        (None, Some(epic)) => RankTarget::After(epic.to_owned()),
        _ => {
            let message = "One of rankBeforeEpic and rankAfterEpic is required, and only one.";
            return Err(Refusal::bad_request(message));
        }
    };
    let epic = epic_id(&site).await?;
    let (services, issues) = (&site.state.services, [epic]);
    sandbox::plan_issues(services, &site.caller, &site.name, &issues, &Destination::Here, Some(&target))
        .await?;
    Ok(StatusCode::NO_CONTENT.into_response())
}
