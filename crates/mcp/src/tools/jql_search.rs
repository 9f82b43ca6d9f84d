//! `jql_search`: issues by JQL, as compact rows.

use application::{
    Caller, Error, Result, Services,
    issues::IssueRow,
    search::{SearchPage, SearchRequest, SearchStart, parse_jql, request_at},
};
use rmcp::model::Tool;
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Map, Value};

use super::{count, define, given, instance_named, reading};
use crate::{
    answer::{Answer, LeftOut, is_empty},
    budget::{self, Budget},
    columns,
};

const DESCRIPTION: &str = "\
Find issues with JQL, Jira's query language, in the live copy of all sites. Answers the exact `total`, compact rows, and \
`next_cursor` when there are more.
Examples:
project = PAY AND statusCategory != Done ORDER BY priority DESC, updated DESC
assignee is EMPTY AND priority in (High, Highest) AND created >= -7d
text ~ \"checkout timeout\" AND type = Bug
labels in (security, \"needs triage\") AND due <= endOfWeek()
sprint in openSprints() AND assignee = currentUser()
Quote names that hold spaces. != and NOT IN skip empty fields: add `OR field is EMPTY`. For only a count, use limit 1. \
Read one issue with get_issue; group and aggregate with sql_query.";

const USUAL_LIMIT: u32 = 20;
const MOST: u32 = 100;
const MOST_COLUMNS: usize = 30;
/// A row is for choosing: whoever wants a whole description reads the issue.
const LONGEST_TEXT: usize = 600;

#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Arguments {
    /// The query.
    jql: String,
    /// Only the site of this name; its time zone holds for dates, and currentUser() works. Without: all sites, UTC.
    instance: Option<String>,
    /// Rows per page. Default 20.
    #[schemars(range(min = 1, max = 100))]
    limit: Option<u32>,
    /// `next_cursor` of the page before; repeat the same jql.
    cursor: Option<String>,
    /// Columns instead of the usual key, type, status, priority, assignee, updated, summary. Also: instance, project, reporter,
    /// resolution, status_category, labels, parent, created, resolved, due, story_points, description, or any Jira field id
    /// (components, fixVersions, customfield_10016).
    fields: Option<Vec<String>>,
    /// Longest answer. Default 24000.
    #[schemars(range(min = 3000, max = 100_000))]
    max_chars: Option<u32>,
}

pub(super) fn definition(name: &'static str) -> Tool {
    define::<Arguments>(name, "Search issues by JQL", DESCRIPTION, reading().open_world(false))
}

pub(super) async fn call(services: &Services, caller: &Caller, arguments: Arguments) -> Result<Answer> {
    let mut budget = Budget::new(arguments.max_chars)?;
    let columns = columns_of(arguments.fields.as_deref())?;
    let limit = count("limit", arguments.limit, USUAL_LIMIT, MOST)?;
    let query = parse_jql(&arguments.jql)?;
    let instance = instance_named(services, caller, arguments.instance.as_deref()).await?;
    let mut request = SearchRequest {
        limit,
        start: match given(arguments.cursor.as_deref()) {
            Some(cursor) => SearchStart::After(cursor.to_owned()),
            None => SearchStart::Offset(0),
        },
        with_total: true,
        ..request_at(instance.as_deref(), query, services.clock.now())
    };
    let mut tx = services.db.tenant(&caller.context()).await?;
    let mut page = tx.search(&request).await?;
    let fitting = fitting(&page.issues, &columns, &budget);
    if fitting < page.issues.len() {
        // A shorter page, because only its own end has a cursor.
        request.limit = u32::try_from(fitting).unwrap_or(limit);
        page = tx.search(&request).await?;
    }
    let mut answer = answer(&page, &columns, &mut budget);
    if request.limit < limit {
        let how = "next_cursor goes on; fewer fields or a larger max_chars make a page longer";
        answer.leave_out(LeftOut {
            shown: Some(fitting),
            total: Some(limit as usize),
            ..LeftOut::how("rows of this page", how)
        });
    }
    Ok(answer)
}

/// The columns asked for, the key first.
fn columns_of(asked: Option<&[String]>) -> Result<Vec<&str>> {
    let asked = match asked {
        None | Some([]) => return Ok(columns::USUAL.to_vec()),
        Some(asked) => asked,
    };
    if asked.len() > MOST_COLUMNS {
        return Err(Error::invalid("fields", format!("names more than {MOST_COLUMNS} columns")));
    }
    let mut columns = vec!["key"];
    for column in asked {
        if !columns.contains(&column.as_str()) {
            columns.push(column);
        }
    }
    Ok(columns)
}

/// How many rows fit into an answer, at least one.
fn fitting(issues: &[IssueRow], columns: &[&str], budget: &Budget) -> usize {
    let mut left = budget.room();
    let fits = issues.iter().take_while(|issue| {
        let wanted = budget::size(&row(issue, columns, true)) + ",".len();
        let rest = left.checked_sub(wanted);
        left = rest.unwrap_or_default();
        rest.is_some()
    });
    fits.count().max(1)
}

fn answer(page: &SearchPage, columns: &[&str], budget: &mut Budget) -> Answer {
    let mut answer = Answer::default();
    let first = page.issues.first().map(|issue| issue.instance.as_str());
    let is_one_site = page.issues.iter().all(|issue| Some(issue.instance.as_str()) == first);
    if let (Some(name), true) = (first, is_one_site) {
        answer.set("instance", name);
    }
    let rows = budget.fill(page.issues.iter().map(|issue| row(issue, columns, !is_one_site)));
    for column in columns.iter().skip(1) {
        let is_nowhere = page.issues.iter().all(|issue| is_empty(&columns::value(issue, column)));
        if is_nowhere && !columns::is_ours(column) && first.is_some() {
            let how =
                "no row here has it; if that is a surprise, check the column's name or the Jira field id";
            answer.leave_out(LeftOut::how(budget::clip(column, 40), how));
        }
    }
    if let Some(total) = page.total {
        answer.set("total", total);
    }
    if let Some(next) = &page.next {
        answer.set("next_cursor", next.as_str());
    }
    if !page.warnings.is_empty() {
        answer.set("warnings", page.warnings.clone());
    }
    if !rows.is_empty() {
        answer.untrusted("issues");
    }
    answer.set("issues", rows);
    answer
}

fn row(issue: &IssueRow, columns: &[&str], names_instance: bool) -> Value {
    let extra = names_instance.then_some("instance");
    let mut row = Map::new();
    for column in columns.iter().copied().chain(extra) {
        let value = match columns::value(issue, column) {
            Value::String(text) => Value::String(budget::clip(&text, LONGEST_TEXT)),
            value => value,
        };
        if !is_empty(&value) {
            row.insert(column.to_owned(), value);
        }
    }
    Value::Object(row)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::tests::samples::{content, issue};

    fn page(count: u32) -> SearchPage {
        SearchPage {
            issues: (1..=count).map(issue).collect(),
            next: Some("c2".into()),
            total: Some(345),
            warnings: Vec::new(),
        }
    }

    #[test]
    fn rows_are_compact_and_name_the_site_once() {
        let mut budget = Budget::new(None).unwrap();
        let mut answered = content(answer(&page(2), &columns::USUAL, &mut budget));
        assert_eq!(answered["issues"][1]["key"], "PAY-2");
        answered["issues"].as_array_mut().unwrap().truncate(1);
        assert_eq!(
            answered,
            json!({
                "total": 345,
                "next_cursor": "c2",
                "instance": "demo",
                "issues": [{
                    "key": "PAY-1", "type": "Bug", "status": "In Progress", "priority": "High", "assignee": "Ada Lovelace",
                    "updated": "2026-03-02T09:30:00Z", "summary": "Card payments fail",
                }],
                "untrusted": ["issues"],
                "notice": answered["notice"],
            })
        );
    }

    #[test]
    fn rows_of_several_sites_name_theirs() {
        let mut page = page(2);
        page.issues[1].instance = "support".into();
        let answered = content(answer(&page, &columns::USUAL, &mut Budget::new(None).unwrap()));
        assert_eq!(answered.get("instance"), None);
        assert_eq!(answered["issues"][1]["instance"], "support");
    }

    #[test]
    fn columns_can_be_chosen_and_what_nobody_has_is_named() {
        let fields = ["summary", "customfield_10020", "nonsense", "resolution"].map(str::to_owned);
        let columns = columns_of(Some(&fields)).unwrap();
        let answered = content(answer(&page(1), &columns, &mut Budget::new(None).unwrap()));
        let row =
            json!({ "key": "PAY-1", "summary": "Card payments fail", "customfield_10020": ["Sprint 7"] });
        assert_eq!(answered["issues"], json!([row]));
        let named: Vec<&str> = answered["left_out"]
            .as_array()
            .unwrap()
            .iter()
            .filter_map(|left| left["what"].as_str())
            .collect();
        assert_eq!(named, ["nonsense"], "an issue without a resolution is no surprise");
        assert!(columns_of(Some(&vec!["x".to_owned(); 31])).is_err());
        assert_eq!(columns_of(Some(&[])).unwrap(), columns::USUAL);
    }

    #[test]
    fn a_page_that_is_too_long_is_asked_for_again_shorter() {
        let page = page(100);
        let mut budget = Budget::new(Some(budget::LEAST)).unwrap();
        let fits = fitting(&page.issues, &columns::USUAL, &budget);
        assert!((5..50).contains(&fits), "{fits}");
        let shorter = SearchPage { issues: page.issues[..fits].to_vec(), ..page };
        let answered = content(answer(&shorter, &columns::USUAL, &mut budget));
        assert_eq!(
            answered["issues"].as_array().unwrap().len(),
            fits,
            "all rows of the shorter page are shown"
        );
    }

    #[test]
    fn one_row_is_shown_however_long_it_is() {
        let mut page = page(1);
        page.issues[0].labels = vec!["a-label".repeat(30); 90];
        let mut budget = Budget::new(Some(budget::LEAST)).unwrap();
        assert_eq!(fitting(&page.issues, &["key", "labels"], &budget), 1);
        let answered = content(answer(&page, &["key", "labels"], &mut budget));
        assert_eq!(answered["issues"].as_array().unwrap().len(), 1);
        assert!(answered.to_string().chars().count() <= budget::LEAST as usize);
    }

    #[test]
    fn nothing_found_is_an_answer() {
        let none = SearchPage { issues: Vec::new(), next: None, total: Some(0), warnings: Vec::new() };
        let answered = content(answer(&none, &columns::USUAL, &mut Budget::new(None).unwrap()));
        assert_eq!(answered, json!({ "total": 0, "issues": [] }));
    }

    #[test]
    fn every_example_is_jql() {
        let examples: Vec<&str> = DESCRIPTION.lines().skip(2).take(5).collect();
        assert_eq!(examples.len(), 5);
        for example in examples {
            assert!(jql::parse(example).is_ok(), "{example}");
        }
    }
}
