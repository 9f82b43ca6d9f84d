//! The document model: a tree of nodes that keeps whatever it does not know.
//!
//! Production documents contain nodes newer than any copy of the schema (jira-facts section 7), so reading is
//! lenient: an unknown node type, mark type, attribute or member stays where it was, and
//! [`Document::to_json`] gives back exactly what [`Document::from_json`] was given.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// How deep nodes may stand inside each other, the root included.
///
/// Rendering walks a document recursively, so the depth is bounded where a document enters.
/// `serde_json` itself refuses text that would give more than about 63 nodes.
pub const MAX_DEPTH: usize = 100;

/// Why a JSON value is not a document at all. Unknown content is never a reason.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum AdfError {
    /// The root is not an object whose `type` is `doc`.
    #[error("the root is not an object of type \"doc\"")]
    NotADocument,
    /// A member of a `content` array is not an object with a textual `type`.
    #[error("not a node (an object with a \"type\") at {pointer}")]
    NotANode {
        /// Where, as a JSON pointer.
        pointer: String,
    },
    /// Nodes stand inside each other deeper than [`MAX_DEPTH`].
    #[error("nodes are nested deeper than {MAX_DEPTH} levels")]
    TooDeep,
}

/// Declares an enum of names that the schema knows, with a variant for those it does not.
macro_rules! named {
    ($(#[$doc:meta])* $enum:ident { $($variant:ident = $name:literal),* $(,)? }) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, Hash)]
        pub enum $enum {
            $(#[doc = concat!("`", $name, "`")] $variant,)*
            /// A type that this crate's copy of the schema does not have, by its name.
            Unknown(String),
        }

        impl $enum {
            /// The name as it stands in JSON.
            pub fn as_str(&self) -> &str {
                match self {
                    $(Self::$variant => $name,)*
                    Self::Unknown(name) => name,
                }
            }
        }

        impl From<&str> for $enum {
            fn from(name: &str) -> Self {
                match name {
                    $($name => Self::$variant,)*
                    other => Self::Unknown(other.to_owned()),
                }
            }
        }
    };
}

named! {
    /// The type of a node (jira-facts section 7).
    NodeKind {
        Doc = "doc",
        Paragraph = "paragraph",
        Heading = "heading",
        BulletList = "bulletList",
        OrderedList = "orderedList",
        ListItem = "listItem",
        Blockquote = "blockquote",
        CodeBlock = "codeBlock",
        Rule = "rule",
        Panel = "panel",
        Expand = "expand",
        NestedExpand = "nestedExpand",
        Table = "table",
        TableRow = "tableRow",
        TableHeader = "tableHeader",
        TableCell = "tableCell",
        TaskList = "taskList",
        TaskItem = "taskItem",
        BlockTaskItem = "blockTaskItem",
        DecisionList = "decisionList",
        DecisionItem = "decisionItem",
        MediaSingle = "mediaSingle",
        MediaGroup = "mediaGroup",
        Media = "media",
        Caption = "caption",
        LayoutSection = "layoutSection",
        LayoutColumn = "layoutColumn",
        BlockCard = "blockCard",
        EmbedCard = "embedCard",
        Extension = "extension",
        BodiedExtension = "bodiedExtension",
        SyncBlock = "syncBlock",
        BodiedSyncBlock = "bodiedSyncBlock",
        Text = "text",
        HardBreak = "hardBreak",
        Mention = "mention",
        Emoji = "emoji",
        Date = "date",
        Status = "status",
        InlineCard = "inlineCard",
        InlineExtension = "inlineExtension",
        MediaInline = "mediaInline",
        Placeholder = "placeholder",
    }
}

named! {
    /// The type of a mark (jira-facts section 7).
    MarkKind {
        Strong = "strong",
        Em = "em",
        Underline = "underline",
        Strike = "strike",
        Code = "code",
        Link = "link",
        Subsup = "subsup",
        TextColor = "textColor",
        BackgroundColor = "backgroundColor",
        Alignment = "alignment",
        Indentation = "indentation",
        Annotation = "annotation",
        Border = "border",
        Breakout = "breakout",
        DataConsumer = "dataConsumer",
        Fragment = "fragment",
        FontSize = "fontSize",
    }
}

/// What is said about a node's text or box: bold, a link, an alignment.
#[derive(Debug, Clone, PartialEq)]
pub struct Mark {
    /// The type.
    pub kind: MarkKind,
    /// The attributes; `None` where the mark has no `attrs`.
    pub attrs: Option<Map<String, Value>>,
    /// Members other than these, and an `attrs` that is not an object; kept verbatim.
    pub extra: Map<String, Value>,
}

impl Mark {
    /// A mark without attributes.
    pub fn new(kind: MarkKind) -> Self {
        Self { kind, attrs: None, extra: Map::new() }
    }

    /// The mark with an attribute set.
    #[must_use]
    pub fn with_attr(mut self, name: &str, value: impl Into<Value>) -> Self {
        self.attrs.get_or_insert_default().insert(name.to_owned(), value.into());
        self
    }

    /// A textual attribute.
    pub fn attr_str(&self, name: &str) -> Option<&str> {
        self.attrs.as_ref()?.get(name)?.as_str()
    }

    fn from_json(value: &Value) -> Option<Self> {
        let mut members = value.as_object()?.clone();
        let kind = take_string(&mut members, "type")?;
        let attrs = take_object(&mut members, "attrs");
        Some(Self { kind: kind.as_str().into(), attrs, extra: members })
    }

    fn to_json(&self) -> Value {
        let mut members = self.extra.clone();
        members.insert("type".to_owned(), self.kind.as_str().into());
        if let Some(attrs) = &self.attrs {
            members.insert("attrs".to_owned(), Value::Object(attrs.clone()));
        }
        Value::Object(members)
    }
}

/// One node of a document. Members that are absent in JSON are `None` here, so that writing gives back the same.
#[derive(Debug, Clone, PartialEq)]
pub struct Node {
    /// The type.
    pub kind: NodeKind,
    /// The attributes.
    pub attrs: Option<Map<String, Value>>,
    /// The marks.
    pub marks: Option<Vec<Mark>>,
    /// The children.
    pub content: Option<Vec<Node>>,
    /// The text, in a text node.
    pub text: Option<String>,
    /// Members other than these, and those of an unexpected shape; kept verbatim. The root's `version` is here.
    pub extra: Map<String, Value>,
}

impl Node {
    /// A node without any member but its type.
    pub fn new(kind: NodeKind) -> Self {
        Self { kind, attrs: None, marks: None, content: None, text: None, extra: Map::new() }
    }

    /// A node with children.
    pub fn with_content(kind: NodeKind, content: Vec<Self>) -> Self {
        Self { content: Some(content), ..Self::new(kind) }
    }

    /// A text node. The schema refuses empty text (jira-facts section 7).
    pub fn text(text: impl Into<String>) -> Self {
        Self { text: Some(text.into()), ..Self::new(NodeKind::Text) }
    }

    /// A paragraph.
    pub fn paragraph(content: Vec<Self>) -> Self {
        Self::with_content(NodeKind::Paragraph, content)
    }

    /// The node with an attribute set.
    #[must_use]
    pub fn with_attr(mut self, name: &str, value: impl Into<Value>) -> Self {
        self.attrs.get_or_insert_default().insert(name.to_owned(), value.into());
        self
    }

    /// The node with a mark added.
    #[must_use]
    pub fn with_mark(mut self, mark: Mark) -> Self {
        self.marks.get_or_insert_default().push(mark);
        self
    }

    /// The children; none where the node has no `content`.
    pub fn children(&self) -> &[Self] {
        self.content.as_deref().unwrap_or_default()
    }

    /// The first mark of a type.
    pub fn mark(&self, kind: &MarkKind) -> Option<&Mark> {
        self.marks.as_deref().unwrap_or_default().iter().find(|mark| mark.kind == *kind)
    }

    /// A textual attribute.
    pub fn attr_str(&self, name: &str) -> Option<&str> {
        self.attrs.as_ref()?.get(name)?.as_str()
    }

    /// A numeric attribute that is a whole number of at least zero.
    pub fn attr_u64(&self, name: &str) -> Option<u64> {
        let value = self.attrs.as_ref()?.get(name)?;
        value.as_u64().or_else(|| whole(value.as_f64()?))
    }

    /// Reads a block of a document, as leniently as [`Document::from_json`].
    pub(crate) fn read(value: &Value) -> Result<Self, AdfError> {
        Self::from_json(value, "", 2)
    }

    fn from_json(value: &Value, pointer: &str, depth: usize) -> Result<Self, AdfError> {
        if depth > MAX_DEPTH {
            return Err(AdfError::TooDeep);
        }
        let not_a_node = || AdfError::NotANode { pointer: pointer.to_owned() };
        let members = value.as_object().ok_or_else(not_a_node)?;
        let mut node = Self::new(NodeKind::Text);
        let mut kind = None;
        for (name, member) in members {
            match (name.as_str(), member) {
                ("type", Value::String(name)) => kind = Some(NodeKind::from(name.as_str())),
                ("attrs", Value::Object(attrs)) => node.attrs = Some(attrs.clone()),
                ("text", Value::String(text)) => node.text = Some(text.clone()),
                ("marks", Value::Array(marks)) => match marks.iter().map(Mark::from_json).collect() {
                    Some(marks) => node.marks = Some(marks),
                    None => node.keep(name, member),
                },
                ("content", Value::Array(children)) => {
                    let mut content = Vec::with_capacity(children.len());
                    for (index, child) in children.iter().enumerate() {
                        let pointer = format!("{pointer}/content/{index}");
                        content.push(Self::from_json(child, &pointer, depth + 1)?);
                    }
                    node.content = Some(content);
                }
                _ => node.keep(name, member),
            }
        }
        node.kind = kind.ok_or_else(not_a_node)?;
        Ok(node)
    }

    fn keep(&mut self, name: &str, member: &Value) {
        self.extra.insert(name.to_owned(), member.clone());
    }

    pub(crate) fn to_json(&self) -> Value {
        let mut members = self.extra.clone();
        members.insert("type".to_owned(), self.kind.as_str().into());
        if let Some(attrs) = &self.attrs {
            members.insert("attrs".to_owned(), Value::Object(attrs.clone()));
        }
        if let Some(marks) = &self.marks {
            members.insert("marks".to_owned(), marks.iter().map(Mark::to_json).collect());
        }
        if let Some(content) = &self.content {
            members.insert("content".to_owned(), content.iter().map(Self::to_json).collect());
        }
        if let Some(text) = &self.text {
            members.insert("text".to_owned(), text.as_str().into());
        }
        Value::Object(members)
    }
}

/// A whole document. In JSON it is `{"version":1,"type":"doc","content":[…]}`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "Value", into = "Value")]
pub struct Document {
    root: Node,
}

impl Document {
    /// A document of these blocks. It is as valid as they are: see [`crate::validate()`].
    pub fn new(content: Vec<Node>) -> Self {
        let mut root = Node::with_content(NodeKind::Doc, content);
        root.extra.insert("version".to_owned(), 1.into());
        Self { root }
    }

    /// Reads a document leniently: what is unknown is kept.
    ///
    /// # Errors
    /// When the value is not a document at all: see [`AdfError`].
    pub fn from_json(value: &Value) -> Result<Self, AdfError> {
        if value.get("type").and_then(Value::as_str) != Some(NodeKind::Doc.as_str()) {
            return Err(AdfError::NotADocument);
        }
        Ok(Self { root: Node::from_json(value, "", 1)? })
    }

    /// The document as JSON; verbatim what [`Self::from_json`] was given.
    pub fn to_json(&self) -> Value {
        self.root.to_json()
    }

    /// The document with other blocks.
    pub(crate) fn with_content(&self, content: Vec<Node>) -> Self {
        Self { root: Node { content: Some(content), ..self.root.clone() } }
    }

    /// The blocks.
    pub fn content(&self) -> &[Node] {
        self.root.children()
    }

    /// Whether the document has no block at all. Jira stores an empty description as `null`, not as an empty
    /// document (jira-facts section 7).
    pub fn is_empty(&self) -> bool {
        self.content().is_empty()
    }
}

impl TryFrom<Value> for Document {
    type Error = AdfError;

    fn try_from(value: Value) -> Result<Self, AdfError> {
        Self::from_json(&value)
    }
}

impl From<Document> for Value {
    fn from(document: Document) -> Self {
        document.to_json()
    }
}

fn whole(number: f64) -> Option<u64> {
    // Above 2^53 a double no longer says which whole number was meant.
    let exact = number.fract() == 0.0 && (0.0..9_007_199_254_740_992.0).contains(&number);
    exact.then_some(number as u64)
}

fn take_string(members: &mut Map<String, Value>, name: &str) -> Option<String> {
    match members.remove(name)? {
        Value::String(text) => Some(text),
        _ => None,
    }
}

/// Takes an object out; a member of another shape stays.
fn take_object(members: &mut Map<String, Value>, name: &str) -> Option<Map<String, Value>> {
    match members.remove(name)? {
        Value::Object(object) => Some(object),
        other => {
            members.insert(name.to_owned(), other);
            None
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn what_is_unknown_comes_back_verbatim() {
        let value = json!({"version": 1, "type": "doc", "weather": "fine", "content": [
            {"type": "paragraph", "attrs": {"localId": "p1", "newer": [1, {"a": null}]}, "marks": [], "content": [
                {"type": "text", "text": "x", "marks": [{"type": "glow", "attrs": {"radius": 2.5}, "since": 2031},
                    {"type": "strong", "attrs": null}]},
                {"type": "hologram", "text": 7, "data": {"of": "the future"}},
            ]},
            {"type": "rule", "marks": ["not a mark"], "content": null, "attrs": []},
        ]});
        assert_eq!(Document::from_json(&value).unwrap().to_json(), value);
    }

    #[test]
    fn what_is_not_a_document_is_refused_with_its_place() {
        assert_eq!(Document::from_json(&json!("text")), Err(AdfError::NotADocument));
        assert_eq!(Document::from_json(&json!({"type": "paragraph"})), Err(AdfError::NotADocument));
        let nested = json!({"type": "doc", "content": [{"type": "paragraph", "content": [7]}]});
        let error = Document::from_json(&nested).unwrap_err();
        assert_eq!(error, AdfError::NotANode { pointer: "/content/0/content/0".to_owned() });
    }

    #[test]
    fn depth_is_bounded() {
        let mut value = json!({"type": "paragraph"});
        for _ in 0..MAX_DEPTH {
            value = json!({"type": "doc", "content": [value]});
        }
        assert_eq!(Document::from_json(&value), Err(AdfError::TooDeep));
        assert!(Document::from_json(&value["content"][0]).is_ok());
    }

    #[test]
    fn a_document_is_a_serde_type() {
        let text = r#"{"content":[{"content":[{"text":"x","type":"text"}],"type":"paragraph"}],"type":"doc","version":1}"#;
        let document: Document = serde_json::from_str(text).unwrap();
        assert_eq!(document, Document::new(vec![Node::paragraph(vec![Node::text("x")])]));
        let written = serde_json::to_string(&document).unwrap();
        assert_eq!(serde_json::from_str::<Document>(&written).unwrap(), document);
        assert!(serde_json::from_str::<Document>("[]").is_err());
    }
}
