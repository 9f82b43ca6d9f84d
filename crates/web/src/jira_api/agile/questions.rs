//! What a board, a backlog, a sprint and an epic ask of the issues, in JQL. Every part is either our own text with numbers in it, or
//! somebody's query that was parsed first, so nothing can break out of its place.

use application::{
    Error,
    instances::{Dialect, Instance, InstanceKind},
    ports::TenantTx,
    reference::Roster,
    search::parse_jql,
};
use jql::Query;

use super::{boards::Board, landmarks::Landmarks};
use crate::jira_api::{refusal::Refusal, text_of};

/// Both conditions; in the order of the second, or else of the first.
pub(super) fn both(first: Query, second: Query) -> Query {
    let filter = match (first.filter, second.filter) {
        (Some(first), Some(second)) => Some(first.and(second)),
        (first, second) => first.or(second),
    };
    let order_by = if second.order_by.is_empty() { first.order_by } else { second.order_by };
    Query { filter, order_by }
}

/// The issues of a board: those of its filter, but for epics on a scrum board, which stand beside it.
pub(super) async fn of_board(
    tx: &mut dyn TenantTx,
    instance: &Instance,
    board: &Board,
    landmarks: &Landmarks,
) -> Result<Query, Refusal> {
    let query = of_filter(tx, instance, board, landmarks).await?;
    match epics(landmarks, "not in").filter(|_| board.is_scrum()) {
        Some(no_epics) => Ok(both(query, parse_jql(&no_epics)?)),
        None => Ok(query),
    }
}

/// What a board's filter asks, by rank where it does not say otherwise. A mirror knows the filter's id from the board's
/// configuration, and a sandbox names filters as Jira names those that it makes with boards. Of a board whose configuration was not
/// read, or whose filter a Server does not show, the project that it is at home in is all that is known.
pub(super) async fn of_filter(
    tx: &mut dyn TenantTx,
    instance: &Instance,
    board: &Board,
    landmarks: &Landmarks,
) -> Result<Query, Refusal> {
    let unknown = || {
        let message = format!("the filter of board {} is not in the copy; ask the site itself", board.id);
        Refusal::from(Error::Unsupported(message))
    };
    let filters = tx.roster(instance.id, Roster::Filters).await?;
    let question = match instance.kind {
        InstanceKind::Sandbox => filter_of(&filters, board).map(|(_, question)| question),
        _ => match tx
            .board_configuration(instance.id, board.id)
            .await?
            .and_then(|it| text_of(&it["filter"]["id"]))
        {
            Some(id) => match question_of(&filters, &id) {
                // Server and Data Center list no filters but one's own favourites (jira-facts 11.3), and may not show others.
                None if instance.dialect == Dialect::V3 => return Err(unknown()),
                question => question,
            },
            None => None,
        },
    };
    let query = match question {
        Some(question) => parse_jql(&question)?,
        None => {
            let project = board.project_key.as_deref().ok_or_else(unknown)?;
            parse_jql(&format!("project = {}", jql::quote(project)))?
        }
    };
    let ranked = parse_jql(&ranked(landmarks))?;
    Ok(if query.order_by.is_empty() { both(query, ranked) } else { query })
}

/// The question of the filter with this id.
fn question_of(filters: &[serde_json::Value], id: &str) -> Option<String> {
    let found = filters.iter().find(|filter| text_of(&filter["id"]).as_deref() == Some(id))?;
    Some(found["jql"].as_str()?.to_owned())
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
    fn filters_are_found_by_ids_of_either_kind() {
        let filters =
            [serde_json::json!({ "id": "10001", "jql": "project = A" }), serde_json::json!({ "id": 7 })];
        assert_eq!(question_of(&filters, "10001").as_deref(), Some("project = A"));
        assert_eq!((question_of(&filters, "7"), question_of(&filters, "8")), (None, None));
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
