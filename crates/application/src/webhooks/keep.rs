//! Looking after our webhook at a site: registered, looked at, registered again.

use async_trait::async_trait;
use chrono::{DateTime, TimeDelta, Utc};
use domain::ids::{InstanceId, TenantId};
use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Serialize};

use super::registration::{Registration, RegistrationState, health};
use crate::{
    error::{Error, Result},
    instances::{self, AuthMethod, Dialect, Instance, InstanceKind, Push, require_instance},
    jobs::{Job, JobError},
    ports::{JiraSite, NewSiteWebhook, SiteWebhook, TenantTx, Urgency, WebhookKind},
    services::Services,
    sync::SyncInstance,
    tenant_context::TenantContext,
};

/// How often the site is asked; a little less than a day, since whoever asks comes once an hour.
const LOOK_EVERY: TimeDelta = TimeDelta::hours(23);
/// And where something is wrong that may pass.
const LOOK_AGAIN: TimeDelta = TimeDelta::minutes(55);
/// An app's webhook gets another 30 days once it has less than that.
const REFRESH_BELOW: TimeDelta = TimeDelta::days(20);
/// So long an app's webhook lives.
const LIFE: TimeDelta = TimeDelta::days(30);

/// Looks whether our webhook is at the site as it should be, and sees to it where the account may. What it finds is kept.
///
/// # Errors
/// [`Error::Paused`] when the site wants to be left alone; [`Error::Conflict`] where none is to be registered because our own address
/// is not known. Whatever else goes wrong at the site is kept as [`RegistrationState::Failed`].
pub(crate) async fn keep(
    services: &Services,
    tenant: TenantId,
    instance: &Instance,
    site: &dyn JiraSite,
    push: Push,
) -> Result<Registration> {
    let now = services.clock.now();
    let mut tx = services.db.tenant(&TenantContext::whole(tenant)).await?;
    let before = match tx.registration(instance.id).await? {
        Some(kept) => Some(kept),
        None => instance.webhook_id.as_ref().map(|id| former(instance, id, &services.public_url, now)),
    };
    let secrets = WebhookSecrets::of(services, tx.as_mut(), instance.id).await?;
    tx.commit().await?;
    let looked = Look { services, instance, site, push, now, secrets: &secrets, before: before.as_ref() };
    let kept = match looked.registration().await {
        Ok(kept) => kept,
        Err(error @ (Error::Paused { .. } | Error::RateLimited { .. } | Error::Conflict(_))) => {
            return Err(error);
        }
        Err(error) => looked.found(RegistrationState::Failed, Vec::new(), Some(error.to_string())),
    };
    let mut tx = services.db.tenant(&TenantContext::whole(tenant)).await?;
    tx.keep_registration(instance.id, &kept).await?;
    let id = kept.delivers().then(|| kept.ids.join(","));
    if id != instance.webhook_id {
        tx.note_webhook(instance.id, id.as_deref()).await?;
    }
    tx.commit().await?;
    Ok(kept)
}

/// The same with a connection of its own, as the site says that it is.
pub(super) async fn connect_and_keep(
    services: &Services,
    tenant: TenantId,
    instance: &Instance,
    urgency: Urgency,
    push: Push,
) -> Result<Registration> {
    let site = instances::connect_as(services, tenant, instance, urgency).await?;
    let dialect = instances::identify(services, tenant, instance, site.as_ref()).await?.dialect;
    let instance = Instance { dialect, ..instance.clone() };
    keep(services, tenant, &instance, site.as_ref(), push).await
}

/// What an earlier version of Forebay has registered.
fn former(instance: &Instance, id: &str, origin: &str, now: DateTime<Utc>) -> Registration {
    let ids = id.split(',').map(str::to_owned).collect();
    let registered = Registration::new(kind_for(instance), ids, RegistrationState::Registered, origin, now);
    Registration { registered_at: Some(now), ..registered }
}

/// Apps of OAuth 2.0 may not make what administrators make, and nobody else what apps make. Only Cloud tells them apart.
pub(super) fn kind_for(instance: &Instance) -> WebhookKind {
    match (instance.auth_method, instance.kind) {
        (AuthMethod::Oauth, InstanceKind::Cloud) => WebhookKind::Dynamic,
        _ => WebhookKind::Admin,
    }
}

/// What makes deliveries believed.
pub(super) struct WebhookSecrets {
    /// What signs them.
    pub(super) secret: SecretString,
    /// The secret part of the address.
    pub(super) path: SecretString,
}

impl WebhookSecrets {
    /// Those of a mirror; made where it has none yet.
    pub(super) async fn of(services: &Services, tx: &mut dyn TenantTx, instance: InstanceId) -> Result<Self> {
        let sealed = tx.sealed_secrets(instance).await?;
        let sealed_secret =
            sealed.webhook.ok_or_else(|| Error::internal("a mirror without a webhook secret"))?;
        let secret = services.secrets.open(instance, &sealed_secret)?;
        let path = match &sealed.webhook_path {
            Some(path) => services.secrets.open(instance, path)?,
            None => {
                let path = services.secrets.random_text(40);
                let sealed = services.secrets.seal(instance, &path)?;
                tx.keep_webhook_secrets(instance, &sealed_secret, &sealed).await?;
                path
            }
        };
        Ok(Self { secret, path })
    }
}

/// The addresses at which an instance takes deliveries, with and without the secret part.
pub(super) fn addresses(origin: &str, instance: InstanceId, secrets: &WebhookSecrets) -> (String, String) {
    let plain = format!("{origin}/webhooks/jira/{instance}");
    (format!("{plain}/{}", secrets.path.expose_secret()), plain)
}

struct Look<'a> {
    services: &'a Services,
    instance: &'a Instance,
    site: &'a dyn JiraSite,
    push: Push,
    now: DateTime<Utc>,
    secrets: &'a WebhookSecrets,
    before: Option<&'a Registration>,
}

impl Look<'_> {
    fn found(&self, state: RegistrationState, ids: Vec<String>, problem: Option<String>) -> Registration {
        let delivers = state == RegistrationState::Registered;
        let since = self.before.filter(|kept| kept.ids == ids).and_then(|kept| kept.registered_at);
        Registration {
            wanted: self.before.is_none_or(|kept| kept.wanted),
            problem,
            stale: self.push == Push::Leave && self.is_stale(),
            registered_at: delivers.then(|| since.unwrap_or(self.now)),
            ..Registration::new(kind_for(self.instance), ids, state, self.origin(), self.now)
        }
    }

    fn origin(&self) -> &str {
        match (self.push, self.before) {
            (Push::Again | Push::Leave, Some(kept)) => &kept.origin,
            _ => &self.services.public_url,
        }
    }

    fn is_stale(&self) -> bool {
        self.before.is_some_and(|kept| kept.stale)
    }

    fn wanted(&self) -> NewSiteWebhook {
        let kind = kind_for(self.instance);
        let (with_secret, plain) = addresses(self.origin(), self.instance.id, self.secrets);
        // Cloud signs what administrators register. What others send is believed by its address.
        let is_signed = kind == WebhookKind::Admin && self.instance.dialect == Dialect::V3;
        NewSiteWebhook {
            kind,
            name: format!("Forebay {}", self.instance.name),
            url: if is_signed { plain } else { with_secret },
            secret: self.secrets.secret.clone(),
        }
    }

    async fn registration(&self) -> Result<Registration> {
        if self.before.is_some_and(|kept| !kept.wanted) {
            return Ok(self.found(RegistrationState::Off, Vec::new(), None));
        }
        let wanted = self.wanted();
        let Some(listed) = self.site.webhooks(wanted.kind).await? else {
            return Ok(self.found(RegistrationState::Refused, Vec::new(), None));
        };
        let known = |webhook: &SiteWebhook| self.before.is_some_and(|kept| kept.ids.contains(&webhook.id));
        let is_ours = |webhook: &SiteWebhook| leads_to(&webhook.url, self.instance.id);
        let ours: Vec<_> = listed.into_iter().filter(|webhook| known(webhook) || is_ours(webhook)).collect();
        match wanted.kind {
            WebhookKind::Admin => self.administrators(&wanted, ours).await,
            WebhookKind::Dynamic => self.apps(&wanted, ours).await,
        }
    }

    /// One that somebody entered by hand in a way of their own is left as it is, if it delivers.
    async fn administrators(&self, wanted: &NewSiteWebhook, ours: Vec<SiteWebhook>) -> Result<Registration> {
        let known = |webhook: &SiteWebhook| {
            self.before.is_some_and(|kept| !kept.by_hand && kept.ids.contains(&webhook.id))
        };
        let mine = ours.iter().find(|webhook| known(webhook) || webhook.url == wanted.url);
        let Some(found) = mine else {
            return match ours.iter().find(|webhook| webhook.enabled) {
                Some(by_hand) => Ok(self.entered_by_hand(by_hand)),
                None => self.register(wanted).await,
            };
        };
        let is_right = found.enabled
            && found.url == wanted.url
            && !self.is_stale()
            && found.is_signed != Some(false)
            && !self.site.lacks_events(wanted.kind, &found.events);
        let ids = vec![found.id.clone()];
        if is_right {
            return Ok(self.found(RegistrationState::Registered, ids, None));
        }
        match (self.push, found.enabled) {
            (Push::Leave, _) if self.is_stale() => {
                let problem =
                    "the site was not told the new secret: `forebay instance webhook register` tells it"
                        .to_owned();
                Ok(self.found(RegistrationState::Failed, ids, Some(problem)))
            }
            (Push::Leave, true) => Ok(self.found(RegistrationState::Registered, ids, None)),
            (Push::Leave, false) => {
                let problem =
                    "the site has disabled it: `forebay instance webhook register` enables it".to_owned();
                Ok(self.found(RegistrationState::Disabled, ids, Some(problem)))
            }
            (Push::Register | Push::Again, _) => {
                tracing::info!(
                    instance = self.instance.name,
                    enabled = found.enabled,
                    "the webhook at the site is mended"
                );
                self.site.replace_webhook(&found.id, wanted).await?;
                Ok(self.found(RegistrationState::Registered, ids, None))
            }
        }
    }

    fn entered_by_hand(&self, webhook: &SiteWebhook) -> Registration {
        let problem = self.is_stale().then(|| {
            "it was entered by hand, and what makes it believed has changed since: `forebay instance webhook values` shows what to enter"
                .to_owned()
        });
        let found = self.found(RegistrationState::Registered, vec![webhook.id.clone()], problem);
        Registration { by_hand: true, ..found }
    }

    async fn apps(&self, wanted: &NewSiteWebhook, ours: Vec<SiteWebhook>) -> Result<Registration> {
        let (right, stale): (Vec<_>, Vec<_>) =
            ours.into_iter().partition(|webhook| webhook.url == wanted.url);
        let events: Vec<String> = right.iter().flat_map(|webhook| webhook.events.clone()).collect();
        let is_right = !right.is_empty() && !self.is_stale() && !self.site.lacks_events(wanted.kind, &events);
        let named =
            |webhooks: &[SiteWebhook]| webhooks.iter().map(|webhook| webhook.id.clone()).collect::<Vec<_>>();
        let (ids, stale_ids) = (named(&right), named(&stale));
        if self.push == Push::Leave {
            return match ids.is_empty() {
                true => self.register(wanted).await,
                false => Ok(self.found(RegistrationState::Registered, ids, None)),
            };
        }
        // An app has one address.
        if !stale_ids.is_empty() {
            self.site.remove_webhooks(wanted.kind, &stale_ids).await?;
        }
        if !is_right {
            if !ids.is_empty() {
                self.site.remove_webhooks(wanted.kind, &ids).await?;
            }
            return self.register(wanted).await;
        }
        let mut expires_at = right.iter().filter_map(|webhook| webhook.expires_at).min();
        if expires_at.is_none_or(|end| end - self.now < REFRESH_BELOW) {
            expires_at = self.site.refresh_webhooks(&ids).await?.or(Some(self.now + LIFE));
        }
        let problem = self.failed_deliveries().await?;
        let problem = problem.or_else(|| self.before.and_then(|kept| kept.problem.clone()));
        Ok(Registration { expires_at, ..self.found(RegistrationState::Registered, ids, problem) })
    }

    /// What the site has given up to deliver since it was asked last: a poll finds what that spoke of.
    async fn failed_deliveries(&self) -> Result<Option<String>> {
        let Some(before) = self.before else { return Ok(None) };
        let Some(failed) = self.site.failed_deliveries(before.checked_at).await? else { return Ok(None) };
        let (tenant, instance) = (self.instance.tenant, self.instance.id);
        let mut tx = self.services.db.tenant(&TenantContext::whole(tenant)).await?;
        tx.enqueue(SyncInstance { tenant, instance }.request()?).await?;
        tx.commit().await?;
        let latest = failed.latest.format("%Y-%m-%d %H:%M UTC");
        Ok(Some(format!(
            "the site gave {} deliveries up, the latest at {latest}: a poll was asked for",
            failed.count
        )))
    }

    async fn register(&self, wanted: &NewSiteWebhook) -> Result<Registration> {
        if self.push == Push::Leave {
            return match self.before {
                Some(kept) if !kept.ids.is_empty() => Ok(self.found(
                    RegistrationState::Missing,
                    Vec::new(),
                    Some("it is not at the site any more: `forebay instance webhook register` makes another".into()),
                )),
                _ => Err(Error::Conflict(
                    "where this Forebay is reached is not known yet: start `forebay serve`, or name it with FOREBAY_PUBLIC_URL, and test again"
                        .into(),
                )),
            };
        }
        Ok(match self.site.register_webhook(wanted).await? {
            Some(made) => {
                let expires_at = (wanted.kind == WebhookKind::Dynamic).then(|| self.now + LIFE);
                Registration {
                    expires_at,
                    ..self.found(RegistrationState::Registered, made.ids, made.problem)
                }
            }
            None => self.found(RegistrationState::Refused, Vec::new(), None),
        })
    }
}

/// Whether an address is one at which an instance takes deliveries, wherever this Forebay was reached then.
fn leads_to(url: &str, instance: InstanceId) -> bool {
    let place = format!("/webhooks/jira/{instance}");
    url.split_once(&place).is_some_and(|(_, rest)| rest.is_empty() || rest.starts_with(['/', '?', '#']))
}

/// Takes our webhook away from the site.
pub(crate) async fn remove_from_site(
    services: &Services,
    tenant: TenantId,
    instance: &Instance,
) -> Result<()> {
    let mut tx = services.db.tenant(&TenantContext::whole(tenant)).await?;
    let kept = tx.registration(instance.id).await?;
    drop(tx);
    let former = instance.webhook_id.iter().flat_map(|ids| ids.split(',')).map(str::to_owned).collect();
    let (kind, ids) = kept.map_or_else(|| (kind_for(instance), former), |kept| (kept.kind, kept.ids));
    if ids.is_empty() {
        return Ok(());
    }
    instances::connect(services, tenant, instance).await?.remove_webhooks(kind, &ids).await
}

/// Looks after the webhook of a mirror, where one was asked for before: see [`keep`].
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct KeepWebhook {
    /// Whose.
    pub tenant: TenantId,
    /// Which.
    pub instance: InstanceId,
}

#[async_trait]
impl Job for KeepWebhook {
    const NAME: &'static str = "keep_webhook";
    const PRIORITY: i32 = crate::sync::upkeep::PRIORITY;
    const MAX_ATTEMPTS: i32 = 3;
    const IS_LONG: bool = true;

    fn lane(&self) -> Option<String> {
        Some(format!("upkeep:{}", self.instance))
    }

    fn key(&self) -> Option<String> {
        Some(format!("webhook:{}", self.instance))
    }

    async fn run(self, services: &Services) -> Result<(), JobError> {
        match self.look(services).await {
            // The next one comes in an hour.
            Err(Error::Conflict(_) | Error::NotFound { .. }) => Ok(()),
            looked => looked.map_err(JobError::from),
        }
    }
}

impl KeepWebhook {
    async fn look(&self, services: &Services) -> Result<()> {
        let now = services.clock.now();
        let mut tx = services.db.tenant(&TenantContext::whole(self.tenant)).await?;
        let instance = require_instance(tx.as_mut(), &self.instance.to_string()).await?;
        if tx.sync_schedule(instance.id).await?.paused_at.is_some() {
            return Ok(());
        }
        let health = health(tx.as_mut(), instance.id, now).await?;
        drop(tx);
        let is_due = match &health.registration {
            Some(kept) => kept.wanted && is_due(kept, health.silent_since.is_some(), now),
            // Nobody has ever asked for one here, or an earlier version has registered it.
            None => instance.webhook_id.is_some(),
        };
        if !is_due {
            return Ok(());
        }
        let kept = connect_and_keep(services, self.tenant, &instance, Urgency::Rest, Push::Again).await?;
        if !kept.delivers() {
            let (instance, state) = (instance.name, kept.state.as_str());
            tracing::warn!(instance, state, "no webhook tells of changes: they come by polling");
        }
        Ok(())
    }
}

/// Whether the site is to be asked again.
fn is_due(kept: &Registration, is_silent: bool, now: DateTime<Utc>) -> bool {
    let may_pass = matches!(
        kept.state,
        RegistrationState::Disabled | RegistrationState::Missing | RegistrationState::Failed
    );
    let every = if is_silent || may_pass { LOOK_AGAIN } else { LOOK_EVERY };
    let ends = kept.expires_at.is_some_and(|end| end - now < REFRESH_BELOW / 2);
    now - kept.checked_at >= if ends { LOOK_AGAIN } else { every }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::webhooks::registration::tests::{at, kept};

    #[test]
    fn a_site_is_asked_once_a_day_and_every_hour_where_something_is_wrong() {
        let due = |registration: &Registration, silent| {
            (1..100).find(|hours| is_due(registration, silent, at(*hours))).unwrap()
        };
        assert_eq!(due(&kept(RegistrationState::Registered), false), 23);
        assert_eq!(due(&kept(RegistrationState::Refused), false), 23);
        assert_eq!(due(&kept(RegistrationState::Registered), true), 1);
        assert_eq!(due(&kept(RegistrationState::Missing), false), 1);
        let ending = Registration { expires_at: Some(at(24 * 9)), ..kept(RegistrationState::Registered) };
        assert_eq!(due(&ending, false), 1);
    }

    #[test]
    fn an_address_is_known_by_its_instance() {
        let id: InstanceId = "0198c5f0-0000-7000-8000-000000000001".parse().unwrap();
        for url in [
            format!("https://old.example/webhooks/jira/{id}"),
            format!("https://f.example/f/webhooks/jira/{id}/s3cr3t?issue=${{issue.id}}"),
        ] {
            assert!(leads_to(&url, id), "{url}");
        }
        assert!(!leads_to(&format!("https://f.example/webhooks/jira/{id}0"), id));
        assert!(!leads_to("https://f.example/webhooks/jira/", id));
    }
}
