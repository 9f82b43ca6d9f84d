//! Issue keys: `PROJ-123`.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};

/// A well-formed issue key. Keys change when issues move; identity is the numeric id.
///
/// Ordered as Jira orders keys: by project, then by number (`A-2` before `A-10`).
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct IssueKey {
    project: String,
    number: i64,
}

/// The text is no issue key.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not an issue key; keys look like PROJ-123")]
pub struct InvalidIssueKey(String);

impl IssueKey {
    /// The part before the last dash.
    pub fn project(&self) -> &str {
        &self.project
    }

    /// The part after the last dash.
    pub fn number(&self) -> i64 {
        self.number
    }
}

impl FromStr for IssueKey {
    type Err = InvalidIssueKey;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let invalid = || InvalidIssueKey(text.chars().take(80).collect());
        let (project, number) = text.rsplit_once('-').ok_or_else(invalid)?;
        let well_formed = project.chars().next().is_some_and(char::is_alphabetic)
            && project.chars().all(|c| c.is_alphanumeric() || c == '_')
            && !number.starts_with('+');
        let number = number.parse::<i64>().map_err(|_| invalid())?;
        if !well_formed || number <= 0 {
            return Err(invalid());
        }
        Ok(Self { project: project.to_uppercase(), number })
    }
}

impl TryFrom<String> for IssueKey {
    type Error = InvalidIssueKey;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse()
    }
}

impl From<IssueKey> for String {
    fn from(key: IssueKey) -> Self {
        key.to_string()
    }
}

impl fmt::Display for IssueKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}", self.project, self.number)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_ordered_by_number_not_by_text() {
        let key = |text: &str| text.parse::<IssueKey>().unwrap();
        assert!(key("PAY-2") < key("PAY-10"));
        assert_eq!(key("pay-7").to_string(), "PAY-7");
        assert_eq!(key("A_B-7").project(), "A_B");
    }

    #[test]
    fn what_is_no_key_is_refused() {
        for text in ["", "PAY", "PAY-", "-1", "PAY-0", "PAY--1", "PAY-1x", "1A-1", "PAY-+1", "P Y-1"] {
            assert!(text.parse::<IssueKey>().is_err(), "{text}");
        }
    }
}
