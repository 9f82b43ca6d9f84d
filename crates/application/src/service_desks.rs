//! Jira Service Management: desks, the organisations of their customers, and what is asked of issues that are requests.
//!
//! What a request has beside other issues is kept where Jira keeps it: in custom fields of the issue ([`RequestFields`]). A mirror gets
//! them with its issues. How a desk is set up has a table of its own, which a mirror's rounds fill from the lists of its site.

pub mod shown;
pub mod state;

use std::collections::BTreeMap;

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use domain::ids::InstanceId;
pub use domain::service_desk::{
    ApprovalStep, FormField, Queue, RequestFields, RequestType, RequestTypeGroup, Setup,
};
use serde_json::Value;
use uuid::Uuid;

use crate::{
    error::{Error, Result},
    instances::{Instance, InstanceKind},
    ports::TenantTx,
    reference::Roster,
};

/// A desk.
#[derive(Clone, Debug, PartialEq)]
pub struct ServiceDesk {
    /// Its id; not that of its project.
    pub id: String,
    /// The project's numeric id.
    pub project_id: String,
    /// The project's present key.
    pub project_key: String,
    /// The project's name.
    pub project_name: String,
    /// How it is set up.
    pub setup: Setup,
    /// Whether that is known: a mirror's rounds may not have come to a desk, or be refused there.
    pub set_up: bool,
}

/// An organisation: customers who see each other's requests.
#[derive(Clone, Debug, PartialEq)]
pub struct Organization {
    /// Its id.
    pub id: String,
    /// Its name.
    pub name: String,
    /// Account ids of its people, in the order in which they came.
    pub members: Vec<String>,
    /// Whether these are known: a mirror's rounds may not have come to an organisation, or be refused there.
    pub members_known: bool,
    /// Its properties; those of a mirror are not copied.
    pub properties: BTreeMap<String, Value>,
    /// When it was made; old ones of a mirror do not tell.
    pub created: Option<DateTime<Utc>>,
    /// As its site serves it; null where its truth is here.
    pub raw: Value,
}

/// A file that was sent to a desk, and is not attached to a request yet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TemporaryFile {
    /// Its id.
    pub id: Uuid,
    /// The numeric id of the desk's project.
    pub project_id: String,
    /// Its name.
    pub filename: String,
    /// Its media type.
    pub mime_type: String,
    /// Its bytes.
    pub bytes: Vec<u8>,
    /// When it was sent.
    pub created: DateTime<Utc>,
}

/// Why a request is an account's own concern.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Concern {
    /// The account reported it, or it was reported in its name.
    Reported,
    /// It follows along.
    Participates,
    /// One of these organisations sees it.
    SharedWith(Vec<String>),
    /// It was asked to agree: and still is (`Some(true)`), or is not any more.
    Approves(Option<bool>),
}

/// Which requests.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RequestQuery {
    /// The custom fields by which requests are told.
    pub fields: RequestFields,
    /// Whose concern they are, by account.
    pub account: Option<String>,
    /// Any of these is enough.
    pub concerns: Vec<Concern>,
    /// Whether they are done.
    pub closed: Option<bool>,
    /// What their summaries contain, in any case; `*` is any text.
    pub text: Option<String>,
    /// Of this desk, by id.
    pub desk: Option<String>,
    /// Of this request type, by id.
    pub request_type: Option<String>,
    /// After so many.
    pub offset: i64,
    /// At most so many.
    pub limit: i64,
}

/// Storage of desks and of what only they have.
#[async_trait]
pub trait ServiceDeskStore: Send {
    /// The desks whose projects the caller may see, by id.
    async fn service_desks(&mut self, instance: InstanceId) -> Result<Vec<ServiceDesk>>;

    /// The desk with this id, locked until the end of the transaction.
    async fn lock_service_desk(&mut self, instance: InstanceId, id: &str) -> Result<Option<ServiceDesk>>;

    /// Stores a desk, in the place of the one with its id.
    async fn put_service_desk(&mut self, instance: InstanceId, desk: &ServiceDesk) -> Result<()>;

    /// The organisations, by id.
    async fn organizations(&mut self, instance: InstanceId) -> Result<Vec<Organization>>;

    /// The organisation with this id, locked until the end of the transaction.
    async fn lock_organization(&mut self, instance: InstanceId, id: &str) -> Result<Option<Organization>>;

    /// Stores an organisation, in the place of the one with its id.
    async fn put_organization(&mut self, instance: InstanceId, organization: &Organization) -> Result<()>;

    /// Forgets an organisation.
    async fn remove_organization(&mut self, instance: InstanceId, id: &str) -> Result<()>;

    /// Keeps a file, and forgets those of the instance that were sent before `forget_before`.
    async fn keep_file(
        &mut self,
        instance: InstanceId,
        file: &TemporaryFile,
        forget_before: DateTime<Utc>,
    ) -> Result<()>;

    /// The kept files with these ids.
    async fn kept_files(&mut self, instance: InstanceId, ids: &[Uuid]) -> Result<Vec<TemporaryFile>>;

    /// Forgets kept files.
    async fn forget_files(&mut self, instance: InstanceId, ids: &[Uuid]) -> Result<()>;

    /// The numeric ids of issues that are requests, those with the latest activity first.
    async fn requests(&mut self, instance: InstanceId, query: &RequestQuery) -> Result<Vec<String>>;

    /// Whether somebody has an address with this hash.
    async fn is_email_known(&mut self, instance: InstanceId, email_hash: &str) -> Result<bool>;
}

/// Refuses what no list of a mirrored site tells: customers, articles, properties.
///
/// # Errors
/// [`Error::Unsupported`] with the operation's name for anything but a sandbox.
pub fn require_set_up_here(instance: &Instance, operation: &str) -> Result<()> {
    if instance.kind == InstanceKind::Sandbox {
        return Ok(());
    }
    Err(Error::Unsupported(format!(
        "{operation} is not served by Forebay for mirrors: it is not copied; ask the site itself"
    )))
}

/// The desks whose projects the caller may see.
///
/// # Errors
/// [`Error::Unsupported`] where a mirror has service projects, and has not been shown their desks.
pub async fn known_desks(
    tx: &mut dyn TenantTx,
    instance: &Instance,
    operation: &str,
) -> Result<Vec<ServiceDesk>> {
    let desks = tx.service_desks(instance.id).await?;
    if desks.is_empty() && instance.kind != InstanceKind::Sandbox {
        let projects = tx.roster(instance.id, Roster::Projects).await?;
        if projects.iter().any(|project| project["projectTypeKey"] == "service_desk") {
            return Err(not_shown(operation, "service desks"));
        }
    }
    Ok(desks)
}

/// What a mirror has not been shown.
fn not_shown(operation: &str, what: &str) -> Error {
    Error::Unsupported(format!(
        "{operation} is not served by Forebay for this mirror: the site has not shown its {what} to the mirror's account yet (`forebay sync \
         freshness` tells of `service_desks` and `organizations`); ask the site itself"
    ))
}

/// The desk with this id.
///
/// # Errors
/// [`Error::NotFound`].
pub async fn require_desk(tx: &mut dyn TenantTx, instance: InstanceId, id: &str) -> Result<ServiceDesk> {
    let found = tx.service_desks(instance).await?.into_iter().find(|desk| desk.id == id);
    found.ok_or_else(|| Error::not_found("service desk", id))
}

impl Organization {
    /// Refuses an organisation whose people are not known.
    ///
    /// # Errors
    /// [`Error::Unsupported`] with the operation's name.
    pub fn require_members(&self, operation: &str) -> Result<()> {
        if self.members_known { Ok(()) } else { Err(not_shown(operation, "organisations' people")) }
    }
}

impl ServiceDesk {
    /// Refuses a desk of which it is not known how it is set up.
    ///
    /// # Errors
    /// [`Error::Unsupported`] with the operation's name.
    pub fn require_set_up(&self, operation: &str) -> Result<()> {
        if self.set_up { Ok(()) } else { Err(not_shown(operation, "desk's set-up")) }
    }

    /// The request type with this id.
    ///
    /// # Errors
    /// [`Error::NotFound`].
    pub fn require_type(&self, id: &str) -> Result<&RequestType> {
        self.setup.request_type(id).ok_or_else(|| Error::not_found("request type", id))
    }
}
