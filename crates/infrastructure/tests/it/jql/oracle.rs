//! JQL in PostgreSQL against an evaluator of its own, on sites and queries made by chance.
//!
//! The numbers come from a seed: `FOREBAY_JQL_SEED` has another one (or the one of a failure), `FOREBAY_JQL_QUERIES` more
//! queries.

mod desks;
mod evaluate;
mod generate;
mod past;
mod payload;
mod sorted;
mod times;
mod words;
mod world;

use std::env;

use application::{
    erasure::ErasedPeople,
    ingest::{FieldRoles, Reader, read_issue, read_rosters},
    instances::{Dialect, InstanceKind},
    ports::{FetchedIssue, Listed, ListedFollowers, ListedMembers, ListedRoles, ReferenceData, TenantTx},
    search::{SearchRequest, SearchStart},
};
use chrono_tz::Tz;
use domain::ids::InstanceId;
use infrastructure::crypto::{Keyring, MasterKey};
use jql::Clause;
use rand::{RngExt, SeedableRng, seq::IndexedRandom};
use rand_chacha::ChaCha8Rng;
use serde_json::{Value, json};

use self::{
    evaluate::Oracle,
    generate::Generator,
    times::Clock,
    world::{
        COMPONENTS, FILTERS, GROUPS, PRIORITIES, PROJECTS, RESOLUTIONS, ROLES, STATUSES, TYPES, USERS,
        VERSIONS, World, now, person,
    },
};
use crate::database::TestDatabase;

/// Some of these skip midnight once a year.
const ZONES: [Tz; 6] = [
    chrono_tz::UTC,
    chrono_tz::Europe::Berlin,
    chrono_tz::Asia::Tokyo,
    chrono_tz::America::New_York,
    chrono_tz::Africa::Cairo,
    chrono_tz::Asia::Beirut,
];
const WORLDS: u64 = 3;
const ISSUES: usize = 60;
const QUERIES: u64 = 400;

fn number(name: &str, default: u64) -> u64 {
    env::var(name).ok().and_then(|text| text.parse().ok()).unwrap_or(default)
}

fn fields() -> Vec<Value> {
    let plain = "com.atlassian.jira.plugin.system.customfieldtypes:";
    let field = |id: u32, name: &str, kind: String| {
        let id = format!("customfield_{id}");
        json!({"id": id, "name": name, "custom": true, "schema": {"custom": kind}})
    };
    vec![
        field(10001, "Story Points", format!("{plain}float")),
        field(10002, "Sprint", "com.pyxis.greenhopper.jira:gh-sprint".into()),
        field(10003, "Team", format!("{plain}select")),
        field(10004, "Notes", format!("{plain}textarea")),
        field(10005, "Launch", format!("{plain}datepicker")),
        field(10006, "Seen at", format!("{plain}datetime")),
        field(10007, "Owner", format!("{plain}userpicker")),
        field(10008, "Regions", format!("{plain}multiselect")),
        field(10009, "Tags", format!("{plain}labels")),
        field(10010, "Time to resolution", "com.atlassian.servicedesk:sd-sla-field".into()),
        field(10011, "Request Type", "com.atlassian.servicedesk:vp-origin".into()),
        field(10012, "Organizations", "com.atlassian.servicedesk:sd-customer-organizations".into()),
    ]
}

fn rosters() -> ReferenceData {
    let named = |(id, name): &(&str, &str)| json!({"id": id, "name": name});
    let kind = |(id, name, level): &(&str, &str, i64)| json!({"id": id, "name": name, "hierarchyLevel": level, "subtask": *level < 0});
    let version = |v: &(&str, &str, &str, bool, bool)| json!({"id": v.0, "projectId": v.1.parse::<i64>().unwrap(), "name": v.2, "released": v.3, "archived": v.4});
    let component = |c: &(&str, &str, &str, Option<&str>)| json!({"id": c.0, "projectId": c.1.parse::<i64>().unwrap(), "name": c.2, "lead": c.3.map(person)});
    ReferenceData {
        projects: PROJECTS
            .iter()
            .map(|(id, key, name, lead, category, kind)| {
                let category = category.map(|(id, name)| json!({"id": id, "name": name}));
                json!({"id": id, "key": key, "name": name, "lead": person(lead), "projectTypeKey": kind,
                       "projectCategory": category})
            })
            .collect(),
        fields: fields(),
        statuses: STATUSES
            .iter()
            .map(|(id, name, category)| json!({"id": id, "name": name, "statusCategory": {"key": category}}))
            .collect(),
        issue_types: TYPES.iter().map(kind).collect(),
        priorities: PRIORITIES.iter().map(named).collect(),
        resolutions: RESOLUTIONS.iter().map(named).collect(),
        users: USERS.iter().map(|(account, _)| person(account)).collect(),
        versions: Listed::Whole(VERSIONS.iter().map(version).collect()),
        components: Listed::Whole(COMPONENTS.iter().map(component).collect()),
        filters: Listed::Whole(
            FILTERS.iter().map(|(id, name, jql)| json!({"id": id, "name": name, "jql": jql})).collect(),
        ),
        groups: Listed::Whole(
            GROUPS.iter().map(|(id, name, _)| json!({"groupId": id, "name": name})).collect(),
        ),
        group_members: GROUPS
            .iter()
            .map(|(id, _, members)| ListedMembers {
                group_id: (*id).to_owned(),
                members: members.iter().map(|account| person(account)).collect(),
            })
            .collect(),
        project_roles: PROJECTS.iter().map(|project| roles(project.0)).collect(),
        ..ReferenceData::default()
    }
}

/// The roles of a project.
fn roles(project: &str) -> ListedRoles {
    let actor = |actor: &&str| match actor.strip_prefix('@') {
        Some(name) => json!({"type": "atlassian-group-role-actor", "actorGroup": {"name": name}}),
        None => json!({"type": "atlassian-user-role-actor", "actorUser": {"accountId": actor}}),
    };
    let roles = ROLES.iter().map(|(id, name, projects)| {
        let (_, actors) = projects.iter().find(|(of, _)| *of == project).unwrap();
        json!({"id": id.parse::<i64>().unwrap(), "name": name, "actors": actors.iter().map(actor).collect::<Vec<_>>()})
    });
    ListedRoles { project_id: project.to_owned(), roles: roles.collect() }
}

/// What issues are asked for one by one: followers and properties.
async fn store_beside(
    tx: &mut dyn TenantTx,
    instance: InstanceId,
    issue: &Value,
    records: &mut ReferenceData,
) {
    let people = |list: &Value| {
        let accounts = list.as_array().unwrap().iter();
        Some(accounts.map(|account| person(account.as_str().unwrap())).collect())
    };
    let id = issue["id"].as_str().unwrap();
    records.followers.push(ListedFollowers {
        issue_id: id.to_owned(),
        watchers: people(&issue["watchers"]),
        voters: people(&issue["voters"]),
    });
    for (key, value) in issue["properties"].as_object().unwrap() {
        tx.set_property(instance.issue(id), key, value).await.unwrap();
    }
}

/// A copy of the site.
async fn store(base: &TestDatabase, name: &str, world: &World) -> (Box<dyn TenantTx>, InstanceId) {
    let tenant = base.tenant(name).await;
    let instance = base.instance(tenant, "site", InstanceKind::Sandbox).await;
    let keyring = Keyring::new(MasterKey::generate(), Vec::new());
    let erased = ErasedPeople::default();
    let mut tx = base.begin(tenant).await;
    let records = read_rosters(rosters(), &keyring, &erased);
    tx.upsert_reference(instance, &records, true).await.unwrap();
    tx.put_service_desk(instance, &desks::desk()).await.unwrap();
    for organization in desks::organizations() {
        tx.put_organization(instance, &organization).await.unwrap();
    }
    let fields = fields();
    let roles = FieldRoles::from_fields(&fields);
    let reader = Reader::new(Dialect::V2, &roles, &keyring, &erased);
    let bundles: Vec<_> = world
        .issues
        .iter()
        .map(|raw| {
            let fetched = FetchedIssue { raw: raw.clone(), comments_complete: true, worklogs_complete: true };
            read_issue(&reader, fetched).unwrap()
        })
        .collect();
    tx.upsert_issues(instance, &bundles).await.unwrap();
    let mut followers = ReferenceData::default();
    for issue in &world.issues {
        store_beside(tx.as_mut(), instance, issue, &mut followers).await;
    }
    let followers = read_rosters(followers, &keyring, &erased);
    tx.upsert_reference(instance, &followers, false).await.unwrap();
    tx.commit().await.unwrap();
    (base.begin(tenant).await, instance)
}

/// One query at one place.
struct Question<'w> {
    oracle: Oracle<'w>,
    instance: Option<InstanceId>,
}

impl Question<'_> {
    fn request(&self, query: jql::Query, limit: u32) -> SearchRequest {
        SearchRequest {
            query,
            instance: self.instance,
            zone: self.oracle.clock.zone,
            now: now(),
            current_user: Some(self.oracle.user.into()),
            limit,
            start: SearchStart::Offset(0),
            with_total: true,
        }
    }

    /// What PostgreSQL finds, in pages.
    async fn found(
        &self,
        tx: &mut dyn TenantTx,
        query: &jql::Query,
        page: u32,
    ) -> Result<Vec<String>, String> {
        let mut request = self.request(query.clone(), page);
        let mut keys = Vec::new();
        loop {
            let page = tx.search(&request).await.map_err(|error| error.with_causes())?;
            keys.extend(page.issues.iter().map(|issue| issue.key.clone()));
            if request.with_total && page.next.is_none() && page.total != Some(page.issues.len() as u64) {
                return Err(format!("a total of {:?} for {} issues", page.total, page.issues.len()));
            }
            let Some(next) = page.next else { return Ok(keys) };
            request.start = SearchStart::After(next);
            request.with_total = false;
        }
    }

    /// What the oracle finds.
    fn expected(&self, query: &jql::Query) -> Vec<String> {
        let meets =
            |issue: &&Value| query.filter.as_ref().is_none_or(|clause| self.oracle.holds(clause, issue));
        let mut issues: Vec<&Value> = self.oracle.world.issues.iter().filter(meets).collect();
        sorted::sort(&mut issues, &query.order_by);
        issues.iter().map(|issue| issue["key"].as_str().unwrap().to_owned()).collect()
    }

    /// The difference, if there is one, in the smallest part of the query that has it.
    async fn difference(&self, tx: &mut dyn TenantTx, query: &jql::Query, page: u32) -> Option<String> {
        let (found, expected) = (self.found(tx, query, page).await, self.expected(query));
        if found.as_ref() == Ok(&expected) {
            return None;
        }
        for term in query.filter.iter().flat_map(Clause::terms) {
            let positive = Clause::Term(term.clone());
            for clause in [positive.clone(), Clause::Not(Box::new(positive))] {
                let part = jql::Query { filter: Some(clause), order_by: Vec::new() };
                let (found, expected) = (self.found(tx, &part, 100).await, self.expected(&part));
                if found.as_ref() != Ok(&expected) {
                    return Some(self.told(&part, found, &expected));
                }
            }
        }
        Some(self.told(query, found, &expected))
    }

    fn told(&self, query: &jql::Query, found: Result<Vec<String>, String>, expected: &[String]) -> String {
        let zone = self.oracle.clock.zone;
        match found {
            Err(error) => format!("{query}\n  ({zone}) {error}"),
            Ok(found) => {
                let only = |a: &[String], b: &[String]| {
                    let only: Vec<&str> =
                        a.iter().filter(|key| !b.contains(key)).map(String::as_str).take(5).collect();
                    only.join(" ")
                };
                let (more, less) = (only(&found, expected), only(expected, &found));
                let order = if more.is_empty() && less.is_empty() {
                    format!("\n  order found {}\n  expected    {}", found.join(" "), expected.join(" "))
                } else {
                    String::new()
                };
                format!("{query}\n  ({zone}) SQL alone finds: {more}; the oracle alone: {less}{order}")
            }
        }
    }
}

#[tokio::test]
async fn every_query_finds_what_the_oracle_finds_in_its_order() {
    let seed = number("FOREBAY_JQL_SEED", 20_261_123);
    let queries = number("FOREBAY_JQL_QUERIES", QUERIES);
    let base = TestDatabase::create().await;
    let mut differences = Vec::new();
    let mut with_some = 0;
    for place in 0..WORLDS {
        let mut rng = ChaCha8Rng::seed_from_u64(seed + place);
        let world = World::new(&mut rng, ISSUES);
        let (mut tx, instance) = store(&base, &format!("tenant{place}"), &world).await;
        let mut generator = Generator { rng, world: &world };
        for _ in 0..queries {
            let text = generator.query();
            let zone = *ZONES.choose(&mut generator.rng).unwrap();
            let user = USERS[generator.rng.random_range(0..3)].0;
            let instance = generator.rng.random_bool(0.5).then_some(instance);
            let page = if generator.rng.random_bool(0.2) { 7 } else { 100 };
            let question = Question {
                oracle: Oracle { world: &world, clock: Clock { zone, now: now() }, user },
                instance,
            };
            let query = jql::parse(&text).unwrap_or_else(|error| panic!("{text}: {error}"));
            with_some += usize::from(!question.expected(&query).is_empty());
            if let Some(difference) = question.difference(tx.as_mut(), &query, page).await {
                differences.push(difference);
                if differences.len() > 25 {
                    break;
                }
            }
        }
    }
    assert!(
        differences.is_empty(),
        "seed {seed}, {} differences:\n{}",
        differences.len(),
        differences.join("\n")
    );
    assert!(with_some as u64 > queries * WORLDS / 2, "only {with_some} queries find anything");
    base.remove().await;
}
