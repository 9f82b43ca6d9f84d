//! The Agile API (`rest/agile/1.0`): boards, sprints, epics and the backlog, from the copy (jira-facts 9.1). Issues come as version 2
//! of the platform API shows them, in the envelope of the old search.

mod boards;
mod epics;
mod issues;
mod landmarks;
mod questions;
mod sprints;
mod writes;

use axum::{
    Router,
    routing::{get, post, put},
};
use serde_json::{Value, json};

use super::{page::Window, params::Params, refusal::Refusal, site::Site};
use crate::state::WebState;

const PAGE: usize = 50;

pub(super) fn routes() -> Router<WebState> {
    let api = |path: &str| format!("/jira/{{instance}}/rest/agile/1.0/{path}");
    Router::new()
        .route(&api("board"), get(boards::list))
        .route(&api("board/{board}"), get(boards::one))
        .route(&api("board/{board}/configuration"), get(boards::configuration))
        .route(&api("board/{board}/project"), get(boards::projects))
        .route(&api("board/{board}/project/full"), get(boards::projects_in_full))
        .route(&api("board/{board}/version"), get(boards::versions))
        .route(&api("board/{board}/issue"), get(issues::of_board))
        .route(&api("board/{board}/backlog"), get(issues::backlog))
        .route(&api("board/{board}/sprint"), get(sprints::of_board))
        .route(&api("board/{board}/sprint/{sprint}/issue"), get(issues::of_board_and_sprint))
        .route(&api("board/{board}/epic"), get(epics::of_board))
        .route(&api("board/{board}/epic/none/issue"), get(issues::of_board_without_epic))
        .route(&api("board/{board}/epic/{epic}/issue"), get(issues::of_board_and_epic))
        .route(&api("sprint"), post(writes::create_sprint))
        .route(
            &api("sprint/{sprint}"),
            get(sprints::one)
                .post(writes::change_sprint)
                .put(writes::replace_sprint)
                .delete(writes::delete_sprint),
        )
        .route(&api("sprint/{sprint}/issue"), get(issues::of_sprint).post(writes::move_to_sprint))
        .route(&api("backlog/issue"), post(writes::move_to_backlog))
        .route(&api("epic/none/issue"), get(issues::without_epic).post(writes::remove_from_epic))
        .route(&api("epic/{epic}"), get(epics::one).post(epics::change))
        .route(&api("epic/{epic}/rank"), put(epics::rank))
        .route(&api("epic/{epic}/issue"), get(issues::of_epic).post(writes::move_to_epic))
        .route(&api("issue/rank"), put(writes::rank))
        .route(&api("issue/{issue}"), get(issues::one))
        .route(&api("issue/{issue}/estimation"), get(issues::estimation).put(issues::estimate))
}

/// The address of a resource of this API.
fn address(site: &Site, path: &str) -> String {
    format!("{}/rest/agile/1.0/{path}", site.base_url())
}

/// A number in the path; nothing has a name that is none.
fn id(site: &Site, param: &str, what: &'static str) -> Result<i64, Refusal> {
    let text = site.param(param);
    text.parse().map_err(|_| application::Error::not_found(what, text).into())
}

/// A page of a list in this API's envelope.
fn page(params: &Params, list: Vec<Value>) -> Result<Value, Refusal> {
    let window = Window::of(params, PAGE, PAGE)?;
    let total = list.len();
    let values = window.cut(list);
    let is_last = values.is_empty() || window.start + values.len() >= total;
    Ok(json!({
        "maxResults": window.size, "startAt": window.start, "total": total, "isLast": is_last, "values": values,
    }))
}
