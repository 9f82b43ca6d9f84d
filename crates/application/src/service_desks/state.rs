//! What service management shows in a request's own fields: how it stands, its clocks, who has to agree. It follows from the issue's
//! histories and comments and from how the desk is set up.

use chrono::{DateTime, Utc};
use chrono_tz::Tz;
use domain::{
    jira_time,
    sla::{Event, Happening, OngoingCycle, Sla},
};
use serde_json::{Value, json};

use super::{
    RequestFields, ServiceDesk, Setup,
    shown::{self, address, duration, moment},
};
use crate::ingest::text_of;

/// When and where an issue is looked at.
#[derive(Clone, Copy, Debug)]
pub struct Seen<'a> {
    /// The site's address.
    pub base_url: &'a str,
    /// The zone in which moments are written.
    pub zone: Tz,
    /// Now.
    pub now: DateTime<Utc>,
}

/// What has happened to an issue, oldest first: histories and comments as the site serves them.
#[derive(Clone, Copy, Debug)]
pub struct Told<'a> {
    /// All histories.
    pub histories: &'a [Value],
    /// All comments.
    pub comments: &'a [Value],
}

/// A status that an issue got, and when.
#[derive(Clone, Debug, PartialEq)]
pub struct Entered {
    /// Its id.
    pub id: String,
    /// Its name.
    pub name: Value,
    /// When.
    pub at: DateTime<Utc>,
    /// Who moved it there; null for the status in which it was created.
    pub by: Value,
}

/// The account id of a user, or the key or name where there is none.
pub fn account_of(user: &Value) -> Option<&str> {
    ["accountId", "key", "name"].into_iter().find_map(|member| user[member].as_str())
}

/// The statuses of an issue, oldest first.
pub fn statuses(fields: &Value, histories: &[Value]) -> Vec<Entered> {
    let created = time(&fields["created"]).unwrap_or_default();
    let moves: Vec<(&Value, &Value)> = histories
        .iter()
        .flat_map(|history| items(history).iter().map(move |item| (history, item)))
        .filter(|(_, item)| item["field"] == "status")
        .collect();
    let (id, name) = match moves.first() {
        Some((_, first)) => (&first["from"], &first["fromString"]),
        None => (&fields["status"]["id"], &fields["status"]["name"]),
    };
    let first =
        Entered { id: text_of(id).unwrap_or_default(), name: name.clone(), at: created, by: Value::Null };
    let later = moves.into_iter().map(|(history, item)| Entered {
        id: text_of(&item["to"]).unwrap_or_default(),
        name: item["toString"].clone(),
        at: time(&history["created"]).unwrap_or(created),
        by: history["author"].clone(),
    });
    std::iter::once(first).chain(later).collect()
}

/// What clocks take notice of, in its order.
pub fn happenings(fields: &Value, told: Told<'_>) -> Vec<Happening> {
    let created = time(&fields["created"]).unwrap_or_default();
    let mut happenings = vec![Happening { at: created, event: Event::Created }];
    let entered = statuses(fields, told.histories);
    happenings.extend(
        entered.into_iter().map(|status| Happening { at: status.at, event: Event::EnteredStatus(status.id) }),
    );
    for history in told.histories {
        let Some(at) = time(&history["created"]) else { continue };
        for item in items(history).iter().filter(|item| item["field"] == "resolution") {
            let event = if item["to"].is_null() { Event::ResolutionCleared } else { Event::ResolutionSet };
            happenings.push(Happening { at, event });
        }
    }
    let reporter = account_of(&fields["reporter"]);
    for comment in told.comments.iter().filter(|comment| comment["jsdPublic"] != false) {
        let Some(at) = time(&comment["created"]) else { continue };
        let by_customer = account_of(&comment["author"]).is_some_and(|author| Some(author) == reporter);
        let event = if by_customer { Event::CommentByCustomer } else { Event::CommentForCustomers };
        happenings.push(Happening { at, event });
    }
    // Stable: what happened in the same moment stays in the order in which it was put here.
    happenings.sort_by_key(|happening| happening.at);
    happenings
}

/// `SlaInformationDTO` of an SLA; `None` where the priority has no goal.
pub fn sla(
    setup: &Setup,
    sla: &Sla,
    issue: &Value,
    happenings: &[Happening],
    seen: Seen<'_>,
) -> Option<Value> {
    let goal = sla.goal(issue["fields"]["priority"]["id"].as_str())?;
    let calendar = setup.calendar(&goal.calendar)?;
    let measured = sla.measure(goal.duration(), calendar, happenings, seen.now);
    let at = |moment_of: DateTime<Utc>| moment(moment_of, seen.zone);
    let completed: Vec<Value> = measured
        .completed
        .iter()
        .map(|cycle| {
            let mut shown = json!({
                "startTime": at(cycle.start), "stopTime": at(cycle.stop),
                "breached": cycle.remaining() < chrono::TimeDelta::zero(),
                "goalDuration": duration(cycle.goal), "elapsedTime": duration(cycle.elapsed),
                "remainingTime": duration(cycle.remaining()),
            });
            if let Some(breach) = cycle.breach {
                shown["breachTime"] = at(breach);
            }
            shown
        })
        .collect();
    let id = issue["id"].as_str().unwrap_or_default();
    let mut shown = json!({
        "id": sla.id,
        "name": sla.name,
        "_links": { "self": address(seen.base_url, &format!("request/{id}/sla/{}", sla.id)) },
        "completedCycles": completed,
        "slaDisplayFormat": "NEW_SLA_FORMAT",
    });
    if let Some(cycle) = &measured.ongoing {
        shown["ongoingCycle"] = ongoing(cycle, seen.now, &at);
    }
    Some(shown)
}

fn ongoing(cycle: &OngoingCycle, now: DateTime<Utc>, at: &impl Fn(DateTime<Utc>) -> Value) -> Value {
    // A goal that ends with a working day is missed from then on, though no working time passes before the next one.
    let is_over = !cycle.paused && cycle.breach.is_some_and(|breach| breach < now);
    let mut shown = json!({
        "startTime": at(cycle.start),
        "breached": is_over || cycle.remaining() < chrono::TimeDelta::zero(),
        "paused": cycle.paused,
        "withinCalendarHours": cycle.within_calendar_hours,
        "goalDuration": duration(cycle.goal),
        "elapsedTime": duration(cycle.elapsed),
        "remainingTime": duration(cycle.remaining()),
    });
    if let Some(breach) = cycle.breach {
        shown["breachTime"] = at(breach);
    }
    shown
}

/// Writes into an issue what service management shows in its fields, but for approvals. An issue that is no request has clocks all the
/// same.
pub fn keep_up(issue: &mut Value, desk: &ServiceDesk, ids: &RequestFields, told: Told<'_>, seen: Seen<'_>) {
    let happenings = happenings(&issue["fields"], told);
    for own in &desk.setup.slas {
        let shown = sla(&desk.setup, own, issue, &happenings, seen).unwrap_or_default();
        issue["fields"][&own.field] = shown;
    }
    let Some(field) = &ids.request_type else { return };
    let Some(kind) = text_of(&issue["fields"][field]["requestType"]["id"]) else { return };
    let Some(kind) = desk.setup.request_type(&kind) else { return };
    let fields = &issue["fields"];
    let since = statuses(fields, told.histories).last().map_or(seen.now, |status| status.at);
    let (id, key) = (&issue["id"], &issue["key"]);
    let text = |value: &Value| text_of(value).unwrap_or_default();
    let origin = json!({
        "_links": links(seen.base_url, desk, (&text(id), &text(key))),
        "requestType": shown::request_type(seen.base_url, desk, kind),
        "currentStatus": shown::status(&fields["status"]["name"], &fields["status"]["statusCategory"], since, seen.zone),
    });
    issue["fields"][field] = origin;
}

/// `CustomerRequestLinkDTO`.
pub fn links(base_url: &str, desk: &ServiceDesk, (id, key): (&str, &str)) -> Value {
    json!({
        "jiraRest": format!("{base_url}/rest/api/2/issue/{id}"),
        "web": format!("{base_url}/servicedesk/customer/portal/{}/{key}", desk.id),
        "agent": format!("{base_url}/browse/{key}"),
        "self": address(base_url, &format!("request/{id}")),
    })
}

/// An approval that waits for everybody who is asked: `ApprovalDTO` without what depends on who reads it.
pub fn new_approval((id, name): (&str, &str), approvers: &[Value], at: DateTime<Utc>, zone: Tz) -> Value {
    let asked = |user: &Value| json!({ "approver": user, "approverDecision": "pending" });
    json!({
        "id": id,
        "name": name,
        "finalDecision": "pending",
        "canAnswerApproval": false,
        "approvers": approvers.iter().map(asked).collect::<Vec<_>>(),
        "createdDate": moment(at, zone),
    })
}

/// Writes down an approver's decision; answers whether that decides the whole: with yes or with no.
pub fn decide(approval: &mut Value, account: &str, yes: bool, required: usize) -> Option<bool> {
    let word = if yes { "approved" } else { "declined" };
    let asked = approval["approvers"].as_array_mut().map_or(&mut [][..], Vec::as_mut_slice);
    for asked in asked.iter_mut().filter(|asked| account_of(&asked["approver"]) == Some(account)) {
        asked["approverDecision"] = json!(word);
    }
    let agreed = asked.iter().filter(|asked| asked["approverDecision"] == "approved").count();
    // Nobody can be waited for who is not asked.
    let needed = required.clamp(1, asked.len().max(1));
    match yes {
        false => Some(false),
        true => (agreed >= needed).then_some(true),
    }
}

/// Notes that an approval is decided.
pub fn settle(approval: &mut Value, yes: bool, at: DateTime<Utc>, zone: Tz) {
    approval["finalDecision"] = json!(if yes { "approved" } else { "declined" });
    approval["completedDate"] = moment(at, zone);
    approval["canAnswerApproval"] = json!(false);
}

/// Whether an account may still answer an approval.
pub fn can_answer(approval: &Value, account: &str) -> bool {
    let asked = approval["approvers"].as_array().map_or(&[][..], Vec::as_slice);
    approval["finalDecision"] == "pending"
        && asked.iter().any(|asked| {
            account_of(&asked["approver"]) == Some(account) && asked["approverDecision"] == "pending"
        })
}

fn items(history: &Value) -> &[Value] {
    history["items"].as_array().map_or(&[], Vec::as_slice)
}

fn time(value: &Value) -> Option<DateTime<Utc>> {
    jira_time::parse_json(value).ok()
}

#[cfg(test)]
mod tests;
