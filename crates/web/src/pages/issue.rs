//! `/issues/{key}`: one issue, with adding a comment and doing a transition.

use std::{collections::HashMap, sync::Arc, time::Duration};

use application::{
    Error, Scope,
    issues::{self, CommentBody, CommentRow, HistoryRow, IssueRow, TransitionChoice, transition_issue},
    lookups,
    reference::Roster,
};
use axum::{
    Form,
    extract::{Path, Query, State},
    http::StatusCode,
    response::Response,
};
use serde::Deserialize;
use tokio::time::timeout;

use super::{
    addresses, fault,
    shell::{self, Section, see_other},
    visitor::Visitor,
};
use crate::{rest::problem, state::WebState};

mod fields;
mod page;

pub(super) use page::IssuePage;

/// A page does not wait longer than that for the site to list its transitions.
const PATIENCE: Duration = Duration::from_secs(3);

/// Which instance is meant.
#[derive(Default, Deserialize)]
pub(super) struct Asked {
    #[serde(default)]
    instance: String,
}

impl Asked {
    fn instance(&self) -> Option<&str> {
        Some(self.instance.as_str()).filter(|name| !name.is_empty())
    }
}

/// A comment as the form sends it.
#[derive(Deserialize)]
pub(super) struct CommentForm {
    body: String,
}

/// A transition as its button sends it.
#[derive(Deserialize)]
pub(super) struct TransitionForm {
    transition: String,
}

/// What the page is made of.
pub(super) struct Loaded {
    pub(super) issue: IssueRow,
    pub(super) comments: Vec<CommentRow>,
    pub(super) histories: Vec<HistoryRow>,
    /// Names of the fields, by id.
    pub(super) field_names: HashMap<String, String>,
    /// Where the issue is at its source, unless that is this Forebay.
    pub(super) source: Option<String>,
    /// What a caller who may write can do.
    pub(super) writing: Option<Writing>,
}

/// What a caller who may write can do.
pub(super) struct Writing {
    /// The transitions open now, or why they are not known.
    pub(super) transitions: Result<Vec<TransitionChoice>, String>,
}

/// A write that was refused, to be shown where it was tried.
#[derive(Default)]
pub(super) struct Refused {
    /// The comment that was not added.
    pub(super) comment: String,
    /// Why not.
    pub(super) comment_error: Option<String>,
    /// Why the transition was not done.
    pub(super) transition_error: Option<String>,
}

/// `GET /issues/{key}`
pub(super) async fn show(
    State(state): State<WebState>,
    visitor: Visitor,
    Path(key): Path<String>,
    Query(asked): Query<Asked>,
) -> Response {
    answer(&state, &visitor, &asked, &key, StatusCode::OK, Refused::default()).await
}

/// `POST /issues/{key}/comments`
pub(super) async fn comment(
    State(state): State<WebState>,
    visitor: Visitor,
    Path(key): Path<String>,
    Query(asked): Query<Asked>,
    Form(sent): Form<CommentForm>,
) -> Response {
    // Browsers send line ends as CR LF.
    let text = sent.body.replace("\r\n", "\n");
    let body = CommentBody::Markdown(text.clone());
    match issues::add_comment(&state.services, &visitor.caller, asked.instance(), &key, &body).await {
        Ok(comment) => see_other(&format!("{}#comment-{}", address(&asked, &key), comment.jira_id)),
        Err(error) => {
            let refused =
                |message| Refused { comment: text, comment_error: Some(message), ..Refused::default() };
            refuse(&state, &visitor, &asked, &key, error, refused).await
        }
    }
}

/// `POST /issues/{key}/transitions`
pub(super) async fn transition(
    State(state): State<WebState>,
    visitor: Visitor,
    Path(key): Path<String>,
    Query(asked): Query<Asked>,
    Form(sent): Form<TransitionForm>,
) -> Response {
    let services = &state.services;
    match transition_issue(services, &visitor.caller, asked.instance(), &key, &sent.transition, None).await {
        Ok(_) => see_other(&address(&asked, &key)),
        Err(error) => {
            let refused = |message| Refused { transition_error: Some(message), ..Refused::default() };
            refuse(&state, &visitor, &asked, &key, error, refused).await
        }
    }
}

fn address(asked: &Asked, key: &str) -> String {
    addresses::issue(&asked.instance, key)
}

/// Shows why a write was refused where it was tried; what the page cannot help with ends it.
async fn refuse(
    state: &WebState,
    visitor: &Visitor,
    asked: &Asked,
    key: &str,
    error: Error,
    refused: impl FnOnce(String) -> Refused,
) -> Response {
    if matches!(error, Error::NotFound { .. } | Error::Forbidden(_) | Error::Internal(_)) {
        return visitor.answer(Section::Issues, Err(error));
    }
    problem::log(&error);
    let message = fault::sentence(&error.to_string());
    answer(state, visitor, asked, key, problem::status_of(&error), refused(message)).await
}

async fn answer(
    state: &WebState,
    visitor: &Visitor,
    asked: &Asked,
    key: &str,
    status: StatusCode,
    refused: Refused,
) -> Response {
    let loaded = load(state, visitor, asked, key).await;
    let page = loaded.map(|loaded| {
        let shell = visitor.shell(Section::Issues, format!("{} {}", loaded.issue.key, loaded.issue.summary));
        shell::answer(status, &IssuePage::new(shell, loaded, refused, state.services.clock.now()))
    });
    visitor.answer(Section::Issues, page)
}

async fn load(state: &WebState, visitor: &Visitor, asked: &Asked, key: &str) -> Result<Loaded, Error> {
    let writing = async {
        if !visitor.caller.has(Scope::Write) {
            return None;
        }
        Some(Writing { transitions: transitions(state, visitor, asked, key).await })
    };
    // The site is asked while the database is read.
    let (stored, writing) = futures::future::join(stored(state, visitor, asked, key), writing).await;
    Ok(Loaded { writing, ..stored? })
}

async fn stored(state: &WebState, visitor: &Visitor, asked: &Asked, key: &str) -> Result<Loaded, Error> {
    let (services, caller) = (&state.services, &visitor.caller);
    let wanted = lookups::instance_id(services, caller, asked.instance()).await?;
    let issue = lookups::issue(services, caller, wanted, key).await?;
    let instance = lookups::instance(services, caller, &issue.instance).await?;
    let fields = lookups::roster(services, caller, instance.id, Roster::Fields).await?;
    let mut tx = services.db.tenant(caller.tenant).await?;
    let name_of = |field: &serde_json::Value| {
        Some((field["id"].as_str()?.to_owned(), field["name"].as_str()?.to_owned()))
    };
    let is_elsewhere = instance.kind.is_mirror()
        && instance.base_url.starts_with("http")
        && !instance.base_url.starts_with(&state.services.public_url);
    Ok(Loaded {
        comments: tx.comments(&[issue.id]).await?,
        histories: tx.histories(&[issue.id]).await?,
        field_names: fields.iter().filter_map(name_of).collect(),
        source: is_elsewhere.then(|| format!("{}/browse/{}", instance.base_url, issue.key)),
        issue: Arc::unwrap_or_clone(issue),
        writing: None,
    })
}

async fn transitions(
    state: &WebState,
    visitor: &Visitor,
    asked: &Asked,
    key: &str,
) -> Result<Vec<TransitionChoice>, String> {
    let listed = issues::list_transitions(&state.services, &visitor.caller, asked.instance(), key);
    match timeout(PATIENCE, listed).await {
        Ok(Ok(choices)) => Ok(choices),
        Ok(Err(error)) => {
            problem::log(&error);
            Err(fault::sentence(&error.to_string()))
        }
        Err(_) => Err(format!("The site did not answer within {} s.", PATIENCE.as_secs())),
    }
}
