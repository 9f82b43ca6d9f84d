//! What the tasks of one run share: storing pages, and counting them.

use std::{
    collections::HashSet,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use chrono::{DateTime, TimeDelta, Utc};
use domain::ids::TenantId;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use uuid::Uuid;

use super::{
    Position, Progress, ProgressSink, RunCounts, RunKind, RunLease, RunUpdate,
    appetite::Appetite,
    memory::{Held, OnePage, bytes_of, portions},
    pace::Pace,
    pages::{Turned, Walk},
};
use crate::{
    error::{Error, Result},
    ingest::{FieldRoles, Reader, read_text},
    instances::Instance,
    issues::{IssueBundle, UpsertCounts},
    ports::{IssueText, JiraSite, SiteUsage, TenantTx},
    services::Services,
    tenant_context::TenantContext,
    webhooks::Hint,
};

/// Another worker may take a run over that long after the last sign of life of the one that has it.
pub(super) const LEASE: TimeDelta = TimeDelta::seconds(30);
/// How often a worker gives a sign of life while it waits for a page: three may be lost.
pub(super) const SIGN_OF_LIFE: Duration = Duration::from_secs(8);
/// The index that searches read may lag behind that much (jira-facts 1.6, 2.1): a minute for its granularity included.
pub(super) const OVERLAP: TimeDelta = TimeDelta::minutes(6);
/// How often is tried to store issues: somebody else may be storing some of them.
pub(crate) const STORE_TRIES: u32 = 3;

/// What a stored page moves on, in its own transaction.
pub(super) enum Target {
    /// A range of a backfill, and its checkpoint once the range was cut.
    Range(Uuid, Value),
    /// A poll.
    Poll(PollFrom),
    /// Nothing: what was read beside the walk.
    Late,
}

impl Target {
    fn step(&self) -> &'static str {
        match self {
            Self::Range(..) => "copying issues",
            Self::Poll(_) => "catching up",
            Self::Late => "reading what was shown late",
        }
    }
}

/// What a poll looks for.
#[derive(Clone, Copy, Serialize, Deserialize)]
pub(super) struct PollFrom {
    /// What was changed since then, by the site's clock.
    pub(super) since: DateTime<Utc>,
    /// When it was first asked for: what was changed later need not have been met, however long the walk takes.
    pub(super) began_at: DateTime<Utc>,
}

/// Where a poll goes on.
#[derive(Serialize, Deserialize)]
pub(super) struct PollMark {
    #[serde(flatten)]
    pub(super) from: PollFrom,
    #[serde(flatten)]
    pub(super) position: Position,
}

/// A run under way.
pub(super) struct Work<'a> {
    pub(super) services: &'a Services,
    pub(super) tenant: TenantId,
    pub(super) instance: Instance,
    pub(super) lease: RunLease,
    pub(super) site: Arc<dyn JiraSite>,
    pub(super) roles: FieldRoles,
    pub(super) until: Option<DateTime<Utc>>,
    sink: &'a dyn ProgressSink,
    /// Room for one page that other runs cannot take: whoever waits for a slow site keeps nobody else from getting on.
    own: OnePage,
    tally: Mutex<Tally>,
}

/// A page and the room that its text has.
struct Fetched {
    page: Turned,
    room: Held,
}

/// How far the run is, and what of that is stored.
struct Tally {
    step: String,
    done: u64,
    total: Option<u64>,
    counts: RunCounts,
    noted: SiteUsage,
    worked_until: DateTime<Utc>,
    changed: bool,
    /// Whether the site has more that it gives no way to.
    cut: bool,
    /// Whether the site is right wherever it is older than the copy.
    anew: bool,
}

impl<'a> Work<'a> {
    pub(super) fn new(
        services: &'a Services,
        tenant: TenantId,
        instance: Instance,
        lease: RunLease,
        site: Arc<dyn JiraSite>,
        sink: &'a dyn ProgressSink,
        until: Option<DateTime<Utc>>,
    ) -> Self {
        let tally = Tally {
            step: lease.run.step.clone(),
            done: lease.run.done,
            total: lease.run.total,
            counts: lease.run.counts,
            noted: SiteUsage::default(),
            worked_until: services.clock.now(),
            // What earlier turns stored, or a run that was broken off, may have differed.
            changed: lease.run.done > 0,
            cut: false,
            anew: false,
        };
        let (roles, own) = (FieldRoles::default(), services.sync.memory.of_one_page());
        let tally = Mutex::new(tally);
        Self { services, tenant, instance, lease, site, roles, until, sink, own, tally }
    }

    /// A panic elsewhere leaves nothing half-counted.
    fn tally(&self) -> MutexGuard<'_, Tally> {
        self.tally.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn kind(&self) -> RunKind {
        self.lease.run.kind
    }

    pub(super) async fn begin(&self) -> Result<Box<dyn TenantTx>> {
        self.services.db.tenant(&TenantContext::whole(self.tenant)).await
    }

    /// Whether the worker's slot is to be given back.
    pub(super) fn is_time(&self) -> bool {
        self.until.is_some_and(|until| self.services.clock.now() >= until)
    }

    /// Whether anything differed from the copy.
    pub(super) fn has_changed(&self) -> bool {
        self.tally().changed
    }

    /// Notes that an earlier turn was given no way to all that the site has.
    pub(super) fn note_cut(&self) {
        self.tally().cut = true;
    }

    /// Whether the site has more that it gave no way to.
    pub(super) fn was_cut(&self) -> bool {
        self.tally().cut
    }

    /// Notes that the site is right wherever it is older than the copy: it went back in time.
    pub(super) fn note_anew(&self) {
        self.tally().anew = true;
    }

    fn is_anew(&self) -> bool {
        self.tally().anew
    }

    pub(super) fn set_total(&self, total: Option<u64>) {
        let mut tally = self.tally();
        tally.total = total.or(tally.total);
    }

    /// What is done was all there is.
    pub(super) fn finish_total(&self) {
        let mut tally = self.tally();
        tally.total = Some(tally.done);
        "done".clone_into(&mut tally.step);
    }

    /// Tells whoever watches what is done now.
    pub(super) fn report(&self, step: &str) {
        let progress = {
            let mut tally = self.tally();
            step.clone_into(&mut tally.step);
            let usage = self.site.usage();
            let mut counts = tally.counts;
            add_usage(&mut counts, &tally.noted, &usage);
            Progress {
                kind: self.kind(),
                step: step.to_owned(),
                done: tally.done,
                total: tally.total,
                counts,
            }
        };
        self.sink.update(&progress);
    }

    /// What happened since the last update, to be stored; it counts as stored from now on.
    pub(super) fn update(&self, page: Page, checkpoint: Option<Value>) -> RunUpdate {
        let now = self.services.clock.now();
        let mut tally = self.tally();
        let usage = self.site.usage();
        let mut counts = page.counts;
        add_usage(&mut counts, &tally.noted, &usage);
        let worked = (now - tally.worked_until).num_milliseconds();
        tally.noted = usage;
        tally.worked_until = now;
        RunUpdate {
            step: tally.step.clone(),
            done: page.done,
            total: tally.total,
            counts,
            worked_ms: u64::try_from(worked).unwrap_or(0),
            checkpoint,
            lease_until: now + LEASE,
        }
    }

    fn stored(&self, update: &RunUpdate, changed: bool, is_cut: bool) {
        let mut tally = self.tally();
        tally.done += update.done;
        tally.counts = sum(tally.counts, update.counts);
        tally.changed |= changed;
        tally.cut |= is_cut;
    }

    /// What was not stored counts with the next update.
    fn not_stored(&self, update: &RunUpdate) {
        let mut tally = self.tally();
        tally.noted.requests = tally.noted.requests.saturating_sub(update.counts.requests);
        tally.noted.retries = tally.noted.retries.saturating_sub(update.counts.retries);
        tally.noted.throttled_ms = tally.noted.throttled_ms.saturating_sub(update.counts.throttled_ms);
        tally.worked_until -=
            TimeDelta::try_milliseconds(i64::try_from(update.worked_ms).unwrap_or(0)).unwrap_or_default();
    }

    /// Reads a walk to its end, or until it is time or `pace` says so: while a page is stored, the next is fetched as soon as there is
    /// room for it. Answers whether the end was reached.
    pub(super) async fn walk(
        &self,
        walk: Walk,
        from: &Position,
        target: &Target,
        pace: &Pace,
    ) -> Result<bool> {
        let mut appetite = Appetite::new(&self.services.sync.memory);
        let mut at = from.clone();
        let mut fetched = self.fetch(walk, &at, &mut appetite).await?;
        let mut earlier = HashSet::new();
        let mut tries = 1;
        loop {
            let page = &mut fetched.page;
            let aside = page.set_aside.iter().filter_map(|aside| aside.jira_id.clone());
            let ids: HashSet<String> = page.issues.iter().filter_map(id_of).chain(aside).collect();
            // A query that begins where the last one ended shows the issues of that minute again.
            page.issues.retain(|issue| issue.id().is_none_or(|id| !earlier.contains(id)));
            page.set_aside.retain(|aside| aside.jira_id.as_ref().is_none_or(|id| !earlier.contains(id)));
            let next = page.next.clone();
            let fetch = async {
                match next.finished || pace.is_stopped() || self.is_time() {
                    true => Ok(None),
                    false => self.fetch(walk, &next, &mut appetite).await.map(Some),
                }
            };
            let (following, stored) = futures::join!(fetch, self.store(fetched, target));
            match stored {
                // Two pages that have rows in common may lock each other out: one of them is read again.
                Err(error @ (Error::Unavailable(_) | Error::Busy { .. })) if tries < STORE_TRIES => {
                    tracing::info!(%error, tries, "a page could not be stored and is read again");
                    tries += 1;
                    drop(following);
                    fetched = self.fetch(walk, &at, &mut appetite).await?;
                    continue;
                }
                stored => stored?,
            }
            self.report(target.step());
            pace.after_page(self.site.usage());
            (tries, earlier) = (1, ids);
            match following? {
                Some(following) if !pace.is_too_many() => (at, fetched) = (next, following),
                _ => return Ok(next.finished),
            }
        }
    }

    /// The page at a position, as soon as there is room for it. Where it is larger than that, more room or fewer issues are asked for.
    async fn fetch(&self, walk: Walk, at: &Position, appetite: &mut Appetite) -> Result<Fetched> {
        let (site, clock) = (self.site.as_ref(), self.services.clock.as_ref());
        loop {
            let most = appetite.most();
            let mut room = self.services.sync.memory.text(most.bytes, &self.own).await;
            if let Some(page) = walk.turn(site, self.instance.dialect, at, clock, most).await? {
                let bytes = page.bytes();
                room.keep(bytes);
                appetite.had(bytes);
                return Ok(Fetched { page, room });
            }
            if !appetite.ask_for_less() {
                let message = format!("the site has an issue of more than {} bytes", most.bytes);
                return Err(Error::Upstream { system: "Jira", message, retryable: false });
            }
        }
    }

    /// Stores what was read beside a walk.
    pub(super) async fn store_late(&self, page: Turned) -> Result<()> {
        let room = self.services.sync.memory.text(page.bytes(), &self.own).await;
        self.store(Fetched { page, room }, &Target::Late).await
    }

    /// Stores a page with the mark that names the next one, in one transaction. It is taken apart portion by portion.
    async fn store(&self, fetched: Fetched, target: &Target) -> Result<()> {
        let Fetched { mut page, room } = fetched;
        let done = (page.issues.len() + page.set_aside.len()) as u64;
        let memory = &self.services.sync.memory;
        let portions = portions(self.instance.id, std::mem::take(&mut page.issues), memory.portion());
        let largest = portions.iter().map(|portion| bytes_of(portion)).max().unwrap_or(0);
        // Before a connection is asked for: whoever has one waits for nobody but the database.
        let apart = memory.apart(largest).await;
        let mut tx = self.begin().await?;
        let mut kept = Kept {
            counts: RunCounts { rejected: page.set_aside.len() as u64, ..RunCounts::default() },
            ..Kept::default()
        };
        for aside in &page.set_aside {
            tx.reject(self.instance.id, aside.jira_id.as_deref(), &aside.reason, &Value::Null).await?;
        }
        for portion in portions {
            self.keep(tx.as_mut(), portion, page.read_at, &mut kept).await?;
        }
        drop((apart, room));
        let next = page.next.clone();
        let checkpoint = match target {
            Target::Range(id, cut) => {
                tx.move_range(*id, &next).await?;
                page.is_cut.then(|| cut.clone())
            }
            Target::Poll(from) => {
                // Pages come in the order of `updated`: what is stored is complete up to there.
                if let Some(until) = page.is_certain_until(kept.updated.iter().copied(), from.began_at) {
                    let proof = until.min(from.began_at);
                    tx.raise_watermark(self.instance.id, super::ISSUES, Some(until), Some(proof)).await?;
                }
                let mark = PollMark { from: *from, position: next };
                Some(serde_json::to_value(mark).map_err(Error::internal)?)
            }
            Target::Late => None,
        };
        // Last: the tasks of a run wait for each other here.
        let update = self.update(Page { done, counts: kept.counts }, checkpoint);
        let committed = async {
            tx.checkpoint(&self.lease, &update).await?;
            // After that: the job that reads hints waits for whoever adds some.
            let hints: Vec<Hint> = kept.missing.iter().map(|issue| Hint::of(issue)).collect();
            tx.hint(self.instance.id, &hints).await?;
            tx.commit().await
        }
        .await;
        match committed {
            Ok(()) => self.stored(&update, kept.changed, page.is_cut),
            Err(_) => self.not_stored(&update),
        }
        committed
    }

    /// Takes a portion of a page apart and stores it.
    async fn keep(
        &self,
        tx: &mut dyn TenantTx,
        portion: Vec<IssueText>,
        read_at: DateTime<Utc>,
        kept: &mut Kept,
    ) -> Result<()> {
        let bundles = self.read(tx, portion, read_at, kept).await?;
        let stored = tx.upsert_issues(self.instance.id, &bundles).await?;
        kept.counts.rejected += stored.rejected;
        kept.changed |= UpsertCounts { rejected: 0, ..stored } != UpsertCounts::default();
        kept.updated.extend(bundles.iter().map(|bundle| bundle.issue.updated));
        Ok(())
    }

    /// Reads issues; keeps aside what cannot be read, and has looked at by id what was found missing just now: the
    /// index that searches read may still show what is gone.
    async fn read(
        &self,
        tx: &mut dyn TenantTx,
        issues: Vec<IssueText>,
        read_at: DateTime<Utc>,
        kept: &mut Kept,
    ) -> Result<Vec<IssueBundle>> {
        let erased = tx.erased_people(self.instance.id).await?;
        let secrets = self.services.secrets.as_ref();
        let reader = Reader::new(self.instance.dialect, &self.roles, secrets, &erased);
        let mut bundles = Vec::with_capacity(issues.len());
        for issue in issues {
            let jira_id = id_of(&issue);
            match read_text(&reader, issue) {
                Ok(bundle) => {
                    count(&mut kept.counts, &bundle);
                    bundles.push(IssueBundle { read_at: Some(read_at), ..bundle });
                }
                Err(reject) => {
                    kept.counts.rejected += 1;
                    let shown = jira_id.map_or(Value::Null, Value::from);
                    tx.reject(self.instance.id, reject.jira_id.as_deref(), &reject.reason, &shown).await?;
                }
            }
        }
        if self.is_anew() {
            // Also where it shows what was found missing just now: whoever looks at that by id must not take it for older.
            tx.let_source_win(self.instance.id, &bundles).await?;
        }
        let ids: Vec<&str> = bundles.iter().map(|bundle| bundle.issue.jira_id.as_str()).collect();
        let missing: HashSet<String> =
            tx.missing_since(self.instance.id, &ids, read_at - OVERLAP).await?.into_iter().collect();
        if !missing.is_empty() {
            bundles.retain(|bundle| !missing.contains(&bundle.issue.jira_id));
            kept.missing.extend(missing);
        }
        Ok(bundles)
    }
}

/// What became of the portions of a page so far.
#[derive(Default)]
struct Kept {
    counts: RunCounts,
    changed: bool,
    /// When the issues that are stored were updated.
    updated: Vec<DateTime<Utc>>,
    /// Issues that were found missing a moment ago.
    missing: HashSet<String>,
}

/// What a page adds to the counts.
#[derive(Clone, Copy, Default)]
pub(super) struct Page {
    pub(super) done: u64,
    pub(super) counts: RunCounts,
}

fn id_of(issue: &IssueText) -> Option<String> {
    issue.id().map(str::to_owned)
}

fn count(counts: &mut RunCounts, bundle: &IssueBundle) {
    counts.issues += 1;
    counts.comments += bundle.comments.len() as u64;
    counts.worklogs += bundle.worklogs.len() as u64;
    counts.changelog_items += bundle.histories.iter().map(|h| h.items.len() as u64).sum::<u64>();
}

fn add_usage(counts: &mut RunCounts, before: &SiteUsage, now: &SiteUsage) {
    counts.requests += now.requests.saturating_sub(before.requests);
    counts.retries += now.retries.saturating_sub(before.retries);
    counts.throttled_ms += now.throttled_ms.saturating_sub(before.throttled_ms);
}

fn sum(left: RunCounts, right: RunCounts) -> RunCounts {
    RunCounts {
        issues: left.issues + right.issues,
        comments: left.comments + right.comments,
        changelog_items: left.changelog_items + right.changelog_items,
        worklogs: left.worklogs + right.worklogs,
        requests: left.requests + right.requests,
        retries: left.retries + right.retries,
        rejected: left.rejected + right.rejected,
        throttled_ms: left.throttled_ms + right.throttled_ms,
    }
}
