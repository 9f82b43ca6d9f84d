//! Progress of a sync on the terminal: a bar where there is one, a line now and then elsewhere.

use std::{
    io::IsTerminal,
    sync::Mutex,
    time::{Duration, Instant},
};

use application::sync::{Progress, ProgressSink};
use indicatif::{ProgressBar, ProgressState, ProgressStyle};

use crate::output;

/// How often a line is printed where there is no terminal.
const EVERY: Duration = Duration::from_secs(5);

/// Shows a run's progress on stderr.
pub(crate) struct TerminalProgress {
    bar: Option<ProgressBar>,
    printed: Mutex<Instant>,
}

impl TerminalProgress {
    pub(crate) fn new(name: &str) -> Self {
        let bar = std::io::stderr().is_terminal().then(|| {
            let bar = ProgressBar::no_length();
            let style = ProgressStyle::with_template(
                "{prefix}  {bar:28.cyan/blue}  {pos}/{len}  {rate}  eta {eta}  {msg}",
            );
            let rate = |state: &ProgressState, out: &mut dyn std::fmt::Write| {
                // Writing into the bar's own line cannot fail in a way that matters to anyone.
                let _ = write!(out, "{:.0}/s", state.per_sec());
            };
            bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()).with_key("rate", rate));
            bar.set_prefix(name.to_owned());
            bar
        });
        Self { bar, printed: Mutex::new(Instant::now()) }
    }

    /// Takes the bar away, so that the summary stands alone.
    pub(crate) fn finish(&self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }
}

impl ProgressSink for TerminalProgress {
    fn update(&self, progress: &Progress) {
        let counts = &progress.counts;
        let mut step = progress.step.clone();
        if counts.retries > 0 {
            step.push_str(&format!(" ({} retries)", counts.retries));
        }
        if counts.throttled_ms >= 1_000 {
            step.push_str(&format!(" (held back for {} s)", counts.throttled_ms / 1_000));
        }
        match &self.bar {
            Some(bar) => {
                bar.set_length(progress.total.unwrap_or(progress.done).max(progress.done));
                bar.set_position(progress.done);
                bar.set_message(step);
            }
            None => {
                let Ok(mut printed) = self.printed.lock() else { return };
                if printed.elapsed() >= EVERY {
                    let total = progress.total.map_or("?".to_owned(), |total| total.to_string());
                    output::note(&format!("{step}: {} of {total} issues", progress.done));
                    *printed = Instant::now();
                }
            }
        }
    }
}
