//! How text looks: the marks of a text node as one value, and back.

use crate::document::{Mark, MarkKind, Node};
use crate::links;
use crate::validate::is_hex_color;

/// A look that a text has or has not.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Format {
    Strong,
    Em,
    Strike,
    Underline,
    Sub,
    Sup,
}

impl Format {
    /// Every format, the outermost first where they are written inside each other.
    pub(crate) const ALL: [Self; 6] =
        [Self::Strong, Self::Em, Self::Strike, Self::Underline, Self::Sub, Self::Sup];

    fn mark(self) -> Mark {
        match self {
            Self::Strong => Mark::new(MarkKind::Strong),
            Self::Em => Mark::new(MarkKind::Em),
            Self::Strike => Mark::new(MarkKind::Strike),
            Self::Underline => Mark::new(MarkKind::Underline),
            Self::Sub => Mark::new(MarkKind::Subsup).with_attr("type", "sub"),
            Self::Sup => Mark::new(MarkKind::Subsup).with_attr("type", "sup"),
        }
    }
}

/// Where a linked text leads.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Link {
    pub(crate) href: String,
    pub(crate) title: Option<String>,
}

/// All that the text formats know about the marks of a text.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Style {
    /// Which of [`Format::ALL`] it has.
    formats: [bool; Format::ALL.len()],
    pub(crate) code: bool,
    /// As `#rrggbb`.
    pub(crate) color: Option<String>,
    pub(crate) link: Option<Link>,
}

impl Style {
    /// The style of a text node. A link that must not become one again is left out.
    pub(crate) fn of(node: &Node) -> Self {
        let mut style = Self::default();
        for mark in node.marks.as_deref().unwrap_or_default() {
            match mark.kind {
                MarkKind::Strong => style.set(Format::Strong),
                MarkKind::Em => style.set(Format::Em),
                MarkKind::Strike => style.set(Format::Strike),
                MarkKind::Underline => style.set(Format::Underline),
                MarkKind::Subsup => match mark.attr_str("type") {
                    Some("sub") => style.set(Format::Sub),
                    Some("sup") => style.set(Format::Sup),
                    _ => {}
                },
                MarkKind::Code => style.code = true,
                MarkKind::TextColor => {
                    style.color =
                        mark.attr_str("color").filter(|color| is_hex_color(color, 6)).map(str::to_lowercase);
                }
                MarkKind::Link => {
                    style.link =
                        mark.attr_str("href").filter(|href| links::is_link_target(href)).map(|href| Link {
                            href: href.to_owned(),
                            title: mark
                                .attr_str("title")
                                .filter(|title| !title.is_empty())
                                .map(str::to_owned),
                        });
                }
                _ => {}
            }
        }
        style
    }

    /// Plain text, or a link's.
    pub(crate) fn linked(link: Option<Link>) -> Self {
        Self { link, ..Self::default() }
    }

    pub(crate) fn has(&self, format: Format) -> bool {
        self.formats[format as usize]
    }

    /// Sets a format. A text is raised or lowered, not both: the schema has one mark for the two.
    pub(crate) fn set(&mut self, format: Format) {
        match format {
            Format::Sub => self.formats[Format::Sup as usize] = false,
            Format::Sup => self.formats[Format::Sub as usize] = false,
            _ => {}
        }
        self.formats[format as usize] = true;
    }

    /// The marks for a text node; `None` for plain text. Code stands with a link only, as the schema has it.
    pub(crate) fn marks(&self) -> Option<Vec<Mark>> {
        let mut marks = Vec::new();
        if let Some(link) = &self.link {
            let mark = Mark::new(MarkKind::Link).with_attr("href", link.href.as_str());
            marks.push(match &link.title {
                Some(title) => mark.with_attr("title", title.as_str()),
                None => mark,
            });
        }
        if self.code {
            marks.push(Mark::new(MarkKind::Code));
        } else {
            marks.extend(Format::ALL.into_iter().filter(|format| self.has(*format)).map(Format::mark));
            if let Some(color) = &self.color {
                marks.push(Mark::new(MarkKind::TextColor).with_attr("color", color.as_str()));
            }
        }
        (!marks.is_empty()).then_some(marks)
    }
}
