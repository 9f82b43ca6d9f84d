//! Fields and their options.

use application::{
    Scope,
    catalog::{FieldRow, OptionRow, require_field},
    lookups,
};
use axum::extract::{Json, State};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::{router::OpenApiRouter, routes};

use super::{
    document::{Conflicting, Missing, Standard},
    extract::{ApiCaller, ValidPath, ValidQuery},
    issues::OfInstance,
    paging::{cut, page_of, usual_limit},
    problem::Problem,
};
use crate::state::WebState;

pub(super) fn routes() -> OpenApiRouter<WebState> {
    OpenApiRouter::new().routes(routes!(list_fields)).routes(routes!(get_field))
}

/// Which fields.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct ListOfFields {
    /// Only those of this instance, by name or id.
    instance: Option<String>,
    /// Only custom fields (`true`), or only system fields (`false`).
    custom: Option<bool>,
    /// At most so many.
    #[serde(default = "usual_limit")]
    #[param(minimum = 1, maximum = 200, default = 50)]
    limit: i64,
    /// `next_cursor` of the page before.
    cursor: Option<String>,
}

/// A field.
#[derive(Serialize, ToSchema)]
struct Field {
    /// Its id.
    #[schema(example = "customfield_10020")]
    id: String,
    /// The instance's name.
    instance: String,
    /// Its name; several fields may have the same.
    #[schema(example = "Severity")]
    name: String,
    /// Whether it is a custom field.
    custom: bool,
    /// What kind of values it has, as the site describes it.
    #[schema(value_type = Option<Object>)]
    schema: Option<Value>,
}

impl From<FieldRow> for Field {
    fn from(row: FieldRow) -> Self {
        Self {
            id: row.field_key,
            instance: row.instance,
            name: row.name,
            custom: row.custom,
            schema: row.schema,
        }
    }
}

/// A page of fields.
#[derive(Serialize, ToSchema)]
struct FieldPage {
    /// By instance, system fields first, by id.
    fields: Vec<Field>,
    /// The cursor of the next page; absent on the last one.
    #[serde(skip_serializing_if = "Option::is_none")]
    next_cursor: Option<String>,
}

/// A field with its options.
#[derive(Serialize, ToSchema)]
struct FieldWithOptions {
    /// The field.
    #[serde(flatten)]
    field: Field,
    /// Its options, where it has any: in the site's order, then those that only issues have shown.
    options: Vec<FieldOption>,
}

/// An option of a field.
#[derive(Serialize, ToSchema)]
struct FieldOption {
    /// Jira's numeric id, as text.
    #[schema(example = "10101")]
    id: String,
    /// Its text.
    #[schema(example = "High")]
    value: String,
    /// The id of the option under which it stands in a cascading select.
    parent: Option<String>,
    /// The id of the context that offers it, where the site shows contexts.
    context: Option<String>,
    /// Whether it is kept for old issues and not offered any more.
    disabled: bool,
}

impl From<OptionRow> for FieldOption {
    fn from(row: OptionRow) -> Self {
        Self {
            id: row.jira_id,
            value: row.value,
            parent: row.parent_id,
            context: row.context_id,
            disabled: row.disabled,
        }
    }
}

/// The fields of the tenant's instances.
#[utoipa::path(
    get, path = "/fields", tag = "reference", security(("bearer" = ["read"])),
    params(ListOfFields),
    responses((status = 200, description = "A page of fields.", body = FieldPage), Standard, Missing),
)]
async fn list_fields(
    State(state): State<WebState>,
    ApiCaller(caller): ApiCaller,
    ValidQuery(list): ValidQuery<ListOfFields>,
) -> Result<Json<FieldPage>, Problem> {
    caller.require(Scope::Read)?;
    let page = page_of(
        &state.services,
        &caller,
        "fields",
        list.instance.as_deref(),
        list.limit,
        list.cursor.as_deref(),
    )
    .await?;
    let mut tx = state.services.db.tenant(&caller.context()).await?;
    let (fields, next_cursor) = cut("fields", tx.fields(&page, list.custom).await?, &page, Field::from);
    Ok(Json(FieldPage { fields, next_cursor }))
}

/// A field with its options, by its id or name.
#[utoipa::path(
    get, path = "/fields/{id}", tag = "reference", security(("bearer" = ["read"])),
    params(
        ("id" = String, Path, description = "The field's id, or its name in any case.", example = "customfield_10020"),
        OfInstance,
    ),
    responses((status = 200, description = "The field.", body = FieldWithOptions), Standard, Missing, Conflicting),
)]
async fn get_field(
    State(state): State<WebState>,
    ApiCaller(caller): ApiCaller,
    ValidPath(id): ValidPath<String>,
    ValidQuery(of): ValidQuery<OfInstance>,
) -> Result<Json<FieldWithOptions>, Problem> {
    caller.require(Scope::Read)?;
    let instance = lookups::instance_id(&state.services, &caller, of.instance.as_deref()).await?;
    let mut tx = state.services.db.tenant(&caller.context()).await?;
    let field = require_field(tx.as_mut(), instance, &id).await?;
    let options = tx.options(field.instance_id, &field.field_key).await?;
    Ok(Json(FieldWithOptions {
        field: field.into(),
        options: options.into_iter().map(FieldOption::from).collect(),
    }))
}
