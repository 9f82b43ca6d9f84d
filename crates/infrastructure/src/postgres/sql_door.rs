//! The SQL door: one read-only question over the views of schema `jira`.
//!
//! Four fences stand one behind the other. [`check`] admits one SELECT over its views, with functions from a list. The
//! question is run as a cursor, which PostgreSQL makes for queries only, inside a READ ONLY transaction, by a role that may
//! read the views and nothing else. And row-level security shows that role the rows of the tenant whose ticket the session
//! holds: a ticket is random, so a question that managed to set another one would have to guess it.

mod answer;
mod functions;
mod guard;

use std::time::Instant;

use application::{
    Error, Result,
    ports::{SqlAnswer, SqlLimits},
};
use domain::ids::TenantId;
use futures::TryStreamExt;
use sqlx::{
    AssertSqlSafe, Column, Executor, PgConnection, SqlSafeStr, Statement,
    postgres::{PgDatabaseError, PgErrorPosition},
};
use uuid::Uuid;

use super::errors::{CANCELED, convert};

pub(super) use guard::check;

/// How many rows are fetched at a time: few enough that the cap on bytes is met early.
const BATCH: usize = 100;
const FETCH: &str = "FETCH FORWARD 100 FROM forebay_answer";

/// What a session of the SQL door shows to prove its tenant. `conn` must be in a transaction of the tenant.
pub(super) async fn ticket(conn: &mut PgConnection, tenant: TenantId) -> Result<Uuid> {
    sqlx::query_scalar!("SELECT sql_ticket FROM tenants WHERE id = $1", tenant.0)
        .fetch_optional(conn)
        .await
        .map_err(convert)?
        .ok_or_else(|| Error::not_found("tenant", tenant.to_string()))
}

/// Runs a question that [`check`] let pass. `conn` must be in a READ ONLY transaction of `forebay_read`.
pub(super) async fn ask(
    conn: &mut PgConnection,
    ticket: Uuid,
    sql: &str,
    limits: SqlLimits,
) -> Result<SqlAnswer> {
    let started = Instant::now();
    let timeout = i64::try_from(limits.timeout.as_millis()).unwrap_or(i64::MAX).clamp(1, i64::from(i32::MAX));
    // The ticket is bound, not written into the text: pg_stat_activity shows texts. Compiling (jit) takes seconds for the
    // larger views, and a question has few of them.
    sqlx::query!(
        "SELECT set_config('app.sql_ticket', $1, true) AS ticket, set_config('statement_timeout', $2, true) AS timeout,
                set_config('search_path', 'jira', true) AS path, set_config('timezone', 'UTC', true) AS zone,
                set_config('datestyle', 'ISO', true) AS dates, set_config('jit', 'off', true) AS jit",
        ticket.to_string(),
        timeout.to_string(),
    )
    .fetch_one(&mut *conn)
    .await
    .map_err(convert)?;

    let refusal = |error| refuse(error, limits);
    // Prepared by itself first, so that errors point into the question as it was asked; this also tells the columns of an
    // answer without rows.
    let statement = (&mut *conn).prepare(AssertSqlSafe(sql).into_sql_str()).await.map_err(refusal)?;
    let columns: Vec<String> = statement.columns().iter().map(|column| column.name().to_owned()).collect();
    let cursor = format!("DECLARE forebay_answer NO SCROLL CURSOR FOR {sql}");
    sqlx::query(AssertSqlSafe(cursor)).persistent(false).execute(&mut *conn).await.map_err(refusal)?;

    let mut answer = answer::Collector::new(columns, limits);
    loop {
        if started.elapsed() > limits.timeout {
            return Err(too_long(limits));
        }
        // The simple protocol: every type arrives as text. Row by row, so that large ones meet the cap one at a time.
        let mut rows = sqlx::raw_sql(FETCH).fetch(&mut *conn);
        let mut fetched = 0;
        while let Some(row) = rows.try_next().await.map_err(refusal)? {
            fetched += 1;
            if !answer.add(std::slice::from_ref(&row)).map_err(convert)? {
                return Ok(answer.finish());
            }
        }
        if fetched < BATCH {
            return Ok(answer.finish());
        }
    }
}

fn too_long(limits: SqlLimits) -> Error {
    Error::invalid(
        "sql",
        format!("took longer than {} s and was cancelled; narrow it down", limits.timeout.as_secs_f64()),
    )
}

/// What PostgreSQL says of the question is for whoever asked it; the rest is not.
fn refuse(error: sqlx::Error, limits: SqlLimits) -> Error {
    let sqlx::Error::Database(cause) = &error else { return convert(error) };
    let Some(cause) = cause.try_downcast_ref::<PgDatabaseError>() else { return convert(error) };
    if cause.code() == CANCELED {
        return too_long(limits);
    }
    // Classes: feature not supported, cardinality, data, read-only transaction, syntax or access, limits.
    let is_askers = ["0A", "21", "22", "25", "42", "54"].iter().any(|class| cause.code().starts_with(class));
    if !is_askers {
        return convert(error);
    }
    let place = match cause.position() {
        Some(PgErrorPosition::Original(position)) => format!(" (at character {position})"),
        _ => String::new(),
    };
    let hint = cause.hint().map(|hint| format!("; {hint}")).unwrap_or_default();
    Error::invalid("sql", format!("{}{place}{hint}", cause.message()))
}
