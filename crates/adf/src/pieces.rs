//! What an inline parser finds, piece by piece, and the nodes that the pieces make.
//!
//! Formats of a document overlap freely, so that a parser needs no tree: it says where a look begins and ends.

use crate::document::{Node, NodeKind};
use crate::style::{Format, Link, Style};

/// One find of an inline parser. What is begun must be ended.
#[derive(Debug)]
pub(crate) enum Piece {
    Text(String),
    Code(String),
    Break,
    /// A node that has no text of its own: a mention, a card, an image.
    Atom(Node),
    Begin(Format),
    End(Format),
    BeginLink(Link),
    EndLink,
    /// As `#rrggbb`; `None` for a colour that is not known, which is not shown.
    BeginColor(Option<String>),
    EndColor,
}

/// Makes nodes of the pieces. Text of the same look is joined; blanks around the whole and breaks are dropped.
pub(crate) fn nodes(pieces: Vec<Piece>) -> Vec<Node> {
    let mut line = Line::default();
    let mut depths = [0_usize; Format::ALL.len()];
    let mut colors: Vec<Option<String>> = Vec::new();
    let mut link = None;
    for piece in pieces {
        match piece {
            Piece::Begin(format) => depths[format as usize] += 1,
            Piece::End(format) => depths[format as usize] = depths[format as usize].saturating_sub(1),
            Piece::BeginLink(target) => link = Some(target),
            Piece::EndLink => link = None,
            Piece::BeginColor(color) => colors.push(color),
            Piece::EndColor => {
                colors.pop();
            }
            Piece::Break => line.push_break(),
            Piece::Atom(node) => line.nodes.push(node),
            Piece::Text(text) => {
                let mut style = Style::linked(link.clone());
                Format::ALL
                    .into_iter()
                    .filter(|format| depths[*format as usize] > 0)
                    .for_each(|f| style.set(f));
                style.color = colors.last().cloned().flatten();
                line.push_text(&text, style);
            }
            Piece::Code(text) => {
                let mut style = Style::linked(link.clone());
                style.code = true;
                line.push_text(&text, style);
            }
        }
    }
    line.finish()
}

#[derive(Default)]
struct Line {
    nodes: Vec<Node>,
    /// The style of the last node, where it is a text that more can be joined to.
    style: Option<Style>,
}

impl Line {
    fn push_text(&mut self, text: &str, style: Style) {
        if text.is_empty() {
            return;
        }
        let joins = self.style.as_ref() == Some(&style);
        match self.nodes.last_mut() {
            Some(Node { kind: NodeKind::Text, text: Some(last), .. }) if joins => last.push_str(text),
            _ => {
                let marks = style.marks();
                let after_break = self.nodes.last().is_none_or(|node| node.kind == NodeKind::HardBreak);
                let text = if after_break && !style.code { text.trim_start() } else { text };
                if text.is_empty() {
                    return;
                }
                self.nodes.push(Node { marks, ..Node::text(text) });
                self.style = Some(style);
            }
        }
    }

    fn push_break(&mut self) {
        self.trim_end();
        self.nodes.push(Node::new(NodeKind::HardBreak));
    }

    /// Drops blanks at the end of the line; code keeps them.
    fn trim_end(&mut self) {
        let is_code = self.style.as_ref().is_some_and(|style| style.code);
        if let Some(Node { kind: NodeKind::Text, text: Some(text), .. }) = self.nodes.last_mut()
            && !is_code
        {
            text.truncate(text.trim_end().len());
            if text.is_empty() {
                self.nodes.pop();
            }
        }
    }

    fn finish(mut self) -> Vec<Node> {
        self.trim_end();
        self.nodes
    }
}
