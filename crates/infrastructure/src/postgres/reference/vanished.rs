//! What a whole roster does not name any more. It is noted as deleted once no present issue refers to it (boards, filters, dashboards
//! and contexts at once: no issue does; desks and organisations are forgotten), and its row stays: histories, and issues that are gone, still name it. A row that is seen
//! again is present again.

use std::collections::BTreeMap;

use application::{
    Result,
    reference::{ReferenceRecords, Roster},
};
use domain::ids::EntityKind;
use sqlx::{PgConnection, Postgres, postgres::PgArguments, query::Query};
use uuid::Uuid;

use super::{Scope, Seen, convert};

/// Notes what has vanished. Users never vanish: no list has those who left, and issues still name them. Sprints have no list of
/// their own: each board shows its own, and those of others of which its filter has issues.
pub(super) async fn note(
    conn: &mut PgConnection,
    scope: Scope,
    seen: &Seen<'_>,
    records: &ReferenceRecords,
) -> Result<()> {
    let doubted = doubted(conn, scope, seen, &records.whole).await?;
    for roster in records.whole.iter().filter(|roster| !doubted.contains(roster)) {
        match roster {
            Roster::Projects => projects(conn, scope, seen).await?,
            Roster::Statuses => statuses(conn, scope, seen).await?,
            Roster::IssueTypes => issue_types(conn, scope, seen).await?,
            Roster::Priorities => priorities(conn, scope, seen).await?,
            Roster::Resolutions => resolutions(conn, scope, seen).await?,
            Roster::Fields => fields(conn, scope, seen).await?,
            Roster::Versions => versions(conn, scope, seen).await?,
            Roster::Components => components(conn, scope, seen).await?,
            Roster::Boards => boards(conn, scope, seen).await?,
            Roster::Filters => filters(conn, scope, seen).await?,
            Roster::Dashboards => dashboards(conn, scope, seen).await?,
            Roster::IssueLinkTypes => link_types(conn, scope, seen).await?,
            Roster::Groups => groups(conn, scope, seen).await?,
            Roster::ServiceDesks => service_desks(conn, scope, seen).await?,
            Roster::Organizations => organizations(conn, scope, seen).await?,
            Roster::Users | Roster::Sprints => {}
        }
    }
    sprints(conn, scope, seen).await?;
    parts_of_projects(conn, scope, seen, &records.parts_of).await?;
    contexts(conn, scope, seen, &records.contexts_of).await?;
    options(conn, scope, seen, &records.options_of).await
}

/// Lists that came back empty, and did not for a day yet. A site that has lost its boards or groups for an hour (an index that is
/// rebuilt, an app that is switched off) answers 200 with nothing in it, and memberships that are deleted then are not read again
/// soon. What it lists again ends the doubt.
async fn doubted(
    conn: &mut PgConnection,
    scope: Scope,
    seen: &Seen<'_>,
    whole: &[Roster],
) -> Result<Vec<Roster>> {
    let length = |roster: &Roster| match roster {
        Roster::Projects => Some(seen.projects.len()),
        Roster::Statuses => Some(seen.statuses.len()),
        Roster::IssueTypes => Some(seen.issue_types.len()),
        Roster::Priorities => Some(seen.priorities.len()),
        Roster::Resolutions => Some(seen.resolutions.len()),
        Roster::Fields => Some(seen.fields.len()),
        Roster::Boards => Some(seen.boards.len()),
        Roster::Filters => Some(seen.filters.len()),
        Roster::IssueLinkTypes => Some(seen.link_types.len()),
        Roster::Groups => Some(seen.groups.len()),
        // A site may well have none of these.
        _ => None,
    };
    let (mut empty, mut filled) = (Vec::new(), Vec::new());
    for roster in whole {
        match length(roster) {
            Some(0) => empty.push(*roster),
            Some(_) => filled.push(note_of(*roster)),
            None => {}
        }
    }
    if !filled.is_empty() {
        let over = sqlx::query!(
            "DELETE FROM sync_watermarks WHERE instance_id = $1 AND entity = ANY($2)",
            scope.instance.0,
            &filled,
        );
        note_gone(&mut *conn, over).await?;
    }
    let mut doubted = Vec::new();
    for roster in empty {
        // The first time is kept.
        let is_young = sqlx::query_scalar!(
            r#"INSERT INTO sync_watermarks AS w (tenant_id, instance_id, entity, last_updated_at) VALUES ($1, $2, $3, now())
               ON CONFLICT (tenant_id, instance_id, entity) DO UPDATE SET entity = excluded.entity
               RETURNING w.last_updated_at > now() - interval '1 day' AS "is_young!""#,
            scope.tenant,
            scope.instance.0,
            note_of(roster),
        )
        .fetch_one(&mut *conn)
        .await
        .map_err(convert)?;
        if is_young {
            tracing::warn!(
                ?roster,
                "a list of the site came back empty; it is believed once that lasts for a day"
            );
            doubted.push(roster);
        }
    }
    Ok(doubted)
}

/// What tells since when a list has been empty.
fn note_of(roster: Roster) -> String {
    format!("empty {roster:?}")
}

/// The ids that a roster has.
fn ids<T>(roster: &BTreeMap<&str, T>) -> Vec<String> {
    roster.keys().map(|id| (*id).to_owned()).collect()
}

async fn note_gone(conn: &mut PgConnection, gone: Query<'_, Postgres, PgArguments>) -> Result<()> {
    gone.execute(conn).await.map(drop).map_err(convert)
}

async fn projects(conn: &mut PgConnection, scope: Scope, seen: &Seen<'_>) -> Result<()> {
    let listed = ids(&seen.projects);
    let gone = sqlx::query!(
        "UPDATE projects x SET presence = 'deleted', updated_at = now()
         WHERE x.instance_id = $1 AND x.presence = 'present' AND x.jira_id <> ALL($2)
           AND NOT EXISTS (SELECT FROM issues i WHERE i.project_id = x.id AND i.presence = 'present')",
        scope.instance.0,
        &listed,
    );
    note_gone(conn, gone).await
}

async fn statuses(conn: &mut PgConnection, scope: Scope, seen: &Seen<'_>) -> Result<()> {
    let listed = ids(&seen.statuses);
    let gone = sqlx::query!(
        "UPDATE statuses x SET presence = 'deleted', updated_at = now()
         WHERE x.instance_id = $1 AND x.presence = 'present' AND x.jira_id <> ALL($2)
           AND NOT EXISTS (SELECT FROM issues i WHERE i.instance_id = $1 AND i.status_id = x.jira_id
                             AND i.presence = 'present')",
        scope.instance.0,
        &listed,
    );
    note_gone(conn, gone).await
}

async fn issue_types(conn: &mut PgConnection, scope: Scope, seen: &Seen<'_>) -> Result<()> {
    let listed = ids(&seen.issue_types);
    let gone = sqlx::query!(
        "UPDATE issue_types x SET presence = 'deleted', updated_at = now()
         WHERE x.instance_id = $1 AND x.presence = 'present' AND x.jira_id <> ALL($2)
           AND NOT EXISTS (SELECT FROM issues i WHERE i.instance_id = $1 AND i.issue_type_id = x.jira_id
                             AND i.presence = 'present')",
        scope.instance.0,
        &listed,
    );
    note_gone(conn, gone).await
}

async fn priorities(conn: &mut PgConnection, scope: Scope, seen: &Seen<'_>) -> Result<()> {
    let listed = ids(&seen.priorities);
    let gone = sqlx::query!(
        "UPDATE priorities x SET presence = 'deleted', updated_at = now()
         WHERE x.instance_id = $1 AND x.presence = 'present' AND x.jira_id <> ALL($2)
           AND NOT EXISTS (SELECT FROM issues i WHERE i.instance_id = $1 AND i.priority_id = x.jira_id
                             AND i.presence = 'present')",
        scope.instance.0,
        &listed,
    );
    note_gone(conn, gone).await
}

async fn resolutions(conn: &mut PgConnection, scope: Scope, seen: &Seen<'_>) -> Result<()> {
    let listed = ids(&seen.resolutions);
    let gone = sqlx::query!(
        "UPDATE resolutions x SET presence = 'deleted', updated_at = now()
         WHERE x.instance_id = $1 AND x.presence = 'present' AND x.jira_id <> ALL($2)
           AND NOT EXISTS (SELECT FROM issues i WHERE i.instance_id = $1 AND i.resolution_id = x.jira_id
                             AND i.presence = 'present')",
        scope.instance.0,
        &listed,
    );
    note_gone(conn, gone).await
}

async fn fields(conn: &mut PgConnection, scope: Scope, seen: &Seen<'_>) -> Result<()> {
    let listed = ids(&seen.fields);
    let gone = sqlx::query!(
        "UPDATE custom_fields x SET presence = 'deleted', updated_at = now()
         WHERE x.instance_id = $1 AND x.presence = 'present' AND x.field_key <> ALL($2)
           AND NOT EXISTS (SELECT FROM issue_field_values v JOIN issues i ON i.tenant_id = v.tenant_id AND i.id = v.issue_id
                             WHERE v.field_id = x.field_key AND i.instance_id = $1 AND i.presence = 'present')",
        scope.instance.0,
        &listed,
    );
    note_gone(conn, gone).await
}

async fn versions(conn: &mut PgConnection, scope: Scope, seen: &Seen<'_>) -> Result<()> {
    let listed = ids(&seen.versions);
    let gone = sqlx::query!(
        "UPDATE versions x SET presence = 'deleted', updated_at = now()
         WHERE x.instance_id = $1 AND x.presence = 'present' AND x.jira_id <> ALL($2)
           AND NOT EXISTS (SELECT FROM issue_field_values v JOIN issues i ON i.tenant_id = v.tenant_id AND i.id = v.issue_id
                             WHERE v.field_id IN ('fixVersions', 'versions') AND v.value_id = x.jira_id AND i.instance_id = $1
                               AND i.presence = 'present')",
        scope.instance.0,
        &listed,
    );
    note_gone(conn, gone).await
}

async fn components(conn: &mut PgConnection, scope: Scope, seen: &Seen<'_>) -> Result<()> {
    let listed = ids(&seen.components);
    let gone = sqlx::query!(
        "UPDATE components x SET presence = 'deleted', updated_at = now()
         WHERE x.instance_id = $1 AND x.presence = 'present' AND x.jira_id <> ALL($2)
           AND NOT EXISTS (SELECT FROM issue_field_values v JOIN issues i ON i.tenant_id = v.tenant_id AND i.id = v.issue_id
                             WHERE v.field_id IN ('components') AND v.value_id = x.jira_id AND i.instance_id = $1
                               AND i.presence = 'present')",
        scope.instance.0,
        &listed,
    );
    note_gone(conn, gone).await
}

/// Versions and components of projects that were asked for theirs.
async fn parts_of_projects(
    conn: &mut PgConnection,
    scope: Scope,
    seen: &Seen<'_>,
    of: &[String],
) -> Result<()> {
    if of.is_empty() {
        return Ok(());
    }
    let projects: Vec<Uuid> = of.iter().map(|id| scope.instance.derive(EntityKind::Project, id)).collect();
    let listed = ids(&seen.versions);
    let gone = sqlx::query!(
        "UPDATE versions x SET presence = 'deleted', updated_at = now()
         WHERE x.instance_id = $1 AND x.presence = 'present' AND x.jira_id <> ALL($2) AND x.project_id = ANY($3)
           AND NOT EXISTS (SELECT FROM issue_field_values v JOIN issues i ON i.tenant_id = v.tenant_id AND i.id = v.issue_id
                             WHERE v.field_id IN ('fixVersions', 'versions') AND v.value_id = x.jira_id AND i.instance_id = $1
                               AND i.presence = 'present')",
        scope.instance.0,
        &listed,
        &projects,
    );
    note_gone(&mut *conn, gone).await?;
    let listed = ids(&seen.components);
    let gone = sqlx::query!(
        "UPDATE components x SET presence = 'deleted', updated_at = now()
         WHERE x.instance_id = $1 AND x.presence = 'present' AND x.jira_id <> ALL($2) AND x.project_id = ANY($3)
           AND NOT EXISTS (SELECT FROM issue_field_values v JOIN issues i ON i.tenant_id = v.tenant_id AND i.id = v.issue_id
                             WHERE v.field_id = 'components' AND v.value_id = x.jira_id AND i.instance_id = $1
                               AND i.presence = 'present')",
        scope.instance.0,
        &listed,
        &projects,
    );
    note_gone(conn, gone).await
}

async fn boards(conn: &mut PgConnection, scope: Scope, seen: &Seen<'_>) -> Result<()> {
    let listed = seen.boards.keys().copied().collect::<Vec<i64>>();
    let gone = sqlx::query!(
        "UPDATE boards x SET presence = 'deleted', updated_at = now()
         WHERE x.instance_id = $1 AND x.presence = 'present' AND x.jira_id <> ALL($2)",
        scope.instance.0,
        &listed,
    );
    note_gone(conn, gone).await
}

async fn filters(conn: &mut PgConnection, scope: Scope, seen: &Seen<'_>) -> Result<()> {
    let listed = ids(&seen.filters);
    let gone = sqlx::query!(
        "UPDATE filters x SET presence = 'deleted', updated_at = now()
         WHERE x.instance_id = $1 AND x.presence = 'present' AND x.jira_id <> ALL($2)",
        scope.instance.0,
        &listed,
    );
    note_gone(conn, gone).await
}

async fn dashboards(conn: &mut PgConnection, scope: Scope, seen: &Seen<'_>) -> Result<()> {
    let listed = ids(&seen.dashboards);
    let gone = sqlx::query!(
        "UPDATE dashboards x SET presence = 'deleted', updated_at = now()
         WHERE x.instance_id = $1 AND x.presence = 'present' AND x.jira_id <> ALL($2)",
        scope.instance.0,
        &listed,
    );
    note_gone(conn, gone).await
}

/// Nothing names a desk by a row: requests tell of theirs in a field of their own.
async fn service_desks(conn: &mut PgConnection, scope: Scope, seen: &Seen<'_>) -> Result<()> {
    let listed = ids(&seen.service_desks);
    let gone = sqlx::query!(
        "DELETE FROM service_desks x WHERE x.instance_id = $1 AND x.jira_id <> ALL($2)",
        scope.instance.0,
        &listed,
    );
    note_gone(conn, gone).await
}

/// The same of organisations.
async fn organizations(conn: &mut PgConnection, scope: Scope, seen: &Seen<'_>) -> Result<()> {
    let listed = ids(&seen.organizations);
    let gone = sqlx::query!(
        "DELETE FROM organizations x WHERE x.instance_id = $1 AND x.jira_id <> ALL($2)",
        scope.instance.0,
        &listed,
    );
    note_gone(conn, gone).await
}

async fn link_types(conn: &mut PgConnection, scope: Scope, seen: &Seen<'_>) -> Result<()> {
    let listed = ids(&seen.link_types);
    let gone = sqlx::query!(
        "UPDATE issue_link_types x SET presence = 'deleted', updated_at = now()
         WHERE x.instance_id = $1 AND x.presence = 'present' AND x.jira_id <> ALL($2)
           AND NOT EXISTS (SELECT FROM issue_links l WHERE l.instance_id = $1 AND l.link_type_id = x.jira_id
                             AND l.presence = 'present')",
        scope.instance.0,
        &listed,
    );
    note_gone(conn, gone).await
}

/// Nothing but memberships hangs on a group, and they go with it.
async fn groups(conn: &mut PgConnection, scope: Scope, seen: &Seen<'_>) -> Result<()> {
    let listed = ids(&seen.groups);
    let gone = sqlx::query!(
        "WITH gone AS (
             UPDATE groups x SET presence = 'deleted', members_known = false, updated_at = now()
             WHERE x.instance_id = $1 AND x.presence = 'present' AND x.group_id <> ALL($2) RETURNING x.group_id)
         DELETE FROM group_members m USING gone WHERE m.instance_id = $1 AND m.group_id = gone.group_id",
        scope.instance.0,
        &listed,
    );
    note_gone(conn, gone).await
}

/// Sprints of boards that were asked for theirs, and do not list them any more; no other board does either.
async fn sprints(conn: &mut PgConnection, scope: Scope, seen: &Seen<'_>) -> Result<()> {
    let boards: Vec<i64> = seen.board_sprints.keys().copied().collect();
    if boards.is_empty() {
        return Ok(());
    }
    let listed: Vec<i64> = seen.sprints.keys().copied().collect();
    let gone = sqlx::query!(
        "UPDATE sprints x SET presence = 'deleted', updated_at = now()
         WHERE x.instance_id = $1 AND x.presence = 'present' AND x.board_id = ANY($2) AND x.jira_id <> ALL($3)
           AND NOT EXISTS (SELECT FROM board_sprints b WHERE b.instance_id = $1 AND b.sprint_id = x.jira_id)
           AND NOT EXISTS (SELECT FROM custom_fields f
                           JOIN issue_field_values v ON v.tenant_id = f.tenant_id AND v.field_id = f.field_key
                                                    AND v.value_id = x.jira_id::text
                           JOIN issues i ON i.tenant_id = v.tenant_id AND i.id = v.issue_id
                           WHERE f.instance_id = $1 AND f.field_type LIKE '%gh-sprint' AND i.instance_id = $1
                             AND i.presence = 'present')",
        scope.instance.0,
        &boards,
        &listed,
    );
    note_gone(conn, gone).await
}

/// Contexts are named by options only, which vanish by themselves.
async fn contexts(conn: &mut PgConnection, scope: Scope, seen: &Seen<'_>, of: &[String]) -> Result<()> {
    if of.is_empty() {
        return Ok(());
    }
    let (fields, ids): (Vec<String>, Vec<String>) =
        seen.contexts.keys().map(|(field, id)| ((*field).to_owned(), (*id).to_owned())).unzip();
    let gone = sqlx::query!(
        "UPDATE field_contexts x SET presence = 'deleted', updated_at = now()
         WHERE x.instance_id = $1 AND x.presence = 'present' AND x.field_key = ANY($2)
           AND (x.field_key, x.jira_id) NOT IN (SELECT u.field_key, u.jira_id
                                                FROM UNNEST($3::text[], $4::text[]) AS u (field_key, jira_id))",
        scope.instance.0,
        of,
        &fields,
        &ids,
    );
    note_gone(conn, gone).await
}

/// The options of a field are listed field by field. One that a roster placed says too that its field was asked for.
async fn options(conn: &mut PgConnection, scope: Scope, seen: &Seen<'_>, of: &[String]) -> Result<()> {
    let placed = seen.options.iter().filter(|(_, option)| option.sequence.is_some());
    let mut asked: Vec<String> = placed.map(|((field, _), _)| (*field).to_owned()).collect();
    asked.extend_from_slice(of);
    asked.sort_unstable();
    asked.dedup();
    if asked.is_empty() {
        return Ok(());
    }
    let (fields, ids): (Vec<String>, Vec<String>) =
        seen.options.keys().map(|(field, id)| ((*field).to_owned(), (*id).to_owned())).unzip();
    let gone = sqlx::query!(
        "UPDATE field_options x SET presence = 'deleted', updated_at = now()
         WHERE x.instance_id = $1 AND x.presence = 'present' AND x.field_key = ANY($2)
           AND (x.field_key, x.jira_id) NOT IN (SELECT u.field_key, u.jira_id
                                                FROM UNNEST($3::text[], $4::text[]) AS u (field_key, jira_id))
           AND NOT EXISTS (SELECT FROM issue_field_values v JOIN issues i ON i.tenant_id = v.tenant_id AND i.id = v.issue_id
                           WHERE v.field_id = x.field_key AND v.value_id = x.jira_id AND i.instance_id = $1
                             AND i.presence = 'present')",
        scope.instance.0,
        &asked,
        &fields,
        &ids,
    );
    note_gone(conn, gone).await
}
