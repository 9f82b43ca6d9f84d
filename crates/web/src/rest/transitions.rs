//! Transitions: which are open, and doing one.

use application::issues::{self, TransitionChoice};
use axum::extract::{Json, State};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use utoipa::ToSchema;
use utoipa_axum::{router::OpenApiRouter, routes};

use super::{
    document::{Body, Conflicting, Missing, Standard, Upstream},
    extract::{ApiCaller, ValidJson, ValidPath, ValidQuery},
    issues::{Issue, OfInstance, Status},
    problem::Problem,
};
use crate::state::WebState;

pub(super) fn routes() -> OpenApiRouter<WebState> {
    OpenApiRouter::new().routes(routes!(list_transitions, transition_issue))
}

/// A transition that is open now.
#[derive(Serialize, ToSchema)]
struct Transition {
    /// Its id.
    #[schema(example = "21")]
    id: String,
    /// Its name.
    #[schema(example = "Start progress")]
    name: String,
    /// The status it leads to.
    to: Status,
}

impl From<&TransitionChoice> for Transition {
    fn from(choice: &TransitionChoice) -> Self {
        Self {
            id: choice.id.clone(),
            name: choice.name.clone(),
            to: Status { name: choice.to.clone(), category: choice.to_category.clone() },
        }
    }
}

/// The transitions that are open now.
#[derive(Serialize, ToSchema)]
struct Transitions {
    /// In Jira's order.
    transitions: Vec<Transition>,
}

/// A transition to be done.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct TransitionToDo {
    /// Its id, its name, or the name of the status it leads to.
    #[schema(example = "Done")]
    transition: String,
    /// Fields to set with it, as Jira's REST API takes them.
    #[schema(value_type = Option<Object>)]
    fields: Option<Map<String, Value>>,
}

/// The transitions open to the account now. A mirror asks its site.
#[utoipa::path(
    get, path = "/issues/{key}/transitions", tag = "issues", security(("bearer" = ["read"])),
    params(("key" = String, Path, description = "The issue's key or Jira's numeric id."), OfInstance),
    responses(
        (status = 200, description = "The transitions.", body = Transitions),
        Standard, Missing, Conflicting, Upstream,
    ),
)]
async fn list_transitions(
    State(state): State<WebState>,
    ApiCaller(caller): ApiCaller,
    ValidPath(key): ValidPath<String>,
    ValidQuery(of): ValidQuery<OfInstance>,
) -> Result<Json<Transitions>, Problem> {
    let open = issues::list_transitions(&state.services, &caller, of.instance.as_deref(), &key).await?;
    Ok(Json(Transitions { transitions: open.iter().map(Transition::from).collect() }))
}

/// Does a transition: at Jira first, then in the copy and the audit log. Answers the issue as it is then.
#[utoipa::path(
    post, path = "/issues/{key}/transitions", tag = "issues", security(("bearer" = ["write"])),
    params(("key" = String, Path, description = "The issue's key or Jira's numeric id."), OfInstance),
    request_body = TransitionToDo,
    responses(
        (status = 200, description = "The issue, as it is now.", body = Issue),
        Standard, Missing, Conflicting, Body, Upstream,
    ),
)]
async fn transition_issue(
    State(state): State<WebState>,
    ApiCaller(caller): ApiCaller,
    ValidPath(key): ValidPath<String>,
    ValidQuery(of): ValidQuery<OfInstance>,
    ValidJson(wanted): ValidJson<TransitionToDo>,
) -> Result<Json<Issue>, Problem> {
    let instance = of.instance.as_deref();
    let fields = wanted.fields.map(Value::Object);
    let row = issues::transition_issue(
        &state.services,
        &caller,
        instance,
        &key,
        &wanted.transition,
        fields.as_ref(),
    )
    .await?;
    Ok(Json(Issue::from(&row)))
}
