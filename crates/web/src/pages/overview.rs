//! `/`: Work Pulse, the numbers for managers. Each number opens its issues.

use std::sync::Arc;

use application::{
    Caller, Error, Services,
    instances::{Dialect, Instance},
    lookups,
    pulse::{Pulse, PulseFilter, RiskIssue},
    reference::Roster,
};
use askama::Template;
use axum::{
    extract::{Query, State},
    response::Response,
};
use chrono::{DateTime, Utc};
use serde::Deserialize;

use super::{
    addresses,
    chart::{Chart, Label, Mark, Series},
    people::{Person, status_class},
    shell::{Choice, Section, Shell},
    visitor::Visitor,
    wording::{Moment, counted, day, decimal, grouped, short_day},
};
use crate::state::WebState;

mod questions;

use questions::Questions;

const WEEKS: [u16; 5] = [4, 8, 12, 26, 52];
const USUAL_WEEKS: u16 = 12;
const MOST_WEEKS: u16 = 104;

/// What is asked for.
#[derive(Default, Deserialize)]
pub(super) struct Asked {
    #[serde(default)]
    instance: String,
    #[serde(default)]
    project: String,
    #[serde(default)]
    weeks: String,
}

impl Asked {
    fn weeks(&self) -> Result<u16, Error> {
        match self.weeks.trim() {
            "" => Ok(USUAL_WEEKS),
            text => {
                text.parse().ok().filter(|weeks| (1..=MOST_WEEKS).contains(weeks)).ok_or_else(|| {
                    Error::invalid("weeks", format!("must be a number from 1 to {MOST_WEEKS}"))
                })
            }
        }
    }
}

/// `GET /`
pub(super) async fn show(
    State(state): State<WebState>,
    visitor: Visitor,
    Query(asked): Query<Asked>,
) -> Response {
    visitor.page(Section::Pulse, view(&state, &visitor, &asked).await)
}

async fn view(state: &WebState, visitor: &Visitor, asked: &Asked) -> Result<OverviewPage, Error> {
    let weeks = asked.weeks()?;
    let now = state.services.clock.now();
    let (services, caller) = (&state.services, &visitor.caller);
    let instances = services.db.tenant(&caller.context()).await?.instances().await?;
    let chosen = match asked.instance.as_str() {
        "" => None,
        name => Some(Arc::unwrap_or_clone(lookups::instance(services, caller, name).await?)),
    };
    let project = Some(asked.project.trim()).filter(|key| !key.is_empty()).map(str::to_owned);
    let filter = PulseFilter {
        instance: chosen.as_ref().map(|instance| instance.id),
        project,
        until: now.date_naive(),
        weeks,
    };
    let pulse = Arc::unwrap_or_clone(lookups::pulse(services, caller, filter.clone()).await?);
    let in_scope: Vec<Instance> = match &chosen {
        Some(instance) => vec![instance.clone()],
        None => instances.clone(),
    };
    let projects = projects(services, caller, &in_scope).await?;
    let scope = Scope {
        instance: chosen.map(|instance| instance.name).unwrap_or_default(),
        project: filter.project.unwrap_or_default(),
        weeks,
        instances: instances.into_iter().map(|instance| (instance.name, instance.display_name)).collect(),
        projects,
        levels_everywhere: in_scope.iter().all(|instance| instance.dialect == Dialect::V3),
    };
    Ok(OverviewPage::new(visitor.shell(Section::Pulse, "Work Pulse"), &scope, pulse, now))
}

/// Keys and names of all projects of these instances, by key.
async fn projects(
    services: &Services,
    caller: &Caller,
    instances: &[Instance],
) -> Result<Vec<(String, String)>, Error> {
    let mut projects = Vec::new();
    for instance in instances {
        for project in lookups::roster(services, caller, instance.id, Roster::Projects).await?.iter() {
            if let Some(key) = project["key"].as_str() {
                projects.push((key.to_owned(), project["name"].as_str().unwrap_or_default().to_owned()));
            }
        }
    }
    projects.sort();
    projects.dedup_by(|a, b| a.0 == b.0);
    Ok(projects)
}

/// Over what the numbers are taken, and what else could be chosen.
pub(super) struct Scope {
    /// The chosen instance's name; empty for all.
    pub(super) instance: String,
    /// The chosen project's key; empty for all.
    pub(super) project: String,
    /// How many weeks.
    pub(super) weeks: u16,
    /// Names of all instances: in addresses, and for people.
    pub(super) instances: Vec<(String, String)>,
    /// Keys and names of the projects.
    pub(super) projects: Vec<(String, String)>,
    /// Whether every issue in scope has a hierarchy level: Server and Data Center know none.
    pub(super) levels_everywhere: bool,
}

/// The page.
#[derive(Template)]
#[template(path = "overview.html")]
pub(super) struct OverviewPage {
    shell: Shell,
    instances: Vec<Choice>,
    projects: Vec<Choice>,
    weeks: Vec<Choice>,
    filtered: bool,
    period: String,
    as_of: Option<Moment>,
    issues: u64,
    numbers: Vec<Number>,
    trend: Chart,
    lead_time: Chart,
    table: Vec<WeekRow>,
    risks: Vec<RiskRow>,
    /// Whether risks name their instance: there are several, and none is chosen.
    names_instances: bool,
    risks_address: String,
}

/// One of the five numbers.
struct Number {
    label: &'static str,
    value: String,
    unit: &'static str,
    /// How the number is defined.
    note: String,
    facts: Vec<Fact>,
    address: String,
    /// What the link opens.
    opens: &'static str,
    /// Whether it asks for attention.
    alarming: bool,
}

/// A figure beside a number.
struct Fact {
    name: &'static str,
    value: String,
    /// The issues behind it, where it has its own.
    address: Option<String>,
}

impl Fact {
    fn new(name: &'static str, value: String) -> Self {
        Self { name, value, address: None }
    }
}

struct WeekRow {
    week: String,
    created: String,
    completed: String,
    p50: String,
    p85: String,
}

struct RiskRow {
    key: String,
    address: String,
    instance: String,
    summary: String,
    status: String,
    status_class: &'static str,
    assignee: Option<Person>,
    age: String,
    due: Option<String>,
    overdue: bool,
}

impl OverviewPage {
    pub(super) fn new(shell: Shell, scope: &Scope, pulse: Pulse, now: DateTime<Utc>) -> Self {
        let questions = Questions::new(scope, &pulse, now);
        let period = match (pulse.trend.first(), pulse.trend.last()) {
            (Some(first), Some(last)) => format!("{} to {}", day(first.from), day(last.to)),
            _ => counted(scope.weeks.into(), "week"),
        };
        let mut weeks: Vec<u16> = WEEKS.into_iter().chain([scope.weeks]).collect();
        weeks.sort_unstable();
        weeks.dedup();
        Self {
            shell,
            instances: choices("All instances", &scope.instances, &scope.instance, |_, name| name.to_owned()),
            projects: choices("All projects", &scope.projects, &scope.project, |key, name| {
                format!("{key} · {name}")
            }),
            weeks: weeks
                .into_iter()
                .map(|weeks| {
                    Choice::new(weeks.to_string(), counted(weeks.into(), "week"), &scope.weeks.to_string())
                })
                .collect(),
            filtered: !(scope.instance.is_empty() && scope.project.is_empty()),
            period,
            as_of: pulse.as_of.map(|at| Moment::of(at, now)),
            issues: pulse.issues,
            numbers: numbers(scope, &pulse, &questions),
            trend: trend(&pulse),
            lead_time: lead_time(&pulse),
            table: pulse.trend.iter().rev().map(week_row).collect(),
            risks_address: questions.at_risk.clone(),
            names_instances: scope.instances.len() > 1 && scope.instance.is_empty(),
            risks: pulse.top_risks.into_iter().map(risk_row).collect(),
        }
    }
}

fn choices(
    all: &str,
    known: &[(String, String)],
    present: &str,
    label: impl Fn(&str, &str) -> String,
) -> Vec<Choice> {
    let mut choices = vec![Choice::new("", all, present)];
    choices.extend(known.iter().map(|(value, name)| Choice::new(value, label(value, name), present)));
    if !choices.iter().any(|choice| choice.selected) {
        choices.push(Choice::new(present, present, present));
    }
    choices
}

fn numbers(scope: &Scope, pulse: &Pulse, questions: &Questions) -> Vec<Number> {
    let days =
        |value: Option<f64>| value.map_or_else(|| "–".to_owned(), |days| format!("{} d", decimal(days)));
    let lead = pulse.lead_time_days;
    vec![
        Number {
            label: "Throughput",
            value: grouped(pulse.throughput),
            unit: if pulse.throughput == 1 { "issue" } else { "issues" },
            note: "completed in the period, without epics and sub-tasks".into(),
            facts: vec![Fact::new(
                "Per week",
                decimal(pulse.throughput as f64 / f64::from(scope.weeks.max(1))),
            )],
            address: questions.completed.clone(),
            opens: "the completed issues",
            alarming: false,
        },
        Number {
            label: "Lead time",
            value: lead.p50.map_or_else(|| "–".into(), decimal),
            unit: "days P50",
            note: "from created to completed; cycle time from the first status in progress".into(),
            facts: vec![
                Fact::new("P85", days(lead.p85)),
                Fact::new("P90", days(lead.p90)),
                Fact::new("Cycle time P50", days(pulse.cycle_time_days.p50)),
            ],
            address: questions.slowest.clone(),
            opens: "the completed issues, oldest first",
            alarming: false,
        },
        Number {
            label: "SLA risk",
            value: grouped(pulse.sla_risk),
            unit: "open",
            note: match questions::age_limit(pulse) {
                Some(p85) => format!("overdue, or older than {} d (P85)", decimal(p85)),
                None => "overdue".into(),
            },
            facts: vec![Fact::new("Of open issues", share(pulse.sla_risk, pulse.open))],
            address: questions.at_risk.clone(),
            opens: "the issues at risk",
            alarming: pulse.sla_risk > 0,
        },
        Number {
            label: "In progress",
            value: grouped(pulse.wip),
            unit: if pulse.wip == 1 { "issue" } else { "issues" },
            note: format!("stuck: no status change for {} days", application::pulse::STUCK_AFTER_DAYS),
            facts: vec![Fact {
                name: "Stuck",
                value: grouped(pulse.stuck),
                address: Some(questions.stuck.clone()),
            }],
            address: questions.in_progress.clone(),
            opens: "the issues in progress, quietest first",
            alarming: pulse.stuck > 0,
        },
        Number {
            label: "Reopen rate",
            value: pulse.reopen_rate.map_or_else(|| "–".into(), |rate| decimal(rate * 100.0)),
            unit: "%",
            note: "of the issues done in the period left done again".into(),
            facts: Vec::new(),
            address: questions.reopened.clone().unwrap_or_else(|| questions.completed.clone()),
            opens: match pulse.reopened.len() as i32 {
                0 => "the completed issues, which it is taken from",
                application::pulse::REOPENED_NAMED.. => "the first hundred of the reopened issues",
                _ => "the reopened issues",
            },
            alarming: false,
        },
    ]
}

fn share(part: u64, whole: u64) -> String {
    if whole == 0 { "–".into() } else { format!("{} %", decimal(part as f64 * 100.0 / whole as f64)) }
}

fn trend(pulse: &Pulse) -> Chart {
    let labels = pulse.trend.iter().map(|week| Label {
        short: short_day(week.from),
        hint: format!(
            "{} to {}: {} completed, {} created",
            short_day(week.from),
            short_day(week.to),
            grouped(week.completed),
            grouped(week.created)
        ),
    });
    let count = |value: u64| Some(value as f64);
    let series = [
        Series {
            name: "Completed",
            class: "completed",
            mark: Mark::Bars,
            values: pulse.trend.iter().map(|week| count(week.completed)).collect(),
        },
        Series {
            name: "Created",
            class: "created",
            mark: Mark::Line,
            values: pulse.trend.iter().map(|week| count(week.created)).collect(),
        },
    ];
    let (created, completed) =
        pulse.trend.iter().fold((0, 0), |sum, week| (sum.0 + week.created, sum.1 + week.completed));
    let description = format!(
        "{}: {} completed and {} created, week by week. The numbers are in the table below.",
        counted(pulse.trend.len() as u64, "week"),
        grouped(completed),
        grouped(created)
    );
    Chart::new("trend", "Completed and created per week", description, labels.collect(), &series)
}

fn lead_time(pulse: &Pulse) -> Chart {
    let told = |value: Option<f64>| {
        value.map_or_else(|| "none completed".into(), |days| format!("{} days", decimal(days)))
    };
    let labels = pulse.trend.iter().map(|week| Label {
        short: short_day(week.from),
        hint: match week.lead_time_p50 {
            Some(_) => format!(
                "{} to {}: P50 {}, P85 {}",
                short_day(week.from),
                short_day(week.to),
                told(week.lead_time_p50),
                told(week.lead_time_p85)
            ),
            None => format!("{} to {}: none completed", short_day(week.from), short_day(week.to)),
        },
    });
    let series = [
        Series {
            name: "P85",
            class: "p85",
            mark: Mark::Line,
            values: pulse.trend.iter().map(|week| week.lead_time_p85).collect(),
        },
        Series {
            name: "P50",
            class: "p50",
            mark: Mark::Line,
            values: pulse.trend.iter().map(|week| week.lead_time_p50).collect(),
        },
    ];
    let description = format!(
        "Lead time of the issues completed in each week. Over the whole period P50 is {} and P85 is {}. The numbers are in \
         the table below.",
        told(pulse.lead_time_days.p50),
        told(pulse.lead_time_days.p85)
    );
    Chart::new(
        "lead-time",
        "Lead time in days, by week of completion",
        description,
        labels.collect(),
        &series,
    )
}

fn week_row(week: &application::pulse::PulseWeek) -> WeekRow {
    let days = |value: Option<f64>| value.map_or_else(|| "–".to_owned(), decimal);
    WeekRow {
        week: format!("{} – {}", short_day(week.from), day(week.to)),
        created: grouped(week.created),
        completed: grouped(week.completed),
        p50: days(week.lead_time_p50),
        p85: days(week.lead_time_p85),
    }
}

fn risk_row(risk: RiskIssue) -> RiskRow {
    RiskRow {
        address: addresses::issue(&risk.instance, &risk.key),
        overdue: risk.reason == "overdue",
        age: format!("{} d", decimal(risk.age_days.max(0.0).floor())),
        due: risk.due.map(day),
        assignee: risk.assignee.as_deref().map(Person::named),
        key: risk.key,
        instance: risk.instance,
        summary: risk.summary,
        status_class: status_class(&risk.status_category),
        status: risk.status,
    }
}
