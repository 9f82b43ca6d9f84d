//! Remote Jira sites: the port over the client, with the manners that all connections to one instance share.

mod errors;
mod manners;
mod roll_call;
mod whole;

use std::sync::Arc;

use application::{
    Error, Result,
    instances::{AuthMethod, Dialect, InstanceKind},
    ports::{
        Fetched, JiraSite, JiraSites, Listed, ProjectRoll, RateLimiter, ReferenceData, RollCallPage,
        SiteConnection, SiteIdentity, SitePage, SiteUsage,
    },
};
use async_trait::async_trait;
use jira_client::{Auth, JiraClient, JiraError, NewWebhook, SearchCursor, SearchRequest};
use secrecy::{ExposeSecret, SecretString};
use serde_json::Value;
use url::Url;

use crate::outbound::Outbound;
use errors::application_error;
use manners::SharedManners;

/// Requests a minute to one site, all workers together, unless configured otherwise. Jira Cloud lets an API token
/// make about 100 a second (jira-facts 4); what it refuses is obeyed in any case.
pub const DEFAULT_REQUESTS_PER_MINUTE: u32 = 3_000;

/// Events the sync listens to (jira-facts 3.3).
const EVENTS: [&str; 21] = [
    "jira:issue_created",
    "jira:issue_updated",
    "jira:issue_deleted",
    "comment_created",
    "comment_updated",
    "comment_deleted",
    "worklog_created",
    "worklog_updated",
    "worklog_deleted",
    "issuelink_created",
    "issuelink_deleted",
    "attachment_created",
    "attachment_deleted",
    "project_created",
    "project_updated",
    "project_deleted",
    "sprint_created",
    "sprint_updated",
    "sprint_deleted",
    "sprint_started",
    "sprint_closed",
];

/// Connections to sites.
pub struct HttpSites {
    outbound: Outbound,
    limiter: Arc<dyn RateLimiter>,
    requests_per_minute: u32,
}

impl HttpSites {
    /// Sites by this way out, held to so many requests a minute each.
    pub fn new(outbound: Outbound, limiter: Arc<dyn RateLimiter>, requests_per_minute: u32) -> Self {
        Self { outbound, limiter, requests_per_minute }
    }
}

#[async_trait]
impl JiraSites for HttpSites {
    async fn check_address(&self, base_url: &str) -> Result<()> {
        self.outbound.check("url", base_url).await
    }

    fn connect(&self, connection: SiteConnection) -> Result<Arc<dyn JiraSite>> {
        let base_url = Url::parse(&connection.base_url)
            .map_err(|error| Error::invalid("url", format!("is no address: {error}")))?;
        // Every request of the connection goes to this host.
        let http = self
            .outbound
            .client_for(&base_url)
            .map_err(|refused| Error::invalid("url", refused.to_string()))?
            .clone();
        let auth = auth(&connection)?;
        let manners = Arc::new(SharedManners::new(
            self.limiter.clone(),
            format!("jira:{}", connection.instance),
            self.requests_per_minute,
        ));
        let dialect = match connection.kind {
            InstanceKind::Server | InstanceKind::DataCenter => jira_client::Dialect::V2,
            InstanceKind::Cloud | InstanceKind::Sandbox => jira_client::Dialect::V3,
        };
        let client = JiraClient::new(http, base_url, auth, dialect, manners.clone());
        Ok(Arc::new(Site { client, manners }))
    }
}

fn auth(connection: &SiteConnection) -> Result<Auth> {
    let token = || {
        connection.token.clone().ok_or_else(|| {
            Error::Conflict("the instance has no credential; remove it and add it again".into())
        })
    };
    Ok(match connection.auth_method {
        AuthMethod::None => Auth::None,
        AuthMethod::Pat | AuthMethod::Oauth => Auth::Bearer(token()?),
        AuthMethod::ApiToken => Auth::Basic {
            email: connection
                .email
                .as_ref()
                .map(|email| email.expose_secret().to_owned())
                .unwrap_or_default(),
            token: token()?,
        },
    })
}

struct Site {
    client: JiraClient,
    manners: Arc<SharedManners>,
}

impl Site {
    fn speaking(&self, dialect: Dialect) -> JiraClient {
        self.client.with_dialect(match dialect {
            Dialect::V2 => jira_client::Dialect::V2,
            Dialect::V3 => jira_client::Dialect::V3,
        })
    }
}

/// A site without Jira Software has no boards, one without linking no types of links, and a token may lack a scope: the copy does
/// without, and what it had stays. Only a site that wants to be left alone is left alone.
fn optional(list: Result<Listed, JiraError>) -> Result<Listed, JiraError> {
    match list {
        Err(error @ JiraError::RateLimited { .. }) => Err(error),
        Err(error) => {
            tracing::info!(%error, "a list of the site cannot be read; the sync goes on without it");
            Ok(Listed::NotAsked)
        }
        listed => listed,
    }
}

fn all_fields() -> Vec<String> {
    vec!["*all".to_owned()]
}

/// Server and Data Center embed the changelog; on Cloud it is truncated and asked for in bulk.
fn expansions(dialect: Dialect) -> Vec<String> {
    match dialect {
        Dialect::V2 => vec!["changelog".to_owned()],
        Dialect::V3 => Vec::new(),
    }
}

#[async_trait]
impl JiraSite for Site {
    async fn identify(&self) -> Result<SiteIdentity> {
        let info = self.client.server_info().await.map_err(application_error)?;
        let dialect = info.dialect();
        let me = self.client.with_dialect(dialect).myself().await.map_err(application_error)?;
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
        let client = &self.client;
        let read = async {
            Ok::<_, JiraError>(ReferenceData {
                projects: client.projects().await?,
                fields: client.fields().await?,
                statuses: client.statuses().await?,
                issue_types: client.issue_types().await?,
                priorities: client.priorities().await?,
                resolutions: client.resolutions().await?,
                link_types: optional(client.issue_link_types().await.map(Listed::Whole))?,
                boards: optional(client.boards().await.map(Listed::Whole))?,
                filters: optional(client.filters().await.map(|(filters, whole)| match whole {
                    true => Listed::Whole(filters),
                    false => Listed::Part(filters),
                }))?,
                ..ReferenceData::default()
            })
        };
        read.await.map_err(application_error)
    }

    async fn count(&self, jql: &str) -> Result<Option<u64>> {
        match self.client.approximate_count(jql).await {
            Ok(count) => Ok(Some(count)),
            // The total is for people: a site that does not tell is still synced.
            Err(JiraError::NotFound { .. } | JiraError::Gone { .. } | JiraError::Forbidden { .. }) => {
                Ok(None)
            }
            Err(error) => Err(application_error(error)),
        }
    }

    async fn search(
        &self,
        dialect: Dialect,
        jql: &str,
        cursor: Option<&str>,
        page_size: u32,
    ) -> Result<SitePage> {
        let client = self.speaking(dialect);
        let cursor: Option<SearchCursor> = match cursor {
            Some(text) => {
                Some(serde_json::from_str(text).map_err(|_| Error::invalid("cursor", "is no page cursor"))?)
            }
            None => None,
        };
        let request = SearchRequest {
            jql: jql.to_owned(),
            fields: all_fields(),
            expand: expansions(dialect),
            page_size,
            reconcile_issues: Vec::new(),
        };
        let page = client.search_page(&request, cursor.as_ref()).await.map_err(application_error)?;
        let next = page.next.map(|next| serde_json::to_string(&next)).transpose().map_err(Error::internal)?;
        let issues = whole::complete(&client, dialect, page.issues).await.map_err(application_error)?;
        Ok(SitePage { issues, next })
    }

    async fn issues(&self, dialect: Dialect, ids: &[String]) -> Result<Fetched> {
        let client = self.speaking(dialect);
        // One issue is read by its own address, which does not wait for the search index.
        let (found, retry) = if let [id] = ids {
            match client.issue(id, &all_fields(), &expansions(dialect)).await {
                Ok(issue) => (vec![issue], Vec::new()),
                Err(JiraError::NotFound { .. }) => (Vec::new(), Vec::new()),
                Err(error) => return Err(application_error(error)),
            }
        } else {
            let bulk = client
                .issues_by_id(ids, &all_fields(), &expansions(dialect))
                .await
                .map_err(application_error)?;
            (bulk.issues, bulk.errors.into_iter().map(|error| error.id).collect())
        };
        let issues = whole::complete(&client, dialect, found).await.map_err(application_error)?;
        Ok(Fetched { issues, retry })
    }

    async fn projects(&self, dialect: Dialect) -> Result<ProjectRoll> {
        roll_call::projects(&self.speaking(dialect)).await.map_err(application_error)
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
        page.map_err(application_error)
    }

    async fn add_comment(&self, dialect: Dialect, issue_id: &str, body: &Value) -> Result<Value> {
        self.speaking(dialect).add_comment(issue_id, body).await.map_err(application_error)
    }

    async fn transitions(&self, dialect: Dialect, issue_id: &str) -> Result<Vec<Value>> {
        self.speaking(dialect).transitions(issue_id).await.map_err(application_error)
    }

    async fn transition(
        &self,
        dialect: Dialect,
        issue_id: &str,
        transition_id: &str,
        fields: Option<&Value>,
    ) -> Result<()> {
        let client = self.speaking(dialect);
        client.do_transition(issue_id, transition_id, fields.cloned(), None).await.map_err(application_error)
    }

    async fn register_webhook(&self, name: &str, url: &str, secret: &SecretString) -> Result<String> {
        let webhook = NewWebhook {
            name: name.to_owned(),
            url: url.to_owned(),
            events: EVENTS.map(str::to_owned).to_vec(),
            jql: None,
            secret: Some(secret.clone()),
        };
        self.client.create_webhook(&webhook).await.map(|webhook| webhook.id).map_err(application_error)
    }

    async fn remove_webhook(&self, id: &str) -> Result<()> {
        match self.client.delete_webhook(id).await {
            Ok(()) | Err(JiraError::NotFound { .. }) => Ok(()),
            Err(error) => Err(application_error(error)),
        }
    }

    fn usage(&self) -> SiteUsage {
        self.manners.usage()
    }
}
