//! Attachments: what an issue shows of a file, and its bytes.

use serde_json::{Value, json};

use super::{Draft, address, fields::elements, hint, next_moment, updated_event, writing::Writing};
use crate::{
    actions::Action,
    caller::Caller,
    error::{Error, Result},
    issues::IssueRow,
    sandbox::account,
    services::Services,
};

/// The most bytes of one file.
pub const LARGEST_ATTACHMENT: usize = 10 * 1024 * 1024;
/// The most files in one request, as at Jira.
pub const MOST_ATTACHMENTS: usize = 60;

/// A file to be attached.
#[derive(Clone, Debug)]
pub struct NewAttachment {
    /// Its name.
    pub filename: String,
    /// Its media type.
    pub mime_type: String,
    /// Its bytes.
    pub bytes: Vec<u8>,
}

/// Attaches files to an issue; answers them as the issue shows them.
///
/// # Errors
/// [`Error::NotFound`] without the issue; [`Error::Invalid`] (field `file`) for none, too many, and too large ones.
pub async fn attach(
    services: &Services,
    caller: &Caller,
    instance: &str,
    issue: &str,
    files: Vec<NewAttachment>,
) -> Result<Vec<Value>> {
    let mut write = Writing::begin(services, caller, Action::AddAttachment, instance).await?;
    if !(1..=MOST_ATTACHMENTS).contains(&files.len()) {
        return Err(Error::invalid("file", format!("Attach between 1 and {MOST_ATTACHMENTS} files.")));
    }
    if let Some(large) = files.iter().find(|file| file.bytes.len() > LARGEST_ATTACHMENT) {
        let message = format!("'{}' is larger than {LARGEST_ATTACHMENT} bytes.", large.filename);
        return Err(Error::invalid("file", message));
    }
    let row = write.issue(issue).await?;
    let first = write.ids(files.len() + 1).await?;
    let now = next_moment(services, [&row]);
    let shown: Vec<Value> =
        (first + 1..).zip(&files).map(|(id, file)| raw(&write, &row, id, file, &now)).collect();
    let items: Vec<Value> = shown
        .iter()
        .map(|file| item((&Value::Null, &Value::Null), (&file["id"], &file["filename"])))
        .collect();
    let mut list = elements(&row.raw["fields"]["attachment"]).to_vec();
    list.extend(shown.iter().cloned());
    change(&mut write, &row, (first, &now), &items, list).await?;
    let site = write.instance.id;
    for (file, shown) in files.iter().zip(&shown) {
        let id = shown["id"].as_str().unwrap_or_default();
        write.tx.store_content(site, row.id, id, &file.bytes).await?;
        let event = json!({ "attachment": shown, "issue": hint(&write.instance, &row.raw) });
        write.announce("attachment_created", event).await?;
    }
    write.finish(&row.key, Value::Null, json!({ "attachments": shown })).await?;
    Ok(shown)
}

/// Deletes an attachment and its bytes.
///
/// # Errors
/// [`Error::NotFound`].
pub async fn delete_attachment(
    services: &Services,
    caller: &Caller,
    instance: &str,
    attachment: &str,
) -> Result<()> {
    let mut write = Writing::begin(services, caller, Action::DeleteAttachment, instance).await?;
    let missing = || Error::not_found("attachment", attachment);
    let site = write.instance.id;
    let issue = write.tx.issue_of_attachment(site, attachment).await?.ok_or_else(missing)?;
    let row = write.issue(&issue).await.map_err(|error| match error {
        Error::NotFound { .. } => missing(),
        error => error,
    })?;
    let (gone, kept): (Vec<Value>, Vec<Value>) =
        elements(&row.raw["fields"]["attachment"]).iter().cloned().partition(|file| file["id"] == attachment);
    let gone = gone.into_iter().next().ok_or_else(missing)?;
    let history = write.ids(1).await?;
    let now = next_moment(services, [&row]);
    let items = [item((&gone["id"], &gone["filename"]), (&Value::Null, &Value::Null))];
    change(&mut write, &row, (history, &now), &items, kept).await?;
    write.tx.remove_content(site, attachment).await?;
    let event = json!({ "attachment": gone, "issue": hint(&write.instance, &row.raw) });
    write.announce("attachment_deleted", event).await?;
    write.finish(&row.key, json!({ "attachment": gone }), Value::Null).await
}

async fn change(
    write: &mut Writing<'_>,
    row: &IssueRow,
    (history, now): (i64, &str),
    items: &[Value],
    list: Vec<Value>,
) -> Result<()> {
    let mut draft = Draft::of(row, now);
    draft.fields()["attachment"] = Value::Array(list);
    draft.record(history, now, items);
    let event = updated_event(&write.instance, &draft, "issue_updated", history, items);
    write.store(vec![draft]).await?;
    write.announce("jira:issue_updated", event).await
}

fn item((from, from_text): (&Value, &Value), (to, to_text): (&Value, &Value)) -> Value {
    json!({
        "field": "Attachment", "fieldtype": "jira", "fieldId": "attachment",
        "from": from, "fromString": from_text, "to": to, "toString": to_text,
    })
}

fn raw(write: &Writing<'_>, row: &IssueRow, id: i64, file: &NewAttachment, now: &str) -> Value {
    let address = |path: String| address(&write.instance, row.dialect, &path);
    let mut shown = json!({
        "self": address(format!("attachment/{id}")),
        "id": id.to_string(),
        "filename": file.filename,
        "author": account(row.dialect),
        "created": now,
        "size": file.bytes.len(),
        "mimeType": file.mime_type,
        "content": address(format!("attachment/content/{id}")),
    });
    if file.mime_type.starts_with("image/") {
        shown["thumbnail"] = json!(address(format!("attachment/thumbnail/{id}")));
    }
    shown
}
