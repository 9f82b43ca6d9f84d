//! Watchers and voters.

use application::{
    Result,
    issues::{FollowedIssue, Follower, FollowerStore},
};
use async_trait::async_trait;
use domain::ids::{EntityKind, InstanceId, IssueId};
use uuid::Uuid;

use super::{errors::convert, transaction::PgTenantTx};

impl PgTenantTx {
    /// The row of an account, made where there was none.
    pub(super) async fn account_row(&mut self, instance: InstanceId, account: &str) -> Result<Uuid> {
        let (tenant, user) = (self.tenant.0, instance.derive(EntityKind::User, account));
        sqlx::query!(
            "INSERT INTO users (tenant_id, instance_id, id, account_id) VALUES ($1, $2, $3, $4) ON CONFLICT DO NOTHING",
            tenant,
            instance.0,
            user,
            account,
        )
        .execute(self.conn())
        .await
        .map_err(convert)?;
        Ok(user)
    }
}

#[async_trait]
impl FollowerStore for PgTenantTx {
    async fn watchers(&mut self, issue: IssueId) -> Result<Vec<Follower>> {
        sqlx::query_as!(
            Follower,
            "SELECT u.account_id AS account, u.raw_jsonb AS raw FROM watchers w
             JOIN users u ON u.tenant_id = w.tenant_id AND u.id = w.user_id
             WHERE w.issue_id = $1 ORDER BY u.account_id",
            issue.0,
        )
        .fetch_all(self.conn())
        .await
        .map_err(convert)
    }

    async fn voters(&mut self, issue: IssueId) -> Result<Vec<Follower>> {
        sqlx::query_as!(
            Follower,
            "SELECT u.account_id AS account, u.raw_jsonb AS raw FROM votes v
             JOIN users u ON u.tenant_id = v.tenant_id AND u.id = v.user_id
             WHERE v.issue_id = $1 ORDER BY u.account_id",
            issue.0,
        )
        .fetch_all(self.conn())
        .await
        .map_err(convert)
    }

    async fn followed_issues(
        &mut self,
        instance: InstanceId,
        after: i64,
        limit: i64,
    ) -> Result<Vec<FollowedIssue>> {
        sqlx::query_as!(
            FollowedIssue,
            r#"SELECT i.jira_id, i.jira_number AS number, f.watched AS "watched!", f.voted AS "voted!"
               FROM issues i
               LEFT JOIN issue_counts n ON n.tenant_id = i.tenant_id AND n.issue_id = i.id
               CROSS JOIN LATERAL (SELECT
                   coalesce(n.watchers, 0) > 0
                       OR EXISTS (SELECT FROM watchers w WHERE w.tenant_id = i.tenant_id AND w.issue_id = i.id) AS watched,
                   coalesce(n.votes, 0) > 0
                       OR EXISTS (SELECT FROM votes v WHERE v.tenant_id = i.tenant_id AND v.issue_id = i.id) AS voted) f
               WHERE i.instance_id = $1 AND i.presence = 'present' AND i.jira_number > $2 AND (f.watched OR f.voted)
               ORDER BY i.jira_number LIMIT $3"#,
            instance.0,
            after,
            limit,
        )
        .fetch_all(self.conn())
        .await
        .map_err(convert)
    }

    async fn set_watching(
        &mut self,
        instance: InstanceId,
        issue: IssueId,
        account: &str,
        watching: bool,
    ) -> Result<bool> {
        let (tenant, user) = (self.tenant.0, self.account_row(instance, account).await?);
        let done = match watching {
            true => sqlx::query!(
                "INSERT INTO watchers (tenant_id, issue_id, user_id) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING",
                tenant,
                issue.0,
                user,
            ),
            false => sqlx::query!(
                "DELETE FROM watchers WHERE tenant_id = $1 AND issue_id = $2 AND user_id = $3",
                tenant,
                issue.0,
                user,
            ),
        };
        let done = done.execute(self.conn()).await.map_err(convert)?;
        Ok(done.rows_affected() > 0)
    }

    async fn set_voting(
        &mut self,
        instance: InstanceId,
        issue: IssueId,
        account: &str,
        voting: bool,
    ) -> Result<bool> {
        let (tenant, user) = (self.tenant.0, self.account_row(instance, account).await?);
        let done = match voting {
            true => sqlx::query!(
                "INSERT INTO votes (tenant_id, issue_id, user_id) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING",
                tenant,
                issue.0,
                user,
            ),
            false => sqlx::query!(
                "DELETE FROM votes WHERE tenant_id = $1 AND issue_id = $2 AND user_id = $3",
                tenant,
                issue.0,
                user,
            ),
        };
        let done = done.execute(self.conn()).await.map_err(convert)?;
        Ok(done.rows_affected() > 0)
    }
}
