//! The figures, for people.

use super::{Figures, backfill::Backfill};
use crate::{
    commands::bench::Latency,
    failure::Failure,
    output::{line, table},
};

/// A backfill in a line.
pub(super) fn told(figure: &Backfill) -> String {
    format!(
        "{} ms, {} in flight: {:.0} issues/s",
        figure.latency_ms, figure.in_flight, figure.issues_per_second
    )
}

pub(super) fn show(figures: &Figures) -> Result<(), Failure> {
    let source = figures.source;
    line(&format!(
        "source    {} issues, {} comments, {} changelog items, {} worklogs",
        source.issues, source.comments, source.changelog_items, source.worklogs
    ))?;
    line(&format!(
        "machine   {} build, {} processors, everything on them",
        figures.build, figures.processors
    ))?;
    line(&format!(
        "ceiling   lifted to {} requests a minute by FOREBAY_JIRA_REQUESTS_PER_MINUTE; without it 100 for Cloud",
        figures.requests_per_minute
    ))?;
    if !figures.backfill.is_empty() {
        line("")?;
        backfills(&figures.backfill)?;
    }
    if !figures.catch_up.is_empty() {
        line("")?;
        let rows = figures.catch_up.iter().map(|it| {
            vec![
                it.latency_ms.to_string(),
                it.changed.to_string(),
                format!("{:.2}", it.seconds),
                it.read.to_string(),
                it.requests.to_string(),
                format!("{:.2}", it.cpu_seconds.worker),
                format!("{:.2}", it.cpu_seconds.mirror_postgresql),
            ]
        });
        let rows: Vec<_> = rows.collect();
        table(&["CATCH-UP MS", "CHANGED", "SECONDS", "READ", "REQUESTS", "CPU WORKER", "CPU DB"], &rows)?;
    }
    if let Some(it) = &figures.webhooks {
        line("")?;
        let of = |latency: &Latency| {
            let ms = |value: f64| format!("{value:.1}");
            vec![
                latency.what.clone(),
                latency.reads.to_string(),
                ms(latency.p50),
                ms(latency.p95),
                ms(latency.p99),
            ]
        };
        let rows = [of(&it.answered), of(&it.readable), of(&it.source_answers)];
        table(&[&format!("{} WEBHOOKS A SECOND (MS)", it.per_second), "N", "P50", "P95", "P99"], &rows)?;
        let cpu = it.cpu_seconds;
        let per = |seconds: f64| seconds * 1_000.0 / it.sent.max(1) as f64;
        line(&format!(
            "each      {:.2} requests; processor time {:.1} ms of the worker, {:.1} of the door, {:.1} of the mirror's PostgreSQL, {:.1} and {:.1} of \
             the source and its PostgreSQL",
            it.requests_per_webhook,
            per(cpu.worker),
            per(cpu.mirror_serve),
            per(cpu.mirror_postgresql),
            per(cpu.source_serve),
            per(cpu.source_postgresql),
        ))?;
    }
    Ok(())
}

fn backfills(figures: &[Backfill]) -> Result<(), Failure> {
    let rows: Vec<_> = figures
        .iter()
        .map(|it| {
            vec![
                it.latency_ms.to_string(),
                it.in_flight.to_string(),
                format!("{:.1}", it.seconds),
                format!("{:.0}", it.issues_per_second),
                format!("{:.0}", it.source_alone.issues_per_second),
                format!("{:.1}", it.requests_per_1000_issues),
                format!("{:.1}", it.mean_in_flight),
                it.worker_peak_memory_mib.to_string(),
            ]
        })
        .collect();
    table(
        &[
            "BACKFILL MS",
            "IN FLIGHT",
            "SECONDS",
            "ISSUES/S",
            "SOURCE ALONE",
            "REQUESTS/1000",
            "MEAN",
            "WORKER MIB",
        ],
        &rows,
    )?;
    line("")?;
    let rows: Vec<_> = figures
        .iter()
        .map(|it| {
            let cpu = it.cpu_seconds;
            let per = |seconds: f64| format!("{:.2}", seconds * 1_000.0 / it.issues.max(1) as f64);
            vec![
                it.latency_ms.to_string(),
                it.in_flight.to_string(),
                per(cpu.worker),
                per(cpu.mirror_postgresql),
                per(cpu.source_serve),
                per(cpu.source_postgresql),
            ]
        })
        .collect();
    table(
        &["CPU MS AN ISSUE", "IN FLIGHT", "WORKER", "MIRROR'S POSTGRESQL", "SOURCE", "SOURCE'S POSTGRESQL"],
        &rows,
    )
}
