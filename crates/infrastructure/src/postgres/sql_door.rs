//! The SQL door: one read-only question over the views of schema `jira`.
//!
//! Four fences stand one behind the other. [`check`] admits one SELECT over its views, with functions from a list, and what is run is
//! not the text that was asked but the tokens that were checked, written anew. The question is run as a cursor, which PostgreSQL
//! makes for queries only, inside a READ ONLY transaction, by a role that may read the views and nothing else. And row-level security
//! shows that role the rows of the tenant whose ticket the session holds: a ticket is random, so a question that managed to set
//! another one would have to guess it.
//!
//! Its time is kept twice: by PostgreSQL's `statement_timeout`, which is a setting of the session and so within reach of a question
//! that got past the guard, and from outside, by a clock of ours and a connection that ends its session.

mod answer;
mod functions;
mod guard;
mod question;
mod session;

use std::time::{Duration, Instant};

use application::{
    Error, Result,
    ports::{SqlAnswer, SqlLimits},
};
use domain::ids::TenantId;
use futures::TryStreamExt;
use sqlx::{
    AssertSqlSafe, Column, Executor, PgConnection, SqlSafeStr, Statement, TypeInfo,
    postgres::{PgDatabaseError, PgErrorPosition},
};
use uuid::Uuid;

use self::{question::Question, session::Session};
use super::{
    errors::{CANCELED, convert},
    pool::RolePool,
};

pub(super) use guard::check;

/// The server has no memory left for it.
const OUT_OF_MEMORY: &str = "53200";
/// What `forebay.row_fits` says of a row that is too large.
const ROW_TOO_LARGE: &str = "FB413";
/// How many rows are fetched at once: few until their size is known.
const FIRST_BATCH: usize = 10;
const LARGEST_BATCH: usize = 200;
/// How much longer than its time a question may take before its session is ended: PostgreSQL's own time-out comes first, and leaves
/// the connection whole.
const GRACE: Duration = Duration::from_millis(500);

/// What a session of the SQL door shows to prove its tenant. `conn` must be in a transaction of the tenant.
pub(super) async fn ticket(conn: &mut PgConnection, tenant: TenantId) -> Result<Uuid> {
    sqlx::query_scalar!("SELECT sql_ticket FROM tenants WHERE id = $1", tenant.0)
        .fetch_optional(conn)
        .await
        .map_err(convert)?
        .ok_or_else(|| Error::not_found("tenant", tenant.to_string()))
}

/// Runs a question that [`check`] let pass on a connection of `read`, and ends it by one of `platform` when it is not over in time or
/// the caller has gone.
pub(super) async fn ask(
    read: &RolePool,
    platform: &RolePool,
    ticket: Uuid,
    question: &Question,
    limits: SqlLimits,
) -> Result<SqlAnswer> {
    let mut session = Session::open(read, platform).await?;
    let asked = async {
        let answer = answer(session.connection()?, ticket, question, limits).await;
        session.give_back().await.and(answer)
    };
    tokio::time::timeout(limits.timeout.saturating_add(GRACE), asked).await.unwrap_or_else(|_| {
        tracing::warn!("a question outlived its time-out, and its session was ended");
        Err(too_long(limits))
    })
}

/// `conn` must be in a READ ONLY transaction of `forebay_read`.
async fn answer(
    conn: &mut PgConnection,
    ticket: Uuid,
    question: &Question,
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

    // Prepared by itself first, so that errors point into the question as it was asked; this also tells the columns of an
    // answer without rows.
    let statement = (&mut *conn)
        .prepare(AssertSqlSafe(question.text()).into_sql_str())
        .await
        .map_err(|error| refuse(error, limits, Some(question)))?;
    let columns = statement
        .columns()
        .iter()
        .map(|column| (column.name().to_owned(), column.type_info().name().to_lowercase()))
        .unzip();
    let refusal = |error| refuse(error, limits, None);
    sqlx::query(AssertSqlSafe(cursor(question.text(), limits)))
        .persistent(false)
        .execute(&mut *conn)
        .await
        .map_err(refusal)?;

    let mut answer = answer::Collector::new(columns, limits);
    let mut batch = FIRST_BATCH;
    loop {
        if started.elapsed() > limits.timeout {
            return Err(too_long(limits));
        }
        // The simple protocol: every type arrives as text. Row by row, so that large ones meet the cap one at a time.
        let fetch = format!("FETCH FORWARD {batch} FROM forebay_answer");
        let mut rows = sqlx::raw_sql(AssertSqlSafe(fetch)).fetch(&mut *conn);
        let mut fetched = 0;
        loop {
            let row = match rows.try_next().await {
                Ok(Some(row)) => row,
                Ok(None) => break,
                // The rows of the batches before it are an answer that ends at a cap. Its own batch is lost: FETCH sends nothing
                // before it has all of it.
                Err(error) if is_too_large(&error) && answer.has_rows() => return Ok(answer.cut()),
                Err(error) => return Err(refusal(error)),
            };
            fetched += 1;
            if !answer.add(std::slice::from_ref(&row)).map_err(convert)? {
                return Ok(answer.finish());
            }
        }
        if fetched < batch {
            return Ok(answer.finish());
        }
        batch = answer.rows_that_fit().clamp(1, LARGEST_BATCH);
    }
}

/// The question as a cursor whose rows are measured on the server, so that none is sent that could not be kept. OFFSET keeps the
/// measure from being taken of rows that the question leaves out. The text of a row doubles its quotes and has commas and
/// brackets of its own, so twice the cap is let through, and the cap itself is kept by whoever collects.
fn cursor(question: &str, limits: SqlLimits) -> String {
    let largest = limits.max_bytes.saturating_mul(2).saturating_add(16 * 1024).min(i32::MAX as usize);
    format!(
        "DECLARE forebay_answer NO SCROLL CURSOR FOR SELECT forebay_row.* FROM (SELECT * FROM (\n{question}\n) AS asked OFFSET 0) \
         AS forebay_row WHERE forebay.row_fits(octet_length((forebay_row.*)::text), {largest})"
    )
}

fn is_too_large(error: &sqlx::Error) -> bool {
    error.as_database_error().and_then(|cause| cause.code()).as_deref() == Some(ROW_TOO_LARGE)
}

fn too_long(limits: SqlLimits) -> Error {
    Error::invalid(
        "sql",
        format!("took longer than {} s and was cancelled; narrow it down", limits.timeout.as_secs_f64()),
    )
}

/// What PostgreSQL says of the question is for whoever asked it; the rest is not. An error's position is one in the question, where that
/// is given, or in what was made of it.
fn refuse(error: sqlx::Error, limits: SqlLimits, question: Option<&Question>) -> Error {
    let sqlx::Error::Database(cause) = &error else { return convert(error) };
    let Some(cause) = cause.try_downcast_ref::<PgDatabaseError>() else { return convert(error) };
    // A value beyond a gigabyte: PostgreSQL has no code for it.
    let is_beyond =
        cause.code() == "XX000" && cause.message().starts_with("invalid memory alloc request size");
    match cause.code() {
        CANCELED => return too_long(limits),
        ROW_TOO_LARGE => {
            let most = limits.max_bytes;
            return Error::invalid(
                "sql",
                format!(
                    "one row is larger than an answer may be ({most} bytes); ask for fewer columns, or parts of them"
                ),
            );
        }
        OUT_OF_MEMORY => return too_much(),
        _ if is_beyond => return too_much(),
        _ => {}
    }
    // Classes: feature not supported, cardinality, data, read-only transaction, syntax or access, limits.
    let is_askers = ["0A", "21", "22", "25", "42", "54"].iter().any(|class| cause.code().starts_with(class));
    if !is_askers {
        return convert(error);
    }
    let position = match (cause.position(), question) {
        (Some(PgErrorPosition::Original(position)), Some(question)) => {
            format!(" (at character {})", question.place_as_asked(position))
        }
        _ => String::new(),
    };
    let hint = cause.hint().map(|hint| format!("; {hint}")).unwrap_or_default();
    Error::invalid("sql", format!("{}{position}{hint}", cause.message()))
}

fn too_much() -> Error {
    Error::invalid("sql", "makes a value that is larger than PostgreSQL can hold; narrow it down")
}
