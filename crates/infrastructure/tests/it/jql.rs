//! JQL over the tables: what each kind of field finds, orders and cursors, and strings that mean harm.

mod history;
mod many;
mod meaning;
mod operators;
mod oracle;
mod paging;
mod renames;
mod site;

use application::{Error, instances::InstanceKind};
use site::{Site, bundle, keys, values, with};

const ALL: &str = "OPS-1 OPS-2 PAY-1 PAY-2 PAY-3 PAY-10";

async fn check(site: &Site, examples: &[(&str, &str)]) {
    for (jql, expected) in examples {
        assert_eq!(site.find(jql).await, *expected, "{jql}");
    }
}

#[tokio::test]
async fn system_fields() {
    let site = Site::open().await;
    let examples = [
        ("", ALL),
        ("project = PAY", "PAY-1 PAY-2 PAY-3 PAY-10"),
        ("project = 'project ops'", "OPS-1 OPS-2"),
        ("project != PAY", "OPS-1 OPS-2"),
        ("project in (PAY, OPS)", ALL),
        ("project is empty", ""),
        ("type = bug", "OPS-1 PAY-2"),
        ("issuetype in (1, Epic)", "OPS-1 PAY-1 PAY-2"),
        ("type in subtaskIssueTypes()", "PAY-10"),
        ("type not in subtaskIssueTypes()", "OPS-1 OPS-2 PAY-1 PAY-2 PAY-3"),
        ("type in (Bug, subtaskIssueTypes())", "OPS-1 PAY-2 PAY-10"),
        ("type in standardIssueTypes() and type != Bug", "OPS-2 PAY-1 PAY-3"),
        ("hierarchyLevel = 1", "PAY-1"),
        ("hierarchyLevel < 0", "PAY-10"),
        ("status = 'in progress'", "PAY-1 PAY-10"),
        ("status = 3", "PAY-1 PAY-10"),
        ("status not in (Done, 3)", "OPS-2 PAY-2"),
        ("statusCategory = Done", "OPS-1 PAY-3"),
        ("statusCategory in ('To Do', 4)", "OPS-2 PAY-1 PAY-2 PAY-10"),
        ("statusCategory != complete", "OPS-2 PAY-1 PAY-2 PAY-10"),
        ("priority = high", "PAY-1"),
        ("priority > Medium", "PAY-1 PAY-2"),
        ("priority <= medium", "OPS-1 PAY-3"),
        ("NOT priority > Medium", "OPS-1 PAY-3"),
        ("priority != High", "OPS-1 PAY-2 PAY-3"),
        ("priority is empty", "OPS-2 PAY-10"),
        ("resolution = Unresolved", "OPS-2 PAY-1 PAY-2 PAY-10"),
        ("resolution in (unresolved, fixed)", "OPS-2 PAY-1 PAY-2 PAY-3 PAY-10"),
        ("resolution != Fixed", "OPS-1"),
        ("resolution = \"Won't Do\"", "OPS-1"),
        ("issueLinkType = blocks", "OPS-2 PAY-2"),
        ("issueLinkType = 'is blocked by'", "OPS-2"),
        ("issueLinkType != blocks", "OPS-1 PAY-1 PAY-3 PAY-10"),
    ];
    check(&site, &examples).await;
    site.database.remove().await;
}

#[tokio::test]
async fn issues_and_their_parents() {
    let site = Site::open().await;
    let examples = [
        ("key = pay-2", "PAY-2"),
        ("key in (PAY-2, 110, OPS-1)", "OPS-1 PAY-2 PAY-10"),
        ("key != PAY-2", "OPS-1 OPS-2 PAY-1 PAY-3 PAY-10"),
        // A key that the issue had before.
        ("issue = PAY-4", "OPS-1"),
        ("key > PAY-2", "PAY-3 PAY-10"),
        ("key <= PAY-2", "PAY-1 PAY-2"),
        ("id >= 110", "OPS-2 PAY-10"),
        ("parent = PAY-1", "PAY-3"),
        ("parent = 101", "PAY-10"),
        // Outside of the copy.
        ("parent = XYZ-7", ""),
        ("parent != PAY-1", "PAY-10"),
        ("parent is empty", "OPS-1 OPS-2 PAY-1 PAY-2"),
        ("'Epic Link' = PAY-1", "PAY-3"),
        ("'epic link' is not empty", "PAY-3"),
    ];
    check(&site, &examples).await;
    assert_eq!(
        site.refusal("key = PAY-9").await,
        "An issue with key 'PAY-9' does not exist for field 'key'."
    );
    site.database.remove().await;
}

#[tokio::test]
async fn people() {
    let site = Site::open().await;
    let examples = [
        ("assignee = ann", "PAY-2 PAY-10"),
        ("assignee = 'ANN LEE'", "PAY-2 PAY-10"),
        ("assignee = currentUser()", "PAY-2 PAY-10"),
        ("assignee in (currentUser(), Bob)", "PAY-2 PAY-3 PAY-10"),
        // Nobody is not somebody else.
        ("assignee != ann", "PAY-3"),
        ("NOT assignee = ann", "PAY-3"),
        ("assignee != ann OR assignee is EMPTY", "OPS-1 OPS-2 PAY-1 PAY-3"),
        ("assignee in (ann, EMPTY)", "OPS-1 OPS-2 PAY-1 PAY-2 PAY-10"),
        ("assignee not in (ann, EMPTY)", "PAY-3"),
        ("assignee = EMPTY", "OPS-1 OPS-2 PAY-1"),
        ("assignee != NULL", "PAY-2 PAY-3 PAY-10"),
        ("reporter = bob", "PAY-1 PAY-2"),
        ("creator = bob", "PAY-2"),
    ];
    check(&site, &examples).await;
    assert_eq!(
        site.refusal("assignee = zoe").await,
        "The value 'zoe' does not exist for the field 'assignee'."
    );
    let mut unknown = site.request("assignee = currentUser()");
    unknown.current_user = Some("somebody else".into());
    assert_eq!(keys(&site.search(&unknown).await.unwrap()), "");
    site.database.remove().await;
}

#[tokio::test]
async fn dates() {
    let site = Site::open().await;
    let examples = [
        // PAY-1 was updated at 23:59 in Berlin on the 13th.
        ("updated >= 2025-05-14", "OPS-2"),
        ("updated >= '2025/05/13 23:59'", "OPS-2 PAY-1"),
        ("updated >= startOfDay()", "OPS-2"),
        ("updated > -1h", "OPS-2"),
        ("created >= 1747216800123", "OPS-2"),
        ("created = 1747216800123", "OPS-2"),
        ("created > 1747216800123", ""),
        ("created < now() and created > endOfDay(-1)", "OPS-2"),
        ("resolved >= -1w", "PAY-3"),
        ("resolutiondate is empty and status = Done", "OPS-1"),
        ("resolved < 2025-01-01 or NOT resolved < 2025-01-01", "PAY-3"),
        ("due = 1d", "PAY-2"),
        ("due < now()", "PAY-10"),
        ("duedate <= endOfWeek()", "PAY-2 PAY-10"),
        ("due in (2025-05-13, 2025-05-15)", "PAY-2 PAY-10"),
        ("due != 2025-05-15", "PAY-10"),
        ("due is empty", "OPS-1 OPS-2 PAY-1 PAY-3"),
    ];
    check(&site, &examples).await;
    let mut tokyo = site.request("updated >= 2025-05-14 order by key");
    tokyo.zone = chrono_tz::Asia::Tokyo;
    assert_eq!(keys(&site.search(&tokyo).await.unwrap()), "OPS-2 PAY-1");
    site.database.remove().await;
}

#[tokio::test]
async fn lists_and_sprints() {
    let site = Site::open().await;
    let examples = [
        ("labels = backend", "PAY-2 PAY-10"),
        ("labels = BACKEND and labels = frontend", "PAY-10"),
        ("labels in (urgent, frontend)", "PAY-2 PAY-3 PAY-10"),
        ("labels != backend", "PAY-3"),
        ("NOT labels = backend", "PAY-3"),
        ("labels not in (backend, frontend)", ""),
        ("labels not in (backend) or labels is empty", "OPS-1 OPS-2 PAY-1 PAY-3"),
        ("labels = nothing-has-it", ""),
        ("component = api", "PAY-2"),
        ("component = 10", "PAY-2"),
        ("component != web", "PAY-2"),
        ("fixVersion = '10.0'", "PAY-3"),
        ("fixVersion in (20)", "PAY-3"),
        ("fixVersion ~ '9.*'", "PAY-3"),
        ("fixVersion !~ '8*'", "PAY-3"),
        ("fixVersion !~ '1?.0'", ""),
        ("affectedVersion ~ '9.?'", "PAY-2"),
        ("sprint = 'sprint 1'", "PAY-2 PAY-3"),
        ("sprint = 12", "PAY-2"),
        ("sprint != 'Sprint 1'", "PAY-10"),
        ("sprint in openSprints()", "PAY-2"),
        ("sprint in (futureSprints(), openSprints())", "PAY-2 PAY-10"),
        ("sprint not in closedSprints()", "PAY-10"),
        ("sprint is empty", "OPS-1 OPS-2 PAY-1"),
    ];
    check(&site, &examples).await;
    for (jql, value, field) in
        [("fixVersion = '7.7'", "7.7", "fixVersion"), ("component in (API, other)", "other", "component")]
    {
        assert_eq!(
            site.refusal(jql).await,
            format!("The value '{value}' does not exist for the field '{field}'.")
        );
    }
    assert_eq!(
        site.refusal("sprint = 'Sprint 9'").await,
        "The value 'Sprint 9' does not exist for the field 'sprint'."
    );
    site.database.remove().await;
}

#[tokio::test]
async fn custom_fields() {
    let site = Site::open().await;
    let examples = [
        ("'Story Points' = 8.5", "PAY-3"),
        ("'story points' >= 5", "PAY-2 PAY-3"),
        ("cf[10016] < 8", "PAY-2"),
        ("NOT cf[10016] < 8", "PAY-3"),
        ("10016 in (5, 8.5)", "PAY-2 PAY-3"),
        ("customfield_10016 != 5", "PAY-3"),
        ("'Story Points' is empty", "OPS-1 OPS-2 PAY-1 PAY-10"),
        ("'Story Points[Number]' > 5", "PAY-3"),
        ("'Size[Number]' = 12", "OPS-2"),
        ("'Size[Short text]' ~ x", ""),
        ("Team = blue", "PAY-2"),
        ("Team = 77", "PAY-2"),
        ("Team in (Blue, Red)", "PAY-2"),
        ("Team != Blue", ""),
        ("Notes ~ rework", "PAY-2"),
        ("Notes ~ 'nothing'", ""),
        ("Launch = 2025-06-01", "PAY-2"),
        ("Launch < endOfMonth()", ""),
        ("Launch < endOfMonth(1)", "PAY-2"),
        ("'Seen at' >= '2025-05-14 10:00'", "PAY-2"),
        ("'Seen at' > '2025-05-14 10:00'", ""),
        ("Owner = currentUser()", "PAY-2"),
        ("Owner = ann", "PAY-2"),
    ];
    check(&site, &examples).await;
    let unknown = "Field 'cf[99999]' does not exist or you do not have permission to view it.";
    assert_eq!(site.refusal("cf[99999] = 1").await, unknown);
    assert_eq!(
        site.refusal("watcher = ann").await,
        "'watcher' with anybody but currentUser() is valid JQL, but a copy cannot answer it"
    );
    assert_eq!(
        site.refusal("issue.property[a].b = 1").await,
        "`issue.property[a].b` is valid JQL, but a copy cannot answer it"
    );
    site.database.remove().await;
}

#[tokio::test]
async fn words() {
    let site = Site::open().await;
    // Another tenant's issue with the same words is never found.
    let stranger = site.database.tenant("stranger").await;
    let theirs = site.database.instance(stranger, "theirs", InstanceKind::Cloud).await;
    let mut tx = site.database.begin(stranger).await;
    let issue = with(bundle(101, "PAY-2"), |b| b.issue.summary = "Login is broken on checkout".into());
    tx.upsert_issues(theirs, &[issue]).await.unwrap();
    tx.commit().await.unwrap();

    let examples = [
        ("summary ~ checkout", "PAY-2 PAY-3"),
        ("summary ~ 'CHECKOUT login'", "PAY-2"),
        ("summary ~ logins", "PAY-2 PAY-10"),
        ("summary ~ error", "OPS-2"),
        ("summary ~ '\"broken on checkout\"'", "PAY-2"),
        ("summary ~ '\"checkout broken\"'", ""),
        ("summary ~ 'chec*'", "PAY-2 PAY-3"),
        ("summary ~ 'card OR disk'", "OPS-1 PAY-3"),
        ("summary ~ 'checkout -card'", "PAY-2"),
        ("summary !~ checkout", "OPS-1 OPS-2 PAY-1 PAY-10"),
        ("description ~ error", "PAY-2"),
        ("description !~ error", "PAY-3"),
        ("description ~ '-error'", "PAY-3"),
        ("description is empty", "OPS-1 OPS-2 PAY-1 PAY-10"),
        ("comment ~ firefox", "PAY-2"),
        ("comment !~ card", "PAY-2"),
        ("text ~ card", "PAY-3"),
        ("text ~ firefox", "PAY-2"),
        ("text ~ error", "OPS-2 PAY-2"),
        ("NOT text ~ error", "OPS-1 PAY-1 PAY-3 PAY-10"),
        ("text ~ error OR labels = frontend", "OPS-2 PAY-2 PAY-3 PAY-10"),
    ];
    check(&site, &examples).await;
    site.database.remove().await;
}

#[tokio::test]
async fn orders() {
    let site = Site::open().await;
    let by_key = |jql: &str| format!("{jql}, key ASC");
    let examples = [
        ("ORDER BY key", "OPS-1 OPS-2 PAY-1 PAY-2 PAY-3 PAY-10"),
        ("ORDER BY key DESC", "PAY-10 PAY-3 PAY-2 PAY-1 OPS-2 OPS-1"),
        ("ORDER BY id", "PAY-1 PAY-2 PAY-3 OPS-1 PAY-10 OPS-2"),
        // Newest first where nothing is asked for.
        ("", "OPS-2 PAY-10 OPS-1 PAY-3 PAY-2 PAY-1"),
        // Empty first when ascending, last when descending.
        (&by_key("ORDER BY priority ASC"), "OPS-2 PAY-10 OPS-1 PAY-3 PAY-1 PAY-2"),
        (&by_key("ORDER BY priority"), "PAY-2 PAY-1 PAY-3 OPS-1 OPS-2 PAY-10"),
        (&by_key("ORDER BY due"), "OPS-1 OPS-2 PAY-1 PAY-3 PAY-10 PAY-2"),
        (&by_key("ORDER BY due DESC"), "PAY-2 PAY-10 OPS-1 OPS-2 PAY-1 PAY-3"),
        (&by_key("ORDER BY assignee DESC"), "PAY-3 PAY-2 PAY-10 OPS-1 OPS-2 PAY-1"),
        (&by_key("ORDER BY 'Story Points' DESC"), "PAY-3 PAY-2 OPS-1 OPS-2 PAY-1 PAY-10"),
        (&by_key("ORDER BY Rank DESC"), "PAY-2 PAY-3 OPS-1 OPS-2 PAY-1 PAY-10"),
        (&by_key("ORDER BY status"), "OPS-1 PAY-3 PAY-1 PAY-10 OPS-2 PAY-2"),
        (&by_key("ORDER BY statusCategory"), "OPS-2 PAY-2 PAY-1 PAY-10 OPS-1 PAY-3"),
        (&by_key("ORDER BY resolution DESC"), "OPS-1 PAY-3 OPS-2 PAY-1 PAY-2 PAY-10"),
        (&by_key("ORDER BY project DESC"), "PAY-1 PAY-2 PAY-3 PAY-10 OPS-1 OPS-2"),
        (&by_key("ORDER BY sprint DESC"), "PAY-10 PAY-2 PAY-3 OPS-1 OPS-2 PAY-1"),
        (&by_key("ORDER BY labels DESC"), "PAY-3 PAY-2 PAY-10 OPS-1 OPS-2 PAY-1"),
        ("ORDER BY summary", "OPS-2 PAY-3 PAY-2 PAY-1 OPS-1 PAY-10"),
        ("ORDER BY type DESC, created DESC, key", "PAY-10 OPS-2 PAY-3 PAY-1 OPS-1 PAY-2"),
    ];
    for (jql, expected) in examples {
        assert_eq!(site.ordered(jql).await, expected, "{jql}");
    }
    site.database.remove().await;
}

#[tokio::test]
async fn several_instances_do_not_mix() {
    let site = Site::open().await;
    let twin = with(bundle(101, "PAY-2"), |b| {
        values(b, "customfield_10016", &[(None, "5")]);
        values(b, "customfield_20016", &[(None, "13")]);
        values(b, "customfield_10020", &[(Some("12"), "Sprint 2")]);
        b.issue.created = "2025-05-02T08:00:00Z".parse().unwrap();
    });
    let other = site.second_instance(&[twin]).await;

    assert_eq!(site.find("key = PAY-2").await, "PAY-2 PAY-2");
    assert_eq!(site.find("key = PAY-2 and instance = OTHER").await, "PAY-2");
    assert_eq!(site.find("instance != other").await, ALL);
    // Each instance has its own field of that name.
    assert_eq!(site.find("'Story Points' = 5").await, "PAY-2");
    assert_eq!(site.find("'Story Points' = 13 and instance = other").await, "PAY-2");
    assert_eq!(site.find("'Story Points' = 5 and instance = other").await, "");
    assert_eq!(site.find("'Story Points' is not empty").await, "PAY-2 PAY-2 PAY-3");
    assert_eq!(site.find("sprint in openSprints()").await, "PAY-2 PAY-2");
    let refusal = site.refusal("instance = third").await;
    assert_eq!(refusal, "The value 'third' does not exist for the field 'instance'.");

    let mut request = site.request("project = PAY");
    request.instance = Some(other);
    request.with_total = true;
    let page = site.search(&request).await.unwrap();
    assert_eq!((keys(&page).as_str(), page.total), ("PAY-2", Some(1)));
    assert_eq!(page.issues[0].instance, "other");
    site.database.remove().await;
}

#[tokio::test]
async fn strings_that_mean_harm_are_values() {
    let site = Site::open().await;
    let strings = [
        "'; DROP TABLE issues; --",
        "$1",
        "\\",
        "%",
        "_",
        "a\0b",
        "' OR '1'='1",
        "{}",
        "{\"a\",NULL}",
        "\"",
        "((((",
        "!!!",
        ":*",
        "a:b & !c | (d",
        "'foo':* <-> bar",
        "\u{202e}\u{feff}",
        "\u{10ffff}",
        "ß İ ﬃ",
        "99999999999999999999999999",
        "-1",
        "1e400",
        "NaN",
        "http://example.com/a?b=c&d=e#f",
        "<tag attr='x'>",
        "a-b-c-d_e.f/g",
    ];
    let long = "x".repeat(5_000);
    let fields = [
        "project =",
        "key =",
        "type !=",
        "status =",
        "statusCategory =",
        "priority >",
        "resolution =",
        "assignee =",
        "created >",
        "due =",
        "labels =",
        "labels !=",
        "component =",
        "fixVersion ~",
        "sprint =",
        "parent =",
        "'Epic Link' =",
        "summary ~",
        "summary !~",
        "description ~",
        "comment ~",
        "text ~",
        "hierarchyLevel =",
        "issueLinkType =",
        "instance =",
        "'Story Points' >",
        "Team =",
        "Notes ~",
        "Launch =",
        "Rank ~",
        "Rank =",
        "status was",
        "fixVersion was",
        "status was not x by",
        "assignee changed from",
        "priority changed on",
    ];
    for text in strings.into_iter().chain([long.as_str()]) {
        for field in fields {
            let jql = format!("{field} {}", jql::quote(text));
            match site.search(&site.request(&jql)).await {
                Ok(_) | Err(Error::InvalidJql(_)) => {}
                Err(error) => panic!("{jql}: {error:?}"),
            }
        }
    }
    for name in ["'; DROP TABLE issues; --", "a\"b", "\0", ""] {
        let jql = format!("{} = 1 ORDER BY {}", jql::quote(name), jql::quote(name));
        assert!(matches!(site.search(&site.request(&jql)).await, Err(Error::InvalidJql(_))), "{jql}");
    }
    assert_eq!(site.find("summary ~ '50%'").await, "OPS-2");
    assert_eq!(site.find("").await, ALL);
    site.database.remove().await;
}

#[tokio::test]
async fn counts_are_exact() {
    let site = Site::open().await;
    let mut tx = site.database.begin(site.tenant).await;
    for (jql, expected) in [("", 6), ("project = PAY", 4), ("text ~ error", 2), ("labels = nothing", 0)] {
        assert_eq!(tx.count(&site.request(jql)).await.unwrap(), expected, "{jql}");
    }
    drop(tx);
    let mut request = site.request("project = PAY ORDER BY key");
    request.with_total = true;
    request.limit = 0;
    let page = site.search(&request).await.unwrap();
    assert_eq!((page.issues.len(), page.total, page.next), (0, Some(4), None));
    site.database.remove().await;
}
