//! What a board, a backlog, a sprint and an epic ask of the issues, in JQL. Every part is either our own text with numbers in it, or
//! somebody's query that was parsed first, so nothing can break out of its place.

use application::{
    Error,
    instances::{Instance, InstanceKind},
    ports::TenantTx,
    reference::Roster,
    search::parse_jql,
};
use jql::Query;

use super::{boards::Board, landmarks::Landmarks};
use crate::jira_api::refusal::Refusal;

/// Both conditions; in the order of the second, or else of the first.
pub(super) fn both(first: Query, second: Query) -> Query {
    let filter = match (first.filter, second.filter) {
        (Some(first), Some(second)) => Some(first.and(second)),
        (first, second) => first.or(second),
    };
    let order_by = if second.order_by.is_empty() { first.order_by } else { second.order_by };
    Query { filter, order_by }
}

/// The issues of a board. Jira lists boards without their filters, so a mirror knows the board's project only; a sandbox names the
/// filter as Jira names those that it makes.
pub(super) async fn of_board(
    tx: &mut dyn TenantTx,
    instance: &Instance,
    board: &Board,
    landmarks: &Landmarks,
) -> Result<Query, Refusal> {
    let unknown = || {
        let message = format!("the filter of board {} is not in the copy", board.id);
        Refusal::from(Error::Unsupported(message))
    };
    let filter = match instance.kind {
        InstanceKind::Sandbox => filter_of(&tx.roster(instance.id, Roster::Filters).await?, board),
        _ => None,
    };
    let query = match filter {
        Some((_, question)) => parse_jql(&question)?,
        None => {
            let project = board.project_key.as_deref().ok_or_else(unknown)?;
            parse_jql(&format!("project = {}", jql::quote(project)))?
        }
    };
    let ranked = parse_jql(&ranked(landmarks))?;
    let query = if query.order_by.is_empty() { both(query, ranked) } else { query };
    // Epics stand beside a scrum board, not on it.
    match epics(landmarks, "not in").filter(|_| board.is_scrum()) {
        Some(no_epics) => Ok(both(query, parse_jql(&no_epics)?)),
        None => Ok(query),
    }
}

/// The id and the question of the filter that Jira makes with a board.
pub(super) fn filter_of(filters: &[serde_json::Value], board: &Board) -> Option<(String, String)> {
    let name = format!("Filter for {}", board.name);
    let found = filters.iter().find(|filter| filter["name"] == name.as_str())?;
    Some((found["id"].as_str()?.to_owned(), found["jql"].as_str()?.to_owned()))
}

/// Issues by rank: how this API lists them.
pub(super) fn ranked(landmarks: &Landmarks) -> String {
    match &landmarks.rank {
        Some(rank) => format!("ORDER BY {} ASC", Landmarks::in_jql(rank)),
        None => "ORDER BY key ASC".into(),
    }
}

/// `IN` or `NOT IN` the types of epics.
pub(super) fn epics(landmarks: &Landmarks, operator: &str) -> Option<String> {
    let types = &landmarks.epic_types;
    (!types.is_empty()).then(|| format!("issuetype {operator} ({})", types.join(", ")))
}

/// Incomplete, and in none of these sprints, which are the open ones.
pub(super) fn backlog(landmarks: &Landmarks, open: &[i64]) -> String {
    let incomplete = "statusCategory != Done";
    match &landmarks.sprint {
        Some(sprint) if !open.is_empty() => {
            let field = Landmarks::in_jql(sprint);
            let open: Vec<String> = open.iter().map(ToString::to_string).collect();
            format!("{incomplete} AND ({field} is EMPTY OR {field} not in ({}))", open.join(", "))
        }
        _ => incomplete.into(),
    }
}

/// In a sprint.
pub(super) fn in_sprint(landmarks: &Landmarks, sprint: i64) -> String {
    match &landmarks.sprint {
        Some(field) => format!("{} = {sprint}", Landmarks::in_jql(field)),
        None => NOTHING.into(),
    }
}

/// Below an epic.
pub(super) fn in_epic(epic_key: &str) -> String {
    format!("\"Epic Link\" = {}", jql::quote(epic_key))
}

/// Neither epics nor below one; sub-tasks are their parents' matter.
pub(super) fn without_epic(landmarks: &Landmarks) -> String {
    let no_epic = "\"Epic Link\" is EMPTY AND issuetype not in subTaskIssueTypes()";
    match epics(landmarks, "not in") {
        Some(epics) => format!("{no_epic} AND {epics}"),
        None => no_epic.into(),
    }
}

/// No issue has this id.
const NOTHING: &str = "id = 0";

#[cfg(test)]
mod tests {
    use super::*;

    fn query(text: &str) -> Query {
        parse_jql(text).unwrap()
    }

    #[test]
    fn a_clients_query_stays_within_the_boards() {
        let board = query("project = A OR project = B ORDER BY Rank ASC");
        let asked = query("status = Open OR assignee is EMPTY ORDER BY created");
        let both = both(board.clone(), asked).to_string();
        let expected =
            "(project = A OR project = B) AND (status = Open OR assignee IS EMPTY) ORDER BY created";
        assert_eq!(query(&both), query(expected), "{both}");
        let unasked = super::both(board.clone(), Query::default());
        assert_eq!(unasked, board);
    }

    #[test]
    fn a_backlog_is_what_is_left_to_do_and_in_no_open_sprint() {
        let landmarks = Landmarks { sprint: Some("customfield_7".into()), ..Landmarks::default() };
        let expected = "statusCategory != Done AND (cf[7] is EMPTY OR cf[7] not in (1, 2))";
        assert_eq!(backlog(&landmarks, &[1, 2]), expected);
        assert_eq!(backlog(&landmarks, &[]), "statusCategory != Done");
        assert_eq!(in_sprint(&Landmarks::default(), 3), "id = 0");
    }
}
