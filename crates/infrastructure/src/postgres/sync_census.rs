//! Censuses with their leases, projects and candidates. What they ask of the copy is [`super::sync_roll`].

use application::{
    Error, Result,
    issues::Presence,
    sync::{
        census::{
            Census, CensusLease, CensusProject, CensusSettings, CensusState, CensusStore, Copied, Listed,
            ProjectState,
        },
        presence::Standing,
    },
};
use async_trait::async_trait;
use chrono::{DateTime, Utc};
use domain::ids::InstanceId;
use uuid::Uuid;

use super::{
    disagreeing, errors::convert, issues_upsert::links, shown_keys, sync_roll, transaction::PgTenantTx,
};

pub(super) fn to_stored(count: u64) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}

pub(super) fn from_stored(count: i64) -> u64 {
    u64::try_from(count).unwrap_or(0)
}

fn lease_lost() -> Error {
    Error::Conflict("the lease on this census was lost: another worker took it over, or it was ended".into())
}

/// A stored word that the application knows.
fn word<T: Copy>(all: &[T], name: fn(T) -> &'static str, stored: &str) -> Result<T> {
    let found = all.iter().copied().find(|known| name(*known) == stored);
    found.ok_or_else(|| Error::internal(format!("`{stored}` is not known of a census")))
}

#[async_trait]
impl CensusStore for PgTenantTx {
    async fn census_settings(&mut self, instance: InstanceId) -> Result<CensusSettings> {
        let row = sqlx::query!(
            "SELECT brake_percent, brake_issues, every_hours FROM census_settings WHERE instance_id = $1",
            instance.0
        )
        .fetch_optional(self.conn())
        .await
        .map_err(convert)?;
        let count = |stored: i32| u32::try_from(stored).unwrap_or(0);
        Ok(row.map_or_else(CensusSettings::default, |row| CensusSettings {
            brake_percent: count(row.brake_percent),
            brake_issues: count(row.brake_issues),
            every_hours: count(row.every_hours),
        }))
    }

    async fn set_census_settings(&mut self, instance: InstanceId, settings: &CensusSettings) -> Result<()> {
        let count = |given: u32| i32::try_from(given).unwrap_or(i32::MAX);
        sqlx::query!(
            "INSERT INTO census_settings (tenant_id, instance_id, brake_percent, brake_issues, every_hours)
             VALUES ($1, $2, $3, $4, $5)
             ON CONFLICT (tenant_id, instance_id) DO UPDATE SET
                 brake_percent = excluded.brake_percent, brake_issues = excluded.brake_issues,
                 every_hours = excluded.every_hours",
            self.tenant.0,
            instance.0,
            count(settings.brake_percent),
            count(settings.brake_issues),
            count(settings.every_hours),
        )
        .execute(self.conn())
        .await
        .map_err(convert)?;
        Ok(())
    }

    async fn failed_censuses(&mut self, instance: InstanceId) -> Result<u32> {
        let count = sqlx::query_scalar!(
            r#"SELECT count(*) AS "count!" FROM censuses
               WHERE instance_id = $1 AND state = 'failed' AND started_at > coalesce(
                   (SELECT max(c.started_at) FROM censuses c WHERE c.instance_id = $1 AND c.state <> 'failed'), '-infinity')"#,
            instance.0
        )
        .fetch_one(self.conn())
        .await
        .map_err(convert)?;
        Ok(u32::try_from(count).unwrap_or(u32::MAX))
    }

    async fn latest_census(&mut self, instance: InstanceId) -> Result<Option<Census>> {
        let id = sqlx::query_scalar!(
            "SELECT id FROM censuses WHERE instance_id = $1 ORDER BY started_at DESC, id DESC LIMIT 1",
            instance.0
        )
        .fetch_optional(self.conn())
        .await
        .map_err(convert)?;
        match id {
            Some(id) => self.census(id).await.map(Some),
            None => Ok(None),
        }
    }

    async fn acquire_census(
        &mut self,
        instance: InstanceId,
        holder: Uuid,
        now: DateTime<Utc>,
        lease_until: DateTime<Utc>,
    ) -> Result<Option<(CensusLease, Census)>> {
        let taken_over = sqlx::query_scalar!(
            "UPDATE censuses SET holder = $2, lease_until = $4, updated_at = $3
             WHERE instance_id = $1 AND state = 'running' AND lease_until <= $3
             RETURNING id",
            instance.0,
            holder,
            now,
            lease_until,
        )
        .fetch_optional(self.conn())
        .await
        .map_err(convert)?;
        let id = match taken_over {
            Some(id) => Some(id),
            None => self.begin_census(instance, holder, now, lease_until).await?,
        };
        match id {
            Some(id) => Ok(Some((CensusLease { id, holder }, self.census(id).await?))),
            None => Ok(None),
        }
    }

    async fn note_census(
        &mut self,
        lease: CensusLease,
        step: &str,
        requests: u64,
        lease_until: DateTime<Utc>,
    ) -> Result<()> {
        let done = sqlx::query!(
            "UPDATE censuses SET step = left($3::text, 100), requests = $4, lease_until = $5, updated_at = now()
             WHERE id = $1 AND holder = $2 AND state = 'running'",
            lease.id,
            lease.holder,
            step,
            to_stored(requests),
            lease_until,
        )
        .execute(self.conn())
        .await
        .map_err(convert)?;
        if done.rows_affected() == 0 { Err(lease_lost()) } else { Ok(()) }
    }

    async fn renew_census(&mut self, lease: CensusLease, lease_until: DateTime<Utc>) -> Result<()> {
        let renewed = sqlx::query!(
            "UPDATE censuses SET lease_until = $3 WHERE id = $1 AND holder = $2 AND state = 'running'",
            lease.id,
            lease.holder,
            lease_until,
        )
        .execute(self.conn())
        .await
        .map_err(convert)?;
        if renewed.rows_affected() == 0 { Err(lease_lost()) } else { Ok(()) }
    }

    async fn finish_census(
        &mut self,
        lease: CensusLease,
        state: CensusState,
        error: Option<&str>,
        at: DateTime<Utc>,
    ) -> Result<Census> {
        let done = sqlx::query!(
            "UPDATE censuses SET state = $3::text::varchar(12), error = $4, updated_at = $5, step = '',
                 finished_at = CASE WHEN $3::text <> 'held' THEN $5::timestamptz END
             WHERE id = $1 AND holder = $2 AND state = 'running'",
            lease.id,
            lease.holder,
            state.as_str(),
            error as _,
            at,
        )
        .execute(self.conn())
        .await
        .map_err(convert)?;
        if done.rows_affected() == 0 {
            return Err(lease_lost());
        }
        if state != CensusState::Held {
            self.forget_candidates(lease.id).await?;
        }
        self.census(lease.id).await
    }

    async fn decide_census(
        &mut self,
        instance: InstanceId,
        accept: bool,
        actor: &str,
        at: DateTime<Utc>,
    ) -> Result<Option<Census>> {
        let id = sqlx::query_scalar!(
            "UPDATE censuses SET
                 state = CASE WHEN $2 THEN 'running' ELSE 'rejected' END,
                 accepted_by = CASE WHEN $2 THEN left($3::text, 255) END,
                 error = CASE WHEN NOT $2 THEN 'kept as present by ' || $3::text END,
                 finished_at = CASE WHEN NOT $2 THEN $4::timestamptz END,
                 lease_until = $4, updated_at = $4
             WHERE instance_id = $1 AND state = 'held'
             RETURNING id",
            instance.0,
            accept,
            actor,
            at,
        )
        .fetch_optional(self.conn())
        .await
        .map_err(convert)?;
        let Some(id) = id else { return Ok(None) };
        let before = self.census(id).await?;
        if accept {
            sqlx::query!(
                "WITH again AS (UPDATE census_candidates SET gone = false WHERE census_id = $1)
                 UPDATE census_projects SET state = 'listed', gone = 0 WHERE census_id = $1 AND state = 'held'",
                id
            )
            .execute(self.conn())
            .await
            .map_err(convert)?;
        } else {
            self.forget_candidates(id).await?;
        }
        Ok(Some(before))
    }

    async fn note_census_project(&mut self, lease: CensusLease, project: &CensusProject) -> Result<()> {
        sqlx::query!(
            "INSERT INTO census_projects (tenant_id, census_id, project_id, state, standing, present, listed, fetched,
                                          absent, gone, unsettled, error, compared_at)
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13)
             ON CONFLICT (tenant_id, census_id, project_id) DO UPDATE SET
                 state = excluded.state, standing = excluded.standing, present = excluded.present,
                 listed = excluded.listed, fetched = excluded.fetched, absent = excluded.absent, gone = excluded.gone,
                 unsettled = excluded.unsettled, error = excluded.error, compared_at = excluded.compared_at",
            self.tenant.0,
            lease.id,
            project.project_id,
            project.state.as_str(),
            project.standing.as_str(),
            to_stored(project.present),
            to_stored(project.listed),
            to_stored(project.fetched),
            to_stored(project.absent),
            to_stored(project.gone),
            to_stored(project.unsettled),
            project.error.as_deref() as _,
            project.compared_at,
        )
        .execute(self.conn())
        .await
        .map_err(convert)?;
        Ok(())
    }

    async fn projects_with_issues(&mut self, instance: InstanceId) -> Result<Vec<(Uuid, String, String)>> {
        sync_roll::projects_with_issues(self.conn(), instance).await
    }

    async fn key_prefixes(&mut self, project: Uuid) -> Result<Vec<String>> {
        sync_roll::key_prefixes(self.conn(), project).await
    }

    async fn copied_issues(
        &mut self,
        project: Uuid,
        prefix: &str,
        after: i64,
        limit: i64,
    ) -> Result<Vec<Copied>> {
        sync_roll::copied_issues(self.conn(), project, prefix, after, limit).await
    }

    async fn known_so(&mut self, instance: InstanceId, project: Uuid, listed: &[Listed]) -> Result<Vec<i64>> {
        sync_roll::known_so(self.conn(), instance, project, listed).await
    }

    async fn add_candidates(
        &mut self,
        lease: CensusLease,
        instance: InstanceId,
        project: Uuid,
        ids: &[i64],
    ) -> Result<()> {
        sync_roll::add_candidates(self, lease.id, instance, project, ids).await
    }

    async fn add_all_as_candidates(
        &mut self,
        lease: CensusLease,
        project: Uuid,
        after: i64,
        limit: i64,
    ) -> Result<Option<(i64, u64)>> {
        sync_roll::add_all_as_candidates(self, lease.id, project, after, limit).await
    }

    async fn candidates(
        &mut self,
        lease: CensusLease,
        project: Uuid,
        after: i64,
        limit: i64,
    ) -> Result<Vec<i64>> {
        sqlx::query_scalar!(
            "SELECT jira_number FROM census_candidates
             WHERE census_id = $1 AND project_id = $2 AND jira_number > $3 AND NOT gone
             ORDER BY jira_number LIMIT $4",
            lease.id,
            project,
            after,
            limit,
        )
        .fetch_all(self.conn())
        .await
        .map_err(convert)
    }

    async fn settle_candidates(&mut self, lease: CensusLease, gone: &[i64], kept: &[i64]) -> Result<()> {
        sqlx::query!(
            "WITH kept AS (DELETE FROM census_candidates WHERE census_id = $1 AND jira_number = ANY($3))
             UPDATE census_candidates SET gone = true WHERE census_id = $1 AND jira_number = ANY($2)",
            lease.id,
            gone,
            kept,
        )
        .execute(self.conn())
        .await
        .map_err(convert)?;
        Ok(())
    }

    async fn drop_candidates(&mut self, lease: CensusLease, project: Uuid) -> Result<()> {
        sqlx::query!(
            "DELETE FROM census_candidates WHERE census_id = $1 AND project_id = $2",
            lease.id,
            project
        )
        .execute(self.conn())
        .await
        .map_err(convert)?;
        Ok(())
    }

    async fn write_gone(
        &mut self,
        lease: CensusLease,
        project: Uuid,
        presence: Presence,
        limit: i64,
    ) -> Result<u64> {
        sync_roll::write_gone(self.conn(), lease.id, project, presence, limit).await
    }

    async fn settle_links(&mut self, instance: InstanceId, after: Uuid, limit: i64) -> Result<Option<Uuid>> {
        links::settle(self.conn(), instance, after, limit).await
    }

    async fn settle_keys(&mut self, instance: InstanceId, after: &str, limit: i64) -> Result<Option<String>> {
        shown_keys::settle(self.conn(), instance, after, limit).await
    }

    async fn settle_neighbours(
        &mut self,
        instance: InstanceId,
        after: Uuid,
        limit: i64,
    ) -> Result<Option<Uuid>> {
        disagreeing::settle(self, instance, after, limit).await
    }

    async fn write_all_gone(&mut self, project: Uuid, presence: Presence, limit: i64) -> Result<u64> {
        sync_roll::write_all_gone(self.conn(), project, presence, limit).await
    }

    async fn set_project_presence(&mut self, project: Uuid, presence: Presence) -> Result<()> {
        sqlx::query!(
            "UPDATE projects SET presence = $2, updated_at = now() WHERE id = $1 AND presence <> $2",
            project,
            presence.as_str()
        )
        .execute(self.conn())
        .await
        .map_err(convert)?;
        Ok(())
    }

    async fn may_hide_issues(&mut self, project: Uuid, account: Option<&str>) -> Result<bool> {
        sync_roll::may_hide_issues(self.conn(), project, account).await
    }

    async fn gone_candidates(&mut self, lease: CensusLease, project: Uuid, limit: i64) -> Result<Vec<i64>> {
        sqlx::query_scalar!(
            "SELECT jira_number FROM census_candidates
             WHERE census_id = $1 AND project_id = $2 AND gone ORDER BY jira_number LIMIT $3",
            lease.id,
            project,
            limit,
        )
        .fetch_all(self.conn())
        .await
        .map_err(convert)
    }

    async fn unobserved_issues(
        &mut self,
        instance: InstanceId,
        after: i64,
        limit: i64,
    ) -> Result<Vec<(i64, Uuid)>> {
        sync_roll::unobserved_issues(self.conn(), instance, after, limit).await
    }

    async fn project_issue_count(&mut self, project: Uuid) -> Result<u64> {
        let count = sqlx::query_scalar!(
            r#"SELECT count(*) AS "count!" FROM issues WHERE project_id = $1 AND presence = 'present'"#,
            project
        )
        .fetch_one(self.conn())
        .await
        .map_err(convert)?;
        Ok(from_stored(count))
    }
}

impl PgTenantTx {
    /// A new census, in the place of one that is held, unless another one is running.
    async fn begin_census(
        &mut self,
        instance: InstanceId,
        holder: Uuid,
        now: DateTime<Utc>,
        lease_until: DateTime<Utc>,
    ) -> Result<Option<Uuid>> {
        let superseded = sqlx::query_scalar!(
            "UPDATE censuses SET state = 'superseded', finished_at = $2, updated_at = $2
             WHERE instance_id = $1 AND state = 'held' RETURNING id",
            instance.0,
            now,
        )
        .fetch_optional(self.conn())
        .await
        .map_err(convert)?;
        if let Some(held) = superseded {
            self.forget_candidates(held).await?;
        }
        sqlx::query_scalar!(
            "INSERT INTO censuses (tenant_id, id, instance_id, state, holder, lease_until, started_at, updated_at)
             VALUES ($1, $2, $3, 'running', $4, $6, $5, $5)
             ON CONFLICT (tenant_id, instance_id) WHERE state IN ('running', 'held') DO NOTHING
             RETURNING id",
            self.tenant.0,
            Uuid::now_v7(),
            instance.0,
            holder,
            now,
            lease_until,
        )
        .fetch_optional(self.conn())
        .await
        .map_err(convert)
    }

    async fn forget_candidates(&mut self, census: Uuid) -> Result<()> {
        sqlx::query!("DELETE FROM census_candidates WHERE census_id = $1", census)
            .execute(self.conn())
            .await
            .map_err(convert)?;
        Ok(())
    }

    async fn census(&mut self, id: Uuid) -> Result<Census> {
        let projects = self.census_projects(id).await?;
        let row = sqlx::query!(
            "SELECT instance_id, state, accepted_by, step, requests, error, started_at, updated_at, finished_at
             FROM censuses WHERE id = $1",
            id
        )
        .fetch_one(self.conn())
        .await
        .map_err(convert)?;
        Ok(Census {
            id,
            instance_id: InstanceId(row.instance_id),
            state: word(&CensusState::ALL, CensusState::as_str, &row.state)?,
            accepted_by: row.accepted_by,
            step: row.step,
            requests: from_stored(row.requests),
            error: row.error,
            started_at: row.started_at,
            updated_at: row.updated_at,
            finished_at: row.finished_at,
            projects,
        })
    }

    async fn census_projects(&mut self, census: Uuid) -> Result<Vec<CensusProject>> {
        let rows = sqlx::query!(
            "SELECT c.project_id, p.jira_id, p.key, c.state, c.standing, c.present, c.listed, c.fetched, c.absent, c.gone,
                    c.unsettled, c.error, c.compared_at
             FROM census_projects c
             JOIN projects p ON p.tenant_id = c.tenant_id AND p.id = c.project_id
             WHERE c.census_id = $1 ORDER BY p.key, p.jira_id",
            census
        )
        .fetch_all(self.conn())
        .await
        .map_err(convert)?;
        rows.into_iter()
            .map(|row| {
                Ok(CensusProject {
                    project_id: row.project_id,
                    jira_id: row.jira_id,
                    key: row.key,
                    state: word(&ProjectState::ALL, ProjectState::as_str, &row.state)?,
                    standing: word(&Standing::ALL, Standing::as_str, &row.standing)?,
                    present: from_stored(row.present),
                    listed: from_stored(row.listed),
                    fetched: from_stored(row.fetched),
                    absent: from_stored(row.absent),
                    gone: from_stored(row.gone),
                    unsettled: from_stored(row.unsettled),
                    error: row.error,
                    compared_at: row.compared_at,
                })
            })
            .collect()
    }
}
