//! Sample data of every page: full, empty, hostile. One test renders them all, and a person can look at them.

use std::time::Duration;

use application::{
    Actor, Caller, Error, Scope,
    audit::AuditEntry,
    instances::{AuthMethod, Dialect, Instance, InstanceKind},
    issues::{CommentRow, HistoryRow, IssueRow, TransitionChoice},
    pulse::{Percentiles, Pulse, PulseWeek, RiskIssue},
    search::SearchPage,
    sync::{RunCounts, RunKind, RunState, SyncRun, SyncStatus},
};
use askama::Template;
use chrono::{DateTime, Days, NaiveDate, TimeDelta, TimeZone, Utc};
use domain::ids::{InstanceId, KeyId, TenantId};
use serde_json::{Value, json};
use uuid::Uuid;

use super::{
    audit::{self, AuditPage},
    fault::FaultPage,
    instance::{InstancePage, Notice},
    instances::InstancesPage,
    issue::{IssuePage, Loaded, Refused, Writing},
    issue_list::{self, IssueListPage, QueryError},
    overview::{self, OverviewPage},
    shell::{Section, Shell},
    sign_in::SignInPage,
};

/// What must never reach a page as markup.
pub(super) const HOSTILE: &str = "\"><script>alert('x')</script><img src=x onerror=alert(1)> & {{7*7}} \u{202e}gnp";

pub(super) fn now() -> DateTime<Utc> {
    Utc.with_ymd_and_hms(2026, 10, 14, 9, 30, 0).unwrap()
}

fn caller(scopes: &[Scope]) -> Caller {
    Caller {
        tenant: TenantId(Uuid::from_u128(1)),
        actor: Actor::Key { id: KeyId(Uuid::from_u128(2)), name: "Dana's laptop".into() },
        scopes: scopes.to_vec(),
        request_id: "0199e1f0-5a7c-7d11-9b52-6f7d0a2c4e10".into(),
    }
}

fn shell(section: Section, title: &str) -> Shell {
    Shell::of(&caller(&Scope::ALL), section, title)
}

/// Every page in every state, by name.
pub(super) fn all() -> Vec<(&'static str, String)> {
    let mut pages = Vec::new();
    pages.extend(sign_in_pages());
    pages.extend(overview_pages());
    pages.extend(list_pages());
    pages.extend(issue_pages());
    pages.extend(instance_pages());
    pages.extend(audit_pages());
    pages.extend(fault_pages());
    pages
}

fn rendered(page: impl Template) -> String {
    page.render().unwrap()
}

fn sign_in_pages() -> Vec<(&'static str, String)> {
    let refused = "The API key is missing, wrong, expired or revoked.".to_owned();
    vec![
        ("login", rendered(SignInPage::new("/issues?jql=a", None))),
        ("login-refused", rendered(SignInPage::new("", Some(refused)))),
        ("login-hostile", rendered(SignInPage::new(&format!("/{HOSTILE}"), Some(HOSTILE.into())))),
    ]
}

fn scope(instances: &[(&str, &str)], instance: &str) -> overview::Scope {
    let owned = |pairs: &[(&str, &str)]| pairs.iter().map(|(a, b)| (a.to_string(), b.to_string())).collect();
    overview::Scope {
        instance: instance.into(),
        project: String::new(),
        weeks: 12,
        instances: owned(instances),
        projects: owned(&[("FLOW", "Flow control"), ("PAY", "Payments"), ("WEB", "Web shop")]),
        levels_everywhere: true,
    }
}

fn pulse() -> Pulse {
    let completed = [9, 12, 11, 15, 8, 14, 17, 13, 19, 16, 21, 18];
    let created = [14, 11, 16, 12, 18, 13, 15, 17, 14, 20, 16, 12];
    let p50 = [8.2, 7.9, 9.1, 6.4, 11.2, 7.0, 6.1, 6.8, 5.2, 5.9, 4.8, 4.4];
    let p85 = [21.0, 19.5, 24.2, 18.8, 30.1, 20.4, 17.2, 18.0, 14.6, 16.3, 12.2, 11.9];
    let start = NaiveDate::from_ymd_opt(2026, 7, 23).unwrap();
    let trend = (0..12).map(|week| {
        let from = start.checked_add_days(Days::new(7 * week as u64)).unwrap();
        let quiet = week == 4;
        PulseWeek {
            from,
            to: from.checked_add_days(Days::new(6)).unwrap(),
            created: created[week],
            completed: if quiet { 0 } else { completed[week] },
            lead_time_p50: (!quiet).then_some(p50[week]),
            lead_time_p85: (!quiet).then_some(p85[week]),
        }
    });
    let risk = |key: &str, summary: &str, assignee: Option<&str>, age: f64, due: Option<NaiveDate>| RiskIssue {
        instance: "acme".into(),
        key: key.into(),
        summary: summary.into(),
        status: "In Review".into(),
        assignee: assignee.map(str::to_owned),
        age_days: age,
        due,
        reason: if due.is_some() { "overdue" } else { "older than P85" }.into(),
    };
    Pulse {
        throughput: 165,
        lead_time_days: Percentiles { p50: Some(6.25), p85: Some(18.4), p90: Some(23.94) },
        sla_risk: 23,
        wip: 37,
        stuck: 6,
        reopen_rate: Some(0.0424),
        issues: 2431,
        trend: trend.collect(),
        top_risks: vec![
            risk("PAY-212", "Refunds over 1,000 € wait for a second approval that nobody gets", Some("Grace Hopper"), 48.3,
                NaiveDate::from_ymd_opt(2026, 9, 30)),
            risk("FLOW-88", "Backpressure is lost when the consumer reconnects", None, 71.0,
                NaiveDate::from_ymd_opt(2026, 10, 9)),
            risk("WEB-1043", "Search suggestions flicker on slow connections", Some("Ada Lovelace"), 112.9, None),
            risk("WEB-977", "Cookie banner covers the checkout button on small screens", Some("Linus Torvalds"), 63.1, None),
        ],
        as_of: Some(now() - TimeDelta::minutes(3)),
    }
}

fn quiet_pulse() -> Pulse {
    Pulse {
        throughput: 0,
        lead_time_days: Percentiles::default(),
        sla_risk: 0,
        wip: 0,
        stuck: 0,
        reopen_rate: None,
        issues: 1,
        trend: pulse()
            .trend
            .into_iter()
            .map(|week| PulseWeek { created: 0, completed: 0, lead_time_p50: None, lead_time_p85: None, ..week })
            .collect(),
        top_risks: Vec::new(),
        as_of: None,
    }
}

fn overview_pages() -> Vec<(&'static str, String)> {
    let two = [("acme", "Acme Cloud"), ("legacy", "Legacy Data Center")];
    let page = |scope: overview::Scope, pulse: Pulse| {
        rendered(OverviewPage::new(shell(Section::Pulse, "Work Pulse"), &scope, pulse, now()))
    };
    let hostile_scope = overview::Scope { project: HOSTILE.into(), weeks: 104, ..scope(&[(HOSTILE, HOSTILE)], HOSTILE) };
    let mut hostile = pulse();
    for risk in &mut hostile.top_risks {
        for text in [&mut risk.instance, &mut risk.key, &mut risk.summary, &mut risk.status] {
            *text = HOSTILE.into();
        }
        risk.assignee = Some(HOSTILE.into());
    }
    vec![
        ("overview", page(scope(&two, ""), pulse())),
        ("overview-quiet", page(scope(&[("acme", "Acme Cloud")], "acme"), quiet_pulse())),
        ("overview-empty", page(scope(&[], ""), Pulse { issues: 0, trend: Vec::new(), ..quiet_pulse() })),
        ("overview-filtered-empty", page(scope(&two, "acme"), Pulse { issues: 0, ..quiet_pulse() })),
        ("overview-hostile", page(hostile_scope, hostile)),
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
        created_at: now() - TimeDelta::days(90),
    }
}

fn issue(key: &str, summary: &str, kind: &str, status: (&str, &str), assignee: Option<&str>, age: TimeDelta) -> IssueRow {
    let id = InstanceId(Uuid::from_u128(7));
    IssueRow {
        id: id.issue(key),
        instance_id: id,
        instance: "acme".into(),
        jira_id: "10042".into(),
        key: key.into(),
        project_key: key.split('-').next().unwrap().into(),
        summary: summary.into(),
        issue_type: Some(kind.into()),
        status: status.0.into(),
        status_id: "3".into(),
        status_category: status.1.into(),
        priority: Some("High".into()),
        resolution: None,
        assignee: assignee.map(str::to_owned),
        reporter: Some("Katherine Johnson".into()),
        labels: vec!["checkout".into(), "needs-design".into()],
        created: now() - TimeDelta::days(41),
        updated: now() - age,
        resolved: None,
        due: NaiveDate::from_ymd_opt(2026, 10, 21),
        story_points: Some(3.0),
        raw: raw_issue(),
        dialect: Dialect::V3,
        changelog_envelope: None,
        synced_at: now() - TimeDelta::seconds(40),
    }
}

fn raw_issue() -> Value {
    let other = |key: &str, summary: &str, status: &str, category: &str| {
        json!({"key": key, "fields": {"summary": summary, "status": {"name": status, "statusCategory": {"key": category}}}})
    };
    json!({"fields": {
        "description": adf::from_markdown(
            "The summary box jumps when a **voucher** is removed. It looks as if the total is rendered twice.\n\n\
             ## Steps\n\n1. Put two things into the cart\n2. Apply `SPRING26`\n3. Remove it again\n\n\
             > [!WARNING]\n> Only on accounts with a saved address.\n\n\
             ```js\nconst total = lines.reduce((sum, line) => sum + line.price * line.count, 0)\n```\n\n\
             | browser | seen |\n|---|---|\n| Firefox 143 | yes |\n| Safari 19 | no |\n\n\
             - [x] reproduced\n- [ ] test written\n\nSee [the recording](https://example.com/video).").to_json(),
        "parent": other("WEB-900", "Checkout that never lies about the price", "In Progress", "indeterminate"),
        "subtasks": [other("WEB-1050", "Write a browser test", "To Do", "new")],
        "issuelinks": [
            {"type": {"inward": "is blocked by", "outward": "blocks"},
             "inwardIssue": other("PAY-212", "Refunds wait for a second approval", "Done", "done")},
            {"type": {"inward": "relates to", "outward": "relates to"}, "outwardIssue": {"key": "WEB-3"}}],
        "components": [{"name": "Cart"}, {"name": "Pricing"}],
        "fixVersions": [{"name": "26.11"}],
        "customfield_10020": [{"id": 7, "name": "Sprint 41"}],
        "customfield_10030": {"value": "Gold"},
        "customfield_10031": "a note",
    }})
}

fn issues() -> Vec<IssueRow> {
    let doing = ("In Progress", "indeterminate");
    vec![
        issue("WEB-1042", "Total flickers when a voucher is removed from the cart", "Bug", doing, Some("Ada Lovelace"),
            TimeDelta::minutes(4)),
        IssueRow { priority: Some("Highest".into()), ..issue("PAY-219", "Idempotency keys for payouts", "Story",
            ("To Do", "new"), Some("Grace Hopper"), TimeDelta::hours(3)) },
        IssueRow { priority: Some("Low".into()), ..issue("FLOW-91",
            "Write down how the sluice gates are numbered, and why number seven is missing since the refit of 1998", "Task",
            ("Done", "done"), None, TimeDelta::hours(26)) },
        IssueRow { priority: Some("Medium".into()), ..issue("WEB-900", "Checkout that never lies about the price", "Epic",
            doing, Some("Linus Torvalds"), TimeDelta::days(6)) },
        IssueRow { priority: None, issue_type: None, ..issue("WEB-1050", "Write a browser test", "Sub-task",
            ("Waiting for customer", "undefined"), Some("山田 太郎"), TimeDelta::days(400)) },
    ]
}

fn list_pages() -> Vec<(&'static str, String)> {
    let instances = [
        instance("acme", "Acme Cloud", InstanceKind::Cloud),
        instance("play", "Playground", InstanceKind::Sandbox),
    ];
    let page = |asked: &issue_list::Asked, found: Result<SearchPage, QueryError>| {
        rendered(IssueListPage::new(shell(Section::Issues, "Issues"), asked, &instances, found, now()))
    };
    let asked = |jql: &str| issue_list::Asked { jql: jql.into(), ..Default::default() };
    let wrong = |jql: &str| QueryError::unparsed(&jql::parse(jql).unwrap_err(), jql);
    let found = |issues: Vec<IssueRow>, next: Option<&str>| {
        let total = issues.len() as u64 * 247;
        Ok(SearchPage { issues, next: next.map(str::to_owned), total: Some(total) })
    };
    let hostile = issues().into_iter().map(|issue| IssueRow {
        key: HOSTILE.into(),
        summary: HOSTILE.into(),
        issue_type: Some(HOSTILE.into()),
        status: HOSTILE.into(),
        status_category: HOSTILE.into(),
        priority: Some(HOSTILE.into()),
        assignee: Some(HOSTILE.into()),
        instance: HOSTILE.into(),
        ..issue
    });
    let second = issue_list::Asked { cursor: "abc".into(), ..asked("") };
    let unknown = Error::InvalidJql("Field 'teem' does not exist or you do not have permission to view it.".into());
    vec![
        ("issues", page(&asked("project in (WEB, PAY, FLOW) ORDER BY updated DESC"), found(issues(), Some("abc")))),
        ("issues-second-page", page(&second, found(issues(), None))),
        ("issues-empty", page(&asked("project = WEB AND priority = Lowest"), found(Vec::new(), None))),
        ("issues-wrong", page(&asked("project = WEB AND stauts in progress"), Err(wrong("project = WEB AND stauts in progress")))),
        ("issues-unfinished", page(&asked("project = WEB AND"), Err(wrong("project = WEB AND")))),
        ("issues-unknown-field", page(&asked("teem = Blue"), Err(QueryError::new(&unknown)))),
        ("issues-hostile", page(&asked(HOSTILE), found(hostile.collect(), Some(HOSTILE)))),
        ("issues-hostile-wrong", page(&asked(HOSTILE), Err(wrong(HOSTILE)))),
    ]
}

fn comments(issue: &IssueRow) -> Vec<CommentRow> {
    let comment = |id: &str, author: Option<&str>, markdown: &str, age: TimeDelta, edited: bool| CommentRow {
        issue_id: issue.id,
        jira_id: id.into(),
        author: author.map(str::to_owned),
        body_text: String::new(),
        created: now() - age,
        updated: now() - if edited { age / 2 } else { age },
        raw: json!({"body": adf::from_markdown(markdown).to_json()}),
        dialect: Dialect::V3,
    };
    vec![
        comment("10100", Some("Grace Hopper"), "Seen on staging as well. `renderTotal` is called by **both** observers.",
            TimeDelta::days(3), false),
        comment("10101", None, "Thanks! A fix is in review:\n\n- debounce the observer\n- one source of truth",
            TimeDelta::hours(5), true),
    ]
}

fn histories(issue: &IssueRow) -> Vec<HistoryRow> {
    let history = |created: &str, author: Value, items: Value| HistoryRow {
        issue_id: issue.id,
        raw: json!({"created": created, "author": author, "items": items}),
    };
    let ada = json!({"displayName": "Ada Lovelace"});
    vec![
        history("2026-09-05T08:00:00.000+0000", Value::Null,
            json!([{"field": "assignee", "fromString": null, "toString": "Ada Lovelace"}])),
        history("2026-10-11T08:00:00.000+0000", ada, json!([
            {"field": "status", "fromString": "To Do", "toString": "In Progress"},
            {"field": "description", "fromString": "It flickers. ".repeat(30), "toString": "The summary box jumps. ".repeat(30)}])),
    ]
}

fn choice(id: &str, name: &str, to: &str, to_category: &str) -> TransitionChoice {
    TransitionChoice {
        id: id.into(),
        name: name.into(),
        to: to.into(),
        to_category: to_category.into(),
        raw: Value::Null,
    }
}

fn loaded(issue: IssueRow, writing: Option<Writing>) -> Loaded {
    Loaded {
        comments: comments(&issue),
        histories: histories(&issue),
        field_names: [("customfield_10020".to_owned(), "Sprint".to_owned())].into(),
        source: Some("https://acme.atlassian.net/browse/WEB-1042".into()),
        writing,
        issue,
    }
}

fn issue_pages() -> Vec<(&'static str, String)> {
    let page = |loaded: Loaded, refused: Refused| {
        let shell = shell(Section::Issues, &format!("{} {}", loaded.issue.key, loaded.issue.summary));
        rendered(IssuePage::new(shell, loaded, refused, now()))
    };
    let open = vec![
        choice("11", "Back to the backlog", "To Do", "new"),
        choice("21", "Ask for review", "In Review", "indeterminate"),
        choice("31", "Close", "Done", "done"),
    ];
    let first = || issues().remove(0);
    let bare = Loaded {
        comments: Vec::new(),
        histories: Vec::new(),
        field_names: Default::default(),
        source: None,
        writing: Some(Writing { transitions: Err("Jira: the site did not answer within 3 s.".into()) }),
        issue: IssueRow {
            raw: json!({"fields": {}}),
            assignee: None,
            reporter: None,
            priority: None,
            labels: Vec::new(),
            due: None,
            story_points: None,
            ..issues().remove(4)
        },
    };
    let refused = Refused {
        comment: "Not lost: what was written stays here.".into(),
        comment_error: Some("Jira: the account may not comment on this issue.".into()),
        transition_error: Some("Transition: `41` is not open to this issue now.".into()),
    };
    vec![
        ("issue", page(loaded(first(), Some(Writing { transitions: Ok(open) })), Refused::default())),
        ("issue-read-only", page(loaded(first(), None), Refused::default())),
        ("issue-bare", page(bare, Refused::default())),
        ("issue-refused", page(loaded(first(), Some(Writing { transitions: Ok(Vec::new()) })), refused)),
        ("issue-hostile", page(hostile_issue(), Refused { comment: format!("</textarea>{HOSTILE}"),
            comment_error: Some(HOSTILE.into()), transition_error: Some(HOSTILE.into()) })),
    ]
}

fn hostile_issue() -> Loaded {
    let text = json!(HOSTILE);
    let doc = json!({"type": "doc", "version": 1, "content": [{"type": "paragraph", "content": [
        {"type": "text", "text": HOSTILE, "marks": [{"type": "link", "attrs": {"href": "javascript:alert(1)"}}]}]}]});
    let mut loaded = loaded(issues().remove(0), Some(Writing {
        transitions: Ok(vec![choice(HOSTILE, HOSTILE, HOSTILE, HOSTILE)]),
    }));
    let other = json!({"key": text, "fields": {"summary": text, "status": {"name": text}}});
    loaded.issue = IssueRow {
        key: HOSTILE.into(),
        summary: HOSTILE.into(),
        status: HOSTILE.into(),
        instance: HOSTILE.into(),
        project_key: HOSTILE.into(),
        labels: vec![HOSTILE.into()],
        assignee: Some(HOSTILE.into()),
        resolution: Some(HOSTILE.into()),
        raw: json!({"fields": {"description": doc, "parent": other, "customfield_1": text, "components": [{"name": text}]}}),
        ..loaded.issue
    };
    loaded.field_names = [("customfield_1".to_owned(), HOSTILE.to_owned())].into();
    loaded.source = Some(format!("https://{HOSTILE}"));
    for comment in &mut loaded.comments {
        comment.author = Some(HOSTILE.into());
        // Wiki markup, as Server and Data Center have it.
        comment.raw = json!({"body": format!("{{html}}{HOSTILE}{{html}} [x|javascript:alert(1)]")});
    }
    for history in &mut loaded.histories {
        history.raw = json!({"created": text, "author": {"displayName": text},
            "items": [{"field": text, "fromString": text, "toString": text}]});
    }
    loaded
}

/// A backfill on its way.
pub(super) fn run() -> SyncRun {
    SyncRun {
        id: Uuid::from_u128(9),
        instance_id: InstanceId(Uuid::from_u128(7)),
        kind: RunKind::Backfill,
        state: RunState::Running,
        step: "issues, newest first".into(),
        done: 41_200,
        total: Some(98_314),
        counts: RunCounts {
            issues: 41_200,
            comments: 120_331,
            changelog_items: 604_112,
            worklogs: 9_041,
            requests: 871,
            retries: 3,
            rejected: 0,
        },
        error: None,
        started_at: now() - TimeDelta::seconds(312),
        updated_at: now() - TimeDelta::seconds(1),
        finished_at: None,
        checkpoint: None,
    }
}

fn status(run: Option<SyncRun>) -> SyncStatus {
    SyncStatus {
        instance: "acme".into(),
        instance_id: InstanceId(Uuid::from_u128(7)),
        issues: 41_200,
        watermark: Some(now() - TimeDelta::minutes(6)),
        last_proof: Some(now() - TimeDelta::seconds(50)),
        run,
    }
}

fn instance_pages() -> Vec<(&'static str, String)> {
    let cloud = instance("acme", "Acme Cloud", InstanceKind::Cloud);
    let sandbox = instance("play", "play", InstanceKind::Sandbox);
    let never = SyncStatus { issues: 0, watermark: None, last_proof: None, ..status(None) };
    let ended = |state, error: Option<&str>| SyncRun {
        state,
        kind: RunKind::Poll,
        total: None,
        done: 12,
        error: error.map(str::to_owned),
        finished_at: Some(now() - TimeDelta::seconds(50)),
        started_at: now() - TimeDelta::seconds(53),
        step: String::new(),
        ..run()
    };
    let page = |instance: &Instance, status: &SyncStatus, notice: Notice| {
        let shell = shell(Section::Instances, &instance.display_name);
        rendered(InstancePage::new(shell, instance, status, true, notice, now()))
    };
    let list = |listed| rendered(InstancesPage::new(shell(Section::Instances, "Instances"), listed, now()));
    let hostile = Instance {
        name: HOSTILE.into(),
        display_name: HOSTILE.into(),
        base_url: HOSTILE.into(),
        account_id: Some(HOSTILE.into()),
        time_zone: Some(HOSTILE.into()),
        ..cloud.clone()
    };
    let hostile_run = || SyncRun { step: HOSTILE.into(), error: Some(HOSTILE.into()), total: None, ..run() };
    let legacy = Instance { dialect: Dialect::V2, ..instance("legacy", "Legacy Data Center", InstanceKind::DataCenter) };
    let failed = || ended(RunState::Failed, Some("jira: 401 Unauthorized: the API token was refused"));
    let everything = vec![
        (cloud.clone(), status(Some(run()))),
        (legacy.clone(), status(Some(failed()))),
        (instance("ops", "Operations", InstanceKind::Server), status(Some(ended(RunState::Succeeded, None)))),
        (instance("new-site", "new-site", InstanceKind::Cloud), never.clone()),
        (sandbox.clone(), SyncStatus { issues: 2000, ..never.clone() }),
    ];
    vec![
        ("instances", list(everything)),
        ("instances-empty", list(Vec::new())),
        ("instances-hostile", list(vec![(hostile.clone(), status(Some(hostile_run())))])),
        ("instance-backfill", page(&cloud, &status(Some(run())), Notice::None)),
        ("instance-fresh", page(&cloud, &status(Some(ended(RunState::Succeeded, None))), Notice::None)),
        ("instance-failed", page(&legacy, &status(Some(failed())), Notice::Refused("`legacy` is being synced already.".into()))),
        ("instance-requested", page(&cloud, &never, Notice::Requested)),
        ("instance-sandbox", page(&sandbox, &SyncStatus { issues: 2000, ..never }, Notice::None)),
        ("instance-hostile", page(&hostile, &status(Some(hostile_run())), Notice::Refused(HOSTILE.into()))),
    ]
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
    let status = |before: &str, after: &str| json!({"before": {"status": before}, "after": {"status": after}});
    let page = |asked: &audit::Asked, entries: Vec<AuditEntry>| {
        rendered(AuditPage::new(shell(Section::Audit, "Audit log"), asked, entries, now()))
    };
    let asked = |action: &str| audit::Asked { action: action.into(), ..Default::default() };
    let entries = vec![
        entry(1, "transition_issue", "WEB-1042", "succeeded", status("To Do", "In Progress")),
        entry(5, "add_comment", "PAY-212", "indeterminate", json!({"before": null, "after": {"error": "upstream"}})),
        entry(30, "add_comment", "PAY-212", "failed", json!({"before": null, "after": {"error": "upstream"}})),
        AuditEntry { actor: "system".into(), instance: None, ..entry(90, "add_instance", "acme", "succeeded", json!({})) },
    ];
    let hostile = AuditEntry {
        instance: Some(HOSTILE.into()),
        actor: HOSTILE.into(),
        request_id: Some(HOSTILE.into()),
        ..entry(1, HOSTILE, HOSTILE, HOSTILE, json!({ HOSTILE: HOSTILE }))
    };
    vec![
        ("audit", page(&asked(""), entries)),
        ("audit-full-page", page(&asked(""), (1..=50).map(|id| entry(id, "add_comment", "A-1", "succeeded", json!({}))).collect())),
        ("audit-empty", page(&asked(""), Vec::new())),
        ("audit-filtered-empty", page(&asked("nothing"), Vec::new())),
        ("audit-hostile", page(&asked(HOSTILE), vec![hostile])),
    ]
}

fn fault_pages() -> Vec<(&'static str, String)> {
    let page = |error: &Error, shell: Shell| rendered(FaultPage::new(error, shell, &caller(&[]).request_id));
    vec![
        ("fault-not-found", page(&Error::not_found("issue", "WEB-99999"), shell(Section::Issues, ""))),
        ("fault-internal", page(&Error::internal("never shown"), shell(Section::Pulse, ""))),
        ("fault-limited", page(&Error::RateLimited { retry_after: Duration::from_secs(30) }, Shell::bare(""))),
        ("fault-hostile", page(&Error::not_found("issue", HOSTILE), Shell::bare(HOSTILE))),
    ]
}
