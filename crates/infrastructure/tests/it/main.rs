//! Tests of the infrastructure over a real PostgreSQL, as the roles that production uses.

mod border;
mod bundles;
mod database;
mod jql;
mod pulse;
mod reference;
mod registry;
mod sql_door;
mod sync;
mod upsert;
mod webhooks;
