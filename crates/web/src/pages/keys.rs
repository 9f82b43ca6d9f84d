//! `/keys`: the tenant's keys, making one, and revoking one.

use application::{
    Error, Scope,
    keys::{self, ApiKey, KeySpec, KeyState, PolicyText},
};
use askama::Template;
use axum::{
    extract::{Path, RawForm, State},
    http::StatusCode,
    response::Response,
};
use chrono::{DateTime, TimeDelta, Utc};
use domain::ids::KeyId;
use secrecy::{ExposeSecret, SecretString};
use url::form_urlencoded;

use super::{
    fault,
    shell::{self, Section, Shell, see_other},
    visitor::Visitor,
    wording::Moment,
};
use crate::{rest::problem, state::WebState};

/// A key made here ends by itself after at most so many days.
const MOST_DAYS: i64 = 3_650;

/// `GET /keys`
pub(super) async fn show(State(state): State<WebState>, visitor: Visitor) -> Response {
    let page = view(&state, &visitor, Outcome::None).await;
    visitor.page(Section::Keys, page)
}

/// `POST /keys`: makes a key and shows it, once.
pub(super) async fn create(
    State(state): State<WebState>,
    visitor: Visitor,
    RawForm(sent): RawForm,
) -> Response {
    let made = match spec(&sent, state.services.clock.now()) {
        Ok(spec) => keys::create_key(&state.services, &visitor.caller, spec).await,
        Err(error) => Err(error),
    };
    let (status, outcome) = match made {
        Ok((key, secret)) => (StatusCode::CREATED, Outcome::Made(key.name, secret)),
        Err(Error::Invalid(problems)) => {
            let told: Vec<_> =
                problems.iter().map(|problem| format!("{}: {}", problem.field, problem.message)).collect();
            (StatusCode::BAD_REQUEST, Outcome::Refused(fault::sentence(&told.join("; "))))
        }
        Err(error) => {
            problem::log(&error);
            return visitor.answer(Section::Keys, Err(error));
        }
    };
    let page = view(&state, &visitor, outcome).await;
    visitor.answer(Section::Keys, page.map(|page| shell::answer(status, &page)))
}

/// `POST /keys/{id}/revoke`
pub(super) async fn revoke(
    State(state): State<WebState>,
    visitor: Visitor,
    Path(id): Path<String>,
) -> Response {
    let revoked = async {
        let id: KeyId = id.parse().map_err(|_| Error::not_found("key", id.clone()))?;
        keys::revoke_key(&state.services, &visitor.caller, id).await
    };
    let answer = revoked.await.map(|_| see_other("/keys"));
    visitor.answer(Section::Keys, answer)
}

/// Scopes come as several values of one name.
fn spec(sent: &[u8], now: DateTime<Utc>) -> Result<KeySpec, Error> {
    let mut spec = KeySpec::default();
    for (name, value) in form_urlencoded::parse(sent) {
        match name.as_ref() {
            "name" => value.trim().clone_into(&mut spec.name),
            "scope" => spec.scopes.push(value.parse()?),
            "days" if !value.trim().is_empty() => {
                let days = value.trim().parse().ok().filter(|days| (1..=MOST_DAYS).contains(days));
                let days = days.ok_or_else(|| {
                    Error::invalid("ends after", format!("must be 1 to {MOST_DAYS} days, or empty for never"))
                })?;
                spec.expires_at = Some(now + TimeDelta::days(days));
            }
            _ => {}
        }
    }
    Ok(spec)
}

async fn view(state: &WebState, visitor: &Visitor, outcome: Outcome) -> Result<KeysPage, Error> {
    let keys = keys::list_keys(&state.services, &visitor.caller).await?;
    let scopes = Scope::ALL.into_iter().filter(|scope| visitor.caller.has(*scope)).collect();
    let shell = visitor.shell(Section::Keys, "Keys");
    Ok(KeysPage::new(shell, keys, scopes, outcome, state.services.clock.now()))
}

/// What was just done.
pub(super) enum Outcome {
    /// Nothing.
    None,
    /// A key of this name was made: its text is shown here and never again.
    Made(String, SecretString),
    /// No key was made.
    Refused(String),
}

/// The page.
#[derive(Template)]
#[template(path = "keys.html")]
pub(super) struct KeysPage {
    shell: Shell,
    rows: Vec<Row>,
    /// What may be given away.
    scopes: Vec<&'static str>,
    made: Option<(String, SecretString)>,
    refused: Option<String>,
}

struct Row {
    id: String,
    name: String,
    key: String,
    scopes: String,
    limits: String,
    state: &'static str,
    tone: &'static str,
    expires: Option<Moment>,
    used: Option<Moment>,
    may_revoke: bool,
}

impl KeysPage {
    pub(super) fn new(
        shell: Shell,
        keys: Vec<ApiKey>,
        scopes: Vec<Scope>,
        outcome: Outcome,
        now: DateTime<Utc>,
    ) -> Self {
        let (made, refused) = match outcome {
            Outcome::None => (None, None),
            Outcome::Made(name, secret) => (Some((name, secret)), None),
            Outcome::Refused(message) => (None, Some(message)),
        };
        Self {
            shell,
            rows: keys.into_iter().map(|key| row(key, now)).collect(),
            scopes: scopes.into_iter().map(Scope::as_str).collect(),
            made,
            refused,
        }
    }
}

fn row(key: ApiKey, now: DateTime<Utc>) -> Row {
    let state = key.state(now);
    Row {
        id: key.id.to_string(),
        key: format!("fb_{}_…", key.prefix),
        scopes: key.scopes.iter().map(|scope| scope.as_str()).collect::<Vec<_>>().join(", "),
        limits: limits(key.policy.into()),
        state: state.as_str(),
        tone: match state {
            KeyState::Active => "good",
            KeyState::Expired => "waiting",
            KeyState::Revoked => "neutral",
        },
        expires: key.expires_at.map(|at| Moment::of(at, now)),
        used: key.last_used_at.map(|at| Moment::of(at, now)),
        may_revoke: state != KeyState::Revoked,
        name: key.name,
    }
}

fn limits(policy: PolicyText) -> String {
    let PolicyText { projects, actions, tools, rate } = policy;
    let lists = [("projects", projects), ("actions", actions), ("tools", tools)];
    let mut parts: Vec<String> = lists
        .into_iter()
        .filter(|(_, names)| !names.is_empty())
        .map(|(what, names)| format!("{what}: {}", names.join(", ")))
        .collect();
    parts.extend(rate.map(|rate| format!("{rate} requests a minute")));
    parts.join("; ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_form_says_what_the_key_may_do_and_when_it_ends() {
        let now = DateTime::UNIX_EPOCH;
        let read = spec(b"name=+ci+&scope=read&scope=write&days=2", now).unwrap();
        assert_eq!((read.name.as_str(), read.scopes), ("ci", vec![Scope::Read, Scope::Write]));
        assert_eq!(read.expires_at, Some(now + TimeDelta::days(2)));
        assert_eq!(spec(b"name=x&scope=read&days=", now).unwrap().expires_at, None);
        for wrong in [&b"scope=fly"[..], b"days=0", b"days=soon"] {
            assert!(spec(wrong, now).is_err(), "{wrong:?}");
        }
    }
}
