//! Rosters as served. Ids are numbers in text, so they are ordered by length first.

use application::{Result, issues::Presence, reference::Roster};
use domain::ids::{EntityKind, InstanceId};
use serde_json::Value;
use sqlx::PgConnection;

use super::{super::people::with_people_as_they_are, convert};

pub(super) async fn read(
    conn: &mut PgConnection,
    instance: InstanceId,
    roster: Roster,
) -> Result<Vec<Value>> {
    match roster {
        Roster::Projects => projects(conn, instance).await,
        Roster::Statuses => statuses(conn, instance).await,
        Roster::IssueTypes => issue_types(conn, instance).await,
        Roster::Priorities => priorities(conn, instance).await,
        Roster::Resolutions => resolutions(conn, instance).await,
        Roster::Fields => fields(conn, instance).await,
        Roster::Users => users(conn, instance).await,
        Roster::Versions => versions(conn, instance).await,
        Roster::Components => components(conn, instance).await,
        Roster::Boards => boards(conn, instance).await,
        Roster::Sprints => sprints(conn, instance).await,
        Roster::Filters => filters(conn, instance).await,
        Roster::Dashboards => dashboards(conn, instance).await,
        Roster::IssueLinkTypes => issue_link_types(conn, instance).await,
        Roster::Groups => groups(conn, instance).await,
        Roster::ServiceDesks => service_desks(conn, instance).await,
        Roster::Organizations => organizations(conn, instance).await,
    }
}

async fn projects(conn: &mut PgConnection, instance: InstanceId) -> Result<Vec<Value>> {
    projects_noted_as(conn, instance, Presence::Present).await
}

/// A project of which only the key was seen is shown with what there is.
pub(super) async fn projects_noted_as(
    conn: &mut PgConnection,
    instance: InstanceId,
    presence: Presence,
) -> Result<Vec<Value>> {
    let documents = sqlx::query_scalar!(
        r#"SELECT coalesce(raw_jsonb, jsonb_build_object('id', jira_id, 'key', key, 'name', name)) AS "raw!"
           FROM projects WHERE instance_id = $1 AND presence = $2 ORDER BY key, jira_id"#,
        instance.0,
        presence.as_str(),
    )
    .fetch_all(&mut *conn)
    .await
    .map_err(convert)?;
    with_people_as_they_are(conn, instance, documents).await
}

/// One of [`projects`].
pub(super) async fn project(
    conn: &mut PgConnection,
    instance: InstanceId,
    key_or_id: &str,
) -> Result<Option<Value>> {
    let document = sqlx::query_scalar!(
        r#"SELECT coalesce(raw_jsonb, jsonb_build_object('id', jira_id, 'key', key, 'name', name)) AS "raw!"
           FROM projects WHERE instance_id = $1 AND presence = 'present' AND (key = upper($2::text) OR jira_id = $2)
           ORDER BY key = upper($2) DESC LIMIT 1"#,
        instance.0,
        key_or_id,
    )
    .fetch_optional(&mut *conn)
    .await
    .map_err(convert)?;
    Ok(with_people_as_they_are(conn, instance, document.into_iter().collect()).await?.pop())
}

/// One of [`users`]. By the account's own id: the row's is derived from it.
pub(super) async fn user(
    conn: &mut PgConnection,
    instance: InstanceId,
    account: &str,
) -> Result<Option<Value>> {
    sqlx::query_scalar!(
        r#"SELECT raw_jsonb AS "raw!" FROM users WHERE id = $1 AND raw_jsonb IS NOT NULL"#,
        instance.derive(EntityKind::User, account),
    )
    .fetch_optional(conn)
    .await
    .map_err(convert)
}

async fn statuses(conn: &mut PgConnection, instance: InstanceId) -> Result<Vec<Value>> {
    sqlx::query_scalar!(
        r#"SELECT raw_jsonb AS "raw!" FROM statuses
           WHERE instance_id = $1 AND presence = 'present' AND raw_jsonb IS NOT NULL ORDER BY length(jira_id), jira_id"#,
        instance.0
    )
    .fetch_all(conn)
    .await
    .map_err(convert)
}

async fn issue_types(conn: &mut PgConnection, instance: InstanceId) -> Result<Vec<Value>> {
    sqlx::query_scalar!(
        r#"SELECT raw_jsonb AS "raw!" FROM issue_types
           WHERE instance_id = $1 AND presence = 'present' AND raw_jsonb IS NOT NULL ORDER BY length(jira_id), jira_id"#,
        instance.0
    )
    .fetch_all(conn)
    .await
    .map_err(convert)
}

async fn priorities(conn: &mut PgConnection, instance: InstanceId) -> Result<Vec<Value>> {
    sqlx::query_scalar!(
        r#"SELECT raw_jsonb AS "raw!" FROM priorities
           WHERE instance_id = $1 AND presence = 'present' AND raw_jsonb IS NOT NULL ORDER BY rank, length(jira_id), jira_id"#,
        instance.0
    )
    .fetch_all(conn)
    .await
    .map_err(convert)
}

async fn resolutions(conn: &mut PgConnection, instance: InstanceId) -> Result<Vec<Value>> {
    sqlx::query_scalar!(
        r#"SELECT raw_jsonb AS "raw!" FROM resolutions
           WHERE instance_id = $1 AND presence = 'present' AND raw_jsonb IS NOT NULL ORDER BY rank, length(jira_id), jira_id"#,
        instance.0
    )
    .fetch_all(conn)
    .await
    .map_err(convert)
}

/// System fields first, as Jira lists them.
async fn fields(conn: &mut PgConnection, instance: InstanceId) -> Result<Vec<Value>> {
    sqlx::query_scalar!(
        r#"SELECT raw_jsonb AS "raw!" FROM custom_fields
           WHERE instance_id = $1 AND presence = 'present' AND raw_jsonb IS NOT NULL ORDER BY custom, field_key"#,
        instance.0
    )
    .fetch_all(conn)
    .await
    .map_err(convert)
}

pub(super) async fn fields_with_roles(conn: &mut PgConnection, instance: InstanceId) -> Result<Vec<Value>> {
    sqlx::query_scalar!(
        r#"SELECT raw_jsonb AS "raw!" FROM custom_fields
           WHERE instance_id = $1 AND presence = 'present'
             AND raw_jsonb -> 'schema' ->> 'custom' ~ ':(gh-sprint|gh-epic-link|jsw-story-points|float)$'
           ORDER BY field_key"#,
        instance.0
    )
    .fetch_all(conn)
    .await
    .map_err(convert)
}

/// An account of which only the id was seen has nothing to show.
async fn users(conn: &mut PgConnection, instance: InstanceId) -> Result<Vec<Value>> {
    sqlx::query_scalar!(
        r#"SELECT raw_jsonb AS "raw!" FROM users
           WHERE instance_id = $1 AND presence = 'present' AND raw_jsonb IS NOT NULL ORDER BY display_name, account_id"#,
        instance.0
    )
    .fetch_all(conn)
    .await
    .map_err(convert)
}

async fn versions(conn: &mut PgConnection, instance: InstanceId) -> Result<Vec<Value>> {
    sqlx::query_scalar!(
        r#"SELECT raw_jsonb AS "raw!" FROM versions
           WHERE instance_id = $1 AND presence = 'present' AND raw_jsonb IS NOT NULL
           ORDER BY project_id, sequence, length(jira_id), jira_id"#,
        instance.0
    )
    .fetch_all(conn)
    .await
    .map_err(convert)
}

async fn components(conn: &mut PgConnection, instance: InstanceId) -> Result<Vec<Value>> {
    let documents = sqlx::query_scalar!(
        r#"SELECT raw_jsonb AS "raw!" FROM components
           WHERE instance_id = $1 AND presence = 'present' AND raw_jsonb IS NOT NULL
           ORDER BY project_id, name, jira_id"#,
        instance.0
    )
    .fetch_all(&mut *conn)
    .await
    .map_err(convert)?;
    with_people_as_they_are(conn, instance, documents).await
}

async fn boards(conn: &mut PgConnection, instance: InstanceId) -> Result<Vec<Value>> {
    sqlx::query_scalar!(
        r#"SELECT raw_jsonb AS "raw!" FROM boards
           WHERE instance_id = $1 AND presence = 'present' AND raw_jsonb IS NOT NULL
           ORDER BY jira_id"#,
        instance.0
    )
    .fetch_all(conn)
    .await
    .map_err(convert)
}

async fn sprints(conn: &mut PgConnection, instance: InstanceId) -> Result<Vec<Value>> {
    sqlx::query_scalar!(
        r#"SELECT raw_jsonb AS "raw!" FROM sprints
           WHERE instance_id = $1 AND presence = 'present' AND raw_jsonb IS NOT NULL
           ORDER BY jira_id"#,
        instance.0
    )
    .fetch_all(conn)
    .await
    .map_err(convert)
}

async fn filters(conn: &mut PgConnection, instance: InstanceId) -> Result<Vec<Value>> {
    let documents = sqlx::query_scalar!(
        r#"SELECT raw_jsonb AS "raw!" FROM filters
           WHERE instance_id = $1 AND presence = 'present' AND raw_jsonb IS NOT NULL
           ORDER BY length(jira_id), jira_id"#,
        instance.0
    )
    .fetch_all(&mut *conn)
    .await
    .map_err(convert)?;
    with_people_as_they_are(conn, instance, documents).await
}

async fn dashboards(conn: &mut PgConnection, instance: InstanceId) -> Result<Vec<Value>> {
    let documents = sqlx::query_scalar!(
        r#"SELECT raw_jsonb AS "raw!" FROM dashboards
           WHERE instance_id = $1 AND presence = 'present' AND raw_jsonb IS NOT NULL
           ORDER BY length(jira_id), jira_id"#,
        instance.0
    )
    .fetch_all(&mut *conn)
    .await
    .map_err(convert)?;
    with_people_as_they_are(conn, instance, documents).await
}

async fn issue_link_types(conn: &mut PgConnection, instance: InstanceId) -> Result<Vec<Value>> {
    sqlx::query_scalar!(
        r#"SELECT raw_jsonb AS "raw!" FROM issue_link_types
           WHERE instance_id = $1 AND presence = 'present' AND raw_jsonb IS NOT NULL
           ORDER BY length(jira_id), jira_id"#,
        instance.0
    )
    .fetch_all(conn)
    .await
    .map_err(convert)
}

/// Groups have no more to them than their names.
async fn groups(conn: &mut PgConnection, instance: InstanceId) -> Result<Vec<Value>> {
    sqlx::query_scalar!(
        r#"SELECT jsonb_build_object('groupId', group_id, 'name', name) AS "raw!" FROM groups
           WHERE instance_id = $1 AND presence = 'present' ORDER BY name_lower, group_id"#,
        instance.0
    )
    .fetch_all(conn)
    .await
    .map_err(convert)
}

/// The rest of a desk is asked for by itself.
async fn service_desks(conn: &mut PgConnection, instance: InstanceId) -> Result<Vec<Value>> {
    sqlx::query_scalar!(
        r#"SELECT jsonb_build_object('id', d.jira_id, 'projectId', p.jira_id) AS "raw!"
           FROM service_desks d JOIN projects p ON p.tenant_id = d.tenant_id AND p.id = d.project_id
           WHERE d.instance_id = $1 AND p.presence = 'present' ORDER BY length(d.jira_id), d.jira_id"#,
        instance.0
    )
    .fetch_all(conn)
    .await
    .map_err(convert)
}

async fn organizations(conn: &mut PgConnection, instance: InstanceId) -> Result<Vec<Value>> {
    sqlx::query_scalar!(
        r#"SELECT jsonb_build_object('id', jira_id, 'name', name) AS "raw!" FROM organizations
           WHERE instance_id = $1 ORDER BY length(jira_id), jira_id"#,
        instance.0
    )
    .fetch_all(conn)
    .await
    .map_err(convert)
}
