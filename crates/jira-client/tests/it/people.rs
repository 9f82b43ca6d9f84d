//! Groups, roles, followers and people, on Cloud and on Data Center.

use jira_client::{Dialect, JiraError};
use serde_json::{Value, json};

use crate::server::{Asked, Server, ok};

/// A page of at most two out of five members.
fn members(asked: &Asked) -> Value {
    let start = asked.number("startAt");
    let values: Vec<_> = (start..5).take(2).map(|id| json!({"accountId": id.to_string()})).collect();
    json!({"startAt": start, "maxResults": 2, "total": 5, "isLast": start >= 3, "values": values})
}

#[tokio::test]
async fn groups_are_paged_at_cloud_and_are_as_many_as_a_data_center_shows() {
    let server = Server::start(|asked, _| match asked.path.as_str() {
        "/rest/api/3/group/bulk" => {
            ok(json!({"startAt": 0, "maxResults": 50, "total": 1, "isLast": true, "values": [{"name": "a", "groupId": "g"}]}))
        }
        "/rest/api/2/groups/picker" => ok(json!({"total": 30, "groups": [{"name": "a"}]})),
        _ => ok(members(asked)),
    })
    .await;
    let (groups, whole) = server.client(Dialect::V3).groups().await.unwrap();
    assert_eq!((groups.len(), whole), (1, true));
    let (groups, whole) = server.client(Dialect::V2).groups().await.unwrap();
    assert_eq!((groups.len(), whole), (1, false), "more than are shown");
    for (dialect, named) in [(Dialect::V3, "groupId"), (Dialect::V2, "groupname")] {
        assert_eq!(server.client(dialect).group_members("g").await.unwrap().len(), 5);
        let asked = server.asked().pop().unwrap();
        assert_eq!((&*asked.query[named], &*asked.query["includeInactiveUsers"]), ("g", "true"));
    }
}

#[tokio::test]
async fn each_role_of_a_project_is_asked_for_by_its_number() {
    let server = Server::start(|asked, _| match asked.path.rsplit('/').next().unwrap() {
        "role" => ok(json!({
            "Developers": "https://x.org/rest/api/3/project/7/role/10003", "Users": "https://x.org/rest/api/3/project/7/role/10002",
        })),
        id => ok(json!({"id": id.parse::<u64>().unwrap(), "actors": []})),
    })
    .await;
    let roles = server.client(Dialect::V3).project_roles("7").await.unwrap();
    assert_eq!(roles.iter().map(|role| role["id"].as_u64().unwrap()).collect::<Vec<_>>(), [10_002, 10_003]);
}

#[tokio::test]
async fn voters_that_are_not_shown_are_no_empty_list() {
    let server = Server::start(|asked, _| match asked.path.rsplit('/').next().unwrap() {
        "watchers" => ok(json!({"watchCount": 1, "watchers": [{"accountId": "ann"}]})),
        _ => ok(json!({"votes": 3, "hasVoted": false})),
    })
    .await;
    let client = server.client(Dialect::V3);
    assert_eq!(client.watchers("10").await.unwrap().len(), 1);
    let error = client.voters("10").await.unwrap_err();
    assert!(matches!(error, JiraError::InvalidBody { .. }), "{error:?}");
}

#[tokio::test]
async fn people_are_asked_for_page_by_page_and_a_dot_finds_all_of_a_data_center() {
    let server = Server::start(|_, _| ok(json!([{"accountId": "ann"}]))).await;
    assert_eq!(server.client(Dialect::V3).people(100).await.unwrap().len(), 1);
    assert_eq!(server.client(Dialect::V2).people(0).await.unwrap().len(), 1);
    let asked = server.asked();
    assert_eq!((&*asked[0].path, &*asked[0].query["startAt"]), ("/rest/api/3/users/search", "100"));
    assert_eq!((&*asked[1].path, &*asked[1].query["username"]), ("/rest/api/2/user/search", "."));
}
