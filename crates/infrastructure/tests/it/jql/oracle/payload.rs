//! What an issue's JSON has in each field.

use chrono::{DateTime, NaiveDate, Utc};
use serde_json::Value;

use super::world::PROJECTS;

/// A value in an order.
#[derive(Clone, Debug, PartialEq, PartialOrd)]
pub enum Scalar {
    Number(f64),
    Time(DateTime<Utc>),
    Day(NaiveDate),
}

pub fn parsed(value: &Value) -> Option<DateTime<Utc>> {
    let text = value.as_str()?;
    DateTime::parse_from_str(text, "%Y-%m-%dT%H:%M:%S%.3f%z").ok().map(|time| time.to_utc())
}

/// The values of a field that has an order by itself; `None` for a field that has none.
pub fn scalars(field: &str, issue: &Value) -> Option<Vec<Scalar>> {
    let fields = &issue["fields"];
    let time = |name: &str| parsed(&fields[name]).map(Scalar::Time).into_iter().collect();
    let number = |value: &Value| value.as_f64().map(Scalar::Number).into_iter().collect();
    let day = |value: &Value| {
        let day = value.as_str().and_then(|text| text.get(..10)?.parse().ok());
        day.map(Scalar::Day).into_iter().collect::<Vec<_>>()
    };
    Some(match field {
        "created" => time("created"),
        "updated" => time("updated"),
        "resolved" => time("resolutiondate"),
        "statuscategorychangeddate" => time("statuscategorychangedate"),
        "customfield_10006" => time(field),
        "due" => day(&fields["duedate"]),
        "customfield_10005" => day(&fields[field]),
        "worklogdate" => {
            let logs = fields["worklog"]["worklogs"].as_array().unwrap().iter();
            logs.flat_map(|log| day(&log["started"])).collect()
        }
        "customfield_10001" => number(&fields[field]),
        "hierarchylevel" => number(&fields["issuetype"]["hierarchyLevel"]),
        "votes" => number(&fields["votes"]["votes"]),
        "watchers" => number(&fields["watches"]["watchCount"]),
        "timespent" => number(&fields["timespent"]),
        "originalestimate" => number(&fields["timeoriginalestimate"]),
        "remainingestimate" => number(&fields["timeestimate"]),
        "workratio" => {
            let estimate = fields["timeoriginalestimate"].as_f64().filter(|seconds| *seconds > 0.0);
            let spent = fields["timespent"].as_f64().unwrap_or(0.0);
            estimate.map(|estimate| Scalar::Number((spent * 100.0 / estimate).floor())).into_iter().collect()
        }
        "key" => vec![Scalar::Number(issue["id"].as_str().unwrap().parse().unwrap())],
        _ => return None,
    })
}

/// The ids of a field's values, or their texts in lower case where they have no ids.
pub fn ids(field: &str, issue: &Value) -> Vec<String> {
    let fields = &issue["fields"];
    let of = |value: &Value| -> Vec<String> {
        let items = match value {
            Value::Array(items) => items.clone(),
            Value::Null => Vec::new(),
            one => vec![one.clone()],
        };
        let id = |item: &Value| match item {
            Value::String(text) => text.to_lowercase(),
            item => match item.get("accountId").unwrap_or(&item["id"]) {
                Value::String(id) => id.clone(),
                id => id.to_string(),
            },
        };
        items.iter().map(id).collect()
    };
    match field {
        "key" => vec![issue["id"].as_str().unwrap().to_owned()],
        "type" => of(&fields["issuetype"]),
        "statuscategory" => vec![fields["status"]["statusCategory"]["key"].as_str().unwrap().to_owned()],
        "fixversion" => of(&fields["fixVersions"]),
        "affectedversion" => of(&fields["versions"]),
        "component" => of(&fields["components"]),
        "sprint" => of(&fields["customfield_10002"]),
        "level" => of(&fields["security"]),
        "watcher" => of(&issue["watchers"]),
        "voter" => of(&issue["voters"]),
        "category" => {
            let own = fields["project"]["id"].as_str().unwrap();
            let project = PROJECTS.iter().find(|project| project.0 == own).unwrap();
            project.4.map(|(id, _)| id.to_owned()).into_iter().collect()
        }
        "projecttype" => {
            let own = fields["project"]["id"].as_str().unwrap();
            vec![PROJECTS.iter().find(|project| project.0 == own).unwrap().5.to_owned()]
        }
        "worklogauthor" => {
            let logs = fields["worklog"]["worklogs"].as_array().unwrap();
            logs.iter().flat_map(|log| of(&log["author"])).collect()
        }
        "epic link" => {
            let parent = &fields["parent"];
            let is_epic = parent["fields"]["issuetype"]["hierarchyLevel"] == 1;
            if is_epic { of(parent) } else { Vec::new() }
        }
        "issuelinktype" => {
            let links = fields["issuelinks"].as_array().unwrap().iter();
            links
                .flat_map(|link| {
                    let reads = if link["outwardIssue"].is_null() { "inward" } else { "outward" };
                    [&link["type"]["name"], &link["type"][reads]]
                        .map(|text| text.as_str().unwrap().to_lowercase())
                })
                .collect()
        }
        "customfield_10011" => of(&fields[field]["requestType"]),
        other => of(&fields[other]),
    }
}

/// What a part of a property holds: the elements of a list, or the value; nothing where it is null. `field` is `property/KEY/NAME/…`.
pub fn property(field: &str, issue: &Value) -> Vec<Value> {
    let mut value = &issue["properties"];
    for step in field.split('/').skip(1) {
        value = &value[step];
    }
    let values = match value {
        Value::Array(items) => items.clone(),
        one => vec![one.clone()],
    };
    values.into_iter().filter(|value| !value.is_null()).collect()
}

/// The texts of a field, as `~` looks into them.
pub fn texts(field: &str, issue: &Value) -> Vec<String> {
    let fields = &issue["fields"];
    let of_list = |list: &Value, member: &str| {
        let rows = list.as_array().unwrap().iter();
        rows.map(|row| row[member].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    match field {
        "comment" => of_list(&fields["comment"]["comments"], "body"),
        "worklogcomment" => of_list(&fields["worklog"]["worklogs"], "comment"),
        "text" => ["summary", "description", "environment", "comment", "customfield_10004"]
            .into_iter()
            .flat_map(|field| texts(field, issue))
            .collect(),
        other if other.starts_with("property/") => {
            let values = property(other, issue);
            values.iter().filter_map(|value| value.as_str().map(str::to_owned)).collect()
        }
        other => fields[other].as_str().map(str::to_owned).into_iter().collect(),
    }
}
