//! The field of an issue that holds its sprints, as Cloud and as Server write it (jira-facts 6.3).

use domain::sprint_text::SprintText;
use serde_json::{Value, json};

use super::fields::elements;
use crate::{
    agile::{SprintDetails, timestamp},
    ingest::sprint_of,
    instances::Dialect,
};

/// The sprints of the field after the issue was put into one, or into none: those that are over stay, since an issue is in one open
/// sprint at most.
pub(super) fn moved(before: &Value, to: Option<&SprintDetails>, dialect: Dialect) -> Value {
    let is_over = |sprint: &&Value| sprint_of(sprint).is_some_and(|known| known.state == "closed");
    let mut sprints: Vec<Value> = elements(before).iter().filter(is_over).cloned().collect();
    if let Some(sprint) = to {
        sprints.retain(|known| id_of(known) != Some(sprint.id));
        sprints.push(in_field(sprint, dialect));
    }
    if sprints.is_empty() { Value::Null } else { Value::Array(sprints) }
}

/// The sprints of the field after one of them changed.
pub(super) fn renewed(before: &Value, sprint: &SprintDetails, dialect: Dialect) -> Value {
    let renew = |known: &Value| match id_of(known) == Some(sprint.id) {
        true => in_field(sprint, dialect),
        false => known.clone(),
    };
    Value::Array(elements(before).iter().map(renew).collect())
}

/// The sprints of the field without one of them.
pub(super) fn without(before: &Value, sprint: i64) -> Value {
    let kept: Vec<Value> =
        elements(before).iter().filter(|known| id_of(known) != Some(sprint)).cloned().collect();
    if kept.is_empty() { Value::Null } else { Value::Array(kept) }
}

fn id_of(sprint: &Value) -> Option<i64> {
    sprint_of(sprint).map(|known| known.id)
}

/// A sprint as an issue shows it: an object at Cloud, a text at Server.
fn in_field(sprint: &SprintDetails, dialect: Dialect) -> Value {
    let dates = [("startDate", sprint.start), ("endDate", sprint.end), ("completeDate", sprint.complete)];
    match dialect {
        Dialect::V3 => {
            let mut shown = json!({
                "id": sprint.id, "name": sprint.name, "state": sprint.state, "boardId": sprint.board,
                "goal": sprint.goal.clone().unwrap_or_default(),
            });
            for (name, moment) in dates {
                if let Some(moment) = moment {
                    shown[name] = json!(timestamp(moment));
                }
            }
            shown
        }
        Dialect::V2 => {
            let [start, end, complete] = dates.map(|(_, moment)| moment.map(timestamp));
            let text = SprintText {
                id: sprint.id,
                board: sprint.board,
                name: &sprint.name,
                state: &sprint.state,
                start: start.as_deref(),
                end: end.as_deref(),
                complete: complete.as_deref(),
                goal: sprint.goal.as_deref(),
            };
            json!(text.to_string())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sprint(id: i64, state: &str) -> SprintDetails {
        SprintDetails {
            id,
            name: format!("Sprint {id}, north"),
            state: state.into(),
            board: Some(2),
            goal: None,
            start: chrono::DateTime::from_timestamp(0, 0),
            end: None,
            complete: None,
            raw: None,
        }
    }

    #[test]
    fn an_issue_keeps_the_sprints_that_are_over_and_is_in_one_open_one() {
        for dialect in [Dialect::V2, Dialect::V3] {
            let old = moved(&Value::Null, Some(&sprint(1, "closed")), dialect);
            let in_one = moved(&old, Some(&sprint(2, "active")), dialect);
            let moved_on = moved(&in_one, Some(&sprint(3, "future")), dialect);
            let ids: Vec<_> = elements(&moved_on).iter().filter_map(id_of).collect();
            assert_eq!(ids, [1, 3], "{dialect:?}: {moved_on}");
            assert_eq!(moved(&moved_on, None, dialect), old);
            assert_eq!(without(&old, 1), Value::Null);
        }
    }

    #[test]
    fn what_servers_write_as_text_is_read_back_whole() {
        let shown = in_field(&sprint(7, "active"), Dialect::V2);
        assert!(
            shown.as_str().unwrap().starts_with("com.atlassian.greenhopper.service.sprint.Sprint@7[id=7,")
        );
        let read = sprint_of(&shown).unwrap();
        assert_eq!(SprintDetails { raw: None, ..read }, sprint(7, "active"));
        let closed = SprintDetails { state: "closed".into(), ..sprint(7, "active") };
        let renewed = renewed(&json!([shown]), &closed, Dialect::V2);
        assert_eq!(sprint_of(&renewed[0]).unwrap().state, "closed");
    }
}
