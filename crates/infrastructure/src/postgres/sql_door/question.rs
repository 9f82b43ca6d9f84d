//! A question as PostgreSQL is given it: not the caller's text, but the tokens that the guard read, written anew.
//!
//! Two programs that read one text can read it differently: `U&"\0067"` is one name to PostgreSQL and an operator between two to
//! another, names are folded and cut by each one's own rules, a literal ends where a setting says. What is written here is a form that
//! leaves nothing to read differently: every token stands alone, names are folded and cut already, literals have one kind of
//! quotes, and comments are gone. So what the guard has looked at is what is run.

use sqlparser::{
    dialect::PostgreSqlDialect,
    tokenizer::{Location, Token, TokenWithSpan, Tokenizer, Word},
};

/// PostgreSQL cuts names there (`NAMEDATALEN` - 1), in bytes.
const LONGEST_NAME: usize = 63;

/// A question that may be asked, in the form that is run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::postgres) struct Question {
    text: String,
    /// Where each token begins, in characters: in the text, and in what the caller wrote.
    places: Vec<(usize, usize)>,
}

impl Question {
    /// What is run.
    pub(in crate::postgres) fn text(&self) -> &str {
        &self.text
    }

    /// The character of the caller's text, counted from 1, to which this one of [`Question::text`] belongs.
    pub(super) fn place_as_asked(&self, place: usize) -> usize {
        let place = place.saturating_sub(1);
        let next = self.places.partition_point(|(here, _)| *here <= place);
        let asked = next.checked_sub(1).and_then(|last| self.places.get(last)).map_or(0, |(_, asked)| *asked);
        asked + 1
    }
}

/// The tokens of a text as PostgreSQL reads them, without white space, comments, and the `;` at the end.
///
/// # Errors
/// Where the text cannot be divided into tokens, in words for whoever asked.
pub(super) fn tokens(sql: &str) -> Result<Vec<TokenWithSpan>, String> {
    if sql.contains('\0') {
        return Err("holds the character NUL, which PostgreSQL has none of".into());
    }
    let mut tokens = Tokenizer::new(&PostgreSqlDialect {}, sql)
        .tokenize_with_location()
        .map_err(|error| error.to_string())?;
    tokens.retain(|token| !matches!(token.token, Token::Whitespace(_)));
    while tokens.last().is_some_and(|token| token.token == Token::SemiColon) {
        tokens.pop();
    }
    for token in &mut tokens {
        if let Token::Word(word) = &token.token {
            token.token = as_postgresql_reads(word)?;
        }
    }
    Ok(tokens)
}

/// Writes tokens as the question they are, `sql` being what they were read from.
///
/// # Errors
/// Naming a token that is not available at the SQL door.
pub(super) fn write(tokens: &[TokenWithSpan], sql: &str) -> Result<Question, String> {
    let lines: Vec<usize> = std::iter::once(0)
        .chain(sql.split_inclusive('\n').scan(0, |end, line| {
            *end += line.chars().count();
            Some(*end)
        }))
        .collect();
    let mut question = Question { text: String::with_capacity(sql.len() + 16), places: Vec::new() };
    let mut written = 0;
    for token in tokens {
        let text = written_anew(&token.token)?;
        if written > 0 {
            question.text.push(' ');
            written += 1;
        }
        question.places.push((written, character(&lines, token.span.start)));
        written += text.chars().count();
        question.text.push_str(&text);
    }
    Ok(question)
}

/// Lines and columns are counted from 1, columns in characters.
fn character(lines: &[usize], place: Location) -> usize {
    let from_zero = |number: u64| usize::try_from(number.saturating_sub(1)).unwrap_or(usize::MAX);
    let line = lines.get(from_zero(place.line)).copied().unwrap_or_default();
    line.saturating_add(from_zero(place.column))
}

/// Only ASCII letters are folded, and only unquoted ones; then the name is cut. A word that is not all ASCII is no keyword to
/// PostgreSQL, whatever its capital letters look like.
fn as_postgresql_reads(word: &Word) -> Result<Token, String> {
    let folded = match word.quote_style {
        None => word.value.to_ascii_lowercase(),
        Some('"') => word.value.clone(),
        Some(_) => return Err(format!("{word}: names are quoted with \"")),
    };
    let name = cut(&folded);
    let is_quoted = word.quote_style.is_some() || !name.is_ascii();
    Ok(Token::make_word(name, is_quoted.then_some('"')))
}

/// On a border between characters.
fn cut(name: &str) -> &str {
    &name[..name.floor_char_boundary(LONGEST_NAME)]
}

fn written_anew(token: &Token) -> Result<String, String> {
    match token {
        Token::Word(Word { value, quote_style: None, .. }) => Ok(value.clone()),
        Token::Word(Word { value, .. }) => Ok(format!("\"{}\"", value.replace('"', "\"\""))),
        Token::Number(digits, false) => number(digits),
        Token::SingleQuotedString(value) | Token::EscapedStringLiteral(value) => Ok(literal(value)),
        Token::DollarQuotedString(quoted) => Ok(literal(&quoted.value)),
        Token::Placeholder(name) => Err(format!("`{name}`: parameters are not available; write the value")),
        Token::SemiColon => Err("ask one SELECT at a time".into()),
        Token::CustomBinaryOperator(operator) if is_one_operator(operator) => Ok(operator.clone()),
        operator if is_operator(operator) => Ok(operator.to_string()),
        other => Err(format!("`{other}` is not available here")),
    }
}

/// PostgreSQL before 16 would end a number at `_`, and reads any letter behind it as a name.
fn number(digits: &str) -> Result<String, String> {
    let digits = digits.replace('_', "").to_ascii_lowercase();
    let (mantissa, exponent) = digits.split_once('e').unwrap_or((&digits, "0"));
    let exponent = exponent.strip_prefix(['+', '-']).unwrap_or(exponent);
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let all_digits =
        [whole, fraction, exponent].iter().all(|part| part.bytes().all(|byte| byte.is_ascii_digit()));
    if all_digits && !exponent.is_empty() && whole.len() + fraction.len() > 0 {
        Ok(digits)
    } else {
        Err(format!("`{digits}` is not available here; write numbers in decimal digits"))
    }
}

/// In quotes where nothing but the quote itself has a meaning, whatever `standard_conforming_strings` says.
fn literal(value: &str) -> String {
    let quoted = value.replace('\'', "''");
    if quoted.contains('\\') { format!("E'{}'", quoted.replace('\\', "\\\\")) } else { format!("'{quoted}'") }
}

/// Whether PostgreSQL reads it as one operator: it leaves a `+` or `-` at the end to the next token unless there is a character among
/// the others that SQL has no operators of, and begins comments wherever it sees them.
fn is_one_operator(operator: &str) -> bool {
    !operator.is_empty()
        && operator.chars().all(|c| "+-*/<>=~!@#%^&|`?".contains(c))
        && !operator.contains("--")
        && !operator.contains("/*")
        && (!operator.ends_with(['+', '-']) || operator.contains(|c| "~!@#%^&|`?".contains(c)))
}

fn is_operator(token: &Token) -> bool {
    matches!(
        token,
        Token::Comma
            | Token::Period
            | Token::Colon
            | Token::DoubleColon
            | Token::LParen
            | Token::RParen
            | Token::LBracket
            | Token::RBracket
            | Token::RArrow
            | Token::Assignment
            | Token::Eq
            | Token::Neq
            | Token::Lt
            | Token::Gt
            | Token::LtEq
            | Token::GtEq
            | Token::Plus
            | Token::Minus
            | Token::Mul
            | Token::Div
            | Token::Mod
            | Token::Caret
            | Token::PGSquareRoot
            | Token::PGCubeRoot
            | Token::AtSign
            | Token::StringConcat
            | Token::Ampersand
            | Token::Pipe
            | Token::Sharp
            | Token::Tilde
            | Token::TildeAsterisk
            | Token::ExclamationMarkTilde
            | Token::ExclamationMarkTildeAsterisk
            | Token::DoubleTilde
            | Token::DoubleTildeAsterisk
            | Token::ExclamationMarkDoubleTilde
            | Token::ExclamationMarkDoubleTildeAsterisk
            | Token::CaretAt
            | Token::ShiftLeft
            | Token::ShiftRight
            | Token::Overlap
            | Token::AmpersandLeftAngleBracket
            | Token::AmpersandRightAngleBracket
            | Token::TwoWayArrow
            | Token::Arrow
            | Token::LongArrow
            | Token::HashArrow
            | Token::HashLongArrow
            | Token::HashMinus
            | Token::AtArrow
            | Token::ArrowAt
            | Token::AtQuestion
            | Token::AtAt
            | Token::Question
            | Token::QuestionAnd
            | Token::QuestionPipe
    )
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn written(sql: &str) -> Result<String, String> {
        write(&tokens(sql)?, sql).map(|question| question.text)
    }

    #[test]
    fn what_is_run_leaves_nothing_to_read_differently() {
        for (asked, run) in [
            ("SELECT  Key -- the key\n FROM Issues;", "select key from issues"),
            ("SELECT \"Key\"\"s\", 'it''s'", "select \"Key\"\"s\" , 'it''s'"),
            ("SELECT 'a\\', E'b\\'c\\\\', $x$d'$x$", "select E'a\\\\' , E'b''c\\\\' , 'd'''"),
            ("SELECT 1_000, 1.5e-3, .5", "select 1000 , 1.5e-3 , .5"),
            ("SELECT a!=b, c->>'d', e::int[]", "select a <> b , c ->> 'd' , e :: int [ ]"),
            // PostgreSQL would read one name, g.
            ("SELECT U&\"\\0067\".f", "select u & \"\\0067\" . f"),
            // KELVIN SIGN is no k, and LONG S makes no SELECT.
            ("SELECT \u{212a}ey, \u{17f}elect", "select \"\u{212a}ey\" , \"\u{17f}elect\""),
            ("SELECT Ä, ä", "select \"Ä\" , \"ä\""),
        ] {
            assert_eq!(written(asked).as_deref(), Ok(run), "{asked}");
        }
    }

    #[test]
    fn names_end_where_postgresql_cuts_them() {
        let long = "a".repeat(64);
        assert_eq!(written(&long).unwrap(), long[..63]);
        assert_eq!(written(&format!("\"{long}\"")).unwrap(), format!("\"{}\"", &long[..63]));
        // Not within a character.
        let umlauts = "ä".repeat(40);
        assert_eq!(written(&umlauts).unwrap(), format!("\"{}\"", "ä".repeat(31)));
    }

    #[test]
    fn what_others_may_read_differently_is_refused() {
        for sql in [
            "SELECT 0x1F",
            "SELECT X'1F'",
            "SELECT B'1'",
            "SELECT N'a'",
            "SELECT 1L",
            "SELECT 'a\0'",
            "SELECT {a}",
        ] {
            assert!(written(sql).is_err(), "{sql}: {:?}", written(sql));
        }
    }

    #[test]
    fn a_place_in_what_is_run_is_told_as_one_in_what_was_asked() {
        let asked = "SELECT /* ä */ 'ö'  ,\n  nothing FROM issues";
        let question = write(&tokens(asked).unwrap(), asked).unwrap();
        for word in ["nothing", "issues", "select"] {
            let here = question.text.find(word).map(|at| question.text[..at].chars().count() + 1).unwrap();
            let there = asked.to_lowercase().find(word).map(|at| asked[..at].chars().count() + 1).unwrap();
            assert_eq!(question.place_as_asked(here), there, "{word}");
        }
    }

    proptest! {
        /// Written and read again, a question is what it was.
        #[test]
        fn writing_changes_no_token(parts in prop::collection::vec(prop::sample::select(vec![
            "select", "U&", "e", "E'", "'", "''", "\"", "\\", "$$", "$a$", "1", "1.", ".", "_2", "L", "0x1", "--", "/*", "*/", "\n", " ",
            "+", "-", "@", "<", ">", "|", "&", "?", "#", "~", "!", "=", ":", "::", "\u{212a}", "\u{17f}", "ä", "Ab", "(", ")", "[", "]",
        ]), 0..14)) {
            let sql = parts.concat();
            if let Ok(read) = tokens(&sql)
                && let Ok(question) = write(&read, &sql)
            {
                let again = tokens(&question.text).unwrap();
                prop_assert_eq!(write(&again, &question.text).map(|again| again.text), Ok(question.text.clone()));
                let plain = |tokens: &[TokenWithSpan]| tokens.iter().map(|token| match &token.token {
                    Token::EscapedStringLiteral(value) => Token::SingleQuotedString(value.clone()),
                    Token::DollarQuotedString(quoted) => Token::SingleQuotedString(quoted.value.clone()),
                    Token::Number(digits, _) => Token::Number(digits.replace('_', ""), false),
                    other => other.clone(),
                }).collect::<Vec<_>>();
                prop_assert_eq!(plain(&again), plain(&read));
            }
        }
    }
}
