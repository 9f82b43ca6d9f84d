//! `forebay tenant`

use std::collections::BTreeMap;

use application::{
    erasure::{Erasure, PersonToErase, Survey, erase_user, survey_user},
    tenants::{check_name, remove_tenant},
};

use super::confirm::confirm;
use crate::{cli::TenantCommand, failure::Failure, output, wiring::Wiring};

pub(super) async fn run(wiring: &Wiring, command: &TenantCommand, json: bool) -> Result<(), Failure> {
    match command {
        TenantCommand::Create { name } => {
            check_name("name", name)?;
            let mut tx = wiring.services.db.platform().await?;
            let tenant = tx.create_tenant(name).await?;
            tx.commit().await?;
            if json {
                return output::json(&tenant);
            }
            output::line(&tenant.id.to_string())?;
            output::note(&format!(
                "next: `forebay key create --tenant {name} --scopes read,admin` and `forebay instance add --tenant {name} --name play --kind sandbox` \
                 (or --kind cloud, datacenter, server; see `forebay instance add --help`)"
            ));
            Ok(())
        }
        TenantCommand::List => {
            let tenants = wiring.services.db.platform().await?.tenants().await?;
            if json {
                return output::json(&tenants);
            }
            let rows: Vec<_> = tenants
                .into_iter()
                .map(|tenant| {
                    vec![
                        tenant.name,
                        tenant.id.to_string(),
                        tenant.created_at.format("%Y-%m-%d %H:%M").to_string(),
                    ]
                })
                .collect();
            output::table(&["NAME", "ID", "CREATED"], &rows)
        }
        TenantCommand::Remove { name, yes } => remove(wiring, name, *yes, json).await,
        TenantCommand::EraseUser { account_id, instance, dry_run, unknown_too, yes, tenant } => {
            let tenant = wiring.tenant(tenant.tenant.as_deref()).await?;
            let operator = Wiring::operator(&tenant);
            let wanted = PersonToErase {
                account: account_id.clone(),
                instance: instance.clone(),
                unknown_too: *unknown_too,
            };
            if *dry_run {
                let surveys = survey_user(&wiring.services, &operator, &wanted).await?;
                return surveyed(&surveys, json);
            }
            let place = instance.as_deref().map_or("every instance".to_owned(), |name| format!("`{name}`"));
            let what = format!(
                "erases a person from {place} of tenant {} for good: no later sync brings them back (--dry-run shows what would go)",
                tenant.name
            );
            confirm(&what, account_id, *yes)?;
            let erasures = erase_user(&wiring.services, &operator, &wanted).await?;
            if json { output::json(&erasures) } else { erased(&erasures) }
        }
    }
}

/// What an erasure would take out.
fn surveyed(surveys: &[Survey], json: bool) -> Result<(), Failure> {
    if json {
        return output::json(&surveys);
    }
    let mut rows = Vec::new();
    for survey in surveys {
        let name = survey.display_name.clone().unwrap_or_else(|| "-".to_owned());
        let cell = |(table, count): (&String, &u64)| {
            vec![survey.instance.clone(), name.clone(), table.clone(), count.to_string()]
        };
        rows.extend(survey.rows.iter().map(cell));
        if survey.rows.is_empty() {
            output::note(&match survey.erased_before {
                true => format!("{}: erased before; nothing is left", survey.instance),
                false => format!("{}: nothing names this account", survey.instance),
            });
        }
    }
    if rows.is_empty() {
        return Ok(());
    }
    output::table(&["INSTANCE", "NAME", "TABLE", "ROWS THAT WOULD CHANGE"], &rows)
}

/// What an erasure took out.
fn erased(erasures: &[Erasure]) -> Result<(), Failure> {
    let mut rows = Vec::new();
    for erasure in erasures {
        let cell = |table: String, count: u64| {
            vec![erasure.instance.clone(), erasure.pseudonym.clone(), table, count.to_string()]
        };
        rows.extend(erasure.rows.clone().into_iter().map(|(table, count)| cell(table, count)));
        if erasure.jobs > 0 {
            rows.push(cell("(waiting jobs)".to_owned(), erasure.jobs));
        }
        if erasure.rows.is_empty() {
            output::note(&format!(
                "no row of {} names this account; should a later sync bring it, a pseudonym takes its place",
                erasure.instance
            ));
        }
    }
    if rows.is_empty() {
        return Ok(());
    }
    output::table(&["INSTANCE", "PSEUDONYM", "TABLE", "ROWS"], &rows)
}

async fn remove(wiring: &Wiring, name: &str, yes: bool, json: bool) -> Result<(), Failure> {
    let tenant = wiring.tenant(Some(name)).await?;
    let what = format!("removes tenant {} for good: keys, instances, issues, the audit log", tenant.name);
    confirm(&what, &tenant.name, yes)?;
    let removal = remove_tenant(&wiring.services, &tenant.id.to_string()).await?;
    if json {
        return output::json(&removal);
    }
    output::note(&format!("removed {}, with {}", removal.name, output::counted(removal.jobs, "job")));
    counts(&removal.rows)
}

fn counts(rows: &BTreeMap<String, u64>) -> Result<(), Failure> {
    let rows: Vec<_> = rows.iter().map(|(table, count)| vec![table.clone(), count.to_string()]).collect();
    output::table(&["TABLE", "ROWS"], &rows)
}
