//! Look-ups of several processes over one PostgreSQL, with one Redis and without.

use std::{
    net::{TcpListener, TcpStream},
    process::{Child, Command, Stdio},
    sync::Arc,
    time::{Duration, Instant},
};

use application::{
    Caller, Services, TenantContext,
    instances::InstanceKind,
    issues::{IssueBundle, IssueRow},
    keys::Policy,
    lookups,
    pulse::PulseFilter,
    reference::{IssueLinkTypeRecord, ReferenceRecords, Roster},
    tenant_context::ProjectLimit,
};
use domain::ids::{InstanceId, TenantId};
use infrastructure::{
    cache::{self, CacheSettings, LookupCache},
    clock::SystemClock,
    crypto::{ChangeCipher, Keyring, MasterKey},
    jira::HttpSites,
    outbound::{self, AllowedNetworks, Outbound, WebhookDeliveries},
    postgres::{ChangeListener, PoolSettings, roles},
};
use sqlx::Executor;

use crate::{
    bundles::{at, blocks, changed, issue, user},
    database::TestDatabase,
};

struct Redis(Child, u16);

impl Redis {
    fn start() -> Self {
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let server = Command::new("redis-server")
            .args(["--port", &port.to_string(), "--bind", "127.0.0.1", "--save", "", "--appendonly", "no"])
            .current_dir("/")
            .stdout(Stdio::null())
            .spawn()
            // Without `redis-server` in PATH this test cannot be made.
            .unwrap();
        while TcpStream::connect(("127.0.0.1", port)).is_err() {
            std::thread::sleep(Duration::from_millis(10));
        }
        Self(server, port)
    }

    fn url(&self) -> String {
        format!("redis://127.0.0.1:{}", self.1)
    }
}

impl Drop for Redis {
    fn drop(&mut self) {
        self.0.kill().ok();
        self.0.wait().ok();
    }
}

/// Of the master key that all processes have.
fn cipher() -> ChangeCipher {
    Keyring::parse(&"07".repeat(32).into()).unwrap().change_cipher()
}

/// What a process of Forebay has.
struct Process {
    services: Services,
    cache: Arc<LookupCache>,
    _listening: ChangeListener,
}

impl Process {
    async fn start(base: &TestDatabase, redis: Option<&Redis>) -> Self {
        outbound::install_tls();
        let url = redis.map(Redis::url);
        let (cache, limiter) = cache::connect(url.as_deref(), CacheSettings::default()).await;
        let database = base
            .database(PoolSettings { app: 4, read: 2, platform: 2, ..PoolSettings::default() })
            .await
            .announcing_to(cache.clone(), cipher());
        let outbound = Outbound::new(AllowedNetworks::default()).unwrap();
        let db = Arc::new(database);
        let secrets = Arc::new(Keyring::new(MasterKey::generate(), Vec::new()));
        let clock = Arc::new(SystemClock);
        let services = Services {
            sites: Arc::new(HttpSites::new(
                outbound.clone(),
                db.clone(),
                secrets.clone(),
                clock.clone(),
                None,
            )),
            db,
            clock,
            secrets,
            cache: cache.clone(),
            limiter,
            deliveries: Arc::new(WebhookDeliveries::new(outbound)),
            sync: Default::default(),
            public_url: "http://forebay.test".into(),
        };
        let listening = ChangeListener::start(base.options(roles::APP), cache.clone(), cipher());
        eventually(|| cache.is_hearing()).await;
        if redis.is_some() {
            // The subscription follows, and begins with an empty memory.
            tokio::time::sleep(Duration::from_millis(300)).await;
        }
        Self { services, cache, _listening: listening }
    }

    async fn store(&self, tenant: TenantId, instance: InstanceId, page: &[IssueBundle]) {
        let mut tx = self.services.db.tenant(&TenantContext::whole(tenant)).await.unwrap();
        tx.upsert_issues(instance, page).await.unwrap();
        tx.commit().await.unwrap();
    }

    async fn issue(
        &self,
        tenant: TenantId,
        instance: Option<InstanceId>,
        name: &str,
    ) -> application::Result<Arc<IssueRow>> {
        lookups::issue(&self.services, &Caller::system(tenant), instance, name).await
    }

    async fn summary(&self, tenant: TenantId, instance: Option<InstanceId>, name: &str) -> String {
        self.issue(tenant, instance, name).await.unwrap().summary.clone()
    }
}

async fn eventually(mut holds: impl FnMut() -> bool) {
    let began = Instant::now();
    while !holds() {
        assert!(began.elapsed() < Duration::from_secs(10), "still not");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

fn titled(bundle: &IssueBundle, minute: i64, summary: &str) -> IssueBundle {
    changed(bundle, minute, |bundle| bundle.issue.summary = summary.into())
}

#[tokio::test]
async fn what_one_process_wrote_every_process_sees_when_the_write_returns() {
    let (base, redis) = (TestDatabase::create().await, Redis::start());
    let (tenant, instance) = base.mirror().await;
    let processes = [Process::start(&base, Some(&redis)).await, Process::start(&base, Some(&redis)).await];
    let first = issue(1, "PAY-1");
    for minute in 0..40 {
        let [writer, other] = if minute % 2 == 0 { [0, 1] } else { [1, 0] }.map(|at| &processes[at]);
        let summary = format!("Version {minute}");
        writer.store(tenant, instance, &[titled(&first, minute, &summary)]).await;
        for process in [other, writer] {
            for (at, name) in [(Some(instance), "PAY-1"), (Some(instance), "1"), (None, "pay-1"), (None, "1")]
            {
                assert_eq!(process.summary(tenant, at, name).await, summary, "{name} at {at:?}");
            }
        }
    }
    // And it was the cache that answered.
    let found = processes[0].issue(tenant, Some(instance), "PAY-1").await.unwrap();
    let again = processes[0].issue(tenant, Some(instance), "PAY-1").await.unwrap();
    assert!(Arc::ptr_eq(&found, &again));
    base.remove().await;
}

#[tokio::test]
async fn without_redis_the_writer_sees_it_at_once_and_the_others_in_a_moment() {
    let base = TestDatabase::create().await;
    let (tenant, instance) = base.mirror().await;
    let (here, there) = (Process::start(&base, None).await, Process::start(&base, None).await);
    let first = issue(1, "PAY-1");
    here.store(tenant, instance, std::slice::from_ref(&first)).await;
    there.issue(tenant, Some(instance), "PAY-1").await.unwrap();
    for minute in 1..10 {
        let summary = format!("Version {minute}");
        here.store(tenant, instance, &[titled(&first, minute, &summary)]).await;
        assert_eq!(here.summary(tenant, Some(instance), "PAY-1").await, summary);
        let began = Instant::now();
        while there.summary(tenant, Some(instance), "PAY-1").await != summary {
            assert!(began.elapsed() < Duration::from_secs(5), "never heard of");
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    }
    base.remove().await;
}

#[tokio::test]
async fn a_rollback_leaves_the_cache_alone() {
    let (base, redis) = (TestDatabase::create().await, Redis::start());
    let (tenant, instance) = base.mirror().await;
    let (here, there) =
        (Process::start(&base, Some(&redis)).await, Process::start(&base, Some(&redis)).await);
    let first = issue(1, "PAY-1");
    here.store(tenant, instance, std::slice::from_ref(&first)).await;
    let ours = here.issue(tenant, Some(instance), "PAY-1").await.unwrap();
    let theirs = there.issue(tenant, Some(instance), "PAY-1").await.unwrap();
    let mut tx = here.services.db.tenant(&TenantContext::whole(tenant)).await.unwrap();
    tx.upsert_issues(instance, &[titled(&first, 1, "Never")]).await.unwrap();
    drop(tx);
    // Something else that commits and concerns another issue, so that whatever was to come has come.
    here.store(tenant, instance, &[issue(2, "PAY-2")]).await;
    assert!(Arc::ptr_eq(&ours, &here.issue(tenant, Some(instance), "PAY-1").await.unwrap()));
    assert!(Arc::ptr_eq(&theirs, &there.issue(tenant, Some(instance), "PAY-1").await.unwrap()));
    base.remove().await;
}

#[tokio::test]
async fn keys_that_move_swap_or_become_ambiguous_are_followed() {
    let base = TestDatabase::create().await;
    let (tenant, instance) = base.mirror().await;
    let other = base.instance(tenant, "other", InstanceKind::Server).await;
    let process = Process::start(&base, None).await;
    let id = async |at: Option<InstanceId>, name: &str| {
        process.issue(tenant, at, name).await.map(|row| row.jira_id.clone())
    };
    let (first, second) = (issue(1, "PAY-1"), issue(2, "PAY-2"));
    process.store(tenant, instance, &[first.clone(), second.clone()]).await;
    for (name, found) in [("PAY-1", "1"), ("PAY-2", "2")] {
        assert_eq!(id(Some(instance), name).await.unwrap(), found);
        assert_eq!(id(None, name).await.unwrap(), found);
    }
    let to = |bundle: &IssueBundle, minute, key: &str| {
        changed(bundle, minute, |bundle| bundle.issue.key = key.parse().unwrap())
    };
    process.store(tenant, instance, &[to(&first, 1, "PAY-2"), to(&second, 1, "PAY-1")]).await;
    assert_eq!(id(Some(instance), "PAY-1").await.unwrap(), "2");
    assert_eq!(id(None, "PAY-2").await.unwrap(), "1");

    // Moved away: the old key goes on, until another issue gets it.
    process.store(tenant, instance, &[to(&first, 2, "PAY-9")]).await;
    assert_eq!(id(Some(instance), "PAY-2").await.unwrap(), "1");
    process.store(tenant, instance, &[titled(&to(&first, 3, "PAY-9"), 3, "Moved")]).await;
    assert_eq!(process.summary(tenant, Some(instance), "PAY-2").await, "Moved");
    process.store(tenant, instance, &[to(&issue(3, "PAY-2"), 4, "PAY-2")]).await;
    assert_eq!(id(Some(instance), "PAY-2").await.unwrap(), "3");

    // The same key at another instance.
    assert_eq!(id(None, "PAY-9").await.unwrap(), "1");
    process.store(tenant, other, &[issue(77, "PAY-9")]).await;
    assert_eq!(id(None, "PAY-9").await.unwrap_err().code(), "conflict");
    assert_eq!(id(Some(instance), "PAY-9").await.unwrap(), "1");

    // Removed with its instance.
    let mut tx = process.services.db.tenant(&TenantContext::whole(tenant)).await.unwrap();
    tx.remove_instance(other).await.unwrap();
    tx.commit().await.unwrap();
    assert_eq!(id(None, "PAY-9").await.unwrap(), "1");
    assert_eq!(id(Some(other), "PAY-9").await.unwrap_err().code(), "not_found");
    base.remove().await;
}

#[tokio::test]
async fn names_of_people_projects_and_instances_are_new_at_once() {
    let base = TestDatabase::create().await;
    let (tenant, instance) = base.mirror().await;
    let process = Process::start(&base, None).await;
    let (services, caller) = (&process.services, Caller::system(tenant));
    process.store(tenant, instance, &[issue(1, "PAY-1")]).await;
    let site = lookups::instance(services, &caller, "main").await.unwrap();
    let assignee = process.issue(tenant, Some(instance), "PAY-1").await.unwrap().assignee.clone();
    assert_eq!(assignee.as_deref(), Some("Ann"));
    let project = |name: &'static str| lookups::project(services, &caller, &site, name);
    let found = project("pay").await.unwrap();
    assert_eq!(found["name"], "Project PAY");
    assert_eq!(project(found["id"].as_str().unwrap().to_owned().leak()).await.unwrap()["key"], "PAY");
    assert_eq!(project("NONE").await.unwrap_err().code(), "not_found");
    let ann = lookups::user(services, &caller, instance, "ann").await.unwrap().unwrap();
    assert_eq!(ann["displayName"], "Ann");
    assert!(lookups::user(services, &caller, instance, "nobody").await.unwrap().is_none());

    let mut records = issue(1, "PAY-1").reference;
    records.users = vec![user("ann", "Anna")];
    records.projects[0].name = "Payments".into();
    let mut raw = serde_json::Value::clone(records.projects[0].raw.as_deref().unwrap());
    raw["name"] = "Payments".into();
    records.projects[0].raw = Some(raw.into());
    let mut tx = services.db.tenant(&TenantContext::whole(tenant)).await.unwrap();
    tx.upsert_reference(instance, &records, true).await.unwrap();
    tx.move_instance(instance, "https://elsewhere.example").await.unwrap();
    tx.commit().await.unwrap();
    let assignee = process.issue(tenant, Some(instance), "PAY-1").await.unwrap().assignee.clone();
    assert_eq!(assignee.as_deref(), Some("Anna"));
    assert_eq!(
        lookups::user(services, &caller, instance, "ann").await.unwrap().unwrap()["displayName"],
        "Anna"
    );
    assert_eq!(project("PAY").await.unwrap()["name"], "Payments");
    let roster = lookups::roster(services, &caller, instance, Roster::Projects).await.unwrap();
    assert_eq!(roster[0]["name"], "Payments");

    for name in ["Blocks", "Stops"] {
        let record = IssueLinkTypeRecord {
            jira_id: "10000".into(),
            name: name.into(),
            inward: None,
            outward: None,
            raw: serde_json::json!({"id": "10000", "name": name}),
        };
        let records = ReferenceRecords { link_types: vec![record], ..ReferenceRecords::default() };
        let mut tx = services.db.tenant(&TenantContext::whole(tenant)).await.unwrap();
        tx.upsert_reference(instance, &records, true).await.unwrap();
        tx.commit().await.unwrap();
        let types = lookups::roster(services, &caller, instance, Roster::IssueLinkTypes).await.unwrap();
        assert_eq!(types[0]["name"], name);
    }
    let moved = lookups::instance(services, &caller, "main").await.unwrap();
    assert_eq!(moved.base_url, "https://elsewhere.example");
    base.remove().await;
}

#[tokio::test]
async fn what_is_cached_for_one_tenant_is_not_found_by_another() {
    let (base, redis) = (TestDatabase::create().await, Redis::start());
    let (tenant, instance) = base.mirror().await;
    let stranger = base.tenant("stranger").await;
    let process = Process::start(&base, Some(&redis)).await;
    process.store(tenant, instance, &[issue(1, "PAY-1")]).await;
    process.issue(tenant, Some(instance), "PAY-1").await.unwrap();
    lookups::instance(&process.services, &Caller::system(tenant), "main").await.unwrap();
    for at in [Some(instance), None] {
        assert_eq!(process.issue(stranger, at, "PAY-1").await.unwrap_err().code(), "not_found");
    }
    let found = lookups::instance(&process.services, &Caller::system(stranger), "main").await;
    assert_eq!(found.unwrap_err().code(), "not_found");
    base.remove().await;
}

/// Whoever came first: what is cached for a caller of all projects is not shown beyond a limit, and what a limited caller asks
/// for leaves nothing behind that is less than the whole.
#[tokio::test]
async fn a_warm_cache_shows_a_limited_key_its_projects_and_nothing_else() {
    let (base, redis) = (TestDatabase::create().await, Redis::start());
    let (tenant, instance) = base.mirror().await;
    let process = Process::start(&base, Some(&redis)).await;
    let services = &process.services;
    let mut hidden = issue(2, "OPS-1");
    hidden.links = vec![blocks(41, &issue(1, "PAY-1"), &hidden)];
    process.store(tenant, instance, &[issue(1, "PAY-1"), hidden]).await;
    let everyone = Caller::system(tenant);
    let limited = Caller {
        policy: Policy { projects: ProjectLimit::parse(&["main/PAY"]).unwrap(), ..Policy::default() },
        ..Caller::system(tenant)
    };
    let place = lookups::instance(services, &everyone, "main").await.unwrap();
    let see = async |caller: &Caller| {
        let mut seen = Vec::new();
        for name in ["PAY-1", "1", "OPS-1", "2"] {
            let found = lookups::issue(services, caller, Some(instance), name).await;
            seen.push(found.map(|row| row.raw["fields"]["issuelinks"].to_string()).ok());
        }
        for name in ["PAY-1", "OPS-1"] {
            seen.push(lookups::issue(services, caller, None, name).await.map(|row| row.key.clone()).ok());
        }
        for name in ["PAY", "OPS"] {
            let found = lookups::project(services, caller, &place, name).await;
            seen.push(found.map(|project| project["key"].to_string()).ok());
        }
        let projects = lookups::roster(services, caller, instance, Roster::Projects).await.unwrap();
        seen.push(Some(projects.iter().map(|project| project["key"].to_string()).collect()));
        let filter = PulseFilter { until: at(0).date_naive(), weeks: 4, ..PulseFilter::default() };
        seen.push(Some(lookups::pulse(services, caller, filter).await.unwrap().issues.to_string()));
        seen
    };
    let cold = see(&limited).await;
    let (all, warm, again) = (see(&everyone).await, see(&limited).await, see(&everyone).await);
    assert_eq!(warm, cold, "a limited key sees the same, whatever others have looked up");
    assert_eq!(again, all, "and others the same, whatever it has");
    let is_seen = |seen: &[Option<String>]| seen.iter().map(Option::is_some).collect::<Vec<_>>();
    assert_eq!(is_seen(&all), [true; 10]);
    assert_eq!(is_seen(&cold), [true, true, false, false, true, false, true, false, true, true]);
    assert!(!cold.iter().flatten().any(|text| text.contains("OPS")), "{cold:?}");
    assert_eq!((cold[8].as_deref(), all[8].as_deref()), (Some("\"PAY\""), Some("\"OPS\"\"PAY\"")));
    base.remove().await;
}

#[tokio::test]
async fn pulse_of_any_range_is_cached_until_the_metrics_are_refreshed() {
    let base = TestDatabase::create().await;
    let (tenant, instance) = base.mirror().await;
    let process = Process::start(&base, None).await;
    let filter = |weeks| PulseFilter { until: at(0).date_naive(), weeks, ..PulseFilter::default() };
    let caller = Caller::system(tenant);
    let issues = async |weeks| lookups::pulse(&process.services, &caller, filter(weeks)).await.unwrap();
    process.store(tenant, instance, &[issue(1, "PAY-1")]).await;
    let (four, twelve) = (issues(4).await, issues(12).await);
    assert_eq!((four.issues, four.trend.len(), twelve.trend.len()), (1, 4, 12));
    process.store(tenant, instance, &[issue(2, "PAY-2")]).await;
    assert!(Arc::ptr_eq(&four, &issues(4).await) && Arc::ptr_eq(&twelve, &issues(12).await));
    let mut tx = process.services.db.platform().await.unwrap();
    tx.refresh_metrics().await.unwrap();
    tx.commit().await.unwrap();
    assert_eq!((issues(4).await.issues, issues(12).await.issues), (2, 2));
    base.remove().await;
}

#[tokio::test]
async fn a_process_that_lost_its_ear_asks_the_database_until_it_hears_again() {
    let base = TestDatabase::create().await;
    let (tenant, instance) = base.mirror().await;
    let (here, there) = (Process::start(&base, None).await, Process::start(&base, None).await);
    let first = issue(1, "PAY-1");
    here.store(tenant, instance, std::slice::from_ref(&first)).await;
    there.issue(tenant, Some(instance), "PAY-1").await.unwrap();
    let mut operator = base.superuser().await;
    operator
        .execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity
             WHERE datname = current_database() AND query LIKE '%LISTEN%' AND pid <> pg_backend_pid()",
        )
        .await
        .unwrap();
    eventually(|| !there.cache.is_hearing()).await;
    here.store(tenant, instance, &[titled(&first, 1, "While deaf")]).await;
    assert_eq!(there.summary(tenant, Some(instance), "PAY-1").await, "While deaf");
    eventually(|| there.cache.is_hearing()).await;
    assert_eq!(there.summary(tenant, Some(instance), "PAY-1").await, "While deaf");
    here.store(tenant, instance, &[titled(&first, 2, "Heard")]).await;
    let began = Instant::now();
    while there.summary(tenant, Some(instance), "PAY-1").await != "Heard" {
        assert!(began.elapsed() < Duration::from_secs(5), "never heard of");
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    base.remove().await;
}

#[tokio::test]
async fn with_its_redis_dead_every_answer_is_right() {
    let (base, redis) = (TestDatabase::create().await, Redis::start());
    let (tenant, instance) = base.mirror().await;
    let (here, there) =
        (Process::start(&base, Some(&redis)).await, Process::start(&base, Some(&redis)).await);
    let first = issue(1, "PAY-1");
    here.store(tenant, instance, std::slice::from_ref(&first)).await;
    there.issue(tenant, Some(instance), "PAY-1").await.unwrap();
    drop(redis);
    for minute in 1..10 {
        let summary = format!("Version {minute}");
        here.store(tenant, instance, &[titled(&first, minute, &summary)]).await;
        assert_eq!(here.summary(tenant, Some(instance), "PAY-1").await, summary);
        let began = Instant::now();
        while there.summary(tenant, Some(instance), "PAY-1").await != summary {
            assert!(began.elapsed() < Duration::from_secs(5), "never heard of");
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    }
    base.remove().await;
}
