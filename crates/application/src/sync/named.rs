//! Reading again what an event names beside issues, and no more: a sprint's board, a version's project, a person.

use async_trait::async_trait;
use domain::ids::{InstanceId, TenantId};
use serde::{Deserialize, Serialize};

use super::{
    engine::{self, require_going_on, require_mirror},
    reference::{APART, ReferenceList, ask_for},
    upkeep::{Cause, CensusInstance},
};
use crate::{
    error::{Error, Result},
    ingest::read_rosters,
    instances::{self, Dialect, Instance, require_instance},
    jobs::{Job, JobError, JobRequest},
    ports::{JiraSite, Listed, ReferenceData, TenantTx, Urgency},
    services::Services,
    tenant_context::TenantContext,
    webhooks::{InboxState, Named},
};

/// Reads what a webhook named. Bursts for one thing coalesce by the job's key.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct ReadNamed {
    /// Whose.
    pub tenant: TenantId,
    /// Where.
    pub instance: InstanceId,
    /// What.
    pub what: Named,
}

#[async_trait]
impl Job for ReadNamed {
    const NAME: &'static str = "read_named";
    /// Behind hints, before polls.
    const PRIORITY: i32 = 10;
    const MAX_ATTEMPTS: i32 = 5;
    /// A slow site must not keep what is short waiting.
    const IS_LONG: bool = true;

    fn lane(&self) -> Option<String> {
        Some(format!("named:{}", self.instance))
    }

    fn key(&self) -> Option<String> {
        Some(format!("named:{}:{}", self.instance, self.what.key()))
    }

    async fn run(self, services: &Services) -> Result<(), JobError> {
        match read(services, self.tenant, self.instance, &self.what).await {
            // A sync that is paused reads all of it when it goes on.
            Err(Error::Conflict(_) | Error::NotFound { .. }) => Ok(()),
            read => read.map_err(JobError::from),
        }
    }
}

impl ReadNamed {
    /// The job, no sooner after its like than lists may be read.
    ///
    /// # Errors
    /// [`Error::Internal`] when it cannot be written.
    pub(crate) async fn wanted(self, tx: &mut dyn TenantTx) -> Result<JobRequest> {
        let run_at = match self.what {
            Named::Lists => tx.watermark(self.instance, engine::ROSTERS).await?.map(|read| read + APART),
            _ => None,
        };
        Ok(JobRequest { run_at, ..self.request()? })
    }
}

async fn read(services: &Services, tenant: TenantId, instance: InstanceId, what: &Named) -> Result<()> {
    let began = services.clock.now();
    let mut tx = services.db.tenant(&TenantContext::whole(tenant)).await?;
    let instance = require_instance(tx.as_mut(), &instance.to_string()).await?;
    require_mirror(&instance)?;
    require_going_on(tx.as_mut(), &instance).await?;
    drop(tx);
    let site = instances::connect_as(services, tenant, &instance, Urgency::Poll).await?;
    let dialect = instances::identify(services, tenant, &instance, site.as_ref()).await?.dialect;
    if *what == Named::Lists {
        engine::read_lists(services, tenant, &instance, site.as_ref()).await?;
    } else {
        let data = entry(site.as_ref(), dialect, what).await?;
        store(services, tenant, &instance, what, data).await?;
    }
    let mut tx = services.db.tenant(&TenantContext::whole(tenant)).await?;
    tx.settle_deliveries(instance.id, None, InboxState::Processed, began).await?;
    tx.commit_again_if_lost().await
}

/// What the site shows of it now; nothing where it shows it no more.
async fn entry(site: &dyn JiraSite, dialect: Dialect, what: &Named) -> Result<Option<ReferenceData>> {
    Ok(match what {
        Named::Project(id) | Named::ProjectWithIssues(id) => site
            .project_entry(dialect, id)
            .await?
            .map(|project| ReferenceData { projects: vec![project], ..ReferenceData::default() }),
        Named::ProjectParts(id) => ask_for(site, dialect, ReferenceList::ProjectParts, id).await?,
        Named::Board(id) => match site.board_entry(*id).await? {
            Some(board) => {
                let set_up = ask_for(site, dialect, ReferenceList::BoardSprints, &id.to_string()).await?;
                Some(ReferenceData { boards: Listed::Part(vec![board]), ..set_up.unwrap_or_default() })
            }
            None => None,
        },
        Named::Sprints(id) => site
            .board_sprints(*id)
            .await?
            .map(|sprints| ReferenceData { board_sprints: vec![sprints], ..ReferenceData::default() }),
        Named::Person(account) => site.person(dialect, account).await?.map(|mut person| {
            // Made anew when it is served.
            if let Some(members) = person.as_object_mut() {
                members.remove("self");
            }
            ReferenceData { users: vec![person], ..ReferenceData::default() }
        }),
        Named::Lists => None,
    })
}

async fn store(
    services: &Services,
    tenant: TenantId,
    instance: &Instance,
    what: &Named,
    data: Option<ReferenceData>,
) -> Result<()> {
    let is_shown = data.is_some();
    let mut tx = services.db.tenant(&TenantContext::whole(tenant)).await?;
    if let Some(data) = data {
        let erased = tx.erased_people(instance.id).await?;
        let mut records = read_rosters(data, services.secrets.as_ref(), &erased);
        // One entry is no whole list: what is not in it is not gone.
        records.whole.clear();
        if let Named::ProjectParts(id) = what {
            records.parts_of.push(id.clone());
        }
        // A project's and a board's entry is that of their lists; a person's may tell less than an issue did.
        tx.upsert_reference(instance.id, &records, !matches!(what, Named::Person(_))).await?;
    }
    let is_about_issues = match what {
        Named::ProjectWithIssues(_) => true,
        Named::Project(_) => !is_shown,
        _ => false,
    };
    if is_about_issues {
        let census = CensusInstance { tenant, instance: instance.id, cause: Cause::Asked };
        let latest = tx.latest_census(instance.id).await?;
        let run_at = latest.map(|census| census.started_at + APART).filter(|at| *at > services.clock.now());
        tx.enqueue(JobRequest { run_at, ..census.request()? }).await?;
    }
    tx.commit().await
}
