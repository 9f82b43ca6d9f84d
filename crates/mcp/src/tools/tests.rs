//! What the definitions promise, and how arguments are read.

use std::collections::HashSet;

use domain::ids::TenantId;
use serde_json::json;
use uuid::Uuid;

use super::*;

fn caller(scopes: &[Scope]) -> Caller {
    Caller { scopes: scopes.to_vec(), ..Caller::system(TenantId(Uuid::nil())) }
}

#[test]
fn policies_know_every_tool_and_no_other() {
    assert_eq!(CoreTool::ALL.map(CoreTool::name), application::keys::TOOLS);
}

#[test]
fn a_tool_that_the_policy_leaves_out_is_not_listed() {
    let policy = serde_json::from_value(json!({ "tools": ["get_issue", "add_comment"] })).unwrap();
    let reader = Caller { policy, ..caller(&[Scope::Read]) };
    let names: Vec<_> = open_to(&reader).into_iter().map(|tool| tool.name).collect();
    assert_eq!(names, ["get_issue"]);
    assert!(matches!(CoreTool::JqlSearch.permit(&reader), Err(Error::Forbidden(_))));
}

#[test]
fn the_definitions_are_short_enough_to_be_read_with_every_question() {
    let all = serde_json::to_string(&open_to(&caller(&Scope::ALL))).unwrap();
    eprintln!("definitions: {} bytes", all.len());
    assert!(all.len() < 12 * 1024, "{} bytes", all.len());
}

#[test]
fn every_tool_says_what_it_does_and_what_it_takes() {
    for tool in CoreTool::ALL {
        let definition = tool.definition();
        assert_eq!(named(&definition.name), Some(tool));
        assert!(definition.description.as_ref().is_some_and(|text| text.len() > 100), "{}", definition.name);
        let annotations = definition.annotations.clone().unwrap();
        assert!(annotations.title.is_some() && annotations.open_world_hint.is_some());
        assert_eq!(annotations.read_only_hint, Some(tool.scope() != Scope::Write), "{}", definition.name);
        let schema = definition.schema_as_json_value();
        assert_eq!((&schema["type"], &schema["additionalProperties"]), (&json!("object"), &json!(false)));
        for (name, property) in schema["properties"].as_object().unwrap() {
            assert!(property["description"].is_string(), "{}.{name}", definition.name);
            assert!(
                property["type"].is_string(),
                "{}.{name}: one type, not null: {property}",
                definition.name
            );
        }
    }
}

#[test]
fn schemas_are_of_few_words() {
    let schema = input_schema::<jql_search::Arguments>();
    assert_eq!(schema["required"], json!(["jql"]));
    let limit = json!({ "type": "integer", "minimum": 1, "maximum": 100, "description": "Rows per page. Default 20." });
    assert_eq!(schema["properties"]["limit"], limit);
    let include = input_schema::<get_issue::Arguments>()["properties"]["include"].clone();
    assert_eq!(include["items"]["enum"], json!(["comments", "changelog", "worklogs", "raw"]));
    assert!(!schema.contains_key("$schema") && !schema.contains_key("title"));
}

#[test]
fn the_bounds_in_the_schemas_are_those_that_hold() {
    use crate::budget::{DEFAULT, LEAST, MOST};
    for tool in [CoreTool::JqlSearch, CoreTool::GetIssue, CoreTool::SqlQuery] {
        let schema = tool.definition().schema_as_json_value();
        let max_chars = &schema["properties"]["max_chars"];
        assert_eq!((&max_chars["minimum"], &max_chars["maximum"]), (&json!(LEAST), &json!(MOST)));
        assert!(max_chars["description"].as_str().unwrap().contains(&DEFAULT.to_string()));
    }
}

#[test]
fn each_scope_opens_its_tools_and_no_others() {
    let names = |scopes: &[Scope]| -> HashSet<_> {
        open_to(&caller(scopes)).into_iter().map(|tool| tool.name.into_owned()).collect()
    };
    let by_scope: usize = Scope::ALL.iter().map(|scope| names(&[*scope]).len()).sum();
    assert_eq!(by_scope, CoreTool::ALL.len(), "no tool is open to two scopes or to none");
    assert!(names(&[Scope::Read]).is_disjoint(&names(&[Scope::Write])));
    assert!(names(&[]).is_empty());
}

fn problem(arguments: Value) -> (String, String) {
    let Value::Object(arguments) = arguments else { panic!("arguments are an object") };
    match parse::<jql_search::Arguments>(arguments) {
        Err(Error::Invalid(problems)) => (problems[0].field.clone(), problems[0].message.clone()),
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_wrong_argument_is_named() {
    assert_eq!(problem(json!({})), ("jql".into(), "is needed".into()));
    let (field, message) = problem(json!({ "jql": "", "max_results": 5 }));
    assert_eq!(field, "max_results");
    assert!(
        message.starts_with("is not known here; expected one of `jql`, `instance`, `limit`"),
        "{message}"
    );
    assert_eq!(problem(json!({ "jql": "", "limit": "many", "fields": [] })).0, "limit");
    assert_eq!(problem(json!({ "jql": "", "fields": "summary" })).0, "fields");
    assert_eq!(problem(json!({ "jql": 7 })).0, "jql");
}

#[test]
fn an_argument_may_be_left_out_null_or_empty() {
    let arguments = json!({ "jql": "a = 1", "instance": null, "cursor": "" });
    assert!(parse::<jql_search::Arguments>(arguments.as_object().unwrap().clone()).is_ok());
    assert_eq!(given(Some("  ")), None);
    assert_eq!(given(Some(" demo ")), Some("demo"));
    assert_eq!(
        (count("limit", None, 20, 100).unwrap(), count("limit", Some(100), 20, 100).unwrap()),
        (20, 100)
    );
    assert!(count("limit", Some(0), 20, 100).is_err());
}
