//! Changes to many issues at once, as Cloud takes them: edit, transition, watch, delete. Jira works them off in the background, each
//! issue by itself; here that has happened when the task's id is answered, and asking for its progress tells what came of each.

use std::collections::BTreeMap;

use application::{
    Action, Caller, Error, Scope,
    instances::{Instance, InstanceKind},
    issues::{list_transitions, transition_issue},
    sandbox::{self, BulkTask, FieldChanges},
};
use axum::{http::StatusCode, response::Response};
use chrono::SecondsFormat;
use serde_json::{Map, Value, json};

use super::{answer, body::Body, forms, params::Params, refusal::Refusal, server, site::Site};

/// Issues in one change, as at Jira.
const MOST_ISSUES: usize = 1_000;

/// What comes of a change, issue by issue.
pub(super) struct Work<'s> {
    site: &'s Site,
    /// Whoever asks, in bulk.
    pub(super) caller: Caller,
    instance: std::sync::Arc<Instance>,
    task: BulkTask,
}

impl<'s> Work<'s> {
    async fn begin(site: &'s Site) -> Result<Self, Refusal> {
        let instance = site.instance(Scope::Write).await?;
        let task = BulkTask {
            id: uuid::Uuid::now_v7(),
            created: site.state.services.clock.now(),
            processed: Vec::new(),
            failed: BTreeMap::new(),
            missing: 0,
        };
        let caller = Caller { in_bulk: true, ..site.caller.clone() };
        Ok(Self { site, caller, instance, task })
    }

    /// The same, where only sandboxes do it.
    pub(super) async fn at_sandbox(site: &'s Site, action: Action) -> Result<Self, Refusal> {
        let work = Self::begin(site).await?;
        site.caller.permit(action)?;
        if work.instance.kind == InstanceKind::Sandbox {
            return Ok(work);
        }
        let message =
            format!("`{action}` is not served by Forebay for mirrors yet; do it at the site itself");
        Err(Error::Unsupported(message).into())
    }

    /// The numeric id of an issue, where it is to be seen; it counts as missing otherwise.
    pub(super) async fn seen(&mut self, name: &str) -> Result<Option<String>, Refusal> {
        match self.site.issue_named(name).await {
            Ok((_, row)) => Ok(Some(row.jira_id.clone())),
            Err(refusal) if refusal.status() == StatusCode::NOT_FOUND => {
                self.task.missing = self.task.missing.saturating_add(1);
                Ok(None)
            }
            Err(refusal) => Err(refusal),
        }
    }

    /// Notes what came of an issue. What is wrong with the issue or the change of it stops nothing.
    pub(super) fn note(&mut self, id: &str, done: Result<(), Error>) -> Result<(), Refusal> {
        match done {
            Ok(()) => self.task.processed.extend(id.parse::<i64>()),
            Err(
                error @ (Error::Invalid(_)
                | Error::Conflict(_)
                | Error::NotFound { .. }
                | Error::Forbidden(_)),
            ) => {
                let refusal = Refusal::from(error).collection();
                let messages = refusal["errorMessages"].as_array().into_iter().flatten();
                let errors = refusal["errors"].as_object().into_iter().flat_map(Map::values);
                let reasons = messages.chain(errors).filter_map(|text| text.as_str().map(str::to_owned));
                self.task.failed.insert(id.to_owned(), reasons.collect());
            }
            Err(error) => return Err(error.into()),
        }
        Ok(())
    }

    /// Keeps what came of it; answers the task's id.
    pub(super) async fn finish(self) -> Result<Response, Refusal> {
        let mut tx = self.site.transaction().await?;
        tx.note_bulk_task(self.instance.id, &self.task).await?;
        tx.commit().await?;
        Ok(answer::json(StatusCode::CREATED, &json!({ "taskId": self.task.id.to_string() })))
    }
}

/// The issues that a body names.
fn selected(body: &Body) -> Result<Vec<String>, Refusal> {
    let names = body.list("selectedIssueIdsOrKeys")?;
    if (1..=MOST_ISSUES).contains(&names.len()) {
        return Ok(names);
    }
    Err(Refusal::bad_request(format!("Between 1 and {MOST_ISSUES} issues can be changed at once.")))
}

/// `POST bulk/issues/fields`.
pub(super) async fn edit(site: Site, body: Body) -> Result<Response, Refusal> {
    let mut work = Work::at_sandbox(&site, Action::EditIssue).await?;
    let names = selected(&body)?;
    let actions = body.list("selectedActions")?;
    let input =
        body.get("editedFieldsInput").and_then(Value::as_object).ok_or_else(Refusal::invalid_payload)?;
    let changes = changes(&site, input, &actions)?;
    for name in names {
        let Some(id) = work.seen(&name).await? else { continue };
        let services = &site.state.services;
        let done = sandbox::edit_issue(services, &work.caller, &site.name, &id, changes.clone()).await;
        work.note(&id, done)?;
    }
    work.finish().await
}

/// The changes that an input stands for; every field that is to be edited has to be in it, and no other may be.
fn changes(site: &Site, input: &Map<String, Value>, actions: &[String]) -> Result<FieldChanges, Refusal> {
    let mut changes = FieldChanges { dialect: site.dialect, fields: Map::new(), update: Map::new() };
    for (group, value) in input {
        let entries = match value {
            Value::Array(entries) => entries.as_slice(),
            one => std::slice::from_ref(one),
        };
        for entry in entries {
            let (field, change) = changed(group, entry).ok_or_else(|| {
                Refusal::bad_request(format!(
                    "editedFieldsInput.{group} is not served by Forebay, or malformed."
                ))
            })?;
            if !actions.contains(&field) {
                let message = format!("'{field}' is edited, and not among the selectedActions.");
                return Err(Refusal::bad_request(message));
            }
            match change {
                Change::Set(value) => drop(changes.fields.insert(field, value)),
                Change::Steps(steps) => drop(changes.update.insert(field, Value::Array(steps))),
            }
        }
    }
    let is_named =
        |field: &&String| changes.fields.contains_key(*field) || changes.update.contains_key(*field);
    match actions.iter().find(|field| !is_named(field)) {
        Some(field) => {
            Err(Refusal::bad_request(format!("'{field}' is selected, and not in the editedFieldsInput.")))
        }
        None if actions.is_empty() => Err(Refusal::bad_request("No selectedActions were provided.")),
        None => Ok(changes),
    }
}

/// What happens to a field.
#[derive(Debug, PartialEq)]
enum Change {
    Set(Value),
    /// Operations of `update`.
    Steps(Vec<Value>),
}

/// The field that an entry is about, and its change.
fn changed(group: &str, entry: &Value) -> Option<(String, Change)> {
    let own = |field: &str, value: Value| Some((field.to_owned(), Change::Set(value)));
    let field = || entry["fieldId"].as_str().map(str::to_owned);
    let set = |value: Value| Some((field()?, Change::Set(value)));
    let named =
        |member: &str, id: &Value| if id.is_null() { Value::Null } else { json!({ member: text(id) }) };
    match group {
        "priority" => own("priority", named("id", &entry["priorityId"])),
        "issueType" => own("issuetype", named("id", &entry["issueTypeId"])),
        "originalEstimateField" => {
            own("timetracking", json!({ "originalEstimate": entry["originalEstimateField"] }))
        }
        "timeTrackingField" => own("timetracking", json!({ "remainingEstimate": entry["timeRemaining"] })),
        "singleLineTextFields" => set(entry["text"].clone()),
        "urlFields" => set(entry["url"].clone()),
        "clearableNumberFields" => set(entry["value"].clone()),
        "richTextFields" => set(entry["richText"]["adfValue"].clone()),
        "datePickerFields" => set(entry["date"]["formattedDate"].clone()),
        "dateTimePickerFields" => set(entry["dateTime"]["formattedDateTime"].clone()),
        "singleSelectFields" => set(named("id", &entry["option"]["optionId"])),
        "singleVersionPickerFields" => set(named("id", &entry["version"]["versionId"])),
        "singleSelectClearableUserPickerFields" => set(match &entry["user"]["accountId"] {
            Value::Null => Value::Null,
            account => json!({ "accountId": account }),
        }),
        "multipleSelectFields" => set(all(&entry["options"], |option| named("id", &option["optionId"]))?),
        "multipleSelectClearableUserPickerFields" => {
            set(all(&entry["users"], |user| json!({ "accountId": user["accountId"] }))?)
        }
        "labelsFields" => {
            let labels = all(&entry["labels"], |label| label["name"].clone())?;
            Some((field().unwrap_or_else(|| "labels".to_owned()), several(entry, labels)?))
        }
        "multiselectComponents" => {
            let components = all(&entry["components"], |one| named("id", &one["componentId"]))?;
            Some((field().unwrap_or_else(|| "components".to_owned()), several(entry, components)?))
        }
        "multipleVersionPickerFields" => {
            Some((field()?, several(entry, all(&entry["versions"], |one| named("id", &one["versionId"]))?)?))
        }
        _ => None,
    }
}

fn all(list: &Value, of: impl Fn(&Value) -> Value) -> Option<Value> {
    Some(Value::Array(list.as_array()?.iter().map(of).collect()))
}

/// What happens to a field with several values.
fn several(entry: &Value, values: Value) -> Option<Change> {
    let each = |verb: &str| {
        let steps = values.as_array().into_iter().flatten();
        Change::Steps(steps.map(|value| json!({ verb: value })).collect())
    };
    Some(match entry["bulkEditMultiSelectFieldOption"].as_str()? {
        "ADD" => each("add"),
        "REMOVE" => each("remove"),
        "REPLACE" => Change::Set(values),
        "REMOVE_ALL" => Change::Set(json!([])),
        _ => return None,
    })
}

/// Ids come as numbers and as texts, and are texts in issues.
fn text(id: &Value) -> Value {
    match id {
        Value::Number(number) => Value::String(number.to_string()),
        other => other.clone(),
    }
}

/// `POST bulk/issues/transition`.
pub(super) async fn transition(site: Site, body: Body) -> Result<Response, Refusal> {
    let mut work = Work::at_sandbox(&site, Action::TransitionIssue).await?;
    let inputs = body.get("bulkTransitionInputs").and_then(Value::as_array);
    let inputs = inputs.filter(|inputs| !inputs.is_empty()).ok_or_else(Refusal::invalid_payload)?;
    let mut wanted = Vec::new();
    for input in inputs {
        let members = input.as_object().cloned().ok_or_else(Refusal::invalid_payload)?;
        let input = Body::of(members);
        let id = input.get("transitionId").map(text).and_then(|id| id.as_str().map(str::to_owned));
        let id = id.ok_or_else(Refusal::invalid_payload)?;
        wanted.extend(selected(&input)?.into_iter().map(|name| (name, id.clone())));
    }
    if wanted.len() > MOST_ISSUES {
        return Err(Refusal::bad_request(format!("At most {MOST_ISSUES} issues can be changed at once.")));
    }
    for (name, transition) in wanted {
        let Some(id) = work.seen(&name).await? else { continue };
        let services = &site.state.services;
        let done = transition_issue(services, &work.caller, Some(&site.name), &id, &transition, None).await;
        work.note(&id, done.map(drop))?;
    }
    work.finish().await
}

/// `POST bulk/issues/watch`.
pub(super) async fn watch(site: Site, body: Body) -> Result<Response, Refusal> {
    set_watching(&site, &body, true).await
}

/// `POST bulk/issues/unwatch`.
pub(super) async fn unwatch(site: Site, body: Body) -> Result<Response, Refusal> {
    set_watching(&site, &body, false).await
}

async fn set_watching(site: &Site, body: &Body, watching: bool) -> Result<Response, Refusal> {
    let action = if watching { Action::AddWatcher } else { Action::RemoveWatcher };
    let mut work = Work::at_sandbox(site, action).await?;
    for name in selected(body)? {
        let Some(id) = work.seen(&name).await? else { continue };
        let services = &site.state.services;
        let done = sandbox::watch(services, &work.caller, &site.name, &id, (None, watching)).await;
        work.note(&id, done)?;
    }
    work.finish().await
}

/// `POST bulk/issues/delete`: with their sub-tasks.
pub(super) async fn delete(site: Site, body: Body) -> Result<Response, Refusal> {
    let mut work = Work::at_sandbox(&site, Action::DeleteIssue).await?;
    let mut found = Vec::new();
    for name in selected(&body)? {
        found.extend(work.seen(&name).await?);
    }
    for id in found {
        let services = &site.state.services;
        let done = match sandbox::delete_issue(services, &work.caller, &site.name, &id, true).await {
            // Gone already, with its parent.
            Err(Error::NotFound { what: "issue", .. }) => Ok(()),
            done => done,
        };
        work.note(&id, done)?;
    }
    work.finish().await
}

/// A change of many issues, by the id that the path names.
async fn finished(site: &Site) -> Result<Option<BulkTask>, Refusal> {
    let instance = site.instance(Scope::Read).await?;
    if instance.kind != InstanceKind::Sandbox {
        let message = "changes of many issues are not served by Forebay for mirrors yet";
        return Err(Error::Unsupported(message.into()).into());
    }
    let Ok(id) = site.param("task").parse::<uuid::Uuid>() else { return Ok(None) };
    Ok(site.transaction().await?.bulk_task(instance.id, id).await?)
}

/// `GET bulk/queue/{task}`.
pub(super) async fn progress(site: Site) -> Result<Response, Refusal> {
    let missing = || Refusal::bad_request(format!("The task '{}' does not exist.", site.param("task")));
    let task = finished(&site).await?.ok_or_else(missing)?;
    let at = task.created.to_rfc3339_opts(SecondsFormat::Millis, true);
    let mut shown = json!({
        "taskId": task.id.to_string(),
        "status": "COMPLETE",
        "progressPercent": 100,
        "created": at,
        "started": at,
        "updated": at,
        "totalIssueCount": total(&task),
        "processedAccessibleIssues": task.processed,
        "failedAccessibleIssues": task.failed,
        "invalidOrInaccessibleIssueCount": task.missing,
    });
    if let Some(own) = server::sandbox_account(&site).await? {
        shown["submittedBy"] = own;
    }
    Ok(answer::ok(&shown))
}

fn total(task: &BulkTask) -> usize {
    task.processed.len() + task.failed.len() + usize::try_from(task.missing).unwrap_or(0)
}

/// `GET task/{task}`: the same change, as Jira tells of anything that takes its time. Here it was over when its id was answered.
pub(super) async fn task(site: Site) -> Result<Response, Refusal> {
    let task = finished(&site).await?.ok_or_else(|| Error::not_found("task", site.param("task")))?;
    let at = task.created.timestamp_millis();
    Ok(answer::ok(&json!({
        "self": site.api_url(&format!("task/{}", task.id)),
        "id": task.id.to_string(),
        "description": "Bulk change of issues",
        "status": "COMPLETE",
        "message": format!("{} of {} issues were changed.", task.processed.len(), total(&task)),
        "result": {
            "processedAccessibleIssues": task.processed,
            "failedAccessibleIssues": task.failed,
            "invalidOrInaccessibleIssueCount": task.missing,
        },
        // The number of an account in Jira's own tables, which a sandbox does not have.
        "submittedBy": 0,
        "progress": 100,
        "elapsedRuntime": 0,
        "submitted": at,
        "started": at,
        "finished": at,
        "lastUpdate": at,
    })))
}

/// The issues that a question names, each with its numeric id and key.
async fn asked(site: &Site, params: &Params) -> Result<Vec<(String, String)>, Refusal> {
    let names = params.list("issueIdsOrKeys");
    if !(1..=MOST_ISSUES).contains(&names.len()) {
        let message = format!("issueIdsOrKeys must name between 1 and {MOST_ISSUES} issues.");
        return Err(Refusal::bad_request(message));
    }
    let mut found = Vec::with_capacity(names.len());
    for name in names {
        match site.issue_named(&name).await {
            Ok((_, row)) => found.push((row.jira_id.clone(), row.key.clone())),
            Err(refusal) if refusal.status() == StatusCode::NOT_FOUND => {
                return Err(Refusal::bad_request(format!(
                    "The issue '{name}' does not exist, or is hidden."
                )));
            }
            Err(refusal) => return Err(refusal),
        }
    }
    Ok(found)
}

/// `GET bulk/issues/transition`: those that are open to all of the issues of a workflow. A sandbox has one workflow; which issues of a
/// mirror share one is not known, so that each open set stands for one.
pub(super) async fn transitions(site: Site, params: Params) -> Result<Response, Refusal> {
    let mut workflows: Vec<(Vec<String>, Vec<Value>)> = Vec::new();
    for (id, key) in asked(&site, &params).await? {
        let open = list_transitions(&site.state.services, &site.caller, Some(&site.name), &id).await?;
        let open: Vec<Value> = open.iter().map(|choice| simplified(&choice.raw)).collect();
        match workflows.iter_mut().find(|(_, known)| *known == open) {
            Some((keys, _)) => keys.push(key),
            None => workflows.push((vec![key], open)),
        }
    }
    let workflows: Vec<Value> = workflows
        .into_iter()
        .map(|(keys, open)| json!({ "issues": keys, "isTransitionsFiltered": false, "transitions": open }))
        .collect();
    Ok(answer::ok(&json!({ "availableTransitions": workflows })))
}

fn simplified(transition: &Value) -> Value {
    let number = |id: &Value| id.as_str().and_then(|id| id.parse::<i64>().ok()).map(Value::from);
    json!({
        "transitionId": number(&transition["id"]),
        "transitionName": transition["name"],
        "to": { "statusId": number(&transition["to"]["id"]), "statusName": transition["to"]["name"] },
    })
}

/// `GET bulk/issues/fields`: those that all of the issues can be edited by.
pub(super) async fn fields(site: Site, params: Params) -> Result<Response, Refusal> {
    let instance = site.instance(Scope::Read).await?;
    let mut common: Option<Map<String, Value>> = None;
    for (id, _) in asked(&site, &params).await? {
        let (_, row) = site.issue_named(&id).await?;
        let form = forms::to_edit(&site, &instance, &row.raw["fields"]).await?;
        let own = form["fields"].as_object().cloned().unwrap_or_default();
        common = Some(match common {
            None => own,
            Some(mut common) => {
                common.retain(|field, _| own.contains_key(field));
                common
            }
        });
    }
    let text = params.text("searchText").unwrap_or_default().to_lowercase();
    let shown: Vec<Value> = common
        .unwrap_or_default()
        .iter()
        .filter(|(_, form)| form["name"].as_str().unwrap_or_default().to_lowercase().contains(&text))
        .map(|(id, form)| {
            let mut field = json!({
                "id": id,
                "name": form["name"],
                "type": form["schema"]["system"].as_str().or(form["schema"]["type"].as_str()),
                "isRequired": form["required"] == true,
            });
            if form["schema"]["type"] == "array" {
                field["multiSelectFieldOptions"] = json!(["ADD", "REMOVE", "REPLACE", "REMOVE_ALL"]);
            }
            field
        })
        .collect();
    Ok(answer::ok(&json!({ "fields": shown })))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_group_of_an_input_becomes_what_issues_are_written_with() {
        let changed = |group: &str, entry: Value| changed(group, &entry);
        assert_eq!(
            changed("priority", json!({ "priorityId": 3 })),
            Some(("priority".into(), Change::Set(json!({ "id": "3" }))))
        );
        let labels = json!({ "fieldId": "labels", "labels": [{ "name": "red" }], "bulkEditMultiSelectFieldOption": "ADD" });
        assert_eq!(
            changed("labelsFields", labels),
            Some(("labels".into(), Change::Steps(vec![json!({ "add": "red" })])))
        );
        let versions = json!({ "fieldId": "fixVersions", "versions": [], "bulkEditMultiSelectFieldOption": "REMOVE_ALL" });
        assert_eq!(
            changed("multipleVersionPickerFields", versions),
            Some(("fixVersions".into(), Change::Set(json!([]))))
        );
        let nobody = json!({ "fieldId": "assignee", "user": { "accountId": null } });
        assert_eq!(
            changed("singleSelectClearableUserPickerFields", nobody),
            Some(("assignee".into(), Change::Set(Value::Null)))
        );
        assert_eq!(changed("colorFields", json!({ "fieldId": "customfield_1" })), None);
        assert_eq!(changed("singleLineTextFields", json!({ "text": "no field" })), None);
    }
}
