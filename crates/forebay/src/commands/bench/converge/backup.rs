//! A backup of a source, and its restore: the site goes back in time, with everything that it has.

use domain::ids::InstanceId;
use sqlx::{AssertSqlSafe, Connection, PgConnection};

/// What is of the instance itself, in an order in which it can be put back: what others refer to comes first.
const OF_INSTANCE: [&str; 28] = [
    "users",
    "projects",
    "statuses",
    "issue_types",
    "priorities",
    "resolutions",
    "custom_fields",
    "issue_link_types",
    "components",
    "versions",
    "boards",
    "sprints",
    "board_sprints",
    "filters",
    "dashboards",
    "field_contexts",
    "field_options",
    "groups",
    "group_members",
    "project_roles",
    "issues",
    "issue_key_aliases",
    "changelogs",
    "comments",
    "worklogs",
    "attachments",
    "issue_links",
    "remote_links",
];
/// What hangs on its issues alone.
const OF_ISSUES: [&str; 6] =
    ["issue_field_values", "issue_counts", "watchers", "votes", "issue_properties", "attachment_contents"];

/// A copy of a source, as of one moment: the rows of each table, as JSON. In the database itself nothing may lie outside of its borders.
pub(super) struct Backup {
    site: InstanceId,
    tables: Vec<(&'static str, String)>,
    last_id: i64,
}

/// Rows of the site in one of its tables.
fn rows(site: InstanceId, table: &str) -> String {
    match OF_ISSUES.contains(&table) {
        false => format!("instance_id = '{}'", site.0),
        true => format!("issue_id IN (SELECT id FROM public.issues WHERE instance_id = '{}')", site.0),
    }
}

/// Keeps a copy of a source.
///
/// # Errors
/// When the database does not answer.
pub(super) async fn take(owner: &mut PgConnection, site: InstanceId) -> sqlx::Result<Backup> {
    let mut tx = owner.begin_with("BEGIN ISOLATION LEVEL REPEATABLE READ").await?;
    let mut tables = Vec::new();
    for table in OF_INSTANCE.into_iter().chain(OF_ISSUES) {
        let all = format!(
            "SELECT coalesce(jsonb_agg(to_jsonb(t)), '[]')::text FROM public.{table} t WHERE {}",
            rows(site, table)
        );
        tables.push((table, sqlx::query_scalar(AssertSqlSafe(all)).fetch_one(&mut *tx).await?));
    }
    let last_id = sqlx::query_scalar("SELECT sandbox_last_id FROM public.jira_instances WHERE id = $1")
        .bind(site.0)
        .fetch_one(&mut *tx)
        .await?;
    tx.commit().await?;
    Ok(Backup { site, tables, last_id })
}

impl Backup {
    /// Puts the source back as it was when this was taken.
    ///
    /// # Errors
    /// When the database does not answer; then nothing has happened.
    pub(super) async fn restore(&self, owner: &mut PgConnection) -> sqlx::Result<()> {
        let site = self.site;
        let mut tx = owner.begin().await?;
        for table in OF_ISSUES.into_iter().chain(OF_INSTANCE.into_iter().rev()) {
            let sql = format!("DELETE FROM public.{table} WHERE {}", rows(site, table));
            sqlx::query(AssertSqlSafe(sql)).execute(&mut *tx).await?;
        }
        for (table, rows) in &self.tables {
            let columns = "SELECT string_agg(quote_ident(attname), ', ' ORDER BY attnum) FROM pg_attribute
                 WHERE attrelid = ('public.' || $1)::regclass AND attnum > 0 AND NOT attisdropped AND attgenerated = ''";
            let columns: String = sqlx::query_scalar(columns).bind(table).fetch_one(&mut *tx).await?;
            let sql = format!(
                "INSERT INTO public.{table} ({columns}) SELECT {columns} FROM jsonb_populate_recordset(NULL::public.{table}, $1::jsonb)"
            );
            sqlx::query(AssertSqlSafe(sql)).bind(rows).execute(&mut *tx).await?;
        }
        // What is made from now on has numbers that other things had, whom the mirror knows.
        sqlx::query("UPDATE public.jira_instances SET sandbox_last_id = $2 WHERE id = $1")
            .bind(site.0)
            .bind(self.last_id)
            .execute(&mut *tx)
            .await?;
        sqlx::query("SELECT forebay.announce_changes(gen_random_uuid())").execute(&mut *tx).await?;
        tx.commit().await
    }
}
