//! Comments, changes and past of one issue, page by page.

use application::{
    Result,
    catalog::{Entry, PageOf},
    issues::HistoryItemRecord,
};

use serde_json::json;

use crate::{
    bundles::{at, blocks, changed, comment, history, issue, item, payload, status_change},
    database::TestDatabase,
};

/// Everything, two entries at a time.
async fn paged<T>(mut read: impl AsyncFnMut(&PageOf) -> Result<Vec<Entry<T>>>) -> Vec<T> {
    let mut page = PageOf { limit: 2, ..Default::default() };
    let mut all = Vec::new();
    loop {
        let part = read(&page).await.unwrap();
        assert!(part.len() <= 2);
        let Some(last) = part.last() else { return all };
        page.after = Some(last.position.clone());
        all.extend(part.into_iter().map(|entry| entry.row));
    }
}

#[tokio::test]
async fn pages_are_the_whole_list_in_its_order() {
    let base = TestDatabase::create().await;
    let (tenant, instance) = base.mirror().await;
    let bundle = changed(&issue(1, "PAY-1"), 0, |bundle| {
        // Several at one moment, whose numbers are not in the order of their texts.
        bundle.comments = [(9, 1), (10, 1), (11, 1), (8, 2), (7, 0)]
            .map(|(id, minute)| comment(id, &id.to_string(), minute))
            .to_vec();
        bundle.histories = vec![
            status_change(30, 1, ("1", "To Do"), ("3", "In Progress")),
            history(
                4,
                1,
                vec![item("labels", None, Some(("", "a"))), item("summary", None, Some(("", "b")))],
            ),
            history(31, 2, Vec::new()),
            status_change(32, 5, ("3", "In Progress"), ("1", "To Do")),
        ];
    });
    let mut tx = base.begin(tenant).await;
    tx.upsert_issues(instance, &[bundle, issue(2, "PAY-2")]).await.unwrap();
    let id = instance.issue("1");
    let comments = paged(async |page| tx.comments_of(id, page).await).await;
    let texts: Vec<_> = comments.iter().map(|row| row.body_text.as_str()).collect();
    assert_eq!(texts, ["7", "9", "10", "11", "8"]);

    let histories = paged(async |page| tx.histories_of(id, page).await).await;
    let whole = tx.histories(&[id]).await.unwrap();
    assert_eq!(histories.len(), 4);
    for (paged, whole) in histories.iter().zip(&whole) {
        assert_eq!(paged.raw, whole.raw);
    }

    let spans = paged(async |page| tx.field_history_of(id, None, page).await).await;
    assert_eq!(spans, tx.field_history(id).await.unwrap());
    let status = paged(async |page| tx.field_history_of(id, Some("status"), page).await).await;
    let since: Vec<_> = status.iter().map(|span| (span.value.as_deref(), span.started)).collect();
    assert_eq!(since, [(Some("1"), at(0)), (Some("3"), at(1)), (Some("1"), at(5))]);

    // A position is one issue's own.
    let first = tx.comments_of(id, &PageOf { limit: 1, ..Default::default() }).await.unwrap();
    let after = PageOf { after: Some(first[0].position.clone()), limit: 1, ..Default::default() };
    assert!(tx.comments_of(instance.issue("2"), &after).await.unwrap_err().to_string().starts_with("cursor"));
    drop(tx);
    base.remove().await;
}

#[tokio::test]
async fn an_environment_and_links_that_never_changed_were_there_from_the_creation_on() {
    let base = TestDatabase::create().await;
    let (tenant, instance) = base.mirror().await;
    let (two, three) = (issue(2, "PAY-2"), issue(3, "PAY-3"));
    let environments = [
        json!("staging"),
        json!({"type": "doc", "version": 1, "content": [
            {"type": "paragraph", "content": [{"type": "text", "text": "stag"}, {"type": "text", "text": "ing"}]},
            {"type": "paragraph", "content": [{"type": "text", "text": "blue"}]},
        ]}),
    ];
    for (environment, text) in environments.into_iter().zip(["staging", "staging\nblue"]) {
        let mut one = changed(&issue(1, "PAY-1"), 5, |bundle| {
            bundle.links = vec![blocks(41, &issue(1, "PAY-1"), &two), blocks(42, &three, &issue(1, "PAY-1"))];
            let linked = HistoryItemRecord {
                field_id: None,
                ..item("Link", None, Some(("PAY-3", "This issue is blocked by PAY-3")))
            };
            bundle.histories = vec![history(31, 3, vec![linked])];
        });
        let mut raw = one.issue.raw.value().unwrap();
        raw["fields"]["environment"] = environment;
        one.issue.raw = payload(&raw);
        one.issue.source_hash = text.as_bytes().to_vec();
        let mut tx = base.begin(tenant).await;
        tx.upsert_issues(instance, &[one, two.clone(), three.clone()]).await.unwrap();
        let spans = tx.field_history(instance.issue("1")).await.unwrap();
        let told: Vec<_> = spans
            .iter()
            .filter(|span| ["environment", "issuelinks", "Link"].contains(&span.field_id.as_str()))
            .map(|span| (span.value.as_deref(), span.string.as_deref().unwrap(), span.started))
            .collect();
        let expected = [
            (None, text, at(0)),
            (Some("PAY-2"), "This issue blocks PAY-2", at(0)),
            (Some("PAY-3"), "This issue is blocked by PAY-3", at(3)),
        ];
        assert_eq!(told, expected);
    }
    base.remove().await;
}
