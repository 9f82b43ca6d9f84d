//! The audit log: every write, with what was before and what is after.

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use domain::ids::InstanceId;
use serde::Serialize;
use serde_json::Value;
use uuid::Uuid;

use crate::{
    caller::Caller,
    erasure::ErasedPeople,
    error::Result,
    ports::{Secrets, TenantTx},
};

/// How a write ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Outcome {
    /// It happened.
    Succeeded,
    /// It did not.
    Failed,
    /// It was sent and the answer was lost; settled by re-reading.
    Indeterminate,
}

impl Outcome {
    /// The outcome's name.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Succeeded => "succeeded",
            Self::Failed => "failed",
            Self::Indeterminate => "indeterminate",
        }
    }
}

/// What is to be written down.
#[derive(Clone, Debug)]
pub struct NewAuditEntry {
    /// The instance it happened at.
    pub instance: Option<InstanceId>,
    /// `key:NAME:ID`, `cli:USER` or `system`.
    pub actor: String,
    /// `add_comment`, `transition`, `add_instance` ...
    pub action: &'static str,
    /// Issue key, instance name ...
    pub target: String,
    /// How it ended.
    pub outcome: Outcome,
    /// `{"before": …, "after": …}`.
    pub payload: Value,
    /// The request it came with.
    pub request_id: String,
    /// When.
    pub at: DateTime<Utc>,
}

impl NewAuditEntry {
    /// A success of the caller's, with what was before and what is after.
    pub fn success(
        caller: &Caller,
        instance: Option<InstanceId>,
        action: &'static str,
        target: impl Into<String>,
        before: Value,
        after: Value,
        at: DateTime<Utc>,
    ) -> Self {
        let mut payload = serde_json::json!({ "before": before, "after": after });
        // A site's own answer may carry addresses, and nothing can be taken out of the log later.
        crate::ingest::strip_addresses(&mut payload);
        Self {
            instance,
            actor: caller.actor.to_string(),
            action,
            target: target.into(),
            outcome: Outcome::Succeeded,
            payload,
            request_id: caller.request_id.clone(),
            at,
        }
    }
}

/// Writes down what a site answered, without the people who were erased there: a comment may mention one, and comes back from the site
/// with the name. Asked in the entry's own transaction, so that no burial falls in between. Answers who they are, for what else is
/// told of the write.
pub async fn record(
    tx: &mut dyn TenantTx,
    secrets: &dyn Secrets,
    mut entry: NewAuditEntry,
) -> Result<ErasedPeople> {
    let people = match entry.instance {
        Some(instance) => tx.erased_people(instance).await?,
        None => ErasedPeople::default(),
    };
    people.take_out(&mut entry.payload, secrets);
    tx.record(entry).await?;
    Ok(people)
}

/// One entry, as read.
#[derive(Clone, Debug, Serialize)]
pub struct AuditEntry {
    /// Its id; time-ordered.
    pub id: Uuid,
    /// The name of the instance, where it still exists.
    pub instance: Option<String>,
    /// Who.
    pub actor: String,
    /// What.
    pub action: String,
    /// To what.
    pub target: Option<String>,
    /// How it ended.
    pub outcome: String,
    /// `{"before": …, "after": …}`.
    pub payload: Option<Value>,
    /// The request it came with.
    pub request_id: Option<String>,
    /// When.
    pub created_at: DateTime<Utc>,
}

/// Which entries.
#[derive(Clone, Debug, Default)]
pub struct AuditFilter {
    /// Only this action.
    pub action: Option<String>,
    /// Only this target; of keys the name is one too.
    pub target: Option<String>,
    /// Only entries older than this one.
    pub before: Option<Uuid>,
    /// At most so many.
    pub limit: i64,
}

/// Storage of the audit log.
#[async_trait]
pub trait AuditStore: Send {
    /// Writes an entry, in the same transaction as what it speaks of. One with texts of people's goes through [`record`].
    async fn record(&mut self, entry: NewAuditEntry) -> Result<()>;

    /// Newest first.
    async fn audit_entries(&mut self, filter: &AuditFilter) -> Result<Vec<AuditEntry>>;
}
