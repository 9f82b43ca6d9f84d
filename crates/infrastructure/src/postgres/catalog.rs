//! Reference data as read back, in pages. A page goes on after a position by comparing rows, which the order of the list is
//! made of too; [`after`] gives the three parts.

mod agile;
mod fields;
mod projects;

use application::{
    Result,
    catalog::{
        BoardRow, CatalogStore, ComponentRow, Entry, FieldRow, OptionRow, PageOf, Position, ProjectRow,
        SprintIssueRow, SprintRow, UserRow, VersionRow,
    },
};
use async_trait::async_trait;
use domain::ids::InstanceId;
use sqlx::PgConnection;
use uuid::Uuid;

use super::{errors::convert, transaction::PgTenantTx};

/// The parts of the position after which a page begins; `None` at the beginning.
fn after(page: &PageOf) -> (Option<&str>, Option<&str>, Option<&str>) {
    let part = |pick: fn(&Position) -> &str| page.after.as_ref().map(pick);
    (part(|p| &p.instance), part(|p| &p.sort), part(|p| &p.id))
}

#[async_trait]
impl CatalogStore for PgTenantTx {
    async fn projects(&mut self, page: &PageOf) -> Result<Vec<Entry<ProjectRow>>> {
        projects::list(self.conn(), page).await
    }

    async fn projects_named(
        &mut self,
        instance: Option<InstanceId>,
        key_or_id: &str,
    ) -> Result<Vec<ProjectRow>> {
        projects::named(self.conn(), instance, key_or_id).await
    }

    async fn versions(&mut self, project: Uuid) -> Result<Vec<VersionRow>> {
        projects::versions(self.conn(), project).await
    }

    async fn components(&mut self, project: Uuid) -> Result<Vec<ComponentRow>> {
        projects::components(self.conn(), project).await
    }

    async fn users(&mut self, page: &PageOf, query: Option<&str>) -> Result<Vec<Entry<UserRow>>> {
        users(self.conn(), page, query).await
    }

    async fn boards(&mut self, page: &PageOf) -> Result<Vec<Entry<BoardRow>>> {
        agile::boards(self.conn(), page).await
    }

    async fn sprints(
        &mut self,
        page: &PageOf,
        board: Option<i64>,
        state: Option<&str>,
    ) -> Result<Vec<Entry<SprintRow>>> {
        agile::sprints(self.conn(), page, board, state).await
    }

    async fn sprints_numbered(
        &mut self,
        instance: Option<InstanceId>,
        id: i64,
    ) -> Result<Vec<(InstanceId, SprintRow)>> {
        agile::numbered(self.conn(), instance, id).await
    }

    async fn sprint_issues(
        &mut self,
        sprint: (InstanceId, i64),
        page: &PageOf,
    ) -> Result<Vec<Entry<SprintIssueRow>>> {
        agile::issues(self.conn(), sprint, page).await
    }

    async fn fields(&mut self, page: &PageOf, custom: Option<bool>) -> Result<Vec<Entry<FieldRow>>> {
        fields::list(self.conn(), page, custom).await
    }

    async fn fields_named(
        &mut self,
        instance: Option<InstanceId>,
        id_or_name: &str,
    ) -> Result<Vec<FieldRow>> {
        fields::named(self.conn(), instance, id_or_name).await
    }

    async fn options(&mut self, instance: InstanceId, field_key: &str) -> Result<Vec<OptionRow>> {
        fields::options(self.conn(), instance, field_key).await
    }
}

async fn users(conn: &mut PgConnection, page: &PageOf, query: Option<&str>) -> Result<Vec<Entry<UserRow>>> {
    let (instance, sort, id) = after(page);
    let rows = sqlx::query!(
        r#"SELECT n.name AS instance, lower(coalesce(u.display_name, u.account_id)) AS "sort!", u.id, u.account_id,
                  u.display_name, u.time_zone, u.active
           FROM users u
           JOIN jira_instances n ON n.tenant_id = u.tenant_id AND n.id = u.instance_id
           WHERE u.presence = 'present' AND ($1::uuid IS NULL OR u.instance_id = $1)
             AND ($2::text IS NULL OR strpos(lower(u.display_name), lower($2)) > 0)
             AND ($3::text IS NULL
                  OR (n.name, lower(coalesce(u.display_name, u.account_id)), u.account_id) > ($3, $4, $5))
           ORDER BY n.name, 2, u.account_id
           LIMIT $6"#,
        page.instance.map(|id| id.0) as _,
        query as _,
        instance as _,
        sort as _,
        id as _,
        page.limit,
    )
    .fetch_all(conn)
    .await
    .map_err(convert)?;
    let rows = rows.into_iter().map(|row| Entry {
        position: Position { instance: row.instance.clone(), sort: row.sort, id: row.account_id.clone() },
        row: UserRow {
            id: row.id,
            instance: row.instance,
            account_id: row.account_id,
            display_name: row.display_name,
            time_zone: row.time_zone,
            active: row.active,
        },
    });
    Ok(rows.collect())
}
