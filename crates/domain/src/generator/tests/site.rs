//! The site around the issues.

use std::collections::{BTreeSet, HashMap};

use serde_json::Value;

use super::{generated, list, options};
use crate::generator::site;

fn ids(values: &[Value]) -> BTreeSet<String> {
    let ids: BTreeSet<String> = values.iter().map(|value| value["id"].to_string()).collect();
    assert_eq!(ids.len(), values.len(), "ids are unique");
    ids
}

#[test]
fn a_small_site_has_four_projects_with_teams_and_boards() {
    let site = site(&options(2000, 1));
    let keys: Vec<&str> = site.projects.iter().map(|project| project["key"].as_str().unwrap()).collect();
    assert_eq!(keys, ["PAY", "WEB", "MOB", "OPS"]);
    assert!((37..=61).contains(&site.users.len()));
    assert_eq!(site.boards.len(), 4);
    assert_eq!(site.boards[3]["type"], "kanban");
    for count in [site.sprints.len(), site.versions.len(), site.components.len()] {
        assert!(count > 20, "{count}");
    }
    for values in [&site.sprints, &site.versions, &site.components, &site.projects, &site.boards] {
        ids(values);
    }
}

#[test]
fn a_large_site_has_more_projects_and_as_many_different_people() {
    let site = site(&options(1_000_000, 1));
    assert_eq!(site.projects.len(), 32);
    let different =
        |member: &str| site.users.iter().map(|user| user[member].to_string()).collect::<BTreeSet<_>>().len();
    assert_eq!(different("accountId"), site.users.len());
    assert_eq!(different("displayName"), site.users.len());
}

#[test]
fn users_have_cloud_accounts_without_addresses() {
    for user in site(&options(2000, 1)).users {
        assert_eq!(user["accountId"].as_str().unwrap().len(), 24);
        assert!(
            user["avatarUrls"]["48x48"].as_str().unwrap().starts_with("http://127.0.0.1:8080/jira/demo/")
        );
        assert!(user["timeZone"].as_str().unwrap().parse::<chrono_tz::Tz>().is_ok());
        assert!(user.get("emailAddress").is_none());
    }
}

#[test]
fn each_scrum_board_has_one_active_and_two_future_sprints() {
    let site = site(&options(2000, 1));
    let mut states: HashMap<(u64, &str), usize> = HashMap::new();
    for sprint in &site.sprints {
        let board = sprint["originBoardId"].as_u64().unwrap();
        *states.entry((board, sprint["state"].as_str().unwrap())).or_default() += 1;
        assert_eq!(sprint.get("completeDate").is_some(), sprint["state"] == "closed");
        assert!(sprint["startDate"].as_str().unwrap().ends_with('Z'));
    }
    for board in 1..=3 {
        assert_eq!(states[&(board, "active")], 1);
        assert!((1..=2).contains(&states[&(board, "future")]), "{states:?}");
        assert!(states[&(board, "closed")] > 35);
    }
    assert!(!states.contains_key(&(4, "closed")));
}

#[test]
fn issues_refer_to_what_the_site_has() {
    let (options, all) = generated();
    let site = site(&options);
    let users: BTreeSet<String> = site.users.iter().map(|user| user["accountId"].to_string()).collect();
    let (versions, components, sprints) = (ids(&site.versions), ids(&site.components), ids(&site.sprints));
    let (mut carried, mut active) = (0, 0);
    for fields in all.iter().map(|issue| &issue["fields"]) {
        for role in ["creator", "reporter", "assignee"] {
            assert!(fields[role].is_null() || users.contains(&fields[role]["accountId"].to_string()));
        }
        let known = |values: &Value, all: &BTreeSet<String>| {
            list(values).iter().all(|it| all.contains(&it["id"].to_string()))
        };
        assert!(known(&fields["fixVersions"], &versions) && known(&fields["versions"], &versions));
        assert!(known(&fields["components"], &components));
        if let Some(of_issue) = fields["customfield_10020"].as_array() {
            assert!(!of_issue.is_empty() && known(&fields["customfield_10020"], &sprints));
            assert!(of_issue.iter().filter(|sprint| sprint["state"] != "closed").count() <= 2);
            carried += usize::from(of_issue.len() > 1);
            active += usize::from(of_issue.iter().any(|sprint| sprint["state"] == "active"));
        }
    }
    assert!(carried > 100 && active > 15, "{carried} carried over, {active} in the active sprints");
}
