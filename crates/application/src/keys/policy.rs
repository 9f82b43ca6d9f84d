//! What narrows a key down beyond its scopes.

use serde::{Deserialize, Serialize};

use crate::{
    actions::Action,
    error::{Error, FieldProblem, Result},
    tenant_context::ProjectLimit,
};

/// The MCP tools, by name. The door's own tests hold the two lists together.
pub const TOOLS: [&str; 6] =
    ["jql_search", "get_issue", "sql_query", "get_transitions", "transition_issue", "add_comment"];

/// The most requests a minute that a policy may allow; beyond, leave the rate out.
const HIGHEST_RATE: u32 = 1_000_000;

/// What narrows a key down. What is empty does not: every project, every action and tool that the scopes allow, no
/// rate of its own.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "PolicyText", into = "PolicyText")]
pub struct Policy {
    /// The projects whose issues it sees.
    pub projects: ProjectLimit,
    /// What it may change.
    pub actions: Vec<Action>,
    /// The MCP tools it may use.
    pub tools: Vec<&'static str>,
    /// Requests a minute, all doors together.
    pub rate: Option<u32>,
}

/// A policy as written, by people and in the database. A `*` in a list means all.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PolicyText {
    /// `KEY`, `INSTANCE/KEY`, `INSTANCE/*` or `*`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub projects: Vec<String>,
    /// See [`Action`].
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub actions: Vec<String>,
    /// See [`TOOLS`].
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub tools: Vec<String>,
    /// Requests a minute.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rate: Option<u32>,
}

impl TryFrom<PolicyText> for Policy {
    type Error = Error;

    /// # Errors
    /// [`Error::Invalid`] with every name that is not known.
    fn try_from(text: PolicyText) -> Result<Self> {
        let mut problems: Vec<FieldProblem> = Vec::new();
        let projects = ProjectLimit::parse(&text.projects);
        let actions = unless_all(&text.actions, str::parse);
        let tools = unless_all(&text.tools, tool);
        let rate = match text.rate {
            Some(rate) if rate == 0 || rate > HIGHEST_RATE => {
                Err(Error::invalid("rate", format!("must be 1 to {HIGHEST_RATE} requests a minute")))
            }
            rate => Ok(rate),
        };
        let policy = Self {
            projects: noting(&mut problems, projects),
            actions: sorted(noting(&mut problems, actions)),
            tools: sorted(noting(&mut problems, tools)),
            rate: noting(&mut problems, rate),
        };
        if problems.is_empty() { Ok(policy) } else { Err(Error::Invalid(problems)) }
    }
}

impl From<Policy> for PolicyText {
    fn from(policy: Policy) -> Self {
        Self {
            projects: policy.projects.names().to_vec(),
            actions: policy.actions.into_iter().map(String::from).collect(),
            tools: policy.tools.into_iter().map(str::to_owned).collect(),
            rate: policy.rate,
        }
    }
}

/// The names read; none where a `*` stands among them, which means all of them.
fn unless_all<T>(names: &[String], read: impl Fn(&str) -> Result<T>) -> Result<Vec<T>> {
    let read: Vec<T> =
        names.iter().filter(|name| *name != "*").map(|name| read(name)).collect::<Result<_>>()?;
    Ok(if names.iter().any(|name| name == "*") { Vec::new() } else { read })
}

/// What was found, or nothing and the problems noted.
fn noting<T: Default>(problems: &mut Vec<FieldProblem>, found: Result<T>) -> T {
    found.unwrap_or_else(|error| {
        match error {
            Error::Invalid(more) => problems.extend(more),
            other => problems.push(FieldProblem { field: "policy".into(), message: other.to_string() }),
        }
        T::default()
    })
}

fn tool(name: &str) -> Result<&'static str> {
    TOOLS.into_iter().find(|known| *known == name).ok_or_else(|| {
        Error::invalid("tools", format!("`{name}` is no tool; choose from {}", TOOLS.join(", ")))
    })
}

fn sorted<T: Ord>(mut names: Vec<T>) -> Vec<T> {
    names.sort_unstable();
    names.dedup();
    names
}

impl Policy {
    /// Whether it lets an action through.
    pub fn allows(&self, action: Action) -> bool {
        self.actions.is_empty() || self.actions.contains(&action)
    }

    /// Whether it lets an MCP tool through.
    pub fn allows_tool(&self, name: &str) -> bool {
        self.tools.is_empty() || self.tools.contains(&name)
    }

    /// What of this policy goes beyond `outer`, field by field: nobody makes a key that may more than they may.
    pub(super) fn beyond(&self, outer: &Self) -> Vec<FieldProblem> {
        let mut problems = Vec::new();
        let mut problem = |field: &str, own: String| {
            let message = format!("goes beyond your own key, which is held to {own}");
            problems.push(FieldProblem { field: field.into(), message });
        };
        if !outer.projects.covers(&self.projects) {
            problem("projects", outer.projects.names().join(", "));
        }
        if !is_within(&self.actions, &outer.actions) {
            problem(
                "actions",
                outer.actions.iter().map(|action| action.as_str()).collect::<Vec<_>>().join(", "),
            );
        }
        if !is_within(&self.tools, &outer.tools) {
            problem("tools", outer.tools.join(", "));
        }
        if let Some(most) = outer.rate
            && self.rate.is_none_or(|rate| rate > most)
        {
            problem("rate", format!("{most} requests a minute"));
        }
        problems
    }
}

/// Whether a list, of which an empty one means everything, holds no more than another.
fn is_within<T: PartialEq>(inner: &[T], outer: &[T]) -> bool {
    outer.is_empty() || (!inner.is_empty() && inner.iter().all(|name| outer.contains(name)))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn policy(value: serde_json::Value) -> Result<Policy, serde_json::Error> {
        serde_json::from_value(value)
    }

    #[test]
    fn a_policy_comes_back_as_it_was_written() {
        let written = json!({"projects": ["PAY", "main/OPS"], "actions": ["add_comment"], "tools": ["get_issue"], "rate": 60});
        assert_eq!(serde_json::to_value(policy(written.clone()).unwrap()).unwrap(), written);
        assert_eq!(policy(json!({})).unwrap(), Policy::default());
        let all = json!({"projects": ["*"], "actions": ["*", "add_comment"], "tools": ["*"]});
        assert_eq!(policy(all).unwrap(), Policy::default());
        assert_eq!(serde_json::to_value(Policy::default()).unwrap(), json!({}));
    }

    #[test]
    fn every_unknown_name_is_named_with_those_that_are_known() {
        let text = PolicyText {
            projects: vec!["no way".into()],
            actions: vec!["delete_everything".into()],
            tools: vec!["shell".into()],
            rate: Some(0),
        };
        let Err(Error::Invalid(problems)) = Policy::try_from(text) else { panic!("must be refused") };
        let fields: Vec<_> = problems.iter().map(|problem| problem.field.as_str()).collect();
        assert_eq!(fields, ["projects", "actions", "tools", "rate"]);
        assert!(problems[1].message.contains("transition_issue, add_comment"), "{problems:?}");
        assert!(problems[2].message.contains("jql_search"), "{problems:?}");
        assert!(policy(json!({"project": ["PAY"]})).is_err());
    }

    #[test]
    fn what_goes_beyond_is_named() {
        let outer = policy(
            json!({"projects": ["PAY"], "actions": ["add_comment"], "tools": ["get_issue"], "rate": 60}),
        );
        let outer = outer.unwrap();
        assert!(outer.beyond(&outer).is_empty());
        assert!(outer.beyond(&Policy::default()).is_empty());
        let fields = |value| -> Vec<String> {
            policy(value).unwrap().beyond(&outer).into_iter().map(|problem| problem.field).collect()
        };
        assert_eq!(fields(json!({})), ["projects", "actions", "tools", "rate"]);
        assert_eq!(
            fields(
                json!({"projects": ["PAY"], "actions": ["transition_issue"], "tools": ["get_issue"], "rate": 61})
            ),
            ["actions", "rate"]
        );
    }
}
