//! The same for what stands in a line: sign by sign, so that a date or a colour outlives a change beside it.

use super::{Key, Markup, align};
use crate::document::{Document, Node, NodeKind};
use crate::style::Style;

/// One sign of a line: a character with its look, or a node without text of its own.
struct Sign {
    key: u32,
    /// The node that it comes from.
    node: usize,
    character: Option<char>,
}

/// The line after its text was edited: the signs that are still there are what they were in the base.
pub(super) fn merged(markup: Markup, base: &[Node], edited: &[Node]) -> Vec<Node> {
    let old: Vec<Sign> =
        base.iter().enumerate().flat_map(|(at, node)| base_signs(markup, at, node)).collect();
    let new: Vec<Sign> = edited.iter().enumerate().flat_map(|(at, node)| signs(at, node, true)).collect();
    let keys = |signs: &[Sign]| signs.iter().map(|sign| sign.key).collect::<Vec<_>>();
    let mut found = align::common(&keys(&old), &keys(&new));
    give_up_torn(base, &old, &mut found);
    give_up_scraps(&old, &new, &mut found);
    let mut line = Line { base, edited, out: Vec::new(), silent: silent(base, &old) };
    for (sign, found) in new.iter().zip(found) {
        match found {
            Some(at) => {
                line.silent_before(at);
                let is_first = at.checked_sub(1).is_none_or(|before| old[before].node != old[at].node);
                line.kept(old[at].node, sign.character, is_first);
            }
            None => line.added(sign),
        }
    }
    line.silent_before(usize::MAX);
    line.out
}

/// What a node of an edited line, or a text of the base, is as signs.
fn signs(at: usize, node: &Node, colors: bool) -> Vec<Sign> {
    let Some(text) = &node.text else {
        let key = match node.kind {
            NodeKind::HardBreak => Key::of(&Node::new(NodeKind::HardBreak)),
            _ => Key::of(node),
        };
        return vec![Sign { key, node: at, character: None }];
    };
    let mut style = Style::of(node);
    if style.code {
        // Code stands with a link only.
        style = Style::linked(style.link);
        style.code = true;
    }
    style.color = style.color.filter(|_| colors);
    let (look, no_look) = (Key::of_text(&format!("{style:?}")), Key::of_text(""));
    let sign = |c: char| {
        let c = if c.is_whitespace() { ' ' } else { c };
        // Blanks have no look of their own.
        let look = if c == ' ' && !style.code { no_look } else { look };
        Sign { key: look.wrapping_mul(31).wrapping_add(u32::from(c)), node: at, character: Some(c) }
    };
    text.chars().map(sign).collect()
}

/// A node of the base as signs of what it reads as: none where the markup shows nothing of it.
fn base_signs(markup: Markup, at: usize, node: &Node) -> Vec<Sign> {
    if node.text.is_some() || node.kind == NodeKind::HardBreak {
        return signs(at, node, markup.colors);
    }
    // Something before it, for some nodes become a block where they are alone.
    let line = vec![Node::text("x "), node.clone()];
    let reading = markup.reading(&Document::new(vec![Node::paragraph(line)]));
    let [Node { kind: NodeKind::Paragraph, content: Some(inlines), .. }] = reading.content() else {
        return Vec::new();
    };
    let shown = inlines.iter().flat_map(|inline| signs(at, inline, true));
    shown.skip(2).collect()
}

/// A node without text of its own is kept as a whole or not at all.
fn give_up_torn(base: &[Node], old: &[Sign], found: &mut [Option<usize>]) {
    let mut places: Vec<Vec<usize>> = vec![Vec::new(); base.len()];
    let mut lengths = vec![0; base.len()];
    old.iter().for_each(|sign| lengths[sign.node] += 1);
    for (new_at, old_at) in found.iter().enumerate() {
        if let Some(at) = old_at {
            places[old[*at].node].push(new_at);
        }
    }
    for (node, places) in base.iter().zip(&places).enumerate().filter(|(_, (node, _))| node.text.is_none()) {
        let (index, node, places) = (node, places.0, places.1);
        let in_a_row = places.windows(2).all(|two| two[1] == two[0] + 1);
        if node.kind != NodeKind::HardBreak && (places.len() < lengths[index] || !in_a_row) {
            places.iter().for_each(|at| found[*at] = None);
        }
    }
}

/// A letter or two that two words happen to share are not what is left of one: only whole words are, and long parts.
fn give_up_scraps(old: &[Sign], new: &[Sign], found: &mut [Option<usize>]) {
    const LONG: usize = 4;
    let is_letter = |signs: &[Sign], at: Option<usize>| {
        at.and_then(|at| signs.get(at)?.character).is_some_and(char::is_alphanumeric)
    };
    let cuts = |signs: &[Sign], at: usize| is_letter(signs, at.checked_sub(1)) && is_letter(signs, Some(at));
    let mut start = 0;
    while start < new.len() {
        let Some(first) = found[start] else {
            start += 1;
            continue;
        };
        let row = found[start..].iter().enumerate().take_while(|(at, found)| **found == Some(first + at));
        let length = row.count();
        let is_whole = |signs: &[Sign], at: usize| !cuts(signs, at) && !cuts(signs, at + length);
        let is_of_text = new[start].character.is_some();
        if length < LONG && is_of_text && !is_whole(old, first) && !is_whole(new, start) {
            found[start..start + length].fill(None);
        }
        start += length;
    }
}

/// The nodes that the text shows nothing of, each with the number of signs before it.
fn silent(base: &[Node], old: &[Sign]) -> std::vec::IntoIter<(usize, usize)> {
    let mut before = 0;
    let mut silent = Vec::new();
    for (at, node) in base.iter().enumerate() {
        let own = old[before..].iter().take_while(|sign| sign.node == at).count();
        if own == 0 && node.text.is_none() {
            silent.push((before, at));
        }
        before += own;
    }
    silent.into_iter()
}

struct Line<'a> {
    base: &'a [Node],
    edited: &'a [Node],
    out: Vec<Node>,
    silent: std::vec::IntoIter<(usize, usize)>,
}

impl Line<'_> {
    /// Writes the nodes that nothing is shown of, up to a sign of the base.
    fn silent_before(&mut self, sign: usize) {
        while let Some((_, at)) = self.silent.as_slice().first().filter(|(before, _)| *before <= sign) {
            self.out.push(self.base[*at].clone());
            self.silent.next();
        }
    }

    fn kept(&mut self, node: usize, character: Option<char>, is_first: bool) {
        let node = &self.base[node];
        match (character, &node.text) {
            (Some(character), Some(_)) => self.push(node, character),
            _ if is_first => self.out.push(node.clone()),
            _ => {}
        }
    }

    fn added(&mut self, sign: &Sign) {
        let node = &self.edited[sign.node];
        match sign.character {
            Some(character) => self.push(node, character),
            None => self.out.push(node.clone()),
        }
    }

    /// A character that looks as in this node.
    fn push(&mut self, like: &Node, character: char) {
        match self.out.last_mut() {
            Some(Node { text: Some(text), marks, .. }) if *marks == like.marks => text.push(character),
            _ => self.out.push(Node { text: Some(character.into()), ..like.clone() }),
        }
    }
}
