//! How fast the source answers a client that does nothing with what it is told: the part of a backfill that is not the mirror's.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::{
    super::quantile,
    at_once,
    source::{Source, told},
};
use crate::failure::Failure;

/// So many of the newest issues are read: enough for a steady figure.
const SAMPLE: u64 = 5_000;
/// As the mirror asks.
const PAGE: u64 = 100;

#[derive(Debug, Serialize)]
pub(super) struct Bare {
    pub(super) issues: u64,
    pub(super) requests: u64,
    pub(super) issues_per_second: f64,
    /// The median time of a request, in milliseconds.
    pub(super) request_ms_p50: f64,
}

/// What is needed of an answer.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Page {
    #[serde(default)]
    issues: Vec<Id>,
    next_page_token: Option<String>,
}

#[derive(Deserialize)]
struct Id {
    id: String,
}

/// Reads windows of creation time page by page, each page with its histories, so many at the same time.
pub(super) async fn measure(source: &Source, in_flight: u16) -> Result<Bare, Failure> {
    let sample = SAMPLE.min(u64::try_from(source.counts.issues).unwrap_or(SAMPLE));
    let width = (sample / (2 * u64::from(in_flight))).max(PAGE);
    let landmarks = source.landmarks(sample, width).await?;
    let milliseconds: Vec<i64> = landmarks.iter().map(chrono::DateTime::timestamp_millis).collect();
    let mut windows = Vec::new();
    let mut until = None;
    for from in milliseconds {
        let end = until.map(|until| format!(" AND created < {until}")).unwrap_or_default();
        windows.push(format!("created >= {from}{end} ORDER BY created DESC, id DESC"));
        until = Some(from);
    }
    let client = Arc::new(source.asking());
    let began = Instant::now();
    let read =
        at_once(in_flight.into(), windows.into_iter().map(|jql| read(Arc::clone(&client), jql))).await?;
    let seconds = began.elapsed().as_secs_f64();
    let issues: u64 = read.iter().map(|(issues, _)| issues).sum();
    let mut times: Vec<f64> =
        read.iter().flat_map(|(_, times)| times).map(|time| time.as_secs_f64() * 1_000.0).collect();
    times.sort_by(f64::total_cmp);
    Ok(Bare {
        issues,
        requests: times.len() as u64,
        issues_per_second: issues as f64 / seconds,
        request_ms_p50: quantile(&times, 0.5),
    })
}

/// Reads a window; answers how many issues it has, and how long each request took.
async fn read(source: Arc<super::source::Asking>, jql: String) -> Result<(u64, Vec<Duration>), Failure> {
    let (mut issues, mut times) = (0, Vec::new());
    let mut token: Option<String> = None;
    loop {
        let mut body = json!({ "jql": jql, "maxResults": PAGE, "fields": ["*all"] });
        if let Some(token) = &token {
            body["nextPageToken"] = json!(token);
        }
        let page = page(&source, "search/jql", &body, &mut times).await?;
        let ids: Vec<&str> = page.issues.iter().map(|issue| issue.id.as_str()).collect();
        issues += ids.len() as u64;
        if !ids.is_empty() {
            let mut histories = json!({ "issueIdsOrKeys": ids, "maxResults": super::source::HISTORIES });
            while let Some(next) =
                self::page(&source, "changelog/bulkfetch", &histories, &mut times).await?.next_page_token
            {
                histories["nextPageToken"] = json!(next);
            }
        }
        token = page.next_page_token;
        if token.is_none() {
            return Ok((issues, times));
        }
    }
}

async fn page(
    source: &super::source::Asking,
    path: &str,
    body: &Value,
    times: &mut Vec<Duration>,
) -> Result<Page, Failure> {
    let began = Instant::now();
    let answer = source.post(path, body).send().await.and_then(reqwest::Response::error_for_status);
    let bytes = answer.map_err(told)?.bytes().await.map_err(told)?;
    times.push(began.elapsed());
    Ok(serde_json::from_slice(&bytes)?)
}
