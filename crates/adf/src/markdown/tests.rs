use serde_json::{Value, json};

use super::*;
use crate::Document;
use crate::from_markdown;

/// The blocks of some Markdown, which must be valid.
fn blocks(markdown: &str) -> Value {
    let json = from_markdown(markdown).to_json();
    assert_eq!(crate::validate(&json), Ok(()), "{markdown}");
    json["content"].clone()
}

fn line(markdown: &str) -> Value {
    let blocks = blocks(markdown);
    assert_eq!(blocks[0]["type"], "paragraph", "{markdown}");
    blocks[0]["content"].clone()
}

fn paragraph(text: &str) -> Value {
    json!({"type": "paragraph", "content": [{"type": "text", "text": text}]})
}

fn markdown(content: Value) -> String {
    to_markdown(&Document::from_json(&json!({"version": 1, "type": "doc", "content": content})).unwrap())
}

#[test]
fn emphasis_follows_commonmark() {
    let marked = |text: &str, mark: &str| json!({"type": "text", "text": text, "marks": [{"type": mark}]});
    let plain = |text: &str| json!({"type": "text", "text": text});
    assert_eq!(line("**a**"), json!([marked("a", "strong")]));
    assert_eq!(line("*a* _b_"), json!([marked("a", "em"), plain(" "), marked("b", "em")]));
    assert_eq!(line("~~a~~ ~b~"), json!([marked("a", "strike"), plain(" ~b~")]));
    assert_eq!(line("<u>a</u><sub>"), json!([marked("a", "underline"), plain("<sub>")]));
    assert_eq!(line("`` a`b ``"), json!([marked("a`b", "code")]));
    for text in ["snake_case_name", "2 * 3 * 4", "a ** b", "**a", "__init", "`a"] {
        assert_eq!(line(text), json!([plain(text)]));
    }
    let nested = line("***a** b*");
    assert_eq!(nested[0]["marks"], json!([{"type": "strong"}, {"type": "em"}]));
    assert_eq!(nested[1]["marks"], json!([{"type": "em"}]));
}

#[test]
fn links_mentions_and_images() {
    let linked = |text: &str, href: &str| json!([{"type": "text", "text": text, "marks": [{"type": "link", "attrs": {"href": href}}]}]);
    assert_eq!(line("[a](https://b.example/c_(d))"), linked("a", "https://b.example/c_(d)"));
    assert_eq!(line("<https://b.example>"), linked("https://b.example", "https://b.example"));
    assert_eq!(line("https://b.example/x_y_z")[0]["marks"][0]["attrs"]["href"], "https://b.example/x_y_z");
    assert_eq!(line("[a](https://b \"t\")")[0]["marks"][0]["attrs"]["title"], "t");
    assert_eq!(line("[a](javascript:b)"), json!([{"type": "text", "text": "[a](javascript:b)"}]));
    assert_eq!(
        line("[@Mia](accountid:5b10:a) [~accountid:7]"),
        json!([{"type": "mention", "attrs": {"id": "5b10:a", "text": "@Mia"}}, {"type": "text", "text": " "},
            {"type": "mention", "attrs": {"id": "7"}}])
    );
    assert_eq!(
        blocks("![shot](https://b.example/c.png)"),
        json!([{"type": "mediaSingle", "attrs": {"layout": "center"}, "content": [
            {"type": "media", "attrs": {"type": "external", "url": "https://b.example/c.png", "alt": "shot"}}]}])
    );
    assert_eq!(
        line("see ![](build.log)")[1],
        json!({"type": "mediaInline", "attrs": {"type": "file", "id": "build.log", "collection": ""}})
    );
}

#[test]
fn lists_hold_what_is_indented_below_them() {
    let item = |content: Value| json!({"type": "listItem", "content": content});
    let nested =
        json!({"type": "orderedList", "attrs": {"order": 3}, "content": [item(json!([paragraph("c")]))]});
    assert_eq!(
        blocks("- a\n  b\n\n  3. c\n- d"),
        json!([{"type": "bulletList", "content": [item(json!([paragraph("a b"), nested])), item(json!([paragraph("d")]))]}])
    );
    let code = json!({"type": "codeBlock", "attrs": {"language": "sh"}, "content": [{"type": "text", "text": "ls\n\n  -l"}]});
    assert_eq!(
        blocks("1. a\n   ```sh\n   ls\n\n     -l\n   ```"),
        json!([{"type": "orderedList", "content": [item(json!([paragraph("a"), code]))]}])
    );
    assert_eq!(
        blocks("-\ta\n\tb\n\n\t- c")[0]["content"][0]["content"][1]["content"][0]["content"],
        json!([paragraph("c")])
    );
    let tabs = "```\n\ta\n```\n\n- b\n\n  ```\n  \tc\n  ```";
    assert_eq!(to_markdown(&from_markdown(tabs)), tabs);
    assert_eq!(blocks("text\n2. not a list"), json!([paragraph("text 2. not a list")]));
    assert_eq!(blocks("- a\n* b").as_array().unwrap().len(), 2);
}

#[test]
fn task_lists_stand_beside_the_task_they_belong_to() {
    let list = &blocks("- [ ] a\n  - [x] **b**\n- [X] c")[0];
    assert_eq!(list["type"], "taskList");
    let states: Vec<&Value> =
        list["content"].as_array().unwrap().iter().map(|item| &item["attrs"]["state"]).collect();
    assert_eq!(states, [&json!("TODO"), &json!(null), &json!("DONE")]);
    assert_eq!(list["content"][1]["content"][0]["attrs"]["state"], "DONE");
    let document = from_markdown("- [ ] a\n  - [x] **b**\n- [x] c");
    assert_eq!(to_markdown(&document), "- [ ] a\n  - [x] **b**\n- [x] c");
    assert_eq!(blocks("- [ ] a\n- b")[0]["type"], "bulletList");
}

#[test]
fn blocks_of_every_kind() {
    assert_eq!(
        blocks("# a #\n\nb\n===\n\n---"),
        json!([
            {"type": "heading", "attrs": {"level": 1}, "content": [{"type": "text", "text": "a"}]},
            {"type": "heading", "attrs": {"level": 1}, "content": [{"type": "text", "text": "b"}]},
            {"type": "rule"},
        ])
    );
    assert_eq!(
        blocks("    a\n\n      b"),
        json!([
        {"type": "codeBlock", "content": [{"type": "text", "text": "a\n\n  b"}]}])
    );
    assert_eq!(
        blocks("> a\n>\n> b"),
        json!([
        {"type": "blockquote", "content": [paragraph("a"), paragraph("b")]}])
    );
    assert_eq!(
        blocks("> [!CAUTION]\n> a"),
        json!([
        {"type": "panel", "attrs": {"panelType": "error"}, "content": [paragraph("a")]}])
    );
    assert_eq!(
        blocks("~~~\n*a*"),
        json!([{"type": "codeBlock", "content": [{"type": "text", "text": "*a*"}]}])
    );
    let breaks = json!([{"type": "text", "text": "a"}, {"type": "hardBreak"}, {"type": "text", "text": "b"},
        {"type": "hardBreak"}, {"type": "text", "text": "c d"}]);
    assert_eq!(line("a  \nb\\\nc\nd"), breaks);
}

#[test]
fn tables_follow_github() {
    let cell = |kind: &str, text: &str| json!({"type": kind, "content": [paragraph(text)]});
    assert_eq!(
        blocks("text:\n| a | b |\n|:--|--:|\n| c \\| d | e |\n\nafter"),
        json!([paragraph("text:"), {"type": "table", "content": [
            {"type": "tableRow", "content": [cell("tableHeader", "a"), cell("tableHeader", "b")]},
            {"type": "tableRow", "content": [cell("tableCell", "c | d"), cell("tableCell", "e")]},
        ]}, paragraph("after")])
    );
    assert_eq!(blocks("a | b\nc"), json!([paragraph("a | b c")]));
    // A table without a header is written with an empty one, which is not read as a row.
    let written = "|  |\n| --- |\n| a |";
    assert_eq!(to_markdown(&from_markdown(written)), written);
}

#[test]
fn what_markdown_has_not_is_said_in_words() {
    let content = json!([
        {"type": "expand", "attrs": {"title": "More"}, "content": [paragraph("inside")]},
        {"type": "paragraph", "content": [
            {"type": "status", "attrs": {"text": "DONE", "color": "green"}},
            {"type": "text", "text": " red", "marks": [{"type": "textColor", "attrs": {"color": "#ff0000"}}]},
            {"type": "text", "text": " "},
            {"type": "date", "attrs": {"timestamp": "0"}},
            {"type": "text", "text": " "},
            {"type": "inlineCard", "attrs": {"url": "https://a.example/?b=1&c=2"}}]},
        {"type": "hologram", "content": [paragraph("unknown")]},
    ]);
    assert_eq!(
        markdown(content),
        "**More**\n\ninside\n\nDONE red 1970-01-01 <https://a.example/?b=1&c=2>\n\nunknown"
    );
}

#[test]
fn text_that_looks_like_markup_stays_text() {
    for text in [
        "# a",
        "> a",
        "- a",
        "1. a",
        "1) a",
        "+",
        "---",
        "===",
        "| a |",
        "```",
        "*a*",
        "a_b _c_",
        "[a](mailto:b)",
        "<u>a</u>",
        "&amp; &lt;",
        "a\\*b",
        "`a`",
        "~~a~~",
        "![a](b.png)",
        "C:\\temp\\*",
        "Hello!",
        "[x] is not done",
        "<!-- a -->",
    ] {
        let content = json!([paragraph(text)]);
        let written = markdown(content.clone());
        assert_eq!(blocks(&written), content, "{written}");
    }
    assert_eq!(
        markdown(json!([paragraph("Fix it: a_b, 2.5 (50%) - now!")])),
        "Fix it: a_b, 2.5 (50%) - now!"
    );
}
