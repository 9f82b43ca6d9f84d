//! `ORDER BY` (jira-facts 8.2): empty values first when ascending and last when descending; ties by Jira's id and, across
//! instances, by ours, so that every order is total.

use application::Result;
use jql::{Clause, Direction, Query};

use super::{
    amounts::amount_column,
    conditions::{ENVIRONMENT, list_id, time_column},
    fields::{self, Amount, Class, Custom, Field, Fields, List, Person, Scope, Time},
    refusals, slas,
    sql::Sql,
    values::{everywhere, rows_of},
};

/// Jira's own limit on the fields of one order.
const MOST_FIELDS: usize = 7;

/// What a sort key is made of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Text,
    Int,
    Number,
    Time,
    Day,
    Uuid,
}

/// One key of an order: an expression over the issue `i` and the joined tables.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Key {
    pub(super) expression: &'static str,
    pub(super) kind: Kind,
    pub(super) nullable: bool,
    pub(super) descending: bool,
}

/// A total order of issues.
#[derive(Clone, Debug, Default)]
pub(super) struct Order {
    /// What has to be joined to the issue `i`.
    pub(super) joins: Sql,
    pub(super) keys: Vec<Key>,
}

/// How what is joined for each field is named, and its value.
const JOINED: [(&str, &str); MOST_FIELDS] = [
    (") s0 ON true", "s0.value"),
    (") s1 ON true", "s1.value"),
    (") s2 ON true", "s2.value"),
    (") s3 ON true", "s3.value"),
    (") s4 ON true", "s4.value"),
    (") s5 ON true", "s5.value"),
    (") s6 ON true", "s6.value"),
];

const ID: &str = "i.jira_number";

/// Projects stand one behind the other in the index of keys, so reading it in order to find one project's issues means to
/// read all others first; PostgreSQL does not see that, and would. An expression keeps it from doing so.
const KEY_PROJECT_UNINDEXED: &str = "i.key_project || ''";

const CATEGORY: &str =
    "array_position('{undefined,new,indeterminate,done}'::text[], i.status_category::text)::int8";

const LEVEL: &str = "lower(i.raw_jsonb #>> '{fields,security,name}')";

/// The parts of a key whose issue may be outside of the copy.
const PARENT_PROJECT: &str = "regexp_replace(i.parent_key, '-[0-9]+$', '')";
const PARENT_NUMBER: &str = "substring(i.parent_key FROM '-([0-9]{1,18})$')::int8";
const EPIC_PROJECT: &str = "regexp_replace(i.epic_key, '-[0-9]+$', '')";
const EPIC_NUMBER: &str = "substring(i.epic_key FROM '-([0-9]{1,18})$')::int8";

/// Versions by their projects' names, then in the order of their project; those whose place is not known come last, by name.
const VERSION: &str = "SELECT coalesce(p.name_lower, '') || ' ' || CASE WHEN t.sequence IS NULL THEN '1' ELSE '0' || \
     lpad(t.sequence::text, 10, '0') END || ' ' || coalesce(lower(t.name), v.value_key) AS value";
const VERSIONS: &str = "versions t ON t.tenant_id = v.tenant_id AND t.instance_id = i.instance_id AND t.jira_id = v.value_id \
     LEFT JOIN projects p ON p.tenant_id = t.tenant_id AND p.id = t.project_id";

/// Components by the names that they have now.
const COMPONENT: &str = "SELECT coalesce(lower(t.name), v.value_key) AS value";
const COMPONENTS: &str =
    "components t ON t.tenant_id = v.tenant_id AND t.instance_id = i.instance_id AND t.jira_id = v.value_id";

/// Options as they are put in order, before what has no such order, by name.
const OPTION: &str = "SELECT CASE WHEN t.sequence IS NULL THEN '1' ELSE '0' || lpad(t.sequence::text, 10, '0') END || ' ' || \
     coalesce(lower(t.value), v.value_key) AS value";
const OPTIONS: &str = "field_options t ON t.tenant_id = v.tenant_id AND t.instance_id = i.instance_id \
     AND t.field_key = v.field_id AND t.jira_id = v.value_id";

const SPRINT: &str = "(SELECT max(sprint) FROM unnest(i.sprint_ids) sprint)::int8";

impl Order {
    /// The order a query asks for: newest first where it asks for none.
    ///
    /// # Errors
    /// When a field cannot be sorted by.
    pub(super) fn of(query: &Query, fields: &Fields, one_instance: bool) -> Result<Self> {
        let mut order = Self::default();
        if query.order_by.len() > MOST_FIELDS {
            return Err(refusals::too_many("fields in ORDER BY", MOST_FIELDS));
        }
        let within_projects = is_within_projects(query, fields);
        let mut joined_fields: Vec<&Field> = Vec::new();
        for (sort, joined) in query.order_by.iter().zip(JOINED) {
            let name = fields::shown(&sort.field);
            let field = fields.get(&sort.field).ok_or_else(|| refusals::unknown_field(&name))?;
            // What is there already decides nothing any more.
            if joined_fields.contains(&field) {
                continue;
            }
            let descending = match sort.direction {
                Some(direction) => direction == Direction::Descending,
                None => is_descending_by_itself(field),
            };
            if *field == Field::Key && within_projects && !name.eq_ignore_ascii_case("id") {
                order.column(KEY_PROJECT_UNINDEXED, Kind::Text, false, descending);
                order.column("i.key_number", Kind::Int, false, descending);
            } else if !order.add(field, &name, descending) {
                joined_fields.push(field);
                let (values, kind) =
                    joined_value(field, within_projects).ok_or_else(|| refusals::not_sortable(&name))?;
                let (alias, value) = joined;
                order.joins = order.joins.push(" LEFT JOIN LATERAL (").append(values).push(alias);
                order.column(value, kind, true, descending);
            }
        }
        if query.order_by.is_empty() {
            order.column(time_column(Time::Created), Kind::Time, false, true);
        }
        // In the direction of the last key, so that one index serves both.
        let descending = order.keys.last().is_some_and(|key| key.descending);
        order.column(ID, Kind::Int, false, descending);
        if !one_instance {
            order.column("i.id", Kind::Uuid, false, descending);
        }
        Ok(order)
    }

    /// Adds a field that is a column of the issue; answers whether it is one.
    fn add(&mut self, field: &Field, name: &str, descending: bool) -> bool {
        match field {
            Field::Key if name.eq_ignore_ascii_case("id") => self.column(ID, Kind::Int, false, descending),
            Field::Key => {
                self.column("i.key_project", Kind::Text, false, descending);
                self.column("i.key_number", Kind::Int, false, descending);
            }
            Field::Time(time) => {
                self.column(
                    time_column(*time),
                    Kind::Time,
                    matches!(time, Time::Resolved | Time::StatusCategoryChanged),
                    descending,
                );
            }
            Field::Due => self.column("i.due_date", Kind::Day, true, descending),
            Field::Amount(amount) => {
                let nullable = !matches!(amount, Amount::Votes | Amount::Watchers);
                self.column(amount_column(*amount), Kind::Int, nullable, descending);
            }
            Field::StatusCategory => self.column(CATEGORY, Kind::Int, true, descending),
            Field::HierarchyLevel => self.column("i.hierarchy_level::int8", Kind::Int, true, descending),
            Field::Summary => self.column("left(lower(i.summary), 255)", Kind::Text, false, descending),
            Field::Parent => {
                self.column(PARENT_PROJECT, Kind::Text, true, descending);
                self.column(PARENT_NUMBER, Kind::Int, true, descending);
            }
            Field::EpicLink => {
                self.column(EPIC_PROJECT, Kind::Text, true, descending);
                self.column(EPIC_NUMBER, Kind::Int, true, descending);
            }
            Field::Description => {
                self.column("left(lower(i.description_text), 255)", Kind::Text, true, descending);
            }
            Field::Level => self.column(LEVEL, Kind::Text, true, descending),
            Field::Sprint(_) => self.column(SPRINT, Kind::Int, true, descending),
            _ => return false,
        }
        true
    }

    /// Adds a key, unless the order has it already: then it decides nothing any more.
    fn column(&mut self, expression: &'static str, kind: Kind, nullable: bool, descending: bool) {
        if self.keys.iter().all(|key| key.expression != expression) {
            self.keys.push(Key { expression, kind, nullable, descending });
        }
    }
}

/// Whether the field of this name can be sorted by.
pub(super) fn is_sortable(field: &Field, name: &str) -> bool {
    Order::default().add(field, name, false) || joined_value(field, false).is_some()
}

/// Whether the query finds issues of certain projects only.
fn is_within_projects(query: &Query, fields: &Fields) -> bool {
    let names_projects = |clause: &Clause| match clause {
        Clause::Term(term) => fields.get(&term.field) == Some(&Field::Project),
        _ => false,
    };
    match &query.filter {
        Some(Clause::And(parts)) => parts.iter().any(names_projects),
        Some(clause) => names_projects(clause),
        None => false,
    }
}

/// The direction of a field whose sort names none (jira-facts 8.1: the field's own).
fn is_descending_by_itself(field: &Field) -> bool {
    matches!(field, Field::Time(_) | Field::Priority | Field::Amount(Amount::Votes | Amount::Watchers))
}

/// What has to be selected for each issue to sort by a field, of all issues or within projects; `None` where Jira does not sort.
fn joined_value(field: &Field, within_projects: bool) -> Option<(Sql, Kind)> {
    let first_of = |select, roster, scope: &Scope| first_of(select, roster, scope, within_projects);
    let person = |select: &'static str| Some((Sql::new(select), Kind::Text));
    match field {
        // Ranks count from the highest down, so the highest priority comes last.
        Field::Priority => Some((
            Sql::new(
                "SELECT -t.rank::int8 AS value FROM priorities t WHERE t.tenant_id = i.tenant_id \
                 AND t.instance_id = i.instance_id AND t.jira_id = i.priority_id",
            ),
            Kind::Int,
        )),
        Field::Resolution => Some((
            Sql::new(
                "SELECT t.rank::int8 AS value FROM resolutions t WHERE t.tenant_id = i.tenant_id \
                 AND t.instance_id = i.instance_id AND t.jira_id = i.resolution_id",
            ),
            Kind::Int,
        )),
        Field::Status => Some((
            Sql::new(
                "SELECT lower(t.name) AS value FROM statuses t WHERE t.tenant_id = i.tenant_id \
                 AND t.instance_id = i.instance_id AND t.jira_id = i.status_id",
            ),
            Kind::Text,
        )),
        Field::IssueType => Some((
            Sql::new(
                "SELECT lower(t.name) AS value FROM issue_types t WHERE t.tenant_id = i.tenant_id \
                 AND t.instance_id = i.instance_id AND t.jira_id = i.issue_type_id",
            ),
            Kind::Text,
        )),
        Field::Project => Some((
            Sql::new(
                "SELECT t.name_lower AS value FROM projects t WHERE t.tenant_id = i.tenant_id AND t.id = i.project_id",
            ),
            Kind::Text,
        )),
        Field::Instance => Some((
            Sql::new(
                "SELECT t.name::text AS value FROM jira_instances t WHERE t.tenant_id = i.tenant_id \
                 AND t.id = i.instance_id",
            ),
            Kind::Text,
        )),
        Field::Person(Person::Assignee) => person(
            "SELECT lower(coalesce(u.display_name, u.account_id)) AS value FROM users u \
             WHERE u.tenant_id = i.tenant_id AND u.id = i.assignee_id",
        ),
        Field::Person(Person::Reporter) => person(
            "SELECT lower(coalesce(u.display_name, u.account_id)) AS value FROM users u \
             WHERE u.tenant_id = i.tenant_id AND u.id = i.reporter_id",
        ),
        Field::Person(Person::Creator) => person(
            "SELECT lower(coalesce(u.display_name, u.account_id)) AS value FROM users u \
             WHERE u.tenant_id = i.tenant_id AND u.id = i.creator_id",
        ),
        Field::List(List::Labels) => {
            Some((first_of(KEY, "", &everywhere(list_id(List::Labels))), Kind::Text))
        }
        Field::List(List::Components) => {
            Some((first_of(COMPONENT, COMPONENTS, &everywhere(list_id(List::Components))), Kind::Text))
        }
        Field::List(list) => Some((first_of(VERSION, VERSIONS, &everywhere(list_id(*list))), Kind::Text)),
        Field::Environment => Some((first_of(KEY, "", &everywhere(ENVIRONMENT)), Kind::Text)),
        Field::Category => Some((
            Sql::new(
                "SELECT lower(t.raw_jsonb #>> '{projectCategory,name}') AS value FROM projects t \
                 WHERE t.tenant_id = i.tenant_id AND t.id = i.project_id",
            ),
            Kind::Text,
        )),
        Field::ProjectType => Some((
            Sql::new(
                "SELECT lower(t.project_type) AS value FROM projects t WHERE t.tenant_id = i.tenant_id AND t.id = i.project_id",
            ),
            Kind::Text,
        )),
        Field::Custom(custom) => Some(custom_value(custom, within_projects)),
        _ => None,
    }
}

/// A value as it is compared.
const KEY: &str = "SELECT v.value_key AS value";

fn custom_value(custom: &Custom, within_projects: bool) -> (Sql, Kind) {
    let (select, kind) = match custom.class {
        Class::Number => ("SELECT v.value_number AS value", Kind::Number),
        Class::Day | Class::Time => ("SELECT v.value_time AS value", Kind::Time),
        Class::Choice => return (first_of(OPTION, OPTIONS, &custom.scope, within_projects), Kind::Text),
        Class::Text | Class::Person | Class::RequestType | Class::Organization => (KEY, Kind::Text),
        // What misses its goal first comes first; a clock that stands still does not say when it will.
        Class::Sla => (slas::BREACH_OF_VALUE, Kind::Int),
        // Ranks of boards are among them, and are ordered by their bytes (jira-facts 6.3).
        Class::Other => ("SELECT v.value_key COLLATE \"C\" AS value", Kind::Text),
    };
    (first_of(select, "", &custom.scope, within_projects), kind)
}

/// The first value of a field, joined with the roster that it stands in. Of several fields of one name in an instance, one has to be
/// chosen; otherwise there is at most one row, so that PostgreSQL may join it as it likes.
///
/// But not within projects: it cannot know how many rows of all issues a field has, and read a million of them to sort the
/// 58,000 issues of a project (docs/benchmarks.md). `OFFSET` has it look up each issue's own.
fn first_of(select: &'static str, roster: &'static str, scope: &Scope, within_projects: bool) -> Sql {
    let sql = Sql::new(select).push(" FROM issue_field_values v");
    let sql = if roster.is_empty() { sql } else { sql.push(" LEFT JOIN ").push(roster) };
    let sql = sql.push(" WHERE v.tenant_id = i.tenant_id AND v.issue_id = i.id AND v.ordinal = 0 AND ");
    let sql = sql.append(rows_of(scope));
    let one_each = match scope {
        Scope::Everywhere(_) => true,
        Scope::PerInstance(groups) => groups.iter().all(|(_, ids)| ids.len() == 1),
    };
    match (one_each, within_projects) {
        (false, _) => sql.push(" ORDER BY v.field_id LIMIT 1"),
        (true, true) => sql.push(" OFFSET 0"),
        (true, false) => sql,
    }
}
