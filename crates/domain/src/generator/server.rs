//! The generated site as a Jira Server or Data Center shows it (jira-facts 6, 11): wiki markup for documents, people by name and key,
//! sprints as text, epics by their own field, no status categories beside the status and no levels of issue types.

use std::collections::{BTreeSet, HashMap};

use serde_json::{Map, Value, json};

use super::{Options, Site, reference::SPRINT, site};
use crate::sprint_text::SprintText;

/// The field that holds the key of an issue's epic, and the one with an epic's short name.
const EPIC_LINK: &str = "customfield_10014";
const EPIC_NAME: &str = "customfield_10011";

/// Members of Cloud's that a Server does not have, wherever they stand.
const OF_CLOUD: [&str; 9] = [
    "accountId",
    "accountType",
    "hierarchyLevel",
    "scope",
    "entityId",
    "simplified",
    "style",
    "isPrivate",
    "jsdPublic",
];

/// Makes a generated site one of a Server.
#[derive(Clone, Debug)]
pub struct Server {
    /// Key and name for signing in, by account id.
    people: HashMap<String, (String, String)>,
    base_url: String,
}

impl Server {
    /// For the site that `options` describe.
    pub fn new(options: &Options) -> Self {
        let mut taken = BTreeSet::new();
        let users = site(options).users;
        let people = users.iter().enumerate().filter_map(|(number, user)| {
            let account = user["accountId"].as_str()?.to_owned();
            let words = user["displayName"].as_str().unwrap_or_default().to_lowercase();
            let words: Vec<&str> =
                words.split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty()).collect();
            let mut name = words.join(".");
            if !taken.insert(name.clone()) {
                name = format!("{name}{number}");
                taken.insert(name.clone());
            }
            Some((account, (format!("JIRAUSER{}", 10_100 + number), name)))
        });
        Self { people: people.collect(), base_url: options.base_url.clone() }
    }

    /// An issue of the site.
    #[must_use]
    pub fn issue(&self, mut issue: Value) -> Value {
        let is_subtask = issue["fields"]["issuetype"]["subtask"] == true;
        let is_epic = issue["fields"]["issuetype"]["name"] == "Epic";
        for history in issue["changelog"]["histories"].as_array_mut().into_iter().flatten() {
            for item in history["items"].as_array_mut().into_iter().flatten() {
                self.turn_item(item, is_subtask);
            }
        }
        self.turn(&mut issue);
        if let Some(fields) = issue["fields"].as_object_mut() {
            fields.remove("statusCategory");
            fields.remove("statuscategorychangedate");
            let epic = if is_subtask { None } else { fields.remove("parent") };
            fields.insert(EPIC_LINK.into(), epic.map_or(Value::Null, |epic| epic["key"].clone()));
            let name = if is_epic { fields["summary"].clone() } else { Value::Null };
            fields.insert(EPIC_NAME.into(), name);
            if let Some(sprints) = fields.get_mut(SPRINT).and_then(Value::as_array_mut) {
                sprints.iter_mut().for_each(|sprint| *sprint = json!(sprint_text(sprint)));
            }
        }
        issue
    }

    /// The site's lists.
    #[must_use]
    pub fn site(&self, mut site: Site) -> Site {
        let Site {
            projects,
            users,
            statuses,
            issue_types,
            priorities,
            resolutions,
            fields,
            field_options,
            issue_link_types,
            boards,
            filters,
            dashboards,
            sprints,
            versions,
            components,
            groups,
            project_roles,
        } = &mut site;
        for list in [
            projects,
            users,
            statuses,
            issue_types,
            priorities,
            resolutions,
            field_options,
            issue_link_types,
            boards,
            filters,
            dashboards,
            sprints,
            versions,
            components,
            groups,
            project_roles,
        ] {
            list.iter_mut().for_each(|entry| self.turn(entry));
        }
        fields.retain(|field| field["id"] != "statusCategory" && field["id"] != "statuscategorychangedate");
        fields.push(epic_field(EPIC_LINK, "Epic Link", "any", "gh-epic-link"));
        fields.push(epic_field(EPIC_NAME, "Epic Name", "string", "gh-epic-label"));
        site
    }

    /// Turns a value and everything in it.
    fn turn(&self, value: &mut Value) {
        match value {
            Value::String(text) if text.starts_with(&self.base_url) => *text = self.address(text),
            Value::Array(entries) => entries.iter_mut().for_each(|entry| self.turn(entry)),
            Value::Object(members) if members.get("type").is_some_and(|kind| kind == "doc") => {
                *value = Value::String(self.markup(value));
            }
            Value::Object(members) => {
                if let Some((key, name)) = self.person(members) {
                    members.insert("key".into(), Value::String(key));
                    members.insert("name".into(), Value::String(name));
                }
                members.retain(|name, _| !OF_CLOUD.contains(&name.as_str()));
                members.values_mut().for_each(|member| self.turn(member));
            }
            _ => {}
        }
    }

    fn person(&self, members: &Map<String, Value>) -> Option<(String, String)> {
        self.people.get(members.get("accountId")?.as_str()?).cloned()
    }

    fn address(&self, text: &str) -> String {
        let text = text.replace("/rest/api/3/", "/rest/api/2/");
        match text.split_once("user?accountId=") {
            Some((before, account)) => match self.people.get(account) {
                Some((_, name)) => format!("{before}user?username={name}"),
                None => text,
            },
            None => text,
        }
    }

    /// A document as wiki markup, in which people are mentioned by name.
    fn markup(&self, document: &Value) -> String {
        let wiki = adf::wiki_of(document);
        let mut parts = wiki.split("[~accountid:");
        let mut out = parts.next().unwrap_or_default().to_owned();
        for part in parts {
            let (account, rest) = part.split_once(']').unwrap_or((part, ""));
            let name = self.people.get(account).map_or(account, |(_, name)| name);
            out.push_str(&format!("[~{name}]{rest}"));
        }
        out
    }

    /// An item of a history: ids of people are their keys, and an epic stands in its own field.
    fn turn_item(&self, item: &mut Value, is_subtask: bool) {
        for end in ["from", "to"] {
            if let Some(text) = item[end].as_str() {
                item[end] = json!(self.keys(text));
            }
        }
        if item["field"] == "IssueParentAssociation" && !is_subtask {
            item["field"] = json!("Epic Link");
            item["fieldtype"] = json!("custom");
            item["fieldId"] = json!(EPIC_LINK);
        }
    }

    /// An account id, or a list of them in brackets, as keys; any other text as it is.
    fn keys(&self, text: &str) -> String {
        let key = |account: &str| self.people.get(account).map_or(account, |(key, _)| key).to_owned();
        match text.strip_prefix('[').and_then(|text| text.strip_suffix(']')) {
            Some(list) => format!("[{}]", list.split(", ").map(key).collect::<Vec<_>>().join(", ")),
            None => key(text),
        }
    }
}

fn epic_field(id: &str, name: &str, kind: &str, custom: &str) -> Value {
    let number = id.trim_start_matches("customfield_");
    json!({
        "id": id, "key": id, "name": name, "custom": true, "orderable": true, "navigable": true, "searchable": true,
        "clauseNames": [format!("cf[{number}]"), name],
        "schema": {
            "type": kind, "custom": format!("com.pyxis.greenhopper.jira:{custom}"),
            "customId": number.parse::<u64>().unwrap_or_default(),
        },
    })
}

fn sprint_text(sprint: &Value) -> String {
    let text = |name: &str| sprint[name].as_str();
    let written = SprintText {
        id: sprint["id"].as_i64().unwrap_or_default(),
        board: sprint["boardId"].as_i64(),
        name: text("name").unwrap_or_default(),
        state: text("state").unwrap_or_default(),
        start: text("startDate"),
        end: text("endDate"),
        complete: text("completeDate"),
        goal: text("goal").filter(|goal| !goal.is_empty()),
    };
    written.to_string()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::generator::issues;

    fn options() -> Options {
        let now = "2026-11-22T10:00:00Z".parse().unwrap();
        Options { issues: 120, seed: 7, now, base_url: "http://127.0.0.1:8080/jira/old".into() }
    }

    #[test]
    fn nothing_of_cloud_is_left_and_nobody_shares_a_name() {
        let server = Server::new(&options());
        let lists = server.site(site(&options()));
        let shown: Vec<Value> = issues(&options()).map(|issue| server.issue(issue)).collect();
        let all =
            json!([shown, lists.users, lists.projects, lists.filters, lists.components, lists.issue_types])
                .to_string();
        for foreign in [
            "accountId",
            "accountid:",
            "hierarchyLevel",
            "rest/api/3",
            "\"type\":\"doc\"",
            "IssueParentAssociation",
        ] {
            assert!(!all.contains(foreign), "{foreign}");
        }
        let names: BTreeSet<_> = lists.users.iter().map(|user| user["name"].as_str().unwrap()).collect();
        assert_eq!(names.len(), lists.users.len());
    }

    #[test]
    fn an_epic_and_a_sprint_stand_in_fields_of_their_own() {
        let server = Server::new(&options());
        let (mut with_epic, mut with_sprint) = (0, 0);
        for issue in issues(&options()) {
            let parent = issue["fields"]["parent"]["key"].clone();
            let is_subtask = issue["fields"]["issuetype"]["subtask"] == true;
            let turned = server.issue(issue);
            let fields = &turned["fields"];
            if is_subtask {
                assert_eq!(fields["parent"]["key"], parent);
            } else if parent.is_string() {
                assert_eq!(fields[EPIC_LINK], parent);
                with_epic += 1;
            }
            if let Some(sprint) = fields[SPRINT][0].as_str() {
                assert!(sprint.contains(".sprint.Sprint@") && sprint.contains("[id="), "{sprint}");
                with_sprint += 1;
            }
        }
        assert!(with_epic > 0 && with_sprint > 0);
    }
}
