//! What hangs on one issue, in pages.

use application::{
    Error, Result,
    catalog::{Entry, PageOf, Position},
    history::FieldSpan,
    issues::{ChildrenStore, CommentRow, HistoryRow},
};
use async_trait::async_trait;
use chrono::{DateTime, SecondsFormat, Utc};
use domain::ids::{EntityKind, InstanceId, IssueId};
use uuid::Uuid;

use super::{
    changelog_rows::{ChangelogRow, histories},
    errors::convert,
    issues::whole,
    transaction::PgTenantTx,
};

/// Start, end, value and text of a span.
type SpanPlace = (DateTime<Utc>, Option<DateTime<Utc>>, Option<String>, Option<String>);

fn no_cursor() -> Error {
    Error::invalid("cursor", "is no cursor of this list; leave it out to begin anew")
}

/// Where the page begins: after this moment and Jira's number at it.
fn after(issue: IssueId, page: &PageOf) -> Result<(Option<DateTime<Utc>>, Option<i64>)> {
    let Some(position) = position(issue, page)? else { return Ok((None, None)) };
    let time = position.sort.parse().map_err(|_| no_cursor())?;
    let number = position.id.parse().map_err(|_| no_cursor())?;
    Ok((Some(time), Some(number)))
}

fn position(issue: IssueId, page: &PageOf) -> Result<Option<&Position>> {
    match &page.after {
        Some(position) if position.instance != issue.to_string() => Err(no_cursor()),
        position => Ok(position.as_ref()),
    }
}

fn placed<T>(issue: IssueId, time: DateTime<Utc>, number: i64, row: T) -> Entry<T> {
    let sort = time.to_rfc3339_opts(SecondsFormat::Micros, true);
    Entry { position: Position { instance: issue.to_string(), sort, id: number.to_string() }, row }
}

#[async_trait]
impl ChildrenStore for PgTenantTx {
    async fn comments_of(&mut self, issue: IssueId, page: &PageOf) -> Result<Vec<Entry<CommentRow>>> {
        let (time, number) = after(issue, page)?;
        let rows = sqlx::query!(
            r#"SELECT c.jira_id, c.jira_number, u.display_name AS "author?", c.body_text, c.created_at, c.updated_at,
                      c.raw_jsonb, c.body_adf, u.raw_jsonb AS "person?", c.raw_dialect
               FROM comments c
               LEFT JOIN users u ON u.tenant_id = c.tenant_id AND u.id = c.author_id
               WHERE c.issue_id = $1 AND c.presence = 'present'
                 AND ($2::timestamptz IS NULL OR (c.created_at, c.jira_number) > ($2, $3::bigint))
               ORDER BY c.created_at, c.jira_number
               LIMIT $4"#,
            issue.0,
            time as _,
            number as _,
            page.limit,
        )
        .fetch_all(self.conn())
        .await
        .map_err(convert)?;
        rows.into_iter()
            .map(|row| {
                let comment = CommentRow {
                    issue_id: issue,
                    jira_id: row.jira_id,
                    author: row.author,
                    body_text: row.body_text,
                    created: row.created_at,
                    updated: row.updated_at,
                    raw: whole(row.raw_jsonb, row.person.as_ref(), Some(row.body_adf)),
                    dialect: row.raw_dialect.parse()?,
                };
                Ok(placed(issue, row.created_at, row.jira_number, comment))
            })
            .collect()
    }

    async fn comments_by_id(&mut self, instance: InstanceId, ids: &[String]) -> Result<Vec<CommentRow>> {
        let wanted: Vec<Uuid> = ids.iter().map(|id| instance.derive(EntityKind::Comment, id)).collect();
        let rows = sqlx::query!(
            r#"SELECT c.issue_id, c.jira_id, u.display_name AS "author?", c.body_text, c.created_at, c.updated_at,
                      c.raw_jsonb, c.body_adf, u.raw_jsonb AS "person?", c.raw_dialect
               FROM comments c
               JOIN issues i ON i.tenant_id = c.tenant_id AND i.id = c.issue_id AND i.presence = 'present'
               LEFT JOIN users u ON u.tenant_id = c.tenant_id AND u.id = c.author_id
               WHERE c.id = ANY($1) AND c.presence = 'present'
               ORDER BY c.created_at, c.jira_number"#,
            &wanted,
        )
        .fetch_all(self.conn())
        .await
        .map_err(convert)?;
        let comments = rows.into_iter().map(|row| {
            Ok(CommentRow {
                issue_id: IssueId(row.issue_id),
                jira_id: row.jira_id,
                author: row.author,
                body_text: row.body_text,
                created: row.created_at,
                updated: row.updated_at,
                raw: whole(row.raw_jsonb, row.person.as_ref(), Some(row.body_adf)),
                dialect: row.raw_dialect.parse()?,
            })
        });
        comments.collect()
    }

    /// Each history has a row of ordinal 0, so these are counted.
    async fn histories_of(&mut self, issue: IssueId, page: &PageOf) -> Result<Vec<Entry<HistoryRow>>> {
        let (time, number) = after(issue, page)?;
        let rows = sqlx::query_as!(
            ChangelogRow,
            r#"WITH page AS (
                   SELECT c.tenant_id, c.issue_id, c.jira_id, c.created_at, c.jira_number FROM changelogs c
                   WHERE c.issue_id = $1 AND c.ordinal = 0
                     AND ($2::timestamptz IS NULL OR (c.created_at, c.jira_number) > ($2, $3::bigint))
                   ORDER BY c.created_at, c.jira_number
                   LIMIT $4)
               SELECT c.issue_id, c.jira_id, c.jira_number, c.created_at, c.ordinal, c.field, c.field_type, c.field_id,
                      c.from_value, c.from_string, c.to_value, c.to_string, c.raw_jsonb, c.history_jsonb,
                      u.raw_jsonb AS "person?"
               FROM page p
               JOIN changelogs c ON c.tenant_id = p.tenant_id AND c.issue_id = p.issue_id AND c.jira_id = p.jira_id
               LEFT JOIN users u ON c.ordinal = 0 AND u.tenant_id = c.tenant_id AND u.id = c.author_id
               ORDER BY p.created_at, p.jira_number, c.ordinal"#,
            issue.0,
            time as _,
            number as _,
            page.limit,
        )
        .fetch_all(self.conn())
        .await
        .map_err(convert)?;
        let first = rows.iter().filter(|row| row.ordinal == 0);
        let places: Vec<_> = first.map(|row| (row.created_at, row.jira_number)).collect();
        let entries = places.into_iter().zip(histories(rows));
        Ok(entries.map(|((time, number), row)| placed(issue, time, number, row)).collect())
    }

    async fn field_history_of(
        &mut self,
        issue: IssueId,
        field: Option<&str>,
        page: &PageOf,
    ) -> Result<Vec<Entry<FieldSpan>>> {
        // Spans have no ids: a position is where the field's spans are, and the rest of what they are ordered by.
        let position = position(issue, page)?;
        let id = position.map(|position| position.sort.as_str());
        let rest = position
            .map(|position| serde_json::from_str::<SpanPlace>(&position.id).map_err(|_| no_cursor()))
            .transpose()?;
        let (started, ended, value, string) = rest
            .map_or((None, None, None, None), |(started, ended, value, string)| {
                (Some(started), ended, value, string)
            });
        let spans = sqlx::query_as!(
            FieldSpan,
            r#"SELECT field_id AS "field_id!", field AS "field!", value, string, started_at AS "started!", ended_at AS ended
               FROM forebay.field_history($1)
               WHERE ($2::text IS NULL OR field_id = $2)
                 AND ($3::text IS NULL
                      OR (field_id, started_at, coalesce(ended_at, 'infinity'), coalesce(value, ''), coalesce(string, ''))
                         > ($3, $4::timestamptz, coalesce($5::timestamptz, 'infinity'), coalesce($6::text, ''),
                            coalesce($7::text, '')))
               ORDER BY field_id, started_at, coalesce(ended_at, 'infinity'), coalesce(value, ''), coalesce(string, '')
               LIMIT $8"#,
            issue.0,
            field as _,
            id as _,
            started as _,
            ended as _,
            value as _,
            string as _,
            page.limit,
        )
        .fetch_all(self.conn())
        .await
        .map_err(convert)?;
        spans
            .into_iter()
            .map(|span| {
                let place = (span.started, span.ended, &span.value, &span.string);
                let id = serde_json::to_string(&place).map_err(Error::internal)?;
                let position = Position { instance: issue.to_string(), sort: span.field_id.clone(), id };
                Ok(Entry { position, row: span })
            })
            .collect()
    }
}
