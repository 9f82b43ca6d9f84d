//! Which project, type and key each issue has, and what it is linked to: index arithmetic in blocks.
//!
//! Issues come in blocks of equal length. Every block holds the same number of issues of every project, in an order
//! drawn from the block's own random stream, so that the n-th key of a project is found without counting from the
//! start. Links join issues of one block; a moved issue takes a key that the next block keeps free for it.

use super::calendar::{DAY, HOUR};
use super::draw::{Draw, Purpose};
use super::roster::Model;

/// One epic per this many issues of a project.
const EPIC_EVERY: u64 = 20;

/// Issue types, in the order of `reference::ISSUE_TYPES`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Epic,
    Story,
    Task,
    Subtask,
    Bug,
}

/// The place of one issue in its block.
#[derive(Clone, Debug)]
pub(super) struct Slot {
    /// Where it was created.
    pub(super) project: usize,
    pub(super) kind: Kind,
    /// The number in its first key.
    pub(super) number: u64,
    /// For a sub-task, the position of its parent.
    pub(super) parent: Option<usize>,
    /// For an epic, its ordinal in the project.
    pub(super) ordinal: u64,
}

/// A move of an issue to another project.
#[derive(Clone, Copy, Debug)]
pub(super) struct Move {
    pub(super) position: usize,
    pub(super) project: usize,
    pub(super) number: u64,
    pub(super) at: i64,
    pub(super) author: usize,
}

/// Link types, in the order of `reference::LINK_TYPES`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum LinkKind {
    Blocks,
    Relates,
    Duplicate,
    Cloners,
    Problem,
}

/// A link between two issues of a block: `from` is the one that blocks, duplicates, clones, causes.
#[derive(Clone, Copy, Debug)]
pub(super) struct Link {
    pub(super) id: u64,
    pub(super) from: usize,
    pub(super) to: usize,
    pub(super) kind: LinkKind,
    pub(super) at: i64,
    pub(super) author: usize,
}

/// A run of consecutive issues.
#[derive(Debug)]
pub(super) struct Block {
    /// Index of its first issue.
    pub(super) first: u64,
    pub(super) slots: Vec<Slot>,
    pub(super) moves: Vec<Move>,
    pub(super) links: Vec<Link>,
}

/// Issues in a block.
pub(super) fn block_length(model: &Model) -> u64 {
    model.projects.iter().map(|project| project.quota).sum()
}

fn moves_per_block(model: &Model) -> u64 {
    block_length(model) / 64
}

fn links_per_block(model: &Model) -> u64 {
    block_length(model) / 7
}

/// The block and ordinal of the epic that is `back` epics before the newest one of `project` in `block`.
pub(super) fn epic_of(model: &Model, project: usize, block: u64, back: u64) -> (u64, u64) {
    let quota = model.projects[project].quota;
    let newest = ((block + 1) * quota - 1) / EPIC_EVERY;
    let ordinal = newest.saturating_sub(back);
    (epic_block(model, project, ordinal), ordinal)
}

/// The block of epic number `ordinal` of `project`.
pub(super) fn epic_block(model: &Model, project: usize, ordinal: u64) -> u64 {
    ordinal * EPIC_EVERY / model.projects[project].quota
}

impl Block {
    pub(super) fn new(model: &Model, number: u64) -> Self {
        let mut draw = model.seed.stream(Purpose::Block, number);
        let mut slots = epics(model, number);
        for (project, kinds) in families(model, number, &mut draw) {
            let parent = slots.len();
            for (child, kind) in kinds.into_iter().enumerate() {
                slots.push(Slot {
                    project,
                    kind,
                    number: 0,
                    parent: (child > 0).then_some(parent),
                    ordinal: 0,
                });
            }
        }
        for project in 0..model.projects.len() {
            let of_project = slots.iter_mut().filter(|slot| slot.project == project);
            for (slot, number) in of_project.zip(first_number(model, project, number)..) {
                slot.number = number;
            }
        }
        let mut block =
            Self { first: number * block_length(model), slots, moves: Vec::new(), links: Vec::new() };
        block.draw_moves(model, number, &mut draw);
        block.draw_links(model, number, &mut draw);
        block
    }

    /// The position of epic number `ordinal` of `project`.
    pub(super) fn epic(&self, project: usize, ordinal: u64) -> Option<usize> {
        self.slots
            .iter()
            .take_while(|slot| slot.kind == Kind::Epic)
            .position(|slot| slot.project == project && slot.ordinal == ordinal)
    }

    /// The positions of the sub-tasks of the issue at `position`.
    pub(super) fn subtasks(&self, position: usize) -> impl Iterator<Item = usize> {
        (position + 1..self.slots.len()).take_while(move |&child| self.slots[child].parent == Some(position))
    }

    pub(super) fn moved(&self, position: usize) -> Option<&Move> {
        self.moves.iter().find(|moved| moved.position == position)
    }

    fn draw_moves(&mut self, model: &Model, number: u64, draw: &mut Draw) {
        let per_block = moves_per_block(model);
        let projects = model.projects.len() as u64;
        let next_block = self.first + block_length(model);
        if next_block >= model.issues {
            return;
        }
        let at = model.created(next_block);
        for ordinal in number * per_block..(number + 1) * per_block {
            let project = (ordinal % projects) as usize;
            let position = draw.index(self.slots.len());
            let slot = &self.slots[position];
            let whole =
                !matches!(slot.kind, Kind::Epic | Kind::Subtask) && self.subtasks(position).next().is_none();
            if slot.project == project || !whole || self.moved(position).is_some() {
                // The key stays free, as if the issue had been deleted.
                continue;
            }
            let author = model.someone_at_work(slot.project, at, draw);
            let number = first_number(model, project, number + 1) - 1;
            self.moves.push(Move { position, project, number, at, author });
        }
    }

    fn draw_links(&mut self, model: &Model, number: u64, draw: &mut Draw) {
        let per_block = links_per_block(model);
        let mut previous: Option<Link> = None;
        for ordinal in 0..per_block {
            // A third of the links are made in one go with the one before.
            let joined = previous.filter(|_| draw.chance(330));
            let from = joined.map_or_else(|| draw.index(self.slots.len()), |link| link.from);
            let to = draw.index(self.slots.len());
            let kind = [
                LinkKind::Blocks,
                LinkKind::Relates,
                LinkKind::Duplicate,
                LinkKind::Cloners,
                LinkKind::Problem,
            ][draw.weighted(&[42, 30, 9, 7, 12])];
            let later = self.first + from.max(to) as u64;
            let linkable = |position: usize| !matches!(self.slots[position].kind, Kind::Epic | Kind::Subtask);
            let known = self
                .links
                .iter()
                .any(|link| (link.from, link.to) == (from, to) || (link.from, link.to) == (to, from));
            let (author, at) = match joined {
                Some(link) => (link.author, link.at),
                None => {
                    let author = model.member(self.slots[from].project, model.created(later), draw);
                    let at = model.created(later) + draw.long_tailed(DAY) + HOUR;
                    (author, model.next_at_work(author, at, draw))
                }
            };
            let in_time = later < model.issues && at > model.created(later) && at <= model.now;
            if from == to || known || !linkable(from) || !linkable(to) || !in_time {
                continue;
            }
            let link = Link { id: 10_000 + number * per_block + ordinal, from, to, kind, at, author };
            self.links.push(link);
            previous = Some(link);
        }
    }
}

/// How many issues have arrived in `project` by moves in the blocks before `block`: the moves of a block arrive at the
/// beginning of the next, and their targets take turns.
fn arrived(model: &Model, project: usize, block: u64) -> u64 {
    let moves = block.saturating_sub(1) * moves_per_block(model);
    let projects = model.projects.len() as u64;
    (moves + projects - 1 - project as u64) / projects
}

/// The number of the first key created in `project` in `block`; arrivals of that block come just before it.
fn first_number(model: &Model, project: usize, block: u64) -> u64 {
    block * model.projects[project].quota + arrived(model, project, block + 1) + 1
}

/// The epics of a block, which open it.
fn epics(model: &Model, block: u64) -> Vec<Slot> {
    let mut slots = Vec::new();
    for (project, quota) in model.projects.iter().map(|project| project.quota).enumerate() {
        let ordinals = (block * quota).div_ceil(EPIC_EVERY)..((block + 1) * quota).div_ceil(EPIC_EVERY);
        slots.extend(ordinals.map(|ordinal| Slot {
            project,
            kind: Kind::Epic,
            number: 0,
            parent: None,
            ordinal,
        }));
    }
    slots
}

/// The other issues of a block: parents with their sub-tasks, shuffled over the projects.
fn families(model: &Model, block: u64, draw: &mut Draw) -> Vec<(usize, Vec<Kind>)> {
    let mut families = Vec::new();
    for (project, of_project) in model.projects.iter().enumerate() {
        let quota = of_project.quota;
        let epics = ((block + 1) * quota).div_ceil(EPIC_EVERY) - (block * quota).div_ceil(EPIC_EVERY);
        let weights = if of_project.scrum { [42, 25, 33] } else { [10, 52, 38] };
        let mut rest = quota - epics;
        while rest > 0 {
            let kind = [Kind::Story, Kind::Task, Kind::Bug][draw.weighted(&weights)];
            let wanted = if kind != Kind::Bug && draw.chance(170) { draw.between(1, 4) } else { 0 };
            let children = wanted.min(rest - 1);
            let mut kinds = vec![kind];
            kinds.extend((0..children).map(|_| Kind::Subtask));
            rest -= children + 1;
            families.push((project, kinds));
        }
    }
    for last in (1..families.len()).rev() {
        families.swap(last, draw.index(last + 1));
    }
    families
}
