//! How a desk of Jira Service Management is set up: what customers can ask for, what agents look at first, how long things may take
//! and who has to agree. Requests themselves are issues.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::{sla::Sla, working_time::WorkingCalendar};

/// The set-up of a desk. It belongs to one project.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Setup {
    /// What customers can ask for, in the order of the portal.
    pub request_types: Vec<RequestType>,
    /// The groups in which the portal shows them.
    pub groups: Vec<RequestTypeGroup>,
    /// What agents look at.
    pub queues: Vec<Queue>,
    /// How long things may take.
    pub slas: Vec<Sla>,
    /// When somebody works.
    pub calendars: Vec<WorkingCalendar>,
    /// Where somebody has to agree.
    pub approvals: Vec<ApprovalStep>,
    /// Account ids of the customers, in the order in which they came.
    pub customers: Vec<String>,
    /// Ids of the organisations whose people are customers too.
    pub organizations: Vec<String>,
}

/// Something that customers can ask for.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RequestType {
    /// Its id.
    pub id: String,
    /// Its name.
    pub name: String,
    /// What the portal says of it.
    pub description: String,
    /// What the portal says above its form.
    pub help_text: String,
    /// The id of the type of issues that its requests are.
    pub issue_type: String,
    /// The ids of its groups; without one it is hidden in the portal.
    pub groups: Vec<String>,
    /// Its form.
    pub fields: Vec<FormField>,
    /// Its properties.
    #[serde(default)]
    pub properties: BTreeMap<String, Value>,
    /// As its site serves it, with its form; null where its truth is here.
    #[serde(default, skip_serializing_if = "Value::is_null")]
    pub raw: Value,
}

/// A field of a form.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FormField {
    /// `summary`, `customfield_10031` …
    pub field: String,
    /// What the form calls it.
    pub name: String,
    /// What the form says of it.
    #[serde(default)]
    pub description: String,
    /// Whether it has to be filled in.
    #[serde(default)]
    pub required: bool,
}

/// A group of request types.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RequestTypeGroup {
    /// Its id.
    pub id: String,
    /// Its name.
    pub name: String,
}

/// A question that agents ask again and again.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Queue {
    /// Its id.
    pub id: String,
    /// Its name.
    pub name: String,
    /// What it asks, without the project; it ends with an order.
    pub jql: String,
    /// Its columns.
    pub fields: Vec<String>,
    /// As its site serves it; null where its truth is here.
    #[serde(default, skip_serializing_if = "Value::is_null")]
    pub raw: Value,
}

/// A status in which an issue waits until people have agreed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ApprovalStep {
    /// The id of the status.
    pub status: String,
    /// What the approval is called.
    pub name: String,
    /// The transition for "yes".
    pub approve: String,
    /// The transition for "no".
    pub decline: String,
    /// How many must say yes; one "no" is enough for a no.
    pub required: usize,
    /// Account ids of those who are asked where the issue names nobody.
    pub approvers: Vec<String>,
}

/// The custom fields in which Jira Service Management keeps what it adds to an issue, as a site calls them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RequestFields {
    /// What was asked for, and how it stands in the words of the portal: `vp-origin`.
    pub request_type: Option<String>,
    /// Who follows along: `sd-request-participants`.
    pub participants: Option<String>,
    /// Which organisations see it: `sd-customer-organizations`.
    pub organizations: Option<String>,
    /// Who agreed: `sd-approvals`.
    pub approvals: Option<String>,
    /// Who is to be asked: a choice of people that is named so.
    pub approvers: Option<String>,
    /// How content the customer was: `sd-request-feedback`.
    pub feedback: Option<String>,
    /// SLAs: `sd-sla-field`.
    pub slas: Vec<String>,
}

impl RequestFields {
    /// Those of a roster of fields (`GET /field`). Of several of one type the first counts.
    #[must_use]
    pub fn of(roster: &[Value]) -> Self {
        let mut found = Self::default();
        for field in roster {
            let Some(id) = field["id"].as_str() else { continue };
            let custom = field["schema"]["custom"].as_str().unwrap_or_default();
            let slot = match custom.rsplit(':').next().unwrap_or_default() {
                "sd-sla-field" => {
                    found.slas.push(id.to_owned());
                    continue;
                }
                "vp-origin" => &mut found.request_type,
                "sd-request-participants" => &mut found.participants,
                "sd-customer-organizations" => &mut found.organizations,
                "sd-approvals" => &mut found.approvals,
                "sd-request-feedback" => &mut found.feedback,
                "multiuserpicker" if field["name"] == "Approvers" => &mut found.approvers,
                _ => continue,
            };
            slot.get_or_insert_with(|| id.to_owned());
        }
        found
    }
}

impl Setup {
    /// The request type of this id.
    #[must_use]
    pub fn request_type(&self, id: &str) -> Option<&RequestType> {
        self.request_types.iter().find(|kind| kind.id == id)
    }

    /// The calendar of this id.
    #[must_use]
    pub fn calendar(&self, id: &str) -> Option<&WorkingCalendar> {
        self.calendars.iter().find(|calendar| calendar.id() == id)
    }

    /// The approval that issues of this status wait for.
    #[must_use]
    pub fn approval_in(&self, status: &str) -> Option<&ApprovalStep> {
        self.approvals.iter().find(|step| step.status == status)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn the_fields_of_service_management_are_told_by_their_types() {
        let field = |id: &str, name: &str, custom: &str| json!({"id": id, "name": name, "schema": {"custom": custom}});
        let roster = [
            json!({"id": "summary", "name": "Summary", "schema": {"system": "summary"}}),
            field("customfield_1", "Request Type", "com.atlassian.servicedesk:vp-origin"),
            field("customfield_2", "Time to resolution", "com.atlassian.servicedesk:sd-sla-field"),
            field("customfield_3", "Time to first response", "com.atlassian.servicedesk:sd-sla-field"),
            field(
                "customfield_4",
                "Watchers",
                "com.atlassian.jira.plugin.system.customfieldtypes:multiuserpicker",
            ),
            field(
                "customfield_5",
                "Approvers",
                "com.atlassian.jira.plugin.system.customfieldtypes:multiuserpicker",
            ),
            field("customfield_6", "Approvals", "com.atlassian.servicedesk.approvals-plugin:sd-approvals"),
        ];
        let found = RequestFields::of(&roster);
        assert_eq!(found.request_type.as_deref(), Some("customfield_1"));
        assert_eq!(found.slas, ["customfield_2", "customfield_3"]);
        assert_eq!(found.approvers.as_deref(), Some("customfield_5"));
        assert_eq!(found.approvals.as_deref(), Some("customfield_6"));
        assert_eq!(found.participants, None);
    }
}
