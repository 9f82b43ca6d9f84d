//! The words of the eight kinds of software team from which summaries, descriptions and comments are put together.
//!
//! Everything here is invented.

mod business;
mod engineering;

/// What one kind of team talks about.
#[derive(Debug)]
pub(super) struct Domain {
    /// Components of its projects.
    pub(super) components: [&'static str; 6],
    /// Things it builds and runs, as noun phrases in the singular.
    pub(super) things: [&'static str; 16],
    /// What its users want to do, as verb phrases.
    pub(super) capabilities: [&'static str; 14],
    /// Its users, in the plural.
    pub(super) personas: [&'static str; 5],
    /// When things go wrong.
    pub(super) conditions: [&'static str; 12],
    /// What the logs say then.
    pub(super) log_lines: [&'static str; 6],
    /// Its larger undertakings.
    pub(super) themes: [&'static str; 10],
    /// Whether customers see what it builds.
    pub(super) visible: bool,
    /// Its labels, beside the general ones.
    pub(super) labels: [&'static str; 4],
}

/// The domains in the order of the first eight projects.
pub(super) const DOMAINS: [&Domain; 8] = [
    &business::PAYMENTS,
    &business::STOREFRONT,
    &business::MOBILE,
    &engineering::PLATFORM,
    &engineering::IDENTITY,
    &engineering::SEARCH,
    &engineering::DATA,
    &business::FULFILMENT,
];

/// Key, name and domain (an index of [`DOMAINS`]) of every project a site can have, in order of appearance.
pub(super) const PROJECTS: [(&str, &str, usize); 32] = [
    ("PAY", "Payments", 0),
    ("WEB", "Storefront", 1),
    ("MOB", "Mobile apps", 2),
    ("OPS", "Platform", 3),
    ("IDN", "Identity", 4),
    ("SRCH", "Search", 5),
    ("DATA", "Data products", 6),
    ("FUL", "Fulfilment", 7),
    ("BILL", "Billing", 0),
    ("CMS", "Content", 1),
    ("TAB", "Tablet and in-store", 2),
    ("NET", "Networking", 3),
    ("SEC", "Security engineering", 4),
    ("REC", "Recommendations", 5),
    ("BI", "Reporting", 6),
    ("RET", "Returns", 7),
    ("FRD", "Fraud and risk", 0),
    ("CHK", "Checkout", 1),
    ("DRV", "Driver app", 2),
    ("OBS", "Observability", 3),
    ("ACC", "Accounts", 4),
    ("CAT", "Catalogue", 5),
    ("EXP", "Experimentation", 6),
    ("WHS", "Warehouse", 7),
    ("TAX", "Tax and invoicing", 0),
    ("LOY", "Loyalty", 1),
    ("SDK", "Client SDKs", 2),
    ("DEVX", "Developer experience", 3),
    ("PRIV", "Privacy", 4),
    ("FEED", "Product feeds", 5),
    ("ML", "Forecasting", 6),
    ("SHIP", "Shipping", 7),
];

/// What a bug's thing does, before its condition.
pub(super) const SYMPTOMS: [&str; 16] = [
    "times out",
    "returns a 500",
    "shows a stale value",
    "loses the last update",
    "takes more than ten seconds",
    "fails silently",
    "logs the same error repeatedly",
    "is processed twice",
    "stays empty",
    "shows the wrong state",
    "ignores the configured limit",
    "is rejected as invalid",
    "cuts off long values",
    "uses the wrong time zone",
    "never finishes",
    "raises a false alarm",
];

/// How a task's summary begins; its thing follows.
pub(super) const CHORES: [&str; 18] = [
    "Document",
    "Add metrics for",
    "Write contract tests for",
    "Remove dead code around",
    "Upgrade the client library of",
    "Load-test",
    "Add alerts for",
    "Rotate the credentials of",
    "Review access to",
    "Write a runbook for",
    "Add structured logs to",
    "Move the configuration of",
    "Introduce a feature flag for",
    "Reduce the memory use of",
    "Replace the deprecated API of",
    "Add integration tests for",
    "Clean up old data of",
    "Estimate the cost of",
];

/// How a task's summary may end.
pub(super) const OCCASIONS: [&str; 8] = [
    "before the next release",
    "after the incident review",
    "for the audit",
    "ahead of the sales season",
    "on the staging environment",
    "in the new region",
    "as agreed in the architecture round",
    "behind a feature flag",
];

/// What a sub-task does; the thing follows. The last four only make sense for what customers see.
pub(super) const STEPS: [&str; 12] = [
    "Unit tests for",
    "API documentation of",
    "Database migration for",
    "Staging verification of",
    "Dashboard for",
    "Rollout plan for",
    "Error handling in",
    "Review comments on",
    "Translations for",
    "User interface of",
    "Accessibility check of",
    "Help page for",
];

/// Labels that any team uses.
pub(super) const LABELS: [&str; 10] = [
    "tech-debt",
    "customer-reported",
    "quick-win",
    "regression",
    "performance",
    "security",
    "accessibility",
    "needs-design",
    "documentation",
    "flaky-test",
];

/// Root causes written down when a bug is closed.
pub(super) const ROOT_CAUSES: [&str; 10] = [
    "Missing index after the last migration",
    "Race between two consumers of the same queue",
    "Time zone handling at daylight-saving change",
    "Retry without idempotency key",
    "Wrong default in the configuration",
    "Cache not invalidated on update",
    "Unhandled null from an optional field",
    "Connection pool too small under load",
    "Third-party API changed its answer",
    "Feature flag left on after the experiment",
];

/// Where a bug was seen.
pub(super) const ENVIRONMENTS: [&str; 8] = [
    "Production, eu-central, two of six nodes",
    "Staging, build from the main branch",
    "Production, all regions",
    "Firefox 144 on Windows 11",
    "Safari on iPadOS 19",
    "Android 16, mid-range device, slow network",
    "Production, only the tenants in us-east",
    "Local development with the default compose file",
];

/// Given names of the site's users; with the family names below, none belongs to a particular person.
pub(super) const GIVEN_NAMES: [&str; 40] = [
    "Amara", "Anselm", "Birgit", "Caio", "Chidi", "Dagny", "Devika", "Elio", "Emre", "Farida", "Greta",
    "Haruki", "Ilse", "Imani", "Jorun", "Kavya", "Kenji", "Lavinia", "Lior", "Maren", "Mateus", "Milo",
    "Nadia", "Nilufar", "Oisin", "Paloma", "Quentin", "Radek", "Ravi", "Rosalind", "Saskia", "Soren",
    "Tadeo", "Tamsin", "Ulla", "Vikram", "Wanda", "Xenia", "Yusuf", "Zofia",
];

/// Invented family names.
pub(super) const FAMILY_NAMES: [&str; 40] = [
    "Abernoth",
    "Amborsky",
    "Bellwick",
    "Brandovar",
    "Calderune",
    "Castagnel",
    "Dornfeld-Ray",
    "Drummelo",
    "Ellingvad",
    "Fairmarsh",
    "Ferrandello",
    "Gormlake",
    "Halvenberg",
    "Ibrahimzan",
    "Jasperlund",
    "Kestrova",
    "Kumaresan-Vel",
    "Lindqvarn",
    "Lorimond",
    "Marlowick",
    "Mirandeza",
    "Nakashiro",
    "Norvaldsen",
    "Okonderu",
    "Ostermoor",
    "Pellegrath",
    "Quillford",
    "Rasmundo",
    "Rothwyn",
    "Salvadeira",
    "Sengupal",
    "Tervanto",
    "Thistlewood-Oy",
    "Umberlane",
    "Vandermeld",
    "Varnassian",
    "Wexcombe",
    "Yamadori",
    "Zabrinsky",
    "Zellweiler",
];
