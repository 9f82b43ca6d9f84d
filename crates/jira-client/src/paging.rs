//! Reading collections that page by `startAt` to their end (jira-facts 10.4).

use serde_json::Value;

use crate::body::{count, object, take_array, unexpected};
use crate::request::Call;
use crate::{JiraClient, JiraError};

/// A bound for servers that never come to an end.
pub(crate) const MAX_PAGES: usize = 10_000;

/// How often a collection is read that moves while it is read.
const TRIES: usize = 3;

/// What became of reading a collection page by page.
enum Walked {
    /// These are all of it.
    Whole(Vec<Value>),
    /// The server gave no more, and says that there is: it may count what the account does not see.
    EndsEarly(Vec<Value>),
    /// Something left it or came to it in between: some of it may have moved past unseen.
    Moved(Vec<Value>),
}

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

    /// All items of a paged collection, and whether that is all that there is: only then is what is not among them gone. Of a
    /// collection that moves while it is read, it is read again.
    pub(crate) async fn all_pages_or_what_there_was(
        &self,
        paged: Paged,
    ) -> Result<(Vec<Value>, bool), JiraError> {
        let mut items = Vec::new();
        for _ in 0..TRIES {
            items = match self.walk(&paged).await? {
                Walked::Whole(items) => return Ok((items, true)),
                Walked::EndsEarly(items) => return Ok((items, false)),
                Walked::Moved(items) => items,
            };
        }
        Ok((items, false))
    }

    /// Each page begins with the last item of the one before. The same item there, and the same `total` as before, tell that nothing
    /// has moved in between.
    async fn walk(&self, paged: &Paged) -> Result<Walked, JiraError> {
        let what = paged.call.kind.operation;
        let mut items: Vec<Value> = Vec::new();
        let (mut first_total, mut moved) = (None, false);
        for page_number in 0..MAX_PAGES {
            let overlap = usize::from(!items.is_empty() && !moved);
            let start_at = (items.len() - overlap) as u64;
            let call = paged.call.clone().query("startAt", &start_at.to_string());
            let call = call.query("maxResults", &paged.page_size.to_string()).objects(paged.page_size);
            let mut page = object(what, self.json(call).await?)?;
            check_start(what, count(&page, "startAt"), start_at)?;
            let mut received = take_array(what, &mut page, paged.items_key)?;
            let total = count(&page, "total");
            if page_number == 0 {
                first_total = total;
            }
            moved |= total != first_total;
            if overlap == 1 {
                moved |=
                    !received.first().zip(items.last()).is_some_and(|(first, last)| is_same(first, last));
                received.drain(..received.len().min(1));
            }
            let is_empty = received.is_empty();
            items.extend(received);
            let is_last = match total {
                Some(total) => items.len() as u64 >= total,
                None => page.get("isLast").and_then(Value::as_bool).unwrap_or(false),
            };
            match (is_last, is_empty, moved) {
                (true, _, false) => return Ok(Walked::Whole(items)),
                (true, _, true) | (false, true, true) => return Ok(Walked::Moved(items)),
                (false, true, false) => return Ok(Walked::EndsEarly(items)),
                (false, false, _) => {}
            }
        }
        Err(unexpected(format!("{what}: more than {MAX_PAGES} pages"), &Value::Null))
    }
}

fn is_same(one: &Value, other: &Value) -> bool {
    match (one.get("id"), other.get("id")) {
        (Some(one), Some(other)) => one == other,
        _ => one == other,
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
