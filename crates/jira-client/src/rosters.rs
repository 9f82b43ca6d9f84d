//! The lists that issues refer to: fields, projects, statuses and so on, each as Jira sent it.

use serde_json::Value;

use crate::body::{array, object, take_array};
use crate::paging::Paged;
use crate::{Dialect, JiraClient, JiraError};

/// Projects per page, Jira's cap.
const PROJECTS: usize = 100;

impl JiraClient {
    /// All fields, system and custom ones. Names are not unique.
    ///
    /// # Errors
    /// Those of the request.
    pub async fn fields(&self) -> Result<Vec<Value>, JiraError> {
        self.roster("fields", "field").await
    }

    /// All live projects that the account may see, with description and lead.
    ///
    /// # Errors
    /// Those of the requests.
    pub async fn projects(&self) -> Result<Vec<Value>, JiraError> {
        const WHAT: &str = "projects";
        const EXPAND: &str = "description,lead";
        match self.dialect() {
            Dialect::V3 => {
                let call = self.get(WHAT, &["project", "search"])?.query("expand", EXPAND);
                self.all_pages(Paged { call, items_key: "values", page_size: PROJECTS }).await
            }
            Dialect::V2 => {
                let call = self.get(WHAT, &["project"])?.query("expand", EXPAND);
                array(WHAT, self.json(call).await?)
            }
        }
    }

    /// All statuses, with their categories.
    ///
    /// # Errors
    /// Those of the request.
    pub async fn statuses(&self) -> Result<Vec<Value>, JiraError> {
        self.roster("statuses", "status").await
    }

    /// All priorities, highest first.
    ///
    /// # Errors
    /// Those of the request.
    pub async fn priorities(&self) -> Result<Vec<Value>, JiraError> {
        self.roster("priorities", "priority").await
    }

    /// All resolutions.
    ///
    /// # Errors
    /// Those of the request.
    pub async fn resolutions(&self) -> Result<Vec<Value>, JiraError> {
        self.roster("resolutions", "resolution").await
    }

    /// All issue types.
    ///
    /// # Errors
    /// Those of the request.
    pub async fn issue_types(&self) -> Result<Vec<Value>, JiraError> {
        self.roster("issue_types", "issuetype").await
    }

    /// All types of links between issues.
    ///
    /// # Errors
    /// [`JiraError::NotFound`] if issue linking is switched off.
    pub async fn issue_link_types(&self) -> Result<Vec<Value>, JiraError> {
        const WHAT: &str = "issue_link_types";
        let mut answer = object(WHAT, self.json(self.get(WHAT, &["issueLinkType"])?).await?)?;
        take_array(WHAT, &mut answer, "issueLinkTypes")
    }

    /// A list that Jira gives as one bare array.
    async fn roster(&self, what: &'static str, segment: &str) -> Result<Vec<Value>, JiraError> {
        array(what, self.json(self.get(what, &[segment])?).await?)
    }
}
