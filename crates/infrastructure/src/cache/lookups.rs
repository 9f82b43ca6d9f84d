//! Both levels together: memory, then Redis, then the database.

use std::{
    collections::VecDeque,
    sync::{
        Arc, Mutex, PoisonError, Weak,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use application::{
    Error,
    events::Announcement,
    ports::{Answer, Cache, CacheKey, Load, Stored},
};
use async_trait::async_trait;
use futures::{FutureExt, StreamExt};
use tokio::task::AbortHandle;
use tracing::Instrument;
use uuid::Uuid;

use super::{
    link::Link,
    memory::{Flight, Landed, Memory, Met},
    scope::{Invalidation, name_of},
    shared::{CHANNEL, Found, Shared},
};

/// Announcements that were acted upon; a second channel brings each again within moments.
const REMEMBERED: usize = 1_024;
/// After so much silence the subscription is asked whether it still lives.
const SILENCE: Duration = Duration::from_secs(5);
const RECONNECT: Duration = Duration::from_millis(250);

/// How look-ups are cached.
#[derive(Clone, Copy, Debug)]
pub struct CacheSettings {
    /// Whether at all. Without, every look-up asks the database; what this process changes is announced all the same.
    pub enabled: bool,
    /// Kept no longer than that, in memory and in Redis together: the last net below the events.
    pub ttl: Duration,
    /// Bytes in this process's memory, about.
    pub memory_bytes: u64,
}

impl Default for CacheSettings {
    fn default() -> Self {
        Self { enabled: true, ttl: Duration::from_secs(60), memory_bytes: 64 << 20 }
    }
}

/// Cached look-ups. Deaf at first: until it hears what other processes change ([`LookupCache::hears`]), it asks the
/// database every time.
pub struct LookupCache {
    inner: Arc<Inner>,
    subscription: Mutex<Option<AbortHandle>>,
}

struct Inner {
    settings: CacheSettings,
    memory: Memory,
    shared: Option<Shared>,
    hearing: AtomicBool,
    acted_upon: Mutex<VecDeque<Uuid>>,
}

impl LookupCache {
    pub(super) fn new(link: Option<Link>, settings: CacheSettings) -> Self {
        let inner = Inner {
            settings,
            memory: Memory::new(settings.memory_bytes),
            shared: link.map(Shared::new),
            hearing: AtomicBool::new(false),
            acted_upon: Mutex::default(),
        };
        Self { inner: Arc::new(inner), subscription: Mutex::default() }
    }

    /// From now on every announcement of the database arrives at [`LookupCache::heard`]. What was cached before that
    /// is forgotten: it may have changed unheard.
    pub fn hears(&self) {
        self.inner.memory.forget(&Invalidation::everything());
        self.inner.hearing.store(self.inner.settings.enabled, Ordering::Release);
        let mut subscription = self.subscription.lock().unwrap_or_else(PoisonError::into_inner);
        if self.inner.settings.enabled && self.inner.shared.is_some() && subscription.is_none() {
            let task = tokio::spawn(subscribe(Arc::downgrade(&self.inner)));
            *subscription = Some(task.abort_handle());
        }
    }

    /// Whether look-ups are cached just now.
    pub fn is_hearing(&self) -> bool {
        self.inner.hearing.load(Ordering::Acquire)
    }

    /// Announcements may be missed from now on; also those of whoever cannot tell Redis either.
    pub fn is_deaf(&self) {
        self.inner.hearing.store(false, Ordering::Release);
        if let Some(shared) = &self.inner.shared {
            shared.doubt();
        }
    }

    /// An announcement came from the database. It comes for certain, and a moment after the commit; the one over Redis
    /// comes before the writer goes on. One that could not be read (`None`) stands for everything.
    pub fn heard(&self, announcement: Option<Announcement>) {
        let announcement = announcement
            .unwrap_or_else(|| Announcement { id: Uuid::new_v4(), noted: Announcement::EVERYTHING.into() });
        if self.inner.has_acted_upon(announcement.id) {
            return;
        }
        let old = self.inner.forget_here(&announcement, "database");
        if self.inner.shared.is_some() {
            // The writer may have died before it told Redis, or could not reach it.
            let inner = self.inner.clone();
            tokio::spawn(async move {
                if let Some(shared) = &inner.shared {
                    shared.forget(&old).await;
                    inner.memory.forget(&old);
                }
            });
        }
    }

    /// How many bytes are kept in memory, about.
    pub fn memory_bytes(&self) -> u64 {
        self.inner.memory.bytes()
    }

    #[cfg(test)]
    pub(super) fn tidy(&self) {
        self.inner.memory.tidy();
    }
}

impl Drop for LookupCache {
    fn drop(&mut self) {
        let subscription = self.subscription.get_mut().unwrap_or_else(PoisonError::into_inner);
        if let Some(task) = subscription.take() {
            task.abort();
        }
    }
}

#[async_trait]
impl Cache for LookupCache {
    async fn look_up(&self, key: CacheKey, load: Load) -> Answer {
        let kind = key.kind.as_str();
        if !self.is_hearing() {
            metrics::counter!("forebay_cache_bypassed_total", "kind" => kind).increment(1);
            return Ok(load.run.await?.map(|stored| stored.value));
        }
        let met = self.inner.memory.meet(&key, |number| fly(self.inner.clone(), key.clone(), number, load));
        let (flight, leads) = match met {
            Met::Value(value) => {
                hit(kind, "memory");
                return Ok(Some(value));
            }
            Met::Flight(flight, leads) => (flight, leads),
        };
        miss(kind, "memory");
        if !leads {
            metrics::counter!("forebay_cache_waits_total", "kind" => kind).increment(1);
        }
        flight.await.map_err(|error| error.repeated())
    }

    async fn announced(&self, announcement: &Announcement) {
        let old = self.inner.forget_here(announcement, "own");
        self.inner.note(announcement.id);
        if self.inner.shared.is_none() {
            return;
        }
        let (inner, announcement) = (self.inner.clone(), announcement.clone());
        // A task of its own: a caller who goes away must not leave the others uninformed.
        let telling = tokio::spawn(async move {
            if let Some(shared) = &inner.shared {
                shared.announce(&old, &announcement).await;
                // What Redis still had in the meantime may have come back into memory.
                inner.memory.forget(&old);
            }
        });
        if let Err(error) = telling.await {
            tracing::error!(%error, "other processes were not told of a change at once");
        }
    }
}

/// Begins a load. It runs by itself, so that a caller who goes away neither stops it for those who wait nor leaves its
/// transaction open.
fn fly(inner: Arc<Inner>, key: CacheKey, number: u64, load: Load) -> Flight {
    let task = tokio::spawn(
        async move {
            let landing = Landing { inner: &inner, key: &key, number };
            let landed = inner.fetch(&key, number, load).await;
            drop(landing);
            landed
        }
        .in_current_span(),
    );
    let flight = task.map(|ended| match ended {
        Ok(landed) => landed,
        Err(error) => Err(Arc::new(Error::internal(error))),
    });
    flight.boxed().shared()
}

/// Takes a load off the list even if it panics.
struct Landing<'a> {
    inner: &'a Inner,
    key: &'a CacheKey,
    number: u64,
}

impl Drop for Landing<'_> {
    fn drop(&mut self) {
        self.inner.memory.land(self.key, self.number);
    }
}

impl Inner {
    /// From Redis, or else from where it comes from.
    async fn fetch(&self, key: &CacheKey, number: u64, load: Load) -> Landed {
        let kind = key.kind.as_str();
        let ttl = load.at_most.map_or(self.settings.ttl, |at_most| at_most.min(self.settings.ttl));
        let mut lease = None;
        if let Some(shared) = &self.shared {
            match shared.look_up(key).await {
                Found::Value(bytes, rest) => {
                    if let Some(value) = (load.decode)(&bytes) {
                        hit(kind, "redis");
                        self.memory.keep(key, number, &value, bytes.len(), rest.min(ttl));
                        return Ok(Some(value));
                    }
                    miss(kind, "redis");
                }
                Found::Nothing(ours) => {
                    miss(kind, "redis");
                    lease = ours;
                }
                Found::NoAnswer => {}
            }
        }
        let loaded = load.run.await;
        let outcome = match &loaded {
            Ok(Some(_)) => "found",
            Ok(None) => "absent",
            Err(_) => "failed",
        };
        metrics::counter!("forebay_cache_loads_total", "kind" => kind, "outcome" => outcome).increment(1);
        let Some(Stored { value, bytes }) = loaded.map_err(Arc::new)? else { return Ok(None) };
        if let Some(bytes) = bytes {
            self.memory.keep(key, number, &value, bytes.len(), ttl);
            metrics::gauge!("forebay_cache_memory_bytes").set(self.memory.bytes() as f64);
            if let (Some(shared), Some(lease)) = (&self.shared, lease) {
                shared.store(key, lease, &bytes, ttl).await;
            }
        }
        Ok(Some(value))
    }

    /// Forgets in this process.
    fn forget_here(&self, announcement: &Announcement, heard_from: &'static str) -> Invalidation {
        let events = announcement.events();
        for event in &events {
            let labels = [("event", name_of(event)), ("from", heard_from)];
            metrics::counter!("forebay_cache_invalidations_total", &labels).increment(1);
        }
        let old = Invalidation::of(&events);
        self.memory.forget(&old);
        old
    }

    fn note(&self, announcement: Uuid) {
        let mut acted_upon = self.acted_upon.lock().unwrap_or_else(PoisonError::into_inner);
        if acted_upon.len() >= REMEMBERED {
            acted_upon.pop_front();
        }
        acted_upon.push_back(announcement);
    }

    fn has_acted_upon(&self, announcement: Uuid) -> bool {
        let acted_upon = self.acted_upon.lock().unwrap_or_else(PoisonError::into_inner);
        acted_upon.iter().rev().any(|known| *known == announcement)
    }

    /// An announcement came over Redis; its writer has forgotten what is old in there, and waits for us.
    async fn heard_from_redis(&self, text: &str) {
        let Some(announcement) = Announcement::parse(text) else {
            self.memory.forget(&Invalidation::everything());
            return;
        };
        if !self.has_acted_upon(announcement.id) {
            self.forget_here(&announcement, "redis");
            self.note(announcement.id);
        }
        if let Some(shared) = &self.shared {
            shared.confirm(announcement.id).await;
        }
    }
}

/// Hears announcements over Redis for as long as the cache lives.
async fn subscribe(inner: Weak<Inner>) {
    loop {
        let Some(link) = inner.upgrade().and_then(|inner| Some(inner.shared.as_ref()?.link().clone())) else {
            return;
        };
        listen(&inner, &link).await;
        tokio::time::sleep(RECONNECT).await;
    }
}

/// Until the connection is lost.
async fn listen(inner: &Weak<Inner>, link: &Link) {
    let Ok(mut subscriber) = link.subscriber().await else { return };
    if subscriber.subscribe(CHANNEL).await.is_err() {
        return;
    }
    let (mut sink, mut messages) = subscriber.split();
    if let Some(inner) = inner.upgrade() {
        // Whatever was announced before that was not heard here.
        inner.memory.forget(&Invalidation::everything());
    }
    loop {
        match tokio::time::timeout(SILENCE, messages.next()).await {
            Ok(Some(message)) => {
                let (Some(inner), Ok(text)) = (inner.upgrade(), message.get_payload::<String>()) else {
                    return;
                };
                inner.heard_from_redis(&text).await;
            }
            Ok(None) => return,
            Err(_) => {
                let alive = tokio::time::timeout(SILENCE, sink.ping::<::redis::Value>()).await;
                if !matches!(alive, Ok(Ok(_))) {
                    return;
                }
            }
        }
    }
}

fn hit(kind: &'static str, level: &'static str) {
    metrics::counter!("forebay_cache_hits_total", "kind" => kind, "level" => level).increment(1);
}

fn miss(kind: &'static str, level: &'static str) {
    metrics::counter!("forebay_cache_misses_total", "kind" => kind, "level" => level).increment(1);
}
