//! Editing issues and assigning them.

use serde_json::{Map, Value, json};

use super::{
    Draft,
    beside::Beside,
    desk::{Desk, FieldChanges},
    next_moment, updated_event,
    writing::Writing,
};
use crate::{
    actions::Action,
    caller::Caller,
    error::{Error, Result},
    ingest::text_of,
    issues::IssueRow,
    services::Services,
};

/// Changes fields of an issue. What is changed to what it is already leaves no trace.
///
/// # Errors
/// [`Error::NotFound`] without the issue; [`Error::Invalid`] with every field that cannot be changed so, in Jira's words.
pub async fn edit_issue(
    services: &Services,
    caller: &Caller,
    instance: &str,
    issue: &str,
    changes: FieldChanges,
) -> Result<()> {
    edit_issue_with(services, caller, instance, issue, changes, &Beside::default()).await
}

/// Changes fields of an issue, and does what is sent along; all of it or nothing.
///
/// # Errors
/// As [`edit_issue`], and those of the steps.
pub async fn edit_issue_with(
    services: &Services,
    caller: &Caller,
    instance: &str,
    issue: &str,
    changes: FieldChanges,
    beside: &Beside,
) -> Result<()> {
    beside.permit(caller)?;
    let mut write = Writing::begin(services, caller, Action::EditIssue, instance).await?;
    let (row, items) = change(&mut write, issue, changes).await?;
    let done = beside.apply(&mut write, &row.jira_id).await?;
    finish(write, &row, &items, done).await
}

/// Assigns an issue to the user that `user` names, as Jira's `PUT issue/{id}/assignee` has it; to nobody with nulls.
///
/// # Errors
/// As [`edit_issue`].
pub async fn assign_issue(
    services: &Services,
    caller: &Caller,
    instance: &str,
    issue: &str,
    user: Value,
) -> Result<()> {
    let mut write = Writing::begin(services, caller, Action::AssignIssue, instance).await?;
    let fields = Map::from_iter([("assignee".to_owned(), user)]);
    let dialect = write.instance.dialect;
    let changes = FieldChanges { dialect, fields, update: Map::new() };
    let (row, items) = change(&mut write, issue, changes).await?;
    finish(write, &row, &items, Vec::new()).await
}

/// Audits what was changed and makes it last; nothing where nothing was.
async fn finish(write: Writing<'_>, row: &IssueRow, items: &[Value], done: Vec<Value>) -> Result<()> {
    if items.is_empty() && done.is_empty() {
        return Ok(());
    }
    let (before, mut after) = sides(items);
    if let Some(list) = after.as_array_mut() {
        list.extend(done);
    }
    write.finish(&row.key, before, after).await
}

/// Changes fields as part of a write; answers the issue as it was, and the items of its history.
async fn change(
    write: &mut Writing<'_>,
    issue: &str,
    mut changes: FieldChanges,
) -> Result<(IssueRow, Vec<Value>)> {
    let row = lock(write, issue, &changes).await?;
    // Clients send back what they read; a field that stays is no change (and another project would be a move).
    if same_project(&row, &changes.fields) {
        changes.take("project");
    }
    let now = next_moment(write.services, [&row]);
    let mut draft = Draft::of(&row, &now);
    let site = write.instance.clone();
    let mut desk = Desk::new(write, &site, changes.dialect, row.dialect);
    let items = desk.apply(draft.fields(), &changes).await?;
    if items.is_empty() {
        return Ok((row, items));
    }
    refuse_other_level(&row.raw["fields"], draft.fields())?;
    let moved = moved_subtask(write, &row, draft.fields()).await?;
    let history = write.ids(1).await?;
    draft.record(history, &now, &items);
    let is_assignment = items.iter().all(|item| item["field"] == "assignee");
    let kind = if is_assignment { "issue_assigned" } else { "issue_updated" };
    let event = updated_event(&site, &draft, kind, history, &items);
    let mut drafts = vec![draft];
    drafts.extend(moved);
    write.store(drafts).await?;
    write.announce("jira:issue_updated", event).await?;
    Ok((row, items))
}

/// The issue, locked; a sub-task that gets another parent together with both parents, in the order that all writes keep.
async fn lock(write: &mut Writing<'_>, issue: &str, changes: &FieldChanges) -> Result<IssueRow> {
    let seen = write.seen(issue).await?;
    let fields = &seen.raw["fields"];
    if fields["issuetype"]["subtask"] != true || !changes.names("parent") {
        return write.issue(&seen.jira_id).await;
    }
    let wanted = changes.fields.get("parent").or_else(|| changes.update.get("parent")?.get(0)?.get("set"));
    let wanted = wanted.and_then(|parent| text_of(&parent["id"]).or_else(|| text_of(&parent["key"])));
    let mut ids = vec![seen.jira_id.clone()];
    ids.extend(text_of(&fields["parent"]["id"]));
    if let Some(wanted) = wanted {
        ids.extend(write.seen(&wanted).await.ok().map(|parent| parent.jira_id));
    }
    let locked = write.issues(&ids).await?;
    let row = locked.into_iter().find(|row| row.jira_id == seen.jira_id);
    row.ok_or_else(|| Error::not_found("issue", issue))
}

fn same_project(row: &IssueRow, fields: &Map<String, Value>) -> bool {
    let own = &row.raw["fields"]["project"];
    fields.get("project").is_some_and(|wanted| {
        let is_own = |member: &str| text_of(&wanted[member]).is_some_and(|text| own[member] == text.as_str());
        ["id", "key"].into_iter().any(is_own)
    })
}

/// Sub-tasks become other issues, and the other way round, by a conversion of their own, which Jira's REST does not have.
fn refuse_other_level(before: &Value, after: &Value) -> Result<()> {
    if before["issuetype"]["subtask"] == after["issuetype"]["subtask"] {
        return Ok(());
    }
    Err(Error::invalid("issuetype", "The issue type selected is invalid."))
}

/// The former and the new parent of a sub-task whose parent changed, with their lists.
async fn moved_subtask(write: &mut Writing<'_>, row: &IssueRow, fields: &Value) -> Result<Vec<Draft>> {
    let (from, to) = (&row.raw["fields"]["parent"]["id"], &fields["parent"]["id"]);
    if fields["issuetype"]["subtask"] != true || from == to {
        return Ok(Vec::new());
    }
    if to.is_null() {
        let message = "Issue type is a sub-task but parent issue key or id not specified.";
        return Err(Error::invalid("parent", message));
    }
    let ids: Vec<String> = [from, to].into_iter().filter_map(text_of).collect();
    let parents = write.issues(&ids).await?;
    let own = super::brief(&write.instance, row);
    let services = write.services;
    Ok(parents
        .iter()
        .map(|parent| {
            let mut draft = Draft::of(parent, &next_moment(services, [parent]));
            let mut list = super::fields::elements(&draft.fields()["subtasks"]).to_vec();
            list.retain(|child| child["id"] != row.jira_id.as_str());
            if *to == parent.jira_id.as_str() {
                list.push(own.clone());
            }
            draft.fields()["subtasks"] = Value::Array(list);
            draft
        })
        .collect())
}

/// What the audit log keeps: the changed fields before and after.
pub(super) fn sides(items: &[Value]) -> (Value, Value) {
    let side = |id: &str, text: &str| -> Value {
        let of = |item: &Value| json!({ "field": item["field"], "id": item[id], "text": item[text] });
        Value::Array(items.iter().map(of).collect())
    };
    (side("from", "fromString"), side("to", "toString"))
}
