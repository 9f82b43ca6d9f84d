//! Queries as text: normalised, and the same query again when read.

use proptest::prelude::*;

use crate::tests::tree;
use crate::{Clause, parse, quote};

#[test]
fn what_is_printed_is_normalised() {
    for (text, expected) in [
        ("", ""),
        ("a=b", "a = b"),
        ("order by a,b desc", "ORDER BY a, b DESC"),
        ("a = b order by c asc", "a = b ORDER BY c ASC"),
        ("\"a\" = 'b'", "a = b"),
        ("'a b' = 'it\\'s'", r#""a b" = "it's""#),
        ("a = '5' and b = 5 and c = 05", r#"a = "5" AND b = 5 AND c = 5"#),
        ("a = 'and' and 'limit' = 'x@y.com'", r#"a = "and" AND "limit" = "x@y.com""#),
        (r"a = '' and b = 'c\td'", r#"a = "" AND b = "c\td""#),
        ("((a = b)) && (c = d & e = f)", "a = b AND c = d AND e = f"),
        ("(a = b or c = d) and e = f", "(a = b OR c = d) AND e = f"),
        ("(a = b and c = d) | e = f", "a = b AND c = d OR e = f"),
        ("!(a = b or c = d) and !(e = f)", "NOT (a = b OR c = d) AND NOT e = f"),
        ("not not (a = b and c = d)", "NOT NOT (a = b AND c = d)"),
        ("a is not null and b was not in (c,null)", "a IS NOT EMPTY AND b WAS NOT IN (c, EMPTY)"),
        ("a changed by f( 'x' ,\"5\") after -4w", "a CHANGED BY f(x, 5) AFTER -4w"),
        ("CF [ 12 ] = a and 12 = a and '12' = a", r#"cf[12] = a AND 12 = a AND "12" = a"#),
        ("issue.property [ 'a b' ] . 'c d' . e is empty", r#"issue.property["a b"]".c d.e" IS EMPTY"#),
    ] {
        assert_eq!(parse(text).unwrap().to_string(), expected, "{text}");
    }
}

#[test]
fn parts_print_themselves() {
    let query = parse("not status in (Done) order by rank asc").unwrap();
    let Some(Clause::Not(clause)) = &query.filter else { panic!("{query:?}") };
    let Clause::Term(term) = &**clause else { panic!("{query:?}") };
    assert_eq!(term.to_string(), "status IN (Done)");
    assert_eq!(term.field.to_string(), "status");
    assert_eq!(term.predicate.to_string(), "IN (Done)");
    assert_eq!(query.order_by[0].to_string(), "rank ASC");
}

#[test]
fn strings_are_quoted_where_they_have_to_be() {
    for bare in ["Done", "2024-01-05", "-7d", "5.5", "b:c", "A-1", "ünï", "-", "a\u{a0}b", "all", "cfo"] {
        assert_eq!(quote(bare), bare);
    }
    for (text, expected) in [
        ("", r#""""#),
        ("In Progress", r#""In Progress""#),
        ("2024/01/05", r#""2024/01/05""#),
        ("-5", r#""-5""#),
        ("Empty", r#""Empty""#),
        ("a\"b\\c", r#""a\"b\\c""#),
        ("a\nb\tc\rd\u{7f}\u{fdd0}", r#""a\nb\tc\rd\u007f\ufdd0""#),
    ] {
        assert_eq!(quote(text), expected);
    }
}

proptest! {
    #[test]
    fn a_printed_tree_is_read_as_the_same_tree(query in tree::query()) {
        let text = query.to_string();
        let read = parse(&text);
        prop_assert_eq!(read.as_ref(), Ok(&query), "{}", text);
        prop_assert_eq!(read.unwrap().to_string(), text);
    }

    #[test]
    fn a_quoted_string_is_read_as_the_same_string(value in tree::text()) {
        let text = format!("a = {}", quote(&value));
        let query = parse(&text).unwrap();
        prop_assert_eq!(query.to_string(), text);
        prop_assert_eq!(query, parse(&format!("a = \"{}\"", escaped(&value))).unwrap());
    }

    #[test]
    fn any_text_is_judged_without_panic(text in any::<String>()) {
        judge(&text)?;
    }

    /// Bytes put into, and taken out of, what people write.
    #[test]
    fn any_bytes_are_judged_without_panic(
        place in 0..200_usize,
        taken in 0..20_usize,
        bytes in proptest::collection::vec(any::<u8>(), 0..12),
    ) {
        let text = "project = PAY AND status CHANGED FROM (\"To Do\", 'a\\u00e9') DURING (startOfDay(-1d), now()) \
                    OR cf[10021] NOT IN (5, EMPTY) & issue.property[\"x\"].y ~ \"\\\"a b\\\"\" ORDER BY key DESC";
        let mut spoiled = text.as_bytes().to_vec();
        let place = place.min(spoiled.len());
        let end = (place + taken).min(spoiled.len());
        spoiled.splice(place..end, bytes);
        judge(&String::from_utf8_lossy(&spoiled))?;
    }

    #[test]
    fn any_words_are_judged_without_panic(text in tree::soup()) {
        judge(&text)?;
    }
}

/// All characters of a string as escapes.
fn escaped(value: &str) -> String {
    value.encode_utf16().map(|unit| format!("\\u{unit:04X}")).collect()
}

fn judge(text: &str) -> Result<(), TestCaseError> {
    match parse(text) {
        Ok(query) => {
            let printed = query.to_string();
            prop_assert_eq!(parse(&printed), Ok(query), "{}", printed);
        }
        Err(error) => {
            prop_assert!(error.to_string().starts_with(&error.message));
            if let Some(position) = error.position {
                let line = text.split('\n').nth(position.line - 1);
                let length = line.map(|line| line.encode_utf16().count());
                prop_assert!(length.is_some_and(|length| position.column <= length + 1), "{}", error);
            }
        }
    }
    Ok(())
}
