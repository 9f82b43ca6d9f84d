//! What proves a mirror, project by project, as a panel on the page of its instance.

use application::{
    Error,
    instances::Instance,
    ports::TenantTx,
    sync::{
        census::{Census, CensusState},
        freshness::InstanceFreshness,
    },
};
use askama::Template;
use chrono::{DateTime, Utc};

use super::wording::{Moment, grouped};

/// The panel.
#[derive(Template)]
#[template(path = "_freshness.html")]
pub(super) struct FreshnessPanel {
    /// What a held census waits for.
    held: Option<String>,
    projects: Vec<ProjectRow>,
    lists: Vec<ListRow>,
    requests: String,
    rejected: Option<String>,
}

/// One project.
struct ProjectRow {
    key: String,
    at_site: String,
    in_copy: String,
    census: Option<Moment>,
    checked: Option<Moment>,
    differing: u64,
}

/// Something that stands beside issues.
struct ListRow {
    name: &'static str,
    read: Option<Moment>,
    note: Option<String>,
}

/// What a list is called on the page.
fn list_name(list: &str) -> &'static str {
    match list {
        "rosters" => "Projects, fields, statuses, boards, filters, dashboards",
        "worklogs_updated" => "Feed of changed worklogs",
        "worklogs_deleted" => "Feed of deleted worklogs",
        "project_parts" => "Versions and components",
        "board_sprints" => "Sprints",
        "field_options" => "Options and contexts of fields",
        "service_desks" => "Set-up of service desks",
        "organizations" => "People of organisations",
        _ => "Others",
    }
}

/// What stands beside issues, with why it is not whole.
fn lists(freshness: &InstanceFreshness, now: DateTime<Utc>) -> Vec<ListRow> {
    let row = |list: &str, read_at: Option<DateTime<Utc>>, note| ListRow {
        name: list_name(list),
        read: read_at.map(|at| Moment::of(at, now)),
        note,
    };
    let at_once = freshness.lists.iter().map(|read| row(&read.list, read.read_at, None));
    let in_rounds = freshness.reference.iter().map(|read| {
        let part = (read.refused > 0)
            .then(|| format!("{} of {} not shown", read.refused, read.shown + read.refused));
        row(read.list.as_str(), read.read_at, read.note.clone().or(part))
    });
    at_once.chain(in_rounds).collect()
}

impl FreshnessPanel {
    pub(super) async fn load(
        tx: &mut dyn TenantTx,
        instance: &Instance,
        now: DateTime<Utc>,
    ) -> Result<Self, Error> {
        let census = tx.latest_census(instance.id).await?;
        Ok(Self::new(&tx.freshness(instance.id, now).await?, census.as_ref(), now))
    }

    pub(super) fn new(freshness: &InstanceFreshness, census: Option<&Census>, now: DateTime<Utc>) -> Self {
        let mut projects: Vec<ProjectRow> = Vec::new();
        for row in &freshness.rows {
            if projects.last().is_none_or(|last| last.key != row.project) {
                let count = |rows: Option<u64>| rows.map_or_else(|| "–".to_owned(), grouped);
                projects.push(ProjectRow {
                    key: row.project.clone(),
                    at_site: count(row.source_rows),
                    in_copy: count(row.copy_rows),
                    census: row.census_at.map(|at| Moment::of(at, now)),
                    checked: row.checked_at.map(|at| Moment::of(at, now)),
                    differing: 0,
                });
            }
            if let Some(last) = projects.last_mut() {
                last.differing += row.rows_differing;
            }
        }
        let held = census.filter(|census| census.state == CensusState::Held);
        Self {
            held: held.and_then(|census| census.error.clone()),
            projects,
            lists: lists(freshness, now),
            requests: grouped(freshness.requests_24h),
            rejected: (freshness.rejected > 0).then(|| grouped(freshness.rejected)),
        }
    }
}
