//! What implements the ports: PostgreSQL, Redis, the job queue, Jira sites, cryptography, telemetry.

pub mod cache;
pub mod clock;
pub mod crypto;
pub mod jira;
pub mod local_server;
pub mod outbound;
pub mod postgres;
pub mod queue;
pub mod telemetry;
