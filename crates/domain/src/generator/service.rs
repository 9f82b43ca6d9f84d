//! A service project for a generated site: a desk of Jira Service Management with its customers, organisations and requests.
//!
//! It is a project of its own beside the software projects of [`super::site`], which stay as they are: it brings its own people,
//! statuses, issue types and fields, and its ids begin where it is told.

mod people;
mod requests;
mod setup;
mod words;

use chrono::{DateTime, Utc};
use serde_json::{Value, json};

use super::{
    Options,
    draw::Seed,
    fields::custom_field,
    reference::{APPROVERS, Category, Reference, status_json},
    roster::Model,
    site::site,
};
use crate::{service_desk::Setup, workflow::service::status};

/// What service project to generate.
#[derive(Clone, Debug)]
pub struct ServiceOptions {
    /// Number of requests.
    pub requests: u64,
    /// Any number; equal seeds and options give equal projects.
    pub seed: u64,
    /// The present: nothing has happened after it. The first requests are two months older.
    pub now: DateTime<Utc>,
    /// The site's URL without a trailing slash.
    pub base_url: String,
    /// The first of the ids that its issues, comments and histories get. They need [`IDS_PER_REQUEST`] for each request.
    pub first_id: u64,
    /// Who answers at the site besides: may approve, as the people of the desk may.
    pub own_account: Value,
}

/// Ids that a request takes.
pub const IDS_PER_REQUEST: u64 = 32;

/// The key of the project.
pub const PROJECT_KEY: &str = "HELP";
/// The id of the project.
pub const PROJECT_ID: &str = "10900";
/// The id of its desk.
pub const DESK_ID: &str = "1";

/// Issue types of the project: ids.
mod issue_type {
    pub(super) const REQUEST: &str = "10011";
    pub(super) const INCIDENT: &str = "10013";
    pub(super) use crate::workflow::service::ISSUE_TYPE_WITH_APPROVAL as WITH_APPROVAL;
}

/// The custom fields of service management, by id.
mod field {
    pub(super) const REQUEST_TYPE: &str = "customfield_10050";
    pub(super) const FIRST_RESPONSE: &str = "customfield_10051";
    pub(super) const RESOLUTION: &str = "customfield_10052";
    pub(super) const SATISFACTION: &str = "customfield_10053";
    pub(super) const PARTICIPANTS: &str = "customfield_10054";
    pub(super) const ORGANIZATIONS: &str = "customfield_10055";
    pub(super) const APPROVALS: &str = "customfield_10056";
}

/// (id, name, type, item type, custom type).
const FIELDS: [(&str, &str, &str, &str, &str); 7] = [
    (
        field::REQUEST_TYPE,
        "Request Type",
        "sd-customerrequesttype",
        "",
        "com.atlassian.servicedesk:vp-origin",
    ),
    (
        field::FIRST_RESPONSE,
        "Time to first response",
        "sd-servicelevelagreement",
        "",
        "com.atlassian.servicedesk:sd-sla-field",
    ),
    (
        field::RESOLUTION,
        "Time to resolution",
        "sd-servicelevelagreement",
        "",
        "com.atlassian.servicedesk:sd-sla-field",
    ),
    (field::SATISFACTION, "Satisfaction", "sd-feedback", "", "com.atlassian.servicedesk:sd-request-feedback"),
    (
        field::PARTICIPANTS,
        "Request participants",
        "array",
        "user",
        "com.atlassian.servicedesk:sd-request-participants",
    ),
    (
        field::ORGANIZATIONS,
        "Organizations",
        "array",
        "sd-customerorganization",
        "com.atlassian.servicedesk:sd-customer-organizations",
    ),
    (
        field::APPROVALS,
        "Approvals",
        "sd-approvals",
        "",
        "com.atlassian.servicedesk.approvals-plugin:sd-approvals",
    ),
];

/// (id, name, description, category).
const STATUSES: [(&str, &str, &str, Category); 7] = [
    (
        status::WAITING_FOR_APPROVAL,
        "Waiting for approval",
        "Somebody has to agree first.",
        Category::Indeterminate,
    ),
    (status::WAITING_FOR_SUPPORT, "Waiting for support", "An agent is going to look at it.", Category::New),
    (status::IN_PROGRESS, "Work in progress", "An agent is on it.", Category::Indeterminate),
    (
        status::WAITING_FOR_CUSTOMER,
        "Waiting for customer",
        "The customer was asked something.",
        Category::Indeterminate,
    ),
    (status::RESOLVED, "Resolved", "It is done.", Category::Done),
    (status::CANCELED, "Canceled", "The customer does not need it any more.", Category::Done),
    (status::DECLINED, "Declined", "It was not agreed to.", Category::Done),
];

/// (id, name, description, avatar id).
const ISSUE_TYPES: [(&str, &str, &str, u64); 3] = [
    (issue_type::REQUEST, "Service Request", "Something that somebody needs.", 10_543),
    (
        issue_type::WITH_APPROVAL,
        "Service Request with Approvals",
        "Something that has to be agreed to.",
        10_544,
    ),
    (issue_type::INCIDENT, "Incident", "Something that does not work as it should.", 10_545),
];

/// An organisation of customers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Organization {
    /// Its id.
    pub id: String,
    /// Its name.
    pub name: String,
    /// Account ids of its people.
    pub members: Vec<String>,
}

/// A service project, in the shapes of Jira's REST API.
#[derive(Clone, Debug)]
pub struct ServiceSite {
    /// `GET /project/{key}`.
    pub project: Value,
    /// Agents and customers.
    pub users: Vec<Value>,
    /// Its statuses.
    pub statuses: Vec<Value>,
    /// Its issue types.
    pub issue_types: Vec<Value>,
    /// The site's priorities.
    pub priorities: Vec<Value>,
    /// The site's resolutions.
    pub resolutions: Vec<Value>,
    /// The fields that its issues have.
    pub fields: Vec<Value>,
    /// How the desk is set up.
    pub setup: Setup,
    /// Organisations of customers.
    pub organizations: Vec<Organization>,
    /// Its issues with comments and histories, oldest first. What service management itself adds to an issue (how it stands, clocks,
    /// approvals) is not in them yet, but for the request type's id and its organisations and participants.
    pub requests: Vec<Request>,
}

/// A generated request.
#[derive(Clone, Debug)]
pub struct Request {
    /// The id of its request type.
    pub request_type: String,
    /// The issue, with complete comments and changelog.
    pub issue: Value,
}

/// The service project that `options` describe.
#[must_use]
pub fn service_site(options: &ServiceOptions) -> ServiceSite {
    let base_url = options.base_url.trim_end_matches('/').to_owned();
    let software = Options { issues: 1, seed: options.seed, now: options.now, base_url: base_url.clone() };
    let model = Model::new(&software);
    let reference = Reference::new(&model);
    let base = site(&model, &reference);
    let api = format!("{base_url}/rest/api/3");
    let people = people::People::new(&api, &options.own_account);
    let project = project(&api);
    let lists = requests::Lists {
        api: &api,
        project: &project,
        statuses: STATUSES.iter().map(|status| status_json(&model, &api, *status)).collect(),
        issue_types: issue_types(&api, &base_url),
        // As issues show it.
        priorities: reference.priorities.clone(),
        done: reference.resolutions.first().cloned().unwrap_or_default(),
        people: &people,
    };
    let requests = requests::all(options, &Seed::new(options.seed ^ 0x5E_4D_E5_C0), &lists);
    let details = json!({
        "description": "Help with computers, accounts and whatever else the company needs to work.",
        "lead": people.agents[0],
        "assigneeType": "UNASSIGNED",
        "components": [], "versions": [],
        "issueTypes": lists.issue_types,
        "style": "classic", "isPrivate": false, "archived": false, "deleted": false,
    });
    let mut whole = project.clone();
    if let (Some(members), Value::Object(details)) = (whole.as_object_mut(), details) {
        members.extend(details);
    }
    ServiceSite {
        project: whole,
        users: people.agents.iter().chain(&people.customers).cloned().collect(),
        statuses: lists.statuses.clone(),
        issue_types: lists.issue_types.clone(),
        priorities: base.priorities,
        resolutions: base.resolutions,
        fields: fields(base.fields),
        setup: setup::setup(options, &people),
        organizations: people.organizations.clone(),
        requests,
    }
}

/// System fields, whom to ask for approval, and what service management adds.
fn fields(of_software: Vec<Value>) -> Vec<Value> {
    let shared = of_software.into_iter().filter(|field| field["custom"] != true || field["id"] == APPROVERS);
    shared.chain(FIELDS.iter().map(custom_field)).collect()
}

fn project(api: &str) -> Value {
    json!({
        "self": format!("{api}/project/{PROJECT_ID}"),
        "id": PROJECT_ID,
        "key": PROJECT_KEY,
        "name": "IT Help Desk",
        "projectTypeKey": "service_desk",
        "simplified": false,
        "avatarUrls": people::avatars(api, "project", 10_424),
    })
}

fn issue_types(api: &str, base_url: &str) -> Vec<Value> {
    let kind = |(id, name, description, avatar): &(&str, &str, &str, u64)| {
        json!({
            "self": format!("{api}/issuetype/{id}"),
            "id": id, "name": name, "description": description,
            "iconUrl": format!("{base_url}/rest/api/3/universal_avatar/view/type/issuetype/avatar/{avatar}?size=medium"),
            "subtask": false, "avatarId": avatar, "hierarchyLevel": 0,
        })
    };
    ISSUE_TYPES.iter().map(kind).collect()
}

#[cfg(test)]
mod tests;
