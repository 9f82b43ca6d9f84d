//! Search by JQL.

use application::{
    Caller, Scope, lookups,
    search::{SearchRequest, SearchStart, parse_jql, request_at},
};
use axum::extract::{Json, State};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::{router::OpenApiRouter, routes};

use super::{
    document::{Body, Missing, NotServed, Standard},
    extract::{ApiCaller, ValidJson, ValidQuery, within},
    issues::Issue,
    problem::Problem,
};
use crate::state::WebState;

pub(super) fn routes() -> OpenApiRouter<WebState> {
    OpenApiRouter::new().routes(routes!(search_issues)).routes(routes!(search_issues_by_body))
}

const MOST: u32 = 200;

/// A search.
#[derive(Deserialize, IntoParams, ToSchema)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct Search {
    /// The query; all issues when absent.
    #[serde(default)]
    #[param(example = "project = PAY AND statusCategory != Done ORDER BY created DESC")]
    #[schema(example = "project = PAY AND statusCategory != Done ORDER BY created DESC")]
    jql: String,
    /// The name or id of one instance; all of the tenant's when absent. Dates without a zone are read in its account's
    /// time zone, and `currentUser()` is its account; in UTC and nobody otherwise.
    instance: Option<String>,
    /// At most so many issues.
    #[serde(default = "usual_limit")]
    #[param(minimum = 1, maximum = 200, default = 50)]
    #[schema(minimum = 1, maximum = 200, default = 50)]
    limit: u32,
    /// `next_cursor` of the page before.
    cursor: Option<String>,
    /// Whether the exact total is wanted, which costs more.
    #[serde(default)]
    #[param(default = false)]
    #[schema(default = false)]
    total: bool,
}

fn usual_limit() -> u32 {
    50
}

/// A page of issues.
#[derive(Serialize, ToSchema)]
struct IssuePage {
    /// The issues, in the order of the query.
    issues: Vec<Issue>,
    /// The cursor of the next page; absent on the last one. Pages stay whole while issues change.
    #[serde(skip_serializing_if = "Option::is_none")]
    next_cursor: Option<String>,
    /// The exact total, where asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    total: Option<u64>,
    /// What of the query was not asked of every issue: a field that only some instances have, a name of several fields. Absent
    /// where there is nothing to say.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    warnings: Vec<String>,
}

async fn answer(state: &WebState, caller: &Caller, search: Search) -> Result<Json<IssuePage>, Problem> {
    caller.require(Scope::Read)?;
    let limit = within("limit", search.limit, 1, MOST)?;
    let query = parse_jql(&search.jql)?;
    let instance = match &search.instance {
        Some(name) => Some(lookups::instance(&state.services, caller, name).await?),
        None => None,
    };
    let request = SearchRequest {
        limit,
        start: search.cursor.map_or(SearchStart::Offset(0), SearchStart::After),
        with_total: search.total,
        ..request_at(instance.as_deref(), query, state.services.clock.now())
    };
    let page = state.services.db.tenant(&caller.context()).await?.search(&request).await?;
    let issues = page.issues.iter().map(Issue::from).collect();
    Ok(Json(IssuePage { issues, next_cursor: page.next, total: page.total, warnings: page.warnings }))
}

/// Searches issues by JQL.
#[utoipa::path(
    get, path = "/issues", tag = "issues", security(("bearer" = ["read"])),
    params(Search),
    responses((status = 200, description = "A page of issues.", body = IssuePage), Standard, Missing, NotServed),
)]
async fn search_issues(
    State(state): State<WebState>,
    ApiCaller(caller): ApiCaller,
    ValidQuery(search): ValidQuery<Search>,
) -> Result<Json<IssuePage>, Problem> {
    answer(&state, &caller, search).await
}

/// Searches issues by JQL that is too long for an address.
#[utoipa::path(
    post, path = "/issues/search", tag = "issues", security(("bearer" = ["read"])),
    request_body = Search,
    responses((status = 200, description = "A page of issues.", body = IssuePage), Standard, Missing, NotServed, Body),
)]
async fn search_issues_by_body(
    State(state): State<WebState>,
    ApiCaller(caller): ApiCaller,
    ValidJson(search): ValidJson<Search>,
) -> Result<Json<IssuePage>, Problem> {
    answer(&state, &caller, search).await
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn everything_but_the_last_page_has_a_cursor() {
        let last = IssuePage { issues: Vec::new(), next_cursor: None, total: None, warnings: Vec::new() };
        assert_eq!(serde_json::to_value(last).unwrap(), json!({ "issues": [] }));
        let more = IssuePage {
            issues: Vec::new(),
            next_cursor: Some("c".into()),
            total: Some(7),
            warnings: Vec::new(),
        };
        assert_eq!(
            serde_json::to_value(more).unwrap(),
            json!({ "issues": [], "next_cursor": "c", "total": 7 })
        );
    }

    #[test]
    fn only_the_limits_of_a_search_have_values_of_their_own() {
        let search: Search = serde_json::from_value(json!({})).unwrap();
        assert_eq!((search.jql.as_str(), search.limit, search.total), ("", 50, false));
        assert!(search.instance.is_none() && search.cursor.is_none());
    }
}
