//! Making issues whole: the collections that Jira embeds are truncated, so what is missing is fetched (jira-facts 1.7).

use std::collections::HashMap;

use application::{instances::Dialect, ports::FetchedIssue};
use jira_client::{JiraClient, JiraError};
use serde_json::{Value, json};

pub(super) async fn complete(
    client: &JiraClient,
    dialect: Dialect,
    issues: Vec<Value>,
) -> Result<Vec<FetchedIssue>, JiraError> {
    let ids: Vec<String> = issues.iter().filter_map(id_of).collect();
    let mut changelogs = match dialect {
        Dialect::V3 if !ids.is_empty() => client.changelogs(&ids).await?,
        _ => HashMap::new(),
    };
    let mut whole = Vec::with_capacity(issues.len());
    for mut raw in issues {
        let Some(id) = id_of(&raw) else {
            // Without an id nothing can be fetched for it; the reader rejects it with the reason.
            whole.push(FetchedIssue { raw, comments_complete: false, worklogs_complete: false });
            continue;
        };
        match dialect {
            Dialect::V3 => embed_changelog(&mut raw, changelogs.remove(&id).unwrap_or_default()),
            Dialect::V2 => {
                if is_truncated(&raw["changelog"], "histories") {
                    let histories = client.issue_changelog(&id).await?;
                    raw["changelog"]["histories"] = Value::Array(histories);
                }
            }
        }
        if is_truncated(&raw["fields"]["comment"], "comments") {
            raw["fields"]["comment"]["comments"] = Value::Array(client.comments(&id).await?);
        }
        if is_truncated(&raw["fields"]["worklog"], "worklogs") {
            raw["fields"]["worklog"]["worklogs"] = Value::Array(client.worklogs(&id).await?);
        }
        // A collection that the site left out altogether says nothing about what is gone.
        let listed = |field: &str, rows: &str| raw["fields"][field][rows].is_array();
        let (comments_complete, worklogs_complete) =
            (listed("comment", "comments"), listed("worklog", "worklogs"));
        whole.push(FetchedIssue { raw, comments_complete, worklogs_complete });
    }
    Ok(whole)
}

fn id_of(issue: &Value) -> Option<String> {
    issue["id"].as_str().map(str::to_owned)
}

fn is_truncated(collection: &Value, rows: &str) -> bool {
    let listed = collection[rows].as_array().map_or(0, Vec::len) as u64;
    collection.is_object() && collection["total"].as_u64().is_some_and(|total| total > listed)
}

fn embed_changelog(raw: &mut Value, histories: Vec<Value>) {
    let total = histories.len();
    raw["changelog"] = json!({ "startAt": 0, "maxResults": total, "total": total, "histories": histories });
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_shorter_than_its_total_is_truncated() {
        assert!(is_truncated(&json!({ "total": 30, "comments": [{}] }), "comments"));
        assert!(is_truncated(&json!({ "total": 1 }), "comments"));
        assert!(!is_truncated(&json!({ "total": 1, "comments": [{}] }), "comments"));
        assert!(!is_truncated(&json!({ "comments": [{}] }), "comments"));
        assert!(!is_truncated(&Value::Null, "comments"));
    }
}
