//! Identities. An id of ours is derived from the instance and Jira's own id, so that a batch of rows can name
//! its parents without a look-up, and a second copy of the same row meets the first. It keeps the order of Jira's numbers, so
//! that rows which come together lie together in every index: a copy appends to B-trees instead of writing all over them.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};
use uuid::{Builder, Uuid};

macro_rules! id_type {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(pub Uuid);

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }

        impl FromStr for $name {
            type Err = uuid::Error;

            fn from_str(text: &str) -> Result<Self, Self::Err> {
                Uuid::parse_str(text).map(Self)
            }
        }
    };
}

id_type!(
    /// Who pays; the border nothing crosses.
    TenantId
);
id_type!(
    /// One Jira site of a tenant.
    InstanceId
);
id_type!(
    /// An issue of one instance.
    IssueId
);
id_type!(
    /// An API key, not its secret.
    KeyId
);

/// What an identity derived by [`InstanceId::derive`] stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EntityKind {
    /// A project, by its numeric id.
    Project,
    /// A user, by `accountId` (Cloud) or user key (Server, Data Center).
    User,
    /// An issue, by its numeric id; never by its key, which changes (jira-facts 2.4).
    Issue,
    /// A comment, by its numeric id.
    Comment,
    /// A worklog, by its numeric id.
    Worklog,
    /// An issue link, by its numeric id; both issues show the same one.
    IssueLink,
    /// A field, by its id (`customfield_10010`).
    Field,
    /// An attachment, by its numeric id.
    Attachment,
}

impl EntityKind {
    const fn name(self) -> &'static str {
        match self {
            Self::Project => "project",
            Self::User => "user",
            Self::Issue => "issue",
            Self::Comment => "comment",
            Self::Worklog => "worklog",
            Self::IssueLink => "issuelink",
            Self::Field => "field",
            Self::Attachment => "attachment",
        }
    }
}

impl InstanceId {
    /// The identity of a new site, as unique as the UUID (version 7) it is made of. Its version 8 says that numeric ids of its rows
    /// keep their order; sites from before that are of version 7, and their rows keep the ids that they were stored with.
    pub fn new(unique: Uuid) -> Self {
        Self(Builder::from_custom_bytes(unique.into_bytes()).into_uuid())
    }

    /// The identity of one of Jira's rows at this instance. Of a number: 60 bits that stand for the instance and the kind, then
    /// the number, in a UUID of version 8; of any other text, and at sites of before, all of it hashed (version 5).
    pub fn derive(self, kind: EntityKind, jira_id: &str) -> Uuid {
        match number(jira_id).filter(|_| self.0.get_version_num() == CUSTOM) {
            Some(number) => {
                let kind = Uuid::new_v5(&self.0, kind.name().as_bytes());
                let bytes = (kind.as_u128() >> 64 << 64) | u128::from(number);
                Builder::from_custom_bytes(bytes.to_be_bytes()).into_uuid()
            }
            None => {
                let mut name = String::with_capacity(kind.name().len() + 1 + jira_id.len());
                name.push_str(kind.name());
                name.push('/');
                name.push_str(jira_id);
                Uuid::new_v5(&self.0, name.as_bytes())
            }
        }
    }

    /// The identity of the issue with this numeric Jira id.
    pub fn issue(self, jira_id: &str) -> IssueId {
        IssueId(self.derive(EntityKind::Issue, jira_id))
    }
}

/// UUIDs whose bits mean what their maker says (RFC 9562, 5.8).
const CUSTOM: usize = 8;

/// The number that a text is, where it is written as numbers are (`007` is not) and fits into the 62 bits that a UUID leaves.
fn number(text: &str) -> Option<u64> {
    let plain = !text.is_empty()
        && text.bytes().all(|it| it.is_ascii_digit())
        && (text == "0" || !text.starts_with('0'));
    text.parse().ok().filter(|number| plain && *number < 1 << 62)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A site of today, and one from before ids kept their order.
    fn sites(unique: u128) -> [InstanceId; 2] {
        let unique = Uuid::from_u128(unique);
        [InstanceId::new(unique), InstanceId(unique)]
    }

    #[test]
    fn the_same_row_has_the_same_id_and_another_instance_or_kind_another() {
        for (here, there) in sites(1 << 64).into_iter().zip(sites(2 << 64)) {
            assert_eq!(here.issue("10001"), here.issue("10001"));
            assert_ne!(here.issue("10001"), there.issue("10001"));
            assert_ne!(here.derive(EntityKind::Comment, "10001"), here.derive(EntityKind::Worklog, "10001"));
            assert_ne!(here.issue("7"), here.issue("007"), "another text is another id");
            assert_ne!(here.derive(EntityKind::User, "5b10a:7"), here.derive(EntityKind::User, "5b10a:8"));
        }
    }

    #[test]
    fn ids_keep_the_order_of_jiras_numbers() {
        let [here, before] = sites(7 << 64);
        let largest = ((1_u64 << 62) - 1).to_string();
        let ids = ["0", "9", "10", "10000", "10001", "4294967296", &largest].map(|number| here.issue(number));
        assert!(ids.is_sorted());
        assert!(ids.iter().all(|id| id.0.get_version_num() == 8));
        assert_eq!(here.issue("4611686018427387904").0.get_version_num(), 5, "one more than fits");
        assert_eq!(before.issue("10001").0, Uuid::new_v5(&before.0, b"issue/10001"), "as it was stored");
    }
}
