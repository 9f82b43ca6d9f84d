//! What a project lists and its issues show: versions and components.

use serde_json::{Map, Value, json};

use super::{
    Draft,
    desk::members,
    fields::{Field, elements},
    next_moment, updated_event,
    writing::{BATCH, Writing},
};
use crate::{
    error::{Error, Result},
    ingest::text_of,
    issues::IssueRow,
};

/// Which of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Part {
    Version,
    Component,
}

/// What issues show of a version or a component; the lists have more.
pub(super) const SHOWN: [&str; 7] =
    ["self", "id", "name", "description", "archived", "released", "releaseDate"];

impl Part {
    /// The fields of issues in which it stands.
    fn fields(self) -> &'static [&'static str] {
        match self {
            Self::Version => &["fixVersions", "versions"],
            Self::Component => &["components"],
        }
    }

    /// The question that finds the issues that show it.
    fn question(self, id: &str) -> String {
        match self {
            Self::Version => format!("fixVersion = {id} OR affectedVersion = {id} ORDER BY id"),
            Self::Component => format!("component = {id} ORDER BY id"),
        }
    }
}

/// A project that a client names.
pub(super) struct NamedProject {
    pub(super) id: String,
    pub(super) number: Value,
    pub(super) key: String,
    pub(super) raw: Value,
}

/// The project that `projectId` (a number) or `project` (a key) names, where the caller may write.
pub(super) async fn project_of(write: &mut Writing<'_>, wanted: &Map<String, Value>) -> Result<NamedProject> {
    let named = ["projectId", "project"].into_iter().find_map(|member| wanted.get(member).and_then(text_of));
    let named = named.ok_or_else(|| Error::invalid("projectId", "Project must be specified."))?;
    let missing = || Error::not_found("project", &named);
    let site = write.instance.id;
    let raw = write.tx.project(site, &named).await?.ok_or_else(missing)?;
    let (id, key) = (text_of(&raw["id"]).unwrap_or_default(), text_of(&raw["key"]).unwrap_or_default());
    if !write.reaches(&key) {
        return Err(missing());
    }
    let number = id.parse::<i64>().map_or(Value::Null, Value::from);
    Ok(NamedProject { id, number, key, raw })
}

/// Lets a project that shows its versions and components show those that it has now.
pub(super) async fn shown_in_project(write: &mut Writing<'_>, key: &str) -> Result<()> {
    let site = write.instance.id;
    write.tx.show_parts_in_project(site, key).await
}

/// Lets the issues of a version or component show it as it is now. That is no change of theirs.
pub(super) async fn shown_in_issues(write: &mut Writing<'_>, part: Part, now: &Value) -> Result<()> {
    let id = text_of(&now["id"]).unwrap_or_default();
    let shown = members(now, &SHOWN);
    for some in write.lock_all(&part.question(&id)).await?.chunks(BATCH) {
        let mut drafts = Vec::new();
        for row in write.rows(some).await? {
            let mut draft = Draft::keeping(&row);
            for field in part.fields() {
                for entry in draft.fields()[*field].as_array_mut().into_iter().flatten() {
                    if text_of(&entry["id"]).as_deref() == Some(&id) {
                        *entry = shown.clone();
                    }
                }
            }
            if draft.raw != row.raw {
                drafts.push(draft);
            }
        }
        if !drafts.is_empty() {
            write.store(drafts).await?;
        }
    }
    Ok(())
}

/// Takes a version or component out of every issue, and puts others in its place: a history and an event for each.
pub(super) async fn leave(
    write: &mut Writing<'_>,
    part: Part,
    id: &str,
    places: &[(&'static str, Option<Value>)],
) -> Result<()> {
    for some in write.lock_all(&part.question(id)).await?.chunks(BATCH) {
        let rows = write.rows(some).await?;
        leave_some(write, &rows, id, places).await?;
    }
    Ok(())
}

async fn leave_some(
    write: &mut Writing<'_>,
    rows: &[IssueRow],
    id: &str,
    places: &[(&'static str, Option<Value>)],
) -> Result<()> {
    if rows.is_empty() {
        return Ok(());
    }
    let first = write.ids(rows.len()).await?;
    let site = write.instance.clone();
    let (mut drafts, mut events) = (Vec::new(), Vec::new());
    for (history, row) in (first..).zip(rows) {
        let now = next_moment(write.services, [row]);
        let mut draft = Draft::of(row, &now);
        let mut items = Vec::new();
        for (name, other) in places {
            let before = draft.fields()[*name].clone();
            let after = swapped(&before, id, other.as_ref());
            if let Some(field) = Field::find(name, &[]) {
                items.extend(field.items(&before, &after));
            }
            draft.fields()[*name] = after;
        }
        draft.record(history, &now, &items);
        events.push(updated_event(&site, &draft, "issue_updated", history, &items));
        drafts.push(draft);
    }
    write.store(drafts).await?;
    for event in events {
        write.announce_besides("jira:issue_updated", event).await?;
    }
    Ok(())
}

/// A list without one entry, and with another one in its place unless it has it already.
fn swapped(list: &Value, id: &str, other: Option<&Value>) -> Value {
    let is = |entry: &Value, id: Option<&str>| text_of(&entry["id"]).as_deref() == id;
    let had = elements(list).iter().any(|entry| is(entry, Some(id)));
    let mut left: Vec<Value> = elements(list).iter().filter(|entry| !is(entry, Some(id))).cloned().collect();
    if let Some(other) = other.filter(|_| had) {
        let other_id = text_of(&other["id"]);
        if !left.iter().any(|entry| is(entry, other_id.as_deref())) {
            left.push(members(other, &SHOWN));
        }
    }
    json!(left)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_entry_gives_way_to_another_one_once() {
        let list = json!([{ "id": "1" }, { "id": "2" }]);
        let other = json!({ "id": "3", "name": "c", "projectId": 9 });
        assert_eq!(swapped(&list, "1", None), json!([{ "id": "2" }]));
        assert_eq!(swapped(&list, "1", Some(&other)), json!([{ "id": "2" }, { "id": "3", "name": "c" }]));
        assert_eq!(swapped(&list, "1", Some(&json!({ "id": "2" }))), json!([{ "id": "2" }]));
        assert_eq!(swapped(&list, "7", Some(&other)), list);
        assert_eq!(swapped(&Value::Null, "7", None), json!([]));
    }
}
