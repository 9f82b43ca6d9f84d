//! Leases, watermarks and freshness.

use application::{
    Error,
    instances::InstanceKind,
    ports::Database as _,
    sync::{ISSUES, Position, Range, RunCounts, RunKind, RunState, RunUpdate, StoredRange, SyncSchedule},
    webhooks::{InboxEntry, InboxState},
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
        worked_ms: 100,
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
    let lease = tx.acquire_run(instance, first, at(0), at(10)).await.unwrap().unwrap();
    tx.checkpoint(&lease, &update(50, 12)).await.unwrap();
    tx.commit().await.unwrap();

    let mut tx = base.begin(tenant).await;
    assert!(tx.acquire_run(instance, second, at(11), at(20)).await.unwrap().is_none());
    // The holder itself may come back, as after a restart of its job.
    assert!(tx.acquire_run(instance, first, at(11), at(12)).await.unwrap().is_some());
    tx.commit().await.unwrap();

    let mut tx = base.begin(tenant).await;
    let taken = tx.acquire_run(instance, second, at(12), at(20)).await.unwrap().unwrap();
    assert_eq!((taken.run.id, taken.run.kind, taken.run.done), (lease.run.id, RunKind::Backfill, 50));
    assert_eq!(taken.run.checkpoint, Some(json!({"after": 50})));
    tx.commit().await.unwrap();

    let mut tx = base.begin(tenant).await;
    assert!(matches!(tx.checkpoint(&lease, &update(60, 30)).await, Err(Error::Conflict(_))));
    tx.finish_run(&taken, RunState::Failed, Some("no route"), &update(10, 30), at(13)).await.unwrap();
    assert!(matches!(tx.checkpoint(&taken, &update(70, 30)).await, Err(Error::Conflict(_))));
    let run = tx.run(lease.run.id).await.unwrap().unwrap();
    assert_eq!(
        (run.state, run.error.as_deref(), run.finished_at),
        (RunState::Failed, Some("no route"), Some(at(13)))
    );
    assert_eq!((run.counts.issues, run.counts.requests, run.total), (60, 6, Some(100)));
    assert_eq!((run.done, run.worked_ms), (60, 200));

    let next = tx.acquire_run(instance, first, at(14), at(24)).await.unwrap().unwrap();
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
        let lease = tx.acquire_run(instance, Uuid::new_v4(), at(0), at(10)).await.unwrap();
        tx.commit().await.unwrap();
        lease.is_some()
    };
    let (one, two, three) = tokio::join!(ask(), ask(), ask());
    assert_eq!([one, two, three].into_iter().filter(|got| *got).count(), 1);
    base.remove().await;
}

#[tokio::test]
async fn a_run_that_waited_for_the_end_of_a_backfill_is_a_poll() {
    let base = TestDatabase::create().await;
    let (tenant, instance) = base.mirror().await;
    let mut tx = base.begin(tenant).await;
    let backfill = tx.acquire_run(instance, Uuid::new_v4(), at(0), at(10)).await.unwrap().unwrap();
    assert_eq!(backfill.run.kind, RunKind::Backfill);
    tx.commit().await.unwrap();

    let mut ending = base.begin(tenant).await;
    ending.raise_watermark(instance, "issues", Some(at(1)), Some(at(1))).await.unwrap();
    ending.finish_run(&backfill, RunState::Succeeded, None, &update(1, 1), at(1)).await.unwrap();
    // Adds its run while the other one is being ended, and has to wait for that.
    let next = async {
        let mut tx = base.begin(tenant).await;
        let next = tx.acquire_run(instance, Uuid::new_v4(), at(2), at(12)).await.unwrap();
        tx.commit().await.unwrap();
        next
    };
    let end = async {
        let mut looking = base.superuser().await;
        let waits = "SELECT EXISTS (SELECT FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock')";
        while !sqlx::query_scalar::<_, bool>(waits).fetch_one(&mut looking).await.unwrap() {
            tokio::task::yield_now().await;
        }
        ending.commit().await.unwrap();
    };
    let (next, ()) = tokio::join!(next, end);
    let mut tx = base.begin(tenant).await;
    let stored = tx.run(next.unwrap().run.id).await.unwrap().unwrap();
    assert_eq!(stored.kind, RunKind::Poll, "the copy is complete: nothing is to be copied a second time");
    drop(tx);
    base.remove().await;
}

#[tokio::test]
async fn a_watermark_never_falls_and_the_status_shows_it() {
    let base = TestDatabase::create().await;
    let (tenant, instance) = base.mirror().await;
    let sandbox = base.instance(tenant, "sandbox", InstanceKind::Sandbox).await;
    let mut tx = base.begin(tenant).await;
    assert_eq!(tx.watermark(instance, "issues").await.unwrap(), None);
    tx.raise_watermark(instance, "issues", None, Some(at(1))).await.unwrap();
    assert_eq!(tx.watermark(instance, "issues").await.unwrap(), None);
    tx.raise_watermark(instance, "issues", Some(at(5)), Some(at(6))).await.unwrap();
    tx.raise_watermark(instance, "issues", Some(at(3)), Some(at(4))).await.unwrap();
    tx.raise_watermark(instance, "issues", None, Some(at(7))).await.unwrap();
    assert_eq!(tx.watermark(instance, "issues").await.unwrap(), Some(at(5)));

    tx.upsert_issues(instance, &[issue(1, "PAY-1")]).await.unwrap();
    tx.acquire_run(instance, Uuid::new_v4(), at(0), at(10)).await.unwrap();
    let status = tx.sync_status(None).await.unwrap();
    assert_eq!(status.len(), 1, "a sandbox has no source to be behind of");
    assert_eq!((status[0].instance.as_str(), status[0].issues), ("main", 1));
    assert_eq!((status[0].watermark, status[0].last_proof), (Some(at(5)), Some(at(7))));
    assert_eq!(status[0].run.as_ref().map(|run| run.kind), Some(RunKind::Poll));
    assert!(tx.sync_status(Some(sandbox)).await.unwrap().is_empty());
    drop(tx);
    base.remove().await;
}

#[tokio::test]
async fn a_watermark_is_never_in_the_future() {
    let base = TestDatabase::create().await;
    let (tenant, instance) = base.mirror().await;
    let mut tx = base.begin(tenant).await;
    let ahead = at(100 * 365 * 24 * 60);
    tx.raise_watermark(instance, "issues", Some(ahead), Some(at(1))).await.unwrap();
    tx.raise_watermark(instance, "issues", Some(ahead), Some(at(1))).await.unwrap();
    tx.commit().await.unwrap();
    let present = "SELECT last_updated_at BETWEEN now() - interval '1 minute' AND now() FROM sync_watermarks";
    let is_present: bool = sqlx::query_scalar(present).fetch_one(&mut base.superuser().await).await.unwrap();
    assert!(is_present, "a site's clock is not believed beyond ours");
    base.remove().await;
}

#[tokio::test]
async fn a_run_that_failed_is_gone_on_with_by_the_next_of_its_kind_and_a_canceled_one_is_not() {
    let base = TestDatabase::create().await;
    let (tenant, instance) = base.mirror().await;
    let mut tx = base.begin(tenant).await;
    let first = tx.acquire_run(instance, Uuid::new_v4(), at(0), at(10)).await.unwrap().unwrap();
    tx.finish_run(&first, RunState::Failed, Some("no route"), &update(50, 10), at(1)).await.unwrap();
    let second = tx.acquire_run(instance, Uuid::new_v4(), at(2), at(10)).await.unwrap().unwrap();
    assert_ne!(second.run.id, first.run.id);
    assert_eq!((second.run.done, second.run.counts.issues, second.run.total), (50, 50, Some(100)));
    assert_eq!(second.run.checkpoint, Some(json!({"after": 50})));

    let canceled = tx.cancel_run(instance, ISSUES, at(3)).await.unwrap().unwrap();
    assert_eq!((canceled.id, canceled.state), (second.run.id, RunState::Canceled));
    assert!(tx.cancel_run(instance, ISSUES, at(3)).await.unwrap().is_none());
    assert!(matches!(tx.checkpoint(&second, &update(1, 10)).await, Err(Error::Conflict(_))));
    let third = tx.acquire_run(instance, Uuid::new_v4(), at(4), at(10)).await.unwrap().unwrap();
    assert_eq!((third.run.done, third.run.checkpoint), (0, None));
    drop(tx);
    base.remove().await;
}

#[tokio::test]
async fn a_run_that_is_taken_goes_on_elsewhere_and_its_holder_writes_nothing_more() {
    let base = TestDatabase::create().await;
    let (tenant, instance) = base.mirror().await;
    let mut tx = base.begin(tenant).await;
    let held = tx.acquire_run(instance, Uuid::new_v4(), at(0), at(10)).await.unwrap().unwrap();
    tx.checkpoint(&held, &update(50, 10)).await.unwrap();
    tx.take_run(instance, ISSUES, at(1)).await.unwrap();
    assert!(matches!(tx.checkpoint(&held, &update(1, 10)).await, Err(Error::Conflict(_))));
    let taken = tx.acquire_run(instance, Uuid::new_v4(), at(1), at(10)).await.unwrap().unwrap();
    assert_eq!((taken.run.id, taken.run.kind, taken.run.done), (held.run.id, RunKind::Backfill, 50));
    drop(tx);
    base.remove().await;
}

#[tokio::test]
async fn ranges_are_taken_newest_first_moved_on_and_forgotten_when_they_are_done() {
    let base = TestDatabase::create().await;
    let (tenant, instance) = base.mirror().await;
    let range = |from: Option<i64>, to: Option<i64>| StoredRange {
        id: Uuid::now_v7(),
        range: Range { created_from: from.map(at), created_to: to.map(at), ..Range::default() },
        estimate: Some(7),
        position: Position::default(),
    };
    let (whole, newest, middle, oldest) =
        (range(None, None), range(Some(20), None), range(Some(10), Some(20)), range(None, Some(10)));
    let mut tx = base.begin(tenant).await;
    tx.put_ranges(instance, None, std::slice::from_ref(&whole)).await.unwrap();
    assert_eq!(tx.next_range(instance, &[]).await.unwrap(), Some(whole.clone()));
    let parts = [oldest.clone(), newest.clone(), middle.clone()];
    tx.put_ranges(instance, Some(whole.id), &parts).await.unwrap();
    assert_eq!(tx.next_range(instance, &[]).await.unwrap(), Some(newest.clone()));
    assert_eq!(tx.next_range(instance, &[newest.id]).await.unwrap(), Some(middle.clone()));

    let on = Position { cursor: Some("page 2".into()), reached: Some(at(15)), ..Position::default() };
    tx.move_range(middle.id, &on).await.unwrap();
    let moved = StoredRange { position: on, ..middle.clone() };
    assert_eq!(tx.next_range(instance, &[newest.id]).await.unwrap(), Some(moved));
    let done = Position { finished: true, ..Position::default() };
    for range in [&newest, &middle] {
        tx.move_range(range.id, &done).await.unwrap();
    }
    assert_eq!(tx.next_range(instance, &[]).await.unwrap(), Some(oldest));
    assert!(matches!(tx.move_range(middle.id, &done).await, Err(Error::Conflict(_))));
    assert_eq!(tx.drop_ranges(instance).await.unwrap(), 1);
    drop(tx);
    base.remove().await;
}

#[tokio::test]
async fn a_mirror_is_due_when_its_time_has_come_and_nobody_is_at_it_or_paused_it() {
    let base = TestDatabase::create().await;
    let (tenant, instance) = base.mirror().await;
    let due = async |minute| {
        let mut tx = base.db.platform().await.unwrap();
        tx.due_mirrors(at(minute)).await.unwrap() == [(tenant, instance)]
    };
    assert!(due(0).await, "never looked at");
    let mut tx = base.begin(tenant).await;
    let schedule =
        SyncSchedule { next_at: Some(at(5)), failures: 2, error: Some("no".into()), ..Default::default() };
    tx.plan_sync(instance, &schedule).await.unwrap();
    assert_eq!(tx.sync_schedule(instance).await.unwrap(), schedule);
    tx.commit().await.unwrap();
    assert!(!due(4).await && due(5).await);

    let mut tx = base.begin(tenant).await;
    assert!(!tx.pause_sync(instance, None).await.unwrap(), "it is not paused");
    assert!(tx.pause_sync(instance, Some(at(6))).await.unwrap());
    assert!(!tx.pause_sync(instance, Some(at(7))).await.unwrap(), "it is paused already");
    tx.commit().await.unwrap();
    assert!(!due(9).await);
    let mut tx = base.begin(tenant).await;
    tx.plan_sync(instance, &schedule).await.unwrap();
    assert_eq!(tx.sync_schedule(instance).await.unwrap().paused_at, Some(at(6)), "planning does not resume");
    assert!(tx.pause_sync(instance, None).await.unwrap());
    assert_eq!(tx.sync_schedule(instance).await.unwrap().next_at, None, "who resumes does not wait");
    tx.commit().await.unwrap();
    assert!(due(0).await);

    let mut tx = base.begin(tenant).await;
    tx.acquire_run(instance, Uuid::new_v4(), at(10), at(12)).await.unwrap();
    tx.commit().await.unwrap();
    assert!(!due(11).await && due(12).await, "a worker that died is waited for until its lease ends");
    base.remove().await;
}

#[tokio::test]
async fn old_runs_and_settled_deliveries_are_forgotten_but_the_latest_run_of_each_kind() {
    let base = TestDatabase::create().await;
    let (tenant, instance) = base.mirror().await;
    let mut tx = base.begin(tenant).await;
    for (kind, minute) in
        [(RunKind::Backfill, 0), (RunKind::Poll, 1), (RunKind::Poll, 2), (RunKind::Poll, 50)]
    {
        let run =
            tx.acquire_run(instance, Uuid::new_v4(), at(minute), at(minute + 1)).await.unwrap().unwrap();
        assert_eq!(run.run.kind, kind);
        tx.raise_watermark(instance, "issues", Some(at(minute)), None).await.unwrap();
        tx.finish_run(&run, RunState::Succeeded, None, &update(1, minute), at(minute)).await.unwrap();
    }
    for (minute, issue) in [(0, None), (1, Some("7".to_owned())), (40, None)] {
        let entry = InboxEntry {
            id: Uuid::now_v7(),
            instance,
            delivery_id: minute.to_string(),
            event: "sprint_closed".into(),
            issue_jira_id: issue,
            body: json!({}),
            received_at: at(minute),
        };
        tx.receive_delivery(&entry).await.unwrap();
    }
    assert_eq!(tx.settle_deliveries(instance, None, InboxState::Processed, at(45)).await.unwrap(), 2);
    // Two polls and the delivery of minute 0; the one of minute 1 is not settled, the backfill is the only one.
    assert_eq!(tx.prune_sync_history(at(30), at(0), 100).await.unwrap(), 3);
    assert_eq!(tx.prune_sync_history(at(30), at(0), 100).await.unwrap(), 0);
    drop(tx);
    base.remove().await;
}
