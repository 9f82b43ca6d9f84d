//! The functions of JQL (jira-facts 8.5).

use application::{Error, Result};
use jql::Function;

use super::{
    dates::DateFunction,
    fields::{Class, Field},
    refusals,
};

/// A function that is answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Called {
    CurrentUser,
    Date(DateFunction),
    /// All sprints of a state.
    Sprints(&'static str),
    /// Issue types that are for sub-tasks, or those that are not.
    IssueTypes {
        subtasks: bool,
    },
}

/// Functions of Jira that are not answered so far.
const NOT_YET: [&str; 43] = [
    "approved",
    "approver",
    "breached",
    "cascadeoption",
    "childissuesof",
    "choiceoptions",
    "completed",
    "componentsleadbyuser",
    "currentlogin",
    "earliestunreleasedversion",
    "elapsed",
    "everbreached",
    "issuehistory",
    "issueswithremotelinksbyglobalid",
    "issueswithtext",
    "lastlogin",
    "latestreleasedversion",
    "linkedissues",
    "linkedworkitems",
    "membersof",
    "myapproval",
    "mypending",
    "organizationmembers",
    "parentepic",
    "paused",
    "pending",
    "pendingby",
    "portfoliochildissuesof",
    "portfoliochildrenof",
    "portfolioparentsof",
    "projectsleadbyuser",
    "projectswhereuserhaspermission",
    "projectswhereuserhasrole",
    "releasedversions",
    "remaining",
    "running",
    "unreleasedversions",
    "updatedby",
    "votedissues",
    "watchedissues",
    "withincalendarhours",
    "votedworkitems",
    "watchedworkitems",
];

impl Called {
    /// The function of this name, if it is answered; names are not case-sensitive.
    pub(super) fn named(name: &str) -> Option<Self> {
        Some(match name.to_ascii_lowercase().as_str() {
            "currentuser" => Self::CurrentUser,
            "opensprints" => Self::Sprints("active"),
            "closedsprints" => Self::Sprints("closed"),
            "futuresprints" => Self::Sprints("future"),
            "standardissuetypes" => Self::IssueTypes { subtasks: false },
            "subtaskissuetypes" => Self::IssueTypes { subtasks: true },
            _ => Self::Date(DateFunction::named(name)?),
        })
    }

    /// The function that is called.
    ///
    /// # Errors
    /// When there is none of that name, or it takes other arguments.
    pub(super) fn of(function: &Function) -> Result<Self> {
        let Some(called) = Self::named(&function.name) else { return Err(unknown(function)) };
        // Dates look at their arguments themselves.
        if !matches!(called, Self::Date(_)) && !function.arguments.is_empty() {
            return Err(refusals::wrong_arguments(&function.name, 0, function.arguments.len()));
        }
        Ok(called)
    }

    /// Whether fields like this one are compared with what it stands for.
    pub(super) fn fits(self, field: &Field) -> bool {
        let class = match field {
            Field::Custom(custom) => Some(custom.class),
            _ => None,
        };
        match self {
            Self::CurrentUser => {
                matches!(field, Field::Person(_))
                    || matches!(class, Some(Class::Person | Class::Choice | Class::Other))
            }
            Self::Date(_) => {
                matches!(field, Field::Time(_) | Field::Due)
                    || matches!(class, Some(Class::Day | Class::Time))
            }
            Self::Sprints(_) => matches!(field, Field::Sprint(_)),
            Self::IssueTypes { .. } => *field == Field::IssueType,
        }
    }

    /// Whether it stands for a list, and so goes with `IN` only.
    pub(super) fn is_list(self) -> bool {
        matches!(self, Self::Sprints(_) | Self::IssueTypes { .. })
    }
}

fn unknown(function: &Function) -> Error {
    if NOT_YET.contains(&function.name.to_ascii_lowercase().as_str()) {
        refusals::not_yet(&format!("the function '{}'", function.name))
    } else {
        refusals::unknown_function(&format!("{}({})", function.name, function.arguments.join(", ")))
    }
}
