//! Tests of the infrastructure over a real PostgreSQL, as the roles that production uses.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod addresses;
mod attached;
mod border;
mod bundles;
mod cache;
mod catalog;
mod changes;
mod children;
mod database;
mod faults;
mod followed_worklogs;
mod hints;
mod history;
mod hostile;
mod job_runs;
mod jql;
mod kept_aside;
mod limits;
mod links_and_keys;
mod metrics;
mod neighbours;
mod oauth;
mod pulse;
mod reference;
mod registry;
mod renames;
mod resync;
mod sites;
mod sprints;
mod sql_door;
mod sql_examples;
mod stale;
mod statements;
mod sync;
mod tallies;
mod tenancy;
mod upsert;
mod vanished;
mod vanished_desks;
mod way_back;
mod webhooks;
