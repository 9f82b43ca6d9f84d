//! The plans that this process serves, and where what they injected is written down.

use std::{
    collections::HashMap,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use application::{Result, Services, TenantContext, instances::Instance, sandbox::faults::ActivePlan};
use domain::ids::{InstanceId, TenantId};

/// Counts are stored this long after the first of them: one statement for many requests.
const WRITTEN_AFTER: Duration = Duration::from_millis(500);
/// A database that is restarted is back within these tries.
const TRIES: u32 = 120;

/// The plans by sandbox. A sandbox without one costs nothing here: its instance says so.
#[derive(Clone, Default)]
pub struct FaultDesk(Arc<Mutex<HashMap<InstanceId, Arc<Served>>>>);

/// A plan that is served.
pub(in crate::jira_api) struct Served {
    pub(super) active: Arc<ActivePlan>,
    tenant: TenantId,
    instance: InstanceId,
    writing: AtomicBool,
}

impl FaultDesk {
    /// The plan of an instance, if it has one.
    pub(in crate::jira_api) async fn served(
        &self,
        services: &Services,
        instance: &Instance,
    ) -> Result<Option<Arc<Served>>> {
        let Some(revision) = instance.faults else { return Ok(None) };
        if let Some(served) = self.known(instance.id).filter(|served| served.active.revision == revision) {
            return Ok(Some(served));
        }
        let mut tx = services.db.tenant(&TenantContext::whole(instance.tenant)).await?;
        let stored = tx.fault_plan(instance.id).await?;
        drop(tx);
        let Some((stored, plan)) =
            stored.and_then(|mut stored| Some((stored.plan.take()?, stored)).map(|(p, s)| (s, p)))
        else {
            return Ok(None);
        };
        let mut plans = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(served) =
            plans.get(&instance.id).filter(|served| served.active.revision == stored.revision)
        {
            return Ok(Some(served.clone()));
        }
        let served = Arc::new(Served {
            active: Arc::new(ActivePlan::new(stored.revision, stored.set_at, plan)),
            tenant: instance.tenant,
            instance: instance.id,
            writing: AtomicBool::new(false),
        });
        plans.insert(instance.id, served.clone());
        Ok(Some(served))
    }

    /// Stores what this process has counted for an instance, for whoever wants to know now.
    pub(crate) async fn settle(&self, services: &Services, instance: InstanceId) {
        if let Some(served) = self.known(instance) {
            served.write(services).await;
        }
    }

    fn known(&self, instance: InstanceId) -> Option<Arc<Served>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).get(&instance).cloned()
    }
}

impl Served {
    /// Sees to it that what was counted is stored soon.
    pub(super) fn write_soon(self: &Arc<Self>, services: &Services) {
        if self.writing.swap(true, Ordering::AcqRel) {
            return;
        }
        let (served, services) = (self.clone(), services.clone());
        tokio::spawn(async move {
            tokio::time::sleep(WRITTEN_AFTER).await;
            served.writing.store(false, Ordering::Release);
            for _ in 0..TRIES {
                if served.write(&services).await {
                    break;
                }
                tokio::time::sleep(WRITTEN_AFTER).await;
            }
        });
    }

    /// Stores what was counted; `false` when it has to be tried again.
    async fn write(&self, services: &Services) -> bool {
        let pending = self.active.take_pending();
        if pending.is_empty() {
            return true;
        }
        let stored = async {
            let mut tx = services.db.tenant(&TenantContext::whole(self.tenant)).await?;
            tx.count_faults(self.instance, self.active.revision, &pending).await?;
            tx.commit().await
        };
        match stored.await {
            Ok(()) => true,
            Err(error) => {
                tracing::warn!(error = error.with_causes(), "injected faults could not be counted yet");
                self.active.give_back(pending);
                false
            }
        }
    }
}
