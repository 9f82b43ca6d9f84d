//! Atlassian documents and what is read into them.

use adf::Document;

/// The elements that pages of ours may show.
const ELEMENTS: &[&str] = &[
    "a",
    "blockquote",
    "br",
    "code",
    "details",
    "div",
    "em",
    "figcaption",
    "figure",
    "h1",
    "h2",
    "h3",
    "h4",
    "h5",
    "h6",
    "hr",
    "img",
    "input",
    "li",
    "ol",
    "p",
    "pre",
    "s",
    "span",
    "strong",
    "sub",
    "summary",
    "sup",
    "table",
    "tbody",
    "td",
    "th",
    "thead",
    "time",
    "tr",
    "u",
    "ul",
];

/// A JSON value: validated, read and written in every format; a document comes back as it was.
pub fn adf_document(bytes: &[u8]) {
    let Ok(value) = serde_json::from_slice(bytes) else { return };
    let is_valid = adf::validate(&value).is_ok();
    match Document::from_json(&value) {
        Ok(document) => {
            assert_eq!(document.to_json(), value, "a document comes back verbatim");
            write(&document);
        }
        Err(error) => assert!(!is_valid, "valid, and not read: {error}"),
    }
}

/// Markdown, and what it makes of a document whose text it was edited to be.
pub fn adf_markdown(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    let document = adf::from_markdown(&text);
    made(&document);
    made(&adf::edit_markdown(&rich(), &text));
    made(&adf::from_markdown(&format!("{text}\n\n{}", envelope(&adf::seal_markdown(&rich())))));
    assert_eq!(
        adf::from_markdown(&adf::seal_markdown(&document)),
        document,
        "a sealed text gives the document back"
    );
    // Reading may normalise; what was once written can be read again, and is a document as well.
    made(&adf::from_markdown(&adf::to_markdown(&document)));
}

/// Wiki markup, and what it makes of a document whose text it was edited to be.
pub fn adf_wiki(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    let document = adf::from_wiki(&text);
    made(&document);
    made(&adf::edit_wiki(&rich(), &text));
    made(&adf::from_wiki(&format!("{text}\n\n{}", envelope(&adf::seal_wiki(&rich())))));
    assert_eq!(adf::from_wiki(&adf::seal_wiki(&document)), document, "a sealed text gives the document back");
    made(&adf::from_wiki(&adf::to_wiki(&document)));
}

/// HTML of whatever the bytes are taken for shows nothing but harmless elements and addresses.
pub fn adf_html(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    let read = serde_json::from_slice(bytes).ok().and_then(|value| Document::from_json(&value).ok());
    let all =
        [Some(adf::from_text(&text)), Some(adf::from_markdown(&text)), Some(adf::from_wiki(&text)), read];
    for document in all.into_iter().flatten() {
        harmless(&adf::to_html(&document));
    }
}

/// A document of what no markup holds.
fn rich() -> Document {
    let text = |text: &str| serde_json::json!({ "type": "text", "text": text });
    let date = serde_json::json!({ "type": "date", "attrs": { "timestamp": "0" } });
    let status = serde_json::json!({ "type": "status", "attrs": { "text": "b", "color": "red" } });
    let line = serde_json::json!({ "type": "paragraph", "content": [text("a "), date, text(" "), status] });
    let content = serde_json::json!([
        line,
        { "type": "expand", "attrs": { "title": "x" }, "content": [line] },
        { "type": "layoutSection", "content": [
            { "type": "layoutColumn", "attrs": { "width": 50 }, "content": [line] },
            { "type": "layoutColumn", "attrs": { "width": 50 }, "content": [line] },
        ] },
        { "type": "decisionList", "attrs": { "localId": "1" }, "content": [
            { "type": "decisionItem", "attrs": { "localId": "2", "state": "DECIDED" }, "content": [text("c")] },
        ] },
    ]);
    let document = serde_json::json!({ "version": 1, "type": "doc", "content": content });
    let read = Document::from_json(&document);
    assert!(read.is_ok(), "{read:?}");
    read.unwrap_or_else(|_| adf::from_markdown(""))
}

/// The last line of a sealed text.
fn envelope(sealed: &str) -> &str {
    sealed.rsplit('\n').next().unwrap_or_default()
}

/// What a parser made is valid, and is read again as it is.
fn made(document: &Document) {
    let json = document.to_json();
    assert_eq!(adf::validate(&json), Ok(()), "{json}");
    assert_eq!(Document::from_json(&json).as_ref(), Ok(document), "{json}");
    write(document);
}

fn write(document: &Document) {
    adf::to_text(document);
    adf::to_markdown(document);
    adf::to_wiki(document);
    harmless(&adf::to_html(document));
}

/// Every `<` begins one of the known elements, and every address is one that may be followed.
fn harmless(html: &str) {
    for tag in html.split('<').skip(1) {
        let (tag, _) = tag.split_once('>').unwrap_or((tag, ""));
        let name = tag.trim_start_matches('/').split([' ', '>']).next().unwrap_or_default();
        assert!(ELEMENTS.contains(&name), "<{tag}> in {html}");
        for (attribute, value) in attributes(tag) {
            assert!(!attribute.starts_with("on"), "<{tag}> in {html}");
            if ["href", "src"].contains(&attribute) {
                let schemes = ["https://", "http://", "mailto:"];
                let begins = |scheme: &&str| {
                    value.get(..scheme.len()).is_some_and(|start| start.eq_ignore_ascii_case(scheme))
                };
                assert!(schemes.iter().any(begins), "<{tag}> in {html}");
            }
        }
    }
}

/// The attributes of an element; their values are in double quotes.
fn attributes(tag: &str) -> Vec<(&str, &str)> {
    let mut found = Vec::new();
    let mut rest = tag;
    while let Some((before, after)) = rest.split_once("=\"") {
        let name = before.rsplit(' ').next().unwrap_or_default();
        let Some((value, next)) = after.split_once('"') else { break };
        found.push((name, value));
        rest = next;
    }
    found
}
