//! Changes to a sandbox's issue.

use chrono::Duration;
use domain::workflow::{Resolution, changelog_items};
use serde_json::{Value, json};

use super::{SiteWorkflow, account};
use crate::{
    error::{Error, Result},
    ingest::{FieldRoles, Reader, read_issue},
    instances::{Dialect, Instance},
    issues::{CommentBody, IssueRow},
    ports::{FetchedIssue, TenantTx},
    pulse::RefreshMetrics,
    reference::Roster,
    services::Services,
    webhooks,
};

/// Adds a comment and tells the webhooks; answers the comment as stored.
pub async fn add_comment(
    services: &Services,
    tx: &mut dyn TenantTx,
    instance: &Instance,
    row: &IssueRow,
    body: &CommentBody,
) -> Result<Value> {
    let id = tx.take_sandbox_ids(instance.id, 1).await?;
    let now = next_moment(services, row);
    let author = account(row.dialect);
    let version = rest_version(row.dialect);
    let mut comment = json!({
        "self": format!("{}/rest/api/{version}/issue/{}/comment/{id}", instance.base_url, row.jira_id),
        "id": id.to_string(),
        "author": author,
        "body": body.in_dialect(row.dialect),
        "updateAuthor": author,
        "created": now,
        "updated": now,
        "jsdPublic": true,
    });
    // Here already: it is told to webhooks and to the audit log as well as stored.
    tx.erased_people(instance.id).await?.take_out(&mut comment, services.secrets.as_ref());
    let mut raw = row.raw.clone();
    raw["fields"]["updated"] = json!(now);
    let listed = raw["fields"]["comment"]["total"].as_u64().unwrap_or(0) + 1;
    merge(
        &mut raw["fields"]["comment"],
        json!({
            "comments": [comment], "total": listed, "maxResults": listed, "startAt": 0,
        }),
    );
    store(services, tx, instance, row, raw, row.changelog_envelope.clone(), None).await?;
    let event = json!({ "comment": as_v2(&comment, "body"), "issue": hint(row, instance) });
    webhooks::announce(services, tx, instance, "comment_created", event).await?;
    Ok(comment)
}

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
    let site = SiteWorkflow::load(tx, instance).await?;
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
    let now = next_moment(services, row);
    let history =
        json!({ "id": id.to_string(), "author": account(row.dialect), "created": now, "items": items });

    let mut raw = row.raw.clone();
    let changed = &mut raw["fields"];
    changed["updated"] = json!(now);
    changed["status"] = site.status(&change.to.id);
    if row.dialect == Dialect::V3 {
        changed["statuscategorychangedate"] = json!(now);
    }
    if before != after {
        changed["resolution"] = after.as_ref().map_or(Value::Null, |after| served(after, &resolutions));
        changed["resolutiondate"] = if after.is_some() { json!(now) } else { Value::Null };
    }
    let total =
        row.changelog_envelope.as_ref().and_then(|envelope| envelope["total"].as_u64()).unwrap_or(0) + 1;
    let mut envelope = row.changelog_envelope.clone().unwrap_or_else(|| json!({}));
    merge(&mut envelope, json!({ "startAt": 0, "maxResults": total, "total": total }));
    let event = json!({
        "issue_event_type_name": event_type(&change.to.category, after.is_some() && before.is_none()),
        "user": account(row.dialect),
        "issue": hint(row, instance),
        "changelog": { "id": id.to_string(), "items": items },
    });
    store(services, tx, instance, row, raw, Some(envelope), Some(history)).await?;
    webhooks::announce(services, tx, instance, "jira:issue_updated", event).await
}

/// Stores a changed issue the same way in which a synced one is stored.
pub(super) async fn store(
    services: &Services,
    tx: &mut dyn TenantTx,
    instance: &Instance,
    row: &IssueRow,
    mut raw: Value,
    envelope: Option<Value>,
    history: Option<Value>,
) -> Result<()> {
    if let Some(mut changelog) = envelope {
        changelog["histories"] = Value::Array(history.into_iter().collect());
        raw["changelog"] = changelog;
    }
    let roles = FieldRoles::from_fields(&tx.roster(instance.id, Roster::Fields).await?);
    let erased = tx.erased_people(instance.id).await?;
    let secrets = services.secrets.as_ref();
    let reader = Reader { dialect: row.dialect, roles: &roles, secrets, erased: &erased };
    let fetched = FetchedIssue { raw, comments_complete: false, worklogs_complete: false };
    let bundle = read_issue(&reader, fetched).map_err(|reject| Error::internal(reject.reason))?;
    let stored = tx.upsert_issues(instance.id, &[bundle]).await?;
    if stored.rejected > 0 {
        return Err(Error::Conflict(
            "the issue would be longer than the copy can hold; nothing was changed".into(),
        ));
    }
    if stored.issues == 0 {
        return Err(Error::Conflict("the issue was changed at the same moment; try again".into()));
    }
    tx.enqueue(RefreshMetrics::soon(services)?).await
}

/// Now, but later than the issue's latest change: a clock that lags, or a recorded issue from the future, must not make a
/// change look old.
pub(super) fn next_moment(services: &Services, row: &IssueRow) -> String {
    let now = services.clock.now().max(row.updated + Duration::milliseconds(1));
    domain::jira_time::format(now)
}

fn merge(target: &mut Value, members: Value) {
    if !target.is_object() {
        *target = json!({});
    }
    if let (Some(target), Value::Object(members)) = (target.as_object_mut(), members) {
        target.extend(members);
    }
}

fn rest_version(dialect: Dialect) -> u8 {
    match dialect {
        Dialect::V2 => 2,
        Dialect::V3 => 3,
    }
}

/// Webhook bodies are v2: rich text is wiki markup (jira-facts 3.4).
fn as_v2(value: &Value, rich: &str) -> Value {
    let mut value = value.clone();
    if value[rich].is_object() {
        value[rich] = Value::String(adf::wiki_of(&value[rich]));
    }
    value
}

/// The issue as webhooks name it. Receivers must look it up: the state may have moved on.
pub(super) fn hint(row: &IssueRow, instance: &Instance) -> Value {
    let fields = &row.raw["fields"];
    json!({
        "id": row.jira_id,
        "self": format!("{}/rest/api/2/issue/{}", instance.base_url, row.jira_id),
        "key": row.key,
        "fields": {
            "summary": fields["summary"],
            "issuetype": fields["issuetype"],
            "project": fields["project"],
            "assignee": fields["assignee"],
            "priority": fields["priority"],
            "status": fields["status"],
        },
    })
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
