//! Worklogs, and what they do to an issue's time tracking (jira-facts 1.5, 6.5).

use chrono::{DateTime, Utc};
use domain::ids::EntityKind;
use serde_json::{Value, json};

use super::{
    Draft, address, as_v2,
    edit::sides,
    next_moment,
    time::{Tracking, parse, print, seconds_item},
    updated_event,
    visibility::{self, Visibility},
    writing::Writing,
};
use crate::{
    actions::Action,
    caller::Caller,
    error::{Error, Result},
    issues::{CommentBody, IssueRow},
    sandbox::account,
    services::Services,
};

/// What a client says of a worklog. What it leaves out stays as it is.
#[derive(Clone, Debug, Default)]
pub struct WorklogChanges {
    /// How long the work took, in seconds.
    pub seconds: Option<u64>,
    /// When it began.
    pub started: Option<DateTime<Utc>>,
    /// What was done.
    pub comment: Option<CommentBody>,
    /// For whom it is: for everyone with `Some(None)`.
    pub visibility: Option<Option<Visibility>>,
}

/// What becomes of the remaining estimate.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum AdjustEstimate {
    /// The time spent is taken from it; what is taken back is given back.
    #[default]
    Auto,
    /// It stays.
    Leave,
    /// It is this many seconds.
    New(u64),
    /// It changes by so many seconds, down with a new worklog and up with a deleted one.
    Manual(u64),
}

/// Reads a duration as people write it: `3h 20m`.
///
/// # Errors
/// [`Error::Invalid`] for the field.
pub fn duration(field: &str, text: &str) -> Result<u64> {
    parse(text).ok_or_else(|| Error::invalid(field, format!("Invalid time duration entered: '{text}'")))
}

/// Adds a worklog; answers it as stored.
///
/// # Errors
/// [`Error::NotFound`] without the issue; [`Error::Invalid`] without a time, and for a group or a role that does not exist.
pub async fn add_worklog(
    services: &Services,
    caller: &Caller,
    instance: &str,
    issue: &str,
    changes: &WorklogChanges,
    adjust: AdjustEstimate,
) -> Result<Value> {
    let mut write = Writing::begin(services, caller, Action::AddWorklog, instance).await?;
    let row = write.issue(issue).await?;
    let worklog = add(&mut write, &row, changes, adjust).await?;
    write.finish(&row.key, Value::Null, json!({ "worklog": worklog })).await?;
    Ok(worklog)
}

/// Adds a worklog as part of a write; answers it as stored.
pub(super) async fn add(
    write: &mut Writing<'_>,
    row: &IssueRow,
    changes: &WorklogChanges,
    adjust: AdjustEstimate,
) -> Result<Value> {
    let seconds = changes.seconds.filter(|seconds| *seconds > 0);
    let seconds =
        seconds.ok_or_else(|| Error::invalid("timeLogged", "You must indicate the time spent working."))?;
    let id = write.ids(2).await?;
    let now = next_moment(write.services, [row]);
    let author = account(row.dialect);
    let path = format!("issue/{}/worklog/{id}", row.jira_id);
    let mut worklog = json!({
        "self": address(&write.instance, row.dialect, &path),
        "id": id.to_string(),
        "issueId": row.jira_id,
        "author": author,
        "created": now,
        "started": now,
    });
    write_into(&mut worklog, row, changes, &now, write).await?;
    let tracking = Tracking::of_issue(&row.raw["fields"]);
    let mut after = Tracking { spent: Some(tracking.spent.unwrap_or(0) + seconds), ..tracking };
    after.remaining = remaining(tracking.remaining, adjust, -signed(seconds));
    let number = u64::try_from(id).ok();
    let items = items(&tracking, &after, seconds_item("WorklogId", None, None, number));
    let total = row.raw["fields"]["worklog"]["total"].as_u64().unwrap_or(0) + 1;
    let list = (std::slice::from_ref(&worklog), total, false);
    store(write, row, (id + 1, &now), after, &items, list).await?;
    write.announce("worklog_created", json!({ "worklog": as_v2(&worklog, "comment") })).await?;
    Ok(worklog)
}

/// Changes a worklog; answers it as stored.
///
/// # Errors
/// [`Error::NotFound`] without the issue or the worklog; [`Error::Invalid`] for a group or a role that does not exist.
pub async fn edit_worklog(
    services: &Services,
    caller: &Caller,
    instance: &str,
    (issue, worklog): (&str, &str),
    changes: &WorklogChanges,
    adjust: AdjustEstimate,
) -> Result<Value> {
    let mut write = Writing::begin(services, caller, Action::EditWorklog, instance).await?;
    let row = write.issue(issue).await?;
    let (before, edited) = edit(&mut write, &row, worklog, changes, adjust).await?;
    write.finish(&row.key, json!({ "worklog": before }), json!({ "worklog": edited })).await?;
    Ok(edited)
}

/// Changes a worklog as part of a write; answers it as it was and as it is.
pub(super) async fn edit(
    write: &mut Writing<'_>,
    row: &IssueRow,
    worklog: &str,
    changes: &WorklogChanges,
    adjust: AdjustEstimate,
) -> Result<(Value, Value)> {
    let before = existing(write, row, worklog).await?.1;
    let id = write.ids(1).await?;
    let now = next_moment(write.services, [row]);
    let mut edited = before.clone();
    write_into(&mut edited, row, changes, &now, write).await?;
    let (was, is) = (seconds_of(&before), seconds_of(&edited));
    let tracking = Tracking::of_issue(&row.raw["fields"]);
    let mut after = tracking;
    after.spent = Some((tracking.spent.unwrap_or(0) + is).saturating_sub(was));
    after.remaining = remaining(tracking.remaining, adjust, signed(was) - signed(is));
    let number = worklog.parse().ok();
    let items = items(&tracking, &after, seconds_item("WorklogId", None, number, number));
    let total = row.raw["fields"]["worklog"]["total"].as_u64().unwrap_or(0);
    let list = (std::slice::from_ref(&edited), total, false);
    store(write, row, (id, &now), after, &items, list).await?;
    write.announce("worklog_updated", json!({ "worklog": as_v2(&edited, "comment") })).await?;
    Ok((before, edited))
}

/// Deletes a worklog.
///
/// # Errors
/// [`Error::NotFound`] without the issue or the worklog.
pub async fn delete_worklog(
    services: &Services,
    caller: &Caller,
    instance: &str,
    (issue, worklog): (&str, &str),
    adjust: AdjustEstimate,
) -> Result<()> {
    let mut write = Writing::begin(services, caller, Action::DeleteWorklog, instance).await?;
    let row = write.issue(issue).await?;
    let (gone, items) = delete(&mut write, &row, worklog, adjust).await?;
    let (before, after) = sides(&items);
    write.finish(&row.key, json!({ "worklog": gone, "fields": before }), after).await
}

/// Deletes a worklog as part of a write; answers it as it was, with the items of its history.
pub(super) async fn delete(
    write: &mut Writing<'_>,
    row: &IssueRow,
    worklog: &str,
    adjust: AdjustEstimate,
) -> Result<(Value, Vec<Value>)> {
    let (left, gone) = existing(write, row, worklog).await?;
    let id = write.ids(1).await?;
    let now = next_moment(write.services, [row]);
    let seconds = seconds_of(&gone);
    let tracking = Tracking::of_issue(&row.raw["fields"]);
    let mut after = tracking;
    after.spent = Some(tracking.spent.unwrap_or(0).saturating_sub(seconds));
    after.remaining = remaining(tracking.remaining, adjust, signed(seconds));
    let items = items(&tracking, &after, seconds_item("WorklogId", None, worklog.parse().ok(), None));
    let list = (left.as_slice(), left.len() as u64, true);
    store(write, row, (id, &now), after, &items, list).await?;
    let child = write.instance.id.derive(EntityKind::Worklog, worklog);
    write.tx.remove_child_properties(child, None).await?;
    write.announce("worklog_deleted", json!({ "worklog": as_v2(&gone, "comment") })).await?;
    Ok((gone, items))
}

/// Writes what the client said, and who said it.
async fn write_into(
    worklog: &mut Value,
    row: &IssueRow,
    changes: &WorklogChanges,
    now: &str,
    write: &mut Writing<'_>,
) -> Result<()> {
    worklog["updateAuthor"] = account(row.dialect);
    worklog["updated"] = json!(now);
    if let Some(seconds) = changes.seconds {
        worklog["timeSpent"] = json!(print(seconds));
        worklog["timeSpentSeconds"] = json!(seconds);
    }
    if let Some(started) = changes.started {
        worklog["started"] = json!(domain::jira_time::format(started));
    }
    if let Some(comment) = &changes.comment {
        worklog["comment"] = comment.in_place_of(&worklog["comment"], row.dialect);
    }
    let project = &row.raw["fields"]["project"];
    visibility::write_into(worklog, changes.visibility.as_ref(), write, project).await
}

/// The worklog, and the issue's other ones.
async fn existing(write: &mut Writing<'_>, row: &IssueRow, worklog: &str) -> Result<(Vec<Value>, Value)> {
    let listed = write.tx.worklogs(&[row.id]).await?;
    let (mut found, others): (Vec<Value>, Vec<Value>) =
        listed.into_iter().map(|worklog| worklog.raw).partition(|raw| raw["id"] == worklog);
    let found = found.pop().ok_or_else(|| Error::not_found("worklog", worklog))?;
    Ok((others, found))
}

async fn store(
    write: &mut Writing<'_>,
    row: &IssueRow,
    (history, now): (i64, &str),
    tracking: Tracking,
    items: &[Value],
    (worklogs, total, complete): (&[Value], u64, bool),
) -> Result<()> {
    let mut draft = Draft::of(row, now);
    tracking.write(draft.fields());
    draft.set_worklogs(worklogs, total, complete);
    draft.record(history, now, items);
    // Work changes the issue's own fields, so the issue is told of too.
    let event = updated_event(&write.instance, &draft, event_type(items), history, items);
    write.store(vec![draft]).await?;
    write.announce("jira:issue_updated", event).await
}

/// Which side of the worklog's item is empty tells what happened.
fn event_type(items: &[Value]) -> &'static str {
    match items.last().map(|item| (item["from"].is_null(), item["to"].is_null())) {
        Some((true, false)) => "issue_work_logged",
        Some((false, true)) => "issue_worklog_deleted",
        _ => "issue_worklog_updated",
    }
}

fn items(before: &Tracking, after: &Tracking, worklog: Value) -> Vec<Value> {
    let mut items = before.items(after);
    items.push(worklog);
    items
}

/// `difference` is what the time left changes by, in seconds.
fn remaining(before: Option<u64>, adjust: AdjustEstimate, difference: i64) -> Option<u64> {
    let moved = |by: i64| before.map(|seconds| seconds.saturating_add_signed(by));
    match adjust {
        AdjustEstimate::Auto => moved(difference),
        AdjustEstimate::Leave => before,
        AdjustEstimate::New(seconds) => Some(seconds),
        AdjustEstimate::Manual(by) if difference > 0 => moved(signed(by)),
        AdjustEstimate::Manual(by) => moved(-signed(by)),
    }
}

fn seconds_of(worklog: &Value) -> u64 {
    worklog["timeSpentSeconds"].as_u64().unwrap_or(0)
}

fn signed(seconds: u64) -> i64 {
    i64::try_from(seconds).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_left_follows_from_what_was_spent() {
        assert_eq!(remaining(Some(100), AdjustEstimate::Auto, -30), Some(70));
        assert_eq!(remaining(Some(100), AdjustEstimate::Auto, -300), Some(0));
        assert_eq!(remaining(Some(100), AdjustEstimate::Auto, 30), Some(130));
        assert_eq!(remaining(None, AdjustEstimate::Auto, -30), None);
        assert_eq!(remaining(Some(100), AdjustEstimate::Leave, -30), Some(100));
        assert_eq!(remaining(None, AdjustEstimate::New(60), -30), Some(60));
        assert_eq!(remaining(Some(100), AdjustEstimate::Manual(10), -30), Some(90));
        assert_eq!(remaining(Some(100), AdjustEstimate::Manual(10), 30), Some(110));
    }
}
