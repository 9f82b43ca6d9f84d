//! Pages by cursor visit every issue once, whatever the order, with ties and empty values, and while issues change.

use std::collections::HashSet;

use application::{
    Error,
    issues::{IssueBundle, Presence},
    search::{SearchRequest, SearchStart},
};
use domain::issue_key::IssueKey;

use super::site::{Site, bundle, time, values, with};

const ORDERS: [&str; 22] = [
    "",
    "ORDER BY key",
    "ORDER BY key DESC",
    "ORDER BY id DESC",
    "ORDER BY created",
    "ORDER BY updated ASC",
    "ORDER BY resolved ASC",
    "ORDER BY resolved DESC",
    "ORDER BY due ASC, created DESC",
    "ORDER BY due DESC, priority ASC",
    "ORDER BY priority DESC, due ASC, key ASC",
    "ORDER BY status, type DESC",
    "ORDER BY assignee ASC, reporter DESC",
    "ORDER BY summary DESC",
    "ORDER BY project, resolution",
    "ORDER BY 'Story Points' ASC",
    "ORDER BY 'Story Points' DESC, Team ASC",
    "ORDER BY Launch DESC, Rank",
    "ORDER BY Notes ASC",
    "ORDER BY labels, sprint DESC",
    "ORDER BY parent DESC, instance, statusCategory",
    "ORDER BY assignee, assignee DESC, key, key DESC",
];

/// Many ties, and every field empty now and then. The numbers run through the values in coprime steps.
fn issues() -> Vec<IssueBundle> {
    let issue = |n: u32| {
        let project = if n.is_multiple_of(3) { "OPS" } else { "PAY" };
        with(bundle(n, &format!("{project}-{n}")), |b| {
            let some = |step: u32| !(n * step).is_multiple_of(4);
            b.issue.created = time(
                ["2025-05-01T08:00:00.001Z", "2025-05-01T08:00:00.002Z", "2025-05-03T08:00:00Z"]
                    [n as usize % 3],
            );
            b.issue.updated = time(["2025-05-04T08:00:00Z", "2025-05-05T08:00:00.123Z"][n as usize % 2]);
            b.issue.resolved = some(3).then(|| time("2025-05-06T08:00:00.5Z"));
            b.issue.due = some(5).then(|| ["2025-05-07", "2025-05-08"][n as usize % 2].parse().unwrap());
            b.issue.priority = some(7).then(|| [("High", "2"), ("Low", "4")][n as usize % 2]).map(owned);
            b.issue.resolution = some(9).then(|| owned(("Fixed", "1")));
            b.issue.assignee = some(11).then(|| ["ann", "bob", "JIRAUSER7"][n as usize % 3].into());
            b.issue.reporter = some(13).then(|| "bob".into());
            b.issue.summary = ["Same", "same", "Other", "ä"][n as usize % 4].into();
            b.issue.parent = some(15).then(|| owned(("1", "PAY-1")));
            b.issue.sprint_ids = if some(17) { vec![11, 12] } else { vec![] };
            if some(19) {
                values(b, "customfield_10016", &[(None, ["0.1", "3", "3.0", "-7.25"][n as usize % 4])]);
            }
            if some(21) {
                values(b, "customfield_10030", &[(Some("77"), "Blue")]);
            }
            if some(23) {
                values(b, "customfield_10031", &[(None, &"long ".repeat(100))]);
            }
            if some(25) {
                values(b, "customfield_10032", &[(None, "2025-06-01")]);
                values(b, "customfield_10034", &[(None, ["0|i0000f:", "0|i00007:"][n as usize % 2])]);
                values(b, "labels", &[(None, "b"), (None, ["a", "c"][n as usize % 2])]);
            }
        })
    };
    (1..=41).map(issue).collect()
}

fn owned((a, b): (&str, &str)) -> (String, String) {
    (a.to_owned(), b.to_owned())
}

/// All pages of a query: name of the instance and key of each issue.
async fn visit(site: &Site, request: &SearchRequest, limit: u32) -> Vec<String> {
    let mut request = SearchRequest { limit, ..request.clone() };
    let mut visited = Vec::new();
    loop {
        let page = site.search(&request).await.unwrap();
        assert!(page.issues.len() <= limit as usize);
        assert!(
            page.next.is_none() || page.issues.len() == limit as usize,
            "a page that is not the last is full"
        );
        visited.extend(page.issues.iter().map(|issue| format!("{}/{}", issue.instance, issue.key)));
        match page.next {
            Some(next) => request.start = SearchStart::After(next),
            None => return visited,
        }
    }
}

#[tokio::test]
async fn every_issue_is_visited_once_in_every_order() {
    let site = Site::empty().await;
    site.store(&issues()).await;
    // The same numbers again, so that ids tie as well.
    site.second_instance(&issues()).await;
    for order in ORDERS {
        for instance in [None, Some(site.instance)] {
            let request = SearchRequest { instance, limit: 1_000, ..site.request(order) };
            let whole = visit(&site, &request, 1_000).await;
            let distinct: HashSet<_> = whole.iter().collect();
            assert_eq!(distinct.len(), if instance.is_some() { 41 } else { 82 }, "{order}");
            let limit = if instance.is_some() { 7 } else { 1 };
            assert_eq!(visit(&site, &request, limit).await, whole, "{order}, {limit} a page");
            let offset = SearchRequest { start: SearchStart::Offset(30), ..request.clone() };
            assert_eq!(visit(&site, &offset, 7).await, whole[30..], "{order}, from the 31st on");
        }
    }
    site.database.remove().await;
}

#[tokio::test]
async fn keys_are_ordered_by_number() {
    let site = Site::empty().await;
    site.store(&issues()).await;
    let page = site.search(&site.request("ORDER BY key ASC")).await.unwrap();
    let keys: Vec<IssueKey> = page.issues.iter().map(|issue| issue.key.parse().unwrap()).collect();
    assert!(keys.is_sorted());
    site.database.remove().await;
}

#[tokio::test]
async fn issues_that_come_and_go_move_no_other() {
    let site = Site::empty().await;
    site.store(&issues()).await;
    let mut request = SearchRequest { limit: 10, ..site.request("project = PAY ORDER BY key ASC") };
    let whole = visit(&site, &request, 1_000).await;
    let first = site.search(&request).await.unwrap();
    let mut visited: Vec<String> = first.issues.iter().map(|issue| format!("main/{}", issue.key)).collect();

    // The last one shown and one before it go; new ones come before and behind.
    let gone: Vec<String> = [0, 9].map(|place: usize| first.issues[place].jira_id.clone()).into();
    let mut tx = site.database.begin(site.tenant).await;
    tx.set_presence(site.instance, &gone, Presence::Deleted).await.unwrap();
    tx.commit().await.unwrap();
    site.store(&[bundle(900, "PAY-3"), bundle(901, "PAY-900")]).await;

    request.start = SearchStart::After(first.next.unwrap());
    visited.extend(visit(&site, &request, 10).await);
    let mut expected = whole;
    expected.push("main/PAY-900".into());
    assert_eq!(visited, expected);
    site.database.remove().await;
}

#[tokio::test]
async fn a_cursor_goes_with_its_own_query_only() {
    let site = Site::empty().await;
    site.store(&issues()).await;
    let first = SearchRequest { limit: 3, ..site.request("project = PAY ORDER BY due") };
    let cursor = site.search(&first).await.unwrap().next.unwrap();
    let go_on = |request: SearchRequest, cursor: &str| SearchRequest {
        start: SearchStart::After(cursor.into()),
        ..request
    };

    // The same query, written in another way.
    let same = site.request("PROJECT = 'PAY'\n order by due");
    assert!(site.search(&go_on(same, &cursor)).await.is_err(), "fields are kept as they are written");
    let spaced = site.request("project  =  PAY order  by due");
    assert!(site.search(&go_on(spaced, &cursor)).await.is_ok());

    let other_instance = SearchRequest { instance: Some(site.instance), ..first.clone() };
    let foreign = [
        go_on(site.request("project = OPS ORDER BY due"), &cursor),
        go_on(site.request("project = PAY ORDER BY due DESC"), &cursor),
        go_on(other_instance, &cursor),
        go_on(first.clone(), &cursor[1..]),
        go_on(first.clone(), "not a cursor"),
        go_on(first.clone(), ""),
    ];
    for request in foreign {
        let error = site.search(&request).await.unwrap_err();
        assert!(matches!(&error, Error::Invalid(problems) if problems[0].field == "cursor"), "{error:?}");
    }
    site.database.remove().await;
}
