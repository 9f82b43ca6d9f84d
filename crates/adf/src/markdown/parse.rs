//! The blocks of Markdown, line by line.

use super::table::{self, Row};
use super::{PANELS, inline};
use crate::document::{Document, Node, NodeKind};
use crate::envelope::markdown_envelope;
use crate::fit;
use crate::text::clean;

/// Quotes and lists stand no deeper inside each other than this; their markers are text from there on.
const MAX_NESTING: usize = 16;

/// Reads Markdown, and what an envelope in it holds. Never fails: what is no markup is text. The document, which is of
/// the text alone, is always valid.
pub(crate) fn read(source: &str) -> (Document, Option<String>) {
    let source = clean(source);
    let lines: Vec<&str> = source.split('\n').collect();
    let (blocks, envelope) = blocks(&lines, 0);
    (fit::document(blocks), envelope.map(str::to_owned))
}

const BLANKS: [char; 2] = [' ', '\t'];

/// How far a line is indented, in columns: a tab goes to the next multiple of four.
fn indent_of(line: &str) -> usize {
    let signs = line.chars().take_while(|c| BLANKS.contains(c));
    signs.fold(0, |column, c| if c == '\t' { column + 4 - column % 4 } else { column + 1 })
}

/// A line without its first columns of indentation. A tab that reaches beyond them goes as a whole.
fn unindent(line: &str, columns: usize) -> &str {
    let mut column = 0;
    for (at, c) in line.char_indices() {
        if column >= columns || !BLANKS.contains(&c) {
            return &line[at..];
        }
        column += if c == '\t' { 4 - column % 4 } else { 1 };
    }
    ""
}

fn unindented(line: &str) -> &str {
    line.trim_start_matches(BLANKS)
}

fn is_blank(line: &str) -> bool {
    line.trim().is_empty()
}

/// The blocks, and what the last envelope among them holds.
fn blocks<'a>(lines: &[&'a str], depth: usize) -> (Vec<Node>, Option<&'a str>) {
    let mut reader =
        Reader { lines, at: 0, depth, paragraph: Vec::new(), blocks: Vec::new(), envelope: None };
    while let Some(line) = reader.line(0) {
        reader.read(line);
    }
    reader.end_paragraph();
    (reader.blocks, reader.envelope)
}

struct Reader<'a, 'l> {
    lines: &'l [&'a str],
    at: usize,
    depth: usize,
    /// The lines of the paragraph that is being read, without their indentation.
    paragraph: Vec<&'a str>,
    blocks: Vec<Node>,
    envelope: Option<&'a str>,
}

impl<'a> Reader<'a, '_> {
    fn line(&self, ahead: usize) -> Option<&'a str> {
        self.lines.get(self.at + ahead).copied()
    }

    fn push(&mut self, block: Node) {
        self.end_paragraph();
        self.blocks.push(block);
    }

    fn end_paragraph(&mut self) {
        let inlines = inline::parse(&self.paragraph.join("\n"));
        self.paragraph.clear();
        if !inlines.is_empty() {
            self.blocks.push(Node::paragraph(inlines));
        }
    }

    /// Reads one block, or one more line of the paragraph.
    fn read(&mut self, line: &'a str) {
        let indent = indent_of(line);
        let rest = unindented(line);
        if is_blank(rest) {
            self.end_paragraph();
            self.at += 1;
        } else if let Some(envelope) = markdown_envelope(line).filter(|_| self.depth == 0) {
            self.end_paragraph();
            self.envelope = Some(envelope);
            self.at += 1;
        } else if indent >= 4 {
            if self.paragraph.is_empty() { self.indented_code() } else { self.continue_paragraph(rest) }
        } else if let Some(fence) = Fence::opening(rest) {
            self.fenced_code(&fence, indent);
        } else if let Some((level, text)) = heading(rest) {
            self.push_heading(level, text);
            self.at += 1;
        } else if let Some(level) = self.underline(rest) {
            let text = std::mem::take(&mut self.paragraph).join("\n");
            self.push_heading(level, &text);
            self.at += 1;
        } else if is_rule(rest) {
            self.push(Node::new(NodeKind::Rule));
            self.at += 1;
        } else if self.depth < MAX_NESTING && rest.starts_with('>') {
            self.quote();
        } else if let Some(marker) = self.list_marker(rest) {
            self.list(&marker);
        } else if !self.table(rest) {
            self.continue_paragraph(rest);
        }
    }

    fn continue_paragraph(&mut self, rest: &'a str) {
        self.paragraph.push(rest.trim_start());
        self.at += 1;
    }

    fn push_heading(&mut self, level: usize, text: &str) {
        let heading = Node::with_content(NodeKind::Heading, inline::parse(text)).with_attr("level", level);
        self.push(heading);
    }

    /// A line of `=` or `-` below a paragraph makes it a heading.
    fn underline(&self, rest: &str) -> Option<usize> {
        let rest = rest.trim_end();
        let of = |c: char| rest.chars().all(|other| other == c);
        match self.paragraph.is_empty() {
            false if of('=') => Some(1),
            false if of('-') => Some(2),
            _ => None,
        }
    }

    fn indented_code(&mut self) {
        let start = self.at;
        let mut end = start;
        while let Some(line) = self.line(0) {
            if indent_of(line) >= 4 && !is_blank(line) {
                end = self.at + 1;
            } else if !is_blank(line) {
                break;
            }
            self.at += 1;
        }
        let lines: Vec<&str> = self.lines[start..end].iter().map(|line| unindent(line, 4)).collect();
        self.push(code_block(&lines.join("\n"), ""));
    }

    fn fenced_code(&mut self, fence: &Fence<'_>, indent: usize) {
        self.at += 1;
        let mut lines = Vec::new();
        while let Some(line) = self.line(0) {
            self.at += 1;
            if fence.is_closed_by(line) {
                break;
            }
            // Blanks only: a tab belongs to the code.
            let blanks = line.bytes().take(indent).take_while(|byte| *byte == b' ').count();
            lines.push(&line[blanks..]);
        }
        self.push(code_block(&lines.join("\n"), fence.language));
    }

    fn quote(&mut self) {
        let mut inner = Vec::new();
        while let Some(line) = self.line(0) {
            let Some(rest) = unindented(line).strip_prefix('>').filter(|_| indent_of(line) < 4) else {
                break;
            };
            inner.push(rest.strip_prefix(' ').unwrap_or(rest));
            self.at += 1;
        }
        let panel = inner.first().and_then(|line| panel_type(line));
        let node = match panel {
            Some(panel_type) => Node::with_content(NodeKind::Panel, blocks(&inner[1..], self.depth + 1).0)
                .with_attr("panelType", panel_type),
            None => Node::with_content(NodeKind::Blockquote, blocks(&inner, self.depth + 1).0),
        };
        self.push(node);
    }

    fn list_marker(&self, rest: &str) -> Option<Marker> {
        let marker = Marker::of(rest).filter(|_| self.depth < MAX_NESTING)?;
        (self.paragraph.is_empty() || marker.interrupts_paragraph()).then_some(marker)
    }

    fn list(&mut self, first: &Marker) {
        self.end_paragraph();
        let mut items = Vec::new();
        while let Some(line) = self.line(0) {
            let indent = indent_of(line);
            let rest = unindented(line);
            let marker = Marker::of(rest).filter(|marker| marker.continues(first) && indent < 4);
            let Some(marker) = marker.filter(|_| !is_rule(rest)) else {
                break;
            };
            items.push(self.list_item(line, indent, &marker));
        }
        let list = match first.number {
            None => Node::with_content(NodeKind::BulletList, items),
            Some(1) => Node::with_content(NodeKind::OrderedList, items),
            Some(number) => Node::with_content(NodeKind::OrderedList, items).with_attr("order", number),
        };
        self.push(list);
    }

    /// Reads the lines of an item, and the empty lines after it.
    fn list_item(&mut self, line: &'a str, indent: usize, marker: &Marker) -> Node {
        let content = indent + marker.width;
        let mut lines = vec![unindented(line).get(marker.width..).unwrap_or_default()];
        let mut blanks = Vec::new();
        let mut in_fence = Fence::opening(lines[0].trim_start());
        self.at += 1;
        while let Some(line) = self.line(0) {
            if is_blank(line) {
                // An item may begin with an empty line, but not with two.
                if lines.len() == 1 && is_blank(lines[0]) {
                    break;
                }
                blanks.push(unindent(line, content));
            } else if indent_of(line) >= content {
                lines.append(&mut blanks);
                let inner = unindent(line, content);
                in_fence = match in_fence {
                    Some(fence) if fence.is_closed_by(inner) => None,
                    Some(fence) => Some(fence),
                    None => Fence::opening(inner.trim_start()),
                };
                lines.push(inner);
            } else if blanks.is_empty() && in_fence.is_none() && !starts_block(line) && !is_item(line) {
                // A paragraph goes on without its indentation.
                lines.push(line.trim_start());
            } else {
                break;
            }
            self.at += 1;
        }
        while self.line(0).is_some_and(is_blank) {
            self.at += 1;
        }
        Node::with_content(NodeKind::ListItem, blocks(&lines, self.depth + 1).0)
    }

    /// Reads a table where one begins: a row, and a line of dashes of as many columns.
    fn table(&mut self, rest: &str) -> bool {
        let Some(columns) = self.line(1).and_then(table::delimiter_row).filter(|_| rest.contains('|')) else {
            return false;
        };
        let header = table::cells(rest);
        if header.len() != columns {
            return false;
        }
        self.at += 2;
        let mut rows = Vec::new();
        if header.iter().any(|cell| !cell.is_empty()) {
            rows.push(Row { is_header: true, cells: header });
        }
        while let Some(line) = self.line(0).filter(|line| line.contains('|') && !starts_block(line)) {
            rows.push(Row { is_header: false, cells: table::cells(line) });
            self.at += 1;
        }
        if rows.is_empty() {
            rows.push(Row { is_header: true, cells: vec![String::new(); columns] });
        }
        self.push(table::node(rows));
        true
    }
}

/// Whether a line begins another block, so that it does not continue a paragraph.
fn starts_block(line: &str) -> bool {
    let rest = line.trim_start();
    indent_of(line) < 4
        && (rest.starts_with('>')
            || markdown_envelope(line).is_some()
            || is_rule(rest)
            || heading(rest).is_some()
            || Fence::opening(rest).is_some()
            || Marker::of(rest).is_some_and(|marker| marker.interrupts_paragraph()))
}

/// Whether a line begins an item of whichever list.
fn is_item(line: &str) -> bool {
    indent_of(line) < 4 && Marker::of(line.trim_start()).is_some()
}

fn code_block(text: &str, language: &str) -> Node {
    let content = if text.is_empty() { Vec::new() } else { vec![Node::text(text)] };
    let code = Node::with_content(NodeKind::CodeBlock, content);
    if language.is_empty() { code } else { code.with_attr("language", language) }
}

fn heading(rest: &str) -> Option<(usize, &str)> {
    let text = rest.trim_start_matches('#');
    let level = rest.len() - text.len();
    if !(1..=6).contains(&level) || !(text.is_empty() || text.starts_with([' ', '\t'])) {
        return None;
    }
    let text = text.trim();
    let closed = text.trim_end_matches('#');
    let text = if closed.is_empty() || closed.ends_with([' ', '\t']) { closed.trim_end() } else { text };
    Some((level, text))
}

fn is_rule(rest: &str) -> bool {
    let mut signs = rest.chars().filter(|c| !c.is_whitespace());
    let Some(first) = signs.next().filter(|c| matches!(c, '-' | '*' | '_')) else {
        return false;
    };
    let mut count = 1;
    for sign in signs {
        if sign != first {
            return false;
        }
        count += 1;
    }
    count >= 3
}

fn panel_type(line: &str) -> Option<&'static str> {
    let name = line.trim().strip_prefix("[!")?.strip_suffix(']')?;
    PANELS.iter().find(|(label, _)| label.eq_ignore_ascii_case(name)).map(|(_, panel_type)| *panel_type)
}

/// The line that begins a block of code.
struct Fence<'a> {
    sign: char,
    length: usize,
    language: &'a str,
}

impl<'a> Fence<'a> {
    fn opening(rest: &'a str) -> Option<Self> {
        let sign = rest.chars().next().filter(|c| matches!(c, '`' | '~'))?;
        let info = rest.trim_start_matches(sign);
        let length = rest.len() - info.len();
        let language = info.split_whitespace().next().unwrap_or_default();
        (length >= 3 && !(sign == '`' && info.contains('`'))).then_some(Self { sign, length, language })
    }

    fn is_closed_by(&self, line: &str) -> bool {
        let rest = unindented(line);
        let after = rest.trim_start_matches(self.sign);
        indent_of(line) < 4 && rest.len() - after.len() >= self.length && is_blank(after)
    }
}

/// What begins an item of a list.
struct Marker {
    /// `-`, `+`, `*`, or what follows the number: `.` or `)`.
    sign: char,
    number: Option<u64>,
    /// To where the item's text begins.
    width: usize,
    is_empty: bool,
}

impl Marker {
    fn of(rest: &str) -> Option<Self> {
        let after_digits = rest.trim_start_matches(|c: char| c.is_ascii_digit());
        let digits = rest.len() - after_digits.len();
        let sign = after_digits.chars().next()?;
        let number = match (digits, sign) {
            (0, '-' | '+' | '*') => None,
            (1..=9, '.' | ')') => Some(rest[..digits].parse().ok()?),
            _ => return None,
        };
        let text = &after_digits[1..];
        if !(text.is_empty() || text.starts_with([' ', '\t'])) {
            return None;
        }
        let blanks = text.len() - text.trim_start_matches([' ', '\t']).len();
        // Five blanks or more are one blank and indented code.
        let gap = if (1..=4).contains(&blanks) && !is_blank(text) { blanks } else { 1 };
        Some(Self { sign, number, width: digits + 1 + gap, is_empty: is_blank(text) })
    }

    fn interrupts_paragraph(&self) -> bool {
        !self.is_empty && self.number.is_none_or(|number| number == 1)
    }

    fn continues(&self, first: &Self) -> bool {
        self.sign == first.sign && self.number.is_some() == first.number.is_some()
    }
}
