//! Running statements, and telling which they were and how PostgreSQL goes about them.

use std::sync::{Mutex, PoisonError};

use application::{Error, Result, search::ExplainedStatement};
use sqlx::{AssertSqlSafe, Row, postgres::PgRow};

use super::{Search, sql::Sql};
use crate::postgres::{errors::convert, transaction::PgTenantTx};

impl Search<'_> {
    /// Runs the search for a page as it is always run, and tells of each statement.
    pub(in crate::postgres) async fn explain(
        mut self,
        tx: &mut PgTenantTx,
    ) -> Result<Vec<ExplainedStatement>> {
        self.explained = Some(Mutex::default());
        self.rows(tx).await?;
        let explained = self.explained.unwrap_or_default();
        Ok(explained.into_inner().unwrap_or_else(PoisonError::into_inner))
    }

    /// Which of these issues, by Jira's numeric ids, the query finds; in their order.
    pub(in crate::postgres) async fn matching(&self, tx: &mut PgTenantTx, ids: &[i64]) -> Result<Vec<i64>> {
        let statement = Sql::new("SELECT i.jira_number FROM issues i WHERE ");
        let statement = statement.append(Sql::all(self.filter.clone())).push(" AND i.jira_number = ANY(");
        let rows = self.run(tx, statement.bind(ids.to_vec()).push(")")).await?;
        let found: Vec<i64> =
            rows.iter().map(|row| row.try_get(0)).collect::<Result<_, _>>().map_err(convert)?;
        Ok(ids.iter().copied().filter(|id| found.contains(id)).collect())
    }

    /// Runs one statement.
    pub(super) async fn run(&self, tx: &mut PgTenantTx, statement: Sql) -> Result<Vec<PgRow>> {
        let text = statement.text();
        if let Some(explained) = &self.explained {
            let plan = rows(tx, format!("EXPLAIN {text}"), &statement).await?;
            let plan = plan.iter().map(|row| row.try_get(0)).collect::<Result<_, _>>().map_err(convert)?;
            let statement =
                ExplainedStatement { sql: text.clone(), parameters: statement.parameters(), plan };
            explained.lock().unwrap_or_else(PoisonError::into_inner).push(statement);
        }
        rows(tx, text, &statement).await
    }
}

async fn rows(tx: &mut PgTenantTx, text: String, statement: &Sql) -> Result<Vec<PgRow>> {
    let arguments = statement.arguments().map_err(Error::Internal)?;
    // Nearly every query is another text: kept plans would only push out those that come again.
    sqlx::query_with(AssertSqlSafe(text), arguments)
        .persistent(false)
        .fetch_all(tx.conn())
        .await
        .map_err(convert)
}
