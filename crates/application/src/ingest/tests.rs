//! Reading issues, by example and over the recorded samples.

use domain::ids::InstanceId;
use secrecy::SecretString;
use serde_json::{Value, json};

use super::*;
use crate::{
    error::Result,
    issues::{AttachedRecords, Counts, IssueBundle},
    ports::{FetchedIssue, Listed, ListedOptions, ListedSprints, ReferenceData},
    reference::Roster,
};

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
    fn account_hash(&self, _: InstanceId, account: &str) -> String {
        account.chars().rev().collect()
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
    read_with(raw, &FieldRoles::from_fields(fields.as_array().unwrap()))
}

fn read_with(raw: Value, roles: &FieldRoles) -> std::result::Result<IssueBundle, Reject> {
    let erased = ErasedPeople::default();
    let reader = Reader::new(sniff_dialect(&raw), roles, &PlainSecrets, &erased);
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
    assert_eq!(bundle.issue.raw.value().unwrap(), minimal());
    assert_eq!(bundle.issue.changelog_envelope, None);
    assert_eq!(bundle.issue.updated, bundle.issue.created);
    assert_eq!(bundle.issue.status_category, "indeterminate");
}

#[test]
fn addresses_are_hashed_and_taken_out_wherever_they_are() {
    let person =
        json!({"accountId": "a1", "displayName": "Ann", "active": true, "emailAddress": "ann@x.org"});
    let bundle = read(with(&["fields", "assignee"], person)).unwrap();
    assert!(!bundle.issue.raw.text().contains("ann@x.org"));
    assert_eq!(bundle.issue.assignee.as_deref(), Some("a1"));
    assert_eq!(bundle.reference.users[0].email_hash.as_deref(), Some("gro.x@nna"));
    assert!(!bundle.reference.users[0].raw.to_string().contains('@'));
}

#[test]
fn an_erased_person_is_read_as_their_pseudonym_and_so_is_what_names_them() {
    let person =
        json!({"accountId": "a1", "displayName": "Ann Lee", "emailAddress": "ann@x.org", "timeZone": "Mars"});
    let mention = json!({"type": "mention", "attrs": {"id": "a1", "text": "@Ann Lee"}});
    let document =
        json!({"type": "doc", "version": 1, "content": [{"type": "paragraph", "content": [mention]}]});
    let change =
        json!({"field": "assignee", "from": "a1", "fromString": "Ann Lee", "to": null, "toString": null});
    let mut raw = with(&["fields", "assignee"], person.clone());
    raw["fields"]["description"] = document;
    raw["fields"]["customfield_9"] = json!([person]);
    raw["changelog"] = json!({"histories": [
        {"id": "9", "created": 1_767_606_000_000_i64, "author": person, "items": [change]},
    ]});
    let pseudonyms = [("1a".to_owned(), "former-user-1".to_owned())];
    let erased = ErasedPeople::new(InstanceId(uuid::Uuid::nil()), pseudonyms.into());
    let roles = FieldRoles::default();
    let reader = Reader::new(Dialect::V3, &roles, &PlainSecrets, &erased);
    let fetched = FetchedIssue { raw, comments_complete: true, worklogs_complete: true };
    let bundle = read_issue(&reader, fetched).unwrap();
    let all = format!("{bundle:?}");
    for text in ["a1\"", "Ann", "Lee", "Mars", "x.org", "gro.x"] {
        assert!(!all.contains(text), "{text} in {all}");
    }
    assert_eq!(bundle.issue.assignee.as_deref(), Some("former-user-1"));
    assert_eq!(bundle.issue.description_text.as_deref(), Some("@Former user"));
    assert_eq!(bundle.values[0].value_id.as_deref(), Some("former-user-1"));
    assert_eq!(bundle.histories[0].author.as_deref(), Some("former-user-1"));
    assert_eq!(bundle.histories[0].items[0].from_string.as_deref(), Some("Former user"));
    let users: Vec<_> = bundle.reference.users.iter().map(|user| user.account_id.as_str()).collect();
    assert_eq!(users, ["former-user-1"]);
}

#[test]
fn a_user_whose_name_is_an_address_stays_one_user() {
    let person = json!({"name": "ann@x.org", "displayName": "Ann", "active": true});
    let change =
        json!({"field": "assignee", "from": null, "fromString": null, "to": "ann@x.org", "toString": "Ann"});
    let mut raw = with(&["fields", "assignee"], person);
    raw["changelog"] =
        json!({"histories": [{"id": "9", "created": 1_767_606_000_000_i64, "items": [change]}]});
    let bundle = read(raw).unwrap();
    assert_eq!(bundle.issue.assignee.as_deref(), Some("address-gro.x@nna"), "the tests' hash is the reverse");
    assert_eq!(bundle.histories[0].items[0].to, bundle.issue.assignee);
    let user = &bundle.reference.users[0];
    assert_eq!(Some(&user.account_id), bundle.issue.assignee.as_ref());
    assert_eq!(user.email_hash.as_deref(), Some("gro.x@nna"));
}

#[test]
fn lists_with_tables_of_their_own_leave_their_envelope() {
    let comment = json!({"id": "7", "body": "hi", "created": "2026-01-05T11:00:00.000+0000"});
    let page = json!({"comments": [comment], "total": 3, "maxResults": 3, "startAt": 0});
    let bundle = read(with(&["fields", "comment"], page)).unwrap();
    let raw = bundle.issue.raw.value().unwrap();
    assert_eq!(raw["fields"]["comment"], json!({"total": 3, "maxResults": 3, "startAt": 0}));
    assert_eq!(bundle.comments[0].whole().unwrap(), comment);
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
    // Whoever asks for the histories of one issue gets dates.
    let shown = json!({"id": "9", "created": "2026-01-05T09:40:00.000+0000"});
    assert_eq!(history.head.value().unwrap(), shown);
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
fn an_issue_that_was_read_before_the_fields_were_known_is_another_one_once_they_are() {
    let issue = with(&["fields", "customfield_1"], json!([{"id": 4, "name": "Sprint 4", "state": "active"}]));
    let early = read_with(issue.clone(), &FieldRoles::default()).unwrap().issue;
    let late = read(issue).unwrap().issue;
    assert_eq!((early.sprint_ids.len(), late.sprint_ids.len()), (0, 1));
    assert_ne!(early.source_hash, late.source_hash);
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
            clean_payload(&mut original, &PlainSecrets, &ErasedPeople::default());
            assert_eq!(put_back(bundle), original);
            seen += 1;
        }
    }
    assert_eq!(seen, 2_433);
}

/// What the recorded issues show of attachments, versions, components, options, types of links, watchers and votes is all read.
#[test]
fn everything_the_recorded_samples_show_lands() {
    let folder = std::path::Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../../../shared/samples/issues"));
    let Ok(files) = std::fs::read_dir(folder) else {
        eprintln!("skipped: the recorded samples are not part of a clone");
        return;
    };
    let mut landed = [0; 7];
    for file in files {
        let text = std::fs::read_to_string(file.unwrap().path()).unwrap();
        for line in text.lines() {
            let original: Value = serde_json::from_str(line).unwrap();
            let project = original["fields"]["project"]["id"].as_str().unwrap().to_owned();
            let IssueBundle { attached, reference, .. } = read(original.clone()).unwrap();
            let shown = |name: &str| original["fields"][name].as_array().map_or(0, Vec::len);
            assert_eq!(attached.attachments.len(), shown("attachment"), "{}", original["key"]);
            assert_eq!(reference.versions.len(), shown("fixVersions") + shown("versions"));
            assert_eq!(reference.components.len(), shown("components"));
            assert_eq!(reference.link_types.len(), shown("issuelinks"));
            assert!(reference.versions.iter().all(|v| v.project_jira_id.as_ref() == Some(&project)));
            assert!(!format!("{attached:?} {reference:?}").contains("emailAddress"));
            landed[0] += attached.attachments.len();
            landed[1] += reference.versions.len();
            landed[2] += reference.components.len();
            landed[3] += reference.link_types.len();
            landed[4] += reference.options.len();
            landed[5] += usize::from(attached.attachments_complete);
            landed[6] += usize::from(attached.counts.is_some());
        }
    }
    assert_eq!(landed, [1_355, 3_004, 2_382, 1_310, 3, 2_183, 250]);
}

#[test]
fn attachments_are_read_whole_and_an_absent_field_says_nothing() {
    let file = json!([{"id": 77, "filename": "a.png", "mimeType": "image/png", "size": 12,
        "created": "2026-01-05T11:00:00.000+0000", "content": "https://x.example/77",
        "author": {"accountId": "a1", "displayName": "Ann", "emailAddress": "ann@x.org"}}]);
    let mut issue = with(&["fields", "attachment"], file);
    issue["fields"]["watches"] = json!({"watchCount": 3});
    issue["fields"]["votes"] = json!({"votes": 1});
    let attached = read(issue).unwrap().attached;
    let first = &attached.attachments[0];
    assert_eq!((first.jira_id.as_str(), first.author.as_deref(), first.size), ("77", Some("a1"), Some(12)));
    assert_eq!(
        (attached.attachments_complete, attached.counts),
        (true, Some(Counts { watchers: 3, votes: 1 }))
    );
    assert_eq!(read(minimal()).unwrap().attached, AttachedRecords::default());
}

#[test]
fn rosters_say_what_is_whole_and_lose_their_addresses() {
    let person = json!({"accountId": "a1", "displayName": "Ann", "emailAddress": "ann@x.org"});
    let version = |id: &str| json!({"id": id, "name": id, "projectId": 10});
    let data = ReferenceData {
        projects: vec![json!({"id": "10", "key": "PAY", "name": "Pay", "components": [
            {"id": "1", "name": "web", "lead": person}]})],
        versions: Listed::Part(vec![version("5"), version("4")]),
        boards: Listed::Whole(vec![
            json!({"id": 1, "name": "B", "type": "scrum", "location": {"projectId": 10}}),
        ]),
        board_sprints: vec![ListedSprints {
            board_id: 1,
            sprints: vec![json!({"id": 9, "name": "S", "state": "closed", "originBoardId": 2})],
        }],
        filters: Listed::Part(vec![json!({"id": "3", "name": "Mine", "jql": "x", "owner": person})]),
        field_options: vec![ListedOptions {
            field_id: "customfield_7".into(),
            contexts: vec![json!({"id": "100", "name": "Default", "isGlobalContext": true})],
            options: vec![
                json!({"id": "1", "value": "EU"}),
                json!({"id": "2", "value": "DE", "optionId": "1", "contextId": "100"}),
            ],
        }],
        ..ReferenceData::default()
    };
    let records = read_rosters(data, &PlainSecrets, &ErasedPeople::default());
    assert!(!format!("{records:?}").contains("ann@x.org"));
    assert_eq!(records.users[0].email_hash.as_deref(), Some("gro.x@nna"));
    assert_eq!(records.whole, [Roster::Projects, Roster::Components, Roster::Boards]);
    let places: Vec<_> = records.versions.iter().map(|v| (v.jira_id.as_str(), v.sequence)).collect();
    assert_eq!(places, [("5", Some(0)), ("4", Some(1))], "in the project's order");
    assert_eq!(records.components[0].project_jira_id.as_deref(), Some("10"));
    assert_eq!(records.boards[0].project_jira_id.as_deref(), Some("10"));
    assert_eq!((records.sprints[0].board_id, &records.board_sprints[0].sprint_ids), (Some(2), &vec![9]));
    let option = &records.options[1];
    assert_eq!(
        (option.parent_id.as_deref(), option.context_id.as_deref(), option.sequence),
        (Some("1"), Some("100"), Some(1))
    );
    assert_eq!(records.filters[0].owner_account_id.as_deref(), Some("a1"));
}

fn put_back(bundle: IssueBundle) -> Value {
    let mut raw = bundle.issue.raw.value().unwrap();
    if raw["fields"].get("comment").is_some() {
        raw["fields"]["comment"]["comments"] =
            bundle.comments.iter().map(|comment| comment.whole().unwrap()).collect();
    }
    if raw["fields"].get("worklog").is_some() {
        raw["fields"]["worklog"]["worklogs"] =
            bundle.worklogs.iter().map(|worklog| worklog.head.value().unwrap()).collect();
    }
    if let Some(mut changelog) = bundle.issue.changelog_envelope {
        changelog["histories"] = bundle.histories.iter().map(|history| history.whole().unwrap()).collect();
        raw["changelog"] = changelog;
    }
    raw
}

/// Jira repeats them in every payload; a page of them in memory has each once.
#[test]
fn what_issues_of_one_reader_repeat_is_one() {
    let person = json!({"accountId": "a1", "displayName": "Ann", "emailAddress": "ann@x.org"});
    let comment = json!({"id": "7", "author": person, "updateAuthor": person, "body": "hi",
                         "created": "2026-01-05T11:00:00.000+0000"});
    let (roles, erased) = (FieldRoles::default(), ErasedPeople::default());
    let reader = Reader::new(Dialect::V3, &roles, &PlainSecrets, &erased);
    let read = || {
        let raw = with(&["fields", "comment"], json!({"comments": [comment]}));
        read_issue(&reader, FetchedIssue { raw, comments_complete: true, worklogs_complete: true }).unwrap()
    };
    let (one, other) = (read(), read());
    assert_eq!(one, other);
    let user = &one.reference.users[0].raw;
    for bundle in [&one, &other] {
        let people: Vec<_> = bundle.comments[0].head.people().collect();
        assert_eq!(people.len(), 2);
        assert!(people.iter().all(|(_, person)| std::sync::Arc::ptr_eq(person, user)));
        assert!(std::sync::Arc::ptr_eq(&bundle.reference.statuses[0].raw, &one.reference.statuses[0].raw));
    }
}

#[test]
fn only_people_are_people() {
    let location = json!({"projectId": 10000, "displayName": "Payments (PAY)", "name": "Payments (PAY)", "projectKey": "PAY"});
    let mut raw = with(&["fields", "customfield_9"], json!([location]));
    raw["fields"]["assignee"] =
        json!({"name": "ann", "key": "JIRAUSER1", "displayName": "Ann", "avatarUrls": {}});
    raw["fields"]["reporter"] = json!({"accountId": "b1", "displayName": "Bob"});
    let users = read(raw).unwrap().reference.users;
    let shown: Vec<_> = users.iter().map(|user| (user.account_id.as_str(), user.active)).collect();
    assert_eq!(shown, [("JIRAUSER1", None), ("b1", None)]);
}

#[test]
fn links_are_all_told_only_where_the_field_is_shown() {
    assert!(!read(minimal()).unwrap().links_complete);
    assert!(!read(with(&["fields", "issuelinks"], Value::Null)).unwrap().links_complete);
    assert!(read(with(&["fields", "issuelinks"], json!([]))).unwrap().links_complete);
}

#[test]
fn of_several_story_points_the_field_of_the_lowest_id_counts_in_every_process() {
    let ids: Vec<_> = (0..40).map(|n| format!("customfield_{}", 100 + n)).collect();
    let fields = ids.iter().map(|id| {
        json!({"id": id, "name": "Story Points", "schema": {"custom": "com.pyxis.greenhopper.jira:jsw-story-points"}})
    });
    let fields: Vec<_> = fields.collect();
    let mut raw = minimal();
    for (id, points) in ids.iter().zip(1..) {
        raw["fields"][id] = json!(points);
    }
    let (roles, erased) = (FieldRoles::from_fields(&fields), ErasedPeople::default());
    let reader = Reader::new(Dialect::V3, &roles, &PlainSecrets, &erased);
    let fetched = FetchedIssue { raw, comments_complete: true, worklogs_complete: true };
    assert_eq!(read_issue(&reader, fetched).unwrap().issue.story_points, Some(1.0));
}
