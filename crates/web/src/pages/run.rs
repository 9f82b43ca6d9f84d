//! A sync run as a panel: on the page of its instance, and as a fragment in the stream that keeps the page live.

use application::sync::{RunKind, RunState, SyncRun};
use askama::Template;
use chrono::{DateTime, TimeDelta, Utc};

use super::{
    fault,
    wording::{Moment, duration, grouped},
};

/// Without progress for longer than that, the worker's lease has ended (it is renewed with every page).
const SILENCE: TimeDelta = TimeDelta::minutes(2);

/// The latest run.
#[derive(Template)]
#[template(path = "_run.html")]
pub(super) struct RunPanel {
    title: &'static str,
    state: &'static str,
    /// The class of the state.
    tone: &'static str,
    step: String,
    bar: Bar,
    facts: Vec<(&'static str, String)>,
    counts: Vec<(&'static str, String)>,
    error: Option<String>,
    moment: (&'static str, Moment),
}

/// How far it is.
enum Bar {
    /// Of a known total.
    Measured { done: u64, total: u64, percent: String },
    /// Going on, towards an unknown total.
    Unmeasured,
    /// Nothing to measure: it is over, and never had a total.
    None,
}

impl RunPanel {
    pub(super) fn new(run: &SyncRun, now: DateTime<Utc>) -> Self {
        let running = run.state == RunState::Running;
        let silent = running && now - run.updated_at > SILENCE;
        let (state, tone) = match run.state {
            RunState::Running if silent => ("Waiting for a worker", "waiting"),
            RunState::Running => ("Running", "running"),
            RunState::Succeeded => ("Up to date", "good"),
            RunState::Failed => ("Failed", "bad"),
            RunState::Canceled => ("Canceled", "waiting"),
        };
        let moment = match run.finished_at {
            Some(at) => ("Ended", at),
            None => ("Last progress", run.updated_at),
        };
        Self {
            title: match run.kind {
                RunKind::Backfill => "Backfill",
                RunKind::Poll => "Catch-up",
            },
            state,
            tone,
            step: run.step.clone(),
            bar: bar(run, running),
            facts: facts(run, now),
            counts: counts(run),
            error: run.error.as_deref().map(fault::sentence),
            moment: (moment.0, Moment::of(moment.1, now)),
        }
    }
}

fn bar(run: &SyncRun, running: bool) -> Bar {
    match run.total {
        // The site's total is an estimate, and issues come while a run goes on.
        Some(total) if total > 0 => {
            let share = (run.done as f64 / total as f64).min(1.0);
            // Not "100 %" before it is true.
            let percent = if run.done < total { (share * 100.0).floor() } else { 100.0 };
            Bar::Measured { done: run.done.min(total), total, percent: format!("{percent:.0}") }
        }
        _ if running => Bar::Unmeasured,
        _ => Bar::None,
    }
}

fn facts(run: &SyncRun, now: DateTime<Utc>) -> Vec<(&'static str, String)> {
    let end = run.finished_at.unwrap_or(now);
    let elapsed = (end - run.started_at).max(TimeDelta::zero());
    let done = match run.total {
        Some(total) if total > 0 => format!("{} of {}", grouped(run.done), grouped(total)),
        _ => grouped(run.done),
    };
    let mut facts = vec![("Issues", done), ("Elapsed", duration(elapsed))];
    let seconds = elapsed.as_seconds_f64();
    if seconds >= 1.0 && run.done > 0 {
        let rate = run.done as f64 / seconds;
        facts.push(("Rate", format!("{}/s", super::wording::decimal(rate))));
        let left = run.total.map(|total| total.saturating_sub(run.done)).filter(|left| *left > 0);
        if let (RunState::Running, Some(left)) = (run.state, left) {
            let eta =
                TimeDelta::try_milliseconds((left as f64 / rate * 1000.0) as i64).unwrap_or(TimeDelta::MAX);
            facts.push(("Time left", format!("about {}", duration(eta))));
        }
    }
    facts
}

fn counts(run: &SyncRun) -> Vec<(&'static str, String)> {
    let counts = &run.counts;
    let mut shown = vec![
        ("Issues read", counts.issues),
        ("Comments", counts.comments),
        ("Changes", counts.changelog_items),
        ("Worklogs", counts.worklogs),
        ("Requests", counts.requests),
        ("Retries", counts.retries),
    ];
    if counts.rejected > 0 {
        shown.push(("Kept aside", counts.rejected));
    }
    shown.into_iter().map(|(label, count)| (label, grouped(count))).collect()
}

#[cfg(test)]
mod tests {
    use crate::pages::samples;

    use super::*;

    fn fact(panel: &RunPanel, name: &str) -> Option<String> {
        panel.facts.iter().find(|(label, _)| *label == name).map(|(_, value)| value.clone())
    }

    #[test]
    fn a_run_tells_how_fast_it_is_and_when_it_ends() {
        let run = SyncRun { done: 1200, total: Some(2000), ..samples::run() };
        let panel = RunPanel::new(&run, run.started_at + TimeDelta::seconds(60));
        assert_eq!(fact(&panel, "Rate").as_deref(), Some("20/s"));
        assert_eq!(fact(&panel, "Time left").as_deref(), Some("about 40 s"));
        assert!(
            matches!(panel.bar, Bar::Measured { done: 1200, total: 2000, ref percent } if percent == "60")
        );
    }

    #[test]
    fn it_does_not_say_a_hundred_too_early_nor_more_than_that() {
        let percent = |done| match bar(&SyncRun { done, total: Some(2000), ..samples::run() }, true) {
            Bar::Measured { percent, done, .. } => (percent, done),
            _ => unreachable!(),
        };
        assert_eq!(percent(1999), ("99".into(), 1999));
        assert_eq!(percent(2000), ("100".into(), 2000));
        assert_eq!(percent(2100), ("100".into(), 2000));
    }

    #[test]
    fn a_run_whose_worker_died_waits_for_another() {
        let run = samples::run();
        assert_eq!(RunPanel::new(&run, run.updated_at + TimeDelta::seconds(30)).state, "Running");
        assert_eq!(RunPanel::new(&run, run.updated_at + TimeDelta::minutes(3)).state, "Waiting for a worker");
    }
}
