//! `forebay instance`

use std::io::Read;

use application::{
    TenantContext,
    instances::{self, NewCredential, NewGrant, NewInstance, Push},
};
use secrecy::SecretString;
use serde_json::json;

use super::{confirm::confirm, webhook};
use crate::{
    cli::{CredentialArgs, InstanceAddArgs, InstanceCommand, InstanceCredentialArgs},
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
            let push = if wiring.address_known { Push::Register } else { Push::Leave };
            let operator = Wiring::operator(&tenant);
            let found = instances::test_instance(&wiring.services, &operator, &instance.name, push).await?;
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
        InstanceCommand::Credential(arguments) => credential(wiring, arguments, as_json).await,
        InstanceCommand::Quota { name, tenant } => {
            quota(wiring, tenant.tenant.as_deref(), name, as_json).await
        }
        InstanceCommand::Webhook(command) => webhook::run(wiring, command, as_json).await,
        InstanceCommand::Remove { name, yes, tenant } => {
            let (tenant, instance) = wiring.instance(tenant.tenant.as_deref(), name).await?;
            let what = format!(
                "removes the instance {} of tenant {} with every issue and row of it",
                instance.name, tenant.name
            );
            confirm(&what, &instance.name, *yes)?;
            let operator = Wiring::operator(&tenant);
            let rows = instances::remove_instance(&wiring.services, &operator, &instance.name).await?;
            if as_json {
                return output::json(&json!({ "removed": instance.name, "rows": rows }));
            }
            let all: u64 = rows.values().sum();
            output::note(&format!("removed {} with {}", instance.name, output::counted(all, "row")));
            Ok(())
        }
    }
}

async fn add(wiring: &Wiring, arguments: &InstanceAddArgs, as_json: bool) -> Result<(), Failure> {
    let kind = arguments.kind.parse()?;
    let auth = arguments.auth.parse()?;
    let token = token(&arguments.credential)?;
    let grant = grant(&arguments.credential)?;
    let tenant = wiring.tenant(arguments.tenant.tenant.as_deref()).await?;
    let new = NewInstance {
        name: arguments.name.clone(),
        display_name: None,
        kind,
        url: arguments.url.clone(),
        auth,
        email: arguments.credential.email.clone().map(SecretString::from),
        token,
        grant,
        cloud_id: arguments.cloud_id.clone(),
        requests_per_minute: arguments.requests_per_minute,
    };
    let instance = instances::add_instance(&wiring.services, &Wiring::operator(&tenant), new).await?;
    if as_json {
        return output::json(&instance);
    }
    output::line(&instance.id.to_string())?;
    output::note(&match kind.is_mirror() {
        true => format!(
            "next: `forebay instance test {0} --tenant {1}`, then `forebay sync run {0} --tenant {1}`",
            instance.name, tenant.name
        ),
        false => format!(
            "next: `forebay sandbox seed {} --tenant {} --issues 2000`; its Jira API is at {}",
            instance.name, tenant.name, instance.base_url
        ),
    });
    Ok(())
}

async fn credential(
    wiring: &Wiring,
    arguments: &InstanceCredentialArgs,
    as_json: bool,
) -> Result<(), Failure> {
    let new = NewCredential {
        auth: arguments.auth.as_deref().map(str::parse).transpose()?,
        email: arguments.credential.email.clone().map(SecretString::from),
        token: token(&arguments.credential)?,
        grant: grant(&arguments.credential)?,
    };
    let (tenant, instance) = wiring.instance(arguments.tenant.tenant.as_deref(), &arguments.name).await?;
    let operator = Wiring::operator(&tenant);
    let instance = instances::replace_credential(&wiring.services, &operator, &instance.name, new).await?;
    if as_json {
        return output::json(&instance);
    }
    output::note(&format!(
        "the credential is stored; `forebay instance test {} --tenant {}` tries it",
        instance.name, tenant.name
    ));
    Ok(())
}

async fn quota(wiring: &Wiring, tenant: Option<&str>, name: &str, as_json: bool) -> Result<(), Failure> {
    let (tenant, instance) = wiring.instance(tenant, name).await?;
    let quota = instances::quota(&wiring.services, &Wiring::operator(&tenant), &instance.name).await?;
    if as_json {
        return output::json(&quota);
    }
    for pause in &quota.pauses {
        output::line(&format!("{} is left alone until {}: {}", pause.scope, pause.until, pause.reason))?;
    }
    let row = |day: &application::site_limits::SiteDay| {
        let spent = &day.spent;
        let waited = spent.throttled_ms / 1_000;
        let counts = [spent.requests, spent.points, spent.retries, spent.refused, spent.failed, waited];
        std::iter::once(day.day.to_string()).chain(counts.map(|count| count.to_string())).collect()
    };
    let rows: Vec<Vec<String>> = quota.days.iter().map(row).collect();
    output::table(&["DAY", "REQUESTS", "POINTS", "RETRIES", "REFUSED", "FAILED", "WAITED S"], &rows)
}

/// What access tokens are renewed with.
fn grant(arguments: &CredentialArgs) -> Result<Option<NewGrant>, Failure> {
    let (Some(client_id), Some(secret)) = (&arguments.client_id, &arguments.client_secret_env) else {
        return Ok(None);
    };
    let refresh_token = arguments.refresh_token_env.as_deref();
    Ok(Some(NewGrant {
        client_id: client_id.clone(),
        client_secret: variable("--client-secret-env", secret)?,
        refresh_token: refresh_token.map(|name| variable("--refresh-token-env", name)).transpose()?,
        token_url: arguments.token_url.clone(),
    }))
}

fn variable(option: &str, name: &str) -> Result<SecretString, Failure> {
    let value = std::env::var(name)
        .map_err(|_| Failure::new(format!("the environment variable {name} of {option} is not set")))?;
    Ok(value.into())
}

fn token(arguments: &CredentialArgs) -> Result<Option<SecretString>, Failure> {
    if let Some(name) = &arguments.token_env {
        return variable("--token-env", name).map(Some);
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
