//! `{code}` and the other macros that hold blocks, found over a whole text before anything else.
//!
//! Each is taken out and leaves a placeholder, so that what follows can go line by line. One pass, linear: the
//! closing of a verbatim macro is looked up, and the others can stand inside each other only as deep as there are
//! names. A macro that is never closed is text.

/// Begins and ends a placeholder, with the macro's index between. [`crate::text::clean`] keeps both out of texts.
const OPENS: char = '\u{FDD0}';
const CLOSES: char = '\u{FDD1}';

/// A macro that was taken out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Macro {
    /// `{code}` or `{noformat}`: what it holds is not markup.
    Code { language: Option<String>, title: Option<String>, text: String },
    /// `{quote}`.
    Quote { body: String },
    /// `{panel}`, `{info}`, `{note}`, `{tip}` or `{warning}`, with its parameters. The body may hold placeholders.
    Panel { name: &'static str, title: Option<String>, background: Option<String>, body: String },
}

/// The text with placeholders, and the macros by their index.
pub(super) fn extract(source: &str) -> (String, Vec<Macro>) {
    let tags = tags(source);
    let closings = closings(&tags);
    let mut extractor = Extractor { source, macros: Vec::new(), frames: vec![Frame::default()] };
    let mut at = 0;
    let mut index = 0;
    while let Some(tag) = tags.get(index) {
        extractor.push(&source[at..tag.start]);
        at = tag.end;
        match closings[index] {
            Some(closing) => {
                extractor.code(tag, &source[tag.end..tags[closing].start]);
                at = tags[closing].end;
                index = closing;
            }
            None if tag.is_verbatim() => extractor.push(&source[tag.start..tag.end]),
            None => extractor.container(tag),
        }
        index += 1;
    }
    extractor.push(&source[at..]);
    extractor.finish()
}

/// A text in parts: what stands between placeholders, and the macros' indices.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Part<'a> {
    Text(&'a str),
    Macro(usize),
}

/// Parts a text at its placeholders.
pub(super) fn parts(text: &str) -> Vec<Part<'_>> {
    let mut parts = Vec::new();
    let mut rest = text;
    while let Some(start) = rest.find(OPENS) {
        let Some((index, length)) = placeholder(&rest[start..]) else { break };
        parts.push(Part::Text(&rest[..start]));
        parts.push(Part::Macro(index));
        rest = &rest[start + length..];
    }
    parts.push(Part::Text(rest));
    parts
}

/// The macro whose placeholder a text begins with, and the placeholder's length.
pub(super) fn placeholder(text: &str) -> Option<(usize, usize)> {
    let inner = text.strip_prefix(OPENS)?;
    let end = inner.find(CLOSES)?;
    let index = inner[..end].parse().ok()?;
    Some((index, OPENS.len_utf8() + end + CLOSES.len_utf8()))
}

const VERBATIM: [&str; 2] = ["code", "noformat"];
const CONTAINERS: [&str; 6] = ["quote", "panel", "info", "note", "tip", "warning"];

struct Tag<'a> {
    name: &'static str,
    parameters: Option<&'a str>,
    start: usize,
    end: usize,
}

impl Tag<'_> {
    fn is_verbatim(&self) -> bool {
        VERBATIM.contains(&self.name)
    }
}

/// All that looks like the opening or closing of a macro, unless a backslash or a further brace stands before it.
fn tags(source: &str) -> Vec<Tag<'_>> {
    let mut tags = Vec::new();
    let mut at = 0;
    while let Some(found) = source[at..].find('{') {
        let start = at + found;
        at = start + 1;
        let Some((name, after)) = name(&source[at..]) else { continue };
        let backslashes = source[..start].bytes().rev().take_while(|byte| *byte == b'\\').count();
        let (parameters, end) = match source[after + at..].chars().next() {
            Some('}') => (None, at + after + 1),
            Some(':') => {
                let parameters = &source[at + after + 1..];
                let Some(end) =
                    parameters.find(['}', '{', '\n']).filter(|end| parameters[*end..].starts_with('}'))
                else {
                    continue;
                };
                (Some(&parameters[..end]), at + after + 1 + end + 1)
            }
            _ => continue,
        };
        let is_monospaced = source[..start].ends_with('{') || source[end..].starts_with('}');
        if backslashes % 2 == 0 && !is_monospaced {
            tags.push(Tag { name, parameters, start, end });
            at = end;
        }
    }
    tags
}

fn name(text: &str) -> Option<(&'static str, usize)> {
    let is = |name: &&&str| text.get(..name.len()).is_some_and(|start| start.eq_ignore_ascii_case(name));
    VERBATIM.iter().chain(&CONTAINERS).find(is).map(|name| (*name, name.len()))
}

/// For each verbatim tag the next that closes it: of the same name, without parameters.
fn closings(tags: &[Tag<'_>]) -> Vec<Option<usize>> {
    let mut closings = vec![None; tags.len()];
    let mut next = [None; VERBATIM.len()];
    for (index, tag) in tags.iter().enumerate().rev() {
        if let Some(verbatim) = VERBATIM.iter().position(|name| *name == tag.name) {
            closings[index] = next[verbatim];
            if tag.parameters.is_none() {
                next[verbatim] = Some(index);
            }
        }
    }
    closings
}

/// A container that is open, and the text in it so far. The first frame is the whole text, which has no tag.
#[derive(Default)]
struct Frame<'a> {
    name: Option<&'static str>,
    parameters: Option<&'a str>,
    tag: &'a str,
    text: String,
}

struct Extractor<'a> {
    source: &'a str,
    macros: Vec<Macro>,
    frames: Vec<Frame<'a>>,
}

impl<'a> Extractor<'a> {
    fn push(&mut self, text: &str) {
        if let Some(frame) = self.frames.last_mut() {
            frame.text.push_str(text);
        }
    }

    fn take_out(&mut self, found: Macro) {
        self.push(&format!("{OPENS}{}{CLOSES}", self.macros.len()));
        self.macros.push(found);
    }

    fn code(&mut self, tag: &Tag<'_>, text: &str) {
        let parameters = tag.parameters.unwrap_or_default();
        let named = |name: &str| parameter(parameters, name);
        let mut unnamed =
            parameters.split('|').map(str::trim).filter(|text| !text.is_empty() && !text.contains('='));
        let unnamed = unnamed.next().map(str::to_owned);
        let language = if tag.name == "code" { unnamed.or_else(|| named("language")) } else { None };
        let text = text.strip_prefix('\n').unwrap_or(text);
        let text = text.strip_suffix('\n').unwrap_or(text).to_owned();
        self.take_out(Macro::Code { language, title: named("title"), text });
    }

    /// Opens a container, or closes the one of this name and drops those that were left open in it.
    fn container(&mut self, tag: &Tag<'a>) {
        let open = self.frames.iter().rposition(|frame| frame.name == Some(tag.name));
        let text = &self.source[tag.start..tag.end];
        match open {
            Some(_) if tag.parameters.is_some() => self.push(text),
            Some(open) => {
                while self.frames.len() > open + 1 {
                    self.abandon();
                }
                if let Some(frame) = self.frames.pop() {
                    self.take_out(container(tag.name, frame.parameters.unwrap_or_default(), frame.text));
                }
            }
            None => {
                let (name, parameters) = (Some(tag.name), tag.parameters);
                self.frames.push(Frame { name, parameters, tag: text, text: String::new() });
            }
        }
    }

    /// A container that was never closed is text.
    fn abandon(&mut self) {
        if let Some(frame) = self.frames.pop() {
            self.push(frame.tag);
            self.push(&frame.text);
        }
    }

    fn finish(mut self) -> (String, Vec<Macro>) {
        while self.frames.len() > 1 {
            self.abandon();
        }
        (self.frames.pop().map(|frame| frame.text).unwrap_or_default(), self.macros)
    }
}

fn container(name: &'static str, parameters: &str, body: String) -> Macro {
    if name == "quote" {
        return Macro::Quote { body };
    }
    let title = parameter(parameters, "title");
    Macro::Panel { name, title, background: parameter(parameters, "bgColor"), body }
}

/// The value of `name=value` among parameters parted by bars.
fn parameter(parameters: &str, name: &str) -> Option<String> {
    parameters.split('|').find_map(|parameter| {
        let (key, value) = parameter.split_once('=')?;
        let value = value.trim();
        (key.trim().eq_ignore_ascii_case(name) && !value.is_empty()).then(|| value.to_owned())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn code(text: &str) -> Macro {
        Macro::Code { language: None, title: None, text: text.to_owned() }
    }

    #[test]
    fn what_code_holds_is_not_looked_at() {
        let (text, macros) = extract("a {code}\n{quote} *x*\n{code} b {noformat}{code}{noformat}");
        assert_eq!(parts(&text)[1], Part::Macro(0));
        assert_eq!(macros, [code("{quote} *x*"), code("{code}")]);
    }

    #[test]
    fn parameters_say_language_and_title() {
        let (_, macros) = extract("{code:title=Main.java|java|x=y}{code}{code:SQL}x{code}");
        let text = |text: &str| Some(text.to_owned());
        let java = Macro::Code { language: text("java"), title: text("Main.java"), text: String::new() };
        assert_eq!(macros, [java, Macro::Code { language: text("SQL"), title: None, text: "x".to_owned() }]);
    }

    #[test]
    fn containers_stand_inside_each_other_and_the_unclosed_are_text() {
        let (text, macros) = extract("{quote}a {panel:title=T} b{quote} {panel} {code} c");
        assert_eq!(macros, [Macro::Quote { body: "a {panel:title=T} b".to_owned() }]);
        assert!(text.ends_with(" {panel} {code} c"), "{text}");
        let (_, macros) = extract("{panel}{quote}{code}x{code}{quote}{panel}");
        assert_eq!(macros.len(), 3);
    }

    #[test]
    fn a_backslash_or_a_second_brace_protects() {
        for source in [r"\{code}x\{code}", "{{code}} and {{quote}}", "{codex}{code:a{b}", "{CODEX}"] {
            assert_eq!(extract(source), (source.to_owned(), Vec::new()));
        }
    }
}
