//! Moving issues through their workflow (jira-facts 6.5).

use std::collections::HashMap;

use serde_json::{Value, json};

use crate::body::{object, take_array};
use crate::request::MAX_BODY_BYTES;
use crate::{JiraClient, JiraError};

impl JiraClient {
    /// The transitions that the account may do on an issue now, with the fields of their screens.
    ///
    /// # Errors
    /// [`JiraError::NotFound`] if the issue does not exist or is hidden.
    pub async fn transitions(&self, issue: &str) -> Result<Vec<Value>, JiraError> {
        const WHAT: &str = "transitions";
        let call = self.get(WHAT, &["issue", issue, "transitions"])?.about(issue);
        let call = call.query("expand", "transitions.fields");
        let mut answer = object(WHAT, self.json(call).await?)?;
        take_array(WHAT, &mut answer, "transitions")
    }

    /// The same of many issues, by their ids, with a request for each hundred. An issue that is not visible is absent.
    ///
    /// # Errors
    /// Those of the requests.
    pub async fn transitions_of(&self, ids: &[String]) -> Result<HashMap<String, Vec<Value>>, JiraError> {
        let (fields, expand) = ([String::from("id")], [String::from("transitions")]);
        let issues = self.issues_by_id(ids, &fields, &expand, MAX_BODY_BYTES).await?.issues;
        let open = issues.iter().filter_map(|issue| {
            let mut issue: Value = serde_json::from_str(issue.get()).ok()?;
            let Value::Array(transitions) = issue["transitions"].take() else { return None };
            Some((issue["id"].as_str()?.to_owned(), transitions))
        });
        Ok(open.collect())
    }

    /// Does a transition, sets `fields` (an object by field id) on its screen and adds `comment` (an ADF document
    /// in version 3, a string of wiki markup in version 2).
    ///
    /// # Errors
    /// [`JiraError::BadRequest`] if the transition is not possible or a field is wrong; [`JiraError::Conflict`]
    /// if the issue is being changed by somebody else; [`JiraError::Indeterminate`] if the transition may have
    /// been done although no usable answer came.
    pub async fn do_transition(
        &self,
        issue: &str,
        transition_id: &str,
        fields: Option<Value>,
        comment: Option<&Value>,
    ) -> Result<(), JiraError> {
        let mut body = json!({ "transition": { "id": transition_id } });
        if let Some(fields) = fields {
            body["fields"] = fields;
        }
        if let Some(comment) = comment {
            body["update"] = json!({ "comment": [{ "add": { "body": comment } }] });
        }
        let call = self.post_to_write("do_transition", &["issue", issue, "transitions"], body)?.about(issue);
        self.json_or_empty::<Value>(call).await.map(drop)
    }
}
