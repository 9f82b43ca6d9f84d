//! Issues as read from the copy.

use std::sync::Arc;

use application::{
    Caller, Error, Result, Scope, Services,
    issues::{AttachmentRow, IssueDetails, IssueRow},
    lookups,
};
use axum::{
    extract::State,
    http::{HeaderMap, StatusCode, header},
    response::{IntoResponse, Response},
};
use chrono::{DateTime, NaiveDate, Utc};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::{router::OpenApiRouter, routes};
use uuid::Uuid;

use super::{
    document::{Conflicting, Missing, Standard},
    extract::{ApiCaller, ValidPath, ValidQuery},
    problem::Problem,
};
use crate::{etag::Etag, state::WebState};

pub(super) fn routes() -> OpenApiRouter<WebState> {
    OpenApiRouter::new().routes(routes!(get_issue))
}

/// An issue.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Issue {
    /// Its id in Forebay; the same for good.
    id: Uuid,
    /// Its present key.
    #[schema(example = "PAY-7")]
    key: String,
    /// Jira's numeric id, as text.
    #[schema(example = "10042")]
    jira_id: String,
    /// The instance's name.
    instance: String,
    /// The project's key.
    #[schema(example = "PAY")]
    project: String,
    /// The type's name.
    #[serde(rename = "type")]
    #[schema(example = "Bug")]
    issue_type: Option<String>,
    /// Its status.
    status: Status,
    /// The priority's name.
    priority: Option<String>,
    /// The resolution's name.
    resolution: Option<String>,
    /// Summary.
    summary: String,
    /// The description, in Markdown.
    description: Option<String>,
    /// The assignee's name.
    assignee: Option<String>,
    /// The reporter's name.
    reporter: Option<String>,
    /// The parent's key.
    parent: Option<String>,
    /// Labels.
    labels: Vec<String>,
    /// Names of components.
    components: Vec<String>,
    /// Names of the versions it is to be fixed in.
    fix_versions: Vec<String>,
    /// Story points.
    story_points: Option<f64>,
    /// Due date.
    due: Option<NaiveDate>,
    /// When it was created.
    created: DateTime<Utc>,
    /// When it was last changed at the source.
    updated: DateTime<Utc>,
    /// When it was resolved.
    resolved: Option<DateTime<Utc>>,
    /// When it was last stored here.
    synced_at: DateTime<Utc>,
    /// What only the issue by itself is shown with, not a list of issues.
    #[serde(flatten)]
    details: Option<Details>,
    /// All fields as Jira serves them, in the instance's dialect; only where asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Object>)]
    fields: Option<Value>,
}

/// A status.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Status {
    /// Its name, which sites rename and translate.
    #[schema(example = "In Progress")]
    pub(super) name: String,
    /// The key of its category, which they do not: `new`, `indeterminate`, `done` or `undefined`.
    #[schema(example = "indeterminate")]
    pub(super) category: String,
}

impl From<&IssueRow> for Issue {
    fn from(row: &IssueRow) -> Self {
        let fields = &row.raw["fields"];
        Self {
            id: row.id.0,
            key: row.key.clone(),
            jira_id: row.jira_id.clone(),
            instance: row.instance.clone(),
            project: row.project_key.clone(),
            issue_type: row.issue_type.clone(),
            status: Status { name: row.status.clone(), category: row.status_category.clone() },
            priority: row.priority.clone(),
            resolution: row.resolution.clone(),
            summary: row.summary.clone(),
            description: Some(adf::markdown_of(&fields["description"])).filter(|text| !text.is_empty()),
            assignee: row.assignee.clone(),
            reporter: row.reporter.clone(),
            parent: fields["parent"]["key"].as_str().map(str::to_owned),
            labels: row.labels.clone(),
            components: names(&fields["components"]),
            fix_versions: names(&fields["fixVersions"]),
            story_points: row.story_points,
            due: row.due,
            created: row.created,
            updated: row.updated,
            resolved: row.resolved,
            synced_at: row.synced_at,
            details: None,
            fields: None,
        }
    }
}

impl Issue {
    /// With its attachments, and with what its components and versions are called now.
    fn with_details(self, details: IssueDetails) -> Self {
        Self {
            components: details.components,
            fix_versions: details.fix_versions,
            details: Some(Details {
                affected_versions: details.affected_versions,
                watchers: details.counts.watchers,
                votes: details.counts.votes,
                attachments: details.attachments.into_iter().map(Attachment::from).collect(),
            }),
            ..self
        }
    }
}

/// What is shown with one issue.
#[derive(Debug, Serialize, ToSchema)]
struct Details {
    /// Names of the versions it affects.
    affected_versions: Vec<String>,
    /// How many watch it.
    watchers: i32,
    /// How many voted for it.
    votes: i32,
    /// Its attachments, oldest first: what is known of the files, which stay at the site.
    attachments: Vec<Attachment>,
}

/// An attachment.
#[derive(Debug, Serialize, ToSchema)]
struct Attachment {
    /// Jira's numeric id, as text.
    #[schema(example = "10200")]
    id: String,
    /// The name of the file.
    #[schema(example = "screenshot.png")]
    filename: String,
    /// Its media type.
    #[schema(example = "image/png")]
    mime_type: Option<String>,
    /// Its size, in bytes.
    size: Option<i64>,
    /// The name of who added it.
    author: Option<String>,
    /// When it was added.
    created: DateTime<Utc>,
}

impl From<AttachmentRow> for Attachment {
    fn from(row: AttachmentRow) -> Self {
        Self {
            id: row.jira_id,
            filename: row.filename,
            mime_type: row.mime_type,
            size: row.size,
            author: row.author,
            created: row.created,
        }
    }
}

fn names(list: &Value) -> Vec<String> {
    list.as_array()
        .into_iter()
        .flatten()
        .filter_map(|item| item["name"].as_str())
        .map(str::to_owned)
        .collect()
}

/// Which instance, where a key does not tell.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct OfInstance {
    /// The instance's name or id. Needed only where several instances have an issue of this key.
    pub(super) instance: Option<String>,
}

/// What of an issue is wanted.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct IssueParameters {
    /// The instance's name or id. Needed only where several instances have an issue of this key.
    instance: Option<String>,
    /// Whether `fields` is wanted: all fields as Jira serves them.
    #[serde(default)]
    #[param(default = false)]
    raw: bool,
}

/// The issue with this key or numeric id. For a handler that opens a transaction of its own after that, not before.
pub(super) async fn find(
    services: &Services,
    caller: &Caller,
    instance: Option<&str>,
    key: &str,
) -> Result<Arc<IssueRow>> {
    let instance = lookups::instance_id(services, caller, instance).await?;
    lookups::issue(services, caller, instance, key).await
}

/// An issue, by its key (an old one too) or Jira's numeric id.
#[utoipa::path(
    get, path = "/issues/{key}", tag = "issues", security(("bearer" = ["read"])),
    params(
        ("key" = String, Path, description = "The issue's key or Jira's numeric id.", example = "PAY-7"),
        IssueParameters,
        ("If-None-Match" = Option<String>, Header, description = "The ETag of an earlier answer."),
    ),
    responses(
        (status = 200, description = "The issue.", body = Issue,
         headers(("ETag" = String, description = "Changes whenever the answer does."))),
        (status = 304, description = "It is as in the earlier answer."),
        Standard, Missing, Conflicting,
    ),
)]
async fn get_issue(
    State(state): State<WebState>,
    ApiCaller(caller): ApiCaller,
    ValidPath(key): ValidPath<String>,
    ValidQuery(parameters): ValidQuery<IssueParameters>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    caller.require(Scope::Read)?;
    let row = find(&state.services, &caller, parameters.instance.as_deref(), &key).await?;
    let mut tx = state.services.db.tenant(&caller.context()).await?;
    let details = tx.details(row.instance_id, row.id).await?;
    drop(tx);
    let mut issue = Issue::from(row.as_ref()).with_details(details);
    if parameters.raw {
        issue.fields = row.raw.get("fields").cloned();
    }
    let body = serde_json::to_vec(&issue).map_err(Error::internal)?;
    let etag = Etag::of(&[&body]);
    if etag.is_known(&headers) {
        return Ok((StatusCode::NOT_MODIFIED, etag.headers()).into_response());
    }
    Ok((etag.headers(), [(header::CONTENT_TYPE, "application/json")], body).into_response())
}

#[cfg(test)]
mod tests {
    use application::instances::Dialect;
    use chrono::TimeDelta;
    use domain::ids::{InstanceId, IssueId};
    use serde_json::json;

    use super::*;

    fn at(seconds: i64) -> DateTime<Utc> {
        DateTime::UNIX_EPOCH + TimeDelta::seconds(seconds)
    }

    fn row() -> IssueRow {
        IssueRow {
            id: IssueId(Uuid::nil()),
            instance_id: InstanceId(Uuid::nil()),
            instance: "acme".into(),
            jira_id: "10042".into(),
            key: "PAY-7".into(),
            project_key: "PAY".into(),
            summary: "Login fails".into(),
            issue_type: Some("Bug".into()),
            status: "In Arbeit".into(),
            status_id: "3".into(),
            status_category: "indeterminate".into(),
            priority: None,
            resolution: None,
            assignee: Some("Ada".into()),
            reporter: None,
            labels: vec!["urgent".into()],
            created: at(0),
            updated: at(60),
            resolved: None,
            due: NaiveDate::from_ymd_opt(2026, 3, 1),
            story_points: Some(5.0),
            raw: json!({ "fields": {
                "description": "It is *broken*.",
                "components": [{ "name": "web" }, { "id": "1" }],
                "fixVersions": [{ "name": "1.0" }],
                "parent": { "key": "PAY-1" },
            } }),
            dialect: Dialect::V2,
            changelog_envelope: None,
            synced_at: at(61),
        }
    }

    #[test]
    fn an_issue_is_shown_with_typed_fields() {
        let shown = serde_json::to_value(Issue::from(&row())).unwrap();
        assert_eq!(
            shown,
            json!({
                "id": Uuid::nil(), "key": "PAY-7", "jira_id": "10042", "instance": "acme", "project": "PAY",
                "type": "Bug", "status": { "name": "In Arbeit", "category": "indeterminate" },
                "priority": null, "resolution": null, "summary": "Login fails",
                "description": "It is **broken**.",
                "assignee": "Ada", "reporter": null, "parent": "PAY-1",
                "labels": ["urgent"], "components": ["web"], "fix_versions": ["1.0"],
                "story_points": 5.0, "due": "2026-03-01",
                "created": "1970-01-01T00:00:00Z", "updated": "1970-01-01T00:01:00Z", "resolved": null,
                "synced_at": "1970-01-01T00:01:01Z",
            })
        );
    }

    #[test]
    fn an_etag_changes_with_whatever_is_shown() {
        let of = |row: &IssueRow| Etag::of(&[&serde_json::to_vec(&Issue::from(row)).unwrap()]);
        let known = of(&row());
        assert_eq!(known, of(&row()));
        assert_ne!(known, of(&IssueRow { updated: at(62), ..row() }));
        assert_ne!(known, of(&IssueRow { status: "Doing".into(), ..row() }), "a rename in a roster");
    }
}
