//! What a look-up costs: without the cache, when it fills the cache, from this process's memory, and from Redis where
//! `REDIS_URL` names one.

use std::time::{Duration, Instant};

use application::{
    Caller, Services, instances::Instance, lookups, pulse::PulseFilter, reference::Roster, tenants::Tenant,
};
use infrastructure::telemetry::Telemetry;
use serde::Serialize;

use super::{keys_of, quantile};
use crate::{
    cli::bench::{LookUpReads, LookUpsArgs},
    failure::Failure,
    output,
    settings::Settings,
    wiring::{Role, Wiring},
};

/// What is looked up.
#[derive(Clone, Copy)]
enum What {
    Instance,
    IssueByKey,
    IssueById,
    Project,
    User,
    Statuses,
    Pulse,
}

impl What {
    const ALL: [Self; 7] = [
        Self::IssueByKey,
        Self::IssueById,
        Self::Project,
        Self::User,
        Self::Instance,
        Self::Statuses,
        Self::Pulse,
    ];

    fn as_str(self) -> &'static str {
        match self {
            Self::Instance => "instance by name",
            Self::IssueByKey => "issue by key",
            Self::IssueById => "issue by id",
            Self::Project => "project by key",
            Self::User => "user by account",
            Self::Statuses => "roster of statuses",
            Self::Pulse => "Work Pulse",
        }
    }

    /// Computing Work Pulse takes far longer than a point read, and is as long each time.
    fn reads(self, wanted: u32) -> usize {
        let most = if matches!(self, Self::Pulse) { 50 } else { u32::MAX };
        wanted.min(most) as usize
    }
}

/// From where it is answered.
#[derive(Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
enum Way {
    /// From the database, with the cache off.
    CacheOff,
    /// From the database, into the cache.
    FirstRead,
    /// From this process's memory.
    Memory,
    /// From Redis, into memory.
    Redis,
}

impl Way {
    fn as_str(self) -> &'static str {
        match self {
            Self::CacheOff => "database, cache off",
            Self::FirstRead => "database, first read",
            Self::Memory => "memory",
            Self::Redis => "Redis",
        }
    }
}

/// The cost of one kind of look-up in one way, in milliseconds.
#[derive(Serialize)]
pub(super) struct Cost {
    what: &'static str,
    way: Way,
    reads: usize,
    p50: f64,
    p95: f64,
    p99: f64,
}

/// Names that are there to be looked up.
struct Names {
    instance: Instance,
    caller: Caller,
    until: chrono::NaiveDate,
    issue_keys: Vec<String>,
    issue_ids: Vec<String>,
    projects: Vec<String>,
    users: Vec<String>,
}

impl Names {
    async fn read(wiring: &Wiring, tenant: &Tenant, instance: &Instance) -> Result<Self, Failure> {
        let services = &wiring.services;
        let caller = Wiring::operator(tenant);
        let issue_keys = keys_of(wiring, tenant, instance.id).await?;
        let mut issue_ids = Vec::with_capacity(issue_keys.len());
        for key in &issue_keys {
            let issue = lookups::issue(services, &caller, Some(instance.id), key).await?;
            issue_ids.push(issue.jira_id.clone());
        }
        let roster = async |roster, name: &str| {
            let entries = lookups::roster(services, &caller, instance.id, roster).await?;
            let names = entries.iter().filter_map(|entry| Some(entry[name].as_str()?.to_owned()));
            Ok::<Vec<_>, Failure>(names.collect())
        };
        Ok(Self {
            projects: roster(Roster::Projects, "key").await?,
            users: roster(Roster::Users, "accountId").await?,
            until: wiring.now().date_naive(),
            instance: instance.clone(),
            issue_keys,
            issue_ids,
            caller,
        })
    }

    /// How many different things of a kind there are.
    fn count(&self, what: What) -> usize {
        match what {
            What::Instance | What::Statuses => 1,
            What::IssueByKey => self.issue_keys.len(),
            What::IssueById => self.issue_ids.len(),
            What::Project => self.projects.len(),
            What::User => self.users.len(),
            What::Pulse => 12,
        }
    }

    async fn look_up(&self, services: &Services, what: What, number: usize) -> Result<(), Failure> {
        let (caller, site) = (&self.caller, self.instance.id);
        match what {
            What::Instance => lookups::instance(services, caller, &self.instance.name).await.map(drop)?,
            What::IssueByKey => {
                lookups::issue(services, caller, Some(site), &self.issue_keys[number]).await.map(drop)?;
            }
            What::IssueById => {
                lookups::issue(services, caller, Some(site), &self.issue_ids[number]).await.map(drop)?;
            }
            What::Project => {
                let key = &self.projects[number];
                lookups::project(services, caller, &self.instance, key).await.map(drop)?;
            }
            What::User => lookups::user(services, caller, site, &self.users[number]).await.map(drop)?,
            What::Statuses => lookups::roster(services, caller, site, Roster::Statuses).await.map(drop)?,
            What::Pulse => {
                let weeks = u16::try_from(number + 1).unwrap_or(1);
                let (instance, until) = (Some(site), self.until);
                let filter = PulseFilter { instance, until, weeks, ..PulseFilter::default() };
                lookups::pulse(services, caller, filter).await.map(drop)?;
            }
        }
        Ok(())
    }

    /// Times that many look-ups, of different things as far as there are.
    async fn time(&self, services: &Services, what: What, way: Way, reads: usize) -> Result<Cost, Failure> {
        let count = self.count(what);
        let mut times = Vec::with_capacity(reads);
        for number in 0..reads {
            let began = Instant::now();
            self.look_up(services, what, number % count).await?;
            times.push(began.elapsed().as_secs_f64() * 1000.0);
        }
        times.sort_by(f64::total_cmp);
        let [p50, p95, p99] = [0.50, 0.95, 0.99].map(|share| quantile(&times, share));
        Ok(Cost { what: what.as_str(), way, reads, p50, p95, p99 })
    }
}

/// `forebay bench look-ups`: on the database as it stands.
pub(super) async fn run(
    settings: Settings,
    telemetry: Telemetry,
    arguments: &LookUpsArgs,
    as_json: bool,
) -> Result<(), Failure> {
    let wiring = Wiring::open(settings, telemetry, Role::Server).await?;
    let measured = async {
        let tenant = wiring.tenant(arguments.tenant.tenant.as_deref()).await?;
        let instance = super::instance_of(&wiring, &tenant, arguments.instance.as_deref()).await?;
        measure(&wiring, &tenant, &instance, &arguments.reads).await
    };
    let measured = measured.await;
    wiring.close().await;
    let costs = measured?;
    if as_json {
        return output::json(&costs);
    }
    show(&costs)
}

/// Measures each kind of look-up in every way that was asked for.
pub(super) async fn measure(
    wiring: &Wiring,
    tenant: &Tenant,
    instance: &Instance,
    arguments: &LookUpReads,
) -> Result<Vec<Cost>, Failure> {
    let services = &wiring.services;
    // The cache hears of nothing yet, so that every look-up asks the database.
    let names = Names::read(wiring, tenant, instance).await?;
    let mut costs = Vec::new();
    if arguments.answered_by != "cache" {
        for what in What::ALL {
            costs.push(names.time(services, what, Way::CacheOff, what.reads(arguments.reads)).await?);
        }
    }
    if arguments.answered_by != "database" {
        let _listening = listen(wiring).await?;
        let once = |what: What| names.count(what).min(what.reads(arguments.reads));
        for what in What::ALL {
            costs.push(names.time(services, what, Way::FirstRead, once(what)).await?);
        }
        if wiring.settings.redis_url.is_some() {
            // Which forgets what is in memory, and nothing else.
            wiring.cache.hears();
            for what in What::ALL {
                costs.push(names.time(services, what, Way::Redis, once(what)).await?);
            }
        }
        for what in What::ALL {
            // What was read for the first time above is there; the rest is read now.
            names.time(services, what, Way::Memory, names.count(what)).await?;
            costs.push(names.time(services, what, Way::Memory, arguments.reads as usize).await?);
        }
    }
    // What belongs together stands together.
    costs.sort_by_key(|cost| What::ALL.iter().position(|what| what.as_str() == cost.what));
    Ok(costs)
}

/// The cache hears of changes for as long as the answer is kept.
pub(super) async fn listen(wiring: &Wiring) -> Result<infrastructure::postgres::ChangeListener, Failure> {
    let listening = wiring.cache_lookups();
    let began = Instant::now();
    while !wiring.cache.is_hearing() {
        if began.elapsed() > Duration::from_secs(5) {
            return Err(Failure::new("the cache does not hear of changes")
                .hint("with FOREBAY_CACHE=off, measure with --answered-by database"));
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    // The subscription at Redis follows, and begins with an empty memory.
    if wiring.settings.redis_url.is_some() {
        tokio::time::sleep(Duration::from_secs(1)).await;
    }
    Ok(listening)
}

/// Prints the costs, each kind's slowest way first, with how many times as fast as without the cache it is.
pub(super) fn show(costs: &[Cost]) -> Result<(), Failure> {
    let ms = |value: f64| format!("{value:.3}");
    let off = |what| costs.iter().find(|cost| cost.what == what && cost.way == Way::CacheOff);
    let rows: Vec<_> = costs
        .iter()
        .map(|cost| {
            let factor = match off(cost.what) {
                Some(off) if cost.way != Way::CacheOff && cost.p50 > 0.0 => {
                    format!("{:.1}x", off.p50 / cost.p50)
                }
                _ => String::new(),
            };
            vec![
                cost.what.to_owned(),
                cost.way.as_str().to_owned(),
                cost.reads.to_string(),
                ms(cost.p50),
                ms(cost.p95),
                ms(cost.p99),
                factor,
            ]
        })
        .collect();
    output::table(&["LOOK-UP (ms)", "ANSWERED FROM", "N", "P50", "P95", "P99", "P50 AGAINST OFF"], &rows)
}
