//! What issues were. The rules, and the SQL that follows them, stand in migration 0013.

use application::{
    Result,
    history::{FieldSpan, FieldState, HistoryStore, TimeInCategory, TimeInStatus},
};
use async_trait::async_trait;
use chrono::{DateTime, Utc};
use domain::ids::IssueId;

use super::{errors::convert, transaction::PgTenantTx};

#[async_trait]
impl HistoryStore for PgTenantTx {
    async fn field_history(&mut self, issue: IssueId) -> Result<Vec<FieldSpan>> {
        sqlx::query_as!(
            FieldSpan,
            r#"SELECT field_id AS "field_id!", field AS "field!", value, string, started_at AS "started!", ended_at AS ended
               FROM forebay.field_history($1)"#,
            issue.0,
        )
        .fetch_all(self.conn())
        .await
        .map_err(convert)
    }

    async fn issue_at(&mut self, issue: IssueId, moment: DateTime<Utc>) -> Result<Vec<FieldState>> {
        sqlx::query_as!(
            FieldState,
            r#"SELECT field_id AS "field_id!", field AS "field!", value, string, since AS "since!"
               FROM forebay.issue_at($1, $2)"#,
            issue.0,
            moment,
        )
        .fetch_all(self.conn())
        .await
        .map_err(convert)
    }

    async fn time_in_status(&mut self, issue: IssueId, moment: DateTime<Utc>) -> Result<Vec<TimeInStatus>> {
        let rows = sqlx::query!(
            r#"SELECT status_id, coalesce(status, '') AS "status!", category AS "category!", seconds AS "seconds!",
                      visits AS "visits!", first_entered AS "first_entered!", last_left
               FROM forebay.time_in_status($1, $2)"#,
            issue.0,
            moment,
        )
        .fetch_all(self.conn())
        .await
        .map_err(convert)?;
        let times = rows.into_iter().map(|row| TimeInStatus {
            status_id: row.status_id,
            status: row.status,
            category: row.category,
            seconds: row.seconds,
            visits: row.visits.unsigned_abs(),
            first_entered: row.first_entered,
            last_left: row.last_left,
        });
        Ok(times.collect())
    }

    async fn time_in_category(
        &mut self,
        issue: IssueId,
        moment: DateTime<Utc>,
    ) -> Result<Vec<TimeInCategory>> {
        let rows = sqlx::query!(
            r#"SELECT category AS "category!", seconds AS "seconds!", visits AS "visits!",
                      first_entered AS "first_entered!", last_left
               FROM forebay.time_in_category($1, $2)"#,
            issue.0,
            moment,
        )
        .fetch_all(self.conn())
        .await
        .map_err(convert)?;
        let times = rows.into_iter().map(|row| TimeInCategory {
            category: row.category,
            seconds: row.seconds,
            visits: row.visits.unsigned_abs(),
            first_entered: row.first_entered,
            last_left: row.last_left,
        });
        Ok(times.collect())
    }
}
