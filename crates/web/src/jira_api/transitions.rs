//! Transitions: which are open to an issue, and doing one (jira-facts 6.5).

use application::{
    Error, Scope,
    instances::InstanceKind,
    issues::{add_comment, list_transitions, transition_issue},
};
use axum::{
    http::StatusCode,
    response::{IntoResponse, Response},
};
use serde_json::{Value, json};

use super::{answer, body::Body, comments, params::Params, refusal::Refusal, site::Site};

pub(super) async fn list(site: Site, params: Params) -> Result<Response, Refusal> {
    site.require_shown().await?;
    let mut transitions = open(&site).await?;
    // A transition that is not open is no error here: the list is empty then.
    if let Some(wanted) = params.text("transitionId").filter(|id| !id.is_empty()) {
        transitions.retain(|transition| text_of(&transition["id"]).as_deref() == Some(wanted));
    }
    Ok(answer::ok(&json!({ "expand": "transitions", "transitions": transitions })))
}

/// The transitions open to the issue that the path names, as the site lists them.
pub(super) async fn open(site: &Site) -> Result<Vec<Value>, Error> {
    let services = &site.state.services;
    let open = list_transitions(services, &site.caller, Some(&site.name), site.param("issue")).await?;
    Ok(open.into_iter().map(|choice| choice.raw).collect())
}

pub(super) async fn perform(site: Site, body: Body) -> Result<Response, Refusal> {
    let transition = wanted(&body)?;
    let fields = body.get("fields").filter(|fields| **fields != json!({}));
    let update = body.get("update").filter(|update| **update != json!({}));
    let comments = update.map(|update| comments::of_update(update, site.dialect)).transpose()?;
    if let Some(fields) = fields {
        // Whoever may not write is told so before anything else.
        let instance = site.instance(Scope::Write).await?;
        if instance.kind == InstanceKind::Sandbox {
            settable(fields)?;
        }
    }
    site.require_shown().await?;
    let services = &site.state.services;
    transition_issue(services, &site.caller, Some(&site.name), site.param("issue"), &transition, fields)
        .await?;
    for comment in comments.unwrap_or_default() {
        add_comment(services, &site.caller, Some(&site.name), site.param("issue"), &comment).await?;
    }
    Ok(StatusCode::NO_CONTENT.into_response())
}

/// The transition's id, which clients send as text or number; or its name.
fn wanted(body: &Body) -> Result<String, Refusal> {
    let transition = body.get("transition").unwrap_or(&Value::Null);
    let name = [&transition["id"], &transition["name"]].into_iter().find_map(text_of);
    name.ok_or_else(|| Refusal::bad_request("Missing 'transition' identifier"))
}

/// A text or a number, without what surrounds it.
fn text_of(value: &Value) -> Option<String> {
    match value {
        Value::String(text) if !text.trim().is_empty() => Some(text.trim().to_owned()),
        Value::Number(number) => Some(number.to_string()),
        _ => None,
    }
}

/// A sandbox's transitions have no screens; only the resolution can be chosen.
fn settable(fields: &Value) -> Result<(), Refusal> {
    let Some(fields) = fields.as_object() else { return Err(Refusal::invalid_payload()) };
    match fields.keys().find(|name| *name != "resolution") {
        None => Ok(()),
        Some(name) => Err(Refusal::field(
            name,
            format!("Field '{name}' cannot be set. It is not on the appropriate screen, or unknown."),
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn body(value: &Value) -> Body {
        Body::parse(value.to_string().as_bytes()).unwrap()
    }

    #[test]
    fn clients_name_a_transition_by_text_number_or_name() {
        assert_eq!(wanted(&body(&json!({"transition": {"id": "31"}}))).unwrap(), "31");
        assert_eq!(wanted(&body(&json!({"transition": {"id": 31, "name": "Done"}}))).unwrap(), "31");
        assert_eq!(wanted(&body(&json!({"transition": {"name": "Done"}}))).unwrap(), "Done");
        for missing in [json!({}), json!({"transition": null}), json!({"transition": {"id": " "}})] {
            assert!(wanted(&body(&missing)).is_err(), "{missing}");
        }
    }

    #[test]
    fn only_the_resolution_can_be_set_on_the_way() {
        assert!(settable(&json!({"resolution": {"name": "Done"}})).is_ok());
        assert!(settable(&json!({"assignee": {"name": "me"}})).is_err());
        assert!(settable(&json!([])).is_err());
    }
}
