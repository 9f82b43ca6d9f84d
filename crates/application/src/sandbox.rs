//! A sandbox: an instance whose truth is Forebay itself. What happens to it is written as Jira would write it: the
//! new state, a history, a webhook.

pub mod faults;
mod fill;
mod follow;
mod seed;
mod store;
mod write;

use domain::workflow::{StatusCategory, Workflow};
use serde_json::{Value, json};

pub use fill::{
    ImportOutcome, ReadBatch, RejectedIssue, import_issues, read_batch, seed_rosters, store_batch,
};
pub use follow::follow_server;
pub use seed::{SandboxSeed, Seeding, begin_seed};
pub use store::{BulkTask, SandboxStore};
pub use write::{
    AdjustEstimate, CreatedIssue, Destination, FieldChanges, FilterChanges, LARGEST_ATTACHMENT,
    MOST_ATTACHMENTS, MoveTarget, NewAttachment, NewLink, NewSprint, ProjectPart, RankTarget, RemoteLinkName,
    Replacements, SprintChanges, StoredRemoteLink, Takes, WorklogChanges, WritableField, add_comment,
    add_worklog, assign_issue, attach, create_filter, create_group, create_issue, create_project_part,
    create_sprint, delete_attachment, delete_comment, delete_filter, delete_group, delete_issue,
    delete_project_part, delete_sprint, delete_worklog, duration, edit_comment, edit_filter, edit_issue,
    edit_project_part, edit_sprint, edit_worklog, issue_link, link_issues, move_issue, plan_issues,
    put_remote_link, remove_issue_property, remove_remote_link, set_group_member, set_issue_property,
    transition, unlink_issues, vote, watch, writable_fields,
};

use crate::{
    error::{Error, Result},
    instances::{Dialect, Instance},
    issues::IssueRow,
    ports::TenantTx,
    reference::Roster,
};

/// The account that a sandbox's own API shows to whoever signs in with a Forebay key.
pub fn account(dialect: Dialect) -> Value {
    match dialect {
        Dialect::V3 => json!({
            "accountId": "forebay-sandbox",
            "accountType": "app",
            "displayName": "Forebay Sandbox",
            "active": true,
            "timeZone": "Etc/UTC",
        }),
        Dialect::V2 => json!({
            "name": "forebay-sandbox",
            "key": "forebay-sandbox",
            "displayName": "Forebay Sandbox",
            "active": true,
            "timeZone": "Etc/UTC",
        }),
    }
}

/// A sandbox's statuses as served, and the workflow over them. Seeded sandboxes have Jira's standard software workflow;
/// of an imported site the workflow is not known, so every status can be reached from every other.
struct SiteWorkflow {
    workflow: Workflow,
    statuses: Vec<Value>,
}

impl SiteWorkflow {
    async fn load(tx: &mut dyn TenantTx, instance: &Instance) -> Result<Self> {
        let statuses = tx.roster(instance.id, Roster::Statuses).await?;
        let standard = Workflow::standard();
        let id_of = |status: &Value| status["id"].as_str().unwrap_or_default().to_owned();
        if statuses.iter().all(|status| standard.status(&id_of(status)).is_some()) {
            return Ok(Self { workflow: standard, statuses });
        }
        let triples: Vec<(String, String, StatusCategory)> = statuses
            .iter()
            .map(|status| {
                let category = status["statusCategory"]["key"].as_str().and_then(|key| key.parse().ok());
                let name = status["name"].as_str().unwrap_or_default().to_owned();
                (id_of(status), name, category.unwrap_or(StatusCategory::Undefined))
            })
            .collect();
        let workflow = Workflow::from_statuses(&triples).map_err(Error::internal)?;
        Ok(Self { workflow, statuses })
    }

    /// The status as the site serves it.
    fn status(&self, id: &str) -> Value {
        let served = self.statuses.iter().find(|status| status["id"] == id).cloned();
        served.unwrap_or_else(|| match self.workflow.status(id) {
            Some(status) => json!({
                "id": status.id,
                "name": status.name,
                "statusCategory": {
                    "id": status.category.id(),
                    "key": status.category.key(),
                    "colorName": status.category.color_name(),
                    "name": status.category.name(),
                },
            }),
            None => Value::Null,
        })
    }
}

/// The transitions open to an issue, as `GET …/transitions` lists them (jira-facts 6.5).
pub async fn transitions(tx: &mut dyn TenantTx, instance: &Instance, row: &IssueRow) -> Result<Vec<Value>> {
    let site = SiteWorkflow::load(tx, instance).await?;
    let open = site.workflow.available(&row.status_id);
    Ok(open
        .into_iter()
        .map(|transition| {
            json!({
                "id": transition.id,
                "name": transition.name,
                "to": site.status(&transition.to),
                "hasScreen": false,
                "isGlobal": transition.is_global(),
                "isInitial": false,
                "isConditional": false,
                "isAvailable": true,
                "looped": false,
            })
        })
        .collect())
}
