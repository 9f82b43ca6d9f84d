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
    issues::{OfInstance, find},
    problem::Problem,
};
use crate::state::WebState;

pub(super) fn routes() -> OpenApiRouter<WebState> {
    OpenApiRouter::new().routes(routes!(get_changelog))
}

/// The changelog of an issue.
#[derive(Serialize, ToSchema)]
struct Changelog {
    /// Oldest first.
    histories: Vec<History>,
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
    params(("key" = String, Path, description = "The issue's key or Jira's numeric id."), OfInstance),
    responses((status = 200, description = "The changelog.", body = Changelog), Standard, Missing, Conflicting),
)]
async fn get_changelog(
    State(state): State<WebState>,
    ApiCaller(caller): ApiCaller,
    ValidPath(key): ValidPath<String>,
    ValidQuery(of): ValidQuery<OfInstance>,
) -> Result<Json<Changelog>, Problem> {
    caller.require(Scope::Read)?;
    let issue = find(&state.services, &caller, of.instance.as_deref(), &key).await?;
    let mut tx = state.services.db.tenant(&caller.context()).await?;
    let histories = tx.histories(&[issue.id]).await?.iter().map(History::from).collect();
    Ok(Json(Changelog { histories }))
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
