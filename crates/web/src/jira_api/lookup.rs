//! Many issues by id or key at once.

use std::collections::{HashMap, HashSet};

use application::{
    Error,
    instances::Instance,
    issues::IssueRow,
    ports::TenantTx,
    search::{SearchRequest, parse_jql},
};
use domain::issue_key::IssueKey;

use super::{refusal::Refusal, search, site::Site};

/// The present issues of these ids and keys, each once, by ascending id (jira-facts 1.4). Keys are found in any case,
/// old ones too. What is not there, or not visible, is silently absent.
pub(super) async fn issues(
    site: &Site,
    tx: &mut dyn TenantTx,
    instance: &Instance,
    names: &[String],
) -> Result<Vec<IssueRow>, Refusal> {
    let names: HashSet<String> = names.iter().filter_map(|name| normal(name)).collect();
    let mut found: HashMap<String, IssueRow> = HashMap::new();
    for row in by_search(site, tx, instance, &names).await? {
        found.insert(row.jira_id.clone(), row);
    }
    let known: HashSet<&str> =
        found.values().flat_map(|row| [row.jira_id.as_str(), row.key.as_str()]).collect();
    // What a search does not find is a key of the past, or nothing.
    let missing: Vec<String> = names.iter().filter(|name| !known.contains(name.as_str())).cloned().collect();
    let moved = tx.issues_named(instance.id, &missing).await?;
    found.extend(moved.into_iter().map(|(_, row)| (row.jira_id.clone(), row)));
    let mut rows: Vec<IssueRow> = found.into_values().collect();
    rows.retain(|row| !site.lens().is_some_and(|lens| lens.hides(row)));
    rows.sort_by_key(|row| (row.jira_id.len(), row.jira_id.clone()));
    Ok(rows)
}

/// An id or a key as the store has it; `None` for what can be neither.
fn normal(name: &str) -> Option<String> {
    let name = name.trim();
    if !name.is_empty() && name.bytes().all(|b| b.is_ascii_digit()) {
        return Some(name.to_owned());
    }
    name.parse::<IssueKey>().ok().map(|key| key.to_string())
}

/// Most of them with one question, whatever their number.
async fn by_search(
    site: &Site,
    tx: &mut dyn TenantTx,
    instance: &Instance,
    names: &HashSet<String>,
) -> Result<Vec<IssueRow>, Refusal> {
    if names.is_empty() {
        return Ok(Vec::new());
    }
    let list: Vec<_> = names.iter().map(|name| jql::quote(name)).collect();
    let query = parse_jql(&format!("issuekey in ({})", list.join(", ")))?;
    let limit = u32::try_from(names.len()).unwrap_or(u32::MAX);
    let request = SearchRequest { limit, ..search::request(site, instance, query) };
    match tx.search(&request).await {
        Ok(page) => Ok(page.issues),
        // JQL refuses a query with a key that does not exist; here that is no error.
        Err(Error::InvalidJql(_)) => Ok(Vec::new()),
        Err(error) => Err(error.into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_and_keys_are_told_apart_from_the_rest() {
        assert_eq!(normal(" 10001 ").as_deref(), Some("10001"));
        assert_eq!(normal("ed-1").as_deref(), Some("ED-1"));
        assert_eq!(normal("no such thing"), None);
        assert_eq!(normal(""), None);
        assert_eq!(normal("A-1) OR project = B"), None);
    }
}
