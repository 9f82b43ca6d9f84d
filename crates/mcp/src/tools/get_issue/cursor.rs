//! Where the rest of an issue's part begins: `comments:32`, `description:5000`.

use std::{fmt, str::FromStr};

use application::Error;

/// A part of an issue that may be too long for one answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Section {
    Description,
    Comments,
    Changelog,
    Worklogs,
}

impl Section {
    const ALL: [Self; 4] = [Self::Description, Self::Comments, Self::Changelog, Self::Worklogs];

    /// Its name, in cursors and as a field of the answer.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Description => "description",
            Self::Comments => "comments",
            Self::Changelog => "changelog",
            Self::Worklogs => "worklogs",
        }
    }
}

/// Where to go on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Cursor {
    /// In what.
    pub(super) section: Section,
    /// Of a description, the character. Of a list, which is shown newest first, how many of the oldest are still to come: what
    /// is added meanwhile does not move it.
    pub(super) at: usize,
}

impl fmt::Display for Cursor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.section.name(), self.at)
    }
}

impl FromStr for Cursor {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        let read = || {
            let (name, at) = text.split_once(':')?;
            let section = Section::ALL.into_iter().find(|section| section.name() == name)?;
            Some(Self { section, at: at.parse().ok()? })
        };
        read().ok_or_else(|| Error::invalid("cursor", "is no cursor of get_issue; take it from `left_out`"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cursor_reads_back_as_it_was_written() {
        for section in Section::ALL {
            let cursor = Cursor { section, at: 32 };
            assert_eq!(cursor.to_string().parse::<Cursor>().unwrap(), cursor);
        }
        for wrong in ["", "comments", "comments:", "comments:-1", "raw:1", "eyJxIjo"] {
            assert!(wrong.parse::<Cursor>().is_err(), "{wrong}");
        }
    }
}
