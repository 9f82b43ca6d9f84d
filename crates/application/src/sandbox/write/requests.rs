//! Requests of a service desk: raising them, who follows along, how content the customer was; and what service management shows in
//! the fields of every issue of its projects.

use domain::jira_time;
use serde_json::{Map, Value, json};

use super::{
    Draft,
    create::{self, CreatedIssue},
    desk::FieldChanges,
    fields::{Field, account_of, elements, is_element},
    next_moment, updated_event,
    writing::Writing,
};
use crate::{
    actions::Action,
    caller::Caller,
    error::{Error, FieldProblem, Result},
    ingest::text_of,
    instances::{Dialect, Instance},
    ports::TenantTx,
    reference::Roster,
    sandbox::account,
    search::current_user,
    service_desks::{
        RequestFields, RequestType, ServiceDesk, require_desk,
        state::{Seen, Told, keep_up as show, new_approval},
    },
    services::Services,
};

/// A request to be raised.
#[derive(Clone, Debug)]
pub struct NewRequest {
    /// The desk's id.
    pub desk: String,
    /// The request type's id.
    pub request_type: String,
    /// How rich text is written.
    pub dialect: Dialect,
    /// The form as it was filled in: values by field.
    pub values: Map<String, Value>,
    /// For whom, by account id; for whoever asks when absent.
    pub on_behalf_of: Option<String>,
    /// Who follows along, by account id.
    pub participants: Vec<String>,
}

/// How content a customer was.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Feedback {
    /// One to five stars.
    pub rating: i64,
    /// In words.
    pub comment: Option<String>,
}

/// Raises a request.
///
/// # Errors
/// [`Error::Invalid`] with every field that is missing, wrong, or not on the form.
pub async fn create_request(
    services: &Services,
    caller: &Caller,
    instance: &str,
    new: NewRequest,
) -> Result<CreatedIssue> {
    let mut write = Writing::begin(services, caller, Action::CreateIssue, instance).await?;
    let desk = write.desk(&new.desk).await.map_err(|_| {
        Error::invalid("serviceDeskId", format!("The service desk '{}' does not exist.", new.desk))
    })?;
    let kind = desk.setup.request_type(&new.request_type).ok_or_else(|| {
        Error::invalid("requestTypeId", format!("The request type '{}' does not exist.", new.request_type))
    })?;
    let problems = form_problems(kind, &new.values);
    if !problems.is_empty() {
        return Err(Error::Invalid(problems));
    }
    let ids = write.request_fields().await?;
    let own = account(write.instance.dialect);
    let reporter = match &new.on_behalf_of {
        Some(customer) => person(&mut write, "raiseOnBehalfOf", customer).await?,
        None => own,
    };
    let mut participants = Vec::new();
    for participant in &new.participants {
        participants.push(person(&mut write, "requestParticipants", participant).await?);
    }
    let mut fields = new.values;
    fields.insert("project".into(), json!({ "id": desk.project_id }));
    fields.insert("issuetype".into(), json!({ "id": kind.issue_type }));
    let changes = FieldChanges { dialect: new.dialect, fields, update: Map::new() };
    let mut fields = create::prepare(&mut write, changes).await?;
    let shared = organizations_of(&mut write, &desk, &reporter).await?;
    fields["reporter"] = reporter;
    if let Some(field) = &ids.request_type {
        fields[field] = json!({ "requestType": { "id": kind.id } });
    }
    for (field, list) in [(&ids.participants, participants), (&ids.organizations, shared)] {
        if let Some(field) = field.as_ref().filter(|_| !list.is_empty()) {
            fields[field] = Value::Array(list);
        }
    }
    create::store(write, fields).await
}

fn form_problems(kind: &RequestType, values: &Map<String, Value>) -> Vec<FieldProblem> {
    let problem = |field: &str, message: String| FieldProblem { field: field.to_owned(), message };
    let unknown =
        values.keys().filter(|name| kind.fields.iter().all(|field| field.field != **name)).map(|name| {
            problem(name, format!("Field '{name}' is not part of the request type '{}'.", kind.name))
        });
    let is_empty = |value: Option<&Value>| match value {
        None | Some(Value::Null) => true,
        Some(Value::String(text)) => text.trim().is_empty(),
        Some(Value::Array(list)) => list.is_empty(),
        Some(_) => false,
    };
    let missing = kind.fields.iter().filter(|field| field.required && is_empty(values.get(&field.field)));
    let missing = missing.map(|field| problem(&field.field, format!("{} is required.", field.name)));
    unknown.chain(missing).collect()
}

/// A user of the site, by account id.
pub(super) async fn person(write: &mut Writing<'_>, field: &str, wanted: &str) -> Result<Value> {
    let own = account(write.instance.dialect);
    if account_of(&own).as_deref() == Some(wanted) {
        return Ok(own);
    }
    let site = write.instance.id;
    let found = write.tx.user(site, wanted).await?;
    found.ok_or_else(|| Error::invalid(field, format!("The user '{wanted}' does not exist.")))
}

/// The organisations that share what one of their people asks for.
async fn organizations_of(
    write: &mut Writing<'_>,
    desk: &ServiceDesk,
    reporter: &Value,
) -> Result<Vec<Value>> {
    let Some(reporter) = account_of(reporter) else { return Ok(Vec::new()) };
    let site = write.instance.id;
    let all = write.tx.organizations(site).await?.into_iter();
    let shared = all.filter(|organization| {
        desk.setup.organizations.contains(&organization.id) && organization.members.contains(&reporter)
    });
    Ok(shared.map(|organization| json!({ "id": organization.id, "name": organization.name })).collect())
}

/// Lets people follow a request, or not any more; answers all who do then.
///
/// # Errors
/// [`Error::NotFound`] without the request; [`Error::Invalid`] for people who are not there.
pub async fn change_participants(
    services: &Services,
    caller: &Caller,
    instance: &str,
    request: &str,
    (accounts, adding): (&[String], bool),
) -> Result<Vec<Value>> {
    let mut write = Writing::begin(services, caller, Action::EditParticipants, instance).await?;
    let row = write.issue(request).await?;
    let ids = write.request_fields().await?;
    let field = ids.participants.filter(|_| is_request(&ids.request_type, &row.raw));
    let field = field.ok_or_else(|| Error::not_found("request", request))?;
    let before = row.raw["fields"][&field].clone();
    let mut list = elements(&before).to_vec();
    for wanted in accounts {
        let user = person(&mut write, "accountIds", wanted).await?;
        let is_in = list.iter().any(|known| is_element(known, &user));
        match adding {
            true if !is_in => list.push(user),
            true => {}
            false => list.retain(|known| !is_element(known, &user)),
        }
    }
    let after = if list.is_empty() { Value::Null } else { Value::Array(list.clone()) };
    let items = Field::of_people(&field, "Request participants").items(&before, &after);
    if items.is_empty() {
        return Ok(list);
    }
    let history = write.ids(1).await?;
    let now = next_moment(services, [&row]);
    let mut draft = Draft::of(&row, &now);
    draft.fields()[&field] = after;
    draft.record(history, &now, &items);
    let event = updated_event(&write.instance, &draft, "issue_updated", history, &items);
    write.store(vec![draft]).await?;
    write.announce("jira:issue_updated", event).await?;
    let (before, after) = super::edit::sides(&items);
    write.finish(&row.key, before, after).await?;
    Ok(list)
}

/// Notes how content the customer was, or that nothing is said of it any more.
///
/// # Errors
/// [`Error::NotFound`] without the request, and for feedback that is taken back and was not given; [`Error::Invalid`] for a rating
/// other than one to five; [`Error::Forbidden`] for whoever did not report the request.
pub async fn give_feedback(
    services: &Services,
    caller: &Caller,
    instance: &str,
    request: &str,
    feedback: Option<&Feedback>,
) -> Result<()> {
    let mut write = Writing::begin(services, caller, Action::GiveFeedback, instance).await?;
    if let Some(feedback) = feedback.filter(|feedback| !(1..=5).contains(&feedback.rating)) {
        let message = format!("{} is no rating: give one to five stars.", feedback.rating);
        return Err(Error::invalid("rating", message));
    }
    let row = write.issue(request).await?;
    let ids = write.request_fields().await?;
    let field = ids.feedback.filter(|_| is_request(&ids.request_type, &row.raw));
    let field = field.ok_or_else(|| Error::not_found("request", request))?;
    if account_of(&row.raw["fields"]["reporter"]) != current_user(&write.instance) {
        return Err(Error::Forbidden("only the reporter of a request gives feedback".into()));
    }
    let before = row.raw["fields"][&field].clone();
    let after = match feedback {
        Some(feedback) => json!({ "rating": feedback.rating, "comment": feedback.comment }),
        None if before.is_null() => return Err(Error::not_found("feedback", request)),
        None => Value::Null,
    };
    let now = next_moment(services, [&row]);
    let mut draft = Draft::of(&row, &now);
    draft.fields()[&field] = after.clone();
    write.store(vec![draft]).await?;
    write.finish(&row.key, json!({ "feedback": before }), json!({ "feedback": after })).await
}

/// Whether an issue is a request.
pub(super) fn is_request(field: &Option<String>, issue: &Value) -> bool {
    field.as_ref().is_some_and(|field| issue["fields"][field]["requestType"].is_object())
}

impl Writing<'_> {
    /// The desk with this id, where the caller may write.
    pub(super) async fn desk(&mut self, id: &str) -> Result<ServiceDesk> {
        let desk = require_desk(self.tx.as_mut(), self.instance.id, id).await?;
        if self.reaches(&desk.project_key) { Ok(desk) } else { Err(Error::not_found("service desk", id)) }
    }

    /// The desk of a project.
    pub(super) async fn desk_of(&mut self, project_key: &str) -> Result<Option<ServiceDesk>> {
        let desks = self.tx.service_desks(self.instance.id).await?;
        Ok(desks.into_iter().find(|desk| desk.project_key == project_key))
    }

    /// The custom fields of service management.
    pub(super) async fn request_fields(&mut self) -> Result<RequestFields> {
        Ok(RequestFields::of(&self.tx.roster(self.instance.id, Roster::Fields).await?))
    }
}

/// Brings what service management shows in the fields of changed issues up to date. Costs nothing where no issue is of a service
/// project.
pub(super) async fn keep_up(
    services: &Services,
    tx: &mut dyn TenantTx,
    instance: &Instance,
    roster: &[Value],
    drafts: &mut [Draft],
) -> Result<()> {
    let is_of_desk = |draft: &Draft| draft.raw["fields"]["project"]["projectTypeKey"] == "service_desk";
    if !drafts.iter().any(is_of_desk) {
        return Ok(());
    }
    let desks = tx.service_desks(instance.id).await?;
    let ids = RequestFields::of(roster);
    let zone = chrono_tz::Tz::UTC;
    for draft in drafts.iter_mut() {
        let project = text_of(&draft.raw["fields"]["project"]["id"]);
        let Some(desk) = desks.iter().find(|desk| Some(&desk.project_id) == project.as_ref()) else {
            continue;
        };
        let (histories, comments) = past(tx, instance, draft).await?;
        let updated = jira_time::parse_json(&draft.raw["fields"]["updated"]).ok();
        let now = updated.map_or(services.clock.now(), |updated| updated.max(services.clock.now()));
        let seen = Seen { base_url: &instance.base_url, zone, now };
        keep_approvals(tx, instance, (desk, &ids), draft, (&histories, seen)).await?;
        show(&mut draft.raw, desk, &ids, Told { histories: &histories, comments: &comments }, seen);
    }
    Ok(())
}

/// Everything that has happened to an issue, with what the draft adds.
async fn past(tx: &mut dyn TenantTx, instance: &Instance, draft: &Draft) -> Result<(Vec<Value>, Vec<Value>)> {
    let id = instance.id.issue(draft.raw["id"].as_str().unwrap_or_default());
    let mut histories: Vec<Value> =
        tx.histories(&[id]).await?.into_iter().map(|history| history.raw).collect();
    histories.extend(draft.histories.iter().cloned());
    let new = elements(&draft.raw["fields"]["comment"]["comments"]);
    let mut comments: Vec<Value> = Vec::new();
    if !draft.comments_complete {
        comments.extend(tx.comments(&[id]).await?.into_iter().map(|comment| comment.raw));
        comments.retain(|known| new.iter().all(|comment| comment["id"] != known["id"]));
    }
    comments.extend(new.iter().cloned());
    Ok((histories, comments))
}

/// Opens an approval for an issue that has come to wait for one, and forgets one that is not waited for any more.
async fn keep_approvals(
    tx: &mut dyn TenantTx,
    instance: &Instance,
    (desk, ids): (&ServiceDesk, &RequestFields),
    draft: &mut Draft,
    (histories, seen): (&[Value], Seen<'_>),
) -> Result<()> {
    let Some(field) = &ids.approvals else { return Ok(()) };
    let status = text_of(&draft.raw["fields"]["status"]["id"]).unwrap_or_default();
    let mut list = elements(&draft.raw["fields"][field]).to_vec();
    let Some(step) = desk.setup.approval_in(&status) else {
        let before = list.len();
        list.retain(|approval| approval["finalDecision"] != "pending");
        if list.len() < before {
            draft.fields()[field] = if list.is_empty() { Value::Null } else { Value::Array(list) };
        }
        return Ok(());
    };
    let is_new = histories.is_empty() && list.is_empty();
    let has_come = draft.histories.iter().any(|history| {
        elements(&history["items"])
            .iter()
            .any(|item| item["field"] == "status" && item["to"] == status.as_str())
    });
    if !(is_new || has_come) {
        return Ok(());
    }
    let named = ids.approvers.as_ref().map(|field| elements(&draft.raw["fields"][field]).to_vec());
    let mut approvers = named.unwrap_or_default();
    if approvers.is_empty() {
        let own = account(draft.dialect);
        for id in &step.approvers {
            let is_own = account_of(&own).as_deref() == Some(id);
            let user = if is_own { Some(own.clone()) } else { tx.user(instance.id, id).await? };
            approvers.extend(user);
        }
    }
    let id = (list.len() + 1).to_string();
    list.push(new_approval((&id, &step.name), &approvers, seen.now, seen.zone));
    draft.fields()[field] = Value::Array(list);
    Ok(())
}
