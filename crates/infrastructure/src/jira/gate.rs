//! The arithmetic of manners: when the next request may go, and what an answer says about those after it (jira-facts 4).
//!
//! Pure: time comes in, and the state goes out to where all processes see it.
//!
//! Who is less urgent leaves a part of what may go at once to the others and waits for its token as if that part were not there. So
//! the line of those who are patient stands behind a few tokens that a webhook or a person finds, and no class ever stops: what
//! is refilled is shared in the order in which it was asked for.

use std::time::Duration;

use application::{
    instances::InstanceKind,
    ports::{Patience, Urgency},
    site_limits::{SiteLimits, SitePause, WHOLE_SITE},
};
use chrono::{DateTime, DurationRound, TimeDelta, Utc};
use jira_client::{Outcome, RequestKind, ResponseFacts};

/// A tenth of a minute's allowance may be used at once.
const BURST_SHARE: u32 = 10;
/// Who is not in a hurry waits for his turn no longer than that, or than so many requests take: what stands in line is in the way of
/// who comes next.
const LESS_PATIENCE: TimeDelta = TimeDelta::seconds(15);
const LINE: i32 = 8;
/// How long is waited: whoever would have to wait longer gives its place back.
#[derive(Clone, Copy, Debug)]
pub(super) struct Waits {
    /// For the end of a pause.
    pub(super) pause: Duration,
    /// For one's turn under the ceiling.
    turn: TimeDelta,
}

impl Waits {
    pub(super) fn of(patience: Patience) -> Self {
        match patience {
            Patience::Long => Self { pause: Duration::from_secs(5), turn: TimeDelta::seconds(60) },
            Patience::Short => Self { pause: Duration::from_secs(1), turn: TimeDelta::seconds(1) },
        }
    }
}

/// Permits that are taken ahead are used within that time, or not at all: a pause that another process has learnt of is met that much
/// later at most.
pub(super) const HOLD: Duration = Duration::from_millis(250);
/// And no more than that are held at a time.
const MOST_HELD: u32 = 16;
/// The waits that are chosen here when a site names none: the first, doubled each time, and the longest.
const BACKOFF: f64 = 2.0;
const LONGEST_BACKOFF: f64 = 30.0;
/// No site is believed to ask for more.
const LONGEST_PAUSE: TimeDelta = TimeDelta::hours(24);
/// So many failures in a row open the circuit.
const BROKEN_AFTER: i32 = 10;
const FIRST_BREAK: TimeDelta = TimeDelta::seconds(30);
const LONGEST_BREAK: TimeDelta = TimeDelta::minutes(15);
/// So long the one who looks whether the site answers again is left alone.
const PROBE: TimeDelta = TimeDelta::seconds(60);
/// How often the pace is changed, and by how much.
const ADAPT_EVERY: TimeDelta = TimeDelta::seconds(5);
const RECOVER_EVERY: TimeDelta = TimeDelta::seconds(30);
const SLOWER: f64 = 0.5;
const FASTER: f64 = 1.1;
const SLOWEST: f64 = 6.0;

/// How many requests a minute a site gets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Ceiling {
    /// Without a word of the site.
    usual: u32,
    /// When its headers say that there is room.
    most: u32,
    /// For whom.
    urgency: Urgency,
}

impl Ceiling {
    /// What is configured holds as it stands. Otherwise Cloud gets 100, other sites 600, and both up to 3,000 where their headers
    /// allow it.
    pub(super) fn of(kind: InstanceKind, configured: Option<u32>) -> Self {
        match (configured, kind) {
            (Some(ceiling), _) => Self { usual: ceiling.max(1), most: ceiling.max(1), urgency: Urgency::Now },
            (None, InstanceKind::Cloud | InstanceKind::Sandbox) => {
                Self { usual: 100, most: 3_000, urgency: Urgency::Now }
            }
            (None, InstanceKind::Server | InstanceKind::DataCenter) => {
                Self { usual: 600, most: 3_000, urgency: Urgency::Now }
            }
        }
    }

    /// The same, for requests that are so urgent.
    pub(super) fn with_urgency(self, urgency: Urgency) -> Self {
        Self { urgency, ..self }
    }

    /// Which part of what may go at once is left to those who are more urgent.
    fn left_to_others(self) -> f64 {
        match self.urgency {
            Urgency::Now => 0.0,
            Urgency::Poll => 0.25,
            Urgency::Rest => 0.5,
        }
    }

    /// How long is waited for a token.
    fn longest_wait(self, limits: &SiteLimits, waits: Waits) -> TimeDelta {
        let (_, interval) = bucket(self.pace(limits));
        match self.urgency {
            Urgency::Now => waits.turn,
            Urgency::Poll | Urgency::Rest => LESS_PATIENCE.max(interval * LINE).min(waits.turn),
        }
    }

    /// The pace now, in requests a minute.
    fn pace(self, limits: &SiteLimits) -> f64 {
        limits
            .per_minute
            .unwrap_or(f64::from(self.usual))
            .clamp(SLOWEST.min(f64::from(self.most)), f64::from(self.most))
    }
}

/// Whether a request may go.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Turn {
    /// Now.
    Go,
    /// After that, and only if nothing came in between: ask again. `reserved`: a token is held.
    Wait { wait: Duration, reserved: bool },
    /// Not before that.
    Held { until: DateTime<Utc>, wait: Duration, reason: String },
}

/// The scopes whose pauses hold for a request.
pub(super) fn scopes(request: &RequestKind) -> Vec<String> {
    let issue = request.issue.as_ref().map(|issue| format!("issue:{issue}"));
    [WHOLE_SITE.to_owned(), operation_scope(request)].into_iter().chain(issue).collect()
}

fn operation_scope(request: &RequestKind) -> String {
    format!("op:{}", request.operation)
}

/// The pause that holds for these scopes.
pub(super) fn pause_of<'a>(
    pauses: &'a [SitePause],
    now: DateTime<Utc>,
    scopes: &[String],
) -> Option<&'a SitePause> {
    let holds = |pause: &&SitePause| pause.until > now && scopes.contains(&pause.scope);
    pauses.iter().filter(holds).max_by_key(|pause| pause.until)
}

/// Decides on a request of these scopes, and takes its token. `reserved`: it holds one already.
pub(super) fn turn(
    limits: &mut SiteLimits,
    now: DateTime<Utc>,
    scopes: &[String],
    ceiling: Ceiling,
    reserved: bool,
    waits: Waits,
) -> Turn {
    if let Some(pause) = pause_of(&limits.pauses, now, scopes) {
        let wait = span(pause.until - now);
        return match wait <= waits.pause {
            true => Turn::Wait { wait, reserved },
            false => Turn::Held { until: pause.until, wait, reason: pause.reason.clone() },
        };
    }
    if !reserved {
        let pace = ceiling.pace(limits);
        let longest = ceiling.longest_wait(limits, waits);
        let wait = reserve(limits, now, ceiling, longest);
        if wait > longest {
            let reason =
                format!("more is to be asked than the ceiling of {pace:.0} requests a minute allows");
            return Turn::Held { until: now + wait, wait: span(wait), reason };
        }
        if wait > TimeDelta::zero() {
            return Turn::Wait { wait: span(wait), reserved: true };
        }
    }
    if limits.failures >= BROKEN_AFTER {
        // The break is over: this one looks, and the others wait for what it finds.
        add_pause(
            limits,
            now,
            WHOLE_SITE,
            now + PROBE,
            "a request is finding out whether the site answers again",
        );
    }
    Turn::Go
}

/// Takes permits ahead, for those who come within [`HOLD`], as far as they are `wanted` and would not have to wait; answers how many.
/// One transaction then does for many requests to a site that bears many. At a slow pace, in a pause and while a site fails there
/// are none: each request asks.
pub(super) fn take_ahead(limits: &mut SiteLimits, now: DateTime<Utc>, ceiling: Ceiling, wanted: u32) -> u32 {
    let pace = ceiling.pace(limits);
    if !is_calm(limits, now) {
        return 0;
    }
    let mut taken = 0;
    while taken < wanted.min(most_held(pace)) && wait_for_token(limits, now, ceiling) == TimeDelta::zero() {
        reserve(limits, now, ceiling, TimeDelta::zero());
        taken += 1;
    }
    taken
}

/// Whether a site is neither left alone nor failing.
pub(super) fn is_calm(limits: &SiteLimits, now: DateTime<Utc>) -> bool {
    limits.failures == 0 && limits.refused == 0 && limits.pauses.iter().all(|pause| pause.until <= now)
}

/// What the pace brings while permits are held, beside the one that is used at once.
fn most_held(pace: f64) -> u32 {
    let brought = pace / 60.0 * HOLD.as_secs_f64();
    (brought as u32).min(MOST_HELD).saturating_sub(1)
}

/// How many may go at once, and how long one takes to be refilled. In no minute more go than the pace says: what may go at once is
/// taken from what is refilled, and where permits are held, a minute sees what was taken in that much more than a minute.
fn bucket(pace: f64) -> (f64, TimeDelta) {
    let burst = (pace / f64::from(BURST_SHARE)).floor().max(1.0);
    let minute = if most_held(pace) > 0 { 60.0 + HOLD.as_secs_f64() } else { 60.0 };
    (burst, micros(minute * 1e6 / (pace - burst).max(pace.min(1.0))))
}

fn wait_for_token(limits: &SiteLimits, now: DateTime<Utc>, ceiling: Ceiling) -> TimeDelta {
    let (burst, interval) = bucket(ceiling.pace(limits));
    let left = (burst * ceiling.left_to_others()).floor();
    let ahead = interval * ((burst - left) as i32 - 1);
    let full_at = limits.full_at.unwrap_or(now).max(now);
    (full_at - ahead - now).max(TimeDelta::zero())
}

/// Takes a token, unless the wait for it is too long; answers the wait.
fn reserve(limits: &mut SiteLimits, now: DateTime<Utc>, ceiling: Ceiling, longest: TimeDelta) -> TimeDelta {
    let interval = bucket(ceiling.pace(limits)).1;
    let wait = wait_for_token(limits, now, ceiling);
    if wait <= longest {
        limits.full_at = Some(limits.full_at.unwrap_or(now).max(now) + interval);
    }
    wait
}

/// Notes what an answer says. `jitter` (about 1) spreads the waits that are chosen here.
pub(super) fn record(
    limits: &mut SiteLimits,
    now: DateTime<Utc>,
    seen: &ResponseFacts,
    ceiling: Ceiling,
    jitter: f64,
) {
    match verdict(seen) {
        Verdict::Unknown => {}
        Verdict::Refused => refused(limits, now, seen, ceiling, jitter),
        Verdict::Failed => {
            limits.failures = limits.failures.saturating_add(1);
            if limits.failures >= BROKEN_AFTER {
                let doublings = (limits.failures - BROKEN_AFTER).min(8);
                let pause = (FIRST_BREAK * (1 << doublings)).min(LONGEST_BREAK);
                let reason = format!("{} requests in a row failed", limits.failures);
                limits.pauses.retain(|pause| pause.scope != WHOLE_SITE);
                add_pause(limits, now, WHOLE_SITE, now + scaled(pause, jitter), &reason);
            }
        }
        Verdict::Fine => {
            if limits.failures >= BROKEN_AFTER {
                limits.pauses.retain(|pause| pause.scope != WHOLE_SITE);
            }
            limits.failures = 0;
            limits.refused = 0;
            adapt(limits, now, seen, ceiling);
        }
    }
}

/// What an answer means for those after it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// Nothing: nobody waited for it.
    Unknown,
    /// The site wants fewer requests.
    Refused,
    /// The site, or the way to it, is at fault.
    Failed,
    /// The site answered, whatever it said.
    Fine,
}

pub(super) fn verdict(seen: &ResponseFacts) -> Verdict {
    match (seen.outcome, seen.status) {
        (Outcome::Abandoned, None) => Verdict::Unknown,
        (_, Some(429)) => Verdict::Refused,
        (_, Some(503)) if seen.retry_after.is_some() => Verdict::Refused,
        (Outcome::Abandoned, _) => Verdict::Unknown,
        (Outcome::Answered, Some(501)) => Verdict::Fine,
        (Outcome::Answered, Some(status)) if status < 500 && status != 408 => Verdict::Fine,
        _ => Verdict::Failed,
    }
}

fn refused(limits: &mut SiteLimits, now: DateTime<Utc>, seen: &ResponseFacts, ceiling: Ceiling, jitter: f64) {
    let reason = seen.rate_limit.reason.as_deref().unwrap_or_default();
    limits.refused = limits.refused.saturating_add(1);
    limits.failures = 0;
    let asked =
        seen.retry_after.filter(|wait| !wait.is_zero()).and_then(|wait| TimeDelta::from_std(wait).ok());
    let pause = asked.unwrap_or_else(|| {
        if reason.contains("quota") {
            // Quotas begin anew with the hour (jira-facts 4).
            return next_hour(now) - now;
        }
        let doublings = (limits.refused - 1).min(16);
        micros((BACKOFF * 2_f64.powi(doublings) * jitter).min(LONGEST_BACKOFF) * 1e6)
    });
    let scope = match (reason, &seen.request.issue) {
        (reason, Some(issue)) if reason.contains("per-issue") => format!("issue:{issue}"),
        (reason, _) if reason.contains("burst") || reason.contains("per-issue") => {
            operation_scope(&seen.request)
        }
        _ => WHOLE_SITE.to_owned(),
    };
    let status = seen.status.unwrap_or_default();
    let why =
        if reason.is_empty() { format!("status {status}") } else { format!("status {status}, {reason}") };
    let until = now + pause.min(LONGEST_PAUSE);
    if scope == WHOLE_SITE {
        limits.per_minute = Some((ceiling.pace(limits) * SLOWER).max(SLOWEST));
        limits.adapted_at = Some(until);
        // Whoever waited for the end of the pause comes one by one.
        let pace = ceiling.pace(limits);
        limits.full_at =
            limits.full_at.max(Some(until + micros(60_000_000.0 / pace * (pace / f64::from(BURST_SHARE)))));
    }
    add_pause(limits, now, &scope, until, &format!("it asked for a pause ({why})"));
}

/// Near the limit slower; with room faster, where the ceiling lets it; otherwise slowly back to what is usual.
fn adapt(limits: &mut SiteLimits, now: DateTime<Utc>, seen: &ResponseFacts, ceiling: Ceiling) {
    let since = limits.adapted_at.map_or(TimeDelta::MAX, |at| now - at);
    let (pace, usual, most) = (ceiling.pace(limits), f64::from(ceiling.usual), f64::from(ceiling.most));
    let headers = &seen.rate_limit;
    let roomy = match (headers.limit, headers.remaining) {
        (Some(limit), Some(remaining)) => limit > 0 && remaining.saturating_mul(2) > limit,
        _ => false,
    };
    let next = match (headers.near_limit, roomy) {
        (true, _) if since >= ADAPT_EVERY => (pace * SLOWER).max(SLOWEST.min(most)),
        (false, true) if since >= ADAPT_EVERY => (pace * FASTER).min(most),
        (false, false) if since >= RECOVER_EVERY && pace < usual => (pace * FASTER).min(usual),
        _ => return,
    };
    if (next - pace).abs() > f64::EPSILON {
        limits.per_minute = Some(next);
        limits.adapted_at = Some(now);
    }
}

fn add_pause(limits: &mut SiteLimits, now: DateTime<Utc>, scope: &str, until: DateTime<Utc>, reason: &str) {
    limits.pauses.retain(|pause| pause.until > now);
    if let Some(pause) = limits.pauses.iter_mut().find(|pause| pause.scope == scope) {
        if pause.until < until {
            pause.until = until;
            reason.clone_into(&mut pause.reason);
        }
        return;
    }
    limits.pauses.push(SitePause { scope: scope.to_owned(), until, reason: reason.to_owned() });
}

fn next_hour(now: DateTime<Utc>) -> DateTime<Utc> {
    let hour = TimeDelta::hours(1);
    now.duration_trunc(hour).unwrap_or(now) + hour
}

fn scaled(delta: TimeDelta, factor: f64) -> TimeDelta {
    micros(delta.as_seconds_f64() * 1e6 * factor)
}

fn micros(micros: f64) -> TimeDelta {
    TimeDelta::microseconds(micros as i64)
}

fn span(delta: TimeDelta) -> Duration {
    delta.to_std().unwrap_or_default()
}

#[cfg(test)]
mod tests;
