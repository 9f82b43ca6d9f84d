//! The source that speaks as Jira Server and Data Center do: the generated site in version 2, with wiki markup and people by name.

use application::{
    instances::{Instance, require_instance},
    sandbox,
    tenants::Tenant,
};
use domain::generator;
use serde_json::{Value, json};

use crate::{failure::Failure, wiring::Wiring};

/// Issues that are imported in one transaction.
const BATCH: usize = 500;

/// Fills an empty sandbox; it speaks version 2 from then on.
pub(super) async fn fill(
    wiring: &Wiring,
    tenant: &Tenant,
    instance: &Instance,
    issues: u64,
    seed: u64,
) -> Result<Instance, Failure> {
    let services = &wiring.services;
    let options = generator::Options { issues, seed, now: wiring.now(), base_url: instance.base_url.clone() };
    let mut generated = generator::issues(&options).map(as_server);
    // The first issue says which dialect an empty sandbox speaks; the fields say how the others are to be read, and it once more.
    let first: Vec<Value> = generated.by_ref().take(1).collect();
    import(wiring, tenant, instance, first.clone()).await?;
    let site = generator::site(&options);
    let lists = [
        site.projects,
        site.users,
        site.statuses,
        site.issue_types,
        site.priorities,
        site.resolutions,
        site.fields,
        site.field_options,
        site.issue_link_types,
        site.boards,
        site.filters,
        site.sprints,
        site.versions,
        site.components,
        site.groups,
        site.project_roles,
    ];
    let [
        projects,
        users,
        statuses,
        issue_types,
        priorities,
        resolutions,
        fields,
        field_options,
        issue_link_types,
        boards,
        filters,
        sprints,
        versions,
        components,
        groups,
        project_roles,
    ] = lists.map(|list| list.into_iter().map(as_server).collect());
    let site = generator::Site {
        projects,
        users,
        statuses,
        issue_types,
        priorities,
        resolutions,
        fields,
        field_options,
        issue_link_types,
        boards,
        filters,
        sprints,
        versions,
        components,
        groups,
        project_roles,
    };
    sandbox::seed_rosters(services, tenant.id, instance, sandbox::generated_rosters(site)).await?;
    let mut batch = first;
    for issue in generated {
        batch.push(issue);
        if batch.len() == BATCH {
            import(wiring, tenant, instance, std::mem::take(&mut batch)).await?;
        }
    }
    import(wiring, tenant, instance, batch).await?;
    let context = application::TenantContext::whole(tenant.id);
    let mut tx = services.db.tenant(&context).await?;
    Ok(require_instance(tx.as_mut(), &instance.name).await?)
}

async fn import(
    wiring: &Wiring,
    tenant: &Tenant,
    instance: &Instance,
    issues: Vec<Value>,
) -> Result<(), Failure> {
    let outcome = sandbox::import_issues(&wiring.services, tenant.id, instance, issues).await?;
    match outcome.rejected.first() {
        Some(reject) => Err(Failure::new(format!("a generated issue could not be read: {}", reject.reason))),
        None => Ok(()),
    }
}

/// What version 2 makes of a document of version 3: rich text is wiki markup, people have a key and a name, and addresses say which
/// version it is.
fn as_server(value: Value) -> Value {
    match value {
        Value::Object(members)
            if members.get("type") == Some(&json!("doc")) && members.contains_key("version") =>
        {
            Value::String(adf::wiki_of(&Value::Object(members)))
        }
        Value::Object(mut members) => {
            if let Some(account) = members.remove("accountId") {
                members.remove("accountType");
                members.insert("key".into(), account.clone());
                members.insert("name".into(), account);
            }
            Value::Object(members.into_iter().map(|(name, value)| (name, as_server(value))).collect())
        }
        Value::String(text) => Value::String(text.replace("/rest/api/3/", "/rest/api/2/")),
        Value::Array(items) => Value::Array(items.into_iter().map(as_server).collect()),
        plain => plain,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_site_of_version_2_has_wiki_markup_and_people_by_name() {
        let text = adf::from_markdown("**hot**").to_json();
        let issue = json!({ "fields": {
            "description": text, "labels": ["a"], "reporter": { "accountId": "5b1", "accountType": "atlassian", "displayName": "Ann" },
        }});
        assert_eq!(
            as_server(issue),
            json!({ "fields": {
                "description": "*hot*", "labels": ["a"], "reporter": { "key": "5b1", "name": "5b1", "displayName": "Ann" },
            }})
        );
    }
}
