//! A fault plan: which faults a sandbox serves, where, how often and how long. docs/sandbox.md has the reference.

use chrono::{DateTime, Duration, Utc};
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// What a sandbox does wrong, as its user wrote it down.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "Value")]
pub struct FaultPlan {
    /// The same seed answers the same requests with the same faults.
    pub seed: u64,
    /// Each on its own; several may meet one request.
    pub rules: Vec<FaultRule>,
}

/// One fault, and when it is served.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct FaultRule {
    /// What goes wrong.
    #[serde(flatten)]
    pub fault: Fault,
    /// How likely it is for each request it could meet.
    pub probability: f64,
    /// Which requests it could meet.
    #[serde(skip_serializing_if = "Reach::is_everything")]
    pub on: Reach,
    /// Only the first so many times that the very same request is made: whoever tries again gets through.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub first: Option<u32>,
    /// At most so many times in all, in each serving process.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub times: Option<u64>,
    /// From when until when.
    #[serde(skip_serializing_if = "Window::is_always")]
    pub window: Window,
}

/// The part of a site's API that a request is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Endpoint {
    /// `serverInfo`, `myself`.
    Identity,
    /// `search`, `search/jql`.
    Search,
    /// `search/approximate-count`.
    Count,
    /// `issue/{issue}`, `issue/bulkfetch`.
    Issue,
    /// `issue/{issue}/changelog`, `changelog/bulkfetch`.
    Changelog,
    /// `issue/{issue}/comment`.
    Comments,
    /// `issue/{issue}/worklog`, `worklog/…`.
    Worklogs,
    /// `issue/{issue}/transitions`.
    Transitions,
    /// `project`, `project/…`.
    Projects,
    /// Everything else of the platform API: `field`, `status`, `priority`, …
    Rosters,
    /// `/rest/agile/…`.
    Agile,
    /// `/rest/webhooks/…`.
    Webhooks,
}

impl Endpoint {
    /// What the path, as the site itself has it (`/rest/api/3/search`), is for.
    pub fn of(path: &str) -> Self {
        let mut parts = path.split('/').filter(|part| !part.is_empty()).skip(1);
        match parts.next() {
            Some("agile") => return Self::Agile,
            Some("webhooks") => return Self::Webhooks,
            _ => {}
        }
        let resource: Vec<&str> = parts.skip(1).collect();
        match resource.as_slice() {
            ["serverInfo" | "myself"] => Self::Identity,
            ["search", "approximate-count"] => Self::Count,
            ["search", ..] => Self::Search,
            ["changelog", ..] | ["issue", _, "changelog", ..] => Self::Changelog,
            ["comment", ..] | ["issue", _, "comment", ..] => Self::Comments,
            ["worklog", ..] | ["issue", _, "worklog", ..] => Self::Worklogs,
            ["issue", _, "transitions", ..] => Self::Transitions,
            ["issue", ..] => Self::Issue,
            ["project", ..] => Self::Projects,
            _ => Self::Rosters,
        }
    }
}

/// Which requests, or deliveries, a fault could meet. Empty lists are no limit.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Reach {
    /// Requests for these parts of the API.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub endpoints: Vec<Endpoint>,
    /// Requests with these methods.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub methods: Vec<String>,
    /// Requests for this path at the site; `*` stands for any text.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub path: Option<String>,
    /// Deliveries of these events.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub events: Vec<String>,
}

impl Reach {
    fn is_everything(&self) -> bool {
        *self == Self::default()
    }
}

/// From when until when a fault is served. Without a bound, always.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Window {
    /// Not before so many seconds after the plan was set.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub from_seconds: Option<u32>,
    /// No longer than so many seconds after the plan was set.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub until_seconds: Option<u32>,
    /// Not before this one of the requests that the rule could meet, counted from 1.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub from_request: Option<u64>,
    /// Up to this one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub until_request: Option<u64>,
}

impl Window {
    fn is_always(&self) -> bool {
        *self == Self::default()
    }

    /// Whether a request may be met: `number` counts those that the rule could meet.
    pub fn holds(&self, set_at: DateTime<Utc>, now: DateTime<Utc>, number: u64) -> bool {
        self.holds_at(set_at, now)
            && self.from_request.is_none_or(|from| number >= from)
            && self.until_request.is_none_or(|until| number <= until)
    }

    /// Whether the time is right.
    pub fn holds_at(&self, set_at: DateTime<Utc>, now: DateTime<Utc>) -> bool {
        let since = now - set_at;
        self.from_seconds.is_none_or(|from| since >= Duration::seconds(from.into()))
            && self.until_seconds.is_none_or(|until| since < Duration::seconds(until.into()))
    }
}

/// The body of an answer that is an error.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ErrorBody {
    /// A page of a proxy in front of the site.
    #[default]
    Html,
    /// Jira's own `{errorMessages, errors}`.
    Json,
    /// Nothing.
    Empty,
}

/// What a 429 is given for (jira-facts 4).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum LimitReason {
    /// The app's points of this hour, over all its sites.
    #[serde(rename = "jira-quota-global-based")]
    QuotaGlobal,
    /// The app's points of this hour at this site.
    #[serde(rename = "jira-quota-tenant-based")]
    QuotaTenant,
    /// Too many requests a second for one operation.
    #[default]
    #[serde(rename = "jira-burst-based")]
    Burst,
    /// Too many writes to one issue.
    #[serde(rename = "jira-per-issue-on-write")]
    PerIssue,
}

impl LimitReason {
    /// As `RateLimit-Reason` names it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::QuotaGlobal => "jira-quota-global-based",
            Self::QuotaTenant => "jira-quota-tenant-based",
            Self::Burst => "jira-burst-based",
            Self::PerIssue => "jira-per-issue-on-write",
        }
    }
}

/// What is wrong with a bad issue.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Defect {
    /// The field is not there.
    #[default]
    Missing,
    /// The field's value is of another type.
    Malformed,
    /// There is a field that no roster knows.
    Unknown,
}

/// How an issue breaks an answer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Poison {
    /// 500.
    #[default]
    Failure,
    /// 200 with JSON that breaks off.
    Cut,
}

/// What goes wrong.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "fault", rename_all = "snake_case", deny_unknown_fields)]
pub enum Fault {
    /// The answer takes longer: `ms`, or anything up to `max_ms`.
    Latency {
        /// Milliseconds, at least.
        ms: u64,
        /// Milliseconds, at most.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        max_ms: Option<u64>,
    },
    /// No answer: the connection is cut after `ms`, or when the client gives up.
    Hang {
        /// Milliseconds until the connection is cut.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        ms: Option<u64>,
        /// Whether the request is carried out all the same.
        #[serde(default)]
        done: bool,
    },
    /// An error status instead of the answer.
    Status {
        /// 400 to 599.
        status: u16,
        /// What it says.
        #[serde(default)]
        body: ErrorBody,
        /// `Retry-After`, in seconds.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        retry_after: Option<u32>,
        /// Whether the request is carried out all the same.
        #[serde(default)]
        done: bool,
    },
    /// 429 out of the blue.
    RateLimit {
        /// `Retry-After`, in seconds.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        retry_after: Option<u32>,
        /// `RateLimit-Reason`.
        #[serde(default)]
        reason: LimitReason,
        /// No header and no body at all, as some gateways answer.
        #[serde(default)]
        bare: bool,
    },
    /// A real limit: so many requests in each window, then 429 until the next one.
    Budget {
        /// How many.
        requests: u32,
        /// How long a window is.
        per_seconds: u32,
        /// `RateLimit-Reason`.
        #[serde(default)]
        reason: LimitReason,
        /// Whether the 429 says how long to wait.
        #[serde(default = "yes")]
        retry_after: bool,
    },
    /// The connection is cut within the answer's body.
    CutBody {
        /// How much of the body arrives, 0 to 1.
        #[serde(default = "half")]
        share: f64,
    },
    /// 200 with JSON that breaks off.
    InvalidJson {},
    /// 200 with the HTML of a login page.
    LoginPage {},
    /// 200 with nothing.
    EmptyBody {},
    /// 401: the credential has expired.
    Unauthorized {},
    /// The credential counts for nothing, and nobody says so: what an anonymous visitor sees (jira-facts 5.4).
    Anonymous {},
    /// A page with fewer entries than asked for.
    ShortPage {
        /// At most so many.
        #[serde(default = "one")]
        at_most: u32,
    },
    /// 400 for a `nextPageToken`, as when it is older than seven days.
    ExpiredPageToken {},
    /// A page that is not the last, without `nextPageToken`.
    MissingToken {},
    /// A page with `nextPageToken` that says `isLast: true`.
    LastWithToken {},
    /// The last page, with `nextPageToken: null`.
    NullToken {},
    /// An empty page that says there is more.
    EmptyPage {},
    /// A page whose token leads to the same page again.
    RepeatedPage {},
    /// A page that has an entry twice.
    DuplicateRow {},
    /// Offset paging over a list that moved: the page begins up to so many entries too early or too late.
    ShiftedPage {
        /// So many.
        #[serde(default = "one")]
        by: u32,
    },
    /// The search of the other dialect is not there: 410 for `search` at a Cloud site, 404 for `search/jql` at a Server.
    ForeignSearch {},
    /// Only what this kind of site itself takes: beside [`Fault::ForeignSearch`], bodies with members that Cloud's schema does not
    /// have are refused where it is closed (jira-facts 1.3, 10.2).
    Strict {},
    /// The search does not know yet what changed within the last `ms`.
    IndexLag {
        /// Milliseconds.
        ms: u64,
    },
    /// Issues that the account may not see: 404, and absent from search.
    Hidden {
        /// All of these projects, by key; the projects too.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        projects: Vec<String>,
        /// These, by key or id.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        issues: Vec<String>,
        /// A share of all issues, 0 to 1; which ones, the seed decides.
        #[serde(default)]
        share: f64,
    },
    /// An issue of the page that was just read moves to another project, for good.
    KeyMove {
        /// The project's key; any other one when left out.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        to: Option<String>,
    },
    /// Embedded lists that break off, with the right `total` (jira-facts 1.7).
    Truncated {
        /// So many histories.
        #[serde(default = "forty")]
        changelog: usize,
        /// So many comments.
        #[serde(default = "twenty")]
        comments: usize,
        /// So many worklogs.
        #[serde(default = "twenty")]
        worklogs: usize,
    },
    /// Issues that something is wrong with.
    BadIssue {
        /// What.
        #[serde(default)]
        how: Defect,
        /// In which field.
        #[serde(default = "updated")]
        field: String,
        /// These, by key or id.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        issues: Vec<String>,
        /// A share of all issues, 0 to 1; which ones, the seed decides.
        #[serde(default)]
        share: f64,
    },
    /// Issues that break every page and bulk answer that shows more of them than ids, keys and times.
    PoisonedIssue {
        /// How.
        #[serde(default)]
        how: Poison,
        /// Whether the issue cannot be read by its own address either.
        #[serde(default)]
        alone: bool,
        /// These, by key or id; histories know ids only.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        issues: Vec<String>,
        /// A share of all issues, 0 to 1; which ones, the seed decides.
        #[serde(default)]
        share: f64,
    },
    /// Histories as some sites serve them.
    OddChangelog {
        /// `created` in `changelog/bulkfetch` is a number.
        #[serde(default = "yes")]
        created_as_number: bool,
        /// Histories have no author.
        #[serde(default = "yes")]
        without_author: bool,
    },
    /// A comment is edited or deleted, and `updated` of its issue stays (jira-facts 12).
    SilentComments {},
    /// A delivery comes again, with the same identifier.
    WebhookDuplicate {
        /// So many times more.
        #[serde(default = "one")]
        copies: u32,
    },
    /// A delivery waits for up to `ms`, so that others overtake it.
    WebhookReorder {
        /// Milliseconds, at most.
        #[serde(default = "two_seconds")]
        ms: u64,
    },
    /// A delivery is late: by `ms`, or anything up to `max_ms`.
    WebhookDelay {
        /// Milliseconds, at least.
        ms: u64,
        /// Milliseconds, at most.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        max_ms: Option<u64>,
    },
    /// A delivery never comes.
    WebhookLoss {},
    /// A delivery is signed with another secret.
    WebhookBadSignature {},
}

fn yes() -> bool {
    true
}

fn half() -> f64 {
    0.5
}

fn one() -> u32 {
    1
}

fn twenty() -> usize {
    20
}

fn forty() -> usize {
    40
}

fn two_seconds() -> u64 {
    2_000
}

fn updated() -> String {
    "updated".into()
}

impl Fault {
    /// Its name, in plans, counts and metrics.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Latency { .. } => "latency",
            Self::Hang { .. } => "hang",
            Self::Status { .. } => "status",
            Self::RateLimit { .. } => "rate_limit",
            Self::Budget { .. } => "budget",
            Self::CutBody { .. } => "cut_body",
            Self::InvalidJson {} => "invalid_json",
            Self::LoginPage {} => "login_page",
            Self::EmptyBody {} => "empty_body",
            Self::Unauthorized {} => "unauthorized",
            Self::Anonymous {} => "anonymous",
            Self::ShortPage { .. } => "short_page",
            Self::ExpiredPageToken {} => "expired_page_token",
            Self::MissingToken {} => "missing_token",
            Self::LastWithToken {} => "last_with_token",
            Self::NullToken {} => "null_token",
            Self::EmptyPage {} => "empty_page",
            Self::RepeatedPage {} => "repeated_page",
            Self::DuplicateRow {} => "duplicate_row",
            Self::ShiftedPage { .. } => "shifted_page",
            Self::ForeignSearch {} => "foreign_search",
            Self::Strict {} => "strict",
            Self::IndexLag { .. } => "index_lag",
            Self::Hidden { .. } => "hidden",
            Self::KeyMove { .. } => "key_move",
            Self::Truncated { .. } => "truncated",
            Self::BadIssue { .. } => "bad_issue",
            Self::PoisonedIssue { .. } => "poisoned_issue",
            Self::OddChangelog { .. } => "odd_changelog",
            Self::SilentComments {} => "silent_comments",
            Self::WebhookDuplicate { .. } => "webhook_duplicate",
            Self::WebhookReorder { .. } => "webhook_reorder",
            Self::WebhookDelay { .. } => "webhook_delay",
            Self::WebhookLoss {} => "webhook_loss",
            Self::WebhookBadSignature {} => "webhook_bad_signature",
        }
    }

    /// Whether it meets deliveries of webhooks, and not requests.
    pub fn is_of_webhooks(&self) -> bool {
        matches!(
            self,
            Self::WebhookDuplicate { .. }
                | Self::WebhookReorder { .. }
                | Self::WebhookDelay { .. }
                | Self::WebhookLoss {}
                | Self::WebhookBadSignature {}
        )
    }
}
