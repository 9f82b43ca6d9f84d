//! Reading issues by id (jira-facts 1.4).

use std::fmt;

use serde_json::{Value, json, value::RawValue};

use crate::body::{id_text, list_as_text, members, text, unexpected};
use crate::request::MAX_BODY_BYTES;
use crate::{Dialect, JiraClient, JiraError, SearchRequest};

/// Most issues that one bulk fetch surely takes.
const CHUNK: usize = 100;

/// By how much a chunk shrinks when Jira could not deliver some of its issues.
const SHRINK: usize = 10;

/// Issues read by id.
#[derive(Clone, Default)]
pub struct BulkIssues {
    /// The issues as Jira sent them, as text, in no particular order. One that does not exist or is hidden is absent from
    /// here and from `errors`.
    pub issues: Vec<Box<RawValue>>,
    /// Issues that Jira failed to deliver, also when asked one by one. They are *not* gone.
    pub errors: Vec<IssueError>,
}

impl BulkIssues {
    /// How many bytes more there may be.
    fn left_of(&self, most_bytes: u64) -> Result<u64, JiraError> {
        let bytes = self.issues.iter().map(|issue| issue.get().len() as u64).sum();
        most_bytes.checked_sub(bytes).ok_or(JiraError::TooLarge { limit: most_bytes })
    }
}

impl fmt::Debug for BulkIssues {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Issues hold the e-mail addresses of users.
        f.debug_struct("BulkIssues")
            .field("issues", &self.issues.len())
            .field("errors", &self.errors)
            .finish()
    }
}

/// An issue that Jira failed to deliver.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IssueError {
    /// Id of the issue.
    pub id: String,
    /// What Jira says about it.
    pub message: String,
}

impl JiraClient {
    /// One issue by id or key; a key that it had before a move also finds it.
    ///
    /// Empty `fields` means all fields. Embedded changelogs, comments and worklogs are truncated on Cloud: use
    /// [`issue_changelog`](Self::issue_changelog), [`comments`](Self::comments) and [`worklogs`](Self::worklogs).
    ///
    /// # Errors
    /// [`JiraError::NotFound`] if the issue does not exist or is hidden.
    pub async fn issue(
        &self,
        id_or_key: &str,
        fields: &[String],
        expand: &[String],
    ) -> Result<Value, JiraError> {
        let issue = self.issue_as_text(id_or_key, fields, expand, MAX_BODY_BYTES).await?;
        serde_json::from_str(issue.get())
            .map_err(|_| unexpected("issue: an issue that cannot be read", &Value::Null))
    }

    /// The same, left as text and no larger than so many bytes.
    ///
    /// # Errors
    /// Those of [`JiraClient::issue`], and [`JiraError::TooLarge`] for a larger one.
    pub async fn issue_as_text(
        &self,
        id_or_key: &str,
        fields: &[String],
        expand: &[String],
        most_bytes: u64,
    ) -> Result<Box<RawValue>, JiraError> {
        let call = self.get("issue", &["issue", id_or_key])?.about(id_or_key).at_most(most_bytes);
        let call = call.query_list("fields", fields).query_list("expand", expand);
        let call = call.query_list("properties", self.issue_properties());
        let issue: Box<RawValue> = self.json(call).await?;
        match members(&issue) {
            Some(_) => Ok(issue),
            None => Err(unexpected("issue: not an object", &Value::from(issue.get()))),
        }
    }

    /// Many issues by id, as text. Empty `fields` means all fields.
    ///
    /// Version 3 fetches in bulk, and asks again in smaller portions for those that Jira could not deliver.
    /// Version 2 searches by id; the answer then comes from the search index, which may lag.
    ///
    /// # Errors
    /// Those of the requests, and [`JiraError::TooLarge`] where all of it has more bytes than `most_bytes`: ask for fewer issues.
    /// Issues that do not exist are no error.
    pub async fn issues_by_id(
        &self,
        ids: &[String],
        fields: &[String],
        expand: &[String],
        most_bytes: u64,
    ) -> Result<BulkIssues, JiraError> {
        let all_fields = [String::from("*all")];
        let fields = if fields.is_empty() { &all_fields[..] } else { fields };
        let mut bulk = BulkIssues::default();
        match self.dialect() {
            Dialect::V3 => self.bulk_fetch(ids, fields, expand, most_bytes, &mut bulk).await?,
            Dialect::V2 => {
                for chunk in ids.chunks(CHUNK) {
                    self.search_ids(chunk, fields, expand, most_bytes, &mut bulk).await?;
                }
            }
        }
        Ok(bulk)
    }

    async fn bulk_fetch(
        &self,
        ids: &[String],
        fields: &[String],
        expand: &[String],
        most_bytes: u64,
        bulk: &mut BulkIssues,
    ) -> Result<(), JiraError> {
        let mut size = CHUNK;
        let mut ids = ids.to_vec();
        while !ids.is_empty() {
            let mut failed = Vec::new();
            for chunk in ids.chunks(size) {
                let left = bulk.left_of(most_bytes)?;
                let fetched = self.bulk_fetch_chunk(chunk, fields, expand, left).await?;
                bulk.issues.extend(fetched.issues);
                failed.extend(fetched.errors);
            }
            if size == 1 {
                bulk.errors.extend(failed);
                break;
            }
            // These are "retriable errors or payload constraints": fewer at once may pass.
            ids = failed.into_iter().map(|error| error.id).collect();
            size = (size / SHRINK).max(1);
        }
        Ok(())
    }

    async fn bulk_fetch_chunk(
        &self,
        ids: &[String],
        fields: &[String],
        expand: &[String],
        most_bytes: u64,
    ) -> Result<BulkIssues, JiraError> {
        const WHAT: &str = "bulk_fetch_issues";
        let mut body = json!({ "issueIdsOrKeys": ids, "fields": fields });
        if !expand.is_empty() {
            body["expand"] = json!(expand);
        }
        if !self.issue_properties().is_empty() {
            body["properties"] = json!(self.issue_properties());
        }
        let call = self.post_to_read(WHAT, &["issue", "bulkfetch"], body)?.objects(ids.len());
        let answer: Box<RawValue> = self.json(call.at_most(most_bytes)).await?;
        let (issues, mut answer) = list_as_text(WHAT, &answer, "issues")?;
        let errors = answer.remove("issueErrors").unwrap_or_default();
        let errors = errors.as_array().into_iter().flatten();
        // An error that cannot be read must not make its issue look gone.
        let errors = errors.map(|error| {
            read_error(error)
                .ok_or_else(|| unexpected(format!("{WHAT}: an issue error without an id"), error))
        });
        Ok(BulkIssues { issues, errors: errors.collect::<Result<_, _>>()? })
    }

    /// Adds what a search by id finds.
    async fn search_ids(
        &self,
        ids: &[String],
        fields: &[String],
        expand: &[String],
        most_bytes: u64,
        bulk: &mut BulkIssues,
    ) -> Result<(), JiraError> {
        let request = SearchRequest {
            jql: format!(
                "id in ({}) ORDER BY id",
                ids.iter().map(|id| operand(id)).collect::<Vec<_>>().join(",")
            ),
            fields: fields.to_vec(),
            expand: expand.to_vec(),
            page_size: CHUNK as u32,
            ..SearchRequest::default()
        };
        let before = bulk.issues.len();
        let mut cursor = None;
        loop {
            let left = bulk.left_of(most_bytes)?;
            match self.search_page_as_text(&request, cursor.as_ref(), left).await {
                Ok(page) => {
                    bulk.issues.extend(page.issues);
                    cursor = page.next;
                    if cursor.is_none() {
                        return Ok(());
                    }
                }
                // One id that no longer exists makes the whole query wrong.
                Err(JiraError::BadRequest { .. }) => {
                    bulk.issues.truncate(before);
                    return self.issues_one_by_one(ids, fields, expand, most_bytes, bulk).await;
                }
                Err(error) => return Err(error),
            }
        }
    }

    async fn issues_one_by_one(
        &self,
        ids: &[String],
        fields: &[String],
        expand: &[String],
        most_bytes: u64,
        bulk: &mut BulkIssues,
    ) -> Result<(), JiraError> {
        for id in ids {
            let left = bulk.left_of(most_bytes)?;
            match self.issue_as_text(id, fields, expand, left).await {
                Ok(issue) => bulk.issues.push(issue),
                Err(JiraError::NotFound { .. }) => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }
}

fn read_error(error: &Value) -> Option<IssueError> {
    let error = error.as_object()?;
    let message = text(error, "errorMessage").unwrap_or_default();
    Some(IssueError { id: id_text(error.get("id"))?, message })
}

/// An id or key as a JQL operand: ids must stand bare, and a key must not be able to end its quotes.
fn operand(id: &str) -> String {
    if !id.is_empty() && id.bytes().all(|byte| byte.is_ascii_digit()) {
        id.to_owned()
    } else {
        format!("\"{}\"", id.replace('\\', "\\\\").replace('"', "\\\""))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_stand_bare_and_keys_cannot_end_their_quotes() {
        assert_eq!(operand("10001"), "10001");
        assert_eq!(operand("ED-1"), r#""ED-1""#);
        assert_eq!(operand(r#"x") OR id in ("y"#), r#""x\") OR id in (\"y""#);
        assert_eq!(operand(r"x\"), r#""x\\""#);
        assert_eq!(operand(""), r#""""#);
    }
}
