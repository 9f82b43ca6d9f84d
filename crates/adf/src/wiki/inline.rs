//! What stands in a line of wiki markup: formats, links, mentions, images.
//!
//! Formats follow Jira's own rules: `*` begins bold where no letter or digit stands before it and no blank after
//! it, ends it where no blank stands before it and no letter or digit after it, and both on the same line.
//! `{*}` needs no such place.

mod finder;

use self::finder::{Finder, Image};
use super::{color, macros};
use crate::document::{Node, NodeKind};
use crate::links::{self, is_link_target};
use crate::pieces::{self, Piece};
use crate::style::{Format, Link};

pub(super) use self::finder::{cells, is_attachment_name};

/// The signs of formats. `??` is a citation, which documents have not; it is shown slanted, as Jira does.
const FORMATS: [(char, Format); 6] = [
    ('*', Format::Strong),
    ('_', Format::Em),
    ('-', Format::Strike),
    ('+', Format::Underline),
    ('^', Format::Sup),
    ('~', Format::Sub),
];
const CITATION: usize = FORMATS.len();
/// What a backslash protects. Before anything else it is a backslash: `C:\temp`.
const PROTECTED: [char; 16] =
    ['!', '[', ']', '^', '~', '+', '?', '%', '{', '}', '(', ')', '*', '_', '-', '|'];
/// `{color}` stands no deeper inside itself than this; deeper ones are not shown.
const MAX_COLORS: usize = 16;

/// The inline nodes of some lines, whose ends are breaks.
pub(super) fn parse(text: &str) -> Vec<Node> {
    if text.is_empty() {
        return Vec::new();
    }
    let mut pieces = Vec::new();
    Scanner::new(text, &mut pieces, false).scan();
    pieces::nodes(pieces)
}

struct Scanner<'a, 'p> {
    text: &'a str,
    at: usize,
    /// The character before; a neutral one after something protected, so that it begins and ends nothing.
    previous: Option<char>,
    pieces: &'p mut Vec<Piece>,
    /// For each format, where its opening stands among the pieces.
    open: [Option<usize>; FORMATS.len() + 1],
    /// Where the openings of colours stand among the pieces.
    colors: Vec<(usize, Option<String>)>,
    finder: Finder,
    in_link: bool,
}

impl<'a, 'p> Scanner<'a, 'p> {
    fn new(text: &'a str, pieces: &'p mut Vec<Piece>, in_link: bool) -> Self {
        Self {
            text,
            at: 0,
            previous: None,
            pieces,
            open: [None; FORMATS.len() + 1],
            colors: Vec::new(),
            finder: Finder::default(),
            in_link,
        }
    }

    fn scan(mut self) {
        while let Some(c) = self.rest().chars().next() {
            self.step(c);
        }
    }

    fn rest(&self) -> &'a str {
        &self.text[self.at..]
    }

    fn after_word(&self) -> bool {
        self.previous.is_some_and(char::is_alphanumeric)
    }

    /// Past some of the text that is not shown as it stands.
    fn skip(&mut self, length: usize) {
        self.at += length;
        self.previous = Some('.');
    }

    fn take_text(&mut self, length: usize) {
        let text = &self.rest()[..length];
        self.previous = text.chars().next_back();
        self.at += length;
        self.pieces.push(Piece::Text(text.to_owned()));
    }

    fn step(&mut self, c: char) {
        match c {
            '\\' => self.backslash(),
            '\n' => {
                self.skip(1);
                self.end_line();
            }
            '*' | '_' | '-' | '+' | '^' | '~' => self.format(c),
            '?' if self.rest().starts_with("??") => self.toggle(CITATION, 2, '?'),
            '{' => self.brace(),
            '[' => self.link(),
            '!' => self.image(),
            '&' => match numeric_entity(self.rest()) {
                Some((decoded, length)) => {
                    self.skip(length);
                    self.pieces.push(Piece::Text(decoded.to_string()));
                }
                None => self.take_text(1),
            },
            'h' => self.bare_url(),
            '\u{FDD0}' => {
                // A placeholder among text that holds no blocks, as in a link's name.
                let length = macros::placeholder(self.rest()).map_or(c.len_utf8(), |(_, length)| length);
                self.skip(length);
            }
            _ => {
                let special = |c: char| {
                    matches!(
                        c,
                        '\\' | '\n' | '*' | '_' | '-' | '+' | '^' | '~' | '?' | '{' | '[' | '!' | '&' | 'h'
                    ) || c == '\u{FDD0}'
                };
                let first = c.len_utf8();
                let length = self.rest()[first..].find(special).map_or(self.rest().len(), |at| at + first);
                self.take_text(length);
            }
        }
    }

    /// A break. No format reaches over the end of a line.
    fn end_line(&mut self) {
        self.pieces.push(Piece::Break);
        self.open = [None; FORMATS.len() + 1];
        self.previous = None;
        let rest = self.rest();
        self.at += rest.len() - rest.trim_start_matches([' ', '\t']).len();
    }

    fn backslash(&mut self) {
        let after = &self.rest()[1..];
        match after.chars().next() {
            Some('\\') if self.is_break(&after[1..]) => {
                self.skip(2);
                let at_end_of_line = usize::from(self.rest().starts_with('\n'));
                self.skip(at_end_of_line);
                self.end_line();
            }
            Some('\\') => self.take_text(2),
            Some(next) if PROTECTED.contains(&next) => {
                self.skip(1);
                self.take_text(next.len_utf8());
                self.previous = Some('.');
            }
            _ => self.take_text(1),
        }
    }

    /// Whether two backslashes make a break: not where they are part of a path, such as `\\server\share`.
    fn is_break(&self, after: &str) -> bool {
        let in_path = after.chars().take_while(|c| !c.is_whitespace()).any(|c| c == '\\');
        self.previous != Some('\\') && !in_path
    }

    fn format(&mut self, sign: char) {
        match FORMATS.iter().position(|(known, _)| *known == sign) {
            Some(format) => self.toggle(format, sign.len_utf8(), sign),
            None => self.take_text(sign.len_utf8()),
        }
    }

    /// Ends a format or begins one, where its sign stands in such a place.
    fn toggle(&mut self, format: usize, length: usize, sign: char) {
        let next = self.rest()[length..].chars().next();
        let before_word = next.is_some_and(char::is_alphanumeric);
        let before_blank = next.is_none_or(char::is_whitespace);
        let after_blank = self.previous.is_none_or(char::is_whitespace);
        let doubled = next == Some(sign) || self.previous == Some(sign);
        if self.open[format].is_some() && !after_blank && !before_word && !doubled {
            return self.end(format, length);
        }
        let begins = !self.after_word() && !before_blank && !doubled;
        self.take_text(length);
        if begins {
            self.open[format] = Some(self.pieces.len() - 1);
        }
    }

    fn end(&mut self, format: usize, length: usize) {
        let Some(opened) = self.open[format].take() else { return };
        // What was begun inside and not ended is text.
        for other in &mut self.open {
            *other = other.filter(|at| *at < opened);
        }
        let format = FORMATS.get(format).map_or(Format::Em, |(_, format)| *format);
        self.pieces[opened] = Piece::Begin(format);
        self.pieces.push(Piece::End(format));
        self.at += length;
        self.previous = Some('.');
    }

    fn brace(&mut self) {
        let rest = self.rest();
        if rest.starts_with("{{")
            && let Some(end) = self.finder.code_end(rest, self.at)
        {
            let code = unescape_code(&rest[2..end]);
            self.skip(end + 2);
            return self.pieces.push(Piece::Code(code));
        }
        let mut inside = rest.chars().skip(1);
        if let (Some(sign), Some('}')) = (inside.next(), inside.next())
            && let Some(format) = FORMATS.iter().position(|(known, _)| *known == sign)
        {
            if self.open[format].is_some() {
                return self.end(format, 3);
            }
            self.take_text(3);
            self.previous = Some('.');
            self.open[format] = Some(self.pieces.len() - 1);
            return;
        }
        match color_tag(rest) {
            Some((name, length)) => self.color(name, length),
            None => self.take_text(1),
        }
    }

    /// The tags of a colour are not shown, also where they do not pair within their text.
    fn color(&mut self, name: &str, length: usize) {
        self.skip(length);
        if !name.is_empty() {
            if self.colors.len() < MAX_COLORS {
                self.colors.push((self.pieces.len(), color::to_hex(name)));
                self.pieces.push(Piece::Text(String::new()));
            }
        } else if let Some((opened, hex)) = self.colors.pop() {
            self.pieces[opened] = Piece::BeginColor(hex);
            self.pieces.push(Piece::EndColor);
        }
    }

    fn link(&mut self) {
        let rest = self.rest();
        let Some(end) = self.finder.link_end(rest, self.at).filter(|_| !self.in_link) else {
            return self.take_text(1);
        };
        let inner = &rest[1..end];
        if let Some(name) = inner.strip_prefix('~') {
            let id = name.strip_prefix("accountid:").unwrap_or(name);
            if is_user(id) {
                self.skip(end + 1);
                return self.pieces.push(Piece::Atom(Node::new(NodeKind::Mention).with_attr("id", id)));
            }
        }
        let (alias, target) = inner.split_once('|').unwrap_or(("", inner));
        let (target, title) = target.split_once('|').unwrap_or((target, ""));
        let href = target.trim().replace("\\]", "]");
        if !is_link_target(&href) || title.len() > links::MAX_HREF {
            return self.take_text(1);
        }
        self.skip(end + 1);
        if let Some(card) = card(title, &href) {
            return self.pieces.push(Piece::Atom(card));
        }
        let title = (!title.trim().is_empty()).then(|| decode_entities(title.trim()));
        self.pieces.push(Piece::BeginLink(Link { href: href.clone(), title }));
        if alias.trim().is_empty() {
            self.pieces.push(Piece::Text(href));
        } else {
            Scanner::new(alias.trim(), self.pieces, true).scan();
        }
        self.pieces.push(Piece::EndLink);
    }

    fn image(&mut self) {
        let is_in_word = self.after_word();
        match self.finder.image(self.rest(), self.at).filter(|_| !is_in_word && !self.in_link) {
            Some(image) => {
                self.skip(image.length);
                self.pieces.push(Piece::Atom(media(&image)));
            }
            None => self.take_text(1),
        }
    }

    fn bare_url(&mut self) {
        match links::bare_url(self.rest()).filter(|_| !self.after_word()) {
            Some((url, true)) if !self.in_link => {
                self.pieces.push(Piece::BeginLink(Link { href: url.to_owned(), title: None }));
                self.take_text(url.len());
                self.pieces.push(Piece::EndLink);
            }
            Some((url, _)) => self.take_text(url.len()),
            None => self.take_text(1),
        }
    }
}

/// A user's account id, or the user name that Server and Data Center have in its place.
pub(super) fn is_user(id: &str) -> bool {
    let allowed = |c: char| c.is_alphanumeric() || matches!(c, ':' | '-' | '_' | '.' | '@' | '+');
    !id.is_empty() && id.len() <= 255 && id.chars().all(allowed)
}

/// Jira writes its cards as links with a third part.
fn card(title: &str, href: &str) -> Option<Node> {
    let card = match title {
        "smart-link" => Node::new(NodeKind::InlineCard),
        "smart-card" | "smart-embed" => Node::new(NodeKind::BlockCard),
        _ => return None,
    };
    Some(card.with_attr("url", href))
}

/// An image on the web, or an attachment by its name: which media file that is, only Jira knows.
fn media(image: &Image<'_>) -> Node {
    let media = Node::new(NodeKind::Media);
    let mut media = if links::is_http(image.name) {
        media.with_attr("type", "external").with_attr("url", image.name)
    } else {
        media
            .with_attr("type", "file")
            .with_attr("id", image.name)
            .with_attr("collection", "")
            .with_attr("alt", image.name)
    };
    for parameter in image.parameters.split([',', '|']) {
        let (name, value) = parameter.split_once('=').unwrap_or_default();
        let value = value.trim().trim_matches('"');
        match (name.trim(), value.trim_end_matches("px").parse::<u32>()) {
            (name @ ("width" | "height"), Ok(size)) => media = media.with_attr(name, size),
            ("alt", _) if !value.is_empty() => media = media.with_attr("alt", decode_entities(value)),
            _ => {}
        }
    }
    media
}

/// The name in `{color:name}`, empty for `{color}`, and the tag's length.
fn color_tag(text: &str) -> Option<(&str, usize)> {
    let rest = text.strip_prefix("{color")?;
    if rest.starts_with('}') {
        return Some(("", text.len() - rest.len() + 1));
    }
    let name = rest.strip_prefix(':')?;
    let end = name.char_indices().take(40).find(|(_, c)| matches!(c, '}' | '{' | '\n'))?.0;
    (end > 0 && name[end..].starts_with('}')).then(|| (&name[..end], text.len() - name.len() + end + 1))
}

/// The character of `&#42;` and its length.
pub(super) fn numeric_entity(text: &str) -> Option<(char, usize)> {
    let digits = text.strip_prefix("&#")?;
    let end = digits.char_indices().take(8).find(|(_, c)| !c.is_ascii_digit())?.0;
    let decoded = char::from_u32(digits[..end].parse().ok()?)?;
    let fits = digits[end..].starts_with(';')
        && !decoded.is_control()
        && !matches!(decoded, '\u{FDD0}' | '\u{FDD1}');
    fits.then_some((decoded, end + 3))
}

fn decode_entities(text: &str) -> String {
    decode(text, |_| false)
}

/// In code a backslash protects braces only.
fn unescape_code(text: &str) -> String {
    decode(text, |next| matches!(next, '{' | '}'))
}

fn decode(text: &str, is_protected: impl Fn(char) -> bool) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(c) = rest.chars().next() {
        let next = rest[c.len_utf8()..].chars().next();
        let (decoded, length) = match (c, next) {
            ('&', _) => numeric_entity(rest).unwrap_or((c, 1)),
            ('\\', Some(next)) if is_protected(next) => (next, 1 + next.len_utf8()),
            _ => (c, c.len_utf8()),
        };
        out.push(decoded);
        rest = &rest[length..];
    }
    out
}
