//! How content a customer was, and whether the account hears of a request.

use application::{
    Error,
    sandbox::{self, Feedback},
};
use axum::{
    http::StatusCode,
    response::{IntoResponse, Response},
};
use serde_json::{Value, json};

use super::{OptedIn, view::Requests};
use crate::jira_api::{answer, body::Body, refusal::Refusal, site::Site};

/// `GET request/{id}/feedback`.
pub(super) async fn read(site: Site, _: OptedIn) -> Result<Response, Refusal> {
    let requests = Requests::of(&site).await?;
    let row = requests.named().await?;
    let given = requests.value(&row, &requests.ids.feedback);
    if given["rating"].as_i64().is_none() {
        return Err(Error::not_found("feedback", &row.key).into());
    }
    Ok(answer::ok(&shown(given)))
}

/// `CSATFeedbackFullDTO`.
fn shown(given: &Value) -> Value {
    let mut shown = json!({ "type": "csat", "rating": given["rating"] });
    if let Some(text) = given["comment"].as_str() {
        shown["comment"] = json!({ "body": text });
    }
    shown
}

/// `POST request/{id}/feedback`.
pub(super) async fn give(site: Site, _: OptedIn, body: Body) -> Result<Response, Refusal> {
    let rating =
        body.integer("rating")?.ok_or_else(|| Refusal::field("rating", "Give one to five stars."))?;
    if let Some(other) = body.text("type")?.filter(|kind| *kind != "csat") {
        return Err(Refusal::field("type", format!("'{other}' is no feedback; it is 'csat'.")));
    }
    let comment = body.get("comment").and_then(|comment| comment["body"].as_str()).map(str::to_owned);
    let feedback = Feedback { rating, comment };
    change(&site, Some(&feedback)).await?;
    let given = json!({ "rating": feedback.rating, "comment": feedback.comment });
    Ok(answer::json(StatusCode::CREATED, &shown(&given)))
}

/// `DELETE request/{id}/feedback`.
pub(super) async fn take_back(site: Site, _: OptedIn) -> Result<Response, Refusal> {
    change(&site, None).await?;
    Ok(StatusCode::NO_CONTENT.into_response())
}

async fn change(site: &Site, feedback: Option<&Feedback>) -> Result<(), Refusal> {
    site.require_shown().await?;
    let (services, issue) = (&site.state.services, site.param("issue"));
    Ok(sandbox::give_feedback(services, &site.caller, &site.name, issue, feedback).await?)
}

/// `GET request/{id}/notification`: whoever reported a request, or watches it, hears of it.
pub(super) async fn is_subscribed(site: Site) -> Result<Response, Refusal> {
    let requests = Requests::of(&site).await?;
    let row = requests.named().await?;
    if !requests.is_sandbox() {
        let message = "getSubscriptionStatus is not served by Forebay for mirrors yet: who hears of a request is not copied";
        return Err(Error::Unsupported(message.into()).into());
    }
    let watchers = site.transaction().await?.watchers(row.id).await?;
    let account = requests.account();
    let subscribed = requests.is_own(&row) || watchers.iter().any(|watcher| watcher.account == account);
    Ok(answer::ok(&json!({ "subscribed": subscribed })))
}

/// `PUT request/{id}/notification`.
pub(super) async fn subscribe(site: Site) -> Result<Response, Refusal> {
    set_subscribed(&site, true).await
}

/// `DELETE request/{id}/notification`.
pub(super) async fn unsubscribe(site: Site) -> Result<Response, Refusal> {
    set_subscribed(&site, false).await
}

async fn set_subscribed(site: &Site, subscribed: bool) -> Result<Response, Refusal> {
    let row = Requests::of(site).await?.named().await?;
    let services = &site.state.services;
    sandbox::watch(services, &site.caller, &site.name, &row.jira_id, (None, subscribed)).await?;
    Ok(StatusCode::NO_CONTENT.into_response())
}
