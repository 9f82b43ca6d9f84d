//! For whom a comment or a worklog is: a group or a role (jira-facts 1.5). A sandbox has one account, which is in all of them; so what
//! is kept here is what whoever reads it is told, and nothing is held back.

use serde_json::{Value, json};

use super::writing::Writing;
use crate::{
    error::{Error, Result},
    ingest::text_of,
    reference::Roster,
};

/// `visibility` as a client sends it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Visibility {
    /// Whether it names a group, and not a role.
    pub is_group: bool,
    /// The name.
    pub value: Option<String>,
    /// A group's id; for a role its name or its id.
    pub identifier: Option<String>,
}

impl Visibility {
    /// As served, of an issue in this project.
    ///
    /// # Errors
    /// [`Error::Invalid`] for a group or a role that does not exist.
    pub(super) async fn found(&self, write: &mut Writing<'_>, project: &Value) -> Result<Value> {
        let site = write.instance.id;
        let (kind, id, listed) = if self.is_group {
            ("group", "groupId", write.tx.roster(site, Roster::Groups).await?)
        } else {
            let project = text_of(&project["id"]).unwrap_or_default();
            ("role", "id", write.tx.project_roles(site, &project).await?)
        };
        let is_meant = |entry: &&Value| {
            let name = text_of(&entry["name"]);
            let is_identified = self.identifier.is_some()
                && (self.identifier == text_of(&entry[id]) || !self.is_group && self.identifier == name);
            is_identified || self.value.is_some() && self.value == name
        };
        let entry = listed.iter().find(is_meant).ok_or_else(|| {
            let asked = self.value.as_deref().or(self.identifier.as_deref()).unwrap_or_default();
            let what = if self.is_group { "Group" } else { "Role" };
            Error::invalid("commentLevel", format!("{what} '{asked}' does not exist."))
        })?;
        let identifier = if self.is_group { &entry[id] } else { &entry["name"] };
        Ok(json!({ "type": kind, "value": entry["name"], "identifier": identifier }))
    }
}

/// Writes into a comment or a worklog for whom it is: for everyone with `Some(None)`, and for those it was for with `None`.
pub(super) async fn write_into(
    target: &mut Value,
    visibility: Option<&Option<Visibility>>,
    write: &mut Writing<'_>,
    project: &Value,
) -> Result<()> {
    let Some(members) = target.as_object_mut() else { return Ok(()) };
    match visibility {
        None => {}
        Some(None) => drop(members.remove("visibility")),
        Some(Some(visibility)) => {
            members.insert("visibility".into(), visibility.found(write, project).await?);
        }
    }
    Ok(())
}
