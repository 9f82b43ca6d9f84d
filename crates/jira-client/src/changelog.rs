//! Complete histories of issues (jira-facts 1.5, 6.4).

use std::collections::{HashMap, HashSet};

use serde_json::{Map, Value, json, value::RawValue};

use crate::body::{count, id_text, list_as_text, members, object, take_array, text, unexpected};
use crate::paging::Paged;
use crate::{Dialect, JiraClient, JiraError};

/// Most issues that one bulk request takes.
const BULK_ISSUES: usize = 1_000;

/// Histories per page of a bulk request.
const BULK_PAGE: usize = 1_000;

/// Histories per page of one issue, Jira's default.
const PAGE: usize = 100;

impl JiraClient {
    /// All histories of an issue, in the order in which Jira gives them: oldest first in version 3, newest first
    /// in version 2.
    ///
    /// # Errors
    /// [`JiraError::NotFound`] if the issue does not exist or is hidden; [`JiraError::InvalidBody`] if the site
    /// gives only a part of the histories.
    pub async fn issue_changelog(&self, id: &str) -> Result<Vec<Value>, JiraError> {
        match self.dialect() {
            Dialect::V3 => self.changelog_pages(id).await,
            Dialect::V2 => self.expanded_changelog(id).await,
        }
    }

    /// All histories of many issues, by issue id, each as text. `created` may be a timestamp or a number (jira-facts 1.5).
    ///
    /// Ask by id, not by key. An issue that is absent has no histories, does not exist or is hidden. Where the
    /// site has no bulk request, the issues are asked one by one.
    ///
    /// # Errors
    /// Those of the requests, and [`JiraError::TooLarge`] where all of it has more bytes than `most_bytes`: ask for fewer issues.
    /// Issues that do not exist are no error.
    pub async fn changelogs(
        &self,
        ids: &[String],
        most_bytes: u64,
    ) -> Result<HashMap<String, Vec<Box<RawValue>>>, JiraError> {
        let mut found = Found { left: most_bytes, limit: most_bytes, ..Found::default() };
        if self.dialect() == Dialect::V2 {
            self.changelogs_one_by_one(ids, &mut found).await?;
            return Ok(found.histories);
        }
        for chunk in ids.chunks(BULK_ISSUES) {
            match self.bulk_changelogs(chunk, &mut found).await {
                Ok(doubtful) => self.changelogs_one_by_one(&doubtful, &mut found).await?,
                Err(error) if means_no_such_resource(&error) => {
                    self.changelogs_one_by_one(chunk, &mut found).await?;
                }
                Err(error) => return Err(error),
            }
        }
        Ok(found.histories)
    }

    /// Adds to what was found; answers the issues of which some could not be read: they are not without histories.
    async fn bulk_changelogs(&self, ids: &[String], found: &mut Found) -> Result<Vec<String>, JiraError> {
        const WHAT: &str = "bulk_fetch_changelogs";
        let mut doubtful = HashSet::new();
        // Pages overlap where somebody writes meanwhile, and lists have had entries twice.
        let mut known = HashSet::new();
        let mut tokens = HashSet::new();
        let mut token: Option<String> = None;
        loop {
            let mut body = json!({ "issueIdsOrKeys": ids, "maxResults": BULK_PAGE });
            if let Some(token) = &token {
                body["nextPageToken"] = json!(token);
            }
            let call = self.post_to_read(WHAT, &["changelog", "bulkfetch"], body)?.objects(BULK_PAGE);
            let page: Box<RawValue> = self.json(call.at_most(found.left)).await?;
            found.take(page.get().len())?;
            let (entries, page) = list_as_text(WHAT, &page, "issueChangeLogs")?;
            for entry in entries {
                match read_entry(&entry) {
                    // Sorted by date over all issues, so an issue may come again on a later page.
                    Ok((id, mut entries)) => {
                        entries.retain(|history| is_new(history_id(history), &id, &mut known));
                        found.histories.entry(id).or_default().extend(entries);
                    }
                    Err(Some(id)) => drop(doubtful.insert(id)),
                    // It may be about any of them.
                    Err(None) => doubtful.extend(ids.iter().cloned()),
                }
            }
            token = text(&page, "nextPageToken");
            match &token {
                None => return Ok(doubtful.into_iter().collect()),
                Some(token) if !tokens.insert(token.clone()) => {
                    return Err(unexpected(
                        format!("{WHAT}: the same nextPageToken came again"),
                        &Value::Null,
                    ));
                }
                Some(_) => {}
            }
        }
    }

    async fn changelogs_one_by_one(&self, ids: &[String], found: &mut Found) -> Result<(), JiraError> {
        for id in ids {
            match self.issue_changelog(id).await {
                Ok(histories) => {
                    let histories = histories.iter().map(serde_json::value::to_raw_value);
                    let histories: Vec<Box<RawValue>> =
                        histories.collect::<Result<_, _>>().map_err(|_| {
                            unexpected("changelog: a history that cannot be written", &Value::Null)
                        })?;
                    found.take(histories.iter().map(|history| history.get().len()).sum())?;
                    found.histories.insert(id.clone(), histories);
                }
                Err(JiraError::NotFound { .. }) => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    async fn changelog_pages(&self, id: &str) -> Result<Vec<Value>, JiraError> {
        let call = self.get("changelog", &["issue", id, "changelog"])?.about(id);
        let mut histories = self.all_pages(Paged { call, items_key: "values", page_size: PAGE }).await?;
        let mut known = HashSet::new();
        histories.retain(|history| is_new(id_text(history.get("id")), id, &mut known));
        Ok(histories)
    }

    async fn expanded_changelog(&self, id: &str) -> Result<Vec<Value>, JiraError> {
        const WHAT: &str = "changelog";
        // `fields=id` names no field that has a value, which keeps the rest of the issue out of the answer.
        let call =
            self.get(WHAT, &["issue", id])?.about(id).query("fields", "id").query("expand", "changelog");
        let mut issue = object(WHAT, self.json(call).await?)?;
        let mut changelog: Map<String, Value> =
            object(WHAT, issue.remove("changelog").unwrap_or(Value::Null))?;
        let histories = take_array(WHAT, &mut changelog, "histories")?;
        let total = count(&changelog, "total").unwrap_or(0);
        if histories.len() as u64 >= total {
            return Ok(histories);
        }
        // Server and Data Center give all of them; a site that truncates like Cloud also pages like Cloud.
        self.changelog_pages(id).await.map_err(|error| match error {
            error if means_no_such_resource(&error) => {
                let what =
                    format!("{WHAT}: {} of {total} histories, and no way to the others", histories.len());
                unexpected(what, &Value::Null)
            }
            error => error,
        })
    }
}

/// Histories by issue id, and how many bytes more of them are wanted.
#[derive(Default)]
struct Found {
    histories: HashMap<String, Vec<Box<RawValue>>>,
    left: u64,
    limit: u64,
}

impl Found {
    fn take(&mut self, bytes: usize) -> Result<(), JiraError> {
        let left = self.left.checked_sub(bytes as u64);
        self.left = left.ok_or(JiraError::TooLarge { limit: self.limit })?;
        Ok(())
    }
}

/// Whether a history of an issue was not known, by its id. One without an id is not known.
fn is_new(history: Option<String>, issue: &str, known: &mut HashSet<(String, String)>) -> bool {
    history.is_none_or(|id| known.insert((issue.to_owned(), id)))
}

fn history_id(history: &RawValue) -> Option<String> {
    value_of(members(history)?.get("id")?)
}

fn value_of(id: &RawValue) -> Option<String> {
    id_text(serde_json::from_str::<Value>(id.get()).ok().as_ref())
}

/// An issue and some of its histories; the issue alone, if it is named, where they cannot be read.
fn read_entry(entry: &RawValue) -> Result<(String, Vec<Box<RawValue>>), Option<String>> {
    let members = members(entry).unwrap_or_default();
    let id = members.get("issueId").and_then(|id| value_of(id)).ok_or(None)?;
    match members.get("changeHistories").and_then(|list| serde_json::from_str(list.get()).ok()) {
        Some(histories) => Ok((id, histories)),
        None => Err(Some(id)),
    }
}

/// The site does not have this resource, or not with this method.
fn means_no_such_resource(error: &JiraError) -> bool {
    match error {
        JiraError::NotFound { .. } => true,
        JiraError::Upstream { status, .. } => matches!(status, 405 | 501),
        // Servers answer paths that they do not know with a page.
        JiraError::ForeignPage { status, .. } => matches!(status, 404 | 405),
        _ => false,
    }
}
