//! Components of projects, with their leads: whoever gets their issues by default (jira-facts 11.2, OpenAPI `ProjectComponent`).

use serde_json::{Map, Value, json};

use super::{
    address,
    fields::{account_of, elements},
    parts::{NamedProject, Part, leave, project_of, shown_in_issues, shown_in_project},
    people,
    writing::Writing,
};
use crate::{
    actions::Action,
    caller::Caller,
    error::{Error, Result},
    ingest::{component_record, text_of},
    instances::{Dialect, Instance},
    ports::TenantTx,
    reference::ReferenceRecords,
    services::Services,
};

const BY_DEFAULT: &str = "PROJECT_DEFAULT";
const KINDS: [&str; 4] = [BY_DEFAULT, "COMPONENT_LEAD", "PROJECT_LEAD", "UNASSIGNED"];

/// Makes a component of the project that `project` names; answers it as served.
///
/// # Errors
/// [`Error::NotFound`] without the project; [`Error::Invalid`] for a name that is missing or taken, for a lead who does not exist and
/// an `assigneeType` that there is not.
pub async fn create_component(
    services: &Services,
    caller: &Caller,
    instance: &str,
    wanted: &Map<String, Value>,
) -> Result<Value> {
    let mut write = Writing::begin(services, caller, Action::CreateComponent, instance).await?;
    let project = project_of(&mut write, wanted).await?;
    let site = write.instance.clone();
    let id = write.ids(1).await?.to_string();
    let blank = json!({
        "self": address(&site, site.dialect, &format!("component/{id}")),
        "id": id, "name": "", "assigneeType": BY_DEFAULT, "project": project.key, "projectId": project.number,
    });
    let made = changed(&mut write, &project, blank, wanted).await?;
    store(&mut write, &made).await?;
    shown_in_project(&mut write, &project.key).await?;
    write.finish(&id, Value::Null, made.clone()).await?;
    Ok(made)
}

/// Changes a component; answers it as served. What is not named stays as it is.
///
/// # Errors
/// [`Error::NotFound`] without the component; otherwise as [`create_component`].
pub async fn edit_component(
    services: &Services,
    caller: &Caller,
    instance: &str,
    id: &str,
    wanted: &Map<String, Value>,
) -> Result<Value> {
    let mut write = Writing::begin(services, caller, Action::EditComponent, instance).await?;
    let (before, project) = existing(&mut write, id).await?;
    let after = changed(&mut write, &project, before.clone(), wanted).await?;
    if after == before {
        return Ok(after);
    }
    store(&mut write, &after).await?;
    shown_in_project(&mut write, &project.key).await?;
    shown_in_issues(&mut write, Part::Component, &after).await?;
    write.finish(id, before, after.clone()).await?;
    Ok(after)
}

/// Takes a component away; its issues get another one in its place, or lose it.
///
/// # Errors
/// [`Error::NotFound`] without the component, and without the other one.
pub async fn delete_component(
    services: &Services,
    caller: &Caller,
    instance: &str,
    id: &str,
    move_to: Option<&str>,
) -> Result<()> {
    let mut write = Writing::begin(services, caller, Action::DeleteComponent, instance).await?;
    let (before, project) = existing(&mut write, id).await?;
    let other = match move_to {
        None => None,
        Some(other) => {
            let (found, of) = existing(&mut write, other).await?;
            if of.id != project.id || other == id {
                return Err(Error::not_found("component", other));
            }
            Some(found)
        }
    };
    leave(&mut write, Part::Component, id, &[("components", other)]).await?;
    let site = write.instance.id;
    write.tx.remove_component(site, id).await?;
    shown_in_project(&mut write, &project.key).await?;
    write.finish(id, before, Value::Null).await
}

/// Who gets an issue that is assigned automatically: by its first component, by name, that says so, and else as its project has
/// it. Null is nobody.
pub(super) async fn automatic_assignee(
    tx: &mut dyn TenantTx,
    instance: &Instance,
    dialect: Dialect,
    fields: &Value,
) -> Result<Value> {
    let key = fields["project"]["key"].as_str().unwrap_or_default();
    let project = tx.project(instance.id, key).await?.unwrap_or_default();
    let listed = match elements(&fields["components"]) {
        [] => Vec::new(),
        _ => tx.components_of(instance.id, key).await?,
    };
    let own = listed.iter().filter(|component| {
        elements(&fields["components"]).iter().any(|shown| text_of(&shown["id"]) == text_of(&component["id"]))
    });
    let decided = own.map(|component| (component, component["assigneeType"].as_str().unwrap_or(BY_DEFAULT)));
    let mut decided = decided.filter(|(component, kind)| match *kind {
        BY_DEFAULT => false,
        "COMPONENT_LEAD" => component["lead"].is_object(),
        _ => true,
    });
    let lead = match decided.next() {
        Some((component, "COMPONENT_LEAD")) => account_of(&component["lead"]),
        Some((_, "UNASSIGNED")) => None,
        Some(_) => account_of(&project["lead"]),
        None if project["assigneeType"] == "PROJECT_LEAD" => account_of(&project["lead"]),
        None => None,
    };
    match lead {
        Some(lead) => Ok(people::named(tx, instance, dialect, &lead).await?.unwrap_or_default()),
        None => Ok(Value::Null),
    }
}

/// The component as served, and its project.
async fn existing(write: &mut Writing<'_>, id: &str) -> Result<(Value, NamedProject)> {
    let missing = || Error::not_found("component", id);
    let site = write.instance.id;
    let component = write.tx.component(site, id).await?.ok_or_else(missing)?;
    let project = project_of(write, component.as_object().ok_or_else(missing)?).await;
    Ok((component, project.map_err(|_| missing())?))
}

async fn store(write: &mut Writing<'_>, component: &Value) -> Result<()> {
    let record = component_record(component).ok_or_else(|| Error::internal("a component without an id"))?;
    let records = ReferenceRecords { components: vec![record], ..ReferenceRecords::default() };
    let site = write.instance.id;
    write.tx.upsert_reference(site, &records, true).await
}

/// The component with what is wanted, and with what Jira makes of it.
async fn changed(
    write: &mut Writing<'_>,
    project: &NamedProject,
    mut component: Value,
    wanted: &Map<String, Value>,
) -> Result<Value> {
    if let Some(text) = wanted.get("name").or((component["name"] == "").then_some(&Value::Null)) {
        component["name"] = json!(free_name(write, project, &component, text).await?);
    }
    match wanted.get("description") {
        Some(Value::String(text)) => component["description"] = json!(text),
        Some(Value::Null) | None => {}
        Some(_) => return Err(Error::invalid("description", "Operation value must be a string")),
    }
    if let Some(kind) = wanted.get("assigneeType").filter(|kind| !kind.is_null()) {
        let known = kind.as_str().filter(|kind| KINDS.contains(kind));
        component["assigneeType"] = json!(known.ok_or_else(|| {
            Error::invalid("assigneeType", format!("must be one of {}", KINDS.join(", ")))
        })?);
    }
    if let Some(lead) = lead(wanted) {
        set_lead(write, &mut component, &lead).await?;
    }
    real(&mut component, &project.raw);
    Ok(component)
}

/// Whom the body names as lead: an empty name for nobody; `None` where it does not say.
fn lead(wanted: &Map<String, Value>) -> Option<String> {
    ["leadAccountId", "leadUserName", "lead"].into_iter().find_map(|member| match wanted.get(member)? {
        Value::Null => Some(String::new()),
        Value::String(name) => Some(name.clone()),
        user => account_of(user).or_else(|| text_of(&user["name"])),
    })
}

async fn set_lead(write: &mut Writing<'_>, component: &mut Value, lead: &str) -> Result<()> {
    if lead.is_empty() {
        if let Some(members) = component.as_object_mut() {
            members.remove("lead");
        }
        return Ok(());
    }
    let site = write.instance.clone();
    let found = people::named(write.tx.as_mut(), &site, site.dialect, lead).await?;
    let member = if site.dialect == Dialect::V3 { "leadAccountId" } else { "leadUserName" };
    component["lead"] =
        found.ok_or_else(|| Error::invalid(member, format!("The user {lead} does not exist.")))?;
    Ok(())
}

/// What Jira works out: who really gets its issues, and whether that is who was meant to.
fn real(component: &mut Value, project: &Value) {
    let kind = component["assigneeType"].as_str().unwrap_or(BY_DEFAULT).to_owned();
    let default = || match project["assigneeType"] == "PROJECT_LEAD" {
        true => ("PROJECT_LEAD", project["lead"].clone()),
        false => ("UNASSIGNED", Value::Null),
    };
    let lead = component["lead"].clone();
    let (meant, valid) = match kind.as_str() {
        "COMPONENT_LEAD" => (lead.clone(), lead.is_object()),
        "PROJECT_LEAD" => (project["lead"].clone(), project["lead"].is_object()),
        "UNASSIGNED" => (Value::Null, true),
        _ => (default().1, true),
    };
    let (real_kind, real) = match valid && kind != BY_DEFAULT {
        true => (kind.as_str(), meant.clone()),
        false => default(),
    };
    component["realAssigneeType"] = json!(real_kind);
    component["isAssigneeTypeValid"] = json!(valid);
    for (member, user) in [("assignee", meant), ("realAssignee", real)] {
        match component.as_object_mut() {
            Some(members) if user.is_null() => drop(members.remove(member)),
            Some(members) => drop(members.insert(member.to_owned(), user)),
            None => {}
        }
    }
}

async fn free_name(
    write: &mut Writing<'_>,
    project: &NamedProject,
    component: &Value,
    text: &Value,
) -> Result<String> {
    let name = text.as_str().map(str::trim).unwrap_or_default();
    if !(1..=255).contains(&name.chars().count()) {
        let message = "The component name specified is invalid - cannot be an empty string.";
        return Err(Error::invalid("name", message));
    }
    let site = write.instance.id;
    let is_taken = |other: &Value| {
        other["id"] != component["id"]
            && other["name"].as_str().is_some_and(|known| known.eq_ignore_ascii_case(name))
    };
    if write.tx.components_of(site, &project.key).await?.iter().any(is_taken) {
        let message = format!("A component with the name {name} already exists in this project.");
        return Err(Error::invalid("name", message));
    }
    Ok(name.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_really_gets_the_issues_is_worked_out() {
        let ann = json!({ "accountId": "a", "displayName": "Ann" });
        let bob = json!({ "accountId": "b", "displayName": "Bob" });
        let project = json!({ "lead": bob, "assigneeType": "PROJECT_LEAD" });
        let worked_out = |mut component: Value| {
            real(&mut component, &project);
            (
                component["realAssigneeType"].clone(),
                component["realAssignee"].clone(),
                component["isAssigneeTypeValid"].clone(),
            )
        };
        let own = worked_out(json!({ "assigneeType": "COMPONENT_LEAD", "lead": ann }));
        assert_eq!(own, (json!("COMPONENT_LEAD"), ann, json!(true)));
        let nobody = worked_out(json!({ "assigneeType": "COMPONENT_LEAD" }));
        assert_eq!(
            nobody,
            (json!("PROJECT_LEAD"), bob.clone(), json!(false)),
            "a lead is meant, and there is none"
        );
        assert_eq!(worked_out(json!({})), (json!("PROJECT_LEAD"), bob, json!(true)));
        assert_eq!(
            worked_out(json!({ "assigneeType": "UNASSIGNED" })),
            (json!("UNASSIGNED"), Value::Null, json!(true))
        );
    }

    #[test]
    fn a_lead_is_named_in_the_words_of_either_dialect() {
        let named = |wanted: Value| lead(wanted.as_object().unwrap());
        assert_eq!(named(json!({ "leadAccountId": "5b:1" })).as_deref(), Some("5b:1"));
        assert_eq!(named(json!({ "leadUserName": "ann" })).as_deref(), Some("ann"));
        assert_eq!(named(json!({ "lead": { "name": "ann" } })).as_deref(), Some("ann"));
        assert_eq!(named(json!({ "leadAccountId": null })).as_deref(), Some(""));
        assert_eq!(named(json!({ "name": "x" })), None);
    }
}
