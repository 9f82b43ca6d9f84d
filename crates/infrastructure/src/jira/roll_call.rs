//! Roll calls: the ids and keys of a project's issues, at the least cost.
//!
//! Ordered by key, which within a project is by the key's number in every dialect. The field `id` of JQL is another name of
//! `key`, so that neither an order nor a window by numeric ids can be relied on (jira-facts 1.1).

use application::ports::{IssueName, ProjectRoll, RollCallPage};
use jira_client::{JiraClient, JiraError, RetiredProjects, SearchCursor, SearchPage, SearchRequest};
use serde_json::Value;

/// What Cloud gives where only ids and keys are asked for.
const PAGE: u32 = 5_000;
/// What Server and Data Center give by default (`jira.search.views.default.max`).
const WINDOW: u32 = 1_000;
/// Keys from whose last existing one the next window begins: Jira refuses to compare with a key that is gone.
const FOOTHOLDS: usize = 3;

pub(super) async fn projects(client: &JiraClient) -> Result<ProjectRoll, JiraError> {
    let live = client.projects().await?;
    let retired = match client.retired_projects().await {
        Ok(retired) => retired,
        // It takes rights of its own. Without it, a project that is not live is one that is not seen.
        Err(
            error @ (JiraError::Forbidden { .. } | JiraError::NotFound { .. } | JiraError::BadRequest { .. }),
        ) => {
            tracing::info!(%error, "archived and trashed projects cannot be listed");
            RetiredProjects::default()
        }
        Err(error) => return Err(error),
    };
    let is_live = |project: &Value| live.iter().any(|other| other["id"] == project["id"]);
    let without_live = |projects: Vec<Value>| projects.into_iter().filter(|p| !is_live(p)).collect();
    Ok(ProjectRoll {
        archived: without_live(retired.archived),
        trashed: without_live(retired.trashed),
        // Server and Data Center may list archived projects among the others.
        live: live.into_iter().filter(|project| project["archived"] != true).collect(),
    })
}

/// Cloud: by page token.
pub(super) async fn by_token(
    client: &JiraClient,
    project_id: &str,
    cursor: Option<&str>,
) -> Result<RollCallPage, JiraError> {
    let cursor: Option<SearchCursor> = cursor.and_then(|text| serde_json::from_str(text).ok());
    let request = request(format!("project = {project_id} ORDER BY key ASC"), PAGE);
    let page = client.search_page(&request, cursor.as_ref()).await?;
    let next = page.next.as_ref().and_then(|next| serde_json::to_string(next).ok());
    Ok(RollCallPage { issues: names(&page)?, next, ends_early: page.ends_early })
}

/// Server and Data Center: by windows of keys, each from its first issue on, because deep offsets are refused and skip issues
/// of a set that moves (jira-facts 1.3).
pub(super) async fn by_key(
    client: &JiraClient,
    project_id: &str,
    cursor: Option<&str>,
) -> Result<RollCallPage, JiraError> {
    let footholds: Vec<String> = cursor.and_then(|text| serde_json::from_str(text).ok()).unwrap_or_default();
    let mut windows = footholds.iter().rev().map(|key| format!(" AND key > \"{key}\"")).collect::<Vec<_>>();
    if windows.is_empty() {
        windows.push(String::new());
    }
    let mut refused = None;
    for window in windows {
        let request = request(format!("project = {project_id}{window} ORDER BY key ASC"), WINDOW);
        let page = match client.search_page(&request, None).await {
            Ok(page) => page,
            Err(error @ JiraError::BadRequest { .. }) => {
                refused = Some(error);
                continue;
            }
            Err(error) => return Err(error),
        };
        let issues = names(&page)?;
        let last: Vec<&str> =
            issues[issues.len().saturating_sub(FOOTHOLDS)..].iter().map(|name| name.key.as_str()).collect();
        let next = page.next.is_some().then(|| serde_json::to_string(&last).unwrap_or_default());
        return Ok(RollCallPage { next, ends_early: page.ends_early, issues });
    }
    Err(refused.unwrap_or_else(|| unusable("no window to ask for")))
}

fn request(jql: String, page_size: u32) -> SearchRequest {
    SearchRequest { jql, fields: vec!["id".to_owned()], page_size, ..SearchRequest::default() }
}

/// A row without id or key must fail the listing: passed over, its issue would look absent.
fn names(page: &SearchPage) -> Result<Vec<IssueName>, JiraError> {
    let text = |issue: &Value, name: &str| issue[name].as_str().map(str::to_owned);
    page.issues
        .iter()
        .map(|issue| {
            text(issue, "id")
                .zip(text(issue, "key"))
                .map(|(id, key)| IssueName { id, key })
                .ok_or_else(|| unusable("an issue without id or key"))
        })
        .collect()
}

fn unusable(excerpt: &str) -> JiraError {
    JiraError::InvalidBody { what: "roll call".into(), excerpt: excerpt.into() }
}
