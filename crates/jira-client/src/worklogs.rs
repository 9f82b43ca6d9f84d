//! Worklogs of an issue, and the feeds of changed and deleted worklogs (jira-facts 1.5).

use serde_json::{Value, json};

use crate::body::{array, id_text, object, take_array, unexpected};
use crate::paging::Paged;
use crate::{JiraClient, JiraError};

/// Worklogs per page, Jira's default.
const PAGE: usize = 5_000;

/// Most worklogs that one request by id takes, and that a page of a feed holds.
const CHUNK: usize = 1_000;

/// Which feed of worklogs to read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum WorklogFeed {
    /// Worklogs added or changed.
    Updated,
    /// Worklogs deleted: the only record of deletions in Jira.
    Deleted,
}

/// A worklog that was changed or deleted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct WorklogChange {
    /// Id of the worklog.
    pub worklog_id: i64,
    /// When, in milliseconds since 1970 UTC.
    pub updated_time: i64,
}

/// One page of a feed, oldest change first.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WorklogFeedPage {
    /// The changes.
    pub changes: Vec<WorklogChange>,
    /// Where to read on, now or on a later day, in milliseconds since 1970 UTC.
    pub until: i64,
    /// Whether there is nothing more for the moment.
    pub is_last: bool,
    /// Entries that name no worklog: left out, so that one of them does not hold up the feed for ever.
    pub unreadable: u32,
}

impl JiraClient {
    /// The worklogs of an issue that the account may see, and whether they are all: see [`JiraClient::comments`].
    ///
    /// # Errors
    /// [`JiraError::NotFound`] if the issue does not exist or is hidden.
    pub async fn worklogs(&self, issue: &str) -> Result<(Vec<Value>, bool), JiraError> {
        let call = self.get("worklogs", &["issue", issue, "worklog"])?.about(issue);
        self.all_pages_or_what_there_was(Paged { call, items_key: "worklogs", page_size: PAGE }).await
    }

    /// Worklogs changed or deleted since `since` (milliseconds since 1970 UTC). Jira leaves out the last minute,
    /// so reading on from `until` misses nothing.
    ///
    /// # Errors
    /// Those of the request.
    pub async fn worklog_feed(&self, feed: WorklogFeed, since: i64) -> Result<WorklogFeedPage, JiraError> {
        let (what, segment) = match feed {
            WorklogFeed::Updated => ("worklogs_updated", "updated"),
            WorklogFeed::Deleted => ("worklogs_deleted", "deleted"),
        };
        let call = self.get(what, &["worklog", segment])?.query("since", &since.to_string()).objects(CHUNK);
        let mut page = object(what, self.json(call).await?)?;
        let values = take_array(what, &mut page, "values")?;
        let changes: Vec<_> = values.iter().filter_map(read_change).collect();
        let unreadable = u32::try_from(values.len() - changes.len()).unwrap_or(u32::MAX);
        if unreadable > 0 {
            tracing::warn!(what, unreadable, "entries of a feed name no worklog and are left out");
        }
        let until = page.get("until").and_then(Value::as_i64);
        let until = until.ok_or_else(|| unexpected(format!("{what}: no `until`"), &Value::Null))?;
        let said_last = page.get("lastPage").and_then(Value::as_bool).unwrap_or(true);
        // A page that does not move on would be read again and again.
        Ok(WorklogFeedPage { changes, until, is_last: said_last || until <= since, unreadable })
    }

    /// Worklogs by id; those that do not exist or are hidden are absent.
    ///
    /// # Errors
    /// Those of the requests.
    pub async fn worklogs_by_id(&self, ids: &[i64]) -> Result<Vec<Value>, JiraError> {
        const WHAT: &str = "worklog_list";
        let mut worklogs = Vec::new();
        for chunk in ids.chunks(CHUNK) {
            let body = json!({ "ids": chunk });
            let call = self.post_to_read(WHAT, &["worklog", "list"], body)?.objects(chunk.len());
            worklogs.extend(array(WHAT, self.json(call).await?)?);
        }
        Ok(worklogs)
    }
}

fn read_change(change: &Value) -> Option<WorklogChange> {
    let updated_time = change.get("updatedTime").and_then(Value::as_i64).unwrap_or(0);
    Some(WorklogChange { worklog_id: id_text(change.get("worklogId"))?.parse().ok()?, updated_time })
}
