//! `WAS` and `CHANGED`, over the changelog of one issue.

use chrono::{DateTime, Utc};
use jql::{HistoryOp, HistoryPredicate, Operand, Predicate};
use serde_json::Value;

use super::{
    evaluate::{Oracle, text},
    payload::{ids, parsed},
};

/// A change of a field, or the time for which it had a value.
struct Period {
    from: Side,
    to: Side,
    /// When the value `to` came, and when it went.
    began: DateTime<Utc>,
    ended: DateTime<Utc>,
    author: Option<String>,
}

/// A value's id and name.
type Side = (Option<String>, Option<String>);

pub fn holds(oracle: &Oracle<'_>, field: &str, predicate: &Predicate, issue: &Value) -> bool {
    let changes = changes(field, issue);
    let (negated, operand, limits) = match predicate {
        Predicate::Changed { predicates } => {
            return changes.iter().any(|change| {
                predicates.iter().all(|limit| match limit.op {
                    HistoryOp::From => is_one(oracle, field, &limit.operand, &change.from),
                    HistoryOp::To => is_one(oracle, field, &limit.operand, &change.to),
                    _ => within(oracle, limit, change.began, change.began, change.author.as_deref()),
                })
            });
        }
        Predicate::Was { negated, operand, predicates }
        | Predicate::WasIn { negated, operand, predicates } => (*negated, operand, predicates),
        _ => unreachable!("no history is asked for"),
    };
    let spans =
        if field == "fixversion" { versions_and_none(issue, &changes) } else { spans(field, issue, changes) };
    let was = spans.iter().any(|span| {
        is_one(oracle, field, operand, &span.to)
            && limits
                .iter()
                .all(|limit| within(oracle, limit, span.began, span.ended, span.author.as_deref()))
    });
    was != negated
}

fn changes(field: &str, issue: &Value) -> Vec<Period> {
    let written = if field == "fixversion" { "Fix Version" } else { field };
    let mut changes = Vec::new();
    for history in issue["changelog"]["histories"].as_array().unwrap() {
        for item in history["items"].as_array().unwrap().iter().filter(|item| item["field"] == written) {
            let text = |name: &str| item[name].as_str().map(str::to_owned);
            let at = parsed(&history["created"]).unwrap();
            changes.push(Period {
                from: (text("from"), text("fromString")),
                to: (text("to"), text("toString")),
                began: at,
                ended: DateTime::<Utc>::MAX_UTC,
                author: history["author"]["accountId"].as_str().map(str::to_owned),
            });
        }
    }
    changes
}

/// One value after the other; the first from the creation on, by whoever created the issue.
fn spans(field: &str, issue: &Value, changes: Vec<Period>) -> Vec<Period> {
    let fields = &issue["fields"];
    let first = match changes.first() {
        Some(change) => change.from.clone(),
        None => {
            let value = &fields[field];
            let name = ["name", "displayName"].into_iter().find_map(|name| value[name].as_str());
            (ids(field, issue).pop(), name.map(str::to_owned))
        }
    };
    let mut spans = vec![at_creation(issue, first)];
    for change in changes {
        spans.last_mut().unwrap().ended = change.began;
        spans.push(change);
    }
    spans
}

fn at_creation(issue: &Value, value: Side) -> Period {
    Period {
        from: (None, None),
        to: value,
        began: parsed(&issue["fields"]["created"]).unwrap(),
        ended: DateTime::<Utc>::MAX_UTC,
        author: issue["fields"]["creator"]["accountId"].as_str().map(str::to_owned),
    }
}

/// The times of each version, and those without any.
fn versions_and_none(issue: &Value, changes: &[Period]) -> Vec<Period> {
    let mut periods = each_version(issue, changes);
    let removals = changes.iter().filter(|change| change.from.0.is_some());
    let starts: Vec<Period> = std::iter::once(at_creation(issue, (None, None)))
        .chain(removals.map(|change| Period {
            from: (None, None),
            to: (None, None),
            began: change.began,
            ended: DateTime::<Utc>::MAX_UTC,
            author: change.author.clone(),
        }))
        .collect();
    for none in starts {
        if periods.iter().any(|one| one.to.0.is_some() && one.began <= none.began && one.ended > none.began) {
            continue;
        }
        let next = periods.iter().filter(|one| one.to.0.is_some() && one.began > none.began);
        let ended = next.map(|one| one.began).min().unwrap_or(DateTime::<Utc>::MAX_UTC);
        periods.push(Period { ended, ..none });
    }
    periods
}

/// Each version from when it was added to when it was removed; those that were there from the beginning have no addition.
fn each_version(issue: &Value, changes: &[Period]) -> Vec<Period> {
    let mut open: Vec<Period> = Vec::new();
    let mut closed = Vec::new();
    let present = issue["fields"]["fixVersions"].as_array().unwrap();
    let mut held: Vec<Side> = present
        .iter()
        .map(|version| {
            (version["id"].as_str().map(str::to_owned), version["name"].as_str().map(str::to_owned))
        })
        .collect();
    // Back to the creation.
    for change in changes.iter().rev() {
        if change.to.0.is_some() {
            held.retain(|value| value.0 != change.to.0);
        } else {
            held.push(change.from.clone());
        }
    }
    open.extend(held.into_iter().map(|value| at_creation(issue, value)));
    for change in changes {
        if change.to.0.is_some() {
            let (to, author) = (change.to.clone(), change.author.clone());
            open.push(Period {
                from: (None, None),
                to,
                began: change.began,
                ended: DateTime::<Utc>::MAX_UTC,
                author,
            });
        } else if let Some(place) = open.iter().position(|span| span.to.0 == change.from.0) {
            let span = open.remove(place);
            closed.push(Period { ended: change.began, ..span });
        }
    }
    closed.extend(open);
    closed
}

/// Whether a value is one of those asked for: by id, or by the name that it had then.
fn is_one(oracle: &Oracle<'_>, field: &str, operand: &Operand, (id, name): &Side) -> bool {
    match operand {
        Operand::List(list) => list.iter().any(|one| is_one(oracle, field, one, &(id.clone(), name.clone()))),
        Operand::Empty => id.is_none(),
        Operand::Function(function) if function.name == "membersOf" => {
            id.as_ref().is_some_and(|id| oracle.members(function).contains(id))
        }
        Operand::Function(_) => id.as_deref() == Some(oracle.user),
        Operand::Value(literal) => {
            let asked = text(literal);
            if field == "resolution" && asked.eq_ignore_ascii_case("unresolved") {
                return id.is_none();
            }
            let by_id = id.as_ref().is_some_and(|id| oracle.named(field, literal).contains(id));
            by_id || name.as_ref().is_some_and(|name| name.to_lowercase() == asked.to_lowercase())
        }
    }
}

fn within(
    oracle: &Oracle<'_>,
    limit: &HistoryPredicate,
    began: DateTime<Utc>,
    ended: DateTime<Utc>,
    author: Option<&str>,
) -> bool {
    let at = |operand: &Operand| match operand {
        Operand::Value(literal) => oracle.clock.instant(literal),
        Operand::Function(function) => oracle.clock.call(function),
        _ => unreachable!("no date"),
    };
    match (limit.op, &limit.operand) {
        (HistoryOp::Before, operand) => began < at(operand),
        (HistoryOp::After, operand) => ended > at(operand),
        (HistoryOp::On, operand) => {
            let (first, next) = oracle.clock.whole_day(at(operand));
            began < next && ended >= first
        }
        (HistoryOp::During, Operand::List(dates)) => began <= at(&dates[1]) && ended >= at(&dates[0]),
        (HistoryOp::By, operand) => {
            author.is_some_and(|author| is_one(oracle, "assignee", operand, &(Some(author.to_owned()), None)))
        }
        _ => unreachable!("no limit of a span"),
    }
}
