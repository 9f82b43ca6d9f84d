//! What the values of a query name: projects, statuses, people, issues ... found with one look-up before anything is
//! compiled, so that the search itself compares ids. A rename at the source is one row of a roster, and every query speaks
//! the new name at once.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use application::{Result, search::SearchRequest};
use domain::issue_key::IssueKey;
use jql::{Clause, HistoryOp, Operand, Predicate, Value};
use sqlx::AssertSqlSafe;
use uuid::Uuid;

use super::{
    fields::{Class, Field, Fields},
    functions::Called,
    sql::Sql,
};
use crate::postgres::{errors::convert, transaction::PgTenantTx};

/// A list in which names are looked up.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) enum Roster {
    Project,
    IssueType,
    Status,
    Priority,
    Resolution,
    User,
    Sprint,
    /// Sprints by state.
    SprintState,
    Issue,
    Instance,
}

/// By what something was found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum By {
    Id,
    Key,
    Name,
    /// A key that an issue had before.
    OldKey,
}

impl By {
    fn code(self) -> i64 {
        match self {
            Self::Id => 0,
            Self::Key => 1,
            Self::Name => 2,
            Self::OldKey => 3,
        }
    }

    fn of(code: i32) -> Self {
        match code {
            0 => Self::Id,
            1 => Self::Key,
            2 => Self::Name,
            _ => Self::OldKey,
        }
    }
}

/// Something that was found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Found {
    pub(super) by: By,
    pub(super) instance: Uuid,
    /// Jira's id.
    pub(super) id: String,
    /// Its exact name; an issue's present key.
    pub(super) name: String,
    /// Our id, where it has one.
    pub(super) uuid: Option<Uuid>,
}

/// The place of the roster, what was asked for, by what it was found, and the rest of [`Found`].
type Row = (i32, String, i32, Uuid, String, String, Option<Uuid>);

/// All that a query names, as found.
#[derive(Debug, Default)]
pub(super) struct Names(HashMap<(Roster, String), Vec<Found>>);

impl Names {
    /// Looks up all that the query names.
    pub(super) async fn of(tx: &mut PgTenantTx, request: &SearchRequest, fields: &Fields) -> Result<Self> {
        let wanted = Wanted::of(request, fields);
        let Some(statement) = wanted.statement(tx.tenant.0, request.instance.map(|id| id.0)) else {
            return Ok(Self::default());
        };
        let text = statement.text();
        let arguments = statement.arguments().map_err(application::Error::Internal)?;
        let rows: Vec<Row> = sqlx::query_as_with(AssertSqlSafe(text), arguments)
            .fetch_all(tx.conn())
            .await
            .map_err(convert)?;
        let rosters: Vec<Roster> = wanted.0.into_keys().collect();
        let mut names = Self::default();
        for (roster, value, by, instance, id, name, uuid) in rows {
            let by = By::of(by);
            let Some(roster) = usize::try_from(roster).ok().and_then(|place| rosters.get(place)) else {
                continue;
            };
            names.0.entry((*roster, value)).or_default().push(Found { by, instance, id, name, uuid });
        }
        Ok(names)
    }

    /// What a value names: a key before a name before an id before an old key; a number without quotation marks is an id first.
    pub(super) fn find(&self, roster: Roster, value: &Value) -> Vec<&Found> {
        let order = match value {
            Value::String(_) if roster == Roster::User => [By::Id, By::Key, By::Name, By::OldKey],
            Value::String(_) => [By::Key, By::Name, By::Id, By::OldKey],
            Value::Number(_) => [By::Id, By::Key, By::Name, By::OldKey],
        };
        let found = self.0.get(&(roster, text_of(value))).map(Vec::as_slice).unwrap_or_default();
        order
            .into_iter()
            .map(|by| found.iter().filter(|found| found.by == by).collect::<Vec<_>>())
            .find(|found| !found.is_empty())
            .unwrap_or_default()
    }

    #[cfg(test)]
    pub(super) fn known(found: Vec<(Roster, &str, Found)>) -> Self {
        let mut names = Self::default();
        for (roster, value, found) in found {
            names.0.entry((roster, value.to_owned())).or_default().push(found);
        }
        names
    }
}

/// A value as text.
pub(super) fn text_of(value: &Value) -> String {
    match value {
        Value::Number(number) => number.to_string(),
        Value::String(text) => text.clone(),
    }
}

/// Where the values of this field are looked up.
pub(super) fn roster_of(field: &Field) -> Option<Roster> {
    Some(match field {
        Field::Project => Roster::Project,
        Field::IssueType => Roster::IssueType,
        Field::Status => Roster::Status,
        Field::Priority => Roster::Priority,
        Field::Resolution => Roster::Resolution,
        Field::Person(_) => Roster::User,
        Field::Sprint(_) => Roster::Sprint,
        Field::Custom(custom) if custom.class == Class::Person => Roster::User,
        Field::Key | Field::Parent | Field::EpicLink => Roster::Issue,
        Field::Instance => Roster::Instance,
        _ => return None,
    })
}

/// What has to be looked up, each once.
#[derive(Default)]
struct Wanted(BTreeMap<Roster, BTreeSet<String>>);

impl Wanted {
    fn of(request: &SearchRequest, fields: &Fields) -> Self {
        let mut wanted = Self::default();
        for term in request.query.filter.iter().flat_map(Clause::terms) {
            let Some(field) = fields.get(&term.field.name) else { continue };
            let roster = roster_of(field);
            match &term.predicate {
                Predicate::Compare { operand, .. } | Predicate::In { operand, .. } => {
                    wanted.operand(request, roster, operand);
                }
                Predicate::Is { .. } => {}
                Predicate::Was { operand, predicates, .. } | Predicate::WasIn { operand, predicates, .. } => {
                    wanted.operand(request, roster, operand);
                    predicates
                        .iter()
                        .for_each(|limit| wanted.limit(request, roster, limit.op, &limit.operand));
                }
                Predicate::Changed { predicates } => {
                    predicates
                        .iter()
                        .for_each(|limit| wanted.limit(request, roster, limit.op, &limit.operand));
                }
            }
        }
        wanted
    }

    fn limit(&mut self, request: &SearchRequest, roster: Option<Roster>, op: HistoryOp, operand: &Operand) {
        match op {
            HistoryOp::By => self.operand(request, Some(Roster::User), operand),
            HistoryOp::From | HistoryOp::To => self.operand(request, roster, operand),
            HistoryOp::Before | HistoryOp::After | HistoryOp::On | HistoryOp::During => {}
        }
    }

    fn operand(&mut self, request: &SearchRequest, roster: Option<Roster>, operand: &Operand) {
        match operand {
            Operand::Value(value) => {
                if let Some(roster) = roster {
                    self.add(roster, text_of(value));
                }
            }
            Operand::List(entries) => entries.iter().for_each(|entry| self.operand(request, roster, entry)),
            Operand::Function(function) => match Called::named(&function.name) {
                Some(Called::CurrentUser) => {
                    if let Some(user) = &request.current_user {
                        self.add(Roster::User, user.clone());
                    }
                }
                Some(Called::Sprints(state)) => self.add(Roster::SprintState, state.to_owned()),
                _ => {}
            },
            Operand::Empty => {}
        }
    }

    fn add(&mut self, roster: Roster, value: String) {
        self.0.entry(roster).or_default().insert(value);
    }

    /// One statement for all of it; `None` when there is nothing to look up. Rosters come back by their place.
    ///
    /// `lower` is not leakproof, so what is asked for is lower-cased behind an `OFFSET`, which keeps it out of the join: only
    /// so can the join read the rosters' indexes under row-level security.
    fn statement(&self, tenant: Uuid, instance: Option<Uuid>) -> Option<Sql> {
        let mut statement: Option<Sql> = None;
        for ((roster, values), place) in self.0.iter().zip(0_i64..) {
            let asked: Vec<String> = values.iter().cloned().collect();
            let compared: Vec<String> = match roster {
                Roster::Issue => values.iter().map(|value| issue_name(value)).collect(),
                _ => asked.clone(),
            };
            let list = list_of(*roster);
            for (by, joined) in list.ways {
                let sql =
                    statement.take().map_or_else(Sql::default, |statement| statement.push(" UNION ALL "));
                let sql = sql
                    .push("SELECT ")
                    .bind(place)
                    .push("::int4, w.asked, ")
                    .bind(by.code())
                    .push("::int4, ")
                    .push(list.columns)
                    .push(" FROM (SELECT u.asked, u.value, lower(u.value) AS lowered, ")
                    .push("CASE WHEN u.value ~ '^[0-9]{1,18}$' THEN u.value::int8 END AS number FROM unnest(")
                    .bind(asked.clone())
                    .push("::text[], ")
                    .bind(compared.clone())
                    .push("::text[]) AS u (asked, value) OFFSET 0) AS w JOIN ")
                    .push(joined)
                    .push(" WHERE t.tenant_id = ")
                    .bind(tenant);
                statement = Some(match instance {
                    Some(instance) => sql.push(" AND ").push(list.instance).push(" = ").bind(instance),
                    None => sql,
                });
            }
        }
        statement
    }
}

/// Keys are stored in capitals; an id stays as it is.
fn issue_name(value: &str) -> String {
    value.trim().parse::<IssueKey>().map_or_else(|_| value.trim().to_owned(), |key| key.to_string())
}

/// How a roster is stored, as `t`.
struct Stored {
    /// Instance, Jira's id, name and our id.
    columns: &'static str,
    instance: &'static str,
    /// How `w.value`, `w.lowered` or `w.number` may be compared. Rosters that can be large have stored lower-case columns with
    /// indexes; of the others a tenant has few rows.
    ways: &'static [(By, &'static str)],
}

impl Stored {
    const fn named(ways: &'static [(By, &'static str)]) -> Self {
        Self {
            columns: "t.instance_id, t.jira_id::text, t.name::text, NULL::uuid",
            instance: "t.instance_id",
            ways,
        }
    }
}

fn list_of(roster: Roster) -> Stored {
    match roster {
        Roster::Project => Stored {
            columns: "t.instance_id, t.jira_id::text, t.name::text, t.id",
            instance: "t.instance_id",
            ways: &[
                (By::Id, "projects t ON t.jira_id = w.value"),
                (By::Key, "projects t ON t.key_lower = w.lowered"),
                (By::Name, "projects t ON t.name_lower = w.lowered"),
            ],
        },
        Roster::IssueType => Stored::named(&[
            (By::Id, "issue_types t ON t.jira_id = w.value"),
            (By::Name, "issue_types t ON lower(t.name) = w.lowered"),
        ]),
        Roster::Status => Stored::named(&[
            (By::Id, "statuses t ON t.jira_id = w.value"),
            (By::Name, "statuses t ON lower(t.name) = w.lowered"),
        ]),
        Roster::Priority => Stored::named(&[
            (By::Id, "priorities t ON t.jira_id = w.value"),
            (By::Name, "priorities t ON lower(t.name) = w.lowered"),
        ]),
        Roster::Resolution => Stored::named(&[
            (By::Id, "resolutions t ON t.jira_id = w.value"),
            (By::Name, "resolutions t ON lower(t.name) = w.lowered"),
        ]),
        Roster::User => Stored {
            columns: "t.instance_id, t.account_id::text, coalesce(t.display_name, '')::text, t.id",
            instance: "t.instance_id",
            ways: &[
                (By::Id, "users t ON t.account_id_lower = w.lowered"),
                // Users of a Server have a name to sign in with beside the key.
                (By::Key, "users t ON t.login_lower = w.lowered"),
                (By::Name, "users t ON t.display_name_lower = w.lowered"),
            ],
        },
        Roster::Sprint => Stored::named(&[
            (
                By::Id,
                "jira_instances n ON true JOIN sprints t ON t.tenant_id = n.tenant_id AND t.instance_id = n.id \
                 AND t.jira_id = w.number",
            ),
            (By::Name, "sprints t ON t.name_lower = w.lowered"),
        ]),
        Roster::SprintState => Stored::named(&[(By::Name, "sprints t ON t.state = w.value")]),
        Roster::Issue => Stored {
            columns: "t.instance_id, t.jira_id::text, t.key::text, t.id",
            instance: "t.instance_id",
            // By way of the instances where an index begins with them.
            ways: &[
                (
                    By::Id,
                    "jira_instances n ON true JOIN issues t ON t.tenant_id = n.tenant_id AND t.instance_id = n.id \
                     AND t.jira_id = w.value AND t.presence = 'present'",
                ),
                (By::Key, "issues t ON t.key = w.value AND t.presence = 'present'"),
                (
                    By::OldKey,
                    "jira_instances n ON true JOIN issue_key_aliases a ON a.tenant_id = n.tenant_id \
                     AND a.instance_id = n.id AND a.key = w.value \
                     JOIN issues t ON t.tenant_id = a.tenant_id AND t.id = a.issue_id AND t.presence = 'present'",
                ),
            ],
        },
        Roster::Instance => Stored {
            columns: "t.id, t.id::text, t.name::text, t.id",
            instance: "t.id",
            ways: &[(By::Name, "jira_instances t ON lower(t.name) = w.lowered")],
        },
    }
}
