//! The fields of JQL: their names, what they stand for, and which operators they take (jira-facts 8.4).

use std::collections::HashMap;

use application::Result;
use jql::{Field as Named, FieldName, Predicate, Query};
use uuid::Uuid;

use super::{
    custom_types,
    functions::{self, Called},
    properties::{self, Property},
    refusals, unanswered, warnings,
};
use crate::postgres::{errors::convert, transaction::PgTenantTx};

/// What a field's name stands for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Field {
    Project,
    Key,
    IssueType,
    Status,
    StatusCategory,
    Priority,
    Resolution,
    Person(Person),
    Time(Time),
    Due,
    Amount(Amount),
    List(List),
    Sprint(Scope),
    Parent,
    EpicLink,
    /// The epic of the issue, or of the issue that it is a part of.
    ParentEpic,
    Summary,
    Description,
    Environment,
    Comment,
    Text,
    Worklog(Worklog),
    Attachments,
    /// Who watches or voted, as far as the copy knows.
    Follower(Follower),
    /// The category of the project.
    Category,
    ProjectType,
    /// The security level.
    Level,
    HierarchyLevel,
    IssueLinkType,
    /// Ours: which site of the tenant.
    Instance,
    /// A part of what programs put onto issues.
    Property(Property),
    Custom(Custom),
}

/// A person of an issue.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Person {
    Assignee,
    Reporter,
    Creator,
}

/// A time of an issue.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Time {
    Created,
    Updated,
    Resolved,
    StatusCategoryChanged,
}

/// A number of an issue.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Amount {
    Votes,
    Watchers,
    /// Percent of the original estimate.
    WorkRatio,
    /// Seconds, as those below.
    TimeSpent,
    OriginalEstimate,
    RemainingEstimate,
}

/// A part of the worklogs of an issue.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Worklog {
    Author,
    Date,
    Comment,
}

/// Who follows an issue.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Follower {
    Watcher,
    Voter,
}

/// A system field with a list of named values.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum List {
    Labels,
    Components,
    FixVersions,
    AffectedVersions,
}

/// A custom field, or several of one name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Custom {
    pub(super) scope: Scope,
    pub(super) class: Class,
}

/// How a custom field's values are compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Class {
    Number,
    Day,
    Time,
    Text,
    /// Options, groups, versions ...: equal or not, by id or name.
    Choice,
    /// Users: equal or not, by account.
    Person,
    /// What a customer asked a service desk for: equal or not, by id or name.
    RequestType,
    /// Organisations of customers: equal or not, by id or name.
    Organization,
    /// A clock of a service desk: by functions alone.
    Sla,
    /// A type we do not know: by id or name, or by words.
    Other,
}

/// Which rows of `issue_field_values` belong to a field: its ids differ per instance.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Scope {
    /// A field id that means the same at every instance of the search.
    Everywhere(String),
    /// The field ids of each instance.
    PerInstance(Vec<(Uuid, Vec<String>)>),
}

/// Operators that a field takes together or not at all.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Operators {
    /// `=`, `!=`
    Equality,
    /// `<`, `<=`, `>`, `>=`
    Order,
    /// `~`
    Like,
    /// `!~`
    NotLike,
    /// `IN`, `NOT IN`
    List,
    /// `IS`, `IS NOT`, and `EMPTY` as an operand
    Emptiness,
    /// `WAS` and its kin
    Was,
    /// `CHANGED`
    Changed,
}

impl Field {
    /// Whether the field takes these operators.
    pub(super) fn takes(&self, operators: Operators) -> bool {
        use Operators::{Changed, Emptiness, Equality, Like, List as In, NotLike, Order, Was};
        let taken: &[Operators] = match self {
            Self::Project | Self::IssueType | Self::Sprint(_) | Self::Parent | Self::EpicLink => {
                &[Equality, In, Emptiness]
            }
            Self::List(List::Labels | List::Components) => &[Equality, In, Emptiness],
            Self::List(List::FixVersions) => &[Equality, Order, Like, NotLike, In, Emptiness, Was, Changed],
            Self::List(List::AffectedVersions) => &[Equality, Order, Like, NotLike, In, Emptiness],
            Self::Status | Self::Person(Person::Assignee | Person::Reporter) => {
                &[Equality, In, Emptiness, Was, Changed]
            }
            Self::Person(Person::Creator) => &[Equality, In, Emptiness, Was],
            Self::Priority | Self::Resolution => &[Equality, Order, In, Emptiness, Was, Changed],
            Self::Key | Self::Time(_) | Self::Due | Self::HierarchyLevel => &[Equality, Order, In, Emptiness],
            Self::Amount(Amount::Votes | Amount::Watchers) | Self::Worklog(Worklog::Date) => {
                &[Equality, Order, In]
            }
            Self::Amount(_) => &[Equality, Order, In, Emptiness],
            Self::StatusCategory
            | Self::IssueLinkType
            | Self::ProjectType
            | Self::ParentEpic
            | Self::Instance => &[Equality, In],
            Self::Category | Self::Level | Self::Follower(_) | Self::Worklog(Worklog::Author) => {
                &[Equality, In, Emptiness]
            }
            Self::Attachments => &[Emptiness],
            Self::Property(_) => &[Equality, Order, Like, NotLike, In, Emptiness],
            Self::Summary | Self::Description | Self::Environment => &[Like, NotLike, Emptiness],
            Self::Comment | Self::Worklog(Worklog::Comment) => &[Like, NotLike],
            Self::Text => &[Like],
            Self::Custom(custom) => match custom.class {
                Class::Number | Class::Day | Class::Time => &[Equality, Order, In, Emptiness],
                Class::Text => &[Like, NotLike, Emptiness],
                Class::Choice | Class::Person | Class::Organization => &[Equality, In, Emptiness],
                Class::RequestType => &[Equality, In],
                Class::Sla => &[Equality, Order],
                Class::Other => &[Equality, Like, NotLike, In, Emptiness],
            },
        };
        taken.contains(&operators)
    }
}

/// A system field of this name, in any case.
pub(super) fn system(name: &str) -> Option<Field> {
    Some(match name {
        "project" | "space" => Field::Project,
        "issuekey" | "key" | "id" | "issue" | "workitemkey" => Field::Key,
        "issuetype" | "type" | "worktype" => Field::IssueType,
        "status" => Field::Status,
        "statuscategory" => Field::StatusCategory,
        "priority" => Field::Priority,
        "resolution" => Field::Resolution,
        "assignee" => Field::Person(Person::Assignee),
        "reporter" => Field::Person(Person::Reporter),
        "creator" => Field::Person(Person::Creator),
        "created" | "createddate" => Field::Time(Time::Created),
        "updated" | "updateddate" => Field::Time(Time::Updated),
        "resolved" | "resolutiondate" => Field::Time(Time::Resolved),
        "statuscategorychangeddate" => Field::Time(Time::StatusCategoryChanged),
        "due" | "duedate" => Field::Due,
        "votes" => Field::Amount(Amount::Votes),
        "watchers" => Field::Amount(Amount::Watchers),
        "workratio" => Field::Amount(Amount::WorkRatio),
        "timespent" => Field::Amount(Amount::TimeSpent),
        "originalestimate" | "timeoriginalestimate" => Field::Amount(Amount::OriginalEstimate),
        "remainingestimate" | "timeestimate" => Field::Amount(Amount::RemainingEstimate),
        "labels" => Field::List(List::Labels),
        "component" | "components" => Field::List(List::Components),
        "fixversion" | "fixversions" => Field::List(List::FixVersions),
        "affectedversion" | "affectsversion" | "versions" => Field::List(List::AffectedVersions),
        "parent" => Field::Parent,
        "epic link" => Field::EpicLink,
        "parentepic" => Field::ParentEpic,
        "summary" => Field::Summary,
        "description" => Field::Description,
        "environment" => Field::Environment,
        "comment" => Field::Comment,
        "worklogauthor" => Field::Worklog(Worklog::Author),
        "worklogdate" => Field::Worklog(Worklog::Date),
        "worklogcomment" => Field::Worklog(Worklog::Comment),
        "attachments" => Field::Attachments,
        "watcher" => Field::Follower(Follower::Watcher),
        "voter" => Field::Follower(Follower::Voter),
        "category" => Field::Category,
        "projecttype" => Field::ProjectType,
        "level" => Field::Level,
        "text" | "textfields" => Field::Text,
        "hierarchylevel" => Field::HierarchyLevel,
        "issuelinktype" => Field::IssueLinkType,
        "instance" => Field::Instance,
        _ => return None,
    })
}

/// The fields of a query, by name.
#[derive(Debug, Default)]
pub(super) struct Fields {
    named: HashMap<Named, Option<Field>>,
    /// Custom fields with texts, for `text`: by id, looked up only where they are asked for.
    texts: Vec<String>,
    warnings: Vec<String>,
}

/// How a query names a field, without quotation marks.
pub(super) fn shown(field: &Named) -> String {
    if !field.properties.is_empty() {
        return field.to_string();
    }
    match &field.name {
        FieldName::Name(name) => name.clone(),
        FieldName::CustomId(id) => format!("cf[{id}]"),
        FieldName::Id(id) => id.to_string(),
    }
}

impl Fields {
    /// Finds out what each field of the query is, with at most one look-up.
    ///
    /// # Errors
    /// For a field that is right, but that a copy cannot answer.
    pub(super) async fn of(tx: &mut PgTenantTx, query: &Query, instance: Option<Uuid>) -> Result<Self> {
        let mut fields = Self::default();
        let mut unknown = Vec::new();
        for field in query.fields() {
            if fields.named.contains_key(field) {
                continue;
            }
            if !field.properties.is_empty() {
                let property = properties::found(tx, field, instance).await?;
                fields.named.insert(field.clone(), property.map(Field::Property));
                continue;
            }
            let found = match &field.name {
                FieldName::Name(name) => system(&name.to_lowercase()),
                FieldName::CustomId(_) | FieldName::Id(_) => None,
            };
            if found.is_none() {
                unknown.push(field.clone());
            }
            fields.named.insert(field.clone(), found);
        }
        let with_texts = fields.named.values().any(|field| *field == Some(Field::Text))
            || functions::are_called(query, Called::WithText);
        if !unknown.is_empty() || with_texts {
            let rows = look_up(tx, instance, &unknown, with_texts).await?;
            if with_texts {
                let texts = rows.iter().filter(|row| custom_types::class(row.kind.as_deref()) == Class::Text);
                fields.texts = texts.map(|row| row.field_id.clone()).collect();
                fields.texts.sort_unstable();
                fields.texts.dedup();
            }
            for name in unknown {
                let found = custom(&name, &rows, instance.is_none())?;
                fields.warnings.extend(warnings::of_types(&name, &named_so(&name, &rows)));
                fields.named.insert(name, found);
            }
        }
        Ok(fields)
    }

    /// The ids of the custom fields that `text` looks at.
    pub(super) fn texts(&self) -> &[String] {
        &self.texts
    }

    /// What has to be said of the query's names: see [`warnings`].
    pub(super) fn warnings(&self) -> &[String] {
        &self.warnings
    }

    /// The names and what they stand for.
    pub(super) fn named(&self) -> impl Iterator<Item = (&Named, &Field)> {
        self.named.iter().filter_map(|(name, field)| Some((name, field.as_ref()?)))
    }

    /// The clocks of service desks among them.
    pub(super) fn slas(&self) -> impl Iterator<Item = &Custom> {
        self.named.values().filter_map(|field| match field {
            Some(Field::Custom(custom)) if custom.class == Class::Sla => Some(custom),
            _ => None,
        })
    }

    /// What this name stands for.
    pub(super) fn get(&self, field: &Named) -> Option<&Field> {
        self.named.get(field)?.as_ref()
    }

    #[cfg(test)]
    pub(super) fn known(query: &jql::Query, custom: &[(&str, Field)]) -> Self {
        let field = |named: &Named| match &named.name {
            _ if !named.properties.is_empty() => properties::of(named).map(Field::Property),
            FieldName::Name(name) => system(&name.to_lowercase())
                .or_else(|| custom.iter().find(|(known, _)| *known == name).map(|(_, field)| field.clone())),
            _ => None,
        };
        let named = query.fields().map(|named| (named.clone(), field(named))).collect();
        Self { named, texts: vec!["customfield_7".to_owned()], warnings: Vec::new() }
    }
}

/// A custom field of an instance.
pub(super) struct Row {
    instance: Uuid,
    pub(super) field_id: String,
    name: String,
    pub(super) kind: Option<String>,
}

async fn look_up(
    tx: &mut PgTenantTx,
    instance: Option<Uuid>,
    names: &[Named],
    with_texts: bool,
) -> Result<Vec<Row>> {
    let mut ids = Vec::new();
    let mut lower = Vec::new();
    for name in names {
        match &name.name {
            // No stored text has one, and none can be sent.
            FieldName::Name(name) if name.contains('\0') => {}
            FieldName::Name(name) => {
                let name = name.to_lowercase();
                if let Some((bare, _)) = custom_types::disambiguated(&name) {
                    lower.push(bare.to_owned());
                }
                if name.starts_with("customfield_") {
                    ids.push(name.clone());
                }
                lower.push(name);
            }
            FieldName::CustomId(id) | FieldName::Id(id) => ids.push(format!("customfield_{id}")),
        }
    }
    let by_type: Vec<String> =
        lower.iter().filter_map(|name| custom_types::by_any_name(name)).map(str::to_owned).collect();
    let rows = sqlx::query!(
        r"WITH known AS (
              SELECT instance_id, field_key, name_lower,
                     coalesce(raw_jsonb->'schema'->>'custom', raw_jsonb->'schema'->>'type', field_type) AS kind
              FROM custom_fields
              WHERE ($1::uuid IS NULL OR instance_id = $1) AND field_key LIKE 'customfield\_%')
          SELECT instance_id, field_key, name_lower, kind FROM known
          WHERE name_lower = ANY($2) OR field_key = ANY($3) OR substring(kind FROM '[^:]*$') = ANY($4)
              OR ($5 AND kind ~ '(textfield|textarea|readonlyfield|gh-epic-label)$')
          ORDER BY instance_id, field_key",
        instance as _,
        &lower,
        &ids,
        &by_type,
        with_texts,
    )
    .fetch_all(tx.conn())
    .await
    .map_err(convert)?;
    let rows = rows.into_iter().map(|row| Row {
        instance: row.instance_id,
        field_id: row.field_key,
        name: row.name_lower,
        kind: row.kind,
    });
    Ok(rows.collect())
}

fn custom(field: &Named, rows: &[Row], several_instances: bool) -> Result<Option<Field>> {
    let text = match &field.name {
        FieldName::CustomId(id) | FieldName::Id(id) => return Ok(by_id(&format!("customfield_{id}"), rows)),
        FieldName::Name(name) => name.to_lowercase(),
    };
    let scope = |rows: &[&Row]| scope(rows, several_instances);
    if let Some(kind) = custom_types::by_any_name(&text) {
        let of_type: Vec<_> =
            rows.iter().filter(|row| custom_types::is_of_type(row.kind.as_deref(), kind)).collect();
        if let Some(first) = of_type.first().map(|row| row.kind.as_deref()) {
            let scope = scope(&of_type);
            return Ok(Some(match custom_types::is_sprint(first) {
                true => Field::Sprint(scope),
                false => Field::Custom(Custom { scope, class: custom_types::class(first) }),
            }));
        }
    }
    let mut named = named_so(field, rows);
    if named.is_empty() {
        return match by_id(&text, rows) {
            None if unanswered::is_of_desks(&text) => Err(refusals::no_desk(&shown(field))),
            None if unanswered::is_field(&text) => {
                Err(refusals::unanswered(&format!("the field '{}'", shown(field))))
            }
            found => Ok(found),
        };
    }
    // Fields of one name and of several types (team-managed projects, several instances): the first one's type counts.
    let class = custom_types::class(named[0].kind.as_deref());
    named.retain(|row| custom_types::class(row.kind.as_deref()) == class);
    Ok(Some(Field::Custom(Custom { scope: scope(&named), class })))
}

/// The fields of this name, or of the name before the type in brackets.
fn named_so<'r>(field: &Named, rows: &'r [Row]) -> Vec<&'r Row> {
    let FieldName::Name(name) = &field.name else { return Vec::new() };
    let text = name.to_lowercase();
    let named: Vec<_> = rows.iter().filter(|row| row.name == text).collect();
    if !named.is_empty() || custom_types::by_any_name(&text).is_some() {
        return named;
    }
    let Some((bare, kind)) = custom_types::disambiguated(&text) else { return Vec::new() };
    let is_meant = |row: &&Row| row.name == bare && custom_types::is_shown_as(row.kind.as_deref(), kind);
    rows.iter().filter(is_meant).collect()
}

fn by_id(field_id: &str, rows: &[Row]) -> Option<Field> {
    let row = rows.iter().find(|row| row.field_id == field_id)?;
    let scope = Scope::Everywhere(field_id.to_owned());
    if custom_types::is_sprint(row.kind.as_deref()) {
        return Some(Field::Sprint(scope));
    }
    Some(Field::Custom(Custom { scope, class: custom_types::class(row.kind.as_deref()) }))
}

fn scope(rows: &[&Row], several_instances: bool) -> Scope {
    if let ([row], false) = (rows, several_instances) {
        return Scope::Everywhere(row.field_id.clone());
    }
    let mut groups: Vec<(Uuid, Vec<String>)> = Vec::new();
    for row in rows {
        match groups.iter_mut().find(|(instance, _)| *instance == row.instance) {
            Some((_, ids)) => ids.push(row.field_id.clone()),
            None => groups.push((row.instance, vec![row.field_id.clone()])),
        }
    }
    Scope::PerInstance(groups)
}

/// The operators of a predicate, and how Jira writes the one that is used.
pub(super) fn operators_of(predicate: &Predicate) -> (Operators, &'static str) {
    use jql::CompareOp::{
        Equals, GreaterThan, GreaterThanEquals, LessThan, LessThanEquals, Like, NotEquals, NotLike,
    };
    match predicate {
        Predicate::Compare { op, .. } => match op {
            Equals => (Operators::Equality, "="),
            NotEquals => (Operators::Equality, "!="),
            Like => (Operators::Like, "~"),
            NotLike => (Operators::NotLike, "!~"),
            LessThan => (Operators::Order, "<"),
            LessThanEquals => (Operators::Order, "<="),
            GreaterThan => (Operators::Order, ">"),
            GreaterThanEquals => (Operators::Order, ">="),
        },
        Predicate::In { negated: false, .. } => (Operators::List, "in"),
        Predicate::In { negated: true, .. } => (Operators::List, "not in"),
        Predicate::Is { negated: false } => (Operators::Emptiness, "is"),
        Predicate::Is { negated: true } => (Operators::Emptiness, "is not"),
        Predicate::Was { negated: false, .. } => (Operators::Was, "was"),
        Predicate::Was { negated: true, .. } => (Operators::Was, "was not"),
        Predicate::WasIn { negated: false, .. } => (Operators::Was, "was in"),
        Predicate::WasIn { negated: true, .. } => (Operators::Was, "was not in"),
        Predicate::Changed { .. } => (Operators::Changed, "changed"),
    }
}
