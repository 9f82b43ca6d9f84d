//! Moving issues to other projects (jira-facts 2.4): the id stays, the key is that of the other project, the old key leads to
//! the issue.

use domain::workflow::{Resolution, StatusCategory, StatusChange, WorkflowStatus, changelog_items};
use serde_json::{Value, json};

use super::{
    Draft, address,
    create::{OF_PROJECT, free_key},
    desk::{members, pick},
    edit::sides,
    fields::{Field, elements},
    next_moment, updated_event,
    writing::Writing,
};
use crate::{
    actions::Action,
    caller::Caller,
    error::{Error, Result},
    issues::IssueRow,
    reference::Roster,
    sandbox::workflow::SiteWorkflow,
    services::Services,
};

/// Where issues move to.
#[derive(Clone, Debug)]
pub struct MoveTarget {
    /// Key or id of the project.
    pub project: String,
    /// Id or name of the type they get; their own where it is left out.
    pub issue_type: Option<String>,
}

/// Moves an issue with its sub-tasks; answers the keys they have then. Within its own project it gets another type, or stays as it is.
///
/// # Errors
/// [`Error::NotFound`] without the issue; [`Error::Invalid`] for a project or a type that does not exist, and for a sub-task, which
/// moves with its parent only.
pub async fn move_issue(
    services: &Services,
    caller: &Caller,
    instance: &str,
    issue: &str,
    target: &MoveTarget,
) -> Result<Vec<String>> {
    let write = Writing::begin(services, caller, Action::MoveIssue, instance).await?;
    relocate(write, issue, target).await
}

pub(super) async fn relocate(
    mut write: Writing<'_>,
    issue: &str,
    target: &MoveTarget,
) -> Result<Vec<String>> {
    let site = write.instance.clone();
    let (project, kind) = place(&mut write, target).await?;
    let project_key = project["key"].as_str().unwrap_or_default().to_owned();
    let (row, subtasks) = lock(&mut write, issue).await?;
    if row.project_key == project_key {
        return match kind.filter(|kind| kind["id"] != row.raw["fields"]["issuetype"]["id"]) {
            Some(kind) => retype(write, &row, &kind).await,
            None => Ok(vec![row.key]),
        };
    }
    if row.raw["fields"]["issuetype"]["subtask"] == true {
        let message = "Sub-tasks move with their parent; name the parent.";
        return Err(Error::invalid("issue", message));
    }
    let place =
        json!({ "project": project, "issuetype": kind.as_ref().unwrap_or(&row.raw["fields"]["issuetype"]) });
    let workflow = SiteWorkflow::load(write.tx.as_mut(), &site, &place).await?;
    let rows: Vec<&IssueRow> = std::iter::once(&row).chain(&subtasks).collect();
    let first = write.ids(rows.len()).await?;
    let keys = keys(&mut write, &project_key, rows.len()).await?;
    let mut drafts = Vec::new();
    let mut events = Vec::new();
    let mut all_items = Vec::new();
    for ((history, row), key) in (first..).zip(rows).zip(&keys) {
        let now = next_moment(write.services, [row]);
        let mut draft = Draft::of(row, &now);
        let kind = kind.as_ref().filter(|_| drafts.is_empty());
        let mut items = moved(&mut draft, row, &project, kind, key);
        items.extend(in_workflow(&mut draft, row, &workflow, &now));
        draft.record(history, &now, &items);
        if let Some(parent) = draft.fields().get_mut("parent").filter(|_| !drafts.is_empty()) {
            parent["key"] = json!(keys[0]);
        }
        let list = elements(&draft.fields()["subtasks"]).to_vec();
        let list = list.into_iter().map(|child| with_key(child, &subtasks, &keys)).collect();
        draft.fields()["subtasks"] = Value::Array(list);
        for (field, list) in [("votes", "votes"), ("watches", "watchers")] {
            if draft.fields()[field].is_object() {
                draft.fields()[field]["self"] =
                    json!(address(&site, row.dialect, &format!("issue/{key}/{list}")));
            }
        }
        events.push(updated_event(&site, &draft, "issue_moved", history, &items));
        drafts.push(draft);
        all_items.extend(items);
    }
    write.store(drafts).await?;
    for event in events {
        write.announce("jira:issue_updated", event).await?;
    }
    let (before, after) = sides(&all_items);
    write.finish(&row.key, before, after).await?;
    Ok(keys)
}

/// Gives an issue another type within its project; answers its key, which stays.
async fn retype(mut write: Writing<'_>, row: &IssueRow, kind: &Value) -> Result<Vec<String>> {
    if row.raw["fields"]["issuetype"]["subtask"] == true {
        let message =
            "A sub-task becomes an issue of its own by a conversion, which Jira's REST does not have.";
        return Err(Error::invalid("issue", message));
    }
    let site = write.instance.clone();
    let place = json!({ "project": row.raw["fields"]["project"], "issuetype": kind });
    let workflow = SiteWorkflow::load(write.tx.as_mut(), &site, &place).await?;
    let now = next_moment(write.services, [row]);
    let mut draft = Draft::of(row, &now);
    let mut items = typed(&mut draft, kind);
    items.extend(in_workflow(&mut draft, row, &workflow, &now));
    let history = write.ids(1).await?;
    draft.record(history, &now, &items);
    let event = updated_event(&site, &draft, "issue_moved", history, &items);
    write.store(vec![draft]).await?;
    write.announce("jira:issue_updated", event).await?;
    let (before, after) = sides(&items);
    let key = row.key.clone();
    write.finish(&key, before, after).await?;
    Ok(vec![key])
}

/// Writes the type into the issue; answers what its history tells.
fn typed(draft: &mut Draft, kind: &Value) -> Vec<Value> {
    let fields = draft.fields();
    let Some(field) = Field::find("issuetype", &[]) else { return Vec::new() };
    let items = field.items(&fields["issuetype"], kind);
    fields["issuetype"] = kind.clone();
    items
}

/// Refuses a place to which nothing can be moved, before anything is.
///
/// # Errors
/// As [`move_issue`], but for what is wrong with an issue.
pub async fn check_move_target(
    services: &Services,
    caller: &Caller,
    instance: &str,
    target: &MoveTarget,
) -> Result<()> {
    let mut write = Writing::begin(services, caller, Action::MoveIssue, instance).await?;
    place(&mut write, target).await.map(drop)
}

/// The project, and the type if one is named.
async fn place(write: &mut Writing<'_>, target: &MoveTarget) -> Result<(Value, Option<Value>)> {
    let refused = || Error::invalid("project", "valid project is required");
    let site = write.instance.id;
    let project = write.tx.project(site, &target.project).await?.ok_or_else(refused)?;
    if !write.reaches(project["key"].as_str().unwrap_or_default()) {
        return Err(refused());
    }
    Ok((project, wanted_type(write, target).await?))
}

async fn wanted_type(write: &mut Writing<'_>, target: &MoveTarget) -> Result<Option<Value>> {
    let Some(wanted) = &target.issue_type else { return Ok(None) };
    let types = write.tx.roster(write.instance.id, Roster::IssueTypes).await?;
    let found = pick(types.iter(), &json!({ "id": wanted }))
        .or_else(|| pick(types.iter(), &json!({ "name": wanted })));
    let refused = || Error::invalid("issuetype", "Specify a valid issue type");
    found.filter(|kind| kind["subtask"] != true).cloned().map(Some).ok_or_else(refused)
}

/// The issue and its sub-tasks, locked.
async fn lock(write: &mut Writing<'_>, issue: &str) -> Result<(IssueRow, Vec<IssueRow>)> {
    let seen = write.seen(issue).await?;
    let below = write.search(&format!("parent = {}", seen.key)).await?;
    let is_subtask = |row: &IssueRow| row.raw["fields"]["issuetype"]["subtask"] == true;
    let mut ids: Vec<String> =
        below.iter().filter(|row| is_subtask(row)).map(|row| row.jira_id.clone()).collect();
    ids.push(seen.jira_id.clone());
    let (mut found, subtasks): (Vec<_>, Vec<_>) =
        write.issues(&ids).await?.into_iter().partition(|row| row.jira_id == seen.jira_id);
    let row = found.pop().ok_or_else(|| Error::not_found("issue", issue))?;
    Ok((row, subtasks))
}

async fn keys(write: &mut Writing<'_>, project_key: &str, count: usize) -> Result<Vec<String>> {
    let first = free_key(write, project_key).await?;
    let number: i64 = first.rsplit('-').next().and_then(|number| number.parse().ok()).unwrap_or(1);
    Ok((number..).take(count).map(|number| format!("{project_key}-{number}")).collect())
}

/// Writes the move into the issue; answers what its history tells. Components and versions are those of a project, so they stay
/// behind.
fn moved(draft: &mut Draft, row: &IssueRow, project: &Value, kind: Option<&Value>, key: &str) -> Vec<Value> {
    draft.raw["key"] = json!(key);
    let fields = draft.fields();
    let before = fields["project"].clone();
    fields["project"] = as_shown(&before, project);
    let mut items = vec![
        json!({ "field": "project", "fieldtype": "jira", "fieldId": "project", "from": before["id"],
                "fromString": before["name"], "to": project["id"], "toString": project["name"] }),
        json!({ "field": "Key", "fieldtype": "jira", "from": null, "fromString": row.key, "to": null,
                "toString": key }),
    ];
    if let Some(kind) = kind.filter(|kind| kind["id"] != fields["issuetype"]["id"]) {
        items.extend(typed(draft, kind));
    }
    let fields = draft.fields();
    for id in ["components", "fixVersions", "versions"] {
        if let Some(field) = Field::find(id, &[]).filter(|_| !elements(&fields[id]).is_empty()) {
            items.extend(field.items(&fields[id], &json!([])));
            fields[id] = json!([]);
        }
    }
    items
}

/// Where the project's workflow does not know the issue's status, the issue begins there anew; answers what its history tells.
fn in_workflow(draft: &mut Draft, row: &IssueRow, workflow: &SiteWorkflow, now: &str) -> Vec<Value> {
    let engine = &workflow.workflow;
    let (None, Some(to)) = (engine.status(&row.status_id), engine.status(engine.initial())) else {
        return Vec::new();
    };
    let category = row.status_category.parse().unwrap_or(StatusCategory::Undefined);
    let from = WorkflowStatus { id: row.status_id.clone(), name: row.status.clone(), category };
    let change = StatusChange::between(from, to.clone());
    let shown = &row.raw["fields"]["resolution"];
    let before = shown["id"].as_str().zip(shown["name"].as_str());
    let before = before.map(|(id, name)| Resolution { id: id.to_owned(), name: name.to_owned() });
    let after = change.resolution_after(before.clone(), None);
    let items = changelog_items(&change, before.as_ref(), after.as_ref());
    let fields = draft.fields();
    fields["status"] = workflow.status(&to.id);
    if fields["statusCategory"].is_object() {
        fields["statusCategory"] = fields["status"]["statusCategory"].clone();
        fields["statuscategorychangedate"] = json!(now);
    }
    if after.is_none() {
        fields["resolution"] = Value::Null;
        fields["resolutiondate"] = Value::Null;
    }
    items
}

/// A sub-task in its parent's list, with the key that it has now.
fn with_key(mut child: Value, subtasks: &[IssueRow], keys: &[String]) -> Value {
    let at = subtasks.iter().position(|row| child["id"] == row.jira_id.as_str());
    if let Some(key) = at.and_then(|at| keys.get(at + 1)) {
        child["key"] = json!(key);
    }
    child
}

/// An issue shows less of its project than the roster does: the members it showed before.
fn as_shown(before: &Value, project: &Value) -> Value {
    let known: Vec<&str> =
        before.as_object().into_iter().flat_map(|members| members.keys()).map(String::as_str).collect();
    members(project, if known.is_empty() { &OF_PROJECT } else { &known })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_issue_shows_of_its_new_project_what_it_showed_of_the_old_one() {
        let before = json!({ "id": "1", "key": "A", "name": "Alpha" });
        let project = json!({ "id": "2", "key": "B", "name": "Beta", "lead": {}, "style": "classic" });
        assert_eq!(as_shown(&before, &project), json!({ "id": "2", "key": "B", "name": "Beta" }));
        assert_eq!(as_shown(&Value::Null, &project), json!({ "id": "2", "key": "B", "name": "Beta" }));
    }
}
