//! Smaller parts of what a site cannot serve at once: one issue of a page is too much, or breaks the answer.
//!
//! A search whose page fails is asked again for names alone, which nothing in an issue can break; its issues are then read by id, in
//! halves, down to one, which is asked for by its own address. What cannot be read even so is kept aside. That is for failures of
//! the page's content alone: a site that is limited, down or fails at everything is none of that.

use std::collections::{HashMap, VecDeque};

use application::{instances::Dialect, ports::SetAside};
use jira_client::{JiraClient, JiraError, RetryPolicy, SearchCursor, SearchPage, SearchRequest};
use serde_json::Value;

use super::{
    site::{all_fields, expansions},
    whole::{self, Whole},
};

/// What places an issue in the order of a walk, and shows nothing else of it.
const TIMES: [&str; 2] = ["created", "updated"];
/// Where so many are asked for and none can be read, it is the site that fails, and not they.
pub(super) const FEW: usize = 4;

/// Whether a failure may be about what was asked for: an answer that is too large, too slow, cut or no JSON, or a server error. A
/// pause that the site asks for is none, nor is a host that does not answer at all.
pub(super) fn is_about_the_content(error: &JiraError) -> bool {
    matches!(
        error,
        JiraError::TooLarge { .. }
            | JiraError::CutBody { .. }
            | JiraError::NotJson { .. }
            | JiraError::InvalidBody { .. }
            | JiraError::Timeout
            | JiraError::Upstream { status: 500 | 502 | 504, retry_after: None, .. }
    )
}

/// Whether the site fails at these issues, of which there are so many, and not at everything: it is worth asking for fewer of them.
pub(super) fn is_about_the_issues(error: &JiraError, count: usize) -> bool {
    match error {
        JiraError::BadRequest { .. } => true,
        JiraError::Forbidden { .. } | JiraError::Gone { .. } => count == 1,
        error => is_about_the_content(error),
    }
}

/// Asks so often: what fails is divided, and not asked for again.
pub(super) fn tries(client: &JiraClient, max_tries: u32) -> JiraClient {
    client.with_retry_policy(RetryPolicy { max_tries, ..RetryPolicy::default() })
}

/// The page of a request with the ids, keys and times of its issues, and nothing else.
pub(super) async fn names(
    client: &JiraClient,
    request: &SearchRequest,
    cursor: Option<&SearchCursor>,
) -> Result<SearchPage, JiraError> {
    let fields = TIMES.map(str::to_owned).into();
    let request = SearchRequest { fields, expand: Vec::new(), ..request.clone() };
    client.with_issue_properties(&[]).search_page(&request, cursor).await
}

/// The page that failed with `error`, by its names.
///
/// # Errors
/// `error` itself, where the site gives no names either or fails at all of its issues.
pub(super) async fn page(
    client: &JiraClient,
    dialect: Dialect,
    request: &SearchRequest,
    cursor: Option<&SearchCursor>,
    error: JiraError,
) -> Result<(SearchPage, Whole), JiraError> {
    let named = match names(&tries(client, 2), request, cursor).await {
        Ok(named) if !named.issues.is_empty() => named,
        Err(other) if !is_about_the_content(&other) && !matches!(other, JiraError::Transport { .. }) => {
            return Err(other);
        }
        Ok(_) | Err(_) => return Err(error),
    };
    tracing::warn!(%error, issues = named.issues.len(), "a page cannot be read at once, and is read in parts");
    let ids: Option<Vec<String>> = named.issues.iter().map(whole::id_of).collect();
    let Some(ids) = ids else { return Err(error) };
    let mut whole = read(client, dialect, &ids, error).await?;
    // As the page has them.
    let places: HashMap<&str, usize> = ids.iter().map(String::as_str).zip(0..).collect();
    whole.issues.sort_by_key(|issue| issue.raw["id"].as_str().and_then(|id| places.get(id)).copied());
    Ok((named, whole))
}

/// Issues by id, in parts, after asking for all of them failed with `error`.
///
/// # Errors
/// What is about the site; `error` where none of many can be read.
pub(super) async fn read(
    client: &JiraClient,
    dialect: Dialect,
    ids: &[String],
    error: JiraError,
) -> Result<Whole, JiraError> {
    let (quick, patient) = (tries(client, 1), tries(client, 2));
    let mut portions = Portions::of(ids);
    let mut whole = Whole::default();
    let mut is_any_read = false;
    while let Some(portion) = portions.next() {
        let asked = match portion.as_slice() {
            [id] => one(&patient, dialect, id).await,
            several => some(&quick, dialect, several).await,
        };
        match asked {
            Ok(part) => {
                is_any_read = true;
                whole.issues.extend(part.issues);
                whole.set_aside.extend(part.set_aside);
            }
            Err(error) if is_about_the_issues(&error, portion.len()) => {
                if let Some(id) = portions.divide(portion) {
                    whole.set_aside.push(aside(id, &error));
                }
            }
            Err(error) => return Err(error),
        }
    }
    if is_any_read || ids.len() <= FEW { Ok(whole) } else { Err(error) }
}

/// Several issues, whole. Those that a bulk answer names as failed were asked for one by one already.
pub(super) async fn some(client: &JiraClient, dialect: Dialect, ids: &[String]) -> Result<Whole, JiraError> {
    let bulk = client.issues_by_id(ids, &all_fields(), &expansions(dialect)).await?;
    let mut whole = whole::complete(client, dialect, bulk.issues).await?;
    let failed = bulk.errors.into_iter();
    whole.set_aside.extend(failed.map(|error| SetAside {
        reason: format!("the site cannot deliver it: {}", error.message),
        jira_id: Some(error.id),
    }));
    Ok(whole)
}

/// One issue by its own address, which does not wait for the search index; nothing where it is not shown.
pub(super) async fn one(client: &JiraClient, dialect: Dialect, id: &str) -> Result<Whole, JiraError> {
    // Its histories come with it: most issues have so few that this is all.
    let found: Vec<Value> = match client.issue(id, &all_fields(), &["changelog".to_owned()]).await {
        Ok(issue) => vec![issue],
        Err(JiraError::NotFound { .. }) => Vec::new(),
        Err(error) => return Err(error),
    };
    whole::complete(client, dialect, found).await
}

pub(super) fn aside(id: String, error: &JiraError) -> SetAside {
    SetAside { jira_id: Some(id), reason: format!("cannot be read: {error}") }
}

/// What is still to be asked for, in portions that get smaller where they fail. The larger ones come first, so that failures are
/// followed by answers: a row of failures is taken for a site that is down. `n` issues are asked for in `2 n - 1` portions at most.
pub(super) struct Portions(VecDeque<Vec<String>>);

impl Portions {
    /// All of them have failed at once, unless it is one.
    pub(super) fn of(ids: &[String]) -> Self {
        let mut portions = Self(VecDeque::new());
        match ids {
            [_] => portions.0.push_back(ids.to_vec()),
            several => drop(portions.divide(several.to_vec())),
        }
        portions
    }

    pub(super) fn next(&mut self) -> Option<Vec<String>> {
        self.0.pop_front()
    }

    /// Halves a portion that failed; answers the one that cannot be divided.
    pub(super) fn divide(&mut self, mut portion: Vec<String>) -> Option<String> {
        if portion.len() < 2 {
            return portion.pop();
        }
        let rest = portion.split_off(portion.len() / 2);
        self.0.extend([portion, rest]);
        None
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        /// Whichever of them fail, those are singled out, the others are read once, and that takes no more requests than it may.
        #[test]
        fn who_breaks_a_page_is_singled_out(count in 1_usize..130, bad in prop::collection::hash_set(0_usize..130, 0..130)) {
            let ids: Vec<String> = (0..count).map(|id| id.to_string()).collect();
            let is_bad = |id: &String| id.parse().is_ok_and(|id: usize| bad.contains(&id));
            let mut portions = Portions::of(&ids);
            let (mut read, mut aside, mut requests) = (Vec::new(), Vec::new(), 0);
            while let Some(portion) = portions.next() {
                requests += 1;
                prop_assert!(!portion.is_empty());
                match portion.iter().any(is_bad) {
                    false => read.extend(portion),
                    true => aside.extend(portions.divide(portion)),
                }
            }
            prop_assert!(requests <= 2 * count);
            prop_assert!(aside.iter().all(is_bad) && !read.iter().any(is_bad));
            let mut all: Vec<String> = read.into_iter().chain(aside).collect();
            all.sort_by_key(|id| id.parse::<usize>().unwrap());
            prop_assert_eq!(all, ids);
        }
    }

    #[test]
    fn one_of_a_hundred_is_found_in_fourteen_requests_and_few_of_them_fail_in_a_row() {
        let ids: Vec<String> = (0..100).map(|id| id.to_string()).collect();
        let mut portions = Portions::of(&ids);
        let (mut requests, mut in_a_row, mut longest) = (0, 0, 0);
        while let Some(portion) = portions.next() {
            requests += 1;
            let fails = portion.contains(&"37".to_owned());
            in_a_row = if fails { in_a_row + 1 } else { 0 };
            longest = longest.max(in_a_row);
            if fails {
                portions.divide(portion);
            }
        }
        assert!(requests <= 14, "{requests}");
        assert!(longest <= 2, "{longest}: ten in a row are taken for a site that is down");
    }

    #[test]
    fn what_is_forbidden_is_one_issue_or_all_of_them() {
        let forbidden = JiraError::Forbidden { messages: Vec::new() };
        assert!(is_about_the_issues(&forbidden, 1) && !is_about_the_issues(&forbidden, 2));
    }

    #[test]
    fn a_pause_a_dead_host_and_a_refusal_are_not_about_the_content() {
        let upstream =
            |status, retry_after| JiraError::Upstream { status, excerpt: String::new(), retry_after };
        let second = Some(std::time::Duration::from_secs(1));
        for error in [
            upstream(503, None),
            upstream(500, second),
            JiraError::RateLimited { retry_after: None, reason: None },
            JiraError::Held { wait: std::time::Duration::ZERO, reason: String::new() },
            JiraError::Transport { message: String::new() },
            JiraError::Unauthenticated { messages: Vec::new() },
            JiraError::LoginPage,
        ] {
            assert!(!is_about_the_issues(&error, 1), "{error}");
        }
        for error in
            [upstream(500, None), JiraError::TooLarge { limit: 1 }, JiraError::CutBody { received: 9 }]
        {
            assert!(is_about_the_content(&error), "{error}");
        }
    }
}
