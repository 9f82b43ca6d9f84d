use proptest::prelude::*;
use serde_json::json;

use super::*;

const TO_DO: &str = "10000";
const IN_PROGRESS: &str = "10001";
const IN_REVIEW: &str = "10002";
const DONE: &str = "10003";

fn names<'a>(transitions: &[&'a Transition]) -> Vec<&'a str> {
    transitions.iter().map(|transition| transition.name.as_str()).collect()
}

#[test]
fn categories_carry_jiras_ids_keys_names_and_colours() {
    let table: Vec<_> = StatusCategory::ALL.map(|c| (c.id(), c.key(), c.name(), c.color_name())).into();
    assert_eq!(
        table,
        [
            (1, "undefined", "No Category", "medium-gray"),
            (2, "new", "To Do", "blue-gray"),
            (4, "indeterminate", "In Progress", "yellow"),
            (3, "done", "Done", "green"),
        ]
    );
}

#[test]
fn categories_are_read_and_written_as_keys() {
    for category in StatusCategory::ALL {
        assert_eq!(category.to_string().parse(), Ok(category));
        assert_eq!(StatusCategory::from_id(category.id()), Some(category));
        assert_eq!(serde_json::to_value(category).unwrap(), json!(category.key()));
        assert_eq!(serde_json::from_value::<StatusCategory>(json!(category.key())).unwrap(), category);
    }
    assert_eq!("INDETERMINATE".parse(), Ok(StatusCategory::Indeterminate));
    assert_eq!("In Progress".parse::<StatusCategory>(), Err(UnknownStatusCategory));
    assert_eq!(StatusCategory::from_id(9), None);
}

#[test]
fn the_standard_workflow_is_sound() {
    let standard = Workflow::standard();
    let checked =
        Workflow::new(standard.statuses.clone(), standard.transitions.clone(), standard.initial.clone());
    assert_eq!(checked, Ok(standard));
}

#[test]
fn the_standard_workflow_offers_what_fits_the_status() {
    let workflow = Workflow::standard();
    assert_eq!(names(&workflow.available(TO_DO)), ["In Progress", "Done"]);
    assert_eq!(names(&workflow.available(IN_PROGRESS)), ["To Do", "In Progress", "Done", "In Review"]);
    assert_eq!(names(&workflow.available(IN_REVIEW)), ["To Do", "In Progress", "Done"]);
    assert_eq!(names(&workflow.available(DONE)), ["In Progress", "Done", "Reopen"]);
    assert!(workflow.available("4711").is_empty());
}

#[test]
fn an_issue_walks_from_to_do_to_done_and_back() {
    let workflow = Workflow::standard();
    assert_eq!(workflow.initial(), TO_DO);

    let started = workflow.apply(TO_DO, "21").unwrap();
    assert_eq!((started.to.name.as_str(), started.resolution), ("In Progress", ResolutionEffect::Keep));
    let reviewed = workflow.apply(&started.to.id, "41").unwrap();
    assert_eq!((reviewed.to.name.as_str(), reviewed.resolution), ("In Review", ResolutionEffect::Keep));
    let finished = workflow.apply(&reviewed.to.id, "31").unwrap();
    assert_eq!((finished.to.name.as_str(), finished.resolution), ("Done", ResolutionEffect::SetDone));
    let reopened = workflow.apply(&finished.to.id, "51").unwrap();
    assert_eq!((reopened.to.name.as_str(), reopened.resolution), ("To Do", ResolutionEffect::Clear));
}

#[test]
fn a_transition_must_exist_and_leave_from_the_issues_status() {
    let workflow = Workflow::standard();
    assert_eq!(
        workflow.apply(TO_DO, "41"),
        Err(WorkflowError::NotAvailable { transition: "41".into(), status: TO_DO.into() })
    );
    assert_eq!(workflow.apply(TO_DO, "99"), Err(WorkflowError::UnknownTransition("99".into())));
    assert_eq!(workflow.apply("4711", "31"), Err(WorkflowError::UnknownStatus("4711".into())));
}

#[test]
fn finishing_writes_a_status_and_a_resolution_item() {
    let change = Workflow::standard().apply(IN_PROGRESS, "31").unwrap();
    let resolution = change.resolution_after(None, None);
    assert_eq!(
        changelog_items(&change, None, resolution.as_ref()),
        [
            json!({"field": "status", "fieldtype": "jira", "fieldId": "status",
                   "from": "10001", "fromString": "In Progress", "to": "10003", "toString": "Done"}),
            json!({"field": "resolution", "fieldtype": "jira", "fieldId": "resolution",
                   "from": null, "fromString": null, "to": "10000", "toString": "Done"}),
        ]
    );
}

#[test]
fn reopening_clears_the_resolution_in_the_changelog() {
    let change = Workflow::standard().apply(DONE, "51").unwrap();
    let before = Resolution::done();
    let after = change.resolution_after(Some(before.clone()), None);
    assert_eq!(after, None);
    let items = changelog_items(&change, Some(&before), after.as_ref());
    assert_eq!(
        items[1],
        json!({"field": "resolution", "fieldtype": "jira", "fieldId": "resolution",
               "from": "10000", "fromString": "Done", "to": null, "toString": null})
    );
}

#[test]
fn a_client_may_ask_for_another_resolution() {
    let wont_do = Resolution { id: "10001".into(), name: "Won't Do".into() };
    let change = Workflow::standard().apply(TO_DO, "31").unwrap();
    assert_eq!(change.resolution_after(None, Some(wont_do.clone())), Some(wont_do));
}

#[test]
fn staying_in_the_same_status_writes_no_history() {
    let change = Workflow::standard().apply(DONE, "31").unwrap();
    let resolution = Resolution::done();
    let after = change.resolution_after(Some(resolution.clone()), None);
    assert_eq!(change.resolution, ResolutionEffect::Keep);
    assert!(changelog_items(&change, Some(&resolution), after.as_ref()).is_empty());
}

#[test]
fn an_imported_site_may_move_anywhere() {
    let workflow = Workflow::from_statuses(&[
        ("5", "Resolved", StatusCategory::Done),
        ("1", "Open", StatusCategory::New),
        ("10006", "Patch Available", StatusCategory::Indeterminate),
    ])
    .unwrap();
    assert_eq!(workflow.initial(), "1");
    assert_eq!(names(&workflow.available("10006")), ["Resolved", "Open", "Patch Available"]);
    let ids: Vec<_> = workflow.transitions().iter().map(|transition| transition.id.as_str()).collect();
    assert_eq!(ids, ["11", "21", "31"]);
}

#[test]
fn unsound_workflows_are_refused_also_when_read_from_json() {
    let nothing: [(&str, &str, StatusCategory); 0] = [];
    assert_eq!(Workflow::from_statuses(&nothing), Err(WorkflowError::NoStatus));
    let twice = [("1", "Open", StatusCategory::New), ("1", "Done", StatusCategory::Done)];
    assert_eq!(Workflow::from_statuses(&twice), Err(WorkflowError::DuplicateStatus("1".into())));

    let mut written = serde_json::to_value(Workflow::standard()).unwrap();
    assert_eq!(serde_json::from_value::<Workflow>(written.clone()).unwrap(), Workflow::standard());
    written["transitions"][0]["to"] = json!("4711");
    let error = serde_json::from_value::<Workflow>(written.clone()).unwrap_err();
    assert!(error.to_string().contains("status 4711 is not in the workflow"), "{error}");
    written["transitions"][0]["to"] = json!(DONE);
    written["transitions"][0]["id"] = json!("21");
    assert!(serde_json::from_value::<Workflow>(written).is_err());
}

#[test]
fn a_transition_is_open_to_whom_all_its_conditions_hold_for() {
    let written = json!({
        "id": "31", "name": "Approve", "to": DONE,
        "conditions": [{"role": "Reviewers"}, "assignee"], "screen": ["assignee", "resolution"], "required": ["resolution"],
    });
    let transition: Transition = serde_json::from_value(written.clone()).unwrap();
    let reviewer = Taker { roles: ["Reviewers".to_owned()].into(), is_assignee: true, ..Taker::default() };
    assert!(transition.is_open_to(&reviewer));
    assert!(!transition.is_open_to(&Taker { is_assignee: false, ..reviewer.clone() }));
    assert!(!transition.is_open_to(&Taker { roles: ["Developers".to_owned()].into(), ..reviewer }));
    assert_eq!(
        transition.fields().collect::<Vec<_>>(),
        ["resolution", "assignee"],
        "required first, each once"
    );
    assert_eq!(serde_json::to_value(&transition).unwrap()["conditions"], written["conditions"]);
    assert!(Transition::default().is_open_to(&Taker::default()) && !Transition::default().has_screen());
}

#[test]
fn a_sub_task_that_is_open_blocks_its_parent() {
    let blocked = Taker { has_open_subtasks: true, ..Taker::default() };
    assert!(!Condition::SubtasksDone.holds(&blocked));
    assert!(Condition::SubtasksDone.holds(&Taker::default()));
    assert!(Condition::Reporter.holds(&Taker { is_reporter: true, ..blocked }));
}

#[test]
fn a_misspelt_member_is_not_passed_over() {
    let mut written = serde_json::to_value(Workflow::standard()).unwrap();
    written["transitions"][0]["condition"] = json!(["assignee"]);
    let error = serde_json::from_value::<Workflow>(written).unwrap_err().to_string();
    assert!(error.contains("condition"), "{error}");
}

fn category() -> impl Strategy<Value = StatusCategory> {
    proptest::sample::select(StatusCategory::ALL.to_vec())
}

proptest! {
    /// Whatever way an issue goes, it is resolved exactly while its status is done.
    #[test]
    fn resolved_means_done(
        categories in proptest::collection::vec(category(), 1..6),
        steps in proptest::collection::vec(any::<prop::sample::Index>(), 0..20),
    ) {
        let statuses: Vec<_> =
            categories.iter().enumerate().map(|(i, c)| (i.to_string(), format!("Status {i}"), *c)).collect();
        let workflow = Workflow::from_statuses(&statuses).unwrap();
        let mut status = workflow.status(workflow.initial()).unwrap().clone();
        let mut resolution = (status.category == StatusCategory::Done).then(Resolution::done);
        for step in steps {
            let transition = *step.get(&workflow.available(&status.id));
            let change = workflow.apply(&status.id, &transition.id).unwrap();
            let after = change.resolution_after(resolution.clone(), None);
            for item in changelog_items(&change, resolution.as_ref(), after.as_ref()) {
                prop_assert_ne!(&item["from"], &item["to"]);
            }
            (status, resolution) = (change.to, after);
            prop_assert_eq!(resolution.is_some(), status.category == StatusCategory::Done);
        }
    }

    /// What is offered can be taken, and what is not offered cannot.
    #[test]
    fn available_is_what_apply_accepts(from in 0_usize..4) {
        let workflow = Workflow::standard();
        let status = &workflow.statuses()[from].id;
        for transition in workflow.transitions() {
            let offered = workflow.available(status).contains(&transition);
            prop_assert_eq!(workflow.apply(status, &transition.id).is_ok(), offered);
        }
    }
}
