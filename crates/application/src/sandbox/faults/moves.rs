//! Moving an issue to another project while somebody reads (jira-facts 2.4).

use domain::ids::TenantId;
use serde_json::{Value, json};

use super::super::{
    account,
    write::{Draft, hint, next_moment, store},
};
use crate::{
    error::{Error, Result},
    instances::Instance,
    issues::IssueRow,
    ports::TenantTx,
    reference::Roster,
    services::Services,
    tenant_context::TenantContext,
    webhooks,
};

/// Moves an issue of a sandbox, as Jira does: its id stays, its key is that of the other project, the old key leads to it.
/// Answers the new key; `None` where there is nowhere to move to.
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
    let missing = || Error::not_found("issue", issue_id);
    let row = tx.issue(Some(instance.id), issue_id).await?.ok_or_else(missing)?;
    tx.lock_issue(row.id).await?;
    let row = tx.issue(Some(instance.id), &row.jira_id).await?.ok_or_else(missing)?;
    let Some(project) = target(tx.as_mut(), instance, &row, to, choice).await? else { return Ok(None) };
    // Ids are handed out one write at a time, and so are keys behind them.
    let id = tx.take_sandbox_ids(instance.id, 1).await?;
    let key = free_key(tx.as_mut(), instance, &project).await?;
    let now = next_moment(services, [&row]);
    let before = row.raw["fields"]["project"].clone();
    let items = [
        json!({ "field": "project", "fieldtype": "jira", "fieldId": "project", "from": before["id"],
          "fromString": before["name"], "to": project["id"], "toString": project["name"] }),
        json!({ "field": "Key", "fieldtype": "jira", "from": null, "fromString": row.key, "to": null, "toString": key }),
    ];
    let mut draft = Draft::of(&row, &now);
    draft.raw["key"] = json!(key);
    draft.raw["fields"]["project"] = as_shown(&before, &project);
    draft.record(id, &now, &items);
    let event = json!({
        "issue_event_type_name": "issue_moved",
        "user": account(row.dialect),
        "issue": hint(instance, &draft.raw),
        "changelog": { "id": id.to_string(), "items": items },
    });
    store(services, tx.as_mut(), instance, vec![draft]).await?;
    webhooks::announce(services, tx.as_mut(), instance, "jira:issue_updated", event).await?;
    tx.commit().await?;
    Ok(Some(key))
}

/// The project that is named, or one of the others.
async fn target(
    tx: &mut dyn TenantTx,
    instance: &Instance,
    row: &IssueRow,
    to: Option<&str>,
    choice: usize,
) -> Result<Option<Value>> {
    let mut projects = tx.roster(instance.id, Roster::Projects).await?;
    projects.retain(|project| {
        let key = project["key"].as_str().unwrap_or_default();
        key != row.project_key && to.is_none_or(|to| to.eq_ignore_ascii_case(key))
    });
    if projects.is_empty() {
        return Ok(None);
    }
    let at = choice % projects.len();
    Ok(Some(projects.swap_remove(at)))
}

/// The next key of a project.
async fn free_key(tx: &mut dyn TenantTx, instance: &Instance, project: &Value) -> Result<String> {
    let project = project["key"].as_str().unwrap_or_default();
    Ok(format!("{project}-{}", tx.next_key_number(instance.id, project).await?))
}

/// An issue shows less of its project than the roster does: the members it showed before.
fn as_shown(before: &Value, project: &Value) -> Value {
    let Some(members) = before.as_object() else { return project.clone() };
    members.keys().map(|name| (name.clone(), project[name].clone())).collect::<serde_json::Map<_, _>>().into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_issue_shows_of_its_new_project_what_it_showed_of_the_old_one() {
        let before = json!({ "id": "1", "key": "A", "name": "Alpha" });
        let project = json!({ "id": "2", "key": "B", "name": "Beta", "lead": {}, "style": "classic" });
        assert_eq!(as_shown(&before, &project), json!({ "id": "2", "key": "B", "name": "Beta" }));
        assert_eq!(as_shown(&Value::Null, &project), project);
    }
}
