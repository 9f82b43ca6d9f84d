//! `forebay bench`: this machine's figures, against a sandbox of its own in a folder that is removed afterwards.
//!
//! The sandbox is served by the same process over real HTTP, so its own cost is in every figure.

mod converge;
mod http;
mod jql;
mod load;
mod look_ups;
mod queries;
mod sync;

use std::{path::PathBuf, time::Instant};

use application::{
    Scope, TenantContext,
    instances::{self, AuthMethod, Instance, InstanceKind, NewInstance},
    keys,
    ports::TenantTx,
    search::{SearchRequest, SearchStart, parse_jql},
    sync::run as sync_run,
    tenants::Tenant,
};
use chrono_tz::Tz;
use domain::ids::InstanceId;
use infrastructure::{
    outbound::{AllowedNetworks, Outbound},
    telemetry::Telemetry,
};
use serde::Serialize;
use tokio_util::sync::CancellationToken;
use url::Url;

use super::{
    sandbox::{refresh, seed_sandbox},
    serve::{listen, start},
    sync::summary,
};
use crate::{
    cli::bench::{BenchArgs, BenchPart},
    failure::Failure,
    output,
    settings::Settings,
    wiring::{Role, Wiring},
};

#[derive(Serialize)]
struct Figures {
    issues: u64,
    seed_seconds: f64,
    backfill: serde_json::Value,
    backfill_issues_per_second: f64,
    peak_memory_mib: u64,
    look_ups: Vec<look_ups::Cost>,
    reads: Vec<Latency>,
}

/// Milliseconds.
#[derive(Serialize)]
struct Latency {
    what: String,
    reads: u32,
    p50: f64,
    p95: f64,
    p99: f64,
}

pub(super) async fn run(
    mut settings: Settings,
    telemetry: Telemetry,
    arguments: &BenchArgs,
    as_json: bool,
) -> Result<(), Failure> {
    match &arguments.part {
        Some(BenchPart::Load(load)) => return load::run(settings, telemetry, load, as_json).await,
        Some(BenchPart::Converge(converge)) => {
            return Box::pin(converge::run(settings, telemetry, converge, as_json)).await;
        }
        Some(BenchPart::Queries(queries)) => {
            return queries::run(settings, telemetry, queries, as_json).await;
        }
        Some(BenchPart::LookUps(arguments)) => {
            return look_ups::run(settings, telemetry, arguments, as_json).await;
        }
        Some(BenchPart::Http(arguments)) => return http::run(settings, telemetry, arguments, as_json).await,
        Some(BenchPart::Sync(arguments)) => {
            return Box::pin(sync::run(settings, telemetry, arguments, as_json)).await;
        }
        Some(BenchPart::Jql(arguments)) => return jql::run(settings, telemetry, arguments, as_json).await,
        None => {}
    }
    let folder = TemporaryFolder::new()?;
    let listener = listen(([127, 0, 0, 1], 0).into()).await?;
    settings.listen = Some(listener.local_addr()?);
    settings.public_url = None;
    settings.database_url = None;
    settings.data_dir = Some(folder.0.display().to_string());
    let wiring = Wiring::open(settings.calling_itself(), telemetry, Role::Server).await?;
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
    output::line(&format!(
        "seed      {} issues in {:.1} s ({:.0}/s)",
        figures.issues,
        figures.seed_seconds,
        figures.issues as f64 / figures.seed_seconds
    ))?;
    output::line(&format!(
        "backfill  {:.0} issues/s  {}",
        figures.backfill_issues_per_second, figures.backfill
    ))?;
    output::line(&format!("memory    {} MiB at the peak, sandbox included", figures.peak_memory_mib))?;
    look_ups::show(&figures.look_ups)?;
    let rows: Vec<_> = figures
        .reads
        .iter()
        .map(|read| {
            let ms = |value: f64| format!("{value:.2}");
            vec![read.what.clone(), read.reads.to_string(), ms(read.p50), ms(read.p95), ms(read.p99)]
        })
        .collect();
    output::table(&["SEARCH (ms)", "N", "P50", "P95", "P99"], &rows)
}

async fn measure(wiring: &Wiring, arguments: &BenchArgs) -> Result<Figures, Failure> {
    let services = &wiring.services;
    let tenant = create_tenant(wiring).await?;
    let operator = Wiring::operator(&tenant);
    let (_, key) = keys::create_key(
        services,
        &operator,
        keys::KeySpec { name: "bench".into(), scopes: Scope::ALL.to_vec(), ..Default::default() },
    )
    .await?;
    let sandbox =
        instances::add_instance(services, &operator, unsigned("sandbox", InstanceKind::Sandbox)).await?;
    let seeded =
        seed_sandbox(wiring, &tenant, &sandbox, arguments.issues, arguments.seed, &mut |_| {}).await?;
    refresh(wiring).await?;
    let mirror = NewInstance {
        url: Some(sandbox.base_url.clone()),
        auth: AuthMethod::Pat,
        token: Some(key),
        ..unsigned("mirror", InstanceKind::Cloud)
    };
    let mirror = instances::add_instance(services, &operator, mirror).await?;
    let began = Instant::now();
    let run = sync_run(services, tenant.id, mirror.id, &()).await?;
    let backfill_issues_per_second = run.counts.issues as f64 / began.elapsed().as_secs_f64();
    Ok(Figures {
        issues: arguments.issues,
        seed_seconds: seeded.seconds,
        backfill: summary(&run),
        backfill_issues_per_second,
        peak_memory_mib: peak_memory_mib()?,
        look_ups: look_ups::measure(wiring, &tenant, &mirror, &arguments.reads).await?,
        reads: reads(wiring, &tenant, mirror.id, arguments).await?,
    })
}

async fn create_tenant(wiring: &Wiring) -> Result<Tenant, Failure> {
    let mut platform = wiring.services.db.platform().await?;
    let tenant = platform.create_tenant("bench").await?;
    platform.commit().await?;
    Ok(tenant)
}

/// The instance of that name, or the tenant's first.
async fn instance_of(wiring: &Wiring, tenant: &Tenant, name: Option<&str>) -> Result<Instance, Failure> {
    let mut tx = wiring.services.db.tenant(&TenantContext::whole(tenant.id)).await?;
    match name {
        Some(name) => Ok(instances::require_instance(tx.as_mut(), name).await?),
        None => {
            let instances = tx.instances().await?;
            instances.into_iter().next().ok_or_else(|| Failure::new("the tenant has no instance yet"))
        }
    }
}

/// A client for the doors of this machine.
fn client(url: &str) -> Result<reqwest::Client, Failure> {
    let url = Url::parse(url).map_err(|error| Failure::new(error.to_string()))?;
    let outbound = Outbound::new(AllowedNetworks::loopback())?;
    let client = outbound.client_for(&url).map_err(|refused| Failure::new(refused.to_string()))?;
    Ok(client.clone())
}

/// An instance without address and credential.
fn unsigned(name: &str, kind: InstanceKind) -> NewInstance {
    NewInstance {
        name: name.to_owned(),
        display_name: None,
        kind,
        url: None,
        auth: AuthMethod::None,
        email: None,
        token: None,
        grant: None,
        cloud_id: None,
        // A sandbox of our own bears all that is asked of it.
        requests_per_minute: (kind != InstanceKind::Sandbox).then_some(1_000_000),
    }
}

/// Searches as the doors make them: a transaction of the tenant each, the statements, and the way back.
async fn reads(
    wiring: &Wiring,
    tenant: &Tenant,
    instance: InstanceId,
    arguments: &BenchArgs,
) -> Result<Vec<Latency>, Failure> {
    let count = arguments.reads.reads;
    let keys = keys_of(wiring, tenant, instance).await?;
    let mut latencies = Vec::new();
    let project = keys[0].split('-').next().unwrap_or_default().to_owned();
    let queries = [
        format!("project = {project} ORDER BY updated DESC"),
        "status = \"In Progress\" ORDER BY updated DESC".to_owned(),
        format!(
            "project = {project} AND statusCategory != Done AND priority in (High, Highest) ORDER BY created"
        ),
        "text ~ \"payment\" ORDER BY updated DESC".to_owned(),
    ];
    for jql in queries {
        let mut times = Vec::with_capacity(count as usize);
        for _ in 0..count {
            let began = Instant::now();
            let mut tx = wiring.services.db.tenant(&TenantContext::whole(tenant.id)).await?;
            tx.search(&request(wiring, instance, &jql, 50)?).await?;
            times.push(began.elapsed().as_secs_f64() * 1000.0);
        }
        latencies.push(latency(&format!("JQL {jql}"), times));
    }
    Ok(latencies)
}

async fn keys_of(wiring: &Wiring, tenant: &Tenant, instance: InstanceId) -> Result<Vec<String>, Failure> {
    let mut tx: Box<dyn TenantTx> = wiring.services.db.tenant(&TenantContext::whole(tenant.id)).await?;
    let page = tx.search(&request(wiring, instance, "ORDER BY created DESC", 1_000)?).await?;
    Ok(page.issues.into_iter().map(|issue| issue.key).collect())
}

fn request(wiring: &Wiring, instance: InstanceId, jql: &str, limit: u32) -> Result<SearchRequest, Failure> {
    Ok(SearchRequest {
        query: parse_jql(jql)?,
        instance: Some(instance),
        zone: Tz::UTC,
        now: wiring.now(),
        current_user: None,
        limit,
        start: SearchStart::Offset(0),
        with_total: false,
    })
}

fn latency(what: &str, mut times: Vec<f64>) -> Latency {
    times.sort_by(f64::total_cmp);
    let [p50, p95, p99] = [0.50, 0.95, 0.99].map(|share| quantile(&times, share));
    Latency { what: what.to_owned(), reads: u32::try_from(times.len()).unwrap_or(u32::MAX), p50, p95, p99 }
}

/// Of sorted times, by the nearest rank.
fn quantile(times: &[f64], share: f64) -> f64 {
    let rank = (share * times.len() as f64).ceil() as usize;
    times.get(rank.saturating_sub(1)).copied().unwrap_or_default()
}

/// This process's highest resident set, as Linux counts it.
fn peak_memory_mib() -> Result<u64, Failure> {
    peak_memory_mib_of("self")
}

/// The same of the process with this id.
fn peak_memory_mib_of(process: &str) -> Result<u64, Failure> {
    let status = std::fs::read_to_string(format!("/proc/{process}/status"))
        .map_err(|error| Failure::new(format!("the peak memory cannot be read here: {error}")))?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let kib = line.and_then(|rest| rest.trim().strip_suffix("kB")?.trim().parse::<u64>().ok());
    kib.map(|kib| kib / 1024).ok_or_else(|| Failure::new("the peak memory cannot be read here"))
}

/// A data folder that goes with the benchmark.
struct TemporaryFolder(PathBuf);

impl TemporaryFolder {
    fn new() -> Result<Self, Failure> {
        Self::of(&std::process::id().to_string())
    }

    fn of(name: &str) -> Result<Self, Failure> {
        let path = std::env::temp_dir().join(format!("forebay-bench-{name}"));
        std::fs::create_dir_all(&path)?;
        Ok(Self(path))
    }

    /// Leaves the folder to whoever wants to look into it.
    fn keep(mut self) -> PathBuf {
        std::mem::take(&mut self.0)
    }
}

impl Drop for TemporaryFolder {
    fn drop(&mut self) {
        let kept = self.0.as_os_str().is_empty();
        if !kept && let Err(error) = std::fs::remove_dir_all(&self.0) {
            output::note(&format!("{} could not be removed: {error}", self.0.display()));
        }
    }
}
