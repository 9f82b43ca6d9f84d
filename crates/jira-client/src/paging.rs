//! Reading collections that page by `startAt` to their end (jira-facts 10.4).

use serde_json::Value;

use crate::body::{count, object, take_array, unexpected};
use crate::request::Call;
use crate::{JiraClient, JiraError};

/// A bound for servers that never come to an end.
pub(crate) const MAX_PAGES: usize = 10_000;

/// A paged collection.
pub(crate) struct Paged {
    /// The request for any page, without `startAt` and `maxResults`.
    pub(crate) call: Call,
    /// The key under which a page keeps its items.
    pub(crate) items_key: &'static str,
    /// The page size to ask for; Jira silently gives less if it is above its cap.
    pub(crate) page_size: usize,
}

impl JiraClient {
    /// All items of a paged collection.
    ///
    /// Page sizes are not part of Jira's API, so the next page starts after the items *received*. `total` is
    /// believed before `isLast`, and an empty page always ends the walk.
    pub(crate) async fn all_pages(&self, paged: Paged) -> Result<Vec<Value>, JiraError> {
        let what = paged.call.kind.operation;
        let mut items = Vec::new();
        for _ in 0..MAX_PAGES {
            let start_at = items.len() as u64;
            let call = paged
                .call
                .clone()
                .query("startAt", &start_at.to_string())
                .query("maxResults", &paged.page_size.to_string())
                .objects(paged.page_size);
            let mut page = object(what, self.json(call).await?)?;
            check_start(what, count(&page, "startAt"), start_at)?;
            let received = take_array(what, &mut page, paged.items_key)?;
            let is_empty = received.is_empty();
            items.extend(received);
            let is_last = match count(&page, "total") {
                Some(total) => items.len() as u64 >= total,
                None => page.get("isLast").and_then(Value::as_bool).unwrap_or(false),
            };
            if is_empty || is_last {
                return Ok(items);
            }
        }
        Err(unexpected(format!("{what}: more than {MAX_PAGES} pages"), &Value::Null))
    }
}

/// A server that ignores `startAt` would otherwise deliver its first page again and again.
pub(crate) fn check_start(what: &str, answered: Option<u64>, asked: u64) -> Result<(), JiraError> {
    match answered {
        Some(answered) if answered != asked => {
            Err(unexpected(format!("{what}: asked for startAt {asked}, got {answered}"), &Value::Null))
        }
        _ => Ok(()),
    }
}
