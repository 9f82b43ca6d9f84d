//! Freshness of mirrors, and what their sites cost, as metrics: read again and again from the database, so that every process that is
//! scraped tells the same, whichever did the work.
//!
//! Times are told as such (`..._timestamp_seconds`), as Prometheus wants them: lag is `time() - forebay_mirror_polled_timestamp_seconds`.

use std::{future::Future, pin::pin, time::Duration};

use application::{Result, Services, site_limits::SiteGauges, sync::freshness::FreshnessGauges};
use chrono::{DateTime, Utc};

/// How often the database is asked.
const EVERY: Duration = Duration::from_secs(30);

/// Keeps the gauges true until `stop` resolves.
pub async fn watch(services: Services, stop: impl Future<Output = ()> + Send) {
    let mut stop = pin!(stop);
    loop {
        if let Err(error) = read(&services).await {
            tracing::warn!(error = error.with_causes(), "freshness could not be read for the metrics");
        }
        tokio::select! {
            () = &mut stop => return,
            () = tokio::time::sleep(EVERY) => {}
        }
    }
}

async fn read(services: &Services) -> Result<()> {
    let mut tx = services.db.platform().await?;
    let (freshness, sites) = (tx.freshness_gauges().await?, tx.site_gauges().await?);
    drop(tx);
    freshness.iter().for_each(show);
    sites.iter().for_each(show_site);
    Ok(())
}

/// What is over is told as 0: a gauge keeps its last value otherwise.
fn show_site(of: &SiteGauges) {
    let labels = [("tenant", of.tenant.to_string()), ("instance", of.instance.to_string())];
    let tell = |name: &'static str, value: f64| metrics::gauge!(name, &labels).set(value);
    let time = |at: Option<DateTime<Utc>>| at.map_or(0.0, |at| at.timestamp() as f64);
    tell("forebay_site_requests_today", of.today.requests as f64);
    tell("forebay_site_points_today", of.today.points as f64);
    tell("forebay_site_refused_today", of.today.refused as f64);
    tell("forebay_site_failed_today", of.today.failed as f64);
    tell("forebay_site_throttled_seconds_today", of.today.throttled_ms as f64 / 1_000.0);
    if let Some(pace) = of.pace {
        tell("forebay_site_pace_per_minute", pace);
    }
    tell("forebay_site_paused_until_timestamp_seconds", time(of.paused_until));
    tell("forebay_sync_run_issues_done", of.run_done as f64);
    tell("forebay_sync_run_issues_expected", of.run_total as f64);
    let seconds = (of.run_worked_ms as f64 / 1_000.0).max(f64::EPSILON);
    let rate = if of.run_worked_ms == 0 { 0.0 } else { of.run_done as f64 / seconds };
    tell("forebay_sync_run_issues_per_second", rate);
    tell("forebay_webhooks_waiting", of.webhooks_waiting as f64);
    tell("forebay_webhooks_waiting_since_timestamp_seconds", time(of.webhooks_since));
}

fn show(of: &FreshnessGauges) {
    let labels = [("tenant", of.tenant.to_string()), ("instance", of.instance.to_string())];
    let time = |name: &'static str, at: Option<DateTime<Utc>>| {
        if let Some(at) = at {
            metrics::gauge!(name, &labels).set(at.timestamp() as f64);
        }
    };
    time("forebay_mirror_polled_timestamp_seconds", of.polled_at);
    time("forebay_mirror_census_timestamp_seconds", of.census_at);
    time("forebay_mirror_checked_timestamp_seconds", of.checked_at);
    let count = |name: &'static str, value: u64| metrics::gauge!(name, &labels).set(value as f64);
    count("forebay_census_held_projects", of.held_projects);
    count("forebay_mirror_drift_findings", of.differing);
    count("forebay_mirror_rejected_rows", of.rejected);
}
