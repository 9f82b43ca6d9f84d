//! Variables in the addresses of webhooks: `https://example.com/hook/${issue.key}` (jira-facts 3.2).

use std::collections::BTreeMap;

use serde_json::Value;

/// What a delivery's body has for the variables of an address; nothing for those that it does not tell of.
pub(super) fn variables(url: &str, body: &Value) -> BTreeMap<String, String> {
    names(url).map(|name| (name.to_owned(), value(name, body).unwrap_or_default())).collect()
}

/// The address with the variables filled in, so that none can leave its place in it.
pub(super) fn filled_in(url: &str, variables: &BTreeMap<String, String>) -> String {
    let mut filled = url.to_owned();
    for (name, value) in variables {
        filled = filled.replace(&format!("${{{name}}}"), &encoded(value));
    }
    filled
}

fn names(url: &str) -> impl Iterator<Item = &str> {
    url.split("${").skip(1).filter_map(|rest| rest.split_once('}')).map(|(name, _)| name)
}

/// `issue.key` of `{"issue": {"key": …}}`. The project is that of the issue where the event is not about one itself.
fn value(name: &str, body: &Value) -> Option<String> {
    let (thing, member) = name.split_once('.')?;
    let found = match thing {
        "project" if body["project"].is_null() => &body["issue"]["fields"]["project"],
        "modifiedUser" => &body["user"],
        "issuelink" => &body["issueLink"],
        thing => &body[thing],
    };
    match &found[member] {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        _ => None,
    }
}

fn encoded(value: &str) -> String {
    let mut encoded = String::new();
    for byte in value.bytes() {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => encoded.push(byte.into()),
            other => encoded.push_str(&format!("%{other:02X}")),
        }
    }
    encoded
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn an_address_names_what_it_is_told_of() {
        let body = json!({ "issue": { "key": "PAY-1", "id": "7", "fields": { "project": { "key": "PAY" } } }, "comment": { "id": 9 } });
        let fill = |url: &str| filled_in(url, &variables(url, &body));
        assert_eq!(fill("https://a/${project.key}/${issue.key}?c=${comment.id}"), "https://a/PAY/PAY-1?c=9");
        assert_eq!(fill("https://a/${version.id}/x"), "https://a//x", "it tells of no version");
        assert_eq!(fill("https://a/plain"), "https://a/plain");
    }

    #[test]
    fn a_value_stays_in_its_place() {
        let variables = BTreeMap::from([("issue.key".to_owned(), "../x?a=b&c#ü".to_owned())]);
        assert_eq!(filled_in("https://a/${issue.key}", &variables), "https://a/..%2Fx%3Fa%3Db%26c%23%C3%BC");
    }
}
