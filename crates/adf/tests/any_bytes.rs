//! What the fuzz targets hold against any bytes, held against those that proptest makes up.

#[path = "../../../fuzz/src/adf_bodies.rs"]
mod adf_bodies;

use proptest::{collection::vec, prelude::*, sample::select};

/// A target's body.
type Body = fn(&[u8]);
const BODIES: [Body; 4] =
    [adf_bodies::adf_document, adf_bodies::adf_markdown, adf_bodies::adf_wiki, adf_bodies::adf_html];

fn hold(bytes: &[u8]) {
    for body in BODIES {
        body(bytes);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(500))]

    #[test]
    fn any_bytes_are_read(bytes in vec(any::<u8>(), 0..200)) {
        hold(&bytes);
    }

    #[test]
    fn pieces_of_markup_in_any_order_are_read(pieces in vec(select(PIECES), 0..40)) {
        hold(pieces.concat().as_bytes());
    }

    #[test]
    fn pieces_of_a_document_in_any_order_are_read(kinds in vec(select(NODES), 1..8), text in ".{0,20}", href in select(ADDRESSES)) {
        let mut node = serde_json::json!({ "type": "text", "text": text, "marks": [{ "type": "link", "attrs": { "href": href } }] });
        for kind in kinds {
            node = serde_json::json!({ "type": kind, "content": [node], "attrs": { "level": 9, "url": href, "language": text } });
        }
        let document = serde_json::json!({ "version": 1, "type": "doc", "content": [node] });
        hold(document.to_string().as_bytes());
    }
}

/// What the formats turn on, and what breaks texts.
const PIECES: &[&str] = &[
    "a",
    " ",
    "\n",
    "\n\n",
    "*",
    "**",
    "_",
    "~~",
    "`",
    "```",
    "# ",
    "h1. ",
    "> ",
    "bq. ",
    "- ",
    "1. ",
    "# ",
    "|",
    "||",
    "---",
    "----",
    "[",
    "]",
    "(",
    ")",
    "](",
    "{code}",
    "{code:java}",
    "{noformat}",
    "{quote}",
    "{panel:title=x}",
    "{color:red}",
    "{*}",
    "!a.png!",
    "<",
    ">",
    "<script>",
    "&",
    "&lt;",
    "\\",
    "javascript:alert(1)",
    "https://a.example/?x=1&y=\"",
    "mailto:a@b.example",
    "\"",
    "'",
    "\t",
    "\0",
    "\u{FDD0}",
    "é",
    "😀",
    "@",
    "[~accountid:5b]",
    "  ",
    "x^2^",
    "??c??",
    "+u+",
    "-s-",
    "~sub~",
    "(/)",
    ":)",
    "(y)",
];

const NODES: &[&str] = &[
    "paragraph",
    "heading",
    "bulletList",
    "orderedList",
    "listItem",
    "blockquote",
    "codeBlock",
    "panel",
    "table",
    "tableRow",
    "tableCell",
    "expand",
    "mediaSingle",
    "media",
    "inlineCard",
    "taskList",
    "taskItem",
    "hologram",
    "script",
];

const ADDRESSES: &[&str] = &[
    "https://a.example/",
    "javascript:alert(1)",
    "JAVASCRIPT:x",
    " javascript:x",
    "data:text/html,x",
    "//a",
    "/a",
    "#a",
    "mailto:a@b",
    "https://a\" onclick=\"x",
    "vbscript:x",
    "",
];
