//! What an issue's payload shows of people, sprints, statuses and options, as these are now.
//!
//! When one of them changes at its source, no issue's `updated` does, so that no issue is read again. Jira shows in every issue
//! what they have become, and so does the copy: from the rows they have themselves, as issues are read.

use std::collections::{BTreeSet, HashMap};

use chrono::{DateTime, Utc};
use serde_json::{Map, Value, json};

use super::{
    children::text_of,
    clean::{account_shown, user_id_of},
    field_values::{NOTHING, SprintMembers},
    sprint_of,
};
use crate::agile::{SprintDetails, timestamp};

/// What says how a person is shown. On Server and Data Center the address has the name to sign in with, too.
const OF_PERSON: [&str; 7] =
    ["self", "name", "displayName", "active", "avatarUrls", "timeZone", "accountType"];
const OF_CATEGORY: [&str; 5] = ["self", "id", "key", "colorName", "name"];

/// What has another shape now than some payloads have it.
#[derive(Debug, Default)]
pub struct Present {
    people: HashMap<String, Value>,
    sprints: HashMap<i64, SprintDetails>,
    /// By field and by Jira's id.
    names: HashMap<String, HashMap<String, String>>,
    status_category: Option<Value>,
}

impl Present {
    /// A person as their own payload shows them.
    pub fn add_person(&mut self, user: Value) {
        if let Some(account) = user_id_of(&user) {
            self.people.insert(account, user);
        }
    }

    /// A sprint.
    pub fn add_sprint(&mut self, sprint: SprintDetails) {
        self.sprints.insert(sprint.id, sprint);
    }

    /// What the value of a field is called that has this id: an option, a component, a version.
    pub fn add_name(&mut self, field: &str, id: &str, name: String) {
        self.names.entry(field.to_owned()).or_default().insert(id.to_owned(), name);
    }

    /// The category of the status, as `statusCategory` shows it.
    pub fn set_status_category(&mut self, category: Value) {
        self.status_category = Some(category);
    }

    /// Puts all of it in the place of what was served; where nothing was, nothing is invented.
    pub fn show_in(&self, fields: &mut Value) {
        if !self.people.is_empty() {
            self.show_people(fields);
        }
        if let Some(now) = &self.status_category
            && let Some(shown) = fields.pointer_mut("/status/statusCategory").and_then(Value::as_object_mut)
        {
            renew(shown, now, &OF_CATEGORY);
        }
        for (field, names) in &self.names {
            if let Some(value) = fields.get_mut(field) {
                show_names(value, names);
            }
        }
        if !self.sprints.is_empty() {
            let fields = fields.as_object_mut().into_iter().flatten();
            let custom = fields.filter(|(field, _)| field.starts_with("customfield_"));
            let lists = custom.filter_map(|(_, value)| value.as_array_mut());
            lists.flatten().for_each(|value| self.show_sprint(value));
        }
    }

    fn show_people(&self, value: &mut Value) {
        match value {
            Value::Array(items) => items.iter_mut().for_each(|item| self.show_people(item)),
            Value::Object(object) => {
                if let Some(now) = account_shown(object).and_then(|account| self.people.get(account)) {
                    renew(object, now, &OF_PERSON);
                }
                object.values_mut().for_each(|value| self.show_people(value));
            }
            _ => {}
        }
    }

    fn show_sprint(&self, value: &mut Value) {
        let Some(now) = sprint_of(value).and_then(|shown| self.sprints.get(&shown.id)) else { return };
        match value {
            Value::Object(object) => renew_sprint(object, now),
            Value::String(text) => {
                if let Some(members) = SprintMembers::of(text) {
                    *text = members.with(|member, shown| renewed_member(member, shown, now));
                }
            }
            _ => {}
        }
    }
}

/// The accounts of the people that documents show.
pub fn accounts_shown(documents: &[Value]) -> BTreeSet<String> {
    let mut accounts = BTreeSet::new();
    documents.iter().for_each(|document| add_accounts(document, &mut accounts));
    accounts
}

fn add_accounts(value: &Value, accounts: &mut BTreeSet<String>) {
    match value {
        Value::Array(items) => items.iter().for_each(|item| add_accounts(item, accounts)),
        Value::Object(object) => {
            accounts.extend(account_shown(object).map(str::to_owned));
            object.values().for_each(|value| add_accounts(value, accounts));
        }
        _ => {}
    }
}

fn renew(shown: &mut Map<String, Value>, now: &Value, members: &[&str]) {
    for member in members {
        if let (Some(place), Some(now)) = (shown.get_mut(*member), now.get(*member))
            && place != now
        {
            place.clone_from(now);
        }
    }
}

/// Lists of things with ids, single ones, and the child of a cascading select.
fn show_names(value: &mut Value, names: &HashMap<String, String>) {
    match value {
        Value::Array(items) => items.iter_mut().for_each(|item| show_names(item, names)),
        Value::Object(object) => {
            if let Some(now) = object.get("id").and_then(text_of).and_then(|id| names.get(&id)) {
                let called = ["value", "name"].into_iter().find(|member| object.contains_key(*member));
                if let Some(Value::String(shown)) = called.and_then(|member| object.get_mut(member)) {
                    shown.clone_from(now);
                }
            }
            if let Some(child) = object.get_mut("child") {
                show_names(child, names);
            }
        }
        _ => {}
    }
}

/// The dates of a sprint by the names of their members. It gets them when it is started and closed.
fn dates(sprint: &SprintDetails) -> [(&'static str, Option<DateTime<Utc>>); 3] {
    [("startDate", sprint.start), ("endDate", sprint.end), ("completeDate", sprint.complete)]
}

/// A date of the sprint as text: as it is shown, where that is the same moment, or as the site's list has it.
fn date_text(sprint: &SprintDetails, member: &str, moment: DateTime<Utc>, shown: Option<&str>) -> String {
    let listed = sprint.raw.as_ref().and_then(|raw| raw.get(member)?.as_str());
    let said = [shown, listed].into_iter().flatten();
    let mut same = said.filter(|text| domain::jira_time::parse(text) == Ok(moment));
    same.next().map_or_else(|| timestamp(moment), str::to_owned)
}

fn renew_sprint(shown: &mut Map<String, Value>, now: &SprintDetails) {
    shown.insert("name".to_owned(), json!(now.name));
    // Some write it in capitals.
    if !shown.get("state").and_then(Value::as_str).is_some_and(|old| old.eq_ignore_ascii_case(&now.state)) {
        shown.insert("state".to_owned(), json!(now.state));
    }
    match (&now.goal, shown.get_mut("goal")) {
        (Some(goal), _) => drop(shown.insert("goal".to_owned(), json!(goal))),
        (None, Some(Value::String(old))) => old.clear(),
        (None, _) => {}
    }
    for (member, moment) in dates(now) {
        let old = shown.get(member).and_then(Value::as_str);
        match moment {
            Some(moment) => {
                let text = date_text(now, member, moment, old);
                shown.insert(member.to_owned(), json!(text));
            }
            None if old.is_some_and(is_moment) => drop(shown.remove(member)),
            None => {}
        }
    }
}

/// The same for a member of a Server's text.
fn renewed_member(member: &str, shown: Option<&str>, now: &SprintDetails) -> Option<String> {
    let nothing = || NOTHING.to_owned();
    match member {
        "name" => Some(now.name.clone()),
        "state" => Some(now.state.to_uppercase()),
        "goal" => match (&now.goal, shown) {
            // Servers write a goal that was taken away as no text.
            (None, Some("")) => None,
            (goal, _) => Some(goal.clone().unwrap_or_else(nothing)),
        },
        _ => {
            let (_, moment) = dates(now).into_iter().find(|(date, _)| *date == member)?;
            match moment {
                Some(moment) => Some(date_text(now, member, moment, shown)),
                None => shown.is_none_or(is_moment).then(nothing),
            }
        }
    }
}

/// What is no moment was none when the row was made of it, either.
fn is_moment(text: &str) -> bool {
    domain::jira_time::parse(text).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(present: &Present, mut fields: Value) -> Value {
        present.show_in(&mut fields);
        fields
    }

    fn sprint(state: &str) -> SprintDetails {
        let moment = |text: &str| Some(domain::jira_time::parse(text).unwrap());
        SprintDetails {
            id: 7,
            name: "Sprint 7, renamed".into(),
            state: state.into(),
            board: Some(2),
            goal: None,
            start: moment("2026-01-05T09:00:00.000Z"),
            end: moment("2026-01-19T09:00:00.000Z"),
            complete: (state == "closed").then(|| moment("2026-01-18T15:30:00.000Z")).flatten(),
            raw: Some(json!({ "id": 7, "startDate": "2026-01-05T10:00:00.000+01:00" })),
        }
    }

    #[test]
    fn a_person_is_shown_as_they_are_wherever_the_payload_shows_them() {
        let old = json!({"accountId": "a", "displayName": "Ann", "active": true, "avatarUrls": {"48x48": "https://a/1"}});
        let mut present = Present::default();
        present.add_person(json!({
            "accountId": "a", "displayName": "Ann Lee", "active": false, "avatarUrls": {"48x48": "https://a/2"},
            "timeZone": "Europe/Berlin",
        }));
        let bob = json!({"accountId": "b", "displayName": "Bob", "active": true});
        let fields = shown(
            &present,
            json!({
                "assignee": old, "reporter": bob, "customfield_1": [bob, old], "attachment": [{"id": "5", "author": old}],
                "creator": {"accountId": "a", "displayName": "Ann"},
                "customfield_2": {"accountId": "a"},
            }),
        );
        let now = json!({"accountId": "a", "displayName": "Ann Lee", "active": false, "avatarUrls": {"48x48": "https://a/2"}});
        assert_eq!(fields["assignee"], now, "and the time zone, which was not shown, is not either");
        assert_eq!(fields["reporter"], bob);
        assert_eq!(fields["customfield_1"], json!([bob, now]));
        assert_eq!(fields["attachment"][0]["author"], now);
        // What was not served is not invented.
        assert_eq!(fields["creator"], json!({"accountId": "a", "displayName": "Ann Lee"}));
        assert_eq!(fields["customfield_2"], json!({"accountId": "a"}));
    }

    #[test]
    fn those_whom_a_list_shows_are_named_by_their_accounts() {
        let ann = json!({"accountId": "a", "displayName": "Ann", "active": true});
        let bob = json!({"key": "JIRAUSER2", "name": "bob", "displayName": "Bob", "active": true});
        let listed = json!({ "lead": ann, "components": [{ "lead": bob }, { "lead": ann }] });
        let board = json!({ "location": { "displayName": "Web (WEB)", "name": "Web (WEB)" } });
        assert_eq!(accounts_shown(&[listed, board]), BTreeSet::from(["JIRAUSER2".into(), "a".into()]));
    }

    #[test]
    fn a_user_of_a_server_is_known_by_the_key() {
        let mut present = Present::default();
        present.add_person(json!({
            "key": "JIRAUSER1", "name": "ann.lee", "displayName": "Ann Lee", "self": "https://x/user?username=ann.lee",
        }));
        let old = json!({"key": "JIRAUSER1", "name": "ann", "displayName": "Ann", "active": true, "self": "https://x/user?username=ann"});
        let fields = shown(&present, json!({ "assignee": old }));
        assert_eq!(
            fields["assignee"],
            json!({"key": "JIRAUSER1", "name": "ann.lee", "displayName": "Ann Lee", "active": true,
                   "self": "https://x/user?username=ann.lee"})
        );
    }

    #[test]
    fn a_sprint_has_its_present_name_state_and_dates() {
        let old = json!({"id": 7, "name": "Sprint 7", "state": "future", "boardId": 2, "goal": "ship"});
        let other = json!({"id": 8, "name": "Sprint 8", "state": "future", "boardId": 2, "goal": ""});
        let mut present = Present::default();
        present.add_sprint(sprint("closed"));
        let fields = json!({
            "customfield_1": [old, other],
            // An option may have the same id, and is no sprint.
            "customfield_2": [{"id": 7, "name": "seven"}],
        });
        let after = shown(&present, fields);
        assert_eq!(
            after["customfield_1"][0],
            json!({
                "id": 7, "name": "Sprint 7, renamed", "state": "closed", "boardId": 2, "goal": "",
                "startDate": "2026-01-05T10:00:00.000+01:00", "endDate": "2026-01-19T09:00:00.000Z",
                "completeDate": "2026-01-18T15:30:00.000Z",
            })
        );
        assert_eq!(after["customfield_1"][1], other);
        assert_eq!(after["customfield_2"], json!([{"id": 7, "name": "seven"}]));

        // Opened again: it is over no longer, and its dates stay in the words of the payload.
        let mut reopened = Present::default();
        reopened.add_sprint(sprint("active"));
        let said = json!([{"id": 7, "name": "Sprint 7", "state": "closed", "startDate": "2026-01-05T09:00:00.000Z",
                           "completeDate": "2026-01-18T15:30:00.000Z"}]);
        let after = &shown(&reopened, json!({ "customfield_1": said }))["customfield_1"][0];
        assert_eq!(after["state"], "active");
        assert_eq!(after["startDate"], "2026-01-05T09:00:00.000Z");
        assert_eq!(after.get("completeDate"), None);
    }

    #[test]
    fn what_is_shown_already_keeps_its_words() {
        let mut present = Present::default();
        present.add_sprint(SprintDetails { end: None, ..sprint("active") });
        let fields = json!({"customfield_1": [
            {"id": 7, "name": "Sprint 7, renamed", "state": "ACTIVE", "goal": null, "endDate": "some day",
             "startDate": "2026-01-05T11:00:00.000+02:00"},
        ]});
        assert_eq!(shown(&present, fields.clone()), fields);
    }

    #[test]
    fn a_sprint_in_a_servers_words_is_rewritten_there() {
        let text = |state: &str, name: &str, rest: &str| {
            format!(
                "com.atlassian.greenhopper.service.sprint.Sprint@1f[id=7,rapidViewId=2,state={state},name={name},{rest},\
                 activatedDate=<null>,sequence=7,goal=<null>,autoStartStop=false]"
            )
        };
        let old = text("FUTURE", "Sprint 7, Q3", "startDate=<null>,endDate=<null>,completeDate=<null>");
        let mut present = Present::default();
        present.add_sprint(sprint("active"));
        let after = shown(&present, json!({ "customfield_1": [old] }));
        let wanted = text(
            "ACTIVE",
            "Sprint 7, renamed",
            "startDate=2026-01-05T10:00:00.000+01:00,endDate=2026-01-19T09:00:00.000Z,completeDate=<null>",
        );
        assert_eq!(after, json!({ "customfield_1": [wanted] }));
        assert_eq!(shown(&present, after.clone()), after, "a second time there is nothing to do");
    }

    #[test]
    fn options_components_and_the_category_of_the_status_have_their_present_names() {
        let mut present = Present::default();
        present.add_name("customfield_1", "2", "Germany".into());
        present.add_name("components", "10", "Web".into());
        present.set_status_category(json!({"id": 3, "key": "done", "name": "Done", "colorName": "green"}));
        let fields = json!({
            "customfield_1": {"id": "1", "value": "EU", "child": {"id": "2", "value": "DE"}},
            "customfield_2": {"id": "2", "value": "DE"},
            "components": [{"id": "10", "name": "web"}, {"id": "11", "name": "db"}],
            "status": {"name": "Shipped", "statusCategory": {"id": 4, "key": "indeterminate", "name": "In Progress"}},
        });
        assert_eq!(
            shown(&present, fields),
            json!({
                "customfield_1": {"id": "1", "value": "EU", "child": {"id": "2", "value": "Germany"}},
                "customfield_2": {"id": "2", "value": "DE"},
                "components": [{"id": "10", "name": "Web"}, {"id": "11", "name": "db"}],
                "status": {"name": "Shipped", "statusCategory": {"id": 3, "key": "done", "name": "Done"}},
            })
        );
    }
}
