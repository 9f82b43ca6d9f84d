//! From the syntax tree to text: keywords in capitals, and no quotation mark or parenthesis that is not
//! needed.
//!
//! Parsing what is printed gives the same tree again, as long as the tree keeps to what [`ast`](crate::ast)
//! says about its parts.

use std::borrow::Cow;
use std::fmt::{self, Display, Formatter, Write};

use crate::ast::{
    Clause, CompareOp, Direction, Field, FieldName, Function, HistoryOp, HistoryPredicate, Operand,
    Predicate, Property, Query, Sort, Term, Value,
};
use crate::lexer::{is_bare, is_illegal, is_number};
use crate::reserved::is_reserved;

/// A string as a value or name of a query: itself where that can be, within quotation marks where it has to
/// be.
///
/// A string of digits is quoted too: without quotation marks it would be a number.
///
/// ```
/// assert_eq!(jql::quote("Done"), "Done");
/// assert_eq!(jql::quote("In \"Progress\""), r#""In \"Progress\"""#);
/// assert_eq!(jql::quote("42"), r#""42""#);
/// assert_eq!(jql::quote("limit"), r#""limit""#);
/// ```
#[must_use]
pub fn quote(value: &str) -> Cow<'_, str> {
    if is_number(value) { Cow::Owned(quoted(value)) } else { quote_but_numbers(value) }
}

/// As [`quote`], for places where a number means the same with and without quotation marks.
fn quote_but_numbers(value: &str) -> Cow<'_, str> {
    let is_word = !value.is_empty() && value.chars().all(is_bare) && !is_reserved(value);
    if is_word { Cow::Borrowed(value) } else { Cow::Owned(quoted(value)) }
}

/// A string within quotation marks.
pub(crate) fn quoted(value: &str) -> String {
    let mut text = String::with_capacity(value.len() + 2);
    text.push('"');
    for character in value.chars() {
        match character {
            '"' => text.push_str("\\\""),
            '\\' => text.push_str("\\\\"),
            '\t' => text.push_str("\\t"),
            '\n' => text.push_str("\\n"),
            '\r' => text.push_str("\\r"),
            illegal if is_illegal(illegal) => text.push_str(&format!("\\u{:04x}", u32::from(illegal))),
            other => text.push(other),
        }
    }
    text.push('"');
    text
}

fn write_listed<T: Display>(f: &mut Formatter<'_>, entries: &[T]) -> fmt::Result {
    for (index, entry) in entries.iter().enumerate() {
        if index > 0 {
            f.write_str(", ")?;
        }
        entry.fmt(f)?;
    }
    Ok(())
}

impl Display for Query {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        if let Some(filter) = &self.filter {
            filter.fmt(f)?;
        }
        if self.order_by.is_empty() {
            return Ok(());
        }
        if self.filter.is_some() {
            f.write_char(' ')?;
        }
        f.write_str("ORDER BY ")?;
        write_listed(f, &self.order_by)
    }
}

/// How tightly a clause holds together; one that holds less tightly than what is around it needs parentheses.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Binding {
    Or,
    And,
    Not,
}

fn binding(clause: &Clause) -> Binding {
    match clause {
        Clause::Or(_) => Binding::Or,
        Clause::And(_) => Binding::And,
        Clause::Not(_) | Clause::Term(_) => Binding::Not,
    }
}

/// A clause in a place that holds together as tightly as the binding says.
fn write_within(f: &mut Formatter<'_>, around: Binding, clause: &Clause) -> fmt::Result {
    if binding(clause) < around { write!(f, "({clause})") } else { clause.fmt(f) }
}

fn write_joined(f: &mut Formatter<'_>, parts: &[Clause], around: Binding, word: &str) -> fmt::Result {
    for (index, part) in parts.iter().enumerate() {
        if index > 0 {
            write!(f, " {word} ")?;
        }
        write_within(f, around, part)?;
    }
    Ok(())
}

impl Display for Clause {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Clause::And(parts) => write_joined(f, parts, Binding::And, "AND"),
            Clause::Or(parts) => write_joined(f, parts, Binding::Or, "OR"),
            Clause::Not(part) => {
                f.write_str("NOT ")?;
                write_within(f, Binding::Not, part)
            }
            Clause::Term(term) => term.fmt(f),
        }
    }
}

impl Display for Term {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.field, self.predicate)
    }
}

impl Display for Field {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        self.name.fmt(f)?;
        self.properties.iter().try_for_each(|property| property.fmt(f))
    }
}

impl Display for FieldName {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            FieldName::Name(name) => f.write_str(&quote(name)),
            FieldName::CustomId(id) => write!(f, "cf[{id}]"),
            FieldName::Id(id) => id.fmt(f),
        }
    }
}

impl Display for Property {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        write!(f, "[{}]", quote_but_numbers(&self.key))?;
        if self.path.is_empty() {
            return Ok(());
        }
        f.write_str(&quote_but_numbers(&format!(".{}", self.path.join("."))))
    }
}

impl Display for Predicate {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let not = |negated: &bool| if *negated { "NOT " } else { "" };
        match self {
            Predicate::Compare { op, operand } => write!(f, "{op} {operand}"),
            Predicate::In { negated, operand } => write!(f, "{}IN {operand}", not(negated)),
            Predicate::Is { negated } => write!(f, "IS {}EMPTY", not(negated)),
            Predicate::Was { negated, operand, predicates } => {
                write!(f, "WAS {}{operand}", not(negated))?;
                write_predicates(f, predicates)
            }
            Predicate::WasIn { negated, operand, predicates } => {
                write!(f, "WAS {}IN {operand}", not(negated))?;
                write_predicates(f, predicates)
            }
            Predicate::Changed { predicates } => {
                f.write_str("CHANGED")?;
                write_predicates(f, predicates)
            }
        }
    }
}

fn write_predicates(f: &mut Formatter<'_>, predicates: &[HistoryPredicate]) -> fmt::Result {
    predicates.iter().try_for_each(|predicate| write!(f, " {predicate}"))
}

impl Display for CompareOp {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            CompareOp::Equals => "=",
            CompareOp::NotEquals => "!=",
            CompareOp::Like => "~",
            CompareOp::NotLike => "!~",
            CompareOp::LessThan => "<",
            CompareOp::LessThanEquals => "<=",
            CompareOp::GreaterThan => ">",
            CompareOp::GreaterThanEquals => ">=",
        })
    }
}

impl Display for HistoryPredicate {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.op, self.operand)
    }
}

impl Display for HistoryOp {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            HistoryOp::Before => "BEFORE",
            HistoryOp::After => "AFTER",
            HistoryOp::On => "ON",
            HistoryOp::During => "DURING",
            HistoryOp::By => "BY",
            HistoryOp::From => "FROM",
            HistoryOp::To => "TO",
        })
    }
}

impl Display for Operand {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Operand::Value(value) => value.fmt(f),
            Operand::Function(function) => function.fmt(f),
            Operand::List(entries) => {
                f.write_char('(')?;
                write_listed(f, entries)?;
                f.write_char(')')
            }
            Operand::Empty => f.write_str("EMPTY"),
        }
    }
}

impl Display for Value {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Value::Number(number) => number.fmt(f),
            Value::String(text) => f.write_str(&quote(text)),
        }
    }
}

impl Display for Function {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        write!(f, "{}(", quote_but_numbers(&self.name))?;
        let arguments: Vec<_> = self.arguments.iter().map(|argument| quote_but_numbers(argument)).collect();
        write_listed(f, &arguments)?;
        f.write_char(')')
    }
}

impl Display for Sort {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        self.field.fmt(f)?;
        match self.direction {
            Some(direction) => write!(f, " {direction}"),
            None => Ok(()),
        }
    }
}

impl Display for Direction {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Direction::Ascending => "ASC",
            Direction::Descending => "DESC",
        })
    }
}
