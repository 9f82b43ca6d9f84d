//! The core toolset: six tools, each in its own file, and what they share.

mod add_comment;
mod get_issue;
mod get_transitions;
mod jql_search;
mod sql_query;
mod transition_issue;

use std::sync::Arc;

use application::{Caller, Error, Result, Scope, Services, instances::Instance, lookups};
use rmcp::model::{JsonObject, Tool, ToolAnnotations};
use schemars::{JsonSchema, Schema, generate::SchemaSettings, transform::RecursiveTransform};
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::answer::Answer;

/// A tool of the core toolset.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum CoreTool {
    /// Finds issues.
    JqlSearch,
    /// Reads an issue.
    GetIssue,
    /// Asks the SQL door.
    SqlQuery,
    /// Says where an issue can go.
    GetTransitions,
    /// Moves an issue.
    TransitionIssue,
    /// Adds a comment.
    AddComment,
}

impl CoreTool {
    /// All tools, in the order in which they are listed.
    pub(crate) const ALL: [Self; 6] = [
        Self::JqlSearch,
        Self::GetIssue,
        Self::SqlQuery,
        Self::GetTransitions,
        Self::TransitionIssue,
        Self::AddComment,
    ];

    /// Its name.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::JqlSearch => "jql_search",
            Self::GetIssue => "get_issue",
            Self::SqlQuery => "sql_query",
            Self::GetTransitions => "get_transitions",
            Self::TransitionIssue => "transition_issue",
            Self::AddComment => "add_comment",
        }
    }

    /// The scope it needs.
    pub(crate) fn scope(self) -> Scope {
        match self {
            Self::JqlSearch | Self::GetIssue | Self::GetTransitions => Scope::Read,
            Self::SqlQuery => Scope::Sql,
            Self::TransitionIssue | Self::AddComment => Scope::Write,
        }
    }

    /// What clients and models are told of it.
    pub(crate) fn definition(self) -> Tool {
        match self {
            Self::JqlSearch => jql_search::definition(self.name()),
            Self::GetIssue => get_issue::definition(self.name()),
            Self::SqlQuery => sql_query::definition(self.name()),
            Self::GetTransitions => get_transitions::definition(self.name()),
            Self::TransitionIssue => transition_issue::definition(self.name()),
            Self::AddComment => add_comment::definition(self.name()),
        }
    }

    /// Does what it is for. The caller's scope is checked before.
    pub(crate) async fn call(
        self,
        services: &Services,
        caller: &Caller,
        arguments: JsonObject,
    ) -> Result<Answer> {
        match self {
            Self::JqlSearch => jql_search::call(services, caller, parse(arguments)?).await,
            Self::GetIssue => get_issue::call(services, caller, parse(arguments)?).await,
            Self::SqlQuery => sql_query::call(services, caller, parse(arguments)?).await,
            Self::GetTransitions => get_transitions::call(services, caller, parse(arguments)?).await,
            Self::TransitionIssue => transition_issue::call(services, caller, parse(arguments)?).await,
            Self::AddComment => add_comment::call(services, caller, parse(arguments)?).await,
        }
    }
}

/// The tool of that name.
pub(crate) fn named(name: &str) -> Option<CoreTool> {
    CoreTool::ALL.into_iter().find(|tool| tool.name() == name)
}

/// The definitions of what a caller may use.
pub(crate) fn open_to(caller: &Caller) -> Vec<Tool> {
    CoreTool::ALL.into_iter().filter(|tool| caller.has(tool.scope())).map(CoreTool::definition).collect()
}

/// A definition, its input described by the fields of `A`.
fn define<A: JsonSchema>(
    name: &'static str,
    title: &str,
    description: &'static str,
    hints: ToolAnnotations,
) -> Tool {
    let mut annotations = hints;
    annotations.title = Some(title.to_owned());
    Tool::new(name, description, input_schema::<A>()).with_title(title).with_annotations(annotations)
}

/// The hints of a tool that changes nothing.
fn reading() -> ToolAnnotations {
    ToolAnnotations::new().read_only(true).destructive(false).idempotent(true)
}

/// The schema in the few words that every client and model reads: no references, no nulls, no numeric formats.
fn input_schema<A: JsonSchema>() -> Arc<JsonObject> {
    let settings = SchemaSettings::draft2020_12()
        .with(|settings| {
            settings.meta_schema = None;
            settings.inline_subschemas = true;
        })
        .with_transform(RecursiveTransform(in_few_words));
    let mut schema = settings.into_generator().into_root_schema_for::<A>();
    schema.remove("title");
    Arc::new(schema.as_object().cloned().unwrap_or_default())
}

fn in_few_words(schema: &mut Schema) {
    schema.remove("format");
    let kind = schema.get("type").and_then(Value::as_array).and_then(|kinds| kinds.first()).cloned();
    if let Some(kind) = kind {
        schema.insert("type".into(), kind);
    }
}

/// Reads a tool's arguments.
///
/// # Errors
/// [`Error::Invalid`] with the argument that is wrong.
fn parse<A: DeserializeOwned>(arguments: JsonObject) -> Result<A> {
    let read = |arguments: &JsonObject| A::deserialize(Value::Object(arguments.clone()));
    let Err(error) = read(&arguments) else { return read(&arguments).map_err(Error::internal) };
    let message = error.to_string();
    let quoted = |lead: &str| Some(message.strip_prefix(lead)?.split_once('`')?.0.to_owned());
    if let Some(field) = quoted("missing field `") {
        return Err(Error::invalid(field, "is needed"));
    }
    if let Some(field) = quoted("unknown field `") {
        let known = message.split_once("expected ").map_or("", |(_, known)| known);
        return Err(Error::invalid(field, format!("is not known here; expected {known}")));
    }
    // The wrong one is the one without which the message is another.
    let culprit = arguments.keys().find(|name| {
        let rest = arguments.iter().filter(|(other, _)| other != name);
        let rest: JsonObject = rest.map(|(name, value)| (name.clone(), value.clone())).collect();
        read(&rest).err().is_none_or(|other| other.to_string() != message)
    });
    Err(Error::invalid(culprit.map_or("arguments", String::as_str), message))
}

/// An optional text; models write an empty one for none.
fn given(text: Option<&str>) -> Option<&str> {
    text.map(str::trim).filter(|text| !text.is_empty())
}

/// The number, or its usual value.
///
/// # Errors
/// [`Error::Invalid`] unless it is 1 to `most`.
fn count(field: &str, asked: Option<u32>, usual: u32, most: u32) -> Result<u32> {
    let count = asked.unwrap_or(usual);
    if !(1..=most).contains(&count) {
        return Err(Error::invalid(field, format!("must be 1 to {most}")));
    }
    Ok(count)
}

/// The instance, where one is named.
async fn instance_named(
    services: &Services,
    caller: &Caller,
    name: Option<&str>,
) -> Result<Option<Arc<Instance>>> {
    match given(name) {
        Some(name) => Ok(Some(lookups::instance(services, caller, name).await?)),
        None => Ok(None),
    }
}

#[cfg(test)]
mod tests;
