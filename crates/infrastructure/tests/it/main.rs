//! Tests of the infrastructure over a real PostgreSQL, as the roles that production uses.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod border;
mod bundles;
mod database;
mod jql;
mod pulse;
mod reference;
mod registry;
mod resync;
mod sql_door;
mod sync;
mod upsert;
mod webhooks;
