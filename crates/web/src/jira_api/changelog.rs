//! Histories: of one issue, and of many at once (jira-facts 1.5).

use std::collections::HashMap;

use application::issues::HistoryRow;
use axum::response::Response;
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use domain::{ids::IssueId, jira_time};
use serde_json::{Value, json};

use super::{
    answer, body::Body, issues::ids_or_keys, lookup, page::Window, params::Params, refusal::Refusal,
    site::Site,
};

const PAGE: usize = 100;

/// Issues in one bulk fetch.
const LARGEST_BULK: usize = 1_000;

const LARGEST_BULK_PAGE: i64 = 10_000;
const DEFAULT_BULK_PAGE: i64 = 1_000;
const MOST_FIELDS: usize = 10;

pub(super) async fn of_issue(site: Site, params: Params) -> Result<Response, Refusal> {
    let window = Window::of(&params, PAGE, PAGE)?;
    let (_, row) = site.issue().await?;
    let mut tx = site.transaction().await?;
    let histories = tx.histories(&[row.id]).await?.into_iter().map(|history| history.raw).collect();
    let path = format!("issue/{}/changelog", row.jira_id);
    Ok(answer::ok(&window.bean(&site, &params, &path, histories)))
}

/// `POST issue/{issue}/changelog/list`: the histories of these ids, all on one page; what is not the issue's is left out.
pub(super) async fn of_ids(site: Site, body: Body) -> Result<Response, Refusal> {
    let wanted = body.list("changelogIds")?;
    if wanted.is_empty() {
        return Err(Refusal::field("changelogIds", "Name at least one changelog."));
    }
    let (_, row) = site.issue().await?;
    let histories = site.transaction().await?.histories(&[row.id]).await?.into_iter();
    let is_wanted = |history: &Value| match &history["id"] {
        Value::String(id) => wanted.contains(id),
        id => wanted.contains(&id.to_string()),
    };
    let found: Vec<Value> = histories.map(|history| history.raw).filter(is_wanted).collect();
    let total = found.len();
    Ok(answer::ok(&json!({ "startAt": 0, "maxResults": total, "total": total, "histories": found })))
}

pub(super) async fn bulk_fetch(site: Site, body: Body) -> Result<Response, Refusal> {
    let names = ids_or_keys(&body, LARGEST_BULK)?;
    let fields = body.list("fieldIds")?;
    if fields.len() > MOST_FIELDS {
        return Err(Refusal::bad_request(format!("fieldIds must not hold more than {MOST_FIELDS} fields.")));
    }
    let size = body.integer("maxResults")?.unwrap_or(DEFAULT_BULK_PAGE);
    let size = usize::try_from(size.clamp(1, LARGEST_BULK_PAGE)).unwrap_or(1);
    let after = body.text("nextPageToken")?.map(Place::from_token).transpose()?;

    let (mut tx, instance) = site.read().await?;
    let rows = lookup::issues(&site, tx.as_mut(), &instance, &names).await?;
    let ids: Vec<IssueId> = rows.iter().map(|row| row.id).collect();
    let jira_ids: HashMap<IssueId, i64> =
        rows.iter().filter_map(|row| Some((row.id, row.jira_id.parse().ok()?))).collect();
    let placed = tx
        .histories(&ids)
        .await?
        .into_iter()
        .filter(|history| fields.is_empty() || touches(&history.raw, &fields))
        .filter_map(|history| place(history, &jira_ids))
        .collect();
    Ok(answer::ok(&bulk_page(placed, after, size)))
}

/// Where a history stands among those of all issues: oldest first, then by issue.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Place {
    created_ms: i64,
    issue: i64,
    history: i64,
}

impl Place {
    fn token(self) -> String {
        URL_SAFE_NO_PAD.encode(format!("{}.{}.{}", self.created_ms, self.issue, self.history))
    }

    fn from_token(token: &str) -> Result<Self, Refusal> {
        let read = || {
            let text = String::from_utf8(URL_SAFE_NO_PAD.decode(token).ok()?).ok()?;
            let mut parts = text.split('.').map(|part| part.parse::<i64>().ok());
            let mut next = || parts.next().flatten();
            Some(Self { created_ms: next()?, issue: next()?, history: next()? })
        };
        read().ok_or_else(|| Refusal::bad_request("The nextPageToken is not valid."))
    }
}

fn place(history: HistoryRow, jira_ids: &HashMap<IssueId, i64>) -> Option<(Place, Value)> {
    let number = |value: &Value| value.as_i64().or_else(|| value.as_str()?.parse().ok());
    let place = Place {
        created_ms: jira_time::parse_json(&history.raw["created"]).ok()?.timestamp_millis(),
        issue: *jira_ids.get(&history.issue_id)?,
        history: number(&history.raw["id"])?,
    };
    Some((place, history.raw))
}

/// Whether a history changed one of these fields. Old histories and those of Server have no field ids.
fn touches(history: &Value, fields: &[String]) -> bool {
    history["items"].as_array().into_iter().flatten().any(|item| {
        let field = item["fieldId"].as_str().or_else(|| item["field"].as_str());
        field.is_some_and(|field| fields.iter().any(|wanted| wanted.eq_ignore_ascii_case(field)))
    })
}

/// One page. Histories stay in order, so an issue may come again on a later page.
fn bulk_page(mut placed: Vec<(Place, Value)>, after: Option<Place>, size: usize) -> Value {
    placed.retain(|(place, _)| after.is_none_or(|after| *place > after));
    placed.sort_by_key(|(place, _)| *place);
    let more = placed.len() > size;
    placed.truncate(size);
    let next = placed.last().filter(|_| more).map(|(place, _)| place.token());

    let mut order: Vec<i64> = Vec::new();
    let mut grouped: HashMap<i64, Vec<Value>> = HashMap::new();
    for (place, history) in placed {
        let histories = grouped.entry(place.issue).or_insert_with(|| {
            order.push(place.issue);
            Vec::new()
        });
        histories.push(history);
    }
    let changelogs: Vec<Value> = order
        .into_iter()
        .map(|issue| {
            let histories = grouped.remove(&issue).unwrap_or_default();
            json!({ "issueId": issue.to_string(), "changeHistories": histories })
        })
        .collect();
    let mut page = json!({ "issueChangeLogs": changelogs });
    if let Some(next) = next {
        page["nextPageToken"] = Value::String(next);
    }
    page
}

#[cfg(test)]
mod tests {
    use super::*;

    fn placed(created_ms: i64, issue: i64, history: i64) -> (Place, Value) {
        (Place { created_ms, issue, history }, json!({ "id": history.to_string() }))
    }

    #[test]
    fn pages_go_by_date_and_an_issue_may_come_again() {
        let all = || vec![placed(30, 1, 103), placed(10, 1, 101), placed(20, 2, 102)];
        let first = bulk_page(all(), None, 2);
        let ids = |page: &Value| {
            let list = page["issueChangeLogs"].as_array().unwrap().clone();
            list.iter().map(|entry| entry["issueId"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
        };
        assert_eq!(ids(&first), ["1", "2"]);
        let token = Place::from_token(first["nextPageToken"].as_str().unwrap()).unwrap();
        let second = bulk_page(all(), Some(token), 2);
        assert_eq!(
            second,
            json!({"issueChangeLogs": [{"issueId": "1", "changeHistories": [{"id": "103"}]}]})
        );
    }

    #[test]
    fn a_made_up_token_is_refused() {
        assert!(Place::from_token("???").is_err());
        assert!(Place::from_token(&URL_SAFE_NO_PAD.encode("1.2")).is_err());
        let place = Place { created_ms: 5, issue: 6, history: 7 };
        assert_eq!(Place::from_token(&place.token()).unwrap(), place);
    }

    #[test]
    fn fields_are_found_by_id_or_else_by_name() {
        let history =
            json!({"items": [{"field": "Story Points", "fieldId": "customfield_1"}, {"field": "status"}]});
        assert!(touches(&history, &["customfield_1".into()]));
        assert!(touches(&history, &["status".into()]));
        assert!(!touches(&history, &["priority".into()]));
    }
}
