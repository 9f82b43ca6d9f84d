//! A service project for a sandbox: a desk of Jira Service Management with customers, organisations and requests, beside whatever the
//! sandbox has already.

use domain::{
    generator::service::{
        DESK_ID, IDS_PER_REQUEST, PROJECT_KEY, Request, ServiceOptions, ServiceSite, service_site,
    },
    ids::TenantId,
};
use serde::Serialize;
use serde_json::{Value, json};

use super::{
    account,
    fill::{read_batch, require_sandbox},
};
use crate::{
    erasure::ErasedPeople,
    error::{Error, Result},
    ingest::{FieldRoles, read_rosters},
    instances::{Dialect, Instance},
    ports::{ReferenceData, TenantTx},
    reference::Roster,
    service_desks::{
        Organization, RequestFields, ServiceDesk,
        state::{Entered, Seen, Told, decide, keep_up, new_approval, settle, statuses},
    },
    services::Services,
    tenant_context::TenantContext,
};

/// A service project that was added.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ServiceProject {
    /// The key of the project.
    pub key: String,
    /// The id of the desk.
    pub service_desk: String,
    /// How many requests there are.
    pub requests: u64,
}

/// Adds a service project with generated requests to a sandbox. The sandbox's other projects stay as they are.
///
/// # Errors
/// [`Error::Conflict`] when the instance is no sandbox, speaks as a Jira Server, or has a project of that key.
pub async fn add_service_project(
    services: &Services,
    tenant: TenantId,
    instance: &Instance,
    (requests, seed): (u64, u64),
) -> Result<ServiceProject> {
    require_sandbox(instance)?;
    if instance.dialect != Dialect::V3 {
        return Err(Error::Conflict(format!(
            "sandbox `{}` speaks as a Jira Server; a service project is for one that speaks as Jira Cloud",
            instance.name
        )));
    }
    let mut tx = services.db.tenant(&TenantContext::whole(tenant)).await?;
    let projects = tx.roster(instance.id, Roster::Projects).await?;
    let has_key = projects.iter().any(|project| project["key"] == PROJECT_KEY);
    if has_key || !tx.service_desks(instance.id).await?.is_empty() {
        return Err(Error::Conflict(format!(
            "sandbox `{}` has a service desk, or a project `{PROJECT_KEY}`, already",
            instance.name
        )));
    }
    let ids = i64::try_from(requests.saturating_mul(IDS_PER_REQUEST).max(1)).map_err(Error::internal)?;
    let first = tx.take_sandbox_ids(instance.id, ids).await?;
    let now = services.clock.now();
    let options = ServiceOptions {
        requests,
        seed,
        now,
        base_url: instance.base_url.clone(),
        first_id: u64::try_from(first).map_err(Error::internal)?,
        own_account: account(instance.dialect),
    };
    let mut site = service_site(&options);
    let generated = std::mem::take(&mut site.requests);
    let desk = desk(&site);
    let roster = site.fields.clone();
    let people = people(&site, instance);
    store_lists(services, tx.as_mut(), instance, site, &desk).await?;
    let seen = Seen { base_url: &instance.base_url, zone: chrono_tz::Tz::UTC, now };
    let ids = RequestFields::of(&roster);
    let issues: Vec<Value> =
        generated.into_iter().map(|request| complete(request, &desk, &ids, &people, seen)).collect();
    store_requests(services, tx.as_mut(), instance, issues).await?;
    tx.commit().await?;
    Ok(ServiceProject { key: PROJECT_KEY.into(), service_desk: desk.id, requests })
}

fn desk(site: &ServiceSite) -> ServiceDesk {
    let text = |member: &str| site.project[member].as_str().unwrap_or_default().to_owned();
    ServiceDesk {
        id: DESK_ID.into(),
        project_id: text("id"),
        project_key: text("key"),
        project_name: text("name"),
        setup: site.setup.clone(),
        set_up: true,
    }
}

/// Who can be asked for approval.
fn people(site: &ServiceSite, instance: &Instance) -> Vec<Value> {
    let asked = site.setup.approvals.iter().flat_map(|step| &step.approvers);
    let own = account(instance.dialect);
    let all: Vec<&Value> = site.users.iter().chain([&own]).collect();
    asked
        .filter_map(|id| all.iter().find(|user| user["accountId"] == id.as_str()).map(|user| (*user).clone()))
        .collect()
}

async fn store_lists(
    services: &Services,
    tx: &mut dyn TenantTx,
    instance: &Instance,
    site: ServiceSite,
    desk: &ServiceDesk,
) -> Result<()> {
    let erased = tx.erased_people(instance.id).await?;
    let data = ReferenceData {
        projects: vec![site.project],
        users: site.users,
        statuses: site.statuses,
        issue_types: site.issue_types,
        priorities: site.priorities,
        resolutions: site.resolutions,
        fields: site.fields,
        ..ReferenceData::default()
    };
    let mut records = read_rosters(data, services.secrets.as_ref(), &erased);
    // They are a part of what the site has: nothing else has vanished.
    records.whole.clear();
    tx.upsert_reference(instance.id, &records, true).await?;
    tx.put_service_desk(instance.id, desk).await?;
    for organization in site.organizations {
        let stored = Organization {
            id: organization.id,
            name: organization.name,
            members: organization.members,
            properties: std::collections::BTreeMap::new(),
            created: Some(services.clock.now()),
            members_known: true,
            raw: Value::Null,
        };
        tx.put_organization(instance.id, &stored).await?;
    }
    Ok(())
}

async fn store_requests(
    services: &Services,
    tx: &mut dyn TenantTx,
    instance: &Instance,
    issues: Vec<Value>,
) -> Result<()> {
    let roles = FieldRoles::from_fields(&tx.roster(instance.id, Roster::Fields).await?);
    let erased: ErasedPeople = tx.erased_people(instance.id).await?;
    let batch = read_batch(&roles, &erased, services.secrets.as_ref(), issues);
    if let Some(reject) = batch.rejected.first() {
        return Err(Error::internal(format!("a generated request could not be read: {}", reject.reason)));
    }
    if !batch.bundles.is_empty() {
        tx.upsert_issues(instance.id, &batch.bundles).await?;
    }
    Ok(())
}

/// The issue with what service management adds to it.
fn complete(
    request: Request,
    desk: &ServiceDesk,
    ids: &RequestFields,
    approvers: &[Value],
    seen: Seen<'_>,
) -> Value {
    let Request { request_type, mut issue } = request;
    let list = |value: &Value| value.as_array().cloned().unwrap_or_default();
    let comments = list(&issue["fields"]["comment"]["comments"]);
    let mut histories = list(&issue["changelog"]["histories"]);
    histories.reverse();
    if let Some(field) = &ids.request_type {
        issue["fields"][field] = json!({ "requestType": { "id": request_type } });
    }
    if let Some(field) = &ids.approvals {
        let approvals = approvals(desk, &statuses(&issue["fields"], &histories), approvers, seen);
        issue["fields"][field] = if approvals.is_empty() { Value::Null } else { Value::Array(approvals) };
    }
    keep_up(&mut issue, desk, ids, Told { histories: &histories, comments: &comments }, seen);
    issue
}

/// The approvals that a request has waited for, decided as it went on.
fn approvals(desk: &ServiceDesk, path: &[Entered], approvers: &[Value], seen: Seen<'_>) -> Vec<Value> {
    let mut approvals: Vec<Value> = Vec::new();
    for (at, entered) in path.iter().enumerate() {
        let Some(step) = desk.setup.approval_in(&entered.id) else { continue };
        let id = (approvals.len() + 1).to_string();
        let mut approval = new_approval((&id, &step.name), approvers, entered.at, seen.zone);
        if let Some(next) = path.get(at + 1) {
            let workflow = domain::workflow::Workflow::service(true);
            let leads_to = |transition: &str| {
                workflow.apply(&entered.id, transition).is_ok_and(|change| change.to.id == next.id)
            };
            let (yes, no) = (leads_to(&step.approve), leads_to(&step.decline));
            if !yes && !no {
                continue;
            }
            let by = next.by["accountId"].as_str().unwrap_or_default();
            decide(&mut approval, by, yes, step.required);
            settle(&mut approval, yes, next.at, seen.zone);
        }
        approvals.push(approval);
    }
    approvals
}
