//! Everything that happens to one issue: the changes around its outline, comments, work logged.

use super::attachments::{self, Attachment};
use super::calendar::{DAY, HOUR, MINUTE};
use super::draw::Draw;
use super::layout::Kind;
use super::ledger::{Change, Entry, History, State};
use super::outline::{NEVER, Outline, Resolution, Status, Step};
use super::roster::{AUTOMATION, Model};
use super::vocabulary::{LABELS, ROOT_CAUSES};

/// What is known about an issue besides its outline.
#[derive(Debug)]
pub(super) struct Setting<'a> {
    pub(super) model: &'a Model,
    pub(super) outline: &'a Outline,
    pub(super) index: u64,
    pub(super) first_key: String,
    pub(super) summary: String,
    /// When, by whom, and the new key.
    pub(super) moved: Option<(i64, usize, String)>,
    /// When, by whom, key of the other issue, sentence.
    pub(super) links: Vec<(i64, usize, String, String)>,
    /// Id, key and creation of the epic, or of the parent of a sub-task.
    pub(super) parent: Option<(u64, String, i64)>,
    pub(super) has_subtasks: bool,
}

/// A comment to be written.
#[derive(Debug)]
pub(super) struct Comment {
    pub(super) at: i64,
    pub(super) edited: Option<i64>,
    pub(super) author: usize,
}

/// Work logged.
#[derive(Debug)]
pub(super) struct Worklog {
    pub(super) at: i64,
    pub(super) started: i64,
    pub(super) seconds: u64,
    pub(super) author: usize,
}

/// The life of an issue up to now.
#[derive(Debug)]
pub(super) struct Activity {
    pub(super) state: State,
    /// Oldest first.
    pub(super) histories: Vec<History>,
    pub(super) comments: Vec<Comment>,
    pub(super) worklogs: Vec<Worklog>,
    /// Oldest first.
    pub(super) attachments: Vec<Attachment>,
}

/// Ids of comments, worklogs and attachments of one issue: this many are kept for each.
pub(super) const COLLECTION_IDS: u64 = 16;

/// Estimates in hours, smallest first.
const ESTIMATE_HOURS: [u64; 6] = [2, 4, 8, 12, 20, 32];

impl Activity {
    pub(super) fn new(setting: &Setting<'_>, draw: &mut Draw) -> Self {
        let mut scene = Scene {
            setting,
            model: setting.model,
            outline: setting.outline,
            state: initial(setting),
            entries: Vec::with_capacity(16),
            draw,
        };
        scene.classification();
        scene.people_and_status();
        scene.moved_and_linked();
        scene.points();
        scene.sprints();
        scene.fix_versions();
        scene.dates();
        scene.parent();
        let worklogs = scene.work();
        let comments = scene.comments();
        let attachments = scene.attachments();
        let now = setting.model.now;
        let Scene { mut state, mut entries, .. } = scene;
        entries.retain(|entry| entry.at <= now);
        let histories = state.apply(setting.model, entries);
        Self { state, histories, comments, worklogs, attachments }
    }
}

/// The values at creation, before anything is drawn.
fn initial(setting: &Setting<'_>) -> State {
    State {
        project: setting.outline.origin.first_project,
        key: setting.first_key.clone(),
        summary: setting.summary.clone(),
        status: Status::ToDo,
        resolution: None,
        assignee: None,
        reviewer: None,
        priority: setting.outline.priority,
        points: None,
        sprints: Vec::new(),
        fix_versions: Vec::new(),
        labels: Vec::new(),
        components: Vec::new(),
        due: None,
        target: None,
        original_estimate: None,
        remaining_estimate: None,
        spent: None,
        flagged: false,
        parent: None,
        severity: None,
        root_cause: None,
        customer_impact: None,
    }
}

struct Scene<'a> {
    setting: &'a Setting<'a>,
    model: &'a Model,
    outline: &'a Outline,
    state: State,
    entries: Vec<Entry>,
    draw: &'a mut Draw,
}

impl Scene<'_> {
    fn enter(&mut self, at: i64, author: usize, change: Change) {
        self.entries.push(Entry { at, author: Some(author), change });
    }

    /// Some instant while the issue is open, when `author` is at work.
    fn sometime(&mut self, author: usize) -> i64 {
        let created = self.outline.origin.created;
        let end = self.outline.period().1.min(self.model.now).max(created + HOUR);
        let at = created + 2 * MINUTE + self.draw.span(0, end - created);
        self.model.next_at_work(author, at, self.draw)
    }

    fn lead(&self) -> usize {
        self.model.projects[self.outline.origin.project].lead
    }

    fn first_step(&self, to: Status) -> Option<Step> {
        self.outline.steps.iter().find(|step| step.to == to).copied()
    }

    /// Enters a change at some instant, which the change may depend on, in `permille` of all cases.
    fn perhaps(&mut self, permille: u64, change: impl FnOnce(&mut Draw, i64) -> Change) {
        if self.draw.chance(permille) {
            let author = if self.draw.chance(500) { self.lead() } else { self.outline.reporter };
            let at = self.sometime(author);
            let change = change(self.draw, at);
            self.enter(at, author, change);
        }
    }

    fn classification(&mut self) {
        let domain = self.model.projects[self.outline.origin.first_project].domain;
        let label = |draw: &mut Draw| {
            if draw.chance(400) { draw.pick(&domain.labels) } else { draw.pick(&LABELS) }
        };
        for _ in 0..self.draw.weighted(&[46, 32, 17, 5]) {
            let label = label(self.draw);
            if !self.state.labels.contains(&label) {
                self.state.labels.push(label);
            }
        }
        self.state.labels.sort_unstable();
        self.perhaps(140, |draw, _| Change::LabelAdded(label(draw)));
        if self.draw.chance(620) {
            self.state.components.push(self.draw.index(6));
        }
        // A moved issue gets the components of its new project, if any, later.
        if self.setting.moved.is_none() {
            self.perhaps(90, |draw, _| Change::ComponentAdded(draw.index(6)));
        }
        // Whoever orders a backlog drags the same issue more than once.
        for permille in [420, 160] {
            self.perhaps(permille, |draw, _| Change::Ranked(draw.chance(700)));
        }
        if self.draw.chance(35) {
            self.state.summary = format!("Draft: {}", self.setting.summary);
            let author = self.outline.reporter;
            let at = self.model.next_at_work(
                author,
                self.outline.origin.created + self.draw.span(HOUR, DAY),
                self.draw,
            );
            if at <= self.model.now {
                self.enter(at, author, Change::Summary(self.setting.summary.clone()));
            } else {
                self.state.summary.clone_from(&self.setting.summary);
            }
        }
        if self.outline.origin.kind == Kind::Bug {
            self.bug();
        }
    }

    fn bug(&mut self) {
        if self.draw.chance(650) {
            self.state.severity = Some(self.draw.weighted(&[8, 30, 46, 16]));
        }
        self.perhaps(110, |draw, _| Change::Severity(draw.weighted(&[20, 40, 30, 10])));
        if self.draw.chance(420) {
            self.state.customer_impact = Some(self.draw.between(1, 240));
            self.perhaps(160, |draw, _| Change::CustomerImpact(draw.between(20, 900)));
        }
    }

    /// Transitions, with what people set along with them.
    fn people_and_status(&mut self) {
        let Outline { worker, reviewer, reprioritised, .. } = *self.outline;
        match self.draw.weighted(&[68, 20, 12]) {
            1 => self.state.assignee = Some(worker),
            2 => {
                let project = self.outline.origin.first_project;
                self.state.assignee =
                    Some(self.model.member(project, self.outline.origin.created, self.draw));
            }
            _ => {}
        }
        if let Some((at, author, to)) = reprioritised {
            self.enter(at, author, Change::Priority(to));
        }
        let reviewed_by_name = self.draw.chance(330);
        let handed_to_reviewer = self.draw.chance(130);
        for step in self.outline.steps.clone() {
            // Jira does not tell the author of every automated change (jira-facts 6.4).
            let hidden = step.author == AUTOMATION && self.draw.chance(200);
            let first = self.entries.len();
            self.enter(step.at, step.author, Change::Status(step.to, step.resolution));
            match step.to {
                Status::InProgress => self.enter(step.at, step.author, Change::Assignee(Some(worker))),
                Status::InReview if reviewed_by_name => {
                    self.enter(step.at, step.author, Change::Reviewer(reviewer));
                    if handed_to_reviewer {
                        self.enter(step.at, step.author, Change::Assignee(Some(reviewer)));
                    }
                }
                Status::Done => self.closing(step),
                _ => {}
            }
            if hidden {
                self.entries[first..].iter_mut().for_each(|entry| entry.author = None);
            }
        }
        if let Some((from, until)) = self.outline.stuck {
            let author = self.outline.worker;
            let on = self.model.next_at_work(author, from + self.draw.span(HOUR, 2 * DAY), self.draw);
            let off = self.model.next_at_work(author, until - self.draw.span(HOUR, 5 * HOUR), self.draw);
            if self.draw.chance(600) && on < off {
                self.enter(on, author, Change::Flagged(true));
                self.enter(off, author, Change::Flagged(false));
            }
        }
    }

    fn closing(&mut self, step: Step) {
        let standard = matches!(self.outline.origin.kind, Kind::Story | Kind::Task | Kind::Bug);
        if step.resolution != Some(Resolution::Done) || !standard {
            return;
        }
        if self.outline.origin.kind == Kind::Bug && self.draw.chance(380) {
            let cause = self.draw.pick(&ROOT_CAUSES);
            self.enter(step.at, step.author, Change::RootCause(cause));
        }
        let version = self.model.projects[self.outline.origin.project].version_after(step.at);
        if let Some(version) = version.filter(|_| self.draw.chance(640)) {
            self.enter(step.at, step.author, Change::FixVersionAdded(version));
        }
    }

    fn moved_and_linked(&mut self) {
        if let Some((at, author, key)) = self.setting.moved.clone() {
            self.enter(at, author, Change::Moved { project: self.outline.origin.project, key });
        }
        for (at, author, key, sentence) in self.setting.links.clone() {
            self.enter(at, author, Change::Linked(key, sentence));
        }
    }

    /// Estimated at creation or in a refinement; sometimes corrected.
    fn points(&mut self) {
        let Some(points) = self.outline.points else { return };
        if self.draw.chance(380) {
            self.state.points = Some(points);
            return;
        }
        let first = if self.draw.chance(160) { self.draw.pick_number(&[1, 2, 3, 5, 8]) } else { points };
        let author = self.lead();
        let origin = &self.outline.origin;
        let until = self.outline.period().0.min(self.model.now).max(origin.earliest + HOUR);
        let refined = origin.earliest + 5 * MINUTE + self.draw.span(0, until - origin.earliest) * 8 / 10;
        let refined = self.model.next_at_work(author, refined, self.draw);
        self.enter(refined, author, Change::Points(first));
        if first != points {
            let worker = self.outline.worker;
            let corrected =
                self.model.next_at_work(worker, refined + self.draw.span(HOUR, 4 * DAY), self.draw);
            self.enter(corrected, worker, Change::Points(points));
        }
    }

    /// Into the sprint of the work, and from sprint to sprint until it is done.
    fn sprints(&mut self) {
        let project = &self.model.projects[self.outline.origin.project];
        let standard = !matches!(self.outline.origin.kind, Kind::Epic | Kind::Subtask);
        if !project.scrum || !standard || self.draw.chance(130) {
            return;
        }
        let (mut earliest, lead) = (self.outline.origin.earliest, project.lead);
        for &(start, end) in &self.outline.work {
            let Some(first) = project.sprint_at(start) else { continue };
            let sprint = &project.sprints[first];
            let wanted = match () {
                () if self.draw.chance(350) => sprint.start - self.draw.span(DAY, 9 * DAY),
                () if earliest < sprint.start => sprint.start - self.draw.span(5 * MINUTE, 2 * HOUR),
                () => start - self.draw.span(5 * MINUTE, 3 * HOUR),
            };
            let added = self.model.next_at_work(lead, wanted.max(earliest + MINUTE), self.draw);
            self.enter(added.min(start.max(earliest + MINUTE)), lead, Change::SprintAdded(first));
            let carried = (first + 1..project.sprints.len().min(first + 7))
                .take_while(|&next| project.sprints[next - 1].complete < end);
            for next in carried {
                let closed = project.sprints[next - 1].complete;
                self.enter(closed.max(added + 1), lead, Change::SprintAdded(next));
            }
            // What is reopened is planned anew, not before.
            earliest = end;
        }
    }

    /// Planned for a release, and postponed when it is not done by then.
    fn fix_versions(&mut self) {
        let origin = &self.outline.origin;
        let standard = !matches!(origin.kind, Kind::Epic | Kind::Subtask);
        if !standard || self.setting.moved.is_some() || !self.draw.chance(150) {
            return;
        }
        let project = &self.model.projects[origin.project];
        let Some(first) = project.version_after(origin.created + 12 * DAY) else { return };
        self.state.fix_versions.push(first);
        let done = self.first_step(Status::Done).map_or(NEVER, |step| step.at);
        self.entries.retain(|entry| !matches!(entry.change, Change::FixVersionAdded(_)));
        for version in first..(first + 4).min(project.versions.len().saturating_sub(1)) {
            let release = project.versions[version].release;
            if done <= release {
                break;
            }
            let at = self.model.next_at_work(project.lead, release - self.draw.span(HOUR, DAY), self.draw);
            self.enter(
                at.max(origin.created + 10 * MINUTE),
                project.lead,
                Change::FixVersionMoved(version, version + 1),
            );
        }
    }

    fn dates(&mut self) {
        let created = self.outline.origin.created;
        if self.draw.chance(130) {
            let due = created + self.draw.span(5 * DAY, 60 * DAY);
            self.state.due = Some(due);
            self.perhaps(300, |draw, at| {
                Change::DueDate(due.max(at) + draw.between(3, 30).cast_signed() * DAY)
            });
        } else {
            self.perhaps(60, |draw, at| Change::DueDate(at + draw.span(10 * DAY, 80 * DAY)));
        }
        if self.outline.origin.kind == Kind::Epic || self.draw.chance(60) {
            let target = created + self.draw.span(30 * DAY, 150 * DAY);
            self.state.target = Some(target);
            self.perhaps(250, |draw, at| {
                Change::TargetDate(target.max(at) + draw.between(7, 60).cast_signed() * DAY)
            });
        }
    }

    /// The epic is there from the beginning, or the story is put under it later.
    fn parent(&mut self) {
        let Some((id, key, created)) = self.setting.parent.clone() else { return };
        let later = self.outline.origin.kind != Kind::Subtask && self.draw.chance(140);
        let author = self.lead();
        let at = self.sometime(author);
        if later && at > created && at <= self.model.now {
            self.enter(at, author, Change::Parent(id, key));
        } else {
            self.state.parent = Some(id);
        }
    }

    /// Estimates and work logged; teams that use sub-tasks do not track time on them.
    fn work(&mut self) -> Vec<Worklog> {
        let origin = &self.outline.origin;
        let standard =
            matches!(origin.kind, Kind::Story | Kind::Task | Kind::Bug) && !self.setting.has_subtasks;
        let Some(&(start, end)) = self.outline.work.first().filter(|_| standard && self.draw.chance(330))
        else {
            return Vec::new();
        };
        let hours = ESTIMATE_HOURS[self.draw.index(ESTIMATE_HOURS.len())];
        let estimate = hours * 3600;
        match self.draw.below(100) {
            0..50 => {
                self.state.original_estimate = Some(estimate);
                self.state.remaining_estimate = Some(estimate);
            }
            50..85 => self.enter(start, self.outline.worker, Change::OriginalEstimate(estimate)),
            _ => {}
        }
        let sessions = self.draw.between(1, 6).min(hours / 2).max(1);
        let until = end.min(self.model.now);
        let author = self.outline.worker;
        let mut worklogs = Vec::new();
        for session in 0..sessions {
            let share = (until - start).max(0) / sessions.cast_signed() * (session + 1).cast_signed();
            let wanted = start + share - self.draw.span(0, HOUR);
            let at = self.model.next_at_work(author, wanted.max(start + 15 * MINUTE), self.draw);
            let quarters = self.draw.between(2, (hours * 4 / sessions).max(3));
            let seconds = quarters * 900;
            let started = (at - seconds.cast_signed() * 1000).max(origin.created + MINUTE);
            worklogs.push(Worklog { at, started, seconds, author });
        }
        worklogs.retain(|worklog| worklog.at <= self.model.now);
        worklogs.sort_by_key(|worklog| worklog.at);
        for (number, worklog) in worklogs.iter().enumerate() {
            let id = collection_id(self.setting.index, number);
            self.enter(worklog.at, author, Change::Spent(worklog.seconds, id));
        }
        worklogs
    }

    /// Files, most of them put there with the issue or by whoever looks into it.
    fn attachments(&mut self) -> Vec<Attachment> {
        let created = self.outline.origin.created;
        let mut attachments = Vec::new();
        for kind in attachments::kinds(self.outline.origin.kind, self.draw) {
            let author = if self.draw.chance(600) { self.outline.reporter } else { self.outline.worker };
            let at = match self.draw.chance(400) {
                true => self.model.next_at_work(author, created + self.draw.span(MINUTE, HOUR), self.draw),
                false => self.sometime(author),
            };
            if at <= self.model.now {
                attachments.push(attachments::drawn(kind, at, author, self.draw));
            }
        }
        attachments.sort_by_key(|attachment| attachment.at);
        for (number, attachment) in attachments.iter().enumerate() {
            let id = collection_id(self.setting.index, number);
            self.enter(attachment.at, attachment.author, Change::Attached(id, attachment.name.clone()));
        }
        attachments
    }

    fn comments(&mut self) -> Vec<Comment> {
        let origin = &self.outline.origin;
        let weights = match origin.kind {
            Kind::Subtask => [36, 30, 17, 9, 5, 3, 0, 0, 0, 0, 0],
            _ => [8, 15, 18, 17, 13, 10, 7, 5, 3, 2, 2],
        };
        let count = self.draw.weighted(&weights) + if self.outline.stuck.is_some() { 3 } else { 0 };
        let until = self.outline.period().1.saturating_add(2 * DAY).min(self.model.now);
        let length = (until - origin.created).max(HOUR);
        let mut comments = Vec::with_capacity(count);
        for number in 0..count {
            let author = match self.draw.below(10) {
                0..3 => self.outline.reporter,
                3..6 => self.outline.worker,
                6..8 => self.outline.reviewer,
                _ => self.model.member(origin.project, origin.created, self.draw),
            };
            let share = length / (count as i64 + 1) * (number as i64 + 1);
            let wanted = origin.created + 5 * MINUTE + share * self.draw.between(40, 100).cast_signed() / 100;
            let at = self.model.next_at_work(author, wanted, self.draw);
            let edited = (self.draw.chance(60)).then(|| at + self.draw.span(MINUTE, 40 * MINUTE));
            if at <= self.model.now {
                comments.push(Comment {
                    at,
                    edited: edited.filter(|edited| *edited <= self.model.now),
                    author,
                });
            }
        }
        comments.sort_by_key(|comment| comment.at);
        comments
    }
}

/// The id of a comment, worklog or attachment: unique in the site, ascending within the issue.
pub(super) fn collection_id(index: u64, number: usize) -> u64 {
    10_000 + index * COLLECTION_IDS + number as u64
}
