//! Plain text, to and from; and what a node without text of its own says.

use crate::document::{Document, Node, NodeKind};

/// The document as plain text: what a person reads of it, without any markup. Blocks are separated by an empty
/// line, list items and table rows by a line break. Links give their text, not their address.
pub fn to_text(document: &Document) -> String {
    blocks(document.content(), "\n\n")
}

/// A document of the paragraphs of a text: empty lines separate them, single line breaks are kept. Nothing in the
/// text is markup.
pub fn from_text(text: &str) -> Document {
    let text = clean(text);
    let mut paragraphs = Vec::new();
    let mut inlines: Vec<Node> = Vec::new();
    for line in text.lines().map(str::trim_end) {
        if line.is_empty() {
            if !inlines.is_empty() {
                paragraphs.push(Node::paragraph(std::mem::take(&mut inlines)));
            }
            continue;
        }
        if !inlines.is_empty() {
            inlines.push(Node::new(NodeKind::HardBreak));
        }
        inlines.push(Node::text(line));
    }
    if !inlines.is_empty() {
        paragraphs.push(Node::paragraph(inlines));
    }
    Document::new(paragraphs)
}

/// Text as a parser takes it: line ends are `\n`, and characters that no document should carry are gone. A NUL
/// could not even be stored. U+FDD0 and U+FDD1 are for the wiki parser's own use.
pub(crate) fn clean(text: &str) -> String {
    let mut cleaned = String::with_capacity(text.len());
    let mut chars = text.chars().peekable();
    while let Some(c) = chars.next() {
        match c {
            '\r' => {
                if chars.peek() != Some(&'\n') {
                    cleaned.push('\n');
                }
            }
            '\n' | '\t' => cleaned.push(c),
            '\u{FDD0}' | '\u{FDD1}' => cleaned.push('\u{FFFD}'),
            c if c.is_control() => {}
            c => cleaned.push(c),
        }
    }
    cleaned
}

/// What a person reads where an inline node without text of its own stands.
pub(crate) fn atom_text(node: &Node) -> String {
    let attr = |name: &str| node.attr_str(name).filter(|text| !text.is_empty());
    match node.kind {
        NodeKind::Mention => mention_text(node),
        NodeKind::Emoji => attr("text").or_else(|| attr("shortName")).unwrap_or_default().to_owned(),
        NodeKind::Date => date_text(node),
        NodeKind::InlineCard | NodeKind::BlockCard | NodeKind::EmbedCard => card_url(node).to_owned(),
        NodeKind::Media | NodeKind::MediaInline => {
            attr("alt").or_else(|| attr("url")).unwrap_or_default().to_owned()
        }
        _ => attr("text").unwrap_or_default().to_owned(),
    }
}

/// `@Name`; the account's id where no name is known.
pub(crate) fn mention_text(node: &Node) -> String {
    let named = node.attr_str("text").filter(|text| !text.is_empty());
    let name = named.or_else(|| node.attr_str("id")).unwrap_or_default();
    if name.starts_with('@') { name.to_owned() } else { format!("@{name}") }
}

/// Where a card leads: by its address, or the one inside its data.
pub(crate) fn card_url(node: &Node) -> &str {
    let data_url = || node.attrs.as_ref()?.get("data")?.get("url")?.as_str();
    node.attr_str("url").or_else(data_url).unwrap_or_default()
}

/// The day of a date node as `2026-01-31`. Its timestamp is milliseconds since 1970 as text (jira-facts section
/// 7); anything else is shown as it stands.
pub(crate) fn date_text(node: &Node) -> String {
    let timestamp = node.attr_str("timestamp").unwrap_or_default();
    timestamp.parse().ok().and_then(iso_date).unwrap_or_else(|| timestamp.to_owned())
}

/// The day of a moment in UTC, for the years 0 to 9999.
fn iso_date(millis: i64) -> Option<String> {
    const MILLIS_A_DAY: i64 = 86_400_000;
    const DAYS_FROM_MARCH_0000_TO_1970: i64 = 719_468;
    const DAYS_IN_400_YEARS: i64 = 146_097;
    // The year is counted from March, so that the leap day is its last: Howard Hinnant's `civil_from_days`.
    let days = millis.div_euclid(MILLIS_A_DAY) + DAYS_FROM_MARCH_0000_TO_1970;
    let era = days.div_euclid(DAYS_IN_400_YEARS);
    let day_of_era = days.rem_euclid(DAYS_IN_400_YEARS);
    let year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month_from_march = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month_from_march + 2) / 5 + 1;
    let month = if month_from_march < 10 { month_from_march + 3 } else { month_from_march - 9 };
    let year = year_of_era + era * 400 + i64::from(month <= 2);
    (0..=9999).contains(&year).then(|| format!("{year:04}-{month:02}-{day:02}"))
}

/// Whether a node stands in a line of text, unlike a block. An unknown one is taken for a block if it has blocks.
pub(crate) fn is_inline(node: &Node) -> bool {
    match node.kind {
        NodeKind::Text
        | NodeKind::HardBreak
        | NodeKind::Mention
        | NodeKind::Emoji
        | NodeKind::Date
        | NodeKind::Status
        | NodeKind::InlineCard
        | NodeKind::InlineExtension
        | NodeKind::MediaInline
        | NodeKind::Placeholder => true,
        NodeKind::Unknown(_) => node.children().is_empty(),
        _ => false,
    }
}

fn blocks(nodes: &[Node], separator: &str) -> String {
    let mut out = String::new();
    let mut nodes = nodes.iter().peekable();
    while let Some(node) = nodes.next() {
        let mut text = block(node);
        // Inline nodes where blocks belong come from documents newer than the schema: they make one line.
        while is_inline(node) && nodes.peek().is_some_and(|next| is_inline(next)) {
            text.push_str(&nodes.next().map(block).unwrap_or_default());
        }
        if text.is_empty() {
            continue;
        }
        if !out.is_empty() {
            out.push_str(separator);
        }
        out.push_str(&text);
    }
    out
}

fn block(node: &Node) -> String {
    match node.kind {
        NodeKind::Text => node.text.clone().unwrap_or_default(),
        NodeKind::HardBreak => "\n".to_owned(),
        NodeKind::CodeBlock => node.children().iter().filter_map(|child| child.text.as_deref()).collect(),
        NodeKind::Rule => "---".to_owned(),
        NodeKind::BulletList | NodeKind::DecisionList => list(node, |_| "- ".to_owned()),
        NodeKind::OrderedList => {
            let first = node.attr_u64("order").unwrap_or(1);
            list(node, |index| format!("{}. ", first.saturating_add(index as u64)))
        }
        NodeKind::TaskList => tasks(node),
        NodeKind::ListItem => blocks(node.children(), "\n"),
        NodeKind::TableRow => {
            let cells: Vec<String> =
                node.children().iter().map(|cell| blocks(cell.children(), "\n")).collect();
            cells.join(" | ")
        }
        NodeKind::Table | NodeKind::MediaSingle | NodeKind::MediaGroup => blocks(node.children(), "\n"),
        NodeKind::Expand | NodeKind::NestedExpand => {
            let title = node.attr_str("title").unwrap_or_default();
            let body = blocks(node.children(), "\n\n");
            let gap = if title.is_empty() || body.is_empty() { "" } else { "\n\n" };
            format!("{title}{gap}{body}")
        }
        _ if node.children().is_empty() => node.text.clone().unwrap_or_else(|| atom_text(node)),
        _ => blocks(node.children(), "\n\n"),
    }
}

fn list(node: &Node, marker: impl Fn(usize) -> String) -> String {
    let items = node.children().iter().enumerate();
    let lines: Vec<String> = items.map(|(index, item)| hang(&marker(index), &block(item))).collect();
    lines.join("\n")
}

fn tasks(node: &Node) -> String {
    let lines = node.children().iter().map(|child| match child.kind {
        NodeKind::TaskList => hang("  ", &tasks(child)),
        _ => {
            let marker = if child.attr_str("state") == Some("DONE") { "[x] " } else { "[ ] " };
            hang(marker, &blocks(child.children(), "\n"))
        }
    });
    lines.collect::<Vec<_>>().join("\n")
}

/// A text after a marker, its further lines indented by the marker's width.
pub(crate) fn hang(marker: &str, text: &str) -> String {
    let mut out = String::with_capacity(marker.len() + text.len());
    out.push_str(marker);
    for (index, line) in text.split('\n').enumerate() {
        if index > 0 {
            out.push('\n');
            if !line.is_empty() {
                out.extend(std::iter::repeat_n(' ', marker.len()));
            }
        }
        out.push_str(line);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::json;

    fn text_of(content: serde_json::Value) -> String {
        to_text(&Document::from_json(&json!({"version": 1, "type": "doc", "content": content})).unwrap())
    }

    #[test]
    fn blocks_read_as_a_person_would_write_them() {
        let text = text_of(json!([
            {"type": "heading", "attrs": {"level": 1}, "content": [{"type": "text", "text": "Plan"}]},
            {"type": "orderedList", "attrs": {"order": 9}, "content": [
                {"type": "listItem", "content": [
                    {"type": "paragraph", "content": [{"type": "text", "text": "first"}]},
                    {"type": "bulletList", "content": [{"type": "listItem", "content": [
                        {"type": "paragraph", "content": [{"type": "text", "text": "below"}]}]}]}]},
                {"type": "listItem", "content": [
                    {"type": "paragraph", "content": [{"type": "text", "text": "second"}]}]}]},
            {"type": "taskList", "attrs": {"localId": ""}, "content": [
                {"type": "taskItem", "attrs": {"localId": "", "state": "DONE"}, "content": [
                    {"type": "text", "text": "ship"}]}]},
            {"type": "table", "content": [{"type": "tableRow", "content": [
                {"type": "tableHeader", "content": [{"type": "paragraph", "content": [{"type": "text", "text": "a"}]}]},
                {"type": "tableCell", "content": [
                    {"type": "paragraph", "content": [{"type": "text", "text": "b"}]}]}]}]},
        ]));
        assert_eq!(text, "Plan\n\n9. first\n   - below\n10. second\n\n[x] ship\n\na | b");
    }

    #[test]
    fn what_has_no_text_of_its_own_is_named() {
        let text = text_of(json!([{"type": "paragraph", "content": [
            {"type": "mention", "attrs": {"id": "5b10", "text": "@Mia"}},
            {"type": "text", "text": " by "},
            {"type": "date", "attrs": {"timestamp": "1767225600000"}},
            {"type": "hardBreak"},
            {"type": "status", "attrs": {"text": "DONE", "color": "green"}},
            {"type": "text", "text": " "},
            {"type": "emoji", "attrs": {"shortName": ":tada:", "text": "🎉"}},
            {"type": "hologram", "attrs": {"text": "from the future"}},
        ]}]));
        assert_eq!(text, "@Mia by 2026-01-01\nDONE 🎉from the future");
    }

    #[test]
    fn dates_are_days_of_the_calendar() {
        assert_eq!(iso_date(0).as_deref(), Some("1970-01-01"));
        assert_eq!(iso_date(951_782_400_000).as_deref(), Some("2000-02-29"));
        assert_eq!(iso_date(-1).as_deref(), Some("1969-12-31"));
        assert_eq!(iso_date(i64::MAX), None);
        assert_eq!(iso_date(i64::MIN), None);
    }

    #[test]
    fn lines_and_paragraphs_of_a_text_are_kept() {
        let document = from_text("one\r\ntwo  \n\n\n\u{0}*three*\n");
        let break_ = Node::new(NodeKind::HardBreak);
        let first = Node::paragraph(vec![Node::text("one"), break_, Node::text("two")]);
        assert_eq!(document.content(), [first, Node::paragraph(vec![Node::text("*three*")])]);
        assert!(from_text(" \n ").is_empty());
    }

    proptest! {
        #[test]
        fn a_text_comes_back_but_for_blanks_at_line_ends(text in "[ -~\n\té😀]{0,80}") {
            let once = to_text(&from_text(&text));
            prop_assert_eq!(to_text(&from_text(&once)), once.clone());
            let words = |text: &str| text.split_whitespace().map(str::to_owned).collect::<Vec<_>>();
            prop_assert_eq!(words(&once), words(&text));
            prop_assert_eq!(crate::validate(&from_text(&text).to_json()), Ok(()));
        }
    }
}
