//! Sites over real HTTP, as several processes see them that share nothing but the database.

use std::sync::{Arc, Mutex};

use application::{
    Error,
    instances::{AuthMethod, Dialect, InstanceKind},
    ports::{
        Clock, Database, IssueText, JiraSite, JiraSites, Listed, PageSize, Patience, ReferenceData,
        SiteConnection, WorklogFeed,
    },
    site_limits::{SiteLimits, SitePause, WHOLE_SITE},
};
use axum::{
    Router,
    body::{Body, to_bytes},
    extract::Request,
    http::Response,
};
use domain::ids::{InstanceId, TenantId};
use infrastructure::{
    clock::SystemClock,
    crypto::{Keyring, MasterKey},
    jira::HttpSites,
    outbound::{self, Outbound},
    postgres::PoolSettings,
};
use serde_json::{Value, json};
use tokio::{net::TcpListener, task::JoinHandle};

use crate::database::TestDatabase;

/// As much as a site has.
const ALL: PageSize = PageSize { issues: 50, bytes: u64::MAX };

/// A request that arrived.
#[derive(Clone, Debug)]
pub struct Asked {
    pub path: String,
    pub authorization: String,
    pub body: Value,
}

pub type Answer = Response<Body>;

pub fn answer(status: u16, headers: &[(&'static str, &str)], body: Value) -> Answer {
    let head = Response::builder().status(status).header("content-type", "application/json");
    let head = headers.iter().fold(head, |head, (name, value)| head.header(*name, *value));
    head.body(Body::from(body.to_string())).unwrap()
}

pub fn ok(body: Value) -> Answer {
    answer(200, &[], body)
}

/// A server that each test says the answers of.
pub struct Fake {
    pub url: String,
    asked: Arc<Mutex<Vec<Asked>>>,
    task: JoinHandle<()>,
}

impl Drop for Fake {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Fake {
    /// Answers each request by `script`, which gets the request and its number, from 1.
    pub async fn start(script: impl Fn(&Asked, usize) -> Answer + Send + Sync + 'static) -> Self {
        let asked = Arc::new(Mutex::new(Vec::new()));
        let (log, script) = (asked.clone(), Arc::new(script));
        let app = Router::new().fallback(move |request: Request| {
            let (log, script) = (log.clone(), script.clone());
            async move {
                let (head, body) = request.into_parts();
                let body = to_bytes(body, usize::MAX).await.unwrap();
                let authorization = head.headers.get("authorization").map(|value| value.to_str().unwrap());
                let asked = Asked {
                    path: head.uri.path().to_owned(),
                    authorization: authorization.unwrap_or_default().to_owned(),
                    body: serde_json::from_slice(&body).unwrap_or_default(),
                };
                let number = {
                    let mut log = log.lock().unwrap();
                    log.push(asked.clone());
                    log.len()
                };
                script(&asked, number)
            }
        });
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let task = tokio::spawn(async move { axum::serve(listener, app).await.unwrap() });
        Self { url, asked, task }
    }

    pub fn asked(&self) -> Vec<Asked> {
        self.asked.lock().unwrap().clone()
    }
}

/// What a process has: pools of its own, and nothing in common with the others but the database and the master key.
pub struct Process {
    sites: HttpSites,
}

impl Process {
    pub async fn start(base: &TestDatabase, keyring: &Arc<Keyring>, clock: Arc<dyn Clock>) -> Self {
        outbound::install_tls();
        let settings = PoolSettings { app: 4, read: 1, platform: 1, ..PoolSettings::default() };
        let db: Arc<dyn Database> = Arc::new(base.database(settings).await);
        let outbound = Outbound::new("127.0.0.0/8".parse().unwrap()).unwrap();
        Self { sites: HttpSites::new(outbound, db, keyring.clone(), clock, None) }
    }

    pub fn site(&self, connection: &SiteConnection) -> Arc<dyn JiraSite> {
        self.sites.connect(connection.clone()).unwrap()
    }
}

pub fn keyring() -> Arc<Keyring> {
    Arc::new(Keyring::new(MasterKey::generate(), Vec::new()))
}

pub fn connection(tenant: TenantId, instance: InstanceId, url: &str) -> SiteConnection {
    SiteConnection {
        tenant,
        instance,
        kind: InstanceKind::Cloud,
        base_url: url.to_owned(),
        auth_method: AuthMethod::ApiToken,
        email: Some("someone@example.com".into()),
        token: Some("t0k3n".into()),
        requests_per_minute: Some(10_000),
        patience: Patience::Long,
        urgency: application::ports::Urgency::Now,
    }
}

async fn two_processes(base: &TestDatabase) -> [Process; 2] {
    let keyring = keyring();
    let clock = Arc::new(SystemClock);
    [Process::start(base, &keyring, clock.clone()).await, Process::start(base, &keyring, clock).await]
}

async fn limits(base: &TestDatabase, tenant: TenantId, instance: InstanceId) -> SiteLimits {
    base.begin(tenant).await.site_limits(instance).await.unwrap()
}

/// What one process learns is written in the background, within moments.
async fn until_paused(base: &TestDatabase, tenant: TenantId, instance: InstanceId) -> SitePause {
    let began = std::time::Instant::now();
    loop {
        if let Some(pause) = limits(base, tenant, instance).await.pauses.first() {
            return pause.clone();
        }
        assert!(began.elapsed().as_secs() < 10, "nobody was told of the pause");
        tokio::time::sleep(std::time::Duration::from_millis(10)).await;
    }
}

#[tokio::test]
async fn while_a_site_pauses_us_no_process_sends_anything() {
    let base = TestDatabase::create().await;
    let (tenant, instance) = base.mirror().await;
    let fake = Fake::start(|_, number| match number {
        1 => answer(
            429,
            &[("retry-after", "3600"), ("ratelimit-reason", "jira-quota-tenant-based")],
            json!({}),
        ),
        _ => ok(json!({"id": "1", "fields": {}})),
    })
    .await;
    let [first, second] = two_processes(&base).await;
    let connection = connection(tenant, instance, &fake.url);
    let ids = ["1".to_owned()];

    let Err(error) = first.site(&connection).issues(Dialect::V2, &ids).await else {
        panic!("must be refused")
    };
    assert!(matches!(&error, Error::Paused { .. }), "{error:?}");
    let pause = until_paused(&base, tenant, instance).await;
    assert_eq!(pause.scope, WHOLE_SITE);
    for process in [&first, &second] {
        for _ in 0..3 {
            let Err(Error::Paused { retry_after, reason, .. }) =
                process.site(&connection).issues(Dialect::V2, &ids).await
            else {
                panic!("must be held back")
            };
            assert!((3_500..=3_600).contains(&retry_after.as_secs()), "{retry_after:?}");
            assert!(reason.contains("jira-quota-tenant-based"), "{reason}");
        }
    }
    assert_eq!(fake.asked().len(), 1, "not one request a minute: none");

    // The hour is over.
    let mut tx = base.begin(tenant).await;
    let (_, mut known) = tx.lock_site_limits(instance).await.unwrap();
    (known.pauses, known.full_at) = (Vec::new(), None);
    tx.keep_site_limits(instance, &known).await.unwrap();
    tx.commit().await.unwrap();
    second.site(&connection).issues(Dialect::V2, &ids).await.unwrap();
    assert_eq!(fake.asked().len(), 2);
    base.remove().await;
}

#[tokio::test]
async fn a_burst_pauses_its_endpoint_and_nothing_else() {
    let base = TestDatabase::create().await;
    let (tenant, instance) = base.mirror().await;
    let fake = Fake::start(|asked, _| match asked.path.as_str() {
        "/rest/api/3/worklog/list" => {
            answer(429, &[("retry-after", "600"), ("ratelimit-reason", "jira-burst-based")], json!({}))
        }
        _ => ok(json!({"values": [{"worklogId": 7, "updatedTime": 5}], "until": 9, "lastPage": true})),
    })
    .await;
    let [first, second] = two_processes(&base).await;
    let connection = connection(tenant, instance, &fake.url);
    assert!(first.site(&connection).worklogs(Dialect::V3, &["7".into()]).await.is_err());
    until_paused(&base, tenant, instance).await;
    let site = second.site(&connection);
    assert!(matches!(site.worklogs(Dialect::V3, &["7".into()]).await, Err(Error::Paused { .. })));
    let page = site.worklog_feed(Dialect::V3, WorklogFeed::Updated, 3).await.unwrap().unwrap();
    assert_eq!((page.changes, page.until, page.is_last), (vec![("7".to_owned(), 5)], 9, true));
    assert_eq!(fake.asked().len(), 2);
    base.remove().await;
}

#[tokio::test]
async fn what_was_asked_is_counted_by_the_day() {
    let base = TestDatabase::create().await;
    let (tenant, instance) = base.mirror().await;
    let fake = Fake::start(|_, _| ok(json!([{"id": "1"}, {"id": "2"}, {"id": "3"}]))).await;
    let [first, second] = two_processes(&base).await;
    let connection = connection(tenant, instance, &fake.url);
    for process in [&first, &second] {
        let site = process.site(&connection);
        site.worklogs(Dialect::V3, &["7".into()]).await.unwrap();
        site.worklogs(Dialect::V3, &["7".into()]).await.unwrap();
        assert_eq!(site.usage().requests, 2);
    }
    // What an answer cost is added with the next request, or when the connection is given up.
    let mut spent = None;
    for _ in 0..1_000 {
        let days = base
            .begin(tenant)
            .await
            .site_days(instance, chrono::NaiveDate::from_ymd_opt(2026, 1, 1).unwrap())
            .await;
        spent = days.unwrap().first().map(|day| day.spent);
        if spent.is_some_and(|spent| spent.points >= 16) {
            break;
        }
        tokio::time::sleep(std::time::Duration::from_millis(10)).await;
    }
    let spent = spent.unwrap();
    assert_eq!((spent.requests, spent.points, spent.failed, spent.refused), (4, 16, 0, 0), "{spent:?}");
    assert!(spent.bytes > 0);
    base.remove().await;
}

#[tokio::test]
async fn the_dialect_is_what_the_site_says_it_is() {
    let base = TestDatabase::create().await;
    let (tenant, instance) = base.mirror().await;
    let fake = Fake::start(|asked, _| match asked.path.as_str() {
        "/rest/api/2/serverInfo" => {
            ok(json!({"baseUrl": "https://jira.example", "deploymentType": "Server", "version": "10.3.0"}))
        }
        "/rest/api/2/myself" => {
            ok(json!({"key": "JIRAUSER10100", "name": "sync", "timeZone": "Europe/Berlin"}))
        }
        "/rest/api/2/issueLinkType" => ok(json!({"issueLinkTypes": []})),
        "/rest/agile/1.0/board" => ok(json!({"values": [], "isLast": true})),
        path if path.starts_with("/rest/api/2/") => ok(json!([])),
        _ => answer(404, &[], json!({"errorMessages": ["No such resource."]})),
    })
    .await;
    let [process, _] = two_processes(&base).await;
    // Somebody said that it is Cloud.
    let site = process.site(&connection(tenant, instance, &fake.url));
    let identity = site.identify().await.unwrap();
    assert_eq!((identity.dialect, identity.account_id.as_str()), (Dialect::V2, "JIRAUSER10100"));
    site.reference_data().await.unwrap();
    let asked = fake.asked();
    assert!(asked[1..].iter().all(|asked| !asked.path.contains("/api/3/")), "{asked:?}");
    base.remove().await;
}

#[tokio::test]
async fn an_answer_as_to_an_anonymous_caller_is_an_error_of_its_own() {
    let base = TestDatabase::create().await;
    let (tenant, instance) = base.mirror().await;
    let nothing = || json!({"issues": [], "total": 0, "isLast": true});
    for headers in [[("x-seraph-loginreason", "AUTHENTICATED_FAILED")], [("x-ausername", "anonymous")]] {
        let fake = Fake::start(move |_, _| answer(200, &headers, nothing())).await;
        let [process, _] = two_processes(&base).await;
        let site = process.site(&connection(tenant, instance, &fake.url));
        for dialect in [Dialect::V2, Dialect::V3] {
            let found = site.search(dialect, "created >= 0", None, ALL).await;
            assert!(matches!(found, Err(Error::NotAuthenticated(_))), "{found:?}");
        }
    }
    base.remove().await;
}

/// With their histories, too: what comes of a page is what counts.
#[tokio::test]
async fn a_page_that_is_larger_than_wanted_is_none_and_no_failure_of_the_site() {
    let base = TestDatabase::create().await;
    let (tenant, instance) = base.mirror().await;
    let fake = Fake::start(move |asked, _| match asked.path.as_str() {
        "/rest/api/3/search/jql" => ok(json!({"issues": [{"id": "1", "fields": {"summary": "x".repeat(1_000)}}]})),
        _ => ok(json!({"issueChangeLogs": [{"issueId": "1", "changeHistories": [{"id": "7", "items": ["x".repeat(1_000)]}]}]})),
    })
    .await;
    let [process, _] = two_processes(&base).await;
    let site = process.site(&connection(tenant, instance, &fake.url));
    for (bytes, came) in [(500, false), (1_500, false), (3_000, true)] {
        let most = PageSize { issues: 50, bytes };
        let page = site.search(Dialect::V3, "created >= 0", None, most).await.unwrap();
        assert_eq!(page.map(|page| page.issues.len()), came.then_some(1), "{bytes}");
    }
    assert_eq!(site.usage().retries, 0);
    let found = site.search(Dialect::V3, "created >= 0", None, ALL).await.unwrap().unwrap();
    let issue = found.issues.into_iter().next().unwrap().open().unwrap().raw;
    assert_eq!(issue["changelog"]["histories"][0]["id"], "7");
    base.remove().await;
}

/// Three issues with a kilobyte each, of which the second breaks every answer that it is in.
async fn broken_by_the_second() -> Fake {
    let names = |asked: &Asked| asked.body["fields"] == json!(["created", "updated"]);
    let issue = |id: &str| json!({"id": id, "fields": {"summary": "x".repeat(1_000)}, "changelog": {"total": 0, "histories": []}});
    Fake::start(move |asked, _| match asked.path.as_str() {
        "/rest/api/3/search/jql" if names(asked) => {
            ok(json!({"issues": [{"id": "1"}, {"id": "2"}, {"id": "3"}], "nextPageToken": "more"}))
        }
        "/rest/api/3/issue/1" => ok(issue("1")),
        "/rest/api/3/issue/3" => ok(issue("3")),
        _ => ok(json!("broken")),
    })
    .await
}

/// What is broken is read in parts; together they are no larger than the page may be.
#[tokio::test]
async fn the_parts_of_a_page_have_no_more_bytes_than_it_may_have() {
    let base = TestDatabase::create().await;
    let (tenant, instance) = base.mirror().await;
    let fake = broken_by_the_second().await;
    let [process, _] = two_processes(&base).await;
    let site = process.site(&connection(tenant, instance, &fake.url));
    for bytes in [500, 1_500] {
        let most = PageSize { issues: 50, bytes };
        assert!(site.search(Dialect::V3, "created >= 0", None, most).await.unwrap().is_none(), "{bytes}");
    }
    for bytes in [3_000, u64::MAX] {
        let most = PageSize { issues: 50, bytes };
        let page = site.search(Dialect::V3, "created >= 0", None, most).await.unwrap().unwrap();
        assert_eq!(page.issues.iter().map(IssueText::id).collect::<Vec<_>>(), [Some("1"), Some("3")]);
        let aside: Vec<_> = page.set_aside.iter().map(|aside| aside.jira_id.as_deref()).collect();
        assert_eq!((aside, page.next.is_some()), (vec![Some("2")], true), "{bytes}");
    }
    base.remove().await;
}

#[tokio::test]
async fn an_issue_that_is_too_large_by_itself_is_set_aside_once_nothing_smaller_can_be_asked_for() {
    let base = TestDatabase::create().await;
    let (tenant, instance) = base.mirror().await;
    let fake = Fake::start(|asked, _| match asked.body["fields"] == json!(["created", "updated"]) {
        true => ok(json!({"issues": [{"id": "7"}], "nextPageToken": "more"})),
        false => ok(json!({"id": "7", "issues": [], "fields": {"summary": "x".repeat(65 << 20)}})),
    })
    .await;
    let [process, _] = two_processes(&base).await;
    let site = process.site(&connection(tenant, instance, &fake.url));
    for most in [ALL, PageSize { issues: 1, bytes: 4 << 20 }] {
        assert!(site.search(Dialect::V3, "created >= 0", None, most).await.unwrap().is_none());
    }
    let last = PageSize { issues: 1, bytes: PageSize::LARGEST_ISSUE };
    let page = site.search(Dialect::V3, "created >= 0", None, last).await.unwrap().unwrap();
    assert_eq!((page.issues.len(), page.next.is_some()), (0, true), "the walk goes on behind it");
    assert_eq!(page.set_aside[0].jira_id.as_deref(), Some("7"));
    // Whoever asks for it by its id is told that there is no answer, and not that it is gone.
    let fetched = site.issues(Dialect::V3, &["7".into()]).await.unwrap();
    assert_eq!((fetched.issues.len(), fetched.retry), (0, vec!["7".to_owned()]));
    base.remove().await;
}

#[tokio::test]
async fn one_issue_that_cannot_be_completed_does_not_hold_up_its_page() {
    let base = TestDatabase::create().await;
    let (tenant, instance) = base.mirror().await;
    let issue = |id: &str, total: u64| json!({"id": id, "fields": {"comment": {"comments": [{"id": "1"}], "total": total}}});
    let fake = Fake::start(move |asked, _| match asked.path.as_str() {
        "/rest/api/3/search/jql" => {
            ok(json!({"issues": [issue("1", 1), issue("2", 30), issue("3", 30), "nonsense"]}))
        }
        "/rest/api/3/changelog/bulkfetch" => ok(json!({"issueChangeLogs": []})),
        "/rest/api/3/issue/2/comment" => answer(400, &[], json!({"errorMessages": ["Broken."]})),
        _ => ok(json!({"comments": [{"id": "1"}, {"id": "2"}], "total": 2})),
    })
    .await;
    let [process, _] = two_processes(&base).await;
    let site = process.site(&connection(tenant, instance, &fake.url));
    let page = site.search(Dialect::V3, "created >= 0", None, ALL).await.unwrap().unwrap();
    let ids: Vec<_> = page.issues.iter().map(IssueText::id).collect();
    assert_eq!(ids, [Some("1"), Some("3"), None], "what is no issue is left for the reader to reject");
    let third = page.issues[1].clone().open().unwrap();
    assert!(third.comments_complete, "fewer comments than the issue said are all of them now");
    assert_eq!(page.set_aside.len(), 1);
    assert_eq!(page.set_aside[0].jira_id.as_deref(), Some("2"));
    assert!(page.set_aside[0].reason.contains("Broken."));
    base.remove().await;
}

/// Lists of a Cloud site, with or without a service project; what is asked of Jira Service Management is refused.
async fn reference_data_of(
    base: &TestDatabase,
    kind: &'static str,
    status: u16,
) -> (ReferenceData, Vec<String>) {
    let (tenant, instance) = base.mirror().await;
    let fake = Fake::start(move |asked, _| match asked.path.as_str() {
        path if path.starts_with("/rest/servicedeskapi/") => answer(
            status,
            &[],
            json!({"errorMessage": "No.", "i18nErrorMessage": {"i18nKey": "x", "parameters": []}}),
        ),
        "/rest/api/3/project/search" => {
            let project = json!({"id": "1", "key": "HELP", "name": "Help", "projectTypeKey": kind});
            ok(json!({"startAt": 0, "total": 1, "isLast": true, "values": [project]}))
        }
        "/rest/api/3/issueLinkType" => ok(json!({"issueLinkTypes": []})),
        path if path.ends_with("/search") || path.ends_with("/board") || path.ends_with("/bulk") => {
            ok(json!({"startAt": 0, "total": 0, "isLast": true, "values": []}))
        }
        _ => ok(json!([])),
    })
    .await;
    let [process, _] = two_processes(base).await;
    let site = process.site(&connection(tenant, instance, &fake.url));
    let data = site.reference_data().await.unwrap();
    (data, fake.asked().into_iter().map(|asked| asked.path).collect())
}

#[tokio::test]
async fn a_site_is_asked_about_desks_where_it_has_service_projects_and_may_refuse() {
    let base = TestDatabase::create().await;
    let (data, asked) = reference_data_of(&base, "software", 500).await;
    assert!(!asked.iter().any(|path| path.starts_with("/rest/servicedeskapi/")), "{asked:?}");
    assert!(matches!(data.service_desks, Listed::NotAsked));
    base.remove().await;
    for status in [403, 404] {
        let base = TestDatabase::create().await;
        let (data, asked) = reference_data_of(&base, "service_desk", status).await;
        assert!(asked.iter().any(|path| path == "/rest/servicedeskapi/servicedesk"), "{asked:?}");
        assert!(matches!(data.service_desks, Listed::NotAsked), "{status}: what is known stays");
        assert_eq!(data.projects.len(), 1, "{status}: the rest is read");
        base.remove().await;
    }
}

#[tokio::test]
async fn a_list_that_a_site_does_not_serve_is_none_and_a_site_that_wants_to_be_left_alone_is_an_error() {
    let base = TestDatabase::create().await;
    let (tenant, instance) = base.mirror().await;
    for status in [403, 404, 501] {
        let fake = Fake::start(move |_, _| answer(status, &[], json!({"errorMessages": ["No."]}))).await;
        let [process, _] = two_processes(&base).await;
        let site = process.site(&connection(tenant, instance, &fake.url));
        assert!(site.project_rosters(Dialect::V3, "10000").await.unwrap().is_none(), "{status}");
        assert!(site.board_sprints(1).await.unwrap().is_none(), "{status}");
        assert!(site.field_options(Dialect::V3, "customfield_1").await.unwrap().is_none(), "{status}");
        assert!(site.worklog_feed(Dialect::V3, WorklogFeed::Deleted, 1).await.unwrap().is_none(), "{status}");
        assert!(site.desk_setup("1").await.unwrap().is_none(), "{status}");
        assert!(site.organization_members("1").await.unwrap().is_none(), "{status}");
        assert_eq!(fake.asked().len(), 6, "{status}: asked once each");
    }
    let fake = Fake::start(|_, _| answer(429, &[("retry-after", "600")], json!({}))).await;
    let [process, _] = two_processes(&base).await;
    let site = process.site(&connection(tenant, instance, &fake.url));
    assert!(site.project_rosters(Dialect::V3, "10000").await.is_err());
    base.remove().await;
}
