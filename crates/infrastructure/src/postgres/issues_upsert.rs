//! Storing a page of issues: the hot path of every sync.
//!
//! A page takes a constant number of statements, however many issues it has. What is stored already is read first, with its
//! hash, so that rows that are equal are neither sent nor rewritten. Rows are always touched in the order of their ids, so
//! that two pages with the same issues wait for each other instead of locking each other out.

mod attached;
mod children;
mod comments;
mod field_values;
mod histories;
mod issue_rows;
mod links;
mod unchanged;
mod worklogs;

use std::collections::{BTreeMap, HashMap, HashSet};

use application::{
    Result,
    issues::{IssueBundle, UpsertCounts},
    reference::FieldValueRecord,
};
use chrono::{DateTime, Utc};
use domain::{ids::InstanceId, issue_key::IssueKey};
use sqlx::{Executor, PgConnection};
use uuid::Uuid;

use super::{
    errors::convert,
    missing,
    people::People,
    reference::{self, Seen},
    transaction::{PgTenantTx, Scope},
};

const PRESENT: &str = "present";
const UNOBSERVED: &str = "unobserved";
/// The `field` of a history's item that says that the issue was moved.
const KEY_FIELD: &str = "Key";

/// What is known of an issue that is stored already.
struct Stored {
    key: String,
    source_hash: Vec<u8>,
    presence: String,
    jira_updated_at: DateTime<Utc>,
    /// As of when it was read or found missing.
    observed_at: Option<DateTime<Utc>>,
}

/// An issue to be stored: new, or not older than what is stored.
struct Planned<'a> {
    id: Uuid,
    key: String,
    bundle: &'a IssueBundle,
    stored: Option<Stored>,
    presence: &'static str,
}

impl Planned<'_> {
    /// Whether the issue's own row is new or differs.
    fn is_changed(&self) -> bool {
        self.stored.as_ref().is_none_or(|stored| {
            stored.source_hash != self.bundle.issue.source_hash
                || stored.presence != self.presence
                || stored.key != self.key
        })
    }

    /// Whether what is stored is newer: changed later at the source, or of the same change and read later, or found missing
    /// after this was read.
    fn is_older(&self) -> bool {
        let read_before = |stored: &Stored| {
            self.bundle.read_at.zip(stored.observed_at).is_some_and(|(read, observed)| read < observed)
        };
        self.stored.as_ref().is_some_and(|stored| {
            stored.jira_updated_at > self.bundle.issue.updated
                || (stored.jira_updated_at == self.bundle.issue.updated || stored.presence != PRESENT)
                    && read_before(stored)
        })
    }

    /// The key it had until now, if that was another one.
    fn old_key(&self) -> Option<&str> {
        self.stored.as_ref().map(|stored| stored.key.as_str()).filter(|key| *key != self.key)
    }
}

/// See [`application::issues::IssueStore::upsert_issues`].
pub(super) async fn upsert(
    tx: &mut PgTenantTx,
    instance: InstanceId,
    bundles: &[IssueBundle],
) -> Result<UpsertCounts> {
    let newest = newest_of_each(instance, bundles);
    if newest.is_empty() {
        return Ok(UpsertCounts::default());
    }
    let scope = Scope { tenant: tx.tenant.0, instance };
    let conn = tx.conn();
    missing::hold_off(conn, instance).await?;
    let ids: Vec<Uuid> = newest.keys().copied().collect();
    let stored = read_stored(conn, &ids).await?;
    let mut issues = plan(newest, stored);
    leave_missing(conn, scope, &mut issues).await?;
    let seen = seen_inside(&issues);
    unchanged::leave_out(conn, scope, &mut issues).await?;
    lock_stored(conn, &mut issues).await?;
    forget_plans_of_small_tables(conn, &issues).await?;
    reference::upsert(conn, scope, &seen, false).await?;
    if issues.is_empty() {
        return Ok(UpsertCounts::default());
    }
    let people = People::load(conn, &authors(scope, &issues)).await?;

    displace(conn, scope, &issues).await?;
    let written = issue_rows::upsert(conn, scope, &issues).await?;
    // A new issue that was not written was stored by somebody else in the meantime, in a newer state.
    issues.retain(|issue| issue.stored.is_some() || written.contains(&issue.id));
    // After the rows, because a new issue's histories may name keys it had.
    keep_old_keys(conn, scope, &issues).await?;

    field_values::replace(conn, scope, &issues, &written).await?;
    attached::upsert(conn, scope, &issues, &written).await?;
    let counts = UpsertCounts {
        issues: written.len() as u64,
        comments: comments::upsert(conn, scope, &issues, &people).await?,
        worklogs: worklogs::upsert(conn, scope, &issues, &people).await?,
        changelog_items: histories::upsert(conn, scope, &issues, &people).await?,
    };
    // Last, because a link is the only row that two pages may both have: whoever waits for the other then has little left to do.
    links::upsert(conn, scope, &issues, &written).await?;
    Ok(counts)
}

/// See [`application::erasure::ErasureStore::replace_field_values`].
pub(super) async fn replace_field_values(
    conn: &mut PgConnection,
    tenant: Uuid,
    issue: Uuid,
    values: &[FieldValueRecord],
) -> Result<()> {
    field_values::replace_of_issue(conn, tenant, issue, values).await
}

/// Token paging may serve an issue twice; the newest counts, and the later one of two that are equally new.
fn newest_of_each(instance: InstanceId, bundles: &[IssueBundle]) -> BTreeMap<Uuid, &IssueBundle> {
    let mut newest: BTreeMap<Uuid, &IssueBundle> = BTreeMap::new();
    for bundle in bundles {
        let place = newest.entry(instance.issue(&bundle.issue.jira_id).0).or_insert(bundle);
        if bundle.issue.updated >= place.issue.updated {
            *place = bundle;
        }
    }
    newest
}

/// Reads what is stored of these issues.
///
/// LATERAL and LIMIT hold the planner to the primary key: `id = ANY` let it read the tenant's whole table for every page
/// while the table was new and had no statistics.
async fn read_stored(conn: &mut PgConnection, ids: &[Uuid]) -> Result<HashMap<Uuid, Stored>> {
    let rows = sqlx::query!(
        "SELECT i.id, i.key, i.source_hash, i.presence, i.jira_updated_at, i.observed_at
         FROM UNNEST($1::uuid[]) AS w (id)
         CROSS JOIN LATERAL (
             SELECT x.id, x.key, x.source_hash, x.presence, x.jira_updated_at, x.observed_at
             FROM issues x WHERE x.id = w.id LIMIT 1) i",
        ids
    )
    .fetch_all(conn)
    .await
    .map_err(convert)?;
    let stored = rows.into_iter().map(|row| {
        let stored = Stored {
            key: row.key,
            source_hash: row.source_hash,
            presence: row.presence,
            jira_updated_at: row.jira_updated_at,
            observed_at: row.observed_at,
        };
        (row.id, stored)
    });
    Ok(stored.collect())
}

/// Holds the stored ones of these issues until the end of the transaction, in the order of their ids, and reads them again:
/// somebody else may have written them since, even in a newer state.
async fn lock_stored(conn: &mut PgConnection, issues: &mut Vec<Planned<'_>>) -> Result<()> {
    let known = children::known(issues);
    if known.is_empty() {
        return Ok(());
    }
    sqlx::query!(
        "SELECT i.id FROM UNNEST($1::uuid[]) AS w (id)
         CROSS JOIN LATERAL (SELECT x.id FROM issues x WHERE x.id = w.id LIMIT 1 FOR NO KEY UPDATE) i",
        &known
    )
    .fetch_all(&mut *conn)
    .await
    .map_err(convert)?;
    let mut stored = read_stored(conn, &known).await?;
    for issue in &mut *issues {
        issue.stored = stored.remove(&issue.id);
    }
    issues.retain(|issue| !issue.is_older());
    Ok(())
}

/// Leaves out what is older than what is stored, and settles who has a key that two issues claim: the newer one. The other one
/// must have got a new key since, which the next look at it will tell.
fn plan<'a>(newest: BTreeMap<Uuid, &'a IssueBundle>, mut stored: HashMap<Uuid, Stored>) -> Vec<Planned<'a>> {
    let mut issues: Vec<Planned<'a>> = newest
        .into_iter()
        .map(|(id, bundle)| Planned {
            id,
            key: bundle.issue.key.to_string(),
            bundle,
            stored: stored.remove(&id),
            presence: PRESENT,
        })
        .filter(|issue| !issue.is_older())
        .collect();

    let mut holders: HashMap<String, (DateTime<Utc>, Uuid)> = HashMap::new();
    for issue in &issues {
        let claim = (issue.bundle.issue.updated, issue.id);
        holders.entry(issue.key.clone()).and_modify(|holder| *holder = claim.max(*holder)).or_insert(claim);
    }
    for issue in &mut issues {
        if holders.get(&issue.key).is_some_and(|(_, holder)| *holder != issue.id) {
            issue.presence = UNOBSERVED;
        }
    }
    issues
}

/// Leaves out new issues that were found missing after they were read.
async fn leave_missing(conn: &mut PgConnection, scope: Scope, issues: &mut Vec<Planned<'_>>) -> Result<()> {
    let new = issues.iter().filter(|issue| issue.stored.is_none());
    let read: Vec<(&str, DateTime<Utc>)> =
        new.filter_map(|issue| Some((issue.bundle.issue.jira_id.as_str(), issue.bundle.read_at?))).collect();
    if read.is_empty() {
        return Ok(());
    }
    let missing: HashSet<String> =
        missing::never_stored(conn, scope.instance, &read).await?.into_iter().collect();
    issues.retain(|issue| issue.stored.is_some() || !missing.contains(&issue.bundle.issue.jira_id));
    Ok(())
}

/// A session keeps the plans of foreign-key checks. Those made while a table was nearly empty read all of the tenant's rows for
/// every check, so while small tables grow fast the plans are made anew with every page. Once the table is larger a plan reads
/// indexes, and one from before then has been made anew with the statistics that autovacuum gathers meanwhile; making them for
/// every page would take a twentieth of the time of a page.
async fn forget_plans_of_small_tables(conn: &mut PgConnection, issues: &[Planned<'_>]) -> Result<()> {
    const FAST: usize = 20;
    const LARGE: i64 = 128 << 20;
    if issues.iter().filter(|issue| issue.stored.is_none()).count() < FAST {
        return Ok(());
    }
    let size = sqlx::query_scalar!(r#"SELECT pg_relation_size('issues') AS "size!""#)
        .fetch_one(&mut *conn)
        .await
        .map_err(convert)?;
    if size < LARGE {
        conn.execute("DISCARD PLANS").await.map_err(convert)?;
    }
    Ok(())
}

/// The rows of everybody who wrote something that hangs on these issues.
fn authors(scope: Scope, issues: &[Planned<'_>]) -> Vec<Uuid> {
    let accounts: HashSet<&str> = issues
        .iter()
        .flat_map(|issue| {
            let bundle = issue.bundle;
            let authors = bundle.comments.iter().map(|comment| &comment.author);
            let workers = bundle.worklogs.iter().map(|worklog| &worklog.author);
            let changers = bundle.histories.iter().map(|history| &history.author);
            authors.chain(workers).chain(changers).filter_map(|author| author.as_deref())
        })
        .collect();
    accounts.into_iter().filter_map(|account| scope.user(Some(account))).collect()
}

/// The reference data seen inside the issues, the newest issue's last, and every account they name.
fn seen_inside<'a>(issues: &[Planned<'a>]) -> Seen<'a> {
    let mut bundles: Vec<&'a IssueBundle> = issues.iter().map(|issue| issue.bundle).collect();
    bundles.sort_by_key(|bundle| bundle.issue.updated);
    let mut seen = Seen::default();
    for bundle in bundles {
        seen.add(&bundle.reference);
        let issue = &bundle.issue;
        let people = [&issue.assignee, &issue.reporter, &issue.creator].into_iter();
        let authors = bundle.comments.iter().map(|comment| &comment.author);
        let workers = bundle.worklogs.iter().map(|worklog| &worklog.author);
        let changers = bundle.histories.iter().map(|history| &history.author);
        for account in people.chain(authors).chain(workers).chain(changers).flatten() {
            seen.add_account(account);
        }
        seen.add_project(&issue.project_jira_id, issue.key.project());
    }
    seen
}

/// Issues that are not in this page but hold a key that one of it has now: where they are is not known until somebody
/// looks.
async fn displace(conn: &mut PgConnection, scope: Scope, issues: &[Planned<'_>]) -> Result<()> {
    let claimed: Vec<&str> = issues
        .iter()
        .filter(|issue| issue.is_changed() && issue.presence == PRESENT)
        .map(|issue| issue.key.as_str())
        .collect();
    if claimed.is_empty() {
        return Ok(());
    }
    let ids: Vec<Uuid> = issues.iter().map(|issue| issue.id).collect();
    sqlx::query!(
        // OFFSET 0 keeps the instance out of the look-up: it is by the key, which hardly any other issue has.
        "UPDATE issues SET presence = 'unobserved'
         WHERE id = ANY(ARRAY(
             SELECT i.id FROM UNNEST($2::text[]) AS w (key)
             CROSS JOIN LATERAL (SELECT x.id, x.instance_id, x.presence FROM issues x WHERE x.key = w.key OFFSET 0) i
             WHERE i.instance_id = $1 AND i.presence = 'present' AND i.id <> ALL($3)))",
        scope.instance.0,
        claimed as _,
        &ids,
    )
    .execute(conn)
    .await
    .map_err(convert)?;
    Ok(())
}

/// Jira keeps answering to old keys, so the copy does as well: the key a stored issue had until now, and those that the
/// histories name (jira-facts 2.4). Of two issues that had a key, the later one keeps it.
async fn keep_old_keys(conn: &mut PgConnection, scope: Scope, issues: &[Planned<'_>]) -> Result<()> {
    let mut told: Vec<(DateTime<Utc>, &str, Uuid)> =
        issues.iter().flat_map(|issue| old_keys_told(issue)).collect();
    told.sort_unstable();
    let mut moved: BTreeMap<&str, Uuid> = told.into_iter().map(|(_, key, id)| (key, id)).collect();
    moved.extend(issues.iter().filter_map(|issue| issue.old_key().map(|key| (key, issue.id))));
    if moved.is_empty() {
        return Ok(());
    }
    let (keys, ids): (Vec<&str>, Vec<Uuid>) = moved.into_iter().unzip();
    sqlx::query!(
        "INSERT INTO issue_key_aliases (tenant_id, instance_id, key, issue_id)
         SELECT $1, $2, u.key, u.id FROM UNNEST($3::text[], $4::uuid[]) AS u (key, id)
         ON CONFLICT (tenant_id, instance_id, key) DO UPDATE SET issue_id = excluded.issue_id",
        scope.tenant,
        scope.instance.0,
        keys as _,
        &ids,
    )
    .execute(conn)
    .await
    .map_err(convert)?;
    Ok(())
}

/// The keys that an issue's histories say it had, and until when.
fn old_keys_told<'a>(issue: &Planned<'a>) -> impl Iterator<Item = (DateTime<Utc>, &'a str, Uuid)> {
    let (id, present) = (issue.id, issue.key.clone());
    let items = issue.bundle.histories.iter().flat_map(|history| {
        let moves = history.items.iter().filter(|item| item.field == KEY_FIELD);
        moves.filter_map(|item| Some((history.created, item.from_string.as_deref()?)))
    });
    let keys = items.filter(move |(_, key)| *key != present && key.parse::<IssueKey>().is_ok());
    keys.map(move |(until, key)| (until, key, id))
}

/// The ids of those of `written` that were stored before, so that rows of theirs may be left over.
fn rewritten(issues: &[Planned<'_>], written: &HashSet<Uuid>) -> Vec<Uuid> {
    issues
        .iter()
        .filter(|issue| issue.stored.is_some() && written.contains(&issue.id))
        .map(|issue| issue.id)
        .collect()
}
