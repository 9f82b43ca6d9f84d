//! PostgreSQL: the one place where data lasts.
//!
//! [`PgDatabase`] is the door: it opens a tenant's transaction with the tenant set in the same round trip, and keeps its
//! pools to itself. Each slice of the application has its SQL in the file of that name.

pub mod database;
pub mod migrate;
pub mod roles;
pub mod sealed;

mod audit;
mod errors;
mod idempotency;
mod instances;
mod issues;
mod issues_upsert;
mod jobs;
mod jql;
mod keys;
mod linked;
mod pulse;
mod reference;
mod search;
mod sql_door;
mod sync;
mod tenants;
mod transaction;
mod webhooks;

pub use database::{PgDatabase, PoolSettings, RoleOptions};
