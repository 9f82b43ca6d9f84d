//! What a round's seed decides: which faults, when the worker dies, whether the database does.

use std::time::Duration;

use rand_chacha::{
    ChaCha8Rng,
    rand_core::{Rng, SeedableRng},
};
use serde_json::{Value, json};

/// Faults of requests that one round serves; of webhooks, each is drawn by itself.
const KINDS: usize = 9;
/// Percent; with several faults at once most requests still get through, if not at their first try.
const LIKELIEST: u64 = 30;

/// What happens in a round.
pub(super) struct Fate {
    /// For `POST /v1/sandbox/{name}/faults`.
    pub(super) plan: Value,
    /// When the worker is killed, since the beginning, in order.
    pub(super) kills: Vec<Duration>,
    /// When PostgreSQL crashes, if it does.
    pub(super) crash: Option<Duration>,
    /// When a census is taken in the midst of it, if one is.
    pub(super) census: Option<Duration>,
    /// The seeds of the writers.
    pub(super) writers: Vec<u64>,
}

impl Fate {
    /// The same seed, the same fate.
    pub(super) fn of(seed: u64, length: Duration, writers: u32) -> Self {
        let mut chance = Chance(ChaCha8Rng::seed_from_u64(seed));
        let rules = chance.rules();
        let kills = 1 + length.as_secs() / 20 + chance.below(2);
        let mut kills: Vec<_> = (0..kills).map(|_| chance.moment(length)).collect();
        kills.sort();
        let crash = chance.moment(length);
        let census = chance.moment(length);
        Self {
            plan: json!({ "seed": chance.below(1 << 32), "rules": rules }),
            kills,
            crash: (chance.below(2) == 0).then_some(crash),
            census: (chance.below(2) == 0).then_some(census),
            writers: (0..writers).map(|_| chance.0.next_u64()).collect(),
        }
    }
}

struct Chance(ChaCha8Rng);

impl Chance {
    fn below(&mut self, bound: u64) -> u64 {
        self.0.next_u64() % bound.max(1)
    }

    /// Within the middle nine tenths.
    fn moment(&mut self, length: Duration) -> Duration {
        let length = u64::try_from(length.as_millis()).unwrap_or(u64::MAX);
        Duration::from_millis(length / 20 + self.below(length * 9 / 10))
    }

    fn one_of<T: Copy>(&mut self, all: &[T], otherwise: T) -> T {
        let number = self.below(all.len() as u64);
        usize::try_from(number).ok().and_then(|number| all.get(number)).copied().unwrap_or(otherwise)
    }

    fn rules(&mut self) -> Vec<Value> {
        let mut faults = self.faults_of_requests();
        let mut rules = Vec::new();
        for _ in 0..KINDS {
            let number = usize::try_from(self.below(faults.len() as u64)).unwrap_or_default();
            rules.push(faults.swap_remove(number));
        }
        for fault in self.faults_of_webhooks() {
            if self.below(2) == 0 {
                rules.push(fault);
            }
        }
        for rule in &mut rules {
            let percent = self.below(LIKELIEST) + 1;
            rule["probability"] = json!(percent as f64 / 100.0);
        }
        rules
    }

    /// One rule of each kind.
    fn faults_of_requests(&mut self) -> Vec<Value> {
        let status = self.one_of(&[400, 403, 404, 500, 502, 503, 504], 500);
        let body = self.one_of(&["html", "json", "empty"], "html");
        let field = self.one_of(&["updated", "status", "project", "summary", "created"], "updated");
        let how = self.one_of(&["missing", "malformed", "unknown"], "missing");
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
            json!({ "fault": "budget", "requests": 60, "per_seconds": 2 }),
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
            json!({ "fault": "odd_changelog" }),
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
    use application::sandbox::faults::FaultPlan;

    use super::*;

    const LENGTH: Duration = Duration::from_secs(30);

    #[test]
    fn a_seed_decides_a_round() {
        let (one, same, other) = (Fate::of(1, LENGTH, 3), Fate::of(1, LENGTH, 3), Fate::of(2, LENGTH, 3));
        assert_eq!(
            (&one.plan, &one.kills, one.crash, &one.writers),
            (&same.plan, &same.kills, same.crash, &same.writers)
        );
        assert_ne!(one.plan, other.plan);
        assert!(one.kills.iter().all(|kill| *kill < LENGTH) && one.kills.is_sorted());
    }

    #[test]
    fn every_plan_can_be_served_and_a_few_rounds_meet_every_kind() {
        let mut kinds = std::collections::BTreeSet::new();
        for seed in 0..40 {
            let plan = Fate::of(seed, LENGTH, 1).plan;
            let read = FaultPlan::parse(&plan).unwrap();
            assert!(read.rules.iter().all(|rule| rule.probability > 0.0 && rule.probability <= 0.3));
            for rule in plan["rules"].as_array().unwrap() {
                kinds.insert(rule["fault"].as_str().unwrap().to_owned());
            }
        }
        assert_eq!(kinds.len(), 32, "{kinds:?}");
    }
}
