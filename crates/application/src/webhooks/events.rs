//! What an event leads to: the issues to be read again, or the one thing beside issues that it names (jira-facts 3.4).

use serde::{Deserialize, Serialize};
use serde_json::Value;

/// Something beside issues that an event names.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Named {
    /// A project itself, by its id. Where the site does not list it any more, a roll call tells what became of its issues.
    Project(String),
    /// A project that has become visible again, or is about to vanish, with its issues.
    ProjectWithIssues(String),
    /// The versions and components of a project, by its id.
    ProjectParts(String),
    /// A board with its sprints and its configuration.
    Board(i64),
    /// The sprints of a board.
    Sprints(i64),
    /// A person, by the id of their account.
    Person(String),
    /// A list that one request serves: issue types, filters, boards.
    Lists,
}

impl Named {
    /// Tells it from others in the key of a job.
    pub(crate) fn key(&self) -> String {
        match self {
            Self::Project(id) => format!("project:{id}"),
            Self::ProjectWithIssues(id) => format!("project_with_issues:{id}"),
            Self::ProjectParts(id) => format!("project_parts:{id}"),
            Self::Board(id) => format!("board:{id}"),
            Self::Sprints(id) => format!("sprints:{id}"),
            Self::Person(id) => format!("person:{id}"),
            Self::Lists => "lists".to_owned(),
        }
    }
}

/// The issues that a body speaks of: issue and comment events carry an issue, worklog events an `issueId`, link events two ids, as
/// numbers.
pub(super) fn issues_named(body: &Value) -> Vec<String> {
    let places = [
        &body["issue"]["id"],
        &body["worklog"]["issueId"],
        &body["issueLink"]["sourceIssueId"],
        &body["issueLink"]["destinationIssueId"],
    ];
    let mut ids: Vec<String> = places.into_iter().filter_map(id).collect();
    ids.dedup();
    ids
}

/// The attachment that a body speaks of without a word of its issue.
pub(super) fn attachment_named(body: &Value) -> Option<String> {
    id(&body["attachment"]["id"])
}

/// What beside issues an event names. Events of switches (`option_*`) name nothing that is copied.
pub(super) fn thing_named(event: &str, body: &Value) -> Option<Named> {
    let number = |value: &Value| id(value)?.parse::<i64>().ok();
    let (what, happened) = event.trim_start_matches("jira:").split_once('_').unwrap_or((event, ""));
    match what {
        "sprint" => number(&body["sprint"]["originBoardId"]).map(Named::Sprints),
        "board" if happened == "deleted" => Some(Named::Lists),
        "board" => {
            number(&body["board"]["id"]).or_else(|| number(&body["configuration"]["id"])).map(Named::Board)
        }
        "version" => id(&body["version"]["projectId"]).map(Named::ProjectParts),
        "project" => {
            let project = id(&body["project"]["id"])?;
            Some(match happened {
                "created" | "updated" => Named::Project(project),
                _ => Named::ProjectWithIssues(project),
            })
        }
        "user" => {
            let user = &body["user"];
            let account = user["accountId"].as_str().or(user["key"].as_str());
            account.filter(|account| account.len() <= 255).map(|account| Named::Person(account.to_owned()))
        }
        "issuetype" | "filter" => Some(Named::Lists),
        // The address named it, and nothing says what happened to it.
        _ if body["board"].is_object() => number(&body["board"]["id"]).map(Named::Board),
        _ if body["project"].is_object() => id(&body["project"]["id"]).map(Named::Project),
        _ => None,
    }
}

fn id(value: &Value) -> Option<String> {
    match value {
        Value::String(id) if !id.is_empty() && id.len() <= 18 && id.bytes().all(|b| b.is_ascii_digit()) => {
            Some(id.clone())
        }
        Value::Number(id) => id.as_u64().map(|id| id.to_string()),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn every_kind_of_body_names_its_issues() {
        assert_eq!(issues_named(&json!({"issue": {"id": "10002"}, "comment": {"id": "1"}})), ["10002"]);
        assert_eq!(issues_named(&json!({"worklog": {"issueId": "7"}})), ["7"]);
        assert_eq!(
            issues_named(
                &json!({"issueLink": {"id": 1, "sourceIssueId": 18715, "destinationIssueId": 11917}})
            ),
            ["18715", "11917"]
        );
        assert!(issues_named(&json!({"sprint": {"id": 4}})).is_empty());
        assert!(issues_named(&json!({"issue": {"id": "1 or 1=1"}})).is_empty());
        assert_eq!(attachment_named(&json!({"attachment": {"id": 31}})).as_deref(), Some("31"));
    }

    #[test]
    fn an_event_leads_to_what_it_names_and_no_further() {
        let project = json!({"project": {"id": 10, "key": "PAY"}});
        let cases = [
            ("sprint_started", json!({"sprint": {"id": 4, "originBoardId": 7}}), Some(Named::Sprints(7))),
            ("board_updated", json!({"board": {"id": 7}}), Some(Named::Board(7))),
            ("board_configuration_changed", json!({"configuration": {"id": 7}}), Some(Named::Board(7))),
            ("board_deleted", json!({"board": {"id": 7}}), Some(Named::Lists)),
            (
                "jira:version_released",
                json!({"version": {"id": "3", "projectId": 10}}),
                Some(Named::ProjectParts("10".into())),
            ),
            ("project_updated", project.clone(), Some(Named::Project("10".into()))),
            ("project_soft_deleted", project.clone(), Some(Named::ProjectWithIssues("10".into()))),
            ("project_restored_archived", project.clone(), Some(Named::ProjectWithIssues("10".into()))),
            ("user_updated", json!({"user": {"accountId": "5b:1"}}), Some(Named::Person("5b:1".into()))),
            ("issuetype_created", json!({"issuetype": {"id": 1}}), Some(Named::Lists)),
            ("option_voting_changed", json!({"property": {"key": "x"}}), None),
            ("unknown", project, Some(Named::Project("10".into()))),
            ("sprint_started", json!({"sprint": {"id": 4}}), None),
        ];
        for (event, body, named) in cases {
            assert_eq!(thing_named(event, &body), named, "{event}");
        }
    }
}
