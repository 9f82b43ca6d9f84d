//! Issues that one look by id did not find, outside of any census: taken out of the copy where they are few, and left to a census where
//! they are many, whose brake asks a person.
//!
//! A webhook that says that an issue was deleted is a reason; a mere 404 is none. After our account loses a project its webhooks may go
//! on, and each of them would take an issue out. So the limits of the census hold for what hints take out of a project within an
//! hour; beyond them nothing is taken out, and a census is asked for. While one is held over a project, or was rejected, it is the
//! next census that decides.

use std::collections::HashMap;

use async_trait::async_trait;
use domain::ids::InstanceId;
use uuid::Uuid;

use super::{
    census::CensusState,
    upkeep::{Cause, CensusInstance},
};
use crate::{error::Result, instances::Instance, issues::Presence, jobs::Job, ports::TenantTx};

/// A present issue that a look by id did not find.
#[derive(Clone, Debug)]
pub struct Suspect {
    /// Its numeric id.
    pub jira_id: String,
    /// Its project, by our id.
    pub project: Uuid,
    /// How many issues of that project were taken out by hints within the last hour.
    pub lost: u64,
    /// Whether the latest census is held over that project, or somebody rejected it.
    pub is_held: bool,
}

/// Storage of what hints took out.
#[async_trait]
pub trait LossStore: Send {
    /// The present ones of these issues.
    async fn suspects(&mut self, instance: InstanceId, jira_ids: &[String]) -> Result<Vec<Suspect>>;

    /// Notes that these issues of a project are taken out now; what is older than an hour is forgotten.
    async fn note_losses(&mut self, instance: InstanceId, project: Uuid, jira_ids: &[String]) -> Result<()>;
}

/// Takes issues out of the copy that a look by id, by the account that is expected, did not find; answers how many were.
pub(crate) async fn lose(tx: &mut dyn TenantTx, instance: &Instance, jira_ids: &[String]) -> Result<u64> {
    let mut projects: HashMap<Uuid, Vec<Suspect>> = HashMap::new();
    for suspect in tx.suspects(instance.id, jira_ids).await? {
        projects.entry(suspect.project).or_default().push(suspect);
    }
    let mut held: Vec<String> = Vec::new();
    for (project, suspects) in projects {
        let ids: Vec<String> = suspects.iter().map(|suspect| suspect.jira_id.clone()).collect();
        if is_too_much(tx, instance, project, &suspects).await? {
            tracing::warn!(
                instance = instance.name,
                %project,
                issues = ids.len(),
                "issues that hints do not find any more are left in the copy: they are too many, and a census will ask about them"
            );
            held.extend(ids);
        } else {
            tx.note_losses(instance.id, project, &ids).await?;
        }
    }
    if !held.is_empty() {
        let census = CensusInstance { tenant: instance.tenant, instance: instance.id, cause: Cause::Missed };
        tx.enqueue(census.request()?).await?;
    }
    let lost: Vec<String> = jira_ids.iter().filter(|id| !held.contains(id)).cloned().collect();
    tx.set_presence(instance.id, &lost, Presence::AccessLost).await
}

/// Whether the brake stops these, together with what was taken out before.
async fn is_too_much(
    tx: &mut dyn TenantTx,
    instance: &Instance,
    project: Uuid,
    suspects: &[Suspect],
) -> Result<bool> {
    let Some(first) = suspects.first() else { return Ok(false) };
    if first.is_held {
        return Ok(true);
    }
    let settings = tx.census_settings(instance.id).await?;
    let gone = first.lost + suspects.len() as u64;
    // To count a project takes its time, and few is few of any number.
    if gone <= u64::from(settings.brake_issues) {
        return Ok(false);
    }
    let present = tx.project_issue_count(project).await? + first.lost;
    Ok(settings.stops(gone, present))
}

/// Whether issues that were missed are a reason for a census now: nobody is asked about another one, nor has just said that they are to
/// be kept.
pub(super) fn ask_for_a_census(latest: Option<CensusState>) -> bool {
    !matches!(latest, Some(CensusState::Held | CensusState::Rejected))
}
