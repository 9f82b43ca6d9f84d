//! `forebay instance`

use std::io::Read;

use application::{
    TenantContext,
    instances::{self, NewInstance},
};
use secrecy::SecretString;
use serde_json::json;

use crate::{
    cli::{InstanceAddArgs, InstanceCommand},
    failure::Failure,
    output,
    wiring::Wiring,
};

pub(super) async fn run(wiring: &Wiring, command: &InstanceCommand, as_json: bool) -> Result<(), Failure> {
    match command {
        InstanceCommand::Add(arguments) => add(wiring, arguments, as_json).await,
        InstanceCommand::List { tenant } => list(wiring, tenant.tenant.as_deref(), as_json).await,
        InstanceCommand::Test { name, tenant } => {
            let (tenant, instance) = wiring.instance(tenant.tenant.as_deref(), name).await?;
            let found =
                instances::test_instance(&wiring.services, &Wiring::operator(&tenant), &instance.name)
                    .await?;
            if as_json {
                return output::json(&found);
            }
            output::line(&format!(
                "{} {}: signed in as {} ({}), time zone {}",
                found.deployment_type,
                found.version,
                found.account_name,
                found.account_id,
                found.time_zone.as_deref().unwrap_or("unknown")
            ))?;
            output::note(&match found.webhook_problem {
                None => "a webhook is registered: changes arrive within seconds".to_owned(),
                Some(problem) => format!("no webhook ({problem}): changes arrive by polling, once a minute"),
            });
            Ok(())
        }
        InstanceCommand::Remove { name, tenant } => {
            let (tenant, instance) = wiring.instance(tenant.tenant.as_deref(), name).await?;
            let operator = Wiring::operator(&tenant);
            let rows = instances::remove_instance(&wiring.services, &operator, &instance.name).await?;
            if as_json {
                return output::json(&json!({ "removed": instance.name, "rows": rows }));
            }
            let all: u64 = rows.values().sum();
            output::note(&format!("removed {} with every row of it: {all}", instance.name));
            Ok(())
        }
    }
}

async fn add(wiring: &Wiring, arguments: &InstanceAddArgs, as_json: bool) -> Result<(), Failure> {
    let kind = arguments.kind.parse()?;
    let auth = arguments.auth.parse()?;
    let token = token(arguments)?;
    let tenant = wiring.tenant(arguments.tenant.tenant.as_deref()).await?;
    let new = NewInstance {
        name: arguments.name.clone(),
        display_name: None,
        kind,
        url: arguments.url.clone(),
        auth,
        email: arguments.email.clone().map(SecretString::from),
        token,
    };
    let instance = instances::add_instance(&wiring.services, &Wiring::operator(&tenant), new).await?;
    if as_json {
        return output::json(&instance);
    }
    output::line(&instance.id.to_string())?;
    output::note(&match kind.is_mirror() {
        true => format!("next: `forebay instance test {0}`, then `forebay sync run {0}`", instance.name),
        false => format!(
            "next: `forebay sandbox seed {} --issues 2000`; its Jira API is at {}",
            instance.name, instance.base_url
        ),
    });
    Ok(())
}

fn token(arguments: &InstanceAddArgs) -> Result<Option<SecretString>, Failure> {
    if let Some(variable) = &arguments.token_env {
        let token = std::env::var(variable).map_err(|_| {
            Failure::new(format!("the environment variable {variable} of --token-env is not set"))
        })?;
        return Ok(Some(token.into()));
    }
    if arguments.token_stdin {
        let mut text = String::new();
        std::io::stdin().lock().take(100_000).read_to_string(&mut text)?;
        let token = text.trim();
        if token.is_empty() {
            return Err(Failure::new("--token-stdin was given, but stdin is empty"));
        }
        return Ok(Some(token.to_owned().into()));
    }
    Ok(None)
}

async fn list(wiring: &Wiring, tenant: Option<&str>, as_json: bool) -> Result<(), Failure> {
    let tenants = match tenant {
        Some(_) => vec![wiring.tenant(tenant).await?],
        None => wiring.services.db.platform().await?.tenants().await?,
    };
    let mut rows = Vec::new();
    let mut documents = Vec::new();
    for tenant in tenants {
        let mut tx = wiring.services.db.tenant(&TenantContext::whole(tenant.id)).await?;
        for instance in tx.instances().await? {
            rows.push(vec![
                tenant.name.clone(),
                instance.name.clone(),
                instance.kind.to_string(),
                instance.base_url.clone(),
                if instance.webhook_id.is_some() { "webhook" } else { "-" }.to_owned(),
            ]);
            let mut document = serde_json::to_value(&instance)?;
            document["tenant_name"] = json!(tenant.name);
            documents.push(document);
        }
    }
    if as_json {
        return output::json(&documents);
    }
    output::table(&["TENANT", "NAME", "KIND", "URL", "PUSH"], &rows)
}
