//! Reading issues by id or key (jira-facts 1.4, 6.1).

use std::sync::Arc;

use application::{Error, instances::Instance, lookups, reference::Roster};
use axum::{
    http::{HeaderMap, StatusCode},
    response::{IntoResponse, Response},
};
use serde_json::{Map, Value, json};

use super::{
    answer,
    assemble::View,
    body::Body,
    expansions,
    fields::{DefaultFields, Expand, FieldRoster, Selection},
    forms, lookup,
    params::Params,
    refusal::Refusal,
    search,
    site::Site,
    transitions,
};
use crate::etag::Etag;

/// Issues in one bulk fetch.
const LARGEST_BULK: usize = 100;

/// The issue, unless the client has it already: `If-None-Match` is what Jira itself does not offer, and clients that do not know of
/// it do not send.
pub(super) async fn issue(site: Site, params: Params, headers: HeaderMap) -> Result<Response, Refusal> {
    let body = show(&site, &params).await?.to_string();
    // Its links name the host.
    let etag = Etag::of(&[site.base_url().as_bytes(), body.as_bytes()]);
    if etag.is_known(&headers) {
        return Ok((StatusCode::NOT_MODIFIED, etag.headers()).into_response());
    }
    Ok((etag.headers(), answer::text(StatusCode::OK, body)).into_response())
}

/// The issue that the path names, as the parameters ask for it.
pub(super) async fn show(site: &Site, params: &Params) -> Result<Value, Refusal> {
    let view = View {
        dialect: site.dialect,
        selection: Selection::parse(&params.list("fields"), DefaultFields::All)
            .by_keys(params.text("fieldsByKeys") == Some("true")),
        expand: Expand::parse(&params.list("expand")),
        properties: params.list("properties"),
    };
    let (instance, row) = site.issue().await?;
    let fields = if view.expand.editmeta { row.raw["fields"].clone() } else { Value::Null };
    let rows = vec![Arc::unwrap_or_clone(row)];
    let roster = match view.needs_roster(&rows) {
        true => {
            let services = &site.state.services;
            FieldRoster::read(lookups::roster(services, &site.caller, instance.id, Roster::Fields).await?)
        }
        false => FieldRoster::default(),
    };
    let assembled = if view.stands_alone(&rows, &roster) {
        view.assemble_alone(rows, &roster)
    } else {
        let mut tx = site.transaction().await?;
        view.assemble_by(tx.as_mut(), rows, &roster).await?
    };
    let mut issue = assembled.issues.into_iter().next().unwrap_or_default();
    if let Some(issue) = issue.as_object_mut() {
        // Inside the issue here, beside the issues in a search.
        issue.extend(assembled.expanded);
        expand(site, &instance, view.expand, &fields, issue).await?;
    }
    Ok(issue)
}

/// What only one issue is expanded with.
async fn expand(
    site: &Site,
    instance: &Instance,
    expand: Expand,
    fields: &Value,
    issue: &mut Map<String, Value>,
) -> Result<(), Refusal> {
    if expand.transitions {
        match transitions::open(site).await {
            Ok(mut open) => {
                transitions::without_screens(&mut open);
                issue.insert("transitions".into(), Value::Array(open));
            }
            // The issue is the copy's to tell, its transitions are the site's.
            Err(Error::Unavailable(reason)) => {
                tracing::warn!(reason, "transitions were asked for, and the site is silent")
            }
            Err(error) => return Err(error.into()),
        }
    }
    if expand.editmeta {
        issue.insert("editmeta".into(), forms::to_edit(site, instance, fields).await?);
    }
    if expand.operations {
        // Links of Jira's pages, of which there are none here.
        issue.insert("operations".into(), json!({ "linkGroups": [] }));
    }
    Ok(())
}

pub(super) async fn bulk_fetch(site: Site, body: Body) -> Result<Response, Refusal> {
    let names = ids_or_keys(&body, LARGEST_BULK)?;
    let view = search::Shown::of_body(&body)?.view(&site, DefaultFields::Navigable)?;
    let (mut tx, instance) = site.read().await?;
    let rows = lookup::issues(&site, tx.as_mut(), &instance, &names).await?;
    let assembled = expansions::assemble(&site, tx, &instance, &view, rows).await?;
    let mut answer = Map::from_iter([
        ("expand".to_owned(), json!("names,schema")),
        ("issues".to_owned(), Value::Array(assembled.issues)),
        ("issueErrors".to_owned(), json!([])),
    ]);
    answer.extend(assembled.expanded);
    Ok(answer::ok(&Value::Object(answer)))
}

/// `issueIdsOrKeys` of a bulk operation.
///
/// # Errors
/// 400 for none, and for more than `largest`.
pub(super) fn ids_or_keys(body: &Body, largest: usize) -> Result<Vec<String>, Refusal> {
    let names = body.list("issueIdsOrKeys")?;
    if (1..=largest).contains(&names.len()) {
        return Ok(names);
    }
    let message = format!("issueIdsOrKeys must hold between 1 and {largest} ids or keys of issues.");
    Err(Refusal::message(StatusCode::BAD_REQUEST, message))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bulk_names_at_least_one_issue_and_not_too_many() {
        let names = |text: &str| ids_or_keys(&Body::parse(text.as_bytes()).unwrap(), 2);
        assert_eq!(names(r#"{"issueIdsOrKeys": [10001, "ED-1"]}"#).unwrap(), ["10001", "ED-1"]);
        assert!(names(r#"{"issueIdsOrKeys": []}"#).is_err());
        assert!(names("{}").is_err());
        assert!(names(r#"{"issueIdsOrKeys": ["1", "2", "3"]}"#).is_err());
    }
}
