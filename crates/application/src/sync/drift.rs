//! Drift: rows of the copy that differ from the site's without a reason.
//!
//! A mirror is compared with its source in rounds: each issue at least every so many days, within a budget of requests a day, in
//! the order of their ids, a portion every hour. Issues are fetched whole and their hashes compared with those stored. A
//! difference is drift when the copy claims to have it: when the site's `updated` is older than the copy's watermark. What is
//! newer is the next poll's. Either way the row is mended, by the same path that every sync stores by.

use std::collections::{BTreeMap, BTreeSet};

use async_trait::async_trait;
use chrono::{DateTime, Duration, Utc};
use domain::ids::{EntityKind, InstanceId, TenantId};
use serde_json::Value;
use uuid::Uuid;

use super::{
    freshness::{Checked, Collection},
    memory::bytes_of,
};
use crate::{
    error::{Error, Result},
    ingest::{FieldRoles, Reader, read_text},
    instances::{self, Instance, require_instance},
    issues::IssueBundle,
    jobs::Job,
    ports::{IssueText, JiraSite, TenantTx, Urgency},
    pulse::RefreshMetrics,
    reference::Roster,
    services::Services,
    sync::{
        ISSUES,
        engine::{require_going_on, require_mirror},
    },
    tenant_context::TenantContext,
};

/// Issues compared at once (jira-facts 1.4).
const PORTION: i64 = 100;
/// The search index may have shown an issue late by as much (jira-facts 2.1): what is newer than the watermark less this is
/// still the poll's.
const OVERLAP: Duration = Duration::minutes(6);

/// How much is to be compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Share {
    /// What an hour's share of the round is, within the day's budget, or what is left of it; for a slice of a worker's time.
    AnHour(Option<u64>),
    /// All that is left of the round, or a whole new one.
    Round,
}

/// A round, as it stands.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct DriftRound {
    /// The numeric id after which it goes on.
    pub after: i64,
    /// When it began; `None` when the last one ended and none has begun since.
    pub began_at: Option<DateTime<Utc>>,
    /// Issues compared so far.
    pub checked: u64,
    /// Issues that differed without a reason.
    pub differing: u64,
    /// Requests sent since the day began.
    pub requests_today: u64,
    /// When that day began.
    pub day: Option<DateTime<Utc>>,
    /// When the last complete round began.
    pub last_round_at: Option<DateTime<Utc>>,
    /// Each issue at least every so many days.
    pub every_days: u32,
    /// Requests a day, at most.
    pub requests_per_day: u32,
}

/// Where a difference may have come from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Origin {
    /// The site's issue was updated later than the copy's, and earlier than the watermark: a poll passed it over, which happens
    /// where the search index lags by more than the overlap.
    MissedUpdate,
    /// The same `updated`, and other fields: something that does not touch it (votes, watchers, a rename, a field's
    /// configuration), or a row that was changed here.
    SilentChange,
    /// The same `updated`, and other comments, worklogs or histories.
    SilentChild,
    /// The site's issue is older than the copy's: it was restored from a backup. Such a row is kept as it is.
    SourceWentBack,
}

impl Origin {
    /// Its name.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::MissedUpdate => "missed_update",
            Self::SilentChange => "silent_change",
            Self::SilentChild => "silent_child",
            Self::SourceWentBack => "source_went_back",
        }
    }
}

/// What the copy has of an issue, to be compared.
#[derive(Clone, Debug, PartialEq)]
pub struct CopiedIssue {
    /// Jira's numeric id.
    pub jira_id: String,
    /// Its project.
    pub project: Uuid,
    /// `updated` as stored.
    pub updated: DateTime<Utc>,
    /// The hash stored with it.
    pub source_hash: Vec<u8>,
    /// Present comments by numeric id, with their hashes.
    pub comments: BTreeMap<String, Vec<u8>>,
    /// Present worklogs.
    pub worklogs: BTreeMap<String, Vec<u8>>,
    /// Ids of histories.
    pub histories: BTreeSet<String>,
}

/// A difference that was found.
#[derive(Clone, Debug)]
pub struct Finding {
    /// Its id.
    pub id: Uuid,
    /// The issue's numeric id.
    pub jira_id: String,
    /// Its key.
    pub key: String,
    /// Its project.
    pub project: Uuid,
    /// Which collection differed.
    pub collection: Collection,
    /// Which fields of the issue, or ids of rows, differed; at most twenty.
    pub what: Vec<String>,
    /// Where it may have come from.
    pub origin: Origin,
    /// `updated` in the copy.
    pub copy_updated: DateTime<Utc>,
    /// `updated` at the site.
    pub source_updated: DateTime<Utc>,
    /// Whether the copy was mended.
    pub mended: bool,
}

/// A finding as read back.
#[derive(Clone, Debug)]
pub struct FindingRow {
    /// Its id.
    pub id: Uuid,
    /// The issue's key then.
    pub key: String,
    /// `issues`, `comments`, `worklogs` or `changelog`.
    pub collection: String,
    /// What differed.
    pub what: Vec<String>,
    /// Where it may have come from.
    pub origin: String,
    /// `updated` in the copy.
    pub copy_updated: DateTime<Utc>,
    /// `updated` at the site.
    pub source_updated: DateTime<Utc>,
    /// Whether the copy was mended.
    pub mended: bool,
    /// When it was found.
    pub found_at: DateTime<Utc>,
}

/// What a check did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct DriftReport {
    /// Issues compared.
    pub checked: u64,
    /// Issues that differed without a reason.
    pub differing: u64,
    /// Requests sent.
    pub requests: u64,
    /// Whether the round ended.
    pub round_ended: bool,
    /// Issues that are left of the share, because the worker's slot is to be given back.
    pub left: Option<u64>,
}

/// Storage of rounds and findings.
#[async_trait]
pub trait DriftStore: Send {
    /// How the round of an instance stands; held until the end of the transaction.
    async fn drift_round(&mut self, instance: InstanceId) -> Result<DriftRound>;

    /// Writes that down. What the settings are is left alone.
    async fn note_drift_round(&mut self, instance: InstanceId, round: &DriftRound) -> Result<()>;

    /// Ids of present issues after this one, in order.
    async fn issues_after(&mut self, instance: InstanceId, after: i64, limit: i64) -> Result<Vec<i64>>;

    /// What the copy has of those of these issues that were written down before, by numeric id.
    async fn copied_whole(
        &mut self,
        instance: InstanceId,
        ids: &[String],
        before: DateTime<Utc>,
    ) -> Result<Vec<CopiedIssue>>;

    /// The fields of an issue as stored.
    async fn stored_fields(&mut self, instance: InstanceId, jira_id: &str) -> Result<Option<Value>>;

    /// Keeps findings.
    async fn note_findings(
        &mut self,
        instance: InstanceId,
        findings: &[Finding],
        at: DateTime<Utc>,
    ) -> Result<()>;

    /// Findings of an instance, the latest first, found before `before`.
    async fn findings(
        &mut self,
        instance: InstanceId,
        before: Option<DateTime<Utc>>,
        limit: i64,
    ) -> Result<Vec<FindingRow>>;
}

/// Compares a share of a mirror with its source.
///
/// # Errors
/// [`Error::Conflict`] before the first full copy is complete, and while the sync is paused.
pub async fn check(
    services: &Services,
    tenant: TenantId,
    instance: InstanceId,
    share: Share,
) -> Result<DriftReport> {
    let mut tx = services.db.tenant(&TenantContext::whole(tenant)).await?;
    let mut instance = require_instance(tx.as_mut(), &instance.to_string()).await?;
    require_mirror(&instance)?;
    require_going_on(tx.as_mut(), &instance).await?;
    if tx.watermark(instance.id, ISSUES).await?.is_none() {
        return Err(Error::Conflict(format!("`{}` is not copied yet", instance.name)));
    }
    let total = tx.issue_count(instance.id).await?;
    let round = tx.drift_round(instance.id).await?;
    tx.commit().await?;
    let now = services.clock.now();
    let mut left = match share {
        Share::Round => u64::MAX,
        Share::AnHour(_) if !is_due(&round, now) => return Ok(DriftReport::default()),
        Share::AnHour(left) => left.unwrap_or_else(|| an_hours_share(total, round.every_days)),
    };
    let until = matches!(share, Share::AnHour(_)).then(|| now + services.sync.slice);
    let site = instances::connect_as(services, tenant, &instance, Urgency::Rest).await?;
    instance.dialect = instances::identify(services, tenant, &instance, site.as_ref()).await?.dialect;
    let mut report = DriftReport::default();
    let mut spent = site.usage().requests;
    while left > 0 && !report.round_ended {
        let portion = compare_portion(services, tenant, &instance, site.as_ref(), spent).await?;
        spent = site.usage().requests;
        report.checked += portion.checked;
        report.differing += portion.differing;
        report.round_ended = portion.round_ended;
        report.requests = spent;
        left = left.saturating_sub(portion.checked.max(1));
        if until.is_some() && portion.budget_spent {
            break;
        }
        if until.is_some_and(|until| services.clock.now() >= until) && !report.round_ended {
            report.left = (left > 0).then_some(left);
            break;
        }
    }
    Ok(report)
}

/// A round that ended early waits for its time; one that began goes on.
fn is_due(round: &DriftRound, now: DateTime<Utc>) -> bool {
    let waits = |ended: DateTime<Utc>| now - ended < Duration::days(i64::from(round.every_days));
    round.began_at.is_some() || !round.last_round_at.is_some_and(waits)
}

/// Issues an hour so that all are compared in time.
fn an_hours_share(total: u64, every_days: u32) -> u64 {
    total.div_ceil(u64::from(every_days.max(1)) * 24).max(PORTION as u64)
}

#[derive(Default)]
struct Portion {
    checked: u64,
    differing: u64,
    round_ended: bool,
    budget_spent: bool,
}

async fn compare_portion(
    services: &Services,
    tenant: TenantId,
    instance: &Instance,
    site: &dyn JiraSite,
    spent: u64,
) -> Result<Portion> {
    let mut tx = services.db.tenant(&TenantContext::whole(tenant)).await?;
    let after = tx.drift_round(instance.id).await?.after;
    let ids = tx.issues_after(instance.id, after, PORTION).await?;
    drop(tx);
    let names: Vec<String> = ids.iter().map(i64::to_string).collect();
    let read_at = services.clock.now();
    let fetched = match names.is_empty() {
        true => Vec::new(),
        // What is not shown is for the census to judge.
        false => site.issues(instance.dialect, &names).await?.issues,
    };
    let now = services.clock.now();
    let _apart = services.sync.memory.apart(bytes_of(&fetched)).await;
    let mut tx = services.db.tenant(&TenantContext::whole(tenant)).await?;
    let mut round = tx.drift_round(instance.id).await?;
    let new_round = round.began_at.is_none();
    let checked = fetched.len() as u64;
    let findings = mend(services, tx.as_mut(), instance, fetched, (read_at, now), new_round).await?;
    let differing = findings.iter().map(|finding| &finding.jira_id).collect::<BTreeSet<_>>().len() as u64;
    round.began_at = round.began_at.or(Some(now));
    round.checked += checked;
    round.differing += differing;
    if round.day.is_none_or(|day| now - day >= Duration::days(1)) {
        (round.day, round.requests_today) = (Some(now), 0);
    }
    round.requests_today += site.usage().requests.saturating_sub(spent);
    let round_ended = (ids.len() as i64) < PORTION;
    match ids.last() {
        Some(last) if !round_ended => round.after = *last,
        _ => {
            round = DriftRound {
                after: 0,
                began_at: None,
                checked: 0,
                differing: 0,
                last_round_at: round.began_at,
                ..round
            };
        }
    }
    tx.note_drift_round(instance.id, &round).await?;
    tx.commit().await?;
    let budget_spent = round.requests_today >= u64::from(round.requests_per_day);
    Ok(Portion { checked, differing, round_ended, budget_spent })
}

/// Compares fetched issues with the copy, mends what differs, and keeps what had no reason to.
async fn mend(
    services: &Services,
    tx: &mut dyn TenantTx,
    instance: &Instance,
    fetched: Vec<IssueText>,
    (read_at, now): (DateTime<Utc>, DateTime<Utc>),
    new_round: bool,
) -> Result<Vec<Finding>> {
    let roles = FieldRoles::from_fields(&tx.roster(instance.id, Roster::Fields).await?);
    let erased = tx.erased_people(instance.id).await?;
    let secrets = services.secrets.as_ref();
    let reader = Reader::new(instance.dialect, &roles, secrets, &erased);
    let mut bundles = Vec::with_capacity(fetched.len());
    for issue in fetched {
        let shown = issue.id().map_or(Value::Null, Value::from);
        match read_text(&reader, issue) {
            Ok(bundle) => bundles.push(IssueBundle { read_at: Some(read_at), ..bundle }),
            Err(reject) => {
                tx.reject(instance.id, reject.jira_id.as_deref(), &reject.reason, &shown).await?;
            }
        }
    }
    let ids: Vec<String> = bundles.iter().map(|bundle| bundle.issue.jira_id.clone()).collect();
    // What was written down since they were asked for is newer, and no drift.
    let copied = tx.copied_whole(instance.id, &ids, read_at).await?;
    let copied: BTreeMap<&str, &CopiedIssue> = copied.iter().map(|row| (row.jira_id.as_str(), row)).collect();
    let watermark = tx.watermark(instance.id, ISSUES).await?.unwrap_or(DateTime::UNIX_EPOCH);
    let (mut findings, mut checked) = (Vec::new(), BTreeMap::<Uuid, u64>::new());
    let mut differing = Vec::new();
    for bundle in bundles {
        let Some(row) = copied.get(bundle.issue.jira_id.as_str()) else { continue };
        let project = instance.id.derive(EntityKind::Project, &bundle.issue.project_jira_id);
        *checked.entry(project).or_default() += 1;
        let mut found = differences(row, &bundle);
        if found.is_empty() {
            continue;
        }
        if let Some(issue) = found.iter_mut().find(|finding| finding.collection == Collection::Issues) {
            let stored = tx.stored_fields(instance.id, &bundle.issue.jira_id).await?;
            let served = bundle.issue.raw.value().map_err(Error::internal)?;
            issue.what = differing_fields(stored.as_ref(), &served["fields"]);
        }
        if bundle.issue.updated <= watermark - OVERLAP || bundle.issue.updated <= row.updated {
            findings.extend(found);
        }
        differing.push(bundle);
    }
    tx.upsert_issues(instance.id, &differing).await?;
    if !differing.is_empty() {
        tx.enqueue(RefreshMetrics {}.request()?).await?;
    }
    tx.note_findings(instance.id, &findings, now).await?;
    let checked = checked.into_iter().flat_map(|(project, issues)| {
        Collection::ALL.map(|collection| Checked { project, collection, issues })
    });
    tx.note_checked(instance.id, &checked.collect::<Vec<_>>(), now, new_round).await?;
    if !findings.is_empty() {
        tracing::warn!(instance = %instance.name, findings = findings.len(), "the copy differed from its source and was mended");
    }
    Ok(findings)
}

/// What differs between the copy and the site, by collection.
fn differences(row: &CopiedIssue, bundle: &IssueBundle) -> Vec<Finding> {
    let issue = &bundle.issue;
    let origin = |same_time: Origin| match issue.updated.cmp(&row.updated) {
        std::cmp::Ordering::Greater => Origin::MissedUpdate,
        std::cmp::Ordering::Equal => same_time,
        std::cmp::Ordering::Less => Origin::SourceWentBack,
    };
    let finding = |collection, what: Vec<String>, origin| Finding {
        id: Uuid::now_v7(),
        jira_id: issue.jira_id.clone(),
        key: issue.key.to_string(),
        project: row.project,
        collection,
        what,
        origin,
        copy_updated: row.updated,
        source_updated: issue.updated,
        mended: origin != Origin::SourceWentBack,
    };
    let mut found = Vec::new();
    if row.source_hash != issue.source_hash {
        found.push(finding(Collection::Issues, Vec::new(), origin(Origin::SilentChange)));
    }
    let comments = bundle.comments.iter().map(|comment| (&comment.jira_id, &comment.source_hash));
    let comments = differing_rows(&row.comments, comments, bundle.comments_complete);
    let worklogs = bundle.worklogs.iter().map(|worklog| (&worklog.jira_id, &worklog.source_hash));
    let worklogs = differing_rows(&row.worklogs, worklogs, bundle.worklogs_complete);
    let histories = bundle.histories.iter().map(|history| &history.jira_id);
    let histories = histories.filter(|id| !row.histories.contains(*id)).take(SHOWN).cloned().collect();
    let children = [
        (Collection::Comments, comments),
        (Collection::Worklogs, worklogs),
        (Collection::Changelog, histories),
    ];
    for (collection, what) in children {
        if !what.is_empty() {
            found.push(finding(collection, what, origin(Origin::SilentChild)));
        }
    }
    found
}

/// Names told of one finding.
const SHOWN: usize = 20;

/// Ids of rows that one side has otherwise, or not at all.
fn differing_rows<'a>(
    copied: &BTreeMap<String, Vec<u8>>,
    served: impl Iterator<Item = (&'a String, &'a Vec<u8>)>,
    complete: bool,
) -> Vec<String> {
    let served: BTreeMap<&String, &Vec<u8>> = served.collect();
    let changed =
        served.iter().filter(|(id, hash)| copied.get(**id) != Some(**hash)).map(|(id, _)| (*id).clone());
    let extra = copied.keys().filter(|id| complete && !served.contains_key(id)).cloned();
    changed.chain(extra).take(SHOWN).collect()
}

/// Names of fields whose values are not equal.
fn differing_fields(stored: Option<&Value>, served: &Value) -> Vec<String> {
    let empty = serde_json::Map::new();
    let stored = stored.and_then(Value::as_object).unwrap_or(&empty);
    let served = served.as_object().unwrap_or(&empty);
    let names: BTreeSet<&String> = stored.keys().chain(served.keys()).collect();
    names.into_iter().filter(|name| stored.get(*name) != served.get(*name)).take(SHOWN).cloned().collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn the_hours_share_reaches_every_issue_in_time() {
        assert_eq!(an_hours_share(1_000_000, 7), 5_953);
        assert!(an_hours_share(1_000_000, 7) * 24 * 7 >= 1_000_000);
        assert_eq!(an_hours_share(10, 7), 100, "a portion is the least");
    }

    #[test]
    fn rows_differ_by_hash_and_by_what_only_one_side_has() {
        let copied = BTreeMap::from([("1".to_owned(), vec![1]), ("2".to_owned(), vec![2])]);
        let served = [("1".to_owned(), vec![9]), ("3".to_owned(), vec![3])];
        let differing =
            |complete| differing_rows(&copied, served.iter().map(|(id, hash)| (id, hash)), complete);
        assert_eq!(differing(true), ["1", "3", "2"]);
        assert_eq!(differing(false), ["1", "3"], "a part says nothing of what it lacks");
    }

    #[test]
    fn differing_fields_are_named() {
        let stored = json!({ "summary": "a", "labels": [], "votes": { "votes": 1 } });
        let served = json!({ "summary": "b", "labels": [], "watches": {} });
        assert_eq!(differing_fields(Some(&stored), &served), ["summary", "votes", "watches"]);
    }
}
