//! What became of the generated requests, told as issues with comments and histories.

use chrono::{DateTime, TimeDelta, Utc};
use serde_json::{Value, json};

use super::{
    IDS_PER_REQUEST, PROJECT_KEY, Request, ServiceOptions, field, issue_type,
    people::People,
    words::{TOPICS, Topic, request_type},
};
use crate::{
    generator::{
        document::{document, prose},
        draw::{Draw, Purpose, Seed},
        reference::APPROVERS,
    },
    jira_time,
    workflow::service::status,
};

/// From the first request to the present.
const SPAN: TimeDelta = TimeDelta::days(60);

/// What requests refer to, as issues show it.
pub(super) struct Lists<'a> {
    pub(super) api: &'a str,
    pub(super) project: &'a Value,
    pub(super) statuses: Vec<Value>,
    pub(super) issue_types: Vec<Value>,
    pub(super) priorities: Vec<Value>,
    pub(super) done: Value,
    pub(super) people: &'a People,
}

impl Lists<'_> {
    fn status(&self, id: &str) -> Value {
        self.statuses.iter().find(|status| status["id"] == id).cloned().unwrap_or_default()
    }
}

/// Something that happens to a request.
enum Step {
    /// It gets a status.
    Move(&'static str),
    /// An agent takes it.
    Take,
    /// An agent writes to the customer.
    Answer(&'static str),
    /// An agent writes to other agents.
    Note(&'static str),
    /// The customer writes.
    Reply(&'static str),
}

/// So long before the present the request is raised behind which so many are left: more and more of them, so that there is always
/// something to do.
fn age(left: u64, requests: u64) -> TimeDelta {
    let square = |number: u64| i64::try_from(number.saturating_mul(number)).unwrap_or(i64::MAX);
    TimeDelta::milliseconds(SPAN.num_milliseconds().saturating_mul(square(left)) / square(requests).max(1))
}

/// All requests, oldest first.
pub(super) fn all(options: &ServiceOptions, seed: &Seed, lists: &Lists<'_>) -> Vec<Request> {
    (0..options.requests)
        .map(|number| {
            let mut draw = seed.stream(Purpose::Outline, number);
            let left = options.requests - number;
            let (age, next) = (age(left, options.requests), age(left - 1, options.requests));
            let later = TimeDelta::milliseconds(draw.span(0, ((age - next) / 2).num_milliseconds().max(1)));
            let created = options.now - age + later;
            let topic = &TOPICS[draw.index(TOPICS.len())];
            let first_id = options.first_id + number * IDS_PER_REQUEST;
            let mut told = Told::new(lists, topic, (number, first_id), created.min(options.now), &mut draw);
            for (step, at) in timeline(topic, created, options.now, &mut draw) {
                told.happens(&step, at);
            }
            Request { request_type: topic.request_type.to_owned(), issue: told.into_issue() }
        })
        .collect()
}

/// What happens until the present. Later requests have had less time.
fn timeline(
    topic: &Topic,
    created: DateTime<Utc>,
    now: DateTime<Utc>,
    draw: &mut Draw,
) -> Vec<(Step, DateTime<Utc>)> {
    let mut steps = Vec::new();
    if is_approved_first(topic) {
        if draw.chance(150) {
            steps.push(Step::Move(status::DECLINED));
            return timed(steps, created, now, draw);
        }
        steps.push(Step::Move(status::WAITING_FOR_SUPPORT));
    }
    if draw.chance(60) {
        steps.push(Step::Reply("Thank you, it has settled itself."));
        steps.push(Step::Move(status::CANCELED));
        return timed(steps, created, now, draw);
    }
    steps.push(Step::Take);
    if draw.chance(400) {
        steps.extend([
            Step::Answer(topic.question),
            Step::Move(status::WAITING_FOR_CUSTOMER),
            Step::Reply(topic.reply),
            Step::Move(status::WAITING_FOR_SUPPORT),
        ]);
    }
    steps.push(Step::Move(status::IN_PROGRESS));
    if draw.chance(500) {
        steps.push(Step::Note(topic.note));
    }
    steps.extend([Step::Answer(topic.answer), Step::Move(status::RESOLVED)]);
    timed(steps, created, now, draw)
}

fn timed(
    steps: Vec<Step>,
    created: DateTime<Utc>,
    now: DateTime<Utc>,
    draw: &mut Draw,
) -> Vec<(Step, DateTime<Utc>)> {
    const HOUR: i64 = 3_600_000;
    let mut at = created;
    let mut timed = Vec::new();
    for step in steps {
        let median = match step {
            // Done in one go with what was before.
            Step::Move(status::WAITING_FOR_CUSTOMER | status::RESOLVED | status::CANCELED) => HOUR / 60,
            Step::Reply(_) => 20 * HOUR,
            Step::Take => 2 * HOUR,
            _ => 5 * HOUR,
        };
        at += TimeDelta::milliseconds(draw.long_tailed(median).max(1_000));
        if at >= now {
            break;
        }
        timed.push((step, at));
    }
    timed
}

fn is_approved_first(topic: &Topic) -> bool {
    [request_type::HARDWARE, request_type::ACCESS].contains(&topic.request_type)
}

/// A request that is being told.
struct Told<'a> {
    lists: &'a Lists<'a>,
    key: String,
    id: u64,
    next_id: u64,
    fields: Value,
    agent: Value,
    customer: Value,
    comments: Vec<Value>,
    histories: Vec<Value>,
}

impl<'a> Told<'a> {
    fn new(
        lists: &'a Lists<'a>,
        topic: &Topic,
        (number, id): (u64, u64),
        created: DateTime<Utc>,
        draw: &mut Draw,
    ) -> Self {
        let people = lists.people;
        let customer = draw.index(people.customers.len());
        let kind = match topic.request_type {
            request_type::PROBLEM => issue_type::INCIDENT,
            _ if is_approved_first(topic) => issue_type::WITH_APPROVAL,
            _ => issue_type::REQUEST,
        };
        let first =
            if is_approved_first(topic) { status::WAITING_FOR_APPROVAL } else { status::WAITING_FOR_SUPPORT };
        let priority = if kind == issue_type::INCIDENT {
            draw.weighted(&[2, 4, 3, 1, 0])
        } else {
            draw.weighted(&[0, 1, 6, 2, 1])
        };
        let mut fields = blank(lists, created);
        fields["summary"] = json!(topic.summary);
        fields["description"] = document(vec![prose(topic.description)]);
        fields["issuetype"] =
            lists.issue_types.iter().find(|known| known["id"] == kind).cloned().unwrap_or_default();
        set_status(&mut fields, lists.status(first), created);
        fields["priority"] = lists.priorities.get(priority).cloned().unwrap_or_default();
        for role in ["creator", "reporter"] {
            fields[role] = people.customers[customer].clone();
        }
        if let Some(organization) = people.organization_of(customer) {
            fields[field::ORGANIZATIONS] = json!([{ "id": organization.id, "name": organization.name }]);
        }
        if draw.chance(200) {
            let other = (customer + 1 + draw.index(people.customers.len() - 1)) % people.customers.len();
            fields[field::PARTICIPANTS] = json!([people.customers[other]]);
        }
        if topic.request_type == request_type::ONBOARDING {
            fields["duedate"] = json!((created + TimeDelta::days(14)).date_naive().to_string());
        }
        Self {
            lists,
            key: format!("{PROJECT_KEY}-{}", number + 1),
            id,
            next_id: id + 1,
            fields,
            agent: people.agents[draw.index(people.agents.len())].clone(),
            customer: people.customers[customer].clone(),
            comments: Vec::new(),
            histories: Vec::new(),
        }
    }

    fn happens(&mut self, step: &Step, at: DateTime<Utc>) {
        match step {
            Step::Move(to) => self.change_status(to, at),
            Step::Take => {
                let item = json!({
                    "field": "assignee", "fieldtype": "jira", "fieldId": "assignee",
                    "from": null, "fromString": null,
                    "to": self.agent["accountId"], "toString": self.agent["displayName"],
                });
                self.fields["assignee"] = self.agent.clone();
                self.record(self.agent.clone(), at, json!([item]));
            }
            Step::Answer(text) => self.comment(self.agent.clone(), text, true, at),
            Step::Note(text) => self.comment(self.agent.clone(), text, false, at),
            Step::Reply(text) => self.comment(self.customer.clone(), text, true, at),
        }
        self.fields["updated"] = json!(jira_time::format(at));
    }

    fn change_status(&mut self, to: &str, at: DateTime<Utc>) {
        let (before, after) = (self.fields["status"].clone(), self.lists.status(to));
        let item = |field: &str, before: &Value, after: &Value| {
            json!({
                "field": field, "fieldtype": "jira", "fieldId": field,
                "from": before["id"], "fromString": before["name"], "to": after["id"], "toString": after["name"],
            })
        };
        let mut items = vec![item("status", &before, &after)];
        if after["statusCategory"]["key"] == "done" {
            items.push(item("resolution", &Value::Null, &self.lists.done));
            self.fields["resolution"] = self.lists.done.clone();
            self.fields["resolutiondate"] = json!(jira_time::format(at));
        }
        let author = match to {
            status::CANCELED => self.customer.clone(),
            _ if before["id"] == status::WAITING_FOR_CUSTOMER => self.customer.clone(),
            _ if before["id"] == status::WAITING_FOR_APPROVAL => self.lists.people.agents[0].clone(),
            _ => self.agent.clone(),
        };
        set_status(&mut self.fields, after, at);
        self.record(author, at, Value::Array(items));
    }

    fn record(&mut self, author: Value, at: DateTime<Utc>, items: Value) {
        let id = self.take_id();
        self.histories.push(
            json!({ "id": id.to_string(), "author": author, "created": jira_time::format(at), "items": items }),
        );
    }

    fn comment(&mut self, author: Value, text: &str, public: bool, at: DateTime<Utc>) {
        let id = self.take_id();
        let at = jira_time::format(at);
        self.comments.push(json!({
            "self": format!("{}/issue/{}/comment/{id}", self.lists.api, self.id),
            "id": id.to_string(),
            "author": author, "updateAuthor": author,
            "body": document(vec![prose(text)]),
            "created": at, "updated": at,
            "jsdPublic": public,
        }));
    }

    fn take_id(&mut self) -> u64 {
        self.next_id += 1;
        self.next_id - 1
    }

    fn into_issue(self) -> Value {
        let Self { lists, key, id, mut fields, comments, mut histories, .. } = self;
        let link = |path: &str| format!("{}/issue/{key}/{path}", lists.api);
        fields["votes"] = json!({ "self": link("votes"), "votes": 0, "hasVoted": false });
        fields["watches"] = json!({ "self": link("watchers"), "watchCount": 0, "isWatching": false });
        let total = comments.len();
        fields["comment"] = json!({
            "comments": comments, "self": format!("{}/issue/{id}/comment", lists.api),
            "maxResults": total, "total": total, "startAt": 0,
        });
        // Newest first, as Cloud embeds them.
        histories.reverse();
        let total = histories.len();
        json!({
            "expand": "renderedFields,names,schema,operations,editmeta,changelog,versionedRepresentations",
            "id": id.to_string(),
            "self": format!("{}/issue/{id}", lists.api),
            "key": key,
            "fields": fields,
            "changelog": { "startAt": 0, "maxResults": total, "total": total, "histories": histories },
        })
    }
}

fn set_status(fields: &mut Value, status: Value, at: DateTime<Utc>) {
    if fields["statusCategory"] != status["statusCategory"] {
        fields["statuscategorychangedate"] = json!(jira_time::format(at));
    }
    fields["statusCategory"] = status["statusCategory"].clone();
    fields["status"] = status;
}

/// A request about which nothing was said yet.
fn blank(lists: &Lists<'_>, created: DateTime<Utc>) -> Value {
    let created = jira_time::format(created);
    json!({
        "project": lists.project,
        "created": created, "updated": created, "lastViewed": null, "duedate": null,
        "resolution": null, "resolutiondate": null, "assignee": null, "security": null, "environment": null,
        "labels": [], "components": [], "fixVersions": [], "versions": [],
        "attachment": [], "subtasks": [], "issuelinks": [],
        "worklog": { "startAt": 0, "maxResults": 20, "total": 0, "worklogs": [] },
        "timetracking": {}, "timespent": null, "timeestimate": null, "timeoriginalestimate": null,
        "aggregatetimespent": null, "aggregatetimeestimate": null, "aggregatetimeoriginalestimate": null,
        "progress": { "progress": 0, "total": 0 }, "aggregateprogress": { "progress": 0, "total": 0 },
        "workratio": -1,
        APPROVERS: null,
        field::REQUEST_TYPE: null, field::FIRST_RESPONSE: null, field::RESOLUTION: null,
        field::SATISFACTION: null, field::PARTICIPANTS: null, field::ORGANIZATIONS: null, field::APPROVALS: null,
    })
}
