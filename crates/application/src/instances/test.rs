//! Connecting to an instance's site, and testing that it is the right one.

use std::sync::Arc;

use domain::ids::TenantId;
use secrecy::{ExposeSecret, SecretString};
use serde::Serialize;
use serde_json::json;
use sha2::{Digest as _, Sha256};

use super::{Dialect, Instance, InstanceKind, add::Credential, require_instance};
use crate::{
    actions::Action,
    audit::{NewAuditEntry, Outcome},
    caller::Caller,
    error::{Error, Result},
    ports::{JiraSite, Patience, SiteConnection, SiteIdentity, TenantTx, Urgency},
    services::Services,
    sync::CredentialVersion,
    tenant_context::TenantContext,
    webhooks,
};

/// What a test found.
#[derive(Clone, Debug, Serialize)]
pub struct InstanceTest {
    /// The instance's name.
    pub instance: String,
    /// The account we are there.
    pub account_id: String,
    /// Its name.
    pub account_name: String,
    /// Its time zone.
    pub time_zone: Option<String>,
    /// `Cloud` or `Server`.
    pub deployment_type: String,
    /// The site's version.
    pub version: String,
    /// Whether a webhook is registered, so that changes arrive within seconds.
    pub webhook: bool,
    /// Why there is none.
    pub webhook_problem: Option<String>,
}

/// A connection to the instance's site, with its credential opened.
pub async fn connect(
    services: &Services,
    tenant: TenantId,
    instance: &Instance,
) -> Result<Arc<dyn JiraSite>> {
    connect_as(services, tenant, instance, Urgency::Now).await
}

/// The same, as urgent as that.
pub(crate) async fn connect_as(
    services: &Services,
    tenant: TenantId,
    instance: &Instance,
    urgency: Urgency,
) -> Result<Arc<dyn JiraSite>> {
    let mut tx = services.db.tenant(&TenantContext::whole(tenant)).await?;
    Ok(open_connection(services, tx.as_mut(), instance, urgency, Patience::Long).await?.site)
}

/// A connection, and what it signs in with.
pub(crate) struct Connected {
    pub(crate) site: Arc<dyn JiraSite>,
    version: CredentialVersion,
}

impl Connected {
    /// Makes sure that we are the account there that is expected: asks once for each credential and process. Answers what the site
    /// speaks.
    ///
    /// # Errors
    /// [`Error::WrongAccount`], [`Error::NotAuthenticated`], and what else keeps the site from saying it.
    pub(crate) async fn identified(
        &self,
        services: &Services,
        tenant: TenantId,
        instance: &Instance,
    ) -> Result<Dialect> {
        let known = &services.sync.acquaintances;
        let expected = instance.account_id.as_deref();
        if expected.is_some_and(|account| known.is_known_as(instance.id, &self.version, account)) {
            return Ok(instance.dialect);
        }
        let identity = identify(services, tenant, instance, self.site.as_ref()).await?;
        known.meet(instance.id, self.version, identity.account_id);
        Ok(identity.dialect)
    }
}

/// The same, reading the credential in a transaction that is open already.
pub(crate) async fn connect_within(
    services: &Services,
    tx: &mut dyn TenantTx,
    instance: &Instance,
    patience: Patience,
) -> Result<Connected> {
    open_connection(services, tx, instance, Urgency::Now, patience).await
}

async fn open_connection(
    services: &Services,
    tx: &mut dyn TenantTx,
    instance: &Instance,
    urgency: Urgency,
    patience: Patience,
) -> Result<Connected> {
    let tenant = tx.tenant();
    let sealed = tx.sealed_secrets(instance.id).await?;
    let credential = match &sealed.credential {
        Some(text) => {
            let opened = services.secrets.open(instance.id, text)?;
            serde_json::from_str::<Credential>(opened.expose_secret()).map_err(Error::internal)?
        }
        None => Credential { email: None, token: None },
    };
    // Sealed anew with each credential, and with each rotation of the master key: then it is asked once more.
    let version = Sha256::new()
        .chain_update(sealed.credential.as_deref().unwrap_or_default())
        .chain_update([0])
        .chain_update(instance.api_url())
        .finalize();
    let site = services.sites.connect(SiteConnection {
        tenant,
        instance: instance.id,
        kind: instance.kind,
        base_url: instance.api_url(),
        auth_method: instance.auth_method,
        email: credential.email.map(SecretString::from),
        token: credential.token.map(SecretString::from),
        requests_per_minute: instance.requests_per_minute,
        urgency,
        patience,
    })?;
    Ok(Connected { site, version: version.into() })
}

/// Asks the site who we are, and remembers it: a later run that is told another account stops, because an anonymous
/// answer with nothing in it must never be taken for an empty site.
pub(crate) async fn identify(
    services: &Services,
    tenant: TenantId,
    instance: &Instance,
    site: &dyn JiraSite,
) -> Result<SiteIdentity> {
    let identity = match site.identify().await {
        Ok(identity) => identity,
        Err(error) => {
            if let Error::NotAuthenticated(message) = &error {
                note_problem(services, tenant, instance, message).await?;
            }
            return Err(error);
        }
    };
    if let Some(expected) = instance.account_id.as_deref().filter(|expected| *expected != identity.account_id)
    {
        return Err(Error::WrongAccount {
            instance: instance.name.clone(),
            expected: expected.to_owned(),
            found: identity.account_id,
        });
    }
    let mut tx = services.db.tenant(&TenantContext::whole(tenant)).await?;
    tx.note_identity(instance.id, &identity.account_id, identity.time_zone.as_deref(), identity.dialect)
        .await?;
    tx.note_credential_problem(instance.id, None).await?;
    tx.commit().await?;
    Ok(identity)
}

/// Marks the instance: without a person nothing will change.
async fn note_problem(
    services: &Services,
    tenant: TenantId,
    instance: &Instance,
    problem: &str,
) -> Result<()> {
    let mut tx = services.db.tenant(&TenantContext::whole(tenant)).await?;
    tx.note_credential_problem(instance.id, Some(problem)).await?;
    tx.commit().await
}

/// What a test does about a webhook.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Push {
    /// Registers one where the account may.
    Register,
    /// The same, at the address at which the last one was: whoever looks after it need not know where this Forebay is reached.
    Again,
    /// None: where this Forebay is reached is not known, and another address would be told changes.
    Leave,
}

/// Tests an instance: reaches the site, signs in, and registers a webhook where the account may. Audited however it ends,
/// because it may have changed the site.
pub async fn test_instance(
    services: &Services,
    caller: &Caller,
    name: &str,
    push: Push,
) -> Result<InstanceTest> {
    caller.permit(Action::TestInstance)?;
    let mut tx = services.db.tenant(&caller.context()).await?;
    let instance = require_instance(tx.as_mut(), name).await?;
    drop(tx);
    if instance.kind == InstanceKind::Sandbox {
        return Err(Error::Conflict(format!("`{name}` is a sandbox: there is no other site to reach")));
    }
    let tested = reach(services, caller.tenant, &instance, push).await;
    audit(services, caller, &instance, &tested).await?;
    tested
}

async fn reach(
    services: &Services,
    tenant: TenantId,
    instance: &Instance,
    push: Push,
) -> Result<InstanceTest> {
    let site = connect(services, tenant, instance).await?;
    let identity = identify(services, tenant, instance, site.as_ref()).await?;
    let present = Instance { dialect: identity.dialect, ..instance.clone() };
    let kept = webhooks::keep(services, tenant, &present, site.as_ref(), push).await;
    let webhook_problem = match &kept {
        Ok(registration) if registration.delivers() => None,
        Ok(registration) => Some(registration.explanation()),
        Err(error) => Some(error.to_string()),
    };
    Ok(InstanceTest {
        instance: instance.name.clone(),
        account_id: identity.account_id,
        account_name: identity.display_name,
        time_zone: identity.time_zone,
        deployment_type: identity.deployment_type,
        version: identity.version,
        webhook: webhook_problem.is_none(),
        webhook_problem,
    })
}

async fn audit(
    services: &Services,
    caller: &Caller,
    instance: &Instance,
    tested: &Result<InstanceTest>,
) -> Result<()> {
    let before = json!({ "account_id": instance.account_id, "webhook": instance.webhook_id.is_some() });
    let (outcome, after) = match tested {
        Ok(test) => (Outcome::Succeeded, json!({ "account_id": test.account_id, "webhook": test.webhook })),
        Err(error) => (Outcome::Failed, json!({ "error": error.code(), "message": error.to_string() })),
    };
    let (id, action, now) = (Some(instance.id), Action::TestInstance.as_str(), services.clock.now());
    let entry = NewAuditEntry::success(caller, id, action, &instance.name, before, after, now);
    let mut tx = services.db.tenant(&caller.context()).await?;
    tx.record(NewAuditEntry { outcome, ..entry }).await?;
    tx.commit().await
}
