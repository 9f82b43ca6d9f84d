//! How people, statuses, types and priorities look: what Jira names freely, in a few shapes of ours.

/// A person, with what their round picture shows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Person {
    /// Their name.
    pub(super) name: String,
    /// At most two letters.
    pub(super) initials: String,
    /// One of eight colours, always the same for a name.
    pub(super) hue: u8,
}

impl Person {
    pub(super) fn named(name: &str) -> Self {
        let first_letter = |word: &str| word.chars().find(|c| c.is_alphanumeric());
        let mut words = name.split_whitespace();
        let first = words.next().and_then(first_letter);
        let last = words.next_back().and_then(first_letter);
        let initials: String = first.into_iter().chain(last).flat_map(char::to_uppercase).take(2).collect();
        let sum = name.bytes().fold(0_u8, |sum, byte| sum.wrapping_mul(31).wrapping_add(byte));
        Self {
            name: name.to_owned(),
            initials: if initials.is_empty() { "?".into() } else { initials },
            hue: sum % 8,
        }
    }
}

/// The class of a status, by its category's key: names are each site's own.
pub(super) fn status_class(category: &str) -> &'static str {
    match category {
        "done" => "done",
        "indeterminate" => "doing",
        "new" => "todo",
        _ => "none",
    }
}

/// The class of an issue type, by the names that Jira gives; other names look neutral.
pub(super) fn type_class(name: &str) -> &'static str {
    match name.to_lowercase().as_str() {
        "bug" | "defect" | "incident" => "bug",
        "story" | "new feature" | "feature" | "user story" => "story",
        "epic" | "initiative" => "epic",
        "improvement" | "wish" => "improvement",
        "task" | "service request" => "task",
        "sub-task" | "subtask" | "technical task" => "subtask",
        _ => "other",
    }
}

/// How many of four bars a priority lights, by the names that Jira gives, old and new; none for other names.
pub(super) fn priority_level(name: &str) -> u8 {
    match name.to_lowercase().as_str() {
        "highest" | "blocker" | "urgent" => 4,
        "high" | "critical" => 3,
        "medium" | "major" | "normal" => 2,
        "low" | "minor" | "lowest" | "trivial" => 1,
        _ => 0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn initials_come_from_the_first_and_last_name() {
        let initials = |name: &str| Person::named(name).initials;
        assert_eq!(initials("Ada Maria Lovelace"), "AL");
        assert_eq!(initials("grace"), "G");
        assert_eq!(initials("ßtraße (bot)"), "SS");
        assert_eq!(initials("  "), "?");
        assert_eq!(Person::named("Ada"), Person::named("Ada"));
    }
}
