//! Instances: the Jira sites of the tenant.

mod credential;
mod quota;
pub(super) mod webhook;

use application::{
    Scope,
    instances::{self, AuthMethod, InstanceKind, NewGrant, NewInstance, Push},
    lookups,
};
use axum::{
    extract::{Json, State},
    http::{HeaderName, StatusCode, header},
};
use chrono::{DateTime, Utc};
use secrecy::SecretString;
use serde::{Deserialize, Deserializer, Serialize, de::Error as _};
use serde_json::Value;
use utoipa::{ToSchema, openapi::Object};
use utoipa_axum::{router::OpenApiRouter, routes};
use uuid::Uuid;

use super::{
    document::{Body, Conflicting, Missing, Standard, Upstream, word_of},
    extract::{ApiCaller, ValidJson, ValidPath},
    problem::Problem,
};
use crate::state::WebState;

pub(super) fn routes() -> OpenApiRouter<WebState> {
    OpenApiRouter::new()
        .routes(routes!(list_instances, add_instance))
        .routes(routes!(get_instance, remove_instance))
        .routes(routes!(test_instance))
        .routes(routes!(credential::replace_credential))
        .routes(routes!(quota::get_quota))
        .routes(routes!(webhook::get_webhook, webhook::register_webhook, webhook::remove_webhook))
        .routes(routes!(webhook::rotate_webhook))
        .routes(routes!(webhook::reveal_webhook_values))
}

/// A Jira site of the tenant. No secret is ever shown.
#[derive(Serialize, ToSchema)]
pub(super) struct Instance {
    /// Its id.
    id: Uuid,
    /// Its name in addresses: `/jira/{name}`.
    #[schema(example = "acme")]
    name: String,
    /// Its name for people.
    #[schema(example = "Acme's Jira")]
    display_name: String,
    /// What it is.
    #[schema(schema_with = kind)]
    kind: &'static str,
    /// Its address.
    #[schema(example = "https://acme.example")]
    base_url: String,
    /// How Forebay signs in there.
    #[schema(schema_with = auth)]
    auth: &'static str,
    /// The shape of issue JSON it speaks.
    #[schema(schema_with = dialect)]
    dialect: &'static str,
    /// The account Forebay is there, once tested.
    account_id: Option<String>,
    /// The account's time zone, in which JQL dates are read.
    #[schema(example = "Europe/Berlin")]
    time_zone: Option<String>,
    /// Whether a webhook is registered there, so that changes arrive within seconds.
    webhook: bool,
    /// Whether it is kept in sync.
    active: bool,
    /// Its id at Atlassian's gateway, where it is then reached.
    cloud_id: Option<String>,
    /// The most requests a minute to it; the server's setting when absent.
    requests_per_minute: Option<u32>,
    /// Why its credential is of no use until somebody gives another one: a token that ended, a consent that is needed again.
    credential_problem: Option<String>,
    /// When it was added.
    created_at: DateTime<Utc>,
}

impl From<&instances::Instance> for Instance {
    fn from(instance: &instances::Instance) -> Self {
        Self {
            id: instance.id.0,
            name: instance.name.clone(),
            display_name: instance.display_name.clone(),
            kind: instance.kind.as_str(),
            base_url: instance.base_url.clone(),
            auth: instance.auth_method.as_str(),
            dialect: instance.dialect.as_str(),
            account_id: instance.account_id.clone(),
            time_zone: instance.time_zone.clone(),
            webhook: instance.webhook_id.is_some(),
            active: instance.active,
            cloud_id: instance.cloud_id.clone(),
            requests_per_minute: instance.requests_per_minute,
            credential_problem: instance.credential_problem.clone(),
            created_at: instance.created_at,
        }
    }
}

fn kind() -> Object {
    use InstanceKind::{Cloud, DataCenter, Sandbox, Server};
    word_of("What it is.", [Cloud, Server, DataCenter, Sandbox].map(InstanceKind::as_str))
}

fn auth() -> Object {
    use AuthMethod::{ApiToken, None, Oauth, Pat};
    let meaning = "How Forebay signs in. When absent: with an API token where the site is Cloud or `email` is given, \
        with a personal access token otherwise.";
    word_of(meaning, [None, ApiToken, Pat, Oauth].map(AuthMethod::as_str))
}

fn dialect() -> Object {
    use instances::Dialect::{V2, V3};
    let meaning =
        "The shape of issue JSON it speaks: REST v2 (wiki markup) or v3 (Atlassian Document Format).";
    word_of(meaning, [V2, V3].map(instances::Dialect::as_str))
}

/// The instances.
#[derive(Serialize, ToSchema)]
struct Instances {
    /// By name.
    instances: Vec<Instance>,
}

/// A site to be added.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[cfg_attr(test, derive(Debug))]
struct InstanceToAdd {
    /// Its name in addresses: 1 to 63 lower-case letters, digits and dashes.
    #[schema(example = "acme", max_length = 63, pattern = "^[a-z0-9][a-z0-9-]*$")]
    name: String,
    /// Its name for people; the name when absent.
    display_name: Option<String>,
    /// What it is.
    #[schema(schema_with = kind)]
    kind: InstanceKind,
    /// Its address. Needed, but for a sandbox, which Forebay serves itself.
    #[schema(example = "https://acme.example")]
    url: Option<String>,
    /// How to sign in.
    #[schema(schema_with = auth)]
    auth: Option<AuthMethod>,
    /// The account's e-mail address (Cloud) or user name; kept sealed.
    #[serde(default, deserialize_with = "secret")]
    #[schema(value_type = Option<String>, write_only)]
    email: Option<SecretString>,
    /// API token, password, personal access token, or an access token that nobody renews; kept sealed.
    #[serde(default, deserialize_with = "secret")]
    #[schema(value_type = Option<String>, write_only, format = Password)]
    token: Option<SecretString>,
    /// The OAuth 2.0 client's id: access tokens are then had and renewed by themselves.
    client_id: Option<String>,
    /// The client's secret; kept sealed.
    #[serde(default, deserialize_with = "secret")]
    #[schema(value_type = Option<String>, write_only, format = Password)]
    client_secret: Option<SecretString>,
    /// The refresh token of a person's consent; kept sealed. None for a service account.
    #[serde(default, deserialize_with = "secret")]
    #[schema(value_type = Option<String>, write_only, format = Password)]
    refresh_token: Option<SecretString>,
    /// Where tokens are had; Atlassian's own server when absent.
    token_url: Option<String>,
    /// The site's cloud id: it is then reached through Atlassian's gateway, as scoped tokens, service accounts and OAuth 2.0 need
    /// it.
    cloud_id: Option<String>,
    /// The most requests a minute to it; the server's setting when absent.
    #[schema(minimum = 1, maximum = 1_000_000)]
    requests_per_minute: Option<u32>,
}

/// What access tokens are renewed with, where a client is named.
fn grant(
    client_id: Option<String>,
    client_secret: Option<SecretString>,
    refresh_token: Option<SecretString>,
    token_url: Option<String>,
) -> Option<NewGrant> {
    if client_id.is_none() && client_secret.is_none() && refresh_token.is_none() {
        return None;
    }
    // What is missing of it is named by the use case, like everything else that is wrong.
    Some(NewGrant {
        client_id: client_id.unwrap_or_default(),
        client_secret: client_secret.unwrap_or_default(),
        refresh_token,
        token_url,
    })
}

/// Reads a secret. Serde's own messages repeat a value of the wrong type; a secret must not be repeated.
fn secret<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<SecretString>, D::Error> {
    match Value::deserialize(deserializer)? {
        Value::Null => Ok(None),
        Value::String(text) => Ok(Some(text.into())),
        _ => Err(D::Error::custom("must be a string")),
    }
}

impl From<InstanceToAdd> for NewInstance {
    fn from(body: InstanceToAdd) -> Self {
        let grant = grant(body.client_id, body.client_secret, body.refresh_token, body.token_url);
        let usual = match body.kind {
            _ if grant.is_some() => AuthMethod::Oauth,
            InstanceKind::Sandbox => AuthMethod::None,
            InstanceKind::Server | InstanceKind::DataCenter if body.email.is_none() => AuthMethod::Pat,
            _ => AuthMethod::ApiToken,
        };
        Self {
            name: body.name,
            display_name: body.display_name,
            kind: body.kind,
            url: body.url,
            auth: body.auth.unwrap_or(usual),
            email: body.email,
            token: body.token,
            grant,
            cloud_id: body.cloud_id,
            requests_per_minute: body.requests_per_minute,
        }
    }
}

/// What a test found.
#[derive(Serialize, ToSchema)]
struct InstanceTest {
    /// The instance's name.
    instance: String,
    /// The account Forebay is there.
    account_id: String,
    /// Its name.
    account_name: String,
    /// Its time zone.
    time_zone: Option<String>,
    /// `Cloud` or `Server`, as the site says.
    #[schema(example = "Cloud")]
    deployment_type: String,
    /// The site's version.
    version: String,
    /// Whether a webhook is registered.
    webhook: bool,
    /// Why there is none.
    webhook_problem: Option<String>,
}

impl From<&instances::InstanceTest> for InstanceTest {
    fn from(test: &instances::InstanceTest) -> Self {
        Self {
            instance: test.instance.clone(),
            account_id: test.account_id.clone(),
            account_name: test.account_name.clone(),
            time_zone: test.time_zone.clone(),
            deployment_type: test.deployment_type.clone(),
            version: test.version.clone(),
            webhook: test.webhook,
            webhook_problem: test.webhook_problem.clone(),
        }
    }
}

/// The instances of the tenant, by name.
#[utoipa::path(
    get, path = "/instances", tag = "instances", security(("bearer" = ["read"])),
    responses((status = 200, description = "The instances.", body = Instances), Standard),
)]
async fn list_instances(
    State(state): State<WebState>,
    ApiCaller(caller): ApiCaller,
) -> Result<Json<Instances>, Problem> {
    caller.require(Scope::Read)?;
    let mut tx = state.services.db.tenant(&caller.context()).await?;
    let instances = tx.instances().await?.iter().map(Instance::from).collect();
    Ok(Json(Instances { instances }))
}

/// Adds an instance. Its credential is sealed; the site is not asked before a test or a sync.
#[utoipa::path(
    post, path = "/instances", tag = "instances", security(("bearer" = ["admin"])),
    request_body = InstanceToAdd,
    responses(
        (status = 201, description = "It is added.", body = Instance,
         headers(("Location" = String, description = "Its address."))),
        Standard, Conflicting, Body,
    ),
)]
async fn add_instance(
    State(state): State<WebState>,
    ApiCaller(caller): ApiCaller,
    ValidJson(body): ValidJson<InstanceToAdd>,
) -> Result<(StatusCode, [(HeaderName, String); 1], Json<Instance>), Problem> {
    let added = instances::add_instance(&state.services, &caller, body.into()).await?;
    let location = format!("/v1/instances/{}", added.name);
    Ok((StatusCode::CREATED, [(header::LOCATION, location)], Json(Instance::from(&added))))
}

/// An instance.
#[utoipa::path(
    get, path = "/instances/{name}", tag = "instances", security(("bearer" = ["read"])),
    params(("name" = String, Path, description = "The instance's name or id.")),
    responses((status = 200, description = "The instance.", body = Instance), Standard, Missing),
)]
async fn get_instance(
    State(state): State<WebState>,
    ApiCaller(caller): ApiCaller,
    ValidPath(name): ValidPath<String>,
) -> Result<Json<Instance>, Problem> {
    caller.require(Scope::Read)?;
    let instance = lookups::instance(&state.services, &caller, &name).await?;
    Ok(Json(Instance::from(instance.as_ref())))
}

/// Removes an instance with every row of it, and its webhook at the site where that can be reached.
#[utoipa::path(
    delete, path = "/instances/{name}", tag = "instances", security(("bearer" = ["admin"])),
    params(("name" = String, Path, description = "The instance's name or id.")),
    responses((status = 204, description = "It is removed."), Standard, Missing),
)]
async fn remove_instance(
    State(state): State<WebState>,
    ApiCaller(caller): ApiCaller,
    ValidPath(name): ValidPath<String>,
) -> Result<StatusCode, Problem> {
    instances::remove_instance(&state.services, &caller, &name).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Tests an instance: reaches the site, signs in, and registers a webhook where the account may.
#[utoipa::path(
    post, path = "/instances/{name}/test", tag = "instances", security(("bearer" = ["admin"])),
    params(("name" = String, Path, description = "The instance's name or id.")),
    responses((status = 200, description = "The site answers.", body = InstanceTest), Standard, Missing, Conflicting, Upstream),
)]
async fn test_instance(
    State(state): State<WebState>,
    ApiCaller(caller): ApiCaller,
    ValidPath(name): ValidPath<String>,
) -> Result<Json<InstanceTest>, Problem> {
    let test = instances::test_instance(&state.services, &caller, &name, Push::Register).await?;
    Ok(Json(InstanceTest::from(&test)))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn read(body: Value) -> Result<NewInstance, String> {
        serde_json::from_value::<InstanceToAdd>(body)
            .map(NewInstance::from)
            .map_err(|error| error.to_string())
    }

    #[test]
    fn the_usual_way_to_sign_in_follows_from_the_site() {
        let auth = |body| read(body).unwrap().auth;
        assert_eq!(
            auth(json!({"name": "a", "kind": "cloud", "email": "x", "token": "t"})),
            AuthMethod::ApiToken
        );
        assert_eq!(auth(json!({"name": "a", "kind": "server", "token": "t"})), AuthMethod::Pat);
        assert_eq!(
            auth(json!({"name": "a", "kind": "datacenter", "email": "x", "token": "t"})),
            AuthMethod::ApiToken
        );
        assert_eq!(auth(json!({"name": "a", "kind": "datacenter", "auth": "oauth"})), AuthMethod::Oauth);
        assert_eq!(auth(json!({"name": "a", "kind": "sandbox", "token": null})), AuthMethod::None);
    }

    #[test]
    fn a_secret_is_neither_shown_nor_repeated() {
        let body = json!({"name": "a", "kind": "cloud", "email": "me@x.org", "token": "hush-hush"});
        let shown = format!("{:?}", serde_json::from_value::<InstanceToAdd>(body).unwrap());
        assert!(!shown.contains("hush") && !shown.contains("me@x"), "{shown}");

        let message = read(json!({"name": "a", "kind": "cloud", "token": 123_456})).unwrap_err();
        assert!(message.contains("must be a string") && !message.contains("123456"), "{message}");
    }
}
