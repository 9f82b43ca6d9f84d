//! Adding a comment: to the site first, then stored, then audited.

use adf::Document;
use serde_json::{Value, json};

use super::{CommentRow, IssueRow, require_issue};
use crate::{
    actions::Action,
    audit::{self, NewAuditEntry, Outcome},
    caller::Caller,
    erasure::ErasedPeople,
    error::{Error, Result},
    instances::{self, Dialect, Instance, InstanceKind, require_instance},
    sandbox,
    services::Services,
    sync,
    tenant_context::TenantContext,
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
    pub(crate) fn check(&self) -> Result<()> {
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
            (Self::Markdown(text), Dialect::V2) => {
                Value::String(adf::to_server_wiki(&adf::from_markdown(text)))
            }
            (Self::Wiki(markup), Dialect::V3) => adf::from_wiki(markup).to_json(),
            (Self::Adf(document), Dialect::V2) => Value::String(server_wiki(document)),
        }
    }

    /// The body in the place of what a site's dialect has stored. Who edits a text keeps what the text does not show: a
    /// status keeps its colour, and what is put back as it was read stays as it is.
    pub(crate) fn in_place_of(&self, stored: &Value, dialect: Dialect) -> Value {
        match (self, dialect, stored) {
            (Self::Adf(document), Dialect::V2, Value::String(markup))
                if adf::from_wiki(markup).to_json() == *document =>
            {
                stored.clone()
            }
            (Self::Wiki(text), Dialect::V3, Value::Object(_)) => match Document::from_json(stored) {
                Ok(stored) => adf::edit_wiki(&stored, text).to_json(),
                Err(_) => self.in_dialect(dialect),
            },
            (Self::Markdown(text), Dialect::V3, Value::Object(_)) => match Document::from_json(stored) {
                Ok(stored) => adf::edit_markdown(&stored, text).to_json(),
                Err(_) => self.in_dialect(dialect),
            },
            _ => self.in_dialect(dialect),
        }
    }
}

/// A document as a Server has it; nothing of what is none.
fn server_wiki(document: &Value) -> String {
    Document::from_json(document).map(|document| adf::to_server_wiki(&document)).unwrap_or_default()
}

/// Adds a comment and answers it as stored.
pub async fn add_comment(
    services: &Services,
    caller: &Caller,
    instance: Option<&str>,
    issue: &str,
    body: &CommentBody,
) -> Result<CommentRow> {
    add_comment_for(services, caller, instance, issue, (body, Audience::Everyone)).await
}

/// Who may read a comment on a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Audience {
    /// Customers too.
    Everyone,
    /// Agents only.
    Agents,
}

/// [`add_comment`], for an audience.
///
/// # Errors
/// [`Error::Unsupported`] for what is meant for agents alone at a mirror: the site would show it to everyone.
pub async fn add_comment_for(
    services: &Services,
    caller: &Caller,
    instance: Option<&str>,
    issue: &str,
    (body, audience): (&CommentBody, Audience),
) -> Result<CommentRow> {
    caller.permit(Action::AddComment)?;
    body.check()?;
    let (instance, row) = locate(services, caller, instance, issue).await?;
    let (comment, people) = match instance.kind {
        InstanceKind::Sandbox => {
            let mut tx = services.db.tenant(&TenantContext::whole(caller.tenant)).await?;
            tx.lock_issue(row.id).await?;
            let row = require_issue(tx.as_mut(), Some(instance.id), &row.jira_id).await?;
            require_within(caller, &row)?;
            let comment = sandbox::add_comment(
                services,
                tx.as_mut(),
                &instance,
                &row,
                (body, audience == Audience::Everyone),
            )
            .await?;
            let after = json!({ "comment": comment });
            let now = services.clock.now();
            let entry = NewAuditEntry::success(
                caller,
                Some(instance.id),
                Action::AddComment.as_str(),
                &row.key,
                Value::Null,
                after,
                now,
            );
            let people = audit::record(tx.as_mut(), services.secrets.as_ref(), entry).await?;
            tx.commit().await?;
            (comment, people)
        }
        _ if audience == Audience::Agents => {
            let message =
                "internal comments are not served by Forebay for mirrors yet; write it at the site itself";
            return Err(Error::Unsupported(message.into()));
        }
        _ => write_through(services, caller, &instance, &row, body).await?,
    };
    as_stored(services, &row, instance.dialect, comment, &people)
}

/// The comment from the site's own answer: right even while the copy does not have it yet.
fn as_stored(
    services: &Services,
    row: &IssueRow,
    dialect: Dialect,
    mut raw: Value,
    people: &ErasedPeople,
) -> Result<CommentRow> {
    crate::ingest::clean_payload(&mut raw, services.secrets.as_ref(), people);
    let author = raw["author"]["displayName"].as_str().map(str::to_owned);
    let comment = crate::ingest::read_comment(raw).map_err(Error::internal)?;
    Ok(CommentRow {
        issue_id: row.id,
        raw: comment.whole().map_err(Error::internal)?,
        jira_id: comment.jira_id,
        author,
        body_text: comment.body_text,
        created: comment.created,
        updated: comment.updated,
        dialect,
    })
}

async fn write_through(
    services: &Services,
    caller: &Caller,
    instance: &Instance,
    row: &IssueRow,
    body: &CommentBody,
) -> Result<(Value, ErasedPeople)> {
    let site = instances::connect(services, caller.tenant, instance).await?;
    let answer = site.add_comment(instance.dialect, &row.jira_id, &body.in_dialect(instance.dialect)).await;
    let attempt = Attempt { caller, instance, row, action: Action::AddComment.as_str(), before: Value::Null };
    attempt.settle(services, answer, |comment| json!({ "comment": comment })).await
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
    /// The second half of every write through: writes the audit entry at once, by itself, because nothing that happens
    /// after the site's answer may undo it; then reads the issue again and stores it. A refused write is audited too; one
    /// whose answer was lost is `indeterminate`, and the re-read shows what came of it. Beside the answer it tells who must be taken
    /// out of it.
    pub(super) async fn settle<T>(
        self,
        services: &Services,
        answer: Result<T>,
        after: impl FnOnce(&T) -> Value,
    ) -> Result<(T, ErasedPeople)> {
        let outcome = match &answer {
            Ok(_) => Outcome::Succeeded,
            Err(Error::Indeterminate(_)) => Outcome::Indeterminate,
            Err(_) => Outcome::Failed,
        };
        let after = match &answer {
            Ok(value) => after(value),
            Err(error) => json!({ "error": error.code(), "message": error.to_string() }),
        };
        let audited = self.audit(services, outcome, after).await;
        let answer = match answer {
            Err(error) if outcome == Outcome::Failed => return Err(error),
            answer => answer,
        };
        // Not to be tried again by the caller: the write happened.
        let people = audited.map_err(|error| {
            tracing::error!(
                error = error.with_causes(),
                action = self.action,
                "a write could not be audited"
            );
            Error::Indeterminate("the write was sent, but its audit entry could not be written".into())
        })?;
        if let Err(error) = self.read_again(services).await {
            tracing::warn!(
                error = error.with_causes(),
                "the issue could not be read again after a write; the next sync stores it"
            );
        }
        answer.map(|answer| (answer, people))
    }

    async fn audit(&self, services: &Services, outcome: Outcome, after: Value) -> Result<ErasedPeople> {
        let before = self.before.clone();
        let now = services.clock.now();
        let instance = Some(self.instance.id);
        let entry =
            NewAuditEntry::success(self.caller, instance, self.action, &self.row.key, before, after, now);
        let mut tx = services.db.tenant(&self.caller.context()).await?;
        let entry = NewAuditEntry { outcome, ..entry };
        let people = audit::record(tx.as_mut(), services.secrets.as_ref(), entry).await?;
        tx.commit().await?;
        Ok(people)
    }

    async fn read_again(&self, services: &Services) -> Result<()> {
        let (tenant, instance) = (self.caller.tenant, self.instance);
        let fetched = sync::fetch_one(services, tenant, instance, &self.row.jira_id).await?;
        let mut tx = services.db.tenant(&TenantContext::whole(tenant)).await?;
        match fetched {
            Some(fetched) => {
                let bundle = sync::read_fetched(services, tx.as_mut(), instance, fetched, None).await?;
                tx.upsert_issues(instance.id, &[bundle]).await?;
            }
            None => {
                sync::losses::lose(tx.as_mut(), instance, std::slice::from_ref(&self.row.jira_id)).await?;
            }
        }
        tx.commit().await
    }
}

/// What a write stores may touch other projects too (links have two ends), so it is stored for the whole tenant; whether the
/// caller may see the issue is asked again under its lock.
pub(super) fn require_within(caller: &Caller, row: &IssueRow) -> Result<()> {
    if caller.policy.projects.allows(&row.instance, &row.project_key) {
        return Ok(());
    }
    Err(Error::not_found("issue", &row.key))
}

pub(super) async fn locate(
    services: &Services,
    caller: &Caller,
    instance: Option<&str>,
    issue: &str,
) -> Result<(Instance, IssueRow)> {
    let mut tx = services.db.tenant(&caller.context()).await?;
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
