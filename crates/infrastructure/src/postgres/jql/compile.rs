//! From the clauses of a query to a condition on the issue `i`.
//!
//! `NOT` is worked in on the way down: `NOT (a AND b)` becomes `NOT a OR NOT b`, and `NOT labels = x` becomes
//! `labels != x`. So no condition is ever the opposite of an unknown one, and empty fields match neither a comparison
//! nor its opposite (jira-facts 8.2).

use application::{Error, Result};
use chrono::{DateTime, Utc};
use jql::{Clause, CompareOp, Function, Operand, Predicate, Term, Value};
use uuid::Uuid;

use super::{
    amounts,
    dates::Dates,
    fields::{self, Field, Fields, Follower, Operators},
    functions::Called,
    names::{By, Found, Names, Roster, roster_of, text_of},
    refusals,
    slas::{Clocks, Measure, State},
    sql::Sql,
};

/// All that is known of a query before it is compiled.
pub(super) struct Compiler<'a> {
    pub(super) fields: &'a Fields,
    pub(super) names: &'a Names,
    pub(super) dates: Dates,
    pub(super) current_user: Option<&'a str>,
    /// How fast the clocks of service desks run.
    pub(super) clocks: &'a Clocks,
    /// Whether the search is of one instance, so that ids mean one thing.
    pub(super) one_instance: bool,
}

/// What the limits in time of `updatedBy()` are compared with.
const UPDATED_AT: &Field = &Field::Time(fields::Time::Updated);

/// The field of a term, and how the term names it.
#[derive(Clone, Copy)]
pub(super) struct Asked<'a> {
    pub(super) field: &'a Field,
    pub(super) name: &'a str,
}

/// What a field is compared with: a literal, or what a function stands for.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Entry<'q> {
    Value(&'q Value),
    /// `currentUser()`: an account id.
    User(&'q str),
    /// `now()` and its like.
    Instant(DateTime<Utc>),
    /// What a function stands for, looked up.
    Listed(Vec<&'q Found>),
    /// Issues that are linked with these, by links of that type.
    Linked {
        with: Vec<Uuid>,
        link_type: Option<&'q str>,
    },
    /// Issues that these people created, changed or commented on, from then and until then.
    UpdatedBy {
        people: Vec<Uuid>,
        from: Option<DateTime<Utc>>,
        to: Option<DateTime<Utc>>,
    },
    /// Issues that the caller follows.
    Followed(Follower),
    /// Issues below these, at any depth.
    ChildrenOf(Vec<&'q Found>),
    /// Issues of these epics, and those below them.
    OfEpics(Vec<&'q Found>),
    /// Issues with links to these, by their global ids.
    RemotelyLinked(&'q [String]),
    /// Issues in which the text is found.
    WithText(&'q str),
    /// An option, and one of its own.
    Cascade(&'q str, Option<&'q str>),
    /// Issue types for sub-tasks, or the others.
    IssueTypes {
        subtasks: bool,
    },
    /// Projects in which somebody plays a role.
    WithRole {
        user: &'q str,
        role: &'q str,
    },
    /// All projects, or none.
    Permitted(bool),
    /// How a clock of a service desk stands.
    Clock(State),
    /// So many milliseconds on a clock of a service desk, and the function that said so.
    ClockTime(Measure, i64, &'q str),
}

/// A comparison by order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Order {
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
}

impl Order {
    fn opposite(self) -> Self {
        match self {
            Self::Less => Self::GreaterOrEqual,
            Self::LessOrEqual => Self::Greater,
            Self::Greater => Self::LessOrEqual,
            Self::GreaterOrEqual => Self::Less,
        }
    }

    /// For what is counted from the other end.
    pub(super) fn reversed(self) -> Self {
        match self {
            Self::Less => Self::Greater,
            Self::LessOrEqual => Self::GreaterOrEqual,
            Self::Greater => Self::Less,
            Self::GreaterOrEqual => Self::LessOrEqual,
        }
    }

    pub(super) fn sql(self) -> &'static str {
        match self {
            Self::Less => " < ",
            Self::LessOrEqual => " <= ",
            Self::Greater => " > ",
            Self::GreaterOrEqual => " >= ",
        }
    }
}

impl<'a> Compiler<'a> {
    /// The condition of a clause or, negated, of its opposite.
    pub(super) fn clause(&self, clause: &'a Clause, negated: bool) -> Result<Sql> {
        let parts =
            |parts: &'a [Clause]| parts.iter().map(|part| self.clause(part, negated)).collect::<Result<_>>();
        Ok(match (clause, negated) {
            (Clause::And(list), false) | (Clause::Or(list), true) => Sql::all(parts(list)?),
            (Clause::Or(list), false) | (Clause::And(list), true) => Sql::any(parts(list)?),
            (Clause::Not(part), _) => self.clause(part, !negated)?,
            (Clause::Term(term), _) => self.term(term, negated)?,
        })
    }

    fn term(&self, term: &'a Term, negated: bool) -> Result<Sql> {
        let name = fields::shown(&term.field);
        let field = self.fields.get(&term.field).ok_or_else(|| refusals::unknown_field(&name))?;
        let asked = Asked { field, name: &name };
        let (operators, operator) = fields::operators_of(&term.predicate);
        if !field.takes(operators) {
            return Err(refusals::wrong_operator(operator, &name));
        }
        match &term.predicate {
            Predicate::Is { negated: not } => self.emptiness(asked, *not != negated),
            Predicate::In { negated: not, operand } => {
                self.membership(asked, operand, *not != negated, operator)
            }
            Predicate::Compare { op, operand } => self.comparison(asked, *op, operand, negated, operator),
            predicate @ (Predicate::Was { .. } | Predicate::WasIn { .. } | Predicate::Changed { .. }) => {
                self.history(asked, predicate, negated, operator)
            }
        }
    }

    fn comparison(
        &self,
        asked: Asked<'a>,
        op: CompareOp,
        operand: &'a Operand,
        negated: bool,
        operator: &str,
    ) -> Result<Sql> {
        let order = |order: Order| if negated { order.opposite() } else { order };
        let order = match op {
            CompareOp::Equals => return self.membership(asked, operand, negated, operator),
            CompareOp::NotEquals => return self.membership(asked, operand, !negated, operator),
            CompareOp::Like => return self.likeness(asked, operand, negated),
            CompareOp::NotLike => return self.likeness(asked, operand, !negated),
            CompareOp::LessThan => order(Order::Less),
            CompareOp::LessThanEquals => order(Order::LessOrEqual),
            CompareOp::GreaterThan => order(Order::Greater),
            CompareOp::GreaterThanEquals => order(Order::GreaterOrEqual),
        };
        match operand {
            Operand::Value(value) => self.order(asked, order, Entry::Value(value)),
            Operand::Function(function) => {
                self.order(asked, order, self.call(asked, function, Some(operator))?)
            }
            // The grammar has neither here.
            Operand::Empty | Operand::List(_) => Err(refusals::no_empty_values(asked.name)),
        }
    }

    /// Whether the field has one of these values or, negated, another one.
    fn membership(
        &self,
        asked: Asked<'a>,
        operand: &'a Operand,
        negated: bool,
        operator: &str,
    ) -> Result<Sql> {
        let mut entries = Vec::new();
        let mut or_empty = false;
        self.entries(asked, operand, operator, &mut entries, &mut or_empty)?;
        if or_empty && !asked.field.takes(Operators::Emptiness) {
            return Err(refusals::no_empty_values(asked.name));
        }
        if entries.is_empty() && or_empty {
            return self.emptiness(asked, negated);
        }
        let members = self.among(asked, &entries, negated)?;
        // Empty fields have no other value: a negated condition is never met by one.
        Ok(if or_empty && !negated {
            Sql::any(vec![members, self.emptiness(asked, false)?])
        } else {
            members
        })
    }

    pub(super) fn entries(
        &self,
        asked: Asked<'a>,
        operand: &'a Operand,
        operator: &str,
        entries: &mut Vec<Entry<'a>>,
        or_empty: &mut bool,
    ) -> Result<()> {
        match operand {
            Operand::Value(value) => {
                let text = text_of(value);
                if *asked.field == Field::Resolution && text.eq_ignore_ascii_case("unresolved") {
                    *or_empty = true;
                } else {
                    entries.push(Entry::Value(value));
                }
            }
            Operand::Empty => *or_empty = true,
            Operand::Function(function) => entries.push(self.call(asked, function, Some(operator))?),
            Operand::List(list) => {
                for operand in list {
                    match operand {
                        Operand::Function(function) => entries.push(self.call(asked, function, None)?),
                        operand => self.entries(asked, operand, operator, entries, or_empty)?,
                    }
                }
            }
        }
        Ok(())
    }

    /// What a function stands for. `operator` is the one that takes it directly; a list may hold any.
    pub(super) fn call(
        &self,
        asked: Asked<'_>,
        function: &'a Function,
        operator: Option<&str>,
    ) -> Result<Entry<'a>> {
        let called = Called::of(function)?;
        if !called.fits(asked.field) {
            return Err(refusals::function_of_another_field(&function.name, asked.name));
        }
        if let Some(operator) = operator {
            let takes_lists = operator.ends_with("in");
            let shown = format!("{}()", function.name);
            match (takes_lists, called.is_list()) {
                (false, true) => return Err(refusals::list_function(operator, &shown, asked.name)),
                (true, false) => return Err(refusals::single_function(operator, &shown, asked.name)),
                _ => {}
            }
        }
        Ok(match called {
            Called::CurrentUser => Entry::User(self.current_user.ok_or_else(refusals::nobody_is_logged_in)?),
            Called::Date(date) => Entry::Instant(self.dates.call(date, function)?),
            Called::Sprints(state) => {
                Entry::Listed(self.names.find(Roster::SprintState, &Value::String(state.to_owned())))
            }
            Called::IssueTypes { subtasks } => Entry::IssueTypes { subtasks },
            Called::Versions(_) | Called::ComponentsLed | Called::ProjectsLed => {
                Entry::Listed(self.looked_up(called, function)?)
            }
            Called::ChildrenOf => Entry::ChildrenOf(self.issues_of(function, asked.name)?),
            Called::OfEpics => Entry::OfEpics(self.issues_of(function, asked.name)?),
            Called::RemotelyLinked => self.remotely_linked(function)?,
            Called::WithText => Entry::WithText(&function.arguments[0]),
            Called::Cascade => {
                Entry::Cascade(&function.arguments[0], function.arguments.get(1).map(String::as_str))
            }
            Called::Linked => {
                let issue = Value::String(function.arguments[0].clone());
                let with = self.names.find(Roster::Issue, &issue);
                if with.is_empty() {
                    return Err(refusals::unknown_issue(&function.arguments[0], asked.name));
                }
                let link_type = function.arguments.get(1).map(String::as_str);
                Entry::Linked { with: uuids(&with), link_type }
            }
            Called::UpdatedBy => {
                let time = Asked { field: UPDATED_AT, name: asked.name };
                let limit = |place: usize| {
                    let value = function.arguments.get(place).map(|text| Value::String(text.clone()));
                    value.map(|value| self.instant(time, &Entry::Value(&value))).transpose()
                };
                let people = uuids(&self.people(function)?);
                Entry::UpdatedBy { people, from: limit(1)?, to: limit(2)? }
            }
            Called::MembersOf => Entry::Listed(self.members_of(function)?),
            Called::ProjectsWithRole => self.with_role(function)?,
            Called::ProjectsPermitted => self.permitted(function)?,
            Called::Clock(state) => Entry::Clock(state),
            Called::ClockTime(measure) => {
                let time = &function.arguments[0];
                let seconds = amounts::seconds(time);
                let seconds = seconds.ok_or_else(|| refusals::invalid_duration(time, asked.name))?;
                Entry::ClockTime(measure, seconds.saturating_mul(1_000), &function.name)
            }
            Called::Followed(follower) => {
                self.current_user.ok_or_else(refusals::nobody_is_logged_in)?;
                Entry::Followed(follower)
            }
        })
    }

    /// What a function's arguments stand for, all of it. An argument has to name something; that may have nothing.
    fn looked_up(&self, called: Called, function: &Function) -> Result<Vec<&'a Found>> {
        let Some(roster) = called.looked_up() else { return Err(misfit()) };
        let find = |roster, argument: &str| self.names.find(roster, &Value::String(argument.to_owned()));
        if matches!(called, Called::ComponentsLed | Called::ProjectsLed) {
            let people = self.people(function)?;
            let name = match function.arguments.first() {
                Some(name) => name,
                None => self.current_user.unwrap_or_default(),
            };
            let by = people.first().map(|person| person.by);
            return Ok(find(roster, name).into_iter().filter(|found| Some(found.by) == by).collect());
        }
        let mut all = Vec::new();
        for project in &function.arguments {
            if find(Roster::Project, project).is_empty() {
                return Err(refusals::unknown_value(project, "project"));
            }
            all.extend(find(roster, project));
        }
        if function.arguments.is_empty() {
            all.extend(find(roster, ""));
        }
        Ok(all)
    }

    /// Who the first argument of a function names; the caller where it has none.
    fn people(&self, function: &Function) -> Result<Vec<&'a Found>> {
        match function.arguments.first() {
            Some(name) => {
                let found = self.names.find(Roster::User, &Value::String(name.clone()));
                if found.is_empty() { Err(refusals::unknown_user(name, &function.name)) } else { Ok(found) }
            }
            None => Ok(self.user(self.current_user.ok_or_else(refusals::nobody_is_logged_in)?)),
        }
    }

    fn likeness(&self, asked: Asked<'a>, operand: &'a Operand, negated: bool) -> Result<Sql> {
        match operand {
            Operand::Value(value) => self.like(asked, &text_of(value), negated),
            Operand::Empty if asked.field.takes(Operators::Emptiness) => self.emptiness(asked, negated),
            Operand::Function(function) => {
                Called::of(function)?;
                Err(refusals::function_of_another_field(&function.name, asked.name))
            }
            Operand::Empty | Operand::List(_) => Err(refusals::no_empty_values(asked.name)),
        }
    }

    /// What the literals of a field name, all of them.
    ///
    /// # Errors
    /// When one names nothing.
    pub(super) fn found(&self, asked: Asked<'_>, entry: &Entry<'a>) -> Result<Vec<&'a Found>> {
        let roster = roster_of(asked.field);
        match (entry, roster) {
            (Entry::Value(value), Some(roster)) => {
                let found = self.names.find(roster, value);
                if found.is_empty() { Err(unknown(value, asked.name)) } else { Ok(found) }
            }
            (Entry::User(account), Some(Roster::User)) => Ok(self.user(account)),
            (Entry::Listed(found), _) => Ok(found.clone()),
            _ => Err(misfit()),
        }
    }

    /// The user's rows at each instance; none where the account is not known.
    fn user(&self, account: &str) -> Vec<&'a Found> {
        let found = self.names.find(Roster::User, &Value::String(account.to_owned()));
        found.into_iter().filter(|found| found.by == By::Id).collect()
    }
}

/// Our ids of what was found.
pub(super) fn uuids(found: &[&Found]) -> Vec<Uuid> {
    let mut ids: Vec<Uuid> = found.iter().filter_map(|found| found.uuid).collect();
    ids.sort_unstable();
    ids.dedup();
    ids
}

fn unknown(value: &Value, name: &str) -> Error {
    match value {
        Value::Number(number) => refusals::unknown_id(&number.to_string(), name),
        Value::String(text) => refusals::unknown_value(text, name),
    }
}

/// Functions are looked at when they are called, so this is not met.
pub(super) fn misfit() -> Error {
    Error::internal("a function stands for what its field is not compared with")
}
