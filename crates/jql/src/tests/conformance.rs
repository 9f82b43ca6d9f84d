//! Atlassian's own test vectors for JQL grammars, where they are at hand.

use std::fs;
use std::path::Path;

use serde_json::Value;

fn texts<'a>(vectors: &'a Value, kind: &str) -> impl Iterator<Item = &'a str> {
    vectors[kind].as_array().into_iter().flatten().filter_map(Value::as_str)
}

#[test]
fn every_vector_of_atlassian_is_judged_right() {
    let folder = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../../../shared/samples/jql"));
    if !folder.is_dir() {
        let said =
            format!("there are no samples at {}: the clone's own vectors judge alone", folder.display());
        assert!(std::env::var_os("FOREBAY_EXPECT_SHARED").is_none(), "{said}");
        return eprintln!("skipped: {said}");
    }
    let (mut valid, mut invalid) = (0, 0);
    let mut misjudged = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_none_or(|extension| extension != "json") {
            continue;
        }
        let vectors: Value = serde_json::from_str(&fs::read_to_string(&path).unwrap()).unwrap();
        for text in texts(&vectors, "valid") {
            valid += 1;
            match crate::parse(text) {
                Ok(query) => assert_eq!(crate::parse(&query.to_string()).as_ref(), Ok(&query), "{text:?}"),
                Err(error) => misjudged.push(format!("{text:?} is valid, but: {error}")),
            }
        }
        for text in texts(&vectors, "invalid") {
            invalid += 1;
            if let Ok(query) = crate::parse(text) {
                misjudged.push(format!("{text:?} is invalid, but read as {query}"));
            }
        }
    }
    assert!(misjudged.is_empty(), "{}", misjudged.join("\n"));
    assert_eq!((valid, invalid), (242, 430), "the sample folder is not complete");
}
