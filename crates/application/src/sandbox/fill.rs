//! Filling a sandbox: generated issues and recorded ones come in the same way.

use domain::ids::TenantId;
use serde::Serialize;
use serde_json::Value;

use crate::{
    erasure::ErasedPeople,
    error::{Error, Result},
    ingest::{FieldRoles, Reader, read_issue, read_rosters, sniff_dialect},
    instances::{Dialect, Instance, InstanceKind},
    issues::{IssueBundle, UpsertCounts},
    ports::{FetchedIssue, ReferenceData, Secrets, TenantTx},
    reference::Roster,
    services::Services,
    tenant_context::TenantContext,
};

/// One issue that could not be read.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct RejectedIssue {
    /// Its place in the batch, from 0.
    pub index: usize,
    /// Why.
    pub reason: String,
}

/// What an import did.
#[derive(Clone, Debug, Default, Serialize)]
pub struct ImportOutcome {
    /// Rows inserted or rewritten.
    #[serde(flatten)]
    pub counts: UpsertCounts,
    /// Issues that were stored already, just as they are.
    pub already_there: u64,
    /// Issues that could not be read; the rest is stored.
    pub rejected: Vec<RejectedIssue>,
}

/// Stores a generated site's rosters.
pub async fn seed_rosters(
    services: &Services,
    tenant: TenantId,
    instance: &Instance,
    rosters: ReferenceData,
) -> Result<()> {
    require_sandbox(instance)?;
    let mut tx = services.db.tenant(&TenantContext::whole(tenant)).await?;
    let erased = tx.erased_people(instance.id).await?;
    let records = read_rosters(rosters, services.secrets.as_ref(), &erased);
    tx.upsert_reference(instance.id, &records, true).await?;
    tx.commit().await
}

/// Issues read into rows, ready to be stored.
#[derive(Debug, Default)]
pub struct ReadBatch {
    /// What could be read.
    pub bundles: Vec<IssueBundle>,
    /// What could not.
    pub rejected: Vec<RejectedIssue>,
}

/// Reads issues in Jira's JSON, v2 or v3, with or without changelog. What a record leaves out is not invented. Needs no
/// database, so it may run on a thread of its own while the batch before is stored. One issue is taken at a time: what has just
/// been made is still in the processor's cache when it is read.
pub fn read_batch(
    roles: &FieldRoles,
    erased: &ErasedPeople,
    secrets: &dyn Secrets,
    issues: impl IntoIterator<Item = Value>,
) -> ReadBatch {
    let mut batch = ReadBatch::default();
    let mut reader = Reader::new(Dialect::V3, roles, secrets, erased);
    for (index, raw) in issues.into_iter().enumerate() {
        reader.dialect = sniff_dialect(&raw);
        match read_issue(&reader, FetchedIssue { raw, comments_complete: false, worklogs_complete: false }) {
            Ok(bundle) => batch.bundles.push(bundle),
            Err(reject) => batch.rejected.push(RejectedIssue { index, reason: reject.reason }),
        }
    }
    batch
}

/// Stores what [`read_batch`] read, in a transaction of its own.
pub async fn store_batch(
    services: &Services,
    tenant: TenantId,
    instance: &Instance,
    bundles: &[IssueBundle],
) -> Result<UpsertCounts> {
    require_sandbox(instance)?;
    let mut tx = services.db.tenant(&TenantContext::whole(tenant)).await?;
    let counts = store(tx.as_mut(), instance, bundles).await?;
    tx.commit().await?;
    Ok(counts)
}

/// Stores a batch of issues in Jira's JSON, see [`read_batch`]. An empty sandbox takes the dialect of the first issue it
/// is given.
pub async fn import_issues(
    services: &Services,
    tenant: TenantId,
    instance: &Instance,
    issues: Vec<Value>,
) -> Result<ImportOutcome> {
    require_sandbox(instance)?;
    let mut tx = services.db.tenant(&TenantContext::whole(tenant)).await?;
    if let Some(first) = issues.first() {
        let dialect = sniff_dialect(first);
        let empty = tx.roster(instance.id, Roster::Projects).await?.is_empty();
        if dialect == Dialect::V2 && empty {
            tx.set_dialect(instance.id, dialect).await?;
        }
    }
    let roles = FieldRoles::from_fields(&tx.roster(instance.id, Roster::Fields).await?);
    let erased = tx.erased_people(instance.id).await?;
    let ReadBatch { bundles, rejected } = read_batch(&roles, &erased, services.secrets.as_ref(), issues);
    let counts = store(tx.as_mut(), instance, &bundles).await?;
    tx.commit().await?;
    let already_there = (bundles.len() as u64).saturating_sub(counts.issues);
    Ok(ImportOutcome { counts, already_there, rejected })
}

/// Stores the rows, and keeps the ids that a sandbox gives out above theirs.
async fn store(tx: &mut dyn TenantTx, instance: &Instance, bundles: &[IssueBundle]) -> Result<UpsertCounts> {
    let highest = bundles
        .iter()
        .flat_map(|bundle| {
            let comments = bundle.comments.iter().map(|comment| comment.jira_number);
            let histories = bundle.histories.iter().map(|history| history.jira_number);
            let worklogs = bundle.worklogs.iter().map(|worklog| worklog.jira_number);
            let links = bundle.links.iter().map(|link| &link.jira_id);
            let attachments = bundle.attached.attachments.iter().map(|attachment| &attachment.jira_id);
            let others = links.chain(attachments).filter_map(|id| id.parse().ok());
            comments.chain(histories).chain(worklogs).chain(others).chain([bundle.issue.jira_number])
        })
        .max();
    let counts = tx.upsert_issues(instance.id, bundles).await?;
    if counts.rejected > 0 {
        return Err(Error::invalid(
            "issues",
            format!(
                "{} of a batch cannot be stored: a value is longer than the copy can hold",
                counts.rejected
            ),
        ));
    }
    if let Some(highest) = highest {
        tx.raise_sandbox_id(instance.id, highest).await?;
    }
    Ok(counts)
}

pub(super) fn require_sandbox(instance: &Instance) -> Result<()> {
    if instance.kind == InstanceKind::Sandbox {
        return Ok(());
    }
    Err(Error::Conflict(format!(
        "`{}` mirrors another site, and this is for sandboxes alone; make one with `forebay instance add --kind sandbox`",
        instance.name
    )))
}
