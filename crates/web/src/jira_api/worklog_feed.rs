//! Worklogs of a whole site: which were changed or deleted since when, and those of a list (jira-facts 1.5).
//!
//! A mirror learns of a change some time after it, so its feeds go by when it did: whoever reads on from `until` misses nothing,
//! and may be told of what has changed before `since`.

use application::{Scope, instances::InstanceKind, issues::FeedOrder};
use axum::response::Response;
use chrono::{DateTime, Duration, Utc};
use serde_json::{Value, json};

use super::{answer, assemble, body::Body, params::Params, refusal::Refusal, site::Site};

/// Changes on a page.
const PAGE: i64 = 1_000;

/// `GET worklog/updated`.
pub(super) async fn updated(site: Site, params: Params) -> Result<Response, Refusal> {
    feed(&site, &params, "updated").await
}

/// `GET worklog/deleted`.
pub(super) async fn deleted(site: Site, params: Params) -> Result<Response, Refusal> {
    feed(&site, &params, "deleted").await
}

async fn feed(site: &Site, params: &Params, which: &str) -> Result<Response, Refusal> {
    let instance = site.instance(Scope::Read).await?;
    let since = params.integer("since")?.unwrap_or(0);
    let after = DateTime::from_timestamp_millis(since);
    let after: DateTime<Utc> =
        after.ok_or_else(|| Refusal::bad_request("'since' must be milliseconds since 1970."))?;
    // What changed in the last minute comes with a later page, so that nothing that is being stored is passed over.
    let until = site.state.services.clock.now() - Duration::minutes(1);
    let mut tx = site.transaction().await?;
    // The moments are kept to the microsecond and told to the millisecond.
    let bounds = (after + Duration::microseconds(999), until);
    let order = match (which, instance.kind) {
        ("deleted", _) => FeedOrder::Deleted,
        (_, InstanceKind::Sandbox) => FeedOrder::Changed,
        _ => FeedOrder::Learnt,
    };
    let found = tx.worklog_changes(instance.id, order, bounds, PAGE).await?;
    let is_last = found.len() < PAGE as usize;
    let reached = match found.last() {
        Some(last) if !is_last => last.place.timestamp_millis(),
        _ => until.timestamp_millis().max(since),
    };
    let values: Vec<Value> = found
        .iter()
        .map(|change| {
            json!({
                "worklogId": change.number, "updatedTime": change.at.timestamp_millis(), "properties": [],
            })
        })
        .collect();
    let url = |since: i64| site.api_url(&format!("worklog/{which}?since={since}"));
    let mut answer = json!({
        "values": values, "since": since, "until": reached, "self": url(since), "lastPage": is_last,
    });
    if !is_last {
        answer["nextPage"] = json!(url(reached));
    }
    Ok(answer::ok(&answer))
}

/// `POST worklog/list`: those that are there, by id.
pub(super) async fn list(site: Site, body: Body) -> Result<Response, Refusal> {
    let instance = site.instance(Scope::Read).await?;
    let ids = body.list("ids")?;
    if !(1..=PAGE as usize).contains(&ids.len()) {
        return Err(Refusal::bad_request(format!("Between 1 and {PAGE} worklogs can be asked for at once.")));
    }
    let ids: Vec<i64> =
        ids.iter().map(|id| id.parse().map_err(|_| Refusal::invalid_payload())).collect::<Result<_, _>>()?;
    let found = site.transaction().await?.worklogs_numbered(instance.id, &ids).await?;
    let shown = found.into_iter().map(|worklog| assemble::worklog(worklog, site.dialect)).collect();
    Ok(answer::ok(&Value::Array(shown)))
}
