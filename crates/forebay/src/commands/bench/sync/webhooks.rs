//! Webhooks at a steady rate: how long the door takes to answer, and how long until the issue can be read.
//!
//! The benchmark sends them itself, as the site would, and at their time whatever has become of those before: what the sandbox's own
//! queue takes is not in the figures. The changes were made before, so that the site only answers what it is asked for them.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use application::ports::Secrets;
use reqwest::Client;
use secrecy::SecretString;
use serde::Serialize;
use serde_json::{Value, json};
use tokio::{sync::oneshot, task::JoinSet};
use uuid::Uuid;

use super::{
    super::{Latency, latency},
    backfill::Cpu,
    joined,
    mirror::{COPY, Mirror},
    source::{Changed, Source, answer, told},
};
use crate::{cli::bench_sync::BenchSyncArgs, failure::Failure};

/// How often is looked whether issues have arrived: figures are that coarse. The look is at the database, once for all, because asking the
/// REST door so often for each would be most of its work; the time that counts is when that door then shows the issue.
const LOOK: Duration = Duration::from_millis(5);
/// The beginning of the summaries that webhooks tell of.
const TOLD: &str = "Told:";
/// Whatever has not arrived by then is lost.
const PATIENCE: Duration = Duration::from_secs(60);

#[derive(Serialize)]
pub(super) struct Webhooks {
    pub(super) per_second: u32,
    pub(super) sent: u64,
    /// From sending a webhook until the door has answered, in milliseconds.
    pub(super) answered: Latency,
    /// From sending a webhook until the REST door shows the issue as it is now, in milliseconds.
    pub(super) readable: Latency,
    /// How long the source takes for an issue, alone and unhurried: a part of the row above.
    pub(super) source_answers: Latency,
    pub(super) requests_per_webhook: f64,
    pub(super) cpu_seconds: Cpu,
}

/// What all senders share.
struct Sender {
    http: Client,
    door: String,
    rest: String,
    key: String,
    secret: SecretString,
    secrets: Arc<dyn Secrets>,
    /// Issues that were told of and have not arrived, by id, with who waits for them.
    waiting: Mutex<HashMap<String, oneshot::Sender<()>>>,
}

pub(super) async fn measure(
    source: &Source,
    mirror: &mut Mirror,
    arguments: &BenchSyncArgs,
) -> Result<Webhooks, Failure> {
    let per_second = arguments.webhooks_per_second;
    let changed = source.change(u64::from(per_second) * u64::from(arguments.webhook_seconds), TOLD).await?;
    let mut bodies = Vec::with_capacity(changed.len());
    let mut source_times = Vec::with_capacity(changed.len());
    for issue in changed.iter() {
        let began = Instant::now();
        let shown = source.issue(&issue.id).await?;
        source_times.push(milliseconds(began.elapsed()));
        bodies.push(body(&shown));
    }
    let sender = Arc::new(Sender {
        http: mirror.http.clone(),
        door: format!("{}/webhooks/jira/{}", mirror.url(), mirror.instance.id),
        rest: format!("{}/v1/issues", mirror.url()),
        key: mirror.key.clone(),
        secret: mirror.webhook_secret().await?,
        secrets: mirror.secrets(),
        waiting: Mutex::default(),
    });
    let (cpu, requests) = (Cpu::so_far(source, mirror)?, source.requests().await?);
    let times = tokio::select! {
        times = send_all(&sender, &changed, bodies, per_second) => times?,
        failed = watch(&sender, mirror) => return Err(failed),
    };
    let cpu_seconds = Cpu::so_far(source, mirror)?.since(cpu);
    let requests = source.requests().await? - requests;
    let sent = times.len() as u64;
    let (answered, readable): (Vec<f64>, Vec<f64>) = times.into_iter().unzip();
    Ok(Webhooks {
        per_second,
        sent,
        answered: latency("webhook answered", answered),
        readable: latency("issue readable at the REST door", readable),
        source_answers: latency("of which the source, for an issue", source_times),
        requests_per_webhook: requests / sent.max(1) as f64,
        cpu_seconds,
    })
}

/// Sends each at its time; answers how long each took to be answered, and to be readable.
async fn send_all(
    sender: &Arc<Sender>,
    changed: &Arc<Vec<Changed>>,
    bodies: Vec<Vec<u8>>,
    per_second: u32,
) -> Result<Vec<(f64, f64)>, Failure> {
    let mut sending = JoinSet::new();
    let mut ticks = tokio::time::interval(Duration::from_secs(1) / per_second);
    for (number, body) in bodies.into_iter().enumerate() {
        ticks.tick().await;
        let (sender, changed) = (Arc::clone(sender), Arc::clone(changed));
        sending.spawn(async move { sender.send(&changed[number], body).await });
    }
    let mut times = Vec::new();
    while let Some(ended) = sending.join_next().await {
        times.push(joined(ended)?);
    }
    Ok(times)
}

/// Wakes those whose issues have arrived, for ever; answers why it could not go on.
async fn watch(sender: &Sender, mirror: &mut Mirror) -> Failure {
    let mut looks = tokio::time::interval(LOOK);
    loop {
        looks.tick().await;
        let waiting: Vec<String> = sender.waiting().keys().cloned().collect();
        if waiting.is_empty() {
            continue;
        }
        let arrived = match mirror.arrived(&waiting, TOLD).await {
            Ok(arrived) => arrived,
            Err(failure) => return failure,
        };
        for id in arrived {
            if let Some(waiter) = sender.waiting().remove(&id) {
                // Whoever has given up needs no waking.
                let _ = waiter.send(());
            }
        }
    }
}

impl Sender {
    fn waiting(&self) -> MutexGuard<'_, HashMap<String, oneshot::Sender<()>>> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn send(&self, issue: &Changed, body: Vec<u8>) -> Result<(f64, f64), Failure> {
        let signature = self.secrets.sign(&self.secret, &body);
        let (wake, woken) = oneshot::channel();
        let began = Instant::now();
        let request = self
            .http
            .post(&self.door)
            .header("content-type", "application/json; charset=UTF-8")
            .header("x-atlassian-webhook-identifier", Uuid::now_v7().to_string())
            .header("x-hub-signature", signature)
            .body(body);
        answer(request).await?;
        let answered = milliseconds(began.elapsed());
        self.waiting().insert(issue.id.clone(), wake);
        if tokio::time::timeout(PATIENCE, woken).await.is_err() {
            return Err(Failure::new(format!("{} has not arrived after a minute", issue.key)));
        }
        while self.summary(&issue.key).await?.as_deref() != Some(&issue.summary) {
            if began.elapsed() > PATIENCE {
                return Err(Failure::new(format!("the REST door shows {} as it was before", issue.key)));
            }
            tokio::time::sleep(LOOK).await;
        }
        Ok((answered, milliseconds(began.elapsed())))
    }

    async fn summary(&self, key: &str) -> Result<Option<String>, Failure> {
        let request = self.http.get(format!("{}/{key}?instance={COPY}", self.rest)).bearer_auth(&self.key);
        let issue: Value = request.send().await.map_err(told)?.json().await.map_err(told)?;
        Ok(issue["summary"].as_str().map(str::to_owned))
    }
}

/// What Jira sends when an issue was edited (jira-facts 3.4).
fn body(issue: &Value) -> Vec<u8> {
    let body = json!({
        "timestamp": 1_800_000_000_000_u64,
        "webhookEvent": "jira:issue_updated",
        "issue_event_type_name": "issue_updated",
        "issue": issue,
        "changelog": { "id": "1", "items": [{ "field": "summary", "fieldtype": "jira", "fieldId": "summary" }] },
    });
    body.to_string().into_bytes()
}

fn milliseconds(time: Duration) -> f64 {
    time.as_secs_f64() * 1_000.0
}
