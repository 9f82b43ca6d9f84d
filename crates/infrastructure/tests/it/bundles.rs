//! Issues as ingest would hand them over, made by hand.

use std::sync::Arc;

use application::{
    instances::Dialect,
    issues::{
        AttachedRecords, CommentRecord, Head, HistoryItemRecord, HistoryRecord, IssueBundle, IssueRecord,
        LinkRecord, Payload, WorklogRecord,
    },
    reference::{ProjectRecord, ReferenceRecords, StatusRecord, UserRecord},
};
use chrono::{DateTime, TimeDelta, TimeZone, Utc};
use serde_json::{Value, json};

/// Minutes after a fixed beginning.
pub fn at(minute: i64) -> DateTime<Utc> {
    Utc.with_ymd_and_hms(2026, 3, 2, 9, 0, 0).unwrap() + TimeDelta::minutes(minute)
}

/// JSON as it is stored.
pub fn payload(value: &Value) -> Payload {
    Payload::of(value).unwrap()
}

/// The payload of a comment without its body, of a worklog, or of a history without its items.
pub fn head(value: Value) -> Head {
    Head::of(value.as_object().unwrap().clone(), Arc::new).unwrap()
}

/// A payload with more members, or with others in their places.
pub fn with_members(payload: &Head, more: Value) -> Head {
    let mut whole = payload.value().unwrap();
    whole.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    head(whole)
}

/// An item of a history with a member that no column holds.
pub fn with_member(item: &HistoryItemRecord, member: &str, value: Value) -> HistoryItemRecord {
    let mut payload = item.whole().unwrap();
    payload[member] = value;
    HistoryItemRecord::read(payload).unwrap()
}

/// An issue in `To Do`, created and updated at the beginning.
pub fn issue(id: u32, key: &str) -> IssueBundle {
    let record = IssueRecord {
        jira_id: id.to_string(),
        jira_number: i64::from(id),
        key: key.parse().unwrap(),
        project_jira_id: project_id(key),
        issue_type: Some(("Story".into(), "10001".into())),
        hierarchy_level: Some(0),
        status: "To Do".into(),
        status_id: "1".into(),
        status_category: "new".into(),
        priority: None,
        resolution: None,
        summary: format!("Summary of {key}"),
        description_text: Some("Text".into()),
        assignee: Some("ann".into()),
        reporter: Some("bob".into()),
        creator: None,
        created: at(0),
        updated: at(0),
        resolved: None,
        due: None,
        parent: None,
        epic_key: None,
        sprint_ids: vec![1, 2],
        story_points: Some(3.0),
        labels: vec!["Backend".into(), "urgent, really".into()],
        components: Vec::new(),
        archived: false,
        raw: payload(&Value::Null),
        dialect: Dialect::V3,
        changelog_envelope: None,
        source_hash: Vec::new(),
    };
    let bundle = IssueBundle {
        issue: record,
        values: Vec::new(),
        comments: Vec::new(),
        comments_complete: true,
        worklogs: Vec::new(),
        worklogs_complete: true,
        histories: Vec::new(),
        links: Vec::new(),
        links_complete: true,
        attached: AttachedRecords::default(),
        read_at: None,
        reference: ReferenceRecords {
            projects: vec![project(key.split('-').next().unwrap())],
            users: vec![user("ann", "Ann"), user("bob", "Bob")],
            statuses: vec![status("1", "To Do", "new")],
            ..Default::default()
        },
    };
    hashed(bundle)
}

/// The same issue as another look at the site would show it.
pub fn changed(bundle: &IssueBundle, minute: i64, change: impl FnOnce(&mut IssueBundle)) -> IssueBundle {
    let mut bundle = bundle.clone();
    bundle.issue.updated = at(minute);
    change(&mut bundle);
    hashed(bundle)
}

/// Sets raw payload and hash from the record, so that equal records have equal hashes.
fn hashed(mut bundle: IssueBundle) -> IssueBundle {
    let issue = &mut bundle.issue;
    issue.raw = payload(&json!({
        "id": issue.jira_id, "key": issue.key.to_string(),
        "fields": { "summary": issue.summary, "status": issue.status, "updated": issue.updated, "labels": issue.labels,
                    "links": bundle.links.len(), "values": bundle.values.len(),
                    "attached": format!("{:?}", bundle.attached) },
    }));
    issue.source_hash = issue.raw.text().as_bytes().to_vec();
    bundle
}

fn project_id(key: &str) -> String {
    key.bytes().take_while(|byte| *byte != b'-').map(u32::from).sum::<u32>().to_string()
}

pub fn project(key: &str) -> ProjectRecord {
    ProjectRecord {
        jira_id: project_id(key),
        key: key.into(),
        name: format!("Project {key}"),
        project_type: Some("software".into()),
        lead_account_id: None,
        raw: Some(json!({"id": project_id(key), "key": key, "name": format!("Project {key}")}).into()),
    }
}

pub fn user(account: &str, name: &str) -> UserRecord {
    UserRecord {
        account_id: account.into(),
        display_name: Some(name.into()),
        email_hash: None,
        time_zone: None,
        active: Some(true),
        raw: json!({"accountId": account, "displayName": name}).into(),
    }
}

pub fn status(id: &str, name: &str, category: &str) -> StatusRecord {
    StatusRecord {
        jira_id: id.into(),
        name: name.into(),
        category: category.into(),
        raw: json!({"id": id, "name": name, "statusCategory": {"key": category}}).into(),
    }
}

pub fn comment(id: u32, text: &str, minute: i64) -> CommentRecord {
    CommentRecord {
        jira_id: id.to_string(),
        jira_number: i64::from(id),
        author: Some("ann".into()),
        body_text: text.into(),
        created: at(minute),
        updated: at(minute),
        body: Some(payload(&json!({"type": "doc", "text": text}))),
        head: head(json!({"id": id.to_string()})),
        source_hash: text.as_bytes().to_vec(),
    }
}

pub fn worklog(id: u32, seconds: i64, minute: i64) -> WorklogRecord {
    WorklogRecord {
        jira_id: id.to_string(),
        jira_number: i64::from(id),
        author: Some("bob".into()),
        started: at(minute),
        seconds,
        created: at(minute),
        updated: at(minute),
        head: head(json!({"id": id.to_string(), "timeSpentSeconds": seconds})),
        source_hash: seconds.to_string().into_bytes(),
    }
}

/// A history that moves the status through these ids and names.
pub fn status_change(id: u32, minute: i64, from: (&str, &str), to: (&str, &str)) -> HistoryRecord {
    history(id, minute, vec![item("status", Some(from), Some(to))])
}

pub fn history(id: u32, minute: i64, items: Vec<HistoryItemRecord>) -> HistoryRecord {
    HistoryRecord {
        jira_id: id.to_string(),
        jira_number: i64::from(id),
        author: Some("ann".into()),
        created: at(minute),
        head: head(json!({"id": id.to_string(), "created": at(minute), "author": {"accountId": "ann"}})),
        items,
    }
}

pub fn item(field: &str, from: Option<(&str, &str)>, to: Option<(&str, &str)>) -> HistoryItemRecord {
    let id = |side: Option<(&str, &str)>| side.map(|(id, _)| id.to_owned());
    let text = |side: Option<(&str, &str)>| side.map(|(_, text)| text.to_owned());
    HistoryItemRecord {
        field: field.into(),
        field_id: Some(field.into()),
        field_type: Some("jira".into()),
        from: id(from),
        to: id(to),
        from_string: text(from),
        to_string: text(to),
        payload: None,
    }
}

/// "A blocks B".
pub fn blocks(id: u32, a: &IssueBundle, b: &IssueBundle) -> LinkRecord {
    let end = |bundle: &IssueBundle| (bundle.issue.jira_id.clone(), bundle.issue.key.to_string());
    LinkRecord {
        jira_id: id.to_string(),
        link_type: "Blocks".into(),
        link_type_id: Some("10000".into()),
        inward_name: Some("is blocked by".into()),
        outward_name: Some("blocks".into()),
        inward_issue: end(a),
        outward_issue: end(b),
    }
}
