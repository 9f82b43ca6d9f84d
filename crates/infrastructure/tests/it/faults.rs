//! Fault plans of sandboxes, and what they injected.

use std::collections::BTreeMap;

use application::{
    instances::InstanceKind,
    sandbox::faults::{FaultPlan, StoredPlan},
};
use serde_json::json;
use uuid::Uuid;

use crate::{bundles::at, database::TestDatabase};

fn plan(seed: u64) -> StoredPlan {
    let plan =
        json!({ "seed": seed, "rules": [{ "fault": "latency", "ms": 5 }, { "fault": "webhook_loss" }] });
    StoredPlan { revision: Uuid::now_v7(), plan: Some(FaultPlan::parse(&plan).unwrap()), set_at: at(0) }
}

#[tokio::test]
async fn a_plan_is_kept_with_its_sandbox_until_it_is_cleared() {
    let base = TestDatabase::create().await;
    let tenant = base.tenant("acme").await;
    let sandbox = base.instance(tenant, "play", InstanceKind::Sandbox).await;
    let other = base.instance(tenant, "other", InstanceKind::Sandbox).await;
    let mut tx = base.begin(tenant).await;
    assert_eq!(tx.fault_plan(sandbox).await.unwrap(), None);
    assert!(!tx.clear_fault_plan(sandbox, at(1)).await.unwrap());

    let stored = plan(u64::MAX);
    tx.set_fault_plan(sandbox, &stored).await.unwrap();
    assert_eq!(tx.fault_plan(sandbox).await.unwrap(), Some(stored.clone()), "the whole seed comes back");
    let shown = tx.instance("play").await.unwrap().unwrap();
    assert_eq!(shown.faults, Some(stored.revision), "whoever looks up the sandbox learns of it");
    assert_eq!(tx.instance("other").await.unwrap().unwrap().faults, None);

    assert!(tx.clear_fault_plan(sandbox, at(2)).await.unwrap());
    let cleared = tx.fault_plan(sandbox).await.unwrap().unwrap();
    assert_eq!((cleared.plan, cleared.revision, cleared.set_at), (None, stored.revision, at(2)));
    assert_eq!(tx.instance("play").await.unwrap().unwrap().faults, None);
    tx.set_fault_plan(other, &plan(2)).await.unwrap();
    tx.remove_instance(other).await.unwrap();
    drop(tx);
    base.remove().await;
}

#[tokio::test]
async fn counts_add_up_and_belong_to_their_plan() {
    let base = TestDatabase::create().await;
    let tenant = base.tenant("acme").await;
    let sandbox = base.instance(tenant, "play", InstanceKind::Sandbox).await;
    let mut tx = base.begin(tenant).await;
    let (first, second) = (plan(1), plan(2));
    tx.set_fault_plan(sandbox, &first).await.unwrap();
    let counts = BTreeMap::from([("latency", 3), ("webhook_loss", 1)]);
    tx.count_faults(sandbox, first.revision, &counts).await.unwrap();
    tx.count_faults(sandbox, first.revision, &BTreeMap::from([("latency", 2)])).await.unwrap();
    let wanted = BTreeMap::from([("latency".to_owned(), 5), ("webhook_loss".to_owned(), 1)]);
    assert_eq!(tx.fault_counts(sandbox, first.revision).await.unwrap(), wanted);
    tx.clear_fault_plan(sandbox, at(1)).await.unwrap();
    assert_eq!(tx.fault_counts(sandbox, first.revision).await.unwrap(), wanted, "clearing forgets nothing");

    tx.set_fault_plan(sandbox, &second).await.unwrap();
    assert!(tx.fault_counts(sandbox, first.revision).await.unwrap().is_empty());
    // A process that was late to hear of the new plan.
    tx.count_faults(sandbox, first.revision, &counts).await.unwrap();
    assert!(tx.fault_counts(sandbox, second.revision).await.unwrap().is_empty());
    drop(tx);
    base.remove().await;
}
