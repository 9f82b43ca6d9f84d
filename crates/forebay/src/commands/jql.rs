//! `forebay jql`: verdicts on queries, for people and for other programs.

use std::io::{BufRead, Read};

use serde_json::{Value, json};

use crate::{failure::Failure, output};

/// Judges what stdin holds: a query a line, or one JSON array of queries. Whatever the verdicts, the command succeeds.
pub(super) fn run(as_array: bool) -> Result<(), Failure> {
    let mut input = std::io::stdin().lock();
    if as_array {
        let mut text = String::new();
        input.read_to_string(&mut text)?;
        let queries: Vec<String> = serde_json::from_str(&text).map_err(|error| {
            Failure::new(format!("stdin is not a JSON array of queries: {error}"))
                .hint("send for example [\"project = ABC\"], or a query a line without --json")
        })?;
        return queries.iter().try_for_each(|query| output::json(&verdict(query)));
    }
    let mut line = Vec::new();
    while input.read_until(b'\n', &mut line)? > 0 {
        let text = line.strip_suffix(b"\n").unwrap_or(&line);
        let text = text.strip_suffix(b"\r").unwrap_or(text);
        let told =
            std::str::from_utf8(text).map_or_else(|_| refusal("The query is not UTF-8 text.", None), verdict);
        output::json(&told)?;
        line.clear();
    }
    Ok(())
}

fn verdict(query: &str) -> Value {
    match jql::parse(query) {
        Ok(query) => json!({"ok": true, "normalized": query.to_string()}),
        Err(error) => refusal(&error.to_string(), error.position.as_ref()),
    }
}

/// The place is null where something is missing at the query's end: Jira names none there either.
fn refusal(message: &str, position: Option<&jql::Position>) -> Value {
    let (line, column) = position.map(|it| (it.line, it.column)).unzip();
    json!({"ok": false, "error": {"message": message, "line": line, "column": column}})
}
