//! Comments.

use serde_json::{Value, json};

use super::{Draft, address, as_v2, hint, next_moment, store, writing::Writing};
use crate::{
    actions::Action,
    caller::Caller,
    error::{Error, Result},
    instances::Instance,
    issues::{CommentBody, IssueRow},
    ports::TenantTx,
    sandbox::account,
    services::Services,
    webhooks,
};

/// Adds a comment and tells the webhooks; answers the comment as stored. One that is not public is for agents only.
pub async fn add_comment(
    services: &Services,
    tx: &mut dyn TenantTx,
    instance: &Instance,
    row: &IssueRow,
    (body, is_public): (&CommentBody, bool),
) -> Result<Value> {
    let id = tx.take_sandbox_ids(instance.id, 1).await?;
    let now = next_moment(services, [row]);
    let mut comment = blank(instance, row, id, &now, (body, is_public));
    // Here already: it is told to webhooks and to the audit log as well as stored.
    tx.erased_people(instance.id).await?.take_out(&mut comment, services.secrets.as_ref());
    let mut draft = Draft::of(row, &now);
    let total = total(&row.raw["fields"]["comment"]) + 1;
    draft.set_comments(std::slice::from_ref(&comment), total, false);
    store(services, tx, instance, vec![draft]).await?;
    let event = json!({ "comment": as_v2(&comment, "body"), "issue": hint(instance, &row.raw) });
    webhooks::announce(services, tx, instance, "comment_created", event).await?;
    Ok(comment)
}

/// A comment that is part of another write, as it will be stored.
pub(super) async fn new_comment(
    write: &mut Writing<'_>,
    row: &IssueRow,
    id: i64,
    now: &str,
    body: &CommentBody,
) -> Result<Value> {
    let mut comment = blank(&write.instance, row, id, now, (body, true));
    let people = write.tx.erased_people(write.instance.id).await?;
    people.take_out(&mut comment, write.services.secrets.as_ref());
    Ok(comment)
}

fn blank(
    instance: &Instance,
    row: &IssueRow,
    id: i64,
    now: &str,
    (body, is_public): (&CommentBody, bool),
) -> Value {
    let author = account(row.dialect);
    json!({
        "self": address(instance, row.dialect, &format!("issue/{}/comment/{id}", row.jira_id)),
        "id": id.to_string(),
        "author": author,
        "body": body.in_dialect(row.dialect),
        "updateAuthor": author,
        "created": now,
        "updated": now,
        "jsdPublic": is_public,
    })
}

/// Gives a comment another text. Jira keeps no history of it.
///
/// # Errors
/// [`Error::NotFound`] without the issue or the comment; [`Error::Invalid`] (field `body`) for a bad text.
pub async fn edit_comment(
    services: &Services,
    caller: &Caller,
    instance: &str,
    issue: &str,
    comment: &str,
    body: &CommentBody,
) -> Result<()> {
    let mut write = Writing::begin(services, caller, Action::EditComment, instance).await?;
    body.check()?;
    let row = write.issue(issue).await?;
    let before = existing(&mut write, &row, comment).await?;
    let now = next_moment(services, [&row]);
    let mut after = before.clone();
    after["body"] = body.in_place_of(&before["body"], row.dialect);
    after["updateAuthor"] = account(row.dialect);
    after["updated"] = json!(now);
    let mut draft = Draft::of(&row, &now);
    let total = total(&row.raw["fields"]["comment"]);
    draft.set_comments(std::slice::from_ref(&after), total, false);
    write.store(vec![draft]).await?;
    let event = json!({ "comment": as_v2(&after, "body"), "issue": hint(&write.instance, &row.raw) });
    write.announce("comment_updated", event).await?;
    write.finish(&row.key, json!({ "comment": before }), json!({ "comment": after })).await
}

/// Deletes a comment.
///
/// # Errors
/// [`Error::NotFound`] without the issue or the comment.
pub async fn delete_comment(
    services: &Services,
    caller: &Caller,
    instance: &str,
    issue: &str,
    comment: &str,
) -> Result<()> {
    let mut write = Writing::begin(services, caller, Action::DeleteComment, instance).await?;
    let row = write.issue(issue).await?;
    let mut left = all(&mut write, &row).await?;
    let at = left.iter().position(|raw| raw["id"] == comment);
    let gone = left.remove(at.ok_or_else(|| Error::not_found("comment", comment))?);
    let now = next_moment(services, [&row]);
    let mut draft = Draft::of(&row, &now);
    draft.set_comments(&left, left.len() as u64, true);
    write.store(vec![draft]).await?;
    let event = json!({ "comment": as_v2(&gone, "body"), "issue": hint(&write.instance, &row.raw) });
    write.announce("comment_deleted", event).await?;
    write.finish(&row.key, json!({ "comment": gone }), Value::Null).await
}

async fn all(write: &mut Writing<'_>, row: &IssueRow) -> Result<Vec<Value>> {
    Ok(write.tx.comments(&[row.id]).await?.into_iter().map(|comment| comment.raw).collect())
}

async fn existing(write: &mut Writing<'_>, row: &IssueRow, comment: &str) -> Result<Value> {
    let mut found = all(write, row).await?.into_iter().filter(|raw| raw["id"] == comment);
    found.next().ok_or_else(|| Error::not_found("comment", comment))
}

fn total(list: &Value) -> u64 {
    list["total"].as_u64().unwrap_or(0)
}
