//! `/instances`: the sites of the tenant, and how fresh their copies are.

use std::collections::HashMap;

use application::{
    Error,
    instances::{Instance, InstanceKind},
    sync::{RunState, SyncRun, SyncSchedule, SyncStatus, SyncTrouble},
};
use askama::Template;
use axum::{extract::State, response::Response};
use chrono::{DateTime, Utc};
use domain::ids::InstanceId;

use super::{
    addresses,
    shell::{Section, Shell},
    stale::Stale,
    visitor::Visitor,
    wording::{Moment, grouped},
};
use crate::state::WebState;

/// `GET /instances`
pub(super) async fn show(State(state): State<WebState>, visitor: Visitor) -> Response {
    visitor.page(Section::Instances, view(&state, &visitor).await)
}

async fn view(state: &WebState, visitor: &Visitor) -> Result<InstancesPage, Error> {
    let now = state.services.clock.now();
    let mut tx = state.services.db.tenant(&visitor.caller.context()).await?;
    let mut statuses: HashMap<InstanceId, SyncStatus> =
        tx.sync_status(None).await?.into_iter().map(|status| (status.instance_id, status)).collect();
    let instances = tx.instances().await?;
    let without_sync: Vec<InstanceId> =
        instances.iter().map(|instance| instance.id).filter(|id| !statuses.contains_key(id)).collect();
    let counts = tx.issue_counts(&without_sync).await?;
    let listed = instances
        .into_iter()
        .map(|instance| {
            let status = statuses.remove(&instance.id);
            let count = counts.get(&instance.id).copied().unwrap_or_default();
            let status = status.unwrap_or_else(|| unsynced(&instance, count));
            (instance, status)
        })
        .collect();
    let page = InstancesPage::new(visitor.shell(Section::Instances, "Instances"), listed, now);
    Ok(page.with_troubles(visitor.troubles.values(), now))
}

/// The state of an instance that no sync feeds: a sandbox is always what it is.
pub(super) fn unsynced(instance: &Instance, issues: u64) -> SyncStatus {
    SyncStatus {
        instance: instance.name.clone(),
        instance_id: instance.id,
        issues,
        watermark: None,
        last_proof: None,
        run: None,
        schedule: SyncSchedule::default(),
    }
}

/// The page.
#[derive(Template)]
#[template(path = "instances.html")]
pub(super) struct InstancesPage {
    shell: Shell,
    rows: Vec<Row>,
}

struct Row {
    name: String,
    display_name: String,
    address: String,
    issues_address: String,
    kind: &'static str,
    state: String,
    tone: &'static str,
    issues: String,
    proof: Option<Moment>,
    site: String,
    stale: Option<Stale>,
}

impl InstancesPage {
    /// Says of mirrors that fail since when they do, whatever their latest run says.
    pub(super) fn with_troubles<'a>(
        mut self,
        troubles: impl IntoIterator<Item = &'a SyncTrouble>,
        now: DateTime<Utc>,
    ) -> Self {
        for trouble in troubles {
            if let Some(row) = self.rows.iter_mut().find(|row| row.name == trouble.instance) {
                row.state = "Failing".to_owned();
                row.tone = "bad";
                row.stale = Some(Stale::new(trouble, now));
            }
        }
        self
    }

    pub(super) fn new(shell: Shell, listed: Vec<(Instance, SyncStatus)>, now: DateTime<Utc>) -> Self {
        Self {
            shell,
            rows: listed.into_iter().map(|(instance, status)| row(instance, &status, now)).collect(),
        }
    }
}

fn row(instance: Instance, status: &SyncStatus, now: DateTime<Utc>) -> Row {
    let (state, tone) = standing(&instance, status.run.as_ref());
    Row {
        address: addresses::instance(&instance.name),
        issues_address: addresses::search("", &instance.name),
        kind: kind_name(instance.kind),
        state,
        tone,
        issues: grouped(status.issues),
        proof: status.last_proof.map(|at| Moment::of(at, now)),
        site: instance.base_url.trim_start_matches("https://").to_owned(),
        name: instance.name,
        display_name: instance.display_name,
        stale: None,
    }
}

/// What an instance is, for people.
pub(super) fn kind_name(kind: InstanceKind) -> &'static str {
    match kind {
        InstanceKind::Cloud => "Jira Cloud",
        InstanceKind::Server => "Jira Server",
        InstanceKind::DataCenter => "Jira Data Center",
        InstanceKind::Sandbox => "Sandbox",
    }
}

/// How an instance stands, and the class of that.
fn standing(instance: &Instance, run: Option<&SyncRun>) -> (String, &'static str) {
    if !instance.kind.is_mirror() {
        return ("Its own source".into(), "neutral");
    }
    if !instance.active {
        return ("Paused".into(), "waiting");
    }
    match run {
        None => ("Not synced yet".into(), "waiting"),
        Some(run) => match run.state {
            RunState::Running => match run.total.filter(|total| *total > 0) {
                Some(total) => (format!("Syncing, {} %", (run.done * 100 / total).min(100)), "running"),
                None => ("Syncing".into(), "running"),
            },
            RunState::Succeeded => ("Up to date".into(), "good"),
            RunState::Failed => ("Failed".into(), "bad"),
            RunState::Canceled => ("Canceled".into(), "waiting"),
        },
    }
}
