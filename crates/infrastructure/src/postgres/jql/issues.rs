//! Issues by key, old key or id: the issue itself, its parent, its epic, and what stands in an order with them.

use application::{Error, Result};
use domain::issue_key::IssueKey;
use jql::Value;

use super::{
    attached,
    compile::{Asked, Compiler, Entry, Order, misfit, uuids},
    conditions::{literals, opposite_if},
    names::{Found, Roster, text_of},
    refusals,
    sql::Sql,
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
        let operator = if negated { "(i.epic_key <> ALL(ARRAY(" } else { "(i.epic_key = ANY(ARRAY(" };
        Ok(Sql::new(operator)
            .push("SELECT unnest(")
            .bind(keys)
            .push("::text[]) UNION ALL SELECT k.key FROM issue_key_aliases k WHERE k.issue_id = ANY(")
            .bind(uuids(&found))
            .push(
                ") AND NOT EXISTS (SELECT FROM issues o WHERE o.tenant_id = k.tenant_id AND \
                 o.instance_id = k.instance_id AND o.key = k.key AND o.presence = 'present'))))",
            ))
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
