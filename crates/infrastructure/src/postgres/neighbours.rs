//! What an issue shows of other issues: its parent, its sub-tasks and the issues it is linked with, by key, summary, status, priority
//! and type (jira-facts 6.2). Jira takes these from the other issue at each read. A payload holds what they were when it was served, and
//! a change of the other issue does not touch it; so what the copy knows of the other issue is put there whenever issues are read.
//! One statement, however many issues.

use std::collections::{HashMap, HashSet};

use application::{Result, issues::IssueRow};
use domain::ids::InstanceId;
use serde_json::{Map, Value};
use uuid::Uuid;

use super::{
    errors::convert,
    linked::{LISTS, fields_of, id_of, other_end},
    transaction::PgTenantTx,
};

/// What issues show of a status.
const OF_STATUS: [&str; 6] = ["self", "description", "iconUrl", "name", "id", "statusCategory"];
/// What issues show of a priority.
const OF_PRIORITY: [&str; 4] = ["self", "iconUrl", "name", "id"];
/// What issues show of a type.
const OF_TYPE: [&str; 9] =
    ["self", "id", "description", "iconUrl", "name", "subtask", "avatarId", "entityId", "hierarchyLevel"];

/// The issues that payloads show, one entry for each place where one is shown.
#[derive(Default)]
struct Shown {
    ids: Vec<Uuid>,
    statuses: Vec<Option<String>>,
    categories: Vec<Option<String>>,
    types: Vec<Option<String>>,
    priorities: Vec<Option<String>>,
}

impl Shown {
    fn note(&mut self, id: Uuid, issue: &Value) {
        let fields = &issue["fields"];
        let text = |value: &Value| value.as_str().map(str::to_owned);
        self.ids.push(id);
        self.statuses.push(text(&fields["status"]["id"]));
        self.categories.push(text(&fields["status"]["statusCategory"]["key"]));
        self.types.push(text(&fields["issuetype"]["id"]));
        self.priorities.push(text(&fields["priority"]["id"]));
    }
}

/// An issue as the copy has it now.
struct Neighbour {
    place: i64,
    id: Uuid,
    key: String,
    summary: String,
    is_gone: bool,
    status: String,
    issue_type: Option<String>,
    priority: Option<String>,
    /// The roster's entry, where another one is shown. Likewise of the next two.
    other_status: Option<Value>,
    other_type: Option<Value>,
    other_priority: Option<Value>,
}

impl Neighbour {
    fn put_into(&self, issue: &mut Value) {
        put(issue, "key", &self.key);
        let Some(fields) = issue.get_mut("fields").and_then(Value::as_object_mut) else { return };
        if let Some(summary) = fields.get_mut("summary") {
            *summary = Value::String(self.summary.clone());
        }
        put_named(fields, "status", Some(&self.status), self.other_status.as_ref(), &OF_STATUS);
        put_named(fields, "issuetype", self.issue_type.as_ref(), self.other_type.as_ref(), &OF_TYPE);
        put_named(fields, "priority", self.priority.as_ref(), self.other_priority.as_ref(), &OF_PRIORITY);
    }
}

/// Puts what an issue has of this name in the place of what is shown of it; where nothing of it was shown, nothing is invented.
fn put_named(
    fields: &mut Map<String, Value>,
    field: &str,
    name: Option<&String>,
    other: Option<&Value>,
    members: &[&str],
) {
    let Some(shown) = fields.get_mut(field) else { return };
    let Some(name) = name else {
        *shown = Value::Null;
        return;
    };
    if let Some(Value::Object(entry)) = other {
        let is_shown = |member: &str| match shown.as_object() {
            Some(known) => known.contains_key(member),
            None => members.contains(&member),
        };
        let kept = entry.iter().filter(|(member, _)| is_shown(member));
        *shown = Value::Object(kept.map(|(member, value)| (member.clone(), value.clone())).collect());
    }
    put(shown, "name", name);
}

fn put(object: &mut Value, member: &str, present: &str) {
    if let Some(Value::String(served)) = object.get_mut(member)
        && served != present
    {
        present.clone_into(served);
    }
}

/// Every place of a payload where another issue is shown.
fn places(raw: &mut Value) -> impl Iterator<Item = &mut Value> {
    fields_of(raw).into_iter().flatten().flat_map(|(field, value)| match (field.as_str(), value) {
        ("parent", parent) => vec![parent],
        (field, Value::Array(entries)) if LISTS.contains(&field) => {
            entries.iter_mut().map(shown_by).collect()
        }
        _ => Vec::new(),
    })
}

/// The issue that an entry of a list shows: a sub-task is the entry itself.
fn shown_by(entry: &mut Value) -> &mut Value {
    let end = ["inwardIssue", "outwardIssue"].into_iter().find(|end| entry.get(end).is_some());
    match end {
        Some(end) => &mut entry[end],
        None => entry,
    }
}

/// Takes out of the lists what is known to be gone or hidden from us: a site lists neither, and answers the same of both
/// (jira-facts 2.3). What goes with its project is hidden; an issue that is archived by itself can still be read, and is listed.
fn leave_out(instance: InstanceId, raw: &mut Value, gone: &HashSet<Uuid>) {
    let Some(fields) = fields_of(raw) else { return };
    let is_gone = |entry: &Value| {
        other_end(entry).and_then(|issue| id_of(instance, issue)).is_some_and(|id| gone.contains(&id))
    };
    for list in LISTS {
        if let Some(entries) = fields.get_mut(list).and_then(Value::as_array_mut) {
            entries.retain(|entry| !is_gone(entry));
        }
    }
}

impl PgTenantTx {
    /// Puts the present state of the issues that these show into their payloads. What the copy does not have stays as it was served.
    pub(super) async fn show_neighbours(&mut self, rows: &mut [IssueRow]) -> Result<()> {
        let mut shown = Shown::default();
        for row in rows.iter_mut() {
            let instance = row.instance_id;
            for issue in places(&mut row.raw) {
                // A place that names no issue is counted too, so that places can be counted again below.
                shown.note(id_of(instance, issue).unwrap_or_default(), issue);
            }
        }
        if shown.ids.is_empty() {
            return Ok(());
        }
        let found = self.neighbours(&shown).await?;
        let gone: HashSet<Uuid> = found.iter().filter(|one| one.is_gone).map(|one| one.id).collect();
        let found: HashMap<i64, Neighbour> = found.into_iter().map(|one| (one.place, one)).collect();
        let mut place = 0;
        for row in rows {
            for issue in places(&mut row.raw) {
                place += 1;
                if let Some(neighbour) = found.get(&place) {
                    neighbour.put_into(issue);
                }
            }
            if !gone.is_empty() {
                leave_out(row.instance_id, &mut row.raw, &gone);
            }
        }
        Ok(())
    }

    /// LATERAL and LIMIT hold the planner to primary keys, as in [`PgTenantTx::issues_by_id`].
    async fn neighbours(&mut self, shown: &Shown) -> Result<Vec<Neighbour>> {
        sqlx::query_as!(
            Neighbour,
            r#"SELECT f.place AS "place!", f.id AS "id!", i.key, i.summary, i.presence <> 'present' AND (i.presence <> 'archived' OR pj.presence <> 'present') AS "is_gone!",
                      coalesce(st.name, i.status) AS "status!", coalesce(ty.name, i.issue_type) AS issue_type,
                      coalesce(pr.name, i.priority) AS priority,
                      CASE WHEN (i.status_id, i.status_category) IS DISTINCT FROM (f.status_id, f.category) THEN coalesce(st.raw_jsonb, jsonb_build_object('id', i.status_id, 'name', i.status)) END AS other_status,
                      CASE WHEN i.issue_type_id IS DISTINCT FROM f.type_id THEN coalesce(ty.raw_jsonb, jsonb_build_object('id', i.issue_type_id, 'name', i.issue_type)) END AS other_type,
                      CASE WHEN i.priority_id IS DISTINCT FROM f.priority_id THEN coalesce(pr.raw_jsonb, jsonb_build_object('id', i.priority_id, 'name', i.priority)) END AS other_priority
               FROM unnest($1::uuid[], $2::text[], $3::text[], $4::text[], $5::text[])
                    WITH ORDINALITY AS f (id, status_id, category, type_id, priority_id, place)
               CROSS JOIN LATERAL (
                   SELECT x.tenant_id, x.instance_id, x.key, x.summary, x.presence, x.status, x.status_id, x.status_category,
                          x.issue_type, x.issue_type_id, x.priority, x.priority_id, x.project_id
                   FROM issues x WHERE x.id = f.id LIMIT 1
               ) i
               JOIN projects pj ON pj.tenant_id = i.tenant_id AND pj.id = i.project_id
               LEFT JOIN statuses st
                   ON st.tenant_id = i.tenant_id AND st.instance_id = i.instance_id AND st.jira_id = i.status_id
               LEFT JOIN issue_types ty
                   ON ty.tenant_id = i.tenant_id AND ty.instance_id = i.instance_id AND ty.jira_id = i.issue_type_id
               LEFT JOIN priorities pr
                   ON pr.tenant_id = i.tenant_id AND pr.instance_id = i.instance_id AND pr.jira_id = i.priority_id
               WHERE i.presence <> 'unobserved'"#,
            &shown.ids,
            &shown.statuses as _,
            &shown.categories as _,
            &shown.types as _,
            &shown.priorities as _,
        )
        .fetch_all(self.conn())
        .await
        .map_err(convert)
    }
}
