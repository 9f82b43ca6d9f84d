//! From text to tokens (jira-facts section 8.1, "Lexing").
//!
//! The whole text is cut before any of it is parsed, as Jira does: a mistake in its letters is reported
//! before any mistake in the order of its words.

use crate::ast::Position;
use crate::error::ParseError;
use crate::reserved::is_reserved;

/// A word, number or symbol of a query.
#[derive(Debug)]
pub(crate) struct Token {
    pub(crate) kind: TokenKind,
    /// Decoded for strings, as typed for the rest; empty at the end.
    pub(crate) text: String,
    pub(crate) position: Position,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum TokenKind {
    String,
    Number,
    And,
    Or,
    Not,
    Empty,
    Is,
    In,
    Was,
    Changed,
    Before,
    After,
    On,
    During,
    By,
    From,
    To,
    Order,
    Ascending,
    Descending,
    CustomField,
    Bang,
    Equals,
    NotEquals,
    Like,
    NotLike,
    LessThan,
    LessThanEquals,
    GreaterThan,
    GreaterThanEquals,
    LeftParenthesis,
    RightParenthesis,
    LeftBracket,
    RightBracket,
    Comma,
    End,
}

/// The symbols; a longer one comes before those it starts with.
const SYMBOLS: [(&str, TokenKind); 18] = [
    ("&&", TokenKind::And),
    ("&", TokenKind::And),
    ("||", TokenKind::Or),
    ("|", TokenKind::Or),
    ("!=", TokenKind::NotEquals),
    ("!~", TokenKind::NotLike),
    ("!", TokenKind::Bang),
    ("=", TokenKind::Equals),
    ("~", TokenKind::Like),
    ("<=", TokenKind::LessThanEquals),
    ("<", TokenKind::LessThan),
    (">=", TokenKind::GreaterThanEquals),
    (">", TokenKind::GreaterThan),
    ("(", TokenKind::LeftParenthesis),
    (")", TokenKind::RightParenthesis),
    ("[", TokenKind::LeftBracket),
    ("]", TokenKind::RightBracket),
    (",", TokenKind::Comma),
];

const KEYWORDS: [(&str, TokenKind); 20] = [
    ("and", TokenKind::And),
    ("or", TokenKind::Or),
    ("not", TokenKind::Not),
    ("empty", TokenKind::Empty),
    ("null", TokenKind::Empty),
    ("is", TokenKind::Is),
    ("in", TokenKind::In),
    ("was", TokenKind::Was),
    ("changed", TokenKind::Changed),
    ("before", TokenKind::Before),
    ("after", TokenKind::After),
    ("on", TokenKind::On),
    ("during", TokenKind::During),
    ("by", TokenKind::By),
    ("from", TokenKind::From),
    ("to", TokenKind::To),
    ("order", TokenKind::Order),
    ("asc", TokenKind::Ascending),
    ("desc", TokenKind::Descending),
    ("cf", TokenKind::CustomField),
];

/// Whether a character may stand in a query only as an escape, even within quotation marks. Line breaks and
/// the tab count too; where they may stand is decided by those who ask.
pub(crate) fn is_illegal(character: char) -> bool {
    matches!(
        character,
        '\0'..='\u{1f}' | '\u{7f}'..='\u{9f}' | '\u{fdd0}'..='\u{fdef}' | '\u{fffe}' | '\u{ffff}'
    )
}

/// Whether a character may stand in a string without quotation marks and without an escape.
pub(crate) fn is_bare(character: char) -> bool {
    match character {
        '!' | '"' | '#' | '$' | '%' | '&' | '\'' | '(' | ')' | '*' | '+' | ',' | '/' | ';' | '<' | '='
        | '>' | '?' | '@' | '[' | '\\' | ']' | '^' | '{' | '|' | '}' | '~' | ' ' => false,
        other => !is_illegal(other),
    }
}

/// Whether unquoted text is a number: digits, with or without a minus sign.
pub(crate) fn is_number(text: &str) -> bool {
    let digits = text.strip_prefix('-').unwrap_or(text);
    !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit())
}

/// Cuts a text into its tokens and the [`TokenKind::End`] behind them.
pub(crate) fn tokens(text: &str) -> Result<(Vec<Token>, Token), ParseError> {
    let mut lexer = Lexer { rest: text, position: Position { line: 1, column: 1 } };
    let mut tokens = Vec::new();
    loop {
        let token = lexer.token()?;
        if token.kind == TokenKind::End {
            return Ok((tokens, token));
        }
        tokens.push(token);
    }
}

struct Lexer<'a> {
    rest: &'a str,
    position: Position,
}

impl Lexer<'_> {
    fn peek(&self) -> Option<char> {
        self.rest.chars().next()
    }

    fn bump(&mut self) -> Option<char> {
        let character = self.peek()?;
        self.rest = &self.rest[character.len_utf8()..];
        if character == '\n' {
            self.position.line += 1;
            self.position.column = 1;
        } else {
            self.position.column += character.len_utf16();
        }
        Some(character)
    }

    fn token(&mut self) -> Result<Token, ParseError> {
        while matches!(self.peek(), Some(' ' | '\t' | '\r' | '\n')) {
            self.bump();
        }
        let position = self.position;
        let Some(character) = self.peek() else {
            return Ok(Token { kind: TokenKind::End, text: String::new(), position });
        };
        if let Some((symbol, kind)) = SYMBOLS.iter().find(|(symbol, _)| self.rest.starts_with(symbol)) {
            for _ in symbol.chars() {
                self.bump();
            }
            return Ok(Token { kind: *kind, text: (*symbol).to_owned(), position });
        }
        match character {
            '"' | '\'' => self.quoted_string(),
            '\\' => self.word(),
            other if is_bare(other) => self.word(),
            other if is_illegal(other) => Err(ParseError::illegal_character(other, position)),
            other => Err(ParseError::reserved_character(other, position)),
        }
    }

    fn quoted_string(&mut self) -> Result<Token, ParseError> {
        let position = self.position;
        let quote = self.bump();
        let content = self.rest;
        let mut text = String::new();
        loop {
            match self.peek() {
                None => return Err(ParseError::unfinished_string(content, position)),
                Some('\\') => text.push(self.escape()?),
                end if end == quote => {
                    self.bump();
                    return Ok(Token { kind: TokenKind::String, text, position });
                }
                Some(other) if is_illegal(other) && !matches!(other, '\r' | '\n') => {
                    return Err(ParseError::illegal_character(other, self.position));
                }
                Some(other) => {
                    text.push(other);
                    self.bump();
                }
            }
        }
    }

    /// A string without quotation marks, a number or a keyword. One escape makes it a string whatever it
    /// spells.
    fn word(&mut self) -> Result<Token, ParseError> {
        let position = self.position;
        let mut text = String::new();
        let mut has_escape = false;
        while let Some(character) = self.peek() {
            if character == '\\' {
                text.push(self.escape()?);
                has_escape = true;
            } else if is_bare(character) {
                text.push(character);
                self.bump();
            } else {
                break;
            }
        }
        let keyword = KEYWORDS.iter().find(|(keyword, _)| keyword.eq_ignore_ascii_case(&text));
        let kind = match keyword {
            _ if has_escape => TokenKind::String,
            Some((_, kind)) => *kind,
            None if is_number(&text) => TokenKind::Number,
            None if is_reserved(&text) => return Err(ParseError::reserved_word(&text, position)),
            None => TokenKind::String,
        };
        Ok(Token { kind, text, position })
    }

    /// The character an escape sequence stands for. Called at its backslash.
    fn escape(&mut self) -> Result<char, ParseError> {
        let position = self.position;
        self.bump();
        match self.bump() {
            None => Err(ParseError::unfinished_escape(position)),
            Some('t') => Ok('\t'),
            Some('n') => Ok('\n'),
            Some('r') => Ok('\r'),
            Some(itself @ ('"' | '\'' | '\\' | ' ')) => Ok(itself),
            Some('u') => self.unicode_escape(position),
            Some(other) => Err(ParseError::illegal_escape(&format!("\\{other}"), position)),
        }
    }

    /// The character of `\uXXXX`, or of two such escapes that are the halves of one character. Called behind
    /// the first `u`. Half a character is no text that could be searched for, so it is refused.
    fn unicode_escape(&mut self, position: Position) -> Result<char, ParseError> {
        let mut sequence = "\\u".to_owned();
        let first = self.code_unit(&mut sequence, position)?;
        let is_first_half = (0xd800..0xdc00).contains(&first);
        let mut units = vec![first];
        if is_first_half && self.rest.starts_with("\\u") {
            sequence.push_str("\\u");
            self.bump();
            self.bump();
            units.push(self.code_unit(&mut sequence, position)?);
        }
        match char::decode_utf16(units).next() {
            Some(Ok(character)) => Ok(character),
            _ => Err(ParseError::illegal_escape(&sequence, position)),
        }
    }

    /// The number of four hexadecimal digits, which are added to `sequence`.
    fn code_unit(&mut self, sequence: &mut String, position: Position) -> Result<u16, ParseError> {
        let mut unit = 0;
        for _ in 0..4 {
            let character = self.bump();
            sequence.extend(character);
            // Four digits of four bits each fill the unit; they cannot overflow it.
            match character.and_then(|digit| digit.to_digit(16)).and_then(|digit| u16::try_from(digit).ok()) {
                Some(digit) => unit = unit << 4 | digit,
                None => return Err(ParseError::illegal_escape(sequence, position)),
            }
        }
        Ok(unit)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kinds(text: &str) -> Vec<TokenKind> {
        let (tokens, _) = tokens(text).unwrap();
        tokens.iter().map(|token| token.kind).collect()
    }

    #[test]
    fn every_keyword_is_a_reserved_word() {
        for (keyword, _) in KEYWORDS {
            assert!(is_reserved(keyword), "{keyword}");
        }
    }

    #[test]
    fn the_longest_symbol_wins() {
        use TokenKind::{And, Bang, Equals, GreaterThan, LessThan, NotEquals, NotLike, Or};
        assert_eq!(kinds("&&&|||"), [And, And, Or, Or]);
        assert_eq!(
            kinds("!=!~!<>=="),
            [NotEquals, NotLike, Bang, LessThan, TokenKind::GreaterThanEquals, Equals]
        );
        assert_eq!(kinds("<>"), [LessThan, GreaterThan]);
    }

    #[test]
    fn only_whole_numbers_without_quotation_marks_and_escapes_are_numbers() {
        for number in ["0", "-7", "007", "1732877091000"] {
            assert_eq!(kinds(number), [TokenKind::Number], "{number}");
        }
        for string in ["5.5", "-", "--5", "5b", "-7d", "'5'", "\"5\"", "\\u0035", "2024-01-05"] {
            assert_eq!(kinds(string), [TokenKind::String], "{string}");
        }
    }

    #[test]
    fn an_escape_makes_a_string_of_a_keyword() {
        assert_eq!(kinds("and \\u0061nd 'and'"), [TokenKind::And, TokenKind::String, TokenKind::String]);
    }

    #[test]
    fn places_are_counted_in_utf_16_and_lines_by_line_feeds() {
        let (tokens, end) = tokens("😀 =\r\n  '\n' x").unwrap();
        let places: Vec<_> =
            tokens.iter().map(|token| (token.position.line, token.position.column)).collect();
        assert_eq!(places, [(1, 1), (1, 4), (2, 3), (3, 3)]);
        assert_eq!(end.position, Position { line: 3, column: 4 });
    }

    #[test]
    fn a_no_break_space_is_part_of_the_word() {
        let (tokens, _) = tokens("a\u{a0}= b").unwrap();
        assert_eq!(tokens[0].text, "a\u{a0}");
    }
}
