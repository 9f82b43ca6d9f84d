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

/// Help and versions go to stdout and are no failure; programs that asked for JSON get the refusal as JSON too.
fn not_understood(error: &clap::Error) -> ExitCode {
    let wants_json = std::env::args_os().any(|argument| argument == "--json");
    if error.use_stderr() && wants_json {
        output::refusal(&error.render().to_string());
    }
    // Whoever has closed both streams has nothing left to be told.
    let _ = error.print();
    ExitCode::from(u8::try_from(error.exit_code()).unwrap_or(2))
}

fn main() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => return not_understood(&error),
    };
    let as_json = cli.json;
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
    let outcome = match runtime {
        Ok(runtime) => runtime.block_on(commands::run(cli)),
        Err(error) => Err(Failure::new(format!("the asynchronous runtime cannot start: {error}"))),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            output::failure(&failure, as_json);
            ExitCode::from(failure.exit)
        }
    }
}
