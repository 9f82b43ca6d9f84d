//! SLAs: the clocks that a service desk keeps in fields of its requests (`SlaInformationDTO` of Jira Service Management's OpenAPI
//! document). What the functions mean is Atlassian's page "Reporting on SLAs": all but `everBreached()` ask about the last cycle,
//! SLAs without any cycle meet neither a condition nor its opposite, and what a clock shows is asked of clocks that have not
//! stopped.
//!
//! A field shows a running clock as it stood when the issue was written. It goes on since then, so it is asked by the moment at
//! which it misses its goal: that holds until something happens to the issue. How much time is left until then is told by the
//! goal's calendar. Those of a sandbox are known; a site shows none, so that clocks of a mirror are taken to run around the clock
//! (docs/search.md).

use application::{Result, search::SearchRequest};
use chrono::{DateTime, TimeDelta, Utc};
use domain::{service_desk::Setup, working_time::WorkingCalendar};
use uuid::Uuid;

use super::{
    compile::{Asked, Compiler, Entry, Order, misfit},
    fields::{Fields, Scope},
    names::text_of,
    refusals,
    service_desks::field_ids,
    sql::Sql,
    values::{at, emptiness},
};
use crate::postgres::{errors::convert, transaction::PgTenantTx};

/// How a clock stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum State {
    /// The last cycle has missed its goal.
    Breached,
    /// Any cycle has.
    EverBreached,
    /// The last cycle is over.
    Completed,
    /// The last cycle is not over, and no status keeps the clock.
    Running,
    /// A status keeps the clock.
    Paused,
    /// It runs, and it is working time.
    WithinCalendarHours,
}

impl State {
    /// The function that asks for it.
    fn function(self) -> &'static str {
        match self {
            Self::Breached => "breached",
            Self::EverBreached => "everBreached",
            Self::Completed => "completed",
            Self::Running => "running",
            Self::Paused => "paused",
            Self::WithinCalendarHours => "withinCalendarHours",
        }
    }
}

/// What a clock shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Measure {
    /// Working time since it was started.
    Elapsed,
    /// Working time until it misses its goal; less than nothing behind that.
    Remaining,
}

/// For the order by an SLA: when the row `v` of `issue_field_values` misses its goal, in milliseconds since 1970.
pub(super) const BREACH_OF_VALUE: &str = "SELECT jsonb_path_query_first(i.raw_jsonb -> 'fields' -> v.field_id::text, \
     '$.ongoingCycle.breachTime.epochMillis ? (@.type() == \"number\")')::numeric::int8 AS value";

// Conditions on a field's value `s.c`. None is ever an error, whatever the site has sent.
const ONGOING: &str = "jsonb_path_exists(s.c, '$.ongoingCycle ? (@.type() == \"object\")')";
const STARTED: &str = "(jsonb_path_exists(s.c, '$.ongoingCycle ? (@.type() == \"object\")') \
     OR jsonb_path_exists(s.c, '$.completedCycles[*] ? (@.type() == \"object\")'))";
const ONGOING_BREACHED: &str = "jsonb_path_exists(s.c, '$.ongoingCycle ? (@.breached == true \
     || (@.paused == false && @.breachTime.epochMillis < $now))', jsonb_build_object('now', ";
const LAST_BREACHED: &str = "jsonb_path_exists(s.c, '$.completedCycles[last] ? (@.breached == true)')";
const ANY_BREACHED: &str = "jsonb_path_exists(s.c, '$.completedCycles[*] ? (@.breached == true)')";
const RUNNING: &str = "jsonb_path_exists(s.c, '$.ongoingCycle ? (@.paused == false)')";
const PAUSED: &str = "jsonb_path_exists(s.c, '$.ongoingCycle ? (@.paused == true)')";
const WITHIN: &str = "jsonb_path_exists(s.c, '$.ongoingCycle ? (@.withinCalendarHours == true)')";

// Numbers of it: of a clock that stands still, and of one that runs.
const PAUSED_REMAINING: &str = "jsonb_path_query_first(s.c, '$.ongoingCycle ? (@.paused == true).remainingTime.millis \
     ? (@.type() == \"number\")')::numeric";
const PAUSED_ELAPSED: &str = "jsonb_path_query_first(s.c, '$.ongoingCycle ? (@.paused == true).elapsedTime.millis \
     ? (@.type() == \"number\")')::numeric";
const BREACH: &str = "jsonb_path_query_first(s.c, '$.ongoingCycle ? (@.paused == false).breachTime.epochMillis \
     ? (@.type() == \"number\")')::numeric";
const GOAL: &str =
    "jsonb_path_query_first(s.c, '$.ongoingCycle.goalDuration.millis ? (@.type() == \"number\")')::numeric";

/// A goal of an SLA of a desk whose truth is here: for which issues it is, how long it is and in which hours it counts.
struct Pace {
    project: Uuid,
    field: String,
    /// Ids; none: all that no goal before names.
    priorities: Vec<String>,
    goal: TimeDelta,
    calendar: WorkingCalendar,
}

/// How fast clocks run, as far as a query asks for them.
#[derive(Default)]
pub(super) struct Clocks {
    now: DateTime<Utc>,
    /// The first that fits an issue counts.
    paces: Vec<Pace>,
}

impl Clocks {
    /// Looks up how the desks of sandboxes are set up, if the query asks for an SLA.
    pub(super) async fn of(tx: &mut PgTenantTx, fields: &Fields, request: &SearchRequest) -> Result<Self> {
        let mut clocks = Self { now: request.now, paces: Vec::new() };
        if fields.slas().next().is_none() {
            return Ok(clocks);
        }
        let desks = sqlx::query!(
            r#"SELECT d.project_id, d.setup AS "setup!" FROM service_desks d
               JOIN jira_instances n ON n.tenant_id = d.tenant_id AND n.id = d.instance_id AND n.kind = 'sandbox'
               WHERE ($1::uuid IS NULL OR d.instance_id = $1) AND d.setup IS NOT NULL ORDER BY d.instance_id, d.jira_id"#,
            request.instance.map(|id| id.0) as _,
        )
        .fetch_all(tx.conn())
        .await
        .map_err(convert)?;
        for desk in desks {
            let setup: Setup = serde_json::from_value(desk.setup).map_err(application::Error::internal)?;
            clocks.add(desk.project_id, &setup);
        }
        Ok(clocks)
    }

    fn add(&mut self, project: Uuid, setup: &Setup) {
        for sla in &setup.slas {
            let paces = sla.goals.iter().filter_map(|goal| {
                Some(Pace {
                    project,
                    field: sla.field.clone(),
                    priorities: goal.priorities.clone(),
                    goal: goal.duration(),
                    calendar: setup.calendar(&goal.calendar)?.clone(),
                })
            });
            self.paces.extend(paces);
        }
    }

    /// `of_pace` for each issue whose pace is known, and `otherwise`.
    fn by_pace(&self, field: &str, of_pace: impl Fn(&Pace) -> Sql, otherwise: Sql) -> Sql {
        let mut paces = self.paces.iter().filter(|pace| pace.field == field).peekable();
        if paces.peek().is_none() {
            return otherwise;
        }
        let mut sql = Sql::new("(CASE");
        for pace in paces {
            sql = sql.push(" WHEN i.project_id = ").bind(pace.project);
            if !pace.priorities.is_empty() {
                sql = sql.push(" AND i.priority_id = ANY(").bind(pace.priorities.clone()).push(")");
            }
            sql = sql.push(" THEN ").append(of_pace(pace));
        }
        sql.push(" ELSE ").append(otherwise).push(" END)")
    }

    /// Whether the clock of the field stands so.
    fn stands(&self, field: &str, state: State) -> Sql {
        let now = || Sql::new(ONGOING_BREACHED).bind(self.now.timestamp_millis()).push("))");
        match state {
            State::Breached => {
                let last = Sql::new("(NOT ").push(ONGOING).push(" AND ").push(LAST_BREACHED).push(")");
                Sql::any(vec![now(), last])
            }
            State::EverBreached => Sql::any(vec![now(), Sql::new(ANY_BREACHED)]),
            State::Completed => Sql::new("NOT ").push(ONGOING),
            State::Running => Sql::new(RUNNING),
            State::Paused => Sql::new(PAUSED),
            State::WithinCalendarHours => {
                let works = |pace: &Pace| match pace.calendar.is_working(self.now) {
                    true => Sql::always(),
                    false => Sql::never(),
                };
                Sql::new(RUNNING).push(" AND ").append(self.by_pace(field, works, Sql::new(WITHIN)))
            }
        }
    }

    /// Whether what the clock of the field shows stands like this to so many milliseconds.
    fn shows(&self, field: &str, measure: Measure, order: Order, millis: i64) -> Sql {
        let shown = match measure {
            Measure::Elapsed => PAUSED_ELAPSED,
            Measure::Remaining => PAUSED_REMAINING,
        };
        let standing = Sql::new(shown).push(order.sql()).bind(millis);
        let now = self.now.timestamp_millis();
        let running = match measure {
            // The more is left, the later it misses its goal.
            Measure::Remaining => {
                let at =
                    |pace: &Pace| Sql::default().bind(pace.at(self.now, TimeDelta::milliseconds(millis)));
                let otherwise = Sql::default().bind(now.saturating_add(millis));
                Sql::new(BREACH).push(order.sql()).append(self.by_pace(field, at, otherwise))
            }
            // The more has elapsed, the earlier.
            Measure::Elapsed => {
                let at = |pace: &Pace| {
                    let left = pace.goal - TimeDelta::milliseconds(millis);
                    Sql::default().bind(pace.at(self.now, left))
                };
                let otherwise =
                    Sql::new("(").push(GOAL).push(" + ").bind(now.saturating_sub(millis)).push(")");
                Sql::new(BREACH).push(order.reversed().sql()).append(self.by_pace(field, at, otherwise))
            }
        };
        Sql::any(vec![standing, running])
    }
}

impl Pace {
    /// When so much is left now, the moment at which the goal is missed, in milliseconds since 1970; far away where there is
    /// never so much working time.
    fn at(&self, now: DateTime<Utc>, left: TimeDelta) -> i64 {
        // Outside of working hours nothing more is missed: a goal of the last minute of a day has nothing left until the next one.
        let (found, never) = match left <= TimeDelta::zero() {
            true => (self.calendar.before(now, -left), i64::MIN / 2),
            false => (self.calendar.after(now, left), i64::MAX / 2),
        };
        found.map_or(never, |moment| moment.timestamp_millis())
    }
}

impl<'a> Compiler<'a> {
    /// Issues whose clock stands so or, negated, otherwise.
    pub(super) fn clock_state(
        &self,
        asked: Asked<'a>,
        scope: &Scope,
        entries: &[Entry<'a>],
        negated: bool,
    ) -> Result<Sql> {
        let mut states = Vec::with_capacity(entries.len());
        for entry in entries {
            states.push(match entry {
                Entry::Clock(state) => *state,
                Entry::ClockTime(_, _, function) => {
                    let operator = if negated { "!=" } else { "=" };
                    return Err(refusals::operator_of_function(operator, function, asked.name));
                }
                Entry::Value(value) => return Err(refusals::not_a_clock(&text_of(value), asked.name)),
                _ => return Err(misfit()),
            });
        }
        Ok(self.clocks_that(scope, |field| {
            let some = Sql::any(states.iter().map(|state| self.clocks.stands(field, *state)).collect());
            let stands = if negated { some.not() } else { Sql::new("(").append(some).push(")") };
            Sql::new(STARTED).push(" AND ").append(stands)
        }))
    }

    /// Issues whose clock shows more or less.
    pub(super) fn clock_time(
        &self,
        asked: Asked<'a>,
        scope: &Scope,
        order: Order,
        entry: &Entry<'a>,
    ) -> Result<Sql> {
        match entry {
            Entry::ClockTime(measure, millis, _) => {
                Ok(self.clocks_that(scope, |field| self.clocks.shows(field, *measure, order, *millis)))
            }
            Entry::Clock(state) => {
                Err(refusals::operator_of_function(order.sql().trim(), state.function(), asked.name))
            }
            Entry::Value(value) => Err(refusals::not_a_clock(&text_of(value), asked.name)),
            _ => Err(misfit()),
        }
    }

    /// Issues with a field of the scope whose value `s.c` meets a condition.
    fn clocks_that(&self, scope: &Scope, condition: impl Fn(&str) -> Sql) -> Sql {
        let of = |scope: &Scope| {
            let fields = field_ids(scope).into_iter().map(|field| {
                let value =
                    Sql::new("EXISTS (SELECT FROM (SELECT i.raw_jsonb -> 'fields' -> ").bind(field.as_str());
                value.push(" AS c) AS s WHERE ").append(condition(&field)).push(")")
            });
            Sql::any(fields.collect())
        };
        let some = match scope {
            Scope::Everywhere(_) => of(scope),
            Scope::PerInstance(groups) => Sql::any(
                groups
                    .iter()
                    .map(|(instance, _)| {
                        Sql::all(vec![
                            Sql::new("i.instance_id = ").bind(*instance),
                            of(&at(scope, *instance)),
                        ])
                    })
                    .collect(),
            ),
        };
        // Few issues have the field at all, and an index knows them.
        Sql::all(vec![emptiness(scope, true), some])
    }
}
