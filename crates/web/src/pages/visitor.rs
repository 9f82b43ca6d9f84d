//! Who looks at a page. Whoever is not signed in is sent to the sign-in page, and comes back after it.

use std::collections::HashMap;

use application::{Caller, Error, Scope, sync::SyncTrouble};
use axum::{
    extract::FromRequestParts,
    http::{Method, StatusCode, request::Parts},
    response::Response,
};
use chrono::{DateTime, Utc};
use domain::ids::InstanceId;

use super::{
    addresses, fault,
    shell::{Section, Shell, see_other},
    stale::Stale,
};
use crate::{auth, context::RequestContext, state::WebState};

/// A caller who may read; a handler that asks for one is closed to everyone else.
pub(super) struct Visitor {
    /// The caller.
    pub(super) caller: Caller,
    /// The name of their tenant.
    tenant: String,
    /// The mirrors that fail.
    pub(super) troubles: HashMap<InstanceId, SyncTrouble>,
    now: DateTime<Utc>,
}

impl FromRequestParts<WebState> for Visitor {
    type Rejection = Response;

    async fn from_request_parts(parts: &mut Parts, state: &WebState) -> Result<Self, Self::Rejection> {
        let known = auth::authenticate(parts, state).await;
        match known.and_then(|caller| caller.require(Scope::Read).map(|()| caller)) {
            Ok(caller) => Ok(Self::look_around(state, caller).await),
            Err(Error::Unauthenticated(_)) => Err(see_other(&sign_in_address(parts))),
            Err(error) => {
                let Ok(context) = RequestContext::from_request_parts(parts, state).await;
                Err(fault::page(&error, Shell::bare(""), &context.request_id))
            }
        }
    }
}

/// What lets a visitor in, for an answer that goes on.
impl FromRequestParts<WebState> for auth::Admission {
    type Rejection = Response;

    async fn from_request_parts(parts: &mut Parts, state: &WebState) -> Result<Self, Self::Rejection> {
        Self::of(parts, state).await.map_err(|_| see_other(&sign_in_address(parts)))
    }
}

/// A form cannot be sent again after signing in, so only pages are come back to.
fn sign_in_address(parts: &Parts) -> String {
    let wanted = parts.uri.path_and_query().map_or("/", |path| path.as_str());
    let next = if parts.method == Method::GET { addresses::local(wanted) } else { "/" };
    addresses::href("/login", &[("next", if next == "/" { "" } else { next })])
}

impl Visitor {
    /// What every page shows around itself. A database that does not answer is told by the page itself, if it needs one.
    async fn look_around(state: &WebState, caller: Caller) -> Self {
        let now = state.services.clock.now();
        let around = async {
            let mut tx = state.services.db.tenant(&caller.context()).await?;
            let tenant = tx.tenant_name().await?.unwrap_or_default();
            Ok::<_, Error>((tenant, tx.sync_troubles(None, now).await?))
        };
        let (tenant, troubles) = around.await.unwrap_or_else(|error| {
            tracing::debug!(error = error.with_causes(), "a page is shown without its surroundings");
            Default::default()
        });
        Self { caller, tenant, troubles, now }
    }

    /// The frame of a page for this visitor. Where issues are shown, it says which copies may be old.
    pub(super) fn shell(&self, section: Section, title: impl Into<String>) -> Shell {
        let shell = Shell::of(&self.caller, &self.tenant, section, title);
        if !matches!(section, Section::Pulse | Section::Issues) {
            return shell;
        }
        let mut stale: Vec<_> = self.troubles.values().map(|trouble| Stale::new(trouble, self.now)).collect();
        stale.sort_by(|a, b| a.instance.cmp(&b.instance));
        Shell { stale, ..shell }
    }

    /// The answer, or the error's page within the visitor's frame.
    pub(super) fn answer(&self, section: Section, answer: Result<Response, Error>) -> Response {
        answer.unwrap_or_else(|error| fault::page(&error, self.shell(section, ""), &self.caller.request_id))
    }

    /// A page.
    pub(super) fn page(&self, section: Section, page: Result<impl askama::Template, Error>) -> Response {
        self.answer(section, page.map(|page| super::shell::answer(StatusCode::OK, &page)))
    }
}
