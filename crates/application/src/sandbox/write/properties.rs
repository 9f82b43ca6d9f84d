//! Properties of issues, and of their comments and worklogs.

use std::collections::BTreeMap;

use domain::ids::{EntityKind, IssueId};
use serde_json::{Value, json};
use uuid::Uuid;

use super::{
    hint,
    writing::{Writing, require_written_here},
};
use crate::{
    actions::Action,
    caller::{Caller, Scope},
    error::{Error, Result},
    issues::IssueRow,
    lookups,
    services::Services,
};

/// The longest key, and the most bytes of a value, as at Jira.
const LONGEST_KEY: usize = 255;
const LARGEST_VALUE: usize = 32_768;

/// Sets a property of an issue; `true` where it is new.
///
/// # Errors
/// [`Error::NotFound`] without the issue; [`Error::Invalid`] for a key or a value that is too long.
pub async fn set_issue_property(
    services: &Services,
    caller: &Caller,
    instance: &str,
    issue: &str,
    (key, value): (&str, &Value),
) -> Result<bool> {
    let mut write = Writing::begin(services, caller, Action::SetIssueProperty, instance).await?;
    let row = write.issue(issue).await?;
    let (before, is_new) = set(&mut write, &row, (key, value)).await?;
    let side = |value: Option<&Value>| json!({ "property": key, "value": value });
    write.finish(&row.key, side(before.as_ref()), side(Some(value))).await?;
    Ok(is_new)
}

/// Sets a property as part of a write; answers the value it had, and whether it is new.
pub(super) async fn set(
    write: &mut Writing<'_>,
    row: &IssueRow,
    (key, value): (&str, &Value),
) -> Result<(Option<Value>, bool)> {
    check("issue", key, value)?;
    let before = write.tx.property(row.id, key).await?;
    let is_new = write.tx.set_property(row.id, key, value).await?;
    let event = json!({
        "property": { "key": key, "value": value }, "issue": hint(&write.instance, &row.raw),
    });
    write.announce("issue_property_set", event).await?;
    Ok((before, is_new))
}

/// Takes a property of an issue away.
///
/// # Errors
/// [`Error::NotFound`] without the issue or the property.
pub async fn remove_issue_property(
    services: &Services,
    caller: &Caller,
    instance: &str,
    issue: &str,
    key: &str,
) -> Result<()> {
    let mut write = Writing::begin(services, caller, Action::RemoveIssueProperty, instance).await?;
    let row = write.issue(issue).await?;
    let missing = || Error::not_found("issue property", key);
    let before = write.tx.property(row.id, key).await?.ok_or_else(missing)?;
    write.tx.remove_property(row.id, key).await?;
    let event = json!({ "property": { "key": key }, "issue": hint(&write.instance, &row.raw) });
    write.announce("issue_property_deleted", event).await?;
    write.finish(&row.key, json!({ "property": key, "value": before }), Value::Null).await
}

fn check(field: &'static str, key: &str, value: &Value) -> Result<()> {
    if key.is_empty() || key.chars().count() > LONGEST_KEY {
        let message = format!("The property key must have between 1 and {LONGEST_KEY} characters.");
        return Err(Error::invalid(field, message));
    }
    if value.to_string().len() > LARGEST_VALUE {
        let message = format!("The property value is longer than {LARGEST_VALUE} characters.");
        return Err(Error::invalid(field, message));
    }
    Ok(())
}

/// What hangs on an issue and has properties of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PropertyOwner<'a> {
    /// A comment, by its id.
    Comment(&'a str),
    /// A worklog, by its issue and its id.
    Worklog(&'a str, &'a str),
}

impl PropertyOwner<'_> {
    fn action(self) -> Action {
        match self {
            Self::Comment(_) => Action::EditComment,
            Self::Worklog(..) => Action::EditWorklog,
        }
    }

    fn name(self) -> &'static str {
        match self {
            Self::Comment(_) => "comment",
            Self::Worklog(..) => "worklog",
        }
    }

    fn missing(self) -> Error {
        let (Self::Comment(id) | Self::Worklog(_, id)) = self;
        Error::not_found(self.name(), id)
    }

    /// Its issue and its row, if the caller may see it.
    async fn find(self, services: &Services, caller: &Caller, instance: &str) -> Result<(IssueId, Uuid)> {
        let instance = lookups::instance(services, caller, instance).await?;
        require_written_here(&instance, self.action())?;
        let derive = |kind, id: &str| instance.id.derive(kind, id);
        match self {
            Self::Comment(id) => {
                let mut tx = services.db.tenant(&caller.context()).await?;
                let found = tx.comments_by_id(instance.id, &[id.to_owned()]).await?;
                let found = found.first().ok_or_else(|| self.missing())?;
                Ok((found.issue_id, derive(EntityKind::Comment, id)))
            }
            Self::Worklog(issue, id) => {
                let row = lookups::issue(services, caller, Some(instance.id), issue).await?;
                let worklogs = services.db.tenant(&caller.context()).await?.worklogs(&[row.id]).await?;
                if worklogs.iter().all(|worklog| worklog.raw["id"] != id) {
                    return Err(self.missing());
                }
                Ok((row.id, derive(EntityKind::Worklog, id)))
            }
        }
    }
}

/// The properties of a comment or a worklog, by key.
///
/// # Errors
/// [`Error::NotFound`] without it; [`Error::Unsupported`] for a mirror, which copies none.
pub async fn child_properties(
    services: &Services,
    caller: &Caller,
    instance: &str,
    owner: PropertyOwner<'_>,
) -> Result<BTreeMap<String, Value>> {
    caller.require(Scope::Read)?;
    let (_, child) = owner.find(services, caller, instance).await?;
    services.db.tenant(&caller.context()).await?.child_properties(child).await
}

/// Sets a property of a comment or a worklog, or takes it away with `None`; `true` where it is new.
///
/// # Errors
/// [`Error::NotFound`] without the comment or the worklog, or the property that is to go; [`Error::Invalid`] for a key or a value that is
/// too long.
pub async fn set_child_property(
    services: &Services,
    caller: &Caller,
    instance: &str,
    owner: PropertyOwner<'_>,
    (key, value): (&str, Option<&Value>),
) -> Result<bool> {
    caller.permit(owner.action())?;
    let (issue, child) = owner.find(services, caller, instance).await?;
    let mut write = Writing::begin(services, caller, owner.action(), instance).await?;
    write.tx.lock_issue(issue).await?;
    let before = write.tx.child_properties(child).await?.remove(key);
    match value {
        Some(value) => {
            check(owner.name(), key, value)?;
            write.tx.set_child_property(issue, child, key, value).await?;
        }
        None if before.is_none() => return Err(Error::not_found("property", key)),
        None => write.tx.remove_child_properties(child, Some(key)).await?,
    }
    let side = |value: Option<&Value>| json!({ "property": key, "value": value });
    let (PropertyOwner::Comment(id) | PropertyOwner::Worklog(_, id)) = owner;
    write.finish(&format!("{} {id}", owner.name()), side(before.as_ref()), side(value)).await?;
    Ok(before.is_none())
}
