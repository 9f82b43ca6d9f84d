//! Jira Query Language: text to syntax tree and back.
//!
//! [`parse`] turns a query into a [`Query`], which prints itself as normalised JQL again. The grammar is the
//! one of Jira Cloud (jira-facts section 8.1), and a text that does not follow it is refused with the
//! sentence Jira itself answers with (section 8.6).
//!
//! The crate knows the language only. Whether a field exists, which operators it takes and what a value means
//! are questions for those who run the query.
//!
//! ```
//! let query = jql::parse("project = ABC and status in ('In Progress', Done) order by updated desc")?;
//! assert_eq!(
//!     query.to_string(),
//!     r#"project = ABC AND status IN ("In Progress", Done) ORDER BY updated DESC"#
//! );
//!
//! let error = jql::parse("invalid query").unwrap_err();
//! assert!(error.to_string().starts_with("Error in the JQL Query: Expecting operator but got 'query'."));
//! # Ok::<(), jql::ParseError>(())
//! ```

mod ast;
mod error;
mod lexer;
mod parser;
mod print;
mod reserved;
#[cfg(test)]
mod tests;

pub use ast::{
    Clause, CompareOp, Direction, Field, FieldName, Function, HistoryOp, HistoryPredicate, Operand, Position,
    Predicate, Property, Query, Sort, Term, Value,
};
pub use error::ParseError;
pub use parser::{MAX_DEPTH, parse};
pub use print::quote;
pub use reserved::{RESERVED_WORDS, is_reserved};
