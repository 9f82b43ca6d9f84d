//! Services behind which there is nothing: whoever gets as far as to ask for something is told so.

use std::{sync::Arc, time::Duration};

use application::{
    Error, Result, Services, TenantContext,
    events::Announcement,
    keys::ApiKey,
    ports::{
        Answer, Cache, CacheKey, Clock, Database, JiraSite, JiraSites, Load, PlatformTx, RateLimiter,
        Secrets, SiteConnection, SqlAnswer, SqlLimits, TenantTx,
    },
    webhooks::Deliveries,
};
use async_trait::async_trait;
use chrono::{DateTime, Utc};
use domain::ids::InstanceId;
use secrecy::SecretString;

use crate::state::WebState;

/// Every port, closed.
pub(in crate::jira_api) struct Closed;

impl Closed {
    pub(in crate::jira_api) fn state() -> WebState {
        let closed = Arc::new(Self);
        WebState {
            services: Services {
                db: closed.clone(),
                clock: closed.clone(),
                secrets: closed.clone(),
                sites: closed.clone(),
                cache: closed.clone(),
                limiter: closed.clone(),
                deliveries: closed,
                sync: Default::default(),
                public_url: "http://forebay.example".into(),
            },
            metrics: Arc::new(String::new),
            draining: Arc::default(),
            faults: Default::default(),
            secure_cookies: false,
        }
    }
}

fn closed<T>() -> Result<T> {
    Err(Error::Unavailable("closed".into()))
}

#[async_trait]
impl Database for Closed {
    async fn tenant(&self, _: &TenantContext) -> Result<Box<dyn TenantTx>> {
        closed()
    }

    async fn key_by_prefix(&self, _: &str) -> Result<Option<(ApiKey, Vec<u8>)>> {
        closed()
    }

    async fn platform(&self) -> Result<Box<dyn PlatformTx>> {
        closed()
    }

    async fn ask(&self, _: &TenantContext, _: &str, _: SqlLimits) -> Result<SqlAnswer> {
        closed()
    }

    async fn check(&self) -> Result<()> {
        closed()
    }
}

impl Clock for Closed {
    fn now(&self) -> DateTime<Utc> {
        DateTime::UNIX_EPOCH
    }
}

impl Secrets for Closed {
    fn seal(&self, _: InstanceId, _: &SecretString) -> Result<String> {
        closed()
    }

    fn open(&self, _: InstanceId, _: &str) -> Result<SecretString> {
        closed()
    }

    fn key_id(&self) -> String {
        String::new()
    }

    fn email_hash(&self, _: &str) -> String {
        String::new()
    }

    fn account_hash(&self, _: InstanceId, _: &str) -> String {
        String::new()
    }

    fn key_hash(&self, _: &SecretString) -> Vec<u8> {
        Vec::new()
    }

    fn equal(&self, _: &[u8], _: &[u8]) -> bool {
        false
    }

    fn random_text(&self, length: usize) -> SecretString {
        "x".repeat(length).into()
    }

    fn sign(&self, _: &SecretString, _: &[u8]) -> String {
        String::new()
    }

    fn seal_token(&self, _: &str) -> Result<String> {
        closed()
    }

    fn open_token(&self, _: &str) -> Option<String> {
        None
    }
}

#[async_trait]
impl JiraSites for Closed {
    async fn check_address(&self, _: &str) -> Result<()> {
        Ok(())
    }

    fn connect(&self, _: SiteConnection) -> Result<Arc<dyn JiraSite>> {
        closed()
    }
}

#[async_trait]
impl Cache for Closed {
    async fn look_up(&self, _: CacheKey, load: Load) -> Answer {
        Ok(load.run.await?.map(|stored| stored.value))
    }

    async fn announced(&self, _: &Announcement) {}
}

#[async_trait]
impl RateLimiter for Closed {
    async fn admit(&self, _: &str, _: u32, _: u32) -> Duration {
        Duration::ZERO
    }
}

#[async_trait]
impl Deliveries for Closed {
    async fn check_address(&self, _: &str) -> Result<()> {
        Ok(())
    }

    async fn post(&self, _: &str, _: &[(&'static str, String)], _: Vec<u8>) -> Result<u16> {
        closed()
    }
}
