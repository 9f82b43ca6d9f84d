//! What people and programs see: data on stdout, everything else on stderr.

use std::io::{IsTerminal, Write};

use serde::Serialize;

use crate::failure::Failure;

/// One JSON document on stdout.
pub(crate) fn json<T: Serialize>(value: &T) -> Result<(), Failure> {
    line(&serde_json::to_string(value)?)
}

/// A line on stdout. A reader that has gone away (`| head`) is no failure.
pub(crate) fn line(text: &str) -> Result<(), Failure> {
    match writeln!(std::io::stdout().lock(), "{text}") {
        Err(error) if error.kind() == std::io::ErrorKind::BrokenPipe => std::process::exit(0),
        other => Ok(other?),
    }
}

/// A line on stderr, for people.
#[expect(clippy::print_stderr, reason = "this is where notes for people leave the program")]
pub(crate) fn note(text: &str) {
    eprintln!("{text}");
}

/// Why the command ended, and what to do: for people on stderr; for programs as the one document on stdout, unless the command's answer
/// stands there already.
pub(crate) fn failure(failure: &Failure, as_json: bool) {
    if as_json && !failure.answered {
        let error =
            serde_json::json!({ "code": failure.code, "message": failure.message, "hints": failure.hints });
        // Nothing is left to tell it to if stdout is gone.
        let _ = json(&serde_json::json!({ "error": error }));
    }
    let (red, bold, reset) =
        if std::io::stderr().is_terminal() { ("\x1b[31m", "\x1b[1m", "\x1b[0m") } else { ("", "", "") };
    note(&format!("{red}error{reset}: {}", failure.message));
    for hint in &failure.hints {
        note(&format!("{bold}hint{reset}: {hint}"));
    }
}

/// A command line that cannot be read, as the one document on stdout.
pub(crate) fn refusal(message: &str) {
    let message = message.trim_start_matches("error: ").trim_end();
    let error = serde_json::json!({ "code": "usage", "message": message, "hints": [] });
    let _ = json(&serde_json::json!({ "error": error }));
}

/// A table with a heading; columns as wide as their widest cell, the last one as wide as it likes.
pub(crate) fn table(headings: &[&str], rows: &[Vec<String>]) -> Result<(), Failure> {
    if rows.is_empty() {
        note("nothing to show");
        return Ok(());
    }
    let width = |column: usize| {
        let cells = rows.iter().filter_map(|row| row.get(column)).map(|cell| cell.chars().count());
        cells.chain([headings[column].chars().count()]).max().unwrap_or(0)
    };
    let widths: Vec<usize> = (0..headings.len()).map(width).collect();
    let format = |cells: Vec<&str>| {
        let padded: Vec<String> =
            cells.iter().zip(&widths).map(|(cell, width)| format!("{cell:<width$}")).collect();
        padded.join("  ").trim_end().to_owned()
    };
    line(&format(headings.to_vec()))?;
    for row in rows {
        line(&format(row.iter().map(String::as_str).collect()))?;
    }
    Ok(())
}

/// A count with what is counted: "1 issue", "2 issues".
pub(crate) fn counted(count: u64, one: &str) -> String {
    format!("{count} {one}{}", if count == 1 { "" } else { "s" })
}

/// A text cut to a width, with an ellipsis, on one line.
pub(crate) fn cut(text: &str, width: usize) -> String {
    let flat: String = text.split_whitespace().collect::<Vec<_>>().join(" ");
    if flat.chars().count() <= width {
        return flat;
    }
    flat.chars().take(width.saturating_sub(1)).chain(['…']).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_text_is_cut_by_characters() {
        assert_eq!(cut("a\nb  c", 10), "a b c");
        assert_eq!(cut("äöüäöü", 4), "äöü…");
    }
}
