//! One round: a source, a mirror of it, everything that goes wrong, and what is left of it in the end.

use std::{
    collections::BTreeMap,
    path::Path,
    sync::Arc,
    time::{Duration, Instant},
};

use application::{
    Error, Scope,
    instances::{self, AuthMethod, Instance, InstanceKind, NewInstance, Push},
    keys,
    sync::{
        self,
        census::{self, CensusState},
    },
    tenants::Tenant,
};
use chrono::{DateTime, Utc};
use reqwest::{Client, Method};
use secrecy::{ExposeSecret, SecretString};
use serde::Serialize;
use serde_json::Value;
use tokio::{sync::Mutex, task::JoinSet};
use tokio_util::sync::CancellationToken;

use super::{
    super::unsigned,
    chance::Fate,
    compare::{Comparison, compare},
    house::House,
    writers::{self, Source, Written},
};
use crate::{
    cli::converge::ConvergeArgs,
    commands::sandbox::{refresh, seed_sandbox},
    failure::Failure,
    wiring::Wiring,
};

const SOURCE: &str = "source";
const COPY: &str = "copy";
/// How often the mirror is asked to poll: every minute by itself, which is too rare for a short round.
const NUDGE: Duration = Duration::from_secs(2);
/// How long the sync and the census that follow may take, or be put off by what the site has said before.
const PATIENCE: Duration = Duration::from_secs(300);

/// What came of a round.
#[derive(Debug, Serialize)]
pub(super) struct Report {
    pub(super) seed: u64,
    pub(super) seconds: f64,
    /// Faults that the source has injected, by kind.
    pub(super) faults: BTreeMap<String, u64>,
    /// What writers did, by kind.
    pub(super) written: Written,
    pub(super) worker_kills: u32,
    pub(super) database_crashes: u32,
    /// Times that the worker had ended by itself and was started again.
    pub(super) worker_restarts: u32,
    /// Turns until a sync that began after the faults had ended succeeded; those that were put off or went on with an
    /// earlier run are counted.
    pub(super) sync_turns: u32,
    pub(super) census_turns: u32,
    /// Issues that the census found gone, and those that it fetched.
    pub(super) census_gone: u64,
    pub(super) census_fetched: u64,
    pub(super) tables: Vec<Comparison>,
}

impl Report {
    pub(super) fn differs(&self) -> bool {
        self.tables.iter().any(Comparison::differs)
    }
}

/// Who is where.
struct Scene<'a> {
    wiring: &'a Wiring,
    http: Client,
    house: House,
    upstream: (Tenant, Instance),
    mirror: (Tenant, Instance),
    /// The key of the source's owner, and of the mirror's.
    upstream_key: String,
    mirror_key: String,
}

/// Runs a round on an empty database.
pub(super) async fn run(
    wiring: &Wiring,
    http: Client,
    folder: &Path,
    seed: u64,
    arguments: &ConvergeArgs,
) -> Result<Report, Failure> {
    let began = Instant::now();
    let length = Duration::from_secs(arguments.seconds);
    let fate = Fate::of(seed, length, arguments.writers);
    let mut scene = set(wiring, http, folder, seed, arguments.issues).await?;
    let source = scene.source().await?;
    scene.ask(Method::POST, "/v1/sandbox/source/faults", Some(&fate.plan)).await?;
    let stop = CancellationToken::new();
    let mut people = JoinSet::new();
    let issues = Arc::new(Mutex::new(scene.issues().await?));
    for seed in &fate.writers {
        people.spawn(writers::write(source.clone(), issues.clone(), *seed, stop.clone()));
    }
    let outcome = scene.endure(&fate, length).await;
    stop.cancel();
    let mut written = Written::new();
    for (kind, count) in people.join_all().await.into_iter().flatten() {
        *written.entry(kind).or_default() += count;
    }
    let (worker_kills, database_crashes, worker_restarts) = outcome?;

    let cleared = scene.ask(Method::DELETE, "/v1/sandbox/source/faults", None).await?;
    let faults = serde_json::from_value(cleared["injected"].clone())?;
    // Whoever has not ended in a minute is killed, which is one kill more.
    let worker_kills = worker_kills + u32::from(!scene.house.rest().await?);
    scene.bury().await?;
    let from = wiring.now();
    let sync_turns = scene.catch_up(from).await?;
    let (census_turns, census) = scene.census(from).await?;
    let mut owner = wiring.access.owner().await?;
    let tables = compare(&mut owner, scene.upstream.1.id, scene.mirror.1.id).await?;
    Ok(Report {
        seed,
        seconds: began.elapsed().as_secs_f64(),
        faults,
        written,
        worker_kills,
        database_crashes,
        worker_restarts,
        sync_turns,
        census_turns,
        census_gone: census.projects.iter().map(|project| project.gone).sum(),
        census_fetched: census.projects.iter().map(|project| project.fetched).sum(),
        tables,
    })
}

/// A filled source that is served, and a mirror with a webhook there; nothing is copied yet.
async fn set<'a>(
    wiring: &'a Wiring,
    http: Client,
    folder: &Path,
    seed: u64,
    issues: u64,
) -> Result<Scene<'a>, Failure> {
    let mut platform = wiring.services.db.platform().await?;
    let upstream = platform.create_tenant("upstream").await?;
    let tenant = platform.create_tenant("acme").await?;
    platform.commit().await?;
    let upstream_key = key(wiring, &upstream).await?;
    let mirror_key = key(wiring, &tenant).await?;
    let new = unsigned(SOURCE, InstanceKind::Sandbox);
    let sandbox = instances::add_instance(&wiring.services, &Wiring::operator(&upstream), new).await?;
    seed_sandbox(wiring, &upstream, &sandbox, issues, seed, &mut |_| {}).await?;
    refresh(wiring).await?;
    let mut house = House::new(folder.to_owned(), wiring.settings.listen().port());
    house.serve(&http).await?;
    let new = NewInstance {
        url: Some(sandbox.base_url.clone()),
        auth: AuthMethod::Pat,
        token: Some(SecretString::from(upstream_key.clone())),
        ..unsigned(COPY, InstanceKind::Cloud)
    };
    let operator = Wiring::operator(&tenant);
    let mirror = instances::add_instance(&wiring.services, &operator, new).await?;
    let tested = instances::test_instance(&wiring.services, &operator, COPY, Push::Register).await?;
    if let Some(problem) = tested.webhook_problem {
        return Err(Failure::new(format!("no webhook could be registered: {problem}")));
    }
    Ok(Scene {
        wiring,
        http,
        house,
        upstream: (upstream, sandbox),
        mirror: (tenant, mirror),
        upstream_key,
        mirror_key,
    })
}

async fn key(wiring: &Wiring, tenant: &Tenant) -> Result<String, Failure> {
    let spec = keys::KeySpec { name: "converge".into(), scopes: Scope::ALL.to_vec(), ..Default::default() };
    let (_, key) = keys::create_key(&wiring.services, &Wiring::operator(tenant), spec).await?;
    Ok(key.expose_secret().to_owned())
}

impl Scene<'_> {
    /// What the writers need to know.
    async fn source(&self) -> Result<Source, Failure> {
        let mut owner = self.wiring.access.owner().await?;
        let id = self.upstream.1.id.0;
        // By id, so that the same seed makes the same choices.
        let projects =
            "SELECT key FROM projects WHERE instance_id = $1 AND presence = 'present' ORDER BY jira_id";
        let accounts = "SELECT account_id FROM users WHERE instance_id = $1 ORDER BY account_id LIMIT 20";
        let projects: Vec<String> = sqlx::query_scalar(projects).bind(id).fetch_all(&mut owner).await?;
        let accounts: Vec<String> = sqlx::query_scalar(accounts).bind(id).fetch_all(&mut owner).await?;
        Ok(Source {
            http: self.http.clone(),
            url: format!("{}/jira/{SOURCE}", self.house.url()),
            key: self.upstream_key.clone(),
            projects: projects.into(),
            accounts: accounts.into(),
        })
    }

    async fn issues(&self) -> Result<Vec<String>, Failure> {
        let mut owner = self.wiring.access.owner().await?;
        let sql =
            "SELECT jira_id FROM issues WHERE instance_id = $1 AND presence = 'present' ORDER BY jira_number";
        Ok(sqlx::query_scalar(sql).bind(self.upstream.1.id.0).fetch_all(&mut owner).await?)
    }

    /// Syncs, while everything happens that fate has in store; answers how often the worker was killed, the database
    /// died, and the worker had ended by itself.
    async fn endure(&mut self, fate: &Fate, length: Duration) -> Result<(u32, u32, u32), Failure> {
        self.house.work()?;
        let began = Instant::now();
        let mut kills = fate.kills.iter().copied().peekable();
        let (mut crash, mut census) = (fate.crash, fate.census);
        let mut nudged = None::<Instant>;
        let (mut killed, mut crashed, mut restarted) = (0, 0, 0);
        while began.elapsed() < length {
            if kills.next_if(|at| *at <= began.elapsed()).is_some() {
                self.house.kill_worker()?;
                self.bury().await?;
                self.house.work()?;
                killed += 1;
            }
            if crash.take_if(|at| *at <= began.elapsed()).is_some() {
                self.house.crash_database().await?;
                crashed += 1;
            }
            restarted += u32::from(self.house.supervise()?);
            // Refused while one is under way, or while the database is down: the next one is soon.
            if nudged.is_none_or(|at| at.elapsed() > NUDGE) {
                let _ = self.ask(Method::POST, "/v1/instances/copy/sync", None).await;
                nudged = Some(Instant::now());
            }
            if census.take_if(|at| *at <= began.elapsed()).is_some() {
                let _ = self.ask(Method::POST, "/v1/instances/copy/census", None).await;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        Ok((killed, crashed, restarted))
    }

    /// As if the time had gone by after which a worker that is not heard of counts as dead. None may be alive.
    async fn bury(&self) -> Result<(), Failure> {
        let mut owner = self.wiring.access.owner().await?;
        for later in [
            "UPDATE sync_runs SET lease_until = now() WHERE state = 'running'",
            "UPDATE censuses SET lease_until = now() WHERE state = 'running'",
            "UPDATE graphile_worker._private_workers SET last_heartbeat_at = now() - interval '1 hour'",
        ] {
            sqlx::query(later).execute(&mut owner).await?;
        }
        Ok(())
    }

    /// Syncs until a run that began after the faults had ended has succeeded; answers after how many turns.
    async fn catch_up(&self, from: DateTime<Utc>) -> Result<u32, Failure> {
        let (services, tenant, mirror) = (&self.wiring.services, self.mirror.0.id, self.mirror.1.id);
        let began = Instant::now();
        for turn in 1.. {
            match sync::run(services, tenant, mirror, &()).await {
                Ok(run) if run.started_at >= from => return Ok(turn),
                Ok(_) => {}
                Err(error) => self.wait(began, error).await?,
            }
        }
        Err(Failure::new("the sync did not end"))
    }

    /// The same with a census, whose brake is taken away: everything that is gone was deleted on purpose.
    async fn census(&self, from: DateTime<Utc>) -> Result<(u32, census::Census), Failure> {
        let (services, (tenant, mirror)) = (&self.wiring.services, &self.mirror);
        let operator = Wiring::operator(tenant);
        census::configure(services, &operator, COPY, |settings| settings.brake_percent = 100).await?;
        let began = Instant::now();
        for turn in 1.. {
            match census::run(services, tenant.id, mirror.id).await {
                Ok(census) if census.state == CensusState::Succeeded && census.started_at >= from => {
                    return Ok((turn, census));
                }
                Ok(census) if census.started_at >= from => {
                    let reason = census.error.unwrap_or_else(|| census.state.as_str().to_owned());
                    return Err(Failure::new(format!("the census did not succeed: {reason}")));
                }
                Ok(_) => {}
                Err(error) => self.wait(began, error).await?,
            }
        }
        Err(Failure::new("the census did not end"))
    }

    /// Waits where the site has said before the faults ended that it wants to be left alone.
    async fn wait(&self, began: Instant, error: Error) -> Result<(), Failure> {
        if began.elapsed() > PATIENCE {
            return Err(Failure::from(error).hint(self.house.look()));
        }
        crate::output::note(&format!("not yet: {error}"));
        tokio::time::sleep(Duration::from_millis(500)).await;
        Ok(())
    }

    /// Asks at one of our own doors, which do nothing wrong.
    async fn ask(&self, method: Method, path: &str, body: Option<&Value>) -> Result<Value, Failure> {
        let key = if path.contains(SOURCE) { &self.upstream_key } else { &self.mirror_key };
        let mut request = self.http.request(method, format!("{}{path}", self.house.url())).bearer_auth(key);
        if let Some(body) = body {
            request = request.json(body);
        }
        let failed = |error: reqwest::Error| Failure::new(format!("{path}: {}", error.without_url()));
        let answer = request.send().await.map_err(failed)?;
        let status = answer.status();
        let text = answer.text().await.map_err(failed)?;
        if !status.is_success() {
            return Err(Failure::new(format!("{path} was answered {status}: {text}")).hint(self.house.look()));
        }
        Ok(serde_json::from_str(&text).unwrap_or(Value::Null))
    }
}
