//! Leases, watermarks and freshness.

use application::{
    Error,
    instances::InstanceKind,
    sync::{RunCounts, RunKind, RunState, RunUpdate},
};
use serde_json::json;
use uuid::Uuid;

use crate::{
    bundles::{at, issue},
    database::TestDatabase,
};

fn update(done: u64, lease_until: i64) -> RunUpdate {
    RunUpdate {
        step: "issues".into(),
        done,
        total: Some(100),
        counts: RunCounts { issues: done, requests: 3, ..Default::default() },
        checkpoint: Some(json!({"after": done})),
        lease_until: at(lease_until),
    }
}

#[tokio::test]
async fn a_run_has_one_holder_until_its_lease_ends_and_goes_on_where_it_stopped() {
    let base = TestDatabase::create().await;
    let (tenant, instance) = base.mirror().await;
    let (first, second) = (Uuid::new_v4(), Uuid::new_v4());

    let mut tx = base.begin(tenant).await;
    let lease = tx.acquire_run(instance, RunKind::Backfill, first, at(0), at(10)).await.unwrap().unwrap();
    tx.checkpoint(&lease, &update(50, 12)).await.unwrap();
    tx.commit().await.unwrap();

    let mut tx = base.begin(tenant).await;
    assert!(tx.acquire_run(instance, RunKind::Poll, second, at(11), at(20)).await.unwrap().is_none());
    // The holder itself may come back, as after a restart of its job.
    assert!(tx.acquire_run(instance, RunKind::Backfill, first, at(11), at(12)).await.unwrap().is_some());
    tx.commit().await.unwrap();

    let mut tx = base.begin(tenant).await;
    let taken = tx.acquire_run(instance, RunKind::Poll, second, at(12), at(20)).await.unwrap().unwrap();
    assert_eq!((taken.run.id, taken.run.kind, taken.run.done), (lease.run.id, RunKind::Backfill, 50));
    assert_eq!(taken.run.checkpoint, Some(json!({"after": 50})));
    tx.commit().await.unwrap();

    let mut tx = base.begin(tenant).await;
    assert!(matches!(tx.checkpoint(&lease, &update(60, 30)).await, Err(Error::Conflict(_))));
    tx.finish_run(&taken, RunState::Failed, Some("no route"), &update(60, 30), at(13)).await.unwrap();
    assert!(matches!(tx.checkpoint(&taken, &update(70, 30)).await, Err(Error::Conflict(_))));
    let run = tx.run(lease.run.id).await.unwrap().unwrap();
    assert_eq!(
        (run.state, run.error.as_deref(), run.finished_at),
        (RunState::Failed, Some("no route"), Some(at(13)))
    );
    assert_eq!((run.counts.issues, run.counts.requests, run.total), (60, 3, Some(100)));

    let next = tx.acquire_run(instance, RunKind::Poll, first, at(14), at(24)).await.unwrap().unwrap();
    assert_ne!(next.run.id, run.id);
    assert_eq!(tx.latest_run(instance).await.unwrap().unwrap().id, next.run.id);
    drop(tx);
    base.remove().await;
}

#[tokio::test]
async fn of_two_workers_that_ask_at_once_one_gets_the_run() {
    let base = TestDatabase::create().await;
    let (tenant, instance) = base.mirror().await;
    let ask = || async {
        let mut tx = base.begin(tenant).await;
        let lease = tx.acquire_run(instance, RunKind::Poll, Uuid::new_v4(), at(0), at(10)).await.unwrap();
        tx.commit().await.unwrap();
        lease.is_some()
    };
    let (one, two, three) = tokio::join!(ask(), ask(), ask());
    assert_eq!([one, two, three].into_iter().filter(|got| *got).count(), 1);
    base.remove().await;
}

#[tokio::test]
async fn a_watermark_never_falls_and_the_status_shows_it() {
    let base = TestDatabase::create().await;
    let (tenant, instance) = base.mirror().await;
    let sandbox = base.instance(tenant, "sandbox", InstanceKind::Sandbox).await;
    let mut tx = base.begin(tenant).await;
    assert_eq!(tx.watermark(instance, "issues").await.unwrap(), None);
    tx.raise_watermark(instance, "issues", None, at(1)).await.unwrap();
    assert_eq!(tx.watermark(instance, "issues").await.unwrap(), None);
    tx.raise_watermark(instance, "issues", Some(at(5)), at(6)).await.unwrap();
    tx.raise_watermark(instance, "issues", Some(at(3)), at(4)).await.unwrap();
    tx.raise_watermark(instance, "issues", None, at(7)).await.unwrap();
    assert_eq!(tx.watermark(instance, "issues").await.unwrap(), Some(at(5)));

    tx.upsert_issues(instance, &[issue(1, "PAY-1")]).await.unwrap();
    tx.acquire_run(instance, RunKind::Poll, Uuid::new_v4(), at(0), at(10)).await.unwrap();
    let status = tx.sync_status(None).await.unwrap();
    assert_eq!(status.len(), 1, "a sandbox has no source to be behind of");
    assert_eq!((status[0].instance.as_str(), status[0].issues), ("main", 1));
    assert_eq!((status[0].watermark, status[0].last_proof), (Some(at(5)), Some(at(7))));
    assert_eq!(status[0].run.as_ref().map(|run| run.kind), Some(RunKind::Poll));
    assert!(tx.sync_status(Some(sandbox)).await.unwrap().is_empty());
    drop(tx);
    base.remove().await;
}
