//! Comments, worklogs, histories and links.

use chrono::{DateTime, Utc};
use serde_json::Value;

use super::{clean::user_id_of, hash::source_hash};
use crate::issues::{CommentRecord, HistoryItemRecord, HistoryRecord, LinkRecord, WorklogRecord};

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

pub(super) fn comment(raw: Value) -> Read<CommentRecord> {
    let (jira_id, jira_number) = numeric_id(&raw, "comment")?;
    let created = time(&raw["created"], "comment.created")?;
    Ok(CommentRecord {
        jira_id,
        jira_number,
        author: user_id_of(&raw["author"]),
        body_text: adf::text_of(&raw["body"]),
        created,
        updated: optional_time(&raw["updated"]).unwrap_or(created),
        source_hash: source_hash(&[&raw]),
        raw,
    })
}

pub(super) fn worklog(raw: Value) -> Read<WorklogRecord> {
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
        source_hash: source_hash(&[&raw]),
        raw,
    })
}

pub(super) fn history(mut raw: Value) -> Read<HistoryRecord> {
    let (jira_id, jira_number) = numeric_id(&raw, "history")?;
    let created = time(&raw["created"], "history.created")?;
    let items = match raw.as_object_mut().and_then(|object| object.remove("items")) {
        Some(Value::Array(items)) => items,
        _ => Vec::new(),
    };
    let items = items
        .into_iter()
        .map(|item| HistoryItemRecord {
            field: text_of(&item["field"]).unwrap_or_default(),
            field_id: text_of(&item["fieldId"]),
            field_type: text_of(&item["fieldtype"]),
            from: text_of(&item["from"]),
            to: text_of(&item["to"]),
            from_string: text_of(&item["fromString"]),
            to_string: text_of(&item["toString"]),
            raw: item,
        })
        .collect();
    Ok(HistoryRecord { jira_id, jira_number, author: user_id_of(&raw["author"]), created, raw, items })
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
