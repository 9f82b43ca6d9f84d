//! Look-ups in Redis, shared by all processes.
//!
//! An entry is a hash: the `stamp` of its scopes, and either the `value` or the `lease` of whoever loads it. A lease is taken
//! before the load and given up for the value after it; an invalidation removes the entry, and with it the lease, so
//! that what was read before a commit cannot be stored after it. A scope has a random stamp; forgetting the scope
//! removes the stamp, the next look-up makes another one, and every entry with the old one counts for nothing.

use std::{
    sync::{
        LazyLock,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use ::redis::{Script, ScriptInvocation};
use application::{events::Announcement, ports::CacheKey};
use uuid::Uuid;

use super::{
    link::{Link, PREFIX},
    scope::{Invalidation, Scope},
};

/// To be raised when the meaning of a cached value changes while its JSON can still be read.
const FORMAT: u32 = 1;
/// Who has not loaded a value by then stores none.
const LEASE: Duration = Duration::from_secs(5);
/// A scope that nobody looked at for a day has no entries.
const STAMP: Duration = Duration::from_secs(86_400);
/// The channel on which transactions are announced.
pub(super) const CHANNEL: &str = "forebay:changes";
/// Announcements are heard at once, or by a process that does not answer anybody either.
const HEARD_WITHIN: Duration = Duration::from_millis(100);

/// Answers value and time to live, or nothing and whether the lease is ours.
static LOOK_UP: LazyLock<Script> = LazyLock::new(|| {
    Script::new(
        "local stamp = ''
         for i = 2, #KEYS do
             local part = redis.call('GET', KEYS[i])
             if not part then
                 part = ARGV[1]
                 redis.call('SET', KEYS[i], part, 'PX', ARGV[3])
             end
             stamp = stamp .. part .. '.'
         end
         local found = redis.call('HMGET', KEYS[1], 'stamp', 'value')
         if found[1] == stamp then
             if found[2] then
                 return {found[2], redis.call('PTTL', KEYS[1])}
             end
             return {false, 0}
         end
         redis.call('DEL', KEYS[1])
         redis.call('HSET', KEYS[1], 'stamp', stamp, 'lease', ARGV[1])
         redis.call('PEXPIRE', KEYS[1], ARGV[2])
         return {false, 1}",
    )
});

/// Stores for whoever has the lease, unless a scope was forgotten since.
static STORE: LazyLock<Script> = LazyLock::new(|| {
    Script::new(
        "local found = redis.call('HMGET', KEYS[1], 'stamp', 'lease')
         if found[2] ~= ARGV[1] then
             return 0
         end
         local stamp = ''
         for i = 2, #KEYS do
             stamp = stamp .. (redis.call('GET', KEYS[i]) or '') .. '.'
         end
         if found[1] ~= stamp then
             return 0
         end
         redis.call('HDEL', KEYS[1], 'lease')
         redis.call('HSET', KEYS[1], 'value', ARGV[2])
         redis.call('PEXPIRE', KEYS[1], ARGV[3])
         return 1",
    )
});

/// The shared look-ups.
pub(super) struct Shared {
    link: Link,
    /// How many invalidations did not reach Redis, and how many of those have been made good for: before anything in there
    /// is believed again, all of it is forgotten.
    debts: AtomicU64,
    paid: AtomicU64,
}

/// What a look-up found.
pub(super) enum Found {
    /// The value, and how long it is still good for.
    Value(Vec<u8>, Duration),
    /// Nothing; whoever has the lease may store it.
    Nothing(Option<Lease>),
    /// Redis was not asked, or did not answer.
    NoAnswer,
}

/// The right to store a value once.
pub(super) struct Lease(String);

impl Shared {
    pub(super) fn new(link: Link) -> Self {
        Self { link, debts: AtomicU64::new(0), paid: AtomicU64::new(0) }
    }

    pub(super) fn link(&self) -> &Link {
        &self.link
    }

    /// The value, or the lease to load it.
    pub(super) async fn look_up(&self, key: &CacheKey) -> Found {
        if !self.pay().await {
            return Found::NoAnswer;
        }
        let token = Uuid::new_v4().simple().to_string();
        let mut script = prepared(&LOOK_UP, key);
        script.arg(&token).arg(millis(LEASE)).arg(millis(STAMP));
        let mut connection = self.link.connection();
        let answer: Option<(Option<Vec<u8>>, i64)> =
            self.link.ask("look_up", script.invoke_async(&mut connection)).await;
        match answer {
            Some((Some(value), ttl)) => {
                Found::Value(value, Duration::from_millis(u64::try_from(ttl).unwrap_or_default()))
            }
            Some((None, ours)) => Found::Nothing((ours == 1).then_some(Lease(token))),
            None => Found::NoAnswer,
        }
    }

    /// Stores a loaded value, unless it may be old by now.
    pub(super) async fn store(&self, key: &CacheKey, lease: Lease, value: &[u8], ttl: Duration) {
        let mut script = prepared(&STORE, key);
        script.arg(&lease.0).arg(value).arg(millis(ttl));
        let mut connection = self.link.connection();
        self.link.ask::<i64>("store", script.invoke_async(&mut connection)).await;
    }

    /// Something may have changed that neither its writer nor anybody else told Redis: nothing in there is believed until all of it
    /// is forgotten.
    pub(super) fn doubt(&self) {
        self.debts.fetch_add(1, Ordering::AcqRel);
    }

    /// Forgets what is old.
    pub(super) async fn forget(&self, old: &Invalidation) {
        self.remove(old, None).await;
    }

    /// Forgets what is old, tells the other processes, and waits until each has heard.
    pub(super) async fn announce(&self, old: &Invalidation, announcement: &Announcement) {
        let Some(receivers) = self.remove(old, Some(announcement)).await else { return };
        let deadline = tokio::time::Instant::now() + HEARD_WITHIN;
        let mut pause = Duration::from_micros(200);
        while receivers > 0 && !self.link.rests() {
            let mut connection = self.link.connection();
            let command = ::redis::Cmd::get(heard_key(announcement.id));
            let heard: Option<Option<u64>> =
                self.link.ask("heard", command.query_async(&mut connection)).await;
            if heard.flatten().unwrap_or_default() >= receivers {
                return;
            }
            if tokio::time::Instant::now() >= deadline {
                metrics::counter!("forebay_cache_unheard_total").increment(1);
                return;
            }
            tokio::time::sleep(pause).await;
            pause = (pause * 2).min(Duration::from_millis(5));
        }
    }

    /// Lets an announcer know that this process has heard.
    pub(super) async fn confirm(&self, announcement: Uuid) {
        let key = heard_key(announcement);
        let mut pipeline = ::redis::pipe();
        pipeline.incr(&key, 1).ignore().pexpire(&key, 2_000).ignore();
        let mut connection = self.link.connection();
        self.link.ask::<()>("confirm", pipeline.query_async(&mut connection)).await;
    }

    /// Removes entries and stamps; answers how many processes an announcement went to.
    async fn remove(&self, old: &Invalidation, announcement: Option<&Announcement>) -> Option<u64> {
        let names: Vec<String> =
            old.scopes.iter().map(|scope| stamp_key(*scope)).chain(old.keys.iter().map(entry_key)).collect();
        let mut pipeline = ::redis::pipe();
        if !names.is_empty() {
            pipeline.cmd("UNLINK").arg(&names).ignore();
        }
        let text = announcement.map(Announcement::to_text).unwrap_or_default();
        if announcement.is_some() {
            pipeline.publish(CHANNEL, text);
        }
        let mut connection = self.link.connection();
        let answer: Option<Vec<u64>> = self.link.ask("forget", pipeline.query_async(&mut connection)).await;
        if answer.is_none() {
            self.doubt();
        }
        answer.map(|receivers| receivers.first().copied().unwrap_or_default())
    }

    /// Makes good for invalidations that did not reach Redis; answers whether Redis can be believed.
    async fn pay(&self) -> bool {
        if self.link.rests() {
            return false;
        }
        let debts = self.debts.load(Ordering::Acquire);
        if self.paid.load(Ordering::Acquire) == debts {
            return true;
        }
        if self.remove(&Invalidation::everything(), None).await.is_none() {
            return false;
        }
        // What was added since is not paid by this.
        self.paid.fetch_max(debts, Ordering::AcqRel);
        self.debts.load(Ordering::Acquire) == debts
    }
}

fn prepared<'a>(script: &'a Script, key: &CacheKey) -> ScriptInvocation<'a> {
    let mut invocation = script.prepare_invoke();
    invocation.key(entry_key(key));
    for scope in Scope::of(key) {
        invocation.key(stamp_key(scope));
    }
    invocation
}

fn entry_key(key: &CacheKey) -> String {
    let instance = key.instance.map_or_else(|| "-".to_owned(), |instance| instance.to_string());
    format!("{PREFIX}cache:{FORMAT}:{}:{instance}:{}:{}", key.tenant, key.kind.as_str(), key.name)
}

fn stamp_key(scope: Scope) -> String {
    format!("{PREFIX}cache:{FORMAT}:stamp:{}", scope.name())
}

fn heard_key(announcement: Uuid) -> String {
    format!("{PREFIX}heard:{announcement}")
}

/// Redis refuses a time to live of zero.
fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX).max(1)
}
