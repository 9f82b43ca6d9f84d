//! What all writes have in common.

use std::sync::Arc;

use serde_json::Value;

use crate::{
    actions::Action,
    audit::{self, NewAuditEntry},
    caller::Caller,
    error::{Error, Result},
    instances::{Instance, InstanceKind},
    issues::{IssueRow, require_issue},
    lookups,
    ports::TenantTx,
    search::{SearchRequest, SearchStart, parse_jql, request_of},
    services::Services,
    tenant_context::TenantContext,
    webhooks,
};

/// One write to a sandbox: who does it, and the transaction in which it happens.
pub(super) struct Writing<'a> {
    pub(super) services: &'a Services,
    pub(super) caller: &'a Caller,
    pub(super) instance: Arc<Instance>,
    pub(super) tx: Box<dyn TenantTx>,
    action: Action,
}

/// Refuses what only a sandbox does.
pub(super) fn require_written_here(instance: &Instance, action: Action) -> Result<()> {
    if instance.kind == InstanceKind::Sandbox {
        return Ok(());
    }
    Err(Error::Unsupported(format!(
        "`{action}` is not served by Forebay for mirrors yet; do it at the site itself"
    )))
}

impl<'a> Writing<'a> {
    /// Begins a write. What it stores may touch other projects too (links have two ends), so it is stored for the whole tenant;
    /// every issue is asked for by [`Writing::issue`] or [`Writing::issues`], which hold to the caller's projects.
    ///
    /// # Errors
    /// [`Error::Forbidden`] for a caller who may not do it, [`Error::Unsupported`] for a mirror: only comments and transitions
    /// are written through to a site.
    pub(super) async fn begin(
        services: &'a Services,
        caller: &'a Caller,
        action: Action,
        instance: &str,
    ) -> Result<Self> {
        caller.permit(action)?;
        let instance = lookups::instance(services, caller, instance).await?;
        require_written_here(&instance, action)?;
        let tx = services.db.tenant(&TenantContext::whole(caller.tenant)).await?;
        Ok(Self { services, caller, instance, tx, action })
    }

    /// Whether the caller may reach a project.
    pub(super) fn reaches(&self, project_key: &str) -> bool {
        self.caller.policy.projects.allows(&self.instance.name, project_key)
    }

    /// An issue that the caller may see, not locked.
    pub(super) async fn seen(&mut self, key_or_id: &str) -> Result<IssueRow> {
        let row = require_issue(self.tx.as_mut(), Some(self.instance.id), key_or_id).await?;
        if self.reaches(&row.project_key) {
            return Ok(row);
        }
        Err(Error::not_found("issue", key_or_id))
    }

    /// An issue as it is now, locked until the end of the write.
    pub(super) async fn issue(&mut self, key_or_id: &str) -> Result<IssueRow> {
        let found = self.seen(key_or_id).await?;
        self.tx.lock_issue(found.id).await?;
        self.seen(&found.jira_id).await
    }

    /// Issues as they are now, by numeric id, locked until the end of the write in the order that all writes keep. What is gone
    /// is left out. Beyond the caller's projects too: what a write does to the neighbours of an issue.
    pub(super) async fn issues(&mut self, jira_ids: &[String]) -> Result<Vec<IssueRow>> {
        let present = self.tx.lock_issues(self.instance.id, jira_ids).await?;
        self.rows(&present).await
    }

    /// Locks every issue that a query of our own making finds, until the end of the write; answers their numeric ids. What is done to
    /// very many issues is done to [`BATCH`] of them at a time, by [`Writing::rows`].
    pub(super) async fn lock_all(&mut self, jql: &str) -> Result<Vec<String>> {
        let mut ids = Vec::new();
        let mut pages = Pages::of(self.services, &self.instance, jql)?;
        while let Some(page) = pages.next(self.tx.as_mut()).await? {
            ids.extend(page.into_iter().map(|row| row.jira_id));
        }
        self.tx.lock_issues(self.instance.id, &ids).await
    }

    /// These issues, by numeric id, in the order of their ids. What is gone is left out.
    pub(super) async fn rows(&mut self, jira_ids: &[String]) -> Result<Vec<IssueRow>> {
        let mut rows = Vec::with_capacity(jira_ids.len());
        for some in jira_ids.chunks(BATCH) {
            let found = self.tx.issues_named(self.instance.id, some).await?;
            rows.extend(found.into_iter().map(|(_, row)| row));
        }
        rows.sort_by_key(|row| row.jira_id.parse::<i64>().unwrap_or_default());
        Ok(rows)
    }

    /// Every issue that a query of our own making finds.
    pub(super) async fn search(&mut self, jql: &str) -> Result<Vec<IssueRow>> {
        find_issues(self.services, self.tx.as_mut(), &self.instance, jql).await
    }

    /// So many new ids, the first of them. To be asked for after the locks: ids are handed out one write at a time.
    pub(super) async fn ids(&mut self, count: usize) -> Result<i64> {
        let count = i64::try_from(count).map_err(Error::internal)?;
        self.tx.take_sandbox_ids(self.instance.id, count).await
    }

    /// Stores changed issues.
    pub(super) async fn store(&mut self, drafts: Vec<super::Draft>) -> Result<()> {
        super::store(self.services, self.tx.as_mut(), &self.instance, drafts).await
    }

    /// Tells the webhooks.
    pub(super) async fn announce(&mut self, event: &str, body: Value) -> Result<()> {
        let flow = if self.caller.in_bulk { webhooks::Flow::Secondary } else { webhooks::Flow::Primary };
        webhooks::announce_in(self.services, self.tx.as_mut(), &self.instance, flow, event, body).await
    }

    /// Tells the webhooks of what follows from another change.
    pub(super) async fn announce_besides(&mut self, event: &str, body: Value) -> Result<()> {
        let flow = webhooks::Flow::Secondary;
        webhooks::announce_in(self.services, self.tx.as_mut(), &self.instance, flow, event, body).await
    }

    /// Audits the write and makes it last.
    pub(super) async fn finish(mut self, target: &str, before: Value, after: Value) -> Result<()> {
        let now = self.services.clock.now();
        let instance = Some(self.instance.id);
        let action = self.action.as_str();
        let entry = NewAuditEntry::success(self.caller, instance, action, target, before, after, now);
        audit::record(self.tx.as_mut(), self.services.secrets.as_ref(), entry).await?;
        self.tx.commit().await
    }
}

/// Issues that are held at a time where there may be very many.
pub(super) const BATCH: usize = 1_000;

/// Every issue of a site that a query of our own making finds, however many they are.
pub(in crate::sandbox) async fn find_issues(
    services: &Services,
    tx: &mut dyn TenantTx,
    instance: &Instance,
    jql: &str,
) -> Result<Vec<IssueRow>> {
    let mut found = Vec::new();
    let mut pages = Pages::of(services, instance, jql)?;
    while let Some(page) = pages.next(tx).await? {
        found.extend(page);
    }
    Ok(found)
}

/// The answers to a question, page by page.
struct Pages {
    request: SearchRequest,
    is_over: bool,
}

impl Pages {
    fn of(services: &Services, instance: &Instance, jql: &str) -> Result<Self> {
        let limit = u32::try_from(BATCH).unwrap_or(u32::MAX);
        let request = SearchRequest { limit, ..request_of(instance, parse_jql(jql)?, services.clock.now()) };
        Ok(Self { request, is_over: false })
    }

    /// The next page; `None` behind the last one.
    async fn next(&mut self, tx: &mut dyn TenantTx) -> Result<Option<Vec<IssueRow>>> {
        if self.is_over {
            return Ok(None);
        }
        let page = tx.search(&self.request).await?;
        match page.next {
            Some(next) => self.request.start = SearchStart::After(next),
            None => self.is_over = true,
        }
        Ok(Some(page.issues))
    }
}
