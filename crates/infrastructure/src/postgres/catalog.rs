//! Reference data as read back, in pages. A page goes on after a position by comparing rows, which the order of the list is
//! made of too; [`after`] gives the three parts.

mod agile;
mod fields;
mod people;
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
        people::list(self.conn(), page, query).await
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
