//! People, their groups, and the roles that both play in projects, each as Jira sent it.

use reqwest::Method;
use serde_json::Value;

use crate::body::{array, count, object, take_array};
use crate::paging::Paged;
use crate::request::Call;
use crate::{Dialect, JiraClient, JiraError};

/// Groups per page; Jira silently gives fewer if that is above its cap.
const GROUPS: usize = 1_000;
/// So many groups Server and Data Center are asked to find: they have no pages of them.
const MOST_FOUND: usize = 10_000;
/// Members of a group per page, Jira's cap.
const MEMBERS: usize = 50;
/// People per page, Jira's cap.
const PEOPLE: usize = 1_000;

impl JiraClient {
    /// The groups of the site, and whether those are all: Server and Data Center find no more than an administrator has set.
    ///
    /// # Errors
    /// [`JiraError::Forbidden`] without the right to browse users and groups.
    pub async fn groups(&self) -> Result<(Vec<Value>, bool), JiraError> {
        const WHAT: &str = "groups";
        match self.dialect() {
            Dialect::V3 => {
                let call = self.get(WHAT, &["group", "bulk"])?;
                Ok((self.all_pages(Paged { call, items_key: "values", page_size: GROUPS }).await?, true))
            }
            Dialect::V2 => {
                let call = self.get(WHAT, &["groups", "picker"])?;
                let call = call.query("query", "").query("maxResults", &MOST_FOUND.to_string());
                let mut found = object(WHAT, self.json(call).await?)?;
                let groups = take_array(WHAT, &mut found, "groups")?;
                let is_whole = count(&found, "total").is_some_and(|total| total <= groups.len() as u64);
                Ok((groups, is_whole))
            }
        }
    }

    /// The members of a group, inactive ones too. It is named by its id, on Server and Data Center by its name.
    ///
    /// # Errors
    /// [`JiraError::NotFound`] without such a group; [`JiraError::Forbidden`] without the right to see its members.
    pub async fn group_members(&self, group: &str) -> Result<Vec<Value>, JiraError> {
        let named = match self.dialect() {
            Dialect::V3 => "groupId",
            Dialect::V2 => "groupname",
        };
        let call = self.get("group_members", &["group", "member"])?;
        let call = call.query(named, group).query("includeInactiveUsers", "true");
        self.all_pages(Paged { call, items_key: "values", page_size: MEMBERS }).await
    }

    /// The roles of a project (by its id or key) with the people and groups who play them, in the order of their ids.
    ///
    /// # Errors
    /// [`JiraError::NotFound`] if the project does not exist or is hidden; [`JiraError::Forbidden`] without the right to
    /// administer it.
    pub async fn project_roles(&self, project: &str) -> Result<Vec<Value>, JiraError> {
        const WHAT: &str = "project_roles";
        let listed = object(WHAT, self.json(self.get(WHAT, &["project", project, "role"])?).await?)?;
        // Each is named by its address, which ends with its id.
        let mut ids: Vec<u64> = listed
            .iter()
            .filter_map(|(_, address)| {
                address.as_str()?.trim_end_matches('/').rsplit('/').next()?.parse().ok()
            })
            .collect();
        ids.sort_unstable();
        ids.dedup();
        let mut roles = Vec::with_capacity(ids.len());
        for id in ids {
            let call = self.get(WHAT, &["project", project, "role", &id.to_string()])?;
            roles.push(self.json(call).await?);
        }
        Ok(roles)
    }

    /// Who watches an issue.
    ///
    /// # Errors
    /// [`JiraError::NotFound`] if the issue does not exist or is hidden.
    pub async fn watchers(&self, issue: &str) -> Result<Vec<Value>, JiraError> {
        const WHAT: &str = "watchers";
        let call = self.get(WHAT, &["issue", issue, "watchers"])?.about(issue);
        let mut answer = object(WHAT, self.json(call).await?)?;
        take_array(WHAT, &mut answer, "watchers")
    }

    /// Who voted for an issue. An account that may not see voters is told their number alone, which is no list.
    ///
    /// # Errors
    /// [`JiraError::NotFound`] if the issue does not exist or is hidden, and where voting is switched off;
    /// [`JiraError::InvalidBody`] for an account that may not see who voted.
    pub async fn voters(&self, issue: &str) -> Result<Vec<Value>, JiraError> {
        const WHAT: &str = "voters";
        let call = self.get(WHAT, &["issue", issue, "votes"])?.about(issue);
        let mut answer = object(WHAT, self.json(call).await?)?;
        take_array(WHAT, &mut answer, "voters")
    }

    /// How a board is configured: its columns, its filter, its estimation.
    ///
    /// # Errors
    /// [`JiraError::NotFound`] if the board does not exist or is hidden.
    pub async fn board_configuration(&self, board: i64) -> Result<Value, JiraError> {
        let url = self.url(&["rest", "agile", "1.0"], &["board", &board.to_string(), "configuration"])?;
        self.json(Call::read("board_configuration", Method::GET, url)).await
    }

    /// One person, by their account's id, or on Server and Data Center their key.
    ///
    /// # Errors
    /// [`JiraError::NotFound`] if nobody has it.
    pub async fn person(&self, account: &str) -> Result<Value, JiraError> {
        let named = match self.dialect() {
            Dialect::V3 => "accountId",
            Dialect::V2 => "key",
        };
        self.json(self.get("person", &["user"])?.query(named, account)).await
    }

    /// Everybody from that place on, inactive people and apps too; none behind the end. Fewer may come than there are.
    ///
    /// # Errors
    /// [`JiraError::Forbidden`] without the right to browse users and groups.
    pub async fn people(&self, start: u64) -> Result<Vec<Value>, JiraError> {
        const WHAT: &str = "people";
        let call = match self.dialect() {
            Dialect::V3 => self.get(WHAT, &["users", "search"])?,
            // A dot finds everybody.
            Dialect::V2 => {
                self.get(WHAT, &["user", "search"])?.query("username", ".").query("includeInactive", "true")
            }
        };
        let call = call.query("startAt", &start.to_string()).query("maxResults", &PEOPLE.to_string());
        array(WHAT, self.json(call).await?)
    }
}
