//! Comments, worklogs, histories and links.

use chrono::{DateTime, Utc};
use serde_json::{Map, Value};

use super::{clean::user_id_of, hash::source_hash, shared::Shared};
use crate::issues::{
    CommentRecord, Head, HistoryItemRecord, HistoryRecord, LinkRecord, Payload, WorklogRecord,
};

type Read<T> = Result<T, String>;

pub(crate) fn text_of(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        _ => None,
    }
}

pub(super) fn numeric_id(value: &Value, what: &str) -> Read<(String, i64)> {
    let text = text_of(&value["id"]).ok_or_else(|| format!("{what} has no id"))?;
    let number = text.parse().map_err(|_| format!("{what} id `{text}` is not a number"))?;
    Ok((text, number))
}

pub(super) fn time(value: &Value, what: &str) -> Read<DateTime<Utc>> {
    optional_time(value).ok_or_else(|| format!("{what} is missing or no timestamp"))
}

pub(super) fn optional_time(value: &Value) -> Option<DateTime<Utc>> {
    match value {
        Value::String(text) => domain::jira_time::parse(text).ok(),
        Value::Number(number) => {
            number.as_i64().and_then(|number| domain::jira_time::from_epoch(number).ok())
        }
        _ => None,
    }
}

fn head(members: Map<String, Value>, shared: &mut Shared) -> Read<Head> {
    Head::of(members, |person| shared.take_person(person)).map_err(unwritten)
}

pub(super) fn unwritten(error: serde_json::Error) -> String {
    format!("has no text: {error}")
}

pub(super) fn comment(mut raw: Value, shared: &mut Shared) -> Read<CommentRecord> {
    let (jira_id, jira_number) = numeric_id(&raw, "comment")?;
    let created = time(&raw["created"], "comment.created")?;
    let source_hash = source_hash(&raw);
    let mut members = raw.as_object_mut().map(std::mem::take).unwrap_or_default();
    let body = match members.get("body") {
        None | Some(Value::Null) => Value::Null,
        Some(_) => members.remove("body").unwrap_or_default(),
    };
    Ok(CommentRecord {
        jira_id,
        jira_number,
        author: members.get("author").and_then(user_id_of),
        body_text: adf::text_of(&body),
        created,
        updated: members.get("updated").and_then(optional_time).unwrap_or(created),
        body: (!body.is_null()).then(|| Payload::of(&body)).transpose().map_err(unwritten)?,
        head: head(members, shared)?,
        source_hash,
    })
}

pub(super) fn worklog(mut raw: Value, shared: &mut Shared) -> Read<WorklogRecord> {
    let (jira_id, jira_number) = numeric_id(&raw, "worklog")?;
    let started = time(&raw["started"], "worklog.started")?;
    let created = optional_time(&raw["created"]).unwrap_or(started);
    Ok(WorklogRecord {
        jira_id,
        jira_number,
        author: user_id_of(&raw["author"]),
        started,
        seconds: raw["timeSpentSeconds"].as_i64().unwrap_or(0),
        created,
        updated: optional_time(&raw["updated"]).unwrap_or(created),
        source_hash: source_hash(&raw),
        head: head(raw.as_object_mut().map(std::mem::take).unwrap_or_default(), shared)?,
    })
}

pub(super) fn history(mut raw: Value, shared: &mut Shared) -> Read<HistoryRecord> {
    let (jira_id, jira_number) = numeric_id(&raw, "history")?;
    let created = time(&raw["created"], "history.created")?;
    let mut members = raw.as_object_mut().map(std::mem::take).unwrap_or_default();
    // Histories of many issues may have numbers there (jira-facts 1.5); those of one issue, which is what is shown, have dates.
    if members.get("created").is_some_and(Value::is_number) {
        members.insert("created".into(), domain::jira_time::format(created).into());
    }
    let items = match members.remove("items") {
        Some(Value::Array(items)) => items,
        _ => Vec::new(),
    };
    let items =
        items.into_iter().map(HistoryItemRecord::read).collect::<Result<_, _>>().map_err(unwritten)?;
    let author = members.get("author").and_then(user_id_of);
    Ok(HistoryRecord { jira_id, jira_number, author, created, head: head(members, shared)?, items })
}

/// Both issues show a link under the same id, each with the other end only (jira-facts 6.2): `outwardIssue` is where
/// the link goes to from here, `inwardIssue` is where it comes from.
pub(super) fn link(raw: &Value, here: (&str, &str)) -> Read<LinkRecord> {
    let (jira_id, _) = numeric_id(raw, "link")?;
    let here = (here.0.to_owned(), here.1.to_owned());
    let end = |value: &Value| Some((text_of(&value["id"])?, text_of(&value["key"])?));
    let (inward_issue, outward_issue) = match (end(&raw["inwardIssue"]), end(&raw["outwardIssue"])) {
        (_, Some(there)) => (here, there),
        (Some(there), None) => (there, here),
        (None, None) => return Err(format!("link {jira_id} names no other issue")),
    };
    let kind = &raw["type"];
    Ok(LinkRecord {
        jira_id,
        link_type: text_of(&kind["name"]).unwrap_or_default(),
        link_type_id: text_of(&kind["id"]),
        inward_name: text_of(&kind["inward"]),
        outward_name: text_of(&kind["outward"]),
        inward_issue,
        outward_issue,
    })
}
