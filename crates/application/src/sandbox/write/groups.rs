//! Groups of a sandbox: made, deleted, and people put in and taken out.

use domain::ids::InstanceId;
use serde_json::{Value, json};
use uuid::Uuid;

use super::{fields::account_of, writing::Writing};
use crate::{
    actions::Action,
    caller::Caller,
    error::{Error, Result},
    instances::Dialect,
    reference::{Group, GroupRecord},
    sandbox::account,
    services::Services,
};

const LONGEST_NAME: usize = 255;

/// Makes a group.
///
/// # Errors
/// [`Error::Invalid`] without a name, and for one that another group has, in any case.
pub async fn create_group(services: &Services, caller: &Caller, instance: &str, name: &str) -> Result<Group> {
    let mut write = Writing::begin(services, caller, Action::ManageGroups, instance).await?;
    let name = name.trim();
    if name.is_empty() || name.chars().count() > LONGEST_NAME {
        return Err(Error::invalid(
            "name",
            format!("A group name has between 1 and {LONGEST_NAME} characters."),
        ));
    }
    let site = write.instance.id;
    let known = write.tx.groups(site).await?;
    if known.iter().any(|group| group.name.to_lowercase() == name.to_lowercase()) {
        return Err(Error::invalid("issue", format!("A group with the name '{name}' already exists.")));
    }
    let group_id = match write.instance.dialect {
        Dialect::V3 => group_id(site, write.ids(1).await?),
        Dialect::V2 => name.to_lowercase(),
    };
    let record = GroupRecord { group_id: group_id.clone(), name: name.to_owned() };
    write.tx.add_group(site, &record).await?;
    write.finish(name, Value::Null, json!({ "name": name, "groupId": group_id })).await?;
    Ok(Group { group_id, name: name.to_owned(), members_known: true })
}

fn group_id(site: InstanceId, number: i64) -> String {
    Uuid::new_v5(&site.0, format!("group/{number}").as_bytes()).to_string()
}

/// Deletes a group, named by its id or its name.
///
/// # Errors
/// [`Error::NotFound`].
pub async fn delete_group(services: &Services, caller: &Caller, instance: &str, group: &str) -> Result<()> {
    let mut write = Writing::begin(services, caller, Action::ManageGroups, instance).await?;
    let group = named(&mut write, group).await?;
    let site = write.instance.id;
    write.tx.remove_group(site, &group.group_id).await?;
    let before = json!({ "name": group.name, "groupId": group.group_id });
    write.finish(&group.name, before, Value::Null).await
}

/// Puts somebody into a group or takes them out of it; answers the group.
///
/// # Errors
/// [`Error::NotFound`] without the group or the user; [`Error::Invalid`] for who is a member already, or is none.
pub async fn set_group_member(
    services: &Services,
    caller: &Caller,
    instance: &str,
    group: &str,
    (user, member): (&str, bool),
) -> Result<Group> {
    let mut write = Writing::begin(services, caller, Action::ManageGroups, instance).await?;
    let group = named(&mut write, group).await?;
    let site = write.instance.id;
    let own = account_of(&account(write.instance.dialect)).unwrap_or_default();
    if user != own && write.tx.user(site, user).await?.is_none() {
        return Err(Error::not_found("user", user));
    }
    if !write.tx.set_member(site, &group.group_id, user, member).await? {
        let message = match member {
            true => format!("Cannot add user. '{user}' is already a member of '{}'.", group.name),
            false => format!(
                "Cannot remove user '{user}' from group '{0}' since user is not a member of '{0}'.",
                group.name
            ),
        };
        return Err(Error::invalid("issue", message));
    }
    write.finish(&group.name, Value::Null, json!({ "user": user, "member": member })).await?;
    Ok(group)
}

/// The group of this id, or else of this name in any case.
async fn named(write: &mut Writing<'_>, wanted: &str) -> Result<Group> {
    let mut known = write.tx.groups(write.instance.id).await?;
    let place = known
        .iter()
        .position(|group| group.group_id == wanted)
        .or_else(|| known.iter().position(|group| group.name.to_lowercase() == wanted.to_lowercase()));
    place.map(|place| known.swap_remove(place)).ok_or_else(|| Error::not_found("group", wanted))
}
