//! Making issues whole: the collections that Jira embeds are truncated, so what is missing is fetched (jira-facts 1.7).

use std::collections::{BTreeMap, HashMap, HashSet};

use application::{
    instances::Dialect,
    ports::{IssueText, SetAside},
};
use jira_client::{JiraClient, JiraError};
use serde::de::IgnoredAny;
use serde_json::{
    Value,
    value::{RawValue, to_raw_value},
};

use super::parts::{self, Bound, Portions};

/// The smallest number of embedded histories at which a Jira was seen to cut them (jira-facts 1.7).
const FEWEST_CUT: usize = 20;
/// What an embedded list of worklogs holds at most where it holds all (jira-facts 1.7).
const USUAL_WORKLOGS: u64 = 20;

/// A page of issues, made whole as far as that can be done.
#[derive(Debug, Default)]
pub(super) struct Whole {
    pub(super) issues: Vec<IssueText>,
    /// Issues that could not be completed: one of them does not hold up the others.
    pub(super) set_aside: Vec<SetAside>,
}

/// Issues stay text, and only what tells whether they are whole is looked at; one that is not is taken apart to be completed.
///
/// # Errors
/// Those of the requests, and [`JiraError::TooLarge`] where the issues have more bytes than they may with their histories.
pub(super) async fn complete(
    client: &JiraClient,
    dialect: Dialect,
    issues: Vec<Box<RawValue>>,
    bound: Bound,
) -> Result<Whole, JiraError> {
    let issues: Vec<(Shape, Box<RawValue>)> =
        issues.into_iter().map(|issue| (Shape::of(&issue), issue)).collect();
    let open = issues.iter().filter(|(shape, _)| !shape.has_whole_changelog());
    let ids: Vec<String> = open.filter_map(|(shape, _)| shape.id.clone()).collect();
    let bytes: u64 = issues.iter().map(|(_, issue)| issue.get().len() as u64).sum();
    let mut changelogs = match dialect {
        Dialect::V3 if !ids.is_empty() => changelogs(client, &ids, bound.less(bytes)?).await?,
        _ => HashMap::new(),
    };
    let asked: HashSet<String> = ids.into_iter().collect();
    let mut whole = Whole::default();
    for (shape, mut issue) in issues {
        let Some(id) = &shape.id else {
            // Without an id nothing can be fetched for it; the reader rejects it with the reason.
            whole.issues.push(IssueText::new(issue, false, false));
            continue;
        };
        if dialect == Dialect::V3 {
            let histories = match asked.contains(id) {
                true => changelogs.remove(id).unwrap_or_else(|| Ok(Vec::new())),
                false => Ok(embedded_histories(&issue)),
            };
            match histories {
                Ok(histories) => issue = with_changelog(&issue, &histories)?,
                Err(error) => {
                    let reason = format!("its histories cannot be read: {error}");
                    whole.set_aside.push(SetAside { jira_id: Some(id.clone()), reason });
                    continue;
                }
            }
        }
        let fetched = match fill(client, dialect, &shape, id, &mut issue).await {
            Ok(fetched) => fetched,
            Err(error) if is_about_the_issue(&error) => {
                let reason = format!("cannot be read whole: {error}");
                whole.set_aside.push(SetAside { jira_id: Some(id.clone()), reason });
                continue;
            }
            Err(error) => return Err(error),
        };
        // A collection that the site left out altogether, or of which something is missing, says nothing about what is gone.
        let comments_complete = fetched.comments.unwrap_or_else(|| shape.comments.is_all());
        let worklogs_complete = fetched.worklogs.unwrap_or_else(|| shape.worklogs.is_all());
        whole.issues.push(IssueText::new(issue, comments_complete, worklogs_complete));
    }
    Ok(whole)
}

/// What an issue shows of itself and of the lists that Jira cuts short.
#[derive(Debug, Default)]
struct Shape {
    id: Option<String>,
    histories: List,
    comments: List,
    worklogs: List,
}

/// An embedded list.
#[derive(Clone, Copy, Debug, Default)]
struct List {
    /// Whether there is anything that could hold it.
    is_there: bool,
    listed: Option<usize>,
    total: Option<u64>,
}

impl Shape {
    fn of(issue: &RawValue) -> Self {
        let issue = members(Some(issue));
        let fields = members(issue.get("fields").copied());
        Self {
            id: issue.get("id").and_then(|id| serde_json::from_str(id.get()).ok()),
            histories: List::of(issue.get("changelog").copied(), "histories"),
            comments: List::of(fields.get("comment").copied(), "comments"),
            worklogs: List::of(fields.get("worklog").copied(), "worklogs"),
        }
    }

    /// Whether the histories that came with an issue are all of it: where they are fewer than any limit of Jira's that was ever seen,
    /// and `total` says so too. More of them are always asked for: `total` alone is not believed.
    fn has_whole_changelog(&self) -> bool {
        let List { listed, total, .. } = self.histories;
        listed.is_some_and(|listed| listed < FEWEST_CUT && total == Some(listed as u64))
    }
}

impl List {
    fn of(collection: Option<&RawValue>, rows: &str) -> Self {
        let is_there = collection.is_some_and(|collection| collection.get().starts_with('{'));
        let members = members(collection);
        let rows =
            members.get(rows).and_then(|rows| serde_json::from_str::<Vec<IgnoredAny>>(rows.get()).ok());
        let total = members.get("total").and_then(|total| serde_json::from_str(total.get()).ok());
        Self { is_there, listed: rows.map(|rows| rows.len()), total }
    }

    /// Whether it says itself that something is missing.
    fn is_truncated(&self) -> bool {
        self.is_there && self.total.is_some_and(|total| total > self.listed.unwrap_or(0) as u64)
    }

    fn is_all(&self) -> bool {
        self.listed.is_some() && !self.is_truncated()
    }
}

/// The members of an object, each as text; none of what is something else.
fn members(object: Option<&RawValue>) -> BTreeMap<String, &RawValue> {
    object.and_then(|object| serde_json::from_str(object.get()).ok()).unwrap_or_default()
}

fn embedded_histories(issue: &RawValue) -> Vec<Box<RawValue>> {
    let changelog = members(members(Some(issue)).get("changelog").copied());
    let histories = changelog.get("histories").and_then(|list| serde_json::from_str(list.get()).ok());
    histories.unwrap_or_default()
}

/// Histories of an issue, or why they cannot be read.
type Histories = Result<Vec<Box<RawValue>>, JiraError>;

/// All histories of issues, by id, within so many bytes. Where asking for them together fails, they are asked for in halves, and one by
/// its own address; what fails even so is told of that issue alone.
async fn changelogs(
    client: &JiraClient,
    ids: &[String],
    mut bound: Bound,
) -> Result<HashMap<String, Histories>, JiraError> {
    let failed = match client.changelogs(ids, bound.bytes()).await {
        Ok(found) => return Ok(found.into_iter().map(|(id, histories)| (id, Ok(histories))).collect()),
        Err(error) if bound.blames_the_issues(&error, ids.len()) => error,
        Err(error) => return Err(error),
    };
    let (quick, patient) = (parts::tries(client, 1), parts::tries(client, 2));
    let mut found = HashMap::new();
    let mut portions = Portions::of(ids);
    while let Some(portion) = portions.next() {
        let asked = match portion.as_slice() {
            [id] => changelog(&patient, id).await,
            several => quick.changelogs(several, bound.bytes()).await,
        };
        match asked {
            Ok(part) => {
                bound =
                    bound.less(part.values().flatten().map(|history| history.get().len() as u64).sum())?;
                found.extend(part.into_iter().map(|(id, histories)| (id, Ok(histories))));
            }
            Err(error) if bound.blames_the_issues(&error, portion.len()) => {
                if let Some(id) = portions.divide(portion) {
                    found.insert(id, Err(error));
                }
            }
            Err(error) => return Err(error),
        }
    }
    let is_site = ids.len() > parts::FEW && found.len() >= ids.len() && found.values().all(Result::is_err);
    if is_site { Err(failed) } else { Ok(found) }
}

/// Those of one issue, by its own address; nothing where it is not shown.
async fn changelog(client: &JiraClient, id: &str) -> Result<HashMap<String, Vec<Box<RawValue>>>, JiraError> {
    let Some(histories) = still_there(client.issue_changelog(id).await)? else { return Ok(HashMap::new()) };
    let histories: Result<_, _> = histories.iter().map(to_raw_value).collect();
    Ok(HashMap::from([(id.to_owned(), histories.map_err(|error| unusable(&error))?)]))
}

/// Of what was fetched, whether that is all. A `total` may count what the account may not see, and stays as sent.
#[derive(Clone, Copy, Debug, Default)]
struct Completed {
    comments: Option<bool>,
    worklogs: Option<bool>,
}

/// Fetches what the issue's embedded collections leave out.
async fn fill(
    client: &JiraClient,
    dialect: Dialect,
    shape: &Shape,
    id: &str,
    issue: &mut Box<RawValue>,
) -> Result<Completed, JiraError> {
    let lacks_histories = dialect == Dialect::V2 && shape.histories.is_truncated();
    let mut completed = Completed::default();
    if !(lacks_histories || shape.comments.is_truncated() || shape.worklogs.is_truncated()) {
        return Ok(completed);
    }
    let mut raw: Value = serde_json::from_str(issue.get()).map_err(|error| unusable(&error))?;
    if lacks_histories && let Some(histories) = still_there(client.issue_changelog(id).await)? {
        complete_list(&mut raw["changelog"], "histories", histories, 0);
    }
    if shape.comments.is_truncated()
        && let Some((comments, are_all)) = still_there(client.comments(id).await)?
    {
        complete_list(&mut raw["fields"]["comment"], "comments", comments, 0);
        completed.comments = Some(are_all);
    }
    if shape.worklogs.is_truncated()
        && let Some((worklogs, are_all)) = still_there(client.worklogs(id).await)?
    {
        complete_list(&mut raw["fields"]["worklog"], "worklogs", worklogs, USUAL_WORKLOGS);
        completed.worklogs = Some(are_all);
    }
    *issue = to_raw_value(&raw).map_err(|error| unusable(&error))?;
    Ok(completed)
}

/// Where, and not what: the error itself may quote the issue.
fn unusable(error: &serde_json::Error) -> JiraError {
    let what = format!("an issue: line {} column {}", error.line(), error.column());
    JiraError::InvalidBody { what, excerpt: String::new() }
}

/// Puts all rows into an embedded list, which then says of itself what one says that was never cut short. A `total` may count what the
/// account may not see, and stays as sent.
fn complete_list(list: &mut Value, name: &str, rows: Vec<Value>, usual: u64) {
    let most = list["total"].as_u64().unwrap_or(0).max(rows.len() as u64).max(usual);
    list["maxResults"] = most.into();
    list[name] = Value::Array(rows);
}

/// An issue that went between two requests is stored as it was; that it is gone is found out by those who look for that.
fn still_there<T>(found: Result<T, JiraError>) -> Result<Option<T>, JiraError> {
    match found {
        Ok(found) => Ok(Some(found)),
        Err(JiraError::NotFound { .. }) => Ok(None),
        Err(error) => Err(error),
    }
}

/// Whether the site fails at this issue, and not at everything: it is worth going on with the others.
fn is_about_the_issue(error: &JiraError) -> bool {
    matches!(
        error,
        JiraError::BadRequest { .. }
            | JiraError::Forbidden { .. }
            | JiraError::Gone { .. }
            | JiraError::NotJson { .. }
            | JiraError::InvalidBody { .. }
            | JiraError::TooLarge { .. }
            | JiraError::Upstream { status: 500, retry_after: None, .. }
    )
}

/// An issue with all its histories, as text. Of a member that is there twice, the later one counts.
fn with_changelog(issue: &RawValue, histories: &[Box<RawValue>]) -> Result<Box<RawValue>, JiraError> {
    let text = issue.get().trim_end();
    let Some(open) = text.strip_suffix('}').map(str::trim_end) else { return Ok(issue.to_owned()) };
    let total = histories.len();
    let histories: Vec<&str> = histories.iter().map(|history| history.get()).collect();
    let histories = histories.join(",");
    let comma = if open.ends_with('{') { "" } else { "," };
    let whole = format!(
        r#"{open}{comma}"changelog":{{"startAt":0,"maxResults":{total},"total":{total},"histories":[{histories}]}}}}"#
    );
    RawValue::from_string(whole).map_err(|error| unusable(&error))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn shape(issue: &Value) -> Shape {
        Shape::of(&to_raw_value(issue).unwrap())
    }

    #[test]
    fn a_few_histories_are_believed_to_be_all_where_the_total_says_so_and_many_never() {
        let issue = |listed: usize, total: Value| json!({ "changelog": { "total": total, "histories": vec![json!({}); listed] } });
        for (listed, total, whole) in
            [(0, 0, true), (3, 3, true), (19, 19, true), (20, 20, false), (3, 4, false)]
        {
            let shape = shape(&issue(listed, json!(total)));
            assert_eq!(shape.has_whole_changelog(), whole, "{listed} of {total}");
        }
        assert!(!shape(&issue(3, Value::Null)).has_whole_changelog());
        assert!(!shape(&json!({ "changelog": { "total": 0 } })).has_whole_changelog());
        assert!(!shape(&json!({})).has_whole_changelog());
    }

    #[test]
    fn histories_become_part_of_the_text_in_place_of_those_that_are_there() {
        let histories =
            [json!({"id": "1"}), json!({"id": "2", "items": []})].map(|h| to_raw_value(&h).unwrap());
        for issue in
            [json!({}), json!({"id": "7"}), json!({"changelog": {"total": 9, "histories": [1]}, "id": "7"})]
        {
            let text = with_changelog(&to_raw_value(&issue).unwrap(), &histories).unwrap();
            let read: Value = serde_json::from_str(text.get()).unwrap();
            assert_eq!(read["id"], issue["id"]);
            let whole = json!({"startAt": 0, "maxResults": 2, "total": 2,
                               "histories": [{"id": "1"}, {"id": "2", "items": []}]});
            assert_eq!(read["changelog"], whole);
        }
        let spread = RawValue::from_string("{\"id\": \"7\"\n }".to_owned()).unwrap();
        let text = with_changelog(&spread, &[]).unwrap();
        assert_eq!(embedded_histories(&text).len(), 0);
        assert_eq!(serde_json::from_str::<Value>(text.get()).unwrap()["changelog"]["total"], 0);
    }

    #[test]
    fn a_list_that_was_completed_looks_as_if_it_had_never_been_cut() {
        let mut comment = json!({ "comments": [{}], "maxResults": 1, "total": 3, "startAt": 0 });
        complete_list(&mut comment, "comments", vec![json!({}); 3], 0);
        assert_eq!(comment, json!({ "comments": [{}, {}, {}], "maxResults": 3, "total": 3, "startAt": 0 }));
        let mut worklog = json!({ "worklogs": [], "maxResults": 1, "total": 2 });
        complete_list(&mut worklog, "worklogs", vec![json!({}); 2], USUAL_WORKLOGS);
        assert_eq!(worklog["maxResults"], 20);
    }

    #[test]
    fn a_list_shorter_than_its_total_is_truncated_and_one_that_is_not_there_is_nothing() {
        let comments = |comment: Value| shape(&json!({ "fields": { "comment": comment } })).comments;
        assert!(comments(json!({ "total": 30, "comments": [{}] })).is_truncated());
        assert!(comments(json!({ "total": 1 })).is_truncated());
        for whole in [json!({ "total": 1, "comments": [{}] }), json!({ "comments": [{}] })] {
            assert!(!comments(whole.clone()).is_truncated() && comments(whole).is_all());
        }
        for nothing in [Value::Null, json!([]), json!("odd"), json!({ "comments": "odd" })] {
            assert!(!comments(nothing.clone()).is_truncated() && !comments(nothing).is_all());
        }
        assert!(!shape(&json!({ "fields": [] })).worklogs.is_all());
    }
}
