//! Nothing crosses between tenants.

use std::collections::BTreeMap;

use application::{
    audit::{AuditFilter, NewAuditEntry, Outcome},
    instances::InstanceKind,
    issues::{AttachedRecords, Counts, Presence},
    pulse::PulseFilter,
    reference::FieldValueRecord,
    reference::Roster,
    webhooks::InboxEntry,
};
use chrono::NaiveDate;
use domain::ids::{InstanceId, TenantId};
use infrastructure::postgres::{roles, sealed::SEALED_COLUMNS};
use serde_json::json;
use sqlx::{AssertSqlSafe, Executor, Row};
use uuid::Uuid;

use crate::{
    attached::attachment,
    bundles::{at, blocks, changed, comment, issue, status_change, worklog},
    database::TestDatabase,
};

/// A row in every table that a tenant has.
async fn fill(base: &TestDatabase, tenant: TenantId, instance: InstanceId) {
    let mut tx = base.begin(tenant).await;
    let page = [
        changed(&issue(1, "PAY-1"), 0, |bundle| {
            bundle.comments = vec![comment(11, "secret", 1)];
            bundle.worklogs = vec![worklog(21, 60, 1)];
            bundle.histories = vec![status_change(31, 1, ("1", "To Do"), ("3", "Done"))];
            bundle.links = vec![blocks(41, &issue(1, "PAY-1"), &issue(2, "PAY-2"))];
        }),
        issue(2, "PAY-2"),
    ];
    tx.upsert_issues(instance, &page).await.unwrap();
    tx.acquire_run(instance, Uuid::new_v4(), at(0), at(10)).await.unwrap().unwrap();
    tx.raise_watermark(instance, "issues", Some(at(0)), Some(at(0))).await.unwrap();
    tx.reject(instance, Some("3"), "no summary", &json!({})).await.unwrap();
    tx.receive_delivery(&delivery(instance)).await.unwrap();
    tx.record(NewAuditEntry {
        instance: Some(instance),
        actor: "system".into(),
        action: "add_comment",
        target: "PAY-1".into(),
        outcome: Outcome::Succeeded,
        payload: json!({}),
        request_id: String::new(),
        at: at(0),
    })
    .await
    .unwrap();
    tx.commit().await.unwrap();
}

fn delivery(instance: InstanceId) -> InboxEntry {
    InboxEntry {
        id: Uuid::new_v4(),
        instance,
        delivery_id: "delivery".into(),
        event: "jira:issue_updated".into(),
        issue_jira_id: Some("1".into()),
        body: json!({}),
        received_at: at(0),
    }
}

#[tokio::test]
async fn another_tenant_sees_and_touches_nothing() {
    let base = TestDatabase::create().await;
    let (owner, instance) = base.mirror().await;
    fill(&base, owner, instance).await;
    base.refresh_metrics().await;
    let stranger = base.tenant("stranger").await;
    let issue_id = instance.issue("1");

    let mut tx = base.begin(stranger).await;
    assert!(tx.instances().await.unwrap().is_empty());
    assert!(tx.instance("main").await.unwrap().is_none());
    assert!(tx.instance(&instance.to_string()).await.unwrap().is_none());
    assert!(tx.sealed_secrets(instance).await.is_err());
    assert!(tx.issue(None, "PAY-1").await.unwrap().is_none());
    assert!(tx.issue(Some(instance), "1").await.unwrap().is_none());
    assert_eq!(tx.issue_count(instance).await.unwrap(), 0);
    assert!(tx.comments(&[issue_id]).await.unwrap().is_empty());
    assert!(tx.histories(&[issue_id]).await.unwrap().is_empty());
    assert!(tx.worklogs(&[issue_id]).await.unwrap().is_empty());
    assert!(tx.keys().await.unwrap().is_empty());
    assert!(tx.audit_entries(&AuditFilter { limit: 10, ..Default::default() }).await.unwrap().is_empty());
    assert!(tx.latest_run(instance).await.unwrap().is_none());
    assert!(tx.watermark(instance, "issues").await.unwrap().is_none());
    assert!(tx.sync_status(None).await.unwrap().is_empty());
    assert!(tx.webhooks(instance).await.unwrap().is_empty());
    for roster in [Roster::Projects, Roster::Users, Roster::Statuses] {
        assert!(tx.roster(instance, roster).await.unwrap().is_empty());
    }
    let until = NaiveDate::from_ymd_opt(2026, 3, 8).unwrap();
    let pulse = tx.pulse(&PulseFilter { until, weeks: 4, ..Default::default() }, at(0)).await.unwrap();
    assert_eq!((pulse.issues, pulse.throughput, pulse.as_of), (0, 0, None));

    assert_eq!(tx.set_presence(instance, &["1".into()], Presence::Deleted).await.unwrap(), 0);
    assert!(tx.lock_issue(issue_id).await.is_err());
    assert!(tx.remove_instance(instance).await.is_err());
    assert!(tx.take_sandbox_ids(instance, 1).await.is_err());
    drop(tx);
    // Writing under the other tenant's instance breaks on the foreign key, which names the tenant as well.
    assert!(base.begin(stranger).await.upsert_issues(instance, &[issue(9, "PAY-9")]).await.is_err());
    assert!(base.begin(stranger).await.receive_delivery(&delivery(instance)).await.is_err());

    let mut tx = base.begin(owner).await;
    assert_eq!(tx.issue_count(instance).await.unwrap(), 2);
    assert_eq!(
        tx.pulse(&PulseFilter { until, weeks: 4, ..Default::default() }, at(0)).await.unwrap().issues,
        2
    );
    drop(tx);
    base.remove().await;
}

/// Walks the catalogue, so that a table that somebody adds is looked at too.
#[tokio::test]
async fn without_a_tenant_the_application_is_told_so_and_sees_no_row_of_any_table() {
    let base = TestDatabase::create().await;
    let (tenant, instance) = base.mirror().await;
    fill(&base, tenant, instance).await;
    base.fill_the_rest(tenant, instance).await;
    base.refresh_metrics().await;
    let mut admin = base.superuser().await;
    let relations: Vec<String> = sqlx::query_scalar(
        "SELECT format('%I.%I', n.nspname, c.relname) FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
         WHERE n.nspname = 'public' AND c.relkind IN ('r', 'p', 'v', 'm') AND c.relname NOT LIKE '\\_sqlx%'
           AND has_table_privilege('forebay_app', c.oid, 'SELECT')",
    )
    .fetch_all(&mut admin)
    .await
    .unwrap();
    assert!(relations.len() > 60, "{relations:?}");
    let count = |relation: &str| AssertSqlSafe(format!("SELECT count(*) FROM {relation}"));
    // A view shows its tenant's rows, whoever looks.
    admin.execute(AssertSqlSafe(format!("SET app.current_tenant_id = '{tenant}'"))).await.unwrap();
    // One is made of rows of others that are looked at.
    for relation in relations.iter().filter(|relation| *relation != "public.sprint_issues") {
        let rows: i64 = sqlx::query(count(relation)).fetch_one(&mut admin).await.unwrap().get(0);
        assert!(rows > 0, "{relation} has nothing to be seen");
    }

    for setting in ["SELECT 1", "SET app.current_tenant_id = ''"] {
        let mut app = base.connect(roles::APP).await;
        app.execute(setting).await.unwrap();
        for relation in &relations {
            let Err(error) = sqlx::query(count(relation)).fetch_one(&mut app).await else {
                panic!("{relation} is answered after {setting}")
            };
            let said = error.to_string();
            assert!(
                said.contains("no tenant: app.current_tenant_id is not set"),
                "{relation} after {setting}: {said}"
            );
        }
    }
    base.remove().await;
}

/// Behind the restrictive policies, only what PostgreSQL knows to be leakproof may be the condition of an index.
#[tokio::test]
async fn the_tenant_is_a_condition_of_every_tables_indexes() {
    let base = TestDatabase::create().await;
    let tenant = base.tenant("acme").await;
    let mut app = base.connect(roles::APP).await;
    let tables: Vec<String> = sqlx::query_scalar(
        "SELECT p.polrelid::regclass::text FROM pg_policy p WHERE p.polname = 'tenant_isolation' ORDER BY 1",
    )
    .fetch_all(&mut app)
    .await
    .unwrap();
    assert!(tables.len() > 60, "{tables:?}");
    app.execute(AssertSqlSafe(format!("SET app.current_tenant_id = '{tenant}'"))).await.unwrap();
    app.execute("SET enable_seqscan = off").await.unwrap();
    for table in tables {
        let statement = AssertSqlSafe(format!("EXPLAIN SELECT FROM {table}"));
        let plan: Vec<String> = sqlx::query_scalar(statement).fetch_all(&mut app).await.unwrap();
        let plan = plan.join("\n");
        let condition = plan.lines().find(|line| line.trim_start().starts_with("Index Cond: (tenant_id = "));
        assert!(condition.is_some(), "{table}:\n{plan}");
        // Asked once for the statement, and not for each row and each scan.
        assert!(!condition.is_some_and(|line| line.contains("current_setting")), "{table}:\n{plan}");
    }
    base.remove().await;
}

/// A worker does what a job says as the tenant that it names.
#[tokio::test]
async fn a_job_of_another_tenant_cannot_be_added() {
    let base = TestDatabase::create().await;
    let (acme, other) = (base.tenant("acme").await, base.tenant("other").await);
    let add = |payload: String, key: &str| {
        AssertSqlSafe(format!(
            "SELECT forebay.enqueue_job('sync_instance', '{payload}', NULL, '{key}', 0, NULL, 3)"
        ))
    };
    let of = |tenant: &str| json!({ "tenant": tenant, "instance": Uuid::nil() }).to_string();
    let (ours, theirs) = (of(&acme.to_string()), of(&other.to_string()));
    let mut platform = base.connect(roles::PLATFORM).await;
    platform.execute(add(theirs.clone(), "theirs")).await.unwrap();

    let mut app = base.connect(roles::APP).await;
    app.execute(AssertSqlSafe(format!("SET app.current_tenant_id = '{acme}'"))).await.unwrap();
    app.execute(add(ours.clone(), "ours")).await.unwrap();
    app.execute(add(ours.clone(), "ours")).await.unwrap();
    app.execute(add("{}".into(), "of all tenants")).await.unwrap();
    let refused = [
        (add(theirs.clone(), "new"), "another tenant than the transaction"),
        (add(of(&other.to_string().to_uppercase()), "new"), "another tenant than the transaction"),
        (
            add(format!(r#"{{"tenant": "{acme}", "tenant": "{other}"}}"#), "new"),
            "another tenant than the transaction",
        ),
        // Serde reads the fields of a job from a list as well.
        (add(json!([other.to_string(), Uuid::nil()]).to_string(), "new"), "must be an object"),
        (add("null".into(), "new"), "must be an object"),
        // It would take the place of the one that waits.
        (add(ours.clone(), "theirs"), "waits under that key"),
        (add("{}".into(), "theirs"), "waits under that key"),
    ];
    for (sql, said) in refused {
        let shown = sql.0.clone();
        let error = app.execute(sql).await.unwrap_err();
        assert_eq!(error.as_database_error().unwrap().code().as_deref(), Some("42501"), "{shown}: {error}");
        assert!(error.to_string().contains(said), "{shown}: {error}");
    }
    app.execute("RESET app.current_tenant_id").await.unwrap();
    assert!(app.execute(add(ours, "ours")).await.is_err(), "there is no tenant");
    let jobs: Vec<(String, String)> = sqlx::query_as(
        "SELECT key, coalesce(payload->>'tenant', '') FROM graphile_worker._private_jobs ORDER BY key",
    )
    .fetch_all(&mut base.superuser().await)
    .await
    .unwrap();
    let waiting =
        [("of all tenants", String::new()), ("ours", acme.to_string()), ("theirs", other.to_string())];
    assert_eq!(jobs, waiting.map(|(key, tenant)| (key.to_owned(), tenant)));
    base.remove().await;
}

#[tokio::test]
async fn a_row_of_another_tenant_cannot_be_written() {
    let base = TestDatabase::create().await;
    let (owner, _) = base.mirror().await;
    let stranger = base.tenant("stranger").await;
    let mut app = base.connect(roles::APP).await;
    let tenant = AssertSqlSafe(format!("SET app.current_tenant_id = '{stranger}'"));
    app.execute(tenant).await.unwrap();
    let insert =
        "INSERT INTO audit_log (tenant_id, id, actor, action) VALUES ($1, gen_random_uuid(), 'me', 'steal')";
    let error = sqlx::query(insert).bind(owner.0).execute(&mut app).await.unwrap_err();
    assert!(error.to_string().contains("row-level security"), "{error}");
    base.remove().await;
}

#[tokio::test]
async fn an_instance_goes_with_every_row_of_it_and_nothing_else() {
    let base = TestDatabase::create().await;
    let (tenant, instance) = base.mirror().await;
    let other = base.instance(tenant, "other", InstanceKind::Cloud).await;
    fill(&base, tenant, instance).await;
    fill(&base, tenant, other).await;
    base.fill_the_rest(tenant, instance).await;
    base.refresh_metrics().await;

    let mut admin = base.superuser().await;
    let tables: Vec<String> = sqlx::query_scalar(
        "SELECT table_name::text FROM information_schema.columns
         WHERE table_schema = 'public' AND column_name = 'instance_id'
           -- What happened outlives what it happened to; and materialized views wait for their refresh.
           AND table_name NOT IN ('audit_log', 'job_runs', 'ai_ledger', 'issue_metrics', 'lead_time_view', 'user_workload')",
    )
    .fetch_all(&mut admin)
    .await
    .unwrap();
    assert!(tables.len() > 45, "{tables:?}");
    let mut rows = async |table: &str| -> i64 {
        let sql = AssertSqlSafe(format!("SELECT count(*) FROM {table} WHERE instance_id = $1"));
        sqlx::query_scalar(sql).bind(instance.0).fetch_one(&mut admin).await.unwrap()
    };
    for table in tables.iter().filter(|table| *table != "sprint_issues") {
        assert!(rows(table).await > 0, "{table} has nothing to be removed");
    }
    let mut tx = base.begin(tenant).await;
    tx.remove_instance(instance).await.unwrap();
    tx.commit().await.unwrap();
    for table in &tables {
        assert_eq!(rows(table).await, 0, "{table}");
    }
    let mut tx = base.begin(tenant).await;
    assert_eq!(tx.issue_count(other).await.unwrap(), 2);
    // The log outlives what it speaks of.
    let entries = tx.audit_entries(&AuditFilter { limit: 10, ..Default::default() }).await.unwrap();
    assert_eq!(entries.iter().filter(|entry| entry.instance.is_none()).count(), 1);
    drop(tx);
    base.remove().await;
}

#[tokio::test]
async fn an_instance_goes_in_steps_that_count_what_they_take() {
    let base = TestDatabase::create().await;
    let (tenant, instance) = base.mirror().await;
    fill(&base, tenant, instance).await;
    let other = base.instance(tenant, "other", InstanceKind::Cloud).await;
    fill(&base, tenant, other).await;
    let mut removed: BTreeMap<String, u64> = BTreeMap::new();
    let mut steps = 0;
    loop {
        let mut tx = base.begin(tenant).await;
        let rows = tx.remove_instance_rows(instance, 1, 1).await.unwrap();
        tx.commit().await.unwrap();
        if rows.is_empty() {
            break;
        }
        steps += 1;
        assert!(rows.values().sum::<u64>() <= 8, "one issue with what hangs on it, or one row: {rows:?}");
        for (table, count) in rows {
            *removed.entry(table).or_default() += count;
        }
    }
    assert!(steps > 8, "{steps} steps: {removed:?}");
    for (table, count) in
        [("issues", 2), ("comments", 1), ("worklogs", 1), ("changelogs", 1), ("users", 2), ("sync_runs", 1)]
    {
        assert_eq!(removed.get(table), Some(&count), "{table} of {removed:?}");
    }
    let mut tx = base.begin(tenant).await;
    assert_eq!((tx.issue_count(instance).await.unwrap(), tx.issue_count(other).await.unwrap()), (0, 2));
    drop(tx);
    base.remove().await;
}

/// Changes, field values, comments, worklogs, attachments and counts have no foreign key that would take them along (migrations 0140
/// and 0180).
#[tokio::test]
async fn an_issue_takes_everything_along_that_hangs_on_it() {
    let base = TestDatabase::create().await;
    let (tenant, instance) = base.mirror().await;
    let with_value = |id, key| {
        changed(&issue(id, key), 0, |bundle| {
            bundle.comments = vec![comment(10 + id, "said", 1)];
            bundle.worklogs = vec![worklog(20 + id, 60, 1)];
            bundle.attached = AttachedRecords {
                attachments: vec![attachment(40 + id, "a.png")],
                counts: Some(Counts { watchers: 1, votes: 0 }),
                ..AttachedRecords::default()
            };
            bundle.histories = vec![status_change(30 + id, 1, ("1", "To Do"), ("3", "Done"))];
            bundle.values = vec![FieldValueRecord {
                field_id: "labels".into(),
                ordinal: 0,
                value_id: None,
                text: Some("urgent".into()),
                number: None,
                time: None,
            }];
        })
    };
    let mut tx = base.begin(tenant).await;
    tx.upsert_issues(instance, &[with_value(1, "PAY-1"), with_value(2, "PAY-2")]).await.unwrap();
    tx.commit().await.unwrap();
    let mut admin = base.superuser().await;
    let rows = "SELECT ARRAY[(SELECT count(*) FROM changelogs), (SELECT count(*) FROM issue_field_values),
                             (SELECT count(*) FROM comments), (SELECT count(*) FROM worklogs),
                             (SELECT count(*) FROM attachments), (SELECT count(*) FROM issue_counts)]";
    let count = async |admin: &mut sqlx::PgConnection| {
        sqlx::query_scalar::<_, Vec<i64>>(rows).fetch_one(admin).await.unwrap()
    };
    assert_eq!(count(&mut admin).await, [2; 6]);
    sqlx::query("DELETE FROM issues WHERE key = 'PAY-1'").execute(&mut admin).await.unwrap();
    assert_eq!(count(&mut admin).await, [1; 6], "its own rows go, and no others");
    sqlx::query("DELETE FROM projects WHERE key = 'PAY'").execute(&mut admin).await.unwrap();
    assert_eq!(count(&mut admin).await, [0; 6], "they go with an issue that goes with its project, too");
    base.remove().await;
}

/// Without one, each row that goes makes the database read the whole of every table that points to it.
#[tokio::test]
async fn every_foreign_key_has_an_index_behind_it() {
    let base = TestDatabase::create().await;
    let bare: Vec<String> = sqlx::query_scalar(
        "SELECT f.conrelid::regclass || '.' || f.conname FROM pg_constraint f
         JOIN pg_namespace n ON n.oid = f.connamespace
         WHERE f.contype = 'f' AND n.nspname = 'public' AND NOT EXISTS (
             SELECT FROM pg_index i WHERE i.indrelid = f.conrelid
               AND (i.indpred IS NULL OR pg_get_expr(i.indpred, i.indrelid) ~ 'IS NOT NULL')
               AND (i.indkey::smallint[])[0:cardinality(f.conkey) - 1] @> f.conkey)",
    )
    .fetch_all(&mut base.superuser().await)
    .await
    .unwrap();
    assert_eq!(bare, Vec::<String>::new());
    base.remove().await;
}

/// What is forgotten here is still sealed with an old master key when that is thrown away.
#[tokio::test]
async fn every_column_of_sealed_texts_is_known_to_the_rotation() {
    let base = TestDatabase::create().await;
    let columns: Vec<(String, String)> = sqlx::query_as(
        "SELECT table_name::text, column_name::text FROM information_schema.columns
         WHERE table_schema = 'public' AND column_name LIKE '%\\_encrypted' ORDER BY 1, 2",
    )
    .fetch_all(&mut base.superuser().await)
    .await
    .unwrap();
    let mut known: Vec<_> =
        SEALED_COLUMNS.iter().map(|c| (c.table.to_owned(), c.column.to_owned())).collect();
    known.sort();
    assert_eq!(columns, known);
    base.remove().await;
}
