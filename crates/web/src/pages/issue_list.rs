//! `/issues`: the JQL box and what it finds.

use application::{
    Error,
    instances::Instance,
    issues::IssueRow,
    search::{SearchPage, SearchRequest, SearchStart, request_at},
};
use askama::Template;
use axum::{
    extract::{Query, State},
    http::StatusCode,
    response::Response,
};
use chrono::{DateTime, Utc};
use serde::Deserialize;

use super::{
    addresses, fault,
    people::{Person, priority_level, status_class, type_class},
    shell::{self, Choice, Section, Shell},
    visitor::Visitor,
    wording::{Moment, counted},
};
use crate::{rest::problem, state::WebState};

const PAGE_SIZE: u32 = 50;
/// What an empty box asks for.
const NEWEST: &str = "ORDER BY updated DESC";

/// Queries to start from.
const EXAMPLES: [(&str, &str); 5] = [
    ("In progress", "statusCategory = \"In Progress\" ORDER BY updated DESC"),
    ("Overdue", "statusCategory != Done AND due < startOfDay() ORDER BY due ASC"),
    ("New this week", "created >= -7d ORDER BY created DESC"),
    ("Unassigned", "assignee IS EMPTY AND statusCategory != Done ORDER BY created DESC"),
    ("Done this week", "statusCategory = Done AND resolved >= -7d ORDER BY resolved DESC"),
];

/// What is asked for.
#[derive(Default, Deserialize)]
pub(super) struct Asked {
    #[serde(default)]
    pub(super) jql: String,
    #[serde(default)]
    pub(super) instance: String,
    #[serde(default)]
    pub(super) cursor: String,
}

/// `GET /issues`
pub(super) async fn show(
    State(state): State<WebState>,
    visitor: Visitor,
    Query(asked): Query<Asked>,
) -> Response {
    let answer = view(&state, &visitor, &asked).await.map(|(status, page)| shell::answer(status, &page));
    visitor.answer(Section::Issues, answer)
}

async fn view(
    state: &WebState,
    visitor: &Visitor,
    asked: &Asked,
) -> Result<(StatusCode, IssueListPage), Error> {
    let now = state.services.clock.now();
    let mut tx = state.services.db.tenant(&visitor.caller.context()).await?;
    let instances = tx.instances().await?;
    let shell = visitor.shell(Section::Issues, "Issues");
    let found = match request(asked, &instances, now) {
        Ok(request) => tx.search(&request).await.map_err(Refusal::of),
        Err(refusal) => Err(refusal),
    };
    match found {
        Ok(found) => Ok((StatusCode::OK, IssueListPage::new(shell, asked, &instances, Ok(found), now))),
        Err(Refusal::Shown(status, error)) => {
            Ok((status, IssueListPage::new(shell, asked, &instances, Err(error), now)))
        }
        Err(Refusal::Fault(error)) => Err(error),
    }
}

/// Why there is no result: something for the reader to correct, or an error that ends the page.
enum Refusal {
    Shown(StatusCode, QueryError),
    Fault(Error),
}

impl Refusal {
    fn of(error: Error) -> Self {
        match error {
            Error::InvalidJql(_) | Error::Unsupported(_) | Error::Invalid(_) => {
                Self::Shown(problem::status_of(&error), QueryError::new(&error))
            }
            other => Self::Fault(other),
        }
    }
}

fn request(asked: &Asked, instances: &[Instance], now: DateTime<Utc>) -> Result<SearchRequest, Refusal> {
    let text = if asked.jql.trim().is_empty() { NEWEST } else { asked.jql.as_str() };
    let query = jql::parse(text)
        .map_err(|error| Refusal::Shown(StatusCode::BAD_REQUEST, QueryError::unparsed(&error, text)))?;
    let instance = match asked.instance.as_str() {
        "" => None,
        name => {
            let known = instances.iter().find(|instance| instance.name == name);
            Some(known.ok_or_else(|| Refusal::Fault(Error::not_found("instance", name)))?)
        }
    };
    let start = match asked.cursor.as_str() {
        "" => SearchStart::Offset(0),
        cursor => SearchStart::After(cursor.to_owned()),
    };
    Ok(SearchRequest { limit: PAGE_SIZE, start, with_total: true, ..request_at(instance, query, now) })
}

/// What is wrong with the query, shown below the box.
pub(super) struct QueryError {
    message: String,
    marker: Option<Marker>,
}

impl QueryError {
    /// The query was parsed by then, so what is wrong has no place within it.
    pub(super) fn new(error: &Error) -> Self {
        Self { message: fault::sentence(&error.to_string()), marker: None }
    }

    pub(super) fn unparsed(error: &jql::ParseError, jql: &str) -> Self {
        Self { message: error.to_string(), marker: error.position.map(|position| Marker::at(jql, position)) }
    }
}

/// The line of the query where it stops being one.
struct Marker {
    before: String,
    at: String,
    after: String,
}

impl Marker {
    fn at(text: &str, position: jql::Position) -> Self {
        let line = text.split('\n').nth(position.line.saturating_sub(1)).unwrap_or_default();
        let wanted = position.column.saturating_sub(1);
        // Jira counts UTF-16 code units.
        let mut units = 0;
        let begin = line.char_indices().find(|(_, c)| {
            let here = units >= wanted;
            units += c.len_utf16();
            here
        });
        match begin {
            Some((index, c)) => Self {
                before: line[..index].to_owned(),
                at: c.to_string(),
                after: line[index + c.len_utf8()..].to_owned(),
            },
            None => Self { before: line.to_owned(), at: String::new(), after: String::new() },
        }
    }
}

/// The page.
#[derive(Template)]
#[template(path = "issue_list.html")]
pub(super) struct IssueListPage {
    shell: Shell,
    jql: String,
    instances: Vec<Choice>,
    /// Whether rows name their instance: there are several, and none is chosen.
    names_instances: bool,
    error: Option<QueryError>,
    found: Option<Found>,
    examples: Vec<Example>,
}

struct Found {
    rows: Vec<Row>,
    /// "1,234 issues".
    total: Option<String>,
    next: Option<String>,
    first: Option<String>,
}

struct Example {
    label: &'static str,
    jql: &'static str,
    address: String,
    current: bool,
}

struct Row {
    key: String,
    address: String,
    instance: String,
    summary: String,
    issue_type: Option<Named>,
    status: String,
    status_class: &'static str,
    priority: Option<(String, u8)>,
    assignee: Option<Person>,
    updated: Moment,
}

struct Named {
    name: String,
    class: &'static str,
}

impl IssueListPage {
    pub(super) fn new(
        shell: Shell,
        asked: &Asked,
        instances: &[Instance],
        found: Result<SearchPage, QueryError>,
        now: DateTime<Utc>,
    ) -> Self {
        let mut choices = vec![Choice::new("", "All instances", &asked.instance)];
        choices.extend(
            instances.iter().map(|known| Choice::new(&known.name, &known.display_name, &asked.instance)),
        );
        let (found, error) = match found {
            Ok(page) => (Some(Found::new(page, asked, now)), None),
            Err(error) => (None, Some(error)),
        };
        Self {
            shell,
            jql: asked.jql.clone(),
            names_instances: instances.len() > 1 && asked.instance.is_empty(),
            instances: choices,
            error,
            found,
            examples: EXAMPLES
                .into_iter()
                .map(|(label, jql)| Example {
                    label,
                    jql,
                    address: addresses::search(jql, &asked.instance),
                    current: asked.jql.trim() == jql,
                })
                .collect(),
        }
    }
}

impl Found {
    fn new(page: SearchPage, asked: &Asked, now: DateTime<Utc>) -> Self {
        let at = |cursor: &str| {
            let query = [("jql", asked.jql.as_str()), ("instance", &asked.instance), ("cursor", cursor)];
            addresses::href("/issues", &query)
        };
        Self {
            rows: page.issues.into_iter().map(|issue| row(issue, now)).collect(),
            total: page.total.map(|total| counted(total, "issue")),
            next: page.next.as_deref().map(at),
            first: (!asked.cursor.is_empty()).then(|| at("")),
        }
    }
}

fn row(issue: IssueRow, now: DateTime<Utc>) -> Row {
    Row {
        address: addresses::issue(&issue.instance, &issue.key),
        issue_type: issue.issue_type.map(|name| Named { class: type_class(&name), name }),
        status_class: status_class(&issue.status_category),
        priority: issue.priority.map(|name| {
            let level = priority_level(&name);
            (name, level)
        }),
        assignee: issue.assignee.as_deref().map(Person::named),
        updated: Moment::of(issue.updated, now),
        key: issue.key,
        instance: issue.instance,
        summary: issue.summary,
        status: issue.status,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_marker_stands_where_the_query_ends_to_be_one() {
        let marked = |text: &str| {
            let marker = Marker::at(text, jql::parse(text).unwrap_err().position.unwrap());
            (marker.before, marker.at, marker.after)
        };
        let text = |before: &str, at: &str, after: &str| (before.to_owned(), at.to_owned(), after.to_owned());
        assert_eq!(marked("invalid query"), text("invalid ", "q", "uery"));
        assert_eq!(marked("project = A AND\nstatus ? Done"), text("status ", "?", " Done"));
        // A letter outside the basic plane is two units to Jira, and one letter to us.
        assert_eq!(marked("summary ~ \"𝒜\" x"), text("summary ~ \"𝒜\" ", "x", ""));
    }

    #[test]
    fn every_example_is_jql() {
        for (label, jql) in EXAMPLES {
            assert!(jql::parse(jql).is_ok(), "{label}");
        }
        assert!(jql::parse(NEWEST).is_ok());
    }

    #[test]
    fn an_empty_box_asks_for_the_newest() {
        let now = DateTime::UNIX_EPOCH;
        let request = request(&Asked::default(), &[], now).ok().unwrap();
        assert_eq!(request.query.to_string(), NEWEST);
        assert_eq!(request.start, SearchStart::Offset(0));
        let unknown = Asked { instance: "nowhere".into(), ..Asked::default() };
        assert!(matches!(super::request(&unknown, &[], now), Err(Refusal::Fault(Error::NotFound { .. }))));
    }
}
