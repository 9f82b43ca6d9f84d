//! `forebay sync census`, `check`, `freshness` and `rejects`.

use std::time::Duration;

use application::{
    Error, TenantContext,
    instances::Instance,
    sync::{
        census::{self, Census, CensusState},
        drift,
        reference::ReferenceRead,
        rejects,
    },
    tenants::Tenant,
    webhooks,
};
use chrono::{DateTime, Utc};
use serde_json::{Value, json};

use crate::{
    cli::upkeep::{CensusArgs, InstanceArgs, RejectsCommand},
    failure::Failure,
    output,
    wiring::Wiring,
};

/// Rows that a list shows.
const LISTED: i64 = 200;

pub(super) async fn census(wiring: &Wiring, arguments: &CensusArgs, as_json: bool) -> Result<(), Failure> {
    let (tenant, instance) = wiring.instance(arguments.tenant.tenant.as_deref(), &arguments.name).await?;
    let (services, operator) = (&wiring.services, Wiring::operator(&tenant));
    if !arguments.settings.is_empty() {
        let change = &arguments.settings;
        let settings = census::configure(services, &operator, &instance.name, |settings| {
            settings.brake_percent = change.brake_percent.unwrap_or(settings.brake_percent);
            settings.brake_issues = change.brake_issues.unwrap_or(settings.brake_issues);
            settings.every_hours = change.every_hours.unwrap_or(settings.every_hours);
        });
        let settings = settings.await?;
        return match as_json {
            true => output::json(&settings),
            false => output::line(&format!(
                "stops when more than {} % and more than {} issues are gone; every {} hours",
                settings.brake_percent, settings.brake_issues, settings.every_hours
            )),
        };
    }
    let census = if arguments.status {
        let mut tx = services.db.tenant(&TenantContext::whole(tenant.id)).await?;
        let latest = tx.latest_census(instance.id).await?;
        latest.ok_or_else(|| Failure::new(format!("no census of `{}` was taken yet", instance.name)))?
    } else if arguments.reject {
        census::decide(services, &operator, &instance.name, false).await?;
        return output::line("what is gone stays as it was; the next census asks again");
    } else {
        if arguments.accept {
            census::decide(services, &operator, &instance.name, true).await?;
        }
        take(wiring, &tenant, &instance).await?
    };
    show_census(&census, as_json)?;
    match census.state {
        CensusState::Held => Err(Failure::new(census.error.unwrap_or_else(|| "the census is held".into()))
            .answered()
            .hint(format!("`forebay sync census {} --accept` writes them off", instance.name))
            .hint(format!("`forebay sync census {} --reject` keeps them", instance.name))),
        CensusState::Failed => {
            Err(Failure::new(census.error.unwrap_or_else(|| "the census failed".into())).answered())
        }
        _ => Ok(()),
    }
}

/// Takes the census here, or waits for the one that a worker is taking.
async fn take(wiring: &Wiring, tenant: &Tenant, instance: &Instance) -> Result<Census, Failure> {
    let taken = census::run(&wiring.services, tenant.id, instance.id).await;
    let reason = match taken {
        Err(Error::Conflict(reason)) => reason,
        other => return other.map_err(Failure::from),
    };
    loop {
        let mut tx = wiring.services.db.tenant(&TenantContext::whole(tenant.id)).await?;
        let latest = tx.latest_census(instance.id).await?;
        let goes_on = tx.sync_schedule(instance.id).await?.paused_at.is_none();
        drop(tx);
        match latest {
            Some(census) if census.state == CensusState::Running && goes_on => {
                tokio::time::sleep(Duration::from_millis(500)).await;
            }
            Some(census) if census.updated_at + chrono::Duration::seconds(5) > wiring.now() => {
                return Ok(census);
            }
            _ => return Err(Failure::new(reason)),
        }
    }
}

fn show_census(census: &Census, as_json: bool) -> Result<(), Failure> {
    if as_json {
        return output::json(&census_document(census));
    }
    let rows: Vec<_> = census
        .projects
        .iter()
        .map(|project| {
            vec![
                project.key.clone(),
                project.state.as_str().to_owned(),
                project.standing.as_str().to_owned(),
                project.present.to_string(),
                project.listed.to_string(),
                project.fetched.to_string(),
                project.gone.to_string(),
                output::cut(project.error.as_deref().unwrap_or_default(), 80),
            ]
        })
        .collect();
    output::table(&["PROJECT", "STATE", "STANDING", "COPY", "LISTED", "FETCHED", "GONE", "PROBLEM"], &rows)?;
    output::note(&format!("{}, {} requests", census.state.as_str(), census.requests));
    Ok(())
}

fn census_document(census: &Census) -> Value {
    let projects: Vec<Value> = census
        .projects
        .iter()
        .map(|project| {
            json!({
                "project": project.key,
                "state": project.state.as_str(),
                "standing": project.standing.as_str(),
                "present": project.present,
                "listed": project.listed,
                "fetched": project.fetched,
                "absent": project.absent,
                "gone": project.gone,
                "unsettled": project.unsettled,
                "error": project.error,
            })
        })
        .collect();
    json!({
        "id": census.id,
        "state": census.state.as_str(),
        "accepted_by": census.accepted_by,
        "requests": census.requests,
        "gone": census.projects.iter().map(|project| project.gone).sum::<u64>(),
        "fetched": census.projects.iter().map(|project| project.fetched).sum::<u64>(),
        "error": census.error,
        "projects": projects,
    })
}

pub(super) async fn check(wiring: &Wiring, arguments: &InstanceArgs, as_json: bool) -> Result<(), Failure> {
    let (tenant, instance) = wiring.instance(arguments.tenant.tenant.as_deref(), &arguments.name).await?;
    let report = drift::check(&wiring.services, tenant.id, instance.id, drift::Share::Round).await?;
    if as_json {
        return output::json(&json!({
            "checked": report.checked, "differing": report.differing, "requests": report.requests,
        }));
    }
    output::line(&format!(
        "{}: {} issues compared, {} differed without a reason and were mended ({} requests)",
        instance.name, report.checked, report.differing, report.requests
    ))
}

fn reference(read: &ReferenceRead) -> Value {
    json!({
        "list": read.list.as_str(), "read_at": read.read_at, "began_at": read.began_at, "finished": read.finished,
        "shown": read.shown, "refused": read.refused, "note": read.note,
    })
}

pub(super) async fn freshness(
    wiring: &Wiring,
    arguments: &InstanceArgs,
    as_json: bool,
) -> Result<(), Failure> {
    let (tenant, instance) = wiring.instance(arguments.tenant.tenant.as_deref(), &arguments.name).await?;
    let mut tx = wiring.services.db.tenant(&TenantContext::whole(tenant.id)).await?;
    let found = tx.freshness(instance.id, wiring.now()).await?;
    let health = webhooks::health(tx.as_mut(), instance.id, wiring.now()).await?;
    drop(tx);
    if as_json {
        let rows: Vec<Value> = found
            .rows
            .iter()
            .map(|row| {
                json!({
                    "project": row.project, "collection": row.collection, "watermark": row.watermark,
                    "polled_at": row.polled_at, "census_at": row.census_at, "checked_at": row.checked_at,
                    "rows_checked": row.rows_checked, "rows_differing": row.rows_differing,
                    "source_rows": row.source_rows, "copy_rows": row.copy_rows,
                })
            })
            .collect();
        return output::json(&json!({
            "instance": instance.name, "requests_24h": found.requests_24h, "rejected": found.rejected,
            "collections": rows, "reference": found.reference.iter().map(reference).collect::<Vec<_>>(),
            "lists": found
                .lists
                .iter()
                .map(|read| json!({ "list": read.list, "read_at": read.read_at }))
                .collect::<Vec<_>>(),
            "webhook": health,
        }));
    }
    let number = |count: Option<u64>| count.map_or_else(|| "-".to_owned(), |count| count.to_string());
    let rows: Vec<_> = found
        .rows
        .iter()
        .map(|row| {
            vec![
                row.project.clone(),
                row.collection.clone(),
                time(row.polled_at),
                time(row.census_at),
                time(row.checked_at),
                number(row.source_rows),
                number(row.copy_rows),
                row.rows_differing.to_string(),
            ]
        })
        .collect();
    output::table(
        &["PROJECT", "COLLECTION", "CHANGES UNTIL", "CENSUS", "COMPARED", "AT SITE", "IN COPY", "DIFFERED"],
        &rows,
    )?;
    output::note(&format!("{} requests in 24 hours, {} rows kept aside", found.requests_24h, found.rejected));
    for read in &found.lists {
        output::note(&format!("{}: read as of {}", read.list, time(read.read_at)));
    }
    for read in &found.reference {
        let told = read.note.clone().unwrap_or_else(|| format!("read as of {}", time(read.read_at)));
        output::note(&format!("{}: {told}", read.list.as_str()));
    }
    if let Some(problem) = health.problem() {
        output::note(&format!("webhook: {problem}"));
    }
    Ok(())
}

pub(super) async fn rejects(wiring: &Wiring, command: &RejectsCommand, as_json: bool) -> Result<(), Failure> {
    match command {
        RejectsCommand::List(arguments) => {
            let (tenant, instance) =
                wiring.instance(arguments.tenant.tenant.as_deref(), &arguments.name).await?;
            let mut tx = wiring.services.db.tenant(&TenantContext::whole(tenant.id)).await?;
            let rows = tx.rejected_rows(instance.id, None, LISTED).await?;
            if as_json {
                return output::json(&rows.iter().map(reject_document).collect::<Vec<_>>());
            }
            let rows: Vec<_> = rows
                .into_iter()
                .map(|row| {
                    vec![
                        row.id.to_string(),
                        row.jira_id.unwrap_or_else(|| "-".to_owned()),
                        row.attempts.to_string(),
                        time(Some(row.retry_at)),
                        output::cut(&row.reason, 80),
                    ]
                })
                .collect();
            output::table(&["ROW", "ISSUE", "MET", "AGAIN", "REASON"], &rows)
        }
        RejectsCommand::Show(arguments) => {
            let (tenant, instance) =
                wiring.instance(arguments.tenant.tenant.as_deref(), &arguments.name).await?;
            let mut tx = wiring.services.db.tenant(&TenantContext::whole(tenant.id)).await?;
            let row = tx.rejected_row(instance.id, arguments.id).await?;
            let row = rejects::require_reject(row, arguments.id)?;
            output::json(&reject_document(&row))
        }
        RejectsCommand::Retry(arguments) => {
            let (tenant, instance) =
                wiring.instance(arguments.tenant.tenant.as_deref(), &arguments.name).await?;
            let operator = Wiring::operator(&tenant);
            let outcome =
                rejects::retry_now(&wiring.services, &operator, &instance.name, arguments.id).await?;
            if as_json {
                return output::json(&json!({ "outcome": outcome.as_str() }));
            }
            output::line(match &outcome {
                rejects::Retried::Stored => "it can be read now, and is stored",
                rejects::Retried::StillBad(reason) => reason,
                rejects::Retried::Gone => "the site does not show it any more",
                rejects::Retried::Unanswered => "the site has no answer just now; it is looked for again",
            })
        }
    }
}

fn reject_document(row: &rejects::RejectedRow) -> Value {
    json!({
        "id": row.id, "jira_id": row.jira_id, "reason": row.reason, "attempts": row.attempts,
        "created_at": row.created_at, "tried_at": row.tried_at, "retry_at": row.retry_at, "payload": row.payload,
    })
}

fn time(at: Option<DateTime<Utc>>) -> String {
    at.map_or_else(|| "never".to_owned(), |at| at.format("%Y-%m-%d %H:%M:%S").to_string())
}
