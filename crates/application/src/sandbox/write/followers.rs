//! Watching issues and voting for them. Neither changes `updated`, and no history tells of it (jira-facts 2.5).

use serde_json::{Value, json};

use super::{Draft, fields::account_of, people, writing::Writing};
use crate::{
    actions::Action,
    caller::Caller,
    error::{Error, Result},
    issues::IssueRow,
    sandbox::account,
    services::Services,
};

/// Lets somebody watch an issue, or not any more; the sandbox's own account where nobody is named.
///
/// # Errors
/// [`Error::NotFound`] without the issue or the user.
pub async fn watch(
    services: &Services,
    caller: &Caller,
    instance: &str,
    issue: &str,
    (user, watching): (Option<&str>, bool),
) -> Result<()> {
    let action = if watching { Action::AddWatcher } else { Action::RemoveWatcher };
    let mut write = Writing::begin(services, caller, action, instance).await?;
    let row = write.issue(issue).await?;
    let own = own_account(&write);
    let asked = user.unwrap_or(&own);
    let instance = write.instance.clone();
    let found = people::named(write.tx.as_mut(), &instance, instance.dialect, asked).await?;
    let user = found.as_ref().and_then(account_of).ok_or_else(|| Error::not_found("user", asked))?;
    let site = instance.id;
    if !write.tx.set_watching(site, row.id, &user, watching).await? {
        return Ok(());
    }
    let mut watches = row.raw["fields"]["watches"].clone();
    count(&mut watches, "watchCount", watching);
    if user == own {
        watches["isWatching"] = json!(watching);
    }
    store(write, &row, ("watches", watches), json!({ "user": user, "watching": watching })).await
}

/// Votes for an issue as the sandbox's own account, or takes the vote back.
///
/// # Errors
/// [`Error::NotFound`] without the issue, and, as Jira has it, for whoever reported it and for an issue that is resolved.
pub async fn vote(
    services: &Services,
    caller: &Caller,
    instance: &str,
    issue: &str,
    voting: bool,
) -> Result<()> {
    let action = if voting { Action::AddVote } else { Action::RemoveVote };
    let mut write = Writing::begin(services, caller, action, instance).await?;
    let row = write.issue(issue).await?;
    let own = own_account(&write);
    let fields = &row.raw["fields"];
    if account_of(&fields["reporter"]).as_ref() == Some(&own) {
        return Err(Error::not_found("vote on an issue you have reported", &row.key));
    }
    if !fields["resolution"].is_null() {
        return Err(Error::not_found("vote on an issue that is resolved", &row.key));
    }
    let site = write.instance.id;
    if !write.tx.set_voting(site, row.id, &own, voting).await? {
        return Ok(());
    }
    let mut votes = fields["votes"].clone();
    count(&mut votes, "votes", voting);
    votes["hasVoted"] = json!(voting);
    store(write, &row, ("votes", votes), json!({ "user": own, "voting": voting })).await
}

async fn store(
    mut write: Writing<'_>,
    row: &IssueRow,
    (field, value): (&str, Value),
    after: Value,
) -> Result<()> {
    let mut draft = Draft::keeping(row);
    draft.fields()[field] = value;
    write.store(vec![draft]).await?;
    write.finish(&row.key, Value::Null, after).await
}

fn own_account(write: &Writing<'_>) -> String {
    account_of(&account(write.instance.dialect)).unwrap_or_default()
}

fn count(shown: &mut Value, member: &str, more: bool) {
    if !shown.is_object() {
        *shown = json!({});
    }
    let before = shown[member].as_u64().unwrap_or(0);
    shown[member] = json!(if more { before + 1 } else { before.saturating_sub(1) });
}
