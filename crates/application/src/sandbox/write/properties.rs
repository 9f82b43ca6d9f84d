//! Properties of issues.

use serde_json::{Value, json};

use super::{hint, writing::Writing};
use crate::{
    actions::Action,
    caller::Caller,
    error::{Error, Result},
    issues::IssueRow,
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
    if key.is_empty() || key.chars().count() > LONGEST_KEY {
        let message = format!("The property key must have between 1 and {LONGEST_KEY} characters.");
        return Err(Error::invalid("issue", message));
    }
    if value.to_string().len() > LARGEST_VALUE {
        let message = format!("The property value is longer than {LARGEST_VALUE} characters.");
        return Err(Error::invalid("issue", message));
    }
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
