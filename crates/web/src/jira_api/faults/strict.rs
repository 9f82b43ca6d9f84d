//! A sandbox that takes no more than its kind of site does.

use application::{instances::Dialect, sandbox::faults::Asked};
use axum::response::{IntoResponse, Response};
use serde_json::Value;

use super::{super::refusal::Refusal, answers};

const ISSUES: &[&str] = &["issues"];
const FILTER: &[&str] = &[
    "approximateLastUsed",
    "description",
    "editPermissions",
    "favourite",
    "favouritedCount",
    "id",
    "jql",
    "name",
    "owner",
    "searchUrl",
    "self",
    "sharePermissions",
    "sharedUsers",
    "subscriptions",
    "viewUrl",
];
const RANK: &[&str] = &["issues", "rankAfterIssue", "rankBeforeIssue", "rankCustomFieldId"];
const SPRINT: &[&str] = &[
    "completeDate",
    "createdDate",
    "endDate",
    "goal",
    "id",
    "name",
    "originBoardId",
    "self",
    "startDate",
    "state",
];

/// The operations whose bodies are closed in Cloud's own document (`additionalProperties: false`), with what they have. `*` stands
/// for one part of the path; those of the platform begin behind the version.
pub(super) const CLOSED: &[(&str, &str, &[&str])] = &[
    ("POST", "api/bulk/issues/move", &["sendBulkNotification", "targetToSourcesMapping"]),
    ("POST", "api/changelog/bulkfetch", &["fieldIds", "issueIdsOrKeys", "maxResults", "nextPageToken"]),
    ("POST", "api/filter", FILTER),
    ("PUT", "api/filter/*", FILTER),
    ("POST", "api/issue/bulkfetch", &["expand", "fields", "fieldsByKeys", "issueIdsOrKeys", "properties"]),
    (
        "PUT",
        "api/issue/*/assignee",
        &[
            "accountId",
            "accountType",
            "active",
            "applicationRoles",
            "avatarUrls",
            "displayName",
            "emailAddress",
            "expand",
            "groups",
            "key",
            "locale",
            "name",
            "self",
            "timeZone",
        ],
    ),
    ("POST", "api/issueLink", &["comment", "inwardIssue", "outwardIssue", "type"]),
    ("POST", "api/jql/autocompletedata", &["includeCollapsedFields", "projectIds"]),
    ("POST", "api/jql/match", &["issueIds", "jqls"]),
    ("POST", "api/jql/parse", &["queries"]),
    ("POST", "api/jql/sanitize", &["queries"]),
    ("POST", "api/search/approximate-count", &["jql"]),
    (
        "POST",
        "api/search/jql",
        &[
            "expand",
            "fields",
            "fieldsByKeys",
            "jql",
            "maxResults",
            "nextPageToken",
            "properties",
            "reconcileIssues",
        ],
    ),
    ("POST", "api/worklog/list", &["ids"]),
    ("POST", "agile/1.0/backlog/issue", ISSUES),
    ("POST", "agile/1.0/epic/none/issue", ISSUES),
    ("POST", "agile/1.0/epic/*/issue", ISSUES),
    ("PUT", "agile/1.0/issue/rank", RANK),
    ("POST", "agile/1.0/sprint", &["endDate", "goal", "name", "originBoardId", "startDate"]),
    ("POST", "agile/1.0/sprint/*", SPRINT),
    ("PUT", "agile/1.0/sprint/*", SPRINT),
    ("POST", "agile/1.0/sprint/*/issue", RANK),
];

/// What the site says of a request that only a more lenient one would take; `None` for any other.
pub(super) fn refusal(asked: &Asked<'_>, dialect: Dialect) -> Option<Response> {
    let foreign = answers::foreign_search(asked, dialect);
    foreign.or_else(|| {
        let is_refused = dialect == Dialect::V3 && names_more(asked);
        is_refused.then(|| Refusal::invalid_payload().into_response())
    })
}

/// Whether the body has a member that its schema does not.
fn names_more(asked: &Asked<'_>) -> bool {
    let closed = CLOSED.iter().find(|(method, path, _)| *method == asked.method && is_at(asked.path, path));
    let Some((_, _, known)) = closed else { return false };
    let Ok(Value::Object(members)) = serde_json::from_slice(asked.body) else { return false };
    members.keys().any(|name| !known.contains(&name.as_str()))
}

fn is_at(path: &str, wanted: &str) -> bool {
    let Some(path) = path.strip_prefix("/rest/") else { return false };
    let mut parts: Vec<&str> = path.trim_end_matches('/').split('/').collect();
    if parts.first() == Some(&"api") && parts.len() > 1 {
        parts.remove(1);
    }
    let wanted: Vec<&str> = wanted.split('/').collect();
    parts.len() == wanted.len()
        && parts.iter().zip(wanted).all(|(part, wanted)| wanted == "*" || *part == wanted)
}

#[cfg(test)]
mod tests {
    use axum::http::StatusCode;

    use super::*;

    fn status(method: &str, path: &str, body: &str, dialect: Dialect) -> Option<StatusCode> {
        let asked = Asked { method, path, query: "", body: body.as_bytes() };
        refusal(&asked, dialect).map(|response| response.status())
    }

    #[test]
    fn cloud_refuses_members_that_it_does_not_know_where_its_schema_is_closed() {
        let search = "/rest/api/3/search/jql";
        assert_eq!(
            status("POST", search, r#"{"jql": "", "startAt": 0}"#, Dialect::V3),
            Some(StatusCode::BAD_REQUEST)
        );
        assert_eq!(status("POST", search, r#"{"jql": "", "nextPageToken": "x"}"#, Dialect::V3), None);
        let link = "/rest/api/latest/issueLink";
        assert_eq!(status("POST", link, r#"{"note": 1}"#, Dialect::V3), Some(StatusCode::BAD_REQUEST));
        assert_eq!(
            status("POST", "/rest/api/3/issue", r#"{"note": 1}"#, Dialect::V3),
            None,
            "this one is open"
        );
        assert_eq!(
            status("POST", "/rest/agile/1.0/sprint/7/issue", r#"{"ids": []}"#, Dialect::V3),
            Some(StatusCode::BAD_REQUEST)
        );
        assert_eq!(
            status("POST", link, r#"{"note": 1}"#, Dialect::V2),
            None,
            "a Server is asked for other things"
        );
    }

    #[test]
    fn each_kind_has_its_own_search_only() {
        assert_eq!(status("GET", "/rest/api/2/search", "", Dialect::V3), Some(StatusCode::GONE));
        assert_eq!(status("GET", "/rest/api/2/search/jql", "", Dialect::V2), Some(StatusCode::NOT_FOUND));
        assert_eq!(status("GET", "/rest/api/2/search", "", Dialect::V2), None);
    }

    /// Atlassian's own documents say which bodies are closed.
    #[test]
    fn the_table_is_what_atlassians_documents_say() {
        let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../../../shared/jira-openapi");
        let documents = ["jira-platform.v3.json", "jira-software.v3.json"].map(|name| {
            let text = std::fs::read_to_string(format!("{folder}/{name}")).ok()?;
            serde_json::from_str::<Value>(&text).ok()
        });
        let [Some(platform), Some(software)] = documents else {
            eprintln!("SKIPPED: Atlassian's documents are not there");
            return;
        };
        for (method, path, known) in CLOSED {
            let (document, path) = match path.strip_prefix("api/") {
                Some(rest) => (&platform, format!("/rest/api/3/{rest}")),
                None => (&software, format!("/rest/{path}")),
            };
            let operation = document["paths"].as_object().unwrap().iter().find(|(listed, _)| {
                let listed: Vec<&str> = listed.split('/').collect();
                let path: Vec<&str> = path.split('/').collect();
                listed.len() == path.len()
                    && listed
                        .iter()
                        .zip(path)
                        .all(|(listed, part)| *listed == part || (part == "*" && listed.starts_with('{')))
            });
            let body = &operation.unwrap().1[method.to_lowercase()]["requestBody"]["content"]["application/json"]
                ["schema"];
            let schema = match body["$ref"].as_str() {
                Some(name) => &document["components"]["schemas"][name.rsplit('/').next().unwrap()],
                None => body,
            };
            assert_eq!(schema["additionalProperties"], false, "{method} {path}");
            let mut listed: Vec<&str> =
                schema["properties"].as_object().unwrap().keys().map(String::as_str).collect();
            listed.sort_unstable();
            assert_eq!(listed, *known, "{method} {path}");
        }
    }
}
