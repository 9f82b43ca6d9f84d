//! `forebay migrate`

use infrastructure::{outbound, postgres::migrate};
use serde_json::json;

use super::confirm::confirm;
use crate::{cli::MigrateCommand, failure::Failure, output, settings::Settings, wiring::Access};

pub(super) async fn run(settings: &Settings, command: &MigrateCommand, as_json: bool) -> Result<(), Failure> {
    outbound::install_tls();
    let access = Access::open(settings).await?;
    let outcome = apply(&access, command, as_json).await;
    access.close().await;
    outcome
}

async fn apply(access: &Access, command: &MigrateCommand, as_json: bool) -> Result<(), Failure> {
    match command {
        MigrateCommand::Up => {
            let applied = access.migrate().await?;
            told(as_json, "applied", applied)
        }
        MigrateCommand::Down { steps, yes } => {
            let mut owner = access.owner().await?;
            let status = migrate::status(&mut owner).await?;
            let leaving: Vec<_> =
                status.iter().rev().filter(|step| step.applied).take(*steps as usize).collect();
            if !leaving.is_empty() {
                let names: Vec<_> =
                    leaving.iter().map(|step| format!("{:04} {}", step.version, step.description)).collect();
                let what = format!(
                    "takes back {}, with whatever their tables hold, in the database {}: {}",
                    output::counted(leaving.len() as u64, "migration"),
                    access.database_name(),
                    names.join(", ")
                );
                confirm(&what, access.database_name(), *yes)?;
            }
            let reverted = migrate::down(&mut owner, *steps).await?;
            told(as_json, "reverted", reverted)
        }
        MigrateCommand::Status => {
            let mut owner = access.owner().await?;
            let steps = migrate::status(&mut owner).await?;
            if as_json {
                let steps: Vec<_> = steps
                    .iter()
                    .map(|step| json!({ "version": step.version, "description": step.description, "applied": step.applied }))
                    .collect();
                return output::json(&steps);
            }
            let rows: Vec<_> = steps
                .into_iter()
                .map(|step| {
                    let state = if step.applied { "applied" } else { "pending" };
                    vec![format!("{:04}", step.version), step.description, state.to_owned()]
                })
                .collect();
            output::table(&["VERSION", "DESCRIPTION", "STATE"], &rows)
        }
    }
}

fn told(as_json: bool, what: &str, count: usize) -> Result<(), Failure> {
    if as_json {
        return output::json(&json!({ what: count }));
    }
    output::note(&format!("{} {what}", output::counted(count as u64, "migration")));
    Ok(())
}
