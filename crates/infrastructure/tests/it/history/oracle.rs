//! What an issue was, worked out in memory: the plain reading of the rules that migration 0013 follows in SQL.

use std::collections::{BTreeMap, BTreeSet};

use application::{
    issues::{HistoryItemRecord, IssueBundle},
    reference::{FieldRecord, StatusRecord},
};
use chrono::{DateTime, Utc};
use domain::{metrics::StatusHistory, workflow::StatusCategory};
use serde_json::Value;

/// The id of a value and how it is shown; an empty text is none.
pub type Shown = (Option<String>, Option<String>);
/// A status, its category, since when, until when.
pub type Stay = (Shown, StatusCategory, DateTime<Utc>, Option<DateTime<Utc>>);
/// Field id, value and text.
pub type Set = BTreeSet<(String, Option<String>, Option<String>)>;

/// Fields that log each value that comes or goes.
const LISTS: [&str; 7] = [
    "fixVersions",
    "versions",
    "components",
    "issuelinks",
    "attachment",
    "RemoteIssueLink",
    "RemoteWorkItemLink",
];

/// One changed field, in order.
struct Change {
    at: DateTime<Utc>,
    field: String,
    from: Shown,
    to: Shown,
}

/// The past of one issue.
pub struct Past<'a> {
    bundle: &'a IssueBundle,
    statuses: &'a [StatusRecord],
    changes: Vec<Change>,
    /// The present value of each field that has one.
    present: BTreeMap<String, Shown>,
    /// The present values of the fields that log each value.
    present_lists: Vec<(String, Shown)>,
}

fn some(text: &str) -> Option<String> {
    (!text.is_empty()).then(|| text.to_owned())
}

fn shown(value: Option<&str>, string: Option<&str>) -> Shown {
    (value.and_then(some), string.and_then(some))
}

fn field_id(item: &HistoryItemRecord, fields: &[FieldRecord]) -> String {
    if let Some(id) = item.field_id.as_deref().and_then(some) {
        return id;
    }
    let custom = item.field_type.as_deref() == Some("custom");
    let called: Vec<_> = fields
        .iter()
        .filter(|field| custom && field.custom && field.name.to_lowercase() == item.field.to_lowercase())
        .collect();
    match item.field.as_str() {
        "Key" if !custom => "issuekey".into(),
        "Fix Version" if !custom => "fixVersions".into(),
        "Version" if !custom => "versions".into(),
        "Component" if !custom => "components".into(),
        "Link" if !custom => "issuelinks".into(),
        "Attachment" if !custom => "attachment".into(),
        "Parent" | "Parent Issue" | "IssueParentAssociation" if !custom => "parent".into(),
        _ if called.len() == 1 => called[0].field_key.clone(),
        name => name.into(),
    }
}

impl<'a> Past<'a> {
    pub fn new(bundle: &'a IssueBundle, fields: &[FieldRecord], statuses: &'a [StatusRecord]) -> Self {
        let mut items: Vec<_> = bundle
            .histories
            .iter()
            .flat_map(|history| {
                let numbered = history.items.iter().enumerate();
                numbered.map(move |(ordinal, item)| ((history.created, history.jira_number, ordinal), item))
            })
            .filter(|(_, item)| {
                let ranked = item.to_string.as_deref().unwrap_or_default().starts_with("Ranked ");
                let none = ["", "Comment", "WorklogId", "WorklogTimeSpent"].contains(&item.field.as_str());
                !none && (item.field != "Rank" || !ranked)
            })
            .collect();
        items.sort_by_key(|(order, _)| *order);
        let changes: Vec<_> = items
            .into_iter()
            .map(|((at, ..), item)| Change {
                at: at.max(bundle.issue.created),
                field: field_id(item, fields),
                from: shown(item.from.as_deref(), item.from_string.as_deref()),
                to: shown(item.to.as_deref(), item.to_string.as_deref()),
            })
            .collect();
        let mut present = system_fields(bundle);
        for (id, value) in custom_fields(bundle, fields) {
            let name =
                fields.iter().find(|field| field.field_key == id).map(|field| field.name.to_lowercase());
            let told_by_name = changes.iter().any(|change| Some(change.field.to_lowercase()) == name);
            if !told_by_name {
                present.insert(id, value);
            }
        }
        present.retain(|_, value| *value != (None, None));
        Self { bundle, statuses, changes, present, present_lists: list_values(bundle) }
    }

    /// The moments at which something changes, and some around them.
    pub fn moments(&self) -> BTreeSet<DateTime<Utc>> {
        let step = chrono::TimeDelta::milliseconds(1);
        let changes = self.changes.iter().map(|change| change.at);
        changes.chain([self.bundle.issue.created]).flat_map(|at| [at - step, at, at + step]).collect()
    }

    /// The fields that were set, by the last change until then, or by what the first one after it came from.
    pub fn state_at(&self, moment: DateTime<Utc>) -> Set {
        if moment < self.bundle.issue.created {
            return Set::new();
        }
        let mut state = Set::new();
        let scalars: BTreeSet<&str> = self
            .changes
            .iter()
            .map(|change| change.field.as_str())
            .chain(self.present.keys().map(String::as_str))
            .filter(|field| !LISTS.contains(field))
            .collect();
        for field in scalars {
            let mut of_field = self.changes.iter().filter(|change| change.field == field);
            let last = self.changes.iter().rfind(|change| change.field == field && change.at <= moment);
            let value = match (last, of_field.next()) {
                (Some(change), _) => &change.to,
                (None, Some(first)) => &first.from,
                (None, None) => &self.present[field],
            };
            if *value != (None, None) {
                state.insert((field.to_owned(), value.0.clone(), value.1.clone()));
            }
        }
        for field in LISTS {
            for (value, string) in self.values_at(field, moment) {
                state.insert((field.to_owned(), value, string));
            }
        }
        state
    }

    /// The values of a list, by playing what came and went.
    fn values_at(&self, field: &str, moment: DateTime<Utc>) -> Vec<Shown> {
        let name = |(value, string): &Shown| match field {
            "issuelinks" => format!("{} {}", value.as_deref().unwrap_or(""), string.as_deref().unwrap_or("")),
            _ => value.clone().or_else(|| string.clone()).unwrap_or_default(),
        };
        let mut turns: BTreeMap<String, Vec<(DateTime<Utc>, bool, Shown)>> = BTreeMap::new();
        for change in self.changes.iter().filter(|change| change.field == field) {
            for (came, end) in [(false, &change.from), (true, &change.to)] {
                if *end != (None, None) {
                    turns.entry(name(end)).or_default().push((change.at, came, end.clone()));
                }
            }
        }
        let mut values = Vec::new();
        for (_, value) in self.present_lists.iter().filter(|(list, _)| list == field) {
            if !turns.contains_key(&name(value)) {
                values.push(value.clone());
            }
        }
        for turns in turns.values() {
            let (_, first_came, first) = &turns[0];
            let mut there = (!first_came).then(|| first.clone());
            for (_, came, value) in turns.iter().filter(|(at, ..)| *at <= moment) {
                there = if *came { there.or_else(|| Some(value.clone())) } else { None };
            }
            values.extend(there);
        }
        values
    }

    fn category(&self, (id, name): &Shown) -> StatusCategory {
        let by_id = self.statuses.iter().find(|status| Some(&status.jira_id) == id.as_ref());
        let present =
            (*id == Some(self.bundle.issue.status_id.clone())).then_some(&self.bundle.issue.status_category);
        let lower = name.as_deref().unwrap_or_default().to_lowercase();
        let by_name: BTreeSet<&String> = self
            .statuses
            .iter()
            .filter(|status| status.name.to_lowercase() == lower)
            .map(|status| &status.category)
            .collect();
        let only = (by_name.len() == 1).then(|| *by_name.first().unwrap());
        let key = by_id.map(|status| &status.category).or(present).or(only);
        key.map_or(StatusCategory::Undefined, |key| key.parse().unwrap())
    }

    /// Each stay in a status: id and name, its category, since and until when.
    pub fn stays(&self) -> Vec<Stay> {
        let moves: Vec<_> = self.changes.iter().filter(|change| change.field == "status").collect();
        let issue = &self.bundle.issue;
        let created = match moves.first() {
            Some(first) => first.from.clone(),
            None => (Some(issue.status_id.clone()), Some(issue.status.clone())),
        };
        let mut entries = vec![(created, issue.created)];
        entries.extend(moves.iter().map(|change| (change.to.clone(), change.at)));
        let ends = entries.iter().skip(1).map(|(_, at)| Some(*at)).chain([None]);
        let stays = entries.iter().zip(ends).map(|((status, at), end)| {
            let known = self.statuses.iter().find(|known| Some(&known.jira_id) == status.0.as_ref());
            let name = known.map(|known| known.name.clone()).or_else(|| status.1.clone());
            ((status.0.clone(), name), self.category(status), *at, end)
        });
        stays.collect()
    }

    /// The same for the arithmetic of `domain::metrics`.
    pub fn status_history(&self, now: DateTime<Utc>) -> StatusHistory {
        let stays = self.stays();
        let transitions = stays[1..].iter().map(|(_, category, at, _)| (*at, *category)).collect();
        StatusHistory::new(self.bundle.issue.created, stays[0].1, transitions, now)
            .with_resolution(self.bundle.issue.resolved)
    }
}

fn system_fields(bundle: &IssueBundle) -> BTreeMap<String, Shown> {
    let issue = &bundle.issue;
    let raw = issue.raw.value().unwrap();
    let fields = &raw["fields"];
    let named = |pair: &Option<(String, String)>| {
        shown(pair.as_ref().map(|(_, id)| id.as_str()), pair.as_ref().map(|(name, _)| name.as_str()))
    };
    let person = |account: &Option<String>| {
        let user = bundle.reference.users.iter().find(|user| Some(&user.account_id) == account.as_ref());
        user.map_or((None, None), |user| shown(Some(&user.account_id), user.display_name.as_deref()))
    };
    let project = bundle.reference.projects.iter().find(|project| project.jira_id == issue.project_jira_id);
    let day = issue.due.map(|day| day.to_string());
    let seconds = |name: &str| {
        let text = fields[name].as_u64().map(|seconds| seconds.to_string());
        (text.clone(), text)
    };
    let mut present = BTreeMap::new();
    let mut put = |field: &str, value: Shown| present.insert(field.to_owned(), value);
    put("issuekey", (None, Some(issue.key.to_string())));
    put(
        "project",
        project.map_or((None, None), |project| shown(Some(&project.jira_id), Some(&project.name))),
    );
    put("issuetype", named(&issue.issue_type));
    put("status", shown(Some(&issue.status_id), Some(&issue.status)));
    put("priority", named(&issue.priority));
    put("resolution", named(&issue.resolution));
    put("assignee", person(&issue.assignee));
    put("reporter", person(&issue.reporter));
    put("summary", (None, Some(issue.summary.clone())));
    put("description", (None, issue.description_text.as_deref().and_then(some)));
    put("environment", (None, some(&words(&fields["environment"]))));
    put("duedate", (day.clone(), day.map(|day| format!("{day} 00:00:00.0"))));
    put("labels", (None, some(&issue.labels.join(" "))));
    put("parent", issue.parent.as_ref().map_or((None, None), |(id, key)| shown(Some(id), Some(key))));
    for name in ["timeoriginalestimate", "timeestimate", "timespent"] {
        put(name, seconds(name));
    }
    present
}

/// A text, or a document's, a line for each block.
fn words(value: &Value) -> String {
    fn below(value: &Value) -> String {
        match value {
            Value::Array(items) => items.iter().map(below).collect(),
            Value::Object(node) if node.get("type").is_some_and(|kind| kind == "text") => {
                node["text"].as_str().unwrap().to_owned()
            }
            Value::Object(node) => node.get("content").map(below).unwrap_or_default(),
            _ => String::new(),
        }
    }
    let blocks =
        value["content"].as_array().map(|blocks| blocks.iter().map(below).collect::<Vec<_>>().join("\n"));
    blocks.or_else(|| value.as_str().map(str::to_owned)).unwrap_or_default()
}

fn custom_fields(bundle: &IssueBundle, fields: &[FieldRecord]) -> Vec<(String, Shown)> {
    let ids: BTreeSet<&str> = bundle.values.iter().map(|value| value.field_id.as_str()).collect();
    let custom = ids.into_iter().filter(|id| id.starts_with("customfield_"));
    let kind = |id: &str| {
        fields
            .iter()
            .find(|field| field.field_key == id)
            .and_then(|field| field.field_type.clone())
            .unwrap_or_default()
    };
    custom
        .filter(|id| !kind(id).ends_with(":gh-lexo-rank"))
        .map(|id| {
            let values: Vec<_> = bundle.values.iter().filter(|value| value.field_id == id).collect();
            let ids: Vec<&str> = values.iter().filter_map(|value| value.value_id.as_deref()).collect();
            let text = |value: &&application::reference::FieldValueRecord| match value.number {
                Some(number) => number.to_string(),
                None => value.text.clone().unwrap_or_default(),
            };
            let texts: Vec<String> = values.iter().map(text).collect();
            let kind = kind(id);
            let value = if kind.ends_with(":datepicker") {
                (Some(texts[0].clone()), Some(format!("{} 00:00:00.0", texts[0])))
            } else if kind.ends_with(":labels") {
                (some(&ids.join(", ")), some(&texts.join(" ")))
            } else if [":multiselect", ":multicheckboxes", ":multiversion"]
                .iter()
                .any(|end| kind.ends_with(end))
            {
                (Some(format!("[{}]", ids.join(", "))), some(&texts.join(", ")))
            } else {
                (some(&ids.join(", ")), some(&texts.join(", ")))
            };
            (id.to_owned(), value)
        })
        .collect()
}

fn list_values(bundle: &IssueBundle) -> Vec<(String, Shown)> {
    let versions = bundle
        .values
        .iter()
        .filter(|value| ["fixVersions", "versions", "components"].contains(&value.field_id.as_str()))
        .map(|value| (value.field_id.clone(), (value.value_id.clone(), value.text.clone())));
    let raw = bundle.issue.raw.value().unwrap();
    let files = raw["fields"]["attachment"].as_array().into_iter().flatten().map(|file| {
        let text = |name: &str| file[name].as_str().map(str::to_owned);
        ("attachment".to_owned(), (text("id"), text("filename")))
    });
    versions.chain(files).collect()
}
