//! The first full copy: ranges, newest first, several at the same time. Each page is committed with the place where its range
//! goes on, so a kill at any instant repeats at most the pages in flight.

use chrono::{DateTime, Utc};
use futures::{StreamExt, stream::FuturesUnordered};
use serde_json::Value;
use uuid::Uuid;

use super::{
    ISSUES,
    pace::Pace,
    pages::{Position, Walk},
    ranges::{EVERYTHING, Plan, Range, StoredRange},
    upkeep::{Cause, CensusInstance},
    work::{Page, Target, Work},
};
use crate::{
    error::{Error, Result},
    jobs::Job,
};

/// A range is not made smaller than that for the sake of going parallel.
const SMALLEST: u64 = 500;

/// Answers as of when everything is copied, or nothing where some is left, which is stored.
pub(super) async fn backfill(work: &Work<'_>) -> Result<Option<DateTime<Utc>>> {
    let plan = plan(work).await?;
    if plan.cut {
        work.note_cut();
    }
    if plan.anew {
        work.note_anew();
    }
    let pace = Pace::new(work.services.sync.parallel);
    let mut tasks = FuturesUnordered::new();
    let mut taken: Vec<Uuid> = Vec::new();
    let mut failed = None;
    let mut left = true;
    loop {
        while pace.has_room() && !work.is_time() {
            let Some(range) = work.begin().await?.next_range(work.instance.id, &taken).await? else {
                left = !taken.is_empty();
                break;
            };
            taken.push(range.id);
            pace.begin();
            let (plan, pace) = (&plan, &pace);
            tasks.push(async move { (range.id, read(work, plan, range, pace).await) });
        }
        let Some((id, ended)) = tasks.next().await else { break };
        pace.end();
        taken.retain(|other| *other != id);
        if let Err(error) = ended {
            // The other tasks end with the page they are at: what they have fetched is not fetched again.
            pace.stop();
            failed = failed.or(Some(error));
        }
    }
    match failed {
        Some(error) => Err(error),
        None if left => Ok(None),
        None => {
            let now = work.services.clock.now();
            let watermark = plan.watermark(now);
            let proof = plan.planned_at.unwrap_or(watermark);
            let mut tx = work.begin().await?;
            // Whoever canceled the run has taken the ranges away, too: none being left does not mean that they are copied.
            tx.checkpoint(&work.lease, &work.update(Page::default(), None)).await?;
            // What a site gave no way to is in the next census. From here on polls are enough, and yet this proves nothing.
            let proved = (!work.was_cut()).then_some(proof);
            tx.raise_watermark(work.instance.id, ISSUES, Some(watermark), proved).await?;
            if plan.anew {
                tx.end_anew(work.instance.id).await?;
                // What the site does not have any more is for a census to find.
                let (tenant, instance) = (work.tenant, work.instance.id);
                tx.enqueue(CensusInstance { tenant, instance, cause: Cause::Asked }.request()?).await?;
            }
            tx.commit().await?;
            Ok(Some(proof))
        }
    }
}

/// What an earlier worker planned, or a new plan: one range that holds everything, to be split by whoever takes it.
async fn plan(work: &Work<'_>) -> Result<Plan> {
    let stored = work.lease.run.checkpoint.clone();
    let mut tx = work.begin().await?;
    let anew = tx.sync_schedule(work.instance.id).await?.anew_at.is_some();
    drop(tx);
    if let Some(plan) = stored.and_then(|value| serde_json::from_value::<Plan>(value).ok())
        && plan.range > 0
        && plan.anew == anew
    {
        return Ok(plan);
    }
    let settings = &work.services.sync;
    let planned_at = Some(work.services.clock.now());
    let total = work.site.count(EVERYTHING).await?;
    work.set_total(total);
    let share = total.map_or(settings.range, |total| total / (2 * settings.parallel.max(1) as u64));
    let range = share.clamp(SMALLEST.min(settings.range), settings.range);
    let began_at = edge(work, "updated", "DESC").await?;
    let oldest = if total > Some(range) { edge(work, "created", "ASC").await? } else { None };
    let plan = Plan { planned_at, began_at, oldest, range, cut: false, anew };
    let mut tx = work.begin().await?;
    tx.drop_ranges(work.instance.id).await?;
    tx.put_ranges(work.instance.id, None, &[StoredRange::new(Range::default(), total)]).await?;
    let update = work.update(Page::default(), Some(serde_json::to_value(&plan).map_err(Error::internal)?));
    tx.checkpoint(&work.lease, &update).await?;
    tx.commit().await?;
    Ok(plan)
}

/// The first value of a time field in that order.
async fn edge(work: &Work<'_>, field: &str, direction: &str) -> Result<Option<DateTime<Utc>>> {
    let first = first(work, &format!("{EVERYTHING} ORDER BY {field} {direction}, id {direction}")).await?;
    let text = first.as_ref().and_then(|issue| issue["fields"][field].as_str());
    Ok(text.and_then(|text| domain::jira_time::parse(text).ok()))
}

async fn first(work: &Work<'_>, jql: &str) -> Result<Option<Value>> {
    let page = work.site.names(work.instance.dialect, jql, None, 1).await?;
    Ok(page.issues.into_iter().next())
}

async fn read(work: &Work<'_>, plan: &Plan, range: StoredRange, pace: &Pace) -> Result<()> {
    if range.position == Position::default()
        && let Some(parts) = divide(work, plan, &range).await?
    {
        let mut tx = work.begin().await?;
        tx.put_ranges(work.instance.id, Some(range.id), &parts).await?;
        // Only of a run that is still ours: the ranges of another one are none of ours to divide.
        tx.checkpoint(&work.lease, &work.update(Page::default(), None)).await?;
        return tx.commit().await;
    }
    let cut = serde_json::to_value(Plan { cut: true, ..plan.clone() }).map_err(Error::internal)?;
    work.walk(Walk::Created(range.range), &range.position, &Target::Range(range.id, cut), pace).await?;
    Ok(())
}

/// The halves of a range that holds too many issues; `None` where it is small enough, or cannot be divided.
async fn divide(work: &Work<'_>, plan: &Plan, stored: &StoredRange) -> Result<Option<[StoredRange; 2]>> {
    let range = stored.range;
    let estimate = match stored.estimate {
        Some(estimate) => estimate,
        None => match work.site.count(&range.jql(None)).await? {
            Some(estimate) => estimate,
            None => return Ok(None),
        },
    };
    if estimate <= plan.range {
        return Ok(None);
    }
    if range.is_one_minute() {
        return divide_by_ids(work, range, estimate).await;
    }
    let Some((newer, older)) = range.halves(plan) else { return Ok(None) };
    let in_newer = work.site.count(&newer.jql(None)).await?;
    let in_older = in_newer.map(|count| estimate.saturating_sub(count));
    Ok(Some([StoredRange::new(newer, in_newer), StoredRange::new(older, in_older)]))
}

/// The halves of a minute that holds too many, below an id and from it on: together they are the whole however a site compares
/// ids, which it need not do as numbers (jira-facts 1.1). Where neither is smaller, or the site refuses to compare, it stays whole.
async fn divide_by_ids(work: &Work<'_>, range: Range, estimate: u64) -> Result<Option<[StoredRange; 2]>> {
    let id = async |direction: &str| {
        let jql = format!("{} ORDER BY id {direction}", range.jql(None));
        let first = first(work, &jql).await?;
        Ok::<_, Error>(first.and_then(|issue| issue["id"].as_str()?.parse::<i64>().ok()))
    };
    let (Some(smallest), Some(largest)) = (id("ASC").await?, id("DESC").await?) else { return Ok(None) };
    let (newer, older) = range.at_id(smallest + (largest - smallest) / 2 + 1);
    let count = async |half: &Range| match work.site.count(&half.jql(None)).await {
        Err(Error::Invalid(_) | Error::InvalidJql(_)) => Ok(None),
        count => count,
    };
    let (Some(in_newer), Some(in_older)) = (count(&newer).await?, count(&older).await?) else {
        return Ok(None);
    };
    let smaller = in_newer < estimate && in_older < estimate;
    Ok(smaller.then(|| [StoredRange::new(newer, Some(in_newer)), StoredRange::new(older, Some(in_older))]))
}
