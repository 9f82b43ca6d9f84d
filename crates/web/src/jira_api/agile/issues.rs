//! Issues of boards, backlogs, sprints and epics: in the envelope of the old search, with what boards know of an issue besides
//! (`sprint`, `closedSprints`, `flagged`, `epic`).

use std::{collections::BTreeMap, sync::Arc};

use application::{
    Scope,
    instances::Instance,
    issues::IssueRow,
    ports::TenantTx,
    sandbox::{self, FieldChanges},
    search::{SearchRequest, SearchStart, parse_jql},
};
use axum::response::Response;
use jql::Query;
use serde_json::{Map, Value, json};

use super::{PAGE, address, boards, epics, landmarks::Landmarks, questions, sprints};
use crate::jira_api::{
    answer,
    assemble::View,
    body::Body,
    expansions,
    fields::{DefaultFields, Expand, Selection},
    page::Window,
    params::Params,
    refusal::Refusal,
    search,
    site::Site,
};

/// Issues on a page, at most.
const LARGEST_PAGE: usize = 100;

/// What a question needs.
struct Asking {
    site: Site,
    params: Params,
    instance: Arc<Instance>,
    landmarks: Landmarks,
    tx: Box<dyn TenantTx>,
}

impl Asking {
    async fn begin(site: Site, params: Params) -> Result<Self, Refusal> {
        // Look-ups before the transaction: they may need a connection of their own.
        let instance = site.instance(Scope::Read).await?;
        let landmarks = Landmarks::load(&site, instance.id).await?;
        let tx = site.transaction().await?;
        Ok(Self { site, params, instance, landmarks, tx })
    }

    /// The issues of the board that the path names.
    async fn board(&mut self) -> Result<(boards::Board, Query), Refusal> {
        let board = boards::named(self.tx.as_mut(), &self.site, self.instance.id).await?;
        let query = questions::of_board(self.tx.as_mut(), &self.instance, &board, &self.landmarks).await?;
        Ok((board, query))
    }

    async fn epic(&mut self) -> Result<IssueRow, Refusal> {
        epics::named(self.tx.as_mut(), &self.site, self.instance.id, &self.landmarks).await
    }

    /// Our own part of a question, by rank.
    fn ranked(&self, condition: &str) -> Result<Query, Refusal> {
        Ok(parse_jql(&format!("{condition} {}", questions::ranked(&self.landmarks)))?)
    }

    /// The page of issues that is asked for.
    async fn answer(mut self, query: Query) -> Result<Response, Refusal> {
        let asked = self.params.text("jql").unwrap_or_default();
        let query = questions::both(query, parse_jql(asked)?);
        let window = Window::of(&self.params, PAGE, LARGEST_PAGE)?;
        let request = SearchRequest {
            limit: u32::try_from(window.size.max(1)).unwrap_or(1),
            start: SearchStart::Offset(window.start as u64),
            with_total: true,
            ..search::request(&self.site, &self.instance, query)
        };
        let validation = search::Validation::of(self.params.text("validateQuery"));
        let (request, warnings) = validation.judge(self.tx.as_mut(), request).await?;
        let mut found = self.tx.search(&request).await?;
        if let Some(lens) = self.site.lens() {
            found.issues.retain(|row| !lens.hides(row) && !lens.lags(row, &request.query, request.now));
        }
        found.issues.truncate(window.size);
        let total = found.total.unwrap_or((window.start + found.issues.len()) as u64);
        let (issues, expanded) = self.assemble(found.issues).await?;
        let mut answer = Map::from_iter([
            ("expand".to_owned(), json!("schema,names")),
            ("startAt".to_owned(), json!(window.start)),
            ("maxResults".to_owned(), json!(window.size)),
            ("total".to_owned(), json!(total)),
            ("issues".to_owned(), Value::Array(issues)),
        ]);
        if !warnings.is_empty() {
            answer.insert("warningMessages".into(), json!(warnings));
        }
        answer.extend(expanded);
        Ok(answer::ok(&Value::Object(answer)))
    }

    async fn assemble(mut self, rows: Vec<IssueRow>) -> Result<(Vec<Value>, Map<String, Value>), Refusal> {
        let named = self.params.list("fields");
        let extra = ["sprint", "closedSprints", "flagged", "epic"].map(|name| {
            (
                name,
                named.is_empty()
                    || named.iter().any(|field| [name, "*all", "*navigable"].contains(&field.as_str())),
            )
        });
        let view = View {
            dialect: self.site.dialect,
            selection: Selection::parse(&named, DefaultFields::Navigable),
            expand: Expand::parse(&self.params.list("expand")),
            properties: Vec::new(),
        };
        let epics = self.epics(&rows).await?;
        let known: Vec<[Value; 4]> = rows.iter().map(|row| self.agile_fields(row, &epics)).collect();
        let mut assembled = expansions::assemble(&self.site, self.tx, &self.instance, &view, rows).await?;
        for (issue, known) in assembled.issues.iter_mut().zip(known) {
            for ((name, wanted), value) in extra.into_iter().zip(known) {
                if wanted {
                    issue["fields"][name] = value;
                }
            }
        }
        Ok((assembled.issues, assembled.expanded))
    }

    /// The epics that these issues name by key alone: on Server and Data Center.
    async fn epics(&mut self, rows: &[IssueRow]) -> Result<BTreeMap<String, Value>, Refusal> {
        let Some(link) = &self.landmarks.epic_link else { return Ok(BTreeMap::new()) };
        let mut keys: Vec<&str> = rows.iter().filter_map(|row| row.raw["fields"][link].as_str()).collect();
        keys.sort_unstable();
        keys.dedup();
        let keys: Vec<String> = keys.into_iter().map(str::to_owned).collect();
        let found = self.tx.issues_named(self.instance.id, &keys).await?;
        Ok(found
            .into_iter()
            .map(|(key, row)| (key, epics::served(&self.site, &self.landmarks, &row.raw)))
            .collect())
    }

    /// `sprint`, `closedSprints`, `flagged` and `epic` of an issue.
    fn agile_fields(&self, row: &IssueRow, epics: &BTreeMap<String, Value>) -> [Value; 4] {
        let fields = &row.raw["fields"];
        let field = |id: &Option<String>| id.as_ref().map_or(&Value::Null, |id| &fields[id]);
        let sprints = field(&self.landmarks.sprint).as_array().map_or(&[][..], Vec::as_slice);
        let listed: Vec<Value> = sprints.iter().filter_map(|sprint| self.sprint_of_field(sprint)).collect();
        let (closed, open): (Vec<Value>, Vec<Value>) =
            listed.into_iter().partition(|sprint| sprint["state"] == "closed");
        let flagged = field(&self.landmarks.flagged).as_array().is_some_and(|flags| !flags.is_empty());
        let parent = &fields["parent"];
        let kind = parent["fields"]["issuetype"]["id"].as_str().unwrap_or_default();
        let epic = match field(&self.landmarks.epic_link).as_str() {
            Some(key) => epics.get(key).cloned().unwrap_or_default(),
            None if self.landmarks.epic_types.iter().any(|epic| epic == kind) => {
                epics::served(&self.site, &self.landmarks, parent)
            }
            None => Value::Null,
        };
        let closed = if closed.is_empty() { Value::Null } else { Value::Array(closed) };
        [open.into_iter().next_back().unwrap_or_default(), closed, json!(flagged), epic]
    }

    /// A sprint of the field, which names its members a little otherwise than this API.
    fn sprint_of_field(&self, sprint: &Value) -> Option<Value> {
        let mut sprint = application::ingest::sprint_of(sprint)?;
        sprint.board = sprint.board.filter(|_| sprint.state != "closed");
        Some(sprint.served(|| address(&self.site, &format!("sprint/{}", sprint.id))))
    }
}

/// `GET board/{id}/issue`.
pub(super) async fn of_board(site: Site, params: Params) -> Result<Response, Refusal> {
    let mut asking = Asking::begin(site, params).await?;
    let (_, query) = asking.board().await?;
    asking.answer(query).await
}

/// `GET board/{id}/backlog`.
pub(super) async fn backlog(site: Site, params: Params) -> Result<Response, Refusal> {
    let mut asking = Asking::begin(site, params).await?;
    let (board, query) = asking.board().await?;
    let sprints = asking.tx.sprints_of_board(asking.instance.id, board.id).await?;
    let open: Vec<i64> =
        sprints.iter().filter(|sprint| sprint.state != "closed").map(|sprint| sprint.id).collect();
    let query = questions::both(query, parse_jql(&questions::backlog(&asking.landmarks, &open))?);
    asking.answer(query).await
}

/// `GET board/{id}/sprint/{id}/issue`.
pub(super) async fn of_board_and_sprint(site: Site, params: Params) -> Result<Response, Refusal> {
    let mut asking = Asking::begin(site, params).await?;
    let (_, query) = asking.board().await?;
    let sprint = sprints::named(asking.tx.as_mut(), &asking.site, asking.instance.id).await?;
    let query = questions::both(query, parse_jql(&questions::in_sprint(&asking.landmarks, sprint.id))?);
    asking.answer(query).await
}

/// `GET sprint/{id}/issue`.
pub(super) async fn of_sprint(site: Site, params: Params) -> Result<Response, Refusal> {
    let mut asking = Asking::begin(site, params).await?;
    let sprint = sprints::named(asking.tx.as_mut(), &asking.site, asking.instance.id).await?;
    let query = asking.ranked(&questions::in_sprint(&asking.landmarks, sprint.id))?;
    asking.answer(query).await
}

/// `GET board/{id}/epic/{id}/issue`.
pub(super) async fn of_board_and_epic(site: Site, params: Params) -> Result<Response, Refusal> {
    let mut asking = Asking::begin(site, params).await?;
    let (_, query) = asking.board().await?;
    let epic = asking.epic().await?;
    let query = questions::both(query, parse_jql(&questions::in_epic(&epic.key))?);
    asking.answer(query).await
}

/// `GET board/{id}/epic/none/issue`.
pub(super) async fn of_board_without_epic(site: Site, params: Params) -> Result<Response, Refusal> {
    let mut asking = Asking::begin(site, params).await?;
    let (_, query) = asking.board().await?;
    let query = questions::both(query, parse_jql(&questions::without_epic(&asking.landmarks))?);
    asking.answer(query).await
}

/// `GET epic/{id}/issue`.
pub(super) async fn of_epic(site: Site, params: Params) -> Result<Response, Refusal> {
    let mut asking = Asking::begin(site, params).await?;
    let epic = asking.epic().await?;
    let query = asking.ranked(&questions::in_epic(&epic.key))?;
    asking.answer(query).await
}

/// `GET epic/none/issue`.
pub(super) async fn without_epic(site: Site, params: Params) -> Result<Response, Refusal> {
    let asking = Asking::begin(site, params).await?;
    let query = asking.ranked(&questions::without_epic(&asking.landmarks))?;
    asking.answer(query).await
}

/// `GET issue/{id}`.
pub(super) async fn one(site: Site, params: Params) -> Result<Response, Refusal> {
    let (_, row) = site.issue().await?;
    let asking = Asking::begin(site, params).await?;
    let (issues, expanded) = asking.assemble(vec![Arc::unwrap_or_clone(row)]).await?;
    let mut issue = issues.into_iter().next().unwrap_or_default();
    if let Some(issue) = issue.as_object_mut() {
        issue.extend(expanded);
    }
    Ok(answer::ok(&issue))
}

/// `GET issue/{id}/estimation`. The value is text (jira-facts 9.1).
pub(super) async fn estimation(site: Site, params: Params) -> Result<Response, Refusal> {
    if params.integer("boardId")?.is_none() {
        return Err(Refusal::bad_request("boardId is required."));
    }
    let (_, row) = site.issue().await?;
    let asking = Asking::begin(site, params).await?;
    let Some((field, _)) = &asking.landmarks.points else {
        return Err(Refusal::bad_request("The board does not estimate its issues."));
    };
    let value = row.raw["fields"][field].as_f64().map(|points| format!("{points:?}"));
    Ok(answer::ok(&json!({ "fieldId": field, "value": value })))
}

/// `PUT issue/{id}/estimation`: the estimate that boards count by.
pub(super) async fn estimate(site: Site, params: Params, body: Body) -> Result<Response, Refusal> {
    if params.integer("boardId")?.is_none() {
        return Err(Refusal::bad_request("boardId is required."));
    }
    let instance = site.instance(Scope::Write).await?;
    let landmarks = Landmarks::load(&site, instance.id).await?;
    let Some((field, _)) = landmarks.points else {
        return Err(Refusal::bad_request("The board does not estimate its issues."));
    };
    let value = match body.get("value") {
        None => Value::Null,
        Some(Value::String(text)) => {
            match text.trim().parse::<f64>().ok().filter(|points| points.is_finite()) {
                Some(points) => json!(points),
                None => return Err(Refusal::field("value", "The estimate must be a number.")),
            }
        }
        Some(other) => other.clone(),
    };
    let (_, row) = site.issue().await?;
    let fields = Map::from_iter([(field.clone(), value)]);
    let changes = FieldChanges { dialect: site.dialect, fields, update: Map::new() };
    let services = &site.state.services;
    sandbox::edit_issue(services, &site.caller, &site.name, &row.jira_id, changes).await?;
    let (_, row) = site.issue().await?;
    let value = row.raw["fields"][&field].as_f64().map(|points| format!("{points:?}"));
    Ok(answer::ok(&json!({ "fieldId": field, "value": value })))
}
