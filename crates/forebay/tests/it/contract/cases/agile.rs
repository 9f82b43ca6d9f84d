//! Boards, sprints, epics and ranks.

use serde_json::{Value, json};

use super::{Case, Landmarks, delete, get, post, put};

pub fn all(at: &Landmarks) -> Vec<Case> {
    let mut cases = boards(at);
    cases.extend(issues(at));
    cases.extend(planning(at));
    cases.extend(sprints(at));
    cases
}

fn boards(at: &Landmarks) -> Vec<Case> {
    let of = |path: &str| format!("board/{}/{path}", at.board);
    vec![
        get("agile.getAllBoards", "board?maxResults=2", 200),
        get("agile.getAllBoards", "board?projectKeyOrId=NOPE", 400),
        get("agile.getBoard", format!("board/{}", at.board), 200),
        get("agile.getBoard", "board/99", 404),
        get("agile.getConfiguration", of("configuration"), 200),
        get("agile.getConfiguration", "board/99/configuration", 404),
        get("agile.getProjectsFull", of("project/full"), 200),
        get("agile.getProjectsFull", "board/99/project/full", 404),
        get("agile.getAllVersions", of("version?released=false"), 200),
        get("agile.getAllVersions", of("version?maxResults=many"), 400),
        get("agile.getAllVersions", "board/99/version", 404),
        get("agile.getProjects", of("project"), 200),
        get("agile.getProjects", of("project?startAt=x"), 400),
        get("agile.getProjects", "board/99/project", 404),
        get("agile.getAllSprints", of("sprint?state=active,closed"), 200),
        get("agile.getAllSprints", of("sprint?state=late"), 400),
        get("agile.getAllSprints", format!("board/{}/sprint", at.kanban), 400),
        get("agile.getAllSprints", "board/99/sprint", 404),
        get("agile.getEpics", of("epic?done=false"), 200),
        get("agile.getEpics", of("epic?maxResults=many"), 400),
        get("agile.getEpics", "board/99/epic", 404),
        get("agile.getSprint", format!("sprint/{}", at.sprint), 200),
        get("agile.getSprint", "sprint/99999", 404),
        get("agile.getEpic", format!("epic/{}", at.epic), 200),
        get("agile.getEpic", "epic/NOPE-1", 404),
    ]
}

/// Questions for issues: each with the fields that only this API has, and each wrongly.
fn issues(at: &Landmarks) -> Vec<Case> {
    let of = |path: &str| format!("board/{}/{path}", at.board);
    let sprint = format!("sprint/{}/issue", at.sprint);
    let epic = format!("epic/{}/issue", at.epic);
    let mut cases = Vec::new();
    for (operation, path, missing) in [
        ("agile.getIssuesForBoard", of("issue"), "board/99/issue".to_owned()),
        ("agile.getIssuesForBacklog", of("backlog"), "board/99/backlog".to_owned()),
        ("agile.getBoardIssuesForSprint", of(&sprint), of("sprint/99999/issue")),
        ("agile.getBoardIssuesForEpic", of(&epic), of("epic/NOPE-1/issue")),
        ("agile.getIssuesWithoutEpicForBoard", of("epic/none/issue"), "board/99/epic/none/issue".to_owned()),
        ("agile.getIssuesForEpic", epic.clone(), "epic/NOPE-1/issue".to_owned()),
    ] {
        cases.push(get(operation, format!("{path}?maxResults=5&expand=names,schema,changelog"), 200));
        cases.push(get(operation, format!("{path}?jql=x%20%3D%20%3D%20y"), 400));
        cases.push(get(operation, missing, 404));
    }
    let one = format!("issue/{}", at.issue);
    cases.extend([
        get("agile.getIssuesForSprint", sprint, 200),
        get("agile.getIssuesForSprint", "sprint/99999/issue", 404),
        get("agile.getIssuesWithoutEpic", "epic/none/issue?maxResults=5", 200),
        get("agile.getIssuesWithoutEpic", "epic/none/issue?startAt=x", 400),
        get("agile.getIssue", one.clone(), 200),
        get("agile.getIssue", "issue/NOPE-1", 404),
        get("agile.getIssueEstimationForBoard", format!("{one}/estimation?boardId={}", at.board), 200),
        get("agile.getIssueEstimationForBoard", format!("{one}/estimation"), 400),
        get("agile.getIssueEstimationForBoard", "issue/NOPE-1/estimation?boardId=1", 404),
    ]);
    cases
}

fn planning(at: &Landmarks) -> Vec<Case> {
    let one = || json!({ "issues": [at.issue] });
    let unknown = || json!({ "issues": ["NOPE-1"] });
    let rank = |target: Value| json!({ "issues": [at.issue], "rankBeforeIssue": target });
    let mut cases = Vec::new();
    for (operation, path) in [
        ("agile.moveIssuesToSprintAndRank", format!("sprint/{}/issue", at.future)),
        ("agile.moveIssuesToBacklog", "backlog/issue".to_owned()),
        ("agile.moveIssuesToEpic", format!("epic/{}/issue", at.epic)),
        ("agile.removeIssuesFromEpic", "epic/none/issue".to_owned()),
    ] {
        cases.push(post(operation, path.clone(), one(), 204));
        cases.push(post(operation, path.clone(), json!({ "issues": [] }), 400));
        cases.push(post(operation, path, unknown(), 404));
    }
    cases.extend([
        put("agile.rankIssues", "issue/rank", rank(json!(at.open)), 204),
        post(
            "agile.partiallyUpdateEpic",
            format!("epic/{}", at.epic),
            json!({ "summary": "By a case" }),
            200,
        ),
        post("agile.partiallyUpdateEpic", "epic/NOPE-1", json!({ "summary": "x" }), 404),
        put("agile.rankEpics", format!("epic/{}/rank", at.epic), json!({ "rankBeforeEpic": at.issue }), 204),
        put("agile.rankEpics", format!("epic/{}/rank", at.epic), json!({}), 400),
        put("agile.rankEpics", "epic/NOPE-1/rank", json!({ "rankAfterEpic": at.epic }), 404),
        put(
            "agile.estimateIssueForBoard",
            format!("issue/{}/estimation?boardId={}", at.issue, at.board),
            json!({ "value": "3" }),
            200,
        ),
        put(
            "agile.estimateIssueForBoard",
            format!("issue/{}/estimation", at.issue),
            json!({ "value": "3" }),
            400,
        ),
        put("agile.estimateIssueForBoard", "issue/NOPE-1/estimation?boardId=1", json!({ "value": "3" }), 404),
        put("agile.rankIssues", "issue/rank", rank(Value::Null), 400),
        put(
            "agile.rankIssues",
            "issue/rank",
            json!({ "issues": [at.issue, "NOPE-1"], "rankBeforeIssue": at.open }),
            207,
        ),
        post("agile.partiallyUpdateEpic", format!("epic/{}", at.epic), json!({ "summary": "" }), 400),
    ]);
    cases
}

fn sprints(at: &Landmarks) -> Vec<Case> {
    let one = format!("sprint/{}", at.future);
    let named = |board: i64| json!({ "name": "By a case", "originBoardId": board });
    vec![
        post("agile.createSprint", "sprint", named(at.board), 201),
        post("agile.createSprint", "sprint", json!({ "name": "Nowhere" }), 400),
        post("agile.createSprint", "sprint", named(99), 404),
        post("agile.partiallyUpdateSprint", one.clone(), json!({ "goal": "Ship" }), 200),
        post("agile.partiallyUpdateSprint", one.clone(), json!({ "state": "late" }), 400),
        post("agile.partiallyUpdateSprint", "sprint/99999", json!({ "goal": "x" }), 404),
        put("agile.updateSprint", one.clone(), json!({ "name": "Renamed" }), 200),
        put("agile.updateSprint", one.clone(), json!({ "goal": "no name" }), 400),
        put("agile.updateSprint", "sprint/99999", json!({ "name": "x" }), 404),
        delete("agile.deleteSprint", one.clone(), 204),
        delete("agile.deleteSprint", one, 404),
    ]
}
