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
    /// API token, password, personal access token or access token.
    pub token: Option<SecretString>,
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
    if let Some(url) = &new.url {
        services.sites.check_address(url.trim()).await?;
    }
    let id = InstanceId(Uuid::now_v7());
    let base_url = match &new.url {
        Some(url) => url.trim().trim_end_matches('/').to_owned(),
        None => format!("{}/jira/{}", services.public_url, new.name),
    };
    let record = InstanceRecord {
        id,
        display_name: new.display_name.clone().unwrap_or_else(|| new.name.clone()),
        kind: new.kind,
        base_url: base_url.clone(),
        auth_method: if new.kind == InstanceKind::Sandbox { AuthMethod::None } else { new.auth },
        email_hash: new.email.as_ref().map(|email| services.secrets.email_hash(email.expose_secret())),
        secrets: seal(services, id, &new)?,
        dialect: match new.kind {
            InstanceKind::Server | InstanceKind::DataCenter => Dialect::V2,
            InstanceKind::Cloud | InstanceKind::Sandbox => Dialect::V3,
        },
        name: new.name,
    };
    let mut tx = services.db.tenant(&caller.context()).await?;
    tx.add_instance(&record).await?;
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
        if new.token.as_ref().is_none_or(|token| token.expose_secret().trim().is_empty()) {
            problem("token", "is needed: an API token, personal access token or access token");
        }
        match new.auth {
            AuthMethod::None => problem("auth", "choose from api_token, pat, oauth"),
            AuthMethod::ApiToken if new.email.is_none() => {
                problem("email", "is needed with an API token: the account it belongs to");
            }
            _ => {}
        }
    }
    if problems.is_empty() { Ok(()) } else { Err(Error::Invalid(problems)) }
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
    let text = |secret: &Option<SecretString>| {
        secret.as_ref().map(|secret| secret.expose_secret().trim().to_owned())
    };
    let credential = Credential { email: text(&new.email), token: text(&new.token) };
    let credential = SecretString::from(serde_json::to_string(&credential).map_err(Error::internal)?);
    Ok(SealedSecrets {
        credential: Some(services.secrets.seal(id, &credential)?),
        webhook: Some(services.secrets.seal(id, &services.secrets.random_text(40))?),
    })
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
        }
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
