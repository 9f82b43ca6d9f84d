//! Rosters: what a site lists of its projects, fields, statuses and the like.

use serde_json::Value;

use super::{children::text_of, clean::Cleaner};
use crate::{
    erasure::ErasedPeople,
    ports::{ReferenceData, Secrets},
    reference::{FieldRecord, IssueTypeRecord, ProjectRecord, RankedRecord, ReferenceRecords, StatusRecord},
};

/// Reads rosters. Entries without an id or a name are passed over: nothing can point to them.
pub fn read_rosters(
    mut data: ReferenceData,
    secrets: &dyn Secrets,
    erased: &ErasedPeople,
) -> ReferenceRecords {
    let mut cleaner = Cleaner::new(secrets, erased);
    let lists = [
        &mut data.projects,
        &mut data.fields,
        &mut data.statuses,
        &mut data.issue_types,
        &mut data.priorities,
        &mut data.resolutions,
    ];
    for list in lists {
        list.iter_mut().for_each(|entry| cleaner.clean(entry));
    }
    ReferenceRecords {
        projects: data.projects.iter().filter_map(project).collect(),
        users: cleaner.into_users(),
        statuses: data.statuses.iter().filter_map(status).collect(),
        issue_types: data.issue_types.iter().filter_map(issue_type).collect(),
        priorities: ranked(&data.priorities),
        resolutions: ranked(&data.resolutions),
        fields: data.fields.iter().filter_map(field).collect(),
        sprints: Vec::new(),
    }
}

pub(super) fn project(raw: &Value) -> Option<ProjectRecord> {
    let key = text_of(&raw["key"])?;
    Some(ProjectRecord {
        jira_id: text_of(&raw["id"])?,
        name: text_of(&raw["name"]).unwrap_or_else(|| key.clone()),
        key,
        project_type: text_of(&raw["projectTypeKey"]),
        lead_account_id: ["accountId", "key", "name"].into_iter().find_map(|id| text_of(&raw["lead"][id])),
        raw: Some(raw.clone()),
    })
}

pub(super) fn status(raw: &Value) -> Option<StatusRecord> {
    let category = raw["statusCategory"]["key"].as_str().unwrap_or("undefined");
    let category = if ["new", "indeterminate", "done"].contains(&category) { category } else { "undefined" };
    Some(StatusRecord {
        jira_id: text_of(&raw["id"])?,
        name: text_of(&raw["name"])?,
        category: category.to_owned(),
        raw: raw.clone(),
    })
}

pub(super) fn issue_type(raw: &Value) -> Option<IssueTypeRecord> {
    Some(IssueTypeRecord {
        jira_id: text_of(&raw["id"])?,
        name: text_of(&raw["name"])?,
        subtask: raw["subtask"].as_bool().unwrap_or(false),
        hierarchy_level: raw["hierarchyLevel"].as_i64().and_then(|level| i16::try_from(level).ok()),
        raw: raw.clone(),
    })
}

pub(super) fn unranked(raw: &Value) -> Option<RankedRecord> {
    Some(RankedRecord {
        jira_id: text_of(&raw["id"])?,
        name: text_of(&raw["name"])?,
        rank: None,
        raw: raw.clone(),
    })
}

fn ranked(list: &[Value]) -> Vec<RankedRecord> {
    let ranks = 0_i32..;
    list.iter()
        .zip(ranks)
        .filter_map(|(raw, rank)| unranked(raw).map(|record| RankedRecord { rank: Some(rank), ..record }))
        .collect()
}

fn field(raw: &Value) -> Option<FieldRecord> {
    Some(FieldRecord {
        field_key: text_of(&raw["id"]).or_else(|| text_of(&raw["key"]))?,
        name: text_of(&raw["name"])?,
        field_type: text_of(&raw["schema"]["custom"]).or_else(|| text_of(&raw["schema"]["type"])),
        custom: raw["custom"].as_bool().unwrap_or(false),
        raw: raw.clone(),
    })
}
