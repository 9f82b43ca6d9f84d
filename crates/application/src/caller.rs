//! Who calls, for which tenant, and what they may do.

use std::{fmt, str::FromStr};

use domain::ids::{KeyId, TenantId};
use serde::{Deserialize, Serialize};

use crate::{
    error::{Error, Result},
    tenant_context::{ProjectLimit, TenantContext},
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
    /// Forebay itself: jobs, the command line.
    System,
}

impl fmt::Display for Actor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Key { id, name } => write!(f, "key:{name}:{id}"),
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
    /// The projects beyond which they may not see.
    pub projects: ProjectLimit,
    /// The id of the request, which ties answers, logs and the audit log together.
    pub request_id: String,
}

impl Caller {
    /// Forebay itself, acting for a tenant with every scope.
    pub fn system(tenant: TenantId) -> Self {
        Self {
            tenant,
            actor: Actor::System,
            scopes: Scope::ALL.to_vec(),
            projects: ProjectLimit::default(),
            request_id: String::new(),
        }
    }

    /// What transactions on the caller's behalf are opened with.
    pub fn context(&self) -> TenantContext {
        TenantContext::limited(self.tenant, self.projects.clone())
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
}
