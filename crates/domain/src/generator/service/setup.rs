//! How the generated desk is set up.

use chrono::{Datelike, NaiveDate};
use chrono_tz::Tz;
use serde_json::Value;

use super::{PROJECT_KEY, ServiceOptions, field, issue_type, people::People, words::request_type};
use crate::{
    generator::reference::APPROVERS,
    service_desk::{ApprovalStep, FormField, Queue, RequestType, RequestTypeGroup, Setup},
    sla::{Event, Goal, Sla},
    workflow::service::{status, transition},
    working_time::{Hours, WorkingCalendar},
};

const AROUND_THE_CLOCK: &str = "1";
const OFFICE_HOURS: &str = "2";

pub(super) fn setup(options: &ServiceOptions, people: &People) -> Setup {
    let id_of = |user: &Value| user["accountId"].as_str().unwrap_or_default().to_owned();
    Setup {
        request_types: request_types(),
        groups: [("1", "Common requests"), ("2", "Computers and accounts"), ("3", "People")]
            .map(|(id, name)| RequestTypeGroup { id: id.into(), name: name.into() })
            .to_vec(),
        queues: queues(),
        slas: slas(),
        calendars: calendars(options.now.year()),
        approvals: vec![ApprovalStep {
            status: status::WAITING_FOR_APPROVAL.into(),
            name: "Waiting for approval".into(),
            approve: transition::APPROVE.into(),
            decline: transition::DECLINE.into(),
            required: 1,
            approvers: vec![id_of(&people.own), id_of(&people.agents[0])],
        }],
        customers: people.customers.iter().map(id_of).collect(),
        organizations: people.organizations.iter().map(|organization| organization.id.clone()).collect(),
    }
}

fn form(fields: &[(&str, &str, &str, bool)]) -> Vec<FormField> {
    let field = |&(field, name, description, required): &(&str, &str, &str, bool)| FormField {
        field: field.into(),
        name: name.into(),
        description: description.into(),
        required,
    };
    fields.iter().map(field).collect()
}

fn request_types() -> Vec<RequestType> {
    let summary = ("summary", "Summary", "In a few words", true);
    let details = ("description", "What details should we know?", "", false);
    let approvers = (APPROVERS, "Approvers", "Whoever has to agree; your manager when left empty", false);
    let kind = |id: &str, (name, description): (&str, &str), issue_type: &str, groups: &[&str], fields| {
        RequestType {
            id: id.into(),
            name: name.into(),
            description: description.into(),
            help_text: String::new(),
            issue_type: issue_type.into(),
            groups: groups.iter().map(|&id| id.into()).collect(),
            fields,
            properties: std::collections::BTreeMap::new(),
            raw: Value::Null,
        }
    };
    vec![
        kind(
            request_type::HELP,
            ("Get IT help", "Get assistance for general IT problems and questions."),
            issue_type::REQUEST,
            &["1"],
            form(&[summary, details]),
        ),
        kind(
            request_type::PROBLEM,
            (
                "Report a system problem",
                "Let us know if something isn't working properly and we'll aim to get it back up and running quickly.",
            ),
            issue_type::INCIDENT,
            &["1"],
            form(&[
                summary,
                ("description", "What happened?", "Tell us what you did, and what you expected", true),
                ("priority", "How urgent is it?", "", false),
            ]),
        ),
        kind(
            request_type::HARDWARE,
            ("Request new hardware", "For example, a new mouse or monitor."),
            issue_type::WITH_APPROVAL,
            &["2"],
            form(&[summary, ("description", "Why do you need this?", "", true), approvers]),
        ),
        kind(
            request_type::ACCESS,
            ("Request access to a system", "An account or more rights in one of our systems."),
            issue_type::WITH_APPROVAL,
            &["1", "2"],
            form(&[summary, details, approvers]),
        ),
        kind(
            request_type::ONBOARDING,
            (
                "Onboard new employees",
                "Request access, accounts and hardware for somebody who begins to work here.",
            ),
            issue_type::REQUEST,
            &["3"],
            form(&[summary, details, ("duedate", "First day", "", true)]),
        ),
        // Hidden in the portal: what comes by mail.
        kind(
            request_type::EMAILED,
            ("Emailed request", "Request received from your email support channel."),
            issue_type::REQUEST,
            &[],
            form(&[summary, details]),
        ),
    ]
}

fn queues() -> Vec<Queue> {
    let columns = ["issuetype", "issuekey", "summary", "reporter", "assignee", "status", "created"];
    let queue = |id: &str, name: &str, jql: &str, columns: &[&str]| Queue {
        id: id.into(),
        name: name.into(),
        jql: format!("project = {PROJECT_KEY} AND {jql}"),
        fields: columns.iter().map(|&column| column.into()).collect(),
        raw: Value::Null,
    };
    vec![
        queue("1", "All open", "resolution = Unresolved ORDER BY created ASC", &columns),
        queue(
            "2",
            "Unassigned issues",
            "resolution = Unresolved AND assignee is EMPTY ORDER BY created ASC",
            &columns,
        ),
        queue(
            "3",
            "Assigned to me",
            "resolution = Unresolved AND assignee = currentUser() ORDER BY created ASC",
            &columns,
        ),
        queue(
            "4",
            "Waiting on customer",
            "status = \"Waiting for customer\" ORDER BY updated ASC",
            &["issuekey", "summary", "reporter", "updated"],
        ),
        queue(
            "5",
            "Incidents",
            "issuetype = Incident AND resolution = Unresolved ORDER BY priority DESC, created ASC",
            &["issuekey", "summary", "priority", "status", "assignee", field::RESOLUTION],
        ),
        queue(
            "6",
            "Waiting for approval",
            "status = \"Waiting for approval\" ORDER BY created ASC",
            &["issuekey", "summary", "reporter", field::APPROVALS],
        ),
        queue(
            "7",
            "Resolved past 7 days",
            "resolved >= -7d ORDER BY resolved DESC",
            &["issuekey", "summary", "resolution", "resolutiondate"],
        ),
    ]
}

fn slas() -> Vec<Sla> {
    let goal = |priorities: &[&str], hours: u32, calendar: &str| Goal {
        priorities: priorities.iter().map(|&id| id.into()).collect(),
        minutes: hours * 60,
        calendar: calendar.into(),
    };
    let pause_in = [status::WAITING_FOR_APPROVAL, status::WAITING_FOR_CUSTOMER].map(str::to_owned).to_vec();
    vec![
        Sla {
            id: "1".into(),
            name: "Time to first response".into(),
            field: field::FIRST_RESPONSE.into(),
            start: vec![Event::Created],
            pause_in: pause_in.clone(),
            stop: vec![Event::CommentForCustomers, Event::ResolutionSet],
            goals: vec![
                goal(&["1"], 1, AROUND_THE_CLOCK),
                goal(&["2"], 2, OFFICE_HOURS),
                goal(&[], 8, OFFICE_HOURS),
            ],
        },
        Sla {
            id: "2".into(),
            name: "Time to resolution".into(),
            field: field::RESOLUTION.into(),
            start: vec![Event::Created, Event::ResolutionCleared],
            pause_in,
            stop: vec![Event::ResolutionSet],
            goals: vec![
                goal(&["1"], 4, AROUND_THE_CLOCK),
                goal(&["2"], 16, OFFICE_HOURS),
                goal(&[], 40, OFFICE_HOURS),
            ],
        },
    ]
}

/// Around the clock, and the hours of an office that is closed on a few days of each year.
fn calendars(year: i32) -> Vec<WorkingCalendar> {
    let office = || vec![Hours { from: 9 * 60, to: 17 * 60 }];
    let week = [office(), office(), office(), office(), office(), vec![], vec![]];
    let closed = [(1, 1), (5, 1), (12, 24), (12, 25), (12, 26)];
    let holidays = (year - 1..=year + 2).flat_map(|year| {
        closed.iter().filter_map(move |(month, day)| NaiveDate::from_ymd_opt(year, *month, *day))
    });
    let hours = WorkingCalendar::new(OFFICE_HOURS, "Office hours", Tz::Europe__Berlin, week, holidays);
    std::iter::once(WorkingCalendar::always(AROUND_THE_CLOCK)).chain(hours.ok()).collect()
}
