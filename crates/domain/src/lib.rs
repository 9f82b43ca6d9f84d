//! Entities, value objects, the workflow engine, working calendars and SLAs, flow-metric arithmetic, PII patterns and the sandbox generator.
//!
//! Pure: no async, no SQL, no HTTP, no clock. Time and chance are arguments.
pub mod generator;
pub mod ids;
pub mod issue_key;
pub mod jira_time;
pub mod metrics;
pub mod pii;
pub mod rank;
pub mod service_desk;
pub mod sla;
pub mod sprint_text;
pub mod workflow;
pub mod working_time;
