//! Comments on a request: for customers, or for agents only.

use application::{
    Error,
    instances::Dialect,
    issues::{Audience, CommentBody, CommentRow, IssueRow, add_comment_for},
    ports::TenantTx,
};
use axum::{http::StatusCode, response::Response};
use serde_json::{Value, json};

use super::{
    OptedIn, address, attachments, page, user,
    view::{Requests, as_text},
};
use crate::jira_api::{answer, body::Body, params::Params, refusal::Refusal, rich_text, site::Site};

/// What is to be expanded of each comment.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Parts {
    pub(super) attachments: bool,
    pub(super) rendered: bool,
}

impl Parts {
    fn asked(params: &Params) -> Self {
        let expand = params.list("expand");
        let has = |name: &str| expand.iter().any(|asked| asked == name);
        Self { attachments: has("attachment"), rendered: has("renderedBody") }
    }
}

/// The comments of a request, oldest first.
pub(super) async fn of(
    requests: &Requests<'_>,
    tx: &mut dyn TenantTx,
    row: &IssueRow,
    parts: Parts,
) -> Result<Vec<Value>, Refusal> {
    let comments = tx.comments(&[row.id]).await?;
    Ok(comments.iter().map(|comment| shown(requests, row, comment, parts)).collect())
}

/// `CommentDTO`.
pub(super) fn shown(requests: &Requests<'_>, row: &IssueRow, comment: &CommentRow, parts: Parts) -> Value {
    let raw = &comment.raw;
    let mut shown = json!({
        "_expands": ["attachment", "renderedBody"],
        "id": comment.jira_id,
        "body": as_text(&raw["body"]).as_str().unwrap_or_default(),
        "public": is_public(raw),
        "author": user(requests.site, &raw["author"]),
        "created": requests.date(&raw["created"]),
        "_links": {
            "self": address(requests.site, &format!("request/{}/comment/{}", row.jira_id, comment.jira_id)),
        },
    });
    if parts.rendered {
        shown["renderedBody"] = json!({ "html": rich_text::rendered(&raw["body"]) });
    }
    if parts.attachments {
        let files = attachments::of_comment(requests, row, comment);
        shown["attachments"] = json!({
            "_expands": [], "size": files.len(), "start": 0, "limit": files.len().max(50), "isLastPage": true,
            "_links": {}, "values": files,
        });
    }
    shown
}

/// A comment is for customers unless it says otherwise.
fn is_public(raw: &Value) -> bool {
    raw["jsdPublic"] != false
}

/// `GET request/{id}/comment`.
pub(super) async fn list(site: Site, params: Params) -> Result<Response, Refusal> {
    let requests = Requests::of(&site).await?;
    let row = requests.named().await?;
    let wants = |name: &str| params.text(name) != Some("false");
    let list = of(&requests, site.transaction().await?.as_mut(), &row, Parts::asked(&params)).await?;
    let is_wanted =
        |comment: &Value| if comment["public"] == true { wants("public") } else { wants("internal") };
    let list = list.into_iter().filter(is_wanted).collect();
    let path = format!("request/{}/comment", row.jira_id);
    Ok(answer::ok(&page::of_list(&site, &params, &path, &["attachment", "renderedBody"], list)?))
}

/// The comment that the path names, of this request.
async fn named(requests: &Requests<'_>, row: &IssueRow) -> Result<CommentRow, Refusal> {
    let wanted = requests.site.param("comment");
    let comments = requests.site.transaction().await?.comments(&[row.id]).await?;
    let found = comments.into_iter().find(|comment| comment.jira_id == wanted);
    Ok(found.ok_or_else(|| Error::not_found("comment", wanted))?)
}

/// `GET request/{id}/comment/{id}`.
pub(super) async fn one(site: Site, params: Params) -> Result<Response, Refusal> {
    let requests = Requests::of(&site).await?;
    let row = requests.named().await?;
    let comment = named(&requests, &row).await?;
    Ok(answer::ok(&shown(&requests, &row, &comment, Parts::asked(&params))))
}

/// `GET request/{id}/comment/{id}/attachment`.
pub(super) async fn attachments(site: Site, _: OptedIn, params: Params) -> Result<Response, Refusal> {
    let requests = Requests::of(&site).await?;
    let row = requests.named().await?;
    let comment = named(&requests, &row).await?;
    let path = format!("request/{}/comment/{}/attachment", row.jira_id, comment.jira_id);
    let files = attachments::of_comment(&requests, &row, &comment);
    Ok(answer::ok(&page::of_list(&site, &params, &path, &[], files)?))
}

/// `POST request/{id}/comment`.
pub(super) async fn add(site: Site, body: Body) -> Result<Response, Refusal> {
    let text = body.text("body")?.unwrap_or_default().to_owned();
    let audience = audience(&body)?;
    let requests = Requests::of(&site).await?;
    let row = requests.named().await?;
    let added = write(&site, &row, (&text, audience)).await?;
    Ok(answer::json(StatusCode::CREATED, &shown(&requests, &row, &added, Parts::default())))
}

/// `public`; a comment that does not say is for customers.
pub(super) fn audience(body: &Body) -> Result<Audience, Refusal> {
    match body.get("public") {
        None | Some(Value::Bool(true)) => Ok(Audience::Everyone),
        Some(Value::Bool(false)) => Ok(Audience::Agents),
        Some(_) => Err(Refusal::invalid_payload()),
    }
}

/// Writes a comment in wiki markup.
pub(super) async fn write(
    site: &Site,
    row: &IssueRow,
    (text, audience): (&str, Audience),
) -> Result<CommentRow, Refusal> {
    let body = CommentBody::Wiki(text.to_owned());
    let services = &site.state.services;
    let added =
        add_comment_for(services, &site.caller, Some(&site.name), &row.jira_id, (&body, audience)).await;
    added.map_err(|error| match error {
        Error::Invalid(problems) => {
            let said = problems.first().map(|problem| problem.message.clone()).unwrap_or_default();
            Refusal::bad_request(format!("Comment body {said}"))
        }
        other => other.into(),
    })
}

/// A comment as wiki markup.
pub(super) fn markup(comment: &CommentRow) -> String {
    let mut raw = comment.raw.clone();
    rich_text::convert_member(&mut raw, "body", Dialect::V2);
    raw["body"].as_str().unwrap_or_default().to_owned()
}
