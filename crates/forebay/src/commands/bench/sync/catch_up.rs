//! Catching up after some issues were changed while nobody told.

use std::time::Instant;

use serde::Serialize;

use super::{backfill::Cpu, mirror::Mirror, source::Source};
use crate::failure::Failure;

#[derive(Debug, Serialize)]
pub(super) struct CatchUp {
    pub(super) latency_ms: u32,
    /// Issues that were changed.
    pub(super) changed: u64,
    /// From asking for it until the mirror has them all.
    pub(super) seconds: f64,
    /// Issues that were read: what lies within the overlap is read again.
    pub(super) read: u64,
    pub(super) requests: u64,
    pub(super) cpu_seconds: Cpu,
}

/// Changes so many issues, and lets the mirror catch up.
pub(super) async fn measure(
    source: &Source,
    mirror: &mut Mirror,
    latency_ms: u32,
    count: u64,
) -> Result<CatchUp, Failure> {
    source.delay(0).await?;
    let summary = format!("Caught up at {latency_ms} ms:");
    let changed = source.change(count, &summary).await?.len() as u64;
    source.delay(latency_ms).await?;
    let (cpu, began) = (Cpu::so_far(source, mirror)?, Instant::now());
    let ended = mirror.sync().await?;
    let seconds = began.elapsed().as_secs_f64();
    let cpu_seconds = Cpu::so_far(source, mirror)?.since(cpu);
    source.delay(0).await?;
    let arrived = mirror.count_summaries(&summary).await?;
    if arrived != changed {
        return Err(Failure::new(format!("{arrived} of {changed} changes have arrived")));
    }
    Ok(CatchUp { latency_ms, changed, seconds, read: ended.issues, requests: ended.requests, cpu_seconds })
}
