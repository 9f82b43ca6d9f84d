//! Deleting issues.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};

use super::{Draft, fields::elements, hint, links, next_moment, writing::Writing};
use crate::{
    actions::Action,
    caller::Caller,
    error::{Error, Result},
    ingest::text_of,
    issues::{IssueRow, Presence},
    sandbox::account,
    services::Services,
};

/// Deletes an issue, and its sub-tasks if asked to. Its links go with it, and issues below an epic stand alone. Storing all that
/// takes a constant number of statements; each issue and each link that is gone is announced by itself.
///
/// # Errors
/// [`Error::NotFound`] without the issue; [`Error::Invalid`] for an issue with sub-tasks that are not to be deleted.
pub async fn delete_issue(
    services: &Services,
    caller: &Caller,
    instance: &str,
    issue: &str,
    delete_subtasks: bool,
) -> Result<()> {
    let mut write = Writing::begin(services, caller, Action::DeleteIssue, instance).await?;
    let concerned = Concerned::lock(&mut write, issue).await?;
    let Concerned { row, subtasks, neighbours } = &concerned;
    if !subtasks.is_empty() && !delete_subtasks {
        let message = format!(
            "The issue '{}' has subtasks.  You must specify the 'deleteSubtasks' parameter to delete this issue and all its subtasks.",
            row.key
        );
        return Err(Error::invalid("issue", message));
    }
    let gone: Vec<&IssueRow> = subtasks.iter().chain([row]).collect();
    let ids: Vec<String> = gone.iter().map(|row| row.jira_id.clone()).collect();
    let site = write.instance.clone();
    let first = write.ids(neighbours.len().max(1)).await?;
    let mut drafts = Vec::new();
    let mut events = Vec::new();
    for (history, neighbour) in (first..).zip(neighbours) {
        let now = next_moment(services, [neighbour]);
        let mut draft = Draft::of(neighbour, &now);
        let items = left_behind(&mut draft, &ids);
        if !items.is_empty() {
            draft.record(history, &now, &items);
        }
        drafts.push(draft);
    }
    for row in &gone {
        let own = elements(&row.raw["fields"]["issuelinks"]);
        events.extend(own.iter().map(|link| ("issuelink_deleted", links::event_of(row, link))));
    }
    for row in &gone {
        let event = json!({
            "issue_event_type_name": "issue_deleted", "user": account(row.dialect), "issue": hint(&site, &row.raw),
        });
        events.push(("jira:issue_deleted", event));
    }
    if !drafts.is_empty() {
        write.store(drafts).await?;
    }
    // Told while the issues are still there, so that webhooks can ask whether they met their filters. A link between two of them is told once.
    let mut told = BTreeSet::new();
    for (event, body) in events {
        let link = text_of(&body["issueLink"]["id"]);
        if link.is_none_or(|link| told.insert(link)) {
            write.announce(event, body).await?;
        }
    }
    write.tx.set_presence(site.id, &ids, Presence::Deleted).await?;
    let before = json!({ "id": row.jira_id, "key": row.key, "summary": row.summary });
    let with: Vec<&str> = subtasks.iter().map(|row| row.key.as_str()).collect();
    write.finish(&row.key, before, json!({ "deleted": true, "subtasks": with })).await
}

/// An issue to be deleted with all that its deletion changes, locked.
struct Concerned {
    row: IssueRow,
    subtasks: Vec<IssueRow>,
    /// What shows one of them: its parent, what it is linked with, what stands below it.
    neighbours: Vec<IssueRow>,
}

impl Concerned {
    async fn lock(write: &mut Writing<'_>, issue: &str) -> Result<Self> {
        let seen = write.seen(issue).await?;
        let below = write.search(&format!("parent = {}", seen.key)).await?;
        let mut ids: BTreeSet<String> = around(&seen).into_iter().collect();
        for child in &below {
            ids.insert(child.jira_id.clone());
            if is_subtask(child) {
                ids.extend(around(child));
            }
        }
        ids.insert(seen.jira_id.clone());
        let ids: Vec<String> = ids.into_iter().collect();
        let rows = write.issues(&ids).await?;
        let mut rows: BTreeMap<String, IssueRow> =
            rows.into_iter().map(|row| (row.jira_id.clone(), row)).collect();
        let row = rows.remove(&seen.jira_id).ok_or_else(|| Error::not_found("issue", issue))?;
        let (subtasks, neighbours): (Vec<_>, Vec<_>) = rows.into_values().partition(|other| {
            is_subtask(other) && other.raw["fields"]["parent"]["id"] == row.jira_id.as_str()
        });
        Ok(Self { row, subtasks, neighbours })
    }
}

fn is_subtask(row: &IssueRow) -> bool {
    row.raw["fields"]["issuetype"]["subtask"] == true
}

/// The issues that show this one.
fn around(row: &IssueRow) -> Vec<String> {
    let fields = &row.raw["fields"];
    let linked =
        elements(&fields["issuelinks"]).iter().flat_map(|link| [&link["inwardIssue"], &link["outwardIssue"]]);
    linked.chain([&fields["parent"]]).filter_map(|issue| text_of(&issue["id"])).collect()
}

/// Takes deleted issues out of what an issue shows; answers what its history tells of it.
fn left_behind(draft: &mut Draft, gone: &[String]) -> Vec<Value> {
    let is_gone = |issue: &Value| text_of(&issue["id"]).is_some_and(|id| gone.contains(&id));
    let fields = draft.fields();
    let mut items = Vec::new();
    let (lost, kept): (Vec<Value>, Vec<Value>) = elements(&fields["issuelinks"])
        .iter()
        .cloned()
        .partition(|link| is_gone(&link["inwardIssue"]) || is_gone(&link["outwardIssue"]));
    items.extend(lost.iter().map(|link| links::item(link, false)));
    if !lost.is_empty() {
        fields["issuelinks"] = Value::Array(kept);
    }
    if let Some(subtasks) = fields["subtasks"].as_array_mut() {
        subtasks.retain(|child| !is_gone(child));
    }
    if is_gone(&fields["parent"]) {
        let parent = fields["parent"].clone();
        items.push(json!({
            "field": "IssueParentAssociation", "fieldtype": "jira",
            "from": parent["id"], "fromString": parent["key"], "to": null, "toString": null,
        }));
        if let Some(members) = fields.as_object_mut() {
            members.remove("parent");
        }
    }
    items
}
