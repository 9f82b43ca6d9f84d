//! Comments, worklogs and rosters.

use jira_client::{Dialect, JiraError, WorklogChange, WorklogFeed, WorklogFeedPage};
use serde_json::{Value, json};

use crate::server::{Asked, Server, ok};

/// A page of at most two out of five items, under `key`.
fn page(asked: &Asked, key: &str) -> Value {
    let start = asked.number("startAt");
    let items: Vec<_> = (start..5).take(2).map(|id| json!({"id": id.to_string()})).collect();
    json!({"startAt": start, "maxResults": 2, "total": 5, key: items})
}

fn ids(items: &[Value]) -> Vec<&str> {
    items.iter().map(|item| item["id"].as_str().unwrap()).collect()
}

#[tokio::test]
async fn comments_and_worklogs_are_read_to_their_end() {
    let server = Server::start(|asked, _| match asked.path.rsplit('/').next().unwrap() {
        "comment" => ok(page(asked, "comments")),
        _ => ok(page(asked, "worklogs")),
    })
    .await;
    for (dialect, version) in [(Dialect::V3, "3"), (Dialect::V2, "2")] {
        let client = server.client(dialect);
        let (comments, are_all) = client.comments("10").await.unwrap();
        assert_eq!((ids(&comments), are_all), (vec!["0", "1", "2", "3", "4"], true));
        assert_eq!(server.asked().pop().unwrap().path, format!("/rest/api/{version}/issue/10/comment"));
        let (worklogs, are_all) = client.worklogs("10").await.unwrap();
        assert_eq!((ids(&worklogs), are_all), (vec!["0", "1", "2", "3", "4"], true));
        assert_eq!(server.asked().pop().unwrap().path, format!("/rest/api/{version}/issue/10/worklog"));
    }
}

#[tokio::test]
async fn an_old_server_gives_all_comments_at_once() {
    let server = Server::start(|_, _| {
        ok(json!({"startAt": 0, "maxResults": 2, "total": 2, "comments": [{"id": "a"}, {"id": "b"}]}))
    })
    .await;
    let (comments, are_all) = server.client(Dialect::V2).comments("10").await.unwrap();
    assert_eq!((ids(&comments), are_all), (vec!["a", "b"], true));
    assert_eq!(server.asked().len(), 1);
}

/// A site whose comments are these, two a page; the list differs from one request to the next.
async fn moving(lists: fn(usize) -> Vec<u64>) -> (Vec<String>, bool) {
    let server = Server::start(move |asked, number| {
        let (start, list) = (asked.number("startAt"), lists(number));
        let page: Vec<_> = list.iter().skip(start).take(2).map(|id| json!({"id": id.to_string()})).collect();
        ok(json!({"startAt": start, "maxResults": 2, "total": list.len(), "comments": page}))
    })
    .await;
    let (comments, are_all) = server.client(Dialect::V3).comments("10").await.unwrap();
    (ids(&comments).into_iter().map(str::to_owned).collect(), are_all)
}

#[tokio::test]
async fn a_list_that_moves_while_it_is_read_is_read_again() {
    // One is deleted behind the first page, and one added: as many as before, and one would be passed over.
    let (comments, are_all) = moving(|request| match request {
        1 => vec![1, 2, 3, 4, 5],
        _ => vec![1, 3, 4, 5, 6],
    })
    .await;
    assert_eq!((comments.join(" "), are_all), ("1 3 4 5 6".to_owned(), true));
    // It never comes to rest: nothing is gone because it is not among these.
    let (_, are_all) = moving(|request| (request as u64..request as u64 + 5).collect()).await;
    assert!(!are_all);
}

#[tokio::test]
async fn a_list_that_ends_before_its_total_is_not_all() {
    let server = Server::start(|asked, _| {
        let start = asked.number("startAt");
        let page: Vec<_> = ["a", "b"].iter().skip(start).map(|id| json!({"id": id})).collect();
        ok(json!({"startAt": start, "maxResults": 2, "total": 7, "comments": page}))
    })
    .await;
    let (comments, are_all) = server.client(Dialect::V3).comments("10").await.unwrap();
    assert_eq!((ids(&comments), are_all), (vec!["a", "b"], false));
    assert_eq!(server.asked().len(), 2);
}

#[tokio::test]
async fn a_page_of_another_shape_is_an_error() {
    let server = Server::start(|_, _| ok(json!({"startAt": 0, "total": 2, "values": []}))).await;
    let error = server.client(Dialect::V3).comments("10").await.unwrap_err();
    assert!(matches!(&error, JiraError::InvalidBody { what, .. } if what.contains("comments")), "{error:?}");
}

#[tokio::test]
async fn cloud_pages_projects_and_version_2_does_not() {
    let server = Server::start(|asked, _| match asked.path.as_str() {
        "/rest/api/3/project/search" => ok(page(asked, "values")),
        _ => ok(json!([{"id": "1"}])),
    })
    .await;
    assert_eq!(server.client(Dialect::V3).projects().await.unwrap().len(), 5);
    assert_eq!(server.asked()[0].query["expand"], "description,lead,issueTypes");
    assert_eq!(server.client(Dialect::V2).projects().await.unwrap().len(), 1);
    let last = server.asked().pop().unwrap();
    assert_eq!(
        (last.path.as_str(), last.query["expand"].as_str()),
        ("/rest/api/2/project", "description,lead,issueTypes")
    );
}

#[tokio::test]
async fn rosters_are_bare_arrays_except_link_types() {
    let server = Server::start(|asked, _| match asked.path.ends_with("issueLinkType") {
        true => ok(json!({"issueLinkTypes": [{"id": "link"}]})),
        false => ok(json!([{"id": asked.path.rsplit('/').next()}])),
    })
    .await;
    let client = server.client(Dialect::V3);
    assert_eq!(ids(&client.fields().await.unwrap()), ["field"]);
    assert_eq!(ids(&client.statuses().await.unwrap()), ["status"]);
    assert_eq!(ids(&client.priorities().await.unwrap()), ["priority"]);
    assert_eq!(ids(&client.resolutions().await.unwrap()), ["resolution"]);
    assert_eq!(ids(&client.issue_types().await.unwrap()), ["issuetype"]);
    assert_eq!(ids(&client.issue_link_types().await.unwrap()), ["link"]);
}

#[tokio::test]
async fn boards_are_an_api_of_their_own_and_filters_differ_by_dialect() {
    let server = Server::start(|asked, _| match asked.path.ends_with("favourite") {
        true => ok(json!([{"id": "1"}])),
        false => ok(page(asked, "values")),
    })
    .await;
    let cloud = server.client(Dialect::V3);
    assert_eq!(cloud.boards().await.unwrap().len(), 5);
    assert_eq!(server.asked()[0].path, "/rest/agile/1.0/board");
    let (filters, whole) = cloud.filters().await.unwrap();
    assert_eq!((filters.len(), whole), (5, true));
    let asked = server.asked().pop().unwrap();
    let all = "description,favourite,favouritedCount,jql,owner,searchUrl,sharePermissions,editPermissions,isWritable,\
               approximateLastUsed,subscriptions,viewUrl";
    assert_eq!(
        (asked.path.as_str(), asked.query["expand"].as_str()),
        ("/rest/api/3/filter/search", all),
        "a search shows id, name and address unless it is asked for more"
    );
    let (filters, whole) = server.client(Dialect::V2).filters().await.unwrap();
    assert_eq!((filters.len(), whole), (1, false), "favourites are a part");
    assert_eq!(server.asked().pop().unwrap().path, "/rest/api/2/filter/favourite");
}

#[tokio::test]
async fn dashboards_are_searched_for_on_cloud_and_listed_by_a_server() {
    let server = Server::start(|asked, _| match asked.path.ends_with("search") {
        true => ok(page(asked, "values")),
        false => ok(page(asked, "dashboards")),
    })
    .await;
    assert_eq!(server.client(Dialect::V3).dashboards().await.unwrap().len(), 5);
    let asked = server.asked().pop().unwrap();
    assert_eq!(asked.path, "/rest/api/3/dashboard/search");
    assert!(asked.query["expand"].contains("owner"), "{asked:?}");
    assert_eq!(server.client(Dialect::V2).dashboards().await.unwrap().len(), 5);
    assert_eq!(server.asked().pop().unwrap().path, "/rest/api/2/dashboard");
}

/// A page of at most two out of five, as Jira Service Management has them: without a total.
fn desk_page(asked: &Asked) -> Value {
    let start = asked.number("start");
    let items: Vec<_> = (start..5).take(2).map(|id| json!({"id": id.to_string()})).collect();
    json!({"start": start, "limit": 2, "size": items.len(), "isLastPage": start + 2 >= 5, "values": items})
}

#[tokio::test]
async fn desks_page_in_their_own_way_and_are_opted_in_to() {
    let server = Server::start(|asked, _| ok(desk_page(asked))).await;
    let client = server.client(Dialect::V3);
    let all = ["0", "1", "2", "3", "4"];
    for (found, path) in [
        (client.service_desks().await.unwrap(), "servicedesk"),
        (client.request_types("7").await.unwrap(), "servicedesk/7/requesttype"),
        (client.request_type_groups("7").await.unwrap(), "servicedesk/7/requesttypegroup"),
        (client.queues("7").await.unwrap(), "servicedesk/7/queue"),
        (client.organizations(Some("7")).await.unwrap(), "servicedesk/7/organization"),
        (client.organizations(None).await.unwrap(), "organization"),
        (client.organization_members("9").await.unwrap(), "organization/9/user"),
    ] {
        assert_eq!(ids(&found), all, "{path}");
        let path = format!("/rest/servicedeskapi/{path}");
        let asked: Vec<_> = server.asked().into_iter().filter(|asked| asked.path == path).collect();
        assert_eq!(asked.iter().map(|asked| asked.number("start")).collect::<Vec<_>>(), [0, 2, 4], "{path}");
        assert!(asked.iter().all(|asked| asked.headers["x-experimentalapi"] == "opt-in"));
        assert_eq!(
            asked[0].query.get("expand").map(String::as_str),
            path.ends_with("requesttype").then_some("field")
        );
    }
}

#[tokio::test]
async fn a_desk_that_says_nothing_of_a_next_page_has_none() {
    let server =
        Server::start(|asked, _| ok(json!({"start": asked.number("start"), "values": [{"id": "1"}]}))).await;
    assert_eq!(server.client(Dialect::V3).queues("1").await.unwrap().len(), 1);
    let again =
        Server::start(|_, _| ok(json!({"start": 0, "isLastPage": false, "values": [{"id": "1"}]}))).await;
    let error = again.client(Dialect::V3).queues("1").await.unwrap_err();
    assert!(matches!(error, JiraError::InvalidBody { .. }), "the first page again and again: {error:?}");
}

#[tokio::test]
async fn worklog_feeds_say_where_to_read_on() {
    let server = Server::start(|_, _| {
        ok(json!({"values": [{"worklogId": 103, "updatedTime": 1_438_013_671_562_i64, "properties": []},
                             {"updatedTime": 7}, "nonsense"],
                  "since": 5, "until": 1_438_013_693_136_i64, "lastPage": true}))
    })
    .await;
    let client = server.client(Dialect::V3);
    let expected = WorklogFeedPage {
        changes: vec![WorklogChange { worklog_id: 103, updated_time: 1_438_013_671_562 }],
        until: 1_438_013_693_136,
        is_last: true,
        unreadable: 2,
    };
    assert_eq!(client.worklog_feed(WorklogFeed::Deleted, 5).await.unwrap(), expected);
    assert_eq!(client.worklog_feed(WorklogFeed::Updated, 5).await.unwrap(), expected);
    let asked = server.asked();
    assert_eq!(
        (asked[0].path.as_str(), asked[0].query["since"].as_str()),
        ("/rest/api/3/worklog/deleted", "5")
    );
    assert_eq!(asked[1].path, "/rest/api/3/worklog/updated");
}

#[tokio::test]
async fn worklogs_by_id() {
    let server = Server::start(|_, _| ok(json!([{"id": "1"}, {"id": "2"}]))).await;
    assert_eq!(server.client(Dialect::V3).worklogs_by_id(&[1, 2]).await.unwrap().len(), 2);
    let asked = &server.asked()[0];
    assert_eq!((asked.path.as_str(), &asked.body), ("/rest/api/3/worklog/list", &json!({"ids": [1, 2]})));
}

#[tokio::test]
async fn retired_projects_are_asked_for_by_status_or_told_by_a_flag() {
    let server = Server::start(|asked, _| match (asked.path.as_str(), asked.query.get("status")) {
        ("/rest/api/3/project/search", Some(status)) => {
            ok(json!({"startAt": 0, "total": 1, "isLast": true, "values": [{"id": status}]}))
        }
        _ => ok(json!([{"id": "1"}, {"id": "2", "archived": true}])),
    })
    .await;
    let retired = server.client(Dialect::V3).retired_projects().await.unwrap();
    assert_eq!((ids(&retired.archived), ids(&retired.trashed)), (vec!["archived"], vec!["deleted"]));
    let retired = server.client(Dialect::V2).retired_projects().await.unwrap();
    assert_eq!((ids(&retired.archived), ids(&retired.trashed)), (vec!["2"], Vec::new()));
    assert_eq!(server.asked().pop().unwrap().query["includeArchived"], "true");
}
