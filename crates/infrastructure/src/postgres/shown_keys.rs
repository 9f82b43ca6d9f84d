//! Keys of issues as other rows show them. An issue that moves, or whose project gets another key, changes neither its children nor
//! the issues that it is linked with, and a site shows the new key at all of them: so does the copy, without waiting until they are
//! read again.

use application::Result;
use sqlx::PgConnection;
use uuid::Uuid;

use super::errors::convert;

/// Shows the present keys of these issues wherever they are shown as a parent or an end of a link.
pub(super) async fn refresh(conn: &mut PgConnection, issues: &[Uuid]) -> Result<()> {
    if issues.is_empty() {
        return Ok(());
    }
    sqlx::query!(
        "UPDATE issues c SET parent_key = p.key FROM issues p
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
