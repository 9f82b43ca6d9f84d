//! Tables: `| a | b |` over `|---|---|`.

use super::inline;
use crate::document::{Node, NodeKind};

/// One line of a table.
pub(super) struct Row {
    pub(super) is_header: bool,
    /// The cells' Markdown.
    pub(super) cells: Vec<String>,
}

/// The number of columns that a line of dashes announces, such as `|---|:-:|`.
pub(super) fn delimiter_row(line: &str) -> Option<usize> {
    if !line.trim_start().starts_with(['|', '-', ':']) || !line.contains('-') {
        return None;
    }
    let cells = cells(line);
    let is_delimiter = |cell: &String| {
        let dashes = cell.strip_prefix(':').unwrap_or(cell);
        let dashes = dashes.strip_suffix(':').unwrap_or(dashes);
        !dashes.is_empty() && dashes.bytes().all(|byte| byte == b'-')
    };
    cells.iter().all(is_delimiter).then_some(cells.len())
}

/// The cells of a line. `\|` is a bar that does not part cells.
pub(super) fn cells(line: &str) -> Vec<String> {
    let line = line.trim();
    let line = line.strip_prefix('|').unwrap_or(line);
    let mut cells = vec![String::new()];
    let mut escaped = false;
    for c in line.chars() {
        let Some(cell) = cells.last_mut() else { break };
        match c {
            '|' if escaped => {
                cell.pop();
                cell.push('|');
            }
            '|' => cells.push(String::new()),
            c => cell.push(c),
        }
        escaped = c == '\\';
    }
    // The bar at the end of the line closes the last cell; it does not begin one.
    if cells.len() > 1 && cells.last().is_some_and(String::is_empty) {
        cells.pop();
    }
    cells.iter().map(|cell| cell.trim().to_owned()).collect()
}

/// The table of these rows; there is one at least.
pub(super) fn node(rows: Vec<Row>) -> Node {
    let rows = rows.into_iter().map(|row| {
        let kind = if row.is_header { NodeKind::TableHeader } else { NodeKind::TableCell };
        let cells = row
            .cells
            .iter()
            .map(|cell| Node::with_content(kind.clone(), vec![Node::paragraph(inline::parse(cell))]));
        Node::with_content(NodeKind::TableRow, cells.collect())
    });
    Node::with_content(NodeKind::Table, rows.collect())
}
