//! What is wrong with a query, in the sentences Jira answers with.
//!
//! The sentences are those of jira-facts section 8.6, and where that has none those Jira is known to give or
//! its open-source editor for the language has. Two of Jira's habits are kept because clients match on them: most
//! sentences start with "Error in the JQL Query", the one on operands with "Error in JQL Query"; and what is
//! missing at the end has no place.

use crate::ast::{Operand, Position, Value};
use crate::lexer::{Token, TokenKind};
use crate::print::quoted;

const OPERATORS: &str =
    "The valid operators are '=', '!=', '<', '>', '<=', '>=', '~', '!~', 'IN', 'NOT IN', 'IS' and 'IS NOT'.";
const ESCAPES: &str = r#"The valid escape sequences are \', \", \t, \n, \r, \\, '\ ' and \uXXXX."#;

/// Why a text is not a query.
///
/// Displayed, it is Jira's whole sentence with the place behind it:
/// `Error in the JQL Query: Expecting ')' but got 'x'. (line 1, character 7)`.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}{}", place(.position.as_ref()))]
pub struct ParseError {
    /// The sentence, without the place.
    pub message: String,
    /// Where the text stops being a query; `None` when something is missing at its end.
    pub position: Option<Position>,
}

fn place(position: Option<&Position>) -> String {
    position
        .map_or_else(String::new, |Position { line, column }| format!(" (line {line}, character {column})"))
}

/// The text of a token on one line, as Jira puts it into a sentence.
fn one_line(text: &str) -> String {
    text.replace(['\r', '\n'], " ")
}

/// Errors in the letters of the text.
impl ParseError {
    fn at(position: Position, sentence: &str) -> ParseError {
        ParseError { message: format!("Error in the JQL Query: {sentence}"), position: Some(position) }
    }

    pub(crate) fn reserved_word(word: &str, position: Position) -> ParseError {
        let sentence = format!(
            "'{word}' is a reserved JQL word. You must surround it in quotation marks to use it in a query."
        );
        ParseError::at(position, &sentence)
    }

    pub(crate) fn reserved_character(character: char, position: Position) -> ParseError {
        let sentence = format!(
            "The character '{character}' is a reserved JQL character. You must enclose it in a string or use \
             the escape '\\u{:04x}' instead.",
            u32::from(character)
        );
        ParseError::at(position, &sentence)
    }

    pub(crate) fn illegal_character(character: char, position: Position) -> ParseError {
        let code = u32::from(character);
        let Position { line, column } = position;
        let sentence = format!(
            "The character 'U+{code:04X}' on line {line} at position {column} must be escaped. Use the escape \
             '\\u{code:04x}' instead."
        );
        ParseError::at(position, &sentence)
    }

    /// `sequence` runs from the backslash to the first character that does not belong.
    pub(crate) fn illegal_escape(sequence: &str, position: Position) -> ParseError {
        let sequence = one_line(sequence);
        ParseError::at(position, &format!("'{sequence}' is an illegal JQL escape sequence. {ESCAPES}"))
    }

    pub(crate) fn unfinished_escape(position: Position) -> ParseError {
        ParseError::at(position, &format!("The escape sequence has not been completed. {ESCAPES}"))
    }

    /// `text` is all that follows the opening quotation mark, which is at `position`.
    pub(crate) fn unfinished_string(text: &str, position: Position) -> ParseError {
        let sentence = if text.trim().is_empty() {
            "The quoted string has not been completed.".to_owned()
        } else {
            format!("The quoted string '{}' has not been completed.", one_line(text))
        };
        ParseError::at(position, &sentence)
    }
}

/// Errors in the order of the words.
impl ParseError {
    /// What is wrong with this token: `at_end` when it is the end of the query, `but_got` of its text
    /// otherwise.
    fn expecting(token: &Token, at_end: &str, but_got: impl FnOnce(&str) -> String) -> ParseError {
        if token.kind == TokenKind::End {
            ParseError { message: format!("Error in the JQL Query: {at_end}"), position: None }
        } else {
            ParseError::at(token.position, &but_got(&one_line(&token.text)))
        }
    }

    pub(crate) fn expecting_field(token: &Token) -> ParseError {
        ParseError::expecting(token, "Expecting a field name at the end of the query.", |got| {
            if token.kind == TokenKind::LeftBracket {
                "Expecting a field name but got '['. Did you mean 'cf['?".to_owned()
            } else {
                format!(
                    "Expecting a field name but got '{got}'. You must surround '{got}' in quotation marks to use \
                     it as a field name."
                )
            }
        })
    }

    pub(crate) fn expecting_custom_field_id(token: &Token) -> ParseError {
        let expecting = "Expecting a custom field id (a positive number)";
        ParseError::expecting(token, &format!("{expecting} before the end of the query."), |got| {
            format!("{expecting} but got '{got}'.")
        })
    }

    pub(crate) fn expecting_property_id(token: &Token) -> ParseError {
        ParseError::expecting(token, "Expecting a property id before the end of the query.", |got| {
            format!(
                "Expecting a property id but got '{got}'. You must surround '{got}' in quotation marks to use it \
                 as a value."
            )
        })
    }

    pub(crate) fn expecting_operator(token: &Token) -> ParseError {
        let at_end = format!("Expecting operator before the end of the query. {OPERATORS}");
        ParseError::expecting(token, &at_end, |got| {
            format!("Expecting operator but got '{got}'. {OPERATORS}")
        })
    }

    pub(crate) fn expecting_operand(token: &Token) -> ParseError {
        let expecting = "Error in JQL Query: Expecting either a value, list or function";
        if token.kind == TokenKind::End {
            return ParseError {
                message: format!("{expecting} before the end of the query."),
                position: None,
            };
        }
        let got = one_line(&token.text);
        let message = format!(
            "{expecting} but got '{got}'. You must surround '{got}' in quotation marks to use it as a value."
        );
        ParseError { message, position: Some(token.position) }
    }

    pub(crate) fn expecting_argument(token: &Token) -> ParseError {
        ParseError::expecting(token, "Expecting a function argument at the end of the query.", |got| {
            if token.kind == TokenKind::RightParenthesis {
                "Function argument must be specified.".to_owned()
            } else {
                format!(
                    "Expecting a function argument but got '{got}'. You must surround '{got}' in quotation marks \
                     to use it as an argument."
                )
            }
        })
    }

    /// The one symbol or keyword that could follow is missing.
    pub(crate) fn expecting_text(expected: &str, token: &Token) -> ParseError {
        ParseError::expecting(token, &format!("Expecting '{expected}' before the end of the query."), |got| {
            format!("Expecting '{expected}' but got '{got}'.")
        })
    }

    /// As [`ParseError::expecting_text`], where `,` could follow too; Jira does not ask for that at the end.
    pub(crate) fn expecting_end_of_arguments(token: &Token) -> ParseError {
        ParseError::expecting(token, "Expecting ')' before the end of the query.", |got| {
            format!("Expecting ')' or ',' but got '{got}'.")
        })
    }

    /// Where the query could end too, so that the token is never its end.
    pub(crate) fn expecting_logical_operator(token: &Token) -> ParseError {
        let got = one_line(&token.text);
        ParseError::at(token.position, &format!("Expecting either 'OR' or 'AND' but got '{got}'."))
    }

    /// Where the query could end too, so that the token is never its end.
    pub(crate) fn expecting_direction(token: &Token) -> ParseError {
        let got = one_line(&token.text);
        ParseError::at(token.position, &format!("Expecting either 'ASC' or 'DESC' but got '{got}'."))
    }

    pub(crate) fn illegal_number(token: &Token) -> ParseError {
        let sentence = format!(
            "'{}' is not a valid number. Numbers must be between -9,223,372,036,854,775,808 and \
             9,223,372,036,854,775,807.",
            token.text
        );
        ParseError::at(token.position, &sentence)
    }

    pub(crate) fn too_deep(limit: usize, token: &Token) -> ParseError {
        let sentence = format!("Parentheses and 'NOT' must not be nested more than {limit} levels deep.");
        ParseError::at(token.position, &sentence)
    }

    /// A list where the operator takes one value. Jira finds this after parsing, so it has neither prefix nor
    /// place.
    pub(crate) fn list_not_supported(operator: &str, operand: &Operand, field: &str) -> ParseError {
        let value = displayed(operand);
        let message =
            format!("Operator '{operator}' does not support the list value '{value}' for field '{field}'.");
        ParseError { message, position: None }
    }

    /// One value where the operator takes a list. Jira finds this after parsing, so it has neither prefix nor
    /// place.
    pub(crate) fn list_expected(operator: &str, operand: &Operand, field: &str) -> ParseError {
        let value = displayed(operand);
        let message = format!(
            "Operator '{operator}' does not support the non-list value '{value}' for field '{field}'."
        );
        ParseError { message, position: None }
    }
}

/// An operand as Jira shows it in its sentences: with quotation marks around all strings.
fn displayed(operand: &Operand) -> String {
    match operand {
        Operand::Value(Value::String(text)) => quoted(text),
        Operand::List(entries) => {
            let entries: Vec<String> = entries.iter().map(displayed).collect();
            format!("({})", entries.join(", "))
        }
        other => other.to_string(),
    }
}
