//! What makes a delivery believed: the signature of a site that signs, the token of one that signs for apps, or the secret part of the
//! address for one that does neither.

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use chrono::{DateTime, TimeDelta, Utc};
use secrecy::{ExposeSecret, SecretString};
use serde_json::{Map, Value, json};

use super::Delivery;
use crate::{
    error::{Error, Result},
    instances::{Instance, SealedSecrets},
    oauth::OauthGrant,
    ports::{Secrets, TenantTx},
    services::Services,
};
use domain::ids::InstanceId;

/// By so much a site's clock may differ from ours.
const SKEW: TimeDelta = TimeDelta::minutes(5);

/// Whether a delivery comes from the instance's site.
///
/// # Errors
/// [`Error::Unauthenticated`] when it does not; [`Error::NotFound`] for an instance that takes none.
pub(super) async fn believe(
    services: &Services,
    tx: &mut dyn TenantTx,
    instance: InstanceId,
    delivery: &Delivery<'_>,
) -> Result<()> {
    let sealed = tx.sealed_secrets(instance).await?;
    let Some(secret) = &sealed.webhook else {
        return Err(Error::not_found("instance", instance.to_string()));
    };
    if let Some(path) = delivery.path {
        require_path(services, instance, &sealed, path)?;
    }
    match (delivery.signature, delivery.token) {
        (Some(signature), _) => {
            let secret = services.secrets.open(instance, secret)?;
            let expected = services.secrets.sign(&secret, delivery.body);
            if services.secrets.equal(expected.as_bytes(), signature.as_bytes()) {
                return Ok(());
            }
        }
        (None, Some(token)) => match tx.oauth_grant(instance).await? {
            Some(sealed) => {
                let grant = OauthGrant::from_text(&services.secrets.open(instance, &sealed)?)?;
                if is_signed_by(services.secrets.as_ref(), &grant.client_secret, token, services.clock.now())
                {
                    return Ok(());
                }
            }
            // Nobody has told us the secret of the app.
            None if delivery.path.is_some() => return Ok(()),
            None => {}
        },
        (None, None) if delivery.path.is_some() => return Ok(()),
        (None, None) => {}
    }
    Err(Error::Unauthenticated("the signature of the webhook is missing or wrong".into()))
}

fn require_path(services: &Services, instance: InstanceId, sealed: &SealedSecrets, path: &str) -> Result<()> {
    let expected = match &sealed.webhook_path {
        Some(sealed) => services.secrets.open(instance, sealed)?,
        None => SecretString::from(String::new()),
    };
    let expected = expected.expose_secret();
    if expected.is_empty() || !services.secrets.equal(expected.as_bytes(), path.as_bytes()) {
        return Err(Error::Unauthenticated(
            "the address of the webhook is not right, or not any more: `forebay instance webhook values` shows it".into(),
        ));
    }
    Ok(())
}

/// Whether a JSON Web Token is signed with that secret and holds now. Jira signs what it sends to apps with the secret of their client,
/// by HS256; nothing else is taken.
fn is_signed_by(secrets: &dyn Secrets, secret: &SecretString, token: &str, now: DateTime<Utc>) -> bool {
    let Some((signed, signature)) = token.rsplit_once('.') else { return false };
    let Some((header, claims)) = signed.split_once('.') else { return false };
    let part = |text: &str| -> Option<Map<String, Value>> {
        serde_json::from_slice(&URL_SAFE_NO_PAD.decode(text.trim_end_matches('=')).ok()?).ok()
    };
    let (Some(header), Some(claims)) = (part(header), part(claims)) else { return false };
    let Ok(signature) = URL_SAFE_NO_PAD.decode(signature.trim_end_matches('=')) else { return false };
    let signature: String = signature.iter().map(|byte| format!("{byte:02x}")).collect();
    let expected = secrets.sign(secret, signed.as_bytes());
    let time = |name: &str| {
        let seconds = claims.get(name).and_then(Value::as_f64);
        seconds.and_then(|seconds| DateTime::from_timestamp(seconds as i64, 0))
    };
    header.get("alg").and_then(Value::as_str) == Some("HS256")
        && secrets.equal(expected.as_bytes(), format!("sha256={signature}").as_bytes())
        && time("exp").is_none_or(|end| end + SKEW > now)
        && time("nbf").or(time("iat")).is_none_or(|begin| begin - SKEW < now)
}

/// What a delivery without a body says by its address: `?issue=${issue.id}&project=${project.id}&board=${board.id}`, where Jira puts in
/// what it speaks of (jira-facts 3.2).
#[derive(Clone, Debug, Default)]
pub struct NamedByAddress {
    /// The issue's id or key.
    pub issue: Option<String>,
    /// The project's id.
    pub project: Option<String>,
    /// The board's id.
    pub board: Option<String>,
}

impl NamedByAddress {
    /// As a body would have it.
    pub(super) async fn as_body(&self, tx: &mut dyn TenantTx, instance: &Instance) -> Result<Value> {
        let mut body = json!({});
        let number = |text: &Option<String>| text.as_ref().filter(|text| is_number(text)).cloned();
        if let Some(issue) = self.issue.as_deref().map(str::trim).filter(|text| !text.is_empty()) {
            let id = match is_number(issue) {
                true => Some(issue.to_owned()),
                false => tx.issue(Some(instance.id), issue).await?.map(|row| row.jira_id),
            };
            if let Some(id) = id {
                body["issue"] = json!({ "id": id });
            }
        }
        if let Some(project) = number(&self.project) {
            body["project"] = json!({ "id": project });
        }
        if let Some(board) = number(&self.board) {
            body["board"] = json!({ "id": board });
        }
        Ok(body)
    }
}

fn is_number(text: &str) -> bool {
    !text.is_empty() && text.len() <= 18 && text.bytes().all(|byte| byte.is_ascii_digit())
}
