//! No statement per row behind a door: a page of fifty takes as many as a page of one.

use std::{
    collections::BTreeMap,
    fs::File,
    path::{Path, PathBuf},
    process::{Child, Stdio},
};

use reqwest::Method;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::app::{TestApp, client, eventually, free_port, signal};

/// A second server over the app's database, whose log tells every statement with the request that it was for.
struct Counting {
    app: TestApp,
    server: Child,
    url: String,
    log: PathBuf,
}

impl Counting {
    async fn beside(app: TestApp) -> Self {
        let port = free_port();
        let url = format!("http://127.0.0.1:{port}");
        let log = std::env::temp_dir().join(format!("forebay-statements-{}-{port}", std::process::id()));
        let file = File::create(&log).unwrap();
        let mut command = app.command();
        command
            .arg("serve")
            .env("FOREBAY_LISTEN", format!("127.0.0.1:{port}"))
            .env("FOREBAY_LOG", "info,sqlx::query=debug")
            .env("FOREBAY_LOG_FORMAT", "json");
        let server = command.stdout(file.try_clone().unwrap()).stderr(Stdio::from(file)).spawn().unwrap();
        let ready = || async {
            client().get(format!("{url}/health/ready")).send().await.is_ok_and(|a| a.status().is_success())
        };
        eventually(ready, |ready| *ready).await;
        Self { app, server, url, log }
    }

    /// The answer of a door, and how many statements it took.
    async fn ask(&self, method: Method, path: &str, body: Option<Value>) -> (String, usize) {
        let id = Uuid::new_v4().to_string();
        let mut request = client().request(method, format!("{}{path}", self.url));
        request = request.bearer_auth(&self.app.key).header("x-request-id", &id);
        if let Some(body) = body {
            request = request.json(&body);
        }
        let answer = request.send().await.unwrap();
        let status = answer.status();
        let text = answer.text().await.unwrap();
        assert!(status.is_success(), "{path}: {status} {text}");
        let lines = || async {
            let log = std::fs::read_to_string(&self.log).unwrap();
            log.lines().filter(|line| line.contains(&id)).map(str::to_owned).collect::<Vec<_>>()
        };
        let lines = eventually(lines, |lines| lines.iter().any(|line| line.contains("\"answered\""))).await;
        (text, lines.iter().filter(|line| line.contains("\"sqlx::query\"")).count())
    }

    async fn get(&self, path: &str) -> (String, usize) {
        self.ask(Method::GET, path, None).await
    }

    /// A page of one and a page of fifty, both after caches are warm.
    async fn same_for_pages(&self, method: Method, path: &str, body: impl Fn(usize) -> Option<Value>) {
        let of = async |size: usize| {
            self.ask(method.clone(), &path.replace("{size}", &size.to_string()), body(size)).await
        };
        of(50).await;
        let ((one, of_one), (fifty, of_fifty)) = (of(1).await, of(50).await);
        // One statement more tells of the parents, sub-tasks and links of all, where any issue of the page has some; one each of comments
        // and of worklogs.
        assert!((of_one..=of_one + 3).contains(&of_fifty), "{path}: {of_one}, {of_fifty}");
        assert!((1..20).contains(&of_one), "{path}: {of_one}");
        assert!(path.contains("bulkfetch") || fifty.len() > 5 * one.len(), "{path}: {fifty}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_doors_most_used_take_a_fixed_number_of_statements() {
    let app = TestApp::start().await;
    app.sandbox("play", 300);
    app.mirror("copy", "play", "server");
    app.json(&["sync", "run", "copy", "--tenant", "acme", "--wait"]);
    let counting = Counting::beside(app).await;
    let none = |_: usize| None;
    let get = Method::GET;

    counting.same_for_pages(get.clone(), "/v1/issues?instance=play&limit={size}", none).await;
    for search in [
        "/jira/play/rest/api/3/search?jql=ORDER%20BY%20key&maxResults={size}&fields=*all&expand=changelog",
        "/jira/copy/rest/api/2/search?jql=ORDER%20BY%20key&maxResults={size}&fields=*all",
    ] {
        counting.same_for_pages(get.clone(), search, none).await;
    }
    // On Server issues name their epics by key, each another one.
    let boards = counting.get("/jira/copy/rest/agile/1.0/board").await.0;
    let boards: Value = serde_json::from_str(&boards).unwrap();
    let board = boards["values"][0]["id"].as_i64().unwrap();
    let issues = format!("/jira/copy/rest/agile/1.0/board/{board}/issue?maxResults={{size}}");
    counting.same_for_pages(get, &issues, none).await;
    // Keys that no search finds may be keys of the past.
    let unknown = |size: usize| {
        let keys: Vec<String> = (1..=size).map(|number| format!("GONE-{number}")).collect();
        Some(json!({ "issueIdsOrKeys": keys, "fields": ["summary"] }))
    };
    counting.same_for_pages(Method::POST, "/jira/play/rest/api/3/issue/bulkfetch", unknown).await;

    one_issue(&counting).await;
    known_issue(&counting).await;
    instances(&counting).await;
    signal(&counting.server, "TERM");
    let Counting { mut server, log, .. } = counting;
    server.wait().unwrap();
    std::fs::remove_file(log).unwrap();
}

/// An issue takes no more where much hangs on it, but for lists that are empty, which are not asked for.
async fn one_issue(counting: &Counting) {
    let found =
        "/jira/play/rest/api/3/search?jql=ORDER%20BY%20key&maxResults=40&fields=comment&expand=changelog";
    let found: Value = serde_json::from_str(&counting.get(found).await.0).unwrap();
    let mut by_size: Vec<(usize, String)> = found["issues"]
        .as_array()
        .unwrap()
        .iter()
        .map(|issue| (issue.to_string().len(), issue["key"].as_str().unwrap().to_owned()))
        .collect();
    by_size.sort();
    let (least, most) = (&by_size[0], &by_size[by_size.len() - 1]);
    assert!(most.0 > 3 * least.0, "{by_size:?}");
    for path in ["/v1/issues/{key}?instance=play", "/jira/play/rest/api/3/issue/{key}?expand=changelog"] {
        let mut taken = Vec::new();
        for (_, key) in [least, most] {
            let path = path.replace("{key}", key);
            counting.get(&path).await;
            taken.push(counting.get(&path).await.1);
        }
        assert!(taken[0] <= taken[1] && taken[1] < taken[0] + 3 && taken[1] < 12, "{path}: {taken:?}");
    }
}

/// An issue that is known takes the statement that tells who asks, and one for each list that has something in it, in either version.
async fn known_issue(counting: &Counting) {
    let found = "/jira/play/rest/api/3/search?jql=ORDER%20BY%20key&maxResults=100&fields=comment,worklog";
    let found: Value = serde_json::from_str(&counting.get(found).await.0).unwrap();
    let mut by_lists: BTreeMap<usize, &str> = BTreeMap::new();
    for issue in found["issues"].as_array().unwrap() {
        let fields = &issue["fields"];
        let lists = ["comment", "worklog"].iter().filter(|list| fields[list]["total"] != 0).count();
        by_lists.insert(lists, issue["key"].as_str().unwrap());
    }
    assert!(by_lists.len() > 1 && by_lists.contains_key(&0), "{by_lists:?}");
    for (lists, key) in by_lists {
        for version in ["2", "3"] {
            let path = format!("/jira/play/rest/api/{version}/issue/{key}");
            counting.get(&path).await;
            // Once a minute it is noted when the key was used last.
            let (first, second) = (counting.get(&path).await.1, counting.get(&path).await.1);
            assert_eq!(first.min(second), 1 + lists, "{path}");
        }
    }
}

/// The page of instances counts the issues of all sandboxes at once.
async fn instances(counting: &Counting) {
    counting.get("/instances").await;
    let (_, before) = counting.get("/instances").await;
    for name in ["second", "third", "fourth"] {
        counting.app.sandbox(name, 0);
    }
    let (page, after) = counting.get("/instances").await;
    assert!(page.contains("fourth"), "{page}");
    assert_eq!(before, after, "the page of instances");
}

/// What a worker does because of a webhook takes no statement per row, however much hangs on its issue.
#[tokio::test(flavor = "multi_thread")]
async fn a_webhook_takes_a_fixed_number_of_statements() {
    let app = TestApp::start_without_worker().await;
    app.sandbox("site", 60);
    app.mirror("copy", "site", "cloud");
    app.json(&["sync", "run", "copy", "--tenant", "acme", "--wait"]);
    let log = std::env::temp_dir().join(format!("forebay-hints-{}-{}", std::process::id(), free_port()));
    let file = File::create(&log).unwrap();
    let mut worker = app.command();
    worker.arg("worker").env("FOREBAY_LOG", "info,sqlx::query=debug").env("FOREBAY_LOG_FORMAT", "json");
    let mut worker = worker.stdout(file.try_clone().unwrap()).stderr(Stdio::from(file)).spawn().unwrap();

    let path =
        "/jira/site/rest/api/3/search?jql=ORDER%20BY%20key&maxResults=60&fields=comment&expand=changelog";
    let found = app.get(path).await.ok();
    let mut by_size: Vec<(usize, &str)> = found["issues"]
        .as_array()
        .unwrap()
        .iter()
        .map(|issue| (issue.to_string().len(), issue["key"].as_str().unwrap()))
        .collect();
    by_size.sort_unstable();
    let (least, most) = (by_size[0], by_size[by_size.len() - 1]);
    assert!(most.0 > 3 * least.0, "{by_size:?}");
    let mut taken = BTreeMap::new();
    // The first one asks the site who we are there, which is known from then on.
    for (time, (_, key)) in [most, least, most].into_iter().enumerate() {
        let before: Vec<i64> = hints(&log).into_keys().collect();
        let told = json!({ "fields": { "summary": format!("told of {key}, {time}") } });
        let path = format!("/jira/site/rest/api/3/issue/{key}");
        assert!(app.ask(Method::PUT, &path, Some(&app.key), Some(told.clone())).await.status.is_success());
        let shown = || async { app.get(&format!("/jira/copy/rest/api/3/issue/{key}")).await.ok() };
        eventually(shown, |issue| issue["fields"]["summary"] == told["fields"]["summary"]).await;
        let ended = || async {
            let new = hints(&log).into_iter().find(|(job, (_, done))| *done && !before.contains(job));
            new.map(|(_, (statements, _))| statements)
        };
        taken.insert(key, eventually(ended, Option::is_some).await.unwrap());
    }
    signal(&worker, "TERM");
    worker.wait().unwrap();
    std::fs::remove_file(log).unwrap();
    // Of lists that are empty nothing is written; of others as much for one row as for all.
    let (fewest, largest) = (taken.values().min().unwrap(), taken.values().max().unwrap());
    assert!(*fewest > 10 && *largest <= 60 && largest - fewest <= 12, "{taken:?}");
}

/// Statements of each hint that the log of a worker tells of, by job, and whether it is done.
fn hints(log: &Path) -> BTreeMap<i64, (usize, bool)> {
    let text = std::fs::read_to_string(log).unwrap();
    let mut hints: BTreeMap<i64, (usize, bool)> = BTreeMap::new();
    for line in text.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok()) {
        let spans = line["spans"].as_array().map(Vec::as_slice).unwrap_or_default();
        let job =
            spans.iter().find(|span| span["job"] == "process_hint").and_then(|span| span["id"].as_i64());
        let Some(job) = job else { continue };
        let hint = hints.entry(job).or_default();
        hint.0 += usize::from(line["target"] == "sqlx::query");
        hint.1 |= line["message"] == "done";
    }
    hints
}
