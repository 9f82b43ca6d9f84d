//! Links: one row, seen from either of two issues.

use std::collections::{BTreeMap, HashSet};

use application::{Result, issues::LinkRecord};
use domain::ids::EntityKind;
use sqlx::PgConnection;
use uuid::Uuid;

use super::{Planned, Scope, convert, rewritten};

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
}

impl<'a> Columns<'a> {
    fn push(&mut self, scope: Scope, id: Uuid, link: &'a LinkRecord) {
        self.id.push(id);
        self.jira_id.push(&link.jira_id);
        self.inward_issue_id.push(scope.instance.issue(&link.inward_issue.0).0);
        self.outward_issue_id.push(scope.instance.issue(&link.outward_issue.0).0);
        self.inward_key.push(&link.inward_issue.1);
        self.outward_key.push(&link.outward_issue.1);
        self.link_type.push(&link.link_type);
        self.link_type_id.push(link.link_type_id.as_deref());
        self.inward_name.push(link.inward_name.as_deref());
        self.outward_name.push(link.outward_name.as_deref());
    }
}

/// Stores the links of the issues that were written. A link that such an issue had before and does not show any more is gone,
/// unless the issue at its other end shows it in this very page. An issue whose project hides its links says nothing of them.
pub(super) async fn upsert(
    conn: &mut PgConnection,
    scope: Scope,
    issues: &[Planned<'_>],
    written: &HashSet<Uuid>,
    added: &HashSet<Uuid>,
) -> Result<()> {
    let links: BTreeMap<Uuid, &LinkRecord> = issues
        .iter()
        .filter(|issue| written.contains(&issue.id))
        .flat_map(|issue| &issue.bundle.links)
        .map(|link| (scope.instance.derive(EntityKind::IssueLink, &link.jira_id), link))
        .collect();
    let mut columns = Columns::default();
    links.iter().for_each(|(id, link)| columns.push(scope, *id, link));

    let mut changed = rewritten(written, added);
    let partial: HashSet<Uuid> =
        issues.iter().filter(|issue| !issue.bundle.links_complete).map(|issue| issue.id).collect();
    changed.retain(|id| !partial.contains(id));
    if !changed.is_empty() {
        sqlx::query!(
            "UPDATE issue_links SET presence = 'deleted'
             WHERE presence = 'present' AND (inward_issue_id = ANY($1) OR outward_issue_id = ANY($1)) AND id <> ALL($2)",
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
                                  outward_key, link_type, link_type_id, inward_name, outward_name)
         SELECT $1, $2, u.id, u.jira_id, u.inward_issue_id, u.outward_issue_id, u.inward_key::varchar(50),
                u.outward_key::varchar(50), u.link_type::varchar(100), u.link_type_id, u.inward_name::varchar(255),
                u.outward_name::varchar(255)
         FROM UNNEST($3::uuid[], $4::text[], $5::uuid[], $6::uuid[], $7::text[], $8::text[], $9::text[], $10::text[],
                     $11::text[], $12::text[])
              AS u (id, jira_id, inward_issue_id, outward_issue_id, inward_key, outward_key, link_type, link_type_id,
                    inward_name, outward_name)
         ON CONFLICT (tenant_id, id) DO UPDATE SET
             inward_issue_id = excluded.inward_issue_id, outward_issue_id = excluded.outward_issue_id,
             inward_key = excluded.inward_key, outward_key = excluded.outward_key,
             link_type = excluded.link_type, link_type_id = excluded.link_type_id,
             inward_name = excluded.inward_name, outward_name = excluded.outward_name, presence = 'present'
         WHERE (issue_links.presence, issue_links.inward_issue_id, issue_links.outward_issue_id, issue_links.inward_key,
                issue_links.outward_key, issue_links.link_type, issue_links.link_type_id, issue_links.inward_name,
                issue_links.outward_name)
               IS DISTINCT FROM ('present', excluded.inward_issue_id, excluded.outward_issue_id, excluded.inward_key,
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
    )
    .execute(conn)
    .await
    .map_err(convert)?;
    Ok(())
}
