//! What hangs together: sub-tasks, epics, links of each kind, and whole families that move.

use reqwest::Method;
use serde_json::json;

use super::Writer;

impl Writer {
    pub(super) async fn create(&mut self) -> Option<&'static str> {
        let project = self.project().await?;
        let summary = self.words(4);
        let labels = [self.label(), self.label()];
        // At a Server an epic has a field of its own for its name, which differs from site to site.
        let kind = if self.below(6) == 0 && !self.source.is_server { "Epic" } else { "Task" };
        let fields = json!({
            "project": { "key": project }, "issuetype": { "name": kind }, "summary": summary, "labels": labels,
            "description": self.document(),
        });
        let made = self.ask(Method::POST, "issue", Some(json!({ "fields": fields }))).await?;
        self.issues.lock().await.push(made["id"].as_str()?.to_owned());
        Some("create")
    }

    /// Gives an issue a sub-task.
    pub(super) async fn subtask(&mut self, issue: &str) -> Option<&'static str> {
        let found = self.ask(Method::GET, &format!("issue/{issue}?fields=project"), None).await?;
        let types = self.ask(Method::GET, "issuetype", None).await?;
        let kind = types.as_array()?.iter().find(|kind| kind["subtask"] == true)?["id"].clone();
        let fields = json!({
            "project": { "id": found["fields"]["project"]["id"] }, "issuetype": { "id": kind },
            "summary": self.words(3), "parent": { "id": issue },
        });
        let made = self.ask(Method::POST, "issue", Some(json!({ "fields": fields }))).await?;
        self.issues.lock().await.push(made["id"].as_str()?.to_owned());
        Some("sub-task")
    }

    /// Puts an issue into an epic, or takes it out.
    pub(super) async fn epic(&mut self, issue: &str) -> Option<&'static str> {
        let issues = json!({ "issues": [issue] });
        if self.below(4) == 0 {
            self.ask_at(Method::POST, "rest/agile/1.0/epic/none/issue", Some(issues)).await?;
            return Some("leave epic");
        }
        let search = if self.source.is_server { "search" } else { "search/jql" };
        let epics = format!("{search}?jql=issuetype%20%3D%20Epic%20ORDER%20BY%20id&maxResults=20");
        let found = self.ask(Method::GET, &epics, None).await?;
        let epic = self.one_of(&found["issues"])?;
        self.ask_at(Method::POST, &format!("rest/agile/1.0/epic/{epic}/issue"), Some(issues)).await?;
        Some("join epic")
    }

    /// Links two issues by one of the kinds that there are, or takes a link away.
    pub(super) async fn link(&mut self, issue: &str) -> Option<&'static str> {
        let other = self.any_issue().await?;
        if self.below(3) == 0 {
            let found = self.ask(Method::GET, &format!("issue/{issue}?fields=issuelinks"), None).await?;
            let link = self.one_of(&found["fields"]["issuelinks"])?;
            self.ask(Method::DELETE, &format!("issueLink/{link}"), None).await?;
            return Some("unlink");
        }
        let kinds = self.ask(Method::GET, "issueLinkType", None).await?;
        let kind = self.one_of(&kinds["issueLinkTypes"])?;
        let link = json!({ "type": { "id": kind }, "inwardIssue": { "id": issue }, "outwardIssue": { "id": other } });
        self.ask(Method::POST, "issueLink", Some(link)).await?;
        Some("link")
    }

    /// Moves an issue with its sub-tasks into another project: they get other keys. Only Cloud can be asked for that.
    pub(super) async fn relocate(&mut self, issue: &str) -> Option<&'static str> {
        if self.source.is_server {
            return self.edit(issue).await;
        }
        let found = self.ask(Method::GET, &format!("issue/{issue}?fields=issuetype,subtasks"), None).await?;
        let issue_type = found["fields"]["issuetype"]["id"].as_str()?.to_owned();
        let has_family = found["fields"]["subtasks"].as_array().is_some_and(|list| !list.is_empty());
        let project = self.project().await?;
        let mapping = json!({ format!("{project},{issue_type}"): { "issueIdsOrKeys": [issue] } });
        self.ask(Method::POST, "bulk/issues/move", Some(json!({ "targetToSourcesMapping": mapping })))
            .await?;
        Some(if has_family { "move with sub-tasks" } else { "move" })
    }
}
