//! `forebay jql` and `forebay adf`: texts in, texts out, with nothing configured.

use std::{
    io::Write,
    process::{Command, Output, Stdio},
};

use serde_json::{Value, json};

use crate::app::BINARY;

fn fed(arguments: &[&str], input: &[u8]) -> Output {
    let mut child = Command::new(BINARY)
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(input).unwrap();
    child.wait_with_output().unwrap()
}

fn verdicts(arguments: &[&str], input: &[u8]) -> Vec<Value> {
    let output = fed(arguments, input);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let text = String::from_utf8(output.stdout).unwrap();
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

fn converted(from: &str, to: &str, input: &str) -> String {
    let output = fed(&["adf", "--from", from, "--to", to], input.as_bytes());
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

#[test]
fn each_line_gets_a_verdict() {
    let told = verdicts(
        &["jql"],
        b"project=ABC and status in (Done) order by updated\n\nproject ABC\r\nproject =\n\xff\nkey=A-1",
    );
    assert_eq!(
        told,
        [
            json!({"ok": true, "normalized": "project = ABC AND status IN (Done) ORDER BY updated"}),
            json!({"ok": true, "normalized": ""}),
            json!({"ok": false, "error": {
                "message": "Error in the JQL Query: Expecting operator but got 'ABC'. The valid operators are '=', '!=', '<', '>', \
                            '<=', '>=', '~', '!~', 'IN', 'NOT IN', 'IS' and 'IS NOT'. (line 1, character 9)",
                "line": 1, "column": 9}}),
            json!({"ok": false, "error": {
                "message": "Error in JQL Query: Expecting either a value, list or function before the end of the query.",
                "line": null, "column": null}}),
            json!({"ok": false, "error": {"message": "The query is not UTF-8 text.", "line": null, "column": null}}),
            json!({"ok": true, "normalized": "key = A-1"}),
        ]
    );
}

#[test]
fn an_array_may_hold_queries_of_several_lines() {
    let told = verdicts(&["jql", "--json"], br#"["project = A\nAND status Done", "a = 1"]"#);
    assert_eq!((&told[0]["error"]["line"], &told[0]["error"]["column"]), (&json!(2), &json!(12)));
    assert_eq!(told[1], json!({"ok": true, "normalized": "a = 1"}));

    let refused = fed(&["jql", "--json"], b"project = A");
    assert!(!refused.status.success());
    let told = String::from_utf8(refused.stderr).unwrap();
    assert!(told.contains("stdin is not a JSON array of queries") && told.contains("hint:"), "{told}");
}

#[test]
fn rich_text_goes_from_each_format_into_each() {
    let adf = converted("markdown", "adf", "# News\n\nA **bold** word");
    let document: Value = serde_json::from_str(&adf).unwrap();
    assert_eq!(document["content"][0]["type"], "heading");
    assert_eq!(converted("adf", "adf", &adf), adf);
    assert_eq!(converted("adf", "markdown", &adf), "# News\n\nA **bold** word\n");
    assert_eq!(converted("adf", "wiki", &adf), "h1. News\n\nA *bold* word\n");
    assert_eq!(converted("wiki", "html", "A *bold* word"), "<p>A <strong>bold</strong> word</p>\n");
    assert_eq!(converted("wiki", "text", "A *bold* word"), "A bold word\n");
}

#[test]
fn what_a_format_cannot_hold_goes_along_where_it_is_asked_for() {
    let adf = r#"{"content":[{"content":[{"attrs":{"color":"red","text":"At risk"},"type":"status"}],"type":"paragraph"}],"type":"doc","version":1}"#;
    for (format, text) in [("markdown", "At risk\n\n<!--adf:["), ("wiki", "*At risk*\n\n{anchor:adf-")] {
        let sealed = fed(&["adf", "--from", "adf", "--to", format, "--lossless"], adf.as_bytes());
        let sealed = String::from_utf8(sealed.stdout).unwrap();
        assert!(sealed.starts_with(text), "{sealed}");
        let back: Value = serde_json::from_str(&converted(format, "adf", &sealed)).unwrap();
        assert_eq!(back, serde_json::from_str::<Value>(adf).unwrap());
        let edited: Value =
            serde_json::from_str(&converted(format, "adf", &format!("{sealed}\nMore."))).unwrap();
        assert_eq!(edited["content"][0]["content"][0]["attrs"]["color"], "red");
        assert_eq!(edited["content"][1]["content"][0]["text"], "More.");
    }
}

#[test]
fn what_is_no_document_is_refused() {
    for (input, said) in [("nothing", "stdin is not JSON"), ("[]", "stdin is no ADF document")] {
        let output = fed(&["adf", "--from", "adf", "--to", "text"], input.as_bytes());
        assert!(!output.status.success());
        let told = String::from_utf8(output.stderr).unwrap();
        assert!(told.contains(said) && told.contains("hint:"), "{told}");
    }
}
