//! Tenants, keys, instances, the audit log and jobs.

use application::{
    Caller, Error, Scope,
    audit::{AuditFilter, NewAuditEntry},
    instances::{Dialect, InstanceKind},
    jobs::JobRequest,
    keys::NewApiKey,
    ports::Database,
};
use chrono::{DateTime, TimeDelta, Utc};
use domain::ids::{InstanceId, KeyId};
use serde_json::json;
use uuid::Uuid;

use crate::{
    bundles::at,
    database::{TestDatabase, instance_record},
};

#[tokio::test]
async fn tenants_have_names_of_their_own_and_the_scheduler_learns_their_mirrors() {
    let base = TestDatabase::create().await;
    let (tenant, mirror) = base.mirror().await;
    base.instance(tenant, "demo", InstanceKind::Sandbox).await;

    let mut tx = base.db.platform().await.unwrap();
    assert!(matches!(tx.create_tenant("acme").await, Err(Error::Conflict(_))));
    drop(tx);
    let mut tx = base.db.platform().await.unwrap();
    assert_eq!(tx.tenants().await.unwrap().len(), 1);
    for name in ["acme", &tenant.to_string()] {
        assert_eq!(tx.tenant_named(name).await.unwrap().map(|t| t.id), Some(tenant));
    }
    assert!(tx.tenant_named("nobody").await.unwrap().is_none());
    assert_eq!(tx.active_mirrors().await.unwrap(), [(tenant, mirror)]);
    assert_eq!(tx.tenant_of_instance(mirror).await.unwrap(), Some(tenant));
    assert_eq!(tx.tenant_of_instance(InstanceId(Uuid::nil())).await.unwrap(), None);
    drop(tx);
    base.remove().await;
}

#[tokio::test]
async fn a_key_is_found_by_its_prefix_touched_by_the_minute_and_revoked_once() {
    let base = TestDatabase::create().await;
    let tenant = base.tenant("acme").await;
    let key = NewApiKey {
        id: KeyId(Uuid::new_v4()),
        name: "ci".into(),
        prefix: "abcdefghij".into(),
        secret_hash: vec![1, 2, 3],
        scopes: vec![Scope::Read, Scope::Sql],
        policy: serde_json::from_value(json!({ "projects": ["PAY"], "rate": 60 })).unwrap(),
        expires_at: None,
    };
    let mut tx = base.begin(tenant).await;
    tx.add_key(&key).await.unwrap();
    tx.commit().await.unwrap();

    let (found, hash) = base.db.key_by_prefix("abcdefghij").await.unwrap().unwrap();
    assert_eq!((found.id, found.tenant, hash), (key.id, tenant, vec![1, 2, 3]));
    assert_eq!((&found.scopes, &found.policy), (&key.scopes, &key.policy));
    assert!(base.db.key_by_prefix("other").await.unwrap().is_none());
    let mut platform = base.db.platform().await.unwrap();
    platform.touch_key(key.id, at(0)).await.unwrap();
    platform.touch_key(key.id, at(0) + TimeDelta::seconds(59)).await.unwrap();
    assert_eq!(platform.every_key().await.unwrap()[0].last_used_at, Some(at(0)));
    platform.touch_key(key.id, at(2)).await.unwrap();
    platform.commit().await.unwrap();

    let mut tx = base.begin(tenant).await;
    assert_eq!(tx.keys().await.unwrap()[0].last_used_at, Some(at(2)));
    assert!(tx.revoke_key(key.id, at(3)).await.unwrap());
    assert!(!tx.revoke_key(key.id, at(4)).await.unwrap());
    assert_eq!(tx.keys().await.unwrap()[0].revoked_at, Some(at(3)));
    drop(tx);
    base.remove().await;
}

#[tokio::test]
async fn an_instance_is_found_by_name_and_id_and_keeps_what_is_noted() {
    let base = TestDatabase::create().await;
    let (tenant, id) = base.mirror().await;
    let mut tx = base.begin(tenant).await;
    tx.note_identity(id, "me", Some("Europe/Berlin"), Dialect::V2).await.unwrap();
    tx.note_identity(id, "me", None, Dialect::V2).await.unwrap();
    tx.note_webhook(id, Some("72")).await.unwrap();
    for name in ["main", &id.to_string()] {
        let found = tx.instance(name).await.unwrap().unwrap();
        assert_eq!((found.id, found.dialect, found.kind), (id, Dialect::V2, InstanceKind::Cloud));
        assert_eq!(found.time_zone.as_deref(), Some("Europe/Berlin"));
        assert_eq!((found.account_id.as_deref(), found.webhook_id.as_deref()), (Some("me"), Some("72")));
    }
    tx.move_instance(id, "https://elsewhere.example").await.unwrap();
    let moved = tx.instance("main").await.unwrap().unwrap();
    assert_eq!((moved.base_url.as_str(), moved.webhook_id), ("https://elsewhere.example", None));
    assert_eq!(tx.sealed_secrets(id).await.unwrap().credential.as_deref(), Some("sealed"));
    assert!(matches!(tx.note_webhook(InstanceId(Uuid::nil()), Some("1")).await, Err(Error::NotFound { .. })));
    let twin = instance_record(InstanceId(Uuid::new_v4()), "main", InstanceKind::Server);
    assert!(matches!(tx.add_instance(&twin).await, Err(Error::Conflict(_))));
    drop(tx);
    base.remove().await;
}

#[tokio::test]
async fn ids_of_a_sandbox_are_given_once() {
    let base = TestDatabase::create().await;
    let tenant = base.tenant("acme").await;
    let sandbox = base.instance(tenant, "demo", InstanceKind::Sandbox).await;
    let mut tx = base.begin(tenant).await;
    assert_eq!(tx.take_sandbox_ids(sandbox, 3).await.unwrap(), 1);
    assert_eq!(tx.take_sandbox_ids(sandbox, 1).await.unwrap(), 4);
    tx.raise_sandbox_id(sandbox, 1000).await.unwrap();
    tx.raise_sandbox_id(sandbox, 5).await.unwrap();
    assert_eq!(tx.take_sandbox_ids(sandbox, 1).await.unwrap(), 1001);
    tx.set_dialect(sandbox, Dialect::V2).await.unwrap();
    assert_eq!(tx.instance("demo").await.unwrap().unwrap().dialect, Dialect::V2);
    drop(tx);
    base.remove().await;
}

#[tokio::test]
async fn the_audit_log_is_read_newest_first_page_by_page() {
    let base = TestDatabase::create().await;
    let (tenant, instance) = base.mirror().await;
    let caller = Caller { request_id: "r".repeat(100), ..Caller::system(tenant) };
    let mut tx = base.begin(tenant).await;
    for n in 0..5 {
        let target = format!("PAY-{n}{}", "x".repeat(300));
        let action = if n == 0 { "add_instance" } else { "add_comment" };
        let entry =
            NewAuditEntry::success(&caller, Some(instance), action, target, json!(null), json!(n), at(n));
        tx.record(entry).await.unwrap();
    }
    let comments = AuditFilter { action: Some("add_comment".into()), limit: 3, ..Default::default() };
    let first = tx.audit_entries(&comments).await.unwrap();
    let after = |entries: &[application::audit::AuditEntry]| -> Vec<_> {
        entries.iter().map(|entry| entry.payload.as_ref().unwrap()["after"].as_i64().unwrap()).collect()
    };
    assert_eq!(after(&first), [4, 3, 2]);
    assert_eq!((first[0].instance.as_deref(), first[0].outcome.as_str()), (Some("main"), "succeeded"));
    let second = tx.audit_entries(&AuditFilter { before: Some(first[2].id), ..comments }).await.unwrap();
    assert_eq!(after(&second), [1]);
    drop(tx);
    base.remove().await;
}

#[tokio::test]
async fn a_job_exists_exactly_if_the_transaction_does() {
    let base = TestDatabase::create().await;
    let tenant = base.tenant("acme").await;
    let job = |name| JobRequest {
        name,
        payload: json!({"instance": "1"}),
        lane: Some("lane".into()),
        key: None,
        priority: 10,
        run_at: Some(at(0)),
        max_attempts: 3,
    };
    base.begin(tenant).await.enqueue(job("dropped")).await.unwrap();
    let mut tx = base.begin(tenant).await;
    tx.enqueue(job("kept")).await.unwrap();
    tx.commit().await.unwrap();
    let mut tx = base.db.platform().await.unwrap();
    tx.enqueue(JobRequest { lane: None, run_at: None, ..job("kept_too") }).await.unwrap();
    tx.commit().await.unwrap();

    let mut admin = base.superuser().await;
    let jobs: Vec<(String, i16)> = sqlx::query_as(
        "SELECT task_identifier, max_attempts FROM graphile_worker.jobs ORDER BY task_identifier",
    )
    .fetch_all(&mut admin)
    .await
    .unwrap();
    assert_eq!(jobs, [("kept".into(), 3), ("kept_too".into(), 3)]);
    base.remove().await;
}

/// All webhooks of all tenants ask for the same refresh: none of them waits for another's transaction to end.
#[tokio::test]
async fn a_job_that_waits_for_its_time_is_leant_on_by_many_transactions_at_once() {
    let base = TestDatabase::create().await;
    let (acme, other) = (base.tenant("acme").await, base.tenant("other").await);
    let mut admin = base.superuser().await;
    let in_a_minute: DateTime<Utc> =
        sqlx::query_scalar("SELECT now() + interval '1 minute'").fetch_one(&mut admin).await.unwrap();
    let refresh = |run_at| JobRequest {
        name: "refresh",
        payload: json!({}),
        lane: Some("refresh".into()),
        key: Some("refresh".into()),
        priority: 30,
        run_at: Some(run_at),
        max_attempts: 3,
    };
    let mut tx = base.begin(acme).await;
    tx.enqueue(refresh(in_a_minute)).await.unwrap();
    tx.commit().await.unwrap();

    let (mut one, mut two) = (base.begin(acme).await, base.begin(other).await);
    one.enqueue(refresh(in_a_minute + TimeDelta::minutes(5))).await.unwrap();
    // It would wait for as long as the other one is open.
    let both = tokio::time::timeout(std::time::Duration::from_secs(20), two.enqueue(refresh(in_a_minute)));
    both.await.expect("it waits for the other transaction").unwrap();
    let takes =
        "SELECT count(*) FROM (SELECT id FROM graphile_worker._private_jobs FOR UPDATE SKIP LOCKED) j";
    let free: i64 = sqlx::query_scalar(takes).fetch_one(&mut admin).await.unwrap();
    assert_eq!(free, 0, "no worker takes it before what it is to show is there");
    drop(one);
    two.commit().await.unwrap();
    let jobs = "SELECT run_at, revision FROM graphile_worker.jobs";
    let waiting: Vec<(DateTime<Utc>, i32)> = sqlx::query_as(jobs).fetch_all(&mut admin).await.unwrap();
    assert_eq!(waiting, [(in_a_minute, 0)]);

    // One that is due may be at work the next moment, and one that says something else is another one.
    let is_due = "UPDATE graphile_worker._private_jobs SET run_at = now() - interval '1 minute'";
    sqlx::query(is_due).execute(&mut admin).await.unwrap();
    let hourly = JobRequest { payload: json!({"every": "hour"}), ..refresh(in_a_minute) };
    for request in [refresh(in_a_minute), hourly] {
        let mut tx = base.begin(acme).await;
        tx.enqueue(request).await.unwrap();
        tx.commit().await.unwrap();
    }
    let replaced: Vec<(DateTime<Utc>, i32)> = sqlx::query_as(jobs).fetch_all(&mut admin).await.unwrap();
    assert_eq!(replaced.iter().map(|(_, revision)| *revision).collect::<Vec<_>>(), [2]);
    base.remove().await;
}
