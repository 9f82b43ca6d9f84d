//! `docs/jira-compatibility.md` lists every operation of Jira's, and says of each what the router says of it.

use std::{fmt::Write as _, path::Path};

use axum::http::StatusCode;
use serde_json::Value;

use super::{
    super::operations::{Operation, all},
    ask,
};

const DOCUMENT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/jira-compatibility.md");

/// Set, it lets the test write the document anew instead of comparing.
const UPDATE: &str = "FOREBAY_UPDATE_DOCS";

/// Operations that a mirror refuses with 501, because its truth is elsewhere or is not in the copy, by their document. The contract test
/// asks a mirror for each.
const SANDBOX_ONLY: [(&str, &[&str]); 3] = [
    (
        "platform",
        &[
            "getCommentPropertyKeys",
            "getCommentProperty",
            "setCommentProperty",
            "deleteCommentProperty",
            "getWorklogPropertyKeys",
            "getWorklogProperty",
            "setWorklogProperty",
            "deleteWorklogProperty",
            "createIssue",
            "editIssue",
            "deleteIssue",
            "assignIssue",
            "updateComment",
            "deleteComment",
            "addWorklog",
            "updateWorklog",
            "deleteWorklog",
            "linkIssues",
            "deleteIssueLink",
            "submitBulkMove",
            "createIssues",
            "addWatcher",
            "removeWatcher",
            "addVote",
            "removeVote",
            "getRemoteIssueLinks",
            "getRemoteIssueLinkById",
            "createOrUpdateRemoteIssueLink",
            "updateRemoteIssueLink",
            "deleteRemoteIssueLinkById",
            "deleteRemoteIssueLinkByGlobalId",
            "getIssuePropertyKeys",
            "getIssueProperty",
            "setIssueProperty",
            "deleteIssueProperty",
            "addAttachment",
            "getAttachmentContent",
            "removeAttachment",
            "createFilter",
            "updateFilter",
            "deleteFilter",
            "setFavouriteForFilter",
            "deleteFavouriteForFilter",
            "createGroup",
            "removeGroup",
            "addUserToGroup",
            "removeUserFromGroup",
            "createVersion",
            "updateVersion",
            "deleteVersion",
            "moveVersion",
            "deleteAndReplaceVersion",
            "createComponent",
            "updateComponent",
            "deleteComponent",
            "submitBulkEdit",
            "submitBulkTransition",
            "getBulkOperationProgress",
            "submitBulkWatch",
            "submitBulkUnwatch",
            "submitBulkDelete",
            "getTask",
            "mergeVersions",
            "getAttachmentThumbnail",
            "getDynamicWebhooksForApp",
            "registerDynamicWebhooks",
            "deleteWebhookById",
            "refreshWebhooks",
            "getFailedWebhooks",
            "getSharedTimeTrackingConfiguration",
        ],
    ),
    (
        "agile",
        &[
            "createSprint",
            "partiallyUpdateSprint",
            "updateSprint",
            "deleteSprint",
            "moveIssuesToSprintAndRank",
            "moveIssuesToBacklog",
            "moveIssuesToEpic",
            "removeIssuesFromEpic",
            "rankIssues",
            "partiallyUpdateEpic",
            "rankEpics",
            "estimateIssueForBoard",
        ],
    ),
    (
        "jsm",
        &[
            "createCustomer",
            "getArticles",
            "createOrganization",
            "deleteOrganization",
            "getPropertiesKeys",
            "getProperty",
            "setProperty",
            "deleteProperty",
            "addUsersToOrganization",
            "removeUsersFromOrganization",
            "createCustomerRequest",
            "answerApproval",
            "createCommentWithAttachment",
            "getAttachmentContent",
            "getSubscriptionStatus",
            "subscribe",
            "unsubscribe",
            "addRequestParticipants",
            "removeRequestParticipants",
            "postFeedback",
            "deleteFeedback",
            "attachTemporaryFile",
            "getCustomers",
            "addCustomers",
            "removeCustomers",
            "addOrganization",
            "removeOrganization",
            "createRequestType",
            "checkRequestTypePermissions",
            "deleteRequestType",
        ],
    ),
];

fn is_sandbox_only(operation: Operation) -> bool {
    SANDBOX_ONLY.iter().any(|(api, ids)| *api == operation.api && ids.contains(&operation.id))
}

/// Each document of Atlassian's: its name in the list, its title, the file it comes from.
const APIS: [(&str, &str, &str); 3] = [
    ("platform", "Jira platform", "jira-platform.v3.json"),
    ("agile", "Jira Software", "jira-software.v3.json"),
    ("jsm", "Jira Service Management", "jsm.v3.json"),
];

const INTRODUCTION: &str = "\
# Every operation of Jira's API, and what Forebay does with it

At `/jira/INSTANCE` ([how to point a client there](jira-clients.md)). This page is written by a test that asks the router for each
operation (`FOREBAY_UPDATE_DOCS=1 cargo nextest run -p web compatibility`), and fails when it is not true any more.

- **served**: on mirrors and sandboxes.
- **sandbox only**: a mirror answers 501, because its truth is elsewhere, or is not in the copy.
- **not served**: 501 with Jira's error body, naming the operation. A path that Jira does not have answers 404, a method that it does not have
  there 405, as Jira does.

An operation is a method on a path of Atlassian's OpenAPI documents. Those of the platform (`/rest/api/3`) are served under `/rest/api/2` and
`/rest/api/latest` too. Served besides, though in no such document: admin webhooks (`/rest/webhooks/1.0/webhook`), `GET /rest/auth/1/session`
and `GET projects/picker` of Server.
";

#[derive(Clone, Copy, PartialEq, Eq)]
enum Serves {
    Everywhere,
    Sandbox,
    Nowhere,
}

impl Serves {
    const ALL: [Self; 3] = [Self::Everywhere, Self::Sandbox, Self::Nowhere];

    fn words(self) -> &'static str {
        match self {
            Self::Everywhere => "served",
            Self::Sandbox => "sandbox only",
            Self::Nowhere => "not served",
        }
    }
}

/// What the router does with an operation: who reaches a handler without a key is told that there is one.
async fn served(operation: Operation) -> Serves {
    let path = operation.path.replace(['{', '}'], "");
    let response = ask(operation.method, &format!("/jira/acme{path}")).await;
    match response.status() {
        StatusCode::NOT_IMPLEMENTED => Serves::Nowhere,
        StatusCode::UNAUTHORIZED if is_sandbox_only(operation) => Serves::Sandbox,
        StatusCode::UNAUTHORIZED => Serves::Everywhere,
        other => panic!("{} {}: {other}", operation.method, operation.path),
    }
}

async fn document() -> String {
    let mut judged = Vec::new();
    for operation in all() {
        judged.push((operation, served(operation).await));
    }
    let mut document = INTRODUCTION.to_owned();
    let count = |api: Option<&str>, what: Serves| {
        let of = |operation: &Operation| api.is_none_or(|api| operation.api == api);
        judged.iter().filter(|(operation, serves)| of(operation) && *serves == what).count()
    };
    document.push_str("\n| | served | sandbox only | not served | operations |\n|---|---|---|---|---|\n");
    let apis = APIS.iter().map(|(api, title, _)| (Some(*api), *title)).chain([(None, "All")]);
    for (api, title) in apis {
        let counts = Serves::ALL.map(|what| count(api, what));
        let [served, sandbox, nowhere] = counts;
        let sum = counts.iter().sum::<usize>();
        writeln!(document, "| {title} | {served} | {sandbox} | {nowhere} | {sum} |").unwrap();
    }
    for (api, title, _) in APIS {
        writeln!(document, "\n## {title}\n| operation | | by name | |\n|---|---|---|---|").unwrap();
        for (operation, serves) in judged.iter().filter(|(operation, _)| operation.api == api) {
            let Operation { method, path, id, .. } = operation;
            writeln!(document, "| {method} | `{path}` | {id} | {} |", serves.words()).unwrap();
        }
    }
    document
}

#[tokio::test]
async fn the_page_on_compatibility_says_what_the_router_does() {
    let document = document().await;
    if std::env::var_os(UPDATE).is_some() {
        std::fs::write(DOCUMENT, &document).unwrap();
    }
    let written = std::fs::read_to_string(DOCUMENT).unwrap_or_default();
    let differs = written.lines().zip(document.lines()).find(|(written, now)| written != now);
    assert!(
        written == document,
        "docs/jira-compatibility.md is out of date ({differs:?}); write it anew with {UPDATE}=1"
    );
}

#[test]
fn what_only_sandboxes_serve_is_named_rightly() {
    for (api, id) in SANDBOX_ONLY.iter().flat_map(|(api, ids)| ids.iter().map(move |id| (*api, *id))) {
        let named = all().filter(|operation| operation.api == api && operation.id == id);
        // Jira Service Management has some names twice, for a desk and for all.
        let times = if api == "jsm" { 1..=2 } else { 1..=1 };
        assert!(times.contains(&named.count()), "{api} {id}");
    }
}

#[test]
fn the_list_is_that_of_the_openapi_documents() {
    let folder = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../../../shared/jira-openapi"));
    if !folder.exists() {
        eprintln!("skipped: Atlassian's documents are not part of a clone");
        return;
    }
    let mut counted = 0;
    for (api, _, file) in APIS {
        let text = std::fs::read_to_string(folder.join(file)).unwrap();
        let document: Value = serde_json::from_str(&text).unwrap();
        for (path, methods) in document["paths"].as_object().unwrap() {
            for (method, described) in methods.as_object().unwrap() {
                if method == "parameters" {
                    continue;
                }
                let known = all().any(|operation| {
                    operation.api == api
                        && operation.path == path
                        && operation.method.eq_ignore_ascii_case(method)
                        && described["operationId"] == operation.id
                        && described["tags"][0] == operation.tag
                });
                assert!(known, "{api}: {method} {path} is not in operations.tsv, or is another there");
                counted += 1;
            }
        }
    }
    assert_eq!(counted, all().count(), "operations.tsv has more than the documents");
}
