//! Every status that the documents name for an operation is answered to some case, or is listed here with the reason why nobody can
//! provoke it. So who serves an operation cannot forget one, and who mends a case has to take its reason away.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::{Served, described};

/// What is not answered: the status, why, and by which operations (`*`: by any).
const NOT_ANSWERED: &[(u16, &str, &[&str])] = &[
    (500, "a failure of our own, which no request can ask for", &["*"]),
    (
        200,
        "the generated sandbox has nothing of the kind",
        &["getProjectCategoryById", "getSharePermission", "deleteIssueLink"],
    ),
    (
        400,
        "there is nothing in the request but a name, and one that names nothing is answered with 404",
        &[
            "agile.getBoard",
            "agile.getIssue",
            "agile.getProjectsFull",
            "deleteCommentProperty",
            "deleteWorklogProperty",
            "getCommentProperty",
            "getCommentPropertyKeys",
            "getWorklogProperty",
            "getWorklogPropertyKeys",
            "deleteComment",
            "deleteRemoteIssueLinkById",
            "deleteIssueLink",
            "deleteWorklog",
            "getAttachmentContent",
            "getAttachmentThumbnail",
            "getHierarchy",
            "getIssueLink",
            "getIssueLinkType",
            "getIssueType",
            "getProjectRole",
            "getRecent",
            "getRemoteIssueLinkById",
            "getRemoteIssueLinks",
            "jsm.deleteProperty",
            "jsm.deleteRequestType",
            "jsm.getFeedback",
            "jsm.getPropertiesKeys",
            "jsm.getProperty",
        ],
    ),
    (400, "without an account it is the caller's own", &["removeWatcher"]),
    (400, "who may not vote, or voted already, is told of it with 404", &["addVote"]),
    (
        404,
        "what is not there is left out of the answer, or is a 400",
        &["getBulkEditableFields", "searchProjects"],
    ),
    (400, "what is no form is told of with 403, as what another site sent", &["jsm.attachTemporaryFile"]),
    (404, "of a desk that is not there nobody has requests", &["jsm.getCustomerRequests"]),
    (404, "links between issues cannot be switched off", &["getIssueLinkTypes"]),
    (405, "Jira says no more of it", &["deleteComment"]),
    (409, "writes wait for each other", &["doTransition", "editIssue"]),
    (409, "lists of people are not made in the background", &["getAllUsers", "getAllUsersDefault"]),
    (
        413,
        "issues have no limits here; a body that is too large is refused before it is anybody's",
        &[
            "addAttachment",
            "addComment",
            "addWorklog",
            "doTransition",
            "getRemoteIssueLinks",
            "jsm.attachTemporaryFile",
            "linkIssues",
        ],
    ),
    (
        422,
        "a workflow that is configured wrongly is refused when it is set",
        &["createIssue", "doTransition", "editIssue"],
    ),
    (
        303,
        "files are answered at once",
        &["getAttachmentContent", "getAttachmentThumbnail", "jsm.getAttachmentContent"],
    ),
    (206, "files are answered whole", &["getAttachmentContent"]),
    (416, "files are answered whole", &["getAttachmentContent"]),
];

/// The statuses by operation that the documents name.
pub fn named(documents: &[Value], served: &Served) -> BTreeSet<u16> {
    let (_, operation) = described(documents, &served.method, &served.path);
    let responses = operation["responses"].as_object().into_iter().flatten();
    responses.filter_map(|(status, _)| status.parse().ok()).collect()
}

/// What is wrong with the list above and the cases: a status that nobody answered and that has no reason, and a reason that there is
/// no need of. `told` are the statuses that were answered as the documents say.
pub fn open(
    documents: &[Value],
    served: &[Served],
    told: &BTreeMap<String, BTreeSet<u16>>,
) -> BTreeSet<String> {
    let nothing = BTreeSet::new();
    let mut open = BTreeSet::new();
    for one in served {
        let told = told.get(&one.operation).unwrap_or(&nothing);
        for status in named(documents, one) {
            let reason = reason(&one.operation, status);
            if !told.contains(&status) && reason.is_none() {
                open.insert(format!("{} is never answered with {status}: add a case for it", one.operation));
            }
        }
    }
    for (status, reason, operations) in NOT_ANSWERED {
        for operation in operations.iter().filter(|operation| **operation != "*") {
            let is_answered = told.get(*operation).is_some_and(|told| told.contains(status));
            if is_answered || !served.iter().any(|one| one.operation == *operation) {
                open.insert(format!("{operation} needs no reason for not answering {status}: {reason}"));
            }
        }
    }
    open
}

fn reason(operation: &str, status: u16) -> Option<&'static str> {
    let is_about = |operations: &[&str]| operations.iter().any(|one| *one == "*" || *one == operation);
    let found = NOT_ANSWERED.iter().find(|(code, _, operations)| *code == status && is_about(operations));
    found.map(|(_, reason, _)| *reason)
}
