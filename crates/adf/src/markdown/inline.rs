//! What stands in a line of Markdown: emphasis, code, links, images.
//!
//! One pass finds the parts and pairs brackets; a second pairs the delimiters of emphasis by CommonMark's rules
//! ("process emphasis", with its lower bounds for where an opener may be, which keep it linear).

mod delimiters;

use self::delimiters::Run;
use super::{MENTION_SCHEME, SEPARATOR};
use crate::document::{Node, NodeKind};
use crate::links::{self, is_link_target};
use crate::pieces::{self, Piece};
use crate::style::{Format, Link};

/// The inline nodes of a text, whose line ends are not breaks.
pub(super) fn parse(text: &str) -> Vec<Node> {
    if text.is_empty() {
        return Vec::new();
    }
    let mut scanner = Scanner {
        text,
        at: 0,
        items: Vec::new(),
        brackets: Vec::new(),
        spent_brackets: 0,
        html: [None; HTML_FORMATS.len()],
        last_backticks: last_backticks(text),
    };
    while let Some(c) = scanner.peek() {
        scanner.step(c);
    }
    let mut items = scanner.items;
    delimiters::pair_all(&mut items);
    pieces::nodes(into_pieces(items))
}

const HTML_FORMATS: [(&str, &str, Format); 3] =
    [("<u>", "</u>", Format::Underline), ("<sub>", "</sub>", Format::Sub), ("<sup>", "</sup>", Format::Sup)];

/// Runs of backticks longer than this are not looked at as code.
const MAX_BACKTICKS: usize = 64;
/// An image's or a person's name is kept to this many bytes: names may stand inside each other.
const MAX_NAME: usize = 256;
const MAX_PARENTHESES: usize = 32;

enum Item {
    Text(String),
    /// A bracket or tag, text unless its other half is found.
    Opening(&'static str),
    /// An address without markup, which is a link unless it stands in one.
    Url(String),
    Piece(Piece),
    Run(Run),
}

/// A `[` or `![` that may begin a link or image.
struct Bracket {
    item: usize,
    /// Where the text after it begins.
    start: usize,
    is_image: bool,
}

struct Scanner<'a> {
    text: &'a str,
    at: usize,
    items: Vec<Item>,
    brackets: Vec<Bracket>,
    /// The brackets below this cannot begin a link: one ended inside of them.
    spent_brackets: usize,
    /// The item of an HTML tag that was opened.
    html: [Option<usize>; HTML_FORMATS.len()],
    /// For each length, where the last run of backticks of this length begins.
    last_backticks: Vec<Option<usize>>,
}

impl<'a> Scanner<'a> {
    fn rest(&self) -> &'a str {
        &self.text[self.at..]
    }

    fn peek(&self) -> Option<char> {
        self.rest().chars().next()
    }

    fn push_text(&mut self, text: &str) {
        match self.items.last_mut() {
            Some(Item::Text(last)) => last.push_str(text),
            _ => self.items.push(Item::Text(text.to_owned())),
        }
    }

    /// Takes some of the text as it is.
    fn take_text(&mut self, length: usize) {
        let text = &self.text[self.at..self.at + length];
        self.at += length;
        self.push_text(text);
    }

    fn push(&mut self, piece: Piece) {
        self.items.push(Item::Piece(piece));
    }

    fn step(&mut self, c: char) {
        match c {
            '\\' => self.backslash(),
            '`' => self.code(),
            '*' | '_' | '~' => self.run(c),
            '\n' => self.line_end(),
            '[' => self.bracket(),
            '!' if self.rest().starts_with("![") => {
                self.open_bracket(2);
            }
            ']' => self.close_bracket(),
            '<' => self.angle(),
            '&' => match entity(self.rest()) {
                Some((decoded, length)) => {
                    self.at += length;
                    self.push_text(decoded.encode_utf8(&mut [0; 4]));
                }
                None => self.take_text(1),
            },
            'h' => self.bare_url(),
            _ => {
                let special = |c: char| {
                    matches!(c, '\\' | '`' | '*' | '_' | '~' | '\n' | '[' | '!' | ']' | '<' | '&' | 'h')
                };
                let first = c.len_utf8();
                let length = self.rest()[first..].find(special).map_or(self.rest().len(), |at| at + first);
                self.take_text(length);
            }
        }
    }

    fn backslash(&mut self) {
        match self.rest()[1..].chars().next() {
            Some('\n') => {
                self.at += 1;
                self.hard_break();
            }
            Some(next) if next.is_ascii_punctuation() => {
                self.at += 1;
                self.take_text(next.len_utf8());
            }
            _ => self.take_text(1),
        }
    }

    /// Past a line end and the blanks of the next line.
    fn hard_break(&mut self) {
        self.push(Piece::Break);
        let rest = &self.rest()[1..];
        self.at += 1 + rest.len() - rest.trim_start_matches(' ').len();
    }

    fn line_end(&mut self) {
        if self.text[..self.at].ends_with("  ") {
            return self.hard_break();
        }
        self.at += 1;
        if !self.text[..self.at - 1].ends_with(' ') {
            self.push_text(" ");
        }
    }

    fn code(&mut self) {
        let rest = self.rest();
        let length = rest.len() - rest.trim_start_matches('`').len();
        let closes = self.last_backticks.get(length).copied().flatten().is_some_and(|last| last > self.at);
        let content = &rest[length..];
        let Some(end) = closes.then(|| find_backticks(content, length)).flatten() else {
            return self.take_text(length);
        };
        let code = content[..end].replace('\n', " ");
        let unpadded = code.strip_prefix(' ').and_then(|code| code.strip_suffix(' '));
        let code = match unpadded {
            Some(unpadded) if !code.trim().is_empty() => unpadded.to_owned(),
            _ => code,
        };
        self.at += length + end + length;
        self.push(Piece::Code(code));
    }

    fn run(&mut self, sign: char) {
        let rest = self.rest();
        let after = rest.trim_start_matches(sign);
        let length = rest.len() - after.len();
        if sign == '~' && length != 2 {
            return self.take_text(length);
        }
        let before = self.text[..self.at].chars().next_back();
        self.items.push(Item::Run(Run::new(sign, length, before, after.chars().next())));
        self.at += length;
    }

    fn bracket(&mut self) {
        if let Some((id, length)) = wiki_mention(self.rest()) {
            let mention = Node::new(NodeKind::Mention).with_attr("id", id);
            self.at += length;
            return self.push(Piece::Atom(mention));
        }
        self.open_bracket(1);
    }

    fn open_bracket(&mut self, length: usize) {
        let bracket = Bracket { item: self.items.len(), start: self.at + length, is_image: length == 2 };
        self.items.push(Item::Opening(if bracket.is_image { "![" } else { "[" }));
        self.brackets.push(bracket);
        self.at += length;
    }

    fn close_bracket(&mut self) {
        let Some(bracket) = self.brackets.pop() else {
            return self.take_text(1);
        };
        let is_spent = !bracket.is_image && self.brackets.len() < self.spent_brackets;
        self.spent_brackets = self.spent_brackets.min(self.brackets.len());
        let target = Target::of(&self.rest()[1..]).filter(|_| !is_spent);
        let Some(target) = target else {
            return self.take_text(1);
        };
        let name = plain(&self.text[bracket.start..self.at]);
        if bracket.is_image {
            let Some(media) = image(&target.address, name) else {
                return self.take_text(1);
            };
            self.items.truncate(bracket.item);
            self.push(Piece::Atom(media));
        } else if let Some(id) = target.address.strip_prefix(MENTION_SCHEME).filter(|id| !id.is_empty()) {
            self.items.truncate(bracket.item);
            let mention = Node::new(NodeKind::Mention).with_attr("id", id);
            self.push(Piece::Atom(if name.is_empty() { mention } else { mention.with_attr("text", name) }));
        } else if is_link_target(&target.address) {
            let link = Link { href: target.address, title: target.title };
            self.items[bracket.item] = Item::Piece(Piece::BeginLink(link));
            self.push(Piece::EndLink);
            self.spent_brackets = self.brackets.len();
        } else {
            return self.take_text(1);
        }
        self.forget_html_from(bracket.item);
        self.at += 1 + target.length;
    }

    /// A tag that was opened inside a link does not reach out of it, and an image has none left.
    fn forget_html_from(&mut self, item: usize) {
        for opened in &mut self.html {
            *opened = opened.filter(|at| *at < item);
        }
    }

    fn angle(&mut self) {
        let rest = self.rest();
        if rest.starts_with(SEPARATOR) {
            self.at += SEPARATOR.len();
            return;
        }
        if let Some(tag) = ["<br>", "<br/>", "<br />"].into_iter().find(|tag| rest.starts_with(tag)) {
            self.at += tag.len();
            return self.push(Piece::Break);
        }
        for (index, (opening, closing, format)) in HTML_FORMATS.into_iter().enumerate() {
            if rest.starts_with(opening) {
                self.html[index] = Some(self.items.len());
                self.items.push(Item::Opening(opening));
                self.at += opening.len();
                return;
            }
            if rest.starts_with(closing)
                && let Some(opened) = self.html[index].take()
            {
                self.items[opened] = Item::Piece(Piece::Begin(format));
                self.at += closing.len();
                return self.push(Piece::End(format));
            }
        }
        match autolink(rest) {
            Some(address) => {
                self.at += address.len() + 2;
                self.items.push(Item::Url(address.to_owned()));
            }
            None => self.take_text(1),
        }
    }

    fn bare_url(&mut self) {
        let in_word = self.text[..self.at].ends_with(char::is_alphanumeric);
        match links::bare_url(self.rest()).filter(|_| !in_word) {
            Some((url, true)) => {
                self.at += url.len();
                self.items.push(Item::Url(url.to_owned()));
            }
            Some((url, false)) => self.take_text(url.len()),
            None => self.take_text(1),
        }
    }
}

/// What follows `]`: `(address)` or `(address "title")`.
struct Target {
    address: String,
    title: Option<String>,
    /// With both parentheses.
    length: usize,
}

impl Target {
    fn of(text: &str) -> Option<Self> {
        let inner = text.strip_prefix('(')?;
        let start = inner.trim_start();
        let (address, rest) = match start.strip_prefix('<') {
            Some(quoted) => {
                let end = quoted.find(['>', '<', '\n']).filter(|end| quoted[*end..].starts_with('>'))?;
                (&quoted[..end], &quoted[end + 1..])
            }
            None => start.split_at(bare_address_len(start)?),
        };
        let after = rest.trim_start();
        let (title, end) = match after.chars().next()? {
            ')' => (None, after),
            quote @ ('"' | '\'') if after.len() < rest.len() => {
                let body = &after[1..];
                let end = unescaped(body, quote)?;
                (Some(unescape(&body[..end])).filter(|title| !title.is_empty()), body[end + 1..].trim_start())
            }
            _ => return None,
        };
        let rest = end.strip_prefix(')')?;
        let length = text.len() - rest.len();
        let title = title.filter(|title| title.len() <= links::MAX_HREF);
        (address.len() <= links::MAX_HREF).then(|| Self { address: unescape(address), title, length })
    }
}

/// The length of an address without brackets around it: up to a blank, or the parenthesis that it did not open.
fn bare_address_len(text: &str) -> Option<usize> {
    let mut open = 0_usize;
    let mut escaped = false;
    for (at, c) in text.char_indices() {
        match c {
            _ if escaped => {}
            '(' => {
                open += 1;
                if open > MAX_PARENTHESES {
                    return None;
                }
            }
            ')' if open == 0 => return Some(at),
            ')' => open -= 1,
            c if c.is_whitespace() || c.is_control() => return Some(at),
            _ => {}
        }
        escaped = c == '\\' && !escaped;
    }
    None
}

/// Where a sign stands without a backslash before it.
fn unescaped(text: &str, sign: char) -> Option<usize> {
    let mut escaped = false;
    text.char_indices().find_map(|(at, c)| {
        let found = c == sign && !escaped;
        escaped = c == '\\' && !escaped;
        found.then_some(at)
    })
}

fn unescape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(c) = rest.chars().next() {
        let next = rest[c.len_utf8()..].chars().next();
        let (decoded, length) = match (c, next) {
            ('\\', Some(next)) if next.is_ascii_punctuation() => (next, 2),
            ('&', _) => entity(rest).unwrap_or((c, 1)),
            _ => (c, c.len_utf8()),
        };
        out.push(decoded);
        rest = &rest[length..];
    }
    out
}

/// A name as plain text, no longer than names may be.
fn plain(text: &str) -> String {
    let end = text.char_indices().map(|(at, c)| at + c.len_utf8()).take_while(|end| *end <= MAX_NAME).last();
    unescape(&text[..end.unwrap_or(0)]).replace('\n', " ")
}

/// On the web, or an attachment by its name. An address of any other scheme is no image.
fn image(address: &str, alt: String) -> Option<Node> {
    let media = Node::new(NodeKind::Media);
    let media = if links::is_http(address) && is_link_target(address) {
        media.with_attr("type", "external").with_attr("url", address)
    } else if address.is_empty() || address.contains(':') {
        return None;
    } else {
        media.with_attr("type", "file").with_attr("id", address).with_attr("collection", "")
    };
    Some(if alt.is_empty() { media } else { media.with_attr("alt", alt) })
}

/// Jira's own mark for a mention, which people and programs also write in Markdown: `[~accountid:ID]`.
fn wiki_mention(text: &str) -> Option<(&str, usize)> {
    let inner = text.strip_prefix("[~accountid:")?;
    let end = inner.find(|c: char| !(c.is_ascii_alphanumeric() || matches!(c, ':' | '-' | '_' | '.')))?;
    let id = &inner[..end];
    (!id.is_empty() && inner[end..].starts_with(']')).then(|| (id, text.len() - inner.len() + end + 1))
}

/// `<https://…>`, without the brackets.
fn autolink(text: &str) -> Option<&str> {
    let inner = text.strip_prefix('<')?;
    let end = inner.find(|c: char| c.is_whitespace() || matches!(c, '<' | '>'))?;
    let address = &inner[..end];
    let absolute = !address.starts_with(['/', '#']);
    (inner[end..].starts_with('>') && absolute && is_link_target(address)).then_some(address)
}

/// The character that stands for `&amp;` and its like, and the length of what stands for it.
pub(super) fn entity(text: &str) -> Option<(char, usize)> {
    let named = [("&amp;", '&'), ("&lt;", '<'), ("&gt;", '>'), ("&quot;", '"'), ("&nbsp;", '\u{A0}')];
    if let Some((name, decoded)) = named.into_iter().find(|(name, _)| text.starts_with(name)) {
        return Some((decoded, name.len()));
    }
    let digits = text.strip_prefix("&#")?;
    let (digits, radix, prefix) = match digits.strip_prefix(['x', 'X']) {
        Some(hex) => (hex, 16, 3),
        None => (digits, 10, 2),
    };
    let end = digits.char_indices().take(8).find(|(_, c)| !c.is_digit(radix))?.0;
    let decoded = char::from_u32(u32::from_str_radix(&digits[..end], radix).ok()?)?;
    (digits[end..].starts_with(';') && !decoded.is_control()).then_some((decoded, prefix + end + 1))
}

fn last_backticks(text: &str) -> Vec<Option<usize>> {
    let mut last = vec![None; MAX_BACKTICKS + 1];
    let mut at = 0;
    while let Some(found) = text[at..].find('`') {
        let start = at + found;
        let length = text.len() - start - text[start..].trim_start_matches('`').len();
        if let Some(last) = last.get_mut(length) {
            *last = Some(start);
        }
        at = start + length;
    }
    last
}

/// Where a run of exactly this many backticks stands.
fn find_backticks(text: &str, length: usize) -> Option<usize> {
    let mut at = 0;
    while let Some(found) = text[at..].find('`') {
        let start = at + found;
        let run = text.len() - start - text[start..].trim_start_matches('`').len();
        if run == length {
            return Some(start);
        }
        at = start + run;
    }
    None
}

fn into_pieces(items: Vec<Item>) -> Vec<Piece> {
    let mut pieces = Vec::with_capacity(items.len());
    let mut in_link = false;
    for item in items {
        match item {
            Item::Text(text) => pieces.push(Piece::Text(text)),
            Item::Opening(sign) => pieces.push(Piece::Text(sign.to_owned())),
            Item::Url(url) if in_link => pieces.push(Piece::Text(url)),
            Item::Url(url) => {
                pieces.push(Piece::BeginLink(Link { href: url.clone(), title: None }));
                pieces.push(Piece::Text(url));
                pieces.push(Piece::EndLink);
            }
            Item::Piece(piece) => {
                in_link = match piece {
                    Piece::BeginLink(_) => true,
                    Piece::EndLink => false,
                    _ => in_link,
                };
                pieces.push(piece);
            }
            Item::Run(run) => {
                pieces.extend(run.ended.into_iter().map(Piece::End));
                pieces.push(Piece::Text(run.sign.to_string().repeat(run.left)));
                pieces.extend(run.begun.into_iter().map(Piece::Begin));
            }
        }
    }
    pieces
}
