//! What clients look up at Jira's API beside issues: people, rosters by id and in pages, forms, permissions; and who may.

use std::collections::BTreeSet;

use reqwest::Method;
use serde_json::{Value, json};

use crate::{app::TestApp, contract::served};

async fn site_and_copy(issues: u32) -> TestApp {
    let app = TestApp::start().await;
    app.sandbox("site", issues);
    app.mirror("copy", "site", "cloud");
    app.json(&["sync", "run", "copy", "--tenant", "acme", "--wait"]);
    app
}

async fn get(app: &TestApp, instance: &str, path: &str) -> Value {
    app.get(&format!("/jira/{instance}/rest/api/3/{path}")).await.ok()
}

fn list<'v>(value: &'v Value, member: &str) -> BTreeSet<&'v str> {
    value.as_array().unwrap().iter().map(|entry| entry[member].as_str().unwrap()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn people_are_found_by_what_their_names_begin_with_and_never_by_address() {
    let app = site_and_copy(60).await;
    for instance in ["site", "copy"] {
        let everybody = get(&app, instance, "users/search?maxResults=1000").await;
        let people = everybody.as_array().unwrap();
        assert!(people.len() > 5);
        let person = people
            .iter()
            .find(|person| person["active"] == true && person["accountType"] == "atlassian")
            .unwrap();
        let (name, account) =
            (person["displayName"].as_str().unwrap(), person["accountId"].as_str().unwrap());
        for word in name.split(' ') {
            let word = word.to_uppercase();
            let found = get(&app, instance, &format!("user/search?query={word}")).await;
            assert!(list(&found, "accountId").contains(account), "{word}: {found}");
        }
        let within: String = name.chars().skip(1).take(4).collect();
        let found = get(&app, instance, &format!("user/search?query={within}")).await;
        assert!(!list(&found, "accountId").contains(account), "{within} begins no word of {name}");
        assert_eq!(get(&app, instance, "user/search?query=%25").await, json!([]), "a sign is a sign");
        assert_eq!(get(&app, instance, &format!("user?accountId={account}")).await["displayName"], name);
        assert!(!everybody.to_string().contains("emailAddress"));

        let first = get(&app, instance, "users/search?maxResults=2").await;
        let second = get(&app, instance, "users/search?maxResults=2&startAt=2").await;
        assert!(list(&first, "accountId").is_disjoint(&list(&second, "accountId")));
        let assignable = get(&app, instance, "user/assignable/search?project=PAY&maxResults=1000").await;
        let assignable = assignable.as_array().unwrap();
        assert!(assignable.len() < people.len(), "neither apps nor who has left");
        assert!(assignable.iter().all(|one| one["active"] == true && one["accountType"] == "atlassian"));
        let picked = get(&app, instance, &format!("user/picker?query={}&maxResults=1", &name[..1])).await;
        assert_eq!(picked["users"].as_array().unwrap().len(), 1);
        assert!(picked["total"].as_u64().unwrap() >= 1, "{picked}");
    }
    let own = get(&app, "site", "user?accountId=forebay-sandbox").await;
    assert_eq!(own["displayName"], "Forebay Sandbox");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_project_tells_its_statuses_versions_components_and_forms() {
    let app = site_and_copy(150).await;
    for instance in ["site", "copy"] {
        let project = get(&app, instance, "project/PAY").await;
        let versions = get(&app, instance, "project/PAY/versions").await;
        assert_eq!(list(&versions, "id"), list(&project["versions"], "id"));
        assert_eq!(versions[0]["projectId"].to_string(), project["id"].as_str().unwrap());
        let released = get(&app, instance, "project/PAY/version?status=released&maxResults=1").await;
        assert_eq!((&released["values"][0]["released"], &released["isLast"]), (&json!(true), &json!(false)));
        let next = released["nextPage"].as_str().unwrap().strip_prefix(&app.url).unwrap();
        assert_ne!(app.get(next).await.ok()["values"][0]["id"], released["values"][0]["id"]);
        let version = get(&app, instance, &format!("version/{}", versions[0]["id"].as_str().unwrap())).await;
        assert_eq!(version, versions[0]);
        let components = get(&app, instance, "project/PAY/components").await;
        assert_eq!(
            (&components[0]["project"], components.as_array().unwrap().is_empty()),
            (&json!("PAY"), false)
        );

        let statuses = get(&app, instance, "project/PAY/statuses").await;
        let task = statuses.as_array().unwrap().iter().find(|kind| kind["name"] == "Task").unwrap();
        assert!(!task["statuses"].as_array().unwrap().is_empty(), "{task}");

        let labels = get(&app, instance, "label").await;
        let mut sorted: Vec<String> = labels["values"]
            .as_array()
            .unwrap()
            .iter()
            .map(|label| label.as_str().unwrap().to_lowercase())
            .collect();
        let listed = sorted.clone();
        sorted.sort();
        sorted.dedup();
        assert_eq!((listed, &labels["total"]), (sorted.clone(), &json!(sorted.len())));
        let found =
            get(&app, instance, &format!("search?jql=labels%20%3D%20%22{}%22&maxResults=1", sorted[0])).await;
        assert!(found["total"].as_u64().unwrap() > 0, "{found}");

        let types = get(&app, instance, "issue/createmeta/PAY/issuetypes").await;
        let subtask =
            types["issueTypes"].as_array().unwrap().iter().find(|kind| kind["subtask"] == true).unwrap();
        let path = format!("issue/createmeta/PAY/issuetypes/{}", subtask["id"].as_str().unwrap());
        let form = get(&app, instance, &path).await;
        let field = |id: &str| {
            form["fields"]
                .as_array()
                .unwrap()
                .iter()
                .find(|field| field["fieldId"] == id)
                .unwrap_or_else(|| panic!("{id}: {form}"))
        };
        for id in ["project", "issuetype", "summary", "parent"] {
            assert_eq!(field(id)["required"], true, "{id}");
        }
        assert_eq!(
            list(&field("fixVersions")["allowedValues"], "id").len(),
            versions.as_array().unwrap().iter().filter(|v| v["archived"] == false).count()
        );
        assert_eq!(
            list(&field("customfield_10031")["allowedValues"], "value"),
            BTreeSet::from(["Critical", "Major", "Minor", "Cosmetic"])
        );
        assert_eq!(
            field("customfield_10038")["allowedValues"][0]["children"][0]["value"],
            "Germany",
            "a cascade"
        );
        let old = get(
            &app,
            instance,
            "issue/createmeta?projectKeys=PAY&issuetypeNames=Task&expand=projects.issuetypes.fields",
        )
        .await;
        assert_eq!(old["projects"][0]["issuetypes"][0]["fields"]["summary"]["name"], "Summary");
        let edit =
            get(&app, instance, "issue/10001?fields=summary&expand=editmeta,operations,transitions").await;
        assert_eq!(edit["editmeta"]["fields"]["labels"]["operations"], json!(["add", "set", "remove"]));
        assert!(!edit["transitions"].as_array().unwrap().is_empty() && edit["operations"].is_object());
    }
    // What the form of a sandbox offers, it takes.
    let body = json!({ "fields": { "project": { "key": "PAY" }, "issuetype": { "name": "Task" }, "summary": "x",
                                   "customfield_10031": { "value": "Minor" } } });
    assert_eq!(app.post("/jira/site/rest/api/3/issue", body).await.status, 201);
}

#[tokio::test(flavor = "multi_thread")]
async fn permissions_are_what_the_door_would_do_for_the_key() {
    let app = site_and_copy(5).await;
    let reader = app.key_for("acme", "read");
    let mine = async |instance: &str, key: &str| {
        let path = format!("/jira/{instance}/rest/api/2/mypermissions");
        let answer = app.ask(Method::GET, &path, Some(key), None).await.ok();
        let has = |name: &str| answer["permissions"][name]["havePermission"] == true;
        ["BROWSE_PROJECTS", "ADD_COMMENTS", "CREATE_ISSUES", "ADMINISTER"].map(has)
    };
    assert_eq!(mine("site", &app.key).await, [true, true, true, false]);
    assert_eq!(mine("copy", &app.key).await, [true, true, false, false]);
    assert_eq!(mine("site", &reader).await, [true, false, false, false]);
    let session = app.get("/jira/site/rest/auth/1/session").await.ok();
    assert_eq!(session["name"], "forebay-sandbox");
    let categories = get(&app, "copy", "statuscategory").await;
    assert_eq!(list(&categories, "key"), BTreeSet::from(["undefined", "new", "indeterminate", "done"]));
    let picked = get(&app, "copy", "issue/picker?query=").await;
    assert_eq!(picked["sections"][0]["issues"], json!([]));
    let issue = get(&app, "copy", "issue/10001").await;
    let key = issue["key"].as_str().unwrap();
    let picked = get(&app, "copy", &format!("issue/picker?query={}", key.to_lowercase())).await;
    assert_eq!(picked["sections"][0]["issues"][0]["summaryText"], issue["fields"]["summary"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_for_some_projects_sees_theirs_only_and_another_tenant_nothing() {
    let app = site_and_copy(120).await;
    let limited = app.cli(&["key", "create", "--tenant", "acme", "--scopes", "read", "--projects", "PAY"]);
    let limited = limited.trim();
    let other = app.get("/jira/site/rest/api/3/project").await.ok();
    let other = other.as_array().unwrap().iter().find(|project| project["key"] != "PAY").unwrap().clone();
    let ask = async |path: &str| {
        app.ask(Method::GET, &format!("/jira/copy/rest/api/3/{path}"), Some(limited), None).await
    };
    let key = other["key"].as_str().unwrap();
    let version = other["versions"][0]["id"].as_str().unwrap();
    let component = other["components"][0]["id"].as_str().unwrap();
    for path in [
        format!("project/{key}/statuses"),
        format!("project/{key}/versions"),
        format!("project/{key}/version"),
        format!("project/{key}/components"),
        format!("project/{key}/component"),
        format!("version/{version}"),
        format!("component/{component}"),
        format!("issuetype/project?projectId={}", other["id"].as_str().unwrap()),
        format!("issue/createmeta/{key}/issuetypes"),
        format!("user/assignable/search?project={key}"),
        format!("mypermissions?projectKey={key}"),
    ] {
        assert!(
            app.get(&format!("/jira/copy/rest/api/3/{path}")).await.status.is_success(),
            "{path}: the owner sees it"
        );
        assert_eq!(ask(&path).await.status, 404, "{path}");
    }
    let projects = ask("issue/createmeta").await.ok();
    assert_eq!(list(&projects["projects"], "key"), BTreeSet::from(["PAY"]));
    let all = get(&app, "copy", "label").await["total"].as_u64().unwrap();
    let own = ask("label").await.ok()["total"].as_u64().unwrap();
    let used =
        json!({ "jql": "project = PAY AND labels is not EMPTY", "fields": ["labels"], "maxResults": 100 });
    let used = app.post("/jira/copy/rest/api/3/search/jql", used).await.ok();
    let used: BTreeSet<&str> = used["issues"]
        .as_array()
        .unwrap()
        .iter()
        .flat_map(|issue| {
            issue["fields"]["labels"].as_array().unwrap().iter().map(|label| label.as_str().unwrap())
        })
        .collect();
    assert_eq!(own, used.len() as u64, "of {all}");

    app.cli(&["tenant", "create", "globex"]);
    let stranger = app.key_for("globex", "read,write,sql,ai,admin");
    for served in served().iter().filter(|served| served.method == "GET") {
        let path = format!("/jira/site{}", served.path.replace(['{', '}'], ""));
        let answer = app
            .ask(Method::GET, &format!("{path}?query=a&permissions=BROWSE_PROJECTS"), Some(&stranger), None)
            .await;
        // What is wrong with the question itself may be said first.
        assert!([400, 404].contains(&answer.status.as_u16()), "{path}: {} {}", answer.status, answer.text);
    }
}
