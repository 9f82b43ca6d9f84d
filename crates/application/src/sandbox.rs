//! A sandbox: an instance whose truth is Forebay itself. What happens to it is written as Jira would write it: the
//! new state, a history, a webhook.

pub mod faults;
mod fill;
mod follow;
mod seed;
mod store;
pub mod workflow;
mod write;

use serde_json::{Value, json};

pub use fill::{
    ImportOutcome, ReadBatch, RejectedIssue, import_issues, read_batch, seed_rosters, store_batch,
};
pub use follow::follow_server;
pub use seed::{SandboxSeed, Seeding, begin_seed, speak_as_server};
pub use store::SandboxStore;
pub use workflow::transitions;
pub use write::{
    AdjustEstimate, CreatedIssue, Destination, FieldChanges, FilterChanges, LARGEST_ATTACHMENT,
    MOST_ATTACHMENTS, MoveTarget, NewAttachment, NewLink, NewSprint, RankTarget, RemoteLinkName,
    SprintChanges, StoredRemoteLink, Takes, TransitionInput, VersionSwap, WorklogChanges, WritableField,
    add_comment, add_worklog, assign_issue, attach, create_component, create_filter, create_issue,
    create_sprint, create_version, delete_attachment, delete_comment, delete_component, delete_filter,
    delete_issue, delete_sprint, delete_version, delete_worklog, duration, edit_comment, edit_component,
    edit_filter, edit_issue, edit_sprint, edit_version, edit_worklog, issue_link, link_issues, move_issue,
    plan_issues, put_remote_link, remove_issue_property, remove_remote_link, set_issue_property, transition,
    unlink_issues, vote, watch, writable_fields,
};

use crate::instances::Dialect;

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
