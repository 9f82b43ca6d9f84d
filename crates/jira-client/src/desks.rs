//! Service desks, how they are set up, and organisations of customers, each as Jira Service Management sent it.

use reqwest::Method;
use serde_json::{Map, Value};

use crate::body::{count, object, take_array, unexpected};
use crate::paging::MAX_PAGES;
use crate::request::Call;
use crate::{JiraClient, JiraError};

/// Entries per page; Jira silently gives fewer if that is above its cap.
const PAGE: usize = 100;

impl JiraClient {
    /// The service desks that the account may see.
    ///
    /// # Errors
    /// [`JiraError::NotFound`] where the site has no Jira Service Management.
    pub async fn service_desks(&self) -> Result<Vec<Value>, JiraError> {
        self.desk_pages("service_desks", &["servicedesk"], None).await
    }

    /// The request types of a desk, with their forms.
    ///
    /// # Errors
    /// [`JiraError::NotFound`] if the desk does not exist or is hidden.
    pub async fn request_types(&self, desk: &str) -> Result<Vec<Value>, JiraError> {
        let expand = Some(("expand", "field"));
        self.desk_pages("request_types", &["servicedesk", desk, "requesttype"], expand).await
    }

    /// The groups in which a desk's portal shows its request types.
    ///
    /// # Errors
    /// As [`request_types`](Self::request_types).
    pub async fn request_type_groups(&self, desk: &str) -> Result<Vec<Value>, JiraError> {
        self.desk_pages("request_type_groups", &["servicedesk", desk, "requesttypegroup"], None).await
    }

    /// The queues of a desk, without the numbers of issues in them.
    ///
    /// # Errors
    /// [`JiraError::Forbidden`] for an account that is no agent of the desk.
    pub async fn queues(&self, desk: &str) -> Result<Vec<Value>, JiraError> {
        self.desk_pages("queues", &["servicedesk", desk, "queue"], None).await
    }

    /// The organisations of a desk, or of the whole site.
    ///
    /// # Errors
    /// [`JiraError::Forbidden`] for an account that may not see them.
    pub async fn organizations(&self, desk: Option<&str>) -> Result<Vec<Value>, JiraError> {
        match desk {
            Some(desk) => {
                self.desk_pages("organizations", &["servicedesk", desk, "organization"], None).await
            }
            None => self.desk_pages("organizations", &["organization"], None).await,
        }
    }

    /// The people of an organisation.
    ///
    /// # Errors
    /// [`JiraError::NotFound`] without such an organisation; [`JiraError::Forbidden`] for an account that may not see them.
    pub async fn organization_members(&self, organization: &str) -> Result<Vec<Value>, JiraError> {
        self.desk_pages("organization_members", &["organization", organization, "user"], None).await
    }

    /// All pages of a collection. This API pages by `start` and `limit` and tells no total, so that `isLastPage` and an empty
    /// page end the walk (jira-facts 9.2).
    async fn desk_pages(
        &self,
        what: &'static str,
        segments: &[&str],
        asked: Option<(&str, &str)>,
    ) -> Result<Vec<Value>, JiraError> {
        let url = self.url(&["rest", "servicedeskapi"], segments)?;
        let mut call = Call::read(what, Method::GET, url).experimental().objects(PAGE);
        if let Some((name, value)) = asked {
            call = call.query(name, value);
        }
        let mut items = Vec::new();
        for _ in 0..MAX_PAGES {
            let start = items.len();
            let call = call.clone().query("start", &start.to_string()).query("limit", &PAGE.to_string());
            let mut page = object(what, self.json(call).await?)?;
            check_start(what, &page, start as u64)?;
            let received = take_array(what, &mut page, "values")?;
            let is_last = received.is_empty() || page.get("isLastPage") != Some(&Value::Bool(false));
            items.extend(received);
            if is_last {
                return Ok(items);
            }
        }
        Err(unexpected(format!("{what}: more than {MAX_PAGES} pages"), &Value::Null))
    }
}

/// A server that ignores `start` would otherwise deliver its first page again and again.
fn check_start(what: &str, page: &Map<String, Value>, asked: u64) -> Result<(), JiraError> {
    crate::paging::check_start(what, count(page, "start"), asked)
}
