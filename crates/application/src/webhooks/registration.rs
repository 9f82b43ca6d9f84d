//! Our webhook at the site of a mirror: registered, looked at, registered again.
//!
//! An administrator's webhook stays until somebody takes it away; an app's ends after 30 days (jira-facts 3.1). Either may be disabled or
//! deleted at the site without a word to us, and then changes come by polling alone. So the site is asked once a day, and sooner where
//! nothing comes although issues change.

use std::str::FromStr;

use async_trait::async_trait;
use chrono::{DateTime, TimeDelta, Utc};
use domain::ids::InstanceId;
use serde::Serialize;

use crate::{
    error::{Error, Result},
    ports::{TenantTx, WebhookKind},
};

/// A change that nothing has told of for so long is one that is not told: webhooks may come half an hour late (jira-facts 3.2).
const LATE: TimeDelta = TimeDelta::hours(1);

/// How our webhook stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum RegistrationState {
    /// It is there, and delivers.
    Registered,
    /// Somebody has disabled it at the site.
    Disabled,
    /// Somebody has deleted it at the site, or it has ended.
    Missing,
    /// Our account may not register one: a person has to.
    Refused,
    /// The site could not be asked, or did not do what it was asked.
    Failed,
    /// There is to be none.
    Off,
}

impl RegistrationState {
    const ALL: [Self; 6] =
        [Self::Registered, Self::Disabled, Self::Missing, Self::Refused, Self::Failed, Self::Off];

    /// Its name.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Registered => "registered",
            Self::Disabled => "disabled",
            Self::Missing => "missing",
            Self::Refused => "refused",
            Self::Failed => "failed",
            Self::Off => "off",
        }
    }
}

impl FromStr for RegistrationState {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        Self::ALL
            .into_iter()
            .find(|state| state.as_str() == text)
            .ok_or_else(|| Error::internal(format!("`{text}` is no state of a webhook")))
    }
}

/// Our webhook at the site of a mirror, as it was when it was looked at last.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Registration {
    /// Which kind.
    pub kind: WebhookKind,
    /// Its ids at the site.
    pub ids: Vec<String>,
    /// Whether there is to be one.
    pub wanted: bool,
    /// How it stands.
    pub state: RegistrationState,
    /// What is wrong, or what it is not told.
    pub problem: Option<String>,
    /// Where this Forebay was reached when it was registered: a worker that is told another address goes by that.
    pub origin: String,
    /// Whether the secret is another one by now than the site was told.
    pub stale: bool,
    /// Whether somebody entered it by hand, in a way of their own: it is left as it is.
    pub by_hand: bool,
    /// When it was registered.
    pub registered_at: Option<DateTime<Utc>>,
    /// When it ends, unless its life is extended.
    pub expires_at: Option<DateTime<Utc>>,
    /// When the site was asked last.
    pub checked_at: DateTime<Utc>,
}

impl Registration {
    /// One that is wanted and stands like that, and of which nothing else is known.
    pub(crate) fn new(
        kind: WebhookKind,
        ids: Vec<String>,
        state: RegistrationState,
        origin: &str,
        checked_at: DateTime<Utc>,
    ) -> Self {
        Self {
            kind,
            ids,
            wanted: true,
            state,
            problem: None,
            origin: origin.to_owned(),
            stale: false,
            by_hand: false,
            registered_at: None,
            expires_at: None,
            checked_at,
        }
    }

    /// Whether changes are told.
    pub fn delivers(&self) -> bool {
        self.state == RegistrationState::Registered
    }

    /// Why there is none, and what to do.
    pub fn explanation(&self) -> String {
        let by_hand = "`forebay instance webhook values` shows what an administrator of Jira has to enter";
        match (self.state, &self.problem) {
            (RegistrationState::Off, _) => {
                "it was switched off: `forebay instance webhook register` brings it back".into()
            }
            (RegistrationState::Refused, None) => format!("our account may not register one; {by_hand}"),
            (_, Some(problem)) => problem.clone(),
            (state, None) => format!("it is {} at the site", state.as_str()),
        }
    }
}

/// How changes are told.
#[derive(Clone, Debug, Serialize)]
pub struct WebhookHealth {
    /// Our webhook; `None` before the site was ever asked.
    pub registration: Option<Registration>,
    /// When the latest delivery came.
    pub last_delivery_at: Option<DateTime<Utc>>,
    /// Since when nothing has come although issues change.
    pub silent_since: Option<DateTime<Utc>>,
}

impl WebhookHealth {
    /// What is wrong, for people; nothing where changes are told, or nobody expects them to be.
    pub fn problem(&self) -> Option<String> {
        let registration = self.registration.as_ref()?;
        let name = |at: &DateTime<Utc>| at.format("%Y-%m-%d %H:%M UTC").to_string();
        match (registration.state, &self.silent_since) {
            (RegistrationState::Registered, Some(since)) => Some(format!(
                "issues change and nothing has come since {}: see whether the site can reach {}",
                name(since),
                registration.origin
            )),
            (RegistrationState::Registered | RegistrationState::Refused | RegistrationState::Off, _) => None,
            _ => Some(registration.explanation()),
        }
    }
}

/// Storage of registrations.
#[async_trait]
pub trait RegistrationStore: Send {
    /// Our webhook at the site of a mirror.
    async fn registration(&mut self, instance: InstanceId) -> Result<Option<Registration>>;

    /// Keeps it.
    async fn keep_registration(&mut self, instance: InstanceId, registration: &Registration) -> Result<()>;

    /// When the latest delivery came, as far as the inbox remembers.
    async fn last_delivery(&mut self, instance: InstanceId) -> Result<Option<DateTime<Utc>>>;

    /// When the first present issue was changed after that.
    async fn first_change_after(
        &mut self,
        instance: InstanceId,
        after: DateTime<Utc>,
    ) -> Result<Option<DateTime<Utc>>>;
}

/// How changes of a mirror are told.
pub async fn health(
    tx: &mut dyn TenantTx,
    instance: InstanceId,
    now: DateTime<Utc>,
) -> Result<WebhookHealth> {
    let registration = tx.registration(instance).await?;
    let last_delivery_at = tx.last_delivery(instance).await?;
    let mut silent_since = None;
    if let Some(since) =
        registration.as_ref().filter(|kept| kept.delivers()).and_then(|kept| kept.registered_at)
    {
        let heard = since.max(last_delivery_at.unwrap_or(since));
        let change = tx.first_change_after(instance, heard + LATE / 12).await?;
        silent_since = change.filter(|change| now - *change > LATE).map(|_| heard);
    }
    Ok(WebhookHealth { registration, last_delivery_at, silent_since })
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    pub(in crate::webhooks) fn at(hours: i64) -> DateTime<Utc> {
        DateTime::UNIX_EPOCH + TimeDelta::hours(hours)
    }

    /// That of an app, looked at when it was registered.
    pub(in crate::webhooks) fn kept(state: RegistrationState) -> Registration {
        let new =
            Registration::new(WebhookKind::Dynamic, vec!["1".into()], state, "https://f.example", at(0));
        Registration { registered_at: Some(at(0)), ..new }
    }

    #[test]
    fn what_is_wrong_is_told_and_what_is_as_it_should_be_is_not() {
        let health = |state, silent_since| {
            let registration = Some(kept(state));
            WebhookHealth { registration, last_delivery_at: None, silent_since }.problem()
        };
        assert_eq!(health(RegistrationState::Registered, None), None);
        assert_eq!(health(RegistrationState::Refused, None), None);
        assert!(health(RegistrationState::Registered, Some(at(1))).unwrap().contains("f.example"));
        assert!(health(RegistrationState::Missing, None).unwrap().contains("missing"));
    }
}
