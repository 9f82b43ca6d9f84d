//! Searching, in both dialects and with the mistakes that Jira makes.

use jira_client::{Dialect, JiraClient, JiraError, SearchCursor, SearchRequest};
use serde_json::{Value, json};

use crate::server::{Server, ok, texts};

fn request() -> SearchRequest {
    SearchRequest {
        jql: "project = ED ORDER BY id".into(),
        fields: texts(&["*all"]),
        page_size: 2,
        ..SearchRequest::default()
    }
}

fn issues(ids: std::ops::Range<usize>) -> Vec<Value> {
    ids.map(|id| json!({"id": id.to_string(), "key": format!("ED-{id}")})).collect()
}

/// Reads a search to its end, storing the cursor between pages as a checkpoint would.
async fn walk(client: &JiraClient, request: &SearchRequest) -> Result<Vec<String>, JiraError> {
    let mut ids = Vec::new();
    let mut stored: Option<String> = None;
    loop {
        let cursor: Option<SearchCursor> = stored.map(|text| serde_json::from_str(&text).unwrap());
        let page = client.search_page(request, cursor.as_ref()).await?;
        ids.extend(page.issues.iter().map(|issue| issue["id"].as_str().unwrap().to_owned()));
        match page.next {
            Some(next) => stored = Some(serde_json::to_string(&next).unwrap()),
            None => return Ok(ids),
        }
    }
}

#[tokio::test]
async fn cloud_pages_by_token() {
    let server = Server::start(|asked, _| match asked.body["nextPageToken"].as_str() {
        None => ok(json!({"issues": issues(1..3), "nextPageToken": "p2", "isLast": false})),
        Some("p2") => ok(json!({"issues": issues(3..4), "nextPageToken": "p3"})), // a short page
        _ => ok(json!({"issues": issues(4..6), "isLast": true})),
    })
    .await;
    let request =
        SearchRequest { expand: texts(&["names", "changelog"]), reconcile_issues: vec![1, 2], ..request() };
    assert_eq!(walk(&server.client(Dialect::V3), &request).await.unwrap(), ["1", "2", "3", "4", "5"]);

    let asked = server.asked();
    assert!(asked.iter().all(|asked| asked.method == "POST" && asked.path == "/rest/api/3/search/jql"));
    assert_eq!(
        asked[0].body,
        json!({"jql": "project = ED ORDER BY id", "maxResults": 2, "fields": ["*all"],
               "expand": "names,changelog", "reconcileIssues": [1, 2]})
    );
    assert_eq!(asked[1].body["nextPageToken"], "p2");
    assert_eq!(asked[1].body["reconcileIssues"], json!([1, 2]), "the same on every page");
}

#[tokio::test]
async fn only_the_token_says_whether_there_is_more() {
    // Null token; empty token; `isLast: false` without a token: all of them end the search.
    for last in [json!({"nextPageToken": null}), json!({"nextPageToken": ""}), json!({"isLast": false})] {
        let server = Server::start(move |_, _| {
            let mut page = last.clone();
            page["issues"] = json!(issues(1..2));
            ok(page)
        })
        .await;
        assert_eq!(walk(&server.client(Dialect::V3), &request()).await.unwrap(), ["1"]);
        assert_eq!(server.asked().len(), 1);
    }
    // `isLast: true` with a token does not.
    let server = Server::start(|_, number| match number {
        1 => ok(json!({"issues": issues(1..2), "isLast": true, "nextPageToken": "p2"})),
        _ => ok(json!({"issues": issues(2..3), "isLast": true})),
    })
    .await;
    assert_eq!(walk(&server.client(Dialect::V3), &request()).await.unwrap(), ["1", "2"]);
}

#[tokio::test]
async fn an_empty_page_with_a_token_is_not_the_end() {
    let server = Server::start(|_, number| match number {
        1 => ok(json!({"issues": [], "nextPageToken": "p2"})),
        2 => ok(json!({"issues": [], "nextPageToken": "p3"})),
        _ => ok(json!({"issues": issues(1..2)})),
    })
    .await;
    assert_eq!(walk(&server.client(Dialect::V3), &request()).await.unwrap(), ["1"]);
}

#[tokio::test]
async fn a_token_that_comes_again_is_an_error_and_no_loop() {
    for circle in [1, 3] {
        let server = Server::start(move |_, number| {
            ok(json!({"issues": issues(1..2), "nextPageToken": format!("p{}", number % circle)}))
        })
        .await;
        let error = walk(&server.client(Dialect::V3), &request()).await.unwrap_err();
        assert!(
            matches!(&error, JiraError::InvalidBody { what, .. } if what.contains("nextPageToken")),
            "{error:?}"
        );
        assert!(server.asked().len() < 20);
    }
}

#[tokio::test]
async fn data_center_pages_by_the_number_of_issues_received() {
    // The server gives two issues at most, whatever is asked for.
    let server = Server::start(|asked, _| {
        let start = asked.number("startAt");
        let page: Vec<Value> = issues(0..5).into_iter().skip(start).take(2).collect();
        ok(json!({"startAt": start, "maxResults": 2, "total": 5, "issues": page}))
    })
    .await;
    let client = server.client(Dialect::V2);
    let request = SearchRequest { page_size: 100, ..request() };
    assert_eq!(walk(&client, &request).await.unwrap(), ["0", "1", "2", "3", "4"]);
    assert_eq!(client.search_page(&request, None).await.unwrap().total, Some(5));

    let asked = server.asked();
    assert_eq!((asked[0].method.as_str(), asked[0].path.as_str()), ("GET", "/rest/api/2/search"));
    assert_eq!(asked[0].query["jql"], "project = ED ORDER BY id");
    assert_eq!((asked[0].query["maxResults"].as_str(), asked[0].query["fields"].as_str()), ("100", "*all"));
    let starts: Vec<_> = asked.iter().take(3).map(|asked| asked.number("startAt")).collect();
    assert_eq!(starts, [0, 2, 4]);
}

#[tokio::test]
async fn data_center_search_ends_when_the_rest_has_disappeared() {
    let server = Server::start(|asked, number| {
        let page = if number == 1 { issues(0..2) } else { Vec::new() };
        ok(json!({"startAt": asked.number("startAt"), "maxResults": 2, "total": 9, "issues": page}))
    })
    .await;
    assert_eq!(walk(&server.client(Dialect::V2), &request()).await.unwrap(), ["0", "1"]);
}

#[tokio::test]
async fn a_server_that_ignores_start_at_does_not_loop() {
    let server =
        Server::start(|_, _| ok(json!({"startAt": 0, "maxResults": 2, "total": 9, "issues": issues(0..2)})))
            .await;
    let error = walk(&server.client(Dialect::V2), &request()).await.unwrap_err();
    assert!(matches!(error, JiraError::InvalidBody { .. }), "{error:?}");
    assert_eq!(server.asked().len(), 2);
}

#[tokio::test]
async fn a_query_too_long_for_a_url_is_posted() {
    let server = Server::start(|_, _| ok(json!({"startAt": 0, "total": 0, "issues": []}))).await;
    let jql = format!("summary ~ \"{}\"", "long ".repeat(600));
    let request =
        SearchRequest { jql: jql.clone(), expand: texts(&["names"]), page_size: 50, ..Default::default() };
    walk(&server.client(Dialect::V2), &request).await.unwrap();
    let asked = &server.asked()[0];
    assert_eq!((asked.method.as_str(), asked.path.as_str()), ("POST", "/rest/api/2/search"));
    assert_eq!(
        asked.body,
        json!({"jql": jql, "startAt": 0, "maxResults": 50, "fields": ["id"], "expand": ["names"]})
    );
}

#[tokio::test]
async fn counting_in_both_dialects() {
    let server = Server::start(|asked, _| match asked.method.as_str() {
        "POST" => ok(json!({"count": 153})),
        _ => ok(json!({"startAt": 0, "maxResults": 0, "total": 154, "issues": []})),
    })
    .await;
    assert_eq!(server.client(Dialect::V3).approximate_count("project = ED").await.unwrap(), 153);
    assert_eq!(server.client(Dialect::V2).approximate_count("project = ED").await.unwrap(), 154);
    let asked = server.asked();
    assert_eq!(asked[0].path, "/rest/api/3/search/approximate-count");
    assert_eq!(asked[0].body, json!({"jql": "project = ED"}));
    assert_eq!(asked[1].query["maxResults"], "0");
}

#[tokio::test]
async fn what_jira_would_refuse_is_not_sent() {
    let server = Server::start(|_, _| ok(json!({"issues": issues(0..1), "nextPageToken": "p2"}))).await;
    let cloud = server.client(Dialect::V3);
    let cursor = cloud.search_page(&request(), None).await.unwrap().next.unwrap();
    let wrong_dialect = server.client(Dialect::V2).search_page(&request(), Some(&cursor)).await;
    assert!(matches!(wrong_dialect, Err(JiraError::BadRequest { .. })));
    let too_many = SearchRequest { reconcile_issues: (0..51).collect(), ..request() };
    assert!(matches!(cloud.search_page(&too_many, None).await, Err(JiraError::BadRequest { .. })));
    assert_eq!(server.asked().len(), 1);
}

#[tokio::test]
async fn a_search_that_ends_although_there_is_more_says_so() {
    let ends_early = async |dialect: Dialect, last: Value| {
        let server = Server::start(move |_, _| {
            let mut page = last.clone();
            page["issues"] = json!(issues(1..2));
            ok(page)
        })
        .await;
        let page = server.client(dialect).search_page(&request(), None).await.unwrap();
        (page.next.is_none(), page.ends_early)
    };
    assert_eq!(ends_early(Dialect::V3, json!({"isLast": false})).await, (true, true));
    assert_eq!(ends_early(Dialect::V3, json!({"isLast": true})).await, (true, false));
    assert_eq!(
        ends_early(Dialect::V3, json!({})).await,
        (true, false),
        "what is not said is not held against it"
    );
    assert_eq!(
        ends_early(Dialect::V3, json!({"isLast": false, "nextPageToken": "p2"})).await,
        (false, false)
    );
    assert_eq!(ends_early(Dialect::V2, json!({"startAt": 0, "total": 1})).await, (true, false));
    // An empty page of a search that has more.
    let server = Server::start(|_, _| ok(json!({"startAt": 0, "total": 7, "issues": []}))).await;
    let page = server.client(Dialect::V2).search_page(&request(), None).await.unwrap();
    assert!(page.next.is_none() && page.ends_early);
}

#[tokio::test]
async fn a_page_as_text_is_what_was_sent_and_no_larger_than_wanted() {
    let server = Server::start(|asked, _| match asked.method.as_str() {
        "POST" => ok(json!({"issues": issues(1..4), "nextPageToken": "p2", "names": {"summary": "Summary"}})),
        _ => ok(json!({"startAt": 0, "total": 9, "issues": issues(1..4)})),
    })
    .await;
    for dialect in [Dialect::V3, Dialect::V2] {
        let client = server.client(dialect);
        let apart = client.search_page(&request(), None).await.unwrap();
        let text = client.search_page_as_text(&request(), None, 10_000).await.unwrap();
        let read = text.issues.iter().map(|issue| serde_json::from_str(issue.get()).unwrap());
        assert_eq!(read.collect::<Vec<Value>>(), apart.issues);
        assert_eq!((&text.next, text.total, text.ends_early), (&apart.next, apart.total, apart.ends_early));
        let asked = server.asked().len();
        let error = client.search_page_as_text(&request(), None, 50).await.unwrap_err();
        assert_eq!(error, JiraError::TooLarge { limit: 50 });
        assert_eq!(server.asked().len(), asked + 1, "the same would be as large again");
    }
}
