//! Versions of projects: made, changed, released, taken away. Issues show a version as it is, and their `updated` stays (jira-facts
//! 2.5); only taking one away changes them.

use chrono::NaiveDate;
use serde_json::{Map, Value, json};

use super::{
    address,
    parts::{Part, leave, project_of, shown_in_issues, shown_in_project},
    writing::Writing,
};
use crate::{
    actions::Action,
    caller::Caller,
    error::{Error, Result},
    ingest::version_record,
    reference::{ReferenceRecords, VersionRecord},
    services::Services,
};

/// Where the issues of a version go that is taken away: ids of other versions of the project; nowhere where it is `None`.
#[derive(Clone, Debug, Default)]
pub struct VersionSwap {
    /// Those that it was to fix.
    pub fixed: Option<String>,
    /// Those that it has.
    pub affected: Option<String>,
}

/// Where a version goes in the order of its project.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum VersionPlace {
    /// One place nearer to the beginning.
    Earlier,
    /// One place nearer to the end.
    Later,
    /// To the beginning.
    First,
    /// To the end.
    Last,
    /// Behind the version with this id.
    After(String),
}

/// Makes a version of the project that `projectId` or `project` names; answers it as served.
///
/// # Errors
/// [`Error::NotFound`] without the project; [`Error::Invalid`] for a name that is missing or taken, and for bad dates.
pub async fn create_version(
    services: &Services,
    caller: &Caller,
    instance: &str,
    wanted: &Map<String, Value>,
) -> Result<Value> {
    let mut write = Writing::begin(services, caller, Action::CreateVersion, instance).await?;
    let project = project_of(&mut write, wanted).await?;
    let site = write.instance.clone();
    let place = write.tx.next_version_place(site.id, &project.id).await?;
    let mut version = json!({ "archived": false, "released": false, "projectId": project.number });
    if !wanted.get("name").is_some_and(Value::is_string) {
        return Err(Error::invalid("name", "You must specify a valid version name"));
    }
    change(&mut version, wanted)?;
    require_free_name(&mut write, &project.key, &version).await?;
    let id = write.ids(1).await?.to_string();
    version["id"] = json!(id);
    version["self"] = json!(address(&site, site.dialect, &format!("version/{id}")));
    store(&mut write, &version, Some(place)).await?;
    shown_in_project(&mut write, &project.key).await?;
    write.announce("jira:version_created", json!({ "version": version })).await?;
    write.finish(&id, Value::Null, version.clone()).await?;
    Ok(version)
}

/// Changes a version; answers it as served. What is not named, or null, stays as it is; a date that is an empty text goes.
///
/// # Errors
/// [`Error::NotFound`] without the version; otherwise as [`create_version`].
pub async fn edit_version(
    services: &Services,
    caller: &Caller,
    instance: &str,
    id: &str,
    wanted: &Map<String, Value>,
) -> Result<Value> {
    let mut write = Writing::begin(services, caller, Action::EditVersion, instance).await?;
    let (before, key) = existing(&mut write, id).await?;
    let mut after = before.clone();
    change(&mut after, wanted)?;
    if after == before {
        return Ok(after);
    }
    if after["name"] != before["name"] {
        require_free_name(&mut write, &key, &after).await?;
    }
    store(&mut write, &after, None).await?;
    shown_in_project(&mut write, &key).await?;
    shown_in_issues(&mut write, Part::Version, &after).await?;
    write.announce("jira:version_updated", json!({ "version": after })).await?;
    match (before["released"] == true, after["released"] == true) {
        (false, true) => write.announce("jira:version_released", json!({ "version": after })).await?,
        (true, false) => write.announce("jira:version_unreleased", json!({ "version": after })).await?,
        _ => {}
    }
    write.finish(id, before, after.clone()).await?;
    Ok(after)
}

/// Moves a version within the order of its project; answers it as served.
///
/// # Errors
/// [`Error::NotFound`] without the version; [`Error::Invalid`] for a place behind what is no other version of the project.
pub async fn move_version(
    services: &Services,
    caller: &Caller,
    instance: &str,
    id: &str,
    place: &VersionPlace,
) -> Result<Value> {
    let mut write = Writing::begin(services, caller, Action::EditVersion, instance).await?;
    let (version, key) = existing(&mut write, id).await?;
    let site = write.instance.id;
    let mut order = write.tx.versions_of(site, &key).await?;
    moved(&mut order, id, place)?;
    let records = order.iter().filter_map(version_record).zip(0_i32..);
    let versions = records.map(|(record, place)| VersionRecord { sequence: Some(place), ..record }).collect();
    let records = ReferenceRecords { versions, ..ReferenceRecords::default() };
    write.tx.upsert_reference(site, &records, true).await?;
    shown_in_project(&mut write, &key).await?;
    write.announce("jira:version_moved", json!({ "version": version })).await?;
    let ids: Vec<&Value> = order.iter().map(|version| &version["id"]).collect();
    write.finish(id, Value::Null, json!({ "order": ids })).await?;
    Ok(version)
}

/// Puts the version of this id in its place among those of its project.
fn moved(order: &mut Vec<Value>, id: &str, place: &VersionPlace) -> Result<()> {
    let position = |order: &[Value], id: &str| order.iter().position(|version| version["id"] == id);
    let from = position(order, id).ok_or_else(|| Error::not_found("version", id))?;
    let version = order.remove(from);
    let to = match place {
        VersionPlace::Earlier => from.saturating_sub(1),
        VersionPlace::Later => (from + 1).min(order.len()),
        VersionPlace::First => 0,
        VersionPlace::Last => order.len(),
        VersionPlace::After(other) => {
            let other = position(order, other).map(|other| other + 1);
            other.ok_or_else(|| Error::invalid("after", "is the link of no other version of this project"))?
        }
    };
    order.insert(to, version);
    Ok(())
}

/// Takes a version away; its issues get others in its place, or lose it. Each of them is changed by that.
///
/// # Errors
/// [`Error::NotFound`] without the version; [`Error::Invalid`] where it is to be swapped for what is no other version of the project.
pub async fn delete_version(
    services: &Services,
    caller: &Caller,
    instance: &str,
    id: &str,
    swap: &VersionSwap,
) -> Result<()> {
    let mut write = Writing::begin(services, caller, Action::DeleteVersion, instance).await?;
    let (before, key) = existing(&mut write, id).await?;
    let mut places = Vec::new();
    for (field, name, other) in [
        ("fixVersions", "moveFixIssuesTo", &swap.fixed),
        ("versions", "moveAffectedIssuesTo", &swap.affected),
    ] {
        let other = match other {
            None => None,
            Some(other) if other == id => {
                return Err(Error::invalid(name, "must be another version than the one that is deleted"));
            }
            Some(other) => match existing(&mut write, other).await {
                Ok((other, of)) if of == key => Some(other),
                _ => return Err(Error::invalid(name, format!("{other} is no version of this project"))),
            },
        };
        places.push((field, other));
    }
    leave(&mut write, Part::Version, id, &places).await?;
    let site = write.instance.id;
    write.tx.remove_version(site, id).await?;
    shown_in_project(&mut write, &key).await?;
    let merged = swap.fixed.as_ref().or(swap.affected.as_ref());
    let mut event = json!({ "version": before });
    if let Some(other) = merged {
        event["mergedTo"] = existing(&mut write, other).await?.0;
    }
    write.announce("jira:version_deleted", event).await?;
    write.finish(id, before, Value::Null).await
}

/// Merges a version into another one of its project: the other takes its place in every issue.
///
/// # Errors
/// [`Error::NotFound`] without one of them; otherwise as [`delete_version`].
pub async fn merge_versions(
    services: &Services,
    caller: &Caller,
    instance: &str,
    id: &str,
    into: &str,
) -> Result<()> {
    let mut write = Writing::begin(services, caller, Action::DeleteVersion, instance).await?;
    existing(&mut write, into).await?;
    drop(write);
    let swap = VersionSwap { fixed: Some(into.to_owned()), affected: Some(into.to_owned()) };
    delete_version(services, caller, instance, id, &swap).await
}

/// The version as served, and its project's key.
async fn existing(write: &mut Writing<'_>, id: &str) -> Result<(Value, String)> {
    let missing = || Error::not_found("version", id);
    let site = write.instance.id;
    let version = write.tx.version(site, id).await?.ok_or_else(missing)?;
    let project = project_of(write, version.as_object().ok_or_else(missing)?).await.map_err(|_| missing())?;
    Ok((version, project.key))
}

async fn require_free_name(write: &mut Writing<'_>, project: &str, version: &Value) -> Result<()> {
    let site = write.instance.id;
    let name = version["name"].as_str().unwrap_or_default();
    let is_taken = |other: &Value| {
        other["id"] != version["id"]
            && other["name"].as_str().is_some_and(|known| known.eq_ignore_ascii_case(name))
    };
    match write.tx.versions_of(site, project).await?.iter().any(is_taken) {
        true => Err(Error::invalid("name", "A version with this name already exists in this project.")),
        false => Ok(()),
    }
}

async fn store(write: &mut Writing<'_>, version: &Value, place: Option<i32>) -> Result<()> {
    let record = version_record(version).ok_or_else(|| Error::internal("a version without an id"))?;
    let record = VersionRecord { sequence: place, ..record };
    let records = ReferenceRecords { versions: vec![record], ..ReferenceRecords::default() };
    let site = write.instance.id;
    write.tx.upsert_reference(site, &records, true).await
}

/// Writes what is wanted into a version. Members that nobody sets are passed over, as Jira does with what it computes.
fn change(version: &mut Value, wanted: &Map<String, Value>) -> Result<()> {
    // Jira does not tell a null from what is not named; clients send nulls for what is to stay.
    for (name, value) in wanted.iter().filter(|(_, value)| !value.is_null()) {
        let refused = |message: &str| Error::invalid(name, message);
        match (name.as_str(), value) {
            ("name", Value::String(text)) if (1..=255).contains(&text.trim().chars().count()) => {
                version["name"] = json!(text.trim());
            }
            ("name", _) => return Err(refused("You must specify a valid version name")),
            ("description", Value::String(_)) => version["description"] = value.clone(),
            ("archived" | "released", Value::Bool(_)) => version[name] = value.clone(),
            ("archived" | "released", _) => {
                return Err(refused("must be true or false"));
            }
            ("startDate" | "releaseDate", Value::String(text)) if text.is_empty() => {
                if let Some(members) = version.as_object_mut() {
                    members.remove(name);
                }
            }
            ("startDate" | "releaseDate", _) => {
                let day = value.as_str().filter(|day| NaiveDate::parse_from_str(day, "%Y-%m-%d").is_ok());
                version[name] = json!(day.ok_or_else(|| {
                    refused("Error parsing date string; it must be of the form yyyy-MM-dd")
                })?);
            }
            _ => {}
        }
    }
    // Days of that form are in the order of their texts.
    match (version["startDate"].as_str(), version["releaseDate"].as_str()) {
        (Some(start), Some(release)) if start > release => {
            Err(Error::invalid("startDate", "The start date must not be after the release date."))
        }
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn changed(wanted: Value) -> Result<Value> {
        let mut version = json!({ "id": "1", "name": "1.0", "released": false, "releaseDate": "2026-03-01" });
        change(&mut version, wanted.as_object().unwrap())?;
        Ok(version)
    }

    #[test]
    fn what_is_not_named_or_null_stays_and_an_empty_date_goes() {
        let after =
            changed(json!({ "released": true, "releaseDate": "", "name": null, "overdue": true })).unwrap();
        assert_eq!(after, json!({ "id": "1", "name": "1.0", "released": true }));
        assert_eq!(changed(json!({ "name": " 2.0 " })).unwrap()["name"], "2.0");
    }

    #[test]
    fn a_version_moves_within_its_project() {
        let moved = |place: VersionPlace| {
            let mut order: Vec<Value> = ["1", "2", "3", "4"].map(|id| json!({ "id": id })).to_vec();
            moved(&mut order, "2", &place).map(|()| {
                order.iter().map(|version| version["id"].as_str().unwrap().to_owned()).collect::<String>()
            })
        };
        assert_eq!(moved(VersionPlace::Earlier).unwrap(), "2134");
        assert_eq!(moved(VersionPlace::Later).unwrap(), "1324");
        assert_eq!(moved(VersionPlace::First).unwrap(), "2134");
        assert_eq!(moved(VersionPlace::Last).unwrap(), "1342");
        assert_eq!(moved(VersionPlace::After("4".into())).unwrap(), "1342");
        assert_eq!(moved(VersionPlace::After("1".into())).unwrap(), "1234");
        assert!(
            moved(VersionPlace::After("2".into())).is_err()
                && moved(VersionPlace::After("9".into())).is_err()
        );
    }

    #[test]
    fn bad_names_and_dates_are_refused() {
        for (wanted, field) in [
            (json!({ "name": " " }), "name"),
            (json!({ "name": 7 }), "name"),
            (json!({ "startDate": "1/2/2026" }), "startDate"),
            (json!({ "startDate": "2026-04-01" }), "startDate"),
            (json!({ "released": "yes" }), "released"),
        ] {
            let Err(Error::Invalid(problems)) = changed(wanted.clone()) else { panic!("{wanted}") };
            assert_eq!(problems[0].field, field, "{wanted}");
        }
    }
}
