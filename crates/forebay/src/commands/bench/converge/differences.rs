//! Rows that differ, told so that a person sees what: which row, which column, what it is here and there.

use serde::Serialize;
use serde_json::Value;

/// Differences that are told of each table.
const TOLD: usize = 10;
/// Characters of a value that are told.
const WIDTH: usize = 160;

/// One column of one row.
#[derive(Debug, PartialEq, Eq, Serialize)]
pub(super) struct Difference {
    /// What the row is known by.
    pub(super) row: String,
    /// The column, with the path inside it where it holds JSON; nothing when a whole row is missing or extra.
    pub(super) column: Option<String>,
    /// The source's value.
    pub(super) source: Option<String>,
    /// The copy's.
    pub(super) copy: Option<String>,
}

/// Brings rows of both sides together by their key, and tells the first few columns that differ.
pub(super) fn pair(key: &[&str], missing: &[Value], extra: &[Value]) -> Vec<Difference> {
    let name = |row: &Value| key.iter().map(|column| text(&row[column])).collect::<Vec<_>>().join("/");
    let mut told = Vec::new();
    for row in missing {
        match extra.iter().find(|other| name(other) == name(row)) {
            Some(other) => columns(&name(row), row, other, &mut told),
            None => {
                told.push(Difference { row: name(row), column: None, source: Some(cut(row)), copy: None })
            }
        }
    }
    let only_extra = extra.iter().filter(|row| !missing.iter().any(|other| name(other) == name(row)));
    told.extend(only_extra.map(|row| Difference {
        row: name(row),
        column: None,
        source: None,
        copy: Some(cut(row)),
    }));
    told.truncate(TOLD);
    told
}

fn columns(row: &str, source: &Value, copy: &Value, told: &mut Vec<Difference>) {
    for (column, value) in source.as_object().into_iter().flatten() {
        if let Some((path, source, copy)) = first(column.clone(), value, &copy[column]) {
            told.push(Difference { row: row.to_owned(), column: Some(path), source, copy });
        }
    }
}

/// Where two values first differ, and how; one that is not there at all is `None`.
fn first(path: String, source: &Value, copy: &Value) -> Option<(String, Option<String>, Option<String>)> {
    match (source, copy) {
        (one, other) if one == other => None,
        (Value::Object(one), Value::Object(other)) => {
            let names = one.keys().chain(other.keys());
            let name = names.into_iter().find(|name| one.get(*name) != other.get(*name))?;
            within(format!("{path}.{name}"), one.get(name), other.get(name))
        }
        (Value::Array(one), Value::Array(other)) => {
            let at = (0..one.len().max(other.len())).find(|at| one.get(*at) != other.get(*at))?;
            within(format!("{path}[{at}]"), one.get(at), other.get(at))
        }
        (one, other) => Some((path, Some(cut(one)), Some(cut(other)))),
    }
}

fn within(
    path: String,
    source: Option<&Value>,
    copy: Option<&Value>,
) -> Option<(String, Option<String>, Option<String>)> {
    match (source, copy) {
        (Some(source), Some(copy)) => first(path, source, copy),
        (source, copy) => Some((path, source.map(cut), copy.map(cut))),
    }
}

fn text(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

fn cut(value: &Value) -> String {
    crate::output::cut(&value.to_string(), WIDTH)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_difference_is_told_where_it_is() {
        let source = [
            json!({ "id": "1", "summary": "a", "raw": { "fields": { "labels": ["x", "y"] } } }),
            json!({ "id": "2", "summary": "only here" }),
        ];
        let copy = [
            json!({ "id": "1", "summary": "b", "raw": { "fields": { "labels": ["x"] } } }),
            json!({ "id": "3", "summary": "only there" }),
        ];
        let told = pair(&["id"], &source, &copy);
        let told: Vec<_> = told
            .iter()
            .map(|it| (it.row.as_str(), it.column.as_deref(), it.source.is_some(), it.copy.as_deref()))
            .collect();
        assert_eq!(
            told,
            [
                ("1", Some("raw.fields.labels[1]"), true, None),
                ("1", Some("summary"), true, Some("\"b\"")),
                ("2", None, true, None),
                ("3", None, false, Some("{\"id\":\"3\",\"summary\":\"only there\"}")),
            ]
        );
    }
}
