//! Multi-valued and custom fields: rows `v` of `issue_field_values`.

use std::collections::BTreeMap;

use application::Result;
use chrono::{DateTime, NaiveTime, Utc};
use jql::Value;
use uuid::Uuid;

use super::{
    compile::{Asked, Compiler, Entry, Order, misfit},
    conditions::{ids, list_id, literals},
    fields::{Class, Custom, List, Scope},
    lookups::Lookup,
    names::{Found, Roster, text_of},
    refusals,
    sql::Sql,
};

/// How much of a text is compared: the width of `value_key`.
const KEY_LENGTH: usize = 255;

/// A field id that means the same everywhere.
pub(super) fn everywhere(field_id: &str) -> Scope {
    Scope::Everywhere(field_id.to_owned())
}

/// A text as it is compared: lower-cased and cut, as `value_key` is stored.
pub(super) fn value_key(text: &str) -> String {
    text.chars().flat_map(char::to_lowercase).take(KEY_LENGTH).collect()
}

/// Which values of a field are meant.
#[derive(Clone, Copy)]
enum Which<'s> {
    Any,
    /// Those that meet a condition on `v`.
    Meeting(&'s Sql),
    /// Those that meet a condition on `v` which no index serves.
    Searched(&'s Sql),
    /// Those that meet a condition on `v`, which are numbers of this range.
    Numbers(&'s Sql, f64, f64),
}

/// Whether the field has no value or, negated, has one.
pub(super) fn emptiness(scope: &Scope, negated: bool) -> Sql {
    let some = exists(scope, Which::Any);
    if negated { some } else { some.not() }
}

/// Whether a value meets a condition on `v` or, negated, there are values and none of them does.
pub(super) fn matching(scope: &Scope, condition: &Sql, negated: bool) -> Sql {
    having(scope, Which::Meeting(condition), negated)
}

/// The same for a condition that no index serves.
pub(super) fn searched(scope: &Scope, condition: &Sql, negated: bool) -> Sql {
    having(scope, Which::Searched(condition), negated)
}

fn having(scope: &Scope, which: Which<'_>, negated: bool) -> Sql {
    let some = exists(scope, which);
    if negated { Sql::all(vec![exists(scope, Which::Any), some.not()]) } else { some }
}

fn exists(scope: &Scope, which: Which<'_>) -> Sql {
    let one = |ids: &[String]| {
        let field = Sql::among("v.field_id", ids.to_vec(), false);
        Sql::lookup(match which {
            Which::Any => Lookup::of_values(field, None),
            Which::Meeting(condition) => Lookup::of_values(field, Some(condition)),
            Which::Searched(condition) => Lookup::of_searched_values(field, condition),
            Which::Numbers(condition, from, to) => {
                Lookup::of_numbers(field, ids.to_vec(), condition, from, to)
            }
        })
    };
    match scope {
        Scope::Everywhere(id) => one(std::slice::from_ref(id)),
        Scope::PerInstance(groups) => {
            let groups = groups.iter().map(|(instance, ids)| {
                Sql::all(vec![Sql::new("i.instance_id = ").bind(*instance), one(ids)])
            });
            Sql::any(groups.collect())
        }
    }
}

/// Rows of the field, as a condition on `v` for the issue `i`.
pub(super) fn rows_of(scope: &Scope) -> Sql {
    match scope {
        Scope::Everywhere(id) => Sql::new("v.field_id = ").bind(id.as_str()),
        Scope::PerInstance(groups) => {
            let groups = groups.iter().map(|(instance, ids)| {
                let sql = Sql::new("(i.instance_id = ").bind(*instance).push(" AND ");
                sql.append(Sql::among("v.field_id", ids.clone(), false)).push(")")
            });
            Sql::any(groups.collect())
        }
    }
}

impl<'a> Compiler<'a> {
    /// Labels have no ids.
    pub(super) fn labels(&self, entries: &[Entry<'a>], negated: bool) -> Result<Sql> {
        let keys: Vec<String> = literals(entries)?.map(|value| value_key(&text_of(value))).collect();
        Ok(matching(&everywhere(list_id(List::Labels)), &Sql::among("v.value_key", keys, false), negated))
    }

    /// Values that stand in a roster: sprints, versions, components. Their ids mean something at their own instance only.
    pub(super) fn members(&self, scope: &Scope, found: &[&Found], negated: bool) -> Sql {
        if self.one_instance {
            return matching(scope, &Sql::among("v.value_id", ids(found), false), negated);
        }
        let mut instances: BTreeMap<Uuid, Vec<&Found>> = BTreeMap::new();
        for found in found {
            instances.entry(found.instance).or_default().push(found);
        }
        let some = instances.into_iter().map(|(instance, found)| {
            let here = Sql::new("i.instance_id = ").bind(instance);
            let members = Sql::among("v.value_id", ids(&found), false);
            Sql::all(vec![here, exists(&at(scope, instance), Which::Meeting(&members))])
        });
        let some = Sql::any(some.collect());
        if negated { Sql::all(vec![exists(scope, Which::Any), some.not()]) } else { some }
    }

    pub(super) fn custom_members(
        &self,
        asked: Asked<'a>,
        custom: &Custom,
        entries: &[Entry<'a>],
        negated: bool,
    ) -> Result<Sql> {
        if entries.iter().any(|entry| matches!(entry, Entry::Cascade(..))) {
            return self.cascades(&custom.scope, entries, negated);
        }
        let condition = match custom.class {
            Class::Number => {
                let numbers = entries.iter().map(|entry| number(asked, entry)).collect::<Result<Vec<_>>>()?;
                let from = numbers.iter().copied().fold(f64::INFINITY, f64::min);
                let to = numbers.iter().copied().fold(f64::NEG_INFINITY, f64::max);
                let condition = Sql::new("v.value_number = ANY(").bind(numbers).push("::numeric[])");
                return Ok(having(&custom.scope, Which::Numbers(&condition, from, to), negated));
            }
            Class::Time => self.times_among("v.value_time", asked, entries, false)?,
            Class::Day => {
                let days = entries.iter().map(|entry| self.stored_day(asked, entry));
                Sql::among("v.value_time", days.collect::<Result<Vec<_>>>()?, false)
            }
            Class::Person => {
                // An account id means the same at every instance.
                Sql::among("v.value_id", ids(&self.all_found(asked, entries)?), false)
            }
            Class::Choice => return self.choices(&custom.scope, entries, negated),
            Class::RequestType => return self.request_types(asked, &custom.scope, entries, negated),
            Class::Organization => return self.organizations(asked, &custom.scope, entries, negated),
            Class::Sla => return self.clock_state(asked, &custom.scope, entries, negated),
            Class::Text | Class::Other => self.choice(&custom.scope, entries)?,
        };
        Ok(matching(&custom.scope, &condition, negated))
    }

    /// Values that may stand in a roster of options, whose ids mean something at their own instance only.
    fn choices(&self, scope: &Scope, entries: &[Entry<'a>], negated: bool) -> Result<Sql> {
        let Scope::PerInstance(groups) = scope else {
            return Ok(matching(scope, &self.choice(scope, entries)?, negated));
        };
        let some = groups.iter().map(|(instance, _)| {
            let here = at(scope, *instance);
            let condition = self.choice(&here, entries)?;
            Ok(exists(&here, Which::Meeting(&condition)))
        });
        let some = Sql::any(some.collect::<Result<_>>()?);
        Ok(if negated { Sql::all(vec![exists(scope, Which::Any), some.not()]) } else { some })
    }

    /// Values of these names or ids. An option that is known by its name is meant by its id, so that a renamed one is found by
    /// the name it has now, and no longer by the one that payloads from before still tell.
    fn choice(&self, scope: &Scope, entries: &[Entry<'_>]) -> Result<Sql> {
        let (mut keys, mut ids) = (Vec::new(), Vec::new());
        for entry in entries {
            match entry {
                Entry::Value(value) => {
                    let text = text_of(value);
                    let options = self.options(scope, value);
                    if options.is_empty() {
                        keys.push(value_key(&text));
                    }
                    ids.extend(options);
                    ids.push(text);
                }
                Entry::User(account) => ids.push((*account).to_owned()),
                _ => return Err(misfit()),
            }
        }
        Ok(named(keys, ids))
    }

    /// Options, some of them with options of their own: the option comes first among the field's values, and its own behind it.
    fn cascades(&self, scope: &Scope, entries: &[Entry<'a>], negated: bool) -> Result<Sql> {
        let (cascades, others): (Vec<_>, Vec<_>) =
            entries.iter().cloned().partition(|entry| matches!(entry, Entry::Cascade(..)));
        let scopes: Vec<Scope> = match scope {
            Scope::Everywhere(_) => vec![scope.clone()],
            Scope::PerInstance(groups) => groups.iter().map(|(instance, _)| at(scope, *instance)).collect(),
        };
        let mut ways = Vec::new();
        for (here, entry) in scopes.iter().flat_map(|scope| cascades.iter().map(move |entry| (scope, entry)))
        {
            let Entry::Cascade(parent, child) = entry else { return Err(misfit()) };
            let meant = |place: &'static str, name: &str| {
                let value = Value::String(name.to_owned());
                let condition = self.choice(here, &[Entry::Value(&value)])?;
                Ok(exists(here, Which::Meeting(&Sql::new(place).append(condition))))
            };
            let parent = meant("v.ordinal = 0 AND ", parent)?;
            ways.push(match child {
                None => parent,
                Some(none) if none.eq_ignore_ascii_case("none") => {
                    let any_child = exists(here, Which::Meeting(&Sql::new("v.ordinal = 1")));
                    Sql::all(vec![parent, any_child.not()])
                }
                Some(child) => Sql::all(vec![parent, meant("v.ordinal = 1 AND ", child)?]),
            });
        }
        if !others.is_empty() {
            ways.push(self.choices(scope, &others, false)?);
        }
        let some = Sql::any(ways);
        Ok(if negated { Sql::all(vec![exists(scope, Which::Any), some.not()]) } else { some })
    }

    /// The ids of the field's options of that name.
    fn options(&self, scope: &Scope, name: &Value) -> Vec<String> {
        let is_of_field = |found: &&Found| match scope {
            Scope::Everywhere(field) => self.one_instance && found.name == *field,
            Scope::PerInstance(groups) => groups
                .iter()
                .any(|(instance, fields)| *instance == found.instance && fields.contains(&found.name)),
        };
        let found = self.names.find(Roster::Option, name).into_iter();
        found.filter(is_of_field).map(|found| found.id.clone()).collect()
    }

    pub(super) fn custom_order(
        &self,
        asked: Asked<'a>,
        custom: &Custom,
        order: Order,
        entry: &Entry<'a>,
    ) -> Result<Sql> {
        let condition = match custom.class {
            Class::Number => {
                let number = number(asked, entry)?;
                let condition = Sql::new("v.value_number").push(order.sql()).bind(number).push("::numeric");
                let (from, to) = match order {
                    Order::Less | Order::LessOrEqual => (f64::NEG_INFINITY, number),
                    Order::Greater | Order::GreaterOrEqual => (number, f64::INFINITY),
                };
                return Ok(having(&custom.scope, Which::Numbers(&condition, from, to), false));
            }
            Class::Time => self.time_order("v.value_time", asked, order, entry)?,
            Class::Day => Sql::new("v.value_time").push(order.sql()).bind(self.stored_day(asked, entry)?),
            Class::Sla => return self.clock_time(asked, &custom.scope, order, entry),
            Class::Text
            | Class::Choice
            | Class::Person
            | Class::RequestType
            | Class::Organization
            | Class::Other => {
                return Err(refusals::wrong_operator(order.sql().trim(), asked.name));
            }
        };
        Ok(matching(&custom.scope, &condition, false))
    }

    /// A day is stored as its midnight in UTC.
    fn stored_day(&self, asked: Asked<'_>, entry: &Entry<'_>) -> Result<DateTime<Utc>> {
        self.day(asked, entry).map(|day| day.and_time(NaiveTime::MIN).and_utc())
    }
}

/// What of a field's scope belongs to an instance.
pub(super) fn at(scope: &Scope, instance: Uuid) -> Scope {
    match scope {
        Scope::Everywhere(_) => scope.clone(),
        Scope::PerInstance(groups) => {
            Scope::PerInstance(groups.iter().filter(|(group, _)| *group == instance).cloned().collect())
        }
    }
}

/// Values of these names or ids.
fn named(keys: Vec<String>, ids: Vec<String>) -> Sql {
    let by_key = (!keys.is_empty()).then(|| Sql::among("v.value_key", keys, false));
    let by_id = (!ids.is_empty()).then(|| Sql::among("v.value_id", ids, false));
    Sql::any(by_key.into_iter().chain(by_id).collect())
}

fn number(asked: Asked<'_>, entry: &Entry<'_>) -> Result<f64> {
    let Entry::Value(value) = entry else { return Err(misfit()) };
    let text = text_of(value);
    text.trim()
        .parse::<f64>()
        .ok()
        .filter(|number| number.is_finite())
        .ok_or_else(|| refusals::invalid_number(&text, asked.name))
}
