//! What goes wrong with deliveries of webhooks.

use std::collections::BTreeMap;

use chrono::{DateTime, Duration, Utc};
use serde_json::Value;

use super::{decide::ActivePlan, plan::Fault};

/// How a delivery is sent.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Sending {
    /// How long it waits first.
    pub delay: Duration,
    /// Whether it is signed with another secret.
    pub forged: bool,
}

/// How often and how a delivery is sent; not at all, if it is lost. What it was met by is added to the counts.
pub fn sendings(
    active: &ActivePlan,
    webhook: i64,
    event: &str,
    body: &Value,
    now: DateTime<Utc>,
    counts: &mut BTreeMap<&'static str, u64>,
) -> Vec<Sending> {
    let met = active.meet_delivery(event, identity(webhook, body).as_bytes(), now);
    let mut sending = Sending::default();
    let (mut copies, mut lost) = (0, false);
    for met in &met {
        let wait = |least: u64, most: u64| {
            Duration::milliseconds(i64::try_from(met.draw.between(least, most)).unwrap_or(i64::MAX))
        };
        match met.fault {
            Fault::WebhookLoss {} => lost = true,
            Fault::WebhookDuplicate { copies: more } => copies += *more,
            Fault::WebhookReorder { ms } => sending.delay += wait(0, *ms),
            Fault::WebhookDelay { ms, max_ms } => sending.delay += wait(*ms, max_ms.unwrap_or(*ms)),
            Fault::WebhookBadSignature {} => sending.forged = true,
            _ => {}
        }
    }
    for met in met.iter().filter(|met| !lost || matches!(met.fault, Fault::WebhookLoss {})) {
        *counts.entry(met.fault.kind()).or_default() += 1;
    }
    if lost { Vec::new() } else { vec![sending; 1 + copies as usize] }
}

/// What the delivery is of, whenever it happens: the same writes are met by the same faults.
fn identity(webhook: i64, body: &Value) -> String {
    let places = [
        "/issue/id",
        "/changelog/id",
        "/comment/id",
        "/worklog/id",
        "/issueLink/id",
        "/sprint/id",
        "/project/id",
    ];
    let ids = places.iter().filter_map(|place| Some(format!("{place}={}", body.pointer(place)?)));
    std::iter::once(webhook.to_string()).chain(ids).collect::<Vec<_>>().join("&")
}

#[cfg(test)]
mod tests {
    use serde_json::json;
    use uuid::Uuid;

    use super::{super::plan::FaultPlan, *};

    fn send(seed: u64, rules: Value, event: &str, issue: u64) -> (Vec<Sending>, BTreeMap<&'static str, u64>) {
        let plan = FaultPlan::parse(&json!({ "seed": seed, "rules": rules })).unwrap();
        let active = ActivePlan::new(Uuid::nil(), DateTime::UNIX_EPOCH, plan);
        let mut counts = BTreeMap::new();
        let body =
            json!({ "timestamp": 5, "issue": { "id": issue.to_string() }, "changelog": { "id": "9" } });
        (sendings(&active, 3, event, &body, DateTime::UNIX_EPOCH, &mut counts), counts)
    }

    #[test]
    fn without_a_fault_a_delivery_is_sent_once_and_at_once() {
        assert_eq!(
            send(1, json!([{ "fault": "latency", "ms": 5 }]), "x", 1),
            (vec![Sending::default()], BTreeMap::new())
        );
    }

    #[test]
    fn deliveries_are_lost_doubled_delayed_and_forged() {
        assert_eq!(
            send(1, json!([{ "fault": "webhook_loss" }]), "x", 1),
            (vec![], BTreeMap::from([("webhook_loss", 1)]))
        );
        let (sent, counts) = send(
            1,
            json!([{ "fault": "webhook_duplicate", "copies": 2 }, { "fault": "webhook_delay", "ms": 700 },
                   { "fault": "webhook_bad_signature", "on": { "events": ["x"] } },
                   { "fault": "webhook_loss", "on": { "events": ["y"] } }]),
            "x",
            1,
        );
        assert_eq!(sent, vec![Sending { delay: Duration::milliseconds(700), forged: true }; 3]);
        assert_eq!(
            counts.keys().copied().collect::<Vec<_>>(),
            ["webhook_bad_signature", "webhook_delay", "webhook_duplicate"]
        );
    }

    #[test]
    fn the_same_write_is_met_the_same_way_at_another_time() {
        let rules = json!([{ "fault": "webhook_reorder", "probability": 0.5 }, { "fault": "webhook_loss", "probability": 0.3 }]);
        let run = |seed| (0..100).map(|issue| send(seed, rules.clone(), "x", issue).0).collect::<Vec<_>>();
        assert_eq!(run(1), run(1));
        assert_ne!(run(1), run(2));
    }
}
