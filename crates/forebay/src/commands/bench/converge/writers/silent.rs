//! Changes that leave `updated` as it was (jira-facts 2.5): who watches and votes, and comments where a
//! sandbox is asked for that.

use reqwest::Method;
use serde_json::json;

use super::Writer;

impl Writer {
    /// One such change.
    pub(super) async fn silent_change(&mut self) -> Option<&'static str> {
        let issue = self.any_issue().await?;
        let watchers = format!("issue/{issue}/watchers");
        match self.below(7) {
            0 | 1 => {
                let path = format!("issue/{issue}/comment");
                let comment = self.any_of(&path, "comments").await?;
                let body = json!({ "body": self.document() });
                self.ask(Method::PUT, &format!("{path}/{comment}"), Some(body)).await?;
                Some("edit comment silently")
            }
            2 => {
                self.uncomment(&issue).await?;
                Some("delete comment silently")
            }
            3 => {
                self.ask(Method::POST, &format!("issue/{issue}/votes"), None).await?;
                Some("vote")
            }
            4 => {
                let member = if self.source.is_server { "username" } else { "accountId" };
                let account = self.account()?;
                self.ask(Method::DELETE, &format!("{watchers}?{member}={account}"), None).await?;
                Some("unwatch")
            }
            _ => {
                let account = self.account()?;
                self.ask(Method::POST, &watchers, Some(json!(account))).await?;
                Some("watch")
            }
        }
    }
}
