//! Look-ups of single things by name: the reads that every door makes, answered from the cache where that is allowed.
//!
//! What is cached belongs to the tenant as a whole and is loaded without any caller's limit; whether this caller may see
//! it is decided with every answer ([`Reach`]). What cannot be decided so is asked of the database.

use std::{sync::Arc, time::Duration};

use domain::{
    ids::{EntityKind, InstanceId, TenantId},
    issue_key::IssueKey,
};
use serde_json::Value;

use crate::{
    caller::Caller,
    error::{Error, Result},
    instances::Instance,
    issues::IssueRow,
    ports::{CacheKey, Kind, Loaded, cached},
    pulse::{Pulse, PulseFilter},
    reference::Roster,
    services::Services,
    tenant_context::{ProjectLimit, TenantContext},
};

/// Work Pulse moves with every change at every site; so old it may be.
const PULSE_FOR: Duration = Duration::from_secs(30);

/// How far a caller sees: a tenant, and all of its projects or some.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reach<'a> {
    tenant: TenantId,
    projects: &'a ProjectLimit,
}

impl<'a> Reach<'a> {
    /// A caller's. The one place where a limit that a key carries enters the look-ups.
    pub fn of(caller: &'a Caller) -> Self {
        Self { tenant: caller.tenant, projects: &caller.policy.projects }
    }

    /// Whether all of the tenant is in reach.
    pub fn is_everything(&self) -> bool {
        self.projects.is_everything()
    }

    /// Whether what belongs to this project is in reach.
    pub fn admits(&self, instance: &str, project: &str) -> bool {
        self.projects.admits(instance, project)
    }

    /// With what a value for the cache is loaded: whole, because callers with other limits are answered from it too.
    fn whole(&self) -> TenantContext {
        TenantContext::whole(self.tenant)
    }

    fn key(&self, instance: Option<InstanceId>, kind: Kind, name: String) -> CacheKey {
        CacheKey { tenant: self.tenant, instance, kind, name }
    }
}

/// The instance of that name or id.
///
/// # Errors
/// [`Error::NotFound`] without one.
pub async fn instance(services: &Services, caller: &Caller, name_or_id: &str) -> Result<Arc<Instance>> {
    instance_of(services, caller.tenant, name_or_id).await
}

/// The same, for a job: it has no caller.
///
/// # Errors
/// [`Error::NotFound`] without one.
pub async fn instance_of(services: &Services, tenant: TenantId, name_or_id: &str) -> Result<Arc<Instance>> {
    let (db, wanted) = (services.db.clone(), name_or_id.to_owned());
    let load = async move {
        let found = db.tenant(&TenantContext::whole(tenant)).await?.instance(&wanted).await?;
        Ok(found.map_or(Loaded::Absent, Loaded::Keep))
    };
    let key = CacheKey { tenant, instance: None, kind: Kind::Instance, name: name_or_id.to_owned() };
    cached(services.cache.as_ref(), key, None, load)
        .await?
        .ok_or_else(|| Error::not_found("instance", name_or_id))
}

/// The id of the instance with this name, where one is named.
///
/// # Errors
/// [`Error::NotFound`] without one.
pub async fn instance_id(
    services: &Services,
    caller: &Caller,
    name: Option<&str>,
) -> Result<Option<InstanceId>> {
    match name {
        Some(name) => Ok(Some(instance(services, caller, name).await?.id)),
        None => Ok(None),
    }
}

/// The present issue with this key (an old one too) or numeric id; see [`crate::issues::IssueStore::issue`].
///
/// Kept under its present key and its id. What is found by an old key is not kept: the issue's own events do not name it.
///
/// # Errors
/// [`Error::NotFound`] without one, or when it is not the caller's to see; [`Error::Conflict`] when several instances
/// have it and none is named.
pub async fn issue(
    services: &Services,
    caller: &Caller,
    instance: Option<InstanceId>,
    key_or_id: &str,
) -> Result<Arc<IssueRow>> {
    let reach = Reach::of(caller);
    let missing = || Error::not_found("issue", key_or_id);
    let Some(name) = IssueName::parse(instance, key_or_id) else { return Err(missing()) };
    let (db, tenant) = (services.db.clone(), reach.whole());
    let asked = name.clone();
    let load = async move {
        let found = db.tenant(&tenant).await?.issue(instance, &asked.text).await?;
        Ok(match found {
            None => Loaded::Absent,
            Some(row) if asked.is_of(&row) => Loaded::Keep(row),
            Some(row) => Loaded::Once(row),
        })
    };
    // A payload tells of linked issues, and whether a key is that of several instances depends on what the caller sees: who is
    // held to some projects asks the database.
    let found = match name.cached.filter(|_| reach.is_everything()) {
        Some(cached_as) => {
            let key = reach.key(instance, Kind::Issue, cached_as);
            cached(services.cache.as_ref(), key, None, load).await?
        }
        None => services.db.tenant(&caller.context()).await?.issue(instance, &name.text).await?.map(Arc::new),
    };
    found.filter(|row| reach.admits(&row.instance, &row.project_key)).ok_or_else(missing)
}

/// The name of a cached issue with this key.
pub fn issue_by_key(key: &str) -> String {
    format!("key:{key}")
}

/// The name of a cached issue with this id.
pub fn issue_by_id(id: domain::ids::IssueId) -> String {
    format!("id:{id}")
}

/// A key or an id, as asked for.
#[derive(Clone)]
struct IssueName {
    text: String,
    /// Under what it is cached, if at all: an id alone may be that of several instances.
    cached: Option<String>,
}

impl IssueName {
    fn parse(instance: Option<InstanceId>, key_or_id: &str) -> Option<Self> {
        let text = key_or_id.trim();
        if let Ok(key) = text.parse::<IssueKey>() {
            let text = key.to_string();
            return Some(Self { cached: Some(issue_by_key(&text)), text });
        }
        let is_id = !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
        is_id.then(|| Self {
            cached: instance.map(|instance| issue_by_id(instance.issue(text))),
            text: text.to_owned(),
        })
    }

    /// Whether the issue's events will name it so.
    fn is_of(&self, row: &IssueRow) -> bool {
        self.text == row.key || self.text == row.jira_id
    }
}

/// The project with this key or numeric id, as served; a key beats an id that looks like it.
///
/// # Errors
/// [`Error::NotFound`] without one, or when it is not the caller's to see.
pub async fn project(
    services: &Services,
    caller: &Caller,
    instance: &Instance,
    key_or_id: &str,
) -> Result<Arc<Value>> {
    let reach = Reach::of(caller);
    let (db, tenant, at) = (services.db.clone(), reach.whole(), instance.id);
    let wanted = key_or_id.trim().to_ascii_uppercase();
    let key = reach.key(Some(at), Kind::Project, wanted.clone());
    let load = async move {
        let found = db.tenant(&tenant).await?.project(at, &wanted).await?;
        Ok(found.map_or(Loaded::Absent, Loaded::Keep))
    };
    cached::<Value>(services.cache.as_ref(), key, None, load)
        .await?
        .filter(|project| reach.admits(&instance.name, project["key"].as_str().unwrap_or_default()))
        .ok_or_else(|| Error::not_found("project", key_or_id))
}

/// The user with this account id (or user key), as served; `None` where nothing but the id is known.
///
/// # Errors
/// Those of the database.
pub async fn user(
    services: &Services,
    caller: &Caller,
    instance: InstanceId,
    account: &str,
) -> Result<Option<Arc<Value>>> {
    let reach = Reach::of(caller);
    let (db, tenant, wanted) = (services.db.clone(), reach.whole(), account.to_owned());
    let key = reach.key(Some(instance), Kind::User, user_name(instance.derive(EntityKind::User, account)));
    let load = async move {
        let found = db.tenant(&tenant).await?.user(instance, &wanted).await?;
        Ok(found.map_or(Loaded::Absent, Loaded::Keep))
    };
    cached(services.cache.as_ref(), key, None, load).await
}

/// The name of a cached user with this row id.
pub fn user_name(row: uuid::Uuid) -> String {
    row.to_string()
}

/// Whether a roster is the same for everybody, its table notes changes (`migrations/0037_changes_by_statement`) and there are
/// not very many of it. What belongs to projects is read within the caller's limit.
fn is_cached(roster: Roster, reach: &Reach<'_>) -> bool {
    match roster {
        Roster::Projects => reach.is_everything(),
        Roster::Statuses
        | Roster::IssueTypes
        | Roster::Priorities
        | Roster::Resolutions
        | Roster::Fields
        | Roster::IssueLinkTypes => true,
        Roster::Users
        | Roster::Groups
        | Roster::Versions
        | Roster::Components
        | Roster::Boards
        | Roster::Sprints
        | Roster::Filters
        | Roster::Dashboards
        | Roster::ServiceDesks
        | Roster::Organizations => false,
    }
}

/// A roster as served, in its order.
///
/// # Errors
/// Those of the database.
pub async fn roster(
    services: &Services,
    caller: &Caller,
    instance: InstanceId,
    roster: Roster,
) -> Result<Arc<Vec<Value>>> {
    let reach = Reach::of(caller);
    if !is_cached(roster, &reach) {
        return Ok(Arc::new(services.db.tenant(&caller.context()).await?.roster(instance, roster).await?));
    }
    let (db, tenant) = (services.db.clone(), reach.whole());
    let key = reach.key(Some(instance), Kind::Roster, format!("{roster:?}"));
    let load = async move { Ok(Loaded::Keep(db.tenant(&tenant).await?.roster(instance, roster).await?)) };
    let found = cached(services.cache.as_ref(), key, None, load).await?;
    Ok(found.unwrap_or_default())
}

/// Work Pulse over any range. Up to half a minute old: its numbers move with every change at every site, and
/// [`Pulse::as_of`] tells how far they reach. New at once when the materialized views are.
///
/// # Errors
/// Those of the database.
pub async fn pulse(services: &Services, caller: &Caller, filter: PulseFilter) -> Result<Arc<Pulse>> {
    let reach = Reach::of(caller);
    let now = services.clock.now();
    if !reach.is_everything() {
        return Ok(Arc::new(services.db.tenant(&caller.context()).await?.pulse(&filter, now).await?));
    }
    let name = format!("{}/{}/{}", filter.until, filter.weeks, filter.project.as_deref().unwrap_or_default());
    let key = reach.key(filter.instance, Kind::Pulse, name);
    let (db, tenant) = (services.db.clone(), reach.whole());
    let load = async move { Ok(Loaded::Keep(db.tenant(&tenant).await?.pulse(&filter, now).await?)) };
    cached(services.cache.as_ref(), key, Some(PULSE_FOR), load)
        .await?
        .ok_or_else(|| Error::internal("a load that always finds something found nothing"))
}

/// Whether an instance, or any of the tenant, has a project of this key within the caller's reach.
pub async fn has_project(
    services: &Services,
    caller: &Caller,
    instance: Option<InstanceId>,
    key: &str,
) -> Result<bool> {
    let instances = match instance {
        Some(id) => vec![id],
        None => {
            let mut tx = services.db.tenant(&caller.context()).await?;
            tx.instances().await?.into_iter().map(|instance| instance.id).collect()
        }
    };
    for id in instances {
        if roster(services, caller, id, Roster::Projects).await?.iter().any(|project| project["key"] == key) {
            return Ok(true);
        }
    }
    Ok(false)
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;

    #[test]
    fn an_issue_is_cached_under_what_its_events_name() {
        let here = InstanceId(Uuid::from_u128(1));
        let cached = |instance, text: &str| IssueName::parse(instance, text).unwrap().cached;
        assert_eq!(cached(Some(here), " pay-7 ").unwrap(), issue_by_key("PAY-7"));
        assert_eq!(cached(Some(here), "10007").unwrap(), issue_by_id(here.issue("10007")));
        assert_eq!(cached(None, "PAY-7").unwrap(), issue_by_key("PAY-7"));
        assert_eq!(cached(None, "10007"), None);
        assert!(IssueName::parse(None, "no key").is_none());
    }
}
