//! Search by JQL: see [`super::jql`].

use application::{
    Result,
    issues::IssueRow,
    search::{SearchPage, SearchRequest, SearchStore},
};
use async_trait::async_trait;
use uuid::Uuid;

use super::{errors::convert, issues::StoredIssue, jql::Search, transaction::PgTenantTx};

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
        let rows = sqlx::query_as!(
            StoredIssue,
            r#"SELECT i.id, i.instance_id, n.name AS instance, i.jira_id, i.key, p.key AS project_key, i.summary,
                      coalesce(ty.name, i.issue_type) AS issue_type, coalesce(st.name, i.status) AS "status!",
                      i.status_id, i.status_category, coalesce(pr.name, i.priority) AS priority,
                      coalesce(rs.name, i.resolution) AS resolution,
                      a.display_name AS "assignee?", r.display_name AS "reporter?",
                      coalesce(i.labels, '{}') AS "labels!", i.created_at AS created, i.updated_at AS updated,
                      i.resolved_at AS resolved, i.due_date AS due, i.story_points::float8 AS story_points,
                      i.raw_jsonb AS raw, i.raw_dialect AS dialect, i.changelog_envelope, i.synced_at
               FROM unnest($1::uuid[]) WITH ORDINALITY AS f (id, place)
               CROSS JOIN LATERAL (SELECT x.* FROM issues x WHERE x.id = f.id LIMIT 1) i
               JOIN jira_instances n ON n.tenant_id = i.tenant_id AND n.id = i.instance_id
               JOIN projects p ON p.tenant_id = i.tenant_id AND p.id = i.project_id
               LEFT JOIN statuses st
                   ON st.tenant_id = i.tenant_id AND st.instance_id = i.instance_id AND st.jira_id = i.status_id
               LEFT JOIN issue_types ty
                   ON ty.tenant_id = i.tenant_id AND ty.instance_id = i.instance_id AND ty.jira_id = i.issue_type_id
               LEFT JOIN priorities pr
                   ON pr.tenant_id = i.tenant_id AND pr.instance_id = i.instance_id AND pr.jira_id = i.priority_id
               LEFT JOIN resolutions rs
                   ON rs.tenant_id = i.tenant_id AND rs.instance_id = i.instance_id AND rs.jira_id = i.resolution_id
               LEFT JOIN LATERAL (SELECT u.display_name FROM users u WHERE u.id = i.assignee_id LIMIT 1) a ON true
               LEFT JOIN LATERAL (SELECT u.display_name FROM users u WHERE u.id = i.reporter_id LIMIT 1) r ON true
               ORDER BY f.place"#,
            ids,
        )
        .fetch_all(self.conn())
        .await
        .map_err(convert)?;
        let mut found: Vec<IssueRow> = rows.into_iter().map(IssueRow::try_from).collect::<Result<_>>()?;
        self.hide_linked(&mut found).await?;
        Ok(found)
    }
}
