//! Issues as others see them (parent, sub-task, linked issue), recomputed or remembered within a bounded window.

use std::sync::Arc;

use super::calendar::{DAY, HOUR};
use super::draw::{Draw, Purpose};
use super::layout::{Block, Kind, LinkKind, block_length, epic_block, epic_of};
use super::outline::{Origin, Outline, Status};
use super::roster::Model;
use super::wording::{Topic, summary};

/// What other issues show of an issue.
#[derive(Debug)]
pub(super) struct Card {
    pub(super) index: u64,
    pub(super) key: String,
    pub(super) summary: String,
    pub(super) topic: Topic,
    pub(super) status: Status,
    pub(super) priority: usize,
    pub(super) kind: Kind,
    pub(super) created: i64,
    /// Start and end of the work, see `Outline::period`.
    period: (i64, i64),
    /// When it was moved, by whom, and its key before.
    pub(super) moved: Option<(i64, usize, String)>,
}

impl Card {
    /// The key the issue had at `at`.
    pub(super) fn key_at(&self, at: i64) -> &str {
        match &self.moved {
            Some((moved, _, before)) if at < *moved => before,
            _ => &self.key,
        }
    }
}

/// Remembered blocks and cards.
#[derive(Debug)]
pub(super) struct Cards {
    block_length: u64,
    blocks: Vec<Option<(u64, Arc<Block>)>>,
    cards: Vec<Option<Arc<Card>>>,
}

/// An epic and its children lie within this many blocks.
const BLOCKS: usize = 8;
const CARDS: usize = 4096;

impl Cards {
    pub(super) fn new(model: &Model) -> Self {
        Self { block_length: block_length(model), blocks: vec![None; BLOCKS], cards: vec![None; CARDS] }
    }

    /// The block of an issue and its position there.
    pub(super) fn locate(&mut self, model: &Model, index: u64) -> (Arc<Block>, usize) {
        let number = index / self.block_length;
        (self.block(model, number), (index % self.block_length) as usize)
    }

    fn block(&mut self, model: &Model, number: u64) -> Arc<Block> {
        let place = &mut self.blocks[(number % BLOCKS as u64) as usize];
        match place {
            Some((known, block)) if *known == number => Arc::clone(block),
            _ => {
                let block = Arc::new(Block::new(model, number));
                *place = Some((number, Arc::clone(&block)));
                block
            }
        }
    }

    pub(super) fn card(&mut self, model: &Model, index: u64) -> Arc<Card> {
        match &self.cards[(index % CARDS as u64) as usize] {
            Some(card) if card.index == index => Arc::clone(card),
            _ => self.outline(model, index).1,
        }
    }

    /// The outline of an issue and its card, which is remembered.
    pub(super) fn outline(&mut self, model: &Model, index: u64) -> (Outline, Arc<Card>) {
        let (block, position) = self.locate(model, index);
        let origin = self.origin(model, &block, position);
        let mut draw = model.seed.stream(Purpose::Outline, index);
        let outline = Outline::new(model, origin, &mut draw);
        let slot = &block.slots[position];
        let domain = model.projects[slot.project].domain;
        let first_key = format!("{}-{}", model.projects[slot.project].key, slot.number);
        let moved = block.moved(position).map(|moved| {
            let key = format!("{}-{}", model.projects[moved.project].key, moved.number);
            (moved.at, moved.author, key)
        });
        let (key, moved) = match moved {
            Some((at, author, key)) => (key, Some((at, author, first_key))),
            None => (first_key, None),
        };
        let topic = Topic::new(domain, &mut draw);
        let card = Arc::new(Card {
            index,
            key,
            summary: summary(domain, slot.kind, &topic, (slot.ordinal, origin.created), &mut draw),
            topic,
            status: outline.status(),
            priority: outline.final_priority(),
            kind: slot.kind,
            created: origin.created,
            period: outline.period(),
            moved,
        });
        self.cards[(index % CARDS as u64) as usize] = Some(Arc::clone(&card));
        (outline, card)
    }

    fn origin(&mut self, model: &Model, block: &Block, position: usize) -> Origin {
        let slot = &block.slots[position];
        let created = model.created(block.first + position as u64);
        let moved = block.moved(position);
        let duplicate = block
            .links
            .iter()
            .find(|link| link.kind == LinkKind::Duplicate && link.from == position && moved.is_none());
        let parent = slot.parent.map(|parent| self.card(model, block.first + parent as u64).period);
        Origin {
            kind: slot.kind,
            project: moved.map_or(slot.project, |moved| moved.project),
            first_project: slot.project,
            created,
            earliest: moved.map_or(created, |moved| moved.at + HOUR),
            duplicate: duplicate.map(|link| (link.at, link.author)),
            parent,
            epic_end: if slot.kind == Kind::Epic {
                self.epic_end(model, slot.project, slot.ordinal)
            } else {
                created
            },
        }
    }

    /// When the last issues are put under an epic: its second successor has then begun.
    fn epic_end(&self, model: &Model, project: usize, ordinal: u64) -> i64 {
        let index = (epic_block(model, project, ordinal + 2) + 1) * self.block_length;
        if index < model.issues { model.created(index) } else { model.now + 45 * DAY }
    }

    /// The epic of the issue at `position` of `block`, if it has one; never of epics, sub-tasks and moved issues.
    pub(super) fn epic(
        &mut self,
        model: &Model,
        block: &Block,
        position: usize,
        draw: &mut Draw,
    ) -> Option<Arc<Card>> {
        let slot = &block.slots[position];
        let none = matches!(slot.kind, Kind::Epic | Kind::Subtask) || block.moved(position).is_some();
        if none || !draw.chance(740) {
            return None;
        }
        let back = draw.below(2);
        let (number, ordinal) = epic_of(model, slot.project, block.first / self.block_length, back);
        let epics = self.block(model, number);
        let epic = epics.epic(slot.project, ordinal)?;
        Some(self.card(model, epics.first + epic as u64))
    }
}
