//! `forebay tenant`

use application::tenants::check_name;

use crate::{cli::TenantCommand, failure::Failure, output, wiring::Wiring};

pub(super) async fn run(wiring: &Wiring, command: &TenantCommand, json: bool) -> Result<(), Failure> {
    let mut tx = wiring.services.db.platform().await?;
    match command {
        TenantCommand::Create { name } => {
            check_name("name", name)?;
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
            let tenants = tx.tenants().await?;
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
    }
}
