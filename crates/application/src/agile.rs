//! Sprints as Jira's Agile API shows them (jira-facts 9.1).

use async_trait::async_trait;
use chrono::{DateTime, SecondsFormat, Utc};
use domain::ids::InstanceId;
use serde_json::{Map, Value, json};

use crate::{error::Result, reference::SprintRecord};

/// A sprint with the boards that show it.
#[derive(Clone, Debug, PartialEq)]
pub struct SprintDetails {
    /// Its id.
    pub id: i64,
    /// Its name.
    pub name: String,
    /// `future`, `active` or `closed`.
    pub state: String,
    /// The board that it was made on, where that is known.
    pub board: Option<i64>,
    /// Its goal.
    pub goal: Option<String>,
    /// When it began.
    pub start: Option<DateTime<Utc>>,
    /// When it is to end.
    pub end: Option<DateTime<Utc>>,
    /// When it was closed.
    pub complete: Option<DateTime<Utc>>,
    /// As the site served it, where it did.
    pub raw: Option<Value>,
}

impl SprintDetails {
    /// As the Agile API serves it. The site's own words for its dates come before ours: they carry its time zone. What a sprint
    /// does not have is left out.
    pub fn served(&self, own_address: impl FnOnce() -> String) -> Value {
        let raw = self.raw.as_ref();
        let said = |member: &str| raw.and_then(|raw| raw.get(member)).filter(|value| value.is_string());
        let date = |member: &str, moment: Option<DateTime<Utc>>| {
            let moment = moment?;
            Some(said(member).cloned().unwrap_or_else(|| json!(timestamp(moment))))
        };
        let address = said("self").cloned().unwrap_or_else(|| json!(own_address()));
        let members = [
            ("id", Some(json!(self.id))),
            ("self", Some(address)),
            ("state", Some(json!(self.state))),
            ("name", Some(json!(self.name))),
            ("startDate", date("startDate", self.start)),
            ("endDate", date("endDate", self.end)),
            ("completeDate", date("completeDate", self.complete)),
            ("createdDate", said("createdDate").cloned()),
            ("originBoardId", self.board.map(|board| json!(board))),
            ("goal", self.goal.as_ref().map(|goal| json!(goal))),
        ];
        let known = members.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?)));
        Value::Object(known.collect::<Map<_, _>>())
    }
}

impl From<SprintRecord> for SprintDetails {
    fn from(record: SprintRecord) -> Self {
        let SprintRecord { jira_id, name, state, board_id, goal, start, end, complete, raw } = record;
        let raw = Some(raw).filter(Value::is_object);
        Self { id: jira_id, name, state, board: board_id, goal, start, end, complete, raw }
    }
}

/// A moment as Cloud's Agile API writes it.
pub fn timestamp(moment: DateTime<Utc>) -> String {
    moment.to_rfc3339_opts(SecondsFormat::Millis, true)
}

/// Storage of sprints.
#[async_trait]
pub trait AgileStore: Send {
    /// The sprints of a board, its own and those that it lists: closed ones first, then the active ones, then those to come.
    async fn sprints_of_board(&mut self, instance: InstanceId, board: i64) -> Result<Vec<SprintDetails>>;

    /// The sprint with this id. A caller who is held to some projects sees it where one of its boards is of them.
    async fn sprint(&mut self, instance: InstanceId, id: i64) -> Result<Option<SprintDetails>>;

    /// Locks a sprint until the end of the transaction; `false` without it.
    async fn lock_sprint(&mut self, instance: InstanceId, id: i64) -> Result<bool>;

    /// Lets a board list one sprint more.
    async fn list_sprint(&mut self, instance: InstanceId, board: i64, sprint: i64) -> Result<()>;

    /// The rank nearest to this one, before it or behind it, of an issue other than these (by Jira's numeric id); `None` where there
    /// is none.
    async fn rank_beside(
        &mut self,
        instance: InstanceId,
        field: &str,
        rank: &str,
        before: bool,
        others_than: &[String],
    ) -> Result<Option<String>>;

    /// Takes a sprint away from every board, and notes it as deleted.
    async fn remove_sprint(&mut self, instance: InstanceId, id: i64) -> Result<()>;
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sprint(raw: Option<Value>) -> SprintDetails {
        SprintDetails {
            id: 7,
            name: "One".into(),
            state: "active".into(),
            board: Some(3),
            goal: None,
            start: DateTime::from_timestamp(0, 0),
            end: None,
            complete: None,
            raw,
        }
    }

    #[test]
    fn a_sprint_says_its_dates_as_the_site_did() {
        let raw =
            json!({ "self": "https://x/7", "startDate": "1970-01-01T01:00:00.000+01:00", "boardId": 3 });
        let served = sprint(Some(raw)).served(|| "unused".into());
        let expected = json!({ "id": 7, "self": "https://x/7", "state": "active", "name": "One",
                               "startDate": "1970-01-01T01:00:00.000+01:00", "originBoardId": 3 });
        assert_eq!(served, expected);
    }

    #[test]
    fn a_sprint_that_only_issues_have_shown_is_written_by_its_columns() {
        let served = sprint(None).served(|| "https://own/7".into());
        assert_eq!(served["self"], "https://own/7");
        assert_eq!(served["startDate"], "1970-01-01T00:00:00.000Z");
        assert!(served.get("goal").is_none());
    }
}
