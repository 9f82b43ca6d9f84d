//! Jira Service Management at a sandbox: a request from the day it is raised until it is resolved, what a mirror knows of it, and how JQL
//! asks about desks.

use reqwest::Method;
use serde_json::{Value, json};

use crate::app::{AtDoor, TestApp, client};

struct Help(TestApp);

impl AtDoor for Help {
    const BASE: &'static str = "/jira/play/rest/servicedeskapi";

    fn app(&self) -> &TestApp {
        &self.0
    }
}

impl Help {
    async fn start(issues: u32, requests: u32) -> Self {
        let app = TestApp::start().await;
        app.sandbox("play", issues);
        app.service_desk("play", requests);
        Self(app)
    }

    async fn send(&self, path: &str, body: Value) -> Value {
        self.post(path, body).await.ok()
    }

    /// A new customer, by account.
    async fn customer(&self, name: &str) -> String {
        let new = json!({ "displayName": name, "email": format!("{name}@example.com") });
        text(&self.send("customer", new).await["accountId"])
    }

    /// A new request for access, for somebody else.
    async fn request(&self, customer: &str) -> String {
        let new = json!({
            "serviceDeskId": "1", "requestTypeId": "4", "raiseOnBehalfOf": customer,
            "requestFieldValues": { "summary": "Access to the ledger", "description": "For *accounting*" },
        });
        text(&self.send("request", new).await["issueKey"])
    }

    async fn status(&self, request: &str) -> String {
        text(&self.get(&format!("request/{request}")).await.ok()["currentStatus"]["status"])
    }

    /// A clock of a request, by the SLA's id.
    async fn clock(&self, request: &str, sla: u32) -> Value {
        self.get(&format!("request/{request}/sla/{sla}")).await.ok()
    }

    /// The names of what can be done next, with their ids.
    async fn transitions(&self, request: &str) -> Vec<(String, String)> {
        let open = self.get(&format!("request/{request}/transition")).await.ok();
        list(&open["values"]).iter().map(|open| (text(&open["name"]), text(&open["id"]))).collect()
    }

    async fn perform(&self, request: &str, name: &str, comment: &str) {
        let open = self.transitions(request).await;
        let (_, id) = open.iter().find(|(known, _)| known == name).unwrap_or_else(|| panic!("{open:?}"));
        let done = json!({ "id": id, "additionalComment": { "body": comment } });
        let answer = self.post(&format!("request/{request}/transition"), done).await;
        assert_eq!((answer.status.as_u16(), answer.text.as_str()), (204, ""));
    }
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_else(|| panic!("{value} is no text")).to_owned()
}

fn list(value: &Value) -> &[Value] {
    value.as_array().unwrap_or_else(|| panic!("{value} is no list"))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_is_raised_approved_talked_about_and_resolved() {
    let help = Help::start(0, 0).await;
    let customer = help.customer("Ann").await;
    let key = help.request(&customer).await;
    assert_eq!(key, "HELP-1");

    let raised = help.get(&format!("request/{key}?expand=requestType,participant,sla,status")).await.ok();
    assert_eq!(raised["reporter"]["accountId"], customer.as_str());
    assert_eq!(raised["requestType"]["name"], "Request access to a system");
    let values = list(&raised["requestFieldValues"]);
    let description = values.iter().find(|value| value["fieldId"] == "description").unwrap();
    assert_eq!(description["value"], "For *accounting*", "in wiki markup, as it was sent");
    assert!(text(&description["renderedValue"]["html"]).contains("<strong>accounting</strong>"));
    assert_eq!(raised["currentStatus"]["status"], "Waiting for approval");

    // It waits: nobody's clock runs, and the only way on is the approval.
    let waiting = help.clock(&key, 2).await;
    assert_eq!(waiting["ongoingCycle"]["paused"], true);
    assert_eq!(waiting["ongoingCycle"]["elapsedTime"]["millis"], 0);
    let open: Vec<String> = help.transitions(&key).await.into_iter().map(|(name, _)| name).collect();
    assert_eq!(open, ["Cancel request"]);
    let mine = help.get("request?requestOwnership=APPROVER&approvalStatus=MY_PENDING_APPROVAL").await.ok();
    assert_eq!(mine["values"][0]["issueKey"], key.as_str());
    let approval = help.get(&format!("request/{key}/approval/1")).await.ok();
    assert_eq!(
        (&approval["finalDecision"], &approval["canAnswerApproval"]),
        (&json!("pending"), &json!(true))
    );
    let approved = help.send(&format!("request/{key}/approval/1"), json!({ "decision": "approve" })).await;
    assert_eq!(
        (&approved["finalDecision"], &approved["canAnswerApproval"]),
        (&json!("approved"), &json!(false))
    );
    let again = help.post(&format!("request/{key}/approval/1"), json!({ "decision": "decline" })).await;
    assert_eq!(again.status, 409, "{}", again.text);
    assert!(again.json["errorMessage"].is_string() && again.json["i18nErrorMessage"]["i18nKey"].is_string());
    assert_eq!(help.status(&key).await, "Waiting for support");
    let none = help.get("request?requestOwnership=APPROVER&approvalStatus=MY_PENDING_APPROVAL").await.ok();
    assert!(list(&none["values"]).is_empty());

    // What agents say among themselves is no answer.
    assert_eq!(help.clock(&key, 1).await["ongoingCycle"]["paused"], false);
    let note = json!({ "body": "Role ledger_reader", "public": false });
    help.send(&format!("request/{key}/comment"), note).await;
    assert!(list(&help.clock(&key, 1).await["completedCycles"]).is_empty());
    let question = json!({ "body": "Until when?", "public": true });
    help.send(&format!("request/{key}/comment"), question).await;
    let answered = help.clock(&key, 1).await;
    assert_eq!(list(&answered["completedCycles"]).len(), 1);
    assert!(answered["ongoingCycle"].is_null() && answered["completedCycles"][0]["breached"] == false);
    let public = help.get(&format!("request/{key}/comment?internal=false")).await.ok();
    let said: Vec<&Value> = list(&public["values"]).iter().map(|comment| &comment["body"]).collect();
    assert_eq!(said, ["Until when?"]);

    help.perform(&key, "Respond to customer", "Please tell us").await;
    assert_eq!(help.clock(&key, 2).await["ongoingCycle"]["paused"], true);
    help.perform(&key, "Respond to support", "").await;
    help.perform(&key, "Resolve this issue", "Done.").await;
    let done = help.clock(&key, 2).await;
    assert!(done["ongoingCycle"].is_null(), "{done}");
    assert_eq!(list(&done["completedCycles"]).len(), 1);
    let path = help.get(&format!("request/{key}/status")).await.ok();
    let path: Vec<&Value> = list(&path["values"]).iter().map(|status| &status["status"]).collect();
    assert_eq!(
        path,
        [
            "Resolved",
            "Waiting for support",
            "Waiting for customer",
            "Waiting for support",
            "Waiting for approval"
        ]
    );
    let issue = help.0.get(&format!("/jira/play/rest/api/3/issue/{key}")).await.ok();
    assert_eq!(issue["fields"]["resolution"]["name"], "Done");
    assert_eq!(issue["fields"]["customfield_10050"]["currentStatus"]["status"], "Resolved");
    assert_eq!(issue["fields"]["customfield_10052"]["completedCycles"], done["completedCycles"]);

    // It is reopened, and its clock begins anew.
    help.perform(&key, "Reopen", "").await;
    let anew = help.clock(&key, 2).await;
    assert_eq!((list(&anew["completedCycles"]).len(), anew["ongoingCycle"]["paused"] == false), (1, true));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_declined_is_done() {
    let help = Help::start(0, 0).await;
    let key = help.request(&help.customer("Ann").await).await;
    help.send(&format!("request/{key}/approval/1"), json!({ "decision": "decline" })).await;
    assert_eq!(help.status(&key).await, "Declined");
    let canceled = help.request(&help.customer("Bob").await).await;
    help.perform(&canceled, "Cancel request", "").await;
    let approvals = help.get(&format!("request/{canceled}/approval")).await.ok();
    assert!(list(&approvals["values"]).is_empty(), "nobody is waited for any more: {approvals}");
}

#[tokio::test(flavor = "multi_thread")]
async fn forms_are_held_to() {
    let help = Help::start(0, 0).await;
    let raise = async |kind: &str, values: Value| {
        let new = json!({ "serviceDeskId": "1", "requestTypeId": kind, "requestFieldValues": values });
        help.post("request", new).await
    };
    for (kind, values, missing) in [
        ("1", json!({}), "summary"),
        ("2", json!({ "summary": "Slow" }), "description"),
        ("1", json!({ "summary": "x", "labels": ["a"] }), "labels"),
        ("9", json!({ "summary": "x" }), "requestTypeId"),
        ("2", json!({ "summary": "x", "description": "d", "priority": { "name": "None" } }), "priority"),
    ] {
        let refused = raise(kind, values).await;
        assert_eq!(refused.status, 400, "{}", refused.text);
        assert!(text(&refused.json["errorMessage"]).contains(missing), "{}", refused.text);
    }
    let listed = help.get("servicedesk/1/queue/1/issue").await.ok();
    assert_eq!(listed["size"], 0, "nothing was raised: {listed}");
    let urgent = json!({ "summary": "Slow", "description": "Very", "priority": { "name": "Highest" } });
    let made = raise("2", urgent).await;
    assert_eq!(made.status, 201, "{}", made.text);
    let goal = help.clock(&text(&made.json["issueKey"]), 1).await["ongoingCycle"]["goalDuration"]["friendly"]
        .clone();
    assert_eq!(goal, "1h", "that of the highest priority");
}

#[tokio::test(flavor = "multi_thread")]
async fn people_of_an_organisation_share_their_requests() {
    let help = Help::start(0, 0).await;
    let customer = help.customer("Ann").await;
    let organization = text(&help.send("organization", json!({ "name": "Northern branch" })).await["id"]);
    let number: u64 = organization.parse().unwrap();
    let add =
        async |path: String, body: Value| assert_eq!(help.post(&path, body).await.status, 204, "{path}");
    // The sandbox's own account is one of its people, so that it sees what the others ask for.
    let people = json!({ "accountIds": [customer, "forebay-sandbox"] });
    add(format!("organization/{organization}/user"), people).await;
    add("servicedesk/1/organization".into(), json!({ "organizationId": number })).await;
    let key = help.request(&customer).await;
    let shared = |query: &str| format!("request?requestOwnership=ORGANIZATION&organizationId={query}");
    let seen = help.get(&shared(&organization)).await.ok();
    assert_eq!(seen["values"][0]["issueKey"], key.as_str());
    assert!(list(&help.get(&shared("1")).await.ok()["values"]).is_empty(), "another organisation");

    let follow = json!({ "accountIds": ["forebay-sandbox"] });
    let followed = "request?requestOwnership=PARTICIPATED_REQUESTS";
    assert!(list(&help.get(followed).await.ok()["values"]).is_empty());
    help.send(&format!("request/{key}/participant"), follow.clone()).await;
    assert_eq!(help.get(followed).await.ok()["values"][0]["issueKey"], key.as_str());
    let left = help.ask(Method::DELETE, &format!("request/{key}/participant"), Some(follow)).await.ok();
    assert_eq!(left["size"], 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn queues_ask_jql_and_pages_lead_on() {
    let help = Help::start(40, 30).await;
    let queues = help.get("servicedesk/1/queue?includeCount=true").await.ok();
    let all_open = &queues["values"][0];
    let count = all_open["issueCount"].as_u64().unwrap();
    assert!(count > 2, "{all_open}");
    let (mut seen, mut next) = (Vec::new(), Some("servicedesk/1/queue/1/issue?limit=2".to_owned()));
    while let Some(path) = next {
        let page = help.get(&path).await.ok();
        for issue in list(&page["values"]) {
            assert!(issue["fields"]["summary"].is_string() && issue["fields"]["description"].is_null());
            seen.push(text(&issue["key"]));
        }
        let base = format!("{}{}/", help.0.url, Help::BASE);
        next = page["_links"]["next"].as_str().map(|link| link.strip_prefix(&base).unwrap().to_owned());
        assert_eq!(next.is_none(), page["isLastPage"] == true);
    }
    assert_eq!(seen.len() as u64, count);

    // Software projects go on as they were.
    let issue = help.0.get("/jira/play/rest/api/3/issue/10001?expand=transitions").await.ok();
    let names: Vec<&Value> = list(&issue["transitions"]).iter().map(|open| &open["name"]).collect();
    assert!(names.contains(&&json!("Done")) && !names.contains(&&json!("Waiting for support")), "{names:?}");
    let api = "/jira/play/rest/api/3";
    let tasks = help.0.get(&format!("{api}/search?jql=issuetype%20%3D%20Task&maxResults=1")).await.ok();
    let id = text(&tasks["issues"][0]["id"]);
    let to_desk = json!({ "targetToSourcesMapping": { "HELP,10011": { "issueIdsOrKeys": [id] } } });
    assert_eq!(help.0.post(&format!("{api}/bulk/issues/move"), to_desk).await.status, 201);
    let moved = help.0.get(&format!("{api}/issue/{id}?expand=transitions")).await.ok();
    assert_eq!(
        moved["fields"]["status"]["name"], "Waiting for support",
        "it begins anew in another workflow"
    );
    assert!(list(&moved["transitions"]).iter().any(|open| open["name"] == "Resolve this issue"));
    let again = help.0.output(&["sandbox", "service-desk", "play", "--tenant", "acme"]);
    assert!(!again.status.success() && String::from_utf8_lossy(&again.stderr).contains("already"));
}

#[tokio::test(flavor = "multi_thread")]
async fn files_are_sent_first_and_attached_then() {
    let help = Help::start(0, 0).await;
    let key = help.request(&help.customer("Ann").await).await;
    let desk = format!("{}/servicedesk/1/attachTemporaryFile", Help::BASE);
    let kept = help.0.upload(&desk, "notes.txt", b"some words".to_vec()).await;
    assert_eq!(kept.status, 201, "{}", kept.text);
    let id = &kept.json["temporaryAttachments"][0]["temporaryAttachmentId"];
    let attach = json!({ "temporaryAttachmentIds": [id], "public": true, "additionalComment": { "body": "As asked" } });
    let attached = help.send(&format!("request/{key}/attachment"), attach.clone()).await;
    let comment = text(&attached["comment"]["id"]);
    assert!(text(&attached["comment"]["body"]).contains("As asked"));
    let files = help.get(&format!("request/{key}/comment/{comment}/attachment")).await.ok();
    let link = text(&files["values"][0]["_links"]["content"]);
    let content = help.0.get(link.strip_prefix(&help.0.url).unwrap()).await;
    assert_eq!(content.text, "some words");
    let twice = help.post(&format!("request/{key}/attachment"), attach).await;
    assert_eq!(twice.status, 400, "it is kept no more: {}", twice.text);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_experimental_has_to_be_opted_in_to() {
    let help = Help::start(0, 0).await;
    let ask = async |key: Option<&str>| {
        let mut request = client().get(format!("{}{}/requesttype", help.0.url, Help::BASE));
        if let Some(key) = key {
            request = request.bearer_auth(key);
        }
        request.send().await.unwrap().status().as_u16()
    };
    assert_eq!(ask(Some(&help.0.key)).await, 412);
    assert_eq!(ask(None).await, 401, "who asks comes first");
    assert_eq!(help.get("requesttype").await.status, 200);
}

/// Whether something holds of a clock.
type Holds<'a> = &'a dyn Fn(&Value) -> bool;

/// A mirror of the desk's site, with all of its lists.
async fn mirrored(app: &TestApp) {
    app.mirror("copy", "play", "cloud");
    app.json(&["sync", "run", "copy", "--tenant", "acme", "--wait"]);
    app.until_rosters_are_read("copy").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_mirror_tells_of_requests_and_of_how_desks_are_set_up() {
    let help = Help::start(0, 8).await;
    let key = help.request(&help.customer("Ann").await).await;
    help.send(&format!("request/{key}/comment"), json!({ "body": "Soon", "public": false })).await;
    let app = &help.0;
    mirrored(app).await;
    let copy = async |path: &str| app.get(&format!("/jira/copy/rest/servicedeskapi/{path}")).await;

    let of_request = ["", "/approval", "/comment", "/status", "/participant", "/attachment"]
        .map(|part| format!("request/{key}{part}"));
    let organization = text(&help.get("organization").await.ok()["values"][0]["id"]);
    let of_desks = [
        "servicedesk".to_owned(),
        "servicedesk/1".to_owned(),
        "servicedesk/1/requesttype".to_owned(),
        "servicedesk/1/requesttype?expand=field".to_owned(),
        "servicedesk/1/requesttype?groupId=2".to_owned(),
        "servicedesk/1/requesttype/4".to_owned(),
        "servicedesk/1/requesttype/4/field".to_owned(),
        "servicedesk/1/requesttypegroup".to_owned(),
        "servicedesk/1/queue?includeCount=true".to_owned(),
        "servicedesk/1/queue/1".to_owned(),
        "servicedesk/1/queue/1/issue".to_owned(),
        "servicedesk/1/organization".to_owned(),
        "organization".to_owned(),
        format!("organization/{organization}"),
        format!("organization/{organization}/user"),
    ];
    for path in of_request.iter().chain(&of_desks) {
        let (there, here) = (help.get(path).await.ok(), copy(path).await.ok());
        let told = |value: &Value| value.to_string().replace("/jira/play/", "/jira/copy/");
        assert_eq!(told(&here), told(&there), "{path}");
    }
    let clock = copy(&format!("request/{key}/sla/2")).await.ok();
    assert_eq!(
        (&clock["name"], &clock["ongoingCycle"]["paused"]),
        (&json!("Time to resolution"), &json!(true))
    );
    assert!(text(&clock["_links"]["self"]).contains("/jira/copy/rest/servicedeskapi/request/"));
    let mine = copy("request?requestOwnership=APPROVER").await.ok();
    assert!(list(&mine["values"]).iter().any(|request| request["issueKey"] == key.as_str()), "{mine}");
    for path in
        ["servicedesk/1/customer", "servicedesk/1/requesttype/1/property", "knowledgebase/article?query=x"]
    {
        let refused = copy(path).await;
        assert_eq!(refused.status, 501, "{path}");
        assert!(text(&refused.json["errorMessage"]).contains("is not copied"), "{}", refused.text);
    }
    let note = json!({ "body": "For agents", "public": false });
    let internal = app.post(&format!("/jira/copy/rest/servicedeskapi/request/{key}/comment"), note).await;
    assert_eq!(internal.status, 501, "it would be shown to everyone: {}", internal.text);
}

/// Keys of issues that JQL finds.
async fn found(app: &TestApp, instance: &str, jql: &str) -> Vec<String> {
    let body = json!({ "jql": jql, "maxResults": 1000, "fields": ["summary"] });
    let found = app.post(&format!("/jira/{instance}/rest/api/3/search/jql"), body).await.ok();
    let mut keys: Vec<String> = list(&found["issues"]).iter().map(|issue| text(&issue["key"])).collect();
    keys.sort();
    keys
}

#[tokio::test(flavor = "multi_thread")]
async fn desks_are_asked_about_in_jql() {
    let help = Help::start(10, 40).await;
    let app = &help.0;
    mirrored(app).await;
    let body = json!({ "jql": "project = HELP", "maxResults": 1000, "fields": ["customfield_10050"] });
    let requests = app.post("/jira/play/rest/api/3/search/jql", body).await.ok();
    let requests = list(&requests["issues"]);
    assert!(requests.len() >= 40);
    let kinds = help.get("servicedesk/1/requesttype").await.ok();
    for kind in list(&kinds["values"]) {
        let (id, name) = (text(&kind["id"]), text(&kind["name"]));
        let of_kind =
            |issue: &&Value| issue["fields"]["customfield_10050"]["requestType"]["id"] == id.as_str();
        let mut expected: Vec<String> =
            requests.iter().filter(of_kind).map(|issue| text(&issue["key"])).collect();
        expected.sort();
        for instance in ["play", "copy"] {
            for jql in [
                format!("\"Request Type\" = \"{name}\""),
                format!("\"customer request type\" in (\"{name} (HELP)\")"),
                format!("cf[10050] = {id}"),
            ] {
                assert_eq!(found(app, instance, &jql).await, expected, "{jql} at {instance}");
            }
        }
    }
    for jql in ["\"Request Type\" = \"Nothing of the kind\"", "organizations = \"No such people\""] {
        for instance in ["play", "copy"] {
            let body = json!({ "jql": jql });
            let refused = app.post(&format!("/jira/{instance}/rest/api/3/search/jql"), body).await;
            assert_eq!(refused.status, 400, "{jql}");
            assert!(refused.text.contains("does not exist for the field"), "{}", refused.text);
        }
    }
    let organizations = help.get("organization").await.ok();
    let mut shared = Vec::new();
    for organization in list(&organizations["values"]) {
        let (id, name) = (text(&organization["id"]), text(&organization["name"]));
        let here = found(app, "play", &format!("organizations = \"{name}\"")).await;
        assert_eq!(found(app, "copy", &format!("organizations in ({id})")).await, here);
        shared.extend(here);
    }
    shared.sort();
    assert!(!shared.is_empty());
    assert_eq!(found(app, "copy", "organizations is not EMPTY").await, shared);
}

/// What the clocks of all requests show is what JQL finds them by.
#[tokio::test(flavor = "multi_thread")]
async fn clocks_are_asked_about_in_jql_as_they_stand_now() {
    let help = Help::start(0, 60).await;
    let app = &help.0;
    let mut clocks = Vec::new();
    for key in found(app, "play", "project = HELP").await {
        for (sla, name) in [(1, "Time to first response"), (2, "Time to resolution")] {
            let shown = help.get(&format!("request/{key}/sla/{sla}")).await;
            if shown.status == 200 {
                clocks.push((key.clone(), name, shown.json));
            }
        }
    }
    let ask = async |name: &str, condition: &str, meets: &dyn Fn(&Value) -> bool| {
        let own = clocks.iter().filter(|(_, of, clock)| *of == name && meets(clock));
        let mut expected: Vec<String> = own.map(|(key, ..)| key.clone()).collect();
        expected.sort();
        let jql = format!("project = HELP AND \"{name}\" {condition}");
        assert_eq!(found(app, "play", &jql).await, expected, "{jql}");
        expected.len()
    };
    let ongoing = |clock: &Value| clock["ongoingCycle"].is_object();
    let completed = |clock: &Value| clock["completedCycles"].as_array().is_some_and(|all| !all.is_empty());
    let breached = |clock: &Value| match clock["ongoingCycle"].is_object() {
        true => clock["ongoingCycle"]["breached"] == true,
        false => clock["completedCycles"]
            .as_array()
            .and_then(|all| all.last())
            .is_some_and(|last| last["breached"] == true),
    };
    let ever = |clock: &Value| {
        clock["ongoingCycle"]["breached"] == true
            || clock["completedCycles"]
                .as_array()
                .is_some_and(|all| all.iter().any(|one| one["breached"] == true))
    };
    let paused = |clock: &Value| clock["ongoingCycle"]["paused"] == true;
    let running = |clock: &Value| clock["ongoingCycle"]["paused"] == false;
    let within = |clock: &Value| running(clock) && clock["ongoingCycle"]["withinCalendarHours"] == true;
    let is_over = |clock: &Value| completed(clock) && !ongoing(clock);
    let started = |clock: &Value| ongoing(clock) || completed(clock);
    let mut some = 0;
    for name in ["Time to first response", "Time to resolution"] {
        let states: [(&str, Holds<'_>); 6] = [
            ("breached()", &breached),
            ("everBreached()", &ever),
            ("completed()", &is_over),
            ("running()", &running),
            ("PAUSED()", &paused),
            ("withinCalendarHours()", &within),
        ];
        for (state, meets) in states {
            some += ask(name, &format!("= {state}"), meets).await;
            some += ask(name, &format!("!= {state}"), &|clock: &Value| started(clock) && !meets(clock)).await;
        }
        // Far from what any clock shows: it goes on between the one question and the other.
        for minutes in [37, 61, 367, 733, 1447, 2903] {
            let limit = minutes * 60_000;
            for (function, member) in [("remaining", "remainingTime"), ("elapsed", "elapsedTime")] {
                let millis = |clock: &Value| clock["ongoingCycle"][member]["millis"].as_i64();
                let margin = |clock: &Value| millis(clock).is_none_or(|shown| (shown - limit).abs() > 90_000);
                if !clocks.iter().all(|(_, _, clock)| margin(clock)) {
                    continue;
                }
                let less = |clock: &Value| millis(clock).is_some_and(|shown| shown < limit);
                let more = |clock: &Value| millis(clock).is_some_and(|shown| shown > limit);
                some += ask(name, &format!("< {function}({minutes}m)"), &less).await;
                some += ask(name, &format!(">= {function}(\"{minutes}\")"), &more).await;
            }
        }
    }
    assert!(some > 100, "{some}");
    let ordered = "project = HELP AND \"Time to resolution\" = running() ORDER BY \"Time to resolution\" ASC";
    assert!(!found(app, "play", ordered).await.is_empty());
    let refused = async |jql: &str, said: &str| {
        let answer = app.post("/jira/play/rest/api/3/search/jql", json!({ "jql": jql })).await;
        assert_eq!(answer.status, 400, "{jql}");
        assert!(answer.text.contains(said), "{}", answer.text);
    };
    refused("\"Time to resolution\" = remaining(2h)", "is not supported by the function 'remaining()'").await;
    refused("\"Time to resolution\" > breached()", "is not supported by the function 'breached()'").await;
    refused("\"Time to resolution\" = 4h", "an SLA is compared with functions").await;
    refused("\"Time to resolution\" in (breached())", "The operator 'in' is not supported").await;
    refused("summary ~ breached()", "cannot be used with the field 'summary'").await;
    refused("\"Time to resolution\" < elapsed(soon)", "The duration 'soon'").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_site_without_desks_says_so() {
    let app = TestApp::start().await;
    app.sandbox("site", 5);
    for jql in ["\"Request Type\" = x", "organizations = y", "\"Time to resolution\" = breached()"] {
        let answer = app.post("/jira/site/rest/api/3/search/jql", json!({ "jql": jql })).await;
        assert_eq!(answer.status, 400, "{jql}");
        assert!(answer.text.contains("the site has no service desk"), "{}", answer.text);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_that_is_limited_to_other_projects_sees_nothing_of_a_desk() {
    let help = Help::start(20, 4).await;
    let app = &help.0;
    let limited = json!({ "name": "k", "scopes": ["read", "write"], "policy": { "projects": ["PAY"] } });
    let made = app.post("/v1/keys", limited).await.ok();
    let key = text(&made["key"]);
    let ask = async |method: Method, path: &str, body: Option<Value>| {
        app.ask(method, &format!("{}/{path}", Help::BASE), Some(&key), body).await
    };
    for path in ["servicedesk", "organization", "request", "requesttype"] {
        let seen = ask(Method::GET, path, None).await.ok();
        assert_eq!(seen["size"], 0, "{path}: {seen}");
    }
    for path in ["servicedesk/1", "servicedesk/1/queue", "request/HELP-1", "request/HELP-1/comment"] {
        assert_eq!(ask(Method::GET, path, None).await.status, 404, "{path}");
    }
    let new = json!({ "serviceDeskId": "1", "requestTypeId": "1", "requestFieldValues": { "summary": "x" } });
    assert_eq!(ask(Method::POST, "request", Some(new)).await.status, 400);
    let people = json!({ "accountIds": ["forebay-sandbox"] });
    assert_eq!(ask(Method::POST, "servicedesk/1/customer", Some(people.clone())).await.status, 404);
    assert_eq!(ask(Method::POST, "request/HELP-1/participant", Some(people)).await.status, 404);
    let organization = json!({ "name": "Mine" });
    assert_eq!(ask(Method::POST, "organization", Some(organization)).await.status, 403);
}
