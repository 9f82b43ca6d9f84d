//! Rosters: what a site lists of its projects, fields, statuses and the like.

use std::collections::HashSet;

use serde_json::Value;

use super::{
    children::text_of,
    clean::Cleaner,
    desks, groups, lists,
    shared::{Kind, Shared},
};
use crate::{
    erasure::ErasedPeople,
    ports::{Listed, ReferenceData, Secrets},
    reference::{
        FieldRecord, IssueTypeRecord, ProjectRecord, RankedRecord, ReferenceRecords, Roster, StatusRecord,
    },
};

/// Reads rosters. Entries without an id or a name are passed over: nothing can point to them.
pub fn read_rosters(
    mut data: ReferenceData,
    secrets: &dyn Secrets,
    erased: &ErasedPeople,
) -> ReferenceRecords {
    let mut shared = Shared::default();
    let mut cleaner = Cleaner::new(secrets, erased, &mut shared);
    clean(&mut data, &mut cleaner);
    let mut records = ReferenceRecords {
        users: cleaner.into_users(),
        statuses: data.statuses.iter().filter_map(|raw| status(raw, &mut shared)).collect(),
        issue_types: data.issue_types.iter().filter_map(|raw| issue_type(raw, &mut shared)).collect(),
        priorities: ranked(&data.priorities, Kind::Priority),
        resolutions: ranked(&data.resolutions, Kind::Resolution),
        fields: data.fields.iter().filter_map(field).collect(),
        whole: whole_lists(&data),
        ..ReferenceRecords::default()
    };
    lists::board_sprints(&data.board_sprints, &mut records);
    lists::listed_options(&data.field_options, &mut records);
    groups::members_and_roles(&data, &mut records);
    desks::set_ups_and_members(&data, &mut records);
    read_parts_of_projects(&mut records, &data.projects, data.versions, data.components);
    records.projects = data.projects.iter().filter_map(|raw| project(raw, &mut shared)).collect();
    let mut take = |list: Listed, roster| {
        let (entries, whole) = list.into_entries();
        records.whole.extend(whole.then_some(roster));
        entries
    };
    let boards = take(data.boards, Roster::Boards);
    let filters = take(data.filters, Roster::Filters);
    let dashboards = take(data.dashboards, Roster::Dashboards);
    let link_types = take(data.link_types, Roster::IssueLinkTypes);
    records.boards = boards.iter().filter_map(lists::board).collect();
    records.filters = filters.iter().filter_map(lists::filter).collect();
    records.dashboards = dashboards.iter().filter_map(lists::dashboard).collect();
    records.link_types = link_types.iter().filter_map(lists::link_type).collect();
    let found = take(data.groups, Roster::Groups);
    records.groups = found.iter().filter_map(groups::group).collect();
    let found = take(data.service_desks, Roster::ServiceDesks);
    records.service_desks = found.iter().filter_map(desks::desk).collect();
    let found = take(data.organizations, Roster::Organizations);
    records.organizations = found.iter().filter_map(desks::organization).collect();
    records
}

/// Takes e-mail addresses out of everything, and collects the users met.
fn clean(data: &mut ReferenceData, cleaner: &mut Cleaner<'_>) {
    let ReferenceData {
        projects,
        fields,
        statuses,
        issue_types,
        priorities,
        resolutions,
        users,
        versions,
        components,
        boards,
        board_sprints,
        filters,
        dashboards,
        link_types,
        field_options,
        groups,
        group_members,
        project_roles,
        board_configurations,
        followers,
        service_desks,
        desk_setups,
        organizations,
        organization_members,
    } = data;
    let optional =
        [versions, components, boards, filters, dashboards, link_types, groups, service_desks, organizations];
    let optional = optional.into_iter().filter_map(|list| match list {
        Listed::NotAsked => None,
        Listed::Part(entries) | Listed::Whole(entries) => Some(entries),
    });
    let of_desks = desk_setups.iter_mut().flat_map(|desk| {
        [&mut desk.request_types, &mut desk.groups, &mut desk.queues, &mut desk.organizations]
    });
    let lists = [projects, fields, statuses, issue_types, priorities, resolutions, users]
        .into_iter()
        .chain(optional)
        .chain(board_sprints.iter_mut().map(|board| &mut board.sprints))
        .chain(field_options.iter_mut().flat_map(|field| [&mut field.contexts, &mut field.options]))
        .chain(group_members.iter_mut().map(|group| &mut group.members))
        .chain(project_roles.iter_mut().map(|project| &mut project.roles))
        .chain(followers.iter_mut().flat_map(|issue| [&mut issue.watchers, &mut issue.voters]).flatten())
        .chain(of_desks)
        .chain(organization_members.iter_mut().map(|organization| &mut organization.members));
    let configurations = board_configurations.iter_mut().map(|board| &mut board.configuration);
    lists.flatten().chain(configurations).for_each(|entry| cleaner.clean(entry));
}

/// Those of the lists asked for always that have anything: an empty one is no answer that a site gives.
fn whole_lists(data: &ReferenceData) -> Vec<Roster> {
    [
        (Roster::Projects, &data.projects),
        (Roster::Statuses, &data.statuses),
        (Roster::IssueTypes, &data.issue_types),
        (Roster::Priorities, &data.priorities),
        (Roster::Resolutions, &data.resolutions),
        (Roster::Fields, &data.fields),
    ]
    .into_iter()
    .filter(|(_, list)| !list.is_empty())
    .map(|(roster, _)| roster)
    .collect()
}

/// Versions and components from lists of their own, and from the projects that show theirs. Where every project shows them,
/// those are all.
fn read_parts_of_projects(
    records: &mut ReferenceRecords,
    projects: &[Value],
    versions: Listed,
    components: Listed,
) {
    let shown = |part: &'static str| {
        let all = !projects.is_empty() && projects.iter().all(|project| project[part].is_array());
        let entries = projects.iter().flat_map(move |project| {
            let parts = project[part].as_array().into_iter().flatten();
            parts.map(|entry| (entry, project["id"].as_str()))
        });
        (entries, all)
    };
    let (entries, whole) = versions.into_entries();
    let (in_projects, all) = shown("versions");
    // A list of its own tells more of each version than the project does.
    records.versions = match entries.is_empty() && !whole {
        true => lists::numbered_versions(in_projects),
        false => lists::numbered_versions(entries.iter().map(|entry| (entry, None))),
    };
    records.whole.extend((whole || (entries.is_empty() && all)).then_some(Roster::Versions));

    let mut shared = Shared::default();
    let (entries, whole) = components.into_entries();
    let (in_projects, all) = shown("components");
    records.components = match entries.is_empty() && !whole {
        true => {
            in_projects.filter_map(|(raw, project)| lists::component(raw, project, &mut shared)).collect()
        }
        false => entries.iter().filter_map(|raw| lists::component(raw, None, &mut shared)).collect(),
    };
    records.whole.extend((whole || (entries.is_empty() && all)).then_some(Roster::Components));
}

pub(super) fn project(raw: &Value, shared: &mut Shared) -> Option<ProjectRecord> {
    let (jira_id, key) = (text_of(&raw["id"])?, text_of(&raw["key"])?);
    Some(ProjectRecord {
        name: text_of(&raw["name"]).unwrap_or_else(|| key.clone()),
        key,
        project_type: text_of(&raw["projectTypeKey"]),
        lead_account_id: ["accountId", "key", "name"].into_iter().find_map(|id| text_of(&raw["lead"][id])),
        raw: Some(shared.payload(Kind::Project, &jira_id, raw)),
        jira_id,
    })
}

pub(super) fn status(raw: &Value, shared: &mut Shared) -> Option<StatusRecord> {
    let category = raw["statusCategory"]["key"].as_str().unwrap_or("undefined");
    let category = if ["new", "indeterminate", "done"].contains(&category) { category } else { "undefined" };
    let jira_id = text_of(&raw["id"])?;
    Some(StatusRecord {
        name: text_of(&raw["name"])?,
        category: category.to_owned(),
        raw: shared.payload(Kind::Status, &jira_id, raw),
        jira_id,
    })
}

pub(super) fn issue_type(raw: &Value, shared: &mut Shared) -> Option<IssueTypeRecord> {
    let jira_id = text_of(&raw["id"])?;
    Some(IssueTypeRecord {
        name: text_of(&raw["name"])?,
        subtask: raw["subtask"].as_bool().unwrap_or(false),
        hierarchy_level: raw["hierarchyLevel"].as_i64().and_then(|level| i16::try_from(level).ok()),
        raw: shared.payload(Kind::IssueType, &jira_id, raw),
        jira_id,
    })
}

pub(super) fn unranked(raw: &Value, kind: Kind, shared: &mut Shared) -> Option<RankedRecord> {
    let jira_id = text_of(&raw["id"])?;
    Some(RankedRecord {
        name: text_of(&raw["name"])?,
        rank: None,
        raw: shared.payload(kind, &jira_id, raw),
        jira_id,
    })
}

/// In the order of the list, which is their rank; one that a list repeats has its first place.
fn ranked(list: &[Value], kind: Kind) -> Vec<RankedRecord> {
    let (mut seen, mut shared) = (HashSet::new(), Shared::default());
    let records = list
        .iter()
        .filter_map(|raw| unranked(raw, kind, &mut shared))
        .filter(|record| seen.insert(record.jira_id.clone()));
    records.zip(0_i32..).map(|(record, rank)| RankedRecord { rank: Some(rank), ..record }).collect()
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

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_a_list_repeats_has_its_first_place() {
        let entry = |id: &str| json!({ "id": id, "name": format!("P{id}") });
        let ranks: Vec<_> = ranked(&[entry("1"), entry("2"), entry("1"), entry("3")], Kind::Priority)
            .into_iter()
            .map(|record| (record.jira_id, record.rank))
            .collect();
        assert_eq!(ranks, [("1".into(), Some(0)), ("2".into(), Some(1)), ("3".into(), Some(2))]);
    }
}
