//! `forebay sandbox workflow`

use application::sandbox::workflow::{self, WorkflowPlan};
use serde_json::Value;

use super::read_json;
use crate::{cli::workflow::WorkflowArgs, failure::Failure, output, wiring::Wiring};

pub(super) async fn run(wiring: &Wiring, arguments: &WorkflowArgs, as_json: bool) -> Result<(), Failure> {
    let plan =
        arguments.file.as_deref().map(|file| WorkflowPlan::parse(&read_json(file)?).map_err(Failure::from));
    let plan = plan.transpose()?;
    let (tenant, instance) = wiring.instance(arguments.tenant.tenant.as_deref(), &arguments.name).await?;
    let (services, operator) = (&wiring.services, Wiring::operator(&tenant));
    match &plan {
        Some(plan) => workflow::set(services, &operator, &instance.name, plan).await?,
        None if arguments.clear => workflow::clear(services, &operator, &instance.name).await?,
        None => {}
    }
    let (plan, is_own) = workflow::read(services, &operator, &instance.name).await?;
    if as_json {
        return output::json(&plan);
    }
    let whose = if is_own { "the workflow it was given" } else { "the workflow it has by itself" };
    output::note(&format!("sandbox `{}` goes by {whose}:", instance.name));
    show(&plan)
}

fn show(plan: &WorkflowPlan) -> Result<(), Failure> {
    let name =
        |id: &str| plan.workflow.status(id).map_or_else(|| id.to_owned(), |status| status.name.clone());
    let rows = plan.workflow.transitions().iter().map(|transition| {
        let from: Vec<String> = transition.from.iter().map(|id| name(id)).collect();
        let from = if transition.is_global() { "(any)".to_owned() } else { from.join(", ") };
        let conditions = match serde_json::to_value(&transition.conditions)? {
            Value::Array(conditions) if !conditions.is_empty() => {
                conditions.iter().map(ToString::to_string).collect::<Vec<_>>().join(" ")
            }
            _ => String::new(),
        };
        let required = transition.required.join(", ");
        Ok(vec![
            transition.id.clone(),
            transition.name.clone(),
            from,
            name(&transition.to),
            conditions,
            required,
        ])
    });
    let rows = rows.collect::<Result<Vec<_>, Failure>>()?;
    output::table(&["ID", "TRANSITION", "FROM", "TO", "CONDITIONS", "REQUIRES"], &rows)
}
