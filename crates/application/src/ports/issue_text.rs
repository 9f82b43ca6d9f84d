//! Issues as text, until somebody takes them apart.

use std::fmt;

use chrono::{DateTime, Utc};
use serde::Deserialize;
use serde_json::{Value, value::RawValue};

use super::FetchedIssue;

/// One issue with all its comments, worklogs and histories, embedded as Jira embeds them, as text: a tree of values takes about ten
/// times the memory. It is JSON; whether it is an issue shows when it is taken apart.
#[derive(Clone)]
pub struct IssueText {
    text: Box<RawValue>,
    comments_complete: bool,
    worklogs_complete: bool,
    id: Option<String>,
    created: Option<DateTime<Utc>>,
    updated: Option<DateTime<Utc>>,
}

/// What is looked for in an issue before it is taken apart; the rest is passed over.
#[derive(Default, Deserialize)]
struct Head<'a> {
    #[serde(borrow)]
    id: Option<&'a RawValue>,
    #[serde(borrow)]
    fields: Option<&'a RawValue>,
}

#[derive(Default, Deserialize)]
struct Times<'a> {
    #[serde(borrow)]
    created: Option<&'a RawValue>,
    #[serde(borrow)]
    updated: Option<&'a RawValue>,
}

impl IssueText {
    /// An issue as a site sent it. The two say whether `fields.comment.comments` and `fields.worklog.worklogs` are the whole lists, so
    /// that a row that is missing from them is gone.
    pub fn new(text: Box<RawValue>, comments_complete: bool, worklogs_complete: bool) -> Self {
        let head: Head<'_> = serde_json::from_str(text.get()).unwrap_or_default();
        let times: Times<'_> = head.fields.and_then(read).unwrap_or_default();
        let time = |text: Option<&RawValue>| domain::jira_time::parse(&read::<String>(text?)?).ok();
        let (id, created, updated) = (head.id.and_then(read), time(times.created), time(times.updated));
        Self { text, comments_complete, worklogs_complete, id, created, updated }
    }

    /// The numeric id, where the issue has one.
    pub fn id(&self) -> Option<&str> {
        self.id.as_deref()
    }

    /// `fields.created`, where it is a time.
    pub fn created(&self) -> Option<DateTime<Utc>> {
        self.created
    }

    /// `fields.updated`, where it is a time.
    pub fn updated(&self) -> Option<DateTime<Utc>> {
        self.updated
    }

    /// How long the text is.
    pub fn bytes(&self) -> u64 {
        self.text.get().len() as u64
    }

    /// Takes the issue apart.
    ///
    /// # Errors
    /// Why it cannot be: half a character, or brackets in brackets beyond what is read.
    pub fn open(self) -> Result<FetchedIssue, String> {
        let raw: Value =
            serde_json::from_str(self.text.get()).map_err(|error| format!("cannot be read: {error}"))?;
        Ok(FetchedIssue {
            raw,
            comments_complete: self.comments_complete,
            worklogs_complete: self.worklogs_complete,
        })
    }
}

impl fmt::Debug for IssueText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Issues hold the e-mail addresses of users.
        f.debug_struct("IssueText")
            .field("id", &self.id)
            .field("bytes", &self.bytes())
            .finish_non_exhaustive()
    }
}

/// `None` for what is something else.
fn read<'a, T: Deserialize<'a>>(text: &'a RawValue) -> Option<T> {
    serde_json::from_str(text.get()).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(json: &str) -> IssueText {
        IssueText::new(RawValue::from_string(json.to_owned()).unwrap(), true, false)
    }

    #[test]
    fn what_a_walk_goes_by_is_known_before_the_issue_is_taken_apart() {
        let issue = text(
            r#"{"fields": {"updated": "2024-01-02T00:00:00.000+0000", "summary": "ä",
                "created": "2024-01-01T00:00:00.000+0000"}, "id": "10001", "new": [{}]}"#,
        );
        assert_eq!(issue.id(), Some("10001"));
        assert_eq!(issue.updated().zip(issue.created()).map(|(u, c)| (u - c).num_days()), Some(1));
        assert_eq!(issue.bytes() as usize, issue.text.get().len());
        let opened = issue.open().unwrap();
        assert_eq!((opened.raw["fields"]["summary"].as_str(), opened.comments_complete), (Some("ä"), true));
    }

    #[test]
    fn what_is_odd_is_not_known_and_refused_no_sooner_than_it_is_taken_apart() {
        for odd in
            ["[]", "null", r#"{"id": 7, "fields": []}"#, r#"{"id": null, "fields": {"created": "soon"}}"#]
        {
            let issue = text(odd);
            assert_eq!((issue.id(), issue.created(), issue.updated()), (None, None, None), "{odd}");
            assert!(issue.open().is_ok(), "{odd}");
        }
        let half = text(r#"{"id": "7", "fields": {"summary": "\ud800"}}"#);
        assert_eq!(half.id(), Some("7"));
        assert!(half.open().unwrap_err().starts_with("cannot be read"));
    }
}
