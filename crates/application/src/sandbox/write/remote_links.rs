//! Links from issues to what is outside of the site. They do not change `updated` (jira-facts 2.5).

use serde_json::{Map, Value, json};

use super::{Draft, address, writing::Writing};
use crate::{
    actions::Action,
    caller::Caller,
    error::{Error, FieldProblem, Result},
    ingest::text_of,
    issues::{IssueRow, RemoteLinkRecord},
    services::Services,
};

/// A remote link as it is stored, and whether it is new.
#[derive(Clone, Debug, PartialEq)]
pub struct StoredRemoteLink {
    /// Its id.
    pub id: i64,
    /// Where it is served.
    pub address: String,
    /// Whether there was none with its id or its `globalId` before.
    pub is_new: bool,
}

/// Which link is written.
#[derive(Clone, Copy, Debug)]
pub enum RemoteLinkName<'a> {
    /// The one with the `globalId` of the body, or else a new one.
    OfBody,
    /// The one with this id.
    Id(&'a str),
    /// The one with this `globalId`.
    GlobalId(&'a str),
}

/// Writes a remote link of an issue: a new one, or another content for one that is there.
///
/// # Errors
/// [`Error::NotFound`] without the issue or the link that is named; [`Error::Invalid`] without an address and a title.
pub async fn put_remote_link(
    services: &Services,
    caller: &Caller,
    instance: &str,
    issue: &str,
    (name, body): (RemoteLinkName<'_>, &Map<String, Value>),
) -> Result<StoredRemoteLink> {
    let mut write = Writing::begin(services, caller, Action::PutRemoteLink, instance).await?;
    check(body)?;
    let row = write.issue(issue).await?;
    let mut links = write.tx.remote_links(row.id).await?;
    let place = match name {
        RemoteLinkName::OfBody => match body.get("globalId").and_then(Value::as_str) {
            Some(global) => place(&links, RemoteLinkName::GlobalId(global)),
            None => None,
        },
        RemoteLinkName::Id(id) | RemoteLinkName::GlobalId(id) => {
            Some(place(&links, name).ok_or_else(|| Error::not_found("remote link", id))?)
        }
    };
    let id = match place {
        Some(at) => text_of(&links[at]["id"]).and_then(|id| id.parse().ok()).unwrap_or_default(),
        None => write.ids(1).await?,
    };
    let address = address(&write.instance, row.dialect, &format!("issue/{}/remotelink/{id}", row.key));
    let link = raw(id, &address, body);
    let before = place.map_or(Value::Null, |at| links[at].clone());
    match place {
        Some(at) => links[at] = link.clone(),
        None => links.push(link.clone()),
    }
    store(&mut write, &row, &links).await?;
    if place.is_none() {
        let to = json!({ "to": id.to_string(), "toString": told(&link), "from": null, "fromString": null });
        record(&mut write, &row, to).await?;
    }
    write.finish(&row.key, before, link).await?;
    Ok(StoredRemoteLink { id, address, is_new: place.is_none() })
}

/// Takes a remote link away.
///
/// # Errors
/// [`Error::NotFound`] without the issue or the link.
pub async fn remove_remote_link(
    services: &Services,
    caller: &Caller,
    instance: &str,
    issue: &str,
    name: RemoteLinkName<'_>,
) -> Result<()> {
    let mut write = Writing::begin(services, caller, Action::RemoveRemoteLink, instance).await?;
    let row = write.issue(issue).await?;
    let mut links = write.tx.remote_links(row.id).await?;
    let (RemoteLinkName::Id(asked) | RemoteLinkName::GlobalId(asked)) = name else {
        return Err(Error::invalid("globalId", "Name the link to be deleted."));
    };
    let at = place(&links, name).ok_or_else(|| Error::not_found("remote link", asked))?;
    let gone = links.remove(at);
    store(&mut write, &row, &links).await?;
    let from = json!({
        "from": text_of(&gone["id"]), "fromString": told(&gone), "to": null, "toString": null,
    });
    record(&mut write, &row, from).await?;
    write.finish(&row.key, gone, Value::Null).await
}

fn place(links: &[Value], name: RemoteLinkName<'_>) -> Option<usize> {
    links.iter().position(|link| match name {
        RemoteLinkName::OfBody => false,
        RemoteLinkName::Id(id) => text_of(&link["id"]).as_deref() == Some(id),
        RemoteLinkName::GlobalId(id) => link["globalId"] == id,
    })
}

fn check(body: &Map<String, Value>) -> Result<()> {
    let mut problems = Vec::new();
    for (member, message) in [("url", "'url' is required."), ("title", "'title' is required.")] {
        let value = body.get("object").map(|object| &object[member]);
        if value.and_then(Value::as_str).is_none_or(|text| text.trim().is_empty()) {
            problems.push(FieldProblem { field: member.to_owned(), message: message.to_owned() });
        }
    }
    if problems.is_empty() { Ok(()) } else { Err(Error::Invalid(problems)) }
}

fn raw(id: i64, address: &str, body: &Map<String, Value>) -> Value {
    let mut link = json!({ "id": id, "self": address });
    for member in ["globalId", "application", "relationship", "object"] {
        if let Some(value) = body.get(member).filter(|value| !value.is_null()) {
            link[member] = value.clone();
        }
    }
    link
}

fn told(link: &Value) -> String {
    let title = link["object"]["title"].as_str().unwrap_or_default();
    match link["application"]["name"].as_str() {
        Some(application) => format!("This issue links to \"{title} ({application})\""),
        None => format!("This issue links to \"{title}\""),
    }
}

async fn store(write: &mut Writing<'_>, row: &IssueRow, links: &[Value]) -> Result<()> {
    let records: Vec<RemoteLinkRecord> = links
        .iter()
        .map(|link| RemoteLinkRecord {
            jira_id: text_of(&link["id"]).unwrap_or_default(),
            global_id: text_of(&link["globalId"]),
            relationship: text_of(&link["relationship"]),
            application: text_of(&link["application"]["name"]),
            title: text_of(&link["object"]["title"]).unwrap_or_default(),
            url: text_of(&link["object"]["url"]).unwrap_or_default(),
            raw: link.clone(),
        })
        .collect();
    let site = write.instance.id;
    write.tx.replace_remote_links(site, row.id, &records).await.map(drop)
}

/// The history of an issue tells of the link, though it is no change of a field.
async fn record(write: &mut Writing<'_>, row: &IssueRow, sides: Value) -> Result<()> {
    let id = write.ids(1).await?;
    let now = super::next_moment(write.services, [row]);
    let mut draft = Draft::keeping(row);
    let mut item = json!({ "field": "RemoteIssueLink", "fieldtype": "jira" });
    super::merge(&mut item, sides);
    draft.record(id, &now, &[item]);
    write.store(vec![draft]).await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_remote_link_has_an_address_and_a_title() {
        let body = |value: Value| value.as_object().cloned().unwrap();
        assert!(check(&body(json!({ "object": { "url": "https://x", "title": "X" } }))).is_ok());
        for bad in [json!({}), json!({ "object": { "url": "https://x" } }), json!({ "object": null })] {
            assert!(check(&body(bad.clone())).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_link_is_found_by_its_id_or_by_the_one_that_its_maker_chose() {
        let links = [json!({ "id": 7, "globalId": "a" }), json!({ "id": 8 })];
        assert_eq!(place(&links, RemoteLinkName::Id("8")), Some(1));
        assert_eq!(place(&links, RemoteLinkName::GlobalId("a")), Some(0));
        assert_eq!(place(&links, RemoteLinkName::GlobalId("b")), None);
        assert_eq!(told(&json!({ "object": { "title": "T" } })), "This issue links to \"T\"");
    }
}
