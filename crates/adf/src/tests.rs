//! What holds for every format at once.

pub(crate) mod documents;
mod envelope;

use std::time::Instant;

use proptest::prelude::*;
use serde_json::json;

use crate::*;

type Parser = (&'static str, fn(&str) -> Document);

const PARSERS: [Parser; 3] = [("text", from_text), ("markdown", from_markdown), ("wiki", from_wiki)];

/// What a parser makes is valid, is read again, and can be written in every format.
fn check(name: &str, source: &str, document: &Document) {
    let json = document.to_json();
    assert_eq!(validate(&json), Ok(()), "{name}: {source:?}");
    assert_ne!(oracle::accepts(&json), Some(false), "{name}: {source:?} {json}");
    assert_eq!(Document::from_json(&json).as_ref(), Ok(document), "{name}: {source:?}");
    for written in [to_text(document), to_markdown(document), to_wiki(document), to_html(document)] {
        assert!(!written.contains('\u{FDD0}'), "{name}: {source:?}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(800))]

    #[test]
    fn no_parser_fails_on_any_text(source in documents::hostile_text()) {
        for (name, parse) in PARSERS {
            check(name, &source, &parse(&source));
        }
    }

    #[test]
    fn markdown_keeps_the_meaning_of_a_document(document in documents::document()) {
        let written = to_markdown(&document);
        let read = from_markdown(&written);
        prop_assert_eq!(documents::meaning(&read), documents::meaning(&document), "{}", written);
        prop_assert_eq!(validate(&read.to_json()), Ok(()));
    }

    #[test]
    fn wiki_markup_keeps_the_meaning_of_a_document(document in documents::document()) {
        let written = to_wiki(&document);
        let read = from_wiki(&written);
        prop_assert_eq!(documents::meaning(&read), documents::meaning(&document), "{}", written);
        prop_assert_eq!(validate(&read.to_json()), Ok(()));
    }
}

#[test]
fn hostile_text_takes_no_time() {
    const SIZE: usize = 20_000;
    for unit in documents::HOSTILE_UNITS {
        let source = unit.repeat(SIZE / unit.len());
        for (name, parse) in PARSERS {
            let start = Instant::now();
            let document = parse(&source);
            let written = to_markdown(&document).len() + to_wiki(&document).len() + to_html(&document).len();
            let took = start.elapsed();
            // An unoptimised build on a busy machine needs a tenth of a second; what is quadratic needs many.
            assert!(took.as_secs() < 5, "{name} took {took:?} for {unit:?}");
            assert!(written <= 60 * SIZE, "{name} makes {written} bytes of {unit:?}");
        }
    }
}

#[test]
fn nesting_is_bounded() {
    for source in
        ["> ".repeat(5000), "- ".repeat(5000) + "x", "1. ".repeat(5000) + "x", "*".repeat(5000) + " x"]
    {
        for (name, parse) in PARSERS {
            check(name, &source, &parse(&source));
        }
    }
    let deep: String = (0..500).map(|depth| format!("{}- x\n", "  ".repeat(depth))).collect();
    check("markdown", &deep, &from_markdown(&deep));
    let deep: String = (1..500).map(|depth| format!("{} x\n", "#".repeat(depth))).collect();
    check("wiki", &deep, &from_wiki(&deep));
}

#[test]
fn values_may_be_documents_or_strings() {
    let document = json!({"version": 1, "type": "doc", "content": [{"type": "paragraph", "content": [
        {"type": "text", "text": "a & b", "marks": [{"type": "strong"}]}]}]});
    assert_eq!(text_of(&document), "a & b");
    assert_eq!(markdown_of(&document), "**a & b**");
    assert_eq!(wiki_of(&document), "*a & b*");
    assert_eq!(html_of(&document), "<p><strong>a &amp; b</strong></p>");
    let string = json!("*a & b*");
    assert_eq!(text_of(&string), "*a & b*");
    assert_eq!(markdown_of(&string), "**a & b**");
    assert_eq!(wiki_of(&string), "*a & b*");
    assert_eq!(html_of(&string), "<p><strong>a &amp; b</strong></p>");
    for other in [json!(null), json!(7), json!([]), json!({"type": "paragraph"})] {
        for read in [text_of, markdown_of, wiki_of, html_of] {
            assert_eq!(read(&other), "");
        }
    }
}

#[test]
fn recorded_issues_are_read() {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../../../shared/samples/issues");
    let Ok(files) = std::fs::read_dir(folder) else {
        return oracle::absent("the folder of recorded issues");
    };
    for file in files {
        let lines = std::fs::read_to_string(file.unwrap().path()).unwrap();
        for line in lines.lines().step_by(5) {
            let issue: serde_json::Value = serde_json::from_str(line).unwrap();
            let comments = issue["fields"]["comment"]["comments"].as_array().into_iter().flatten();
            let texts = comments.map(|comment| &comment["body"]).chain([&issue["fields"]["description"]]);
            for text in texts.filter_map(serde_json::Value::as_str) {
                let document = from_wiki(text);
                assert_eq!(validate(&document.to_json()), Ok(()), "{text}");
                // Reading may normalise; what was once written is kept.
                let again = from_wiki(&to_wiki(&document));
                assert_eq!(to_wiki(&from_wiki(&to_wiki(&again))), to_wiki(&again), "{text}");
                assert_eq!(validate(&from_markdown(text).to_json()), Ok(()), "{text}");
            }
        }
    }
}
