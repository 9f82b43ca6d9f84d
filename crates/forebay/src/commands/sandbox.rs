//! `forebay sandbox`

mod faults;
mod seed;
mod workflow;

use std::{
    fs::File,
    io::{BufRead, BufReader, Read},
    path::Path,
};

use application::{
    instances::Instance, issues::UpsertCounts, pulse::RefreshMetrics, sandbox, tenants::Tenant,
};
use serde::Serialize;
use serde_json::Value;

pub(super) use seed::{Seeded, bar, seed_sandbox};

use crate::{cli::sandbox::SandboxCommand, failure::Failure, output, wiring::Wiring};

/// Issues per transaction.
const BATCH: usize = 500;
/// A longer line is no issue: Jira itself caps an issue far below.
const LONGEST_LINE: usize = 64 * 1024 * 1024;

pub(super) async fn run(wiring: &Wiring, command: &SandboxCommand, as_json: bool) -> Result<(), Failure> {
    match command {
        SandboxCommand::Seed { name, issues, seed, server, tenant } => {
            let named = tenant.tenant.as_deref();
            let (tenant, mut instance) = wiring.instance(named, name).await?;
            if *server {
                sandbox::speak_as_server(&wiring.services, tenant.id, &instance).await?;
                (_, instance) = wiring.instance(named, name).await?;
            }
            seed::run(wiring, (&tenant, &instance), (*issues, *seed), as_json).await
        }
        SandboxCommand::ServiceDesk { name, requests, seed, tenant } => {
            let (tenant, instance) = wiring.instance(tenant.tenant.as_deref(), name).await?;
            let added =
                sandbox::add_service_project(&wiring.services, tenant.id, &instance, (*requests, *seed))
                    .await?;
            refresh(wiring).await?;
            if as_json {
                return output::json(&added);
            }
            output::line(&format!(
                "project {} with service desk {} and {}",
                added.key,
                added.service_desk,
                output::counted(added.requests, "request")
            ))
        }
        SandboxCommand::Faults(arguments) => faults::run(wiring, arguments, as_json).await,
        SandboxCommand::Workflow(arguments) => workflow::run(wiring, arguments, as_json).await,
        SandboxCommand::Import { name, files, tenant } => {
            let (tenant, instance) = wiring.instance(tenant.tenant.as_deref(), name).await?;
            let mut import =
                Import { wiring, tenant: &tenant, instance: &instance, outcome: ImportSummary::default() };
            for file in files {
                import.file(file).await?;
            }
            let outcome = import.outcome;
            refresh(wiring).await?;
            for reject in &outcome.rejected {
                output::note(&format!("{}:{}: {}", reject.file, reject.line, reject.reason));
            }
            outcome.show(as_json)
        }
    }
}

impl ImportSummary {
    /// # Errors
    /// A failure with the exit code for "done, but not all is well" when lines were rejected, after everything was shown.
    fn show(&self, as_json: bool) -> Result<(), Failure> {
        let rejected = output::counted(self.rejected.len() as u64, "line");
        match as_json {
            true => output::json(self)?,
            false => output::line(&format!(
                "{}; {} already there; {rejected} rejected",
                told(&self.counts),
                output::counted(self.already_there, "issue")
            ))?,
        }
        if self.rejected.is_empty() {
            return Ok(());
        }
        Err(Failure::in_part(format!("{rejected} rejected")).hint(
            "they are named above, with the reason; mend them and import the file again: what is stored already stays",
        ))
    }
}

fn told(counts: &UpsertCounts) -> String {
    format!(
        "{}, {}, {}, {} stored",
        output::counted(counts.issues, "issue"),
        output::counted(counts.comments, "comment"),
        output::counted(counts.changelog_items, "changelog item"),
        output::counted(counts.worklogs, "worklog")
    )
}

/// After a large load: lets the planner and the metrics see the new rows.
pub(super) async fn refresh(wiring: &Wiring) -> Result<(), Failure> {
    let mut tx = wiring.services.db.platform().await?;
    tx.gather_statistics().await?;
    if !tx.refresh_metrics().await? {
        // One that is under way may have begun too early to see the new rows.
        tx.enqueue(RefreshMetrics::soon(&wiring.services)?).await?;
    }
    Ok(tx.commit().await?)
}

fn add(sum: &mut UpsertCounts, more: UpsertCounts) {
    sum.issues += more.issues;
    sum.comments += more.comments;
    sum.changelog_items += more.changelog_items;
    sum.worklogs += more.worklogs;
}

#[derive(Default, Serialize)]
struct ImportSummary {
    #[serde(flatten)]
    counts: UpsertCounts,
    already_there: u64,
    rejected: Vec<RejectedLine>,
}

#[derive(Serialize)]
struct RejectedLine {
    file: String,
    line: usize,
    reason: String,
}

struct Import<'a> {
    wiring: &'a Wiring,
    tenant: &'a Tenant,
    instance: &'a Instance,
    outcome: ImportSummary,
}

impl Import<'_> {
    async fn file(&mut self, path: &Path) -> Result<(), Failure> {
        let name = path.display().to_string();
        let mut reader: Box<dyn BufRead + Send> = if name == "-" {
            Box::new(BufReader::new(std::io::stdin()))
        } else {
            let file =
                File::open(path).map_err(|error| Failure::new(format!("{name} cannot be read: {error}")))?;
            Box::new(BufReader::with_capacity(1 << 20, file))
        };
        let mut batch: Vec<(usize, Value)> = Vec::with_capacity(BATCH);
        let mut bytes = Vec::new();
        let mut number = 0;
        let first_reject = self.outcome.rejected.len();
        loop {
            bytes.clear();
            let read = reader
                .read_until(b'\n', &mut bytes)
                .map_err(|error| Failure::new(format!("{name} cannot be read on: {error}")))?;
            if read == 0 {
                break;
            }
            number += 1;
            match parse(&bytes) {
                Ok(Some(issue)) => batch.push((number, issue)),
                Ok(None) => {}
                Err(reason) => {
                    self.outcome.rejected.push(RejectedLine { file: name.clone(), line: number, reason })
                }
            }
            if batch.len() == BATCH {
                self.store(&name, std::mem::take(&mut batch)).await?;
            }
        }
        self.store(&name, batch).await?;
        // Some are rejected when they are read, others when their batch is stored.
        self.outcome.rejected[first_reject..].sort_by_key(|reject| reject.line);
        Ok(())
    }

    async fn store(&mut self, file: &str, batch: Vec<(usize, Value)>) -> Result<(), Failure> {
        if batch.is_empty() {
            return Ok(());
        }
        let (lines, issues): (Vec<usize>, Vec<Value>) = batch.into_iter().unzip();
        let services = &self.wiring.services;
        let outcome = sandbox::import_issues(services, self.tenant.id, self.instance, issues).await?;
        add(&mut self.outcome.counts, outcome.counts);
        self.outcome.already_there += outcome.already_there;
        self.outcome.rejected.extend(outcome.rejected.into_iter().map(|reject| RejectedLine {
            file: file.to_owned(),
            line: lines[reject.index],
            reason: reject.reason,
        }));
        Ok(())
    }
}

/// A line's issue; `None` for an empty line.
fn parse(bytes: &[u8]) -> Result<Option<Value>, String> {
    if bytes.len() > LONGEST_LINE {
        return Err(format!("is longer than {LONGEST_LINE} bytes"));
    }
    let text = std::str::from_utf8(bytes).map_err(|error| format!("is not UTF-8: {error}"))?;
    let text = text.trim_start_matches('\u{feff}').trim();
    if text.is_empty() {
        return Ok(None);
    }
    let value: Value = serde_json::from_str(text).map_err(|error| format!("is not JSON: {error}"))?;
    match value.is_object() {
        true => Ok(Some(value)),
        false => Err(format!("is not an issue but {}", json_kind(&value))),
    }
}

fn json_kind(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "a boolean",
        Value::Number(_) => "a number",
        Value::String(_) => "a string",
        Value::Array(_) => "an array",
        Value::Object(_) => "an object",
    }
}

/// A document that a command is given.
fn read_json(file: &Path) -> Result<Value, Failure> {
    let name = file.display();
    let mut text = String::new();
    let read = match file.as_os_str() == "-" {
        true => std::io::stdin().lock().read_to_string(&mut text),
        false => File::open(file).and_then(|mut file| file.read_to_string(&mut text)),
    };
    read.map_err(|error| Failure::new(format!("{name} cannot be read: {error}")))?;
    serde_json::from_str(&text)
        .map_err(|error| Failure::new(format!("{name} is not well-formed JSON: {error}")))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_line_is_an_issue_or_tells_why_not() {
        assert_eq!(parse(b"{\"id\":\"1\"}\n").unwrap(), Some(json!({"id": "1"})));
        assert_eq!(parse(b"  \r\n").unwrap(), None);
        assert!(parse(b"{\"id\":").unwrap_err().starts_with("is not JSON: EOF"));
        assert_eq!(parse(b"[1]").unwrap_err(), "is not an issue but an array");
        assert!(parse(b"\xff").unwrap_err().starts_with("is not UTF-8"));
    }
}
