//! What makes which look-ups old. A scope is a group of them that can be forgotten without naming each.

use application::{
    events::Event,
    lookups::{issue_by_id, issue_by_key, user_name},
    ports::{CacheKey, Kind},
};
use domain::ids::{InstanceId, TenantId};

/// A group of look-ups.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Scope {
    /// All there are.
    Everything,
    /// All of a tenant's.
    Tenant(TenantId),
    /// Which instance a name stands for.
    Registry(TenantId),
    /// What was read from one instance.
    Site(TenantId, InstanceId),
    /// What was looked for at all instances of a tenant.
    AnySite(TenantId),
    /// Numbers from the materialized views.
    Metrics,
}

impl Scope {
    /// Those that a look-up belongs to.
    pub(super) fn of(key: &CacheKey) -> [Self; 3] {
        let own = match (key.kind, key.instance) {
            (Kind::Instance, _) => Self::Registry(key.tenant),
            (Kind::Pulse, _) => Self::Metrics,
            (_, Some(instance)) => Self::Site(key.tenant, instance),
            (_, None) => Self::AnySite(key.tenant),
        };
        [Self::Everything, Self::Tenant(key.tenant), own]
    }

    /// Its name in Redis.
    pub(super) fn name(self) -> String {
        match self {
            Self::Everything => "everything".into(),
            Self::Tenant(tenant) => format!("{tenant}"),
            Self::Registry(tenant) => format!("{tenant}:registry"),
            Self::Site(tenant, instance) => format!("{tenant}:{instance}"),
            Self::AnySite(tenant) => format!("{tenant}:any"),
            Self::Metrics => "metrics".into(),
        }
    }
}

/// What events make old.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Invalidation {
    /// Whole groups.
    pub(super) scopes: Vec<Scope>,
    /// Single look-ups.
    pub(super) keys: Vec<CacheKey>,
}

impl Invalidation {
    pub(super) fn of(events: &[Event]) -> Self {
        let mut old = Self::default();
        for event in events {
            old.add(event);
        }
        old
    }

    /// Everything there is.
    pub(super) fn everything() -> Self {
        Self { scopes: vec![Scope::Everything], keys: Vec::new() }
    }

    fn add(&mut self, event: &Event) {
        match event {
            Event::IssueChanged { tenant, instance, issue, keys } => {
                let mut add = |instance, name| {
                    self.keys.push(CacheKey { tenant: *tenant, instance, kind: Kind::Issue, name });
                };
                add(Some(*instance), issue_by_id(*issue));
                for key in keys {
                    add(Some(*instance), issue_by_key(key));
                    add(None, issue_by_key(key));
                }
            }
            Event::UserChanged { tenant, instance, user } => self.keys.push(CacheKey {
                tenant: *tenant,
                instance: Some(*instance),
                kind: Kind::User,
                name: user_name(*user),
            }),
            Event::InstanceChanged { tenant, instance } => {
                self.scopes.extend([Scope::Site(*tenant, *instance), Scope::AnySite(*tenant)]);
            }
            Event::RegistryChanged { tenant } => self.scopes.push(Scope::Registry(*tenant)),
            Event::TenantChanged { tenant } => self.scopes.push(Scope::Tenant(*tenant)),
            Event::MetricsRefreshed => self.scopes.push(Scope::Metrics),
            Event::EverythingChanged => self.scopes.push(Scope::Everything),
        }
    }
}

/// An event's name in metrics.
pub(super) fn name_of(event: &Event) -> &'static str {
    match event {
        Event::IssueChanged { .. } => "issue",
        Event::UserChanged { .. } => "user",
        Event::InstanceChanged { .. } => "instance",
        Event::RegistryChanged { .. } => "registry",
        Event::TenantChanged { .. } => "tenant",
        Event::MetricsRefreshed => "metrics",
        Event::EverythingChanged => "everything",
    }
}
