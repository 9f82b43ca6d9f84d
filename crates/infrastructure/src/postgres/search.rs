//! Search by JQL: see [`super::jql`].

use application::{
    Result,
    issues::IssueRow,
    search::{SearchPage, SearchRequest, SearchStore},
};
use async_trait::async_trait;
use uuid::Uuid;

use super::{errors::convert, issues::select_issues, jql::Search, transaction::PgTenantTx};

#[async_trait]
impl SearchStore for PgTenantTx {
    async fn search(&mut self, request: &SearchRequest) -> Result<SearchPage> {
        let search = Search::prepare(self, request).await?;
        let page = search.page(self).await?;
        let total = if request.with_total { Some(search.count(self).await?) } else { None };
        Ok(SearchPage { issues: self.issues_by_id(&page.ids).await?, next: page.next, total })
    }

    async fn count(&mut self, request: &SearchRequest) -> Result<u64> {
        Search::prepare(self, request).await?.count(self).await
    }
}

impl PgTenantTx {
    /// The issues of these ids, in their order. What was removed since its id was read is left out.
    ///
    /// LATERAL and LIMIT hold the planner to primary keys, as in [`PgTenantTx::find`].
    async fn issues_by_id(&mut self, ids: &[Uuid]) -> Result<Vec<IssueRow>> {
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
        self.hide_linked(&mut found).await?;
        Ok(found)
    }
}
