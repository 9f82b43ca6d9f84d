//! Who is meant, before anybody is erased: an account id that is mistyped would be buried for good, and the person stay.

use std::collections::BTreeMap;

use serde::Serialize;

use super::{BATCH, FORMER_USER, PersonToErase, meant, person_of, rows::Person};
use crate::{
    actions::Action,
    caller::Caller,
    error::{Error, Result},
    instances::Instance,
    ports::TenantTx,
    services::Services,
    tenant_context::TenantContext,
};

/// What an instance has of a person.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Survey {
    /// The instance's name.
    pub instance: String,
    /// The person's name, where the copy has one.
    pub display_name: Option<String>,
    /// Whether they were erased here before.
    pub erased_before: bool,
    /// Rows that name them, by table; only tables that have some.
    pub rows: BTreeMap<String, u64>,
}

impl Survey {
    /// Whether the copy knows of such an account, or knew it until it was erased.
    pub fn knows(&self) -> bool {
        self.erased_before || self.display_name.is_some() || !self.rows.is_empty()
    }
}

/// What [`super::erase_user`] would take out, without doing it. Reads every row of the tenant once.
///
/// # Errors
/// As [`super::erase_user`], but for an account that nothing names: then every survey says so.
pub async fn survey_user(
    services: &Services,
    caller: &Caller,
    wanted: &PersonToErase,
) -> Result<Vec<Survey>> {
    caller.permit(Action::EraseUser)?;
    let (account, instances) = meant(services, caller, wanted).await?;
    let mut surveys = Vec::with_capacity(instances.len());
    for instance in &instances {
        surveys.push(survey_at(services, caller, instance, &account).await?);
    }
    Ok(surveys)
}

/// # Errors
/// [`Error::Invalid`] when no instance knows of the account.
pub(super) async fn require_known(
    services: &Services,
    caller: &Caller,
    instances: &[Instance],
    account: &str,
) -> Result<()> {
    for instance in instances {
        let mut tx = services.db.tenant(&TenantContext::whole(caller.tenant)).await?;
        let stored = tx.person(instance.id, account).await?.is_some();
        if stored || erased_before(services, tx.as_mut(), instance, account).await? {
            return Ok(());
        }
    }
    // Nobody of that id has an entry of their own; a mention or a change may still name them.
    for instance in instances {
        if survey_at(services, caller, instance, account).await?.knows() {
            return Ok(());
        }
    }
    Err(Error::invalid(
        "account_id",
        "nothing that is stored names this account, so nothing was erased: check it for a mistake; to keep an account out that is \
         not here yet, say so with `unknown_too`",
    ))
}

async fn erased_before(
    services: &Services,
    tx: &mut dyn TenantTx,
    instance: &Instance,
    account: &str,
) -> Result<bool> {
    let hash = services.secrets.account_hash(instance.id, account);
    Ok(tx.erased_people(instance.id).await?.pseudonyms.contains_key(&hash))
}

async fn survey_at(
    services: &Services,
    caller: &Caller,
    instance: &Instance,
    account: &str,
) -> Result<Survey> {
    let mut tx = services.db.tenant(&TenantContext::whole(caller.tenant)).await?;
    let erased_before = erased_before(services, tx.as_mut(), instance, account).await?;
    let (person, _) = person_of(services, tx.as_mut(), instance.id, account).await?;
    let tables = tx.tenant_tables().await?;
    drop(tx);
    // Which pseudonym stands in their place does not matter for the count.
    let person = person.called(instance.id, FORMER_USER.to_owned());
    let mut rows = BTreeMap::new();
    for table in &tables {
        let found = count(services, caller, instance, table, &person).await?;
        if found > 0 {
            rows.insert(table.name.clone(), found);
        }
    }
    Ok(Survey { instance: instance.name.clone(), display_name: person.display_name, erased_before, rows })
}

async fn count(
    services: &Services,
    caller: &Caller,
    instance: &Instance,
    table: &super::TenantTable,
    person: &Person,
) -> Result<u64> {
    let texts = person.texts();
    let (mut found, mut after) = (0, None);
    loop {
        let mut tx = services.db.tenant(&TenantContext::whole(caller.tenant)).await?;
        let scanned = tx.scan(table, instance.id, &texts, after.as_ref(), BATCH).await?;
        found += scanned.rows.into_iter().filter_map(|row| person.rewrite(table, row)).count() as u64;
        match scanned.next {
            Some(next) => after = Some(next),
            None => return Ok(found),
        }
    }
}
