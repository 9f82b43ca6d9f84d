//! Putting placeholders in the place of personal data, and taking them out again.

use std::collections::{HashMap, HashSet};
use std::fmt;
use std::sync::LazyLock;

use regex::Regex;

use super::PiiKind;

static PLACEHOLDER: LazyLock<Regex> = LazyLock::new(|| super::pattern(r"\[[A-Z]+_[0-9]+\]"));

/// What a placeholder stands for.
#[derive(Clone, PartialEq, Eq)]
pub struct Replacement {
    /// The placeholder, for instance `[EMAIL_1]`.
    pub placeholder: String,
    /// What kind of data was replaced.
    pub kind: PiiKind,
    /// The data itself. It is not part of the `Debug` output.
    pub original: String,
}

impl fmt::Debug for Replacement {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Replacement")
            .field("placeholder", &self.placeholder)
            .field("kind", &self.kind)
            .finish_non_exhaustive()
    }
}

/// A text without personal data, and what is needed to restore it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Masked {
    /// The text with placeholders.
    pub text: String,
    /// One per placeholder, in order of first use.
    pub replacements: Vec<Replacement>,
}

/// Replaces every finding of [`find`](super::find) by a placeholder. Equal originals of a kind get the same
/// one, and numbers that the text already uses in something that looks like a placeholder are skipped, so
/// that [`Masked::unmask`] gives back exactly this text.
#[must_use]
pub fn mask(text: &str) -> Masked {
    mask_continuing(text, &[])
}

/// Masks a further text of the same conversation: originals known from `earlier` keep their placeholders, new
/// ones get new numbers, and the result restores both. A placeholder of `earlier` that the text mentions is
/// that placeholder, as in an answer that quotes the question; so only texts without such mentions are
/// restored exactly.
#[must_use]
pub fn mask_continuing(text: &str, earlier: &[Replacement]) -> Masked {
    let mut placeholders = Placeholders::new(text, earlier);
    let mut masked = String::with_capacity(text.len());
    let mut copied = 0;
    for finding in super::find(text) {
        masked.push_str(&text[copied..finding.range.start]);
        masked.push_str(placeholders.stand_in(finding.kind, &text[finding.range.clone()]));
        copied = finding.range.end;
    }
    masked.push_str(&text[copied..]);
    Masked { text: masked, replacements: placeholders.replacements }
}

impl Masked {
    /// Puts the originals back into a text that has this mask's placeholders: [`Self::text`] itself, or what
    /// someone made of it. Other things in brackets stay as they are, and what is put in is not searched
    /// again.
    #[must_use]
    pub fn unmask(&self, text: &str) -> String {
        let originals: HashMap<_, _> = self
            .replacements
            .iter()
            .map(|replacement| (replacement.placeholder.as_str(), replacement.original.as_str()))
            .collect();
        PLACEHOLDER
            .replace_all(text, |captures: &regex::Captures<'_>| {
                let placeholder = &captures[0];
                (*originals.get(placeholder).unwrap_or(&placeholder)).to_owned()
            })
            .into_owned()
    }
}

/// Hands out placeholders.
struct Placeholders {
    replacements: Vec<Replacement>,
    by_original: HashMap<(PiiKind, String), usize>,
    taken: HashSet<String>,
    last_number: HashMap<PiiKind, u64>,
}

impl Placeholders {
    fn new(text: &str, earlier: &[Replacement]) -> Self {
        let in_text = PLACEHOLDER.find_iter(text).map(|found| found.as_str().to_owned());
        let in_use = earlier.iter().map(|replacement| replacement.placeholder.clone());
        let by_original = earlier
            .iter()
            .enumerate()
            .map(|(index, replacement)| ((replacement.kind, replacement.original.clone()), index))
            .collect();
        Self {
            replacements: earlier.to_vec(),
            by_original,
            taken: in_text.chain(in_use).collect(),
            last_number: HashMap::new(),
        }
    }

    fn stand_in(&mut self, kind: PiiKind, original: &str) -> &str {
        let index = match self.by_original.get(&(kind, original.to_owned())) {
            Some(index) => *index,
            None => self.add(kind, original),
        };
        &self.replacements[index].placeholder
    }

    fn add(&mut self, kind: PiiKind, original: &str) -> usize {
        let number = self.last_number.entry(kind).or_default();
        let placeholder = loop {
            *number += 1;
            let candidate = format!("[{}_{number}]", kind.label());
            if !self.taken.contains(&candidate) {
                break candidate;
            }
        };
        let index = self.replacements.len();
        self.replacements.push(Replacement { placeholder, kind, original: original.to_owned() });
        self.by_original.insert((kind, original.to_owned()), index);
        index
    }
}
