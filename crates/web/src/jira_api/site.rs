//! The site that a request is for, and whoever asks.

use std::sync::Arc;

use application::{
    Caller, Error, Scope, Services,
    instances::{Dialect, Instance},
    issues::IssueRow,
    lookups,
    ports::TenantTx,
    sandbox::faults::Lens,
    search::zone_of,
};
use axum::{
    extract::{FromRequestParts, RawPathParams},
    http::request::Parts,
};
use chrono_tz::Tz;

use super::{faults::Known, refusal::Refusal};
use crate::{auth, state::WebState};

/// An authenticated request for a site, in a version of its API. To be a handler's first argument, so that nobody else
/// learns what the rest of the request would have been answered with.
pub(super) struct Site {
    /// What handlers share.
    pub(super) state: WebState,
    /// Who asks.
    pub(super) caller: Caller,
    /// The instance's name, as asked for.
    pub(super) name: String,
    /// The version of the API that is asked.
    pub(super) dialect: Dialect,
    params: Vec<(String, String)>,
    /// What a layer before has looked up already.
    known: Option<Known>,
}

impl FromRequestParts<WebState> for Site {
    type Rejection = Refusal;

    async fn from_request_parts(parts: &mut Parts, state: &WebState) -> Result<Self, Refusal> {
        let caller = auth::authenticate(parts, state).await?;
        let params = RawPathParams::from_request_parts(parts, state)
            .await
            .map_err(|_| Refusal::bad_request("The path is not valid UTF-8."))?;
        let params: Vec<(String, String)> =
            params.iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
        let value =
            |wanted: &str| params.iter().find(|(name, _)| name == wanted).map(|(_, value)| value.as_str());
        // Other versions do not come here. The API of admin webhooks has none in this sense; its bodies are those of version 2.
        let dialect = value("version").and_then(version).unwrap_or(Dialect::V2);
        let name = value("instance").unwrap_or_default().to_owned();
        tracing::Span::current().record("instance", &name);
        let known = parts.extensions.get::<Known>().cloned();
        Ok(Self { state: state.clone(), caller, name, dialect, params, known })
    }
}

impl Site {
    /// A part of the path, by its name in the route.
    pub(super) fn param(&self, wanted: &str) -> &str {
        self.params.iter().find(|(name, _)| name == wanted).map_or("", |(_, value)| value)
    }

    /// Opens a transaction for reading the instance.
    ///
    /// # Errors
    /// 403 without the scope `read`; 404 when the caller's tenant has no instance of that name.
    pub(super) async fn read(&self) -> Result<(Box<dyn TenantTx>, Arc<Instance>), Refusal> {
        self.open(Scope::Read).await
    }

    /// Opens a transaction on the instance for whoever has the scope.
    ///
    /// # Errors
    /// As [`Site::read`].
    pub(super) async fn open(&self, scope: Scope) -> Result<(Box<dyn TenantTx>, Arc<Instance>), Refusal> {
        // The look-up comes first: it may need a connection of its own.
        let instance = self.instance(scope).await?;
        Ok((self.transaction().await?, instance))
    }

    /// The instance, for whoever has the scope.
    ///
    /// # Errors
    /// As [`Site::read`].
    pub(super) async fn instance(&self, scope: Scope) -> Result<Arc<Instance>, Refusal> {
        self.caller.require(scope)?;
        if let Some(known) = &self.known {
            return Ok(known.instance.clone());
        }
        Ok(lookups::instance(&self.state.services, &self.caller, &self.name).await?)
    }

    /// The issue that the path names, with its instance.
    ///
    /// # Errors
    /// As [`Site::read`]; 404 without such an issue.
    pub(super) async fn issue(&self) -> Result<(Arc<Instance>, Arc<IssueRow>), Refusal> {
        self.issue_named(self.param("issue")).await
    }

    /// The issue with this key or id, with its instance.
    ///
    /// # Errors
    /// As [`Site::issue`].
    pub(super) async fn issue_named(&self, name: &str) -> Result<(Arc<Instance>, Arc<IssueRow>), Refusal> {
        let instance = self.instance(Scope::Read).await?;
        let services = &self.state.services;
        let issue = lookups::issue(services, &self.caller, Some(instance.id), name).await?;
        if self.lens().is_some_and(|lens| lens.hides(&issue)) {
            return Err(Error::not_found("issue", name).into());
        }
        Ok((instance, issue))
    }

    /// Through which the site is seen, where a sandbox was asked to hide some of it.
    pub(super) fn lens(&self) -> Option<&Lens> {
        self.known.as_ref()?.lens.as_deref()
    }

    /// Refuses the issue that the path names if it is hidden. For what does not ask for [`Site::issue`].
    ///
    /// # Errors
    /// As [`Site::issue`].
    pub(super) async fn require_shown(&self) -> Result<(), Refusal> {
        if self.lens().is_some() {
            self.issue().await?;
        }
        Ok(())
    }

    /// A transaction of the caller's tenant. To be opened after look-ups, not before.
    pub(super) async fn transaction(&self) -> Result<Box<dyn TenantTx>, Refusal> {
        Ok(self.state.services.db.tenant(&self.caller.context()).await?)
    }

    /// Where the site is reached: what `serverInfo` calls its `baseUrl`.
    pub(super) fn base_url(&self) -> String {
        base_url(&self.state.services, &self.name)
    }

    /// The address of a resource in the version that is asked.
    pub(super) fn api_url(&self, path: &str) -> String {
        format!("{}/rest/api/{}/{path}", self.base_url(), number(self.dialect))
    }
}

/// Where the instance of that name is reached.
pub(super) fn base_url(services: &Services, instance: &str) -> String {
    format!("{}/jira/{instance}", services.public_url)
}

/// The version of the platform API that a path names.
pub(super) fn version(asked: &str) -> Option<Dialect> {
    match asked {
        "3" => Some(Dialect::V3),
        "2" | "latest" => Some(Dialect::V2),
        _ => None,
    }
}

/// How links name a version.
pub(super) fn number(version: Dialect) -> &'static str {
    match version {
        Dialect::V2 => "2",
        Dialect::V3 => "3",
    }
}

/// The zone in which the instance's account reads dates; UTC where it is not known.
pub(super) fn zone(instance: &Instance) -> Tz {
    zone_of(instance).unwrap_or(Tz::UTC)
}
