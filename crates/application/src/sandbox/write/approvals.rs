//! Approvals: who is asked answers, and the answer moves the issue on.

use serde_json::{Value, json};

use super::{
    Draft,
    fields::elements,
    next_moment,
    transition::{TransitionInput, take},
    writing::Writing,
};
use crate::{
    actions::Action,
    caller::Caller,
    error::{Error, Result},
    search::current_user,
    service_desks::{
        ApprovalStep,
        state::{can_answer, decide, settle},
    },
    services::Services,
};

/// Answers an approval; the last answer that is needed takes the transition that the desk has set for it. Answers the approval as it
/// is then.
///
/// # Errors
/// [`Error::NotFound`] without the issue or the approval; [`Error::Conflict`] when it is decided; [`Error::Forbidden`] for whoever is
/// not asked.
pub async fn answer_approval(
    services: &Services,
    caller: &Caller,
    instance: &str,
    request: &str,
    (approval, yes): (&str, bool),
) -> Result<Value> {
    let mut write = Writing::begin(services, caller, Action::AnswerApproval, instance).await?;
    let row = write.issue(request).await?;
    let missing = || Error::not_found("approval", approval);
    let field = write.request_fields().await?.approvals.ok_or_else(missing)?;
    let desk = write.desk_of(&row.project_key).await?.ok_or_else(missing)?;
    let mut list = elements(&row.raw["fields"][&field]).to_vec();
    let found = list.iter_mut().find(|known| known["id"] == approval).ok_or_else(missing)?;
    if found["finalDecision"] != "pending" {
        return Err(Error::Conflict("the approval has been completed already".into()));
    }
    let own = current_user(&write.instance).unwrap_or_default();
    if !can_answer(found, &own) {
        return Err(Error::Forbidden("you are not asked for this approval, or have answered it".into()));
    }
    // What waits for nothing that the desk knows is decided by the first answer.
    let step = desk.setup.approval_in(&row.status_id);
    let now = next_moment(services, [&row]);
    let decided = decide(found, &own, yes, step.map_or(1, |step| step.required));
    if let Some(outcome) = decided {
        let at = domain::jira_time::parse(&now).map_err(Error::internal)?;
        settle(found, outcome, at, chrono_tz::Tz::UTC);
    }
    let answered = found.clone();
    let mut draft = Draft::of(&row, &now);
    draft.fields()[&field] = Value::Array(list);
    write.store(vec![draft]).await?;
    if let (Some(outcome), Some(step)) = (decided, step) {
        move_on(&mut write, &row.jira_id, step, outcome).await?;
    }
    let decision = json!({ "approval": approval, "decision": if yes { "approve" } else { "decline" } });
    write.finish(&row.key, Value::Null, decision).await?;
    Ok(answered)
}

async fn move_on(write: &mut Writing<'_>, issue: &str, step: &ApprovalStep, yes: bool) -> Result<()> {
    let row = write.seen(issue).await?;
    let id = if yes { &step.approve } else { &step.decline };
    take(write, &row, id, &TransitionInput::nothing(row.dialect)).await.map(drop)
}
