//! `forebay key`

use application::{Caller, Error, Scope, TenantContext, keys};
use domain::ids::KeyId;
use secrecy::ExposeSecret;
use serde_json::json;

use crate::{cli::KeyCommand, failure::Failure, output, wiring::Wiring};

pub(super) async fn run(wiring: &Wiring, command: &KeyCommand, as_json: bool) -> Result<(), Failure> {
    match command {
        KeyCommand::Create { tenant, scopes, name } => {
            let scopes =
                scopes.iter().map(|scope| scope.trim().parse()).collect::<Result<Vec<Scope>, Error>>()?;
            let tenant = wiring.tenant(tenant.tenant.as_deref()).await?;
            let (id, key) =
                keys::create_key(&wiring.services, &Wiring::operator(&tenant), name, scopes.clone()).await?;
            if as_json {
                return output::json(&json!({
                    "id": id, "tenant": tenant.name, "name": name, "scopes": scopes, "key": key.expose_secret(),
                }));
            }
            output::line(key.expose_secret())?;
            output::note("keep it: it is not shown again");
            Ok(())
        }
        KeyCommand::List { tenant } => list(wiring, tenant.tenant.as_deref(), as_json).await,
        KeyCommand::Revoke { id } => revoke(wiring, id, as_json).await,
    }
}

async fn list(wiring: &Wiring, tenant: Option<&str>, as_json: bool) -> Result<(), Failure> {
    let keys = match tenant {
        Some(name) => {
            let tenant = wiring.tenant(Some(name)).await?;
            wiring.services.db.tenant(&TenantContext::whole(tenant.id)).await?.keys().await?
        }
        None => wiring.services.db.platform().await?.every_key().await?,
    };
    if as_json {
        return output::json(&keys);
    }
    let time = |at: Option<chrono::DateTime<chrono::Utc>>| {
        at.map_or("-".into(), |at| at.format("%Y-%m-%d %H:%M").to_string())
    };
    let rows: Vec<_> = keys
        .into_iter()
        .map(|key| {
            let scopes: Vec<_> = key.scopes.iter().map(|scope| scope.as_str()).collect();
            let state = if key.revoked_at.is_some() { "revoked" } else { "active" };
            vec![
                key.id.to_string(),
                key.name,
                format!("fb_{}_…", key.prefix),
                scopes.join(","),
                state.into(),
                time(key.last_used_at),
            ]
        })
        .collect();
    output::table(&["ID", "NAME", "KEY", "SCOPES", "STATE", "LAST USED"], &rows)
}

async fn revoke(wiring: &Wiring, id: &str, as_json: bool) -> Result<(), Failure> {
    let wanted: KeyId = id
        .parse()
        .map_err(|_| Error::invalid("id", format!("`{id}` is no key id; `forebay key list` shows them")))?;
    let key =
        wiring.services.db.platform().await?.every_key().await?.into_iter().find(|key| key.id == wanted);
    let key = key.ok_or_else(|| Error::not_found("key", id))?;
    let operator = Caller::system(key.tenant);
    let revoked = keys::revoke_key(&wiring.services, &operator, key.id).await?;
    if as_json {
        return output::json(&json!({ "id": key.id, "revoked": revoked }));
    }
    output::note(if revoked { "revoked" } else { "it was revoked already" });
    Ok(())
}
