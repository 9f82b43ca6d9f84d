//! Strict checking of a document against the schema, as Jira checks what it is sent (jira-facts section 7).

use std::fmt;

use serde_json::{Map, Value};

use crate::document::{MAX_DEPTH, MarkKind, NodeKind};
use crate::schema::{self, Attr, Attrs, Content, Shape};

/// No more problems than this are collected: a document that is all wrong must not give an endless answer.
const MAX_PROBLEMS: usize = 100;

/// One reason why a document is refused.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// Where, as a JSON pointer (RFC 6901); empty for the root.
    pub pointer: String,
    /// What is wrong. Names types and attributes, never repeats the document's text.
    pub message: String,
}

impl fmt::Display for Problem {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.pointer.is_empty() {
            return formatter.write_str(&self.message);
        }
        write!(formatter, "{}: {}", self.pointer, self.message)
    }
}

/// Checks a document as strictly as the schema does: every type, position, mark, attribute and member.
///
/// # Errors
/// The problems, in the order in which they stand in the document; at most 100.
pub fn validate(value: &Value) -> Result<(), Vec<Problem>> {
    let mut checker = Checker { pointer: String::new(), problems: Vec::new() };
    match value.as_object() {
        Some(root) if value.get("type").and_then(Value::as_str) == Some(NodeKind::Doc.as_str()) => {
            if root.get("version").and_then(Value::as_f64) != Some(1.0) {
                checker.problem("the root's \"version\" must be 1");
            }
            checker.node(root, &NodeKind::Doc, 1);
        }
        _ => checker.problem("the root must be an object of type \"doc\""),
    }
    if checker.problems.is_empty() { Ok(()) } else { Err(checker.problems) }
}

struct Checker {
    pointer: String,
    problems: Vec<Problem>,
}

impl Checker {
    fn problem(&mut self, message: impl Into<String>) {
        if self.problems.len() < MAX_PROBLEMS {
            self.problems.push(Problem { pointer: self.pointer.clone(), message: message.into() });
        }
    }

    /// Runs a check with the pointer one step further.
    fn at(&mut self, step: &str, check: impl FnOnce(&mut Self)) {
        let length = self.pointer.len();
        self.pointer.push('/');
        self.pointer.push_str(&step.replace('~', "~0").replace('/', "~1"));
        check(self);
        self.pointer.truncate(length);
    }

    /// A node whose type was found right for its place; its members, attributes and children.
    fn node(&mut self, members: &Map<String, Value>, kind: &NodeKind, depth: usize) {
        if depth > MAX_DEPTH {
            self.problem(format!("nodes are nested deeper than {MAX_DEPTH} levels"));
            return;
        }
        let content = schema::content(kind);
        for name in members.keys() {
            let known = match name.as_str() {
                "type" => true,
                "version" => *kind == NodeKind::Doc,
                "attrs" => !schema::node_attrs(kind).alternatives.is_empty(),
                "content" => !content.groups.is_empty(),
                "marks" => schema::has_marks(kind),
                "text" => *kind == NodeKind::Text,
                _ => false,
            };
            if !known {
                self.at(name, |checker| checker.problem(format!("a {} has no such member", kind.as_str())));
            }
        }
        if *kind == NodeKind::Text {
            self.text(members.get("text"));
        }
        self.attrs(members.get("attrs"), &schema::node_attrs(kind), kind.as_str());
        self.content(members.get("content"), kind, &content, depth);
    }

    fn text(&mut self, text: Option<&Value>) {
        match text {
            Some(Value::String(text)) if !text.is_empty() => {}
            Some(Value::String(_)) => self.at("text", |checker| checker.problem("text must not be empty")),
            Some(_) => self.at("text", |checker| checker.problem("must be a string")),
            None => self.problem("a text must have \"text\""),
        }
    }

    fn content(&mut self, value: Option<&Value>, parent: &NodeKind, content: &Content, depth: usize) {
        if content.groups.is_empty() {
            return;
        }
        let children = match value {
            Some(Value::Array(children)) => children,
            Some(_) => return self.at("content", |checker| checker.problem("must be an array")),
            None if content.required => {
                return self.problem(format!("a {} must have \"content\"", parent.as_str()));
            }
            None => return,
        };
        self.at("content", |checker| {
            if children.len() < content.min {
                checker.problem(format!("a {} must have {} or more children", parent.as_str(), content.min));
            }
            if children.len() > content.max {
                checker.problem(format!(
                    "a {} must not have more than {} children",
                    parent.as_str(),
                    content.max
                ));
            }
            for (index, child) in children.iter().enumerate() {
                if checker.problems.len() >= MAX_PROBLEMS {
                    return;
                }
                checker.at(&index.to_string(), |checker| checker.child(child, index, parent, content, depth));
            }
        });
    }

    fn child(&mut self, value: &Value, index: usize, parent: &NodeKind, content: &Content, depth: usize) {
        let Some(members) = value.as_object() else {
            return self.problem("a node must be an object");
        };
        let Some(name) = members.get("type").and_then(Value::as_str) else {
            return self.problem("a node must have a \"type\"");
        };
        let kind = NodeKind::from(name);
        if let NodeKind::Unknown(_) = kind {
            return self.at("type", |checker| checker.problem("unknown type of node"));
        }
        // The schema lists the children of a mediaSingle in order: the media, then its caption.
        let out_of_order = *parent == NodeKind::MediaSingle && (kind == NodeKind::Caption) != (index == 1);
        if out_of_order || content.slots(&kind).next().is_none() {
            return self.problem(format!("a {name} must not stand here in a {}", parent.as_str()));
        }
        if let Some(marks) = members.get("marks") {
            self.at("marks", |checker| checker.marks(marks, &kind, parent, content));
        }
        self.node(members, &kind, depth + 1);
    }

    fn marks(&mut self, value: &Value, kind: &NodeKind, parent: &NodeKind, content: &Content) {
        let Some(marks) = value.as_array() else {
            return self.problem("must be an array");
        };
        let kinds: Vec<MarkKind> = marks
            .iter()
            .map(|mark| mark.get("type").and_then(Value::as_str).unwrap_or_default().into())
            .collect();
        let mut sets = content.slots(kind).flat_map(|slot| slot.marks);
        let together = sets.any(|set| kinds.iter().all(|mark| set.contains(mark)));
        let mut each_known = true;
        for (index, mark) in marks.iter().enumerate() {
            self.at(&index.to_string(), |checker| {
                let mark_kind = &kinds[index];
                if let MarkKind::Unknown(_) = mark_kind {
                    each_known = false;
                    checker.problem("unknown type of mark");
                } else if !content.slots(kind).flat_map(|slot| slot.marks).any(|set| set.contains(mark_kind))
                {
                    each_known = false;
                    let (mark, kind, parent) = (mark_kind.as_str(), kind.as_str(), parent.as_str());
                    checker.problem(format!("a {kind} in a {parent} must not have the mark {mark}"));
                } else {
                    checker.mark(mark, mark_kind);
                }
            });
        }
        if each_known && !together {
            let names: Vec<&str> = kinds.iter().map(MarkKind::as_str).collect();
            self.problem(format!("these marks must not stand together: {}", names.join(", ")));
        }
    }

    fn mark(&mut self, value: &Value, kind: &MarkKind) {
        let allowed = schema::mark_attrs(kind);
        for name in value.as_object().into_iter().flat_map(Map::keys) {
            if name != "type" && (name != "attrs" || allowed.alternatives.is_empty()) {
                self.at(name, |checker| checker.problem(format!("a {} has no such member", kind.as_str())));
            }
        }
        self.attrs(value.get("attrs"), &allowed, kind.as_str());
    }

    /// Reports what is wrong with the alternative that fits best: that is most likely the one meant.
    fn attrs(&mut self, value: Option<&Value>, allowed: &Attrs, owner: &str) {
        let best = match value {
            Some(Value::Object(attrs)) => {
                allowed.alternatives.iter().map(|set| attr_problems(attrs, set, owner)).min_by_key(Vec::len)
            }
            Some(_) => return self.at("attrs", |checker| checker.problem("must be an object")),
            None if allowed.required => return self.problem(format!("a {owner} must have \"attrs\"")),
            None => return,
        };
        self.at("attrs", |checker| {
            for (name, message) in best.unwrap_or_default() {
                match name {
                    Some(name) => checker.at(&name, |checker| checker.problem(message)),
                    None => checker.problem(message),
                }
            }
        });
    }
}

/// What is wrong with attributes: the attribute, where it is there, and a message.
fn attr_problems(attrs: &Map<String, Value>, set: &[Attr], owner: &str) -> Vec<(Option<String>, String)> {
    let mut problems = Vec::new();
    for attr in set {
        match attrs.get(attr.name) {
            Some(value) if !fits(value, attr.shape) => {
                problems.push((Some(attr.name.to_owned()), format!("must be {}", describe(attr.shape))));
            }
            None if attr.required => problems.push((None, format!("a {owner} must have \"{}\"", attr.name))),
            _ => {}
        }
    }
    for name in attrs.keys().filter(|name| set.iter().all(|attr| attr.name != name.as_str())) {
        problems.push((Some(name.clone()), format!("a {owner} has no such attribute")));
    }
    problems
}

fn fits(value: &Value, shape: Shape) -> bool {
    let number = value.as_f64();
    let text = value.as_str();
    match shape {
        Shape::Any => true,
        Shape::Text => text.is_some(),
        Shape::NonEmptyText => text.is_some_and(|text| !text.is_empty()),
        Shape::OneOf(names) => text.is_some_and(|text| names.contains(&text)),
        Shape::Bool => value.is_boolean(),
        Shape::Number => value.is_number(),
        Shape::AtLeast(least) => number.is_some_and(|number| number >= least),
        Shape::Within(least, most) => number.is_some_and(|number| (least..=most).contains(&number)),
        Shape::Numbers => value.as_array().is_some_and(|items| items.iter().all(Value::is_number)),
        Shape::Texts => {
            value.as_array().is_some_and(|items| !items.is_empty() && items.iter().all(Value::is_string))
        }
        Shape::Color => text.is_some_and(|text| is_hex_color(text, 6)),
        Shape::ColorWithAlpha => text.is_some_and(|text| is_hex_color(text, 6) || is_hex_color(text, 8)),
        Shape::StatusColor => text.is_some_and(is_status_color),
        Shape::Datasource => is_datasource(value),
    }
}

fn describe(shape: Shape) -> String {
    match shape {
        Shape::Any => "any value".to_owned(),
        Shape::Text => "a string".to_owned(),
        Shape::NonEmptyText => "a string that is not empty".to_owned(),
        Shape::OneOf(names) => format!("one of {names:?}"),
        Shape::Bool => "true or false".to_owned(),
        Shape::Number => "a number".to_owned(),
        Shape::AtLeast(least) => format!("a number of at least {least}"),
        Shape::Within(least, most) => format!("a number from {least} to {most}"),
        Shape::Numbers => "an array of numbers".to_owned(),
        Shape::Texts => "an array of one or more strings".to_owned(),
        Shape::Color => "a colour as #rrggbb".to_owned(),
        Shape::ColorWithAlpha => "a colour as #rrggbb or #rrggbbaa".to_owned(),
        Shape::StatusColor => "neutral, purple, blue, red, yellow, green, or a colour as #rrggbb".to_owned(),
        Shape::Datasource => "an object with \"id\", \"parameters\" and one or more \"views\"".to_owned(),
    }
}

/// Whether a text is `#` and this many hexadecimal digits.
pub(crate) fn is_hex_color(text: &str, digits: usize) -> bool {
    text.strip_prefix('#')
        .is_some_and(|hex| hex.len() == digits && hex.bytes().all(|b| b.is_ascii_hexdigit()))
}

/// Whether a text is a colour that a status may have.
pub(crate) fn is_status_color(text: &str) -> bool {
    matches!(text, "neutral" | "purple" | "blue" | "red" | "yellow" | "green") || is_hex_color(text, 6)
}

fn is_datasource(value: &Value) -> bool {
    let closed = |value: &Value, names: &[&str]| {
        value.as_object().is_some_and(|members| members.keys().all(|name| names.contains(&name.as_str())))
    };
    let is_view = |view: &Value| closed(view, &["properties", "type"]) && view["type"].is_string();
    closed(value, &["id", "parameters", "views"])
        && value["id"].is_string()
        && value.get("parameters").is_some()
        && value["views"].as_array().is_some_and(|views| !views.is_empty() && views.iter().all(is_view))
}

#[cfg(test)]
mod tests;
