//! Look-ups in this process: bounded in bytes, and one load per key at a time.
//!
//! What was loaded is kept only if nothing made it old since the load began: an invalidation takes loads under way off the
//! list, and whoever is not on it when they come back keeps nothing. So a reader who saw the row before a commit can
//! never put it back after the commit was announced; and who asks after that begins a load of their own.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use application::{
    error::Error,
    ports::{CacheKey, Value},
};
use futures::future::{BoxFuture, Shared};
use moka::{Expiry, notification::RemovalCause};

use super::scope::{Invalidation, Scope};

/// What a value of parsed JSON takes in memory, compared with its text, about.
const SIZE_OF_PARSED: usize = 3;
/// What an entry costs beside its value, about.
const ENTRY_BYTES: usize = 256;

/// A load that others may wait for.
pub(super) type Flight = Shared<BoxFuture<'static, Landed>>;
/// What it comes back with.
pub(super) type Landed = Result<Option<Value>, Arc<Error>>;

/// The look-ups of this process.
pub(super) struct Memory {
    entries: moka::sync::Cache<CacheKey, Entry>,
    state: Mutex<State>,
}

#[derive(Clone)]
struct Entry {
    value: Value,
    bytes: usize,
    ttl: Duration,
    /// How often its scopes had been forgotten when it was loaded.
    stamps: [u64; 3],
}

#[derive(Default)]
struct State {
    /// How often each scope was forgotten.
    forgotten: HashMap<Scope, u64>,
    flights: HashMap<CacheKey, (u64, Flight)>,
    last_flight: u64,
}

impl State {
    fn stamps(&self, key: &CacheKey) -> [u64; 3] {
        Scope::of(key).map(|scope| self.forgotten.get(&scope).copied().unwrap_or_default())
    }
}

/// What a look-up meets.
pub(super) enum Met {
    /// The value.
    Value(Value),
    /// Somebody loads it; `true` for whoever began to.
    Flight(Flight, bool),
}

struct EntryTtl;

impl Expiry<CacheKey, Entry> for EntryTtl {
    fn expire_after_create(&self, _key: &CacheKey, entry: &Entry, _now: Instant) -> Option<Duration> {
        Some(entry.ttl)
    }

    fn expire_after_update(
        &self,
        _: &CacheKey,
        entry: &Entry,
        _: Instant,
        _: Option<Duration>,
    ) -> Option<Duration> {
        Some(entry.ttl)
    }
}

impl Memory {
    /// Of at most that many bytes: what is used rarely goes first.
    pub(super) fn new(capacity_bytes: u64) -> Self {
        let entries = moka::sync::Cache::builder()
            .max_capacity(capacity_bytes)
            .weigher(|key: &CacheKey, entry: &Entry| {
                let bytes = ENTRY_BYTES + 2 * key.name.len() + SIZE_OF_PARSED * entry.bytes;
                u32::try_from(bytes).unwrap_or(u32::MAX)
            })
            .eviction_listener(|key: Arc<CacheKey>, _, cause| {
                let cause = match cause {
                    RemovalCause::Size => "size",
                    RemovalCause::Expired => "age",
                    RemovalCause::Explicit | RemovalCause::Replaced => return,
                };
                let labels = [("kind", key.kind.as_str()), ("level", "memory"), ("cause", cause)];
                metrics::counter!("forebay_cache_evictions_total", &labels).increment(1);
            })
            .expire_after(EntryTtl)
            .build();
        Self { entries, state: Mutex::default() }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // Nothing in here panics between two changes that belong together.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The value, or the load under way; if there is none, `begin` begins it, given its number.
    pub(super) fn meet(&self, key: &CacheKey, begin: impl FnOnce(u64) -> Flight) -> Met {
        let mut state = self.state();
        if let Some(entry) = self.entries.get(key) {
            if entry.stamps == state.stamps(key) {
                return Met::Value(entry.value);
            }
            self.entries.invalidate(key);
        }
        if let Some((_, flight)) = state.flights.get(key) {
            return Met::Flight(flight.clone(), false);
        }
        state.last_flight += 1;
        let number = state.last_flight;
        let flight = begin(number);
        state.flights.insert(key.clone(), (number, flight.clone()));
        Met::Flight(flight, true)
    }

    /// Keeps what a load came back with, unless it may be old by now.
    pub(super) fn keep(&self, key: &CacheKey, number: u64, value: &Value, bytes: usize, ttl: Duration) {
        let state = self.state();
        if state.flights.get(key).is_some_and(|(current, _)| *current == number) {
            let stamps = state.stamps(key);
            self.entries.insert(key.clone(), Entry { value: value.clone(), bytes, ttl, stamps });
        }
    }

    /// A load is over, however it ended.
    pub(super) fn land(&self, key: &CacheKey, number: u64) {
        let mut state = self.state();
        if state.flights.get(key).is_some_and(|(current, _)| *current == number) {
            state.flights.remove(key);
        }
    }

    /// Forgets what is old, and takes loads of it off the list.
    pub(super) fn forget(&self, old: &Invalidation) {
        let mut state = self.state();
        for scope in &old.scopes {
            *state.forgotten.entry(*scope).or_default() += 1;
        }
        if !old.scopes.is_empty() {
            state.flights.retain(|key, _| !Scope::of(key).iter().any(|scope| old.scopes.contains(scope)));
        }
        for key in &old.keys {
            state.flights.remove(key);
            self.entries.invalidate(key);
        }
        if old.scopes.contains(&Scope::Everything) {
            self.entries.invalidate_all();
        }
    }

    /// How many bytes are kept, about.
    pub(super) fn bytes(&self) -> u64 {
        self.entries.weighted_size()
    }

    /// Does now what is otherwise done now and then: removing what has no room any more.
    #[cfg(test)]
    pub(super) fn tidy(&self) {
        self.entries.run_pending_tasks();
    }
}
