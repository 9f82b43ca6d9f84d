//! Domain events: what a transaction changed of the things that are looked up.
//!
//! The tables note their changes themselves (`migrations/0026_changes`, `0037_changes_by_statement`), so that no statement
//! can forget to, and the transaction announces them when it commits: one that is rolled back announces nothing. The
//! announcement is text, sealed in PostgreSQL's notification, as it is on Redis' channel; this is where it is read.

use domain::ids::{InstanceId, IssueId, TenantId};
use uuid::Uuid;

/// One event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// An issue was stored or changed, or is at its source no longer.
    IssueChanged {
        /// Its tenant.
        tenant: TenantId,
        /// Its instance.
        instance: InstanceId,
        /// Which.
        issue: IssueId,
        /// Its key, and the one it had before if that changed.
        keys: Vec<String>,
    },
    /// An account was changed in what issues do not show of it.
    UserChanged {
        /// Its tenant.
        tenant: TenantId,
        /// Its instance.
        instance: InstanceId,
        /// The id of its row.
        user: Uuid,
    },
    /// Anything read from this instance may differ: its reference data changed, a person has another name, or more was
    /// changed than could be named.
    InstanceChanged {
        /// Its tenant.
        tenant: TenantId,
        /// Which.
        instance: InstanceId,
    },
    /// An instance was added, changed or removed: what a name stands for may differ.
    RegistryChanged {
        /// Whose instances.
        tenant: TenantId,
    },
    /// Anything of this tenant may differ, or the tenant is gone.
    TenantChanged {
        /// Which.
        tenant: TenantId,
    },
    /// The materialized views were computed anew.
    MetricsRefreshed,
    /// Anything may differ.
    EverythingChanged,
}

/// What one transaction announced.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Announcement {
    /// Names the transaction, so that who hears of it twice can tell.
    pub id: Uuid,
    /// What it noted, as the database wrote it.
    pub noted: String,
}

impl Announcement {
    /// Noted where anything may differ.
    pub const EVERYTHING: &'static str = "@\n*\n";

    /// Reads what came over a channel.
    pub fn parse(text: &str) -> Option<Self> {
        let (id, noted) = text.split_once('\n')?;
        Some(Self { id: id.parse().ok()?, noted: noted.to_owned() })
    }

    /// As it goes over a channel.
    pub fn to_text(&self) -> String {
        format!("{}\n{}", self.id, self.noted)
    }

    /// The events. A line that cannot be read (of a newer Forebay, or of somebody else) stands for everything.
    pub fn events(&self) -> Vec<Event> {
        let mut place = Place::default();
        let mut events = Vec::new();
        for line in self.noted.lines() {
            match line.strip_prefix('@') {
                Some(header) => match Place::parse(header) {
                    Some(found) => place = found,
                    None => return vec![Event::EverythingChanged],
                },
                None => match place.event(line) {
                    Some(event) => events.push(event),
                    None => return vec![Event::EverythingChanged],
                },
            }
        }
        events
    }
}

/// What a header names.
#[derive(Default)]
struct Place {
    tenant: Option<TenantId>,
    instance: Option<InstanceId>,
}

impl Place {
    fn parse(header: &str) -> Option<Self> {
        if header.is_empty() {
            return Some(Self::default());
        }
        let (tenant, instance) = match header.split_once('#') {
            Some((tenant, instance)) => (tenant, Some(InstanceId(instance.parse().ok()?))),
            None => (header, None),
        };
        Some(Self { tenant: Some(TenantId(tenant.parse().ok()?)), instance })
    }

    fn event(&self, line: &str) -> Option<Event> {
        let mut words = line.split(' ');
        let event = match (words.next()?, self.tenant, self.instance) {
            ("i", Some(tenant), Some(instance)) => {
                let issue = IssueId(words.next()?.parse().ok()?);
                let keys: Vec<String> = words.by_ref().map(str::to_owned).collect();
                (!keys.is_empty()).then_some(Event::IssueChanged { tenant, instance, issue, keys })?
            }
            ("u", Some(tenant), Some(instance)) => {
                Event::UserChanged { tenant, instance, user: words.next()?.parse().ok()? }
            }
            ("r", Some(tenant), None) => Event::RegistryChanged { tenant },
            ("m", None, None) => Event::MetricsRefreshed,
            ("*", Some(tenant), Some(instance)) => Event::InstanceChanged { tenant, instance },
            ("*", Some(tenant), None) => Event::TenantChanged { tenant },
            ("*", None, None) => Event::EverythingChanged,
            _ => return None,
        };
        words.next().is_none().then_some(event)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn events(noted: &str) -> Vec<Event> {
        let text = format!("{}\n{noted}", Uuid::from_u128(9));
        let announcement = Announcement::parse(&text).unwrap();
        assert_eq!(announcement.to_text(), text);
        announcement.events()
    }

    #[test]
    fn lines_are_events_of_the_tenant_and_instance_above_them() {
        let (tenant, instance) = (TenantId(Uuid::from_u128(1)), InstanceId(Uuid::from_u128(2)));
        let (t, i, id) = (tenant.0.simple(), instance.0.simple(), Uuid::from_u128(3).simple());
        assert_eq!(
            events(&format!(
                "@{t}#{i}\ni {id} PAY-1\ni {id} NEW-1 PAY-1\nu {id}\n@{t}\nr\n@\nm\n@{t}#{i}\n*\n@{t}\n*\n"
            )),
            [
                Event::IssueChanged {
                    tenant,
                    instance,
                    issue: IssueId(Uuid::from_u128(3)),
                    keys: vec!["PAY-1".into()]
                },
                Event::IssueChanged {
                    tenant,
                    instance,
                    issue: IssueId(Uuid::from_u128(3)),
                    keys: vec!["NEW-1".into(), "PAY-1".into()],
                },
                Event::UserChanged { tenant, instance, user: Uuid::from_u128(3) },
                Event::RegistryChanged { tenant },
                Event::MetricsRefreshed,
                Event::InstanceChanged { tenant, instance },
                Event::TenantChanged { tenant },
            ]
        );
    }

    #[test]
    fn what_cannot_be_read_stands_for_everything() {
        for noted in ["x", "@\nx\n", "@nonsense\n*\n", "i PAY-1\n", "@\n*\n", "@\nm 1\n"] {
            assert_eq!(events(noted), [Event::EverythingChanged], "{noted:?}");
        }
        assert!(Announcement::parse("probe").is_none());
    }
}
