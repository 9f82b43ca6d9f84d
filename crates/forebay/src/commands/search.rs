//! `forebay search`

use application::{
    TenantContext,
    instances::require_instance,
    issues::IssueRow,
    search::{ExplainedStatement, SearchRequest, SearchStart, parse_jql, request_at},
};
use serde_json::json;

use crate::{cli::SearchArgs, failure::Failure, output, wiring::Wiring};

/// Issues read at once.
const PAGE: u32 = 200;

pub(super) async fn run(wiring: &Wiring, arguments: &SearchArgs, as_json: bool) -> Result<(), Failure> {
    let query = parse_jql(&arguments.jql)?;
    let tenant = wiring.tenant(arguments.tenant.tenant.as_deref()).await?;
    let mut tx = wiring.services.db.tenant(&TenantContext::whole(tenant.id)).await?;
    let instance = match &arguments.instance {
        Some(name) => Some(require_instance(tx.as_mut(), name).await?),
        None => None,
    };
    let mut request = SearchRequest {
        limit: arguments.limit.min(PAGE),
        with_total: true,
        ..request_at(instance.as_ref(), query, wiring.now())
    };
    if arguments.explain {
        return explain(&tx.explain(&request).await?, as_json);
    }
    let mut issues: Vec<IssueRow> = Vec::new();
    let mut total = None;
    loop {
        let page = tx.search(&request).await?;
        if total.is_none() {
            page.warnings.iter().for_each(|warning| output::note(warning));
        }
        total = total.or(page.total);
        issues.extend(page.issues);
        let missing = arguments.limit.saturating_sub(u32::try_from(issues.len()).unwrap_or(u32::MAX));
        match page.next {
            Some(next) if missing > 0 => {
                request.start = SearchStart::After(next);
                request.limit = missing.min(PAGE);
                request.with_total = false;
            }
            _ => break,
        }
    }
    show(&issues, total, as_json)
}

/// Parameters stand beside the SQL, as they are sent.
fn explain(statements: &[ExplainedStatement], as_json: bool) -> Result<(), Failure> {
    if as_json {
        return output::json(&statements);
    }
    for (number, statement) in statements.iter().enumerate() {
        output::line(&format!("-- statement {}", number + 1))?;
        output::line(&statement.sql)?;
        for (place, parameter) in statement.parameters.iter().enumerate() {
            output::line(&format!("--   ${} = {parameter}", place + 1))?;
        }
        for line in &statement.plan {
            output::line(&format!("--   {line}"))?;
        }
    }
    Ok(())
}

fn show(issues: &[IssueRow], total: Option<u64>, as_json: bool) -> Result<(), Failure> {
    if as_json {
        let issues: Vec<_> = issues
            .iter()
            .map(|issue| {
                json!({
                    "instance": issue.instance,
                    "key": issue.key,
                    "id": issue.jira_id,
                    "type": issue.issue_type,
                    "status": issue.status,
                    "status_category": issue.status_category,
                    "priority": issue.priority,
                    "resolution": issue.resolution,
                    "assignee": issue.assignee,
                    "reporter": issue.reporter,
                    "summary": issue.summary,
                    "labels": issue.labels,
                    "created": issue.created,
                    "updated": issue.updated,
                    "resolved": issue.resolved,
                    "due": issue.due,
                    "story_points": issue.story_points,
                })
            })
            .collect();
        return output::json(&json!({ "total": total, "issues": issues }));
    }
    let rows: Vec<_> = issues
        .iter()
        .map(|issue| {
            vec![
                issue.key.clone(),
                issue.issue_type.clone().unwrap_or_default(),
                issue.status.clone(),
                issue.priority.clone().unwrap_or_default(),
                output::cut(issue.assignee.as_deref().unwrap_or("-"), 20),
                issue.updated.format("%Y-%m-%d").to_string(),
                output::cut(&issue.summary, 60),
            ]
        })
        .collect();
    output::table(&["KEY", "TYPE", "STATUS", "PRIORITY", "ASSIGNEE", "UPDATED", "SUMMARY"], &rows)?;
    if let Some(total) = total {
        output::note(&format!("{} of {total} issues", issues.len()));
    }
    Ok(())
}
