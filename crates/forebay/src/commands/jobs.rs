//! `forebay jobs`

use application::{
    Caller, Error,
    jobs::{self, QueuedFilter, QueuedJob},
};
use domain::ids::TenantId;

use crate::{cli::JobsCommand, failure::Failure, output, wiring::Wiring};

pub(super) async fn run(wiring: &Wiring, command: &JobsCommand, as_json: bool) -> Result<(), Failure> {
    match command {
        JobsCommand::List { state, limit, tenant } => {
            let state = state.as_deref().map(str::parse).transpose()?;
            // The operator sees the jobs of all tenants, and those of none.
            let tenant = match &tenant.tenant {
                Some(name) => Some(wiring.tenant(Some(name)).await?.id),
                None => None,
            };
            let filter = QueuedFilter { tenant, state, before: None, limit: *limit };
            let found = wiring.services.db.platform().await?.queued_jobs(&filter).await?;
            if as_json { output::json(&found) } else { table(&found) }
        }
        JobsCommand::Show { id } => {
            let job = find(wiring, *id).await?;
            if as_json { output::json(&job) } else { show(&job) }
        }
        JobsCommand::Retry { id } => {
            let job = find(wiring, *id).await?;
            jobs::retry(&wiring.services, &operator(&job)?, *id).await?;
            output::line(&format!("the job {id} will run"))
        }
        JobsCommand::Drop { id } => {
            let job = find(wiring, *id).await?;
            jobs::discard(&wiring.services, &operator(&job)?, *id).await?;
            output::line(&format!("the job {id} is gone"))
        }
    }
}

async fn find(wiring: &Wiring, id: i64) -> Result<QueuedJob, Failure> {
    let found = wiring.services.db.platform().await?.queued_job(None, id).await?;
    Ok(found.ok_or_else(|| Error::not_found("job", id.to_string()))?)
}

/// The operator, acting for the tenant of the job.
fn operator(job: &QueuedJob) -> Result<Caller, Failure> {
    let tenant = job.payload["tenant"].as_str().and_then(|text| text.parse::<TenantId>().ok());
    tenant.map(Caller::system).ok_or_else(|| {
        Failure::new(format!("`{}` is work across tenants: it comes again by itself", job.task))
    })
}

fn table(found: &[QueuedJob]) -> Result<(), Failure> {
    let rows: Vec<Vec<String>> = found
        .iter()
        .map(|job| {
            vec![
                job.id.to_string(),
                job.task.clone(),
                job.state.as_str().to_owned(),
                format!("{}/{}", job.attempts, job.max_attempts),
                job.run_at.format("%Y-%m-%d %H:%M:%S").to_string(),
                output::cut(job.error.as_deref().unwrap_or_default(), 80),
            ]
        })
        .collect();
    output::table(&["ID", "TASK", "STATE", "TRIED", "NOT BEFORE", "ERROR"], &rows)
}

fn show(job: &QueuedJob) -> Result<(), Failure> {
    output::line(&format!("job       {} ({})", job.id, job.task))?;
    output::line(&format!(
        "state     {}, tried {} of {}",
        job.state.as_str(),
        job.attempts,
        job.max_attempts
    ))?;
    output::line(&format!("added     {}", job.created_at))?;
    output::line(&format!("run at    {}", job.run_at))?;
    if let Some(error) = &job.error {
        output::line(&format!("error     {error}"))?;
    }
    output::line(&format!("payload   {}", job.payload))
}
