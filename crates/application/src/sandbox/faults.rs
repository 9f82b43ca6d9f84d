//! A faulty Jira on demand: what a sandbox does wrong, as a plan that its user sets, the same again with the same seed.
//!
//! [`plan`] is what a user writes down, [`decide`] tells what meets a request, [`pages`] and [`issues`] change answers, [`announce`]
//! changes deliveries. All of that is pure; the web layer carries out what concerns the transport. Chance is a hash of the
//! seed, the rule, the request and how often this very request was made before ([`draw`]), and not a sequence that
//! requests take turns at: so however they interleave, each is met by the same faults.

pub mod announce;
pub mod decide;
pub mod draw;
pub mod issues;
mod moves;
pub mod pages;
mod parse;
pub mod plan;

use std::collections::BTreeMap;

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use domain::ids::InstanceId;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use uuid::Uuid;

pub use decide::{ActivePlan, Asked, Met};
pub use issues::Lens;
pub use moves::move_issue;
pub use plan::{Endpoint, Fault, FaultPlan, FaultRule, Poison};

use super::fill::require_sandbox;
use crate::{
    actions::Action,
    audit::NewAuditEntry,
    caller::{Caller, Scope},
    error::{Error, Result},
    instances::{Instance, require_instance},
    services::Services,
};

/// A plan as stored.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct StoredPlan {
    /// Another one with every change.
    pub revision: Uuid,
    /// The plan; `None` once it is cleared.
    pub plan: Option<FaultPlan>,
    /// When it was set or cleared.
    pub set_at: DateTime<Utc>,
}

/// How a sandbox's faults stand.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct FaultReport {
    /// The plan that is served; `None` when nothing goes wrong.
    pub plan: Option<FaultPlan>,
    /// When it was set or cleared; `None` when there never was one.
    pub set_at: Option<DateTime<Utc>>,
    /// How many faults of each kind the latest plan has injected.
    pub injected: BTreeMap<String, u64>,
}

/// Storage of fault plans.
#[async_trait]
pub trait FaultStore: Send {
    /// The latest plan of a sandbox, cleared or not.
    async fn fault_plan(&mut self, instance: InstanceId) -> Result<Option<StoredPlan>>;

    /// Sets a plan in the place of the one before, whose counts are forgotten.
    async fn set_fault_plan(&mut self, instance: InstanceId, plan: &StoredPlan) -> Result<()>;

    /// Stops serving the plan; its counts stay. `false` when none is served.
    async fn clear_fault_plan(&mut self, instance: InstanceId, at: DateTime<Utc>) -> Result<bool>;

    /// Adds to what a plan has injected, by kind.
    async fn count_faults(
        &mut self,
        instance: InstanceId,
        revision: Uuid,
        counts: &BTreeMap<&'static str, u64>,
    ) -> Result<()>;

    /// How many faults of each kind a plan has injected.
    async fn fault_counts(&mut self, instance: InstanceId, revision: Uuid) -> Result<BTreeMap<String, u64>>;
}

/// Sets what a sandbox does wrong from now on.
///
/// # Errors
/// [`Error::Conflict`] for an instance that is no sandbox.
pub async fn set(services: &Services, caller: &Caller, name: &str, plan: FaultPlan) -> Result<FaultReport> {
    caller.permit(Action::SetFaults)?;
    let mut tx = services.db.tenant(&caller.context()).await?;
    let instance = require_instance(tx.as_mut(), name).await?;
    require_sandbox(&instance)?;
    let now = services.clock.now();
    let before = tx.fault_plan(instance.id).await?.and_then(|stored| stored.plan);
    let stored = StoredPlan { revision: Uuid::now_v7(), plan: Some(plan), set_at: now };
    tx.set_fault_plan(instance.id, &stored).await?;
    let entry = audited(caller, &instance, Action::SetFaults, before.as_ref(), stored.plan.as_ref(), now)?;
    tx.record(entry).await?;
    tx.commit().await?;
    Ok(FaultReport { plan: stored.plan, set_at: Some(now), injected: BTreeMap::new() })
}

/// Lets a sandbox do nothing wrong any more; answers what went wrong until now.
///
/// # Errors
/// [`Error::Conflict`] for an instance that is no sandbox.
pub async fn clear(services: &Services, caller: &Caller, name: &str) -> Result<FaultReport> {
    caller.permit(Action::ClearFaults)?;
    let mut tx = services.db.tenant(&caller.context()).await?;
    let instance = require_instance(tx.as_mut(), name).await?;
    require_sandbox(&instance)?;
    let now = services.clock.now();
    let before = tx.fault_plan(instance.id).await?.and_then(|stored| stored.plan);
    if tx.clear_fault_plan(instance.id, now).await? {
        tx.record(audited(caller, &instance, Action::ClearFaults, before.as_ref(), None, now)?).await?;
    }
    tx.commit().await?;
    read(services, caller, name).await
}

/// How a sandbox's faults stand. Other processes store what they count within a second.
///
/// # Errors
/// [`Error::Conflict`] for an instance that is no sandbox.
pub async fn read(services: &Services, caller: &Caller, name: &str) -> Result<FaultReport> {
    caller.require(Scope::Read)?;
    let mut tx = services.db.tenant(&caller.context()).await?;
    let instance = require_instance(tx.as_mut(), name).await?;
    require_sandbox(&instance)?;
    let Some(stored) = tx.fault_plan(instance.id).await? else { return Ok(FaultReport::default()) };
    let injected = tx.fault_counts(instance.id, stored.revision).await?;
    Ok(FaultReport { plan: stored.plan, set_at: Some(stored.set_at), injected })
}

fn audited(
    caller: &Caller,
    instance: &Instance,
    action: Action,
    before: Option<&FaultPlan>,
    after: Option<&FaultPlan>,
    at: DateTime<Utc>,
) -> Result<NewAuditEntry> {
    let value = |plan| serde_json::to_value::<Option<&FaultPlan>>(plan).map_err(Error::internal);
    let (before, after): (Value, Value) = (value(before)?, value(after)?);
    Ok(NewAuditEntry::success(caller, Some(instance.id), action.as_str(), &instance.name, before, after, at))
}
