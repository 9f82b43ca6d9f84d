//! Writing what stands in a line.

use crate::document::{Node, NodeKind};
use crate::links::{self, is_link_target};
use crate::markdown::{MENTION_SCHEME, SEPARATOR, inline};
use crate::runs::{Event, Rules, Tag, events};
use crate::style::{Format, Link};
use crate::text::{atom_text, card_url, mention_text};

/// Where a line of text stands, which decides what a break is and what has to be escaped.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Place {
    Paragraph,
    Heading,
    Cell,
}

/// The inline nodes as Markdown.
pub(super) fn lines(nodes: &[Node], place: Place) -> String {
    let rules = Rules { colors: false, formats_end_at_breaks: false };
    let events = events(nodes, rules);
    let mut writer =
        Writer { place, out: String::new(), delimiters: Vec::new(), em: "*", in_link: false, link_start: 0 };
    let trailing = events.iter().rev().take_while(|event| matches!(event, Event::Break)).count();
    for (index, event) in events.iter().enumerate() {
        writer.event(event, index + trailing >= events.len());
    }
    writer.settle(None);
    writer.out
}

struct Writer {
    place: Place,
    out: String,
    /// Delimiters of emphasis that wait for the character after them; whether each opens.
    delimiters: Vec<(&'static str, bool)>,
    /// The sign of the emphasis that is open.
    em: &'static str,
    in_link: bool,
    /// Where the link's text begins.
    link_start: usize,
}

impl Writer {
    fn event(&mut self, event: &Event<'_>, is_trailing: bool) {
        match event {
            Event::Open(tag) => self.tag(tag, true),
            Event::Close(tag) => self.tag(tag, false),
            Event::Space(blanks) => {
                if !self.at_line_start() {
                    self.raw(&blanks.replace(['\n', '\r'], " "));
                }
            }
            Event::Break => {
                let plain = self.place == Place::Paragraph && !is_trailing;
                self.raw(if plain { "\\\n" } else { "<br>" });
            }
            Event::Text(text) => self.text(text),
            Event::Code(code) => self.code(code),
            Event::Atom(node) => self.atom(node),
        }
    }

    fn at_line_start(&self) -> bool {
        (self.out.is_empty() || self.out.ends_with('\n')) && self.delimiters.is_empty()
    }

    fn raw(&mut self, text: &str) {
        self.settle(text.chars().next());
        self.out.push_str(text);
    }

    fn tag(&mut self, tag: &Tag, opens: bool) {
        let html = |name: &str| if opens { format!("<{name}>") } else { format!("</{name}>") };
        match tag {
            Tag::Link(_) if opens => {
                self.open_link();
                self.link_start = self.out.len();
                self.in_link = true;
            }
            Tag::Link(link) => self.close_link(link),
            Tag::Color(_) => {}
            Tag::Format(Format::Strong) => self.delimiters.push(("**", opens)),
            Tag::Format(Format::Em) => {
                // Right inside of bold it takes the other sign: a run of three would leave open what closes when.
                if opens {
                    self.em = if matches!(self.delimiters.last(), Some(("**", true))) { "_" } else { "*" };
                }
                self.delimiters.push((self.em, opens));
            }
            Tag::Format(Format::Strike) => self.delimiters.push(("~~", opens)),
            Tag::Format(Format::Underline) => self.raw(&html("u")),
            Tag::Format(Format::Sub) => self.raw(&html("sub")),
            Tag::Format(Format::Sup) => self.raw(&html("sup")),
        }
    }

    /// A link whose text is its address is written as the address alone.
    fn close_link(&mut self, link: &Link) {
        self.in_link = false;
        self.settle(Some(']'));
        let is_bare = self.out[self.link_start..] == link.href && link.title.is_none();
        if is_bare && is_autolink(&link.href) {
            self.out.truncate(self.link_start - 1);
            return self.raw(&format!("<{}>", link.href));
        }
        self.raw(&format!("]({})", self.target(link)));
    }

    /// An exclamation mark before the bracket would make an image of the link.
    fn open_link(&mut self) {
        if self.delimiters.is_empty() && self.out.ends_with('!') {
            self.out.pop();
            self.out.push_str("\\!");
        }
        self.raw("[");
    }

    /// Writes the delimiters that wait, now that the character after them is known.
    ///
    /// CommonMark takes a run of `*` for an opening or a closing by the characters around it. Where these would
    /// mislead it, a separator makes them punctuation.
    fn settle(&mut self, next: Option<char>) {
        let delimiters = std::mem::take(&mut self.delimiters);
        let is_blank = |c: Option<char>| c.is_none_or(char::is_whitespace);
        let is_word = |c: Option<char>| c.is_some_and(char::is_alphanumeric);
        let is_sign = |c: Option<char>| !is_blank(c) && !is_word(c);
        let before = self.out.chars().next_back();
        let opening = delimiters.iter().position(|(_, opens)| *opens).unwrap_or(delimiters.len());
        let (closing, opening) = delimiters.split_at(opening);
        let is_mixed = |run: &[(&str, bool)]| {
            let first = run.first().and_then(|(sign, _)| sign.chars().next());
            run.iter().any(|(sign, _)| sign.chars().next() != first)
        };
        // An underscore ends nothing within a word.
        let is_strict = closing.last().is_some_and(|(sign, _)| *sign == "_");
        // What follows the closing delimiters: the opening ones, or the text.
        for (sign, _) in closing {
            self.out.push_str(sign);
        }
        let closes_amiss =
            !closing.is_empty() && (is_strict || is_mixed(closing) || is_sign(before)) && is_word(next);
        if !closing.is_empty() && (!opening.is_empty() || closes_amiss) {
            self.out.push_str(SEPARATOR);
        }
        let opens_amiss = closing.is_empty() && (is_mixed(opening) || is_sign(next)) && is_word(before);
        if !opening.is_empty() && opens_amiss {
            self.out.push_str(SEPARATOR);
        }
        for (sign, _) in opening {
            self.out.push_str(sign);
        }
    }

    fn code(&mut self, code: &str) {
        let code = code.replace(['\n', '\r'], " ");
        let code = if self.place == Place::Cell { code.replace('|', "\\|") } else { code };
        let fence = "`".repeat(longest_run(&code, '`') + 1);
        let blank = code.trim().is_empty();
        let padded = code.starts_with('`')
            || code.ends_with('`')
            || (!blank && code.starts_with(' ') && code.ends_with(' '));
        let pad = if padded { " " } else { "" };
        if self.out.ends_with('`') && self.delimiters.is_empty() {
            self.out.push_str(SEPARATOR);
        }
        self.raw(&format!("{fence}{pad}{code}{pad}{fence}"));
    }

    fn atom(&mut self, node: &Node) {
        match node.kind {
            NodeKind::Mention => {
                let id = node.attr_str("id").unwrap_or_default();
                let is_plain =
                    |c: char| c.is_ascii_alphanumeric() || matches!(c, ':' | '-' | '_' | '.' | '@' | '+');
                if id.is_empty() || !id.chars().all(is_plain) {
                    return self.text(&mention_text(node));
                }
                let name = node.attr_str("text").unwrap_or_default();
                self.open_link();
                self.in_link = true;
                self.text(name.trim());
                self.in_link = false;
                self.raw(&format!("]({MENTION_SCHEME}{id})"));
            }
            NodeKind::Media | NodeKind::MediaInline => self.image(node),
            NodeKind::InlineCard | NodeKind::BlockCard | NodeKind::EmbedCard => {
                let url = card_url(node);
                if is_autolink(url) {
                    self.raw(&format!("<{url}>"));
                } else {
                    self.text(url);
                }
            }
            _ => self.text(node.text.as_deref().unwrap_or(&atom_text(node))),
        }
    }

    fn image(&mut self, node: &Node) {
        let address = node.attr_str("url").or_else(|| node.attr_str("id")).unwrap_or_default();
        let alt = node.attr_str("alt").unwrap_or_default();
        let writable = !address.is_empty() && !address.contains(['<', '>', '\n']);
        if !writable {
            return self.text(alt);
        }
        self.raw("![");
        self.in_link = true;
        self.text(alt.trim());
        self.in_link = false;
        self.raw(&format!("]({})", self.address(address)));
    }

    /// An address and its title, as they stand in parentheses.
    fn target(&self, link: &Link) -> String {
        let address = self.address(&link.href);
        match &link.title {
            Some(title) => {
                let title = escape_entities(&title.replace('\\', "\\\\").replace('"', "\\\""));
                let title = if self.place == Place::Cell { title.replace('|', "\\|") } else { title };
                format!("{address} \"{}\"", title.replace(['\n', '\r'], " "))
            }
            None => address,
        }
    }

    fn address(&self, address: &str) -> String {
        let needs_quotes = address.contains([' ', '(', ')', '\t']) || address.starts_with('<');
        let mut escaped = escape_entities(&address.replace('\\', "\\\\"));
        if self.place == Place::Cell {
            escaped = escaped.replace('|', "\\|");
        }
        if !needs_quotes {
            return escaped;
        }
        format!("<{}>", escaped.replace('<', "%3C").replace('>', "%3E"))
    }

    fn text(&mut self, text: &str) {
        let mut rest = text;
        let mut previous = None;
        if self.at_line_start() {
            let taken = self.line_start(rest);
            previous = rest[..taken].chars().next_back();
            rest = &rest[taken..];
        }
        while let Some(c) = rest.chars().next() {
            let in_word = previous.is_some_and(char::is_alphanumeric);
            if let Some((url, _)) = links::bare_url(rest).filter(|_| !in_word) {
                self.raw(url);
                previous = url.chars().next_back();
                rest = &rest[url.len()..];
                continue;
            }
            let after = &rest[c.len_utf8()..];
            if self.needs_escape(c, previous, after) {
                self.raw("\\");
            }
            match c {
                '&' if inline::entity(rest).is_some() => self.raw("&amp;"),
                '\n' | '\r' => self.raw(" "),
                c => self.raw(c.encode_utf8(&mut [0; 4])),
            }
            previous = Some(c);
            rest = after;
        }
    }

    /// Escapes what would begin a block at the start of a line; gives how much of the text it wrote.
    fn line_start(&mut self, text: &str) -> usize {
        let digits = text.len() - text.trim_start_matches(|c: char| c.is_ascii_digit()).len();
        if (1..=9).contains(&digits) && text[digits..].starts_with(['.', ')']) {
            self.raw(&format!("{}\\{}", &text[..digits], &text[digits..=digits]));
            return digits + 1;
        }
        let mut chars = text.chars();
        let (first, next) = (chars.next(), chars.next());
        let begins = match first {
            Some('#' | '>' | '|') => true,
            Some('-' | '+' | '=' | ':') => !next.is_some_and(char::is_alphanumeric),
            _ => false,
        };
        if begins {
            self.raw(&format!("\\{}", &text[..1]));
        }
        usize::from(begins)
    }

    fn needs_escape(&self, c: char, previous: Option<char>, after: &str) -> bool {
        let next = after.chars().next();
        let in_word = previous.is_some_and(char::is_alphanumeric) && next.is_some_and(char::is_alphanumeric);
        match c {
            '\\' => next.is_none_or(|next| next.is_ascii_punctuation() || next == '\n'),
            '`' | '*' | '[' => true,
            '_' => !in_word,
            '~' => previous.is_none_or(|c| c == '~') || next.is_none_or(|c| c == '~'),
            ']' => self.in_link,
            '<' => next.is_none_or(|next| next.is_ascii_alphanumeric() || matches!(next, '/' | '!' | '?')),
            '|' => self.place == Place::Cell,
            '#' => self.place == Place::Heading,
            _ => false,
        }
    }
}

/// Whether an address can stand between angle brackets.
fn is_autolink(address: &str) -> bool {
    is_link_target(address) && !address.contains(['<', '>']) && !address.starts_with(['/', '#'])
}

/// Keeps `&amp;` and its like in a text from being read as the character they stand for.
fn escape_entities(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for (at, c) in text.char_indices() {
        let is_entity = c == '&' && inline::entity(&text[at..]).is_some();
        out.push_str(if is_entity { "&amp;" } else { &text[at..at + c.len_utf8()] });
    }
    out
}

/// The longest row of one sign in a text.
pub(super) fn longest_run(text: &str, sign: char) -> usize {
    let mut longest = 0;
    let mut run = 0;
    for c in text.chars() {
        run = if c == sign { run + 1 } else { 0 };
        longest = longest.max(run);
    }
    longest
}
