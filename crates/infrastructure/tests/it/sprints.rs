//! Who was in which sprint when: from the changelog, and from the field where there is no change.

use application::{
    TenantContext,
    catalog::{PageOf, SprintIssueRow},
    issues::{HistoryRecord, IssueBundle},
    ports::{Database, SqlLimits},
    reference::{FieldRecord, FieldValueRecord, ReferenceRecords, SprintRecord},
};
use serde_json::json;

use crate::{
    bundles::{at, changed, history, issue, item, status, status_change},
    database::TestDatabase,
    vanished::sprint,
};

/// A change of the field from and to these lists of ids.
fn moved(id: u32, minute: i64, from: &str, to: &str) -> HistoryRecord {
    let item = item("Sprint", Some((from, "names")), Some((to, "names")));
    history(id, minute, vec![item])
}

fn in_sprints(id: u32, sprints: &[i64], histories: Vec<HistoryRecord>) -> IssueBundle {
    changed(&issue(id, &format!("PAY-{id}")), 0, |bundle| {
        bundle.values = sprints
            .iter()
            .zip(0..)
            .map(|(sprint, ordinal)| FieldValueRecord {
                field_id: "customfield_1".into(),
                ordinal,
                value_id: Some(sprint.to_string()),
                ..Default::default()
            })
            .collect();
        bundle.histories = histories;
        bundle.reference.statuses.push(status("3", "Done", "done"));
        if id == 7 {
            (bundle.issue.status_id, bundle.issue.status_category) = ("3".into(), "done".into());
        }
    })
}

fn reference() -> ReferenceRecords {
    let closed = SprintRecord {
        state: "closed".into(),
        start: Some(at(10)),
        complete: Some(at(100)),
        ..sprint(1, "Sprint 1")
    };
    ReferenceRecords {
        sprints: vec![closed, sprint(2, "Sprint 2")],
        fields: vec![FieldRecord {
            field_key: "customfield_1".into(),
            name: "Sprint".into(),
            field_type: Some("com.pyxis.greenhopper.jira:gh-sprint".into()),
            custom: true,
            raw: json!({"id": "customfield_1"}),
        }],
        ..Default::default()
    }
}

#[tokio::test]
async fn stays_are_told_by_changes_and_by_what_is_there_without_any() {
    let base = TestDatabase::create().await;
    let (tenant, instance) = base.mirror().await;
    let mut tx = base.begin(tenant).await;
    tx.upsert_reference(instance, &reference(), true).await.unwrap();
    let page = [
        // Done in time.
        in_sprints(
            1,
            &[1],
            vec![moved(11, 5, "", "1"), status_change(12, 50, ("1", "To Do"), ("3", "Done"))],
        ),
        // Carried over: the old sprint stays in the field; done only in the next one.
        in_sprints(
            2,
            &[1, 2],
            vec![
                moved(21, 20, "", "1"),
                moved(22, 100, "1", "1, 2"),
                status_change(23, 150, ("1", "To Do"), ("3", "Done")),
            ],
        ),
        // Born in the sprint, and left it.
        in_sprints(3, &[], vec![moved(31, 60, "1", "")]),
        // Born in the sprint, and still there: no change says so.
        in_sprints(4, &[1], Vec::new()),
        // In, out, and in again; its list is no list of numbers alone.
        in_sprints(5, &[1], vec![moved(51, 5, "", "1"), moved(52, 6, "1", "x"), moved(53, 7, "x", "1")]),
        // Added twice is added once, and left when it left.
        in_sprints(6, &[], vec![moved(61, 5, "", "1"), moved(62, 6, "", "1"), moved(63, 7, "1", "")]),
        // Done, but at the close it was in a status that is gone from the site since.
        in_sprints(
            7,
            &[1],
            vec![
                moved(71, 5, "", "1"),
                status_change(72, 50, ("1", "To Do"), ("99", "Gone")),
                status_change(73, 150, ("99", "Gone"), ("3", "Done")),
            ],
        ),
    ];
    tx.upsert_issues(instance, &page).await.unwrap();
    let all = PageOf { limit: 50, ..Default::default() };
    let rows = tx.sprint_issues((instance, 1), &all).await.unwrap();
    let shown: Vec<_> = rows
        .iter()
        .map(|entry| {
            let SprintIssueRow { key, added, removed, done_at_close, .. } = &entry.row;
            let minutes = |time: chrono::DateTime<chrono::Utc>| (time - at(0)).num_minutes();
            (key.as_str(), minutes(*added), removed.map(minutes), *done_at_close)
        })
        .collect();
    assert_eq!(
        shown,
        [
            ("PAY-1", 5, None, Some(true)),
            ("PAY-2", 20, None, Some(false)),
            ("PAY-3", 0, Some(60), None),
            ("PAY-4", 0, None, Some(false)),
            ("PAY-5", 5, Some(6), None),
            ("PAY-5", 7, None, Some(false)),
            ("PAY-6", 5, Some(7), None),
            ("PAY-7", 5, None, Some(false)),
        ]
    );
    // Page by page it is the same list.
    let mut paged = Vec::new();
    let mut page = PageOf { limit: 2, ..Default::default() };
    loop {
        let part = tx.sprint_issues((instance, 1), &page).await.unwrap();
        let Some(last) = part.last() else { break };
        page.after = Some(last.position.clone());
        paged.extend(part.into_iter().map(|entry| entry.row));
    }
    assert_eq!(paged, rows.into_iter().map(|entry| entry.row).collect::<Vec<_>>());
    let next = tx.sprint_issues((instance, 2), &all).await.unwrap();
    assert_eq!((next.len(), next[0].row.done_at_close), (1, None), "an open sprint has no close");
    tx.commit().await.unwrap();

    let carried = base
        .db
        .ask(
            &TenantContext::whole(tenant),
            "SELECT issue, added_after_start FROM jira.sprint_issues
             WHERE sprint = 'Sprint 1' AND in_at_close AND NOT done_at_close ORDER BY issue",
            SqlLimits::default(),
        )
        .await
        .unwrap();
    assert_eq!(
        carried.rows,
        [
            [json!("PAY-2"), json!(true)],
            [json!("PAY-4"), json!(false)],
            [json!("PAY-5"), json!(false)],
            [json!("PAY-7"), json!(false)]
        ]
    );
    base.remove().await;
}
