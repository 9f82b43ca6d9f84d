//! What changed at an issue, when and by whom.

use application::{Scope, issues::HistoryRow};
use axum::extract::{Json, State};
use chrono::{DateTime, Utc};
use domain::jira_time;
use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;
use utoipa_axum::{router::OpenApiRouter, routes};

use super::{
    document::{Conflicting, Missing, Standard},
    extract::{ApiCaller, ValidPath, ValidQuery},
    issues::find,
    paging::{PageOfIssue, cut, page_of_issue},
    problem::Problem,
};
use crate::state::WebState;

pub(super) fn routes() -> OpenApiRouter<WebState> {
    OpenApiRouter::new().routes(routes!(get_changelog))
}

/// A page of the changelog of an issue.
#[derive(Serialize, ToSchema)]
struct Changelog {
    /// Oldest first.
    histories: Vec<History>,
    /// The cursor of the next page; absent on the last one.
    #[serde(skip_serializing_if = "Option::is_none")]
    next_cursor: Option<String>,
}

/// What one person changed at one time.
#[derive(Debug, PartialEq, Serialize, ToSchema)]
struct History {
    /// Jira's numeric id, as text.
    id: Option<String>,
    /// The name of who changed it.
    author: Option<String>,
    /// When.
    created: Option<DateTime<Utc>>,
    /// The fields that were changed.
    items: Vec<Change>,
}

/// The change of one field.
#[derive(Debug, PartialEq, Serialize, ToSchema)]
struct Change {
    /// The field's name.
    #[schema(example = "status")]
    field: String,
    /// The field's id, where the site tells.
    field_id: Option<String>,
    /// The id of the value before.
    #[schema(example = "1")]
    from: Option<String>,
    /// The value before.
    #[schema(example = "Open")]
    from_text: Option<String>,
    /// The id of the value after.
    #[schema(example = "3")]
    to: Option<String>,
    /// The value after.
    #[schema(example = "In Progress")]
    to_text: Option<String>,
}

impl From<&HistoryRow> for History {
    fn from(row: &HistoryRow) -> Self {
        let raw = &row.raw;
        Self {
            id: text(&raw["id"]),
            author: text(&raw["author"]["displayName"]),
            created: jira_time::parse_json(&raw["created"]).ok(),
            items: raw["items"].as_array().into_iter().flatten().map(Change::from).collect(),
        }
    }
}

impl From<&Value> for Change {
    fn from(item: &Value) -> Self {
        Self {
            field: text(&item["field"]).unwrap_or_default(),
            field_id: text(&item["fieldId"]),
            from: text(&item["from"]),
            from_text: text(&item["fromString"]),
            to: text(&item["to"]),
            to_text: text(&item["toString"]),
        }
    }
}

/// Ids are texts at most places and numbers at some.
fn text(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        _ => None,
    }
}

/// What changed at an issue, oldest first.
#[utoipa::path(
    get, path = "/issues/{key}/changelog", tag = "issues", security(("bearer" = ["read"])),
    params(("key" = String, Path, description = "The issue's key or Jira's numeric id."), PageOfIssue),
    responses((status = 200, description = "A page of the changelog.", body = Changelog), Standard, Missing, Conflicting),
)]
async fn get_changelog(
    State(state): State<WebState>,
    ApiCaller(caller): ApiCaller,
    ValidPath(key): ValidPath<String>,
    ValidQuery(of): ValidQuery<PageOfIssue>,
) -> Result<Json<Changelog>, Problem> {
    caller.require(Scope::Read)?;
    let page = page_of_issue("changelog", of.limit, of.cursor.as_deref())?;
    let issue = find(&state.services, &caller, of.instance.as_deref(), &key).await?;
    let mut tx = state.services.db.tenant(&caller.context()).await?;
    let found = tx.histories_of(issue.id, &page).await?;
    let (histories, next_cursor) = cut("changelog", found, &page, |row| History::from(&row));
    Ok(Json(Changelog { histories, next_cursor }))
}

#[cfg(test)]
mod tests {
    use domain::ids::IssueId;
    use serde_json::json;
    use uuid::Uuid;

    use super::*;

    #[test]
    fn a_history_is_read_from_jiras_own_json() {
        let raw = json!({
            "id": "7", "author": { "displayName": "Ada" }, "created": "2024-01-05T10:11:12.123+0000",
            "items": [{ "field": "status", "fieldtype": "jira", "from": "1", "fromString": "Open", "to": 3,
                        "toString": "In Progress" }],
        });
        let shown = History::from(&HistoryRow { issue_id: IssueId(Uuid::nil()), raw });
        assert_eq!(
            serde_json::to_value(shown).unwrap(),
            json!({
                "id": "7", "author": "Ada", "created": "2024-01-05T10:11:12.123Z",
                "items": [{ "field": "status", "field_id": null, "from": "1", "from_text": "Open", "to": "3",
                            "to_text": "In Progress" }],
            })
        );
    }

    #[test]
    fn what_a_site_leaves_out_is_not_invented() {
        let shown =
            History::from(&HistoryRow { issue_id: IssueId(Uuid::nil()), raw: json!({ "items": [] }) });
        assert_eq!(shown, History { id: None, author: None, created: None, items: Vec::new() });
    }
}
