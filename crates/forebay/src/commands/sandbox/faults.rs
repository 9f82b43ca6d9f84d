//! `forebay sandbox faults`

use application::sandbox::faults::{self, FaultPlan, FaultReport};
use serde_json::{Map, Value, json};

use super::read_json;
use crate::{cli::sandbox::FaultArgs, failure::Failure, output, wiring::Wiring};

/// Options of faults that are lists: written with commas.
const LISTS: [&str; 5] = ["endpoints", "methods", "events", "projects", "issues"];

pub(super) async fn run(wiring: &Wiring, arguments: &FaultArgs, as_json: bool) -> Result<(), Failure> {
    let plan = plan(arguments)?;
    let (tenant, instance) = wiring.instance(arguments.tenant.tenant.as_deref(), &arguments.name).await?;
    let (services, operator) = (&wiring.services, Wiring::operator(&tenant));
    let report = match plan {
        Some(plan) => faults::set(services, &operator, &instance.name, plan).await?,
        None if arguments.clear => faults::clear(services, &operator, &instance.name).await?,
        None => faults::read(services, &operator, &instance.name).await?,
    };
    if as_json {
        return output::json(&report);
    }
    show(&instance.name, &report)
}

fn show(name: &str, report: &FaultReport) -> Result<(), Failure> {
    match &report.plan {
        None => output::note(&format!("sandbox `{name}` does nothing wrong")),
        Some(plan) => {
            output::note(&format!("sandbox `{name}`, seed {}:", plan.seed));
            let rows = plan.rules.iter().map(|rule| {
                let mut options = serde_json::to_value(rule)?;
                if let Some(options) = options.as_object_mut() {
                    options.remove("fault");
                    options.remove("probability");
                }
                Ok(vec![rule.fault.kind().to_owned(), rule.probability.to_string(), options.to_string()])
            });
            output::table(&["FAULT", "PROBABILITY", "OPTIONS"], &rows.collect::<Result<Vec<_>, Failure>>()?)?;
        }
    }
    if !report.injected.is_empty() {
        let rows: Vec<Vec<String>> =
            report.injected.iter().map(|(kind, count)| vec![kind.clone(), count.to_string()]).collect();
        output::table(&["INJECTED", "TIMES"], &rows)?;
    }
    Ok(())
}

/// The plan that the options or the file say; `None` when neither says one.
fn plan(arguments: &FaultArgs) -> Result<Option<FaultPlan>, Failure> {
    let mut plan = match &arguments.file {
        Some(file) => read_json(file)?,
        None if arguments.faults.is_empty() => return Ok(None),
        None => {
            let rules: Vec<Value> =
                arguments.faults.iter().map(|text| rule(text)).collect::<Result<_, _>>()?;
            json!({ "rules": rules })
        }
    };
    if let (Some(seed), Some(members)) = (arguments.seed, plan.as_object_mut()) {
        members.insert("seed".into(), seed.into());
    }
    Ok(Some(FaultPlan::parse(&plan)?))
}

/// A rule in one line: `rate_limit retry_after=2 probability=0.1 on.endpoints=search,issue`.
fn rule(text: &str) -> Result<Value, Failure> {
    let mut words = text.split_whitespace();
    let mut members = Map::new();
    members.insert("fault".into(), json!(words.next().unwrap_or_default()));
    for word in words {
        let (path, value) = word.split_once('=').ok_or_else(|| {
            Failure::new(format!("--fault: `{word}` is no option"))
                .hint("write --fault 'rate_limit retry_after=2 probability=0.1 on.endpoints=search,issue'")
        })?;
        let value = value_of(path, value);
        match path.split_once('.') {
            None => members.insert(path.to_owned(), value),
            Some((group, name)) => {
                let group = members.entry(group).or_insert_with(|| json!({}));
                group.as_object_mut().and_then(|group| group.insert(name.to_owned(), value))
            }
        };
    }
    Ok(Value::Object(members))
}

fn value_of(path: &str, text: &str) -> Value {
    let name = path.rsplit('.').next().unwrap_or(path);
    if LISTS.contains(&name) {
        return text.split(',').filter(|entry| !entry.is_empty()).collect();
    }
    serde_json::from_str(text).unwrap_or_else(|_| json!(text))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rule_fits_on_a_line() {
        let read = rule(
            "rate_limit retry_after=2 probability=0.1 on.endpoints=search,issue on.path=/rest/* bare=true",
        )
        .unwrap();
        let wanted = json!({ "fault": "rate_limit", "retry_after": 2, "probability": 0.1, "bare": true,
                             "on": { "endpoints": ["search", "issue"], "path": "/rest/*" } });
        assert_eq!(read, wanted);
        let hidden = rule("hidden issues=10001,PAY-7").unwrap();
        assert_eq!(hidden["issues"], json!(["10001", "PAY-7"]), "ids are text");
        assert!(FaultPlan::parse(&json!({ "rules": [read, hidden] })).is_ok());
        assert!(rule("latency 5").is_err());
    }
}
