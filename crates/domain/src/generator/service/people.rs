//! Who works at the desk, and who asks for help.

use serde_json::{Value, json};

use super::Organization;

/// (name, time zone).
const AGENTS: [(&str, &str); 4] = [
    ("Ines Brandt", "Europe/Berlin"),
    ("Tomasz Lis", "Europe/Warsaw"),
    ("Priya Raman", "Asia/Kolkata"),
    ("Joel Sanders", "America/New_York"),
];

/// (name, index of the organisation).
const CUSTOMERS: [(&str, Option<usize>); 12] = [
    ("Carla Weiss", Some(0)),
    ("Daniel Okafor", Some(0)),
    ("Emma Lindqvist", Some(0)),
    ("Felipe Duarte", Some(0)),
    ("Greta Novak", Some(1)),
    ("Hassan Aziz", Some(1)),
    ("Ivy Tanaka", Some(1)),
    ("Jonas Meyer", Some(2)),
    ("Katya Petrova", Some(2)),
    ("Liam Byrne", Some(2)),
    ("Mara Costa", None),
    ("Noah Peeters", None),
];

const ORGANIZATIONS: [&str; 3] = ["Northwind Stores", "Harbour Logistics", "Finance department"];

/// The people of a desk, as the site shows them.
pub(super) struct People {
    pub(super) agents: Vec<Value>,
    pub(super) customers: Vec<Value>,
    pub(super) organizations: Vec<Organization>,
    /// Who answers at the site besides.
    pub(super) own: Value,
}

impl People {
    pub(super) fn new(api: &str, own: &Value) -> Self {
        let agents = AGENTS.iter().enumerate().map(|(number, (name, zone))| {
            account(
                api,
                (&format!("712020:it-help-desk-agent-{}", number + 1), "atlassian"),
                (name, zone),
                number,
            )
        });
        let customers = CUSTOMERS.iter().enumerate().map(|(number, (name, _))| {
            let id = customer_id(number);
            account(api, (&id, "customer"), (name, "Europe/Berlin"), AGENTS.len() + number)
        });
        let organizations = ORGANIZATIONS.iter().enumerate().map(|(number, name)| {
            let belongs = |(_, organization): &&(&str, Option<usize>)| *organization == Some(number);
            let members = CUSTOMERS.iter().enumerate().filter(|(_, customer)| belongs(customer));
            Organization {
                id: (number + 1).to_string(),
                name: (*name).to_owned(),
                members: members.map(|(customer, _)| customer_id(customer)).collect(),
            }
        });
        Self {
            agents: agents.collect(),
            customers: customers.collect(),
            organizations: organizations.collect(),
            own: own.clone(),
        }
    }

    /// The organisation of a customer.
    pub(super) fn organization_of(&self, customer: usize) -> Option<&Organization> {
        self.organizations.get(CUSTOMERS[customer].1?)
    }
}

pub(super) fn customer_id(number: usize) -> String {
    format!("qm:help-desk:customer-{}", number + 1)
}

fn account(api: &str, (id, kind): (&str, &str), (name, zone): (&str, &str), number: usize) -> Value {
    json!({
        "self": format!("{api}/user?accountId={id}"),
        "accountId": id,
        "accountType": kind,
        "displayName": name,
        "active": true,
        "timeZone": zone,
        "avatarUrls": avatars(api, "user", 10_330 + number as u64 % 24),
    })
}

pub(super) fn avatars(api: &str, kind: &str, id: u64) -> Value {
    let url = |size: &str| format!("{api}/universal_avatar/view/type/{kind}/avatar/{id}?size={size}");
    json!({ "48x48": url("large"), "24x24": url("small"), "16x16": url("xsmall"), "32x32": url("medium") })
}
