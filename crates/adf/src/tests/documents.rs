//! Documents and texts for property tests, and what a document means apart from how it is put down.

use proptest::prelude::*;
use proptest::sample::select;
use serde_json::{Value, json};

use crate::document::{Document, Mark, MarkKind, Node, NodeKind};

/// Signs that mean something in a markup, letters that they are next to, and some that are more than a byte.
fn sign() -> impl Strategy<Value = char> {
    select("ab1xhq.é😀  *_-+^~{}[]()!|\\<>&#;:,`\"'/=?".chars().collect::<Vec<_>>())
}

/// What a parser might look at again and again where much of it stands in a row.
pub(crate) const HOSTILE_UNITS: &[&str] = &[
    "[",
    "![",
    "[a](",
    "[a](b",
    "](",
    "[a](<b",
    "[a](b \"",
    "[a|",
    "[~",
    "*",
    "**a",
    "*a _b ",
    "_a*",
    "`",
    "`a``",
    "~~a",
    "{",
    "{{",
    "{{a}} ",
    "{*}",
    "{code}",
    "{code:",
    "{code:a}",
    "{quote}",
    "{panel:a=b}",
    "{quote}{panel}",
    "{color:red}",
    "{color:red}a{color}",
    "!",
    "!a.png",
    "!a|",
    "|",
    "||a",
    "|a\n",
    "|[",
    "|a|b|\n",
    "> ",
    ">\n",
    "- ",
    "* a\n",
    "- a\n",
    "1. ",
    "#",
    "# a\n\n",
    "  - a\n",
    "<",
    "<u>",
    "<u>a</u>",
    "<!---->",
    "&",
    "&#",
    "&#1",
    "\\",
    "\\\\",
    "\n",
    "\n\n",
    " ",
    "h1. ",
    "http://",
    "http://a ",
    "http://a)",
    "```\n",
    "~~~\n",
    "-\n",
    "a\n-",
    "| - |\n",
    "a|b\n-|-\n",
    "?",
    "??a",
    "\u{FDD0}",
    "*-#",
    "- [ ] a\n",
    "    a\n",
    "\t",
    "=",
    "a\n=\n",
    "[^",
    "\"",
    "(",
    "[a](((((",
    "**** ",
    "***a** ",
    "_*_*",
];

/// Text made of whole pieces of markup, so that deep paths are reached.
pub(crate) fn hostile_text() -> impl Strategy<Value = String> {
    let pieces = select(vec![
        "*",
        "_",
        "-",
        "+",
        "^",
        "~",
        "~~",
        "**",
        "`",
        "```",
        "{{",
        "}}",
        "{code}",
        "{code:java}",
        "{noformat}",
        "{quote}",
        "{panel}",
        "{panel:title=x|bgColor=#deebff}",
        "{color:red}",
        "{color}",
        "{*}",
        "[",
        "]",
        "(",
        ")",
        "[a|http://b]",
        "[a](http://b)",
        "![a](b.png)",
        "!a.png!",
        "!a.png|width=3!",
        "[~accountid:1]",
        "http://a.b",
        "<u>",
        "</u>",
        "<br>",
        "\n",
        "\n\n",
        "\n    ",
        "\n  ",
        " ",
        "|",
        "||",
        "\n|",
        "\n||",
        "|---|---|",
        "\n# ",
        "\n* ",
        "\n** ",
        "\n- ",
        "\n#* ",
        "\n1. ",
        "\n> ",
        "> [!NOTE]",
        "\nh1. ",
        "\nbq. ",
        "\n----\n",
        "\n===\n",
        "\\",
        "\\\\",
        "&#42;",
        "&amp;",
        "a",
        "b c",
        "é",
        "[ ] ",
        "[x] ",
        "\t",
        "\r\n",
        "\u{0}",
        "\u{FDD0}",
        "\u{FDD1}",
        "\u{FDD0}0\u{FDD1}",
    ]);
    let text =
        prop_oneof![3 => pieces.prop_map(str::to_owned), 1 => sign().prop_map(String::from), 1 => "\\PC"];
    prop::collection::vec(text, 0..40).prop_map(|pieces| pieces.concat())
}

fn text(longest: usize) -> impl Strategy<Value = String> {
    prop::collection::vec(sign(), 1..longest).prop_map(|signs| signs.into_iter().collect())
}

fn marks() -> impl Strategy<Value = Vec<Mark>> {
    let subsup =
        select(vec!["sub", "sup"]).prop_map(|kind| Mark::new(MarkKind::Subsup).with_attr("type", kind));
    let href =
        select(vec!["https://a.example/b_c*d", "mailto:a@b.example", "https://a.example/(x)?y=1&amp;z"]);
    let link = href.prop_map(|href| Mark::new(MarkKind::Link).with_attr("href", href));
    let plain = |kind| prop::option::weighted(0.2, Just(Mark::new(kind)));
    (
        (prop::option::weighted(0.1, link), plain(MarkKind::Code)),
        (plain(MarkKind::Strong), plain(MarkKind::Em), plain(MarkKind::Strike), plain(MarkKind::Underline)),
        prop::option::weighted(0.1, subsup),
    )
        .prop_map(|((link, code), (strong, em, strike, underline), subsup)| match code {
            Some(code) => [link, Some(code)].into_iter().flatten().collect(),
            None => [link, strong, em, strike, underline, subsup].into_iter().flatten().collect(),
        })
}

fn inline() -> impl Strategy<Value = Node> {
    let marked = (text(8), marks())
        .prop_map(|(text, marks)| Node { marks: (!marks.is_empty()).then_some(marks), ..Node::text(text) });
    let mention = Just(Node::new(NodeKind::Mention).with_attr("id", "5b10:a-1"));
    prop_oneof![10 => marked, 1 => Just(Node::new(NodeKind::HardBreak)), 1 => mention]
}

fn line() -> impl Strategy<Value = Vec<Node>> {
    prop::collection::vec(inline(), 1..5).prop_filter("a line says something, and is no task", |nodes| {
        let text: String = nodes.iter().filter_map(|node| node.text.as_deref()).collect();
        let text = text.trim();
        !text.is_empty() && !["[ ]", "[x]"].iter().any(|checkbox| text.starts_with(checkbox))
    })
}

fn paragraph() -> impl Strategy<Value = Node> {
    line().prop_map(Node::paragraph)
}

fn code_block() -> impl Strategy<Value = Node> {
    let line =
        (text(10), select(vec!["", "\t", "  \t"])).prop_map(|(text, indent)| format!("{indent}{text}"));
    let text = prop::collection::vec(line, 1..4).prop_map(|lines| lines.join("\n"));
    (text, prop::option::of(select(vec!["rust", "c++", "C#"]))).prop_map(|(text, language)| {
        let code = Node::with_content(NodeKind::CodeBlock, vec![Node::text(text)]);
        match language {
            Some(language) => code.with_attr("language", language),
            None => code,
        }
    })
}

fn list() -> impl Strategy<Value = Node> {
    let of_items = |items: BoxedStrategy<Vec<Node>>| {
        (items, select(vec![NodeKind::BulletList, NodeKind::OrderedList])).prop_map(|(items, kind)| {
            let items = items.into_iter().map(|item| match item.kind {
                NodeKind::ListItem => item,
                _ => Node::with_content(NodeKind::ListItem, vec![item]),
            });
            Node::with_content(kind, items.collect())
        })
    };
    let flat = of_items(prop::collection::vec(paragraph(), 1..3).boxed());
    flat.prop_recursive(3, 12, 3, move |inner| {
        let item = (paragraph(), prop::option::of(prop_oneof![2 => inner, 1 => code_block()])).prop_map(
            |(first, rest)| Node::with_content(NodeKind::ListItem, [first].into_iter().chain(rest).collect()),
        );
        of_items(prop::collection::vec(item, 1..3).boxed())
    })
}

fn table() -> impl Strategy<Value = Node> {
    (1..4_usize, 1..4_usize)
        .prop_flat_map(|(columns, rows)| {
            prop::collection::vec(prop::collection::vec(paragraph(), columns), rows)
        })
        .prop_map(|rows| {
            let rows = rows.into_iter().enumerate().map(|(index, cells)| {
                let kind = if index == 0 { NodeKind::TableHeader } else { NodeKind::TableCell };
                let cells = cells.into_iter().map(|cell| Node::with_content(kind.clone(), vec![cell]));
                Node::with_content(NodeKind::TableRow, cells.collect())
            });
            Node::with_content(NodeKind::Table, rows.collect())
        })
}

/// Documents of what Markdown and wiki markup both have.
pub(crate) fn document() -> impl Strategy<Value = Document> {
    let heading = (line(), 1..=6_u64)
        .prop_map(|(line, level)| Node::with_content(NodeKind::Heading, line).with_attr("level", level));
    let inner = || prop_oneof![3 => paragraph(), 1 => list(), 1 => code_block()];
    let quote = prop::collection::vec(inner(), 1..3)
        .prop_map(|blocks| Node::with_content(NodeKind::Blockquote, blocks));
    let panel =
        (prop::collection::vec(inner(), 1..3), select(vec!["info", "note", "success", "warning", "error"]))
            .prop_map(|(blocks, kind)| {
                Node::with_content(NodeKind::Panel, blocks).with_attr("panelType", kind)
            });
    let rule = Just(Node::new(NodeKind::Rule));
    let block = prop_oneof![
        4 => paragraph(), 1 => heading, 2 => list(), 1 => table(), 1 => code_block(), 1 => quote, 1 => panel, 1 => rule
    ];
    prop::collection::vec(block, 1..4).prop_map(Document::new)
}

/// What a document means: blanks have no look and count once, and neighbours of the same look are one text.
pub(crate) fn meaning(document: &Document) -> Value {
    document.content().iter().map(block_meaning).collect()
}

fn block_meaning(node: &Node) -> Value {
    let attrs: Value = ["level", "panelType", "language"]
        .into_iter()
        .filter_map(|name| Some((name.to_owned(), node.attrs.as_ref()?.get(name)?.clone())))
        .collect();
    let content = match node.kind {
        NodeKind::Paragraph | NodeKind::Heading => line_meaning(node.children()),
        NodeKind::CodeBlock => node.children().iter().filter_map(|child| child.text.clone()).collect(),
        _ => node.children().iter().map(block_meaning).collect(),
    };
    json!([node.kind.as_str(), attrs, content])
}

fn line_meaning(nodes: &[Node]) -> Value {
    // Each character with its look; what has no text is one character.
    let mut signs: Vec<(String, String)> = Vec::new();
    for node in nodes {
        let Some(text) = &node.text else {
            signs.push((
                format!("{} {}", node.kind.as_str(), node.attr_str("id").unwrap_or_default()),
                "+".to_owned(),
            ));
            continue;
        };
        let mut look: Vec<String> =
            node.marks.as_deref().unwrap_or_default().iter().map(|mark| format!("{mark:?}")).collect();
        look.sort();
        let look = look.join(" ");
        signs.extend(
            text.chars().map(|c| (if c == ' ' { "blank".to_owned() } else { look.clone() }, c.to_string())),
        );
    }
    let is_break =
        |sign: Option<&(String, String)>| sign.is_none_or(|(look, _)| look.starts_with("hardBreak"));
    let mut parts: Vec<(String, String)> = Vec::new();
    for (index, (look, text)) in signs.iter().enumerate() {
        let next = signs[index..].iter().find(|(look, _)| look != "blank");
        match parts.last_mut() {
            last if look == "blank" && (is_break(next) || is_break(last.as_deref())) => {}
            Some((last, _)) if look == "blank" && last == look => {}
            Some((last, joined)) if last == look => joined.push_str(text),
            _ => parts.push((look.clone(), text.clone())),
        }
    }
    json!(parts)
}
