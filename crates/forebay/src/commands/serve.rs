//! `forebay serve` and `forebay worker`.

use std::{
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use application::Error;
use axum::serve::ListenerExt;
use infrastructure::{
    queue::{self, WorkerSettings},
    telemetry::{Telemetry, freshness},
};
use tokio::{net::TcpListener, task::JoinHandle};
use tokio_util::sync::CancellationToken;
use web::WebState;

use super::signals::Signals;
use crate::{
    failure::Failure,
    output,
    settings::Settings,
    wiring::{Role, Wiring},
};

/// How long open requests may take after the signal to stop.
const DRAIN: Duration = Duration::from_secs(20);
/// Between two attempts to reach the database for the jobs.
const REST: Duration = Duration::from_secs(1);

pub(super) async fn run(settings: Settings, telemetry: Telemetry, with_worker: bool) -> Result<(), Failure> {
    let mut signals = Signals::listen();
    let listener = listen(settings.listen()).await?;
    let Some(wiring) = signals.or(Box::pin(Wiring::open(settings, telemetry, Role::Server))).await else {
        return Ok(());
    };
    let wiring = wiring?;
    let begun = async {
        wiring.announce().await?;
        wiring.gather_sandboxes().await
    };
    match signals.or(begun).await {
        Some(Ok(())) => {}
        stopped => {
            wiring.close().await;
            return stopped.unwrap_or(Ok(()));
        }
    }
    let listening = wiring.cache_lookups();
    let stop = CancellationToken::new();
    let server = start(&wiring, listener, stop.clone());
    let worker = with_worker.then(|| start_worker(&wiring, stop.clone()));
    tracing::info!(listen = %wiring.settings.listen(), with_worker, "serving");
    let outcome = run_until_stopped(server, worker, stop, &mut signals).await;
    // Before the database goes, which it would take for a loss.
    drop(listening);
    wiring.close().await;
    outcome
}

pub(super) async fn work(settings: Settings, telemetry: Telemetry) -> Result<(), Failure> {
    let mut signals = Signals::listen();
    let listener = match settings.metrics_listen {
        Some(address) => Some(listen(address).await?),
        None => None,
    };
    let Some(wiring) = signals.or(Box::pin(Wiring::open(settings, telemetry, Role::Worker))).await else {
        return Ok(());
    };
    let wiring = wiring?;
    let listening = wiring.cache_lookups();
    let stop = CancellationToken::new();
    let worker = start_worker(&wiring, stop.clone());
    let health = listener.map(|listener| {
        let router = web::health_router(web_state(&wiring, stop.clone()));
        serve_until_stopped(listener, router, stop.clone())
    });
    tracing::info!(concurrency = wiring.settings.worker_concurrency, "working");
    let outcome = run_until_stopped(worker, health, stop, &mut signals).await;
    // Before the database goes, which it would take for a loss.
    drop(listening);
    wiring.close().await;
    outcome
}

/// A running part of the process.
pub(super) type Part = JoinHandle<Result<(), Failure>>;

/// Takes the address before anything else, so that a busy port is told at once.
pub(super) async fn listen(address: SocketAddr) -> Result<TcpListener, Failure> {
    TcpListener::bind(address).await.map_err(|error| {
        let failure = Failure::new(format!("cannot listen on {address}: {error}"));
        match error.kind() {
            std::io::ErrorKind::AddrInUse => {
                failure.hint("another program uses that port: choose another with --listen 127.0.0.1:PORT")
            }
            std::io::ErrorKind::PermissionDenied => {
                failure.hint("ports below 1024 need rights: choose another with --listen")
            }
            _ => failure,
        }
    })
}

/// Starts the web doors.
pub(super) fn start(wiring: &Wiring, listener: TcpListener, stop: CancellationToken) -> Part {
    let state = web_state(wiring, stop.clone());
    let doors = mcp::http_service(wiring.services.clone(), &wiring.settings.public_url(), stop.clone());
    let router =
        web::router(state.clone(), web::with_key(state, axum::Router::new().nest_service("/mcp", doors)));
    serve_until_stopped(listener, router, stop)
}

fn serve_until_stopped(listener: TcpListener, router: axum::Router, stop: CancellationToken) -> Part {
    // Otherwise the end of an answer waits until the other side has acknowledged its beginning, which it takes its time for.
    let listener = listener.tap_io(|connection| {
        if let Err(error) = connection.set_nodelay(true) {
            tracing::debug!(%error, "a connection keeps the ends of answers back");
        }
    });
    tokio::spawn(async move {
        let draining = stop.clone();
        let serving =
            axum::serve(listener, router).with_graceful_shutdown(async move { stop.cancelled().await });
        // Open streams (progress pages, MCP sessions) have no end of their own.
        let deadline = async move {
            draining.cancelled().await;
            tokio::time::sleep(DRAIN).await;
        };
        tokio::select! {
            served = serving.into_future() => served.map_err(Failure::from),
            () = deadline => Ok(()),
        }
    })
}

/// The state of the web doors; it says "draining" from the moment the process is told to stop.
pub(super) fn web_state(wiring: &Wiring, stop: CancellationToken) -> WebState {
    let draining = Arc::new(AtomicBool::new(false));
    let flag = draining.clone();
    let until = stop.clone().cancelled_owned();
    tokio::spawn(async move {
        stop.cancelled().await;
        flag.store(true, Ordering::Relaxed);
    });
    tokio::spawn(freshness::watch(wiring.services.clone(), until));
    let metrics = wiring.telemetry.metrics();
    WebState {
        services: wiring.services.clone(),
        metrics: Arc::new(move || metrics.render()),
        draining,
        faults: web::FaultDesk::default(),
        secure_cookies: wiring.settings.public_url().starts_with("https://"),
    }
}

/// Starts the background jobs.
pub(super) fn start_worker(wiring: &Wiring, stop: CancellationToken) -> Part {
    let settings = WorkerSettings {
        concurrency: usize::from(wiring.settings.worker_concurrency),
        connections: wiring.settings.queue_pool_size,
        acquire_timeout: Duration::from_secs(wiring.settings.pool_wait_seconds),
        ..WorkerSettings::default()
    };
    let (role, services) = (wiring.access.role("forebay_queue"), wiring.services.clone());
    tokio::spawn(async move {
        loop {
            let stopped = stop.clone().cancelled_owned();
            match queue::work(role.clone(), services.clone(), settings, stopped).await {
                // A database that restarts is back in a moment, and nobody is to start the workers by hand then.
                Err(error @ Error::Unavailable(_)) if !stop.is_cancelled() => {
                    tracing::warn!(%error, "the jobs rest until the database answers again");
                }
                ended => return ended.map_err(Failure::from),
            }
            tokio::select! {
                () = stop.cancelled() => return Ok(()),
                () = tokio::time::sleep(REST) => {}
            }
        }
    })
}

/// Waits for Ctrl-C or SIGTERM, or for a part that ends by itself; then lets both parts drain.
pub(super) async fn run_until_stopped(
    mut first: Part,
    second: Option<Part>,
    stop: CancellationToken,
    signals: &mut Signals,
) -> Result<(), Failure> {
    let mut second = second.unwrap_or_else(|| {
        let stop = stop.clone();
        tokio::spawn(async move {
            stop.cancelled().await;
            Ok(())
        })
    });
    let (mut first_ended, mut second_ended) = (None, None);
    tokio::select! {
        () = signals.arrived() => output::note("stopping: finishing what is under way …"),
        ended = &mut first => first_ended = Some(ended),
        ended = &mut second => second_ended = Some(ended),
    }
    stop.cancel();
    let first_ended = match first_ended {
        Some(ended) => ended,
        None => first.await,
    };
    let second_ended = match second_ended {
        Some(ended) => ended,
        None => second.await,
    };
    for ended in [first_ended, second_ended] {
        ended
            .map_err(|error| Failure::new(format!("a part of the process ended unexpectedly: {error}")))??;
    }
    Ok(())
}
