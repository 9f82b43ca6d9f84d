//! Issues by key, old key or id: the issue itself, its parent, its epic, and what stands in an order with them.

use application::{Error, Result};
use domain::issue_key::IssueKey;
use jql::{Function, Value};

use super::{
    attached,
    compile::{Asked, Compiler, Entry, Order, misfit, uuids},
    conditions::{literals, opposite_if},
    names::{Found, Roster, text_of},
    refusals,
    sql::Sql,
    words::text_query,
};

impl<'a> Compiler<'a> {
    /// Issues by key or id, and those that functions stand for.
    pub(super) fn keyed(&self, asked: Asked<'a>, entries: &[Entry<'a>], negated: bool) -> Result<Sql> {
        let mut parts = Vec::new();
        let mut literal = Vec::new();
        for entry in entries {
            let part = match entry {
                Entry::Linked { with, link_type } => attached::linked_with(with, *link_type),
                Entry::UpdatedBy { people, from, to } => attached::updated_by(people, *from, *to),
                Entry::Followed(follower) => attached::followed(*follower),
                Entry::ChildrenOf(found) => below(found),
                Entry::OfEpics(found) => of_epics(found, present_keys(found)),
                Entry::RemotelyLinked(global_ids) => attached::remotely_linked(global_ids),
                Entry::WithText(text) => self.anywhere(text_query(text, asked.name)?),
                other => {
                    literal.push(other.clone());
                    continue;
                }
            };
            parts.push(opposite_if(part, negated));
        }
        if !literal.is_empty() {
            parts.push(Sql::among("i.id", uuids(&self.issues(asked, &literal)?), negated));
        }
        Ok(if negated { Sql::all(parts) } else { Sql::any(parts) })
    }

    /// Issues by key, old key or id; Jira refuses one that is not there.
    fn issues(&self, asked: Asked<'a>, entries: &[Entry<'a>]) -> Result<Vec<&'a Found>> {
        let mut all = Vec::new();
        for value in literals(entries)? {
            let found = self.names.find(Roster::Issue, value);
            if found.is_empty() {
                return Err(missing_issue(value, asked.name));
            }
            all.extend(found);
        }
        Ok(all)
    }

    /// A parent may be outside of the copy: then its key alone is known.
    pub(super) fn parents(&self, asked: Asked<'a>, entries: &[Entry<'a>], negated: bool) -> Result<Sql> {
        let mut parts = Vec::new();
        let mut inside = Vec::new();
        let mut outside = Vec::new();
        for value in literals(entries)? {
            let found = self.names.find(Roster::Issue, value);
            match text_of(value).parse::<IssueKey>() {
                Ok(key) if found.is_empty() => outside.push(key.to_string()),
                Err(_) if found.is_empty() => return Err(missing_issue(value, asked.name)),
                _ => inside.extend(found),
            }
        }
        if !inside.is_empty() {
            parts.push(Sql::among("i.parent_issue_id", uuids(&inside), negated));
        }
        if !outside.is_empty() {
            parts.push(Sql::among("i.parent_key", outside, negated));
        }
        Ok(if negated { Sql::all(parts) } else { Sql::any(parts) })
    }

    /// Issues of these epics: by their present keys, and by the keys that they had when their issues were read. An old key that
    /// another issue has today is that issue's.
    pub(super) fn epics(&self, asked: Asked<'a>, entries: &[Entry<'a>], negated: bool) -> Result<Sql> {
        let found: Vec<_> =
            literals(entries)?.flat_map(|value| self.names.find(Roster::Issue, value)).collect();
        let keys = self.keys(asked, entries)?;
        if found.is_empty() {
            return Ok(Sql::among("i.epic_key", keys, negated));
        }
        let operator = if negated { "(i.epic_key <> ALL(" } else { "(i.epic_key = ANY(" };
        Ok(Sql::new(operator).append(keys_ever(keys, &found)).push("))"))
    }

    /// Issues of these epics, directly or as a part of one, or of others.
    pub(super) fn parent_epics(&self, asked: Asked<'a>, entries: &[Entry<'a>], negated: bool) -> Result<Sql> {
        let found: Vec<_> =
            literals(entries)?.flat_map(|value| self.names.find(Roster::Issue, value)).collect();
        let some = of_epics(&found, self.keys(asked, entries)?);
        if !negated {
            return Ok(some);
        }
        let has_one = Sql::new(
            "(i.epic_key IS NOT NULL OR EXISTS (SELECT FROM issues p WHERE p.tenant_id = i.tenant_id \
             AND p.id = i.parent_issue_id AND p.epic_key IS NOT NULL))",
        );
        Ok(Sql::all(vec![has_one, some.not()]))
    }

    /// The issues that a function's arguments name, every one of them.
    pub(super) fn issues_of(&self, function: &Function, field: &str) -> Result<Vec<&'a Found>> {
        let mut all = Vec::new();
        for argument in &function.arguments {
            let found = self.names.find(Roster::Issue, &Value::String(argument.clone()));
            if found.is_empty() {
                return Err(refusals::unknown_issue(argument, field));
            }
            all.extend(found);
        }
        Ok(all)
    }

    /// Links to what is outside of Jira are not copied from sites.
    pub(super) fn remotely_linked(&self, function: &'a Function) -> Result<Entry<'a>> {
        if self.is_known(Roster::Mirror) {
            return Err(refusals::unanswered(&format!("the function '{}'", function.name)));
        }
        Ok(Entry::RemotelyLinked(&function.arguments))
    }

    /// Present keys of issues, and keys that are not in the copy as they are.
    fn keys(&self, asked: Asked<'a>, entries: &[Entry<'a>]) -> Result<Vec<String>> {
        let mut keys = Vec::new();
        for value in literals(entries)? {
            let found = self.names.find(Roster::Issue, value);
            match text_of(value).parse::<IssueKey>() {
                Ok(key) => keys.push(key.to_string()),
                Err(_) if found.is_empty() => return Err(missing_issue(value, asked.name)),
                Err(_) => {}
            }
            keys.extend(found.into_iter().map(|found| found.name.clone()));
        }
        keys.sort_unstable();
        keys.dedup();
        Ok(keys)
    }

    /// Keys have an order within their project only; ids have one of their own.
    pub(super) fn key_order(&self, asked: Asked<'a>, order: Order, entry: &Entry<'a>) -> Result<Sql> {
        let Entry::Value(value) = entry else { return Err(misfit()) };
        let text = text_of(value);
        if let Ok(id) = text.trim().parse::<i64>() {
            return Ok(Sql::new("i.jira_number").push(order.sql()).bind(id));
        }
        let key: IssueKey =
            text.trim().parse().map_err(|_| refusals::invalid_issue_key(&text, asked.name))?;
        let project = Sql::new("(i.key_project = ").bind(key.project());
        Ok(project.push(" AND i.key_number").push(order.sql()).bind(key.number()).push(")"))
    }
}

/// These keys, and those that the issues had before: an array.
fn keys_ever(keys: Vec<String>, found: &[&Found]) -> Sql {
    Sql::new("ARRAY(SELECT unnest(")
        .bind(keys)
        .push("::text[]) UNION ALL SELECT k.key FROM issue_key_aliases k WHERE k.issue_id = ANY(")
        .bind(uuids(found))
        .push(
            ") AND NOT EXISTS (SELECT FROM issues o WHERE o.tenant_id = k.tenant_id AND \
             o.instance_id = k.instance_id AND o.key = k.key AND o.presence = 'present'))",
        )
}

fn present_keys(found: &[&Found]) -> Vec<String> {
    found.iter().map(|found| found.name.clone()).collect()
}

/// Issues of epics, and those that are a part of one. Never unknown.
fn of_epics(found: &[&Found], keys: Vec<String>) -> Sql {
    let keys = keys_ever(keys, found);
    let own = Sql::new("(i.epic_key = ANY(").append(keys.clone()).push(")) IS TRUE");
    let parents = Sql::new(
        "EXISTS (SELECT FROM issues p WHERE p.tenant_id = i.tenant_id AND p.id = i.parent_issue_id AND p.epic_key = ANY(",
    );
    Sql::any(vec![own, parents.append(keys).push("))")])
}

/// Issues below these: their children and those of their children, by parent or, at epics, by the epic's link.
fn below(found: &[&Found]) -> Sql {
    let sql = Sql::new(
        "i.id IN (WITH RECURSIVE below (id) AS ((SELECT x.id FROM issues x WHERE x.parent_issue_id = ANY(",
    );
    let sql = sql.bind(uuids(found)).push(") UNION SELECT x.id FROM issues x WHERE x.epic_key = ANY(");
    sql.append(keys_ever(present_keys(found), found)).push(
        ")) UNION SELECT x.id FROM issues x JOIN below b ON x.parent_issue_id = b.id) SELECT id FROM below)",
    )
}

fn missing_issue(value: &Value, name: &str) -> Error {
    let text = text_of(value);
    if text.trim().bytes().all(|b| b.is_ascii_digit()) {
        refusals::unknown_id(&text, name)
    } else if text.parse::<IssueKey>().is_ok() {
        refusals::unknown_issue(&text, name)
    } else {
        refusals::invalid_issue_key(&text, name)
    }
}
