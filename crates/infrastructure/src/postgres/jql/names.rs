//! What the values of a query name: projects, statuses, people, issues ... found with one look-up before anything is
//! compiled, so that the search itself compares ids. A rename at the source is one row of a roster, and every query speaks
//! the new name at once.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use application::{Result, search::SearchRequest};
use domain::issue_key::IssueKey;
use jql::{Clause, CompareOp, Function, HistoryOp, Operand, Predicate, Query, Value};
use sqlx::AssertSqlSafe;
use uuid::Uuid;

use super::{
    fields::{Class, Field, Fields, List, Worklog},
    functions::Called,
    refusals,
    rosters::list_of,
    sql::Sql,
    texts::pattern,
};
use crate::postgres::{addresses::AddressHashes, errors::convert, transaction::PgTenantTx};

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
    Component,
    Version,
    /// Versions by a pattern of their names.
    VersionsLike,
    /// Versions before the one of this name, in the order of its project; and so on.
    VersionsBefore,
    VersionsUpTo,
    VersionsAfter,
    VersionsFrom,
    /// Versions of a project, or of all where none is named; and so on.
    ReleasedVersions,
    UnreleasedVersions,
    LatestReleasedVersion,
    EarliestUnreleasedVersion,
    /// Components by their lead.
    ComponentsLed,
    /// Projects by their lead.
    ProjectsLed,
    /// Projects by their category.
    Category,
    /// Projects by their type.
    ProjectType,
    /// Options of custom fields; what stands for a name is the field that an option belongs to.
    Option,
    /// Groups.
    Group,
    /// Groups whose members are known.
    GroupWithMembers,
    /// Users by their group.
    GroupMembers,
    /// Instances whose groups are known.
    KnowingGroups,
    /// Roles in projects.
    Role,
    /// Instances of which it is known who plays which role.
    KnowingRoles,
    /// Instances of which it is known who follows which issue.
    KnowingFollowers,
    /// Instances whose truth is here.
    Sandbox,
    /// Instances whose truth is elsewhere.
    Mirror,
    /// Request types of service desks.
    RequestType,
    /// Organisations of customers.
    Organization,
    /// Instances of which it is known how their desks are set up.
    KnowingDesks,
    /// Instances whose organisations are known.
    KnowingOrganizations,
}

impl Roster {
    /// Whether its values name people.
    fn is_of_people(self) -> bool {
        matches!(self, Self::User | Self::ComponentsLed | Self::ProjectsLed)
    }
}

/// By what something was found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum By {
    Id,
    Key,
    Name,
    /// The hash of an e-mail address.
    Address,
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
            Self::Address => 4,
        }
    }

    fn of(code: i32) -> Self {
        match code {
            0 => Self::Id,
            1 => Self::Key,
            2 => Self::Name,
            4 => Self::Address,
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
pub(super) struct Names {
    found: HashMap<(Roster, String), Vec<Found>>,
    addresses: AddressHashes,
}

/// The members of all groups that a query names are as many values at most as it may name itself.
const MOST_MEMBERS: usize = super::MOST_VALUES;

impl Names {
    /// Looks up all that the query names.
    pub(super) async fn of(
        tx: &mut PgTenantTx,
        request: &SearchRequest,
        query: &Query,
        fields: &Fields,
    ) -> Result<Self> {
        let addresses = tx.addresses.clone();
        let wanted = Wanted::of(request, query, fields, &addresses);
        let Some(statement) = wanted.statement(tx.tenant.0, request.instance.map(|id| id.0)) else {
            return Ok(Self { addresses, ..Self::default() });
        };
        let text = statement.text();
        let arguments = statement.arguments().map_err(application::Error::Internal)?;
        let rows: Vec<Row> = sqlx::query_as_with(AssertSqlSafe(text), arguments)
            .fetch_all(tx.conn())
            .await
            .map_err(convert)?;
        let Wanted { rosters, groups, .. } = wanted;
        let rosters: Vec<Roster> = rosters.into_keys().collect();
        let mut names = Self { addresses, ..Self::default() };
        for (roster, value, by, instance, id, name, uuid) in rows {
            let by = By::of(by);
            let Some(roster) = usize::try_from(roster).ok().and_then(|place| rosters.get(place)) else {
                continue;
            };
            names.found.entry((*roster, value)).or_default().push(Found { by, instance, id, name, uuid });
        }
        let members = |group| names.find(Roster::GroupMembers, &Value::String(group)).len();
        if groups.into_iter().map(members).sum::<usize>() > MOST_MEMBERS {
            return Err(refusals::too_many("members of groups", MOST_MEMBERS));
        }
        Ok(names)
    }

    /// What a value names: a key before a name before an id before an old key; a number without quotation marks is an id first.
    pub(super) fn find(&self, roster: Roster, value: &Value) -> Vec<&Found> {
        let order = match value {
            Value::String(_) if roster.is_of_people() => [By::Id, By::Key, By::Name, By::Address],
            Value::String(_) => [By::Key, By::Name, By::Id, By::OldKey],
            Value::Number(_) => [By::Id, By::Key, By::Name, By::OldKey],
        };
        let asked = asked_as(roster, text_of(value), &self.addresses);
        let found = self.found.get(&(roster, asked)).map(Vec::as_slice).unwrap_or_default();
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
            names.found.entry((roster, value.to_owned())).or_default().push(found);
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
        Field::Worklog(Worklog::Author) | Field::Follower(_) => Roster::User,
        Field::List(List::Components) => Roster::Component,
        Field::List(List::FixVersions | List::AffectedVersions) => Roster::Version,
        Field::Category => Roster::Category,
        Field::ProjectType => Roster::ProjectType,
        Field::Custom(custom) => match custom.class {
            Class::Person => Roster::User,
            Class::RequestType => Roster::RequestType,
            Class::Organization => Roster::Organization,
            _ => return None,
        },
        Field::Key | Field::Parent | Field::EpicLink | Field::ParentEpic => Roster::Issue,
        Field::Instance => Roster::Instance,
        _ => return None,
    })
}

/// As what a value is looked up: people who are named by an e-mail address, by its hash.
fn asked_as(roster: Roster, value: String, addresses: &AddressHashes) -> String {
    let hash = if roster.is_of_people() { addresses.of(&value) } else { None };
    hash.unwrap_or(value)
}

/// What has to be looked up, each once.
struct Wanted<'a> {
    rosters: BTreeMap<Roster, BTreeSet<String>>,
    /// The groups whose members stand in the query, each as often as it does.
    groups: Vec<String>,
    addresses: &'a AddressHashes,
}

impl<'a> Wanted<'a> {
    fn of(request: &SearchRequest, query: &Query, fields: &Fields, addresses: &'a AddressHashes) -> Self {
        let mut wanted = Self { rosters: BTreeMap::new(), groups: Vec::new(), addresses };
        for term in query.filter.iter().flat_map(Clause::terms) {
            let Some(field) = fields.get(&term.field) else { continue };
            let roster = roster_of(field);
            if matches!(field, Field::Follower(_)) {
                wanted.add(Roster::KnowingFollowers, String::new());
            }
            match roster {
                Some(Roster::RequestType) => wanted.add(Roster::KnowingDesks, String::new()),
                Some(Roster::Organization) => wanted.add(Roster::KnowingOrganizations, String::new()),
                _ => {}
            }
            match &term.predicate {
                // Versions are compared by their place; which operator it is, `NOT` decides.
                Predicate::Compare { op, operand } if roster == Some(Roster::Version) && is_order(*op) => {
                    for roster in VERSIONS_BY_PLACE {
                        wanted.operand(request, Some(roster), operand);
                    }
                    wanted.operand(request, roster, operand);
                }
                Predicate::Compare { op: CompareOp::Like | CompareOp::NotLike, operand } => {
                    if let (Operand::Value(value), Some(Roster::Version)) = (operand, roster) {
                        wanted.add(Roster::VersionsLike, pattern(&text_of(value)));
                    }
                }
                Predicate::Compare { operand, .. } | Predicate::In { operand, .. } => {
                    let is_choice = matches!(field, Field::Custom(custom) if custom.class == Class::Choice);
                    wanted.operand(request, if is_choice { Some(Roster::Option) } else { roster }, operand);
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
            Operand::Function(function) => self.function(request, function),
            Operand::Empty => {}
        }
    }

    fn function(&mut self, request: &SearchRequest, function: &Function) {
        let Some(called) = Called::named(&function.name) else { return };
        let rosters = called.rosters();
        for (place, argument) in function.arguments.iter().enumerate() {
            for roster in [rosters(place), called.looked_up()].into_iter().flatten() {
                self.add(roster, argument.clone());
            }
        }
        let is_of_caller =
            matches!(called, Called::CurrentUser | Called::ComponentsLed | Called::ProjectsLed);
        if let Some(user) = &request.current_user
            && is_of_caller
            && function.arguments.is_empty()
        {
            self.add(Roster::User, user.clone());
            if let Some(roster) = called.looked_up() {
                self.add(roster, user.clone());
            }
        } else if let Some(roster) = called.looked_up()
            && function.arguments.is_empty()
        {
            self.add(roster, String::new());
        }
        match called {
            Called::Sprints(state) => self.add(Roster::SprintState, state.to_owned()),
            Called::MembersOf => {
                self.add(Roster::KnowingGroups, String::new());
                for group in &function.arguments {
                    self.add(Roster::GroupWithMembers, group.clone());
                    self.groups.push(group.clone());
                }
            }
            Called::ProjectsWithRole => self.add(Roster::KnowingRoles, String::new()),
            Called::ProjectsPermitted => self.add(Roster::Sandbox, String::new()),
            Called::RemotelyLinked => self.add(Roster::Mirror, String::new()),
            _ => {}
        }
    }

    fn add(&mut self, roster: Roster, value: String) {
        let asked = asked_as(roster, value, self.addresses);
        self.rosters.entry(roster).or_default().insert(asked);
    }

    /// One statement for all of it; `None` when there is nothing to look up. Rosters come back by their place.
    ///
    /// `lower` is not leakproof, so what is asked for is lower-cased behind an `OFFSET`, which keeps it out of the join: only
    /// so can the join read the rosters' indexes under row-level security.
    fn statement(&self, tenant: Uuid, instance: Option<Uuid>) -> Option<Sql> {
        let mut statement: Option<Sql> = None;
        for ((roster, values), place) in self.rosters.iter().zip(0_i64..) {
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

/// Versions by their place among those of their project.
const VERSIONS_BY_PLACE: [Roster; 4] =
    [Roster::VersionsBefore, Roster::VersionsUpTo, Roster::VersionsAfter, Roster::VersionsFrom];

fn is_order(op: CompareOp) -> bool {
    use CompareOp::{GreaterThan, GreaterThanEquals, LessThan, LessThanEquals};
    matches!(op, LessThan | LessThanEquals | GreaterThan | GreaterThanEquals)
}
