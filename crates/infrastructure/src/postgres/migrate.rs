//! Migrations of the database: ours, then those of the job queue.
//!
//! Any number of processes may do this at once: one works, the others wait and find nothing left to do.

mod step;

use application::{Error, Result};
use graphile_worker::WorkerUtils;
use sqlx::{
    AssertSqlSafe, Executor, PgConnection,
    migrate::{Migrate, MigrateError, Migration, Migrator},
    postgres::{PgConnectOptions, PgPoolOptions},
};

use self::step::Patience;
use super::{
    errors::convert,
    lock,
    roles::{QUEUE, RolePasswords, border_gaps, ensure_database, ensure_roles, told},
};

static MIGRATOR: Migrator = sqlx::migrate!("../../migrations");

/// The schema of the job library's tables.
const QUEUE_SCHEMA: &str = "graphile_worker";
/// The migrator's table of what was applied.
const TABLE: &str = "_sqlx_migrations";
/// Held by whoever migrates this database ("fbay" and a number).
const LOCK: i64 = 0x6662_6179_0002;

/// A migration, and whether the database has it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MigrationStatus {
    /// Its number.
    pub version: i64,
    /// Its name.
    pub description: String,
    /// Whether the database has it.
    pub applied: bool,
}

/// Makes the roles ([`ensure_roles`]) and their rights in the database ([`ensure_database`]), applies every migration that is
/// missing, brings the job queue up to date, signed in as `queue`, which is how `forebay_queue` signs in, and looks whether the
/// border is closed. Answers how many of our migrations were applied.
///
/// # Errors
/// [`Error::Conflict`] when the database was migrated by a newer Forebay or by other files under the same numbers, when the
/// border is open in a way that this does not mend, or as [`ensure_roles`]; [`Error::Unavailable`] when a migration cannot get
/// its locks; [`Error::Internal`] when one fails. A migration that does not succeed leaves nothing behind.
pub async fn up(
    owner: &mut PgConnection,
    passwords: &RolePasswords,
    queue: &PgConnectOptions,
) -> Result<usize> {
    lock(owner).await?;
    let result = up_locked(owner, passwords, queue).await;
    // What went wrong first is what to say.
    let unlocked = unlock(owner).await;
    result.and_then(|count| unlocked.map(|()| count))
}

async fn up_locked(
    owner: &mut PgConnection,
    passwords: &RolePasswords,
    queue: &PgConnectOptions,
) -> Result<usize> {
    ensure_roles(owner, passwords).await?;
    ensure_database(owner).await?;
    let count = apply_missing(owner, &ours(), Patience::default()).await?;
    queue_up(owner, queue).await?;
    let gaps = border_gaps(owner).await?;
    if gaps.is_empty() {
        return Ok(count);
    }
    Err(Error::Conflict(format!("{count} migrations were applied, and {}", told(&gaps))))
}

/// Applies those of `all` that the database does not have. The caller holds the lock.
async fn apply_missing(owner: &mut PgConnection, all: &[&Migration], patience: Patience) -> Result<usize> {
    ensure_table(owner).await?;
    let done = known(owner, all).await?;
    let mut count = 0;
    for up in ups(all).filter(|up| !done.contains(&up.version)) {
        step::apply(owner, up, down_of(all, up.version), patience).await?;
        count += 1;
    }
    Ok(count)
}

/// Takes back that many of the latest migrations, and answers how many there were to take. With the first one goes the
/// job queue. The roles stay: they belong to the server.
///
/// # Errors
/// [`Error::Conflict`] when the database has migrations that this program does not know; [`Error::Unavailable`] when one
/// cannot get its locks; [`Error::Internal`] when one cannot be taken back.
pub async fn down(owner: &mut PgConnection, steps: u32) -> Result<usize> {
    lock(owner).await?;
    let count = usize::try_from(steps).unwrap_or(usize::MAX);
    let result = take_back(owner, &ours(), count, Patience::default()).await;
    // What went wrong first is what to say.
    let unlocked = unlock(owner).await;
    result.and_then(|count| unlocked.map(|()| count))
}

async fn take_back(
    owner: &mut PgConnection,
    all: &[&Migration],
    count: usize,
    patience: Patience,
) -> Result<usize> {
    ensure_table(owner).await?;
    let done = known(owner, all).await?;
    let leaving: Vec<_> = done.iter().rev().take(count).collect();
    for version in &leaving {
        let down = down_of(all, **version)
            .ok_or_else(|| Error::Unsupported(format!("migration {version} has no way back")))?;
        step::revert(owner, down, patience).await?;
    }
    if leaving.len() == done.len() {
        let drop = format!("DROP SCHEMA IF EXISTS {QUEUE_SCHEMA} CASCADE");
        owner.execute(AssertSqlSafe(drop)).await.map_err(convert)?;
    }
    Ok(leaving.len())
}

/// Our migrations, both ways.
fn ours() -> Vec<&'static Migration> {
    MIGRATOR.iter().collect()
}

/// Those upwards, in order.
fn ups<'a>(all: &[&'a Migration]) -> impl Iterator<Item = &'a Migration> {
    all.iter().copied().filter(|step| !step.migration_type.is_down_migration())
}

fn down_of<'a>(all: &[&'a Migration], version: i64) -> Option<&'a Migration> {
    all.iter().copied().find(|step| step.version == version && step.migration_type.is_down_migration())
}

/// The migrator's table. What an interrupted migration left there as unsuccessful is forgotten: it begins again.
async fn ensure_table(owner: &mut PgConnection) -> Result<()> {
    owner.ensure_migrations_table(TABLE).await.map_err(explain)?;
    let forget = format!("DELETE FROM {TABLE} WHERE NOT success");
    owner.execute(AssertSqlSafe(forget)).await.map_err(convert)?;
    Ok(())
}

/// The versions that the database has, in order; each checked to be one of `all`.
async fn known(owner: &mut PgConnection, all: &[&Migration]) -> Result<Vec<i64>> {
    let applied = owner.list_applied_migrations(TABLE).await.map_err(explain)?;
    for found in &applied {
        match ups(all).find(|step| step.version == found.version) {
            None => return Err(explain(MigrateError::VersionMissing(found.version))),
            Some(step) if step.checksum != found.checksum => {
                return Err(explain(MigrateError::VersionMismatch(found.version)));
            }
            Some(_) => {}
        }
    }
    Ok(applied.into_iter().map(|found| found.version).collect())
}

/// Every migration that this program or the database knows, by version.
///
/// # Errors
/// When the database cannot be read.
pub async fn status(owner: &mut PgConnection) -> Result<Vec<MigrationStatus>> {
    let mut applied = applied(owner).await?;
    let mut all: Vec<_> = ups(&ours())
        .map(|migration| MigrationStatus {
            version: migration.version,
            description: migration.description.to_string(),
            applied: applied.iter().any(|(version, _)| *version == migration.version),
        })
        .collect();
    applied.retain(|(version, _)| !MIGRATOR.version_exists(*version));
    all.extend(applied.into_iter().map(|(version, description)| MigrationStatus {
        version,
        description,
        applied: true,
    }));
    all.sort_by_key(|migration| migration.version);
    Ok(all)
}

/// Looks whether the database has the newest migration of this program, or a newer one: a schema may be taken back while a server
/// runs. Any role that may call the platform's functions can ask.
///
/// # Errors
/// [`Error::Conflict`] when it lacks one; [`Error::Unavailable`] when it does not answer.
pub(super) async fn require_newest(connection: &mut PgConnection) -> Result<()> {
    let wanted = ups(&ours()).map(|up| up.version).max().unwrap_or_default();
    let behind = || {
        Error::Conflict(
            "the database's schema is older than this program: run `forebay migrate up`, or the program it was taken back for"
                .into(),
        )
    };
    // Not there before the migration that makes it: then it is behind all the same.
    let known = sqlx::query_scalar!(
        r#"SELECT to_regprocedure('forebay.newest_migration()') IS NOT NULL AS "known!""#
    );
    if !known.fetch_one(&mut *connection).await.map_err(convert)? {
        return Err(behind());
    }
    let newest = sqlx::query_scalar!("SELECT forebay.newest_migration()");
    match newest.fetch_one(connection).await.map_err(convert)? {
        Some(newest) if newest >= wanted => Ok(()),
        _ => Err(behind()),
    }
}

/// Waits until nobody else migrates, however long: also beyond the time-out of the owner's usual statements.
async fn lock(owner: &mut PgConnection) -> Result<()> {
    owner.execute("SET statement_timeout = 0").await.map_err(convert)?;
    lock::take(owner, LOCK).await
}

async fn unlock(owner: &mut PgConnection) -> Result<()> {
    lock::give(owner, LOCK).await?;
    owner.execute("RESET statement_timeout").await.map_err(convert)?;
    Ok(())
}

/// Versions and names of the migrations that the database has, in order.
async fn applied(connection: &mut PgConnection) -> Result<Vec<(i64, String)>> {
    let migrated =
        sqlx::query_scalar!(r#"SELECT to_regclass('_sqlx_migrations') IS NOT NULL AS "migrated!""#);
    if !migrated.fetch_one(&mut *connection).await.map_err(convert)? {
        return Ok(Vec::new());
    }
    // Not checked at compile time: the table is the migrator's, not ours.
    sqlx::query_as("SELECT version, description FROM _sqlx_migrations WHERE success ORDER BY version")
        .fetch_all(connection)
        .await
        .map_err(convert)
}

/// The job library's own migrations, run by the role that owns its schema.
async fn queue_up(owner: &mut PgConnection, queue: &PgConnectOptions) -> Result<()> {
    let schema = format!("CREATE SCHEMA IF NOT EXISTS {QUEUE_SCHEMA} AUTHORIZATION {QUEUE}");
    owner.execute(AssertSqlSafe(schema)).await.map_err(convert)?;
    let begun =
        sqlx::query_scalar!(r#"SELECT to_regclass('graphile_worker.migrations') IS NOT NULL AS "begun!""#);
    if begun.fetch_one(&mut *owner).await.map_err(convert)? {
        return migrate_queue(queue).await;
    }
    // At its first run the library says CREATE SCHEMA IF NOT EXISTS, for which PostgreSQL wants the right to make one
    // even when it is there.
    change_create_right(owner, "GRANT", "TO").await?;
    let result = migrate_queue(queue).await;
    let revoked = change_create_right(owner, "REVOKE", "FROM").await;
    result.and(revoked)
}

async fn change_create_right(owner: &mut PgConnection, verb: &str, preposition: &str) -> Result<()> {
    let database = sqlx::query_scalar!(r#"SELECT quote_ident(current_database()) AS "name!""#);
    let database = database.fetch_one(&mut *owner).await.map_err(convert)?;
    let sql = format!("{verb} CREATE ON DATABASE {database} {preposition} {QUEUE}");
    owner.execute(AssertSqlSafe(sql)).await.map_err(convert)?;
    Ok(())
}

async fn migrate_queue(queue: &PgConnectOptions) -> Result<()> {
    let pool = PgPoolOptions::new().max_connections(1).connect_with(queue.clone()).await.map_err(convert)?;
    let result = WorkerUtils::new(pool.clone(), QUEUE_SCHEMA).migrate().await;
    pool.close().await;
    result.map_err(Error::internal)
}

fn explain(error: MigrateError) -> Error {
    match error {
        MigrateError::VersionMissing(version) => Error::Conflict(format!(
            "the database has migration {version}, which this program does not know: a newer Forebay has migrated it"
        )),
        MigrateError::VersionMismatch(version) => Error::Conflict(format!(
            "the database has a migration {version} that differs from this program's: they come from different builds"
        )),
        MigrateError::Execute(cause) => convert(cause),
        other => Error::internal(other),
    }
}

#[cfg(test)]
mod tests;
