//! Statuses, transitions and what happens to an issue that takes one: the engine behind a sandbox Jira.
//!
//! A [`Workflow`] is checked when it is made, so that using it cannot fail for reasons of its own: ids are
//! unique, and every transition ends in a status it knows.

use std::collections::HashSet;

use serde::{Deserialize, Serialize};

mod category;
mod change;
mod condition;
pub mod service;
#[cfg(test)]
mod tests;

pub use category::{StatusCategory, UnknownStatusCategory};
pub use change::{Resolution, ResolutionEffect, StatusChange, changelog_items};
pub use condition::{Condition, Taker};

/// A status of a workflow.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct WorkflowStatus {
    /// Jira's id, a string of digits.
    pub id: String,
    /// The display name. Two statuses may share one (team-managed projects have copies).
    pub name: String,
    /// What metrics and the resolution go by.
    pub category: StatusCategory,
}

/// A step from some statuses to one status.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Transition {
    /// The id that clients send, unique within the workflow: a string of digits, since several clients turn
    /// it into a number (jira-facts 11.2).
    pub id: String,
    /// The name of the button.
    pub name: String,
    /// Ids of the statuses it leaves from; empty for a global transition.
    #[serde(default)]
    pub from: Vec<String>,
    /// Id of the status it leads to.
    pub to: String,
    /// What has to hold for it to be offered; all of them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub conditions: Vec<Condition>,
    /// Ids of the fields on its screen: what can be set on the way.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub screen: Vec<String>,
    /// Ids of the fields that must have a value then; they are on the screen too.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub required: Vec<String>,
}

impl Transition {
    /// Whether it applies to issues regardless of their status (`isGlobal` of jira-facts 6.5).
    #[must_use]
    pub fn is_global(&self) -> bool {
        self.from.is_empty()
    }

    /// Whether it asks for fields (`hasScreen` of jira-facts 6.5).
    #[must_use]
    pub fn has_screen(&self) -> bool {
        !(self.screen.is_empty() && self.required.is_empty())
    }

    /// The fields on its screen, by id: first those that it requires.
    pub fn fields(&self) -> impl Iterator<Item = &str> {
        let optional = self.screen.iter().filter(|id| !self.required.contains(id));
        self.required.iter().chain(optional).map(String::as_str)
    }

    /// Whether all its conditions hold for whoever wants to take it.
    #[must_use]
    pub fn is_open_to(&self, taker: &Taker) -> bool {
        self.conditions.iter().all(|condition| condition.holds(taker))
    }

    /// Whether an issue in that status may take it. A global transition may be taken from its own target too,
    /// as Jira defines it "regardless of their status" (OpenAPI `IssueTransition.isGlobal`); nothing changes
    /// then.
    #[must_use]
    pub fn leaves(&self, status_id: &str) -> bool {
        self.is_global() || self.from.iter().any(|from| from == status_id)
    }
}

/// Why a workflow is not sound, or why an issue cannot take a transition.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum WorkflowError {
    /// A workflow needs at least one status.
    #[error("the workflow has no status")]
    NoStatus,
    /// Two statuses carry the same id.
    #[error("status {0} is defined twice")]
    DuplicateStatus(String),
    /// Two transitions carry the same id.
    #[error("transition {0} is defined twice")]
    DuplicateTransition(String),
    /// The status is not part of the workflow.
    #[error("status {0} is not in the workflow")]
    UnknownStatus(String),
    /// The transition is not part of the workflow.
    #[error("transition {0} is not in the workflow")]
    UnknownTransition(String),
    /// The transition exists but does not leave from the status.
    #[error("transition {transition} cannot be taken from status {status}")]
    NotAvailable {
        /// Id of the transition asked for.
        transition: String,
        /// Id of the status.
        status: String,
    },
}

/// The statuses of an issue and the ways between them. Serializes as `{statuses, transitions, initial}` and
/// is checked again when it is read.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "Unchecked")]
pub struct Workflow {
    statuses: Vec<WorkflowStatus>,
    transitions: Vec<Transition>,
    initial: String,
}

/// A workflow as written down, before its references are known to be sound.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Unchecked {
    statuses: Vec<WorkflowStatus>,
    transitions: Vec<Transition>,
    initial: String,
}

impl TryFrom<Unchecked> for Workflow {
    type Error = WorkflowError;

    fn try_from(workflow: Unchecked) -> Result<Self, WorkflowError> {
        Self::new(workflow.statuses, workflow.transitions, workflow.initial)
    }
}

impl Workflow {
    /// A workflow of these statuses and transitions, whose new issues start in `initial`.
    ///
    /// # Errors
    /// When there is no status, an id is used twice, or a transition or `initial` names an unknown status.
    pub fn new(
        statuses: Vec<WorkflowStatus>,
        transitions: Vec<Transition>,
        initial: String,
    ) -> Result<Self, WorkflowError> {
        if statuses.is_empty() {
            return Err(WorkflowError::NoStatus);
        }
        let mut status_ids = HashSet::new();
        for status in &statuses {
            if !status_ids.insert(status.id.as_str()) {
                return Err(WorkflowError::DuplicateStatus(status.id.clone()));
            }
        }
        let mut transition_ids = HashSet::new();
        for transition in &transitions {
            if !transition_ids.insert(transition.id.as_str()) {
                return Err(WorkflowError::DuplicateTransition(transition.id.clone()));
            }
        }
        let referenced = transitions.iter().flat_map(|t| t.from.iter().chain([&t.to])).chain([&initial]);
        for id in referenced {
            if !status_ids.contains(id.as_str()) {
                return Err(WorkflowError::UnknownStatus(id.clone()));
            }
        }
        Ok(Self { statuses, transitions, initial })
    }

    /// The workflow of a new sandbox project: To Do, In Progress, In Review, Done.
    ///
    /// Modelled on Jira's company-managed software workflow: "In Progress" and "Done" can be reached from
    /// everywhere, with the transition ids (11, 21, 31) of a fresh Jira project; review follows work, and a
    /// done issue goes back to "To Do" through "Reopen".
    #[must_use]
    pub fn standard() -> Self {
        let status =
            |id: &str, name: &str, category| WorkflowStatus { id: id.into(), name: name.into(), category };
        let transition = |id: &str, name: &str, from: &[&str], to: &str| Transition {
            id: id.into(),
            name: name.into(),
            from: from.iter().map(|&id| id.into()).collect(),
            to: to.into(),
            ..Transition::default()
        };
        let (to_do, in_progress, in_review, done) = ("10000", "10001", "10002", "10003");
        Self {
            statuses: vec![
                status(to_do, "To Do", StatusCategory::New),
                status(in_progress, "In Progress", StatusCategory::Indeterminate),
                status(in_review, "In Review", StatusCategory::Indeterminate),
                status(done, "Done", StatusCategory::Done),
            ],
            transitions: vec![
                transition("11", "To Do", &[in_progress, in_review], to_do),
                transition("21", "In Progress", &[], in_progress),
                transition("31", "Done", &[], done),
                transition("41", "In Review", &[in_progress], in_review),
                transition("51", "Reopen", &[done], to_do),
            ],
            initial: to_do.into(),
        }
    }

    /// A workflow for an imported site whose own is unknown: one global transition to each of the given `(id,
    /// name, category)`, named like the status. New issues start in the first status of category `new`, or in
    /// the first status if there is none.
    ///
    /// # Errors
    /// When there is no status or an id is used twice.
    pub fn from_statuses<S: AsRef<str>>(statuses: &[(S, S, StatusCategory)]) -> Result<Self, WorkflowError> {
        let statuses: Vec<_> = statuses
            .iter()
            .map(|(id, name, category)| WorkflowStatus {
                id: id.as_ref().to_owned(),
                name: name.as_ref().to_owned(),
                category: *category,
            })
            .collect();
        let transitions = statuses
            .iter()
            .enumerate()
            // Jira numbers transitions 11, 21, 31 ...
            .map(|(index, status)| Transition {
                id: (index * 10 + 11).to_string(),
                name: status.name.clone(),
                to: status.id.clone(),
                ..Transition::default()
            })
            .collect();
        let initial = statuses
            .iter()
            .find(|status| status.category == StatusCategory::New)
            .or(statuses.first())
            .map(|status| status.id.clone())
            .ok_or(WorkflowError::NoStatus)?;
        Self::new(statuses, transitions, initial)
    }

    /// All statuses, in the order of the workflow.
    #[must_use]
    pub fn statuses(&self) -> &[WorkflowStatus] {
        &self.statuses
    }

    /// All transitions, in the order of the workflow.
    #[must_use]
    pub fn transitions(&self) -> &[Transition] {
        &self.transitions
    }

    /// Id of the status in which a new issue starts.
    #[must_use]
    pub fn initial(&self) -> &str {
        &self.initial
    }

    /// The status with that id.
    #[must_use]
    pub fn status(&self, id: &str) -> Option<&WorkflowStatus> {
        self.statuses.iter().find(|status| status.id == id)
    }

    /// The transitions that an issue in that status may take, in the order of the workflow. A status that the
    /// workflow does not know (an issue moved from elsewhere) may take none.
    #[must_use]
    pub fn available(&self, current_status_id: &str) -> Vec<&Transition> {
        if self.status(current_status_id).is_none() {
            return Vec::new();
        }
        self.transitions.iter().filter(|transition| transition.leaves(current_status_id)).collect()
    }

    /// The transition with that id.
    #[must_use]
    pub fn transition(&self, id: &str) -> Option<&Transition> {
        self.transitions.iter().find(|transition| transition.id == id)
    }

    /// Takes a transition. Entering a done status sets the resolution, leaving it clears the resolution, as
    /// the post-functions of Jira's default workflows do; between two done statuses it is kept.
    ///
    /// # Errors
    /// When the status or the transition is not in the workflow, or the transition does not leave from the
    /// status.
    pub fn apply(&self, current_status_id: &str, transition_id: &str) -> Result<StatusChange, WorkflowError> {
        let unknown_status = |id: &str| WorkflowError::UnknownStatus(id.to_owned());
        let from = self.status(current_status_id).ok_or_else(|| unknown_status(current_status_id))?;
        let transition = self
            .transition(transition_id)
            .ok_or_else(|| WorkflowError::UnknownTransition(transition_id.to_owned()))?;
        if !transition.leaves(&from.id) {
            return Err(WorkflowError::NotAvailable {
                transition: transition.id.clone(),
                status: from.id.clone(),
            });
        }
        let to = self.status(&transition.to).ok_or_else(|| unknown_status(&transition.to))?;
        Ok(StatusChange::between(from.clone(), to.clone()))
    }
}
