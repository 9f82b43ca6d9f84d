//! Changes to what a site lists: versions, components, sprints, groups. Issues show it, and are not touched.

use reqwest::Method;
use serde_json::{Value, json};

use super::Writer;

impl Writer {
    /// Makes a version, renames, releases, merges or deletes one, or has an issue fixed in one.
    pub(super) async fn version(&mut self, issue: &str) -> Option<&'static str> {
        let project = self.project().await?;
        let versions = format!("project/{project}/versions");
        let name = json!({ "name": self.new_name() });
        match self.below(7) {
            0 | 1 => {
                let project = self.ask(Method::GET, &format!("project/{project}"), None).await?;
                let id = project["id"].as_str()?.parse::<i64>().ok()?;
                let version = json!({ "name": name["name"], "projectId": id });
                self.ask(Method::POST, "version", Some(version)).await?;
                Some("create version")
            }
            2 => {
                let version = self.any_in(&versions).await?;
                self.ask(Method::PUT, &format!("version/{version}"), Some(name)).await?;
                Some("rename version")
            }
            3 => {
                let version = self.any_in(&versions).await?;
                let released = json!({ "released": self.below(2) == 0 });
                self.ask(Method::PUT, &format!("version/{version}"), Some(released)).await?;
                Some("release version")
            }
            4 => {
                let version = self.any_in(&versions).await?;
                if self.below(2) == 0 {
                    let other = self.any_in(&versions).await?;
                    self.ask(Method::PUT, &format!("version/{version}/mergeto/{other}"), None).await?;
                    return Some("merge versions");
                }
                self.ask(Method::DELETE, &format!("version/{version}"), None).await?;
                Some("delete version")
            }
            _ => self.give(issue, "fixVersions", "versions").await,
        }
    }

    /// The same with components.
    pub(super) async fn component(&mut self, issue: &str) -> Option<&'static str> {
        let project = self.project().await?;
        let components = format!("project/{project}/components");
        let name = self.new_name();
        match self.below(6) {
            0 | 1 => {
                let component = json!({ "name": name, "project": project });
                self.ask(Method::POST, "component", Some(component)).await?;
                Some("create component")
            }
            2 => {
                let component = self.any_in(&components).await?;
                let name = json!({ "name": name });
                self.ask(Method::PUT, &format!("component/{component}"), Some(name)).await?;
                Some("rename component")
            }
            3 => {
                let component = self.any_in(&components).await?;
                self.ask(Method::DELETE, &format!("component/{component}"), None).await?;
                Some("delete component")
            }
            _ => self.give(issue, "components", "components").await,
        }
    }

    /// Puts one of its project's versions or components into an issue.
    async fn give(&mut self, issue: &str, field: &str, list: &str) -> Option<&'static str> {
        let found = self.ask(Method::GET, &format!("issue/{issue}?fields=project"), None).await?;
        let project = found["fields"]["project"]["key"].as_str()?;
        let entry = self.any_in(&format!("project/{project}/{list}")).await?;
        let fields = json!({ "fields": { field: [{ "id": entry }] } });
        self.ask(Method::PUT, &format!("issue/{issue}"), Some(fields)).await?;
        Some("plan for a version or component")
    }

    /// Makes a sprint, renames, starts or closes one. What is not done when it is closed stays in it.
    pub(super) async fn sprint(&mut self) -> Option<&'static str> {
        let board = self.scrum_board().await?;
        let of_board = format!("rest/agile/1.0/board/{board}/sprint?state=");
        let (change, done) = match self.below(5) {
            0 | 1 => {
                let sprint = json!({ "name": self.new_name(), "originBoardId": board.parse::<i64>().ok()? });
                self.ask_at(Method::POST, "rest/agile/1.0/sprint", Some(sprint)).await?;
                return Some("create sprint");
            }
            2 => (json!({ "name": self.new_name(), "goal": self.words(3) }), "rename sprint"),
            3 => {
                let (start, end) = ("2026-11-02T09:00:00.000Z", "2026-11-16T17:00:00.000Z");
                (json!({ "state": "active", "startDate": start, "endDate": end }), "start sprint")
            }
            _ => (json!({ "state": "closed" }), "close sprint"),
        };
        let state = match done {
            "start sprint" => "future",
            "close sprint" => "active",
            _ => "active,future,closed",
        };
        let sprints = self.ask_at(Method::GET, &format!("{of_board}{state}"), None).await?;
        let sprint = self.one_of(&sprints["values"])?;
        self.ask_at(Method::POST, &format!("rest/agile/1.0/sprint/{sprint}"), Some(change)).await?;
        Some(done)
    }

    /// Makes a group, deletes one, lets somebody in or shuts somebody out.
    pub(super) async fn group(&mut self) -> Option<&'static str> {
        if self.below(4) == 0 {
            let group = json!({ "name": self.new_name() });
            self.ask(Method::POST, "group", Some(group)).await?;
            return Some("create group");
        }
        let found = self.ask(Method::GET, "groups/picker?query=&maxResults=50", None).await?;
        let groups = found["groups"].as_array()?;
        let at = usize::try_from(self.below(groups.len() as u64)).ok()?;
        let query = format!("groupname={}", groups.get(at)?["name"].as_str()?.replace(' ', "%20"));
        let account = self.account()?;
        let member = if self.source.is_server { "name" } else { "accountId" };
        match self.below(8) {
            0 => {
                self.ask(Method::DELETE, &format!("group?{query}"), None).await?;
                Some("delete group")
            }
            1..=3 => {
                let member = if self.source.is_server { "username" } else { member };
                let path = format!("group/user?{query}&{member}={account}");
                self.ask(Method::DELETE, &path, None).await?;
                Some("leave group")
            }
            _ => {
                let body = json!({ member: account });
                self.ask(Method::POST, &format!("group/user?{query}"), Some(body)).await?;
                Some("join group")
            }
        }
    }

    pub(super) async fn scrum_board(&mut self) -> Option<String> {
        let boards = self.ask_at(Method::GET, "rest/agile/1.0/board?type=scrum", None).await?;
        self.one_of(&boards["values"])
    }

    /// The id of one entry of a bare list.
    async fn any_in(&mut self, path: &str) -> Option<String> {
        let found: Value = self.ask(Method::GET, path, None).await?;
        self.one_of(&found)
    }

    /// A name that nothing has yet.
    fn new_name(&mut self) -> String {
        format!("{} {}", self.words(1).replace(['"', '\''], ""), self.below(1 << 32))
    }
}
