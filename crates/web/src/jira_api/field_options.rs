//! Contexts and options of custom fields (Cloud). A sandbox's fields have one context each, for every project and type.

use application::{
    Error, Scope,
    instances::{Instance, InstanceKind},
    lookups,
    reference::Roster,
    sandbox,
};
use axum::response::Response;
use serde_json::{Value, json};

use super::{answer, page::Window, params::Params, refusal::Refusal, site::Site};

const PAGE: usize = 50;
const LARGEST_PAGE: usize = 100;

/// The contexts of a field, and the field.
async fn contexts_of(site: &Site, instance: &Instance) -> Result<(Vec<Value>, Value), Refusal> {
    let wanted = site.param("field");
    let missing = || Error::not_found("custom field", wanted);
    let fields = lookups::roster(&site.state.services, &site.caller, instance.id, Roster::Fields).await?;
    let field = fields.iter().find(|field| field["id"] == wanted && field["custom"] == true);
    let field = field.cloned().ok_or_else(missing)?;
    let mut contexts = site.transaction().await?.contexts_of_field(instance.id, wanted).await?;
    // A context keeps its name when its field gets another. What a sandbox was given without any, each field has one of all the same.
    if contexts.is_empty() && instance.kind == InstanceKind::Sandbox {
        contexts.push(sandbox::field_context(&field).ok_or_else(missing)?);
    }
    Ok((contexts, field))
}

/// A mirror has the contexts that the site shows to its account, and asks for those of fields with options only.
fn require_shown(contexts: &[Value]) -> Result<(), Refusal> {
    if !contexts.is_empty() {
        return Ok(());
    }
    let message = "the contexts of this field are not served by Forebay for this mirror: the copy has those of fields with options, \
                   where the mirror's account may administer the site; ask the site itself";
    Err(Error::Unsupported(message.into()).into())
}

/// Whether the values of a field are options.
fn has_options(field: &Value) -> bool {
    let kind = field["schema"]["custom"].as_str().unwrap_or_default().rsplit(':').next().unwrap_or_default();
    ["select", "radiobuttons", "multiselect", "multicheckboxes", "cascadingselect"].contains(&kind)
}

/// `GET field/{id}/context`.
pub(super) async fn contexts(site: Site, params: Params) -> Result<Response, Refusal> {
    let window = Window::of(&params, PAGE, LARGEST_PAGE)?;
    let instance = site.instance(Scope::Read).await?;
    let (contexts, _) = contexts_of(&site, &instance).await?;
    require_shown(&contexts)?;
    let path = format!("field/{}/context", site.param("field"));
    Ok(answer::ok(&window.bean(&site, &params, &path, contexts)))
}

/// `GET field/{id}/context/{id}/option`.
pub(super) async fn options(site: Site, params: Params) -> Result<Response, Refusal> {
    let window = Window::of(&params, PAGE, LARGEST_PAGE)?;
    let instance = site.instance(Scope::Read).await?;
    let (contexts, field) = contexts_of(&site, &instance).await?;
    if !has_options(&field) {
        return Err(Refusal::bad_request("The custom field does not support options."));
    }
    require_shown(&contexts)?;
    let wanted = site.param("context");
    if !contexts.iter().any(|context| context["id"] == wanted) {
        return Err(Error::not_found("custom field context", wanted).into());
    }
    let path = format!("field/{}/context/{wanted}/option", site.param("field"));
    if instance.kind != InstanceKind::Sandbox {
        let mut tx = site.transaction().await?;
        let shown = tx.options_in_context(instance.id, site.param("field"), wanted).await?;
        return Ok(answer::ok(&window.bean(&site, &params, &path, shown)));
    }
    let options = site.transaction().await?.options(instance.id, site.param("field")).await?;
    let shown = options.into_iter().map(|option| {
        let mut shown = json!({ "id": option.jira_id, "value": option.value, "disabled": option.disabled });
        if let Some(parent) = option.parent_id {
            shown["optionId"] = json!(parent);
        }
        shown
    });
    Ok(answer::ok(&window.bean(&site, &params, &path, shown.collect())))
}
