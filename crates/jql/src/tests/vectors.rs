//! Our own vectors, which every clone has: each query with what it is normalised to, or with the sentence and the place of
//! its error.
//!
//! They were made by rule, not by this parser: each reserved word and character in each place (jira-facts 8.1), each
//! operator with each kind of operand and each predicate as the grammar has them, each escape, each query cut short; with
//! the sentences of 8.6. Where 8.6 has none, the sentence is the one that was decided upon, and stands here so that a
//! change of it is seen.

use crate::{Position, parse};

const VECTORS: &str = include_str!("vectors.json");

/// As many as Atlassian's own at the least.
const ATLASSIANS: usize = 672;

#[test]
fn every_vector_is_judged_right() {
    let vectors: Vec<Vec<serde_json::Value>> = serde_json::from_str(VECTORS).unwrap();
    assert!(vectors.len() > ATLASSIANS, "{}", vectors.len());
    let (mut valid, mut invalid) = (0, 0);
    for vector in vectors {
        let text = vector[0].as_str().unwrap();
        match vector.get(1).and_then(|normalized| normalized.as_str()) {
            Some(normalized) => {
                valid += 1;
                let query = parse(text).unwrap_or_else(|error| panic!("{text:?}: {error}"));
                assert_eq!(query.to_string(), normalized, "{text:?}");
                assert_eq!(parse(normalized).as_ref(), Ok(&query), "{text:?}");
            }
            None => {
                invalid += 1;
                let error = parse(text).expect_err(text);
                let place = |at: usize| vector[at].as_u64().map(|number| number as usize);
                let position = place(3).zip(place(4)).map(|(line, column)| Position { line, column });
                assert_eq!(
                    (Some(error.message.as_str()), error.position),
                    (vector[2].as_str(), position),
                    "{text:?}"
                );
            }
        }
    }
    assert!(valid > 500 && invalid > 900, "{valid} and {invalid}");
}
