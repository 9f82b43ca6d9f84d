//! Writing Markdown that [`crate::from_markdown`] and CommonMark read as what was meant.

mod line;

use self::line::{Place, lines, longest_run};
use super::PANELS;
use crate::document::{Document, Mark, MarkKind, Node, NodeKind};
use crate::text::{self, atom_text, hang, is_inline};

/// The document as Markdown. What Markdown has no words for is left out or said in words: colours go, a status is
/// its text, the title of an expand is a bold line above its content, a cell that spans columns is followed by
/// empty ones.
pub fn to_markdown(document: &Document) -> String {
    blocks(document.content(), None)
}

/// Blocks with empty lines between. `taken` is the list sign that the first of them must not use.
fn blocks(nodes: &[Node], taken: Option<char>) -> String {
    let mut out = String::new();
    let mut previous: Option<&NodeKind> = None;
    let in_list = taken.is_some();
    let mut taken = taken;
    let mut rest = nodes;
    while let Some(node) = rest.first() {
        let line = rest.iter().take_while(|node| is_inline(node)).count();
        let sign = list_sign(node, taken);
        let written =
            if line > 0 { lines(&rest[..line], Place::Paragraph) } else { block(node, sign.unwrap_or('-')) };
        rest = &rest[line.max(1)..];
        if written.is_empty() {
            continue;
        }
        if previous.is_some() {
            let tight =
                in_list && previous == Some(&NodeKind::Paragraph) && may_follow_directly(node, &written);
            out.push_str(if tight { "\n" } else { "\n\n" });
        }
        out.push_str(&written);
        previous = Some(&node.kind);
        taken = sign;
    }
    out
}

/// What marks the items of a list; another sign than the list before has, or the two would be read as one.
fn list_sign(node: &Node, taken: Option<char>) -> Option<char> {
    match node.kind {
        NodeKind::BulletList | NodeKind::TaskList | NodeKind::DecisionList => {
            Some(if taken == Some('-') { '*' } else { '-' })
        }
        NodeKind::OrderedList => Some(if taken == Some('.') { ')' } else { '.' }),
        _ => None,
    }
}

/// Whether a list below a paragraph needs no empty line between.
fn may_follow_directly(node: &Node, written: &str) -> bool {
    let is_list = match node.kind {
        NodeKind::BulletList | NodeKind::TaskList => true,
        NodeKind::OrderedList => node.attr_u64("order").unwrap_or(1) == 1,
        _ => false,
    };
    is_list && written.lines().next().is_some_and(|line| line.trim_end().contains(' '))
}

fn block(node: &Node, sign: char) -> String {
    let children = node.children();
    match node.kind {
        NodeKind::Paragraph | NodeKind::Caption => lines(children, Place::Paragraph),
        NodeKind::Heading => {
            let level = node.attr_u64("level").unwrap_or(1).clamp(1, 6);
            let marker = "#".repeat(usize::try_from(level).unwrap_or(1));
            format!("{marker} {}", lines(children, Place::Heading)).trim_end().to_owned()
        }
        NodeKind::BulletList | NodeKind::DecisionList => {
            list(children.iter().map(|item| (format!("{sign} "), item)), sign)
        }
        NodeKind::OrderedList => {
            let first = node.attr_u64("order").unwrap_or(1);
            // CommonMark reads no number of more than nine digits.
            let number = |index: usize| first.saturating_add(index as u64).min(999_999_999);
            list(children.iter().enumerate().map(|(i, item)| (format!("{}{sign} ", number(i)), item)), sign)
        }
        NodeKind::TaskList => tasks(node, sign),
        NodeKind::Blockquote => quote(&blocks(children, None)),
        NodeKind::Panel => {
            let panel_type = node.attr_str("panelType").unwrap_or("info");
            let label =
                PANELS.iter().find(|(_, known)| *known == panel_type).map_or("INFO", |(label, _)| *label);
            quote(&format!("[!{label}]\n{}", blocks(children, None)))
        }
        NodeKind::CodeBlock => code_block(node),
        NodeKind::Rule => "---".to_owned(),
        NodeKind::Table => table(node),
        NodeKind::Expand | NodeKind::NestedExpand => {
            let title = Node::text(node.attr_str("title").unwrap_or_default());
            let title = title.with_mark(Mark::new(MarkKind::Strong));
            let title = lines(&[title], Place::Paragraph);
            let body = blocks(children, None);
            let gap = if title.is_empty() || body.is_empty() { "" } else { "\n\n" };
            format!("{title}{gap}{body}")
        }
        NodeKind::BlockCard | NodeKind::EmbedCard | NodeKind::Media => {
            lines(std::slice::from_ref(node), Place::Paragraph)
        }
        _ if children.is_empty() => {
            let own = node.text.clone().unwrap_or_else(|| atom_text(node));
            lines(&[Node::text(own)], Place::Paragraph)
        }
        _ => blocks(children, None),
    }
}

fn list<'a>(items: impl Iterator<Item = (String, &'a Node)>, sign: char) -> String {
    let lines: Vec<String> = items
        .map(|(marker, item)| hang(&marker, &blocks(item.children(), Some(sign))).trim_end().to_owned())
        .collect();
    lines.join("\n")
}

fn tasks(node: &Node, sign: char) -> String {
    let lines = node.children().iter().map(|child| match child.kind {
        NodeKind::TaskList => hang("  ", &tasks(child, sign)),
        _ => {
            let tick = if child.attr_str("state") == Some("DONE") { 'x' } else { ' ' };
            hang(&format!("{sign} "), &format!("[{tick}] {}", blocks(child.children(), None)))
        }
    });
    lines.collect::<Vec<_>>().join("\n")
}

fn quote(text: &str) -> String {
    let quoted = |line: &str| if line.is_empty() { ">".to_owned() } else { format!("> {line}") };
    text.trim_end().split('\n').map(quoted).collect::<Vec<_>>().join("\n")
}

fn code_block(node: &Node) -> String {
    let code: String = node.children().iter().filter_map(|child| child.text.as_deref()).collect();
    let fence = "`".repeat(longest_run(&code, '`').max(2) + 1);
    let language = node.attr_str("language").unwrap_or_default();
    let language: String =
        language.chars().filter(|c| !c.is_whitespace() && *c != '`' && !c.is_control()).collect();
    if code.is_empty() {
        return format!("{fence}{language}\n{fence}");
    }
    format!("{fence}{language}\n{code}\n{fence}")
}

fn table(node: &Node) -> String {
    let rows: Vec<Vec<String>> = node.children().iter().map(row).collect();
    let columns = rows.iter().map(Vec::len).max().unwrap_or(0);
    if columns == 0 {
        return String::new();
    }
    let has_header = node
        .children()
        .first()
        .is_some_and(|row| row.children().iter().all(|cell| cell.kind == NodeKind::TableHeader));
    let line = |cells: &[String]| format!("| {} |", cells.join(" | "));
    // A Markdown table has a header always: an empty one where ours has none.
    let (mut header, body) = match rows.split_first() {
        Some((first, rest)) if has_header => (first.clone(), rest),
        _ => (Vec::new(), rows.as_slice()),
    };
    header.resize(columns, String::new());
    let dashes = vec!["---".to_owned(); columns];
    let lines: Vec<String> = [header, dashes].iter().chain(body).map(|cells| line(cells)).collect();
    lines.join("\n")
}

fn row(row: &Node) -> Vec<String> {
    const MAX_SPAN: u64 = 100;
    let mut cells = Vec::with_capacity(row.children().len());
    for cell in row.children() {
        cells.push(cell_text(cell));
        let span = cell.attr_u64("colspan").unwrap_or(1).clamp(1, MAX_SPAN);
        cells.extend((1..span).map(|_| String::new()));
    }
    cells
}

/// A cell is one line: its blocks are parted by breaks, and those that are not paragraphs are plain text.
fn cell_text(cell: &Node) -> String {
    let mut parts = Vec::new();
    for block in cell.children() {
        let part = match block.kind {
            NodeKind::Paragraph | NodeKind::Heading => lines(block.children(), Place::Cell),
            _ if is_inline(block) => lines(std::slice::from_ref(block), Place::Cell),
            NodeKind::MediaSingle | NodeKind::BlockCard | NodeKind::EmbedCard => {
                lines(block.children(), Place::Cell)
            }
            _ => {
                let plain = text::to_text(&Document::new(vec![block.clone()]));
                let plain = plain.lines().map(|line| lines(&[Node::text(line)], Place::Cell));
                plain.collect::<Vec<_>>().join("<br>")
            }
        };
        if !part.is_empty() {
            parts.push(part);
        }
    }
    parts.join("<br>")
}
