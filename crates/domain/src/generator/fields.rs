//! What `GET /rest/api/3/field` tells (jira-facts 6.3 and 8.4).

use serde_json::{Value, json};

use super::reference::{
    APPROVERS, AUDIENCE, CUSTOMER_IMPACT, FLAGGED, GO_LIVE, IMPEDIMENT, PLATFORM_OPTIONS, PLATFORMS, RANK,
    REGION, REGIONS, RELEASE_NOTE, REVIEWER, ROOT_CAUSE, RUNBOOK, SEVERITIES, SEVERITY, SPRINT, START_DATE,
    STORY_POINTS, TARGET_DATE,
};

/// (id, name, clause names, type, item type); the clause names are separated by spaces.
const SYSTEM: &[(&str, &str, &str, &str, &str)] = &[
    ("summary", "Summary", "summary", "string", ""),
    ("description", "Description", "description", "string", ""),
    ("environment", "Environment", "environment", "string", ""),
    ("status", "Status", "status", "status", ""),
    ("statusCategory", "Status Category", "statusCategory", "statusCategory", ""),
    ("statuscategorychangedate", "Status Category Changed", "statusCategoryChangedDate", "datetime", ""),
    ("issuetype", "Issue Type", "issuetype type", "issuetype", ""),
    ("project", "Project", "project", "project", ""),
    ("priority", "Priority", "priority", "priority", ""),
    ("resolution", "Resolution", "resolution", "resolution", ""),
    ("resolutiondate", "Resolved", "resolutiondate resolved", "datetime", ""),
    ("created", "Created", "created createdDate", "datetime", ""),
    ("updated", "Updated", "updated updatedDate", "datetime", ""),
    ("lastViewed", "Last Viewed", "lastViewed", "datetime", ""),
    ("duedate", "Due date", "due duedate", "date", ""),
    ("labels", "Labels", "labels", "array", "string"),
    ("assignee", "Assignee", "assignee", "user", ""),
    ("reporter", "Reporter", "reporter", "user", ""),
    ("creator", "Creator", "creator", "user", ""),
    ("parent", "Parent", "parent", "", ""),
    ("subtasks", "Sub-tasks", "subtasks", "array", "issuelinks"),
    ("issuelinks", "Linked Issues", "issueLink", "array", "issuelinks"),
    ("components", "Components", "component", "array", "component"),
    ("fixVersions", "Fix versions", "fixVersion", "array", "version"),
    ("versions", "Affects versions", "affectedVersion", "array", "version"),
    ("attachment", "Attachment", "attachments", "array", "attachment"),
    ("comment", "Comment", "comment", "comments-page", ""),
    ("worklog", "Log Work", "", "array", "worklog"),
    ("timetracking", "Time tracking", "", "timetracking", ""),
    ("timespent", "Time Spent", "timespent", "number", ""),
    ("timeestimate", "Remaining Estimate", "remainingEstimate timeestimate", "number", ""),
    ("timeoriginalestimate", "Original estimate", "originalEstimate timeoriginalestimate", "number", ""),
    ("aggregatetimespent", "Σ Time Spent", "", "number", ""),
    ("aggregatetimeestimate", "Σ Remaining Estimate", "", "number", ""),
    ("aggregatetimeoriginalestimate", "Σ Original Estimate", "", "number", ""),
    ("progress", "Progress", "progress", "progress", ""),
    ("aggregateprogress", "Σ Progress", "", "progress", ""),
    ("workratio", "Work Ratio", "workratio", "number", ""),
    ("votes", "Votes", "votes", "votes", ""),
    ("watches", "Watchers", "watchers", "watches", ""),
    ("security", "Security Level", "level", "securitylevel", ""),
];

/// (id, name, type, item type, custom type).
const CUSTOM: &[(&str, &str, &str, &str, &str)] = &[
    (START_DATE, "Start date", "date", "", "com.atlassian.jira.plugin.system.customfieldtypes:datepicker"),
    (STORY_POINTS, "Story Points", "number", "", "com.atlassian.jira.plugin.system.customfieldtypes:float"),
    (RANK, "Rank", "any", "", "com.pyxis.greenhopper.jira:gh-lexo-rank"),
    (SPRINT, "Sprint", "array", "json", "com.pyxis.greenhopper.jira:gh-sprint"),
    (
        FLAGGED,
        "Flagged",
        "array",
        "option",
        "com.atlassian.jira.plugin.system.customfieldtypes:multicheckboxes",
    ),
    (SEVERITY, "Severity", "option", "", "com.atlassian.jira.plugin.system.customfieldtypes:select"),
    (
        PLATFORMS,
        "Platforms",
        "array",
        "option",
        "com.atlassian.jira.plugin.system.customfieldtypes:multiselect",
    ),
    (ROOT_CAUSE, "Root cause", "string", "", "com.atlassian.jira.plugin.system.customfieldtypes:textfield"),
    (TARGET_DATE, "Target date", "date", "", "com.atlassian.jira.plugin.system.customfieldtypes:datepicker"),
    (REVIEWER, "Reviewer", "user", "", "com.atlassian.jira.plugin.system.customfieldtypes:userpicker"),
    (
        CUSTOMER_IMPACT,
        "Customer impact",
        "number",
        "",
        "com.atlassian.jira.plugin.system.customfieldtypes:float",
    ),
    (GO_LIVE, "Go-live", "datetime", "", "com.atlassian.jira.plugin.system.customfieldtypes:datetime"),
    (
        REGION,
        "Region",
        "option-with-child",
        "",
        "com.atlassian.jira.plugin.system.customfieldtypes:cascadingselect",
    ),
    (
        APPROVERS,
        "Approvers",
        "array",
        "user",
        "com.atlassian.jira.plugin.system.customfieldtypes:multiuserpicker",
    ),
    (RUNBOOK, "Runbook", "string", "", "com.atlassian.jira.plugin.system.customfieldtypes:url"),
    (AUDIENCE, "Audience", "array", "string", "com.atlassian.jira.plugin.system.customfieldtypes:labels"),
    (
        RELEASE_NOTE,
        "Release note",
        "string",
        "",
        "com.atlassian.jira.plugin.system.customfieldtypes:textarea",
    ),
];

/// Fields that are shown on no screen, so cannot be put into a column.
const NOT_NAVIGABLE: [&str; 4] = ["comment", "worklog", "timetracking", "attachment"];

/// All fields of the site.
pub(super) fn fields() -> Vec<Value> {
    SYSTEM.iter().map(system_field).chain(CUSTOM.iter().map(custom_field)).collect()
}

fn system_field((id, name, clauses, kind, items): &(&str, &str, &str, &str, &str)) -> Value {
    let clauses: Vec<&str> = clauses.split_whitespace().collect();
    let mut field = json!({
        "id": id,
        "key": id,
        "name": name,
        "custom": false,
        "orderable": !matches!(*id, "status" | "created" | "updated" | "resolutiondate" | "creator" | "votes" | "watches"),
        "navigable": !NOT_NAVIGABLE.contains(id),
        "searchable": !clauses.is_empty(),
        "clauseNames": clauses,
    });
    if !kind.is_empty() {
        field["schema"] = json!({"type": kind, "system": id});
        if !items.is_empty() {
            field["schema"]["items"] = Value::from(*items);
        }
    }
    field
}

/// A custom field: (id, name, type, item type, custom type).
pub(super) fn custom_field((id, name, kind, items, custom): &(&str, &str, &str, &str, &str)) -> Value {
    let number = id.trim_start_matches("customfield_");
    let mut field = json!({
        "id": id,
        "key": id,
        "name": name,
        "untranslatedName": name,
        "custom": true,
        "orderable": true,
        "navigable": true,
        "searchable": true,
        "clauseNames": [format!("cf[{number}]"), name],
        "schema": {"type": kind, "custom": custom, "customId": number.parse::<u64>().unwrap_or_default()},
    });
    if !items.is_empty() {
        field["schema"]["items"] = Value::from(*items);
    }
    field
}

/// The options of select fields: `{fieldId, options: [{id, value}]}`.
pub(super) fn field_options() -> Vec<Value> {
    let options = |field: &str, options: &[(&str, &str)]| {
        let options: Vec<Value> =
            options.iter().map(|(id, value)| json!({"id": id, "value": value})).collect();
        json!({"fieldId": field, "options": options})
    };
    vec![
        options(SEVERITY, &SEVERITIES),
        options(PLATFORMS, &PLATFORM_OPTIONS),
        options(FLAGGED, &[IMPEDIMENT]),
        json!({"fieldId": REGION, "options": regions()}),
    ]
}

/// The options of the cascading select, each with those below it.
fn regions() -> Vec<Value> {
    let option = |(id, value): (&str, &str)| json!({"id": id, "value": value});
    let with_children = REGIONS.iter().map(|(region, countries)| {
        let mut json = option(*region);
        json["cascadingOptions"] = countries.iter().map(|country| option(*country)).collect();
        json
    });
    with_children.collect()
}
