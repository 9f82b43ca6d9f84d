//! Inline nodes as a run of openings, texts and closings, for markups whose formats stand inside each other.
//!
//! Blanks at the edge of a format go outside it: no markup takes `** bold **` for bold.

use crate::document::{Node, NodeKind};
use crate::style::{Format, Link, Style};

/// What a markup writes around a text. Links stand outermost, then colours.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Tag {
    Link(Link),
    /// As `#rrggbb`.
    Color(String),
    Format(Format),
}

/// One step of a line.
#[derive(Debug, PartialEq)]
pub(crate) enum Event<'a> {
    Open(Tag),
    Close(Tag),
    /// Text that neither begins nor ends with a blank.
    Text(&'a str),
    /// Blanks between texts.
    Space(&'a str),
    Code(&'a str),
    Break,
    /// A node without text of its own.
    Atom(&'a Node),
}

/// How a markup writes lines.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Rules {
    /// Whether it has colours.
    pub(crate) colors: bool,
    /// Whether a format ends where a line ends, and has to be opened again.
    pub(crate) formats_end_at_breaks: bool,
}

/// The events of a line. Every opened tag is closed, in order.
pub(crate) fn events<'a>(nodes: &'a [Node], rules: Rules) -> Vec<Event<'a>> {
    let mut run = Run { rules, open: Vec::new(), pending: Vec::new(), events: Vec::new() };
    for node in nodes {
        match node.kind {
            NodeKind::Text => run.text(node),
            NodeKind::HardBreak => run.pending.push(Event::Break),
            _ => {
                run.advance(Vec::new());
                run.events.push(Event::Atom(node));
            }
        }
    }
    while matches!(run.pending.last(), Some(Event::Space(_))) {
        run.pending.pop();
    }
    run.advance(Vec::new());
    run.events
}

struct Run<'a> {
    rules: Rules,
    open: Vec<Tag>,
    /// Blanks and breaks since the last text: they belong outside of what closes and opens around them.
    pending: Vec<Event<'a>>,
    events: Vec<Event<'a>>,
}

impl<'a> Run<'a> {
    fn text(&mut self, node: &'a Node) {
        let text = node.text.as_deref().unwrap_or_default();
        let style = Style::of(node);
        if style.code {
            if !text.is_empty() {
                self.advance(style.link.map(Tag::Link).into_iter().collect());
                self.events.push(Event::Code(text));
            }
            return;
        }
        let from_word = text.trim_start();
        let word = from_word.trim_end();
        let (before, after) = (&text[..text.len() - from_word.len()], &from_word[word.len()..]);
        if !before.is_empty() {
            self.pending.push(Event::Space(before));
        }
        if word.is_empty() {
            return;
        }
        self.advance(self.tags(style));
        self.events.push(Event::Text(word));
        if !after.is_empty() {
            self.pending.push(Event::Space(after));
        }
    }

    fn tags(&self, style: Style) -> Vec<Tag> {
        let formats = Format::ALL.into_iter().filter(|format| style.has(*format)).map(Tag::Format);
        let formats: Vec<Tag> = formats.collect();
        let color = style.color.filter(|_| self.rules.colors).map(Tag::Color);
        style.link.map(Tag::Link).into_iter().chain(color).chain(formats).collect()
    }

    /// Closes what is not wanted, writes what is pending, and opens what is wanted.
    fn advance(&mut self, wanted: Vec<Tag>) {
        let breaks = self.rules.formats_end_at_breaks && self.pending.contains(&Event::Break);
        let kept = if breaks {
            0
        } else {
            self.open.iter().zip(&wanted).take_while(|(open, wanted)| open == wanted).count()
        };
        while self.open.len() > kept {
            self.events.extend(self.open.pop().map(Event::Close));
        }
        self.events.append(&mut self.pending);
        for tag in wanted.into_iter().skip(kept) {
            self.events.push(Event::Open(tag.clone()));
            self.open.push(tag);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::document::{Mark, MarkKind};

    #[test]
    fn blanks_stand_outside_of_formats_and_shared_formats_stay_open() {
        let strong = || Mark::new(MarkKind::Strong);
        let nodes = [
            Node::text("a "),
            Node::text("b ").with_mark(strong()),
            Node::text("c").with_mark(Mark::new(MarkKind::Em)).with_mark(strong()),
        ];
        let (bold, slanted) = (Tag::Format(Format::Strong), Tag::Format(Format::Em));
        let rules = Rules { colors: false, formats_end_at_breaks: false };
        assert_eq!(
            events(&nodes, rules),
            [
                Event::Text("a"),
                Event::Space(" "),
                Event::Open(bold.clone()),
                Event::Text("b"),
                Event::Space(" "),
                Event::Open(slanted.clone()),
                Event::Text("c"),
                Event::Close(slanted),
                Event::Close(bold),
            ]
        );
    }
}
