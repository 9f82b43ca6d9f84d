//! Attachments, watchers and votes, as an issue's payload has them.

use serde_json::Value;

use super::{
    children::{text_of, time},
    clean::user_id_of,
    hash::source_hash,
};
use crate::issues::{AttachedRecords, AttachmentRecord, Counts};

pub(super) fn attached(fields: &Value) -> Result<AttachedRecords, String> {
    let listed = fields["attachment"].as_array();
    let attachments = listed.into_iter().flatten().map(attachment).collect::<Result<_, _>>()?;
    Ok(AttachedRecords {
        attachments,
        attachments_complete: listed.is_some(),
        counts: counts(fields),
        properties: None,
    })
}

fn attachment(raw: &Value) -> Result<AttachmentRecord, String> {
    let jira_id = text_of(&raw["id"]).ok_or("attachment has no id")?;
    Ok(AttachmentRecord {
        author: user_id_of(&raw["author"]),
        filename: text_of(&raw["filename"]).unwrap_or_default(),
        mime_type: text_of(&raw["mimeType"]),
        size: raw["size"].as_i64(),
        content_url: text_of(&raw["content"]),
        created: time(&raw["created"], "attachment.created")?,
        source_hash: source_hash(raw),
        jira_id,
    })
}

/// `None` where the payload has neither: a search may leave them out.
fn counts(fields: &Value) -> Option<Counts> {
    let number =
        |value: &Value| value.as_i64().map(|number| i32::try_from(number.max(0)).unwrap_or(i32::MAX));
    let watchers = number(&fields["watches"]["watchCount"]);
    let votes = number(&fields["votes"]["votes"]);
    (watchers.is_some() || votes.is_some())
        .then(|| Counts { watchers: watchers.unwrap_or(0), votes: votes.unwrap_or(0) })
}
