//! Reading issues by id (jira-facts 1.4).

use std::fmt;

use serde_json::{Value, json};

use crate::body::{id_text, object, take_array, text, unexpected};
use crate::{Dialect, JiraClient, JiraError, SearchRequest};

/// Most issues that one bulk fetch surely takes.
const CHUNK: usize = 100;

/// By how much a chunk shrinks when Jira could not deliver some of its issues.
const SHRINK: usize = 10;

/// Issues read by id.
#[derive(Clone, Default, PartialEq)]
pub struct BulkIssues {
    /// The issues as Jira sent them, in no particular order. One that does not exist or is hidden is absent from
    /// here and from `errors`.
    pub issues: Vec<Value>,
    /// Issues that Jira failed to deliver, also when asked one by one. They are *not* gone.
    pub errors: Vec<IssueError>,
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
        let call = self.get("issue", &["issue", id_or_key])?.about(id_or_key);
        let call = call.query_list("fields", fields).query_list("expand", expand);
        let call = call.query_list("properties", self.issue_properties());
        object("issue", self.json(call).await?).map(Value::Object)
    }

    /// Many issues by id. Empty `fields` means all fields.
    ///
    /// Version 3 fetches in bulk, and asks again in smaller portions for those that Jira could not deliver.
    /// Version 2 searches by id; the answer then comes from the search index, which may lag.
    ///
    /// # Errors
    /// Those of the requests. Issues that do not exist are no error.
    pub async fn issues_by_id(
        &self,
        ids: &[String],
        fields: &[String],
        expand: &[String],
    ) -> Result<BulkIssues, JiraError> {
        let all_fields = [String::from("*all")];
        let fields = if fields.is_empty() { &all_fields[..] } else { fields };
        let mut bulk = BulkIssues::default();
        match self.dialect() {
            Dialect::V3 => self.bulk_fetch(ids, fields, expand, &mut bulk).await?,
            Dialect::V2 => {
                for chunk in ids.chunks(CHUNK) {
                    bulk.issues.extend(self.search_ids(chunk, fields, expand).await?);
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
        bulk: &mut BulkIssues,
    ) -> Result<(), JiraError> {
        let mut size = CHUNK;
        let mut ids = ids.to_vec();
        while !ids.is_empty() {
            let mut failed = Vec::new();
            for chunk in ids.chunks(size) {
                let (issues, errors) = self.bulk_fetch_chunk(chunk, fields, expand).await?;
                bulk.issues.extend(issues);
                failed.extend(errors);
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
    ) -> Result<(Vec<Value>, Vec<IssueError>), JiraError> {
        const WHAT: &str = "bulk_fetch_issues";
        let mut body = json!({ "issueIdsOrKeys": ids, "fields": fields });
        if !expand.is_empty() {
            body["expand"] = json!(expand);
        }
        if !self.issue_properties().is_empty() {
            body["properties"] = json!(self.issue_properties());
        }
        let call = self.post_to_read(WHAT, &["issue", "bulkfetch"], body)?.objects(ids.len());
        let mut answer = object(WHAT, self.json(call).await?)?;
        let issues = take_array(WHAT, &mut answer, "issues")?;
        let errors = answer.remove("issueErrors").unwrap_or_default();
        let errors = errors.as_array().into_iter().flatten();
        // An error that cannot be read must not make its issue look gone.
        let errors = errors.map(|error| {
            read_error(error)
                .ok_or_else(|| unexpected(format!("{WHAT}: an issue error without an id"), error))
        });
        Ok((issues, errors.collect::<Result<_, _>>()?))
    }

    async fn search_ids(
        &self,
        ids: &[String],
        fields: &[String],
        expand: &[String],
    ) -> Result<Vec<Value>, JiraError> {
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
        let mut issues = Vec::new();
        let mut cursor = None;
        loop {
            match self.search_page(&request, cursor.as_ref()).await {
                Ok(page) => {
                    issues.extend(page.issues);
                    cursor = page.next;
                    if cursor.is_none() {
                        return Ok(issues);
                    }
                }
                // One id that no longer exists makes the whole query wrong.
                Err(JiraError::BadRequest { .. }) => {
                    return self.issues_one_by_one(ids, fields, expand).await;
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
    ) -> Result<Vec<Value>, JiraError> {
        let mut issues = Vec::new();
        for id in ids {
            match self.issue(id, fields, expand).await {
                Ok(issue) => issues.push(issue),
                Err(JiraError::NotFound { .. }) => {}
                Err(error) => return Err(error),
            }
        }
        Ok(issues)
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
