//! A small site, made by hand, for questions in JQL.

use application::{
    instances::InstanceKind,
    issues::{IssueBundle, Presence},
    reference::{
        FieldRecord, FieldValueRecord, IssueTypeRecord, RankedRecord, ReferenceRecords, SprintRecord,
    },
    search::{SearchPage, SearchRequest, SearchStart, parse_jql},
};
use chrono::{DateTime, Utc};
use domain::ids::{InstanceId, TenantId};
use serde_json::json;

use crate::{
    bundles::{self, blocks, comment, project, status, user},
    database::TestDatabase,
    vanished::{component, version},
};

/// A Wednesday, 12:30 in Berlin.
pub const NOW: &str = "2025-05-14T10:30:00Z";

pub struct Site {
    pub database: TestDatabase,
    pub tenant: TenantId,
    pub instance: InstanceId,
}

impl Site {
    /// The site with its rosters and issues.
    pub async fn open() -> Self {
        let site = Self::empty().await;
        site.store(&issues()).await;
        // PAY-4 moves.
        site.store(&[with(bundle(103, "OPS-1"), |b| {
            kind(b, "Bug", "1", 0);
            set_status(b, "Done", "10", "done");
            b.issue.resolution = Some(("Won't Do".into(), "2".into()));
            b.issue.priority = Some(("Low".into(), "4".into()));
            b.issue.summary = "Server logs fill the disk".into();
        })])
        .await;
        let mut tx = site.database.begin(site.tenant).await;
        tx.set_presence(site.instance, &["109".to_owned()], Presence::Deleted).await.unwrap();
        tx.commit().await.unwrap();
        site
    }

    /// The site without issues.
    pub async fn empty() -> Self {
        let database = TestDatabase::create().await;
        let (tenant, instance) = database.mirror().await;
        let mut tx = database.begin(tenant).await;
        tx.upsert_reference(instance, &rosters("customfield_10016"), true).await.unwrap();
        tx.commit().await.unwrap();
        Self { database, tenant, instance }
    }

    pub async fn store(&self, issues: &[IssueBundle]) {
        let mut tx = self.database.begin(self.tenant).await;
        tx.upsert_issues(self.instance, issues).await.unwrap();
        tx.commit().await.unwrap();
    }

    /// Another instance of the same tenant, where "Story Points" has another id.
    pub async fn second_instance(&self, issues: &[IssueBundle]) -> InstanceId {
        let other = self.database.instance(self.tenant, "other", InstanceKind::Cloud).await;
        let mut tx = self.database.begin(self.tenant).await;
        tx.upsert_reference(other, &rosters("customfield_20016"), true).await.unwrap();
        tx.upsert_issues(other, issues).await.unwrap();
        tx.commit().await.unwrap();
        other
    }

    pub fn request(&self, jql: &str) -> SearchRequest {
        SearchRequest {
            query: parse_jql(jql).unwrap(),
            instance: None,
            zone: chrono_tz::Europe::Berlin,
            now: NOW.parse().unwrap(),
            current_user: Some("ann".into()),
            limit: 100,
            start: SearchStart::Offset(0),
            with_total: false,
        }
    }

    pub async fn search(&self, request: &SearchRequest) -> application::Result<SearchPage> {
        self.database.begin(self.tenant).await.search(request).await
    }

    /// The keys a query finds, in its order.
    pub async fn ordered(&self, jql: &str) -> String {
        keys(&self.search(&self.request(jql)).await.unwrap())
    }

    /// The keys a query finds, in theirs.
    pub async fn find(&self, jql: &str) -> String {
        self.ordered(&format!("{jql} ORDER BY key ASC")).await
    }

    pub async fn refusal(&self, jql: &str) -> String {
        self.search(&self.request(jql)).await.unwrap_err().to_string()
    }
}

pub fn keys(page: &SearchPage) -> String {
    page.issues.iter().map(|issue| issue.key.as_str()).collect::<Vec<_>>().join(" ")
}

pub fn time(text: &str) -> DateTime<Utc> {
    text.parse().unwrap()
}

/// An issue with nothing but what every issue has, created on 1 May 2025.
pub fn bundle(id: u32, key: &str) -> IssueBundle {
    with(bundles::issue(id, key), |b| {
        let issue = &mut b.issue;
        issue.created = time("2025-05-01T08:00:00Z");
        issue.updated = time("2025-05-01T08:00:00Z");
        b.reference.users = Vec::new();
        issue.assignee = None;
        issue.reporter = None;
        issue.description_text = None;
        issue.sprint_ids = Vec::new();
        issue.story_points = None;
        issue.labels = Vec::new();
        kind(b, "Story", "2", 0);
    })
}

pub fn with(mut bundle: IssueBundle, change: impl FnOnce(&mut IssueBundle)) -> IssueBundle {
    change(&mut bundle);
    bundle
}

fn kind(bundle: &mut IssueBundle, name: &str, id: &str, level: i16) {
    bundle.issue.issue_type = Some((name.into(), id.into()));
    bundle.issue.hierarchy_level = Some(level);
}

fn set_status(bundle: &mut IssueBundle, name: &str, id: &str, category: &str) {
    bundle.issue.status = name.into();
    bundle.issue.status_id = id.into();
    bundle.issue.status_category = category.into();
}

/// Values of a field, each with its id where it has one.
pub fn values(bundle: &mut IssueBundle, field: &str, values: &[(Option<&str>, &str)]) {
    let records = values.iter().zip(0..).map(|((id, text), ordinal)| FieldValueRecord {
        field_id: field.into(),
        ordinal,
        value_id: id.map(str::to_owned),
        text: Some((*text).to_owned()),
        number: text.parse().ok().filter(|_| field != "labels"),
        time: day_or_time(text),
    });
    bundle.values.extend(records);
}

fn day_or_time(text: &str) -> Option<DateTime<Utc>> {
    text.parse().ok().or_else(|| format!("{text}T00:00:00Z").parse().ok())
}

fn labels(bundle: &mut IssueBundle, labels: &[&str]) {
    bundle.issue.labels = labels.iter().map(|&label| label.to_owned()).collect();
    values(bundle, "labels", &labels.iter().map(|&label| (None, label)).collect::<Vec<_>>());
}

fn sprints(bundle: &mut IssueBundle, sprints: &[(i32, &str)]) {
    bundle.issue.sprint_ids = sprints.iter().map(|(id, _)| *id).collect();
    let ids: Vec<String> = sprints.iter().map(|(id, _)| id.to_string()).collect();
    let named: Vec<_> = ids.iter().zip(sprints).map(|(id, (_, name))| (Some(id.as_str()), *name)).collect();
    values(bundle, "customfield_10020", &named);
}

fn issues() -> Vec<IssueBundle> {
    let epic = with(bundle(100, "PAY-1"), |b| {
        kind(b, "Epic", "3", 1);
        set_status(b, "In Progress", "3", "indeterminate");
        b.issue.priority = Some(("High".into(), "2".into()));
        b.issue.summary = "Payment platform".into();
        b.issue.reporter = Some("bob".into());
        b.issue.updated = time("2025-05-13T21:59:00Z");
    });
    let other = with(bundle(201, "OPS-2"), |b| {
        b.issue.summary = "50% off_by one \\ error".into();
        b.issue.created = time("2025-05-14T10:00:00.123Z");
        b.issue.updated = time("2025-05-14T10:00:00.123Z");
        values(b, "customfield_10036", &[(None, "12")]);
    });
    let bug = with(bundle(101, "PAY-2"), |b| {
        kind(b, "Bug", "1", 0);
        b.issue.priority = Some(("Highest".into(), "1".into()));
        b.issue.summary = "Login is broken on checkout".into();
        b.issue.description_text = Some("The page shows an error".into());
        b.issue.assignee = Some("ann".into());
        b.issue.reporter = Some("bob".into());
        b.issue.creator = Some("bob".into());
        b.issue.due = Some("2025-05-15".parse().unwrap());
        labels(b, &["Backend", "urgent"]);
        b.issue.components = vec!["API".into()];
        values(b, "components", &[(Some("10"), "API")]);
        values(b, "versions", &[(Some("21"), "9.0")]);
        sprints(b, &[(11, "Sprint 1"), (12, "Sprint 2")]);
        values(b, "customfield_10016", &[(None, "5")]);
        values(b, "customfield_10030", &[(Some("77"), "Blue")]);
        values(b, "customfield_10031", &[(None, "needs a reworked form")]);
        values(b, "customfield_10032", &[(None, "2025-06-01")]);
        values(b, "customfield_10033", &[(None, "2025-05-14T08:00:00Z")]);
        values(b, "customfield_10034", &[(None, "0|i0000f:")]);
        values(b, "customfield_10035", &[(Some("ann"), "Ann")]);
        b.comments = vec![comment(1, "Reproduced with Firefox", 1)];
    });
    let story = with(bundle(102, "PAY-3"), |b| {
        set_status(b, "Done", "10", "done");
        b.issue.resolution = Some(("Fixed".into(), "1".into()));
        b.issue.resolved = Some(time("2025-05-10T12:00:00Z"));
        b.issue.priority = Some(("Medium".into(), "3".into()));
        b.issue.summary = "Checkout remembers the card".into();
        b.issue.description_text = Some("As a buyer I log in once".into());
        b.issue.assignee = Some("bob".into());
        b.issue.reporter = Some("ann".into());
        b.issue.parent = Some(("100".into(), "PAY-1".into()));
        b.issue.epic_key = Some("PAY-1".into());
        labels(b, &["frontend"]);
        values(b, "fixVersions", &[(Some("20"), "9.1"), (Some("22"), "10.0")]);
        sprints(b, &[(11, "Sprint 1")]);
        values(b, "customfield_10016", &[(None, "8.5")]);
        values(b, "customfield_10034", &[(None, "0|i00007:")]);
        b.comments = vec![comment(2, "Shipped", 1), comment(3, "Customers are happy with the card", 2)];
    });
    let subtask = with(bundle(110, "PAY-10"), |b| {
        kind(b, "Sub-task", "4", -1);
        set_status(b, "In Progress", "3", "indeterminate");
        b.issue.summary = "Write a failing test for logins".into();
        b.issue.assignee = Some("ann".into());
        b.issue.parent = Some(("101".into(), "PAY-2".into()));
        b.issue.due = Some("2025-05-13".parse().unwrap());
        labels(b, &["backend", "frontend"]);
        sprints(b, &[(13, "Sprint 3")]);
    });
    let deleted = with(bundle(109, "PAY-9"), |b| labels(b, &["backend"]));
    let bug = with(bug.clone(), |b| b.links = vec![blocks(1, &bug, &other)]);
    let first = with(bundle(103, "PAY-4"), |_| {});
    vec![epic, other, bug, story, subtask, deleted, first]
}

fn rosters(story_points: &str) -> ReferenceRecords {
    let ranked = |id: &str, name: &str, rank: i32| RankedRecord {
        jira_id: id.into(),
        name: name.into(),
        rank: Some(rank),
        raw: json!({"id": id, "name": name}).into(),
    };
    let issue_type = |id: &str, name: &str, level: i16| IssueTypeRecord {
        jira_id: id.into(),
        name: name.into(),
        subtask: level < 0,
        hierarchy_level: Some(level),
        raw: json!({"id": id, "name": name}).into(),
    };
    let mut projects = vec![project("PAY"), project("OPS"), project("OLD")];
    // A project whose name is another one's key: the key wins.
    projects[2].name = "PAY".into();
    ReferenceRecords {
        projects,
        users: vec![user("ann", "Ann Lee"), user("bob", "Bob"), user("JIRAUSER7", "Ann Lee")],
        statuses: vec![
            status("1", "To Do", "new"),
            status("3", "In Progress", "indeterminate"),
            status("10", "Done", "done"),
        ],
        issue_types: vec![
            issue_type("1", "Bug", 0),
            issue_type("2", "Story", 0),
            issue_type("3", "Epic", 1),
            issue_type("4", "Sub-task", -1),
        ],
        priorities: vec![
            ranked("1", "Highest", 0),
            ranked("2", "High", 1),
            ranked("3", "Medium", 2),
            ranked("4", "Low", 3),
        ],
        resolutions: vec![ranked("1", "Fixed", 0), ranked("2", "Won't Do", 1)],
        fields: fields(story_points),
        versions: vec![
            version(21, "9.0", Some(0)),
            version(20, "9.1", Some(1)),
            version(22, "10.0", Some(2)),
        ],
        components: vec![component(10, "API"), component(11, "web")],
        sprints: vec![
            sprint(11, "Sprint 1", "closed"),
            sprint(12, "Sprint 2", "active"),
            sprint(13, "Sprint 3", "future"),
        ],
        ..ReferenceRecords::default()
    }
}

fn fields(story_points: &str) -> Vec<FieldRecord> {
    let plain = "com.atlassian.jira.plugin.system.customfieldtypes:";
    let board = "com.pyxis.greenhopper.jira:";
    let field = |id: &str, name: &str, plugin: &str, kind: &str| FieldRecord {
        field_key: id.into(),
        name: name.into(),
        field_type: Some(format!("{plugin}{kind}")),
        custom: true,
        raw: json!({"id": id, "name": name, "schema": {"custom": format!("{plugin}{kind}")}}),
    };
    let mut summary = field("summary", "Summary", "", "string");
    summary.custom = false;
    vec![
        summary,
        field(story_points, "Story Points", plain, "float"),
        field("customfield_10020", "Sprint", board, "gh-sprint"),
        field("customfield_10030", "Team", plain, "select"),
        field("customfield_10031", "Notes", plain, "textarea"),
        field("customfield_10032", "Launch", plain, "datepicker"),
        field("customfield_10033", "Seen at", plain, "datetime"),
        field("customfield_10034", "Rank", board, "gh-lexo-rank"),
        field("customfield_10035", "Owner", plain, "userpicker"),
        field("customfield_10036", "Size", plain, "float"),
        field("customfield_10037", "Size", plain, "textfield"),
    ]
}

fn sprint(id: i64, name: &str, state: &str) -> SprintRecord {
    SprintRecord {
        jira_id: id,
        name: name.into(),
        state: state.into(),
        board_id: Some(1),
        goal: None,
        start: None,
        end: None,
        complete: None,
        raw: json!({"id": id, "name": name, "state": state}),
    }
}
