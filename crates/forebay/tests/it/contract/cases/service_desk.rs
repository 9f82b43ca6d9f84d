//! Jira Service Management.

use reqwest::Method;
use serde_json::{Value, json};

use super::{Case, case, delete, get, post, put, upload};
use crate::app::TestApp;

/// What the requests name.
pub struct Landmarks {
    /// A request of the account's own, with a comment, a file and feedback.
    request: String,
    comment: String,
    attachment: String,
    /// One that waits for the account's approval.
    waiting: String,
    /// A file that was sent, and is not attached.
    file: String,
    /// Customers: one who is one, one who is none.
    customer: String,
    stranger: String,
    organization: String,
    doomed: String,
    request_type: String,
}

/// Makes them at the sandbox `site`.
pub async fn landmarks(app: &TestApp) -> Landmarks {
    app.service_desk("site", 12);
    let at = |path: &str| format!("/jira/site/rest/servicedeskapi/{path}");
    let send = async |path: &str, body: Value| app.post(&at(path), body).await.ok();
    let keep = async || {
        let kept =
            app.upload(&at("servicedesk/1/attachTemporaryFile"), "words.txt", b"words".to_vec()).await.ok();
        text(&kept["temporaryAttachments"][0]["temporaryAttachmentId"])
    };
    let request = text(&send("request", raise("1", json!({ "summary": "Landmark" }))).await["issueId"]);
    let attach = json!({ "temporaryAttachmentIds": [keep().await], "public": true });
    send(&format!("request/{request}/attachment"), attach).await;
    let comments = app.get(&at(&format!("request/{request}/comment"))).await.ok();
    let shown = app.get(&format!("/jira/site/rest/api/3/issue/{request}")).await.ok();
    send(&format!("request/{request}/feedback"), json!({ "type": "csat", "rating": 4 })).await;
    let hardware = json!({ "summary": "Landmark", "description": "To wait for approval." });
    let waiting = text(&send("request", raise("3", hardware)).await["issueId"]);
    let person = async |name: &str| {
        let new = json!({ "displayName": name, "email": format!("{name}@example.com") });
        text(&send("customer", new).await["accountId"])
    };
    let organization = async |name: &str| text(&send("organization", json!({ "name": name })).await["id"]);
    let kind = json!({ "issueTypeId": "10011", "name": "Landmark", "description": "", "helpText": "" });
    let (customer, stranger) = (person("ann").await, person("bob").await);
    send("servicedesk/1/customer", json!({ "accountIds": [customer] })).await;
    Landmarks {
        comment: text(&comments["values"][0]["id"]),
        attachment: text(&shown["fields"]["attachment"][0]["id"]),
        request,
        waiting,
        file: keep().await,
        customer,
        stranger,
        organization: organization("Landmark").await,
        doomed: organization("Doomed").await,
        request_type: text(&send("servicedesk/1/requesttype", kind).await["id"]),
    }
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_else(|| panic!("{value} is no text")).to_owned()
}

fn raise(request_type: &str, values: Value) -> Value {
    json!({ "serviceDeskId": "1", "requestTypeId": request_type, "requestFieldValues": values })
}

fn delete_with(operation: &'static str, path: impl Into<String>, body: Value, status: u16) -> Case {
    case(operation, Method::DELETE, path.into(), Some(body), status)
}

pub fn all(at: &Landmarks) -> Vec<Case> {
    let mut cases = desks();
    cases.extend(request_types(at));
    cases.extend(requests(at));
    cases.extend(conversation(at));
    cases.extend(attachments(at));
    cases.extend(approvals(at));
    cases.extend(followers(at));
    cases.extend(organizations(at));
    cases.extend(customers(at));
    cases
}

fn desks() -> Vec<Case> {
    let queue = "servicedesk/1/queue";
    vec![
        get("jsm.getInfo", "info", 200),
        get("jsm.getServiceDesks", "servicedesk?limit=1", 200),
        get("jsm.getServiceDeskById", "servicedesk/1", 200),
        get("jsm.getServiceDeskById", "servicedesk/99", 404),
        get("jsm.getQueues", format!("{queue}?includeCount=true"), 200),
        get("jsm.getQueues", "servicedesk/99/queue", 404),
        get("jsm.getQueue", format!("{queue}/1"), 200),
        get("jsm.getQueue", format!("{queue}/99"), 404),
        get("jsm.getIssuesInQueue", format!("{queue}/1/issue?limit=2"), 200),
        get("jsm.getIssuesInQueue", format!("{queue}/99/issue"), 404),
        get("jsm.getArticles", "knowledgebase/article?query=vpn", 200),
        get("jsm.getArticles", "servicedesk/1/knowledgebase/article?query=vpn", 200),
        get("jsm.getArticles", "knowledgebase/article", 400),
    ]
}

fn request_types(at: &Landmarks) -> Vec<Case> {
    let all = "servicedesk/1/requesttype";
    let one = format!("{all}/{}", at.request_type);
    let property = format!("{one}/property/landmark");
    let new =
        |name: &str| json!({ "issueTypeId": "10011", "name": name, "description": "d", "helpText": "h" });
    vec![
        get("jsm.getAllRequestTypes", "requesttype?searchQuery=access", 200),
        get("jsm.getRequestTypes", format!("{all}?expand=field"), 200),
        get("jsm.getRequestTypes", "servicedesk/99/requesttype", 404),
        get("jsm.getRequestTypeById", format!("{all}/1"), 200),
        get("jsm.getRequestTypeById", format!("{all}/99"), 404),
        get("jsm.getRequestTypeFields", format!("{all}/2/field"), 200),
        get("jsm.getRequestTypeFields", format!("{all}/99/field"), 404),
        get("jsm.getRequestTypeGroups", "servicedesk/1/requesttypegroup", 200),
        get("jsm.getRequestTypeGroups", "servicedesk/99/requesttypegroup", 404),
        post(
            "jsm.checkRequestTypePermissions",
            format!("{all}/permissions/check"),
            json!({ "requestTypeIds": [1, 99] }),
            200,
        ),
        post("jsm.checkRequestTypePermissions", format!("{all}/permissions/check"), json!({}), 400),
        post("jsm.createRequestType", all, new("By a case"), 200),
        post("jsm.createRequestType", all, new("By a case"), 400),
        post("jsm.createRequestType", "servicedesk/99/requesttype", new("Other"), 404),
        put("jsm.setProperty", property.clone(), json!({ "a": 1 }), 201),
        put("jsm.setProperty", property.clone(), json!({ "a": 2 }), 200),
        get("jsm.getPropertiesKeys", format!("{one}/property"), 200),
        get("jsm.getProperty", property.clone(), 200),
        delete("jsm.deleteProperty", property.clone(), 204),
        delete("jsm.deleteProperty", property, 404),
        delete("jsm.deleteRequestType", one.clone(), 204),
        delete("jsm.deleteRequestType", one, 404),
    ]
}

const EVERYTHING: &str = "expand=serviceDesk,requestType,participant,sla,status,attachment,action,comment,comment.attachment,comment.renderedBody";

fn requests(at: &Landmarks) -> Vec<Case> {
    let one = format!("request/{}", at.request);
    vec![
        get("jsm.getCustomerRequests", format!("request?limit=3&{EVERYTHING}"), 200),
        get(
            "jsm.getCustomerRequests",
            "request?requestOwnership=OWNED_REQUESTS&requestStatus=OPEN_REQUESTS&searchTerm=land*",
            200,
        ),
        post("jsm.createCustomerRequest", "request", raise("1", json!({ "summary": "By a case" })), 201),
        post("jsm.createCustomerRequest", "request", raise("1", json!({})), 400),
        post("jsm.createCustomerRequest", "request", raise("99", json!({ "summary": "x" })), 400),
        get("jsm.getCustomerRequestByIdOrKey", format!("{one}?{EVERYTHING}"), 200),
        get("jsm.getCustomerRequestByIdOrKey", "request/NOPE-1", 404),
        get("jsm.getCustomerRequestByIdOrKey", "request/10001", 404),
        get("jsm.getCustomerRequestStatus", format!("{one}/status"), 200),
        get("jsm.getCustomerRequestStatus", "request/NOPE-1/status", 404),
        get("jsm.getSlaInformation", format!("{one}/sla"), 200),
        get("jsm.getSlaInformation", "request/NOPE-1/sla", 404),
        get("jsm.getSlaInformationById", format!("{one}/sla/2"), 200),
        get("jsm.getSlaInformationById", format!("{one}/sla/99"), 404),
        get("jsm.getCustomerTransitions", format!("{one}/transition"), 200),
        get("jsm.getCustomerTransitions", "request/NOPE-1/transition", 404),
        post("jsm.performCustomerTransition", format!("{one}/transition"), json!({ "id": "no" }), 400),
        post("jsm.performCustomerTransition", "request/NOPE-1/transition", json!({ "id": "851" }), 404),
        post(
            "jsm.performCustomerTransition",
            format!("{one}/transition"),
            json!({ "id": "851", "additionalComment": { "body": "Which one?" } }),
            204,
        ),
    ]
}

fn conversation(at: &Landmarks) -> Vec<Case> {
    let all = format!("request/{}/comment", at.request);
    let one = format!("{all}/{}", at.comment);
    vec![
        get("jsm.getRequestComments", format!("{all}?expand=attachment,renderedBody&internal=false"), 200),
        get("jsm.getRequestComments", "request/NOPE-1/comment", 404),
        post("jsm.createRequestComment", all.clone(), json!({ "body": "h1. Hi", "public": true }), 201),
        post("jsm.createRequestComment", all.clone(), json!({ "body": " " }), 400),
        post("jsm.createRequestComment", "request/NOPE-1/comment", json!({ "body": "x" }), 404),
        get("jsm.getRequestCommentById", one.clone(), 200),
        get("jsm.getRequestCommentById", format!("{all}/99"), 404),
        get("jsm.getCommentAttachments", format!("{one}/attachment"), 200),
        get("jsm.getCommentAttachments", format!("{all}/99/attachment"), 404),
        get("jsm.getFeedback", format!("request/{}/feedback", at.request), 200),
        get("jsm.getFeedback", format!("request/{}/feedback", at.waiting), 404),
        post(
            "jsm.postFeedback",
            format!("request/{}/feedback", at.request),
            json!({ "type": "csat", "rating": 5, "comment": { "body": "Fast" } }),
            201,
        ),
        post("jsm.postFeedback", format!("request/{}/feedback", at.request), json!({ "rating": 9 }), 400),
        post("jsm.postFeedback", "request/NOPE-1/feedback", json!({ "type": "csat", "rating": 5 }), 404),
        delete("jsm.deleteFeedback", format!("request/{}/feedback", at.request), 204),
        delete("jsm.deleteFeedback", format!("request/{}/feedback", at.request), 404),
    ]
}

fn attachments(at: &Landmarks) -> Vec<Case> {
    let all = format!("request/{}/attachment", at.request);
    let attach = |file: &str| json!({ "temporaryAttachmentIds": [file], "public": false, "additionalComment": { "body": "See there" } });
    vec![
        upload("jsm.attachTemporaryFile", "servicedesk/1/attachTemporaryFile", 201),
        upload("jsm.attachTemporaryFile", "servicedesk/99/attachTemporaryFile", 404),
        post("jsm.attachTemporaryFile", "servicedesk/1/attachTemporaryFile", json!({}), 403),
        post("jsm.createCommentWithAttachment", all.clone(), attach(&at.file), 201),
        post("jsm.createCommentWithAttachment", all.clone(), attach("no"), 400),
        post("jsm.createCommentWithAttachment", "request/NOPE-1/attachment", attach(&at.file), 404),
        get("jsm.getAttachmentsForRequest", all.clone(), 200),
        get("jsm.getAttachmentsForRequest", "request/NOPE-1/attachment", 404),
        get("jsm.getAttachmentContent", format!("{all}/{}", at.attachment), 200),
        get("jsm.getAttachmentContent", format!("{all}/99"), 404),
    ]
}

fn approvals(at: &Landmarks) -> Vec<Case> {
    let all = format!("request/{}/approval", at.waiting);
    let answer = |decision: &str| json!({ "decision": decision });
    vec![
        get("jsm.getApprovals", all.clone(), 200),
        get("jsm.getApprovals", "request/NOPE-1/approval", 404),
        get("jsm.getApprovalById", format!("{all}/1"), 200),
        get("jsm.getApprovalById", format!("{all}/99"), 404),
        post("jsm.answerApproval", format!("{all}/1"), answer("perhaps"), 400),
        post("jsm.answerApproval", format!("{all}/99"), answer("approve"), 404),
        post("jsm.answerApproval", format!("{all}/1"), answer("approve"), 200),
        post("jsm.answerApproval", format!("{all}/1"), answer("decline"), 409),
    ]
}

fn followers(at: &Landmarks) -> Vec<Case> {
    let people = format!("request/{}/participant", at.request);
    let notification = format!("request/{}/notification", at.request);
    let named = |account: &str| json!({ "accountIds": [account] });
    vec![
        post("jsm.addRequestParticipants", people.clone(), named(&at.customer), 200),
        post("jsm.addRequestParticipants", people.clone(), named("nobody"), 400),
        post("jsm.addRequestParticipants", "request/NOPE-1/participant", named(&at.customer), 404),
        get("jsm.getRequestParticipants", people.clone(), 200),
        get("jsm.getRequestParticipants", "request/NOPE-1/participant", 404),
        delete_with("jsm.removeRequestParticipants", people.clone(), named(&at.customer), 200),
        delete_with("jsm.removeRequestParticipants", people, json!({}), 400),
        delete_with("jsm.removeRequestParticipants", "request/NOPE-1/participant", named(&at.customer), 404),
        get("jsm.getSubscriptionStatus", notification.clone(), 200),
        get("jsm.getSubscriptionStatus", "request/NOPE-1/notification", 404),
        put("jsm.subscribe", notification.clone(), Value::Null, 204),
        put("jsm.subscribe", "request/NOPE-1/notification", Value::Null, 404),
        delete("jsm.unsubscribe", notification, 204),
        delete("jsm.unsubscribe", "request/NOPE-1/notification", 404),
    ]
}

fn organizations(at: &Landmarks) -> Vec<Case> {
    let one = format!("organization/{}", at.organization);
    let property = format!("{one}/property/landmark");
    let number: u64 = at.organization.parse().unwrap();
    let (here, there) = (json!({ "organizationId": number }), json!({ "organizationId": 99 }));
    let people = json!({ "accountIds": [at.customer] });
    vec![
        get("jsm.getOrganizations", "organization?limit=2", 200),
        post("jsm.createOrganization", "organization", json!({ "name": "By a case" }), 201),
        post("jsm.createOrganization", "organization", json!({ "name": " " }), 400),
        get("jsm.getOrganization", one.clone(), 200),
        get("jsm.getOrganization", "organization/99", 404),
        post("jsm.addUsersToOrganization", format!("{one}/user"), people.clone(), 204),
        post("jsm.addUsersToOrganization", format!("{one}/user"), json!({ "accountIds": ["nobody"] }), 400),
        post("jsm.addUsersToOrganization", "organization/99/user", people.clone(), 404),
        get("jsm.getUsersInOrganization", format!("{one}/user"), 200),
        get("jsm.getUsersInOrganization", "organization/99/user", 404),
        delete_with("jsm.removeUsersFromOrganization", format!("{one}/user"), people.clone(), 204),
        delete_with("jsm.removeUsersFromOrganization", format!("{one}/user"), json!({}), 400),
        delete_with("jsm.removeUsersFromOrganization", "organization/99/user", people, 404),
        put("jsm.setProperty", property.clone(), json!([1]), 201),
        put("jsm.setProperty", property.clone(), json!("x".repeat(40_000)), 400),
        put("jsm.setProperty", "organization/99/property/x", json!(1), 404),
        get("jsm.getPropertiesKeys", "organization/99/property", 404),
        get("jsm.getPropertiesKeys", format!("{one}/property"), 200),
        get("jsm.getProperty", property.clone(), 200),
        get("jsm.getProperty", format!("{one}/property/none"), 404),
        delete("jsm.deleteProperty", property.clone(), 204),
        delete("jsm.deleteProperty", property, 404),
        post("jsm.addOrganization", "servicedesk/1/organization", here.clone(), 204),
        post("jsm.addOrganization", "servicedesk/1/organization", there.clone(), 404),
        get("jsm.getOrganizations", "servicedesk/1/organization", 200),
        get("jsm.getOrganizations", "servicedesk/99/organization", 404),
        delete_with("jsm.removeOrganization", "servicedesk/1/organization", here, 204),
        delete_with("jsm.removeOrganization", "servicedesk/1/organization", there, 404),
        delete("jsm.deleteOrganization", format!("organization/{}", at.doomed), 204),
        delete("jsm.deleteOrganization", format!("organization/{}", at.doomed), 404),
    ]
}

fn customers(at: &Landmarks) -> Vec<Case> {
    let all = "servicedesk/1/customer";
    let new = json!({ "displayName": "Cleo", "email": "cleo@example.com" });
    let people = json!({ "accountIds": [at.stranger] });
    vec![
        post("jsm.createCustomer", "customer", new.clone(), 201),
        post("jsm.createCustomer", "customer", new.clone(), 400),
        post("jsm.createCustomer", "customer?strictConflictStatusCode=true", new, 409),
        post("jsm.createCustomer", "customer", json!({ "displayName": "x", "email": "x" }), 400),
        post("jsm.addCustomers", all, people.clone(), 204),
        post("jsm.addCustomers", all, json!({ "accountIds": ["nobody"] }), 400),
        post("jsm.addCustomers", "servicedesk/99/customer", people.clone(), 404),
        get("jsm.getCustomers", format!("{all}?query=ann"), 200),
        get("jsm.getCustomers", "servicedesk/99/customer", 404),
        delete_with("jsm.removeCustomers", all, people.clone(), 204),
        delete_with("jsm.removeCustomers", all, json!({}), 400),
        delete_with("jsm.removeCustomers", "servicedesk/99/customer", people, 404),
    ]
}
