//! Made-up ports: a database whose SQL door answers, and nothing else.

use std::{sync::Arc, time::Duration};

use application::{
    Actor, Caller, Error, Result, Scope, Services, TenantContext,
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
use domain::ids::{InstanceId, KeyId, TenantId};
use secrecy::SecretString;
use serde_json::json;
use uuid::Uuid;

/// A caller with a key of these scopes.
pub(super) fn caller(scopes: &[Scope]) -> Caller {
    Caller {
        actor: Actor::Key { id: KeyId(Uuid::from_u128(2)), name: "agent".into() },
        scopes: scopes.to_vec(),
        request_id: "r-1".into(),
        in_bulk: false,
        ..Caller::system(TenantId(Uuid::from_u128(1)))
    }
}

/// The ports.
pub(super) fn services() -> Services {
    let none = Arc::new(Nothing);
    Services {
        db: none.clone(),
        clock: none.clone(),
        secrets: none.clone(),
        sites: none.clone(),
        cache: none.clone(),
        limiter: none.clone(),
        deliveries: none,
        sync: Default::default(),
        public_url: "http://127.0.0.1:8080".into(),
    }
}

struct Nothing;

#[async_trait]
impl Database for Nothing {
    async fn tenant(&self, _: &TenantContext) -> Result<Box<dyn TenantTx>> {
        Err(Error::internal("connection refused at 10.0.0.7"))
    }

    async fn key_by_prefix(&self, _: &str) -> Result<Option<(ApiKey, Vec<u8>)>> {
        Err(Error::internal("not asked for here"))
    }

    async fn platform(&self) -> Result<Box<dyn PlatformTx>> {
        Err(Error::internal("not asked for here"))
    }

    /// Answers who asked what; a question that sleeps takes a while.
    async fn ask(&self, context: &TenantContext, sql: &str, limits: SqlLimits) -> Result<SqlAnswer> {
        if sql.contains("sleep") {
            tokio::time::sleep(Duration::from_millis(300)).await;
        }
        let row = vec![json!(context.tenant()), json!(sql), json!(limits.max_rows)];
        Ok(SqlAnswer {
            columns: vec!["tenant".into(), "sql".into(), "rows".into()],
            types: vec!["uuid".into(), "text".into(), "int8".into()],
            rows: vec![row],
            truncated: false,
        })
    }

    async fn check(&self) -> Result<()> {
        Ok(())
    }
}

impl Clock for Nothing {
    fn now(&self) -> DateTime<Utc> {
        DateTime::UNIX_EPOCH
    }
}

impl Secrets for Nothing {
    fn seal(&self, _: InstanceId, _: &SecretString) -> Result<String> {
        Err(Error::internal("no secrets here"))
    }
    fn open(&self, _: InstanceId, _: &str) -> Result<SecretString> {
        Err(Error::internal("no secrets here"))
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
    fn equal(&self, left: &[u8], right: &[u8]) -> bool {
        left == right
    }
    fn random_text(&self, _: usize) -> SecretString {
        SecretString::default()
    }
    fn sign(&self, _: &SecretString, _: &[u8]) -> String {
        String::new()
    }
    fn seal_token(&self, _: &str) -> Result<String> {
        Err(Error::internal("no secrets here"))
    }
    fn open_token(&self, _: &str) -> Option<String> {
        None
    }
}

#[async_trait]
impl JiraSites for Nothing {
    async fn check_address(&self, _: &str) -> Result<()> {
        Ok(())
    }
    fn connect(&self, _: SiteConnection) -> Result<Arc<dyn JiraSite>> {
        Err(Error::internal("no sites here"))
    }
}

#[async_trait]
impl Cache for Nothing {
    async fn look_up(&self, _: CacheKey, load: Load) -> Answer {
        Ok(load.run.await?.map(|stored| stored.value))
    }

    async fn announced(&self, _: &Announcement) {}
}

#[async_trait]
impl RateLimiter for Nothing {
    async fn admit(&self, _: &str, _: u32, _: u32) -> Duration {
        Duration::ZERO
    }
}

#[async_trait]
impl Deliveries for Nothing {
    async fn check_address(&self, _: &str) -> Result<()> {
        Ok(())
    }
    async fn post(&self, _: &str, _: &[(&'static str, String)], _: Vec<u8>) -> Result<u16> {
        Ok(204)
    }
}
