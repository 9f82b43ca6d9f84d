//! Atlassian Document Format (ADF): the format in which Jira keeps descriptions, comments and long text fields.
//!
//! A [`Document`] is read leniently and written back verbatim; it becomes plain text, Markdown, Jira's wiki markup
//! or HTML, and is made of each but HTML. What a parser makes is always valid; what others send is checked with
//! [`validate()`]. Jira's REST API has documents in version 3 and wiki markup in version 2 (jira-facts section 7),
//! which is why the functions that take a JSON value take both.
//!
//! What a markup cannot hold goes along in a lossless envelope ([`seal_markdown`], [`seal_wiki`]), or stays in the
//! document whose text is edited ([`edit_wiki`]): the rest of a document outlives a change of its text.
//!
//! No parser fails or panics, and each takes time linear in its input.
//!
//! ```
//! let document = adf::from_markdown("Fix the **login** page");
//! assert_eq!(adf::to_wiki(&document), "Fix the *login* page");
//! assert_eq!(adf::validate(&document.to_json()), Ok(()));
//! ```

mod document;
mod envelope;
mod fit;
mod html;
mod links;
mod markdown;
mod merge;
#[cfg(test)]
mod oracle;
mod pieces;
mod runs;
mod schema;
mod style;
mod text;
mod validate;
mod wiki;

use serde_json::Value;

pub use document::{AdfError, Document, MAX_DEPTH, Mark, MarkKind, Node, NodeKind};
pub use envelope::{
    edit_markdown, edit_wiki, from_markdown, from_wiki, seal_markdown, seal_wiki, unseal_markdown,
    unseal_wiki,
};
pub use html::to_html;
pub use markdown::to_markdown;
pub use text::{from_text, to_text};
pub use validate::{Problem, validate};
pub use wiki::{to_server_wiki, to_wiki};

/// The plain text of a field: of a document, or a string as it is. Anything else has none.
pub fn text_of(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        other => Document::from_json(other).map(|document| to_text(&document)).unwrap_or_default(),
    }
}

/// The HTML of a field: of a document, or of a string of wiki markup. Anything else has none. See [`to_html`].
pub fn html_of(value: &Value) -> String {
    read(value).map(|document| to_html(&document)).unwrap_or_default()
}

/// The wiki markup of a field: of a document, or a string as it is, for that is wiki markup already. Anything else
/// has none.
pub fn wiki_of(value: &Value) -> String {
    match value {
        Value::String(wiki) => wiki.clone(),
        other => Document::from_json(other).map(|document| to_wiki(&document)).unwrap_or_default(),
    }
}

/// The Markdown of a field: of a document, or of a string of wiki markup. Anything else has none.
pub fn markdown_of(value: &Value) -> String {
    read(value).map(|document| to_markdown(&document)).unwrap_or_default()
}

fn read(value: &Value) -> Option<Document> {
    match value {
        Value::String(wiki) => Some(from_wiki(wiki)),
        other => Document::from_json(other).ok(),
    }
}

#[cfg(test)]
mod tests;
