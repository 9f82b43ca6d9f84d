//! Markdown: a subset of CommonMark with GitHub's tables, strikethrough and task lists.
//!
//! Beyond that, and the same in both directions: `<u>`, `<sub>`, `<sup>` and `<br>`; a panel is a quote that begins
//! with `[!INFO]` or another of its types; a mention is a link to `accountid:…`; an image that is not on the web is
//! an attachment by its name. Not read: reference links, HTML blocks, and lines of a quote without their `>`.

mod inline;
mod parse;
mod render;
mod table;

#[cfg(test)]
mod tests;

pub(crate) use parse::read;
pub use render::to_markdown;

/// What `[!INFO]` and its like stand for, ours first, then two more of GitHub's.
const PANELS: [(&str, &str); 8] = [
    ("INFO", "info"),
    ("NOTE", "note"),
    ("TIP", "tip"),
    ("WARNING", "warning"),
    ("ERROR", "error"),
    ("SUCCESS", "success"),
    ("IMPORTANT", "note"),
    ("CAUTION", "error"),
];

/// The scheme of a link that is a mention.
const MENTION_SCHEME: &str = "accountid:";

/// Writes nothing, and parts delimiters that would otherwise be read as one or not at all.
const SEPARATOR: &str = "<!---->";
