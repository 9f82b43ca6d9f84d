//! What surrounds every page: title, navigation, who is signed in.

use application::{Actor, Caller, Scope};
use askama::Template;
use axum::{
    http::{HeaderValue, StatusCode, header},
    response::{Html, IntoResponse, Response},
};

use super::{assets, stale::Stale};

/// A part of the console, as the navigation shows it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Section {
    /// Work Pulse.
    Pulse,
    /// The issue list and issues.
    Issues,
    /// Instances.
    Instances,
    /// The audit log.
    Audit,
    /// The SQL door.
    Sql,
    /// API keys.
    Keys,
    /// None of them: signing in, errors.
    Elsewhere,
}

impl Section {
    /// As templates call it.
    fn name(self) -> &'static str {
        match self {
            Self::Pulse => "pulse",
            Self::Issues => "issues",
            Self::Instances => "instances",
            Self::Audit => "audit",
            Self::Sql => "sql",
            Self::Keys => "keys",
            Self::Elsewhere => "",
        }
    }
}

/// Who is signed in.
#[derive(Clone, Debug)]
pub(super) struct Who {
    /// The key's name.
    pub(super) name: String,
    /// The tenant's name.
    pub(super) tenant: String,
    /// Its scopes, for people.
    pub(super) scopes: String,
    /// Whether it manages instances and keys and reads the audit log.
    pub(super) may_admin: bool,
    /// Whether it asks the SQL door.
    pub(super) may_sql: bool,
}

/// The frame of a page.
#[derive(Clone, Debug)]
pub(super) struct Shell {
    /// The page's title.
    pub(super) title: String,
    /// Where in the console it is.
    pub(super) section: Section,
    /// Who is signed in; nobody on the way in, and on errors outside any page.
    pub(super) who: Option<Who>,
    /// Copies that may be old, where the page shows issues.
    pub(super) stale: Vec<Stale>,
}

impl Shell {
    /// The frame of a page for a caller.
    pub(super) fn of(caller: &Caller, tenant: &str, section: Section, title: impl Into<String>) -> Self {
        let name = match &caller.actor {
            Actor::Key { name, .. } => name.clone(),
            Actor::Operator { name } => name.clone(),
            Actor::System => "Forebay".to_owned(),
        };
        let scopes = caller.scopes.iter().map(|scope| scope.as_str()).collect::<Vec<_>>().join(", ");
        let who = Who {
            name,
            tenant: tenant.to_owned(),
            scopes,
            may_admin: caller.has(Scope::Admin),
            may_sql: caller.has(Scope::Sql),
        };
        Self { title: title.into(), section, who: Some(who), stale: Vec::new() }
    }

    /// The frame of a page for nobody in particular.
    pub(super) fn bare(title: impl Into<String>) -> Self {
        Self { title: title.into(), section: Section::Elsewhere, who: None, stale: Vec::new() }
    }

    /// The name of the visitor's tenant.
    pub(super) fn tenant(&self) -> &str {
        self.who.as_ref().map_or("", |who| &who.tenant)
    }

    /// `aria-current` of the link to a section.
    pub(super) fn current(&self, section: &str) -> &'static str {
        if self.section.name() == section { "page" } else { "false" }
    }

    pub(super) fn style(&self) -> &'static str {
        &assets::STYLE.path
    }

    pub(super) fn script(&self) -> &'static str {
        &assets::SCRIPT.path
    }

    pub(super) fn icon(&self) -> &'static str {
        &assets::ICON.path
    }
}

/// An option of a `<select>`.
#[derive(Clone, Debug)]
pub(super) struct Choice {
    /// What is sent.
    pub(super) value: String,
    /// What is shown.
    pub(super) label: String,
    /// Whether it is the present one.
    pub(super) selected: bool,
}

impl Choice {
    pub(super) fn new(value: impl Into<String>, label: impl Into<String>, present: &str) -> Self {
        let value = value.into();
        Self { selected: value == present, label: label.into(), value }
    }
}

/// A rendered page. Nobody may keep it: it shows what one caller may see.
pub(super) fn answer(status: StatusCode, page: &impl Template) -> Response {
    match page.render() {
        Ok(html) => {
            let mut response = (status, Html(html)).into_response();
            response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
            response
        }
        Err(error) => {
            tracing::error!(%error, "a page could not be rendered");
            (StatusCode::INTERNAL_SERVER_ERROR, "This page could not be made; the fault is logged.")
                .into_response()
        }
    }
}

/// Sends the browser on with GET.
pub(super) fn see_other(path: &str) -> Response {
    match HeaderValue::from_str(path) {
        Ok(path) => (StatusCode::SEE_OTHER, [(header::LOCATION, path)]).into_response(),
        Err(_) => (StatusCode::SEE_OTHER, [(header::LOCATION, "/")]).into_response(),
    }
}
