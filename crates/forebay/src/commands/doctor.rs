//! `forebay doctor`: what is right, what is not, and what to do about it.

use application::{TenantContext, instances, webhooks};
use chrono::TimeDelta;
use infrastructure::{
    clock::DatabaseClock,
    outbound,
    postgres::{PgDatabase, ServerRecord, migrate, roles},
    telemetry::Telemetry,
};
use serde::Serialize;
use sqlx::PgConnection;

use crate::{
    failure::Failure,
    output,
    settings::Settings,
    wiring::{Access, Role, Wiring},
};

/// A machine whose clock is further off should be looked after.
const MOST_AHEAD: TimeDelta = TimeDelta::seconds(30);

#[derive(Serialize)]
struct Finding {
    check: String,
    ok: bool,
    detail: String,
}

#[derive(Default)]
struct Report(Vec<Finding>);

impl Report {
    fn add(&mut self, check: &str, outcome: Result<String, Failure>) -> bool {
        let (ok, detail) = match outcome {
            Ok(detail) => (true, detail),
            Err(failure) => (false, [vec![failure.message], failure.hints].concat().join("; ")),
        };
        self.0.push(Finding { check: check.to_owned(), ok, detail });
        ok
    }

    fn show(self, as_json: bool) -> Result<(), Failure> {
        let broken = self.0.iter().filter(|finding| !finding.ok).count();
        if as_json {
            output::json(&self.0)?;
        } else {
            for finding in &self.0 {
                output::line(&format!(
                    "{} {}: {}",
                    if finding.ok { "✓" } else { "✗" },
                    finding.check,
                    finding.detail
                ))?;
            }
        }
        if broken == 0 {
            return Ok(());
        }
        Err(Failure::new(format!("{} failed", output::counted(broken as u64, "check"))).answered())
    }
}

pub(super) async fn run(settings: Settings, telemetry: Telemetry, as_json: bool) -> Result<(), Failure> {
    outbound::install_tls();
    let mut report = Report::default();
    let access = match Access::open(&settings).await {
        Ok(access) => access,
        Err(failure) => {
            report.add("configuration", Ok(place(&settings, None)));
            report.add("database", Err(failure));
            return report.show(as_json);
        }
    };
    report.add("configuration", Ok(place(&settings, access.latest_server().await)));
    let sound = database(&mut report, &access, &settings).await;
    redis(&mut report, &settings).await;
    access.close().await;
    if sound {
        let wiring = Wiring::open(settings, telemetry, Role::Command).await?;
        clock(&mut report, &wiring).await;
        sites(&mut report, &wiring).await?;
        wiring.close().await;
    }
    report.show(as_json)
}

/// Where Forebay is reached, and who says so.
fn place(settings: &Settings, server: Option<ServerRecord>) -> String {
    match server {
        _ if settings.tells_address() => format!("reached at {}", settings.public_url()),
        Some(server) => format!(
            "reached at {}, as the server says that started {}",
            server.public_url,
            server.started_at.format("%Y-%m-%d %H:%M UTC")
        ),
        None => format!(
            "no server has started here yet; it will be reached at {} unless told otherwise",
            settings.public_url()
        ),
    }
}

async fn database(report: &mut Report, access: &Access, settings: &Settings) -> bool {
    let mut owner = match access.owner().await {
        Ok(owner) => owner,
        Err(failure) => return report.add("database", Err(failure)),
    };
    let place =
        if access.is_local() { "Forebay's own PostgreSQL answers" } else { "the named PostgreSQL answers" };
    report.add("database", Ok(place.to_owned()));
    let steps = migrate::status(&mut owner).await.map_err(Failure::from);
    let steps =
        steps.and_then(|steps| {
            let pending = steps.iter().filter(|step| !step.applied).count();
            match pending {
                0 => Ok(format!("all {} migrations are applied", steps.len())),
                _ if access.is_local() => {
                    Ok(format!("{pending} migrations are pending; the next command applies them"))
                }
                _ => Err(Failure::new(format!("{pending} migrations are pending"))
                    .hint("run `forebay migrate up`")),
            }
        });
    if !report.add("migrations", steps) {
        return false;
    }
    if access.is_local()
        && let Err(failure) = access.migrate().await
    {
        return report.add("migrations", Err(failure));
    }
    let gaps = match roles::border_gaps(&mut owner).await {
        Ok(gaps) => gaps,
        Err(error) => return report.add("border", Err(error.into())),
    };
    for gap in &gaps {
        report
            .add("border", Err(Failure::new(gap.what.clone()).hint(format!("to close it: {}", gap.remedy))));
    }
    if !gaps.is_empty() {
        return false;
    }
    guests(report, &mut owner).await;
    // That each role can sign in, and is who it should be.
    let border = match PgDatabase::connect(access.roles(), settings.pools()).await {
        Ok(database) => {
            database.close().await;
            Ok("no role can bypass row-level security; every tenant's table is behind it".to_owned())
        }
        Err(error) => Err(Failure::from(error).hint("run `forebay migrate up`: it makes the roles")),
    };
    report.add("border", border)
}

/// A question at the SQL door meets PostgreSQL's own functions only if it gets past the guard, so open ones are no gap.
async fn guests(report: &mut Report, owner: &mut PgConnection) {
    let found = match roles::open_functions(owner).await {
        Ok(open) if open.is_empty() => {
            Ok("its role may call no function that watches, stops or blocks other sessions, or runs SQL from a text"
                .to_owned())
        }
        Ok(open) => Ok(format!(
            "held by the guard alone: its role may call {} of PostgreSQL's functions that watch, stop or block other sessions, or \
             run SQL from a text; `forebay migrate up` takes them away when DATABASE_URL is a superuser's",
            open.len()
        )),
        Err(error) => Err(error.into()),
    };
    report.add("sql door", found);
}

async fn redis(report: &mut Report, settings: &Settings) {
    use secrecy::ExposeSecret;
    let outcome = match &settings.redis_url {
        None => Ok("not configured: cache and limits are in-process".to_owned()),
        Some(url) => match infrastructure::cache::ping(url.expose_secret()).await {
            Ok(()) => Ok("answers".to_owned()),
            Err(error) => {
                Err(Failure::new(error.to_string()).hint("Forebay works without it, slower; check REDIS_URL"))
            }
        },
    };
    report.add("redis", outcome);
}

async fn clock(report: &mut Report, wiring: &Wiring) {
    let outcome = match DatabaseClock::default().compare(&wiring.database).await {
        Ok(ahead) if ahead.abs() > MOST_AHEAD => {
            let off = format!("the database's clock is {} s ahead of this machine's", ahead.num_seconds());
            Err(Failure::new(off).hint("let both follow NTP; until then the database's clock is gone by"))
        }
        Ok(ahead) => Ok(format!("the database's is {} ms ahead of this machine's", ahead.num_milliseconds())),
        Err(error) => Err(error.into()),
    };
    report.add("clock", outcome);
}

async fn sites(report: &mut Report, wiring: &Wiring) -> Result<(), Failure> {
    let tenants = wiring.services.db.platform().await?.tenants().await?;
    if tenants.is_empty() {
        report.add(
            "instances",
            Ok("there is no tenant yet; `forebay tenant create NAME` makes one".to_owned()),
        );
    }
    for tenant in tenants {
        let mut tx = wiring.services.db.tenant(&TenantContext::whole(tenant.id)).await?;
        let all = tx.instances().await?;
        drop(tx);
        for instance in all.into_iter().filter(|instance| instance.kind.is_mirror()) {
            let site = async {
                let site = instances::connect(&wiring.services, tenant.id, &instance).await?;
                site.identify().await
            };
            let outcome = site.await.map_err(Failure::from).map(|identity| {
                format!(
                    "{} {}, signed in as {}",
                    identity.deployment_type, identity.version, identity.account_id
                )
            });
            let outcome =
                outcome.map_err(|failure| failure.hint(format!("check {} and its token", instance.base_url)));
            report.add(&format!("instance {}/{}", tenant.name, instance.name), outcome);
            let mut tx = wiring.services.db.tenant(&TenantContext::whole(tenant.id)).await?;
            let health = webhooks::health(tx.as_mut(), instance.id, wiring.now()).await?;
            drop(tx);
            report
                .add(&format!("webhook {}/{}", tenant.name, instance.name), webhook(&health, &instance.name));
        }
    }
    Ok(())
}

/// As it was when the site was asked last, which happens by itself once a day.
fn webhook(health: &webhooks::WebhookHealth, name: &str) -> Result<String, Failure> {
    if let Some(problem) = health.problem() {
        return Err(
            Failure::new(problem).hint(format!("`forebay instance webhook register {name}` sees to it"))
        );
    }
    Ok(match &health.registration {
        Some(kept) if kept.delivers() => "the site tells of changes".to_owned(),
        Some(kept) => format!("changes come by polling: {}", kept.explanation()),
        None => "changes come by polling: `forebay instance test` registers a webhook where the account may"
            .to_owned(),
    })
}
