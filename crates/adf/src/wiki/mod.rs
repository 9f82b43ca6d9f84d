//! Jira's wiki markup, in which version 2 of its REST API has long text (jira-facts section 7).
//!
//! `{code}`, `{noformat}`, `{quote}`, `{panel}` and the like may stand anywhere in a text, also in a list item or a
//! table cell; they are found first, over the whole text ([`macros`]). Then blocks are read line by line
//! ([`parse`]), then what stands in a line ([`inline`]).
//!
//! A few things that documents have and the markup has not are written so that they are read back: items of a list
//! that begin with `[ ]` or `[x]` are tasks, `[url|url|smart-link]` is a card as Jira itself writes it, and a
//! character that no backslash would protect stands as `&#42;`.

mod color;
mod inline;
mod macros;
mod parse;
mod render;

#[cfg(test)]
mod tests;

pub(crate) use parse::read;
pub use render::{to_server_wiki, to_wiki};

/// The backgrounds by which Jira tells its panels apart in wiki markup.
const PANEL_COLORS: [(&str, &str); 5] = [
    ("info", "#deebff"),
    ("note", "#eae6ff"),
    ("success", "#e3fcef"),
    ("warning", "#fffae6"),
    ("error", "#ffebe6"),
];
