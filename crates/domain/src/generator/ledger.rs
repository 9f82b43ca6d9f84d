//! The values of an issue over time: changes are applied in order, and each writes what it really changed into the
//! changelog. So walking the histories back from the current values always ends at the creation (jira-facts 6.4).

use serde_json::Value;

use super::calendar::date;
use super::outline::{Resolution, Status};
use super::reference::{
    CUSTOMER_IMPACT, FLAGGED, PRIORITIES, RANK, RESOLUTIONS, REVIEWER, ROOT_CAUSE, SEVERITIES, SEVERITY,
    SPRINT, STATUSES, STORY_POINTS, TARGET_DATE, members,
};
use super::roster::Model;

/// A change somebody wants to make; without effect when the value is already there.
#[derive(Clone, Debug)]
pub(super) enum Change {
    Status(Status, Option<Resolution>),
    Assignee(Option<usize>),
    Reviewer(usize),
    Priority(usize),
    Points(u64),
    SprintAdded(usize),
    FixVersionAdded(usize),
    /// From the first to the second.
    FixVersionMoved(usize, usize),
    LabelAdded(&'static str),
    ComponentAdded(usize),
    DueDate(i64),
    OriginalEstimate(u64),
    /// Seconds spent, id of the worklog.
    Spent(u64, u64),
    Flagged(bool),
    Moved {
        project: usize,
        key: String,
    },
    /// Id and key of the epic.
    Parent(u64, String),
    /// Key of the other issue and the sentence that describes the link.
    Linked(String, String),
    /// Id and name of the file.
    Attached(u64, String),
    Ranked(bool),
    Summary(String),
    Severity(usize),
    RootCause(&'static str),
    TargetDate(i64),
    CustomerImpact(u64),
}

/// A change at an instant. Changes of one author at one instant are one history.
#[derive(Clone, Debug)]
pub(super) struct Entry {
    pub(super) at: i64,
    /// None when Jira does not tell.
    pub(super) author: Option<usize>,
    pub(super) change: Change,
}

/// One history of the changelog.
#[derive(Debug)]
pub(super) struct History {
    pub(super) at: i64,
    pub(super) author: Option<usize>,
    pub(super) items: Vec<Value>,
}

/// The values that change.
#[derive(Clone, Debug)]
pub(super) struct State {
    pub(super) project: usize,
    pub(super) key: String,
    pub(super) summary: String,
    pub(super) status: Status,
    pub(super) resolution: Option<Resolution>,
    pub(super) assignee: Option<usize>,
    pub(super) reviewer: Option<usize>,
    pub(super) priority: usize,
    pub(super) points: Option<u64>,
    pub(super) sprints: Vec<usize>,
    pub(super) fix_versions: Vec<usize>,
    pub(super) labels: Vec<&'static str>,
    pub(super) components: Vec<usize>,
    pub(super) due: Option<i64>,
    pub(super) target: Option<i64>,
    pub(super) original_estimate: Option<u64>,
    pub(super) remaining_estimate: Option<u64>,
    pub(super) spent: Option<u64>,
    pub(super) flagged: bool,
    pub(super) parent: Option<u64>,
    pub(super) severity: Option<usize>,
    pub(super) root_cause: Option<&'static str>,
    pub(super) customer_impact: Option<u64>,
}

/// One end of a change: the id and what was shown.
type End = (Option<String>, Option<String>);

const NOTHING: End = (None, None);

fn shown(text: impl ToString) -> End {
    (None, Some(text.to_string()))
}

fn named(id: impl ToString, name: impl ToString) -> End {
    (Some(id.to_string()), Some(name.to_string()))
}

fn same(text: impl ToString) -> End {
    let text = text.to_string();
    (Some(text.clone()), Some(text))
}

fn item(field: &str, field_id: Option<&str>, from: End, to: End) -> Value {
    let custom = field_id.is_some_and(|id| id.starts_with("customfield_"));
    let mut item = members([
        ("field", Value::from(field)),
        ("fieldtype", Value::from(if custom { "custom" } else { "jira" })),
        ("from", Value::from(from.0)),
        ("fromString", Value::from(from.1)),
        ("to", Value::from(to.0)),
        ("toString", Value::from(to.1)),
    ]);
    if let Some(id) = field_id {
        item.insert("fieldId".to_owned(), Value::from(id));
    }
    Value::Object(item)
}

impl State {
    /// Applies the entries in order of time and returns the histories, oldest first.
    pub(super) fn apply(&mut self, model: &Model, mut entries: Vec<Entry>) -> Vec<History> {
        entries.sort_by_key(|entry| entry.at);
        let mut histories: Vec<History> = Vec::with_capacity(entries.len());
        for Entry { at, author, change } in entries {
            let mut items = self.change(model, change);
            if items.is_empty() {
                continue;
            }
            match histories.last_mut() {
                Some(last) if last.at == at && last.author == author => last.items.append(&mut items),
                _ => histories.push(History { at, author, items }),
            }
        }
        histories
    }

    fn change(&mut self, model: &Model, change: Change) -> Vec<Value> {
        match change {
            Change::Status(to, resolution) => self.transition(to, resolution),
            Change::Assignee(to) => {
                let end = |user: Option<usize>| user.map_or(NOTHING, |user| user_end(model, user));
                replace(&mut self.assignee, to, |from, to| {
                    item("assignee", Some("assignee"), end(from), end(to))
                })
            }
            Change::Reviewer(to) => {
                let end = |user: Option<usize>| user.map_or(NOTHING, |user| user_end(model, user));
                replace(&mut self.reviewer, Some(to), |from, to| {
                    item("Reviewer", Some(REVIEWER), end(from), end(to))
                })
            }
            Change::Priority(to) => {
                let end = |index: usize| named(PRIORITIES[index].0, PRIORITIES[index].1);
                replace(&mut self.priority, to, |from, to| {
                    item("priority", Some("priority"), end(from), end(to))
                })
            }
            Change::Points(to) => replace(&mut self.points, Some(to), |from, to| {
                item(
                    "Story Points",
                    Some(STORY_POINTS),
                    from.map_or(NOTHING, shown),
                    to.map_or(NOTHING, shown),
                )
            }),
            Change::Moved { project, key } => self.moved(model, project, key),
            Change::Parent(id, key) => {
                self.parent = Some(id);
                vec![item("IssueParentAssociation", None, NOTHING, named(id, key))]
            }
            Change::Linked(key, sentence) => vec![item("Link", None, NOTHING, named(key, sentence))],
            Change::Attached(id, name) => {
                vec![item("Attachment", Some("attachment"), NOTHING, named(id, name))]
            }
            Change::Ranked(higher) => {
                let to = if higher { "Ranked higher" } else { "Ranked lower" };
                vec![item(
                    "Rank",
                    Some(RANK),
                    (Some(String::new()), Some(String::new())),
                    (Some(String::new()), Some(to.to_owned())),
                )]
            }
            Change::Summary(to) => replace(&mut self.summary, to, |from, to| {
                item("summary", Some("summary"), shown(from), shown(to))
            }),
            Change::OriginalEstimate(_) | Change::Spent(..) => self.tracked(change),
            Change::SprintAdded(_) | Change::FixVersionAdded(_) | Change::FixVersionMoved(..) => {
                self.planned(model, change)
            }
            other => self.classified(model, other),
        }
    }

    fn transition(&mut self, to: Status, resolution: Option<Resolution>) -> Vec<Value> {
        let end = |status: Status| named(STATUSES[status as usize].0, STATUSES[status as usize].1);
        let mut items =
            replace(&mut self.status, to, |from, to| item("status", Some("status"), end(from), end(to)));
        let end = |resolution: Option<Resolution>| {
            resolution.map_or(NOTHING, |it| named(RESOLUTIONS[it as usize].0, RESOLUTIONS[it as usize].1))
        };
        items.extend(replace(&mut self.resolution, resolution, |from, to| {
            item("resolution", Some("resolution"), end(from), end(to))
        }));
        items
    }

    /// A move takes the old project's components and versions away.
    fn moved(&mut self, model: &Model, project: usize, key: String) -> Vec<Value> {
        let (from, to) = (&model.projects[self.project], &model.projects[project]);
        let mut items = vec![
            item("project", Some("project"), named(from.id, from.name), named(to.id, to.name)),
            item("Key", None, shown(&self.key), shown(&key)),
        ];
        items.extend(self.components.drain(..).map(|component| {
            item("Component", Some("components"), component_end(model, self.project, component), NOTHING)
        }));
        items.extend(self.fix_versions.drain(..).map(|version| {
            item("Fix Version", Some("fixVersions"), version_end(model, self.project, version), NOTHING)
        }));
        self.project = project;
        self.key = key;
        items
    }

    fn planned(&mut self, model: &Model, change: Change) -> Vec<Value> {
        let project = self.project;
        let end = |version| version_end(model, project, version);
        let fix = |from, to| item("Fix Version", Some("fixVersions"), from, to);
        match change {
            Change::SprintAdded(sprint) if !self.sprints.contains(&sprint) => {
                let before = sprint_end(model, project, &self.sprints);
                self.sprints.push(sprint);
                vec![item("Sprint", Some(SPRINT), before, sprint_end(model, project, &self.sprints))]
            }
            Change::FixVersionAdded(version) if !self.fix_versions.contains(&version) => {
                self.fix_versions.push(version);
                vec![fix(NOTHING, end(version))]
            }
            Change::FixVersionMoved(old, new) if self.fix_versions.contains(&old) => {
                self.fix_versions.retain(|&version| version != old && version != new);
                self.fix_versions.push(new);
                vec![fix(end(old), NOTHING), fix(NOTHING, end(new))]
            }
            _ => Vec::new(),
        }
    }

    fn tracked(&mut self, change: Change) -> Vec<Value> {
        let end = |seconds: Option<u64>| seconds.map_or(NOTHING, same);
        let mut items = Vec::new();
        match change {
            Change::OriginalEstimate(seconds) => {
                items.extend(replace(&mut self.original_estimate, Some(seconds), |from, to| {
                    item("timeoriginalestimate", Some("timeoriginalestimate"), end(from), end(to))
                }));
                items.extend(replace(&mut self.remaining_estimate, Some(seconds), |from, to| {
                    item("timeestimate", Some("timeestimate"), end(from), end(to))
                }));
            }
            Change::Spent(seconds, worklog) => {
                let spent = self.spent.unwrap_or(0) + seconds;
                items.extend(replace(&mut self.spent, Some(spent), |from, to| {
                    item("timespent", Some("timespent"), end(from), end(to))
                }));
                let remaining = self.remaining_estimate.unwrap_or(0).saturating_sub(seconds);
                items.extend(replace(&mut self.remaining_estimate, Some(remaining), |from, to| {
                    item("timeestimate", Some("timeestimate"), end(from), end(to))
                }));
                items.push(item("WorklogId", None, NOTHING, same(worklog)));
            }
            _ => {}
        }
        items
    }

    fn classified(&mut self, model: &Model, change: Change) -> Vec<Value> {
        match change {
            Change::LabelAdded(label) if !self.labels.contains(&label) => {
                let before = self.labels.join(" ");
                self.labels.push(label);
                self.labels.sort_unstable();
                vec![item("labels", Some("labels"), shown(before), shown(self.labels.join(" ")))]
            }
            Change::ComponentAdded(component) if !self.components.contains(&component) => {
                self.components.push(component);
                let end = component_end(model, self.project, component);
                vec![item("Component", Some("components"), NOTHING, end)]
            }
            Change::DueDate(to) => replace(&mut self.due, Some(to), |from, to| {
                item("duedate", Some("duedate"), from.map_or(NOTHING, day_end), to.map_or(NOTHING, day_end))
            }),
            Change::TargetDate(to) => replace(&mut self.target, Some(to), |from, to| {
                item(
                    "Target date",
                    Some(TARGET_DATE),
                    from.map_or(NOTHING, day_end),
                    to.map_or(NOTHING, day_end),
                )
            }),
            Change::Flagged(to) => {
                let end = |on: bool| if on { named("[10019]", "Impediment") } else { named("", "") };
                replace(&mut self.flagged, to, |from, to| item("Flagged", Some(FLAGGED), end(from), end(to)))
            }
            Change::Severity(to) => {
                let end = |index: usize| named(SEVERITIES[index].0, SEVERITIES[index].1);
                replace(&mut self.severity, Some(to), |from, to| {
                    item("Severity", Some(SEVERITY), from.map_or(NOTHING, end), to.map_or(NOTHING, end))
                })
            }
            Change::RootCause(to) => replace(&mut self.root_cause, Some(to), |from, to| {
                item("Root cause", Some(ROOT_CAUSE), from.map_or(NOTHING, shown), to.map_or(NOTHING, shown))
            }),
            Change::CustomerImpact(to) => replace(&mut self.customer_impact, Some(to), |from, to| {
                item(
                    "Customer impact",
                    Some(CUSTOMER_IMPACT),
                    from.map_or(NOTHING, shown),
                    to.map_or(NOTHING, shown),
                )
            }),
            _ => Vec::new(),
        }
    }
}

/// Puts `new` in place and describes the change, if there is one.
fn replace<T: Clone + PartialEq>(value: &mut T, new: T, describe: impl FnOnce(T, T) -> Value) -> Vec<Value> {
    if *value == new {
        return Vec::new();
    }
    let old = std::mem::replace(value, new.clone());
    vec![describe(old, new)]
}

fn user_end(model: &Model, user: usize) -> End {
    named(&model.users[user].account_id, &model.users[user].name)
}

fn component_end(model: &Model, project: usize, component: usize) -> End {
    let project = &model.projects[project];
    named(project.component_id(component), project.domain.components[component])
}

fn version_end(model: &Model, project: usize, version: usize) -> End {
    let version = &model.projects[project].versions[version];
    named(version.id, &version.name)
}

/// Sprints are listed with commas, ids and names alike.
fn sprint_end(model: &Model, project: usize, sprints: &[usize]) -> End {
    let all = &model.projects[project].sprints;
    let ids: Vec<String> = sprints.iter().map(|&sprint| all[sprint].id.to_string()).collect();
    let names: Vec<&str> = sprints.iter().map(|&sprint| all[sprint].name.as_str()).collect();
    named(ids.join(", "), names.join(", "))
}

fn day_end(at: i64) -> End {
    let day = date(at);
    let shown = format!("{day} 00:00:00.0");
    (Some(day), Some(shown))
}
