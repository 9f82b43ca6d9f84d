//! Comments of an issue: reading and writing (jira-facts 1.5, 6.5).

use application::{
    Error,
    instances::Dialect,
    issues::{CommentBody, CommentRow, add_comment},
    sandbox,
};
use axum::{
    http::StatusCode,
    response::{IntoResponse, Response},
};
use serde_json::{Value, json};

use super::{
    answer, assemble, body::Body, page::Window, params::Params, refusal::Refusal, rich_text, site::Site,
};

/// Comments on a page of Cloud, unless asked for otherwise. Server has no pages unless it is asked for them, and its
/// clients do not turn any.
const PAGE: usize = 100;
const LARGEST_PAGE: usize = 5_000;
const UNPAGED: usize = 1_048_576;

pub(super) async fn list(site: Site, params: Params) -> Result<Response, Refusal> {
    let window = match site.dialect {
        Dialect::V3 => Window::of(&params, PAGE, LARGEST_PAGE)?,
        Dialect::V2 => Window::of(&params, UNPAGED, UNPAGED)?,
    };
    let newest_first = newest_first(params.text("orderBy"))?;
    let rendered = params.list("expand").iter().any(|name| name == "renderedBody");
    let (_, row) = site.issue().await?;
    let mut comments = site.transaction().await?.comments(&[row.id]).await?;
    if newest_first {
        comments.reverse();
    }
    let total = comments.len();
    let page: Vec<Value> =
        window.cut(comments).into_iter().map(|comment| served(comment, site.dialect, rendered)).collect();
    Ok(answer::ok(&json!({
        "startAt": window.start,
        "maxResults": window.size,
        "total": total,
        "comments": page,
    })))
}

fn served(comment: CommentRow, dialect: Dialect, rendered: bool) -> Value {
    let html = rendered.then(|| rich_text::rendered(&comment.raw["body"]));
    let mut served = assemble::comment(comment, dialect);
    if let Some(html) = html {
        served["renderedBody"] = html;
    }
    served
}

fn newest_first(order: Option<&str>) -> Result<bool, Refusal> {
    match order.map(str::trim) {
        // A plus in a query string is a space once decoded.
        None | Some("" | "created" | "+created") => Ok(false),
        Some("-created") => Ok(true),
        Some(other) => Err(Refusal::bad_request(format!("orderBy does not take the value '{other}'."))),
    }
}

pub(super) async fn add(site: Site, body: Body) -> Result<Response, Refusal> {
    let text = new_body(&body, site.dialect)?;
    refuse_restrictions(&body)?;
    site.require_shown().await?;
    let services = &site.state.services;
    let added = add_comment(services, &site.caller, Some(&site.name), site.param("issue"), &text).await;
    let added = added.map_err(refused)?;
    Ok(answer::json(StatusCode::CREATED, &assemble::comment(added, site.dialect)))
}

/// The comments of an `update` that comes with something else: `{"comment": [{"add": {"body": …}}]}`, and nothing besides.
pub(super) fn of_update(update: &Value, dialect: Dialect) -> Result<Vec<CommentBody>, Refusal> {
    let operations = match update {
        Value::Null => return Ok(Vec::new()),
        Value::Array(operations) => operations,
        _ => return Err(Refusal::invalid_payload()),
    };
    let mut comments = Vec::new();
    for operation in operations {
        let added = operation["add"].as_object().cloned().ok_or_else(Refusal::invalid_payload)?;
        let body = Body::of(added);
        refuse_restrictions(&body)?;
        comments.push(new_body(&body, dialect)?);
    }
    Ok(comments)
}

/// The member is `body`; Jira speaks of the field `comment`.
fn refused(error: Error) -> Refusal {
    match error {
        Error::Invalid(problems) => match problems.into_iter().next() {
            Some(problem) => Refusal::field("comment", format!("Comment body {}", problem.message)),
            None => Refusal::invalid_payload(),
        },
        other => other.into(),
    }
}

pub(super) async fn one(site: Site, params: Params) -> Result<Response, Refusal> {
    let rendered = params.list("expand").iter().any(|name| name == "renderedBody");
    let (_, row) = site.issue().await?;
    let wanted = site.param("comment");
    let mut comments = site.transaction().await?.comments(&[row.id]).await?.into_iter();
    let found = comments.find(|comment| comment.jira_id == wanted);
    let found = found.ok_or_else(|| Error::not_found("comment", wanted))?;
    Ok(answer::ok(&served(found, site.dialect, rendered)))
}

pub(super) async fn edit(site: Site, params: Params, body: Body) -> Result<Response, Refusal> {
    let text = new_body(&body, site.dialect)?;
    refuse_restrictions(&body)?;
    site.require_shown().await?;
    let (services, caller) = (&site.state.services, &site.caller);
    let (issue, comment) = (site.param("issue"), site.param("comment"));
    sandbox::edit_comment(services, caller, &site.name, issue, comment, &text).await.map_err(refused)?;
    one(site, params).await
}

pub(super) async fn remove(site: Site) -> Result<Response, Refusal> {
    site.require_shown().await?;
    let (services, caller) = (&site.state.services, &site.caller);
    let (issue, comment) = (site.param("issue"), site.param("comment"));
    sandbox::delete_comment(services, caller, &site.name, issue, comment).await?;
    Ok(StatusCode::NO_CONTENT.into_response())
}

fn new_body(body: &Body, dialect: Dialect) -> Result<CommentBody, Refusal> {
    match (dialect, body.get("body")) {
        (_, None) => Err(Refusal::field("comment", "Comment body can not be empty!")),
        (Dialect::V3, Some(document)) if rich_text::is_document(document) => {
            Ok(CommentBody::Adf(document.clone()))
        }
        (Dialect::V3, Some(_)) => Err(Refusal::field(
            "comment",
            "Operation value must be an Atlassian Document (see the Atlassian Document Format)",
        )),
        (Dialect::V2, Some(Value::String(markup))) => Ok(CommentBody::Wiki(markup.clone())),
        (Dialect::V2, Some(_)) => Err(Refusal::field("comment", "Operation value must be a string")),
    }
}

/// A comment that is meant for few must not be written for all.
fn refuse_restrictions(body: &Body) -> Result<(), Refusal> {
    let unserved =
        |member: &str| Error::Unsupported(format!("comments with `{member}` are not served by Forebay yet"));
    for member in ["visibility", "parentId"] {
        if body.get(member).is_some() {
            return Err(unserved(member).into());
        }
    }
    let properties = match body.get("properties") {
        None => return Ok(()),
        Some(Value::Array(properties)) => properties,
        Some(_) => return Err(Refusal::invalid_payload()),
    };
    // Clients for the terminal always say that their comment is not internal: that is what it is anyway.
    let plain =
        |property: &Value| property["key"] == "sd.public.comment" && property["value"]["internal"] == false;
    if properties.iter().all(plain) { Ok(()) } else { Err(unserved("properties").into()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn body(value: &Value) -> Body {
        Body::parse(value.to_string().as_bytes()).unwrap()
    }

    #[test]
    fn version_3_takes_documents_and_version_2_wiki_markup() {
        let document = json!({"type": "doc", "version": 1, "content": []});
        assert_eq!(
            new_body(&body(&json!({"body": document})), Dialect::V3).unwrap(),
            CommentBody::Adf(document.clone())
        );
        assert_eq!(
            new_body(&body(&json!({"body": "h1. Hi"})), Dialect::V2).unwrap(),
            CommentBody::Wiki("h1. Hi".into())
        );
        assert!(new_body(&body(&json!({"body": "text"})), Dialect::V3).is_err());
        assert!(new_body(&body(&json!({"body": document})), Dialect::V2).is_err());
        assert!(new_body(&body(&json!({"body": null})), Dialect::V2).is_err());
    }

    #[test]
    fn a_comment_meant_for_few_is_not_written_for_all() {
        let public = json!([{"key": "sd.public.comment", "value": {"internal": false}}]);
        let internal = json!([{"key": "sd.public.comment", "value": {"internal": true}}]);
        assert!(refuse_restrictions(&body(&json!({"visibility": null, "properties": public}))).is_ok());
        assert!(refuse_restrictions(&body(&json!({"properties": internal}))).is_err());
        assert!(
            refuse_restrictions(&body(&json!({"visibility": {"type": "role", "value": "Admins"}}))).is_err()
        );
    }

    #[test]
    fn comments_are_ordered_by_creation_only() {
        assert!(!newest_first(Some(" created")).unwrap());
        assert!(newest_first(Some("-created")).unwrap());
        assert!(newest_first(Some("updated")).is_err());
    }
}
