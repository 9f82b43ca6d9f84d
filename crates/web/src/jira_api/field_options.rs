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

/// The context of a field, and the field.
async fn context_of(site: &Site, instance: &Instance) -> Result<(Value, Value), Refusal> {
    if instance.kind != InstanceKind::Sandbox {
        let message = "the contexts of fields are not served for mirrors; ask the site itself";
        return Err(Error::Unsupported(message.into()).into());
    }
    let wanted = site.param("field");
    let missing = || Error::not_found("custom field", wanted);
    let fields = lookups::roster(&site.state.services, &site.caller, instance.id, Roster::Fields).await?;
    let field = fields.iter().find(|field| field["id"] == wanted && field["custom"] == true);
    let field = field.cloned().ok_or_else(missing)?;
    Ok((sandbox::field_context(&field).ok_or_else(missing)?, field))
}

/// `GET field/{id}/context`.
pub(super) async fn contexts(site: Site, params: Params) -> Result<Response, Refusal> {
    let window = Window::of(&params, PAGE, LARGEST_PAGE)?;
    let instance = site.instance(Scope::Read).await?;
    let (context, _) = context_of(&site, &instance).await?;
    let path = format!("field/{}/context", site.param("field"));
    Ok(answer::ok(&window.bean(&site, &params, &path, vec![context])))
}

/// `GET field/{id}/context/{id}/option`.
pub(super) async fn options(site: Site, params: Params) -> Result<Response, Refusal> {
    let window = Window::of(&params, PAGE, LARGEST_PAGE)?;
    let instance = site.instance(Scope::Read).await?;
    let (context, field) = context_of(&site, &instance).await?;
    let wanted = site.param("context");
    if context["id"] != wanted {
        return Err(Error::not_found("custom field context", wanted).into());
    }
    let kind = field["schema"]["custom"].as_str().unwrap_or_default().rsplit(':').next().unwrap_or_default();
    let kinds = ["select", "radiobuttons", "multiselect", "multicheckboxes", "cascadingselect"];
    if !kinds.contains(&kind) {
        return Err(Refusal::bad_request("The custom field does not support options."));
    }
    let options = site.transaction().await?.options(instance.id, site.param("field")).await?;
    let shown = options.into_iter().map(|option| {
        let mut shown = json!({ "id": option.jira_id, "value": option.value, "disabled": option.disabled });
        if let Some(parent) = option.parent_id {
            shown["optionId"] = json!(parent);
        }
        shown
    });
    let path = format!("field/{}/context/{wanted}/option", site.param("field"));
    Ok(answer::ok(&window.bean(&site, &params, &path, shown.collect())))
}
