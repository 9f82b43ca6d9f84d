//! Transitions: which are open to an issue, and doing one (jira-facts 6.5).

use application::{
    Error, Scope,
    instances::InstanceKind,
    issues::{list_transitions, transition_with},
    sandbox::{CommentStep, TransitionInput},
};
use axum::{
    http::StatusCode,
    response::{IntoResponse, Response},
};
use serde_json::{Map, Value, json};

use super::{answer, beside, body::Body, forms, params::Params, refusal::Refusal, site::Site, text_of};

pub(super) async fn list(site: Site, params: Params) -> Result<Response, Refusal> {
    site.require_shown().await?;
    let mut transitions = open(&site).await?;
    // A transition that is not open is no error here: the list is empty then.
    if let Some(wanted) = params.text("transitionId").filter(|id| !id.is_empty()) {
        transitions.retain(|transition| text_of(&transition["id"]).as_deref() == Some(wanted));
    }
    if params.list("expand").iter().any(|name| name == "transitions.fields") {
        forms::describe_screens(&site, &mut transitions).await?;
    } else {
        without_screens(&mut transitions);
    }
    Ok(answer::ok(&json!({ "expand": "transitions", "transitions": transitions })))
}

/// What is on the screens is shown to whoever asks for it.
pub(super) fn without_screens(transitions: &mut [Value]) {
    for members in transitions.iter_mut().filter_map(Value::as_object_mut) {
        members.remove("fields");
    }
}

/// The transitions open to the issue that the path names, as the site lists them.
pub(super) async fn open(site: &Site) -> Result<Vec<Value>, Error> {
    let services = &site.state.services;
    let open = list_transitions(services, &site.caller, Some(&site.name), site.param("issue")).await?;
    Ok(open.into_iter().map(|choice| choice.raw).collect())
}

pub(super) async fn perform(site: Site, body: Body) -> Result<Response, Refusal> {
    let transition = wanted(&body)?;
    // Whoever may not write is told so before anything else.
    let instance = site.instance(Scope::Write).await?;
    let input = input(&site, &body)?;
    if instance.kind != InstanceKind::Sandbox && body.get("properties").is_some() {
        let message = "a transition with `properties` is not served by Forebay for mirrors yet";
        return Err(Error::Unsupported(message.into()).into());
    }
    site.require_shown().await?;
    let issue = (Some(site.name.as_str()), site.param("issue"));
    transition_with(&site.state.services, &site.caller, issue, &transition, |_| input).await?;
    Ok(StatusCode::NO_CONTENT.into_response())
}

/// What is sent along with a transition.
pub(super) fn input(site: &Site, body: &Body) -> Result<TransitionInput, Refusal> {
    let fields = object(body, "fields")?;
    let mut update = object(body, "update")?;
    let mut beside = beside::take(&mut update, body.get("properties"), site.dialect)?;
    let mut comments = Vec::new();
    for step in std::mem::take(&mut beside.comments) {
        match step {
            // They count where a screen asks for a comment.
            CommentStep::Add(comment) => comments.push(comment),
            step => beside.comments.push(step),
        }
    }
    Ok(TransitionInput { dialect: site.dialect, fields, update, comments, beside })
}

/// A member that is an object; an empty one where it is left out.
pub(super) fn object(body: &Body, name: &str) -> Result<Map<String, Value>, Refusal> {
    match body.get(name) {
        None => Ok(Map::new()),
        Some(Value::Object(members)) => Ok(members.clone()),
        Some(_) => Err(Refusal::invalid_payload()),
    }
}

/// The transition's id, which clients send as text or number; or its name.
pub(super) fn wanted(body: &Body) -> Result<String, Refusal> {
    let transition = body.get("transition").unwrap_or(&Value::Null);
    let name = [&transition["id"], &transition["name"]].into_iter().find_map(text_of);
    name.ok_or_else(|| Refusal::bad_request("Missing 'transition' identifier"))
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
}
