//! Access tokens of OAuth 2.0, renewed by one process at a time.
//!
//! Atlassian's refresh tokens are good for one use: with each access token comes a new one, and a second use of the old one ends
//! the consent (jira-facts 5). So whoever renews holds the grant's row locked, and what is new is committed before it is used: a
//! crash in between loses nothing, and whoever waited finds a fresh token instead of using the old one again.

use std::{sync::Arc, time::Duration};

use application::{
    Error, Result, TenantContext,
    oauth::OauthGrant,
    ports::{Clock, Database, Secrets},
};
use async_trait::async_trait;
use chrono::{DateTime, TimeDelta, Utc};
use domain::ids::{InstanceId, TenantId};
use jira_client::{JiraError, Tokens};
use reqwest::StatusCode;
use secrecy::{ExposeSecret, SecretString};
use serde_json::{Value, json};
use tokio::sync::Mutex;
use url::Url;

use crate::outbound::Outbound;

/// A token that ends so soon is renewed before it is used.
const MARGIN: TimeDelta = TimeDelta::seconds(60);
/// Shorter than the database lets a transaction rest or another wait for its lock.
const TIMEOUT: Duration = Duration::from_secs(15);
/// What is assumed where the answer does not say how long a token lives.
const USUAL_LIFE: i64 = 3_600;
/// Answers after which only a person can help (RFC 6749, 5.2).
const FINAL: [&str; 5] =
    ["invalid_grant", "invalid_client", "unauthorized_client", "access_denied", "invalid_scope"];

/// What this process holds for one instance.
#[derive(Default)]
pub(super) struct Grants(Mutex<InMemory>);

#[derive(Default)]
struct InMemory {
    held: Option<Held>,
    /// A grant that was renewed and could not be stored, because the database went away in between: to be stored before anything
    /// else, since the refresh token that the database still has is spent.
    unstored: Option<Unstored>,
}

struct Unstored {
    spent: Option<SecretString>,
    grant: OauthGrant,
}

#[derive(Clone)]
struct Held {
    token: SecretString,
    expires_at: DateTime<Utc>,
}

pub(super) struct OauthTokens {
    pub(super) db: Arc<dyn Database>,
    pub(super) secrets: Arc<dyn Secrets>,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) outbound: Outbound,
    pub(super) tenant: TenantId,
    pub(super) instance: InstanceId,
    pub(super) grants: Arc<Grants>,
}

#[async_trait]
impl Tokens for OauthTokens {
    async fn access_token(&self, refused: Option<&SecretString>) -> Result<SecretString, JiraError> {
        let mut memory = self.grants.0.lock().await;
        if let Some(token) = memory.held.as_ref().and_then(|held| self.usable(held, refused)) {
            return Ok(token);
        }
        let fresh = self.shared_token(&mut memory, refused).await?;
        let token = fresh.token.clone();
        memory.held = Some(fresh);
        Ok(token)
    }
}

/// What the token server gave.
struct Renewed {
    access_token: SecretString,
    refresh_token: Option<SecretString>,
    expires_in: i64,
}

/// Why it gave nothing.
enum NotRenewed {
    /// Only a person can help; this is what it said.
    Final(String),
    /// It may go better later.
    Passing(JiraError),
}

impl OauthTokens {
    fn usable(&self, held: &Held, refused: Option<&SecretString>) -> Option<SecretString> {
        let is_refused = refused.is_some_and(|refused| refused.expose_secret() == held.token.expose_secret());
        let lives = held.expires_at - MARGIN > self.clock.now();
        (lives && !is_refused).then(|| held.token.clone())
    }

    /// The token that all processes share, renewed if that is needed.
    async fn shared_token(
        &self,
        memory: &mut InMemory,
        refused: Option<&SecretString>,
    ) -> Result<Held, JiraError> {
        let mut tx = self.db.tenant(&TenantContext::whole(self.tenant)).await.map_err(ours)?;
        let Some(sealed) = tx.lock_oauth_grant(self.instance).await.map_err(ours)? else {
            return Err(JiraError::NoToken {
                message: "the instance has no OAuth grant; give it one with `forebay instance credential`"
                    .into(),
            });
        };
        let mut grant = self.open(&sealed).map_err(ours)?;
        let unstored = memory
            .unstored
            .as_ref()
            .filter(|unstored| same(unstored.spent.as_ref(), grant.refresh_token.as_ref()));
        if let Some(unstored) = unstored {
            grant = unstored.grant.clone();
        } else if let Some(held) = present(&grant)
            && self.usable(&held, refused).is_some()
        {
            return Ok(held);
        } else {
            let spent = grant.refresh_token.clone();
            match self.renew(&grant).await {
                Ok(renewed) => self.take_over(&mut grant, renewed),
                Err(NotRenewed::Final(said)) => {
                    drop(tx);
                    return Err(self.give_up(&said).await?);
                }
                Err(NotRenewed::Passing(error)) => return Err(error),
            }
            memory.unstored = Some(Unstored { spent, grant: grant.clone() });
        }
        let sealed = self.seal(&grant).map_err(ours)?;
        tx.keep_oauth_grant(self.instance, &sealed).await.map_err(ours)?;
        tx.commit().await.map_err(ours)?;
        memory.unstored = None;
        // In a transaction of its own: nothing may keep the grant from being stored.
        if let Err(error) = self.note_problem(None).await {
            tracing::warn!(error = error.with_causes(), "that a credential is of use again was not noted");
        }
        present(&grant).ok_or_else(|| ours(Error::internal("a renewed grant without a token")))
    }

    fn take_over(&self, grant: &mut OauthGrant, renewed: Renewed) {
        grant.access_token = Some(renewed.access_token);
        grant.expires_at = Some(self.clock.now() + TimeDelta::seconds(renewed.expires_in));
        grant.refresh_token = renewed.refresh_token.or(grant.refresh_token.take());
    }

    /// Marks the instance; answers the error.
    async fn give_up(&self, said: &str) -> Result<JiraError, JiraError> {
        let message = format!(
            "the token server says `{said}`: the refresh token is spent, revoked or too old, or the client is wrong; \
             have the account give its consent again and store it with `forebay instance credential`"
        );
        self.note_problem(Some(&message)).await.map_err(ours)?;
        Ok(JiraError::NoToken { message })
    }

    async fn note_problem(&self, problem: Option<&str>) -> Result<()> {
        let mut tx = self.db.tenant(&TenantContext::whole(self.tenant)).await?;
        tx.note_credential_problem(self.instance, problem).await?;
        tx.commit().await
    }

    fn open(&self, sealed: &str) -> Result<OauthGrant> {
        OauthGrant::from_text(&self.secrets.open(self.instance, sealed)?)
    }

    fn seal(&self, grant: &OauthGrant) -> Result<String> {
        self.secrets.seal(self.instance, &grant.to_text()?)
    }

    /// Asks the token server, once: a refresh token must not be used twice, and an answer that was lost may have spent it.
    async fn renew(&self, grant: &OauthGrant) -> Result<Renewed, NotRenewed> {
        let broken = |message: String| NotRenewed::Passing(JiraError::Transport { message });
        let url = Url::parse(&grant.token_url)
            .map_err(|error| broken(format!("the token server's address: {error}")))?;
        let http = self.outbound.client_for(&url).map_err(|refused| broken(refused.to_string()))?;
        let mut body =
            json!({ "client_id": grant.client_id, "client_secret": grant.client_secret.expose_secret() });
        match &grant.refresh_token {
            Some(token) => {
                body["grant_type"] = json!("refresh_token");
                body["refresh_token"] = json!(token.expose_secret());
            }
            None => body["grant_type"] = json!("client_credentials"),
        }
        let answer = http.post(url).timeout(TIMEOUT).json(&body).send().await;
        let answer = answer
            .map_err(|error| broken(format!("no connection to the token server: {}", error.without_url())))?;
        let status = answer.status();
        let body: Value = answer.json().await.unwrap_or_default();
        read_answer(status, &body)
    }
}

fn present(grant: &OauthGrant) -> Option<Held> {
    Some(Held { token: grant.access_token.clone()?, expires_at: grant.expires_at? })
}

fn same(one: Option<&SecretString>, other: Option<&SecretString>) -> bool {
    one.map(ExposeSecret::expose_secret) == other.map(ExposeSecret::expose_secret)
}

/// Nothing of the body is repeated but its code: it may hold tokens.
fn read_answer(status: StatusCode, body: &Value) -> Result<Renewed, NotRenewed> {
    let said = body["error"].as_str().unwrap_or_default();
    if FINAL.contains(&said) {
        return Err(NotRenewed::Final(said.to_owned()));
    }
    let text = |key: &str| body[key].as_str().filter(|text| !text.is_empty()).map(SecretString::from);
    match text("access_token").filter(|_| status.is_success()) {
        Some(access_token) => Ok(Renewed {
            access_token,
            refresh_token: text("refresh_token"),
            expires_in: body["expires_in"].as_i64().filter(|life| *life > 0).unwrap_or(USUAL_LIFE),
        }),
        None => Err(NotRenewed::Passing(JiraError::Upstream {
            status: status.as_u16(),
            excerpt: "the token server gave no token".into(),
            retry_after: None,
        })),
    }
}

/// A failure on this side of the line.
fn ours(error: Error) -> JiraError {
    JiraError::Transport { message: format!("the OAuth grant cannot be used: {error}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_token_server_says_is_told_apart() {
        let read = |status: u16, body: Value| read_answer(StatusCode::from_u16(status).unwrap(), &body);
        let renewed =
            read(200, json!({"access_token": "a", "refresh_token": "r", "expires_in": 60})).ok().unwrap();
        let refresh = renewed.refresh_token.as_ref().map(ExposeSecret::expose_secret);
        assert_eq!((renewed.access_token.expose_secret(), refresh), ("a", Some("r")));
        assert_eq!(renewed.expires_in, 60);
        assert_eq!(read(200, json!({"access_token": "a"})).ok().unwrap().expires_in, USUAL_LIFE);
        for status in [400, 401, 403] {
            assert!(
                matches!(read(status, json!({"error": "invalid_grant"})), Err(NotRenewed::Final(_))),
                "{status}"
            );
        }
        for (status, body) in [(500, json!({"access_token": "a"})), (429, Value::Null), (200, json!({}))] {
            assert!(matches!(read(status, body), Err(NotRenewed::Passing(_))), "{status}");
        }
    }
}
