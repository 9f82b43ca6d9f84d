//! Properties that programs put onto issues: `issue.property[key].path`.
//!
//! At Jira an app declares which paths can be searched, and as what. A copy knows of no declarations, so every path can be, and its
//! values tell what they are: texts (equal in any case, or by words), numbers, times written as ISO 8601 has them, and lists of
//! these, of which one has to meet the condition. As at Jira, a field that nothing has is none that differs.

use application::Result;
use jql::{Field as Named, FieldName, Value};
use uuid::Uuid;

use super::{
    compile::{Asked, Compiler, Entry, Order, misfit},
    conditions::opposite_if,
    lookups::Lookup,
    names::text_of,
    refusals,
    sql::Sql,
    words::TextQuery,
};
use crate::postgres::{errors::convert, transaction::PgTenantTx};

/// A part of a property's value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Property {
    /// The property's key.
    key: String,
    /// The way into its value, as PostgreSQL's `jsonpath`: every element of what it leads to.
    path: String,
}

/// The property that a field names; `None` where it is none of issues.
pub(super) fn of(field: &Named) -> Option<Property> {
    let FieldName::Name(name) = &field.name else { return None };
    let [property] = field.properties.as_slice() else { return None };
    if !name.eq_ignore_ascii_case("issue.property") {
        return None;
    }
    let storable = |text: &str| text.replace('\0', "\u{fffd}");
    // A name in quotation marks is written as JSON writes a text.
    let step = |name: &String| format!(".{}", serde_json::Value::String(storable(name)));
    let steps: String = property.path.iter().map(step).collect();
    Some(Property { key: storable(&property.key), path: format!("${steps}[*]") })
}

/// The property that a field names, where an issue may have it. A mirror has those that it was told to copy.
///
/// # Errors
/// For a property that no issue of a mirror has: the site may have it all the same.
pub(super) async fn found(
    tx: &mut PgTenantTx,
    field: &Named,
    instance: Option<Uuid>,
) -> Result<Option<Property>> {
    let Some(property) = of(field) else { return Ok(None) };
    let is_known = sqlx::query_scalar!(
        r#"SELECT EXISTS (SELECT FROM jira_instances n WHERE n.kind = 'sandbox' AND ($1::uuid IS NULL OR n.id = $1))
                  OR EXISTS (SELECT FROM issue_properties p JOIN issues i ON i.tenant_id = p.tenant_id AND i.id = p.issue_id
                             WHERE p.key = $2 AND ($1::uuid IS NULL OR i.instance_id = $1)) AS "known!""#,
        instance as _,
        property.key,
    )
    .fetch_one(tx.conn())
    .await
    .map_err(convert)?;
    if is_known { Ok(Some(property)) } else { Err(refusals::unanswered(&format!("`{field}`"))) }
}

/// The value as a text.
const TEXT: &str = "(x.v #>> '{}')";

impl Property {
    /// Whether a value meets the condition on `x.v`, or there is any.
    fn having(&self, condition: Option<Sql>) -> Sql {
        let of_key = Sql::new("p.key = ").bind(self.key.as_str());
        let values = Sql::new("EXISTS (SELECT FROM jsonb_path_query(p.value, ")
            .bind(self.path.as_str())
            .push("::jsonpath) AS x (v) WHERE jsonb_typeof(x.v) <> 'null'");
        let values = match condition {
            Some(condition) => values.push(" AND ").append(condition),
            None => values,
        };
        Sql::lookup(Lookup::of_properties(of_key, &values.push(")")))
    }

    /// Whether a value meets the condition or, negated, there are values and none of them does.
    fn matching(&self, condition: Sql, negated: bool) -> Sql {
        let some = self.having(Some(condition));
        if negated { Sql::all(vec![self.having(None), some.not()]) } else { some }
    }

    /// Whether there is no value or, negated, one.
    pub(super) fn emptiness(&self, negated: bool) -> Sql {
        opposite_if(self.having(None), !negated)
    }

    /// Whether a text meets a text query.
    pub(super) fn like(&self, query: &TextQuery, negated: bool) -> Sql {
        let condition = Sql::new("jsonb_typeof(x.v) = 'string' AND ");
        self.matching(condition.append(query.met_by("left((x.v #>> '{}'), 100000)")), negated)
    }
}

impl<'a> Compiler<'a> {
    pub(super) fn property_among(
        &self,
        asked: Asked<'a>,
        property: &Property,
        entries: &[Entry<'a>],
        negated: bool,
    ) -> Result<Sql> {
        let ways = entries.iter().map(|entry| match entry {
            Entry::Value(value) => Ok(equal_to(&text_of(value))),
            Entry::User(account) => Ok(Sql::new(TEXT).push(" = ").bind(*account)),
            Entry::Instant(_) => Ok(time(" = ").bind(self.instant(asked, entry)?)),
            _ => Err(misfit()),
        });
        Ok(property.matching(Sql::any(ways.collect::<Result<_>>()?), negated))
    }

    /// By number where it is compared with one, by time otherwise.
    pub(super) fn property_order(
        &self,
        asked: Asked<'a>,
        property: &Property,
        order: Order,
        entry: &Entry<'a>,
    ) -> Result<Sql> {
        let wanted = match entry {
            Entry::Value(value) => number_of(value),
            _ => None,
        };
        let condition = match wanted {
            Some(number) => numeric(order.sql(), number),
            None => time(order.sql()).bind(self.instant(asked, entry)?),
        };
        Ok(property.matching(condition, false))
    }
}

/// A text in any case, or the same number.
fn equal_to(text: &str) -> Sql {
    let same = Sql::new("lower").push(TEXT).push(" = ").bind(text.to_lowercase());
    match text.trim().parse::<f64>().ok().filter(|number| number.is_finite()) {
        Some(number) => Sql::any(vec![same, numeric(" = ", number)]),
        None => same,
    }
}

fn number_of(value: &Value) -> Option<f64> {
    text_of(value).trim().parse::<f64>().ok().filter(|number| number.is_finite())
}

/// Only a number is compared as one.
fn numeric(sign: &'static str, number: f64) -> Sql {
    let sql = Sql::new("CASE jsonb_typeof(x.v) WHEN 'number' THEN ").push(TEXT).push("::numeric").push(sign);
    sql.bind(number).push("::numeric ELSE false END")
}

/// Behind it stands a time, with which the value is compared where it is one.
fn time(sign: &'static str) -> Sql {
    Sql::new("forebay.time_of(").push(TEXT).push(")").push(sign)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn property(jql: &str) -> Option<Property> {
        let query = jql::parse(&format!("{jql} = 1")).unwrap();
        of(query.fields().next().unwrap())
    }

    #[test]
    fn a_path_leads_into_the_value_whatever_its_names_are() {
        let found = property("issue.property[review].state.name").unwrap();
        assert_eq!((found.key.as_str(), found.path.as_str()), ("review", r#"$."state"."name"[*]"#));
        assert_eq!(property("issue.property[review]").unwrap().path, "$[*]");
        assert_eq!(
            property(r#"issue.property["a\"b"]."c \" d""#).map(|p| p.path),
            Some(r#"$."c \" d"[*]"#.into())
        );
        assert_eq!(property("comment.property[review].state"), None);
    }
}
