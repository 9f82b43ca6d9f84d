//! Issues that somebody spoke of: noted once, read by one job an instance, and never lost between its last look and the next word.

use std::time::Duration;

use application::{
    Error,
    ports::TenantTx,
    webhooks::{Hint, InboxEntry, Look, OpenHint},
};
use domain::ids::{InstanceId, TenantId};
use serde_json::json;
use sqlx::{AssertSqlSafe, PgConnection};
use uuid::Uuid;

use crate::{
    bundles::{at, issue},
    database::TestDatabase,
};

async fn number(admin: &mut PgConnection, sql: &str) -> i64 {
    sqlx::query_scalar(AssertSqlSafe(sql.to_owned())).fetch_one(admin).await.unwrap()
}

async fn run(admin: &mut PgConnection, sql: &str) {
    let done = sqlx::query(AssertSqlSafe(sql.to_owned())).execute(admin).await.unwrap();
    assert_eq!(done.rows_affected(), 1, "{sql}");
}

/// Jobs that read hints: those that wait or run under the key, and all.
async fn jobs(admin: &mut PgConnection) -> (i64, i64) {
    let all = "SELECT count(*) FROM graphile_worker._private_jobs j
               JOIN graphile_worker._private_tasks t ON t.id = j.task_id WHERE t.identifier = 'process_hint'";
    (number(admin, &format!("{all} AND j.key LIKE 'hint:%'")).await, number(admin, all).await)
}

/// As a worker does that takes the job.
const TAKEN: &str =
    "UPDATE graphile_worker._private_jobs SET locked_at = now(), locked_by = 'me', attempts = 1
                     WHERE key LIKE 'hint:%'";

async fn speak_of(base: &TestDatabase, tenant: TenantId, instance: InstanceId, issues: &[&str]) {
    let mut tx = base.begin(tenant).await;
    let hints: Vec<Hint> = issues.iter().map(|issue| Hint::of(issue)).collect();
    tx.hint(instance, &hints).await.unwrap();
    tx.commit().await.unwrap();
}

async fn open(base: &TestDatabase, tenant: TenantId, instance: InstanceId) -> Vec<OpenHint> {
    let mut hints = base.begin(tenant).await.open_hints(instance, 100).await.unwrap();
    hints.sort_by(|a, b| a.issue.cmp(&b.issue));
    hints
}

fn done(hints: &[OpenHint]) -> Vec<Look> {
    hints.iter().map(|hint| Look { hint: hint.clone(), again_at: None }).collect()
}

async fn settle(tx: &mut Box<dyn TenantTx>, instance: InstanceId, hints: &[OpenHint]) -> bool {
    tx.settle_hints(instance, &done(hints), false).await.unwrap()
}

#[tokio::test]
async fn a_burst_is_one_hint_an_issue_and_one_job_an_instance() {
    let base = TestDatabase::create().await;
    let (tenant, instance) = base.mirror().await;
    let mut admin = base.superuser().await;
    for _ in 0..20 {
        speak_of(&base, tenant, instance, &["2", "1", "2"]).await;
    }
    let mut tx = base.begin(tenant).await;
    let told = Hint { updated: Some(at(7)), ..Hint::of("1") };
    tx.hint(instance, &[told, Hint { deleted: true, ..Hint::of("2") }]).await.unwrap();
    tx.hint(instance, &[Hint { updated: Some(at(5)), ..Hint::of("1") }, Hint::of("2")]).await.unwrap();
    tx.commit().await.unwrap();
    let hints = open(&base, tenant, instance).await;
    let known: Vec<_> = hints.iter().map(|hint| (hint.issue.as_str(), hint.deleted, hint.updated)).collect();
    assert_eq!(known, [("1", false, Some(at(7))), ("2", true, None)], "the latest word, and any deletion");
    assert_eq!(jobs(&mut admin).await, (1, 1));
    base.remove().await;
}

#[tokio::test]
async fn what_is_said_while_the_job_ends_is_seen_by_it_or_adds_another() {
    let base = TestDatabase::create().await;
    let (tenant, instance) = base.mirror().await;
    let mut admin = base.superuser().await;
    speak_of(&base, tenant, instance, &["1"]).await;
    run(&mut admin, TAKEN).await;
    let hints = open(&base, tenant, instance).await;

    // Somebody has rung, sees that the job runs, and has not committed: the job must not end.
    let mut telling = base.begin(tenant).await;
    telling.hint(instance, &[Hint::of("2")]).await.unwrap();
    let mut ending = base.begin(tenant).await;
    assert!(!settle(&mut ending, instance, &hints).await);
    ending.commit().await.unwrap();
    assert!(open(&base, tenant, instance).await.is_empty());
    // It looks again, and waits for them this time.
    let mut waiting = base.begin(tenant).await;
    let (looked, told) = tokio::join!(waiting.settle_hints(instance, &[], true), async {
        tokio::time::sleep(Duration::from_millis(100)).await;
        telling.commit().await
    });
    told.unwrap();
    assert!(!looked.unwrap(), "what they said is due");
    waiting.commit().await.unwrap();
    assert_eq!(jobs(&mut admin).await, (1, 1));

    // The job ends. Whoever rings before that is committed waits, and then adds another.
    let hints = open(&base, tenant, instance).await;
    assert_eq!(hints.len(), 1);
    let mut ending = base.begin(tenant).await;
    assert!(settle(&mut ending, instance, &hints).await);
    let telling = async {
        let mut tx = base.begin(tenant).await;
        tx.hint(instance, &[Hint::of("3")]).await.unwrap();
        tx.commit().await.unwrap();
    };
    let ((), ended) = tokio::join!(telling, async {
        tokio::time::sleep(Duration::from_millis(100)).await;
        ending.commit().await
    });
    ended.unwrap();
    assert_eq!(jobs(&mut admin).await, (1, 2), "the one that ends has no key any more");
    assert_eq!(open(&base, tenant, instance).await.len(), 1);
    base.remove().await;
}

#[tokio::test]
async fn a_job_that_ends_without_committing_goes_on() {
    let base = TestDatabase::create().await;
    let (tenant, instance) = base.mirror().await;
    let mut admin = base.superuser().await;
    speak_of(&base, tenant, instance, &["1"]).await;
    run(&mut admin, TAKEN).await;
    let hints = open(&base, tenant, instance).await;
    let mut ending = base.begin(tenant).await;
    assert!(settle(&mut ending, instance, &hints).await);
    drop(ending);
    assert_eq!(open(&base, tenant, instance).await.len(), 1, "the hint is open");
    assert_eq!(jobs(&mut admin).await, (1, 1), "and the job has its key");
    base.remove().await;
}

#[tokio::test]
async fn an_issue_that_is_spoken_of_while_it_is_read_is_read_again() {
    let base = TestDatabase::create().await;
    let (tenant, instance) = base.mirror().await;
    let mut tx = base.begin(tenant).await;
    for (id, told) in [("a", "1"), ("b", "2")] {
        let entry = InboxEntry {
            id: Uuid::new_v4(),
            instance,
            delivery_id: id.into(),
            event: "jira:issue_updated".into(),
            issue_jira_id: Some(told.into()),
            body: json!({}),
            received_at: at(0),
        };
        assert!(tx.receive_delivery(&entry).await.unwrap());
        tx.hint(instance, &[Hint::of(told)]).await.unwrap();
    }
    tx.commit().await.unwrap();
    let hints = open(&base, tenant, instance).await;
    speak_of(&base, tenant, instance, &["2"]).await;
    let mut tx = base.begin(tenant).await;
    assert!(!settle(&mut tx, instance, &hints).await);
    tx.commit().await.unwrap();
    let left = open(&base, tenant, instance).await;
    assert_eq!(left.iter().map(|hint| hint.issue.as_str()).collect::<Vec<_>>(), ["2"]);
    let open: Vec<String> =
        sqlx::query_scalar("SELECT delivery_id FROM webhook_inbox WHERE state = 'received'")
            .fetch_all(&mut base.superuser().await)
            .await
            .unwrap();
    assert_eq!(open, ["b"], "a delivery is settled with what it spoke of");
    base.remove().await;
}

#[tokio::test]
async fn a_hint_that_is_to_be_looked_at_again_waits_for_its_time_unless_there_is_news() {
    let base = TestDatabase::create().await;
    let (tenant, instance) = base.mirror().await;
    speak_of(&base, tenant, instance, &["1", "2"]).await;
    let mut hints = open(&base, tenant, instance).await;
    hints[0].older = 1;
    hints[1].unread = 1;
    let later = chrono::DateTime::from_timestamp(4_000_000_000, 0);
    let looks: Vec<Look> = hints.iter().map(|hint| Look { hint: hint.clone(), again_at: later }).collect();
    let mut tx = base.begin(tenant).await;
    assert!(tx.settle_hints(instance, &looks, false).await.unwrap(), "nothing is due");
    tx.commit().await.unwrap();
    assert!(open(&base, tenant, instance).await.is_empty());
    assert!(base.begin(tenant).await.ring(instance).await.unwrap(), "others wait for their time");
    speak_of(&base, tenant, instance, &["1", "2"]).await;
    let news = open(&base, tenant, instance).await;
    let news: Vec<_> = news.iter().map(|hint| (hint.issue.as_str(), hint.older)).collect();
    assert_eq!(
        news,
        [("1", 0)],
        "a site that has no answer for an issue is not asked more often because of more webhooks"
    );
    base.remove().await;
}

#[tokio::test]
async fn a_job_that_died_with_its_worker_holds_nobody_up_and_one_that_backs_off_is_left_alone() {
    let base = TestDatabase::create().await;
    let (tenant, instance) = base.mirror().await;
    let mut admin = base.superuser().await;
    speak_of(&base, tenant, instance, &["1"]).await;
    // It failed and waits: more webhooks do not pull it forward.
    let waits = "UPDATE graphile_worker._private_jobs SET run_at = now() + interval '1 hour', attempts = 3";
    run(&mut admin, waits).await;
    speak_of(&base, tenant, instance, &["1"]).await;
    let waiting = "SELECT count(*) FROM graphile_worker._private_jobs WHERE run_at > now() AND attempts = 3";
    assert_eq!((number(&mut admin, waiting).await, jobs(&mut admin).await), (1, (1, 1)));
    // It runs.
    run(&mut admin, TAKEN).await;
    speak_of(&base, tenant, instance, &["1"]).await;
    assert_eq!(jobs(&mut admin).await, (1, 1));
    // Nobody has heard of it for a while.
    let silent = "UPDATE graphile_worker._private_jobs SET locked_at = now() - interval '21 seconds'";
    run(&mut admin, silent).await;
    speak_of(&base, tenant, instance, &["1"]).await;
    assert_eq!(jobs(&mut admin).await, (1, 2));
    // A dead letter.
    let dead = "UPDATE graphile_worker._private_jobs SET attempts = max_attempts WHERE key IS NOT NULL";
    run(&mut admin, dead).await;
    speak_of(&base, tenant, instance, &["1"]).await;
    let alive = "SELECT count(*) FROM graphile_worker._private_jobs WHERE key IS NOT NULL AND attempts < max_attempts";
    assert_eq!(number(&mut admin, alive).await, 1);
    base.remove().await;
}

#[tokio::test]
async fn nobody_lets_go_of_another_tenants_job() {
    let base = TestDatabase::create().await;
    let (tenant, instance) = base.mirror().await;
    let other = base.tenant("other").await;
    let mut admin = base.superuser().await;
    speak_of(&base, tenant, instance, &["1"]).await;
    run(&mut admin, TAKEN).await;
    let mut theirs = base.begin(other).await;
    assert!(theirs.open_hints(instance, 100).await.unwrap().is_empty());
    theirs.settle_hints(instance, &[], true).await.unwrap();
    theirs.commit().await.unwrap();
    assert_eq!(jobs(&mut admin).await, (1, 1));
    let refused = base.begin(other).await.hint(instance, &[Hint::of("1")]).await;
    assert!(
        matches!(refused, Err(Error::NotFound { .. } | Error::Internal(_) | Error::Conflict(_))),
        "{refused:?}"
    );
    base.remove().await;
}

#[tokio::test]
async fn what_hints_take_out_is_counted_for_an_hour() {
    let base = TestDatabase::create().await;
    let (tenant, instance) = base.mirror().await;
    let mut tx = base.begin(tenant).await;
    let page: Vec<_> = (1..=3).map(|id| issue(id, &format!("PAY-{id}"))).collect();
    tx.upsert_issues(instance, &page).await.unwrap();
    tx.commit().await.unwrap();
    let ids = ["1".to_owned(), "2".into(), "9".into()];
    let mut tx = base.begin(tenant).await;
    let suspects = tx.suspects(instance, &ids).await.unwrap();
    assert_eq!(suspects.len(), 2, "one is not in the copy: {suspects:?}");
    assert!(suspects.iter().all(|suspect| suspect.lost == 0 && !suspect.is_held));
    let project = suspects[0].project;
    tx.note_losses(instance, project, &ids[..1]).await.unwrap();
    assert_eq!(tx.suspects(instance, &ids).await.unwrap()[0].lost, 1);
    tx.commit().await.unwrap();
    run(&mut base.superuser().await, "UPDATE hint_losses SET lost_at = lost_at - interval '61 minutes'")
        .await;
    let mut tx = base.begin(tenant).await;
    assert_eq!(tx.suspects(instance, &ids).await.unwrap()[0].lost, 0);
    tx.note_losses(instance, project, &ids[1..2]).await.unwrap();
    tx.commit().await.unwrap();
    assert_eq!(
        number(&mut base.superuser().await, "SELECT count(*) FROM hint_losses").await,
        1,
        "and then forgotten"
    );
    base.remove().await;
}
