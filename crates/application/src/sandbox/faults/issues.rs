//! What is wrong with issues: changes to them as they leave, and which of them are not seen at all.

use std::{
    collections::BTreeSet,
    sync::{Arc, Mutex, PoisonError},
};

use chrono::{DateTime, Duration, Utc};
use jql::FieldName;
use serde_json::{Value, json};

use super::{
    decide::{ActivePlan, Met},
    plan::{Defect, Fault},
};
use crate::issues::IssueRow;

/// The issues of an answer: of a page, or the one that it is.
pub fn issues_of(answer: &mut Value) -> Vec<&mut Value> {
    if answer.get("issues").is_some_and(Value::is_array) {
        return answer["issues"].as_array_mut().map(|issues| issues.iter_mut().collect()).unwrap_or_default();
    }
    if answer["id"].is_string() && answer["key"].is_string() { vec![answer] } else { Vec::new() }
}

/// Cuts an issue's embedded lists off; the totals stay.
pub fn truncate(issue: &mut Value, histories: usize, comments: usize, worklogs: usize) -> bool {
    let lists = [
        ("/changelog", "histories", histories),
        ("/fields/comment", "comments", comments),
        ("/fields/worklog", "worklogs", worklogs),
    ];
    let mut changed = false;
    for (envelope, list, most) in lists {
        let Some(envelope) = issue.pointer_mut(envelope) else { continue };
        let Some(rows) = envelope.get_mut(list).and_then(Value::as_array_mut) else { continue };
        if rows.len() > most {
            rows.truncate(most);
            envelope["maxResults"] = json!(most);
            changed = true;
        }
    }
    changed
}

/// Whether an issue as served is named in the list or picked by the share.
pub fn is_chosen(active: &ActivePlan, rule: usize, issue: &Value, named: &[String], share: f64) -> bool {
    let text = |member: &str| issue[member].as_str().unwrap_or_default();
    is_named(named, text("id"), text("key")) || active.picks(rule, share, text("id"))
}

fn is_named(named: &[String], id: &str, key: &str) -> bool {
    named.iter().any(|name| name == id || name.eq_ignore_ascii_case(key))
}

/// Whether an answer shows one of these issues, and more of it than its id, key and times; `alone`: also an answer that is about it
/// alone.
pub fn is_poisoned(answer: &Value, alone: bool, is_chosen: impl Fn(&Value) -> bool) -> bool {
    let shows_more = |issue: &Value| {
        let fields = issue["fields"].as_object();
        fields.is_some_and(|fields| fields.keys().any(|name| name != "created" && name != "updated"))
    };
    let listed = |list: &str| answer[list].as_array().into_iter().flatten();
    let in_page = listed("issues").any(|issue| shows_more(issue) && is_chosen(issue));
    // A history knows no key.
    let in_histories = listed("issueChangeLogs").any(|entry| is_chosen(&json!({ "id": entry["issueId"] })));
    in_page || in_histories || (alone && shows_more(answer) && is_chosen(answer))
}

/// Gives an issue a defect.
pub fn spoil(issue: &mut Value, how: Defect, field: &str) -> bool {
    let Some(fields) = issue.get_mut("fields").and_then(Value::as_object_mut) else { return false };
    match how {
        Defect::Missing => fields.remove(field).is_some(),
        Defect::Malformed => {
            let Some(value) = fields.get_mut(field) else { return false };
            *value = match value {
                Value::Object(_) | Value::Array(_) => json!("?"),
                _ => json!({ "malformed": true }),
            };
            true
        }
        Defect::Unknown => {
            let odd = json!({ "self": null, "value": [1, "two", { "three": 3.5 }] });
            fields.insert("customfield_99999".into(), odd).is_none()
        }
    }
}

/// Makes the histories of an answer odd: numbers for times in a bulk fetch, and nobody who made them.
pub fn odd_histories(answer: &mut Value, created_as_number: bool, without_author: bool) -> bool {
    let mut changed = false;
    for entry in answer.get_mut("issueChangeLogs").and_then(Value::as_array_mut).into_iter().flatten() {
        for history in entry.get_mut("changeHistories").and_then(Value::as_array_mut).into_iter().flatten() {
            if created_as_number && let Ok(created) = domain::jira_time::parse_json(&history["created"]) {
                history["created"] = json!(created.timestamp_millis());
                changed = true;
            }
        }
    }
    if without_author {
        each_history(answer, &mut |history| {
            changed |= history.as_object_mut().is_some_and(|history| history.remove("author").is_some());
        });
    }
    changed
}

fn each_history(value: &mut Value, change: &mut impl FnMut(&mut Value)) {
    if value.get("items").is_some_and(Value::is_array) {
        return change(value);
    }
    match value {
        Value::Object(members) => members.values_mut().for_each(|member| each_history(member, change)),
        Value::Array(entries) => entries.iter_mut().for_each(|entry| each_history(entry, change)),
        _ => {}
    }
}

/// Through which a request sees a sandbox's issues: what it does not see, the handler leaves out, and what it changes of a comment may
/// not be seen of the issue.
#[derive(Debug)]
pub struct Lens {
    active: Arc<ActivePlan>,
    rules: Vec<usize>,
    /// Rules that have left something out, each counted once a request.
    fired: Mutex<BTreeSet<usize>>,
}

impl Lens {
    /// The lens of the faults that meet a request; `None` when it sees everything.
    pub fn of(active: &Arc<ActivePlan>, met: &[Met<'_>]) -> Option<Self> {
        let is_lens = |met: &&Met<'_>| {
            matches!(met.fault, Fault::Hidden { .. } | Fault::IndexLag { .. } | Fault::SilentComments {})
        };
        let rules: Vec<usize> = met.iter().filter(is_lens).map(|met| met.rule).collect();
        (!rules.is_empty()).then(|| Self { active: active.clone(), rules, fired: Mutex::default() })
    }

    /// Whether the account may not see this issue.
    pub fn hides(&self, issue: &IssueRow) -> bool {
        self.any(|rule, fault| match fault {
            Fault::Hidden { projects, issues, share } => {
                projects.iter().any(|project| project.eq_ignore_ascii_case(&issue.project_key))
                    || is_named(issues, &issue.jira_id, &issue.key)
                    || self.active.picks(rule, *share, &issue.jira_id)
            }
            _ => false,
        })
    }

    /// Whether the account may not see this project.
    pub fn hides_project(&self, key: &str) -> bool {
        self.any(|_, fault| match fault {
            Fault::Hidden { projects, .. } => {
                projects.iter().any(|project| project.eq_ignore_ascii_case(key))
            }
            _ => false,
        })
    }

    /// Whether the index does not know yet that the query finds this issue.
    ///
    /// The index would answer with the issue as it was; only the present one is kept. So what has just been created is not
    /// found at all, and what has just changed is found only by what no change touches: its project, its id or key, and
    /// when it was created.
    pub fn lags(&self, issue: &IssueRow, query: &jql::Query, now: DateTime<Utc>) -> bool {
        self.any(|_, fault| {
            let Fault::IndexLag { ms } = fault else { return false };
            let lag = i64::try_from(*ms).map_or(Duration::MAX, Duration::milliseconds);
            let within = |moment: DateTime<Utc>| moment <= now && now - moment < lag;
            within(issue.created) || (within(issue.updated) && asks_for_what_changes(query))
        })
    }

    /// Whether a comment is changed without its issue: `updated` of that stays.
    pub fn silences_comments(&self) -> bool {
        self.any(|_, fault| matches!(fault, Fault::SilentComments {}))
    }

    fn any(&self, leaves_out: impl Fn(usize, &Fault) -> bool) -> bool {
        let rules =
            self.rules.iter().filter_map(|rule| Some((*rule, &self.active.plan.rules.get(*rule)?.fault)));
        for (rule, fault) in rules {
            if leaves_out(rule, fault) && self.fires(rule) {
                return true;
            }
        }
        false
    }

    fn fires(&self, rule: usize) -> bool {
        let mut fired = self.fired.lock().unwrap_or_else(PoisonError::into_inner);
        if fired.contains(&rule) {
            return true;
        }
        let may = self.active.inject(rule);
        if may {
            fired.insert(rule);
        }
        may
    }
}

fn asks_for_what_changes(query: &jql::Query) -> bool {
    let terms = query.filter.iter().flat_map(|filter| filter.terms());
    terms.into_iter().any(|term| match &term.field.name {
        FieldName::Name(name) => !["project", "id", "key", "issue", "issuekey", "created", "createddate"]
            .contains(&name.to_ascii_lowercase().as_str()),
        FieldName::CustomId(_) | FieldName::Id(_) => true,
    })
}

#[cfg(test)]
mod tests {
    use domain::ids::{InstanceId, IssueId};
    use uuid::Uuid;

    use super::*;
    use crate::{instances::Dialect, sandbox::faults::Asked, sandbox::faults::FaultPlan, search::parse_jql};

    fn at(seconds: i64) -> DateTime<Utc> {
        DateTime::from_timestamp(1_000_000 + seconds, 0).unwrap()
    }

    fn row(key: &str, created: i64, updated: i64) -> IssueRow {
        IssueRow {
            id: IssueId(Uuid::nil()),
            instance_id: InstanceId(Uuid::nil()),
            instance: "play".into(),
            jira_id: "10001".into(),
            key: key.into(),
            project_key: key.split('-').next().unwrap().into(),
            summary: String::new(),
            issue_type: Some("Task".into()),
            status: "To Do".into(),
            status_id: "1".into(),
            status_category: "new".into(),
            priority: None,
            resolution: None,
            assignee: None,
            reporter: None,
            labels: Vec::new(),
            created: at(created),
            updated: at(updated),
            resolved: None,
            due: None,
            story_points: None,
            raw: Value::Null,
            dialect: Dialect::V3,
            changelog_envelope: None,
            synced_at: at(updated),
        }
    }

    fn active(rules: Value) -> Arc<ActivePlan> {
        let plan = FaultPlan::parse(&json!({ "seed": 5, "rules": rules })).unwrap();
        Arc::new(ActivePlan::new(Uuid::nil(), at(0), plan))
    }

    fn lens(active: &Arc<ActivePlan>) -> Option<Lens> {
        let asked = Asked { method: "GET", path: "/rest/api/3/search/jql", query: "", body: b"" };
        Lens::of(active, &active.meet(&asked, at(0)))
    }

    #[test]
    fn what_just_changed_is_found_only_by_what_no_change_touches() {
        let plan = active(json!([{ "fault": "index_lag", "ms": 10_000 }]));
        let lens = lens(&plan).unwrap();
        let lags = |row: &IssueRow, jql: &str| lens.lags(row, &parse_jql(jql).unwrap(), at(0));
        let (fresh, changed, old) = (row("ED-1", -3, -1), row("ED-2", -500, -9), row("ED-3", -500, -10));
        for jql in ["project = ED", "updated >= -1d", "status = Done AND project = ED"] {
            assert!(lags(&fresh, jql), "{jql}");
            assert!(!lags(&old, jql), "{jql}");
        }
        assert!(lags(&changed, "updated >= -1d") && lags(&changed, "project = ED AND cf[10] is not EMPTY"));
        assert!(!lags(&changed, "project = ED ORDER BY updated"), "a census still finds it");
        assert!(
            !lags(&row("ED-4", 50, 50), "updated >= -1d"),
            "a change that is yet to come is no recent one"
        );
        assert_eq!(plan.take_pending()["index_lag"], 1, "one request, one fault");
    }

    #[test]
    fn issues_are_hidden_by_project_name_or_share() {
        let plan = active(json!([{ "fault": "hidden", "projects": ["ops"], "issues": ["ED-7"] }]));
        let lens_of = lens(&plan).unwrap();
        assert!(lens_of.hides(&row("OPS-1", 0, 0)) && lens_of.hides(&row("ED-7", 0, 0)));
        assert!(!lens_of.hides(&row("ED-8", 0, 0)));
        assert!(lens_of.hides_project("OPS") && !lens_of.hides_project("ED"));
        let half = active(json!([{ "fault": "hidden", "share": 0.5 }]));
        let hidden =
            |id: u32| lens(&half).unwrap().hides(&IssueRow { jira_id: id.to_string(), ..row("ED-1", 0, 0) });
        let count = (0..400).filter(|id| hidden(*id)).count();
        assert!((150..250).contains(&count), "{count}");
        assert_eq!(hidden(17), hidden(17), "the same ones with every request");
        assert!(lens(&active(json!([{ "fault": "login_page" }]))).is_none());
    }

    #[test]
    fn lists_break_off_and_their_totals_stay() {
        let mut issue = json!({ "id": "1", "key": "ED-1",
            "fields": { "comment": { "comments": [1, 2, 3], "total": 3, "maxResults": 3 }, "worklog": null },
            "changelog": { "histories": [1], "total": 1, "maxResults": 1 } });
        assert!(truncate(&mut issue, 5, 2, 0));
        assert_eq!(issue["fields"]["comment"], json!({ "comments": [1, 2], "total": 3, "maxResults": 2 }));
        assert_eq!(issue["changelog"]["histories"], json!([1]));
        assert!(!truncate(&mut issue, 5, 2, 0), "there is nothing left to cut");
    }

    #[test]
    fn an_issue_gets_the_defect_that_is_asked_for() {
        let issue =
            json!({ "id": "1", "key": "ED-1", "fields": { "updated": "2026", "status": { "id": "1" } } });
        let spoilt = |how, field| {
            let mut issue = issue.clone();
            spoil(&mut issue, how, field).then(|| issue["fields"].clone())
        };
        assert_eq!(spoilt(Defect::Missing, "updated").unwrap(), json!({ "status": { "id": "1" } }));
        assert_eq!(spoilt(Defect::Malformed, "updated").unwrap()["updated"], json!({ "malformed": true }));
        assert_eq!(spoilt(Defect::Malformed, "status").unwrap()["status"], "?");
        assert!(spoilt(Defect::Unknown, "").unwrap()["customfield_99999"].is_object());
        assert_eq!(spoilt(Defect::Missing, "absent"), None);
        assert!(!spoil(&mut json!({ "id": "1" }), Defect::Unknown, ""), "a page of ids has no fields");
    }

    #[test]
    fn an_issue_poisons_what_shows_it_with_others_and_spares_names() {
        let chosen = |issue: &Value| issue["id"] == "2";
        let page = |fields: Value| json!({ "issues": [{ "id": "1", "fields": fields }, { "id": "2", "fields": fields }] });
        assert!(is_poisoned(&page(json!({ "summary": "x" })), false, chosen));
        assert!(!is_poisoned(&page(json!({ "created": "x", "updated": "y" })), true, chosen));
        assert!(!is_poisoned(&json!({ "issues": [{ "id": "2", "key": "ED-2" }] }), true, chosen));
        assert!(!is_poisoned(&page(json!({ "summary": "x" })), false, |issue| issue["id"] == "3"));
        assert!(is_poisoned(&json!({ "issueChangeLogs": [{ "issueId": "2" }] }), false, chosen));
        let itself = json!({ "id": "2", "key": "ED-2", "fields": { "summary": "x" } });
        assert!(is_poisoned(&itself, true, chosen) && !is_poisoned(&itself, false, chosen));
    }

    #[test]
    fn histories_lose_their_author_and_their_date_becomes_a_number() {
        let history =
            json!({ "id": "7", "author": {}, "created": "1970-01-01T00:00:01.000+0000", "items": [] });
        let mut bulk = json!({ "issueChangeLogs": [{ "issueId": "1", "changeHistories": [history] }] });
        assert!(odd_histories(&mut bulk, true, true));
        let odd = json!({ "id": "7", "created": 1000, "items": [] });
        assert_eq!(bulk["issueChangeLogs"][0]["changeHistories"][0], odd);
        let mut list = json!({ "values": [history] });
        assert!(odd_histories(&mut list, true, true));
        assert_eq!(list["values"][0]["created"], history["created"], "only a bulk fetch has numbers");
        assert!(!odd_histories(&mut json!({ "values": [] }), true, true));
    }

    #[test]
    fn the_issues_of_an_answer_are_those_of_a_page_or_the_answer_itself() {
        assert_eq!(issues_of(&mut json!({ "issues": [{ "id": "1" }, { "id": "2" }] })).len(), 2);
        assert_eq!(issues_of(&mut json!({ "id": "1", "key": "ED-1" })).len(), 1);
        assert!(issues_of(&mut json!({ "values": [] })).is_empty());
    }
}
