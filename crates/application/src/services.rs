//! The ports, together, as use cases and jobs receive them.

use std::sync::Arc;

use crate::ports::{Cache, Clock, Database, JiraSites, RateLimiter, Secrets};

/// What a use case may reach.
#[derive(Clone)]
pub struct Services {
    /// The database.
    pub db: Arc<dyn Database>,
    /// Time.
    pub clock: Arc<dyn Clock>,
    /// Secrets at rest.
    pub secrets: Arc<dyn Secrets>,
    /// Remote Jira sites.
    pub sites: Arc<dyn JiraSites>,
    /// Cached look-ups: see [`crate::lookups`].
    pub cache: Arc<dyn Cache>,
    /// Rate limits.
    pub limiter: Arc<dyn RateLimiter>,
    /// Delivers a sandbox's webhooks.
    pub deliveries: Arc<dyn crate::webhooks::Deliveries>,
    /// How mirrors are synced.
    pub sync: crate::sync::SyncSettings,
    /// Where this Forebay is reached from outside, without a trailing slash: for webhooks and `self` links.
    pub public_url: String,
}
