//! Whom a client names.

use serde_json::Value;

use super::fields::account_of;
use crate::{
    error::Result,
    instances::{Dialect, Instance},
    ports::TenantTx,
    sandbox::account,
    site_lists::PeopleQuery,
};

/// The account that a client names, as served: by account id, or as Server and Data Center have it by key or by the name that one
/// signs in with (jira-facts 11.2). The sandbox's own account is none of its people.
pub(super) async fn named(
    tx: &mut dyn TenantTx,
    instance: &Instance,
    dialect: Dialect,
    asked: &str,
) -> Result<Option<Value>> {
    let own = account(dialect);
    if account_of(&own).as_deref() == Some(asked) {
        return Ok(Some(own));
    }
    if let Some(found) = tx.user(instance.id, asked).await? {
        return Ok(Some(found));
    }
    if dialect == Dialect::V3 {
        return Ok(None);
    }
    let query = PeopleQuery { login: Some(asked.to_owned()), limit: 1, ..PeopleQuery::default() };
    Ok(tx.people(instance.id, &query).await?.into_iter().next())
}
