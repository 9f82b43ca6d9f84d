//! `WAS` and `CHANGED`.

use application::issues::{HistoryItemRecord, HistoryRecord, IssueBundle};

use super::{
    check,
    site::{Site, bundle, time, values, with},
};
use crate::bundles::{self, item};

const TO_DO: Option<(&str, &str)> = Some(("1", "To Do"));
const IN_PROGRESS: Option<(&str, &str)> = Some(("3", "In Progress"));
const DONE: Option<(&str, &str)> = Some(("10", "Done"));
/// A status that the site has no more.
const PARKED: Option<(&str, &str)> = Some(("99", "Parked"));

fn history(id: u32, at: &str, author: &str, items: Vec<HistoryItemRecord>) -> HistoryRecord {
    HistoryRecord { author: Some(author.into()), created: time(at), ..bundles::history(id, 0, items) }
}

/// All created on 1 May 2025 by nobody known.
fn issues() -> Vec<IssueBundle> {
    let finished = with(bundle(1, "PAY-1"), |b| {
        b.issue.status = "Done".into();
        b.issue.status_id = "10".into();
        b.issue.status_category = "done".into();
        b.issue.resolution = Some(("Fixed".into(), "1".into()));
        b.issue.assignee = Some("ann".into());
        b.histories = vec![
            history(1, "2025-05-05T10:00:00Z", "ann", vec![item("status", TO_DO, IN_PROGRESS)]),
            history(
                2,
                "2025-05-08T10:00:00Z",
                "bob",
                vec![item("status", IN_PROGRESS, DONE), item("resolution", None, Some(("1", "Fixed")))],
            ),
            history(3, "2025-05-09T10:00:00Z", "bob", vec![item("assignee", None, Some(("ann", "Ann")))]),
        ];
    });
    let untouched = with(bundle(2, "PAY-2"), |b| b.issue.assignee = Some("bob".into()));
    let parked = with(bundle(3, "PAY-3"), |b| {
        b.histories = vec![
            history(4, "2025-05-06T10:00:00Z", "ann", vec![item("status", TO_DO, PARKED)]),
            history(5, "2025-05-07T10:00:00Z", "ann", vec![item("status", PARKED, TO_DO)]),
        ];
    });
    let versioned = with(bundle(4, "PAY-4"), |b| {
        values(b, "fixVersions", &[(Some("22"), "10.0")]);
        let version = Some(("20", "9.1"));
        b.histories = vec![
            history(6, "2025-05-05T10:00:00Z", "ann", vec![item("Fix Version", None, version)]),
            history(7, "2025-05-10T10:00:00Z", "bob", vec![item("Fix Version", version, None)]),
        ];
    });
    vec![finished, untouched, parked, versioned]
}

#[tokio::test]
async fn was() {
    let site = Site::empty().await;
    site.store(&issues()).await;
    let examples = [
        ("status was 'in progress'", "PAY-1"),
        ("status was 3", "PAY-1"),
        ("status was parked", "PAY-3"),
        ("status was 'To Do'", "PAY-1 PAY-2 PAY-3 PAY-4"),
        ("status was not 'In Progress'", "PAY-2 PAY-3 PAY-4"),
        ("NOT status was 'In Progress'", "PAY-2 PAY-3 PAY-4"),
        ("status was in ('In Progress', Parked)", "PAY-1 PAY-3"),
        ("status was not in ('In Progress', Parked)", "PAY-2 PAY-4"),
        ("status was 'In Progress' by ann", "PAY-1"),
        ("status was 'In Progress' by bob", ""),
        ("status was 'In Progress' by (ann, bob)", "PAY-1"),
        ("status was Done before 2025-05-08", ""),
        ("status was Done before 2025-05-09", "PAY-1"),
        ("status was 'To Do' after 2025-05-06", "PAY-2 PAY-3 PAY-4"),
        ("status was 'To Do' on 2025-05-05", "PAY-1 PAY-2 PAY-3 PAY-4"),
        ("status was 'To Do' on 2025-05-06", "PAY-2 PAY-3 PAY-4"),
        ("status was 'In Progress' during (2025-05-06, 2025-05-07)", "PAY-1"),
        ("status was 'In Progress' during (2025-05-09, now())", ""),
        ("status was 'In Progress' by ann before 2025-05-05", ""),
        ("status was not 'In Progress' on 2025-05-06", "PAY-2 PAY-3 PAY-4"),
        ("assignee was ann", "PAY-1"),
        ("assignee was currentUser()", "PAY-1"),
        ("assignee was bob", "PAY-2"),
        ("assignee was not ann", "PAY-2 PAY-3 PAY-4"),
        ("assignee was empty", "PAY-1 PAY-3 PAY-4"),
        ("assignee was empty after 2025-05-10", "PAY-3 PAY-4"),
        ("resolution was Unresolved", "PAY-1 PAY-2 PAY-3 PAY-4"),
        ("resolution was Fixed", "PAY-1"),
        ("fixVersion was 9.1", "PAY-4"),
        ("fixVersion was '10.0'", "PAY-4"),
        ("fixVersion was 9.1 on 2025-05-07", "PAY-4"),
        ("fixVersion was 9.1 after 2025-05-12", ""),
        ("fixVersion was EMPTY", "PAY-1 PAY-2 PAY-3"),
        ("fixVersion was not EMPTY", "PAY-4"),
        ("fixVersion was in (9.1, EMPTY)", "PAY-1 PAY-2 PAY-3 PAY-4"),
        ("fixVersion was EMPTY after 2025-05-12", "PAY-1 PAY-2 PAY-3"),
        ("fixVersion was '10.0' before 2025-05-02", "PAY-4"),
    ];
    check(&site, &examples).await;
    let refusals = [
        ("status was Done by zoe", "The value 'zoe' does not exist for the field 'status'."),
        ("status was Nonsense", "The value 'Nonsense' does not exist for the field 'status'."),
        ("status was not in (Done, Nonsense)", "The value 'Nonsense' does not exist for the field 'status'."),
        ("status changed to Nonsense", "The value 'Nonsense' does not exist for the field 'status'."),
        ("assignee was zoee", "The value 'zoee' does not exist for the field 'assignee'."),
        ("fixVersion was '7.7'", "The value '7.7' does not exist for the field 'fixVersion'."),
        ("summary was x", "The operator 'was' is not supported by the 'summary' field."),
        (
            "status was Done on soon",
            "Date value 'soon' for field 'status' is invalid. Valid formats include: 'yyyy/MM/dd \
          HH:mm', 'yyyy-MM-dd HH:mm', 'yyyy/MM/dd', 'yyyy-MM-dd', or a period format e.g. '-5d', '4w 2d'.",
        ),
        (
            "status was Done during (2025-05-01)",
            "The predicate 'during' on the field 'status' needs two dates: DURING (\"from\", \"to\").",
        ),
    ];
    for (jql, expected) in refusals {
        assert_eq!(site.refusal(jql).await, expected, "{jql}");
    }
    site.database.remove().await;
}

#[tokio::test]
async fn changed() {
    let site = Site::empty().await;
    site.store(&issues()).await;
    let examples = [
        ("status changed", "PAY-1 PAY-3"),
        ("NOT status changed", "PAY-2 PAY-4"),
        ("status changed to Done", "PAY-1"),
        ("status changed from 'to do'", "PAY-1 PAY-3"),
        ("status changed from 'To Do' to 'In Progress'", "PAY-1"),
        ("status changed from 'To Do' to Done", ""),
        ("status changed to (Done, Parked)", "PAY-1 PAY-3"),
        ("status changed by bob", "PAY-1"),
        ("status changed by currentUser()", "PAY-1 PAY-3"),
        ("status changed before 2025-05-06", "PAY-1"),
        ("status changed after 2025-05-07", "PAY-1 PAY-3"),
        ("status changed on 2025-05-08", "PAY-1"),
        ("status changed during (2025-05-06, '2025-05-07 23:59')", "PAY-3"),
        ("status changed to Done by ann", ""),
        ("status changed to Done after -1w", "PAY-1"),
        ("assignee changed from EMPTY to currentUser()", "PAY-1"),
        ("resolution changed to Fixed", "PAY-1"),
        ("fixVersion changed from 9.1", "PAY-4"),
        ("reporter changed", ""),
    ];
    check(&site, &examples).await;
    assert_eq!(
        site.refusal("creator changed").await,
        "The operator 'changed' is not supported by the 'creator' field."
    );
    // The same over several instances, where an id means something at its own only.
    let other = site.second_instance(&issues()).await;
    assert_eq!(site.find("status was 3").await, "PAY-1 PAY-1");
    assert_eq!(site.find("status was not 3").await, "PAY-2 PAY-2 PAY-3 PAY-3 PAY-4 PAY-4");
    let mut there = site.request("status changed to 10 by bob");
    there.instance = Some(other);
    assert_eq!(super::keys(&site.search(&there).await.unwrap()), "PAY-1");
    site.database.remove().await;
}
