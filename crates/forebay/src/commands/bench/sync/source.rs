//! The site that is mirrored: a sandbox on a data folder of its own, with a PostgreSQL of its own, served by a process of its own, so
//! that what it costs is not the mirror's.

use std::{
    path::{Path, PathBuf},
    sync::Arc,
    time::{Duration, Instant},
};

use application::{
    Scope,
    instances::{self, Instance, InstanceKind},
    keys,
    tenants::Tenant,
};
use chrono::{DateTime, Utc};
use infrastructure::telemetry::Telemetry;
use reqwest::{Client, Method};
use secrecy::ExposeSecret;
use serde_json::{Value, json};
use sqlx::PgConnection;

use super::{
    super::{TemporaryFolder, create_tenant, unsigned},
    Counts, at_once, client, counts, on_folder,
    process::{Process, postgres_cpu_seconds},
};
use crate::{
    cli::bench_sync::BenchSyncArgs,
    commands::sandbox::{refresh, seed_sandbox},
    failure::Failure,
    settings::Settings,
    wiring::{Access, Role, Wiring},
};

/// As `forebay bench load` names them.
const TENANT: &str = "bench";
const SANDBOX: &str = "sandbox";
/// How long a process may take until it serves.
pub(super) const PATIENCE: Duration = Duration::from_secs(60);
/// Histories in one answer, as the mirror asks for them.
pub(super) const HISTORIES: u32 = 1_000;
/// Changes that are made at the same time.
const WRITERS: usize = 8;

pub(super) struct Source {
    // First: processes end before the database, and that before its folder goes.
    server: Process,
    access: Access,
    folder: PathBuf,
    _temporary: Option<TemporaryFolder>,
    http: Client,
    port: u16,
    key: String,
    sandbox: Instance,
    /// How long it took to fill it; `None` where it was filled already.
    pub(super) fill_seconds: Option<f64>,
    pub(super) counts: Counts,
}

/// An issue that was changed, and what it says since then.
pub(super) struct Changed {
    pub(super) id: String,
    pub(super) key: String,
    pub(super) summary: String,
}

impl Source {
    /// Fills a sandbox, or takes the one that is named, and serves it.
    pub(super) async fn open(
        settings: &Settings,
        telemetry: Telemetry,
        arguments: &BenchSyncArgs,
    ) -> Result<(Self, Telemetry), Failure> {
        let temporary = match &arguments.source {
            Some(_) => None,
            None => Some(TemporaryFolder::of(&format!("{}-source", std::process::id()))?),
        };
        let folder = temporary.as_ref().map(|folder| folder.0.clone()).or(arguments.source.clone());
        let folder = folder.unwrap_or_default();
        let (settings, port) = on_folder(settings, &folder).await?;
        let wiring = Wiring::open(settings, telemetry, Role::Server).await?;
        let (tenant, sandbox) = match &arguments.source {
            Some(_) => wiring.instance(Some(TENANT), SANDBOX).await?,
            None => {
                let tenant = create_tenant(&wiring).await?;
                let new = unsigned(SANDBOX, InstanceKind::Sandbox);
                let sandbox =
                    instances::add_instance(&wiring.services, &Wiring::operator(&tenant), new).await?;
                (tenant, sandbox)
            }
        };
        let mut fill_seconds = None;
        if arguments.source.is_none() {
            let (issues, seed) = (arguments.issues, arguments.seed);
            let bar = crate::commands::sandbox::bar(SANDBOX, issues);
            let seeded = seed_sandbox(&wiring, &tenant, &sandbox, issues, seed, &mut |stored| {
                bar.set_position(stored);
            })
            .await;
            bar.finish_and_clear();
            fill_seconds = Some(seeded?.seconds);
            refresh(&wiring).await?;
        }
        let key = key(&wiring, &tenant).await?;
        let http = client(&format!("http://127.0.0.1:{port}"))?;
        let server = serve(&folder, port, &http).await?;
        let Wiring { database, access, telemetry, .. } = wiring;
        database.close().await;
        let counts = counts(&mut access.owner().await?, sandbox.id).await?;
        let source = Self {
            server,
            access,
            folder,
            _temporary: temporary,
            http,
            port,
            key,
            sandbox,
            fill_seconds,
            counts,
        };
        Ok((source, telemetry))
    }

    /// Ends everything; the folder goes unless it was there before.
    pub(super) async fn close(self) {
        let Self { server, access, _temporary, .. } = self;
        drop(server);
        access.close().await;
    }

    /// The site's address.
    pub(super) fn url(&self) -> String {
        format!("http://127.0.0.1:{}/jira/{SANDBOX}", self.port)
    }

    /// What signs in there.
    pub(super) fn key(&self) -> &str {
        &self.key
    }

    /// Seconds of processor time so far: of the process that serves the site, and of its PostgreSQL.
    pub(super) fn cpu_seconds(&self) -> Result<(f64, f64), Failure> {
        Ok((self.server.cpu_seconds()?, postgres_cpu_seconds(&self.folder)?))
    }

    /// Delays each answer by that from now on.
    pub(super) async fn delay(&self, milliseconds: u32) -> Result<(), Failure> {
        let url = format!("http://127.0.0.1:{}/v1/sandbox/{SANDBOX}/faults", self.port);
        let asked = match milliseconds {
            0 => self.http.delete(url),
            _ => {
                let rule = json!({ "fault": "latency", "ms": milliseconds, "probability": 1.0 });
                self.http.post(url).json(&json!({ "seed": 1, "rules": [rule] }))
            }
        };
        answer(asked.bearer_auth(&self.key)).await.map(|_| ())
    }

    /// Seconds that requests to the site took so far, as it counts them itself: more than a clock shows where several were on their
    /// way at the same time.
    pub(super) async fn request_seconds(&self) -> Result<f64, Failure> {
        self.measured("forebay_http_request_seconds_sum").await
    }

    /// Requests to the site so far.
    pub(super) async fn requests(&self) -> Result<f64, Failure> {
        self.measured("forebay_http_requests_total").await
    }

    /// A metric of the process that serves, summed over the routes of Jira's API.
    async fn measured(&self, metric: &str) -> Result<f64, Failure> {
        let url = format!("http://127.0.0.1:{}/metrics", self.port);
        let text = self.http.get(url).send().await.map_err(told)?.text().await.map_err(told)?;
        let lines = text.lines().filter(|line| line.starts_with(metric) && line.contains("/jira/{instance}"));
        Ok(lines.filter_map(|line| line.rsplit_once(' ')?.1.parse::<f64>().ok()).sum())
    }

    /// Gives so many issues, spread over all of them, another summary; answers what they say now.
    pub(super) async fn change(&self, count: u64, what: &str) -> Result<Arc<Vec<Changed>>, Failure> {
        let sql = "SELECT jira_id, key FROM issues WHERE instance_id = $1 AND presence = 'present' ORDER BY md5(jira_id) LIMIT $2";
        let mut owner = self.access.owner().await?;
        let rows: Vec<(String, String)> = sqlx::query_as(sql)
            .bind(self.sandbox.id.0)
            .bind(i64::try_from(count).unwrap_or(i64::MAX))
            .fetch_all(&mut owner)
            .await?;
        let changed = rows.into_iter().enumerate();
        let changed: Vec<_> = changed
            .map(|(number, (id, key))| Changed { summary: format!("{what} {number} of {key}"), id, key })
            .collect();
        let asked = changed.iter().map(|issue| {
            let url = format!("{}/rest/api/3/issue/{}", self.url(), issue.id);
            let body = json!({ "fields": { "summary": issue.summary } });
            let asked = self.http.request(Method::PUT, url).bearer_auth(&self.key).json(&body);
            async move { answer(asked).await.map(|_| ()) }
        });
        at_once(WRITERS, asked).await?;
        Ok(Arc::new(changed))
    }

    /// The issue as the site shows it: what a webhook carries.
    pub(super) async fn issue(&self, id: &str) -> Result<Value, Failure> {
        let url = format!("{}/rest/api/3/issue/{id}", self.url());
        answer(self.http.get(url).bearer_auth(&self.key)).await
    }

    /// For questions to the site's API.
    pub(super) fn asking(&self) -> Asking {
        Asking { http: self.http.clone(), url: format!("{}/rest/api/3", self.url()), key: self.key.clone() }
    }

    /// When every `every`-th of the newest `count` issues was created, newest first.
    pub(super) async fn landmarks(&self, count: u64, every: u64) -> Result<Vec<DateTime<Utc>>, Failure> {
        let sql = "SELECT created_at FROM (
                       SELECT created_at, row_number() OVER (ORDER BY created_at DESC) AS number FROM issues
                       WHERE instance_id = $1 AND presence = 'present' ORDER BY created_at DESC LIMIT $2) newest
                   WHERE number % $3 = 0 ORDER BY created_at DESC";
        let signed = |number: u64| i64::try_from(number).unwrap_or(i64::MAX);
        let mut owner: PgConnection = self.access.owner().await?;
        let query = sqlx::query_scalar(sql).bind(self.sandbox.id.0).bind(signed(count)).bind(signed(every));
        Ok(query.fetch_all(&mut owner).await?)
    }
}

/// How to ask the site.
pub(super) struct Asking {
    http: Client,
    url: String,
    key: String,
}

impl Asking {
    pub(super) fn post(&self, path: &str, body: &Value) -> reqwest::RequestBuilder {
        self.http.post(format!("{}/{path}", self.url)).bearer_auth(&self.key).json(body)
    }
}

/// Starts a process that serves, and waits until it does.
pub(super) async fn serve(folder: &Path, port: u16, http: &Client) -> Result<Process, Failure> {
    let mut server = Process::start(folder, "serve", port, &[])?;
    let began = Instant::now();
    while began.elapsed() < PATIENCE && !server.has_ended()? {
        let ready = http.get(format!("http://127.0.0.1:{port}/health/ready")).send().await;
        if ready.is_ok_and(|answer| answer.status().is_success()) {
            return Ok(server);
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    let log = std::fs::read_to_string(folder.join("serve.log")).unwrap_or_default();
    Err(Failure::new(format!("the server did not come up: {}", log.lines().last().unwrap_or_default())))
}

/// A key that may do everything.
pub(super) async fn key(wiring: &Wiring, tenant: &Tenant) -> Result<String, Failure> {
    let spec = keys::KeySpec { name: "bench".into(), scopes: Scope::ALL.to_vec(), ..Default::default() };
    let (_, key) = keys::create_key(&wiring.services, &Wiring::operator(tenant), spec).await?;
    Ok(key.expose_secret().to_owned())
}

/// Sends a request that must succeed; answers its JSON, if it has any.
pub(super) async fn answer(request: reqwest::RequestBuilder) -> Result<Value, Failure> {
    let answer = request.send().await.map_err(told)?;
    let (status, path) = (answer.status(), answer.url().path().to_owned());
    let text = answer.text().await.map_err(told)?;
    if !status.is_success() {
        return Err(Failure::new(format!("{path} was answered {status}: {text}")));
    }
    Ok(serde_json::from_str(&text).unwrap_or(Value::Null))
}

pub(super) fn told(error: reqwest::Error) -> Failure {
    Failure::new(error.without_url().to_string())
}
