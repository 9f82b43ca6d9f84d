//! The course of one issue in outline: who, when, which status. Cheap, because parents and linked issues need it too.

use super::calendar::{DAY, HOUR, MINUTE};
use super::draw::Draw;
use super::layout::Kind;
use super::roster::{AUTOMATION, Model};

/// Statuses, in the order of `reference::STATUSES`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Status {
    ToDo,
    InProgress,
    InReview,
    Done,
}

/// Resolutions, in the order of `reference::RESOLUTIONS`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Resolution {
    Done,
    WontDo,
    Duplicate,
    CannotReproduce,
}

/// A transition.
#[derive(Clone, Copy, Debug)]
pub(super) struct Step {
    pub(super) at: i64,
    pub(super) author: usize,
    pub(super) to: Status,
    /// Set when `to` is Done.
    pub(super) resolution: Option<Resolution>,
}

/// What is known about an issue before its course is drawn.
#[derive(Clone, Copy, Debug)]
pub(super) struct Origin {
    pub(super) kind: Kind,
    /// Where it is worked on: the project it was moved to, if it was moved.
    pub(super) project: usize,
    /// Where it was created.
    pub(super) first_project: usize,
    pub(super) created: i64,
    /// No work starts before; later than `created` for a moved issue.
    pub(super) earliest: i64,
    /// When and by whom it was found to duplicate another.
    pub(super) duplicate: Option<(i64, usize)>,
    /// Start and end of the work on the parent of a sub-task.
    pub(super) parent: Option<(i64, i64)>,
    /// When an epic may end.
    pub(super) epic_end: i64,
}

/// The course of an issue.
#[derive(Debug)]
pub(super) struct Outline {
    pub(super) origin: Origin,
    pub(super) reporter: usize,
    pub(super) creator: usize,
    /// Who does the work.
    pub(super) worker: usize,
    pub(super) reviewer: usize,
    /// At creation; an index of `reference::PRIORITIES`.
    pub(super) priority: usize,
    pub(super) reprioritised: Option<(i64, usize, usize)>,
    pub(super) points: Option<u64>,
    /// The transitions up to now.
    pub(super) steps: Vec<Step>,
    /// Periods of work, from the start of progress to its end, possibly in the future.
    pub(super) work: Vec<(i64, i64)>,
    /// Work stopped for weeks here.
    pub(super) stuck: Option<(i64, i64)>,
}

/// An instant that no site reaches.
pub(super) const NEVER: i64 = i64::MAX / 4;

const POINTS: [u64; 6] = [1, 2, 3, 5, 8, 13];
/// Median hours of work for each of [`POINTS`].
const POINT_HOURS: [i64; 6] = [12, 22, 38, 70, 130, 210];
/// Median wait before work starts, per priority, in hours.
const WAIT_HOURS: [i64; 5] = [3, 26, 110, 230, 420];
const PRIORITY_WEIGHTS: [u64; 5] = [4, 17, 56, 18, 5];
const BUG_PRIORITY_WEIGHTS: [u64; 5] = [9, 28, 43, 16, 4];

impl Outline {
    pub(super) fn new(model: &Model, origin: Origin, draw: &mut Draw) -> Self {
        let creator = match draw.chance(40) {
            true if origin.kind == Kind::Bug => AUTOMATION,
            _ => model.someone_at_work(origin.first_project, origin.created, draw),
        };
        let reporter = if creator == AUTOMATION || draw.chance(50) {
            model.member(origin.first_project, origin.created, draw)
        } else {
            creator
        };
        let weights = if origin.kind == Kind::Bug { &BUG_PRIORITY_WEIGHTS } else { &PRIORITY_WEIGHTS };
        let priority = draw.weighted(weights);
        let pointed = origin.kind == Kind::Story || (origin.kind != Kind::Epic && draw.chance(450));
        let size = draw.weighted(&[12, 22, 28, 22, 12, 4]);
        let scrum = model.projects[origin.project].scrum;
        let worker = model.member(origin.project, origin.created, draw);
        let reviewer = model.colleague(origin.project, worker, origin.created, draw);
        let mut outline = Self {
            origin,
            reporter,
            creator,
            worker,
            reviewer,
            priority,
            reprioritised: None,
            points: (pointed && scrum && origin.kind != Kind::Subtask).then_some(POINTS[size]),
            steps: Vec::with_capacity(6),
            work: Vec::with_capacity(2),
            stuck: None,
        };
        outline.draw_reprioritisation(model, draw);
        Course { model, outline: &mut outline, draw, size, at: origin.created }.run();
        outline.steps.retain(|step| step.at <= model.now);
        // Nobody ranks what is done.
        let done = outline.steps.iter().find(|step| step.to == Status::Done).map_or(NEVER, |step| step.at);
        outline.reprioritised = outline.reprioritised.filter(|(at, ..)| *at < done);
        outline
    }

    /// A product owner changes her mind some days after creation.
    fn draw_reprioritisation(&mut self, model: &Model, draw: &mut Draw) {
        if !draw.chance(110) {
            return;
        }
        let author = model.projects[self.origin.first_project].lead;
        let at = model.next_at_work(author, self.origin.created + draw.long_tailed(2 * DAY), draw);
        let raised = draw.chance(650);
        let to = if raised { self.priority.saturating_sub(1) } else { (self.priority + 1).min(4) };
        if to != self.priority && at <= model.now {
            self.reprioritised = Some((at, author, to));
        }
    }

    /// The status now.
    pub(super) fn status(&self) -> Status {
        self.steps.last().map_or(Status::ToDo, |step| step.to)
    }

    /// The priority now.
    pub(super) fn final_priority(&self) -> usize {
        self.reprioritised.map_or(self.priority, |(_, _, to)| to)
    }

    /// When work starts and ends, even if that is still to come.
    pub(super) fn period(&self) -> (i64, i64) {
        let start = self.work.first().map_or(NEVER, |period| period.0);
        (start, self.work.last().map_or(NEVER, |period| period.1))
    }
}

/// The drawing of a course: where it stands.
struct Course<'a> {
    model: &'a Model,
    outline: &'a mut Outline,
    draw: &'a mut Draw,
    size: usize,
    /// The last transition so far.
    at: i64,
}

impl Course<'_> {
    fn run(mut self) {
        let origin = self.outline.origin;
        if let Some((at, author)) = origin.duplicate {
            self.close(author, at, Resolution::Duplicate);
            return;
        }
        match origin.kind {
            Kind::Epic => self.epic(),
            Kind::Subtask => self.subtask(),
            _ => self.standard(),
        }
    }

    fn standard(&mut self) {
        let origin = self.outline.origin;
        let wait = self.draw.long_tailed(WAIT_HOURS[self.outline.priority] * HOUR);
        let fate = self.draw.below(1000);
        if fate < 55 {
            self.drop_unworked(wait * 2);
        } else if fate >= 110 {
            // The others are never begun.
            let start = self.fit_into_sprint(origin.earliest + wait);
            self.progress(start, true);
            if self.draw.chance(115) {
                self.reopen();
            }
        }
    }

    fn epic(&mut self) {
        let created = self.outline.origin.created;
        let start = created + self.draw.span(2 * DAY, 16 * DAY);
        let end = self.outline.origin.epic_end + self.draw.long_tailed(24 * DAY);
        let start = self.step(self.outline.worker, start, Status::InProgress);
        let end = self.close(self.outline.worker, end.max(start + 10 * DAY), Resolution::Done);
        self.outline.work.push((start, end));
    }

    /// Sub-tasks are done while their parent is worked on.
    fn subtask(&mut self) {
        let Some((from, until)) = self.outline.origin.parent else { return };
        if from == NEVER {
            return;
        }
        let from = from.max(self.outline.origin.created);
        let length = (until - from).max(0);
        let start = from + length / 100 * self.draw.between(2, 60).cast_signed();
        let end = start + (until - start).max(0) / 100 * self.draw.between(20, 95).cast_signed();
        let start = self.step(self.outline.worker, start, Status::InProgress);
        if self.draw.chance(350) {
            let middle = start + (end - start) * 2 / 3;
            self.step(self.outline.worker, middle, Status::InReview);
        }
        let end = self.close(self.outline.worker, end, Resolution::Done);
        self.outline.work.push((start, end));
    }

    /// Closed without any work.
    fn drop_unworked(&mut self, wait: i64) {
        let lead = self.model.projects[self.outline.origin.project].lead;
        let resolution = match self.outline.origin.kind {
            Kind::Bug if self.draw.chance(600) => Resolution::CannotReproduce,
            _ => Resolution::WontDo,
        };
        self.close(lead, self.outline.origin.earliest + wait, resolution);
    }

    /// One round of work: in progress, in review and perhaps back, done.
    fn progress(&mut self, start: i64, first: bool) {
        let worker = self.outline.worker;
        let effort = self.draw.moderate(POINT_HOURS[self.size] * HOUR) / if first { 1 } else { 3 };
        let start = self.step(worker, start, Status::InProgress);
        let mut at = start + effort * 6 / 10;
        if first && self.draw.chance(40) {
            self.step(worker, at.min(start + DAY), Status::ToDo);
            at += self.draw.long_tailed(6 * DAY);
            self.step(worker, at, Status::InProgress);
            at = self.at + effort * 6 / 10;
        }
        at = self.perhaps_stuck(at);
        if self.draw.chance(880) {
            at = self.review(at, effort);
        } else {
            at += effort * 4 / 10;
        }
        let closer = match self.draw.below(100) {
            0..15 => self.outline.reviewer,
            15..22 => AUTOMATION,
            _ => worker,
        };
        let end = self.close(closer, at, Resolution::Done);
        self.outline.work.push((start, end));
    }

    /// In review, perhaps sent back once; returns when it is approved.
    fn review(&mut self, at: i64, effort: i64) -> i64 {
        let worker = self.outline.worker;
        let mut at = self.step(worker, at, Status::InReview);
        if self.draw.chance(150) {
            let remarks = at + self.draw.moderate(8 * HOUR);
            self.step(self.outline.reviewer, remarks, Status::InProgress);
            let again = self.at + self.draw.moderate(9 * HOUR);
            at = self.step(worker, again, Status::InReview);
        }
        at += self.draw.moderate(effort * 4 / 10 + 16 * HOUR);
        self.perhaps_stuck(at)
    }

    /// Some work waits for somebody else for weeks; returns when it goes on.
    fn perhaps_stuck(&mut self, at: i64) -> i64 {
        if !self.draw.chance(26) {
            return at;
        }
        let until = at + self.draw.span(15 * DAY, 75 * DAY);
        self.outline.stuck = Some((at, until));
        until
    }

    fn reopen(&mut self) {
        let reviewer = self.outline.reviewer;
        let at = self.at + self.draw.long_tailed(4 * DAY) + HOUR;
        let start = if self.draw.chance(550) {
            at
        } else {
            let back = self.step(reviewer, at, Status::ToDo);
            back + self.draw.moderate(20 * HOUR)
        };
        self.progress(start, false);
    }

    fn close(&mut self, author: usize, at: i64, resolution: Resolution) -> i64 {
        let at = self.step(author, at, Status::Done);
        if let Some(step) = self.outline.steps.last_mut() {
            step.resolution = Some(resolution);
        }
        at
    }

    /// A transition at `at` or when its author is next at work, at least ten minutes after the one before.
    fn step(&mut self, author: usize, at: i64, to: Status) -> i64 {
        let at = at.max(self.at + 10 * MINUTE + self.draw.span(0, 10 * MINUTE));
        self.at = self.model.next_at_work(author, at, self.draw);
        self.outline.steps.push(Step { at: self.at, author, to, resolution: None });
        self.at
    }

    /// Most work of a scrum team waits for the next sprint when it does not fall into one.
    fn fit_into_sprint(&mut self, start: i64) -> i64 {
        let project = &self.model.projects[self.outline.origin.project];
        match project.sprint_at(start) {
            Some(index) if start < project.sprints[index].start => {
                project.sprints[index].start + self.draw.span(HOUR, 2 * DAY)
            }
            _ => start,
        }
    }
}
