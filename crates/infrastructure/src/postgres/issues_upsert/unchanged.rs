//! What needs no writing: issues that are stored as the page shows them, with everything that hangs on them.
//!
//! They are found by reading alone. A lock would write into every row, and a re-sync of a site where nothing happened should
//! leave nothing behind.

use std::collections::{HashMap, HashSet};

use application::{
    Result,
    issues::{CommentRecord, HistoryItemRecord, HistoryRecord, WorklogRecord},
};
use chrono::{DateTime, Utc};
use sha2::{Digest, Sha256};
use sqlx::PgConnection;
use uuid::Uuid;

use super::{Planned, Scope, children::compare, comments, convert, worklogs};

/// A stored history. Of its contents a digest: people are anonymised there too, as authors and as values.
#[derive(PartialEq)]
struct StoredHistory {
    rows: i64,
    contents: Vec<u8>,
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
        contents: digest(&history.items),
        author_id: scope.user(history.author.as_deref()),
        created_at: history.created,
    };
    issue.bundle.histories.iter().all(|history| {
        stored.get(&(issue.id, history.jira_id.clone())).is_some_and(|stored| *stored == shown(history))
    })
}

/// As the query below makes it.
fn digest(items: &[HistoryItemRecord]) -> Vec<u8> {
    let mut hasher = Sha256::new();
    let values = |item: &HistoryItemRecord| {
        [&item.from, &item.from_string, &item.to, &item.to_string]
            .map(|value| value.as_deref().unwrap_or("\u{1}").to_owned())
            .join("\u{2}")
    };
    let contents: Vec<String> = items.iter().map(values).collect();
    // A history without items is one row of nothing.
    let contents = if items.is_empty() { ["\u{1}"; 4].join("\u{2}") } else { contents.join("\u{3}") };
    hasher.update(contents);
    hasher.finalize().to_vec()
}

async fn histories(
    conn: &mut PgConnection,
    issues: &[Uuid],
) -> Result<HashMap<(Uuid, String), StoredHistory>> {
    let rows = sqlx::query!(
        r#"SELECT c.issue_id, c.jira_id, count(*) AS "rows!", (array_agg(c.author_id))[1] AS author_id,
                  min(c.created_at) AS "created_at!",
                  sha256(convert_to(string_agg(concat_ws(chr(2),
                      coalesce(c.from_value, chr(1)), coalesce(c.from_string, chr(1)),
                      coalesce(c.to_value, chr(1)), coalesce(c.to_string, chr(1))), chr(3) ORDER BY c.ordinal),
                      'UTF8')) AS "contents!"
           FROM changelogs c WHERE c.issue_id = ANY($1) GROUP BY c.issue_id, c.jira_id"#,
        issues
    )
    .fetch_all(conn)
    .await
    .map_err(convert)?;
    let stored = rows.into_iter().map(|row| {
        let history = StoredHistory {
            rows: row.rows,
            contents: row.contents,
            author_id: row.author_id,
            created_at: row.created_at,
        };
        ((row.issue_id, row.jira_id), history)
    });
    Ok(stored.collect())
}
