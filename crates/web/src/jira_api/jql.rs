//! `jql/*`: queries parsed, checked against issues, sanitised, and completed (jira-facts 8.4, 8.6).

mod reference;
mod structure;

use std::collections::BTreeSet;

use application::{
    Error,
    search::{parse_jql, request_of},
};
use axum::response::Response;
use serde_json::{Map, Value, json};

pub(super) use reference::{autocomplete, autocomplete_post, suggestions};

use super::{answer, body::Body, params::Params, refusal::Refusal, site::Site};

/// Queries in one request, at most.
const MOST_QUERIES: usize = 100;

/// Queries to sanitise in one request, at most: Jira's own limit.
const MOST_TO_SANITISE: usize = 20;

/// Issues in one request, at most.
const MOST_ISSUES: usize = 1_000;

/// What is made of a query that is well-formed and yet wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Validation {
    /// It is an error, and the structure is left out.
    Strict,
    /// It is a warning.
    Warn,
    /// It is not looked for.
    None,
}

impl Validation {
    fn of(params: &Params) -> Result<Self, Refusal> {
        match params.text("validation").unwrap_or("strict") {
            "strict" => Ok(Self::Strict),
            "warn" => Ok(Self::Warn),
            "none" => Ok(Self::None),
            other => Err(Refusal::unconvertible("validation", other)),
        }
    }
}

/// `POST /jql/parse`
pub(super) async fn parse(site: Site, params: Params, body: Body) -> Result<Response, Refusal> {
    body.allow_only(&["queries"])?;
    let validation = Validation::of(&params)?;
    let queries = texts(&body, "queries")?;
    if queries.is_empty() {
        return Err(Refusal::bad_request("No JQL queries were provided to parse."));
    }
    at_most("queries", queries.len(), MOST_QUERIES)?;
    let (mut tx, instance) = site.read().await?;
    let now = site.state.services.clock.now();
    let mut parsed = Vec::with_capacity(queries.len());
    for text in queries {
        let mut answer = Map::from_iter([("query".to_owned(), json!(text))]);
        match parse_jql(&text) {
            Err(error) => drop(answer.insert("errors".into(), json!([sentence(error)?]))),
            Ok(query) => {
                let structure = structure::of(&query);
                let wrong = match validation {
                    Validation::None => None,
                    _ => {
                        tx.check(&request_of(&instance, query, now)).await.err().map(sentence).transpose()?
                    }
                };
                match (wrong, validation) {
                    (Some(wrong), Validation::Strict) => drop(answer.insert("errors".into(), json!([wrong]))),
                    (wrong, _) => {
                        answer.insert("structure".into(), structure);
                        if let Some(wrong) = wrong {
                            answer.insert("warnings".into(), json!([wrong]));
                        }
                    }
                }
            }
        }
        parsed.push(Value::Object(answer));
    }
    Ok(answer::ok(&json!({ "queries": parsed })))
}

/// `POST /jql/match`
pub(super) async fn matches(site: Site, body: Body) -> Result<Response, Refusal> {
    body.allow_only(&["issueIds", "jqls"])?;
    let queries = texts(&body, "jqls")?;
    let ids = body.list("issueIds")?.iter().map(|id| id.parse::<i64>()).collect::<Result<BTreeSet<_>, _>>();
    let ids: Vec<i64> = ids.map_err(|_| Refusal::invalid_payload())?.into_iter().collect();
    at_most("jqls", queries.len(), MOST_QUERIES)?;
    at_most("issueIds", ids.len(), MOST_ISSUES)?;
    let (mut tx, instance) = site.read().await?;
    let now = site.state.services.clock.now();
    let mut matches = Vec::with_capacity(queries.len());
    for text in queries {
        let found = match parse_jql(&text) {
            Ok(query) => tx.matching(&request_of(&instance, query, now), &ids).await,
            Err(error) => Err(error),
        };
        matches.push(match found {
            Ok(found) => json!({ "matchedIssues": found, "errors": [] }),
            Err(error) => json!({ "matchedIssues": [], "errors": [sentence(error)?] }),
        });
    }
    Ok(answer::ok(&json!({ "matches": matches })))
}

/// `POST /jql/sanitize`. Jira puts ids in the place of names that an account may not see; a copy shows every account what the
/// caller may see, so that nothing has to be hidden from it.
pub(super) async fn sanitise(site: Site, body: Body) -> Result<Response, Refusal> {
    body.allow_only(&["queries"])?;
    let queries = body.get("queries").and_then(Value::as_array).ok_or_else(Refusal::invalid_payload)?;
    at_most("queries", queries.len(), MOST_TO_SANITISE)?;
    site.read().await?;
    let mut sanitised = Vec::with_capacity(queries.len());
    for asked in queries {
        let text = asked["query"].as_str().ok_or_else(Refusal::invalid_payload)?;
        let mut answer = Map::from_iter([("initialQuery".to_owned(), json!(text))]);
        match parse_jql(text) {
            Ok(_) => answer.insert("sanitizedQuery".into(), json!(text)),
            Err(error) => {
                answer.insert("errors".into(), json!({ "errorMessages": [sentence(error)?], "errors": {} }))
            }
        };
        if let Some(account) = asked.get("accountId").filter(|account| account.is_string()) {
            answer.insert("accountId".into(), account.clone());
        }
        sanitised.push(Value::Object(answer));
    }
    Ok(answer::ok(&json!({ "queries": sanitised })))
}

/// What is wrong with a query, in Jira's words; other errors are those of the request.
fn sentence(error: Error) -> Result<String, Refusal> {
    match error {
        Error::InvalidJql(message) | Error::Unsupported(message) => Ok(message),
        Error::Invalid(problems) if problems.iter().all(|problem| problem.field == "jql") => {
            let problems = problems.iter().map(|problem| format!("The JQL query {}.", problem.message));
            Ok(problems.collect::<Vec<_>>().join(" "))
        }
        other => Err(other.into()),
    }
}

fn at_most(name: &str, count: usize, most: usize) -> Result<(), Refusal> {
    if count <= most {
        return Ok(());
    }
    Err(Refusal::bad_request(format!("There are {count} {name}; at most {most} are taken in one request.")))
}

/// A list of texts; commas are part of them.
fn texts(body: &Body, name: &str) -> Result<Vec<String>, Refusal> {
    let list = body.get(name).and_then(Value::as_array).ok_or_else(Refusal::invalid_payload)?;
    let texts = list.iter().map(|text| text.as_str().map(str::to_owned));
    texts.collect::<Option<Vec<_>>>().ok_or_else(Refusal::invalid_payload)
}
