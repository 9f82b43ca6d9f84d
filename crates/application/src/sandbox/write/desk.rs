//! Values as clients write them (an id, a name, a document) made into values as Jira serves them, by the site's rosters.

use serde_json::{Map, Value, json};

use super::{
    brief, components,
    fields::{Field, Kind, elements, is_element},
    parts::SHOWN,
    people, sprint_field,
    time::{self, Tracking},
    writing::Writing,
};
use crate::{
    caller::Caller,
    error::{Error, FieldProblem, Result},
    ingest::text_of,
    instances::{Dialect, Instance},
    issues::CommentBody,
    ports::TenantTx,
    reference::Roster,
};

/// What a client wants of an issue's fields, as it was sent.
#[derive(Clone, Debug)]
pub struct FieldChanges {
    /// The version of the API that was spoken: how rich text is written.
    pub dialect: Dialect,
    /// `fields`: values to set.
    pub fields: Map<String, Value>,
    /// `update`: lists of operations.
    pub update: Map<String, Value>,
}

/// One operation on a field.
enum Operation<'v> {
    Set(&'v Value),
    Add(&'v Value),
    Remove(&'v Value),
    /// Sets members of the value.
    Edit(&'v Value),
}

impl FieldChanges {
    /// Whether it names a field.
    pub(super) fn names(&self, field: &str) -> bool {
        self.fields.contains_key(field) || self.update.contains_key(field)
    }

    /// Takes a field's value out of `fields`.
    pub(super) fn take(&mut self, field: &str) -> Value {
        self.fields.remove(field).unwrap_or_default()
    }

    /// Leaves out the fields that are not to be kept.
    pub(super) fn keep(&mut self, is_kept: impl Fn(&String) -> bool) {
        self.fields.retain(|id, _| is_kept(id));
        self.update.retain(|id, _| is_kept(id));
    }

    /// The fields with what is to be done to them, in the order of their names.
    fn operations(&self) -> Result<Vec<(&str, Vec<Operation<'_>>)>> {
        let set = self.fields.iter().map(|(id, value)| (id.as_str(), vec![Operation::Set(value)]));
        let mut all: Vec<_> = set.collect();
        for (id, operations) in &self.update {
            if self.fields.contains_key(id) {
                let message = format!("Field '{id}' cannot appear in both 'fields' and 'update'");
                return Err(Error::invalid(id, message));
            }
            let operations: Option<Vec<_>> =
                elements(operations).iter().flat_map(|members| parsed(members)).collect();
            let malformed =
                || Error::invalid(id, "Operations must be a list of 'set', 'add', 'remove' and 'edit'.");
            all.push((id, operations.filter(|found| !found.is_empty()).ok_or_else(malformed)?));
        }
        Ok(all)
    }
}

fn parsed(members: &Value) -> Vec<Option<Operation<'_>>> {
    let Some(members) = members.as_object() else { return vec![None] };
    members
        .iter()
        .map(|(verb, value)| match verb.as_str() {
            "set" => Some(Operation::Set(value)),
            "add" => Some(Operation::Add(value)),
            "remove" => Some(Operation::Remove(value)),
            "edit" => Some(Operation::Edit(value)),
            _ => None,
        })
        .collect()
}

/// A site's rosters, each read once.
pub(super) struct Desk<'t> {
    pub(super) tx: &'t mut dyn TenantTx,
    instance: &'t Instance,
    caller: &'t Caller,
    /// How the values are written.
    from: Dialect,
    /// How the issue is stored.
    to: Dialect,
    rosters: Vec<(Roster, Vec<Value>)>,
}

impl<'t> Desk<'t> {
    pub(super) fn new(
        write: &'t mut Writing<'_>,
        instance: &'t Instance,
        from: Dialect,
        to: Dialect,
    ) -> Self {
        let caller = write.caller;
        Self { tx: write.tx.as_mut(), instance, caller, from, to, rosters: Vec::new() }
    }

    /// A roster as served.
    pub(super) async fn roster(&mut self, wanted: Roster) -> Result<&[Value]> {
        let at = match self.rosters.iter().position(|(known, _)| *known == wanted) {
            Some(at) => at,
            None => {
                let read = self.tx.roster(self.instance.id, wanted).await?;
                self.rosters.push((wanted, read));
                self.rosters.len() - 1
            }
        };
        Ok(&self.rosters[at].1)
    }

    /// Makes the changes to an issue's fields; answers the items of its history.
    ///
    /// # Errors
    /// [`Error::Invalid`] with every field that cannot be changed so, in Jira's words.
    pub(super) async fn apply(&mut self, fields: &mut Value, changes: &FieldChanges) -> Result<Vec<Value>> {
        let mut items = Vec::new();
        let mut problems: Vec<FieldProblem> = Vec::new();
        for (id, operations) in changes.operations()? {
            let Some(field) = Field::find(id, self.roster(Roster::Fields).await?) else {
                problems.push(FieldProblem { field: id.to_owned(), message: unknown(id) });
                continue;
            };
            let before = fields[id].clone();
            match self.changed(&field, fields, &before, &operations).await {
                Ok(after) => {
                    let changed = field.items(&before, &after);
                    if !changed.is_empty() {
                        put(fields, &field, after);
                        items.extend(changed);
                    }
                }
                Err(Error::Invalid(found)) => problems.extend(found),
                Err(error) => return Err(error),
            }
        }
        if problems.is_empty() { Ok(items) } else { Err(Error::Invalid(problems)) }
    }

    async fn changed(
        &mut self,
        field: &Field,
        fields: &Value,
        before: &Value,
        operations: &[Operation<'_>],
    ) -> Result<Value> {
        let mut value = before.clone();
        for operation in operations {
            match operation {
                Operation::Set(wanted) => value = self.whole(field, fields, wanted).await?,
                // Estimates that are left out stay as they are, however the others are said.
                Operation::Edit(wanted) if field.kind == Kind::TimeTracking => {
                    value = self.whole(field, fields, wanted).await?;
                }
                Operation::Edit(_) => {
                    let message = format!("Field '{}' cannot be edited in part; set it.", field.id);
                    return Err(Error::invalid(&field.id, message));
                }
                Operation::Add(_) | Operation::Remove(_) if !field.kind.is_list() => {
                    let message = format!("Field '{}' can only be set.", field.id);
                    return Err(Error::invalid(&field.id, message));
                }
                Operation::Add(wanted) => {
                    let element = self.single(field, fields, wanted).await?;
                    let mut list = elements(&value).to_vec();
                    if !list.iter().any(|known| is_element(known, &element)) {
                        list.push(element);
                    }
                    value = Value::Array(list);
                }
                Operation::Remove(wanted) => {
                    let element = self.single(field, fields, wanted).await?;
                    let mut list = elements(&value).to_vec();
                    list.retain(|known| !is_element(known, &element));
                    value = Value::Array(list);
                }
            }
        }
        // Custom fields without a value are null, whatever their type; system lists are empty.
        let is_empty_custom = field.id.starts_with("customfield_") && value == json!([]);
        Ok(if is_empty_custom { Value::Null } else { value })
    }

    /// A value that takes the place of the one before.
    async fn whole(&mut self, field: &Field, fields: &Value, wanted: &Value) -> Result<Value> {
        if field.kind.is_list() {
            let Some(list) = wanted.as_array() else {
                // The example of Jira's own reference empties a list by an empty text.
                if wanted.is_null() || wanted == "" {
                    return Ok(json!([]));
                }
                return Err(Error::invalid(&field.id, "data was not an array"));
            };
            let mut whole: Vec<Value> = Vec::new();
            for element in list {
                let element = self.single(field, fields, element).await?;
                if !whole.iter().any(|known| is_element(known, &element)) {
                    whole.push(element);
                }
            }
            return Ok(Value::Array(whole));
        }
        if wanted.is_null() && !matches!(field.kind, Kind::Summary | Kind::IssueType | Kind::Sprint) {
            return Ok(Value::Null);
        }
        match field.kind {
            Kind::TimeTracking => estimates(&Tracking::of_issue(fields), wanted),
            Kind::Sprint => self.sprints(field, &fields[&field.id], wanted).await,
            Kind::Parent => self.parent(fields, wanted).await,
            _ => self.single(field, fields, wanted).await,
        }
    }

    /// One value: of the field, or of an element of its list.
    async fn single(&mut self, field: &Field, fields: &Value, wanted: &Value) -> Result<Value> {
        let refused = |message: &str| Error::invalid(&field.id, message);
        match field.kind {
            Kind::Summary => summary(wanted),
            Kind::Text => match wanted {
                Value::String(text) if text.chars().count() <= 255 => Ok(wanted.clone()),
                Value::String(_) => Err(refused(
                    "The entered text is too long. It exceeds the allowed limit of 255 characters.",
                )),
                _ => Err(refused("Operation value must be a string")),
            },
            Kind::RichText => self.rich(field, &fields[&field.id], wanted),
            Kind::Number if wanted.is_number() => Ok(wanted.clone()),
            Kind::Number => Err(refused("Operation value must be a number")),
            Kind::Date => {
                let day =
                    wanted.as_str().filter(|day| chrono::NaiveDate::parse_from_str(day, "%Y-%m-%d").is_ok());
                day.map(|day| json!(day))
                    .ok_or_else(|| refused("Error parsing date string; it must be of the form yyyy-MM-dd"))
            }
            Kind::Moment => domain::jira_time::parse_json(wanted)
                .map(|moment| json!(domain::jira_time::format(moment)))
                .map_err(|_| {
                    refused("Error parsing time; it must be of the form yyyy-MM-dd'T'HH:mm:ss.SSSZ")
                }),
            Kind::Labels => match wanted.as_str() {
                Some(label) if label.chars().any(char::is_whitespace) => {
                    Err(refused(&format!("The label '{label}' contains spaces which is invalid.")))
                }
                Some(label) if !label.is_empty() && label.chars().count() <= 255 => Ok(json!(label)),
                _ => Err(refused("Labels must be texts of 1 to 255 characters")),
            },
            Kind::User | Kind::Users => self.user(field, fields, wanted).await,
            Kind::Priority => {
                self.named(Roster::Priorities, field, wanted, "The priority selected is invalid.").await
            }
            Kind::IssueType => {
                self.named(Roster::IssueTypes, field, wanted, "Specify a valid issue type").await
            }
            Kind::Components => self.of_project(Roster::Components, field, fields, wanted).await,
            Kind::Versions => self.of_project(Roster::Versions, field, fields, wanted).await,
            Kind::Option | Kind::Options | Kind::Cascade => self.option(field, wanted).await,
            Kind::Sprint | Kind::Parent | Kind::TimeTracking => {
                Err(refused("cannot be an element of a list"))
            }
        }
    }

    fn rich(&self, field: &Field, stored: &Value, wanted: &Value) -> Result<Value> {
        let body = match (self.from, wanted) {
            (Dialect::V3, document) if document["type"] == "doc" => {
                let valid = adf::validate(document);
                valid.map_err(|problems| {
                    let first = problems.first().map(ToString::to_string).unwrap_or_default();
                    Error::invalid(&field.id, format!("is no valid Atlassian Document: {first}"))
                })?;
                CommentBody::Adf(document.clone())
            }
            (Dialect::V3, _) => {
                let message =
                    "Operation value must be an Atlassian Document (see the Atlassian Document Format)";
                return Err(Error::invalid(&field.id, message));
            }
            (Dialect::V2, Value::String(markup)) if markup.trim().is_empty() => return Ok(Value::Null),
            (Dialect::V2, Value::String(markup)) => CommentBody::Wiki(markup.clone()),
            (Dialect::V2, _) => return Err(Error::invalid(&field.id, "Operation value must be a string")),
        };
        Ok(body.in_place_of(stored, self.to))
    }

    async fn named(&mut self, roster: Roster, field: &Field, wanted: &Value, refusal: &str) -> Result<Value> {
        let found = pick(self.roster(roster).await?.iter(), wanted);
        found.cloned().ok_or_else(|| Error::invalid(&field.id, refusal))
    }

    /// A component or a version of the issue's project, with the members that issues show of it.
    async fn of_project(
        &mut self,
        roster: Roster,
        field: &Field,
        fields: &Value,
        wanted: &Value,
    ) -> Result<Value> {
        let project = text_of(&fields["project"]["id"]);
        let listed = self.roster(roster).await?.iter();
        // What only issues have shown does not tell its project.
        let own =
            listed.filter(|entry| entry["projectId"].is_null() || text_of(&entry["projectId"]) == project);
        let found = pick(own, wanted).map(|entry| members(entry, &SHOWN));
        found.ok_or_else(|| {
            let what = if roster == Roster::Components { "Component" } else { "Version" };
            let asked = text_of(&wanted["name"]).or_else(|| text_of(&wanted["id"])).unwrap_or_default();
            Error::invalid(&field.id, format!("{what} name '{asked}' is not valid"))
        })
    }

    /// A user by account id, key or name. `-1` is whoever is assigned by default.
    async fn user(&mut self, field: &Field, fields: &Value, wanted: &Value) -> Result<Value> {
        let asked = ["accountId", "id", "key", "name"].into_iter().find_map(|member| wanted[member].as_str());
        let Some(asked) = asked else {
            let names_nobody = wanted.as_object().is_some_and(|members| members.values().all(Value::is_null));
            return match names_nobody {
                true => Ok(Value::Null),
                false => Err(Error::invalid(&field.id, "Specify a valid user")),
            };
        };
        if asked == "-1" {
            return components::automatic_assignee(self.tx, self.instance, self.to, fields).await;
        }
        let found = people::named(self.tx, self.instance, self.to, asked).await?;
        found.ok_or_else(|| Error::invalid(&field.id, format!("User '{asked}' does not exist.")))
    }

    async fn option(&mut self, field: &Field, wanted: &Value) -> Result<Value> {
        let options = self.tx.options(self.instance.id, &field.id).await?;
        let find = |wanted: &Value, parent: Option<&str>| {
            options.iter().find(|option| {
                option.parent_id.as_deref() == parent
                    && match text_of(&wanted["id"]) {
                        Some(id) => option.jira_id == id,
                        None => wanted["value"] == option.value.as_str(),
                    }
            })
        };
        let instance = self.instance;
        let to = self.to;
        let served = |option: &crate::catalog::OptionRow| {
            let link = super::address(instance, to, &format!("customFieldOption/{}", option.jira_id));
            json!({ "self": link, "value": option.value, "id": option.jira_id })
        };
        let refused = |wanted: &Value| match text_of(&wanted["id"]) {
            Some(id) => Error::invalid(&field.id, format!("Option id '{id}' is not valid")),
            None => {
                let value = wanted["value"].as_str().unwrap_or_default();
                Error::invalid(&field.id, format!("Option value '{value}' is not valid"))
            }
        };
        let chosen = find(wanted, None).ok_or_else(|| refused(wanted))?;
        let mut value = served(chosen);
        if field.kind == Kind::Cascade && wanted["child"].is_object() {
            let child = find(&wanted["child"], Some(&chosen.jira_id));
            value["child"] = served(child.ok_or_else(|| refused(&wanted["child"]))?);
        }
        Ok(value)
    }

    /// An issue is in one open sprint at most; the closed ones it was in stay.
    async fn sprints(&mut self, field: &Field, before: &Value, wanted: &Value) -> Result<Value> {
        if wanted.is_null() {
            return Ok(sprint_field::moved(before, None, self.to));
        }
        let id = text_of(wanted)
            .ok_or_else(|| Error::invalid(&field.id, "Number value expected as the Sprint id."))?;
        let number = id.parse().ok();
        let found = match number {
            Some(number) => self.tx.sprint(self.instance.id, number).await?,
            None => None,
        };
        let sprint = found
            .ok_or_else(|| Error::invalid(&field.id, format!("Sprint with id '{id}' does not exist.")))?;
        Ok(sprint_field::moved(before, Some(&sprint), self.to))
    }

    /// The parent as its child shows it. An issue stands one level below its parent (jira-facts 6.2).
    async fn parent(&mut self, fields: &Value, wanted: &Value) -> Result<Value> {
        if wanted["none"] == true {
            return Ok(Value::Null);
        }
        let missing = || Error::invalid("parent", "Could not find issue by id or key.");
        let asked = text_of(&wanted["id"]).or_else(|| text_of(&wanted["key"])).ok_or_else(missing)?;
        let row = self.tx.issue(Some(self.instance.id), &asked).await?.ok_or_else(missing)?;
        if !self.caller.policy.projects.allows(&row.instance, &row.project_key) {
            return Err(missing());
        }
        let level = |kind: &Value| match kind["hierarchyLevel"].as_i64() {
            Some(level) => Some(level),
            None if kind["subtask"] == true => Some(-1),
            None => None,
        };
        let own = level(&fields["issuetype"]);
        let above = level(&row.raw["fields"]["issuetype"]);
        let fits = match (own, above) {
            (Some(own), Some(above)) => own + 1 == above,
            _ => above != Some(-1),
        };
        let same_project = row.raw["fields"]["project"]["id"] == fields["project"]["id"];
        if !fits || (own == Some(-1) && !same_project) {
            let message = "Given parent issue does not belong to the appropriate hierarchy.";
            return Err(Error::invalid("parent", message));
        }
        Ok(brief(self.instance, &row))
    }
}

/// What Jira says of a field that cannot be written.
pub(super) fn unknown(field: &str) -> String {
    format!("Field '{field}' cannot be set. It is not on the appropriate screen, or unknown.")
}

fn put(fields: &mut Value, field: &Field, value: Value) {
    match field.kind {
        Kind::TimeTracking => Tracking::of(&value).write(fields),
        // Absent where there is none, not null (jira-facts 6.2).
        Kind::Parent if value.is_null() => {
            if let Some(members) = fields.as_object_mut() {
                members.remove("parent");
            }
        }
        _ => fields[&field.id] = value,
    }
}

/// The entry of a roster that is named by id or by name.
pub(super) fn pick<'v>(mut entries: impl Iterator<Item = &'v Value>, wanted: &Value) -> Option<&'v Value> {
    match (text_of(&wanted["id"]), wanted["name"].as_str()) {
        (Some(id), _) => entries.find(|entry| text_of(&entry["id"]).as_ref() == Some(&id)),
        (None, Some(name)) => {
            entries.find(|entry| entry["name"].as_str().is_some_and(|known| known.eq_ignore_ascii_case(name)))
        }
        (None, None) => None,
    }
}

/// These members of an object, as far as it has them.
pub(super) fn members(value: &Value, names: &[&str]) -> Value {
    let found = names.iter().filter_map(|name| Some(((*name).to_owned(), value.get(*name)?.clone())));
    Value::Object(found.collect())
}

fn summary(wanted: &Value) -> Result<Value> {
    let refused = |message: &str| Err(Error::invalid("summary", message));
    match wanted.as_str().map(str::trim) {
        None if !wanted.is_null() => refused("Operation value must be a string"),
        None | Some("") => refused("You must specify a summary of the issue."),
        Some(text) if text.contains(['\n', '\r']) => {
            refused("The summary is invalid because it contains newline characters.")
        }
        Some(text) if text.chars().count() > 255 => refused("Summary must be less than 255 characters."),
        Some(text) => Ok(json!(text)),
    }
}

fn estimates(before: &Tracking, wanted: &Value) -> Result<Value> {
    let mut tracking = *before;
    for (member, target) in
        [("originalEstimate", &mut tracking.original), ("remainingEstimate", &mut tracking.remaining)]
    {
        match wanted.get(member) {
            None => {}
            Some(Value::Null) => *target = None,
            Some(text) => {
                let text = text_of(text).unwrap_or_default();
                let seconds = time::parse(&text).ok_or_else(|| {
                    Error::invalid("timetracking", format!("'{text}' is no duration like '3w 4d 12h'"))
                })?;
                *target = Some(seconds);
            }
        }
    }
    // Nothing was done yet: all of it remains.
    if tracking.remaining.is_none() && tracking.spent.is_none() && wanted.get("remainingEstimate").is_none() {
        tracking.remaining = tracking.original;
    }
    Ok(tracking.field())
}
