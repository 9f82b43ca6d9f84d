//! Catching up: what was changed since the watermark, with an overlap as long as the site's index may lag (jira-facts 2.1).

use chrono::{DateTime, Utc};

use super::{
    ISSUES, late,
    pace::Pace,
    pages::{Position, Walk},
    ranges::minute,
    work::{OVERLAP, PollFrom, PollMark, Target, Work},
};
use crate::error::Result;

/// Answers as of when the copy has every change, or nothing where the run goes on where its checkpoint says.
pub(super) async fn poll(work: &Work<'_>) -> Result<Option<DateTime<Utc>>> {
    let interrupted = work.lease.run.checkpoint.clone();
    let interrupted = interrupted.and_then(|value| serde_json::from_value::<PollMark>(value).ok());
    // One that had read everything and could not say so is done anew: what has changed since counts.
    let mark = match interrupted.filter(|mark| !mark.position.finished) {
        Some(mark) => mark,
        None => {
            let began_at = work.services.clock.now();
            PollMark { from: PollFrom { since: since(work).await?, began_at }, position: Position::default() }
        }
    };
    let walk = Walk::Updated(mark.from.since);
    let ended = work.walk(walk, &mark.position, &Target::Poll(mark.from), &Pace::new(1)).await?;
    if ended {
        late::look(work).await?;
    }
    Ok(ended.then_some(mark.from.began_at))
}

async fn since(work: &Work<'_>) -> Result<DateTime<Utc>> {
    let mut tx = work.begin().await?;
    let watermark = tx.watermark(work.instance.id, ISSUES).await?.unwrap_or(DateTime::UNIX_EPOCH);
    // Whatever an earlier version stored: nothing is known of the future.
    let since = (watermark.min(work.services.clock.now()) - OVERLAP).max(DateTime::UNIX_EPOCH);
    Ok(minute(since).unwrap_or(since))
}
