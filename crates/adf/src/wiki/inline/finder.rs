//! Where links, code and images end, within their line.

use crate::links::{self, is_link_target};

/// The cells of a row, and whether each is a header. A bar in a link, in code or in an image parts no cells.
pub(in crate::wiki) fn cells(row: &str) -> Vec<(bool, &str)> {
    let mut cells = Vec::new();
    let mut open: Option<(bool, usize)> = None;
    let mut finder = Finder::default();
    let mut at = 0;
    while let Some(c) = row[at..].chars().next() {
        let rest = &row[at..];
        let skipped = match c {
            '\\' => Some(1 + rest[1..].chars().next().map_or(0, char::len_utf8)),
            '[' => finder.link_end(rest, at).map(|end| end + 1),
            '{' if rest.starts_with("{{") => finder.code_end(rest, at).map(|end| end + 2),
            '!' => finder.image(rest, at).map(|image| image.length),
            _ => None,
        };
        if c != '|' {
            at += skipped.unwrap_or(c.len_utf8());
            continue;
        }
        if let Some((is_header, start)) = open {
            cells.push((is_header, &row[start..at]));
        }
        let is_header = rest.starts_with("||");
        at += if is_header { 2 } else { 1 };
        open = Some((is_header, at));
    }
    if let Some((is_header, start)) = open
        && !row[start..].trim().is_empty()
    {
        cells.push((is_header, &row[start..]));
    }
    cells
}

/// Looks for what closes a bracket on its line, and remembers where there is nothing to find: a text of nothing
/// but opening brackets must not be searched once for each.
#[derive(Default)]
pub(super) struct Finder {
    /// Up to here no closing bracket, code or image follows on the line.
    no_link_before: usize,
    no_code_before: usize,
    no_image_before: usize,
}

/// `!name|width=200!`
pub(super) struct Image<'a> {
    pub(super) name: &'a str,
    pub(super) parameters: &'a str,
    pub(super) length: usize,
}

impl Finder {
    /// Where the `]` of a text that begins with `[` stands.
    pub(super) fn link_end(&mut self, text: &str, at: usize) -> Option<usize> {
        if at < self.no_link_before {
            return None;
        }
        let mut escaped = false;
        for (offset, c) in text.char_indices().skip(1) {
            match c {
                '\n' => {
                    self.no_link_before = at + offset;
                    return None;
                }
                ']' if !escaped => return Some(offset),
                // The innermost bracket is the link's.
                '[' if !escaped => return None,
                _ => {}
            }
            escaped = c == '\\' && !escaped;
        }
        self.no_link_before = at + text.len();
        None
    }

    /// Where the `}}` of a text that begins with `{{` stands. A brace more belongs to the code: `{{{a}}}`.
    pub(super) fn code_end(&mut self, text: &str, at: usize) -> Option<usize> {
        if at < self.no_code_before {
            return None;
        }
        let mut escaped = false;
        for (offset, c) in text.char_indices().skip(2) {
            let rest = &text[offset..];
            if c == '}' && !escaped && rest.starts_with("}}") && !rest.starts_with("}}}") {
                return (offset > 2).then_some(offset);
            }
            if c == '\n' {
                self.no_code_before = at + offset;
                return None;
            }
            escaped = c == '\\' && !escaped;
        }
        self.no_code_before = at + text.len();
        None
    }

    /// The image at the start of a text: a name with an ending or a web address, between exclamation marks.
    pub(super) fn image<'a>(&mut self, text: &'a str, at: usize) -> Option<Image<'a>> {
        if at < self.no_image_before {
            return None;
        }
        let inner = text.strip_prefix('!')?;
        let Some(end) = inner.find(['!', '\n']) else {
            self.no_image_before = at + text.len();
            return None;
        };
        if inner[end..].starts_with('\n') {
            self.no_image_before = at + end;
            return None;
        }
        let (name, parameters) = inner[..end].split_once('|').unwrap_or((&inner[..end], ""));
        let is_address = links::is_http(name) && is_link_target(name);
        (is_address || is_attachment_name(name)).then_some(Image { name, parameters, length: end + 2 })
    }
}

/// Whether a text can only be the name of a file, such as `build log.png`.
pub(in crate::wiki) fn is_attachment_name(text: &str) -> bool {
    let Some((name, ending)) = text.rsplit_once('.') else { return false };
    let is_ending =
        (1..=5).contains(&ending.len()) && ending.bytes().all(|byte| byte.is_ascii_alphanumeric());
    let is_name = !name.is_empty()
        && text.trim() == text
        && text.len() <= 255
        && !text.contains(['{', '[', ']', '"', '\\', ':', '!', '|', '\n', '\u{FDD0}']);
    is_ending && is_name
}
