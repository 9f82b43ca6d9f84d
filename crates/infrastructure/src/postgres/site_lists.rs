//! Lists that only a site's own API asks for.

use application::{
    Result,
    site_lists::{OfferedOption, PeopleQuery, SiteListStore},
};
use async_trait::async_trait;
use domain::ids::InstanceId;
use serde_json::Value;

use super::{errors::convert, people::with_people_as_they_are, transaction::PgTenantTx};

/// The beginning of a text, for `LIKE`.
fn beginning(text: &str) -> String {
    let mut pattern = String::with_capacity(text.len() + 1);
    for letter in text.to_lowercase().chars() {
        if matches!(letter, '%' | '_' | '\\') {
            pattern.push('\\');
        }
        pattern.push(letter);
    }
    pattern.push('%');
    pattern
}

#[async_trait]
impl SiteListStore for PgTenantTx {
    async fn contexts_of_field(&mut self, instance: InstanceId, field: &str) -> Result<Vec<Value>> {
        sqlx::query_scalar!(
            r#"SELECT raw_jsonb AS "raw!" FROM field_contexts
               WHERE instance_id = $1 AND field_key = $2 AND presence = 'present' AND raw_jsonb IS NOT NULL
               ORDER BY length(jira_id), jira_id"#,
            instance.0,
            field,
        )
        .fetch_all(self.conn())
        .await
        .map_err(convert)
    }

    async fn options_in_context(
        &mut self,
        instance: InstanceId,
        field: &str,
        context: &str,
    ) -> Result<Vec<Value>> {
        // Which context it is of is our own note.
        sqlx::query_scalar!(
            r#"SELECT raw_jsonb - 'contextId' AS "raw!" FROM field_options
               WHERE instance_id = $1 AND field_key = $2 AND context_id = $3 AND presence = 'present'
                 AND raw_jsonb IS NOT NULL
               ORDER BY sequence, length(jira_id), jira_id"#,
            instance.0,
            field,
            context,
        )
        .fetch_all(self.conn())
        .await
        .map_err(convert)
    }

    async fn people(&mut self, instance: InstanceId, query: &PeopleQuery) -> Result<Vec<Value>> {
        let text = query.text.as_deref().map(str::trim).filter(|text| !text.is_empty());
        let asked = text.or(query.login.as_deref());
        let address = asked.and_then(|asked| self.addresses.of(asked));
        // What is found by its hash is not compared with anything.
        let text = text.filter(|_| address.is_none());
        let login = query.login.as_deref().filter(|_| address.is_none());
        sqlx::query_scalar!(
            r#"SELECT raw_jsonb AS "raw!" FROM users
               WHERE instance_id = $1 AND presence = 'present' AND raw_jsonb IS NOT NULL
                 AND ($2::text IS NULL OR display_name_lower LIKE $2 OR display_name_lower LIKE '% ' || $2
                      OR login_lower LIKE $2 OR account_id = $3)
                 AND ($4::text IS NULL OR login_lower = lower($4))
                 AND (NOT $5::boolean OR active AND coalesce(raw_jsonb ->> 'accountType', 'atlassian') <> 'app')
                 AND ($8::text IS NULL OR email_hash = $8)
               ORDER BY display_name_lower, account_id LIMIT $6 OFFSET $7"#,
            instance.0,
            text.map(beginning),
            text,
            login,
            query.assignable,
            query.limit,
            query.offset,
            address,
        )
        .fetch_all(self.conn())
        .await
        .map_err(convert)
    }

    /// Steps from label to label: there are far fewer of them than issues that have one.
    async fn labels_in_use(&mut self, instance: InstanceId) -> Result<Vec<String>> {
        sqlx::query_scalar!(
            r#"WITH RECURSIVE step AS (
                   (SELECT v.value_key FROM issue_field_values v
                    WHERE v.field_id = 'labels' AND v.value_key IS NOT NULL ORDER BY v.value_key LIMIT 1)
                   UNION ALL
                   SELECT (SELECT v.value_key FROM issue_field_values v
                           WHERE v.field_id = 'labels' AND v.value_key > step.value_key
                           ORDER BY v.value_key LIMIT 1)
                   FROM step WHERE step.value_key IS NOT NULL
               )
               SELECT used.value_text AS "label!" FROM step CROSS JOIN LATERAL (
                   SELECT v.value_text FROM issue_field_values v JOIN issues i ON i.id = v.issue_id
                   WHERE v.field_id = 'labels' AND v.value_key = step.value_key
                     AND i.instance_id = $1 AND i.presence = 'present' LIMIT 1
               ) used WHERE used.value_text IS NOT NULL ORDER BY step.value_key"#,
            instance.0,
        )
        .fetch_all(self.conn())
        .await
        .map_err(convert)
    }

    async fn statuses_in_use(
        &mut self,
        instance: InstanceId,
        project: &str,
    ) -> Result<Vec<(String, String)>> {
        let rows = sqlx::query!(
            r#"SELECT DISTINCT i.issue_type_id AS "kind!", i.status_id AS "status!"
               FROM projects p JOIN issues i ON i.project_id = p.id
               WHERE p.instance_id = $1 AND p.presence = 'present' AND p.key = $2
                 AND i.presence = 'present' AND i.issue_type_id IS NOT NULL"#,
            instance.0,
            project,
        )
        .fetch_all(self.conn())
        .await
        .map_err(convert)?;
        Ok(rows.into_iter().map(|row| (row.kind, row.status)).collect())
    }

    async fn versions_of(&mut self, instance: InstanceId, project: &str) -> Result<Vec<Value>> {
        sqlx::query_scalar!(
            r#"SELECT jsonb_build_object('projectId', p.jira_id::numeric) || v.raw_jsonb AS "raw!"
               FROM projects p JOIN versions v ON v.project_id = p.id
               WHERE p.instance_id = $1 AND p.presence = 'present' AND p.key = $2
                 AND v.presence = 'present' AND v.raw_jsonb IS NOT NULL
               ORDER BY v.sequence, length(v.jira_id), v.jira_id"#,
            instance.0,
            project,
        )
        .fetch_all(self.conn())
        .await
        .map_err(convert)
    }

    async fn components_of(&mut self, instance: InstanceId, project: &str) -> Result<Vec<Value>> {
        let components = sqlx::query_scalar!(
            r#"SELECT jsonb_build_object('project', p.key, 'projectId', p.jira_id::numeric) || c.raw_jsonb AS "raw!"
               FROM projects p JOIN components c ON c.project_id = p.id
               WHERE p.instance_id = $1 AND p.presence = 'present' AND p.key = $2
                 AND c.presence = 'present' AND c.raw_jsonb IS NOT NULL
               ORDER BY c.name, c.jira_id"#,
            instance.0,
            project,
        )
        .fetch_all(self.conn())
        .await
        .map_err(convert)?;
        with_people_as_they_are(self.conn(), instance, components).await
    }

    async fn version(&mut self, instance: InstanceId, id: &str) -> Result<Option<Value>> {
        sqlx::query_scalar!(
            r#"SELECT jsonb_build_object('projectId', p.jira_id::numeric) || v.raw_jsonb AS "raw!"
               FROM versions v JOIN projects p ON p.id = v.project_id
               WHERE v.instance_id = $1 AND v.jira_id = $2 AND v.presence = 'present' AND v.raw_jsonb IS NOT NULL"#,
            instance.0,
            id,
        )
        .fetch_optional(self.conn())
        .await
        .map_err(convert)
    }

    async fn component(&mut self, instance: InstanceId, id: &str) -> Result<Option<Value>> {
        let component = sqlx::query_scalar!(
            r#"SELECT jsonb_build_object('project', p.key, 'projectId', p.jira_id::numeric) || c.raw_jsonb AS "raw!"
               FROM components c JOIN projects p ON p.id = c.project_id
               WHERE c.instance_id = $1 AND c.jira_id = $2 AND c.presence = 'present' AND c.raw_jsonb IS NOT NULL"#,
            instance.0,
            id,
        )
        .fetch_optional(self.conn())
        .await
        .map_err(convert)?;
        Ok(with_people_as_they_are(self.conn(), instance, component.into_iter().collect()).await?.pop())
    }

    async fn offered_options(
        &mut self,
        instance: InstanceId,
        fields: &[String],
    ) -> Result<Vec<OfferedOption>> {
        sqlx::query_as!(
            OfferedOption,
            r#"SELECT field_key, jira_id, parent_id, value FROM field_options
               WHERE instance_id = $1 AND field_key = ANY ($2) AND presence = 'present' AND NOT disabled
               ORDER BY field_key, sequence, length(jira_id), jira_id"#,
            instance.0,
            fields,
        )
        .fetch_all(self.conn())
        .await
        .map_err(convert)
    }
}

#[cfg(test)]
mod tests {
    use super::beginning;

    #[test]
    fn what_means_something_to_like_is_taken_as_it_stands() {
        assert_eq!(beginning("Ann"), "ann%");
        assert_eq!(beginning(r"50%_\"), r"50\%\_\\%");
    }
}
