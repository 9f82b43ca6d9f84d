//! What is right JQL, and what a copy cannot answer (docs/search.md lists it): it hangs on the caller's browser session, on what
//! only the site itself knows, or on what is not copied.

/// Fields, in lower case.
const FIELDS: [&str; 14] = [
    "aggregateprogress",
    "aggregatetimeestimate",
    "aggregatetimeoriginalestimate",
    "aggregatetimespent",
    "approvals",
    "development",
    "issue.property",
    "lastviewed",
    "progress",
    "request-channel-type",
    "request-last-activity-time",
    "security",
    "subtasks",
    "thumbnail",
];

/// Functions, in lower case.
const FUNCTIONS: [&str; 16] = [
    "approved",
    "approver",
    "choiceoptions",
    "currentlogin",
    "issuehistory",
    "lastlogin",
    "myapproval",
    "mypending",
    "organizationmembers",
    "pending",
    "pendingapproval",
    "pendingby",
    "portfoliochildissuesof",
    "portfoliochildrenof",
    "portfolioparentsof",
    "workitemhistory",
];

/// Fields that only a site with service desks has, in lower case. SLAs are called as the site likes: these two it has from the
/// beginning.
const OF_DESKS: [&str; 6] = [
    "customer request type",
    "organization",
    "organizations",
    "request type",
    "time to first response",
    "time to resolution",
];

/// Whether Jira has a field of this name (in lower case) where there is a service desk.
pub(super) fn is_of_desks(name: &str) -> bool {
    OF_DESKS.contains(&name)
}

/// Whether Jira has a field of this name (in lower case) that is not answered.
pub(super) fn is_field(name: &str) -> bool {
    FIELDS.contains(&name)
}

/// Whether Jira has a function of this name (in lower case) that is not answered.
pub(super) fn is_function(name: &str) -> bool {
    FUNCTIONS.contains(&name)
}
