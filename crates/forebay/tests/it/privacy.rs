//! People and tenants that are to be gone are gone from everywhere, and no tenant makes the server call inside.

use std::collections::BTreeMap;

use serde_json::{Value, json};
use sqlx::{AssertSqlSafe, PgConnection, Row};
use uuid::Uuid;

use crate::app::{TestApp, eventually};

/// Tenant `upstream` has a Jira; `acme` mirrors it. Two tenants, so that what acme erases stays at the source, and comes again
/// with each look at it.
async fn acme_mirrors_upstream(issues: u32) -> TestApp {
    let app = TestApp::start().await;
    app.cli(&["tenant", "create", "upstream"]);
    app.cli(&["instance", "add", "--tenant", "upstream", "--name", "source", "--kind", "sandbox"]);
    let issues = issues.to_string();
    app.cli(&["sandbox", "seed", "source", "--tenant", "upstream", "--issues", &issues, "--seed", "7"]);
    let token = app.key_for("upstream", "read,write,admin");
    let url = format!("{}/jira/source", app.url);
    let add =
        ["instance", "add", "--tenant", "acme", "--name", "copy", "--kind", "cloud", "--email", "me@x.org"];
    let mut command = app.command();
    command.args(add).args(["--url", &url, "--token-env", "TEST_TOKEN"]).env("TEST_TOKEN", &token);
    let output = command.output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    app.cli(&["instance", "test", "copy", "--tenant", "acme"]);
    app.cli(&["sync", "run", "copy", "--tenant", "acme", "--wait"]);
    app
}

async fn tenant_id(owner: &mut PgConnection, name: &str) -> Uuid {
    sqlx::query_scalar("SELECT id FROM tenants WHERE name = $1").bind(name).fetch_one(owner).await.unwrap()
}

/// Every relation with a tenant in it, as the catalogue has them, and the queue.
async fn relations(owner: &mut PgConnection) -> Vec<(String, &'static str)> {
    let names: Vec<String> = sqlx::query_scalar(
        "SELECT format('%I.%I', n.nspname, c.relname) FROM pg_class c
         JOIN pg_namespace n ON n.oid = c.relnamespace
         JOIN pg_attribute a ON a.attrelid = c.oid AND a.attname = 'tenant_id' AND NOT a.attisdropped
         WHERE n.nspname IN ('public', 'forebay') AND c.relkind IN ('r', 'p', 'm') ORDER BY 1",
    )
    .fetch_all(owner)
    .await
    .unwrap();
    assert!(names.len() > 24, "{names:?}");
    let mut relations: Vec<_> = names.into_iter().map(|name| (name, "t.tenant_id = $1")).collect();
    relations.push(("graphile_worker._private_jobs".into(), "t.payload::jsonb ->> 'tenant' = $1::text"));
    relations
}

/// Where a tenant's rows hold one of these texts, in any column.
async fn hits(owner: &mut PgConnection, tenant: Uuid, texts: &[String]) -> BTreeMap<String, i64> {
    let mut found = BTreeMap::new();
    for (relation, of_tenant) in relations(owner).await {
        let sql = format!(
            "SELECT count(*) FROM {relation} t WHERE {of_tenant}
               AND EXISTS (SELECT FROM unnest($2::text[]) x WHERE strpos(lower(to_jsonb(t)::text), lower(x)) > 0)"
        );
        let rows: i64 = sqlx::query_scalar(AssertSqlSafe(sql))
            .bind(tenant)
            .bind(texts)
            .fetch_one(&mut *owner)
            .await
            .unwrap();
        if rows > 0 {
            found.insert(relation, rows);
        }
    }
    found
}

async fn rows_of(owner: &mut PgConnection, tenant: Uuid) -> BTreeMap<String, i64> {
    hits(owner, tenant, &[String::new()]).await
}

/// A row in every table of tenants that has none of this one yet.
async fn fill_the_rest(owner: &mut PgConnection, tenant: Uuid) {
    sqlx::query(
        "SELECT set_config('fill.tenant', $1::text, false), set_config('fill.instance', i.instance_id::text, false),
             set_config('fill.issue', i.id::text, false)
         FROM issues i WHERE i.tenant_id = $1 ORDER BY i.id LIMIT 1",
    )
    .bind(tenant)
    .execute(&mut *owner)
    .await
    .unwrap();
    let sql = include_str!("../../../infrastructure/tests/it/fill_the_rest.sql");
    sqlx::raw_sql(sql).execute(&mut *owner).await.unwrap();
    sqlx::raw_sql(
        "REFRESH MATERIALIZED VIEW forebay.issue_metrics; REFRESH MATERIALIZED VIEW forebay.lead_time_view;
                   REFRESH MATERIALIZED VIEW forebay.user_workload",
    )
    .execute(owner)
    .await
    .unwrap();
}

async fn lanes(owner: &mut PgConnection, instances: &[String]) -> i64 {
    sqlx::query_scalar(
        "SELECT count(*) FROM graphile_worker._private_job_queues q, unnest($1::text[]) i WHERE strpos(q.queue_name, i) > 0",
    )
    .bind(instances)
    .fetch_one(owner)
    .await
    .unwrap()
}

/// Somebody who is assignee, author and mentioned, in changes and in custom fields.
async fn somebody(owner: &mut PgConnection, tenant: Uuid) -> (String, String, Uuid) {
    let row = sqlx::query(
        "SELECT u.account_id, u.display_name, u.id FROM users u
         WHERE u.tenant_id = $1
           AND EXISTS (SELECT FROM issues i WHERE i.tenant_id = $1 AND i.assignee_id = u.id)
           AND EXISTS (SELECT FROM comments c WHERE c.tenant_id = $1 AND c.author_id = u.id)
           AND EXISTS (SELECT FROM worklogs w WHERE w.tenant_id = $1 AND w.author_id = u.id)
           AND EXISTS (SELECT FROM changelogs c WHERE c.tenant_id = $1 AND c.author_id = u.id)
           AND EXISTS (SELECT FROM changelogs c WHERE c.tenant_id = $1 AND c.to_value = u.account_id)
           AND EXISTS (SELECT FROM issue_field_values v WHERE v.tenant_id = $1 AND v.value_id = u.account_id)
           AND EXISTS (SELECT FROM comments c WHERE c.tenant_id = $1 AND strpos(c.body_text, '@' || u.display_name) > 0)
         ORDER BY u.account_id LIMIT 1",
    )
    .bind(tenant)
    .fetch_one(owner)
    .await
    .expect("the generator makes somebody who is everywhere");
    (row.get(0), row.get(1), row.get(2))
}

/// The audit log, the inbox, rejected rows, a kept answer and what the application may not change name them as well; and a delivery
/// that nobody took waits in the queue.
async fn name_them_elsewhere(owner: &mut PgConnection, acme: Uuid, account: &str, name: &str) {
    let said = json!({"before": null, "after": {"comment": {"author": {"accountId": account, "displayName": name}}}});
    sqlx::query(
        "WITH a AS (INSERT INTO audit_log (tenant_id, id, actor, action, target, payload)
                    VALUES ($1, gen_random_uuid(), 'system', 'add_comment', $3, $2)),
              i AS (INSERT INTO webhook_inbox (tenant_id, id, instance_id, delivery_id, event, body)
                    SELECT $1, gen_random_uuid(), id, 'd', 'comment_created', $2 FROM jira_instances WHERE tenant_id = $1),
              r AS (INSERT INTO sync_rejects (tenant_id, instance_id, reason, raw_jsonb)
                    SELECT $1, id, 'no summary', $2 FROM jira_instances WHERE tenant_id = $1)
         SELECT graphile_worker.add_job('nobody_does_this', jsonb_build_object('tenant', $1, 'body', $2::jsonb)::json)",
    )
    .bind(acme)
    .bind(&said)
    .bind(account)
    .execute(&mut *owner)
    .await
    .unwrap();
    // And so do what the application may not change: why a job failed, and the ledger.
    sqlx::query(
        "WITH j AS (INSERT INTO job_runs (tenant_id, id, task, attempt, outcome, error, started_at, finished_at)
                    VALUES ($1, gen_random_uuid(), 'sync_instance', 1, 'retry', $2, now(), now()))
         INSERT INTO ai_ledger (tenant_id, sequence, kind, purpose, actor, outcome, created_at, previous_hash, hash)
         VALUES ($1, 1, 'call', 'triage', 'key:' || $2, 'succeeded', now(), sha256(''), sha256('x'))",
    )
    .bind(acme)
    .bind(account)
    .execute(&mut *owner)
    .await
    .unwrap();
    // An answer that is kept for whoever asks again is one text.
    let answer = json!({ "status": 201, "content_type": "application/json", "location": null, "body": said.to_string() });
    sqlx::query(
        "INSERT INTO idempotency_keys (tenant_id, key, request_hash, created_at, status, response)
         VALUES ($1, 'k', sha256('x'), now(), 201, $2)",
    )
    .bind(acme)
    .bind(&answer)
    .execute(&mut *owner)
    .await
    .unwrap();
}

/// Through the mirror, under a key that keeps the answer.
async fn comment_that_mentions(app: &TestApp, account: &str, name: &str) -> String {
    let mention = json!({ "type": "mention", "attrs": { "id": account, "text": format!("@{name}") } });
    let paragraph =
        json!({ "type": "paragraph", "content": [mention, { "type": "text", "text": " look again" }] });
    let document = json!({ "body": { "type": "doc", "version": 1, "content": [paragraph] } });
    let request = crate::app::client()
        .post(format!("{}/jira/copy/rest/api/3/issue/10001/comment", app.url))
        .bearer_auth(&app.key)
        .header("idempotency-key", "mention");
    let answer = request.json(&document).send().await.unwrap();
    assert_eq!(answer.status(), 201);
    answer.text().await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn an_erased_person_is_nowhere_and_does_not_come_back() {
    let app = acme_mirrors_upstream(300).await;
    let mut owner = app.database.superuser().await;
    let (acme, upstream) = (tenant_id(&mut owner, "acme").await, tenant_id(&mut owner, "upstream").await);
    let (account, name, user) = somebody(&mut owner, acme).await;
    let email_hash = "c0ffee".repeat(10);
    sqlx::query(
        "UPDATE users SET email_hash = $2, time_zone = 'Mars/Olympus' WHERE tenant_id = $1 AND id = $3",
    )
    .bind(acme)
    .bind(&email_hash)
    .bind(user)
    .execute(&mut owner)
    .await
    .unwrap();
    name_them_elsewhere(&mut owner, acme, &account, &name).await;
    let texts = [account.clone(), name.clone(), user.to_string(), email_hash];
    let before = hits(&mut owner, acme, &texts).await;
    assert!(before.len() >= 10, "the person is in many tables: {before:?}");
    let untouched = hits(&mut owner, upstream, &texts).await;

    let erased = app.json(&["tenant", "erase-user", &account, "--tenant", "acme", "--yes"]);
    let pseudonym = erased[0]["pseudonym"].as_str().unwrap().to_owned();
    assert_eq!(erased[0]["instance"], "copy");
    assert_eq!(erased[0]["jobs"], 1);
    for table in [
        "users",
        "issues",
        "comments",
        "changelogs",
        "worklogs",
        "audit_log",
        "webhook_inbox",
        "sync_rejects",
        "job_runs",
        "ai_ledger",
        "idempotency_keys",
    ] {
        assert!(erased[0]["rows"][table].as_u64().unwrap() > 0, "{table}: {erased}");
    }
    assert_eq!(hits(&mut owner, acme, &texts).await, BTreeMap::new());
    assert_eq!(hits(&mut owner, upstream, &texts).await, untouched, "another tenant's copy is its own");

    // Whose the work was is gone; that it was one person's is not.
    let search = |jql: &str| format!("/v1/issues?total=true&instance=copy&jql={}", jql.replace(' ', "%20"));
    let theirs = app.get(&search(&format!("assignee = {pseudonym}"))).await.ok();
    assert!(theirs["total"].as_u64().unwrap() > 0, "{theirs}");
    assert_eq!(
        theirs["issues"][0]["assignee"]["name"].as_str().or(theirs["issues"][0]["assignee"].as_str()),
        Some("Former user"),
        "{theirs}"
    );
    let found = app.get(&search(&format!("text ~ \"{name}\""))).await.ok();
    assert_eq!(found["total"], 0, "{found}");

    // The source still has them: a hint, and a whole new copy.
    let key = app.key_for("upstream", "read,write");
    let comment = json!({ "body": format!("[~accountid:{account}] look") });
    let path = "/jira/source/rest/api/2/issue/10001/comment";
    let added = app.ask(reqwest::Method::POST, path, Some(&key), Some(comment)).await;
    assert_eq!(added.status, 201, "{}", added.text);
    eventually(
        async || app.get("/jira/copy/rest/api/2/issue/10001/comment").await.ok().to_string(),
        |comments| comments.contains(&format!("[~accountid:{pseudonym}]")),
    )
    .await;
    // And a write that mentions them, whose answer the site gives with the name.
    let answer = comment_that_mentions(&app, &account, &name).await;
    assert!(answer.contains(&pseudonym) && !answer.contains(&account) && !answer.contains(&name), "{answer}");
    assert_eq!(hits(&mut owner, acme, &texts).await, BTreeMap::new());
    sqlx::query("DELETE FROM sync_watermarks WHERE tenant_id = $1")
        .bind(acme)
        .execute(&mut owner)
        .await
        .unwrap();
    let run = app.json(&["sync", "run", "copy", "--tenant", "acme", "--wait"]);
    assert_eq!(run["issues"], 300);
    assert_eq!(hits(&mut owner, acme, &texts).await, BTreeMap::new());

    let again =
        app.json(&["tenant", "erase-user", &account, "--tenant", "acme", "--instance", "copy", "--yes"]);
    assert_eq!(again[0]["rows"], json!({}), "nothing is left to erase");
    assert_eq!(again[0]["pseudonym"], pseudonym.as_str(), "the person keeps the pseudonym");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_account_that_signs_in_is_not_erased() {
    let app = acme_mirrors_upstream(5).await;
    let output = app.output(&["tenant", "erase-user", "forebay-sandbox", "--tenant", "acme", "--yes"]);
    assert!(!output.status.success());
    let told = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(told.contains("`copy`") && told.contains("another account's token first"), "{told}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_person_is_erased_over_rest_by_admins_of_the_whole_tenant() {
    let app = acme_mirrors_upstream(300).await;
    let mut owner = app.database.superuser().await;
    let (acme, upstream) = (tenant_id(&mut owner, "acme").await, tenant_id(&mut owner, "upstream").await);
    let (account, name, user) = somebody(&mut owner, acme).await;
    let texts = [account.clone(), name.clone(), user.to_string()];
    let untouched = hits(&mut owner, upstream, &texts).await;
    let erase = async |key: &str, body: Value| {
        app.ask(reqwest::Method::POST, "/v1/users/erase", Some(key), Some(body)).await
    };
    let person = json!({ "account_id": account });

    // Nobody who may not, and nothing that is not meant.
    let before = hits(&mut owner, acme, &texts).await;
    let limited = app.cli(&["key", "create", "--tenant", "acme", "--scopes", "admin", "--projects", "PAY"]);
    let narrow =
        app.cli(&["key", "create", "--tenant", "acme", "--scopes", "admin", "--actions", "add_comment"]);
    for key in [app.key_for("acme", "read,write"), limited, narrow] {
        let refused = erase(key.trim(), person.clone()).await;
        assert_eq!(
            (refused.status.as_u16(), &refused.json["code"]),
            (403, &json!("forbidden")),
            "{}",
            refused.text
        );
    }
    assert_eq!(
        app.ask(reqwest::Method::POST, "/v1/users/erase", None, Some(person.clone())).await.status,
        401
    );
    for (body, field) in [
        (json!({ "account_id": " " }), "account_id"),
        (json!({ "account_id": "x".repeat(256) }), "account_id"),
        (json!({}), "account_id"),
        (json!({ "account_id": "x", "tenant": "upstream" }), "tenant"),
    ] {
        let refused = erase(&app.key, body).await;
        assert_eq!((refused.status.as_u16(), &refused.json["errors"][0]["field"]), (400, &json!(field)));
    }
    let nowhere = erase(&app.key, json!({ "account_id": account, "instance": "source" })).await;
    assert_eq!(
        (nowhere.status.as_u16(), &nowhere.json["code"]),
        (404, &json!("not_found")),
        "another tenant's"
    );
    let own = erase(&app.key, json!({ "account_id": "forebay-sandbox" })).await;
    assert_eq!((own.status.as_u16(), &own.json["code"]), (409, &json!("conflict")), "{}", own.text);
    let typo = erase(&app.key, json!({ "account_id": format!("{account}x") })).await;
    assert_eq!((typo.status.as_u16(), &typo.json["errors"][0]["field"]), (400, &json!("account_id")));
    assert!(typo.text.contains("unknown_too") && !typo.text.contains(&account), "{}", typo.text);
    let dry =
        erase(&app.key, json!({ "account_id": account, "instance": "copy", "dry_run": true })).await.ok();
    assert_eq!((&dry["dry_run"], &dry["erasures"][0]["pseudonym"]), (&json!(true), &Value::Null), "{dry}");
    let would_change = dry["erasures"][0]["rows"]["issues"].clone();
    assert!(would_change.as_u64().unwrap() > 0, "{dry}");
    assert_eq!(hits(&mut owner, acme, &texts).await, before);

    let answer = erase(&app.key, json!({ "account_id": account, "instance": "copy" })).await;
    assert_eq!(answer.status, 200, "{}", answer.text);
    let erasure = &answer.json["erasures"][0];
    assert_eq!(erasure["instance"], "copy");
    assert_eq!(erasure["rows"]["issues"], would_change, "a dry run tells what comes");
    assert!(!answer.text.contains(&account) && !answer.text.contains(&name));
    assert_eq!(hits(&mut owner, acme, &texts).await, BTreeMap::new());
    assert_eq!(hits(&mut owner, upstream, &texts).await, untouched);

    let entries = app.get("/v1/audit?action=erase_user").await.ok();
    let entry = &entries["entries"][0];
    assert_eq!((&entry["target"], &entry["instance"]), (&erasure["pseudonym"], &json!("copy")), "{entry}");
    assert!(entry["actor"].as_str().unwrap().starts_with("key:"), "{entry}");
    let again = erase(&app.key, person).await.ok();
    assert_eq!(again["erasures"][0]["pseudonym"], erasure["pseudonym"]);
    assert_eq!(again["erasures"][0]["rows"], json!({}), "nothing is left");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_removed_tenant_leaves_nothing_and_takes_nothing_of_another() {
    let app = acme_mirrors_upstream(40).await;
    app.sandbox("own", 20);
    let mut owner = app.database.superuser().await;
    let (acme, upstream) = (tenant_id(&mut owner, "acme").await, tenant_id(&mut owner, "upstream").await);
    for tenant in [acme, upstream] {
        sqlx::query(
            "SELECT graphile_worker.add_job('nobody_does_this', json_build_object('tenant', $1::text))",
        )
        .bind(tenant)
        .execute(&mut owner)
        .await
        .unwrap();
        sqlx::query("INSERT INTO idempotency_keys (tenant_id, key, request_hash) VALUES ($1, 'k', '')")
            .bind(tenant)
            .execute(&mut owner)
            .await
            .unwrap();
    }
    app.json(&["tenant", "erase-user", "nobody-of-that-name", "--tenant", "acme", "--yes", "--unknown-too"]);
    let instances: Vec<String> =
        sqlx::query_scalar("SELECT id::text FROM jira_instances WHERE tenant_id = $1")
            .bind(acme)
            .fetch_all(&mut owner)
            .await
            .unwrap();
    fill_the_rest(&mut owner, acme).await;
    let before = rows_of(&mut owner, acme).await;
    let empty: Vec<String> = relations(&mut owner)
        .await
        .into_iter()
        .map(|(name, _)| name)
        .filter(|name| !before.contains_key(name))
        .collect();
    assert_eq!(empty, Vec::<String>::new(), "nothing of these can be seen to go");
    let mut others = rows_of(&mut owner, upstream).await;

    let wrong =
        app.command().args(["tenant", "remove", "acme"]).stdin(std::process::Stdio::null()).output().unwrap();
    assert!(
        !wrong.status.success() && String::from_utf8_lossy(&wrong.stderr).contains("nothing was removed")
    );
    assert_eq!(app.get("/v1/whoami").await.status, 200);

    let removed = app.json(&["tenant", "remove", "acme", "--yes"]);
    for table in
        ["issues", "comments", "changelogs", "users", "audit_log", "jira_instances", "idempotency_keys"]
    {
        assert!(removed["rows"][table].as_u64().unwrap() > 0, "{table}: {removed}");
    }
    assert_eq!(rows_of(&mut owner, acme).await, BTreeMap::new());
    assert_eq!(lanes(&mut owner, &instances).await, 0, "lanes of instances that are gone");
    // Its webhook at the other tenant's site is taken down, which that tenant's log tells.
    let mut left = rows_of(&mut owner, upstream).await;
    assert_eq!(others.remove("public.webhooks"), Some(1));
    assert_eq!(left.remove("public.webhooks"), None);
    *others.get_mut("public.audit_log").unwrap() += 1;
    assert_eq!(left, others);
    assert_eq!(app.get("/v1/whoami").await.status, 401, "its keys are gone");
    let tenants = app.json(&["tenant", "list"]);
    assert_eq!(tenants.as_array().unwrap().len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_tenant_cannot_make_the_server_call_inside_unless_the_operator_allows_it() {
    let app = TestApp::start_with(&[("FOREBAY_ALLOW_PRIVATE_NETWORKS", "")]).await;
    let add = async |url: &str| {
        let site = json!({"name": "inside", "kind": "cloud", "url": url, "email": "me@x.org", "token": "t"});
        app.post("/v1/instances", site).await
    };
    for url in [
        "http://127.0.0.1:5432",
        "http://localhost:8080",
        "https://10.0.0.1/jira",
        "http://169.254.169.254/latest",
        "http://[::1]/",
        "http://2130706433/",
        "http://metadata.google.internal/",
    ] {
        let answer = add(url).await;
        assert_eq!(answer.status, 400, "{url}: {}", answer.text);
        assert_eq!(answer.json["errors"][0]["field"], "url", "{url}: {}", answer.text);
        assert!(answer.text.contains("FOREBAY_ALLOW_PRIVATE_NETWORKS"), "{url}: {}", answer.text);
    }
    assert_eq!(app.get("/v1/instances").await.ok()["instances"], json!([]));
    assert_eq!(add("https://8.8.8.8").await.status, 201);

    app.sandbox("site", 0);
    let register = async |url: &str| {
        let hook = json!({"name": "hook", "url": url, "events": ["jira:issue_updated"]});
        app.post("/jira/site/rest/webhooks/1.0/webhook", hook).await
    };
    for url in ["http://127.0.0.1/hook", "http://me:secret@8.8.8.8/hook", "http://192.168.0.1/hook"] {
        let answer = register(url).await;
        assert_eq!(answer.status, 400, "{url}: {}", answer.text);
        assert!(
            answer.json["errors"]["url"].is_string() && !answer.text.contains("secret"),
            "{}",
            answer.text
        );
    }
    assert_eq!(register("http://8.8.8.8/hook").await.status, 201);

    // An instance that was allowed before is not called any more.
    let mut owner = app.database.superuser().await;
    sqlx::query("UPDATE jira_instances SET base_url = $1 WHERE name = 'inside'")
        .bind(&app.url)
        .execute(&mut owner)
        .await
        .unwrap();
    let tested = app.post("/v1/instances/inside/test", Value::Null).await;
    assert_eq!(tested.status, 400, "{}", tested.text);
    assert!(tested.text.contains("this machine itself"), "{}", tested.text);
}
