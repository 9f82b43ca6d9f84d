//! Changes to a sandbox: what Jira's own REST would do, by kind.
//!
//! Every write is one transaction: the issues it changes are locked first, in the order of their ids, then ids are taken, then
//! the new state is stored the same way in which a synced one is ([`store`]), audited and announced. It takes as many statements
//! for a large issue as for a small one.

mod approvals;
mod attachments;
mod beside;
mod comments;
mod components;
mod create;
mod customers;
mod delete;
mod desk;
mod edit;
mod fields;
mod filters;
mod followers;
mod groups;
mod links;
mod moves;
mod organizations;
mod parts;
mod people;
mod planning;
mod properties;
mod remote_links;
mod requests;
mod sprint_field;
mod sprints;
mod temporary_files;
mod time;
mod transition;
mod versions;
mod visibility;
mod worklogs;
mod writing;

use chrono::Duration;
use serde_json::{Value, json};

pub use approvals::answer_approval;
pub use attachments::{LARGEST_ATTACHMENT, MOST_ATTACHMENTS, NewAttachment, attach, delete_attachment};
pub use beside::{Beside, CommentStep, LinkStep, WorklogStep};
pub use comments::{
    CommentChanges, NewComment, Touching, add_comment, delete_comment, edit_comment, write_comment,
};
pub use components::{create_component, delete_component, edit_component};
pub use create::{CreatedIssue, create_issue, create_issue_with};
pub use customers::{
    NewCustomer, NewRequestType, add_request_type, change_desk_customers, change_desk_organizations,
    create_customer, remove_request_type, set_request_type_property,
};
pub use delete::delete_issue;
pub use desk::FieldChanges;
pub use edit::{assign_issue, edit_issue, edit_issue_with};
pub use fields::{Takes, WritableField, writable_fields};
pub use filters::{FilterChanges, create_filter, delete_filter, edit_filter};
pub use followers::{vote, watch};
pub use groups::{create_group, delete_group, set_group_member};
pub use links::{NewLink, issue_link, link_issues, unlink_issues};
pub use moves::{MoveTarget, check_move_target, move_issue};
pub use organizations::{
    change_organization_members, create_organization, delete_organization, set_organization_property,
};
pub use planning::{Destination, RankTarget, Ranked, plan_issues, rank_issues};
pub use properties::{
    PropertyOwner, child_properties, remove_issue_property, set_child_property, set_issue_property,
};
pub use remote_links::{RemoteLinkName, StoredRemoteLink, put_remote_link, remove_remote_link};
pub use requests::{Feedback, NewRequest, change_participants, create_request, give_feedback};
pub use sprints::{NewSprint, SprintChanges, create_sprint, delete_sprint, edit_sprint};
pub use temporary_files::{attach_kept_files, keep_files};
pub use transition::{TransitionInput, transition};
pub use versions::{
    VersionPlace, VersionSwap, create_version, delete_version, edit_version, merge_versions, move_version,
};
pub use visibility::Visibility;
pub use worklogs::{AdjustEstimate, WorklogChanges, add_worklog, delete_worklog, duration, edit_worklog};

pub(super) use fields::account_of;
pub(super) use writing::find_issues;

use super::account;
use crate::{
    error::{Error, Result},
    ingest::{FieldRoles, Reader, read_issue, text_of},
    instances::{Dialect, Instance},
    issues::IssueRow,
    ports::{FetchedIssue, TenantTx},
    pulse::RefreshMetrics,
    reference::Roster,
    services::Services,
};

/// An issue as it is to be stored, with the rows that are new.
pub(super) struct Draft {
    /// The issue in Jira's JSON; its lists hold what is new, or all where they are complete.
    pub(super) raw: Value,
    dialect: Dialect,
    envelope: Option<Value>,
    histories: Vec<Value>,
    comments_complete: bool,
    worklogs_complete: bool,
}

impl Draft {
    /// A new issue.
    pub(super) fn new(raw: Value, dialect: Dialect) -> Self {
        let (envelope, histories) = (None, Vec::new());
        Self { raw, dialect, envelope, histories, comments_complete: false, worklogs_complete: false }
    }

    /// A change to an issue that does not count as one of its own: `updated` stays.
    pub(super) fn keeping(row: &IssueRow) -> Self {
        let mut draft = Self::new(row.raw.clone(), row.dialect);
        draft.envelope.clone_from(&row.changelog_envelope);
        draft
    }

    /// A change to an issue: `updated` is `now`.
    pub(super) fn of(row: &IssueRow, now: &str) -> Self {
        let mut draft = Self::keeping(row);
        draft.raw["fields"]["updated"] = json!(now);
        draft
    }

    /// Its fields.
    pub(super) fn fields(&mut self) -> &mut Value {
        &mut self.raw["fields"]
    }

    /// Adds a history of these items, as the latest.
    pub(super) fn record(&mut self, id: i64, now: &str, items: &[Value]) {
        let author = account(self.dialect);
        self.histories
            .push(json!({ "id": id.to_string(), "author": author, "created": now, "items": items }));
        let envelope = self.envelope.get_or_insert_with(|| json!({}));
        let total = envelope["total"].as_u64().unwrap_or(0) + 1;
        merge(envelope, json!({ "startAt": 0, "maxResults": total, "total": total }));
    }

    /// Puts comments into the issue's list, which then has `total` of them.
    pub(super) fn set_comments(&mut self, comments: &[Value], total: u64, complete: bool) {
        let list = json!({ "comments": comments, "total": total, "maxResults": total, "startAt": 0 });
        merge(&mut self.raw["fields"]["comment"], list);
        self.comments_complete = complete;
    }

    /// Puts worklogs into the issue's list, which then has `total` of them.
    pub(super) fn set_worklogs(&mut self, worklogs: &[Value], total: u64, complete: bool) {
        let list = json!({ "worklogs": worklogs, "total": total, "maxResults": total.max(20), "startAt": 0 });
        merge(&mut self.raw["fields"]["worklog"], list);
        self.worklogs_complete = complete;
    }

    fn into_fetched(self) -> FetchedIssue {
        let Self { mut raw, envelope, histories, comments_complete, worklogs_complete, .. } = self;
        if let Some(mut changelog) = envelope {
            changelog["histories"] = Value::Array(histories);
            raw["changelog"] = changelog;
        }
        FetchedIssue { raw, comments_complete, worklogs_complete }
    }
}

/// Stores changed issues, all of one site, the same way in which synced ones are stored.
pub(super) async fn store(
    services: &Services,
    tx: &mut dyn TenantTx,
    instance: &Instance,
    mut drafts: Vec<Draft>,
) -> Result<()> {
    let fields = tx.roster(instance.id, Roster::Fields).await?;
    requests::keep_up(services, tx, instance, &fields, &mut drafts).await?;
    keep_hidden_entries(tx, instance, &mut drafts).await?;
    let roles = FieldRoles::from_fields(&fields);
    let erased = tx.erased_people(instance.id).await?;
    let secrets = services.secrets.as_ref();
    let mut bundles = Vec::with_capacity(drafts.len());
    for draft in drafts {
        let reader = Reader::new(draft.dialect, &roles, secrets, &erased);
        let read = read_issue(&reader, draft.into_fetched());
        bundles.push(read.map_err(|reject| Error::internal(reject.reason))?);
    }
    let stored = tx.upsert_issues(instance.id, &bundles).await?;
    if stored.rejected > 0 {
        return Err(Error::Conflict(
            "the issue would be longer than the copy can hold; nothing was changed".into(),
        ));
    }
    // A comment that changes alone leaves its issue's row as it is.
    if stored.issues < bundles.len() as u64 && stored.comments == 0 {
        return Err(Error::Conflict("the issue was changed at the same moment; try again".into()));
    }
    tx.enqueue(RefreshMetrics::soon(services)?).await
}

/// Drafts are made of what readers are shown. A link or sub-task that is out of sight just now is not taken away by that.
async fn keep_hidden_entries(tx: &mut dyn TenantTx, instance: &Instance, drafts: &mut [Draft]) -> Result<()> {
    let ids: Vec<String> = drafts.iter().filter_map(|draft| text_of(&draft.raw["id"])).collect();
    for hidden in tx.hidden_entries(instance.id, &ids).await? {
        let of = drafts.iter_mut().filter(|draft| draft.raw["id"] == hidden.issue.as_str());
        for draft in of {
            let Some(list) = draft.fields()[&hidden.list].as_array_mut() else { continue };
            if list.iter().all(|entry| entry["id"] != hidden.entry["id"]) {
                list.insert(hidden.place.min(list.len()), hidden.entry.clone());
            }
        }
    }
    Ok(())
}

/// Now, but later than the issue's latest change: a clock that lags, or a recorded issue from the future, must not make a
/// change look old.
pub(super) fn next_moment<'a>(services: &Services, rows: impl IntoIterator<Item = &'a IssueRow>) -> String {
    let latest = rows.into_iter().map(|row| row.updated + Duration::milliseconds(1)).max();
    let now = services.clock.now();
    domain::jira_time::format(latest.map_or(now, |latest| now.max(latest)))
}

fn merge(target: &mut Value, members: Value) {
    if !target.is_object() {
        *target = json!({});
    }
    if let (Some(target), Value::Object(members)) = (target.as_object_mut(), members) {
        target.extend(members);
    }
}

/// The address of a resource of the site, in the version that the issue is stored in.
fn address(instance: &Instance, dialect: Dialect, path: &str) -> String {
    let version = match dialect {
        Dialect::V2 => 2,
        Dialect::V3 => 3,
    };
    format!("{}/rest/api/{version}/{path}", instance.base_url)
}

/// Webhook bodies are v2: rich text is wiki markup (jira-facts 3.4).
fn as_v2(value: &Value, rich: &str) -> Value {
    let mut value = value.clone();
    if value[rich].is_object() {
        value[rich] = Value::String(adf::wiki_of(&value[rich]));
    }
    value
}

/// The issue as webhooks name it. Receivers must look it up: the state may have moved on.
pub(super) fn hint(instance: &Instance, issue: &Value) -> Value {
    let fields = &issue["fields"];
    let id = issue["id"].as_str().unwrap_or_default();
    json!({
        "id": id,
        "self": address(instance, Dialect::V2, &format!("issue/{id}")),
        "key": issue["key"],
        "fields": {
            "summary": fields["summary"],
            "issuetype": fields["issuetype"],
            "project": fields["project"],
            "assignee": fields["assignee"],
            "priority": fields["priority"],
            "status": fields["status"],
        },
    })
}

/// The issue as its parent, its sub-tasks and its links show it (jira-facts 6.2).
fn brief(instance: &Instance, row: &IssueRow) -> Value {
    let fields = &row.raw["fields"];
    json!({
        "id": row.jira_id,
        "key": row.key,
        "self": address(instance, row.dialect, &format!("issue/{}", row.jira_id)),
        "fields": {
            "summary": fields["summary"],
            "status": fields["status"],
            "priority": fields["priority"],
            "issuetype": fields["issuetype"],
        },
    })
}

/// The body of `jira:issue_updated`.
fn updated_event(
    instance: &Instance,
    draft: &Draft,
    kind: &'static str,
    history: i64,
    items: &[Value],
) -> Value {
    json!({
        "issue_event_type_name": kind,
        "user": account(draft.dialect),
        "issue": hint(instance, &draft.raw),
        "changelog": { "id": history.to_string(), "items": items },
    })
}
