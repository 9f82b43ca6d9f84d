//! For whom a transaction is opened: the tenant, and the projects beyond which its caller may not see.

use domain::ids::TenantId;

use crate::error::{Error, Result};

/// What a transaction is opened with. A [`crate::Caller`] gives its own; Forebay's own work makes one for the whole
/// tenant, in so many words. There is no other way into a tenant's data, so that nobody forgets the caller's limit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TenantContext {
    tenant: TenantId,
    projects: ProjectLimit,
}

impl TenantContext {
    /// The whole tenant: for jobs, syncs and the operator, never for what a caller asked to see.
    pub fn whole(tenant: TenantId) -> Self {
        Self { tenant, projects: ProjectLimit::default() }
    }

    /// The tenant as far as these projects reach.
    pub fn limited(tenant: TenantId, projects: ProjectLimit) -> Self {
        Self { tenant, projects }
    }

    /// The tenant.
    pub fn tenant(&self) -> TenantId {
        self.tenant
    }

    /// The projects.
    pub fn projects(&self) -> &ProjectLimit {
        &self.projects
    }

    /// A text that is the same only for contexts that see the same: the first part of every key in a cache.
    pub fn cache_scope(&self) -> String {
        if self.projects.is_everything() {
            return self.tenant.to_string();
        }
        format!("{}[{}]", self.tenant, self.projects.as_setting())
    }
}

/// The projects a caller may see: all of the tenant's, or those named by `KEY`, `instance/KEY` or `instance/*`.
///
/// A name, not an id: the limit follows the project's present key, and a name that no project has shows nothing.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ProjectLimit(Vec<String>);

impl ProjectLimit {
    /// Reads names; none, or a `*` among them, means every project.
    ///
    /// # Errors
    /// [`Error::Invalid`] for a text that can name no project.
    pub fn parse<S: AsRef<str>>(names: &[S]) -> Result<Self> {
        let mut limit = names.iter().map(|name| check(name.as_ref())).collect::<Result<Vec<_>>>()?;
        if limit.iter().any(|name| name == "*") {
            return Ok(Self::default());
        }
        limit.sort_unstable();
        limit.dedup();
        Ok(Self(limit))
    }

    /// Whether there is no limit.
    pub fn is_everything(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether this project of this instance is within the limit.
    pub fn admits(&self, instance: &str, project: &str) -> bool {
        self.is_everything()
            || self.0.iter().any(|allowed| match allowed.split_once('/') {
                Some((at, key)) => at == instance && (key == "*" || key.eq_ignore_ascii_case(project)),
                None => allowed.eq_ignore_ascii_case(project),
            })
    }

    /// The names, in order; empty without a limit.
    pub fn names(&self) -> &[String] {
        &self.0
    }

    /// Whether the project of that key at that instance is within the limit.
    pub fn allows(&self, instance: &str, key: &str) -> bool {
        let key = key.to_uppercase();
        self.is_everything()
            || self.holds(&key)
            || self.holds(&format!("{instance}/{key}"))
            || self.holds(&format!("{instance}/*"))
    }

    /// Whether whatever `other` shows, this shows too.
    pub fn covers(&self, other: &Self) -> bool {
        if self.is_everything() || other.is_everything() {
            return self.is_everything();
        }
        other.0.iter().all(|name| match name.split_once('/') {
            Some((instance, key)) if key != "*" => self.allows(instance, key),
            _ => self.holds(name),
        })
    }

    fn holds(&self, name: &str) -> bool {
        self.0.iter().any(|own| own == name)
    }

    /// The names joined by commas, as the database's setting holds them: letters, digits and `_-/*,` alone, so that it
    /// can be written into a statement. Empty without a limit.
    pub fn as_setting(&self) -> String {
        self.0.join(",")
    }
}

/// An instance's name is as [`crate::tenants::check_name`] wants it; a project key as Jira's own rule has it, which
/// administrators may widen to digits and underscores anywhere after the first letter.
fn check(name: &str) -> Result<String> {
    let (instance, key) = match name.split_once('/') {
        Some((instance, key)) => (Some(instance), key),
        None => (None, name),
    };
    let is_instance = |name: &str| crate::tenants::check_name("projects", name).is_ok();
    let is_key = key.starts_with(|c: char| c.is_ascii_alphabetic())
        && key.len() <= 50
        && key.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_');
    if instance.is_none_or(is_instance) && (is_key || key == "*") {
        let key = key.to_ascii_uppercase();
        return Ok(instance.map_or_else(|| key.clone(), |instance| format!("{instance}/{key}")));
    }
    Err(Error::invalid(
        "projects",
        format!("`{name}` names no project; write KEY, INSTANCE/KEY, INSTANCE/* or * for all"),
    ))
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;

    #[test]
    fn a_limit_names_projects_and_nothing_that_could_end_a_statement() {
        let limit = ProjectLimit::parse(&["pay", "acme/OPS", "PAY", "main/*"]).unwrap();
        assert_eq!(limit.names(), ["PAY", "acme/OPS", "main/*"]);
        assert!(!limit.is_everything());
        for wrong in ["", "/", "a/", "/A", "A'", "A,B", "a b/C", "A/B/C", "1A", "ACME/OPS", "A;"] {
            assert!(ProjectLimit::parse(&[wrong]).is_err(), "{wrong:?}");
        }
    }

    #[test]
    fn a_limit_admits_its_projects_and_no_others() {
        let limit = ProjectLimit::parse(&["PAY", "main/OPS", "lab/*"]).unwrap();
        for (instance, project) in [("main", "PAY"), ("other", "pay"), ("main", "OPS"), ("lab", "ANY")] {
            assert!(limit.admits(instance, project), "{instance}/{project}");
        }
        for (instance, project) in [("main", "WEB"), ("other", "OPS"), ("laboratory", "X"), ("main", "PAYX")]
        {
            assert!(!limit.admits(instance, project), "{instance}/{project}");
        }
        assert!(ProjectLimit::default().admits("any", "ANY"));
    }

    #[test]
    fn none_and_a_star_mean_every_project() {
        assert!(ProjectLimit::parse::<&str>(&[]).unwrap().is_everything());
        assert!(ProjectLimit::parse(&["PAY", "*"]).unwrap().is_everything());
    }

    #[test]
    fn a_limit_covers_what_shows_no_more() {
        let limit = |names: &[&str]| ProjectLimit::parse(names).unwrap();
        for (outer, inner, covers) in [
            (&[][..], &["PAY"][..], true),
            (&["PAY"], &[], false),
            (&["PAY"], &["PAY"], true),
            (&["PAY"], &["main/PAY"], true),
            (&["main/*"], &["main/PAY"], true),
            (&["main/*"], &["PAY"], false),
            (&["main/PAY"], &["PAY"], false),
            (&["main/PAY"], &["main/*"], false),
            (&["PAY", "OPS"], &["OPS"], true),
            (&["PAY"], &["PAY", "OPS"], false),
        ] {
            assert_eq!(limit(outer).covers(&limit(inner)), covers, "{outer:?} covers {inner:?}");
        }
        assert!(limit(&["PAY", "main/OPS"]).allows("other", "pay"));
        assert!(!limit(&["main/OPS"]).allows("other", "OPS"));
    }

    #[test]
    fn caches_keep_limited_callers_apart() {
        let tenant = TenantId(Uuid::nil());
        let limited = |name: &str| TenantContext::limited(tenant, ProjectLimit::parse(&[name]).unwrap());
        let scopes = [TenantContext::whole(tenant), limited("PAY"), limited("OPS")].map(|c| c.cache_scope());
        assert!(scopes[0] != scopes[1] && scopes[1] != scopes[2] && scopes[0] != scopes[2]);
        assert_eq!(scopes[0], tenant.to_string());
    }
}
