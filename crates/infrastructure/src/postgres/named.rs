//! Many issues by their keys and ids at once.

use std::collections::HashMap;

use application::{Result, issues::IssueRow};
use domain::{ids::InstanceId, issue_key::IssueKey};
use uuid::Uuid;

use super::{errors::convert, transaction::PgTenantTx};

impl PgTenantTx {
    /// See [`application::issues::IssueStore::issues_named`]: two statements, however many names.
    pub(super) async fn named(
        &mut self,
        instance: InstanceId,
        names: &[String],
    ) -> Result<Vec<(String, IssueRow)>> {
        let ids = self.ids_named(instance, names).await?;
        let mut wanted: Vec<Uuid> = ids.iter().map(|(_, id)| *id).collect();
        wanted.sort_unstable();
        wanted.dedup();
        let rows: HashMap<Uuid, IssueRow> =
            self.issues_by_id(&wanted).await?.into_iter().map(|row| (row.id.0, row)).collect();
        Ok(ids.into_iter().filter_map(|(name, id)| Some((name, rows.get(&id)?.clone()))).collect())
    }

    /// Our ids of what the names name, each name once. LATERAL and LIMIT hold the planner to indexes, as in
    /// [`PgTenantTx::find`].
    async fn ids_named(&mut self, instance: InstanceId, names: &[String]) -> Result<Vec<(String, Uuid)>> {
        let (mut asked, mut keys, mut numbers) = (Vec::new(), Vec::new(), Vec::new());
        for name in names {
            let text = name.trim();
            let key = text.parse::<IssueKey>().ok().map(|key| key.to_string());
            let is_id = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
            let number = text.parse::<i64>().ok().filter(|_| is_id);
            if key.is_some() || number.is_some() {
                asked.push(name.clone());
                keys.push(key);
                numbers.push(number);
            }
        }
        if asked.is_empty() {
            return Ok(Vec::new());
        }
        let rows = sqlx::query!(
            r#"SELECT DISTINCT ON (w.name) w.name AS "name!", f.id AS "id!"
               FROM unnest($2::text[], $3::text[], $4::int8[]) AS w (name, key, number)
               CROSS JOIN LATERAL (
                   (SELECT i.id, 0 AS distance FROM issues i
                    WHERE i.instance_id = $1 AND i.key = w.key AND i.presence = 'present' LIMIT 1)
                   UNION ALL
                   (SELECT i.id, 0 FROM issues i
                    WHERE i.instance_id = $1 AND i.jira_number = w.number AND i.presence = 'present' LIMIT 1)
                   UNION ALL
                   (SELECT i.id, 1 FROM issue_key_aliases k
                    CROSS JOIN LATERAL (SELECT x.id, x.presence FROM issues x WHERE x.id = k.issue_id LIMIT 1) i
                    WHERE k.instance_id = $1 AND k.key = w.key AND i.presence = 'present' LIMIT 1)
               ) f
               ORDER BY w.name, f.distance"#,
            instance.0,
            &asked,
            &keys as _,
            &numbers as _,
        )
        .fetch_all(self.conn())
        .await
        .map_err(convert)?;
        Ok(rows.into_iter().map(|row| (row.name, row.id)).collect())
    }
}
