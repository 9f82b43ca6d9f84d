//! `forebay tenant`

use std::{collections::BTreeMap, io::BufRead};

use application::{
    erasure::erase_user,
    tenants::{check_name, remove_tenant},
};

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
                "next: `forebay instance add --tenant {name} …` and `forebay key create --tenant {name} …`"
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
        TenantCommand::EraseUser { account_id, instance, tenant } => {
            let tenant = wiring.tenant(tenant.tenant.as_deref()).await?;
            let operator = Wiring::operator(&tenant);
            let erasures = erase_user(&wiring.services, &operator, instance.as_deref(), account_id).await?;
            if json {
                return output::json(&erasures);
            }
            let mut rows = Vec::new();
            for erasure in erasures {
                let known = !erasure.rows.is_empty();
                let cell = |table: String, count: u64| {
                    vec![erasure.instance.clone(), erasure.pseudonym.clone(), table, count.to_string()]
                };
                rows.extend(erasure.rows.clone().into_iter().map(|(table, count)| cell(table, count)));
                if erasure.jobs > 0 {
                    rows.push(cell("(waiting jobs)".to_owned(), erasure.jobs));
                }
                if !known {
                    output::note(&format!(
                        "no row of {} names this account; should a later sync bring it, a pseudonym takes its place",
                        erasure.instance
                    ));
                }
            }
            output::table(&["INSTANCE", "PSEUDONYM", "TABLE", "ROWS"], &rows)
        }
    }
}

async fn remove(wiring: &Wiring, name: &str, yes: bool, json: bool) -> Result<(), Failure> {
    let tenant = wiring.tenant(Some(name)).await?;
    if !yes {
        output::note(&format!(
            "this removes tenant {0} for good: keys, instances, issues, the audit log. Type {0} to go on:",
            tenant.name
        ));
        let mut typed = String::new();
        std::io::stdin().lock().read_line(&mut typed)?;
        if typed.trim() != tenant.name {
            return Err(Failure::new("nothing was removed: the name was not typed")
                .hint("type the tenant's name, or confirm with --yes"));
        }
    }
    let removal = remove_tenant(&wiring.services, &tenant.id.to_string()).await?;
    if json {
        return output::json(&removal);
    }
    output::note(&format!("removed {}, with {} jobs", removal.name, removal.jobs));
    counts(&removal.rows)
}

fn counts(rows: &BTreeMap<String, u64>) -> Result<(), Failure> {
    let rows: Vec<_> = rows.iter().map(|(table, count)| vec![table.clone(), count.to_string()]).collect();
    output::table(&["TABLE", "ROWS"], &rows)
}
