//! A state whose database knows one key and nothing else: enough to see what REST does before a use case is asked.

use std::{sync::Arc, time::Duration};

use application::{
    Error, Result, Scope, Services, TenantContext,
    erasure::{ErasurePlatform, Row},
    events::Announcement,
    jobs::{JobQueue, JobRegistry, JobRequest, JobRun, QueuedFilter, QueuedJob},
    keys::{ApiKey, KeyRegistry},
    ports::{
        Answer, Cache, CacheKey, Clock, Database, JiraSite, JiraSites, Load, PlatformTx, RateLimiter,
        Secrets, SiteConnection, SqlAnswer, SqlLimits, TenantTx,
    },
    site_limits::{SiteGauges, SitePlatform},
    sync::freshness::{FreshnessGauges, FreshnessPlatform},
    tenants::{Tenant, TenantRegistry},
    webhooks::Deliveries,
};
use async_trait::async_trait;
use chrono::{DateTime, Utc};
use domain::ids::{InstanceId, KeyId, TenantId};
use secrecy::{ExposeSecret, SecretString};
use uuid::Uuid;

use crate::state::WebState;

/// The one key, which may read and nothing else.
pub(super) fn key() -> String {
    format!("fb_{}_{}", "p".repeat(10), "s".repeat(40))
}

pub(super) fn state() -> WebState {
    let fake = Arc::new(Fake);
    WebState {
        services: Services {
            db: fake.clone(),
            clock: fake.clone(),
            secrets: fake.clone(),
            sites: fake.clone(),
            cache: fake.clone(),
            limiter: fake.clone(),
            deliveries: fake,
            sync: Default::default(),
            public_url: "http://forebay.test".into(),
        },
        metrics: Arc::new(|| "forebay_http_requests_total 1\n".into()),
        draining: Arc::default(),
        faults: Default::default(),
        secure_cookies: false,
    }
}

struct Fake;

fn absent<T>() -> Result<T> {
    Err(Error::Unavailable("the fake has none".into()))
}

#[async_trait]
impl Database for Fake {
    async fn tenant(&self, _: &TenantContext) -> Result<Box<dyn TenantTx>> {
        absent()
    }

    async fn key_by_prefix(&self, prefix: &str) -> Result<Option<(ApiKey, Vec<u8>)>> {
        let key = ApiKey {
            id: KeyId(Uuid::from_u128(2)),
            tenant: TenantId(Uuid::from_u128(1)),
            name: "reader".into(),
            prefix: prefix.into(),
            scopes: vec![Scope::Read],
            policy: Default::default(),
            created_at: self.now(),
            last_used_at: None,
            expires_at: None,
            revoked_at: None,
        };
        Ok((prefix == "p".repeat(10)).then(|| (key, "s".repeat(40).into_bytes())))
    }

    async fn platform(&self) -> Result<Box<dyn PlatformTx>> {
        Ok(Box::new(Self))
    }

    async fn ask(&self, _: &TenantContext, _: &str, _: SqlLimits) -> Result<SqlAnswer> {
        absent()
    }

    async fn check(&self) -> Result<()> {
        Ok(())
    }
}

#[async_trait]
impl PlatformTx for Fake {
    async fn commit(self: Box<Self>) -> Result<()> {
        Ok(())
    }
}

#[async_trait]
impl KeyRegistry for Fake {
    async fn touch_key(&mut self, _: KeyId, _: DateTime<Utc>) -> Result<()> {
        Ok(())
    }

    async fn every_key(&mut self) -> Result<Vec<ApiKey>> {
        absent()
    }
}

#[async_trait]
impl TenantRegistry for Fake {
    async fn create_tenant(&mut self, _: &str) -> Result<Tenant> {
        absent()
    }

    async fn tenants(&mut self) -> Result<Vec<Tenant>> {
        absent()
    }

    async fn tenant_named(&mut self, _: &str) -> Result<Option<Tenant>> {
        absent()
    }

    async fn remove_audit_entries(&mut self, _: TenantId, _: i32) -> Result<u64> {
        absent()
    }

    async fn remove_tenant(&mut self, _: TenantId) -> Result<()> {
        absent()
    }

    async fn remove_lanes(&mut self, _: InstanceId) -> Result<()> {
        absent()
    }

    async fn active_mirrors(&mut self) -> Result<Vec<(TenantId, InstanceId)>> {
        absent()
    }

    async fn due_mirrors(&mut self, _: DateTime<Utc>) -> Result<Vec<(TenantId, InstanceId)>> {
        absent()
    }

    async fn tenant_of_instance(&mut self, _: InstanceId) -> Result<Option<TenantId>> {
        absent()
    }

    async fn gather_statistics(&mut self) -> Result<()> {
        absent()
    }

    async fn refresh_metrics(&mut self) -> Result<bool> {
        absent()
    }
}

#[async_trait]
impl ErasurePlatform for Fake {
    fn kept_tables(&self) -> &'static [&'static str] {
        &[]
    }

    async fn take_out(&mut self, _: TenantId, _: &str, _: &Row) -> Result<()> {
        absent()
    }

    async fn remove_jobs(&mut self, _: TenantId, _: Option<&[String]>, _: i32) -> Result<u64> {
        absent()
    }
}

#[async_trait]
impl FreshnessPlatform for Fake {
    async fn freshness_gauges(&mut self) -> Result<Vec<FreshnessGauges>> {
        absent()
    }
}

#[async_trait]
impl SitePlatform for Fake {
    async fn site_gauges(&mut self) -> Result<Vec<SiteGauges>> {
        absent()
    }
}

#[async_trait]
impl JobRegistry for Fake {
    async fn record_job_run(&mut self, _: &JobRun) -> Result<()> {
        absent()
    }

    async fn last_success(&mut self, _: &str) -> Result<Option<(DateTime<Utc>, DateTime<Utc>)>> {
        absent()
    }

    async fn prune_job_runs(&mut self, _: DateTime<Utc>, _: i64) -> Result<u64> {
        absent()
    }

    async fn queued_jobs(&mut self, _: &QueuedFilter) -> Result<Vec<QueuedJob>> {
        absent()
    }

    async fn queued_job(&mut self, _: Option<TenantId>, _: i64) -> Result<Option<QueuedJob>> {
        absent()
    }

    async fn retry_job(&mut self, _: Option<TenantId>, _: i64, _: i32) -> Result<bool> {
        absent()
    }

    async fn drop_job(&mut self, _: Option<TenantId>, _: i64) -> Result<bool> {
        absent()
    }
}

#[async_trait]
impl JobQueue for Fake {
    async fn enqueue(&mut self, _: JobRequest) -> Result<()> {
        absent()
    }

    async fn enqueue_all(&mut self, _: &[JobRequest]) -> Result<()> {
        absent()
    }
}

impl Clock for Fake {
    fn now(&self) -> DateTime<Utc> {
        DateTime::UNIX_EPOCH
    }
}

impl Secrets for Fake {
    fn seal(&self, _: InstanceId, _: &SecretString) -> Result<String> {
        absent()
    }

    fn open(&self, _: InstanceId, _: &str) -> Result<SecretString> {
        absent()
    }

    fn key_id(&self) -> String {
        String::new()
    }

    fn email_hash(&self, address: &str) -> String {
        address.into()
    }

    fn account_hash(&self, _: InstanceId, _: &str) -> String {
        String::new()
    }

    fn key_hash(&self, secret: &SecretString) -> Vec<u8> {
        secret.expose_secret().as_bytes().to_vec()
    }

    fn equal(&self, left: &[u8], right: &[u8]) -> bool {
        left == right
    }

    fn random_text(&self, length: usize) -> SecretString {
        "r".repeat(length).into()
    }

    fn sign(&self, _: &SecretString, _: &[u8]) -> String {
        String::new()
    }

    fn seal_token(&self, _: &str) -> Result<String> {
        absent()
    }

    fn open_token(&self, _: &str) -> Option<String> {
        None
    }
}

#[async_trait]
impl JiraSites for Fake {
    async fn check_address(&self, _: &str) -> Result<()> {
        Ok(())
    }

    fn connect(&self, _: SiteConnection) -> Result<Arc<dyn JiraSite>> {
        absent()
    }
}

#[async_trait]
impl Cache for Fake {
    async fn look_up(&self, _: CacheKey, load: Load) -> Answer {
        Ok(load.run.await?.map(|stored| stored.value))
    }

    async fn announced(&self, _: &Announcement) {}
}

#[async_trait]
impl RateLimiter for Fake {
    async fn admit(&self, _: &str, _: u32, _: u32) -> Duration {
        Duration::ZERO
    }
}

#[async_trait]
impl Deliveries for Fake {
    async fn check_address(&self, _: &str) -> Result<()> {
        Ok(())
    }

    async fn post(&self, _: &str, _: &[(&'static str, String)], _: Vec<u8>) -> Result<u16> {
        absent()
    }
}
