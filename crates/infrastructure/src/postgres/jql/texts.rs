//! `~` and `!~`.
//!
//! `@@` is not leakproof, so row-level security would have PostgreSQL read every issue. Functions of schema `forebay` find
//! the ids instead, within the tenant; the issues are joined back under the policies. A word that many issues have is looked
//! for in the issues themselves, in the order of the page (see [`super::lookups`]).

use application::Result;

use super::{
    compile::{Asked, Compiler},
    conditions::list_id,
    fields::{Class, Field},
    lookups::Lookup,
    refusals,
    sql::Sql,
    values::{everywhere, matching, searched, value_key},
    words::{TextQuery, text_query},
};

impl<'a> Compiler<'a> {
    pub(super) fn like(&self, asked: Asked<'a>, text: &str, negated: bool) -> Result<Sql> {
        let query = |text| text_query(text, asked.name);
        Ok(match asked.field {
            Field::Text => {
                let query = query(text)?.sql;
                let itself = Sql::new("i.search @@ ").append(query.clone());
                let call = Sql::new("search_issues(").append(query.clone()).push(", true");
                let anywhere = Sql::any(vec![itself, commented(&query)]);
                opposite(Sql::lookup(Lookup::of_text(anywhere, call, true)), negated)
            }
            Field::Summary => opposite(one_of("i.summary", query(text)?), negated),
            Field::Description => {
                let found = one_of("coalesce(i.description_text, '')", query(text)?);
                Sql::all(vec![self.emptiness(asked, true)?, opposite(found, negated)])
            }
            Field::Comment => {
                let query = query(text)?.sql;
                let call = Sql::new("search_comments(").append(query.clone());
                let found = Sql::lookup(Lookup::of_text(commented(&query), call, true));
                if negated { Sql::all(vec![comment_where(None), found.not()]) } else { found }
            }
            // Versions are named exactly, but for wildcards (jira-facts 8.4).
            Field::List(list) => {
                let condition = Sql::new("v.value_key LIKE ").bind(pattern(text));
                matching(&everywhere(list_id(*list)), &condition, negated)
            }
            Field::Custom(custom) if matches!(custom.class, Class::Text | Class::Other) => {
                let condition = Sql::new("to_tsvector('english', coalesce(v.value_text, '')) @@ ");
                searched(&custom.scope, &condition.append(query(text)?.sql), negated)
            }
            _ => return Err(refusals::wrong_operator(if negated { "!~" } else { "~" }, asked.name)),
        })
    }
}

fn opposite(sql: Sql, negated: bool) -> Sql {
    if negated { sql.not() } else { sql }
}

/// Whether a comment meets a text query.
fn commented(query: &Sql) -> Sql {
    comment_where(Some(Sql::new("c.search @@ ").append(query.clone())))
}

fn comment_where(condition: Option<Sql>) -> Sql {
    let sql = Sql::new(
        "EXISTS (SELECT FROM comments c WHERE c.tenant_id = i.tenant_id AND c.issue_id = i.id AND c.presence = 'present'",
    );
    let sql = match condition {
        Some(condition) => sql.push(" AND ").append(condition),
        None => sql,
    };
    sql.push(" OFFSET 0)")
}

/// One text of the issue: found among the issues whose texts together meet the query, where they must, and looked at again.
fn one_of(column: &'static str, query: TextQuery) -> Sql {
    let itself = Sql::new("to_tsvector('english', ").push(column).push(") @@ ").append(query.sql.clone());
    if !query.holds_for_the_whole {
        return itself;
    }
    let whole = Sql::new("i.search @@ ").append(query.sql.clone());
    let call = Sql::new("search_issues(").append(query.sql).push(", false");
    Sql::lookup(Lookup::of_text(Sql::all(vec![whole, itself]), call, false))
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
