//! Files of a request: sent to the desk first, attached then.

use application::{
    Error, Scope,
    issues::{CommentRow, IssueRow},
    sandbox,
};
use axum::{extract::Request, http::StatusCode, response::Response};
use serde_json::{Value, json};
use uuid::Uuid;

use super::{address, comments, page, user, view::Requests};
use crate::jira_api::{answer, attachments, body::Body, params::Params, refusal::Refusal, site::Site};

fn files(row: &IssueRow) -> &[Value] {
    row.raw["fields"]["attachment"].as_array().map_or(&[], Vec::as_slice)
}

/// `AttachmentDTO`s of a request.
pub(super) fn of(requests: &Requests<'_>, row: &IssueRow) -> Vec<Value> {
    files(row).iter().map(|file| shown(requests, row, file)).collect()
}

/// Those that a comment shows: as `[^name]`, or as a picture.
pub(super) fn of_comment(requests: &Requests<'_>, row: &IssueRow, comment: &CommentRow) -> Vec<Value> {
    let markup = comments::markup(comment);
    let is_named = |file: &&Value| {
        let name = file["filename"].as_str().unwrap_or_default();
        !name.is_empty()
            && (comment.body_text.contains(&format!("^{name}")) || markup.contains(&format!("!{name}")))
    };
    files(row).iter().filter(is_named).map(|file| shown(requests, row, file)).collect()
}

/// `AttachmentDTO`.
fn shown(requests: &Requests<'_>, row: &IssueRow, file: &Value) -> Value {
    let site = requests.site;
    let id = file["id"].as_str().unwrap_or_default();
    let content = address(site, &format!("request/{}/attachment/{id}", row.jira_id));
    json!({
        "filename": file["filename"],
        "author": user(site, &file["author"]),
        "created": requests.date(&file["created"]),
        "size": file["size"],
        "mimeType": file["mimeType"].as_str().unwrap_or("application/octet-stream"),
        "_links": {
            "self": content,
            "jiraRest": format!("{}/rest/api/2/attachment/{id}", site.base_url()),
            "content": content,
        },
    })
}

/// `GET request/{id}/attachment`.
pub(super) async fn list(site: Site, params: Params) -> Result<Response, Refusal> {
    let requests = Requests::of(&site).await?;
    let row = requests.named().await?;
    let path = format!("request/{}/attachment", row.jira_id);
    Ok(answer::ok(&page::of_list(&site, &params, &path, &[], of(&requests, &row))?))
}

/// `GET request/{id}/attachment/{id}`: the bytes.
pub(super) async fn content(site: Site) -> Result<Response, Refusal> {
    let row = Requests::of(&site).await?.named().await?;
    let wanted = site.param("attachment");
    let file = files(&row).iter().find(|file| file["id"] == wanted);
    let file = file.ok_or_else(|| Error::not_found("attachment", wanted))?;
    attachments::content_of(&site, file).await
}

/// `POST servicedesk/{id}/attachTemporaryFile`.
pub(super) async fn keep(site: Site, request: Request) -> Result<Response, Refusal> {
    attachments::refuse_tricked(request.headers())?;
    site.instance(Scope::Write).await?;
    let files = attachments::files(request).await?;
    let (services, desk) = (&site.state.services, site.param("desk"));
    let kept = sandbox::keep_files(services, &site.caller, &site.name, desk, files).await?;
    let kept: Vec<Value> =
        kept.into_iter().map(|(id, name)| json!({ "temporaryAttachmentId": id, "fileName": name })).collect();
    Ok(answer::json(StatusCode::CREATED, &json!({ "temporaryAttachments": kept })))
}

/// `POST request/{id}/attachment`: attaches files that were sent before, and tells of them in a comment.
pub(super) async fn attach(site: Site, params: Params, body: Body) -> Result<Response, Refusal> {
    let named = body.list("temporaryAttachmentIds")?;
    let ids: Result<Vec<Uuid>, _> = named.iter().map(|id| id.parse()).collect();
    let ids = ids.ok().filter(|ids| !ids.is_empty());
    let ids = ids.ok_or_else(|| {
        Refusal::field("temporaryAttachmentIds", "Name files that were sent to this service desk before.")
    })?;
    let audience = comments::audience(&body)?;
    let said = body.get("additionalComment").and_then(|comment| comment["body"].as_str()).unwrap_or_default();
    let requests = Requests::of(&site).await?;
    let row = requests.named().await?;
    let services = &site.state.services;
    let attached = sandbox::attach_kept_files(services, &site.caller, &site.name, &row.jira_id, &ids).await?;
    let names = attached.iter().map(|file| format!("[^{}]", file["filename"].as_str().unwrap_or_default()));
    let text =
        names.chain((!said.trim().is_empty()).then(|| said.to_owned())).collect::<Vec<_>>().join("\n\n");
    let comment = comments::write(&site, &row, (&text, audience)).await?;
    let (_, row) = site.issue_named(&row.jira_id).await?;
    let path = format!("request/{}/attachment", row.jira_id);
    let shown_files = attached.iter().map(|file| shown(&requests, &row, file)).collect();
    Ok(answer::json(
        StatusCode::CREATED,
        &json!({
            "comment": comments::shown(&requests, &row, &comment, comments::Parts::default()),
            "attachments": page::of_list(&site, &params, &path, &[], shown_files)?,
        }),
    ))
}
