//! Histories, one row per item. A history is never deleted and hardly ever changes: only its author may be anonymised later.

use std::collections::{BTreeMap, HashSet};

use application::{
    Result,
    issues::{HistoryItemRecord, HistoryRecord},
};
use chrono::{DateTime, Utc};
use serde::Deserialize;
use sqlx::PgConnection;
use uuid::Uuid;

use super::{Planned, Scope, convert};
use crate::postgres::{json_text::JsonText, people::People};

/// [`application::issues::IN_COLUMNS`] as text.
const IN_COLUMNS: &str = "true";

/// What nearly every history has beside its author and its items.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Plain<'a> {
    id: &'a str,
    created: &'a str,
}

/// A history without its items, as it is stored. Of nearly every one that is the time alone, as served: besides, it has its id and
/// the author whom the row names.
fn stored_history<'p>(
    history: &'p HistoryRecord,
    people: &mut People<'p>,
    author: Option<Uuid>,
) -> JsonText<'p> {
    let mut shown = history.head.people();
    if let (Some((application::issues::AUTHOR, person)), None) = (shown.next(), shown.next())
        // Whatever has to be escaped cannot be borrowed, so what is borrowed needs no escaping.
        && let Ok(plain) = serde_json::from_str::<Plain<'_>>(history.head.rest())
        && plain.id == history.jira_id
        && people.hold(author, person)
    {
        return format!("\"{}\"", plain.created).into();
    }
    people.fold(&history.head, author)
}

#[derive(Default)]
struct Columns<'a> {
    issue_id: Vec<Uuid>,
    jira_id: Vec<&'a str>,
    jira_number: Vec<i64>,
    ordinal: Vec<i32>,
    author_id: Vec<Option<Uuid>>,
    created_at: Vec<DateTime<Utc>>,
    field: Vec<&'a str>,
    field_id: Vec<Option<&'a str>>,
    field_type: Vec<Option<&'a str>>,
    from_value: Vec<Option<&'a str>>,
    to_value: Vec<Option<&'a str>>,
    from_string: Vec<Option<&'a str>>,
    to_string: Vec<Option<&'a str>>,
    raw: Vec<Option<JsonText<'a>>>,
    history: Vec<Option<JsonText<'a>>>,
}

impl<'a> Columns<'a> {
    /// A history without items still happened: it is one row of no field.
    fn push(&mut self, scope: Scope, people: &mut People<'a>, issue: Uuid, history: &'a HistoryRecord) {
        let author = scope.user(history.author.as_deref());
        if history.items.is_empty() {
            self.push_row((issue, author), history, 0, None);
        }
        for (ordinal, item) in (0_i32..).zip(&history.items) {
            self.push_row((issue, author), history, ordinal, Some(item));
        }
        let others = history.items.len().saturating_sub(1);
        self.history.push(Some(stored_history(history, people, author)));
        self.history.extend((0..others).map(|_| None));
    }

    fn push_row(
        &mut self,
        (issue, author): (Uuid, Option<Uuid>),
        history: &'a HistoryRecord,
        ordinal: i32,
        item: Option<&'a HistoryItemRecord>,
    ) {
        self.issue_id.push(issue);
        self.jira_id.push(&history.jira_id);
        self.jira_number.push(history.jira_number);
        self.ordinal.push(ordinal);
        self.author_id.push(author);
        self.created_at.push(history.created);
        self.field.push(item.map_or("", |item| &item.field));
        self.field_id.push(item.and_then(|item| item.field_id.as_deref()));
        self.field_type.push(item.and_then(|item| item.field_type.as_deref()));
        self.from_value.push(item.and_then(|item| item.from.as_deref()));
        self.to_value.push(item.and_then(|item| item.to.as_deref()));
        self.from_string.push(item.and_then(|item| item.from_string.as_deref()));
        self.to_string.push(item.and_then(|item| item.to_string.as_deref()));
        let raw = item.map(|item| item.payload.as_ref().map_or(IN_COLUMNS, |payload| payload.text()));
        self.raw.push(raw.map(JsonText::from));
    }
}

/// Stores items that are new or differ; answers how many.
pub(super) async fn upsert<'p>(
    conn: &mut PgConnection,
    scope: Scope,
    issues: &'p [Planned<'p>],
    added: &HashSet<Uuid>,
    people: &mut People<'p>,
) -> Result<u64> {
    let mut written = 0;
    for is_added in [false, true] {
        // By issue and id: a page of an export may show a history twice.
        let histories: BTreeMap<(Uuid, &str), &HistoryRecord> = issues
            .iter()
            .filter(|issue| added.contains(&issue.id) == is_added)
            .flat_map(|issue| {
                let histories = issue.bundle.histories.iter();
                histories.map(|history| ((issue.id, history.jira_id.as_str()), history))
            })
            .collect();
        if histories.is_empty() {
            continue;
        }
        if !is_added {
            drop_surplus(conn, &histories).await?;
        }
        let mut columns = Columns::default();
        histories.iter().for_each(|((issue, _), history)| columns.push(scope, people, *issue, history));
        written += if is_added {
            insert(conn, scope, &columns).await?
        } else {
            insert_or_update(conn, scope, &columns).await?
        };
    }
    Ok(written)
}

/// Writes the rows of issues that this very transaction has added. The key begins with the issue, so nobody else can have written
/// any of them: there is no conflict to look for, ten times for each issue of a first copy.
async fn insert(conn: &mut PgConnection, scope: Scope, columns: &Columns<'_>) -> Result<u64> {
    sqlx::query!(
        "INSERT INTO changelogs (tenant_id, instance_id, issue_id, jira_id, jira_number, ordinal, author_id, created_at, field,
                                 field_id, field_type, from_value, to_value, from_string, to_string, raw_jsonb,
                                 history_jsonb)
         SELECT $1, $2, s.issue_id, s.jira_id, s.jira_number, s.ordinal, s.author_id, s.created_at, s.field::varchar(255),
                s.field_id::varchar(100), s.field_type::varchar(50), s.from_value, s.to_value, s.from_string, s.to_string,
                s.raw, s.history
         FROM UNNEST($3::uuid[], $4::text[], $5::bigint[], $6::integer[], $7::uuid[], $8::timestamptz[], $9::text[],
                     $10::text[], $11::text[], $12::text[], $13::text[], $14::text[], $15::text[], $16::jsonb[], $17::jsonb[])
              AS s (issue_id, jira_id, jira_number, ordinal, author_id, created_at, field, field_id, field_type,
                    from_value, to_value, from_string, to_string, raw, history)",
        scope.tenant,
        scope.instance.0,
        &columns.issue_id as _,
        &columns.jira_id as _,
        &columns.jira_number as _,
        &columns.ordinal as _,
        &columns.author_id as _,
        &columns.created_at as _,
        &columns.field as _,
        &columns.field_id as _,
        &columns.field_type as _,
        &columns.from_value as _,
        &columns.to_value as _,
        &columns.from_string as _,
        &columns.to_string as _,
        &columns.raw as _,
        &columns.history as _,
    )
    .execute(conn)
    .await
    .map_err(convert)?;
    Ok(columns.raw.iter().flatten().count() as u64)
}

/// Writes rows that may be stored already; those that are stored as they are are left alone.
///
/// LATERAL and LIMIT hold the planner to one look at the primary key per row: while a table is new and has no statistics, it
/// would read the tenant's whole changelog for every page.
async fn insert_or_update(conn: &mut PgConnection, scope: Scope, columns: &Columns<'_>) -> Result<u64> {
    sqlx::query_scalar!(
        r#"WITH written AS (
               INSERT INTO changelogs (tenant_id, instance_id, issue_id, jira_id, jira_number, ordinal, author_id,
                                       created_at, field, field_id, field_type, from_value, to_value, from_string,
                                       to_string, raw_jsonb, history_jsonb)
               SELECT $1, $2, s.issue_id, s.jira_id, s.jira_number, s.ordinal, s.author_id, s.created_at,
                      s.field::varchar(255), s.field_id::varchar(100), s.field_type::varchar(50),
                      s.from_value, s.to_value, s.from_string, s.to_string, s.raw, s.history
               FROM UNNEST($3::uuid[], $4::text[], $5::bigint[], $6::integer[], $7::uuid[], $8::timestamptz[], $9::text[],
                           $10::text[], $11::text[], $12::text[], $13::text[], $14::text[], $15::text[], $16::jsonb[],
                           $17::jsonb[])
                    AS s (issue_id, jira_id, jira_number, ordinal, author_id, created_at, field, field_id, field_type,
                          from_value, to_value, from_string, to_string, raw, history)
               LEFT JOIN LATERAL (
                   SELECT x.* FROM changelogs x
                   WHERE x.issue_id = s.issue_id AND x.jira_id = s.jira_id AND x.ordinal = s.ordinal
                   LIMIT 1) c ON true
               WHERE c.issue_id IS NULL
                  OR (c.raw_jsonb, c.history_jsonb, c.author_id, c.created_at, c.field, c.field_id, c.field_type,
                      c.from_value, c.to_value, c.from_string, c.to_string)
                     IS DISTINCT FROM (s.raw, s.history, s.author_id, s.created_at, s.field::varchar(255),
                                       s.field_id::varchar(100), s.field_type::varchar(50), s.from_value, s.to_value,
                                       s.from_string, s.to_string)
               ON CONFLICT (tenant_id, issue_id, jira_id, ordinal) DO UPDATE SET
                   author_id = excluded.author_id, created_at = excluded.created_at, field = excluded.field,
                   field_id = excluded.field_id, field_type = excluded.field_type,
                   from_value = excluded.from_value, to_value = excluded.to_value,
                   from_string = excluded.from_string, to_string = excluded.to_string,
                   raw_jsonb = excluded.raw_jsonb, history_jsonb = excluded.history_jsonb
               RETURNING raw_jsonb IS NOT NULL AS is_item)
           SELECT count(*) FILTER (WHERE is_item) AS "items!" FROM written"#,
        scope.tenant,
        scope.instance.0,
        &columns.issue_id as _,
        &columns.jira_id as _,
        &columns.jira_number as _,
        &columns.ordinal as _,
        &columns.author_id as _,
        &columns.created_at as _,
        &columns.field as _,
        &columns.field_id as _,
        &columns.field_type as _,
        &columns.from_value as _,
        &columns.to_value as _,
        &columns.from_string as _,
        &columns.to_string as _,
        &columns.raw as _,
        &columns.history as _,
    )
    .fetch_one(conn)
    .await
    .map(|items| items.unsigned_abs())
    .map_err(convert)
}

/// Items beyond those that a history has now.
async fn drop_surplus(
    conn: &mut PgConnection,
    histories: &BTreeMap<(Uuid, &str), &HistoryRecord>,
) -> Result<()> {
    let (mut issues, mut ids, mut rows) = (Vec::new(), Vec::new(), Vec::new());
    for ((issue, id), history) in histories {
        issues.push(*issue);
        ids.push(*id);
        rows.push(i32::try_from(history.items.len().max(1)).unwrap_or(i32::MAX));
    }
    sqlx::query!(
        "DELETE FROM changelogs c USING UNNEST($1::uuid[], $2::text[], $3::integer[]) AS h (issue_id, jira_id, rows)
         WHERE c.issue_id = h.issue_id AND c.jira_id = h.jira_id AND c.ordinal >= h.rows",
        &issues,
        ids as _,
        &rows,
    )
    .execute(conn)
    .await
    .map_err(convert)?;
    Ok(())
}
