//! A remote Jira site, as the sync and the writes need it. JSON stays Jira's own.

use std::{collections::HashMap, sync::Arc};

use async_trait::async_trait;
use domain::ids::{InstanceId, TenantId};
use secrecy::SecretString;
use serde_json::Value;

use super::{IssueText, SiteWebhooks};
use crate::{
    error::Result,
    instances::{AuthMethod, Dialect, InstanceKind},
};

/// What is needed to speak to a site.
#[derive(Clone, Debug)]
pub struct SiteConnection {
    /// The tenant, for logs and limits.
    pub tenant: TenantId,
    /// The instance, for logs and limits.
    pub instance: InstanceId,
    /// What the operator said it is.
    pub kind: InstanceKind,
    /// Its address, without a trailing slash; may have a path.
    pub base_url: String,
    /// How to sign in.
    pub auth_method: AuthMethod,
    /// The account's e-mail address or user name, for Basic.
    pub email: Option<SecretString>,
    /// The API token, password, personal access token, or an access token that nobody renews. With [`AuthMethod::Oauth`] and
    /// no token, tokens are had and renewed by the instance's grant (see [`crate::oauth`]).
    pub token: Option<SecretString>,
    /// The most requests a minute; `None`: the server's setting.
    pub requests_per_minute: Option<u32>,
    /// Who goes first where not everybody may at once.
    pub urgency: Urgency,
    /// How long may be waited until the site may be asked.
    pub patience: Patience,
}

/// Who goes first where a site's ceiling does not let everybody: those who are more urgent find permits that were left for them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Urgency {
    /// Copies, censuses, comparisons, rounds over lists: they take what is left.
    Rest,
    /// Polls.
    Poll,
    /// What somebody waits for: a webhook's issue, a write, a person's look.
    #[default]
    Now,
}

/// How long a connection waits for its turn under the ceiling, or for the end of a pause, before it answers
/// [`crate::error::Error::Paused`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Patience {
    /// A minute for its turn, or less where it is not urgent, some seconds for the end of a pause; what fails is tried again.
    Long,
    /// A second, and what fails has failed: others wait for the slot.
    Short,
}

/// Who we are at a site, and what it is.
#[derive(Clone, Debug)]
pub struct SiteIdentity {
    /// `accountId`, or the user key on Server and Data Center.
    pub account_id: String,
    /// The account's name, for people.
    pub display_name: String,
    /// The account's time zone, in which JQL dates are read.
    pub time_zone: Option<String>,
    /// `Cloud` or `Server`, as `serverInfo` says.
    pub deployment_type: String,
    /// The shape it speaks, which follows from the deployment type.
    pub dialect: Dialect,
    /// The site's version.
    pub version: String,
}

/// A list of a site that may not have been asked for: it costs requests of its own, or needs rights.
#[derive(Clone, Debug, Default)]
pub enum Listed {
    /// Nothing is known.
    #[default]
    NotAsked,
    /// Some of it: what is missing says nothing.
    Part(Vec<Value>),
    /// All that the site has: what is missing is gone.
    Whole(Vec<Value>),
}

impl Listed {
    /// What is known, and whether that is all.
    pub fn into_entries(self) -> (Vec<Value>, bool) {
        match self {
            Self::NotAsked => (Vec::new(), false),
            Self::Part(entries) => (entries, false),
            Self::Whole(entries) => (entries, true),
        }
    }
}

/// The sprints that one board lists: `GET /rest/agile/1.0/board/{id}/sprint`, to its end.
#[derive(Clone, Debug)]
pub struct ListedSprints {
    /// The board.
    pub board_id: i64,
    /// Its sprints.
    pub sprints: Vec<Value>,
}

/// The members of one group: `GET /group/member`, to its end, inactive people included.
#[derive(Clone, Debug)]
pub struct ListedMembers {
    /// The group's id, or on Server and Data Center its name in lower case.
    pub group_id: String,
    /// Users.
    pub members: Vec<Value>,
}

/// The roles of one project: `GET /project/{id}/role/{id}` for each of its roles.
#[derive(Clone, Debug)]
pub struct ListedRoles {
    /// The project's numeric id.
    pub project_id: String,
    /// Roles with their actors.
    pub roles: Vec<Value>,
}

/// Who follows one issue: `GET /issue/{id}/watchers` and `GET /issue/{id}/votes`.
#[derive(Clone, Debug, Default)]
pub struct ListedFollowers {
    /// The issue's numeric id.
    pub issue_id: String,
    /// Who watches it; `None` where nobody was asked for, or the site does not show them.
    pub watchers: Option<Vec<Value>>,
    /// Who voted for it; the same.
    pub voters: Option<Vec<Value>>,
}

/// How one board is configured: `GET /rest/agile/1.0/board/{id}/configuration`.
#[derive(Clone, Debug)]
pub struct ListedConfiguration {
    /// The board.
    pub board_id: i64,
    /// As served.
    pub configuration: Value,
}

/// How one service desk is set up: what `GET /rest/servicedeskapi/servicedesk/{id}/…` lists, each to its end.
#[derive(Clone, Debug, Default)]
pub struct ListedDesk {
    /// The desk.
    pub desk_id: String,
    /// `requesttype`, with its forms.
    pub request_types: Vec<Value>,
    /// `requesttypegroup`.
    pub groups: Vec<Value>,
    /// `queue`; none where the account is no agent.
    pub queues: Vec<Value>,
    /// `organization`; none where the account may not see them.
    pub organizations: Vec<Value>,
}

/// The people of one organisation: `GET /rest/servicedeskapi/organization/{id}/user`, to its end.
#[derive(Clone, Debug)]
pub struct ListedOrganization {
    /// The organisation.
    pub organization_id: String,
    /// Users.
    pub members: Vec<Value>,
}

/// The options of one custom field: `GET /field/{id}/context/{context}/option` for all its contexts, to their ends.
#[derive(Clone, Debug)]
pub struct ListedOptions {
    /// The field's id.
    pub field_id: String,
    /// `GET /field/{id}/context`; empty where the site does not show contexts.
    pub contexts: Vec<Value>,
    /// Options, in order; `contextId` where contexts are known, `optionId` names the parent in a cascading select.
    pub options: Vec<Value>,
}

/// The rosters of a site: the lists that every site shows to everybody, whole, and those that were asked for beside them.
#[derive(Clone, Debug, Default)]
pub struct ReferenceData {
    /// `GET /project(/search)`.
    pub projects: Vec<Value>,
    /// `GET /field`.
    pub fields: Vec<Value>,
    /// `GET /status`.
    pub statuses: Vec<Value>,
    /// `GET /issuetype`.
    pub issue_types: Vec<Value>,
    /// `GET /priority`, highest first.
    pub priorities: Vec<Value>,
    /// `GET /resolution`.
    pub resolutions: Vec<Value>,
    /// Users, where they were asked for. They never count as all: accounts that left are still named by issues.
    pub users: Vec<Value>,
    /// `GET /project/{key}/versions` of projects, each project in its order; `projectId` tells the project.
    pub versions: Listed,
    /// `GET /project/{key}/components` of projects; `project` (the key) or `projectId` tells the project.
    pub components: Listed,
    /// `GET /rest/agile/1.0/board`.
    pub boards: Listed,
    /// The boards whose sprints were asked for.
    pub board_sprints: Vec<ListedSprints>,
    /// `GET /filter/search`, with owner, description and JQL.
    pub filters: Listed,
    /// `GET /dashboard/search`, or `GET /dashboard` on Server and Data Center.
    pub dashboards: Listed,
    /// `GET /issueLinkType`.
    pub link_types: Listed,
    /// The custom fields whose options were asked for.
    pub field_options: Vec<ListedOptions>,
    /// `GET /group/bulk`, or what `GET /groups/picker` finds on Server and Data Center.
    pub groups: Listed,
    /// The groups whose members were asked for.
    pub group_members: Vec<ListedMembers>,
    /// The projects whose roles were asked for.
    pub project_roles: Vec<ListedRoles>,
    /// The boards whose configuration was asked for.
    pub board_configurations: Vec<ListedConfiguration>,
    /// The issues whose followers were asked for.
    pub followers: Vec<ListedFollowers>,
    /// `GET /rest/servicedeskapi/servicedesk`.
    pub service_desks: Listed,
    /// The desks of which it was asked how they are set up.
    pub desk_setups: Vec<ListedDesk>,
    /// `GET /rest/servicedeskapi/organization`.
    pub organizations: Listed,
    /// The organisations whose people were asked for.
    pub organization_members: Vec<ListedOrganization>,
}

/// One issue with all its comments, worklogs and histories, embedded as Jira embeds them.
#[derive(Clone, Debug)]
pub struct FetchedIssue {
    /// The issue.
    pub raw: Value,
    /// Whether `fields.comment.comments` is the whole list, so that a comment missing from it is gone.
    pub comments_complete: bool,
    /// Whether `fields.worklog.worklogs` is the whole list.
    pub worklogs_complete: bool,
}

/// A row of the source that could not be completed or read: kept aside with the reason, to be tried again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SetAside {
    /// The issue's numeric id, where it is known.
    pub jira_id: Option<String>,
    /// Why, without secrets.
    pub reason: String,
}

/// How large a page of a search may be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PageSize {
    /// Issues. A site may give fewer.
    pub issues: u32,
    /// Bytes of its text, histories and all.
    pub bytes: u64,
}

impl PageSize {
    /// What one issue may have, in bytes. Anything near this is a fault.
    pub const LARGEST_ISSUE: u64 = 64 << 20;

    /// Whether nothing smaller is left to be asked for: an issue that is larger even so is set aside.
    pub fn is_last(&self) -> bool {
        self.issues <= 1 && self.bytes >= Self::LARGEST_ISSUE
    }
}

/// A page of a search.
#[derive(Clone, Debug, Default)]
pub struct SitePage {
    /// The issues, whole.
    pub issues: Vec<IssueText>,
    /// How to go on; `None` on the last page. Opaque, and good for a checkpoint.
    pub next: Option<String>,
    /// Issues of the page that could not be completed: they belong to it, and are not among `issues`.
    pub set_aside: Vec<SetAside>,
    /// Whether `next` is missing although the site says that there is more.
    pub ends_early: bool,
}

/// A page of a search that shows no more of its issues than their ids, keys, `created` and `updated`.
#[derive(Clone, Debug, Default)]
pub struct NamesPage {
    /// The issues, as the site sent them.
    pub issues: Vec<Value>,
    /// How to go on; `None` on the last page.
    pub next: Option<String>,
}

/// Issues looked up by id.
#[derive(Clone, Debug, Default)]
pub struct Fetched {
    /// Those that are visible.
    pub issues: Vec<IssueText>,
    /// Ids the site could not answer for just now: to be asked again, never to be taken for deleted (jira-facts 1.4).
    pub retry: Vec<String>,
}

/// Which feed of worklogs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum WorklogFeed {
    /// Added or changed.
    Updated,
    /// Deleted: the only record of deletions that Jira keeps.
    Deleted,
}

/// A page of a feed of worklogs (jira-facts 1.5).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct WorklogPage {
    /// Worklog ids and when they changed (milliseconds since 1970 UTC), oldest first. An id may come again.
    pub changes: Vec<(String, i64)>,
    /// Where to read on, now or later: the watermark to keep. Jira leaves out its last minute, so nothing is missed.
    pub until: i64,
    /// Whether there is nothing more for the moment.
    pub is_last: bool,
}

/// An issue by its names alone, as a roll call has it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IssueName {
    /// Numeric id: the identity.
    pub id: String,
    /// The present key.
    pub key: String,
}

/// A page of a project's roll call.
#[derive(Clone, Debug, Default)]
pub struct RollCallPage {
    /// Issues, by the number of their keys.
    pub issues: Vec<IssueName>,
    /// How to go on; `None` on the last page. Opaque.
    pub next: Option<String>,
    /// Whether the listing stops here although the site says that there is more. What is absent from such a listing is not
    /// known to be absent from the site.
    pub ends_early: bool,
}

/// The projects of a site that the account sees, by how they stand.
#[derive(Clone, Debug, Default)]
pub struct ProjectRoll {
    /// In use.
    pub live: Vec<Value>,
    /// Archived: their issues are in no search, and may be read by id.
    pub archived: Vec<Value>,
    /// In the trash, until they are restored or deleted for good.
    pub trashed: Vec<Value>,
}

/// What has been asked of a site through one connection.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SiteUsage {
    /// HTTP requests sent, retries included.
    pub requests: u64,
    /// Those that repeated an earlier one.
    pub retries: u64,
    /// Milliseconds that requests waited because the site, or our own ceiling, asked them to.
    pub throttled_ms: u64,
}

/// A connection to one site.
#[async_trait]
pub trait JiraSite: SiteWebhooks {
    /// Asks `serverInfo`, and `myself` in the dialect that it names. Bad credentials fail here, and must be tried here before anything else is
    /// believed: a search with bad Basic credentials answers 200 with nothing in it (jira-facts 5.4).
    async fn identify(&self) -> Result<SiteIdentity>;

    /// The rosters.
    async fn reference_data(&self) -> Result<ReferenceData>;

    /// How many issues the JQL finds, about; `None` where the site does not tell.
    async fn count(&self, jql: &str) -> Result<Option<u64>>;

    /// A page of whole issues; `None` where it would have more bytes than `most`, so that fewer issues have to be asked for. Where
    /// that [is the last](PageSize::is_last) that can be asked for, the issue is set aside.
    /// `dialect` is what [`JiraSite::identify`] found.
    async fn search(
        &self,
        dialect: Dialect,
        jql: &str,
        cursor: Option<&str>,
        most: PageSize,
    ) -> Result<Option<SitePage>>;

    /// A page of which issues there are and when they were created and updated: it is cheap, and nothing that is in an issue can
    /// break it. The site may give fewer than asked for.
    async fn names(
        &self,
        dialect: Dialect,
        jql: &str,
        cursor: Option<&str>,
        page_size: u32,
    ) -> Result<NamesPage>;

    /// Whole issues by numeric id. An id in neither list is not visible: deleted, hidden or never there.
    async fn issues(&self, dialect: Dialect, ids: &[String]) -> Result<Fetched>;

    /// A page of the feed of worklogs changed or deleted since then (milliseconds since 1970 UTC). Both dialects have it; `None`
    /// where the site does not serve it all the same.
    async fn worklog_feed(
        &self,
        dialect: Dialect,
        feed: WorklogFeed,
        since: i64,
    ) -> Result<Option<WorklogPage>>;

    /// Worklogs by id, each with its `issueId`; those that do not exist or are hidden are absent.
    async fn worklogs(&self, dialect: Dialect, ids: &[String]) -> Result<Vec<Value>>;

    /// All comments of an issue; `None` where the issue does not exist or is hidden.
    async fn comments(&self, dialect: Dialect, issue_id: &str) -> Result<Option<Vec<Value>>>;

    /// The versions and components of a project, each whole; `None` where the site does not show them to us, or does not serve them.
    async fn project_rosters(
        &self,
        dialect: Dialect,
        project: &str,
    ) -> Result<Option<(Vec<Value>, Vec<Value>)>>;

    /// The sprints of a board; none for a board without sprints, `None` where the site does not show it to us, or serves no boards.
    async fn board_sprints(&self, board_id: i64) -> Result<Option<ListedSprints>>;

    /// The contexts and options of a custom field; `None` where the site does not show them: Server and Data Center, or an
    /// account that may not administer Jira.
    async fn field_options(&self, dialect: Dialect, field_id: &str) -> Result<Option<ListedOptions>>;

    /// The members of a group, inactive ones too; `None` where the site does not show them to us. `group` is its id, or on Server
    /// and Data Center its name.
    async fn group_members(&self, _dialect: Dialect, _group: &str) -> Result<Option<Vec<Value>>> {
        Ok(None)
    }

    /// The roles of a project (by its numeric id) with those who play them; `None` where the site does not show them to us.
    async fn project_roles(&self, _dialect: Dialect, _project: &str) -> Result<Option<Vec<Value>>> {
        Ok(None)
    }

    /// Who watches an issue (by its numeric id); `None` where the site does not show it to us.
    async fn watchers(&self, _dialect: Dialect, _issue: &str) -> Result<Option<Vec<Value>>> {
        Ok(None)
    }

    /// Who voted for an issue (by its numeric id); `None` where the site does not show it to us.
    async fn voters(&self, _dialect: Dialect, _issue: &str) -> Result<Option<Vec<Value>>> {
        Ok(None)
    }

    /// How a board is configured; `None` where the site does not show it to us.
    async fn board_configuration(&self, _board_id: i64) -> Result<Option<Value>> {
        Ok(None)
    }

    /// A saved filter by its id; `None` where the site does not show it to us.
    async fn filter(&self, _dialect: Dialect, _filter: &str) -> Result<Option<Value>> {
        Ok(None)
    }

    /// How a service desk is set up; `None` where the site does not show it to us.
    async fn desk_setup(&self, _desk: &str) -> Result<Option<ListedDesk>> {
        Ok(None)
    }

    /// The people of an organisation of customers; `None` where the site does not show them to us.
    async fn organization_members(&self, _organization: &str) -> Result<Option<Vec<Value>>> {
        Ok(None)
    }

    /// Everybody from that place on, as many as the site gives at once; none behind the end, and `None` where the site does not
    /// show its people to us.
    async fn people(&self, _dialect: Dialect, _start: u64) -> Result<Option<Vec<Value>>> {
        Ok(None)
    }

    /// A live project (by its numeric id) as the roster has it; `None` if it is not there any more.
    async fn project_entry(&self, _dialect: Dialect, _project: &str) -> Result<Option<Value>> {
        Ok(None)
    }

    /// A board as the roster has it; `None` if the site does not show it to us any more.
    async fn board_entry(&self, _board_id: i64) -> Result<Option<Value>> {
        Ok(None)
    }

    /// A person, by the id of the account; `None` if the site does not show them to us.
    async fn person(&self, _dialect: Dialect, _account: &str) -> Result<Option<Value>> {
        Ok(None)
    }

    /// The projects that the account sees.
    async fn projects(&self, dialect: Dialect) -> Result<ProjectRoll>;

    /// A page of the roll call of a project (by its numeric id): ids and keys of the issues that a search shows, by the
    /// number of their keys, as many at once as the site gives (jira-facts 1.1, 1.3).
    async fn roll_call(
        &self,
        dialect: Dialect,
        project_id: &str,
        cursor: Option<&str>,
    ) -> Result<RollCallPage>;

    /// Adds a comment; answers the comment as stored.
    async fn add_comment(&self, dialect: Dialect, issue_id: &str, body: &Value) -> Result<Value>;

    /// The transitions open to the account now.
    async fn transitions(&self, dialect: Dialect, issue_id: &str) -> Result<Vec<Value>>;

    /// The same of many issues by their ids, in one request for each hundred. What the site does not show is absent.
    async fn transitions_of(
        &self,
        _dialect: Dialect,
        _issue_ids: &[String],
    ) -> Result<HashMap<String, Vec<Value>>> {
        Ok(HashMap::new())
    }

    /// Does a transition.
    async fn transition(
        &self,
        dialect: Dialect,
        issue_id: &str,
        transition_id: &str,
        fields: Option<&Value>,
    ) -> Result<()>;

    /// Requests and retries so far.
    fn usage(&self) -> SiteUsage;
}

/// Opens connections to sites. All connections to one instance share its rate limit.
#[async_trait]
pub trait JiraSites: Send + Sync {
    /// Whether a site at this address may be called: a tenant must not make this server call inside. [`JiraSites::connect`]
    /// and each connection check again; this is for a clear answer to whoever names the address.
    ///
    /// # Errors
    /// [`crate::error::Error::Invalid`] (field `url`) with what was refused and the remedy.
    async fn check_address(&self, base_url: &str) -> Result<()>;

    /// A connection.
    ///
    /// # Errors
    /// [`crate::error::Error::Invalid`] when the address or the credentials cannot be used, or the address is a literal one
    /// that may not be called.
    fn connect(&self, connection: SiteConnection) -> Result<Arc<dyn JiraSite>>;
}
