//! What was asked of a site lately.

use chrono::TimeDelta;
use serde::Serialize;

use super::require_instance;
use crate::{
    caller::{Caller, Scope},
    error::Result,
    services::Services,
    site_limits::{SiteDay, SitePause},
};

/// Days that are shown.
const DAYS: i64 = 30;

/// What was asked of a site lately, and whether it is left alone.
#[derive(Clone, Debug, Serialize)]
pub struct Quota {
    /// The instance's name.
    pub instance: String,
    /// The most requests a minute that are configured on the instance.
    pub requests_per_minute: Option<u32>,
    /// The pace that the site's headers led to, in requests a minute; `None`: the usual one.
    pub pace: Option<f64>,
    /// Pauses that hold now.
    pub pauses: Vec<SitePause>,
    /// Requests in a row that failed.
    pub failures: i32,
    /// What was asked each day (UTC) of the last 30, latest first.
    pub days: Vec<SiteDay>,
}

/// What was asked of an instance's site lately.
///
/// # Errors
/// [`crate::error::Error::NotFound`].
pub async fn quota(services: &Services, caller: &Caller, name: &str) -> Result<Quota> {
    caller.require(Scope::Read)?;
    let now = services.clock.now();
    let mut tx = services.db.tenant(&caller.context()).await?;
    let instance = require_instance(tx.as_mut(), name).await?;
    let mut limits = tx.site_limits(instance.id).await?;
    limits.pauses.retain(|pause| pause.until > now);
    let days = tx.site_days(instance.id, (now - TimeDelta::days(DAYS - 1)).date_naive()).await?;
    Ok(Quota {
        instance: instance.name,
        requests_per_minute: instance.requests_per_minute,
        pace: limits.per_minute,
        pauses: limits.pauses,
        failures: limits.failures,
        days,
    })
}
