//! Issues as resources, for clients that let people attach them by address: `issue://PAY-42`, or `issue://site/PAY-42`
//! where several sites have the key.

use application::{Error, Result};
use rmcp::model::{JsonObject, ResourceTemplate};

const SCHEME: &str = "issue://";

/// The addresses that can be read.
pub(crate) fn templates() -> Vec<ResourceTemplate> {
    let issue = |template: &str, description: &str| {
        ResourceTemplate::new(template, "issue")
            .with_title("Jira issue")
            .with_description(description)
            .with_mime_type("text/plain")
    };
    vec![
        issue("issue://{key}", "An issue with its newest comments, as get_issue answers it."),
        issue("issue://{instance}/{key}", "The same, where several sites have the key."),
    ]
}

/// The arguments of `get_issue` that an address stands for.
///
/// # Errors
/// [`Error::NotFound`] for an address that is none of [`templates`].
pub(crate) fn arguments(uri: &str) -> Result<JsonObject> {
    let path = uri.strip_prefix(SCHEME).unwrap_or_default();
    let (instance, key) = path.split_once('/').unwrap_or(("", path));
    if key.is_empty() || key.contains('/') {
        return Err(Error::not_found("resource", uri));
    }
    let fields = [("instance", instance), ("key", key)];
    Ok(fields.into_iter().map(|(name, value)| (name.to_owned(), value.into())).collect())
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    #[test]
    fn an_address_names_an_issue_and_may_name_its_site() {
        let read = |uri: &str| arguments(uri).map(Value::Object);
        assert_eq!(read("issue://PAY-42").unwrap(), json!({ "instance": "", "key": "PAY-42" }));
        assert_eq!(read("issue://demo/PAY-42").unwrap(), json!({ "instance": "demo", "key": "PAY-42" }));
        for wrong in ["", "issue://", "issue://demo/", "issue://a/b/c", "file:///etc/passwd"] {
            assert_eq!(read(wrong).unwrap_err().code(), "not_found", "{wrong}");
        }
    }
}
