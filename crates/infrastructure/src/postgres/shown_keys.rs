//! Keys of issues as other rows show them. An issue that moves, or whose project gets another key, changes neither its children nor
//! the issues that it is linked with, and a site shows the new key at all of them: so does the copy, without waiting until they are
//! read again. And what was read before a move and is stored after it shows the key that the copy knows.

use std::collections::{BTreeSet, HashMap};

use application::Result;
use domain::ids::InstanceId;
use sqlx::PgConnection;
use uuid::Uuid;

use super::{errors::convert, transaction::Scope};

/// What the copy knows of issues that others name. Of those that it does not know, what is told of them counts.
#[derive(Default)]
pub(super) struct Others(HashMap<Uuid, Other>);

struct Other {
    key: String,
    gone: bool,
}

impl Others {
    pub(super) async fn load(conn: &mut PgConnection, scope: Scope, ids: BTreeSet<Uuid>) -> Result<Self> {
        if ids.is_empty() {
            return Ok(Self::default());
        }
        let ids: Vec<Uuid> = ids.into_iter().collect();
        // The tenant by a subquery holds the planner to the primary key: see `issues_upsert`.
        let rows = sqlx::query!(
            r#"SELECT id, key, presence NOT IN ('present', 'unobserved') AS "gone!" FROM issues
               WHERE tenant_id = (SELECT $1::uuid) AND id = ANY($2)"#,
            scope.tenant,
            &ids,
        )
        .fetch_all(conn)
        .await
        .map_err(convert)?;
        Ok(Self(rows.into_iter().map(|row| (row.id, Other { key: row.key, gone: row.gone })).collect()))
    }

    /// An issue that is being stored, under this key.
    pub(super) fn present(&mut self, id: Uuid, key: &str) {
        self.0.insert(id, Other { key: key.to_owned(), gone: false });
    }

    /// The key of an issue, or else the one that is told.
    pub(super) fn key<'a>(&'a self, id: Uuid, told: &'a str) -> &'a str {
        self.0.get(&id).map_or(told, |other| &other.key)
    }

    /// Whether an issue is known to be gone.
    pub(super) fn is_gone(&self, id: Uuid) -> bool {
        self.0.get(&id).is_some_and(|other| other.gone)
    }
}

/// Shows the present keys of these issues wherever they are shown as a parent or an end of a link.
pub(super) async fn refresh(conn: &mut PgConnection, issues: &[Uuid]) -> Result<()> {
    if issues.is_empty() {
        return Ok(());
    }
    sqlx::query!(
        "UPDATE issues c SET parent_key = p.key,
             epic_key = CASE WHEN c.epic_key = c.parent_key THEN p.key ELSE c.epic_key END
         FROM issues p
         WHERE p.id = ANY($1) AND c.tenant_id = p.tenant_id AND c.parent_issue_id = p.id AND c.parent_key IS DISTINCT FROM p.key",
        issues,
    )
    .execute(&mut *conn)
    .await
    .map_err(convert)?;
    sqlx::query!(
        "UPDATE issue_links l SET inward_key = i.key FROM issues i
         WHERE i.id = ANY($1) AND l.tenant_id = i.tenant_id AND l.inward_issue_id = i.id AND l.inward_key <> i.key",
        issues,
    )
    .execute(&mut *conn)
    .await
    .map_err(convert)?;
    sqlx::query!(
        "UPDATE issue_links l SET outward_key = i.key FROM issues i
         WHERE i.id = ANY($1) AND l.tenant_id = i.tenant_id AND l.outward_issue_id = i.id AND l.outward_key <> i.key",
        issues,
    )
    .execute(conn)
    .await
    .map(drop)
    .map_err(convert)
}

/// Forgets that these issues' present keys are old ones: an issue may get a key back that it had, and be read under both while the
/// index of its site lags. A live key wins over an old one (jira-facts 2.4).
pub(super) async fn forget_old_keys_in_use(conn: &mut PgConnection, issues: &[Uuid]) -> Result<()> {
    if issues.is_empty() {
        return Ok(());
    }
    sqlx::query!(
        "DELETE FROM issue_key_aliases a USING issues i
         WHERE i.id = ANY($1) AND i.presence = 'present'
           AND a.tenant_id = i.tenant_id AND a.instance_id = i.instance_id AND a.key = i.key",
        issues,
    )
    .execute(conn)
    .await
    .map(drop)
    .map_err(convert)
}

/// See [`application::sync::census::CensusStore::settle_keys`]. An issue may be stored with what it shows of another one at the very
/// moment at which that one gets another key, and neither sees the other.
pub(super) async fn settle(
    conn: &mut PgConnection,
    instance: InstanceId,
    after: &str,
    limit: i64,
) -> Result<Option<String>> {
    let aliases = sqlx::query!(
        "SELECT key, issue_id FROM issue_key_aliases
         WHERE instance_id = $1 AND key > $2 AND created_at >= coalesce(
             (SELECT max(started_at) FROM censuses WHERE instance_id = $1 AND state = 'succeeded'), '-infinity')
         ORDER BY key LIMIT $3",
        instance.0,
        after,
        limit,
    )
    .fetch_all(&mut *conn)
    .await
    .map_err(convert)?;
    let moved: BTreeSet<Uuid> = aliases.iter().map(|alias| alias.issue_id).collect();
    refresh(conn, &moved.into_iter().collect::<Vec<_>>()).await?;
    Ok(aliases.into_iter().last().map(|alias| alias.key))
}
