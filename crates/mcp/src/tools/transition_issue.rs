//! `transition_issue`: moves an issue through its workflow.

use application::{Caller, Result, Services, issues};
use rmcp::model::{Tool, ToolAnnotations};
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::json;

use super::{define, given};
use crate::{
    answer::{Answer, is_empty},
    columns,
};

const DESCRIPTION: &str = "\
Move an issue through its workflow, in Jira, at once. Name the transition by id, by name, or by the status it leads to; one \
that is not open is refused with those that are. Answers the issue as it is then. If the outcome is `indeterminate`, read the \
issue again before another try.";

#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Arguments {
    /// Issue key such as PAY-42.
    key: String,
    /// Id, name, or target status: 31, "Start progress", "Done".
    transition: String,
    /// The site's name. Needed only when several sites have the key.
    instance: Option<String>,
    /// Resolution to set, such as "Won't Do", where the transition's screen has one.
    resolution: Option<String>,
}

pub(super) fn definition(name: &'static str) -> Tool {
    // What the status was before is overwritten, which the protocol calls destructive.
    let hints = ToolAnnotations::new().read_only(false).destructive(true).idempotent(false).open_world(true);
    define::<Arguments>(name, "Transition an issue", DESCRIPTION, hints)
}

pub(super) async fn call(services: &Services, caller: &Caller, arguments: Arguments) -> Result<Answer> {
    let instance = given(arguments.instance.as_deref());
    let fields = given(arguments.resolution.as_deref()).map(|name| json!({ "resolution": { "name": name } }));
    let transition = arguments.transition.trim();
    let issue =
        issues::transition_issue(services, caller, instance, &arguments.key, transition, fields.as_ref())
            .await?;
    let mut answer = Answer::default();
    for column in ["key", "instance", "status", "status_category", "resolution", "updated"] {
        let value = columns::value(&issue, column);
        if !is_empty(&value) {
            answer.set(column, value);
        }
    }
    Ok(answer)
}
