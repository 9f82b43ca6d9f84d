//! What is right JQL, and what a copy cannot answer (docs/search.md lists it): it hangs on the caller's browser session, on what
//! only the site itself knows, or on what is not copied.

/// Fields, in lower case.
const FIELDS: [&str; 18] = [
    "aggregateprogress",
    "aggregatetimeestimate",
    "aggregatetimeoriginalestimate",
    "aggregatetimespent",
    "approvals",
    "customer request type",
    "development",
    "issue.property",
    "lastviewed",
    "organizations",
    "progress",
    "request type",
    "request-channel-type",
    "request-last-activity-time",
    "security",
    "sla",
    "subtasks",
    "thumbnail",
];

/// Functions, in lower case.
const FUNCTIONS: [&str; 24] = [
    "approved",
    "approver",
    "breached",
    "choiceoptions",
    "completed",
    "currentlogin",
    "elapsed",
    "everbreached",
    "issuehistory",
    "lastlogin",
    "myapproval",
    "mypending",
    "organizationmembers",
    "paused",
    "pending",
    "pendingapproval",
    "pendingby",
    "portfoliochildissuesof",
    "portfoliochildrenof",
    "portfolioparentsof",
    "remaining",
    "running",
    "withincalendarhours",
    "workitemhistory",
];

/// Whether Jira has a field of this name (in lower case) that is not answered.
pub(super) fn is_field(name: &str) -> bool {
    FIELDS.contains(&name)
}

/// Whether Jira has a function of this name (in lower case) that is not answered.
pub(super) fn is_function(name: &str) -> bool {
    FUNCTIONS.contains(&name)
}
