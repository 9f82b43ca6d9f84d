//! The console: pages made on the server, which work without JavaScript and better with it.
//!
//! A handler loads through the ports and hands plain data to its page's context struct, which words it; a template
//! only lays it out. So each page can be rendered from sample data, and one test renders them all.
//!
//! Nothing comes from elsewhere: one style sheet, one script and one icon are served by [`assets`], and the content
//! security policy of [`fault::dress`] forbids everything else, inline scripts and styles included.

mod addresses;
mod assets;
mod audit;
mod chart;
mod fault;
mod freshness;
mod instance;
mod instances;
mod issue;
mod issue_list;
mod keys;
mod overview;
mod people;
mod run;
mod shell;
mod sign_in;
mod sql;
mod stale;
mod visitor;
mod wording;

#[cfg(test)]
mod samples;
#[cfg(test)]
mod tests;

use axum::{
    Router, middleware,
    routing::{get, post},
};

use crate::state::WebState;

pub(crate) fn routes() -> Router<WebState> {
    Router::new()
        .route("/", get(overview::show))
        .route("/login", get(sign_in::form).post(sign_in::submit))
        .route("/login/link", get(sign_in::by_link))
        .route("/logout", post(sign_in::out))
        .route("/issues", get(issue_list::show))
        .route("/issues/{key}", get(issue::show))
        .route("/issues/{key}/comments", post(issue::comment))
        .route("/issues/{key}/transitions", post(issue::transition))
        .route("/instances", get(instances::show))
        .route("/instances/{name}", get(instance::show))
        .route("/instances/{name}/events", get(instance::events))
        .route("/instances/{name}/sync", post(instance::sync))
        .route("/audit", get(audit::show))
        .route("/sql", get(sql::show))
        .route("/keys", get(keys::show).post(keys::create))
        .route("/keys/{id}/revoke", post(keys::revoke))
        .route("/assets/{file}", get(assets::serve))
        .fallback(fault::unknown_path)
        .layer(middleware::from_fn(fault::dress))
}
