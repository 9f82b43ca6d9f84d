//! The text behind `~` (jira-facts 8.3) as a PostgreSQL text query.
//!
//! Words are found together, in any form of theirs; `"..."` is a phrase; `*` and `?` at the end of a word stand for any end;
//! `OR`, `NOT`, `-` and `!` mean what they say; `AND` and `+` are what holds anyway. Weights (`^4`), likeness (`~2`) and
//! parentheses are passed over, as Jira Cloud does. A backslash takes the meaning from what follows.
//!
//! Words that are too frequent to be stored (`the`, `to be or not to be`) are passed over beside others, and refused where there are
//! no others. Han, kana and hangul are looked for character by character in a row, as nobody puts blanks between their words; no
//! index serves that.
//!
//! Every text is a query: nothing a caller writes makes PostgreSQL refuse it.

use application::Result;

use self::letters::{is_frequent, is_unspaced, spaced, spaced_column};
use super::{refusals, sql::Sql};

mod letters;

/// More words than this in one text are refused: PostgreSQL nests them one in another.
const MOST_WORDS: usize = 200;

/// A longer word is cut: PostgreSQL neither stores nor looks for words of more than 2046 bytes.
const LONGEST_WORD: usize = 400;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Word,
    Phrase,
    Prefix,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Piece {
    negated: bool,
    kind: Kind,
    text: String,
}

/// A text query.
pub(super) struct TextQuery {
    /// A value of type `tsquery`.
    pub(super) sql: Sql,
    /// A query that texts meet which have a part that meets this one: without what must not be there. `None` where that would
    /// ask for nothing.
    pub(super) of_the_whole: Option<Sql>,
    /// Whether texts have to be parted into characters first: see [`letters`].
    is_spaced: bool,
    /// Whether texts that meet it always have a part that does: not when words may stand in different parts.
    pub(super) is_of_one_word: bool,
}

/// The text query of a text.
///
/// # Errors
/// For a text without any letter or digit, and for one with too many words. `field` is the name for the message.
pub(super) fn text_query(text: &str, field: &str) -> Result<TextQuery> {
    let mut groups = groups(text);
    if groups.is_empty() {
        return Err(refusals::empty_text(field));
    }
    for group in &mut groups {
        group.retain(|piece| piece.kind == Kind::Prefix || !is_frequent(&piece.text));
    }
    groups.retain(|group| !group.is_empty());
    if groups.is_empty() {
        return Err(refusals::frequent_words(text, field));
    }
    let is_spaced = groups.iter().flatten().any(|piece| piece.text.contains(is_unspaced));
    if is_spaced {
        let whole = groups.iter_mut().flatten().filter(|piece| piece.text.contains(is_unspaced));
        whole.for_each(|piece| (piece.text, piece.kind) = (spaced(&piece.text), Kind::Phrase));
    }
    if text.split_whitespace().count() > MOST_WORDS {
        return Err(refusals::too_many("words in one text", MOST_WORDS));
    }
    let is_of_one_word = !is_spaced && groups.iter().all(|group| {
        matches!(group.as_slice(), [piece] if !piece.negated && piece.kind != Kind::Phrase && is_one_word(&piece.text))
    });
    let positive =
        |group: &Vec<Piece>| group.iter().filter(|piece| !piece.negated).cloned().collect::<Vec<_>>();
    let wanted: Vec<Vec<Piece>> = groups.iter().map(positive).collect();
    let is_indexed = !is_spaced && wanted.iter().all(|group| !group.is_empty());
    let of_the_whole = is_indexed.then(|| any_of(wanted));
    Ok(TextQuery { sql: any_of(groups), of_the_whole, is_spaced, is_of_one_word })
}

impl TextQuery {
    /// Whether the text in a column meets it.
    pub(super) fn met_by(&self, column: &'static str) -> Sql {
        let column = if self.is_spaced { spaced_column(column) } else { Sql::new(column) };
        Sql::new("to_tsvector('english', ").append(column).push(") @@ ").append(self.sql.clone())
    }

    /// The same for a text of which the words are stored.
    pub(super) fn met_by_stored(&self, words: &'static str, column: &'static str) -> Sql {
        if self.is_spaced {
            return self.met_by(column);
        }
        Sql::new(words).push(" @@ ").append(self.sql.clone())
    }

    /// Whether stored words tell what meets it.
    pub(super) fn is_indexed(&self) -> bool {
        !self.is_spaced
    }
}

/// Whether PostgreSQL reads it as one word too: `a-b` is several.
fn is_one_word(text: &str) -> bool {
    text.chars().all(char::is_alphanumeric)
}

fn any_of(groups: Vec<Vec<Piece>>) -> Sql {
    let groups = groups.into_iter().map(|pieces| {
        let pieces = pieces.into_iter().map(piece).reduce(|all, next| all.push(" && ").append(next));
        Sql::new("(").append(pieces.unwrap_or_default()).push(")")
    });
    let whole = groups.reduce(|any, next| any.push(" || ").append(next)).unwrap_or_default();
    Sql::new("(").append(whole).push(")")
}

fn piece(piece: Piece) -> Sql {
    let text = piece.text;
    let sql = match piece.kind {
        Kind::Word => Sql::new("plainto_tsquery('english', ").bind(text).push(")"),
        Kind::Phrase => Sql::new("phraseto_tsquery('english', ").bind(text).push(")"),
        // As it is written and as its stem, because only stems are stored, and words too frequent to be stored have none.
        Kind::Prefix => {
            let quoted = format!("'{}':*", text.replace('\\', "\\\\").replace('\'', "''"));
            Sql::new("(to_tsquery('simple', ")
                .bind(quoted.clone())
                .push(") || to_tsquery('english', ")
                .bind(quoted)
                .push("))")
        }
    };
    if piece.negated { Sql::new("!! ").append(sql) } else { sql }
}

/// Groups of which one has to hold, each of pieces that all have to; none is empty.
fn groups(text: &str) -> Vec<Vec<Piece>> {
    let mut groups = vec![Vec::new()];
    let mut negated = false;
    for token in tokens(text) {
        match token {
            Token::Word(word) => match word.as_str() {
                "AND" | "&&" => {}
                "OR" | "||" => groups.push(Vec::new()),
                "NOT" => negated = true,
                _ => {
                    if let Some(found) = word_piece(&word, std::mem::take(&mut negated))
                        && let Some(group) = groups.last_mut()
                    {
                        group.push(found);
                    }
                }
            },
            Token::Phrase { text, negated: minus } => {
                let negated = std::mem::take(&mut negated) || minus;
                let text = text.split_whitespace().map(cut).collect::<Vec<_>>().join(" ");
                if has_words(&text)
                    && let Some(group) = groups.last_mut()
                {
                    group.push(Piece { negated, kind: Kind::Phrase, text });
                }
            }
        }
    }
    groups.retain(|group| !group.is_empty());
    groups
}

/// Stands for a character whose meaning was taken, until the pieces are made: no text has it, as it is no character.
const TAKEN: char = '\u{f8ff}';

enum Token {
    Word(String),
    Phrase { text: String, negated: bool },
}

fn tokens(text: &str) -> Vec<Token> {
    let mut tokens = Vec::new();
    let mut word = String::new();
    let mut characters = text.chars();
    while let Some(character) = characters.next() {
        match character {
            '\\' => {
                word.push(TAKEN);
                word.extend(characters.next());
            }
            '"' => {
                let negated = matches!(word.as_str(), "-" | "!");
                if !negated {
                    flush(&mut tokens, &mut word);
                }
                word.clear();
                let phrase: String = characters.by_ref().take_while(|c| *c != '"').collect();
                tokens.push(Token::Phrase { text: phrase, negated });
                // What stands directly behind a phrase is how near its words have to be, or its weight.
                let rest = characters.as_str();
                let behind =
                    rest.trim_start_matches(|c: char| matches!(c, '~' | '^' | '.') || c.is_ascii_digit());
                if rest.starts_with(['~', '^']) {
                    characters = behind.chars();
                }
            }
            '(' | ')' => flush(&mut tokens, &mut word),
            space if space.is_whitespace() => flush(&mut tokens, &mut word),
            other => word.push(other),
        }
    }
    flush(&mut tokens, &mut word);
    tokens
}

fn flush(tokens: &mut Vec<Token>, word: &mut String) {
    if !word.is_empty() {
        tokens.push(Token::Word(std::mem::take(word)));
    }
}

fn word_piece(word: &str, negated: bool) -> Option<Piece> {
    let (minus, word) = match word.strip_prefix(['-', '!']) {
        Some(rest) => (true, rest),
        None => (false, word.strip_prefix('+').unwrap_or(word)),
    };
    let word = without_weight(word).trim_start_matches(['*', '?']);
    let (text, kind) = match word.find(['*', '?']) {
        Some(end) if !word[..end].ends_with(TAKEN) => (&word[..end], Kind::Prefix),
        _ => (word, Kind::Word),
    };
    let text = cut(&text.replace(TAKEN, ""));
    has_words(&text).then_some(Piece { negated: negated || minus, kind, text })
}

/// The word without `~`, `~0.8` or `^4` behind it.
fn without_weight(word: &str) -> &str {
    let bare = word.trim_end_matches(|c: char| c == '.' || c.is_ascii_digit());
    match bare.strip_suffix(['~', '^']) {
        Some(bare) if !bare.ends_with(TAKEN) => bare,
        _ => word,
    }
}

fn cut(word: &str) -> String {
    word.chars().take(LONGEST_WORD).collect()
}

fn has_words(text: &str) -> bool {
    text.chars().any(char::is_alphanumeric)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::postgres::jql::sql::Bind;

    fn read(text: &str) -> Vec<Vec<(bool, Kind, String)>> {
        let piece = |piece: Piece| (piece.negated, piece.kind, piece.text);
        groups(text).into_iter().map(|group| group.into_iter().map(piece).collect()).collect()
    }

    fn refusal(text: &str) -> String {
        text_query(text, "summary").err().map(|error| error.to_string()).unwrap_or_default()
    }

    fn word(text: &str) -> (bool, Kind, String) {
        (false, Kind::Word, text.to_owned())
    }

    #[test]
    fn words_phrases_and_beginnings_are_told_apart() {
        assert_eq!(read("broken  login"), [[word("broken"), word("login")]]);
        assert_eq!(
            read("page \"not found\" err* col?r"),
            [[
                word("page"),
                (false, Kind::Phrase, "not found".into()),
                (false, Kind::Prefix, "err".into()),
                (false, Kind::Prefix, "col".into()),
            ]]
        );
        assert_eq!(read("\"never closed"), [[(false, Kind::Phrase, "never closed".into())]]);
    }

    #[test]
    fn connectives_are_understood_and_weights_are_passed_over() {
        assert_eq!(read("a AND +b"), [[word("a"), word("b")]]);
        assert_eq!(read("a OR (b c)"), [vec![word("a")], vec![word("b"), word("c")]]);
        let not = |text: &str| (true, Kind::Word, text.to_owned());
        assert_eq!(read("NOT a -b !c"), [[not("a"), not("b"), not("c")]]);
        assert_eq!(read("roam~0.8 jakarta^4"), [[word("roam"), word("jakarta")]]);
        assert_eq!(
            read("\"a b\"~5 -\"c d\""),
            [[(false, Kind::Phrase, "a b".into()), (true, Kind::Phrase, "c d".into()),]]
        );
        assert_eq!(read("or not and"), [[word("or"), word("not"), word("and")]]);
    }

    #[test]
    fn a_backslash_takes_the_meaning_from_what_follows() {
        assert_eq!(read(r"\-a"), [[word("-a")]]);
        assert_eq!(read(r"wild\*"), [[word("wild*")]]);
        assert_eq!(read(r"\[brackets\]"), [[word("[brackets]")]]);
    }

    #[test]
    fn a_text_without_words_is_refused() {
        for text in ["", "  ", "***", "\"\"", "- + !", "OR", "(\\)"] {
            assert_eq!(refusal(text), "The field 'summary' does not support searching for an empty string.");
        }
        assert_eq!(
            refusal(&"word ".repeat(MOST_WORDS + 1)),
            "The query is too large: it must not have more than 200 words in one text."
        );
    }

    #[test]
    fn frequent_words_alone_are_refused_and_passed_over_beside_others() {
        for text in ["the", "\"to be or not to be\"", "-the", "it OR the"] {
            assert_eq!(
                refusal(text),
                format!(
                    "The field 'summary' does not support searching for words as frequent as '{text}' alone."
                )
            );
        }
        let sql = |text: &str| text_query(text, "text").unwrap().sql.values();
        assert_eq!(sql("the login"), sql("login"));
        assert_eq!(sql("the -login"), sql("-login"));
        assert_eq!(sql("\"the login\""), [Bind::Text("the login".into())]);
        assert_eq!(sql("登录 the*"), ["登 录", "'the':*", "'the':*"].map(|text| Bind::Text(text.into())));
    }

    #[test]
    fn what_must_not_be_there_is_not_asked_of_the_whole() {
        let whole = |text: &str| text_query(text, "text").unwrap().of_the_whole.map(|sql| sql.text());
        assert_eq!(whole("x -y"), whole("x"));
        assert_eq!(whole("-y"), None);
        let one = |text: &str| text_query(text, "text").unwrap().is_of_one_word;
        assert!(one("login") && one("log*") && one("x OR y"));
        assert!(!one("x y") && !one("\"x y\"") && !one("x-y") && !one("-x"));
    }

    #[test]
    fn texts_are_bound() {
        let TextQuery { sql, of_the_whole, is_of_one_word, .. } =
            text_query("a'b* \"c d\" OR -e", "text").unwrap();
        assert!(of_the_whole.is_none() && !is_of_one_word);
        assert_eq!(
            sql.text(),
            "(((to_tsquery('simple', $1) || to_tsquery('english', $2)) && phraseto_tsquery('english', $3)) || \
             (!! plainto_tsquery('english', $4)))"
        );
        assert_eq!(
            sql.values(),
            ["'a''b':*", "'a''b':*", "c d", "e"].map(|text| Bind::Text(text.to_owned()))
        );
    }

    proptest! {
        #[test]
        fn no_text_is_too_strange_to_be_read(text in "\\PC{0,60}") {
            let _ = text_query(&text, "text");
        }
    }
}
