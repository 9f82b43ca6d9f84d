//! `WAS` and `CHANGED`, over the histories in `changelogs`.
//!
//! A change is one item of a history. A span is how long a field had a value: from the change that set it (or the issue's
//! creation) to the next one (or for ever). `CHANGED` asks for a change, `WAS` for a span; all limits of a condition have to
//! hold for the same one. A value is meant by its id, or by the name it had at that time.

use application::{Error, Result};
use chrono::{DateTime, Utc};
use jql::{Function, HistoryOp, HistoryPredicate, Operand, Predicate};
use uuid::Uuid;

use super::{
    compile::{Asked, Compiler, Entry, misfit, uuids},
    conditions::list_id,
    fields::{Field, List, Person, Time},
    lookups::Lookup,
    names::{Found, text_of},
    refusals,
    sql::Sql,
    values::{everywhere, matching},
};

/// What the limits' operands are compared with, as the fields that take the same.
const CHANGED_BY: &Field = &Field::Person(Person::Reporter);
const CHANGED_AT: &Field = &Field::Time(Time::Updated);

/// A field with a history.
struct Tracked {
    /// How histories name it.
    name: &'static str,
    /// The present value's id and name; `None` for a field with several.
    present: Option<[&'static str; 2]>,
}

impl Tracked {
    fn of(field: &Field) -> Option<Self> {
        let (name, present) = match field {
            Field::Status => ("status", Some(["i.status_id", "i.status"])),
            Field::Priority => ("priority", Some(["i.priority_id", "i.priority"])),
            Field::Resolution => ("resolution", Some(["i.resolution_id", "i.resolution"])),
            Field::Person(person) => match person {
                Person::Assignee => ("assignee", Some([ASSIGNEE_ID, ASSIGNEE_NAME])),
                Person::Reporter => ("reporter", Some([REPORTER_ID, REPORTER_NAME])),
                Person::Creator => (CREATOR, Some([CREATOR_ID, CREATOR_NAME])),
            },
            Field::List(List::FixVersions) => ("Fix Version", None),
            _ => return None,
        };
        Some(Self { name, present })
    }

    /// Changes `c` of the field.
    ///
    /// `OFFSET` holds PostgreSQL to the issue's own changes, which the primary key finds: it would rather read the field's changes
    /// of all issues, three million of the status among a million issues, to look a few of them up.
    fn changes(&self) -> Sql {
        Sql::new(
            " FROM (SELECT x.* FROM changelogs x WHERE x.tenant_id = i.tenant_id AND x.issue_id = i.id OFFSET 0) c \
             WHERE c.field = ",
        )
        .bind(self.name)
    }

    /// Changes `c` of the field, of all issues, as the index of some fields' changes by time (`changelogs_tracked`) can tell
    /// that it has them: by the name itself.
    fn indexed(&self) -> Option<Sql> {
        (self.name != CREATOR).then(|| Sql::new("c.field = '").push(self.name).push("'"))
    }
}

const CREATOR: &str = "creator";

const ASSIGNEE_ID: &str =
    "(SELECT u.account_id FROM users u WHERE u.tenant_id = i.tenant_id AND u.id = i.assignee_id)";
const ASSIGNEE_NAME: &str =
    "(SELECT u.display_name FROM users u WHERE u.tenant_id = i.tenant_id AND u.id = i.assignee_id)";
const REPORTER_ID: &str =
    "(SELECT u.account_id FROM users u WHERE u.tenant_id = i.tenant_id AND u.id = i.reporter_id)";
const REPORTER_NAME: &str =
    "(SELECT u.display_name FROM users u WHERE u.tenant_id = i.tenant_id AND u.id = i.reporter_id)";
const CREATOR_ID: &str =
    "(SELECT u.account_id FROM users u WHERE u.tenant_id = i.tenant_id AND u.id = i.creator_id)";
const CREATOR_NAME: &str =
    "(SELECT u.display_name FROM users u WHERE u.tenant_id = i.tenant_id AND u.id = i.creator_id)";

/// The values a condition asks for.
#[derive(Default)]
struct Asking {
    /// Ids that mean something at one instance.
    ids: Vec<(Uuid, String)>,
    /// Ids that mean the same everywhere.
    global_ids: Vec<String>,
    /// Names in lower case.
    names: Vec<String>,
    or_empty: bool,
}

/// Where a value stands: its id, its name, and the instance where the id means something.
#[derive(Clone, Copy)]
struct Place {
    id: &'static str,
    name: &'static str,
    instance: &'static str,
}

const FROM: Place = Place { id: "c.from_value", name: "c.from_string", instance: "c.instance_id" };
const TO: Place = Place { id: "c.to_value", name: "c.to_string", instance: "c.instance_id" };
const SPAN: Place = Place { id: "s.id", name: "s.name", instance: "i.instance_id" };
const FIX_VERSION: Place = Place { id: "v.value_id", name: "v.value_text", instance: "i.instance_id" };

impl Asking {
    fn add(&mut self, found: &[&Found], one_instance: bool) {
        if one_instance {
            self.global_ids.extend(found.iter().map(|found| found.id.clone()));
        } else {
            self.ids.extend(found.iter().map(|found| (found.instance, found.id.clone())));
        }
    }

    /// Whether a value is one of them. Never unknown.
    fn met_by(&self, place: Place) -> Sql {
        let mut ways = Vec::new();
        if !self.global_ids.is_empty() {
            ways.push(Sql::among(place.id, self.global_ids.clone(), false));
        }
        for (instance, value) in &self.ids {
            let here = Sql::new("(").push(place.instance).push(" = ").bind(*instance).push(" AND ");
            ways.push(here.append(Sql::among(place.id, vec![value.clone()], false)).push(")"));
        }
        if !self.names.is_empty() {
            ways.push(
                Sql::new("lower(").push(place.name).push(") = ANY(").bind(self.names.clone()).push(")"),
            );
        }
        if self.or_empty {
            ways.push(Sql::new("coalesce(").push(place.id).push(", ").push(place.name).push(", '') = ''"));
        }
        Sql::new("(").append(Sql::any(ways)).push(") IS TRUE")
    }
}

impl<'a> Compiler<'a> {
    /// A condition on the field's history. Its opposite is simply that it does not hold: issues that never had a value never
    /// had that one.
    pub(super) fn history(
        &self,
        asked: Asked<'a>,
        predicate: &'a Predicate,
        negated: bool,
        operator: &str,
    ) -> Result<Sql> {
        let tracked =
            Tracked::of(asked.field).ok_or_else(|| refusals::wrong_operator(operator, asked.name))?;
        let (not, condition) = match predicate {
            Predicate::Was { negated: not, operand, predicates }
            | Predicate::WasIn { negated: not, operand, predicates } => {
                let asking = self.asking(asked, operand, operator)?;
                (*not, self.was(asked, &tracked, &asking, predicates)?)
            }
            Predicate::Changed { predicates } => (false, self.changed(asked, &tracked, predicates)?),
            _ => return Err(misfit()),
        };
        Ok(if not == negated { condition } else { condition.not() })
    }

    fn changed(&self, asked: Asked<'a>, tracked: &Tracked, limits: &'a [HistoryPredicate]) -> Result<Sql> {
        let mut parts = Vec::new();
        for limit in limits {
            parts.push(match limit.op {
                HistoryOp::From => self.asking(asked, &limit.operand, "from")?.met_by(FROM),
                HistoryOp::To => self.asking(asked, &limit.operand, "to")?.met_by(TO),
                HistoryOp::By => self.by("c.author_id", asked, &limit.operand)?,
                _ => self.span(asked, limit, "c.created_at", "c.created_at")?,
            });
        }
        let begins = |limit: &HistoryPredicate| {
            matches!(limit.op, HistoryOp::After | HistoryOp::On | HistoryOp::During)
        };
        let of_issue = [vec![Sql::new("EXISTS (SELECT").append(tracked.changes())], parts.clone()].concat();
        let condition = joined_by_and(of_issue).push(")");
        Ok(match tracked.indexed() {
            Some(of_field) if limits.iter().any(begins) => {
                Sql::lookup(Lookup::of_changes(condition, joined_by_and([vec![of_field], parts].concat())))
            }
            _ => condition,
        })
    }

    fn was(
        &self,
        asked: Asked<'a>,
        tracked: &Tracked,
        asking: &Asking,
        limits: &'a [HistoryPredicate],
    ) -> Result<Sql> {
        let of_none = tracked.present.is_none() && asking.or_empty;
        if limits.is_empty() && !of_none {
            return Ok(ever(tracked, asking));
        }
        let mut parts = vec![asking.met_by(SPAN)];
        for limit in limits {
            parts.push(match limit.op {
                HistoryOp::By => self.by("s.author", asked, &limit.operand)?,
                HistoryOp::From | HistoryOp::To => return Err(misfit()),
                _ => self.span(asked, limit, "s.starts", "s.ends")?,
            });
        }
        let spans = match tracked.present {
            Some(present) => spans(tracked, present),
            None if of_none => spans_of_each(tracked).push(" UNION ALL ").append(spans_of_none(tracked)),
            None => spans_of_each(tracked),
        };
        let exists = Sql::new("EXISTS (SELECT FROM (").append(spans);
        Ok(exists
            .push(") AS s (id, name, starts, ends, author) WHERE ")
            .append(joined_by_and(parts))
            .push(")"))
    }

    fn asking(&self, asked: Asked<'a>, operand: &'a Operand, operator: &str) -> Result<Asking> {
        let mut entries = Vec::new();
        let mut asking = Asking::default();
        self.entries(asked, operand, operator, &mut entries, &mut asking.or_empty)?;
        for entry in &entries {
            match entry {
                Entry::Value(value) => {
                    let text = text_of(value);
                    // A name that nothing has today is one that something had then: see [`super::remembered`].
                    let found = self.found(asked, entry).unwrap_or_default();
                    if found.is_empty() {
                        asking.global_ids.push(text.clone());
                    }
                    asking.add(&found, self.one_instance);
                    asking.names.push(text.to_lowercase());
                }
                Entry::User(account) => asking.global_ids.push((*account).to_owned()),
                Entry::Listed(found) => asking.add(found, self.one_instance),
                _ => return Err(misfit()),
            }
        }
        Ok(asking)
    }

    fn by(&self, column: &'static str, asked: Asked<'a>, operand: &'a Operand) -> Result<Sql> {
        let user = Asked { field: CHANGED_BY, name: asked.name };
        let mut entries = Vec::new();
        let mut or_nobody = false;
        self.entries(user, operand, "by", &mut entries, &mut or_nobody)?;
        let people = Sql::among(column, uuids(&self.all_found(user, &entries)?), false);
        Ok(if or_nobody { Sql::any(vec![people, Sql::is_null(column, false)]) } else { people })
    }

    /// A limit in time on what lasts from `starts` to `ends`.
    fn span(
        &self,
        asked: Asked<'a>,
        limit: &'a HistoryPredicate,
        starts: &'static str,
        ends: &'static str,
    ) -> Result<Sql> {
        let at = |operand: &'a Operand| self.limit_time(asked, operand);
        let between = |from: DateTime<Utc>, until: DateTime<Utc>, until_sign: &'static str| {
            let sql = Sql::new("(").push(starts).push(until_sign).bind(until).push(" AND ").push(ends);
            sql.push(" >= ").bind(from).push(")")
        };
        Ok(match (limit.op, &limit.operand) {
            (HistoryOp::Before, operand) => Sql::new(starts).push(" < ").bind(at(operand)?),
            (HistoryOp::After, operand) => Sql::new(ends).push(" > ").bind(at(operand)?),
            (HistoryOp::On, operand) => {
                let (first, next) = self.dates.whole_day(at(operand)?).ok_or_else(misfit)?;
                between(first, next, " < ")
            }
            (HistoryOp::During, Operand::List(list)) if list.len() == 2 => {
                between(at(&list[0])?, at(&list[1])?, " <= ")
            }
            _ => return Err(needs_two_dates(asked.name)),
        })
    }

    fn limit_time(&self, asked: Asked<'a>, operand: &'a Operand) -> Result<DateTime<Utc>> {
        let time = Asked { field: CHANGED_AT, name: asked.name };
        let function = |function: &'a Function| self.call(time, function, None);
        match operand {
            Operand::Value(value) => self.instant(time, &Entry::Value(value)),
            Operand::Function(call) => self.instant(time, &function(call)?),
            Operand::Empty | Operand::List(_) => Err(refusals::no_empty_values(asked.name)),
        }
    }
}

fn needs_two_dates(name: &str) -> Error {
    Error::InvalidJql(format!(
        "The predicate 'during' on the field '{name}' needs two dates: DURING (\"from\", \"to\")."
    ))
}

fn joined_by_and(parts: Vec<Sql>) -> Sql {
    parts.into_iter().reduce(|all, next| all.push(" AND ").append(next)).unwrap_or_default()
}

/// Whether the field has or had the value, whenever: as [`spans`] would tell, without putting changes in order.
fn ever(tracked: &Tracked, asking: &Asking) -> Sql {
    let has = match tracked.present {
        Some([id, name]) => asking.met_by(Place { id, name, instance: "i.instance_id" }),
        None => matching(&everywhere(list_id(List::FixVersions)), &asking.met_by(FIX_VERSION), false),
    };
    let had = Sql::new("EXISTS (SELECT").append(tracked.changes()).push(" AND ");
    let had = had.append(Sql::any(vec![asking.met_by(FROM), asking.met_by(TO)])).push(")");
    Sql::any(vec![has, had])
}

/// Spans of a field with one value: each change begins one, and the first one ends the value the issue was created with. A
/// field without any change had its present value all along.
fn spans(tracked: &Tracked, [id, name]: [&'static str; 2]) -> Sql {
    let order = "c.created_at, c.jira_number, c.ordinal";
    let sql = Sql::new(
        "SELECT c.to_value, c.to_string, c.created_at, lead(c.created_at, 1, 'infinity') OVER (ORDER BY ",
    );
    let sql = sql.push(order).push("), c.author_id").append(tracked.changes());
    let sql =
        sql.push(" UNION ALL (SELECT c.from_value, c.from_string, i.created_at, c.created_at, i.creator_id");
    let sql = sql.append(tracked.changes()).push(" ORDER BY ").push(order);
    let sql = sql.push(" LIMIT 1) UNION ALL SELECT ").push(id).push(", ").push(name);
    let sql = sql.push(", i.created_at, 'infinity', i.creator_id WHERE NOT EXISTS (SELECT");
    sql.append(tracked.changes()).push(")")
}

/// Spans of the values of the fix versions: one change adds or removes one. What was removed without having been added, and
/// what is there without having been, the issue was created with.
fn spans_of_each(tracked: &Tracked) -> Sql {
    let sql = Sql::new(
        "SELECT c.to_value, c.to_string, c.created_at, coalesce((SELECT min(r.created_at) FROM changelogs r \
         WHERE r.tenant_id = c.tenant_id AND r.issue_id = c.issue_id AND r.field = c.field \
         AND r.from_value = c.to_value AND (r.created_at, r.jira_number) > (c.created_at, c.jira_number)), 'infinity'), \
         c.author_id",
    );
    let sql = sql.append(tracked.changes()).push(" AND c.to_value IS NOT NULL UNION ALL ");
    let sql = sql.push("SELECT c.from_value, c.from_string, i.created_at, c.created_at, i.creator_id");
    let sql = sql.append(tracked.changes()).push(
        " AND c.from_value IS NOT NULL AND NOT EXISTS (SELECT FROM changelogs a WHERE a.tenant_id = c.tenant_id \
         AND a.issue_id = c.issue_id AND a.field = c.field AND a.to_value = c.from_value \
         AND (a.created_at, a.jira_number) < (c.created_at, c.jira_number)) UNION ALL ",
    );
    let sql = sql.push(
        "SELECT v.value_id, v.value_text, i.created_at, 'infinity', i.creator_id FROM issue_field_values v \
         WHERE v.tenant_id = i.tenant_id AND v.issue_id = i.id AND v.field_id = 'fixVersions' \
         AND NOT EXISTS (SELECT",
    );
    sql.append(tracked.changes()).push(" AND c.to_value = v.value_id)")
}

/// Spans in which there was no version: from the issue's creation or the removal of one to the next one, where no other lasted.
fn spans_of_none(tracked: &Tracked) -> Sql {
    let each = || spans_of_each(tracked).push(") AS x (id, name, starts, ends, author) WHERE x.starts ");
    let sql = Sql::new("SELECT NULL, NULL, g.at, coalesce((SELECT min(x.starts) FROM (").append(each());
    let sql = sql.push("> g.at), 'infinity'), g.author FROM (SELECT i.created_at, i.creator_id UNION ALL ");
    let sql = sql.push("SELECT c.created_at, c.author_id").append(tracked.changes());
    let sql = sql.push(" AND c.from_value IS NOT NULL) AS g (at, author) WHERE NOT EXISTS (SELECT FROM (");
    sql.append(each()).push("<= g.at AND x.ends > g.at)")
}

/// How histories name a field; `None` for one without a history.
pub(super) fn name_in_histories(field: &Field) -> Option<&'static str> {
    Tracked::of(field).map(|tracked| tracked.name)
}
