//! Which faults meet a request.

use std::{
    collections::{BTreeMap, HashMap},
    sync::{Mutex, MutexGuard, PoisonError},
};

use chrono::{DateTime, Utc};
use sha2::{Digest, Sha256};
use uuid::Uuid;

use super::{
    draw::Draw,
    plan::{Endpoint, Fault, FaultPlan, FaultRule, Reach},
};

/// Different requests beyond are not told apart any more: what was seen is forgotten then.
const MOST_REMEMBERED: usize = 200_000;

/// A request at the site's API.
#[derive(Clone, Copy, Debug)]
pub struct Asked<'a> {
    /// The method.
    pub method: &'a str,
    /// The path, as the site itself has it: `/rest/api/3/search/jql`.
    pub path: &'a str,
    /// The query string.
    pub query: &'a str,
    /// The body.
    pub body: &'a [u8],
}

impl Asked<'_> {
    /// The part of the API.
    pub fn endpoint(&self) -> Endpoint {
        Endpoint::of(self.path)
    }

    fn digest(&self) -> [u8; 16] {
        let mut hash = Sha256::new();
        for part in [self.method.as_bytes(), self.path.as_bytes(), self.query.as_bytes(), self.body] {
            hash.update((part.len() as u64).to_be_bytes());
            hash.update(part);
        }
        let mut digest = [0; 16];
        digest.copy_from_slice(&hash.finalize()[..16]);
        digest
    }
}

/// A fault that meets a request, unless [`ActivePlan::inject`] says that it has met enough of them.
#[derive(Clone, Copy, Debug)]
pub struct Met<'p> {
    /// The rule's place in the plan.
    pub rule: usize,
    /// The fault.
    pub fault: &'p Fault,
    /// Its chance, for what it leaves open.
    pub draw: Draw,
}

/// How a limit of requests stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Spent {
    /// Whether this request is beyond the limit.
    pub refused: bool,
    /// How many are left in this window.
    pub remaining: u32,
    /// When the next window begins.
    pub reset: DateTime<Utc>,
}

/// A plan that is being served, with what this process has seen and done.
#[derive(Debug)]
pub struct ActivePlan {
    /// Which plan: another one with every change.
    pub revision: Uuid,
    /// When it was set.
    pub set_at: DateTime<Utc>,
    /// The plan.
    pub plan: FaultPlan,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    seen: HashMap<[u8; 16], u32>,
    rules: Vec<RuleState>,
    /// Injected and not yet stored, by kind.
    pending: BTreeMap<&'static str, u64>,
}

#[derive(Clone, Debug, Default)]
struct RuleState {
    matched: u64,
    injected: u64,
    /// A budget's window, and what was spent in it.
    spent: (i64, u32),
}

impl ActivePlan {
    /// A plan of which nothing has been served.
    pub fn new(revision: Uuid, set_at: DateTime<Utc>, plan: FaultPlan) -> Self {
        let state = State { rules: vec![RuleState::default(); plan.rules.len()], ..State::default() };
        Self { revision, set_at, plan, state: Mutex::new(state) }
    }

    /// The faults that meet this request. It is counted as seen, so that the same request may be met otherwise the next time.
    pub fn meet(&self, asked: &Asked<'_>, now: DateTime<Utc>) -> Vec<Met<'_>> {
        let digest = asked.digest();
        let mut state = self.state();
        if state.seen.len() >= MOST_REMEMBERED {
            state.seen.clear();
        }
        let seen = state.seen.entry(digest).or_default();
        let before = *seen;
        *seen = seen.saturating_add(1);
        let mut met = Vec::new();
        for (at, rule) in self.plan.rules.iter().enumerate() {
            if rule.fault.is_of_webhooks() || !rule.on.admits(asked) {
                continue;
            }
            let known = &mut state.rules[at];
            known.matched += 1;
            let is_due = rule.window.holds(self.set_at, now, known.matched)
                && rule.first.is_none_or(|first| before < first)
                && rule.times.is_none_or(|times| known.injected < times);
            let draw = self.draw(at, rule, &digest, &before.to_be_bytes());
            if is_due && draw.happens(rule.probability) {
                met.push(Met { rule: at, fault: &rule.fault, draw });
            }
        }
        met
    }

    /// The rules of webhooks that meet a delivery, which these parts identify.
    pub fn meet_delivery(&self, event: &str, parts: &[u8], now: DateTime<Utc>) -> Vec<Met<'_>> {
        let rules = self.plan.rules.iter().enumerate();
        rules
            .filter(|(_, rule)| {
                let of_event =
                    rule.on.events.is_empty() || rule.on.events.iter().any(|wanted| wanted == event);
                rule.fault.is_of_webhooks() && of_event && rule.window.holds_at(self.set_at, now)
            })
            .map(|(at, rule)| Met {
                rule: at,
                fault: &rule.fault,
                draw: self.draw(at, rule, event.as_bytes(), parts),
            })
            .filter(|met| met.draw.happens(self.plan.rules[met.rule].probability))
            .collect()
    }

    fn draw(&self, at: usize, rule: &FaultRule, what: &[u8], which: &[u8]) -> Draw {
        Draw::of(self.plan.seed, &[&(at as u64).to_be_bytes(), rule.fault.kind().as_bytes(), what, which])
    }

    /// Whether an issue is among those that the seed picks for a rule: the same ones with every request.
    pub fn picks(&self, rule: usize, share: f64, issue_id: &str) -> bool {
        Draw::of(self.plan.seed, &[&(rule as u64).to_be_bytes(), b"issue", issue_id.as_bytes()])
            .happens(share)
    }

    /// Counts a fault that is about to happen; `false` when the rule has met as many requests as it may.
    pub fn inject(&self, rule: usize) -> bool {
        let mut state = self.state();
        let (Some(known), Some(said)) = (state.rules.get_mut(rule), self.plan.rules.get(rule)) else {
            return false;
        };
        if said.times.is_some_and(|times| known.injected >= times) {
            return false;
        }
        known.injected += 1;
        *state.pending.entry(said.fault.kind()).or_default() += 1;
        true
    }

    /// Takes one request from a budget.
    pub fn spend(&self, rule: usize, requests: u32, per_seconds: u32, now: DateTime<Utc>) -> Spent {
        let length = i64::from(per_seconds.max(1));
        let window = now.timestamp().div_euclid(length);
        let mut state = self.state();
        let mut used = 0;
        if let Some(known) = state.rules.get_mut(rule) {
            if known.spent.0 != window {
                known.spent = (window, 0);
            }
            used = known.spent.1;
            known.spent.1 = used.saturating_add(1);
        }
        Spent {
            refused: used >= requests,
            remaining: requests.saturating_sub(used.saturating_add(1)),
            reset: DateTime::from_timestamp((window + 1) * length, 0).unwrap_or(now),
        }
    }

    /// What was injected and is not stored yet.
    pub fn take_pending(&self) -> BTreeMap<&'static str, u64> {
        std::mem::take(&mut self.state().pending)
    }

    /// Gives back what could not be stored.
    pub fn give_back(&self, counts: BTreeMap<&'static str, u64>) {
        let mut state = self.state();
        for (kind, count) in counts {
            *state.pending.entry(kind).or_default() += count;
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Reach {
    /// Whether a request is within.
    pub fn admits(&self, asked: &Asked<'_>) -> bool {
        (self.endpoints.is_empty() || self.endpoints.contains(&asked.endpoint()))
            && (self.methods.is_empty() || self.methods.iter().any(|method| method == asked.method))
            && self.path.as_deref().is_none_or(|pattern| is_like(pattern, asked.path))
    }
}

/// Whether a text is like a pattern, in which `*` stands for any text.
fn is_like(pattern: &str, text: &str) -> bool {
    let Some((start, rest)) = pattern.split_once('*') else { return pattern == text };
    let Some(mut left) = text.strip_prefix(start) else { return false };
    let mut parts: Vec<&str> = rest.split('*').collect();
    let end = parts.pop().unwrap_or_default();
    for part in parts {
        match left.find(part) {
            Some(at) => left = &left[at + part.len()..],
            None => return false,
        }
    }
    left.ends_with(end)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::{Value, json};

    use super::*;

    fn active(seed: u64, rules: Value) -> ActivePlan {
        let plan = FaultPlan::parse(&json!({ "seed": seed, "rules": rules })).unwrap();
        ActivePlan::new(Uuid::nil(), DateTime::UNIX_EPOCH, plan)
    }

    fn get<'a>(path: &'a str, query: &'a str) -> Asked<'a> {
        Asked { method: "GET", path, query, body: b"" }
    }

    fn at(seconds: i64) -> DateTime<Utc> {
        DateTime::from_timestamp(seconds, 0).unwrap()
    }

    fn kinds(plan: &ActivePlan, asked: &Asked<'_>) -> Vec<&'static str> {
        plan.meet(asked, at(0)).into_iter().map(|met| met.fault.kind()).collect()
    }

    #[test]
    fn a_path_tells_the_part_of_the_api() {
        for (path, endpoint) in [
            ("/rest/api/3/myself", Endpoint::Identity),
            ("/rest/api/latest/search", Endpoint::Search),
            ("/rest/api/3/search/jql", Endpoint::Search),
            ("/rest/api/3/search/approximate-count", Endpoint::Count),
            ("/rest/api/2/issue/ED-1", Endpoint::Issue),
            ("/rest/api/3/issue/bulkfetch", Endpoint::Issue),
            ("/rest/api/3/issue/ED-1/comment", Endpoint::Comments),
            ("/rest/api/3/issue/1/worklog", Endpoint::Worklogs),
            ("/rest/api/3/worklog/updated", Endpoint::Worklogs),
            ("/rest/api/3/issue/1/changelog", Endpoint::Changelog),
            ("/rest/api/3/changelog/bulkfetch", Endpoint::Changelog),
            ("/rest/api/3/issue/1/transitions", Endpoint::Transitions),
            ("/rest/api/3/project/search", Endpoint::Projects),
            ("/rest/api/3/field", Endpoint::Rosters),
            ("/rest/agile/1.0/board", Endpoint::Agile),
            ("/rest/webhooks/1.0/webhook/3", Endpoint::Webhooks),
        ] {
            assert_eq!(Endpoint::of(path), endpoint, "{path}");
        }
    }

    #[test]
    fn a_rule_meets_what_it_is_on() {
        let plan = active(
            1,
            json!([
                { "fault": "login_page", "on": { "endpoints": ["search"], "methods": ["GET"] } },
                { "fault": "empty_body", "on": { "path": "/rest/api/*/issue/*/comment" } },
                { "fault": "webhook_loss" },
            ]),
        );
        assert_eq!(kinds(&plan, &get("/rest/api/3/search/jql", "")), ["login_page"]);
        let post = Asked { method: "POST", ..get("/rest/api/3/search/jql", "") };
        assert!(kinds(&plan, &post).is_empty());
        assert_eq!(kinds(&plan, &get("/rest/api/2/issue/7/comment", "")), ["empty_body"]);
        assert!(kinds(&plan, &get("/rest/api/2/issue/7", "")).is_empty());
    }

    #[test]
    fn who_tries_again_gets_through() {
        let plan = active(1, json!([{ "fault": "login_page", "first": 2 }]));
        let met: Vec<usize> = (0..4).map(|_| kinds(&plan, &get("/rest/api/3/myself", "")).len()).collect();
        assert_eq!(met, [1, 1, 0, 0]);
        assert_eq!(kinds(&plan, &get("/rest/api/3/myself", "x=1")).len(), 1, "another request begins anew");
    }

    #[test]
    fn a_window_counts_time_and_requests() {
        let plan = active(
            1,
            json!([{ "fault": "login_page", "window": { "from_request": 2, "until_request": 3 } }]),
        );
        let met: Vec<usize> = (0..4).map(|_| kinds(&plan, &get("/rest/api/3/myself", "")).len()).collect();
        assert_eq!(met, [0, 1, 1, 0]);
        let plan = active(
            1,
            json!([{ "fault": "login_page", "window": { "from_seconds": 5, "until_seconds": 9 } }]),
        );
        let met = |second| plan.meet(&get("/rest/api/3/myself", ""), at(second)).len();
        assert_eq!([4, 5, 8, 9].map(met), [0, 1, 1, 0]);
    }

    #[test]
    fn a_rule_happens_as_often_as_it_may_and_is_counted() {
        let plan = active(1, json!([{ "fault": "login_page", "times": 2 }]));
        assert!(plan.inject(0) && plan.inject(0));
        assert!(!plan.inject(0), "two requests that were met at the same moment share what is left");
        assert!(kinds(&plan, &get("/rest/api/3/myself", "")).is_empty());
        let pending = plan.take_pending();
        assert_eq!(pending, BTreeMap::from([("login_page", 2)]));
        assert!(plan.take_pending().is_empty());
        plan.give_back(pending);
        assert_eq!(plan.take_pending()["login_page"], 2);
    }

    #[test]
    fn a_budget_is_full_again_in_the_next_window() {
        let plan = active(1, json!([{ "fault": "budget", "requests": 2, "per_seconds": 10 }]));
        let spend = |second| plan.spend(0, 2, 10, at(second));
        assert_eq!(spend(100), Spent { refused: false, remaining: 1, reset: at(110) });
        assert_eq!(spend(101), Spent { refused: false, remaining: 0, reset: at(110) });
        assert!(spend(109).refused);
        assert_eq!(spend(110), Spent { refused: false, remaining: 1, reset: at(120) });
    }

    #[test]
    fn patterns_know_one_wildcard() {
        assert!(is_like("/a/*/c", "/a/b/b/c"));
        assert!(is_like("*search*", "/rest/search/jql"));
        assert!(!is_like("/a/*/c", "/a/b/d"));
        assert!(is_like("/a", "/a") && !is_like("/a", "/ab"));
    }

    proptest! {
        /// However requests interleave, each of them is met by the same faults: that is what a seed is for.
        #[test]
        fn the_order_of_requests_does_not_matter(
            seed: u64,
            requests in prop::collection::vec(0u8..6, 1..60),
            shuffle: u64,
        ) {
            let rules = json!([
                { "fault": "login_page", "probability": 0.3 },
                { "fault": "latency", "ms": 1, "max_ms": 1000, "probability": 0.5 },
                { "fault": "empty_body", "probability": 0.4, "first": 2 },
            ]);
            let run = |order: &[u8]| {
                let plan = active(seed, rules.clone());
                let mut met: BTreeMap<u8, Vec<String>> = BTreeMap::new();
                for request in order {
                    let query = request.to_string();
                    let faults = plan.meet(&get("/rest/api/3/search/jql", &query), at(0));
                    met.entry(*request).or_default().push(
                        faults.iter().map(|m| format!("{}:{}", m.fault.kind(), m.draw.between(1, 1000))).collect(),
                    );
                }
                met
            };
            let mut other = requests.clone();
            other.sort_by_key(|request| Draw::of(shuffle, &[&[*request]]).between(0, u64::MAX - 1));
            prop_assert_eq!(run(&requests), run(&other));
        }
    }
}
