//! Moving an issue to another project while somebody reads (jira-facts 2.4).

use domain::ids::TenantId;
use serde_json::Value;

use crate::{
    caller::Caller,
    error::{Error, Result},
    ingest::text_of,
    instances::Instance,
    issues::IssueRow,
    ports::TenantTx,
    reference::Roster,
    sandbox::write::{self, MoveTarget},
    services::Services,
    tenant_context::TenantContext,
};

/// Moves an issue of a sandbox, as somebody else would who works there; a sub-task moves with its parent. Answers the new key of
/// what was moved; `None` where there is nowhere to move to.
///
/// # Errors
/// [`Error::NotFound`] without the issue.
pub async fn move_issue(
    services: &Services,
    tenant: TenantId,
    instance: &Instance,
    issue_id: &str,
    to: Option<&str>,
    choice: usize,
) -> Result<Option<String>> {
    let mut tx = services.db.tenant(&TenantContext::whole(tenant)).await?;
    let found = tx.issue(Some(instance.id), issue_id).await?;
    let row = found.ok_or_else(|| Error::not_found("issue", issue_id))?;
    let Some(project) = target(tx.as_mut(), instance, &row, to, choice).await? else { return Ok(None) };
    drop(tx);
    let fields = &row.raw["fields"];
    let parent = text_of(&fields["parent"]["id"]).filter(|_| fields["issuetype"]["subtask"] == true);
    let moving = parent.unwrap_or(row.jira_id);
    let target = MoveTarget { project, issue_type: None };
    let keys = write::move_issue(services, &Caller::system(tenant), &instance.name, &moving, &target).await?;
    Ok(keys.into_iter().next())
}

/// The key of the project that is named, or of one of the others.
async fn target(
    tx: &mut dyn TenantTx,
    instance: &Instance,
    row: &IssueRow,
    to: Option<&str>,
    choice: usize,
) -> Result<Option<String>> {
    let projects = tx.roster(instance.id, Roster::Projects).await?;
    let mut keys: Vec<&str> = projects.iter().filter_map(|project: &Value| project["key"].as_str()).collect();
    keys.retain(|key| *key != row.project_key && to.is_none_or(|to| to.eq_ignore_ascii_case(key)));
    let at = choice.checked_rem(keys.len());
    Ok(at.map(|at| keys[at].to_owned()))
}
