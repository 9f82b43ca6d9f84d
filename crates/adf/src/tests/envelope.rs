//! What a markup cannot hold comes back from its envelope, or stays where the text is edited.

use proptest::prelude::*;
use proptest::sample::select;
use serde_json::{Value, json};

use super::documents;
use crate::*;

type Sealing = (&'static str, fn(&Document) -> String, fn(&str) -> Document);
type Editing = (&'static str, fn(&Document) -> String, fn(&Document, &str) -> Document);

const SEALINGS: [Sealing; 2] = [("markdown", seal_markdown, from_markdown), ("wiki", seal_wiki, from_wiki)];
const EDITINGS: [Editing; 2] = [("markdown", to_markdown, edit_markdown), ("wiki", to_wiki, edit_wiki)];

fn document(content: Value) -> Document {
    let json = json!({"version": 1, "type": "doc", "content": content});
    assert_eq!(validate(&json), Ok(()), "{json}");
    Document::from_json(&json).unwrap()
}

/// A document of all that markups lack, with a text before and behind each.
fn release() -> Document {
    let text = |text: &str| json!({"type": "text", "text": text});
    let paragraph = |inlines: Value| json!({"type": "paragraph", "content": inlines});
    let colored = json!({"type": "text", "text": "red", "marks": [{"type": "textColor", "attrs": {"color": "#ff5630"}}]});
    let annotated = json!({"type": "text", "text": "remarked", "marks": [
        {"type": "annotation", "attrs": {"id": "a-1", "annotationType": "inlineComment"}}]});
    document(json!([
        paragraph(json!([
            text("Due "),
            {"type": "date", "attrs": {"timestamp": "1769817600000"}},
            text(" by "),
            {"type": "mention", "attrs": {"id": "5b10", "text": "@Zoe", "accessLevel": "SITE", "userType": "APP"}},
            text(", now "),
            {"type": "status", "attrs": {"text": "At risk", "color": "red", "localId": "s-1", "style": "bold"}},
            text(" "),
            {"type": "emoji", "attrs": {"shortName": ":tada:", "id": "1f389", "text": "🎉"}},
            text(" and "), colored, text(" and "), annotated, text("."),
        ])),
        {"type": "expand", "attrs": {"title": "Steps"}, "content": [paragraph(json!([text("Click.")])), paragraph(json!([text("Wait.")]))]},
        {"type": "panel", "attrs": {"panelType": "custom", "panelColor": "#abf5d1", "panelIcon": ":tada:"}, "content": [paragraph(json!([text("Custom")]))]},
        {"type": "layoutSection", "content": [
            {"type": "layoutColumn", "attrs": {"width": 33.33}, "content": [paragraph(json!([text("left")]))]},
            {"type": "layoutColumn", "attrs": {"width": 66.67}, "content": [paragraph(json!([text("right")]))]},
        ]},
        {"type": "decisionList", "attrs": {"localId": "d-1"}, "content": [
            {"type": "decisionItem", "attrs": {"localId": "d-2", "state": "DECIDED"}, "content": [text("Ship it")]},
            {"type": "decisionItem", "attrs": {"localId": "d-3", "state": "UNDECIDED"}, "content": [text("Or not")]},
        ]},
        {"type": "taskList", "attrs": {"localId": "t-1"}, "content": [
            {"type": "taskItem", "attrs": {"localId": "t-2", "state": "TODO"}, "content": [text("Test")]},
        ]},
        {"type": "orderedList", "attrs": {"order": 7}, "content": [
            {"type": "listItem", "content": [paragraph(json!([text("seventh")])), paragraph(json!([text("still seventh")]))]},
        ]},
        {"type": "table", "attrs": {"layout": "wide", "isNumberColumnEnabled": true}, "content": [
            {"type": "tableRow", "content": [
                {"type": "tableHeader", "attrs": {"colspan": 2, "colwidth": [120, 80], "background": "#deebff"}, "content": [paragraph(json!([text("Both")]))]},
            ]},
            {"type": "tableRow", "content": [
                {"type": "tableCell", "attrs": {"background": "#ffebe6"}, "content": [paragraph(json!([text("one")])), {"type": "bulletList", "content": [
                    {"type": "listItem", "content": [paragraph(json!([text("in a cell")]))]}]}]},
                {"type": "tableCell", "attrs": {"rowspan": 1}, "content": [paragraph(json!([text("two")]))]},
            ]},
        ]},
        {"type": "mediaSingle", "attrs": {"layout": "wrap-right", "width": 40}, "content": [
            {"type": "media", "attrs": {"id": "6e7c", "type": "file", "collection": "contentId-1", "width": 640, "height": 480, "alt": "login.png"}},
        ]},
        {"type": "extension", "attrs": {"extensionType": "com.example", "extensionKey": "chart", "parameters": {"a": "-->"}}},
        {"type": "paragraph", "marks": [{"type": "alignment", "attrs": {"align": "center"}}], "content": [text("Centred.")]},
        {"type": "codeBlock", "attrs": {"language": "rust"}, "content": [text("<!--adf:[]-->\n{anchor:adf-W10}")]},
        paragraph(json!([])),
        paragraph(json!([text("The end.")])),
    ]))
}

#[test]
fn a_sealed_text_gives_the_document_back() {
    for (name, seal, read) in SEALINGS {
        let sealed = seal(&release());
        assert_eq!(read(&sealed).to_json(), release().to_json(), "{name}: {sealed}");
        // Line ends of another system, and blanks that an editor drops, are no change.
        assert_eq!(read(&sealed.replace('\n', "\r\n")), release(), "{name}");
    }
}

#[test]
fn a_text_stays_pleasant_and_its_envelope_is_one_line_that_nothing_shows() {
    let sealed = seal_markdown(&release());
    let (text, envelope) = sealed.rsplit_once("\n\n").unwrap();
    assert_eq!(text, to_markdown(&release()));
    assert!(envelope.starts_with("<!--adf:[") && envelope.ends_with("]-->"), "{envelope}");
    assert!(!envelope.contains('\n') && !envelope[4..envelope.len() - 3].contains("--"), "{envelope}");
    let sealed = seal_wiki(&release());
    let (text, envelope) = sealed.rsplit_once("\n\n").unwrap();
    assert_eq!(text, to_wiki(&release()));
    let code = envelope.strip_prefix("{anchor:adf-").unwrap().strip_suffix('}').unwrap();
    assert!(code.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte)), "{code}");
    // What needs none has none; and one that is damaged is not shown either.
    let plain =
        document(json!([{"type": "paragraph", "content": [{"type": "text", "text": "Just *text*."}]}]));
    assert_eq!(seal_markdown(&plain), to_markdown(&plain));
    assert_eq!(seal_wiki(&plain), to_wiki(&plain));
    assert_eq!(from_markdown("Text\n<!--adf:[{\"type\"-->\n"), from_markdown("Text"));
    assert_eq!(from_wiki("Text\n{anchor:adf-_}\n"), from_wiki("Text"));
}

/// The document with one text put in the place of another.
fn with(document: &Document, old: &str, new: &str) -> Value {
    let json = document.to_json().to_string();
    assert!(json.contains(old), "{old} in {json}");
    serde_json::from_str(&json.replacen(old, new, 1)).unwrap()
}

#[test]
fn who_edits_the_text_keeps_the_rest() {
    let edits = [
        ("Due ", "Due on "),
        ("Click.", "Click twice."),
        ("Wait.", "Wait a little."),
        ("Steps", "What to do"),
        ("Custom", "Customers"),
        ("left", "on the left"),
        ("Or not", "Or never"),
        ("Centred.", "In the middle."),
        ("The end.", "The very end."),
        (":adf-W10", ":adf-W11"),
    ];
    for (name, write, edit) in EDITINGS {
        for (old, new) in edits {
            let text = write(&release());
            let edited = edit(&release(), &text.replacen(old, new, 1));
            assert_eq!(edited.to_json(), with(&release(), old, new), "{name}: {new}\n{text}");
        }
    }
    for (name, seal, read) in SEALINGS {
        for (old, new) in edits {
            let edited = read(&seal(&release()).replacen(old, new, 1));
            assert_eq!(edited.to_json(), with(&release(), old, new), "{name}: {new}");
        }
    }
}

#[test]
fn what_is_taken_from_the_text_is_gone_and_what_is_added_is_there() {
    for (name, write, edit) in EDITINGS {
        let text = write(&release());
        let without = |piece: &str| edit(&release(), &text.replacen(piece, "", 1)).to_json().to_string();
        assert!(!without("2026-01-31").contains("\"date\""), "{name}");
        let dateless = without("2026-01-31");
        assert!(dateless.contains("\"status\"") && dateless.contains("\"expand\""), "{name}: {dateless}");
        let more = edit(&release(), &format!("First.\n\n{text}\n\nLast."));
        let kinds: Vec<&str> = more.content().iter().map(|block| block.kind.as_str()).collect();
        assert_eq!(
            (kinds.len(), kinds[0]),
            (release().content().len() + 2, "paragraph"),
            "{name}: {kinds:?}"
        );
        assert_eq!(&more.content()[1..=14], release().content(), "{name}");
        assert_eq!(edit(&release(), "").content(), [], "{name}");
        assert_eq!(edit(&release(), "All new.").content()[0], Node::paragraph(vec![Node::text("All new.")]));
    }
    let ticked = to_markdown(&release()).replacen("[ ] Test", "[x] Test", 1);
    assert_eq!(edit_markdown(&release(), &ticked).to_json(), with(&release(), "TODO", "DONE"));
    let decided = to_markdown(&release()).replacen("- Or not", "- Or not\n- Or both", 1);
    let decided = edit_markdown(&release(), &decided);
    assert_eq!(decided.content()[4].children().len(), 3);
    assert_eq!(decided.content()[4].kind, NodeKind::DecisionList);
}

#[test]
fn an_envelope_says_nothing_that_its_text_does_not() {
    let other = seal_markdown(&release());
    let (_, envelope) = other.rsplit_once("\n\n").unwrap();
    let read = from_markdown(&format!("Quite another text.\n\n{envelope}"));
    assert!(to_text(&read).starts_with("Quite another text."), "{}", to_text(&read));
    assert!(!to_text(&read).contains("Click"), "{}", to_text(&read));
    // Nor does it make a document invalid.
    let invalid = json!([{"type": "heading", "attrs": {"level": 1, "x": 1}, "content": [{"type": "text", "text": "H"}]}]);
    let source = format!("# H\n\n<!--adf:{invalid}-->");
    assert_eq!(from_markdown(&source), from_markdown("# H"));
    assert_eq!(unseal_markdown(&source).to_json()["content"], invalid);
}

#[test]
fn unknown_nodes_come_back_verbatim_to_who_asks_for_it() {
    let unknown = json!({"version": 1, "type": "doc", "content": [
        {"type": "banner", "attrs": {"x": 1}, "content": [{"type": "paragraph", "content": [{"type": "text", "text": "new"}, {"type": "sparkle"}]}]},
        {"type": "paragraph", "content": [{"type": "text", "text": "old", "marks": [{"type": "glow", "attrs": {"by": 2}}]}], "localExtra": [1]},
    ]});
    let document = Document::from_json(&unknown).unwrap();
    assert_eq!(unseal_markdown(&seal_markdown(&document)).to_json(), unknown);
    assert_eq!(unseal_wiki(&seal_wiki(&document)).to_json(), unknown);
    let edited = edit_wiki(&document, "newer\n\nold");
    assert_eq!(edited.to_json()["content"][1], unknown["content"][1]);
    assert_eq!(edited.to_json()["content"][0]["type"], "banner");
}

#[test]
fn hostile_text_takes_no_time_to_merge() {
    const SIZE: usize = 2_000;
    let sealed = seal_markdown(&release());
    let envelope = sealed.rsplit('\n').next().unwrap();
    for unit in documents::HOSTILE_UNITS {
        let source = unit.repeat(SIZE / unit.len());
        let start = std::time::Instant::now();
        for (_, write, edit) in EDITINGS {
            edit(&release(), &source);
            let document = from_markdown(&source);
            edit(&document, &format!("{} x", write(&document)));
        }
        from_markdown(&format!("{source}\n\n{envelope}"));
        let took = start.elapsed();
        assert!(took.as_secs() < 10, "{unit:?} took {took:?}");
    }
}

/// Blocks of markups and of documents only, in any order.
fn rich() -> impl Strategy<Value = Document> {
    let exotic = select(release().content().to_vec());
    let plain = documents::document().prop_map(|document| document.content().to_vec());
    let blocks = prop_oneof![2 => exotic.prop_map(|block| vec![block]), 1 => plain];
    prop::collection::vec(blocks, 0..6).prop_map(|blocks| Document::new(blocks.concat()))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn sealed_texts_give_back_any_document(document in rich()) {
        for (name, seal, read) in SEALINGS {
            prop_assert_eq!(read(&seal(&document)), document.clone(), "{}", name);
        }
    }

    #[test]
    fn a_text_that_is_put_back_changes_nothing(document in rich()) {
        for (name, write, edit) in EDITINGS {
            prop_assume!(!write(&document).is_empty() || document.is_empty());
            prop_assert_eq!(edit(&document, &write(&document)), document.clone(), "{}", name);
        }
    }

    #[test]
    fn whatever_the_text_becomes_is_what_the_document_says(document in rich(), text in documents::hostile_text(), at in 0.0..1.0_f64) {
        for (name, write, edit) in EDITINGS {
            let old = write(&document);
            let at = old.char_indices().map(|(at, _)| at).nth((old.chars().count() as f64 * at) as usize);
            let (before, after) = old.split_at(at.unwrap_or(0));
            let new = format!("{before}{text}{after}");
            let edited = edit(&document, &new);
            prop_assert_eq!(validate(&edited.to_json()), Ok(()), "{}", name);
            let read = |text: &str| edit(&Document::new(Vec::new()), text);
            let says = read(&write(&edited));
            prop_assert!(says == read(&new) || says == read(&write(&read(&new))), "{}: {:?}", name, new);
        }
    }

    #[test]
    fn an_envelope_of_anything_is_harmless(text in documents::hostile_text(), payload in "\\PC{0,60}") {
        for source in [format!("{text}\n<!--adf:{payload}-->"), format!("{text}\n{{anchor:adf-{payload}}}")] {
            for read in [from_markdown, from_wiki] {
                prop_assert_eq!(validate(&read(&source).to_json()), Ok(()));
            }
        }
    }
}
