//! Field history, the state at a moment and time in status, by the rules of migration 0013: by hand, and against a plain
//! evaluator over random, generated and recorded issues.

mod oracle;
mod random;

use std::collections::{BTreeMap, BTreeSet};

use application::{
    erasure::ErasedPeople,
    history::{FieldSpan, TimeInCategory, TimeInStatus},
    ingest::{FieldRoles, Reader, read_issue, read_rosters, sniff_dialect},
    instances::InstanceKind,
    issues::{HistoryItemRecord, IssueBundle, Presence},
    ports::{FetchedIssue, ReferenceData, TenantTx},
    reference::{FieldValueRecord, ReferenceRecords},
};
use chrono::{DateTime, TimeDelta, Utc};
use domain::{
    generator,
    ids::{InstanceId, IssueId, TenantId},
};
use infrastructure::crypto::{Keyring, MasterKey};
use proptest::{
    strategy::{Strategy, ValueTree},
    test_runner::{Config, TestRunner},
};
use serde_json::Value;

use self::{
    oracle::{Past, Set},
    random::{any_past, fields, made, statuses},
};
use crate::{
    bundles::{at, changed, history, issue, item, status_change},
    database::TestDatabase,
};

/// Long after everything.
fn later() -> DateTime<Utc> {
    at(10_000_000)
}

/// A site whose rosters have been read.
async fn site(base: &TestDatabase) -> (TenantId, InstanceId) {
    let (tenant, instance) = base.mirror().await;
    let rosters = ReferenceRecords { statuses: statuses(), fields: fields(), ..Default::default() };
    let mut tx = base.begin(tenant).await;
    tx.upsert_reference(instance, &rosters, true).await.unwrap();
    tx.commit().await.unwrap();
    (tenant, instance)
}

async fn store(base: &TestDatabase, tenant: TenantId, instance: InstanceId, page: &[IssueBundle]) {
    let mut tx = base.begin(tenant).await;
    tx.upsert_issues(instance, page).await.unwrap();
    tx.commit().await.unwrap();
}

/// As the changelog of an old Server has it: without the field's id.
fn unnamed(item: HistoryItemRecord, field_type: &str) -> HistoryItemRecord {
    HistoryItemRecord { field_id: None, field_type: Some(field_type.into()), ..item }
}

/// Value, text, minute of the start, minute of the end.
type Span<'a> = (Option<&'a str>, Option<&'a str>, i64, Option<i64>);

/// The spans of one field.
fn spans_of<'a>(spans: &'a [FieldSpan], field: &str) -> Vec<Span<'a>> {
    let minute = |moment: DateTime<Utc>| (moment - at(0)).num_minutes();
    let of_field = spans.iter().filter(|span| span.field_id == field);
    of_field
        .map(|span| {
            (span.value.as_deref(), span.string.as_deref(), minute(span.started), span.ended.map(minute))
        })
        .collect()
}

#[tokio::test]
async fn each_rule_of_the_changelog_is_followed() {
    let base = TestDatabase::create().await;
    let (tenant, instance) = site(&base).await;
    let bundle = changed(&issue(1, "PAY-1"), 90, |b| {
        (b.issue.status_id, b.issue.status, b.issue.status_category) =
            ("5".into(), "Done".into(), "done".into());
        let value = |field: &str, id: &str, text: &str| FieldValueRecord {
            field_id: field.into(),
            value_id: Some(id.into()),
            text: Some(text.into()),
            ..Default::default()
        };
        b.values = vec![
            value("fixVersions", "11", "1.1"),
            value("customfield_3", "31", "Red"),
            value("components", "8", "Web"),
        ];
        b.histories = vec![
            // The same field twice in one history, and several fields.
            history(
                101,
                10,
                vec![
                    item("status", Some(("1", "To Do")), Some(("3", "In Progress"))),
                    item("status", Some(("3", "In Progress")), Some(("4", "In Review"))),
                    item("assignee", None, Some(("ann", "Ann"))),
                ],
            ),
            status_change(102, 30, ("4", "In Review"), ("5", "Done")),
            // A name that one custom field has means that field; one that two have means neither.
            history(
                103,
                20,
                vec![
                    unnamed(item("Severity", Some(("21", "Low")), Some(("22", "High"))), "custom"),
                    unnamed(item("Team", Some(("30", "Blue")), Some(("31", "Red"))), "custom"),
                ],
            ),
            // Versions come and go one by one; the order of ids does not matter, that of time does.
            history(
                104,
                40,
                vec![
                    unnamed(item("Fix Version", Some(("10", "1.0")), None), "jira"),
                    unnamed(item("Fix Version", None, Some(("11", "1.1"))), "jira"),
                ],
            ),
            // Added twice is once.
            history(108, 45, vec![unnamed(item("Fix Version", None, Some(("11", "1.1"))), "jira")]),
            // What says nothing of a state is none; an import may date changes before the creation.
            history(105, 50, vec![unnamed(item("Rank", None, Some(("", "Ranked higher"))), "custom")]),
            history(106, -60, vec![item("summary", Some(("", "Old")), Some(("", "New")))]),
            history(107, 60, Vec::new()),
        ];
    });
    store(&base, tenant, instance, &[bundle]).await;
    let mut tx = base.begin(tenant).await;
    let spans = tx.field_history(instance.issue("1")).await.unwrap();

    assert_eq!(
        spans_of(&spans, "status"),
        [
            (Some("1"), Some("To Do"), 0, Some(10)),
            (Some("3"), Some("In Progress"), 10, Some(10)),
            (Some("4"), Some("In Review"), 10, Some(30)),
            (Some("5"), Some("Done"), 30, None),
        ]
    );
    assert_eq!(
        spans_of(&spans, "assignee"),
        [(None, None, 0, Some(10)), (Some("ann"), Some("Ann"), 10, None)]
    );
    assert_eq!(
        spans_of(&spans, "customfield_2"),
        [(Some("21"), Some("Low"), 0, Some(20)), (Some("22"), Some("High"), 20, None)]
    );
    assert_eq!(
        spans_of(&spans, "Team"),
        [(Some("30"), Some("Blue"), 0, Some(20)), (Some("31"), Some("Red"), 20, None)]
    );
    assert_eq!(spans_of(&spans, "customfield_3"), [], "its changes are those of `Team`");
    assert_eq!(
        spans_of(&spans, "fixVersions"),
        [(Some("10"), Some("1.0"), 0, Some(40)), (Some("11"), Some("1.1"), 40, None)]
    );
    assert_eq!(spans_of(&spans, "components"), [(Some("8"), Some("Web"), 0, None)]);
    assert_eq!(spans_of(&spans, "summary"), [(None, Some("Old"), 0, Some(0)), (None, Some("New"), 0, None)]);
    assert_eq!(spans_of(&spans, "reporter"), [(Some("bob"), Some("Bob"), 0, None)]);
    let ids: BTreeSet<&str> = spans.iter().map(|span| span.field_id.as_str()).collect();
    assert!(!ids.contains("Rank") && !ids.contains(""), "{ids:?}");
    assert_eq!(spans.iter().find(|span| span.field_id == "customfield_2").unwrap().field, "Severity");
    drop(tx);
    base.remove().await;
}

#[tokio::test]
async fn the_state_at_a_moment_is_that_of_an_issue_that_was_there() {
    let base = TestDatabase::create().await;
    let (tenant, instance) = site(&base).await;
    let bundle = changed(&issue(1, "PAY-1"), 90, |b| {
        b.histories = vec![
            status_change(1, 10, ("3", "In Progress"), ("4", "In Review")),
            status_change(2, 30, ("4", "In Review"), ("1", "To Do")),
        ];
    });
    store(&base, tenant, instance, &[bundle]).await;
    let mut tx = base.begin(tenant).await;
    for (minute, status, since) in
        [(0, "3", 0), (9, "3", 0), (10, "4", 10), (29, "4", 10), (30, "1", 30), (99, "1", 30)]
    {
        let state = tx.issue_at(instance.issue("1"), at(minute)).await.unwrap();
        let found = state.iter().find(|field| field.field_id == "status").unwrap();
        assert_eq!((found.value.as_deref(), found.since), (Some(status), at(since)), "minute {minute}");
    }
    assert!(tx.issue_at(instance.issue("1"), at(-1)).await.unwrap().is_empty(), "before the creation");
    assert!(tx.issue_at(instance.issue("9"), at(1)).await.unwrap().is_empty(), "no such issue");

    tx.set_presence(instance, &["1".into()], Presence::Deleted).await.unwrap();
    assert!(tx.field_history(instance.issue("1")).await.unwrap().is_empty());
    assert!(tx.time_in_status(instance.issue("1"), later()).await.unwrap().is_empty());
    drop(tx);
    base.remove().await;
}

#[tokio::test]
async fn a_moved_issue_has_its_old_key_and_project_in_its_past() {
    let base = TestDatabase::create().await;
    let (tenant, instance) = site(&base).await;
    let moved = changed(&issue(1, "OPS-7"), 90, |b| {
        b.histories = vec![history(
            101,
            10,
            vec![
                item("project", Some(("10", "Payments")), Some(("20", "Operations"))),
                unnamed(item("Key", Some(("", "PAY-1")), Some(("", "OPS-7"))), "jira"),
                unnamed(item("Component", Some(("8", "Web")), None), "jira"),
            ],
        )];
    });
    store(&base, tenant, instance, &[moved]).await;
    let mut tx = base.begin(tenant).await;
    let state = tx.issue_at(instance.issue("1"), at(5)).await.unwrap();
    let was = |field: &str| {
        state.iter().find(|state| state.field_id == field).and_then(|state| state.string.as_deref())
    };
    assert_eq!(
        (was("issuekey"), was("project"), was("components")),
        (Some("PAY-1"), Some("Payments"), Some("Web"))
    );
    let state = tx.issue_at(instance.issue("1"), at(10)).await.unwrap();
    let is = |field: &str| {
        state.iter().find(|state| state.field_id == field).and_then(|state| state.string.as_deref())
    };
    assert_eq!((is("issuekey"), is("project"), is("components")), (Some("OPS-7"), Some("Operations"), None));
    drop(tx);
    base.remove().await;
}

#[tokio::test]
async fn time_in_status_counts_visits_and_what_lasts_until_the_moment() {
    let base = TestDatabase::create().await;
    let (tenant, instance) = site(&base).await;
    let bundle = changed(&issue(1, "PAY-1"), 90, |b| {
        (b.issue.status_id, b.issue.status, b.issue.status_category) =
            ("3".into(), "In Progress".into(), "indeterminate".into());
        b.histories = vec![
            status_change(1, 10, ("1", "To Do"), ("3", "In Progress")),
            status_change(2, 20, ("3", "In Progress"), ("4", "In Review")),
            // Gone from the site, told by its name; and one that nothing tells.
            status_change(3, 40, ("4", "In Review"), ("99", "done")),
            status_change(4, 50, ("99", "done"), ("98", "Waiting")),
            status_change(5, 60, ("98", "Waiting"), ("3", "In Progress")),
        ];
    });
    store(&base, tenant, instance, &[bundle]).await;
    let mut tx = base.begin(tenant).await;
    let id = instance.issue("1");
    let times = tx.time_in_status(id, at(61)).await.unwrap();
    let shown: Vec<_> = times
        .iter()
        .map(|t| (t.status.as_str(), t.category.as_str(), t.seconds / 60.0, t.visits, t.last_left))
        .collect();
    assert_eq!(
        shown,
        [
            ("To Do", "new", 10.0, 1, Some(at(10))),
            ("In Progress", "indeterminate", 11.0, 2, None),
            ("In Review", "indeterminate", 20.0, 1, Some(at(40))),
            ("done", "done", 10.0, 1, Some(at(50))),
            ("Waiting", "undefined", 10.0, 1, Some(at(60))),
        ]
    );
    let times = tx.time_in_category(id, at(61)).await.unwrap();
    let shown: Vec<_> = times.iter().map(|t| (t.category.as_str(), t.seconds / 60.0, t.visits)).collect();
    assert_eq!(
        shown,
        [("new", 10.0, 1), ("indeterminate", 31.0, 2), ("done", 10.0, 1), ("undefined", 10.0, 1)],
        "from In Progress to In Review is no new visit"
    );
    let early = tx.time_in_status(id, at(15)).await.unwrap();
    assert_eq!(early.iter().map(|t| t.seconds / 60.0).collect::<Vec<_>>(), [10.0, 5.0]);
    assert!(tx.time_in_status(id, at(-1)).await.unwrap().is_empty());
    drop(tx);
    base.remove().await;
}

#[tokio::test]
async fn another_tenant_has_no_part_in_it() {
    let base = TestDatabase::create().await;
    let (tenant, instance) = site(&base).await;
    store(&base, tenant, instance, &[issue(1, "PAY-1")]).await;
    let stranger = base.tenant("stranger").await;
    base.instance(stranger, "main", InstanceKind::Cloud).await;
    let mut tx = base.begin(stranger).await;
    let id = instance.issue("1");
    assert!(tx.field_history(id).await.unwrap().is_empty());
    assert!(tx.issue_at(id, later()).await.unwrap().is_empty());
    assert!(tx.time_in_status(id, later()).await.unwrap().is_empty());
    assert!(tx.time_in_category(id, later()).await.unwrap().is_empty());
    drop(tx);
    base.remove().await;
}

/// Compares what SQL says of an issue with what the evaluator says, at every moment at which something changes.
async fn compare(tx: &mut dyn TenantTx, id: IssueId, past: &Past<'_>) {
    let spans = tx.field_history(id).await.unwrap();
    let state_by = |moment: DateTime<Utc>| -> Set {
        spans
            .iter()
            .filter(|s| s.started <= moment && s.ended.is_none_or(|end| end > moment))
            .filter(|s| s.value.is_some() || s.string.is_some())
            .map(|s| (s.field_id.clone(), s.value.clone(), s.string.clone()))
            .collect()
    };
    for moment in past.moments() {
        assert_eq!(state_by(moment), past.state_at(moment), "at {moment}");
    }
    let middle = *past.moments().iter().nth(past.moments().len() / 2).unwrap();
    for moment in [middle, later()] {
        let found = tx.issue_at(id, moment).await.unwrap();
        let state: Set = found.into_iter().map(|state| (state.field_id, state.value, state.string)).collect();
        assert_eq!(state, past.state_at(moment), "issue_at {moment}");
        let statuses = tx.time_in_status(id, moment).await.unwrap();
        assert_eq!(rounded(statuses), times_by(past, moment), "time in status until {moment}");
        let categories = tx.time_in_category(id, moment).await.unwrap();
        assert_eq!(rounded_categories(categories), category_times_by(past, moment), "{moment}");
    }
}

/// Milliseconds, visits, first entry, last exit.
type Times = (i64, u64, DateTime<Utc>, Option<DateTime<Utc>>);

fn rounded(times: Vec<TimeInStatus>) -> BTreeMap<(Option<String>, String, String), Times> {
    let each = times.into_iter().map(|t| {
        let time = ((t.seconds * 1000.0).round() as i64, t.visits, t.first_entered, t.last_left);
        ((t.status_id, t.status, t.category), time)
    });
    each.collect()
}

fn rounded_categories(times: Vec<TimeInCategory>) -> BTreeMap<String, Times> {
    let each = times
        .into_iter()
        .map(|t| (t.category, ((t.seconds * 1000.0).round() as i64, t.visits, t.first_entered, t.last_left)));
    each.collect()
}

/// Adds a stay to what was before it.
fn add(
    times: &mut Times,
    start: DateTime<Utc>,
    end: Option<DateTime<Utc>>,
    moment: DateTime<Utc>,
    visit: bool,
) {
    times.0 += (end.unwrap_or(moment).min(moment) - start).num_milliseconds();
    times.1 += u64::from(visit);
    times.3 = end.filter(|end| *end <= moment);
}

fn times_by(past: &Past<'_>, moment: DateTime<Utc>) -> BTreeMap<(Option<String>, String, String), Times> {
    let mut times = BTreeMap::new();
    for ((id, name), category, start, end) in past.stays() {
        if start <= moment {
            let key = (id, name.unwrap_or_default(), category.key().to_owned());
            add(times.entry(key).or_insert((0, 0, start, None)), start, end, moment, true);
        }
    }
    times
}

fn category_times_by(past: &Past<'_>, moment: DateTime<Utc>) -> BTreeMap<String, Times> {
    let (mut times, mut before) = (BTreeMap::new(), None);
    for (_, category, start, end) in past.stays() {
        if start <= moment {
            let entry = times.entry(category.key().to_owned()).or_insert((0, 0, start, None));
            add(entry, start, end, moment, before != Some(category));
        }
        before = Some(category);
    }
    times
}

#[test]
fn whatever_the_changelog_says_sql_and_the_evaluator_agree() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let base = runtime.block_on(TestDatabase::create());
    let (tenant, instance) = runtime.block_on(site(&base));
    let (fields, statuses) = (fields(), statuses());
    let number = std::cell::Cell::new(0);
    let made_so_far = std::cell::RefCell::new(Vec::new());
    let config = Config { cases: 150, failure_persistence: None, ..Config::default() };
    let outcome = TestRunner::new(config).run(&any_past(), |past| {
        number.set(number.get() + 1);
        let bundle = made(number.get(), &past);
        runtime.block_on(async {
            store(&base, tenant, instance, std::slice::from_ref(&bundle)).await;
            let mut tx = base.begin(tenant).await;
            compare(
                tx.as_mut(),
                instance.issue(&bundle.issue.jira_id),
                &Past::new(&bundle, &fields, &statuses),
            )
            .await;
        });
        made_so_far.borrow_mut().push(bundle);
        Ok(())
    });
    outcome.unwrap();
    runtime.block_on(async {
        let bundles = made_so_far.into_inner();
        compare_with_the_arithmetic_of_the_domain(&base, tenant, instance, &bundles).await;
        base.remove().await;
    });
}

/// Where `lead_time_view` and `domain::metrics` answer the same.
async fn compare_with_the_arithmetic_of_the_domain(
    base: &TestDatabase,
    tenant: TenantId,
    instance: InstanceId,
    bundles: &[IssueBundle],
) {
    base.refresh_metrics().await;
    let mut admin = base.superuser().await;
    type Row = (Option<DateTime<Utc>>, Option<DateTime<Utc>>, Option<f64>, i64);
    let (statuses, fields) = (statuses(), fields());
    let mut completed = 0;
    for bundle in bundles {
        let id = instance.issue(&bundle.issue.jira_id);
        let found: Row = sqlx::query_as(
            "SELECT started_at, completed_at, cycle_time_hours, reopened FROM forebay.lead_time_view
             WHERE tenant_id = $1 AND issue_id = $2",
        )
        .bind(tenant.0)
        .bind(id.0)
        .fetch_one(&mut admin)
        .await
        .unwrap();
        let past = Past::new(bundle, &fields, &statuses);
        let history = past.status_history(later());
        if history.category().key() != bundle.issue.status_category {
            continue;
        }
        let hours = history.cycle_time().map(|time| time.num_milliseconds() as f64 / 3_600_000.0);
        let left =
            history.done_crossings().filter(|c| matches!(c, domain::metrics::DoneCrossing::Left(_))).count();
        let expected = (history.started_at(), history.done_at(), left as i64);
        assert_eq!((found.0, found.1, found.3), expected, "{:#?}", bundle.histories);
        assert_eq!(found.2.map(|found| (found * 1e6).round()), hours.map(|hours| (hours * 1e6).round()));
        completed += usize::from(found.1.is_some());
    }
    assert!(completed > 5, "{completed} of {} were completed", bundles.len());
}

fn bundle_of(raw: Value, roles: &FieldRoles, keyring: &Keyring) -> IssueBundle {
    let erased = ErasedPeople::default();
    let reader = Reader::new(sniff_dialect(&raw), roles, keyring, &erased);
    read_issue(&reader, FetchedIssue { raw, comments_complete: true, worklogs_complete: true }).unwrap()
}

#[tokio::test]
async fn generated_issues_have_the_past_that_their_changelogs_tell() {
    let base = TestDatabase::create().await;
    let (tenant, instance) = base.mirror().await;
    let keyring = Keyring::new(MasterKey::generate(), Vec::new());
    let options = generator::Options {
        issues: 120,
        seed: 7,
        now: "2026-11-22T10:00:00Z".parse().unwrap(),
        base_url: "https://site.example".into(),
    };
    let generated = generator::site(&options);
    let roles = FieldRoles::from_fields(&generated.fields);
    let reference = ReferenceData {
        projects: generated.projects.into_iter().chain(generated.users).collect(),
        fields: generated.fields,
        statuses: generated.statuses,
        ..Default::default()
    };
    let rosters = read_rosters(reference, &keyring, &ErasedPeople::default());
    let mut tx = base.begin(tenant).await;
    tx.upsert_reference(instance, &rosters, true).await.unwrap();
    let bundles: Vec<_> = generator::issues(&options).map(|raw| bundle_of(raw, &roles, &keyring)).collect();
    tx.upsert_issues(instance, &bundles).await.unwrap();
    for bundle in &bundles {
        let past = Past::new(bundle, &rosters.fields, &rosters.statuses);
        compare(tx.as_mut(), instance.issue(&bundle.issue.jira_id), &past).await;
        // Where the changes end is where the issue is: so values that never changed are shown as changes show them.
        let unchanged = IssueBundle { histories: Vec::new(), ..bundle.clone() };
        let present = Past::new(&unchanged, &rosters.fields, &rosters.statuses).state_at(options.now);
        let mut ends = past.state_at(options.now);
        ends.retain(|(field, ..)| field != "issuelinks");
        assert_eq!(ends, present, "{}", bundle.issue.key);
    }
    drop(tx);
    base.remove().await;
}

#[tokio::test]
async fn recorded_issues_of_real_servers_have_the_past_that_their_changelogs_tell() {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../../../shared/samples/issues/HIVE.jsonl");
    let Ok(text) = std::fs::read_to_string(folder) else {
        eprintln!("skipped: the recorded samples are not part of a clone");
        return;
    };
    let base = TestDatabase::create().await;
    let tenant = base.tenant("acme").await;
    let instance = base.instance(tenant, "main", InstanceKind::Server).await;
    let keyring = Keyring::new(MasterKey::generate(), Vec::new());
    let issues = text.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
    let with_changes =
        issues.filter(|issue| issue["changelog"]["histories"].as_array().is_some_and(|h| !h.is_empty()));
    let bundles: Vec<_> =
        with_changes.map(|raw| bundle_of(raw, &FieldRoles::default(), &keyring)).take(150).collect();
    assert!(bundles.len() > 10, "{} have a changelog", bundles.len());
    let mut tx = base.begin(tenant).await;
    tx.upsert_issues(instance, &bundles).await.unwrap();
    let statuses: Vec<_> = bundles.iter().flat_map(|bundle| bundle.reference.statuses.clone()).collect();
    for bundle in &bundles {
        let past = Past::new(bundle, &[], &statuses);
        compare(tx.as_mut(), instance.issue(&bundle.issue.jira_id), &past).await;
    }
    drop(tx);
    base.remove().await;
}

#[tokio::test]
async fn spans_of_a_field_follow_one_another_from_the_creation_on() {
    let base = TestDatabase::create().await;
    let (tenant, instance) = site(&base).await;
    let mut runner = TestRunner::deterministic();
    let pasts: Vec<_> = (0..30).map(|_| any_past().new_tree(&mut runner).unwrap().current()).collect();
    let page: Vec<_> = pasts.iter().zip(1..).map(|(past, number)| made(number, past)).collect();
    store(&base, tenant, instance, &page).await;
    let mut tx = base.begin(tenant).await;
    for bundle in &page {
        let spans = tx.field_history(instance.issue(&bundle.issue.jira_id)).await.unwrap();
        let fields: BTreeSet<&str> = spans.iter().map(|span| span.field_id.as_str()).collect();
        for field in fields.into_iter().filter(|field| !["fixVersions", "issuelinks"].contains(field)) {
            let of_field: Vec<_> = spans.iter().filter(|span| span.field_id == field).collect();
            let mut ends: Vec<_> = of_field.iter().map(|span| span.ended).collect();
            let mut starts: Vec<_> = of_field.iter().map(|span| Some(span.started)).collect();
            ends.sort_by_key(|end| end.unwrap_or(later() + TimeDelta::days(1)));
            starts.sort();
            assert_eq!(starts.remove(0), Some(bundle.issue.created), "{field}");
            assert_eq!(ends.pop(), Some(None), "{field}");
            assert_eq!(starts, ends, "{field}: no gap, no overlap");
        }
    }
    drop(tx);
    base.remove().await;
}
