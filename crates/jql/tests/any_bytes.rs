//! What the fuzz target holds against any bytes, held against those that proptest makes up.

#[path = "../../../fuzz/src/jql_bodies.rs"]
mod jql_bodies;

use proptest::prelude::*;

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn any_bytes_are_judged_without_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        jql_bodies::jql_parse(&bytes);
    }

    #[test]
    fn pieces_of_the_language_in_any_order_are_judged_without_panic(
        pieces in proptest::collection::vec(proptest::sample::select(PIECES), 0..30),
    ) {
        jql_bodies::jql_parse(pieces.concat().as_bytes());
    }
}

/// What the grammar turns on, and what breaks texts.
const PIECES: &[&str] = &[
    "a",
    "project",
    " ",
    "=",
    "!=",
    "~",
    "!~",
    "<=",
    ">",
    " in ",
    " not in ",
    " is ",
    " was ",
    " changed ",
    " empty",
    "null",
    "(",
    ")",
    "[",
    "]",
    ",",
    "\"",
    "'",
    "\\",
    "\\u12",
    "\\uD800",
    "cf[10001]",
    "and",
    " or ",
    "not ",
    "!",
    "&&",
    "||",
    "order by ",
    "desc",
    " during ",
    " from ",
    "by ",
    "now()",
    "-1d",
    "\"a\\tb\"",
    "\n",
    "\r\n",
    "\0",
    "\u{2028}",
    "é",
    "😀",
    "{",
    "@",
    "#",
    "%",
    ".x",
    "5",
    "-",
    "+",
    "1e9",
];
