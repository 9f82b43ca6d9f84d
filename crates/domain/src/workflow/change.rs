//! What a transition does to an issue, and how the changelog tells it.

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::{StatusCategory, WorkflowStatus};

/// What a status change does to the resolution.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ResolutionEffect {
    /// Entering a done status: the resolution becomes the one asked for, or "Done".
    SetDone,
    /// Leaving a done status: the issue is unresolved again.
    Clear,
    /// Neither: the resolution stays as it is.
    Keep,
}

/// A resolution as the changelog names it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Resolution {
    /// Jira's id, a string of digits.
    pub id: String,
    /// The display name.
    pub name: String,
}

impl Resolution {
    /// The resolution "Done" of a new Jira Cloud site, with its id 10000 (jira-facts 6.4).
    #[must_use]
    pub fn done() -> Self {
        Self { id: "10000".to_owned(), name: "Done".to_owned() }
    }
}

/// The outcome of a transition.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StatusChange {
    /// The status that the issue leaves.
    pub from: WorkflowStatus,
    /// The status that the issue enters; the same as `from` for a global transition taken from its own
    /// target.
    pub to: WorkflowStatus,
    /// What happens to the resolution.
    pub resolution: ResolutionEffect,
}

impl StatusChange {
    /// The change between two statuses, with the effect that their categories imply.
    #[must_use]
    pub fn between(from: WorkflowStatus, to: WorkflowStatus) -> Self {
        let was_done = from.category == StatusCategory::Done;
        let is_done = to.category == StatusCategory::Done;
        let resolution = match (was_done, is_done) {
            (false, true) => ResolutionEffect::SetDone,
            (true, false) => ResolutionEffect::Clear,
            (true, true) | (false, false) => ResolutionEffect::Keep,
        };
        Self { from, to, resolution }
    }

    /// The resolution after the change. `requested` is the one that the client sent along
    /// (`fields.resolution` of the transition request); without it an issue that becomes done gets
    /// [`Resolution::done`]; on an issue that stays open it is ignored, so that a resolution always means
    /// done.
    #[must_use]
    pub fn resolution_after(
        &self,
        before: Option<Resolution>,
        requested: Option<Resolution>,
    ) -> Option<Resolution> {
        match self.resolution {
            ResolutionEffect::SetDone => Some(requested.unwrap_or_else(Resolution::done)),
            ResolutionEffect::Clear => None,
            ResolutionEffect::Keep if self.to.category == StatusCategory::Done => requested.or(before),
            ResolutionEffect::Keep => before,
        }
    }
}

/// The items of the history that a status change writes (jira-facts 6.4): `status` first, then `resolution`,
/// each only if it changed. So the list is empty when nothing changed, and then Jira writes no history.
#[must_use]
pub fn changelog_items(
    change: &StatusChange,
    resolution_before: Option<&Resolution>,
    resolution_after: Option<&Resolution>,
) -> Vec<Value> {
    let mut items = Vec::new();
    if change.from.id != change.to.id {
        items.push(item(
            "status",
            Some((&change.from.id, &change.from.name)),
            Some((&change.to.id, &change.to.name)),
        ));
    }
    if resolution_before.map(|resolution| &resolution.id) != resolution_after.map(|resolution| &resolution.id)
    {
        items.push(item("resolution", resolution_before.map(id_and_name), resolution_after.map(id_and_name)));
    }
    items
}

fn id_and_name(resolution: &Resolution) -> (&str, &str) {
    (&resolution.id, &resolution.name)
}

/// One changelog item of a system field, whose name is its id; an empty side is `null`.
fn item(field: &str, from: Option<(&str, &str)>, to: Option<(&str, &str)>) -> Value {
    json!({
        "field": field,
        "fieldtype": "jira",
        "fieldId": field,
        "from": from.map(|(id, _)| id),
        "fromString": from.map(|(_, name)| name),
        "to": to.map(|(id, _)| id),
        "toString": to.map(|(_, name)| name),
    })
}
