//! SQL from typed parts: text is written by us, values are bound.
//!
//! [`Sql::push`] takes `&'static str` only, so that nothing a caller sent can become text of a statement.

use std::fmt::Write;

use chrono::{DateTime, NaiveDate, Utc};
use sqlx::{Arguments, error::BoxDynError, postgres::PgArguments};
use uuid::Uuid;

use super::lookups::Lookup;

/// A value of a statement. Its PostgreSQL type follows from its kind.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Bind {
    Text(String),
    Texts(Vec<String>),
    Int(i64),
    Ints(Vec<i64>),
    Float(f64),
    Floats(Vec<f64>),
    Uuid(Uuid),
    Uuids(Vec<Uuid>),
    Time(DateTime<Utc>),
    Times(Vec<DateTime<Utc>>),
    Day(NaiveDate),
    Days(Vec<NaiveDate>),
}

macro_rules! binds {
    ($($kind:ident($from:ty)),+ $(,)?) => {
        $(impl From<$from> for Bind {
            fn from(value: $from) -> Self {
                Self::$kind(value)
            }
        })+
    };
}

binds!(
    Int(i64),
    Ints(Vec<i64>),
    Float(f64),
    Floats(Vec<f64>),
    Uuid(Uuid),
    Uuids(Vec<Uuid>),
    Time(DateTime<Utc>),
    Times(Vec<DateTime<Utc>>),
    Day(NaiveDate),
    Days(Vec<NaiveDate>),
);

impl From<String> for Bind {
    fn from(text: String) -> Self {
        Self::Text(storable(text))
    }
}

impl From<&str> for Bind {
    fn from(text: &str) -> Self {
        text.to_owned().into()
    }
}

impl From<Vec<String>> for Bind {
    fn from(texts: Vec<String>) -> Self {
        Self::Texts(texts.into_iter().map(storable).collect())
    }
}

/// PostgreSQL has no NUL in text; what is stored has the same replacement (application::ingest).
fn storable(text: String) -> String {
    if text.contains('\0') { text.replace('\0', "\u{fffd}") } else { text }
}

#[derive(Clone, Debug, PartialEq)]
enum Part {
    Text(&'static str),
    Bind(Bind),
    /// Conditions that all have to hold: kept apart, so that each can be looked at.
    All(Vec<Sql>),
    Lookup(Box<Lookup>),
}

/// A piece of a statement, or a whole one.
#[derive(Clone, Debug, Default, PartialEq)]
#[must_use]
pub(super) struct Sql(Vec<Part>);

impl Sql {
    pub(super) fn new(text: &'static str) -> Self {
        Self(vec![Part::Text(text)])
    }

    pub(super) fn push(mut self, text: &'static str) -> Self {
        self.0.push(Part::Text(text));
        self
    }

    pub(super) fn bind(mut self, value: impl Into<Bind>) -> Self {
        self.0.push(Part::Bind(value.into()));
        self
    }

    pub(super) fn append(mut self, other: Self) -> Self {
        self.0.extend(other.0);
        self
    }

    /// Whether there is nothing in it.
    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// What is always so.
    pub(super) fn always() -> Self {
        Self::new("TRUE")
    }

    /// What is never so.
    pub(super) fn never() -> Self {
        Self::new("FALSE")
    }

    /// All of them; nothing asks nothing.
    pub(super) fn all(mut parts: Vec<Self>) -> Self {
        match parts.len() {
            0 => Self::always(),
            1 => parts.remove(0),
            _ => Self(vec![Part::All(parts)]),
        }
    }

    /// A condition that can be answered from either side.
    pub(super) fn lookup(lookup: Lookup) -> Self {
        Self(vec![Part::Lookup(Box::new(lookup))])
    }

    /// The look-up that this is, and nothing else.
    pub(super) fn as_lookup(&self) -> Option<&Lookup> {
        match self.0.as_slice() {
            [Part::Lookup(lookup)] => Some(lookup),
            _ => None,
        }
    }

    /// The conditions that all have to hold for this one to.
    pub(super) fn conjuncts(mut self) -> Vec<Self> {
        match self.0.as_mut_slice() {
            [Part::All(parts)] => std::mem::take(parts).into_iter().flat_map(Self::conjuncts).collect(),
            _ => vec![self],
        }
    }

    /// At least one of them; there is none among nothing.
    pub(super) fn any(parts: Vec<Self>) -> Self {
        let mut parts = parts.into_iter();
        let Some(first) = parts.next() else { return Self::never() };
        let Some(second) = parts.next() else { return first };
        let whole = Self::new("(").append(first).push(" OR ").append(second);
        parts.fold(whole, |whole, part| whole.push(" OR ").append(part)).push(")")
    }

    /// The opposite. Only for conditions that are never unknown, such as `EXISTS`: the opposite of unknown is unknown.
    pub(super) fn not(self) -> Self {
        Self::new("NOT (").append(self).push(")")
    }

    /// `column = value` or, negated, `column <> value`, for one value or many; an empty column is neither.
    ///
    /// One value is not written as a list of one: only a plain equality lets PostgreSQL read an index in order.
    pub(super) fn among<T>(column: &'static str, mut values: Vec<T>, negated: bool) -> Self
    where
        T: Into<Bind>,
        Vec<T>: Into<Bind>,
    {
        if values.len() > 1 {
            let comparison = if negated { " <> ALL(" } else { " = ANY(" };
            return Self::new(column).push(comparison).bind(values).push(")");
        }
        match (values.pop(), negated) {
            (Some(value), false) => Self::new(column).push(" = ").bind(value),
            (Some(value), true) => Self::new(column).push(" <> ").bind(value),
            (None, false) => Self::never(),
            (None, true) => Self::new(column).push(" IS NOT NULL"),
        }
    }

    /// `column IS NULL` or, negated, `column IS NOT NULL`.
    pub(super) fn is_null(column: &'static str, negated: bool) -> Self {
        Self::new(column).push(if negated { " IS NOT NULL" } else { " IS NULL" })
    }

    /// The text, with `$1`, `$2` ... where values belong.
    pub(super) fn text(&self) -> String {
        let mut text = String::new();
        let mut number = 0;
        self.each(&mut |leaf| match leaf {
            Leaf::Text(piece) => text.push_str(piece),
            Leaf::Bind(_) => {
                number += 1;
                // Writing to a String cannot fail.
                let _ = write!(text, "${number}");
            }
        });
        text
    }

    /// The values, in order.
    pub(super) fn arguments(&self) -> Result<PgArguments, BoxDynError> {
        let mut arguments = PgArguments::default();
        let mut added = Ok(());
        self.each(&mut |leaf| {
            if let (Leaf::Bind(value), Ok(())) = (leaf, &added) {
                added = value.add_to(&mut arguments);
            }
        });
        added.map(|()| arguments)
    }

    /// The values as people read them, in order.
    pub(super) fn parameters(&self) -> Vec<String> {
        let mut parameters = Vec::new();
        self.each(&mut |leaf| {
            if let Leaf::Bind(value) = leaf {
                parameters.push(value.shown());
            }
        });
        parameters
    }

    /// What the statement is made of, from left to right.
    fn each<'a>(&'a self, visit: &mut impl FnMut(Leaf<'a>)) {
        for part in &self.0 {
            match part {
                Part::Text(text) => visit(Leaf::Text(text)),
                Part::Bind(value) => visit(Leaf::Bind(value)),
                Part::Lookup(lookup) => lookup.condition.each(visit),
                Part::All(parts) => {
                    for (number, part) in parts.iter().enumerate() {
                        visit(Leaf::Text(if number == 0 { "(" } else { " AND " }));
                        part.each(visit);
                    }
                    visit(Leaf::Text(")"));
                }
            }
        }
    }

    #[cfg(test)]
    pub(super) fn values(&self) -> Vec<Bind> {
        let mut values = Vec::new();
        self.each(&mut |leaf| {
            if let Leaf::Bind(value) = leaf {
                values.push(value.clone());
            }
        });
        values
    }
}

enum Leaf<'a> {
    Text(&'static str),
    Bind(&'a Bind),
}

impl Bind {
    fn shown(&self) -> String {
        match self {
            Self::Text(value) => format!("{value:?}"),
            Self::Texts(values) => format!("{values:?}"),
            Self::Int(value) => value.to_string(),
            Self::Ints(values) => format!("{values:?}"),
            Self::Float(value) => value.to_string(),
            Self::Floats(values) => format!("{values:?}"),
            Self::Uuid(value) => value.to_string(),
            Self::Uuids(values) => format!("{values:?}"),
            Self::Time(value) => value.to_rfc3339(),
            Self::Times(values) => format!("{values:?}"),
            Self::Day(value) => value.to_string(),
            Self::Days(values) => format!("{values:?}"),
        }
    }

    fn add_to(&self, arguments: &mut PgArguments) -> Result<(), BoxDynError> {
        match self {
            Self::Text(value) => arguments.add(value),
            Self::Texts(values) => arguments.add(values),
            Self::Int(value) => arguments.add(value),
            Self::Ints(values) => arguments.add(values),
            Self::Float(value) => arguments.add(value),
            Self::Floats(values) => arguments.add(values),
            Self::Uuid(value) => arguments.add(value),
            Self::Uuids(values) => arguments.add(values),
            Self::Time(value) => arguments.add(value),
            Self::Times(values) => arguments.add(values),
            Self::Day(value) => arguments.add(value),
            Self::Days(values) => arguments.add(values),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_numbered_in_the_order_of_the_text() {
        let left = Sql::among("i.status", vec!["Done".to_owned(), "Open".to_owned()], false);
        let right = Sql::among("i.key_number", vec![7_i64], true);
        let whole = Sql::any(vec![left, right, Sql::never()]);
        assert_eq!(whole.text(), "(i.status = ANY($1) OR i.key_number <> $2 OR FALSE)");
        assert_eq!(whole.values(), [Bind::Texts(vec!["Done".into(), "Open".into()]), Bind::Int(7)]);
        assert_eq!(whole.arguments().unwrap().len(), 2);
    }

    #[test]
    fn nothing_to_choose_from_is_never_found_and_its_opposite_is_every_value() {
        assert_eq!(Sql::among("i.due_date", Vec::<NaiveDate>::new(), false).text(), "FALSE");
        assert_eq!(Sql::among("i.due_date", Vec::<NaiveDate>::new(), true).text(), "i.due_date IS NOT NULL");
        assert_eq!(Sql::all(vec![]).text(), "TRUE");
        assert_eq!(Sql::any(vec![]).text(), "FALSE");
    }

    #[test]
    fn a_nul_character_becomes_what_was_stored_for_it() {
        assert_eq!(Bind::from("a\0b"), Bind::Text("a\u{fffd}b".into()));
    }
}
