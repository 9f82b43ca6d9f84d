//! The workflow of a sandbox: Jira's standard one for software, the one that its user wrote down, or what is known of a recorded
//! site.

use std::collections::{BTreeMap, BTreeSet};

use domain::workflow::{
    Condition, StatusCategory, Taker, Transition, Workflow, WorkflowStatus, service::ISSUE_TYPE_WITH_APPROVAL,
};
use serde::Serialize;
use serde_json::{Map, Value, json};

use super::{
    account,
    fill::require_sandbox,
    write::{account_of, find_issues},
};
use crate::{
    actions::Action,
    audit::NewAuditEntry,
    caller::{Actor, Caller, Scope},
    error::{Error, Result},
    instances::{Instance, require_instance},
    issues::IssueRow,
    ports::TenantTx,
    reference::{ReferenceRecords, Roster, StatusRecord},
    services::Services,
};

/// A workflow that a user gives a sandbox, with who is in the roles that its conditions name.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct WorkflowPlan {
    /// The statuses and the ways between them.
    #[serde(flatten)]
    pub workflow: Workflow,
    /// Names of API keys by role. Whoever works at the command line is in all of them.
    pub roles: BTreeMap<String, Vec<String>>,
}

impl WorkflowPlan {
    /// Reads a workflow: `{"statuses": …, "transitions": …, "initial": …, "roles": …}`.
    ///
    /// # Errors
    /// [`Error::Invalid`] (fields `workflow`, `roles`), saying what is wrong.
    pub fn parse(plan: &Value) -> Result<Self> {
        let mut members: Map<String, Value> = plan.as_object().cloned().ok_or_else(|| {
            Error::invalid("workflow", "must be an object: {\"statuses\": [\u{2026}], \u{2026}}")
        })?;
        let roles = match members.remove("roles").unwrap_or_default() {
            Value::Null => BTreeMap::new(),
            written => serde_json::from_value(written).map_err(|error| {
                let message =
                    format!("must be an object of lists of key names, {{\"Reviewers\": [\"ci\"]}}: {error}");
                Error::invalid("roles", message)
            })?,
        };
        let workflow: Workflow = serde_json::from_value(Value::Object(members))
            .map_err(|error| Error::invalid("workflow", error.to_string()))?;
        let plan = Self { workflow, roles };
        plan.check()?;
        Ok(plan)
    }

    /// A role that is named nowhere would close a transition to everybody, which is more likely a slip.
    fn check(&self) -> Result<()> {
        for transition in self.workflow.transitions() {
            if transition.id.parse::<u32>().is_err() {
                let message = format!(
                    "transition id `{}` must be a number: several clients read it as one",
                    transition.id
                );
                return Err(Error::invalid("workflow", message));
            }
            for condition in &transition.conditions {
                if let Condition::Role(role) = condition
                    && !self.roles.contains_key(role)
                {
                    let message =
                        format!("transition {} names the role `{role}`, which is not listed", transition.id);
                    return Err(Error::invalid("roles", message));
                }
            }
        }
        Ok(())
    }
}

/// Gives a sandbox a workflow of its own; statuses that it does not have yet are added to it.
///
/// # Errors
/// [`Error::Conflict`] for an instance that is no sandbox; [`Error::Invalid`] where the workflow calls one of the site's statuses
/// by another name or category, or names a field that cannot be on a screen.
pub async fn set(services: &Services, caller: &Caller, name: &str, plan: &WorkflowPlan) -> Result<()> {
    caller.permit(Action::SetWorkflow)?;
    let mut tx = services.db.tenant(&caller.context()).await?;
    let instance = require_instance(tx.as_mut(), name).await?;
    require_sandbox(&instance)?;
    let known = tx.roster(instance.id, Roster::Statuses).await?;
    let added = new_statuses(&instance, plan, &known)?;
    require_fields(plan, &tx.roster(instance.id, Roster::Fields).await?)?;
    if !added.is_empty() {
        let records = ReferenceRecords { statuses: added, ..ReferenceRecords::default() };
        tx.upsert_reference(instance.id, &records, true).await?;
    }
    let written = serde_json::to_value(plan).map_err(Error::internal)?;
    replace(services, caller, tx, &instance, Action::SetWorkflow, Some(written)).await
}

/// Gives a sandbox the workflow back that it has by itself. Its statuses stay.
///
/// # Errors
/// [`Error::Conflict`] for an instance that is no sandbox.
pub async fn clear(services: &Services, caller: &Caller, name: &str) -> Result<()> {
    caller.permit(Action::ClearWorkflow)?;
    let mut tx = services.db.tenant(&caller.context()).await?;
    let instance = require_instance(tx.as_mut(), name).await?;
    require_sandbox(&instance)?;
    replace(services, caller, tx, &instance, Action::ClearWorkflow, None).await
}

async fn replace(
    services: &Services,
    caller: &Caller,
    mut tx: Box<dyn TenantTx>,
    instance: &Instance,
    action: Action,
    plan: Option<Value>,
) -> Result<()> {
    let before = tx.sandbox_workflow(instance.id).await?;
    if before == plan {
        // Statuses may have been added all the same.
        return tx.commit().await;
    }
    tx.set_sandbox_workflow(instance.id, plan.as_ref()).await?;
    let (before, after) = (before.unwrap_or_default(), plan.unwrap_or_default());
    let now = services.clock.now();
    let entry = NewAuditEntry::success(
        caller,
        Some(instance.id),
        action.as_str(),
        &instance.name,
        before,
        after,
        now,
    );
    tx.record(entry).await?;
    tx.commit().await
}

/// The workflow of a sandbox, and whether its user wrote it down.
///
/// # Errors
/// [`Error::Conflict`] for an instance that is no sandbox.
pub async fn read(services: &Services, caller: &Caller, name: &str) -> Result<(WorkflowPlan, bool)> {
    caller.require(Scope::Read)?;
    let mut tx = services.db.tenant(&caller.context()).await?;
    let instance = require_instance(tx.as_mut(), name).await?;
    require_sandbox(&instance)?;
    let site = SiteWorkflow::load(tx.as_mut(), &instance, &Value::Null).await?;
    Ok((WorkflowPlan { workflow: site.workflow, roles: site.roles }, site.is_own))
}

/// The statuses that a site does not have yet, as it will serve them.
fn new_statuses(instance: &Instance, plan: &WorkflowPlan, known: &[Value]) -> Result<Vec<StatusRecord>> {
    let mut added = Vec::new();
    for status in plan.workflow.statuses() {
        let Some(listed) = known.iter().find(|listed| listed["id"] == status.id.as_str()) else {
            let category = status.category;
            added.push(StatusRecord {
                jira_id: status.id.clone(),
                name: status.name.clone(),
                category: category.key().to_owned(),
                raw: json!({
                    "self": format!("{}/rest/api/2/status/{}", instance.base_url, status.id),
                    "id": status.id, "name": status.name, "description": "",
                    "iconUrl": format!("{}/images/icons/statuses/generic.png", instance.base_url),
                    "statusCategory": category_json(instance, category),
                })
                .into(),
            });
            continue;
        };
        if listed["name"] != status.name.as_str() || listed["statusCategory"]["key"] != status.category.key()
        {
            let message = format!(
                "status {} is {} ({}) at this site, not {} ({})",
                status.id, listed["name"], listed["statusCategory"]["key"], status.name, status.category
            );
            return Err(Error::invalid("workflow", message));
        }
    }
    Ok(added)
}

fn category_json(instance: &Instance, category: StatusCategory) -> Value {
    json!({
        "self": format!("{}/rest/api/2/statuscategory/{}", instance.base_url, category.id()),
        "id": category.id(), "key": category.key(), "colorName": category.color_name(), "name": category.name(),
    })
}

/// Beside what can be edited, screens of transitions have the resolution and a comment.
fn require_fields(plan: &WorkflowPlan, roster: &[Value]) -> Result<()> {
    let writable: BTreeSet<String> =
        super::writable_fields(roster).into_iter().map(|field| field.id).collect();
    let is_there = |id: &str| ["resolution", "comment"].contains(&id) || writable.contains(id);
    for transition in plan.workflow.transitions() {
        if let Some(unknown) = transition.fields().find(|id| !is_there(id)) {
            let message =
                format!("transition {} asks for `{unknown}`, which cannot be on a screen", transition.id);
            return Err(Error::invalid("workflow", message));
        }
    }
    Ok(())
}

/// A sandbox's statuses as served, and the workflow over them: its own, or else Jira's standard software workflow for a seeded one; a
/// service project has one of its own whatever the rest of the site has.
/// Of an imported site the workflow is not known, so every status can be reached from every other.
pub(super) struct SiteWorkflow {
    pub(super) workflow: Workflow,
    roles: BTreeMap<String, Vec<String>>,
    is_own: bool,
    statuses: Vec<Value>,
}

impl SiteWorkflow {
    /// The workflow of issues with this project and issue type; of the site, where none are named.
    pub(super) async fn load(tx: &mut dyn TenantTx, instance: &Instance, fields: &Value) -> Result<Self> {
        let mut statuses = tx.roster(instance.id, Roster::Statuses).await?;
        let (roles, is_own) = (BTreeMap::new(), false);
        let with_approval = fields["issuetype"]["id"] == ISSUE_TYPE_WITH_APPROVAL;
        let service = Workflow::service(with_approval);
        let is_shown = |own: &WorkflowStatus| {
            statuses
                .iter()
                .any(|status| status["id"] == own.id.as_str() && status["name"] == own.name.as_str())
        };
        let has_desk = service.statuses().iter().all(is_shown);
        if has_desk && fields["project"]["projectTypeKey"] == "service_desk" {
            return Ok(Self { workflow: service, roles, is_own, statuses });
        }
        if let Some(written) = tx.sandbox_workflow(instance.id).await? {
            let WorkflowPlan { workflow, roles } = WorkflowPlan::parse(&written).map_err(Error::internal)?;
            return Ok(Self { workflow, roles, is_own: true, statuses });
        }
        let standard = Workflow::standard();
        let id_of = |status: &Value| status["id"].as_str().unwrap_or_default().to_owned();
        // The statuses of a desk beside them are none of theirs.
        statuses.retain(|status| !has_desk || service.status(&id_of(status)).is_none());
        if statuses.iter().all(|status| standard.status(&id_of(status)).is_some()) {
            return Ok(Self { workflow: standard, roles, is_own, statuses });
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
        Ok(Self { workflow, roles, is_own, statuses })
    }

    /// The status as the site serves it.
    pub(super) fn status(&self, id: &str) -> Value {
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

    /// The transitions that the caller may take with the issue now.
    pub(super) async fn open_to(
        &self,
        services: &Services,
        tx: &mut dyn TenantTx,
        caller: &Caller,
        instance: &Instance,
        row: &IssueRow,
    ) -> Result<Vec<&Transition>> {
        let mut open = self.workflow.available(&row.status_id);
        if open.iter().all(|transition| transition.conditions.is_empty()) {
            return Ok(open);
        }
        let mut taker = self.taker(caller, row);
        let blocking = |transition: &&Transition| transition.conditions.contains(&Condition::SubtasksDone);
        if open.iter().any(blocking) {
            let question = format!(
                "parent = {} AND statusCategory != Done AND issuetype in subTaskIssueTypes()",
                row.key
            );
            taker.has_open_subtasks = !find_issues(services, tx, instance, &question).await?.is_empty();
        }
        open.retain(|transition| transition.is_open_to(&taker));
        Ok(open)
    }

    fn taker(&self, caller: &Caller, row: &IssueRow) -> Taker {
        let fields = &row.raw["fields"];
        let own = account_of(&account(row.dialect));
        let is_own = |field: &str| own.is_some() && account_of(&fields[field]) == own;
        let is_in = |members: &[String]| match &caller.actor {
            Actor::Key { name, .. } => members.contains(name),
            Actor::Operator { .. } | Actor::System => true,
        };
        Taker {
            roles: self
                .roles
                .iter()
                .filter(|(_, members)| is_in(members))
                .map(|(role, _)| role.clone())
                .collect(),
            is_assignee: is_own("assignee"),
            is_reporter: is_own("reporter"),
            has_open_subtasks: false,
        }
    }
}

/// The transitions open to an issue, as `GET …/transitions` lists them (jira-facts 6.5). `fields` tells of each field on the
/// screen whether it is required; how it is described is up to whoever serves it.
pub async fn transitions(
    services: &Services,
    caller: &Caller,
    tx: &mut dyn TenantTx,
    instance: &Instance,
    row: &IssueRow,
) -> Result<Vec<Value>> {
    let site = SiteWorkflow::load(tx, instance, &row.raw["fields"]).await?;
    let open = site.open_to(services, tx, caller, instance, row).await?;
    Ok(open
        .into_iter()
        .map(|transition| {
            let fields = transition.fields().map(|id| {
                (
                    id.to_owned(),
                    json!({ "required": transition.required.iter().any(|required| required == id) }),
                )
            });
            json!({
                "id": transition.id,
                "name": transition.name,
                "to": site.status(&transition.to),
                "hasScreen": transition.has_screen(),
                "isGlobal": transition.is_global(),
                "isInitial": false,
                "isConditional": !transition.conditions.is_empty(),
                "isAvailable": true,
                "looped": transition.to == row.status_id,
                "fields": Value::Object(fields.collect()),
            })
        })
        .collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plan(changes: Value) -> Result<WorkflowPlan> {
        let mut plan = json!({
            "statuses": [{"id": "1", "name": "Open", "category": "new"}, {"id": "2", "name": "Closed", "category": "done"}],
            "transitions": [{"id": "11", "name": "Close", "from": ["1"], "to": "2", "conditions": [{"role": "Reviewers"}]}],
            "initial": "1",
            "roles": {"Reviewers": ["ci"]},
        });
        for (name, value) in changes.as_object().unwrap() {
            plan[name] = value.clone();
        }
        WorkflowPlan::parse(&plan)
    }

    #[test]
    fn a_plan_is_read_as_it_is_written() {
        let read = plan(json!({})).unwrap();
        assert_eq!(read.roles["Reviewers"], ["ci"]);
        assert_eq!(WorkflowPlan::parse(&serde_json::to_value(&read).unwrap()).unwrap(), read);
    }

    #[test]
    fn what_cannot_work_is_refused_with_its_name() {
        let refused = |changes: Value| plan(changes).unwrap_err().to_string();
        assert!(refused(json!({"roles": {}})).contains("`Reviewers`"));
        assert!(refused(json!({"roles": ["ci"]})).contains("roles"));
        assert!(refused(json!({"initial": "3"})).contains("status 3 is not in the workflow"));
        assert!(refused(json!({"rolls": {}})).contains("rolls"));
        let named = json!({"transitions": [{"id": "close", "name": "Close", "to": "2"}]});
        assert!(refused(named).contains("`close` must be a number"));
        assert!(WorkflowPlan::parse(&json!([])).is_err());
    }
}
