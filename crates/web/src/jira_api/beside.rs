//! What creations, edits and transitions of issues may bring besides fields: `update.comment`, `update.worklog` and `update.issuelinks`,
//! by their verbs, and `properties` (jira-facts 6.5).

use application::{
    instances::Dialect,
    sandbox::{AdjustEstimate, Beside, CommentStep, LinkStep, WorklogStep},
};
use serde_json::{Map, Value};

use super::{body::Body, comments, refusal::Refusal, text_of, worklogs};

/// Takes out of `update` what is no field, and `properties` out of a body.
///
/// # Errors
/// 400 for what is malformed, and for verbs that there are not.
pub(super) fn take(
    update: &mut Map<String, Value>,
    properties: Option<&Value>,
    dialect: Dialect,
) -> Result<Beside, Refusal> {
    let mut beside = Beside { properties: named_values(properties)?, ..Beside::default() };
    for (verb, value) in steps(update.remove("comment"), "comment")? {
        beside.comments.push(comment(&verb, value, dialect)?);
    }
    for (verb, value) in steps(update.remove("worklog"), "worklog")? {
        beside.worklogs.push(worklog(&verb, value, dialect)?);
    }
    for (verb, value) in steps(update.remove("issuelinks"), "issuelinks")? {
        beside.links.extend(links(&verb, &value)?);
    }
    Ok(beside)
}

/// The operations on a field, one after the other: `[{"add": …}, {"remove": …}]`.
fn steps(operations: Option<Value>, field: &str) -> Result<Vec<(String, Value)>, Refusal> {
    let malformed =
        || Refusal::field(field, "Operations must be a list of objects, each a verb with its value.");
    let list = match operations {
        None | Some(Value::Null) => return Ok(Vec::new()),
        Some(Value::Array(list)) => list,
        Some(_) => return Err(malformed()),
    };
    let mut steps = Vec::new();
    for operation in list {
        let Value::Object(members) = operation else { return Err(malformed()) };
        steps.extend(members);
    }
    Ok(steps)
}

fn no_verb(field: &str, verb: &str) -> Refusal {
    Refusal::field(field, format!("The operation '{verb}' is not supported for the field '{field}'."))
}

fn object(field: &str, value: Value) -> Result<Body, Refusal> {
    match value {
        Value::Object(members) => Ok(Body::of(members)),
        _ => Err(Refusal::field(field, "Operation value must be an object")),
    }
}

fn id(field: &str, value: &Value) -> Result<String, Refusal> {
    text_of(&value["id"]).ok_or_else(|| Refusal::field(field, "The operation must name an id."))
}

fn comment(verb: &str, value: Value, dialect: Dialect) -> Result<CommentStep, Refusal> {
    let named = || id("comment", &value);
    match verb {
        "add" => Ok(CommentStep::Add(comments::new_comment(&object("comment", value)?, dialect)?)),
        "edit" => {
            let id = named()?;
            Ok(CommentStep::Edit(id, comments::changes(&object("comment", value)?, dialect)?))
        }
        "remove" => Ok(CommentStep::Remove(named()?)),
        other => Err(no_verb("comment", other)),
    }
}

fn worklog(verb: &str, value: Value, dialect: Dialect) -> Result<WorklogStep, Refusal> {
    let id = match verb {
        "add" => String::new(),
        "edit" | "remove" => id("worklog", &value)?,
        other => return Err(no_verb("worklog", other)),
    };
    let body = object("worklog", value)?;
    let manual = if verb == "remove" { "increaseBy" } else { "reduceBy" };
    let adjust: AdjustEstimate = worklogs::adjust_by(|name| body.text(name), manual)?;
    Ok(match verb {
        "add" => WorklogStep::Add(worklogs::changes(&body, dialect)?, adjust),
        "edit" => WorklogStep::Edit(id, worklogs::changes(&body, dialect)?, adjust),
        _ => WorklogStep::Remove(id, adjust),
    })
}

fn links(verb: &str, value: &Value) -> Result<Vec<LinkStep>, Refusal> {
    let refused = |message: &str| Refusal::field("issuelinks", message);
    let name = |issue: &Value| text_of(&issue["id"]).or_else(|| text_of(&issue["key"]));
    match verb {
        "add" => {
            let kind = value["type"].clone();
            match (name(&value["outwardIssue"]), name(&value["inwardIssue"])) {
                (Some(to), None) => Ok(vec![LinkStep::To(kind, to)]),
                (None, Some(from)) => Ok(vec![LinkStep::From(kind, from)]),
                _ => Err(refused("One of inwardIssue and outwardIssue is required, by id or key.")),
            }
        }
        "copy" => {
            let sources = value["issuelinks"]["sourceIssues"].as_array();
            let sources: Option<Vec<LinkStep>> = sources
                .and_then(|sources| sources.iter().map(|issue| Some(LinkStep::Copy(name(issue)?))).collect());
            sources.ok_or_else(|| refused("issuelinks.sourceIssues must be a list of issues, by id or key."))
        }
        "remove" => Ok(vec![LinkStep::Remove(id("issuelinks", value)?)]),
        other => Err(no_verb("issuelinks", other)),
    }
}

/// `[{"key": …, "value": …}]`.
fn named_values(properties: Option<&Value>) -> Result<Vec<(String, Value)>, Refusal> {
    let list = match properties {
        None | Some(Value::Null) => return Ok(Vec::new()),
        Some(Value::Array(list)) => list,
        Some(_) => return Err(Refusal::invalid_payload()),
    };
    let pair = |entry: &Value| Some((entry["key"].as_str()?.to_owned(), entry.get("value")?.clone()));
    list.iter().map(|entry| pair(entry).ok_or_else(Refusal::invalid_payload)).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn taken(update: &Value) -> Result<Beside, Refusal> {
        let mut update = update.as_object().unwrap().clone();
        let beside = take(&mut update, None, Dialect::V2);
        assert!(update.keys().all(|field| field == "labels"), "what is no field is taken out");
        beside
    }

    #[test]
    fn each_verb_is_a_step() {
        let update = json!({
            "labels": [{ "add": "a" }],
            "comment": [{ "add": { "body": "one" } }, { "edit": { "id": 7, "body": "two" } }, { "remove": { "id": "8" } }],
            "worklog": [{ "add": { "timeSpent": "1h", "adjustEstimate": "new", "newEstimate": "2h" } }],
            "issuelinks": [
                { "add": { "type": { "name": "Blocks" }, "outwardIssue": { "id": 10001 } } },
                { "copy": { "issuelinks": { "sourceIssues": [{ "key": "FP-5" }] } } },
            ],
        });
        let beside = taken(&update).unwrap();
        assert_eq!((beside.comments.len(), beside.worklogs.len(), beside.links.len()), (3, 1, 2));
        assert!(matches!(&beside.comments[1], CommentStep::Edit(id, _) if id == "7"));
        assert!(matches!(&beside.worklogs[0], WorklogStep::Add(_, AdjustEstimate::New(7_200))));
        assert!(matches!(&beside.links[0], LinkStep::To(_, to) if to == "10001"));
        assert!(matches!(&beside.links[1], LinkStep::Copy(from) if from == "FP-5"));
    }

    #[test]
    fn what_cannot_be_done_is_refused() {
        for update in [
            json!({ "comment": [{ "set": [] }] }),
            json!({ "comment": [{ "remove": {} }] }),
            json!({ "comment": "text" }),
            json!({ "worklog": [{ "add": "1h" }] }),
            json!({ "issuelinks": [{ "add": { "type": { "name": "Blocks" } } }] }),
        ] {
            assert!(taken(&update).is_err(), "{update}");
        }
        let named = |text: Value| named_values(Some(&text));
        assert_eq!(named(json!([{ "key": "a", "value": 1 }])).unwrap(), [("a".to_owned(), json!(1))]);
        assert!(named(json!([{ "key": "a" }])).is_err() && named(json!({})).is_err());
    }
}
