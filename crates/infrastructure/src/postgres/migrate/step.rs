//! One migration, there or back.
//!
//! An ordinary migration is one transaction, which also records it. One that begins with `-- no-transaction` is run statement by
//! statement, each ending with `;` at the end of its line, and is recorded after the last: `CREATE INDEX CONCURRENTLY` wants
//! it that way. What interrupts it leaves part of it behind, so such a migration must bear being run again from its beginning,
//! and so must its way back, which is gone at once when a statement fails.

use std::time::{Duration, Instant};

use application::{Error, Result};
use sqlx::{AssertSqlSafe, Connection, Executor, PgConnection, migrate::Migration};

use crate::postgres::errors::convert;

/// How a migration waits for locks on tables that others use. While it waits for one, everybody who comes later waits behind
/// it, so it gives up soon, lets them through, and tries again.
#[derive(Clone, Copy, Debug)]
pub(super) struct Patience {
    /// How long it stands in line for one lock.
    pub(super) lock_timeout: Duration,
    /// How often it is tried.
    pub(super) attempts: u32,
    /// How long the others are let through.
    pub(super) pause: Duration,
}

impl Default for Patience {
    fn default() -> Self {
        Self { lock_timeout: Duration::from_secs(2), attempts: 40, pause: Duration::from_secs(1) }
    }
}

/// What becomes of the migration's row.
enum Record<'a> {
    Add(&'a Migration),
    Remove(i64),
}

/// Applies a migration. When it fails outside of a transaction, `down` clears away what is there of it.
pub(super) async fn apply(
    owner: &mut PgConnection,
    up: &Migration,
    down: Option<&Migration>,
    patience: Patience,
) -> Result<()> {
    let result = run(owner, up, Record::Add(up), patience).await;
    if let (Err(_), true, Some(down)) = (&result, up.no_tx, down)
        && let Err(error) = run(owner, down, Record::Remove(up.version), patience).await
    {
        tracing::warn!(
            version = up.version,
            error = error.with_causes(),
            "what a failed migration began is still there; the next run begins it again"
        );
    }
    result
}

/// Takes a migration back.
pub(super) async fn revert(owner: &mut PgConnection, down: &Migration, patience: Patience) -> Result<()> {
    run(owner, down, Record::Remove(down.version), patience).await
}

async fn run(
    owner: &mut PgConnection,
    step: &Migration,
    record: Record<'_>,
    patience: Patience,
) -> Result<()> {
    let began = Instant::now();
    if step.no_tx {
        for statement in statements(step.sql.as_str()) {
            let mut attempt = 0;
            while let Err(error) = run_alone(owner, &statement, patience).await {
                attempt += 1;
                wait(error, step.version, attempt, patience).await?;
            }
        }
        write_record(owner, &record, began.elapsed()).await.map_err(convert)
    } else {
        let mut attempt = 0;
        while let Err(error) = run_in_transaction(owner, step, &record, patience).await {
            attempt += 1;
            wait(error, step.version, attempt, patience).await?;
        }
        Ok(())
    }
}

async fn run_in_transaction(
    owner: &mut PgConnection,
    step: &Migration,
    record: &Record<'_>,
    patience: Patience,
) -> sqlx::Result<()> {
    let began = Instant::now();
    let mut tx = owner.begin().await?;
    let timeout = format!("SET LOCAL lock_timeout = {}", patience.lock_timeout.as_millis());
    tx.execute(AssertSqlSafe(timeout)).await?;
    tx.execute(step.sql.clone()).await?;
    write_record(&mut tx, record, began.elapsed()).await?;
    tx.commit().await
}

/// What works CONCURRENTLY stands in nobody's way, and waits for transactions, however old: no time-out then, which would only throw away
/// what was built so far.
async fn run_alone(owner: &mut PgConnection, statement: &str, patience: Patience) -> sqlx::Result<()> {
    let concurrent = statement.to_ascii_uppercase().contains(" CONCURRENTLY ");
    let timeout = if concurrent { 0 } else { patience.lock_timeout.as_millis() };
    owner.execute(AssertSqlSafe(format!("SET lock_timeout = {timeout}"))).await?;
    let result = owner.execute(AssertSqlSafe(statement.to_owned())).await;
    owner.execute("RESET lock_timeout").await?;
    result.map(drop)
}

/// Lets the others through when it was a lock that could not be had; everything else is an error at once.
async fn wait(error: sqlx::Error, version: i64, attempt: u32, patience: Patience) -> Result<()> {
    // Lock not available, deadlock.
    let code = error.as_database_error().and_then(|cause| cause.code());
    if !matches!(code.as_deref(), Some("55P03" | "40P01")) {
        return Err(convert(error));
    }
    if attempt >= patience.attempts {
        return Err(Error::Unavailable(format!(
            "migration {version} did not get its locks in {attempt} attempts: a transaction keeps a table that it changes \
             (see pg_stat_activity); nothing was changed, try again"
        )));
    }
    tracing::info!(version, attempt, "the migration lets others through and tries again");
    tokio::time::sleep(patience.pause).await;
    Ok(())
}

async fn write_record(
    connection: &mut PgConnection,
    record: &Record<'_>,
    elapsed: Duration,
) -> sqlx::Result<()> {
    // Not checked at compile time: the table is the migrator's, not ours.
    let query = match record {
        Record::Add(step) => sqlx::query(
            "INSERT INTO _sqlx_migrations (version, description, success, checksum, execution_time)
             VALUES ($1, $2, true, $3, $4)",
        )
        .bind(step.version)
        .bind(&*step.description)
        .bind(&*step.checksum)
        .bind(i64::try_from(elapsed.as_nanos()).unwrap_or(i64::MAX)),
        Record::Remove(version) => {
            sqlx::query("DELETE FROM _sqlx_migrations WHERE version = $1").bind(version)
        }
    };
    query.execute(connection).await.map(drop)
}

/// The statements of a migration without a transaction: each ends with `;` at the end of a line.
pub(super) fn statements(sql: &str) -> Vec<String> {
    let mut statements = Vec::new();
    let mut lines: Vec<&str> = Vec::new();
    for line in sql.lines().map(str::trim_end).filter(|line| !line.is_empty()) {
        if line.trim_start().starts_with("--") {
            continue;
        }
        lines.push(line);
        if line.ends_with(';') {
            statements.push(std::mem::take(&mut lines).join("\n"));
        }
    }
    if !lines.is_empty() {
        statements.push(lines.join("\n"));
    }
    statements
}
