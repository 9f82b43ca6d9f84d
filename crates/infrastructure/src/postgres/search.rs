//! Search by JQL: see [`super::jql`].

use application::{
    Result,
    issues::IssueRow,
    search::{ExplainedStatement, JqlReference, SearchPage, SearchRequest, SearchStore},
};
use async_trait::async_trait;
use domain::ids::InstanceId;
use jql::FieldName;
use uuid::Uuid;

use super::{
    errors::convert,
    issues::select_issues,
    jql::{Search, cursor, reference},
    transaction::PgTenantTx,
};

#[async_trait]
impl SearchStore for PgTenantTx {
    fn check_cursor(&self, cursor: &str) -> Result<()> {
        cursor::check(cursor)
    }

    async fn search(&mut self, request: &SearchRequest) -> Result<SearchPage> {
        let search = Search::prepare(self, request).await?;
        let page = search.page(self).await?;
        let total = if request.with_total { Some(search.count(self).await?) } else { None };
        let issues = self.issues_by_id(&page.ids).await?;
        Ok(SearchPage { issues, next: page.next, total, warnings: search.warnings })
    }

    async fn count(&mut self, request: &SearchRequest) -> Result<u64> {
        Search::prepare(self, request).await?.count(self).await
    }

    async fn matching(&mut self, request: &SearchRequest, ids: &[i64]) -> Result<Vec<i64>> {
        if ids.is_empty() {
            return Ok(Vec::new());
        }
        Search::prepare(self, request).await?.matching(self, ids).await
    }

    async fn explain(&mut self, request: &SearchRequest) -> Result<Vec<ExplainedStatement>> {
        Search::prepare(self, request).await?.explain(self).await
    }

    async fn check(&mut self, request: &SearchRequest) -> Result<()> {
        Search::prepare(self, request).await.map(drop)
    }

    async fn jql_reference(&mut self, instance: InstanceId) -> Result<JqlReference> {
        reference::reference(self, instance.0).await
    }

    async fn suggestions(
        &mut self,
        instance: InstanceId,
        field: &FieldName,
        beginning: &str,
    ) -> Result<Vec<String>> {
        reference::suggestions(self, instance.0, field, beginning).await
    }
}

impl PgTenantTx {
    /// The issues of these ids, in their order. What was removed since its id was read is left out.
    ///
    /// LATERAL and LIMIT hold the planner to primary keys, as in [`PgTenantTx::find`].
    pub(super) async fn issues_by_id(&mut self, ids: &[Uuid]) -> Result<Vec<IssueRow>> {
        if ids.is_empty() {
            return Ok(Vec::new());
        }
        let rows = select_issues!(
            "",
            "FROM unnest($1::uuid[]) WITH ORDINALITY AS f (id, place)
             CROSS JOIN LATERAL (SELECT x.* FROM issues x WHERE x.id = f.id LIMIT 1) i",
            "ORDER BY f.place",
            ids
        )
        .fetch_all(self.conn())
        .await
        .map_err(convert)?;
        let mut found: Vec<IssueRow> = rows.into_iter().map(IssueRow::try_from).collect::<Result<_>>()?;
        self.show_neighbours(&mut found).await?;
        self.hide_linked(&mut found).await?;
        Ok(found)
    }
}
