//! Sprints with the boards that show them.

use application::{
    Result,
    agile::{AgileStore, SprintDetails},
};
use async_trait::async_trait;
use domain::ids::InstanceId;
use uuid::Uuid;

use super::{errors::convert, transaction::PgTenantTx};

#[async_trait]
impl AgileStore for PgTenantTx {
    async fn sprints_of_board(&mut self, instance: InstanceId, board: i64) -> Result<Vec<SprintDetails>> {
        sqlx::query_as!(
            SprintDetails,
            r#"SELECT s.jira_id AS id, s.name, s.state, s.board_id AS board, s.goal, s.start_date AS start, s.end_date AS "end",
                      s.complete_date AS complete, s.raw_jsonb AS raw
               FROM sprints s
               WHERE s.instance_id = $1 AND s.presence = 'present'
                 AND (s.board_id = $2
                      OR EXISTS (SELECT FROM board_sprints b
                                 WHERE b.instance_id = $1 AND b.board_id = $2 AND b.sprint_id = s.jira_id))
               ORDER BY array_position(ARRAY['closed', 'active', 'future'], s.state::text), s.jira_id"#,
            instance.0,
            board,
        )
        .fetch_all(self.conn())
        .await
        .map_err(convert)
    }

    async fn sprint(&mut self, instance: InstanceId, id: i64) -> Result<Option<SprintDetails>> {
        let limited = self.limited;
        // Boards are held to the caller's projects by their own policy.
        sqlx::query_as!(
            SprintDetails,
            r#"SELECT s.jira_id AS id, s.name, s.state, s.board_id AS board, s.goal, s.start_date AS start, s.end_date AS "end",
                      s.complete_date AS complete, s.raw_jsonb AS raw
               FROM sprints s
               WHERE s.instance_id = $1 AND s.jira_id = $2 AND s.presence = 'present'
                 AND (NOT $3
                      OR EXISTS (SELECT FROM boards b
                                 WHERE b.instance_id = $1 AND b.presence = 'present'
                                   AND (b.jira_id = s.board_id
                                        OR EXISTS (SELECT FROM board_sprints l
                                                   WHERE l.instance_id = $1 AND l.board_id = b.jira_id
                                                     AND l.sprint_id = s.jira_id))))"#,
            instance.0,
            id,
            limited,
        )
        .fetch_optional(self.conn())
        .await
        .map_err(convert)
    }

    async fn lock_sprint(&mut self, instance: InstanceId, id: i64) -> Result<bool> {
        let locked = sqlx::query!(
            "SELECT jira_id FROM sprints WHERE instance_id = $1 AND jira_id = $2 AND presence = 'present' FOR NO KEY UPDATE",
            instance.0,
            id,
        )
        .fetch_optional(self.conn())
        .await
        .map_err(convert)?;
        Ok(locked.is_some())
    }

    async fn list_sprint(&mut self, instance: InstanceId, board: i64, sprint: i64) -> Result<()> {
        let tenant = self.tenant.0;
        sqlx::query!(
            "INSERT INTO board_sprints (tenant_id, instance_id, board_id, sprint_id) VALUES ($1, $2, $3, $4)
             ON CONFLICT DO NOTHING",
            tenant,
            instance.0,
            board,
            sprint,
        )
        .execute(self.conn())
        .await
        .map_err(convert)?;
        Ok(())
    }

    async fn rank_beside(
        &mut self,
        instance: InstanceId,
        field: &str,
        rank: &str,
        before: bool,
        others_than: &[String],
    ) -> Result<Option<String>> {
        let left_out: Vec<Uuid> = others_than.iter().map(|id| instance.issue(id).0).collect();
        // Both ways in one statement; ranks are compared by their bytes (jira-facts 6.3).
        let found = sqlx::query_scalar!(
            r#"SELECT CASE WHEN $4 THEN max(v.value_key COLLATE "C") FILTER (WHERE v.value_key COLLATE "C" < $3)
                           ELSE min(v.value_key COLLATE "C") FILTER (WHERE v.value_key COLLATE "C" > $3) END
               FROM issue_field_values v
               JOIN issues i ON i.tenant_id = v.tenant_id AND i.id = v.issue_id
               WHERE v.field_id = $2 AND i.instance_id = $1 AND i.presence = 'present' AND v.issue_id <> ALL($5)"#,
            instance.0,
            field,
            rank,
            before,
            &left_out,
        )
        .fetch_one(self.conn())
        .await
        .map_err(convert)?;
        Ok(found)
    }

    async fn remove_sprint(&mut self, instance: InstanceId, id: i64) -> Result<()> {
        sqlx::query!("DELETE FROM board_sprints WHERE instance_id = $1 AND sprint_id = $2", instance.0, id)
            .execute(self.conn())
            .await
            .map_err(convert)?;
        sqlx::query!(
            "UPDATE sprints SET presence = 'deleted', updated_at = now() WHERE instance_id = $1 AND jira_id = $2",
            instance.0,
            id,
        )
        .execute(self.conn())
        .await
        .map_err(convert)?;
        Ok(())
    }
}
