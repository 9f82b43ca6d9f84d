//! Searching: by page token as Cloud does, by offset as Server does (jira-facts 1.1 to 1.3). Both are served in every
//! version, because clients choose by the site's type or by its host's name (jira-facts 11.1).

use application::{
    instances::Instance,
    issues::IssueRow,
    sandbox::faults::pages::plain_token,
    search::{SearchRequest, SearchStart, parse_jql, request_of},
};
use axum::response::Response;
use serde_json::{Map, Value, json};

use super::{
    answer,
    assemble::View,
    body::Body,
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
    fields: Vec<String>,
    expand: Vec<String>,
    /// Keys of the properties that are shown.
    properties: Vec<String>,
    /// Ids that the index is not asked for.
    reconcile: Vec<String>,
}

struct OffsetSearch {
    jql: Option<String>,
    start: Option<i64>,
    page_size: Option<i64>,
    fields: Vec<String>,
    expand: Vec<String>,
    properties: Vec<String>,
}

pub(super) async fn by_token(site: Site, params: Params) -> Result<Response, Refusal> {
    let search = TokenSearch {
        jql: params.text("jql").map(str::to_owned),
        token: params.text("nextPageToken").map(str::to_owned),
        page_size: params.integer("maxResults")?.unwrap_or(DEFAULT_PAGE.into()),
        fields: params.list("fields"),
        expand: params.list("expand"),
        properties: params.list("properties"),
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
        fields: body.list("fields")?,
        expand: body.list("expand")?,
        properties: body.list("properties")?,
        reconcile,
    })
}

async fn token_page(site: &Site, search: TokenSearch) -> Result<Response, Refusal> {
    let asked = token_page_size(search.page_size)?;
    let query = bounded(search.jql.as_deref())?;
    let view = View {
        dialect: site.dialect,
        selection: Selection::parse(&search.fields, DefaultFields::Ids),
        expand: Expand::parse(&search.expand),
        properties: search.properties,
    };
    let limit = if is_light(&view) { asked } else { asked.min(LARGEST_PAGE) };
    let start = match search.token.as_deref().map(plain_token).filter(|token| !token.is_empty()) {
        Some(token) => SearchStart::After(token.to_owned()),
        None => SearchStart::Offset(0),
    };
    let (mut tx, instance) = site.read().await?;
    let request = SearchRequest { limit, start, ..request(site, &instance, query) };
    let mut page = tx.search(&request).await?;
    leave_out(site, &request, &search.reconcile, &mut page.issues);
    let assembled = view.assemble(tx.as_mut(), instance.id, page.issues).await?;
    let mut answer = Map::from_iter([("issues".to_owned(), Value::Array(assembled.issues))]);
    answer.insert("isLast".into(), Value::Bool(page.next.is_none()));
    // Left out on the last page: some clients go on as long as the member is there at all (jira-facts 11.2).
    if let Some(next) = page.next {
        answer.insert("nextPageToken".into(), Value::String(next));
    }
    answer.extend(assembled.expanded);
    if !warnings.is_empty() {
        answer.insert("warningMessages".to_owned(), json!(warnings));
    }
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
        fields: params.list("fields"),
        expand: params.list("expand"),
        properties: params.list("properties"),
    };
    offset_page(&site, search).await
}

pub(super) async fn by_offset_post(site: Site, body: Body) -> Result<Response, Refusal> {
    let search = OffsetSearch {
        jql: body.text("jql")?.map(str::to_owned),
        start: body.integer("startAt")?,
        page_size: body.integer("maxResults")?,
        fields: body.list("fields")?,
        expand: body.list("expand")?,
        properties: body.list("properties")?,
    };
    offset_page(&site, search).await
}

async fn offset_page(site: &Site, search: OffsetSearch) -> Result<Response, Refusal> {
    let query = parse_jql(search.jql.as_deref().unwrap_or_default())?;
    let view = View {
        dialect: site.dialect,
        selection: Selection::parse(&search.fields, DefaultFields::Navigable),
        expand: Expand::parse(&search.expand),
        properties: search.properties,
    };
    let cap = if is_light(&view) { LARGEST_OLD_PAGE } else { LARGEST_PAGE as usize };
    let window = Window::new(search.start, search.page_size, DEFAULT_PAGE as usize, cap);
    let (mut tx, instance) = site.read().await?;
    let request = SearchRequest {
        limit: u32::try_from(window.size).unwrap_or(LARGEST_PAGE),
        start: SearchStart::Offset(window.start as u64),
        with_total: true,
        ..request(site, &instance, query)
    };
    let (mut rows, total, warnings) = match window.size {
        // Asking for no issues is how clients of Server count.
        0 => (Vec::new(), tx.count(&request).await?, Vec::new()),
        _ => {
            let page = tx.search(&request).await?;
            let listed = (window.start + page.issues.len()) as u64;
            (page.issues, page.total.unwrap_or(listed), page.warnings)
        }
    };
    leave_out(site, &request, &[], &mut rows);
    let assembled = view.assemble(tx.as_mut(), instance.id, rows).await?;
    let mut answer = Map::from_iter([
        ("expand".to_owned(), json!("names,schema")),
        ("startAt".to_owned(), json!(window.start)),
        ("maxResults".to_owned(), json!(window.size)),
        ("total".to_owned(), json!(total)),
        ("issues".to_owned(), Value::Array(assembled.issues)),
    ]);
    answer.extend(assembled.expanded);
    Ok(answer::ok(&Value::Object(answer)))
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
        assert_eq!((search.page_size, search.token, search.fields), (5, None, vec!["summary".to_owned()]));
        assert!(post(r#"{"jql": "a = b", "startAt": 0}"#).is_err());
        assert!(post(r#"{"jql": "a = b", "total": 0}"#).is_err());
        assert!(post(r#"{"jql": "a = b", "failFast": true}"#).is_err(), "only GET has failFast");
        assert!(post(r#"{"jql": "a = b", "reconcileIssues": ["ED-1"]}"#).is_err());
    }

    #[test]
    fn expand_comes_as_text_or_list() {
        assert_eq!(
            post(r#"{"jql": "a = b", "expand": "names,schema"}"#).unwrap().expand,
            ["names", "schema"]
        );
        assert_eq!(post(r#"{"jql": "a = b", "expand": ["changelog"]}"#).unwrap().expand, ["changelog"]);
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
