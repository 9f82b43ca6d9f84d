//! Issues whose keys others have by now: where they are is not known until somebody looks.

use application::{
    Result,
    jobs::{Job, JobRequest},
    webhooks::ProcessHint,
};
use domain::ids::TenantId;
use sqlx::PgConnection;

use super::{errors::convert, jobs, transaction::Scope};

/// Has each of them (by numeric id) looked at in a moment: two issues that a site shows under one key take it from each other, and are
/// not to do that as fast as they can. A sandbox is its own source: nobody could be asked.
pub(super) async fn have_looked_at(conn: &mut PgConnection, scope: Scope, issues: &[String]) -> Result<()> {
    if issues.is_empty() {
        return Ok(());
    }
    let at = sqlx::query_scalar!(
        r#"SELECT clock_timestamp() + interval '10 seconds' AS "at!"
           FROM jira_instances WHERE id = $1 AND kind <> 'sandbox'"#,
        scope.instance.0
    )
    .fetch_optional(&mut *conn)
    .await
    .map_err(convert)?;
    let Some(at) = at else { return Ok(()) };
    let hint = |issue: &String| {
        let (tenant, instance) = (TenantId(scope.tenant), scope.instance);
        Ok(JobRequest { run_at: Some(at), ..ProcessHint::of(tenant, instance, issue).request()? })
    };
    jobs::enqueue(conn, &issues.iter().map(hint).collect::<Result<Vec<_>>>()?).await
}
