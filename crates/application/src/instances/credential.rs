//! Giving an instance another credential: tokens end, are revoked, and consents with them.

use secrecy::{ExposeSecret, SecretString};
use serde_json::json;

use super::{
    AuthMethod, Instance, InstanceKind, NewGrant,
    add::{check_token_url, credential_problems, seal_credential, seal_grant},
    require_instance,
};
use crate::{
    actions::Action,
    audit::NewAuditEntry,
    caller::Caller,
    error::{Error, Result},
    services::Services,
};

/// A credential.
#[derive(Clone, Debug)]
pub struct NewCredential {
    /// How to sign in; as before when absent.
    pub auth: Option<AuthMethod>,
    /// The account's e-mail address (Cloud) or user name.
    pub email: Option<SecretString>,
    /// API token, password, personal access token, or an access token that nobody renews.
    pub token: Option<SecretString>,
    /// What access tokens are renewed with, for OAuth 2.0.
    pub grant: Option<NewGrant>,
}

/// Replaces the credential of an instance; its copy stays. It must be of the same account: the next run stops if another one
/// answers, since another account sees other issues.
///
/// # Errors
/// [`Error::Invalid`] naming each wrong field; [`Error::Conflict`] for a sandbox.
pub async fn replace_credential(
    services: &Services,
    caller: &Caller,
    name: &str,
    new: NewCredential,
) -> Result<Instance> {
    caller.permit(Action::ReplaceCredential)?;
    let mut tx = services.db.tenant(&caller.context()).await?;
    let instance = require_instance(tx.as_mut(), name).await?;
    drop(tx);
    if instance.kind == InstanceKind::Sandbox {
        return Err(Error::Conflict(format!("`{}` is a sandbox: nobody signs in there", instance.name)));
    }
    let auth = new.auth.unwrap_or(if new.grant.is_some() { AuthMethod::Oauth } else { instance.auth_method });
    let problems = credential_problems(auth, new.email.as_ref(), new.token.as_ref(), new.grant.as_ref());
    if !problems.is_empty() {
        return Err(Error::Invalid(problems));
    }
    check_token_url(services, new.grant.as_ref()).await?;
    let sealed = seal_credential(services, instance.id, new.email.as_ref(), new.token.as_ref())?;
    let grant = new.grant.as_ref().map(|grant| seal_grant(services, instance.id, grant)).transpose()?;
    let email_hash = new.email.as_ref().map(|email| services.secrets.email_hash(email.expose_secret()));

    let mut tx = services.db.tenant(&caller.context()).await?;
    tx.replace_credential(instance.id, auth, email_hash.as_deref(), &sealed).await?;
    if let Some(grant) = grant {
        tx.keep_oauth_grant(instance.id, &grant).await?;
    }
    tx.record(NewAuditEntry::success(
        caller,
        Some(instance.id),
        Action::ReplaceCredential.as_str(),
        &instance.name,
        json!({ "auth": instance.auth_method }),
        json!({ "auth": auth }),
        services.clock.now(),
    ))
    .await?;
    let instance = require_instance(tx.as_mut(), &instance.id.to_string()).await?;
    tx.commit().await?;
    Ok(instance)
}
