//! What each construct of the language becomes (jira-facts section 8.1).

use crate::{
    Clause, CompareOp, Direction, Field, FieldName, Function, HistoryOp, HistoryPredicate, Operand, Position,
    Predicate, Property, Query, Sort, Term, Value, parse,
};

fn filter(text: &str) -> Clause {
    parse(text).unwrap_or_else(|error| panic!("{text:?}: {error}")).filter.unwrap()
}

fn predicate(text: &str) -> Predicate {
    match filter(text) {
        Clause::Term(term) => term.predicate,
        other => panic!("{text:?} was read as {other}"),
    }
}

fn field(text: &str) -> Field {
    match filter(&format!("{text} = x")) {
        Clause::Term(term) => term.field,
        other => panic!("{text:?} was read as {other}"),
    }
}

fn operand(text: &str) -> Operand {
    match predicate(&format!("x = {text}")) {
        Predicate::Compare { operand, .. } => operand,
        other => panic!("{text:?} was read as {other}"),
    }
}

fn string(text: &str) -> Operand {
    Operand::Value(Value::String(text.to_owned()))
}

fn number(number: i64) -> Operand {
    Operand::Value(Value::Number(number))
}

fn call(name: &str, arguments: &[&str]) -> Operand {
    let arguments = arguments.iter().map(|argument| (*argument).to_owned()).collect();
    Operand::Function(Function { name: name.to_owned(), arguments })
}

/// `name = b`
fn equals_b(name: &str) -> Clause {
    let predicate = Predicate::Compare { op: CompareOp::Equals, operand: string("b") };
    Clause::Term(Term { field: Field::named(name), predicate })
}

#[test]
fn these_are_queries() {
    for text in [
        "",
        " \t\r\n",
        "order by a",
        "10000 = 5",
        "\"\" = a",
        "a is null",
        "a ~ empty",
        "a in (b, EMPTY)",
        "a in ((b))",
        "a in 5()",
        "a in(b)and c!=d||!e~f",
        "a changed from (b, (c, empty), d()) to null",
        "a = `x`",
        "a = _ and b = .",
        "CF[1] = b",
        "'cf'[1] = b",
        "(a = b) order\nby c",
    ] {
        assert!(parse(text).is_ok(), "{text:?}: {:?}", parse(text));
    }
}

#[test]
fn these_are_not() {
    for text in [
        "null = a",
        "a > empty",
        "a in empty",
        "a in b",
        "a ~ (b)",
        "a in (b) before now()",
        "a was b from c",
        "a = f(g())",
        "a = b &&& c = d",
        "a == b",
        "a <> b",
        "a ! = b",
        "a not = b",
        "()",
        "a in (b,)",
        "a in (b c)",
        "5 5 = 5",
        "5[a] = b",
        "a . b = c",
        "order by a order by b",
        "(a = b order by c)",
        "a = 2024/01/05",
        "a = 10%",
        "a = 'b''c'",
        "a = b -- c",
        "during = a",
    ] {
        assert!(parse(text).is_err(), "{text:?} was read as {:?}", parse(text));
    }
}

#[test]
fn an_empty_text_finds_everything() {
    let query = parse(" \n").unwrap();
    assert_eq!(query, Query::default());
    assert!(!query.is_bounded());
    assert!(!parse("order by a").unwrap().is_bounded());
    assert!(parse("a = b").unwrap().is_bounded());
}

#[test]
fn not_binds_tighter_than_and_and_that_tighter_than_or() {
    let not_a = Clause::Not(Box::new(equals_b("a")));
    let expected = Clause::Or(vec![Clause::And(vec![not_a, equals_b("c")]), equals_b("d"), equals_b("e")]);
    for text in [
        "not a = b and c = b or d = b or e = b",
        "! a = b & c = b | d = b || e = b",
        "((NOT (a = b)) && (c = b)) OR (d = b or e = b)",
    ] {
        assert_eq!(filter(text), expected, "{text}");
    }
}

#[test]
fn conditions_can_be_added_to_a_tree() {
    assert_eq!(equals_b("a").and(equals_b("c")).and(equals_b("d")), filter("a = b and c = b and d = b"));
    assert_eq!(equals_b("a").or(equals_b("c")).and(equals_b("d")), filter("(a = b or c = b) and d = b"));
    assert_eq!(equals_b("a").or(filter("c = b or d = b")), filter("a = b or c = b or d = b"));
}

#[test]
fn comparisons() {
    for (text, op) in [
        ("=", CompareOp::Equals),
        ("!=", CompareOp::NotEquals),
        ("~", CompareOp::Like),
        ("!~", CompareOp::NotLike),
        ("<", CompareOp::LessThan),
        ("<=", CompareOp::LessThanEquals),
        (">", CompareOp::GreaterThan),
        (">=", CompareOp::GreaterThanEquals),
    ] {
        assert_eq!(predicate(&format!("a{text}5")), Predicate::Compare { op, operand: number(5) });
    }
}

#[test]
fn lists_and_emptiness() {
    let operand =
        Operand::List(vec![string("b"), Operand::Empty, call("f", &[]), Operand::List(vec![number(-1)])]);
    assert_eq!(predicate("a NoT In (b, null, f(), (-1))"), Predicate::In { negated: true, operand });
    assert_eq!(predicate("a in f()"), Predicate::In { negated: false, operand: call("f", &[]) });
    assert_eq!(predicate("a is null"), Predicate::Is { negated: false });
    assert_eq!(predicate("a IS NOT EMPTY"), Predicate::Is { negated: true });
    assert_eq!(
        predicate("a != empty"),
        Predicate::Compare { op: CompareOp::NotEquals, operand: Operand::Empty }
    );
}

#[test]
fn history() {
    let limit = |op, operand| HistoryPredicate { op, operand };
    assert_eq!(
        predicate("status was not Open by (jane, currentUser()) after -4w"),
        Predicate::Was {
            negated: true,
            operand: string("Open"),
            predicates: vec![
                limit(HistoryOp::By, Operand::List(vec![string("jane"), call("currentUser", &[])])),
                limit(HistoryOp::After, string("-4w")),
            ],
        }
    );
    assert_eq!(
        predicate("status was in (Open) before now()"),
        Predicate::WasIn {
            negated: false,
            operand: Operand::List(vec![string("Open")]),
            predicates: vec![limit(HistoryOp::Before, call("now", &[]))],
        }
    );
    assert_eq!(
        predicate("status changed from empty to 3 on '2024-01-05' during (a, b)"),
        Predicate::Changed {
            predicates: vec![
                limit(HistoryOp::From, Operand::Empty),
                limit(HistoryOp::To, number(3)),
                limit(HistoryOp::On, string("2024-01-05")),
                limit(HistoryOp::During, Operand::List(vec![string("a"), string("b")])),
            ],
        }
    );
    assert_eq!(predicate("status CHANGED"), Predicate::Changed { predicates: vec![] });
}

#[test]
fn a_number_is_told_from_a_string_of_digits() {
    assert_eq!(operand("1732877091000"), number(1_732_877_091_000));
    assert_eq!(operand("-007"), number(-7));
    assert_eq!(operand("'1732877091000'"), string("1732877091000"));
    assert_eq!(operand("5.5"), string("5.5"));
}

#[test]
fn strings() {
    for (text, expected) in [
        ("Done", "Done"),
        ("'Done'", "Done"),
        ("\"In Progress\"", "In Progress"),
        ("''", ""),
        ("'say \"hi\"'", "say \"hi\""),
        (r#""say \"hi\"""#, "say \"hi\""),
        ("'two\nlines'", "two\nlines"),
        (r"'\t\n\r\\\'\ '", "\t\n\r\\' "),
        (r"foo\\-bar", "foo\\-bar"),
        (r"In\ Progress", "In Progress"),
        (r"\u00dcber", "Über"),
        (r"'\ud83d\ude00'", "😀"),
        ("ünï-2024.01:05_x", "ünï-2024.01:05_x"),
        ("'empty'", "empty"),
        (r"\u0065mpty", "empty"),
        ("b\u{a0}c", "b\u{a0}c"),
    ] {
        assert_eq!(operand(text), string(expected), "{text}");
    }
}

#[test]
fn functions() {
    assert_eq!(operand("now()"), call("now", &[]));
    assert_eq!(operand("\"now\" ( )"), call("now", &[]));
    assert_eq!(operand("f ( one , 'two', -03 )"), call("f", &["one", "two", "-03"]));
    assert_eq!(operand("''()"), call("", &[]));
}

#[test]
fn fields_have_many_names() {
    assert_eq!(field("status").name, FieldName::Name("status".to_owned()));
    assert_eq!(field("\"Story Points[Number]\"").name, FieldName::Name("Story Points[Number]".to_owned()));
    assert_eq!(field("'10021'").name, FieldName::Name("10021".to_owned()));
    assert_eq!(field("10021").name, FieldName::Id(10021));
    assert_eq!(field("Cf [ 10021 ]").name, FieldName::CustomId(10021));
}

#[test]
fn fields_have_ways_into_them() {
    let property = |key: &str, path: &[&str]| Property {
        key: key.to_owned(),
        path: path.iter().map(|&name| name.into()).collect(),
    };
    for (text, name, properties) in [
        ("issue.property[k].a.b", "issue.property", vec![property("k", &["a", "b"])]),
        ("issue.property['spaces here'].value", "issue.property", vec![property("spaces here", &["value"])]),
        ("development [ commits ] . all", "development", vec![property("commits", &["all"])]),
        ("development[commits]", "development", vec![property("commits", &[])]),
        ("a[5]..b", "a", vec![property("5", &["b"])]),
        ("a[b].c[d]", "a", vec![property("b", &["c"]), property("d", &[])]),
    ] {
        let expected = Field { properties, ..Field::named(name) };
        assert_eq!(field(text), expected, "{text}");
    }
}

#[test]
fn fields_know_their_place() {
    let query = parse("a = b and (c in (d) or not e is empty)\norder by f desc, cf[1]").unwrap();
    let places: Vec<_> = query.fields().map(|field| (field.to_string(), field.position.unwrap())).collect();
    let at = |name: &str, line, column| (name.to_owned(), Position { line, column });
    assert_eq!(places, [at("a", 1, 1), at("c", 1, 12), at("e", 1, 28), at("f", 2, 10), at("cf[1]", 2, 18)]);
}

#[test]
fn sorting() {
    let sort = |name, direction| Sort { field: Field::named(name), direction };
    let query = parse("order by a, b asc, \"c d\" DESC").unwrap();
    assert_eq!(query.filter, None);
    assert_eq!(
        query.order_by,
        [sort("a", None), sort("b", Some(Direction::Ascending)), sort("c d", Some(Direction::Descending))]
    );
}
