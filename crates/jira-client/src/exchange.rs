//! Sending one request: manners before and after, judging the answer, and trying again where that is safe.

use std::time::{Duration, Instant};

use reqwest::StatusCode;
use reqwest::header::{ACCEPT, AUTHORIZATION, HeaderMap};
use serde_json::Value;

use crate::body::unexpected;
use crate::error::is_transient_status;
use crate::error_body::error_for;
use crate::manners::{Manners, Outcome, RateLimitHeaders, ResponseFacts};
use crate::redaction::{excerpt, redact};
use crate::request::Call;
use crate::retry::retry_after;
use crate::{Auth, JiraClient, JiraError};

/// The largest body that is read. A full search page is some megabytes; anything near this is a fault.
const MAX_BODY_BYTES: u64 = 64 * 1024 * 1024;

/// A failed try.
struct Failure {
    error: JiraError,
    /// Whether Jira may have carried the request out.
    maybe_done: bool,
}

impl Failure {
    fn not_done(error: JiraError) -> Self {
        Self { error, maybe_done: false }
    }

    fn maybe_done(error: JiraError) -> Self {
        Self { error, maybe_done: true }
    }
}

/// An answer whose body has been read.
struct Answer {
    status: StatusCode,
    headers: HeaderMap,
    body: Vec<u8>,
}

impl JiraClient {
    /// Sends a request whose answer must be JSON.
    pub(crate) async fn json(&self, call: Call) -> Result<Value, JiraError> {
        let operation = call.kind.operation;
        let is_write = call.is_write();
        match self.json_or_empty(call).await? {
            Some(value) => Ok(value),
            None if is_write => Err(JiraError::Indeterminate {
                operation,
                cause: "success without the promised body".to_owned(),
            }),
            None => Err(unexpected(format!("{operation}: empty body"), &Value::Null)),
        }
    }

    /// Sends a request whose answer is JSON or nothing, repeating it where that is safe.
    pub(crate) async fn json_or_empty(&self, call: Call) -> Result<Option<Value>, JiraError> {
        let mut attempt = 1;
        loop {
            let failure = match self.attempt(&call, attempt).await {
                Ok(value) => return Ok(value),
                Err(failure) => failure,
            };
            // A 429 promises that nothing was done; after anything else a second write could do it twice.
            let may_repeat = match call.is_write() {
                true => matches!(failure.error, JiraError::RateLimited { .. }),
                false => failure.error.is_retryable(),
            };
            let wait = self.retry_policy().wait_after(attempt, failure.error.retry_after());
            match wait.filter(|_| may_repeat) {
                Some(wait) => tokio::time::sleep(wait).await,
                None => return Err(final_error(&call, failure)),
            }
            attempt += 1;
        }
    }

    async fn attempt(&self, call: &Call, attempt: u32) -> Result<Option<Value>, Failure> {
        let authorization = self.auth().header().map_err(Failure::not_done)?;
        self.manners().before_request(call.kind.clone()).await;
        let mut report = Report::start(self.manners(), call, attempt);
        let mut request = self
            .http()
            .request(call.method.clone(), call.url.clone())
            .header(ACCEPT, "application/json")
            // Data Center suspects writes of being forged by a web page unless they say this.
            .header("X-Atlassian-Token", "no-check");
        if let Some(authorization) = authorization {
            request = request.header(AUTHORIZATION, authorization);
        }
        if let Some(body) = &call.body {
            request = request.json(body);
        }
        let result = match request.send().await {
            Ok(response) => {
                report.saw_head(response.status(), response.headers());
                self.judge(response, call, &mut report).await
            }
            Err(error) => Err(transport_failure(error)),
        };
        report.finish(result.as_ref().err().map(|failure| &failure.error));
        result
    }

    /// Reads the body and decides what the answer means.
    async fn judge(
        &self,
        response: reqwest::Response,
        call: &Call,
        report: &mut Report<'_>,
    ) -> Result<Option<Value>, Failure> {
        let answer = read(response, report).await?;
        if !is_transient(answer.status)
            && let Some(reason) = anonymous_reason(&answer.headers, self.auth())
        {
            let error = JiraError::Unauthenticated { messages: vec![reason] };
            let maybe_done = answer.status.is_success();
            return Err(Failure { error, maybe_done });
        }
        if answer.status == StatusCode::NO_CONTENT {
            return Ok(None);
        }
        if !answer.status.is_success() {
            let text = redact(&String::from_utf8_lossy(&answer.body), &self.auth().secrets());
            let reason = report.facts.rate_limit.reason.clone();
            let error = error_for(answer.status, &text, report.facts.retry_after, reason);
            return Err(Failure { error, maybe_done: is_transient_status(answer.status.as_u16()) });
        }
        if answer.body.trim_ascii().is_empty() && call.is_write() {
            return Ok(None);
        }
        serde_json::from_slice(&answer.body).map(Some).map_err(|error| {
            let text = redact(&String::from_utf8_lossy(&answer.body), &self.auth().secrets());
            let (line, column) = (error.line(), error.column());
            let what = format!("{}: not JSON at line {line} column {column}", call.kind.operation);
            Failure::maybe_done(JiraError::InvalidBody { what, excerpt: excerpt(&text) })
        })
    }
}

/// What the caller is told after the last try.
fn final_error(call: &Call, failure: Failure) -> JiraError {
    if call.is_write() && failure.maybe_done {
        JiraError::Indeterminate { operation: call.kind.operation, cause: failure.error.to_string() }
    } else {
        failure.error
    }
}

async fn read(mut response: reqwest::Response, report: &mut Report<'_>) -> Result<Answer, Failure> {
    let mut body = Vec::new();
    while let Some(chunk) = response.chunk().await.map_err(transport_failure)? {
        body.extend_from_slice(&chunk);
        report.facts.bytes = body.len() as u64;
        if report.facts.bytes > MAX_BODY_BYTES {
            return Err(Failure::maybe_done(JiraError::TooLarge { limit: MAX_BODY_BYTES }));
        }
    }
    Ok(Answer { status: response.status(), headers: std::mem::take(response.headers_mut()), body })
}

fn is_transient(status: StatusCode) -> bool {
    status == StatusCode::TOO_MANY_REQUESTS || is_transient_status(status.as_u16())
}

/// Whether Jira treated a caller with credentials as an anonymous one (jira-facts 5.4).
fn anonymous_reason(headers: &HeaderMap, auth: &Auth) -> Option<String> {
    const HEADER: &str = "X-Seraph-LoginReason";
    if matches!(auth, Auth::None) {
        return None;
    }
    let says = |reason: &str| {
        headers.get_all(HEADER).iter().any(|value| value.to_str().is_ok_and(|value| value.contains(reason)))
    };
    if says("AUTHENTICATION_DENIED") {
        // Too many failed log-ins: Jira wants a CAPTCHA solved in a browser first.
        Some(format!("{HEADER}: AUTHENTICATION_DENIED (log in with a browser to solve the CAPTCHA)"))
    } else {
        says("AUTHENTICATED_FAILED").then(|| format!("{HEADER}: AUTHENTICATED_FAILED"))
    }
}

fn transport_failure(error: reqwest::Error) -> Failure {
    let never_sent = error.is_connect() || error.is_builder();
    let jira_error = if error.is_timeout() {
        JiraError::Timeout
    } else {
        JiraError::Transport { message: with_causes(&error.without_url()) }
    };
    Failure { error: jira_error, maybe_done: !never_sent }
}

fn with_causes(error: &dyn std::error::Error) -> String {
    let causes = std::iter::successors(Some(error), |error| error.source());
    let text: Vec<String> = causes.map(ToString::to_string).collect();
    excerpt(&text.join(": "))
}

/// Tells the manners about one request, exactly once, even if the operation is dropped before its end.
struct Report<'a> {
    manners: &'a dyn Manners,
    call: &'a Call,
    started: Instant,
    facts: ResponseFacts,
}

impl<'a> Report<'a> {
    fn start(manners: &'a dyn Manners, call: &'a Call, attempt: u32) -> Self {
        let facts = ResponseFacts {
            request: call.kind.clone(),
            attempt,
            outcome: Outcome::Abandoned,
            status: None,
            retry_after: None,
            rate_limit: RateLimitHeaders::default(),
            duration: Duration::ZERO,
            bytes: 0,
        };
        Self { manners, call, started: Instant::now(), facts }
    }

    fn saw_head(&mut self, status: StatusCode, headers: &HeaderMap) {
        self.facts.status = Some(status.as_u16());
        self.facts.rate_limit = RateLimitHeaders::read(headers);
        self.facts.retry_after = retry_after(headers, &self.facts.rate_limit);
    }

    /// Ends the report; dropping it sends it.
    fn finish(mut self, error: Option<&JiraError>) {
        self.facts.outcome = match error {
            Some(JiraError::Timeout) => Outcome::TimedOut,
            Some(JiraError::Transport { .. }) => Outcome::NotConnected,
            Some(JiraError::InvalidBody { .. } | JiraError::TooLarge { .. }) => Outcome::BodyUnusable,
            _ => Outcome::Answered,
        };
    }
}

impl Drop for Report<'_> {
    fn drop(&mut self) {
        self.facts.duration = self.started.elapsed();
        tracing::debug!(
            method = %self.call.method,
            path = self.call.url.path(),
            status = self.facts.status,
            attempt = self.facts.attempt,
            outcome = ?self.facts.outcome,
            duration_ms = self.facts.duration.as_millis() as u64,
            bytes = self.facts.bytes,
            "request to Jira"
        );
        self.manners.after_response(&self.facts);
    }
}
