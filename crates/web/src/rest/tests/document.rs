//! The OpenAPI document.

use std::collections::BTreeSet;

use serde_json::{Map, Value};

fn document() -> Value {
    serde_json::to_value(crate::openapi()).unwrap()
}

/// Each operation with its method and path.
fn operations(document: &Value) -> Vec<(String, Value)> {
    let paths = document["paths"].as_object().unwrap();
    let each = paths.iter().flat_map(|(path, item)| {
        let operations = item.as_object().unwrap().iter().filter(|(name, _)| *name != "parameters");
        operations.map(move |(method, operation)| (format!("{method} {path}"), operation.clone()))
    });
    each.collect()
}

fn strings<'a>(value: &'a Value, key: &str, found: &mut Vec<&'a str>) {
    match value {
        Value::Object(map) => {
            for (name, value) in map {
                match value {
                    Value::String(text) if name == key => found.push(text),
                    other => strings(other, key, found),
                }
            }
        }
        Value::Array(items) => items.iter().for_each(|item| strings(item, key, found)),
        _ => {}
    }
}

#[test]
fn these_are_the_operations() {
    let document = document();
    let mut lines: Vec<_> = operations(&document)
        .into_iter()
        .map(|(name, operation)| format!("{name}: {}", operation["operationId"].as_str().unwrap()))
        .collect();
    lines.sort();
    insta::assert_snapshot!(lines.join("\n"), @r"
    delete /v1/instances/{name}/webhook: remove_webhook
    delete /v1/instances/{name}: remove_instance
    delete /v1/jobs/queued/{id}: drop_queued_job
    delete /v1/keys/{id}: revoke_key
    delete /v1/sandbox/{name}/faults: clear_faults
    delete /v1/sandbox/{name}/workflow: clear_workflow
    get /health/live: check_live
    get /health/ready: check_ready
    get /metrics: get_metrics
    get /v1/audit: list_audit_entries
    get /v1/boards: list_boards
    get /v1/fields/{id}: get_field
    get /v1/fields: list_fields
    get /v1/instances/{name}/census: get_census
    get /v1/instances/{name}/drift: list_drift
    get /v1/instances/{name}/freshness: get_freshness
    get /v1/instances/{name}/quota: get_quota
    get /v1/instances/{name}/rejects/{id}: get_reject
    get /v1/instances/{name}/rejects: list_rejects
    get /v1/instances/{name}/sync/events: follow_sync
    get /v1/instances/{name}/sync: get_sync
    get /v1/instances/{name}/webhook: get_webhook
    get /v1/instances/{name}: get_instance
    get /v1/instances: list_instances
    get /v1/issues/{key}/changelog: get_changelog
    get /v1/issues/{key}/comments: list_comments
    get /v1/issues/{key}/history: get_field_history
    get /v1/issues/{key}/state: get_issue_state
    get /v1/issues/{key}/time-in-status: get_time_in_status
    get /v1/issues/{key}/transitions: list_transitions
    get /v1/issues/{key}: get_issue
    get /v1/issues: search_issues
    get /v1/jobs/queued/{id}: get_queued_job
    get /v1/jobs/queued: list_queued_jobs
    get /v1/jobs: list_job_runs
    get /v1/keys/{id}: get_key
    get /v1/keys: list_keys
    get /v1/projects/{key}: get_project
    get /v1/projects: list_projects
    get /v1/pulse: get_pulse
    get /v1/sandbox/{name}/faults: get_faults
    get /v1/sandbox/{name}/workflow: get_workflow
    get /v1/sprints/{id}/issues: list_sprint_issues
    get /v1/sprints: list_sprints
    get /v1/sync: list_syncs
    get /v1/users: list_users
    get /v1/whoami: get_whoami
    patch /v1/instances/{name}/census: configure_census
    patch /v1/keys/{id}: update_key
    post /v1/instances/{name}/census/decision: decide_census
    post /v1/instances/{name}/census: start_census
    post /v1/instances/{name}/rejects/{id}/retry: retry_reject
    post /v1/instances/{name}/sync/cancel: cancel_sync
    post /v1/instances/{name}/sync/pause: pause_sync
    post /v1/instances/{name}/sync/resume: resume_sync
    post /v1/instances/{name}/sync: start_sync
    post /v1/instances/{name}/test: test_instance
    post /v1/instances/{name}/webhook/rotate: rotate_webhook
    post /v1/instances/{name}/webhook/values: reveal_webhook_values
    post /v1/instances: add_instance
    post /v1/issues/search: search_issues_by_body
    post /v1/issues/{key}/comments: add_comment
    post /v1/issues/{key}/transitions: transition_issue
    post /v1/jobs/queued/{id}/retry: retry_queued_job
    post /v1/keys: create_key
    post /v1/sandbox/{name}/faults: set_faults
    post /v1/sql: query_sql
    post /v1/users/erase: erase_person
    put /v1/instances/{name}/credential: replace_credential
    put /v1/instances/{name}/webhook: register_webhook
    put /v1/sandbox/{name}/workflow: set_workflow
    ");
}

#[test]
fn no_two_operations_share_an_id() {
    let document = document();
    let operations = operations(&document);
    let ids: BTreeSet<_> =
        operations.iter().map(|(_, operation)| operation["operationId"].as_str().unwrap()).collect();
    assert_eq!(ids.len(), operations.len());
    for id in ids {
        let well_formed = id.contains('_');
        assert!(
            well_formed && id.bytes().all(|b| b.is_ascii_lowercase() || b == b'_'),
            "{id} is no verb_resource"
        );
    }
}

#[test]
fn every_operation_says_what_it_does_takes_and_answers() {
    let document = document();
    let schemes: Vec<_> =
        document["components"]["securitySchemes"].as_object().unwrap().keys().cloned().collect();
    assert_eq!(schemes, ["bearer"]);
    for (name, operation) in operations(&document) {
        let summary = operation["summary"].as_str().unwrap_or_default();
        assert!(summary.len() > 5, "{name} has no summary");
        assert_eq!(operation["tags"].as_array().map(Vec::len), Some(1), "{name}");

        let security = operation["security"].as_array().unwrap();
        let closed = security.iter().any(|requirement| requirement.get("bearer").is_some());
        assert_eq!(closed, name.contains("/v1/"), "{name}");

        let responses = operation["responses"].as_object().unwrap();
        assert!(responses.keys().any(|status| status.starts_with('2')), "{name} never succeeds");
        for (status, response) in responses {
            assert!(!response["description"].as_str().unwrap_or_default().is_empty(), "{name} {status}");
            if status.starts_with(['4', '5']) {
                let schema = &response["content"]["application/problem+json"]["schema"]["$ref"];
                assert_eq!(schema, "#/components/schemas/Problem", "{name} {status}");
            }
        }
        for status in ["400", "401", "403", "500", "503", "504"] {
            assert!(!closed || responses.contains_key(status), "{name} never answers {status}");
        }
    }
}

#[test]
fn every_part_of_a_path_is_a_described_parameter() {
    let document = document();
    for (name, operation) in operations(&document) {
        let none = Vec::new();
        let parameters = operation["parameters"].as_array().unwrap_or(&none);
        for parameter in parameters {
            assert!(!parameter["description"].as_str().unwrap_or_default().is_empty(), "{name}: {parameter}");
            assert!(parameter["schema"].is_object(), "{name}: {parameter}");
        }
        let declared: BTreeSet<_> = parameters
            .iter()
            .filter(|parameter| parameter["in"] == "path")
            .map(|parameter| parameter["name"].as_str().unwrap())
            .collect();
        let used: BTreeSet<_> =
            name.split('/').filter_map(|part| part.strip_prefix('{')?.strip_suffix('}')).collect();
        assert_eq!(declared, used, "{name}");
    }
}

#[test]
fn the_document_is_openapi_3_1_and_refers_to_nothing_outside_itself() {
    let document = document();
    assert_eq!(document["openapi"], "3.1.0");
    assert_eq!(document["info"]["title"], "Forebay");
    assert_eq!(document["info"]["version"], env!("CARGO_PKG_VERSION"));

    let mut references = Vec::new();
    strings(&document, "$ref", &mut references);
    assert!(!references.is_empty());
    for reference in references {
        let pointer = reference.strip_prefix('#').unwrap();
        assert!(document.pointer(pointer).is_some(), "{reference} leads nowhere");
    }
    let declared: BTreeSet<_> =
        document["tags"].as_array().unwrap().iter().map(|tag| tag["name"].as_str()).collect();
    for (name, operation) in operations(&document) {
        assert!(declared.contains(&operation["tags"][0].as_str()), "{name}");
    }
}

#[test]
fn every_field_of_every_schema_is_described() {
    let document = document();
    let schemas: &Map<String, Value> = document["components"]["schemas"].as_object().unwrap();
    for (schema, content) in schemas {
        for (field, property) in content["properties"].as_object().into_iter().flatten() {
            // An optional reference has its description beside the reference.
            let described = property.get("description").or(property["oneOf"][0].get("description"));
            assert!(described.is_some(), "{schema}.{field}");
        }
    }
}
