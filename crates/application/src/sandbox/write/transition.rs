//! Transitions.

use domain::workflow::{Resolution, StatusChange, Transition, changelog_items};
use serde_json::{Map, Value, json};

use super::{
    Draft, as_v2,
    beside::Beside,
    comments::{NewComment, new_comment},
    desk::{Desk, FieldChanges, pick, unknown},
    fields::elements,
    hint, next_moment, updated_event,
    writing::Writing,
};
use crate::{
    actions::Action,
    caller::Caller,
    error::{Error, FieldProblem, Result},
    instances::{Dialect, Instance},
    issues::IssueRow,
    reference::Roster,
    sandbox::workflow::SiteWorkflow,
    services::Services,
};

/// What is sent along with a transition.
#[derive(Clone, Debug)]
pub struct TransitionInput {
    /// The version of the API that was spoken: how rich text is written.
    pub dialect: Dialect,
    /// `fields`: values to set, the resolution among them.
    pub fields: Map<String, Value>,
    /// `update`: lists of operations, but for comments, worklogs and links.
    pub update: Map<String, Value>,
    /// Comments to add.
    pub comments: Vec<NewComment>,
    /// What else is done to the issue.
    pub beside: Beside,
}

impl TransitionInput {
    /// Nothing but the transition.
    pub fn nothing(dialect: Dialect) -> Self {
        let (fields, update) = (Map::new(), Map::new());
        Self { dialect, fields, update, comments: Vec::new(), beside: Beside::default() }
    }

    /// The resolution that is asked for, in `fields` or in `update`.
    fn resolution(&self) -> Result<Option<&Value>> {
        let refused = |message: &str| Err(Error::invalid("resolution", message));
        let Some(operations) = self.update.get("resolution") else {
            return Ok(self.fields.get("resolution"));
        };
        if self.fields.contains_key("resolution") {
            return refused("Field 'resolution' cannot appear in both 'fields' and 'update'");
        }
        match elements(operations).last().and_then(|operation| operation.get("set")) {
            Some(wanted) => Ok(Some(wanted)),
            None => refused("Field 'resolution' can only be set."),
        }
    }
}

/// Does a transition with what its screen takes, in one history, and tells the webhooks. `before` and `after` are what the audit
/// log keeps.
///
/// # Errors
/// [`Error::NotFound`] without the issue; [`Error::Invalid`] when the transition is not open to the issue or to the caller, and with
/// every field that is required or cannot be set.
pub async fn transition(
    services: &Services,
    caller: &Caller,
    (instance, issue): (&str, &str),
    transition_id: &str,
    input: &TransitionInput,
    (before, after): (Value, Value),
) -> Result<()> {
    input.beside.permit(caller)?;
    let mut write = Writing::begin(services, caller, Action::TransitionIssue, instance).await?;
    let row = write.issue(issue).await?;
    let is_changed = take(&mut write, &row, transition_id, input).await?;
    let done = input.beside.apply(&mut write, &row.jira_id).await?;
    let mut after = after;
    if !done.is_empty() {
        after["besides"] = Value::Array(done);
    } else if !is_changed {
        return Ok(());
    }
    write.finish(&row.key, before, after).await
}

/// Does a transition as part of a write; answers whether anything came of it.
pub(super) async fn take(
    write: &mut Writing<'_>,
    row: &IssueRow,
    transition_id: &str,
    input: &TransitionInput,
) -> Result<bool> {
    let site = write.instance.clone();
    let (services, caller) = (write.services, write.caller);
    let workflow = SiteWorkflow::load(write.tx.as_mut(), &site, &row.raw["fields"]).await?;
    let open = workflow.open_to(services, write.tx.as_mut(), caller, &site, row).await?;
    let chosen = open.into_iter().find(|open| open.id == transition_id);
    let chosen = chosen.ok_or_else(|| {
        Error::invalid("transition", format!("transition {transition_id} is not open to the issue"))
    })?;
    let change = workflow
        .workflow
        .apply(&row.status_id, &chosen.id)
        .map_err(|error| Error::invalid("transition", error.to_string()))?;
    let now = next_moment(services, [row]);
    let mut draft = Draft::of(row, &now);
    let step = Step { row, chosen, change: &change, now: &now, input };
    let (items, newly_resolved) = step.take(write, &workflow, &mut draft).await?;
    if items.is_empty() && input.comments.is_empty() {
        return Ok(false);
    }
    let history = write.ids(1 + input.comments.len()).await?;
    let mut comments = Vec::new();
    for (id, new) in (history + 1..).zip(&input.comments) {
        new.body.check()?;
        comments.push(new_comment(write, row, id, &now, new).await?);
    }
    if !comments.is_empty() {
        let total = row.raw["fields"]["comment"]["total"].as_u64().unwrap_or(0) + comments.len() as u64;
        draft.set_comments(&comments, total, false);
    }
    if !items.is_empty() {
        draft.record(history, &now, &items);
    }
    let event = updated_event(&site, &draft, event_type(&change, newly_resolved), history, &items);
    let shown = hint(&site, &draft.raw);
    write.store(vec![draft]).await?;
    if !items.is_empty() {
        write.announce("jira:issue_updated", event).await?;
    }
    for comment in &comments {
        let event = json!({ "comment": as_v2(comment, "body"), "issue": shown });
        write.announce("comment_created", event).await?;
    }
    Ok(true)
}

/// A transition of an issue.
struct Step<'s> {
    row: &'s IssueRow,
    chosen: &'s Transition,
    change: &'s StatusChange,
    now: &'s str,
    input: &'s TransitionInput,
}

impl Step<'_> {
    /// Writes what changes into the draft; answers the items of its history, and whether the issue is resolved by it.
    async fn take(
        &self,
        write: &mut Writing<'_>,
        workflow: &SiteWorkflow,
        draft: &mut Draft,
    ) -> Result<(Vec<Value>, bool)> {
        let site = write.instance.clone();
        let resolutions = write.tx.roster(site.id, Roster::Resolutions).await?;
        let before = resolution(&self.row.raw["fields"]["resolution"]);
        let requested = requested_resolution(self.input.resolution()?, &resolutions)?;
        let has_requested = requested.is_some();
        let after = self
            .change
            .resolution_after(before.clone(), requested.or_else(|| default_resolution(&resolutions)));
        let mut items = changelog_items(self.change, before.as_ref(), after.as_ref());
        let changed = draft.fields();
        changed["status"] = workflow.status(&self.change.to.id);
        if changed.get("statusCategory").is_some_and(Value::is_object) {
            changed["statusCategory"] = changed["status"]["statusCategory"].clone();
        }
        if self.row.dialect == Dialect::V3 && !items.is_empty() {
            changed["statuscategorychangedate"] = json!(self.now);
        }
        if before != after {
            changed["resolution"] = after.as_ref().map_or(Value::Null, |after| served(after, &resolutions));
            changed["resolutiondate"] = if after.is_some() { json!(self.now) } else { Value::Null };
        }
        items.extend(self.fill_in(write, &site, draft.fields(), has_requested).await?);
        Ok((items, after.is_some() && before.is_none()))
    }

    /// Sets what its screen takes; answers the items of it. Without a screen only a resolution can be chosen.
    async fn fill_in(
        &self,
        write: &mut Writing<'_>,
        site: &Instance,
        fields: &mut Value,
        has_resolution: bool,
    ) -> Result<Vec<Value>> {
        let sent = self.input.fields.keys().chain(self.input.update.keys());
        let is_on_screen = |id: &String| id == "resolution" || self.chosen.fields().any(|field| field == id);
        let mut problems: Vec<FieldProblem> = sent
            .filter(|id| !is_on_screen(id))
            .map(|id| FieldProblem { field: id.clone(), message: unknown(id) })
            .collect();
        let mut changes = FieldChanges {
            dialect: self.input.dialect,
            fields: self.input.fields.clone(),
            update: self.input.update.clone(),
        };
        changes.take("resolution");
        changes.update.remove("resolution");
        changes.keep(|id| is_on_screen(id));
        let mut desk = Desk::new(write, site, self.input.dialect, self.row.dialect);
        let mut items = Vec::new();
        match desk.apply(fields, &changes).await {
            Ok(changed) => items = changed,
            Err(Error::Invalid(found)) => problems.extend(found),
            Err(error) => return Err(error),
        }
        let roster = desk.roster(Roster::Fields).await?;
        for id in &self.chosen.required {
            if problems.iter().any(|known| known.field == *id) {
                continue;
            }
            let is_there = match id.as_str() {
                "resolution" => has_resolution,
                "comment" => !self.input.comments.is_empty(),
                _ => !is_empty(&fields[id]),
            };
            if !is_there {
                let listed = roster.iter().find(|field| field["id"] == id.as_str());
                let name = listed.and_then(|field| field["name"].as_str()).unwrap_or(id);
                problems.push(FieldProblem { field: id.clone(), message: format!("{name} is required.") });
            }
        }
        if problems.is_empty() { Ok(items) } else { Err(Error::Invalid(problems)) }
    }
}

/// A field without a value.
fn is_empty(value: &Value) -> bool {
    value.is_null() || *value == json!([]) || *value == json!("") || *value == json!({})
}

fn event_type(change: &StatusChange, newly_resolved: bool) -> &'static str {
    match change.to.category {
        _ if newly_resolved => "issue_resolved",
        domain::workflow::StatusCategory::Indeterminate => "issue_work_started",
        _ => "issue_generic",
    }
}

fn resolution(value: &Value) -> Option<Resolution> {
    Some(Resolution { id: value["id"].as_str()?.to_owned(), name: value["name"].as_str()?.to_owned() })
}

/// What a client asks for in `fields.resolution`, by id or name.
fn requested_resolution(wanted: Option<&Value>, known: &[Value]) -> Result<Option<Resolution>> {
    let Some(wanted) = wanted.filter(|wanted| wanted.is_object()) else {
        return Ok(None);
    };
    pick(known.iter(), wanted)
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
