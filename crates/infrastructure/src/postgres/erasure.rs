//! Erasing people: burials, and the walk over every table.
//!
//! Statements over tables that only the catalogue names are put together here, from names that the catalogue gave, each quoted.
//! They run as `forebay_app` under row-level security, as everything does.

use std::collections::HashMap;

use application::{
    Error, Result,
    erasure::{
        ErasedPeople, ErasurePlatform, ErasureStore, Rewrite, Row, ScannedRows, StoredPerson, TenantTable,
    },
    reference::FieldValueRecord,
};
use async_trait::async_trait;
use domain::ids::{InstanceId, TenantId};
use serde_json::{Value, json};
use sqlx::{AssertSqlSafe, PgConnection, Row as _, types::Json};
use uuid::Uuid;

use super::{
    errors::convert,
    issues_upsert, tenant_tables,
    transaction::{PgPlatformTx, PgTenantTx},
};

const AUDIT_LOG: &str = "audit_log";
const AI_LEDGER: &str = "ai_ledger";
const JOB_RUNS: &str = "job_runs";

#[async_trait]
impl ErasureStore for PgTenantTx {
    async fn erased_people(&mut self, instance: InstanceId) -> Result<ErasedPeople> {
        if let Some((_, known)) = self.erased.iter().find(|(of, _)| *of == instance) {
            return Ok(known.clone());
        }
        // Two statements: the second one sees what was committed while the first waited for a burial to end.
        sqlx::query!("SELECT id FROM jira_instances WHERE id = $1 FOR KEY SHARE", instance.0)
            .fetch_optional(self.conn())
            .await
            .map_err(convert)?;
        let rows = sqlx::query!(
            "SELECT account_hash, pseudonym FROM erased_users WHERE instance_id = $1",
            instance.0
        )
        .fetch_all(self.conn())
        .await
        .map_err(convert)?;
        let pseudonyms: HashMap<_, _> =
            rows.into_iter().map(|row| (row.account_hash, row.pseudonym)).collect();
        let people = ErasedPeople::new(instance, pseudonyms);
        self.erased.push((instance, people.clone()));
        Ok(people)
    }

    async fn bury(&mut self, instance: InstanceId, hashes: &[String], pseudonym: &str) -> Result<String> {
        sqlx::query!("SELECT id FROM jira_instances WHERE id = $1 FOR UPDATE", instance.0)
            .fetch_optional(self.conn())
            .await
            .map_err(convert)?
            .ok_or_else(|| Error::not_found("instance", instance.to_string()))?;
        let earlier = sqlx::query_scalar!(
            "SELECT pseudonym FROM erased_users WHERE instance_id = $1 AND account_hash = ANY($2)
             ORDER BY erased_at LIMIT 1",
            instance.0,
            hashes,
        )
        .fetch_optional(self.conn())
        .await
        .map_err(convert)?;
        let pseudonym = earlier.unwrap_or_else(|| pseudonym.to_owned());
        self.erased.retain(|(of, _)| *of != instance);
        sqlx::query!(
            "INSERT INTO erased_users (tenant_id, instance_id, account_hash, pseudonym)
             SELECT $1, $2, h, $4 FROM UNNEST($3::text[]) AS h
             ON CONFLICT (tenant_id, instance_id, account_hash) DO NOTHING",
            self.tenant.0,
            instance.0,
            hashes,
            pseudonym,
        )
        .execute(self.conn())
        .await
        .map_err(convert)?;
        Ok(pseudonym)
    }

    async fn person(&mut self, instance: InstanceId, account: &str) -> Result<Option<StoredPerson>> {
        sqlx::query_as!(
            StoredPerson,
            "SELECT account_id, display_name, email_hash, raw_jsonb AS raw FROM users
             WHERE instance_id = $1
               AND $2 IN (lower(account_id), lower(raw_jsonb ->> 'key'), lower(raw_jsonb ->> 'name'))
             ORDER BY lower(account_id) = $2 DESC LIMIT 1",
            instance.0,
            account.to_lowercase(),
        )
        .fetch_optional(self.conn())
        .await
        .map_err(convert)
    }

    async fn tenant_tables(&mut self) -> Result<Vec<TenantTable>> {
        let mut tables = tenant_tables::tenant_tables(self.conn()).await?;
        // Burials hold nothing that could be found.
        tables.retain(|table| table.name != "erased_users");
        Ok(tables)
    }

    async fn scan(
        &mut self,
        table: &TenantTable,
        instance: InstanceId,
        texts: &[String],
        after: Option<&Value>,
        rows: u32,
    ) -> Result<ScannedRows> {
        tenant_tables::take_in_order(self.conn()).await?;
        let scanned = sqlx::query(AssertSqlSafe(scan_sql(table, after.is_some())))
            .bind(instance.0)
            .bind(texts)
            .bind(i64::from(rows))
            .bind(Json(after.unwrap_or(&Value::Null)))
            .fetch_all(self.conn())
            .await
            .map_err(convert)?;
        let mut found = ScannedRows::default();
        let looked_at =
            scanned.last().map_or(Ok(0), |row| row.try_get::<i64, _>("place")).map_err(convert)?;
        for row in scanned {
            let Json(content): Json<Row> = row.try_get("whole_row").map_err(convert)?;
            if looked_at == i64::from(rows) && row.try_get::<i64, _>("place").map_err(convert)? == looked_at {
                let key = table.key.iter().map(|column| (column.clone(), content[column].clone()));
                found.next = Some(Value::Object(key.collect()));
            }
            if row.try_get("found").map_err(convert)? {
                found.rows.push(content);
            }
        }
        Ok(found)
    }

    async fn rewrite(&mut self, table: &TenantTable, columns: &[String], rows: &[Rewrite]) -> Result<u64> {
        let set: Vec<String> = columns.iter().map(|column| format!("{0} = n.{0}", quoted(column))).collect();
        let sql = format!(
            "UPDATE public.{0} t SET {1} FROM jsonb_array_elements($1) e,
                 LATERAL jsonb_populate_record(NULL::public.{0}, e -> 'before') o,
                 LATERAL jsonb_populate_record(NULL::public.{0}, e -> 'after') n
             WHERE {2}",
            quoted(&table.name),
            set.join(", "),
            same_key(table)
        );
        run(self.conn(), sql, rows).await
    }

    async fn copy_rows(&mut self, table: &TenantTable, rows: &[Rewrite]) -> Result<u64> {
        let columns: Vec<String> = table.columns.iter().map(|column| quoted(&column.name)).collect();
        let sql = format!(
            "INSERT INTO public.{0} ({1}) SELECT n.{2} FROM jsonb_array_elements($1) e,
                 LATERAL jsonb_populate_record(NULL::public.{0}, e -> 'after') n
             ON CONFLICT DO NOTHING",
            quoted(&table.name),
            columns.join(", "),
            columns.join(", n.")
        );
        run(self.conn(), sql, rows).await
    }

    async fn drop_rows(&mut self, table: &TenantTable, rows: &[Rewrite]) -> Result<u64> {
        let sql = format!(
            "DELETE FROM public.{0} t USING jsonb_array_elements($1) e,
                 LATERAL jsonb_populate_record(NULL::public.{0}, e -> 'before') o
             WHERE {1}",
            quoted(&table.name),
            same_key(table)
        );
        run(self.conn(), sql, rows).await
    }

    async fn replace_field_values(&mut self, issue: Uuid, values: &[FieldValueRecord]) -> Result<()> {
        let tenant = self.tenant.0;
        issues_upsert::replace_field_values(self.conn(), tenant, issue, values).await
    }
}

#[async_trait]
impl ErasurePlatform for PgPlatformTx {
    fn kept_tables(&self) -> &'static [&'static str] {
        &[AUDIT_LOG, AI_LEDGER, JOB_RUNS]
    }

    async fn take_out(&mut self, tenant: TenantId, table: &str, row: &Row) -> Result<()> {
        match table {
            AUDIT_LOG => rewrite_audit_entry(self.conn(), tenant, row).await,
            AI_LEDGER => rewrite_ledger_entry(self.conn(), tenant, row).await,
            JOB_RUNS => remove_job_run(self.conn(), tenant, row).await,
            other => Err(Error::internal(format!("nobody may take a person out of table `{other}`"))),
        }
    }

    async fn remove_jobs(&mut self, tenant: TenantId, texts: Option<&[String]>, most: i32) -> Result<u64> {
        let removed = sqlx::query_scalar!(
            r#"SELECT forebay.remove_jobs($1, $2, $3) AS "removed!""#,
            tenant.0,
            texts as _,
            most
        )
        .fetch_one(self.conn())
        .await
        .map_err(convert)?;
        Ok(removed.unsigned_abs())
    }
}

fn text<'a>(row: &'a Row, column: &str) -> Option<&'a str> {
    row.get(column).and_then(Value::as_str)
}

fn id(row: &Row) -> Option<Uuid> {
    text(row, "id").and_then(|id| id.parse().ok())
}

async fn rewrite_audit_entry(conn: &mut PgConnection, tenant: TenantId, entry: &Row) -> Result<()> {
    sqlx::query!(
        "SELECT forebay.rewrite_audit_entry($1, $2, $3, $4, nullif($5::jsonb, 'null'))",
        tenant.0,
        id(entry) as _,
        text(entry, "actor") as _,
        text(entry, "target") as _,
        entry.get("payload").unwrap_or(&Value::Null),
    )
    .execute(conn)
    .await
    .map(drop)
    .map_err(convert)
}

async fn rewrite_ledger_entry(conn: &mut PgConnection, tenant: TenantId, entry: &Row) -> Result<()> {
    sqlx::query!(
        "SELECT forebay.rewrite_ledger_entry($1, $2, $3)",
        tenant.0,
        entry.get("sequence").and_then(Value::as_i64) as _,
        text(entry, "actor") as _,
    )
    .execute(conn)
    .await
    .map(drop)
    .map_err(convert)
}

/// It would be forgotten after 30 days anyhow.
async fn remove_job_run(conn: &mut PgConnection, tenant: TenantId, run: &Row) -> Result<()> {
    sqlx::query!("DELETE FROM job_runs WHERE tenant_id = $1 AND id = $2", tenant.0, id(run) as _)
        .execute(conn)
        .await
        .map(drop)
        .map_err(convert)
}

/// The next rows by primary key, numbered; those that hold a text, and the last one.
fn scan_sql(table: &TenantTable, goes_on: bool) -> String {
    let name = quoted(&table.name);
    let of = |alias: &str, columns: &[String]| {
        columns.iter().map(|column| format!("{alias}.{}", quoted(column))).collect::<Vec<_>>().join(", ")
    };
    let columns: Vec<String> = table.columns.iter().map(|column| column.name.clone()).collect();
    let key = of("t", &table.key);
    let (cursor, beyond) = match goes_on {
        true => (
            format!("jsonb_populate_record(NULL::public.{name}, $4) k CROSS JOIN"),
            format!("({key}) > ({})", of("k", &table.key)),
        ),
        false => (String::new(), "$4::jsonb IS NOT NULL".to_owned()),
    };
    let scope = if table.name == "jira_instances" {
        "t.id = $1"
    } else if columns.iter().any(|column| column == "instance_id") {
        "(t.instance_id = $1 OR t.instance_id IS NULL)"
    } else if columns.iter().any(|column| column == "issue_id") {
        "EXISTS (SELECT FROM public.issues i WHERE i.tenant_id = t.tenant_id AND i.id = t.issue_id AND i.instance_id = $1)"
    } else {
        "$1 IS NOT NULL"
    };
    format!(
        // Lower-cased once a row, and by bytes: by the rules of a language it would be most of the cost.
        "WITH c AS MATERIALIZED (
             SELECT j.*, lower(j.whole_row::text COLLATE \"C\") AS words
             FROM (SELECT s.*, to_jsonb(s) AS whole_row
                   FROM {cursor} LATERAL (
                       SELECT {columns} FROM public.{name} t WHERE {beyond} AND {scope} ORDER BY {key} LIMIT $3) s
                   OFFSET 0) j)
         SELECT p.whole_row, p.found, p.place FROM (
             SELECT c.whole_row, row_number() OVER (ORDER BY {inner_key}) AS place, count(*) OVER () AS places,
                    EXISTS (SELECT FROM unnest($2::text[]) AS x WHERE strpos(c.words, x) > 0) AS found
             FROM c) p
         WHERE p.found OR p.place = p.places
         ORDER BY p.place",
        inner_key = of("c", &table.key),
        columns = of("t", &columns),
    )
}

fn same_key(table: &TenantTable) -> String {
    let columns = std::iter::once("tenant_id").chain(table.key.iter().map(String::as_str));
    columns.map(|column| format!("t.{0} = o.{0}", quoted(column))).collect::<Vec<_>>().join(" AND ")
}

async fn run(conn: &mut PgConnection, sql: String, rows: &[Rewrite]) -> Result<u64> {
    let rows: Vec<Value> =
        rows.iter().map(|row| json!({ "before": row.before, "after": row.after })).collect();
    let done = sqlx::query(AssertSqlSafe(sql)).bind(Json(rows)).execute(conn).await.map_err(convert)?;
    Ok(done.rows_affected())
}

/// A name as SQL takes it.
pub(super) fn quoted(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}
