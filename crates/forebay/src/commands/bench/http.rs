//! `forebay bench http`: reads at Jira's own door at a fixed rate, with the generator of the load on the same machine.
//!
//! Requests begin when their time has come, whether or not those before them were answered, and a request's time counts from when
//! it was due: whatever waits behind a slow answer shows in the figures instead of being left out.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use application::{
    Scope,
    keys::{self, KeySpec},
};
use chrono::TimeDelta;
use infrastructure::telemetry::Telemetry;
use secrecy::{ExposeSecret, SecretString};
use serde::Serialize;
use tokio::{sync::mpsc, time::Instant};
use tokio_util::sync::CancellationToken;

use super::{client, instance_of, keys_of, latency, look_ups};
use crate::{
    cli::bench::HttpArgs,
    commands::serve::{listen, start},
    failure::Failure,
    output,
    settings::Settings,
    wiring::{Role, Wiring},
};

/// Requests that are made before the figures begin: caches fill, connections are opened, and PostgreSQL makes the plans of each one's
/// statements. At a full rate from the first moment that is a second's work for both cores, in which some are answered 503.
const WARM_UP: usize = 5_000;

/// Times in milliseconds.
#[derive(Serialize)]
struct Figures {
    what: String,
    /// Requests a second that were asked for.
    rate: u32,
    /// Requests a second that were answered, from the first one due to the last answer.
    answered_per_second: f64,
    requests: u32,
    /// Answers that were not 200, or none at all.
    failed: u64,
    p50: f64,
    p95: f64,
    p99: f64,
}

pub(super) async fn run(
    mut settings: Settings,
    telemetry: Telemetry,
    arguments: &HttpArgs,
    as_json: bool,
) -> Result<(), Failure> {
    let listener = listen(([127, 0, 0, 1], 0).into()).await?;
    settings.listen = Some(listener.local_addr()?);
    settings.public_url = None;
    let wiring = Wiring::open(settings, telemetry, Role::Server).await?;
    let stop = CancellationToken::new();
    let server = start(&wiring, listener, stop.clone());
    let measured = measure(&wiring, arguments).await;
    stop.cancel();
    // The figures are in; a server that does not end cleanly changes none of them.
    let _ = server.await;
    wiring.close().await;
    let figures = measured?;
    if as_json {
        return output::json(&figures);
    }
    let ms = |value: f64| format!("{value:.2}");
    let rows: Vec<_> = figures
        .iter()
        .map(|it| {
            vec![
                it.what.clone(),
                it.rate.to_string(),
                format!("{:.0}", it.answered_per_second),
                it.requests.to_string(),
                it.failed.to_string(),
                ms(it.p50),
                ms(it.p95),
                ms(it.p99),
            ]
        })
        .collect();
    output::table(&["REQUEST (ms)", "ASKED/S", "ANSWERED/S", "N", "FAILED", "P50", "P95", "P99"], &rows)
}

async fn measure(wiring: &Wiring, arguments: &HttpArgs) -> Result<Vec<Figures>, Failure> {
    let _listening = match wiring.settings.cache().enabled {
        true => Some(look_ups::listen(wiring).await?),
        false => None,
    };
    let tenant = wiring.tenant(arguments.tenant.tenant.as_deref()).await?;
    let instance = instance_of(wiring, &tenant, arguments.instance.as_deref()).await?;
    let operator = Wiring::operator(&tenant);
    let spec = KeySpec {
        name: "bench http".into(),
        scopes: vec![Scope::Read],
        // Should nobody be left to revoke it.
        expires_at: Some(wiring.now() + TimeDelta::hours(1)),
        ..KeySpec::default()
    };
    let (key, secret) = keys::create_key(&wiring.services, &operator, spec).await?;
    let base = format!("{}/jira/{}/rest/api/3", wiring.settings.public_url(), instance.name);
    let issues = keys_of(wiring, &tenant, instance.id).await?;
    let load = Load { client: client(&wiring.settings.public_url())?, secret, rate: arguments.rate };
    let urls = |path: &dyn Fn(&str) -> String| -> Vec<String> {
        issues.iter().map(|key| format!("{base}/{}", path(key))).collect()
    };
    let count = arguments.rate as usize * usize::from(arguments.seconds);
    let whole = urls(&|key| format!("issue/{key}"));
    let measured = async {
        load.make(&whole, WARM_UP.min(count)).await;
        let mut figures = vec![load.time("GET issue/KEY", &whole, count).await];
        let narrow = urls(&|key| format!("issue/{key}?fields=summary,status,assignee"));
        figures.push(load.time("GET issue/KEY?fields=summary,status,assignee", &narrow, count).await);
        figures
    };
    let figures = measured.await;
    keys::revoke_key(&wiring.services, &operator, key.id).await?;
    Ok(figures)
}

struct Load {
    client: reqwest::Client,
    secret: SecretString,
    rate: u32,
}

impl Load {
    async fn time(&self, what: &str, urls: &[String], count: usize) -> Figures {
        output::note(&format!("timing {what}"));
        let began = Instant::now();
        let (times, failed) = self.make(urls, count).await;
        let seconds = began.elapsed().as_secs_f64();
        let times = latency(what, times);
        Figures {
            what: times.what,
            rate: self.rate,
            answered_per_second: f64::from(times.reads) / seconds,
            requests: times.reads,
            failed,
            p50: times.p50,
            p95: times.p95,
            p99: times.p99,
        }
    }

    /// Makes so many requests; answers how long each took from when it was due, and how many failed.
    async fn make(&self, urls: &[String], count: usize) -> (Vec<f64>, u64) {
        let failed = Arc::new(AtomicU64::new(0));
        let (told, mut times) = mpsc::unbounded_channel();
        let began = Instant::now();
        for number in 0..count {
            let due = began + Duration::from_secs_f64(number as f64 / f64::from(self.rate));
            tokio::time::sleep_until(due).await;
            // Far from one another, as a prime's multiples are.
            let request =
                self.client.get(&urls[number * 7919 % urls.len()]).bearer_auth(self.secret.expose_secret());
            let (told, failed) = (told.clone(), Arc::clone(&failed));
            tokio::spawn(async move {
                let answered = async { request.send().await?.error_for_status()?.bytes().await }.await;
                if answered.is_err() {
                    failed.fetch_add(1, Ordering::Relaxed);
                }
                // Nobody stops listening before the last one has told.
                let _ = told.send(due.elapsed().as_secs_f64() * 1000.0);
            });
        }
        drop(told);
        let mut all = Vec::with_capacity(count);
        while let Some(time) = times.recv().await {
            all.push(time);
        }
        (all, failed.load(Ordering::Relaxed))
    }
}
