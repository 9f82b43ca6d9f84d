//! Jira's own operations, all of them: what a request asks for is told apart into what Forebay serves, what only Jira serves (501,
//! by name), a method that Jira does not have there (405) and what Jira does not have at all (404); jira-facts 10.
//!
//! The list is `operations.tsv`, made from Atlassian's OpenAPI documents. Which of them are served is known to the router alone:
//! `docs/jira-compatibility.md` is written by asking it for each, and a test keeps it so.

use std::{collections::HashMap, sync::LazyLock};

use axum::{
    extract::{MatchedPath, Request},
    http::Method,
    middleware::Next,
    response::{IntoResponse, Response},
};

use super::{refusal::Refusal, site};

static LIST: &str = include_str!("operations.tsv");

/// By the number of their paths' segments.
static RESOURCES: LazyLock<HashMap<usize, Vec<Resource>>> = LazyLock::new(|| {
    let mut resources: HashMap<usize, Vec<Resource>> = HashMap::new();
    for operation in all() {
        let segments: Vec<&str> = segments(operation.path).collect();
        let among = resources.entry(segments.len()).or_default();
        match among.iter_mut().find(|resource| same_shape(&resource.segments, &segments)) {
            Some(resource) => resource.operations.push(operation),
            None => among.push(Resource { segments, operations: vec![operation] }),
        }
    }
    resources
});

/// An operation of Jira's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Operation {
    /// `platform`, `agile` or `jsm`: whose document has it.
    pub(super) api: &'static str,
    /// `GET`.
    pub(super) method: &'static str,
    /// `/rest/api/3/issue/{issueIdOrKey}`.
    pub(super) path: &'static str,
    /// `getIssue`.
    pub(super) id: &'static str,
    /// `Issues`.
    pub(super) tag: &'static str,
}

/// All operations, in the order of the list.
pub(super) fn all() -> impl Iterator<Item = Operation> {
    LIST.lines().filter(|line| !line.starts_with('#')).filter_map(|line| {
        let mut columns = line.split('\t');
        let mut next = || columns.next();
        Some(Operation { api: next()?, method: next()?, path: next()?, id: next()?, tag: next()? })
    })
}

/// Operations of one path, whatever its parameters are called.
#[derive(Debug)]
pub(super) struct Resource {
    segments: Vec<&'static str>,
    operations: Vec<Operation>,
}

impl Resource {
    /// The resource of this path, as the site itself would have it; of several the one that spells most of it out.
    pub(super) fn of(path: &str) -> Option<&'static Self> {
        let asked: Vec<&str> = segments(path).collect();
        let fitting = RESOURCES.get(&asked.len())?.iter().filter(|resource| resource.has(&asked));
        fitting.max_by_key(|resource| resource.spelled_out())
    }

    fn has(&self, asked: &[&str]) -> bool {
        let is_platform = self.segments.get(1) == Some(&"api");
        self.segments.iter().zip(asked).enumerate().all(|(at, (own, asked))| {
            own == asked
                || is_parameter(own) && !asked.is_empty()
                || at == 2 && is_platform && site::version(asked).is_some()
        })
    }

    /// Which segments are no parameters; the first ones count most.
    fn spelled_out(&self) -> Vec<bool> {
        self.segments.iter().map(|segment| !is_parameter(segment)).collect()
    }

    /// Its operation of this method.
    fn operation(&self, method: &Method) -> Option<&Operation> {
        let method = if method == Method::HEAD { &Method::GET } else { method };
        self.operations.iter().find(|operation| operation.method == method.as_str())
    }

    /// What a request for the resource is refused with that Forebay does not serve.
    pub(super) fn refusal(&self, method: &Method, path: &str) -> Refusal {
        match self.operation(method) {
            Some(operation) => Refusal::not_served(method, path, operation.id),
            None => {
                let methods = self.operations.iter().map(|operation| operation.method);
                Refusal::method_not_allowed(method, path, methods)
            }
        }
    }

    /// Whether the router has found a broader route than this resource: `project/{project}` for `project/type`, which is no
    /// project.
    fn is_narrower_than(&self, route: &str) -> bool {
        let route = segments(at_site(route));
        self.segments.iter().zip(route).enumerate().any(|(at, (own, routed))| {
            let is_version = at == 2 && self.segments[1] == "api";
            is_parameter(routed) && !is_parameter(own) && !is_version
        })
    }
}

/// The layer in front of all handlers that keeps what Jira has under a path of its own from a handler with a broader one, and
/// versions that there are not from all.
pub(super) async fn own_paths(request: Request, next: Next) -> Response {
    match kept_back(&request) {
        Some(refusal) => refusal.into_response(),
        None => next.run(request).await,
    }
}

fn kept_back(request: &Request) -> Option<Refusal> {
    let path = at_site(request.uri().path());
    let mut parts = segments(path).skip(1);
    if parts.next() == Some("api") && parts.next().and_then(site::version).is_none() {
        return Some(Refusal::no_endpoint(request.method(), path));
    }
    let route = request.extensions().get::<MatchedPath>()?;
    let resource = Resource::of(path).filter(|resource| resource.is_narrower_than(route.as_str()))?;
    Some(resource.refusal(request.method(), path))
}

/// The path as the site itself would have it: without `/jira/{instance}`.
pub(super) fn at_site(path: &str) -> &str {
    path.match_indices('/').nth(2).map_or(path, |(at, _)| &path[at..])
}

fn segments(path: &str) -> impl Iterator<Item = &str> {
    path.trim_start_matches('/').trim_end_matches('/').split('/')
}

fn is_parameter(segment: &str) -> bool {
    segment.starts_with('{')
}

fn same_shape(one: &[&str], other: &[&str]) -> bool {
    one.iter().zip(other).all(|(one, other)| one == other || is_parameter(one) && is_parameter(other))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn named(method: Method, path: &str) -> Option<&'static str> {
        Some(Resource::of(path)?.operation(&method)?.id)
    }

    #[test]
    fn a_path_names_its_operation_in_every_version() {
        for version in ["2", "3", "latest"] {
            let path = format!("/rest/api/{version}/issue/ED-1/watchers");
            assert_eq!(named(Method::GET, &path), Some("getIssueWatchers"));
        }
        assert_eq!(named(Method::GET, "/rest/api/4/issue/ED-1/watchers"), None);
        assert_eq!(named(Method::GET, "/rest/agile/1.0/board/3/sprint"), Some("getAllSprints"));
        assert_eq!(named(Method::HEAD, "/rest/servicedeskapi/servicedesk"), Some("getServiceDesks"));
        assert_eq!(named(Method::GET, "/rest/api/3/spaces"), None);
        assert_eq!(named(Method::GET, "/rest/api/3/issue/"), None, "an empty name is none");
    }

    #[test]
    fn what_is_spelled_out_comes_before_a_parameter() {
        assert_eq!(named(Method::GET, "/rest/api/3/project/type"), Some("getAllProjectTypes"));
        assert_eq!(named(Method::GET, "/rest/api/3/project/ED"), Some("getProject"));
        assert_eq!(named(Method::GET, "/rest/api/3/issue/picker"), Some("getIssuePickerResource"));
        let narrower = |path: &str, route: &str| Resource::of(path).unwrap().is_narrower_than(route);
        let route = "/jira/{instance}/rest/api/{version}/project/{project}";
        assert!(narrower("/rest/api/3/project/type", route));
        assert!(!narrower("/rest/api/3/project/ED", route));
        assert!(!narrower(
            "/rest/api/2/project/search",
            "/jira/{instance}/rest/api/{version}/project/search"
        ));
    }

    #[test]
    fn every_line_of_the_list_is_an_operation() {
        let counted = |api: &str| all().filter(|operation| operation.api == api).count();
        assert_eq!((counted("platform"), counted("agile"), counted("jsm")), (595, 95, 69));
        assert_eq!(LIST.lines().filter(|line| !line.starts_with('#')).count(), all().count());
    }
}
