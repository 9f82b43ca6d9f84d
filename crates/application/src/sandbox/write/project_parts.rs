//! Versions and components of a sandbox's projects.
//!
//! They are parts of their project: what is stored is the project with its lists as they are then, in the same way in which a
//! synced one is. Issues show versions and components by their names, so a change of one is a change in what they show, which no
//! history tells of; one that is deleted leaves them by a change of their own.

use chrono::NaiveDate;
use serde_json::{Map, Value, json};

use super::{
    Draft, address,
    desk::{Desk, FieldChanges, members},
    next_moment, updated_event,
    writing::Writing,
};
use crate::{
    actions::Action,
    caller::Caller,
    error::{Error, Result},
    ingest::read_rosters,
    issues::IssueRow,
    ports::ReferenceData,
    services::Services,
};

/// Issues that one write may change: more are not searched for at once.
const MOST_ISSUES: usize = 10_000;
const LONGEST_NAME: usize = 255;

/// A list of a project.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ProjectPart {
    /// Its versions.
    Version,
    /// Its components.
    Component,
}

use ProjectPart::{Component, Version};

impl ProjectPart {
    /// The member of the project.
    fn list(self) -> &'static str {
        match self {
            Version => "versions",
            Component => "components",
        }
    }

    /// What a thing of this list is called.
    fn name(self) -> &'static str {
        match self {
            Version => "version",
            Component => "component",
        }
    }

    /// The fields of issues that hold such things.
    fn fields(self) -> &'static [&'static str] {
        match self {
            Version => &["fixVersions", "versions"],
            Component => &["components"],
        }
    }

    /// The issues that hold this one.
    fn holding(self, id: &str) -> String {
        match self {
            Version => format!("fixVersion = {id} OR affectedVersion = {id}"),
            Component => format!("component = {id}"),
        }
    }

    /// What issues show of it.
    fn shown(self) -> &'static [&'static str] {
        match self {
            Version => &["self", "id", "description", "name", "archived", "released", "releaseDate"],
            Component => &["self", "id", "name", "description"],
        }
    }

    fn action(self) -> Action {
        match self {
            Version => Action::EditVersions,
            Component => Action::EditComponents,
        }
    }

    async fn of(self, write: &mut Writing<'_>, project: &str) -> Result<Vec<Value>> {
        let site = write.instance.id;
        match self {
            Version => write.tx.versions_of(site, project).await,
            Component => write.tx.components_of(site, project).await,
        }
    }
}

/// A project with the list that is written.
struct Parts {
    part: ProjectPart,
    project: Value,
    list: Vec<Value>,
}

impl Parts {
    async fn of(write: &mut Writing<'_>, part: ProjectPart, project: &str) -> Result<Self> {
        let site = write.instance.id;
        let found = write.tx.project(site, project).await?;
        let found = found.filter(|found| write.reaches(found["key"].as_str().unwrap_or_default()));
        let project = found.ok_or_else(|| Error::not_found("project", project))?;
        let list = part.of(write, project["key"].as_str().unwrap_or_default()).await?;
        Ok(Self { part, project, list })
    }

    /// The parts among which one stands, and its place.
    async fn with(write: &mut Writing<'_>, part: ProjectPart, id: &str) -> Result<(Self, usize)> {
        let site = write.instance.id;
        let missing = || Error::not_found(part.name(), id);
        let found = match part {
            Version => write.tx.version(site, id).await?,
            Component => write.tx.component(site, id).await?,
        };
        let project = found.ok_or_else(missing)?["projectId"].to_string();
        let parts = Self::of(write, part, &project).await.map_err(|error| match error {
            Error::NotFound { .. } => missing(),
            other => other,
        })?;
        let place = parts.list.iter().position(|one| one["id"] == id).ok_or_else(missing)?;
        Ok((parts, place))
    }

    /// Refuses a name that is none, or another's.
    fn check_name(&self, name: Option<&Value>, own: Option<usize>) -> Result<()> {
        let Some(name) = name else { return Ok(()) };
        let refused = |message: String| Err(Error::invalid("name", message));
        let name = name.as_str().map(str::trim).unwrap_or_default();
        if name.is_empty() || name.chars().count() > LONGEST_NAME {
            return refused(match self.part {
                Version => "You must specify a valid version name".into(),
                Component => "The component name specified is invalid - cannot be an empty string.".into(),
            });
        }
        let is_taken = self.list.iter().enumerate().any(|(place, other)| {
            Some(place) != own
                && other["name"].as_str().is_some_and(|other| other.to_lowercase() == name.to_lowercase())
        });
        match (is_taken, self.part) {
            (false, _) => Ok(()),
            (true, Version) => refused("A version with this name already exists in this project.".into()),
            (true, Component) => {
                refused(format!("A component with the name {name} already exists in this project."))
            }
        }
    }

    /// Stores the project with the list as it is.
    async fn store(self, write: &mut Writing<'_>) -> Result<()> {
        let Self { part, mut project, list } = self;
        project[part.list()] = Value::Array(list);
        let key = project["key"].as_str().unwrap_or_default().to_owned();
        for other in [Version, Component] {
            if !project[other.list()].is_array() {
                project[other.list()] = Value::Array(other.of(write, &key).await?);
            }
        }
        let site = write.instance.id;
        let erased = write.tx.erased_people(site).await?;
        let id = project["id"].as_str().unwrap_or_default().to_owned();
        let data = ReferenceData { projects: vec![project], ..ReferenceData::default() };
        let mut records = read_rosters(data, write.services.secrets.as_ref(), &erased);
        // One project's lists are whole, those of the site are not.
        records.whole.clear();
        records.parts_of.push(id);
        write.tx.upsert_reference(site, &records, true).await
    }
}

/// Makes a version or a component of the project that is named by its key or id; answers it as served.
///
/// # Errors
/// [`Error::NotFound`] without the project; [`Error::Invalid`] for a name that is none or taken, and for other members that cannot be
/// so.
pub async fn create_project_part(
    services: &Services,
    caller: &Caller,
    instance: &str,
    part: ProjectPart,
    (project, wanted): (&str, &Map<String, Value>),
) -> Result<Value> {
    let mut write = Writing::begin(services, caller, part.action(), instance).await?;
    let mut parts = Parts::of(&mut write, part, project).await?;
    parts.check_name(Some(wanted.get("name").unwrap_or(&Value::Null)), None)?;
    let id = write.ids(1).await?;
    let path = format!("{}/{id}", part.name());
    let mut made = json!({
        "self": address(&write.instance, write.instance.dialect, &path),
        "id": id.to_string(),
        "projectId": number(&parts.project["id"]),
    });
    match part {
        Version => {
            made["archived"] = json!(false);
            made["released"] = json!(false);
        }
        Component => {
            made["project"] = parts.project["key"].clone();
            made["assigneeType"] = json!("PROJECT_DEFAULT");
            made["isAssigneeTypeValid"] = json!(false);
        }
    }
    apply(&mut write, part, &mut made, wanted).await?;
    parts.list.push(made.clone());
    parts.store(&mut write).await?;
    announce(&mut write, part, "created", &made).await?;
    write.finish(&id.to_string(), Value::Null, audited(part, &made)).await?;
    Ok(made)
}

/// Changes a version or a component; answers it as served.
///
/// # Errors
/// As [`create_project_part`]; [`Error::NotFound`] without it.
pub async fn edit_project_part(
    services: &Services,
    caller: &Caller,
    instance: &str,
    part: ProjectPart,
    (id, wanted): (&str, &Map<String, Value>),
) -> Result<Value> {
    let mut write = Writing::begin(services, caller, part.action(), instance).await?;
    let (mut parts, place) = Parts::with(&mut write, part, id).await?;
    parts.check_name(wanted.get("name"), Some(place))?;
    let before = parts.list[place].clone();
    let mut after = before.clone();
    apply(&mut write, part, &mut after, wanted).await?;
    if after == before {
        return Ok(after);
    }
    let rows = holding(&mut write, part, id).await?;
    parts.list[place] = after.clone();
    parts.store(&mut write).await?;
    let shown = members(&after, part.shown());
    let drafts: Vec<Draft> = rows.iter().map(|row| renewed(row, part, id, &shown)).collect();
    if !drafts.is_empty() {
        write.store(drafts).await?;
    }
    let event = match (before["released"] == true, after["released"] == true) {
        (false, true) => "released",
        (true, false) => "unreleased",
        _ => "updated",
    };
    announce(&mut write, part, event, &after).await?;
    write.finish(id, audited(part, &before), audited(part, &after)).await?;
    Ok(after)
}

/// The issue showing the part as it is now; its `updated` stays.
fn renewed(row: &IssueRow, part: ProjectPart, id: &str, shown: &Value) -> Draft {
    let mut draft = Draft::keeping(row);
    for field in part.fields() {
        for entry in draft.fields()[*field].as_array_mut().into_iter().flatten() {
            if entry["id"] == id {
                *entry = shown.clone();
            }
        }
    }
    draft
}

/// What takes the place of a part that is deleted, field by field of issues: the id of another one.
pub type Replacements<'a> = &'a [(&'static str, Option<&'a str>)];

/// Deletes a version or a component. Issues that held it hold what is named instead, or nothing of it.
///
/// # Errors
/// [`Error::NotFound`] without it, or without what is to take its place in the same project.
pub async fn delete_project_part(
    services: &Services,
    caller: &Caller,
    instance: &str,
    part: ProjectPart,
    (id, instead): (&str, Replacements<'_>),
) -> Result<()> {
    let mut write = Writing::begin(services, caller, part.action(), instance).await?;
    let (mut parts, place) = Parts::with(&mut write, part, id).await?;
    for other in instead.iter().filter_map(|(_, other)| *other) {
        if other == id || !parts.list.iter().any(|one| one["id"] == other) {
            return Err(Error::not_found(part.name(), other));
        }
    }
    let rows = holding(&mut write, part, id).await?;
    let mut changed = Vec::with_capacity(rows.len());
    let site = write.instance.clone();
    for row in &rows {
        let changes = replacing(row, part, id, instead);
        let now = next_moment(services, [row]);
        let mut draft = Draft::of(row, &now);
        let mut desk = Desk::new(&mut write, &site, row.dialect, row.dialect);
        let items = desk.apply(draft.fields(), &changes).await?;
        changed.push((draft, now, items));
    }
    let first = if changed.is_empty() { 0 } else { write.ids(changed.len()).await? };
    let (mut drafts, mut events) = (Vec::new(), Vec::new());
    for (history, (mut draft, now, items)) in (first..).zip(changed) {
        draft.record(history, &now, &items);
        events.push(updated_event(&site, &draft, "issue_updated", history, &items));
        drafts.push(draft);
    }
    if !drafts.is_empty() {
        write.store(drafts).await?;
    }
    let before = parts.list.remove(place);
    parts.store(&mut write).await?;
    for event in events {
        write.announce("jira:issue_updated", event).await?;
    }
    announce(&mut write, part, "deleted", &before).await?;
    write.finish(id, audited(part, &before), Value::Null).await
}

/// The change by which an issue holds something else, in the fields where it holds this.
fn replacing(row: &IssueRow, part: ProjectPart, id: &str, instead: Replacements<'_>) -> FieldChanges {
    let mut update = Map::new();
    for field in part.fields() {
        let held = row.raw["fields"][*field].as_array().into_iter().flatten();
        if !held.into_iter().any(|entry| entry["id"] == id) {
            continue;
        }
        let mut steps = vec![json!({ "remove": { "id": id } })];
        let other = instead.iter().find(|(of, _)| of == field).and_then(|(_, other)| *other);
        steps.extend(other.map(|other| json!({ "add": { "id": other } })));
        update.insert((*field).to_owned(), Value::Array(steps));
    }
    FieldChanges { dialect: row.dialect, fields: Map::new(), update }
}

/// The issues that hold a part, locked.
async fn holding(write: &mut Writing<'_>, part: ProjectPart, id: &str) -> Result<Vec<IssueRow>> {
    let found = write.search(&part.holding(id)).await?;
    if found.len() >= MOST_ISSUES {
        let message =
            format!("{MOST_ISSUES} issues or more hold it, which is more than one write can change");
        return Err(Error::Conflict(message));
    }
    let ids: Vec<String> = found.into_iter().map(|row| row.jira_id).collect();
    write.issues(&ids).await
}

/// Puts what is wanted into a part.
async fn apply(
    write: &mut Writing<'_>,
    part: ProjectPart,
    shown: &mut Value,
    wanted: &Map<String, Value>,
) -> Result<()> {
    for (member, value) in wanted {
        match (part, member.as_str()) {
            (_, "name") => shown["name"] = json!(value.as_str().unwrap_or_default().trim()),
            (_, "description") => set_or_remove(shown, member, value),
            (Version, "archived" | "released") => {
                shown[member] = json!(value.as_bool().ok_or_else(|| no_flag(member))?);
            }
            (Version, "startDate" | "releaseDate") => {
                let is_day = |day: &str| NaiveDate::parse_from_str(day, "%Y-%m-%d").is_ok();
                if !value.is_null() && !value.as_str().is_some_and(is_day) {
                    return Err(Error::invalid(
                        member,
                        "Please enter the date in the following format: yyyy-MM-dd",
                    ));
                }
                set_or_remove(shown, member, value);
            }
            (Component, "assigneeType") => shown[member] = value.clone(),
            (Component, "leadAccountId" | "leadUserName") => {
                let lead = lead(write, member, value).await?;
                set_or_remove(shown, "lead", &lead);
            }
            _ => {}
        }
    }
    Ok(())
}

async fn lead(write: &mut Writing<'_>, member: &str, value: &Value) -> Result<Value> {
    let account = value.as_str().unwrap_or_default();
    if account.is_empty() {
        return Ok(Value::Null);
    }
    let found = write.tx.user(write.instance.id, account).await?;
    found.ok_or_else(|| Error::invalid(member, format!("The user {account} does not exist.")))
}

fn no_flag(member: &str) -> Error {
    Error::invalid(member, "is neither true nor false")
}

fn set_or_remove(shown: &mut Value, member: &str, value: &Value) {
    match (shown.as_object_mut(), value) {
        (Some(members), Value::Null) => drop(members.remove(member)),
        (Some(members), value) => drop(members.insert(member.to_owned(), value.clone())),
        (None, _) => {}
    }
}

/// Jira tells webhooks of versions, and of components nothing.
async fn announce(write: &mut Writing<'_>, part: ProjectPart, what: &str, shown: &Value) -> Result<()> {
    if part == Component {
        return Ok(());
    }
    write.announce(&format!("jira:version_{what}"), json!({ "version": shown })).await
}

fn audited(part: ProjectPart, shown: &Value) -> Value {
    members(shown, part.shown())
}

/// Ids of projects are numbers in versions and components.
fn number(id: &Value) -> Value {
    id.as_str().and_then(|id| id.parse::<i64>().ok()).map_or_else(|| id.clone(), Value::from)
}
