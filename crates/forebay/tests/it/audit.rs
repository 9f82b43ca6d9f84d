//! Every action leaves an entry in the audit log.

use application::Action;
use reqwest::Method;
use serde_json::{Value, json};

use crate::app::{TestApp, eventually};

/// Does it, by the door that has it; answers whether it succeeded. A new action has no arm here, so that it cannot be
/// forgotten.
#[expect(clippy::too_many_lines, reason = "an arm for each action")]
async fn perform(app: &TestApp, action: Action, key_id: &str) -> bool {
    let post = async |path: &str, body: Value| app.post(path, body).await.status.is_success();
    let ask = async |method: Method, path: &str, body: Option<Value>| {
        app.ask(method, path, Some(&app.key), body).await.status.is_success()
    };
    let key_path = format!("/v1/keys/{key_id}");
    match action {
        Action::TransitionIssue => {
            let issue = app.get("/v1/issues?instance=source&jql=statusCategory%20%3D%20new").await.ok();
            let id = issue["issues"][0]["key"].as_str().unwrap().to_owned();
            let path = format!("/v1/issues/{id}/transitions?instance=source");
            let found = app.get(&path).await.ok();
            post(&path, json!({ "transition": found["transitions"][0]["id"] })).await
        }
        Action::AddComment => post("/v1/issues/10001/comments?instance=source", json!({ "body": "x" })).await,
        Action::CreateIssue
        | Action::EditIssue
        | Action::AssignIssue
        | Action::EditComment
        | Action::DeleteComment
        | Action::AddWorklog
        | Action::EditWorklog
        | Action::DeleteWorklog
        | Action::LinkIssues
        | Action::UnlinkIssues
        | Action::MoveIssue
        | Action::DeleteIssue => write(app, action).await,
        Action::CreateSprint
        | Action::EditSprint
        | Action::MoveToSprint
        | Action::MoveToEpic
        | Action::RankIssues
        | Action::DeleteSprint => plan(app, action).await,
        Action::AddWatcher
        | Action::RemoveWatcher
        | Action::AddVote
        | Action::RemoveVote
        | Action::PutRemoteLink
        | Action::RemoveRemoteLink
        | Action::SetIssueProperty
        | Action::RemoveIssueProperty
        | Action::AddAttachment
        | Action::DeleteAttachment
        | Action::CreateFilter
        | Action::EditFilter
        | Action::DeleteFilter => hang(app, action).await,
        Action::CreateVersion
        | Action::EditVersion
        | Action::DeleteVersion
        | Action::CreateComponent
        | Action::EditComponent
        | Action::DeleteComponent => lay_out(app, action).await,
        Action::AnswerApproval
        | Action::EditParticipants
        | Action::GiveFeedback
        | Action::KeepFile
        | Action::EditServiceDesk
        | Action::CreateCustomer
        | Action::CreateOrganization
        | Action::EditOrganization
        | Action::DeleteOrganization => help(app, action).await,
        Action::ManageGroups => post("/jira/source/rest/api/3/group", json!({ "name": "audited" })).await,
        Action::SetFaults => post("/v1/sandbox/source/faults", json!({ "rules": [] })).await,
        Action::ClearFaults => ask(Method::DELETE, "/v1/sandbox/source/faults", None).await,
        Action::SetWorkflow => {
            let mut own = app.get("/v1/sandbox/source/workflow").await.ok()["workflow"].clone();
            own["transitions"][0]["name"] = json!("Back");
            ask(Method::PUT, "/v1/sandbox/source/workflow", Some(own)).await
        }
        Action::ClearWorkflow => ask(Method::DELETE, "/v1/sandbox/source/workflow", None).await,
        Action::AddInstance => post("/v1/instances", json!({ "name": "more", "kind": "sandbox" })).await,
        Action::RemoveInstance => ask(Method::DELETE, "/v1/instances/more", None).await,
        Action::ReplaceCredential => {
            let credential = json!({ "email": "me@x.org", "token": app.key });
            ask(Method::PUT, "/v1/instances/copy/credential", Some(credential)).await
        }
        Action::TestInstance => post("/v1/instances/copy/test", Value::Null).await,
        Action::StartSync => post("/v1/instances/copy/sync", Value::Null).await,
        Action::PauseSync
        | Action::ResumeSync
        | Action::CancelSync
        | Action::DecideCensus
        | Action::ConfigureCensus
        | Action::RetryJob
        | Action::DropJob => keep(app, action).await,
        Action::RegisterWebhook | Action::RemoveWebhook => hook(app, action).await,
        Action::RotateWebhook => post("/v1/instances/copy/webhook/rotate", Value::Null).await,
        Action::RevealWebhook => post("/v1/instances/copy/webhook/values", Value::Null).await,
        Action::CreateKey => post("/v1/keys", json!({ "name": "new", "scopes": ["read"] })).await,
        Action::UpdateKey => ask(Method::PATCH, &key_path, Some(json!({ "name": "renamed" }))).await,
        Action::RevokeKey => ask(Method::DELETE, &key_path, None).await,
        Action::EraseUser => {
            post("/v1/users/erase", json!({ "account_id": "nobody-of-that-name", "unknown_too": true })).await
        }
    }
}

/// A webhook.
async fn hook(app: &TestApp, action: Action) -> bool {
    let hooks = "/jira/source/rest/webhooks/1.0/webhook";
    match action {
        Action::RegisterWebhook => {
            let new = json!({ "name": "h", "url": "http://127.0.0.1:9/", "events": ["jira:issue_updated"] });
            app.post(hooks, new).await.status.is_success()
        }
        Action::RemoveWebhook => {
            let registered = app.get(hooks).await.ok();
            let own = registered.as_array().unwrap().iter().find(|hook| hook["name"] == "h").unwrap();
            let id = own["self"].as_str().unwrap().rsplit('/').next().unwrap();
            let gone = app.ask(Method::DELETE, &format!("{hooks}/{id}"), Some(&app.key), None).await;
            gone.status.is_success()
        }
        _ => false,
    }
}

/// What keeps a mirror right, and the queue in order.
async fn keep(app: &TestApp, action: Action) -> bool {
    let post = async |path: &str, body: Value| app.post(path, body).await.status.is_success();
    let ask = async |method: Method, path: &str, body: Option<Value>| {
        app.ask(method, path, Some(&app.key), body).await.status.is_success()
    };
    match action {
        Action::PauseSync => post("/v1/instances/copy/sync/pause", Value::Null).await,
        Action::ResumeSync => post("/v1/instances/copy/sync/resume", Value::Null).await,
        Action::CancelSync => cancel_sync(app).await,
        Action::DecideCensus => {
            let held = "INSERT INTO censuses (tenant_id, id, instance_id, state, holder, lease_until)
                        SELECT tenant_id, gen_random_uuid(), id, 'held', id, now() FROM jira_instances WHERE name = 'copy'";
            sqlx::query(held).execute(&mut app.database.superuser().await).await.unwrap();
            post("/v1/instances/copy/census/decision", json!({ "decision": "reject" })).await
        }
        Action::ConfigureCensus => {
            ask(Method::PATCH, "/v1/instances/copy/census", Some(json!({ "every_hours": 0 }))).await
        }
        Action::RetryJob => {
            let job = waiting_job(app).await;
            post(&format!("/v1/jobs/queued/{job}/retry"), Value::Null).await
        }
        Action::DropJob => {
            let job = waiting_job(app).await;
            ask(Method::DELETE, &format!("/v1/jobs/queued/{job}"), None).await
        }
        other => panic!("{other} is performed elsewhere"),
    }
}

/// A run whose holder is somewhere else, or one that a worker has just begun, is ended.
async fn cancel_sync(app: &TestApp) -> bool {
    let run = "INSERT INTO sync_runs (tenant_id, id, instance_id, kind, state, holder, lease_until, started_at, updated_at)
               SELECT tenant_id, gen_random_uuid(), id, 'poll', 'running', id, now() + '1 hour', now(), now()
               FROM jira_instances WHERE name = 'copy' ON CONFLICT DO NOTHING";
    let cancel = async || {
        sqlx::query(run).execute(&mut app.database.superuser().await).await.unwrap();
        app.post("/v1/instances/copy/sync/cancel", Value::Null).await.status.is_success()
    };
    eventually(cancel, |done| *done).await
}

/// The number of a job of the tenant that nobody runs before tomorrow.
async fn waiting_job(app: &TestApp) -> i64 {
    let add = "SELECT (graphile_worker.add_job('refresh_metrics', json_build_object('tenant', id), run_at := now() + '1 day')).id
               FROM tenants WHERE name = 'acme'";
    sqlx::query_scalar(add).fetch_one(&mut app.database.superuser().await).await.unwrap()
}

/// A write of Jira's own REST, which only a sandbox executes. The order of the actions adds before it removes.
async fn write(app: &TestApp, action: Action) -> bool {
    let api = "/jira/source/rest/api/2";
    let issue = format!("{api}/issue/10001");
    let ask = async |method: Method, path: String, body: Value| {
        let body = Some(body).filter(|body| !body.is_null());
        app.ask(method, &path, Some(&app.key), body).await.status.is_success()
    };
    let last = async |list: &str, at: &str| {
        let found = app.get(&format!("{issue}/{list}")).await.ok();
        let id = found[at].as_array().unwrap().last().unwrap()["id"].as_str().unwrap().to_owned();
        format!("{issue}/{list}/{id}")
    };
    let projects = app.get(&format!("{api}/project")).await.ok();
    let of_issue = app.get(&issue).await.ok()["fields"]["project"]["key"].clone();
    let project = projects.as_array().unwrap().iter().find(|project| project["key"] != of_issue);
    let fields = json!({ "project": { "key": of_issue }, "issuetype": { "name": "Task" }, "summary": "x" });
    match action {
        Action::CreateIssue => ask(Method::POST, format!("{api}/issue"), json!({ "fields": fields })).await,
        Action::EditIssue => ask(Method::PUT, issue, json!({ "fields": { "summary": "x" } })).await,
        Action::AssignIssue => {
            let first = ask(Method::PUT, format!("{issue}/assignee"), json!({ "name": null })).await;
            let own = json!({ "accountId": "forebay-sandbox" });
            first && ask(Method::PUT, format!("{issue}/assignee"), own).await
        }
        Action::EditComment => {
            ask(Method::PUT, last("comment", "comments").await, json!({ "body": "y" })).await
        }
        Action::DeleteComment => ask(Method::DELETE, last("comment", "comments").await, Value::Null).await,
        Action::AddWorklog => {
            ask(Method::POST, format!("{issue}/worklog"), json!({ "timeSpent": "1h" })).await
        }
        Action::EditWorklog => {
            ask(Method::PUT, last("worklog", "worklogs").await, json!({ "timeSpent": "2h" })).await
        }
        Action::DeleteWorklog => ask(Method::DELETE, last("worklog", "worklogs").await, Value::Null).await,
        Action::LinkIssues => {
            let link = json!({ "type": { "name": "Relates" }, "inwardIssue": { "id": "10001" },
                               "outwardIssue": { "id": "10015" } });
            ask(Method::POST, format!("{api}/issueLink"), link).await
        }
        Action::UnlinkIssues => {
            let links = app.get(&issue).await.ok()["fields"]["issuelinks"].clone();
            let id = links.as_array().unwrap().last().unwrap()["id"].as_str().unwrap().to_owned();
            ask(Method::DELETE, format!("{api}/issueLink/{id}"), Value::Null).await
        }
        Action::MoveIssue => {
            let target = project.unwrap()["key"].as_str().unwrap();
            // Sub-tasks move with their parents only; what was created last is none.
            let found =
                app.get(&format!("{api}/search?jql=summary%20~%20x%20ORDER%20BY%20id%20DESC")).await.ok();
            let body = json!({ "targetToSourcesMapping": { target: { "issueIdsOrKeys": [found["issues"][0]["id"]] } } });
            ask(Method::POST, format!("{api}/bulk/issues/move"), body).await
        }
        Action::DeleteIssue => ask(Method::DELETE, format!("{issue}?deleteSubtasks=true"), Value::Null).await,
        _ => false,
    }
}

/// A write of the Agile API.
async fn plan(app: &TestApp, action: Action) -> bool {
    let agile = "/jira/source/rest/agile/1.0";
    let ask = async |method: Method, path: &str, body: Value| {
        let body = Some(body).filter(|body| !body.is_null());
        app.ask(method, &format!("{agile}/{path}"), Some(&app.key), body).await.status.is_success()
    };
    let boards = app.get(&format!("{agile}/board?type=scrum")).await.ok();
    let board = boards["values"][0]["id"].clone();
    let future = app.get(&format!("{agile}/board/{board}/sprint?state=future")).await.ok();
    let sprint = future["values"].as_array().unwrap().iter().find(|sprint| sprint["name"] == "Audited");
    let sprint = sprint.map(|sprint| format!("sprint/{}", sprint["id"])).unwrap_or_default();
    let found = app
        .get(&format!("{agile}/board/{board}/issue?jql=issuetype%20%3D%20Story%20ORDER%20BY%20id"))
        .await
        .ok();
    let key = |at: usize| found["issues"][at]["key"].clone();
    match action {
        Action::CreateSprint => {
            ask(Method::POST, "sprint", json!({ "name": "Audited", "originBoardId": board })).await
        }
        Action::EditSprint => ask(Method::POST, &sprint, json!({ "goal": "be seen" })).await,
        Action::MoveToSprint => {
            ask(Method::POST, &format!("{sprint}/issue"), json!({ "issues": [key(0)] })).await
        }
        Action::MoveToEpic => {
            let epics = app.get(&format!("{agile}/board/{board}/epic")).await.ok();
            let epic = epics["values"][0]["key"].as_str().unwrap();
            // It is below that one perhaps: taken out and put there, it moves.
            let issues = json!({ "issues": [key(0)] });
            let out = ask(Method::POST, "epic/none/issue", issues.clone()).await;
            out && ask(Method::POST, &format!("epic/{epic}/issue"), issues).await
        }
        Action::RankIssues => {
            ask(Method::PUT, "issue/rank", json!({ "issues": [key(0)], "rankAfterIssue": key(1) })).await
        }
        Action::DeleteSprint => ask(Method::DELETE, &sprint, Value::Null).await,
        _ => false,
    }
}

/// A write of what a project lists.
async fn lay_out(app: &TestApp, action: Action) -> bool {
    let api = "/jira/source/rest/api/3";
    let ask = async |method: Method, path: &str, body: Value| {
        let body = Some(body).filter(|body| !body.is_null());
        app.ask(method, &format!("{api}/{path}"), Some(&app.key), body).await.status.is_success()
    };
    let project = app.get(&format!("{api}/project")).await.ok()[0]["key"].clone();
    let listed = async |list: &str| {
        let found = app.get(&format!("{api}/project/{}/{list}", project.as_str().unwrap())).await.ok();
        let own = found.as_array().unwrap().iter().find(|part| part["name"] == "Audited").cloned();
        own.map(|part| part["id"].as_str().unwrap().to_owned()).unwrap_or_default()
    };
    let named = json!({ "name": "Audited", "project": project });
    let changed = json!({ "description": "seen" });
    match action {
        Action::CreateVersion => ask(Method::POST, "version", named).await,
        Action::EditVersion => {
            ask(Method::PUT, &format!("version/{}", listed("versions").await), changed).await
        }
        Action::DeleteVersion => {
            ask(Method::DELETE, &format!("version/{}", listed("versions").await), Value::Null).await
        }
        Action::CreateComponent => ask(Method::POST, "component", named).await,
        Action::EditComponent => {
            ask(Method::PUT, &format!("component/{}", listed("components").await), changed).await
        }
        Action::DeleteComponent => {
            ask(Method::DELETE, &format!("component/{}", listed("components").await), Value::Null).await
        }
        _ => false,
    }
}

/// A write of what hangs on an issue, and of filters.
async fn hang(app: &TestApp, action: Action) -> bool {
    let api = "/jira/source/rest/api/3";
    let ask = async |method: Method, path: &str, body: Value| {
        let body = Some(body).filter(|body| !body.is_null());
        app.ask(method, &format!("{api}/{path}"), Some(&app.key), body).await.status.is_success()
    };
    let open = app
        .get(&format!("{api}/search?jql=resolution%20is%20EMPTY%20ORDER%20BY%20id&maxResults=1"))
        .await
        .ok();
    let issue = format!("issue/{}", open["issues"][0]["id"].as_str().unwrap());
    let of_issue = async |list: &str| app.get(&format!("{api}/{issue}/{list}")).await.ok();
    let filter = async || {
        let mine = app.get(&format!("{api}/filter/my")).await.ok();
        format!("filter/{}", mine[0]["id"].as_str().unwrap_or_default())
    };
    match action {
        Action::AddWatcher => ask(Method::POST, &format!("{issue}/watchers"), json!("forebay-sandbox")).await,
        Action::RemoveWatcher => {
            ask(Method::DELETE, &format!("{issue}/watchers?accountId=forebay-sandbox"), Value::Null).await
        }
        Action::AddVote => ask(Method::POST, &format!("{issue}/votes"), Value::Null).await,
        Action::RemoveVote => ask(Method::DELETE, &format!("{issue}/votes"), Value::Null).await,
        Action::PutRemoteLink => {
            let link = json!({ "object": { "url": "https://example.com", "title": "Example" } });
            ask(Method::POST, &format!("{issue}/remotelink"), link).await
        }
        Action::RemoveRemoteLink => {
            let id = of_issue("remotelink").await[0]["id"].clone();
            ask(Method::DELETE, &format!("{issue}/remotelink/{id}"), Value::Null).await
        }
        Action::SetIssueProperty => {
            ask(Method::PUT, &format!("{issue}/properties/seen"), json!({ "by": "all" })).await
        }
        Action::RemoveIssueProperty => {
            ask(Method::DELETE, &format!("{issue}/properties/seen"), Value::Null).await
        }
        Action::AddAttachment => {
            let path = format!("{api}/{issue}/attachments");
            app.upload(&path, "seen.txt", b"seen".to_vec()).await.status.is_success()
        }
        Action::DeleteAttachment => {
            let issue = app.get(&format!("{api}/{issue}")).await.ok();
            let id = issue["fields"]["attachment"].as_array().unwrap().last().unwrap()["id"].clone();
            ask(Method::DELETE, &format!("attachment/{}", id.as_str().unwrap()), Value::Null).await
        }
        Action::CreateFilter => {
            ask(Method::POST, "filter", json!({ "name": "Audited", "jql": "project is not EMPTY" })).await
        }
        Action::EditFilter => ask(Method::PUT, &filter().await, json!({ "description": "seen" })).await,
        Action::DeleteFilter => ask(Method::DELETE, &filter().await, Value::Null).await,
        _ => false,
    }
}

/// A write of Jira Service Management.
async fn help(app: &TestApp, action: Action) -> bool {
    let api = "/jira/source/rest/servicedeskapi";
    let ask = async |method: Method, path: &str, body: Value| {
        let body = Some(body).filter(|body| !body.is_null());
        app.ask(method, &format!("{api}/{path}"), Some(&app.key), body).await
    };
    let post = async |path: &str, body: Value| ask(Method::POST, path, body).await.status.is_success();
    // What needs no approval is a request of the account's own.
    let request = async |kind: &str| {
        let new = json!({ "serviceDeskId": "1", "requestTypeId": kind,
                          "requestFieldValues": { "summary": "Audited", "description": "x" } });
        let made = ask(Method::POST, "request", new).await.ok();
        format!("request/{}", made["issueKey"].as_str().unwrap())
    };
    let organization = async || {
        let all = app.get(&format!("{api}/organization?limit=100")).await.ok();
        format!("organization/{}", all["values"].as_array().unwrap().last().unwrap()["id"].as_str().unwrap())
    };
    let people = json!({ "accountIds": ["qm:help-desk:customer-1"] });
    match action {
        Action::AnswerApproval => {
            app.service_desk("source", 0);
            post(&format!("{}/approval/1", request("3").await), json!({ "decision": "approve" })).await
        }
        Action::EditParticipants => post(&format!("{}/participant", request("1").await), people).await,
        Action::GiveFeedback => {
            post(&format!("{}/feedback", request("1").await), json!({ "rating": 5 })).await
        }
        Action::KeepFile => {
            let path = format!("{api}/servicedesk/1/attachTemporaryFile");
            app.upload(&path, "seen.txt", b"seen".to_vec()).await.status.is_success()
        }
        Action::EditServiceDesk => post("servicedesk/1/customer", people).await,
        Action::CreateCustomer => {
            post("customer", json!({ "displayName": "Ann", "email": "ann@example.com" })).await
        }
        Action::CreateOrganization => post("organization", json!({ "name": "Audited" })).await,
        Action::EditOrganization => post(&format!("{}/user", organization().await), people).await,
        Action::DeleteOrganization => {
            ask(Method::DELETE, &organization().await, Value::Null).await.status.is_success()
        }
        _ => false,
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_action_is_audited_with_who_did_it_and_by_which_request() {
    let app = TestApp::start().await;
    app.sandbox("source", 60);
    app.mirror("copy", "source", "cloud");
    app.cli(&["sync", "run", "copy", "--tenant", "acme", "--wait"]);
    let made = app.post("/v1/keys", json!({ "name": "k", "scopes": ["read"] })).await.ok();
    let own = app.get("/v1/whoami").await.ok();
    // The order in which the actions are listed adds before it removes.
    for action in Action::ALL {
        assert!(perform(&app, action, made["id"].as_str().unwrap()).await, "{action}");
        let entries = app.get(&format!("/v1/audit?action={action}")).await.ok();
        let entry = &entries["entries"][0];
        assert_eq!(entry["action"], action.as_str(), "{action} is not in the audit log: {entries}");
        assert_eq!(entry["outcome"], "succeeded", "{entry}");
        let actor = entry["actor"].as_str().unwrap();
        assert!(actor.starts_with("key:"), "{own}: {entry}");
        assert!(!entry["request_id"].as_str().unwrap_or_default().is_empty(), "{entry}");
        let payload = entry["payload"].as_object().unwrap();
        assert!(payload.contains_key("before") && payload.contains_key("after"), "{entry}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_test_that_failed_is_audited_too_and_a_sync_that_was_refused_is_not() {
    let app = TestApp::start().await;
    app.sandbox("source", 5);
    let site = json!({ "name": "wrong", "kind": "cloud", "url": format!("{}/jira/source", app.url),
                       "email": "me@x.org", "token": "fb_wrong" });
    assert_eq!(app.post("/v1/instances", site).await.status, 201);
    let tested = app.post("/v1/instances/wrong/test", Value::Null).await;
    assert!(!tested.status.is_success(), "{}", tested.text);
    let entries = app.get("/v1/audit?action=test_instance").await.ok();
    let entry = &entries["entries"][0];
    assert_eq!((&entry["outcome"], &entry["target"]), (&json!("failed"), &json!("wrong")), "{entries}");
    assert_eq!(entry["payload"]["after"]["error"], tested.json["code"], "{entry}");
    assert!(!entry.to_string().contains("me@x.org") && !entry.to_string().contains("fb_wrong"), "{entry}");

    assert_eq!(app.post("/v1/instances/source/sync", Value::Null).await.status, 409);
    let entries = app.get("/v1/audit?action=start_sync").await.ok();
    assert_eq!(entries["entries"], json!([]));
}
