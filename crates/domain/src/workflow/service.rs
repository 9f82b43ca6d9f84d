//! The workflows of service projects.

use super::{StatusCategory, Transition, Workflow, WorkflowStatus};

/// The ids of the statuses of service projects. They are above those of [`Workflow::standard`], so that a site can have both.
pub mod status {
    /// Somebody has to agree first.
    pub const WAITING_FOR_APPROVAL: &str = "10100";
    /// An agent is to do something.
    pub const WAITING_FOR_SUPPORT: &str = "10101";
    /// An agent does something.
    pub const IN_PROGRESS: &str = "10102";
    /// The customer is to do something.
    pub const WAITING_FOR_CUSTOMER: &str = "10103";
    /// Done.
    pub const RESOLVED: &str = "10104";
    /// The customer does not want it any more.
    pub const CANCELED: &str = "10105";
    /// Who was to agree did not.
    pub const DECLINED: &str = "10106";
}

/// Transition ids of service projects.
pub mod transition {
    /// Who was to agree did.
    pub const APPROVE: &str = "871";
    /// Who was to agree did not.
    pub const DECLINE: &str = "881";
    /// An agent asks the customer something.
    pub const RESPOND_TO_CUSTOMER: &str = "851";
    /// The customer answers.
    pub const RESPOND_TO_SUPPORT: &str = "861";
    /// An agent begins.
    pub const START: &str = "891";
    /// An agent is done.
    pub const RESOLVE: &str = "761";
    /// The customer does not want it any more.
    pub const CANCEL: &str = "901";
    /// It was not done after all.
    pub const REOPEN: &str = "911";
}

/// The id of the type of issues that somebody has to agree to.
pub const ISSUE_TYPE_WITH_APPROVAL: &str = "10012";

impl Workflow {
    /// The workflow of a service project, modelled on that of Jira Service Management's template for IT services: a request waits
    /// for support or for the customer until it is resolved. With approval it waits for that first.
    #[must_use]
    pub fn service(with_approval: bool) -> Self {
        use status::{
            CANCELED, DECLINED, IN_PROGRESS, RESOLVED, WAITING_FOR_APPROVAL, WAITING_FOR_CUSTOMER,
            WAITING_FOR_SUPPORT,
        };
        let status =
            |id: &str, name: &str, category| WorkflowStatus { id: id.into(), name: name.into(), category };
        let to = |id: &str, name: &str, from: &[&str], to: &str| Transition {
            id: id.into(),
            name: name.into(),
            from: from.iter().map(|&id| id.into()).collect(),
            to: to.into(),
            conditions: Vec::new(),
            screen: Vec::new(),
            required: Vec::new(),
        };
        let open = [WAITING_FOR_SUPPORT, IN_PROGRESS, WAITING_FOR_CUSTOMER];
        let before_the_end = [&[WAITING_FOR_APPROVAL], &open[..]].concat();
        Self {
            statuses: vec![
                status(WAITING_FOR_APPROVAL, "Waiting for approval", StatusCategory::Indeterminate),
                status(WAITING_FOR_SUPPORT, "Waiting for support", StatusCategory::New),
                status(IN_PROGRESS, "Work in progress", StatusCategory::Indeterminate),
                status(WAITING_FOR_CUSTOMER, "Waiting for customer", StatusCategory::Indeterminate),
                status(RESOLVED, "Resolved", StatusCategory::Done),
                status(CANCELED, "Canceled", StatusCategory::Done),
                status(DECLINED, "Declined", StatusCategory::Done),
            ],
            transitions: vec![
                to(transition::APPROVE, "Approve", &[WAITING_FOR_APPROVAL], WAITING_FOR_SUPPORT),
                to(transition::DECLINE, "Decline", &[WAITING_FOR_APPROVAL], DECLINED),
                to(
                    transition::START,
                    "Start work",
                    &[WAITING_FOR_SUPPORT, WAITING_FOR_CUSTOMER],
                    IN_PROGRESS,
                ),
                to(
                    transition::RESPOND_TO_CUSTOMER,
                    "Respond to customer",
                    &[WAITING_FOR_SUPPORT, IN_PROGRESS],
                    WAITING_FOR_CUSTOMER,
                ),
                to(
                    transition::RESPOND_TO_SUPPORT,
                    "Respond to support",
                    &[WAITING_FOR_CUSTOMER],
                    WAITING_FOR_SUPPORT,
                ),
                to(transition::RESOLVE, "Resolve this issue", &open, RESOLVED),
                to(transition::CANCEL, "Cancel request", &before_the_end, CANCELED),
                to(transition::REOPEN, "Reopen", &[RESOLVED, CANCELED, DECLINED], WAITING_FOR_SUPPORT),
            ],
            initial: if with_approval { WAITING_FOR_APPROVAL } else { WAITING_FOR_SUPPORT }.into(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn its_references_are_sound_and_every_request_can_come_to_an_end() {
        for with_approval in [false, true] {
            let Workflow { statuses, transitions, initial } = Workflow::service(with_approval);
            let workflow = Workflow::new(statuses, transitions, initial).unwrap();
            for status in workflow.statuses() {
                assert!(!workflow.available(&status.id).is_empty(), "{}", status.name);
            }
        }
    }

    #[test]
    fn what_waits_for_approval_is_approved_declined_or_canceled() {
        let workflow = Workflow::service(true);
        let open: Vec<&str> =
            workflow.available(workflow.initial()).iter().map(|transition| transition.id.as_str()).collect();
        assert_eq!(open, [transition::APPROVE, transition::DECLINE, transition::CANCEL]);
    }

    #[test]
    fn no_status_is_one_of_the_standard_workflow() {
        let standard = Workflow::standard();
        assert!(
            Workflow::service(false).statuses().iter().all(|status| standard.status(&status.id).is_none())
        );
    }
}
