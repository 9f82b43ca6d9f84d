//! The end-to-end tests: the real binary, over real HTTP, on a real PostgreSQL. One test binary, so that it links once.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stderr,
    reason = "a test fails by panicking, and says on stderr what it skips"
)]

mod app;
mod browser;

mod agile;
mod audit;
mod backfill;
mod beside_issues;
mod busy;
mod census;
mod census_faults;
mod cli;
mod clients;
mod console;
mod contract;
mod converge;
mod demo;
mod doors;
mod dynamic_webhooks;
mod fairness;
mod faults;
mod groups;
mod hints;
mod idempotency;
mod isolation;
mod jira_links;
mod jira_reference;
mod jql;
mod keys;
mod lists;
mod migrations;
mod mirror_webhooks;
mod newcomer;
mod out_of_sight;
mod pages;
mod privacy;
mod renames;
mod samples;
mod secrets;
mod service_desk;
mod statements;
mod sync;
mod texts;
mod tidy;
mod writes;
