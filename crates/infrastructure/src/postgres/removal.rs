//! Removing what a tenant or an instance has, some rows at a time. Which tables there are, and which point to which, is asked of
//! the catalogue; foreign keys take what is left, so a table that is missed here costs time and leaves nothing behind.

use std::collections::BTreeMap;

use application::Result;
use domain::ids::InstanceId;
use sqlx::{AssertSqlSafe, PgConnection, Postgres, postgres::PgArguments, query::Query};
use uuid::Uuid;

use super::{
    erasure::quoted,
    errors::convert,
    tenant_tables::{self, Reference},
};

const ISSUES: &str = "issues";
const INSTANCES: &str = "jira_instances";

/// Removes some issues with the rows that point to them; when there are none, some rows of the next table that points to the
/// instance.
pub(super) async fn of_instance(
    conn: &mut PgConnection,
    instance: InstanceId,
    issues: i64,
    rows: i64,
) -> Result<BTreeMap<String, u64>> {
    tenant_tables::take_in_order(conn).await?;
    let references = tenant_tables::references(conn).await?;
    let some: Vec<Uuid> =
        sqlx::query_scalar!("SELECT id FROM issues WHERE instance_id = $1 LIMIT $2", instance.0, issues)
            .fetch_all(&mut *conn)
            .await
            .map_err(convert)?;
    if !some.is_empty() {
        return with_what_points_there(conn, &references, &some).await;
    }
    for table in removable(conn, &references).await? {
        let Some(points) = references.iter().find(|r| r.from == table && r.to == INSTANCES) else { continue };
        let sql = format!(
            "DELETE FROM public.{0} WHERE ctid = ANY (ARRAY(SELECT ctid FROM public.{0} WHERE {1} = $1 LIMIT $2))",
            quoted(&table),
            quoted(&points.column)
        );
        let removed = run(conn, sqlx::query(AssertSqlSafe(sql)).bind(instance.0).bind(rows)).await?;
        if removed > 0 {
            return Ok(BTreeMap::from([(table, removed)]));
        }
    }
    Ok(BTreeMap::new())
}

async fn with_what_points_there(
    conn: &mut PgConnection,
    references: &[Reference],
    issues: &[Uuid],
) -> Result<BTreeMap<String, u64>> {
    let children: Vec<String> =
        references.iter().filter(|r| r.to == ISSUES && r.from != ISSUES).map(|r| r.from.clone()).collect();
    let mut removed = BTreeMap::new();
    for table in tenant_tables::pointing_first(children, references) {
        for points in references.iter().filter(|r| r.from == table && r.to == ISSUES) {
            let sql =
                format!("DELETE FROM public.{} WHERE {} = ANY ($1)", quoted(&table), quoted(&points.column));
            let rows = run(conn, sqlx::query(AssertSqlSafe(sql)).bind(issues)).await?;
            if rows > 0 {
                *removed.entry(table.clone()).or_default() += rows;
            }
        }
    }
    let rows = run(conn, sqlx::query("DELETE FROM issues WHERE id = ANY ($1)").bind(issues)).await?;
    removed.insert(ISSUES.to_owned(), rows);
    Ok(removed)
}

/// Removes some rows of the first table that has any, for the tenant of the transaction.
pub(super) async fn of_tenant(conn: &mut PgConnection, rows: i32) -> Result<Option<(String, u64)>> {
    tenant_tables::take_in_order(conn).await?;
    let references = tenant_tables::references(conn).await?;
    for table in removable(conn, &references).await? {
        // Row-level security names the tenant.
        let sql = format!(
            "DELETE FROM public.{0} WHERE ctid = ANY (ARRAY(SELECT ctid FROM public.{0} LIMIT $1))",
            quoted(&table)
        );
        let removed = run(conn, sqlx::query(AssertSqlSafe(sql)).bind(i64::from(rows))).await?;
        if removed > 0 {
            return Ok(Some((table, removed)));
        }
    }
    Ok(None)
}

/// The tables of tenants from which the application may remove rows, those that point to others first.
async fn removable(conn: &mut PgConnection, references: &[Reference]) -> Result<Vec<String>> {
    let mut tables = Vec::new();
    for table in tenant_tables::tenant_tables(conn).await? {
        if table.removable {
            tables.push(table.name);
        }
    }
    Ok(tenant_tables::pointing_first(tables, references))
}

async fn run(conn: &mut PgConnection, query: Query<'_, Postgres, PgArguments>) -> Result<u64> {
    Ok(query.execute(conn).await.map_err(convert)?.rows_affected())
}
