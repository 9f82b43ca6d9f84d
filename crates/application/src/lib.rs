//! Use cases, the ports they need, job payloads and read views.
//!
//! A slice has one name: `issues` here, in `infrastructure/postgres` and in `web/rest` is the same thing seen from
//! three sides. A read goes from a handler straight to a port; a write goes through a use case of this crate.

pub mod actions;
pub mod agile;
pub mod audit;
pub mod caller;
pub mod catalog;
pub mod erasure;
pub mod error;
pub mod events;
pub mod history;
pub mod idempotency;
pub mod ingest;
pub mod instances;
pub mod issues;
pub mod jobs;
pub mod keys;
pub mod lookups;
pub mod oauth;
pub mod permissions;
pub mod ports;
pub mod pulse;
pub mod reference;
pub mod rotation;
pub mod sandbox;
pub mod search;
pub mod service_desks;
pub mod services;
pub mod site_limits;
pub mod site_lists;
pub mod sync;
pub mod tenant_context;
pub mod tenants;
pub mod webhooks;

pub use actions::Action;
pub use caller::{Actor, Caller, Scope};
pub use error::{Error, FieldProblem, Result};
pub use services::Services;
pub use tenant_context::TenantContext;
