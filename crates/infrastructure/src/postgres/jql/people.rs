//! Groups, roles and permissions: `membersOf()` and the projects where the caller may do something or plays a role.

use application::{
    Result,
    permissions::{Permission, Rests},
};
use jql::{Function, Value};

use super::{
    compile::{Asked, Compiler, Entry, uuids},
    names::{Found, Roster},
    refusals,
    sql::Sql,
};

/// Whether the role `r` is played by the user `u`, or by a group of theirs. Server and Data Center name both by `name` alone.
const PLAYED: &str = "EXISTS (SELECT FROM jsonb_array_elements(CASE jsonb_typeof(r.raw_jsonb -> 'actors') WHEN 'array' \
     THEN r.raw_jsonb -> 'actors' ELSE '[]' END) AS a (actor) WHERE CASE a.actor ->> 'type' \
     WHEN 'atlassian-user-role-actor' THEN a.actor #>> '{actorUser,accountId}' = u.account_id \
     OR lower(a.actor ->> 'name') IN (u.account_id_lower, u.login_lower) \
     WHEN 'atlassian-group-role-actor' THEN EXISTS (SELECT FROM group_members m JOIN groups g ON g.tenant_id = m.tenant_id \
     AND g.instance_id = m.instance_id AND g.group_id = m.group_id WHERE m.tenant_id = u.tenant_id AND m.user_id = u.id \
     AND g.name_lower = lower(coalesce(a.actor #>> '{actorGroup,name}', a.actor ->> 'name'))) END)";

impl<'a> Compiler<'a> {
    /// The people in the group that `membersOf()` names.
    pub(super) fn members_of(&self, function: &Function) -> Result<Vec<&'a Found>> {
        let group = &function.arguments[0];
        let named = Value::String(group.clone());
        let groups = self.names.find(Roster::Group, &named);
        if groups.is_empty() {
            return Err(match self.is_known(Roster::KnowingGroups) {
                true => refusals::unknown_group(group, &function.name),
                false => refusals::unanswered(&format!("the function '{}'", function.name)),
            });
        }
        if self.names.find(Roster::GroupWithMembers, &named).len() < groups.len() {
            return Err(refusals::unanswered(&format!("'{}' of the group '{group}'", function.name)));
        }
        Ok(self.names.find(Roster::GroupMembers, &named))
    }

    pub(super) fn is_known(&self, roster: Roster) -> bool {
        !self.names.find(roster, &Value::String(String::new())).is_empty()
    }

    pub(super) fn with_role(&self, function: &'a Function) -> Result<Entry<'a>> {
        let user = self.current_user.ok_or_else(refusals::nobody_is_logged_in)?;
        let role = &function.arguments[0];
        if !self.is_known(Roster::KnowingRoles) {
            return Err(refusals::unanswered(&format!("the function '{}'", function.name)));
        }
        if self.names.find(Roster::Role, &Value::String(role.clone())).is_empty() {
            return Err(refusals::unknown_role(role, &function.name));
        }
        Ok(Entry::WithRole { user, role })
    }

    /// What an account may read, it may read in all projects that it sees. A sandbox's own account may do all that a sandbox does;
    /// what a site lets an account do, a copy does not know.
    pub(super) fn permitted(&self, function: &Function) -> Result<Entry<'a>> {
        self.current_user.ok_or_else(refusals::nobody_is_logged_in)?;
        let wanted = &function.arguments[0];
        let permission =
            Permission::named(wanted).ok_or_else(|| refusals::unknown_permission(wanted, &function.name))?;
        match permission.rests {
            Rests::Reading => Ok(Entry::Permitted(true)),
            rests if self.one_instance && self.is_known(Roster::Sandbox) => {
                Ok(Entry::Permitted(rests != Rests::Nothing))
            }
            _ => Err(refusals::unanswered(&format!("'{}' of '{wanted}'", function.name))),
        }
    }

    /// Issues of these projects or, negated, of others.
    pub(super) fn projects(&self, asked: Asked<'a>, entries: &[Entry<'a>], negated: bool) -> Result<Sql> {
        let mut parts = Vec::new();
        let mut named = Vec::new();
        for entry in entries {
            match entry {
                Entry::WithRole { user, role } => parts.push(with_role(user, role)),
                Entry::Permitted(true) => parts.push(Sql::always()),
                Entry::Permitted(false) => {}
                entry => named.push(entry.clone()),
            }
        }
        if parts.is_empty() && named.len() == entries.len() {
            return Ok(Sql::among("i.project_id", uuids(&self.all_found(asked, &named)?), negated));
        }
        if !named.is_empty() {
            parts.push(Sql::among("i.project_id", uuids(&self.all_found(asked, &named)?), false));
        }
        // Every issue has a project.
        let some = Sql::any(parts);
        Ok(if negated { some.not() } else { some })
    }
}

fn with_role(user: &str, role: &str) -> Sql {
    let sql = Sql::new("i.project_id IN (SELECT r.project_id FROM project_roles r JOIN users u ON u.tenant_id = r.tenant_id ")
        .push("AND u.instance_id = r.instance_id AND u.account_id = ")
        .bind(user)
        .push(" WHERE (r.name_lower = ")
        .bind(role.to_lowercase())
        .push(" OR r.jira_id = ")
        .bind(role);
    sql.push(") AND ").push(PLAYED).push(")")
}
