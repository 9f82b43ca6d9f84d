//! Queues: questions that agents ask again and again.

use std::sync::Arc;

use application::{
    Error,
    instances::{Dialect, Instance},
    ports::TenantTx,
    search::{SearchRequest, SearchStart, parse_jql},
    service_desks::{Queue, ServiceDesk},
};
use axum::response::Response;
use serde_json::{Value, json};

use super::{address, desks, page};
use crate::jira_api::{
    answer,
    assemble::View,
    fields::{DefaultFields, Expand, Selection},
    params::Params,
    refusal::Refusal,
    search::request,
    site::Site,
};

/// `GET servicedesk/{id}/queue`.
pub(super) async fn list(site: Site, params: Params) -> Result<Response, Refusal> {
    let desk = desks::set_up(&site, site.param("desk"), "getQueues").await?;
    let mut queues = Vec::with_capacity(desk.setup.queues.len());
    for queue in &desk.setup.queues {
        queues.push(shown(&site, &params, &desk, queue).await?);
    }
    let path = format!("servicedesk/{}/queue", desk.id);
    Ok(answer::ok(&page::of_list(&site, &params, &path, &[], queues)?))
}

/// `GET servicedesk/{id}/queue/{id}`.
pub(super) async fn one(site: Site, params: Params) -> Result<Response, Refusal> {
    let desk = desks::set_up(&site, site.param("desk"), "getQueue").await?;
    let queue = named(&site, &desk)?;
    Ok(answer::ok(&shown(&site, &params, &desk, queue).await?))
}

fn named<'d>(site: &Site, desk: &'d ServiceDesk) -> Result<&'d Queue, Refusal> {
    let wanted = site.param("queue");
    let found = desk.setup.queues.iter().find(|queue| queue.id == wanted);
    Ok(found.ok_or_else(|| Error::not_found("queue", wanted))?)
}

/// `QueueDTO`; how many issues are in it only where that is asked for.
async fn shown(site: &Site, params: &Params, desk: &ServiceDesk, queue: &Queue) -> Result<Value, Refusal> {
    let mut shown = match &queue.raw {
        Value::Null => json!({
            "id": queue.id,
            "name": queue.name,
            "jql": queue.jql,
            "fields": queue.fields,
            "_links": { "self": address(site, &format!("servicedesk/{}/queue/{}", desk.id, queue.id)) },
        }),
        raw => raw.clone(),
    };
    if params.text("includeCount") == Some("true") {
        let (mut tx, instance) = site.read().await?;
        shown["issueCount"] = json!(tx.count(&search(site, &instance, queue)?).await?);
    }
    Ok(shown)
}

fn search(site: &Site, instance: &Instance, queue: &Queue) -> Result<SearchRequest, Refusal> {
    Ok(request(site, instance, parse_jql(&queue.jql)?))
}

/// `GET servicedesk/{id}/queue/{id}/issue`: only the queue's columns are shown.
pub(super) async fn issues(site: Site, params: Params) -> Result<Response, Refusal> {
    let window = page::Window::of(&params)?;
    let desk = desks::set_up(&site, site.param("desk"), "getIssuesInQueue").await?;
    let queue = named(&site, &desk)?;
    let (mut tx, instance): (Box<dyn TenantTx>, Arc<Instance>) = site.read().await?;
    let asked = SearchRequest {
        limit: u32::try_from(window.limit).unwrap_or(u32::MAX),
        start: SearchStart::Offset(window.start as u64),
        ..search(&site, &instance, queue)?
    };
    let mut found = tx.search(&asked).await?;
    found.issues.retain(|row| !site.lens().is_some_and(|lens| lens.hides(row)));
    let view = View {
        dialect: Dialect::V2,
        selection: Selection::parse(&queue.fields, DefaultFields::Ids),
        expand: Expand::default(),
        properties: Vec::new(),
    };
    let assembled = view.assemble(tx.as_mut(), instance.id, found.issues).await?;
    let path = format!("servicedesk/{}/queue/{}/issue", desk.id, queue.id);
    let is_last = found.next.is_none();
    Ok(answer::ok(&window.page(&site, &params, (&path, &[]), assembled.issues, is_last)))
}
