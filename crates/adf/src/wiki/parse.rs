//! The blocks of wiki markup, line by line.

use super::macros::{self, Macro, Part};
use super::{PANEL_COLORS, color, inline};
use crate::document::{Document, Mark, MarkKind, Node, NodeKind};
use crate::envelope::wiki_envelope;
use crate::fit;
use crate::text::clean;

/// A list has no more levels than this; deeper markers count as this deep.
const MAX_LEVELS: usize = 12;

/// Reads wiki markup, and what an envelope in it holds. Never fails: what is no markup is text. The document, which is
/// of the text alone, is always valid.
pub(crate) fn read(source: &str) -> (Document, Option<String>) {
    let source = clean(source);
    let (text, macros) = macros::extract(&source);
    let mut reader = Reader { macros: macros.into_iter().map(Some).collect() };
    let envelope = text.lines().filter_map(wiki_envelope).next_back();
    let document = match envelope {
        None => reader.blocks(&text),
        Some(_) => {
            let lines = text.split('\n').map(|line| if wiki_envelope(line).is_some() { "" } else { line });
            reader.blocks(&lines.collect::<Vec<_>>().join("\n"))
        }
    };
    (fit::document(document), envelope.map(str::to_owned))
}

struct Reader {
    /// Those that were not placed yet. Each is placed once: where its placeholder stands.
    macros: Vec<Option<Macro>>,
}

/// What a line begins.
enum Line<'a> {
    Blank,
    Heading(u64, &'a str),
    Quote(&'a str),
    Rule,
    Row,
    /// The markers and the text after them.
    Item(&'a str, &'a str),
    Text(&'a str),
}

impl<'a> Line<'a> {
    /// `in_list`: whether a list is open, so that `--` can be a level of it.
    fn of(line: &'a str, in_list: bool) -> Self {
        let text = line.trim();
        if text.is_empty() {
            return Self::Blank;
        }
        if text.len() >= 4 && text.bytes().all(|byte| byte == b'-') {
            return Self::Rule;
        }
        if let Some(rest) = text.strip_prefix("bq.") {
            return Self::Quote(rest.trim_start());
        }
        if let Some((level, rest)) = heading(text) {
            return Self::Heading(level, rest);
        }
        if text.starts_with('|') && text.trim_start_matches('|').contains(|c: char| !c.is_whitespace()) {
            return Self::Row;
        }
        match item(line.trim_start(), in_list) {
            Some((markers, rest)) => Self::Item(markers, rest),
            None => Self::Text(text),
        }
    }
}

/// Jira asks for no blank after the dot.
fn heading(text: &str) -> Option<(u64, &str)> {
    let rest = text.strip_prefix('h')?;
    let level = rest.chars().next()?.to_digit(10).filter(|level| (1..=6).contains(level))?;
    let rest = rest[1..].strip_prefix('.')?;
    Some((u64::from(level), rest.trim_start()))
}

/// The markers of a list item and its text. Dashes alone are a marker only one by one, or where a list is open:
/// `-- ` also begins signatures.
fn item(text: &str, in_list: bool) -> Option<(&str, &str)> {
    let rest = text.trim_start_matches(['*', '#', '-']);
    let markers = &text[..text.len() - rest.len()];
    let dashes_only = markers.len() > 1 && markers.bytes().all(|byte| byte == b'-');
    if markers.is_empty() || !rest.starts_with([' ', '\t']) || (dashes_only && !in_list) {
        return None;
    }
    Some((markers, rest.trim()))
}

impl Reader {
    fn blocks(&mut self, text: &str) -> Vec<Node> {
        let lines: Vec<&str> = text.split('\n').collect();
        let mut blocks = Vec::new();
        let mut paragraph: Vec<&str> = Vec::new();
        let mut at = 0;
        while let Some(line) = lines.get(at) {
            let begun = Line::of(line, false);
            if let Line::Text(text) = begun {
                paragraph.push(text);
                at += 1;
                continue;
            }
            blocks.extend(self.paragraphs(&paragraph.join("\n")));
            paragraph.clear();
            match begun {
                Line::Row => at = self.table(&lines, at, &mut blocks),
                Line::Item(..) => at = self.lists(&lines, at, &mut blocks),
                other => {
                    blocks.extend(self.single(&other));
                    at += 1;
                }
            }
        }
        blocks.extend(self.paragraphs(&paragraph.join("\n")));
        blocks
    }

    /// A block of one line.
    fn single(&mut self, line: &Line<'_>) -> Vec<Node> {
        match line {
            Line::Heading(level, text) => {
                let mut parts = self.parts(text);
                let inlines = match parts.first_mut() {
                    Some(first) if first.kind == NodeKind::Paragraph => {
                        let inlines = first.content.take().unwrap_or_default();
                        parts.remove(0);
                        inlines
                    }
                    _ => Vec::new(),
                };
                let heading = Node::with_content(NodeKind::Heading, inlines).with_attr("level", *level);
                std::iter::once(heading).chain(parts).collect()
            }
            Line::Quote(text) => vec![Node::with_content(NodeKind::Blockquote, self.parts(text))],
            Line::Rule => vec![Node::new(NodeKind::Rule)],
            _ => Vec::new(),
        }
    }

    fn paragraphs(&mut self, text: &str) -> Vec<Node> {
        if text.is_empty() { Vec::new() } else { self.parts(text) }
    }

    /// Text and the macros in it: a paragraph, a block of code, a paragraph.
    fn parts(&mut self, text: &str) -> Vec<Node> {
        let mut blocks = Vec::new();
        for part in macros::parts(text) {
            match part {
                Part::Text(text) => {
                    let inlines = inline::parse(text.trim());
                    if !inlines.is_empty() {
                        blocks.push(Node::paragraph(inlines));
                    }
                }
                Part::Macro(index) => {
                    if let Some(found) = self.macros.get_mut(index).and_then(Option::take) {
                        self.place(found, &mut blocks);
                    }
                }
            }
        }
        blocks
    }

    fn place(&mut self, found: Macro, blocks: &mut Vec<Node>) {
        match found {
            Macro::Code { language, title, text } => {
                blocks.extend(title.map(title_paragraph));
                let content = if text.is_empty() { Vec::new() } else { vec![Node::text(text)] };
                let code = Node::with_content(NodeKind::CodeBlock, content);
                blocks.push(match language {
                    Some(language) => code.with_attr("language", language),
                    None => code,
                });
            }
            Macro::Quote { body } => {
                blocks.push(Node::with_content(NodeKind::Blockquote, self.blocks(&body)));
            }
            Macro::Panel { name, title, background, body } => {
                let mut content: Vec<Node> = title.map(title_paragraph).into_iter().collect();
                content.extend(self.blocks(&body));
                blocks.push(panel(name, background.as_deref(), content));
            }
        }
    }

    /// Reads the rows of a table; gives the line after it.
    fn table(&mut self, lines: &[&str], mut at: usize, blocks: &mut Vec<Node>) -> usize {
        let mut rows = Vec::new();
        while let Some(Line::Row) = lines.get(at).map(|line| Line::of(line, false)) {
            let mut row = lines[at].trim().to_owned();
            at += 1;
            // A cell may go on in the next lines, up to the bar that ends the row.
            while !ends_with_bar(&row)
                && let Some(next) = lines.get(at)
                && !matches!(Line::of(next, false), Line::Blank | Line::Row)
            {
                row.push('\n');
                row.push_str(next.trim_end());
                at += 1;
            }
            let cells = inline::cells(&row).into_iter().map(|(is_header, text)| {
                let kind = if is_header { NodeKind::TableHeader } else { NodeKind::TableCell };
                Node::with_content(kind, self.blocks(text.trim()))
            });
            rows.push(Node::with_content(NodeKind::TableRow, cells.collect()));
        }
        blocks.push(Node::with_content(NodeKind::Table, rows));
        at
    }

    /// Reads the items of lists that follow each other; gives the line after them.
    fn lists(&mut self, lines: &[&str], mut at: usize, blocks: &mut Vec<Node>) -> usize {
        let mut builder = ListBuilder::default();
        let mut open: Option<(&str, String)> = None;
        while let Some(line) = lines.get(at) {
            match Line::of(line, true) {
                Line::Item(markers, text) => {
                    if let Some((markers, text)) = open.replace((markers, text.to_owned())) {
                        builder.push(markers, self.parts(&text));
                    }
                }
                // A line that begins nothing else goes on with the item.
                Line::Text(more) => {
                    if let Some((_, text)) = &mut open {
                        text.push('\n');
                        text.push_str(more);
                    }
                }
                _ => break,
            }
            at += 1;
        }
        if let Some((markers, text)) = open {
            builder.push(markers, self.parts(&text));
        }
        builder.finish(blocks);
        at
    }
}

/// A bar that no backslash protects.
fn ends_with_bar(row: &str) -> bool {
    row.strip_suffix('|').is_some_and(|rest| {
        let backslashes = rest.bytes().rev().take_while(|byte| *byte == b'\\').count();
        !rest.is_empty() && backslashes % 2 == 0
    })
}

fn title_paragraph(title: String) -> Node {
    Node::paragraph(vec![Node::text(title).with_mark(Mark::new(MarkKind::Strong))])
}

fn panel(name: &str, background: Option<&str>, content: Vec<Node>) -> Node {
    let panel = Node::with_content(NodeKind::Panel, content);
    if name != "panel" {
        return panel.with_attr("panelType", name);
    }
    let background = background.and_then(color::to_hex);
    let known = PANEL_COLORS.iter().find(|(_, hex)| Some(*hex) == background.as_deref());
    match (known, background) {
        (Some((panel_type, _)), _) => panel.with_attr("panelType", *panel_type),
        (None, Some(hex)) => panel.with_attr("panelType", "custom").with_attr("panelColor", hex),
        (None, None) => panel.with_attr("panelType", "info"),
    }
}

/// Builds lists inside lists from items that say by their markers how deep they stand.
#[derive(Default)]
struct ListBuilder {
    /// The lists that are open, each in the last item of the one before.
    open: Vec<Node>,
    done: Vec<Node>,
}

impl ListBuilder {
    fn push(&mut self, markers: &str, blocks: Vec<Node>) {
        let kind = if markers.ends_with('#') { NodeKind::OrderedList } else { NodeKind::BulletList };
        // An item that skips a level stands one level below the item before it.
        let level = markers.len().min(self.open.len() + 1).min(MAX_LEVELS);
        while self.open.len() > level {
            self.close();
        }
        if self.open.len() == level && self.open.last().is_some_and(|list| list.kind != kind) {
            self.close();
        }
        if self.open.len() < level {
            self.open.push(Node::with_content(kind, Vec::new()));
        }
        if let Some(list) = self.open.last_mut() {
            list.content.get_or_insert_default().push(Node::with_content(NodeKind::ListItem, blocks));
        }
    }

    fn close(&mut self) {
        let Some(list) = self.open.pop() else { return };
        let parent = self.open.last_mut().and_then(|parent| parent.content.as_mut()?.last_mut());
        match parent {
            Some(item) => item.content.get_or_insert_default().push(list),
            None => self.done.push(list),
        }
    }

    fn finish(mut self, blocks: &mut Vec<Node>) {
        while !self.open.is_empty() {
            self.close();
        }
        blocks.append(&mut self.done);
    }
}
