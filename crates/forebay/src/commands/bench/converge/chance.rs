//! What a round's seed decides: which faults, what administrators do when, which worker dies, whether PostgreSQL and Redis do.

use std::time::Duration;

use rand_chacha::{
    ChaCha8Rng,
    rand_core::{Rng, SeedableRng},
};
use serde_json::{Value, json};

use super::{
    deeds::{DEEDS, Deed},
    house::Victim,
};

/// Kinds of faulty requests that one source serves in a round, at most. Three rounds in a row serve all of them.
const SHARE: usize = 10;
/// Percent; with several faults at once most requests still get through, if not at their first try.
const LIKELIEST: u64 = 30;
/// Percent; for what few requests could meet.
const LIKELIEST_OF_RARE: u64 = 90;
/// What only writers meet, and seldom.
const OF_WRITERS: &str = "foreign_search";
/// Faults of pages that are not the last, or not the first.
const OF_LATER_PAGES: [&str; 7] = [
    "missing_token",
    "last_with_token",
    "null_token",
    "empty_page",
    "repeated_page",
    "expired_page_token",
    "shifted_page",
];

/// What no sync and no census can see: it has a part of the round of its own.
const OF_SILENCE: &str = "silent_comments";

/// Every kind of fault that a sandbox can be asked for.
pub(super) const KINDS: [&str; 34] = [
    "latency",
    "hang",
    "status",
    "cut_body",
    "invalid_json",
    "login_page",
    "empty_body",
    "rate_limit",
    "budget",
    "unauthorized",
    "anonymous",
    "short_page",
    "missing_token",
    "last_with_token",
    "null_token",
    "empty_page",
    "repeated_page",
    "expired_page_token",
    "duplicate_row",
    "shifted_page",
    "foreign_search",
    "index_lag",
    "hidden",
    "key_move",
    "truncated",
    "bad_issue",
    "poisoned_issue",
    "odd_changelog",
    OF_SILENCE,
    "webhook_duplicate",
    "webhook_reorder",
    "webhook_delay",
    "webhook_loss",
    "webhook_bad_signature",
];

/// What happens in a round.
pub(super) struct Fate {
    /// For `POST /v1/sandbox/{name}/faults`, of the Cloud site and of the Data Center site.
    pub(super) plans: [Value; 2],
    /// When which workers are killed, since the beginning, in order.
    pub(super) kills: Vec<(Duration, Victim)>,
    /// When PostgreSQL crashes, if it does.
    pub(super) crash: Option<Duration>,
    /// When Redis is killed, if it is.
    pub(super) redis: Option<Duration>,
    /// When censuses are taken in the midst of it, in order.
    pub(super) censuses: Vec<Duration>,
    /// What a person answers, bit by bit, when the brake has stopped a census.
    pub(super) answers: u64,
    /// What administrators do at each of the sites, and when, in order; with a number each.
    pub(super) deeds: [Vec<(Duration, &'static Deed, u64)>; 2],
    /// When backups of the sources are taken.
    pub(super) backup: Duration,
    /// Whether the sources are put back to them in the end.
    pub(super) restores: bool,
    /// The seeds of the writers.
    pub(super) writers: Vec<u64>,
}

impl Fate {
    /// The same seed, the same fate. `seed`, `seed + 1` and `seed + 2` plan every kind of fault between them at each of the sites
    /// when `seed` is a multiple of three, and so does any longer row.
    pub(super) fn of(seed: u64, length: Duration, writers: u32) -> Self {
        let mut chance = Chance(ChaCha8Rng::seed_from_u64(seed));
        let plans = [0, 1].map(|site| {
            let rules = chance.rules(seed, site);
            json!({ "seed": chance.below(1 << 32), "rules": rules })
        });
        let kills = 1 + length.as_secs() / 20 + chance.below(2);
        let mut kills: Vec<_> = (0..kills).map(|_| (chance.moment(length), chance.victim())).collect();
        kills.sort_by_key(|(at, _)| *at);
        let [crash, redis] = [(); 2].map(|()| {
            let at = chance.moment(length);
            (chance.below(2) == 0).then_some(at)
        });
        let mut censuses: Vec<_> = (0..1 + chance.below(3)).map(|_| chance.moment(length)).collect();
        censuses.sort();
        let writers = (0..writers).map(|_| chance.0.next_u64()).collect();
        let deeds = [(); 2].map(|()| chance.deeds(length));
        let (answers, backup) = (chance.0.next_u64(), chance.moment(length / 2));
        let restores = chance.below(2) == 0;
        Self { plans, kills, crash, redis, censuses, answers, deeds, backup, restores, writers }
    }

    /// What goes wrong where comments are changed silently: nothing tells of it.
    pub(super) fn silence(seed: u64) -> Value {
        json!({ "seed": seed, "rules": [{ "fault": OF_SILENCE }, { "fault": "webhook_loss" }] })
    }
}

fn is_of_later_pages(rule: &Value) -> bool {
    OF_LATER_PAGES.iter().any(|kind| rule["fault"] == *kind)
}

struct Chance(ChaCha8Rng);

impl Chance {
    fn below(&mut self, bound: u64) -> u64 {
        self.0.next_u64() % bound.max(1)
    }

    fn index(&mut self, length: usize) -> usize {
        usize::try_from(self.below(length as u64)).unwrap_or_default()
    }

    /// Within the middle nine tenths.
    fn moment(&mut self, length: Duration) -> Duration {
        let length = u64::try_from(length.as_millis()).unwrap_or(u64::MAX);
        Duration::from_millis(length / 20 + self.below(length * 9 / 10))
    }

    /// One every three seconds or so, and a few more.
    fn deeds(&mut self, length: Duration) -> Vec<(Duration, &'static Deed, u64)> {
        let count = 3 + length.as_secs() / 3;
        let mut deeds: Vec<_> = (0..count)
            .filter_map(|_| {
                let at = self.moment(length);
                let deed = DEEDS.get(self.index(DEEDS.len()))?;
                Some((at, deed, self.0.next_u64()))
            })
            .collect();
        deeds.sort_by_key(|(at, ..)| *at);
        deeds
    }

    fn victim(&mut self) -> Victim {
        match self.below(4) {
            0 => Victim::Both,
            1 => Victim::First,
            _ => Victim::Second,
        }
    }

    fn one_of<T: Copy>(&mut self, all: &[T], otherwise: T) -> T {
        let number = self.index(all.len());
        all.get(number).copied().unwrap_or(otherwise)
    }

    /// The faults of one of the two sites.
    fn rules(&mut self, seed: u64, site: u64) -> Vec<Value> {
        // All three rounds of a row shuffle alike, and each deals another third to each site.
        let mut faults = Chance(ChaCha8Rng::seed_from_u64(seed / 3)).shuffled(self.faults_of_requests());
        let third = usize::try_from((seed + site) % 3).unwrap_or_default() * SHARE;
        let mut rules: Vec<Value> = faults.drain(third..(third + SHARE).min(faults.len())).collect();
        let webhooks = self.faults_of_webhooks().into_iter().zip(0..);
        rules.extend(
            webhooks.filter(|(_, number)| (seed + site + number).is_multiple_of(2)).map(|(fault, _)| fault),
        );
        for rule in &mut rules {
            let rare = is_of_later_pages(rule) || rule["fault"] == OF_WRITERS;
            let percent = match rare {
                true => LIKELIEST_OF_RARE / 2 + self.below(LIKELIEST_OF_RARE / 2) + 1,
                false => self.below(LIKELIEST) + 1,
            };
            rule["probability"] = json!(percent as f64 / 100.0);
        }
        // Short pages make many of them: a small site would have one page else.
        if rules.iter().any(is_of_later_pages) {
            rules.push(json!({ "fault": "short_page", "at_most": 12, "probability": 0.5 }));
        }
        rules
    }

    fn shuffled(mut self, mut faults: Vec<Value>) -> Vec<Value> {
        for at in (1..faults.len()).rev() {
            let other = self.index(at + 1);
            faults.swap(at, other);
        }
        faults
    }

    /// One rule of each kind.
    fn faults_of_requests(&mut self) -> Vec<Value> {
        let status = self.one_of(&[400, 403, 404, 500, 502, 503, 504], 500);
        let body = self.one_of(&["html", "json", "empty"], "html");
        let field = self.one_of(&["updated", "status", "project", "summary", "created"], "updated");
        // A field that is shown for a while is no lie that anybody could see, and issues that were read then have it until they are
        // read again.
        let how = self.one_of(&["missing", "malformed"], "missing");
        let poison = self.one_of(&["failure", "cut"], "failure");
        let done = self.below(2) == 0;
        vec![
            json!({ "fault": "latency", "ms": 0, "max_ms": 150 }),
            json!({ "fault": "hang", "ms": 300, "done": done }),
            json!({ "fault": "status", "status": status, "body": body, "done": done }),
            json!({ "fault": "cut_body", "share": 0.7 }),
            json!({ "fault": "invalid_json" }),
            json!({ "fault": "login_page" }),
            json!({ "fault": "empty_body" }),
            json!({ "fault": "rate_limit", "retry_after": 1, "bare": done }),
            json!({ "fault": "budget", "requests": 2, "per_seconds": 2 }),
            json!({ "fault": "unauthorized" }),
            json!({ "fault": "anonymous" }),
            json!({ "fault": "short_page", "at_most": 7 }),
            json!({ "fault": "missing_token" }),
            json!({ "fault": "last_with_token" }),
            json!({ "fault": "null_token" }),
            json!({ "fault": "empty_page" }),
            json!({ "fault": "repeated_page" }),
            json!({ "fault": "expired_page_token" }),
            json!({ "fault": "duplicate_row" }),
            json!({ "fault": "shifted_page", "by": 2 }),
            json!({ "fault": "foreign_search" }),
            json!({ "fault": "index_lag", "ms": 3000 }),
            json!({ "fault": "hidden", "share": 0.2 }),
            json!({ "fault": "key_move", "times": 10 }),
            json!({ "fault": "truncated", "changelog": 2, "comments": 1, "worklogs": 1 }),
            json!({ "fault": "bad_issue", "share": 0.2, "how": how, "field": field }),
            json!({ "fault": "poisoned_issue", "share": 0.1, "how": poison, "alone": done }),
            // A history without an author is no lie that anybody could see: sites show such of accounts that are gone.
            json!({ "fault": "odd_changelog", "without_author": false }),
        ]
    }

    fn faults_of_webhooks(&mut self) -> Vec<Value> {
        vec![
            json!({ "fault": "webhook_duplicate" }),
            json!({ "fault": "webhook_reorder", "ms": 2000 }),
            json!({ "fault": "webhook_delay", "ms": 0, "max_ms": 3000 }),
            json!({ "fault": "webhook_loss" }),
            json!({ "fault": "webhook_bad_signature" }),
        ]
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use application::sandbox::faults::FaultPlan;

    use super::*;

    const LENGTH: Duration = Duration::from_secs(30);

    #[test]
    fn a_seed_decides_a_round() {
        let (one, same, other) = (Fate::of(1, LENGTH, 3), Fate::of(1, LENGTH, 3), Fate::of(2, LENGTH, 3));
        assert_eq!(
            (&one.plans, &one.kills, one.crash, one.redis, &one.writers),
            (&same.plans, &same.kills, same.crash, same.redis, &same.writers)
        );
        assert_ne!(one.plans, other.plans);
        assert!(one.kills.iter().all(|(at, _)| *at < LENGTH) && one.kills.is_sorted_by_key(|(at, _)| *at));
    }

    #[test]
    fn three_rounds_in_a_row_plan_every_kind_at_both_sites() {
        let mut all: BTreeSet<String> = KINDS.map(str::to_owned).into();
        assert_eq!(all.len(), 34);
        FaultPlan::parse(&Fate::silence(1)).unwrap();
        assert!(all.remove(OF_SILENCE), "it has a plan of its own");
        for seed in [0, 42, 300] {
            for site in [0, 1] {
                let mut kinds = BTreeSet::new();
                for seed in seed..seed + 3 {
                    let plan = &Fate::of(seed, LENGTH, 1).plans[site];
                    let read = FaultPlan::parse(plan).unwrap();
                    assert!(read.rules.iter().all(|rule| rule.probability > 0.0 && rule.probability <= 0.9));
                    let rules = plan["rules"].as_array().unwrap();
                    kinds.extend(rules.iter().map(|rule| rule["fault"].as_str().unwrap().to_owned()));
                }
                assert_eq!(kinds, all, "seed {seed}, site {site}");
            }
        }
    }

    #[test]
    fn crashes_come_in_about_every_other_round_and_every_deed_is_done() {
        let fates: Vec<Fate> = (0..200).map(|seed| Fate::of(seed, LENGTH, 1)).collect();
        for happens in [
            |fate: &Fate| fate.crash.is_some(),
            |fate: &Fate| fate.redis.is_some(),
            |fate: &Fate| fate.restores,
        ] {
            let count = fates.iter().filter(|fate| happens(fate)).count();
            assert!((70..130).contains(&count), "{count} of 200");
        }
        assert!(fates.iter().all(|fate| (1..=3).contains(&fate.censuses.len())));
        for deed in DEEDS {
            let is_done =
                |fate: &Fate| fate.deeds.iter().flatten().any(|(_, done, _)| done.name == deed.name);
            assert!(fates.iter().any(is_done), "{}", deed.name);
        }
        for victim in [Victim::First, Victim::Second, Victim::Both] {
            assert!(fates.iter().any(|fate| fate.kills.iter().any(|(_, killed)| *killed == victim)));
        }
    }
}
