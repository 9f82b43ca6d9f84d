//! Entities, value objects, the workflow engine, flow-metric arithmetic, PII patterns and the sandbox generator.
//!
//! Pure: no async, no SQL, no HTTP, no clock. Time and chance are arguments.
pub mod generator;
pub mod ids;
pub mod issue_key;
pub mod jira_time;
pub mod metrics;
pub mod pii;
pub mod rank;
pub mod sprint_text;
pub mod workflow;
