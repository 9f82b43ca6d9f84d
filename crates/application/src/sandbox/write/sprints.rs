//! Sprints of a sandbox: making, starting, closing, changing and deleting them (jira-facts 9.1). The issues of a sprint show it whole,
//! so they are written anew when it changes; that is no change of theirs (jira-facts 2.5).

use chrono::{DateTime, SubsecRound, Utc};
use serde_json::{Value, json};

use super::{
    Draft,
    fields::Field,
    next_moment, sprint_field, updated_event,
    writing::{BATCH, Writing},
};
use crate::{
    actions::Action,
    agile::{SprintDetails, timestamp},
    caller::Caller,
    error::{Error, Result},
    issues::IssueRow,
    reference::{ReferenceRecords, Roster, SprintRecord},
    services::Services,
};

/// A sprint that is to be made.
#[derive(Clone, Debug)]
pub struct NewSprint {
    /// Its name.
    pub name: String,
    /// The board.
    pub board: i64,
    /// Its goal.
    pub goal: Option<String>,
    /// When it is to begin.
    pub start: Option<DateTime<Utc>>,
    /// When it is to end.
    pub end: Option<DateTime<Utc>>,
}

/// What is to become of a sprint. A member that is `None` stays, one that is `Some(None)` is taken away.
#[derive(Clone, Debug, Default)]
pub struct SprintChanges {
    /// Another name.
    pub name: Option<String>,
    /// Another goal.
    pub goal: Option<Option<String>>,
    /// Another beginning.
    pub start: Option<Option<DateTime<Utc>>>,
    /// Another end.
    pub end: Option<Option<DateTime<Utc>>>,
    /// `active` starts it, `closed` closes it.
    pub state: Option<String>,
}

/// Makes a sprint that is still to come.
///
/// # Errors
/// [`Error::NotFound`] without the board; [`Error::Invalid`] for a board without sprints, and for bad names and dates.
pub async fn create_sprint(
    services: &Services,
    caller: &Caller,
    instance: &str,
    wanted: NewSprint,
) -> Result<SprintDetails> {
    let mut write = Writing::begin(services, caller, Action::CreateSprint, instance).await?;
    let board = board(&mut write, wanted.board).await?;
    if board["type"] == "kanban" {
        return Err(Error::invalid("issue", "The board does not support sprints"));
    }
    let id = write.ids(1).await?;
    let now = services.clock.now();
    let sprint = SprintDetails {
        id,
        name: name(&wanted.name)?,
        state: "future".into(),
        board: Some(wanted.board),
        goal: wanted.goal.filter(|goal| !goal.is_empty()),
        start: wanted.start,
        end: wanted.end,
        complete: None,
        raw: Some(json!({ "createdDate": timestamp(now) })),
    };
    in_order(&sprint)?;
    let sprint = store(&mut write, sprint).await?;
    let site = write.instance.id;
    write.tx.list_sprint(site, wanted.board, id).await?;
    let shown = served(&write, &sprint);
    write.announce("sprint_created", json!({ "sprint": shown })).await?;
    write.finish(&id.to_string(), Value::Null, shown).await?;
    Ok(sprint)
}

/// Changes a sprint: its name, goal and dates; starts it or closes it. Of a sprint that is over, only name and goal change.
///
/// # Errors
/// [`Error::NotFound`] without the sprint; [`Error::Invalid`] for a state that does not follow on its own, and for bad names and
/// dates.
pub async fn edit_sprint(
    services: &Services,
    caller: &Caller,
    instance: &str,
    id: i64,
    changes: SprintChanges,
) -> Result<SprintDetails> {
    let mut write = Writing::begin(services, caller, Action::EditSprint, instance).await?;
    let before = locked(&mut write, id).await?;
    let after = changed(&before, changes, services.clock.now())?;
    if after == before {
        return Ok(before);
    }
    let (old, after) = (served(&write, &before), store(&mut write, after).await?);
    let fields = Sprints::of(&mut write).await?;
    for some in issues(&mut write, id).await?.chunks(BATCH) {
        let rows = write.rows(some).await?;
        write.store(rows.iter().map(|row| fields.renewed(row, &after)).collect()).await?;
    }
    let new = served(&write, &after);
    let event = match (before.state.as_str(), after.state.as_str()) {
        ("future", "active") => "sprint_started",
        ("active", "closed") => "sprint_closed",
        _ => "sprint_updated",
    };
    write.announce(event, json!({ "sprint": new, "oldValue": old })).await?;
    write.finish(&id.to_string(), old, new).await?;
    Ok(after)
}

/// Deletes a sprint. Its issues are in the backlog then.
///
/// # Errors
/// [`Error::NotFound`] without the sprint.
pub async fn delete_sprint(services: &Services, caller: &Caller, instance: &str, id: i64) -> Result<()> {
    let mut write = Writing::begin(services, caller, Action::DeleteSprint, instance).await?;
    let sprint = locked(&mut write, id).await?;
    let fields = Sprints::of(&mut write).await?;
    let site = write.instance.clone();
    for some in issues(&mut write, id).await?.chunks(BATCH) {
        let rows = write.rows(some).await?;
        let first = write.ids(rows.len()).await?;
        let mut drafts = Vec::new();
        let mut events = Vec::new();
        for (history, row) in (first..).zip(&rows) {
            let now = next_moment(services, [row]);
            let mut draft = Draft::of(row, &now);
            let items = fields.write(&mut draft, |before| sprint_field::without(before, id));
            draft.record(history, &now, &items);
            events.push(updated_event(&site, &draft, "issue_updated", history, &items));
            drafts.push(draft);
        }
        write.store(drafts).await?;
        for event in events {
            write.announce_besides("jira:issue_updated", event).await?;
        }
    }
    write.tx.remove_sprint(site.id, id).await?;
    let shown = served(&write, &sprint);
    write.announce("sprint_deleted", json!({ "sprint": shown })).await?;
    write.finish(&id.to_string(), shown, Value::Null).await
}

/// The fields of a site that hold sprints.
pub(super) struct Sprints {
    fields: Vec<Field>,
}

impl Sprints {
    pub(super) async fn of(write: &mut Writing<'_>) -> Result<Self> {
        let site = write.instance.id;
        let roster = write.tx.roster(site, Roster::Fields).await?;
        let ids = roster.iter().filter(|field| {
            field["schema"]["custom"].as_str().is_some_and(|custom| custom.ends_with(":gh-sprint"))
        });
        let fields = ids.filter_map(|field| Field::find(field["id"].as_str()?, &roster)).collect();
        Ok(Self { fields })
    }

    /// Whether issues of the site can be in sprints at all.
    pub(super) fn exist(&self) -> bool {
        !self.fields.is_empty()
    }

    /// Writes the field anew; answers the items of the history, none where nothing changed.
    pub(super) fn write(&self, draft: &mut Draft, change: impl Fn(&Value) -> Value) -> Vec<Value> {
        let mut items = Vec::new();
        for field in &self.fields {
            let before = draft.fields()[&field.id].clone();
            let after = change(&before);
            items.extend(field.items(&before, &after));
            draft.fields()[&field.id] = after;
        }
        items
    }

    fn renewed(&self, row: &IssueRow, sprint: &SprintDetails) -> Draft {
        let mut draft = Draft::keeping(row);
        for field in &self.fields {
            let before = draft.fields()[&field.id].clone();
            if before.is_array() {
                draft.fields()[&field.id] = sprint_field::renewed(&before, sprint, row.dialect);
            }
        }
        draft
    }

    /// In JQL, that an issue is in this sprint.
    fn question(&self, sprint: i64) -> Option<String> {
        let field = self.fields.first()?;
        Some(format!("cf[{}] = {sprint}", field.id.trim_start_matches("customfield_")))
    }
}

/// The board with this id, where the caller may write.
async fn board(write: &mut Writing<'_>, id: i64) -> Result<Value> {
    let site = write.instance.id;
    let boards = write.tx.roster(site, Roster::Boards).await?;
    let found = boards.into_iter().find(|board| board["id"] == id);
    let reached = found.filter(|board| reaches(write, board));
    reached.ok_or_else(|| Error::not_found("board", id.to_string()))
}

fn reaches(write: &Writing<'_>, board: &Value) -> bool {
    match board["location"]["projectKey"].as_str() {
        Some(key) => write.reaches(key),
        // A board of no project is nobody's who is held to some.
        None => write.caller.policy.projects.is_everything(),
    }
}

/// A sprint of a board where the caller may write.
pub(super) async fn reached(write: &mut Writing<'_>, id: i64) -> Result<SprintDetails> {
    let missing = || Error::not_found("sprint", id.to_string());
    let site = write.instance.id;
    let found = write.tx.sprint(site, id).await?.ok_or_else(missing)?;
    match found.board {
        Some(own) => board(write, own).await.map(drop).map_err(|error| match error {
            Error::NotFound { .. } => missing(),
            error => error,
        })?,
        None if write.caller.policy.projects.is_everything() => {}
        None => return Err(missing()),
    }
    Ok(found)
}

async fn locked(write: &mut Writing<'_>, id: i64) -> Result<SprintDetails> {
    let site = write.instance.id;
    if !write.tx.lock_sprint(site, id).await? {
        return Err(Error::not_found("sprint", id.to_string()));
    }
    reached(write, id).await
}

/// The ids of the issues that show a sprint, locked.
async fn issues(write: &mut Writing<'_>, sprint: i64) -> Result<Vec<String>> {
    match Sprints::of(write).await?.question(sprint) {
        Some(question) => write.lock_all(&question).await,
        None => Ok(Vec::new()),
    }
}

async fn store(write: &mut Writing<'_>, sprint: SprintDetails) -> Result<SprintDetails> {
    let raw = raw(write, &sprint);
    let record = SprintRecord {
        jira_id: sprint.id,
        name: sprint.name.clone(),
        state: sprint.state.clone(),
        board_id: sprint.board,
        goal: sprint.goal.clone(),
        start: sprint.start,
        end: sprint.end,
        complete: sprint.complete,
        raw: raw.clone(),
    };
    let records = ReferenceRecords { sprints: vec![record], ..ReferenceRecords::default() };
    let site = write.instance.id;
    write.tx.upsert_reference(site, &records, true).await?;
    Ok(SprintDetails { raw: Some(raw), ..sprint })
}

/// What the Agile API serves; nulls take away what was there.
fn raw(write: &Writing<'_>, sprint: &SprintDetails) -> Value {
    let date = |moment: Option<DateTime<Utc>>| moment.map(timestamp);
    json!({
        "id": sprint.id,
        "self": format!("{}/rest/agile/1.0/sprint/{}", write.instance.base_url, sprint.id),
        "state": sprint.state,
        "name": sprint.name,
        "startDate": date(sprint.start),
        "endDate": date(sprint.end),
        "completeDate": date(sprint.complete),
        "createdDate": sprint.raw.as_ref().map(|raw| raw["createdDate"].clone()),
        "originBoardId": sprint.board,
        "goal": sprint.goal,
    })
}

fn served(write: &Writing<'_>, sprint: &SprintDetails) -> Value {
    sprint.served(|| format!("{}/rest/agile/1.0/sprint/{}", write.instance.base_url, sprint.id))
}

/// A name as it is kept.
fn name(text: &str) -> Result<String> {
    let name = text.trim();
    match name.chars().count() {
        0 => Err(Error::invalid("name", "Sprint name is required.")),
        1..=255 => Ok(name.to_owned()),
        _ => Err(Error::invalid("name", "The sprint name is longer than 255 characters.")),
    }
}

fn in_order(sprint: &SprintDetails) -> Result<()> {
    match (sprint.start, sprint.end) {
        (Some(start), Some(end)) if end <= start => {
            Err(Error::invalid("endDate", "The end date must be after the start date."))
        }
        _ => Ok(()),
    }
}

/// The sprint after these changes.
fn changed(before: &SprintDetails, changes: SprintChanges, now: DateTime<Utc>) -> Result<SprintDetails> {
    let mut after = before.clone();
    if let Some(text) = changes.name {
        after.name = name(&text)?;
    }
    if let Some(goal) = changes.goal {
        after.goal = goal.filter(|goal| !goal.is_empty());
    }
    if before.state == "closed" {
        return Ok(after);
    }
    after.start = changes.start.unwrap_or(after.start);
    after.end = changes.end.unwrap_or(after.end);
    in_order(&after)?;
    let Some(state) = changes.state.map(|state| state.to_lowercase()).filter(|state| *state != before.state)
    else {
        return Ok(after);
    };
    match (before.state.as_str(), state.as_str()) {
        ("future", "active") => {
            for (field, date) in [("startDate", after.start), ("endDate", after.end)] {
                if date.is_none() {
                    return Err(Error::invalid(
                        field,
                        "A sprint is started with a start date and an end date.",
                    ));
                }
            }
        }
        // As exact as what is told of it.
        ("active", "closed") => after.complete = Some(now.trunc_subsecs(3)),
        _ => {
            let message = format!("A sprint that is {} cannot become {state}.", before.state);
            return Err(Error::invalid("state", message));
        }
    }
    after.state = state;
    Ok(after)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sprint(state: &str) -> SprintDetails {
        SprintDetails {
            id: 1,
            name: "One".into(),
            state: state.into(),
            board: Some(1),
            goal: None,
            start: None,
            end: None,
            complete: None,
            raw: None,
        }
    }

    fn at(seconds: i64) -> DateTime<Utc> {
        DateTime::from_timestamp(seconds, 0).unwrap()
    }

    fn to(state: &str) -> SprintChanges {
        SprintChanges { state: Some(state.into()), ..SprintChanges::default() }
    }

    #[test]
    fn a_sprint_is_started_with_dates_and_closed_when_it_runs() {
        assert!(changed(&sprint("future"), to("active"), at(9)).is_err(), "no dates");
        let dates = SprintChanges { start: Some(Some(at(1))), end: Some(Some(at(5))), ..to("active") };
        let active = changed(&sprint("future"), dates, at(9)).unwrap();
        assert_eq!(active.state, "active");
        let closed = changed(&active, to("CLOSED"), at(9)).unwrap();
        assert_eq!((closed.state.as_str(), closed.complete), ("closed", Some(at(9))));
        for (from, state) in [("future", "closed"), ("active", "future"), ("future", "paused")] {
            assert!(changed(&sprint(from), to(state), at(9)).is_err(), "{from} to {state}");
        }
    }

    #[test]
    fn of_a_sprint_that_is_over_only_name_and_goal_change() {
        let changes = SprintChanges {
            name: Some(" Two ".into()),
            goal: Some(Some("less".into())),
            start: Some(Some(at(1))),
            ..to("active")
        };
        let after = changed(&sprint("closed"), changes, at(9)).unwrap();
        assert_eq!((after.name.as_str(), after.goal.as_deref(), after.start), ("Two", Some("less"), None));
        assert_eq!(after.state, "closed");
    }

    #[test]
    fn names_and_dates_are_checked() {
        let renamed = |name: &str| SprintChanges { name: Some(name.into()), ..SprintChanges::default() };
        assert!(changed(&sprint("future"), renamed("  "), at(9)).is_err());
        let backwards = SprintChanges { start: Some(Some(at(5))), end: Some(Some(at(1))), ..renamed("x") };
        assert!(changed(&sprint("future"), backwards, at(9)).is_err());
        let cleared = SprintChanges { start: Some(None), ..SprintChanges::default() };
        let dated = SprintDetails { start: Some(at(1)), ..sprint("future") };
        assert_eq!(changed(&dated, cleared, at(9)).unwrap().start, None);
    }
}
