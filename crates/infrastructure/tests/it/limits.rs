//! Callers who are limited to projects see nothing of the others, whatever they ask.

use application::{
    TenantContext,
    audit::{AuditFilter, NewAuditEntry, Outcome},
    issues::Presence,
    ports::{Database, SqlLimits, TenantTx},
    pulse::PulseFilter,
    reference::Roster,
    search::{SearchRequest, SearchStart, parse_jql},
    tenant_context::ProjectLimit,
};
use chrono::NaiveDate;
use chrono_tz::Tz;
use domain::ids::{InstanceId, TenantId};
use infrastructure::postgres::roles;
use serde_json::json;
use sqlx::{AssertSqlSafe, Executor, Row};

use crate::{
    bundles::{at, blocks, changed, comment, issue, status_change, worklog},
    database::TestDatabase,
};

/// A mirror with the projects PAY and OPS, each with all that hangs on issues, and a link between them.
async fn site() -> (TestDatabase, TenantId, InstanceId) {
    let base = TestDatabase::create().await;
    let (tenant, instance) = base.mirror().await;
    let mut tx = base.begin(tenant).await;
    let page = [
        changed(&issue(1, "PAY-1"), 0, |bundle| {
            bundle.comments = vec![comment(11, "open treasure", 1)];
            bundle.worklogs = vec![worklog(21, 60, 1)];
            bundle.histories = vec![status_change(31, 1, ("1", "To Do"), ("3", "Done"))];
        }),
        changed(&issue(2, "OPS-1"), 0, |bundle| {
            bundle.comments = vec![comment(12, "hidden treasure", 1)];
            bundle.worklogs = vec![worklog(22, 60, 1)];
            bundle.histories = vec![status_change(32, 1, ("1", "To Do"), ("3", "Done"))];
            bundle.links = vec![blocks(41, &issue(1, "PAY-1"), &issue(2, "OPS-1"))];
        }),
    ];
    tx.upsert_issues(instance, &page).await.unwrap();
    for target in ["PAY-1", "OPS-1"] {
        tx.record(NewAuditEntry {
            instance: Some(instance),
            actor: "system".into(),
            action: "add_comment",
            target: target.into(),
            outcome: Outcome::Succeeded,
            payload: json!({}),
            request_id: String::new(),
            at: at(0),
        })
        .await
        .unwrap();
    }
    tx.reject(instance, Some("3"), "no summary", &json!({})).await.unwrap();
    tx.commit().await.unwrap();
    base.refresh_metrics().await;
    (base, tenant, instance)
}

fn limited(tenant: TenantId, names: &[&str]) -> TenantContext {
    TenantContext::limited(tenant, ProjectLimit::parse(names).unwrap())
}

async fn found(tx: &mut dyn TenantTx, jql: &str) -> Vec<String> {
    let request = SearchRequest {
        query: parse_jql(jql).unwrap(),
        instance: None,
        start: SearchStart::Offset(0),
        limit: 50,
        with_total: false,
        now: at(0),
        zone: Tz::UTC,
        current_user: None,
    };
    match tx.search(&request).await {
        Ok(page) => page.issues.into_iter().map(|row| row.key).collect(),
        Err(error) => vec![format!("refused: {error}")],
    }
}

#[tokio::test]
async fn a_limited_caller_sees_the_projects_of_the_limit_and_no_others() {
    let (base, tenant, instance) = site().await;
    for names in [&["PAY"][..], &["main/PAY"], &["PAY", "NONE"]] {
        let mut tx = base.db.tenant(&limited(tenant, names)).await.unwrap();
        assert!(tx.issue(None, "PAY-1").await.unwrap().is_some(), "{names:?}");
        assert!(tx.issue(None, "OPS-1").await.unwrap().is_none());
        assert!(tx.issue(Some(instance), "2").await.unwrap().is_none());
        assert_eq!(tx.issue_count(instance).await.unwrap(), 1);
        let both = [instance.issue("1"), instance.issue("2")];
        assert_eq!(tx.comments(&both).await.unwrap().len(), 1);
        assert_eq!(tx.worklogs(&both).await.unwrap().len(), 1);
        assert_eq!(tx.histories(&both).await.unwrap().len(), 1);
        assert_eq!(tx.roster(instance, Roster::Projects).await.unwrap().len(), 1);
        let entries = tx.audit_entries(&AuditFilter { limit: 10, ..Default::default() }).await.unwrap();
        assert_eq!(entries.iter().map(|entry| entry.target.as_deref()).collect::<Vec<_>>(), [Some("PAY-1")]);
        let until = NaiveDate::from_ymd_opt(2026, 3, 8).unwrap();
        let pulse = tx.pulse(&PulseFilter { until, weeks: 4, ..Default::default() }, at(0)).await.unwrap();
        assert_eq!(pulse.issues, 1);
        assert!(tx.lock_issue(instance.issue("2")).await.is_err());
        assert_eq!(tx.set_presence(instance, &["2".into()], Presence::Deleted).await.unwrap(), 0);
    }
    let mut tx = base.db.tenant(&limited(tenant, &["NONE"])).await.unwrap();
    assert_eq!(tx.issue_count(instance).await.unwrap(), 0);
    drop(tx);
    let mut tx = base.db.tenant(&limited(tenant, &["main/*"])).await.unwrap();
    assert_eq!(tx.issue_count(instance).await.unwrap(), 2);
    drop(tx);
    // The pooled connection carries no limit over.
    let mut tx = base.begin(tenant).await;
    assert_eq!(tx.issue_count(instance).await.unwrap(), 2);
    drop(tx);
    base.remove().await;
}

#[tokio::test]
async fn searches_find_nothing_beyond_the_limit() {
    let (base, tenant, _) = site().await;
    let mut tx = base.db.tenant(&limited(tenant, &["PAY"])).await.unwrap();
    for jql in ["ORDER BY key", "text ~ treasure", "comment ~ treasure", "status WAS Done"] {
        assert_eq!(found(tx.as_mut(), jql).await, ["PAY-1"], "{jql}");
    }
    assert!(found(tx.as_mut(), "comment ~ hidden").await.is_empty());
    // A link to what is hidden is hidden.
    assert!(found(tx.as_mut(), "issueLinkType = Blocks").await.is_empty());
    // What is hidden is answered as what does not exist.
    for jql in ["project = OPS", "key = OPS-1"] {
        let hidden = found(tx.as_mut(), jql).await;
        let missing = found(tx.as_mut(), &jql.replace("OPS", "NIX")).await;
        assert_eq!(format!("{hidden:?}").replace("OPS", "NIX"), format!("{missing:?}"), "{jql}");
    }
    drop(tx);
    let mut tx = base.begin(tenant).await;
    assert_eq!(found(tx.as_mut(), "text ~ treasure ORDER BY key").await, ["OPS-1", "PAY-1"]);
    assert_eq!(found(tx.as_mut(), "issueLinkType = Blocks ORDER BY key").await, ["OPS-1", "PAY-1"]);
    drop(tx);
    base.remove().await;
}

#[tokio::test]
async fn the_sql_door_refuses_limited_callers() {
    let (base, tenant, _) = site().await;
    let asked =
        base.db.ask(&limited(tenant, &["PAY"]), "SELECT key FROM jira.issues", SqlLimits::default()).await;
    let error = asked.unwrap_err();
    assert_eq!(error.code(), "forbidden");
    assert!(error.to_string().contains("limited"), "{error}");
    base.remove().await;
}

#[tokio::test]
async fn why_a_sync_or_a_job_failed_is_not_for_callers_with_a_limit() {
    let (base, tenant, instance) = site().await;
    base.fill_the_rest(tenant, instance).await;
    let mut tx = base.begin(tenant).await;
    let run = tx.latest_run(instance).await.unwrap().unwrap();
    assert_eq!(run.error.as_deref(), Some("hidden treasure"));
    assert_eq!(tx.sync_schedule(instance).await.unwrap().error.as_deref(), Some("hidden treasure"));
    assert_eq!(tx.job_runs(None, 10).await.unwrap().len(), 1);
    drop(tx);

    let mut tx = base.db.tenant(&limited(tenant, &["PAY"])).await.unwrap();
    assert_eq!(tx.latest_run(instance).await.unwrap().unwrap().error, None);
    assert_eq!(tx.run(run.id).await.unwrap().unwrap().error, None);
    let status = tx.sync_status(None).await.unwrap();
    assert_eq!(status[0].run.as_ref().map(|run| run.error.as_deref()), Some(None));
    assert_eq!(status[0].schedule.error, None);
    assert!(tx.job_runs(None, 10).await.unwrap().is_empty());
    drop(tx);
    base.remove().await;
}

/// As a limited caller whose limit names nothing: whatever such a caller can still read, every limited caller can.
#[tokio::test]
async fn what_callers_with_a_limit_can_still_read_is_known() {
    let (base, tenant, instance) = site().await;
    base.fill_the_rest(tenant, instance).await;
    let mut app = base.connect(roles::APP).await;
    let settings = format!("SET app.current_tenant_id = '{tenant}'; SET app.project_limit = 'NONE'");
    app.execute(AssertSqlSafe(settings)).await.unwrap();
    let mut readable = Vec::new();
    for relation in relations(&base).await {
        let sql = AssertSqlSafe(format!("SELECT count(*) FROM public.{relation}"));
        if sqlx::query(sql).fetch_one(&mut app).await.unwrap().get::<i64, _>(0) > 0 {
            readable.push(relation);
        }
    }
    // What a site has, not what is in its projects.
    let of_sites = [
        "board_sprints",
        // Ids of issues alone, found by an id that nobody guesses.
        "bulk_tasks",
        "custom_fields",
        "dashboards",
        "field_contexts",
        "field_options",
        "filters",
        // Who may do what hangs on groups, whatever the project.
        "group_members",
        "groups",
        "idempotency_keys",
        "issue_link_types",
        "issue_types",
        "jira_instances",
        "priorities",
        "resolutions",
        "sprints",
        "statuses",
        "sync_runs",
        "sync_schedules",
        "sync_watermarks",
        "tenants",
        "users",
        // Of the keys, the use cases show those within the caller's own limit.
        "api_keys",
        // Hashes, by which whatever is written knows whom not to bring back.
        "erased_users",
        // Random ids of links that are of no use any more.
        "used_sign_in_links",
        "sandbox_seeds",
        // How a sandbox or a site behaves, and how much it was asked; an instance is looked up with the first.
        "sandbox_faults",
        "sandbox_fault_counts",
        "sandbox_workflows",
        "site_limits",
        "site_usage",
    ];
    readable.retain(|relation| !of_sites.contains(&relation.as_str()));
    assert!(readable.is_empty(), "callers with a limit can read {readable:?}");
    base.remove().await;
}

async fn relations(base: &TestDatabase) -> Vec<String> {
    sqlx::query_scalar(
        "SELECT c.relname::text FROM pg_class c
         WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'p', 'v') AND c.relname NOT LIKE '\\_sqlx%'
           AND has_table_privilege('forebay_app', c.oid, 'SELECT')",
    )
    .fetch_all(&mut base.superuser().await)
    .await
    .unwrap()
}

/// Walks the catalogue, so that nobody can forget: a table of issues or projects has the limit, a view asks with the rights
/// of whoever asks or names the limit itself, and so does every function that sees past the policies.
#[tokio::test]
async fn every_table_view_and_function_knows_the_limit() {
    let base = TestDatabase::create().await;
    let gaps: Vec<String> = sqlx::query_scalar(
        "SELECT format('table %s has %s; call forebay.limit_to_projects(%L, %2$L)', c.relname, a.attname, c.relname)
         FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid AND NOT a.attisdropped
         WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'p')
           AND a.attname IN ('issue_id', 'project_id', 'inward_issue_id', 'outward_issue_id')
           AND NOT EXISTS (SELECT FROM pg_policy p WHERE p.polrelid = c.oid AND NOT p.polpermissive
                           AND p.polname IN ('project_limit_' || a.attname, 'project_limit_issue_id'))
         UNION ALL
         SELECT format('view %s neither has security_invoker nor names the limit', c.relname)
         FROM pg_class c
         WHERE c.relnamespace = 'public'::regnamespace AND c.relkind = 'v'
           AND NOT coalesce(c.reloptions @> ARRAY['security_invoker=true'], false)
           AND position('forebay.reach()' IN pg_get_viewdef(c.oid)) = 0
         UNION ALL
         SELECT format('function %s sees past the policies and does not name the limit', p.oid::regprocedure)
         FROM pg_proc p
         WHERE p.pronamespace IN ('forebay'::regnamespace, 'public'::regnamespace) AND p.prosecdef
           AND has_function_privilege('forebay_app', p.oid, 'EXECUTE')
           AND p.proname NOT IN ('visible_projects', 'issue_within', 'enqueue_job', 'ring_job', 'release_job')
           AND position('forebay.reach()' IN p.prosrc) = 0",
    )
    .fetch_all(&mut base.superuser().await)
    .await
    .unwrap();
    assert!(gaps.is_empty(), "{gaps:#?}");
    base.remove().await;
}
