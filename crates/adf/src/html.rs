//! HTML, safe to stand in a page as it is.
//!
//! All text is escaped, no HTML of the document's own passes, links lead to http, https and mailto only, and
//! nothing is fetched when the page is shown: an image is a link to it. There is no inline style either, so that a
//! strict content security policy holds; a colour stands in `data-color`.

use std::fmt::Write;

use crate::document::{Document, Mark, MarkKind, Node, NodeKind};
use crate::links::is_web_link;
use crate::text::{atom_text, card_url, date_text, is_inline, mention_text};
use crate::validate::is_hex_color;

/// The document as an HTML fragment of semantic elements. Classes: `panel panel-info`, `status status-green`,
/// `mention`, `emoji`, `date`, `text-color`, `background-color`, `task-list`, `task-item`, `decision-list`,
/// `decision-item`, `media`, `card`, `layout`, `layout-column`, `extension`, `placeholder`, `language-rust`.
pub fn to_html(document: &Document) -> String {
    let mut html = Html { out: String::new() };
    html.nodes(document.content());
    html.out
}

struct Html {
    out: String,
}

impl Html {
    fn nodes(&mut self, nodes: &[Node]) {
        for node in nodes {
            self.node(node);
        }
    }

    fn text(&mut self, text: &str) {
        push_escaped(&mut self.out, text);
    }

    /// `<name class="…">children</name>`; the opening tag's inside is trusted.
    fn element(&mut self, opening: &str, children: &[Node]) {
        self.open(opening);
        self.nodes(children);
        self.close(opening);
    }

    fn open(&mut self, opening: &str) {
        self.out.push('<');
        self.out.push_str(opening);
        self.out.push('>');
    }

    fn close(&mut self, opening: &str) {
        let name = opening.split(' ').next().unwrap_or_default();
        self.out.push_str("</");
        self.out.push_str(name);
        self.out.push('>');
    }

    fn labelled(&mut self, opening: &str, text: &str) {
        self.open(opening);
        self.text(text);
        self.close(opening);
    }

    fn node(&mut self, node: &Node) {
        let children = node.children();
        match &node.kind {
            NodeKind::Paragraph => self.element(&format!("p{}", placement(node)), children),
            NodeKind::Heading => {
                let level = node.attr_u64("level").unwrap_or(1).clamp(1, 6);
                self.element(&format!("h{level}{}", placement(node)), children);
            }
            NodeKind::BulletList => self.element("ul", children),
            NodeKind::OrderedList => match node.attr_u64("order") {
                Some(first) if first != 1 => self.element(&format!("ol start=\"{first}\""), children),
                _ => self.element("ol", children),
            },
            NodeKind::ListItem => {
                self.open("li");
                self.tight(children);
                self.close("li");
            }
            NodeKind::Blockquote => self.element("blockquote", children),
            NodeKind::CodeBlock => self.code_block(node),
            NodeKind::Rule => self.open("hr"),
            NodeKind::Panel => {
                let panel = class_word(node.attr_str("panelType").unwrap_or("info"));
                self.element(&format!("div class=\"panel panel-{panel}\""), children);
            }
            NodeKind::Expand | NodeKind::NestedExpand => {
                self.open("details");
                self.labelled("summary", node.attr_str("title").unwrap_or_default());
                self.nodes(children);
                self.close("details");
            }
            NodeKind::Table => {
                self.open("table");
                self.element("tbody", children);
                self.close("table");
            }
            NodeKind::TableRow => self.element("tr", children),
            NodeKind::TableHeader | NodeKind::TableCell => self.cell(node),
            NodeKind::TaskList => self.element("ul class=\"task-list\"", children),
            NodeKind::TaskItem | NodeKind::BlockTaskItem => self.task(node),
            NodeKind::DecisionList => self.element("ul class=\"decision-list\"", children),
            NodeKind::DecisionItem => self.element("li class=\"decision-item\"", children),
            NodeKind::MediaSingle | NodeKind::MediaGroup => self.element("figure", children),
            NodeKind::Caption => self.element("figcaption", children),
            NodeKind::LayoutSection => self.element("div class=\"layout\"", children),
            NodeKind::LayoutColumn => self.element("div class=\"layout-column\"", children),
            _ if is_inline(node) => self.inline(node),
            _ => self.other_block(node),
        }
    }

    /// A single paragraph without its `<p>`, also before a list below it: as a list item or cell reads best.
    fn tight(&mut self, children: &[Node]) {
        let (first, rest) = match children {
            [first, rest @ ..] if first.kind == NodeKind::Paragraph && placement(first).is_empty() => {
                (first, rest)
            }
            _ => return self.nodes(children),
        };
        let is_list = |node: &Node| {
            matches!(node.kind, NodeKind::BulletList | NodeKind::OrderedList | NodeKind::TaskList)
        };
        if rest.iter().all(is_list) {
            self.nodes(first.children());
            self.nodes(rest);
        } else {
            self.nodes(children);
        }
    }

    fn code_block(&mut self, node: &Node) {
        self.open("pre");
        let language = node.attr_str("language").map(class_word).filter(|language| !language.is_empty());
        let opening = match language {
            Some(language) => format!("code class=\"language-{language}\""),
            None => "code".to_owned(),
        };
        self.open(&opening);
        for child in node.children() {
            self.text(child.text.as_deref().unwrap_or_default());
        }
        self.close(&opening);
        self.close("pre");
    }

    fn cell(&mut self, node: &Node) {
        let mut opening = if node.kind == NodeKind::TableHeader { "th" } else { "td" }.to_owned();
        for name in ["colspan", "rowspan"] {
            if let Some(span) = node.attr_u64(name).filter(|span| *span > 1) {
                // HTML itself bounds a column span to 1000.
                let _ = write!(opening, " {name}=\"{}\"", span.min(1000));
            }
        }
        self.open(&opening);
        self.tight(node.children());
        self.close(&opening);
    }

    fn task(&mut self, node: &Node) {
        let checked = if node.attr_str("state") == Some("DONE") { " checked" } else { "" };
        self.open("li class=\"task-item\"");
        self.open(&format!("input type=\"checkbox\" disabled{checked}"));
        self.out.push(' ');
        self.nodes(node.children());
        self.close("li");
    }

    fn other_block(&mut self, node: &Node) {
        match node.kind {
            NodeKind::Media => self.link_or_label("media", node.attr_str("url"), &atom_text(node)),
            NodeKind::BlockCard | NodeKind::EmbedCard => {
                self.open("p");
                self.card(node);
                self.close("p");
            }
            _ => {
                self.open("div class=\"extension\"");
                match node.children() {
                    [] => self.text(&node.text.clone().unwrap_or_else(|| atom_text(node))),
                    children => self.nodes(children),
                }
                self.close("div");
            }
        }
    }

    fn card(&mut self, node: &Node) {
        let url = card_url(node);
        self.link_or_label("card", Some(url), url);
    }

    fn link_or_label(&mut self, class: &str, href: Option<&str>, label: &str) {
        match href.filter(|href| is_web_link(href)) {
            Some(href) => {
                self.open_link(href, Some(class), None);
                self.text(label);
                self.out.push_str("</a>");
            }
            None => self.labelled(&format!("span class=\"{class}\""), label),
        }
    }

    fn open_link(&mut self, href: &str, class: Option<&str>, title: Option<&str>) {
        self.out.push_str("<a");
        if let Some(class) = class {
            let _ = write!(self.out, " class=\"{class}\"");
        }
        self.out.push_str(" href=\"");
        self.text(href);
        if let Some(title) = title {
            self.out.push_str("\" title=\"");
            self.text(title);
        }
        self.out.push_str("\" rel=\"nofollow noopener noreferrer\">");
    }

    fn inline(&mut self, node: &Node) {
        match node.kind {
            NodeKind::Text => self.marked_text(node),
            NodeKind::HardBreak => self.out.push_str("<br>"),
            NodeKind::Mention => self.labelled("span class=\"mention\"", &mention_text(node)),
            NodeKind::Emoji => self.labelled("span class=\"emoji\"", &atom_text(node)),
            NodeKind::Date => {
                let day = date_text(node);
                self.out.push_str("<time class=\"date\" datetime=\"");
                self.text(&day);
                self.out.push_str("\">");
                self.text(&day);
                self.out.push_str("</time>");
            }
            NodeKind::Status => {
                let color = class_word(node.attr_str("color").unwrap_or("neutral"));
                self.labelled(&format!("span class=\"status status-{color}\""), &atom_text(node));
            }
            NodeKind::InlineCard => self.card(node),
            NodeKind::MediaInline => self.labelled("span class=\"media\"", &atom_text(node)),
            NodeKind::Placeholder => self.labelled("span class=\"placeholder\"", &atom_text(node)),
            _ => self
                .labelled("span class=\"extension\"", &node.text.clone().unwrap_or_else(|| atom_text(node))),
        }
    }

    fn marked_text(&mut self, node: &Node) {
        let mut opened = Vec::new();
        for mark in node.marks.as_deref().unwrap_or_default() {
            if let Some(name) = self.open_mark(mark) {
                opened.push(name);
            }
        }
        self.text(node.text.as_deref().unwrap_or_default());
        for name in opened.into_iter().rev() {
            self.close(name);
        }
    }

    /// Opens the element of a mark and gives its name; a mark that is not shown gives none.
    fn open_mark(&mut self, mark: &Mark) -> Option<&'static str> {
        let name = match mark.kind {
            MarkKind::Strong => "strong",
            MarkKind::Em => "em",
            MarkKind::Underline => "u",
            MarkKind::Strike => "s",
            MarkKind::Code => "code",
            MarkKind::Subsup if mark.attr_str("type") == Some("sub") => "sub",
            MarkKind::Subsup => "sup",
            MarkKind::Link => {
                let href = mark.attr_str("href").filter(|href| is_web_link(href))?;
                self.open_link(href, None, mark.attr_str("title"));
                return Some("a");
            }
            MarkKind::TextColor | MarkKind::BackgroundColor => {
                let color = mark.attr_str("color").filter(|color| is_hex_color(color, 6))?;
                let text = mark.kind == MarkKind::TextColor;
                let class = if text { "text-color" } else { "background-color" };
                let _ = write!(self.out, "<span class=\"{class}\" data-color=\"{color}\">");
                return Some("span");
            }
            _ => return None,
        };
        self.open(name);
        Some(name)
    }
}

/// The class of an aligned paragraph or heading, as an attribute.
fn placement(node: &Node) -> &'static str {
    match node.mark(&MarkKind::Alignment).and_then(|mark| mark.attr_str("align")) {
        Some("center") => " class=\"align-center\"",
        Some("end") => " class=\"align-end\"",
        _ => "",
    }
}

/// What of a name may stand in a class: letters, digits, and the signs of `c++`, `c#` and `objective-c`.
fn class_word(name: &str) -> String {
    let allowed = |c: &char| c.is_ascii_alphanumeric() || matches!(c, '+' | '#' | '-' | '_' | '.');
    name.chars().filter(allowed).take(40).collect()
}

fn push_escaped(out: &mut String, text: &str) {
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            c => out.push(c),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{from_markdown, from_wiki};
    use serde_json::{Value, json};

    fn html(content: Value) -> String {
        to_html(&Document::from_json(&json!({"version": 1, "type": "doc", "content": content})).unwrap())
    }

    #[test]
    fn elements_are_semantic() {
        let wiki = "h2. Plan\n* one\n** two\n\n||a||b||\n|c|*d*|\n\n{code:rust}\nif a < b {}\n{code}";
        assert_eq!(
            to_html(&from_wiki(wiki)),
            "<h2>Plan</h2><ul><li>one<ul><li>two</li></ul></li></ul>\
             <table><tbody><tr><th>a</th><th>b</th></tr><tr><td>c</td><td><strong>d</strong></td></tr></tbody></table>\
             <pre><code class=\"language-rust\">if a &lt; b {}</code></pre>"
        );
        assert_eq!(
            to_html(&from_markdown("- [x] done\n\n> [!WARNING]\n> careful")),
            "<ul class=\"task-list\"><li class=\"task-item\"><input type=\"checkbox\" disabled checked> done</li></ul>\
             <div class=\"panel panel-warning\"><p>careful</p></div>"
        );
    }

    #[test]
    fn nothing_of_the_document_is_markup() {
        let evil = "<script>alert('1')</script>\"";
        let out = html(json!([
            {"type": "paragraph", "content": [
                {"type": "text", "text": evil},
                {"type": "text", "text": "x", "marks": [{"type": "link", "attrs": {"href": "javascript:alert(1)"}}]},
                {"type": "text", "text": "y", "marks": [
                    {"type": "link", "attrs": {"href": "https://a/\" onclick=\"", "title": evil}},
                    {"type": "textColor", "attrs": {"color": "red\" onclick=\""}}]},
                {"type": "status", "attrs": {"text": evil, "color": "green\" onclick=\""}},
                {"type": "date", "attrs": {"timestamp": evil}},
                {"type": "mention", "attrs": {"id": evil}},
            ]},
            {"type": "codeBlock", "attrs": {"language": evil}, "content": [{"type": "text", "text": evil}]},
            {"type": "panel", "attrs": {"panelType": "\" onclick=\""}},
            {"type": "expand", "attrs": {"title": evil}},
            {"type": "mediaSingle", "content": [
                {"type": "media", "attrs": {"type": "external", "url": "data:text/html,x", "alt": evil}}]},
            {"type": "hologram", "attrs": {"text": evil}, "content": [{"type": "text", "text": evil}]},
        ]));
        assert!(!out.contains("<script"), "{out}");
        assert!(!out.contains("javascript:") && !out.contains("data:text"), "{out}");
        assert!(!out.contains("onclick=\""), "{out}");
        assert!(out.contains("<a href=\"https://a/&quot; onclick=&quot;\""), "{out}");
    }
}
