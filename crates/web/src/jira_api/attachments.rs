//! Attachments. What is known of a file comes from the copy; its bytes are at the site, or in the sandbox to which they were sent.

use application::{
    Error, Scope,
    instances::InstanceKind,
    lookups,
    sandbox::{self, LARGEST_ATTACHMENT, MOST_ATTACHMENTS, NewAttachment},
};
use axum::{
    extract::{FromRequest, Multipart, Request, multipart::Field},
    http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use serde_json::{Value, json};
use url::form_urlencoded::byte_serialize;

use super::{answer, params::Params, refusal::Refusal, site::Site};

/// `GET attachment/meta`.
pub(super) async fn meta(site: Site) -> Result<Response, Refusal> {
    site.instance(Scope::Read).await?;
    Ok(answer::ok(&json!({ "enabled": true, "uploadLimit": LARGEST_ATTACHMENT })))
}

/// `GET attachment/{id}`.
pub(super) async fn one(site: Site) -> Result<Response, Refusal> {
    Ok(answer::ok(&shown(&site).await?))
}

/// The attachment as its issue shows it.
async fn shown(site: &Site) -> Result<Value, Refusal> {
    let instance = site.instance(Scope::Read).await?;
    let wanted = site.param("attachment");
    let missing = || Refusal::from(Error::not_found("attachment", wanted));
    let found = site.transaction().await?.issue_of_attachment(instance.id, wanted).await?;
    let issue = found.ok_or_else(missing)?;
    let row = lookups::issue(&site.state.services, &site.caller, Some(instance.id), &issue).await?;
    if site.lens().is_some_and(|lens| lens.hides(&row)) {
        return Err(missing());
    }
    let files = row.raw["fields"]["attachment"].as_array().map_or(&[][..], Vec::as_slice);
    files.iter().find(|file| file["id"] == wanted).cloned().ok_or_else(missing)
}

/// `GET attachment/content/{id}`. Jira redirects to where the bytes are; here they are.
pub(super) async fn content(site: Site) -> Result<Response, Refusal> {
    let file = shown(&site).await?;
    content_of(&site, &file).await
}

/// `GET attachment/thumbnail/{id}`. A picture stands for itself, in its own size; anything else has the same sheet of paper, or nothing
/// where that is asked for.
pub(super) async fn thumbnail(site: Site, params: Params) -> Result<Response, Refusal> {
    let file = shown(&site).await?;
    let is_picture = file["mimeType"].as_str().is_some_and(|kind| kind.starts_with("image/"));
    if is_picture || site.instance(Scope::Read).await?.kind != InstanceKind::Sandbox {
        return content_of(&site, &file).await;
    }
    if params.text("fallbackToDefault") == Some("false") {
        return Err(Error::not_found("thumbnail of attachment", site.param("attachment")).into());
    }
    let name = json!({ "filename": "thumbnail.svg", "mimeType": "image/svg+xml" });
    Ok((StatusCode::OK, headers(&name), SHEET).into_response())
}

/// A sheet of paper with a folded corner.
const SHEET: &str = r##"<svg xmlns="http://www.w3.org/2000/svg" width="48" height="48"><path d="M12 4h16l10 10v30H12z" fill="#fff" stroke="#7a869a"/><path d="M28 4v10h10" fill="none" stroke="#7a869a"/></svg>"##;

/// The bytes of a file that its issue shows so.
pub(super) async fn content_of(site: &Site, file: &Value) -> Result<Response, Refusal> {
    let instance = site.instance(Scope::Read).await?;
    if instance.kind != InstanceKind::Sandbox {
        let message = "the contents of attachments stay at the site; ask it for them";
        return Err(Error::Unsupported(message.into()).into());
    }
    let wanted = site.param("attachment");
    let bytes = site.transaction().await?.content(instance.id, wanted).await?;
    let bytes = bytes.ok_or_else(|| Error::not_found("content of attachment", wanted))?;
    Ok((StatusCode::OK, headers(file), bytes).into_response())
}

/// Somebody sent these bytes, and a browser that holds the console's session may follow the link: they are a file to be saved, never a
/// page of this origin.
fn headers(file: &Value) -> HeaderMap {
    let kind = file["mimeType"].as_str().and_then(|kind| HeaderValue::from_str(kind).ok());
    let name = file["filename"].as_str().unwrap_or_default();
    let name: String = byte_serialize(name.as_bytes()).collect();
    let name = format!("attachment; filename*=UTF-8''{}", name.replace('+', "%20"));
    let fixed = |text| HeaderValue::from_static(text);
    HeaderMap::from_iter([
        (header::CONTENT_TYPE, kind.unwrap_or_else(|| fixed(ANY_BYTES))),
        (header::CONTENT_DISPOSITION, HeaderValue::from_str(&name).unwrap_or_else(|_| fixed("attachment"))),
        (header::X_CONTENT_TYPE_OPTIONS, fixed("nosniff")),
        (header::CONTENT_SECURITY_POLICY, fixed("default-src 'none'; sandbox")),
    ])
}

/// `POST issue/{id}/attachments`. Refused without the header by which Jira knows that no browser was tricked into it.
pub(super) async fn attach(site: Site, request: Request) -> Result<Response, Refusal> {
    refuse_tricked(request.headers())?;
    site.caller.require(Scope::Write)?;
    site.require_shown().await?;
    let files = files(request).await?;
    let services = &site.state.services;
    let attached = sandbox::attach(services, &site.caller, &site.name, site.param("issue"), files).await?;
    Ok(answer::ok(&Value::Array(attached)))
}

/// Refuses a form without the header by which Jira knows that no browser was tricked into sending it.
///
/// # Errors
/// 403.
pub(super) fn refuse_tricked(headers: &HeaderMap) -> Result<(), Refusal> {
    const CHECK: HeaderName = HeaderName::from_static("x-atlassian-token");
    let sent = headers.get(CHECK).and_then(|value| value.to_str().ok()).unwrap_or_default();
    if ["no-check", "nocheck"].contains(&sent.to_lowercase().as_str()) {
        return Ok(());
    }
    Err(Refusal::message(StatusCode::FORBIDDEN, "XSRF check failed"))
}

/// The files of a form.
pub(super) async fn files(request: Request) -> Result<Vec<NewAttachment>, Refusal> {
    let mut form = Multipart::from_request(request, &())
        .await
        .map_err(|_| Refusal::media_type("other than multipart/form-data"))?;
    let broken = || Refusal::bad_request("The multipart body could not be read.");
    let mut files = Vec::new();
    while let Some(field) = form.next_field().await.map_err(|_| broken())? {
        // Jira takes every part that is named `file`, and no other.
        if field.name() != Some("file") {
            continue;
        }
        if files.len() == MOST_ATTACHMENTS {
            let message = format!("At most {MOST_ATTACHMENTS} files can be attached at once.");
            return Err(Refusal::message(StatusCode::PAYLOAD_TOO_LARGE, message));
        }
        files.push(file(field).await?);
    }
    Ok(files)
}

async fn file(mut field: Field<'_>) -> Result<NewAttachment, Refusal> {
    let filename = field.file_name().unwrap_or_default().rsplit(['/', '\\']).next().unwrap_or_default();
    let filename: String = filename.chars().filter(|letter| !letter.is_control()).take(255).collect();
    let filename = if filename.is_empty() { "file".to_owned() } else { filename };
    let declared = field.content_type().map(str::to_owned);
    let mut bytes = Vec::new();
    while let Some(chunk) =
        field.chunk().await.map_err(|_| Refusal::bad_request("The multipart body could not be read."))?
    {
        if bytes.len() + chunk.len() > LARGEST_ATTACHMENT {
            let message = format!("The file '{filename}' is larger than {LARGEST_ATTACHMENT} bytes.");
            return Err(Refusal::message(StatusCode::PAYLOAD_TOO_LARGE, message));
        }
        bytes.extend_from_slice(&chunk);
    }
    // Libraries that do not know a type say that it is bytes.
    let declared = declared.filter(|kind| kind.len() <= 255 && kind != ANY_BYTES);
    let mime_type = declared.unwrap_or_else(|| by_name(&filename).to_owned());
    Ok(NewAttachment { filename, mime_type, bytes })
}

/// The type of bytes of which nothing is known.
const ANY_BYTES: &str = "application/octet-stream";

/// The type of a file that was sent without one.
fn by_name(filename: &str) -> &'static str {
    match filename.rsplit('.').next().unwrap_or_default().to_lowercase().as_str() {
        "txt" | "log" | "md" => "text/plain",
        "csv" => "text/csv",
        "json" => "application/json",
        "pdf" => "application/pdf",
        "png" => "image/png",
        "jpg" | "jpeg" => "image/jpeg",
        "gif" => "image/gif",
        "zip" => "application/zip",
        _ => ANY_BYTES,
    }
}

/// `DELETE attachment/{id}`.
pub(super) async fn remove(site: Site) -> Result<Response, Refusal> {
    let services = &site.state.services;
    sandbox::delete_attachment(services, &site.caller, &site.name, site.param("attachment")).await?;
    Ok(StatusCode::NO_CONTENT.into_response())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_never_a_page_of_this_origin() {
        let sent = headers(&json!({ "filename": "a \"b\".html", "mimeType": "text/html" }));
        assert_eq!(sent[header::CONTENT_DISPOSITION], "attachment; filename*=UTF-8''a%20%22b%22.html");
        assert_eq!(sent[header::X_CONTENT_TYPE_OPTIONS], "nosniff");
        assert_eq!(sent[header::CONTENT_SECURITY_POLICY], "default-src 'none'; sandbox");
        let odd = headers(&json!({ "filename": "x", "mimeType": "bad\ntype" }));
        assert_eq!(odd[header::CONTENT_TYPE], ANY_BYTES);
    }

    #[test]
    fn the_name_tells_the_type_where_nothing_else_does() {
        assert_eq!(by_name("notes of today.TXT"), "text/plain");
        assert_eq!(by_name("noname"), ANY_BYTES);
    }
}
