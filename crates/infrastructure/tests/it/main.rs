//! Tests of the infrastructure over a real PostgreSQL, as the roles that production uses.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod attached;
mod border;
mod bundles;
mod catalog;
mod database;
mod job_runs;
mod jql;
mod pulse;
mod reference;
mod registry;
mod sprints;
mod sql_door;
mod sync;
mod upsert;
mod vanished;
mod webhooks;
