//! `~` and `!~`.
//!
//! `@@` is not leakproof, so row-level security would have PostgreSQL read every issue. Functions of schema `forebay` find
//! the ids instead, within the tenant; the issues are joined back under the policies. A word that many issues have is looked
//! for in the issues themselves, in the order of the page (see [`super::lookups`]).

use application::Result;
use jql::Value;

use super::{
    attached::{worked, worklog_commented},
    compile::{Asked, Compiler},
    conditions::{ENVIRONMENT, list_id, opposite_if},
    fields::{Class, Field, Worklog},
    lookups::Lookup,
    names::Roster,
    refusals,
    sql::Sql,
    values::{everywhere, searched, value_key},
    words::{TextQuery, text_query},
};

impl<'a> Compiler<'a> {
    pub(super) fn like(&self, asked: Asked<'a>, text: &str, negated: bool) -> Result<Sql> {
        let query = |text| text_query(text, asked.name);
        Ok(match asked.field {
            Field::Text => opposite_if(self.anywhere(query(text)?), negated),
            Field::Summary => opposite_if(one_of(SUMMARY, query(text)?), negated),
            Field::Description => {
                let found = one_of(DESCRIPTION, query(text)?);
                Sql::all(vec![self.emptiness(asked, true)?, opposite_if(found, negated)])
            }
            Field::Environment => searched(&everywhere(ENVIRONMENT), &query(text)?.met_by(VALUE), negated),
            Field::Worklog(Worklog::Comment) => {
                let found = worklog_commented(&query(text)?);
                if negated { Sql::all(vec![worked(None), found.not()]) } else { found }
            }
            Field::Comment => {
                let query = query(text)?;
                let found = match query.is_indexed() {
                    true => {
                        let call = Sql::new("search_comments(").append(query.sql.clone());
                        Sql::lookup(Lookup::of_text(commented(&query), call, true))
                    }
                    false => commented(&query),
                };
                if negated { Sql::all(vec![comment_where(None), found.not()]) } else { found }
            }
            // Versions are named exactly, but for wildcards (jira-facts 8.4).
            Field::List(list) => {
                let found = self.names.find(Roster::VersionsLike, &Value::String(pattern(text)));
                self.members(&everywhere(list_id(*list)), &found, negated)
            }
            Field::Property(property) => property.like(&query(text)?, negated),
            Field::Custom(custom) if matches!(custom.class, Class::Text | Class::Other) => {
                searched(&custom.scope, &query(text)?.met_by(VALUE), negated)
            }
            _ => return Err(refusals::wrong_operator(if negated { "!~" } else { "~" }, asked.name)),
        })
    }
}

/// Whether the value `v` is a text that is searched: as the index has it (migration 0085).
const IS_TEXT: &str = ") AND v.value_id IS NULL AND v.value_number IS NULL AND v.value_time IS NULL AND v.field_id <> 'labels' \
     AND v.value_text !~ '^[0-9]\\|[0-9a-z]*:' AND ";

const COMMENT: &str = "left(coalesce(c.body_text, ''), 100000)";
const SUMMARY: &str = "i.summary";
const DESCRIPTION: &str = "coalesce(i.description_text, '')";

/// The text of a field's value `v`.
const VALUE: &str = "left(coalesce(v.value_text, ''), 100000)";

impl Compiler<'_> {
    /// Whether any text of the issue meets a query: each by itself, as Jira looks at them (jira-facts 8.3).
    pub(super) fn anywhere(&self, query: TextQuery) -> Sql {
        let mut fields = self.fields.texts().to_vec();
        fields.push(ENVIRONMENT.to_owned());
        let own = if query.is_of_one_word {
            Sql::new("i.search @@ ").append(query.sql.clone())
        } else {
            let parts = Sql::any(vec![query.met_by(SUMMARY), query.met_by(DESCRIPTION)]);
            match &query.of_the_whole {
                Some(whole) => Sql::all(vec![Sql::new("i.search @@ ").append(whole.clone()), parts]),
                None => parts,
            }
        };
        let valued = Sql::new(
            "EXISTS (SELECT FROM issue_field_values v WHERE v.tenant_id = i.tenant_id AND v.issue_id = i.id AND v.field_id = ANY(",
        );
        let valued = valued.bind(fields.clone()).push(IS_TEXT);
        let valued = valued.append(query.met_by(VALUE)).push(" OFFSET 0)");
        let anywhere = Sql::any(vec![own, commented(&query), valued]);
        let Some(whole) = query.of_the_whole else { return anywhere };
        let call = Sql::new("search_texts(").append(whole).push(", ").bind(fields);
        Sql::lookup(Lookup::of_text(anywhere, call, query.is_of_one_word))
    }
}

/// Whether a comment meets a text query.
fn commented(query: &TextQuery) -> Sql {
    comment_where(Some(query.met_by_stored("c.search", COMMENT)))
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
    let itself = query.met_by(column);
    let Some(whole) = query.of_the_whole else { return itself };
    let call = Sql::new("search_issues(").append(whole.clone()).push(", false");
    let whole = Sql::new("i.search @@ ").append(whole);
    Sql::lookup(Lookup::of_text(Sql::all(vec![whole, itself]), call, false))
}

/// `*` and `?` as `LIKE` has them.
pub(super) fn pattern(text: &str) -> String {
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
