//! `forebay bench queries`: the hot reads on the database as it stands, with row-level security and without it.
//!
//! Reads are made as the doors make them: a transaction of the tenant each, the statements, and the way back. Both ways take
//! turns, so that whatever else the machine does falls on both alike.

use std::time::Instant;

use application::{
    TenantContext, issues::IssueRow, ports::TenantTx, pulse::PulseFilter, reference::Roster,
    search::SearchRequest, tenants::Tenant,
};
use domain::ids::{InstanceId, IssueId};
use infrastructure::{postgres::unprotected::Unprotected, telemetry::Telemetry};
use serde::Serialize;
use serde_json::Value;

use crate::{
    cli::bench::QueriesArgs,
    failure::Failure,
    output,
    settings::Settings,
    wiring::{Role, Wiring},
};

/// Issues whose keys are read, and from which names for searches are taken.
const SAMPLE: u32 = 1_000;
const PAGE: u32 = 50;
/// Reads of Work Pulse: a large project's take seconds.
const PULSES: u32 = 5;
/// Reads of each kind that are not timed: plans and caches settle.
const WARM_UP: usize = 7;

/// What is timed.
struct Read {
    what: String,
    how: How,
}

enum How {
    Issue,
    Comments,
    Changelog,
    Search(SearchRequest),
    Count(SearchRequest),
    Pulse,
    Statuses,
}

/// Milliseconds of both ways.
#[derive(Serialize)]
struct Times {
    what: String,
    p50: f64,
    p99: f64,
    p50_without: Option<f64>,
    p99_without: Option<f64>,
}

/// What is read.
struct Sample {
    instance: InstanceId,
    issues: Vec<(IssueId, String)>,
}

pub(super) async fn run(
    settings: Settings,
    telemetry: Telemetry,
    arguments: &QueriesArgs,
    as_json: bool,
) -> Result<(), Failure> {
    let wiring = Wiring::open(settings, telemetry, Role::Server).await?;
    let measured = measure(&wiring, arguments).await;
    wiring.close().await;
    let times = measured?;
    if as_json {
        return output::json(&times);
    }
    let rows: Vec<_> = times.iter().map(cells).collect();
    output::table(&["READ (ms)", "P50", "P99", "P50 WITHOUT RLS", "P99 WITHOUT RLS", "RLS COSTS"], &rows)
}

fn cells(times: &Times) -> Vec<String> {
    let ms = |value: f64| format!("{value:.2}");
    let or_none = |value: Option<f64>| value.map_or_else(|| "-".into(), ms);
    let costs = times.p50_without.map(|without| format!("{:+.0} %", (times.p50 / without - 1.0) * 100.0));
    vec![
        times.what.clone(),
        ms(times.p50),
        ms(times.p99),
        or_none(times.p50_without),
        or_none(times.p99_without),
        costs.unwrap_or_else(|| "-".into()),
    ]
}

async fn measure(wiring: &Wiring, arguments: &QueriesArgs) -> Result<Vec<Times>, Failure> {
    let tenant = wiring.tenant(arguments.tenant.tenant.as_deref()).await?;
    let instance = super::instance_of(wiring, &tenant, arguments.instance.as_deref()).await?;
    let mut tx = wiring.services.db.tenant(&TenantContext::whole(tenant.id)).await?;
    let newest = super::request(wiring, instance.id, "ORDER BY updated DESC", SAMPLE)?;
    let issues = tx.search(&newest).await?.issues;
    drop(tx);
    let reads = reads(wiring, instance.id, &issues, &arguments.jql)?;
    let sample = Sample {
        instance: instance.id,
        issues: issues.into_iter().map(|issue| (issue.id, issue.key)).collect(),
    };
    let unprotected = Unprotected::open(wiring.access.owner_options(), tenant.id).await?;
    if unprotected.is_none() {
        output::note("the owner does not bypass row-level security, so there is nothing to compare with");
    }
    let mut times = Vec::new();
    for read in &reads {
        output::note(&format!("timing {}", read.what));
        times.push(time(wiring, &tenant, unprotected.as_ref(), &sample, read, arguments.reads).await?);
    }
    if let Some(unprotected) = unprotected {
        unprotected.close().await;
    }
    Ok(times)
}

async fn time(
    wiring: &Wiring,
    tenant: &Tenant,
    unprotected: Option<&Unprotected>,
    sample: &Sample,
    read: &Read,
    count: u32,
) -> Result<Times, Failure> {
    let (mut with, mut without) = (Vec::new(), Vec::new());
    // Work Pulse reads every issue: it takes long, and as long each time.
    let (count, unsettled) = match read.how {
        How::Pulse => (count.min(PULSES), 1),
        _ => (count, WARM_UP),
    };
    for turn in 0..count as usize + unsettled {
        // Whoever comes second finds the issue's pages in memory.
        if turn % 2 == 0 {
            with.push(through_policies(wiring, tenant, sample, &read.how, turn).await?);
        }
        if let Some(unprotected) = unprotected {
            let began = Instant::now();
            let mut tx = unprotected.begin().await?;
            perform(wiring, tx.as_mut(), sample, &read.how, turn).await?;
            drop(tx);
            without.push(milliseconds(began));
        }
        if turn % 2 == 1 {
            with.push(through_policies(wiring, tenant, sample, &read.how, turn).await?);
        }
    }
    let settled = |times: Vec<f64>| super::latency(&read.what, times.into_iter().skip(unsettled).collect());
    let (with, without) = (settled(with), unprotected.map(|_| settled(without)));
    Ok(Times {
        what: read.what.clone(),
        p50: with.p50,
        p99: with.p99,
        p50_without: without.as_ref().map(|without| without.p50),
        p99_without: without.as_ref().map(|without| without.p99),
    })
}

/// Milliseconds of one read as the doors make it.
async fn through_policies(
    wiring: &Wiring,
    tenant: &Tenant,
    sample: &Sample,
    how: &How,
    turn: usize,
) -> Result<f64, Failure> {
    let began = Instant::now();
    let mut tx = wiring.services.db.tenant(&TenantContext::whole(tenant.id)).await?;
    perform(wiring, tx.as_mut(), sample, how, turn).await?;
    drop(tx);
    Ok(milliseconds(began))
}

fn milliseconds(began: Instant) -> f64 {
    began.elapsed().as_secs_f64() * 1000.0
}

async fn perform(
    wiring: &Wiring,
    tx: &mut dyn TenantTx,
    sample: &Sample,
    how: &How,
    turn: usize,
) -> Result<(), Failure> {
    // Far from one another, as a prime's multiples are.
    let (id, key) = &sample.issues[turn * 7919 % sample.issues.len()];
    match how {
        How::Issue => drop(tx.issue(Some(sample.instance), key).await?),
        How::Comments => drop(tx.comments(&[*id]).await?),
        How::Changelog => drop(tx.histories(&[*id]).await?),
        How::Search(request) => drop(tx.search(request).await?),
        How::Count(request) => drop(tx.count(request).await?),
        How::Pulse => {
            let until = wiring.now().date_naive();
            let filter =
                PulseFilter { instance: Some(sample.instance), until, weeks: 12, ..PulseFilter::default() };
            drop(tx.pulse(&filter, wiring.now()).await?);
        }
        How::Statuses => drop(tx.roster(sample.instance, Roster::Statuses).await?),
    }
    Ok(())
}

/// The reads of every door, and searches by names that the sample has.
fn reads(
    wiring: &Wiring,
    instance: InstanceId,
    issues: &[IssueRow],
    more: &[String],
) -> Result<Vec<Read>, Failure> {
    let issue = issues.first().ok_or_else(|| Failure::new("the instance has no issues yet"))?;
    let project = &issue.project_key;
    let mut searches = vec![
        format!("project = {project} ORDER BY updated DESC"),
        format!("status = {} ORDER BY updated DESC", jql::quote(&issue.status)),
        format!(
            "project = {project} AND statusCategory != Done AND priority in (High, Highest) ORDER BY created DESC"
        ),
        "text ~ \"error\" ORDER BY updated DESC".to_owned(),
    ];
    let account = issues.iter().find_map(|issue| {
        let person = &issue.raw["fields"]["assignee"];
        person["accountId"].as_str().or_else(|| person["key"].as_str())
    });
    searches
        .extend(account.map(|account| format!("assignee = {} ORDER BY updated DESC", jql::quote(account))));
    let label = issues.iter().find_map(|issue| issue.labels.first());
    searches.extend(label.map(|label| format!("labels = {} ORDER BY updated DESC", jql::quote(label))));
    if let Some((field, value)) = issues.iter().find_map(|issue| choice(&issue.raw)) {
        let equals = format!("cf[{field}] = {}", jql::quote(&value));
        searches.push(format!("{equals} ORDER BY updated DESC"));
        searches.push(format!("{equals} AND project = {project} ORDER BY created DESC"));
        searches.push(format!("cf[{field}] != {} ORDER BY updated DESC", jql::quote(&value)));
        searches.push(format!("project = {project} AND cf[{field}] is EMPTY ORDER BY updated DESC"));
    }
    if let Some((field, number)) = issues.iter().find_map(|issue| number(&issue.raw)) {
        searches.push(format!("cf[{field}] >= {} ORDER BY updated DESC", jql::quote(&number.to_string())));
    }
    searches.extend(more.iter().cloned());
    let named = |what: &str, how| Read { what: what.to_owned(), how };
    let mut reads = vec![
        named("issue by key", How::Issue),
        named("comments of an issue", How::Comments),
        named("changelog of an issue", How::Changelog),
        named("statuses of an instance", How::Statuses),
    ];
    for jql in &searches {
        let request = super::request(wiring, instance, jql, PAGE)?;
        reads.push(Read { what: jql.clone(), how: How::Search(request) });
    }
    let count = format!("project = {project}");
    let request = super::request(wiring, instance, &count, PAGE)?;
    reads.push(Read { what: format!("count of {count}"), how: How::Count(request) });
    reads.push(named("work pulse", How::Pulse));
    Ok(reads)
}

/// A custom field's number and the name of an option that the issue has there.
pub(super) fn choice(raw: &Value) -> Option<(u64, String)> {
    custom_fields(raw).find_map(|(field, value)| Some((field, value["value"].as_str()?.to_owned())))
}

pub(super) fn number(raw: &Value) -> Option<(u64, f64)> {
    custom_fields(raw).find_map(|(field, value)| Some((field, value.as_f64()?)))
}

fn custom_fields(raw: &Value) -> impl Iterator<Item = (u64, &Value)> {
    let fields = raw["fields"].as_object().into_iter().flatten();
    fields.filter_map(|(name, value)| Some((name.strip_prefix("customfield_")?.parse().ok()?, value)))
}
