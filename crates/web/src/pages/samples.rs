//! Sample data of every page: full, empty, hostile. One test renders them all, and a person can look at them.

mod instances;
mod issues;
mod overview;

use std::time::Duration;

use application::{
    Actor, Caller, Error, Scope,
    audit::AuditEntry,
    instances::{AuthMethod, Dialect, Instance, InstanceKind},
    keys::ApiKey,
    ports::SqlAnswer,
    sync::SyncTrouble,
};
use askama::Template;
use chrono::{DateTime, TimeDelta, TimeZone, Utc};
use domain::ids::{InstanceId, KeyId, TenantId};
use serde_json::{Value, json};
use uuid::Uuid;

pub(super) use instances::run;

use super::{
    audit::{self, AuditPage},
    fault::FaultPage,
    keys::{KeysPage, Outcome},
    shell::{Section, Shell},
    sign_in::SignInPage,
    sql::SqlPage,
    stale::Stale,
};

/// What must never reach a page as markup.
pub(super) const HOSTILE: &str =
    "\"><script>alert('x')</script><img src=x onerror=alert(1)> & {{7*7}} \u{202e}gnp";

pub(super) fn now() -> DateTime<Utc> {
    Utc.with_ymd_and_hms(2026, 10, 14, 9, 30, 0).unwrap()
}

fn caller(scopes: &[Scope]) -> Caller {
    Caller {
        actor: Actor::Key { id: KeyId(Uuid::from_u128(2)), name: "Dana's laptop".into() },
        scopes: scopes.to_vec(),
        request_id: "0199e1f0-5a7c-7d11-9b52-6f7d0a2c4e10".into(),
        in_bulk: false,
        ..Caller::system(TenantId(Uuid::from_u128(1)))
    }
}

fn shell(section: Section, title: &str) -> Shell {
    Shell::of(&caller(&Scope::ALL), "acme", section, title)
}

/// Every page in every state, by name.
pub(super) fn all() -> Vec<(&'static str, String)> {
    let mut pages = Vec::new();
    pages.extend(sign_in_pages());
    pages.extend(overview::pages());
    pages.extend(issues::list_pages());
    pages.extend(issues::pages());
    pages.extend(instances::pages());
    pages.extend(audit_pages());
    pages.extend(sql_pages());
    pages.extend(key_pages());
    pages.extend(fault_pages());
    pages
}

fn rendered(page: impl Template) -> String {
    page.render().unwrap()
}

/// A mirror that fails.
pub(super) fn trouble(instance: &str, error: &str) -> SyncTrouble {
    SyncTrouble {
        instance: instance.into(),
        failing_since: now() - TimeDelta::minutes(42),
        last_error: Some(error.into()),
        next_try: Some(now() + TimeDelta::minutes(3)),
        last_proof: Some(now() - TimeDelta::minutes(43)),
    }
}

fn sign_in_pages() -> Vec<(&'static str, String)> {
    let refused = "The API key is missing, wrong, expired or revoked.".to_owned();
    vec![
        ("login", rendered(SignInPage::new("/issues?jql=a", None))),
        ("login-refused", rendered(SignInPage::new("", Some(refused)))),
        ("login-hostile", rendered(SignInPage::new(&format!("/{HOSTILE}"), Some(HOSTILE.into())))),
    ]
}

fn instance(name: &str, display_name: &str, kind: InstanceKind) -> Instance {
    Instance {
        id: InstanceId(Uuid::from_u128(7)),
        tenant: TenantId(Uuid::from_u128(1)),
        name: name.into(),
        display_name: display_name.into(),
        kind,
        base_url: format!("https://{name}.atlassian.net"),
        auth_method: AuthMethod::ApiToken,
        dialect: Dialect::V3,
        account_id: Some("5b10ac8d82e05b22cc7d4ef5".into()),
        time_zone: Some("Europe/Berlin".into()),
        webhook_id: Some("12".into()),
        active: true,
        cloud_id: None,
        requests_per_minute: None,
        credential_problem: None,
        created_at: now() - TimeDelta::days(90),
        faults: None,
    }
}

fn audit_pages() -> Vec<(&'static str, String)> {
    let entry = |id: u128, action: &str, target: &str, outcome: &str, payload: Value| AuditEntry {
        id: Uuid::from_u128(id),
        instance: Some("acme".into()),
        actor: "key:Dana's laptop:00000000-0000-0000-0000-000000000002".into(),
        action: action.into(),
        target: Some(target.into()),
        outcome: outcome.into(),
        payload: Some(payload),
        request_id: Some("0199e1f0-5a7c-7d11-9b52-6f7d0a2c4e10".into()),
        created_at: now() - TimeDelta::hours(id as i64),
    };
    let status =
        |before: &str, after: &str| json!({"before": {"status": before}, "after": {"status": after}});
    let page = |asked: &audit::Asked, entries: Vec<AuditEntry>| {
        rendered(AuditPage::new(shell(Section::Audit, "Audit log"), asked, entries, now()))
    };
    let asked = |action: &str| audit::Asked { action: action.into(), ..Default::default() };
    let entries = vec![
        entry(1, "transition_issue", "WEB-1042", "succeeded", status("To Do", "In Progress")),
        entry(
            5,
            "add_comment",
            "PAY-212",
            "indeterminate",
            json!({"before": null, "after": {"error": "upstream"}}),
        ),
        entry(
            30,
            "add_comment",
            "PAY-212",
            "failed",
            json!({"before": null, "after": {"error": "upstream"}}),
        ),
        AuditEntry {
            actor: "system".into(),
            instance: None,
            ..entry(90, "add_instance", "acme", "succeeded", json!({}))
        },
    ];
    let hostile = AuditEntry {
        instance: Some(HOSTILE.into()),
        actor: HOSTILE.into(),
        request_id: Some(HOSTILE.into()),
        ..entry(1, HOSTILE, HOSTILE, HOSTILE, json!({ HOSTILE: HOSTILE }))
    };
    vec![
        ("audit", page(&asked(""), entries)),
        (
            "audit-full-page",
            page(
                &asked(""),
                (1..=50).map(|id| entry(id, "add_comment", "A-1", "succeeded", json!({}))).collect(),
            ),
        ),
        ("audit-empty", page(&asked(""), Vec::new())),
        ("audit-filtered-empty", page(&asked("nothing"), Vec::new())),
        ("audit-hostile", page(&asked(HOSTILE), vec![hostile])),
    ]
}

fn sql_pages() -> Vec<(&'static str, String)> {
    let page = |sql: &str, asked| rendered(SqlPage::new(shell(Section::Sql, "SQL"), sql, asked));
    let answer = |text: &str| SqlAnswer {
        columns: vec!["status".into(), text.into()],
        types: vec!["text".into(), "int8".into()],
        rows: vec![vec![text.into(), 12.into()], vec![Value::Null, json!([1, 2])]],
        truncated: true,
    };
    vec![
        ("sql", page("", None)),
        ("sql-answered", page("SELECT 1", Some(Ok(answer("Done"))))),
        ("sql-refused", page("SELEC", Some(Err("Only SELECT is allowed.".into())))),
        ("sql-hostile", page(HOSTILE, Some(Ok(answer(HOSTILE))))),
    ]
}

fn key_pages() -> Vec<(&'static str, String)> {
    let key = |name: &str| ApiKey {
        id: KeyId(Uuid::from_u128(3)),
        tenant: TenantId(Uuid::from_u128(1)),
        name: name.into(),
        prefix: "abcdefghij".into(),
        scopes: vec![Scope::Read, Scope::Write],
        policy: Default::default(),
        created_at: now() - TimeDelta::days(3),
        last_used_at: Some(now() - TimeDelta::hours(2)),
        expires_at: Some(now() + TimeDelta::days(9)),
        revoked_at: None,
    };
    let page = |keys: Vec<ApiKey>, outcome: Outcome| {
        rendered(KeysPage::new(shell(Section::Keys, "Keys"), keys, Scope::ALL.to_vec(), outcome, now()))
    };
    let revoked = ApiKey { revoked_at: Some(now()), ..key("old") };
    vec![
        ("keys", page(vec![key("report"), revoked], Outcome::None)),
        (
            "keys-made",
            page(vec![key("report")], Outcome::Made("report".into(), "fb_shown-once".to_owned().into())),
        ),
        ("keys-hostile", page(vec![key(HOSTILE)], Outcome::Refused(HOSTILE.into()))),
    ]
}

fn fault_pages() -> Vec<(&'static str, String)> {
    let page = |error: &Error, shell: Shell| rendered(FaultPage::new(error, shell, &caller(&[]).request_id));
    vec![
        ("fault-not-found", page(&Error::not_found("issue", "WEB-99999"), shell(Section::Issues, ""))),
        ("fault-internal", page(&Error::internal("never shown"), shell(Section::Pulse, ""))),
        (
            "fault-limited",
            page(&Error::RateLimited { retry_after: Duration::from_secs(30) }, Shell::bare("")),
        ),
        (
            "fault-beside-a-stale-copy",
            page(
                &Error::not_found("issue", "WEB-1"),
                Shell {
                    stale: vec![Stale::new(&trouble(HOSTILE, HOSTILE), now())],
                    ..shell(Section::Issues, "")
                },
            ),
        ),
        ("fault-hostile", page(&Error::not_found("issue", HOSTILE), Shell::bare(HOSTILE))),
    ]
}
