//! Priorities and resolutions: names with a rank, the order in which Jira sorts by them. One that only an issue has
//! shown comes last until a roster tells its place.

use std::collections::BTreeMap;

use application::{Result, reference::RankedRecord};
use serde_json::Value;
use sqlx::{PgConnection, types::Json};

use super::{Scope, convert, object};

struct Columns<'a> {
    ids: Vec<&'a str>,
    names: Vec<&'a str>,
    ranks: Vec<Option<i32>>,
    raws: Vec<Option<Json<&'a Value>>>,
}

impl<'a> From<&BTreeMap<&'a str, &'a RankedRecord>> for Columns<'a> {
    fn from(records: &BTreeMap<&'a str, &'a RankedRecord>) -> Self {
        Self {
            ids: records.keys().copied().collect(),
            names: records.values().map(|record| record.name.as_str()).collect(),
            ranks: records.values().map(|record| record.rank).collect(),
            raws: records.values().map(|record| object(&record.raw)).collect(),
        }
    }
}

/// The same statement for either table: names of tables cannot be parameters, and the macro that checks a statement takes no
/// constants.
macro_rules! upsert {
    ($conn:expr, $scope:expr, $records:expr, $complete:expr, $table:tt) => {{
        let columns = Columns::from($records);
        sqlx::query!(
            "INSERT INTO " + $table + " AS t (tenant_id, instance_id, jira_id, name, rank, raw_jsonb)
             SELECT $1, $2, m.jira_id, m.name, m.rank, m.raw
             FROM (SELECT u.jira_id, x.jira_id AS stored, u.name::varchar(255) AS name,
                          coalesce(u.rank, x.rank,
                                   (SELECT coalesce(max(r.rank), -1) FROM " + $table + " r WHERE r.instance_id = $2)
                                   + row_number() OVER (PARTITION BY coalesce(u.rank, x.rank) IS NULL
                                                        ORDER BY length(u.jira_id), u.jira_id))::integer AS rank,
                          CASE WHEN $7 OR x.raw_jsonb IS NULL OR u.raw IS NULL THEN coalesce(u.raw, x.raw_jsonb)
                               ELSE x.raw_jsonb || u.raw END AS raw,
                          x.name AS old_name, x.rank AS old_rank, x.raw_jsonb AS old_raw,
                          x.presence AS old_presence
                   FROM UNNEST($3::text[], $4::text[], $5::integer[], $6::jsonb[]) AS u (jira_id, name, rank, raw)
                   LEFT JOIN " + $table + " x ON x.instance_id = $2 AND x.jira_id = u.jira_id) m
             WHERE m.stored IS NULL
                OR (m.name, m.rank, m.raw, 'present')
                   IS DISTINCT FROM (m.old_name, m.old_rank, m.old_raw, m.old_presence)
             ORDER BY m.jira_id
             ON CONFLICT (tenant_id, instance_id, jira_id) DO UPDATE SET
                 name = excluded.name, rank = excluded.rank, raw_jsonb = excluded.raw_jsonb, presence = 'present',
                 updated_at = now()",
            $scope.tenant,
            $scope.instance.0,
            columns.ids as _,
            columns.names as _,
            columns.ranks as _,
            columns.raws as _,
            $complete,
        )
        .execute($conn)
        .await
        .map_err(convert)?;
    }};
}

pub(super) async fn upsert_priorities(
    conn: &mut PgConnection,
    scope: Scope,
    priorities: &BTreeMap<&str, &RankedRecord>,
    complete: bool,
) -> Result<()> {
    if !priorities.is_empty() {
        upsert!(conn, scope, priorities, complete, "priorities");
    }
    Ok(())
}

pub(super) async fn upsert_resolutions(
    conn: &mut PgConnection,
    scope: Scope,
    resolutions: &BTreeMap<&str, &RankedRecord>,
    complete: bool,
) -> Result<()> {
    if !resolutions.is_empty() {
        upsert!(conn, scope, resolutions, complete, "resolutions");
    }
    Ok(())
}
