//! Sending one request: manners before and after, judging the answer, and trying again where that is safe.

use std::time::{Duration, Instant};

use reqwest::StatusCode;
use reqwest::header::{ACCEPT, AUTHORIZATION, HeaderMap};
use secrecy::SecretString;
use serde_json::Value;

use crate::auth::Signature;
use crate::body::{Body, unexpected};
use crate::error::is_transient_status;
use crate::error_body::error_for;
use crate::foreign::{is_login_page, is_page, is_redirect_to_login};
use crate::manners::{Manners, Outcome, RateLimitHeaders, ResponseFacts};
use crate::redaction::{excerpt, redact};
use crate::request::{Call, MAX_BODY_BYTES};
use crate::retry::{retry_after, site_time};
use crate::{Auth, Hold, JiraClient, JiraError};

/// A failed try.
struct Failure {
    error: JiraError,
    /// Whether Jira may have carried the request out.
    maybe_done: bool,
    /// The token that was refused, where another can be had.
    renewable: Option<SecretString>,
}

impl Failure {
    fn not_done(error: JiraError) -> Self {
        Self { error, maybe_done: false, renewable: None }
    }

    fn maybe_done(error: JiraError) -> Self {
        Self { error, maybe_done: true, renewable: None }
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
    pub(crate) async fn json<T: Body>(&self, call: Call) -> Result<T, JiraError> {
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
    pub(crate) async fn json_or_empty<T: Body>(&self, call: Call) -> Result<Option<T>, JiraError> {
        let mut attempt = 1;
        let mut refused = None;
        loop {
            let failure = match self.attempt(&call, attempt, refused.as_ref()).await {
                Ok(value) => return Ok(value),
                Err(failure) => failure,
            };
            if refused.is_none() && failure.renewable.is_some() {
                // A 401 did nothing. The token may have ended a moment ago, or another process renewed it.
                refused = failure.renewable;
                attempt += 1;
                continue;
            }
            // Whoever held it back has decided already; a 429 promises that nothing was done; after anything else a second write could do it twice.
            let may_repeat = match (&failure.error, call.is_write()) {
                (JiraError::Held { .. }, _) => false,
                (error, true) => matches!(error, JiraError::RateLimited { .. }),
                (error, false) => error.is_retryable(),
            };
            let wait = self.retry_policy().wait_after(attempt, failure.error.retry_after());
            match wait.filter(|_| may_repeat) {
                Some(wait) => tokio::time::sleep(wait).await,
                None => return Err(final_error(&call, failure)),
            }
            attempt += 1;
        }
    }

    async fn attempt<T: Body>(
        &self,
        call: &Call,
        attempt: u32,
        refused: Option<&SecretString>,
    ) -> Result<Option<T>, Failure> {
        let signature = self.auth().sign(refused).await.map_err(Failure::not_done)?;
        if let Err(Hold { wait, reason }) = self.manners().before_request(&call.kind).await {
            return Err(Failure::not_done(JiraError::Held { wait, reason }));
        }
        let mut report = Report::start(self.manners(), call, attempt);
        let mut request = self
            .http()
            .request(call.method.clone(), call.url.clone())
            .header(ACCEPT, "application/json")
            // Data Center suspects writes of being forged by a web page unless they say this.
            .header("X-Atlassian-Token", "no-check");
        if let Some(authorization) = &signature.header {
            request = request.header(AUTHORIZATION, authorization);
        }
        if call.experimental {
            request = request.header("X-ExperimentalApi", "opt-in");
        }
        if let Some(body) = &call.body {
            request = request.json(body);
        }
        let result = match request.send().await {
            Ok(response) => {
                report.saw_head(response.status(), response.headers());
                self.judge(response, call, &signature, &mut report).await
            }
            Err(error) => Err(transport_failure(error)),
        };
        report.finish(result.as_ref().err().map(|failure| &failure.error));
        result.map_err(|failure| match failure.error {
            JiraError::Unauthenticated { .. } => Failure { renewable: signature.renewable, ..failure },
            _ => failure,
        })
    }

    /// Reads the body and decides what the answer means.
    async fn judge<T: Body>(
        &self,
        response: reqwest::Response,
        call: &Call,
        signature: &Signature,
        report: &mut Report<'_>,
    ) -> Result<Option<T>, Failure> {
        let answer = read(response, call.most_bytes, report).await?;
        if !is_transient(answer.status)
            && let Some(reason) = anonymous_reason(&answer.headers, self.auth())
        {
            let error = JiraError::Unauthenticated { messages: vec![reason] };
            return Err(Failure { maybe_done: answer.status.is_success(), ..Failure::not_done(error) });
        }
        if answer.status == StatusCode::NO_CONTENT {
            return Ok(None);
        }
        if !answer.status.is_success() {
            return Err(refusal(&answer, signature, report));
        }
        if answer.body.trim_ascii().is_empty() && call.is_write() {
            return Ok(None);
        }
        match serde_json::from_slice::<T>(&answer.body) {
            Ok(body) => {
                report.facts.objects = body.objects();
                Ok(Some(body))
            }
            Err(error) => Err(Failure::maybe_done(unreadable(call, &answer, signature, &error))),
        }
    }
}

/// What an unsuccessful status means.
fn refusal(answer: &Answer, signature: &Signature, report: &Report<'_>) -> Failure {
    if is_redirect_to_login(answer.status, &answer.headers) {
        return Failure::not_done(JiraError::LoginPage);
    }
    let text = redact(&String::from_utf8_lossy(&answer.body), &signature.secrets);
    let status = answer.status.as_u16();
    // What Jira itself answers with these is JSON; a page comes from what stands before it, and has not asked Jira.
    if matches!(status, 400 | 404 | 405 | 409 | 410) && is_page(&answer.headers, &answer.body) {
        return Failure::not_done(JiraError::ForeignPage { status, excerpt: excerpt(&text) });
    }
    let reason = report.facts.rate_limit.reason.clone();
    let error = error_for(answer.status, &text, report.facts.retry_after, reason);
    Failure { maybe_done: is_transient_status(status), ..Failure::not_done(error) }
}

/// What a body is that should be JSON and is not.
fn unreadable(call: &Call, answer: &Answer, signature: &Signature, error: &serde_json::Error) -> JiraError {
    let text = redact(&String::from_utf8_lossy(&answer.body), &signature.secrets);
    if is_page(&answer.headers, &answer.body) {
        return match is_login_page(&answer.body) {
            true => JiraError::LoginPage,
            false => JiraError::ForeignPage { status: answer.status.as_u16(), excerpt: excerpt(&text) },
        };
    }
    if error.is_eof() {
        return JiraError::CutBody { received: answer.body.len() as u64 };
    }
    // Where, and not what: the error itself may quote the body.
    let (line, column) = (error.line(), error.column());
    let what = format!("{}: line {line} column {column}", call.kind.operation);
    JiraError::NotJson { what, excerpt: excerpt(&text) }
}

/// What the caller is told after the last try.
fn final_error(call: &Call, failure: Failure) -> JiraError {
    if call.is_write() && failure.maybe_done {
        JiraError::Indeterminate { operation: call.kind.operation, cause: failure.error.to_string() }
    } else {
        failure.error
    }
}

async fn read(
    mut response: reqwest::Response,
    most_bytes: u64,
    report: &mut Report<'_>,
) -> Result<Answer, Failure> {
    let mut body = Vec::new();
    while let Some(chunk) = response.chunk().await.map_err(|error| broken_off(error, report.facts.bytes))? {
        report.facts.bytes += chunk.len() as u64;
        if report.facts.bytes > most_bytes {
            return Err(Failure::maybe_done(JiraError::TooLarge { limit: most_bytes }));
        }
        body.extend_from_slice(&chunk);
    }
    Ok(Answer { status: response.status(), headers: std::mem::take(response.headers_mut()), body })
}

fn is_transient(status: StatusCode) -> bool {
    status == StatusCode::TOO_MANY_REQUESTS || is_transient_status(status.as_u16())
}

/// Whether Jira treated a caller with credentials as an anonymous one (jira-facts 5.4).
fn anonymous_reason(headers: &HeaderMap, auth: &Auth) -> Option<String> {
    const HEADER: &str = "X-Seraph-LoginReason";
    /// Server and Data Center name the user of each answer.
    const USER: &str = "X-AUSERNAME";
    if matches!(auth, Auth::None) {
        return None;
    }
    let says = |reason: &str| {
        headers.get_all(HEADER).iter().any(|value| value.to_str().is_ok_and(|value| value.contains(reason)))
    };
    if says("AUTHENTICATION_DENIED") {
        // Too many failed log-ins: Jira wants a CAPTCHA solved in a browser first.
        Some(format!("{HEADER}: AUTHENTICATION_DENIED (log in with a browser to solve the CAPTCHA)"))
    } else if says("AUTHENTICATED_FAILED") {
        Some(format!("{HEADER}: AUTHENTICATED_FAILED"))
    } else {
        let anonymous = headers.get(USER).is_some_and(|user| user.as_bytes() == b"anonymous");
        anonymous.then(|| format!("{USER}: anonymous"))
    }
}

fn transport_failure(error: reqwest::Error) -> Failure {
    let never_sent = error.is_connect() || error.is_builder();
    let jira_error = if error.is_timeout() {
        JiraError::Timeout
    } else {
        JiraError::Transport { message: with_causes(&error.without_url()) }
    };
    Failure { maybe_done: !never_sent, ..Failure::not_done(jira_error) }
}

/// A body that does not come to its end: the time passed, or the connection broke.
fn broken_off(error: reqwest::Error, received: u64) -> Failure {
    if error.is_timeout() {
        return transport_failure(error);
    }
    Failure::maybe_done(JiraError::CutBody { received })
}

/// What the HTTP client's layers call a failure of the one below.
const LAYERS: [&str; 3] = ["error sending request", "client error (Connect)", "dns error"];

fn with_causes(error: &dyn std::error::Error) -> String {
    let causes = std::iter::successors(Some(error), |error| error.source());
    let mut text: Vec<String> = causes.map(ToString::to_string).collect();
    if text.len() > 1 {
        // Layers that name nothing but themselves; what is below them says what happened.
        text.retain(|cause| !LAYERS.contains(&cause.as_str()));
    }
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
            site_time: None,
            duration: Duration::ZERO,
            bytes: 0,
            objects: 0,
        };
        Self { manners, call, started: Instant::now(), facts }
    }

    fn saw_head(&mut self, status: StatusCode, headers: &HeaderMap) {
        self.facts.status = Some(status.as_u16());
        self.facts.rate_limit = RateLimitHeaders::read(headers);
        self.facts.retry_after = retry_after(headers, &self.facts.rate_limit);
        self.facts.site_time = site_time(headers);
    }

    /// Ends the report; dropping it sends it.
    fn finish(mut self, error: Option<&JiraError>) {
        self.facts.outcome = match error {
            Some(JiraError::Timeout) => Outcome::TimedOut,
            Some(JiraError::Transport { .. }) => Outcome::NotConnected,
            Some(JiraError::InvalidBody { .. } | JiraError::NotJson { .. } | JiraError::CutBody { .. }) => {
                Outcome::BodyUnusable
            }
            // That somebody wanted less is nothing that the site did wrong.
            Some(JiraError::TooLarge { limit }) if *limit >= MAX_BODY_BYTES => Outcome::BodyUnusable,
            Some(JiraError::ForeignPage { .. } | JiraError::LoginPage) => Outcome::Foreign,
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
