//! What a document becomes when the text that was written of it is edited: what still reads the same stays as it
//! was, with all that the text does not show.
//!
//! Each block of the base is written and read on its own; what the edited text reads as is aligned with these
//! readings. A block that is found again is the base's own. One that was changed is merged with the block that took
//! its place: attribute by attribute, item by item, sign by sign. Containers that no markup has (an expand, the
//! columns of a layout) stay around what is left of their contents. Whatever is merged must read as the text does;
//! where it would not, the text's own reading counts.

mod align;
mod line;
mod outline;

use serde_json::{Map, Value};

use self::outline::{Fate, Leaf, Origin, Outline, Step};
use crate::document::{Document, Mark, MarkKind, Node, NodeKind};
use crate::text::{is_inline, to_text};

/// A markup that documents are written in and read from.
#[derive(Clone, Copy)]
pub(crate) struct Markup {
    pub(crate) read: fn(&str) -> Document,
    pub(crate) write: fn(&Document) -> String,
    /// Whether it has colours.
    pub(crate) colors: bool,
}

impl Markup {
    /// What is left of a document that was written.
    pub(crate) fn reading(self, document: &Document) -> Document {
        (self.read)(&(self.write)(document))
    }
}

/// A block of the base: known whole, or only by the key of what it reads as, which is all there is to it.
pub(crate) enum Base {
    Block(Node),
    Plain(u32),
}

/// The base after its text was edited to what reads as `text`.
pub(crate) fn onto(markup: Markup, base: &Document, text: Document) -> Document {
    if markup.reading(base) == text {
        return base.clone();
    }
    let blocks: Vec<Base> = base.content().iter().cloned().map(Base::Block).collect();
    merged(markup, &blocks, text, |content| base.with_content(content))
}

/// [`onto`] for blocks; `make` puts the document together.
pub(crate) fn merged(
    markup: Markup,
    base: &[Base],
    text: Document,
    make: impl FnOnce(Vec<Node>) -> Document,
) -> Document {
    let content = Merger { markup }.blocks(base, text.content(), &NodeKind::Doc);
    let document = make(content);
    let reading = markup.reading(&document);
    if reading == text || reading == markup.reading(&text) { document } else { text }
}

/// A number by which nodes are told apart, whatever their local identifiers, which parsers make up: FNV-1a.
pub(crate) struct Key(u32);

impl Key {
    pub(crate) fn of(node: &Node) -> u32 {
        let mut key = Self(0x811c_9dc5);
        key.node(node);
        key.0
    }

    fn of_text(text: &str) -> u32 {
        let mut key = Self(0x811c_9dc5);
        key.text(text);
        key.0
    }

    fn text(&mut self, text: &str) {
        for byte in text.bytes().chain([0xff]) {
            self.0 = (self.0 ^ u32::from(byte)).wrapping_mul(0x0100_0193);
        }
    }

    fn attrs(&mut self, attrs: Option<&Map<String, Value>>) {
        for (name, value) in attrs.into_iter().flatten().filter(|(name, _)| *name != "localId") {
            self.text(name);
            self.text(&value.to_string());
        }
    }

    fn node(&mut self, node: &Node) {
        self.text(node.kind.as_str());
        self.attrs(node.attrs.as_ref());
        for mark in node.marks.iter().flatten() {
            self.text(mark.kind.as_str());
            self.attrs(mark.attrs.as_ref());
        }
        self.text(node.text.as_deref().unwrap_or_default());
        node.children().iter().for_each(|child| self.node(child));
        self.text(")");
    }
}

fn keys(nodes: &[Node]) -> Vec<u32> {
    nodes.iter().map(Key::of).collect()
}

struct Merger {
    markup: Markup,
}

impl Merger {
    fn blocks(&self, base: &[Base], edited: &[Node], within: &NodeKind) -> Vec<Node> {
        let mut outline = Outline::default();
        for block in base {
            match block {
                Base::Block(node) => self.outline(node, within, &mut outline),
                Base::Plain(key) => outline.leaf(Origin::Plain, Vec::new(), vec![*key]),
            }
        }
        self.decide(&mut outline.leaves, edited, within);
        outline.assemble(edited, within)
    }

    /// The children of a node that has text of its own kind, as a base of their own.
    fn children(&self, base: &Node, edited: &Node) -> Vec<Node> {
        let blocks: Vec<Base> = base.children().iter().cloned().map(Base::Block).collect();
        self.blocks(&blocks, edited.children(), &base.kind)
    }

    fn outline<'a>(&self, node: &'a Node, within: &NodeKind, outline: &mut Outline<'a>) {
        let is_expand = matches!(node.kind, NodeKind::Expand | NodeKind::NestedExpand);
        if !is_expand && !dissolves(node) {
            let reading = self.readings(node, within);
            let keys = keys(&reading);
            return outline.leaf(Origin::Block(node), reading, keys);
        }
        outline.steps.push(Step::Open(node));
        if let Some(title) = node.attr_str("title").filter(|title| is_expand && !title.is_empty()) {
            let title = Node::text(title).with_mark(Mark::new(MarkKind::Strong));
            let reading = self.readings(&Node::paragraph(vec![title]), within);
            let keys = keys(&reading);
            outline.leaf(Origin::Title, reading, keys);
        }
        for child in node.children() {
            self.outline(child, within, outline);
        }
        outline.steps.push(Step::Close);
    }

    /// What a block reads as where it stands.
    fn readings(&self, node: &Node, within: &NodeKind) -> Vec<Node> {
        let around: &[NodeKind] = match within {
            NodeKind::ListItem => &[NodeKind::ListItem, NodeKind::BulletList],
            NodeKind::TableCell | NodeKind::TableHeader => {
                &[NodeKind::TableHeader, NodeKind::TableRow, NodeKind::Table]
            }
            NodeKind::Blockquote => &[NodeKind::Blockquote],
            NodeKind::Panel => &[NodeKind::Panel],
            _ => &[],
        };
        let wrapped =
            around.iter().fold(node.clone(), |node, kind| Node::with_content(kind.clone(), vec![node]));
        let mut read = self.markup.reading(&Document::new(vec![wrapped])).content().to_vec();
        for _ in around {
            read = read.into_iter().next().and_then(|node| node.content).unwrap_or_default();
        }
        read
    }

    /// Says of each leaf what becomes of it.
    fn decide(&self, leaves: &mut [Leaf<'_>], edited: &[Node], within: &NodeKind) {
        let old: Vec<u32> = leaves.iter().flat_map(|leaf| leaf.keys.iter().copied()).collect();
        let mut places = vec![None; old.len()];
        for (new_at, old_at) in align::common(&old, &keys(edited)).into_iter().enumerate() {
            if let Some(old_at) = old_at {
                places[old_at] = Some(new_at);
            }
        }
        let mut at = 0;
        for leaf in leaves.iter_mut() {
            let places = &places[at..at + leaf.keys.len()];
            at += leaf.keys.len();
            leaf.fate = match places {
                [] => Fate::Silent,
                [Some(first), ..]
                    if places.iter().enumerate().all(|(index, place)| *place == Some(first + index)) =>
                {
                    Fate::Kept(*first)
                }
                _ => Fate::Gone,
            };
        }
        let mut from = 0;
        let mut begin = 0;
        for index in 0..=leaves.len() {
            let (until, next) = match leaves.get(index).map(|leaf| (&leaf.fate, leaf.keys.len())) {
                None => (edited.len(), edited.len()),
                Some((Fate::Kept(start), length)) => (*start, start + length),
                Some(_) => continue,
            };
            self.pair(&mut leaves[begin..index], edited, from..until, within);
            (begin, from) = (index, next);
        }
    }

    /// Merges leaves that are not found again with what stands in their place.
    fn pair(
        &self,
        leaves: &mut [Leaf<'_>],
        edited: &[Node],
        free: std::ops::Range<usize>,
        within: &NodeKind,
    ) {
        let mut from = free.start;
        let mut gone = leaves.iter().filter(|leaf| matches!(leaf.fate, Fate::Gone)).count();
        for leaf in leaves.iter_mut().filter(|leaf| matches!(leaf.fate, Fate::Gone)) {
            let found = match leaf.reading.as_slice() {
                // Nothing is known of it but its place, which something has taken if there is something for all of them.
                _ if matches!(leaf.origin, Origin::Plain) => {
                    (gone <= free.end - from).then(|| (from, edited[from].clone()))
                }
                [reading] => likest(reading, edited, from..free.end)
                    .and_then(|at| Some((at, self.changed(leaf.origin, reading, &edited[at], within)?))),
                _ => None,
            };
            gone -= 1;
            if let Some((at, node)) = found {
                leaf.fate = Fate::Changed(at, node);
                from = at + 1;
            }
        }
    }

    /// A leaf merged with an edited block; `None` where the two do not fit together.
    fn changed(&self, base: Origin<'_>, reading: &Node, edited: &Node, within: &NodeKind) -> Option<Node> {
        let base = match base {
            Origin::Block(base) => base,
            Origin::Title => {
                let is_title = edited.kind == NodeKind::Paragraph
                    && edited.children().iter().all(|node| node.mark(&MarkKind::Strong).is_some());
                return is_title.then(|| edited.clone());
            }
            Origin::Plain => return None,
        };
        let merged = self.node(base, reading, edited)?;
        let read = keys(&self.readings(&merged, within));
        (read == keys(&self.readings(edited, within))).then_some(merged)
    }

    /// What was `base`, read as `reading`, and is now read as `edited`.
    fn node(&self, base: &Node, reading: &Node, edited: &Node) -> Option<Node> {
        if reading.kind != edited.kind {
            return None;
        }
        let content = match base.kind {
            NodeKind::Media => {
                let ([reading], [edited]) = (reading.children(), edited.children()) else { return None };
                return Some(Node { attrs: attrs(base, reading, edited), ..base.clone() });
            }
            NodeKind::Paragraph | NodeKind::Heading | NodeKind::Caption | NodeKind::TaskItem => {
                line::merged(self.markup, base.children(), edited.children())
            }
            NodeKind::DecisionItem => {
                let [Node { kind: NodeKind::Paragraph, content: Some(edited), .. }] = edited.children()
                else {
                    return None;
                };
                line::merged(self.markup, base.children(), edited)
            }
            NodeKind::CodeBlock => edited.children().to_vec(),
            NodeKind::Blockquote
            | NodeKind::Panel
            | NodeKind::ListItem
            | NodeKind::TableCell
            | NodeKind::TableHeader => self.children(base, edited),
            NodeKind::BulletList
            | NodeKind::OrderedList
            | NodeKind::TaskList
            | NodeKind::DecisionList
            | NodeKind::Table
            | NodeKind::TableRow => self.members(base, reading, edited)?,
            _ => return None,
        };
        Some(Node { attrs: attrs(base, reading, edited), content: Some(content), ..base.clone() })
    }

    /// The items of a list, the rows of a table, the cells of a row: each reads as one.
    fn members(&self, base: &Node, reading: &Node, edited: &Node) -> Option<Vec<Node>> {
        let (was, is) = (reading.children(), edited.children());
        if base.children().len() != was.len() {
            return None;
        }
        let found = align::common(&keys(was), &keys(is));
        let mut members = Vec::with_capacity(is.len());
        let mut next = 0;
        for (at, (found_at, member)) in found.iter().zip(is).enumerate() {
            if let Some(old) = found_at {
                next = old + 1;
                members.push(base.children()[*old].clone());
                continue;
            }
            // What is free in the base up to the next one that is found.
            let until = found[at..].iter().flatten().next().copied().unwrap_or(was.len());
            let likely = likest(member, was, next..until);
            let merged =
                likely.and_then(|old| Some((old, self.node(&base.children()[old], &was[old], member)?)));
            match merged {
                Some((old, merged)) => {
                    next = old + 1;
                    members.push(merged);
                }
                None => members.push(adopted(&base.kind, member)?),
            }
        }
        Some(members)
    }
}

/// A new member of a list as that list has them.
fn adopted(list: &NodeKind, member: &Node) -> Option<Node> {
    if *list != NodeKind::DecisionList {
        return Some(member.clone());
    }
    let [Node { kind: NodeKind::Paragraph, content, .. }] = member.children() else { return None };
    let item = Node { content: content.clone(), ..Node::new(NodeKind::DecisionItem) };
    Some(item.with_attr("localId", "").with_attr("state", "DECIDED"))
}

/// Whether a block is written as its blocks alone.
fn dissolves(node: &Node) -> bool {
    let has_text_of_its_own = matches!(
        node.kind,
        NodeKind::Paragraph
            | NodeKind::Caption
            | NodeKind::Heading
            | NodeKind::BulletList
            | NodeKind::OrderedList
            | NodeKind::TaskList
            | NodeKind::DecisionList
            | NodeKind::Blockquote
            | NodeKind::Panel
            | NodeKind::CodeBlock
            | NodeKind::Rule
            | NodeKind::Table
            | NodeKind::BlockCard
            | NodeKind::EmbedCard
            | NodeKind::Media
    );
    !has_text_of_its_own && !node.children().is_empty() && !node.children().iter().any(is_inline)
}

/// Among the next few nodes of the same type the one with the most words in common; the first of equals.
fn likest(node: &Node, among: &[Node], range: std::ops::Range<usize>) -> Option<usize> {
    const FEW: usize = 8;
    let words = |node: &Node| {
        let text = to_text(&Document::new(vec![node.clone()]));
        text.split_whitespace().take(200).map(str::to_owned).collect::<std::collections::HashSet<_>>()
    };
    let own = words(node);
    let same_type: Vec<usize> = range.filter(|at| among[*at].kind == node.kind).take(FEW).collect();
    same_type.into_iter().rev().max_by_key(|at| words(&among[*at]).intersection(&own).count())
}

/// The attributes of the base, with what was changed of those that the text shows.
fn attrs(base: &Node, reading: &Node, edited: &Node) -> Option<Map<String, Value>> {
    let mut attrs = base.attrs.clone();
    let of = |node: &Node, name: &str| node.attrs.as_ref().and_then(|attrs| attrs.get(name)).cloned();
    let names = [reading, edited].into_iter().filter_map(|node| node.attrs.as_ref()).flat_map(Map::keys);
    for name in names.filter(|name| *name != "localId") {
        match (of(reading, name), of(edited, name)) {
            (was, is) if was == is => {}
            (_, Some(is)) => {
                attrs.get_or_insert_default().insert(name.clone(), is);
            }
            (_, None) => {
                attrs.as_mut().and_then(|attrs| attrs.remove(name));
            }
        }
    }
    attrs
}
