//! Writes of the Agile API, which only a sandbox executes: sprints, moves and ranks.

use application::sandbox::{self, Destination, NewSprint, RankTarget, SprintChanges};
use axum::{
    http::StatusCode,
    response::{IntoResponse, Response},
};
use chrono::{DateTime, Utc};
use domain::jira_time;
use serde_json::{Value, json};

use super::{id, sprints};
use crate::jira_api::{answer, body::Body, refusal::Refusal, site::Site};

/// `POST sprint`.
pub(super) async fn create_sprint(site: Site, body: Body) -> Result<Response, Refusal> {
    let board = body.integer("originBoardId")?;
    let wanted = NewSprint {
        name: body.text("name")?.unwrap_or_default().to_owned(),
        board: board
            .ok_or_else(|| Refusal::field("originBoardId", "The board of the sprint is required."))?,
        goal: body.text("goal")?.map(str::to_owned),
        start: date(&body, "startDate")?,
        end: date(&body, "endDate")?,
    };
    let services = &site.state.services;
    let made = sandbox::create_sprint(services, &site.caller, &site.name, wanted).await?;
    Ok(answer::json(StatusCode::CREATED, &sprints::served(&site, &made)))
}

/// `POST sprint/{id}`: what the body leaves out stays.
pub(super) async fn change_sprint(site: Site, body: Body) -> Result<Response, Refusal> {
    let given = |name: &str| body.get(name).is_some() || body.is_null(name);
    let changes = SprintChanges {
        name: body.text("name")?.map(str::to_owned),
        goal: given("goal").then(|| body.text("goal")).transpose()?.map(|goal| goal.map(str::to_owned)),
        start: given("startDate").then(|| date(&body, "startDate")).transpose()?,
        end: given("endDate").then(|| date(&body, "endDate")).transpose()?,
        state: body.text("state")?.map(str::to_owned),
    };
    edit(site, changes).await
}

/// `PUT sprint/{id}`: what the body leaves out is taken away.
pub(super) async fn replace_sprint(site: Site, body: Body) -> Result<Response, Refusal> {
    let changes = SprintChanges {
        name: Some(body.text("name")?.unwrap_or_default().to_owned()),
        goal: Some(body.text("goal")?.map(str::to_owned)),
        start: Some(date(&body, "startDate")?),
        end: Some(date(&body, "endDate")?),
        state: body.text("state")?.map(str::to_owned),
    };
    edit(site, changes).await
}

async fn edit(site: Site, changes: SprintChanges) -> Result<Response, Refusal> {
    let sprint = id(&site, "sprint", "sprint")?;
    let services = &site.state.services;
    let edited = sandbox::edit_sprint(services, &site.caller, &site.name, sprint, changes).await?;
    Ok(answer::ok(&sprints::served(&site, &edited)))
}

/// `DELETE sprint/{id}`.
pub(super) async fn delete_sprint(site: Site) -> Result<Response, Refusal> {
    let sprint = id(&site, "sprint", "sprint")?;
    sandbox::delete_sprint(&site.state.services, &site.caller, &site.name, sprint).await?;
    Ok(StatusCode::NO_CONTENT.into_response())
}

/// `POST sprint/{id}/issue`.
pub(super) async fn move_to_sprint(site: Site, body: Body) -> Result<Response, Refusal> {
    let sprint = id(&site, "sprint", "sprint")?;
    plan(&site, &body, Destination::Sprint(sprint)).await
}

/// `POST backlog/issue`.
pub(super) async fn move_to_backlog(site: Site, body: Body) -> Result<Response, Refusal> {
    plan(&site, &body, Destination::Backlog).await
}

/// `POST epic/{id}/issue`.
pub(super) async fn move_to_epic(site: Site, body: Body) -> Result<Response, Refusal> {
    let epic = site.param("epic").to_owned();
    plan(&site, &body, Destination::Epic(epic)).await
}

/// `POST epic/none/issue`.
pub(super) async fn remove_from_epic(site: Site, body: Body) -> Result<Response, Refusal> {
    plan(&site, &body, Destination::NoEpic).await
}

/// `PUT issue/rank`: 207 with what came of each issue where some could not be ranked (jira-facts 9.1).
pub(super) async fn rank(site: Site, body: Body) -> Result<Response, Refusal> {
    let Some(target) = target(&body)? else {
        return Err(Refusal::bad_request("One of rankBeforeIssue and rankAfterIssue is required."));
    };
    let issues = body.list("issues")?;
    let services = &site.state.services;
    let ranked = sandbox::rank_issues(services, &site.caller, &site.name, &issues, &target).await?;
    if ranked.iter().all(|(_, issue)| issue.is_some()) {
        return Ok(StatusCode::NO_CONTENT.into_response());
    }
    let entries: Vec<Value> = ranked.into_iter().map(entry).collect();
    Ok(answer::json(StatusCode::MULTI_STATUS, &json!({ "entries": entries })))
}

/// What came of an issue: by its name where there is none.
fn entry((name, issue): (String, Option<(String, String)>)) -> Value {
    if let Some((id, key)) = issue {
        return json!({ "issueId": id.parse::<i64>().ok(), "issueKey": key, "status": 200 });
    }
    let missing = "Issue does not exist or you do not have permission to see it.";
    let mut entry = json!({ "status": 404, "errors": [missing] });
    match name.parse::<i64>() {
        Ok(id) => entry["issueId"] = json!(id),
        Err(_) => entry["issueKey"] = json!(name),
    }
    entry
}

async fn plan(site: &Site, body: &Body, destination: Destination) -> Result<Response, Refusal> {
    let (issues, target) = (body.list("issues")?, target(body)?);
    let services = &site.state.services;
    sandbox::plan_issues(services, &site.caller, &site.name, &issues, &destination, target.as_ref()).await?;
    Ok(StatusCode::NO_CONTENT.into_response())
}

fn target(body: &Body) -> Result<Option<RankTarget>, Refusal> {
    match (body.text("rankBeforeIssue")?, body.text("rankAfterIssue")?) {
        (Some(_), Some(_)) => {
            Err(Refusal::bad_request("Only one of rankBeforeIssue and rankAfterIssue can be given."))
        }
        (Some(issue), None) => Ok(Some(RankTarget::Before(issue.to_owned()))),
        (None, Some(issue)) => Ok(Some(RankTarget::After(issue.to_owned()))),
        (None, None) => Ok(None),
    }
}

fn date(body: &Body, name: &str) -> Result<Option<DateTime<Utc>>, Refusal> {
    let Some(value) = body.get(name) else { return Ok(None) };
    let read = jira_time::parse_json(value).map(Some);
    read.map_err(|_| Refusal::field(name, "The date must be of the form yyyy-MM-dd'T'HH:mm:ss.SSSXXX."))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn body(text: &str) -> Body {
        Body::parse(text.as_bytes()).unwrap()
    }

    #[test]
    fn issues_are_ranked_on_one_side_of_another() {
        assert!(matches!(target(&body(r#"{"rankBeforeIssue": "A-1"}"#)), Ok(Some(RankTarget::Before(_)))));
        assert!(matches!(target(&body(r#"{"rankAfterIssue": "A-1"}"#)), Ok(Some(RankTarget::After(_)))));
        assert!(matches!(target(&body(r#"{"rankAfterIssue": null}"#)), Ok(None)));
        assert!(target(&body(r#"{"rankBeforeIssue": "A-1", "rankAfterIssue": "A-2"}"#)).is_err());
    }

    #[test]
    fn what_could_not_be_ranked_is_told_by_the_name_it_was_given() {
        let done = entry(("A-1".into(), Some(("10001".into(), "A-1".into()))));
        assert_eq!(done, json!({ "issueId": 10001, "issueKey": "A-1", "status": 200 }));
        let missing = [entry(("A-9".into(), None)), entry(("99".into(), None))];
        assert_eq!((&missing[0]["issueKey"], &missing[0]["status"]), (&json!("A-9"), &json!(404)));
        assert_eq!((&missing[1]["issueId"], missing[1].get("issueKey")), (&json!(99), None));
    }

    #[test]
    fn dates_come_with_colons_or_without() {
        for text in
            ["2015-04-11T15:22:00.000+10:00", "2015-04-11T05:22:00.000Z", "2015-04-11T15:22:00.000+1000"]
        {
            let found = date(&body(&format!(r#"{{"startDate": "{text}"}}"#)), "startDate").unwrap().unwrap();
            assert_eq!(found.timestamp(), 1_428_729_720, "{text}");
        }
        assert!(date(&body(r#"{"startDate": "soon"}"#), "startDate").is_err());
    }
}
