//! Requests that are changed on their way in: a shorter page, or one that begins elsewhere. The handler answers what was
//! really asked of it, so that tokens and totals fit the page.

use application::sandbox::faults::{Asked, Endpoint, Fault, Met, pages};
use axum::{
    body::Bytes,
    http::{Uri, request::Parts, uri::PathAndQuery},
};
use serde_json::{Map, Value};
use url::form_urlencoded;

/// Whether a request is for a list that has pages.
fn is_list(asked: &Asked<'_>) -> bool {
    match (asked.endpoint(), asked.method) {
        (Endpoint::Search, "GET" | "POST") | (Endpoint::Changelog, "GET" | "POST") => true,
        (Endpoint::Comments | Endpoint::Worklogs | Endpoint::Agile, "GET") => true,
        (Endpoint::Projects | Endpoint::Rosters, "GET") => asked.path.ends_with("/search"),
        _ => false,
    }
}

/// The members of a request, in its query string or its body.
pub(super) struct Question {
    query: Vec<(String, String)>,
    body: Option<Map<String, Value>>,
}

impl Question {
    /// Reads a request.
    pub(super) fn of(parts: &Parts, body: &Bytes) -> Self {
        let query = parts.uri.query().unwrap_or_default();
        let body = match serde_json::from_slice(body) {
            Ok(Value::Object(members)) => Some(members),
            _ => None,
        };
        Self { query: form_urlencoded::parse(query.as_bytes()).into_owned().collect(), body }
    }

    /// A member as text.
    pub(super) fn text(&self, name: &str) -> Option<String> {
        if let Some(body) = &self.body {
            return match body.get(name)? {
                Value::String(text) => Some(text.clone()),
                Value::Number(number) => Some(number.to_string()),
                _ => None,
            };
        }
        self.query.iter().find(|(known, _)| known == name).map(|(_, value)| value.clone())
    }

    fn number(&self, name: &str) -> Option<u64> {
        self.text(name)?.trim().parse().ok()
    }

    fn set(&mut self, name: &str, value: u64) {
        match &mut self.body {
            Some(body) => {
                body.insert(name.to_owned(), Value::from(value));
            }
            None => {
                self.query.retain(|(known, _)| known != name);
                self.query.push((name.to_owned(), value.to_string()));
            }
        }
    }

    /// Changes the page that is asked for; `None` when the fault has nothing to change here.
    pub(super) fn turn(&mut self, met: &Met<'_>, asked: &Asked<'_>) -> Option<()> {
        if !is_list(asked) {
            return None;
        }
        match met.fault {
            Fault::ShortPage { at_most } => {
                // Who asks for nothing counts, and who asks for less gets it.
                if self.number("maxResults").is_some_and(|size| size <= u64::from(*at_most)) {
                    return None;
                }
                self.set("maxResults", u64::from(*at_most));
            }
            Fault::ShiftedPage { by } => {
                let start = self.number("startAt").filter(|start| *start > 0)?;
                let shifted = pages::shifted_start(start, *by, met.draw);
                self.set("startAt", shifted);
            }
            _ => return None,
        }
        Some(())
    }

    /// Puts the members back into a request.
    pub(super) fn write(self, parts: &mut Parts, body: &mut Bytes) {
        if let Some(members) = self.body {
            *body = Bytes::from(Value::Object(members).to_string());
            parts.headers.remove(axum::http::header::CONTENT_LENGTH);
            return;
        }
        let query = form_urlencoded::Serializer::new(String::new()).extend_pairs(self.query).finish();
        let mut uri = parts.uri.clone().into_parts();
        uri.path_and_query = format!("{}?{query}", parts.uri.path()).parse::<PathAndQuery>().ok();
        if let Ok(uri) = Uri::from_parts(uri) {
            parts.uri = uri;
        }
    }
}
