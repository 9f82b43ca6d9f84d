//! Reference data that costs requests of its own: versions and components by project, sprints by board, contexts and options by
//! custom field.
//!
//! The lists that one request serves are read at the beginning of a sync, once an hour and when a webhook spoke of them. Each time
//! they are, rounds over the others are asked for: a job for each list, which gives its worker's slot back after half a minute and
//! goes on where it was, and never keeps a poll waiting. What a project, a board or a field does not list any more has vanished.
//!
//! Sites do not serve all of it: Server and Data Center show no options, contexts need the right to administer Jira, and boards are
//! those of Jira Software. That fails nothing. What could not be read stays as it was, and freshness tells of it.

use async_trait::async_trait;
use chrono::{DateTime, TimeDelta, Utc};
use domain::ids::{InstanceId, TenantId};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{
    engine::{require_going_on, require_mirror},
    worklogs::FollowWorklogs,
};
use crate::{
    error::{Error, Result},
    ingest::read_rosters,
    instances::{self, Dialect, require_instance},
    jobs::{Job, JobError, JobRequest},
    ports::{JiraSite, Listed, ReferenceData, TenantTx},
    reference::Roster,
    services::Services,
    tenant_context::TenantContext,
};

/// Webhooks speak of versions and sprints in bursts: a round begins that long after the one before it at the earliest.
const APART: TimeDelta = TimeDelta::minutes(5);
/// A round that was refused so often, and was shown nothing, asks no further.
const REFUSALS: u32 = 5;
/// Priority of the jobs: behind censuses, before comparisons.
const PRIORITY: i32 = 26;

/// A list that is read in rounds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ReferenceList {
    /// Versions and components, project by project.
    ProjectParts,
    /// Sprints, board by board.
    BoardSprints,
    /// Contexts and options, custom field by custom field.
    FieldOptions,
}

impl ReferenceList {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::ProjectParts, Self::BoardSprints, Self::FieldOptions];

    /// Its name.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::ProjectParts => "project_parts",
            Self::BoardSprints => "board_sprints",
            Self::FieldOptions => "field_options",
        }
    }

    /// The roster whose entries a round goes over.
    fn roster(self) -> Roster {
        match self {
            Self::ProjectParts => Roster::Projects,
            Self::BoardSprints => Roster::Boards,
            Self::FieldOptions => Roster::Fields,
        }
    }

    /// What names an entry of that roster in the site's addresses; `None` where there is nothing to ask of it.
    fn id_of(self, entry: &Value) -> Option<String> {
        match (self, &entry["id"]) {
            (Self::FieldOptions, _) if !has_options(entry) => None,
            (_, Value::String(id)) => Some(id.clone()),
            (_, Value::Number(id)) => Some(id.to_string()),
            _ => None,
        }
    }
}

/// Whether the values of a field are options (jira-facts 6.3).
fn has_options(field: &Value) -> bool {
    const TYPES: [&str; 5] = ["select", "radiobuttons", "multiselect", "multicheckboxes", "cascadingselect"];
    let kind = field["schema"]["custom"].as_str().and_then(|custom| custom.rsplit(':').next());
    kind.is_some_and(|kind| TYPES.contains(&kind))
}

/// How far a list is read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReferenceRead {
    /// Which.
    pub list: ReferenceList,
    /// When the present round began, or the last one.
    pub began_at: DateTime<Utc>,
    /// The project, board or field behind which the round goes on.
    pub after: Option<String>,
    /// Projects, boards or fields that the site showed the lists of in this round.
    pub shown: u32,
    /// Those that it did not.
    pub refused: u32,
    /// Whether the round came to its end.
    pub finished: bool,
    /// When the last round began that came to its end.
    pub read_at: Option<DateTime<Utc>>,
    /// Why there is nothing, where the site serves none of it.
    pub note: Option<String>,
}

impl ReferenceRead {
    fn begin(list: ReferenceList, before: Option<&Self>, now: DateTime<Utc>) -> Self {
        Self {
            list,
            began_at: now,
            after: None,
            shown: 0,
            refused: 0,
            finished: false,
            read_at: before.and_then(|read| read.read_at),
            note: before.and_then(|read| read.note.clone()),
        }
    }

    fn finish(&mut self) {
        self.finished = true;
        self.after = None;
        self.read_at = Some(self.began_at);
        let unserved = self.shown == 0 && self.refused > 0;
        self.note = unserved.then(|| "the site does not show this to our account".to_owned());
    }

    /// Whether a site that has shown nothing so far is to be asked no further.
    fn is_in_vain(&self) -> bool {
        self.shown == 0 && self.refused >= REFUSALS
    }
}

/// Storage of rounds.
#[async_trait]
pub trait ReferenceReadStore: Send {
    /// How far each list of an instance is read; those that were never begun are left out.
    async fn reference_reads(&mut self, instance: InstanceId) -> Result<Vec<ReferenceRead>>;

    /// Notes how far a list is.
    async fn note_reference_read(&mut self, instance: InstanceId, read: &ReferenceRead) -> Result<()>;
}

/// Asks for the feeds of worklogs, and for a round over every list, none sooner than [`APART`] after the one before.
pub(super) async fn ask(tx: &mut dyn TenantTx, tenant: TenantId, instance: InstanceId) -> Result<()> {
    let reads = tx.reference_reads(instance).await?;
    for list in ReferenceList::ALL {
        let before = reads.iter().find(|read| read.list == list);
        let run_at = before.map(|read| read.began_at + APART);
        let request = SyncReference { tenant, instance, list }.request()?;
        tx.enqueue(JobRequest { run_at, ..request }).await?;
    }
    tx.enqueue(FollowWorklogs { tenant, instance }.request()?).await
}

/// Goes a while on with the round over a list, or begins one; answers how far it is.
///
/// # Errors
/// [`Error::Conflict`] for a sandbox and while the sync is paused; [`Error::Paused`] when the site wants to be left alone: the round
/// goes on later.
pub async fn run_slice(
    services: &Services,
    tenant: TenantId,
    instance: InstanceId,
    list: ReferenceList,
) -> Result<ReferenceRead> {
    let until = services.clock.now() + services.sync.slice;
    let mut tx = services.db.tenant(&TenantContext::whole(tenant)).await?;
    let instance = require_instance(tx.as_mut(), &instance.to_string()).await?;
    require_mirror(&instance)?;
    require_going_on(tx.as_mut(), &instance).await?;
    let before = tx.reference_reads(instance.id).await?.into_iter().find(|read| read.list == list);
    let mut ids: Vec<String> =
        tx.roster(instance.id, list.roster()).await?.iter().filter_map(|entry| list.id_of(entry)).collect();
    drop(tx);
    // In an order that lasts, so that a round goes on where it was whatever has come and gone meanwhile.
    ids.sort_unstable();
    let mut read = match before {
        Some(read) if !read.finished => read,
        before => ReferenceRead::begin(list, before.as_ref(), services.clock.now()),
    };
    let site = instances::connect(services, tenant, &instance).await?;
    let dialect = instances::identify(services, tenant, &instance, site.as_ref()).await?.dialect;
    let left: Vec<String> = ids.into_iter().filter(|id| Some(id) > read.after.as_ref()).collect();
    let mut left = left.into_iter().peekable();
    loop {
        let data = match left.next_if(|_| !read.is_in_vain()) {
            Some(id) => {
                let data = ask_for(site.as_ref(), dialect, list, &id).await?;
                read.shown += u32::from(data.is_some());
                read.refused += u32::from(data.is_none());
                read.after = Some(id);
                data
            }
            None => None,
        };
        if left.peek().is_none() || read.is_in_vain() {
            read.finish();
        }
        let mut tx = services.db.tenant(&TenantContext::whole(tenant)).await?;
        if let Some(data) = data {
            let erased = tx.erased_people(instance.id).await?;
            let mut records = read_rosters(data, services.secrets.as_ref(), &erased);
            if list == ReferenceList::ProjectParts {
                records.parts_of.extend(read.after.clone());
            }
            tx.upsert_reference(instance.id, &records, true).await?;
        }
        tx.note_reference_read(instance.id, &read).await?;
        tx.commit().await?;
        if read.finished || services.clock.now() >= until {
            return Ok(read);
        }
    }
}

/// What one project, board or field lists; `None` where the site does not show it.
async fn ask_for(
    site: &dyn JiraSite,
    dialect: Dialect,
    list: ReferenceList,
    id: &str,
) -> Result<Option<ReferenceData>> {
    Ok(match list {
        ReferenceList::ProjectParts => {
            site.project_rosters(dialect, id).await?.map(|(versions, components)| ReferenceData {
                versions: Listed::Part(of_project(versions, id)),
                components: Listed::Part(of_project(components, id)),
                ..ReferenceData::default()
            })
        }
        ReferenceList::BoardSprints => {
            let Ok(board) = id.parse() else { return Ok(None) };
            site.board_sprints(board)
                .await?
                .map(|sprints| ReferenceData { board_sprints: vec![sprints], ..ReferenceData::default() })
        }
        ReferenceList::FieldOptions => site
            .field_options(dialect, id)
            .await?
            .map(|options| ReferenceData { field_options: vec![options], ..ReferenceData::default() }),
    })
}

/// Components name their project by its key, and Server's versions may not at all: the one that was asked for is theirs.
fn of_project(mut entries: Vec<Value>, project: &str) -> Vec<Value> {
    for entry in entries.iter_mut().filter_map(Value::as_object_mut) {
        let id = project.parse::<i64>().map_or_else(|_| Value::from(project), Value::from);
        entry.entry("projectId").or_insert(id);
    }
    entries
}

/// Reads a list of a mirror: see [`run_slice`].
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct SyncReference {
    /// Whose.
    pub tenant: TenantId,
    /// Which.
    pub instance: InstanceId,
    /// What.
    pub list: ReferenceList,
}

#[async_trait]
impl Job for SyncReference {
    const NAME: &'static str = "sync_reference";
    const PRIORITY: i32 = PRIORITY;
    const MAX_ATTEMPTS: i32 = 5;
    /// It takes turns, as runs of a sync do.
    const IS_LONG: bool = true;

    fn lane(&self) -> Option<String> {
        Some(format!("upkeep:{}", self.instance))
    }

    fn key(&self) -> Option<String> {
        Some(format!("reference:{}:{}", self.instance, self.list.as_str()))
    }

    async fn run(self, services: &Services) -> Result<(), JobError> {
        match run_slice(services, self.tenant, self.instance, self.list).await {
            Ok(read) if !read.finished => {
                let mut tx = services.db.tenant(&TenantContext::whole(self.tenant)).await?;
                tx.enqueue(self.request()?).await?;
                tx.commit().await?;
                Ok(())
            }
            // It is asked for again with the next sync that reads the other lists.
            Ok(_) | Err(Error::Conflict(_) | Error::NotFound { .. }) => Ok(()),
            Err(error) => Err(error.into()),
        }
    }
}

#[cfg(test)]
mod tests;
