//! Searching: by page token as Cloud does, by offset as Server does (jira-facts 1.1 to 1.3). Both are served in every
//! version, because clients choose by the site's type or by its host's name (jira-facts 11.1).

use application::{
    instances::Instance,
    issues::IssueRow,
    ports::TenantTx,
    sandbox::faults::pages::plain_token,
    search::{SearchRequest, SearchStart, parse_jql, request_of, without_errors},
};
use axum::response::Response;
use serde_json::{Map, Value, json};

use super::{
    answer,
    assemble::View,
    body::Body,
    expansions,
    fields::{DefaultFields, Expand, Selection},
    page::Window,
    params::Params,
    refusal::Refusal,
    site::Site,
};

/// Whole issues on a page, at most: pages may be shorter than asked for (jira-facts 1.1).
const LARGEST_PAGE: u32 = 100;

/// Issues on a page that shows ids only.
const LARGEST_PAGE_OF_IDS: u32 = 5_000;

/// The same for the old search (jira-facts 1.3).
const LARGEST_OLD_PAGE: usize = 1_000;

const DEFAULT_PAGE: u32 = 50;

/// Properties that one request may ask for (jira-facts 1.1).
const MOST_PROPERTIES: usize = 5;

/// Issues that the index is not asked for, at most (jira-facts 1.1).
const MOST_RECONCILED: usize = 50;

const UNBOUNDED: &str =
    "Unbounded JQL queries are not allowed here. Please add a search restriction to your query.";

/// What `search/jql` takes; its schema is closed (jira-facts 1.1).
const TOKEN_SEARCH: [&str; 9] = [
    "jql",
    "nextPageToken",
    "maxResults",
    "fields",
    "expand",
    "properties",
    "fieldsByKeys",
    "reconcileIssues",
    "includeArchivedProjects",
];

struct TokenSearch {
    jql: Option<String>,
    token: Option<String>,
    page_size: i64,
    shown: Shown,
    /// Ids that the index is not asked for.
    reconcile: Vec<String>,
}

/// What is shown of each issue, as asked for.
#[derive(Debug, PartialEq)]
pub(super) struct Shown {
    fields: Vec<String>,
    /// Whether fields are named by their keys.
    by_keys: bool,
    expand: Vec<String>,
    /// Keys of the properties that are shown.
    properties: Vec<String>,
}

impl Shown {
    fn of_params(params: &Params) -> Self {
        Self {
            fields: params.list("fields"),
            by_keys: params.text("fieldsByKeys") == Some("true"),
            expand: params.list("expand"),
            properties: params.list("properties"),
        }
    }

    pub(super) fn of_body(body: &Body) -> Result<Self, Refusal> {
        Ok(Self {
            fields: body.list("fields")?,
            by_keys: body.get("fieldsByKeys") == Some(&Value::Bool(true)),
            expand: body.list("expand")?,
            properties: body.list("properties")?,
        })
    }

    pub(super) fn view(self, site: &Site, default: DefaultFields) -> Result<View, Refusal> {
        if self.properties.len() > MOST_PROPERTIES {
            let message = format!("The number of properties must not be more than {MOST_PROPERTIES}.");
            return Err(Refusal::bad_request(message));
        }
        Ok(View {
            dialect: site.dialect,
            selection: Selection::parse(&self.fields, default).by_keys(self.by_keys),
            expand: Expand::parse(&self.expand),
            properties: self.properties,
        })
    }
}

struct OffsetSearch {
    jql: Option<String>,
    start: Option<i64>,
    page_size: Option<i64>,
    shown: Shown,
    validation: Validation,
}

/// What becomes of a query with errors (`validateQuery`, jira-facts 1.3). One that cannot be parsed is refused in any case.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Validation {
    /// It is refused.
    Strict,
    /// It is answered as far as it can be, and what is wrong with it is told.
    Warn,
    /// The same, without a word.
    Nothing,
}

impl Validation {
    pub(super) fn of(asked: Option<&str>) -> Self {
        match asked.map(str::to_ascii_lowercase).as_deref() {
            Some("warn" | "false") => Self::Warn,
            Some("none") => Self::Nothing,
            _ => Self::Strict,
        }
    }

    /// The request that is to be answered, and what is to be told of it.
    pub(super) async fn judge(
        self,
        tx: &mut dyn TenantTx,
        request: SearchRequest,
    ) -> Result<(SearchRequest, Vec<String>), Refusal> {
        if self == Self::Strict {
            return Ok((request, Vec::new()));
        }
        let (request, mut warnings) = without_errors(tx, request).await?;
        if self == Self::Nothing {
            warnings.clear();
        }
        Ok((request, warnings))
    }
}

pub(super) async fn by_token(site: Site, params: Params) -> Result<Response, Refusal> {
    let search = TokenSearch {
        jql: params.text("jql").map(str::to_owned),
        token: params.text("nextPageToken").map(str::to_owned),
        page_size: params.integer("maxResults")?.unwrap_or(DEFAULT_PAGE.into()),
        shown: Shown::of_params(&params),
        reconcile: params.list("reconcileIssues"),
    };
    token_page(&site, search).await
}

pub(super) async fn by_token_post(site: Site, body: Body) -> Result<Response, Refusal> {
    token_page(&site, token_search(&body)?).await
}

fn token_search(body: &Body) -> Result<TokenSearch, Refusal> {
    body.allow_only(&TOKEN_SEARCH)?;
    let reconcile = body.list("reconcileIssues")?;
    if reconcile.iter().any(|id| id.parse::<i64>().is_err()) {
        return Err(Refusal::invalid_payload());
    }
    // A null is read as the number 0, which is out of range.
    let page_size = if body.is_null("maxResults") { Some(0) } else { body.integer("maxResults")? };
    Ok(TokenSearch {
        jql: body.text("jql")?.map(str::to_owned),
        token: body.text("nextPageToken")?.map(str::to_owned),
        page_size: page_size.unwrap_or(DEFAULT_PAGE.into()),
        shown: Shown::of_body(body)?,
        reconcile,
    })
}

/// What is wrong is told in the order in which Jira looks: the token, the size of the page, whether the query is bounded, the query
/// (jira-facts 1.1, 10.2).
async fn token_page(site: &Site, search: TokenSearch) -> Result<Response, Refusal> {
    let (mut tx, instance) = site.read().await?;
    let start = match search.token.as_deref().map(plain_token).filter(|token| !token.is_empty()) {
        Some(token) => {
            tx.check_cursor(token)?;
            SearchStart::After(token.to_owned())
        }
        None => SearchStart::Offset(0),
    };
    let asked = token_page_size(search.page_size)?;
    if search.reconcile.len() > MOST_RECONCILED {
        let message = format!("The number of reconcileIssues must not be more than {MOST_RECONCILED}.");
        return Err(Refusal::bad_request(message));
    }
    let view = search.shown.view(site, DefaultFields::Ids)?;
    let query = bounded(search.jql.as_deref())?;
    let limit = if is_light(&view) { asked } else { asked.min(LARGEST_PAGE) };
    let request = SearchRequest { limit, start, ..request(site, &instance, query) };
    let mut page = tx.search(&request).await?;
    leave_out(site, &request, &search.reconcile, &mut page.issues);
    let assembled = expansions::assemble(site, tx, &instance, &view, page.issues).await?;
    let mut answer = Map::from_iter([("issues".to_owned(), Value::Array(assembled.issues))]);
    answer.insert("isLast".into(), Value::Bool(page.next.is_none()));
    // Left out on the last page: some clients go on as long as the member is there at all (jira-facts 11.2).
    if let Some(next) = page.next {
        answer.insert("nextPageToken".into(), Value::String(next));
    }
    answer.extend(assembled.expanded);
    Ok(answer::ok(&Value::Object(answer)))
}

fn token_page_size(asked: i64) -> Result<u32, Refusal> {
    u32::try_from(asked)
        .ok()
        .filter(|size| (1..=LARGEST_PAGE_OF_IDS).contains(size))
        .ok_or_else(|| Refusal::bad_request("The maxResults parameter must be between 1 and 5,000."))
}

/// A query with a restriction, as the searches of Cloud demand.
fn bounded(jql: Option<&str>) -> Result<jql::Query, Refusal> {
    let query = parse_jql(jql.unwrap_or_default())?;
    if query.is_bounded() { Ok(query) } else { Err(Refusal::bad_request(UNBOUNDED)) }
}

/// Whether nothing but ids is shown.
fn is_light(view: &View) -> bool {
    view.selection.is_ids_only() && !view.expand.changelog && view.properties.is_empty()
}

pub(super) async fn by_offset(site: Site, params: Params) -> Result<Response, Refusal> {
    let search = OffsetSearch {
        jql: params.text("jql").map(str::to_owned),
        start: params.integer("startAt")?,
        page_size: params.integer("maxResults")?,
        shown: Shown::of_params(&params),
        validation: Validation::of(params.text("validateQuery")),
    };
    offset_page(&site, search).await
}

pub(super) async fn by_offset_post(site: Site, body: Body) -> Result<Response, Refusal> {
    let search = OffsetSearch {
        jql: body.text("jql")?.map(str::to_owned),
        start: body.integer("startAt")?,
        page_size: body.integer("maxResults")?,
        shown: Shown::of_body(&body)?,
        validation: validation(&body)?,
    };
    offset_page(&site, search).await
}

async fn offset_page(site: &Site, search: OffsetSearch) -> Result<Response, Refusal> {
    let query = parse_jql(search.jql.as_deref().unwrap_or_default())?;
    let view = search.shown.view(site, DefaultFields::Navigable)?;
    let cap = if is_light(&view) { LARGEST_OLD_PAGE } else { LARGEST_PAGE as usize };
    let window = Window::new(search.start, search.page_size, DEFAULT_PAGE as usize, cap);
    let (mut tx, instance) = site.read().await?;
    let request = SearchRequest {
        limit: u32::try_from(window.size).unwrap_or(LARGEST_PAGE),
        start: SearchStart::Offset(window.start as u64),
        with_total: true,
        ..request(site, &instance, query)
    };
    let (request, mut warnings) = search.validation.judge(tx.as_mut(), request).await?;
    let (mut rows, total, told) = match window.size {
        // Asking for no issues is how clients of Server count.
        0 => (Vec::new(), tx.count(&request).await?, Vec::new()),
        _ => {
            let page = tx.search(&request).await?;
            let listed = (window.start + page.issues.len()) as u64;
            (page.issues, page.total.unwrap_or(listed), page.warnings)
        }
    };
    warnings.extend(told);
    leave_out(site, &request, &[], &mut rows);
    let assembled = expansions::assemble(site, tx, &instance, &view, rows).await?;
    let mut answer = Map::from_iter([
        ("expand".to_owned(), json!("names,schema")),
        ("startAt".to_owned(), json!(window.start)),
        ("maxResults".to_owned(), json!(window.size)),
        ("total".to_owned(), json!(total)),
        ("issues".to_owned(), Value::Array(assembled.issues)),
    ]);
    if !warnings.is_empty() {
        answer.insert("warningMessages".into(), json!(warnings));
    }
    answer.extend(assembled.expanded);
    Ok(answer::ok(&Value::Object(answer)))
}

/// `validateQuery` of a body, where Data Center takes a text or a boolean.
fn validation(body: &Body) -> Result<Validation, Refusal> {
    match body.get("validateQuery") {
        Some(Value::Bool(strict)) => Ok(Validation::of(Some(if *strict { "true" } else { "false" }))),
        _ => Ok(Validation::of(body.text("validateQuery")?)),
    }
}

pub(super) async fn approximate_count(site: Site, body: Body) -> Result<Response, Refusal> {
    let query = bounded(body.text("jql")?)?;
    let (mut tx, instance) = site.read().await?;
    let count = tx.count(&request(&site, &instance, query)).await?;
    Ok(answer::ok(&json!({ "count": count })))
}

/// Leaves out what the site's index does not know yet, but for what the caller knows of itself, and what the account may
/// not see: where a sandbox was asked for that.
fn leave_out(site: &Site, request: &SearchRequest, reconcile: &[String], rows: &mut Vec<IssueRow>) {
    let Some(lens) = site.lens() else { return };
    rows.retain(|row| {
        let lags = !reconcile.contains(&row.jira_id) && lens.lags(row, &request.query, request.now);
        !lags && !lens.hides(row)
    });
}

/// A search of the instance, from its first issue.
pub(super) fn request(site: &Site, instance: &Instance, query: jql::Query) -> SearchRequest {
    SearchRequest { limit: LARGEST_PAGE, ..request_of(instance, query, site.state.services.clock.now()) }
}

#[cfg(test)]
mod tests {
    use axum::{http::StatusCode, response::IntoResponse};

    use super::*;

    fn post(text: &str) -> Result<TokenSearch, Refusal> {
        token_search(&Body::parse(text.as_bytes()).unwrap())
    }

    #[test]
    fn the_body_of_a_token_search_is_closed_but_takes_nulls() {
        let sent = r#"{"jql": "a = b", "expand": null, "properties": null, "nextPageToken": null, "reconcileIssues": [],
                       "fields": ["summary"], "maxResults": "5"}"#;
        let search = post(sent).unwrap();
        assert_eq!(
            (search.page_size, search.token, search.shown.fields),
            (5, None, vec!["summary".to_owned()])
        );
        assert!(post(r#"{"jql": "a = b", "startAt": 0}"#).is_err());
        assert!(post(r#"{"jql": "a = b", "total": 0}"#).is_err());
        assert!(post(r#"{"jql": "a = b", "failFast": true}"#).is_err(), "only GET has failFast");
        assert!(post(r#"{"jql": "a = b", "reconcileIssues": ["ED-1"]}"#).is_err());
    }

    #[test]
    fn expand_comes_as_text_or_list() {
        assert_eq!(
            post(r#"{"jql": "a = b", "expand": "names,schema"}"#).unwrap().shown.expand,
            ["names", "schema"]
        );
        assert_eq!(post(r#"{"jql": "a = b", "expand": ["changelog"]}"#).unwrap().shown.expand, ["changelog"]);
    }

    #[test]
    fn page_sizes_out_of_range_are_refused() {
        assert_eq!(post(r#"{"jql": "a = b"}"#).unwrap().page_size, 50);
        assert_eq!(post(r#"{"jql": "a = b", "maxResults": null}"#).unwrap().page_size, 0);
        assert_eq!(token_page_size(5_000).unwrap(), 5_000);
        for size in [0, -1, 5_001, i64::MAX] {
            assert!(token_page_size(size).is_err(), "{size}");
        }
    }

    #[test]
    fn how_a_query_is_judged_is_said_in_old_words_and_new_ones() {
        for (asked, validation) in [
            (None, Validation::Strict),
            (Some("true"), Validation::Strict),
            (Some("strict"), Validation::Strict),
            (Some("warn"), Validation::Warn),
            (Some("False"), Validation::Warn),
            (Some("none"), Validation::Nothing),
        ] {
            assert_eq!(Validation::of(asked), validation, "{asked:?}");
        }
        let of_body = |text: &str| validation(&Body::parse(text.as_bytes()).unwrap()).unwrap();
        assert_eq!(of_body(r#"{"validateQuery": false}"#), Validation::Warn);
        assert_eq!(of_body(r#"{"validateQuery": "none"}"#), Validation::Nothing);
    }

    #[test]
    fn a_query_without_a_restriction_is_unbounded() {
        for jql in [None, Some(""), Some("  "), Some("order by key desc")] {
            let refusal = bounded(jql).unwrap_err();
            assert!(format!("{refusal:?}").contains("Unbounded JQL"), "{jql:?}");
        }
        assert!(bounded(Some("project = ED order by key")).is_ok());
        let refusal = bounded(Some("project = = x")).unwrap_err();
        assert_eq!(refusal.into_response().status(), StatusCode::BAD_REQUEST);
    }
}
