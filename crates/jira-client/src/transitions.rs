//! Moving issues through their workflow (jira-facts 6.5).

use serde_json::{Value, json};

use crate::body::{object, take_array};
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
