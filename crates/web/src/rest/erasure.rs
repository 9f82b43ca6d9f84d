//! Erasing a person.

use std::collections::BTreeMap;

use application::{
    Error,
    erasure::{self, erase_user, survey_user},
};
use axum::extract::{Json, State};
use serde::{Deserialize, Serialize};
use tracing::Instrument;
use utoipa::ToSchema;
use utoipa_axum::{router::OpenApiRouter, routes};

use super::{
    document::{Body, Conflicting, Missing, Standard},
    extract::{ApiCaller, ValidJson},
    problem::Problem,
};
use crate::state::WebState;

pub(super) fn routes() -> OpenApiRouter<WebState> {
    OpenApiRouter::new().routes(routes!(erase_person))
}

/// Who is to be erased. In the body and not in the address, because addresses are logged on the way.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct PersonToErase {
    /// The account id of Cloud; on Server and Data Center the user's key or name.
    #[schema(example = "5b10a2844c20165700ede21g", min_length = 1, max_length = 255)]
    account_id: String,
    /// Only from this instance, by name or id; from all of the tenant's when absent.
    #[schema(example = "acme")]
    instance: Option<String>,
    /// Only tells what would go: nothing is changed.
    #[serde(default)]
    dry_run: bool,
    /// Erases an account too that nothing names, so that no later sync brings it. Without it such an account is refused: it may be
    /// mistyped.
    #[serde(default)]
    unknown_too: bool,
}

/// What was erased at one instance.
#[derive(Serialize, ToSchema)]
struct Erasure {
    /// The instance's name.
    instance: String,
    /// What stands in the person's place; drawn at random, the same when they are erased again. Null in a dry run.
    #[schema(example = "former-user-x3k9q0w7m2p8r5t1y6u4")]
    pseudonym: Option<String>,
    /// Rows rewritten, by table; empty where nothing named them. In a dry run those that would be.
    rows: BTreeMap<String, u64>,
    /// Waiting jobs that named the person, and were dropped; null in a dry run.
    jobs: Option<u64>,
}

impl From<erasure::Survey> for Erasure {
    fn from(survey: erasure::Survey) -> Self {
        Self { instance: survey.instance, pseudonym: None, rows: survey.rows, jobs: None }
    }
}

impl From<erasure::Erasure> for Erasure {
    fn from(erasure: erasure::Erasure) -> Self {
        let erasure::Erasure { instance, pseudonym, rows, jobs } = erasure;
        Self { instance, pseudonym: Some(pseudonym), rows, jobs: Some(jobs) }
    }
}

/// The erasures.
#[derive(Serialize, ToSchema)]
struct Erasures {
    /// Whether nothing was changed, as it was asked for.
    dry_run: bool,
    /// One for each instance.
    erasures: Vec<Erasure>,
}

/// Erases a person for good: a pseudonym takes their place in everything that is stored, and in what comes from now on.
///
/// An account that nothing names is refused with 400 (`invalid`), because it may be mistyped; `unknown_too` erases it all the same.
/// Reads every row of the tenant once, so it may take minutes; it goes on when the client hangs up, and may be sent again.
#[utoipa::path(
    post, path = "/users/erase", tag = "reference", security(("bearer" = ["admin"])),
    request_body = PersonToErase,
    responses(
        (status = 200, description = "The person is erased, or in a dry run: would be.", body = Erasures),
        Standard, Body, Missing, Conflicting,
    ),
)]
async fn erase_person(
    State(state): State<WebState>,
    ApiCaller(caller): ApiCaller,
    ValidJson(PersonToErase { account_id, instance, dry_run, unknown_too }): ValidJson<PersonToErase>,
) -> Result<Json<Erasures>, Problem> {
    let wanted = erasure::PersonToErase { account: account_id, instance, unknown_too };
    if dry_run {
        let surveys = survey_user(&state.services, &caller, &wanted).await?;
        let erasures = surveys.into_iter().map(Erasure::from).collect();
        return Ok(Json(Erasures { dry_run, erasures }));
    }
    // A task of its own: half an erasure is none, and would be in no audit log.
    let erasing =
        tokio::spawn(async move { erase_user(&state.services, &caller, &wanted).await }.in_current_span());
    let erasures = erasing.await.map_err(Error::internal)??;
    Ok(Json(Erasures { dry_run, erasures: erasures.into_iter().map(Erasure::from).collect() }))
}
