//! `/sql`: a question to the SQL door, and its answer as a table. A question stands in the address, so that it can be passed on.

use application::{
    Error, Scope,
    ports::{SqlAnswer, SqlLimits},
};
use askama::Template;
use axum::{
    extract::{Query, State},
    response::Response,
};
use serde::Deserialize;
use serde_json::Value;

use super::{
    addresses, fault,
    shell::{Section, Shell},
    visitor::Visitor,
    wording::counted,
};
use crate::state::WebState;

/// Rows that a page shows; the API gives more.
const MOST_ROWS: usize = 200;

/// Questions to begin with.
const EXAMPLES: [(&str, &str); 3] = [
    (
        "Issues by status",
        "SELECT status, count(*) AS issues FROM jira.issues GROUP BY status ORDER BY issues DESC",
    ),
    (
        "Lead and cycle time by month",
        "SELECT date_trunc('month', completed) AS month, count(*) AS completed, avg(lead_time_hours) / 24 AS lead_days, \
         avg(cycle_time_hours) / 24 AS cycle_days FROM jira.lead_time_view WHERE completed IS NOT NULL GROUP BY 1 ORDER BY 1 DESC",
    ),
    (
        "Who is busy",
        "SELECT assignee, in_progress_issues, overdue_issues FROM jira.user_workload ORDER BY in_progress_issues DESC",
    ),
];

/// What is asked.
#[derive(Default, Deserialize)]
pub(super) struct Asked {
    #[serde(default)]
    sql: String,
}

/// `GET /sql`
pub(super) async fn show(
    State(state): State<WebState>,
    visitor: Visitor,
    Query(asked): Query<Asked>,
) -> Response {
    visitor.page(Section::Sql, view(&state, &visitor, &asked).await)
}

async fn view(state: &WebState, visitor: &Visitor, asked: &Asked) -> Result<SqlPage, Error> {
    visitor.caller.require(Scope::Sql)?;
    let sql = asked.sql.trim();
    let shell = visitor.shell(Section::Sql, "SQL");
    if sql.is_empty() {
        return Ok(SqlPage::new(shell, "", None));
    }
    let limits = SqlLimits { max_rows: MOST_ROWS, ..SqlLimits::default() };
    match state.services.db.ask(&visitor.caller.context(), sql, limits).await {
        Ok(answer) => Ok(SqlPage::new(shell, sql, Some(Ok(answer)))),
        Err(Error::Invalid(problems)) => {
            let told: Vec<_> =
                problems.into_iter().map(|problem| fault::sentence(&problem.message)).collect();
            Ok(SqlPage::new(shell, sql, Some(Err(told.join(" ")))))
        }
        Err(error @ Error::TimedOut(_)) => {
            Ok(SqlPage::new(shell, sql, Some(Err(fault::sentence(&error.to_string())))))
        }
        Err(error) => Err(error),
    }
}

/// The page.
#[derive(Template)]
#[template(path = "sql.html")]
pub(super) struct SqlPage {
    shell: Shell,
    sql: String,
    examples: Vec<Example>,
    error: Option<String>,
    found: Option<Found>,
}

struct Example {
    label: &'static str,
    address: String,
}

struct Found {
    /// Names and types.
    columns: Vec<(String, String)>,
    rows: Vec<Vec<String>>,
    told: String,
}

impl SqlPage {
    /// `asked`: the answer, or why there is none; nothing for a page that was not asked yet.
    pub(super) fn new(shell: Shell, sql: &str, asked: Option<Result<SqlAnswer, String>>) -> Self {
        let (found, error) = match asked {
            None => (None, None),
            Some(Ok(answer)) => (Some(found(answer)), None),
            Some(Err(message)) => (None, Some(message)),
        };
        let example = |(label, sql)| Example { label, address: addresses::href("/sql", &[("sql", sql)]) };
        Self { shell, sql: sql.to_owned(), examples: EXAMPLES.map(example).into(), error, found }
    }
}

fn found(answer: SqlAnswer) -> Found {
    let rows = counted(answer.rows.len() as u64, "row");
    Found {
        told: if answer.truncated { format!("The first {rows}; there are more") } else { rows },
        columns: answer.columns.into_iter().zip(answer.types).collect(),
        rows: answer.rows.into_iter().map(|row| row.into_iter().map(cell).collect()).collect(),
    }
}

fn cell(value: Value) -> String {
    match value {
        Value::Null => "–".to_owned(),
        Value::String(text) => text,
        other => other.to_string(),
    }
}
