//! One census, from the roll call to what is written down.

use std::{collections::HashSet, sync::Arc};

use chrono::{DateTime, Utc};
use domain::ids::{EntityKind, InstanceId, TenantId};
use serde_json::Value;
use uuid::Uuid;

use super::{Census, CensusLease, CensusProject, CensusSettings, CensusState, ProjectState};
use crate::{
    error::{Error, Result},
    ingest::{FieldRoles, read_rosters},
    instances::{self, Dialect, Instance, require_instance},
    jobs::Job,
    ports::{JiraSite, ProjectRoll, ReferenceData, TenantTx, Urgency},
    pulse::RefreshMetrics,
    reference::Roster,
    services::Services,
    sync::{
        ISSUES,
        engine::{WAITING, alive, require_going_on, require_mirror},
        presence::Standing,
        work::LEASE,
    },
    tenant_context::TenantContext,
};

/// Takes the census of a mirror; see [`super`]. Answers how it ended: `held` is no error.
///
/// # Errors
/// [`Error::Conflict`] while another one is at it, while the sync is paused, and before the first full copy is complete;
/// [`Error::Paused`] when the site wants to be left alone: the census goes on later. Any other error has been written to the
/// census, and nothing was concluded from what it had seen.
pub async fn run(services: &Services, tenant: TenantId, instance: InstanceId) -> Result<Census> {
    turn(services, tenant, instance, None).await
}

/// As [`run`], for a worker that has other things to do: after [`crate::sync::SyncSettings::slice`] it stops behind what it is
/// at. The census is then still `running`, and goes on there.
///
/// # Errors
/// See [`run`].
pub async fn run_slice(services: &Services, tenant: TenantId, instance: InstanceId) -> Result<Census> {
    let until = services.clock.now() + services.sync.slice;
    turn(services, tenant, instance, Some(until)).await
}

async fn turn(
    services: &Services,
    tenant: TenantId,
    instance: InstanceId,
    until: Option<DateTime<Utc>>,
) -> Result<Census> {
    let mut tx = services.db.tenant(&TenantContext::whole(tenant)).await?;
    let instance = require_instance(tx.as_mut(), &instance.to_string()).await?;
    require_mirror(&instance)?;
    require_going_on(tx.as_mut(), &instance).await?;
    if tx.watermark(instance.id, ISSUES).await?.is_none() {
        return Err(Error::Conflict(format!(
            "`{}` is not copied yet: a census compares a complete copy; run `forebay sync run {}` first",
            instance.name, instance.name
        )));
    }
    let now = services.clock.now();
    let (lease, census) = tx
        .acquire_census(instance.id, Uuid::now_v7(), now, now + LEASE)
        .await?
        .ok_or_else(|| Error::Conflict(format!("a census of `{}` is being taken already", instance.name)))?;
    let settings = tx.census_settings(instance.id).await?;
    tx.commit().await?;
    let mut left = Left { lease, instance: instance.id, requests: census.requests, changed: false };
    let renewing = || renew(services, tenant, lease);
    let site =
        match alive(services, renewing, instances::connect_as(services, tenant, &instance, Urgency::Rest))
            .await
        {
            Ok(site) => site,
            Err(error) => return finish(services, tenant, left, Err(error)).await,
        };
    let mut roll = RollCall {
        services,
        tenant,
        dialect: instance.dialect,
        instance,
        lease,
        settings,
        accepted: census.accepted_by.is_some(),
        requests_before: census.requests,
        projects: census.projects,
        site,
        roles: FieldRoles::default(),
        changed: false,
        until,
    };
    let went = alive(services, renewing, roll.go()).await;
    left.requests = roll.requests();
    left.changed = roll.changed;
    finish(services, tenant, left, went.map(|ended| ended.then(|| roll.verdict()))).await
}

async fn renew(services: &Services, tenant: TenantId, lease: CensusLease) -> Result<()> {
    let mut tx = services.db.tenant(&TenantContext::whole(tenant)).await?;
    tx.renew_census(lease, services.clock.now() + LEASE).await?;
    tx.commit().await
}

/// What a turn leaves behind.
struct Left {
    lease: CensusLease,
    instance: InstanceId,
    requests: u64,
    /// Whether anything differed from the copy.
    changed: bool,
}

/// Ends the census, or gives its lease back where it is not over.
async fn finish(
    services: &Services,
    tenant: TenantId,
    left: Left,
    ended: Result<Option<(CensusState, Option<String>)>>,
) -> Result<Census> {
    let mut tx = services.db.tenant(&TenantContext::whole(tenant)).await?;
    let (lease, at) = (left.lease, services.clock.now());
    if left.changed {
        tx.enqueue(RefreshMetrics {}.request()?).await?;
    }
    let (noted, failure) = match ended {
        Ok(Some((state, message))) => {
            (tx.finish_census(lease, state, message.as_deref(), at).await.map(Some), None)
        }
        Ok(None) => (rest(tx.as_mut(), &left, "waiting for its next turn", at).await, None),
        Err(error @ (Error::Paused { .. } | Error::RateLimited { .. })) => {
            (rest(tx.as_mut(), &left, WAITING, at).await, Some(error))
        }
        Err(error) => {
            let message = error.to_string();
            let noted = tx.finish_census(lease, CensusState::Failed, Some(&message), at).await;
            (noted.map(Some), Some(error))
        }
    };
    if let Some(failure) = failure {
        // A lost lease leaves nothing to finish; the first error tells why.
        if noted.is_ok() {
            tx.commit().await?;
        }
        return Err(failure);
    }
    let census =
        noted?.ok_or_else(|| Error::Conflict("the instance was removed during its census".into()))?;
    tx.commit().await?;
    Ok(census)
}

async fn rest(tx: &mut dyn TenantTx, left: &Left, step: &str, at: DateTime<Utc>) -> Result<Option<Census>> {
    tx.note_census(left.lease, step, left.requests, at).await?;
    tx.latest_census(left.instance).await
}

pub(super) struct RollCall<'a> {
    pub(super) services: &'a Services,
    pub(super) tenant: TenantId,
    pub(super) instance: Instance,
    pub(super) dialect: Dialect,
    pub(super) lease: CensusLease,
    pub(super) settings: CensusSettings,
    /// Whether a person lets it go on, whatever is gone.
    pub(super) accepted: bool,
    /// What a process that was killed had sent.
    pub(super) requests_before: u64,
    pub(super) projects: Vec<CensusProject>,
    pub(super) site: Arc<dyn JiraSite>,
    pub(super) roles: FieldRoles,
    /// Whether anything differed from the copy.
    pub(super) changed: bool,
    /// When the worker's slot is to be given back.
    pub(super) until: Option<DateTime<Utc>>,
}

impl RollCall<'_> {
    /// Answers whether it came to the end.
    async fn go(&mut self) -> Result<bool> {
        self.identify().await?;
        let roll = self.site.projects(self.dialect).await?;
        self.note_projects(&roll).await?;
        let mut tx = self.tx().await?;
        self.roles = FieldRoles::from_fields(&tx.roster(self.instance.id, Roster::Fields).await?);
        drop(tx);

        for project in self.live(&roll) {
            if self.is_time() {
                return Ok(false);
            }
            self.list(project).await?;
        }
        self.add_those_without_a_listing(&roll).await?;
        for index in 0..self.projects.len() {
            if self.projects[index].state == ProjectState::Listed {
                self.confirm(index).await?;
                if self.is_time() {
                    return Ok(false);
                }
            }
        }
        self.hold_the_site_if_much_is_gone().await?;
        // Credentials may have ended while ids were listed, and anonymous answers look like an empty site (jira-facts 5.4).
        self.identify().await?;
        for index in 0..self.projects.len() {
            if self.projects[index].state == ProjectState::Confirmed {
                self.settle(index).await?;
            }
        }
        self.look_for_the_unobserved().await?;
        self.settle_what_names_others().await?;
        Ok(true)
    }

    /// Whether the worker's slot is to be given back.
    pub(super) fn is_time(&self) -> bool {
        self.until.is_some_and(|until| self.now() >= until)
    }

    fn requests(&self) -> u64 {
        self.requests_before + self.site.usage().requests
    }

    fn verdict(&self) -> (CensusState, Option<String>) {
        let named = |state: ProjectState| {
            let of_state = self.projects.iter().filter(|project| project.state == state);
            of_state.collect::<Vec<_>>()
        };
        let held = named(ProjectState::Held);
        if !held.is_empty() {
            let told: Vec<_> =
                held.iter().map(|p| format!("{} ({} of {} absent)", p.key, p.absent, p.present)).collect();
            let message = format!(
                "too much is gone: {}. If that is right, `forebay sync census {} --accept`; `--reject` keeps it",
                shortened(&told),
                self.instance.name
            );
            tracing::error!(instance = %self.instance.name, projects = held.len(), "a census is held: {message}");
            return (CensusState::Held, Some(message));
        }
        let failed = named(ProjectState::Failed);
        if !failed.is_empty() {
            let told: Vec<_> = failed
                .iter()
                .map(|p| format!("{} ({})", p.key, p.error.as_deref().unwrap_or("no reason given")))
                .collect();
            let message = format!("not every project could be listed: {}", shortened(&told));
            return (CensusState::Failed, Some(message));
        }
        (CensusState::Succeeded, None)
    }

    pub(super) async fn tx(&self) -> Result<Box<dyn TenantTx>> {
        self.services.db.tenant(&TenantContext::whole(self.tenant)).await
    }

    pub(super) fn now(&self) -> DateTime<Utc> {
        self.services.clock.now()
    }

    /// Renews the lease inside a transaction, so that what it writes is ours to write.
    pub(super) async fn hold(&self, tx: &mut dyn TenantTx, step: &str) -> Result<()> {
        tx.note_census(self.lease, step, self.requests(), self.now() + LEASE).await
    }

    async fn identify(&mut self) -> Result<()> {
        let identity =
            instances::identify(self.services, self.tenant, &self.instance, self.site.as_ref()).await?;
        self.dialect = identity.dialect;
        // Whoever answered first is expected to the end, also at a site that was never tested.
        self.instance.account_id.get_or_insert(identity.account_id);
        Ok(())
    }

    /// A live project has a row of its present key before its issues are compared.
    async fn note_projects(&self, roll: &ProjectRoll) -> Result<()> {
        let mut tx = self.tx().await?;
        self.hold(tx.as_mut(), "listing projects").await?;
        let erased = tx.erased_people(self.instance.id).await?;
        let data = ReferenceData { projects: roll.live.clone(), ..ReferenceData::default() };
        let mut records = read_rosters(data, self.services.secrets.as_ref(), &erased);
        // Which projects are gone is for this census to say, by their issues too.
        records.whole.clear();
        tx.upsert_reference(self.instance.id, &records, true).await?;
        tx.commit().await
    }

    pub(super) fn project(&self, jira_id: &str, key: &str, standing: Standing) -> CensusProject {
        CensusProject {
            project_id: self.instance.id.derive(EntityKind::Project, jira_id),
            jira_id: jira_id.to_owned(),
            key: key.to_owned(),
            state: ProjectState::Listing,
            standing,
            present: 0,
            listed: 0,
            fetched: 0,
            absent: 0,
            gone: 0,
            unsettled: 0,
            error: None,
            compared_at: self.now(),
        }
    }

    /// The live projects that this census has not listed yet.
    fn live(&self, roll: &ProjectRoll) -> Vec<CensusProject> {
        let listed: HashSet<Uuid> = self
            .projects
            .iter()
            .filter(|project| project.state != ProjectState::Listing)
            .map(|project| project.project_id)
            .collect();
        named(&roll.live)
            .map(|(id, key)| self.project(id, key, Standing::Live))
            .filter(|project| !listed.contains(&project.project_id))
            .collect()
    }
}

/// Numeric ids and keys of projects, as served.
pub(super) fn named(projects: &[Value]) -> impl Iterator<Item = (&str, &str)> {
    projects.iter().filter_map(|project| {
        let id = project["id"].as_str().filter(|id| id.bytes().all(|byte| byte.is_ascii_digit()))?;
        Some((id, project["key"].as_str()?))
    })
}

/// The first ten, and how many more.
fn shortened(told: &[String]) -> String {
    const SHOWN: usize = 10;
    let more = told.len().saturating_sub(SHOWN);
    let shown = told[..told.len().min(SHOWN)].join(", ");
    if more == 0 { shown } else { format!("{shown} and {more} more") }
}
