//! Freshness as metrics: read again and again from the database, so that every process that is scraped tells the same.
//!
//! Times are told as such (`..._timestamp_seconds`), as Prometheus wants them: lag is `time() - forebay_mirror_polled_timestamp_seconds`.

use std::{future::Future, pin::pin, time::Duration};

use application::{Result, Services, sync::freshness::FreshnessGauges};
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
    let gauges = tx.freshness_gauges().await?;
    drop(tx);
    gauges.iter().for_each(show);
    Ok(())
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
