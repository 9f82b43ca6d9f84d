//! What JQL can be written with at an instance, for editors that complete it.

use application::{
    Result,
    search::{FieldReference, FunctionReference, JqlReference},
};
use jql::{Field as Named, FieldName, Query, Sort};
use uuid::Uuid;

use super::{
    conditions::list_id,
    custom_types,
    fields::{Class, Custom, Field, Fields, List, Operators, Scope, system},
    functions::{FUNCTIONS, SLA},
    names::roster_of,
    order::is_sortable,
    refusals,
    sql::Sql,
    values::{rows_of, value_key},
};
use crate::postgres::{errors::convert, transaction::PgTenantTx};

/// System fields, as Jira writes them.
const SYSTEM: &[&str] = &[
    "affectedVersion",
    "assignee",
    "attachments",
    "category",
    "comment",
    "component",
    "created",
    "createdDate",
    "creator",
    "description",
    "due",
    "duedate",
    "environment",
    "Epic Link",
    "fixVersion",
    "hierarchyLevel",
    "issue",
    "issuekey",
    "issueLinkType",
    "issuetype",
    "key",
    "labels",
    "level",
    "originalEstimate",
    "parent",
    "priority",
    "project",
    "projectType",
    "remainingEstimate",
    "reporter",
    "resolution",
    "resolved",
    "status",
    "statusCategory",
    "statusCategoryChangedDate",
    "summary",
    "text",
    "timeSpent",
    "updated",
    "voter",
    "votes",
    "watcher",
    "workRatio",
    "watchers",
    "worklogAuthor",
    "worklogComment",
    "worklogDate",
];

/// Values that are suggested, at most.
const MOST: i64 = 15;

/// Values of issues that are looked at for them: a frequent one may stand in many rows.
const REACH: i64 = 5_000;

const OPERATORS: [(Operators, &[&str]); 8] = [
    (Operators::Equality, &["=", "!="]),
    (Operators::Like, &["~"]),
    (Operators::NotLike, &["!~"]),
    (Operators::Order, &[">", ">=", "<", "<="]),
    (Operators::List, &["in", "not in"]),
    (Operators::Emptiness, &["is", "is not"]),
    (Operators::Was, &["was", "was in", "was not", "was not in"]),
    (Operators::Changed, &["changed"]),
];

fn described(name: &str, custom_id: Option<u64>, field: &Field) -> FieldReference {
    let taken = OPERATORS.iter().filter(|(operators, _)| field.takes(*operators));
    FieldReference {
        name: name.to_owned(),
        custom_id,
        is_ambiguous: false,
        operators: taken.flat_map(|(_, shown)| shown.iter().copied()).collect(),
        orderable: is_sortable(field, name),
        suggests: suggests(field),
        class: class(field),
    }
}

fn suggests(field: &Field) -> bool {
    match field {
        Field::List(_) | Field::Sprint(_) | Field::StatusCategory | Field::Follower(_) => true,
        Field::Custom(custom) => {
            matches!(custom.class, Class::Choice | Class::Person | Class::RequestType | Class::Organization)
        }
        Field::Key | Field::Parent | Field::EpicLink | Field::Instance => false,
        other => roster_of(other).is_some(),
    }
}

fn class(field: &Field) -> &'static str {
    match field {
        Field::Project | Field::Category | Field::ProjectType => "com.atlassian.jira.project.Project",
        Field::Key | Field::Parent | Field::EpicLink => "com.atlassian.jira.issue.Issue",
        Field::IssueType => "com.atlassian.jira.issue.issuetype.IssueType",
        Field::Status => "com.atlassian.jira.issue.status.Status",
        Field::StatusCategory => "com.atlassian.jira.issue.status.category.StatusCategory",
        Field::Priority => "com.atlassian.jira.issue.priority.Priority",
        Field::Resolution => "com.atlassian.jira.issue.resolution.Resolution",
        Field::Person(_) | Field::Follower(_) => "com.atlassian.jira.user.ApplicationUser",
        Field::Time(_) | Field::Due => "java.util.Date",
        Field::Amount(_) | Field::HierarchyLevel => "java.lang.Number",
        Field::List(List::Labels) => "com.atlassian.jira.issue.label.Label",
        Field::List(List::Components) => "com.atlassian.jira.bc.project.component.ProjectComponent",
        Field::List(_) => "com.atlassian.jira.project.version.Version",
        Field::Sprint(_) => "com.atlassian.greenhopper.service.sprint.Sprint",
        Field::Custom(custom) => match custom.class {
            Class::Number => "java.lang.Number",
            Class::Day | Class::Time => "java.util.Date",
            Class::Person => "com.atlassian.jira.user.ApplicationUser",
            Class::Choice => "com.atlassian.jira.issue.customfields.option.Option",
            Class::RequestType => "com.atlassian.servicedesk.requesttype",
            Class::Organization => "com.atlassian.servicedesk.organization",
            Class::Sla => SLA,
            Class::Text | Class::Other => "java.lang.String",
        },
        _ => "java.lang.String",
    }
}

/// The fields and functions of an instance.
pub(in crate::postgres) async fn reference(tx: &mut PgTenantTx, instance: Uuid) -> Result<JqlReference> {
    let rows = sqlx::query!(
        r#"SELECT field_key, name,
                  coalesce(raw_jsonb->'schema'->>'custom', raw_jsonb->'schema'->>'type', field_type) AS kind
           FROM custom_fields
           WHERE instance_id = $1 AND presence = 'present' AND field_key LIKE 'customfield\_%'
           ORDER BY name_lower, field_key"#,
        instance,
    )
    .fetch_all(tx.conn())
    .await
    .map_err(convert)?;
    let mut fields: Vec<FieldReference> = SYSTEM
        .iter()
        .filter_map(|name| Some(described(name, None, &system(&name.to_lowercase())?)))
        .collect();
    for row in &rows {
        let Some(id) = row.field_key.strip_prefix("customfield_").and_then(|id| id.parse().ok()) else {
            continue;
        };
        let scope = Scope::Everywhere(row.field_key.clone());
        let field = match custom_types::is_sprint(row.kind.as_deref()) {
            true => Field::Sprint(scope),
            false => Field::Custom(Custom { scope, class: custom_types::class(row.kind.as_deref()) }),
        };
        let same = |name: &str| name.to_lowercase() == row.name.to_lowercase();
        let is_ambiguous = system(&row.name.to_lowercase()).is_some()
            || rows.iter().filter(|other| same(&other.name)).count() > 1;
        fields.push(FieldReference { is_ambiguous, ..described(&row.name, Some(id), &field) });
    }
    let functions =
        FUNCTIONS.iter().map(|&(name, is_list, class)| FunctionReference { name, is_list, class });
    Ok(JqlReference { fields, functions: functions.collect() })
}

/// Values of a field whose names begin with a text.
pub(in crate::postgres) async fn suggestions(
    tx: &mut PgTenantTx,
    instance: Uuid,
    name: &FieldName,
    beginning: &str,
) -> Result<Vec<String>> {
    let named = Named { name: name.clone(), properties: Vec::new(), position: None };
    let sort = Sort { field: named.clone(), direction: None };
    let query = Query { filter: None, order_by: vec![sort] };
    let fields = Fields::of(tx, &query, Some(instance)).await?;
    let field = fields.get(&named).ok_or_else(|| refusals::unknown_field(&super::fields::shown(&named)))?;
    if !suggests(field) {
        return Ok(Vec::new());
    }
    if *field == Field::StatusCategory {
        let names = ["To Do", "In Progress", "Done"];
        let begins = |name: &&str| name.to_lowercase().starts_with(&beginning.to_lowercase());
        return Ok(names.into_iter().filter(begins).map(str::to_owned).collect());
    }
    let statement = match source(field) {
        Some(source) => Sql::new("SELECT DISTINCT t.name::text FROM (SELECT ")
            .push(source)
            .bind(instance)
            .push(") AS t (name) WHERE starts_with(lower(t.name), lower(")
            .bind(beginning)
            .push(")) ORDER BY 1 LIMIT ")
            .bind(MOST),
        None => of_issues(field, instance, beginning)?,
    };
    let rows = sqlx::query_scalar_with(
        sqlx::AssertSqlSafe(statement.text()),
        statement.arguments().map_err(application::Error::Internal)?,
    );
    rows.fetch_all(tx.conn()).await.map_err(convert)
}

/// Names of a roster, up to where the instance belongs.
fn source(field: &Field) -> Option<&'static str> {
    Some(match field {
        Field::Project => "name FROM projects WHERE presence = 'present' AND instance_id = ",
        Field::Category => {
            "raw_jsonb #>> '{projectCategory,name}' FROM projects WHERE presence = 'present' AND instance_id = "
        }
        Field::ProjectType => "project_type FROM projects WHERE presence = 'present' AND instance_id = ",
        Field::IssueType => "name FROM issue_types WHERE presence = 'present' AND instance_id = ",
        Field::Status => "name FROM statuses WHERE presence = 'present' AND instance_id = ",
        Field::Priority => "name FROM priorities WHERE presence = 'present' AND instance_id = ",
        Field::Resolution => "name FROM resolutions WHERE presence = 'present' AND instance_id = ",
        Field::Sprint(_) => "name FROM sprints WHERE presence = 'present' AND instance_id = ",
        Field::List(List::Components) => "name FROM components WHERE presence = 'present' AND instance_id = ",
        Field::List(List::FixVersions | List::AffectedVersions) => {
            "name FROM versions WHERE presence = 'present' AND instance_id = "
        }
        Field::Custom(custom) if custom.class == Class::RequestType => {
            "k.kind ->> 'name' FROM service_desks d CROSS JOIN LATERAL jsonb_array_elements(d.setup -> 'request_types') \
             AS k (kind) WHERE d.instance_id = "
        }
        Field::Custom(custom) if custom.class == Class::Organization => {
            "name FROM organizations WHERE instance_id = "
        }
        Field::Custom(custom) if custom.class != Class::Person => return None,
        Field::List(List::Labels) => return None,
        _ => "display_name FROM users WHERE presence = 'present' AND active AND instance_id = ",
    })
}

/// Values that issues have: of labels and of custom fields with choices.
fn of_issues(field: &Field, instance: Uuid, beginning: &str) -> Result<Sql> {
    let scope = match field {
        Field::List(list) => Scope::Everywhere(list_id(*list).to_owned()),
        Field::Custom(custom) => custom.scope.clone(),
        _ => return Err(super::compile::misfit()),
    };
    let key = value_key(beginning);
    let sql =
        Sql::new("SELECT DISTINCT f.name FROM (SELECT v.value_text AS name FROM issue_field_values v WHERE ");
    let sql = match &scope {
        Scope::Everywhere(_) => sql.append(rows_of(&scope)),
        Scope::PerInstance(groups) => {
            let ids: Vec<String> = groups.iter().flat_map(|(_, ids)| ids.clone()).collect();
            sql.append(Sql::among("v.field_id", ids, false))
        }
    };
    let sql = sql.push(" AND v.value_key >= ").bind(key.as_str()).push(" AND v.value_key < ");
    let sql = sql.bind(format!("{key}\u{10ffff}")).push(
        " AND EXISTS (SELECT FROM issues i WHERE i.tenant_id = v.tenant_id AND i.id = v.issue_id AND i.presence = 'present' \
         AND i.instance_id = ",
    );
    let sql = sql.bind(instance).push(") LIMIT ").bind(REACH);
    Ok(sql.push(") AS f WHERE f.name IS NOT NULL ORDER BY 1 LIMIT ").bind(MOST))
}
