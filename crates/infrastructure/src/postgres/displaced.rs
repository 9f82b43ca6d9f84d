//! Issues whose keys others have by now: where they are is not known until somebody looks.

use std::time::Duration;

use application::{Result, webhooks::Hint};
use sqlx::PgConnection;

use super::{errors::convert, hints, transaction::Scope};

/// Two issues that a site shows under one key take it from each other, and are not to do that as fast as they can.
const WAIT: Duration = Duration::from_secs(10);

/// Has each of them (by numeric id) looked at in a moment. A sandbox is its own source: nobody could be asked.
pub(super) async fn have_looked_at(conn: &mut PgConnection, scope: Scope, issues: &[String]) -> Result<()> {
    if issues.is_empty() {
        return Ok(());
    }
    let is_mirror = sqlx::query_scalar!(
        r#"SELECT kind <> 'sandbox' AS "is_mirror!" FROM jira_instances WHERE id = $1"#,
        scope.instance.0
    )
    .fetch_optional(&mut *conn)
    .await
    .map_err(convert)?;
    if is_mirror != Some(true) {
        return Ok(());
    }
    let found: Vec<Hint> = issues.iter().map(|issue| Hint { wait: WAIT, ..Hint::of(issue) }).collect();
    hints::hint(conn, scope, &found).await
}
