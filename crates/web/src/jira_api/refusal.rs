//! What a request is refused with, in Jira's own form (jira-facts 10.1, 10.2).

use application::{Error, FieldProblem};
use axum::{
    http::{HeaderValue, Method, StatusCode, header},
    response::{IntoResponse, Response},
};
use serde_json::{Map, Value, json};

use super::answer;
use crate::{idempotency::OutcomeUnknown, rest::problem};

/// An answer other than success. The one conversion of [`application::Error`] for this door.
#[derive(Debug)]
pub(crate) struct Refusal {
    status: StatusCode,
    form: Form,
    /// Seconds, for `Retry-After`.
    retry_after: Option<u64>,
    /// Whether it is not known what came of a write.
    outcome_unknown: bool,
    /// The methods that there are, for `Allow`; empty where that is not what the refusal is about.
    allow: String,
}

/// Put into the extensions of refusals: what is said, for an API that says it in a form of its own.
#[derive(Clone, Debug)]
pub(super) struct Said(pub(super) String);

/// Jira has more than one form of error body; which one is used depends on who in Jira refuses.
#[derive(Debug)]
enum Form {
    /// `{errorMessages, errors}`: the API's own.
    Collection { messages: Vec<String>, errors: Map<String, Value> },
    /// `{errorMessages}` alone: the reader of request bodies.
    Messages(String),
    /// `application/problem+json`: the web framework, before the API is reached.
    Problem { title: &'static str, detail: String, instance: Option<String> },
}

impl Refusal {
    fn new(status: StatusCode, form: Form) -> Self {
        Self { status, form, retry_after: None, outcome_unknown: false, allow: String::new() }
    }

    /// One sentence for the whole request.
    pub(crate) fn message(status: StatusCode, message: impl Into<String>) -> Self {
        Self::new(status, Form::Collection { messages: vec![message.into()], errors: Map::new() })
    }

    /// A 400 for the whole request.
    pub(super) fn bad_request(message: impl Into<String>) -> Self {
        Self::message(StatusCode::BAD_REQUEST, message)
    }

    /// A 400 for one field.
    pub(super) fn field(name: &str, message: impl Into<String>) -> Self {
        let errors = Map::from_iter([(name.to_owned(), Value::String(message.into()))]);
        Self::new(StatusCode::BAD_REQUEST, Form::Collection { messages: Vec::new(), errors })
    }

    fn invalid(status: StatusCode, problems: &[FieldProblem]) -> Self {
        let mut messages = Vec::new();
        let mut errors = Map::new();
        for problem in problems {
            match of_the_request(problem) {
                Some(message) => messages.push(message),
                None => {
                    errors.insert(problem.field.clone(), Value::String(problem.message.clone()));
                }
            }
        }
        Self::new(status, Form::Collection { messages, errors })
    }

    /// A body that is JSON, but not what the operation takes.
    pub(super) fn invalid_payload() -> Self {
        let text = "Invalid request payload. Refer to the REST API documentation and try again.";
        Self::new(StatusCode::BAD_REQUEST, Form::Messages(text.into()))
    }

    /// A body that cannot be read as JSON at all.
    pub(super) fn unreadable_body(message: &str) -> Self {
        Self::new(StatusCode::BAD_REQUEST, Form::Messages(message.into()))
    }

    /// A query parameter of another type.
    pub(super) fn unconvertible(name: &str, value: &str) -> Self {
        let detail = format!("Failed to convert '{name}' with value: '{value}'");
        Self::problem(StatusCode::BAD_REQUEST, "Bad Request", detail, None)
    }

    /// A body that is not declared as JSON.
    pub(super) fn media_type(content_type: &str) -> Self {
        let detail = format!("Content-Type '{content_type}' is not supported.");
        Self::problem(StatusCode::UNSUPPORTED_MEDIA_TYPE, "Unsupported Media Type", detail, None)
    }

    /// An operation of Jira's that Forebay does not have; `path` is as the site would have it.
    pub(super) fn not_served(method: &Method, path: &str, operation: &str) -> Self {
        let message = format!("{method} {path} ({operation}) is not served by Forebay yet");
        Self::message(StatusCode::NOT_IMPLEMENTED, message)
    }

    /// A path that Jira has, with another method.
    pub(super) fn method_not_allowed<'a>(
        method: &Method,
        path: &str,
        methods: impl IntoIterator<Item = &'a str>,
    ) -> Self {
        let detail = format!("Method '{method}' is not supported.");
        let status = StatusCode::METHOD_NOT_ALLOWED;
        let mut refusal = Self::problem(status, "Method Not Allowed", detail, Some(path));
        refusal.allow = methods.into_iter().collect::<Vec<_>>().join(", ");
        refusal
    }

    /// A path that Jira does not have.
    pub(super) fn no_endpoint(method: &Method, path: &str) -> Self {
        let detail = format!("No endpoint {method} {path}.");
        Self::problem(StatusCode::NOT_FOUND, "Not Found", detail, Some(path))
    }

    fn problem(status: StatusCode, title: &'static str, detail: String, instance: Option<&str>) -> Self {
        Self::new(status, Form::Problem { title, detail, instance: instance.map(str::to_owned) })
    }
}

impl Refusal {
    pub(super) fn status(&self) -> StatusCode {
        self.status
    }

    /// Whether it says that something is wrong with what was sent: another request may be right.
    pub(super) fn is_about_the_request(&self) -> bool {
        self.status == StatusCode::BAD_REQUEST
    }

    /// In one text.
    fn said(&self) -> Said {
        let text = match &self.form {
            Form::Collection { messages, errors } => {
                let of_fields = errors
                    .iter()
                    .map(|(name, text)| format!("{name}: {}", text.as_str().unwrap_or_default()));
                messages.iter().cloned().chain(of_fields).collect::<Vec<_>>().join(" ")
            }
            Form::Messages(message) => message.clone(),
            Form::Problem { detail, .. } => detail.clone(),
        };
        Said(text)
    }

    /// Its `{errorMessages, errors}`.
    pub(super) fn collection(&self) -> Value {
        match &self.form {
            Form::Collection { messages, errors } => json!({ "errorMessages": messages, "errors": errors }),
            Form::Messages(message) => json!({ "errorMessages": [message], "errors": {} }),
            Form::Problem { detail, .. } => json!({ "errorMessages": [detail], "errors": {} }),
        }
    }
}

/// What is said of the whole request, since Jira has no field for it; `None` for a problem of a field.
fn of_the_request(problem: &FieldProblem) -> Option<String> {
    match problem.field.as_str() {
        "jql" => Some(format!("The JQL query {}.", problem.message)),
        "issue" => Some(problem.message.clone()),
        "cursor" => Some("The nextPageToken is not valid; take it from the page before.".into()),
        _ => None,
    }
}

/// What Jira says of a thing that is not there.
fn words(what: &str) -> Option<&'static str> {
    Some(match what {
        "comment" => "Can not find a comment for the id: {}.",
        "worklog" => "Cannot find worklog with id: '{}'.",
        "issue link" => "No issue link with id '{}' exists.",
        "issue link type" => "No issue link type with name '{}' found.",
        "user" => "Specified user does not exist or you do not have required permissions",
        "status" => "The status with id or name '{}' does not exist.",
        "status category" => "The status category with id or key '{}' does not exist.",
        "priority" => "The priority with id '{}' does not exist",
        "resolution" => "The resolution with id '{}' does not exist",
        "issue type" => "The issue type with id '{}' does not exist",
        "version" => "Could not find version for id '{}'",
        "component" => "The component with id {} does not exist.",
        "board" => {
            "Requested board cannot be viewed because it either does not exist or you do not have permission to view it."
        }
        "sprint" => "The sprint with id '{}' does not exist, or you do not have permission to view it.",
        "epic" => "The requested epic '{}' either does not exist or you do not have permission to view it.",
        "vote on an issue you have reported" => "You cannot vote for an issue you have reported.",
        "vote on an issue that is resolved" => "You cannot vote on an issue that is resolved.",
        "issue property" => "The property with key '{}' does not exist.",
        "attachment" => "The attachment with id '{}' does not exist.",
        "project type" => "The project type with key '{}' does not exist.",
        "project category" => "The project category with id '{}' does not exist.",
        "group" => "The group named '{}' does not exist.",
        "role" => "Can not retrieve a role actor for a null project role.",
        "remote link" => "No remote link with id '{}' exists.",
        _ => return None,
    })
}

impl<E: Into<Error>> From<E> for Refusal {
    fn from(error: E) -> Self {
        let error = error.into();
        problem::log(&error);
        let status = problem::status_of(&error);
        match &error {
            Error::NotFound { what: "issue", .. } => {
                Self::message(status, "Issue does not exist or you do not have permission to see it.")
            }
            Error::NotFound { what: "project", id } => {
                Self::message(status, format!("No project could be found with key '{id}'."))
            }
            // Jira's own choice for filters (OpenAPI `getFilter`, `deleteFilter`, `setFavouriteForFilter`).
            Error::NotFound { what: "filter", .. } => Self::bad_request(
                "The selected filter is not available to you, perhaps it has been deleted or had its permissions changed.",
            ),
            Error::NotFound { what, id } if words(what).is_some() => {
                let text = words(what).unwrap_or_default();
                Self::message(status, text.replace("{}", id))
            }
            Error::Invalid(problems) => Self::invalid(status, problems),
            Error::Unauthenticated(_) => {
                Self::message(status, "Client must be authenticated to access this resource.")
            }
            Error::Indeterminate(_) => {
                Self { outcome_unknown: true, ..Self::message(status, error.to_string()) }
            }
            _ => Self {
                retry_after: error.retry_after().map(|wait| wait.as_secs()),
                ..Self::message(status, error.to_string())
            },
        }
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        let status = self.status;
        let said = self.said();
        let body = match self.form {
            Form::Collection { messages, errors } => json!({ "errorMessages": messages, "errors": errors }),
            Form::Messages(message) => json!({ "errorMessages": [message] }),
            Form::Problem { title, detail, instance } => {
                let mut body = json!({
                    "type": "about:blank", "title": title, "status": status.as_u16(), "detail": detail,
                });
                if let Some(instance) = instance {
                    body["instance"] = Value::String(instance);
                }
                let mut response = answer::json_as("application/problem+json", status, &body);
                if let Some(methods) = HeaderValue::from_str(&self.allow).ok().filter(|list| !list.is_empty())
                {
                    response.headers_mut().insert(header::ALLOW, methods);
                }
                response.extensions_mut().insert(said);
                return response;
            }
        };
        let mut response = answer::json(status, &body);
        response.extensions_mut().insert(said);
        if self.outcome_unknown {
            response.extensions_mut().insert(OutcomeUnknown);
        }
        let headers = response.headers_mut();
        if let Some(seconds) = self.retry_after {
            headers.insert(header::RETRY_AFTER, HeaderValue::from(seconds));
        }
        if status == StatusCode::UNAUTHORIZED {
            headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Basic realm=\"forebay\""));
        }
        response
    }
}
