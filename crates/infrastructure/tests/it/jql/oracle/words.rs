//! `~`: words in any of their forms, all of them or one of them, phrases, and beginnings of words (jira-facts 8.3).

use super::world::WORDS;

fn stem(word: &str) -> String {
    let lower = word.to_lowercase();
    let known = WORDS.iter().find(|(form, _)| form.to_lowercase() == lower);
    known.map_or(lower, |(_, stem)| (*stem).to_owned())
}

fn stems(text: &str) -> Vec<String> {
    text.split_whitespace().map(stem).collect()
}

/// Whether one text meets what is asked for: `a b`, `a OR b`, `"a b"`, `a*`, `-a`, `a NOT b`.
pub fn meets(text: &str, asked: &str) -> bool {
    asked.split(" OR ").any(|group| meets_all(text, group))
}

fn meets_all(text: &str, group: &str) -> bool {
    let words = stems(text);
    if let Some(phrase) = group.strip_prefix('"') {
        let phrase = stems(phrase.trim_end_matches('"'));
        return words.windows(phrase.len()).any(|window| window == phrase);
    }
    let mut negated = false;
    for word in group.split_whitespace() {
        if word == "NOT" {
            negated = true;
            continue;
        }
        let (minus, word) = match word.strip_prefix('-') {
            Some(word) => (true, word),
            None => (negated, word),
        };
        negated = false;
        let found = match word.strip_suffix('*') {
            Some(beginning) => words.iter().any(|word| word.starts_with(&beginning.to_lowercase())),
            None => words.contains(&stem(word)),
        };
        if found == minus {
            return false;
        }
    }
    true
}

/// `*` for anything and `?` for one character, and everything else as it is.
pub fn is_wild_match(pattern: &str, name: &str) -> bool {
    let (pattern, name): (Vec<char>, Vec<char>) =
        (pattern.to_lowercase().chars().collect(), name.to_lowercase().chars().collect());
    fn matches(pattern: &[char], name: &[char]) -> bool {
        match (pattern.first(), name.first()) {
            (None, None) => true,
            (Some('*'), _) => {
                matches(&pattern[1..], name) || (!name.is_empty() && matches(pattern, &name[1..]))
            }
            (Some('?'), Some(_)) => matches(&pattern[1..], &name[1..]),
            (Some(one), Some(other)) if one == other => matches(&pattern[1..], &name[1..]),
            _ => false,
        }
    }
    matches(&pattern, &name)
}
