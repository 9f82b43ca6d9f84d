//! Another credential for an instance.

use application::instances::{self, AuthMethod, NewCredential};
use axum::extract::{Json, State};
use secrecy::SecretString;
use serde::Deserialize;
use utoipa::ToSchema;

use super::{Instance, auth, grant, secret};
use crate::{
    rest::{
        document::{Body, Conflicting, Missing, Standard},
        extract::{ApiCaller, ValidJson, ValidPath},
        problem::Problem,
    },
    state::WebState,
};

/// A credential.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Credential {
    /// How to sign in; as before when absent.
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
}

/// Gives an instance another credential of the same account; its copy stays.
#[utoipa::path(
    put, path = "/instances/{name}/credential", tag = "instances", security(("bearer" = ["admin"])),
    params(("name" = String, Path, description = "The instance's name or id.")),
    request_body = Credential,
    responses((status = 200, description = "It is stored.", body = Instance), Standard, Missing, Conflicting, Body),
)]
pub(super) async fn replace_credential(
    State(state): State<WebState>,
    ApiCaller(caller): ApiCaller,
    ValidPath(name): ValidPath<String>,
    ValidJson(body): ValidJson<Credential>,
) -> Result<Json<Instance>, Problem> {
    let new = NewCredential {
        auth: body.auth,
        email: body.email,
        token: body.token,
        grant: grant(body.client_id, body.client_secret, body.refresh_token, body.token_url),
    };
    let instance = instances::replace_credential(&state.services, &caller, &name, new).await?;
    Ok(Json(Instance::from(&instance)))
}
