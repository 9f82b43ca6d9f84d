//! The Agile API: what boards show of a sandbox and of its mirror, and what planning does to issues, histories and listeners.

use reqwest::Method;
use serde_json::{Value, json};

use crate::app::{Answer, TestApp};

/// A sandbox `play` with a scrum board.
struct Play {
    app: TestApp,
    board: i64,
    project: String,
}

impl Play {
    async fn start() -> Self {
        let app = TestApp::start().await;
        app.sandbox("play", 120);
        let boards = app.get("/jira/play/rest/agile/1.0/board?type=scrum").await.ok();
        let board = &boards["values"][0];
        let project = board["location"]["projectKey"].as_str().unwrap().to_owned();
        Self { board: board["id"].as_i64().unwrap(), project, app }
    }

    async fn ask(&self, method: Method, path: &str, body: Option<Value>) -> Answer {
        self.app.ask(method, &format!("/jira/play/rest/{path}"), Some(&self.app.key), body).await
    }

    async fn get(&self, path: &str) -> Value {
        self.ask(Method::GET, &format!("agile/1.0/{path}"), None).await.ok()
    }

    async fn post(&self, path: &str, body: Value) -> Answer {
        self.ask(Method::POST, &format!("agile/1.0/{path}"), Some(body)).await
    }

    async fn put(&self, path: &str, body: Value) -> Answer {
        self.ask(Method::PUT, &format!("agile/1.0/{path}"), Some(body)).await
    }

    async fn delete(&self, path: &str) -> Answer {
        self.ask(Method::DELETE, &format!("agile/1.0/{path}"), None).await
    }

    async fn issue(&self, kind: &str) -> String {
        let fields = json!({ "project": { "key": self.project }, "issuetype": { "name": kind }, "summary": "To be planned" });
        let made = self.ask(Method::POST, "api/3/issue", Some(json!({ "fields": fields }))).await.ok();
        made["key"].as_str().unwrap().to_owned()
    }

    async fn sprint(&self, name: &str) -> i64 {
        let made = self.post("sprint", json!({ "name": name, "originBoardId": self.board })).await;
        assert_eq!(made.status, 201, "{}", made.text);
        made.json["id"].as_i64().unwrap()
    }

    /// The items of an issue's latest history.
    async fn latest(&self, issue: &str) -> Vec<Value> {
        let found = self.ask(Method::GET, &format!("api/3/issue/{issue}/changelog"), None).await.ok();
        found["values"]
            .as_array()
            .unwrap()
            .last()
            .map_or_else(Vec::new, |history| history["items"].as_array().unwrap().clone())
    }

    async fn keys(&self, path: &str) -> Vec<String> {
        let found = self.get(path).await;
        let issues = found["issues"].as_array().unwrap().iter();
        issues.map(|issue| issue["key"].as_str().unwrap().to_owned()).collect()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn boards_show_the_same_of_a_sandbox_and_of_its_mirror() {
    let play = Play::start().await;
    play.app.mirror("copy", "play", "cloud");
    play.app.cli(&["sync", "run", "copy", "--tenant", "acme", "--wait"]);
    let board = play.board;
    let sprints = play.get(&format!("board/{board}/sprint?state=active")).await;
    let sprint = &sprints["values"][0]["id"];
    let epics = play.get(&format!("board/{board}/epic")).await;
    let epic = epics["values"][0]["key"].as_str().unwrap();
    for path in [
        "board".to_owned(),
        format!("board?name=board&projectKeyOrId={}", play.project),
        format!("board/{board}"),
        format!("board/{board}/issue?fields=summary&maxResults=100"),
        format!("board/{board}/backlog?fields=summary&maxResults=100"),
        format!("board/{board}/sprint/{sprint}/issue?fields=summary"),
        format!("board/{board}/epic"),
        format!("board/{board}/epic/none/issue?fields=summary&maxResults=100"),
        format!("sprint/{sprint}/issue?fields=summary,sprint,closedSprints,flagged"),
        format!("epic/{epic}/issue?fields=summary"),
    ] {
        let own = play.get(&path).await;
        let copied = play.app.get(&format!("/jira/copy/rest/agile/1.0/{path}")).await.ok();
        // Where the mirror has its own words for an address, they are not what is asked about.
        let plain = |value: &Value| value.to_string().replace("/jira/copy/", "/jira/play/");
        assert_eq!(plain(&own), plain(&copied), "{path}");
        let total = own["total"].as_u64().or(own["id"].as_u64());
        assert!(total > Some(0), "{path}: {own}");
    }
    // A mirror knows at least the sprints that its issues show.
    let shown = play.app.get(&format!("/jira/copy/rest/agile/1.0/board/{board}/sprint")).await.ok();
    let shown = shown["values"].as_array().unwrap();
    assert!(!shown.is_empty());
    for copied in shown {
        let own = play.get(&format!("sprint/{}", copied["id"])).await;
        for member in ["name", "state", "startDate", "endDate", "completeDate", "originBoardId", "goal"] {
            assert_eq!(own[member], copied[member], "{member} of {copied}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_board_tells_its_columns_its_filter_and_its_backlog() {
    let play = Play::start().await;
    let board = play.board;
    let configuration = play.get(&format!("board/{board}/configuration")).await;
    let columns = configuration["columnConfig"]["columns"].as_array().unwrap();
    assert_eq!(
        columns.iter().map(|column| &column["name"]).collect::<Vec<_>>(),
        ["To Do", "In Progress", "Done"]
    );
    assert_eq!(configuration["ranking"]["rankCustomFieldId"], 10_019);
    assert_eq!(configuration["estimation"]["field"]["fieldId"], "customfield_10016");
    let filter = configuration["filter"]["id"].as_str().unwrap();
    let filter = play.ask(Method::GET, &format!("api/3/filter/{filter}"), None).await.ok();
    assert_eq!(filter["jql"], format!("project = {} ORDER BY Rank ASC", play.project));

    // Made by whoever plans: at the end of the backlog, and gone from it once in a sprint.
    let story = play.issue("Story").await;
    let backlog = format!("board/{board}/backlog?maxResults=100&fields=summary");
    assert_eq!(play.keys(&backlog).await.last(), Some(&story));
    let sprint = play.sprint("Next").await;
    assert_eq!(play.post(&format!("sprint/{sprint}/issue"), json!({ "issues": [story] })).await.status, 204);
    assert!(!play.keys(&backlog).await.contains(&story));
    let kanban = play.get("board?type=kanban").await["values"][0]["id"].clone();
    let refused = play.ask(Method::GET, &format!("agile/1.0/board/{kanban}/sprint"), None).await;
    assert_eq!(refused.status, 400);
    assert_eq!(refused.json["errorMessages"][0], "The board does not support sprints");
    let missing = play.ask(Method::GET, "agile/1.0/board/9999", None).await;
    assert_eq!((missing.status.as_u16(), missing.json["errors"].clone()), (404, json!({})));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sprint_is_planned_started_and_closed() {
    let play = Play::start().await;
    let (one, two) = (play.issue("Story").await, play.issue("Task").await);
    let sprint = play.sprint(" Next ").await;
    let path = format!("sprint/{sprint}");
    assert_eq!(play.get(&path).await["name"], "Next", "trimmed");
    play.post(&format!("{path}/issue"), json!({ "issues": [one, two] })).await.ok();
    let item = &play.latest(&one).await[0];
    assert_eq!(
        (&item["field"], &item["to"], &item["toString"]),
        (&json!("Sprint"), &json!(sprint.to_string()), &json!("Next"))
    );
    assert_eq!((&item["from"], &item["fieldId"]), (&Value::Null, &json!("customfield_10020")));

    // Not without dates, and only one step at a time.
    let refused = play.post(&path, json!({ "state": "active" })).await;
    assert_eq!(refused.status, 400);
    assert!(refused.json["errors"]["startDate"].is_string(), "{}", refused.text);
    assert_eq!(play.post(&path, json!({ "state": "closed" })).await.status, 400);
    let before = play.ask(Method::GET, &format!("api/3/issue/{one}"), None).await.ok();
    let dates = json!({ "state": "active", "goal": "Ship", "startDate": "2026-01-05T09:00:00.000+01:00",
                        "endDate": "2026-01-19T09:00:00.000+01:00" });
    let active = play.post(&path, dates).await.ok();
    assert_eq!(
        (&active["state"], &active["startDate"]),
        (&json!("active"), &json!("2026-01-05T08:00:00.000Z"))
    );

    // Its issues show it as it is, and were not changed themselves.
    let after = play.ask(Method::GET, &format!("api/3/issue/{one}"), None).await.ok();
    let shown = &after["fields"]["customfield_10020"][0];
    assert_eq!(
        (&shown["state"], &shown["goal"], &shown["boardId"]),
        (&json!("active"), &json!("Ship"), &json!(play.board))
    );
    assert_eq!(before["fields"]["updated"], after["fields"]["updated"]);
    let agile = play.get(&format!("issue/{one}")).await;
    assert_eq!(agile["fields"]["sprint"]["id"], sprint);
    assert_eq!(agile["fields"]["closedSprints"], Value::Null);

    // PUT takes away what it does not name.
    assert_eq!(play.put(&path, json!({ "goal": "x" })).await.status, 400, "a name is needed");
    let named = json!({ "name": "Now", "startDate": "2026-01-05T09:00:00.000Z", "endDate": "2026-01-19T09:00:00.000Z" });
    let replaced = play.put(&path, named).await.ok();
    assert_eq!((&replaced["name"], replaced.get("goal")), (&json!("Now"), None));

    let closed = play.post(&path, json!({ "state": "closed" })).await.ok();
    assert!(closed["completeDate"].is_string(), "{closed}");
    let agile = play.get(&format!("issue/{one}")).await;
    assert_eq!(agile["fields"]["sprint"], Value::Null);
    assert_eq!(agile["fields"]["closedSprints"][0]["id"], sprint);
    let refused = play.post(&format!("{path}/issue"), json!({ "issues": [two] })).await;
    assert_eq!(refused.status, 400, "nothing is moved into a sprint that is over");
    assert_eq!(play.delete(&path).await.status, 204);
    assert_eq!(play.ask(Method::GET, &format!("agile/1.0/{path}"), None).await.status, 404);
    assert_eq!(play.get(&format!("issue/{one}")).await["fields"]["closedSprints"], Value::Null);
}

#[tokio::test(flavor = "multi_thread")]
async fn issues_are_ranked_and_moved_to_epics() {
    let play = Play::start().await;
    let (one, two, three) = (play.issue("Story").await, play.issue("Story").await, play.issue("Story").await);
    let sprint = play.sprint("Ranked").await;
    let path = format!("sprint/{sprint}/issue");
    play.post(&path, json!({ "issues": [one, two, three] })).await.ok();
    assert_eq!(
        play.keys(&path).await,
        [one.clone(), two.clone(), three.clone()],
        "in the order of their making"
    );
    let ranked = play.put("issue/rank", json!({ "issues": [three, two], "rankBeforeIssue": one })).await;
    assert_eq!(ranked.status, 204, "{}", ranked.text);
    assert_eq!(play.keys(&path).await, [three.clone(), two.clone(), one.clone()]);
    assert_eq!(play.latest(&three).await[0]["toString"], "Ranked higher");
    play.put("issue/rank", json!({ "issues": [three], "rankAfterIssue": one })).await.ok();
    assert_eq!(play.keys(&path).await, [two.clone(), one.clone(), three.clone()]);
    assert_eq!(play.latest(&three).await[0]["toString"], "Ranked lower");
    let itself = play.put("issue/rank", json!({ "issues": [one], "rankAfterIssue": one })).await;
    assert_eq!(itself.status, 400);

    let epic = play.issue("Epic").await;
    let moved = play.post(&format!("epic/{epic}/issue"), json!({ "issues": [one, two] })).await;
    assert_eq!(moved.status, 204, "{}", moved.text);
    assert_eq!(play.latest(&one).await[0]["field"], "IssueParentAssociation");
    assert_eq!(play.keys(&format!("epic/{epic}/issue")).await, [two.clone(), one.clone()]);
    assert_eq!(play.get(&format!("issue/{one}")).await["fields"]["epic"]["key"], epic.as_str());
    play.post("epic/none/issue", json!({ "issues": [two] })).await.ok();
    assert_eq!(play.keys(&format!("epic/{epic}/issue")).await, std::slice::from_ref(&one));
    let no_epic = play.post(&format!("epic/{one}/issue"), json!({ "issues": [two] })).await;
    assert_eq!(no_epic.status, 404);
    let unknown = play.post("backlog/issue", json!({ "issues": [two, "NOSUCH-1"] })).await;
    assert_eq!(unknown.status, 404, "all or nothing");
    assert_eq!(play.keys(&path).await.len(), 3);
    play.post("backlog/issue", json!({ "issues": [two] })).await.ok();
    assert_eq!(play.keys(&path).await, [one, three]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_of_one_project_plans_only_there() {
    let play = Play::start().await;
    let boards = play.get("board?type=scrum").await;
    let boards = boards["values"].as_array().unwrap();
    let other = boards.iter().find(|board| board["location"]["projectKey"] != play.project.as_str()).unwrap();
    let (other, its_project) = (&other["id"], other["location"]["projectKey"].as_str().unwrap());
    let key = play.app.cli(&[
        "key",
        "create",
        "--tenant",
        "acme",
        "--scopes",
        "read,write",
        "--projects",
        its_project,
    ]);
    let ask = async |method: Method, path: &str, body: Option<Value>| {
        play.app.ask(method, &format!("/jira/play/rest/agile/1.0/{path}"), Some(key.trim()), body).await
    };
    let seen = ask(Method::GET, "board", None).await.ok();
    let seen = seen["values"].as_array().unwrap();
    assert!(seen.iter().all(|board| board["location"]["projectKey"] == its_project), "{seen:?}");
    let sprint = play.sprint("Hidden").await;
    assert_eq!(ask(Method::GET, &format!("board/{}", play.board), None).await.status, 404);
    assert_eq!(ask(Method::GET, &format!("sprint/{sprint}"), None).await.status, 404);
    let rename = json!({ "name": "Mine" });
    assert_eq!(ask(Method::POST, &format!("sprint/{sprint}"), Some(rename.clone())).await.status, 404);
    assert_eq!(ask(Method::DELETE, &format!("sprint/{sprint}"), None).await.status, 404);
    let foreign = json!({ "name": "Mine", "originBoardId": play.board });
    assert_eq!(ask(Method::POST, "sprint", Some(foreign)).await.status, 404);
    let own = ask(Method::POST, "sprint", Some(json!({ "name": "Mine", "originBoardId": other }))).await.ok();
    let issue = play.issue("Story").await;
    let moved =
        ask(Method::POST, &format!("sprint/{}/issue", own["id"]), Some(json!({ "issues": [issue] }))).await;
    assert_eq!(moved.status, 404);
}
