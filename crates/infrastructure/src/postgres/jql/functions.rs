//! The functions of JQL (jira-facts 8.5).

use application::{Error, Result};
use jql::{Clause, Function, Operand, Predicate, Query};

use super::{
    dates::DateFunction,
    fields::{Class, Field, Follower, List, Worklog},
    names::Roster,
    refusals,
    slas::{Measure, State},
    unanswered,
};

/// A function that is answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Called {
    CurrentUser,
    Date(DateFunction),
    /// All sprints of a state.
    Sprints(&'static str),
    /// Versions: all that are out or not, or one of a project.
    Versions(Versions),
    /// Components that somebody leads.
    ComponentsLed,
    /// Projects that somebody leads.
    ProjectsLed,
    /// Issues that are linked with one.
    Linked,
    /// Issues that somebody created, changed or commented on.
    UpdatedBy,
    /// Issues that the caller watches or voted for.
    Followed(Follower),
    /// Issues below others, at any depth.
    ChildrenOf,
    /// Issues of epics, and those below them.
    OfEpics,
    /// Issues with links to certain things outside of Jira.
    RemotelyLinked,
    /// Issues in which a text is found.
    WithText,
    /// Options of a field whose options have options of their own.
    Cascade,
    /// Issue types that are for sub-tasks, or those that are not.
    IssueTypes {
        subtasks: bool,
    },
    /// People in a group.
    MembersOf,
    /// Projects in which the caller plays a role.
    ProjectsWithRole,
    /// Projects in which the caller has a permission.
    ProjectsPermitted,
    /// How a clock of a service desk stands.
    Clock(State),
    /// What a clock of a service desk shows.
    ClockTime(Measure),
}

const DATE: &str = "java.util.Date";
const VERSION: &str = "com.atlassian.jira.project.version.Version";
const ISSUE: &str = "com.atlassian.jira.issue.Issue";
const SPRINT: &str = "com.atlassian.greenhopper.service.sprint.Sprint";
const USER: &str = "com.atlassian.jira.user.ApplicationUser";
const OPTION: &str = "com.atlassian.jira.issue.customfields.option.Option";
const PROJECT: &str = "com.atlassian.jira.project.Project";
pub(super) const SLA: &str = "com.atlassian.servicedesk.sla";

/// The functions that are answered, as Jira writes them; whether each stands for a list, and of what.
pub(super) const FUNCTIONS: [(&str, bool, &str); 41] = [
    ("breached", false, SLA),
    ("cascadeOption", true, OPTION),
    ("childIssuesOf", true, ISSUE),
    ("closedSprints", true, SPRINT),
    ("completed", false, SLA),
    ("componentsLeadByUser", true, "com.atlassian.jira.bc.project.component.ProjectComponent"),
    ("currentUser", false, USER),
    ("earliestUnreleasedVersion", false, VERSION),
    ("elapsed", false, SLA),
    ("endOfDay", false, DATE),
    ("endOfMonth", false, DATE),
    ("endOfWeek", false, DATE),
    ("endOfYear", false, DATE),
    ("everBreached", false, SLA),
    ("futureSprints", true, SPRINT),
    ("issuesWithRemoteLinksByGlobalId", true, ISSUE),
    ("issuesWithText", true, ISSUE),
    ("latestReleasedVersion", false, VERSION),
    ("linkedIssues", true, ISSUE),
    ("membersOf", true, USER),
    ("now", false, DATE),
    ("openSprints", true, SPRINT),
    ("parentEpic", true, ISSUE),
    ("paused", false, SLA),
    ("projectsLeadByUser", true, PROJECT),
    ("projectsWhereUserHasPermission", true, PROJECT),
    ("projectsWhereUserHasRole", true, PROJECT),
    ("releasedVersions", true, VERSION),
    ("remaining", false, SLA),
    ("running", false, SLA),
    ("standardIssueTypes", true, "com.atlassian.jira.issue.issuetype.IssueType"),
    ("startOfDay", false, DATE),
    ("startOfMonth", false, DATE),
    ("startOfWeek", false, DATE),
    ("startOfYear", false, DATE),
    ("subtaskIssueTypes", true, "com.atlassian.jira.issue.issuetype.IssueType"),
    ("unreleasedVersions", true, VERSION),
    ("updatedBy", true, ISSUE),
    ("votedIssues", true, ISSUE),
    ("watchedIssues", true, ISSUE),
    ("withinCalendarHours", false, SLA),
];

/// Which versions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Versions {
    Released,
    Unreleased,
    LatestReleased,
    EarliestUnreleased,
}

impl Called {
    /// The function of this name, if it is answered; names are not case-sensitive.
    pub(super) fn named(name: &str) -> Option<Self> {
        Some(match name.to_ascii_lowercase().as_str() {
            "currentuser" => Self::CurrentUser,
            "opensprints" => Self::Sprints("active"),
            "closedsprints" => Self::Sprints("closed"),
            "futuresprints" => Self::Sprints("future"),
            "releasedversions" => Self::Versions(Versions::Released),
            "unreleasedversions" => Self::Versions(Versions::Unreleased),
            "latestreleasedversion" => Self::Versions(Versions::LatestReleased),
            "earliestunreleasedversion" => Self::Versions(Versions::EarliestUnreleased),
            "componentsleadbyuser" => Self::ComponentsLed,
            "projectsleadbyuser" | "spacesleadbyuser" => Self::ProjectsLed,
            "projectswhereuserhaspermission" | "spaceswhereuserhaspermission" => Self::ProjectsPermitted,
            "projectswhereuserhasrole" | "spaceswhereuserhasrole" => Self::ProjectsWithRole,
            "membersof" => Self::MembersOf,
            "linkedissues" | "linkedworkitems" => Self::Linked,
            "updatedby" => Self::UpdatedBy,
            "watchedissues" | "watchedworkitems" => Self::Followed(Follower::Watcher),
            "votedissues" | "votedworkitems" => Self::Followed(Follower::Voter),
            "standardissuetypes" | "standardworkitemtypes" => Self::IssueTypes { subtasks: false },
            "subtaskissuetypes" | "subtaskworkitemtypes" => Self::IssueTypes { subtasks: true },
            "childissuesof" => Self::ChildrenOf,
            "parentepic" => Self::OfEpics,
            "issueswithremotelinksbyglobalid" => Self::RemotelyLinked,
            "issueswithtext" => Self::WithText,
            "cascadeoption" => Self::Cascade,
            "breached" => Self::Clock(State::Breached),
            "everbreached" => Self::Clock(State::EverBreached),
            "completed" => Self::Clock(State::Completed),
            "running" => Self::Clock(State::Running),
            "paused" => Self::Clock(State::Paused),
            "withincalendarhours" => Self::Clock(State::WithinCalendarHours),
            "elapsed" => Self::ClockTime(Measure::Elapsed),
            "remaining" => Self::ClockTime(Measure::Remaining),
            _ => Self::Date(DateFunction::named(name)?),
        })
    }

    /// The function that is called.
    ///
    /// # Errors
    /// When there is none of that name, or it takes other arguments.
    pub(super) fn of(function: &Function) -> Result<Self> {
        let Some(called) = Self::named(&function.name) else { return Err(unknown(function)) };
        let (least, most) = match called {
            // Dates look at their arguments themselves.
            Self::Date(_) => return Ok(called),
            Self::Versions(Versions::Released | Versions::Unreleased) => (0, usize::MAX),
            Self::Versions(_)
            | Self::MembersOf
            | Self::ProjectsWithRole
            | Self::ProjectsPermitted
            | Self::ClockTime(_) => (1, 1),
            Self::ComponentsLed | Self::ProjectsLed => (0, 1),
            Self::Linked | Self::Cascade => (1, 2),
            Self::ChildrenOf | Self::OfEpics | Self::RemotelyLinked => (1, usize::MAX),
            Self::WithText => (1, 1),
            Self::UpdatedBy => (1, 3),
            _ => (0, 0),
        };
        let count = function.arguments.len();
        if (least..=most).contains(&count) {
            Ok(called)
        } else {
            Err(refusals::wrong_arguments(&function.name, (least, most), count))
        }
    }

    /// Which of a function's arguments name what is listed where.
    pub(super) fn rosters(self) -> impl Fn(usize) -> Option<Roster> {
        move |place| match (self, place) {
            (Self::Versions(_), _) => Some(Roster::Project),
            (Self::ComponentsLed | Self::ProjectsLed | Self::UpdatedBy, 0) => Some(Roster::User),
            (Self::Linked, 0) | (Self::ChildrenOf | Self::OfEpics, _) => Some(Roster::Issue),
            (Self::Cascade, _) => Some(Roster::Option),
            (Self::MembersOf, 0) => Some(Roster::Group),
            (Self::ProjectsWithRole, 0) => Some(Roster::Role),
            _ => None,
        }
    }

    /// Where what it stands for is looked up, by each of its arguments, or by none.
    pub(super) fn looked_up(self) -> Option<Roster> {
        match self {
            Self::Versions(Versions::Released) => Some(Roster::ReleasedVersions),
            Self::Versions(Versions::Unreleased) => Some(Roster::UnreleasedVersions),
            Self::Versions(Versions::LatestReleased) => Some(Roster::LatestReleasedVersion),
            Self::Versions(Versions::EarliestUnreleased) => Some(Roster::EarliestUnreleasedVersion),
            Self::ComponentsLed => Some(Roster::ComponentsLed),
            Self::ProjectsLed => Some(Roster::ProjectsLed),
            Self::MembersOf => Some(Roster::GroupMembers),
            _ => None,
        }
    }

    /// Whether fields like this one are compared with what it stands for.
    pub(super) fn fits(self, field: &Field) -> bool {
        let class = match field {
            Field::Custom(custom) => Some(custom.class),
            _ => None,
        };
        match self {
            Self::CurrentUser => {
                is_of_people(field)
                    || matches!(field, Field::Property(_))
                    || matches!(class, Some(Class::Person | Class::Choice | Class::Other))
            }
            Self::Date(_) => {
                matches!(
                    field,
                    Field::Time(_) | Field::Due | Field::Worklog(Worklog::Date) | Field::Property(_)
                ) || matches!(class, Some(Class::Day | Class::Time))
            }
            Self::Sprints(_) => matches!(field, Field::Sprint(_)),
            Self::Versions(_) => {
                matches!(field, Field::List(List::FixVersions | List::AffectedVersions))
            }
            Self::ComponentsLed => *field == Field::List(List::Components),
            Self::MembersOf => is_of_people(field) || class == Some(Class::Person),
            Self::ProjectsLed | Self::ProjectsWithRole | Self::ProjectsPermitted => *field == Field::Project,
            Self::Linked
            | Self::UpdatedBy
            | Self::Followed(_)
            | Self::ChildrenOf
            | Self::OfEpics
            | Self::RemotelyLinked
            | Self::WithText => *field == Field::Key,
            Self::Cascade => class == Some(Class::Choice),
            Self::IssueTypes { .. } => *field == Field::IssueType,
            Self::Clock(_) | Self::ClockTime(_) => class == Some(Class::Sla),
        }
    }

    /// Whether it stands for a list, and so goes with `IN` only.
    pub(super) fn is_list(self) -> bool {
        match self {
            Self::CurrentUser | Self::Date(_) | Self::Clock(_) | Self::ClockTime(_) => false,
            Self::Versions(versions) => matches!(versions, Versions::Released | Versions::Unreleased),
            _ => true,
        }
    }
}

/// Whether the values of a system field are people.
fn is_of_people(field: &Field) -> bool {
    matches!(field, Field::Person(_) | Field::Worklog(Worklog::Author) | Field::Follower(_))
}

/// Whether a query calls this function as a value of a field.
pub(super) fn are_called(query: &Query, called: Called) -> bool {
    fn holds(operand: &Operand, called: Called) -> bool {
        match operand {
            Operand::Function(function) => Called::named(&function.name) == Some(called),
            Operand::List(entries) => entries.iter().any(|entry| holds(entry, called)),
            Operand::Value(_) | Operand::Empty => false,
        }
    }
    query.filter.iter().flat_map(Clause::terms).any(|term| match &term.predicate {
        Predicate::Compare { operand, .. } | Predicate::In { operand, .. } => holds(operand, called),
        _ => false,
    })
}

fn unknown(function: &Function) -> Error {
    if unanswered::is_function(&function.name.to_ascii_lowercase()) {
        refusals::unanswered(&format!("the function '{}'", function.name))
    } else {
        refusals::unknown_function(&format!("{}({})", function.name, function.arguments.join(", ")))
    }
}
