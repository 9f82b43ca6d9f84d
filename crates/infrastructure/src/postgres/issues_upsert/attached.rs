//! Attachments, properties, and how many watch an issue and voted for it. All are part of the issue's own payload, so they differ
//! only where the issue was written.

use std::collections::{BTreeMap, HashSet};

use application::{Result, issues::AttachmentRecord};
use chrono::{DateTime, Utc};
use domain::ids::EntityKind;
use sqlx::{PgConnection, types::Json};
use uuid::Uuid;

use super::{Planned, Scope, convert};

#[derive(Default)]
struct Columns<'a> {
    id: Vec<Uuid>,
    jira_id: Vec<&'a str>,
    issue_id: Vec<Uuid>,
    author_id: Vec<Option<Uuid>>,
    filename: Vec<&'a str>,
    mime_type: Vec<Option<&'a str>>,
    size_bytes: Vec<Option<i64>>,
    content_url: Vec<Option<&'a str>>,
    created_at: Vec<DateTime<Utc>>,
    source_hash: Vec<&'a [u8]>,
}

impl<'a> Columns<'a> {
    fn push(&mut self, scope: Scope, id: Uuid, issue: Uuid, attachment: &'a AttachmentRecord) {
        self.id.push(id);
        self.jira_id.push(&attachment.jira_id);
        self.issue_id.push(issue);
        self.author_id.push(scope.user(attachment.author.as_deref()));
        self.filename.push(&attachment.filename);
        self.mime_type.push(attachment.mime_type.as_deref());
        self.size_bytes.push(attachment.size);
        self.content_url.push(attachment.content_url.as_deref());
        self.created_at.push(attachment.created);
        self.source_hash.push(&attachment.source_hash);
    }
}

/// Stores attachments and counts of the issues that were written.
pub(super) async fn upsert(
    conn: &mut PgConnection,
    scope: Scope,
    issues: &[Planned<'_>],
    written: &HashSet<Uuid>,
    added: &HashSet<Uuid>,
) -> Result<()> {
    let changed: Vec<&Planned<'_>> = issues.iter().filter(|issue| written.contains(&issue.id)).collect();
    let (new, others): (Vec<_>, Vec<_>) =
        changed.iter().copied().partition(|issue| added.contains(&issue.id));
    insert_counts(conn, scope, &new).await?;
    upsert_counts(conn, scope, &others).await?;
    upsert_attachments(conn, scope, &changed).await?;
    replace_properties(conn, scope, &changed).await
}

/// The longest key that is stored, as at Jira.
const LONGEST_KEY: usize = 255;

/// Properties of issues that showed theirs. What was not asked for is not shown, so that what is stored of it goes.
async fn replace_properties(conn: &mut PgConnection, scope: Scope, changed: &[&Planned<'_>]) -> Result<()> {
    let (mut told, mut issues, mut keys, mut values) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    for issue in changed {
        let Some(properties) = &issue.bundle.attached.properties else { continue };
        told.push(issue.id);
        for (key, value) in properties.iter().filter(|(key, _)| key.chars().count() <= LONGEST_KEY) {
            issues.push(issue.id);
            keys.push(key.as_str());
            values.push(Json(value));
        }
    }
    if told.is_empty() {
        return Ok(());
    }
    sqlx::query!(
        "WITH shown AS (
             SELECT u.issue_id, u.key, u.value FROM UNNEST($3::uuid[], $4::text[], $5::jsonb[]) AS u (issue_id, key, value)
         ), gone AS (
             DELETE FROM issue_properties o WHERE o.issue_id = ANY($2)
                 AND NOT EXISTS (SELECT FROM shown s WHERE s.issue_id = o.issue_id AND s.key = o.key)
         )
         INSERT INTO issue_properties (tenant_id, issue_id, key, value)
         SELECT $1, s.issue_id, s.key, s.value FROM shown s ORDER BY s.issue_id, s.key
         ON CONFLICT (tenant_id, issue_id, key) DO UPDATE SET value = excluded.value
         WHERE issue_properties.value <> excluded.value",
        scope.tenant,
        &told,
        &issues,
        keys as _,
        values as _,
    )
    .execute(conn)
    .await
    .map_err(convert)?;
    Ok(())
}

/// Most pages have no attachment, and issues that are new cannot have lost one: then there is nothing to ask.
async fn upsert_attachments(conn: &mut PgConnection, scope: Scope, changed: &[&Planned<'_>]) -> Result<()> {
    let mut listed = BTreeMap::new();
    for issue in changed {
        for attachment in &issue.bundle.attached.attachments {
            let id = scope.instance.derive(EntityKind::Attachment, &attachment.jira_id);
            listed.insert(id, (issue.id, attachment));
        }
    }
    let mut columns = Columns::default();
    listed.into_iter().for_each(|(id, (issue, attachment))| columns.push(scope, id, issue, attachment));

    let complete: Vec<Uuid> = changed
        .iter()
        .filter(|issue| issue.stored.is_some() && issue.bundle.attached.attachments_complete)
        .map(|issue| issue.id)
        .collect();
    if !complete.is_empty() {
        sqlx::query!(
            "UPDATE attachments SET presence = 'deleted', synced_at = now()
             WHERE issue_id = ANY($1) AND presence = 'present' AND id <> ALL($2)",
            &complete,
            &columns.id,
        )
        .execute(&mut *conn)
        .await
        .map_err(convert)?;
    }
    if columns.id.is_empty() {
        return Ok(());
    }
    sqlx::query!(
        "INSERT INTO attachments (tenant_id, instance_id, id, jira_id, issue_id, author_id, filename, mime_type, size_bytes,
                                  content_url, created_at, source_hash)
         SELECT $1, $2, u.id, u.jira_id, u.issue_id, u.author_id, u.filename, u.mime_type::varchar(255), u.size_bytes,
                u.content_url, u.created_at, u.source_hash
         FROM UNNEST($3::uuid[], $4::text[], $5::uuid[], $6::uuid[], $7::text[], $8::text[], $9::bigint[], $10::text[],
                     $11::timestamptz[], $12::bytea[])
              AS u (id, jira_id, issue_id, author_id, filename, mime_type, size_bytes, content_url, created_at,
                    source_hash)
         ON CONFLICT (tenant_id, id) DO UPDATE SET
             issue_id = excluded.issue_id, author_id = excluded.author_id, filename = excluded.filename,
             mime_type = excluded.mime_type, size_bytes = excluded.size_bytes, content_url = excluded.content_url,
             created_at = excluded.created_at, source_hash = excluded.source_hash, presence = 'present',
             synced_at = now()
         WHERE (attachments.source_hash, attachments.issue_id, attachments.presence)
               IS DISTINCT FROM (excluded.source_hash, excluded.issue_id, 'present')",
        scope.tenant,
        scope.instance.0,
        columns.id as _,
        columns.jira_id as _,
        columns.issue_id as _,
        columns.author_id as _,
        columns.filename as _,
        columns.mime_type as _,
        columns.size_bytes as _,
        columns.content_url as _,
        columns.created_at as _,
        columns.source_hash as _,
    )
    .execute(conn)
    .await
    .map_err(convert)?;
    Ok(())
}

/// Issues, how many watch them and voted for them, as columns.
#[derive(Default)]
struct Counted {
    ids: Vec<Uuid>,
    watchers: Vec<i32>,
    votes: Vec<i32>,
}

impl Counted {
    /// An issue without a row has nobody: a new one that nobody watches needs none.
    fn of(issues: &[&Planned<'_>]) -> Self {
        let mut counted = Self::default();
        for issue in issues {
            let Some(counts) = issue.bundle.attached.counts else { continue };
            if issue.stored.is_some() || counts.watchers > 0 || counts.votes > 0 {
                counted.ids.push(issue.id);
                counted.watchers.push(counts.watchers);
                counted.votes.push(counts.votes);
            }
        }
        counted
    }
}

/// The counts of issues that this very transaction has added: their key is the issue, so nobody else can have written them.
async fn insert_counts(conn: &mut PgConnection, scope: Scope, new: &[&Planned<'_>]) -> Result<()> {
    let Counted { ids, watchers, votes } = Counted::of(new);
    if ids.is_empty() {
        return Ok(());
    }
    sqlx::query!(
        "INSERT INTO issue_counts (tenant_id, issue_id, watchers, votes)
         SELECT $1, u.* FROM UNNEST($2::uuid[], $3::integer[], $4::integer[]) AS u",
        scope.tenant,
        &ids,
        &watchers,
        &votes,
    )
    .execute(conn)
    .await
    .map_err(convert)?;
    Ok(())
}

async fn upsert_counts(conn: &mut PgConnection, scope: Scope, changed: &[&Planned<'_>]) -> Result<()> {
    let Counted { ids, watchers, votes } = Counted::of(changed);
    if ids.is_empty() {
        return Ok(());
    }
    sqlx::query!(
        "INSERT INTO issue_counts (tenant_id, issue_id, watchers, votes)
         SELECT $1, u.* FROM UNNEST($2::uuid[], $3::integer[], $4::integer[]) AS u
         ON CONFLICT (tenant_id, issue_id) DO UPDATE SET watchers = excluded.watchers, votes = excluded.votes
         WHERE (issue_counts.watchers, issue_counts.votes) <> (excluded.watchers, excluded.votes)",
        scope.tenant,
        &ids,
        &watchers,
        &votes,
    )
    .execute(conn)
    .await
    .map_err(convert)?;
    Ok(())
}
