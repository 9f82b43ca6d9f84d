//! A request as this API shows it: from its issue, from the fields that service management keeps in it, and from how its desk is
//! set up, as far as that is known.

use std::sync::Arc;

use application::{
    Error,
    instances::{Dialect, Instance, InstanceKind},
    issues::IssueRow,
    ports::TenantTx,
    reference::Roster,
    search::current_user,
    service_desks::{
        FormField, RequestFields, ServiceDesk,
        shown::{self, moment},
        state::{self, Seen, Told, account_of},
    },
};
use chrono::{DateTime, Utc};
use chrono_tz::Tz;
use domain::jira_time;
use serde_json::{Value, json};

use super::{address, attachments, comments, desks, user};
use crate::jira_api::{
    refusal::Refusal,
    rich_text,
    site::{Site, zone},
};

/// What can be expanded of a request.
pub(super) const EXPANDS: [&str; 8] =
    ["participant", "status", "sla", "requestType", "serviceDesk", "attachment", "action", "comment"];

/// Requests of a site, as its account sees them.
pub(super) struct Requests<'a> {
    pub(super) site: &'a Site,
    pub(super) instance: Arc<Instance>,
    pub(super) ids: RequestFields,
    desks: Vec<ServiceDesk>,
    roster: Vec<Value>,
    pub(super) zone: Tz,
    now: DateTime<Utc>,
}

impl<'a> Requests<'a> {
    pub(super) async fn of(site: &'a Site) -> Result<Self, Refusal> {
        let (mut tx, instance) = site.read().await?;
        let roster = tx.roster(instance.id, Roster::Fields).await?;
        let desks = tx.service_desks(instance.id).await?;
        Ok(Self {
            site,
            ids: RequestFields::of(&roster),
            desks,
            roster,
            zone: zone(&instance),
            now: site.state.services.clock.now(),
            instance,
        })
    }

    /// The request that the path names. An issue that nobody asked a desk for is none.
    pub(super) async fn named(&self) -> Result<Arc<IssueRow>, Refusal> {
        let (_, row) = self.site.issue().await.map_err(|refusal| self.missing(refusal))?;
        match self.kind(&row).is_object() {
            true => Ok(row),
            false => Err(Error::not_found("request", self.site.param("issue")).into()),
        }
    }

    fn missing(&self, refusal: Refusal) -> Refusal {
        if refusal.status() == axum::http::StatusCode::NOT_FOUND {
            return Error::not_found("request", self.site.param("issue")).into();
        }
        refusal
    }

    /// The value of a field of service management; null where the site has no such field.
    pub(super) fn value<'r>(&self, row: &'r IssueRow, field: &Option<String>) -> &'r Value {
        field.as_ref().map_or(&Value::Null, |field| &row.raw["fields"][field])
    }

    /// The request type, as the issue shows it.
    fn kind<'r>(&self, row: &'r IssueRow) -> &'r Value {
        &self.value(row, &self.ids.request_type)["requestType"]
    }

    /// The desk, where it is known.
    pub(super) fn desk(&self, row: &IssueRow) -> Option<&ServiceDesk> {
        self.desks.iter().find(|desk| desk.project_key == row.project_key)
    }

    /// The account that asks.
    pub(super) fn account(&self) -> String {
        current_user(&self.instance).unwrap_or_default()
    }

    pub(super) fn is_sandbox(&self) -> bool {
        self.instance.kind == InstanceKind::Sandbox
    }

    /// A moment that an issue shows.
    pub(super) fn date(&self, value: &Value) -> Value {
        jira_time::parse_json(value).map_or(Value::Null, |at| moment(at, self.zone))
    }

    /// `CustomerRequestDTO`.
    pub(super) async fn shown(
        &self,
        tx: &mut dyn TenantTx,
        row: &IssueRow,
        expand: &[String],
    ) -> Result<Value, Refusal> {
        let fields = &row.raw["fields"];
        let kind = self.kind(row);
        let mut shown = json!({
            "_expands": EXPANDS,
            "issueId": row.jira_id,
            "issueKey": row.key,
            "summary": row.summary,
            "requestTypeId": kind["id"],
            "serviceDeskId": kind["serviceDeskId"],
            "createdDate": self.date(&fields["created"]),
            "reporter": user(self.site, &fields["reporter"]),
            "requestFieldValues": self.field_values(row, kind),
            "_links": self.links(row, kind),
        });
        let told = self.histories(tx, row).await?;
        let path = state::statuses(fields, &told);
        if let Some(latest) = path.last() {
            let name = &fields["status"];
            shown["currentStatus"] =
                shown::status(&name["name"], &name["statusCategory"], latest.at, self.zone);
        }
        let has = |name: &str| expand.iter().any(|asked| asked == name);
        let base = format!("request/{}", row.jira_id);
        if has("requestType") {
            shown["requestType"] = kind.clone();
        }
        if has("serviceDesk") {
            shown["serviceDesk"] = self.service_desk(row, kind);
        }
        if has("participant") {
            shown["participants"] = self.embedded(&format!("{base}/participant"), self.participants(row));
        }
        if has("sla") {
            shown["sla"] = self.embedded(&format!("{base}/sla"), self.slas(tx, row).await?);
        }
        if has("status") {
            shown["status"] = self.embedded(&format!("{base}/status"), self.statuses(tx, row).await?);
        }
        if has("attachment") {
            shown["attachments"] = self.embedded(&format!("{base}/attachment"), attachments::of(self, row));
        }
        if expand.iter().any(|name| name == "comment" || name.starts_with("comment.")) {
            let within = |name: &str| expand.iter().any(|asked| asked == &format!("comment.{name}"));
            let view =
                comments::Parts { attachments: within("attachment"), rendered: within("renderedBody") };
            let list = comments::of(self, tx, row, view).await?;
            shown["comments"] = self.embedded(&format!("{base}/comment"), list);
        }
        if has("action") {
            let can_write = json!({ "allowed": self.site.caller.require(application::Scope::Write).is_ok() });
            let here = json!({ "allowed": self.is_sandbox() && can_write["allowed"] == true });
            shown["actions"] = json!({
                "addAttachment": here, "addComment": can_write, "addParticipant": here, "removeParticipant": here,
            });
        }
        Ok(shown)
    }

    /// A list within a request: its first page.
    fn embedded(&self, path: &str, list: Vec<Value>) -> Value {
        const FIRST: usize = 50;
        let is_last = list.len() <= FIRST;
        let values: Vec<Value> = list.into_iter().take(FIRST).collect();
        let link = |start: usize| address(self.site, &format!("{path}?start={start}&limit={FIRST}"));
        let mut links = json!({
            "self": link(0), "base": format!("{}/rest/servicedeskapi", self.site.base_url()), "context": "",
        });
        if !is_last {
            links["next"] = json!(link(FIRST));
        }
        json!({
            "_expands": [], "size": values.len(), "start": 0, "limit": FIRST, "isLastPage": is_last,
            "_links": links, "values": values,
        })
    }

    fn links(&self, row: &IssueRow, kind: &Value) -> Value {
        let base = self.site.base_url();
        let desk = kind["serviceDeskId"].as_str().unwrap_or_default();
        json!({
            "jiraRest": format!("{base}/rest/api/2/issue/{}", row.jira_id),
            "web": format!("{}/servicedesk/customer/portal/{desk}/{}", self.instance.base_url, row.key),
            "agent": format!("{}/browse/{}", self.instance.base_url, row.key),
            "self": address(self.site, &format!("request/{}", row.jira_id)),
        })
    }

    fn service_desk(&self, row: &IssueRow, kind: &Value) -> Value {
        if let Some(desk) = self.desk(row) {
            return desks::shown(self.site, desk);
        }
        let (id, project) =
            (kind["serviceDeskId"].as_str().unwrap_or_default(), &row.raw["fields"]["project"]);
        json!({
            "id": id,
            "projectId": project["id"], "projectKey": project["key"], "projectName": project["name"],
            "projectTypeKey": "service_desk",
            "_links": { "self": address(self.site, &format!("servicedesk/{id}")) },
        })
    }

    /// The values of the form: of the fields that the request type asks for, where that is known; else of those that every form
    /// has.
    fn field_values(&self, row: &IssueRow, kind: &Value) -> Vec<Value> {
        let known =
            self.desk(row).zip(kind["id"].as_str()).and_then(|(desk, id)| desk.setup.request_type(id));
        let usual = || {
            let field = |field: &str| FormField {
                field: field.to_owned(),
                name: String::new(),
                description: String::new(),
                required: false,
            };
            vec![field("summary"), field("description")]
        };
        let form = known.map_or_else(usual, |kind| kind.fields.clone());
        let values = form.into_iter().filter_map(|field| {
            let value = row.raw["fields"].get(&field.field)?;
            let own_name = Some(field.name).filter(|name| !name.is_empty());
            let listed = self.roster.iter().find(|listed| listed["id"] == field.field.as_str());
            let listed = listed.and_then(|listed| listed["name"].as_str().map(str::to_owned));
            let mut shown = json!({
                "fieldId": field.field,
                "label": own_name.or(listed).unwrap_or_else(|| field.field.clone()),
                "value": as_text(value),
            });
            if rich_text::is_document(value) {
                shown["renderedValue"] = json!({ "html": rich_text::rendered(value) });
            }
            Some(shown)
        });
        values.collect()
    }

    /// Who follows along.
    pub(super) fn participants(&self, row: &IssueRow) -> Vec<Value> {
        let people = self.value(row, &self.ids.participants).as_array().map_or(&[][..], Vec::as_slice);
        people.iter().map(|person| user(self.site, person)).collect()
    }

    /// `SlaInformationDTO`s: measured now at a sandbox; at a mirror as the issue showed them when it was read last.
    pub(super) async fn slas(&self, tx: &mut dyn TenantTx, row: &IssueRow) -> Result<Vec<Value>, Refusal> {
        let Some(desk) = self.desk(row).filter(|_| self.is_sandbox()) else {
            let shown = self.ids.slas.iter().map(|field| &row.raw["fields"][field]);
            return Ok(shown.filter(|sla| sla["name"].is_string()).cloned().collect());
        };
        let histories = self.histories(tx, row).await?;
        let comments: Vec<Value> =
            tx.comments(&[row.id]).await?.into_iter().map(|comment| comment.raw).collect();
        let told = Told { histories: &histories, comments: &comments };
        let happenings = state::happenings(&row.raw["fields"], told);
        let base = self.site.base_url();
        let seen = Seen { base_url: &base, zone: self.zone, now: self.now };
        let slas = desk.setup.slas.iter();
        Ok(slas.filter_map(|sla| state::sla(&desk.setup, sla, &row.raw, &happenings, seen)).collect())
    }

    /// `CustomerRequestStatusDTO`s, oldest first.
    pub(super) async fn statuses(
        &self,
        tx: &mut dyn TenantTx,
        row: &IssueRow,
    ) -> Result<Vec<Value>, Refusal> {
        let histories = self.histories(tx, row).await?;
        let known = tx.roster(self.instance.id, Roster::Statuses).await?;
        let path = state::statuses(&row.raw["fields"], &histories);
        Ok(path
            .iter()
            .map(|entered| {
                let listed = known.iter().find(|status| status["id"] == entered.id.as_str());
                let category = listed.map_or(&Value::Null, |status| &status["statusCategory"]);
                shown::status(&entered.name, category, entered.at, self.zone)
            })
            .collect())
    }

    async fn histories(&self, tx: &mut dyn TenantTx, row: &IssueRow) -> Result<Vec<Value>, Refusal> {
        Ok(tx.histories(&[row.id]).await?.into_iter().map(|history| history.raw).collect())
    }

    /// `ApprovalDTO`s.
    pub(super) fn approvals(&self, row: &IssueRow) -> Vec<Value> {
        let list = self.value(row, &self.ids.approvals).as_array().map_or(&[][..], Vec::as_slice);
        list.iter().map(|approval| self.approval(row, approval)).collect()
    }

    pub(super) fn approval(&self, row: &IssueRow, approval: &Value) -> Value {
        let id = approval["id"].as_str().unwrap_or_default();
        let asked = approval["approvers"].as_array().map_or(&[][..], Vec::as_slice);
        let approvers: Vec<Value> = asked
            .iter()
            .map(|asked| {
                json!({
                    "approver": user(self.site, &asked["approver"]), "approverDecision": asked["approverDecision"],
                })
            })
            .collect();
        let mut shown = json!({
            "id": id,
            "name": approval["name"],
            "finalDecision": approval["finalDecision"],
            "canAnswerApproval": state::can_answer(approval, &self.account()),
            "approvers": approvers,
            "_links": { "self": address(self.site, &format!("request/{}/approval/{id}", row.jira_id)) },
        });
        for date in ["createdDate", "completedDate"] {
            if approval[date].is_object() {
                shown[date] = approval[date].clone();
            }
        }
        shown
    }

    /// Whether the account that asks reported a request.
    pub(super) fn is_own(&self, row: &IssueRow) -> bool {
        account_of(&row.raw["fields"]["reporter"]) == Some(self.account().as_str())
    }
}

/// Rich text as wiki markup: this API has no documents.
pub(super) fn as_text(value: &Value) -> Value {
    let mut holder = json!({ "value": value });
    if rich_text::is_document(value) {
        rich_text::convert_member(&mut holder, "value", Dialect::V2);
    }
    holder["value"].take()
}
