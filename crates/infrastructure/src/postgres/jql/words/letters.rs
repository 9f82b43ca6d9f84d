//! Which words are looked for at all, and what is a word where nobody puts blanks between them.

use crate::postgres::jql::sql::Sql;

/// Words so frequent that PostgreSQL's English configuration does not store them: `english.stop`.
const FREQUENT: &str = "i me my myself we our ours ourselves you your yours yourself yourselves he him his himself she \
     her hers herself it its itself they them their theirs themselves what which who whom this that \
     these those am is are was were be been being have has had having do does did doing a an the \
     and but if or because as until while of at by for with about against between into through \
     during before after above below to from up down in out on off over under again further then \
     once here there when where why how all any both each few more most other some such no nor not \
     only own same so than too very s t can will just don should now";

/// Whether nothing is stored of a text: it has no word but frequent ones. What PostgreSQL may read as one word of several
/// parts (`to-be`, `and/or`) is stored.
pub(super) fn is_frequent(text: &str) -> bool {
    let may_be_compound = |c: char| matches!(c, '-' | '/' | '.' | '_' | '@' | ':' | '+');
    let mut words = text.split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty());
    !text.contains(may_be_compound)
        && words.all(|word| FREQUENT.split(' ').any(|known| known.eq_ignore_ascii_case(word)))
}

/// Whether a character is written without blanks to the next word: Han, kana and hangul.
pub(super) fn is_unspaced(c: char) -> bool {
    matches!(c,
        '\u{3005}'..='\u{3007}'
        | '\u{3040}'..='\u{30ff}'
        | '\u{3400}'..='\u{4dbf}'
        | '\u{4e00}'..='\u{9fff}'
        | '\u{ac00}'..='\u{d7af}'
        | '\u{f900}'..='\u{faff}'
        | '\u{ff66}'..='\u{ff9f}'
        | '\u{20000}'..='\u{3ffff}')
}

/// The text with blanks around each such character.
pub(super) fn spaced(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        if is_unspaced(c) {
            out.extend([' ', c, ' ']);
        } else {
            out.push(c);
        }
    }
    out.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// The same in PostgreSQL, for the text in a column; with the characters of [`is_unspaced`].
pub(super) fn spaced_column(column: &'static str) -> Sql {
    Sql::new("regexp_replace(").push(column).push(
        r", '([\u3005-\u3007\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uac00-\ud7af\uf900-\ufaff\uff66-\uff9f\U00020000-\U0003ffff])', ' \1 ', 'g')",
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_frequent_words_are_frequent() {
        for text in ["the", "The", "to be or not to be", "don't", "a, the", "it"] {
            assert!(is_frequent(text), "{text}");
        }
        for text in ["login", "the login", "to-be", "and/or", "x"] {
            assert!(!is_frequent(text), "{text}");
        }
    }

    #[test]
    fn characters_that_are_words_stand_apart() {
        assert_eq!(spaced("PDF登录 ok"), "PDF 登 录 ok");
        assert_eq!(spaced("plain"), "plain");
    }
}
