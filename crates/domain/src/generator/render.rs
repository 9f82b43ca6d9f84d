//! One issue in the shape of Jira Cloud's REST API v3 (jira-facts 6 and 7).

use std::sync::Arc;

use serde_json::{Map, Value};

use super::activity::{Activity, Comment, Setting, Worklog, collection_id};
use super::attachments;
use super::calendar::{date, timestamp};
use super::cards::{Card, Cards};
use super::custom;
use super::draw::{Draw, Purpose};
use super::layout::{Block, Kind, Link};
use super::ledger::{History, State};
use super::outline::{Outline, Status};
use super::reference::{Category, LINK_TYPES, Reference, STATUSES, members, object};
use super::roster::Model;
use super::wording::{Phase, Writer};

/// Where the ids of histories begin.
pub(super) const FIRST_ID: u64 = 10_000;
/// Ids of histories kept for each issue: more than of anything else.
pub(super) const HISTORY_IDS: u64 = 64;

/// What expansions an issue offers, as in Jira's answers.
const EXPAND: &str = "renderedFields,names,schema,operations,editmeta,changelog,versionedRepresentations";

/// The members of `fields`, to be put into a map once all are there.
pub(super) type Fields = Vec<(&'static str, Value)>;

/// The neighbours of an issue.
struct Neighbours {
    parent: Option<Arc<Card>>,
    subtasks: Vec<Arc<Card>>,
    /// With true when this issue is the link's `from`.
    links: Vec<(Link, bool, Arc<Card>)>,
}

/// Draws and renders the issue with the given index.
pub(super) fn issue(model: &Model, reference: &Reference, cards: &mut Cards, index: u64) -> Value {
    let (block, position) = cards.locate(model, index);
    let (outline, card) = cards.outline(model, index);
    let mut draw = model.seed.stream(Purpose::Detail, index);
    let neighbours = neighbours(model, cards, &block, position, &mut draw);
    let setting = Setting {
        model,
        outline: &outline,
        index,
        first_key: card.key_at(card.created).to_owned(),
        summary: card.summary.clone(),
        moved: card.moved.as_ref().map(|(at, author, _)| (*at, *author, card.key.clone())),
        links: neighbours
            .links
            .iter()
            .map(|(link, outward, other)| link_entry(link, *outward, other))
            .collect(),
        parent: neighbours.parent.as_ref().map(|it| (model.id(it.index), it.key.clone(), it.created)),
        has_subtasks: !neighbours.subtasks.is_empty(),
    };
    let mut activity = Activity::new(&setting, &mut draw);
    let api = format!("{}/rest/api/3", model.base_url);
    let mut renderer = Renderer { model, reference, api, card: &card, outline: &outline, draw: &mut draw };
    renderer.issue(&mut activity, &neighbours)
}

fn link_entry(link: &Link, outward: bool, other: &Card) -> (i64, usize, String, String) {
    let (_, _, inward_name, outward_name) = LINK_TYPES[link.kind as usize];
    let key = other.key_at(link.at).to_owned();
    let sentence = format!("This issue {} {key}", if outward { outward_name } else { inward_name });
    (link.at, link.author, key, sentence)
}

fn neighbours(
    model: &Model,
    cards: &mut Cards,
    block: &Block,
    position: usize,
    draw: &mut Draw,
) -> Neighbours {
    let parent = match block.slots[position].parent {
        Some(parent) => Some(cards.card(model, block.first + parent as u64)),
        None => cards.epic(model, block, position, draw),
    };
    let subtasks = block
        .subtasks(position)
        .map(|child| block.first + child as u64)
        .filter(|&child| child < model.issues)
        .map(|child| cards.card(model, child))
        .collect();
    let links = block
        .links
        .iter()
        .filter(|link| link.from == position || link.to == position)
        .map(|link| {
            let outward = link.from == position;
            let other = if outward { link.to } else { link.from };
            (*link, outward, cards.card(model, block.first + other as u64))
        })
        .collect();
    Neighbours { parent, subtasks, links }
}

pub(super) struct Renderer<'a> {
    pub(super) model: &'a Model,
    pub(super) reference: &'a Reference,
    /// `…/rest/api/3`.
    pub(super) api: String,
    pub(super) card: &'a Card,
    pub(super) outline: &'a Outline,
    pub(super) draw: &'a mut Draw,
}

impl Renderer<'_> {
    fn issue(&mut self, activity: &mut Activity, neighbours: &Neighbours) -> Value {
        let id = self.model.id(self.card.index);
        let mut fields = Fields::with_capacity(64);
        self.system_fields(activity, &mut fields);
        self.people_and_relations(&activity.state, neighbours, &mut fields);
        time_tracking(&activity.state, &mut fields);
        custom::fields(self, &activity.state, &mut fields);
        self.texts(activity, &mut fields);
        let fields: Map<String, Value> =
            fields.into_iter().map(|(name, value)| (name.to_owned(), value)).collect();
        object([
            ("expand", Value::from(EXPAND)),
            ("id", Value::from(id.to_string())),
            ("self", Value::from(format!("{}/issue/{id}", self.api))),
            ("key", Value::from(activity.state.key.as_str())),
            ("fields", Value::Object(fields)),
            ("changelog", self.changelog(std::mem::take(&mut activity.histories))),
        ])
    }

    pub(super) fn user(&self, user: usize) -> Value {
        self.reference.users[user].clone()
    }

    fn system_fields(&self, activity: &Activity, fields: &mut Fields) {
        let state = &activity.state;
        let project = state.project;
        let reference = self.reference;
        let last = |times: &mut dyn Iterator<Item = i64>| times.max().unwrap_or(0);
        let updated = self
            .card
            .created
            .max(last(&mut activity.histories.iter().map(|history| history.at)))
            .max(last(&mut activity.comments.iter().map(|comment| comment.edited.unwrap_or(comment.at))))
            .max(last(&mut activity.worklogs.iter().map(|worklog| worklog.at)));
        let resolved = self.outline.steps.last().filter(|_| state.status == Status::Done);
        fields.extend([
            ("summary", Value::from(state.summary.as_str())),
            ("status", reference.statuses[state.status as usize].clone()),
            ("statusCategory", reference.categories[state.status as usize].clone()),
            ("statuscategorychangedate", Value::from(timestamp(self.category_changed()))),
            ("issuetype", reference.issue_types[self.card.kind as usize].clone()),
            ("project", reference.projects[project].clone()),
            ("priority", reference.priorities[state.priority].clone()),
            (
                "resolution",
                state.resolution.map_or(Value::Null, |it| reference.resolutions[it as usize].clone()),
            ),
            ("resolutiondate", resolved.map_or(Value::Null, |step| Value::from(timestamp(step.at)))),
            ("created", Value::from(timestamp(self.card.created))),
            ("updated", Value::from(timestamp(updated))),
            ("lastViewed", Value::Null),
            ("duedate", optional_date(state.due)),
            ("labels", state.labels.iter().copied().collect()),
            ("components", chosen(&state.components, &reference.components[project])),
            ("fixVersions", chosen(&state.fix_versions, &reference.versions[project])),
            ("security", Value::Null),
            ("attachment", attachments::json(self, &activity.attachments)),
        ]);
    }

    /// When the status category last changed, or the creation.
    fn category_changed(&self) -> i64 {
        let category = |status: Status| STATUSES[status as usize].3;
        let mut changed = (Category::New, self.card.created);
        for step in &self.outline.steps {
            if category(step.to) != changed.0 {
                changed = (category(step.to), step.at);
            }
        }
        changed.1
    }

    fn people_and_relations(&mut self, state: &State, neighbours: &Neighbours, fields: &mut Fields) {
        let key = &state.key;
        let affected = self.affected_version();
        let votes = [0, 0, 0, 0, 1, 1, 2, 4][self.draw.index(8)];
        let watchers = self.draw.between(1, 6);
        fields.extend([
            ("creator", self.user(self.outline.creator)),
            ("reporter", self.user(self.outline.reporter)),
            ("assignee", state.assignee.map_or(Value::Null, |user| self.user(user))),
            ("subtasks", neighbours.subtasks.iter().map(|card| self.brief(card)).collect()),
            (
                "issuelinks",
                neighbours
                    .links
                    .iter()
                    .map(|(link, outward, card)| self.link(link, *outward, card))
                    .collect(),
            ),
            ("versions", affected),
            (
                "votes",
                object([
                    ("self", Value::from(format!("{}/issue/{key}/votes", self.api))),
                    ("votes", Value::from(votes)),
                    ("hasVoted", Value::from(false)),
                ]),
            ),
            (
                "watches",
                object([
                    ("self", Value::from(format!("{}/issue/{key}/watchers", self.api))),
                    ("watchCount", Value::from(watchers)),
                    ("isWatching", Value::from(false)),
                ]),
            ),
        ]);
        if let Some(parent) = neighbours.parent.as_ref().filter(|_| state.parent.is_some()) {
            fields.push(("parent", self.brief(parent)));
        }
    }

    /// Bugs say in which release they were seen.
    fn affected_version(&mut self) -> Value {
        let origin = &self.outline.origin;
        let seen =
            origin.kind == Kind::Bug && origin.project == origin.first_project && self.draw.chance(600);
        let next = self.model.projects[origin.project].version_after(origin.created);
        let version = next.and_then(|next| next.checked_sub(1)).filter(|_| seen);
        chosen(version.as_slice(), &self.reference.versions[origin.project])
    }

    /// An issue as its neighbours show it.
    fn brief(&self, card: &Card) -> Value {
        let id = self.model.id(card.index);
        object([
            ("id", Value::from(id.to_string())),
            ("key", Value::from(card.key.as_str())),
            ("self", Value::from(format!("{}/issue/{id}", self.api))),
            (
                "fields",
                object([
                    ("summary", Value::from(card.summary.as_str())),
                    ("status", self.reference.statuses[card.status as usize].clone()),
                    ("priority", self.reference.priorities[card.priority].clone()),
                    ("issuetype", self.reference.issue_types[card.kind as usize].clone()),
                ]),
            ),
        ])
    }

    fn link(&self, link: &Link, outward: bool, other: &Card) -> Value {
        object([
            ("id", Value::from(link.id.to_string())),
            ("self", Value::from(format!("{}/issueLink/{}", self.api, link.id))),
            ("type", self.reference.link_types[link.kind as usize].clone()),
            (if outward { "outwardIssue" } else { "inwardIssue" }, self.brief(other)),
        ])
    }

    fn texts(&mut self, activity: &Activity, fields: &mut Fields) {
        let id = self.model.id(self.card.index);
        let origin = self.outline.origin;
        let model = self.model;
        let domain = model.projects[origin.first_project].domain;
        let mut writer =
            Writer { model, domain, topic: self.card.topic, project: origin.project, draw: &mut *self.draw };
        let description = writer.description(origin.kind, origin.created);
        let environment = if origin.kind == Kind::Bug && writer.draw.chance(500) {
            writer.environment()
        } else {
            Value::Null
        };
        let (start, end) = self.outline.period();
        let comments: Vec<(Value, &Comment)> = activity
            .comments
            .iter()
            .map(|comment| {
                let phase = match comment.at {
                    at if at < start => Phase::Waiting,
                    at if at <= end => Phase::Working,
                    _ => Phase::Done,
                };
                (writer.comment(phase, comment.author, comment.at), comment)
            })
            .collect();
        let worklogs: Vec<(Option<Value>, &Worklog)> =
            activity.worklogs.iter().map(|worklog| (writer.worklog(), worklog)).collect();
        fields.extend([
            ("description", description),
            ("environment", environment),
            ("comment", self.comments(id, comments)),
            ("worklog", self.worklogs(id, worklogs)),
        ]);
    }

    fn comments(&self, issue: u64, comments: Vec<(Value, &Comment)>) -> Value {
        let total = comments.len();
        let collection = format!("{}/issue/{issue}/comment", self.api);
        let comments: Vec<Value> = comments
            .into_iter()
            .enumerate()
            .map(|(number, (body, comment))| {
                let id = collection_id(self.card.index, number);
                object([
                    ("self", Value::from(format!("{collection}/{id}"))),
                    ("id", Value::from(id.to_string())),
                    ("author", self.user(comment.author)),
                    ("body", body),
                    ("updateAuthor", self.user(comment.author)),
                    ("created", Value::from(timestamp(comment.at))),
                    ("updated", Value::from(timestamp(comment.edited.unwrap_or(comment.at)))),
                    ("jsdPublic", Value::from(true)),
                ])
            })
            .collect();
        object([
            ("comments", Value::Array(comments)),
            ("self", Value::from(collection)),
            ("maxResults", Value::from(total)),
            ("total", Value::from(total)),
            ("startAt", Value::from(0)),
        ])
    }

    fn worklogs(&self, issue: u64, worklogs: Vec<(Option<Value>, &Worklog)>) -> Value {
        let total = worklogs.len();
        let worklogs: Vec<Value> = worklogs
            .into_iter()
            .enumerate()
            .map(|(number, (comment, worklog))| {
                let id = collection_id(self.card.index, number);
                let mut json = members([
                    ("self", Value::from(format!("{}/issue/{issue}/worklog/{id}", self.api))),
                    ("id", Value::from(id.to_string())),
                    ("issueId", Value::from(issue.to_string())),
                    ("author", self.user(worklog.author)),
                    ("updateAuthor", self.user(worklog.author)),
                    ("created", Value::from(timestamp(worklog.at))),
                    ("updated", Value::from(timestamp(worklog.at))),
                    ("started", Value::from(timestamp(worklog.started))),
                    ("timeSpent", Value::from(duration(worklog.seconds))),
                    ("timeSpentSeconds", Value::from(worklog.seconds)),
                ]);
                if let Some(comment) = comment {
                    json.insert("comment".to_owned(), comment);
                }
                Value::Object(json)
            })
            .collect();
        object([
            ("startAt", Value::from(0)),
            ("maxResults", Value::from(20.max(total))),
            ("total", Value::from(total)),
            ("worklogs", Value::Array(worklogs)),
        ])
    }

    /// Newest first, as `expand=changelog` has it.
    fn changelog(&self, histories: Vec<History>) -> Value {
        let total = histories.len();
        let first = FIRST_ID + self.card.index * HISTORY_IDS;
        let histories: Vec<Value> = histories
            .into_iter()
            .enumerate()
            .rev()
            .map(|(number, history)| {
                let mut json = members([
                    ("id", Value::from((first + number as u64).to_string())),
                    ("created", Value::from(timestamp(history.at))),
                    ("items", Value::Array(history.items)),
                ]);
                if let Some(author) = history.author {
                    json.insert("author".to_owned(), self.user(author));
                }
                Value::Object(json)
            })
            .collect();
        object([
            ("startAt", Value::from(0)),
            ("maxResults", Value::from(total)),
            ("total", Value::from(total)),
            ("histories", Value::Array(histories)),
        ])
    }
}

fn time_tracking(state: &State, fields: &mut Fields) {
    let seconds = |value: Option<u64>| value.map_or(Value::Null, Value::from);
    let (original, remaining, spent) = (state.original_estimate, state.remaining_estimate, state.spent);
    let mut tracking = Map::new();
    for (text, number, value) in [
        ("originalEstimate", "originalEstimateSeconds", original),
        ("remainingEstimate", "remainingEstimateSeconds", remaining),
        ("timeSpent", "timeSpentSeconds", spent),
    ] {
        if let Some(value) = value {
            tracking.insert(text.to_owned(), Value::from(duration(value)));
            tracking.insert(number.to_owned(), Value::from(value));
        }
    }
    let (done, total) = (spent.unwrap_or(0), spent.unwrap_or(0) + remaining.unwrap_or(0));
    let mut progress = members([("progress", Value::from(done)), ("total", Value::from(total))]);
    if let Some(percent) = (done * 100).checked_div(total) {
        progress.insert("percent".to_owned(), Value::from(percent));
    }
    let ratio = original.and_then(|original| (spent.unwrap_or(0) * 100).checked_div(original));
    // Sub-tasks carry no estimates here, so the aggregates are the issue's own.
    fields.extend([
        ("timetracking", Value::Object(tracking)),
        ("timespent", seconds(spent)),
        ("timeestimate", seconds(remaining)),
        ("timeoriginalestimate", seconds(original)),
        ("aggregatetimespent", seconds(spent)),
        ("aggregatetimeestimate", seconds(remaining)),
        ("aggregatetimeoriginalestimate", seconds(original)),
        ("progress", Value::Object(progress.clone())),
        ("aggregateprogress", Value::Object(progress)),
        ("workratio", ratio.map_or(Value::from(-1), Value::from)),
    ]);
}

pub(super) fn optional_date(at: Option<i64>) -> Value {
    at.map_or(Value::Null, |at| Value::from(date(at)))
}

/// Copies of the chosen ones of `all`.
pub(super) fn chosen(indexes: &[usize], all: &[Value]) -> Value {
    indexes.iter().filter_map(|&index| all.get(index)).cloned().collect()
}

/// `1w 2d 3h 15m` with eight hours a day and five days a week.
fn duration(seconds: u64) -> String {
    let minutes = seconds / 60;
    let parts =
        [(minutes / 2400, 'w'), (minutes / 480 % 5, 'd'), (minutes / 60 % 8, 'h'), (minutes % 60, 'm')];
    let text: Vec<String> = parts
        .into_iter()
        .filter(|(value, _)| *value > 0)
        .map(|(value, unit)| format!("{value}{unit}"))
        .collect();
    if text.is_empty() { "0m".to_owned() } else { text.join(" ") }
}
