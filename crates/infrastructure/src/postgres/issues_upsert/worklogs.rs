//! Worklogs.

use std::collections::HashSet;

use application::{Result, issues::WorklogRecord};
use chrono::{DateTime, Utc};
use sqlx::PgConnection;
use uuid::Uuid;

use super::{
    Planned, Scope,
    children::{SeenChild, StoredChild, compare, known},
    convert,
};
use crate::postgres::{json_text::JsonText, people::People};

#[derive(Default)]
struct Columns<'a> {
    id: Vec<Uuid>,
    jira_id: Vec<&'a str>,
    jira_number: Vec<i64>,
    issue_id: Vec<Uuid>,
    author_id: Vec<Option<Uuid>>,
    started_at: Vec<DateTime<Utc>>,
    seconds: Vec<i64>,
    raw: Vec<JsonText<'a>>,
    raw_dialect: Vec<&'static str>,
    source_hash: Vec<&'a [u8]>,
    created_at: Vec<DateTime<Utc>>,
    updated_at: Vec<DateTime<Utc>>,
}

impl<'a> Columns<'a> {
    fn push(&mut self, scope: Scope, people: &mut People<'a>, child: &SeenChild<'a, WorklogRecord>) {
        let worklog = child.record;
        self.id.push(child.id);
        self.jira_id.push(&worklog.jira_id);
        self.jira_number.push(worklog.jira_number);
        self.issue_id.push(child.issue.id);
        let author = scope.user(worklog.author.as_deref());
        self.author_id.push(author);
        self.started_at.push(worklog.started);
        self.seconds.push(worklog.seconds);
        self.raw.push(people.fold(&worklog.head, author));
        self.raw_dialect.push(child.issue.bundle.issue.dialect.as_str());
        self.source_hash.push(&worklog.source_hash);
        self.created_at.push(worklog.created);
        self.updated_at.push(worklog.updated);
    }
}

/// The same statement with or without an end: a macro that checks a statement takes no constants.
macro_rules! insert {
    ($conn:expr, $scope:expr, $columns:expr, $end:tt) => {{
        let (scope, columns): (Scope, &Columns<'_>) = ($scope, $columns);
        let statement = sqlx::query!(
            "INSERT INTO worklogs (tenant_id, instance_id, id, jira_id, jira_number, issue_id, author_id, started_at,
                                   time_spent_seconds, raw_jsonb, raw_dialect, source_hash, created_at, updated_at)
             SELECT $1, $2, u.*
             FROM UNNEST($3::uuid[], $4::text[], $5::bigint[], $6::uuid[], $7::uuid[], $8::timestamptz[], $9::bigint[], $10::jsonb[],
                         $11::text[], $12::bytea[], $13::timestamptz[], $14::timestamptz[]) AS u
             " + $end,
            scope.tenant,
            scope.instance.0,
            &columns.id as _,
            &columns.jira_id as _,
            &columns.jira_number as _,
            &columns.issue_id as _,
            &columns.author_id as _,
            &columns.started_at as _,
            &columns.seconds as _,
            &columns.raw as _,
            &columns.raw_dialect as _,
            &columns.source_hash as _,
            &columns.created_at as _,
            &columns.updated_at as _,
        );
        match columns.id.is_empty() {
            true => 0,
            false => statement.execute($conn).await.map_err(convert)?.rows_affected(),
        }
    }};
}

/// Stores worklogs that are new or differ, and notes those that are gone; answers how many were stored. Those of the issues
/// that `is_new` names are taken for new: where one is not, its key says so.
pub(super) async fn upsert<'p>(
    conn: &mut PgConnection,
    scope: Scope,
    issues: &'p [Planned<'p>],
    is_new: &HashSet<Uuid>,
    people: &mut People<'p>,
) -> Result<u64> {
    let stored = stored(conn, &known(issues)).await?;
    let comparison = compare(scope, issues, stored, list);
    if !comparison.gone.is_empty() {
        sqlx::query!(
            "UPDATE worklogs SET presence = 'deleted', synced_at = now() WHERE id = ANY($1)",
            &comparison.gone
        )
        .execute(&mut *conn)
        .await
        .map_err(convert)?;
    }
    let (new, others): (Vec<_>, Vec<_>) =
        comparison.changed.into_iter().partition(|child| is_new.contains(&child.issue.id));
    let mut columns_of = |children: Vec<SeenChild<'p, WorklogRecord>>| {
        let mut columns = Columns::default();
        children.iter().for_each(|child| columns.push(scope, people, child));
        columns
    };
    let (new, others) = (columns_of(new), columns_of(others));
    // Of others somebody may have one already: this issue or another one.
    let added = insert!(&mut *conn, scope, &new, "");
    let written = insert!(
        conn,
        scope,
        &others,
        "ON CONFLICT (tenant_id, id) DO UPDATE SET
             issue_id = excluded.issue_id, author_id = excluded.author_id, started_at = excluded.started_at,
             time_spent_seconds = excluded.time_spent_seconds, raw_jsonb = excluded.raw_jsonb, raw_dialect = excluded.raw_dialect,
             source_hash = excluded.source_hash, created_at = excluded.created_at, updated_at = excluded.updated_at,
             presence = 'present', synced_at = now()"
    );
    Ok(added + written)
}

/// An issue's worklogs, and whether they are all of them.
pub(super) fn list<'a>(issue: &'a Planned<'a>) -> (&'a [WorklogRecord], bool) {
    (&issue.bundle.worklogs, issue.bundle.worklogs_complete)
}

pub(super) async fn stored(conn: &mut PgConnection, issues: &[Uuid]) -> Result<Vec<StoredChild>> {
    if issues.is_empty() {
        return Ok(Vec::new());
    }
    sqlx::query_as!(
        StoredChild,
        "SELECT id, issue_id, source_hash, presence, updated_at FROM worklogs WHERE issue_id = ANY($1)",
        issues
    )
    .fetch_all(conn)
    .await
    .map_err(convert)
}
