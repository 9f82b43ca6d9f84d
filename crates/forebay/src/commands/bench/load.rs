//! `forebay bench load`: filling a sandbox, and what it weighs.

use std::time::Instant;

use application::instances::{self, InstanceKind};
use infrastructure::telemetry::Telemetry;
use serde::Serialize;
use sqlx::{PgConnection, Row};

use super::{TemporaryFolder, create_tenant, peak_memory_mib, refresh, seed_sandbox, unsigned};
use crate::{
    cli::bench::LoadArgs,
    commands::sandbox::Seeded,
    failure::Failure,
    output,
    settings::Settings,
    wiring::{Role, Wiring},
};

#[derive(Serialize)]
struct Figures {
    #[serde(flatten)]
    seeded: Seeded,
    /// Gathering statistics and refreshing the metrics, which comes after.
    refresh_seconds: f64,
    peak_memory_mib: u64,
    /// Written into PostgreSQL's log.
    log_mib: f64,
    database_mib: f64,
    relations: Vec<Relation>,
}

/// A table with its TOAST table, or an index.
#[derive(Serialize)]
struct Relation {
    name: String,
    /// The table, of an index.
    table: Option<String>,
    rows: i64,
    mib: f64,
}

pub(super) async fn run(
    mut settings: Settings,
    telemetry: Telemetry,
    arguments: &LoadArgs,
    as_json: bool,
) -> Result<(), Failure> {
    // Held until the end, when it is removed.
    let temporary = if arguments.keep.is_none() { Some(TemporaryFolder::new()?) } else { None };
    let folder = temporary.as_ref().map(|folder| folder.0.as_path()).or(arguments.keep.as_deref());
    settings.database_url = None;
    settings.data_dir = folder.map(|folder| folder.display().to_string());
    let wiring = Wiring::open(settings, telemetry, Role::Server).await?;
    let measured = measure(&wiring, arguments.issues, arguments.seed).await;
    wiring.close().await;
    let figures = measured?;
    if as_json {
        return output::json(&figures);
    }
    show(&figures)
}

async fn measure(wiring: &Wiring, issues: u64, seed: u64) -> Result<Figures, Failure> {
    let tenant = create_tenant(wiring).await?;
    let operator = Wiring::operator(&tenant);
    let new = unsigned("sandbox", InstanceKind::Sandbox);
    let sandbox = instances::add_instance(&wiring.services, &operator, new).await?;
    let mut owner = wiring.access.owner().await?;
    let log = log_position(&mut owner).await?;
    let bar = crate::commands::sandbox::bar(&sandbox.name, issues);
    let seeded =
        seed_sandbox(wiring, &tenant, &sandbox, issues, seed, &mut |stored| bar.set_position(stored)).await;
    bar.finish_and_clear();
    let seeded = seeded?;
    let log_mib = (log_position(&mut owner).await? - log) / MIB;
    let began = Instant::now();
    refresh(wiring).await?;
    Ok(Figures {
        seeded,
        refresh_seconds: began.elapsed().as_secs_f64(),
        peak_memory_mib: peak_memory_mib()?,
        log_mib,
        database_mib: sqlx::query_scalar::<_, f64>("SELECT pg_database_size(current_database())::float8")
            .fetch_one(&mut owner)
            .await?
            / MIB,
        relations: relations(&mut owner).await?,
    })
}

const MIB: f64 = 1_048_576.0;

async fn log_position(owner: &mut PgConnection) -> Result<f64, Failure> {
    let sql = "SELECT (pg_current_wal_insert_lsn() - '0/0'::pg_lsn)::float8";
    Ok(sqlx::query_scalar::<_, f64>(sql).fetch_one(owner).await?)
}

/// Everything that is larger than one MiB, tables first, the largest first.
async fn relations(owner: &mut PgConnection) -> Result<Vec<Relation>, Failure> {
    let rows = sqlx::query(
        "SELECT c.relname::text AS name, t.relname::text AS \"table\", c.reltuples::bigint AS rows,
                pg_table_size(c.oid)::float8 AS bytes
         FROM pg_class c
         LEFT JOIN pg_index i ON i.indexrelid = c.oid
         LEFT JOIN pg_class t ON t.oid = i.indrelid
         WHERE c.relkind IN ('r', 'i', 'm') AND c.relnamespace IN ('public'::regnamespace, 'forebay'::regnamespace)
           AND pg_table_size(c.oid) > 1048576
         ORDER BY c.relkind = 'i', pg_table_size(c.oid) DESC",
    )
    .fetch_all(owner)
    .await?;
    let relations = rows.iter().map(|row| Relation {
        name: row.get("name"),
        table: row.get("table"),
        rows: row.get("rows"),
        mib: row.get::<f64, _>("bytes") / MIB,
    });
    Ok(relations.collect())
}

fn show(figures: &Figures) -> Result<(), Failure> {
    let Figures { seeded, .. } = figures;
    output::line(&format!(
        "load      {} issues, {} comments, {} changelog items, {} worklogs in {:.1} s ({:.0} issues/s)",
        seeded.counts.issues,
        seeded.counts.comments,
        seeded.counts.changelog_items,
        seeded.counts.worklogs,
        seeded.seconds,
        seeded.generated as f64 / seeded.seconds.max(f64::EPSILON),
    ))?;
    output::line(&format!("refresh   {:.1} s for statistics and metrics", figures.refresh_seconds))?;
    output::line(&format!("memory    {} MiB at the peak", figures.peak_memory_mib))?;
    output::line(&format!(
        "database  {:.0} MiB; {:.0} MiB of write-ahead log while it was filled",
        figures.database_mib, figures.log_mib
    ))?;
    let rows: Vec<_> = figures
        .relations
        .iter()
        .map(|it| {
            let table = it.table.clone().unwrap_or_default();
            vec![it.name.clone(), table, it.rows.to_string(), format!("{:.1}", it.mib)]
        })
        .collect();
    output::table(&["TABLE OR INDEX", "OF", "ROWS", "MIB"], &rows)
}
