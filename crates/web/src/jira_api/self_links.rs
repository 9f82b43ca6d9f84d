//! `self` links. A client takes the next step by the link that an answer holds: an edit is a `PUT` to the issue's `self`, a
//! resource's kind is read from it (jira-facts 11.2). So the links of an answer lead back to this door, whatever host the
//! source has and whichever version the copy was made in: `https://acme.atlassian.net/rest/api/3/issue/10001` is
//! `https://forebay.example/jira/acme/rest/api/2/issue/10001` to who asks version 2 here.
//!
//! Rewritten is what names a resource of the site's REST API. Addresses of pages, avatars, icons and files are not: they are
//! served by the site, and a browser that is signed in there can show them; under our host there is nothing. A link to any
//! other host stays as it came.
//!
//! A layer behind all handlers, so that none can forget it: one pass over the answer's text, with nothing read into values.

use std::borrow::Cow;

use application::instances::{Dialect, Instance};
use axum::{
    body::{Body, to_bytes},
    extract::{Request, State},
    http::{HeaderValue, header},
    middleware::Next,
    response::Response,
};

use super::{answer::Composed, faults::Known, site};
use crate::state::WebState;

/// Members that name a resource of the site's REST API: `jiraRest` is what service management calls an issue's `self`.
const MEMBERS: [&str; 2] = ["self", "jiraRest"];

/// Between a member's name and an address. Quotes inside of texts are escaped, so nobody can write this into one.
const TO_ADDRESS: &str = "\":\"http";

/// The layer.
pub(super) async fn lead_here(State(state): State<WebState>, request: Request, next: Next) -> Response {
    let Some(Known { instance, .. }) = request.extensions().get::<Known>() else {
        return next.run(request).await;
    };
    let ours = site::base_url(&state.services, &instance.name);
    let version = request.uri().path().split('/').nth(5).and_then(site::version);
    let links = Links::of(instance, ours, version);
    let response = next.run(request).await;
    if response.extensions().get::<Composed>().is_none() {
        return response;
    }
    let (mut head, body) = response.into_parts();
    // What was composed is in memory already, so there is nothing that could fail.
    let bytes = to_bytes(body, usize::MAX).await.unwrap_or_default();
    let body = match std::str::from_utf8(&bytes).map(|text| links.turn(text)) {
        Ok(Cow::Owned(turned)) => {
            head.headers.insert(header::CONTENT_LENGTH, HeaderValue::from(turned.len()));
            Body::from(turned)
        }
        _ => Body::from(bytes),
    };
    Response::from_parts(head, body)
}

/// How the links of an answer are turned.
struct Links {
    /// Under what the site writes its own, without a scheme: a site behind a proxy may not know its own.
    theirs: Vec<String>,
    ours: String,
    /// The version of the API that is asked; `None` for an API that has none in this sense.
    version: Option<Dialect>,
}

impl Links {
    fn of(instance: &Instance, ours: String, version: Option<Dialect>) -> Self {
        let mut theirs = vec![instance.base_url.clone()];
        // Through the gateway a site names itself by it (jira-facts 6.1), and in what was stored before by its own address.
        if instance.cloud_id.is_some() {
            theirs.push(instance.api_url());
        }
        let bare = |url: String| url.split_once("://").map_or(url.clone(), |(_, rest)| rest.to_owned());
        Self { theirs: theirs.into_iter().map(bare).collect(), ours, version }
    }

    /// The answer with its links turned.
    fn turn<'a>(&self, answer: &'a str) -> Cow<'a, str> {
        let mut turned = String::new();
        let mut copied = 0;
        for (at, _) in answer.match_indices(TO_ADDRESS) {
            if !names_a_link(&answer[..at]) {
                continue;
            }
            let start = at + 3;
            let Some((length, path)) = self.of_the_site(&answer[start..]) else { continue };
            turned.push_str(&answer[copied..start]);
            turned.push_str(&self.ours);
            turned.push_str("/rest/");
            copied = start + length + self.turn_version(path, &mut turned);
        }
        if copied == 0 {
            return Cow::Borrowed(answer);
        }
        turned.push_str(&answer[copied..]);
        Cow::Owned(turned)
    }

    /// How long the site's part of an address is, up to its API, and what follows; `None` for an address of another.
    fn of_the_site<'a>(&self, address: &'a str) -> Option<(usize, &'a str)> {
        let scheme = address.find("://")? + 3;
        self.theirs.iter().find_map(|base| {
            let (host, rest) = address[scheme..].split_at_checked(base.len())?;
            let path = rest.strip_prefix("/rest/").filter(|_| host.eq_ignore_ascii_case(base))?;
            Some((scheme + base.len() + "/rest/".len(), path))
        })
    }

    /// Writes the version that is asked in the place of the one that is linked; answers how much of the path it stands for.
    fn turn_version(&self, path: &str, turned: &mut String) -> usize {
        let linked = path.strip_prefix("api/").and_then(|rest| rest.split('/').next());
        let linked = linked.filter(|version| site::version(version).is_some());
        let (Some(linked), Some(asked)) = (linked, self.version) else { return 0 };
        turned.push_str("api/");
        turned.push_str(site::number(asked));
        "api/".len() + linked.len()
    }
}

/// Whether what stands before an address, up to the closing quote, is the name of a member that holds a link.
fn names_a_link(before: &str) -> bool {
    MEMBERS.iter().any(|member| {
        let name = before.strip_suffix(member).and_then(|rest| rest.strip_suffix('"'));
        // An escaped quote is part of a longer name.
        name.is_some_and(|rest| !rest.ends_with('\\'))
    })
}

#[cfg(test)]
mod tests {
    use application::instances::InstanceKind;
    use serde_json::{Value, json};

    use super::{super::tests::instance, *};

    const OURS: &str = "https://forebay.example/jira/acme";

    fn links(base_url: &str, cloud_id: Option<&str>, version: Option<Dialect>) -> Links {
        let instance = Instance {
            base_url: base_url.into(),
            cloud_id: cloud_id.map(str::to_owned),
            ..instance(InstanceKind::Cloud, Dialect::V3)
        };
        Links::of(&instance, OURS.into(), version)
    }

    fn turned(links: &Links, answer: &Value) -> Value {
        serde_json::from_str(&links.turn(&answer.to_string())).unwrap()
    }

    #[test]
    fn links_lead_to_the_door_in_the_version_that_is_asked_however_deep_they_are() {
        let links = links("https://acme.atlassian.net", None, Some(Dialect::V2));
        let answer = json!({
            "self": "https://acme.atlassian.net/rest/api/3/issue/1",
            "fields": {"parent": {"fields": {"status": {"self": "https://ACME.atlassian.net/rest/api/2/status/3"}}}},
            "histories": [{"author": {"self": "https://acme.atlassian.net/rest/api/3/user?accountId=5b%3A1"}}],
            "sprint": {"self": "https://acme.atlassian.net/rest/agile/1.0/sprint/1"},
            "_links": {"jiraRest": "https://acme.atlassian.net/rest/api/latest/issue/1"},
        });
        assert_eq!(
            turned(&links, &answer),
            json!({
                "self": "https://forebay.example/jira/acme/rest/api/2/issue/1",
                "fields": {"parent": {"fields": {"status": {"self": "https://forebay.example/jira/acme/rest/api/2/status/3"}}}},
                "histories": [{"author": {"self": "https://forebay.example/jira/acme/rest/api/2/user?accountId=5b%3A1"}}],
                "sprint": {"self": "https://forebay.example/jira/acme/rest/agile/1.0/sprint/1"},
                "_links": {"jiraRest": "https://forebay.example/jira/acme/rest/api/2/issue/1"},
            })
        );
    }

    #[test]
    fn a_site_may_have_a_context_path_and_may_not_know_that_it_is_behind_tls() {
        let links = links("https://jira.example/tracker", None, Some(Dialect::V2));
        let link = |address: &str| turned(&links, &json!({ "self": address }))["self"].clone();
        assert_eq!(
            link("http://jira.example/tracker/rest/api/2/priority/1"),
            format!("{OURS}/rest/api/2/priority/1")
        );
        for other in [
            "https://jira.example/tracker2/rest/api/2/priority/1",
            "https://jira.example/rest/api/2/priority/1",
        ] {
            assert_eq!(link(other), other);
        }
    }

    #[test]
    fn behind_the_gateway_both_addresses_of_a_site_are_its_own() {
        let links = links("https://acme.atlassian.net", Some("abc-1"), Some(Dialect::V3));
        for address in ["https://acme.atlassian.net", "https://api.atlassian.com/ex/jira/abc-1"] {
            let answer = json!({ "self": format!("{address}/rest/api/3/field") });
            assert_eq!(turned(&links, &answer)["self"], format!("{OURS}/rest/api/3/field"));
        }
        let another = json!({ "self": "https://api.atlassian.com/ex/jira/abc-2/rest/api/3/field" });
        assert_eq!(turned(&links, &another), another);
    }

    #[test]
    fn what_is_no_link_of_the_site_stays_as_it_came() {
        let links = links("https://acme.atlassian.net", None, Some(Dialect::V2));
        let answer = json!({
            "self": "https://other.example/rest/api/3/issue/1",
            "summary": "\"self\":\"https://acme.atlassian.net/rest/api/3/issue/1\"",
            "my\"self": "https://acme.atlassian.net/rest/api/3/issue/1",
            "myself": "https://acme.atlassian.net/rest/api/3/issue/1",
            "avatarUrls": {"16x16": "https://acme.atlassian.net/rest/api/3/universal_avatar/1"},
            "iconUrl": "https://acme.atlassian.net/images/icons/status.png",
            "content": "https://acme.atlassian.net/rest/api/3/attachment/content/1",
            "page": {"self": "https://acme.atlassian.net/browse/ED-1"},
        });
        assert!(matches!(links.turn(&answer.to_string()), Cow::Borrowed(_)));
    }

    #[test]
    fn an_api_without_versions_keeps_those_of_its_links() {
        let links = links("https://acme.atlassian.net", None, None);
        let answer = json!({ "self": "https://acme.atlassian.net/rest/api/3/issue/1" });
        assert_eq!(turned(&links, &answer)["self"], format!("{OURS}/rest/api/3/issue/1"));
    }
}
