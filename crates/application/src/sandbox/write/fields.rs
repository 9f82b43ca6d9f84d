//! Which fields of an issue can be written, and what a change of them looks like in a changelog (jira-facts 6.3, 6.4).

use serde_json::{Value, json};

use super::time::Tracking;
use crate::{
    agile::SprintDetails,
    ingest::{sprint_of, text_of},
};

/// A field that can be written.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Field {
    /// `summary`, `customfield_10016` …
    pub(super) id: String,
    /// What the changelog calls it.
    pub(super) name: String,
    pub(super) kind: Kind,
    custom: bool,
}

/// What a field holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Summary,
    Text,
    RichText,
    Number,
    Date,
    Moment,
    Labels,
    User,
    Users,
    Priority,
    IssueType,
    Components,
    Versions,
    Option,
    Options,
    Cascade,
    Sprint,
    Parent,
    TimeTracking,
}

impl Kind {
    /// Whether it holds a list to which values are added.
    pub(super) fn is_list(self) -> bool {
        matches!(self, Self::Labels | Self::Users | Self::Components | Self::Versions | Self::Options)
    }

    fn of_system(id: &str) -> Option<(Self, &'static str)> {
        Some(match id {
            "summary" => (Self::Summary, "summary"),
            "description" => (Self::RichText, "description"),
            "environment" => (Self::RichText, "environment"),
            "issuetype" => (Self::IssueType, "issuetype"),
            "priority" => (Self::Priority, "priority"),
            "labels" => (Self::Labels, "labels"),
            "assignee" => (Self::User, "assignee"),
            "reporter" => (Self::User, "reporter"),
            "components" => (Self::Components, "Component"),
            "fixVersions" => (Self::Versions, "Fix Version"),
            "versions" => (Self::Versions, "Version"),
            "duedate" => (Self::Date, "duedate"),
            "parent" => (Self::Parent, "IssueParentAssociation"),
            "timetracking" => (Self::TimeTracking, "timetracking"),
            _ => return None,
        })
    }

    /// By `schema.custom` (jira-facts 6.3); what is not listed there is computed by Jira itself.
    fn of_custom(schema: &Value) -> Option<Self> {
        let custom = schema["custom"].as_str().unwrap_or_default();
        Some(match custom.rsplit(':').next().unwrap_or_default() {
            "textfield" | "url" | "gh-epic-label" | "gh-epic-link" => Self::Text,
            "textarea" => Self::RichText,
            "float" | "jsw-story-points" => Self::Number,
            "datepicker" => Self::Date,
            "datetime" => Self::Moment,
            "labels" => Self::Labels,
            "userpicker" => Self::User,
            "multiuserpicker" => Self::Users,
            "select" | "radiobuttons" => Self::Option,
            "multiselect" | "multicheckboxes" => Self::Options,
            "cascadingselect" => Self::Cascade,
            "multiversion" => Self::Versions,
            "gh-sprint" => Self::Sprint,
            _ => return None,
        })
    }
}

impl Field {
    /// A custom field with people that is written by nobody but the site itself.
    pub(super) fn of_people(id: &str, name: &str) -> Self {
        Self { id: id.to_owned(), name: name.to_owned(), kind: Kind::Users, custom: true }
    }

    /// The field with that id, if it can be written.
    pub(super) fn find(id: &str, roster: &[Value]) -> Option<Self> {
        if let Some((kind, name)) = Kind::of_system(id) {
            return Some(Self { id: id.to_owned(), name: name.to_owned(), kind, custom: false });
        }
        let listed = roster.iter().find(|field| field["id"] == id || field["key"] == id)?;
        let kind = Kind::of_custom(&listed["schema"])?;
        let name = listed["name"].as_str().unwrap_or(id).to_owned();
        Some(Self { id: id.to_owned(), name, kind, custom: true })
    }

    /// The items of a change from one value to another, none where nothing changes.
    pub(super) fn items(&self, before: &Value, after: &Value) -> Vec<Value> {
        match self.kind {
            Kind::Components | Kind::Versions => self.list_items(before, after),
            Kind::TimeTracking => Tracking::of(before).items(&Tracking::of(after)),
            _ if is_same(self.kind, before, after) => Vec::new(),
            kind => vec![self.item(end(kind, before), end(kind, after))],
        }
    }

    /// Jira writes one item for each value that went or came.
    fn list_items(&self, before: &Value, after: &Value) -> Vec<Value> {
        let without = |list: &Value, other: &Value| -> Vec<Value> {
            let has = |value: &Value| elements(other).iter().any(|known| known["id"] == value["id"]);
            elements(list).iter().filter(|value| !has(value)).cloned().collect()
        };
        let named = |value: &Value| (text_of(&value["id"]), text_of(&value["name"]));
        let gone = without(before, after).into_iter().map(|value| self.item(named(&value), End::default()));
        let come = without(after, before).into_iter().map(|value| self.item(End::default(), named(&value)));
        gone.chain(come).collect()
    }

    fn item(&self, from: End, to: End) -> Value {
        let mut item = json!({
            "field": self.name,
            "fieldtype": if self.custom { "custom" } else { "jira" },
            "from": from.0, "fromString": from.1,
            "to": to.0, "toString": to.1,
        });
        if self.kind != Kind::Parent {
            item["fieldId"] = json!(self.id);
        }
        item
    }
}

/// A field that can be written, as whoever fills in a form is told of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WritableField {
    /// `summary`, `customfield_10016` …
    pub id: String,
    /// What can be done to it: `set`, and `add` and `remove` for lists.
    pub operations: &'static [&'static str],
    /// What it takes.
    pub takes: Takes,
}

/// What a field takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Takes {
    /// Anything of its type.
    Anything,
    /// One of the site's priorities.
    Priorities,
    /// One of the project's issue types.
    IssueTypes,
    /// Components of the project.
    Components,
    /// Versions of the project.
    Versions,
    /// Options of its own.
    Options,
}

/// The fields of a site that can be written, in the order of its roster. Which of them are on a form is up to the site.
pub fn writable_fields(roster: &[Value]) -> Vec<WritableField> {
    let ids = roster.iter().filter_map(|field| field["id"].as_str());
    ids.filter_map(|id| Field::find(id, roster)).map(writable).collect()
}

fn writable(field: Field) -> WritableField {
    let operations: &[&str] = if field.kind.is_list() { &["add", "set", "remove"] } else { &["set"] };
    let takes = match field.kind {
        Kind::Priority => Takes::Priorities,
        Kind::IssueType => Takes::IssueTypes,
        Kind::Components => Takes::Components,
        Kind::Versions => Takes::Versions,
        Kind::Option | Kind::Options | Kind::Cascade => Takes::Options,
        _ => Takes::Anything,
    };
    WritableField { id: field.id, operations, takes }
}

/// One side of a change: id and text.
type End = (Option<String>, Option<String>);

/// The elements of a list; none of a null.
pub(super) fn elements(list: &Value) -> &[Value] {
    list.as_array().map_or(&[], Vec::as_slice)
}

/// Whether two elements of lists are the same one.
pub(super) fn is_element(one: &Value, other: &Value) -> bool {
    ["id", "accountId", "key", "name"]
        .into_iter()
        .find(|member| one[*member].is_string() || one[*member].is_number())
        .map_or(one == other, |member| text_of(&one[member]) == text_of(&other[member]))
}

/// Copies inside issues may be cut down or renamed, so what they name is compared.
fn is_same(kind: Kind, before: &Value, after: &Value) -> bool {
    match kind {
        Kind::RichText | Kind::Summary | Kind::Text => before == after,
        _ => end(kind, before) == end(kind, after),
    }
}

fn end(kind: Kind, value: &Value) -> End {
    if value.is_null() && !kind.is_list() {
        return End::default();
    }
    let id_and = |member: &str| (text_of(&value["id"]), text_of(&value[member]));
    match kind {
        Kind::Summary | Kind::Text => (None, text_of(value)),
        Kind::Number => (None, value.as_f64().map(|number| number.to_string())),
        Kind::RichText => (None, Some(rich(value))),
        Kind::Date => {
            let day = text_of(value);
            (day.clone(), day.map(|day| format!("{day} 00:00:00.0")))
        }
        Kind::Moment => (text_of(value), text_of(value)),
        Kind::Labels => {
            let labels: Vec<String> = elements(value).iter().filter_map(text_of).collect();
            (None, Some(labels.join(" ")))
        }
        Kind::User => (account_of(value), text_of(&value["displayName"])),
        Kind::Users => list_end(value, account_of, "displayName"),
        Kind::Options => list_end(value, |option| text_of(&option["id"]), "value"),
        Kind::Option => id_and("value"),
        Kind::Cascade => (None, Some(cascade(value))),
        Kind::Sprint => {
            let sprints: Vec<SprintDetails> = elements(value).iter().filter_map(sprint_of).collect();
            let joined = |text: fn(&SprintDetails) -> String| -> String {
                sprints.iter().map(text).collect::<Vec<_>>().join(", ")
            };
            (Some(joined(|sprint| sprint.id.to_string())), Some(joined(|sprint| sprint.name.clone())))
        }
        Kind::Parent => id_and("key"),
        Kind::Priority | Kind::IssueType | Kind::Components | Kind::Versions | Kind::TimeTracking => {
            id_and("name")
        }
    }
}

/// Ids in brackets; both sides of an empty list are empty.
fn list_end(list: &Value, id: impl Fn(&Value) -> Option<String>, name: &str) -> End {
    let ids: Vec<String> = elements(list).iter().filter_map(id).collect();
    let names: Vec<String> = elements(list).iter().filter_map(|value| text_of(&value[name])).collect();
    if ids.is_empty() {
        return (Some(String::new()), Some(String::new()));
    }
    (Some(format!("[{}]", ids.join(", "))), Some(names.join(",")))
}

fn cascade(value: &Value) -> String {
    let shown = |option: &Value| {
        let text = |member: &str| text_of(&option[member]).unwrap_or_default();
        format!("{}({})", text("value"), text("id"))
    };
    match value.get("child").filter(|child| child.is_object()) {
        Some(child) => format!("Parent values: {}Level 1 values: {}", shown(value), shown(child)),
        None => format!("Parent values: {}", shown(value)),
    }
}

/// Rich text as changelogs show it, in either dialect.
fn rich(value: &Value) -> String {
    if value.is_object() { adf::wiki_of(value) } else { text_of(value).unwrap_or_default() }
}

/// `accountId` on Cloud, the key or else the name on Server.
pub(in crate::sandbox) fn account_of(user: &Value) -> Option<String> {
    ["accountId", "key", "name"].into_iter().find_map(|member| user[member].as_str()).map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn system(id: &str) -> Field {
        Field::find(id, &[]).unwrap()
    }

    #[test]
    fn only_what_jira_does_not_compute_can_be_written() {
        let roster = [
            json!({"id": "customfield_1", "name": "Points", "schema": {"custom": "com.x:float"}}),
            json!({"id": "customfield_2", "name": "Rank", "schema": {"custom": "com.x:gh-lexo-rank"}}),
        ];
        assert_eq!(Field::find("customfield_1", &roster).unwrap().kind, Kind::Number);
        for id in ["customfield_2", "customfield_3", "status", "votes", "updated", "project"] {
            assert_eq!(Field::find(id, &roster), None, "{id}");
        }
        let (operations, takes): (&[&str], _) = (&["set"], Takes::Anything);
        assert_eq!(
            writable_fields(&roster),
            [WritableField { id: "customfield_1".into(), operations, takes }]
        );
    }

    #[test]
    fn a_change_names_ids_and_texts() {
        let (low, high) = (json!({"id": "4", "name": "Low"}), json!({"id": "2", "name": "High"}));
        assert_eq!(
            system("priority").items(&low, &high),
            [json!({"field": "priority", "fieldtype": "jira", "fieldId": "priority",
                    "from": "4", "fromString": "Low", "to": "2", "toString": "High"})]
        );
        assert!(system("priority").items(&low, &json!({"id": "4", "name": "Renamed"})).len() == 1);
        assert!(system("summary").items(&json!("a"), &json!("a")).is_empty());
        let due = system("duedate").items(&Value::Null, &json!("2024-02-01"));
        assert_eq!((&due[0]["from"], &due[0]["to"]), (&Value::Null, &json!("2024-02-01")));
        assert_eq!(due[0]["toString"], "2024-02-01 00:00:00.0");
    }

    #[test]
    fn versions_have_an_item_each() {
        let version = |id: &str| json!({"id": id, "name": format!("v{id}")});
        let items = system("fixVersions")
            .items(&json!([version("1"), version("2")]), &json!([version("2"), version("3")]));
        assert_eq!(items.len(), 2);
        assert_eq!((&items[0]["fromString"], &items[0]["to"]), (&json!("v1"), &Value::Null));
        assert_eq!((&items[1]["from"], &items[1]["toString"]), (&Value::Null, &json!("v3")));
        assert_eq!(items[0]["field"], "Fix Version");
    }

    #[test]
    fn labels_stand_together() {
        let items = system("labels").items(&json!(["a"]), &json!(["a", "b"]));
        assert_eq!((&items[0]["fromString"], &items[0]["toString"]), (&json!("a"), &json!("a b")));
    }
}
