//! Runs with their leases, watermarks, schedules, and rows kept aside.

mod anew;
mod ranges;
mod schedules;

use std::collections::HashMap;

use application::{
    Error, Result,
    issues::IssueBundle,
    sync::{
        ISSUES, Position, RunCounts, RunKind, RunLease, RunState, RunUpdate, StoredRange, SyncRun,
        SyncSchedule, SyncStatus, SyncStore,
    },
};
use async_trait::async_trait;
use chrono::{DateTime, Utc};
use domain::ids::InstanceId;
use serde_json::Value;
use sqlx::PgConnection;
use uuid::Uuid;

use super::{
    errors::convert,
    missing,
    transaction::{PgTenantTx, Scope},
};

/// An error is of a whole site, so callers who are limited to projects read none.
struct StoredRun {
    id: Uuid,
    instance_id: Uuid,
    kind: String,
    state: String,
    step: String,
    done: i64,
    total: Option<i64>,
    issues: i64,
    comments: i64,
    changelog_items: i64,
    worklogs: i64,
    requests: i64,
    retries: i64,
    rejected: i64,
    worked_ms: i64,
    throttled_ms: i64,
    checkpoint: Option<Value>,
    error: Option<String>,
    started_at: DateTime<Utc>,
    updated_at: DateTime<Utc>,
    finished_at: Option<DateTime<Utc>>,
}

impl TryFrom<StoredRun> for SyncRun {
    type Error = Error;

    fn try_from(row: StoredRun) -> Result<Self> {
        Ok(Self {
            id: row.id,
            instance_id: InstanceId(row.instance_id),
            kind: run_kind(&row.kind)?,
            state: run_state(&row.state)?,
            step: row.step,
            done: from_stored(row.done),
            total: row.total.map(from_stored),
            counts: RunCounts {
                issues: from_stored(row.issues),
                comments: from_stored(row.comments),
                changelog_items: from_stored(row.changelog_items),
                worklogs: from_stored(row.worklogs),
                requests: from_stored(row.requests),
                retries: from_stored(row.retries),
                rejected: from_stored(row.rejected),
                throttled_ms: from_stored(row.throttled_ms),
            },
            worked_ms: from_stored(row.worked_ms),
            error: row.error,
            started_at: row.started_at,
            updated_at: row.updated_at,
            finished_at: row.finished_at,
            checkpoint: row.checkpoint,
        })
    }
}

fn run_kind(stored: &str) -> Result<RunKind> {
    [RunKind::Backfill, RunKind::Poll]
        .into_iter()
        .find(|kind| kind.as_str() == stored)
        .ok_or_else(|| Error::internal(format!("`{stored}` is no kind of run")))
}

fn run_state(stored: &str) -> Result<RunState> {
    [RunState::Running, RunState::Succeeded, RunState::Failed, RunState::Canceled]
        .into_iter()
        .find(|state| state.as_str() == stored)
        .ok_or_else(|| Error::internal(format!("`{stored}` is no state of a run")))
}

/// Counts are never negative, and far below what `bigint` holds.
fn from_stored(count: i64) -> u64 {
    u64::try_from(count).unwrap_or(0)
}

fn to_stored(count: u64) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}

/// How far runs are, as metrics. A transaction that is rolled back after that was a page that is stored again.
fn measure(lease: &RunLease, update: &RunUpdate) {
    let kind = [("kind", lease.run.kind.as_str())];
    metrics::counter!("forebay_sync_issues_total", &kind).increment(update.counts.issues);
    metrics::counter!("forebay_sync_retries_total", &kind).increment(update.counts.retries);
    metrics::counter!("forebay_sync_rejected_total", &kind).increment(update.counts.rejected);
    metrics::counter!("forebay_sync_throttled_milliseconds_total", &kind)
        .increment(update.counts.throttled_ms);
    metrics::histogram!("forebay_sync_page_seconds", &kind).record(update.worked_ms as f64 / 1000.0);
}

fn lease_lost() -> Error {
    Error::Conflict("the lease on this run was lost: another worker took it over, or it was ended".into())
}

#[async_trait]
impl SyncStore for PgTenantTx {
    async fn acquire_run(
        &mut self,
        instance: InstanceId,
        holder: Uuid,
        now: DateTime<Utc>,
        lease_until: DateTime<Utc>,
    ) -> Result<Option<RunLease>> {
        let taken_over = sqlx::query_as!(
            StoredRun,
            "UPDATE sync_runs SET holder = $2, lease_until = $4, updated_at = $3
             WHERE instance_id = $1 AND collection = $5 AND state = 'running' AND (lease_until <= $3 OR holder = $2)
             RETURNING id, instance_id, kind, state, step, done, total, issues, comments, changelog_items, worklogs,
                       requests, retries, rejected, worked_ms, throttled_ms, checkpoint, error, started_at, updated_at, finished_at",
            instance.0,
            holder,
            now,
            lease_until,
            ISSUES,
        )
        .fetch_optional(self.conn())
        .await
        .map_err(convert)?;
        let run = match taken_over {
            Some(run) => Some(run),
            None => self.begin_run(instance, holder, now, lease_until).await?,
        };
        run.map(|run| Ok(RunLease { run: run.try_into()?, holder })).transpose()
    }

    async fn checkpoint(&mut self, lease: &RunLease, update: &RunUpdate) -> Result<()> {
        self.write_run(lease, RunState::Running, None, update, None).await
    }

    async fn renew_run(&mut self, lease: &RunLease, lease_until: DateTime<Utc>) -> Result<()> {
        let renewed = sqlx::query!(
            "UPDATE sync_runs SET lease_until = $3 WHERE id = $1 AND holder = $2 AND state = 'running'",
            lease.run.id,
            lease.holder,
            lease_until,
        )
        .execute(self.conn())
        .await
        .map_err(convert)?;
        if renewed.rows_affected() == 0 { Err(lease_lost()) } else { Ok(()) }
    }

    async fn finish_run(
        &mut self,
        lease: &RunLease,
        state: RunState,
        error: Option<&str>,
        update: &RunUpdate,
        at: DateTime<Utc>,
    ) -> Result<()> {
        self.write_run(lease, state, error, update, Some(at)).await
    }

    async fn cancel_run(
        &mut self,
        instance: InstanceId,
        collection: &str,
        at: DateTime<Utc>,
    ) -> Result<Option<SyncRun>> {
        sqlx::query_as!(
            StoredRun,
            "UPDATE sync_runs SET state = 'canceled', finished_at = $3, updated_at = $3
             WHERE instance_id = $1 AND collection = $2 AND state = 'running'
             RETURNING id, instance_id, kind, state, step, done, total, issues, comments, changelog_items, worklogs,
                       requests, retries, rejected, worked_ms, throttled_ms, checkpoint, error, started_at, updated_at,
                       finished_at",
            instance.0,
            collection,
            at,
        )
        .fetch_optional(self.conn())
        .await
        .map_err(convert)?
        .map(SyncRun::try_from)
        .transpose()
    }

    async fn take_run(&mut self, instance: InstanceId, collection: &str, at: DateTime<Utc>) -> Result<()> {
        sqlx::query!(
            "UPDATE sync_runs SET holder = $4, lease_until = $3
             WHERE instance_id = $1 AND collection = $2 AND state = 'running'",
            instance.0,
            collection,
            at,
            Uuid::now_v7(),
        )
        .execute(self.conn())
        .await
        .map_err(convert)?;
        Ok(())
    }

    async fn latest_run(&mut self, instance: InstanceId) -> Result<Option<SyncRun>> {
        sqlx::query_as!(
            StoredRun,
            "SELECT id, instance_id, kind, state, step, done, total, issues, comments, changelog_items, worklogs,
                    requests, retries, rejected, worked_ms, throttled_ms, checkpoint, started_at, updated_at, finished_at,
                    CASE WHEN forebay.reach() <> 'projects' THEN error END AS error
             FROM sync_runs WHERE instance_id = $1 AND collection = $2 ORDER BY started_at DESC, id DESC LIMIT 1",
            instance.0,
            ISSUES,
        )
        .fetch_optional(self.conn())
        .await
        .map_err(convert)?
        .map(SyncRun::try_from)
        .transpose()
    }

    async fn run(&mut self, id: Uuid) -> Result<Option<SyncRun>> {
        sqlx::query_as!(
            StoredRun,
            "SELECT id, instance_id, kind, state, step, done, total, issues, comments, changelog_items, worklogs,
                    requests, retries, rejected, worked_ms, throttled_ms, checkpoint, started_at, updated_at, finished_at,
                    CASE WHEN forebay.reach() <> 'projects' THEN error END AS error
             FROM sync_runs WHERE id = $1",
            id
        )
        .fetch_optional(self.conn())
        .await
        .map_err(convert)?
        .map(SyncRun::try_from)
        .transpose()
    }

    async fn watermark(&mut self, instance: InstanceId, entity: &str) -> Result<Option<DateTime<Utc>>> {
        let row = sqlx::query_scalar!(
            "SELECT last_updated_at FROM sync_watermarks WHERE instance_id = $1 AND entity = $2",
            instance.0,
            entity
        )
        .fetch_optional(self.conn())
        .await
        .map_err(convert)?;
        Ok(row.flatten())
    }

    async fn raise_watermark(
        &mut self,
        instance: InstanceId,
        entity: &str,
        updated: Option<DateTime<Utc>>,
        proof: Option<DateTime<Utc>>,
    ) -> Result<()> {
        // A site whose clock runs ahead must not make us pass over what is yet to come. greatest() and least() pass over NULL.
        sqlx::query!(
            "INSERT INTO sync_watermarks (tenant_id, instance_id, entity, last_updated_at, last_sync_at)
             VALUES ($1, $2, $3, CASE WHEN $4::timestamptz IS NOT NULL THEN least($4, clock_timestamp()) END, $5)
             ON CONFLICT (tenant_id, instance_id, entity) DO UPDATE SET
                 last_updated_at = greatest(sync_watermarks.last_updated_at, excluded.last_updated_at),
                 last_sync_at = greatest(sync_watermarks.last_sync_at, excluded.last_sync_at)",
            self.tenant.0,
            instance.0,
            entity,
            updated as _,
            proof as _,
        )
        .execute(self.conn())
        .await
        .map_err(convert)?;
        Ok(())
    }

    async fn sync_status(&mut self, instance: Option<InstanceId>) -> Result<Vec<SyncStatus>> {
        let mirrors = sqlx::query!(
            r#"SELECT n.name, n.id,
                      (SELECT coalesce(sum(t.issues), 0)::bigint FROM issue_tallies t
                       WHERE t.tenant_id = n.tenant_id AND t.instance_id = n.id) AS "issues!",
                      w.last_updated_at AS "watermark?", w.last_sync_at AS "last_proof?"
               FROM jira_instances n
               LEFT JOIN sync_watermarks w ON w.tenant_id = n.tenant_id AND w.instance_id = n.id AND w.entity = $2
               WHERE n.kind <> 'sandbox' AND ($1::uuid IS NULL OR n.id = $1)
               ORDER BY n.name"#,
            instance.map(|id| id.0) as _,
            ISSUES,
        )
        .fetch_all(self.conn())
        .await
        .map_err(convert)?;
        let mut runs = self.latest_runs(instance).await?;
        let mut schedules = schedules::all(self.conn(), instance).await?;
        let status = mirrors.into_iter().map(|row| SyncStatus {
            instance: row.name,
            instance_id: InstanceId(row.id),
            issues: from_stored(row.issues),
            watermark: row.watermark,
            last_proof: row.last_proof,
            run: runs.remove(&InstanceId(row.id)),
            schedule: schedules.remove(&InstanceId(row.id)).unwrap_or_default(),
        });
        Ok(status.collect())
    }

    async fn put_ranges(
        &mut self,
        instance: InstanceId,
        replaced: Option<Uuid>,
        ranges: &[StoredRange],
    ) -> Result<()> {
        ranges::put(self, instance, replaced, ranges).await
    }

    async fn next_range(&mut self, instance: InstanceId, taken: &[Uuid]) -> Result<Option<StoredRange>> {
        ranges::next(self.conn(), instance, taken).await
    }

    async fn move_range(&mut self, id: Uuid, position: &Position) -> Result<()> {
        ranges::advance(self.conn(), id, position).await
    }

    async fn drop_ranges(&mut self, instance: InstanceId) -> Result<u64> {
        ranges::drop_all(self.conn(), instance).await
    }

    async fn sync_schedule(&mut self, instance: InstanceId) -> Result<SyncSchedule> {
        Ok(schedules::all(self.conn(), Some(instance)).await?.remove(&instance).unwrap_or_default())
    }

    async fn plan_sync(&mut self, instance: InstanceId, schedule: &SyncSchedule) -> Result<()> {
        schedules::plan(self, instance, schedule).await
    }

    async fn pause_sync(&mut self, instance: InstanceId, since: Option<DateTime<Utc>>) -> Result<bool> {
        schedules::pause(self, instance, since).await
    }

    async fn not_as_new(
        &mut self,
        instance: InstanceId,
        shown: &[(String, DateTime<Utc>)],
    ) -> Result<Vec<String>> {
        let scope = Scope { tenant: self.tenant.0, instance };
        anew::not_as_new(self.conn(), scope, shown).await
    }

    async fn let_source_win(&mut self, instance: InstanceId, issues: &[IssueBundle]) -> Result<()> {
        anew::let_source_win(self.conn(), instance, issues).await
    }

    async fn begin_anew(&mut self, instance: InstanceId, at: DateTime<Utc>) -> Result<()> {
        let scope = Scope { tenant: self.tenant.0, instance };
        anew::begin(self.conn(), scope, at).await
    }

    async fn end_anew(&mut self, instance: InstanceId) -> Result<()> {
        anew::end(self.conn(), instance).await
    }

    async fn missing_since(
        &mut self,
        instance: InstanceId,
        jira_ids: &[&str],
        since: DateTime<Utc>,
    ) -> Result<Vec<String>> {
        let scope = Scope { tenant: self.tenant.0, instance };
        missing::missing_since(self.conn(), scope, jira_ids, since).await
    }

    async fn prune_sync_history(
        &mut self,
        before: DateTime<Utc>,
        missing_before: DateTime<Utc>,
        most: i64,
    ) -> Result<u64> {
        schedules::prune(self.conn(), before, missing_before, most).await
    }

    async fn reject(
        &mut self,
        instance: InstanceId,
        jira_id: Option<&str>,
        reason: &str,
        raw: &Value,
    ) -> Result<()> {
        let scope = Scope { tenant: self.tenant.0, instance };
        keep_aside(self.conn(), scope, jira_id, reason, raw).await
    }
}

/// Keeps a row that cannot be stored, with the reason.
///
/// A row that stays bad is met again by every poll: it is one row, that says how often.
pub(super) async fn keep_aside(
    conn: &mut PgConnection,
    scope: Scope,
    jira_id: Option<&str>,
    reason: &str,
    raw: &Value,
) -> Result<()> {
    sqlx::query!(
        "WITH earlier AS (
             UPDATE sync_rejects SET reason = $4, attempts = attempts + 1, tried_at = now(),
                 raw_jsonb = CASE WHEN jsonb_typeof($5) = 'object' THEN $5 ELSE coalesce(raw_jsonb, $5) END
             WHERE instance_id = $2
               AND CASE WHEN $3::text IS NULL THEN jira_id IS NULL AND reason = $4 AND raw_jsonb = $5
                        ELSE jira_id = $3::text::varchar(50) END
             RETURNING id)
         INSERT INTO sync_rejects (tenant_id, instance_id, jira_id, reason, raw_jsonb)
         SELECT $1, $2, $3::text::varchar(50), $4, $5 WHERE NOT EXISTS (SELECT FROM earlier)",
        scope.tenant,
        scope.instance.0,
        jira_id as _,
        reason,
        raw,
    )
    .execute(conn)
    .await
    .map_err(convert)?;
    Ok(())
}

impl PgTenantTx {
    /// A new run, unless another one is running. Where the last one of its kind failed, it goes on from there.
    async fn begin_run(
        &mut self,
        instance: InstanceId,
        holder: Uuid,
        now: DateTime<Utc>,
        lease_until: DateTime<Utc>,
    ) -> Result<Option<StoredRun>> {
        let begun = sqlx::query_as!(
            StoredRun,
            "INSERT INTO sync_runs (tenant_id, id, instance_id, kind, collection, state, holder, lease_until, started_at,
                                    updated_at, done, total, issues, comments, changelog_items, worklogs, requests,
                                    retries, rejected, worked_ms, throttled_ms, checkpoint)
             SELECT $1, $2, $3, k.kind, $7::text, 'running', $4, $6, $5, $5, coalesce(l.done, 0), l.total,
                    coalesce(l.issues, 0), coalesce(l.comments, 0), coalesce(l.changelog_items, 0),
                    coalesce(l.worklogs, 0), coalesce(l.requests, 0), coalesce(l.retries, 0), coalesce(l.rejected, 0),
                    coalesce(l.worked_ms, 0), coalesce(l.throttled_ms, 0), l.checkpoint
             FROM (SELECT CASE WHEN EXISTS (
                       SELECT FROM sync_watermarks w
                       WHERE w.instance_id = $3 AND w.entity = $7 AND w.last_updated_at IS NOT NULL)
                   THEN 'poll' ELSE 'backfill' END AS kind) k
             LEFT JOIN LATERAL (
                 SELECT x.* FROM sync_runs x WHERE x.instance_id = $3 AND x.collection = $7::text
                 ORDER BY x.started_at DESC, x.id DESC LIMIT 1
             ) l ON l.state = 'failed' AND l.kind = k.kind
             ON CONFLICT (tenant_id, instance_id, collection) WHERE state = 'running' DO NOTHING
             RETURNING id, instance_id, kind, state, step, done, total, issues, comments, changelog_items, worklogs,
                       requests, retries, rejected, worked_ms, throttled_ms, checkpoint, error, started_at, updated_at,
                       finished_at",
            self.tenant.0,
            Uuid::now_v7(),
            instance.0,
            holder,
            now,
            lease_until,
            ISSUES,
        )
        .fetch_optional(self.conn())
        .await
        .map_err(convert)?;
        match begun {
            Some(run) if run.kind == RunKind::Backfill.as_str() => Ok(Some(self.look_again(run).await?)),
            begun => Ok(begun),
        }
    }

    /// Adding the run may have waited for the end of a backfill, whose watermark it did not see. Now that no other can run, what is
    /// there is seen.
    async fn look_again(&mut self, run: StoredRun) -> Result<StoredRun> {
        let kind = sqlx::query_scalar!(
            "UPDATE sync_runs r SET kind = 'poll' FROM sync_watermarks w
             WHERE r.id = $1 AND w.tenant_id = r.tenant_id AND w.instance_id = r.instance_id
               AND w.entity = r.collection AND w.last_updated_at IS NOT NULL
             RETURNING r.kind",
            run.id
        )
        .fetch_optional(self.conn())
        .await
        .map_err(convert)?;
        Ok(StoredRun { kind: kind.unwrap_or(run.kind), ..run })
    }

    async fn write_run(
        &mut self,
        lease: &RunLease,
        state: RunState,
        error: Option<&str>,
        update: &RunUpdate,
        finished: Option<DateTime<Utc>>,
    ) -> Result<()> {
        let done = sqlx::query!(
            "UPDATE sync_runs SET
                 state = $3, error = $4, finished_at = $5, updated_at = coalesce($5, now()), lease_until = $6,
                 step = $7::text::varchar(100), done = done + $8, total = coalesce($9, total), issues = issues + $10,
                 comments = comments + $11, changelog_items = changelog_items + $12, worklogs = worklogs + $13,
                 requests = requests + $14, retries = retries + $15, rejected = rejected + $16,
                 checkpoint = coalesce($17, checkpoint), worked_ms = worked_ms + $18, throttled_ms = throttled_ms + $19
             WHERE id = $1 AND holder = $2 AND state = 'running'",
            lease.run.id,
            lease.holder,
            state.as_str(),
            error as _,
            finished as _,
            update.lease_until,
            update.step,
            to_stored(update.done),
            update.total.map(to_stored) as _,
            to_stored(update.counts.issues),
            to_stored(update.counts.comments),
            to_stored(update.counts.changelog_items),
            to_stored(update.counts.worklogs),
            to_stored(update.counts.requests),
            to_stored(update.counts.retries),
            to_stored(update.counts.rejected),
            update.checkpoint.as_ref() as _,
            to_stored(update.worked_ms),
            to_stored(update.counts.throttled_ms),
        )
        .execute(self.conn())
        .await
        .map_err(convert)?;
        if done.rows_affected() == 0 {
            return Err(lease_lost());
        }
        measure(lease, update);
        Ok(())
    }

    async fn latest_runs(&mut self, instance: Option<InstanceId>) -> Result<HashMap<InstanceId, SyncRun>> {
        sqlx::query_as!(
            StoredRun,
            "SELECT DISTINCT ON (instance_id)
                    id, instance_id, kind, state, step, done, total, issues, comments, changelog_items, worklogs,
                    requests, retries, rejected, worked_ms, throttled_ms, checkpoint, started_at, updated_at, finished_at,
                    CASE WHEN forebay.reach() <> 'projects' THEN error END AS error
             FROM sync_runs WHERE ($1::uuid IS NULL OR instance_id = $1) AND collection = $2
             ORDER BY instance_id, started_at DESC, id DESC",
            instance.map(|id| id.0) as _,
            ISSUES,
        )
        .fetch_all(self.conn())
        .await
        .map_err(convert)?
        .into_iter()
        .map(|run| SyncRun::try_from(run).map(|run| (run.instance_id, run)))
        .collect()
    }
}
