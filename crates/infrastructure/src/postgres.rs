//! PostgreSQL: the one place where data lasts.
//!
//! [`PgDatabase`] is the door: it opens a tenant's transaction with the tenant set in the same round trip, and keeps its
//! pools to itself. Each slice of the application has its SQL in the file of that name.

pub mod database;
pub mod migrate;
mod missing;
pub mod roles;
pub mod sealed;
pub mod unprotected;

mod addresses;
mod agile;
mod attached;
mod audit;
mod catalog;
mod changelog_rows;
mod changes;
mod children;
mod contents;
mod disagreeing;
mod displaced;
mod erasure;
mod errors;
mod faults;
mod followed_worklogs;
mod followers;
mod groups;
mod hints;
mod history;
mod idempotency;
mod instances;
mod issues;
mod issues_upsert;
mod job_runs;
mod jobs;
mod jql;
mod json_text;
mod keys;
mod linked;
mod lock;
mod named;
mod neighbours;
mod oauth;
mod people;
mod pool;
mod properties;
mod pulse;
mod reference;
mod reference_reads;
mod registrations;
mod removal;
mod sandbox;
mod search;
mod server;
mod service_desks;
mod shown_keys;
mod sign_in_links;
mod site_limits;
mod site_lists;
mod sql_door;
mod sync;
mod sync_census;
mod sync_drift;
mod sync_freshness;
mod sync_roll;
mod sync_trouble;
mod tenant_tables;
mod tenants;
mod transaction;
mod webhooks;
mod worklog_feed;

pub use changes::ChangeListener;
pub use database::{PgDatabase, RoleOptions, ServerTime};
pub use pool::PoolSettings;
pub use server::{ServerRecord, note_server, noted_server};
