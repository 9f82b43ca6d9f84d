//! What a caller may be allowed to do, by the names that the audit log knows it by.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};

use crate::{
    caller::Scope,
    error::{Error, Result},
};

/// A use case that changes something. Each begins with [`crate::Caller::permit`], the one place where a key's scopes and
/// policy are asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum Action {
    /// Moves an issue through its workflow.
    TransitionIssue,
    /// Adds a comment.
    AddComment,
    /// Creates an issue of a sandbox.
    CreateIssue,
    /// Changes fields of a sandbox's issue.
    EditIssue,
    /// Assigns a sandbox's issue.
    AssignIssue,
    /// Changes a comment of a sandbox.
    EditComment,
    /// Deletes a comment of a sandbox.
    DeleteComment,
    /// Adds a worklog to a sandbox's issue.
    AddWorklog,
    /// Changes a worklog of a sandbox.
    EditWorklog,
    /// Deletes a worklog of a sandbox.
    DeleteWorklog,
    /// Links two issues of a sandbox.
    LinkIssues,
    /// Takes a link between issues of a sandbox away.
    UnlinkIssues,
    /// Moves an issue of a sandbox to another project.
    MoveIssue,
    /// Makes a sprint of a sandbox.
    CreateSprint,
    /// Changes, starts or closes a sprint of a sandbox.
    EditSprint,
    /// Puts issues of a sandbox into a sprint or into the backlog.
    MoveToSprint,
    /// Puts issues of a sandbox below an epic, or out of it.
    MoveToEpic,
    /// Ranks issues of a sandbox.
    RankIssues,
    /// Deletes a sprint of a sandbox.
    DeleteSprint,
    /// Lets somebody watch an issue of a sandbox.
    AddWatcher,
    /// Lets somebody watch an issue of a sandbox no more.
    RemoveWatcher,
    /// Votes for an issue of a sandbox.
    AddVote,
    /// Takes a vote for an issue of a sandbox back.
    RemoveVote,
    /// Writes a remote link of a sandbox's issue.
    PutRemoteLink,
    /// Takes a remote link of a sandbox's issue away.
    RemoveRemoteLink,
    /// Sets a property of a sandbox's issue.
    SetIssueProperty,
    /// Takes a property of a sandbox's issue away.
    RemoveIssueProperty,
    /// Attaches files to an issue of a sandbox.
    AddAttachment,
    /// Deletes an attachment of a sandbox.
    DeleteAttachment,
    /// Saves a filter at a sandbox.
    CreateFilter,
    /// Changes a filter of a sandbox.
    EditFilter,
    /// Deletes a filter of a sandbox.
    DeleteFilter,
    /// Makes a version of a sandbox's project.
    CreateVersion,
    /// Changes or releases a version of a sandbox.
    EditVersion,
    /// Takes a version of a sandbox away.
    DeleteVersion,
    /// Makes a component of a sandbox's project.
    CreateComponent,
    /// Changes a component of a sandbox.
    EditComponent,
    /// Takes a component of a sandbox away.
    DeleteComponent,
    /// Deletes an issue of a sandbox.
    DeleteIssue,
    /// Answers an approval of a sandbox.
    AnswerApproval,
    /// Changes who follows a request of a sandbox.
    EditParticipants,
    /// Says how content a customer of a sandbox was, or takes it back.
    GiveFeedback,
    /// Sends a file to a service desk of a sandbox.
    KeepFile,
    /// Changes the customers, organisations or request types of a sandbox's service desk.
    EditServiceDesk,
    /// Makes an account for a customer of a sandbox.
    CreateCustomer,
    /// Makes an organisation of a sandbox.
    CreateOrganization,
    /// Changes the people or properties of a sandbox's organisation.
    EditOrganization,
    /// Deletes an organisation of a sandbox.
    DeleteOrganization,
    /// Makes and deletes groups of a sandbox, and puts people in and out of them.
    ManageGroups,
    /// Adds an instance.
    AddInstance,
    /// Removes an instance with every row of it.
    RemoveInstance,
    /// Gives an instance another credential.
    ReplaceCredential,
    /// Reaches a site and registers a webhook there.
    TestInstance,
    /// Starts a sync.
    StartSync,
    /// Pauses the sync of a mirror.
    PauseSync,
    /// Lets a paused sync go on.
    ResumeSync,
    /// Ends the run of a sync.
    CancelSync,
    /// Answers for a census that the brake has stopped.
    DecideCensus,
    /// Changes how careful and how frequent censuses are.
    ConfigureCensus,
    /// Registers a webhook at a sandbox, or Forebay's own at the site of a mirror.
    RegisterWebhook,
    /// Removes a webhook of a sandbox, or Forebay's own at the site of a mirror.
    RemoveWebhook,
    /// Makes a new secret and a new secret address for the webhook of a mirror.
    RotateWebhook,
    /// Shows what has to be entered at a site to make the webhook of its mirror by hand.
    RevealWebhook,
    /// Sets what a sandbox does wrong.
    SetFaults,
    /// Lets a sandbox do nothing wrong any more.
    ClearFaults,
    /// Gives a sandbox a workflow.
    SetWorkflow,
    /// Gives a sandbox the workflow back that it has by itself.
    ClearWorkflow,
    /// Makes a key.
    CreateKey,
    /// Changes what a key may do, or until when.
    UpdateKey,
    /// Revokes a key.
    RevokeKey,
    /// Lets a job run again.
    RetryJob,
    /// Takes a job out of the queue.
    DropJob,
    /// Erases a person from the tenant's copies.
    EraseUser,
}

impl Action {
    /// All actions, in the order in which they are listed.
    pub const ALL: [Self; 73] = [
        Self::TransitionIssue,
        Self::AddComment,
        Self::CreateIssue,
        Self::EditIssue,
        Self::AssignIssue,
        Self::EditComment,
        Self::DeleteComment,
        Self::AddWorklog,
        Self::EditWorklog,
        Self::DeleteWorklog,
        Self::LinkIssues,
        Self::UnlinkIssues,
        Self::MoveIssue,
        Self::CreateSprint,
        Self::EditSprint,
        Self::MoveToSprint,
        Self::MoveToEpic,
        Self::RankIssues,
        Self::DeleteSprint,
        Self::AddWatcher,
        Self::RemoveWatcher,
        Self::AddVote,
        Self::RemoveVote,
        Self::PutRemoteLink,
        Self::RemoveRemoteLink,
        Self::SetIssueProperty,
        Self::RemoveIssueProperty,
        Self::AddAttachment,
        Self::DeleteAttachment,
        Self::CreateFilter,
        Self::EditFilter,
        Self::DeleteFilter,
        Self::CreateVersion,
        Self::EditVersion,
        Self::DeleteVersion,
        Self::CreateComponent,
        Self::EditComponent,
        Self::DeleteComponent,
        Self::DeleteIssue,
        Self::AnswerApproval,
        Self::EditParticipants,
        Self::GiveFeedback,
        Self::KeepFile,
        Self::EditServiceDesk,
        Self::CreateCustomer,
        Self::CreateOrganization,
        Self::EditOrganization,
        Self::DeleteOrganization,
        Self::ManageGroups,
        Self::AddInstance,
        Self::RemoveInstance,
        Self::ReplaceCredential,
        Self::TestInstance,
        Self::StartSync,
        Self::PauseSync,
        Self::ResumeSync,
        Self::CancelSync,
        Self::DecideCensus,
        Self::ConfigureCensus,
        Self::RegisterWebhook,
        Self::RemoveWebhook,
        Self::RotateWebhook,
        Self::RevealWebhook,
        Self::SetFaults,
        Self::ClearFaults,
        Self::SetWorkflow,
        Self::ClearWorkflow,
        Self::CreateKey,
        Self::UpdateKey,
        Self::RevokeKey,
        Self::RetryJob,
        Self::DropJob,
        Self::EraseUser,
    ];

    /// Its name in the audit log and in policies.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::TransitionIssue => "transition_issue",
            Self::AddComment => "add_comment",
            Self::CreateIssue => "create_issue",
            Self::EditIssue => "edit_issue",
            Self::AssignIssue => "assign_issue",
            Self::EditComment => "edit_comment",
            Self::DeleteComment => "delete_comment",
            Self::AddWorklog => "add_worklog",
            Self::EditWorklog => "edit_worklog",
            Self::DeleteWorklog => "delete_worklog",
            Self::LinkIssues => "link_issues",
            Self::UnlinkIssues => "unlink_issues",
            Self::MoveIssue => "move_issue",
            Self::CreateSprint => "create_sprint",
            Self::EditSprint => "edit_sprint",
            Self::MoveToSprint => "move_to_sprint",
            Self::MoveToEpic => "move_to_epic",
            Self::RankIssues => "rank_issues",
            Self::DeleteSprint => "delete_sprint",
            Self::AddWatcher => "add_watcher",
            Self::RemoveWatcher => "remove_watcher",
            Self::AddVote => "add_vote",
            Self::RemoveVote => "remove_vote",
            Self::PutRemoteLink => "put_remote_link",
            Self::RemoveRemoteLink => "remove_remote_link",
            Self::SetIssueProperty => "set_issue_property",
            Self::RemoveIssueProperty => "remove_issue_property",
            Self::AddAttachment => "add_attachment",
            Self::DeleteAttachment => "delete_attachment",
            Self::CreateFilter => "create_filter",
            Self::EditFilter => "edit_filter",
            Self::DeleteFilter => "delete_filter",
            Self::CreateVersion => "create_version",
            Self::EditVersion => "edit_version",
            Self::DeleteVersion => "delete_version",
            Self::CreateComponent => "create_component",
            Self::EditComponent => "edit_component",
            Self::DeleteComponent => "delete_component",
            Self::DeleteIssue => "delete_issue",
            Self::AnswerApproval => "answer_approval",
            Self::EditParticipants => "edit_participants",
            Self::GiveFeedback => "give_feedback",
            Self::KeepFile => "keep_file",
            Self::EditServiceDesk => "edit_service_desk",
            Self::CreateCustomer => "create_customer",
            Self::CreateOrganization => "create_organization",
            Self::EditOrganization => "edit_organization",
            Self::DeleteOrganization => "delete_organization",
            Self::ManageGroups => "manage_groups",
            Self::AddInstance => "add_instance",
            Self::RemoveInstance => "remove_instance",
            Self::ReplaceCredential => "replace_credential",
            Self::TestInstance => "test_instance",
            Self::StartSync => "start_sync",
            Self::PauseSync => "pause_sync",
            Self::ResumeSync => "resume_sync",
            Self::CancelSync => "cancel_sync",
            Self::DecideCensus => "decide_census",
            Self::ConfigureCensus => "configure_census",
            Self::RegisterWebhook => "register_webhook",
            Self::RemoveWebhook => "remove_webhook",
            Self::RotateWebhook => "rotate_webhook",
            Self::RevealWebhook => "reveal_webhook",
            Self::SetFaults => "set_faults",
            Self::ClearFaults => "clear_faults",
            Self::SetWorkflow => "set_workflow",
            Self::ClearWorkflow => "clear_workflow",
            Self::CreateKey => "create_key",
            Self::UpdateKey => "update_key",
            Self::RevokeKey => "revoke_key",
            Self::RetryJob => "retry_job",
            Self::DropJob => "drop_job",
            Self::EraseUser => "erase_user",
        }
    }

    /// The scope it needs.
    pub fn scope(self) -> Scope {
        match self {
            Self::TransitionIssue
            | Self::AddComment
            | Self::CreateIssue
            | Self::EditIssue
            | Self::AssignIssue
            | Self::EditComment
            | Self::DeleteComment
            | Self::AddWorklog
            | Self::EditWorklog
            | Self::DeleteWorklog
            | Self::LinkIssues
            | Self::UnlinkIssues
            | Self::MoveIssue
            | Self::CreateSprint
            | Self::EditSprint
            | Self::MoveToSprint
            | Self::MoveToEpic
            | Self::RankIssues
            | Self::DeleteSprint
            | Self::AddWatcher
            | Self::RemoveWatcher
            | Self::AddVote
            | Self::RemoveVote
            | Self::PutRemoteLink
            | Self::RemoveRemoteLink
            | Self::SetIssueProperty
            | Self::RemoveIssueProperty
            | Self::AddAttachment
            | Self::DeleteAttachment
            | Self::CreateFilter
            | Self::EditFilter
            | Self::DeleteFilter
            | Self::CreateVersion
            | Self::EditVersion
            | Self::DeleteVersion
            | Self::CreateComponent
            | Self::EditComponent
            | Self::DeleteComponent
            | Self::DeleteIssue
            | Self::AnswerApproval
            | Self::EditParticipants
            | Self::GiveFeedback
            | Self::KeepFile
            | Self::EditServiceDesk
            | Self::CreateCustomer
            | Self::CreateOrganization
            | Self::EditOrganization
            | Self::DeleteOrganization
            | Self::ManageGroups => Scope::Write,
            _ => Scope::Admin,
        }
    }

    /// Whether it touches a whole site, so that a key limited to projects may not do it.
    pub fn reaches_whole_sites(self) -> bool {
        matches!(
            self,
            Self::AddInstance
                | Self::RemoveInstance
                | Self::ReplaceCredential
                | Self::TestInstance
                | Self::StartSync
                | Self::PauseSync
                | Self::ResumeSync
                | Self::CancelSync
                | Self::DecideCensus
                | Self::ConfigureCensus
                | Self::RegisterWebhook
                | Self::RemoveWebhook
                | Self::RotateWebhook
                | Self::RevealWebhook
                | Self::CreateFilter
                | Self::EditFilter
                | Self::DeleteFilter
                | Self::CreateCustomer
                | Self::CreateOrganization
                | Self::EditOrganization
                | Self::DeleteOrganization
                | Self::ManageGroups
                | Self::SetFaults
                | Self::ClearFaults
                | Self::SetWorkflow
                | Self::ClearWorkflow
                | Self::RetryJob
                | Self::DropJob
                | Self::EraseUser
        )
    }
}

impl fmt::Display for Action {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for Action {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        Self::ALL.into_iter().find(|action| action.as_str() == text).ok_or_else(|| {
            let known = Self::ALL.map(Self::as_str).join(", ");
            Error::invalid("actions", format!("`{text}` is no action; choose from {known}"))
        })
    }
}

impl TryFrom<String> for Action {
    type Error = Error;

    fn try_from(text: String) -> Result<Self> {
        text.parse()
    }
}

impl From<Action> for String {
    fn from(action: Action) -> Self {
        action.as_str().to_owned()
    }
}
