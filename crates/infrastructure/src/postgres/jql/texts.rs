//! `~` and `!~`.
//!
//! `@@` is not leakproof, so row-level security would have PostgreSQL read every issue. Functions of schema `forebay` find
//! the ids instead, within the tenant; the issues are joined back under the policies.

use application::Result;

use super::{
    compile::{Asked, Compiler},
    conditions::list_id,
    fields::{Class, Field},
    refusals,
    sql::Sql,
    values::{everywhere, matching, value_key},
    words::{TextQuery, text_query},
};

impl<'a> Compiler<'a> {
    pub(super) fn like(&self, asked: Asked<'a>, text: &str, negated: bool) -> Result<Sql> {
        let query = |text| text_query(text, asked.name);
        Ok(match asked.field {
            Field::Text => {
                let found =
                    Sql::new("i.id IN (SELECT s.id FROM forebay.search_issues(").append(query(text)?.sql);
                opposite(found.push(", true) AS s (id))"), negated)
            }
            Field::Summary => opposite(one_of("i.summary", query(text)?), negated),
            Field::Description => {
                let found = one_of("coalesce(i.description_text, '')", query(text)?);
                Sql::all(vec![self.emptiness(asked, true)?, opposite(found, negated)])
            }
            Field::Comment => {
                let found =
                    Sql::new("i.id IN (SELECT s.id FROM forebay.search_comments(").append(query(text)?.sql);
                let found = found.push(") AS s (id))");
                let some = Sql::new(
                    "EXISTS (SELECT FROM comments c WHERE c.tenant_id = i.tenant_id AND c.issue_id = i.id \
                     AND c.presence = 'present')",
                );
                if negated { Sql::all(vec![some, found.not()]) } else { found }
            }
            // Versions are named exactly, but for wildcards (jira-facts 8.4).
            Field::List(list) => {
                let condition = Sql::new("v.value_key LIKE ").bind(pattern(text));
                matching(&everywhere(list_id(*list)), &condition, negated)
            }
            Field::Custom(custom) if matches!(custom.class, Class::Text | Class::Other) => {
                let condition = Sql::new("to_tsvector('english', coalesce(v.value_text, '')) @@ ");
                matching(&custom.scope, &condition.append(query(text)?.sql), negated)
            }
            _ => return Err(refusals::wrong_operator(if negated { "!~" } else { "~" }, asked.name)),
        })
    }
}

fn opposite(sql: Sql, negated: bool) -> Sql {
    if negated { sql.not() } else { sql }
}

/// One text of the issue: found among the issues whose texts together meet the query, where they must, and looked at again.
fn one_of(column: &'static str, query: TextQuery) -> Sql {
    let itself = Sql::new("to_tsvector('english', ").push(column).push(") @@ ").append(query.sql.clone());
    if !query.holds_for_the_whole {
        return itself;
    }
    let among = Sql::new("i.id IN (SELECT s.id FROM forebay.search_issues(").append(query.sql);
    Sql::all(vec![among.push(", false) AS s (id))"), itself])
}

/// `*` and `?` as `LIKE` has them.
fn pattern(text: &str) -> String {
    let mut pattern = String::new();
    for character in value_key(text).chars() {
        match character {
            '*' => pattern.push('%'),
            '?' => pattern.push('_'),
            '%' | '_' | '\\' => pattern.extend(['\\', character]),
            other => pattern.push(other),
        }
    }
    pattern
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_jiras_own_wildcards_are_wild() {
        assert_eq!(pattern("9.*"), "9.%");
        assert_eq!(pattern("R?C"), "r_c");
        assert_eq!(pattern(r"100%_\"), r"100\%\_\\");
    }
}
