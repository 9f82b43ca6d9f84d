//! Links between issues (jira-facts 6.2, 6.5).

use serde_json::{Value, json};

use super::{
    Draft, address, brief,
    comments::{self, NewComment},
    desk::pick,
    edit::sides,
    fields::elements,
    next_moment,
    writing::Writing,
};
use crate::{
    actions::Action,
    caller::Caller,
    error::{Error, Result},
    ingest::text_of,
    instances::Dialect,
    issues::IssueRow,
    reference::Roster,
    services::Services,
};

/// Which issues are to be linked, and how.
#[derive(Clone, Debug)]
pub struct NewLink {
    /// `{id}` or `{name}` of the type.
    pub link_type: Value,
    /// Id or key of the issue from which the link goes out ("A blocks B": A).
    pub inward_issue: String,
    /// Id or key of the issue to which it goes.
    pub outward_issue: String,
}

/// Links two issues, with a comment on the first of them if one is sent along. A link that is there already is no error and no change.
///
/// # Errors
/// [`Error::NotFound`] without one of the issues or the type; [`Error::Invalid`] for an issue and itself, and for a bad comment.
pub async fn link_issues(
    services: &Services,
    caller: &Caller,
    instance: &str,
    link: &NewLink,
    comment: Option<&NewComment>,
) -> Result<()> {
    if comment.is_some() {
        caller.permit(Action::AddComment)?;
    }
    let mut write = Writing::begin(services, caller, Action::LinkIssues, instance).await?;
    let linked = add(&mut write, link).await?;
    let added = match comment {
        Some(comment) => {
            let row = write.issue(&link.inward_issue).await?;
            Some(comments::add(&mut write, &row, comment).await?)
        }
        None => None,
    };
    if linked.is_none() && added.is_none() {
        return Ok(());
    }
    let (key, mut after) = linked.unwrap_or_else(|| (link.inward_issue.clone(), Value::Array(Vec::new())));
    if let (Some(comment), Some(list)) = (added, after.as_array_mut()) {
        list.push(json!({ "comment": comment }));
    }
    write.finish(&key, Value::Null, after).await
}

/// Links two issues as part of a write; answers the key of the first and what the audit log keeps of it. `None` where the link is
/// there already.
pub(super) async fn add(write: &mut Writing<'_>, link: &NewLink) -> Result<Option<(String, Value)>> {
    let site = write.instance.clone();
    let types = write.tx.roster(site.id, Roster::IssueLinkTypes).await?;
    let wanted = &link.link_type;
    let kind = pick(types.iter(), wanted).cloned().ok_or_else(|| {
        let asked = wanted["name"].as_str().map(str::to_owned).or_else(|| text_of(&wanted["id"]));
        Error::not_found("issue link type", asked.unwrap_or_default())
    })?;
    let (from, to) = ends(write, &link.inward_issue, &link.outward_issue).await?;
    if from.jira_id == to.jira_id {
        return Err(Error::invalid("outwardIssue", "You cannot link an issue to itself."));
    }
    let is_there = |link: &Value| {
        link["type"]["id"] == kind["id"] && text_of(&link["outwardIssue"]["id"]).as_ref() == Some(&to.jira_id)
    };
    if elements(&from.raw["fields"]["issuelinks"]).iter().any(is_there) {
        return Ok(None);
    }
    let id = write.ids(3).await?;
    let entry = |dialect: Dialect| {
        let link = address(&site, dialect, &format!("issueLink/{id}"));
        json!({ "id": id.to_string(), "self": link, "type": kind })
    };
    let mut outward = entry(from.dialect);
    outward["outwardIssue"] = brief(&site, &to);
    let mut inward = entry(to.dialect);
    inward["inwardIssue"] = brief(&site, &from);
    let mut drafts = Vec::new();
    let mut audited = Vec::new();
    for (history, row, entry) in [(id + 1, &from, &outward), (id + 2, &to, &inward)] {
        let now = next_moment(write.services, [row]);
        let mut draft = Draft::of(row, &now);
        let mut list = elements(&draft.fields()["issuelinks"]).to_vec();
        list.push(entry.clone());
        draft.fields()["issuelinks"] = Value::Array(list);
        let items = [item(entry, true)];
        draft.record(history, &now, &items);
        drafts.push(draft);
        audited.extend(items);
    }
    write.store(drafts).await?;
    write.announce("issuelink_created", event_of(&from, &outward)).await?;
    let (_, after) = sides(&audited);
    Ok(Some((from.key, after)))
}

/// A link as `GET issueLink/{id}` has it, with both of its issues.
///
/// # Errors
/// [`Error::NotFound`].
pub async fn issue_link(services: &Services, caller: &Caller, instance: &str, link: &str) -> Result<Value> {
    caller.require(crate::caller::Scope::Read)?;
    let site = crate::lookups::instance(services, caller, instance).await?;
    let mut tx = services.db.tenant(&caller.context()).await?;
    let missing = || no_link(link);
    let (from, to) = tx.link_ends(site.id, link).await?.ok_or_else(missing)?;
    let from = tx.issue(Some(site.id), &from).await?.ok_or_else(missing)?;
    let to = tx.issue(Some(site.id), &to).await?.ok_or_else(missing)?;
    let entry = elements(&from.raw["fields"]["issuelinks"]).iter().find(|entry| entry["id"] == link);
    let entry = entry.ok_or_else(missing)?;
    Ok(json!({
        "id": entry["id"], "self": entry["self"], "type": entry["type"],
        "inwardIssue": brief(&site, &from), "outwardIssue": brief(&site, &to),
    }))
}

/// Takes a link away.
///
/// # Errors
/// [`Error::NotFound`].
pub async fn unlink_issues(services: &Services, caller: &Caller, instance: &str, link: &str) -> Result<()> {
    let mut write = Writing::begin(services, caller, Action::UnlinkIssues, instance).await?;
    let (from, before) = remove(&mut write, link).await?;
    write.finish(&from, before, Value::Null).await
}

/// Takes a link away as part of a write; answers the id of its first issue and what the audit log keeps of it.
pub(super) async fn remove(write: &mut Writing<'_>, link: &str) -> Result<(String, Value)> {
    let site = write.instance.clone();
    let found = write.tx.link_ends(site.id, link).await?;
    let (from, to) = found.ok_or_else(|| no_link(link))?;
    let rows = write.issues(&[from.clone(), to]).await?;
    if !rows.iter().all(|row| write.reaches(&row.project_key)) {
        return Err(no_link(link));
    }
    let first = write.ids(rows.len()).await?;
    let mut drafts = Vec::new();
    let mut audited = Vec::new();
    let mut event = None;
    for (history, row) in (first..).zip(&rows) {
        let now = next_moment(write.services, [row]);
        let mut draft = Draft::of(row, &now);
        let (lost, kept): (Vec<Value>, Vec<Value>) =
            elements(&draft.fields()["issuelinks"]).iter().cloned().partition(|entry| entry["id"] == link);
        let Some(entry) = lost.first() else { continue };
        draft.fields()["issuelinks"] = Value::Array(kept);
        let items = [item(entry, false)];
        draft.record(history, &now, &items);
        drafts.push(draft);
        audited.extend(items);
        event.get_or_insert_with(|| event_of(row, entry));
    }
    // Somebody else took it away while this write waited.
    let event = event.ok_or_else(|| no_link(link))?;
    write.store(drafts).await?;
    write.announce("issuelink_deleted", event).await?;
    let (before, _) = sides(&audited);
    Ok((from, before))
}

fn no_link(link: &str) -> Error {
    Error::not_found("issue link", link)
}

/// Both ends of a new link, locked.
async fn ends(write: &mut Writing<'_>, from: &str, to: &str) -> Result<(IssueRow, IssueRow)> {
    let from = write.seen(from).await?.jira_id;
    let to = write.seen(to).await?.jira_id;
    let rows = write.issues(&[from.clone(), to.clone()]).await?;
    let find = |id: &String| {
        let found = rows.iter().find(|row| row.jira_id == *id).cloned();
        found.ok_or_else(|| Error::not_found("issue", id))
    };
    Ok((find(&from)?, find(&to)?))
}

/// The item of a link that an issue shows, when it comes and when it goes.
pub(super) fn item(entry: &Value, comes: bool) -> Value {
    let (other, reads) = match entry["outwardIssue"].is_object() {
        true => (&entry["outwardIssue"], &entry["type"]["outward"]),
        false => (&entry["inwardIssue"], &entry["type"]["inward"]),
    };
    let key = other["key"].as_str().unwrap_or_default();
    let sentence = format!("This issue {} {key}", reads.as_str().unwrap_or_default());
    let nothing = (Value::Null, Value::Null);
    let named = (json!(key), json!(sentence));
    let (from, to) = if comes { (nothing, named) } else { (named, nothing) };
    json!({
        "field": "Link", "fieldtype": "jira",
        "from": from.0, "fromString": from.1, "to": to.0, "toString": to.1,
    })
}

/// What webhooks tell of a link that an issue shows: all ids are numbers (jira-facts 3.4).
pub(super) fn event_of(row: &IssueRow, entry: &Value) -> Value {
    let number = |value: &Value| text_of(value).and_then(|text| text.parse::<i64>().ok());
    let own = number(&json!(row.jira_id));
    let (source, destination) = match number(&entry["outwardIssue"]["id"]) {
        Some(other) => (own, Some(other)),
        None => (number(&entry["inwardIssue"]["id"]), own),
    };
    let kind = &entry["type"];
    json!({ "issueLink": {
        "id": number(&entry["id"]),
        "sourceIssueId": source,
        "destinationIssueId": destination,
        "issueLinkType": {
            "id": number(&kind["id"]), "name": kind["name"], "outwardName": kind["outward"],
            "inwardName": kind["inward"], "isSubTaskLinkType": false, "isSystemLinkType": false,
        },
        "systemLink": false,
    }})
}
