//! The first copy, with all changelogs, comments and worklogs.

use std::time::Instant;

use serde::Serialize;

use super::{
    bare::{self, Bare},
    mirror::Mirror,
    source::Source,
};
use crate::failure::Failure;

/// What Cloud bears without a word of its own, and so the usual ceiling of a mirror of it.
const USUAL_PER_MINUTE: f64 = 100.0;

#[derive(Debug, Serialize)]
pub(super) struct Backfill {
    pub(super) latency_ms: u32,
    /// Pages that may be on their way at the same time.
    pub(super) in_flight: u16,
    pub(super) issues: u64,
    pub(super) seconds: f64,
    pub(super) issues_per_second: f64,
    pub(super) requests: u64,
    pub(super) requests_per_1000_issues: f64,
    pub(super) retries: u64,
    /// Milliseconds that requests waited for their turn.
    pub(super) throttled_ms: u64,
    /// How long it would take at least under the usual ceiling of Cloud.
    pub(super) minutes_under_usual_ceiling: f64,
    /// Requests that were on their way, on the average, as the source saw it.
    pub(super) mean_in_flight: f64,
    /// The worker's largest resident set.
    pub(super) worker_peak_memory_mib: u64,
    pub(super) cpu_seconds: Cpu,
    /// The same requests, sent by a client that keeps nothing of what it is told.
    pub(super) source_alone: Bare,
}

/// Processor time, by process.
#[derive(Clone, Copy, Debug, Serialize)]
pub(super) struct Cpu {
    pub(super) worker: f64,
    pub(super) mirror_serve: f64,
    pub(super) mirror_postgresql: f64,
    pub(super) source_serve: f64,
    pub(super) source_postgresql: f64,
}

impl Cpu {
    /// What was had so far.
    pub(super) fn so_far(source: &Source, mirror: &Mirror) -> Result<Self, Failure> {
        let (worker, mirror_serve, mirror_postgresql) = mirror.cpu_seconds()?;
        let (source_serve, source_postgresql) = source.cpu_seconds()?;
        Ok(Self { worker, mirror_serve, mirror_postgresql, source_serve, source_postgresql })
    }

    /// What came on top of what was had before.
    pub(super) fn since(self, before: Self) -> Self {
        Self {
            worker: self.worker - before.worker,
            mirror_serve: self.mirror_serve - before.mirror_serve,
            mirror_postgresql: self.mirror_postgresql - before.mirror_postgresql,
            source_serve: self.source_serve - before.source_serve,
            source_postgresql: self.source_postgresql - before.source_postgresql,
        }
    }
}

/// Fills an empty mirror.
pub(super) async fn measure(
    source: &Source,
    mirror: &mut Mirror,
    latency_ms: u32,
    in_flight: u16,
) -> Result<Backfill, Failure> {
    source.delay(latency_ms).await?;
    let source_alone = bare::measure(source, in_flight).await?;
    let (cpu, answering, began) =
        (Cpu::so_far(source, mirror)?, source.request_seconds().await?, Instant::now());
    let ended = mirror.sync().await?;
    let (cpu, wall) = (Cpu::so_far(source, mirror)?.since(cpu), began.elapsed().as_secs_f64());
    let answering = source.request_seconds().await? - answering;
    let copied = mirror.counts().await?;
    if copied != source.counts {
        return Err(Failure::new(format!("the copy differs: {copied:?} of {:?}", source.counts)));
    }
    Ok(Backfill {
        latency_ms,
        in_flight,
        issues: ended.issues,
        seconds: ended.seconds,
        issues_per_second: ended.issues as f64 / ended.seconds,
        requests: ended.requests,
        requests_per_1000_issues: ended.requests as f64 * 1_000.0 / ended.issues.max(1) as f64,
        retries: ended.retries,
        throttled_ms: ended.throttled_ms,
        minutes_under_usual_ceiling: ended.requests as f64 / USUAL_PER_MINUTE,
        mean_in_flight: answering / wall,
        worker_peak_memory_mib: mirror.worker_peak_memory_mib()?,
        cpu_seconds: cpu,
        source_alone,
    })
}
