//! Custom fields of every usual kind (jira-facts 6.3), by the shape that REST v3 gives them.

use serde_json::Value;

use super::calendar::{DAY, timestamp};
use super::document::{document, prose};
use super::layout::Kind;
use super::ledger::State;
use super::outline::Status;
use super::reference::{
    APPROVERS, AUDIENCE, CUSTOMER_IMPACT, FLAGGED, GO_LIVE, PLATFORMS, RANK, REGION, RELEASE_NOTE, REVIEWER,
    ROOT_CAUSE, RUNBOOK, SEVERITY, SPRINT, START_DATE, STORY_POINTS, TARGET_DATE,
};
use super::render::{Fields, Renderer, chosen, optional_date};

/// Whom a change concerns; labels have no spaces.
const AUDIENCES: [&str; 6] = ["customers", "merchants", "partners", "support", "operations", "finance"];

/// The custom fields of an issue. What its state does not know was set once and never changed.
pub(super) fn fields(issue: &mut Renderer<'_>, state: &State, fields: &mut Fields) {
    let start = (issue.card.kind == Kind::Epic).then_some(issue.card.created + 3 * DAY);
    let platforms = platforms(issue);
    let sprints = &issue.reference.sprints[state.project];
    let or_null = |value: Option<Value>| value.unwrap_or(Value::Null);
    fields.extend([
        (START_DATE, optional_date(start)),
        (STORY_POINTS, or_null(state.points.map(|points| Value::from(points as f64)))),
        (RANK, Value::from(rank(issue.card.index))),
        (SPRINT, if state.sprints.is_empty() { Value::Null } else { chosen(&state.sprints, sprints) }),
        (FLAGGED, or_null(state.flagged.then(|| Value::Array(vec![issue.reference.impediment.clone()])))),
        (SEVERITY, or_null(state.severity.map(|severity| issue.reference.severities[severity].clone()))),
        (PLATFORMS, platforms),
        (ROOT_CAUSE, or_null(state.root_cause.map(Value::from))),
        (TARGET_DATE, optional_date(state.target)),
        (REVIEWER, or_null(state.reviewer.map(|user| issue.user(user)))),
        (CUSTOMER_IMPACT, or_null(state.customer_impact.map(|impact| Value::from(impact as f64)))),
        (GO_LIVE, go_live(issue)),
        (REGION, region(issue)),
        (APPROVERS, approvers(issue)),
        (RUNBOOK, runbook(issue)),
        (AUDIENCE, audience(issue)),
        (RELEASE_NOTE, release_note(issue, state)),
    ]);
}

fn platforms(issue: &mut Renderer<'_>) -> Value {
    let wanted = if issue.card.kind == Kind::Bug { 450 } else { 120 };
    if !issue.draw.chance(wanted) {
        return Value::Null;
    }
    let first = issue.draw.index(issue.reference.platforms.len());
    let second = issue.draw.index(issue.reference.platforms.len());
    let mut both = vec![first.min(second), first.max(second)];
    both.dedup();
    chosen(&both, &issue.reference.platforms)
}

/// The hour of a roll-out, planned on whole minutes.
fn go_live(issue: &mut Renderer<'_>) -> Value {
    if !issue.draw.chance(if issue.card.kind == Kind::Epic { 600 } else { 40 }) {
        return Value::Null;
    }
    let at = issue.card.created + issue.draw.span(10 * DAY, 120 * DAY);
    Value::from(timestamp(at.div_euclid(60_000) * 60_000))
}

fn region(issue: &mut Renderer<'_>) -> Value {
    if !issue.draw.chance(90) {
        return Value::Null;
    }
    let regions = &issue.reference.regions;
    regions[issue.draw.index(regions.len())].clone()
}

/// One or two colleagues of whoever does the work.
fn approvers(issue: &mut Renderer<'_>) -> Value {
    if !issue.draw.chance(if issue.card.kind == Kind::Epic { 500 } else { 50 }) {
        return Value::Null;
    }
    let (project, created) = (issue.outline.origin.project, issue.card.created);
    let mut people = vec![issue.outline.reviewer];
    if issue.draw.chance(500) {
        people.push(issue.model.colleague(project, issue.outline.reviewer, created, issue.draw));
    }
    people.iter().map(|&user| issue.user(user)).collect()
}

fn runbook(issue: &mut Renderer<'_>) -> Value {
    if !issue.draw.chance(30) {
        return Value::Null;
    }
    let project = issue.model.projects[issue.outline.origin.project].key.to_lowercase();
    let page = issue.draw.between(1, 240);
    Value::from(format!("https://wiki.example.com/{project}/runbooks/{page}"))
}

fn audience(issue: &mut Renderer<'_>) -> Value {
    if !issue.draw.chance(80) {
        return Value::Null;
    }
    let mut audiences = vec![issue.draw.pick(&AUDIENCES), issue.draw.pick(&AUDIENCES)];
    audiences.sort_unstable();
    audiences.dedup();
    Value::from(audiences)
}

/// What customers read of a finished story.
fn release_note(issue: &mut Renderer<'_>, state: &State) -> Value {
    let finished = issue.card.kind == Kind::Story && state.status == Status::Done;
    if !finished || !issue.draw.chance(120) {
        return Value::Null;
    }
    document(vec![prose(format!("New: {}.", state.summary))])
}

/// A LexoRank that ascends with the index.
fn rank(index: u64) -> String {
    let mut digits = [b'0'; 6];
    let mut rest = index;
    for digit in digits.iter_mut().rev() {
        *digit = b"0123456789abcdefghijklmnopqrstuvwxyz"[(rest % 36) as usize];
        rest /= 36;
    }
    format!("0|i{}:", digits.iter().map(|&digit| char::from(digit)).collect::<String>())
}
