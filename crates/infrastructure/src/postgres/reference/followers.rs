//! Who follows issues, as each issue was asked for it: they replace those who were noted.

use std::collections::BTreeMap;

use application::{Result, reference::IssueFollowers};
use domain::ids::EntityKind;
use sqlx::PgConnection;
use uuid::Uuid;

use super::{Scope, convert, people_and_projects::add_accounts};

/// Issues and their followers, as columns.
#[derive(Default)]
struct Columns<'a> {
    /// Issues that are told of.
    told: Vec<Uuid>,
    issues: Vec<Uuid>,
    users: Vec<Uuid>,
    accounts: Vec<&'a str>,
}

impl<'a> Columns<'a> {
    fn of(
        scope: Scope,
        issues: &BTreeMap<&str, &'a IssueFollowers>,
        list: fn(&IssueFollowers) -> Option<&Vec<String>>,
    ) -> Self {
        let mut columns = Self::default();
        for (id, followers) in issues {
            let Some(accounts) = list(followers) else { continue };
            let issue = scope.instance.issue(id).0;
            columns.told.push(issue);
            for account in accounts {
                columns.issues.push(issue);
                columns.users.push(scope.instance.derive(EntityKind::User, account));
                columns.accounts.push(account);
            }
        }
        columns
    }
}

/// Makes these the followers of each issue that is told of. Issues that have no row are passed over; accounts that have none get one.
pub(super) async fn replace(
    conn: &mut PgConnection,
    scope: Scope,
    issues: &BTreeMap<&str, &IssueFollowers>,
) -> Result<()> {
    if issues.is_empty() {
        return Ok(());
    }
    let watchers = Columns::of(scope, issues, |followers| followers.watchers.as_ref());
    let voters = Columns::of(scope, issues, |followers| followers.voters.as_ref());
    add_accounts(conn, scope, &watchers.users, &watchers.accounts).await?;
    add_accounts(conn, scope, &voters.users, &voters.accounts).await?;
    sqlx::query!(
        "WITH listed AS (
             SELECT DISTINCT u.issue_id, u.user_id FROM UNNEST($3::uuid[], $4::uuid[]) AS u (issue_id, user_id)
         ), gone AS (
             DELETE FROM watchers o WHERE o.tenant_id = $1 AND o.issue_id = ANY($2)
                 AND NOT EXISTS (SELECT FROM listed l WHERE l.issue_id = o.issue_id AND l.user_id = o.user_id)
         )
         INSERT INTO watchers (tenant_id, issue_id, user_id)
         SELECT $1, l.issue_id, l.user_id FROM listed l JOIN issues i ON i.tenant_id = $1 AND i.id = l.issue_id
         ORDER BY l.issue_id, l.user_id ON CONFLICT DO NOTHING",
        scope.tenant,
        &watchers.told,
        &watchers.issues,
        &watchers.users,
    )
    .execute(&mut *conn)
    .await
    .map_err(convert)?;
    sqlx::query!(
        "WITH listed AS (
             SELECT DISTINCT u.issue_id, u.user_id FROM UNNEST($3::uuid[], $4::uuid[]) AS u (issue_id, user_id)
         ), gone AS (
             DELETE FROM votes o WHERE o.tenant_id = $1 AND o.issue_id = ANY($2)
                 AND NOT EXISTS (SELECT FROM listed l WHERE l.issue_id = o.issue_id AND l.user_id = o.user_id)
         )
         INSERT INTO votes (tenant_id, issue_id, user_id)
         SELECT $1, l.issue_id, l.user_id FROM listed l JOIN issues i ON i.tenant_id = $1 AND i.id = l.issue_id
         ORDER BY l.issue_id, l.user_id ON CONFLICT DO NOTHING",
        scope.tenant,
        &voters.told,
        &voters.issues,
        &voters.users,
    )
    .execute(conn)
    .await
    .map_err(convert)?;
    Ok(())
}
