//! Conditions of transitions: who is offered them, and when.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

/// What has to hold for a transition to be offered, as Jira's conditions of the same kinds. Written `"assignee"`, or
/// `{"role": "Reviewers"}`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Condition {
    /// "User is in project role".
    Role(String),
    /// "Only assignee".
    Assignee,
    /// "Only reporter".
    Reporter,
    /// "Sub-task blocking": every sub-task is done.
    SubtasksDone,
}

/// Whoever wants to take a transition, with respect to the issue.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Taker {
    /// The roles they are in.
    pub roles: BTreeSet<String>,
    /// Whether the issue is theirs to do.
    pub is_assignee: bool,
    /// Whether they reported it.
    pub is_reporter: bool,
    /// Whether a sub-task of it is not done yet.
    pub has_open_subtasks: bool,
}

impl Condition {
    /// Whether it holds.
    #[must_use]
    pub fn holds(&self, taker: &Taker) -> bool {
        match self {
            Self::Role(role) => taker.roles.contains(role),
            Self::Assignee => taker.is_assignee,
            Self::Reporter => taker.is_reporter,
            Self::SubtasksDone => !taker.has_open_subtasks,
        }
    }
}
