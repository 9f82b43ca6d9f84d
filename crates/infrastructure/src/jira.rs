//! Remote Jira sites: the port over the client, with the manners that all connections to one instance share.

mod errors;
mod gate;
mod manners;
mod oauth;
mod parts;
mod roll_call;
mod site;
mod skew;
mod webhooks;
mod whole;

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use application::{
    Error, Result,
    instances::{AuthMethod, InstanceKind},
    ports::{Clock, Database, JiraSite, JiraSites, Patience, Secrets, SiteConnection},
};
use async_trait::async_trait;
use domain::ids::InstanceId;
use jira_client::{Auth, JiraClient, RetryPolicy};
use secrecy::ExposeSecret;
use url::Url;

use crate::outbound::Outbound;
use gate::Ceiling;
use manners::{Local, SharedManners};
use oauth::{Grants, OauthTokens};
use site::Site;

/// A wait that is longer is not spent inside an operation: its job gives its place back and comes again.
const LONGEST_WAIT: Duration = Duration::from_secs(5);

/// Connections to sites.
pub struct HttpSites {
    outbound: Outbound,
    db: Arc<dyn Database>,
    secrets: Arc<dyn Secrets>,
    clock: Arc<dyn Clock>,
    requests_per_minute: Option<u32>,
    /// Keys of the issue properties that mirrors copy.
    properties: Vec<String>,
    locals: Mutex<HashMap<InstanceId, PerInstance>>,
}

/// What all connections of this process to one instance share.
#[derive(Clone, Default)]
struct PerInstance {
    manners: Arc<Local>,
    grants: Arc<Grants>,
}

impl HttpSites {
    /// Sites by this way out. `requests_per_minute` holds for instances that name no ceiling of their own; without it 100 for
    /// Cloud and 600 for others, and more where a site's headers say that there is room.
    pub fn new(
        outbound: Outbound,
        db: Arc<dyn Database>,
        secrets: Arc<dyn Secrets>,
        clock: Arc<dyn Clock>,
        requests_per_minute: Option<u32>,
    ) -> Self {
        let properties = Vec::new();
        Self { outbound, db, secrets, clock, requests_per_minute, properties, locals: Mutex::default() }
    }

    /// The same, asking for these properties with every issue.
    #[must_use]
    pub fn copying_properties(mut self, keys: Vec<String>) -> Self {
        self.properties = keys;
        self
    }

    fn local(&self, instance: InstanceId) -> PerInstance {
        let mut locals = self.locals.lock().unwrap_or_else(PoisonError::into_inner);
        locals.entry(instance).or_default().clone()
    }

    fn auth(&self, connection: &SiteConnection, grants: Arc<Grants>) -> Result<Auth> {
        let token = || {
            connection.token.clone().ok_or_else(|| {
                Error::Conflict(
                    "the instance has no credential; give it one with `forebay instance credential`".into(),
                )
            })
        };
        Ok(match connection.auth_method {
            AuthMethod::None => Auth::None,
            AuthMethod::Oauth if connection.token.is_none() => Auth::Renewed(Arc::new(OauthTokens {
                db: self.db.clone(),
                secrets: self.secrets.clone(),
                clock: self.clock.clone(),
                outbound: self.outbound.clone(),
                tenant: connection.tenant,
                instance: connection.instance,
                grants,
            })),
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
}

fn retries(patience: Patience) -> RetryPolicy {
    match patience {
        Patience::Long => RetryPolicy { longest_retry_after: LONGEST_WAIT, ..RetryPolicy::default() },
        Patience::Short => RetryPolicy { max_tries: 1, ..RetryPolicy::default() },
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
        let PerInstance { manners: local, grants } = self.local(connection.instance);
        let auth = self.auth(&connection, grants)?;
        let ceiling =
            Ceiling::of(connection.kind, connection.requests_per_minute.or(self.requests_per_minute));
        let SiteConnection { tenant, instance, patience, urgency, .. } = connection;
        let ceiling = ceiling.with_urgency(urgency);
        let manners = SharedManners::new(self.db.clone(), tenant, instance, ceiling, local, patience);
        let manners = Arc::new(manners);
        let dialect = match connection.kind {
            InstanceKind::Server | InstanceKind::DataCenter => jira_client::Dialect::V2,
            InstanceKind::Cloud | InstanceKind::Sandbox => jira_client::Dialect::V3,
        };
        let client = JiraClient::new(http, base_url, auth, dialect, manners.clone())
            .with_retry_policy(retries(patience))
            .with_issue_properties(&self.properties);
        Ok(Arc::new(Site::new(client, manners, self.clock.clone())))
    }
}
