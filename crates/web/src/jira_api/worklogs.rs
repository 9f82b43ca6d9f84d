//! Worklogs of an issue (jira-facts 1.5).

use axum::response::Response;
use domain::jira_time;
use serde_json::{Value, json};

use super::{answer, assemble, page::Window, params::Params, refusal::Refusal, site::Site};

const PAGE: usize = 5_000;

pub(super) async fn list(site: Site, params: Params) -> Result<Response, Refusal> {
    let window = Window::of(&params, PAGE, PAGE)?;
    let (after, before) = (params.integer("startedAfter")?, params.integer("startedBefore")?);
    let (_, row) = site.issue().await?;
    let worklogs: Vec<Value> = site
        .transaction()
        .await?
        .worklogs(&[row.id])
        .await?
        .into_iter()
        .filter(|worklog| started_within(&worklog.raw, after, before))
        .map(|worklog| assemble::worklog(worklog, site.dialect))
        .collect();
    let total = worklogs.len();
    Ok(answer::ok(&json!({
        "startAt": window.start,
        "maxResults": window.size,
        "total": total,
        "worklogs": window.cut(worklogs),
    })))
}

/// Both bounds are in milliseconds and belong to the range.
fn started_within(worklog: &Value, after: Option<i64>, before: Option<i64>) -> bool {
    if after.is_none() && before.is_none() {
        return true;
    }
    jira_time::parse_json(&worklog["started"]).is_ok_and(|started| {
        let started = started.timestamp_millis();
        after.is_none_or(|after| started >= after) && before.is_none_or(|before| started <= before)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn worklogs_are_picked_by_when_the_work_was_done() {
        let worklog =
            json!({"started": "2024-01-01T00:00:00.000+0000", "updated": "2025-01-01T00:00:00.000+0000"});
        let at = 1_704_067_200_000;
        assert!(started_within(&worklog, None, None));
        assert!(started_within(&worklog, Some(at), Some(at)));
        assert!(!started_within(&worklog, Some(at + 1), None));
        assert!(!started_within(&worklog, None, Some(at - 1)));
    }
}
