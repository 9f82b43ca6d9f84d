//! The few Atlassian Document Format nodes that the generated texts use (jira-facts 7).

use serde_json::Value;

use super::reference::object;

fn node(kind: &str, content: Vec<Value>) -> Value {
    object([("type", Value::from(kind)), ("content", Value::Array(content))])
}

fn node_with(kind: &str, attrs: Value, content: Vec<Value>) -> Value {
    object([("type", Value::from(kind)), ("attrs", attrs), ("content", Value::Array(content))])
}

/// A document of block nodes.
pub(super) fn document(content: Vec<Value>) -> Value {
    object([("version", Value::from(1)), ("type", Value::from("doc")), ("content", Value::Array(content))])
}

pub(super) fn text(text: impl Into<String>) -> Value {
    object([("type", Value::from("text")), ("text", Value::from(text.into()))])
}

fn marked(content: impl Into<String>, mark: Value) -> Value {
    object([
        ("type", Value::from("text")),
        ("text", Value::from(content.into())),
        ("marks", Value::Array(vec![mark])),
    ])
}

pub(super) fn strong(content: impl Into<String>) -> Value {
    marked(content, object([("type", Value::from("strong"))]))
}

pub(super) fn code(content: impl Into<String>) -> Value {
    marked(content, object([("type", Value::from("code"))]))
}

pub(super) fn link(content: impl Into<String>, href: String) -> Value {
    let attrs = object([("href", Value::from(href))]);
    marked(content, object([("type", Value::from("link")), ("attrs", attrs)]))
}

pub(super) fn mention(account_id: &str, name: &str) -> Value {
    let attrs = object([
        ("id", Value::from(account_id)),
        ("text", Value::from(format!("@{name}"))),
        ("accessLevel", Value::from("")),
    ]);
    object([("type", Value::from("mention")), ("attrs", attrs)])
}

/// An emoji by short name, Unicode code point and character.
pub(super) fn emoji((short_name, id, character): (&str, &str, &str)) -> Value {
    let attrs = object([
        ("shortName", Value::from(short_name)),
        ("id", Value::from(id)),
        ("text", Value::from(character)),
    ]);
    object([("type", Value::from("emoji")), ("attrs", attrs)])
}

pub(super) fn day(at: i64) -> Value {
    let attrs = object([("timestamp", Value::from(at.to_string()))]);
    object([("type", Value::from("date")), ("attrs", attrs)])
}

pub(super) fn status(label: &str, color: &str, local_id: String) -> Value {
    let attrs = object([
        ("text", Value::from(label)),
        ("color", Value::from(color)),
        ("localId", Value::from(local_id)),
    ]);
    object([("type", Value::from("status")), ("attrs", attrs)])
}

pub(super) fn paragraph(content: Vec<Value>) -> Value {
    node("paragraph", content)
}

pub(super) fn prose(content: impl Into<String>) -> Value {
    paragraph(vec![text(content)])
}

pub(super) fn heading(level: u64, content: &str) -> Value {
    node_with("heading", object([("level", Value::from(level))]), vec![text(content)])
}

fn list_items(items: Vec<Vec<Value>>) -> Vec<Value> {
    items.into_iter().map(|item| node("listItem", vec![paragraph(item)])).collect()
}

pub(super) fn bullet_list(items: Vec<Vec<Value>>) -> Value {
    node("bulletList", list_items(items))
}

pub(super) fn ordered_list(items: Vec<Vec<Value>>) -> Value {
    node_with("orderedList", object([("order", Value::from(1))]), list_items(items))
}

/// A list of tasks with their state of completion.
pub(super) fn task_list(local_id: &str, items: Vec<(String, bool)>) -> Value {
    let items = items
        .into_iter()
        .enumerate()
        .map(|(number, (item, done))| {
            let attrs = object([
                ("localId", Value::from(format!("{local_id}-{number}"))),
                ("state", Value::from(if done { "DONE" } else { "TODO" })),
            ]);
            node_with("taskItem", attrs, vec![text(item)])
        })
        .collect();
    node_with("taskList", object([("localId", Value::from(local_id))]), items)
}

pub(super) fn code_block(language: &str, content: String) -> Value {
    node_with("codeBlock", object([("language", Value::from(language))]), vec![text(content)])
}

pub(super) fn panel(kind: &str, content: String) -> Value {
    node_with("panel", object([("panelType", Value::from(kind))]), vec![prose(content)])
}

pub(super) fn quote(content: String) -> Value {
    node("blockquote", vec![prose(content)])
}

/// A table with one row of headers.
pub(super) fn table<const N: usize>(headers: [&str; N], rows: Vec<[String; N]>) -> Value {
    let cell = |kind: &str, content: &str| node_with(kind, object([]), vec![prose(content)]);
    let mut lines =
        vec![node("tableRow", headers.iter().map(|header| cell("tableHeader", header)).collect())];
    lines.extend(
        rows.iter()
            .map(|row| node("tableRow", row.iter().map(|content| cell("tableCell", content)).collect())),
    );
    let attrs = object([("isNumberColumnEnabled", Value::from(false)), ("layout", Value::from("default"))]);
    node_with("table", attrs, lines)
}
