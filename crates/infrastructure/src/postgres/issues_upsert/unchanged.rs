//! What needs no writing: issues that are stored as the page shows them, with everything that hangs on them.
//!
//! They are found by reading alone. A lock would write into every row, and a re-sync of a site where nothing happened should
//! leave nothing behind.

use std::collections::{HashMap, HashSet};

use application::{
    Result,
    issues::{CommentRecord, HistoryRecord, WorklogRecord},
};
use chrono::{DateTime, Utc};
use sqlx::PgConnection;
use uuid::Uuid;

use super::{Planned, Scope, children::compare, comments, convert, worklogs};

/// A stored history, without its contents: only its author may change, when a person is anonymised.
#[derive(PartialEq)]
struct StoredHistory {
    rows: i64,
    author_id: Option<Uuid>,
    created_at: DateTime<Utc>,
}

/// Takes out the issues that are stored as they are.
pub(super) async fn leave_out(
    conn: &mut PgConnection,
    scope: Scope,
    issues: &mut Vec<Planned<'_>>,
) -> Result<()> {
    let mut same: HashSet<Uuid> =
        issues.iter().filter(|issue| !issue.is_changed()).map(|issue| issue.id).collect();
    if same.is_empty() {
        return Ok(());
    }
    let ids: Vec<Uuid> = same.iter().copied().collect();
    let stored_comments = comments::stored(conn, &ids).await?;
    let stored_worklogs = worklogs::stored(conn, &ids).await?;
    let stored_histories = histories(conn, &ids).await?;

    let differing: HashSet<Uuid> = {
        let comments = compare::<CommentRecord>(scope, issues, stored_comments, comments::list);
        let worklogs = compare::<WorklogRecord>(scope, issues, stored_worklogs, worklogs::list);
        let changed = comments.changed.iter().map(|child| child.issue.id);
        let changed = changed.chain(worklogs.changed.iter().map(|child| child.issue.id));
        changed.chain(comments.bereft).chain(worklogs.bereft).collect()
    };
    same.retain(|id| !differing.contains(id));
    issues.retain(|issue| !(same.contains(&issue.id) && has_histories(scope, issue, &stored_histories)));
    Ok(())
}

fn has_histories(scope: Scope, issue: &Planned<'_>, stored: &HashMap<(Uuid, String), StoredHistory>) -> bool {
    let shown = |history: &HistoryRecord| StoredHistory {
        rows: i64::try_from(history.items.len().max(1)).unwrap_or(i64::MAX),
        author_id: scope.user(history.author.as_deref()),
        created_at: history.created,
    };
    issue.bundle.histories.iter().all(|history| {
        stored.get(&(issue.id, history.jira_id.clone())).is_some_and(|stored| *stored == shown(history))
    })
}

async fn histories(
    conn: &mut PgConnection,
    issues: &[Uuid],
) -> Result<HashMap<(Uuid, String), StoredHistory>> {
    let rows = sqlx::query!(
        r#"SELECT c.issue_id, c.jira_id, count(*) AS "rows!", (array_agg(c.author_id))[1] AS author_id,
                  min(c.created_at) AS "created_at!"
           FROM changelogs c WHERE c.issue_id = ANY($1) GROUP BY c.issue_id, c.jira_id"#,
        issues
    )
    .fetch_all(conn)
    .await
    .map_err(convert)?;
    let stored = rows.into_iter().map(|row| {
        let history = StoredHistory { rows: row.rows, author_id: row.author_id, created_at: row.created_at };
        ((row.issue_id, row.jira_id), history)
    });
    Ok(stored.collect())
}
