//! Groups, roles and configurations of boards, as read back; and what a sandbox changes of groups.

use application::{
    Result,
    issues::Follower,
    reference::{Group, GroupRecord, GroupStore, MemberPage},
};
use async_trait::async_trait;
use domain::ids::{EntityKind, InstanceId};
use serde_json::Value;

use super::{errors::convert, transaction::PgTenantTx};

#[async_trait]
impl GroupStore for PgTenantTx {
    async fn groups(&mut self, instance: InstanceId) -> Result<Vec<Group>> {
        sqlx::query_as!(
            Group,
            "SELECT group_id, name, members_known FROM groups
             WHERE instance_id = $1 AND presence = 'present' ORDER BY name_lower, group_id",
            instance.0,
        )
        .fetch_all(self.conn())
        .await
        .map_err(convert)
    }

    async fn groups_of(&mut self, instance: InstanceId, account: &str) -> Result<Vec<Group>> {
        sqlx::query_as!(
            Group,
            "SELECT g.group_id, g.name, g.members_known FROM group_members m
             JOIN groups g ON g.tenant_id = m.tenant_id AND g.instance_id = m.instance_id AND g.group_id = m.group_id
             WHERE m.user_id = $2 AND g.instance_id = $1 AND g.presence = 'present' ORDER BY g.name_lower, g.group_id",
            instance.0,
            instance.derive(EntityKind::User, account),
        )
        .fetch_all(self.conn())
        .await
        .map_err(convert)
    }

    async fn members_of(
        &mut self,
        instance: InstanceId,
        group_id: &str,
        page: MemberPage,
    ) -> Result<(Vec<Follower>, u64)> {
        let total = sqlx::query_scalar!(
            r#"SELECT count(*) AS "count!" FROM group_members m JOIN users u ON u.tenant_id = m.tenant_id AND u.id = m.user_id
               WHERE m.instance_id = $1 AND m.group_id = $2 AND (u.active OR $3)"#,
            instance.0,
            group_id,
            page.with_inactive,
        )
        .fetch_one(self.conn())
        .await
        .map_err(convert)?;
        let members = sqlx::query_as!(
            Follower,
            "SELECT u.account_id AS account, u.raw_jsonb AS raw FROM group_members m
             JOIN users u ON u.tenant_id = m.tenant_id AND u.id = m.user_id
             WHERE m.instance_id = $1 AND m.group_id = $2 AND (u.active OR $3)
             ORDER BY u.display_name_lower, u.account_id LIMIT $4 OFFSET $5",
            instance.0,
            group_id,
            page.with_inactive,
            page.limit,
            page.offset,
        )
        .fetch_all(self.conn())
        .await
        .map_err(convert)?;
        Ok((members, total.unsigned_abs()))
    }

    async fn add_group(&mut self, instance: InstanceId, group: &GroupRecord) -> Result<()> {
        let tenant = self.tenant.0;
        sqlx::query!(
            "INSERT INTO groups (tenant_id, instance_id, group_id, name, name_lower, members_known)
             VALUES ($1, $2, $3, $4, $5, true)
             ON CONFLICT (tenant_id, instance_id, group_id) DO UPDATE SET
                 name = excluded.name, name_lower = excluded.name_lower, members_known = true, presence = 'present',
                 updated_at = now()",
            tenant,
            instance.0,
            group.group_id,
            group.name,
            group.name.to_lowercase(),
        )
        .execute(self.conn())
        .await
        .map_err(convert)?;
        Ok(())
    }

    async fn remove_group(&mut self, instance: InstanceId, group_id: &str) -> Result<()> {
        sqlx::query!("DELETE FROM groups WHERE instance_id = $1 AND group_id = $2", instance.0, group_id)
            .execute(self.conn())
            .await
            .map_err(convert)?;
        Ok(())
    }

    async fn set_member(
        &mut self,
        instance: InstanceId,
        group_id: &str,
        account: &str,
        member: bool,
    ) -> Result<bool> {
        let (tenant, user) = (self.tenant.0, self.account_row(instance, account).await?);
        let done = match member {
            true => sqlx::query!(
                "INSERT INTO group_members (tenant_id, instance_id, group_id, user_id) VALUES ($1, $2, $3, $4)
                 ON CONFLICT DO NOTHING",
                tenant,
                instance.0,
                group_id,
                user,
            ),
            false => sqlx::query!(
                "DELETE FROM group_members WHERE tenant_id = $1 AND instance_id = $2 AND group_id = $3 AND user_id = $4",
                tenant,
                instance.0,
                group_id,
                user,
            ),
        };
        let done = done.execute(self.conn()).await.map_err(convert)?;
        Ok(done.rows_affected() > 0)
    }

    async fn project_roles(&mut self, instance: InstanceId, project: &str) -> Result<Vec<Value>> {
        sqlx::query_scalar!(
            "SELECT raw_jsonb FROM project_roles WHERE project_id = $1 ORDER BY length(jira_id), jira_id",
            instance.derive(EntityKind::Project, project),
        )
        .fetch_all(self.conn())
        .await
        .map_err(convert)
    }

    async fn site_roles(&mut self, instance: InstanceId) -> Result<Vec<Value>> {
        sqlx::query_scalar!(
            "SELECT DISTINCT ON (length(jira_id), jira_id) raw_jsonb FROM project_roles WHERE instance_id = $1
             ORDER BY length(jira_id), jira_id, project_id",
            instance.0,
        )
        .fetch_all(self.conn())
        .await
        .map_err(convert)
    }

    async fn board_configuration(&mut self, instance: InstanceId, board: i64) -> Result<Option<Value>> {
        let found = sqlx::query_scalar!(
            "SELECT configuration_raw FROM boards WHERE instance_id = $1 AND jira_id = $2 AND presence = 'present'",
            instance.0,
            board,
        )
        .fetch_optional(self.conn())
        .await
        .map_err(convert)?;
        Ok(found.flatten())
    }
}
