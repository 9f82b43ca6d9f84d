//! The webhook by which the site of a mirror tells of changes.

use application::webhooks::{self, Registration, WebhookHealth, WebhookValues};
use axum::extract::{Json, State};
use chrono::{DateTime, Utc};
use secrecy::ExposeSecret as _;
use serde::Serialize;
use utoipa::ToSchema;

use crate::{
    rest::{
        document::{Conflicting, Missing, Standard, Upstream},
        extract::{ApiCaller, ValidPath},
        problem::Problem,
    },
    state::WebState,
};

/// How the site tells of changes.
#[derive(Serialize, ToSchema)]
pub(in crate::rest) struct Webhook {
    /// `admin` (made by an administrator of Jira) or `dynamic` (of an OAuth 2.0 app, for 30 days at a time).
    #[schema(example = "admin")]
    kind: Option<&'static str>,
    /// `registered`, `disabled` or `missing` at the site, `refused` (our account may not register one), `failed`, `off` (taken away by
    /// a person), or `unknown` before the site was ever asked.
    #[schema(example = "registered")]
    state: &'static str,
    /// What is wrong, and what to do; absent where changes are told, or nobody expects them to be.
    problem: Option<String>,
    /// What the site says, or what it does not tell.
    note: Option<String>,
    /// Its ids at the site.
    ids: Vec<String>,
    /// When it was registered.
    registered_at: Option<DateTime<Utc>>,
    /// When it ends, unless its life is extended, which happens by itself.
    expires_at: Option<DateTime<Utc>>,
    /// When the site was asked last.
    checked_at: Option<DateTime<Utc>>,
    /// When the latest delivery came.
    last_delivery_at: Option<DateTime<Utc>>,
    /// Since when nothing has come although issues change.
    silent_since: Option<DateTime<Utc>>,
}

impl From<WebhookHealth> for Webhook {
    fn from(health: WebhookHealth) -> Self {
        let problem = health.problem();
        let kept = health.registration.as_ref();
        Self {
            kind: kept.map(|kept| kept.kind.as_str()),
            state: kept.map_or("unknown", |kept| kept.state.as_str()),
            problem,
            note: kept.and_then(|kept: &Registration| match kept.delivers() {
                true => kept.problem.clone(),
                false => Some(kept.explanation()),
            }),
            ids: kept.map(|kept| kept.ids.clone()).unwrap_or_default(),
            registered_at: kept.and_then(|kept| kept.registered_at),
            expires_at: kept.and_then(|kept| kept.expires_at),
            checked_at: kept.map(|kept| kept.checked_at),
            last_delivery_at: health.last_delivery_at,
            silent_since: health.silent_since,
        }
    }
}

/// What an administrator of Jira enters to make the webhook by hand. It holds secrets.
#[derive(Serialize, ToSchema)]
pub(super) struct Values {
    /// Where: a page of the site.
    #[schema(example = "https://acme.example/plugins/servlet/webhooks")]
    page: String,
    /// Its name there.
    name: String,
    /// The address for a site that signs: Cloud, and Data Center where the form has a field for a secret.
    url: String,
    /// What to enter there as the secret.
    #[schema(format = Password)]
    secret: String,
    /// The address for a site that cannot sign: it is a secret itself.
    #[schema(format = Password)]
    unsigned_url: String,
    /// What may be appended to either address, so that *Exclude body* may be ticked.
    without_body: &'static str,
    /// The events to tick.
    events: Vec<String>,
    /// The filter to enter: nothing, so that every issue is told of.
    jql: &'static str,
}

impl From<WebhookValues> for Values {
    fn from(values: WebhookValues) -> Self {
        Self {
            page: values.page,
            name: values.name,
            url: values.url,
            secret: values.secret.expose_secret().to_owned(),
            unsigned_url: values.unsigned_url.expose_secret().to_owned(),
            without_body: values.without_body,
            events: values.events,
            jql: values.jql,
        }
    }
}

/// How the site of a mirror tells of changes.
#[utoipa::path(
    get, path = "/instances/{name}/webhook", tag = "instances", security(("bearer" = ["admin"])),
    params(("name" = String, Path, description = "The instance's name or id.")),
    responses((status = 200, description = "The webhook.", body = Webhook), Standard, Missing, Conflicting),
)]
pub(super) async fn get_webhook(
    State(state): State<WebState>,
    ApiCaller(caller): ApiCaller,
    ValidPath(name): ValidPath<String>,
) -> Result<Json<Webhook>, Problem> {
    Ok(Json(webhooks::webhook_health(&state.services, &caller, &name).await?.into()))
}

/// Registers the webhook at the site, or mends it there: enabled, with all events, at the present address.
#[utoipa::path(
    put, path = "/instances/{name}/webhook", tag = "instances", security(("bearer" = ["admin"])),
    params(("name" = String, Path, description = "The instance's name or id.")),
    responses((status = 200, description = "How it stands.", body = Webhook), Standard, Missing, Conflicting, Upstream),
)]
pub(super) async fn register_webhook(
    State(state): State<WebState>,
    ApiCaller(caller): ApiCaller,
    ValidPath(name): ValidPath<String>,
) -> Result<Json<Webhook>, Problem> {
    let push = application::instances::Push::Register;
    Ok(Json(webhooks::register_webhook(&state.services, &caller, &name, push).await?.into()))
}

/// Takes the webhook away from the site; changes come by polling from then on.
#[utoipa::path(
    delete, path = "/instances/{name}/webhook", tag = "instances", security(("bearer" = ["admin"])),
    params(("name" = String, Path, description = "The instance's name or id.")),
    responses((status = 200, description = "How it stands.", body = Webhook), Standard, Missing, Conflicting, Upstream),
)]
pub(super) async fn remove_webhook(
    State(state): State<WebState>,
    ApiCaller(caller): ApiCaller,
    ValidPath(name): ValidPath<String>,
) -> Result<Json<Webhook>, Problem> {
    Ok(Json(webhooks::remove_webhook(&state.services, &caller, &name).await?.into()))
}

/// Makes a new secret and a new secret address; the old ones are refused from now on. The site is told where Forebay registered the
/// webhook; where somebody entered it by hand, they enter the new values.
#[utoipa::path(
    post, path = "/instances/{name}/webhook/rotate", tag = "instances", security(("bearer" = ["admin"])),
    params(("name" = String, Path, description = "The instance's name or id.")),
    responses((status = 200, description = "How it stands.", body = Webhook), Standard, Missing, Conflicting, Upstream),
)]
pub(super) async fn rotate_webhook(
    State(state): State<WebState>,
    ApiCaller(caller): ApiCaller,
    ValidPath(name): ValidPath<String>,
) -> Result<Json<Webhook>, Problem> {
    let push = application::instances::Push::Register;
    Ok(Json(webhooks::rotate_webhook(&state.services, &caller, &name, push).await?.into()))
}

/// Shows what an administrator of Jira has to enter to make the webhook by hand, secrets and all. Audited.
#[utoipa::path(
    post, path = "/instances/{name}/webhook/values", tag = "instances", security(("bearer" = ["admin"])),
    params(("name" = String, Path, description = "The instance's name or id.")),
    responses((status = 200, description = "The values.", body = Values), Standard, Missing, Conflicting),
)]
pub(super) async fn reveal_webhook_values(
    State(state): State<WebState>,
    ApiCaller(caller): ApiCaller,
    ValidPath(name): ValidPath<String>,
) -> Result<Json<Values>, Problem> {
    Ok(Json(webhooks::webhook_values(&state.services, &caller, &name).await?.into()))
}
