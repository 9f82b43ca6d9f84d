//! A query's syntax tree as Jira's JSON (OpenAPI `JqlQuery`).

use jql::{
    Clause, Direction, Field, HistoryPredicate, Operand, Predicate, Property, Query, Sort, Term,
    Value as Literal,
};
use serde_json::{Map, Value, json};

/// The structure of a query.
pub(super) fn of(query: &Query) -> Value {
    let mut structure = Map::new();
    if let Some(filter) = &query.filter {
        structure.insert("where".into(), clause(filter));
    }
    if !query.order_by.is_empty() {
        let fields: Vec<Value> = query.order_by.iter().map(sort).collect();
        structure.insert("orderBy".into(), json!({ "fields": fields }));
    }
    Value::Object(structure)
}

fn sort(sort: &Sort) -> Value {
    let mut element = Map::from_iter([("field".to_owned(), field(&sort.field))]);
    if let Some(direction) = sort.direction {
        let direction = match direction {
            Direction::Ascending => "asc",
            Direction::Descending => "desc",
        };
        element.insert("direction".into(), json!(direction));
    }
    Value::Object(element)
}

fn clause(clause_: &Clause) -> Value {
    let compound = |operator: &str, parts: &[Clause]| json!({ "clauses": parts.iter().map(clause).collect::<Vec<_>>(), "operator": operator });
    match clause_ {
        Clause::And(parts) => compound("and", parts),
        Clause::Or(parts) => compound("or", parts),
        Clause::Not(part) => compound("not", std::slice::from_ref(part)),
        Clause::Term(term) => self::term(term),
    }
}

fn term(term: &Term) -> Value {
    let field = field(&term.field);
    let of_value = |operator: &str, operand_: &Operand| json!({ "field": field, "operator": operator, "operand": operand(operand_) });
    let was = |operator: &str, operand_: &Operand, limits: &[HistoryPredicate]| json!({ "field": field, "operator": operator, "operand": operand(operand_), "predicates": predicates(limits) });
    match &term.predicate {
        Predicate::Compare { op, operand } => of_value(&op.to_string(), operand),
        Predicate::In { negated, operand } => of_value(if *negated { "not in" } else { "in" }, operand),
        Predicate::Is { negated } => of_value(if *negated { "is not" } else { "is" }, &Operand::Empty),
        Predicate::Was { negated, operand, predicates } => {
            was(if *negated { "was not" } else { "was" }, operand, predicates)
        }
        Predicate::WasIn { negated, operand, predicates } => {
            was(if *negated { "was not in" } else { "was in" }, operand, predicates)
        }
        Predicate::Changed { predicates: limits } => {
            json!({ "field": field, "operator": "changed", "predicates": predicates(limits) })
        }
    }
}

fn predicates(limits: &[HistoryPredicate]) -> Vec<Value> {
    let limit = |limit: &HistoryPredicate| json!({ "operator": limit.op.to_string().to_lowercase(), "operand": operand(&limit.operand) });
    limits.iter().map(limit).collect()
}

fn field(field: &Field) -> Value {
    let bare = |property: &Property| {
        let path = property.path.iter().map(|part| format!(".{part}")).collect::<String>();
        format!("[{}]{path}", property.key)
    };
    let name = Field { properties: Vec::new(), ..field.clone() };
    let mut named = Map::new();
    let shown = match &field.name {
        jql::FieldName::Name(name) => name.clone(),
        _ => name.to_string(),
    };
    let properties: String = field.properties.iter().map(bare).collect();
    named.insert("name".into(), json!(format!("{shown}{properties}")));
    named.insert("encodedName".into(), json!(field.to_string()));
    if !field.properties.is_empty() {
        let entity = shown.split('.').next().unwrap_or_default();
        let properties: Vec<Value> = field
            .properties
            .iter()
            .map(|property| json!({ "entity": entity, "key": property.key, "path": property.path.join(".") }))
            .collect();
        named.insert("property".into(), json!(properties));
    }
    Value::Object(named)
}

fn operand(operand_: &Operand) -> Value {
    match operand_ {
        Operand::Empty => json!({ "keyword": "empty" }),
        Operand::Value(value) => {
            let plain = match value {
                Literal::Number(number) => number.to_string(),
                Literal::String(text) => text.clone(),
            };
            json!({ "value": plain, "encodedValue": value.to_string() })
        }
        Operand::Function(function) => json!({
            "function": function.name, "arguments": function.arguments, "encodedOperand": function.to_string(),
        }),
        Operand::List(entries) => json!({
            "values": entries.iter().map(operand).collect::<Vec<_>>(), "encodedOperand": operand_.to_string(),
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn structure(text: &str) -> Value {
        of(&jql::parse(text).unwrap())
    }

    #[test]
    fn a_query_is_a_tree_of_clauses() {
        let text = "summary ~ test AND (labels in (urgent, 'very bad') OR reporter = currentUser()) AND NOT due is EMPTY";
        assert_eq!(
            structure(text)["where"],
            json!({ "operator": "and", "clauses": [
                { "field": { "name": "summary", "encodedName": "summary" }, "operator": "~",
                  "operand": { "value": "test", "encodedValue": "test" } },
                { "operator": "or", "clauses": [
                    { "field": { "name": "labels", "encodedName": "labels" }, "operator": "in",
                      "operand": { "encodedOperand": "(urgent, \"very bad\")", "values": [
                          { "value": "urgent", "encodedValue": "urgent" },
                          { "value": "very bad", "encodedValue": "\"very bad\"" }] } },
                    { "field": { "name": "reporter", "encodedName": "reporter" }, "operator": "=",
                      "operand": { "function": "currentUser", "arguments": [], "encodedOperand": "currentUser()" } }] },
                { "operator": "not", "clauses": [
                    { "field": { "name": "due", "encodedName": "due" }, "operator": "is",
                      "operand": { "keyword": "empty" } }] }] })
        );
    }

    #[test]
    fn histories_orders_and_properties_have_their_own_members() {
        let tree = structure("status CHANGED AFTER startOfMonth(-1M) ORDER BY updated DESC, key");
        assert_eq!(tree["where"]["predicates"][0]["operator"], "after");
        assert_eq!(tree["where"]["predicates"][0]["operand"]["arguments"], json!(["-1M"]));
        assert_eq!(tree["orderBy"]["fields"][0]["direction"], "desc");
        assert!(tree["orderBy"]["fields"][1].get("direction").is_none());
        let tree = structure("issue.property[\"spaces here\"].a.b = 1");
        assert_eq!(
            tree["where"]["field"]["property"],
            json!([{ "entity": "issue", "key": "spaces here", "path": "a.b" }])
        );
        assert_eq!(structure(""), json!({}));
    }
}
