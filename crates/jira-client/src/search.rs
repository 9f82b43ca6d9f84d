//! Searching by JQL, page by page (jira-facts 1.1 to 1.3).

use std::fmt;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json, value::RawValue};

use crate::body::{count, list_as_text, object, text, unexpected};
use crate::paging::check_start;
use crate::redaction::mask_addresses;
use crate::request::{Call, MAX_BODY_BYTES};
use crate::{Dialect, JiraClient, JiraError};

/// Page size of a request that names none.
const DEFAULT_PAGE_SIZE: u32 = 50;

/// Largest page that Cloud gives.
const MAX_PAGE_SIZE: u32 = 5_000;

/// Most issues that can be reconciled in one search (JRACLOUD-96208).
const MAX_RECONCILE_ISSUES: usize = 50;

/// Longest query string that is sent with `GET`; beyond it servers and proxies begin to refuse.
const MAX_QUERY_BYTES: usize = 2_000;

/// Pages without an issue after which a search is taken to be stuck.
const MAX_EMPTY_PAGES: u32 = 100;

/// What to search for.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct SearchRequest {
    /// The query. Cloud wants it bounded: it must hold at least one restriction.
    pub jql: String,
    /// Fields to return, such as `*all` or `summary`; empty means ids and keys only.
    pub fields: Vec<String>,
    /// Expansions, such as `names` or `changelog`. An expanded changelog is truncated on Cloud.
    pub expand: Vec<String>,
    /// Issues per page, at most 5000; 0 means 50, Jira's own default. Jira may give fewer.
    pub page_size: u32,
    /// Ids of at most 50 issues whose latest state must be seen, although the index lags (Cloud only, ignored
    /// elsewhere). Keep them the same on all pages of a search.
    pub reconcile_issues: Vec<i64>,
    /// How many issues of a page the next one shows again (version 2 only): issues that leave the result in between move the others
    /// up, and those that would be skipped are told by a page that shows none of them. At most half a page.
    pub overlap: u32,
}

impl fmt::Debug for SearchRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SearchRequest")
            .field("jql", &mask_addresses(&self.jql))
            .field("fields", &self.fields)
            .field("expand", &self.expand)
            .field("page_size", &self.page_size)
            .field("reconcile_issues", &self.reconcile_issues)
            .field("overlap", &self.overlap)
            .finish()
    }
}

/// Where the next page of a search begins. It can be stored and used by another client for the same site,
/// dialect and request; tokens of Cloud expire after 7 days.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct SearchCursor(Position);

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "by", rename_all = "snake_case")]
enum Position {
    Token(TokenPosition),
    Offset { start_at: u64 },
}

/// A page token, and what is needed to notice that a search goes round in circles.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct TokenPosition {
    token: String,
    /// Pages read so far.
    pages: u64,
    /// The token after the last page whose number was a power of two. Meeting it again proves a circle of any
    /// length, without keeping all tokens (Brent's method).
    landmark: String,
    /// Pages without issues since the last one with issues.
    empty_pages: u32,
}

/// One page of a search, its issues taken apart or as text.
#[derive(Clone, PartialEq)]
pub struct SearchPage<I = Value> {
    /// The issues as Jira sent them; may be empty although more pages follow.
    pub issues: Vec<I>,
    /// Where the next page begins; `None` after the last one.
    pub next: Option<SearchCursor>,
    /// How many issues match, where Jira says so (version 2 only).
    pub total: Option<u64>,
    /// Whether the search ends here although Jira says that there is more: `isLast` is false and the token is missing, or
    /// fewer issues came than `total`. Harmless to whoever looks for news; whoever looks for what is gone must not believe it.
    pub ends_early: bool,
}

impl<I> fmt::Debug for SearchPage<I> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Issues hold the e-mail addresses of users.
        f.debug_struct("SearchPage")
            .field("issues", &self.issues.len())
            .field("next", &self.next)
            .field("total", &self.total)
            .field("ends_early", &self.ends_early)
            .finish()
    }
}

impl JiraClient {
    /// One page of the issues that match `request.jql`: the first one, or the one at `cursor`.
    ///
    /// Pages can only be read one after the other. Issues that change while a search is read may come twice; in
    /// version 2 others may be skipped, so order by something stable. Data Center gives no more than the first
    /// 10,000 issues of a search (jira-facts 1.3).
    ///
    /// # Errors
    /// [`JiraError::BadRequest`] for a query that Jira refuses, an expired token, a cursor of the other dialect
    /// or more than 50 `reconcile_issues`; [`JiraError::InvalidBody`] if a token comes again, since following it
    /// would never end.
    pub async fn search_page(
        &self,
        request: &SearchRequest,
        cursor: Option<&SearchCursor>,
    ) -> Result<SearchPage, JiraError> {
        let SearchPage { issues, next, total, ends_early } =
            self.search_page_as_text(request, cursor, MAX_BODY_BYTES).await?;
        let issues = issues.iter().map(|issue| serde_json::from_str(issue.get())).collect::<Result<_, _>>();
        let issues = issues.map_err(|_| unexpected("search: an issue that cannot be read", &Value::Null))?;
        Ok(SearchPage { issues, next, total, ends_early })
    }

    /// The same, with its issues left as text and no larger than so many bytes: of whoever reads large pages, memory stays bounded.
    /// That an issue is JSON is known; that it says something is not.
    ///
    /// # Errors
    /// Those of [`JiraClient::search_page`], and [`JiraError::TooLarge`] for a larger page: ask for fewer issues.
    pub async fn search_page_as_text(
        &self,
        request: &SearchRequest,
        cursor: Option<&SearchCursor>,
        most_bytes: u64,
    ) -> Result<SearchPage<Box<RawValue>>, JiraError> {
        match (self.dialect(), cursor.map(|cursor| &cursor.0)) {
            (Dialect::V3, None) => self.page_by_token(request, None, most_bytes).await,
            (Dialect::V3, Some(Position::Token(position))) => {
                self.page_by_token(request, Some(position), most_bytes).await
            }
            (Dialect::V2, None) => self.page_by_offset(request, 0, most_bytes).await,
            (Dialect::V2, Some(Position::Offset { start_at })) => {
                self.page_by_offset(request, *start_at, most_bytes).await
            }
            _ => Err(JiraError::bad_argument("the search cursor belongs to the other dialect")),
        }
    }

    /// How many issues match: an estimate that lags behind writes on Cloud, exact elsewhere.
    ///
    /// # Errors
    /// [`JiraError::BadRequest`] for a query that Jira refuses.
    pub async fn approximate_count(&self, jql: &str) -> Result<u64, JiraError> {
        const WHAT: &str = "approximate_count";
        let (call, key) = match self.dialect() {
            Dialect::V3 => {
                let segments = ["search", "approximate-count"];
                (self.post_to_read(WHAT, &segments, json!({ "jql": jql }))?, "count")
            }
            Dialect::V2 => {
                let request = SearchRequest { jql: jql.to_owned(), ..SearchRequest::default() };
                (self.offset_call(WHAT, &request, 0, 0)?, "total")
            }
        };
        let body = object(WHAT, self.json(call).await?)?;
        count(&body, key).ok_or_else(|| unexpected(format!("{WHAT}: no `{key}`"), &Value::Object(body)))
    }

    async fn page_by_token(
        &self,
        request: &SearchRequest,
        position: Option<&TokenPosition>,
        most_bytes: u64,
    ) -> Result<SearchPage<Box<RawValue>>, JiraError> {
        if request.reconcile_issues.len() > MAX_RECONCILE_ISSUES {
            return Err(JiraError::bad_argument("more than 50 issues to reconcile in one search"));
        }
        let mut body = token_body(request, position.map(|position| position.token.as_str()));
        let properties = self.properties_with(request);
        if !properties.is_empty() {
            body["properties"] = json!(properties);
        }
        let call = self.post_to_read("search", &["search", "jql"], body)?;
        let call = call.objects(page_size(request) as usize).at_most(most_bytes);
        let page: Box<RawValue> = self.json(call).await?;
        let (issues, page) = list_as_text("search", &page, "issues")?;
        // `isLast` has been wrong in both directions (JRACLOUD-95477); only the token counts.
        let next = text(&page, "nextPageToken")
            .map(|token| TokenPosition::after(position, token, issues.is_empty()))
            .transpose()?
            .map(|position| SearchCursor(Position::Token(position)));
        let ends_early = next.is_none() && page.get("isLast") == Some(&Value::Bool(false));
        Ok(SearchPage { issues, next, total: None, ends_early })
    }

    async fn page_by_offset(
        &self,
        request: &SearchRequest,
        start_at: u64,
        most_bytes: u64,
    ) -> Result<SearchPage<Box<RawValue>>, JiraError> {
        let size = page_size(request);
        let call = self.offset_call("search", request, start_at, size)?.objects(size as usize);
        let page: Box<RawValue> = self.json(call.at_most(most_bytes)).await?;
        let (issues, page) = list_as_text("search", &page, "issues")?;
        check_start("search", count(&page, "startAt"), start_at)?;
        let total = count(&page, "total");
        let reached = start_at + issues.len() as u64;
        let is_last = match total {
            Some(total) => reached >= total,
            None => page.get("isLast").and_then(Value::as_bool).unwrap_or(false),
        };
        let more = !issues.is_empty() && !is_last;
        let again = u64::from(request.overlap).min(issues.len() as u64 / 2);
        let next = more.then_some(SearchCursor(Position::Offset { start_at: reached - again }));
        let ends_early = next.is_none() && !is_last && total.is_some();
        Ok(SearchPage { issues, next, total, ends_early })
    }

    /// The properties that issues are asked for; none where only their names are.
    fn properties_with(&self, request: &SearchRequest) -> &[String] {
        if request.fields.is_empty() { &[] } else { self.issue_properties() }
    }

    /// A version 2 search: `GET`, which every server and emulator has, unless the query is too long for a URL.
    fn offset_call(
        &self,
        operation: &'static str,
        request: &SearchRequest,
        start_at: u64,
        max_results: u32,
    ) -> Result<Call, JiraError> {
        // The default of version 2 is all navigable fields; here an empty list means ids in both dialects.
        let only_id = [String::from("id")];
        let fields = if request.fields.is_empty() { &only_id[..] } else { &request.fields };
        let get = self
            .get(operation, &["search"])?
            .query("jql", &request.jql)
            .query("startAt", &start_at.to_string())
            .query("maxResults", &max_results.to_string())
            .query_list("fields", fields)
            .query_list("expand", &request.expand)
            .query_list("properties", self.properties_with(request));
        if get.url.query().is_none_or(|query| query.len() <= MAX_QUERY_BYTES) {
            return Ok(get);
        }
        let mut body = json!({
            "jql": request.jql, "startAt": start_at, "maxResults": max_results, "fields": fields
        });
        if !request.expand.is_empty() {
            body["expand"] = json!(request.expand);
        }
        if !self.properties_with(request).is_empty() {
            body["properties"] = json!(self.properties_with(request));
        }
        self.post_to_read(operation, &["search"], body)
    }
}

fn page_size(request: &SearchRequest) -> u32 {
    match request.page_size {
        0 => DEFAULT_PAGE_SIZE,
        size => size.min(MAX_PAGE_SIZE),
    }
}

/// The body of `search/jql`. Its schema is closed and its `expand` is a string, unlike that of other bodies.
fn token_body(request: &SearchRequest, token: Option<&str>) -> Value {
    let mut body = Map::new();
    body.insert("jql".to_owned(), json!(request.jql));
    body.insert("maxResults".to_owned(), json!(page_size(request)));
    if !request.fields.is_empty() {
        body.insert("fields".to_owned(), json!(request.fields));
    }
    if !request.expand.is_empty() {
        body.insert("expand".to_owned(), json!(request.expand.join(",")));
    }
    if !request.reconcile_issues.is_empty() {
        body.insert("reconcileIssues".to_owned(), json!(request.reconcile_issues));
    }
    if let Some(token) = token {
        body.insert("nextPageToken".to_owned(), json!(token));
    }
    Value::Object(body)
}

impl TokenPosition {
    /// The position after a page that was read at `before` and answered with `token`.
    fn after(before: Option<&Self>, token: String, page_is_empty: bool) -> Result<Self, JiraError> {
        let stuck = |what: &str| Err(unexpected(format!("search: {what}"), &Value::Null));
        let Some(before) = before else {
            let empty_pages = u32::from(page_is_empty);
            return Ok(Self { landmark: token.clone(), token, pages: 1, empty_pages });
        };
        if token == before.token || token == before.landmark {
            return stuck("the same nextPageToken came again");
        }
        let empty_pages = if page_is_empty { before.empty_pages + 1 } else { 0 };
        if empty_pages > MAX_EMPTY_PAGES {
            return stuck("too many empty pages in a row");
        }
        let pages = before.pages + 1;
        let landmark = if pages.is_power_of_two() { token.clone() } else { before.landmark.clone() };
        Ok(Self { token, pages, landmark, empty_pages })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Walks a search whose pages answer with `tokens` in turn, for ever; returns the pages read until the error.
    fn pages_until_stuck(tokens: impl Iterator<Item = String>, empty: bool) -> (usize, JiraError) {
        let mut position: Option<TokenPosition> = None;
        for (page, token) in tokens.enumerate() {
            match TokenPosition::after(position.as_ref(), token, empty) {
                Ok(next) => position = Some(next),
                Err(error) => return (page + 1, error),
            }
        }
        panic!("never noticed")
    }

    #[test]
    fn circles_of_any_length_are_noticed() {
        for lead in [0_usize, 1, 5] {
            for length in [1_usize, 2, 3, 7, 50] {
                let tokens = (0..).map(|n| if n < lead { n } else { lead + (n - lead) % length }.to_string());
                let (pages, error) = pages_until_stuck(tokens, false);
                assert!(matches!(error, JiraError::InvalidBody { .. }));
                assert!(pages <= 4 * (lead + length) + 2, "lead {lead}, length {length}: {pages} pages");
            }
        }
    }

    #[test]
    fn a_long_honest_search_is_not_suspected() {
        let mut position = None;
        for page in 0..10_000 {
            position =
                Some(TokenPosition::after(position.as_ref(), page.to_string(), page % 3 != 0).unwrap());
        }
        assert_eq!(position.unwrap().pages, 10_000);
    }

    #[test]
    fn endless_empty_pages_are_noticed() {
        let (pages, _) = pages_until_stuck((0..).map(|n| n.to_string()), true);
        assert_eq!(pages, MAX_EMPTY_PAGES as usize + 1);
    }

    #[test]
    fn the_body_of_a_search_holds_only_what_its_closed_schema_knows() {
        let request = SearchRequest {
            jql: "project = A".into(),
            fields: vec!["*all".into()],
            expand: vec!["names".into(), "schema".into()],
            page_size: 100_000,
            reconcile_issues: vec![10_001],
            ..SearchRequest::default()
        };
        assert_eq!(
            token_body(&request, Some("t")),
            json!({"jql": "project = A", "maxResults": 5000, "fields": ["*all"], "expand": "names,schema",
                   "reconcileIssues": [10001], "nextPageToken": "t"})
        );
        let bare = SearchRequest { jql: "project = A".into(), ..SearchRequest::default() };
        assert_eq!(token_body(&bare, None), json!({"jql": "project = A", "maxResults": 50}));
    }

    #[test]
    fn cursors_survive_storage() {
        for position in [
            Position::Offset { start_at: 150 },
            Position::Token(TokenPosition::after(None, "abc".into(), false).unwrap()),
        ] {
            let cursor = SearchCursor(position);
            let stored = serde_json::to_string(&cursor).unwrap();
            assert_eq!(serde_json::from_str::<SearchCursor>(&stored).unwrap(), cursor, "{stored}");
        }
    }

    #[test]
    fn debug_output_holds_no_addresses() {
        let request =
            SearchRequest { jql: "assignee = 'ann@example.com'".into(), ..SearchRequest::default() };
        assert!(!format!("{request:?}").contains("ann@"));
        let page = SearchPage {
            issues: vec![json!({"fields": {"reporter": {"emailAddress": "ann@example.com"}}})],
            next: None,
            total: Some(1),
            ends_early: false,
        };
        assert!(!format!("{page:?}").contains("ann@"));
    }
}
