//! Tests of the infrastructure over a real PostgreSQL, as the roles that production uses.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod attached;
mod border;
mod bundles;
mod cache;
mod catalog;
mod changes;
mod database;
mod history;
mod hostile;
mod job_runs;
mod jql;
mod limits;
mod metrics;
mod pulse;
mod reference;
mod registry;
mod resync;
mod sprints;
mod sql_door;
mod sql_examples;
mod stale;
mod sync;
mod tenancy;
mod upsert;
mod vanished;
mod webhooks;
