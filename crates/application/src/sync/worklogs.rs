//! Following worklogs by the site's own feeds: what was changed, and what was deleted (jira-facts 1.5).
//!
//! Whether a worklog touches its issue's `updated` is not promised, and the feed of deletions is the only record of deletions that
//! Jira keeps. A row of a feed is a hint, as a webhook is: its issue is read again, unless the copy has the worklog as it is. Each
//! feed has a watermark of its own, which is the site's word for where to read on.

use async_trait::async_trait;
use chrono::{DateTime, TimeDelta, Utc};
use domain::ids::{InstanceId, TenantId};
use serde::{Deserialize, Serialize};

use super::engine::{require_going_on, require_mirror};
use crate::{
    error::{Error, Result},
    instances::{self, Dialect, require_instance},
    jobs::{Job, JobError},
    ports::{JiraSite, Urgency, WorklogFeed, WorklogPage},
    services::Services,
    tenant_context::TenantContext,
    webhooks::Hint,
};

/// A mirror that never followed them begins so long ago: what is older came with the first copy.
const FIRST_LOOK: TimeDelta = TimeDelta::days(1);
/// Worklogs asked for by id at once, Jira's cap.
const AT_ONCE: usize = 1_000;

/// Storage of what the feeds are compared with.
#[async_trait]
pub trait FollowedWorklogStore: Send {
    /// Those of these worklogs that the copy does not have present, as new as that.
    async fn unknown_worklogs(
        &mut self,
        instance: InstanceId,
        changes: &[(String, DateTime<Utc>)],
    ) -> Result<Vec<String>>;

    /// The issues (numeric ids) on which the copy has these worklogs, present.
    async fn issues_of_worklogs(&mut self, instance: InstanceId, worklogs: &[String]) -> Result<Vec<String>>;
}

/// The watermark of a feed.
fn entity(feed: WorklogFeed) -> &'static str {
    match feed {
        WorklogFeed::Updated => "worklogs_updated",
        WorklogFeed::Deleted => "worklogs_deleted",
    }
}

/// Reads both feeds on, for a while; answers whether they are at their ends.
///
/// # Errors
/// [`Error::Conflict`] for a sandbox and while the sync is paused; [`Error::Paused`] when the site wants to be left alone.
pub async fn follow(services: &Services, tenant: TenantId, instance: InstanceId) -> Result<bool> {
    let until = services.clock.now() + services.sync.slice;
    let mut tx = services.db.tenant(&TenantContext::whole(tenant)).await?;
    let instance = require_instance(tx.as_mut(), &instance.to_string()).await?;
    require_mirror(&instance)?;
    require_going_on(tx.as_mut(), &instance).await?;
    drop(tx);
    let site = instances::connect_as(services, tenant, &instance, Urgency::Rest).await?;
    let dialect = instances::identify(services, tenant, &instance, site.as_ref()).await?.dialect;
    let feeds = Feeds { services, tenant, instance: instance.id, site: site.as_ref(), dialect };
    for feed in [WorklogFeed::Updated, WorklogFeed::Deleted] {
        while feeds.turn(feed).await? {
            if services.clock.now() >= until {
                return Ok(false);
            }
        }
    }
    Ok(true)
}

struct Feeds<'a> {
    services: &'a Services,
    tenant: TenantId,
    instance: InstanceId,
    site: &'a dyn JiraSite,
    dialect: Dialect,
}

impl Feeds<'_> {
    /// Reads one page; answers whether there is more.
    async fn turn(&self, feed: WorklogFeed) -> Result<bool> {
        let mut tx = self.services.db.tenant(&TenantContext::whole(self.tenant)).await?;
        let now = self.services.clock.now();
        let since = tx.watermark(self.instance, entity(feed)).await?.unwrap_or(now - FIRST_LOOK);
        drop(tx);
        let since = since.timestamp_millis();
        // A site that serves no feeds is compared with by its issues alone.
        let Some(page) = self.site.worklog_feed(self.dialect, feed, since).await? else { return Ok(false) };
        let issues = self.issues(feed, &page).await?;
        let mut tx = self.services.db.tenant(&TenantContext::whole(self.tenant)).await?;
        let hints: Vec<Hint> = issues.iter().map(|issue| Hint::of(issue)).collect();
        tx.hint(self.instance, &hints).await?;
        tx.raise_watermark(
            self.instance,
            entity(feed),
            DateTime::from_timestamp_millis(page.until),
            Some(now),
        )
        .await?;
        tx.commit().await?;
        // The watermark never passes the present, so a feed that goes on there would be read again and again.
        Ok(!page.is_last && page.until.min(now.timestamp_millis()) > since)
    }

    /// The issues that are to be read again.
    async fn issues(&self, feed: WorklogFeed, page: &WorklogPage) -> Result<Vec<String>> {
        let mut tx = self.services.db.tenant(&TenantContext::whole(self.tenant)).await?;
        let mut issues = match feed {
            WorklogFeed::Deleted => {
                let ids: Vec<String> = page.changes.iter().map(|(id, _)| id.clone()).collect();
                tx.issues_of_worklogs(self.instance, &ids).await?
            }
            WorklogFeed::Updated => {
                let at = |at: i64| DateTime::from_timestamp_millis(at);
                let changes: Vec<_> =
                    page.changes.iter().filter_map(|(id, time)| Some((id.clone(), at(*time)?))).collect();
                let unknown = tx.unknown_worklogs(self.instance, &changes).await?;
                drop(tx);
                let mut issues = Vec::new();
                for ids in unknown.chunks(AT_ONCE) {
                    let worklogs = self.site.worklogs(self.dialect, ids).await?;
                    let ids = worklogs.iter().filter_map(|worklog| worklog["issueId"].as_str());
                    issues.extend(ids.map(str::to_owned));
                }
                issues
            }
        };
        issues.sort_unstable();
        issues.dedup();
        Ok(issues)
    }
}

/// Follows the worklogs of a mirror: see [`follow`].
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct FollowWorklogs {
    /// Whose.
    pub tenant: TenantId,
    /// Which.
    pub instance: InstanceId,
}

#[async_trait]
impl Job for FollowWorklogs {
    const NAME: &'static str = "follow_worklogs";
    const PRIORITY: i32 = super::upkeep::PRIORITY;
    const MAX_ATTEMPTS: i32 = 5;
    /// It takes turns, as runs of a sync do.
    const IS_LONG: bool = true;

    fn lane(&self) -> Option<String> {
        Some(format!("upkeep:{}", self.instance))
    }

    fn key(&self) -> Option<String> {
        Some(format!("worklogs:{}", self.instance))
    }

    async fn run(self, services: &Services) -> Result<(), JobError> {
        match follow(services, self.tenant, self.instance).await {
            Ok(false) => {
                let mut tx = services.db.tenant(&TenantContext::whole(self.tenant)).await?;
                tx.enqueue(self.request()?).await?;
                tx.commit().await?;
                Ok(())
            }
            Ok(true) | Err(Error::Conflict(_) | Error::NotFound { .. }) => Ok(()),
            Err(error) => Err(error.into()),
        }
    }
}
