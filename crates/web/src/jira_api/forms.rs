//! Forms: which fields an issue is created with and edited by, and what they take (jira-facts 11.2; `createmeta`, `editmeta`).
//!
//! A copy does not know a site's screens. A form lists what can be written of the fields that the site has, demands what Jira itself
//! demands, and offers the values that the rosters have. So it is exact for a sandbox, and at a mirror tells what the site knows.

use application::{
    Scope,
    instances::{Dialect, Instance, InstanceKind},
    reference::Roster,
    sandbox::{Takes, WritableField, writable_fields},
    site_lists::OfferedOption,
};
use axum::response::Response;
use serde_json::{Map, Value, json};

use super::{
    answer,
    page::Window,
    params::Params,
    projects,
    refusal::Refusal,
    rosters::{load, only},
    site::Site,
};

const PAGE: usize = 50;
const LARGEST_PAGE: usize = 200;

/// What these lists show of an issue type.
const OF_TYPE: [&str; 10] = [
    "self",
    "id",
    "description",
    "iconUrl",
    "name",
    "subtask",
    "avatarId",
    "entityId",
    "hierarchyLevel",
    "scope",
];

/// The fields of a site and what they take, for issues of one project.
struct Form {
    fields: Vec<Value>,
    writable: Vec<WritableField>,
    priorities: Vec<Value>,
    types: Vec<Value>,
    components: Vec<Value>,
    versions: Vec<Value>,
    options: Vec<OfferedOption>,
    project: Value,
}

impl Form {
    async fn load(site: &Site, instance: &Instance, project: Value) -> Result<Self, Refusal> {
        let fields = load(site, Roster::Fields).await?;
        let writable = writable_fields(&fields);
        let priorities = load(site, Roster::Priorities).await?;
        let types = projects::issue_types(site, &project).await?;
        let with_options: Vec<String> = writable
            .iter()
            .filter(|field| field.takes == Takes::Options)
            .map(|field| field.id.clone())
            .collect();
        let key = project["key"].as_str().unwrap_or_default().to_owned();
        let mut tx = site.transaction().await?;
        let components = tx.components_of(instance.id, &key).await?;
        let mut versions = tx.versions_of(instance.id, &key).await?;
        versions.retain(|version| version["archived"] != true);
        let options = tx.offered_options(instance.id, &with_options).await?;
        Ok(Self { fields, writable, priorities, types, components, versions, options, project })
    }

    /// The form for new issues of a type, field by field.
    fn to_create(&self, site: &Site, kind: &Value) -> Vec<Value> {
        let is_subtask = kind["subtask"] == true;
        let project = self.field("project", &["set"], true, Some(vec![self.brief_project()]));
        let others = self
            .writable
            .iter()
            .filter(|field| is_subtask || field.id != "parent" || kind["hierarchyLevel"] == 0);
        let others = others.filter_map(|field| {
            let required =
                ["summary", "issuetype"].contains(&field.id.as_str()) || (field.id == "parent" && is_subtask);
            let allowed = match field.takes {
                Takes::IssueTypes => Some(vec![only(kind, &OF_TYPE)]),
                _ => self.allowed(site, field),
            };
            self.field(&field.id, field.operations, required, allowed)
        });
        project.into_iter().chain(others).collect()
    }

    /// The form for an issue: of what it shows.
    fn to_edit(&self, site: &Site, shown: &Map<String, Value>) -> Map<String, Value> {
        let is_subtask = shown.get("issuetype").is_some_and(|kind| kind["subtask"] == true);
        let fields = self.writable.iter().filter(|field| shown.contains_key(&field.id));
        let described = fields.filter_map(|field| {
            let allowed = match field.takes {
                Takes::IssueTypes => {
                    let fitting = self.types.iter().filter(|kind| (kind["subtask"] == true) == is_subtask);
                    Some(fitting.map(|kind| only(kind, &OF_TYPE)).collect())
                }
                _ => self.allowed(site, field),
            };
            let required = ["summary", "issuetype"].contains(&field.id.as_str());
            let mut described = self.field(&field.id, field.operations, required, allowed)?;
            described.as_object_mut()?.remove("fieldId");
            Some((field.id.clone(), described))
        });
        described.collect()
    }

    /// A field as forms describe it; `None` for one that the site does not have.
    fn field(
        &self,
        id: &str,
        operations: &[&str],
        required: bool,
        allowed: Option<Vec<Value>>,
    ) -> Option<Value> {
        let listed = self.fields.iter().find(|field| field["id"] == id)?;
        let mut described = json!({
            "required": required,
            "schema": listed.get("schema").cloned().unwrap_or_else(|| json!({ "type": id, "system": id })),
            "name": listed["name"],
            "key": id,
            "fieldId": id,
            "hasDefaultValue": false,
            "operations": operations,
        });
        if let Some(allowed) = allowed {
            described["allowedValues"] = Value::Array(allowed);
        }
        Some(described)
    }

    fn allowed(&self, site: &Site, field: &WritableField) -> Option<Vec<Value>> {
        Some(match field.takes {
            Takes::Anything | Takes::IssueTypes => return None,
            Takes::Priorities => self.priorities.clone(),
            Takes::Components => {
                self.components.iter().map(|one| only(one, &["self", "id", "name", "description"])).collect()
            }
            Takes::Versions => self.versions.clone(),
            Takes::Options => self.choices(site, &field.id, None),
        })
    }

    /// The options of a field below another one, each with those below it.
    fn choices(&self, site: &Site, field: &str, parent: Option<&str>) -> Vec<Value> {
        let own = self
            .options
            .iter()
            .filter(|option| option.field_key == field && option.parent_id.as_deref() == parent);
        own.map(|option| {
            let link = site.api_url(&format!("customFieldOption/{}", option.jira_id));
            let mut shown = json!({ "self": link, "value": option.value, "id": option.jira_id });
            // Two levels is all that Jira has; and a row that were its own parent must not be walked for ever.
            let below =
                if parent.is_none() { self.choices(site, field, Some(&option.jira_id)) } else { Vec::new() };
            if !below.is_empty() {
                shown["children"] = Value::Array(below);
            }
            shown
        })
        .collect()
    }

    fn brief_project(&self) -> Value {
        only(&self.project, &["self", "id", "key", "name", "projectTypeKey", "simplified", "avatarUrls"])
    }
}

/// `GET issue/createmeta`: projects with their issue types, and with `expand=projects.issuetypes.fields` the forms.
pub(super) async fn to_create(site: Site, params: Params) -> Result<Response, Refusal> {
    let instance = site.instance(Scope::Read).await?;
    let (ids, keys) = (params.list("projectIds"), params.list("projectKeys"));
    let with_fields = params.list("expand").iter().any(|name| name == "projects.issuetypes.fields");
    let (type_ids, type_names) = (params.list("issuetypeIds"), params.list("issuetypeNames"));
    let mut shown = Vec::new();
    for project in load(&site, Roster::Projects).await? {
        let wanted = (ids.is_empty() && keys.is_empty())
            || ids.iter().any(|id| project["id"] == *id)
            || keys
                .iter()
                .any(|key| project["key"].as_str().is_some_and(|own| own.eq_ignore_ascii_case(key)));
        if !wanted {
            continue;
        }
        let mut types = projects::issue_types(&site, &project).await?;
        types.retain(|kind| {
            (type_ids.is_empty() && type_names.is_empty())
                || type_ids.iter().any(|id| kind["id"] == *id)
                || type_names.iter().any(|name| kind["name"] == *name)
        });
        let form =
            if with_fields { Some(Form::load(&site, &instance, project.clone()).await?) } else { None };
        let types: Vec<Value> = types.iter().map(|kind| described(&site, kind, form.as_ref())).collect();
        let mut entry = only(&project, &["self", "id", "key", "name", "avatarUrls"]);
        entry["issuetypes"] = Value::Array(types);
        if with_fields {
            entry["expand"] = json!("issuetypes");
        }
        shown.push(entry);
    }
    Ok(answer::ok(&json!({ "expand": "projects", "projects": shown })))
}

fn described(site: &Site, kind: &Value, form: Option<&Form>) -> Value {
    let mut shown = only(kind, &OF_TYPE);
    if let Some(form) = form {
        let fields = form.to_create(site, kind).into_iter().filter_map(|mut field| {
            let id = field.as_object_mut()?.remove("fieldId")?;
            Some((id.as_str()?.to_owned(), field))
        });
        shown["expand"] = json!("fields");
        shown["fields"] = Value::Object(fields.collect());
    }
    shown
}

/// `GET issue/createmeta/{project}/issuetypes`.
pub(super) async fn types_to_create(site: Site, params: Params) -> Result<Response, Refusal> {
    let window = Window::of(&params, PAGE, LARGEST_PAGE)?;
    let instance = site.instance(Scope::Read).await?;
    let project = projects::named(&site, site.param("project")).await?;
    let types = projects::issue_types(&site, &project).await?;
    let types = types.iter().map(|kind| only(kind, &OF_TYPE)).collect();
    Ok(answer::ok(&page(&instance, window, "issueTypes", types)))
}

/// `GET issue/createmeta/{project}/issuetypes/{type}`.
pub(super) async fn fields_to_create(site: Site, params: Params) -> Result<Response, Refusal> {
    let window = Window::of(&params, PAGE, LARGEST_PAGE)?;
    let instance = site.instance(Scope::Read).await?;
    let project = projects::named(&site, site.param("project")).await?;
    let form = Form::load(&site, &instance, project).await?;
    let wanted = site.param("type");
    let kind = form.types.iter().find(|kind| kind["id"] == wanted);
    let kind = kind.ok_or_else(|| {
        Refusal::bad_request(format!("The issue type with id '{wanted}' is not one of the project's."))
    })?;
    let fields = form.to_create(&site, kind);
    Ok(answer::ok(&page(&instance, window, "fields", fields)))
}

/// Cloud names the list by what it holds, Data Center always the same (jira-facts 10.4).
fn page(instance: &Instance, window: Window, member: &str, list: Vec<Value>) -> Value {
    let total = list.len();
    let values = window.cut(list);
    let mut page = json!({ "startAt": window.start, "maxResults": window.size, "total": total });
    match instance.dialect {
        Dialect::V3 => page[member] = Value::Array(values),
        Dialect::V2 => {
            page["isLast"] = json!(window.start + values.len() >= total);
            page["values"] = Value::Array(values);
        }
    }
    page
}

/// `GET issue/{issue}/editmeta`.
pub(super) async fn of_issue(site: Site) -> Result<Response, Refusal> {
    let (instance, row) = site.issue().await?;
    Ok(answer::ok(&to_edit(&site, &instance, &row.raw["fields"]).await?))
}

/// What `editmeta` shows of an issue with these fields.
pub(super) async fn to_edit(site: &Site, instance: &Instance, fields: &Value) -> Result<Value, Refusal> {
    EditForms::default().of(site, instance, fields).await
}

/// What `editmeta` shows of several issues: what their projects have is read once.
#[derive(Default)]
pub(super) struct EditForms(Vec<(String, Form)>);

impl EditForms {
    pub(super) async fn of(
        &mut self,
        site: &Site,
        instance: &Instance,
        fields: &Value,
    ) -> Result<Value, Refusal> {
        let Some(shown) = fields.as_object() else { return Ok(json!({ "fields": {} })) };
        let key = fields["project"]["key"].as_str().unwrap_or_default();
        let at = match self.0.iter().position(|(known, _)| known == key) {
            Some(at) => at,
            None => {
                let project = projects::named(site, key).await?;
                self.0.push((key.to_owned(), Form::load(site, instance, project).await?));
                self.0.len() - 1
            }
        };
        Ok(json!({ "fields": self.0[at].1.to_edit(site, shown) }))
    }
}

/// Describes what is on the screens of a sandbox's transitions, where the list names fields with no more than whether they are
/// required. Of a mirrored site it does not: the list shows what that site told.
pub(super) async fn describe_screens(site: &Site, transitions: &mut [Value]) -> Result<(), Refusal> {
    let (instance, row) = site.issue().await?;
    let has_screen =
        |transition: &Value| transition["fields"].as_object().is_some_and(|fields| !fields.is_empty());
    if instance.kind != InstanceKind::Sandbox || !transitions.iter().any(has_screen) {
        return Ok(());
    }
    let fields = &row.raw["fields"];
    let project = projects::named(site, fields["project"]["key"].as_str().unwrap_or_default()).await?;
    let form = Form::load(site, &instance, project).await?;
    let resolutions = load(site, Roster::Resolutions).await?;
    for transition in transitions {
        let Some(listed) = transition["fields"].as_object_mut() else { continue };
        for (id, shown) in listed.iter_mut() {
            let required = shown["required"] == true;
            let writable = form.writable.iter().find(|field| field.id == *id);
            let (operations, allowed): (&[&str], _) = match (id.as_str(), writable) {
                ("resolution", _) => (&["set"], Some(resolutions.clone())),
                ("comment", _) => (&["add"], None),
                (_, Some(field)) => (field.operations, form.allowed(site, field)),
                (_, None) => (&["set"], None),
            };
            let mut described = form.field(id, operations, required, allowed).unwrap_or_else(|| {
                // Sites list no field for comments.
                json!({ "required": required, "schema": { "type": "comments-page", "system": id }, "name": id,
                        "key": id, "hasDefaultValue": false, "operations": operations })
            });
            if let Some(members) = described.as_object_mut() {
                members.remove("fieldId");
            }
            *shown = described;
        }
    }
    Ok(())
}
