//! One site, behind the port.

use std::{
    collections::HashMap,
    sync::{Arc, PoisonError, RwLock},
};

use application::{
    Error, Result,
    instances::Dialect,
    ports::{
        Clock, Fetched, JiraSite, Listed, ListedDesk, ListedOptions, ListedSprints, NamesPage, PageSize,
        ProjectRoll, ReferenceData, RollCallPage, SiteIdentity, SitePage, SiteUsage, WorklogFeed,
        WorklogPage,
    },
};
use async_trait::async_trait;
use jira_client::{JiraClient, JiraError, SearchCursor, SearchRequest};
use serde_json::Value;

use super::{
    errors::application_error,
    manners::SharedManners,
    parts::{self, Bound},
    roll_call, whole,
};

/// Issues that a page of offset paging shows again, so that whoever walks over a list that moves can tell that it did.
const OVERLAP: u32 = 20;

pub(super) struct Site {
    /// Speaks the dialect that goes with the kind of instance, until the site has said what it is.
    client: RwLock<JiraClient>,
    manners: Arc<SharedManners>,
    clock: Arc<dyn Clock>,
}

impl Site {
    pub(super) fn new(client: JiraClient, manners: Arc<SharedManners>, clock: Arc<dyn Clock>) -> Self {
        Self { client: RwLock::new(client), manners, clock }
    }

    pub(super) fn client(&self) -> JiraClient {
        self.client.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn speaking(&self, dialect: Dialect) -> JiraClient {
        self.client().with_dialect(match dialect {
            Dialect::V2 => jira_client::Dialect::V2,
            Dialect::V3 => jira_client::Dialect::V3,
        })
    }

    pub(super) fn error(&self, error: JiraError) -> Error {
        match application_error(error, self.clock.now()) {
            // Whoever reads is in nobody's way; here a conflict is one of our own, over a lease.
            Error::Conflict(message) => Error::Upstream { system: "Jira", message, retryable: true },
            other => other,
        }
    }

    pub(super) fn write_error(&self, error: JiraError) -> Error {
        application_error(error, self.clock.now())
    }
}

/// `None` where it does not exist or is hidden.
fn visible<T>(found: Result<T, JiraError>) -> Result<Option<T>, JiraError> {
    match found {
        Ok(found) => Ok(Some(found)),
        Err(JiraError::NotFound { .. }) => Ok(None),
        Err(error) => Err(error),
    }
}

/// What hangs on one project, board or field: `None` where the site does not show it to us, or does not serve it at all.
fn shown<T>(found: Result<T, JiraError>) -> Result<Option<T>, JiraError> {
    match found {
        Ok(found) => Ok(Some(found)),
        Err(error) if is_about_the_list(&error) => {
            tracing::debug!(%error, "a list of the site cannot be read; the sync goes on without it");
            Ok(None)
        }
        Err(error) => Err(error),
    }
}

/// An issue that is gone, and voting that is switched off, have nobody who follows; what is not shown to us is another thing.
fn nobody_where_gone(found: Result<Vec<Value>, JiraError>) -> Result<Option<Vec<Value>>, JiraError> {
    shown(match found {
        Err(JiraError::NotFound { .. }) => Ok(Vec::new()),
        found => found,
    })
}

/// A site without Jira Software has no boards, one without linking no types of links, and a token may lack a scope: the copy does
/// without, and what it had stays.
fn optional(list: Result<Listed, JiraError>) -> Result<Listed, JiraError> {
    match list {
        Err(error) if !is_about_the_list(&error) => Err(error),
        Err(error) => {
            tracing::info!(%error, "a list of the site cannot be read; the sync goes on without it");
            Ok(Listed::NotAsked)
        }
        listed => listed,
    }
}

/// Whether the site speaks of this list, and not of itself: a site that wants to be left alone is left alone, and one that does not
/// know us is not believed.
fn is_about_the_list(error: &JiraError) -> bool {
    match error {
        JiraError::NotFound { .. }
        | JiraError::Forbidden { .. }
        | JiraError::Unauthenticated { .. }
        | JiraError::BadRequest { .. }
        | JiraError::Gone { .. }
        | JiraError::InvalidBody { .. } => true,
        // Servers answer paths that they do not know with a page.
        JiraError::ForeignPage { status, .. } | JiraError::Upstream { status, retry_after: None, .. } => {
            matches!(status, 404 | 405 | 500 | 501)
        }
        _ => false,
    }
}

fn read_cursor(text: Option<&str>) -> Result<Option<SearchCursor>> {
    let read = text.map(serde_json::from_str).transpose();
    read.map_err(|_| Error::invalid("cursor", "is no page cursor"))
}

pub(super) fn all_fields() -> Vec<String> {
    vec!["*all".to_owned()]
}

/// Server and Data Center embed the changelog; on Cloud it is truncated and asked for in bulk.
pub(super) fn expansions(dialect: Dialect) -> Vec<String> {
    match dialect {
        Dialect::V2 => vec!["changelog".to_owned()],
        Dialect::V3 => Vec::new(),
    }
}

#[async_trait]
impl JiraSite for Site {
    async fn identify(&self) -> Result<SiteIdentity> {
        let client = self.client();
        // Version 2 is there in every kind of Jira.
        let info = client
            .with_dialect(jira_client::Dialect::V2)
            .server_info()
            .await
            .map_err(|error| self.error(error))?;
        let dialect = info.dialect();
        let me = client.with_dialect(dialect).myself().await.map_err(|error| self.error(error))?;
        *self.client.write().unwrap_or_else(PoisonError::into_inner) = client.with_dialect(dialect);
        let account_id = me.account_id.clone().or(me.key.clone()).or(me.name.clone());
        let upstream =
            |message: &str| Error::Upstream { system: "Jira", message: message.into(), retryable: false };
        Ok(SiteIdentity {
            account_id: account_id.ok_or_else(|| upstream("`myself` names no account"))?,
            display_name: me.display_name.unwrap_or_default(),
            time_zone: me.time_zone,
            deployment_type: info.deployment_type.unwrap_or_else(|| "Server".to_owned()),
            dialect: match dialect {
                jira_client::Dialect::V2 => Dialect::V2,
                jira_client::Dialect::V3 => Dialect::V3,
            },
            version: info.version.unwrap_or_default(),
        })
    }

    async fn reference_data(&self) -> Result<ReferenceData> {
        let client = self.client();
        let read = async {
            let projects = client.projects().await?;
            let has_desks = projects.iter().any(|project| project["projectTypeKey"] == "service_desk");
            Ok::<_, JiraError>(ReferenceData {
                projects,
                fields: client.fields().await?,
                statuses: client.statuses().await?,
                issue_types: client.issue_types().await?,
                priorities: client.priorities().await?,
                resolutions: client.resolutions().await?,
                link_types: optional(client.issue_link_types().await.map(Listed::Whole))?,
                boards: optional(client.boards().await.map(Listed::Whole))?,
                groups: optional(client.groups().await.map(|(groups, whole)| match whole {
                    true => Listed::Whole(groups),
                    false => Listed::Part(groups),
                }))?,
                filters: optional(client.filters().await.map(|(filters, whole)| match whole {
                    true => Listed::Whole(filters),
                    false => Listed::Part(filters),
                }))?,
                dashboards: optional(client.dashboards().await.map(Listed::Whole))?,
                service_desks: match has_desks {
                    true => optional(client.service_desks().await.map(Listed::Whole))?,
                    false => Listed::NotAsked,
                },
                organizations: match has_desks {
                    true => optional(client.organizations(None).await.map(Listed::Whole))?,
                    false => Listed::NotAsked,
                },
                ..ReferenceData::default()
            })
        };
        read.await.map_err(|error| self.error(error))
    }

    async fn count(&self, jql: &str) -> Result<Option<u64>> {
        match self.client().approximate_count(jql).await {
            Ok(count) => Ok(Some(count)),
            // The total is for people: a site that does not tell is still synced.
            Err(JiraError::NotFound { .. } | JiraError::Gone { .. } | JiraError::Forbidden { .. }) => {
                Ok(None)
            }
            Err(error) => Err(self.error(error)),
        }
    }

    async fn search(
        &self,
        dialect: Dialect,
        jql: &str,
        cursor: Option<&str>,
        most: PageSize,
    ) -> Result<Option<SitePage>> {
        let client = self.speaking(dialect);
        let cursor = read_cursor(cursor)?;
        let request = SearchRequest {
            jql: jql.to_owned(),
            fields: all_fields(),
            expand: expansions(dialect),
            page_size: most.issues,
            overlap: OVERLAP,
            ..SearchRequest::default()
        };
        let bound = Bound::of(most);
        let read = async {
            match client.search_page_as_text(&request, cursor.as_ref(), most.bytes).await {
                Ok(mut page) => {
                    let issues = std::mem::take(&mut page.issues);
                    let whole = whole::complete(&client, dialect, issues, bound).await?;
                    Ok((whole, page.next, page.ends_early))
                }
                Err(error) if bound.blames_the_content(&error) => {
                    let (page, whole) =
                        parts::page(&client, dialect, &request, cursor.as_ref(), bound, error).await?;
                    Ok((whole, page.next, page.ends_early))
                }
                Err(error) => Err(error),
            }
        };
        let (whole, next, ends_early) = match read.await {
            Ok(page) => page,
            Err(JiraError::TooLarge { .. }) if !most.is_last() => return Ok(None),
            Err(error) => return Err(self.error(error)),
        };
        let next = next.map(|next| serde_json::to_string(&next)).transpose().map_err(Error::internal)?;
        Ok(Some(SitePage { issues: whole.issues, next, set_aside: whole.set_aside, ends_early }))
    }

    async fn names(
        &self,
        dialect: Dialect,
        jql: &str,
        cursor: Option<&str>,
        page_size: u32,
    ) -> Result<NamesPage> {
        let cursor = read_cursor(cursor)?;
        let request = SearchRequest { jql: jql.to_owned(), page_size, ..SearchRequest::default() };
        let page = parts::names(&self.speaking(dialect), &request, cursor.as_ref()).await;
        let page = page.map_err(|error| self.error(error))?;
        let next = page.next.map(|next| serde_json::to_string(&next)).transpose().map_err(Error::internal)?;
        Ok(NamesPage { issues: page.issues, next })
    }

    async fn issues(&self, dialect: Dialect, ids: &[String]) -> Result<Fetched> {
        let client = self.speaking(dialect);
        let asked = match ids {
            [] => Ok(whole::Whole::default()),
            [id] => parts::one(&client, dialect, id, Bound::NONE).await,
            several => parts::some(&client, dialect, several, Bound::NONE).await,
        };
        let whole = match asked {
            Err(error) if parts::is_about_the_content(&error) => {
                parts::read(&client, dialect, ids, Bound::NONE, error).await
            }
            asked => asked,
        };
        let whole = whole.map_err(|error| self.error(error))?;
        let retry = whole.set_aside.into_iter().filter_map(|aside| aside.jira_id).collect();
        Ok(Fetched { issues: whole.issues, retry })
    }

    async fn worklog_feed(
        &self,
        dialect: Dialect,
        feed: WorklogFeed,
        since: i64,
    ) -> Result<Option<WorklogPage>> {
        let feed = match feed {
            WorklogFeed::Updated => jira_client::WorklogFeed::Updated,
            WorklogFeed::Deleted => jira_client::WorklogFeed::Deleted,
        };
        let page = shown(self.speaking(dialect).worklog_feed(feed, since).await);
        let Some(page) = page.map_err(|error| self.error(error))? else { return Ok(None) };
        let changes = page.changes.iter().map(|change| (change.worklog_id.to_string(), change.updated_time));
        Ok(Some(WorklogPage { changes: changes.collect(), until: page.until, is_last: page.is_last }))
    }

    async fn worklogs(&self, dialect: Dialect, ids: &[String]) -> Result<Vec<Value>> {
        let ids: Vec<i64> = ids
            .iter()
            .map(|id| id.parse().map_err(|_| Error::invalid("ids", format!("`{id}` is no id of a worklog"))))
            .collect::<Result<_>>()?;
        self.speaking(dialect).worklogs_by_id(&ids).await.map_err(|error| self.error(error))
    }

    async fn comments(&self, dialect: Dialect, issue_id: &str) -> Result<Option<Vec<Value>>> {
        let comments = visible(self.speaking(dialect).comments(issue_id).await);
        Ok(comments.map_err(|error| self.error(error))?.map(|(comments, _)| comments))
    }

    async fn project_rosters(
        &self,
        dialect: Dialect,
        project: &str,
    ) -> Result<Option<(Vec<Value>, Vec<Value>)>> {
        let client = self.speaking(dialect);
        let read = async { Ok((client.versions(project).await?, client.components(project).await?)) };
        shown(read.await).map_err(|error| self.error(error))
    }

    async fn board_sprints(&self, board_id: i64) -> Result<Option<ListedSprints>> {
        let sprints = match self.client().sprints(board_id).await {
            // "The board does not support sprints."
            Err(JiraError::BadRequest { .. }) => Ok(Vec::new()),
            sprints => sprints,
        };
        let sprints = shown(sprints).map_err(|error| self.error(error))?;
        Ok(sprints.map(|sprints| ListedSprints { board_id, sprints }))
    }

    async fn field_options(&self, dialect: Dialect, field_id: &str) -> Result<Option<ListedOptions>> {
        if dialect == Dialect::V2 {
            return Ok(None);
        }
        let client = self.speaking(dialect);
        let read = async {
            let contexts = client.field_contexts(field_id).await?;
            let mut options = Vec::new();
            for context in contexts.iter().filter_map(|context| context["id"].as_str()) {
                for mut option in client.field_options(field_id, context).await? {
                    option["contextId"] = Value::from(context);
                    options.push(option);
                }
            }
            Ok(ListedOptions { field_id: field_id.to_owned(), contexts, options })
        };
        shown(read.await).map_err(|error| self.error(error))
    }

    async fn group_members(&self, dialect: Dialect, group: &str) -> Result<Option<Vec<Value>>> {
        shown(self.speaking(dialect).group_members(group).await).map_err(|error| self.error(error))
    }

    async fn project_roles(&self, dialect: Dialect, project: &str) -> Result<Option<Vec<Value>>> {
        shown(self.speaking(dialect).project_roles(project).await).map_err(|error| self.error(error))
    }

    async fn board_configuration(&self, board_id: i64) -> Result<Option<Value>> {
        shown(self.client().board_configuration(board_id).await).map_err(|error| self.error(error))
    }

    async fn filter(&self, dialect: Dialect, filter: &str) -> Result<Option<Value>> {
        shown(self.speaking(dialect).filter(filter).await).map_err(|error| self.error(error))
    }

    async fn watchers(&self, dialect: Dialect, issue: &str) -> Result<Option<Vec<Value>>> {
        nobody_where_gone(self.speaking(dialect).watchers(issue).await).map_err(|error| self.error(error))
    }

    async fn voters(&self, dialect: Dialect, issue: &str) -> Result<Option<Vec<Value>>> {
        nobody_where_gone(self.speaking(dialect).voters(issue).await).map_err(|error| self.error(error))
    }

    async fn desk_setup(&self, desk: &str) -> Result<Option<ListedDesk>> {
        let client = self.client();
        let read = async {
            Ok(ListedDesk {
                desk_id: desk.to_owned(),
                request_types: client.request_types(desk).await?,
                groups: client.request_type_groups(desk).await?,
                queues: shown(client.queues(desk).await)?.unwrap_or_default(),
                organizations: shown(client.organizations(Some(desk)).await)?.unwrap_or_default(),
            })
        };
        shown(read.await).map_err(|error| self.error(error))
    }

    async fn organization_members(&self, organization: &str) -> Result<Option<Vec<Value>>> {
        shown(self.client().organization_members(organization).await).map_err(|error| self.error(error))
    }

    async fn people(&self, dialect: Dialect, start: u64) -> Result<Option<Vec<Value>>> {
        shown(self.speaking(dialect).people(start).await).map_err(|error| self.error(error))
    }

    async fn project_entry(&self, dialect: Dialect, project: &str) -> Result<Option<Value>> {
        self.speaking(dialect).listed_project(project).await.map_err(|error| self.error(error))
    }

    async fn board_entry(&self, board_id: i64) -> Result<Option<Value>> {
        shown(self.client().board(board_id).await).map_err(|error| self.error(error))
    }

    async fn person(&self, dialect: Dialect, account: &str) -> Result<Option<Value>> {
        shown(self.speaking(dialect).person(account).await).map_err(|error| self.error(error))
    }

    async fn projects(&self, dialect: Dialect) -> Result<ProjectRoll> {
        roll_call::projects(&self.speaking(dialect)).await.map_err(|error| self.error(error))
    }

    async fn roll_call(
        &self,
        dialect: Dialect,
        project_id: &str,
        cursor: Option<&str>,
    ) -> Result<RollCallPage> {
        let client = self.speaking(dialect);
        let page = match dialect {
            Dialect::V3 => roll_call::by_token(&client, project_id, cursor).await,
            Dialect::V2 => roll_call::by_key(&client, project_id, cursor).await,
        };
        page.map_err(|error| self.error(error))
    }

    async fn add_comment(&self, dialect: Dialect, issue_id: &str, body: &Value) -> Result<Value> {
        self.speaking(dialect).add_comment(issue_id, body).await.map_err(|error| self.write_error(error))
    }

    async fn transitions(&self, dialect: Dialect, issue_id: &str) -> Result<Vec<Value>> {
        self.speaking(dialect).transitions(issue_id).await.map_err(|error| self.error(error))
    }

    async fn transitions_of(
        &self,
        dialect: Dialect,
        issue_ids: &[String],
    ) -> Result<HashMap<String, Vec<Value>>> {
        self.speaking(dialect).transitions_of(issue_ids).await.map_err(|error| self.error(error))
    }

    async fn transition(
        &self,
        dialect: Dialect,
        issue_id: &str,
        transition_id: &str,
        fields: Option<&Value>,
    ) -> Result<()> {
        let client = self.speaking(dialect);
        client
            .do_transition(issue_id, transition_id, fields.cloned(), None)
            .await
            .map_err(|error| self.write_error(error))
    }

    fn usage(&self) -> SiteUsage {
        self.manners.usage()
    }
}
