//! Making issues whole: the collections that Jira embeds are truncated, so what is missing is fetched (jira-facts 1.7).

use std::collections::HashMap;

use application::{
    instances::Dialect,
    ports::{FetchedIssue, SetAside},
};
use jira_client::{JiraClient, JiraError};
use serde_json::{Value, json};

use super::parts::{self, Portions};

/// The smallest number of embedded histories at which a Jira was seen to cut them (jira-facts 1.7).
const FEWEST_CUT: usize = 20;
/// What an embedded list of worklogs holds at most where it holds all (jira-facts 1.7).
const USUAL_WORKLOGS: u64 = 20;

/// A page of issues, made whole as far as that can be done.
#[derive(Debug, Default)]
pub(super) struct Whole {
    pub(super) issues: Vec<FetchedIssue>,
    /// Issues that could not be completed: one of them does not hold up the others.
    pub(super) set_aside: Vec<SetAside>,
}

pub(super) async fn complete(
    client: &JiraClient,
    dialect: Dialect,
    issues: Vec<Value>,
) -> Result<Whole, JiraError> {
    let open = issues.iter().filter(|issue| !has_whole_changelog(issue));
    let ids: Vec<String> = open.filter_map(id_of).collect();
    let mut changelogs = match dialect {
        Dialect::V3 if !ids.is_empty() => changelogs(client, &ids).await?,
        _ => HashMap::new(),
    };
    let mut whole = Whole::default();
    for mut raw in issues {
        let Some(id) = id_of(&raw) else {
            // Without an id nothing can be fetched for it; the reader rejects it with the reason.
            whole.issues.push(FetchedIssue { raw, comments_complete: false, worklogs_complete: false });
            continue;
        };
        if dialect == Dialect::V3 {
            let histories = match raw["changelog"]["histories"].take() {
                Value::Array(histories) if !ids.contains(&id) => Ok(histories),
                _ => changelogs.remove(&id).unwrap_or_else(|| Ok(Vec::new())),
            };
            match histories {
                Ok(histories) => embed_changelog(&mut raw, histories),
                Err(error) => {
                    let reason = format!("its histories cannot be read: {error}");
                    whole.set_aside.push(SetAside { jira_id: Some(id), reason });
                    continue;
                }
            }
        }
        let fetched = match fill(client, dialect, &id, &mut raw).await {
            Ok(fetched) => fetched,
            Err(error) if is_about_the_issue(&error) => {
                let reason = format!("cannot be read whole: {error}");
                whole.set_aside.push(SetAside { jira_id: Some(id), reason });
                continue;
            }
            Err(error) => return Err(error),
        };
        // A collection that the site left out altogether, or of which something is missing, says nothing about what is gone.
        let listed = |field: &str, rows: &str| {
            let collection = &raw["fields"][field];
            collection[rows].is_array() && !is_truncated(collection, rows)
        };
        let comments_complete = fetched.comments.unwrap_or_else(|| listed("comment", "comments"));
        let worklogs_complete = fetched.worklogs.unwrap_or_else(|| listed("worklog", "worklogs"));
        whole.issues.push(FetchedIssue { raw, comments_complete, worklogs_complete });
    }
    Ok(whole)
}

/// All histories of issues, by id. Where asking for them together fails, they are asked for in halves, and one by its own address; what
/// fails even so is told of that issue alone.
async fn changelogs(
    client: &JiraClient,
    ids: &[String],
) -> Result<HashMap<String, Result<Vec<Value>, JiraError>>, JiraError> {
    let failed = match client.changelogs(ids).await {
        Ok(found) => return Ok(found.into_iter().map(|(id, histories)| (id, Ok(histories))).collect()),
        Err(error) if parts::is_about_the_issues(&error, ids.len()) => error,
        Err(error) => return Err(error),
    };
    let (quick, patient) = (parts::tries(client, 1), parts::tries(client, 2));
    let mut found = HashMap::new();
    let mut portions = Portions::of(ids);
    while let Some(portion) = portions.next() {
        let asked = match portion.as_slice() {
            [id] => still_there(patient.issue_changelog(id).await)
                .map(|histories| histories.map(|histories| (id.clone(), histories)).into_iter().collect()),
            several => quick.changelogs(several).await,
        };
        match asked {
            Ok(part) => found.extend(part.into_iter().map(|(id, histories)| (id, Ok(histories)))),
            Err(error) if parts::is_about_the_issues(&error, portion.len()) => {
                if let Some(id) = portions.divide(portion) {
                    found.insert(id, Err(error));
                }
            }
            Err(error) => return Err(error),
        }
    }
    let is_site = ids.len() > parts::FEW && found.len() >= ids.len() && found.values().all(Result::is_err);
    if is_site { Err(failed) } else { Ok(found) }
}

/// Of what was fetched, whether that is all.
#[derive(Clone, Copy, Debug, Default)]
struct Completed {
    comments: Option<bool>,
    worklogs: Option<bool>,
}

/// Fetches what the issue's embedded collections leave out.
async fn fill(
    client: &JiraClient,
    dialect: Dialect,
    id: &str,
    raw: &mut Value,
) -> Result<Completed, JiraError> {
    let mut completed = Completed::default();
    if dialect == Dialect::V2
        && is_truncated(&raw["changelog"], "histories")
        && let Some(histories) = still_there(client.issue_changelog(id).await)?
    {
        complete_list(&mut raw["changelog"], "histories", histories, 0);
    }
    if is_truncated(&raw["fields"]["comment"], "comments")
        && let Some((comments, are_all)) = still_there(client.comments(id).await)?
    {
        complete_list(&mut raw["fields"]["comment"], "comments", comments, 0);
        completed.comments = Some(are_all);
    }
    if is_truncated(&raw["fields"]["worklog"], "worklogs")
        && let Some((worklogs, are_all)) = still_there(client.worklogs(id).await)?
    {
        complete_list(&mut raw["fields"]["worklog"], "worklogs", worklogs, USUAL_WORKLOGS);
        completed.worklogs = Some(are_all);
    }
    Ok(completed)
}

/// Puts all rows into an embedded list, which then says of itself what one says that was never cut short. A `total` may count what the
/// account may not see, and stays as sent.
fn complete_list(list: &mut Value, name: &str, rows: Vec<Value>, usual: u64) {
    let most = list["total"].as_u64().unwrap_or(0).max(rows.len() as u64).max(usual);
    list["maxResults"] = most.into();
    list[name] = Value::Array(rows);
}

/// An issue that went between two requests is stored as it was; that it is gone is found out by those who look for that.
fn still_there<T>(found: Result<T, JiraError>) -> Result<Option<T>, JiraError> {
    match found {
        Ok(found) => Ok(Some(found)),
        Err(JiraError::NotFound { .. }) => Ok(None),
        Err(error) => Err(error),
    }
}

/// Whether the site fails at this issue, and not at everything: it is worth going on with the others.
fn is_about_the_issue(error: &JiraError) -> bool {
    matches!(
        error,
        JiraError::BadRequest { .. }
            | JiraError::Forbidden { .. }
            | JiraError::Gone { .. }
            | JiraError::NotJson { .. }
            | JiraError::InvalidBody { .. }
            | JiraError::TooLarge { .. }
            | JiraError::Upstream { status: 500, retry_after: None, .. }
    )
}

/// Whether the histories that came with an issue are all of it: where they are fewer than any limit of Jira's that was ever seen, and
/// `total` says so too. More of them are always asked for: `total` alone is not believed.
fn has_whole_changelog(issue: &Value) -> bool {
    let changelog = &issue["changelog"];
    let listed = changelog["histories"].as_array().map(Vec::len);
    listed.is_some_and(|listed| listed < FEWEST_CUT && changelog["total"].as_u64() == Some(listed as u64))
}

pub(super) fn id_of(issue: &Value) -> Option<String> {
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
    fn a_few_histories_are_believed_to_be_all_where_the_total_says_so_and_many_never() {
        let issue = |listed: usize, total: Value| json!({ "changelog": { "total": total, "histories": vec![json!({}); listed] } });
        for (listed, total, whole) in
            [(0, 0, true), (3, 3, true), (19, 19, true), (20, 20, false), (3, 4, false)]
        {
            assert_eq!(has_whole_changelog(&issue(listed, json!(total))), whole, "{listed} of {total}");
        }
        assert!(!has_whole_changelog(&issue(3, Value::Null)));
        assert!(!has_whole_changelog(&json!({ "changelog": { "total": 0 } })));
        assert!(!has_whole_changelog(&json!({})));
    }

    #[test]
    fn a_list_that_was_completed_looks_as_if_it_had_never_been_cut() {
        let mut comment = json!({ "comments": [{}], "maxResults": 1, "total": 3, "startAt": 0 });
        complete_list(&mut comment, "comments", vec![json!({}); 3], 0);
        assert_eq!(comment, json!({ "comments": [{}, {}, {}], "maxResults": 3, "total": 3, "startAt": 0 }));
        let mut worklog = json!({ "worklogs": [], "maxResults": 1, "total": 2 });
        complete_list(&mut worklog, "worklogs", vec![json!({}); 2], USUAL_WORKLOGS);
        assert_eq!(worklog["maxResults"], 20);
    }

    #[test]
    fn a_list_shorter_than_its_total_is_truncated() {
        assert!(is_truncated(&json!({ "total": 30, "comments": [{}] }), "comments"));
        assert!(is_truncated(&json!({ "total": 1 }), "comments"));
        assert!(!is_truncated(&json!({ "total": 1, "comments": [{}] }), "comments"));
        assert!(!is_truncated(&json!({ "comments": [{}] }), "comments"));
        assert!(!is_truncated(&Value::Null, "comments"));
    }
}
