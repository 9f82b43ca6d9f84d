//! One issue.

use chrono::NaiveDate;
use domain::issue_key::IssueKey;
use serde_json::{Map, Value};

use super::{
    Reader, Reject, attached, children,
    children::{optional_time, text_of, time},
    clean::{Cleaner, user_id_of},
    field_values,
    hash::SourceHash,
    lists, rosters,
    shared::{Kind, Shared},
};
use crate::{
    issues::{AttachedRecords, IssueBundle, IssueRecord, LinkRecord, Payload, Presence},
    ports::{FetchedIssue, IssueText},
    reference::{ReferenceRecords, SprintRecord, UserRecord},
    sync::presence,
};

/// Raised when more is read out of an issue than before: the hash covers it, so that a copy takes the new rows from issues that
/// have not changed at the source. 2: attachments, watchers, votes. 3: the
/// environment as a text that is searched.
const READING: u8 = 3;
/// Added where no field is known to hold sprints, points or epics. What a webhook brings before the first sync has asked for the
/// fields is read like that, and must not pass for the same issue read with them.
const WITHOUT_ROLES: u8 = 128;

/// Reads one issue with all that hangs on it.
///
/// # Errors
/// [`Reject`] when it has no numeric id, key, project, status, summary or creation date. A bad comment, worklog,
/// history or link rejects the issue as well: half an issue would look whole.
pub fn read_issue(reader: &Reader<'_>, fetched: FetchedIssue) -> Result<IssueBundle, Reject> {
    let jira_id = text_of(&fetched.raw["id"]);
    read(reader, fetched).map_err(|reason| Reject { jira_id, reason })
}

/// The same of an issue that is text until now.
///
/// # Errors
/// Those of [`read_issue`], and for text that says nothing.
pub fn read_text(reader: &Reader<'_>, issue: IssueText) -> Result<IssueBundle, Reject> {
    let jira_id = issue.id().map(str::to_owned);
    let fetched = issue.open().map_err(|reason| Reject { jira_id, reason })?;
    read_issue(reader, fetched)
}

fn read(reader: &Reader<'_>, fetched: FetchedIssue) -> Result<IssueBundle, String> {
    let mut raw = fetched.raw;
    let mut shared = reader.shared();
    let mut cleaner = Cleaner::new(reader.secrets, reader.erased, &mut shared);
    cleaner.clean(&mut raw);
    let users = cleaner.into_users();
    let (jira_id, jira_number) = children::numeric_id(&raw, "issue")?;
    let key: IssueKey =
        text_of(&raw["key"]).ok_or("issue has no key")?.parse().map_err(|e| format!("{e}"))?;
    if !raw["fields"].is_object() {
        return Err("issue has no fields".into());
    }

    let comments = take_list(raw["fields"].get_mut("comment"), "comments");
    let worklogs = take_list(raw["fields"].get_mut("worklog"), "worklogs");
    let (histories, changelog_envelope) = take_changelog(&mut raw);
    let properties = take_properties(&mut raw);

    let links_complete = raw["fields"]["issuelinks"].is_array();
    let links: Vec<LinkRecord> = raw["fields"]["issuelinks"]
        .as_array()
        .into_iter()
        .flatten()
        .map(|link| children::link(link, (&jira_id, &key.to_string())))
        .collect::<Result<_, _>>()?;
    let sprints = sprints(reader, &raw["fields"]);
    let mut hash = SourceHash::default()
        .with(&raw)
        .with(changelog_envelope.as_ref().unwrap_or(&Value::Null))
        .with(&Value::from(if reader.roles.is_empty() { READING | WITHOUT_ROLES } else { READING }));
    if let Some(shown) = &properties {
        hash = hash.with_members(shown);
    }
    let reference = reference(&raw["fields"], users, sprints, &mut shared)?;
    let issue = record(reader, &raw, (jira_id, jira_number), key, &reference, hash.finish())?;
    let values = field_values::field_values(&raw["fields"]);
    let properties = properties.map(|shown| shown.into_iter().collect());
    let attached = AttachedRecords { properties, ..attached::attached(&raw["fields"])? };
    // From here on the issue is text: the trees of a page would take several times as much memory.
    drop(raw);
    Ok(IssueBundle {
        issue: IssueRecord { changelog_envelope, ..issue },
        values,
        comments: all(comments, |raw| children::comment(raw, &mut shared))?,
        comments_complete: fetched.comments_complete,
        worklogs: all(worklogs, |raw| children::worklog(raw, &mut shared))?,
        worklogs_complete: fetched.worklogs_complete,
        histories: all(histories, |raw| children::history(raw, &mut shared))?,
        links,
        links_complete,
        attached,
        reference,
        read_at: None,
    })
}

fn all<T>(rows: Vec<Value>, read: impl FnMut(Value) -> Result<T, String>) -> Result<Vec<T>, String> {
    rows.into_iter().map(read).collect()
}

/// Takes the rows out of an embedded collection and leaves its paging envelope.
fn take_list(collection: Option<&mut Value>, name: &str) -> Vec<Value> {
    match collection.and_then(Value::as_object_mut).and_then(|object| object.remove(name)) {
        Some(Value::Array(rows)) => rows,
        _ => Vec::new(),
    }
}

fn take_changelog(raw: &mut Value) -> (Vec<Value>, Option<Value>) {
    match raw.as_object_mut().and_then(|object| object.remove("changelog")) {
        Some(mut changelog) if changelog.is_object() => {
            let histories = take_list(Some(&mut changelog), "histories");
            (histories, Some(changelog))
        }
        _ => (Vec::new(), None),
    }
}

/// Properties are shown only where they were asked for.
fn take_properties(raw: &mut Value) -> Option<Map<String, Value>> {
    match raw.as_object_mut()?.remove("properties") {
        Some(Value::Object(shown)) => Some(shown),
        _ => None,
    }
}

fn sprints(reader: &Reader<'_>, fields: &Value) -> Vec<SprintRecord> {
    let values = reader.roles.sprint.iter().filter_map(|id| fields[id.as_str()].as_array());
    values.flat_map(|values| field_values::sprints(values)).collect()
}

fn record(
    reader: &Reader<'_>,
    raw: &Value,
    (jira_id, jira_number): (String, i64),
    key: IssueKey,
    reference: &ReferenceRecords,
    source_hash: Vec<u8>,
) -> Result<IssueRecord, String> {
    let fields = &raw["fields"];
    let status = reference.statuses.first().ok_or("issue has no status")?;
    let created = time(&fields["created"], "fields.created")?;
    let description = &fields["description"];
    let parent = text_of(&fields["parent"]["id"]).zip(text_of(&fields["parent"]["key"]));
    let parent_is_epic = fields["parent"]["fields"]["issuetype"]["hierarchyLevel"].as_i64() == Some(1);
    let epic_link = reader.roles.epic_link.iter().find_map(|id| text_of(&fields[id.as_str()]));
    Ok(IssueRecord {
        jira_id,
        jira_number,
        key,
        project_jira_id: text_of(&fields["project"]["id"]).ok_or("issue has no project")?,
        issue_type: named(&fields["issuetype"]),
        hierarchy_level: fields["issuetype"]["hierarchyLevel"]
            .as_i64()
            .and_then(|level| i16::try_from(level).ok()),
        status: status.name.clone(),
        status_id: status.jira_id.clone(),
        status_category: status.category.clone(),
        priority: named(&fields["priority"]),
        resolution: named(&fields["resolution"]),
        summary: text_of(&fields["summary"]).ok_or("issue has no summary")?,
        description_text: (!description.is_null()).then(|| adf::text_of(description)),
        assignee: user_id_of(&fields["assignee"]),
        reporter: user_id_of(&fields["reporter"]),
        creator: user_id_of(&fields["creator"]),
        created,
        updated: optional_time(&fields["updated"]).unwrap_or(created),
        resolved: optional_time(&fields["resolutiondate"]),
        due: fields["duedate"].as_str().and_then(|day| NaiveDate::parse_from_str(day, "%Y-%m-%d").ok()),
        epic_key: parent.as_ref().filter(|_| parent_is_epic).map(|(_, key)| key.clone()).or(epic_link),
        parent,
        sprint_ids: reference
            .sprints
            .iter()
            .filter_map(|sprint| i32::try_from(sprint.jira_id).ok())
            .collect(),
        story_points: reader.roles.story_points.iter().find_map(|id| fields[id.as_str()].as_f64()),
        labels: texts(&fields["labels"], text_of),
        components: texts(&fields["components"], |component| text_of(&component["name"])),
        archived: presence::of_shown(raw) == Presence::Archived,
        raw: Payload::of(raw).map_err(children::unwritten)?,
        dialect: reader.dialect,
        changelog_envelope: None,
        source_hash,
    })
}

fn named(value: &Value) -> Option<(String, String)> {
    text_of(&value["name"]).zip(text_of(&value["id"]))
}

fn texts(list: &Value, text: impl Fn(&Value) -> Option<String>) -> Vec<String> {
    list.as_array().into_iter().flatten().filter_map(text).collect()
}

fn reference(
    fields: &Value,
    users: Vec<UserRecord>,
    sprints: Vec<SprintRecord>,
    shared: &mut Shared,
) -> Result<ReferenceRecords, String> {
    let mut ranked =
        |field: &str, kind| rosters::unranked(&fields[field], kind, shared).into_iter().collect();
    let (priorities, resolutions) =
        (ranked("priority", Kind::Priority), ranked("resolution", Kind::Resolution));
    let mut records = ReferenceRecords {
        // In the order in which what is missing is told.
        statuses: vec![rosters::status(&fields["status"], shared).ok_or("issue has no status")?],
        projects: vec![rosters::project(&fields["project"], shared).ok_or("issue has no project")?],
        users,
        issue_types: rosters::issue_type(&fields["issuetype"], shared).into_iter().collect(),
        priorities,
        resolutions,
        sprints,
        ..ReferenceRecords::default()
    };
    lists::seen_in_issue(fields, &mut records, shared);
    Ok(records)
}
