//! The attributes of nodes and marks.

use crate::document::{MarkKind, NodeKind};

/// What an attribute's value must be.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Shape {
    /// Any text.
    Text,
    /// Text of at least one character.
    NonEmptyText,
    /// One of these texts.
    OneOf(&'static [&'static str]),
    /// `true` or `false`.
    Bool,
    /// Any number.
    Number,
    /// A number of at least this.
    AtLeast(f64),
    /// A number from the first to the second, both included.
    Within(f64, f64),
    /// A list of numbers.
    Numbers,
    /// A list of at least one text.
    Texts,
    /// `#rrggbb`.
    Color,
    /// `#rrggbb` or `#rrggbbaa`.
    ColorWithAlpha,
    /// A status colour: one of six names, or `#rrggbb`.
    StatusColor,
    /// What a list of issues is fed from.
    Datasource,
    /// Any JSON value.
    Any,
}

/// One attribute.
#[derive(Debug)]
pub(crate) struct Attr {
    pub(crate) name: &'static str,
    pub(crate) required: bool,
    pub(crate) shape: Shape,
}

/// The attributes of a node or mark. One of the alternatives must fit; none of them: no `attrs` at all.
#[derive(Debug)]
pub(crate) struct Attrs {
    pub(crate) required: bool,
    pub(crate) alternatives: &'static [&'static [Attr]],
}

const fn must(name: &'static str, shape: Shape) -> Attr {
    Attr { name, required: true, shape }
}

const fn may(name: &'static str, shape: Shape) -> Attr {
    Attr { name, required: false, shape }
}

const fn required(alternatives: &'static [&'static [Attr]]) -> Attrs {
    Attrs { required: true, alternatives }
}

const fn optional(alternatives: &'static [&'static [Attr]]) -> Attrs {
    Attrs { required: false, alternatives }
}

const LOCAL_ID: Attr = may("localId", Shape::Text);
const NON_EMPTY_LOCAL_ID: Attr = may("localId", Shape::NonEmptyText);
const LAYOUT: Shape =
    Shape::OneOf(&["wide", "full-width", "center", "wrap-right", "wrap-left", "align-end", "align-start"]);
const VERTICAL_ALIGNMENT: Attr = may("valign", Shape::OneOf(&["top", "middle", "bottom"]));

const IDENTIFIED: &[Attr] = &[LOCAL_ID];
const HEADING: &[Attr] = &[must("level", Shape::Within(1.0, 6.0)), LOCAL_ID];
const ORDERED_LIST: &[Attr] = &[may("order", Shape::AtLeast(0.0)), LOCAL_ID];
const CODE_BLOCK: &[Attr] = &[
    may("language", Shape::Text),
    may("uniqueId", Shape::Text),
    may("wrap", Shape::Bool),
    may("hideLineNumbers", Shape::Bool),
    LOCAL_ID,
];
const PANEL: &[Attr] = &[
    must("panelType", Shape::OneOf(&["info", "note", "tip", "warning", "error", "success", "custom"])),
    may("panelIcon", Shape::Text),
    may("panelIconId", Shape::Text),
    may("panelIconText", Shape::Text),
    may("panelColor", Shape::Text),
    LOCAL_ID,
];
const EXPAND: &[Attr] = &[may("title", Shape::Text), LOCAL_ID];
const TABLE: &[Attr] = &[
    may("displayMode", Shape::OneOf(&["default", "fixed"])),
    may("isNumberColumnEnabled", Shape::Bool),
    may("layout", Shape::OneOf(&["wide", "full-width", "center", "align-end", "align-start", "default"])),
    may("width", Shape::Number),
    NON_EMPTY_LOCAL_ID,
];
const CELL: &[Attr] = &[
    may("colspan", Shape::Number),
    may("rowspan", Shape::Number),
    may("colwidth", Shape::Numbers),
    may("background", Shape::Text),
    VERTICAL_ALIGNMENT,
    LOCAL_ID,
];
/// Of a task list and of a decision list.
const ACTION_LIST: &[Attr] = &[must("localId", Shape::Text)];
const TASK: &[Attr] = &[must("localId", Shape::Text), must("state", Shape::OneOf(&["TODO", "DONE"]))];
const DECISION: &[Attr] = &[must("localId", Shape::Text), must("state", Shape::Text)];
const MEDIA_SINGLE_IN_PERCENT: &[Attr] = &[
    must("layout", LAYOUT),
    may("width", Shape::Within(0.0, 100.0)),
    may("widthType", Shape::OneOf(&["percentage"])),
    LOCAL_ID,
];
const MEDIA_SINGLE_IN_PIXELS: &[Attr] = &[
    must("layout", LAYOUT),
    must("width", Shape::AtLeast(0.0)),
    must("widthType", Shape::OneOf(&["pixel"])),
    LOCAL_ID,
];
const MEDIA_FILE: &[Attr] = &[
    must("type", Shape::OneOf(&["link", "file"])),
    must("id", Shape::NonEmptyText),
    must("collection", Shape::Text),
    may("alt", Shape::Text),
    may("height", Shape::Number),
    may("width", Shape::Number),
    may("occurrenceKey", Shape::NonEmptyText),
    LOCAL_ID,
];
const MEDIA_EXTERNAL: &[Attr] = &[
    must("type", Shape::OneOf(&["external"])),
    must("url", Shape::Text),
    may("alt", Shape::Text),
    may("height", Shape::Number),
    may("width", Shape::Number),
    LOCAL_ID,
];
const MEDIA_INLINE: &[Attr] = &[
    must("id", Shape::NonEmptyText),
    must("collection", Shape::Text),
    may("type", Shape::OneOf(&["link", "file", "image"])),
    may("alt", Shape::Text),
    may("height", Shape::Number),
    may("width", Shape::Number),
    may("occurrenceKey", Shape::NonEmptyText),
    may("data", Shape::Any),
    LOCAL_ID,
];
const LAYOUT_COLUMN: &[Attr] = &[must("width", Shape::Within(0.0, 100.0)), VERTICAL_ALIGNMENT, LOCAL_ID];
const CARD_BY_URL: &[Attr] = &[must("url", Shape::Text), LOCAL_ID];
const CARD_BY_DATA: &[Attr] = &[must("data", Shape::Any), LOCAL_ID];
const CARD_BY_DATASOURCE: &[Attr] = &[
    must("datasource", Shape::Datasource),
    may("url", Shape::Text),
    may("width", Shape::Number),
    may("layout", LAYOUT),
    LOCAL_ID,
];
const EMBED_CARD: &[Attr] = &[
    must("url", Shape::Text),
    must("layout", LAYOUT),
    may("width", Shape::Within(0.0, 100.0)),
    may("originalHeight", Shape::Number),
    may("originalWidth", Shape::Number),
    LOCAL_ID,
];
const BLOCK_EXTENSION: &[Attr] = &[
    must("extensionKey", Shape::NonEmptyText),
    must("extensionType", Shape::NonEmptyText),
    may("parameters", Shape::Any),
    may("text", Shape::Text),
    may("layout", Shape::OneOf(&["wide", "full-width", "default"])),
    NON_EMPTY_LOCAL_ID,
];
const INLINE_EXTENSION: &[Attr] = &[
    must("extensionKey", Shape::NonEmptyText),
    must("extensionType", Shape::NonEmptyText),
    may("parameters", Shape::Any),
    may("text", Shape::Text),
    NON_EMPTY_LOCAL_ID,
];
const SYNC_BLOCK: &[Attr] = &[must("resourceId", Shape::Text), must("localId", Shape::Text)];
const HARD_BREAK: &[Attr] = &[may("text", Shape::OneOf(&["\n"])), LOCAL_ID];
const MENTION: &[Attr] = &[
    must("id", Shape::Text),
    may("text", Shape::Text),
    may("accessLevel", Shape::Text),
    may("userType", Shape::OneOf(&["DEFAULT", "SPECIAL", "APP"])),
    LOCAL_ID,
];
const EMOJI: &[Attr] =
    &[must("shortName", Shape::Text), may("id", Shape::Text), may("text", Shape::Text), LOCAL_ID];
const DATE: &[Attr] = &[must("timestamp", Shape::NonEmptyText), LOCAL_ID];
const STATUS: &[Attr] = &[
    must("text", Shape::NonEmptyText),
    must("color", Shape::StatusColor),
    may("style", Shape::Text),
    LOCAL_ID,
];
const PLACEHOLDER: &[Attr] = &[must("text", Shape::Text), LOCAL_ID];

const LINK: &[Attr] = &[
    must("href", Shape::Text),
    may("title", Shape::Text),
    may("id", Shape::Text),
    may("collection", Shape::Text),
    may("occurrenceKey", Shape::Text),
];
const SUBSUP: &[Attr] = &[must("type", Shape::OneOf(&["sub", "sup"]))];
const COLOR: &[Attr] = &[must("color", Shape::Color)];
const ALIGNMENT: &[Attr] = &[must("align", Shape::OneOf(&["center", "end"]))];
const INDENTATION: &[Attr] = &[must("level", Shape::Within(1.0, 6.0))];
const ANNOTATION: &[Attr] =
    &[must("id", Shape::Text), must("annotationType", Shape::OneOf(&["inlineComment"]))];
const BORDER: &[Attr] = &[must("size", Shape::Within(1.0, 3.0)), must("color", Shape::ColorWithAlpha)];
const BREAKOUT: &[Attr] = &[must("mode", Shape::OneOf(&["wide", "full-width"])), may("width", Shape::Number)];
const DATA_CONSUMER: &[Attr] = &[must("sources", Shape::Texts)];
const FRAGMENT: &[Attr] = &[must("localId", Shape::NonEmptyText), may("name", Shape::Text)];
const FONT_SIZE: &[Attr] = &[must("fontSize", Shape::OneOf(&["small"]))];

/// The attributes of a node.
pub(crate) fn node_attrs(kind: &NodeKind) -> Attrs {
    match kind {
        NodeKind::Doc | NodeKind::Text | NodeKind::MediaGroup => optional(&[]),
        NodeKind::Heading => required(&[HEADING]),
        NodeKind::OrderedList => optional(&[ORDERED_LIST]),
        NodeKind::CodeBlock => optional(&[CODE_BLOCK]),
        NodeKind::Panel => required(&[PANEL]),
        NodeKind::Expand => optional(&[EXPAND]),
        NodeKind::NestedExpand => required(&[EXPAND]),
        NodeKind::Table => optional(&[TABLE]),
        NodeKind::TableCell | NodeKind::TableHeader => optional(&[CELL]),
        NodeKind::TaskList | NodeKind::DecisionList => required(&[ACTION_LIST]),
        NodeKind::TaskItem | NodeKind::BlockTaskItem => required(&[TASK]),
        NodeKind::DecisionItem => required(&[DECISION]),
        NodeKind::MediaSingle => optional(&[MEDIA_SINGLE_IN_PERCENT, MEDIA_SINGLE_IN_PIXELS]),
        NodeKind::Media => required(&[MEDIA_FILE, MEDIA_EXTERNAL]),
        NodeKind::MediaInline => required(&[MEDIA_INLINE]),
        NodeKind::LayoutColumn => required(&[LAYOUT_COLUMN]),
        NodeKind::BlockCard => required(&[CARD_BY_DATASOURCE, CARD_BY_URL, CARD_BY_DATA]),
        NodeKind::EmbedCard => required(&[EMBED_CARD]),
        NodeKind::InlineCard => required(&[CARD_BY_URL, CARD_BY_DATA]),
        NodeKind::Extension | NodeKind::BodiedExtension => required(&[BLOCK_EXTENSION]),
        NodeKind::InlineExtension => required(&[INLINE_EXTENSION]),
        NodeKind::SyncBlock | NodeKind::BodiedSyncBlock => required(&[SYNC_BLOCK]),
        NodeKind::HardBreak => optional(&[HARD_BREAK]),
        NodeKind::Mention => required(&[MENTION]),
        NodeKind::Emoji => required(&[EMOJI]),
        NodeKind::Date => required(&[DATE]),
        NodeKind::Status => required(&[STATUS]),
        NodeKind::Placeholder => required(&[PLACEHOLDER]),
        _ => optional(&[IDENTIFIED]),
    }
}

/// The attributes of a mark.
pub(crate) fn mark_attrs(kind: &MarkKind) -> Attrs {
    match kind {
        MarkKind::Link => required(&[LINK]),
        MarkKind::Subsup => required(&[SUBSUP]),
        MarkKind::TextColor | MarkKind::BackgroundColor => required(&[COLOR]),
        MarkKind::Alignment => required(&[ALIGNMENT]),
        MarkKind::Indentation => required(&[INDENTATION]),
        MarkKind::Annotation => required(&[ANNOTATION]),
        MarkKind::Border => required(&[BORDER]),
        MarkKind::Breakout => required(&[BREAKOUT]),
        MarkKind::DataConsumer => required(&[DATA_CONSUMER]),
        MarkKind::Fragment => required(&[FRAGMENT]),
        MarkKind::FontSize => required(&[FONT_SIZE]),
        _ => optional(&[]),
    }
}
