//! Pages, issues and histories that are not as they should be.

use reqwest::Method;
use serde_json::{Value, json};

use super::{SEARCH, ask, distinct, injected, sandbox, serve, walk};

#[tokio::test(flavor = "multi_thread")]
async fn pages_are_short_and_tokens_odd_and_still_every_issue_comes() {
    let app = sandbox(20).await;
    serve(&app, json!([{ "fault": "short_page", "at_most": 3 }])).await;
    let (ids, pages) = walk(&app, 10).await;
    assert_eq!((distinct(&ids), ids.len(), pages), (20, 20, 7));
    let asked = json!({ "jql": "created >= \"1970-01-01\"", "maxResults": 10 });
    let page = app.post("/jira/play/rest/api/3/search/jql", asked).await.ok();
    assert_eq!(page["issues"].as_array().unwrap().len(), 3, "in a body too");

    serve(&app, json!([{ "fault": "empty_page", "first": 1 }])).await;
    let (ids, pages) = walk(&app, 10).await;
    assert_eq!((distinct(&ids), ids.len()), (20, 20), "what an empty page left out comes behind its token");
    assert!(pages > 2);
    serve(&app, json!([{ "fault": "repeated_page", "first": 1 }])).await;
    let (ids, _) = walk(&app, 10).await;
    assert_eq!(distinct(&ids), 20);
    assert!(ids.len() > 20, "some came twice");
    serve(&app, json!([{ "fault": "duplicate_row" }])).await;
    let (ids, _) = walk(&app, 10).await;
    assert_eq!((distinct(&ids), ids.len()), (20, 22));

    let page = async |size: u32, rest: &str| app.get(&format!("{SEARCH}&maxResults={size}{rest}")).await;
    serve(&app, json!([{ "fault": "missing_token" }])).await;
    let missing = page(10, "").await.ok();
    assert_eq!((&missing["isLast"], missing.get("nextPageToken")), (&json!(false), None));
    serve(&app, json!([{ "fault": "last_with_token" }])).await;
    let lying = page(10, "").await.ok();
    assert!(lying["isLast"] == true && lying["nextPageToken"].is_string(), "{lying}");
    serve(&app, json!([{ "fault": "null_token" }])).await;
    assert_eq!(page(50, "").await.ok().get("nextPageToken"), Some(&Value::Null));
    serve(&app, json!([{ "fault": "expired_page_token" }])).await;
    let first = page(10, "").await.ok();
    let token = first["nextPageToken"].as_str().unwrap();
    let expired = page(10, &format!("&nextPageToken={token}")).await;
    assert_eq!(expired.status, 400);
    assert!(expired.json["errorMessages"].is_array(), "{}", expired.text);
}

#[tokio::test(flavor = "multi_thread")]
async fn offset_pages_shift_and_each_dialect_knows_one_search() {
    let app = sandbox(20).await;
    let path = "/jira/play/rest/api/2/search?jql=ORDER%20BY%20id&fields=id&maxResults=5&startAt=10";
    let ids =
        |page: &Value| page["issues"].as_array().unwrap().iter().map(|i| i["id"].clone()).collect::<Vec<_>>();
    let right = app.get(path).await.ok();
    serve(&app, json!([{ "fault": "shifted_page", "by": 2 }])).await;
    let shifted = app.get(path).await.ok();
    assert_eq!(shifted["startAt"], 10, "it does not know that it moved");
    assert_ne!(ids(&shifted), ids(&right));
    let overlap = ids(&shifted).iter().filter(|id| ids(&right).contains(id)).count();
    assert!((3..5).contains(&overlap), "{overlap}");

    serve(&app, json!([{ "fault": "foreign_search" }])).await;
    let gone = app.get(path).await;
    assert_eq!(gone.status, 410);
    assert!(
        gone.json["errorMessages"][0].as_str().unwrap().starts_with("The requested API has been removed.")
    );
    assert_eq!(app.get(SEARCH).await.status, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_strict_sandbox_takes_no_more_than_cloud_does() {
    let app = sandbox(5).await;
    let search = "/jira/play/rest/api/3/search/jql";
    let lenient = json!({ "ids": [1], "more": true });
    let worklogs = "/jira/play/rest/api/3/worklog/list";
    assert_eq!(app.post(worklogs, lenient.clone()).await.status, 200);
    serve(&app, json!([{ "fault": "strict" }])).await;
    assert_eq!(app.get("/jira/play/rest/api/2/search?jql=project%20is%20not%20EMPTY").await.status, 410);
    let refused = app.post(worklogs, lenient).await;
    assert_eq!(refused.status, 400);
    assert_eq!(
        refused.json["errorMessages"],
        json!(["Invalid request payload. Refer to the REST API documentation and try again."])
    );
    assert_eq!(app.post(search, json!({ "jql": "project is not EMPTY" })).await.status, 200);
    assert_eq!(injected(&app).await["strict"], 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_index_learns_late_what_reading_by_id_knows_at_once() {
    let app = sandbox(5).await;
    serve(&app, json!([{ "fault": "index_lag", "ms": 60_000 }])).await;
    let found = async |jql: &str, reconcile: Value| {
        let asked = json!({ "jql": jql, "maxResults": 50, "reconcileIssues": reconcile });
        let page = app.post("/jira/play/rest/api/3/search/jql", asked).await.ok();
        page["issues"].as_array().unwrap().iter().any(|issue| issue["id"] == "10001")
    };
    let recent = "updated >= 0 ORDER BY updated";
    app.post("/jira/play/rest/api/2/issue/10001/comment", json!({ "body": "new" })).await.ok();
    assert!(!found(recent, json!([])).await, "the index does not know yet");
    assert!(found(recent, json!([10001])).await, "who knows of it may say so");
    assert!(found("id = 10001", json!([])).await, "by its id it is found as before");
    let issue = ask(&app, "issue/10001").await.ok();
    let comments = issue["fields"]["comment"]["comments"].as_array().unwrap();
    assert!(comments.iter().any(|comment| comment.to_string().contains("new")), "{issue}");
    assert!(injected(&app).await["index_lag"].as_u64().unwrap() >= 1);
    serve(&app, json!([])).await;
    assert!(found(recent, json!([])).await);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_hidden_is_hidden_everywhere() {
    let app = sandbox(40).await;
    let issue = ask(&app, "issue/10001?fields=project").await.ok();
    let project = issue["fields"]["project"]["key"].as_str().unwrap().to_owned();
    let (all, _) = walk(&app, 50).await;
    serve(&app, json!([{ "fault": "hidden", "projects": [project] }])).await;
    let (seen, _) = walk(&app, 50).await;
    assert!(seen.len() < all.len() && !seen.contains(&"10001".to_owned()), "{seen:?}");
    let hidden = ask(&app, "issue/10001").await;
    let gone = ask(&app, "issue/999999").await;
    assert_eq!((hidden.status.as_u16(), &hidden.json), (404, &gone.json), "as if it were not there");
    for path in
        ["issue/10001/comment", "issue/10001/changelog", "issue/10001/worklog", "issue/10001/transitions"]
    {
        assert_eq!(ask(&app, path).await.status, 404, "{path}");
    }
    let comment = app.post("/jira/play/rest/api/2/issue/10001/comment", json!({ "body": "x" })).await;
    assert_eq!(comment.status, 404);
    let bulk = json!({ "issueIdsOrKeys": ["10001"] });
    assert_eq!(app.post("/jira/play/rest/api/3/issue/bulkfetch", bulk).await.ok()["issues"], json!([]));
    assert_eq!(ask(&app, &format!("project/{project}")).await.status, 404);
    assert!(!ask(&app, "project").await.text.contains(&format!("\"{project}\"")));

    serve(&app, json!([{ "fault": "hidden", "share": 0.3 }])).await;
    let (some, _) = walk(&app, 50).await;
    assert!(some.len() < 40 && some.len() > 15, "{}", some.len());
    assert_eq!(walk(&app, 50).await.0, some, "the same ones each time");
    serve(&app, json!([])).await;
    assert_eq!(walk(&app, 50).await.0, all);
}

#[tokio::test(flavor = "multi_thread")]
async fn issues_come_truncated_spoilt_and_with_odd_histories() {
    let app = sandbox(30).await;
    let path =
        "search/jql?jql=created%20%3E%3D%20%221970-01-01%22&fields=*all&expand=changelog&maxResults=100";
    let whole = ask(&app, path).await.ok();
    let lengths = |page: &Value, pointer: &str, list: &str| {
        let issues = page["issues"].as_array().unwrap().iter();
        issues.filter_map(|i| Some(i.pointer(pointer)?[list].as_array()?.len())).collect::<Vec<_>>()
    };
    serve(&app, json!([{ "fault": "truncated", "changelog": 1, "comments": 1, "worklogs": 0 }])).await;
    let cut = ask(&app, path).await.ok();
    for (pointer, list, most) in [
        ("/changelog", "histories", 1),
        ("/fields/comment", "comments", 1),
        ("/fields/worklog", "worklogs", 0),
    ] {
        assert!(lengths(&whole, pointer, list).iter().any(|length| *length > most), "{list}");
        assert!(lengths(&cut, pointer, list).iter().all(|length| *length <= most), "{list}");
        let totals = |page: &Value| {
            let issues = page["issues"].as_array().unwrap().iter();
            issues.map(|issue| issue.pointer(pointer).map(|list| list["total"].clone())).collect::<Vec<_>>()
        };
        assert_eq!(totals(&cut), totals(&whole), "{list}: the totals stay");
    }

    let bad = |how: &str| json!([{ "fault": "bad_issue", "how": how, "issues": ["10002"] }]);
    let fields = async |id: &str| ask(&app, &format!("issue/{id}")).await.ok()["fields"].clone();
    serve(&app, bad("missing")).await;
    assert!(fields("10002").await.get("updated").is_none());
    assert!(fields("10003").await.get("updated").is_some());
    serve(&app, bad("malformed")).await;
    assert_eq!(fields("10002").await["updated"], json!({ "malformed": true }));
    serve(&app, bad("unknown")).await;
    assert!(fields("10002").await["customfield_99999"].is_object());

    serve(&app, json!([{ "fault": "odd_changelog" }])).await;
    let ids: Vec<String> = (10_001..10_031).map(|id| id.to_string()).collect();
    let bulk =
        app.post("/jira/play/rest/api/3/changelog/bulkfetch", json!({ "issueIdsOrKeys": ids })).await.ok();
    let history = &bulk["issueChangeLogs"][0]["changeHistories"][0];
    assert!(history["created"].is_number() && history.get("author").is_none(), "{history}");
}

#[tokio::test(flavor = "multi_thread")]
async fn comments_change_and_their_issue_does_not_tell() {
    let app = sandbox(3).await;
    let comments = "/jira/play/rest/api/2/issue/10001/comment";
    let change = async |method: Method, path: &str, body: Option<Value>| {
        app.ask(method, path, Some(&app.key), body).await.ok()
    };
    let updated = async || ask(&app, "issue/10001?fields=updated").await.ok()["fields"]["updated"].clone();
    let made = change(Method::POST, comments, Some(json!({ "body": "first" }))).await;
    let comment = format!("{comments}/{}", made["id"].as_str().unwrap());
    let before = updated().await;
    serve(&app, json!([{ "fault": "silent_comments" }])).await;
    let edited = change(Method::PUT, &comment, Some(json!({ "body": "second" }))).await;
    assert_eq!((&edited["body"], updated().await), (&json!("second"), before.clone()));
    assert_ne!(edited["updated"], made["updated"], "the comment itself tells");
    change(Method::DELETE, &comment, None).await;
    assert_eq!((app.get(&comment).await.status.as_u16(), updated().await), (404, before.clone()));
    assert_eq!(injected(&app).await["silent_comments"], 2);
    serve(&app, json!([])).await;
    change(Method::POST, comments, Some(json!({ "body": "third" }))).await;
    assert_ne!(updated().await, before);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_issue_moves_while_it_is_read_and_its_old_key_leads_to_it() {
    let app = sandbox(20).await;
    let before = ask(&app, "issue/10001").await.ok();
    let old = before["key"].as_str().unwrap();
    serve(&app, json!([{ "fault": "key_move", "times": 1, "on": { "path": "/rest/api/3/issue/10001" } }]))
        .await;
    let read = ask(&app, "issue/10001").await.ok();
    assert_eq!(read["key"], old, "it moves behind the reader's back");
    let moved = ask(&app, &format!("issue/{old}?expand=changelog")).await.ok();
    assert_eq!(moved["id"], "10001");
    let key = moved["key"].as_str().unwrap();
    assert_ne!(key, old);
    let project = &moved["fields"]["project"];
    assert!(key.starts_with(&format!("{}-", project["key"].as_str().unwrap())), "{key}");
    let items = moved["changelog"]["histories"][0]["items"].as_array().unwrap();
    let item = items.iter().find(|item| item["field"] == "Key").unwrap();
    assert_eq!((&item["fromString"], &item["toString"]), (&json!(old), &json!(key)));
    assert_eq!(moved["changelog"]["total"], moved["changelog"]["histories"].as_array().unwrap().len());
    assert_eq!(ask(&app, "issue/10001").await.ok()["key"], key, "once was enough");
    let (ids, _) = walk(&app, 50).await;
    assert_eq!((distinct(&ids), ids.len()), (20, 20), "no other issue lost its key");
}
