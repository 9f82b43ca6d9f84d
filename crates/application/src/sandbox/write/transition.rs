//! Transitions.

use domain::workflow::{Resolution, changelog_items};
use serde_json::{Value, json};

use super::{Draft, next_moment, store, updated_event};
use crate::{
    error::{Error, Result},
    instances::{Dialect, Instance},
    issues::IssueRow,
    ports::TenantTx,
    reference::Roster,
    sandbox::SiteWorkflow,
    services::Services,
    webhooks,
};

/// Does a transition and tells the webhooks.
///
/// # Errors
/// [`Error::Invalid`] when the transition is not open to the issue.
pub async fn transition(
    services: &Services,
    tx: &mut dyn TenantTx,
    instance: &Instance,
    row: &IssueRow,
    transition_id: &str,
    fields: Option<&Value>,
) -> Result<()> {
    let site = SiteWorkflow::load(tx, instance, &row.raw["fields"]).await?;
    let change = site
        .workflow
        .apply(&row.status_id, transition_id)
        .map_err(|error| Error::invalid("transition", error.to_string()))?;
    let resolutions = tx.roster(instance.id, Roster::Resolutions).await?;
    let before = resolution(&row.raw["fields"]["resolution"]);
    let requested = requested_resolution(fields, &resolutions)?;
    let after =
        change.resolution_after(before.clone(), requested.or_else(|| default_resolution(&resolutions)));
    let items = changelog_items(&change, before.as_ref(), after.as_ref());
    if items.is_empty() {
        return Ok(());
    }
    let id = tx.take_sandbox_ids(instance.id, 1).await?;
    let now = next_moment(services, [row]);
    let mut draft = Draft::of(row, &now);
    draft.record(id, &now, &items);
    let changed = draft.fields();
    changed["status"] = site.status(&change.to.id);
    if changed.get("statusCategory").is_some_and(Value::is_object) {
        changed["statusCategory"] = changed["status"]["statusCategory"].clone();
    }
    if row.dialect == Dialect::V3 {
        changed["statuscategorychangedate"] = json!(now);
    }
    if before != after {
        changed["resolution"] = after.as_ref().map_or(Value::Null, |after| served(after, &resolutions));
        changed["resolutiondate"] = if after.is_some() { json!(now) } else { Value::Null };
    }
    let kind = event_type(&change.to.category, after.is_some() && before.is_none());
    let event = updated_event(instance, &draft, kind, id, &items);
    store(services, tx, instance, vec![draft]).await?;
    webhooks::announce(services, tx, instance, "jira:issue_updated", event).await
}

fn event_type(category: &domain::workflow::StatusCategory, newly_resolved: bool) -> &'static str {
    match category {
        _ if newly_resolved => "issue_resolved",
        domain::workflow::StatusCategory::Indeterminate => "issue_work_started",
        _ => "issue_generic",
    }
}

fn resolution(value: &Value) -> Option<Resolution> {
    Some(Resolution { id: value["id"].as_str()?.to_owned(), name: value["name"].as_str()?.to_owned() })
}

/// What a client asks for in `fields.resolution`, by id or name.
fn requested_resolution(fields: Option<&Value>, known: &[Value]) -> Result<Option<Resolution>> {
    let Some(wanted) = fields.map(|fields| &fields["resolution"]).filter(|wanted| wanted.is_object()) else {
        return Ok(None);
    };
    let found = known.iter().find(|value| {
        wanted["id"].is_string() && value["id"] == wanted["id"]
            || wanted["name"].is_string() && value["name"] == wanted["name"]
    });
    found
        .and_then(resolution)
        .map(Some)
        .ok_or_else(|| Error::invalid("resolution", format!("{wanted} is no resolution of this site")))
}

/// The site's "Done", or "Fixed" as older sites call it; `None` leaves it to the workflow engine.
fn default_resolution(known: &[Value]) -> Option<Resolution> {
    ["Done", "Fixed"]
        .into_iter()
        .find_map(|name| known.iter().find(|value| value["name"] == name).and_then(resolution))
}

fn served(resolution: &Resolution, known: &[Value]) -> Value {
    let found = known.iter().find(|value| value["id"] == resolution.id.as_str()).cloned();
    found.unwrap_or_else(|| json!({ "id": resolution.id, "name": resolution.name }))
}
