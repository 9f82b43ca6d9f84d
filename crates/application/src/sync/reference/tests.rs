//! Rounds over a site that is made up.

use futures::FutureExt as _;
use serde_json::json;

use super::*;
use crate::ports::{
    FailedDeliveries, Fetched, ListedOptions, ListedSprints, NamesPage, NewSiteWebhook, PageSize,
    ProjectRoll, RegisteredWebhook, RollCallPage, SiteIdentity, SitePage, SiteUsage, SiteWebhook,
    SiteWebhooks, WebhookKind, WorklogFeed, WorklogPage,
};

/// Serves the parts of project 10, the sprints of board 1 and the options of one field, and nothing else.
struct Stub;

fn unserved<T>() -> Result<T> {
    Err(Error::Unsupported("this site serves reference data only".into()))
}

#[async_trait]
impl SiteWebhooks for Stub {
    fn webhook_events(&self, _: WebhookKind) -> Vec<String> {
        Vec::new()
    }
    fn lacks_events(&self, _: WebhookKind, _: &[String]) -> bool {
        false
    }
    async fn webhooks(&self, _: WebhookKind) -> Result<Option<Vec<SiteWebhook>>> {
        unserved()
    }
    async fn register_webhook(&self, _: &NewSiteWebhook) -> Result<Option<RegisteredWebhook>> {
        unserved()
    }
    async fn replace_webhook(&self, _: &str, _: &NewSiteWebhook) -> Result<()> {
        unserved()
    }
    async fn refresh_webhooks(&self, _: &[String]) -> Result<Option<DateTime<Utc>>> {
        unserved()
    }
    async fn remove_webhooks(&self, _: WebhookKind, _: &[String]) -> Result<()> {
        unserved()
    }
    async fn failed_deliveries(&self, _: DateTime<Utc>) -> Result<Option<FailedDeliveries>> {
        unserved()
    }
}

#[async_trait]
impl JiraSite for Stub {
    async fn project_rosters(&self, _: Dialect, project: &str) -> Result<Option<(Vec<Value>, Vec<Value>)>> {
        let versions =
            vec![json!({"id": "1", "name": "1.0"}), json!({"id": "2", "name": "2.0", "projectId": 10})];
        let components = vec![json!({"id": "7", "name": "web", "project": "PAY"})];
        Ok((project == "10").then_some((versions, components)))
    }
    async fn board_sprints(&self, board_id: i64) -> Result<Option<ListedSprints>> {
        let sprints = vec![json!({"id": 5, "name": "Sprint 5", "state": "active"})];
        Ok((board_id == 1).then_some(ListedSprints { board_id, sprints }))
    }
    async fn field_options(&self, dialect: Dialect, field_id: &str) -> Result<Option<ListedOptions>> {
        let options = ListedOptions {
            field_id: field_id.to_owned(),
            contexts: vec![json!({"id": "3", "name": "Everywhere", "isGlobalContext": true})],
            options: vec![json!({"id": "30", "value": "iOS", "contextId": "3"})],
        };
        Ok((dialect == Dialect::V3).then_some(options))
    }

    async fn identify(&self) -> Result<SiteIdentity> {
        unserved()
    }
    async fn reference_data(&self) -> Result<ReferenceData> {
        unserved()
    }
    async fn count(&self, _: &str) -> Result<Option<u64>> {
        unserved()
    }
    async fn search(&self, _: Dialect, _: &str, _: Option<&str>, _: PageSize) -> Result<Option<SitePage>> {
        unserved()
    }
    async fn names(&self, _: Dialect, _: &str, _: Option<&str>, _: u32) -> Result<NamesPage> {
        unserved()
    }
    async fn issues(&self, _: Dialect, _: &[String]) -> Result<Fetched> {
        unserved()
    }
    async fn worklog_feed(&self, _: Dialect, _: WorklogFeed, _: i64) -> Result<Option<WorklogPage>> {
        unserved()
    }
    async fn worklogs(&self, _: Dialect, _: &[String]) -> Result<Vec<Value>> {
        unserved()
    }
    async fn comments(&self, _: Dialect, _: &str) -> Result<Option<Vec<Value>>> {
        unserved()
    }
    async fn projects(&self, _: Dialect) -> Result<ProjectRoll> {
        unserved()
    }
    async fn roll_call(&self, _: Dialect, _: &str, _: Option<&str>) -> Result<RollCallPage> {
        unserved()
    }
    async fn add_comment(&self, _: Dialect, _: &str, _: &Value) -> Result<Value> {
        unserved()
    }
    async fn transitions(&self, _: Dialect, _: &str) -> Result<Vec<Value>> {
        unserved()
    }
    async fn transition(&self, _: Dialect, _: &str, _: &str, _: Option<&Value>) -> Result<()> {
        unserved()
    }
    fn usage(&self) -> SiteUsage {
        SiteUsage::default()
    }
}

fn asked(list: ReferenceList, dialect: Dialect, id: &str) -> Option<ReferenceData> {
    ask_for(&Stub, dialect, list, id).now_or_never().unwrap().unwrap()
}

#[test]
fn each_list_is_asked_for_by_what_it_hangs_on() {
    let parts = asked(ReferenceList::ProjectParts, Dialect::V3, "10").unwrap();
    let (versions, whole) = parts.versions.into_entries();
    assert!(!whole, "it is one project's, not the site's");
    assert!(versions.iter().all(|version| version["projectId"] == 10), "{versions:?}");
    assert_eq!(parts.components.into_entries().0[0]["projectId"], 10);
    let sprints = asked(ReferenceList::BoardSprints, Dialect::V3, "1").unwrap();
    assert_eq!(sprints.board_sprints[0].sprints.len(), 1);
    let options = asked(ReferenceList::FieldOptions, Dialect::V3, "customfield_1").unwrap();
    assert_eq!(options.field_options[0].field_id, "customfield_1");
}

#[test]
fn what_a_site_does_not_show_is_no_error() {
    assert!(asked(ReferenceList::ProjectParts, Dialect::V3, "11").is_none());
    assert!(asked(ReferenceList::BoardSprints, Dialect::V3, "2").is_none());
    assert!(asked(ReferenceList::FieldOptions, Dialect::V2, "customfield_1").is_none());
}

#[test]
fn only_fields_with_options_are_asked_for_theirs() {
    let field = |custom: &str| {
        json!({"id": "customfield_1", "name": "F",
               "schema": {"custom": format!("com.atlassian.jira.plugin.system.customfieldtypes:{custom}")}})
    };
    let id = |field: &Value| ReferenceList::FieldOptions.id_of(field);
    assert_eq!(id(&field("cascadingselect")).as_deref(), Some("customfield_1"));
    assert_eq!(id(&field("float")), None);
    assert_eq!(id(&json!({"id": "summary", "name": "Summary", "schema": {"type": "string"}})), None);
    assert_eq!(ReferenceList::BoardSprints.id_of(&json!({"id": 4})).as_deref(), Some("4"));
}

#[test]
fn a_round_that_is_refused_everything_ends_early_and_says_so() {
    let now = DateTime::UNIX_EPOCH;
    let mut read = ReferenceRead::begin(ReferenceList::BoardSprints, None, now);
    read.refused = REFUSALS;
    assert!(read.is_in_vain());
    read.finish();
    assert_eq!((read.read_at, read.note.is_some()), (Some(now), true));
    let mut next = ReferenceRead::begin(ReferenceList::BoardSprints, Some(&read), now + APART);
    assert!(next.note.is_some() && next.read_at == Some(now), "what is known stays until the round ends");
    next.shown = 1;
    next.refused = 100;
    assert!(!next.is_in_vain());
    next.finish();
    assert_eq!((next.read_at, next.note), (Some(now + APART), None));
}

#[test]
fn a_round_is_as_far_from_the_one_before_as_that_was_dear() {
    let apart = |list: ReferenceList, seconds| list.apart(TimeDelta::seconds(seconds)).num_minutes();
    assert_eq!(apart(ReferenceList::ProjectParts, 0), 5);
    assert_eq!(apart(ReferenceList::ProjectParts, 15), 5);
    // A thousand projects, two requests each, a hundred a minute.
    assert_eq!(apart(ReferenceList::ProjectParts, 20 * 60), 400);
    assert_eq!(apart(ReferenceList::GroupMembers, 20 * 60), 400);
    assert_eq!(apart(ReferenceList::Followers, 20 * 60), 24 * 60);
}
