//! Comments.

use domain::ids::EntityKind;
use serde_json::{Value, json};

use super::{
    Draft, address, as_v2, hint, next_moment, store,
    visibility::{self, Visibility},
    writing::Writing,
};
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

/// A comment as a client sends it.
#[derive(Clone, Debug, PartialEq)]
pub struct NewComment {
    /// Its text.
    pub body: CommentBody,
    /// For whom it is; for everyone without.
    pub visibility: Option<Visibility>,
    /// The comment that it answers, by id.
    pub parent: Option<String>,
    /// Whether customers of a service desk may read it.
    pub is_public: bool,
}

impl NewComment {
    /// A text for everyone.
    pub fn plain(body: CommentBody) -> Self {
        Self { body, visibility: None, parent: None, is_public: true }
    }

    /// Whether it is nothing but a text for everyone.
    pub fn is_plain(&self) -> bool {
        self.visibility.is_none() && self.parent.is_none() && self.is_public
    }
}

/// Adds a comment that is more than a text for everyone; answers it as stored.
///
/// # Errors
/// [`Error::NotFound`] without the issue; [`Error::Invalid`] for a bad text, a group or a role that does not exist, and an answer to a
/// comment that is not there or is an answer itself.
pub async fn write_comment(
    services: &Services,
    caller: &Caller,
    instance: &str,
    issue: &str,
    new: &NewComment,
) -> Result<Value> {
    let mut write = Writing::begin(services, caller, Action::AddComment, instance).await?;
    let row = write.issue(issue).await?;
    let comment = add(&mut write, &row, new).await?;
    write.finish(&row.key, Value::Null, json!({ "comment": comment })).await?;
    Ok(comment)
}

/// Adds a comment as part of a write; answers it as stored.
pub(super) async fn add(write: &mut Writing<'_>, row: &IssueRow, new: &NewComment) -> Result<Value> {
    new.body.check()?;
    let id = write.ids(1).await?;
    let now = next_moment(write.services, [row]);
    let comment = new_comment(write, row, id, &now, new).await?;
    let mut draft = Draft::of(row, &now);
    let total = total(&row.raw["fields"]["comment"]) + 1;
    draft.set_comments(std::slice::from_ref(&comment), total, false);
    write.store(vec![draft]).await?;
    let event = json!({ "comment": as_v2(&comment, "body"), "issue": hint(&write.instance, &row.raw) });
    write.announce("comment_created", event).await?;
    Ok(comment)
}

/// A comment that is part of another write, as it will be stored.
pub(super) async fn new_comment(
    write: &mut Writing<'_>,
    row: &IssueRow,
    id: i64,
    now: &str,
    new: &NewComment,
) -> Result<Value> {
    let mut comment = blank(&write.instance, row, id, now, (&new.body, new.is_public));
    let project = &row.raw["fields"]["project"];
    visibility::write_into(&mut comment, Some(&new.visibility), write, project).await?;
    if let Some(parent) = &new.parent {
        let known = all(write, row).await?;
        let answered = known.iter().find(|known| known["id"] == parent.as_str());
        if answered.is_none_or(|answered| !answered["parentId"].is_null()) {
            let message = format!(
                "The comment '{parent}' cannot be answered: it is not there, or is an answer itself."
            );
            return Err(Error::invalid("parentId", message));
        }
        comment["parentId"] = json!(parent);
    }
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

/// Whether a change to a comment is one of its issue's, too.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Touching {
    /// It is: `updated` of the issue is that of the change.
    Issue,
    /// Nothing of the issue tells of it, as some sites have it (jira-facts 12).
    CommentAlone,
}

impl Touching {
    fn draft(self, row: &IssueRow, now: &str) -> Draft {
        match self {
            Self::Issue => Draft::of(row, now),
            Self::CommentAlone => Draft::keeping(row),
        }
    }
}

/// What a client says of a comment that is there.
#[derive(Clone, Debug, PartialEq)]
pub struct CommentChanges {
    /// Its text.
    pub body: CommentBody,
    /// For whom it is: for everyone with `Some(None)`; `None` leaves it as it is.
    pub visibility: Option<Option<Visibility>>,
}

/// Gives a comment another text. Jira keeps no history of it.
///
/// # Errors
/// [`Error::NotFound`] without the issue or the comment; [`Error::Invalid`] (field `body`) for a bad text.
pub async fn edit_comment(
    services: &Services,
    caller: &Caller,
    instance: &str,
    (issue, comment): (&str, &str),
    changes: &CommentChanges,
    touching: Touching,
) -> Result<()> {
    let mut write = Writing::begin(services, caller, Action::EditComment, instance).await?;
    let row = write.issue(issue).await?;
    let (before, after) = edit(&mut write, &row, comment, (changes, touching)).await?;
    write.finish(&row.key, json!({ "comment": before }), json!({ "comment": after })).await
}

/// Edits a comment as part of a write; answers it as it was and as it is.
pub(super) async fn edit(
    write: &mut Writing<'_>,
    row: &IssueRow,
    comment: &str,
    (changes, touching): (&CommentChanges, Touching),
) -> Result<(Value, Value)> {
    changes.body.check()?;
    let before = existing(write, row, comment).await?;
    let now = next_moment(write.services, [row]);
    let mut after = before.clone();
    after["body"] = changes.body.in_place_of(&before["body"], row.dialect);
    after["updateAuthor"] = account(row.dialect);
    after["updated"] = json!(now);
    let project = &row.raw["fields"]["project"];
    visibility::write_into(&mut after, changes.visibility.as_ref(), write, project).await?;
    let mut draft = touching.draft(row, &now);
    let total = total(&row.raw["fields"]["comment"]);
    draft.set_comments(std::slice::from_ref(&after), total, false);
    write.store(vec![draft]).await?;
    let event = json!({ "comment": as_v2(&after, "body"), "issue": hint(&write.instance, &row.raw) });
    write.announce("comment_updated", event).await?;
    Ok((before, after))
}

/// Deletes a comment.
///
/// # Errors
/// [`Error::NotFound`] without the issue or the comment.
pub async fn delete_comment(
    services: &Services,
    caller: &Caller,
    instance: &str,
    (issue, comment): (&str, &str),
    touching: Touching,
) -> Result<()> {
    let mut write = Writing::begin(services, caller, Action::DeleteComment, instance).await?;
    let row = write.issue(issue).await?;
    let gone = delete(&mut write, &row, comment, touching).await?;
    write.finish(&row.key, json!({ "comment": gone }), Value::Null).await
}

/// Deletes a comment as part of a write; answers it as it was.
pub(super) async fn delete(
    write: &mut Writing<'_>,
    row: &IssueRow,
    comment: &str,
    touching: Touching,
) -> Result<Value> {
    let mut left = all(write, row).await?;
    let at = left.iter().position(|raw| raw["id"] == comment);
    let gone = left.remove(at.ok_or_else(|| Error::not_found("comment", comment))?);
    let now = next_moment(write.services, [row]);
    let mut draft = touching.draft(row, &now);
    draft.set_comments(&left, left.len() as u64, true);
    write.store(vec![draft]).await?;
    let child = write.instance.id.derive(EntityKind::Comment, comment);
    write.tx.remove_child_properties(child, None).await?;
    let event = json!({ "comment": as_v2(&gone, "body"), "issue": hint(&write.instance, &row.raw) });
    write.announce("comment_deleted", event).await?;
    Ok(gone)
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
