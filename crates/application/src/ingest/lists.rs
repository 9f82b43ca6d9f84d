//! Versions, components, boards, filters, dashboards, types of links and options: as their own lists serve them, and as issues and
//! projects show them.

use std::collections::{BTreeMap, HashMap};

use chrono::NaiveDate;
use serde_json::Value;

use super::{
    children::text_of,
    field_values::sprint_object,
    shared::{Kind, Shared},
};
use crate::{
    ports::{ListedOptions, ListedSprints},
    reference::{
        BoardRecord, BoardSprints, ComponentRecord, ContextRecord, DashboardRecord, FilterRecord,
        IssueLinkTypeRecord, OptionRecord, ReferenceRecords, VersionRecord,
    },
};

/// A version; `project` is where it belongs if its own payload does not tell.
pub(super) fn version(raw: &Value, project: Option<&str>, shared: &mut Shared) -> Option<VersionRecord> {
    let jira_id = text_of(&raw["id"])?;
    let day = |name: &str| raw[name].as_str().and_then(|day| NaiveDate::parse_from_str(day, "%Y-%m-%d").ok());
    Some(VersionRecord {
        project_jira_id: text_of(&raw["projectId"]).or_else(|| project.map(str::to_owned)),
        name: text_of(&raw["name"])?,
        description: text_of(&raw["description"]),
        sequence: None,
        archived: raw["archived"].as_bool().unwrap_or(false),
        released: raw["released"].as_bool().unwrap_or(false),
        start: day("startDate"),
        release: day("releaseDate"),
        raw: shared.payload(Kind::Version, &jira_id, raw),
        jira_id,
    })
}

/// A component; `project` is where it belongs if its own payload does not tell.
pub(super) fn component(raw: &Value, project: Option<&str>, shared: &mut Shared) -> Option<ComponentRecord> {
    let jira_id = text_of(&raw["id"])?;
    Some(ComponentRecord {
        project_jira_id: text_of(&raw["projectId"]).or_else(|| project.map(str::to_owned)),
        name: text_of(&raw["name"])?,
        description: text_of(&raw["description"]),
        lead_account_id: account(&raw["lead"]),
        raw: shared.payload(Kind::Component, &jira_id, raw),
        jira_id,
    })
}

fn account(user: &Value) -> Option<String> {
    ["accountId", "key", "name"].into_iter().find_map(|id| text_of(&user[id]))
}

/// Versions of rosters, each numbered within its project.
pub(super) fn numbered_versions<'v>(
    list: impl IntoIterator<Item = (&'v Value, Option<&'v str>)>,
) -> Vec<VersionRecord> {
    let mut next: HashMap<Option<String>, i32> = HashMap::new();
    let mut shared = Shared::default();
    list.into_iter()
        .filter_map(|(raw, project)| version(raw, project, &mut shared))
        .map(|record| {
            let place = next.entry(record.project_jira_id.clone()).or_default();
            let sequence = Some(*place);
            *place = place.saturating_add(1);
            VersionRecord { sequence, ..record }
        })
        .collect()
}

pub(super) fn board(raw: &Value) -> Option<BoardRecord> {
    Some(BoardRecord {
        jira_id: raw["id"].as_i64()?,
        name: text_of(&raw["name"])?,
        board_type: text_of(&raw["type"]),
        project_jira_id: text_of(&raw["location"]["projectId"]),
        raw: raw.clone(),
    })
}

/// The sprints that boards list, and which board lists which. A sprint that several boards list is one sprint.
pub(super) fn board_sprints(boards: &[ListedSprints], records: &mut ReferenceRecords) {
    let mut sprints = BTreeMap::new();
    for board in boards {
        let listed: Vec<_> = board.sprints.iter().filter_map(sprint_object).collect();
        let sprint_ids = listed.iter().map(|sprint| sprint.jira_id).collect();
        records.board_sprints.push(BoardSprints { board_id: board.board_id, sprint_ids });
        sprints.extend(listed.into_iter().map(|sprint| (sprint.jira_id, sprint)));
    }
    records.sprints.extend(sprints.into_values());
}

pub(super) fn filter(raw: &Value) -> Option<FilterRecord> {
    Some(FilterRecord {
        jira_id: text_of(&raw["id"])?,
        name: text_of(&raw["name"])?,
        description: text_of(&raw["description"]),
        jql: text_of(&raw["jql"]),
        owner_account_id: account(&raw["owner"]),
        raw: raw.clone(),
    })
}

pub(super) fn dashboard(raw: &Value) -> Option<DashboardRecord> {
    Some(DashboardRecord { jira_id: text_of(&raw["id"])?, name: text_of(&raw["name"])?, raw: raw.clone() })
}

pub(super) fn link_type(raw: &Value) -> Option<IssueLinkTypeRecord> {
    Some(IssueLinkTypeRecord {
        jira_id: text_of(&raw["id"])?,
        name: text_of(&raw["name"])?,
        inward: text_of(&raw["inward"]),
        outward: text_of(&raw["outward"]),
        raw: raw.clone(),
    })
}

/// The contexts and options of fields that were asked for. `optionId` is the parent's id in a cascading select.
pub(super) fn listed_options(fields: &[ListedOptions], records: &mut ReferenceRecords) {
    for field in fields {
        let contexts = field.contexts.iter().filter_map(|raw| {
            Some(ContextRecord {
                field_key: field.field_id.clone(),
                jira_id: text_of(&raw["id"])?,
                name: text_of(&raw["name"])?,
                is_global: raw["isGlobalContext"].as_bool().unwrap_or(false),
                raw: raw.clone(),
            })
        });
        records.contexts.extend(contexts);
        let options = field.options.iter().zip(0_i32..).filter_map(|(raw, place)| {
            let record = option(&field.field_id, raw, text_of(&raw["optionId"]))?;
            Some(OptionRecord { sequence: Some(place), context_id: text_of(&raw["contextId"]), ..record })
        });
        records.options.extend(options);
        records.options_of.push(field.field_id.clone());
        // Every field has a context; none is a site that does not show them.
        if !field.contexts.is_empty() {
            records.contexts_of.push(field.field_id.clone());
        }
    }
}

/// Longer ids are no options': Jira's are numbers, and apps put what they like (`ari:cloud:…`) into fields of their own.
const LONGEST_ID: usize = 255;

/// An option is an object with an id and a `value` (jira-facts 6.3); people and versions have names instead.
fn option(field: &str, raw: &Value, parent_id: Option<String>) -> Option<OptionRecord> {
    let value = raw["value"].as_str()?.to_owned();
    let jira_id = text_of(&raw["id"]).filter(|id| id.chars().count() <= LONGEST_ID)?;
    // Issues show the address, and lists do not: the row must not depend on which was read last.
    let members = raw.as_object()?.iter().filter(|(name, _)| *name != "child" && *name != "self");
    let shown = Value::Object(members.map(|(name, value)| (name.clone(), value.clone())).collect());
    Some(OptionRecord {
        field_key: field.to_owned(),
        jira_id,
        context_id: None,
        parent_id,
        value,
        sequence: None,
        disabled: raw["disabled"].as_bool().unwrap_or(false),
        raw: shown,
    })
}

/// What an issue's fields show of versions, components, options and types of links.
pub(super) fn seen_in_issue(fields: &Value, records: &mut ReferenceRecords, shared: &mut Shared) {
    let project = text_of(&fields["project"]["id"]);
    let list = |name: &str| fields[name].as_array().into_iter().flatten();
    records.versions.extend(
        ["fixVersions", "versions"]
            .into_iter()
            .flat_map(list)
            .filter_map(|raw| version(raw, project.as_deref(), shared)),
    );
    records
        .components
        .extend(list("components").filter_map(|raw| component(raw, project.as_deref(), shared)));
    records.link_types.extend(list("issuelinks").filter_map(|link| link_type(&link["type"])));
    for (field, value) in fields.as_object().into_iter().flatten() {
        if !field.starts_with("customfield_") {
            continue;
        }
        match value {
            Value::Array(items) => items.iter().for_each(|item| options(field, item, &mut records.options)),
            Value::Object(_) => options(field, value, &mut records.options),
            _ => {}
        }
    }
}

/// An option, and below it those of a cascading select.
fn options(field: &str, item: &Value, found: &mut Vec<OptionRecord>) {
    let mut parent = None;
    let mut item = item;
    while let Some(record) = option(field, item, parent.take()) {
        parent = Some(record.jira_id.clone());
        found.push(record);
        item = &item["child"];
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn an_issue_shows_versions_components_types_of_links_and_options() {
        let fields = json!({
            "project": {"id": "10000"},
            "fixVersions": [{"id": "1", "name": "1.0", "released": true, "releaseDate": "2026-02-03"}],
            "versions": [{"id": "2", "name": "0.9", "archived": true, "releaseDate": "soon"}],
            "components": [{"id": "7", "name": "web"}],
            "issuelinks": [{"id": "5", "type": {"id": "8", "name": "Blocks", "inward": "is blocked by", "outward": "blocks"}}],
            "customfield_1": {"id": "20", "value": "EU", "child": {"id": "21", "value": "DE"}},
            "customfield_2": [{"id": "30", "value": "iOS"}, {"id": "31", "value": "Web", "disabled": true}],
            "customfield_3": {"accountId": "a", "displayName": "Ann"},
            "customfield_4": [{"id": 1, "name": "Sprint 1"}],
            "customfield_5": {"id": "x".repeat(256), "value": "an app's own"},
        });
        let mut records = ReferenceRecords::default();
        seen_in_issue(&fields, &mut records, &mut Shared::default());
        let versions: Vec<_> = records
            .versions
            .iter()
            .map(|v| {
                (v.name.as_str(), v.project_jira_id.as_deref(), v.released, v.archived, v.release.is_some())
            })
            .collect();
        assert_eq!(
            versions,
            [("1.0", Some("10000"), true, false, true), ("0.9", Some("10000"), false, true, false)]
        );
        assert_eq!(records.components[0].project_jira_id.as_deref(), Some("10000"));
        assert_eq!(records.link_types[0].outward.as_deref(), Some("blocks"));
        let options: Vec<_> = records
            .options
            .iter()
            .map(|o| (o.field_key.as_str(), o.value.as_str(), o.parent_id.as_deref(), o.disabled))
            .collect();
        assert_eq!(
            options,
            [
                ("customfield_1", "EU", None, false),
                ("customfield_1", "DE", Some("20"), false),
                ("customfield_2", "iOS", None, false),
                ("customfield_2", "Web", None, true),
            ]
        );
        assert_eq!(
            records.options[0].raw,
            json!({"id": "20", "value": "EU"}),
            "the child has a row of its own"
        );
    }

    #[test]
    fn versions_are_numbered_within_their_project() {
        let list = [
            json!({"id": "1", "name": "1.0", "projectId": 10}),
            json!({"id": "2", "name": "A", "projectId": 11}),
            json!({"id": "3", "name": "1.1", "projectId": 10}),
        ];
        let places: Vec<_> = numbered_versions(list.iter().map(|raw| (raw, None)))
            .into_iter()
            .map(|version| (version.jira_id, version.sequence))
            .collect();
        assert_eq!(places, [("1".into(), Some(0)), ("2".into(), Some(0)), ("3".into(), Some(1))]);
    }
}
