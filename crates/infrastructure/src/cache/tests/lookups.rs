//! Look-ups over a source that counts and that can be held in the middle of a load: each interleaving of a load with a
//! commit is played out step by step.

use std::sync::{
    Mutex,
    atomic::{AtomicUsize, Ordering},
};

use application::{
    Error,
    events::Announcement,
    lookups::{issue_by_id, issue_by_key},
    ports::{Cache, CacheKey, Kind, Loaded, cached},
};
use domain::ids::{InstanceId, IssueId, TenantId};
use proptest::prelude::{Strategy, prop, prop_assert_eq, proptest};
use tokio::sync::Notify;
use uuid::Uuid;

use super::*;

const TENANT: TenantId = TenantId(Uuid::from_u128(1));
const SITE: InstanceId = InstanceId(Uuid::from_u128(2));
const ISSUE: IssueId = IssueId(Uuid::from_u128(3));

/// What the database would be: one value, read at the beginning of a load and handed over at its end.
#[derive(Default)]
struct Source {
    value: Mutex<u32>,
    loads: AtomicUsize,
    /// A load stops here after it has read, until it is let go.
    held: Mutex<Option<Arc<Held>>>,
}

#[derive(Default)]
struct Held {
    has_read: Notify,
    go_on: Notify,
}

impl Source {
    fn set(&self, value: u32) {
        *self.value.lock().unwrap() = value;
    }

    fn loads(&self) -> usize {
        self.loads.load(Ordering::SeqCst)
    }

    /// Holds the next load.
    fn hold(&self) -> Arc<Held> {
        let held = Arc::new(Held::default());
        *self.held.lock().unwrap() = Some(held.clone());
        held
    }

    async fn load(self: Arc<Self>) -> Result<Loaded<u32>> {
        self.loads.fetch_add(1, Ordering::SeqCst);
        let value = *self.value.lock().unwrap();
        let held = self.held.lock().unwrap().take();
        if let Some(held) = held {
            held.has_read.notify_one();
            held.go_on.notified().await;
        }
        Ok(Loaded::Keep(value))
    }
}

fn key(kind: Kind, instance: Option<InstanceId>, name: &str) -> CacheKey {
    CacheKey { tenant: TENANT, instance, kind, name: name.into() }
}

fn issue_key() -> CacheKey {
    key(Kind::Issue, Some(SITE), &issue_by_key("PAY-1"))
}

async fn ask(cache: &LookupCache, source: &Arc<Source>, key: CacheKey) -> u32 {
    *cached::<u32>(cache, key, None, source.clone().load()).await.unwrap().unwrap()
}

/// What the database notes when PAY-1 changes.
fn issue_changed() -> Announcement {
    let noted = format!("@{}#{}\ni {} PAY-1\n", TENANT.0.simple(), SITE.0.simple(), ISSUE.0.simple());
    Announcement { id: Uuid::new_v4(), noted }
}

fn noted(lines: &str) -> Announcement {
    Announcement { id: Uuid::new_v4(), noted: lines.into() }
}

async fn process(redis: Option<&RedisServer>) -> Arc<LookupCache> {
    let url = redis.map(RedisServer::url);
    let cache = connect(url.as_deref(), CacheSettings::default()).await.0;
    cache.hears();
    cache
}

/// Processes that share a Redis, each subscribed.
async fn processes<const N: usize>(redis: &RedisServer) -> [Arc<LookupCache>; N] {
    let mut started = Vec::new();
    for _ in 0..N {
        started.push(process(Some(redis)).await);
    }
    until_subscribed(redis, N).await;
    started.try_into().ok().unwrap()
}

async fn until_subscribed(redis: &RedisServer, processes: usize) {
    let mut connection =
        ::redis::Client::open(redis.url()).unwrap().get_multiplexed_async_connection().await.unwrap();
    let began = Instant::now();
    loop {
        let subscribed: Vec<::redis::Value> = ::redis::cmd("PUBSUB")
            .arg("NUMSUB")
            .arg("forebay:changes")
            .query_async(&mut connection)
            .await
            .unwrap();
        if subscribed[1] == ::redis::Value::Int(processes as i64) {
            // A moment for the flush that follows a subscription.
            tokio::time::sleep(ms(50)).await;
            return;
        }
        assert!(began.elapsed() < Duration::from_secs(5), "{subscribed:?}");
        tokio::time::sleep(ms(10)).await;
    }
}

#[tokio::test]
async fn a_value_is_loaded_once_until_it_is_made_old() {
    let (cache, source) = (process(None).await, Arc::new(Source::default()));
    assert_eq!(ask(&cache, &source, issue_key()).await, 0);
    source.set(1);
    assert_eq!(ask(&cache, &source, issue_key()).await, 0);
    cache.announced(&issue_changed()).await;
    assert_eq!(ask(&cache, &source, issue_key()).await, 1);
    assert_eq!(source.loads(), 2);
}

#[tokio::test]
async fn a_hundred_callers_make_one_load() {
    let (cache, source) = (process(None).await, Arc::new(Source::default()));
    let held = source.hold();
    let callers: Vec<_> = (0..100)
        .map(|_| {
            let (cache, source) = (cache.clone(), source.clone());
            tokio::spawn(async move { ask(&cache, &source, issue_key()).await })
        })
        .collect();
    held.has_read.notified().await;
    held.go_on.notify_one();
    for caller in callers {
        assert_eq!(caller.await.unwrap(), 0);
    }
    assert_eq!(source.loads(), 1);
}

#[tokio::test]
async fn a_caller_who_goes_away_does_not_stop_the_load_for_the_others() {
    let (cache, source) = (process(None).await, Arc::new(Source::default()));
    let held = source.hold();
    let first = {
        let (cache, source) = (cache.clone(), source.clone());
        tokio::spawn(async move { ask(&cache, &source, issue_key()).await })
    };
    held.has_read.notified().await;
    first.abort();
    assert!(first.await.unwrap_err().is_cancelled());
    held.go_on.notify_one();
    assert_eq!(ask(&cache, &source, issue_key()).await, 0);
    assert_eq!(source.loads(), 1);
}

/// The loader has read the old row; the write commits and is announced; the loader comes back.
async fn a_load_that_began_before_a_commit_leaves_nothing(reader: Arc<LookupCache>, writer: &LookupCache) {
    let source = Arc::new(Source::default());
    let held = source.hold();
    let early = {
        let (reader, source) = (reader.clone(), source.clone());
        tokio::spawn(async move { ask(&reader, &source, issue_key()).await })
    };
    held.has_read.notified().await;
    source.set(1);
    writer.announced(&issue_changed()).await;
    // Who asks after the commit does not wait for the early one, and sees the new row.
    assert_eq!(ask(&reader, &source, issue_key()).await, 1);
    held.go_on.notify_one();
    assert_eq!(early.await.unwrap(), 0, "who asked before the commit may see what was before");
    assert_eq!(ask(&reader, &source, issue_key()).await, 1);
    assert_eq!(ask(writer, &source, issue_key()).await, 1);
}

#[tokio::test]
async fn a_stale_load_is_not_kept_in_memory() {
    let cache = process(None).await;
    a_load_that_began_before_a_commit_leaves_nothing(cache.clone(), &cache).await;
}

#[tokio::test]
async fn a_stale_load_is_not_kept_in_redis() {
    let redis = RedisServer::start();
    let [reader, writer] = processes(&redis).await;
    a_load_that_began_before_a_commit_leaves_nothing(reader, &writer).await;
}

#[tokio::test]
async fn a_stale_load_is_not_kept_by_a_process_that_hears_nothing_over_redis() {
    let redis = RedisServer::start();
    let (writer, source) = (process(Some(&redis)).await, Arc::new(Source::default()));
    let held = source.hold();
    let early = {
        let (writer, source) = (writer.clone(), source.clone());
        tokio::spawn(async move { ask(&writer, &source, issue_key()).await })
    };
    held.has_read.notified().await;
    source.set(1);
    // A command in a process of its own, which does not listen.
    let url = redis.url();
    let command = connect(Some(&url), CacheSettings::default()).await.0;
    command.announced(&issue_changed()).await;
    held.go_on.notify_one();
    early.await.unwrap();
    let other = process(Some(&redis)).await;
    assert_eq!(ask(&other, &source, issue_key()).await, 1, "the lease was gone, so nothing was stored");
}

#[tokio::test]
async fn what_one_process_loads_another_finds_and_what_one_changes_another_forgets() {
    let redis = RedisServer::start();
    let [here, there] = processes(&redis).await;
    let source = Arc::new(Source::default());
    assert_eq!(ask(&here, &source, issue_key()).await, 0);
    assert_eq!(ask(&there, &source, issue_key()).await, 0);
    assert_eq!(source.loads(), 1);
    for value in 1..=50 {
        source.set(value);
        here.announced(&issue_changed()).await;
        // At once: the writer does not go on before the other process has heard.
        assert_eq!(ask(&there, &source, issue_key()).await, value);
        assert_eq!(ask(&here, &source, issue_key()).await, value);
    }
    assert_eq!(source.loads(), 51);
    assert!(keys(&redis).await.iter().any(|key| key.contains(&TENANT.to_string())), "keys carry the tenant");
}

#[tokio::test]
async fn a_writer_waits_for_a_process_that_is_slow_to_hear() {
    let redis = RedisServer::start();
    let here = process(Some(&redis)).await;
    // The other process has a thread of its own, which is kept busy.
    let busy = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    let url = redis.url();
    let there = busy.spawn(async move {
        let cache = connect(Some(&url), CacheSettings::default()).await.0;
        cache.hears();
        cache
    });
    let there = there.await.unwrap();
    until_subscribed(&redis, 2).await;
    let source = Arc::new(Source::default());
    assert_eq!(ask(&there, &source, issue_key()).await, 0);
    let (started, is_busy) = tokio::sync::oneshot::channel();
    busy.spawn(async move {
        started.send(()).unwrap();
        std::thread::sleep(ms(40));
    });
    is_busy.await.unwrap();
    source.set(1);
    here.announced(&issue_changed()).await;
    assert_eq!(ask(&there, &source, issue_key()).await, 1);
    busy.shutdown_background();
}

#[tokio::test]
async fn the_databases_word_is_enough_when_the_writer_dies_before_it_tells_redis() {
    let redis = RedisServer::start();
    let [here] = processes(&redis).await;
    let source = Arc::new(Source::default());
    ask(&here, &source, issue_key()).await;
    source.set(1);
    here.heard(Some(issue_changed()));
    let began = Instant::now();
    while ask(&here, &source, issue_key()).await != 1 {
        assert!(began.elapsed() < Duration::from_secs(5), "the old value stays");
        tokio::time::sleep(ms(5)).await;
    }
    let other = process(Some(&redis)).await;
    assert_eq!(ask(&other, &source, issue_key()).await, 1);
}

#[tokio::test]
async fn what_changed_while_nobody_heard_is_not_believed_though_redis_has_it() {
    let redis = RedisServer::start();
    let [cache] = processes(&redis).await;
    let source = Arc::new(Source::default());
    assert_eq!(ask(&cache, &source, issue_key()).await, 0);
    // Changed at the database, by somebody who has no Redis, while the connection that listens was lost.
    cache.is_deaf();
    source.set(1);
    cache.hears();
    assert_eq!(ask(&cache, &source, issue_key()).await, 1);
}

#[tokio::test]
async fn a_deaf_process_asks_every_time_and_starts_empty_when_it_hears_again() {
    let (cache, source) = (process(None).await, Arc::new(Source::default()));
    ask(&cache, &source, issue_key()).await;
    cache.is_deaf();
    source.set(1);
    assert_eq!(ask(&cache, &source, issue_key()).await, 1);
    source.set(2);
    assert_eq!(ask(&cache, &source, issue_key()).await, 2);
    cache.hears();
    assert_eq!(ask(&cache, &source, issue_key()).await, 2);
    source.set(3);
    assert_eq!(ask(&cache, &source, issue_key()).await, 2);
}

#[tokio::test]
async fn switched_off_nothing_is_cached_and_changes_are_still_announced() {
    let redis = RedisServer::start();
    let [on] = processes(&redis).await;
    let off = CacheSettings { enabled: false, ..CacheSettings::default() };
    let off = connect(Some(&redis.url()), off).await.0;
    off.hears();
    let source = Arc::new(Source::default());
    ask(&on, &source, issue_key()).await;
    source.set(1);
    assert_eq!(ask(&off, &source, issue_key()).await, 1);
    off.announced(&issue_changed()).await;
    assert_eq!(ask(&on, &source, issue_key()).await, 1);
}

#[tokio::test]
async fn errors_and_absences_are_not_cached() {
    let cache = process(None).await;
    let failing = async { Err::<Loaded<u32>, _>(Error::Unavailable("no connection is free".into())) };
    let error = cached(&*cache, issue_key(), None, failing).await.unwrap_err();
    assert_eq!((error.code(), error.to_string().as_str()), ("unavailable", "no connection is free"));
    let absent = async { Ok(Loaded::<u32>::Absent) };
    assert!(cached(&*cache, issue_key(), None, absent).await.unwrap().is_none());
    let once = async { Ok(Loaded::Once(5_u32)) };
    assert_eq!(*cached(&*cache, issue_key(), None, once).await.unwrap().unwrap(), 5);
    assert_eq!(ask(&cache, &Arc::new(Source::default()), issue_key()).await, 0);
}

#[tokio::test]
async fn a_load_that_panics_fails_alone() {
    let cache = process(None).await;
    let panics = async { panic!("a bug") };
    assert_eq!(cached::<u32>(&*cache, issue_key(), None, panics).await.unwrap_err().code(), "internal");
    assert_eq!(ask(&cache, &Arc::new(Source::default()), issue_key()).await, 0);
}

/// Everything there is a kind of, in two tenants.
fn all_kinds() -> Vec<CacheKey> {
    let mut keys = Vec::new();
    for tenant in [TENANT, TenantId(Uuid::from_u128(9))] {
        for (kind, instance, name) in [
            (Kind::Instance, None, "main".to_owned()),
            (Kind::Issue, Some(SITE), issue_by_key("PAY-1")),
            (Kind::Issue, Some(SITE), issue_by_id(ISSUE)),
            (Kind::Issue, None, issue_by_key("PAY-1")),
            (Kind::Issue, Some(SITE), issue_by_key("PAY-2")),
            (Kind::Issue, Some(InstanceId(Uuid::from_u128(7))), issue_by_key("PAY-1")),
            (Kind::Project, Some(SITE), "PAY".to_owned()),
            (Kind::User, Some(SITE), ISSUE.to_string()),
            (Kind::Roster, Some(SITE), "Fields".to_owned()),
            (Kind::Pulse, None, "2026".to_owned()),
        ] {
            keys.push(CacheKey { tenant, instance, kind, name });
        }
    }
    keys
}

/// Which of [`all_kinds`] an announcement makes old.
async fn made_old(redis: Option<&RedisServer>, lines: &str) -> Vec<usize> {
    let (cache, source) = (process(redis).await, Arc::new(Source::default()));
    tokio::time::sleep(ms(if redis.is_some() { 100 } else { 0 })).await;
    cache.announced(&noted("@\n*\n")).await;
    for key in all_kinds() {
        ask(&cache, &source, key).await;
    }
    source.set(1);
    cache.announced(&noted(lines)).await;
    let mut old = Vec::new();
    for (at, key) in all_kinds().into_iter().enumerate() {
        if ask(&cache, &source, key).await == 1 {
            old.push(at);
        }
    }
    old
}

#[tokio::test]
async fn each_event_makes_old_what_it_concerns_and_no_more() {
    let redis = RedisServer::start();
    let (tenant, site, id) = (TENANT.0.simple(), SITE.0.simple(), ISSUE.0.simple());
    for redis in [None, Some(&redis)] {
        for (lines, old) in [
            (format!("@{tenant}#{site}\ni {id} PAY-1\n"), vec![1, 2, 3]),
            (format!("@{tenant}#{site}\ni {id} NEW-1 PAY-2\n"), vec![2, 4]),
            (format!("@{tenant}#{site}\nu {id}\n"), vec![7]),
            (format!("@{tenant}#{site}\n*\n"), vec![1, 2, 3, 4, 6, 7, 8]),
            (format!("@{tenant}\nr\n"), vec![0]),
            (format!("@{tenant}\n*\n"), (0..10).collect()),
            ("@\nm\n".into(), vec![9, 19]),
            ("of a Forebay to come".into(), (0..20).collect()),
        ] {
            assert_eq!(made_old(redis, &lines).await, old, "{lines:?}, with Redis: {}", redis.is_some());
        }
    }
}

#[tokio::test]
async fn nobody_waits_for_a_dead_redis_and_nothing_old_is_believed_when_it_is_back() {
    let server = RedisServer::start();
    let port = server.port;
    let [here, there] = processes(&server).await;
    let source = Arc::new(Source::default());
    assert_eq!(ask(&here, &source, issue_key()).await, 0);
    assert_eq!(ask(&there, &source, issue_key()).await, 0);

    // Under load: readers all the while, each answer timed.
    let stop = Arc::new(AtomicUsize::new(0));
    let readers: Vec<_> = (0..8)
        .map(|number| {
            let (cache, source, stop) = (there.clone(), source.clone(), stop.clone());
            tokio::spawn(async move {
                let (mut slowest, mut reads) = (Duration::ZERO, 0_u32);
                while stop.load(Ordering::SeqCst) == 0 {
                    let began = Instant::now();
                    ask(&cache, &source, key(Kind::User, Some(SITE), &format!("{number}-{reads}"))).await;
                    slowest = slowest.max(began.elapsed());
                    reads += 1;
                    tokio::time::sleep(ms(1)).await;
                }
                (slowest, reads)
            })
        })
        .collect();
    tokio::time::sleep(ms(100)).await;
    drop(server);
    tokio::time::sleep(ms(100)).await;
    source.set(1);
    let change = issue_changed();
    here.announced(&change).await;
    // The other one hears it from the database.
    there.heard(Some(change));
    assert_eq!(ask(&here, &source, issue_key()).await, 1);
    assert_eq!(ask(&there, &source, issue_key()).await, 1);

    // It comes back with what it had, as one does that was only out of reach.
    let server = RedisServer::start_on(port);
    let began = Instant::now();
    while !keys(&server).await.iter().any(|key| key.contains(":user:")) {
        assert!(began.elapsed() < Duration::from_secs(5), "Redis is not used again");
        tokio::time::sleep(ms(20)).await;
    }
    stop.store(1, Ordering::SeqCst);
    for reader in readers {
        let (slowest, reads) = reader.await.unwrap();
        assert!(reads > 10 && slowest < ms(1_000), "{reads} reads, the slowest took {slowest:?}");
    }
}

#[tokio::test]
async fn a_redis_that_was_out_of_reach_for_an_invalidation_is_not_believed_until_it_is_made_good() {
    let server = RedisServer::start();
    let [writer] = processes(&server).await;
    let source = Arc::new(Source::default());
    assert_eq!(ask(&writer, &source, issue_key()).await, 0);
    // It does not answer, and keeps what it has.
    let pid = server.process.id().to_string();
    assert!(Command::new("kill").args(["-STOP", &pid]).status().unwrap().success());
    source.set(1);
    let began = Instant::now();
    // Whoever finds out spares the others the waiting: the invalidation is not even sent.
    ask(&writer, &source, key(Kind::User, Some(SITE), "anyone")).await;
    writer.announced(&issue_changed()).await;
    assert_eq!(ask(&writer, &source, issue_key()).await, 1);
    assert!(began.elapsed() < ms(1_000), "a Redis that hangs holds up a write for {:?}", began.elapsed());
    assert!(Command::new("kill").args(["-CONT", &pid]).status().unwrap().success());
    // Whenever it is asked again, what it answers is not the old value.
    for _ in 0..40 {
        // Which forgets what is in memory.
        writer.hears();
        assert_eq!(ask(&writer, &source, issue_key()).await, 1);
        tokio::time::sleep(ms(20)).await;
    }
    let other = process(Some(&server)).await;
    assert_eq!(ask(&other, &source, issue_key()).await, 1);
}

#[tokio::test]
async fn memory_stays_within_its_bytes() {
    let settings = CacheSettings { memory_bytes: 200_000, ..CacheSettings::default() };
    let cache = connect(None, settings).await.0;
    cache.hears();
    for number in 0..2_000 {
        let load = async { Ok(Loaded::Keep("x".repeat(1_000))) };
        let key = key(Kind::Roster, Some(SITE), &number.to_string());
        cached::<String>(&*cache, key, None, load).await.unwrap();
    }
    cache.tidy();
    assert!((50_000..=200_000).contains(&cache.memory_bytes()), "{}", cache.memory_bytes());
}

#[tokio::test]
async fn what_is_not_made_old_grows_old() {
    let settings = CacheSettings { ttl: ms(80), ..CacheSettings::default() };
    let redis = RedisServer::start();
    for url in [None, Some(redis.url())] {
        let cache = connect(url.as_deref(), settings).await.0;
        cache.hears();
        let source = Arc::new(Source::default());
        ask(&cache, &source, issue_key()).await;
        source.set(1);
        tokio::time::sleep(ms(200)).await;
        assert_eq!(ask(&cache, &source, issue_key()).await, 1);
    }
}

#[derive(Clone, Debug)]
enum Step {
    /// A load begins and reads.
    Begin,
    /// The oldest load under way comes back.
    End,
    /// A write commits and is announced.
    Write,
    /// A look-up from beginning to end.
    Ask,
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    prop::collection::vec(
        prop::sample::select(vec![Step::Begin, Step::End, Step::Write, Step::Ask, Step::Ask]),
        1..40,
    )
}

proptest! {
    /// However loads and commits interleave, a look-up that begins after a commit was announced sees it.
    #[test]
    fn no_look_up_answers_what_is_older_than_the_last_commit(steps in steps()) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let (cache, source) = (process(None).await, Arc::new(Source::default()));
            let mut written = 0;
            let mut under_way = std::collections::VecDeque::new();
            for step in steps {
                match step {
                    Step::Begin => {
                        let held = source.hold();
                        let (cache, source) = (cache.clone(), source.clone());
                        let asking = tokio::spawn(async move { ask(&cache, &source, issue_key()).await });
                        // It reads, or joins, or finds the value: whichever, it is as far as it gets by itself.
                        for _ in 0..20 {
                            tokio::task::yield_now().await;
                        }
                        under_way.push_back((held, asking, written));
                    }
                    Step::End => if let Some((held, asking, began_at)) = under_way.pop_front() {
                        held.go_on.notify_one();
                        if asking.is_finished() {
                            assert!(asking.await.unwrap() >= began_at);
                        }
                    },
                    Step::Write => {
                        written += 1;
                        source.set(written);
                        cache.announced(&issue_changed()).await;
                    }
                    Step::Ask => {
                        source.held.lock().unwrap().take();
                        let (asked, later) = (cache.clone(), source.clone());
                        let mut asking = tokio::spawn(async move { ask(&asked, &later, issue_key()).await });
                        // It may wait for a load that is held; then that one is let go.
                        for _ in 0..20 {
                            tokio::task::yield_now().await;
                        }
                        if !asking.is_finished() {
                            for (held, _, _) in &under_way {
                                held.go_on.notify_one();
                            }
                        }
                        prop_assert_eq!((&mut asking).await.unwrap(), written);
                    }
                }
            }
            Ok(())
        })?;
    }
}
