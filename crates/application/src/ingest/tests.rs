//! Reading issues, by example and over the recorded samples.

use domain::ids::InstanceId;
use secrecy::SecretString;
use serde_json::{Value, json};

use super::*;
use crate::{error::Result, issues::IssueBundle, ports::FetchedIssue};

/// Hashes by reversing: enough to see what was hashed.
struct PlainSecrets;

impl Secrets for PlainSecrets {
    fn seal(&self, _: InstanceId, _: &SecretString) -> Result<String> {
        Ok(String::new())
    }
    fn open(&self, _: InstanceId, _: &str) -> Result<SecretString> {
        Ok(String::new().into())
    }
    fn key_id(&self) -> String {
        String::new()
    }

    fn email_hash(&self, address: &str) -> String {
        address.chars().rev().collect()
    }
    fn key_hash(&self, _: &SecretString) -> Vec<u8> {
        Vec::new()
    }
    fn equal(&self, left: &[u8], right: &[u8]) -> bool {
        left == right
    }
    fn random_text(&self, _: usize) -> SecretString {
        String::new().into()
    }
    fn sign(&self, _: &SecretString, _: &[u8]) -> String {
        String::new()
    }
    fn seal_token(&self, text: &str) -> Result<String> {
        Ok(text.to_owned())
    }
    fn open_token(&self, token: &str) -> Option<String> {
        Some(token.to_owned())
    }
}

fn read(raw: Value) -> std::result::Result<IssueBundle, Reject> {
    let fields = json!([
        {"id": "customfield_1", "name": "Sprint", "schema": {"custom": "com.pyxis.greenhopper.jira:gh-sprint"}},
        {"id": "customfield_2", "name": "Story Points",
         "schema": {"custom": "com.atlassian.jira.plugin.system.customfieldtypes:float"}},
    ]);
    let roles = FieldRoles::from_fields(fields.as_array().unwrap());
    let reader = Reader { dialect: sniff_dialect(&raw), roles: &roles, secrets: &PlainSecrets };
    read_issue(&reader, FetchedIssue { raw, comments_complete: true, worklogs_complete: true })
}

fn minimal() -> Value {
    json!({
        "id": "10001",
        "key": "PAY-1",
        "fields": {
            "summary": "Refund twice",
            "created": "2026-01-05T10:00:00.000+0000",
            "status": {"id": "3", "name": "In Arbeit", "statusCategory": {"key": "indeterminate"}},
            "project": {"id": "10000", "key": "PAY", "name": "Payments"},
        },
    })
}

fn with(path: &[&str], value: Value) -> Value {
    let mut issue = minimal();
    let place = path.iter().fold(&mut issue, |place, name| &mut place[*name]);
    *place = value;
    issue
}

#[test]
fn what_the_source_left_out_stays_out() {
    let bundle = read(minimal()).unwrap();
    assert_eq!(bundle.issue.raw, minimal());
    assert_eq!(bundle.issue.changelog_envelope, None);
    assert_eq!(bundle.issue.updated, bundle.issue.created);
    assert_eq!(bundle.issue.status_category, "indeterminate");
}

#[test]
fn addresses_are_hashed_and_taken_out_wherever_they_are() {
    let person =
        json!({"accountId": "a1", "displayName": "Ann", "active": true, "emailAddress": "ann@x.org"});
    let bundle = read(with(&["fields", "assignee"], person)).unwrap();
    assert!(!bundle.issue.raw.to_string().contains("ann@x.org"));
    assert_eq!(bundle.issue.assignee.as_deref(), Some("a1"));
    assert_eq!(bundle.reference.users[0].email_hash.as_deref(), Some("gro.x@nna"));
    assert!(!bundle.reference.users[0].raw.to_string().contains('@'));
}

#[test]
fn lists_with_tables_of_their_own_leave_their_envelope() {
    let comment = json!({"id": "7", "body": "hi", "created": "2026-01-05T11:00:00.000+0000"});
    let page = json!({"comments": [comment], "total": 3, "maxResults": 3, "startAt": 0});
    let bundle = read(with(&["fields", "comment"], page)).unwrap();
    assert_eq!(bundle.issue.raw["fields"]["comment"], json!({"total": 3, "maxResults": 3, "startAt": 0}));
    assert_eq!(bundle.comments[0].raw, comment);
    assert_eq!(bundle.comments[0].author, None);
}

#[test]
fn histories_keep_their_items_in_order_even_the_same_field_twice() {
    let items = json!([
        {"field": "Link", "fieldtype": "jira", "from": null, "fromString": null, "to": "A-1", "toString": "blocks A-1"},
        {"field": "Link", "fieldtype": "jira", "from": null, "fromString": null, "to": "A-2", "toString": "blocks A-2"},
    ]);
    let history = json!({"id": "9", "created": 1_767_606_000_000_i64, "items": items});
    let bundle = read(with(&["changelog"], json!({"total": 1, "histories": [history]}))).unwrap();
    assert_eq!(bundle.issue.changelog_envelope, Some(json!({"total": 1})));
    let history = &bundle.histories[0];
    assert_eq!(history.author, None);
    let targets: Vec<_> = history.items.iter().map(|item| item.to.as_deref().unwrap()).collect();
    assert_eq!(targets, ["A-1", "A-2"]);
    assert_eq!(history.raw, json!({"id": "9", "created": 1_767_606_000_000_i64}));
}

#[test]
fn a_link_has_the_same_ends_from_both_issues() {
    let kind = json!({"id": "1", "name": "Blocks", "inward": "is blocked by", "outward": "blocks"});
    let here = read(with(
        &["fields", "issuelinks"],
        json!([{"id": "5", "type": kind, "outwardIssue": {"id": "10002", "key": "PAY-2"}}]),
    ));
    let mut there = with(
        &["fields", "issuelinks"],
        json!([{"id": "5", "type": kind, "inwardIssue": {"id": "10001", "key": "PAY-1"}}]),
    );
    there["id"] = json!("10002");
    there["key"] = json!("PAY-2");
    assert_eq!(here.unwrap().links, read(there).unwrap().links);
}

#[test]
fn sprints_and_points_are_found_by_the_kind_of_their_field() {
    let mut issue =
        with(&["fields", "customfield_1"], json!([{"id": 4, "name": "Sprint 4", "state": "active"}]));
    issue["fields"]["customfield_2"] = json!(5.0);
    let bundle = read(issue).unwrap();
    assert_eq!((bundle.issue.sprint_ids, bundle.issue.story_points), (vec![4], Some(5.0)));
}

#[test]
fn what_cannot_be_an_issue_tells_why() {
    for (path, value, reason) in [
        (vec!["id"], json!("x"), "issue id `x` is not a number"),
        (vec!["key"], Value::Null, "issue has no key"),
        (vec!["fields"], json!(1), "issue has no fields"),
        (vec!["fields", "status"], Value::Null, "issue has no status"),
        (vec!["fields", "created"], json!("soon"), "fields.created is missing or no timestamp"),
    ] {
        assert_eq!(read(with(&path, value)).unwrap_err().reason, reason);
    }
}

#[test]
fn equal_content_has_an_equal_hash_and_a_change_another() {
    let hash = |issue: Value| read(issue).unwrap().issue.source_hash;
    assert_eq!(hash(minimal()), hash(minimal()));
    assert_ne!(hash(minimal()), hash(with(&["fields", "summary"], json!("Refund once"))));
}

#[test]
fn the_dialect_shows_in_rich_text_or_in_users() {
    assert_eq!(sniff_dialect(&with(&["fields", "description"], json!("h1. wiki"))), Dialect::V2);
    assert_eq!(sniff_dialect(&with(&["fields", "description"], json!({"type": "doc"}))), Dialect::V3);
    assert_eq!(
        sniff_dialect(&with(&["fields", "reporter"], json!({"key": "ann", "displayName": "Ann"}))),
        Dialect::V2
    );
    assert_eq!(sniff_dialect(&minimal()), Dialect::V3);
}

/// Every recorded issue is read, and nothing of it is lost: putting the lists back gives what came in.
#[test]
fn the_recorded_samples_are_read_without_loss() {
    let folder = std::path::Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../../../shared/samples/issues"));
    let Ok(files) = std::fs::read_dir(folder) else {
        eprintln!("skipped: the recorded samples are not part of a clone");
        return;
    };
    let mut seen = 0;
    for file in files {
        let text = std::fs::read_to_string(file.unwrap().path()).unwrap();
        for line in text.lines() {
            let mut original: Value = serde_json::from_str(line).unwrap();
            let bundle = read(original.clone()).unwrap();
            strip_addresses(&mut original);
            assert_eq!(put_back(bundle), original);
            seen += 1;
        }
    }
    assert_eq!(seen, 2_433);
}

fn put_back(bundle: IssueBundle) -> Value {
    let mut raw = bundle.issue.raw;
    if raw["fields"].get("comment").is_some() {
        raw["fields"]["comment"]["comments"] =
            bundle.comments.into_iter().map(|comment| comment.raw).collect();
    }
    if raw["fields"].get("worklog").is_some() {
        raw["fields"]["worklog"]["worklogs"] =
            bundle.worklogs.into_iter().map(|worklog| worklog.raw).collect();
    }
    if let Some(mut changelog) = bundle.issue.changelog_envelope {
        let histories = bundle.histories.into_iter().map(|history| {
            let mut raw = history.raw;
            raw["items"] = history.items.into_iter().map(|item| item.raw).collect();
            raw
        });
        changelog["histories"] = histories.collect();
        raw["changelog"] = changelog;
    }
    raw
}
