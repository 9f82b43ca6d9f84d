//! The ways back that rewrite rows put back what was taken out of them, and the way there leaves nothing else behind.

use application::{
    issues::{Head, IssueBundle},
    ports::TenantTx,
};
use domain::ids::{InstanceId, IssueId};
use infrastructure::{
    crypto::{Keyring, MasterKey},
    postgres::{migrate, roles},
};
use serde_json::{Map, Value, json};
use sqlx::{PgConnection, Row};

use crate::{
    bundles::{changed, comment, history, issue, item, payload, user, with_member, with_members, worklog},
    database::TestDatabase,
};

/// From which on payloads are stored without what stands elsewhere.
const SLIM: i64 = 11;

/// Authors as the site repeats them, histories with several items, and one whose items say more than columns hold.
fn filled() -> Vec<IssueBundle> {
    let (ann, bob) = (user("ann", "Ann").raw, user("bob", "Bob").raw);
    let (ann, bob) = (&*ann, &*bob);
    let with = |head: &mut Head, members: Value| *head = with_members(head, members);
    let bundle = |number: u32| {
        let mut said = comment(number * 10, "said", 1);
        with(&mut said.head, json!({"author": ann, "updateAuthor": bob}));
        let mut elsewhere = comment(number * 10 + 1, "as somebody else", 2);
        with(&mut elsewhere.head, json!({"author": {"accountId": "ann", "displayName": "Ann of old"}}));
        let mut worked = worklog(number, 60, 1);
        with(&mut worked.head, json!({"author": bob, "updateAuthor": bob}));
        let status = item("status", Some(("1", "To Do")), Some(("3", "Done")));
        let ranked = item("Rank", None, Some(("2", "Ranked higher")));
        let strange = with_member(&ranked, "tmpFromAccountId", Value::Null);
        let mut moved =
            history(number, 1, vec![status.clone(), item("assignee", None, Some(("ann", "Ann")))]);
        with(&mut moved.head, json!({"author": ann}));
        let mut ranked = history(number + 1_000, 2, vec![strange]);
        with(&mut ranked.head, json!({"author": ann, "historyMetadata": {"type": "rank"}}));
        changed(&issue(number, &format!("PAY-{number}")), 1, |bundle| {
            bundle.comments = vec![said, elsewhere];
            bundle.worklogs = vec![worked];
            bundle.histories = vec![moved, ranked];
        })
    };
    let mut bundles: Vec<_> = (1..=5).map(bundle).collect();
    for bundle in &mut bundles {
        let mut raw = bundle.issue.raw.value().unwrap();
        raw["fields"]["environment"] = json!("Production");
        bundle.issue.raw = payload(&raw);
    }
    bundles
}

/// Comments, worklogs and histories as the application reads them.
async fn read(tx: &mut dyn TenantTx, ids: &[IssueId]) -> Vec<Value> {
    let mut all: Vec<Value> = tx.comments(ids).await.unwrap().into_iter().map(|row| row.raw).collect();
    all.extend(tx.worklogs(ids).await.unwrap().into_iter().map(|row| row.raw));
    all.extend(tx.histories(ids).await.unwrap().into_iter().map(|row| row.raw));
    sorted(all)
}

/// The same as rows had them before anything was taken out.
async fn whole_rows(owner: &mut PgConnection) -> Vec<Value> {
    let mut all: Vec<Value> =
        sqlx::query_scalar("SELECT raw_jsonb FROM comments UNION ALL SELECT raw_jsonb FROM worklogs")
            .fetch_all(&mut *owner)
            .await
            .unwrap();
    let rows = sqlx::query(
        "SELECT history_jsonb, raw_jsonb FROM changelogs ORDER BY issue_id, jira_number, ordinal",
    )
    .fetch_all(owner)
    .await
    .unwrap();
    for row in rows {
        let (history, item): (Option<Value>, Value) = (row.get(0), row.get(1));
        if let Some(Value::Object(history)) = history {
            let mut history: Map<String, Value> = history;
            history.insert("items".into(), json!([]));
            all.push(Value::Object(history));
        }
        all.last_mut().unwrap()["items"].as_array_mut().unwrap().push(item);
    }
    sorted(all)
}

fn sorted(mut values: Vec<Value>) -> Vec<Value> {
    values.sort_by_key(Value::to_string);
    values
}

async fn environments(owner: &mut PgConnection) -> i64 {
    sqlx::query_scalar(
        "SELECT count(*) FROM issue_field_values WHERE field_id = 'environment' AND value_text = 'Production'",
    )
    .fetch_one(owner)
    .await
    .unwrap()
}

#[tokio::test]
async fn payloads_are_whole_again_after_the_way_back_and_the_same_after_the_way_there() {
    let base = TestDatabase::create().await;
    let (tenant, instance): (_, InstanceId) = base.mirror().await;
    let bundles = filled();
    let mut tx = base.begin(tenant).await;
    tx.upsert_issues(instance, &bundles).await.unwrap();
    tx.commit().await.unwrap();
    let ids: Vec<IssueId> = bundles.iter().map(|bundle| instance.issue(&bundle.issue.jira_id)).collect();
    let served = read(base.begin(tenant).await.as_mut(), &ids).await;
    assert_eq!(served.len(), 25);
    let mut owner = base.superuser().await;
    // Unless something is taken out, nothing is shown here.
    assert_ne!(marks(&mut owner).await, 0, "rows hold less than what is served");

    let applied = migrate::status(&mut owner).await.unwrap();
    let steps = applied.iter().filter(|step| step.version >= SLIM).count();
    assert_eq!(migrate::down(&mut owner, u32::try_from(steps).unwrap()).await.unwrap(), steps);
    assert_eq!(whole_rows(&mut owner).await, served);
    assert_eq!(environments(&mut owner).await, 0);

    let passwords = roles::RolePasswords::derive(&Keyring::new(MasterKey::generate(), Vec::new()));
    migrate::up(&mut owner, &passwords, &base.options(roles::QUEUE)).await.unwrap();
    assert_eq!(read(base.begin(tenant).await.as_mut(), &ids).await, served);
    assert_eq!(environments(&mut owner).await, 5);
    base.remove().await;
}

/// How many rows hold a mark in the place of something.
async fn marks(owner: &mut PgConnection) -> i64 {
    sqlx::query_scalar(
        r#"SELECT (SELECT count(*) FROM comments WHERE raw_jsonb -> 'author' = '"$author"' AND NOT raw_jsonb ? 'body')
             * (SELECT count(*) FROM worklogs WHERE raw_jsonb -> 'author' = '"$author"')
             * (SELECT count(*) FROM changelogs WHERE raw_jsonb = 'true')
             * (SELECT count(*) FROM changelogs WHERE jsonb_typeof(history_jsonb) = 'string')"#,
    )
    .fetch_one(owner)
    .await
    .unwrap()
}
