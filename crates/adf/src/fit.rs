//! Makes what a parser found fit the schema: a markup lets stand inside each other what a document does not.
//!
//! A block that must not stand where it was found gives way to its contents: a heading in a list item becomes a
//! bold paragraph, a table in a list item becomes the paragraphs of its cells. No text is lost.

use std::mem;

use crate::document::{Document, Mark, MarkKind, Node, NodeKind};
use crate::links;
use crate::schema;

/// Lists deeper than this are flattened, so that no document is refused for its depth when it is read again.
const MAX_LIST_DEPTH: usize = 20;

/// A valid document of these blocks.
///
/// Parsers leave three things to this function: a `media` among text, which becomes a block of its own where it
/// is alone in its paragraph; a `blockCard` among text, likewise; and bullet lists whose items all begin with
/// `[ ]` or `[x]`, which become task lists.
pub(crate) fn document(blocks: Vec<Node>) -> Document {
    let mut fitter = Fitter { next_local_id: 1 };
    Document::new(fitter.blocks(blocks, &NodeKind::Doc, 0))
}

struct Fitter {
    next_local_id: u32,
}

impl Fitter {
    /// Identifiers need to be unique within their document only; counting keeps parsing repeatable.
    fn local_id(&mut self) -> String {
        let id = self.next_local_id;
        self.next_local_id += 1;
        id.to_string()
    }

    fn blocks(&mut self, blocks: Vec<Node>, parent: &NodeKind, list_depth: usize) -> Vec<Node> {
        let mut fitted = Vec::with_capacity(blocks.len());
        for block in blocks {
            self.block(block, parent, list_depth, &mut fitted);
        }
        fitted
    }

    fn block(&mut self, mut block: Node, parent: &NodeKind, list_depth: usize, out: &mut Vec<Node>) {
        match block.kind {
            NodeKind::Paragraph => {
                let inlines = block.content.take().unwrap_or_default();
                self.paragraph(block, inlines, parent, out);
            }
            NodeKind::BulletList | NodeKind::OrderedList => self.list(block, parent, list_depth, out),
            _ if !allows(parent, &block.kind) => self.unwrap(block, parent, list_depth, out),
            NodeKind::Heading => {
                block.content = block.content.map(inline_only);
                out.push(block);
            }
            NodeKind::Table => self.table(block, list_depth, out),
            NodeKind::Panel | NodeKind::Blockquote | NodeKind::TableCell | NodeKind::TableHeader => {
                let children = self.blocks(block.content.take().unwrap_or_default(), &block.kind, list_depth);
                block.content = Some(or_empty_paragraph(children));
                out.push(block);
            }
            _ => out.push(block),
        }
    }

    /// An image that is alone in its paragraph stands as a block; among text, it stays inline.
    fn paragraph(&mut self, paragraph: Node, inlines: Vec<Node>, parent: &NodeKind, out: &mut Vec<Node>) {
        if let [only] = inlines.as_slice() {
            if only.kind == NodeKind::Media && allows(parent, &NodeKind::MediaSingle) {
                out.push(Node::with_content(NodeKind::MediaSingle, inlines).with_attr("layout", "center"));
                return;
            }
            if only.kind == NodeKind::BlockCard && allows(parent, &NodeKind::BlockCard) {
                out.extend(inlines);
                return;
            }
        }
        out.push(Node { content: Some(inline_only(inlines)), ..paragraph });
    }

    fn table(&mut self, mut table: Node, list_depth: usize, out: &mut Vec<Node>) {
        for row in table.content.iter_mut().flatten() {
            let cells = row.content.take().unwrap_or_default();
            let mut fitted = Vec::with_capacity(cells.len());
            for cell in cells {
                self.block(cell, &NodeKind::TableRow, list_depth, &mut fitted);
            }
            row.content = Some(fitted);
        }
        out.push(table);
    }

    fn list(&mut self, mut list: Node, parent: &NodeKind, list_depth: usize, out: &mut Vec<Node>) {
        let items = list.content.take().unwrap_or_default();
        if list_depth >= MAX_LIST_DEPTH || !allows(parent, &list.kind) {
            for item in items {
                out.extend(self.blocks(item.content.unwrap_or_default(), parent, list_depth));
            }
            return;
        }
        let may_be_tasks = list.kind == NodeKind::BulletList
            && (allows(parent, &NodeKind::TaskList) || *parent == NodeKind::TaskList);
        if may_be_tasks && is_task_list(&items) {
            out.push(self.task_list(items));
            return;
        }
        let items = items.into_iter().map(|item| {
            let children = self.blocks(item.content.unwrap_or_default(), &NodeKind::ListItem, list_depth + 1);
            Node::with_content(NodeKind::ListItem, or_empty_paragraph(children))
        });
        list.content = Some(items.collect());
        out.push(list);
    }

    /// Items of which [`is_task_list`] is true. The tasks below a task stand beside it, in a list of their own.
    fn task_list(&mut self, items: Vec<Node>) -> Node {
        let list = Node::new(NodeKind::TaskList).with_attr("localId", self.local_id());
        let mut children = Vec::with_capacity(items.len());
        for item in items {
            let mut blocks = item.content.unwrap_or_default().into_iter();
            let mut inlines = blocks.next().and_then(|paragraph| paragraph.content).unwrap_or_default();
            let done = strip_checkbox(&mut inlines).unwrap_or_default();
            let task = Node::with_content(NodeKind::TaskItem, inline_only(inlines))
                .with_attr("localId", self.local_id())
                .with_attr("state", if done { "DONE" } else { "TODO" });
            children.push(task);
            for nested in blocks {
                children.push(self.task_list(nested.content.unwrap_or_default()));
            }
        }
        Node { content: Some(children), ..list }
    }

    /// Gives the contents of a block that must not stand in this parent.
    fn unwrap(&mut self, block: Node, parent: &NodeKind, list_depth: usize, out: &mut Vec<Node>) {
        let children = block.content.unwrap_or_default();
        match block.kind {
            NodeKind::Rule => {}
            NodeKind::Heading => {
                let inlines = inline_only(children).into_iter().map(embolden).collect();
                out.push(Node::paragraph(inlines));
            }
            _ => out.extend(self.blocks(children, parent, list_depth)),
        }
    }
}

fn allows(parent: &NodeKind, child: &NodeKind) -> bool {
    schema::content(parent).slots(child).next().is_some()
}

fn or_empty_paragraph(blocks: Vec<Node>) -> Vec<Node> {
    if blocks.is_empty() { vec![Node::paragraph(Vec::new())] } else { blocks }
}

fn embolden(node: Node) -> Node {
    let is_code_or_bold = node.mark(&MarkKind::Code).is_some() || node.mark(&MarkKind::Strong).is_some();
    if node.kind != NodeKind::Text || is_code_or_bold {
        node
    } else {
        node.with_mark(Mark::new(MarkKind::Strong))
    }
}

/// What may stand among text: an image or card that was a block becomes its inline kin.
fn inline_only(inlines: Vec<Node>) -> Vec<Node> {
    inlines.into_iter().map(inline).collect()
}

fn inline(mut node: Node) -> Node {
    match node.kind {
        NodeKind::BlockCard => node.kind = NodeKind::InlineCard,
        NodeKind::Media if node.attr_str("type") == Some("external") => {
            let url = node.attr_str("url").unwrap_or_default();
            let shown = node.attr_str("alt").filter(|alt| !alt.is_empty()).unwrap_or(url).to_owned();
            let link = links::is_link_target(url).then(|| Mark::new(MarkKind::Link).with_attr("href", url));
            node = Node::text(shown);
            node.marks = link.map(|link| vec![link]);
        }
        NodeKind::Media => node.kind = NodeKind::MediaInline,
        _ => {}
    }
    node
}

/// Whether each item is a paragraph that begins with a check box, with nothing below but more of the same.
fn is_task_list(items: &[Node]) -> bool {
    !items.is_empty()
        && items.iter().all(|item| match item.children() {
            [first, rest @ ..] => {
                let is_task = first.kind == NodeKind::Paragraph
                    && first.children().first().is_some_and(|text| checkbox(text).is_some());
                is_task
                    && rest
                        .iter()
                        .all(|list| list.kind == NodeKind::BulletList && is_task_list(list.children()))
            }
            [] => false,
        })
}

/// Whether the box is ticked, where a text begins with one; and the length of the box.
fn checkbox(node: &Node) -> Option<(bool, usize)> {
    let text = node.text.as_deref().filter(|_| node.marks.is_none())?;
    let (boxed, done) = match text.get(..3)? {
        "[ ]" => ("[ ]", false),
        "[x]" | "[X]" => ("[x]", true),
        _ => return None,
    };
    let rest = text.get(boxed.len()..)?;
    (rest.is_empty() || rest.starts_with(' ')).then_some((done, boxed.len()))
}

fn strip_checkbox(inlines: &mut Vec<Node>) -> Option<bool> {
    let first = inlines.first_mut()?;
    let (done, len) = checkbox(first)?;
    let rest =
        first.text.as_deref().and_then(|text| text.get(len..)).unwrap_or_default().trim_start().to_owned();
    if rest.is_empty() {
        mem::drop(inlines.remove(0));
    } else {
        first.text = Some(rest);
    }
    Some(done)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn paragraph(text: &str) -> Node {
        Node::paragraph(vec![Node::text(text)])
    }

    fn item(blocks: Vec<Node>) -> Node {
        Node::with_content(NodeKind::ListItem, blocks)
    }

    fn bullets(items: Vec<Node>) -> Node {
        Node::with_content(NodeKind::BulletList, items)
    }

    #[test]
    fn a_heading_and_a_table_in_a_list_item_give_way_to_their_text() {
        let heading = Node::with_content(NodeKind::Heading, vec![Node::text("Why")]).with_attr("level", 2);
        let cell = Node::with_content(NodeKind::TableCell, vec![paragraph("a cell")]);
        let table =
            Node::with_content(NodeKind::Table, vec![Node::with_content(NodeKind::TableRow, vec![cell])]);
        let fitted = document(vec![bullets(vec![item(vec![heading, table, Node::new(NodeKind::Rule)])])]);
        let bold = Node::text("Why").with_mark(Mark::new(MarkKind::Strong));
        let expected = bullets(vec![item(vec![Node::paragraph(vec![bold]), paragraph("a cell")])]);
        assert_eq!(fitted.content(), [expected]);
    }

    #[test]
    fn lists_of_check_boxes_become_task_lists() {
        let nested = bullets(vec![item(vec![paragraph("[x] inner")])]);
        let fitted = document(vec![bullets(vec![item(vec![paragraph("[ ] outer"), nested])])]);
        assert_eq!(crate::validate(&fitted.to_json()), Ok(()));
        let [list] = fitted.content() else { panic!("one list") };
        let kinds: Vec<_> = list.children().iter().map(|child| child.kind.as_str()).collect();
        assert_eq!(kinds, ["taskItem", "taskList"]);
        assert_eq!(list.children()[0].attr_str("state"), Some("TODO"));
        assert_eq!(list.children()[1].children()[0].attr_str("state"), Some("DONE"));
    }

    #[test]
    fn very_deep_lists_are_flattened_without_losing_text() {
        let mut list = bullets(vec![item(vec![paragraph("innermost")])]);
        for _ in 0..40 {
            list = bullets(vec![item(vec![list])]);
        }
        let fitted = document(vec![list]);
        assert_eq!(crate::validate(&fitted.to_json()), Ok(()));
        assert!(crate::to_text(&fitted).contains("innermost"));
    }
}
