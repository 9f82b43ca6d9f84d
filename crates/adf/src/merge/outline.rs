//! The base from front to back, what becomes of each of its leaves, and the blocks that are made of them.

use crate::document::{Document, Node, NodeKind};
use crate::schema;
use crate::text::to_text;

/// A block of the base whose text stands by itself, and what it reads as.
pub(super) struct Leaf<'a> {
    pub(super) origin: Origin<'a>,
    pub(super) reading: Vec<Node>,
    pub(super) keys: Vec<u32>,
    pub(super) fate: Fate,
}

#[derive(Clone, Copy)]
pub(super) enum Origin<'a> {
    Block(&'a Node),
    /// The title of the expand around it.
    Title,
    Plain,
}

/// What becomes of a leaf.
pub(super) enum Fate {
    /// Nothing is shown of it: it stays where it is.
    Silent,
    /// It is found again, from this block of the text on.
    Kept(usize),
    /// It is merged with this block of the text.
    Changed(usize, Node),
    Gone,
}

/// The base from front to back.
pub(super) enum Step<'a> {
    Open(&'a Node),
    Leaf(usize),
    Close,
}

#[derive(Default)]
pub(super) struct Outline<'a> {
    pub(super) steps: Vec<Step<'a>>,
    pub(super) leaves: Vec<Leaf<'a>>,
}

/// A container that is being put together.
struct Frame<'a> {
    node: Option<&'a Node>,
    children: Vec<Node>,
    /// Whether anything is left that tells of it.
    is_alive: bool,
    title: Option<String>,
}

impl<'a> Frame<'a> {
    fn new(node: Option<&'a Node>) -> Self {
        Self { node, children: Vec::new(), is_alive: false, title: None }
    }

    fn push(&mut self, node: Node) {
        self.children.push(node);
        self.is_alive = true;
    }
}

impl<'a> Outline<'a> {
    pub(super) fn leaf(&mut self, origin: Origin<'a>, reading: Vec<Node>, keys: Vec<u32>) {
        self.steps.push(Step::Leaf(self.leaves.len()));
        self.leaves.push(Leaf { origin, reading, keys, fate: Fate::Gone });
    }

    /// Puts the blocks together: what is left of the base, and what is new.
    pub(super) fn assemble(mut self, edited: &[Node], within: &NodeKind) -> Vec<Node> {
        let mut added = self.additions(edited, within);
        let mut frames = vec![Frame::new(None)];
        let steps = std::mem::take(&mut self.steps);
        for (index, step) in steps.iter().enumerate() {
            let Some(frame) = frames.last_mut() else { break };
            for at in std::mem::take(&mut added[index]) {
                frame.push(edited[at].clone());
            }
            match step {
                Step::Open(node) => frames.push(Frame::new(Some(node))),
                Step::Leaf(leaf) => self.place(*leaf, edited, frame),
                Step::Close => close(&mut frames),
            }
        }
        let mut frame = frames.swap_remove(0);
        frame.children.extend(added[steps.len()].iter().map(|at| edited[*at].clone()));
        frame.children
    }

    fn place(&mut self, leaf: usize, edited: &[Node], frame: &mut Frame<'_>) {
        let leaf = &mut self.leaves[leaf];
        match (leaf.origin, std::mem::replace(&mut leaf.fate, Fate::Gone)) {
            (Origin::Title, Fate::Kept(_)) => {
                frame.title = frame.node.and_then(|node| node.attr_str("title")).map(str::to_owned);
                frame.is_alive = true;
            }
            (Origin::Title, Fate::Changed(_, title)) => {
                frame.title = Some(to_text(&Document::new(vec![title])));
                frame.is_alive = true;
            }
            (Origin::Block(node), Fate::Silent) => {
                frame.children.push(node.clone());
                frame.is_alive |= node.kind != NodeKind::Paragraph;
            }
            (Origin::Block(node), Fate::Kept(_)) => frame.push(node.clone()),
            (Origin::Plain, Fate::Kept(at)) => frame.push(edited[at].clone()),
            (_, Fate::Changed(_, node)) => frame.push(node),
            (_, Fate::Silent | Fate::Gone) => {}
        }
    }

    /// For each step, and the end, the blocks of the text that are new and stand before it.
    fn additions(&self, edited: &[Node], within: &NodeKind) -> Vec<Vec<usize>> {
        // For each block of the text the step that it belongs to.
        let mut owners = vec![None; edited.len()];
        for (index, step) in self.steps.iter().enumerate() {
            let Step::Leaf(leaf) = step else { continue };
            let (from, length) = match &self.leaves[*leaf].fate {
                Fate::Kept(at) => (*at, self.leaves[*leaf].keys.len()),
                Fate::Changed(at, _) => (*at, 1),
                _ => continue,
            };
            owners[from..from + length].fill(Some(index));
        }
        let places = self.places(within);
        let mut added = vec![Vec::new(); self.steps.len() + 1];
        let mut at = 0;
        while at < edited.len() {
            if owners[at].is_some() {
                at += 1;
                continue;
            }
            let from = at.checked_sub(1).and_then(|before| owners[before]).map_or(0, |step| step + 1);
            let end = owners[at..].iter().position(Option::is_some).map_or(edited.len(), |next| at + next);
            let until = owners.get(end).copied().flatten().unwrap_or(self.steps.len());
            let mut place = from;
            for (new, block) in edited.iter().enumerate().take(end).skip(at) {
                // As far outside as the block may stand; the first of such places.
                let fits = (place..=until).filter(|place| allows(places[*place].1, &block.kind));
                place = fits.min_by_key(|place| places[*place].0).unwrap_or(place);
                added[place].push(new);
            }
            at = end;
        }
        added
    }

    /// For each step, and the end, how deep it stands and in what.
    fn places<'b>(&'b self, within: &'b NodeKind) -> Vec<(usize, &'b NodeKind)> {
        let mut around = vec![within];
        let mut places = Vec::with_capacity(self.steps.len() + 1);
        for step in &self.steps {
            places.push((around.len(), around.last().copied().unwrap_or(within)));
            match step {
                Step::Open(node) => around.push(&node.kind),
                Step::Leaf(_) => {}
                Step::Close => drop(around.pop()),
            }
        }
        places.push((around.len(), within));
        places
    }
}

fn allows(parent: &NodeKind, child: &NodeKind) -> bool {
    schema::content(parent).slots(child).next().is_some()
}

/// Ends a container. One of which nothing is left goes; a column stays beside those that have something.
fn close(frames: &mut Vec<Frame<'_>>) {
    let Some(frame) = frames.pop() else { return };
    let (Some(node), Some(parent)) = (frame.node, frames.last_mut()) else { return };
    let is_column = node.kind == NodeKind::LayoutColumn;
    if !frame.is_alive && !is_column {
        return;
    }
    let mut children = frame.children;
    if children.is_empty() && allows(&node.kind, &NodeKind::Paragraph) {
        children.push(Node::paragraph(Vec::new()));
    }
    let mut made = Node { content: Some(children), ..node.clone() };
    if node.attr_str("title").is_some_and(|title| !title.is_empty())
        && let Some(attrs) = &mut made.attrs
        && matches!(node.kind, NodeKind::Expand | NodeKind::NestedExpand)
    {
        attrs.insert("title".to_owned(), frame.title.unwrap_or_default().into());
    }
    parent.children.push(made);
    parent.is_alive |= frame.is_alive;
}
