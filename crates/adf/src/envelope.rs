//! The lossless envelope: what a markup cannot hold goes along with the text, and comes back when it is read.
//!
//! An envelope is one line below the text: `<!--adf:…-->` in Markdown, `{anchor:adf-…}` in wiki markup. Neither is
//! shown by anything that renders the markup. It holds the blocks that would not come back as they were, and of the
//! others a number by which to find them. Who edits the text keeps the rest: see [`crate::merge`]. An envelope
//! says nothing that its text does not: what does not read as the text does is left out.
//!
//! Where the document is at hand, as where Jira's version 2 of the API changes what version 3 stored, the text needs
//! no envelope: [`edit_wiki`] takes the document instead.

use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD as BASE64;
use serde_json::Value;

use crate::document::{Document, Node};
use crate::merge::{self, Base, Key, Markup};
use crate::validate::validate;
use crate::{markdown, wiki};

const MARKDOWN: Markup =
    Markup { read: |text| markdown::read(text).0, write: markdown::to_markdown, colors: false };
const WIKI: Markup = Markup { read: |text| wiki::read(text).0, write: wiki::to_wiki, colors: true };

const MARKDOWN_OPENS: &str = "<!--adf:";
const MARKDOWN_CLOSES: &str = "-->";
const WIKI_OPENS: &str = "{anchor:adf-";
const WIKI_CLOSES: &str = "}";

/// The document as Markdown of which [`unseal_markdown`] makes the same document again, and [`from_markdown`] too
/// where it is valid. What [`crate::to_markdown`] cannot write goes along in an envelope.
pub fn seal_markdown(document: &Document) -> String {
    let sealed = seal(MARKDOWN, document).map(|payload| {
        // Two hyphens would end the comment for some readers.
        let payload = payload.replace("--", "-\\u002d").replace("->", "-\\u003e");
        format!("{MARKDOWN_OPENS}{payload}{MARKDOWN_CLOSES}")
    });
    below((MARKDOWN.write)(document), sealed)
}

/// The document as wiki markup of which [`unseal_wiki`] makes the same document again, and [`from_wiki`] too where it
/// is valid. What [`crate::to_wiki`] cannot write goes along in an envelope.
pub fn seal_wiki(document: &Document) -> String {
    let sealed =
        seal(WIKI, document).map(|payload| format!("{WIKI_OPENS}{}{WIKI_CLOSES}", BASE64.encode(payload)));
    below((WIKI.write)(document), sealed)
}

/// Reads Markdown, and the envelope that [`seal_markdown`] put below it. Never fails: what is no markup is text. The
/// document is always valid: an envelope that would make it otherwise is left out.
pub fn from_markdown(source: &str) -> Document {
    let (text, envelope) = markdown::read(source);
    let opened = envelope.and_then(|payload| open(MARKDOWN, &text, &payload));
    opened.filter(is_valid).unwrap_or(text)
}

/// Reads wiki markup, and the envelope that [`seal_wiki`] put below it. Never fails: what is no markup is text. The
/// document is always valid: an envelope that would make it otherwise is left out.
pub fn from_wiki(source: &str) -> Document {
    let (text, envelope) = wiki::read(source);
    let opened = envelope.and_then(|payload| open(WIKI, &text, &wiki_payload(&payload)?));
    opened.filter(is_valid).unwrap_or(text)
}

/// As [`from_markdown`], but verbatim: a document that this crate's copy of the schema would refuse comes back too.
pub fn unseal_markdown(source: &str) -> Document {
    let (text, envelope) = markdown::read(source);
    envelope.and_then(|payload| open(MARKDOWN, &text, &payload)).unwrap_or(text)
}

/// As [`from_wiki`], but verbatim: a document that this crate's copy of the schema would refuse comes back too.
pub fn unseal_wiki(source: &str) -> Document {
    let (text, envelope) = wiki::read(source);
    envelope.and_then(|payload| open(WIKI, &text, &wiki_payload(&payload)?)).unwrap_or(text)
}

/// The document after what [`crate::to_markdown`] gives of it was edited to `text`. What the text still says stays
/// as it was, with all that Markdown does not show; text that was not changed gives the document itself.
pub fn edit_markdown(document: &Document, text: &str) -> Document {
    edit(MARKDOWN, document, markdown::read(text).0)
}

/// The document after what [`crate::to_wiki`] gives of it was edited to `text`: see [`edit_markdown`]. This is how
/// version 2 of Jira's API changes what version 3 stored without taking anything from it.
pub fn edit_wiki(document: &Document, text: &str) -> Document {
    edit(WIKI, document, wiki::read(text).0)
}

fn edit(markup: Markup, document: &Document, text: Document) -> Document {
    // Nobody who clears a text means what it does not show to stay.
    if text.is_empty() && !markup.reading(document).is_empty() {
        return text;
    }
    let edited = merge::onto(markup, document, text.clone());
    if is_valid(&edited) || !is_valid(document) { edited } else { text }
}

fn is_valid(document: &Document) -> bool {
    validate(&document.to_json()).is_ok()
}

fn below(text: String, envelope: Option<String>) -> String {
    match envelope {
        None => text,
        Some(envelope) if text.is_empty() => envelope,
        Some(envelope) => format!("{text}\n\n{envelope}"),
    }
}

/// What the line of Markdown holds where it is an envelope.
pub(crate) fn markdown_envelope(line: &str) -> Option<&str> {
    line.trim().strip_prefix(MARKDOWN_OPENS)?.strip_suffix(MARKDOWN_CLOSES)
}

/// What the line of wiki markup holds where it is an envelope.
pub(crate) fn wiki_envelope(line: &str) -> Option<&str> {
    line.trim().strip_prefix(WIKI_OPENS)?.strip_suffix(WIKI_CLOSES)
}

fn wiki_payload(encoded: &str) -> Option<String> {
    String::from_utf8(BASE64.decode(encoded).ok()?).ok()
}

/// What to put into the envelope; `None` where the text alone gives the same document.
fn seal(markup: Markup, document: &Document) -> Option<String> {
    let text = markup.reading(document);
    if text == *document {
        return None;
    }
    let entry = |block: &Node| {
        let reading = markup.reading(&Document::new(vec![block.clone()]));
        if reading.content() == std::slice::from_ref(block) { Key::of(block).into() } else { block.to_json() }
    };
    let blocks = Value::Array(document.content().iter().map(entry).collect()).to_string();
    // Blocks that read otherwise beside each other than alone, and a root that is not like ours, go as a whole.
    let suffices = open(markup, &text, &blocks).as_ref() == Some(document);
    Some(if suffices { blocks } else { document.to_json().to_string() })
}

/// The document of a text and its envelope; `None` where there is nothing to be read in it.
fn open(markup: Markup, text: &Document, payload: &str) -> Option<Document> {
    match serde_json::from_str(payload).ok()? {
        Value::Array(entries) => {
            let base = entries.iter().map(|entry| match entry {
                Value::Number(key) => Some(Base::Plain(u32::try_from(key.as_u64()?).ok()?)),
                node => Node::read(node).ok().map(Base::Block),
            });
            let base: Vec<Base> = base.collect::<Option<_>>()?;
            Some(merge::merged(markup, &base, text.clone(), Document::new))
        }
        whole => Some(merge::onto(markup, &Document::from_json(&whole).ok()?, text.clone())),
    }
}
