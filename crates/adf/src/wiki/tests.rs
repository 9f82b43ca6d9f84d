use serde_json::{Value, json};

use super::*;
use crate::Document;
use crate::from_wiki;

/// The blocks of some wiki markup, which must be valid.
fn blocks(wiki: &str) -> Value {
    let json = from_wiki(wiki).to_json();
    assert_eq!(crate::validate(&json), Ok(()), "{wiki}");
    json["content"].clone()
}

fn line(wiki: &str) -> Value {
    let blocks = blocks(wiki);
    assert_eq!(blocks[0]["type"], "paragraph", "{wiki}");
    blocks[0]["content"].clone()
}

fn text(text: &str) -> Value {
    json!({"type": "text", "text": text})
}

fn paragraph(content: &str) -> Value {
    json!({"type": "paragraph", "content": [text(content)]})
}

fn item(content: Value) -> Value {
    json!({"type": "listItem", "content": content})
}

fn wiki(content: Value) -> String {
    to_wiki(&Document::from_json(&json!({"version": 1, "type": "doc", "content": content})).unwrap())
}

#[test]
fn formats_begin_and_end_at_words() {
    let marked = |text: &str, mark: Value| json!([{"type": "text", "text": text, "marks": [mark]}]);
    let subsup = |kind: &str| json!({"type": "subsup", "attrs": {"type": kind}});
    assert_eq!(line("*a b*"), marked("a b", json!({"type": "strong"})));
    assert_eq!(line("_a_"), marked("a", json!({"type": "em"})));
    assert_eq!(line("??a??"), marked("a", json!({"type": "em"})));
    assert_eq!(line("-a-"), marked("a", json!({"type": "strike"})));
    assert_eq!(line("+a+"), marked("a", json!({"type": "underline"})));
    assert_eq!(line("^a^"), marked("a", subsup("sup")));
    assert_eq!(line("~a~"), marked("a", subsup("sub")));
    assert_eq!(line("{{a*b*}}"), marked("a*b*", json!({"type": "code"})));
    assert_eq!(line("a{*}b{*}c")[1], marked("b", json!({"type": "strong"}))[0]);
    assert_eq!(
        line("{color:red}a{color}"),
        marked("a", json!({"type": "textColor", "attrs": {"color": "#ff0000"}}))
    );
    for plain in [
        "snake_case_name",
        "a - b - c",
        "2*3*4",
        "well-known e-mail",
        "a *b",
        "-- a --",
        "C:\\temp",
        ":) (/)",
    ] {
        assert_eq!(line(plain), json!([text(plain)]));
    }
    assert_eq!(line(r"\*a\* \[b] \{code}"), json!([text("*a* [b] {code}")]));
    assert_eq!(line("*a\nb*"), json!([text("*a"), {"type": "hardBreak"}, text("b*")]));
}

#[test]
fn links_mentions_cards_and_images() {
    let linked = |text: &str, href: &str| json!([{"type": "text", "text": text, "marks": [{"type": "link", "attrs": {"href": href}}]}]);
    assert_eq!(line("[a b|https://c.example]"), linked("a b", "https://c.example"));
    assert_eq!(line("[https://c.example/d_e]"), linked("https://c.example/d_e", "https://c.example/d_e"));
    assert_eq!(
        line("https://c.example/_d_"),
        linked("https://c.example/_d", "https://c.example/_d")
            .as_array()
            .map(|link| json!([link[0], text("_")]))
            .unwrap()
    );
    assert_eq!(line("[mail|mailto:a@b.example]"), linked("mail", "mailto:a@b.example"));
    for plain in ["[ERROR] a", "[a|javascript:b]", "[PROJ-1]", "array[0|1]"] {
        assert_eq!(line(plain), json!([text(plain)]));
    }
    assert_eq!(
        line("[~accountid:5b10:a-1] [~jdoe]"),
        json!([{"type": "mention", "attrs": {"id": "5b10:a-1"}}, text(" "), {"type": "mention", "attrs": {"id": "jdoe"}}])
    );
    let card = "a [https://c.example|https://c.example|smart-link]";
    assert_eq!(line(card)[1], json!({"type": "inlineCard", "attrs": {"url": "https://c.example"}}));
    assert_eq!(to_wiki(&from_wiki(card)), card);
    assert_eq!(
        blocks("!screen shot.png|width=200,height=100!"),
        json!([{"type": "mediaSingle", "attrs": {"layout": "center"}, "content": [{"type": "media", "attrs": {
            "type": "file", "id": "screen shot.png", "alt": "screen shot.png", "collection": "", "width": 200,
            "height": 100}}]}])
    );
    assert_eq!(line("Wow! it is! great!"), json!([text("Wow! it is! great!")]));
}

#[test]
fn lists_nest_by_their_markers() {
    assert_eq!(
        blocks("* a\n** b\n*# c\n*# d\n* e\nmore\n# f"),
        json!([
            {"type": "bulletList", "content": [
                item(json!([paragraph("a"),
                    {"type": "bulletList", "content": [item(json!([paragraph("b")]))]},
                    {"type": "orderedList", "content": [item(json!([paragraph("c")])), item(json!([paragraph("d")]))]}])),
                item(json!([{"type": "paragraph", "content": [text("e"), {"type": "hardBreak"}, text("more")]}]))]},
            {"type": "orderedList", "content": [item(json!([paragraph("f")]))]},
        ])
    );
    assert_eq!(
        blocks("# a\n{code:sh}\nls\n\n-l\n{code}\n# b"),
        json!([{"type": "orderedList", "content": [
            item(json!([paragraph("a"), {"type": "codeBlock", "attrs": {"language": "sh"}, "content": [text("ls\n\n-l")]}])),
            item(json!([paragraph("b")]))]}])
    );
    assert_eq!(blocks("- a\n-- b")[0]["content"][0]["content"][1]["type"], "bulletList");
    assert_eq!(blocks("text\n-- \nName")[0]["type"], "paragraph");
}

#[test]
fn tables_have_headers_and_cells_over_several_lines() {
    let cell = |kind: &str, content: Value| json!({"type": kind, "content": content});
    let list = json!({"type": "bulletList", "content": [item(json!([paragraph("c")])), item(json!([paragraph("d")]))]});
    let code = json!({"type": "codeBlock", "content": [text("e|f")]});
    assert_eq!(
        blocks("||a||b||\n|* c\n* d|{code}\ne|f\n{code}|\n|[g|https://h]|"),
        json!([{"type": "table", "content": [
            {"type": "tableRow", "content": [
                cell("tableHeader", json!([paragraph("a")])), cell("tableHeader", json!([paragraph("b")]))]},
            {"type": "tableRow", "content": [cell("tableCell", json!([list])), cell("tableCell", json!([code]))]},
            {"type": "tableRow", "content": [cell("tableCell", json!([{"type": "paragraph", "content": [
                {"type": "text", "text": "g", "marks": [{"type": "link", "attrs": {"href": "https://h"}}]}]}]))]},
        ]}])
    );
    let mixed = "||a|b|\n||c| |";
    assert_eq!(to_wiki(&from_wiki(mixed)), mixed);
}

#[test]
fn blocks_of_every_kind() {
    assert_eq!(
        blocks("h2. a\nb\n----\nbq. c\n\n{quote}\nd\n\n* e\n{quote}\n{noformat}*f*{noformat}"),
        json!([
            {"type": "heading", "attrs": {"level": 2}, "content": [text("a")]},
            paragraph("b"),
            {"type": "rule"},
            {"type": "blockquote", "content": [paragraph("c")]},
            {"type": "blockquote", "content": [paragraph("d"),
                {"type": "bulletList", "content": [item(json!([paragraph("e")]))]}]},
            {"type": "codeBlock", "content": [text("*f*")]},
        ])
    );
    assert_eq!(line("a\\\\b"), json!([text("a"), {"type": "hardBreak"}, text("b")]));
    assert_eq!(line(r"\\server\share"), json!([text(r"\\server\share")]));
    assert_eq!(blocks("h5.a")[0]["attrs"]["level"], 5);
    assert_eq!(blocks("h7. a"), json!([paragraph("h7. a")]));
    let panel = &blocks("{panel:title=T|bgColor=#FFFAE6}\na\n{panel}")[0];
    assert_eq!(panel["attrs"], json!({"panelType": "warning"}));
    assert_eq!(panel["content"][0]["content"][0]["marks"], json!([{"type": "strong"}]));
    assert_eq!(blocks("{info}a{info}")[0]["attrs"], json!({"panelType": "info"}));
    assert_eq!(blocks("{panel:bgColor=silver}a{panel}")[0]["attrs"]["panelColor"], "#c0c0c0");
    assert_eq!(blocks("* [ ] a\n* [x] b")[0]["content"][1]["attrs"]["state"], "DONE");
}

#[test]
fn what_is_never_closed_is_text() {
    for plain in ["{code}", "a {quote} b", "{panel:title=x}", "{{a", "[a|https://b", "!a.png", "*a", "{*}a"] {
        assert_eq!(line(plain)[0]["text"].as_str().unwrap().chars().next(), plain.chars().next(), "{plain}");
    }
}

#[test]
fn documents_are_written_as_jira_writes_them() {
    let strong = json!([{"type": "strong"}]);
    let content = json!([
        {"type": "heading", "attrs": {"level": 3}, "content": [text("Plan")]},
        {"type": "paragraph", "content": [
            text("foo"), {"type": "text", "text": "bar", "marks": strong}, text("baz "),
            {"type": "text", "text": "bold ", "marks": strong}, text("well-known (a_b) - [x] {y} C:\\temp"),
            {"type": "hardBreak"}, {"type": "mention", "attrs": {"id": "5b10", "text": "@Mia"}}]},
        {"type": "codeBlock", "content": [text("{code}")]},
        {"type": "codeBlock", "attrs": {"language": "rust"}, "content": [text("fn a() {}")]},
        {"type": "panel", "attrs": {"panelType": "note"}, "content": [paragraph("careful")]},
        {"type": "mediaSingle", "attrs": {"layout": "center"}, "content": [{"type": "media", "attrs": {
            "type": "file", "id": "0c5e", "collection": "", "alt": "shot.png", "width": 300}}]},
        {"type": "expand", "attrs": {"title": "More"}, "content": [{"type": "rule"}]},
    ]);
    assert_eq!(
        wiki(content),
        "h3. Plan\n\nfoo{*}bar{*}baz *bold* well-known (a_b) - \\[x] \\{y} C:\\temp\n[~accountid:5b10]\n\n\
         {noformat}\n{code}\n{noformat}\n\n{code:rust}\nfn a() {}\n{code}\n\n\
         {panel:bgColor=#eae6ff}\ncareful\n{panel}\n\n!shot.png|width=300!\n\n*More*\n\n----"
    );
}

#[test]
fn text_that_looks_like_markup_stays_text() {
    for plain in [
        "h1. a",
        "bq. a",
        "* a",
        "# a",
        "- a",
        "----",
        "|a|",
        "||a||",
        "*a*",
        "_a_",
        "{code}a{code}",
        "{{a}}",
        "[a|mailto:b]",
        "[~accountid:1]",
        "!a.png!",
        "{color:red}a{color}",
        "a\\\\b",
        "\\*",
        "&#42;",
        "??a??",
        "{*}a{*}",
        "{quote}",
        "-5 to -3",
    ] {
        let content = json!([paragraph(plain)]);
        let written = wiki(content.clone());
        assert_eq!(blocks(&written), content, "{written}");
    }
    let hostile = json!([{"type": "paragraph", "content": [{"type": "text", "text": "a]b|c", "marks": [
        {"type": "link", "attrs": {"href": "https://d/|]{code}"}}]}]}]);
    assert_eq!(wiki(hostile), "[a\\]b&#124;c|https://d/%7C%5D%7Bcode%7D]");
}
