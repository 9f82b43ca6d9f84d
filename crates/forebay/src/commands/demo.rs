//! `forebay demo`: everything on one machine, with nothing configured.

use std::{
    fs,
    io::Write,
    os::unix::fs::OpenOptionsExt,
    path::{Path, PathBuf},
    time::Instant,
};

use application::{
    Error, Scope, TenantContext,
    instances::{self, AuthMethod, Instance, InstanceKind, NewInstance, Push},
    keys,
    tenants::Tenant,
};
use infrastructure::{local_server::DemoLock, telemetry::Telemetry};
use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Serialize};
use serde_json::json;
use tokio_util::sync::CancellationToken;

use super::{
    sandbox::{refresh, seed_sandbox},
    serve::{listen, run_until_stopped, start, start_worker, web_state},
    signals::Signals,
    sync::sync_now,
};
use crate::{
    cli::DemoArgs,
    failure::Failure,
    output,
    settings::Settings,
    wiring::{Role, Wiring},
};

/// Who mirrors a Jira.
const TENANT: &str = "acme";
/// Who owns that Jira: a stranger to the first, reached over HTTP only, as Atlassian would be.
const UPSTREAM: &str = "upstream";
const SANDBOX: &str = "sandbox";
const MIRROR: &str = "jira";
/// Requests of the service desk, where one is wanted.
const REQUESTS: u64 = 60;
/// Requests a minute to a sandbox of our own, which bears more than Jira Cloud.
const OWN_SANDBOX: u32 = 100_000;

/// The demo's keys, kept beside its database, so that a second run shows the same ones.
#[derive(Serialize, Deserialize)]
struct DemoKeys {
    /// For whoever tries the demo.
    key: String,
    /// The upstream's: sees the sandbox, and nothing of the mirror.
    upstream_key: String,
    /// What the mirror signs in to the sandbox with.
    mirror_key: String,
}

pub(super) async fn run(
    settings: Settings,
    telemetry: Telemetry,
    arguments: &DemoArgs,
    as_json: bool,
) -> Result<(), Failure> {
    let began = Instant::now();
    let mut signals = Signals::listen();
    let listener = listen(settings.listen()).await?;
    let folder = settings.data_dir()?;
    let _lock = DemoLock::acquire(&folder).map_err(|error| Failure::new(error.to_string()))?;
    output::note(&format!("Forebay demo in {}", folder.display()));
    let opened = signals.or(Box::pin(Wiring::open(settings.calling_itself(), telemetry, Role::Server))).await;
    let Some(wiring) = opened else { return Ok(()) };
    let wiring = wiring?;
    if let Err(failure) = wiring.announce().await {
        wiring.close().await;
        return Err(failure);
    }
    let listening = wiring.cache_lookups();
    let stop = CancellationToken::new();
    let server = start(&wiring, listener, stop.clone());
    let worker = start_worker(&wiring, stop.clone());
    let prepared = signals.or(Box::pin(prepare(&wiring, &folder, arguments))).await;
    let shown = match prepared {
        Some(Ok(keys)) => ready(&wiring, &keys, began, as_json).map(|()| true),
        Some(Err(failure)) => Err(failure),
        None => {
            output::note("stopping: what is there by now is kept …");
            Ok(false)
        }
    };
    let outcome = match shown {
        Ok(true) => run_until_stopped(server, Some(worker), stop, &mut signals).await,
        ended => {
            stop.cancel();
            // The parts drain; what they say now matters less than why the demo could not begin.
            let _ = (server.await, worker.await);
            ended.map(drop)
        }
    };
    // Before the database goes, which it would take for a loss.
    drop(listening);
    wiring.close().await;
    outcome
}

async fn prepare(wiring: &Wiring, folder: &Path, arguments: &DemoArgs) -> Result<DemoKeys, Failure> {
    let tenant = ensure_tenant(wiring, TENANT).await?;
    let upstream = ensure_tenant(wiring, UPSTREAM).await?;
    let keys = ensure_keys(wiring, folder, &tenant, &upstream).await?;
    let sandbox = ensure_sandbox(wiring, &upstream, arguments).await?;
    let mirror = ensure_mirror(wiring, &tenant, &sandbox, &keys).await?;
    // Its own sandbox has moved by now, with its webhooks; these are those that were added beside it.
    wiring.gather_sandboxes().await?;
    output::note("copying the sandbox into the mirror, over HTTP …");
    let run = sync_now(wiring, &tenant, &mirror, true).await?;
    output::note(&format!(
        "copied {} issues, {} comments, {} changelog items, {} worklogs in {:.1} s",
        run.counts.issues,
        run.counts.comments,
        run.counts.changelog_items,
        run.counts.worklogs,
        (run.finished_at.unwrap_or(run.updated_at) - run.started_at).num_milliseconds() as f64 / 1000.0
    ));
    Ok(keys)
}

async fn ensure_tenant(wiring: &Wiring, name: &str) -> Result<Tenant, Failure> {
    let mut tx = wiring.services.db.platform().await?;
    if let Some(tenant) = tx.tenant_named(name).await? {
        return Ok(tenant);
    }
    let tenant = tx.create_tenant(name).await?;
    tx.commit().await?;
    Ok(tenant)
}

async fn ensure_keys(
    wiring: &Wiring,
    folder: &Path,
    tenant: &Tenant,
    upstream: &Tenant,
) -> Result<DemoKeys, Failure> {
    let path = folder.join("demo.json");
    if let Some(keys) = read_keys(&path)? {
        let mut good = true;
        for key in [&keys.key, &keys.upstream_key, &keys.mirror_key] {
            match keys::authenticate(&wiring.services, &key.as_str().into(), "demo").await {
                Ok(_) => {}
                Err(Error::Unauthenticated(_)) => good = false,
                Err(error) => return Err(error.into()),
            }
        }
        if good {
            return Ok(keys);
        }
    }
    let services = &wiring.services;
    let create = async |tenant: &Tenant, name: &str| {
        let (_, key) = keys::create_key(
            services,
            &Wiring::operator(tenant),
            keys::KeySpec { name: name.into(), scopes: Scope::ALL.to_vec(), ..Default::default() },
        )
        .await?;
        Ok::<_, Failure>(key.expose_secret().to_owned())
    };
    let keys = DemoKeys {
        key: create(tenant, "demo").await?,
        upstream_key: create(upstream, "demo").await?,
        mirror_key: create(upstream, "mirror of the sandbox").await?,
    };
    write_keys(&path, &keys)?;
    Ok(keys)
}

fn read_keys(path: &PathBuf) -> Result<Option<DemoKeys>, Failure> {
    match fs::read(path) {
        // A file that was cut short is made anew: the keys in it are of no use.
        Ok(bytes) => Ok(serde_json::from_slice(&bytes).ok()),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(Failure::new(format!("{} cannot be read: {error}", path.display()))),
    }
}

fn write_keys(path: &PathBuf, keys: &DemoKeys) -> Result<(), Failure> {
    let failed =
        |error: std::io::Error| Failure::new(format!("{} cannot be written: {error}", path.display()));
    let mut file = fs::OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(true)
        .mode(0o600)
        .open(path)
        .map_err(failed)?;
    file.write_all(&serde_json::to_vec_pretty(keys)?).map_err(failed)
}

async fn ensure_sandbox(wiring: &Wiring, tenant: &Tenant, arguments: &DemoArgs) -> Result<Instance, Failure> {
    let services = &wiring.services;
    let found = services.db.tenant(&TenantContext::whole(tenant.id)).await?.instance(SANDBOX).await?;
    let instance = match found {
        Some(instance) => instance,
        None => {
            let new = NewInstance {
                name: SANDBOX.to_owned(),
                display_name: Some("Sandbox Jira".to_owned()),
                kind: InstanceKind::Sandbox,
                url: None,
                auth: AuthMethod::None,
                email: None,
                token: None,
                grant: None,
                cloud_id: None,
                requests_per_minute: None,
            };
            instances::add_instance(services, &Wiring::operator(tenant), new).await?
        }
    };
    let instance =
        move_here(wiring, tenant, instance, &format!("{}/jira/{SANDBOX}", services.public_url)).await?;
    let stored = services.db.tenant(&TenantContext::whole(tenant.id)).await?.issue_count(instance.id).await?;
    if stored > 0 {
        if stored != arguments.issues {
            output::note(&format!(
                "this folder has {stored} issues already; --issues and --seed are for a new one"
            ));
        }
    } else {
        output::note(&format!(
            "filling a sandbox Jira with {} issues (seed {}) …",
            arguments.issues, arguments.seed
        ));
        let seeded =
            seed_sandbox(wiring, tenant, &instance, arguments.issues, arguments.seed, &mut |_| {}).await?;
        let counts = seeded.counts;
        output::note(&format!("{} issues, {} changelog items stored", counts.issues, counts.changelog_items));
        if arguments.service_desk {
            let added = application::sandbox::add_service_project(
                services,
                tenant.id,
                &instance,
                (REQUESTS, arguments.seed),
            )
            .await?;
            output::note(&format!("a service desk with {} requests, project {}", added.requests, added.key));
        }
        refresh(wiring).await?;
    }
    Ok(instance)
}

async fn ensure_mirror(
    wiring: &Wiring,
    tenant: &Tenant,
    sandbox: &Instance,
    keys: &DemoKeys,
) -> Result<Instance, Failure> {
    let services = &wiring.services;
    let operator = Wiring::operator(tenant);
    let found = services.db.tenant(&TenantContext::whole(tenant.id)).await?.instance(MIRROR).await?;
    let instance = match found {
        Some(instance) => instance,
        None => {
            let new = NewInstance {
                name: MIRROR.to_owned(),
                display_name: Some("Jira (mirror of the sandbox)".to_owned()),
                kind: InstanceKind::Cloud,
                url: Some(sandbox.base_url.clone()),
                auth: AuthMethod::ApiToken,
                email: Some(SecretString::from("demo@forebay.invalid".to_owned())),
                token: Some(SecretString::from(keys.mirror_key.clone())),
                grant: None,
                cloud_id: None,
                requests_per_minute: Some(OWN_SANDBOX),
            };
            instances::add_instance(services, &operator, new).await?
        }
    };
    let instance = move_here(wiring, tenant, instance, &sandbox.base_url).await?;
    let tested = instances::test_instance(services, &operator, MIRROR, Push::Register).await?;
    if let Some(problem) = tested.webhook_problem {
        output::note(&format!("no webhook could be registered: {problem}"));
    }
    Ok(instance)
}

/// A demo may come back on another port: its addresses follow, and webhooks to the old one are taken down.
async fn move_here(
    wiring: &Wiring,
    tenant: &Tenant,
    instance: Instance,
    base_url: &str,
) -> Result<Instance, Failure> {
    if instance.base_url == base_url {
        return Ok(instance);
    }
    let mut tx = wiring.services.db.tenant(&TenantContext::whole(tenant.id)).await?;
    for webhook in tx.webhooks(instance.id).await? {
        tx.remove_webhook(instance.id, webhook.jira_id).await?;
    }
    tx.move_instance(instance.id, base_url).await?;
    tx.commit().await?;
    let mut tx = wiring.services.db.tenant(&TenantContext::whole(tenant.id)).await?;
    Ok(tx.instance(&instance.name).await?.ok_or_else(|| Error::not_found("instance", instance.name))?)
}

fn ready(wiring: &Wiring, keys: &DemoKeys, began: Instant, as_json: bool) -> Result<(), Failure> {
    let url = wiring.settings.public_url();
    let state = web_state(wiring, CancellationToken::new());
    let console = web::login_link(&state, &keys.key.as_str().into())?;
    let mcp = json!({
        "mcpServers": {
            "forebay": {
                "type": "http",
                "url": format!("{url}/mcp"),
                "headers": { "Authorization": format!("Bearer {}", keys.key) },
            },
        },
    });
    let seconds = began.elapsed().as_secs_f64();
    if as_json {
        return output::json(&json!({
            "console": console, "url": url, "key": keys.key, "upstream_key": keys.upstream_key, "mcp": mcp,
            "mirror": format!("{url}/jira/{MIRROR}"), "sandbox": format!("{url}/jira/{SANDBOX}"), "seconds": seconds,
        }));
    }
    output::line(&format!("\nReady after {seconds:.1} s.\n"))?;
    output::line(&format!("  Console    {console}"))?;
    output::line(&format!("  API        {url}/docs/api"))?;
    output::line(&format!("  Key        {}   (tenant {TENANT})", keys.key))?;
    output::line(&format!(
        "             {}   (tenant {UPSTREAM}: owns the sandbox, sees nothing of {TENANT})",
        keys.upstream_key
    ))?;
    output::line("\nFor an MCP client:\n")?;
    for line in serde_json::to_string_pretty(&mcp)?.lines() {
        output::line(&format!("  {line}"))?;
    }
    output::line("\nThree things to try:\n")?;
    output::line("  1. Ask in JQL, answered from PostgreSQL:")?;
    output::line(&format!(
        "     curl -s -H 'Authorization: Bearer {}' --get '{url}/v1/issues' --data-urlencode 'jql=statusCategory = \"In Progress\" ORDER BY updated DESC'",
        keys.key
    ))?;
    output::line("  2. Let any Jira client believe that it speaks to Jira:")?;
    output::line(&format!(
        "     curl -s -u me@example.com:{} '{url}/jira/{MIRROR}/rest/api/3/myself'",
        keys.key
    ))?;
    output::line("  3. Add a comment at the sandbox, and see it arrive in the mirror within a second:")?;
    output::line(&format!(
        "     curl -s -u me@example.com:{} -H 'Content-Type: application/json' -d '{{\"body\":\"Hello from the source\"}}' '{url}/jira/{SANDBOX}/rest/api/2/issue/10001/comment'",
        keys.upstream_key
    ))?;
    output::line("\nCtrl-C stops it; run it again and it comes back with its data.")?;
    Ok(())
}
