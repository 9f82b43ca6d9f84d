//! Service desks, how they are set up, and organisations, as their own lists serve them (OpenAPI document of Jira Service
//! Management).

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use domain::service_desk::{FormField, Queue, RequestType, RequestTypeGroup, Setup};
use serde_json::Value;

use super::{children::text_of, clean::user_id_of};
use crate::{
    ports::{ListedDesk, ReferenceData},
    reference::{DeskRecord, DeskSetup, OrganizationMembers, OrganizationRecord, ReferenceRecords},
};

/// `ServiceDeskDTO`.
pub(super) fn desk(raw: &Value) -> Option<DeskRecord> {
    Some(DeskRecord { jira_id: text_of(&raw["id"])?, project_jira_id: text_of(&raw["projectId"])? })
}

/// `OrganizationDTO`.
pub(super) fn organization(raw: &Value) -> Option<OrganizationRecord> {
    let created = raw["created"]["epochMillis"].as_i64();
    Some(OrganizationRecord {
        jira_id: text_of(&raw["id"])?,
        name: text_of(&raw["name"])?,
        created: created.and_then(DateTime::<Utc>::from_timestamp_millis),
        raw: raw.clone(),
    })
}

/// What was asked for desk by desk, and organisation by organisation.
pub(super) fn set_ups_and_members(data: &ReferenceData, records: &mut ReferenceRecords) {
    records.desk_setups.extend(
        data.desk_setups
            .iter()
            .map(|listed| DeskSetup { desk_id: listed.desk_id.clone(), setup: setup(listed) }),
    );
    records.organization_members.extend(data.organization_members.iter().map(|listed| OrganizationMembers {
        organization_id: listed.organization_id.clone(),
        accounts: listed.members.iter().filter_map(user_id_of).collect(),
    }));
}

/// SLAs with their calendars, approvals and customers are in no list that a site serves.
fn setup(listed: &ListedDesk) -> Setup {
    Setup {
        request_types: listed.request_types.iter().filter_map(request_type).collect(),
        groups: listed
            .groups
            .iter()
            .filter_map(|raw| {
                Some(RequestTypeGroup { id: text_of(&raw["id"])?, name: text_of(&raw["name"])? })
            })
            .collect(),
        queues: listed.queues.iter().filter_map(queue).collect(),
        organizations: listed.organizations.iter().filter_map(|raw| text_of(&raw["id"])).collect(),
        ..Setup::default()
    }
}

/// `RequestTypeDTO`, with `fields`.
fn request_type(raw: &Value) -> Option<RequestType> {
    let text = |value: &Value| text_of(value).unwrap_or_default();
    let fields = raw["fields"]["requestTypeFields"].as_array().map_or(&[][..], Vec::as_slice);
    let field = |field: &Value| {
        Some(FormField {
            field: text_of(&field["fieldId"])?,
            name: text(&field["name"]),
            description: text(&field["description"]),
            required: field["required"] == true,
        })
    };
    Some(RequestType {
        id: text_of(&raw["id"])?,
        name: text_of(&raw["name"])?,
        description: text(&raw["description"]),
        help_text: text(&raw["helpText"]),
        issue_type: text(&raw["issueTypeId"]),
        groups: texts(&raw["groupIds"]),
        fields: fields.iter().filter_map(field).collect(),
        properties: BTreeMap::new(),
        raw: raw.clone(),
    })
}

/// `QueueDTO`.
fn queue(raw: &Value) -> Option<Queue> {
    Some(Queue {
        id: text_of(&raw["id"])?,
        name: text_of(&raw["name"])?,
        jql: text_of(&raw["jql"]).unwrap_or_default(),
        fields: texts(&raw["fields"]),
        raw: raw.clone(),
    })
}

fn texts(list: &Value) -> Vec<String> {
    list.as_array().into_iter().flatten().filter_map(text_of).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::ports::ListedOrganization;

    #[test]
    fn a_desk_is_set_up_as_its_lists_tell() {
        let form = json!({ "requestTypeFields": [
            { "fieldId": "summary", "name": "In a few words", "required": true }, { "name": "nameless" },
        ] });
        let kind =
            json!({ "id": "7", "name": "Get help", "issueTypeId": "10", "groupIds": ["3"], "fields": form });
        let data = ReferenceData {
            desk_setups: vec![ListedDesk {
                desk_id: "1".into(),
                request_types: vec![kind.clone(), json!({ "id": "8" })],
                groups: vec![json!({ "id": "3", "name": "Common" })],
                queues: vec![
                    json!({ "id": 5, "name": "Open", "jql": "project = HELP", "fields": ["issuekey"] }),
                ],
                organizations: vec![json!({ "id": "2", "name": "North" })],
            }],
            organization_members: vec![ListedOrganization {
                organization_id: "2".into(),
                members: vec![json!({ "accountId": "ann" }), json!({})],
            }],
            ..ReferenceData::default()
        };
        let mut records = ReferenceRecords::default();
        set_ups_and_members(&data, &mut records);
        let setup = &records.desk_setups[0].setup;
        assert_eq!(setup.request_types.len(), 1, "what has no name is passed over");
        let read = &setup.request_types[0];
        assert_eq!((read.fields.len(), read.fields[0].required, &read.raw), (1, true, &kind));
        assert_eq!(
            (setup.queues[0].id.as_str(), setup.queues[0].fields.as_slice()),
            ("5", &["issuekey".to_owned()][..])
        );
        assert_eq!(
            (setup.groups[0].name.as_str(), setup.organizations.as_slice()),
            ("Common", &["2".to_owned()][..])
        );
        assert_eq!(records.organization_members[0].accounts, ["ann"]);
    }

    #[test]
    fn an_old_organisation_does_not_tell_when_it_was_made() {
        assert_eq!(organization(&json!({ "id": "2", "name": "North" })).unwrap().created, None);
        let made = json!({ "id": "2", "name": "North", "created": { "epochMillis": 1_444_290_120_000_i64 } });
        assert!(organization(&made).unwrap().created.is_some());
    }
}
