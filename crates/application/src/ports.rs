//! What the use cases need from outside: time, the database as one unit of work, sites, secrets, cache and limits.
//! All object-safe; implemented in the infrastructure crate.

mod cache;
mod clock;
mod database;
mod issue_text;
mod secrets;
mod site_webhooks;
mod sites;

pub use cache::{Answer, Cache, CacheKey, Kind, Load, Loaded, RateLimiter, Stored, Value, cached};
pub use clock::Clock;
pub use database::{Database, PlatformTx, SqlAnswer, SqlLimits, TenantTx};
pub use issue_text::IssueText;
pub use secrets::Secrets;
pub use site_webhooks::{
    FailedDeliveries, NewSiteWebhook, RegisteredWebhook, SiteWebhook, SiteWebhooks, WebhookKind,
};
pub use sites::{
    Fetched, FetchedIssue, IssueName, JiraSite, JiraSites, Listed, ListedConfiguration, ListedDesk,
    ListedFollowers, ListedMembers, ListedOptions, ListedOrganization, ListedRoles, ListedSprints, NamesPage,
    PageSize, Patience, ProjectRoll, ReferenceData, RollCallPage, SetAside, SiteConnection, SiteIdentity,
    SitePage, SiteUsage, Urgency, WorklogFeed, WorklogPage,
};
