//! What a run tells people.

use std::collections::BTreeMap;

use super::{Total, compare::Comparison, round::Report};
use crate::{failure::Failure, output};

fn list<K: AsRef<str>, N: std::fmt::Display>(counts: &BTreeMap<K, N>) -> String {
    let counts: Vec<_> = counts.iter().map(|(what, count)| format!("{} {count}", what.as_ref())).collect();
    counts.join(", ")
}

/// One round.
pub(super) fn show(report: &Report) -> Result<(), Failure> {
    output::line(&format!("seed {}: {:.0} s", report.seed, report.seconds))?;
    output::line(&format!("  written   {}", list(&report.written)))?;
    output::line(&format!("  faults    {}", list(&report.faults)))?;
    output::line(&format!("  died      {}", list(&report.deaths)))?;
    for site in &report.sites {
        output::line(&format!(
            "  {:<9} {}: sync in {} turns, census in {} ({} gone, {} fetched, held {} times), {} mended",
            site.name,
            site.stage.told(),
            site.sync_turns,
            site.census_turns,
            site.census_gone,
            site.census_fetched,
            site.census_held,
            site.mended,
        ))?;
        let compared: Vec<_> = site
            .tables
            .iter()
            .filter(|table| table.left_out.is_none())
            .map(|t| format!("{} {}", t.table, t.rows))
            .collect();
        output::line(&format!("    compared {}", compared.join(", ")))?;
        for table in &site.tables {
            if let Some(reason) = table.left_out {
                output::line(&format!("    left out {} ({reason})", table.table))?;
            }
        }
        for table in site.tables.iter().filter(|table| table.differs()) {
            differs(table)?;
        }
    }
    Ok(())
}

fn differs(table: &Comparison) -> Result<(), Failure> {
    output::line(&format!("  DIFFERS   {}: {} missing, {} extra", table.table, table.missing, table.extra))?;
    for it in &table.differences {
        let absent = || "(none)".to_owned();
        output::line(&format!(
            "    {} {}: source {}, copy {}",
            it.row,
            it.column.as_deref().unwrap_or("(row)"),
            it.source.clone().unwrap_or_else(absent),
            it.copy.clone().unwrap_or_else(absent),
        ))?;
    }
    Ok(())
}

/// All rounds.
pub(super) fn show_total(total: &Total) -> Result<(), Failure> {
    output::line(&format!(
        "{} rounds in {:.0} s, seeds from {}: {} rows compared, {} differences",
        total.rounds, total.seconds, total.first_seed, total.rows_compared, total.differences,
    ))?;
    output::line(&format!("  rows      {}", list(&total.rows)))?;
    output::line(&format!("  written   {}", list(&total.written)))?;
    output::line(&format!("  died      {}", list(&total.deaths)))?;
    output::line(&format!(
        "  faults    {} of {} kinds: {}",
        total.faults.values().sum::<u64>(),
        total.faults.len(),
        list(&total.faults)
    ))?;
    if !total.faults_not_met.is_empty() {
        output::line(&format!("  not met   {}", total.faults_not_met.join(", ")))?;
    }
    for (what, reason) in &total.left_out {
        output::line(&format!("  left out  {what}: {reason}"))?;
    }
    Ok(())
}
