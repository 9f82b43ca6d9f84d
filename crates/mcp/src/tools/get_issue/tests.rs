//! What an answer holds, and what it says of the rest.

use application::instances::{AuthMethod, Dialect, InstanceKind};
use chrono::DateTime;
use domain::ids::TenantId;
use proptest::prelude::*;
use uuid::Uuid;

use super::*;
use crate::{
    budget::LEAST,
    tests::samples::{comments, content, history, issue},
};

fn whole(sections: &[Section], raw: bool) -> Wanted {
    Wanted::Whole { sections: sections.to_vec(), raw }
}

fn budget(max_chars: u32) -> Budget {
    Budget::new(Some(max_chars)).unwrap()
}

fn wiki_issue(description: &str) -> IssueRow {
    let mut issue = issue(1);
    issue.raw["fields"]["description"] = json!(description);
    issue
}

#[test]
fn an_issue_has_its_fields_its_description_and_its_newest_comments() {
    let listing = sections::comments(comments(12, "Tried a *second* card."));
    let answered =
        content(answer(&issue(1), None, &whole(&[Section::Comments], false), vec![listing], budget(24_000)));
    assert_eq!(answered["key"], "PAY-1");
    assert_eq!(answered["status_category"], "indeterminate");
    assert_eq!(answered["description"], "Cards are *declined*.");
    assert_eq!(answered["comments_total"], 12);
    assert_eq!(answered["comments"][0]["id"], "12");
    assert_eq!(answered["comments"][0]["body"], "Tried a **second** card.");
    assert_eq!(answered["comments"].as_array().unwrap().len(), 10);
    assert_eq!(answered["untrusted"], json!(["summary", "description", "comments"]));
    assert_eq!(
        answered["left_out"],
        json!([{ "what": "comments", "shown": 10, "total": 12, "cursor": "comments:2" }])
    );
    assert_eq!(answered.get("resolution"), None, "what is empty is not said");
}

#[test]
fn a_cursor_goes_on_where_the_answer_before_ended() {
    let rest = Wanted::Rest("comments:2".parse().unwrap());
    let listing = sections::comments(comments(13, "A new one came meanwhile."));
    let answered = content(answer(&issue(1), None, &rest, vec![listing], budget(24_000)));
    let ids: Vec<&str> =
        answered["comments"].as_array().unwrap().iter().filter_map(|c| c["id"].as_str()).collect();
    assert_eq!(ids, ["2", "1"]);
    assert_eq!((answered.get("left_out"), answered.get("summary")), (None, None));
}

#[test]
fn a_long_description_leaves_room_for_comments_and_can_be_read_to_its_end() {
    let text = (0..3_000).map(|n| format!("word{n} ")).collect::<String>();
    let issue = wiki_issue(text.trim());
    let listing = sections::comments(comments(3, "short"));
    let first =
        content(answer(&issue, None, &whole(&[Section::Comments], false), vec![listing], budget(6_000)));
    assert_eq!(first["comments"].as_array().unwrap().len(), 3);
    let mut read = first["description"].as_str().unwrap().to_owned();
    let mut cursor = first["left_out"][0]["cursor"].as_str().map(str::to_owned);
    while let Some(next) = cursor {
        let rest = Wanted::Rest(next.parse().unwrap());
        let answered = content(answer(&issue, None, &rest, Vec::new(), budget(6_000)));
        read.push_str(answered["description"].as_str().unwrap());
        cursor = answered["left_out"][0]["cursor"].as_str().map(str::to_owned);
    }
    assert_eq!(read, text.trim());
}

#[test]
fn the_changelog_says_what_changed_without_whole_texts() {
    let listing = sections::changelog(vec![history()]);
    let answered =
        content(answer(&issue(1), None, &whole(&[Section::Changelog], false), vec![listing], budget(24_000)));
    let changes = &answered["changelog"][0]["changes"];
    assert_eq!(changes[0], json!({ "field": "status", "from": "Open", "to": "In Progress" }));
    assert!(changes[1]["to"].as_str().unwrap().ends_with("… [4700 more characters]"));
    assert_eq!(answered["changelog"][0]["author"], "Ada Lovelace");
    assert_eq!(answered["changelog"][0]["created"], "2026-03-01T09:00:00Z");
}

#[test]
fn the_whole_json_comes_whole_or_says_what_it_would_take() {
    let raw = |issue: &IssueRow, max_chars| {
        content(answer(issue, None, &whole(&[], true), Vec::new(), budget(max_chars)))
    };
    assert_eq!(raw(&issue(1), 24_000)["raw"], issue(1).raw);
    let mut large = issue(1);
    large.raw["fields"]["customfield_1"] = json!("x".repeat(30_000));
    let how = raw(&large, 24_000)["left_out"][0]["how"].as_str().unwrap().to_owned();
    let needed = how.rsplit(' ').next().unwrap().parse().unwrap();
    assert_eq!(raw(&large, needed)["raw"], large.raw, "{how}");
    large.raw["fields"]["customfield_1"] = json!("x".repeat(300_000));
    assert!(raw(&large, 24_000)["left_out"][0]["how"].as_str().unwrap().contains("sql_query"));
}

#[test]
fn a_mirror_says_where_the_issue_is_in_jira() {
    let mut site = Instance {
        id: issue(1).instance_id,
        tenant: TenantId(Uuid::nil()),
        name: "demo".into(),
        display_name: "Demo".into(),
        kind: InstanceKind::Cloud,
        base_url: "https://acme.atlassian.net".into(),
        auth_method: AuthMethod::ApiToken,
        dialect: Dialect::V3,
        account_id: None,
        time_zone: None,
        webhook_id: None,
        active: true,
        cloud_id: None,
        requests_per_minute: None,
        credential_problem: None,
        created_at: DateTime::UNIX_EPOCH,
        faults: None,
    };
    let url = |site: &Instance| {
        content(answer(&issue(1), Some(site), &whole(&[], false), Vec::new(), budget(24_000)))["url"].clone()
    };
    assert_eq!(url(&site), "https://acme.atlassian.net/browse/PAY-1");
    site.kind = InstanceKind::Sandbox;
    assert_eq!(url(&site), Value::Null);
}

#[test]
fn comments_are_read_unless_told_otherwise() {
    let asked =
        |include: Option<Vec<Part>>| Wanted::of(&Arguments { include, ..Arguments::default() }).unwrap();
    assert!(asked(None).has(Section::Comments));
    assert!(!asked(Some(Vec::new())).has(Section::Comments));
    let history = asked(Some(vec![Part::Changelog, Part::Raw]));
    assert!(history.has(Section::Changelog) && !history.has(Section::Comments));
    assert!(matches!(history, Wanted::Whole { raw: true, .. }));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn an_answer_keeps_to_its_budget(
        description in ".{0,4000}", body in "[ -~\\n]{0,3000}", count in 0_i64..40, labels in 0_usize..400,
        max_chars in LEAST..12_000,
    ) {
        let mut issue = wiki_issue(&description);
        issue.labels = vec!["a-label".into(); labels];
        let listings = vec![sections::comments(comments(count, &body)), sections::changelog(vec![history(); 60])];
        let wanted = whole(&[Section::Comments, Section::Changelog], true);
        let result = answer(&issue, None, &wanted, listings, budget(max_chars)).into_result();
        let text = &result.content[0].as_text().unwrap().text;
        prop_assert!(text.chars().count() <= max_chars as usize);
        let structured = result.structured_content.unwrap();
        prop_assert!(structured.to_string().chars().count() <= max_chars as usize);
    }
}
