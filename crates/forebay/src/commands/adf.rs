//! `forebay adf`: rich text from one format into another.

use std::io::Read;

use adf::Document;

use crate::{
    cli::{AdfArgs, Rendering, RichText},
    failure::Failure,
    output,
};

/// Converts stdin to stdout; with `--json` what is no JSON itself stands in `{"text": …}`.
pub(super) fn run(arguments: &AdfArgs, as_json: bool) -> Result<(), Failure> {
    let mut text = String::new();
    std::io::stdin().lock().read_to_string(&mut text)?;
    let document = match arguments.from {
        RichText::Adf => read(&text)?,
        RichText::Markdown => adf::unseal_markdown(&text),
        RichText::Wiki => adf::unseal_wiki(&text),
    };
    let written = match arguments.to {
        Rendering::Adf => serde_json::to_string(&document.to_json())?,
        Rendering::Markdown if arguments.lossless => adf::seal_markdown(&document),
        Rendering::Markdown => adf::to_markdown(&document),
        Rendering::Wiki if arguments.lossless => adf::seal_wiki(&document),
        Rendering::Wiki => adf::to_wiki(&document),
        Rendering::Text => adf::to_text(&document),
        Rendering::Html => adf::to_html(&document),
    };
    let written = written.trim_end_matches('\n');
    match (as_json, arguments.to) {
        // The document itself is JSON.
        (false, _) | (true, Rendering::Adf) => output::line(written),
        (true, _) => output::json(&serde_json::json!({ "text": written })),
    }
}

fn read(text: &str) -> Result<Document, Failure> {
    let hint = "a document is an object like {\"type\":\"doc\",\"version\":1,\"content\":[]}";
    let value = serde_json::from_str(text)
        .map_err(|error| Failure::new(format!("stdin is not JSON: {error}")).hint(hint))?;
    Document::from_json(&value)
        .map_err(|error| Failure::new(format!("stdin is no ADF document: {error}")).hint(hint))
}
