use std::collections::BTreeSet;

use serde_json::json;

use super::*;
use crate::{service_desk::RequestFields, workflow::Workflow};

fn site_of(requests: u64) -> ServiceSite {
    service_site(&ServiceOptions {
        requests,
        seed: 7,
        now: "2026-11-22T10:00:00Z".parse().unwrap(),
        base_url: "https://forebay.example/jira/play".into(),
        first_id: 50_000,
        own_account: json!({ "accountId": "forebay-sandbox" }),
    })
}

#[test]
fn equal_options_give_equal_projects() {
    let text = |site: &ServiceSite| format!("{site:?}");
    assert_eq!(text(&site_of(20)), text(&site_of(20)));
}

#[test]
fn the_set_up_refers_to_what_there_is() {
    let site = site_of(1);
    let ids = |list: &[serde_json::Value]| -> BTreeSet<String> {
        list.iter().map(|entry| entry["id"].as_str().unwrap().to_owned()).collect()
    };
    let (fields, types) = (ids(&site.fields), ids(&site.issue_types));
    for kind in &site.setup.request_types {
        assert!(types.contains(&kind.issue_type), "{}", kind.name);
        assert!(kind.fields.iter().all(|field| fields.contains(&field.field)), "{}", kind.name);
        assert!(kind.groups.iter().all(|id| site.setup.groups.iter().any(|group| group.id == *id)));
    }
    for sla in &site.setup.slas {
        assert!(fields.contains(&sla.field));
        assert!(sla.goals.iter().all(|goal| site.setup.calendar(&goal.calendar).is_some()), "{}", sla.name);
        assert!(sla.goal(Some("3")).is_some(), "{} has a goal for every priority", sla.name);
    }
    let workflow = Workflow::service(true);
    for step in &site.setup.approvals {
        assert!(workflow.apply(&step.status, &step.approve).is_ok());
        assert!(workflow.apply(&step.status, &step.decline).is_ok());
    }
    let found = RequestFields::of(&site.fields);
    assert_eq!(found.request_type.as_deref(), Some(field::REQUEST_TYPE));
    assert_eq!(found.slas.len(), 2);
    assert!(found.approvers.is_some() && found.approvals.is_some() && found.feedback.is_some());
}

#[test]
fn histories_end_where_the_request_stands_and_nothing_happens_after_the_present() {
    let site = site_of(120);
    let present: DateTime<Utc> = "2026-11-22T10:00:00Z".parse().unwrap();
    let mut statuses = BTreeSet::new();
    for Request { issue, .. } in &site.requests {
        let fields = &issue["fields"];
        let updated = crate::jira_time::parse(fields["updated"].as_str().unwrap()).unwrap();
        assert!(updated <= present, "{}", issue["key"]);
        let moves = issue["changelog"]["histories"].as_array().unwrap().iter();
        let latest = moves
            .flat_map(|history| history["items"].as_array().unwrap())
            .find(|item| item["field"] == "status");
        if let Some(item) = latest {
            assert_eq!(item["to"], fields["status"]["id"], "{}", issue["key"]);
        }
        let is_done = fields["status"]["statusCategory"]["key"] == "done";
        assert_eq!(fields["resolution"].is_object(), is_done, "{}", issue["key"]);
        statuses.insert(fields["status"]["name"].as_str().unwrap().to_owned());
    }
    assert!(statuses.len() >= 5, "{statuses:?}");
}

#[test]
fn no_two_things_have_the_same_id() {
    let mut seen = BTreeSet::new();
    for Request { issue, .. } in site_of(120).requests {
        let comments = issue["fields"]["comment"]["comments"].as_array().unwrap().clone();
        let histories = issue["changelog"]["histories"].as_array().unwrap().clone();
        for thing in comments.iter().chain(&histories).chain([&issue]) {
            let id: u64 = thing["id"].as_str().unwrap().parse().unwrap();
            assert!(seen.insert(id), "{id}");
            assert!((50_000..50_000 + 120 * IDS_PER_REQUEST).contains(&id));
        }
    }
}
