//! Issues: in lists and one by one.

use application::{
    Error,
    instances::{Dialect, InstanceKind},
    issues::{CommentRow, HistoryRow, IssueRow, TransitionChoice},
    search::SearchPage,
};
use chrono::{NaiveDate, TimeDelta};
use domain::ids::InstanceId;
use serde_json::{Value, json};
use uuid::Uuid;

use super::{HOSTILE, instance, now, rendered, shell};
use crate::pages::{
    issue::{IssuePage, Loaded, Refused, Writing},
    issue_list::{Asked, IssueListPage, QueryError},
    shell::Section,
};

fn issue(
    key: &str,
    summary: &str,
    kind: &str,
    status: (&str, &str),
    assignee: Option<&str>,
    age: TimeDelta,
) -> IssueRow {
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
    let other = |key: &str, summary: &str, status: &str, category: &str| json!({"key": key, "fields": {"summary": summary, "status": {"name": status, "statusCategory": {"key": category}}}});
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
        issue(
            "WEB-1042",
            "Total flickers when a voucher is removed from the cart",
            "Bug",
            doing,
            Some("Ada Lovelace"),
            TimeDelta::minutes(4),
        ),
        IssueRow {
            priority: Some("Highest".into()),
            ..issue(
                "PAY-219",
                "Idempotency keys for payouts",
                "Story",
                ("To Do", "new"),
                Some("Grace Hopper"),
                TimeDelta::hours(3),
            )
        },
        IssueRow {
            priority: Some("Low".into()),
            ..issue(
                "FLOW-91",
                "Write down how the sluice gates are numbered, and why number seven is missing since the refit of 1998",
                "Task",
                ("Done", "done"),
                None,
                TimeDelta::hours(26),
            )
        },
        IssueRow {
            priority: Some("Medium".into()),
            ..issue(
                "WEB-900",
                "Checkout that never lies about the price",
                "Epic",
                doing,
                Some("Linus Torvalds"),
                TimeDelta::days(6),
            )
        },
        IssueRow {
            priority: None,
            issue_type: None,
            ..issue(
                "WEB-1050",
                "Write a browser test",
                "Sub-task",
                ("Waiting for customer", "undefined"),
                Some("山田 太郎"),
                TimeDelta::days(400),
            )
        },
    ]
}

pub(super) fn list_pages() -> Vec<(&'static str, String)> {
    let instances = [
        instance("acme", "Acme Cloud", InstanceKind::Cloud),
        instance("play", "Playground", InstanceKind::Sandbox),
    ];
    let page = |asked: &Asked, found: Result<SearchPage, QueryError>| {
        rendered(IssueListPage::new(shell(Section::Issues, "Issues"), asked, &instances, found, now()))
    };
    let asked = |jql: &str| Asked { jql: jql.into(), ..Default::default() };
    let wrong = |jql: &str| QueryError::unparsed(&jql::parse(jql).unwrap_err(), jql);
    let found = |issues: Vec<IssueRow>, next: Option<&str>| {
        let total = issues.len() as u64 * 247;
        Ok(SearchPage { issues, next: next.map(str::to_owned), total: Some(total), warnings: Vec::new() })
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
    let second = Asked { cursor: "abc".into(), ..asked("") };
    let unknown =
        Error::InvalidJql("Field 'teem' does not exist or you do not have permission to view it.".into());
    vec![
        (
            "issues",
            page(&asked("project in (WEB, PAY, FLOW) ORDER BY updated DESC"), found(issues(), Some("abc"))),
        ),
        ("issues-second-page", page(&second, found(issues(), None))),
        ("issues-empty", page(&asked("project = WEB AND priority = Lowest"), found(Vec::new(), None))),
        (
            "issues-wrong",
            page(
                &asked("project = WEB AND stauts in progress"),
                Err(wrong("project = WEB AND stauts in progress")),
            ),
        ),
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
        comment(
            "10100",
            Some("Grace Hopper"),
            "Seen on staging as well. `renderTotal` is called by **both** observers.",
            TimeDelta::days(3),
            false,
        ),
        comment(
            "10101",
            None,
            "Thanks! A fix is in review:\n\n- debounce the observer\n- one source of truth",
            TimeDelta::hours(5),
            true,
        ),
    ]
}

fn histories(issue: &IssueRow) -> Vec<HistoryRow> {
    let history = |created: &str, author: Value, items: Value| HistoryRow {
        issue_id: issue.id,
        raw: json!({"created": created, "author": author, "items": items}),
    };
    let ada = json!({"displayName": "Ada Lovelace"});
    vec![
        history(
            "2026-09-05T08:00:00.000+0000",
            Value::Null,
            json!([{"field": "assignee", "fromString": null, "toString": "Ada Lovelace"}]),
        ),
        history(
            "2026-10-11T08:00:00.000+0000",
            ada,
            json!([
            {"field": "status", "fromString": "To Do", "toString": "In Progress"},
            {"field": "description", "fromString": "It flickers. ".repeat(30), "toString": "The summary box jumps. ".repeat(30)}]),
        ),
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

pub(super) fn pages() -> Vec<(&'static str, String)> {
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
        (
            "issue-hostile",
            page(
                hostile_issue(),
                Refused {
                    comment: format!("</textarea>{HOSTILE}"),
                    comment_error: Some(HOSTILE.into()),
                    transition_error: Some(HOSTILE.into()),
                },
            ),
        ),
    ]
}

fn hostile_issue() -> Loaded {
    let text = json!(HOSTILE);
    let doc = json!({"type": "doc", "version": 1, "content": [{"type": "paragraph", "content": [
        {"type": "text", "text": HOSTILE, "marks": [{"type": "link", "attrs": {"href": "javascript:alert(1)"}}]}]}]});
    let mut loaded = loaded(
        issues().remove(0),
        Some(Writing { transitions: Ok(vec![choice(HOSTILE, HOSTILE, HOSTILE, HOSTILE)]) }),
    );
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
