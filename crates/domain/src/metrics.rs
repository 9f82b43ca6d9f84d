//! Flow metrics, in plain arithmetic: the oracle that tests hold the SQL to (migrations 0013 and 0015, Work Pulse), which is what
//! pages, REST and MCP show.
//!
//! All go by status *category*, never by status name, since sites rename and translate statuses. An issue is
//! *open* while its category is not `done`, and *in progress* (WIP) while it is `indeterminate`. Instants are
//! UTC; only calendar questions (weeks, due dates) take a time zone. "Now" is an argument, so any past day
//! can be asked about.
//!
//! | metric | definition |
//! |---|---|
//! | lead time | created → last entry into `done`: [`StatusHistory::lead_time`] |
//! | cycle time | first entry into `indeterminate` → last entry into `done`: [`StatusHistory::cycle_time`] |
//! | work item age | first entry into `indeterminate` → now: [`StatusHistory::work_item_age`] |
//! | throughput | issues per ISO week of their last entry into `done`: [`throughput_by_week`] |
//! | reopen rate | of the issues that entered `done` in a period, the share that left it again: [`ReopenRate`] |
//! | stuck | in progress too long, or without a status change too long: [`StuckRule`] |
//! | SLA risk | open and older than is usual, or (nearly) past the due date: [`SlaRule`] |

mod history;
mod percentile;
mod reopen;
mod risk;
mod throughput;

#[cfg(test)]
mod tests;

pub use history::{DoneCrossing, StatusHistory};
pub use percentile::{DurationPercentiles, duration_percentile, percentile};
pub use reopen::ReopenRate;
pub use risk::{MIN_SAMPLE, OpenIssue, SlaRisk, SlaRule, StuckReason, StuckRule};
pub use throughput::{WeekCount, throughput_by_week};
