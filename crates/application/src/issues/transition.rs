//! Transitions: which are open, and doing one.

use std::collections::HashMap;

use serde::Serialize;
use serde_json::{Map, Value, json};

use super::{
    IssueRow,
    add_comment::{Attempt, locate},
    require_issue,
};
use crate::{
    actions::Action,
    caller::{Caller, Scope},
    error::{Error, Result},
    instances::{self, Dialect, Instance, InstanceKind},
    sandbox::{self, NewComment, TransitionInput},
    services::Services,
};

/// A transition that is open now.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct TransitionChoice {
    /// Its id.
    pub id: String,
    /// Its name.
    pub name: String,
    /// The name of the status it leads to.
    pub to: String,
    /// The key of that status's category.
    pub to_category: String,
    /// As Jira has it.
    #[serde(skip)]
    pub raw: Value,
}

/// The transitions open to the account now. They depend on the account and the moment, so a mirror asks its site.
pub async fn list_transitions(
    services: &Services,
    caller: &Caller,
    instance: Option<&str>,
    issue: &str,
) -> Result<Vec<TransitionChoice>> {
    caller.require(Scope::Read)?;
    let (instance, row) = locate(services, caller, instance, issue).await?;
    choices(services, caller, &instance, &row).await
}

/// The transitions open to the account now of many issues of a mirror, by their ids, as the site tells them.
///
/// # Errors
/// [`Error::Unavailable`] when the site does not answer.
pub async fn transitions_at_site(
    services: &Services,
    caller: &Caller,
    instance: &Instance,
    issue_ids: &[String],
) -> Result<HashMap<String, Vec<Value>>> {
    caller.require(Scope::Read)?;
    let site = instances::connect(services, caller.tenant, instance).await?;
    site.transitions_of(instance.dialect, issue_ids).await
}

async fn choices(
    services: &Services,
    caller: &Caller,
    instance: &Instance,
    row: &IssueRow,
) -> Result<Vec<TransitionChoice>> {
    let raw = match instance.kind {
        InstanceKind::Sandbox => {
            let mut tx = services.db.tenant(&caller.context()).await?;
            sandbox::transitions(services, caller, tx.as_mut(), instance, row).await?
        }
        _ => {
            let site = instances::connect(services, caller.tenant, instance).await?;
            site.transitions(instance.dialect, &row.jira_id).await?
        }
    };
    Ok(raw.into_iter().filter_map(choice).collect())
}

fn choice(raw: Value) -> Option<TransitionChoice> {
    let id = match &raw["id"] {
        Value::String(id) => id.clone(),
        Value::Number(id) => id.to_string(),
        _ => return None,
    };
    Some(TransitionChoice {
        id,
        name: raw["name"].as_str().unwrap_or_default().to_owned(),
        to: raw["to"]["name"].as_str().unwrap_or_default().to_owned(),
        to_category: raw["to"]["statusCategory"]["key"].as_str().unwrap_or("undefined").to_owned(),
        raw,
    })
}

/// Does a transition, named by id, by name, or by the status it leads to. Answers the issue as it is then.
pub async fn transition_issue(
    services: &Services,
    caller: &Caller,
    instance: Option<&str>,
    issue: &str,
    transition: &str,
    fields: Option<&Value>,
) -> Result<IssueRow> {
    let fields = match fields {
        None | Some(Value::Null) => Map::new(),
        Some(Value::Object(members)) => members.clone(),
        Some(_) => return Err(Error::invalid("fields", "must be an object of fields")),
    };
    // Rich text on a screen is what the site itself speaks.
    transition_with(services, caller, (instance, issue), transition, |dialect| TransitionInput {
        fields,
        ..TransitionInput::nothing(dialect)
    })
    .await
}

/// Does a transition with what is sent along, given the site's dialect. A mirror's site is sent the fields; comments are added to it
/// one by one afterwards.
pub async fn transition_with(
    services: &Services,
    caller: &Caller,
    (instance, issue): (Option<&str>, &str),
    transition: &str,
    input: impl FnOnce(Dialect) -> TransitionInput,
) -> Result<IssueRow> {
    caller.permit(Action::TransitionIssue)?;
    let (instance, row) = locate(services, caller, instance, issue).await?;
    let input = input(instance.dialect);
    input.comments.iter().try_for_each(|comment| comment.body.check())?;
    let open = choices(services, caller, &instance, &row).await?;
    let chosen = choose(&open, transition)?;
    let before = json!({ "status": row.status, "resolution": row.resolution });
    let after = json!({ "status": chosen.to, "transition": chosen.id });
    match instance.kind {
        InstanceKind::Sandbox => {
            let which = (instance.name.as_str(), row.jira_id.as_str());
            sandbox::transition(services, caller, which, &chosen.id, &input, (before, after)).await?;
        }
        _ => {
            refuse_at_mirrors(&input)?;
            let site = instances::connect(services, caller.tenant, &instance).await?;
            let fields = (!input.fields.is_empty()).then(|| Value::Object(input.fields.clone()));
            let answer = site.transition(instance.dialect, &row.jira_id, &chosen.id, fields.as_ref()).await;
            let attempt = Attempt {
                caller,
                instance: &instance,
                row: &row,
                action: Action::TransitionIssue.as_str(),
                before,
            };
            attempt.settle(services, answer, |()| after).await?;
            for comment in &input.comments {
                super::add_comment(services, caller, Some(&instance.name), &row.jira_id, &comment.body)
                    .await?;
            }
        }
    }
    let mut tx = services.db.tenant(&caller.context()).await?;
    require_issue(tx.as_mut(), Some(instance.id), &row.jira_id).await
}

/// What is not passed on to a site, before anything is.
fn refuse_at_mirrors(input: &TransitionInput) -> Result<()> {
    let refused = |what: &str| {
        let message =
            format!("a transition with {what} is not served by Forebay for mirrors yet; send it by itself");
        Err(Error::Unsupported(message))
    };
    if let Some(field) = input.update.keys().next() {
        return refused(&format!("`update.{field}`"));
    }
    if !input.beside.is_empty() {
        return refused("changes of comments, worklogs or links");
    }
    match input.comments.iter().all(NewComment::is_plain) {
        true => Ok(()),
        false => refused("a comment that is not for everyone"),
    }
}

fn choose<'a>(open: &'a [TransitionChoice], wanted: &str) -> Result<&'a TransitionChoice> {
    let found = open
        .iter()
        .find(|choice| choice.id == wanted)
        .or_else(|| open.iter().find(|choice| choice.name.eq_ignore_ascii_case(wanted)))
        .or_else(|| open.iter().find(|choice| choice.to.eq_ignore_ascii_case(wanted)));
    found.ok_or_else(|| {
        let names: Vec<String> =
            open.iter().map(|choice| format!("{} ({})", choice.name, choice.id)).collect();
        Error::invalid(
            "transition",
            format!("`{wanted}` is not open to this issue now; open are: {}", names.join(", ")),
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_transition_is_found_by_id_then_name_then_target() {
        let open: Vec<_> = [
            json!({"id": "11", "name": "Start", "to": {"name": "In Progress"}}),
            json!({"id": 21, "name": "Done", "to": {"name": "Closed", "statusCategory": {"key": "done"}}}),
        ]
        .into_iter()
        .filter_map(choice)
        .collect();
        assert_eq!(choose(&open, "21").unwrap().to_category, "done");
        assert_eq!(choose(&open, "start").unwrap().id, "11");
        assert_eq!(choose(&open, "closed").unwrap().id, "21");
        let message = choose(&open, "Reopen").unwrap_err().to_string();
        assert!(message.contains("Start (11), Done (21)"), "{message}");
    }
}
