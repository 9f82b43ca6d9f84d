//! Comments of an issue.

use serde_json::{Value, json};

use crate::paging::Paged;
use crate::{JiraClient, JiraError};

/// Comments per page; Jira may give fewer.
const PAGE: usize = 1_000;

impl JiraClient {
    /// The comments of an issue that the account may see, in Jira's order, and whether they are all: a site may end its list early, or
    /// change it while it is read.
    ///
    /// # Errors
    /// [`JiraError::NotFound`] if the issue does not exist or is hidden.
    pub async fn comments(&self, issue: &str) -> Result<(Vec<Value>, bool), JiraError> {
        let call = self.get("comments", &["issue", issue, "comment"])?.about(issue);
        self.all_pages_or_what_there_was(Paged { call, items_key: "comments", page_size: PAGE }).await
    }

    /// Adds a comment and returns it as Jira stored it. `body` is an ADF document in version 3 and a string of
    /// wiki markup in version 2.
    ///
    /// # Errors
    /// [`JiraError::Indeterminate`] if the comment may have been added although no usable answer came.
    pub async fn add_comment(&self, issue: &str, body: &Value) -> Result<Value, JiraError> {
        let segments = ["issue", issue, "comment"];
        let call = self.post_to_write("add_comment", &segments, json!({ "body": body }))?.about(issue);
        self.json(call).await
    }
}
