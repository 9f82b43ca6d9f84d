//! What hangs on a sandbox's issues, and what it has beside them: over HTTP, as clients of Jira see it.

use reqwest::Method;
use serde_json::{Value, json};
use sqlx::Row;

use crate::app::{Answer, AtDoor, TestApp};

/// A sandbox `play`; its oldest issue that is not resolved.
struct Play {
    app: TestApp,
    issue: String,
}

impl AtDoor for Play {
    const BASE: &'static str = "/jira/play/rest/api/3";

    fn app(&self) -> &TestApp {
        &self.app
    }
}

impl Play {
    async fn start() -> Self {
        let app = TestApp::start().await;
        app.sandbox("play", 40);
        let search =
            "/jira/play/rest/api/3/search?jql=resolution%20is%20EMPTY%20ORDER%20BY%20id&maxResults=1";
        let issue = app.get(search).await.ok()["issues"][0]["key"].as_str().unwrap().to_owned();
        Self { app, issue }
    }

    /// A path below the issue.
    fn of_issue(&self, path: &str) -> String {
        format!("issue/{}/{path}", self.issue)
    }

    async fn fields(&self) -> Value {
        self.get(&format!("issue/{}", self.issue)).await.ok()["fields"].clone()
    }

    async fn attach(&self, filename: &str, bytes: Vec<u8>) -> Answer {
        self.app
            .upload(&format!("/jira/play/rest/api/3/{}", self.of_issue("attachments")), filename, bytes)
            .await
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn files_are_attached_read_and_deleted() {
    let mut play = Play::start().await;
    let before = play.fields().await;
    let bytes = b"<script>alert(1)</script>".repeat(9_000);
    let attached = play.attach("evil \"page\".html", bytes.clone()).await;
    assert_eq!(attached.status, 200, "{}", attached.text);
    let file = &attached.json[0];
    assert_eq!((&file["size"], &file["mimeType"]), (&json!(bytes.len()), &json!("text/plain")));
    let id = file["id"].as_str().unwrap().to_owned();
    let fields = play.fields().await;
    assert_eq!(fields["attachment"].as_array().unwrap().last(), Some(file));
    assert_ne!(fields["updated"], before["updated"]);
    assert_eq!(play.get(&format!("attachment/{id}")).await.ok(), *file);
    let histories = play.get(&play.of_issue("changelog")).await.ok();
    let item = &histories["values"].as_array().unwrap().last().unwrap()["items"][0];
    assert_eq!(
        (&item["field"], &item["to"], &item["toString"]),
        (&json!("Attachment"), &file["id"], &file["filename"])
    );

    // What somebody sent is never a page of this origin.
    let content = play.get(&format!("attachment/content/{id}")).await;
    assert_eq!((content.status.as_u16(), content.text.len()), (200, bytes.len()));
    assert!(content.headers["content-disposition"].to_str().unwrap().starts_with("attachment;"));
    assert_eq!(content.headers["x-content-type-options"], "nosniff");

    let others =
        play.app.cli(&["key", "create", "--tenant", "acme", "--scopes", "read,write", "--projects", "NONE"]);
    play.app.cli(&["tenant", "create", "globex"]);
    for (stranger, method) in [
        (others.trim().to_owned(), Method::GET),
        (others.trim().to_owned(), Method::DELETE),
        (play.app.key_for("globex", "read,write"), Method::GET),
    ] {
        for path in ["attachment", "attachment/content"] {
            let path = format!("/jira/play/rest/api/3/{path}/{id}");
            let answer = play.app.ask(method.clone(), &path, Some(&stranger), None).await;
            assert!([404, 405].contains(&answer.status.as_u16()), "{method} {path}: {}", answer.text);
        }
    }

    assert_eq!(play.delete(&format!("attachment/{id}")).await.status, 204);
    assert_eq!(play.get(&format!("attachment/content/{id}")).await.status, 404);
    assert_eq!(play.fields().await["attachment"], before["attachment"]);
    play.attach("stays.bin", vec![1, 2, 3]).await.ok();
    let mut database = play.app.database.superuser().await;
    let count = async |database: &mut sqlx::PgConnection| {
        let row = sqlx::query("SELECT count(*) FROM attachment_contents").fetch_one(database).await.unwrap();
        row.get::<i64, _>(0)
    };
    assert_eq!(count(&mut database).await, 1, "one was deleted with its bytes");
    play.app.cli(&["instance", "remove", "play", "--tenant", "acme", "--yes"]);
    assert_eq!(count(&mut database).await, 0, "the sandbox takes its files with it");
    play.app.stop();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_that_cannot_be_attached_leaves_nothing() {
    let play = Play::start().await;
    let before = play.fields().await;
    let meta = play.get("attachment/meta").await.ok();
    let limit = usize::try_from(meta["uploadLimit"].as_u64().unwrap()).unwrap();
    let large = play.attach("large.bin", vec![0; limit + 1]).await;
    assert_eq!(large.status, 413, "{}", large.text);
    let largest = play.attach("largest.bin", vec![0; limit]).await;
    assert_eq!(largest.status, 200, "{}", largest.text);
    play.delete(&format!("attachment/{}", largest.json[0]["id"].as_str().unwrap())).await;
    // A browser that was tricked into it does not send the header.
    let unchecked = play.post(&play.of_issue("attachments"), json!({})).await;
    assert_eq!(unchecked.status, 403, "{}", unchecked.text);
    assert_eq!(play.fields().await["attachment"], before["attachment"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn people_watch_issues_and_vote_for_them() {
    let play = Play::start().await;
    let before = play.fields().await;
    let (watching, voting) =
        (before["watches"]["watchCount"].as_u64().unwrap(), before["votes"]["votes"].as_u64().unwrap());
    let someone = before["reporter"]["accountId"].as_str().unwrap();
    assert_eq!(play.post(&play.of_issue("watchers"), json!(someone)).await.status, 204);
    assert_eq!(play.post(&play.of_issue("watchers"), json!(someone)).await.status, 204, "again is no error");
    let own = play.ask(Method::POST, &play.of_issue("watchers"), None).await;
    assert_eq!(own.status, 204, "{}", own.text);
    let found = play.get(&play.of_issue("watchers")).await.ok();
    assert_eq!((&found["watchCount"], &found["isWatching"]), (&json!(watching + 2), &json!(true)));
    assert_eq!(found["watchers"].as_array().unwrap().len(), 2);
    assert_eq!(play.post(&play.of_issue("watchers"), json!("nobody-known")).await.status, 404);
    assert_eq!(play.delete(&play.of_issue("watchers?accountId=forebay-sandbox")).await.status, 204);
    assert_eq!(play.fields().await["watches"]["isWatching"], false);

    assert_eq!(play.post(&play.of_issue("votes"), Value::Null).await.status, 204);
    let found = play.get(&play.of_issue("votes")).await.ok();
    assert_eq!((&found["votes"], &found["hasVoted"]), (&json!(voting + 1), &json!(true)));
    assert_eq!(play.delete(&play.of_issue("votes")).await.status, 204);
    let after = play.fields().await;
    assert_eq!((&after["votes"], &after["updated"]), (&before["votes"], &before["updated"]));

    let fields = json!({ "project": before["project"], "issuetype": { "name": "Task" }, "summary": "Mine" });
    let own = play.post("issue", json!({ "fields": fields })).await.ok();
    let refused = play.post(&format!("issue/{}/votes", own["key"].as_str().unwrap()), Value::Null).await;
    assert_eq!(refused.status, 404);
    assert_eq!(refused.json["errorMessages"][0], "You cannot vote for an issue you have reported.");
}

#[tokio::test(flavor = "multi_thread")]
async fn remote_links_and_properties_hang_on_an_issue() {
    let play = Play::start().await;
    let before = play.fields().await;
    let link = |title: &str| json!({ "globalId": "system=1", "object": { "url": "https://example.com", "title": title } });
    let made = play.post(&play.of_issue("remotelink"), link("One")).await;
    assert_eq!(made.status, 201, "{}", made.text);
    let again = play.post(&play.of_issue("remotelink"), link("Two")).await;
    assert_eq!((again.status.as_u16(), &again.json["id"]), (200, &made.json["id"]), "the same link");
    let found = play.get(&play.of_issue("remotelink?globalId=system%3D1")).await.ok();
    assert_eq!((&found["object"]["title"], &found["id"]), (&json!("Two"), &made.json["id"]));
    let bad = play.post(&play.of_issue("remotelink"), json!({ "object": { "url": "https://x" } })).await;
    assert_eq!((bad.status.as_u16(), &bad.json["errors"]["title"]), (400, &json!("'title' is required.")));
    assert_eq!(play.fields().await["updated"], before["updated"]);
    assert_eq!(play.delete(&play.of_issue("remotelink?globalId=system%3D1")).await.status, 204);
    assert_eq!(play.get(&play.of_issue("remotelink")).await.ok(), json!([]));

    assert_eq!(play.put(&play.of_issue("properties/review"), json!({ "state": "open" })).await.status, 201);
    assert_eq!(play.put(&play.of_issue("properties/review"), json!([1, 2])).await.status, 200);
    assert_eq!(play.get(&play.of_issue("properties/review")).await.ok()["value"], json!([1, 2]));
    assert_eq!(play.get(&play.of_issue("properties")).await.ok()["keys"][0]["key"], "review");
    assert_eq!(play.delete(&play.of_issue("properties/review")).await.status, 204);
    assert_eq!(play.delete(&play.of_issue("properties/review")).await.status, 404);
    let too_long = json!("x".repeat(40_000));
    assert_eq!(play.put(&play.of_issue("properties/long"), too_long).await.status, 400);
}

#[tokio::test(flavor = "multi_thread")]
async fn filters_are_saved_and_found() {
    let play = Play::start().await;
    let made = play
        .post("filter", json!({ "name": "Mine", "jql": "statusCategory != Done", "favourite": true }))
        .await
        .ok();
    let path = format!("filter/{}", made["id"].as_str().unwrap());
    assert_eq!(play.get(&path).await.ok(), made);
    let found = play.get("filter/search?filterName=mine&expand=jql").await.ok();
    assert_eq!((&found["total"], &found["values"][0]["jql"]), (&json!(1), &json!("statusCategory != Done")));
    assert_eq!(play.get("filter/my").await.ok()[0]["id"], made["id"]);
    assert_eq!(play.get("filter/favourite").await.ok()[0]["id"], made["id"]);
    let taken = play.post("filter", json!({ "name": "Mine" })).await;
    assert_eq!(
        (taken.status.as_u16(), &taken.json["errors"]["filterName"]),
        (400, &json!("Filter with same name already exists."))
    );
    assert_eq!(play.put(&path, json!({ "name": "Mine", "jql": "status = = x" })).await.status, 400);
    assert_eq!(play.ask(Method::DELETE, &format!("{path}/favourite"), None).await.status, 200);
    assert_eq!(play.get("filter/favourite").await.ok(), json!([]));
    assert_eq!(play.delete(&path).await.status, 204);
    assert_eq!(play.get(&path).await.status, 400);
    let key = play.app.cli(&["key", "create", "--tenant", "acme", "--scopes", "write", "--projects", "PAY"]);
    let limited = play
        .app
        .ask(Method::POST, "/jira/play/rest/api/3/filter", Some(key.trim()), Some(json!({ "name": "x" })))
        .await;
    assert_eq!(limited.status, 403, "filters are the whole site's");
}

#[tokio::test(flavor = "multi_thread")]
async fn many_issues_are_created_at_once_and_worklogs_are_told_of() {
    let play = Play::start().await;
    let project = play.fields().await["project"].clone();
    let fields = |summary: &str| json!({ "fields": { "project": project, "issuetype": { "name": "Task" }, "summary": summary } });
    let made =
        play.post("issue/bulk", json!({ "issueUpdates": [fields("one"), fields(""), fields("two")] })).await;
    assert_eq!(made.status, 201, "{}", made.text);
    assert_eq!(made.json["issues"].as_array().unwrap().len(), 2);
    let error = &made.json["errors"][0];
    assert_eq!((&error["failedElementNumber"], &error["status"]), (&json!(1), &json!(400)));
    assert!(error["elementErrors"]["errors"]["summary"].is_string(), "{error}");
    let none = play.post("issue/bulk", json!({ "issueUpdates": [fields("")] })).await;
    assert_eq!(none.status, 400);

    let all = play.get("worklog/updated?since=0").await.ok();
    let listed = all["values"].as_array().unwrap();
    assert!(!listed.is_empty() && all["lastPage"] == true, "{all}");
    assert!(listed.is_sorted_by_key(|change| change["updatedTime"].as_i64()));
    let ids: Vec<_> = listed.iter().take(3).map(|change| change["worklogId"].clone()).collect();
    let found = play.post("worklog/list", json!({ "ids": ids })).await.ok();
    assert_eq!(found.as_array().unwrap().len(), 3);
    assert!(found[0]["timeSpentSeconds"].is_number() && found[0]["issueId"].is_string(), "{found}");
    let since = listed[0]["updatedTime"].as_i64().unwrap();
    let later = play.get(&format!("worklog/updated?since={since}")).await.ok();
    assert!(later["values"].as_array().unwrap().len() < listed.len(), "what was told is not told again");
    assert_eq!(play.get("worklog/deleted?since=0").await.ok()["values"], json!([]));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_mirror_of_a_sandbox_has_its_boards_and_filters_and_can_ask_for_options() {
    let play = Play::start().await;
    let session = play.app.get("/jira/play/rest/auth/1/session").await.ok();
    assert_eq!(session["name"], "forebay-sandbox");
    let contexts = play.get("field/customfield_10038/context").await.ok();
    let context = contexts["values"][0]["id"].as_str().unwrap();
    let options = play.get(&format!("field/customfield_10038/context/{context}/option")).await.ok();
    assert_eq!(options["total"], 12, "three regions with three countries each");
    assert_eq!(play.get("field/summary/context").await.status, 404);
    assert_eq!(play.get("field/customfield_10016/context/10016/option").await.status, 400);

    play.app.mirror("copy", "play", "cloud");
    play.app.cli(&["sync", "run", "copy", "--tenant", "acme", "--wait"]);
    let of = async |instance: &str, list: &str| {
        play.app.get(&format!("/v1/{list}?instance={instance}&limit=200")).await.ok()[list]
            .as_array()
            .unwrap()
            .len()
    };
    assert_eq!(of("copy", "boards").await, of("play", "boards").await);
    assert!(of("copy", "sprints").await > 0);
    let filters = play.app.get("/jira/copy/rest/api/3/filter/search").await.ok();
    assert_eq!(filters["total"], play.get("filter/search").await.ok()["total"]);
    // What a mirror does not hold is told so.
    let path = "issue/10001/properties";
    assert_eq!(play.app.get(&format!("/jira/copy/rest/api/3/{path}")).await.status, 501, "{path}");

    play.app.until_rosters_are_read("copy").await;
    for path in [
        "field/customfield_10038/context",
        "field/customfield_10038/context/10038/option?maxResults=100",
        "dashboard/search?expand=owner,description",
        "worklog/deleted",
    ] {
        // What leads to the API leads here; pages and pictures stay where they are.
        let here = play.app.get(&format!("/jira/copy/rest/api/3/{path}")).await.ok()["values"].to_string();
        let there = play.get(path).await.ok()["values"].to_string();
        assert_eq!(here.replace("/jira/copy/", "/jira/play/"), there, "{path}");
    }
    // What it has learnt of within this minute, a feed leaves out.
    let learnt = play.app.get("/jira/copy/rest/api/3/worklog/updated?since=0").await.ok();
    assert!(learnt["values"].is_array() && learnt["until"].is_number(), "{learnt}");
}
