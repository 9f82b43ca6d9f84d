//! Writing wiki markup that [`crate::from_wiki`] and Jira read as what was meant.

mod line;

use self::line::Place;
use super::PANEL_COLORS;
use crate::document::{Document, Mark, MarkKind, Node, NodeKind};
use crate::text::{atom_text, is_inline};
use crate::validate::is_hex_color;

/// The document as Jira's wiki markup. What it has no words for is left out or said in words: a status is its
/// bold text, a date its day, the title of an expand a bold line above its content; an image stands by its name.
pub fn to_wiki(document: &Document) -> String {
    Writer::default().blocks(document.content())
}

/// [`to_wiki`] as a Server or Data Center reads it: a mention is `[~name]`, and its id that name. What Cloud reads,
/// `[~accountid:…]`, would tell nobody there.
pub fn to_server_wiki(document: &Document) -> String {
    Writer { mentions: Mentions::Names, ..Writer::default() }.blocks(document.content())
}

/// How people are mentioned.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
enum Mentions {
    #[default]
    AccountIds,
    Names,
}

/// What is open: these macros do not stand inside themselves, and cells take no empty lines.
#[derive(Clone, Copy, Default)]
struct Writer {
    in_quote: bool,
    in_panel: bool,
    in_cell: bool,
    mentions: Mentions,
}

impl Writer {
    fn blocks(self, nodes: &[Node]) -> String {
        let mut written = Vec::new();
        let mut rest = nodes;
        while let Some(node) = rest.first() {
            let line = rest.iter().take_while(|node| is_inline(node)).count();
            let text = if line > 0 { self.line(&rest[..line]) } else { self.block(node) };
            if !text.is_empty() {
                written.push(text);
            }
            rest = &rest[line.max(1)..];
        }
        written.join(if self.in_cell { "\n" } else { "\n\n" })
    }

    fn line(self, nodes: &[Node]) -> String {
        line::write(nodes, if self.in_cell { Place::Cell } else { Place::Paragraph }, self.mentions)
    }

    fn block(self, node: &Node) -> String {
        let children = node.children();
        match node.kind {
            NodeKind::Paragraph | NodeKind::Caption => self.line(children),
            NodeKind::Heading => {
                let level = node.attr_u64("level").unwrap_or(1).clamp(1, 6);
                format!("h{level}. {}", line::write(children, Place::Heading, self.mentions))
            }
            NodeKind::BulletList | NodeKind::TaskList | NodeKind::DecisionList => self.list(node, "*"),
            NodeKind::OrderedList => self.list(node, "#"),
            NodeKind::Blockquote => {
                let body = Self { in_quote: true, in_cell: false, ..self }.blocks(children);
                if self.in_quote { body } else { format!("{{quote}}\n{body}\n{{quote}}") }
            }
            NodeKind::Panel => {
                let body = Self { in_panel: true, in_cell: false, ..self }.blocks(children);
                if self.in_panel {
                    return body;
                }
                format!("{{panel:bgColor={}}}\n{body}\n{{panel}}", panel_color(node))
            }
            NodeKind::CodeBlock => code_block(node),
            NodeKind::Rule => "----".to_owned(),
            NodeKind::Table => {
                let rows: Vec<String> = children.iter().map(|row| self.row(row)).collect();
                rows.join("\n")
            }
            NodeKind::Expand | NodeKind::NestedExpand => {
                let title = Node::text(node.attr_str("title").unwrap_or_default());
                let title = Node::paragraph(vec![title.with_mark(Mark::new(MarkKind::Strong))]);
                let parts = [self.block(&title), self.blocks(children)];
                let parts: Vec<String> = parts.into_iter().filter(|part| !part.is_empty()).collect();
                parts.join(if self.in_cell { "\n" } else { "\n\n" })
            }
            NodeKind::BlockCard | NodeKind::EmbedCard | NodeKind::Media => {
                self.line(std::slice::from_ref(node))
            }
            _ if children.is_empty() => {
                let own = node.text.clone().unwrap_or_else(|| atom_text(node));
                self.line(&[Node::text(own)])
            }
            _ => self.blocks(children),
        }
    }

    /// The items of a list, one a line; `markers` say how deep it stands.
    fn list(self, list: &Node, markers: &str) -> String {
        let items = list.children().iter().map(|item| match item.kind {
            // The tasks below a task stand beside it.
            NodeKind::TaskList => self.list(item, &format!("{markers}*")),
            _ => self.item(item, markers),
        });
        items.collect::<Vec<_>>().join("\n")
    }

    fn item(self, item: &Node, markers: &str) -> String {
        let state = match (&item.kind, item.attr_str("state")) {
            (NodeKind::TaskItem | NodeKind::BlockTaskItem, Some("DONE")) => "[x] ",
            (NodeKind::TaskItem | NodeKind::BlockTaskItem, _) => "[ ] ",
            _ => "",
        };
        let mut out = format!("{markers} {state}");
        let mut rest = item.children();
        let mut is_first = true;
        while let Some(block) = rest.first() {
            let line = rest.iter().take_while(|node| is_inline(node)).count();
            let (text, begins_line) = match block.kind {
                _ if line > 0 => (self.line(&rest[..line]), false),
                NodeKind::BulletList | NodeKind::TaskList => (self.list(block, &format!("{markers}*")), true),
                NodeKind::OrderedList => (self.list(block, &format!("{markers}#")), true),
                _ => (self.block(block), false),
            };
            if begins_line || !is_first {
                out.push('\n');
            }
            out.push_str(&text);
            is_first = false;
            rest = &rest[line.max(1)..];
        }
        out
    }

    fn row(self, row: &Node) -> String {
        let mut out = String::new();
        let mut bar = "|";
        for cell in row.children() {
            bar = if cell.kind == NodeKind::TableHeader { "||" } else { "|" };
            let text = Self { in_cell: true, ..self }.blocks(cell.children());
            out.push_str(bar);
            out.push_str(if text.is_empty() { " " } else { &text });
        }
        out.push_str(bar);
        out
    }
}

fn panel_color(panel: &Node) -> &str {
    let panel_type = match panel.attr_str("panelType") {
        Some("custom") => match panel.attr_str("panelColor").filter(|color| is_hex_color(color, 6)) {
            Some(color) => return color,
            None => "info",
        },
        // Jira itself has no colour for this one, which its editor no longer offers.
        Some("tip") => "success",
        other => other.unwrap_or("info"),
    };
    let known = PANEL_COLORS.iter().find(|(name, _)| *name == panel_type).or(PANEL_COLORS.first());
    known.map(|(_, color)| *color).unwrap_or_default()
}

fn code_block(node: &Node) -> String {
    let text: String = node.children().iter().filter_map(|child| child.text.as_deref()).collect();
    let language = node.attr_str("language").unwrap_or_default();
    let forbidden = |c: char| matches!(c, '{' | '}' | '|' | '=') || c.is_whitespace() || c.is_control();
    let language: String = language.chars().filter(|c| !forbidden(*c)).collect();
    let holds = |tag: &str| text.to_ascii_lowercase().contains(tag);
    let gap = if text.is_empty() { "" } else { "\n" };
    match (language.is_empty(), holds("{code}"), holds("{noformat}")) {
        // Without a language Jira colours {code} as Java.
        (true, _, false) | (false, true, false) => format!("{{noformat}}\n{text}{gap}{{noformat}}"),
        (true, false, true) => format!("{{code}}\n{text}{gap}{{code}}"),
        (false, false, _) => format!("{{code:{language}}}\n{text}{gap}{{code}}"),
        // Nothing can quote both: the text gives way by a blank.
        (_, true, true) => {
            let text = text.replace("{noformat}", "{noformat }");
            format!("{{noformat}}\n{text}{gap}{{noformat}}")
        }
    }
}
