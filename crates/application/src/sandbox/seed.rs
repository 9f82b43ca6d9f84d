//! Seeding a sandbox with a generated site: what is fixed before the first issue is stored.
//!
//! The generator's site ends at a present of its own, so that equal seeds give equal bytes. The present of the first attempt is
//! kept with the sandbox: a seed that was interrupted goes on where it was, and one that is repeated finds every row stored.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use domain::{generator, ids::TenantId};
use serde_json::{Value, json};

use super::{
    field_context,
    fill::{require_sandbox, seed_rosters},
};
use crate::{
    erasure::ErasedPeople,
    error::{Error, Result},
    ingest::FieldRoles,
    instances::{Dialect, Instance},
    ports::{Listed, ListedMembers, ListedOptions, ListedRoles, ListedSprints, ReferenceData},
    reference::Roster,
    services::Services,
    tenant_context::TenantContext,
};

/// What a sandbox was seeded with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SandboxSeed {
    /// The generator's seed.
    pub seed: u64,
    /// How many issues.
    pub issues: u64,
    /// The present of the generated site.
    pub present: DateTime<Utc>,
}

/// A seed that may begin, or go on.
#[derive(Clone, Debug)]
pub struct Seeding {
    /// What is to be generated.
    pub options: generator::Options,
    /// How the issues are to be read.
    pub roles: FieldRoles,
    /// Who was erased here, and stays so.
    pub erased: ErasedPeople,
    /// Makes issues those of a Server, for a sandbox that speaks as one.
    pub server: Option<generator::Server>,
}

/// Lets an empty sandbox speak as a Jira Server does: wiki markup, people by name, the old search. Seeding it makes such issues.
///
/// # Errors
/// [`Error::Conflict`] when the instance is no sandbox, or has issues of Cloud already.
pub async fn speak_as_server(services: &Services, tenant: TenantId, instance: &Instance) -> Result<()> {
    require_sandbox(instance)?;
    if instance.dialect == Dialect::V2 {
        return Ok(());
    }
    let mut tx = services.db.tenant(&TenantContext::whole(tenant)).await?;
    if !tx.roster(instance.id, Roster::Projects).await?.is_empty() {
        return Err(Error::Conflict(format!(
            "sandbox `{}` speaks as a Cloud site already; make another one with `forebay instance add --kind sandbox`",
            instance.name
        )));
    }
    tx.set_dialect(instance.id, Dialect::V2).await?;
    tx.commit().await
}

/// Notes what a sandbox is seeded with, and stores the site's rosters.
///
/// # Errors
/// [`Error::Conflict`] when the instance is no sandbox, or was seeded with something else: generated issues have the same
/// ids whatever the seed, so two sites would become one that fits neither.
pub async fn begin_seed(
    services: &Services,
    tenant: TenantId,
    instance: &Instance,
    issues: u64,
    seed: u64,
) -> Result<Seeding> {
    require_sandbox(instance)?;
    let wanted = SandboxSeed { seed, issues, present: services.clock.now() };
    let mut tx = services.db.tenant(&TenantContext::whole(tenant)).await?;
    let noted = tx.note_sandbox_seed(instance.id, wanted).await?;
    if (noted.seed, noted.issues) != (seed, issues) {
        return Err(Error::Conflict(format!(
            "sandbox `{name}` was seeded with {} issues of seed {}: repeat that, or make another sandbox with `forebay instance \
             add NAME --kind sandbox`",
            noted.issues,
            noted.seed,
            name = instance.name,
        )));
    }
    let options =
        generator::Options { issues, seed, now: noted.present, base_url: instance.base_url.clone() };
    // Above all ids to come, once: batches stored side by side would wait for each other at this row.
    let highest = i64::try_from(generator::highest_id(&options)).map_err(Error::internal)?;
    tx.raise_sandbox_id(instance.id, highest).await?;
    let erased = tx.erased_people(instance.id).await?;
    tx.commit().await?;

    let server = (instance.dialect == Dialect::V2).then(|| generator::Server::new(&options));
    let site = generator::site(&options);
    let site = match &server {
        Some(server) => server.site(site),
        None => site,
    };
    let roles = FieldRoles::from_fields(&site.fields);
    seed_rosters(services, tenant, instance, generated_rosters(site)).await?;
    Ok(Seeding { options, roles, erased, server })
}

/// A generated site's lists, as the ports take them.
pub fn generated_rosters(site: generator::Site) -> ReferenceData {
    let mut board_sprints: BTreeMap<i64, Vec<Value>> = BTreeMap::new();
    for sprint in site.sprints {
        if let Some(board) = sprint["originBoardId"].as_i64() {
            board_sprints.entry(board).or_default().push(sprint);
        }
    }
    let field_options: Vec<ListedOptions> =
        site.field_options.into_iter().filter_map(|options| listed(&site.fields, options)).collect();
    ReferenceData {
        projects: site.projects,
        fields: site.fields,
        statuses: site.statuses,
        issue_types: site.issue_types,
        priorities: site.priorities,
        resolutions: site.resolutions,
        users: site.users,
        versions: Listed::Whole(site.versions),
        components: Listed::Whole(site.components),
        boards: Listed::Whole(site.boards),
        board_sprints: board_sprints
            .into_iter()
            .map(|(board_id, sprints)| ListedSprints { board_id, sprints })
            .collect(),
        filters: Listed::Whole(site.filters),
        dashboards: Listed::Whole(site.dashboards),
        link_types: Listed::Whole(site.issue_link_types),
        field_options,
        group_members: site.groups.iter().filter_map(members).collect(),
        groups: Listed::Whole(site.groups),
        project_roles: site.project_roles.into_iter().filter_map(roles).collect(),
        ..ReferenceData::default()
    }
}

/// The members of a generated group. The sandbox's own account is in those of the whole site; it is none of its people, so it is
/// named by its id alone.
fn members(group: &Value) -> Option<ListedMembers> {
    let mut members = group["members"].as_array()?.clone();
    if generator::SITE_GROUPS.iter().any(|name| group["name"] == *name) {
        members.push(json!({ "accountId": super::account(Dialect::V3)["accountId"] }));
    }
    Some(ListedMembers { group_id: group["groupId"].as_str()?.to_owned(), members })
}

fn roles(mut project: Value) -> Option<ListedRoles> {
    let project_id = project["projectId"].as_str()?.to_owned();
    let Value::Array(roles) = project["roles"].take() else { return None };
    Some(ListedRoles { project_id, roles })
}

/// The options of a field in its context, as Jira lists them.
fn listed(fields: &[Value], mut generated: Value) -> Option<ListedOptions> {
    let field_id = generated["fieldId"].as_str()?.to_owned();
    let Value::Array(options) = generated["options"].take() else { return None };
    let context = field_context(fields.iter().find(|field| field["id"] == field_id.as_str())?)?;
    let mut options: Vec<Value> = options.into_iter().flat_map(with_children).collect();
    for option in &mut options {
        option["disabled"] = Value::Bool(false);
        option["contextId"] = context["id"].clone();
    }
    Some(ListedOptions { field_id, contexts: vec![context], options })
}

/// An option, and behind it those that stand below it in a cascading select, as Jira lists them.
fn with_children(mut option: Value) -> Vec<Value> {
    let children = option.as_object_mut().and_then(|members| members.remove("cascadingOptions"));
    let Some(Value::Array(mut children)) = children else { return vec![option] };
    for child in &mut children {
        child["optionId"] = option["id"].clone();
    }
    std::iter::once(option).chain(children).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_options_of_a_cascading_select_stand_behind_their_parents() {
        let region =
            json!({ "id": "1", "value": "Europe", "cascadingOptions": [{ "id": "2", "value": "Poland" }] });
        let listed = with_children(region);
        assert_eq!(listed[0], json!({ "id": "1", "value": "Europe" }));
        assert_eq!(listed[1], json!({ "id": "2", "value": "Poland", "optionId": "1" }));
        let fields = [json!({ "id": "customfield_10040", "name": "Platform", "custom": true })];
        let generated = json!({ "fieldId": "customfield_10040", "options": [{ "id": "3", "value": "Web" }] });
        let of_field = super::listed(&fields, generated).unwrap();
        assert_eq!(of_field.contexts[0]["id"], "10040");
        assert_eq!(
            of_field.options,
            [json!({ "id": "3", "value": "Web", "disabled": false, "contextId": "10040" })]
        );
        let alone = json!({ "id": "3", "value": "Web" });
        assert_eq!(with_children(alone.clone()), [alone]);
    }
}
