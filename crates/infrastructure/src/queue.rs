//! The worker: takes jobs from the queue in PostgreSQL and runs them.
//!
//! The queue is graphile_worker's. It connects as `forebay_queue`, which owns the queue's schema and nothing else; jobs are added
//! inside the application's own transactions (`forebay.enqueue_job`). Two settings are not a matter of taste: without a
//! local queue a backlog drains at one job per poll and slot, and without recovery a dead worker's jobs stay locked for hours.

use std::{fmt, future::Future, time::Duration};

use application::{
    Error, Result, Services, for_each_job,
    jobs::{Job, JobError, JobOutcome, JobRun},
};
use chrono::{DateTime, Utc};
use domain::ids::{InstanceId, TenantId};
use futures::FutureExt as _;
use graphile_worker::{
    IntoTaskHandlerResult, LocalQueueConfig, RefetchDelayConfig, TaskHandler, Worker, WorkerContext,
    WorkerOptions, WorkerRecoveryConfig,
};
use serde::{Deserialize, Serialize};
use sqlx::{PgPool, postgres::PgConnectOptions, postgres::PgPoolOptions};
use tracing::Instrument;
use uuid::Uuid;

/// The schema of the queue's tables.
pub const SCHEMA: &str = "graphile_worker";

/// Polls every minute, metrics every hour (those that change with time alone). `?fill` is left out: what was missed is made up
/// for by the next one. The key is that of the job itself, so that one that waits already is enough.
/// The payload must be an object: without one the library hands `null` to the job.
const CRONTAB: &str = "* * * * * poll_mirrors ?max=1 {every: 'minute'}
7 * * * * refresh_metrics ?max=3&queue=refresh_metrics&job_key=refresh_metrics&job_key_mode=preserve_run_at {every: 'hour'}
17 * * * * prune_answers ?max=1 {every: 'hour'}
27 * * * * prune_history ?max=1 {every: 'hour'}
29 * * * * upkeep_mirrors ?max=1 {every: 'hour'}";

/// A job fetched ahead of its slot goes back after that, so that a free worker can take it.
const FETCHED_AHEAD: Duration = Duration::from_secs(1);
/// How long an idle worker waits before it looks again, unless a job is announced. Without it the library looks again at once, for ever.
const IDLE: Duration = Duration::from_millis(250);
/// A site that asks for a longer pause is asked again after this one.
const LONGEST_PAUSE: Duration = Duration::from_secs(3_600);

/// How a worker runs.
#[derive(Clone, Copy, Debug)]
pub struct WorkerSettings {
    /// Short jobs at the same time. Half as many long ones ([`Job::IS_LONG`]) have slots of their own, so that mirrors that
    /// are copied, or whose sites are slow, never keep webhooks waiting.
    pub concurrency: usize,
    /// How long running jobs may go on after the signal to stop.
    pub grace: Duration,
    /// Connections of each of the worker's two pools (short jobs, long jobs); as many as its slots and four more when absent.
    pub connections: Option<u32>,
    /// How long the queue waits for one of them before it takes the database for away.
    pub acquire_timeout: Duration,
}

impl Default for WorkerSettings {
    fn default() -> Self {
        Self {
            concurrency: 8,
            grace: Duration::from_secs(20),
            connections: None,
            acquire_timeout: Duration::from_secs(5),
        }
    }
}

/// Runs jobs until `stop` resolves, then lets the running ones finish.
///
/// # Errors
/// [`Error::Unavailable`] when the queue cannot be reached.
pub async fn work(
    options: PgConnectOptions,
    services: Services,
    settings: WorkerSettings,
    stop: impl Future<Output = ()> + Send + 'static,
) -> Result<()> {
    let short = settings.concurrency.max(1);
    let long = short.div_ceil(2);
    let stop = stop.shared();
    let build = |slots: usize, jobs: fn(WorkerOptions) -> WorkerOptions, crontab: Option<&'static str>| {
        let settings = WorkerSettings { concurrency: slots, ..settings };
        build(options.clone(), services.clone(), settings, jobs, crontab, stop.clone())
    };
    let (long, short) = (build(long, long_jobs, None).await?, build(short, short_jobs, Some(CRONTAB)).await?);
    futures::try_join!(long.run(), short.run()).map(|_| ()).map_err(unavailable)
}

/// Runs every job that is due now, and those that they add, then returns. For tests and the command line.
///
/// # Errors
/// [`Error::Unavailable`] when the queue cannot be reached.
pub async fn drain(options: PgConnectOptions, services: Services) -> Result<()> {
    let every = |options| long_jobs(short_jobs(options));
    let never = std::future::pending();
    let worker = build(options, services, WorkerSettings::default(), every, Some(CRONTAB), never).await?;
    worker.run_once().await.map_err(unavailable)
}

async fn build(
    options: PgConnectOptions,
    services: Services,
    settings: WorkerSettings,
    jobs: impl FnOnce(WorkerOptions) -> WorkerOptions,
    crontab: Option<&str>,
    stop: impl Future<Output = ()> + Send + 'static,
) -> Result<Worker> {
    let pool = pool(options, settings).await?;
    let recovery = WorkerRecoveryConfig {
        heartbeat_interval: Duration::from_secs(10),
        sweep_interval: Duration::from_secs(20),
        sweep_threshold: Duration::from_secs(60),
        recovery_delay: Duration::from_secs(1),
        enabled: true,
        ..WorkerRecoveryConfig::default()
    };
    let worker = WorkerOptions::default()
        .schema(SCHEMA)
        .pg_pool(pool)
        .concurrency(settings.concurrency)
        .poll_interval(Duration::from_secs(1))
        .local_queue(
            LocalQueueConfig::default()
                .with_size(settings.concurrency)
                .with_ttl(FETCHED_AHEAD)
                .with_refetch_delay(
                    // The first job that is announced ends the wait.
                    RefetchDelayConfig::default().with_duration(IDLE).with_max_abort_threshold(1),
                ),
        )
        .worker_recovery(recovery)
        .listen_os_shutdown_signals(false)
        .shutdown_signal(stop)
        .shutdown_grace_period(settings.grace)
        .shutdown_interrupted_job_retry_delay(Duration::from_secs(1))
        .add_extension(WorkerServices(services));
    let worker = match crontab {
        Some(crontab) => worker.with_cron(crontab).map_err(Error::internal)?,
        None => worker,
    };
    jobs(worker).init().await.map_err(unavailable)
}

async fn pool(options: PgConnectOptions, settings: WorkerSettings) -> Result<PgPool> {
    // One connection a slot to complete jobs, and a few for the listener, the heartbeat and the cron.
    let slots = u32::try_from(settings.concurrency).unwrap_or(u32::MAX);
    PgPoolOptions::new()
        .max_connections(settings.connections.unwrap_or(slots.saturating_add(4)))
        .acquire_timeout(settings.acquire_timeout)
        .connect_with(options)
        .await
        .map_err(unavailable)
}

fn unavailable(error: impl fmt::Display) -> Error {
    Error::Unavailable(format!("the job queue cannot be used: {error}"))
}

/// A job of the one list. Listing one twice does not compile: a type implements a trait once.
trait Listed {}

macro_rules! register_jobs {
    ($($job:ty),* $(,)?) => {
        fn long_jobs(mut options: WorkerOptions) -> WorkerOptions {
            $(if <$job as Job>::IS_LONG { options = options.define_job::<Handler<$job>>(); })*
            options
        }

        fn short_jobs(mut options: WorkerOptions) -> WorkerOptions {
            $(if !<$job as Job>::IS_LONG { options = options.define_job::<Handler<$job>>(); })*
            options
        }

        $(impl Listed for $job {})*
    };
}
for_each_job!(register_jobs);

#[derive(Clone)]
struct WorkerServices(Services);

impl fmt::Debug for WorkerServices {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("WorkerServices")
    }
}

/// A job of the application, as the library wants it.
#[derive(Serialize, Deserialize)]
#[serde(transparent, bound = "J: Job + Listed")]
struct Handler<J>(J);

impl<J: Job + Listed> TaskHandler for Handler<J> {
    const IDENTIFIER: &'static str = J::NAME;

    async fn run(self, context: WorkerContext) -> impl IntoTaskHandlerResult {
        let field = |name: &str| context.payload()[name].as_str().unwrap_or_default().to_owned();
        let span = tracing::info_span!(
            "job",
            job = J::NAME,
            id = *context.job().id(),
            attempt = *context.job().attempts(),
            tenant = field("tenant"),
            instance = field("instance"),
        );
        run(self.0, context).instrument(span).await
    }
}

async fn run<J: Job>(job: J, context: WorkerContext) -> std::result::Result<(), String> {
    let Some(WorkerServices(services)) = context.get_ext::<WorkerServices>().cloned() else {
        return Err("the worker was built without services".into());
    };
    let again = job.request();
    let began = std::time::Instant::now();
    let started = services.clock.now();
    let result = job.run(&services).await;
    let (outcome, error) = match &result {
        Ok(()) => (JobOutcome::Succeeded, None),
        Err(JobError::Retry(error)) => (JobOutcome::Retry, Some(error)),
        Err(JobError::RetryAfter(_, error)) => (JobOutcome::RetryAfter, Some(error)),
        Err(JobError::Fail(error) | JobError::Settled(error)) => (JobOutcome::Failed, Some(error)),
    };
    let labels = [("job", J::NAME), ("outcome", outcome.as_str())];
    metrics::counter!("forebay_jobs_total", &labels).increment(1);
    metrics::histogram!("forebay_job_seconds", &labels).record(began.elapsed().as_secs_f64());
    let told = |error: &Error| told(error, *context.job().id());
    record::<J>(&services, &context, started, outcome, error.map(told)).await;
    match result {
        Ok(()) => {
            tracing::info!(ms = began.elapsed().as_secs_f64() * 1000.0, "done");
            Ok(())
        }
        Err(JobError::Retry(error)) => {
            tracing::warn!(error = error.with_causes(), "the job will be tried again");
            Err(told(&error))
        }
        Err(JobError::RetryAfter(pause, error)) => {
            tracing::info!(%error, seconds = pause.as_secs(), "the job waits as it was asked to");
            let mut request = again.map_err(|error| error.to_string())?;
            let pause = chrono::Duration::from_std(pause.min(LONGEST_PAUSE)).unwrap_or_default();
            request.run_at = Some(services.clock.now() + pause);
            enqueue_again(&services, request).await.map_err(|error| error.to_string())
        }
        Err(JobError::Settled(error)) => {
            tracing::warn!(error = error.with_causes(), "the job failed and has seen to what comes next");
            Ok(())
        }
        Err(JobError::Fail(error)) => {
            tracing::error!(error = error.with_causes(), "the job failed for good");
            give_up(&context).await;
            Err(told(&error))
        }
    }
}

/// An error as the tenant may read it and as the queue keeps it: causes are for the log, which names the job by this id.
fn told(error: &Error, job: i64) -> String {
    match error {
        Error::Internal(_) => format!("internal error; the log says more of job {job}"),
        other => other.to_string(),
    }
}

/// Keeps what the queue forgets. The job's own outcome stands even if this fails.
async fn record<J: Job>(
    services: &Services,
    context: &WorkerContext,
    started: DateTime<Utc>,
    outcome: JobOutcome,
    error: Option<String>,
) {
    let id = |name: &str| context.payload()[name].as_str().and_then(|text| Uuid::parse_str(text).ok());
    let run = JobRun {
        tenant: id("tenant").map(TenantId),
        instance: id("instance").map(InstanceId),
        task: J::NAME.to_owned(),
        attempt: i32::from(*context.job().attempts()),
        outcome,
        error,
        started,
        finished: services.clock.now(),
    };
    let recorded = async {
        let mut tx = services.db.platform().await?;
        tx.record_job_run(&run).await?;
        tx.commit().await
    };
    if let Err(error) = recorded.await {
        tracing::warn!(error = error.with_causes(), "the job's run could not be recorded");
    }
}

/// A wait that the other side asked for is no failed attempt, so the job is added anew and this one is done.
async fn enqueue_again(services: &Services, request: application::jobs::JobRequest) -> Result<()> {
    let mut tx = services.db.platform().await?;
    tx.enqueue(request).await?;
    tx.commit().await
}

/// Leaves no attempt, so that the job stays as a dead letter with its error.
async fn give_up(context: &WorkerContext) {
    let statement = "UPDATE graphile_worker._private_jobs SET max_attempts = attempts WHERE id = $1";
    let done = sqlx::query(statement).bind(*context.job().id()).execute(context.pg_pool()).await;
    if let Err(error) = done {
        tracing::warn!(%error, "the job could not be marked as a dead letter; it will be tried again");
    }
}

#[cfg(test)]
mod tests {
    use application::{
        pulse::RefreshMetrics,
        sync::SyncInstance,
        webhooks::{ProcessHint, ProcessHintPatiently},
    };

    use super::*;

    #[test]
    fn causes_are_told_to_nobody_but_the_log() {
        let error = Error::internal("PAY-7 has no `assignee`: Ann Lee");
        assert_eq!(told(&error, 42), "internal error; the log says more of job 42");
        assert_eq!(told(&Error::Unavailable("the site is away".into()), 42), "the site is away");
    }

    /// A queue whose server takes no connection is given up after the time that was set, and not after the library's half minute.
    #[tokio::test]
    async fn a_queue_that_cannot_be_reached_is_not_waited_for_without_end() {
        // Takes connections, and says nothing.
        let silent = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let options = PgConnectOptions::new().host("127.0.0.1").port(silent.local_addr().unwrap().port());
        let pool = pool(
            options,
            WorkerSettings { acquire_timeout: Duration::from_millis(50), ..Default::default() },
        );
        let refused = tokio::time::timeout(Duration::from_secs(20), pool).await.unwrap();
        assert!(matches!(refused, Err(Error::Unavailable(_))));
    }

    #[test]
    fn what_the_schedule_says_is_done_before_what_webhooks_lead_to() {
        assert!(!CRONTAB.contains("priority="), "the library's default is 0");
        const { assert!(ProcessHint::PRIORITY > 0 && !ProcessHint::IS_LONG) };
        assert_eq!(ProcessHintPatiently::PRIORITY, SyncInstance::PRIORITY, "first come, first served");
    }

    #[test]
    fn the_schedule_is_read_and_shares_the_lane_and_key_of_the_jobs_own() {
        assert!(WorkerOptions::default().with_cron(CRONTAB).is_ok());
        let job = RefreshMetrics {};
        let (lane, key) = (job.lane().unwrap(), job.key().unwrap());
        assert!(CRONTAB.contains(&format!(" {} ?max=3&queue={lane}&job_key={key}&", RefreshMetrics::NAME)));
    }
}
