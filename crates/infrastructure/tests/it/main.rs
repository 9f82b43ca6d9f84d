//! Tests of the infrastructure over a real PostgreSQL, as the roles that production uses.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod border;
mod bundles;
mod database;
mod history;
mod jql;
mod metrics;
mod pulse;
mod reference;
mod registry;
mod sql_door;
mod sql_examples;
mod sync;
mod upsert;
mod webhooks;
