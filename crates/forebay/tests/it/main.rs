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

mod audit;
mod backfill;
mod busy;
mod census;
mod census_faults;
mod cli;
mod console;
mod converge;
mod demo;
mod doors;
mod fairness;
mod faults;
mod idempotency;
mod isolation;
mod keys;
mod migrations;
mod privacy;
mod renames;
mod samples;
mod secrets;
mod sync;
mod texts;
mod tidy;
mod writes;
