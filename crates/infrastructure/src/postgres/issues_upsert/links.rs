//! Links: one row, seen from either of two issues.
//!
//! A link that neither of its issues shows any more is `deleted`. One that only lacks an issue, because that one is gone, is
//! `unobserved`: it is there again as soon as both are.

use std::collections::{BTreeMap, HashSet};

use application::{Result, issues::LinkRecord};
use domain::ids::{EntityKind, InstanceId};
use sqlx::PgConnection;
use uuid::Uuid;

use super::{Others, PRESENT, Planned, Scope, UNOBSERVED, convert, rewritten};

#[derive(Default)]
struct Columns<'a> {
    id: Vec<Uuid>,
    jira_id: Vec<&'a str>,
    inward_issue_id: Vec<Uuid>,
    outward_issue_id: Vec<Uuid>,
    inward_key: Vec<&'a str>,
    outward_key: Vec<&'a str>,
    link_type: Vec<&'a str>,
    link_type_id: Vec<Option<&'a str>>,
    inward_name: Vec<Option<&'a str>>,
    outward_name: Vec<Option<&'a str>>,
    presence: Vec<&'static str>,
}

impl<'a> Columns<'a> {
    fn push(&mut self, scope: Scope, id: Uuid, link: &'a LinkRecord, others: &'a Others) {
        self.id.push(id);
        self.jira_id.push(&link.jira_id);
        let [inward, outward] = ends(scope, link);
        self.inward_issue_id.push(inward);
        self.outward_issue_id.push(outward);
        self.inward_key.push(others.key(inward, &link.inward_issue.1));
        self.outward_key.push(others.key(outward, &link.outward_issue.1));
        let lacks_one = others.is_gone(inward) || others.is_gone(outward);
        self.presence.push(if lacks_one { UNOBSERVED } else { PRESENT });
        self.link_type.push(&link.link_type);
        self.link_type_id.push(link.link_type_id.as_deref());
        self.inward_name.push(link.inward_name.as_deref());
        self.outward_name.push(link.outward_name.as_deref());
    }
}

/// The two issues of a link.
pub(super) fn ends(scope: Scope, link: &LinkRecord) -> [Uuid; 2] {
    [&link.inward_issue, &link.outward_issue].map(|(id, _)| scope.instance.issue(id).0)
}

/// Stores the links of the issues that were written. A link that such an issue had before and does not show any more is gone,
/// unless the issue at its other end shows it in this very page. An issue whose project hides its links says nothing of them.
pub(super) async fn upsert(
    conn: &mut PgConnection,
    scope: Scope,
    issues: &[Planned<'_>],
    written: &HashSet<Uuid>,
    added: &HashSet<Uuid>,
    others: &Others,
) -> Result<()> {
    let links: BTreeMap<Uuid, &LinkRecord> = issues
        .iter()
        .filter(|issue| written.contains(&issue.id))
        .flat_map(|issue| &issue.bundle.links)
        .map(|link| (scope.instance.derive(EntityKind::IssueLink, &link.jira_id), link))
        .collect();
    let mut columns = Columns::default();
    links.iter().for_each(|(id, link)| columns.push(scope, *id, link, others));

    let mut changed = rewritten(written, added);
    let partial: HashSet<Uuid> =
        issues.iter().filter(|issue| !issue.bundle.links_complete).map(|issue| issue.id).collect();
    changed.retain(|id| !partial.contains(id));
    if !changed.is_empty() {
        sqlx::query!(
            "UPDATE issue_links SET presence = 'deleted'
             WHERE presence <> 'deleted' AND (inward_issue_id = ANY($1) OR outward_issue_id = ANY($1)) AND id <> ALL($2)",
            &changed,
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
        "INSERT INTO issue_links (tenant_id, instance_id, id, jira_id, inward_issue_id, outward_issue_id, inward_key,
                                  outward_key, link_type, link_type_id, inward_name, outward_name, presence)
         SELECT $1, $2, u.id, u.jira_id, u.inward_issue_id, u.outward_issue_id, u.inward_key::varchar(50),
                u.outward_key::varchar(50), u.link_type::varchar(100), u.link_type_id, u.inward_name::varchar(255),
                u.outward_name::varchar(255), u.presence
         FROM UNNEST($3::uuid[], $4::text[], $5::uuid[], $6::uuid[], $7::text[], $8::text[], $9::text[], $10::text[],
                     $11::text[], $12::text[], $13::text[])
              AS u (id, jira_id, inward_issue_id, outward_issue_id, inward_key, outward_key, link_type, link_type_id,
                    inward_name, outward_name, presence)
         ON CONFLICT (tenant_id, id) DO UPDATE SET
             inward_issue_id = excluded.inward_issue_id, outward_issue_id = excluded.outward_issue_id,
             inward_key = excluded.inward_key, outward_key = excluded.outward_key,
             link_type = excluded.link_type, link_type_id = excluded.link_type_id,
             inward_name = excluded.inward_name, outward_name = excluded.outward_name, presence = excluded.presence
         WHERE (issue_links.presence, issue_links.inward_issue_id, issue_links.outward_issue_id, issue_links.inward_key,
                issue_links.outward_key, issue_links.link_type, issue_links.link_type_id, issue_links.inward_name,
                issue_links.outward_name)
               IS DISTINCT FROM (excluded.presence, excluded.inward_issue_id, excluded.outward_issue_id, excluded.inward_key,
                                 excluded.outward_key, excluded.link_type, excluded.link_type_id, excluded.inward_name,
                                 excluded.outward_name)",
        scope.tenant,
        scope.instance.0,
        columns.id as _,
        columns.jira_id as _,
        columns.inward_issue_id as _,
        columns.outward_issue_id as _,
        columns.inward_key as _,
        columns.outward_key as _,
        columns.link_type as _,
        columns.link_type_id as _,
        columns.inward_name as _,
        columns.outward_name as _,
        columns.presence as _,
    )
    .execute(conn)
    .await
    .map_err(convert)?;
    Ok(())
}

/// Takes the links of issues that are gone with them: nobody shows a link to what is not there.
pub(in crate::postgres) async fn leave_with(conn: &mut PgConnection, issues: &[Uuid]) -> Result<()> {
    if issues.is_empty() {
        return Ok(());
    }
    sqlx::query!(
        "UPDATE issue_links SET presence = 'unobserved' WHERE id = ANY(ARRAY(
             SELECT id FROM issue_links
             WHERE presence = 'present' AND (inward_issue_id = ANY($1) OR outward_issue_id = ANY($1))
             ORDER BY id FOR NO KEY UPDATE))",
        issues,
    )
    .execute(conn)
    .await
    .map_err(convert)?;
    Ok(())
}

/// See [`application::sync::census::CensusStore::settle_links`]. A link is stored without waiting for whoever finds one of its issues gone or
/// back at that very moment, so what it says of them is looked at again here.
pub(in crate::postgres) async fn settle(
    conn: &mut PgConnection,
    instance: InstanceId,
    after: Uuid,
    limit: i64,
) -> Result<Option<Uuid>> {
    sqlx::query_scalar!(
        r#"WITH portion AS MATERIALIZED (
               SELECT tenant_id, id, presence, inward_issue_id, outward_issue_id FROM issue_links
               WHERE id > $2 AND instance_id = $1 AND presence <> 'deleted' ORDER BY id LIMIT $3),
           ends AS MATERIALIZED (
               SELECT p.id, bool_or(i.presence NOT IN ('present', 'unobserved')) AS gone
               FROM portion p CROSS JOIN LATERAL unnest(ARRAY[p.inward_issue_id, p.outward_issue_id]) AS e (id)
               LEFT JOIN issues i ON i.tenant_id = p.tenant_id AND i.id = e.id
               GROUP BY p.id),
           settled AS (
               UPDATE issue_links l SET presence = CASE WHEN e.gone THEN 'unobserved' ELSE 'present' END
               FROM ends e JOIN portion p ON p.id = e.id
               WHERE l.tenant_id = p.tenant_id AND l.id = p.id AND l.presence = p.presence
                 AND (p.presence = 'present') = coalesce(e.gone, false))
           SELECT max(id::text)::uuid FROM portion"#,
        instance.0,
        after,
        limit,
    )
    .fetch_one(conn)
    .await
    .map_err(convert)
}
