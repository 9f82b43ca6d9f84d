//! Issues with any past: consistent or not, as changelogs of real sites are.

use application::{
    issues::{HistoryItemRecord, IssueBundle},
    reference::{FieldRecord, FieldValueRecord, StatusRecord},
};
use proptest::prelude::*;
use serde_json::json;

use crate::bundles::{changed, history, issue, item, status};

pub fn statuses() -> Vec<StatusRecord> {
    vec![
        status("1", "To Do", "new"),
        status("3", "In Progress", "indeterminate"),
        status("4", "In Review", "indeterminate"),
        status("5", "Done", "done"),
        // Two of one name that mean different things.
        status("6", "Waiting", "new"),
        status("7", "Waiting", "done"),
    ]
}

fn field(key: &str, name: &str, kind: &str) -> FieldRecord {
    FieldRecord {
        field_key: key.into(),
        name: name.into(),
        field_type: Some(format!("x:{kind}")),
        custom: true,
        raw: json!({"id": key, "name": name}),
    }
}

pub fn fields() -> Vec<FieldRecord> {
    vec![
        field("customfield_1", "Sprint", "gh-sprint"),
        field("customfield_2", "Severity", "select"),
        field("customfield_3", "Team", "select"),
        field("customfield_4", "Team", "select"),
        field("customfield_5", "Rank", "gh-lexo-rank"),
    ]
}

/// One end of a change of a status: by id, by id of one that is gone, or by name only.
fn any_status() -> impl Strategy<Value = (String, String)> {
    let ends = [
        ("1", "To Do"),
        ("3", "In Progress"),
        ("4", "In Review"),
        ("5", "Done"),
        ("98", "Waiting"),
        ("99", "in review"),
        ("", "done"),
        ("", "Waiting"),
        ("", "Nobody knows"),
    ];
    proptest::sample::select(ends.map(|(id, name)| (id.to_owned(), name.to_owned())).to_vec())
}

fn any_end(
    names: &'static [(&'static str, &'static str)],
) -> impl Strategy<Value = Option<(String, String)>> {
    proptest::option::of(proptest::sample::select(names.to_vec()))
        .prop_map(|end| end.map(|(id, name)| (id.to_owned(), name.to_owned())))
}

fn change(
    name: &'static str,
    id: Option<&'static str>,
    kind: &'static str,
    ends: &'static [(&'static str, &'static str)],
) -> impl Strategy<Value = HistoryItemRecord> {
    (any_end(ends), any_end(ends)).prop_map(move |(from, to)| {
        let made = item(
            name,
            from.as_ref().map(|(id, text)| (id.as_str(), text.as_str())),
            to.as_ref().map(|(id, text)| (id.as_str(), text.as_str())),
        );
        HistoryItemRecord { field_id: id.map(str::to_owned), field_type: Some(kind.into()), ..made }
    })
}

fn any_item() -> impl Strategy<Value = HistoryItemRecord> {
    const VERSIONS: &[(&str, &str)] = &[("10", "1.0"), ("11", "1.1"), ("12", "1.2"), ("", "nameless")];
    const SPRINTS: &[(&str, &str)] = &[("1", "One"), ("1, 2", "One, Two"), ("", "")];
    const OPTIONS: &[(&str, &str)] = &[("21", "Low"), ("22", "High")];
    const LINKS: &[(&str, &str)] =
        &[("PAY-2", "This issue blocks PAY-2"), ("PAY-2", "This issue relates to PAY-2")];
    let moves = (any_status(), any_status()).prop_map(|(from, to)| {
        item("status", Some((from.0.as_str(), from.1.as_str())), Some((to.0.as_str(), to.1.as_str())))
    });
    prop_oneof![
        4 => moves,
        2 => change("Fix Version", None, "jira", VERSIONS),
        1 => change("Fix Version", Some("fixVersions"), "jira", VERSIONS),
        1 => change("Link", None, "jira", LINKS),
        1 => change("Sprint", Some("customfield_1"), "custom", SPRINTS),
        1 => change("severity", None, "custom", OPTIONS),
        1 => change("Team", None, "custom", OPTIONS),
        1 => change("labels", Some("labels"), "jira", &[("", "a"), ("", "a b")]),
        1 => change("Rank", Some("customfield_5"), "custom", &[("", "Ranked higher"), ("", "Ranked lower")]),
    ]
}

/// When each history was (some at once, some before the creation), and its items; what the issue has now.
pub type Made = (Vec<(i64, Vec<HistoryItemRecord>)>, Vec<bool>);

pub fn any_past() -> impl Strategy<Value = Made> {
    let histories =
        proptest::collection::vec((-3_i64..20, proptest::collection::vec(any_item(), 0..4)), 0..9);
    (histories, proptest::collection::vec(any::<bool>(), 5))
}

/// An issue with that past, whose status is the one that its changes end with.
pub fn made(number: u32, (histories, has): &Made) -> IssueBundle {
    changed(&issue(number, &format!("PAY-{number}")), 90, |b| {
        b.histories = histories
            .iter()
            .zip(1_u32..)
            .map(|((minute, items), n)| history(number * 100 + n, *minute, items.clone()))
            .collect();
        let mut moves: Vec<_> = b.histories.iter().collect();
        moves.sort_by_key(|history| (history.created, history.jira_number));
        let last = moves.iter().flat_map(|history| &history.items).rfind(|item| item.field == "status");
        if let Some(known) =
            last.and_then(|item| statuses().into_iter().find(|s| Some(&s.jira_id) == item.to.as_ref()))
        {
            (b.issue.status_id, b.issue.status, b.issue.status_category) =
                (known.jira_id, known.name, known.category);
        }
        let values = [
            ("fixVersions", "10", "1.0"),
            ("fixVersions", "13", "1.3"),
            ("customfield_2", "22", "High"),
            ("customfield_3", "30", "Blue"),
            ("customfield_5", "", "0|i0000f:"),
        ];
        let kept = values.iter().zip(has).filter(|(_, has)| **has).zip(0..);
        b.values = kept
            .map(|(((field, id, text), _), ordinal)| FieldValueRecord {
                field_id: (*field).into(),
                ordinal,
                value_id: (!id.is_empty()).then(|| (*id).into()),
                text: Some((*text).into()),
                ..Default::default()
            })
            .collect();
    })
}
