//! Forebay: a live copy of Jira in your own PostgreSQL, and one fast, tenant-isolated, audited door in front of it.
//!
//! One binary, many roles: `serve`, `worker`, `migrate` and the rest share one wiring ([`wiring`]).

mod cli;
mod commands;
mod failure;
mod output;
mod settings;
mod wiring;

use std::process::ExitCode;

use clap::Parser;

use crate::{cli::Cli, failure::Failure};

/// Payloads are trees of thousands of small strings and maps, made on one thread and dropped on another, which the C library's
/// allocator is slow at.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    let cli = Cli::parse();
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
    let outcome = match runtime {
        Ok(runtime) => runtime.block_on(commands::run(cli)),
        Err(error) => Err(Failure::new(format!("the asynchronous runtime cannot start: {error}"))),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            output::failure(&failure);
            ExitCode::FAILURE
        }
    }
}
