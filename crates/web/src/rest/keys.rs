//! API keys, and who presents one.

use application::{Actor, Caller, Error, Result, Scope, keys};
use axum::{
    extract::{Json, State},
    http::{HeaderName, StatusCode, header},
};
use chrono::{DateTime, Utc};
use domain::ids::KeyId;
use secrecy::ExposeSecret;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_axum::{router::OpenApiRouter, routes};
use uuid::Uuid;

use super::{
    document::{Body, Missing, Standard, scopes},
    extract::{ApiCaller, ValidJson, ValidPath},
    problem::Problem,
};
use crate::state::WebState;

pub(super) fn routes() -> OpenApiRouter<WebState> {
    OpenApiRouter::new()
        .routes(routes!(list_keys, create_key))
        .routes(routes!(revoke_key))
        .routes(routes!(get_whoami))
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
    /// When it was made.
    created_at: DateTime<Utc>,
    /// When it was last used.
    last_used_at: Option<DateTime<Utc>>,
    /// When it ends by itself.
    expires_at: Option<DateTime<Utc>>,
    /// When it was revoked.
    revoked_at: Option<DateTime<Utc>>,
}

impl From<keys::ApiKey> for Key {
    fn from(key: keys::ApiKey) -> Self {
        Self {
            id: key.id.0,
            name: key.name,
            prefix: key.prefix,
            scopes: key.scopes,
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
    /// What it may do; at least one.
    #[schema(schema_with = scopes)]
    scopes: Vec<Scope>,
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
    /// The key itself: shown here and never again.
    #[schema(example = "fb_<prefix>_<secret>")]
    key: String,
}

/// Who presents the key.
#[derive(Serialize, ToSchema)]
struct Whoami {
    /// The tenant.
    tenant: Uuid,
    /// Who.
    actor: Who,
    /// What they may do.
    #[schema(schema_with = scopes)]
    scopes: Vec<Scope>,
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

impl From<Caller> for Whoami {
    fn from(caller: Caller) -> Self {
        let actor = match caller.actor {
            Actor::Key { id, name } => Who::Key { id: id.0, name },
            Actor::System => Who::System,
        };
        Self { tenant: caller.tenant.0, actor, scopes: caller.scopes }
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
    caller.require(Scope::Admin)?;
    let mut tx = state.services.db.tenant(&caller.context()).await?;
    Ok(Json(Keys { keys: tx.keys().await?.into_iter().map(Key::from).collect() }))
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
    let (id, text) = keys::create_key(&state.services, &caller, &body.name, body.scopes.clone()).await?;
    let created =
        CreatedKey { id: id.0, name: body.name, scopes: body.scopes, key: text.expose_secret().to_owned() };
    Ok((StatusCode::CREATED, [(header::CACHE_CONTROL, "no-store")], Json(created)))
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
    let key: KeyId = id.parse().map_err(|_| Error::not_found("key", id))?;
    keys::revoke_key(&state.services, &caller, key).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Who presents the key, for which tenant, and what they may do.
#[utoipa::path(
    get, path = "/whoami", tag = "keys", security(("bearer" = [])),
    responses((status = 200, description = "The caller.", body = Whoami), Standard),
)]
async fn get_whoami(ApiCaller(caller): ApiCaller) -> Json<Whoami> {
    Json(caller.into())
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
            serde_json::to_value(Whoami::from(caller)).unwrap(),
            json!({
                "tenant": tenant, "actor": { "type": "key", "id": id, "name": "report" },
                "scopes": ["read", "sql"],
            })
        );
        let system = serde_json::to_value(Whoami::from(Caller::system(tenant))).unwrap();
        assert_eq!(system["actor"], json!({ "type": "system" }));
    }

    #[test]
    fn an_unknown_scope_is_answered_with_the_known_ones() {
        let body = json!({ "name": "x", "scopes": ["read", "root"] });
        let message = serde_json::from_value::<KeyToCreate>(body).err().unwrap().to_string();
        assert!(message.contains("`root`") && message.contains("`admin`"), "{message}");
    }
}
