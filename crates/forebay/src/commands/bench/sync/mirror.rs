//! The mirror: a data folder with a PostgreSQL of its own, a process that serves, and a separate one that works.

use std::{
    path::PathBuf,
    sync::Arc,
    time::{Duration, Instant},
};

use application::{
    Services, TenantContext,
    instances::{self, AuthMethod, Instance, InstanceKind, NewInstance},
    ports::Secrets,
};
use chrono::{DateTime, Utc};
use infrastructure::{postgres::PgDatabase, telemetry::Telemetry};
use reqwest::Client;
use secrecy::SecretString;
use sqlx::{PgConnection, Row};

use super::{
    super::{TemporaryFolder, create_tenant, unsigned},
    Counts, client, counts, on_folder,
    process::{Process, postgres_cpu_seconds},
    source::{PATIENCE, Source, answer, key, serve},
};
use crate::{
    failure::Failure,
    settings::Settings,
    wiring::{Access, Role, Wiring},
};

pub(super) const COPY: &str = "copy";
/// Cloud is asked 100 times a minute unless somebody says otherwise: that would be the only figure of this benchmark.
pub(super) const CEILING: u32 = 1_000_000;
/// No poll comes in between that nobody asked for.
const SELDOM: &str = "86400";
/// How often is looked whether a run has ended.
const LOOK: Duration = Duration::from_millis(20);

pub(super) struct Mirror {
    // First: processes end before the database, and that before its folder goes.
    worker: Process,
    server: Process,
    services: Services,
    database: Arc<PgDatabase>,
    access: Access,
    folder: TemporaryFolder,
    pub(super) http: Client,
    port: u16,
    pub(super) key: String,
    pub(super) instance: Instance,
    owner: PgConnection,
}

/// A run, as it ended.
#[derive(Clone, Copy, Debug)]
pub(super) struct Ended {
    /// From its beginning to its end.
    pub(super) seconds: f64,
    pub(super) issues: u64,
    pub(super) requests: u64,
    pub(super) retries: u64,
    pub(super) throttled_ms: u64,
}

impl Mirror {
    /// An empty mirror of the source, whose worker waits for something to do.
    pub(super) async fn open(
        settings: &Settings,
        telemetry: Telemetry,
        source: &Source,
        in_flight: u16,
    ) -> Result<(Self, Telemetry), Failure> {
        let folder = TemporaryFolder::of(&format!("{}-mirror", std::process::id()))?;
        let path: PathBuf = folder.0.clone();
        let (settings, port) = on_folder(settings, &path).await?;
        let wiring = Wiring::open(settings.calling_itself(), telemetry, Role::Server).await?;
        let tenant = create_tenant(&wiring).await?;
        let new = NewInstance {
            url: Some(source.url()),
            auth: AuthMethod::Pat,
            token: Some(SecretString::from(source.key())),
            requests_per_minute: None,
            ..unsigned(COPY, InstanceKind::Cloud)
        };
        let instance = instances::add_instance(&wiring.services, &Wiring::operator(&tenant), new).await?;
        let key = key(&wiring, &tenant).await?;
        let http = client(&format!("http://127.0.0.1:{port}"))?;
        let server = serve(&path, port, &http).await?;
        let environment = [
            ("FOREBAY_SYNC_PARALLEL", in_flight.to_string()),
            ("FOREBAY_JIRA_REQUESTS_PER_MINUTE", CEILING.to_string()),
            ("FOREBAY_POLL_MIN_SECONDS", SELDOM.to_owned()),
            ("FOREBAY_POLL_MAX_SECONDS", SELDOM.to_owned()),
        ];
        let mut worker = Process::start(&path, "worker", port, &environment)?;
        let mut owner = wiring.access.owner().await?;
        let began = Instant::now();
        let working = "SELECT count(*) > 0 FROM graphile_worker._private_workers";
        while !sqlx::query_scalar::<_, bool>(working).fetch_one(&mut owner).await? {
            if worker.has_ended()? || began.elapsed() > PATIENCE {
                return Err(Failure::new("the worker did not come up"));
            }
            tokio::time::sleep(LOOK).await;
        }
        let Wiring { services, database, access, telemetry, .. } = wiring;
        let mirror =
            Self { worker, server, services, database, access, folder, http, port, key, instance, owner };
        Ok((mirror, telemetry))
    }

    /// The address of its doors.
    pub(super) fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// Seconds of processor time so far: of the worker, of the process that serves, and of PostgreSQL.
    pub(super) fn cpu_seconds(&self) -> Result<(f64, f64, f64), Failure> {
        let postgres = postgres_cpu_seconds(&self.folder.0)?;
        Ok((self.worker.cpu_seconds()?, self.server.cpu_seconds()?, postgres))
    }

    /// The worker's largest resident set so far.
    pub(super) fn worker_peak_memory_mib(&self) -> Result<u64, Failure> {
        self.worker.peak_memory_mib()
    }

    /// Asks for a sync, and waits until one that began after that has succeeded.
    pub(super) async fn sync(&mut self) -> Result<Ended, Failure> {
        let from: DateTime<Utc> =
            sqlx::query_scalar("SELECT clock_timestamp()").fetch_one(&mut self.owner).await?;
        let url = format!("{}/v1/instances/{COPY}/sync", self.url());
        answer(self.http.post(url).bearer_auth(&self.key)).await?;
        loop {
            if self.worker.has_ended()? {
                return Err(Failure::new("the worker has ended"));
            }
            if let Some(ended) = self.ended_since(from).await? {
                return Ok(ended);
            }
            tokio::time::sleep(LOOK).await;
        }
    }

    async fn ended_since(&mut self, from: DateTime<Utc>) -> Result<Option<Ended>, Failure> {
        let sql = "SELECT state, error, issues, requests, retries, throttled_ms,
                          extract(epoch FROM finished_at - started_at)::float8 AS seconds
                   FROM sync_runs WHERE instance_id = $1 AND started_at >= $2 AND finished_at IS NOT NULL";
        let row =
            sqlx::query(sql).bind(self.instance.id.0).bind(from).fetch_optional(&mut self.owner).await?;
        let Some(row) = row else { return Ok(None) };
        let count = |name: &str| u64::try_from(row.get::<i64, _>(name)).unwrap_or(0);
        if row.get::<&str, _>("state") != "succeeded" {
            let reason: Option<String> = row.get("error");
            return Err(Failure::new(format!("the sync failed: {}", reason.unwrap_or_default())));
        }
        Ok(Some(Ended {
            seconds: row.get("seconds"),
            issues: count("issues"),
            requests: count("requests"),
            retries: count("retries"),
            throttled_ms: count("throttled_ms"),
        }))
    }

    /// What it has.
    pub(super) async fn counts(&mut self) -> Result<Counts, Failure> {
        counts(&mut self.owner, self.instance.id).await
    }

    /// How many of its issues have a summary that begins so.
    pub(super) async fn count_summaries(&mut self, beginning: &str) -> Result<u64, Failure> {
        let sql = "SELECT count(*) FROM issues WHERE instance_id = $1 AND starts_with(summary, $2)";
        let count: i64 = sqlx::query_scalar(sql)
            .bind(self.instance.id.0)
            .bind(beginning)
            .fetch_one(&mut self.owner)
            .await?;
        Ok(u64::try_from(count).unwrap_or(0))
    }

    /// Those of these issues, by id, whose summary begins so.
    pub(super) async fn arrived(&mut self, ids: &[String], beginning: &str) -> Result<Vec<String>, Failure> {
        // By our own ids, which is what a plan cannot get wrong.
        let ours: Vec<_> = ids.iter().map(|id| self.instance.id.issue(id).0).collect();
        let sql =
            "SELECT jira_id FROM issues WHERE tenant_id = $1 AND id = ANY($2) AND starts_with(summary, $3)";
        let query = sqlx::query_scalar(sql).bind(self.instance.tenant.0).bind(ours).bind(beginning);
        Ok(query.fetch_all(&mut self.owner).await?)
    }

    /// The secret that a site signs its webhooks with.
    pub(super) async fn webhook_secret(&self) -> Result<SecretString, Failure> {
        let services = &self.services;
        let context = TenantContext::whole(self.instance.tenant);
        let sealed = services.db.tenant(&context).await?.sealed_secrets(self.instance.id).await?;
        let sealed = sealed.webhook.ok_or_else(|| Failure::new("the mirror has no webhook secret"))?;
        Ok(services.secrets.open(self.instance.id, &sealed)?)
    }

    /// What signs as a site does.
    pub(super) fn secrets(&self) -> Arc<dyn Secrets> {
        self.services.secrets.clone()
    }

    /// Ends everything, and takes its folder away.
    pub(super) async fn close(self) {
        let Self { worker, server, database, access, folder, owner, .. } = self;
        drop((worker, server, owner));
        database.close().await;
        access.close().await;
        drop(folder);
    }
}
