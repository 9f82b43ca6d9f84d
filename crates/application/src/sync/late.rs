//! What the search index showed late. Polls overlap by minutes; a bulk change can lag longer (jira-facts 1.6). So once an hour a poll
//! is followed by a look at which issues were changed within the last hours: ids and times alone, and what differs is read by id.

use std::collections::HashMap;

use chrono::{DateTime, TimeDelta, Utc};
use serde_json::Value;

use super::{
    pages::{Position, Turned},
    ranges::minute,
    work::{OVERLAP, Work},
};
use crate::{
    error::{Error, Result},
    ports::SetAside,
};

/// The watermark of these looks: when the last one was taken.
const LATE: &str = "late_changes";
/// How often one is taken.
const EVERY: TimeDelta = TimeDelta::hours(1);
/// How late an index may show a change, at most: each change is looked for when it is that old, and before.
const LAG: TimeDelta = TimeDelta::hours(2);
/// Names of a page. Sites that show fewer at once say so.
const NAMES: u32 = 1_000;
/// Pages of one look: whatever is beyond is the next comparison's.
const MOST_PAGES: usize = 100;
/// Issues read by id at once (jira-facts 1.4).
const AT_ONCE: usize = 100;

/// Takes a look, if it is time. A site that does not answer is asked again after the next poll, whose success does not depend on
/// this.
///
/// # Errors
/// Only where the run is not ours any more, or storing fails.
pub(super) async fn look(work: &Work<'_>) -> Result<()> {
    let now = work.services.clock.now();
    let mut tx = work.begin().await?;
    let last = tx.watermark(work.instance.id, LATE).await?;
    drop(tx);
    if last.is_some_and(|last| now - last < EVERY) {
        return Ok(());
    }
    match look_since(work, window(last, now), now).await {
        Err(error @ (Error::Paused { .. } | Error::RateLimited { .. } | Error::Upstream { .. })) => {
            tracing::info!(%error, "late changes are looked for after the next poll");
            Ok(())
        }
        looked => looked,
    }
}

/// From when until when changes are looked for: from what the last look could not know yet, until what polls still overlap.
fn window(last: Option<DateTime<Utc>>, now: DateTime<Utc>) -> (DateTime<Utc>, DateTime<Utc>) {
    let certain = last.map_or(now - EVERY, |last| last.min(now - EVERY)) - LAG;
    let whole = |at: DateTime<Utc>| minute(at).unwrap_or(at);
    (whole(certain.max(DateTime::UNIX_EPOCH)), whole(now - OVERLAP))
}

async fn look_since(
    work: &Work<'_>,
    (since, until): (DateTime<Utc>, DateTime<Utc>),
    now: DateTime<Utc>,
) -> Result<()> {
    let (since, until) = (since.timestamp_millis(), until.timestamp_millis());
    let jql = format!("updated >= {since} AND updated < {until} ORDER BY updated ASC, id ASC");
    let mut cursor: Option<String> = None;
    for _ in 0..MOST_PAGES {
        let page = work.site.names(work.instance.dialect, &jql, cursor.as_deref(), NAMES).await?;
        let shown: HashMap<String, DateTime<Utc>> = page.issues.iter().filter_map(named).collect();
        let shown: Vec<(String, DateTime<Utc>)> = shown.into_iter().collect();
        let mut tx = work.begin().await?;
        let late = tx.not_as_new(work.instance.id, &shown).await?;
        drop(tx);
        for ids in late.chunks(AT_ONCE) {
            read(work, ids).await?;
        }
        cursor = page.next;
        if cursor.is_none() {
            break;
        }
    }
    let mut tx = work.begin().await?;
    tx.raise_watermark(work.instance.id, LATE, Some(now), Some(now)).await?;
    tx.commit().await
}

fn named(issue: &Value) -> Option<(String, DateTime<Utc>)> {
    let updated = domain::jira_time::parse(issue["fields"]["updated"].as_str()?).ok()?;
    Some((issue["id"].as_str()?.to_owned(), updated))
}

/// Reads issues by id and stores them as a page of the run.
async fn read(work: &Work<'_>, ids: &[String]) -> Result<()> {
    tracing::info!(issues = ids.len(), "the site's index showed changes late");
    let read_at = work.services.clock.now();
    let fetched = work.site.issues(work.instance.dialect, ids).await?;
    let aside = |id: String| SetAside {
        jira_id: Some(id),
        reason: "the site has no answer for it just now".to_owned(),
    };
    let page = Turned {
        issues: fetched.issues,
        set_aside: fetched.retry.into_iter().map(aside).collect(),
        next: Position::default(),
        read_at,
        is_cut: false,
    };
    work.store_late(page).await
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(minutes: i64) -> DateTime<Utc> {
        DateTime::UNIX_EPOCH + TimeDelta::days(10) + TimeDelta::minutes(minutes)
    }

    #[test]
    fn every_change_is_looked_for_once_it_is_as_old_as_an_index_may_be_late() {
        // Whenever looks are taken, what is older than the lag at one of them lies in its window or in an earlier one.
        let mut last = None;
        let mut covered_to = None;
        for now in [0, 61, 125, 600, 660].map(at) {
            let (since, until) = window(last, now);
            assert!(covered_to.is_none_or(|to| since <= to), "a gap before {since}");
            assert!(until > now - LAG && until <= now - OVERLAP);
            (last, covered_to) = (Some(now), Some(now - LAG));
        }
        assert_eq!(window(None, at(0)), (at(-180), at(-6)));
        assert_eq!(window(Some(at(-600)), at(0)).0, at(-720), "after a pause, all of it");
    }
}
