//! Who calls, for which tenant, and what they may do.

use std::{fmt, str::FromStr};

use chrono::{DateTime, Utc};
use domain::ids::{KeyId, TenantId};
use serde::{Deserialize, Serialize};

use crate::{
    actions::Action,
    error::{Error, Result},
    keys::Policy,
    tenant_context::TenantContext,
};

/// What a key may do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Scope {
    /// Read issues, comments, metrics, sync states.
    Read,
    /// Write through to Jira.
    Write,
    /// Ask the SQL door.
    Sql,
    /// Use the AI features.
    Ai,
    /// Manage instances, keys and syncs, and read the audit log.
    Admin,
}

impl Scope {
    /// All scopes, in the order in which they are listed.
    pub const ALL: [Self; 5] = [Self::Read, Self::Write, Self::Sql, Self::Ai, Self::Admin];

    /// The scope's name.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Read => "read",
            Self::Write => "write",
            Self::Sql => "sql",
            Self::Ai => "ai",
            Self::Admin => "admin",
        }
    }
}

impl fmt::Display for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for Scope {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        Self::ALL.into_iter().find(|scope| scope.as_str() == text).ok_or_else(|| {
            Error::invalid("scopes", format!("`{text}` is no scope; choose from read, write, sql, ai, admin"))
        })
    }
}

/// Who did it, as the audit log names them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Actor {
    /// A caller with an API key.
    Key {
        /// The key.
        id: KeyId,
        /// Its name, for people.
        name: String,
    },
    /// A person at the command line, who is beyond keys.
    Operator {
        /// Their name at the operating system.
        name: String,
    },
    /// Forebay itself: jobs.
    System,
}

impl fmt::Display for Actor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Key { id, name } => write!(f, "key:{name}:{id}"),
            Self::Operator { name } => write!(f, "cli:{name}"),
            Self::System => f.write_str("system"),
        }
    }
}

/// An authenticated caller. Having one is the only way to name a tenant from outside.
#[derive(Clone, Debug)]
pub struct Caller {
    /// The tenant on whose behalf everything happens.
    pub tenant: TenantId,
    /// Who it is.
    pub actor: Actor,
    /// What they may do.
    pub scopes: Vec<Scope>,
    /// What narrows that down.
    pub policy: Policy,
    /// When their key ends by itself.
    pub expires_at: Option<DateTime<Utc>>,
    /// The id of the request, which ties answers, logs and the audit log together.
    pub request_id: String,
    /// Whether what is asked for is one of many changes that were asked for together.
    pub in_bulk: bool,
}

impl Caller {
    /// Forebay itself, acting for a tenant with every scope.
    pub fn system(tenant: TenantId) -> Self {
        Self {
            tenant,
            actor: Actor::System,
            scopes: Scope::ALL.to_vec(),
            policy: Policy::default(),
            expires_at: None,
            request_id: String::new(),
            in_bulk: false,
        }
    }

    /// A person at the command line, acting for a tenant with every scope.
    pub fn operator(tenant: TenantId, name: impl Into<String>) -> Self {
        Self { actor: Actor::Operator { name: name.into() }, ..Self::system(tenant) }
    }

    /// What transactions on the caller's behalf are opened with.
    pub fn context(&self) -> TenantContext {
        TenantContext::limited(self.tenant, self.policy.projects.clone())
    }

    /// Whether the caller has the scope.
    pub fn has(&self, scope: Scope) -> bool {
        self.scopes.contains(&scope)
    }

    /// # Errors
    /// [`Error::Forbidden`], naming the missing scope.
    pub fn require(&self, scope: Scope) -> Result<()> {
        if self.has(scope) {
            return Ok(());
        }
        Err(Error::Forbidden(format!("this needs a key with the scope `{scope}`")))
    }

    /// Whether the caller may do something: the scope, and the key's policy.
    ///
    /// # Errors
    /// [`Error::Forbidden`], naming what is missing.
    pub fn permit(&self, action: Action) -> Result<()> {
        self.require(action.scope())?;
        if !self.policy.allows(action) {
            return Err(Error::Forbidden(format!("the policy of this key does not allow `{action}`")));
        }
        if action.reaches_whole_sites() {
            return self.require_all_projects();
        }
        Ok(())
    }

    /// # Errors
    /// [`Error::Forbidden`] for a caller who is limited to projects.
    pub fn require_all_projects(&self) -> Result<()> {
        if self.policy.projects.is_everything() {
            return Ok(());
        }
        Err(Error::Forbidden(
            "this reaches beyond the projects that the key is limited to; it needs a key for all projects"
                .into(),
        ))
    }
}
