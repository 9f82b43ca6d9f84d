//! What both sides' own doors answer of every issue: whatever rows hold, and wherever it is put together, this is what people see.
//!
//! Names of people, statuses, versions and sprints stand in an issue as they are when it is read. So this finds what a comparison of rows
//! leaves to the lists: an issue that is shown with yesterday's name.

use std::collections::BTreeMap;

use reqwest::Method;
use serde_json::{Value, json};

use super::{
    compare::Comparison,
    differences::pair,
    scene::{Pair, Scene},
};
use crate::failure::Failure;

/// How many issues `issue/bulkfetch` takes.
const AT_ONCE: usize = 100;

/// Compares what `issue/bulkfetch` answers at the source and at the copy, with all fields and histories.
///
/// # Errors
/// When a door does not answer.
pub(super) async fn compare(scene: &Scene<'_>, pair_of: &Pair) -> Result<Comparison, Failure> {
    let ids = scene.issues(pair_of).await?;
    let mut comparison = Comparison::of("issues at the doors");
    let (mut missing, mut extra) = (Vec::new(), Vec::new());
    for ids in ids.chunks(AT_ONCE) {
        let source = shown(scene, pair_of, true, ids).await?;
        let mut copy = shown(scene, pair_of, false, ids).await?;
        comparison.rows += i64::try_from(source.len()).unwrap_or(i64::MAX);
        for (id, issue) in source {
            match copy.remove(&id) {
                Some(other) if other == issue => {}
                other => {
                    missing.push(issue);
                    extra.extend(other);
                }
            }
        }
        extra.extend(copy.into_values());
    }
    comparison.missing = i64::try_from(missing.len()).unwrap_or(i64::MAX);
    comparison.extra = i64::try_from(extra.len()).unwrap_or(i64::MAX);
    comparison.differences = pair(&["id"], &missing, &extra);
    Ok(comparison)
}

/// Issues by id, with addresses as the source has them.
async fn shown(
    scene: &Scene<'_>,
    pair: &Pair,
    source: bool,
    ids: &[String],
) -> Result<BTreeMap<String, Value>, Failure> {
    let instance = if source { &pair.source } else { &pair.copy };
    let version = if pair.is_server { 2 } else { 3 };
    let path = format!("/jira/{}/rest/api/{version}/issue/bulkfetch", instance.name);
    let body = json!({ "issueIdsOrKeys": ids, "fields": ["*all"], "expand": ["changelog"] });
    let answer = match source {
        true => scene.ask_source(Method::POST, &path, Some(&body)).await?,
        false => scene.ask_mirror(Method::POST, &path, Some(&body)).await?,
    };
    let text = answer["issues"].to_string();
    let text = text.replace(&format!("/jira/{}/", pair.copy.name), &format!("/jira/{}/", pair.source.name));
    let mut issues: Vec<Value> = serde_json::from_str(&text)?;
    issues.iter_mut().for_each(without_addresses_of_people);
    Ok(issues.into_iter().map(|issue| (issue["id"].as_str().unwrap_or_default().to_owned(), issue)).collect())
}

/// The address of a person is made of the account, and some sites show it in one place and not in another.
fn without_addresses_of_people(value: &mut Value) {
    match value {
        Value::Array(items) => items.iter_mut().for_each(without_addresses_of_people),
        Value::Object(members) => {
            if members.contains_key("displayName") {
                members.remove("self");
            }
            members.values_mut().for_each(without_addresses_of_people);
        }
        _ => {}
    }
}
