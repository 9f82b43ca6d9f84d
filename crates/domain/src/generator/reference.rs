//! What every issue refers to, as JSON: people, statuses, types, priorities and so on. Built once per site; issues
//! hold copies, as Jira's answers do.

use serde_json::{Map, Value, json};

use super::calendar::{agile_timestamp, date};
use super::roster::{Model, Project, Sprint};
use super::vocabulary::Domain;

/// (id, name, description, category) in the order of `outline::Status`.
pub(super) const STATUSES: [(&str, &str, &str, Category); 4] = [
    ("10000", "To Do", "Work that has not been started.", Category::New),
    ("10001", "In Progress", "Somebody is actively working on it.", Category::Indeterminate),
    ("10002", "In Review", "The work is done and waits for a second pair of eyes.", Category::Indeterminate),
    ("10003", "Done", "The work is finished and accepted.", Category::Done),
];

/// Status categories (jira-facts 6.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Category {
    New,
    Indeterminate,
    Done,
}

/// (id, name, description, hierarchy level, avatar id) in the order of `layout::Kind`.
const ISSUE_TYPES: [(&str, &str, &str, i64, u64); 5] = [
    ("10000", "Epic", "A collection of related bugs, stories and tasks.", 1, 10_307),
    ("10001", "Story", "Functionality expressed as a user goal.", 0, 10_315),
    ("10002", "Task", "A small, distinct piece of work.", 0, 10_318),
    ("10003", "Sub-task", "A part of a larger piece of work.", -1, 10_316),
    ("10004", "Bug", "A problem or error.", 0, 10_303),
];

/// (id, name, description, colour), highest first.
pub(super) const PRIORITIES: [(&str, &str, &str, &str); 5] = [
    ("1", "Highest", "This problem will block progress.", "#d04437"),
    ("2", "High", "Serious problem that could block progress.", "#f15c75"),
    ("3", "Medium", "Has the potential to affect progress.", "#f79232"),
    ("4", "Low", "Minor problem or easily worked around.", "#707070"),
    ("5", "Lowest", "Trivial problem with little or no impact on progress.", "#999999"),
];

/// (id, name, description) in the order of `outline::Resolution`.
pub(super) const RESOLUTIONS: [(&str, &str, &str); 4] = [
    ("10000", "Done", "Work has been completed on this issue."),
    ("10001", "Won't Do", "This issue won't be actioned."),
    ("10002", "Duplicate", "The problem is a duplicate of an existing issue."),
    ("10003", "Cannot Reproduce", "All attempts at reproducing this issue failed."),
];

/// (id, name, inward, outward) in the order of `layout::LinkKind`.
pub(super) const LINK_TYPES: [(&str, &str, &str, &str); 5] = [
    ("10000", "Blocks", "is blocked by", "blocks"),
    ("10003", "Relates", "relates to", "relates to"),
    ("10002", "Duplicate", "is duplicated by", "duplicates"),
    ("10001", "Cloners", "is cloned by", "clones"),
    ("10004", "Problem/Incident", "is caused by", "causes"),
];

/// Options of the field Severity: (id, value).
pub(super) const SEVERITIES: [(&str, &str); 4] =
    [("10101", "Critical"), ("10102", "Major"), ("10103", "Minor"), ("10104", "Cosmetic")];

/// Options of the field Platforms: (id, value).
pub(super) const PLATFORM_OPTIONS: [(&str, &str); 6] = [
    ("10111", "Web"),
    ("10112", "iOS"),
    ("10113", "Android"),
    ("10114", "API"),
    ("10115", "Back office"),
    ("10116", "Warehouse scanner"),
];

/// One option: (id, value).
pub(super) type FieldOption = (&'static str, &'static str);

/// Options of the field Region, a cascading select: an option and those below it.
pub(super) const REGIONS: [(FieldOption, [FieldOption; 3]); 3] = [
    (("10121", "Europe"), [("10131", "Germany"), ("10132", "Poland"), ("10133", "Portugal")]),
    (("10122", "Americas"), [("10134", "United States"), ("10135", "Canada"), ("10136", "Brazil")]),
    (("10123", "Asia"), [("10137", "India"), ("10138", "Japan"), ("10139", "Singapore")]),
];

/// The only option of the field Flagged.
pub(super) const IMPEDIMENT: (&str, &str) = ("10019", "Impediment");

pub(super) const START_DATE: &str = "customfield_10015";
pub(super) const STORY_POINTS: &str = "customfield_10016";
pub(super) const RANK: &str = "customfield_10019";
pub(super) const SPRINT: &str = "customfield_10020";
pub(super) const FLAGGED: &str = "customfield_10021";
pub(super) const SEVERITY: &str = "customfield_10031";
pub(super) const PLATFORMS: &str = "customfield_10032";
pub(super) const ROOT_CAUSE: &str = "customfield_10033";
pub(super) const TARGET_DATE: &str = "customfield_10034";
pub(super) const REVIEWER: &str = "customfield_10035";
pub(super) const CUSTOMER_IMPACT: &str = "customfield_10036";
pub(super) const GO_LIVE: &str = "customfield_10037";
pub(super) const REGION: &str = "customfield_10038";
pub(super) const APPROVERS: &str = "customfield_10039";
pub(super) const RUNBOOK: &str = "customfield_10040";
pub(super) const AUDIENCE: &str = "customfield_10041";
pub(super) const RELEASE_NOTE: &str = "customfield_10042";

/// An object of the given members.
pub(super) fn object<const N: usize>(members: [(&str, Value); N]) -> Value {
    Value::Object(members.into_iter().map(|(name, value)| (name.to_owned(), value)).collect())
}

/// A map of the given members, for callers that add some later.
pub(super) fn members<const N: usize>(members: [(&str, Value); N]) -> Map<String, Value> {
    members.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()
}

/// The JSON that issues copy.
#[derive(Debug)]
pub(super) struct Reference {
    pub(super) users: Vec<Value>,
    pub(super) statuses: Vec<Value>,
    pub(super) categories: Vec<Value>,
    pub(super) issue_types: Vec<Value>,
    pub(super) priorities: Vec<Value>,
    pub(super) resolutions: Vec<Value>,
    pub(super) link_types: Vec<Value>,
    pub(super) projects: Vec<Value>,
    /// Per project.
    pub(super) components: Vec<Vec<Value>>,
    /// Per project.
    pub(super) versions: Vec<Vec<Value>>,
    /// Per project, in the form of the Sprint field.
    pub(super) sprints: Vec<Vec<Value>>,
    pub(super) severities: Vec<Value>,
    pub(super) platforms: Vec<Value>,
    /// Every region alone and with each of its children.
    pub(super) regions: Vec<Value>,
    pub(super) impediment: Value,
}

impl Reference {
    pub(super) fn new(model: &Model) -> Self {
        let api = format!("{}/rest/api/3", model.base_url);
        let option = |(id, value): (&str, &str)| json!({"self": format!("{api}/customFieldOption/{id}"), "id": id, "value": value});
        Self {
            users: (0..model.users.len()).map(|user| user_json(model, &api, user)).collect(),
            statuses: STATUSES.iter().map(|status| status_json(model, &api, *status)).collect(),
            categories: STATUSES.iter().map(|status| category_json(&api, status.3)).collect(),
            issue_types: issue_types(model, &api),
            priorities: PRIORITIES
                .iter()
                .map(|(id, name, ..)| {
                    json!({
                        "self": format!("{api}/priority/{id}"),
                        "iconUrl": format!("{}/images/icons/priorities/{}.svg", model.base_url, name.to_lowercase()),
                        "name": name,
                        "id": id,
                    })
                })
                .collect(),
            resolutions: RESOLUTIONS
                .iter()
                .map(|(id, name, description)| {
                    json!({"self": format!("{api}/resolution/{id}"), "id": id, "name": name, "description": description})
                })
                .collect(),
            link_types: LINK_TYPES
                .iter()
                .map(|(id, name, inward, outward)| {
                    json!({
                        "self": format!("{api}/issueLinkType/{id}"),
                        "id": id, "name": name, "inward": inward, "outward": outward,
                    })
                })
                .collect(),
            projects: model.projects.iter().map(|project| project_json(model, &api, project)).collect(),
            components: model.projects.iter().map(|project| components(&api, project, project.domain)).collect(),
            versions: model.projects.iter().map(|project| versions(model, &api, project)).collect(),
            sprints: (0..model.projects.len()).map(|project| sprints(model, project)).collect(),
            severities: SEVERITIES.map(option).to_vec(),
            platforms: PLATFORM_OPTIONS.map(option).to_vec(),
            regions: regions(&option),
            impediment: option(IMPEDIMENT),
        }
    }
}

/// What a cascading select can hold: a parent alone, or with one child.
fn regions(option: &impl Fn(FieldOption) -> Value) -> Vec<Value> {
    let mut regions = Vec::new();
    for (region, countries) in REGIONS {
        regions.push(option(region));
        for country in countries {
            let mut both = option(region);
            both["child"] = option(country);
            regions.push(both);
        }
    }
    regions
}

fn avatars(model: &Model, kind: &str, id: u64) -> Value {
    let url = |size: &str| {
        Value::from(format!(
            "{}/rest/api/3/universal_avatar/view/type/{kind}/avatar/{id}?size={size}",
            model.base_url
        ))
    };
    object([
        ("48x48", url("large")),
        ("24x24", url("small")),
        ("16x16", url("xsmall")),
        ("32x32", url("medium")),
    ])
}

fn user_json(model: &Model, api: &str, index: usize) -> Value {
    let user = &model.users[index];
    json!({
        "self": format!("{api}/user?accountId={}", user.account_id),
        "accountId": user.account_id,
        "accountType": if user.app { "app" } else { "atlassian" },
        "displayName": user.name,
        "active": user.left.is_none(),
        "timeZone": model.zone_name(index),
        "avatarUrls": avatars(model, "user", 10_330 + index as u64 % 24),
    })
}

fn category_json(api: &str, category: Category) -> Value {
    let (id, key, colour, name) = match category {
        Category::New => (2, "new", "blue-gray", "To Do"),
        Category::Indeterminate => (4, "indeterminate", "yellow", "In Progress"),
        Category::Done => (3, "done", "green", "Done"),
    };
    json!({
        "self": format!("{api}/statuscategory/{id}"),
        "id": id, "key": key, "colorName": colour, "name": name,
    })
}

/// A status: (id, name, description, category).
pub(super) fn status_json(
    model: &Model,
    api: &str,
    (id, name, description, category): (&str, &str, &str, Category),
) -> Value {
    json!({
        "self": format!("{api}/status/{id}"),
        "id": id,
        "name": name,
        "description": description,
        "iconUrl": format!("{}/images/icons/statuses/generic.png", model.base_url),
        "statusCategory": category_json(api, category),
    })
}

fn issue_types(model: &Model, api: &str) -> Vec<Value> {
    ISSUE_TYPES
        .iter()
        .map(|(id, name, description, level, avatar)| {
            json!({
                "self": format!("{api}/issuetype/{id}"),
                "id": id,
                "name": name,
                "description": description,
                "iconUrl": format!(
                    "{}/rest/api/3/universal_avatar/view/type/issuetype/avatar/{avatar}?size=medium",
                    model.base_url
                ),
                "subtask": *level == -1,
                "avatarId": avatar,
                "hierarchyLevel": level,
            })
        })
        .collect()
}

fn project_json(model: &Model, api: &str, project: &Project) -> Value {
    json!({
        "self": format!("{api}/project/{}", project.id),
        "id": project.id.to_string(),
        "key": project.key,
        "name": project.name,
        "projectTypeKey": "software",
        "simplified": false,
        "avatarUrls": avatars(model, "project", 10_400 + project.id % 20),
    })
}

fn components(api: &str, project: &Project, domain: &Domain) -> Vec<Value> {
    (0..domain.components.len())
        .map(|component| {
            let id = project.component_id(component);
            json!({
                "self": format!("{api}/component/{id}"),
                "id": id.to_string(),
                "name": domain.components[component],
                "description": format!("Everything about {}", domain.components[component].to_lowercase()),
            })
        })
        .collect()
}

fn versions(model: &Model, api: &str, project: &Project) -> Vec<Value> {
    project
        .versions
        .iter()
        .enumerate()
        .map(|(ordinal, version)| {
            json!({
                "self": format!("{api}/version/{}", version.id),
                "id": version.id.to_string(),
                "name": version.name,
                "description": format!("Release {} of {}", version.name, project.name),
                "archived": ordinal < 3 && version.release <= model.now,
                "released": version.release <= model.now,
                "releaseDate": date(version.release),
            })
        })
        .collect()
}

fn sprints(model: &Model, project: usize) -> Vec<Value> {
    let board = project as u64 + 1;
    model.projects[project]
        .sprints
        .iter()
        .map(|sprint| sprint_json(model, sprint, "boardId", board))
        .collect()
}

/// A sprint as the Sprint field (`boardId`) or the Agile API (`originBoardId`) has it.
pub(super) fn sprint_json(model: &Model, sprint: &Sprint, board_member: &str, board: u64) -> Value {
    let mut json = members([
        ("id", Value::from(sprint.id)),
        ("name", Value::from(sprint.name.as_str())),
        ("state", Value::from(sprint.state(model.now))),
        (board_member, Value::from(board)),
        ("goal", Value::from(sprint.goal.as_str())),
    ]);
    json.extend(sprint.dates().map(|(name, date)| (name.to_owned(), Value::from(date))));
    if sprint.state(model.now) == "closed" {
        json.insert("completeDate".to_owned(), Value::from(agile_timestamp(sprint.complete)));
    }
    Value::Object(json)
}
