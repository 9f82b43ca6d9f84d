//! The check that the border holds: one walk through the catalogue, for `migrate`, the start, readiness and `doctor`.

use std::fmt;

use application::Result;
use sqlx::PgConnection;

use crate::postgres::errors::convert;

/// A hole in the border, and what closes it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Gap {
    /// What is wrong.
    pub what: String,
    /// The SQL for the owner or a superuser to run, or the command.
    pub remedy: String,
}

/// So many gaps are named by an error; `forebay doctor` names all of them.
const NAMED: usize = 5;

/// What an error says of gaps: the first few of them, and how many more there are.
pub(in crate::postgres) fn told(gaps: &[Gap]) -> String {
    let mut parts: Vec<String> = gaps.iter().take(NAMED).map(ToString::to_string).collect();
    if gaps.len() > NAMED {
        parts.push(format!("and {} more, which `forebay doctor` lists", gaps.len() - NAMED));
    }
    format!("the database's border is open: {}", parts.join("; "))
}

impl fmt::Display for Gap {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} (to close it: {})", self.what, self.remedy)
    }
}

/// Every gap in the border of the connection's database; empty when it is closed. Whoever asks, the answer is about
/// Forebay's roles. It looks at
/// - the roles: their attributes, memberships and sessions' settings, what they own and may make;
/// - every table with a `tenant_id` or in reach of a role: row-level security forced, by policies that begin with the tenant, and
///   behind the limit to projects where its rows are of issues, projects or whole sites;
/// - views, materialized views and functions that run with their owner's rights;
/// - what `forebay_read` may name, write, and see of secrets.
///
/// # Errors
/// [`application::Error::Unavailable`] when the server does not answer.
pub async fn border_gaps(connection: &mut PgConnection) -> Result<Vec<Gap>> {
    let rows =
        sqlx::query_file!("src/postgres/roles/border.sql").fetch_all(connection).await.map_err(convert)?;
    Ok(rows.into_iter().map(|row| Gap { what: row.gap, remedy: row.remedy }).collect())
}
