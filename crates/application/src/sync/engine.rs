//! One run: a backfill, or a poll from the watermark.
//!
//! Pages stream through: while one is stored, the next is fetched, and never more than those two are in memory. Each page is
//! committed together with the checkpoint that names the next one, so a kill at any instant repeats at most the page in flight.

use std::sync::Arc;

use chrono::{DateTime, Duration, Utc};
use domain::ids::{InstanceId, TenantId};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use uuid::Uuid;

use super::{Progress, ProgressSink, RunCounts, RunKind, RunLease, RunState, RunUpdate, SyncRun};
use crate::{
    actions::Action,
    caller::Caller,
    error::{Error, Result},
    ingest::{FieldRoles, Reader, read_issue, read_rosters},
    instances::{self, Instance, InstanceKind, require_instance},
    issues::{IssueBundle, UpsertCounts},
    jobs::Job,
    ports::{FetchedIssue, JiraSite, SitePage, SiteUsage, TenantTx},
    pulse::RefreshMetrics,
    reference::Roster,
    services::Services,
    tenant_context::TenantContext,
};

/// The collection whose watermark is the largest `updated` stored.
const ISSUES: &str = "issues";
const ROSTERS: &str = "rosters";
const PAGE_SIZE: u32 = 100;
/// At least the lag of the search index, and a minute for its granularity (jira-facts 2.1).
const OVERLAP: Duration = Duration::minutes(6);
const LEASE: Duration = Duration::minutes(2);
const ROSTERS_EVERY: Duration = Duration::hours(1);
/// A restriction that everything meets: Cloud refuses queries without one (jira-facts 1.1).
const EVERYTHING: &str = "created >= \"1970-01-01\"";

/// Where a backfill goes on after a kill.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
struct Checkpoint {
    /// The page that comes next; `None` at the beginning.
    cursor: Option<String>,
    /// Whether the last page is stored: only the watermark is left to be raised.
    #[serde(default)]
    finished: bool,
    /// The largest `updated` at the source when the backfill began: what happened later is the poll's.
    began_at: Option<DateTime<Utc>>,
}

/// Asks for a sync through the workers, on behalf of a caller.
pub async fn start(services: &Services, caller: &Caller, name: &str) -> Result<Instance> {
    caller.permit(Action::StartSync)?;
    let mut tx = services.db.tenant(&caller.context()).await?;
    let instance = require_instance(tx.as_mut(), name).await?;
    require_mirror(&instance)?;
    tx.enqueue(super::SyncInstance { tenant: caller.tenant, instance: instance.id }.request()?).await?;
    tx.commit().await?;
    Ok(instance)
}

pub(super) fn require_mirror(instance: &Instance) -> Result<()> {
    if instance.kind == InstanceKind::Sandbox {
        return Err(Error::Conflict(format!(
            "`{}` is a sandbox: it is its own source, there is nothing to sync",
            instance.name
        )));
    }
    Ok(())
}

/// Runs one sync to its end: a backfill until one has succeeded, a poll from then on.
///
/// # Errors
/// [`Error::Conflict`] while another holder's lease lasts. Any other error has been written to the run.
pub async fn run(
    services: &Services,
    tenant: TenantId,
    instance: InstanceId,
    sink: &dyn ProgressSink,
) -> Result<SyncRun> {
    let mut tx = services.db.tenant(&TenantContext::whole(tenant)).await?;
    let instance = require_instance(tx.as_mut(), &instance.to_string()).await?;
    require_mirror(&instance)?;
    let kind = match tx.watermark(instance.id, ISSUES).await? {
        Some(_) => RunKind::Poll,
        None => RunKind::Backfill,
    };
    let interrupted =
        tx.latest_run(instance.id).await?.filter(|run| run.state == RunState::Failed && run.kind == kind);
    let now = services.clock.now();
    let lease = tx
        .acquire_run(instance.id, kind, Uuid::now_v7(), now, now + LEASE)
        .await?
        .ok_or_else(|| Error::Conflict(format!("`{}` is being synced already", instance.name)))?;
    tx.commit().await?;

    let resumed =
        lease.run.checkpoint.clone().or_else(|| interrupted.as_ref().and_then(|run| run.checkpoint.clone()));
    let (done, counts) = match &interrupted {
        Some(run) if lease.run.checkpoint.is_none() && resumed.is_some() => (run.done, run.counts),
        _ => (lease.run.done, lease.run.counts),
    };
    let site = instances::connect(services, tenant, &instance).await;
    let mut run = Run {
        services,
        tenant,
        instance,
        lease,
        sink,
        step: "connecting".into(),
        done,
        total: None,
        counts,
        counts_before: counts,
        checkpoint: resumed,
        usage: SiteUsage::default(),
        changed: false,
    };
    let ended = match site {
        Ok(site) => run.go(site).await,
        Err(error) => Err(error),
    };
    run.finish(ended).await
}

/// One issue, fetched whole; `None` when it is not visible. See [`read_fetched`].
pub async fn fetch_one(
    services: &Services,
    tenant: TenantId,
    instance: &Instance,
    jira_id: &str,
) -> Result<Option<FetchedIssue>> {
    let site = instances::connect(services, tenant, instance).await?;
    let fetched = site.issues(instance.dialect, &[jira_id.to_owned()]).await?;
    if !fetched.retry.is_empty() {
        return Err(Error::Upstream {
            system: "Jira",
            message: format!("the issue {jira_id} cannot be read just now"),
            retryable: true,
        });
    }
    Ok(fetched.issues.into_iter().next())
}

/// Reads a fetched issue for the transaction that is to store it: who was erased is asked there.
pub async fn read_fetched(
    services: &Services,
    tx: &mut dyn TenantTx,
    instance: &Instance,
    issue: FetchedIssue,
) -> Result<IssueBundle> {
    let roles = FieldRoles::from_fields(&tx.roster(instance.id, Roster::Fields).await?);
    let erased = tx.erased_people(instance.id).await?;
    let secrets = services.secrets.as_ref();
    let reader = Reader { dialect: instance.dialect, roles: &roles, secrets, erased: &erased };
    let id = issue.raw["id"].clone();
    read_issue(&reader, issue).map_err(|reject| Error::Upstream {
        system: "Jira",
        message: format!("the issue {id} cannot be read: {}", reject.reason),
        retryable: false,
    })
}

struct Run<'a> {
    services: &'a Services,
    tenant: TenantId,
    instance: Instance,
    lease: RunLease,
    sink: &'a dyn ProgressSink,
    step: String,
    done: u64,
    total: Option<u64>,
    counts: RunCounts,
    /// What a resumed run had counted before this process took it up.
    counts_before: RunCounts,
    checkpoint: Option<Value>,
    usage: SiteUsage,
    /// Whether anything differed from the copy.
    changed: bool,
}

impl Run<'_> {
    async fn go(&mut self, site: Arc<dyn JiraSite>) -> Result<()> {
        if self.checkpoint.is_some() {
            // What an earlier run left is this run's from now on: a kill before the next page must not lose it.
            let mut tx = self.services.db.tenant(&TenantContext::whole(self.tenant)).await?;
            tx.checkpoint(&self.lease, &self.update()).await?;
            tx.commit().await?;
        }
        let identity = instances::identify(self.services, self.tenant, &self.instance, site.as_ref()).await?;
        self.instance.dialect = identity.dialect;
        let roles = self.rosters(site.as_ref()).await?;
        match self.lease.run.kind {
            RunKind::Backfill => self.backfill(site.as_ref(), &roles).await,
            RunKind::Poll => self.poll(site.as_ref(), &roles).await,
        }
    }

    /// Rosters change seldom: a backfill reads them, a poll once an hour.
    async fn rosters(&mut self, site: &dyn JiraSite) -> Result<FieldRoles> {
        let now = self.services.clock.now();
        let mut tx = self.services.db.tenant(&TenantContext::whole(self.tenant)).await?;
        let read_at = tx.watermark(self.instance.id, ROSTERS).await?;
        if self.lease.run.kind == RunKind::Poll && read_at.is_some_and(|at| now - at < ROSTERS_EVERY) {
            return Ok(FieldRoles::from_fields(&tx.roster(self.instance.id, Roster::Fields).await?));
        }
        drop(tx);
        self.report(site, "reading projects, fields and statuses");
        let data = site.reference_data().await?;
        let roles = FieldRoles::from_fields(&data.fields);
        let mut tx = self.services.db.tenant(&TenantContext::whole(self.tenant)).await?;
        let erased = tx.erased_people(self.instance.id).await?;
        let records = read_rosters(data, self.services.secrets.as_ref(), &erased);
        tx.upsert_reference(self.instance.id, &records, true).await?;
        tx.raise_watermark(self.instance.id, ROSTERS, Some(now), now).await?;
        tx.commit().await?;
        Ok(roles)
    }

    async fn backfill(&mut self, site: &dyn JiraSite, roles: &FieldRoles) -> Result<()> {
        self.total = site.count(EVERYTHING).await?;
        let resumed: Option<Checkpoint> =
            self.checkpoint.clone().and_then(|value| serde_json::from_value(value).ok());
        let mut checkpoint = match resumed {
            Some(checkpoint) => checkpoint,
            None => {
                let newest = format!("{EVERYTHING} ORDER BY updated DESC, id DESC");
                let page = site.search(self.instance.dialect, &newest, None, 1).await?;
                Checkpoint { began_at: latest_update(&page), ..Checkpoint::default() }
            }
        };
        let jql = format!("{EVERYTHING} ORDER BY created DESC, id DESC");
        if checkpoint.cursor.is_some() {
            // A page token expires; then the backfill begins again, which repeats work and loses nothing.
            let probe =
                site.search(self.instance.dialect, &jql, checkpoint.cursor.as_deref(), PAGE_SIZE).await;
            if matches!(probe, Err(Error::Invalid(_) | Error::InvalidJql(_))) {
                checkpoint.cursor = None;
                self.done = 0;
            }
        }
        let began_at = checkpoint.began_at;
        if !checkpoint.finished {
            self.pages(site, roles, &jql, checkpoint, "copying issues").await?;
        }
        // An empty site has no `updated`: the epoch stands for "complete, and nothing there yet".
        let watermark = began_at.unwrap_or(DateTime::UNIX_EPOCH);
        self.raise_watermark(Some(watermark)).await?;
        if let Err(error) = self.gather_statistics().await {
            tracing::warn!(
                error = error.with_causes(),
                "the planner's statistics were not gathered; autovacuum will"
            );
        }
        Ok(())
    }

    async fn gather_statistics(&self) -> Result<()> {
        let mut tx = self.services.db.platform().await?;
        tx.gather_statistics().await?;
        tx.commit().await
    }

    async fn poll(&mut self, site: &dyn JiraSite, roles: &FieldRoles) -> Result<()> {
        let mut tx = self.services.db.tenant(&TenantContext::whole(self.tenant)).await?;
        let watermark = tx.watermark(self.instance.id, ISSUES).await?.unwrap_or(DateTime::UNIX_EPOCH);
        drop(tx);
        let since = (watermark - OVERLAP).timestamp_millis().max(0);
        let jql = format!("updated >= {since} ORDER BY updated ASC, id ASC");
        let latest = self.pages(site, roles, &jql, Checkpoint::default(), "catching up").await?;
        self.raise_watermark(latest).await
    }

    async fn raise_watermark(&self, updated: Option<DateTime<Utc>>) -> Result<()> {
        let mut tx = self.services.db.tenant(&TenantContext::whole(self.tenant)).await?;
        tx.raise_watermark(self.instance.id, ISSUES, updated, self.lease.run.started_at).await?;
        if self.changed {
            tx.enqueue(RefreshMetrics {}.request()?).await?;
        }
        tx.commit().await
    }

    /// Streams all pages of a query into the copy; answers the largest `updated` seen.
    async fn pages(
        &mut self,
        site: &dyn JiraSite,
        roles: &FieldRoles,
        jql: &str,
        mut checkpoint: Checkpoint,
        step: &str,
    ) -> Result<Option<DateTime<Utc>>> {
        let dialect = self.instance.dialect;
        self.report(site, step);
        let mut latest = None;
        let mut page = site.search(dialect, jql, checkpoint.cursor.as_deref(), PAGE_SIZE).await?;
        loop {
            latest = latest.max(latest_update(&page));
            let next = page.next.clone();
            checkpoint.cursor = next.clone();
            checkpoint.finished = next.is_none();
            let fetch = async {
                match &next {
                    Some(cursor) => site.search(dialect, jql, Some(cursor), PAGE_SIZE).await.map(Some),
                    None => Ok(None),
                }
            };
            let (fetched, stored) = futures::join!(fetch, self.store(site, roles, page.issues, &checkpoint));
            stored?;
            self.report(site, step);
            match fetched? {
                Some(next_page) => page = next_page,
                None => return Ok(latest),
            }
        }
    }

    async fn store(
        &mut self,
        site: &dyn JiraSite,
        roles: &FieldRoles,
        issues: Vec<FetchedIssue>,
        checkpoint: &Checkpoint,
    ) -> Result<()> {
        let mut tx = self.services.db.tenant(&TenantContext::whole(self.tenant)).await?;
        let erased = tx.erased_people(self.instance.id).await?;
        let secrets = self.services.secrets.as_ref();
        let reader = Reader { dialect: self.instance.dialect, roles, secrets, erased: &erased };
        let fetched = issues.len() as u64;
        let mut bundles = Vec::with_capacity(issues.len());
        let mut rejects = Vec::new();
        for issue in issues {
            let raw_id = issue.raw["id"].clone();
            match read_issue(&reader, issue) {
                Ok(bundle) => bundles.push(bundle),
                Err(reject) => rejects.push((reject, raw_id)),
            }
        }
        for (reject, raw_id) in &rejects {
            tx.reject(self.instance.id, reject.jira_id.as_deref(), &reject.reason, raw_id).await?;
        }
        let stored = tx.upsert_issues(self.instance.id, &bundles).await?;
        self.changed |= stored != UpsertCounts::default();
        if self.lease.run.kind == RunKind::Poll {
            // A poll's pages come in the order of `updated`: what is stored is complete up to there.
            let latest = bundles.iter().map(|bundle| bundle.issue.updated).max();
            tx.raise_watermark(self.instance.id, ISSUES, latest, self.lease.run.started_at).await?;
        }
        self.done += fetched;
        self.count(&bundles, rejects.len() as u64);
        self.note_usage(site.usage());
        self.checkpoint = Some(serde_json::to_value(checkpoint).map_err(Error::internal)?);
        tx.checkpoint(&self.lease, &self.update()).await?;
        tx.commit().await
    }

    fn count(&mut self, bundles: &[IssueBundle], rejected: u64) {
        self.counts.issues += bundles.len() as u64;
        self.counts.rejected += rejected;
        for bundle in bundles {
            self.counts.comments += bundle.comments.len() as u64;
            self.counts.worklogs += bundle.worklogs.len() as u64;
            self.counts.changelog_items += bundle.histories.iter().map(|h| h.items.len() as u64).sum::<u64>();
        }
    }

    fn note_usage(&mut self, usage: SiteUsage) {
        self.usage = usage;
        self.counts.requests = self.counts_before.requests + usage.requests;
        self.counts.retries = self.counts_before.retries + usage.retries;
    }

    fn report(&mut self, site: &dyn JiraSite, step: &str) {
        self.step = step.to_owned();
        self.note_usage(site.usage());
        self.sink.update(&Progress {
            kind: self.lease.run.kind,
            step: self.step.clone(),
            done: self.done,
            total: self.total,
            counts: self.counts,
        });
    }

    fn update(&self) -> RunUpdate {
        RunUpdate {
            step: self.step.clone(),
            done: self.done,
            total: self.total,
            counts: self.counts,
            checkpoint: self.checkpoint.clone(),
            lease_until: self.services.clock.now() + LEASE,
        }
    }

    async fn finish(mut self, ended: Result<()>) -> Result<SyncRun> {
        let (state, message) = match &ended {
            Ok(()) => (RunState::Succeeded, None),
            Err(error) => (RunState::Failed, Some(error.to_string())),
        };
        if ended.is_ok() {
            self.step = "done".into();
            self.total = Some(self.done);
        }
        let mut tx = self.services.db.tenant(&TenantContext::whole(self.tenant)).await?;
        let at = self.services.clock.now();
        let noted = tx.finish_run(&self.lease, state, message.as_deref(), &self.update(), at).await;
        // A removed instance or a lost lease leaves no run to finish: the first error is the one that tells why.
        if ended.is_ok() {
            noted?;
        }
        let run = tx.run(self.lease.run.id).await?;
        tx.commit().await?;
        ended?;
        run.ok_or_else(|| Error::Conflict("the instance was removed during its sync".into()))
    }
}

fn latest_update(page: &SitePage) -> Option<DateTime<Utc>> {
    page.issues
        .iter()
        .filter_map(|issue| issue.raw["fields"]["updated"].as_str())
        .filter_map(|text| domain::jira_time::parse(text).ok())
        .max()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn the_watermark_is_the_largest_updated_and_a_missing_one_does_not_count() {
        let issue = |updated: Value| FetchedIssue {
            raw: json!({ "fields": { "updated": updated } }),
            comments_complete: true,
            worklogs_complete: true,
        };
        let page = SitePage {
            issues: vec![
                issue(json!("2026-01-05T10:00:00.000+0200")),
                issue(json!("2026-01-05T09:00:00.000+0000")),
                issue(Value::Null),
            ],
            next: None,
        };
        assert_eq!(latest_update(&page).unwrap().to_rfc3339(), "2026-01-05T09:00:00+00:00");
    }
}
