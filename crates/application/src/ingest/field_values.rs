//! Multi-valued and custom fields, as typed values that a B-tree can find.

use chrono::{NaiveDate, NaiveTime};
use serde_json::Value;

use super::{
    children::{optional_time, text_of},
    clean::user_id_of,
};
use crate::reference::{FieldValueRecord, SprintRecord};

/// System fields whose values are lists of named things; and the environment, a text that is searched as those of custom fields are.
const LISTS: [&str; 5] = ["labels", "components", "fixVersions", "versions", "environment"];

pub(crate) fn field_values(fields: &Value) -> Vec<FieldValueRecord> {
    let mut records = Vec::new();
    for (field, value) in fields.as_object().into_iter().flatten() {
        if !value.is_null() && (LISTS.contains(&field.as_str()) || field.starts_with("customfield_")) {
            add(&mut records, field, value);
        }
    }
    records
}

fn add(records: &mut Vec<FieldValueRecord>, field: &str, value: &Value) {
    let mut ordinal = 0;
    let items = match value {
        Value::Array(items) => items.as_slice(),
        single => std::slice::from_ref(single),
    };
    for item in items {
        for value in values_of(item) {
            records.push(FieldValueRecord { field_id: field.to_owned(), ordinal, ..value });
            ordinal += 1;
        }
    }
}

/// The values of one element: one, but for a cascading select, whose parent and child are both found.
fn values_of(item: &Value) -> Vec<FieldValueRecord> {
    match item {
        Value::Null => vec![],
        Value::Bool(flag) => vec![FieldValueRecord { text: Some(flag.to_string()), ..Default::default() }],
        Value::Number(number) => vec![FieldValueRecord {
            text: Some(number.to_string()),
            number: number.as_f64(),
            ..Default::default()
        }],
        Value::String(text) => vec![match sprint_string(text) {
            Some(sprint) => FieldValueRecord {
                value_id: Some(sprint.jira_id.to_string()),
                text: Some(sprint.name),
                ..Default::default()
            },
            None => text_value(text),
        }],
        Value::Array(_) => vec![],
        Value::Object(object) => {
            if object.get("type").is_some_and(|kind| kind == "doc") {
                return vec![FieldValueRecord { text: Some(adf::text_of(item)), ..Default::default() }];
            }
            // What a customer asked a service desk for, with how it stands.
            let item = if item["requestType"].is_object() { &item["requestType"] } else { item };
            let mut values = vec![FieldValueRecord {
                value_id: user_id_of_person(item).or_else(|| text_of(&item["id"])),
                text: ["value", "displayName", "name", "key"]
                    .into_iter()
                    .find_map(|name| text_of(&item[name])),
                ..Default::default()
            }];
            if item["child"].is_object() {
                values.extend(values_of(&item["child"]));
            }
            values
        }
    }
}

fn user_id_of_person(item: &Value) -> Option<String> {
    item.get("displayName").and_then(|_| user_id_of(item))
}

fn text_value(text: &str) -> FieldValueRecord {
    let day =
        NaiveDate::parse_from_str(text, "%Y-%m-%d").ok().map(|day| day.and_time(NaiveTime::MIN).and_utc());
    let time = day.or_else(|| domain::jira_time::parse(text).ok());
    FieldValueRecord { text: Some(text.to_owned()), time, ..Default::default() }
}

/// Sprints inside issues: objects on Cloud, `…Sprint@1f[id=1,name=…]` strings on Server (jira-facts 6.3).
pub(super) fn sprints(values: &[Value]) -> Vec<SprintRecord> {
    values
        .iter()
        .filter_map(|item| match item {
            Value::String(text) => sprint_string(text),
            Value::Object(_) => sprint_object(item),
            _ => None,
        })
        .collect()
}

/// A sprint as its field (`boardId`) or the Agile API (`originBoardId`) shows it.
pub(super) fn sprint_object(item: &Value) -> Option<SprintRecord> {
    Some(SprintRecord {
        jira_id: item["id"].as_i64()?,
        name: text_of(&item["name"])?,
        state: text_of(&item["state"])?.to_lowercase(),
        board_id: item["boardId"].as_i64().or_else(|| item["originBoardId"].as_i64()),
        goal: text_of(&item["goal"]).filter(|goal| !goal.is_empty()),
        start: optional_time(&item["startDate"]),
        end: optional_time(&item["endDate"]),
        complete: optional_time(&item["completeDate"]),
        raw: as_listed(item),
    })
}

/// The field's name for the board is another one than the list's: the row must not depend on which was read last.
fn as_listed(item: &Value) -> Value {
    let mut raw = item.clone();
    if let Some(members) = raw.as_object_mut()
        && let Some(board) = members.remove("boardId")
    {
        members.entry("originBoardId").or_insert(board);
    }
    raw
}

/// A sprint as Servers write it into issues, taken apart: what stands before the members, and each of them with its value.
pub(super) struct SprintMembers<'t> {
    before: &'t str,
    members: Vec<(&'t str, &'t str)>,
}

impl<'t> SprintMembers<'t> {
    /// Commas in names are not escaped, so a member ends where the next known member begins.
    pub(super) fn of(text: &'t str) -> Option<Self> {
        const MEMBERS: [&str; 12] = [
            "id",
            "rapidViewId",
            "state",
            "name",
            "startDate",
            "endDate",
            "completeDate",
            "activatedDate",
            "sequence",
            "goal",
            "synced",
            "autoStartStop",
        ];
        if !text.starts_with("com.atlassian.greenhopper.service.sprint.Sprint@") {
            return None;
        }
        let inner = text.split_once('[')?.1.strip_suffix(']')?;
        let mut starts: Vec<(usize, &str)> = MEMBERS
            .into_iter()
            .filter_map(|member| {
                let at = if inner.starts_with(&format!("{member}=")) {
                    Some(0)
                } else {
                    inner.find(&format!(",{member}=")).map(|at| at + 1)
                };
                at.map(|at| (at, member))
            })
            .collect();
        starts.sort_unstable();
        let ends = starts.iter().skip(1).map(|(next, _)| next.saturating_sub(1)).chain([inner.len()]);
        let members = starts.iter().zip(ends).filter_map(|((at, name), end)| {
            inner.get(*at..at + name.len()).zip(inner.get(at + name.len() + 1..end))
        });
        // The bracket that was taken off the end stands behind them.
        let members: Vec<_> = members.collect();
        let first = starts.first().map_or(inner.len(), |(at, _)| *at);
        let before = text.get(..text.len() - 1 - inner.len() + first)?;
        Some(Self { before, members })
    }

    fn get(&self, wanted: &str) -> Option<&'t str> {
        let (_, value) = self.members.iter().find(|(name, _)| *name == wanted)?;
        Some(*value).filter(|value| *value != NOTHING)
    }

    /// The text with other values for some members; a member that it does not have is not added.
    pub(super) fn with(&self, other: impl Fn(&str, Option<&str>) -> Option<String>) -> String {
        let members = self.members.iter().map(|(name, value)| {
            let value = other(name, Some(*value).filter(|value| *value != NOTHING))
                .unwrap_or_else(|| (*value).to_owned());
            format!("{name}={value}")
        });
        format!("{}{}]", self.before, members.collect::<Vec<_>>().join(","))
    }
}

/// What a Server writes for a member of a sprint that has no value.
pub(super) const NOTHING: &str = "<null>";

fn sprint_string(text: &str) -> Option<SprintRecord> {
    let members = SprintMembers::of(text)?;
    let member = |wanted: &str| members.get(wanted);
    let date = |name: &str| member(name).and_then(|value| domain::jira_time::parse(value).ok());
    Some(SprintRecord {
        jira_id: member("id")?.parse().ok()?,
        name: member("name")?.to_owned(),
        state: member("state")?.to_lowercase(),
        board_id: member("rapidViewId").and_then(|id| id.parse().ok()),
        goal: member("goal").filter(|goal| !goal.is_empty()).map(str::to_owned),
        start: date("startDate"),
        end: date("endDate"),
        complete: date("completeDate"),
        raw: Value::String(text.to_owned()),
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn values(field: &str, value: Value) -> Vec<(Option<String>, Option<String>, Option<f64>)> {
        field_values(&json!({ field: value })).into_iter().map(|v| (v.value_id, v.text, v.number)).collect()
    }

    #[test]
    fn each_shape_of_a_custom_field_has_its_values() {
        let some = |text: &str| Some(text.to_owned());
        assert_eq!(values("customfield_1", json!(8.0)), [(None, some("8.0"), Some(8.0))]);
        assert_eq!(
            values("customfield_1", json!({"value": "High", "id": "7"})),
            [(some("7"), some("High"), None)]
        );
        assert_eq!(
            values("customfield_1", json!({"value": "EU", "id": "1", "child": {"value": "DE", "id": "2"}})),
            [(some("1"), some("EU"), None), (some("2"), some("DE"), None)]
        );
        assert_eq!(
            values("customfield_1", json!({"accountId": "abc", "displayName": "Ann"})),
            [(some("abc"), some("Ann"), None)]
        );
        let asked =
            json!({"requestType": {"id": "4", "name": "Get help"}, "currentStatus": {"status": "Open"}});
        assert_eq!(values("customfield_1", asked), [(some("4"), some("Get help"), None)]);
        assert_eq!(values("labels", json!(["a", "B"])), [(None, some("a"), None), (None, some("B"), None)]);
        assert_eq!(values("customfield_1", json!(null)), []);
        assert_eq!(values("summary", json!("not multi-valued")), []);
    }

    #[test]
    fn a_servers_sprint_string_is_read_although_commas_are_not_escaped() {
        let text = "com.atlassian.greenhopper.service.sprint.Sprint@1f[id=12,rapidViewId=2,state=ACTIVE,\
                    name=Sprint 1, Q3,startDate=2025-01-06T09:00:00.000Z,endDate=<null>,completeDate=<null>,goal=<null>]";
        let sprint = sprint_string(text).unwrap();
        assert_eq!(
            (sprint.jira_id, sprint.name.as_str(), sprint.state.as_str()),
            (12, "Sprint 1, Q3", "active")
        );
        assert_eq!((sprint.board_id, sprint.goal, sprint.end), (Some(2), None, None));
        assert!(sprint.start.is_some());
    }
}
