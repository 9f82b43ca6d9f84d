//! What is right JQL, and what a copy cannot answer (docs/search.md lists it): it hangs on the caller's browser session, on what
//! only the site itself knows, or on what is not copied.

/// Fields, in lower case.
const FIELDS: [&str; 19] = [
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
    "parentepic",
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
const FUNCTIONS: [&str; 31] = [
    "approved",
    "approver",
    "breached",
    "cascadeoption",
    "childissuesof",
    "choiceoptions",
    "completed",
    "currentlogin",
    "elapsed",
    "everbreached",
    "issuehistory",
    "issueswithremotelinksbyglobalid",
    "issueswithtext",
    "lastlogin",
    "myapproval",
    "mypending",
    "organizationmembers",
    "parentepic",
    "paused",
    "pending",
    "pendingapproval",
    "pendingby",
    "portfoliochildissuesof",
    "portfoliochildrenof",
    "portfolioparentsof",
    "remaining",
    "running",
    "votedworkitems",
    "watchedworkitems",
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
