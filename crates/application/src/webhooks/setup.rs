//! What people do about the webhook of a mirror: look, register, rotate, take away, or enter it by hand at a site whose credentials
//! allow nothing else.

use secrecy::{ExposeSecret, SecretString};
use serde_json::{Value, json};

use super::{
    keep::{WebhookSecrets, addresses, connect_and_keep, kind_for, remove_from_site},
    registration::{Registration, RegistrationState, WebhookHealth, health},
};
use crate::{
    actions::Action,
    audit::NewAuditEntry,
    caller::{Caller, Scope},
    error::{Error, Result},
    instances::{self, Instance, Push, require_instance},
    ports::{Urgency, WebhookKind},
    services::Services,
};

/// What an administrator of Jira enters to make the webhook by hand.
#[derive(Clone, Debug)]
pub struct WebhookValues {
    /// Where: a page of the site.
    pub page: String,
    /// Its name there.
    pub name: String,
    /// The address for a site that signs: Cloud, and Data Center where the form has a field for a secret.
    pub url: String,
    /// What to enter there as the secret.
    pub secret: SecretString,
    /// The address for a site that cannot sign: it is a secret itself.
    pub unsigned_url: SecretString,
    /// What may be appended to either address, so that *Exclude body* may be ticked.
    pub without_body: &'static str,
    /// The events to tick.
    pub events: Vec<String>,
    /// The filter to enter: nothing, so that every issue is told of.
    pub jql: &'static str,
}

/// How the webhook of a mirror stands.
///
/// # Errors
/// [`Error::Conflict`] for a sandbox.
pub async fn webhook_health(services: &Services, caller: &Caller, name: &str) -> Result<WebhookHealth> {
    caller.require(Scope::Admin)?;
    let mut tx = services.db.tenant(&caller.context()).await?;
    let instance = mirror(require_instance(tx.as_mut(), name).await?)?;
    health(tx.as_mut(), instance.id, services.clock.now()).await
}

/// What has to be entered at the site to make the webhook by hand, secrets and all. Audited.
///
/// # Errors
/// [`Error::Conflict`] for a sandbox.
pub async fn webhook_values(services: &Services, caller: &Caller, name: &str) -> Result<WebhookValues> {
    caller.permit(Action::RevealWebhook)?;
    let mut tx = services.db.tenant(&caller.context()).await?;
    let instance = mirror(require_instance(tx.as_mut(), name).await?)?;
    let secrets = WebhookSecrets::of(services, tx.as_mut(), instance.id).await?;
    tx.record(entry(services, caller, Action::RevealWebhook, &instance, (Value::Null, Value::Null))).await?;
    tx.commit().await?;
    let site = instances::connect(services, caller.tenant, &instance).await?;
    let (with_secret, plain) = addresses(&services.public_url, instance.id, &secrets);
    Ok(WebhookValues {
        page: format!("{}/plugins/servlet/webhooks", instance.base_url),
        name: format!("Forebay {}", instance.name),
        url: plain,
        secret: secrets.secret,
        unsigned_url: with_secret.into(),
        without_body: "?issue=${issue.id}&project=${project.id}&board=${board.id}",
        events: site.webhook_events(WebhookKind::Admin),
        jql: "",
    })
}

/// Looks whether the webhook is at the site as it should be, and sees to it. One that was taken away is wanted again.
///
/// # Errors
/// [`Error::Conflict`] for a sandbox, and where our own address is not known.
pub async fn register_webhook(
    services: &Services,
    caller: &Caller,
    name: &str,
    push: Push,
) -> Result<WebhookHealth> {
    caller.permit(Action::RegisterWebhook)?;
    let mut tx = services.db.tenant(&caller.context()).await?;
    let instance = mirror(require_instance(tx.as_mut(), name).await?)?;
    if let Some(known) = tx.registration(instance.id).await?.filter(|known| !known.wanted) {
        tx.keep_registration(instance.id, &Registration { wanted: true, ..known }).await?;
        tx.commit().await?;
    } else {
        drop(tx);
    }
    let kept = connect_and_keep(services, caller.tenant, &instance, Urgency::Now, push).await?;
    note(services, caller, Action::RegisterWebhook, &instance, &kept).await
}

/// Takes the webhook away from the site, and lets nobody bring it back but [`register_webhook`].
///
/// # Errors
/// [`Error::Conflict`] for a sandbox.
pub async fn remove_webhook(services: &Services, caller: &Caller, name: &str) -> Result<WebhookHealth> {
    caller.permit(Action::RemoveWebhook)?;
    let mut tx = services.db.tenant(&caller.context()).await?;
    let instance = mirror(require_instance(tx.as_mut(), name).await?)?;
    drop(tx);
    remove_from_site(services, caller.tenant, &instance).await?;
    let (kind, origin) = (kind_for(&instance), &services.public_url);
    let off = Registration {
        wanted: false,
        ..Registration::new(kind, Vec::new(), RegistrationState::Off, origin, services.clock.now())
    };
    let mut tx = services.db.tenant(&caller.context()).await?;
    tx.keep_registration(instance.id, &off).await?;
    tx.note_webhook(instance.id, None).await?;
    tx.commit().await?;
    note(services, caller, Action::RemoveWebhook, &instance, &off).await
}

/// Makes a new secret and a new secret address; the old ones are refused from now on. Where Forebay registered the webhook, the site is
/// told; where somebody entered it by hand, they have to enter the new values.
///
/// # Errors
/// [`Error::Conflict`] for a sandbox.
pub async fn rotate_webhook(
    services: &Services,
    caller: &Caller,
    name: &str,
    push: Push,
) -> Result<WebhookHealth> {
    caller.permit(Action::RotateWebhook)?;
    let mut tx = services.db.tenant(&caller.context()).await?;
    let instance = mirror(require_instance(tx.as_mut(), name).await?)?;
    let fresh = || services.secrets.seal(instance.id, &services.secrets.random_text(40));
    tx.keep_webhook_secrets(instance.id, &fresh()?, &fresh()?).await?;
    let known = tx.registration(instance.id).await?;
    if let Some(known) = known.as_ref().filter(|known| known.wanted) {
        tx.keep_registration(instance.id, &Registration { stale: true, ..known.clone() }).await?;
    }
    tx.record(entry(services, caller, Action::RotateWebhook, &instance, (Value::Null, Value::Null))).await?;
    tx.commit().await?;
    if known.is_none_or(|known| known.wanted) {
        connect_and_keep(services, caller.tenant, &instance, Urgency::Now, push).await?;
    }
    let mut tx = services.db.tenant(&caller.context()).await?;
    health(tx.as_mut(), instance.id, services.clock.now()).await
}

async fn note(
    services: &Services,
    caller: &Caller,
    action: Action,
    instance: &Instance,
    kept: &Registration,
) -> Result<WebhookHealth> {
    let mut tx = services.db.tenant(&caller.context()).await?;
    let before = json!({ "registered": instance.webhook_id.is_some() });
    let after = json!({ "state": kept.state, "ids": kept.ids });
    tx.record(entry(services, caller, action, instance, (before, after))).await?;
    tx.commit().await?;
    let mut tx = services.db.tenant(&caller.context()).await?;
    health(tx.as_mut(), instance.id, services.clock.now()).await
}

fn entry(
    services: &Services,
    caller: &Caller,
    action: Action,
    instance: &Instance,
    (before, after): (Value, Value),
) -> NewAuditEntry {
    let now = services.clock.now();
    NewAuditEntry::success(caller, Some(instance.id), action.as_str(), &instance.name, before, after, now)
}

fn mirror(instance: Instance) -> Result<Instance> {
    if instance.kind.is_mirror() {
        return Ok(instance);
    }
    Err(Error::Conflict(format!("`{}` is a sandbox: it tells others, and is told nothing", instance.name)))
}

impl WebhookValues {
    /// As people and programs read them, secrets and all.
    pub fn revealed(&self) -> Value {
        json!({
            "page": self.page,
            "name": self.name,
            "url": self.url,
            "secret": self.secret.expose_secret(),
            "unsigned_url": self.unsigned_url.expose_secret(),
            "without_body": self.without_body,
            "events": self.events,
            "jql": self.jql,
        })
    }
}
