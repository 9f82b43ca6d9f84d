//! API keys, and who presents one.

use application::{
    Actor, Caller, Error, Result, Scope,
    keys::{self, KeyChange, KeySpec, KeyState, Policy, PolicyText},
};
use axum::{
    extract::{Json, State},
    http::{HeaderName, StatusCode, header},
};
use chrono::{DateTime, Utc};
use domain::ids::KeyId;
use secrecy::ExposeSecret;
use serde::{Deserialize, Deserializer, Serialize};
use utoipa::ToSchema;
use utoipa_axum::{router::OpenApiRouter, routes};
use uuid::Uuid;

use super::{
    document::{Body, Conflicting, Missing, Standard, scopes},
    extract::{ApiCaller, ValidJson, ValidPath},
    problem::Problem,
};
use crate::state::WebState;

pub(super) fn routes() -> OpenApiRouter<WebState> {
    OpenApiRouter::new()
        .routes(routes!(list_keys, create_key))
        .routes(routes!(get_key, update_key, revoke_key))
        .routes(routes!(get_whoami))
}

/// What narrows a key down beyond its scopes. What is empty or left out does not.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct KeyPolicy {
    /// The projects whose issues it sees, each `KEY`, `INSTANCE/KEY` or `INSTANCE/*`. It cannot use the SQL door then, nor
    /// what reaches whole sites.
    #[serde(default)]
    #[schema(example = json!(["PAY", "main/OPS"]))]
    projects: Vec<String>,
    /// What it may change, by the names of the audit log.
    #[serde(default)]
    #[schema(example = json!(["add_comment"]))]
    actions: Vec<String>,
    /// The MCP tools it may use.
    #[serde(default)]
    #[schema(example = json!(["jql_search", "get_issue"]))]
    tools: Vec<String>,
    /// Requests a minute, all doors together; beyond, it is answered with 429 and `Retry-After`.
    #[schema(example = 600, minimum = 1)]
    rate: Option<u32>,
}

impl From<Policy> for KeyPolicy {
    fn from(policy: Policy) -> Self {
        let PolicyText { projects, actions, tools, rate } = policy.into();
        Self { projects, actions, tools, rate }
    }
}

impl TryFrom<KeyPolicy> for Policy {
    type Error = Error;

    fn try_from(body: KeyPolicy) -> Result<Self> {
        let KeyPolicy { projects, actions, tools, rate } = body;
        PolicyText { projects, actions, tools, rate }.try_into()
    }
}

/// A key, without its secret.
#[derive(Serialize, ToSchema)]
struct Key {
    /// Its id, by which it is revoked.
    id: Uuid,
    /// Its name, for people and the audit log.
    name: String,
    /// Its public half.
    prefix: String,
    /// What it may do.
    #[schema(schema_with = scopes)]
    scopes: Vec<Scope>,
    /// What narrows that down.
    policy: KeyPolicy,
    /// `active`, `expired` or `revoked`.
    #[schema(example = "active")]
    state: &'static str,
    /// When it was made.
    created_at: DateTime<Utc>,
    /// When it was last used.
    last_used_at: Option<DateTime<Utc>>,
    /// When it ends by itself.
    expires_at: Option<DateTime<Utc>>,
    /// When it was revoked.
    revoked_at: Option<DateTime<Utc>>,
}

impl Key {
    fn at(key: keys::ApiKey, now: DateTime<Utc>) -> Self {
        let state: KeyState = key.state(now);
        Self {
            id: key.id.0,
            name: key.name,
            prefix: key.prefix,
            scopes: key.scopes,
            policy: key.policy.into(),
            state: state.as_str(),
            created_at: key.created_at,
            last_used_at: key.last_used_at,
            expires_at: key.expires_at,
            revoked_at: key.revoked_at,
        }
    }
}

/// The keys.
#[derive(Serialize, ToSchema)]
struct Keys {
    /// Newest first.
    keys: Vec<Key>,
}

/// A key to be made.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct KeyToCreate {
    /// Its name, for people and the audit log.
    #[schema(example = "nightly report", min_length = 1, max_length = 255)]
    name: String,
    /// What it may do; at least one, and none that your own key does not have.
    #[schema(schema_with = scopes)]
    scopes: Vec<Scope>,
    /// What narrows that down; never beyond your own key.
    #[serde(default)]
    policy: KeyPolicy,
    /// When it ends by itself; never, when left out.
    expires_at: Option<DateTime<Utc>>,
}

/// What is to become of a key. What is left out stays.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct KeyToUpdate {
    /// Its name.
    #[schema(min_length = 1, max_length = 255)]
    name: Option<String>,
    /// What it may do.
    #[schema(schema_with = scopes)]
    #[serde(default)]
    scopes: Option<Vec<Scope>>,
    /// What narrows that down, as a whole.
    policy: Option<KeyPolicy>,
    /// When it ends by itself; null for never.
    #[serde(default, deserialize_with = "given")]
    #[schema(value_type = Option<DateTime<Utc>>)]
    expires_at: Option<Option<DateTime<Utc>>>,
}

/// Tells null from nothing.
fn given<'de, T: Deserialize<'de>, D: Deserializer<'de>>(input: D) -> Result<Option<T>, D::Error> {
    T::deserialize(input).map(Some)
}

/// A key that was made.
#[derive(Serialize, ToSchema)]
struct CreatedKey {
    /// Its id, by which it is revoked.
    id: Uuid,
    /// Its name.
    name: String,
    /// What it may do.
    #[schema(schema_with = scopes)]
    scopes: Vec<Scope>,
    /// What narrows that down.
    policy: KeyPolicy,
    /// When it ends by itself.
    expires_at: Option<DateTime<Utc>>,
    /// The key itself: shown here and never again.
    #[schema(example = "fb_<prefix>_<secret>")]
    key: String,
}

/// Who presents the key.
#[derive(Serialize, ToSchema)]
struct Whoami {
    /// The tenant.
    tenant: Uuid,
    /// The tenant's name.
    #[schema(example = "acme")]
    tenant_name: String,
    /// Who.
    actor: Who,
    /// What they may do.
    #[schema(schema_with = scopes)]
    scopes: Vec<Scope>,
    /// What narrows that down.
    policy: KeyPolicy,
    /// When their key ends by itself.
    expires_at: Option<DateTime<Utc>>,
}

/// Who acts.
#[derive(Serialize, ToSchema)]
#[serde(tag = "type", rename_all = "lowercase")]
enum Who {
    /// The holder of a key.
    Key {
        /// The key's id.
        id: Uuid,
        /// The key's name.
        name: String,
    },
    /// Forebay itself.
    System,
}

impl Whoami {
    fn new(caller: Caller, tenant_name: String) -> Self {
        let actor = match caller.actor {
            Actor::Key { id, name } => Who::Key { id: id.0, name },
            Actor::Operator { .. } | Actor::System => Who::System,
        };
        Self {
            tenant: caller.tenant.0,
            tenant_name,
            actor,
            scopes: caller.scopes,
            policy: caller.policy.into(),
            expires_at: caller.expires_at,
        }
    }
}

/// The tenant's keys, newest first.
#[utoipa::path(
    get, path = "/keys", tag = "keys", security(("bearer" = ["admin"])),
    responses((status = 200, description = "The keys.", body = Keys), Standard),
)]
async fn list_keys(
    State(state): State<WebState>,
    ApiCaller(caller): ApiCaller,
) -> Result<Json<Keys>, Problem> {
    let now = state.services.clock.now();
    let keys = keys::list_keys(&state.services, &caller).await?;
    Ok(Json(Keys { keys: keys.into_iter().map(|key| Key::at(key, now)).collect() }))
}

/// One key, without its secret.
#[utoipa::path(
    get, path = "/keys/{id}", tag = "keys", security(("bearer" = ["admin"])),
    params(("id" = Uuid, Path, description = "The key's id.")),
    responses((status = 200, description = "The key.", body = Key), Standard, Missing),
)]
async fn get_key(
    State(state): State<WebState>,
    ApiCaller(caller): ApiCaller,
    ValidPath(id): ValidPath<String>,
) -> Result<Json<Key>, Problem> {
    let key = keys::key(&state.services, &caller, key_id(id)?).await?;
    Ok(Json(Key::at(key, state.services.clock.now())))
}

/// Makes a key. Its text is in the answer, and nowhere else.
#[utoipa::path(
    post, path = "/keys", tag = "keys", security(("bearer" = ["admin"])),
    request_body = KeyToCreate,
    responses((status = 201, description = "The key.", body = CreatedKey), Standard, Body),
)]
async fn create_key(
    State(state): State<WebState>,
    ApiCaller(caller): ApiCaller,
    ValidJson(body): ValidJson<KeyToCreate>,
) -> Result<(StatusCode, [(HeaderName, &'static str); 1], Json<CreatedKey>), Problem> {
    let KeyToCreate { name, scopes, policy, expires_at } = body;
    let spec = KeySpec { name, scopes, policy: policy.try_into()?, expires_at };
    let (made, text) = keys::create_key(&state.services, &caller, spec).await?;
    let created = CreatedKey {
        id: made.id.0,
        name: made.name,
        scopes: made.scopes,
        policy: made.policy.into(),
        expires_at: made.expires_at,
        key: text.expose_secret().to_owned(),
    };
    Ok((StatusCode::CREATED, [(header::CACHE_CONTROL, "no-store")], Json(created)))
}

/// Changes what a key may do, or until when; from the next request on.
#[utoipa::path(
    patch, path = "/keys/{id}", tag = "keys", security(("bearer" = ["admin"])),
    params(("id" = Uuid, Path, description = "The key's id.")),
    request_body = KeyToUpdate,
    responses((status = 200, description = "The key as it is now.", body = Key), Standard, Body, Missing, Conflicting),
)]
async fn update_key(
    State(state): State<WebState>,
    ApiCaller(caller): ApiCaller,
    ValidPath(id): ValidPath<String>,
    ValidJson(body): ValidJson<KeyToUpdate>,
) -> Result<Json<Key>, Problem> {
    let KeyToUpdate { name, scopes, policy, expires_at } = body;
    let policy = policy.map(Policy::try_from).transpose()?;
    let change = KeyChange { name, scopes, policy, expires_at };
    let key = keys::update_key(&state.services, &caller, key_id(id)?, change).await?;
    Ok(Json(Key::at(key, state.services.clock.now())))
}

/// Revokes a key. It and the sessions begun with it end at once.
#[utoipa::path(
    delete, path = "/keys/{id}", tag = "keys", security(("bearer" = ["admin"])),
    params(("id" = Uuid, Path, description = "The key's id.")),
    responses((status = 204, description = "It is revoked."), Standard, Missing),
)]
async fn revoke_key(
    State(state): State<WebState>,
    ApiCaller(caller): ApiCaller,
    ValidPath(id): ValidPath<String>,
) -> Result<StatusCode, Problem> {
    keys::revoke_key(&state.services, &caller, key_id(id)?).await?;
    Ok(StatusCode::NO_CONTENT)
}

fn key_id(text: String) -> Result<KeyId> {
    text.parse().map_err(|_| Error::not_found("key", text))
}

/// Who presents the key, for which tenant, and what they may do.
#[utoipa::path(
    get, path = "/whoami", tag = "keys", security(("bearer" = [])),
    responses((status = 200, description = "The caller.", body = Whoami), Standard),
)]
async fn get_whoami(
    State(state): State<WebState>,
    ApiCaller(caller): ApiCaller,
) -> Result<Json<Whoami>, Problem> {
    let mut tx = state.services.db.tenant(&caller.context()).await?;
    let tenant = tx.tenant_name().await?.unwrap_or_default();
    Ok(Json(Whoami::new(caller, tenant)))
}

#[cfg(test)]
mod tests {
    use domain::ids::TenantId;
    use serde_json::json;

    use super::*;

    #[test]
    fn a_caller_is_told_who_they_are() {
        let tenant = TenantId(Uuid::from_u128(1));
        let id = Uuid::from_u128(2);
        let actor = Actor::Key { id: KeyId(id), name: "report".into() };
        let caller = Caller { actor, scopes: vec![Scope::Read, Scope::Sql], ..Caller::system(tenant) };
        assert_eq!(
            serde_json::to_value(Whoami::new(caller, "acme".into())).unwrap(),
            json!({
                "tenant": tenant, "tenant_name": "acme", "actor": { "type": "key", "id": id, "name": "report" },
                "scopes": ["read", "sql"], "expires_at": null,
                "policy": { "projects": [], "actions": [], "tools": [], "rate": null },
            })
        );
        let system = serde_json::to_value(Whoami::new(Caller::system(tenant), String::new())).unwrap();
        assert_eq!(system["actor"], json!({ "type": "system" }));
    }

    #[test]
    fn an_unknown_scope_is_answered_with_the_known_ones() {
        let body = json!({ "name": "x", "scopes": ["read", "root"] });
        let message = serde_json::from_value::<KeyToCreate>(body).err().unwrap().to_string();
        assert!(message.contains("`root`") && message.contains("`admin`"), "{message}");
    }
}
