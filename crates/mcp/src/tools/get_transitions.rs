//! `get_transitions`: where an issue can go now.

use application::{Caller, Result, Services, issues::list_transitions};
use rmcp::model::Tool;
use schemars::JsonSchema;
use serde::Deserialize;

use super::{define, given, reading};
use crate::answer::Answer;

const DESCRIPTION: &str = "\
List the workflow transitions open to an issue now: id, name, and the status each leads to. Asked of Jira itself, because they \
depend on the account and the moment. Use one with transition_issue.";

#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Arguments {
    /// Issue key such as PAY-42.
    key: String,
    /// The site's name. Needed only when several sites have the key.
    instance: Option<String>,
}

pub(super) fn definition(name: &'static str) -> Tool {
    define::<Arguments>(name, "List open transitions", DESCRIPTION, reading().open_world(true))
}

pub(super) async fn call(services: &Services, caller: &Caller, arguments: Arguments) -> Result<Answer> {
    let instance = given(arguments.instance.as_deref());
    let open = list_transitions(services, caller, instance, &arguments.key).await?;
    let mut answer = Answer::default();
    answer.set("key", arguments.key);
    answer.set(
        "transitions",
        open.iter().filter_map(|choice| serde_json::to_value(choice).ok()).collect::<Vec<_>>(),
    );
    Ok(answer)
}
