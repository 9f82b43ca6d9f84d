//! Manners towards a site: what all processes know of its limits stands in the database, and each request asks there first.

use std::{
    fmt,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use application::{
    Error, Result, TenantContext,
    ports::{Database, Patience, SiteUsage},
    site_limits::{SiteLimits, SitePause, SiteSpending},
};
use async_trait::async_trait;
use chrono::{DateTime, TimeDelta, Utc};
use domain::ids::{InstanceId, TenantId};
use jira_client::{Access, Hold, Manners, RequestKind, ResponseFacts};

use super::{
    gate::{self, Ceiling, Turn, Verdict, Waits},
    skew,
};

/// So often a request asks for its turn before it gives its place back.
const MOST_TURNS: usize = 30;
/// Nothing is sent while nobody can be asked whether it may be.
const UNKNOWN: Duration = Duration::from_secs(5);
/// Waits that are chosen here are spread by that, so that processes do not come back in step.
const JITTER: std::ops::RangeInclusive<f64> = 0.7..=1.3;
/// Connections are given up with every webhook: what they were told is written together.
const WRITE_EVERY: Duration = Duration::from_secs(1);

/// What this process knows of one site: all its connections share it.
#[derive(Default)]
pub(super) struct Local(Mutex<Known>);

#[derive(Default)]
struct Known {
    limits: SiteLimits,
    /// The database's time when that was read, and since when.
    read_at: Option<(DateTime<Utc>, Instant)>,
    /// Pauses that this process has learnt of and not told the others yet.
    untold: Vec<SitePause>,
    /// What the next turn adds to the spending of the day.
    unspent: SiteSpending,
    ahead: Ahead,
    /// When spending was last written beside a turn, and whether somebody is about to.
    written_at: Option<Instant>,
    is_writing: bool,
    /// When it was last told that the site's clock is off.
    skew_told_at: Option<DateTime<Utc>>,
}

impl Known {
    /// The database's time now.
    fn now(&self) -> Option<DateTime<Utc>> {
        let (read_at, since) = self.read_at?;
        Some(read_at + TimeDelta::from_std(since.elapsed()).ok()?)
    }

    /// Uses one of the permits that were taken ahead, unless something was learnt since that speaks against it.
    fn use_ahead(&mut self) -> bool {
        let Some(now) = self.now().filter(|_| self.ahead.left > 0 && self.ahead.holds()) else {
            return false;
        };
        if !gate::is_calm(&self.limits, now) || self.untold.iter().any(|pause| pause.until > now) {
            return false;
        }
        self.ahead.left -= 1;
        self.unspent.requests += 1;
        true
    }
}

/// Permits that were taken with the latest turn, for the requests after it.
#[derive(Clone, Copy, Debug, Default)]
struct Ahead {
    taken: u32,
    left: u32,
    until: Option<Instant>,
}

impl Ahead {
    fn holds(&self) -> bool {
        self.until.is_some_and(|until| Instant::now() < until)
    }

    /// How many the next turn wants: twice as many where all were used in time, and no more than were used where some were
    /// left. Permits that nobody uses are lost to the other processes.
    fn wanted(&self) -> u32 {
        match (self.holds(), self.left) {
            (true, 0) => (self.taken * 2).max(1),
            _ => self.taken - self.left,
        }
    }
}

impl Local {
    fn known(&self) -> MutexGuard<'_, Known> {
        // Nothing in it panics half-way.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Where the state of a site is kept.
#[derive(Clone)]
struct Shared {
    db: Arc<dyn Database>,
    tenant: TenantId,
    instance: InstanceId,
    ceiling: Ceiling,
    local: Arc<Local>,
}

pub(super) struct SharedManners {
    shared: Shared,
    waits: Waits,
    requests: AtomicU64,
    retries: AtomicU64,
    throttled_ms: AtomicU64,
}

impl fmt::Debug for SharedManners {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SharedManners").field("instance", &self.shared.instance).finish_non_exhaustive()
    }
}

impl SharedManners {
    pub(super) fn new(
        db: Arc<dyn Database>,
        tenant: TenantId,
        instance: InstanceId,
        ceiling: Ceiling,
        local: Arc<Local>,
        patience: Patience,
    ) -> Self {
        let shared = Shared { db, tenant, instance, ceiling, local };
        Self {
            shared,
            waits: Waits::of(patience),
            requests: AtomicU64::new(0),
            retries: AtomicU64::new(0),
            throttled_ms: AtomicU64::new(0),
        }
    }

    pub(super) fn usage(&self) -> SiteUsage {
        SiteUsage {
            requests: self.requests.load(Ordering::Relaxed),
            retries: self.retries.load(Ordering::Relaxed),
            throttled_ms: self.throttled_ms.load(Ordering::Relaxed),
        }
    }
}

impl Drop for SharedManners {
    /// What the last answers cost is written too, as far as the process lives on.
    fn drop(&mut self) {
        let mut known = self.shared.local.known();
        if known.unspent == SiteSpending::default() || known.is_writing {
            return;
        }
        let Ok(runtime) = tokio::runtime::Handle::try_current() else { return };
        known.is_writing = true;
        let rest = known.written_at.map_or(Duration::ZERO, |at| WRITE_EVERY.saturating_sub(at.elapsed()));
        drop(known);
        let shared = self.shared.clone();
        runtime.spawn(async move {
            tokio::time::sleep(rest).await;
            let spent = {
                let mut known = shared.local.known();
                (known.is_writing, known.written_at) = (false, Some(Instant::now()));
                std::mem::take(&mut known.unspent)
            };
            if spent != SiteSpending::default()
                && let Err(error) = shared.spend(&spent).await
            {
                add(&mut shared.local.known().unspent, &spent);
                tracing::debug!(error = error.with_causes(), "what a site was asked was not noted");
            }
        });
    }
}

impl Shared {
    /// One turn, in a transaction of its own; where there is room, with permits for those who come next.
    async fn turn(&self, scopes: &[String], reserved: bool, waits: Waits) -> Result<Turn> {
        // From before they are taken: permits hold no longer, however long it takes to hear of them.
        let until = Instant::now().checked_add(gate::HOLD);
        let mut tx = self.db.tenant(&TenantContext::whole(self.tenant)).await?;
        let (now, mut limits) = tx.lock_site_limits(self.instance).await?;
        let turn = gate::turn(&mut limits, now, scopes, self.ceiling, reserved, waits);
        let mut spent = SiteSpending::default();
        let mut ahead = 0;
        if turn == Turn::Go {
            let mut known = self.local.known();
            ahead = gate::take_ahead(&mut limits, now, self.ceiling, known.ahead.wanted());
            spent = std::mem::take(&mut known.unspent);
            spent.requests += 1;
        }
        if !matches!(turn, Turn::Held { .. }) {
            tx.take_site_turn(self.instance, &limits, &spent).await?;
        }
        tx.commit().await?;
        let mut known = self.local.known();
        known.limits = limits;
        known.read_at = Some((now, Instant::now()));
        if turn == Turn::Go {
            known.ahead = Ahead { taken: ahead, left: ahead, until };
        }
        Ok(turn)
    }

    /// Tells all processes what an answer said.
    async fn tell(&self, seen: &ResponseFacts) -> Result<()> {
        let mut tx = self.db.tenant(&TenantContext::whole(self.tenant)).await?;
        let (now, mut limits) = tx.lock_site_limits(self.instance).await?;
        gate::record(&mut limits, now, seen, self.ceiling, rand::random_range(JITTER));
        tx.keep_site_limits(self.instance, &limits).await?;
        tx.commit().await?;
        if gate::verdict(seen) == Verdict::Refused {
            let told = |pause: &SitePause| limits.pauses.iter().any(|known| known.scope == pause.scope);
            self.local.known().untold.retain(|pause| !told(pause));
        }
        Ok(())
    }

    async fn spend(&self, spent: &SiteSpending) -> Result<()> {
        let mut tx = self.db.tenant(&TenantContext::whole(self.tenant)).await?;
        tx.add_site_spending(self.instance, spent).await?;
        tx.commit().await
    }

    /// A pause that this process has learnt of and not told the others yet.
    fn untold_pause(&self, scopes: &[String]) -> Option<Hold> {
        let known = self.local.known();
        let now = known.now()?;
        let pause = gate::pause_of(&known.untold, now, scopes)?;
        Some(Hold { wait: (pause.until - now).to_std().ok()?, reason: pause.reason.clone() })
    }
}

#[async_trait]
impl Manners for SharedManners {
    async fn before_request(&self, cost: &RequestKind) -> Result<(), Hold> {
        if self.shared.local.known().use_ahead() {
            return Ok(());
        }
        let scopes = gate::scopes(cost);
        let mut holds_token = false;
        for _ in 0..MOST_TURNS {
            if let Some(hold) = self.shared.untold_pause(&scopes) {
                if hold.wait > self.waits.pause {
                    return Err(held(hold));
                }
                self.wait(hold.wait).await;
            }
            match self.shared.turn(&scopes, holds_token, self.waits).await {
                Ok(Turn::Go) => return Ok(()),
                Ok(Turn::Wait { wait, reserved }) => {
                    holds_token = reserved;
                    self.wait(wait).await;
                }
                Ok(Turn::Held { wait, reason, .. }) => return Err(held(Hold { wait, reason })),
                Err(error) => return Err(held(unknown(&error))),
            }
        }
        Err(held(Hold { wait: UNKNOWN, reason: "it asked for one pause after another".into() }))
    }

    fn after_response(&self, seen: &ResponseFacts) {
        self.requests.fetch_add(1, Ordering::Relaxed);
        if seen.attempt > 1 {
            self.retries.fetch_add(1, Ordering::Relaxed);
        }
        let verdict = gate::verdict(seen);
        let spent = spent_on(seen, verdict);
        measure(seen, &spent, verdict);
        if self.note(seen, spent) {
            let (shared, seen) = (self.shared.clone(), seen.clone());
            tokio::spawn(async move {
                if let Err(error) = shared.tell(&seen).await {
                    tracing::warn!(
                        error = error.with_causes(),
                        "other processes were not told of a site's limits"
                    );
                }
            });
        }
    }
}

impl SharedManners {
    /// Waits for one's turn, and counts that.
    async fn wait(&self, wait: Duration) {
        let throttled_ms = u64::try_from(wait.as_millis()).unwrap_or(u64::MAX);
        self.throttled_ms.fetch_add(throttled_ms, Ordering::Relaxed);
        self.shared.local.known().unspent.throttled_ms += throttled_ms;
        metrics::counter!("forebay_jira_throttled_milliseconds_total").increment(throttled_ms);
        tokio::time::sleep(wait).await;
    }

    fn tell_skew(&self, known: &mut Known, ahead: TimeDelta, now: DateTime<Utc>) {
        let instance = self.shared.instance.to_string();
        metrics::gauge!("forebay_jira_clock_ahead_seconds", "instance" => instance)
            .set(ahead.as_seconds_f64());
        if skew::is_news(ahead, known.skew_told_at, now) {
            known.skew_told_at = Some(now);
            tracing::warn!(
                instance = %self.shared.instance,
                seconds_ahead = ahead.num_seconds(),
                "the clock of a site is off: what changes there may be found late; both sides should follow NTP"
            );
        }
    }

    /// Notes an answer for this process at once; answers whether the others have something to learn from it.
    fn note(&self, seen: &ResponseFacts, spent: SiteSpending) -> bool {
        let mut known = self.shared.local.known();
        add(&mut known.unspent, &spent);
        let Some(now) = known.now() else { return true };
        if let Some(site_time) = seen.site_time {
            let ahead = skew::ahead(site_time, now, seen.duration);
            self.tell_skew(&mut known, ahead, now);
        }
        let before = known.limits.clone();
        gate::record(&mut known.limits, now, seen, self.shared.ceiling, 1.0);
        if gate::verdict(seen) == Verdict::Refused {
            let learnt = known.limits.pauses.iter().filter(|pause| !before.pauses.contains(pause));
            let learnt: Vec<_> = learnt.cloned().collect();
            known.untold.extend(learnt);
        }
        known.limits != before
    }
}

fn held(hold: Hold) -> Hold {
    metrics::counter!("forebay_jira_held_total").increment(1);
    hold
}

fn unknown(error: &Error) -> Hold {
    Hold { wait: UNKNOWN, reason: format!("nobody can be asked whether it may be called: {error}") }
}

/// What a request cost beside itself, which was counted when it was sent.
fn spent_on(seen: &ResponseFacts, verdict: Verdict) -> SiteSpending {
    let answered = seen.status.is_some_and(|status| (200..300).contains(&status));
    let objects = match seen.request.access {
        Access::Read if answered => u64::from(seen.objects),
        Access::Read | Access::Write => 0,
    };
    SiteSpending {
        requests: 0,
        retries: u64::from(seen.attempt > 1),
        refused: u64::from(verdict == Verdict::Refused),
        failed: u64::from(verdict == Verdict::Failed),
        points: 1 + objects,
        bytes: seen.bytes,
        throttled_ms: 0,
    }
}

fn add(sum: &mut SiteSpending, more: &SiteSpending) {
    sum.requests += more.requests;
    sum.retries += more.retries;
    sum.refused += more.refused;
    sum.failed += more.failed;
    sum.points += more.points;
    sum.bytes += more.bytes;
    sum.throttled_ms += more.throttled_ms;
}

fn measure(seen: &ResponseFacts, spent: &SiteSpending, verdict: Verdict) {
    let status = seen.status.map_or_else(|| "none".to_owned(), |status| status.to_string());
    let labels = [("operation", seen.request.operation.to_owned()), ("status", status)];
    metrics::counter!("forebay_jira_requests_total", &labels).increment(1);
    metrics::histogram!("forebay_jira_request_seconds", &labels).record(seen.duration.as_secs_f64());
    metrics::counter!("forebay_jira_points_total").increment(spent.points);
    if verdict == Verdict::Refused {
        let reason = seen.rate_limit.reason.clone().unwrap_or_else(|| "none".to_owned());
        metrics::counter!("forebay_jira_refused_total", "reason" => reason).increment(1);
    }
}
