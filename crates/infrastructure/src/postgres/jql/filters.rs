//! `filter = "My open bugs"`: saved filters, put in where they are named, before anything else is looked up.
//!
//! What a filter sorts by is passed over: the outer query's order wins (jira-facts 8.4).

use std::collections::HashMap;

use application::Result;
use jql::{Clause, CompareOp, Field, FieldName, Operand, Predicate, Query, Term, Value};
use uuid::Uuid;

use super::{MOST_TERMS, fields::operators_of, names::text_of, refusals};
use crate::postgres::{errors::convert, transaction::PgTenantTx};

/// So deep may filters name filters.
const DEEPEST: usize = 20;

/// A filter, as stored.
#[derive(Clone)]
struct Saved {
    instance: String,
    id: String,
    name: String,
    jql: Option<String>,
}

fn is_filter(field: &Field) -> bool {
    const NAMES: [&str; 4] = ["filter", "request", "savedfilter", "searchrequest"];
    matches!(&field.name, FieldName::Name(name) if NAMES.contains(&name.to_lowercase().as_str()))
}

/// The query with its filters put in; `None` where it has none.
///
/// # Errors
/// For a filter that is not there, that cannot be read, or that refers to itself.
pub(super) async fn expanded(
    tx: &mut PgTenantTx,
    query: &Query,
    instance: Option<Uuid>,
) -> Result<Option<Query>> {
    let Some(filter) = &query.filter else { return Ok(None) };
    if !filter.terms().any(|term| is_filter(&term.field)) {
        return Ok(None);
    }
    let rows = sqlx::query!(
        "SELECT n.name AS instance, f.jira_id, f.name, f.jql FROM filters f
         JOIN jira_instances n ON n.tenant_id = f.tenant_id AND n.id = f.instance_id
         WHERE f.presence = 'present' AND ($1::uuid IS NULL OR f.instance_id = $1) ORDER BY n.name, f.jira_id",
        instance as _,
    )
    .fetch_all(tx.conn())
    .await
    .map_err(convert)?;
    let mut by_name: HashMap<String, Vec<Saved>> = HashMap::new();
    for row in rows {
        let saved = Saved { instance: row.instance, id: row.jira_id, name: row.name, jql: row.jql };
        by_name.entry(format!("#{}", saved.id)).or_default().push(saved.clone());
        by_name.entry(saved.name.to_lowercase()).or_default().push(saved);
    }
    let mut expansion =
        Expansion { by_name, one_instance: instance.is_some(), within: Vec::new(), terms: MOST_TERMS };
    let filter = expansion.clause(filter)?;
    Ok(Some(Query { filter: Some(filter), order_by: query.order_by.clone() }))
}

struct Expansion {
    /// By name in lower case, and by `#` and the id.
    by_name: HashMap<String, Vec<Saved>>,
    one_instance: bool,
    /// The filters that we are within.
    within: Vec<(String, String)>,
    /// How many conditions may still come.
    terms: usize,
}

impl Expansion {
    fn clause(&mut self, clause: &Clause) -> Result<Clause> {
        Ok(match clause {
            Clause::And(parts) => Clause::And(self.clauses(parts)?),
            Clause::Or(parts) => Clause::Or(self.clauses(parts)?),
            Clause::Not(part) => Clause::Not(Box::new(self.clause(part)?)),
            Clause::Term(term) if is_filter(&term.field) => self.term(term)?,
            Clause::Term(term) => {
                self.terms = self.terms.checked_sub(1).ok_or_else(|| {
                    refusals::too_many("conditions, those of its filters included", MOST_TERMS)
                })?;
                Clause::Term(term.clone())
            }
        })
    }

    fn clauses(&mut self, parts: &[Clause]) -> Result<Vec<Clause>> {
        parts.iter().map(|part| self.clause(part)).collect()
    }

    fn term(&mut self, term: &Term) -> Result<Clause> {
        let (operand, negated) = match &term.predicate {
            Predicate::Compare { op: CompareOp::Equals, operand } => (operand, false),
            Predicate::Compare { op: CompareOp::NotEquals, operand } => (operand, true),
            Predicate::In { negated, operand } => (operand, *negated),
            other => return Err(refusals::wrong_operator(operators_of(other).1, &term.field.to_string())),
        };
        let mut parts = Vec::new();
        self.operand(&term.field.to_string(), operand, &mut parts)?;
        let any = match parts.len() {
            1 => parts.remove(0),
            _ => Clause::Or(parts),
        };
        Ok(if negated { Clause::Not(Box::new(any)) } else { any })
    }

    fn operand(&mut self, field: &str, operand: &Operand, parts: &mut Vec<Clause>) -> Result<()> {
        match operand {
            Operand::Value(value) => parts.push(self.named(field, value)?),
            Operand::List(list) => {
                for operand in list {
                    self.operand(field, operand, parts)?;
                }
            }
            Operand::Empty => return Err(refusals::no_empty_values(field)),
            Operand::Function(function) => {
                return Err(refusals::function_of_another_field(&function.name, field));
            }
        }
        Ok(())
    }

    /// The filter of this name or id; of each site that has one, that site's issues.
    fn named(&mut self, field: &str, value: &Value) -> Result<Clause> {
        let name = text_of(value);
        let id = format!("#{name}");
        let keys = match value {
            Value::Number(_) => [id, name.to_lowercase()],
            Value::String(_) => [name.to_lowercase(), id],
        };
        let saved = keys.iter().find_map(|key| self.by_name.get(key));
        let saved = saved.ok_or_else(|| refusals::unknown_value(&name, field))?;
        let mut parts = Vec::new();
        for Saved { instance, id, name, jql } in saved.clone() {
            let mark = (instance.clone(), id);
            if self.within.contains(&mark) || self.within.len() >= DEEPEST {
                return Err(refusals::filters_in_a_circle(&name));
            }
            let jql = jql.ok_or_else(|| refusals::filter_out_of_sight(&name))?;
            let query =
                jql::parse(&jql).map_err(|error| refusals::broken_filter(&name, &error.to_string()))?;
            self.within.push(mark);
            let clause = query.filter.as_ref().map(|filter| self.clause(filter)).transpose()?;
            self.within.pop();
            let here = || {
                Clause::Term(Term {
                    field: Field::named("instance"),
                    predicate: Predicate::Compare {
                        op: CompareOp::Equals,
                        operand: Operand::Value(Value::String(instance.clone())),
                    },
                })
            };
            parts.push(match clause {
                Some(clause) if self.one_instance => clause,
                Some(clause) => here().and(clause),
                None => here(),
            });
        }
        Ok(match parts.len() {
            1 => parts.remove(0),
            _ => Clause::Or(parts),
        })
    }
}
