//! The inbox, and what is registered at a sandbox.

use application::{
    Error,
    instances::InstanceKind,
    webhooks::{InboxEntry, InboxState, Webhook},
};
use domain::ids::InstanceId;
use serde_json::json;
use uuid::Uuid;

use crate::{bundles::at, database::TestDatabase};

fn delivery(instance: InstanceId, id: &str, issue: Option<&str>, minute: i64) -> InboxEntry {
    InboxEntry {
        id: Uuid::new_v4(),
        instance,
        delivery_id: id.into(),
        event: "jira:issue_updated".into(),
        issue_jira_id: issue.map(Into::into),
        body: json!({"timestamp": minute}),
        received_at: at(minute),
    }
}

#[tokio::test]
async fn a_delivery_that_is_repeated_is_known() {
    let base = TestDatabase::create().await;
    let (tenant, instance) = base.mirror().await;
    let other = base.instance(tenant, "other", InstanceKind::Cloud).await;
    let mut tx = base.begin(tenant).await;
    assert!(tx.receive_delivery(&delivery(instance, "a", Some("1"), 0)).await.unwrap());
    assert!(!tx.receive_delivery(&delivery(instance, "a", Some("1"), 1)).await.unwrap());
    assert!(tx.receive_delivery(&delivery(instance, "b", Some("1"), 1)).await.unwrap());
    assert!(tx.receive_delivery(&delivery(other, "a", Some("1"), 1)).await.unwrap());
    drop(tx);
    base.remove().await;
}

#[tokio::test]
async fn settling_closes_what_came_before_and_speaks_of_the_same_issue() {
    let base = TestDatabase::create().await;
    let (tenant, instance) = base.mirror().await;
    let mut tx = base.begin(tenant).await;
    for (id, issue, minute) in
        [("a", Some("1"), 0), ("b", Some("1"), 1), ("c", Some("2"), 1), ("d", None, 1), ("e", Some("1"), 9)]
    {
        tx.receive_delivery(&delivery(instance, id, issue, minute)).await.unwrap();
    }
    let settle = async |tx: &mut Box<dyn application::ports::TenantTx>, issue, state| {
        tx.settle_deliveries(instance, issue, state, at(5)).await.unwrap()
    };
    assert_eq!(settle(&mut tx, Some("1"), InboxState::Processed).await, 2);
    assert_eq!(settle(&mut tx, Some("1"), InboxState::Processed).await, 0);
    assert_eq!(settle(&mut tx, None, InboxState::Ignored).await, 1);
    drop(tx);
    base.remove().await;
}

#[tokio::test]
async fn webhooks_of_a_sandbox_are_listed_and_removed() {
    let base = TestDatabase::create().await;
    let tenant = base.tenant("acme").await;
    let sandbox = base.instance(tenant, "demo", InstanceKind::Sandbox).await;
    let webhook = Webhook {
        jira_id: 7,
        name: "mirror".into(),
        url: "https://forebay.example/webhooks/1".into(),
        events: vec!["jira:issue_updated".into()],
        jql: None,
        exclude_body: true,
        enabled: true,
        secret_sealed: Some("sealed".into()),
        updated_at: at(0),
    };
    let mut tx = base.begin(tenant).await;
    tx.add_webhook(sandbox, &webhook).await.unwrap();
    let listed = tx.webhooks(sandbox).await.unwrap();
    assert_eq!(
        (listed.len(), listed[0].events.len(), listed[0].secret_sealed.as_deref()),
        (1, 1, Some("sealed"))
    );
    assert!(tx.remove_webhook(sandbox, 7).await.unwrap());
    assert!(!tx.remove_webhook(sandbox, 7).await.unwrap());
    tx.add_webhook(sandbox, &webhook).await.unwrap();
    assert!(matches!(tx.add_webhook(sandbox, &webhook).await, Err(Error::Conflict(_))));
    drop(tx);
    base.remove().await;
}
