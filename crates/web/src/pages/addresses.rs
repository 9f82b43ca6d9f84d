//! Addresses of our own pages.

use url::form_urlencoded::{Serializer, byte_serialize};

/// A path with a query; pairs without a value are left out.
pub(super) fn href(path: &str, query: &[(&str, &str)]) -> String {
    let mut pairs = Serializer::new(String::new());
    for (name, value) in query.iter().filter(|(_, value)| !value.is_empty()) {
        pairs.append_pair(name, value);
    }
    let query = pairs.finish();
    if query.is_empty() { path.to_owned() } else { format!("{path}?{query}") }
}

/// The page of an issue. Keys repeat across instances, so the instance is always named.
pub(super) fn issue(instance: &str, key: &str) -> String {
    href(&format!("/issues/{}", segment(key)), &[("instance", instance)])
}

/// The page of an instance.
pub(super) fn instance(name: &str) -> String {
    format!("/instances/{}", segment(name))
}

/// The issues that a query finds.
pub(super) fn search(jql: &str, instance: &str) -> String {
    href("/issues", &[("jql", jql), ("instance", instance)])
}

/// A text as one segment of a path, where `+` would be no space.
fn segment(text: &str) -> String {
    byte_serialize(text.as_bytes()).collect::<String>().replace('+', "%20")
}

/// Where to go after signing in: a path of this site, or the overview for anything else. `//host` and `/\host` lead
/// elsewhere, whatever they look like.
pub(super) fn local(next: &str) -> &str {
    let mut bytes = next.bytes();
    let local = bytes.next() == Some(b'/')
        && !matches!(bytes.next(), Some(b'/' | b'\\'))
        && next.bytes().all(|byte| byte.is_ascii_graphic())
        && !next.starts_with("/login");
    if local { next } else { "/" }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_query_holds_is_encoded() {
        assert_eq!(search("project = A&B", ""), "/issues?jql=project+%3D+A%26B");
        assert_eq!(issue("acme", "AB-1"), "/issues/AB-1?instance=acme");
        assert_eq!(issue("acme", "../x y"), "/issues/..%2Fx%20y?instance=acme");
        assert_eq!(href("/audit", &[("action", "")]), "/audit");
    }

    #[test]
    fn signing_in_leads_to_local_paths_only() {
        for kept in ["/", "/issues?jql=a%20%3D%20b", "/instances/acme"] {
            assert_eq!(local(kept), kept);
        }
        for refused in [
            "",
            "issues",
            "//evil.example",
            "/\\evil.example",
            "https://evil.example",
            "/a\nb",
            "/\t/evil",
            "/login?next=/",
        ] {
            assert_eq!(local(refused), "/", "{refused}");
        }
    }
}
