//! The census: a roll call of ids that finds what has disappeared from a site, what came back, and what was never copied.
//!
//! Each project's ids are listed to their end and merged with the copy. What is listed and not in the copy is fetched. What is
//! in the copy and not listed is a candidate, and nothing more: a listing may lag, be cut short, or be answered to somebody
//! else. A candidate is looked for by its id; if that finds nothing either it is gone, and once the whole site has been asked,
//! and the account is still the one that was expected, that is written down with the presence that the evidence allows
//! ([`super::presence`]).
//!
//! **The brake**: when more than 5 % of a project and more than 20 of its issues are gone (or of the whole site, so that many
//! small projects are one large loss), nothing is written; the census is *held* until a person accepts or rejects it, or the
//! next one finds the issues again. A lost permission must not empty a copy. Projects that the site itself lists as archived or
//! trashed are believed at once.

mod listing;
mod merge;
mod run;
mod settle;

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use domain::ids::InstanceId;
use serde::Serialize;
use serde_json::{Value, json};
use uuid::Uuid;

pub use merge::{Copied, Found, Listed, advance};
pub use run::{run, run_slice};

use super::{
    presence::Standing,
    upkeep::{Cause, CensusInstance},
};
use crate::{
    actions::Action,
    audit::NewAuditEntry,
    caller::Caller,
    error::{Error, Result},
    instances::{Instance, require_instance},
    issues::Presence,
    jobs::Job,
    services::Services,
};

/// How a census stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum CensusState {
    /// A worker is at it.
    Running,
    /// The brake has stopped it: a person is asked. What is gone is still shown as present.
    Held,
    /// Done.
    Succeeded,
    /// Some or all of the site could not be listed; what could be is settled.
    Failed,
    /// A person said that what is gone is to be kept.
    Rejected,
    /// It was held, and a later one took its place.
    Superseded,
}

impl CensusState {
    /// All of them.
    pub const ALL: [Self; 6] =
        [Self::Running, Self::Held, Self::Succeeded, Self::Failed, Self::Rejected, Self::Superseded];

    /// Its name.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Running => "running",
            Self::Held => "held",
            Self::Succeeded => "succeeded",
            Self::Failed => "failed",
            Self::Rejected => "rejected",
            Self::Superseded => "superseded",
        }
    }
}

/// How far a census is with a project.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum ProjectState {
    /// Its ids are being listed.
    Listing,
    /// Listed to the end; candidates are known.
    Listed,
    /// Candidates were looked for by id.
    Confirmed,
    /// Too many are gone.
    Held,
    /// Written down.
    Settled,
    /// It could not be listed; nothing was concluded.
    Failed,
}

impl ProjectState {
    /// All of them.
    pub const ALL: [Self; 6] =
        [Self::Listing, Self::Listed, Self::Confirmed, Self::Held, Self::Settled, Self::Failed];

    /// Its name.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Listing => "listing",
            Self::Listed => "listed",
            Self::Confirmed => "confirmed",
            Self::Held => "held",
            Self::Settled => "settled",
            Self::Failed => "failed",
        }
    }
}

/// What a census found of one project.
#[derive(Clone, Debug)]
pub struct CensusProject {
    /// Our id.
    pub project_id: Uuid,
    /// Jira's numeric id.
    pub jira_id: String,
    /// Its key now.
    pub key: String,
    /// How far the census is with it.
    pub state: ProjectState,
    /// How the site shows it.
    pub standing: Standing,
    /// Issues of the copy that were present when it was compared.
    pub present: u64,
    /// Issues that the site listed.
    pub listed: u64,
    /// Issues fetched, because the copy did not have them so.
    pub fetched: u64,
    /// Issues of the copy that were not listed.
    pub absent: u64,
    /// Those that were not shown by their id either.
    pub gone: u64,
    /// Issues for which the site had no answer just now. They stay as they are.
    pub unsettled: u64,
    /// Why it failed.
    pub error: Option<String>,
    /// When it was compared.
    pub compared_at: DateTime<Utc>,
}

/// A census.
#[derive(Clone, Debug)]
pub struct Census {
    /// Its id.
    pub id: Uuid,
    /// Its instance.
    pub instance_id: InstanceId,
    /// How it stands.
    pub state: CensusState,
    /// Who let it go on although the brake had stopped it.
    pub accepted_by: Option<String>,
    /// The present step, for people.
    pub step: String,
    /// HTTP requests sent.
    pub requests: u64,
    /// Why it failed, or what it waits for.
    pub error: Option<String>,
    /// When it began.
    pub started_at: DateTime<Utc>,
    /// When it last made progress.
    pub updated_at: DateTime<Utc>,
    /// When it ended.
    pub finished_at: Option<DateTime<Utc>>,
    /// By key.
    pub projects: Vec<CensusProject>,
}

/// The right to go on with a census.
#[derive(Clone, Copy, Debug)]
pub struct CensusLease {
    /// The census.
    pub id: Uuid,
    /// Who holds it.
    pub holder: Uuid,
}

/// How careful the censuses of an instance are, and how frequent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct CensusSettings {
    /// The brake stops when more than so many percent are gone ...
    pub brake_percent: u32,
    /// ... and more than so many issues.
    pub brake_issues: u32,
    /// Hours between censuses; 0 for none but those that are asked for.
    pub every_hours: u32,
}

impl Default for CensusSettings {
    fn default() -> Self {
        Self { brake_percent: 5, brake_issues: 20, every_hours: 24 }
    }
}

impl CensusSettings {
    /// Whether a person must be asked before so many of the present issues are written off.
    pub fn stops(&self, gone: u64, present: u64) -> bool {
        gone > u64::from(self.brake_issues)
            && u128::from(gone) * 100 > u128::from(self.brake_percent) * u128::from(present)
    }

    fn check(&self) -> Result<()> {
        if self.brake_percent > 100 {
            return Err(Error::invalid("brake_percent", "must be from 0 to 100; 100 takes the brake away"));
        }
        if self.every_hours > 8_760 {
            return Err(Error::invalid("every_hours", "must be at most 8760, a year; 0 for never"));
        }
        if i32::try_from(self.brake_issues).is_err() {
            return Err(Error::invalid("brake_issues", "must be at most 2147483647"));
        }
        Ok(())
    }
}

/// Storage of censuses, and what they ask of the copy.
#[async_trait]
pub trait CensusStore: Send {
    /// How careful the censuses of an instance are.
    async fn census_settings(&mut self, instance: InstanceId) -> Result<CensusSettings>;

    /// Changes that.
    async fn set_census_settings(&mut self, instance: InstanceId, settings: &CensusSettings) -> Result<()>;

    /// How many censuses of an instance have failed since the last one that did not.
    async fn failed_censuses(&mut self, instance: InstanceId) -> Result<u32>;

    /// The latest census of an instance.
    async fn latest_census(&mut self, instance: InstanceId) -> Result<Option<Census>>;

    /// Begins a census in the place of one that is held, or takes over one whose lease has ended. `None` while another
    /// holder's lease lasts.
    async fn acquire_census(
        &mut self,
        instance: InstanceId,
        holder: Uuid,
        now: DateTime<Utc>,
        lease_until: DateTime<Utc>,
    ) -> Result<Option<(CensusLease, Census)>>;

    /// Notes progress and renews the lease.
    ///
    /// # Errors
    /// [`Error::Conflict`] when the lease was lost.
    async fn note_census(
        &mut self,
        lease: CensusLease,
        step: &str,
        requests: u64,
        lease_until: DateTime<Utc>,
    ) -> Result<()>;

    /// Renews the lease, and nothing else.
    ///
    /// # Errors
    /// [`Error::Conflict`] when it was lost.
    async fn renew_census(&mut self, lease: CensusLease, lease_until: DateTime<Utc>) -> Result<()>;

    /// Ends a census, or holds it. Candidates stay only while it is held.
    async fn finish_census(
        &mut self,
        lease: CensusLease,
        state: CensusState,
        error: Option<&str>,
        at: DateTime<Utc>,
    ) -> Result<Census>;

    /// Lets a held census go on, looking for every candidate anew, or ends it. `None` when none is held.
    async fn decide_census(
        &mut self,
        instance: InstanceId,
        accept: bool,
        actor: &str,
        at: DateTime<Utc>,
    ) -> Result<Option<Census>>;

    /// Writes down how far the census is with a project.
    async fn note_census_project(&mut self, lease: CensusLease, project: &CensusProject) -> Result<()>;

    /// The projects of the copy that are present, or have present issues: id, Jira's id and key. One may be known by its board or a
    /// version alone, and be gone without an issue that could tell.
    async fn projects_with_issues(&mut self, instance: InstanceId) -> Result<Vec<(Uuid, String, String)>>;

    /// The projects' keys that the keys of a project's present issues begin with: one, but for a rename that is half read.
    async fn key_prefixes(&mut self, project: Uuid) -> Result<Vec<String>>;

    /// Present issues of a project whose keys begin with this, by number, after this one.
    async fn copied_issues(
        &mut self,
        project: Uuid,
        prefix: &str,
        after: i64,
        limit: i64,
    ) -> Result<Vec<Copied>>;

    /// Those of the listed issues that the copy has, present, in this project and under this key.
    async fn known_so(&mut self, instance: InstanceId, project: Uuid, listed: &[Listed]) -> Result<Vec<i64>>;

    /// Notes issues as absent.
    async fn add_candidates(
        &mut self,
        lease: CensusLease,
        instance: InstanceId,
        project: Uuid,
        ids: &[i64],
    ) -> Result<()>;

    /// Notes present issues of a project as absent, after this id, at most so many; answers the last one.
    async fn add_all_as_candidates(
        &mut self,
        lease: CensusLease,
        project: Uuid,
        after: i64,
        limit: i64,
    ) -> Result<Option<(i64, u64)>>;

    /// Candidates of a project that nobody has looked for yet, after this id, in order.
    async fn candidates(
        &mut self,
        lease: CensusLease,
        project: Uuid,
        after: i64,
        limit: i64,
    ) -> Result<Vec<i64>>;

    /// Marks candidates as gone, and takes others from the list.
    async fn settle_candidates(&mut self, lease: CensusLease, gone: &[i64], kept: &[i64]) -> Result<()>;

    /// Forgets the candidates of a project.
    async fn drop_candidates(&mut self, lease: CensusLease, project: Uuid) -> Result<()>;

    /// Writes the presence to at most so many of the issues that are gone from a project; answers how many.
    async fn write_gone(
        &mut self,
        lease: CensusLease,
        project: Uuid,
        presence: Presence,
        limit: i64,
    ) -> Result<u64>;

    /// Takes the links of gone issues with them and brings those of present ones back, of the links after this one, at most so many;
    /// answers the last one that it looked at.
    async fn settle_links(&mut self, instance: InstanceId, after: Uuid, limit: i64) -> Result<Option<Uuid>>;

    /// Shows the present keys of issues wherever others name them, of the issues that lost a key since the last census, after this
    /// key, at most so many; answers the last one that it looked at.
    async fn settle_keys(&mut self, instance: InstanceId, after: &str, limit: i64) -> Result<Option<String>>;

    /// Has issues looked at again that do not tell the same of each other, or name one that the copy does not have: of the issues after
    /// this one, at most so many; answers the last one. Of those only that were read since the last census.
    async fn settle_neighbours(
        &mut self,
        instance: InstanceId,
        after: Uuid,
        limit: i64,
    ) -> Result<Option<Uuid>>;

    /// Writes the presence to at most so many present issues of a project; answers how many.
    async fn write_all_gone(&mut self, project: Uuid, presence: Presence, limit: i64) -> Result<u64>;

    /// Notes how a project itself is at the site.
    async fn set_project_presence(&mut self, project: Uuid, presence: Presence) -> Result<()>;

    /// Whether single issues of a project may be hidden from this account, which sees the project: among its latest issues one was
    /// seen under a security level, or none is shown to us that does not name the account itself, so that we may be let in as the
    /// reporter or assignee of each.
    async fn may_hide_issues(&mut self, project: Uuid, account: Option<&str>) -> Result<bool>;

    /// Candidates of a project that are gone, at most so many.
    async fn gone_candidates(&mut self, lease: CensusLease, project: Uuid, limit: i64) -> Result<Vec<i64>>;

    /// Issues whose keys others have now, after this id, in order, each with its project and whether that has security levels.
    async fn unobserved_issues(
        &mut self,
        instance: InstanceId,
        after: i64,
        limit: i64,
    ) -> Result<Vec<(i64, Uuid)>>;

    /// How many present issues a project has.
    async fn project_issue_count(&mut self, project: Uuid) -> Result<u64>;
}

/// Asks the workers for a census now.
pub async fn start(services: &Services, caller: &Caller, name: &str) -> Result<Instance> {
    caller.permit(Action::StartSync)?;
    let mut tx = services.db.tenant(&caller.context()).await?;
    let instance = require_instance(tx.as_mut(), name).await?;
    super::engine::require_mirror(&instance)?;
    super::engine::require_going_on(tx.as_mut(), &instance).await?;
    let job = CensusInstance { tenant: caller.tenant, instance: instance.id, cause: Cause::Asked };
    tx.enqueue(job.request()?).await?;
    let after = json!({ "instance": instance.name, "census": true });
    let (id, now) = (Some(instance.id), services.clock.now());
    let action = Action::StartSync.as_str();
    tx.record(NewAuditEntry::success(caller, id, action, &instance.name, Value::Null, after, now)).await?;
    tx.commit().await?;
    Ok(instance)
}

/// Answers for a census that the brake has stopped: `accept` writes off what is gone after looking for all of it once more,
/// otherwise it is kept as present until the next census asks again.
///
/// # Errors
/// [`Error::Conflict`] when no census is held.
pub async fn decide(services: &Services, caller: &Caller, name: &str, accept: bool) -> Result<Census> {
    caller.permit(Action::DecideCensus)?;
    let mut tx = services.db.tenant(&caller.context()).await?;
    let instance = require_instance(tx.as_mut(), name).await?;
    let now = services.clock.now();
    let actor = caller.actor.to_string();
    let census = tx.decide_census(instance.id, accept, &actor, now).await?.ok_or_else(|| {
        Error::Conflict(format!(
            "no census of `{}` is held: there is nothing to accept or reject",
            instance.name
        ))
    })?;
    let gone: u64 = census.projects.iter().map(|project| project.gone).sum();
    let entry = NewAuditEntry::success(
        caller,
        Some(instance.id),
        Action::DecideCensus.as_str(),
        &instance.name,
        json!({ "census": census.id, "state": "held", "gone": gone }),
        json!({ "decision": if accept { "accept" } else { "reject" } }),
        now,
    );
    tx.record(entry).await?;
    if accept {
        let job = CensusInstance { tenant: caller.tenant, instance: instance.id, cause: Cause::Accepted };
        tx.enqueue(job.request()?).await?;
    }
    tx.commit().await?;
    Ok(census)
}

/// Changes how careful and how frequent the censuses of an instance are.
pub async fn configure(
    services: &Services,
    caller: &Caller,
    name: &str,
    change: impl FnOnce(&mut CensusSettings) + Send,
) -> Result<CensusSettings> {
    caller.permit(Action::ConfigureCensus)?;
    let mut tx = services.db.tenant(&caller.context()).await?;
    let instance = require_instance(tx.as_mut(), name).await?;
    super::engine::require_mirror(&instance)?;
    let before = tx.census_settings(instance.id).await?;
    let mut after = before;
    change(&mut after);
    after.check()?;
    tx.set_census_settings(instance.id, &after).await?;
    let entry = NewAuditEntry::success(
        caller,
        Some(instance.id),
        Action::ConfigureCensus.as_str(),
        &instance.name,
        json!(before),
        json!(after),
        services.clock.now(),
    );
    tx.record(entry).await?;
    tx.commit().await?;
    Ok(after)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_brake_needs_a_share_and_a_number() {
        let brake = CensusSettings::default();
        assert!(!brake.stops(20, 20), "all of a small project is not much");
        assert!(brake.stops(21, 21));
        assert!(!brake.stops(50, 1_000), "exactly 5 %");
        assert!(brake.stops(51, 1_000));
        assert!(brake.stops(u64::MAX, u64::MAX));
        let off = CensusSettings { brake_percent: 100, ..brake };
        assert!(!off.stops(1_000, 1_000));
    }
}
