//! Erasing a person from a tenant's copies, as Jira's privacy rules ask of those who store its data.
//!
//! First the person is *buried*: keyed hashes of their ids, with a pseudonym, so that whatever is stored from then on has the
//! pseudonym in their place. Then every table of the tenant is walked in batches and each row that names them is rewritten.
//! Which tables there are is asked of the database, so that none can be forgotten. Killed half way, it is begun again and
//! finds what is left.

mod redact;
mod rows;
mod survey;

use std::collections::{BTreeMap, BTreeSet, HashMap};

use async_trait::async_trait;
use domain::ids::{EntityKind, InstanceId, TenantId};
use secrecy::ExposeSecret;
use serde::Serialize;
use serde_json::{Map, Value, json};
use uuid::Uuid;

pub use redact::{FORMER_USER, Redaction};
use rows::Person;
pub use survey::{Survey, survey_user};

use crate::{
    actions::Action,
    audit::NewAuditEntry,
    caller::Caller,
    error::{Error, Result},
    ingest::{self, address_stand_in, is_address},
    instances::{Instance, require_instance},
    ports::{Secrets, TenantTx},
    pulse::RefreshMetrics,
    reference::FieldValueRecord,
    services::Services,
    tenant_context::TenantContext,
};

/// Rows that one transaction looks at.
const BATCH: u32 = 2_000;
/// Jobs that one transaction removes.
const JOBS: i32 = 1_000;
/// Random characters of a pseudonym.
const PSEUDONYM: usize = 20;

/// People who must not come back to an instance: pseudonyms by keyed hashes of account ids.
#[derive(Clone, Debug, Default)]
pub struct ErasedPeople {
    instance: Option<InstanceId>,
    pseudonyms: HashMap<String, String>,
}

impl ErasedPeople {
    /// Those of an instance.
    pub fn new(instance: InstanceId, pseudonyms: HashMap<String, String>) -> Self {
        Self { instance: Some(instance), pseudonyms }
    }

    /// Whether there is nobody.
    pub fn is_empty(&self) -> bool {
        self.pseudonyms.is_empty()
    }

    /// Puts pseudonyms in their places. Costs nothing where nobody was erased.
    pub fn take_out(&self, value: &mut Value, secrets: &dyn Secrets) {
        if let Some(instance) = self.instance.filter(|_| !self.pseudonyms.is_empty()) {
            let who = |id: &str| self.pseudonyms.get(&secrets.account_hash(instance, id)).cloned();
            Redaction::new(&who).value(value);
        }
    }
}

/// What a column holds, as far as a person can be in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ColumnKind {
    /// An id.
    Uuid,
    /// Text of any kind.
    Text,
    /// JSON.
    Json,
    /// An array.
    List,
    /// The hash of a row's source.
    SourceHash,
    /// Numbers, times, flags.
    Other,
}

/// A column that is not computed.
#[derive(Clone, Debug)]
pub struct Column {
    /// Its name.
    pub name: String,
    /// What it holds.
    pub kind: ColumnKind,
}

/// A table with rows of tenants.
#[derive(Clone, Debug)]
pub struct TenantTable {
    /// Its name, in schema `public`.
    pub name: String,
    /// The columns of its primary key, but for the tenant.
    pub key: Vec<String>,
    /// Its columns.
    pub columns: Vec<Column>,
    /// Whether the application may change rows; otherwise only the platform may, through a function.
    pub changeable: bool,
    /// Whether the application may remove rows.
    pub removable: bool,
}

/// A row, by column.
pub type Row = Map<String, Value>;

/// A row as it is and as it shall be.
#[derive(Clone, Debug)]
pub struct Rewrite {
    /// As it is.
    pub before: Row,
    /// As it shall be.
    pub after: Row,
}

/// Part of a table.
#[derive(Clone, Debug, Default)]
pub struct ScannedRows {
    /// Those that hold one of the texts.
    pub rows: Vec<Row>,
    /// Where to go on.
    pub next: Option<Value>,
}

/// What is stored of a person.
#[derive(Clone, Debug)]
pub struct StoredPerson {
    /// The account id, or user key.
    pub account_id: String,
    /// The name.
    pub display_name: Option<String>,
    /// The keyed hash of the address.
    pub email_hash: Option<String>,
    /// The user as Jira served it.
    pub raw: Option<Value>,
}

/// Storage, as erasing needs it.
#[async_trait]
pub trait ErasureStore: Send {
    /// Who must not come back to an instance. Until this transaction ends nobody is buried there, so what it stores is in
    /// keeping with the answer.
    async fn erased_people(&mut self, instance: InstanceId) -> Result<ErasedPeople>;

    /// Buries a person under these hashes, once all transactions that store things at the instance have ended. Answers the
    /// pseudonym: the given one, or that of an earlier burial.
    async fn bury(&mut self, instance: InstanceId, hashes: &[String], pseudonym: &str) -> Result<String>;

    /// The person with this account id, user key or user name.
    async fn person(&mut self, instance: InstanceId, account: &str) -> Result<Option<StoredPerson>>;

    /// Every table with rows of tenants that may hold people.
    async fn tenant_tables(&mut self) -> Result<Vec<TenantTable>>;

    /// Looks at the next rows of a table that belong to the instance or to none, for those that hold one of these texts in any
    /// column. The texts have their ASCII letters in lower case, and are written as in JSON.
    async fn scan(
        &mut self,
        table: &TenantTable,
        instance: InstanceId,
        texts: &[String],
        after: Option<&Value>,
        rows: u32,
    ) -> Result<ScannedRows>;

    /// Writes these columns of rows, which keep their keys.
    async fn rewrite(&mut self, table: &TenantTable, columns: &[String], rows: &[Rewrite]) -> Result<u64>;

    /// Writes rows under another key, unless it is taken.
    async fn copy_rows(&mut self, table: &TenantTable, rows: &[Rewrite]) -> Result<u64>;

    /// Removes rows as they were before.
    async fn drop_rows(&mut self, table: &TenantTable, rows: &[Rewrite]) -> Result<u64>;

    /// Replaces the values of an issue's multi-valued and custom fields.
    async fn replace_field_values(&mut self, issue: Uuid, values: &[FieldValueRecord]) -> Result<()>;
}

/// What the platform does for erasing and removing, where the application may not.
#[async_trait]
pub trait ErasurePlatform: Send {
    /// The tables whose rows the application may not change, and from which [`ErasurePlatform::take_out`] takes people.
    fn kept_tables(&self) -> &'static [&'static str];

    /// Takes a person out of a row of one of [`ErasurePlatform::kept_tables`]: writes it as it shall be, or removes it where it is not
    /// kept for good.
    ///
    /// # Errors
    /// [`Error::Internal`] for any other table.
    async fn take_out(&mut self, tenant: TenantId, table: &str, row: &Row) -> Result<()>;

    /// Removes at most so many jobs of a tenant: all, or those that hold one of these lower-case texts.
    async fn remove_jobs(&mut self, tenant: TenantId, texts: Option<&[String]>, most: i32) -> Result<u64>;
}

/// What was erased at one instance.
#[derive(Clone, Debug, Serialize)]
pub struct Erasure {
    /// The instance's name.
    pub instance: String,
    /// What stands in the person's place.
    pub pseudonym: String,
    /// Rows rewritten, by table; only tables that had some.
    pub rows: BTreeMap<String, u64>,
    /// Waiting jobs that named the person, and were dropped.
    pub jobs: u64,
}

/// Who is to be erased.
#[derive(Clone, Debug, Default)]
pub struct PersonToErase {
    /// The account id; on Server and Data Center the user key or name.
    pub account: String,
    /// Only at this instance, by name or id; at all of the tenant when absent.
    pub instance: Option<String>,
    /// Also an account that nothing names: should a later sync bring it, a pseudonym takes its place.
    pub unknown_too: bool,
}

/// Erases a person from an instance, or from all of the tenant.
///
/// # Errors
/// [`Error::Conflict`] when it is the account with which Forebay signs in there; [`Error::Invalid`] when nothing names the account,
/// unless that is wanted too.
pub async fn erase_user(
    services: &Services,
    caller: &Caller,
    wanted: &PersonToErase,
) -> Result<Vec<Erasure>> {
    caller.permit(Action::EraseUser)?;
    let (account, instances) = meant(services, caller, wanted).await?;
    if !wanted.unknown_too {
        survey::require_known(services, caller, &instances, &account).await?;
    }
    let mut erasures = Vec::with_capacity(instances.len());
    for instance in &instances {
        erasures.push(erase_at(services, caller, instance, &account).await?);
    }
    // The workload of people is a materialized view. Where a refresh is under way already, the job that was added is the next.
    let mut platform = services.db.platform().await?;
    platform.refresh_metrics().await?;
    platform.commit().await?;
    Ok(erasures)
}

/// The account as it is stored, and the instances that it goes from.
async fn meant(
    services: &Services,
    caller: &Caller,
    wanted: &PersonToErase,
) -> Result<(String, Vec<Instance>)> {
    let account = wanted.account.trim();
    if account.is_empty() || account.len() > 255 {
        return Err(Error::invalid(
            "account_id",
            "must be an account id, or a user key or name of a Server: 1 to 255 characters",
        ));
    }
    let account = match is_address(account) {
        true => address_stand_in(services.secrets.as_ref(), account),
        false => account.to_owned(),
    };
    let mut tx = services.db.tenant(&TenantContext::whole(caller.tenant)).await?;
    let instances = match &wanted.instance {
        Some(name) => vec![require_instance(tx.as_mut(), name).await?],
        None => tx.instances().await?,
    };
    drop(tx);
    if let Some(own) = instances.iter().find(|instance| instance.account_id.as_deref() == Some(&account)) {
        return Err(Error::Conflict(format!(
            "Forebay signs in at `{}` with this account; give the instance another account's token first",
            own.name
        )));
    }
    Ok((account, instances))
}

async fn erase_at(
    services: &Services,
    caller: &Caller,
    instance: &Instance,
    account: &str,
) -> Result<Erasure> {
    let person = bury(services, caller.tenant, instance.id, account).await?;
    let mut tx = services.db.tenant(&TenantContext::whole(caller.tenant)).await?;
    let (users, others): (Vec<_>, Vec<_>) =
        tx.tenant_tables().await?.into_iter().partition(|table| table.name == "users");
    drop(tx);
    let mut walk = Walk {
        services,
        tenant: caller.tenant,
        instance: instance.id,
        person: &person,
        rows: BTreeMap::new(),
    };
    // The pseudonym's row comes first and the person's goes last, because issues and worklogs point to them.
    for table in &users {
        walk.table(table, Kept::Old).await?;
    }
    for table in &others {
        walk.table(table, Kept::New).await?;
    }
    for table in &users {
        walk.table(table, Kept::New).await?;
    }
    let rows = walk.rows;
    let jobs = drop_jobs(services, caller.tenant, &person).await?;

    let mut tx = services.db.tenant(&TenantContext::whole(caller.tenant)).await?;
    let after = json!({ "rows": rows, "jobs": jobs });
    let now = services.clock.now();
    tx.record(NewAuditEntry::success(
        caller,
        Some(instance.id),
        Action::EraseUser.as_str(),
        &person.pseudonym,
        Value::Null,
        after,
        now,
    ))
    .await?;
    tx.enqueue(RefreshMetrics::soon(services)?).await?;
    tx.commit().await?;
    Ok(Erasure { instance: instance.name.clone(), pseudonym: person.pseudonym, rows, jobs })
}

/// From here on, whatever is stored at the instance has the pseudonym.
async fn bury(services: &Services, tenant: TenantId, instance: InstanceId, account: &str) -> Result<Person> {
    let mut tx = services.db.tenant(&TenantContext::whole(tenant)).await?;
    let (person, hashes) = person_of(services, tx.as_mut(), instance, account).await?;
    let random = services.secrets.random_text(PSEUDONYM).expose_secret().to_lowercase();
    let pseudonym = tx.bury(instance, &hashes, &format!("former-user-{random}")).await?;
    tx.commit().await?;
    Ok(person.called(instance, pseudonym))
}

/// Whom an account means at an instance, without a pseudonym so far, and the hashes of all their ids.
async fn person_of(
    services: &Services,
    tx: &mut dyn TenantTx,
    instance: InstanceId,
    account: &str,
) -> Result<(Person, Vec<String>)> {
    let stored = tx.person(instance, account).await?;
    let mut ids = BTreeSet::from([account.to_owned()]);
    if let Some(stored) = &stored {
        ids.insert(stored.account_id.clone());
        let raw = stored.raw.as_ref().unwrap_or(&Value::Null);
        ids.extend(["accountId", "key", "name"].iter().filter_map(|id| Some(raw[*id].as_str()?.to_owned())));
    }
    let hashes: Vec<String> = ids.iter().map(|id| services.secrets.account_hash(instance, id)).collect();
    let person = Person {
        user_ids: ids.iter().map(|id| instance.derive(EntityKind::User, id).to_string()).collect(),
        ids: ids.iter().map(|id| id.to_lowercase()).collect(),
        written: ids.iter().map(|id| id.to_ascii_lowercase()).collect(),
        display_name: stored.as_ref().and_then(|stored| stored.display_name.clone()),
        email_hash: stored.and_then(|stored| stored.email_hash),
        pseudonym: String::new(),
        pseudonym_user_id: String::new(),
    };
    Ok((person, hashes))
}

async fn drop_jobs(services: &Services, tenant: TenantId, person: &Person) -> Result<u64> {
    let texts = person.texts();
    let mut jobs = 0;
    loop {
        let mut platform = services.db.platform().await?;
        let dropped = platform.remove_jobs(tenant, Some(&texts), JOBS).await?;
        platform.commit().await?;
        jobs += dropped;
        if dropped == 0 {
            return Ok(jobs);
        }
    }
}

/// Which of two rows stays when a row's key names the person.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Kept {
    /// Both, for now.
    Old,
    /// The pseudonym's.
    New,
}

struct Walk<'a> {
    services: &'a Services,
    tenant: TenantId,
    instance: InstanceId,
    person: &'a Person,
    rows: BTreeMap<String, u64>,
}

impl Walk<'_> {
    async fn table(&mut self, table: &TenantTable, kept: Kept) -> Result<()> {
        let texts = self.person.texts();
        let mut after = None;
        loop {
            let mut tx = self.services.db.tenant(&TenantContext::whole(self.tenant)).await?;
            let scanned = tx.scan(table, self.instance, &texts, after.as_ref(), BATCH).await?;
            let rewrites: Vec<Rewrite> =
                scanned.rows.into_iter().filter_map(|row| self.person.rewrite(table, row)).collect();
            let written = match table.changeable {
                true => self.write(tx.as_mut(), table, &rewrites, kept).await?,
                false => self.write_kept(table, &rewrites).await?,
            };
            tx.commit().await?;
            if written > 0 {
                *self.rows.entry(table.name.clone()).or_default() += written;
            }
            match scanned.next {
                Some(next) => after = Some(next),
                None => return Ok(()),
            }
        }
    }

    async fn write(
        &self,
        tx: &mut dyn TenantTx,
        table: &TenantTable,
        rewrites: &[Rewrite],
        kept: Kept,
    ) -> Result<u64> {
        let (moved, stays): (Vec<_>, Vec<_>) = rewrites
            .iter()
            .cloned()
            .partition(|row| table.key.iter().any(|column| row.before[column] != row.after[column]));
        let mut written = 0;
        if !moved.is_empty() {
            tx.copy_rows(table, &moved).await?;
            if kept == Kept::New {
                written += tx.drop_rows(table, &moved).await?;
            }
        }
        // Rows of which the same columns change go together.
        let mut groups: BTreeMap<Vec<String>, Vec<Rewrite>> = BTreeMap::new();
        for row in stays {
            let changed = row.after.iter().filter(|(name, value)| row.before.get(*name) != Some(value));
            groups.entry(changed.map(|(name, _)| name.clone()).collect()).or_default().push(row);
        }
        for (columns, rows) in groups {
            if table.name == "issues" {
                self.field_values(tx, &rows).await?;
            }
            written += tx.rewrite(table, &columns, &rows).await?;
        }
        Ok(written)
    }

    /// They are made from the issue's payload, and a text among them may show a name without the id.
    async fn field_values(&self, tx: &mut dyn TenantTx, rows: &[Rewrite]) -> Result<()> {
        for row in rows {
            let (before, after) = (&row.before["raw_jsonb"]["fields"], &row.after["raw_jsonb"]["fields"]);
            let values = ingest::field_values(after);
            if values != ingest::field_values(before)
                && let Some(issue) = row.after["id"].as_str().and_then(|id| id.parse().ok())
            {
                tx.replace_field_values(issue, &values).await?;
            }
        }
        Ok(())
    }

    /// What the application may not change, the platform may, for this.
    async fn write_kept(&self, table: &TenantTable, rewrites: &[Rewrite]) -> Result<u64> {
        if rewrites.is_empty() {
            return Ok(0);
        }
        let mut platform = self.services.db.platform().await?;
        for row in rewrites {
            platform.take_out(self.tenant, &table.name, &row.after).await?;
        }
        platform.commit().await?;
        Ok(rewrites.len() as u64)
    }
}
