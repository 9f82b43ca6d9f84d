//! What Jira answers to a text that is not a query: sentence and place (jira-facts section 8.6).

use crate::{MAX_DEPTH, ParseError, Position, parse};

const OPERATORS: &str =
    "The valid operators are '=', '!=', '<', '>', '<=', '>=', '~', '!~', 'IN', 'NOT IN', 'IS' and 'IS NOT'.";
const ESCAPES: &str = r#"The valid escape sequences are \', \", \t, \n, \r, \\, '\ ' and \uXXXX."#;

fn sentence(text: &str) -> String {
    match parse(text) {
        Err(error) => error.to_string(),
        Ok(query) => panic!("{text:?} was read as {query}"),
    }
}

/// Compares what follows "Error in the JQL Query: ".
#[track_caller]
fn assert_errors(examples: &[(&str, &str)]) {
    for (text, expected) in examples {
        assert_eq!(sentence(text), format!("Error in the JQL Query: {expected}"), "for {text:?}");
    }
}

#[test]
fn an_error_has_a_sentence_and_a_place() {
    let error = parse("invalid query").unwrap_err();
    let message = format!("Error in the JQL Query: Expecting operator but got 'query'. {OPERATORS}");
    assert_eq!(error, ParseError { message, position: Some(Position { line: 1, column: 9 }) });
    assert_eq!(
        error.to_string(),
        "Error in the JQL Query: Expecting operator but got 'query'. The valid operators are '=', '!=', '<', \
         '>', '<=', '>=', '~', '!~', 'IN', 'NOT IN', 'IS' and 'IS NOT'. (line 1, character 9)"
    );
}

#[test]
fn fields() {
    assert_errors(&[
        ("a = b and", "Expecting a field name at the end of the query."),
        ("not", "Expecting a field name at the end of the query."),
        (
            "= b",
            "Expecting a field name but got '='. You must surround '=' in quotation marks to use it as a field \
             name. (line 1, character 1)",
        ),
        (
            "a = b and and",
            "Expecting a field name but got 'and'. You must surround 'and' in quotation marks to use it as a \
             field name. (line 1, character 11)",
        ),
        ("[10] = a", "Expecting a field name but got '['. Did you mean 'cf['? (line 1, character 1)"),
        ("cf", "Expecting '[' before the end of the query."),
        ("x = y or !(cf = 3)", "Expecting '[' but got '='. (line 1, character 15)"),
        ("cf[", "Expecting a custom field id (a positive number) before the end of the query."),
        ("cf[-9] = a", "Expecting a custom field id (a positive number) but got '-9'. (line 1, character 4)"),
        ("cf[9k] = a", "Expecting a custom field id (a positive number) but got '9k'. (line 1, character 4)"),
        ("cf[9 = a", "Expecting ']' but got '='. (line 1, character 6)"),
        ("cf[9", "Expecting ']' before the end of the query."),
        ("issue.property[", "Expecting a property id before the end of the query."),
        (
            "issue.property[!] = a",
            "Expecting a property id but got '!'. You must surround '!' in quotation marks to use it as a \
             value. (line 1, character 16)",
        ),
    ]);
}

#[test]
fn operators() {
    assert_eq!(
        sentence("a"),
        format!("Error in the JQL Query: Expecting operator before the end of the query. {OPERATORS}")
    );
    assert_eq!(
        sentence("pri ! in (a)"),
        format!("Error in the JQL Query: Expecting operator but got '!'. {OPERATORS} (line 1, character 5)")
    );
    assert_errors(&[
        ("a not is empty", "Expecting 'IN' but got 'is'. (line 1, character 7)"),
        ("a is ! empty", "Expecting 'NOT' but got '!'. (line 1, character 6)"),
        ("a is b", "Expecting 'EMPTY' but got 'b'. (line 1, character 6)"),
    ]);
}

#[test]
fn operands() {
    let at_end =
        "Error in JQL Query: Expecting either a value, list or function before the end of the query.";
    for text in ["project =", "a is", "a is not", "a was", "a in", "a in (b,", "a changed after"] {
        assert_eq!(sentence(text), at_end, "for {text:?}");
    }
    for (text, got, column) in [
        ("project = =", "=", 11),
        ("project = IN", "IN", 11),
        ("a = ()", ")", 6),
        ("a in (b,(,c))", ",", 10),
        ("updated > empty", "empty", 11),
    ] {
        let expected = format!(
            "Error in JQL Query: Expecting either a value, list or function but got '{got}'. You must surround \
             '{got}' in quotation marks to use it as a value. (line 1, character {column})"
        );
        assert_eq!(sentence(text), expected);
    }
}

#[test]
fn one_value_where_a_list_belongs_and_the_other_way_round() {
    for (text, expected) in [
        (
            "summary in \"test\"",
            r#"Operator 'in' does not support the non-list value '"test"' for field 'summary'."#,
        ),
        ("a not in 5", "Operator 'not in' does not support the non-list value '5' for field 'a'."),
        ("a was in empty", "Operator 'was in' does not support the non-list value 'EMPTY' for field 'a'."),
        (
            "'my field' = (a, 'b c', now())",
            r#"Operator '=' does not support the list value '("a", "b c", now())' for field 'my field'."#,
        ),
        (
            "cf[7] was not (a)",
            r#"Operator 'was not' does not support the list value '("a")' for field 'cf[7]'."#,
        ),
    ] {
        assert_eq!(sentence(text), expected);
    }
}

#[test]
fn functions() {
    assert_errors(&[
        ("a = f(", "Expecting ')' before the end of the query."),
        ("a = f(b", "Expecting ')' before the end of the query."),
        ("a = f(b,", "Expecting a function argument at the end of the query."),
        ("a = f(, b)", "Expecting ')' but got ','. (line 1, character 7)"),
        ("a = f(b,)", "Function argument must be specified. (line 1, character 9)"),
        ("a = f(b, c!)", "Expecting ')' or ',' but got '!'. (line 1, character 11)"),
        (
            "a = f(empty)",
            "Expecting a function argument but got 'empty'. You must surround 'empty' in quotation marks to use \
             it as an argument. (line 1, character 7)",
        ),
    ]);
}

#[test]
fn what_holds_clauses_together() {
    assert_errors(&[
        ("project = A status = B", "Expecting either 'OR' or 'AND' but got 'status'. (line 1, character 13)"),
        ("a = b by c", "Expecting either 'OR' or 'AND' but got 'by'. (line 1, character 7)"),
        ("a was b from c", "Expecting either 'OR' or 'AND' but got 'from'. (line 1, character 9)"),
        ("a = b)", "Expecting either 'OR' or 'AND' but got ')'. (line 1, character 6)"),
        ("(project = A", "Expecting ')' before the end of the query."),
        ("(a = b c = d", "Expecting ')' but got 'c'. (line 1, character 8)"),
        ("a in ((b) c", "Expecting ')' but got 'c'. (line 1, character 11)"),
    ]);
}

#[test]
fn order_by() {
    assert_errors(&[
        ("a = b order", "Expecting 'by' before the end of the query."),
        ("a = b order summary", "Expecting 'by' but got 'summary'. (line 1, character 13)"),
        ("order by", "Expecting a field name at the end of the query."),
        ("order by a,", "Expecting a field name at the end of the query."),
        (
            "order by asc",
            "Expecting a field name but got 'asc'. You must surround 'asc' in quotation marks to use it as a \
             field name. (line 1, character 10)",
        ),
        ("order by a b", "Expecting either 'ASC' or 'DESC' but got 'b'. (line 1, character 12)"),
        ("order by a desc b", "Expecting ',' but got 'b'. (line 1, character 17)"),
    ]);
}

#[test]
fn letters() {
    assert_errors(&[
        (
            "for = x",
            "'for' is a reserved JQL word. You must surround it in quotation marks to use it in a query. \
             (line 1, character 1)",
        ),
        (
            "assignee = me@example.com",
            "The character '@' is a reserved JQL character. You must enclose it in a string or use the escape \
             '\\u0040' instead. (line 1, character 14)",
        ),
        (
            "a = \u{7f}b",
            "The character 'U+007F' on line 1 at position 5 must be escaped. Use the escape '\\u007f' instead. \
             (line 1, character 5)",
        ),
        (
            "a = 'b\tc'",
            "The character 'U+0009' on line 1 at position 7 must be escaped. Use the escape '\\u0009' instead. \
             (line 1, character 7)",
        ),
        ("x = 'unclosed", "The quoted string 'unclosed' has not been completed. (line 1, character 5)"),
        ("x = \"two\nlines", "The quoted string 'two lines' has not been completed. (line 1, character 5)"),
        ("x = ''' and y = z", "The quoted string ' and y = z' has not been completed. (line 1, character 7)"),
        ("x = '", "The quoted string has not been completed. (line 1, character 5)"),
    ]);
}

#[test]
fn escapes() {
    for (text, sequence, place) in [
        ("sta\\utus = a", "\\ut", "line 1, character 4"),
        ("a =\n\n \\c", "\\c", "line 3, character 2"),
        ("a = '\\u12'", "\\u12'", "line 1, character 6"),
        ("a = b\\-c", "\\-", "line 1, character 6"),
        ("a = \\u12", "\\u12", "line 1, character 5"),
        ("a = \\ud83dx", "\\ud83d", "line 1, character 5"),
        ("a = \\ud83d\\u0041", "\\ud83d\\u0041", "line 1, character 5"),
    ] {
        let expected = format!(
            "Error in the JQL Query: '{sequence}' is an illegal JQL escape sequence. {ESCAPES} ({place})"
        );
        assert_eq!(sentence(text), expected);
    }
    assert_eq!(
        sentence("a = 'b\\"),
        format!(
            "Error in the JQL Query: The escape sequence has not been completed. {ESCAPES} (line 1, character 7)"
        )
    );
}

#[test]
fn a_mistake_in_the_letters_comes_before_one_in_the_order_of_words() {
    assert!(sentence("a a a = }").contains("The character '}' is a reserved JQL character."));
}

#[test]
fn numbers_have_the_range_of_jiras() {
    let limits = "Numbers must be between -9,223,372,036,854,775,808 and 9,223,372,036,854,775,807.";
    for (text, number, column) in [
        ("a = 9223372036854775808", "9223372036854775808", 5),
        ("-9223372036854775809 = a", "-9223372036854775809", 1),
        ("cf[9223372036854775808] = a", "9223372036854775808", 4),
    ] {
        let expected = format!(
            "Error in the JQL Query: '{number}' is not a valid number. {limits} (line 1, character {column})"
        );
        assert_eq!(sentence(text), expected);
    }
    assert!(parse("a in (-9223372036854775808, 9223372036854775807)").is_ok());
}

#[test]
fn nesting_has_a_limit() {
    let nested = |opening: &str, closing: &str, depth| {
        format!("{}a in (b){}", opening.repeat(depth), closing.repeat(depth))
    };
    // The list is a level too.
    assert!(parse(&nested("(", ")", MAX_DEPTH - 1)).is_ok());
    assert!(parse(&nested("not ", "", MAX_DEPTH - 1)).is_ok());
    assert_eq!(
        sentence(&nested("(", ")", 100_000)),
        "Error in the JQL Query: Parentheses and 'NOT' must not be nested more than 200 levels deep. \
         (line 1, character 201)"
    );
    assert!(sentence(&"!".repeat(100_000)).contains("must not be nested"));
    assert!(sentence(&format!("a in {}", "(".repeat(100_000))).contains("must not be nested"));
}
