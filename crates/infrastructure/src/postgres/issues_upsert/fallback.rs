//! A page with an issue that the tables cannot take: it is kept aside with the reason, and the others are stored.
//!
//! Such an issue is hardly ever met (ingest knows the limits), so a page is stored as a whole, behind one savepoint. Only when
//! the database refuses its data is it taken back and halved, until what is refused stands alone: one such issue among a
//! hundred takes about fourteen attempts.

use std::borrow::Cow;

use application::{Error, Result, issues::UpsertCounts};
use serde_json::Value;
use sqlx::{Executor, PgConnection, error::DatabaseError};

use super::{Children, Planned, Scope, convert, write};
use crate::postgres::{sync, transaction::PgTenantTx};

/// Classes of codes that speak of the data and not of us: a value that its type or column cannot hold (22), and a row beyond what
/// an index or a page can (54).
const OF_THE_DATA: [&str; 2] = ["22", "54"];

/// The code that says that there is a row with this key.
const TAKEN: &str = "23505";

/// Stores the issues, keeps aside those that cannot be stored, and answers what was written.
pub(super) async fn write_or_keep_aside(
    tx: &mut PgTenantTx,
    scope: Scope,
    issues: Vec<Planned<'_>>,
) -> Result<UpsertCounts> {
    let mut counts = UpsertCounts::default();
    let mut waiting = vec![issues];
    while let Some(mut part) = waiting.pop() {
        savepoint(tx.conn(), "SAVEPOINT page").await?;
        let mut outcome = write(tx.conn(), scope, part.clone(), Children::OfNewAreNew).await;
        if outcome.as_ref().is_err_and(|error| code(error).is_some_and(|code| code == TAKEN)) {
            savepoint(tx.conn(), "ROLLBACK TO SAVEPOINT page").await?;
            outcome = write(tx.conn(), scope, part.clone(), Children::MayBeStored).await;
        }
        match outcome {
            Ok(written) => {
                savepoint(tx.conn(), "RELEASE SAVEPOINT page").await?;
                counts = counts + written;
            }
            Err(error) => {
                let Some(reason) = refusal(&error) else { return Err(error) };
                savepoint(tx.conn(), "ROLLBACK TO SAVEPOINT page; RELEASE SAVEPOINT page").await?;
                if let [issue] = part.as_slice() {
                    keep_aside(tx, scope, issue, &reason).await?;
                    counts.rejected += 1;
                } else {
                    waiting.push(part.split_off(part.len() / 2));
                    waiting.push(part);
                }
            }
        }
    }
    Ok(counts)
}

async fn savepoint(conn: &mut PgConnection, statement: &'static str) -> Result<()> {
    conn.execute(statement).await.map(drop).map_err(convert)
}

/// What the database said, if it refused the data. Its message names types and columns; values only in its detail.
fn refusal(error: &Error) -> Option<String> {
    let code = code(error)?;
    let refused = OF_THE_DATA.iter().any(|class| code.starts_with(class));
    answer(error).filter(|_| refused).map(|answer| answer.message().to_owned())
}

fn code(error: &Error) -> Option<Cow<'_, str>> {
    answer(error)?.code()
}

fn answer(error: &Error) -> Option<&dyn DatabaseError> {
    let Error::Internal(cause) = error else { return None };
    match cause.downcast_ref::<sqlx::Error>()? {
        sqlx::Error::Database(answer) => Some(answer.as_ref()),
        _ => None,
    }
}

async fn keep_aside(tx: &mut PgTenantTx, scope: Scope, issue: &Planned<'_>, reason: &str) -> Result<()> {
    let jira_id = &issue.bundle.issue.jira_id;
    tracing::warn!(jira_id, reason, "an issue cannot be stored and is kept aside");
    let reason = format!("the database cannot hold it: {reason}");
    sync::keep_aside(tx.conn(), scope, Some(jira_id), &reason, &Value::from(jira_id.as_str())).await
}
