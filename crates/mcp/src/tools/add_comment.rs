//! `add_comment`: writes a comment.

use application::{
    Caller, Result, Services,
    issues::{self, CommentBody},
};
use rmcp::model::{Tool, ToolAnnotations};
use schemars::JsonSchema;
use serde::Deserialize;

use super::{define, given};
use crate::{answer::Answer, columns};

const DESCRIPTION: &str = "\
Add a comment to an issue, in Jira, at once. Write Markdown; it becomes Jira's own format. Calling twice adds two comments: if \
the outcome is `indeterminate`, read the issue before another try. On a service project the comment may be shown to the \
customer.";

#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Arguments {
    /// Issue key such as PAY-42.
    key: String,
    /// The comment as Markdown, up to 32767 characters.
    body: String,
    /// The site's name. Needed only when several sites have the key.
    instance: Option<String>,
}

pub(super) fn definition(name: &'static str) -> Tool {
    let hints = ToolAnnotations::new().read_only(false).destructive(false).idempotent(false).open_world(true);
    define::<Arguments>(name, "Add a comment", DESCRIPTION, hints)
}

pub(super) async fn call(services: &Services, caller: &Caller, arguments: Arguments) -> Result<Answer> {
    let instance = given(arguments.instance.as_deref());
    let body = CommentBody::Markdown(arguments.body);
    let comment = issues::add_comment(services, caller, instance, &arguments.key, &body).await?;
    let mut answer = Answer::default();
    answer.set("key", arguments.key);
    answer.set("comment_id", comment.jira_id);
    answer.set("created", columns::time(comment.created));
    Ok(answer)
}
