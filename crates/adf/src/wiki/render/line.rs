//! Writing what stands in a line.

use super::Mentions;
use crate::document::{Node, NodeKind};
use crate::links::{self, is_link_target};
use crate::runs::{Event, Rules, Tag, events};
use crate::style::{Format, Link};
use crate::text::{atom_text, card_url, mention_text};
use crate::wiki::inline;

/// Where a line stands, which decides what a break is and what has to be escaped.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Place {
    Paragraph,
    Heading,
    Cell,
}

/// The inline nodes as wiki markup.
pub(super) fn write(nodes: &[Node], place: Place, mentions: Mentions) -> String {
    let events = events(nodes, Rules { colors: true, formats_end_at_breaks: true });
    let mut writer = Writer {
        place,
        mentions,
        parts: Vec::new(),
        active: [false; Format::ALL.len()],
        link: None,
        previous: None,
        at_line_start: true,
    };
    for (index, event) in events.iter().enumerate() {
        writer.event(event, events.get(index + 1));
    }
    assemble(&writer.parts)
}

/// Text, or the sign of a format, which is written as `*` or as `{*}` once its neighbours are known.
enum Part {
    Text(String),
    Sign { sign: char, opens: bool },
}

/// A sign stands alone where the parser takes it as such: see [`crate::wiki::inline`].
fn assemble(parts: &[Part]) -> String {
    let mut out = String::new();
    for (index, part) in parts.iter().enumerate() {
        match part {
            Part::Text(text) => out.push_str(text),
            Part::Sign { sign, opens } => {
                let previous = out.chars().next_back();
                let next = parts.get(index + 1).and_then(|part| match part {
                    Part::Text(text) => text.chars().next(),
                    Part::Sign { sign, .. } => Some(*sign),
                });
                let is_word = |c: Option<char>| c.is_some_and(char::is_alphanumeric);
                let outside = if *opens { previous } else { next };
                if is_word(outside) || previous == Some(*sign) || next == Some(*sign) {
                    out.extend(['{', *sign, '}']);
                } else {
                    out.push(*sign);
                }
            }
        }
    }
    out
}

struct Writer {
    place: Place,
    mentions: Mentions,
    parts: Vec<Part>,
    /// The formats that are open, whose signs have to be escaped.
    active: [bool; Format::ALL.len()],
    /// Where the link's text begins among the parts.
    link: Option<usize>,
    /// The character before, as the parser sees it; `None` at the start of a line.
    previous: Option<char>,
    /// Whether the line has nothing yet but signs of formats, which could be read as the markers of a list.
    at_line_start: bool,
}

fn sign_of(format: Format) -> char {
    match format {
        Format::Strong => '*',
        Format::Em => '_',
        Format::Strike => '-',
        Format::Underline => '+',
        Format::Sub => '~',
        Format::Sup => '^',
    }
}

fn format_of(sign: char) -> Option<Format> {
    Format::ALL.into_iter().find(|format| sign_of(*format) == sign)
}

impl Writer {
    fn event(&mut self, event: &Event<'_>, next: Option<&Event<'_>>) {
        match event {
            Event::Open(Tag::Link(_)) => {
                self.markup("[");
                self.link = Some(self.parts.len());
            }
            Event::Close(Tag::Link(link)) => self.close_link(link),
            Event::Open(Tag::Color(color)) => self.markup(&format!("{{color:{color}}}")),
            Event::Close(Tag::Color(_)) => self.markup("{color}"),
            Event::Open(Tag::Format(format)) => self.sign(*format, true),
            Event::Close(Tag::Format(format)) => self.sign(*format, false),
            Event::Text(text) => self.text(text),
            Event::Space(blanks) => {
                if self.previous.is_some() {
                    self.verbatim(&blanks.replace(['\n', '\r'], " "));
                }
            }
            Event::Code(code) => self.code(code),
            Event::Break => self.line_break(next),
            Event::Atom(node) => self.atom(node),
        }
    }

    fn verbatim(&mut self, text: &str) {
        self.previous = text.chars().next_back().or(self.previous);
        self.at_line_start = false;
        let begins_link = self.link == Some(self.parts.len());
        match self.parts.last_mut() {
            Some(Part::Text(last)) if !begins_link => last.push_str(text),
            _ => self.parts.push(Part::Text(text.to_owned())),
        }
    }

    /// Something whose last character begins or ends no format.
    fn markup(&mut self, text: &str) {
        self.verbatim(text);
        self.previous = Some('.');
    }

    fn sign(&mut self, format: Format, opens: bool) {
        let sign = sign_of(format);
        self.active[format as usize] = opens;
        self.parts.push(Part::Sign { sign, opens });
        // Where the text begins with the sign, the parser sees braces before it: see `assemble`.
        self.previous = Some('.');
    }

    /// A line end where that makes a break: between two lines that have something.
    fn line_break(&mut self, next: Option<&Event<'_>>) {
        let text_follows = match next {
            Some(Event::Text(_) | Event::Code(_) | Event::Open(_)) => true,
            Some(Event::Atom(node)) => !atom_text(node).is_empty(),
            _ => false,
        };
        if text_follows && self.previous.is_some() && self.place != Place::Heading {
            self.verbatim("\n");
            self.at_line_start = true;
        } else {
            // The blank keeps a backslash that follows from making a path of it.
            self.verbatim("\\\\ ");
        }
        self.previous = None;
    }

    fn ends_with(&self, end: &str) -> bool {
        matches!(self.parts.last(), Some(Part::Text(text)) if text.ends_with(end))
    }

    fn close_link(&mut self, link: &Link) {
        let href = address(&link.href);
        let title = link.title.as_deref().map(|title| format!("|{}", attribute(title))).unwrap_or_default();
        let start = self.link.take().unwrap_or(self.parts.len());
        if let [Part::Text(text)] = &self.parts[start..]
            && *text == href
            && title.is_empty()
        {
            return self.markup("]");
        }
        self.markup(&format!("|{href}{title}]"));
    }

    fn code(&mut self, code: &str) {
        let mut out = String::from("{{");
        let mut chars = code.char_indices().peekable();
        while let Some((at, c)) = chars.next() {
            let next = chars.peek().map(|(_, next)| *next);
            match c {
                '{' | '}' => out.extend(['\\', c]),
                '\\' if next.is_none_or(|next| matches!(next, '{' | '}')) => out.push_str("&#92;"),
                '[' | ']' | '|' if self.link.is_some() => out.push_str(&format!("&#{};", u32::from(c))),
                '&' if inline::numeric_entity(&code[at..]).is_some() => out.push_str("&#38;"),
                '\n' | '\r' => out.push(' '),
                c => out.push(c),
            }
        }
        out.push_str("}}");
        self.markup(&out);
    }

    fn atom(&mut self, node: &Node) {
        match node.kind {
            NodeKind::Mention => {
                let id = node.attr_str("id").unwrap_or_default();
                if inline::is_user(id) {
                    let scheme = if self.mentions == Mentions::AccountIds { "accountid:" } else { "" };
                    self.markup(&format!("[~{scheme}{id}]"));
                } else {
                    self.text(&mention_text(node));
                }
            }
            NodeKind::Status => {
                let text = atom_text(node);
                if !text.trim().is_empty() {
                    self.sign(Format::Strong, true);
                    self.text(text.trim());
                    self.sign(Format::Strong, false);
                }
            }
            NodeKind::InlineCard => self.card(node, "smart-link"),
            NodeKind::BlockCard => self.card(node, "smart-card"),
            NodeKind::EmbedCard => self.card(node, "smart-embed"),
            NodeKind::Media | NodeKind::MediaInline => self.image(node),
            _ => self.text(node.text.as_deref().unwrap_or(&atom_text(node)).trim()),
        }
    }

    fn card(&mut self, node: &Node, kind: &str) {
        let url = card_url(node);
        if is_link_target(url) {
            let url = address(url);
            self.markup(&format!("[{url}|{url}|{kind}]"));
        } else {
            self.text(url.trim());
        }
    }

    /// An image by its address, or by the attachment's name, which Jira keeps as its alternative text.
    fn image(&mut self, node: &Node) {
        let attr = |name: &str| node.attr_str(name).filter(|text| !text.is_empty());
        let alt = attr("alt");
        let is_name = |name: &&str| inline::is_attachment_name(name);
        let name = attr("url").or(alt.filter(is_name)).or(attr("id")).unwrap_or_default();
        if name.is_empty() || name.contains(['!', '|', '\n', '{', '[', ']']) {
            return self.text(alt.unwrap_or_default().trim());
        }
        let size = |name: &str| node.attr_u64(name).map(|size| format!("{name}={size}"));
        let alt = alt.filter(|alt| *alt != name).map(|alt| format!("alt=\"{}\"", attribute(alt)));
        let parameters: Vec<String> = [size("width"), size("height"), alt].into_iter().flatten().collect();
        let bar = if parameters.is_empty() { "" } else { "|" };
        self.markup(&format!("!{name}{bar}{}!", parameters.join(",")));
    }

    fn text(&mut self, text: &str) {
        let mut rest = text;
        if self.at_line_start && self.place != Place::Heading {
            let taken = self.line_start(rest);
            rest = &rest[taken..];
        }
        while let Some(c) = rest.chars().next() {
            let in_word = self.previous.is_some_and(char::is_alphanumeric);
            if let Some((url, _)) = links::bare_url(rest).filter(|_| !in_word) {
                self.verbatim(url);
                rest = &rest[url.len()..];
                continue;
            }
            self.character(c, rest);
            rest = &rest[c.len_utf8()..];
        }
    }

    fn character(&mut self, c: char, rest: &str) {
        let next = rest[c.len_utf8()..].chars().next();
        match c {
            '\\' if !next.is_some_and(|next| next.is_alphanumeric() || next == ' ') => self.markup("&#92;"),
            '&' if inline::numeric_entity(rest).is_some() => self.markup("&#38;"),
            '|' if self.link.is_some() => self.markup("&#124;"),
            '\n' | '\r' | '\t' => self.verbatim(" "),
            c if self.needs_escape(c, next) => self.markup(&format!("\\{c}")),
            c => self.verbatim(c.encode_utf8(&mut [0; 4])),
        }
    }

    fn needs_escape(&self, c: char, next: Option<char>) -> bool {
        let after_word = self.previous.is_some_and(char::is_alphanumeric);
        let before_blank = next.is_some_and(char::is_whitespace);
        match c {
            '{' | '[' => true,
            // After code it would be taken for a part of it.
            '}' => self.ends_with("}"),
            ']' => self.link.is_some(),
            '|' => self.place == Place::Cell,
            '!' => !after_word && !before_blank,
            '?' => self.previous == Some('?'),
            _ => format_of(c).is_some_and(|format| {
                let doubled = self.previous == Some(c) || next == Some(c);
                let may_end = self.active[format as usize]
                    && !self.previous.is_some_and(char::is_whitespace)
                    && !next.is_some_and(char::is_alphanumeric);
                !doubled && (may_end || (!after_word && !before_blank))
            }),
        }
    }

    /// Escapes what would begin a block at the start of a line; gives how much of the text it wrote.
    fn line_start(&mut self, text: &str) -> usize {
        let ends_word = |rest: &str| rest.is_empty() || rest.starts_with(char::is_whitespace);
        let after_markers = text.trim_start_matches(['*', '#', '-']);
        let is_item = after_markers.len() < text.len() && ends_word(after_markers);
        let is_number = |c: char| ('1'..='6').contains(&c);
        let is_heading = text
            .strip_prefix('h')
            .is_some_and(|rest| rest.strip_prefix(is_number).is_some_and(|rest| rest.starts_with('.')));
        let first = text.as_bytes().first().copied().unwrap_or_default();
        if is_heading || text.starts_with("bq.") || (is_item && first == b'#') {
            // No backslash protects a letter or a number sign.
            self.markup(&format!("&#{first};"));
            return 1;
        }
        if is_item || text.starts_with("----") || text.starts_with('|') {
            self.markup(&format!("\\{}", &text[..1]));
            return 1;
        }
        0
    }
}

/// An address as it may stand in a link.
fn address(href: &str) -> String {
    let mut out = String::with_capacity(href.len());
    for c in href.chars() {
        match c {
            '|' | '[' | ']' | '{' | '}' | '\\' => out.push_str(&format!("%{:02X}", u32::from(c))),
            c => out.push(c),
        }
    }
    out
}

/// A text that stands among the parameters of a link or image: what would end it is written as a number.
fn attribute(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '|' | '[' | ']' | '{' | '}' | '\\' | '!' | ',' | '"' | '&' => {
                out.push_str(&format!("&#{};", u32::from(c)));
            }
            '\n' | '\r' => out.push(' '),
            c => out.push(c),
        }
    }
    out
}
