//! One file per command.

mod adf;
mod bench;
mod confirm;
mod demo;
mod doctor;
mod instance;
mod jobs;
mod jql;
mod key;
mod key_rotate;
mod mcp;
mod migrate;
mod progress;
mod sandbox;
mod search;
mod serve;
mod signals;
mod sync;
mod sync_status;
mod tenant;
mod upkeep;
mod webhook;

use crate::{
    cli::{Cli, Command},
    failure::Failure,
    wiring::{self, Role, Wiring},
};

/// What long-running processes log unless asked otherwise. The job library prints payloads, which hold ticket text, when a
/// job fails; our own line has the reason.
const SERVICE_LOG: &str = "info,sqlx=warn,graphile_worker=warn,graphile_worker::runner=off,rmcp=warn";
/// What short commands log: only what people must know.
const COMMAND_LOG: &str = "warn,sqlx=error,rmcp=error,graphile_worker=error,graphile_worker::runner=off";

pub(crate) async fn run(cli: Cli) -> Result<(), Failure> {
    let Cli { command, settings, json } = cli;
    // These two speak with nobody.
    match &command {
        Command::Jql => return jql::run(json),
        Command::Adf(arguments) => return adf::run(arguments, json),
        _ => {}
    }
    let settings = settings.without_empty();
    let service = matches!(command, Command::Serve { .. } | Command::Worker);
    let telemetry = wiring::telemetry(&settings, if service { SERVICE_LOG } else { COMMAND_LOG }, service)?;
    match command {
        Command::Demo(arguments) => return demo::run(settings, telemetry, &arguments, json).await,
        Command::Migrate(command) => return migrate::run(&settings, &command, json).await,
        Command::Doctor => return doctor::run(settings, telemetry, json).await,
        Command::Bench(arguments) => {
            return Box::pin(bench::run(settings, telemetry, &arguments, json)).await;
        }
        Command::Serve { with_worker } => return serve::run(settings, telemetry, with_worker).await,
        Command::Worker => return serve::work(settings, telemetry).await,
        _ => {}
    }
    let wiring = Wiring::open(settings, telemetry, Role::Command).await?;
    let outcome = match command {
        Command::Tenant(command) => tenant::run(&wiring, &command, json).await,
        Command::Key(command) => key::run(&wiring, &command, json).await,
        Command::KeyRotate => key_rotate::run(&wiring, json).await,
        Command::Instance(command) => instance::run(&wiring, &command, json).await,
        Command::Sync(command) => sync::run(&wiring, &command, json).await,
        Command::Jobs(command) => jobs::run(&wiring, &command, json).await,
        Command::Sandbox(command) => sandbox::run(&wiring, &command, json).await,
        Command::Search(arguments) => search::run(&wiring, &arguments, json).await,
        Command::Mcp => mcp::run(&wiring).await,
        Command::Demo(_)
        | Command::Migrate(_)
        | Command::Doctor
        | Command::Jql
        | Command::Adf(_)
        | Command::Bench(_)
        | Command::Serve { .. }
        | Command::Worker => Ok(()),
    };
    wiring.close().await;
    outcome
}
