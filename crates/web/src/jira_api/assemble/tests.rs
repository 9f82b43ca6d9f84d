use std::{fs, sync::Arc};

use application::{
    erasure::ErasedPeople,
    ingest::{FieldRoles, Reader, clean_payload, read_issue, sniff_dialect},
    issues::IssueBundle,
    ports::FetchedIssue,
};
use chrono::DateTime;
use domain::ids::InstanceId;
use serde_json::json;
use uuid::Uuid;

use super::{super::tests::Closed, *};
use crate::jira_api::fields::DefaultFields;

const INSTANCE: InstanceId = InstanceId(Uuid::from_u128(1));

fn view(dialect: Dialect, fields: &[&str], expand: &[&str]) -> View {
    let owned = |names: &[&str]| names.iter().map(ToString::to_string).collect::<Vec<_>>();
    View {
        dialect,
        selection: Selection::parse(&owned(fields), DefaultFields::Ids),
        expand: Expand::parse(&owned(expand)),
        properties: Vec::new(),
    }
}

/// An issue read as the sync and the import read it, and its rows as the store gives them back.
fn stored(raw: Value) -> (IssueRow, Children) {
    let (roles, erased) = (FieldRoles::default(), ErasedPeople::default());
    let reader = Reader::new(sniff_dialect(&raw), &roles, &Closed, &erased);
    let fetched = FetchedIssue { raw, comments_complete: true, worklogs_complete: true };
    let IssueBundle { issue, mut comments, mut worklogs, mut histories, .. } =
        read_issue(&reader, fetched).unwrap();
    comments.sort_by_key(|comment| (comment.created, comment.jira_number));
    worklogs.sort_by_key(|worklog| (worklog.started, worklog.jira_number));
    histories.sort_by_key(|history| (history.created, history.jira_number));
    let (issue_id, dialect) = (INSTANCE.issue(&issue.jira_id), issue.dialect);
    let mut children = Children::default();
    children.comments.insert(
        issue_id,
        comments
            .into_iter()
            .map(|comment| CommentRow {
                issue_id,
                raw: comment.whole().unwrap(),
                jira_id: comment.jira_id,
                author: None,
                body_text: comment.body_text,
                created: comment.created,
                updated: comment.updated,
                dialect,
            })
            .collect(),
    );
    children.worklogs.insert(
        issue_id,
        worklogs
            .into_iter()
            .map(|worklog| WorklogRow { issue_id, raw: worklog.head.value().unwrap(), dialect })
            .collect(),
    );
    children.histories.insert(
        issue_id,
        histories.into_iter().map(|history| HistoryRow { issue_id, raw: history.whole().unwrap() }).collect(),
    );
    let row = IssueRow {
        id: issue_id,
        instance_id: INSTANCE,
        instance: "acme".into(),
        jira_id: issue.jira_id,
        key: issue.key.to_string(),
        project_key: issue.key.project().to_owned(),
        summary: issue.summary,
        issue_type: None,
        status: issue.status,
        status_id: issue.status_id,
        status_category: issue.status_category,
        priority: None,
        resolution: None,
        assignee: None,
        reporter: None,
        labels: issue.labels,
        created: issue.created,
        updated: issue.updated,
        resolved: issue.resolved,
        due: issue.due,
        story_points: issue.story_points,
        raw: issue.raw.value().unwrap(),
        dialect,
        changelog_envelope: issue.changelog_envelope,
        synced_at: DateTime::UNIX_EPOCH,
    };
    (row, children)
}

fn shown(raw: Value, view: &View) -> Value {
    shown_with(raw, view, &FieldRoster::default())
}

fn shown_with(raw: Value, view: &View, roster: &FieldRoster) -> Value {
    let (row, mut children) = stored(raw);
    view.issue(row, &mut children, roster)
}

fn issue_v2() -> Value {
    json!({
        "id": "10002", "key": "ED-1", "self": "https://acme.example/rest/api/2/issue/10002", "ghissue": {"a": 1},
        "fields": {
            "summary": "It breaks", "description": "It *breaks*", "environment": null,
            "project": {"id": "1", "key": "ED"}, "status": {"id": "3", "name": "Open"},
            "created": "2024-01-05T10:11:12.123+0000",
            "customfield_1": "h1. Notes", "customfield_2": "plain *text*",
            "comment": {"maxResults": 2, "total": 7, "startAt": 0, "comments": [
                {"id": "9", "created": "2024-01-06T00:00:00.000+0000", "body": "first"},
                {"id": "10", "created": "2024-01-06T00:00:00.000+0000", "body": "second"},
            ]},
        },
        "changelog": {"startAt": 0, "maxResults": 2, "total": 2, "histories": [
            {"id": "1", "created": "2024-01-06T00:00:00.000+0000", "items": [{"field": "status", "toString": "Open"}]},
            {"id": "2", "created": "2024-01-07T00:00:00.000+0000", "items": [{"field": "labels", "to": null}]},
        ]},
    })
}

fn document(text: &str) -> Value {
    json!({"type": "doc", "version": 1, "content": [
        {"type": "paragraph", "content": [{"type": "text", "text": text}]},
    ]})
}

fn issue_v3() -> Value {
    json!({
        "id": "10003", "key": "ED-2", "expand": "names",
        "fields": {
            "summary": "It breaks", "description": document("It breaks"), "customfield_1": document("Notes"),
            "project": {"id": "1", "key": "ED"}, "status": {"id": "3", "name": "Open"},
            "created": "2024-01-05T10:11:12.123+0000",
            "worklog": {"maxResults": 20, "total": 1, "startAt": 0, "worklogs": [
                {"id": "5", "started": "2024-01-06T00:00:00.000+0000", "comment": document("worked")},
            ]},
        },
        "changelog": {"startAt": 0, "maxResults": 2, "total": 2, "histories": [
            {"id": "1", "created": "2024-01-06T00:00:00.000+0000", "items": [{"field": "status"}]},
            {"id": "2", "created": "2024-01-07T00:00:00.000+0000", "items": [{"field": "labels"}]},
        ]},
    })
}

#[test]
fn in_its_own_dialect_an_issue_comes_out_as_it_went_in() {
    assert_eq!(shown(issue_v2(), &view(Dialect::V2, &["*all"], &["changelog"])), issue_v2());
    let mut newest_first = issue_v3();
    newest_first["changelog"]["histories"].as_array_mut().unwrap().reverse();
    assert_eq!(shown(issue_v3(), &view(Dialect::V3, &["*all"], &["changelog"])), newest_first);
}

#[test]
fn recorded_issues_come_out_as_they_went_in() {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../../../shared/samples/issues");
    let Ok(files) = fs::read_dir(folder) else {
        eprintln!("skipped: there are no recorded issues in {folder}");
        return;
    };
    let whole = view(Dialect::V2, &["*all"], &["changelog"]);
    let mut compared = 0;
    for file in files {
        let text = fs::read_to_string(file.unwrap().path()).unwrap();
        for line in text.lines().filter(|line| !line.trim().is_empty()) {
            let recorded: Value = serde_json::from_str(line).unwrap();
            let mut expected = recorded.clone();
            clean_payload(&mut expected, &Closed, &ErasedPeople::default());
            assert!(shown(recorded, &whole) == expected, "{} differs", expected["key"]);
            compared += 1;
        }
    }
    assert!(compared > 2_000, "only {compared} issues");
}

#[test]
fn what_the_source_left_out_stays_out() {
    let mut bare = issue_v2();
    bare["fields"].as_object_mut().unwrap().remove("comment");
    bare.as_object_mut().unwrap().remove("changelog");
    assert_eq!(shown(bare.clone(), &view(Dialect::V2, &["*all"], &["changelog"])), bare);
}

#[test]
fn a_changelog_is_shown_to_those_who_ask_for_it() {
    assert!(shown(issue_v2(), &view(Dialect::V2, &["*all"], &[])).get("changelog").is_none());
}

#[test]
fn only_selected_fields_are_shown() {
    let issue = shown(issue_v2(), &view(Dialect::V2, &["summary", "environment", "absent"], &[]));
    assert_eq!(issue["fields"], json!({"summary": "It breaks", "environment": null}));
    assert_eq!(issue["key"], "ED-1");
    let ids = shown(issue_v2(), &view(Dialect::V3, &[], &[]));
    assert!(ids.get("fields").is_none() && ids["id"] == "10002");
}

#[test]
fn lists_are_loaded_only_where_they_will_be_shown() {
    let (row, _) = stored(issue_v2());
    let roster = FieldRoster::default();
    let rows = [row];
    let loads =
        |fields: &[&str], field| !view(Dialect::V2, fields, &[]).with_list(&rows, field, &roster).is_empty();
    assert!(loads(&["*all"], "comment"));
    assert!(!loads(&["*all"], "worklog"), "the issue has none");
    assert!(!loads(&["*all", "-comment"], "comment"));
    assert!(!loads(&["summary"], "comment"));
    assert!(!loads(&["*navigable"], "comment"));
    assert!(!view(Dialect::V2, &["*all"], &[]).shows_changelog(&rows[0]));
}

#[test]
fn documents_become_wiki_markup_in_version_2() {
    let issue = shown(issue_v3(), &view(Dialect::V2, &["*all"], &["changelog"]));
    assert_eq!(issue["fields"]["description"], adf::wiki_of(&document("It breaks")));
    assert_eq!(issue["fields"]["customfield_1"], adf::wiki_of(&document("Notes")));
    assert_eq!(issue["fields"]["worklog"]["worklogs"][0]["comment"], adf::wiki_of(&document("worked")));
    assert_eq!(issue["fields"]["summary"], "It breaks");
    assert_eq!(issue["changelog"]["histories"][0]["id"], "1", "Server has the oldest first");
}

#[test]
fn wiki_markup_becomes_documents_in_version_3_where_it_is_rich_text() {
    let roster = FieldRoster::read(Arc::new(vec![
        json!({"id": "customfield_1", "schema": {"custom": "com.atlassian.jira.plugin.system.customfieldtypes:textarea"}}),
        json!({"id": "customfield_2", "schema": {"custom": "com.atlassian.jira.plugin.system.customfieldtypes:textfield"}}),
    ]));
    let issue = shown_with(issue_v2(), &view(Dialect::V3, &["*all"], &["changelog"]), &roster);
    let fields = &issue["fields"];
    assert_eq!(fields["description"]["type"], "doc");
    assert_eq!(fields["customfield_1"]["type"], "doc");
    assert_eq!(fields["customfield_2"], "plain *text*");
    assert_eq!(fields["environment"], Value::Null);
    assert_eq!(fields["comment"]["comments"][1]["body"]["type"], "doc");
    assert_eq!(fields["comment"]["total"], 7, "the envelope stays as it was");
    assert_eq!(issue["changelog"]["histories"][0]["id"], "2", "Cloud has the newest first");
}

#[test]
fn rendered_fields_are_the_rich_text_as_html() {
    let issue = shown(issue_v2(), &view(Dialect::V2, &["*all"], &["renderedFields"]));
    let rendered = &issue["renderedFields"];
    assert_eq!(rendered["description"], adf::html_of(&json!("It *breaks*")));
    assert_eq!(rendered["environment"], Value::Null);
    assert_eq!(rendered["comment"]["comments"][0]["body"], adf::html_of(&json!("first")));
    assert!(rendered.get("summary").is_none());
    assert_eq!(issue["fields"], shown(issue_v2(), &view(Dialect::V2, &["*all"], &[]))["fields"]);
}
