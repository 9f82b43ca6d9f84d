//! `auth/1/session`: who is signed in. Some clients begin with it (jira-facts 11.2). There are no sessions here: every request brings
//! its key.

use axum::response::Response;
use serde_json::json;

use super::{answer, refusal::Refusal, server, site::Site};

/// `GET auth/1/session`.
pub(super) async fn current(site: Site) -> Result<Response, Refusal> {
    let account = server::own_account(&site).await?;
    let name = ["name", "accountId"].into_iter().find_map(|member| account.get(member).cloned());
    Ok(answer::ok(&json!({
        "self": account.get("self"),
        "name": name,
        "loginInfo": { "loginCount": 1, "failedLoginCount": 0 },
    })))
}
