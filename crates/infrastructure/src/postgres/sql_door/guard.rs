//! What may be asked: one query over the views, with functions from the list.
//!
//! The guard reads the question with a parser of its own. That both divide the text into the same tokens is seen to by
//! [`super::question`]; that both see the same in them is not, so the fences behind the guard (see [`super`]) hold without it. It is
//! here to refuse early, to say why, and to keep questions away from functions that cost or disclose more than rows.

use std::{
    collections::{HashMap, HashSet},
    ops::ControlFlow,
};

use application::{Error, Result};
use sqlparser::{
    ast::{
        AccessExpr, ArrayElemTypeDef, DataType, Expr, Function, Ident, ObjectName, Query, Select, SetExpr,
        Statement, TableAlias, TableFactor, Value, ValueWithSpan, Visit, Visitor,
    },
    dialect::PostgreSqlDialect,
    keywords::Keyword,
    parser::Parser,
    tokenizer::Token,
};

use super::{
    functions,
    question::{self, Question},
};

/// The views of schema `jira`.
const VIEWS: &[&str] = &[
    "issues",
    "changelog",
    "comments",
    "worklogs",
    "links",
    "field_values",
    "status_history",
    "time_in_status",
    "time_in_category",
    "issue_metrics",
    "lead_time_view",
    "user_workload",
    "projects",
    "users",
    "statuses",
    "sprints",
    "attachments",
    "boards",
    "components",
    "filters",
    "freshness",
    "issue_link_types",
    "reference_freshness",
    "remote_links",
    "sprint_issues",
    "versions",
    "watchers",
];
const SCHEMA: &str = "jira";

/// A question is a page of text at most.
const MAX_BYTES: usize = 50_000;
/// How many operators there may be. Each one may nest what stands before it, and walking 500 levels exhausts the 2 MiB of
/// stack that a worker thread has. Parentheses need no count: the parser stops at 50 levels.
const MAX_OPERATORS: usize = 300;

/// Words of SQL that never nest; together with names, values and punctuation they may be as many as one likes.
const FLAT_WORDS: [Keyword; 40] = [
    Keyword::AS,
    Keyword::ASC,
    Keyword::BY,
    Keyword::CASE,
    Keyword::COUNT,
    Keyword::CROSS,
    Keyword::DATE,
    Keyword::DAY,
    Keyword::DESC,
    Keyword::DISTINCT,
    Keyword::ELSE,
    Keyword::END,
    Keyword::EPOCH,
    Keyword::EXTRACT,
    Keyword::FALSE,
    Keyword::FILTER,
    Keyword::FROM,
    Keyword::GROUP,
    Keyword::HAVING,
    Keyword::INNER,
    Keyword::INTERVAL,
    Keyword::JOIN,
    Keyword::LATERAL,
    Keyword::LEFT,
    Keyword::LIMIT,
    Keyword::MAX,
    Keyword::MIN,
    Keyword::ON,
    Keyword::ORDER,
    Keyword::OVER,
    Keyword::PARTITION,
    Keyword::RIGHT,
    Keyword::SELECT,
    Keyword::SUM,
    Keyword::THEN,
    Keyword::TRUE,
    Keyword::USING,
    Keyword::WHEN,
    Keyword::WHERE,
    Keyword::WITH,
];

/// Types beyond those that the parser knows by name.
const OTHER_TYPES: [&str; 5] = ["bpchar", "daterange", "int4range", "int8range", "tstzrange"];

/// Columns of table functions that have more than one, and of WITH ORDINALITY.
const FUNCTION_COLUMNS: [&str; 3] = ["key", "value", "ordinality"];

/// The question as it is to be run.
///
/// # Errors
/// [`Error::Invalid`] (field `sql`), naming what is refused and what is there instead.
pub(in crate::postgres) fn check(sql: &str) -> Result<Question> {
    inspect(sql).map_err(|reason| Error::invalid("sql", reason))
}

fn inspect(sql: &str) -> std::result::Result<Question, String> {
    if sql.len() > MAX_BYTES {
        return Err(format!("is longer than {MAX_BYTES} bytes"));
    }
    let tokens = question::tokens(sql)?;
    if tokens.iter().filter(|token| may_nest(&token.token)).count() > MAX_OPERATORS {
        return Err(format!(
            "has more than {MAX_OPERATORS} operators; ask it in parts, and compare with lists by IN"
        ));
    }
    let question = question::write(&tokens, sql)?;
    let statements = Parser::new(&PostgreSqlDialect {})
        .with_tokens_with_locations(tokens)
        .parse_statements()
        .map_err(|error| error.to_string())?;
    let query = match statements.as_slice() {
        [Statement::Query(query)] => query,
        [] => return Err("is empty; ask one SELECT".into()),
        [_] => return Err("only SELECT is answered here; the SQL door reads and never writes".into()),
        _ => return Err("ask one SELECT at a time".into()),
    };
    let mut guard = Guard::default();
    match query.visit(&mut guard) {
        ControlFlow::Break(reason) => Err(*reason),
        ControlFlow::Continue(()) => guard.check_columns_of_functions().map(|()| question),
    }
}

fn may_nest(token: &Token) -> bool {
    match token {
        Token::Comma
        | Token::Period
        | Token::LParen
        | Token::RParen
        | Token::SingleQuotedString(_)
        | Token::EscapedStringLiteral(_)
        | Token::DollarQuotedString(_)
        | Token::Number(_, _) => false,
        Token::Word(word) => word.keyword != Keyword::NoKeyword && !FLAT_WORDS.contains(&word.keyword),
        _ => true,
    }
}

/// Boxed, because the visitor carries it through every level.
type Refusal = Box<String>;

fn refuse(reason: String) -> ControlFlow<Refusal> {
    ControlFlow::Break(Box::new(reason))
}

fn available_relations() -> String {
    format!("available are the views of schema jira: {}", VIEWS.join(", "))
}

#[derive(Default)]
struct Guard {
    /// Names of WITH queries, wherever they stand. A name out of its scope is looked up by PostgreSQL in schema `jira` and in the
    /// catalogue; the names of the catalogue all begin with `pg_`, and no WITH query may be called so.
    with_queries: HashSet<String>,
    /// Names of functions in FROM and of their columns. PostgreSQL reads `f.x`, where `f` stands for a plain value and has
    /// no column x, as the call x(f); so only columns may be named that way.
    functions_in_from: HashMap<String, HashSet<String>>,
    /// `a.b` as it occurs.
    qualified: Vec<(String, String)>,
}

impl Guard {
    fn check_body(body: &SetExpr) -> ControlFlow<Refusal> {
        match body {
            SetExpr::Select(_) | SetExpr::Query(_) | SetExpr::Values(_) => ControlFlow::Continue(()),
            SetExpr::SetOperation { left, right, .. } => {
                Self::check_body(left)?;
                Self::check_body(right)
            }
            SetExpr::Table(_) => refuse("TABLE is not answered here; write SELECT * FROM".into()),
            SetExpr::Insert(_) | SetExpr::Update(_) | SetExpr::Delete(_) | SetExpr::Merge(_) => {
                refuse("only SELECT is answered here; the SQL door reads and never writes".into())
            }
        }
    }

    fn check_relation(&self, name: &ObjectName) -> ControlFlow<Refusal> {
        let parts = folded(name);
        let is_known = match parts.as_deref() {
            Some([view]) => VIEWS.contains(&view.as_str()) || self.with_queries.contains(view),
            Some([schema, view]) => schema == SCHEMA && VIEWS.contains(&view.as_str()),
            _ => false,
        };
        if is_known {
            ControlFlow::Continue(())
        } else {
            refuse(format!("there is no table `{name}`; {}", available_relations()))
        }
    }

    fn check_function(function: &Function) -> ControlFlow<Refusal> {
        match folded(&function.name).as_deref() {
            Some([name]) if functions::is_available(name) => ControlFlow::Continue(()),
            _ => refuse_function(&function.name),
        }
    }

    /// A function where a table stands.
    fn check_table_function(
        &mut self,
        name: &ObjectName,
        alias: Option<&TableAlias>,
    ) -> ControlFlow<Refusal> {
        match folded(name).as_deref() {
            Some([function]) if functions::is_table_function(function) => {
                self.name_function(function, alias, &[])
            }
            Some([schema, function]) if schema == SCHEMA => match functions::columns_of(function) {
                Some(columns) => self.name_function(function, alias, columns),
                None => refuse_function(name),
            },
            _ => refuse_function(name),
        }
    }

    /// `columns` are those that the function's answer has by itself; without any it has one, called as the function is.
    fn name_function(
        &mut self,
        function: &str,
        alias: Option<&TableAlias>,
        columns: &[&str],
    ) -> ControlFlow<Refusal> {
        let name = alias.map_or_else(|| function.to_owned(), |alias| fold(&alias.name));
        let renamed = alias.map_or(&[][..], |alias| &alias.columns).iter().map(|column| fold(&column.name));
        let mut columns: HashSet<String> =
            columns.iter().map(|column| (*column).to_owned()).chain(renamed).collect();
        if columns.is_empty() {
            columns.insert(name.clone());
        }
        match self.functions_in_from.insert(name.clone(), columns.clone()) {
            Some(others) if others != columns => {
                refuse(format!("`{name}` names two functions in FROM; give each its own name"))
            }
            _ => ControlFlow::Continue(()),
        }
    }

    fn check_type(data_type: &DataType) -> ControlFlow<Refusal> {
        match data_type {
            DataType::Regclass => refuse("the type `regclass` is not available".into()),
            DataType::Custom(name, _) => match folded(name).as_deref() {
                Some([name]) if OTHER_TYPES.contains(&name.as_str()) => ControlFlow::Continue(()),
                _ => refuse(format!("the type `{name}` is not available")),
            },
            DataType::Array(
                ArrayElemTypeDef::AngleBracket(element)
                | ArrayElemTypeDef::SquareBracket(element, _)
                | ArrayElemTypeDef::Parenthesis(element)
                | ArrayElemTypeDef::Qualified(element, _),
            ) => Self::check_type(element),
            _ => ControlFlow::Continue(()),
        }
    }

    fn check_columns_of_functions(&self) -> std::result::Result<(), String> {
        for (name, column) in &self.qualified {
            let Some(columns) = self.functions_in_from.get(name) else { continue };
            if !columns.contains(column) && !FUNCTION_COLUMNS.contains(&column.as_str()) {
                return Err(format!("`{name}.{column}` is no column of the function `{name}` in FROM"));
            }
        }
        Ok(())
    }
}

impl Visitor for Guard {
    type Break = Refusal;

    fn pre_visit_query(&mut self, query: &Query) -> ControlFlow<Refusal> {
        if !query.locks.is_empty() {
            return refuse("FOR UPDATE and FOR SHARE lock rows, which the SQL door does not".into());
        }
        for cte in query.with.iter().flat_map(|with| &with.cte_tables) {
            let name = fold(&cte.alias.name);
            if name.starts_with("pg_") {
                return refuse(format!("a WITH query cannot be called `{name}`; choose another name"));
            }
            self.with_queries.insert(name);
        }
        Self::check_body(&query.body)
    }

    fn pre_visit_select(&mut self, select: &Select) -> ControlFlow<Refusal> {
        if select.into.is_some() {
            return refuse("SELECT INTO makes a table, which the SQL door does not".into());
        }
        ControlFlow::Continue(())
    }

    fn pre_visit_statement(&mut self, _: &Statement) -> ControlFlow<Refusal> {
        refuse("only SELECT is answered here; the SQL door reads and never writes".into())
    }

    fn pre_visit_table_factor(&mut self, factor: &TableFactor) -> ControlFlow<Refusal> {
        match factor {
            TableFactor::Table { name, args: None, .. } => self.check_relation(name),
            TableFactor::Table { name, args: Some(_), alias, .. }
            | TableFactor::Function { name, alias, .. } => self.check_table_function(name, alias.as_ref()),
            TableFactor::UNNEST { alias, .. } => self.name_function("unnest", alias.as_ref(), &[]),
            TableFactor::Derived { .. } | TableFactor::NestedJoin { .. } => ControlFlow::Continue(()),
            other => refuse(format!("`{other}` cannot stand in FROM here; {}", available_relations())),
        }
    }

    fn pre_visit_expr(&mut self, expr: &Expr) -> ControlFlow<Refusal> {
        match expr {
            Expr::Function(function) => Self::check_function(function),
            Expr::Cast { data_type, .. } => Self::check_type(data_type),
            Expr::TypedString(typed) => Self::check_type(&typed.data_type),
            Expr::CompoundIdentifier(parts) => {
                if let [.., name, column] = parts.as_slice() {
                    self.qualified.push((fold(name), fold(column)));
                }
                ControlFlow::Continue(())
            }
            // `(x).f` may be the call f(x).
            Expr::CompoundFieldAccess { access_chain, .. }
                if access_chain.iter().any(|access| matches!(access, AccessExpr::Dot(_))) =>
            {
                refuse(
                    "`(…).name` is not available; name the column as table.column, and JSON members by ->"
                        .into(),
                )
            }
            _ => ControlFlow::Continue(()),
        }
    }

    fn pre_visit_value(&mut self, value: &ValueWithSpan) -> ControlFlow<Refusal> {
        match &value.value {
            Value::Placeholder(name) => {
                refuse(format!("`{name}`: parameters are not available; write the value"))
            }
            _ => ControlFlow::Continue(()),
        }
    }
}

fn refuse_function(name: &ObjectName) -> ControlFlow<Refusal> {
    let last = name.0.last().and_then(|part| part.as_ident()).map(fold);
    if let Some(function) = last.filter(|function| functions::columns_of(function).is_some()) {
        return refuse(format!(
            "the function `{name}` is to be called in FROM, as {SCHEMA}.{function}(…): it answers rows"
        ));
    }
    refuse(format!(
        "the function `{name}` is not available; there are PostgreSQL's aggregate, window, text, number, date, JSON, array \
         and text search functions that compute from their arguments alone, and, in FROM, {}",
        functions::of_jira().map(|function| format!("{SCHEMA}.{function}")).collect::<Vec<_>>().join(", ")
    ))
}

/// An identifier as PostgreSQL reads it: [`question::tokens`] has folded and cut it.
fn fold(ident: &Ident) -> String {
    ident.value.clone()
}

/// `None` when a part of the name is not an identifier.
fn folded(name: &ObjectName) -> Option<Vec<String>> {
    name.0.iter().map(|part| part.as_ident().map(fold)).collect()
}

#[cfg(test)]
mod tests;
