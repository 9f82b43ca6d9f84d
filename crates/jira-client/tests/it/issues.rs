//! Reading issues and their histories.

use jira_client::{Dialect, IssueError, JiraError};
use serde_json::{Value, json, value::RawValue};

use crate::server::{Answer, Server, json as answer, ok, plain, texts};

fn asked_ids(body: &Value) -> Vec<String> {
    body["issueIdsOrKeys"].as_array().unwrap().iter().map(|id| id.as_str().unwrap().to_owned()).collect()
}

fn not_found() -> Answer {
    answer(404, json!({"errorMessages": ["Issue does not exist or you do not have permission to see it."]}))
}

#[tokio::test]
async fn one_issue_is_returned_as_it_came() {
    let issue =
        json!({"id": "10002", "key": "ED-1", "fields": {"customfield_1": {"odd": [null, 1.5]}}, "new": 1});
    let sent = issue.clone();
    let server = Server::start(move |_, _| ok(sent.clone())).await;
    let fields = texts(&["summary", "status"]);
    let got = server.client(Dialect::V3).issue("OLD-1", &fields, &texts(&["names"])).await.unwrap();
    assert_eq!(got, issue);
    let asked = &server.asked()[0];
    assert_eq!(asked.path, "/rest/api/3/issue/OLD-1");
    assert_eq!((asked.query["fields"].as_str(), asked.query["expand"].as_str()), ("summary,status", "names"));
}

#[tokio::test]
async fn bulk_fetch_goes_in_chunks_of_a_hundred() {
    let server = Server::start(|asked, _| {
        let found = asked_ids(&asked.body).into_iter().filter(|id| id != "7").map(|id| json!({"id": id}));
        ok(json!({"issues": found.collect::<Vec<_>>(), "issueErrors": []}))
    })
    .await;
    let ids: Vec<String> = (0..250).map(|id| id.to_string()).collect();
    let bulk =
        server.client(Dialect::V3).issues_by_id(&ids, &[], &texts(&["names"]), u64::MAX).await.unwrap();
    assert_eq!(bulk.issues.len(), 249, "number 7 is gone or hidden, which is no error");
    assert!(bulk.errors.is_empty());
    let asked = server.asked();
    assert_eq!(asked.iter().map(|asked| asked_ids(&asked.body).len()).collect::<Vec<_>>(), [100, 100, 50]);
    assert_eq!(asked[0].path, "/rest/api/3/issue/bulkfetch");
    assert_eq!((&asked[0].body["fields"], &asked[0].body["expand"]), (&json!(["*all"]), &json!(["names"])));
}

#[tokio::test]
async fn issues_that_jira_fails_to_deliver_are_asked_again_in_smaller_portions() {
    // Issue 3 is too large for a batch, issue 4 cannot be delivered at all.
    let server = Server::start(|asked, _| {
        let ids = asked_ids(&asked.body);
        let fails = |id: &str| id == "4" || (id == "3" && ids.len() > 1);
        let issues: Vec<_> = ids.iter().filter(|id| !fails(id)).map(|id| json!({"id": id})).collect();
        let errors: Vec<_> = ids
            .iter()
            .filter(|id| fails(id))
            .map(|id| json!({"id": id, "errorMessage": "too big"}))
            .collect();
        ok(json!({"issues": issues, "issueErrors": errors}))
    })
    .await;
    let ids: Vec<String> = (0..20).map(|id| id.to_string()).collect();
    let bulk = server.client(Dialect::V3).issues_by_id(&ids, &[], &[], u64::MAX).await.unwrap();
    assert_eq!(bulk.issues.len(), 19);
    assert_eq!(bulk.errors, [IssueError { id: "4".into(), message: "too big".into() }]);
}

#[tokio::test]
async fn version_2_searches_by_id() {
    let server = Server::start(|_, _| {
        ok(json!({"startAt": 0, "maxResults": 100, "total": 2, "issues": [{"id": "1"}, {"id": "2"}]}))
    })
    .await;
    let bulk = server
        .client(Dialect::V2)
        .issues_by_id(&texts(&["1", "2", "ED-3"]), &[], &[], u64::MAX)
        .await
        .unwrap();
    assert_eq!(bulk.issues.len(), 2);
    let asked = &server.asked()[0];
    assert_eq!(asked.query["jql"], r#"id in (1,2,"ED-3") ORDER BY id"#);
    assert_eq!(asked.query["fields"], "*all");
}

#[tokio::test]
async fn version_2_asks_one_by_one_when_an_unknown_id_spoils_the_query() {
    let server = Server::start(|asked, _| match asked.path.as_str() {
        "/rest/api/2/search" => {
            answer(400, json!({"errorMessages": ["A value with ID '2' does not exist."]}))
        }
        "/rest/api/2/issue/2" => not_found(),
        path => ok(json!({"id": path.rsplit('/').next()})),
    })
    .await;
    let bulk =
        server.client(Dialect::V2).issues_by_id(&texts(&["1", "2", "3"]), &[], &[], u64::MAX).await.unwrap();
    assert_eq!(ids_of(&bulk.issues), ["1", "3"]);
}

#[tokio::test]
async fn the_changelog_of_one_issue_is_read_to_its_end() {
    let server = Server::start(|asked, _| {
        let start = asked.number("startAt");
        let page: Vec<_> = (start..7).take(3).map(|id| json!({"id": id.to_string()})).collect();
        ok(json!({"startAt": start, "maxResults": 3, "total": 7, "isLast": true, "values": page}))
    })
    .await;
    let histories = server.client(Dialect::V3).issue_changelog("10").await.unwrap();
    let ids: Vec<_> = histories.iter().map(|history| history["id"].as_str().unwrap()).collect();
    assert_eq!(ids, ["0", "1", "2", "3", "4", "5", "6"], "`isLast` is not believed against `total`");
    assert_eq!(server.asked()[0].path, "/rest/api/3/issue/10/changelog");
}

#[tokio::test]
async fn version_2_reads_the_changelog_from_the_issue() {
    let server = Server::start(|_, _| {
        ok(json!({"id": "10", "changelog": {"total": 2, "histories": [{"id": "b"}, {"id": "a"}]}}))
    })
    .await;
    assert_eq!(server.client(Dialect::V2).issue_changelog("10").await.unwrap().len(), 2);
    let asked = &server.asked()[0];
    assert_eq!(asked.path, "/rest/api/2/issue/10");
    assert_eq!(asked.query["expand"], "changelog");
}

#[tokio::test]
async fn a_truncated_changelog_is_never_taken_for_the_whole() {
    let truncated = || json!({"id": "10", "changelog": {"total": 3, "histories": [{"id": "c"}]}});
    let server = Server::start(move |asked, _| match asked.path.ends_with("/changelog") {
        true => ok(json!({"startAt": 0, "total": 3, "values": [{"id": "a"}, {"id": "b"}, {"id": "c"}]})),
        false => ok(truncated()),
    })
    .await;
    assert_eq!(server.client(Dialect::V2).issue_changelog("10").await.unwrap().len(), 3);

    let server = Server::start(move |asked, _| match asked.path.ends_with("/changelog") {
        true => plain(404, "no such resource"),
        false => ok(truncated()),
    })
    .await;
    let error = server.client(Dialect::V2).issue_changelog("10").await.unwrap_err();
    assert!(matches!(&error, JiraError::InvalidBody { what, .. } if what.contains("1 of 3")), "{error:?}");
}

fn ids_of(histories: &[Box<RawValue>]) -> Vec<String> {
    let histories = histories.iter().map(|history| serde_json::from_str::<Value>(history.get()).unwrap());
    histories.filter_map(|history| history["id"].as_str().map(str::to_owned)).collect()
}

#[tokio::test]
async fn bulk_changelogs_join_what_spans_pages() {
    let server = Server::start(|asked, _| match asked.body["nextPageToken"].as_str() {
        None => ok(json!({"nextPageToken": "p2", "issueChangeLogs": [
            {"issueId": "1", "changeHistories": [{"id": "a", "created": 1_492_070_429}]},
            {"issueId": "2", "changeHistories": [{"id": "b"}]}]})),
        _ => ok(json!({"nextPageToken": null, "issueChangeLogs": [
            {"issueId": "1", "changeHistories": [{"id": "c"}, {"id": "d"}]},
            {"issueId": "1", "changeHistories": [{"id": "c"}, {"id": "a"}]}]})),
    })
    .await;
    let logs = server.client(Dialect::V3).changelogs(&texts(&["1", "2", "3"]), u64::MAX).await.unwrap();
    assert_eq!(ids_of(&logs["1"]), ["a", "c", "d"], "each once, however often it is listed");
    assert!(logs["1"][0].get().contains("1492070429"), "numbers are left as they are");
    assert_eq!((logs["2"].len(), logs.contains_key("3")), (1, false));
    assert_eq!(server.asked()[0].path, "/rest/api/3/changelog/bulkfetch");
    assert_eq!(asked_ids(&server.asked()[1].body), ["1", "2", "3"]);
}

#[tokio::test]
async fn bulk_changelogs_are_read_no_further_than_they_are_wanted() {
    let server = Server::start(|asked, _| {
        let token = if asked.body["nextPageToken"].is_null() { json!("p2") } else { Value::Null };
        ok(json!({"nextPageToken": token, "issueChangeLogs": [
            {"issueId": "1", "changeHistories": [{"id": token, "items": ["x".repeat(1_000)]}]}]}))
    })
    .await;
    let client = server.client(Dialect::V3);
    assert_eq!(client.changelogs(&texts(&["1"]), 4_000).await.unwrap()["1"].len(), 2);
    for most_bytes in [500, 1_500] {
        let error = client.changelogs(&texts(&["1"]), most_bytes).await.unwrap_err();
        assert!(matches!(error, JiraError::TooLarge { .. }), "{most_bytes}: {error:?}");
    }
}

#[tokio::test]
async fn bulk_changelogs_notice_a_repeated_token() {
    let server = Server::start(|_, _| ok(json!({"nextPageToken": "p", "issueChangeLogs": []}))).await;
    let error = server.client(Dialect::V3).changelogs(&texts(&["1"]), u64::MAX).await.unwrap_err();
    assert!(matches!(error, JiraError::InvalidBody { .. }), "{error:?}");
    assert_eq!(server.asked().len(), 2);
}

#[tokio::test]
async fn a_bad_entry_of_a_bulk_answer_makes_its_issue_be_asked_for_alone() {
    let server = Server::start(|asked, _| match asked.path.as_str() {
        "/rest/api/3/changelog/bulkfetch" => ok(json!({"issueChangeLogs": [
            {"issueId": "1", "changeHistories": [{"id": "a"}]}, {"issueId": "2", "changeHistories": null}]})),
        _ => ok(json!({"startAt": 0, "total": 1, "values": [{"id": "b"}]})),
    })
    .await;
    let logs = server.client(Dialect::V3).changelogs(&texts(&["1", "2"]), u64::MAX).await.unwrap();
    assert_eq!((ids_of(&logs["1"]), ids_of(&logs["2"])), (vec!["a".to_owned()], vec!["b".to_owned()]));
    assert_eq!(server.asked()[1].path, "/rest/api/3/issue/2/changelog");
}

#[tokio::test]
async fn without_the_bulk_request_changelogs_are_read_one_by_one() {
    for status in [404, 405, 501] {
        let server = Server::start(move |asked, _| match asked.path.as_str() {
            "/rest/api/3/changelog/bulkfetch" => plain(status, ""),
            "/rest/api/3/issue/2/changelog" => not_found(),
            _ => ok(json!({"startAt": 0, "total": 1, "values": [{"id": "a"}]})),
        })
        .await;
        let logs = server.client(Dialect::V3).changelogs(&texts(&["1", "2"]), u64::MAX).await.unwrap();
        assert_eq!((logs.len(), logs["1"].len()), (1, 1), "{status}");
    }
}

#[tokio::test]
async fn version_2_reads_changelogs_one_by_one() {
    let server = Server::start(|asked, _| match asked.path.as_str() {
        "/rest/api/2/issue/2" => not_found(),
        _ => ok(json!({"changelog": {"total": 0, "histories": []}})),
    })
    .await;
    let logs = server.client(Dialect::V2).changelogs(&texts(&["1", "2"]), u64::MAX).await.unwrap();
    assert_eq!(logs.get("1").map(Vec::len), Some(0));
    assert!(!logs.contains_key("2"));
}
