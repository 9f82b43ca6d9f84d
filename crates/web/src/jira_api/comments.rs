//! Comments of an issue: reading and writing (jira-facts 1.5, 6.5).

use application::{
    Error, Scope,
    instances::{Dialect, InstanceKind},
    issues::{CommentBody, CommentRow, add_comment},
    sandbox::{self, CommentChanges, NewComment, Touching, Visibility, faults::Lens},
};
use axum::{
    http::StatusCode,
    response::{IntoResponse, Response},
};
use serde_json::{Value, json};

use super::{
    answer, assemble, body::Body, page::Window, params::Params, refusal::Refusal, rich_text, site::Site,
    text_of,
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
    let new = new_comment(&body, site.dialect)?;
    site.require_shown().await?;
    let (services, caller, issue) = (&site.state.services, &site.caller, site.param("issue"));
    if new.is_plain() {
        let added = add_comment(services, caller, Some(&site.name), issue, &new.body).await;
        let added = added.map_err(refused)?;
        return Ok(answer::json(StatusCode::CREATED, &assemble::comment(added, site.dialect)));
    }
    // What is meant for few is never written for all: at a mirror it is refused.
    let instance = site.instance(Scope::Write).await?;
    if instance.kind != InstanceKind::Sandbox {
        let message = "comments with `visibility`, `parentId` or `properties` are not served by Forebay for mirrors yet";
        return Err(Error::Unsupported(message.into()).into());
    }
    let mut added =
        sandbox::write_comment(services, caller, &site.name, issue, &new).await.map_err(refused)?;
    rich_text::convert_member(&mut added, "body", site.dialect);
    Ok(answer::json(StatusCode::CREATED, &added))
}

/// The member is `body`; Jira speaks of the field `comment`.
fn refused(error: Error) -> Refusal {
    match error {
        Error::Invalid(problems) => match problems.into_iter().next() {
            Some(problem) if problem.field != "body" => Refusal::field(&problem.field, problem.message),
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
    let changes = changes(&body, site.dialect)?;
    site.require_shown().await?;
    let (services, caller) = (&site.state.services, &site.caller);
    let named = (site.param("issue"), site.param("comment"));
    let touching = touching(&site);
    sandbox::edit_comment(services, caller, &site.name, named, &changes, touching).await.map_err(refused)?;
    one(site, params).await
}

/// A change to a comment is one of its issue's, unless the sandbox was asked to have it otherwise.
fn touching(site: &Site) -> Touching {
    match site.lens().is_some_and(Lens::silences_comments) {
        true => Touching::CommentAlone,
        false => Touching::Issue,
    }
}

pub(super) async fn remove(site: Site) -> Result<Response, Refusal> {
    site.require_shown().await?;
    let (services, caller) = (&site.state.services, &site.caller);
    let named = (site.param("issue"), site.param("comment"));
    sandbox::delete_comment(services, caller, &site.name, named, touching(&site)).await?;
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

/// A comment that is to be added.
pub(super) fn new_comment(body: &Body, dialect: Dialect) -> Result<NewComment, Refusal> {
    Ok(NewComment {
        body: new_body(body, dialect)?,
        visibility: visibility(body)?.flatten(),
        parent: body.get("parentId").and_then(text_of),
        is_public: is_public(body)?,
    })
}

/// What is to become of a comment.
pub(super) fn changes(body: &Body, dialect: Dialect) -> Result<CommentChanges, Refusal> {
    if !is_public(body)? {
        let message = "changing a comment into an internal one is not served by Forebay yet; add another one";
        return Err(Error::Unsupported(message.into()).into());
    }
    Ok(CommentChanges { body: new_body(body, dialect)?, visibility: visibility(body)? })
}

/// For whom it is: `None` where nothing is said of that, `Some(None)` for everyone.
pub(super) fn visibility(body: &Body) -> Result<Option<Option<Visibility>>, Refusal> {
    if body.is_null("visibility") {
        return Ok(Some(None));
    }
    let Some(said) = body.get("visibility") else { return Ok(None) };
    let (value, identifier) = (text_of(&said["value"]), text_of(&said["identifier"]));
    let is_group = match said["type"].as_str() {
        Some("group") => true,
        Some("role") => false,
        _ => return Err(Refusal::field("visibility", "The type of visibility must be 'group' or 'role'.")),
    };
    if value.is_none() && identifier.is_none() {
        return Err(Refusal::field("visibility", "The group or role must be named by value or identifier."));
    }
    Ok(Some(Some(Visibility { is_group, value, identifier })))
}

/// Whether customers of a service desk may read it: what its property says. Clients for the terminal always say that their comment is
/// not internal.
fn is_public(body: &Body) -> Result<bool, Refusal> {
    let properties = match body.get("properties") {
        None => return Ok(true),
        Some(Value::Array(properties)) => properties,
        Some(_) => return Err(Refusal::invalid_payload()),
    };
    let mut is_public = true;
    for property in properties {
        match (property["key"].as_str(), property["value"]["internal"].as_bool()) {
            (Some("sd.public.comment"), Some(internal)) => is_public = !internal,
            _ => {
                let message =
                    "comments with other `properties` than `sd.public.comment` are not served by Forebay yet";
                return Err(Error::Unsupported(message.into()).into());
            }
        }
    }
    Ok(is_public)
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
    fn for_whom_a_comment_is_is_read_with_it() {
        let read = |more: Value| {
            let mut members = json!({ "body": "text" });
            members.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
            new_comment(&body(&members), Dialect::V2)
        };
        let internal =
            |internal: bool| json!([{"key": "sd.public.comment", "value": {"internal": internal}}]);
        assert!(read(json!({"visibility": null, "properties": internal(false)})).unwrap().is_plain());
        assert!(!read(json!({"properties": internal(true)})).unwrap().is_public);
        let role = read(json!({"visibility": {"type": "role", "value": "Administrators"}})).unwrap();
        assert_eq!(role.visibility.unwrap().value.as_deref(), Some("Administrators"));
        assert_eq!(read(json!({"parentId": 7})).unwrap().parent.as_deref(), Some("7"));
        for bad in [
            json!({"visibility": {"type": "all"}}),
            json!({"visibility": {"type": "group"}}),
            json!({"properties": [{"key": "x", "value": 1}]}),
        ] {
            assert!(read(bad.clone()).is_err(), "{bad}");
        }
    }

    #[test]
    fn comments_are_ordered_by_creation_only() {
        assert!(!newest_first(Some(" created")).unwrap());
        assert!(newest_first(Some("-created")).unwrap());
        assert!(newest_first(Some("updated")).is_err());
    }
}
