//! What the official schema says, as tables: which node may stand where, with which marks and attributes.
//!
//! Source: `@atlaskit/adf-schema` (jira-facts section 7), read definition by definition. A test compares these
//! tables with the schema itself. They are stricter in three places where the schema is loose by accident:
//! members unknown to it on `mediaSingle`, what follows the second child of a `blockTaskItem`, and the children
//! of a `layoutSection` or `mediaSingle` inside a `bodiedSyncBlock`.

mod attrs;

use crate::document::{MarkKind, NodeKind};

pub(crate) use attrs::{Attr, Attrs, Shape, mark_attrs, node_attrs};

/// A node that may stand in a parent, with sets of marks: all its marks must be of one of the sets.
#[derive(Debug)]
pub(crate) struct Slot {
    pub(crate) kind: NodeKind,
    pub(crate) marks: &'static [&'static [MarkKind]],
}

/// The children of a node.
#[derive(Debug)]
pub(crate) struct Content {
    /// Whether the `content` member must be there.
    pub(crate) required: bool,
    pub(crate) min: usize,
    pub(crate) max: usize,
    /// Groups of nodes that may stand here.
    pub(crate) groups: &'static [&'static [Slot]],
}

impl Content {
    /// The slots that a child of this type could take.
    pub(crate) fn slots(&self, kind: &NodeKind) -> impl Iterator<Item = &'static Slot> {
        self.groups.iter().flat_map(|group| group.iter()).filter(move |slot| slot.kind == *kind)
    }
}

const fn slot(kind: NodeKind) -> Slot {
    Slot { kind, marks: &[&[]] }
}

const EXTENSION_MARKS: &[&[MarkKind]] = &[&[MarkKind::DataConsumer, MarkKind::Fragment]];
const MEDIA_MARKS: &[&[MarkKind]] =
    &[&[MarkKind::DataConsumer, MarkKind::Link, MarkKind::Annotation, MarkKind::Border]];
const BREAKOUT: &[&[MarkKind]] = &[&[MarkKind::Breakout]];
const ALIGNED: &[&[MarkKind]] = &[&[MarkKind::FontSize, MarkKind::Alignment]];
const ALIGNED_OR_INDENTED: &[&[MarkKind]] =
    &[&[MarkKind::FontSize, MarkKind::Alignment], &[MarkKind::FontSize, MarkKind::Indentation]];
const HEADING_MARKS: &[&[MarkKind]] = &[&[MarkKind::Alignment], &[MarkKind::Indentation]];

/// The marks of text that is not code, then of code.
const TEXT_MARKS: &[&[MarkKind]] = &[
    &[
        MarkKind::Link,
        MarkKind::Em,
        MarkKind::Strong,
        MarkKind::Strike,
        MarkKind::Subsup,
        MarkKind::Underline,
        MarkKind::TextColor,
        MarkKind::Annotation,
        MarkKind::BackgroundColor,
    ],
    &[MarkKind::Code, MarkKind::Link, MarkKind::Annotation],
];

const PLAIN_PARAGRAPH: &[Slot] = &[slot(NodeKind::Paragraph)];
const SIZED_PARAGRAPH: &[Slot] = &[Slot { kind: NodeKind::Paragraph, marks: &[&[MarkKind::FontSize]] }];
const ALIGNED_PARAGRAPH: &[Slot] = &[Slot { kind: NodeKind::Paragraph, marks: ALIGNED }];
const PLACED_PARAGRAPH: &[Slot] = &[Slot { kind: NodeKind::Paragraph, marks: ALIGNED_OR_INDENTED }];
const PLAIN_HEADING: &[Slot] = &[slot(NodeKind::Heading)];
const PLACED_HEADING: &[Slot] = &[Slot { kind: NodeKind::Heading, marks: HEADING_MARKS }];
const PLAIN_TEXT: &[Slot] = &[slot(NodeKind::Text)];
const LISTS: &[Slot] = &[slot(NodeKind::BulletList), slot(NodeKind::OrderedList)];
const LIST_ITEMS: &[Slot] = &[slot(NodeKind::ListItem)];
const TASKS: &[Slot] = &[slot(NodeKind::TaskList)];
const TASK_ITEMS: &[Slot] =
    &[slot(NodeKind::TaskItem), slot(NodeKind::TaskList), slot(NodeKind::BlockTaskItem)];
const DECISION_ITEMS: &[Slot] = &[slot(NodeKind::DecisionItem)];
const CODE: &[Slot] = &[slot(NodeKind::CodeBlock)];
const QUOTE: &[Slot] = &[slot(NodeKind::Blockquote)];
const PANEL: &[Slot] = &[slot(NodeKind::Panel)];
const TABLE: &[Slot] = &[Slot { kind: NodeKind::Table, marks: &[&[MarkKind::Fragment]] }];
const ROWS: &[Slot] = &[slot(NodeKind::TableRow)];
const CELLS: &[Slot] = &[slot(NodeKind::TableCell), slot(NodeKind::TableHeader)];
const MEDIA: &[Slot] = &[Slot { kind: NodeKind::Media, marks: MEDIA_MARKS }];
const MEDIA_SINGLE: &[Slot] = &[Slot { kind: NodeKind::MediaSingle, marks: &[&[MarkKind::Link]] }];
const MEDIA_GROUP: &[Slot] = &[slot(NodeKind::MediaGroup)];
const CAPTION: &[Slot] = &[slot(NodeKind::Caption)];
const BLOCK_CARD: &[Slot] = &[slot(NodeKind::BlockCard)];
const EMBED_CARD: &[Slot] = &[slot(NodeKind::EmbedCard)];
const EXTENSION: &[Slot] = &[Slot { kind: NodeKind::Extension, marks: EXTENSION_MARKS }];
const BODIED_EXTENSION: &[Slot] = &[Slot { kind: NodeKind::BodiedExtension, marks: EXTENSION_MARKS }];
const NESTED_EXPAND: &[Slot] = &[slot(NodeKind::NestedExpand)];
const EXPAND: &[Slot] = &[slot(NodeKind::Expand)];
const LAYOUT_SECTION: &[Slot] = &[Slot { kind: NodeKind::LayoutSection, marks: BREAKOUT }];
const COLUMNS: &[Slot] = &[slot(NodeKind::LayoutColumn)];
/// The blocks that only the root has, or has with a width of their own.
const ROOT_ONLY: &[Slot] = &[
    Slot { kind: NodeKind::CodeBlock, marks: BREAKOUT },
    Slot { kind: NodeKind::Expand, marks: BREAKOUT },
    Slot { kind: NodeKind::SyncBlock, marks: BREAKOUT },
    Slot { kind: NodeKind::BodiedSyncBlock, marks: BREAKOUT },
];
/// What a caption may have, as any line.
const CAPTION_INLINE: &[Slot] = &[
    slot(NodeKind::HardBreak),
    slot(NodeKind::Mention),
    slot(NodeKind::Emoji),
    slot(NodeKind::Date),
    slot(NodeKind::Placeholder),
    slot(NodeKind::InlineCard),
    slot(NodeKind::Status),
    Slot { kind: NodeKind::Text, marks: TEXT_MARKS },
];
const INLINE_OBJECTS: &[Slot] = &[
    Slot { kind: NodeKind::InlineExtension, marks: EXTENSION_MARKS },
    Slot { kind: NodeKind::MediaInline, marks: MEDIA_MARKS },
];
/// What most blocks have, besides paragraphs, headings and whatever holds blocks itself.
const COMMON: &[Slot] = &[
    slot(NodeKind::BulletList),
    slot(NodeKind::OrderedList),
    slot(NodeKind::CodeBlock),
    Slot { kind: NodeKind::MediaSingle, marks: &[&[MarkKind::Link]] },
    slot(NodeKind::MediaGroup),
    slot(NodeKind::TaskList),
    slot(NodeKind::DecisionList),
    slot(NodeKind::Rule),
];

const INLINE: &[&[Slot]] = &[CAPTION_INLINE, INLINE_OBJECTS];
const ITEM_BLOCKS: &[&[Slot]] = &[SIZED_PARAGRAPH, LISTS, TASKS, MEDIA_SINGLE, CODE, EXTENSION];
const QUOTE_BLOCKS: &[&[Slot]] = &[PLAIN_PARAGRAPH, LISTS, CODE, MEDIA_SINGLE, MEDIA_GROUP, EXTENSION];
const PANEL_BLOCKS: &[&[Slot]] = &[SIZED_PARAGRAPH, PLAIN_HEADING, COMMON, BLOCK_CARD, EXTENSION];
const NESTED_EXPAND_BLOCKS: &[&[Slot]] = &[SIZED_PARAGRAPH, PLAIN_HEADING, COMMON, PANEL, QUOTE, EXTENSION];
const CELL_BLOCKS: &[&[Slot]] = &[
    ALIGNED_PARAGRAPH,
    PLACED_HEADING,
    COMMON,
    PANEL,
    QUOTE,
    BLOCK_CARD,
    EMBED_CARD,
    EXTENSION,
    NESTED_EXPAND,
];
/// The blocks of a bodied extension, which are those of an expand but for further expands.
const NON_NESTABLE_BLOCKS: &[&[Slot]] =
    &[SIZED_PARAGRAPH, PLAIN_HEADING, COMMON, PANEL, QUOTE, TABLE, BLOCK_CARD, EMBED_CARD, EXTENSION];
const EXPAND_BLOCKS: &[&[Slot]] = &[
    SIZED_PARAGRAPH,
    PLAIN_HEADING,
    COMMON,
    PANEL,
    QUOTE,
    TABLE,
    BLOCK_CARD,
    EMBED_CARD,
    EXTENSION,
    NESTED_EXPAND,
];
const COLUMN_BLOCKS: &[&[Slot]] = &[
    PLACED_PARAGRAPH,
    PLACED_HEADING,
    COMMON,
    PANEL,
    QUOTE,
    TABLE,
    BLOCK_CARD,
    EMBED_CARD,
    EXTENSION,
    EXPAND,
    BODIED_EXTENSION,
];
const SYNC_BLOCKS: &[&[Slot]] = &[
    PLACED_PARAGRAPH,
    PLACED_HEADING,
    COMMON,
    PANEL,
    QUOTE,
    TABLE,
    BLOCK_CARD,
    EMBED_CARD,
    EXPAND,
    LAYOUT_SECTION,
];
const ROOT_BLOCKS: &[&[Slot]] = &[
    PLACED_PARAGRAPH,
    PLACED_HEADING,
    COMMON,
    PANEL,
    QUOTE,
    TABLE,
    BLOCK_CARD,
    EMBED_CARD,
    EXTENSION,
    EXPAND,
    BODIED_EXTENSION,
    LAYOUT_SECTION,
    ROOT_ONLY,
];

const fn optional(groups: &'static [&'static [Slot]]) -> Content {
    Content { required: false, min: 0, max: usize::MAX, groups }
}

const fn any_number(groups: &'static [&'static [Slot]]) -> Content {
    Content { required: true, min: 0, max: usize::MAX, groups }
}

const fn at_least_one(groups: &'static [&'static [Slot]]) -> Content {
    Content { required: true, min: 1, max: usize::MAX, groups }
}

/// The children that a node may have. A type that is unknown has none, which only matters once it was refused.
pub(crate) fn content(kind: &NodeKind) -> Content {
    match kind {
        NodeKind::Doc => any_number(ROOT_BLOCKS),
        NodeKind::Paragraph | NodeKind::Heading | NodeKind::TaskItem | NodeKind::DecisionItem => {
            optional(INLINE)
        }
        NodeKind::Caption => optional(&[CAPTION_INLINE]),
        NodeKind::CodeBlock => optional(&[PLAIN_TEXT]),
        NodeKind::BulletList | NodeKind::OrderedList => at_least_one(&[LIST_ITEMS]),
        NodeKind::ListItem => at_least_one(ITEM_BLOCKS),
        NodeKind::Blockquote => at_least_one(QUOTE_BLOCKS),
        NodeKind::Panel => at_least_one(PANEL_BLOCKS),
        NodeKind::Expand => at_least_one(EXPAND_BLOCKS),
        NodeKind::NestedExpand => at_least_one(NESTED_EXPAND_BLOCKS),
        NodeKind::Table => at_least_one(&[ROWS]),
        NodeKind::TableRow => any_number(&[CELLS]),
        NodeKind::TableCell | NodeKind::TableHeader => at_least_one(CELL_BLOCKS),
        NodeKind::TaskList => at_least_one(&[TASK_ITEMS]),
        NodeKind::BlockTaskItem => at_least_one(&[SIZED_PARAGRAPH, EXTENSION]),
        NodeKind::DecisionList => at_least_one(&[DECISION_ITEMS]),
        NodeKind::MediaSingle => Content { required: true, min: 1, max: 2, groups: &[MEDIA, CAPTION] },
        NodeKind::MediaGroup => at_least_one(&[MEDIA]),
        NodeKind::LayoutSection => Content { required: true, min: 2, max: 3, groups: &[COLUMNS] },
        NodeKind::LayoutColumn => at_least_one(COLUMN_BLOCKS),
        NodeKind::BodiedExtension => at_least_one(NON_NESTABLE_BLOCKS),
        NodeKind::BodiedSyncBlock => at_least_one(SYNC_BLOCKS),
        _ => optional(&[]),
    }
}

/// Whether a node of this type has a `marks` member at all, be it empty.
pub(crate) fn has_marks(kind: &NodeKind) -> bool {
    matches!(
        kind,
        NodeKind::Text
            | NodeKind::Paragraph
            | NodeKind::Heading
            | NodeKind::CodeBlock
            | NodeKind::Expand
            | NodeKind::Table
            | NodeKind::Media
            | NodeKind::MediaInline
            | NodeKind::MediaSingle
            | NodeKind::Extension
            | NodeKind::InlineExtension
            | NodeKind::BodiedExtension
            | NodeKind::SyncBlock
            | NodeKind::BodiedSyncBlock
            | NodeKind::LayoutSection
    )
}
