//! Planning on boards: issues moved to sprints, to the backlog, to epics, and ranked (jira-facts 9.1).

use serde_json::{Map, Value, json};

use super::{
    Draft,
    desk::Desk,
    desk::FieldChanges,
    fields::Field,
    next_moment, sprint_field,
    sprints::{Sprints, reached},
    updated_event,
    writing::Writing,
};
use crate::{
    actions::Action,
    agile::SprintDetails,
    caller::Caller,
    error::{Error, Result},
    issues::IssueRow,
    reference::Roster,
    services::Services,
};

/// Issues that one request may move, as at Jira.
const LARGEST_MOVE: usize = 50;

/// Where issues are put.
#[derive(Clone, Debug)]
pub enum Destination {
    /// Into a sprint that is not over.
    Sprint(i64),
    /// Out of every sprint that is not over.
    Backlog,
    /// Below an epic, by key or id.
    Epic(String),
    /// Out of their epics.
    NoEpic,
    /// Where they are: they are only ranked.
    Here,
}

/// Next to which issue others are ranked.
#[derive(Clone, Debug)]
pub enum RankTarget {
    /// Before this one, by key or id.
    Before(String),
    /// After this one.
    After(String),
}

/// Moves issues, and ranks them in their order.
///
/// # Errors
/// [`Error::NotFound`] without one of the issues, the sprint or the epic; [`Error::Invalid`] for none or too many issues, a sprint
/// that is over, and issues that cannot be there. Nothing is moved then.
pub async fn plan_issues(
    services: &Services,
    caller: &Caller,
    instance: &str,
    issues: &[String],
    destination: &Destination,
    rank: Option<&RankTarget>,
) -> Result<()> {
    let action = match destination {
        Destination::Sprint(_) | Destination::Backlog => Action::MoveToSprint,
        Destination::Epic(_) | Destination::NoEpic => Action::MoveToEpic,
        Destination::Here => Action::RankIssues,
    };
    let mut write = Writing::begin(services, caller, action, instance).await?;
    check_number(issues)?;
    let place = Place::find(&mut write, destination).await?;
    plan(write, &place, issues, rank).await
}

/// What came of each issue, by the name it was given: its id and key where it is there.
pub type Ranked = Vec<(String, Option<(String, String)>)>;

/// Ranks issues in their order; those that are not there hold up no others.
///
/// # Errors
/// As [`plan_issues`], but for issues that are not there.
pub async fn rank_issues(
    services: &Services,
    caller: &Caller,
    instance: &str,
    issues: &[String],
    target: &RankTarget,
) -> Result<Ranked> {
    let mut write = Writing::begin(services, caller, Action::RankIssues, instance).await?;
    check_number(issues)?;
    let (mut ranked, mut found) = (Ranked::new(), Vec::new());
    for name in issues {
        let seen = match write.seen(name).await {
            Ok(row) => Some((row.jira_id, row.key)),
            Err(Error::NotFound { .. }) => None,
            Err(error) => return Err(error),
        };
        found.extend(seen.iter().map(|(id, _)| id.clone()));
        ranked.push((name.clone(), seen));
    }
    if !found.is_empty() {
        plan(write, &Place::Here, &found, Some(target)).await?;
    }
    Ok(ranked)
}

fn check_number(issues: &[String]) -> Result<()> {
    if (1..=LARGEST_MOVE).contains(&issues.len()) {
        return Ok(());
    }
    Err(Error::invalid("issues", format!("Name between 1 and {LARGEST_MOVE} issues.")))
}

async fn plan(
    mut write: Writing<'_>,
    place: &Place,
    issues: &[String],
    rank: Option<&RankTarget>,
) -> Result<()> {
    let rows = locked(&mut write, issues).await?;
    let ranks = match rank {
        Some(target) => ranks(&mut write, target, &rows).await?,
        None => Vec::new(),
    };
    let mut planned = Vec::new();
    for (number, row) in rows.iter().enumerate() {
        let mut draft = Draft::of(row, &next_moment(write.services, [row]));
        let mut items = place.put(&mut write, row, &mut draft).await?;
        if let Some((field, rank)) = ranks.get(number) {
            items.extend(ranked(&mut draft, field, rank));
        }
        if !items.is_empty() {
            planned.push((draft, items));
        }
    }
    finish(write, place, issues, planned).await
}

/// Stores what changed, tells of it and audits it.
async fn finish(
    mut write: Writing<'_>,
    place: &Place,
    issues: &[String],
    planned: Vec<(Draft, Vec<Value>)>,
) -> Result<()> {
    if planned.is_empty() {
        return Ok(());
    }
    let first = write.ids(planned.len()).await?;
    let site = write.instance.clone();
    let mut drafts = Vec::new();
    let mut events = Vec::new();
    let mut changed = Vec::new();
    for (history, (mut draft, items)) in (first..).zip(planned) {
        let now = draft.fields()["updated"].as_str().unwrap_or_default().to_owned();
        draft.record(history, &now, &items);
        events.push(updated_event(&site, &draft, "issue_updated", history, &items));
        changed.push(json!({ "issue": draft.raw["key"], "items": items }));
        drafts.push(draft);
    }
    write.store(drafts).await?;
    for event in events {
        write.announce("jira:issue_updated", event).await?;
    }
    let target = match place {
        Place::Sprint(_, sprint) => format!("sprint {}", sprint.id),
        Place::Backlog(_) => "backlog".to_owned(),
        Place::Epic(_, epic) => epic.as_ref().map_or_else(|| "no epic".to_owned(), |epic| epic.key.clone()),
        Place::Here => issues.first().cloned().unwrap_or_default(),
    };
    write.finish(&target, Value::Null, Value::Array(changed)).await
}

/// A destination with what is needed to put issues there.
enum Place {
    Sprint(Sprints, Box<SprintDetails>),
    Backlog(Sprints),
    /// How issues name their epic: by the field of Server, if the site has one, or as their parent.
    Epic(Option<Field>, Option<Box<IssueRow>>),
    Here,
}

impl Place {
    async fn find(write: &mut Writing<'_>, destination: &Destination) -> Result<Self> {
        Ok(match destination {
            Destination::Sprint(id) => {
                let sprint = reached(write, *id).await?;
                if sprint.state == "closed" {
                    let message = "Issues can only be moved to a sprint that is active or still to come.";
                    return Err(Error::invalid("issue", message));
                }
                Self::Sprint(sprints(write).await?, Box::new(sprint))
            }
            Destination::Backlog => Self::Backlog(sprints(write).await?),
            Destination::Epic(name) => {
                let missing = || Error::not_found("epic", name);
                let epic = write.seen(name).await.map_err(|error| match error {
                    Error::NotFound { .. } => missing(),
                    error => error,
                })?;
                let kind = &epic.raw["fields"]["issuetype"];
                let is_epic = kind["hierarchyLevel"] == 1
                    || kind["hierarchyLevel"].is_null()
                        && kind["name"].as_str().is_some_and(|name| name.eq_ignore_ascii_case("epic"));
                if !is_epic {
                    return Err(missing());
                }
                Self::Epic(epic_link(write).await?, Some(Box::new(epic)))
            }
            Destination::NoEpic => Self::Epic(epic_link(write).await?, None),
            Destination::Here => Self::Here,
        })
    }

    /// Puts an issue there; answers the items of its history.
    async fn put(&self, write: &mut Writing<'_>, row: &IssueRow, draft: &mut Draft) -> Result<Vec<Value>> {
        match self {
            Self::Here => Ok(Vec::new()),
            Self::Sprint(fields, sprint) => {
                if row.raw["fields"]["issuetype"]["subtask"] == true {
                    let message = format!("{} is a sub-task: it is in the sprint of its parent.", row.key);
                    return Err(Error::invalid("issue", message));
                }
                Ok(fields.write(draft, |before| sprint_field::moved(before, Some(sprint), row.dialect)))
            }
            Self::Backlog(fields) => {
                Ok(fields.write(draft, |before| sprint_field::moved(before, None, row.dialect)))
            }
            Self::Epic(Some(field), epic) => {
                let before = draft.fields()[&field.id].clone();
                let after = epic.as_ref().map_or(Value::Null, |epic| json!(epic.key));
                let items = field.items(&before, &after);
                draft.fields()[&field.id] = after;
                Ok(items)
            }
            Self::Epic(None, epic) => {
                let is_below_epic = row.raw["fields"]["issuetype"]["subtask"] != true;
                if epic.is_none() && !is_below_epic {
                    return Ok(Vec::new());
                }
                let parent = epic.as_ref().map_or(Value::Null, |epic| json!({ "id": epic.jira_id }));
                let fields = Map::from_iter([("parent".to_owned(), parent)]);
                let site = write.instance.clone();
                let changes = FieldChanges { dialect: site.dialect, fields, update: Map::new() };
                Desk::new(write, &site, site.dialect, row.dialect).apply(draft.fields(), &changes).await
            }
        }
    }
}

async fn sprints(write: &mut Writing<'_>) -> Result<Sprints> {
    let fields = Sprints::of(write).await?;
    if fields.exist() {
        return Ok(fields);
    }
    Err(Error::Conflict("no field of the site holds sprints, so that issues cannot be put into any".into()))
}

/// The field by which issues name their epic on Server and Data Center.
async fn epic_link(write: &mut Writing<'_>) -> Result<Option<Field>> {
    let fields = fields(write).await?;
    Ok(of_kind(&fields, ":gh-epic-link").and_then(|id| Field::find(id, &fields)))
}

async fn fields(write: &mut Writing<'_>) -> Result<Vec<Value>> {
    let site = write.instance.id;
    write.tx.roster(site, Roster::Fields).await
}

fn of_kind<'v>(fields: &'v [Value], kind: &str) -> Option<&'v str> {
    let found = fields
        .iter()
        .find(|field| field["schema"]["custom"].as_str().is_some_and(|custom| custom.ends_with(kind)));
    found.and_then(|field| field["id"].as_str())
}

/// The issues in the order in which they were named, each once, locked.
async fn locked(write: &mut Writing<'_>, names: &[String]) -> Result<Vec<IssueRow>> {
    let mut ids: Vec<String> = Vec::new();
    for name in names {
        let id = write.seen(name).await?.jira_id;
        if !ids.contains(&id) {
            ids.push(id);
        }
    }
    let mut rows = write.issues(&ids).await?;
    if let Some(gone) = ids.iter().find(|id| !rows.iter().any(|row| row.jira_id == **id)) {
        return Err(Error::not_found("issue", gone));
    }
    rows.sort_by_key(|row| ids.iter().position(|id| *id == row.jira_id));
    Ok(rows)
}

/// The field of ranks, with a rank for each issue: next to the target, in their order.
async fn ranks(
    write: &mut Writing<'_>,
    target: &RankTarget,
    rows: &[IssueRow],
) -> Result<Vec<(String, String)>> {
    let fields = fields(write).await?;
    let field = of_kind(&fields, ":gh-lexo-rank").map(str::to_owned);
    let field = field.ok_or_else(|| {
        Error::Conflict("the site has no field for ranks, so issues cannot be ranked".into())
    })?;
    let (RankTarget::Before(name) | RankTarget::After(name)) = target;
    let beside = write.seen(name).await?;
    if rows.iter().any(|row| row.jira_id == beside.jira_id) {
        return Err(Error::invalid("issue", "An issue cannot be ranked relative to itself."));
    }
    let site = write.instance.id;
    let own = beside.raw["fields"][&field].as_str().unwrap_or_default().to_owned();
    let own = if own.is_empty() { domain::rank::of_new_issue(number(&beside)) } else { own };
    let moving: Vec<String> = rows.iter().map(|row| row.jira_id.clone()).collect();
    let is_before = matches!(target, RankTarget::Before(_));
    let next = write.tx.rank_beside(site, &field, &own, is_before, &moving).await?;
    let (mut low, high) = match is_before {
        true => (next, Some(own)),
        false => (Some(own), next),
    };
    let mut found = Vec::new();
    for _ in rows {
        let rank = domain::rank::between(low.as_deref(), high.as_deref());
        let rank = rank.ok_or_else(|| Error::Conflict("there is no room between these ranks".into()))?;
        low = Some(rank.clone());
        found.push((field.clone(), rank));
    }
    Ok(found)
}

fn number(row: &IssueRow) -> i64 {
    row.jira_id.parse().unwrap_or_default()
}

/// Ranks an issue; its history tells the direction only (jira-facts 6.4).
fn ranked(draft: &mut Draft, field: &str, rank: &str) -> Option<Value> {
    let before = draft.fields()[field].clone();
    if before == rank {
        return None;
    }
    let is_higher = before.as_str().is_none_or(|before| rank < before);
    draft.fields()[field] = json!(rank);
    let to = if is_higher { "Ranked higher" } else { "Ranked lower" };
    Some(json!({
        "field": "Rank", "fieldtype": "custom", "fieldId": field,
        "from": "", "fromString": "", "to": "", "toString": to,
    }))
}
