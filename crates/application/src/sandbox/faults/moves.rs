//! Moving an issue to another project while somebody reads (jira-facts 2.4).

use domain::{ids::TenantId, issue_key::IssueKey};
use serde_json::{Value, json};

use super::super::{
    account,
    write::{hint, next_moment, store},
};
use crate::{
    error::{Error, Result},
    instances::Instance,
    issues::IssueRow,
    ports::TenantTx,
    reference::Roster,
    search::{SearchRequest, SearchStart, parse_jql},
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
    let key = free_key(services, tx.as_mut(), instance, &project).await?;
    let now = next_moment(services, &row);
    let id = tx.take_sandbox_ids(instance.id, 1).await?;
    let before = row.raw["fields"]["project"].clone();
    let items = json!([
        { "field": "project", "fieldtype": "jira", "fieldId": "project", "from": before["id"],
          "fromString": before["name"], "to": project["id"], "toString": project["name"] },
        { "field": "Key", "fieldtype": "jira", "from": null, "fromString": row.key, "to": null, "toString": key },
    ]);
    let history =
        json!({ "id": id.to_string(), "author": account(row.dialect), "created": now, "items": items });
    let mut raw = row.raw.clone();
    raw["key"] = json!(key);
    raw["fields"]["project"] = as_shown(&before, &project);
    raw["fields"]["updated"] = json!(now);
    let total =
        row.changelog_envelope.as_ref().and_then(|envelope| envelope["total"].as_u64()).unwrap_or(0) + 1;
    let envelope = json!({ "startAt": 0, "maxResults": total, "total": total });
    let moved = IssueRow { key: key.clone(), raw: raw.clone(), ..row.clone() };
    store(services, tx.as_mut(), instance, &row, raw, Some(envelope), Some(history)).await?;
    let event = json!({
        "issue_event_type_name": "issue_moved",
        "user": account(row.dialect),
        "issue": hint(&moved, instance),
        "changelog": { "id": id.to_string(), "items": items },
    });
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

/// The next key of a project: behind the highest, and none that once was another issue's.
async fn free_key(
    services: &Services,
    tx: &mut dyn TenantTx,
    instance: &Instance,
    project: &Value,
) -> Result<String> {
    let project = project["key"].as_str().unwrap_or_default();
    let request = SearchRequest {
        query: parse_jql(&format!("project = {} ORDER BY key DESC", jql::quote(project)))?,
        instance: Some(instance.id),
        zone: chrono_tz::Tz::UTC,
        now: services.clock.now(),
        current_user: None,
        limit: 1,
        start: SearchStart::Offset(0),
        with_total: false,
    };
    let highest = tx.search(&request).await?.issues.into_iter().next();
    let mut number =
        highest.and_then(|row| Some(row.key.parse::<IssueKey>().ok()?.number())).unwrap_or(0) + 1;
    loop {
        let key = format!("{project}-{number}");
        if tx.issue(Some(instance.id), &key).await?.is_none() {
            return Ok(key);
        }
        number += 1;
    }
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
