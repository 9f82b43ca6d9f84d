//! Storing a page of issues: the hot path of every sync.
//!
//! A page takes a constant number of statements, however many issues it has. What is stored already is read first, with its
//! hash, so that rows that are equal are neither sent nor rewritten. Rows are always touched in the order of their ids, so
//! that two pages with the same issues wait for each other instead of locking each other out.

mod attached;
mod children;
mod comments;
mod fallback;
mod field_values;
mod histories;
mod issue_rows;
pub(super) mod links;
mod unchanged;
mod worklogs;

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use application::{
    Result,
    issues::{IssueBundle, UpsertCounts},
    reference::FieldValueRecord,
};
use chrono::{DateTime, Utc};
use domain::{ids::InstanceId, issue_key::IssueKey};
use sqlx::{Executor, PgConnection};
use uuid::Uuid;

use issue_rows::Written;

use super::{
    displaced,
    errors::convert,
    missing,
    people::People,
    reference::{self, Seen},
    shown_keys::{self, Others},
    transaction::{PgTenantTx, Scope},
};

const PRESENT: &str = "present";
const UNOBSERVED: &str = "unobserved";
const ARCHIVED: &str = "archived";
/// The `field` of a history's item that says that the issue was moved.
const KEY_FIELD: &str = "Key";

/// What is known of an issue that is stored already.
#[derive(Clone)]
struct Stored {
    key: String,
    source_hash: Vec<u8>,
    presence: String,
    jira_updated_at: DateTime<Utc>,
    /// As of when it was read or found missing.
    observed_at: Option<DateTime<Utc>>,
}

/// An issue to be stored: new, or not older than what is stored.
#[derive(Clone)]
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
    missing::hold_off(tx.conn(), instance).await?;
    let ids: Vec<Uuid> = newest.keys().copied().collect();
    let stored = read_stored(tx.conn(), scope, &ids).await?;
    let mut issues = plan(newest, stored);
    leave_missing(tx.conn(), scope, &mut issues).await?;
    fallback::write_or_keep_aside(tx, scope, issues).await
}

/// What is expected of the comments and worklogs of new issues.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Children {
    /// That they are new as well, so that nothing is looked for where they go.
    OfNewAreNew,
    /// Nothing: one may have been another issue's.
    MayBeStored,
}

/// Writes what differs of these issues, and the reference data seen inside them.
async fn write(
    conn: &mut PgConnection,
    scope: Scope,
    mut issues: Vec<Planned<'_>>,
    children: Children,
) -> Result<UpsertCounts> {
    let seen = seen_inside(&issues);
    unchanged::leave_out(conn, scope, &mut issues).await?;
    let mut former = holders_of_claimed_keys(conn, scope, &issues).await?;
    lock_stored(conn, scope, &mut issues, &former).await?;
    forget_plans_of_small_tables(conn, &issues).await?;
    let renamed = reference::upsert(conn, scope, &seen, false).await?;
    if issues.is_empty() {
        return Ok(UpsertCounts::default());
    }
    let mut people = People::load(conn, &authors(scope, &issues)).await?;

    if renamed {
        // Issues that this page does not have may have got keys that it gives to others.
        former = holders_of_claimed_keys(conn, scope, &issues).await?;
    }
    displace(conn, scope, &issues, &former).await?;
    let others = others(conn, scope, &issues).await?;
    let Written { ids: written, added } = issue_rows::upsert(conn, scope, &issues, &others).await?;
    // A new issue that was not written was stored by somebody else in the meantime, in a newer state.
    issues.retain(|issue| issue.stored.is_some() || written.contains(&issue.id));
    // After the rows, because a new issue's histories may name keys it had.
    keep_old_keys(conn, scope, &issues).await?;

    field_values::replace(conn, scope, &issues, &written, &added).await?;
    attached::upsert(conn, scope, &issues, &written, &added).await?;
    let nobodys = HashSet::new();
    let is_new = if children == Children::OfNewAreNew { &added } else { &nobodys };
    let counts = UpsertCounts {
        issues: written.len() as u64,
        comments: comments::upsert(conn, scope, &issues, is_new, &mut people).await?,
        worklogs: worklogs::upsert(conn, scope, &issues, is_new, &mut people).await?,
        changelog_items: histories::upsert(conn, scope, &issues, &added, &mut people).await?,
        rejected: 0,
    };
    // Last, because a link is the only row that two pages may both have: whoever waits for the other then has little left to do.
    links::upsert(conn, scope, &issues, &written, &added, &others).await?;
    let archived = issues.iter().filter(|issue| issue.presence == ARCHIVED && written.contains(&issue.id));
    links::leave_with(conn, &archived.map(|issue| issue.id).collect::<Vec<_>>()).await?;
    let moved = issues.iter().filter(|issue| issue.old_key().is_some() && written.contains(&issue.id));
    shown_keys::refresh(conn, &moved.map(|issue| issue.id).collect::<Vec<_>>()).await?;
    Ok(counts)
}

/// What is known of the parents of these issues and of those that they are linked with.
async fn others(conn: &mut PgConnection, scope: Scope, issues: &[Planned<'_>]) -> Result<Others> {
    let named = issues.iter().flat_map(|issue| {
        let links = issue.bundle.links.iter().flat_map(|link| links::ends(scope, link));
        let parent = issue.bundle.issue.parent.as_ref().map(|(id, _)| scope.instance.issue(id).0);
        links.chain(parent)
    });
    let mut others = Others::load(conn, scope, named.collect()).await?;
    for issue in issues.iter().filter(|issue| issue.presence == PRESENT) {
        others.present(issue.id, &issue.key);
    }
    Ok(others)
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
/// The tenant is named although the policies do, and by a subquery, whose value the planner does not know: it then takes the
/// tenant for an average one and looks the ids up. A tenant that came after the last statistics it takes for a single row, so that
/// every index that begins with the tenant is as good as the key, and each page read all that is stored of the tenant.
async fn read_stored(conn: &mut PgConnection, scope: Scope, ids: &[Uuid]) -> Result<HashMap<Uuid, Stored>> {
    let rows = sqlx::query_file!("src/postgres/issues_upsert/stored.sql", scope.tenant, ids)
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

/// Holds the stored ones of these issues, and those that are to be displaced, until the end of the transaction, in the order of
/// their ids, and reads them again: somebody else may have written them since, even in a newer state.
async fn lock_stored(
    conn: &mut PgConnection,
    scope: Scope,
    issues: &mut Vec<Planned<'_>>,
    displaced: &[Uuid],
) -> Result<()> {
    let known = children::known(issues);
    let held: Vec<Uuid> =
        known.iter().chain(displaced).copied().collect::<BTreeSet<_>>().into_iter().collect();
    if held.is_empty() {
        return Ok(());
    }
    sqlx::query!(
        "SELECT id FROM issues WHERE tenant_id = (SELECT $1::uuid) AND id = ANY($2) ORDER BY id FOR NO KEY UPDATE",
        scope.tenant,
        &held
    )
    .fetch_all(&mut *conn)
    .await
    .map_err(convert)?;
    let mut stored = read_stored(conn, scope, &known).await?;
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
            presence: if bundle.issue.archived { ARCHIVED } else { PRESENT },
        })
        .filter(|issue| !issue.is_older())
        .collect();

    let mut holders: HashMap<String, (DateTime<Utc>, Uuid)> = HashMap::new();
    for issue in issues.iter().filter(|issue| issue.presence == PRESENT) {
        let claim = (issue.bundle.issue.updated, issue.id);
        holders.entry(issue.key.clone()).and_modify(|holder| *holder = claim.max(*holder)).or_insert(claim);
    }
    for issue in issues.iter_mut().filter(|issue| issue.presence == PRESENT) {
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
    const LARGE: i64 = 32 << 20;
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

/// The keys that these issues have from now on.
fn claimed_keys<'p>(issues: &'p [Planned<'_>]) -> Vec<&'p str> {
    let claiming = issues.iter().filter(|issue| issue.is_changed() && issue.presence == PRESENT);
    claiming.map(|issue| issue.key.as_str()).collect()
}

/// Issues that hold a key that another one of this page has now, and are not written themselves.
async fn holders_of_claimed_keys(
    conn: &mut PgConnection,
    scope: Scope,
    issues: &[Planned<'_>],
) -> Result<Vec<Uuid>> {
    let claimed = claimed_keys(issues);
    if claimed.is_empty() {
        return Ok(Vec::new());
    }
    let written: Vec<Uuid> = issues.iter().filter(|issue| issue.is_changed()).map(|issue| issue.id).collect();
    sqlx::query_file_scalar!(
        "src/postgres/issues_upsert/displaced.sql",
        scope.tenant,
        scope.instance.0,
        claimed as _,
        &written,
    )
    .fetch_all(conn)
    .await
    .map_err(convert)
}

/// Where these issues are is not known until somebody looks, who is asked to: others have their keys, as have some of the page
/// itself. They are held already.
async fn displace(
    conn: &mut PgConnection,
    scope: Scope,
    issues: &[Planned<'_>],
    displaced: &[Uuid],
) -> Result<()> {
    let of_page = issues.iter().filter(|issue| issue.presence == UNOBSERVED && issue.is_changed());
    let mut lost: Vec<String> = of_page.map(|issue| issue.bundle.issue.jira_id.clone()).collect();
    if !displaced.is_empty() {
        let elsewhere = sqlx::query_scalar!(
            "UPDATE issues SET presence = 'unobserved' WHERE id = ANY($1) AND key = ANY($2) AND presence = 'present'
             RETURNING jira_id",
            displaced,
            claimed_keys(issues) as _,
        )
        .fetch_all(&mut *conn)
        .await
        .map_err(convert)?;
        lost.extend(elsewhere);
    }
    displaced::have_looked_at(conn, scope, &lost).await
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
    .execute(&mut *conn)
    .await
    .map_err(convert)?;
    let renamed = issues.iter().filter(|issue| issue.old_key().is_some()).map(|issue| issue.id);
    shown_keys::forget_old_keys_in_use(conn, &renamed.collect::<Vec<_>>()).await
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

/// The ids of those of `written` that were there before, so that rows of theirs may be left over: also those that somebody else has
/// stored since they were looked for.
fn rewritten(written: &HashSet<Uuid>, added: &HashSet<Uuid>) -> Vec<Uuid> {
    let mut ids: Vec<Uuid> = written.difference(added).copied().collect();
    ids.sort_unstable();
    ids
}
