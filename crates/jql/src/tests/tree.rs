//! Generated queries: as trees, and as words in any order.

use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;
use proptest::sample::select;

use crate::{
    Clause, CompareOp, Direction, Field, FieldName, Function, HistoryOp, HistoryPredicate, Operand,
    Predicate, Property, Query, RESERVED_WORDS, Sort, Term, Value,
};

/// Names and values: plain, tricky and wild.
pub fn text() -> impl Strategy<Value = String> {
    prop_oneof![
        "[a-zA-Z.-]{1,8}",
        "-?[0-9]{1,20}",
        select(RESERVED_WORDS).prop_map(str::to_owned),
        r#"[a-c"'\\ \t\r\n(){}\[\],!=~\u{1}\u{7f}\u{a0}\u{fdd0}\u{ffff}😀]{0,6}"#,
        any::<String>(),
    ]
}

fn property() -> impl Strategy<Value = Property> {
    let name =
        text().prop_map(|text| text.replace('.', "")).prop_filter("not empty", |name| !name.is_empty());
    (text(), vec(name, 0..3)).prop_map(|(key, path)| Property { key, path })
}

fn field() -> impl Strategy<Value = Field> {
    let name = prop_oneof![text().prop_map(FieldName::Name), (0..=i64::MAX).prop_map(FieldName::CustomId)];
    prop_oneof![
        8 => (name, vec(property(), 0..2)).prop_map(|(name, properties)| Field { name, properties, position: None }),
        1 => any::<i64>().prop_map(|id| Field { name: FieldName::Id(id), ..Field::named("") }),
    ]
}

fn function() -> impl Strategy<Value = Operand> {
    (text(), vec(text(), 0..3)).prop_map(|(name, arguments)| Operand::Function(Function { name, arguments }))
}

fn value_or_function() -> impl Strategy<Value = Operand> {
    prop_oneof![
        text().prop_map(|text| Operand::Value(Value::String(text))),
        any::<i64>().prop_map(|number| Operand::Value(Value::Number(number))),
        function(),
    ]
}

fn single() -> impl Strategy<Value = Operand> {
    prop_oneof![4 => value_or_function(), 1 => Just(Operand::Empty)]
}

fn list() -> impl Strategy<Value = Operand> {
    vec(operand(), 1..4).prop_map(Operand::List)
}

fn operand() -> impl Strategy<Value = Operand> {
    single().prop_recursive(3, 12, 3, |inner| vec(inner, 1..4).prop_map(Operand::List))
}

fn list_or_function() -> impl Strategy<Value = Operand> {
    prop_oneof![list(), function()]
}

fn limits(ops: &'static [HistoryOp]) -> impl Strategy<Value = Vec<HistoryPredicate>> {
    vec((select(ops), operand()).prop_map(|(op, operand)| HistoryPredicate { op, operand }), 0..3)
}

fn predicate() -> impl Strategy<Value = Predicate> {
    use CompareOp::{
        Equals, GreaterThan, GreaterThanEquals, LessThan, LessThanEquals, Like, NotEquals, NotLike,
    };
    const CHANGED: &[HistoryOp] = &[
        HistoryOp::From,
        HistoryOp::To,
        HistoryOp::Before,
        HistoryOp::After,
        HistoryOp::On,
        HistoryOp::During,
        HistoryOp::By,
    ];
    const WAS: &[HistoryOp] = CHANGED.split_at(2).1;
    prop_oneof![
        (select(&[Equals, NotEquals, Like, NotLike][..]), single())
            .prop_map(|(op, operand)| Predicate::Compare { op, operand }),
        (select(&[LessThan, LessThanEquals, GreaterThan, GreaterThanEquals][..]), value_or_function())
            .prop_map(|(op, operand)| Predicate::Compare { op, operand }),
        (any::<bool>(), list_or_function()).prop_map(|(negated, operand)| Predicate::In { negated, operand }),
        any::<bool>().prop_map(|negated| Predicate::Is { negated }),
        (any::<bool>(), single(), limits(WAS)).prop_map(|(negated, operand, predicates)| Predicate::Was {
            negated,
            operand,
            predicates
        }),
        (any::<bool>(), list_or_function(), limits(WAS))
            .prop_map(|(negated, operand, predicates)| { Predicate::WasIn { negated, operand, predicates } }),
        limits(CHANGED).prop_map(|predicates| Predicate::Changed { predicates }),
    ]
}

fn clause() -> impl Strategy<Value = Clause> {
    let term = (field(), predicate()).prop_map(|(field, predicate)| Clause::Term(Term { field, predicate }));
    term.prop_recursive(4, 12, 2, |inner| {
        prop_oneof![
            (inner.clone(), inner.clone()).prop_map(|(left, right)| left.and(right)),
            (inner.clone(), inner.clone()).prop_map(|(left, right)| left.or(right)),
            inner.prop_map(|part| Clause::Not(Box::new(part))),
        ]
    })
}

/// Trees of the shape the parser makes.
pub fn query() -> impl Strategy<Value = Query> {
    let direction = select(&[Direction::Ascending, Direction::Descending][..]);
    let sort = (field(), option::of(direction)).prop_map(|(field, direction)| Sort { field, direction });
    (option::of(clause()), vec(sort, 0..3)).prop_map(|(filter, order_by)| Query { filter, order_by })
}

/// Words of the language in any order; some happen to be a query.
pub fn soup() -> impl Strategy<Value = String> {
    const WORDS: &[&str] = &[
        "a", "b", "5", "-7d", "'x y'", "\"", "\\", "\\u", "\\u0041", "f(", "()", "(", ")", "[", "]", ",",
        "cf", "cf[1]", "=", "!=", "~", "<", ">=", "!", "and", "or", "not", "in", "is", "was", "changed",
        "by", "from", "after", "empty", "order by", "order", "asc", "desc", "a = b", "a in (b)", "for", ".p",
        "\n", "@", "é", "😀",
    ];
    vec(select(WORDS), 0..12).prop_map(|words| words.join(" "))
}
