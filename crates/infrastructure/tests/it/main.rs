//! Tests of the infrastructure over a real PostgreSQL, as the roles that production uses.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod border;
mod bundles;
mod database;
mod hostile;
mod jql;
mod pulse;
mod reference;
mod registry;
mod sql_door;
mod sync;
mod tenancy;
mod upsert;
mod webhooks;
