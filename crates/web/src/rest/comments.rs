//! Comments: reading them from the copy, adding one through Jira.

use application::{
    Error, Scope,
    issues::{self, CommentBody, CommentRow},
};
use axum::{
    extract::{Json, State},
    http::StatusCode,
};
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;
use utoipa_axum::{router::OpenApiRouter, routes};

use super::{
    document::{Body, Conflicting, Missing, Standard, Upstream},
    extract::{ApiCaller, ValidJson, ValidPath, ValidQuery},
    issues::{OfInstance, find},
    paging::{PageOfIssue, cut, page_of_issue},
    problem::Problem,
};
use crate::state::WebState;

pub(super) fn routes() -> OpenApiRouter<WebState> {
    OpenApiRouter::new().routes(routes!(list_comments, add_comment))
}

/// A comment.
#[derive(Serialize, ToSchema)]
struct Comment {
    /// Jira's numeric id, as text.
    #[schema(example = "20017")]
    id: String,
    /// The author's name.
    author: Option<String>,
    /// The text, in Markdown.
    body: String,
    /// When it was written.
    created: DateTime<Utc>,
    /// When it was last changed.
    updated: DateTime<Utc>,
}

impl From<&CommentRow> for Comment {
    fn from(row: &CommentRow) -> Self {
        Self {
            id: row.jira_id.clone(),
            author: row.author.clone(),
            body: adf::markdown_of(&row.raw["body"]),
            created: row.created,
            updated: row.updated,
        }
    }
}

/// A page of the comments of an issue.
#[derive(Serialize, ToSchema)]
struct Comments {
    /// Oldest first.
    comments: Vec<Comment>,
    /// The cursor of the next page; absent on the last one.
    #[serde(skip_serializing_if = "Option::is_none")]
    next_cursor: Option<String>,
}

/// A comment to be added: `body` or `adf`.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct CommentToAdd {
    /// The text, in Markdown.
    #[schema(example = "Fixed by **retrying**.")]
    body: Option<String>,
    /// The text, as an Atlassian Document.
    #[schema(value_type = Option<Object>)]
    adf: Option<Value>,
}

impl TryFrom<CommentToAdd> for CommentBody {
    type Error = Error;

    fn try_from(comment: CommentToAdd) -> Result<Self, Error> {
        match (comment.body, comment.adf) {
            (Some(text), None) => Ok(Self::Markdown(text)),
            (None, Some(document)) => Ok(Self::Adf(document)),
            _ => {
                Err(Error::invalid("body", "give either `body` (Markdown) or `adf` (an Atlassian Document)"))
            }
        }
    }
}

/// The comments of an issue, oldest first.
#[utoipa::path(
    get, path = "/issues/{key}/comments", tag = "issues", security(("bearer" = ["read"])),
    params(("key" = String, Path, description = "The issue's key or Jira's numeric id."), PageOfIssue),
    responses((status = 200, description = "A page of the comments.", body = Comments), Standard, Missing, Conflicting),
)]
async fn list_comments(
    State(state): State<WebState>,
    ApiCaller(caller): ApiCaller,
    ValidPath(key): ValidPath<String>,
    ValidQuery(of): ValidQuery<PageOfIssue>,
) -> Result<Json<Comments>, Problem> {
    caller.require(Scope::Read)?;
    let page = page_of_issue("comments", of.limit, of.cursor.as_deref())?;
    let issue = find(&state.services, &caller, of.instance.as_deref(), &key).await?;
    let mut tx = state.services.db.tenant(&caller.context()).await?;
    let found = tx.comments_of(issue.id, &page).await?;
    let (comments, next_cursor) = cut("comments", found, &page, |row| Comment::from(&row));
    Ok(Json(Comments { comments, next_cursor }))
}

/// Adds a comment: at Jira first, then in the copy and the audit log.
#[utoipa::path(
    post, path = "/issues/{key}/comments", tag = "issues", security(("bearer" = ["write"])),
    params(("key" = String, Path, description = "The issue's key or Jira's numeric id."), OfInstance),
    request_body = CommentToAdd,
    responses(
        (status = 201, description = "The comment, as stored.", body = Comment),
        Standard, Missing, Conflicting, Body, Upstream,
    ),
)]
async fn add_comment(
    State(state): State<WebState>,
    ApiCaller(caller): ApiCaller,
    ValidPath(key): ValidPath<String>,
    ValidQuery(of): ValidQuery<OfInstance>,
    ValidJson(comment): ValidJson<CommentToAdd>,
) -> Result<(StatusCode, Json<Comment>), Problem> {
    let body = CommentBody::try_from(comment)?;
    let added = issues::add_comment(&state.services, &caller, of.instance.as_deref(), &key, &body).await?;
    Ok((StatusCode::CREATED, Json(Comment::from(&added))))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_comment_is_markdown_or_a_document_and_not_both() {
        let read = |body: Value| CommentBody::try_from(serde_json::from_value::<CommentToAdd>(body).unwrap());
        assert_eq!(read(json!({ "body": "*x*" })).unwrap(), CommentBody::Markdown("*x*".into()));
        let document = json!({ "type": "doc", "version": 1, "content": [] });
        assert_eq!(read(json!({ "adf": document })).unwrap(), CommentBody::Adf(document.clone()));
        for wrong in [json!({}), json!({ "body": "x", "adf": document })] {
            assert_eq!(read(wrong).unwrap_err().code(), "invalid");
        }
    }
}
