//! What hangs on issues, what a site has beside them, and JQL as such.

use serde_json::{Value, json};

use super::{Case, Landmarks, case, delete, get, post, put, upload};

pub fn all(at: &Landmarks) -> Vec<Case> {
    let mut cases = jql(at);
    cases.extend(followers(at));
    cases.extend(remote_links(at));
    cases.extend(properties(at));
    cases.extend(properties_of_children(at));
    cases.extend(attachments(at));
    cases.extend(filters(at));
    cases.extend(dashboards());
    cases.extend(lists(at));
    cases.extend(webhooks());
    cases
}

fn jql(at: &Landmarks) -> Vec<Case> {
    let history = "status WAS IN (Open, Done) BY currentUser() AFTER -1w AND issue.property[a].b = 1";
    let queries = json!({ "queries": [
        format!("project = {} AND (labels in (a, 'b c') OR NOT due is EMPTY) ORDER BY updated DESC", at.key),
        history,
        "x = = y",
        "nonsense = 1",
    ] });
    let many = vec!["project is not EMPTY"; 101];
    let sanitised = json!({ "queries": [
        { "query": "project is not EMPTY", "accountId": at.account }, { "query": "x = = y" },
    ] });
    let matched = |jqls: Value| json!({ "issueIds": [10_001, 10_002], "jqls": jqls });
    let suggest = |query: &str| format!("jql/autocompletedata/suggestions{query}");
    vec![
        post("parseJqlQueries", "jql/parse", queries.clone(), 200),
        post("parseJqlQueries", "jql/parse?validation=warn", queries, 200),
        post("parseJqlQueries", "jql/parse", json!({ "queries": [] }), 400),
        post("matchIssues", "jql/match", matched(json!(["project is not EMPTY", "x = = y"])), 200),
        post("matchIssues", "jql/match", matched(json!(many)), 400),
        post("sanitiseJqlQueries", "jql/sanitize", sanitised, 200),
        post("sanitiseJqlQueries", "jql/sanitize", json!({ "queries": [{}] }), 400),
        get("getAutoComplete", "jql/autocompletedata", 200),
        post("getAutoCompletePost", "jql/autocompletedata", json!({ "includeCollapsedFields": true }), 200),
        post("getAutoCompletePost", "jql/autocompletedata", json!({ "nonsense": 1 }), 400),
        get("getFieldAutoCompleteForQueryString", suggest("?fieldName=status&fieldValue=d"), 200),
        get("getFieldAutoCompleteForQueryString", suggest(""), 400),
    ]
}

fn followers(at: &Landmarks) -> Vec<Case> {
    let (watchers, votes) = (format!("issue/{}/watchers", at.issue), format!("issue/{}/votes", at.open));
    vec![
        post("addWatcher", watchers.clone(), json!(at.account), 204),
        post("addWatcher", watchers.clone(), json!({}), 400),
        post("addWatcher", watchers.clone(), json!("nobody"), 404),
        get("getIssueWatchers", watchers.clone(), 200),
        get("getIssueWatchers", "issue/NOPE-1/watchers", 404),
        delete("removeWatcher", format!("{watchers}?accountId={}", at.account), 204),
        delete("removeWatcher", format!("{watchers}?accountId=nobody"), 404),
        post("addVote", votes.clone(), Value::Null, 204),
        post("addVote", format!("issue/{}/votes", at.issue), Value::Null, 404),
        get("getVotes", votes.clone(), 200),
        get("getVotes", "issue/NOPE-1/votes", 404),
        delete("removeVote", votes, 204),
        delete("removeVote", "issue/NOPE-1/votes", 404),
    ]
}

fn remote_links(at: &Landmarks) -> Vec<Case> {
    let all = format!("issue/{}/remotelink", at.issue);
    let one = format!("{all}/{}", at.remote_link);
    let link = |title: Option<&str>| json!({ "globalId": "system=2", "object": { "url": "https://example.com/2", "title": title } });
    vec![
        get("getRemoteIssueLinks", all.clone(), 200),
        get("getRemoteIssueLinks", format!("{all}?globalId=system%3D1"), 200),
        get("getRemoteIssueLinks", format!("{all}?globalId=nothing"), 404),
        get("getRemoteIssueLinks", "issue/NOPE-1/remotelink", 404),
        get("getRemoteIssueLinkById", one.clone(), 200),
        get("getRemoteIssueLinkById", format!("{all}/99"), 404),
        post("createOrUpdateRemoteIssueLink", all.clone(), link(Some("New")), 201),
        post("createOrUpdateRemoteIssueLink", all.clone(), link(Some("Known")), 200),
        post("createOrUpdateRemoteIssueLink", all.clone(), link(None), 400),
        post("createOrUpdateRemoteIssueLink", "issue/NOPE-1/remotelink", link(Some("x")), 404),
        put("updateRemoteIssueLink", one.clone(), link(None), 400),
        put("updateRemoteIssueLink", format!("{all}/99"), link(Some("x")), 404),
        put(
            "updateRemoteIssueLink",
            one.clone(),
            json!({ "globalId": "system=1", "object": { "url": "https://example.com", "title": "Edited" } }),
            204,
        ),
        delete("deleteRemoteIssueLinkById", one.clone(), 204),
        delete("deleteRemoteIssueLinkById", one, 404),
        delete("deleteRemoteIssueLinkByGlobalId", format!("{all}?globalId=system%3D2"), 204),
        delete("deleteRemoteIssueLinkByGlobalId", format!("{all}?globalId=system%3D2"), 404),
        delete("deleteRemoteIssueLinkByGlobalId", all, 400),
    ]
}

fn properties(at: &Landmarks) -> Vec<Case> {
    let all = format!("issue/{}/properties", at.issue);
    let one = format!("{all}/review");
    vec![
        put("setIssueProperty", one.clone(), json!({ "state": "open" }), 201),
        put("setIssueProperty", one.clone(), json!([1, null]), 200),
        put("setIssueProperty", one.clone(), json!("x".repeat(40_000)), 400),
        put("setIssueProperty", "issue/NOPE-1/properties/review", json!(1), 404),
        get("getIssuePropertyKeys", all, 200),
        get("getIssuePropertyKeys", "issue/NOPE-1/properties", 404),
        get("getIssueProperty", format!("issue/{}/properties/landmark", at.issue), 200),
        delete("deleteIssueProperty", one.clone(), 204),
        delete("deleteIssueProperty", one.clone(), 404),
        get("getIssueProperty", one, 404),
    ]
}

/// Properties of a comment and of a worklog.
fn properties_of_children(at: &Landmarks) -> Vec<Case> {
    let mut cases = Vec::new();
    for (of, [keys, set, one, remove], all, none) in [
        (
            "comment",
            ["getCommentPropertyKeys", "setCommentProperty", "getCommentProperty", "deleteCommentProperty"],
            format!("comment/{}/properties", at.comment),
            "comment/99/properties".to_owned(),
        ),
        (
            "worklog",
            ["getWorklogPropertyKeys", "setWorklogProperty", "getWorklogProperty", "deleteWorklogProperty"],
            format!("issue/{}/worklog/{}/properties", at.issue, at.worklog),
            format!("issue/{}/worklog/99/properties", at.issue),
        ),
    ] {
        let (property, landmark) = (format!("{all}/review"), format!("{all}/landmark"));
        cases.extend([
            put(set, property.clone(), json!({ "of": of }), 201),
            put(set, property.clone(), json!([1, null]), 200),
            put(set, property.clone(), json!("x".repeat(40_000)), 400),
            put(set, format!("{none}/review"), json!(1), 404),
            get(keys, all, 200),
            get(keys, none, 404),
            get(one, landmark, 200),
            delete(remove, property.clone(), 204),
            delete(remove, property.clone(), 404),
            get(one, property, 404),
        ]);
    }
    cases
}

fn attachments(at: &Landmarks) -> Vec<Case> {
    let one = format!("attachment/{}", at.attachment);
    let content = format!("attachment/content/{}", at.attachment);
    vec![
        upload("addAttachment", format!("issue/{}/attachments", at.issue), 200),
        upload("addAttachment", "issue/NOPE-1/attachments", 404),
        post("addAttachment", format!("issue/{}/attachments", at.issue), json!({}), 403),
        get("getAttachmentMeta", "attachment/meta", 200),
        get("getAttachment", one.clone(), 200),
        get("getAttachment", "attachment/99", 404),
        get("getAttachmentContent", content.clone(), 200),
        get("getAttachmentContent", "attachment/content/99", 404),
        get("getAttachmentThumbnail", content.replace("content", "thumbnail"), 200),
        get("getAttachmentThumbnail", "attachment/thumbnail/99", 404),
        delete("removeAttachment", one.clone(), 204),
        delete("removeAttachment", one, 404),
    ]
}

fn filters(at: &Landmarks) -> Vec<Case> {
    let one = format!("filter/{}", at.filter);
    let favourite = format!("{one}/favourite");
    let named = |name: &str| json!({ "name": name, "jql": "project is not EMPTY" });
    vec![
        get("getFilter", one.clone(), 200),
        get("getFilter", "filter/99", 400),
        get("getFiltersPaginated", "filter/search?expand=jql,owner,description&maxResults=2", 200),
        get("getFiltersPaginated", "filter/search?maxResults=many", 400),
        get("getMyFilters", "filter/my", 200),
        get("getSharePermissions", format!("{one}/permission"), 200),
        get("getSharePermissions", "filter/99/permission", 404),
        get("getSharePermission", format!("{one}/permission/99"), 404),
        put("setFavouriteForFilter", favourite.clone(), json!({}), 200),
        put("setFavouriteForFilter", "filter/99/favourite", json!({}), 400),
        get("getFavouriteFilters", "filter/favourite", 200),
        delete("deleteFavouriteForFilter", favourite, 200),
        delete("deleteFavouriteForFilter", "filter/99/favourite", 400),
        post("createFilter", "filter", named("By a case"), 200),
        post("createFilter", "filter", named("By a case"), 400),
        post("createFilter", "filter", json!({}), 400),
        put("updateFilter", one.clone(), named("Edited"), 200),
        put("updateFilter", one.clone(), json!({ "name": "Edited", "jql": "x = = y" }), 400),
        delete("deleteFilter", one.clone(), 204),
        delete("deleteFilter", one, 400),
    ]
}

fn dashboards() -> Vec<Case> {
    vec![
        get("getAllAccessibleProjectTypes", "project/type/accessible", 200),
        get("getAccessibleProjectTypeByKey", "project/type/software/accessible", 200),
        get("getAccessibleProjectTypeByKey", "project/type/business/accessible", 404),
        get("getAllDashboards", "dashboard?startAt=1&maxResults=2", 200),
        get("getAllDashboards", "dashboard?filter=favourite", 200),
        get("getAllDashboards", "dashboard?filter=other", 400),
        get(
            "getDashboardsPaginated",
            "dashboard/search?expand=description,owner,editPermissions,isWritable&orderBy=-id&maxResults=2",
            200,
        ),
        get("getDashboardsPaginated", "dashboard/search?dashboardName=glance", 200),
        get("getDashboardsPaginated", "dashboard/search?orderBy=colour", 400),
        get("getDashboardsPaginated", "dashboard/search?status=lost", 400),
        get("getDashboard", "dashboard/10000", 200),
        get("getDashboard", "dashboard/10001", 200),
        get("getDashboard", "dashboard/99", 404),
        get("getDashboard", "dashboard/first", 400),
    ]
}

fn lists(at: &Landmarks) -> Vec<Case> {
    let contexts = format!("field/{}/context", at.select);
    let number = at.select.trim_start_matches("customfield_");
    let worklog: u64 = at.worklog.parse().unwrap();
    let histories = format!("issue/{}/changelog/list", at.issue);
    vec![
        post("getChangeLogsByIds", histories.clone(), json!({ "changelogIds": [1, 10001] }), 200),
        post("getChangeLogsByIds", histories, json!({ "changelogIds": [] }), 400),
        post("getChangeLogsByIds", "issue/NOPE-1/changelog/list", json!({ "changelogIds": [1] }), 404),
        get("getIdsOfWorklogsModifiedSince", "worklog/updated", 200),
        get("getIdsOfWorklogsDeletedSince", "worklog/deleted?since=0", 200),
        post("getWorklogsForIds", "worklog/list", json!({ "ids": [worklog, 99] }), 200),
        post("getWorklogsForIds", "worklog/list", json!({ "ids": [] }), 400),
        get("getContextsForField", contexts.clone(), 200),
        get("getContextsForField", "field/customfield_99/context", 404),
        get("getOptionsForContext", format!("{contexts}/{number}/option?maxResults=2"), 200),
        get("getOptionsForContext", format!("{contexts}/99/option"), 404),
        get("getOptionsForContext", "field/customfield_10016/context/10016/option", 400),
    ]
}

/// Webhooks of apps.
fn webhooks() -> Vec<Case> {
    let one = |jql: &str| json!({ "events": ["comment_created"], "jqlFilter": jql });
    let new = json!({ "url": "http://127.0.0.1:9/hook", "webhooks": [one("project = PAY"), one("watchCount = 1")] });
    vec![
        post("registerDynamicWebhooks", "webhook", new, 200),
        post("registerDynamicWebhooks", "webhook", json!({ "url": "nowhere", "webhooks": [] }), 400),
        get("getDynamicWebhooksForApp", "webhook?maxResults=10", 200),
        get("getDynamicWebhooksForApp", "webhook?startAt=many", 400),
        put("refreshWebhooks", "webhook/refresh", json!({ "webhookIds": [1] }), 200),
        put("refreshWebhooks", "webhook/refresh", json!({}), 400),
        get("getFailedWebhooks", "webhook/failed?maxResults=5", 200),
        get("getFailedWebhooks", "webhook/failed?after=yesterday", 400),
        case(
            "deleteWebhookById",
            reqwest::Method::DELETE,
            "webhook".into(),
            Some(json!({ "webhookIds": [1] })),
            202,
        ),
        case("deleteWebhookById", reqwest::Method::DELETE, "webhook".into(), Some(json!({})), 400),
    ]
}
