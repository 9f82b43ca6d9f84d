//! Pickers: which issues and projects a person who types a key or some words may mean (jira-facts 11.2).

use application::{
    Scope,
    issues::IssueRow,
    reference::Roster,
    search::{SearchRequest, parse_jql},
};
use axum::response::Response;
use domain::issue_key::IssueKey;
use jql::Query;
use serde_json::{Value, json};

use super::{
    answer,
    params::Params,
    people::escaped,
    refusal::Refusal,
    rosters::{load, only},
    search,
    site::Site,
};

/// Issues that are suggested, as at Jira.
const MOST: u32 = 20;

/// Projects that are suggested unless more are asked for.
const PROJECTS: usize = 50;

/// Suggests issues. Jira has a section of those one has looked at lately as well, which a copy does not know.
pub(super) async fn suggest(site: Site, params: Params) -> Result<Response, Refusal> {
    let instance = site.instance(Scope::Read).await?;
    let typed = params.text("query").unwrap_or_default().trim();
    let issues = match condition(typed) {
        None => Vec::new(),
        Some(condition) => {
            let mut jql = condition;
            if let Some(current) = params.text("currentJQL").map(str::trim).filter(|jql| !jql.is_empty()) {
                // Its order does not matter to the picker.
                let current = Query { order_by: Vec::new(), ..parse_jql(current)? }.to_string();
                if !current.is_empty() {
                    jql = format!("{jql} AND ({current})");
                }
            }
            let project = params.text("currentProjectId").unwrap_or_default().trim();
            if project.parse::<u64>().is_ok() {
                jql = format!("{jql} AND project = {project}");
            }
            let query = parse_jql(&format!("{jql} ORDER BY updated DESC"))?;
            let request = SearchRequest { limit: MOST, ..search::request(&site, &instance, query) };
            let found = site.transaction().await?.search(&request).await;
            match found {
                Ok(page) => page.issues,
                // A key that does not exist is no error of who is still typing.
                Err(application::Error::InvalidJql(_)) => Vec::new(),
                Err(error) => return Err(error.into()),
            }
        }
    };
    let current = params.text("currentIssueKey").unwrap_or_default();
    let shown: Vec<Value> = issues
        .iter()
        .filter(|row| row.key != current && site.lens().is_none_or(|lens| !lens.hides(row)))
        .map(suggestion)
        .collect();
    let mut section = json!({ "label": "Current Search", "id": "cs" });
    if shown.is_empty() {
        section["msg"] = json!("No matching issues found");
    } else {
        section["sub"] = json!(format!("Showing {0} of {0} matching issues", shown.len()));
    }
    section["issues"] = Value::Array(shown);
    Ok(answer::ok(&json!({ "sections": [section] })))
}

/// `GET projects/picker` of Server and Data Center, which is in no document of Cloud's: projects by their name or key, as they are
/// typed.
pub(super) async fn projects(site: Site, params: Params) -> Result<Response, Refusal> {
    let typed = params.text("query").unwrap_or_default().trim().to_lowercase();
    let most =
        params.integer("maxResults")?.and_then(|most| usize::try_from(most).ok()).filter(|most| *most > 0);
    let excluded = params.list("currentProjectIds");
    let mut found = load(&site, Roster::Projects).await?;
    found.retain(|project| {
        let says =
            |member: &str| project[member].as_str().unwrap_or_default().to_lowercase().contains(&typed);
        let is_excluded = excluded.iter().any(|id| project["id"] == *id);
        (says("name") || says("key")) && !is_excluded
    });
    let total = found.len();
    found.truncate(most.unwrap_or(PROJECTS));
    let shown: Vec<Value> = found
        .iter()
        .map(|project| {
            let mut entry = only(project, &["id", "key", "name"]);
            let text = |member: &str| escaped(project[member].as_str().unwrap_or_default());
            entry["html"] = json!(format!("{} ({})", text("name"), text("key")));
            if let Some(avatar) = project["avatarUrls"]["24x24"].as_str() {
                entry["avatar"] = json!(avatar);
            }
            entry
        })
        .collect();
    let header = format!("Showing {} of {total} matching projects", shown.len());
    Ok(answer::ok(&json!({ "projects": shown, "total": total, "header": header })))
}

/// What issues are looked for: the key, or words of the summary; `None` where nothing can be.
fn condition(typed: &str) -> Option<String> {
    if let Ok(key) = typed.parse::<IssueKey>() {
        return Some(format!("issuekey = {}", jql::quote(&key.to_string())));
    }
    let words: Vec<String> = typed
        .split(|letter: char| !letter.is_alphanumeric())
        .filter(|word| !word.is_empty())
        .map(|word| format!("summary ~ {}", jql::quote(&format!("{word}*"))))
        .collect();
    (!words.is_empty()).then(|| words.join(" AND "))
}

fn suggestion(row: &IssueRow) -> Value {
    let mut shown = json!({
        "key": row.key,
        "keyHtml": escaped(&row.key),
        "summary": escaped(&row.summary),
        "summaryText": row.summary,
    });
    if let Ok(id) = row.jira_id.parse::<i64>() {
        shown["id"] = json!(id);
    }
    if let Some(icon) = row.raw["fields"]["issuetype"]["iconUrl"].as_str() {
        shown["img"] = json!(icon);
    }
    shown
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_looked_for_as_such_and_words_as_beginnings() {
        assert_eq!(condition("pay-7").unwrap(), "issuekey = PAY-7");
        assert_eq!(condition(" log\" fai").unwrap(), r#"summary ~ "log*" AND summary ~ "fai*""#);
        assert_eq!(condition(" *\" "), None);
    }
}
