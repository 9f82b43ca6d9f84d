//! `/instances/{name}`: one site, with the live progress of its sync.

use std::{convert::Infallible, time::Duration};

use application::{
    Caller, Error, Scope, TenantContext,
    instances::{AuthMethod, Dialect, Instance, require_instance},
    sync::{self, RunState, SyncSchedule, SyncStatus, SyncTrouble},
    webhooks,
};
use askama::Template;
use axum::{
    extract::{Path, Query, State},
    http::StatusCode,
    response::{
        IntoResponse, Response,
        sse::{Event, KeepAlive, Sse},
    },
};
use chrono::{DateTime, TimeDelta, Utc};
use futures::stream;
use serde::Deserialize;
use tokio::time::{Instant, sleep};

use super::{
    addresses, fault,
    freshness::FreshnessPanel,
    instances::{kind_name, unsynced},
    run::RunPanel,
    shell::{self, Section, Shell, see_other},
    stale::Stale,
    visitor::Visitor,
    wording::{Moment, duration, grouped},
};
use crate::{auth::Admission, rest::problem, state::WebState};

/// How often a stream looks, also whether its reader may still read.
const BEAT: Duration = Duration::from_secs(1);
/// A stream ends after that; the browser opens a new one, and with it the request is counted again.
const LIFETIME: Duration = Duration::from_secs(5 * 60);

/// What the address says beside the name.
#[derive(Default, Deserialize)]
pub(super) struct Asked {
    /// Whether a sync was just asked for.
    #[serde(default)]
    requested: String,
}

/// `GET /instances/{name}`
pub(super) async fn show(
    State(state): State<WebState>,
    visitor: Visitor,
    Path(name): Path<String>,
    Query(asked): Query<Asked>,
) -> Response {
    let notice = if asked.requested.is_empty() { Notice::None } else { Notice::Requested };
    answer(&state, &visitor, &name, StatusCode::OK, notice).await
}

/// `POST /instances/{name}/sync`
pub(super) async fn sync(
    State(state): State<WebState>,
    visitor: Visitor,
    Path(name): Path<String>,
) -> Response {
    match sync::start(&state.services, &visitor.caller, &name).await {
        Ok(instance) => see_other(&format!("{}?requested=1", addresses::instance(&instance.name))),
        Err(error @ (Error::Conflict(_) | Error::Unavailable(_))) => {
            problem::log(&error);
            let notice = Notice::Refused(fault::sentence(&error.to_string()));
            answer(&state, &visitor, &name, problem::status_of(&error), notice).await
        }
        Err(error) => visitor.answer(Section::Instances, Err(error)),
    }
}

async fn answer(
    state: &WebState,
    visitor: &Visitor,
    name: &str,
    status: StatusCode,
    notice: Notice,
) -> Response {
    let loaded = load(state, &visitor.caller.context(), name).await;
    let proven = match &loaded {
        Ok((instance, ..)) => proof_of(state, &visitor.caller.context(), instance).await,
        Err(_) => Ok((None, None)),
    };
    let loaded = loaded.and_then(|loaded| Ok((loaded, proven?)));
    let page = loaded.map(|((instance, freshness, trouble), (proven, webhook))| {
        let shell = visitor.shell(Section::Instances, &instance.display_name);
        let may_sync = visitor.caller.has(Scope::Admin);
        let now = state.services.clock.now();
        let page = InstancePage::new(shell, &instance, &freshness, may_sync, notice, now);
        shell::answer(
            status,
            &page.proven_by(proven).with_webhook(webhook).with_trouble(trouble.as_ref(), now),
        )
    });
    visitor.answer(Section::Instances, page)
}

async fn load(
    state: &WebState,
    context: &TenantContext,
    name: &str,
) -> Result<(Instance, SyncStatus, Option<SyncTrouble>), Error> {
    let now = state.services.clock.now();
    let mut tx = state.services.db.tenant(context).await?;
    let instance = require_instance(tx.as_mut(), name).await?;
    let status = match tx.sync_status(Some(instance.id)).await?.into_iter().next() {
        Some(status) => status,
        None => unsynced(&instance, tx.issue_count(instance.id).await?),
    };
    let trouble = tx.sync_troubles(Some(instance.id), now).await?.remove(&instance.id);
    Ok((instance, status, trouble))
}

/// What proves a mirror, and what is wrong with its webhook; a sandbox needs no proof.
async fn proof_of(
    state: &WebState,
    context: &TenantContext,
    instance: &Instance,
) -> Result<(Option<FreshnessPanel>, Option<String>), Error> {
    if !instance.kind.is_mirror() {
        return Ok((None, None));
    }
    let now = state.services.clock.now();
    let mut tx = state.services.db.tenant(context).await?;
    let panel = FreshnessPanel::load(tx.as_mut(), instance, now).await?;
    let webhook = webhooks::health(tx.as_mut(), instance.id, now).await?.problem();
    Ok((Some(panel), webhook))
}

/// `GET /instances/{name}/events`: the live part of the page as an event `live`, whenever it has changed.
pub(super) async fn events(
    State(state): State<WebState>,
    visitor: Visitor,
    admission: Admission,
    Path(name): Path<String>,
) -> Response {
    let watch = Watch {
        state,
        admission,
        name,
        until: Instant::now() + LIFETIME,
        shown: String::new(),
        begun: false,
    };
    // Whoever asks for what is not there is told so before the stream begins.
    if let Err(error) = watch.look(&visitor.caller).await {
        return visitor.answer(Section::Instances, Err(error));
    }
    Sse::new(stream::unfold(watch, Watch::next)).keep_alive(KeepAlive::default()).into_response()
}

/// A browser that watches an instance. It is polled only while the browser is there.
struct Watch {
    state: WebState,
    admission: Admission,
    name: String,
    until: Instant,
    shown: String,
    begun: bool,
}

impl Watch {
    async fn next(mut self) -> Option<(Result<Event, Infallible>, Self)> {
        loop {
            if self.begun {
                sleep(BEAT).await;
            }
            self.begun = true;
            // A draining process must not wait for browsers that stay.
            if self.state.is_draining() || Instant::now() > self.until {
                return None;
            }
            match self.renewed_look().await {
                Ok(html) if html == self.shown => {}
                Ok(html) => {
                    let event = Event::default().event("live").data(&html);
                    self.shown = html;
                    return Some((Ok(event), self));
                }
                Err(error) => {
                    problem::log(&error);
                    return None;
                }
            }
        }
    }

    /// For the reader as they are now: a revoked key ends its streams as it ends everything else.
    async fn renewed_look(&self) -> Result<String, Error> {
        let caller = self.admission.renewed(&self.state).await?;
        caller.require(Scope::Read)?;
        self.look(&caller).await
    }

    async fn look(&self, caller: &Caller) -> Result<String, Error> {
        let (instance, status, trouble) = load(&self.state, &caller.context(), &self.name).await?;
        let now = self.state.services.clock.now();
        let live = Live::new(&instance, &status, now).with_trouble(trouble.as_ref(), now);
        live.render().map_err(Error::internal)
    }
}

/// What is said on top of the page.
pub(super) enum Notice {
    /// Nothing.
    None,
    /// A sync was asked for.
    Requested,
    /// A sync was refused.
    Refused(String),
}

/// The part of the page that changes by itself.
#[derive(Template)]
#[template(path = "_live.html")]
pub(super) struct Live {
    mirror: bool,
    issues: String,
    watermark: Option<Moment>,
    proof: Option<Moment>,
    run: Option<RunPanel>,
    /// Why nothing is read just now.
    notice: Option<String>,
    stale: Option<Stale>,
}

impl Live {
    pub(super) fn new(instance: &Instance, status: &SyncStatus, now: DateTime<Utc>) -> Self {
        Self {
            mirror: instance.kind.is_mirror(),
            issues: grouped(status.issues),
            watermark: status.watermark.map(|at| Moment::of(at, now)),
            proof: status.last_proof.map(|at| Moment::of(at, now)),
            run: status.run.as_ref().map(|run| RunPanel::new(run, now)),
            notice: notice(&status.schedule, now),
            stale: None,
        }
    }

    /// Says since when the site cannot be read.
    pub(super) fn with_trouble(mut self, trouble: Option<&SyncTrouble>, now: DateTime<Utc>) -> Self {
        self.stale = trouble.map(|trouble| Stale::new(trouble, now));
        self
    }
}

fn notice(schedule: &SyncSchedule, now: DateTime<Utc>) -> Option<String> {
    if schedule.paused_at.is_some() {
        return Some("The sync is paused. It goes on where it was when it is resumed.".into());
    }
    // Runs that failed are told with their reason (`Stale`).
    schedule.error.as_ref().filter(|_| schedule.failures == 0)?;
    let left = schedule.next_at.map(|at| at - now).filter(|left| *left > TimeDelta::zero())?;
    // By the minute, so that the stream does not speak every second.
    let within = TimeDelta::minutes(left.num_minutes() + 1);
    Some(format!("The site asked to be left alone. The next try is within {}.", duration(within)))
}

/// The page.
#[derive(Template)]
#[template(path = "instance.html")]
pub(super) struct InstancePage {
    shell: Shell,
    name: String,
    display_name: String,
    kind: &'static str,
    mirror: bool,
    facts: Vec<(&'static str, String)>,
    issues_address: String,
    events_address: String,
    sync_address: String,
    may_sync: bool,
    /// Whether something is about to change, so that a browser without scripts should look again.
    moving: bool,
    requested: bool,
    refused: Option<String>,
    live: Live,
    freshness: Option<FreshnessPanel>,
}

impl InstancePage {
    pub(super) fn new(
        shell: Shell,
        instance: &Instance,
        status: &SyncStatus,
        may_sync: bool,
        notice: Notice,
        now: DateTime<Utc>,
    ) -> Self {
        let address = addresses::instance(&instance.name);
        let running = status.run.as_ref().is_some_and(|run| run.state == RunState::Running);
        let requested = matches!(notice, Notice::Requested);
        Self {
            shell,
            kind: kind_name(instance.kind),
            mirror: instance.kind.is_mirror(),
            facts: facts(instance),
            issues_address: addresses::search("", &instance.name),
            events_address: format!("{address}/events"),
            sync_address: format!("{address}/sync"),
            may_sync: may_sync && instance.kind.is_mirror(),
            moving: running || requested,
            requested: requested && !running,
            refused: match notice {
                Notice::Refused(message) => Some(message),
                _ => None,
            },
            live: Live::new(instance, status, now),
            freshness: None,
            name: instance.name.clone(),
            display_name: instance.display_name.clone(),
        }
    }

    /// The page with what proves the mirror.
    pub(super) fn proven_by(self, freshness: Option<FreshnessPanel>) -> Self {
        Self { freshness, ..self }
    }
}

impl InstancePage {
    /// Says what is wrong with the webhook.
    pub(super) fn with_webhook(mut self, problem: Option<String>) -> Self {
        if let Some(problem) = problem {
            self.facts.retain(|(name, _)| *name != "Webhook");
            self.facts.push(("Webhook", problem));
        }
        self
    }

    /// Says since when the site cannot be read.
    pub(super) fn with_trouble(mut self, trouble: Option<&SyncTrouble>, now: DateTime<Utc>) -> Self {
        self.live = self.live.with_trouble(trouble, now);
        self
    }
}

fn facts(instance: &Instance) -> Vec<(&'static str, String)> {
    let signing_in = match instance.auth_method {
        AuthMethod::None => "not needed",
        AuthMethod::ApiToken => "e-mail address and API token",
        AuthMethod::Pat => "personal access token",
        AuthMethod::Oauth => "OAuth 2.0",
    };
    let dialect = match instance.dialect {
        Dialect::V2 => "REST v2, wiki markup",
        Dialect::V3 => "REST v3, Atlassian Document Format",
    };
    let webhook = if instance.webhook_id.is_some() { "registered" } else { "none: changes come by polling" };
    let mut facts = vec![("Address", instance.base_url.clone())];
    if instance.kind.is_mirror() {
        facts.push(("Signs in with", signing_in.to_owned()));
        facts.push(("Account", instance.account_id.clone().unwrap_or_else(|| "not tested yet".into())));
        if let Some(problem) = &instance.credential_problem {
            facts.push(("Credential", format!("of no use any more: {problem}")));
        }
        facts.push(("Webhook", webhook.to_owned()));
    }
    facts.push(("Speaks", dialect.to_owned()));
    facts.push(("Time zone", instance.time_zone.clone().unwrap_or_else(|| "not known".into())));
    facts.push(("Jira API here", format!("/jira/{}", instance.name)));
    facts.push(("Added", super::wording::day(instance.created_at.date_naive())));
    facts
}
