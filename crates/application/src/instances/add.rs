//! Adding an instance.

use domain::ids::InstanceId;
use secrecy::{ExposeSecret, SecretString};
use serde_json::{Value, json};
use uuid::Uuid;

use super::{AuthMethod, Dialect, Instance, InstanceKind, InstanceRecord, SealedSecrets, require_instance};
use crate::{
    actions::Action,
    audit::NewAuditEntry,
    caller::Caller,
    error::{Error, FieldProblem, Result},
    oauth::{ATLASSIAN_TOKENS, OauthGrant},
    services::Services,
    tenants::check_name,
};

/// An instance to be added.
#[derive(Clone, Debug)]
pub struct NewInstance {
    /// Its name in addresses: `/jira/{name}`.
    pub name: String,
    /// Its name for people; the name when absent.
    pub display_name: Option<String>,
    /// What it is.
    pub kind: InstanceKind,
    /// Its address; a sandbox has none but ours.
    pub url: Option<String>,
    /// How to sign in.
    pub auth: AuthMethod,
    /// The account's e-mail address (Cloud) or user name.
    pub email: Option<SecretString>,
    /// API token, password, personal access token, or an access token that nobody renews.
    pub token: Option<SecretString>,
    /// What access tokens are renewed with, for OAuth 2.0.
    pub grant: Option<NewGrant>,
    /// The site's cloud id: it is then reached through Atlassian's gateway, which scoped tokens, service accounts and OAuth 2.0
    /// need.
    pub cloud_id: Option<String>,
    /// The most requests a minute to it; `None`: the server's setting.
    pub requests_per_minute: Option<u32>,
}

/// What access tokens are had and renewed with.
#[derive(Clone, Debug)]
pub struct NewGrant {
    /// The OAuth 2.0 client's id.
    pub client_id: String,
    /// Its secret.
    pub client_secret: SecretString,
    /// The refresh token of a person's consent; `None`: a service account, by `client_credentials`.
    pub refresh_token: Option<SecretString>,
    /// Where tokens are had; Atlassian's own server when absent.
    pub token_url: Option<String>,
}

/// The credential as it is sealed.
#[derive(serde::Serialize, serde::Deserialize)]
pub(super) struct Credential {
    pub(super) email: Option<String>,
    pub(super) token: Option<String>,
}

/// Adds an instance. The credential is sealed; nothing is asked of the site yet (see [`super::test_instance`]).
pub async fn add_instance(services: &Services, caller: &Caller, new: NewInstance) -> Result<Instance> {
    caller.permit(Action::AddInstance)?;
    check(&new)?;
    let id = InstanceId::new(Uuid::now_v7());
    let base_url = match &new.url {
        Some(url) => url.trim().trim_end_matches('/').to_owned(),
        None => format!("{}/jira/{}", services.public_url, new.name),
    };
    if new.url.is_some() {
        services.sites.check_address(&base_url).await?;
    }
    check_token_url(services, new.grant.as_ref()).await?;
    let grant = new.grant.as_ref().map(|grant| seal_grant(services, id, grant)).transpose()?;
    let record = InstanceRecord {
        id,
        display_name: new.display_name.clone().unwrap_or_else(|| new.name.clone()),
        kind: new.kind,
        base_url: base_url.clone(),
        auth_method: if new.kind == InstanceKind::Sandbox { AuthMethod::None } else { new.auth },
        email_hash: new.email.as_ref().map(|email| services.secrets.email_hash(email.expose_secret())),
        secrets: seal(services, id, &new)?,
        cloud_id: new.cloud_id.clone(),
        requests_per_minute: new.requests_per_minute,
        dialect: match new.kind {
            InstanceKind::Server | InstanceKind::DataCenter => Dialect::V2,
            InstanceKind::Cloud | InstanceKind::Sandbox => Dialect::V3,
        },
        name: new.name,
    };
    let mut tx = services.db.tenant(&caller.context()).await?;
    tx.add_instance(&record).await?;
    if let Some(grant) = grant {
        tx.keep_oauth_grant(id, &grant).await?;
    }
    let after =
        json!({ "name": record.name, "kind": record.kind, "base_url": base_url, "auth": record.auth_method });
    tx.record(NewAuditEntry::success(
        caller,
        Some(id),
        Action::AddInstance.as_str(),
        &record.name,
        Value::Null,
        after,
        services.clock.now(),
    ))
    .await?;
    let instance = require_instance(tx.as_mut(), &record.name).await?;
    tx.commit().await?;
    Ok(instance)
}

fn check(new: &NewInstance) -> Result<()> {
    check_name("name", &new.name)?;
    let mut problems = Vec::new();
    let mut problem = |field: &str, message: &str| {
        problems.push(FieldProblem { field: field.into(), message: message.into() });
    };
    if new.kind == InstanceKind::Sandbox {
        if new.url.is_some() || new.token.is_some() {
            problem("url", "a sandbox is served by Forebay itself: leave out its URL and token");
        }
    } else {
        match new.url.as_deref().map(str::trim) {
            None | Some("") => problem(
                "url",
                "is needed: the address of the Jira site, such as https://example.atlassian.net",
            ),
            Some(url) if !is_http_url(url) => {
                problem("url", "must be an http or https address without query or user")
            }
            Some(_) => {}
        }
        if let Some(cloud_id) = &new.cloud_id {
            if !is_cloud_id(cloud_id) {
                problem(
                    "cloud_id",
                    "must be the site's cloud id, as `/_edge/tenant_info` of the site names it",
                );
            } else if new.kind != InstanceKind::Cloud {
                problem("cloud_id", "only Jira Cloud has one: leave it out");
            }
        }
        if new.requests_per_minute.is_some_and(|most| !(1..=1_000_000).contains(&most)) {
            problem("requests_per_minute", "must be from 1 to 1000000");
        }
    }
    if new.kind == InstanceKind::Sandbox {
        return if problems.is_empty() { Ok(()) } else { Err(Error::Invalid(problems)) };
    }
    problems.extend(credential_problems(
        new.auth,
        new.email.as_ref(),
        new.token.as_ref(),
        new.grant.as_ref(),
    ));
    if problems.is_empty() { Ok(()) } else { Err(Error::Invalid(problems)) }
}

/// What is wrong with a credential, field by field.
pub(super) fn credential_problems(
    auth: AuthMethod,
    email: Option<&SecretString>,
    token: Option<&SecretString>,
    grant: Option<&NewGrant>,
) -> Vec<FieldProblem> {
    let mut problems = Vec::new();
    let mut problem = |field: &str, message: &str| {
        problems.push(FieldProblem { field: field.into(), message: message.into() });
    };
    let is_empty = |secret: &SecretString| secret.expose_secret().trim().is_empty();
    match (token, grant) {
        (None, None) => problem("token", "is needed: an API token, personal access token or access token"),
        (Some(token), None) if is_empty(token) => problem("token", "must not be empty"),
        (Some(_), Some(_)) => {
            problem("token", "leave it out: access tokens come by `client_id` and `client_secret`")
        }
        (None, Some(grant)) => {
            if auth != AuthMethod::Oauth {
                problem("auth", "must be oauth where `client_id` is given");
            }
            if grant.client_id.trim().is_empty() {
                problem("client_id", "must not be empty");
            }
            if is_empty(&grant.client_secret) {
                problem("client_secret", "is needed with `client_id`");
            }
            if grant.refresh_token.as_ref().is_some_and(is_empty) {
                problem("refresh_token", "must not be empty; leave it out for a service account");
            }
            if grant.token_url.as_deref().is_some_and(|url| !is_http_url(url)) {
                problem("token_url", "must be an http or https address without query or user");
            }
        }
        (Some(_), None) => {}
    }
    match auth {
        AuthMethod::None => problem("auth", "choose from api_token, pat, oauth"),
        AuthMethod::ApiToken if email.is_none() => {
            problem("email", "is needed with an API token: the account it belongs to");
        }
        _ => {}
    }
    problems
}

fn is_cloud_id(text: &str) -> bool {
    !text.is_empty()
        && text.len() <= 64
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
}

/// A tenant must not make this server ask for tokens inside.
pub(super) async fn check_token_url(services: &Services, grant: Option<&NewGrant>) -> Result<()> {
    let Some(url) = grant.and_then(|grant| grant.token_url.as_deref()) else { return Ok(()) };
    services.sites.check_address(url.trim()).await.map_err(|error| match error {
        Error::Invalid(problems) => Error::Invalid(
            problems
                .into_iter()
                .map(|problem| FieldProblem { field: "token_url".into(), ..problem })
                .collect(),
        ),
        error => error,
    })
}

pub(super) fn seal_grant(services: &Services, id: InstanceId, grant: &NewGrant) -> Result<String> {
    let text = |secret: &SecretString| SecretString::from(secret.expose_secret().trim().to_owned());
    let grant = OauthGrant {
        client_id: grant.client_id.trim().to_owned(),
        client_secret: text(&grant.client_secret),
        refresh_token: grant.refresh_token.as_ref().map(text),
        token_url: grant.token_url.as_deref().unwrap_or(ATLASSIAN_TOKENS).trim().to_owned(),
        access_token: None,
        expires_at: None,
    };
    services.secrets.seal(id, &grant.to_text()?)
}

fn is_http_url(url: &str) -> bool {
    let rest = url.strip_prefix("https://").or_else(|| url.strip_prefix("http://"));
    rest.is_some_and(|rest| {
        let host = rest.split('/').next().unwrap_or_default();
        !host.is_empty() && !rest.contains(['?', '#', '@', ' ', '\\'])
    })
}

fn seal(services: &Services, id: InstanceId, new: &NewInstance) -> Result<SealedSecrets> {
    if new.kind == InstanceKind::Sandbox {
        return Ok(SealedSecrets::default());
    }
    Ok(SealedSecrets {
        credential: Some(seal_credential(services, id, new.email.as_ref(), new.token.as_ref())?),
        webhook: Some(services.secrets.seal(id, &services.secrets.random_text(40))?),
        webhook_path: Some(services.secrets.seal(id, &services.secrets.random_text(40))?),
    })
}

pub(super) fn seal_credential(
    services: &Services,
    id: InstanceId,
    email: Option<&SecretString>,
    token: Option<&SecretString>,
) -> Result<String> {
    let text = |secret: Option<&SecretString>| secret.map(|secret| secret.expose_secret().trim().to_owned());
    let credential = Credential { email: text(email), token: text(token) };
    let credential = SecretString::from(serde_json::to_string(&credential).map_err(Error::internal)?);
    services.secrets.seal(id, &credential)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cloud() -> NewInstance {
        NewInstance {
            name: "acme".into(),
            display_name: None,
            kind: InstanceKind::Cloud,
            url: Some("https://acme.example/jira".into()),
            auth: AuthMethod::ApiToken,
            email: Some("someone@example.com".to_owned().into()),
            token: Some("t".to_owned().into()),
            grant: None,
            cloud_id: None,
            requests_per_minute: None,
        }
    }

    #[test]
    fn a_client_goes_with_oauth_and_brings_the_tokens_itself() {
        let grant = NewGrant {
            client_id: "c".into(),
            client_secret: "s".to_owned().into(),
            refresh_token: Some("r".to_owned().into()),
            token_url: None,
        };
        let fields = |new: NewInstance| match check(&new) {
            Err(Error::Invalid(problems)) => problems.into_iter().map(|problem| problem.field).collect(),
            other => {
                other.unwrap();
                Vec::new()
            }
        };
        let oauth = || NewInstance {
            auth: AuthMethod::Oauth,
            email: None,
            token: None,
            grant: Some(grant.clone()),
            cloud_id: Some("11223344-a1b2-3b33-c444-def123456789".into()),
            ..cloud()
        };
        assert!(fields(oauth()).is_empty());
        assert_eq!(fields(NewInstance { token: Some("t".to_owned().into()), ..oauth() }), ["token"]);
        assert_eq!(fields(NewInstance { auth: AuthMethod::Pat, ..oauth() }), ["auth"]);
        assert_eq!(fields(NewInstance { grant: None, ..oauth() }), ["token"]);
        assert_eq!(fields(NewInstance { cloud_id: Some("../x".into()), ..oauth() }), ["cloud_id"]);
        assert_eq!(fields(NewInstance { kind: InstanceKind::Server, ..oauth() }), ["cloud_id"]);
        let empty =
            NewGrant { client_secret: String::new().into(), token_url: Some("x".into()), ..grant.clone() };
        assert_eq!(fields(NewInstance { grant: Some(empty), ..oauth() }), ["client_secret", "token_url"]);
        assert_eq!(fields(NewInstance { requests_per_minute: Some(0), ..cloud() }), ["requests_per_minute"]);
    }

    #[test]
    fn each_wrong_field_is_named_at_once() {
        assert!(check(&cloud()).is_ok());
        let wrong = NewInstance { url: Some("ftp://x".into()), email: None, token: None, ..cloud() };
        let Err(Error::Invalid(problems)) = check(&wrong) else { panic!("must be refused") };
        let fields: Vec<_> = problems.iter().map(|p| p.field.as_str()).collect();
        assert_eq!(fields, ["url", "token", "email"]);
    }

    #[test]
    fn an_address_with_a_password_in_it_is_refused() {
        for url in ["https://me:secret@acme.example", "https://", "acme.example", "https://a.example/?x=1"] {
            assert!(check(&NewInstance { url: Some(url.into()), ..cloud() }).is_err(), "{url}");
        }
    }

    #[test]
    fn a_sandbox_has_no_other_site() {
        let sandbox = NewInstance { kind: InstanceKind::Sandbox, ..cloud() };
        assert!(check(&sandbox).is_err());
        assert!(check(&NewInstance { url: None, token: None, ..sandbox }).is_ok());
    }
}
