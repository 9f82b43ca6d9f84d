//! What editors complete JQL with. Flags are texts here, as Jira has them (jira-facts 8.4).

use application::search::{FieldReference, FunctionReference, JqlReference};
use axum::response::Response;
use jql::{FieldName, RESERVED_WORDS, quote};
use serde_json::{Map, Value, json};

use super::super::{answer, body::Body, params::Params, refusal::Refusal, site::Site};

/// `GET /jql/autocompletedata`
pub(in crate::jira_api) async fn autocomplete(site: Site) -> Result<Response, Refusal> {
    answer_reference(&site).await
}

/// `POST /jql/autocompletedata`. Fields are those of the whole site: a copy does not know which project shows which.
pub(in crate::jira_api) async fn autocomplete_post(site: Site, body: Body) -> Result<Response, Refusal> {
    body.allow_only(&["includeCollapsedFields", "projectIds"])?;
    answer_reference(&site).await
}

async fn answer_reference(site: &Site) -> Result<Response, Refusal> {
    let (mut tx, instance) = site.read().await?;
    let JqlReference { fields, functions } = tx.jql_reference(instance.id).await?;
    Ok(answer::ok(&json!({
        "visibleFieldNames": fields.iter().map(field).collect::<Vec<_>>(),
        "visibleFunctionNames": functions.iter().map(function).collect::<Vec<_>>(),
        "jqlReservedWords": RESERVED_WORDS,
    })))
}

fn field(field: &FieldReference) -> Value {
    let flag = |flag: bool| json!(if flag { "true" } else { "false" });
    let numbered = field.custom_id.map(|id| format!("cf[{id}]"));
    let mut shown = Map::new();
    let value = match &numbered {
        Some(numbered) if field.is_ambiguous => numbered.clone(),
        _ => quote(&field.name).into_owned(),
    };
    shown.insert("value".into(), json!(value));
    let display = match &numbered {
        Some(numbered) => format!("{} - {numbered}", field.name),
        None => field.name.clone(),
    };
    shown.insert("displayName".into(), json!(display));
    if field.suggests {
        shown.insert("auto".into(), flag(true));
    }
    if let Some(numbered) = numbered {
        shown.insert("cfid".into(), json!(numbered));
    }
    shown.insert("orderable".into(), flag(field.orderable));
    shown.insert("searchable".into(), flag(!field.operators.is_empty()));
    shown.insert("operators".into(), json!(field.operators));
    shown.insert("types".into(), json!([field.class]));
    Value::Object(shown)
}

fn function(function: &FunctionReference) -> Value {
    let name = format!("{}()", function.name);
    let mut shown = json!({ "value": name, "displayName": name, "types": [function.class] });
    if function.is_list {
        shown["isList"] = json!("true");
    }
    shown
}

/// `GET /jql/autocompletedata/suggestions`
pub(in crate::jira_api) async fn suggestions(site: Site, params: Params) -> Result<Response, Refusal> {
    let Some(name) = params.text("fieldName").filter(|name| !name.is_empty()) else {
        return Err(Refusal::bad_request(
            "The parameter fieldName is needed: the field whose values are to be suggested.",
        ));
    };
    let predicate = params.text("predicateName").map(str::to_lowercase);
    let beginning = match predicate {
        Some(_) => params.text("predicateValue"),
        None => params.text("fieldValue"),
    };
    let beginning = beginning.unwrap_or_default().trim_matches('"');
    let field = match predicate.as_deref() {
        None | Some("from" | "to") => named(name),
        Some("by") => FieldName::Name("reporter".into()),
        Some(other) => {
            return Err(Refusal::bad_request(format!(
                "The predicate '{other}' suggests nothing; by, from and to do."
            )));
        }
    };
    let (mut tx, instance) = site.read().await?;
    let values = tx.suggestions(instance.id, &field, beginning).await?;
    let results: Vec<Value> = values
        .iter()
        .map(|value| json!({ "value": quote(value), "displayName": highlighted(value, beginning) }))
        .collect();
    Ok(answer::ok(&json!({ "results": results })))
}

/// `cf[10021]` is a number; everything else is a name.
fn named(name: &str) -> FieldName {
    let number = name.strip_prefix("cf[").and_then(|rest| rest.strip_suffix(']')?.parse().ok());
    match number {
        Some(number) => FieldName::CustomId(number),
        None => FieldName::Name(name.trim_matches('"').to_owned()),
    }
}

/// The value as HTML, what was asked for in bold.
fn highlighted(value: &str, beginning: &str) -> String {
    let length: usize = value.chars().take(beginning.chars().count()).map(char::len_utf8).sum();
    let (head, tail) = value.split_at(length);
    if head.is_empty() { escaped(tail) } else { format!("<b>{}</b>{}", escaped(head), escaped(tail)) }
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_asked_for_is_bold_and_names_are_no_markup() {
        assert_eq!(highlighted("Actions", "ac"), "<b>Ac</b>tions");
        assert_eq!(highlighted("<i>", ""), "&lt;i&gt;");
        assert_eq!(highlighted("R&D", "r&"), "<b>R&amp;</b>D");
    }

    #[test]
    fn a_field_that_shares_its_name_goes_by_its_number() {
        let mut sprint = FieldReference {
            name: "Story Points".into(),
            custom_id: Some(10_016),
            is_ambiguous: false,
            operators: vec!["="],
            orderable: true,
            suggests: false,
            class: "java.lang.Number",
        };
        let shown = field(&sprint);
        assert_eq!((&shown["value"], &shown["orderable"]), (&json!("\"Story Points\""), &json!("true")));
        assert_eq!(shown["displayName"], "Story Points - cf[10016]");
        sprint.is_ambiguous = true;
        assert_eq!(field(&sprint)["value"], "cf[10016]");
        assert_eq!(named("cf[10016]"), FieldName::CustomId(10_016));
        assert_eq!(named("\"Story Points\""), FieldName::Name("Story Points".into()));
    }
}
