//! The syntax tree of a query.
//!
//! The tree says what was written, not what it means: names are kept as they were typed, and nothing is
//! looked up. Two trees are equal when they mean the same to the grammar; where a field stood in the text
//! does not matter.

use std::hash::{Hash, Hasher};

/// A place in the text of a query, counted as Jira counts it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Position {
    /// The line, from 1. Only a line feed starts a new one.
    pub line: usize,
    /// The character within the line, from 1, in UTF-16 code units (as Java and JavaScript count them).
    pub column: usize,
}

/// A whole query: what to find and in which order.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
pub struct Query {
    /// The condition issues have to meet; `None` finds all issues.
    pub filter: Option<Clause>,
    /// The sort keys, the most significant first; empty when the query has no `ORDER BY`.
    pub order_by: Vec<Sort>,
}

impl Query {
    /// Whether the query has any condition at all. Jira Cloud refuses to search without one.
    #[must_use]
    pub fn is_bounded(&self) -> bool {
        self.filter.is_some()
    }

    /// All fields the query names, in the order of the text: those of the filter, then those of `ORDER BY`.
    /// A field named twice comes twice.
    pub fn fields(&self) -> impl Iterator<Item = &Field> {
        let filter = self.filter.iter().flat_map(Clause::terms).map(|term| &term.field);
        filter.chain(self.order_by.iter().map(|sort| &sort.field))
    }
}

/// A condition on issues.
///
/// [`parse`](crate::parse), [`Clause::and`] and [`Clause::or`] keep to one shape: `And` and `Or` have at
/// least two parts, and none of these is of the same kind as the whole. Trees built by hand should keep to it
/// too.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Clause {
    /// All parts hold.
    And(Vec<Clause>),
    /// At least one part holds.
    Or(Vec<Clause>),
    /// The part does not hold.
    Not(Box<Clause>),
    /// A condition on one field.
    Term(Term),
}

impl Clause {
    /// `self AND other`, as one flat list where either is such a list already.
    #[must_use]
    pub fn and(self, other: Clause) -> Clause {
        let mut parts = match self {
            Clause::And(parts) => parts,
            single => vec![single],
        };
        match other {
            Clause::And(more) => parts.extend(more),
            single => parts.push(single),
        }
        Clause::And(parts)
    }

    /// `self OR other`, as one flat list where either is such a list already.
    #[must_use]
    pub fn or(self, other: Clause) -> Clause {
        let mut parts = match self {
            Clause::Or(parts) => parts,
            single => vec![single],
        };
        match other {
            Clause::Or(more) => parts.extend(more),
            single => parts.push(single),
        }
        Clause::Or(parts)
    }

    /// The conditions on single fields below this clause, in the order of the text.
    pub fn terms(&self) -> impl Iterator<Item = &Term> {
        let mut pending = vec![self];
        std::iter::from_fn(move || {
            while let Some(clause) = pending.pop() {
                match clause {
                    Clause::And(parts) | Clause::Or(parts) => pending.extend(parts.iter().rev()),
                    Clause::Not(part) => pending.push(part),
                    Clause::Term(term) => return Some(term),
                }
            }
            None
        })
    }
}

/// A condition on one field.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Term {
    /// The field asked about.
    pub field: Field,
    /// What is asked of it.
    pub predicate: Predicate,
}

/// A field, or a part of one.
#[derive(Debug, Clone)]
pub struct Field {
    /// How the field is named.
    pub name: FieldName,
    /// The ways into the field: `[key].path`, mostly none or one. A field named by a bare number has none.
    pub properties: Vec<Property>,
    /// Where the field stands in the text; `None` in trees that were not parsed. Equality does not look at
    /// it.
    pub position: Option<Position>,
}

impl Field {
    /// The field of this name, wherever it stands.
    pub fn named(name: impl Into<String>) -> Field {
        Field { name: FieldName::Name(name.into()), properties: Vec::new(), position: None }
    }
}

impl PartialEq for Field {
    fn eq(&self, other: &Field) -> bool {
        self.name == other.name && self.properties == other.properties
    }
}

impl Eq for Field {}

impl Hash for Field {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.name.hash(state);
        self.properties.hash(state);
    }
}

/// How a field is named.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum FieldName {
    /// By name or alias, in the letters of the text: `status`, `"Story Points[Number]"`. May be empty.
    Name(String),
    /// By the id of a custom field: `cf[10021]`. Never negative.
    CustomId(i64),
    /// By a bare number: `10021 = x`.
    Id(i64),
}

/// A way into a field's value: `[key]` with the names behind it, as in `issue.property[review].state.name`.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Property {
    /// What stands in the brackets.
    pub key: String,
    /// The names behind the brackets. None is empty, and none has a `.` in it.
    pub path: Vec<String>,
}

/// What a condition asks of its field.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Predicate {
    /// `field = operand` and the other comparisons. The operand is never a list, and [`Operand::Empty`] only
    /// with `=`, `!=`, `~` and `!~`.
    Compare {
        /// The comparison.
        op: CompareOp,
        /// What the field is compared with.
        operand: Operand,
    },
    /// `field [NOT] IN operand`.
    In {
        /// Whether it says `NOT IN`.
        negated: bool,
        /// A list or a function.
        operand: Operand,
    },
    /// `field IS [NOT] EMPTY`.
    Is {
        /// Whether it says `IS NOT`.
        negated: bool,
    },
    /// `field WAS [NOT] operand`, with limits on the change that set the value.
    Was {
        /// Whether it says `WAS NOT`.
        negated: bool,
        /// A value, a function or [`Operand::Empty`].
        operand: Operand,
        /// The limits, all of which hold. Never with [`HistoryOp::From`] or [`HistoryOp::To`].
        predicates: Vec<HistoryPredicate>,
    },
    /// `field WAS [NOT] IN operand`, with limits on the change that set the value.
    WasIn {
        /// Whether it says `WAS NOT IN`.
        negated: bool,
        /// A list or a function.
        operand: Operand,
        /// The limits, all of which hold. Never with [`HistoryOp::From`] or [`HistoryOp::To`].
        predicates: Vec<HistoryPredicate>,
    },
    /// `field CHANGED`, with limits on the change.
    Changed {
        /// The limits, all of which hold.
        predicates: Vec<HistoryPredicate>,
    },
}

/// A comparison of a field with one value.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum CompareOp {
    /// `=`
    Equals,
    /// `!=`
    NotEquals,
    /// `~`
    Like,
    /// `!~`
    NotLike,
    /// `<`
    LessThan,
    /// `<=`
    LessThanEquals,
    /// `>`
    GreaterThan,
    /// `>=`
    GreaterThanEquals,
}

/// A limit on the changes that `WAS` and `CHANGED` look at: `AFTER startOfWeek()`.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct HistoryPredicate {
    /// What is limited.
    pub op: HistoryOp,
    /// The limit.
    pub operand: Operand,
}

/// What a [`HistoryPredicate`] limits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum HistoryOp {
    /// `BEFORE`: changes up to a time.
    Before,
    /// `AFTER`: changes from a time on.
    After,
    /// `ON`: changes on a day.
    On,
    /// `DURING`: changes between two times, given as a list.
    During,
    /// `BY`: changes some users made.
    By,
    /// `FROM`: changes away from a value.
    From,
    /// `TO`: changes to a value.
    To,
}

/// What a field is compared with.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Operand {
    /// A literal.
    Value(Value),
    /// A function call.
    Function(Function),
    /// `(a, b)`: never without entries; these may be lists and [`Operand::Empty`] too.
    List(Vec<Operand>),
    /// `EMPTY` or its other spelling `NULL`.
    Empty,
}

/// A literal.
///
/// The two kinds may mean different things to a field: `updated >= 1732877091000` counts milliseconds since
/// 1970, `updated >= "1732877091000"` is a date that cannot be read (jira-facts section 2.1). Quotation marks
/// around anything but a whole number change nothing, so they are not kept.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Value {
    /// A whole number without quotation marks.
    Number(i64),
    /// Anything else, decoded: quoted text of any kind, and unquoted words such as `Done`, `-7d` and `5.5`.
    String(String),
}

/// A function call: `membersOf("jira-users")`.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Function {
    /// The name, in the letters of the text. May be empty, which no function is called.
    pub name: String,
    /// The arguments, decoded. Numbers come as they were typed; functions cannot tell `5` from `"5"`.
    pub arguments: Vec<String>,
}

/// A sort key.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Sort {
    /// The field to sort by.
    pub field: Field,
    /// The direction, where one is given; the field's own otherwise.
    pub direction: Option<Direction>,
}

/// The direction of a sort.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Direction {
    /// `ASC`
    Ascending,
    /// `DESC`
    Descending,
}
