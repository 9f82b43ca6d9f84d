//! Worklogs of an issue: reading and writing (jira-facts 1.5, 6.5).

use application::{
    Error,
    instances::Dialect,
    issues::CommentBody,
    sandbox::{self, AdjustEstimate, WorklogChanges},
};
use axum::{
    http::StatusCode,
    response::{IntoResponse, Response},
};
use domain::jira_time;
use serde_json::{Value, json};

use super::{
    answer, assemble, body::Body, comments, page::Window, params::Params, refusal::Refusal, rich_text,
    site::Site,
};

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

pub(super) async fn one(site: Site) -> Result<Response, Refusal> {
    let (_, row) = site.issue().await?;
    let wanted = site.param("worklog");
    let mut worklogs = site.transaction().await?.worklogs(&[row.id]).await?.into_iter();
    let found = worklogs.find(|worklog| worklog.raw["id"] == wanted);
    let found = found.ok_or_else(|| Error::not_found("worklog", wanted))?;
    Ok(answer::ok(&assemble::worklog(found, site.dialect)))
}

pub(super) async fn add(site: Site, params: Params, body: Body) -> Result<Response, Refusal> {
    let (changes, adjust) = (changes(&body, site.dialect)?, adjust(&params, "reduceBy")?);
    site.require_shown().await?;
    let (services, caller) = (&site.state.services, &site.caller);
    let added =
        sandbox::add_worklog(services, caller, &site.name, site.param("issue"), &changes, adjust).await?;
    Ok(answer::json(StatusCode::CREATED, &in_dialect(added, site.dialect)))
}

pub(super) async fn edit(site: Site, params: Params, body: Body) -> Result<Response, Refusal> {
    let (changes, adjust) = (changes(&body, site.dialect)?, adjust(&params, "reduceBy")?);
    site.require_shown().await?;
    let (services, caller) = (&site.state.services, &site.caller);
    let named = (site.param("issue"), site.param("worklog"));
    let edited = sandbox::edit_worklog(services, caller, &site.name, named, &changes, adjust).await?;
    Ok(answer::ok(&in_dialect(edited, site.dialect)))
}

pub(super) async fn remove(site: Site, params: Params) -> Result<Response, Refusal> {
    let adjust = adjust(&params, "increaseBy")?;
    site.require_shown().await?;
    let (services, caller) = (&site.state.services, &site.caller);
    let named = (site.param("issue"), site.param("worklog"));
    sandbox::delete_worklog(services, caller, &site.name, named, adjust).await?;
    Ok(StatusCode::NO_CONTENT.into_response())
}

fn in_dialect(mut worklog: Value, dialect: Dialect) -> Value {
    rich_text::convert_member(&mut worklog, "comment", dialect);
    worklog
}

/// What a body says of a worklog.
pub(super) fn changes(body: &Body, dialect: Dialect) -> Result<WorklogChanges, Refusal> {
    let seconds = match (body.text("timeSpent")?, body.integer("timeSpentSeconds")?) {
        (Some(text), _) => Some(sandbox::duration("timeLogged", text)?),
        (None, Some(seconds)) => Some(u64::try_from(seconds).map_err(|_| Refusal::invalid_payload())?),
        (None, None) => None,
    };
    let started = body.get("started").map(jira_time::parse_json).transpose();
    let started = started.map_err(|_| {
        Refusal::field("started", "Error parsing time; it must be of the form yyyy-MM-dd'T'HH:mm:ss.SSSZ")
    })?;
    let comment = match (dialect, body.get("comment")) {
        (_, None) => None,
        (Dialect::V3, Some(document)) if rich_text::is_document(document) => {
            Some(CommentBody::Adf(document.clone()))
        }
        (Dialect::V2, Some(Value::String(markup))) => Some(CommentBody::Wiki(markup.clone())),
        (Dialect::V3, Some(_)) => {
            let message = "Operation value must be an Atlassian Document (see the Atlassian Document Format)";
            return Err(Refusal::field("comment", message));
        }
        (Dialect::V2, Some(_)) => {
            return Err(Refusal::field("comment", "Operation value must be a string"));
        }
    };
    let visibility = comments::visibility(body)?;
    Ok(WorklogChanges { seconds, started, comment, visibility })
}

fn adjust(params: &Params, manual: &str) -> Result<AdjustEstimate, Refusal> {
    adjust_by(|name| Ok(params.text(name)), manual)
}

/// What becomes of the remaining estimate. `manual` is by how much; which parameter says it depends on the operation.
pub(super) fn adjust_by<'v>(
    text: impl Fn(&str) -> Result<Option<&'v str>, Refusal>,
    manual: &str,
) -> Result<AdjustEstimate, Refusal> {
    let amount = |name: &str| Ok::<u64, Refusal>(sandbox::duration(name, text(name)?.unwrap_or_default())?);
    match text("adjustEstimate")? {
        None | Some("" | "auto") => Ok(AdjustEstimate::Auto),
        Some("leave") => Ok(AdjustEstimate::Leave),
        Some("new") => Ok(AdjustEstimate::New(amount("newEstimate")?)),
        Some("manual") => Ok(AdjustEstimate::Manual(amount(manual)?)),
        Some(other) => {
            Err(Refusal::field("adjustEstimate", format!("'{other}' is none of auto, leave, new and manual")))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_becomes_of_the_estimate_is_said_in_the_query() {
        let read = |query: &str| adjust(&Params::parse(query), "reduceBy");
        assert_eq!(read("").unwrap(), AdjustEstimate::Auto);
        assert_eq!(read("adjustEstimate=leave").unwrap(), AdjustEstimate::Leave);
        assert_eq!(read("adjustEstimate=new&newEstimate=2d").unwrap(), AdjustEstimate::New(57_600));
        assert_eq!(read("adjustEstimate=manual&reduceBy=1h").unwrap(), AdjustEstimate::Manual(3_600));
        assert!(read("adjustEstimate=new").is_err());
        assert!(read("adjustEstimate=double").is_err());
    }

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
