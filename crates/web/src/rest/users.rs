//! People, as the sites show them.

use application::{Scope, catalog::UserRow};
use axum::extract::{Json, State};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::{router::OpenApiRouter, routes};
use uuid::Uuid;

use super::{
    document::{Missing, Standard},
    extract::{ApiCaller, ValidQuery},
    paging::{cut, page_of, usual_limit},
    problem::Problem,
};
use crate::state::WebState;

pub(super) fn routes() -> OpenApiRouter<WebState> {
    OpenApiRouter::new().routes(routes!(list_users))
}

/// Which users.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct ListOfUsers {
    /// Only those of this instance, by name or id.
    instance: Option<String>,
    /// Only those in whose name this stands, in any case.
    #[param(example = "ann")]
    query: Option<String>,
    /// At most so many.
    #[serde(default = "usual_limit")]
    #[param(minimum = 1, maximum = 200, default = 50)]
    limit: i64,
    /// `next_cursor` of the page before.
    cursor: Option<String>,
}

/// A user of an instance. E-mail addresses are not kept.
#[derive(Serialize, ToSchema)]
struct User {
    /// Their id in Forebay; the same for good.
    id: Uuid,
    /// The account id on Cloud, the user key on Server and Data Center.
    account_id: String,
    /// The instance's name.
    instance: String,
    /// The name as last seen; absent where only the account was seen.
    name: Option<String>,
    /// Their time zone.
    #[schema(example = "Europe/Berlin")]
    time_zone: Option<String>,
    /// Whether the account is active.
    active: bool,
}

impl From<UserRow> for User {
    fn from(row: UserRow) -> Self {
        Self {
            id: row.id,
            account_id: row.account_id,
            instance: row.instance,
            name: row.display_name,
            time_zone: row.time_zone,
            active: row.active,
        }
    }
}

/// A page of users.
#[derive(Serialize, ToSchema)]
struct UserPage {
    /// By instance and name.
    users: Vec<User>,
    /// The cursor of the next page; absent on the last one.
    #[serde(skip_serializing_if = "Option::is_none")]
    next_cursor: Option<String>,
}

/// The people whom issues name.
#[utoipa::path(
    get, path = "/users", tag = "reference", security(("bearer" = ["read"])),
    params(ListOfUsers),
    responses((status = 200, description = "A page of users.", body = UserPage), Standard, Missing),
)]
async fn list_users(
    State(state): State<WebState>,
    ApiCaller(caller): ApiCaller,
    ValidQuery(list): ValidQuery<ListOfUsers>,
) -> Result<Json<UserPage>, Problem> {
    caller.require(Scope::Read)?;
    let page = page_of(
        &state.services,
        &caller,
        "users",
        list.instance.as_deref(),
        list.limit,
        list.cursor.as_deref(),
    )
    .await?;
    let mut tx = state.services.db.tenant(&caller.context()).await?;
    let (users, next_cursor) = cut("users", tx.users(&page, list.query.as_deref()).await?, &page, User::from);
    Ok(Json(UserPage { users, next_cursor }))
}
