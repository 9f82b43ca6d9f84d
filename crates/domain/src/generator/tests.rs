//! What makes a generated site believable, checked over whole sites.

mod changelog;
mod shape;
mod site;

use std::collections::HashMap;

use chrono::{DateTime, Utc};
use serde_json::Value;

use super::{Generator, Options, issues};

pub(super) fn options(issues: u64, seed: u64) -> Options {
    let now = "2026-11-22T10:00:00Z".parse().unwrap();
    Options { issues, seed, now, base_url: "http://127.0.0.1:8080/jira/demo".to_owned() }
}

/// A site of 2,500 issues.
pub(super) fn generated() -> (Options, Vec<Value>) {
    let options = options(2500, 11);
    let all = issues(&options).collect();
    (options, all)
}

pub(super) fn time(value: &Value) -> DateTime<Utc> {
    let text = value.as_str().unwrap_or_else(|| panic!("{value} is no time"));
    DateTime::parse_from_str(text, "%Y-%m-%dT%H:%M:%S%.3f%z").unwrap().to_utc()
}

pub(super) fn list(value: &Value) -> &[Value] {
    value.as_array().unwrap_or_else(|| panic!("{value} is no array"))
}

/// The histories of an issue, oldest first.
pub(super) fn histories(issue: &Value) -> impl DoubleEndedIterator<Item = &Value> {
    list(&issue["changelog"]["histories"]).iter().rev()
}

/// (created, item) of one field, oldest first.
pub(super) fn items<'a>(
    issue: &'a Value,
    field: &'a str,
) -> impl Iterator<Item = (DateTime<Utc>, &'a Value)> {
    histories(issue).flat_map(move |history| {
        let items = list(&history["items"]).iter().filter(move |item| item["field"] == field);
        items.map(|item| (time(&history["created"]), item))
    })
}

/// FNV-1a over the value with sorted members, so that it does not depend on how `serde_json` keeps objects.
fn fingerprint(value: &Value, hash: &mut u64) {
    let mut feed = |bytes: &[u8]| {
        for byte in bytes {
            *hash = (*hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3);
        }
    };
    match value {
        Value::Object(members) => {
            let mut sorted: Vec<_> = members.iter().collect();
            sorted.sort_by_key(|(name, _)| *name);
            for (name, value) in sorted {
                fingerprint(&Value::from(name.as_str()), hash);
                fingerprint(value, hash);
            }
        }
        Value::Array(values) => {
            feed(b"[");
            values.iter().for_each(|value| fingerprint(value, hash));
        }
        scalar => feed(scalar.to_string().as_bytes()),
    }
}

/// A change of this number changes every demo and every test that counts on a generated site: do it on purpose only.
#[test]
fn the_first_500_issues_are_the_same_on_every_platform() {
    let mut hash = 0xcbf2_9ce4_8422_2325;
    issues(&options(2000, 42)).take(500).for_each(|issue| fingerprint(&issue, &mut hash));
    assert_eq!(hash, 14_759_200_961_193_661_805);
}

#[test]
fn equal_options_give_equal_bytes_and_another_seed_gives_another_site() {
    let bytes = |seed| issues(&options(300, seed)).map(|issue| issue.to_string()).collect::<Vec<_>>();
    assert_eq!(bytes(5), bytes(5));
    assert_ne!(bytes(5), bytes(6));
}

#[test]
fn any_issue_can_be_generated_alone_and_in_any_order() {
    let options = options(40_000, 3);
    let mut ahead = Generator::new(&options);
    let far = ahead.issue(39_999);
    let near = ahead.issue(17);
    assert_eq!(Generator::new(&options).issue(17), near);
    assert_eq!(Generator::new(&options).issue(39_999), far);
    assert_eq!(issues(&options).nth(17), Some(near));
}

#[test]
fn sites_of_any_size_and_seed_are_generated() {
    for (size, seed) in [(0, 1), (1, 2), (63, 3), (64, 4), (65, 5), (700, u64::MAX), (5001, 7)] {
        assert_eq!(issues(&options(size, seed)).count() as u64, size);
    }
}

#[test]
fn reopening_resolution_and_lead_times_are_distributed_as_in_real_teams() {
    let (options, all) = generated();
    let mut lead_days = Vec::new();
    let (mut ever_done, mut reopened, mut recently) = (0, 0, 0);
    let mut statuses: HashMap<&str, usize> = HashMap::new();
    for issue in &all {
        let fields = &issue["fields"];
        *statuses.entry(fields["status"]["name"].as_str().unwrap()).or_default() += 1;
        ever_done += usize::from(items(issue, "status").any(|(_, item)| item["toString"] == "Done"));
        reopened += usize::from(items(issue, "status").any(|(_, item)| item["fromString"] == "Done"));
        if !fields["resolutiondate"].is_null() {
            let done = time(&fields["resolutiondate"]);
            lead_days.push((done - time(&fields["created"])).num_minutes());
            recently += usize::from((options.now - done).num_days() < 28);
        }
    }
    lead_days.sort_unstable();
    let (median, tail) = (lead_days[lead_days.len() / 2], lead_days[lead_days.len() * 9 / 10]);
    assert!(tail > 3 * median, "P90 {tail} and P50 {median} minutes");
    let rate = 100.0 * reopened as f64 / ever_done as f64;
    assert!((5.0..12.0).contains(&rate), "{rate} % reopened");
    let done = statuses["Done"] as f64 / all.len() as f64;
    assert!((0.7..0.93).contains(&done), "{done} done");
    assert!(["To Do", "In Progress", "In Review"].iter().all(|status| statuses[status] > 5), "{statuses:?}");
    assert!((60..400).contains(&recently), "{recently} done within four weeks");
}

#[test]
fn every_week_brings_new_issues_and_completes_some() {
    let (options, all) = generated();
    let weeks = |field: &str| {
        let mut counts = [0; 78];
        for issue in all.iter().filter(|issue| !issue["fields"][field].is_null()) {
            let week = (options.now - time(&issue["fields"][field])).num_weeks() as usize;
            counts[week.min(77)] += 1;
        }
        counts
    };
    let (created, done) = (weeks("created"), weeks("resolutiondate"));
    assert!(created.iter().all(|&count| count > 0), "{created:?}");
    assert!(done[..40].iter().all(|&count| count > 5), "{done:?}");
    let (newer, older): (i32, i32) = (created[..39].iter().sum(), created[39..].iter().sum());
    assert!(newer > older, "{newer} in the newer half, {older} in the older");
}

#[test]
fn people_work_in_office_hours_of_their_zone() {
    use chrono::{Datelike, Timelike, Weekday};
    let (_, all) = generated();
    let (mut inside, mut outside) = (0, 0);
    for history in
        all.iter().flat_map(histories).filter(|history| history["author"]["accountType"] == "atlassian")
    {
        let zone: chrono_tz::Tz = history["author"]["timeZone"].as_str().unwrap().parse().unwrap();
        let local = time(&history["created"]).with_timezone(&zone);
        let office =
            !matches!(local.weekday(), Weekday::Sat | Weekday::Sun) && (7..20).contains(&local.hour());
        if office { inside += 1 } else { outside += 1 }
    }
    assert!(outside * 20 < inside, "{outside} outside, {inside} inside office hours");
}

#[test]
fn summaries_vary() {
    let (_, all) = generated();
    let mut summaries: Vec<_> =
        all.iter().map(|issue| issue["fields"]["summary"].as_str().unwrap()).collect();
    assert!(summaries.iter().all(|summary| (10..=255).contains(&summary.len())));
    summaries.sort_unstable();
    summaries.dedup();
    assert!(summaries.len() * 10 > all.len() * 7, "{} different of {}", summaries.len(), all.len());
}

/// What issue 3 asks of a site: about ten items and three comments an issue.
#[test]
fn a_site_has_about_ten_changelog_items_and_three_comments_an_issue() {
    let (_, all) = generated();
    let sum = |count: fn(&Value) -> usize| all.iter().map(count).sum::<usize>() as f64 / all.len() as f64;
    let found = sum(|issue| histories(issue).map(|history| list(&history["items"]).len()).sum());
    assert!((9.5..10.8).contains(&found), "{found} items an issue");
    let comments = sum(|issue| list(&issue["fields"]["comment"]["comments"]).len());
    assert!((2.8..3.3).contains(&comments), "{comments} comments an issue");
}
