//! One request, before it is sent.

use reqwest::Method;
use serde_json::Value;
use url::Url;

use crate::{Access, RequestKind};

/// The largest body that is read unless a call says otherwise. A full search page is some megabytes; anything near this is a fault.
pub(crate) const MAX_BODY_BYTES: u64 = 64 * 1024 * 1024;

/// A request that can be sent any number of times.
#[derive(Clone)]
pub(crate) struct Call {
    pub(crate) kind: RequestKind,
    pub(crate) method: Method,
    pub(crate) url: Url,
    pub(crate) body: Option<Value>,
    /// The largest answer that is read.
    pub(crate) most_bytes: u64,
    /// Whether it opts in to what may still change.
    pub(crate) experimental: bool,
}

impl Call {
    pub(crate) fn read(operation: &'static str, method: Method, url: Url) -> Self {
        Self::new(operation, Access::Read, method, url)
    }

    pub(crate) fn write(operation: &'static str, method: Method, url: Url) -> Self {
        Self::new(operation, Access::Write, method, url)
    }

    fn new(operation: &'static str, access: Access, method: Method, url: Url) -> Self {
        let kind = RequestKind { operation, access, issue: None, objects: 1 };
        Self { kind, method, url, body: None, most_bytes: MAX_BODY_BYTES, experimental: false }
    }

    /// Opts in to what Jira Service Management calls experimental.
    pub(crate) fn experimental(mut self) -> Self {
        self.experimental = true;
        self
    }

    pub(crate) fn json(mut self, body: Value) -> Self {
        self.body = Some(body);
        self
    }

    /// Appends a query parameter.
    pub(crate) fn query(mut self, name: &str, value: &str) -> Self {
        self.url.query_pairs_mut().append_pair(name, value);
        self
    }

    /// Appends a comma-separated list, or nothing if it is empty.
    pub(crate) fn query_list(self, name: &str, values: &[String]) -> Self {
        if values.is_empty() { self } else { self.query(name, &values.join(",")) }
    }

    /// Names the one issue that the request is about.
    pub(crate) fn about(mut self, issue: &str) -> Self {
        self.kind.issue = Some(issue.to_owned());
        self
    }

    /// Says how many objects the answer may hold.
    pub(crate) fn objects(mut self, objects: usize) -> Self {
        self.kind.objects = u32::try_from(objects).unwrap_or(u32::MAX);
        self
    }

    /// Reads no answer that is larger, and none that is larger than any is read.
    pub(crate) fn at_most(mut self, bytes: u64) -> Self {
        self.most_bytes = bytes.min(MAX_BODY_BYTES);
        self
    }

    pub(crate) fn is_write(&self) -> bool {
        self.kind.access == Access::Write
    }
}
