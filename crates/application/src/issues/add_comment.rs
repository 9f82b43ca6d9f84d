//! Adding a comment: to the site first, then stored, then audited.

use serde_json::{Value, json};

use super::{CommentRow, IssueRow, Presence, require_issue};
use crate::{
    audit::{NewAuditEntry, Outcome},
    caller::{Caller, Scope},
    error::{Error, Result},
    instances::{self, Dialect, Instance, InstanceKind, require_instance},
    sandbox,
    services::Services,
    sync,
};

/// A comment's text, as the door it came through has it.
#[derive(Clone, Debug, PartialEq)]
pub enum CommentBody {
    /// Plain text or Markdown.
    Markdown(String),
    /// Atlassian Document Format, as v3 of Jira's API sends it.
    Adf(Value),
    /// Wiki markup, as v2 of Jira's API sends it.
    Wiki(String),
}

const LONGEST: usize = 32_767;

impl CommentBody {
    fn check(&self) -> Result<()> {
        let (text, length) = match self {
            Self::Markdown(text) | Self::Wiki(text) => (text.trim().to_owned(), text.chars().count()),
            Self::Adf(document) => {
                adf::validate(document).map_err(|problems| {
                    let first = problems.first().map(ToString::to_string).unwrap_or_default();
                    Error::invalid("body", format!("is no valid Atlassian Document: {first}"))
                })?;
                let text = adf::text_of(document);
                let length = text.chars().count();
                (text, length)
            }
        };
        if text.trim().is_empty() {
            return Err(Error::invalid("body", "must not be empty"));
        }
        if length > LONGEST {
            return Err(Error::invalid("body", format!("is longer than {LONGEST} characters")));
        }
        Ok(())
    }

    /// The body in a site's dialect.
    pub fn in_dialect(&self, dialect: Dialect) -> Value {
        match (self, dialect) {
            (Self::Adf(document), Dialect::V3) => document.clone(),
            (Self::Wiki(markup), Dialect::V2) => Value::String(markup.clone()),
            (Self::Markdown(text), Dialect::V3) => adf::from_markdown(text).to_json(),
            (Self::Markdown(text), Dialect::V2) => Value::String(adf::to_wiki(&adf::from_markdown(text))),
            (Self::Wiki(markup), Dialect::V3) => adf::from_wiki(markup).to_json(),
            (Self::Adf(document), Dialect::V2) => Value::String(adf::wiki_of(document)),
        }
    }
}

/// Adds a comment and answers it as stored.
pub async fn add_comment(
    services: &Services,
    caller: &Caller,
    instance: Option<&str>,
    issue: &str,
    body: &CommentBody,
) -> Result<CommentRow> {
    caller.require(Scope::Write)?;
    body.check()?;
    let (instance, row) = locate(services, caller, instance, issue).await?;
    let comment_id = match instance.kind {
        InstanceKind::Sandbox => {
            let mut tx = services.db.tenant(caller.tenant).await?;
            tx.lock_issue(row.id).await?;
            let row = require_issue(tx.as_mut(), Some(instance.id), &row.jira_id).await?;
            let comment = sandbox::add_comment(services, tx.as_mut(), &instance, &row, body).await?;
            let after = json!({ "comment": comment });
            let now = services.clock.now();
            tx.record(NewAuditEntry::success(
                caller,
                Some(instance.id),
                "add_comment",
                &row.key,
                Value::Null,
                after,
                now,
            ))
            .await?;
            tx.commit().await?;
            comment_id(&comment)
        }
        _ => write_through(services, caller, &instance, &row, body).await?,
    };
    let mut tx = services.db.tenant(caller.tenant).await?;
    let comments = tx.comments(&[row.id]).await?;
    comments
        .into_iter()
        .find(|comment| comment.jira_id == comment_id)
        .ok_or_else(|| Error::internal("the comment was written, but is not in the copy"))
}

async fn write_through(
    services: &Services,
    caller: &Caller,
    instance: &Instance,
    row: &IssueRow,
    body: &CommentBody,
) -> Result<String> {
    let site = instances::connect(services, caller.tenant, instance).await?;
    let answer = site.add_comment(instance.dialect, &row.jira_id, &body.in_dialect(instance.dialect)).await;
    let attempt = Attempt { caller, instance, row, action: "add_comment", before: Value::Null };
    let comment = attempt.settle(services, answer, |comment| json!({ "comment": comment })).await?;
    Ok(comment_id(&comment))
}

/// A write that was sent to a site.
pub(super) struct Attempt<'a> {
    pub(super) caller: &'a Caller,
    pub(super) instance: &'a Instance,
    pub(super) row: &'a IssueRow,
    pub(super) action: &'static str,
    pub(super) before: Value,
}

impl Attempt<'_> {
    /// The second half of every write through: reads the issue again, stores it and writes the audit entry in one
    /// transaction. A refused write is audited too; one whose answer was lost is `indeterminate`, and the re-read tells.
    pub(super) async fn settle<T>(
        self,
        services: &Services,
        answer: Result<T>,
        after: impl FnOnce(&T) -> Value,
    ) -> Result<T> {
        let Self { caller, instance, row, action, before } = self;
        let outcome = match &answer {
            Ok(_) => Outcome::Succeeded,
            Err(Error::Indeterminate(_)) => Outcome::Indeterminate,
            Err(_) => Outcome::Failed,
        };
        let after = match &answer {
            Ok(value) => after(value),
            Err(error) => json!({ "error": error.code(), "message": error.to_string() }),
        };
        let fetched = match outcome {
            Outcome::Failed => None,
            _ => Some(sync::fetch_one(services, caller.tenant, instance, &row.jira_id).await),
        };
        let mut tx = services.db.tenant(caller.tenant).await?;
        match &fetched {
            Some(Ok(Some(bundle))) => {
                tx.upsert_issues(instance.id, std::slice::from_ref(bundle)).await?;
            }
            Some(Ok(None)) => {
                tx.set_presence(instance.id, std::slice::from_ref(&row.jira_id), Presence::AccessLost)
                    .await?;
            }
            // The write happened: its audit entry must not be lost because the re-read failed. The next sync stores it.
            Some(Err(error)) => {
                tracing::warn!(%error, issue = row.jira_id, "the issue could not be read again after a write");
            }
            None => {}
        }
        tx.record(NewAuditEntry {
            outcome,
            ..NewAuditEntry::success(
                caller,
                Some(instance.id),
                action,
                &row.key,
                before,
                after,
                services.clock.now(),
            )
        })
        .await?;
        tx.commit().await?;
        if let Some(Err(error)) = fetched {
            return Err(Error::Indeterminate(format!(
                "the write was sent, but the issue could not be read again ({error}); the next sync stores it"
            )));
        }
        answer
    }
}

pub(super) async fn locate(
    services: &Services,
    caller: &Caller,
    instance: Option<&str>,
    issue: &str,
) -> Result<(Instance, IssueRow)> {
    let mut tx = services.db.tenant(caller.tenant).await?;
    let wanted = match instance {
        Some(name) => Some(require_instance(tx.as_mut(), name).await?),
        None => None,
    };
    let row = require_issue(tx.as_mut(), wanted.as_ref().map(|instance| instance.id), issue).await?;
    let instance = match wanted {
        Some(instance) => instance,
        None => require_instance(tx.as_mut(), &row.instance).await?,
    };
    Ok((instance, row))
}

fn comment_id(comment: &Value) -> String {
    match &comment["id"] {
        Value::String(id) => id.clone(),
        other => other.to_string(),
    }
}
