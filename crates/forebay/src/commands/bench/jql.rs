//! `forebay bench jql`: queries that people really write, on the database as it stands, by kind; and how long parsing takes.
//!
//! The queries are in `jql.txt`. Each is asked as the doors ask it: a transaction of the tenant, the statements, and a page of 50
//! issues on the way back.

use std::{collections::BTreeMap, time::Instant};

use application::{
    TenantContext,
    instances::Instance,
    issues::IssueRow,
    ports::TenantTx,
    search::{SearchStart, current_user, parse_jql},
    tenants::Tenant,
};
use infrastructure::telemetry::Telemetry;
use serde::Serialize;
use serde_json::Value;

use super::{Latency, latency, queries};
use crate::{
    cli::bench::JqlArgs,
    failure::Failure,
    output,
    settings::Settings,
    wiring::{Role, Wiring},
};

const SUITE: &str = include_str!("jql.txt");

/// Issues from which names are taken.
const SAMPLE: u32 = 500;
const PAGE: u32 = 50;
/// Asked of each query before it is timed.
const WARM_UP: u32 = 3;
/// At how many issues a deep page begins.
const DEPTH: u64 = 5_000;
const DEEP_PAGE: &str = "deep page";
/// How often each query is parsed.
const PARSES: u32 = 200;

/// A query of the suite.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Asked {
    kind: String,
    jql: String,
}

#[derive(Serialize)]
struct Figures {
    /// Milliseconds, by kind.
    kinds: Vec<Latency>,
    /// Milliseconds, by query.
    queries: Vec<Latency>,
    /// Microseconds.
    parse: Latency,
    /// Queries for which the instance has no names.
    left_out: Vec<String>,
}

pub(super) async fn run(
    settings: Settings,
    telemetry: Telemetry,
    arguments: &JqlArgs,
    as_json: bool,
) -> Result<(), Failure> {
    let wiring = Wiring::open(settings, telemetry, Role::Server).await?;
    let measured = measure(&wiring, arguments).await;
    wiring.close().await;
    let figures = measured?;
    if as_json {
        return output::json(&figures);
    }
    for left_out in &figures.left_out {
        output::note(&format!("left out, as the instance has no such names: {left_out}"));
    }
    let row = |latency: &Latency| {
        let shown = |value: f64| format!("{value:.2}");
        let times = [latency.p50, latency.p95, latency.p99].map(shown);
        [vec![latency.what.clone(), latency.reads.to_string()], times.to_vec()].concat()
    };
    if arguments.each {
        let rows: Vec<_> = figures.queries.iter().map(row).collect();
        output::table(&["QUERY (ms)", "N", "P50", "P95", "P99"], &rows)?;
    }
    let kinds: Vec<_> = figures.kinds.iter().map(row).collect();
    output::table(&["KIND (ms)", "N", "P50", "P95", "P99"], &kinds)?;
    output::table(&["PARSING (µs)", "N", "P50", "P95", "P99"], &[row(&figures.parse)])
}

async fn measure(wiring: &Wiring, arguments: &JqlArgs) -> Result<Figures, Failure> {
    let tenant = wiring.tenant(arguments.tenant.tenant.as_deref()).await?;
    let instance = super::instance_of(wiring, &tenant, arguments.instance.as_deref()).await?;
    let mut tx = wiring.services.db.tenant(&TenantContext::whole(tenant.id)).await?;
    let newest = super::request(wiring, instance.id, "ORDER BY updated DESC", SAMPLE)?;
    let issues = tx.search(&newest).await?.issues;
    drop(tx);
    let names = names(&issues)?;
    let (mut kinds, mut queries, mut left_out) = (Vec::new(), Vec::new(), Vec::new());
    let mut by_kind: BTreeMap<String, Vec<f64>> = BTreeMap::new();
    let mut order = Vec::new();
    let mut parses = Vec::new();
    for asked in suite() {
        let Some(jql) = filled(&asked.jql, &names) else {
            left_out.push(asked.jql);
            continue;
        };
        parses.extend(parse_times(&jql)?);
        output::note(&format!("timing {jql}"));
        let times = ask(wiring, &tenant, &instance, &asked.kind, &jql, arguments.reads).await?;
        if !order.contains(&asked.kind) {
            order.push(asked.kind.clone());
        }
        by_kind.entry(asked.kind.clone()).or_default().extend(&times);
        queries.push(latency(&format!("{}: {jql}", asked.kind), times));
    }
    for kind in order {
        let times = by_kind.remove(&kind).unwrap_or_default();
        kinds.push(latency(&kind, times));
    }
    Ok(Figures { kinds, queries, parse: latency("a query of the suite", parses), left_out })
}

async fn ask(
    wiring: &Wiring,
    tenant: &Tenant,
    instance: &Instance,
    kind: &str,
    jql: &str,
    reads: u32,
) -> Result<Vec<f64>, Failure> {
    let mut request = super::request(wiring, instance.id, jql, PAGE)?;
    request.current_user = current_user(instance);
    if kind == DEEP_PAGE {
        request.start = SearchStart::Offset(DEPTH);
    }
    let mut times = Vec::new();
    for turn in 0..reads + WARM_UP {
        let began = Instant::now();
        let mut tx: Box<dyn TenantTx> = wiring.services.db.tenant(&TenantContext::whole(tenant.id)).await?;
        tx.search(&request).await.map_err(|error| Failure::new(format!("{jql}: {error}")))?;
        drop(tx);
        if turn >= WARM_UP {
            times.push(began.elapsed().as_secs_f64() * 1000.0);
        }
    }
    Ok(times)
}

/// Microseconds.
fn parse_times(jql: &str) -> Result<Vec<f64>, Failure> {
    let mut times = Vec::with_capacity(PARSES as usize);
    for _ in 0..PARSES {
        let began = Instant::now();
        std::hint::black_box(parse_jql(std::hint::black_box(jql))?);
        times.push(began.elapsed().as_secs_f64() * 1_000_000.0);
    }
    Ok(times)
}

fn suite() -> Vec<Asked> {
    let mut kind = String::new();
    let mut suite = Vec::new();
    for line in SUITE.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#')) {
        match line.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
            Some(name) => name.clone_into(&mut kind),
            None => suite.push(Asked { kind: kind.clone(), jql: line.to_owned() }),
        }
    }
    suite
}

/// The query with its names; `None` when one is missing.
fn filled(jql: &str, names: &BTreeMap<&'static str, String>) -> Option<String> {
    let mut whole = String::new();
    let mut rest = jql;
    while let Some((before, behind)) = rest.split_once('{') {
        let (name, after) = behind.split_once('}')?;
        whole.push_str(before);
        whole.push_str(names.get(name)?);
        rest = after;
    }
    whole.push_str(rest);
    Some(whole)
}

/// What the issues have, each once.
fn names(issues: &[IssueRow]) -> Result<BTreeMap<&'static str, String>, Failure> {
    let newest = issues.first().ok_or_else(|| Failure::new("the instance has no issues yet"))?;
    let project = &newest.project_key;
    let mut keys: Vec<&IssueRow> = issues.iter().filter(|issue| issue.project_key == *project).collect();
    keys.sort_by_key(|issue| issue.jira_id.parse::<i64>().unwrap_or_default());
    let mut names = BTreeMap::new();
    let mut add = |name: &'static str, value: Option<String>| {
        if let Some(value) = value {
            names.insert(name, value);
        }
    };
    add("project", Some(project.clone()));
    add("id", Some(newest.jira_id.clone()));
    for (name, place) in [("key", 0), ("key2", keys.len() / 2), ("key3", keys.len().saturating_sub(1))] {
        add(name, keys.get(place).map(|issue| issue.key.clone()));
    }
    let quoted = |value: &str| jql::quote(value).into_owned();
    let found = |read: &dyn Fn(&IssueRow) -> Option<String>| issues.iter().find_map(read);
    let text = |value: &Value| value.as_str().map(quoted);
    add("status", Some(quoted(&newest.status)));
    add("label", found(&|issue| issue.labels.first().map(|label| quoted(label))));
    add(
        "user",
        found(&|issue| {
            let person = &issue.raw["fields"]["assignee"];
            text(&person["accountId"]).or_else(|| text(&person["key"]))
        }),
    );
    add("component", found(&|issue| text(&issue.raw["fields"]["components"][0]["name"])));
    add("version", found(&|issue| text(&issue.raw["fields"]["fixVersions"][0]["name"])));
    add("parent", found(&|issue| text(&issue.raw["fields"]["parent"]["key"])));
    add(
        "epic",
        found(&|issue| {
            let parent = &issue.raw["fields"]["parent"];
            (parent["fields"]["issuetype"]["hierarchyLevel"] == 1).then(|| text(&parent["key"]))?
        }),
    );
    add(
        "word",
        found(&|issue| {
            let words = issue.summary.split(|c: char| !c.is_alphanumeric());
            words.filter(|word| word.len() > 4).map(str::to_lowercase).next()
        }),
    );
    if let Some((field, value)) = issues.iter().find_map(|issue| queries::choice(&issue.raw)) {
        add("choice_field", Some(field.to_string()));
        add("choice", Some(quoted(&value)));
    }
    if let Some((field, value)) = issues.iter().find_map(|issue| queries::number(&issue.raw)) {
        add("number_field", Some(field.to_string()));
        add("number", Some(quoted(&value.to_string())));
    }
    Ok(names)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_suite_has_sixty_queries_of_eight_kinds_and_each_can_be_read() {
        let suite = suite();
        assert_eq!(suite.len(), 60);
        let kinds: std::collections::BTreeSet<_> = suite.iter().map(|asked| asked.kind.as_str()).collect();
        let expected = ["custom field", DEEP_PAGE, "functions", "history", "list", "order", "point", "text"];
        assert_eq!(kinds.into_iter().collect::<Vec<_>>(), expected);
        let names: BTreeMap<&'static str, String> = [
            "project",
            "key",
            "key2",
            "key3",
            "id",
            "parent",
            "epic",
            "user",
            "status",
            "label",
            "component",
            "version",
            "word",
            "choice_field",
            "choice",
            "number_field",
            "number",
        ]
        .into_iter()
        .map(|name| (name, "1".to_owned()))
        .collect();
        for asked in suite {
            let jql = filled(&asked.jql, &names).unwrap();
            parse_jql(&jql).unwrap_or_else(|error| panic!("{jql}: {error}"));
        }
    }

    #[test]
    fn a_query_without_its_names_is_left_out() {
        let names = BTreeMap::from([("project", "PAY".to_owned())]);
        assert_eq!(filled("project = {project} AND a = b", &names).unwrap(), "project = PAY AND a = b");
        assert_eq!(filled("project = {project} AND labels = {label}", &names), None);
    }
}
