//! The four status categories, which are the same on every Jira site.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// The category of a status (jira-facts 6.2). Statuses are named and translated by each site; metrics go by
/// category.
///
/// Prints and serializes as the key. The order is that of the board: undefined, new, in progress, done.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum StatusCategory {
    /// `undefined`, "No Category".
    Undefined,
    /// `new`, "To Do": work has not begun.
    New,
    /// `indeterminate`, "In Progress".
    Indeterminate,
    /// `done`, "Done".
    Done,
}

/// The text is not the key of a status category.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a status category key (undefined, new, indeterminate, done)")]
pub struct UnknownStatusCategory;

impl StatusCategory {
    /// All categories, in order.
    pub const ALL: [Self; 4] = [Self::Undefined, Self::New, Self::Indeterminate, Self::Done];

    /// The key, which no site can rename.
    #[must_use]
    pub fn key(self) -> &'static str {
        match self {
            Self::Undefined => "undefined",
            Self::New => "new",
            Self::Indeterminate => "indeterminate",
            Self::Done => "done",
        }
    }

    /// The numeric id, an integer in JSON. Note that `indeterminate` is 4 and `done` is 3.
    #[must_use]
    pub fn id(self) -> i64 {
        match self {
            Self::Undefined => 1,
            Self::New => 2,
            Self::Indeterminate => 4,
            Self::Done => 3,
        }
    }

    /// The category with that id.
    #[must_use]
    pub fn from_id(id: i64) -> Option<Self> {
        Self::ALL.into_iter().find(|category| category.id() == id)
    }

    /// The English display name.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Undefined => "No Category",
            Self::New => "To Do",
            Self::Indeterminate => "In Progress",
            Self::Done => "Done",
        }
    }

    /// The `colorName` of Jira's JSON.
    #[must_use]
    pub fn color_name(self) -> &'static str {
        match self {
            Self::Undefined => "medium-gray",
            Self::New => "blue-gray",
            Self::Indeterminate => "yellow",
            Self::Done => "green",
        }
    }
}

impl fmt::Display for StatusCategory {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.pad(self.key())
    }
}

impl FromStr for StatusCategory {
    type Err = UnknownStatusCategory;

    /// Reads a key in any case: service desk answers write it in capitals (jira-facts 9.2).
    fn from_str(text: &str) -> Result<Self, UnknownStatusCategory> {
        Self::ALL
            .into_iter()
            .find(|category| category.key().eq_ignore_ascii_case(text))
            .ok_or(UnknownStatusCategory)
    }
}
