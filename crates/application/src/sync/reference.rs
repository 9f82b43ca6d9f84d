//! Reference data that costs requests of its own: versions and components by project, sprints and configuration by board, contexts and
//! options by custom field, members by group, roles by project, set-ups by service desk, members by organisation, and people
//! page by page.
//!
//! The lists that one request serves are read at the beginning of a sync and once an hour. Each time
//! they are, rounds over the others are asked for: a job for each list, which gives its worker's slot back after half a minute and
//! goes on where it was, behind whatever else keeps the mirror honest, and never keeps a poll waiting. A round begins no sooner than
//! twenty times as long after the one before as that one took, so that a site with many projects spends its ceiling on other things.
//! What a project, a board or a field does not list any more has vanished. What webhooks name is read by itself ([`super::ReadNamed`]).
//!
//! Sites do not serve all of it: Server and Data Center show no options, contexts need the right to administer Jira, groups that to
//! browse users, boards are those of Jira Software, and desks those of Jira Service Management. That fails nothing. What could not be read stays as it was, and freshness tells of it.

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
    issues::FollowedIssue,
    jobs::{Job, JobError, JobRequest},
    ports::{
        JiraSite, Listed, ListedConfiguration, ListedFollowers, ListedMembers, ListedOrganization,
        ListedRoles, ReferenceData, TenantTx, Urgency,
    },
    reference::Roster,
    services::Services,
    tenant_context::TenantContext,
};

/// A list is read again that long after it was read at the earliest.
pub(super) const APART: TimeDelta = TimeDelta::minutes(5);
/// And so many times as long after a round as it took.
const COSTS_APART: i32 = 20;
/// Of what no webhook speaks of and seldom changes: asking for it costs a request for each group, or several for each project.
const SELDOM: TimeDelta = TimeDelta::hours(6);
/// Of what costs a request for each issue that somebody follows.
const DAILY: TimeDelta = TimeDelta::hours(24);
/// Issues whose followers are asked for between two commits.
const FOLLOWED: i64 = 20;
/// A round that was refused so often, and was shown nothing, asks no further.
const REFUSALS: u32 = 5;

/// A list that is read in rounds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ReferenceList {
    /// Versions and components, project by project.
    ProjectParts,
    /// Sprints and configuration, board by board.
    BoardSprints,
    /// Contexts and options, custom field by custom field.
    FieldOptions,
    /// Members, group by group.
    GroupMembers,
    /// Who plays which role, project by project.
    ProjectRoles,
    /// Request types with their forms, their groups, queues and organisations, service desk by service desk.
    ServiceDesks,
    /// The people of organisations of customers, organisation by organisation.
    Organizations,
    /// Everybody, page by page.
    Users,
    /// Watchers and voters, issue by issue: only where the settings ask for it.
    Followers,
}

impl ReferenceList {
    /// All of them.
    pub const ALL: [Self; 9] = [
        Self::ProjectParts,
        Self::BoardSprints,
        Self::FieldOptions,
        Self::GroupMembers,
        Self::ProjectRoles,
        Self::ServiceDesks,
        Self::Organizations,
        Self::Users,
        Self::Followers,
    ];

    /// Its name.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::ProjectParts => "project_parts",
            Self::BoardSprints => "board_sprints",
            Self::FieldOptions => "field_options",
            Self::GroupMembers => "group_members",
            Self::ProjectRoles => "project_roles",
            Self::ServiceDesks => "service_desks",
            Self::Organizations => "organizations",
            Self::Users => "users",
            Self::Followers => "followers",
        }
    }

    /// How long after the round before a round begins at the earliest, where that was at work for so long.
    fn apart(self, worked: TimeDelta) -> TimeDelta {
        let usual = match self {
            Self::ProjectParts | Self::BoardSprints | Self::FieldOptions => APART,
            Self::GroupMembers
            | Self::ProjectRoles
            | Self::ServiceDesks
            | Self::Organizations
            | Self::Users => SELDOM,
            Self::Followers => DAILY,
        };
        usual.max(worked * COSTS_APART)
    }

    /// The roster whose entries a round goes over; `None` for a list that comes in pages.
    fn roster(self) -> Option<Roster> {
        match self {
            Self::ProjectParts | Self::ProjectRoles => Some(Roster::Projects),
            Self::BoardSprints => Some(Roster::Boards),
            Self::FieldOptions => Some(Roster::Fields),
            Self::GroupMembers => Some(Roster::Groups),
            Self::ServiceDesks => Some(Roster::ServiceDesks),
            Self::Organizations => Some(Roster::Organizations),
            Self::Users | Self::Followers => None,
        }
    }

    /// What names an entry of that roster in the site's addresses; `None` where there is nothing to ask of it.
    fn id_of(self, entry: &Value) -> Option<String> {
        let id = if self == Self::GroupMembers { &entry["groupId"] } else { &entry["id"] };
        match (self, id) {
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
    /// The project, board, field or group behind which the round goes on; of a list that comes in pages, how much of it was read.
    pub after: Option<String>,
    /// Projects, boards, fields, groups or pages that the site showed in this round.
    pub shown: u32,
    /// Those that it did not.
    pub refused: u32,
    /// Whether the round came to its end.
    pub finished: bool,
    /// When the last round began that came to its end.
    pub read_at: Option<DateTime<Utc>>,
    /// Why there is nothing, where the site serves none of it.
    pub note: Option<String>,
    /// How long workers have been at this round.
    pub worked: TimeDelta,
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
            worked: TimeDelta::zero(),
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

/// Asks for the feeds of worklogs, and for a round over every list, none too soon after the one before.
pub(super) async fn ask(
    services: &Services,
    tx: &mut dyn TenantTx,
    tenant: TenantId,
    instance: InstanceId,
) -> Result<()> {
    let reads = tx.reference_reads(instance).await?;
    for list in ReferenceList::ALL {
        if list == ReferenceList::Followers && !services.sync.followers {
            continue;
        }
        // Most sites have no service desk: they are not asked for what hangs on one.
        if let Some(roster @ (Roster::ServiceDesks | Roster::Organizations)) = list.roster()
            && tx.roster(instance, roster).await?.is_empty()
        {
            continue;
        }
        let before = reads.iter().find(|read| read.list == list);
        let run_at = before.map(|read| read.began_at + list.apart(read.worked));
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
    let mut since = services.clock.now();
    let until = since + services.sync.slice;
    let mut tx = services.db.tenant(&TenantContext::whole(tenant)).await?;
    let instance = require_instance(tx.as_mut(), &instance.to_string()).await?;
    require_mirror(&instance)?;
    require_going_on(tx.as_mut(), &instance).await?;
    let before = tx.reference_reads(instance.id).await?.into_iter().find(|read| read.list == list);
    let mut read = match before {
        Some(read) if !read.finished => read,
        before => ReferenceRead::begin(list, before.as_ref(), services.clock.now()),
    };
    let mut ids = match list.roster() {
        Some(roster) => {
            tx.roster(instance.id, roster).await?.iter().filter_map(|entry| list.id_of(entry)).collect()
        }
        None => Vec::new(),
    };
    drop(tx);
    // In an order that lasts, so that a round goes on where it was whatever has come and gone meanwhile.
    ids.sort_unstable();
    let site = instances::connect_as(services, tenant, &instance, Urgency::Rest).await?;
    let dialect = instances::identify(services, tenant, &instance, site.as_ref()).await?.dialect;
    let left: Vec<String> = ids.into_iter().filter(|id| Some(id) > read.after.as_ref()).collect();
    let mut left = left.into_iter().peekable();
    loop {
        let data = match list.roster() {
            Some(_) => next_entry(site.as_ref(), dialect, &mut left, &mut read).await?,
            None if list == ReferenceList::Users => next_page(site.as_ref(), dialect, &mut read).await?,
            None => {
                let mut tx = services.db.tenant(&TenantContext::whole(tenant)).await?;
                let after = read.after.as_deref().and_then(|after| after.parse().ok()).unwrap_or(0);
                let next = tx.followed_issues(instance.id, after, FOLLOWED).await?;
                drop(tx);
                next_followed(site.as_ref(), dialect, next, &mut read).await?
            }
        };
        let mut tx = services.db.tenant(&TenantContext::whole(tenant)).await?;
        if let Some(data) = data {
            let erased = tx.erased_people(instance.id).await?;
            let mut records = read_rosters(data, services.secrets.as_ref(), &erased);
            if list == ReferenceList::ProjectParts {
                records.parts_of.extend(read.after.clone());
            }
            // A person's own entry may tell less than an issue did: what is known stays.
            let complete = !matches!(
                list,
                ReferenceList::Users | ReferenceList::Followers | ReferenceList::Organizations
            );
            tx.upsert_reference(instance.id, &records, complete).await?;
        }
        let now = services.clock.now();
        read.worked += now - since;
        since = now;
        tx.note_reference_read(instance.id, &read).await?;
        tx.commit().await?;
        if read.finished || now >= until {
            return Ok(read);
        }
    }
}

/// What the next of these lists; finishes the round behind the last one.
async fn next_entry(
    site: &dyn JiraSite,
    dialect: Dialect,
    left: &mut std::iter::Peekable<std::vec::IntoIter<String>>,
    read: &mut ReferenceRead,
) -> Result<Option<ReferenceData>> {
    let data = match left.next_if(|_| !read.is_in_vain()) {
        Some(id) => {
            let data = ask_for(site, dialect, read.list, &id).await?;
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
    Ok(data)
}

/// The next page of people; finishes the round at an empty one. Pages may hold fewer than they could, so that only what was
/// received tells where the next one begins (jira-facts 10.4).
async fn next_page(
    site: &dyn JiraSite,
    dialect: Dialect,
    read: &mut ReferenceRead,
) -> Result<Option<ReferenceData>> {
    let start = read.after.as_deref().and_then(|after| after.parse::<u64>().ok()).unwrap_or(0);
    let page = site.people(dialect, start).await?;
    read.shown += u32::from(page.is_some());
    read.refused += u32::from(page.is_none());
    let mut users = page.unwrap_or_default();
    // Made anew when it is served; a site whose issues show people without one would show one in its comments otherwise.
    for members in users.iter_mut().filter_map(Value::as_object_mut) {
        members.remove("self");
    }
    if users.is_empty() {
        read.finish();
        return Ok(None);
    }
    read.after = Some((start + users.len() as u64).to_string());
    Ok(Some(ReferenceData { users, ..ReferenceData::default() }))
}

/// Who follows the next issues; finishes the round where there are none. A site that has shown nobody so far is asked no further.
async fn next_followed(
    site: &dyn JiraSite,
    dialect: Dialect,
    next: Vec<FollowedIssue>,
    read: &mut ReferenceRead,
) -> Result<Option<ReferenceData>> {
    let mut followers = Vec::with_capacity(next.len());
    for issue in &next {
        let id = &issue.jira_id;
        let watchers = if issue.watched { site.watchers(dialect, id).await? } else { None };
        let voters = if issue.voted { site.voters(dialect, id).await? } else { None };
        let is_shown = issue.watched == watchers.is_some() && issue.voted == voters.is_some();
        read.shown += u32::from(is_shown);
        read.refused += u32::from(!is_shown);
        read.after = Some(issue.number.to_string());
        followers.push(ListedFollowers { issue_id: id.clone(), watchers, voters });
        if read.is_in_vain() {
            break;
        }
    }
    if next.is_empty() || read.is_in_vain() {
        read.finish();
    }
    Ok(Some(ReferenceData { followers, ..ReferenceData::default() }))
}

/// The filter of a board, of a Server: it lists favourites only, and shows others to whoever names them.
async fn unlisted_filter(
    site: &dyn JiraSite,
    dialect: Dialect,
    configuration: Option<&Value>,
) -> Result<Option<Value>> {
    let id = configuration.map(|configuration| match &configuration["filter"]["id"] {
        Value::Number(id) => id.to_string(),
        id => id.as_str().unwrap_or_default().to_owned(),
    });
    match id.filter(|id| dialect == Dialect::V2 && !id.is_empty()) {
        Some(id) => site.filter(dialect, &id).await,
        None => Ok(None),
    }
}

/// What one project, board, field or group lists; `None` where the site does not show it.
pub(super) async fn ask_for(
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
            let sprints = site.board_sprints(board).await?;
            let configuration = site.board_configuration(board).await?;
            let filter = unlisted_filter(site, dialect, configuration.as_ref()).await?;
            (sprints.is_some() || configuration.is_some()).then(|| ReferenceData {
                filters: filter.map_or(Listed::NotAsked, |filter| Listed::Part(vec![filter])),
                board_sprints: sprints.into_iter().collect(),
                board_configurations: configuration
                    .map(|configuration| ListedConfiguration { board_id: board, configuration })
                    .into_iter()
                    .collect(),
                ..ReferenceData::default()
            })
        }
        ReferenceList::FieldOptions => site
            .field_options(dialect, id)
            .await?
            .map(|options| ReferenceData { field_options: vec![options], ..ReferenceData::default() }),
        ReferenceList::GroupMembers => site.group_members(dialect, id).await?.map(|members| {
            let listed = ListedMembers { group_id: id.to_owned(), members };
            ReferenceData { group_members: vec![listed], ..ReferenceData::default() }
        }),
        ReferenceList::ProjectRoles => site.project_roles(dialect, id).await?.map(|roles| {
            let listed = ListedRoles { project_id: id.to_owned(), roles };
            ReferenceData { project_roles: vec![listed], ..ReferenceData::default() }
        }),
        ReferenceList::ServiceDesks => site
            .desk_setup(id)
            .await?
            .map(|desk| ReferenceData { desk_setups: vec![desk], ..ReferenceData::default() }),
        ReferenceList::Organizations => site.organization_members(id).await?.map(|mut members| {
            // Service management's own links are no part of a person.
            for member in members.iter_mut().filter_map(Value::as_object_mut) {
                member.remove("_links");
            }
            let listed = ListedOrganization { organization_id: id.to_owned(), members };
            ReferenceData { organization_members: vec![listed], ..ReferenceData::default() }
        }),
        // These come in pages.
        ReferenceList::Users | ReferenceList::Followers => None,
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
    const PRIORITY: i32 = super::upkeep::PRIORITY;
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
