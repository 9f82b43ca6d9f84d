//! The SQL door.

use application::{
    Scope,
    ports::{SqlAnswer, SqlLimits},
};
use axum::extract::{Json, State};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;
use utoipa_axum::{router::OpenApiRouter, routes};

use super::{
    document::{Body, Standard},
    extract::{ApiCaller, ValidJson, within},
    problem::Problem,
};
use crate::state::WebState;

pub(super) fn routes() -> OpenApiRouter<WebState> {
    OpenApiRouter::new().routes(routes!(query_sql))
}

const MOST_ROWS: usize = 10_000;

/// A question.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct SqlQuestion {
    /// One SELECT over the views of schema `jira`.
    #[schema(example = "SELECT status, count(*) FROM jira.issues GROUP BY status")]
    sql: String,
    /// Rows beyond are not read; 1,000 when absent.
    #[schema(minimum = 1, maximum = 10_000)]
    max_rows: Option<usize>,
}

/// The answer.
#[derive(Serialize, ToSchema)]
struct SqlRows {
    /// Column names, in order.
    columns: Vec<String>,
    /// Their types, as PostgreSQL names them. A `numeric` of more than 15 digits is text, so that none is lost.
    #[schema(example = json!(["text", "int8", "numeric", "timestamptz"]))]
    types: Vec<String>,
    /// Rows, each in the columns' order.
    rows: Vec<Vec<Value>>,
    /// Whether rows were left out by a cap.
    truncated: bool,
}

impl From<SqlAnswer> for SqlRows {
    fn from(answer: SqlAnswer) -> Self {
        Self { columns: answer.columns, types: answer.types, rows: answer.rows, truncated: answer.truncated }
    }
}

/// Asks one read-only question in SQL. Time, rows and bytes are capped.
#[utoipa::path(
    post, path = "/sql", tag = "sql", security(("bearer" = ["sql"])),
    request_body = SqlQuestion,
    responses((status = 200, description = "The answer.", body = SqlRows), Standard, Body),
)]
async fn query_sql(
    State(state): State<WebState>,
    ApiCaller(caller): ApiCaller,
    ValidJson(question): ValidJson<SqlQuestion>,
) -> Result<Json<SqlRows>, Problem> {
    caller.require(Scope::Sql)?;
    let usual = SqlLimits::default();
    let max_rows = within("max_rows", question.max_rows.unwrap_or(usual.max_rows), 1, MOST_ROWS)?;
    let answer =
        state.services.db.ask(&caller.context(), &question.sql, SqlLimits { max_rows, ..usual }).await?;
    Ok(Json(answer.into()))
}
