//! Pausing, resuming and canceling a sync, and following it.

use std::{convert::Infallible, time::Duration};

use application::{Caller, sync};
use axum::{
    extract::{Json, State},
    http::StatusCode,
    response::{
        IntoResponse, Response,
        sse::{Event, KeepAlive, Sse},
    },
};
use futures::stream;
use tokio::time::{Instant, sleep};
use utoipa_axum::{router::OpenApiRouter, routes};

use super::{
    document::{Conflicting, Missing, Standard},
    extract::{ApiCaller, ValidPath},
    problem::Problem,
    sync::{SyncStarted, status_of},
};
use crate::state::WebState;

/// How often a stream looks.
const BEAT: Duration = Duration::from_secs(1);
/// A stream ends after that; whoever follows on opens a new one, and is asked for a key again.
const LIFETIME: Duration = Duration::from_secs(5 * 60);

pub(super) fn routes() -> OpenApiRouter<WebState> {
    OpenApiRouter::new()
        .routes(routes!(pause_sync))
        .routes(routes!(resume_sync))
        .routes(routes!(cancel_sync))
        .routes(routes!(follow_sync))
}

/// Pauses the sync of a mirror. A run under way stops with the page it is at; webhooks are still taken in.
#[utoipa::path(
    post, path = "/instances/{name}/sync/pause", tag = "sync", security(("bearer" = ["admin"])),
    params(("name" = String, Path, description = "The instance's name or id.")),
    responses((status = 204, description = "It is paused."), Standard, Missing, Conflicting),
)]
async fn pause_sync(
    State(state): State<WebState>,
    ApiCaller(caller): ApiCaller,
    ValidPath(name): ValidPath<String>,
) -> Result<StatusCode, Problem> {
    sync::pause(&state.services, &caller, &name).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Lets a paused sync go on where it was.
#[utoipa::path(
    post, path = "/instances/{name}/sync/resume", tag = "sync", security(("bearer" = ["admin"])),
    params(("name" = String, Path, description = "The instance's name or id.")),
    responses((status = 202, description = "It goes on.", body = SyncStarted), Standard, Missing, Conflicting),
)]
async fn resume_sync(
    State(state): State<WebState>,
    ApiCaller(caller): ApiCaller,
    ValidPath(name): ValidPath<String>,
) -> Result<(StatusCode, Json<SyncStarted>), Problem> {
    let instance = sync::resume(&state.services, &caller, &name).await?.name;
    Ok((StatusCode::ACCEPTED, Json(SyncStarted::new(instance))))
}

/// Ends the run under way; what it stored stays. After a canceled full copy the sync is paused: resumed, it begins anew.
#[utoipa::path(
    post, path = "/instances/{name}/sync/cancel", tag = "sync", security(("bearer" = ["admin"])),
    params(("name" = String, Path, description = "The instance's name or id.")),
    responses((status = 204, description = "It is ended."), Standard, Missing, Conflicting),
)]
async fn cancel_sync(
    State(state): State<WebState>,
    ApiCaller(caller): ApiCaller,
    ValidPath(name): ValidPath<String>,
) -> Result<StatusCode, Problem> {
    sync::cancel(&state.services, &caller, &name).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Follows a sync: its status as the data of an event `sync`, whenever it has changed. The stream ends after five minutes.
#[utoipa::path(
    get, path = "/instances/{name}/sync/events", tag = "sync", security(("bearer" = ["read"])),
    params(("name" = String, Path, description = "The instance's name or id.")),
    responses(
        (status = 200, description = "Server-sent events.", body = String, content_type = "text/event-stream"),
        Standard, Missing, Conflicting,
    ),
)]
async fn follow_sync(
    State(state): State<WebState>,
    ApiCaller(caller): ApiCaller,
    ValidPath(name): ValidPath<String>,
) -> Result<Response, Problem> {
    // Whoever asks for what is not there is told so before the stream begins.
    status_of(&state, &caller, &name).await?;
    let until = Instant::now() + LIFETIME;
    let follower = Follower { state, caller, name, until, told: String::new(), begun: false };
    Ok(Sse::new(stream::unfold(follower, Follower::next)).keep_alive(KeepAlive::default()).into_response())
}

/// Somebody who follows a sync. It is looked at only while they are there.
struct Follower {
    state: WebState,
    caller: Caller,
    name: String,
    until: Instant,
    told: String,
    begun: bool,
}

impl Follower {
    async fn next(mut self) -> Option<(Result<Event, Infallible>, Self)> {
        loop {
            if self.begun {
                sleep(BEAT).await;
            }
            self.begun = true;
            // A draining process must not wait for those who stay.
            if self.state.is_draining() || Instant::now() > self.until {
                return None;
            }
            let status = status_of(&self.state, &self.caller, &self.name).await.ok()?;
            let text = serde_json::to_string(&status).ok()?;
            if text != self.told {
                let event = Event::default().event("sync").data(&text);
                self.told = text;
                return Some((Ok(event), self));
            }
        }
    }
}
