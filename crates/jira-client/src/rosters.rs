//! The lists that issues refer to: fields, projects, statuses and so on, each as Jira sent it.

use reqwest::Method;
use serde_json::Value;

use crate::body::{array, object, take_array};
use crate::paging::Paged;
use crate::request::Call;
use crate::{Dialect, JiraClient, JiraError};

/// Projects per page, Jira's cap.
const PROJECTS: usize = 100;
/// What is asked for with a project.
const EXPAND: &str = "description,lead,issueTypes";
/// Boards and filters per page, Jira's usual number.
const BOARDS: usize = 50;
const FILTERS: usize = 50;
/// All that Jira's OpenAPI document says a filter can show.
const FILTER: &str = "description,favourite,favouritedCount,jql,owner,searchUrl,sharePermissions,editPermissions,isWritable,\
                      approximateLastUsed,subscriptions,viewUrl";
/// Dashboards per page, and all that Jira's OpenAPI document says one can show.
const DASHBOARDS: usize = 50;
const DASHBOARD: &str =
    "description,owner,viewUrl,favourite,favouritedCount,sharePermissions,editPermissions,isWritable";
/// Contexts and options of custom fields per page.
const OPTIONS: usize = 100;

/// Projects that are not live any more.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct RetiredProjects {
    /// Archived: their issues are in no search.
    pub archived: Vec<Value>,
    /// In the trash, until they are restored or deleted for good.
    pub trashed: Vec<Value>,
}

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

    /// A live project (by its numeric id) as [`JiraClient::projects`] lists it; `None` if it is not among them.
    ///
    /// # Errors
    /// Those of the request.
    pub async fn listed_project(&self, id: &str) -> Result<Option<Value>, JiraError> {
        const WHAT: &str = "listed_project";
        let listed = match self.dialect() {
            Dialect::V3 => {
                let call = self.get(WHAT, &["project", "search"])?.query("expand", EXPAND).query("id", id);
                take_array(WHAT, &mut object(WHAT, self.json(call).await?)?, "values")?
            }
            Dialect::V2 => self.projects().await?,
        };
        Ok(listed.into_iter().find(|project| project["id"] == id))
    }

    /// The archived projects that the account may see, and those in the trash. Server and Data Center list no trash, and
    /// archived ones only since 7.10 and to administrators; what they leave out says nothing.
    ///
    /// # Errors
    /// Those of the requests.
    pub async fn retired_projects(&self) -> Result<RetiredProjects, JiraError> {
        const WHAT: &str = "projects";
        match self.dialect() {
            Dialect::V3 => {
                let list = async |status: &str| {
                    let call = self.get(WHAT, &["project", "search"])?.query("status", status);
                    self.all_pages(Paged { call, items_key: "values", page_size: PROJECTS }).await
                };
                Ok(RetiredProjects { archived: list("archived").await?, trashed: list("deleted").await? })
            }
            Dialect::V2 => {
                let call = self.get(WHAT, &["project"])?.query("includeArchived", "true");
                let mut archived = array(WHAT, self.json(call).await?)?;
                archived.retain(|project| project["archived"] == true);
                Ok(RetiredProjects { archived, trashed: Vec::new() })
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

    /// All boards of Jira Software that the account may see. Their ids are numbers.
    ///
    /// # Errors
    /// [`JiraError::NotFound`] where the site has no Jira Software.
    pub async fn boards(&self) -> Result<Vec<Value>, JiraError> {
        const WHAT: &str = "boards";
        let url = self.url(&["rest", "agile", "1.0"], &["board"])?;
        let call = Call::read(WHAT, Method::GET, url);
        self.all_pages(Paged { call, items_key: "values", page_size: BOARDS }).await
    }

    /// A board, as [`JiraClient::boards`] lists it.
    ///
    /// # Errors
    /// [`JiraError::NotFound`] if it does not exist or is hidden.
    pub async fn board(&self, board: i64) -> Result<Value, JiraError> {
        let url = self.url(&["rest", "agile", "1.0"], &["board", &board.to_string()])?;
        self.json(Call::read("board", Method::GET, url)).await
    }

    /// Saved filters with their JQL, and whether those are all that the account may see: Server and Data Center list only
    /// the account's favourites.
    ///
    /// # Errors
    /// Those of the requests.
    pub async fn filters(&self) -> Result<(Vec<Value>, bool), JiraError> {
        const WHAT: &str = "filters";
        match self.dialect() {
            Dialect::V3 => {
                let call = self.get(WHAT, &["filter", "search"])?.query("expand", FILTER);
                let paged = Paged { call, items_key: "values", page_size: FILTERS };
                Ok((self.all_pages(paged).await?, true))
            }
            Dialect::V2 => {
                let call = self.get(WHAT, &["filter", "favourite"])?;
                Ok((array(WHAT, self.json(call).await?)?, false))
            }
        }
    }

    /// A saved filter by its id, which does not have to be among [`JiraClient::filters`].
    ///
    /// # Errors
    /// [`JiraError::NotFound`] (or [`JiraError::BadRequest`], as Jira has it) for one that does not exist or is not shared.
    pub async fn filter(&self, id: &str) -> Result<Value, JiraError> {
        self.json(self.get("filter", &["filter", id])?).await
    }

    /// The dashboards that the account may see.
    ///
    /// # Errors
    /// Those of the requests.
    pub async fn dashboards(&self) -> Result<Vec<Value>, JiraError> {
        const WHAT: &str = "dashboards";
        let (call, items_key) = match self.dialect() {
            Dialect::V3 => (self.get(WHAT, &["dashboard", "search"])?.query("expand", DASHBOARD), "values"),
            Dialect::V2 => (self.get(WHAT, &["dashboard"])?, "dashboards"),
        };
        self.all_pages(Paged { call, items_key, page_size: DASHBOARDS }).await
    }

    /// The versions of a project, in its order.
    ///
    /// # Errors
    /// [`JiraError::NotFound`] if the project does not exist or is hidden.
    pub async fn versions(&self, project: &str) -> Result<Vec<Value>, JiraError> {
        const WHAT: &str = "versions";
        array(WHAT, self.json(self.get(WHAT, &["project", project, "versions"])?).await?)
    }

    /// The components of a project.
    ///
    /// # Errors
    /// [`JiraError::NotFound`] if the project does not exist or is hidden.
    pub async fn components(&self, project: &str) -> Result<Vec<Value>, JiraError> {
        const WHAT: &str = "components";
        array(WHAT, self.json(self.get(WHAT, &["project", project, "components"])?).await?)
    }

    /// The sprints of a board, those that are over included.
    ///
    /// # Errors
    /// [`JiraError::BadRequest`] for a board that has none, such as a Kanban board.
    pub async fn sprints(&self, board: i64) -> Result<Vec<Value>, JiraError> {
        const WHAT: &str = "sprints";
        let url = self.url(&["rest", "agile", "1.0"], &["board", &board.to_string(), "sprint"])?;
        let call = Call::read(WHAT, Method::GET, url);
        self.all_pages(Paged { call, items_key: "values", page_size: BOARDS }).await
    }

    /// The contexts of a custom field (Cloud only).
    ///
    /// # Errors
    /// [`JiraError::Forbidden`] without the right to administer Jira; [`JiraError::NotFound`] for system fields.
    pub async fn field_contexts(&self, field: &str) -> Result<Vec<Value>, JiraError> {
        let call = self.get("field_contexts", &["field", field, "context"])?;
        self.all_pages(Paged { call, items_key: "values", page_size: OPTIONS }).await
    }

    /// The options of a custom field in one context, in order (Cloud only).
    ///
    /// # Errors
    /// As [`field_contexts`](Self::field_contexts); [`JiraError::BadRequest`] for a field without options.
    pub async fn field_options(&self, field: &str, context: &str) -> Result<Vec<Value>, JiraError> {
        let call = self.get("field_options", &["field", field, "context", context, "option"])?;
        self.all_pages(Paged { call, items_key: "values", page_size: OPTIONS }).await
    }

    /// A list that Jira gives as one bare array.
    async fn roster(&self, what: &'static str, segment: &str) -> Result<Vec<Value>, JiraError> {
        array(what, self.json(self.get(what, &[segment])?).await?)
    }
}
