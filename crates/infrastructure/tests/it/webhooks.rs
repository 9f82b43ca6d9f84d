//! The inbox, and what is registered at a sandbox.

use application::{
    Error,
    instances::InstanceKind,
    ports::{TenantTx, WebhookKind},
    webhooks::{self, FailedDelivery, InboxEntry, InboxState, Registration, RegistrationState, Webhook},
};
use chrono::{DateTime, Utc};
use domain::ids::InstanceId;
use serde_json::json;
use uuid::Uuid;

use crate::{
    bundles::{at, changed, issue},
    database::TestDatabase,
};

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
        expires_at: None,
        field_ids: None,
        property_keys: None,
    };
    let mut tx = base.begin(tenant).await;
    tx.add_webhook(sandbox, &webhook).await.unwrap();
    let listed = tx.webhooks(sandbox).await.unwrap();
    assert_eq!(
        (listed.len(), listed[0].events.len(), listed[0].secret_sealed.as_deref()),
        (1, 1, Some("sealed"))
    );
    let changed =
        Webhook { expires_at: Some(at(9)), field_ids: Some(vec!["summary".into()]), ..webhook.clone() };
    assert!(tx.save_webhook(sandbox, &changed).await.unwrap());
    assert!(!tx.save_webhook(sandbox, &Webhook { jira_id: 8, ..changed }).await.unwrap());
    let listed = tx.webhooks(sandbox).await.unwrap();
    assert_eq!((listed[0].expires_at, listed[0].is_dynamic()), (Some(at(9)), true));
    assert_eq!(listed[0].field_ids.as_deref(), Some(&["summary".to_owned()][..]));
    assert!(tx.remove_webhook(sandbox, 7).await.unwrap());
    assert!(!tx.remove_webhook(sandbox, 7).await.unwrap());
    tx.add_webhook(sandbox, &webhook).await.unwrap();
    assert!(matches!(tx.add_webhook(sandbox, &webhook).await, Err(Error::Conflict(_))));
    drop(tx);
    base.remove().await;
}

#[tokio::test]
async fn what_was_given_up_is_told_for_three_days_the_oldest_first() {
    let base = TestDatabase::create().await;
    let (tenant, sandbox) = base.mirror().await;
    let mut tx = base.begin(tenant).await;
    let failed = |id: u128, minute: i64| FailedDelivery {
        id: Uuid::from_u128(id),
        url: "https://app.example/hook".into(),
        body: Some(json!({ "n": minute })),
        failed_at: at(minute),
    };
    for one in [failed(1, 5), failed(2, 1), failed(3, 5), failed(4, 9), failed(4, 9)] {
        tx.note_failed_delivery(sandbox, &one).await.unwrap();
    }
    let mut listed = async |after: i64, most: usize| {
        let found = tx.failed_deliveries(sandbox, at(after), most).await.unwrap();
        found.iter().map(|failed| failed.id.as_u128()).collect::<std::collections::BTreeSet<_>>()
    };
    assert_eq!(listed(0, 10).await, [1, 2, 3, 4].into());
    assert_eq!(listed(0, 1).await, [2].into());
    assert_eq!(listed(1, 1).await, [1, 3].into(), "those of one moment stay together");
    assert_eq!(listed(9, 10).await, [].into());
    tx.note_failed_delivery(sandbox, &failed(5, 9 + 72 * 60)).await.unwrap();
    let left = tx.failed_deliveries(sandbox, at(0), 10).await.unwrap();
    assert_eq!(left.len(), 2, "what is older is forgotten: {left:?}");
    drop(tx);
    base.remove().await;
}

/// Since when nothing has come, and whether that is told.
async fn silent(
    tx: &mut Box<dyn TenantTx>,
    instance: InstanceId,
    minute: i64,
) -> (Option<DateTime<Utc>>, bool) {
    let health = webhooks::health(tx.as_mut(), instance, at(minute)).await.unwrap();
    (health.silent_since, health.problem().is_some())
}

#[tokio::test]
async fn a_webhook_that_says_nothing_while_issues_change_is_noticed() {
    let base = TestDatabase::create().await;
    let (tenant, instance) = base.mirror().await;
    let mut tx = base.begin(tenant).await;
    let registered = Registration {
        kind: WebhookKind::Dynamic,
        ids: vec!["1000".into(), "1001".into()],
        wanted: true,
        state: RegistrationState::Registered,
        problem: Some("not told of sprints".into()),
        origin: "https://forebay.example".into(),
        stale: false,
        by_hand: true,
        registered_at: Some(at(0)),
        expires_at: Some(at(40_000)),
        checked_at: at(1),
    };
    assert!(tx.registration(instance).await.unwrap().is_none());
    tx.keep_registration(instance, &registered).await.unwrap();
    assert_eq!(tx.registration(instance).await.unwrap().as_ref(), Some(&registered));
    assert_eq!(silent(&mut tx, instance, 600).await, (None, false), "nothing has changed");
    let one = changed(&issue(1, "PAY-1"), 100, |_| {});
    tx.upsert_issues(instance, &[one]).await.unwrap();
    assert_eq!(silent(&mut tx, instance, 150).await, (None, false), "it may come late");
    assert_eq!(silent(&mut tx, instance, 170).await, (Some(at(0)), true));
    tx.receive_delivery(&delivery(instance, "a", Some("1"), 101)).await.unwrap();
    let told = webhooks::health(tx.as_mut(), instance, at(170)).await.unwrap();
    assert_eq!((told.last_delivery_at, told.silent_since), (Some(at(101)), None));
    let off = Registration { state: RegistrationState::Off, wanted: false, ..registered };
    tx.keep_registration(instance, &off).await.unwrap();
    assert_eq!(tx.registration(instance).await.unwrap(), Some(off));
    drop(tx);
    base.remove().await;
}
