//! What each field is asked, as a condition on the issue `i`.

use std::collections::{BTreeMap, BTreeSet};

use application::Result;
use chrono::{DateTime, NaiveDate, Utc};
use jql::Value;
use uuid::Uuid;

use super::{
    amounts::amount_column,
    attached,
    compile::{Asked, Compiler, Entry, Order, misfit, uuids},
    fields::{Field, List, Person, Time},
    names::{Found, Roster, text_of},
    refusals,
    sql::Sql,
    values,
};

/// The column of a person.
pub(super) fn person_column(person: Person) -> &'static str {
    match person {
        Person::Assignee => "i.assignee_id",
        Person::Reporter => "i.reporter_id",
        Person::Creator => "i.creator_id",
    }
}

/// The column of a time.
pub(super) fn time_column(time: Time) -> &'static str {
    match time {
        Time::Created => "i.created_at",
        Time::Updated => "i.updated_at",
        Time::Resolved => "i.resolved_at",
        // Only Cloud tells.
        Time::StatusCategoryChanged => {
            "(CASE WHEN i.raw_jsonb #>> '{fields,statuscategorychangedate}' ~ '^[0-9]{4}-[0-9]{2}-[0-9]{2}T' \
             THEN (i.raw_jsonb #>> '{fields,statuscategorychangedate}')::timestamptz END)"
        }
    }
}

/// Jira's id of a list field, as `issue_field_values` has it.
pub(super) fn list_id(list: List) -> &'static str {
    match list {
        List::Labels => "labels",
        List::Components => "components",
        List::FixVersions => "fixVersions",
        List::AffectedVersions => "versions",
    }
}

/// Jira's id of the field, as `issue_field_values` has it.
pub(super) const ENVIRONMENT: &str = "environment";

const HAS_CATEGORY: &str = "EXISTS (SELECT FROM projects p WHERE p.tenant_id = i.tenant_id AND p.id = i.project_id \
     AND p.raw_jsonb #>> '{projectCategory,id}' IS NOT NULL)";

/// The condition, which is never unknown, or its opposite.
pub(super) fn opposite_if(sql: Sql, negated: bool) -> Sql {
    if negated { sql.not() } else { sql }
}

impl<'a> Compiler<'a> {
    /// Whether the field is empty or, negated, is not.
    pub(super) fn emptiness(&self, asked: Asked<'_>, negated: bool) -> Result<Sql> {
        let column = match asked.field {
            Field::Project | Field::Key | Field::Status | Field::StatusCategory | Field::Instance => {
                return Ok(if negated { Sql::always() } else { Sql::never() });
            }
            Field::List(list) => return Ok(values::emptiness(&values::everywhere(list_id(*list)), negated)),
            Field::Sprint(scope) => return Ok(values::emptiness(scope, negated)),
            Field::Custom(custom) => return Ok(values::emptiness(&custom.scope, negated)),
            Field::IssueType => "i.issue_type_id",
            Field::Priority => "i.priority_id",
            Field::Resolution => "i.resolution_id",
            Field::Person(person) => person_column(*person),
            Field::Time(time) => time_column(*time),
            Field::Due => "i.due_date",
            Field::Amount(amount) => amount_column(*amount),
            Field::Environment => return Ok(values::emptiness(&values::everywhere(ENVIRONMENT), negated)),
            Field::Worklog(_) => return Ok(opposite_if(attached::worked(None), !negated)),
            Field::Attachments => return Ok(opposite_if(attached::attachments(), !negated)),
            Field::Follower(follower) => return Ok(attached::has_followers(*follower, negated)),
            Field::Property(property) => return Ok(property.emptiness(negated)),
            Field::Category => return Ok(opposite_if(Sql::new(HAS_CATEGORY), !negated)),
            Field::Level => "i.raw_jsonb #>> '{fields,security,id}'",
            Field::Parent => "i.parent_key",
            Field::EpicLink => "i.epic_key",
            Field::HierarchyLevel => "i.hierarchy_level",
            Field::Summary => "nullif(i.summary, '')",
            Field::Description => "nullif(i.description_text, '')",
            Field::Comment | Field::Text | Field::IssueLinkType | Field::ProjectType | Field::ParentEpic => {
                return Err(refusals::no_empty_values(asked.name));
            }
        };
        Ok(Sql::is_null(column, negated))
    }

    /// Whether the field has one of these values or, negated, has others only.
    pub(super) fn among(&self, asked: Asked<'a>, entries: &[Entry<'a>], negated: bool) -> Result<Sql> {
        match asked.field {
            Field::Project => self.projects(asked, entries, negated),
            Field::Instance => {
                Ok(Sql::among("i.instance_id", uuids(&self.all_found(asked, entries)?), negated))
            }
            Field::Person(person) => {
                Ok(Sql::among(person_column(*person), uuids(&self.all_found(asked, entries)?), negated))
            }
            Field::Status => self.listed(asked, "i.status_id", entries, negated),
            Field::Priority => self.listed(asked, "i.priority_id", entries, negated),
            Field::Resolution => self.listed(asked, "i.resolution_id", entries, negated),
            Field::IssueType => self.issue_types(asked, entries, negated),
            Field::StatusCategory => {
                let categories = literals(entries)?
                    .map(|value| {
                        let text = text_of(value);
                        category(&text).ok_or_else(|| refusals::unknown_value(&text, asked.name))
                    })
                    .collect::<Result<Vec<String>>>()?;
                Ok(Sql::among("i.status_category", categories, negated))
            }
            Field::Key => self.keyed(asked, entries, negated),
            Field::Category => {
                let members = Sql::among("i.project_id", uuids(&self.all_found(asked, entries)?), negated);
                Ok(if negated { Sql::all(vec![Sql::new(HAS_CATEGORY), members]) } else { members })
            }
            Field::ProjectType => {
                Ok(Sql::among("i.project_id", uuids(&self.all_found(asked, entries)?), negated))
            }
            Field::Level => {
                let names: Vec<String> =
                    literals(entries)?.map(|value| text_of(value).to_lowercase()).collect();
                let id = Sql::among("i.raw_jsonb #>> '{fields,security,id}'", names.clone(), false);
                let name = Sql::among("lower(i.raw_jsonb #>> '{fields,security,name}')", names, false);
                let members = Sql::new("(").append(Sql::any(vec![id, name])).push(") IS TRUE");
                Ok(if negated {
                    Sql::all(vec![self.emptiness(asked, true)?, members.not()])
                } else {
                    members
                })
            }
            Field::Amount(amount) => {
                let amounts = entries.iter().map(|entry| self.amount(asked, *amount, entry));
                Ok(Sql::among(amount_column(*amount), amounts.collect::<Result<Vec<_>>>()?, negated))
            }
            Field::Worklog(worklog) => self.worklogs(asked, *worklog, entries, negated),
            Field::Follower(follower) => self.followers(asked, *follower, entries, negated),
            Field::Parent => self.parents(asked, entries, negated),
            Field::EpicLink => self.epics(asked, entries, negated),
            Field::ParentEpic => self.parent_epics(asked, entries, negated),
            Field::Time(time) => self.times_among(time_column(*time), asked, entries, negated),
            Field::Due => Ok(Sql::among("i.due_date", self.days(asked, entries)?, negated)),
            Field::HierarchyLevel => {
                let levels = literals(entries)?
                    .map(|value| whole_number(value, asked.name))
                    .collect::<Result<Vec<_>>>()?;
                Ok(Sql::among("i.hierarchy_level", levels, negated))
            }
            Field::IssueLinkType => {
                let names: Vec<String> =
                    literals(entries)?.map(|value| text_of(value).to_lowercase()).collect();
                let linked = linked(&names);
                // The one field whose != finds issues without a value as well (jira-facts 8.2).
                Ok(if negated { linked.not() } else { linked })
            }
            Field::List(List::Labels) => self.labels(entries, negated),
            Field::List(list) => {
                let found = self.all_found(asked, entries)?;
                Ok(self.members(&values::everywhere(list_id(*list)), &found, negated))
            }
            Field::Sprint(scope) => Ok(self.members(scope, &self.all_found(asked, entries)?, negated)),
            Field::Custom(custom) => self.custom_members(asked, custom, entries, negated),
            Field::Property(property) => self.property_among(asked, property, entries, negated),
            Field::Summary
            | Field::Description
            | Field::Environment
            | Field::Comment
            | Field::Text
            | Field::Attachments => Err(refusals::wrong_operator("=", asked.name)),
        }
    }

    /// How the field's value stands to another one in the field's order.
    pub(super) fn order(&self, asked: Asked<'a>, order: Order, entry: Entry<'a>) -> Result<Sql> {
        match asked.field {
            Field::Time(time) => self.time_order(time_column(*time), asked, order, &entry),
            Field::Due => Ok(Sql::new("i.due_date").push(order.sql()).bind(self.day(asked, &entry)?)),
            // Ranks count from the highest down; so a higher priority has a lower rank.
            Field::Priority => self.ranked(asked, "priorities", "i.priority_id", order.reversed(), &entry),
            Field::Resolution => self.ranked(asked, "resolutions", "i.resolution_id", order, &entry),
            Field::Key => self.key_order(asked, order, &entry),
            Field::HierarchyLevel => {
                let level = literals(std::slice::from_ref(&entry))?
                    .next()
                    .map_or_else(|| Err(misfit()), |value| whole_number(value, asked.name))?;
                Ok(Sql::new("i.hierarchy_level").push(order.sql()).bind(level))
            }
            Field::Custom(custom) => self.custom_order(asked, custom, order, &entry),
            Field::Property(property) => self.property_order(asked, property, order, &entry),
            Field::Amount(amount) => Ok(Sql::new(amount_column(*amount))
                .push(order.sql())
                .bind(self.amount(asked, *amount, &entry)?)),
            Field::Worklog(_) => {
                let day = Sql::new(attached::WORKLOG_DAY).push(order.sql()).bind(self.day(asked, &entry)?);
                Ok(attached::worked(Some(day)))
            }
            Field::List(list) => {
                let found = self.versions(asked, order, &entry)?;
                Ok(self.members(&values::everywhere(list_id(*list)), &found, false))
            }
            _ => Err(refusals::wrong_operator(order.sql().trim(), asked.name)),
        }
    }

    /// The versions that stand like this to the ones of a name.
    fn versions(&self, asked: Asked<'_>, order: Order, entry: &Entry<'a>) -> Result<Vec<&'a Found>> {
        let Entry::Value(value) = entry else {
            return Err(refusals::order_of_function(order.sql().trim(), asked.name));
        };
        self.found(asked, entry)?;
        let roster = match order {
            Order::Less => Roster::VersionsBefore,
            Order::LessOrEqual => Roster::VersionsUpTo,
            Order::Greater => Roster::VersionsAfter,
            Order::GreaterOrEqual => Roster::VersionsFrom,
        };
        Ok(self.names.find(roster, value))
    }

    pub(super) fn all_found(&self, asked: Asked<'a>, entries: &[Entry<'a>]) -> Result<Vec<&'a Found>> {
        let found = entries.iter().map(|entry| self.found(asked, entry)).collect::<Result<Vec<_>>>()?;
        Ok(found.into_iter().flatten().collect())
    }

    /// Fields whose values stand in a roster: compared by id, so that a renamed value is found by its new name at once.
    fn listed(
        &self,
        asked: Asked<'a>,
        column: &'static str,
        entries: &[Entry<'a>],
        negated: bool,
    ) -> Result<Sql> {
        let found = self.all_found(asked, entries)?;
        if self.one_instance {
            return Ok(Sql::among(column, ids(&found), negated));
        }
        let members = self.ids_at_their_instances(column, &found);
        Ok(if negated { Sql::all(vec![Sql::is_null(column, true), members.not()]) } else { members })
    }

    /// Whether `column` has one of these ids: an id means something at its own instance only.
    pub(super) fn ids_at_their_instances(&self, column: &'static str, found: &[&Found]) -> Sql {
        if self.one_instance {
            return Sql::among(column, ids(found), false);
        }
        let mut instances: BTreeMap<Uuid, Vec<&Found>> = BTreeMap::new();
        for found in found {
            instances.entry(found.instance).or_default().push(found);
        }
        let instances = instances.into_iter().map(|(instance, found)| {
            let here = Sql::new("(i.instance_id = ").bind(instance).push(" AND ");
            here.append(Sql::among(column, ids(&found), false)).push(")")
        });
        Sql::any(instances.collect())
    }

    fn issue_types(&self, asked: Asked<'a>, entries: &[Entry<'a>], negated: bool) -> Result<Sql> {
        let mut parts = Vec::new();
        let mut literal = Vec::new();
        for entry in entries {
            let Entry::IssueTypes { subtasks } = entry else {
                literal.push(entry.clone());
                continue;
            };
            let of_kind = Sql::new(
                "EXISTS (SELECT FROM issue_types t WHERE t.tenant_id = i.tenant_id AND t.instance_id = i.instance_id \
                 AND t.jira_id = i.issue_type_id AND ",
            );
            let of_kind = of_kind.push(if *subtasks { "t.subtask)" } else { "NOT t.subtask)" });
            parts.push(if negated { of_kind.not() } else { of_kind });
        }
        if !literal.is_empty() {
            parts.push(self.listed(asked, "i.issue_type_id", &literal, negated)?);
        }
        if negated {
            parts.push(Sql::is_null("i.issue_type_id", true));
            Ok(Sql::all(parts))
        } else {
            Ok(Sql::any(parts))
        }
    }

    /// `table` has ranks, and `column` the issue's id in it.
    fn ranked(
        &self,
        asked: Asked<'a>,
        table: &'static str,
        column: &'static str,
        order: Order,
        entry: &Entry<'a>,
    ) -> Result<Sql> {
        let found = self.found(asked, entry)?;
        let others = found.iter().map(|other| {
            let one = Sql::new("(other.instance_id = ").bind(other.instance);
            one.push(" AND other.jira_id = ").bind(other.id.as_str()).push(")")
        });
        let sql = Sql::new("EXISTS (SELECT FROM ").push(table).push(" own JOIN ").push(table);
        let sql = sql.push(
            " other ON other.tenant_id = own.tenant_id AND other.instance_id = own.instance_id \
             WHERE own.tenant_id = i.tenant_id AND own.instance_id = i.instance_id AND own.jira_id = ",
        );
        let sql = sql.push(column).push(" AND own.rank").push(order.sql()).push("other.rank AND ");
        Ok(sql.append(Sql::any(others.collect())).push(")"))
    }

    /// Whether a time is one of these or, negated, another one.
    pub(super) fn times_among(
        &self,
        column: &'static str,
        asked: Asked<'_>,
        entries: &[Entry<'_>],
        negated: bool,
    ) -> Result<Sql> {
        let mut instants = Vec::new();
        let mut parts = Vec::new();
        let (first, second, joined) =
            if negated { (" < ", " >= ", " OR ") } else { (" >= ", " < ", " AND ") };
        for entry in entries {
            match self.minute(entry) {
                Some((from, until)) => {
                    let sql = Sql::new("(").push(column).push(first).bind(from).push(joined);
                    parts.push(sql.push(column).push(second).bind(until).push(")"));
                }
                None => instants.push(self.instant(asked, entry)?),
            }
        }
        if !instants.is_empty() || parts.is_empty() {
            parts.push(Sql::among(column, instants, negated));
        }
        Ok(if negated { Sql::all(parts) } else { Sql::any(parts) })
    }

    /// How a time stands to another one: before or behind the whole minute, where that names one.
    pub(super) fn time_order(
        &self,
        column: &'static str,
        asked: Asked<'_>,
        order: Order,
        entry: &Entry<'_>,
    ) -> Result<Sql> {
        let (order, border) = match (order, self.minute(entry)) {
            (Order::LessOrEqual, Some((_, until))) => (Order::Less, until),
            (Order::Greater, Some((_, until))) => (Order::GreaterOrEqual, until),
            (order, Some((from, _))) => (order, from),
            (order, None) => (order, self.instant(asked, entry)?),
        };
        Ok(Sql::new(column).push(order.sql()).bind(border))
    }

    fn minute(&self, entry: &Entry<'_>) -> Option<(DateTime<Utc>, DateTime<Utc>)> {
        match entry {
            Entry::Value(Value::String(text)) => self.dates.minute(text),
            _ => None,
        }
    }

    pub(super) fn instant(&self, asked: Asked<'_>, entry: &Entry<'_>) -> Result<DateTime<Utc>> {
        match entry {
            Entry::Instant(instant) => Ok(*instant),
            Entry::Value(value) => {
                self.dates.instant(value).ok_or_else(|| refusals::invalid_date(&text_of(value), asked.name))
            }
            _ => Err(misfit()),
        }
    }

    fn days(&self, asked: Asked<'_>, entries: &[Entry<'_>]) -> Result<Vec<NaiveDate>> {
        entries.iter().map(|entry| self.day(asked, entry)).collect()
    }

    pub(super) fn day(&self, asked: Asked<'_>, entry: &Entry<'_>) -> Result<NaiveDate> {
        self.instant(asked, entry).map(|instant| self.dates.day_of(instant))
    }
}

/// Jira's ids of what was found, each once.
pub(super) fn ids(found: &[&Found]) -> Vec<String> {
    let ids: BTreeSet<&str> = found.iter().map(|found| found.id.as_str()).collect();
    ids.into_iter().map(str::to_owned).collect()
}

/// The literals among the entries of a field that takes no function.
pub(super) fn literals<'e>(entries: &'e [Entry<'e>]) -> Result<impl Iterator<Item = &'e Value>> {
    let literal = |entry: &'e Entry<'e>| match entry {
        Entry::Value(value) => Some(*value),
        _ => None,
    };
    if entries.iter().all(|entry| literal(entry).is_some()) {
        Ok(entries.iter().filter_map(literal))
    } else {
        Err(misfit())
    }
}

pub(super) fn whole_number(value: &Value, name: &str) -> Result<i64> {
    match value {
        Value::Number(number) => Ok(*number),
        Value::String(text) => text.trim().parse().map_err(|_| refusals::invalid_number(text, name)),
    }
}

/// The key of a status category, by name, alias or id (jira-facts 8.2).
fn category(text: &str) -> Option<String> {
    let key = match text.trim().to_lowercase().as_str() {
        "to do" | "new" | "2" => "new",
        "in progress" | "indeterminate" | "4" => "indeterminate",
        "done" | "complete" | "3" => "done",
        "no category" | "undefined" | "1" => "undefined",
        _ => return None,
    };
    Some(key.to_owned())
}

/// Links of these types; a type is named as such, or as it reads from the issue's end ("is blocked by").
fn linked(names: &[String]) -> Sql {
    let end = |condition: &'static str, reads: &'static str| {
        let sql = Sql::new(
            "EXISTS (SELECT FROM issue_links l WHERE l.tenant_id = i.tenant_id AND l.presence = 'present' AND ",
        );
        let sql = sql
            .push(condition)
            .push(" AND (lower(l.link_type) = ANY(")
            .bind(names.to_vec())
            .push(") OR lower(");
        sql.push(reads).push(") = ANY(").bind(names.to_vec()).push(")))")
    };
    Sql::any(vec![
        end("l.inward_issue_id = i.id", "l.outward_name"),
        end("l.outward_issue_id = i.id", "l.inward_name"),
    ])
}
