//! The fields and types of a site by which boards know sprints, ranks, epics and estimates (jira-facts 6.3).

use application::{Services, lookups, reference::Roster};
use domain::ids::InstanceId;
use serde_json::Value;

use crate::jira_api::{refusal::Refusal, site::Site};

/// What a site calls what boards need. Ids of fields are whole: `customfield_10020`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Landmarks {
    /// The field with the sprints.
    pub(super) sprint: Option<String>,
    /// The field with the rank.
    pub(super) rank: Option<String>,
    /// The field that marks impediments.
    pub(super) flagged: Option<String>,
    /// The field with the epic's key, where issues name their epics so: on Server and Data Center.
    pub(super) epic_link: Option<String>,
    /// The field with the name of an epic, there.
    pub(super) epic_name: Option<String>,
    /// The field with the estimate, and its name.
    pub(super) points: Option<(String, String)>,
    /// Ids of the types of epics.
    pub(super) epic_types: Vec<String>,
}

impl Landmarks {
    pub(super) async fn load(site: &Site, instance: InstanceId) -> Result<Self, Refusal> {
        let services: &Services = &site.state.services;
        let fields = lookups::roster(services, &site.caller, instance, Roster::Fields).await?;
        let types = lookups::roster(services, &site.caller, instance, Roster::IssueTypes).await?;
        Ok(Self::read(&fields, &types))
    }

    fn read(fields: &[Value], types: &[Value]) -> Self {
        let of_kind = |suffix: &str| {
            let found = fields.iter().find(|field| {
                field["schema"]["custom"]
                    .as_str()
                    .is_some_and(|custom| custom.rsplit(':').next() == Some(suffix))
            });
            found.and_then(id_of)
        };
        let flagged = fields.iter().find(|field| field["name"] == "Flagged" && field["custom"] == true);
        let points = fields.iter().find(|field| {
            let kind = field["schema"]["custom"].as_str().unwrap_or_default();
            let name = field["name"].as_str().unwrap_or_default().to_lowercase();
            kind.ends_with(":jsw-story-points")
                || (kind.ends_with(":float")
                    && ["story points", "story point estimate"].contains(&name.as_str()))
        });
        let is_epic = |kind: &&Value| match kind["hierarchyLevel"].as_i64() {
            Some(level) => level == 1,
            None => kind["name"].as_str().is_some_and(|name| name.eq_ignore_ascii_case("epic")),
        };
        Self {
            sprint: of_kind("gh-sprint"),
            rank: of_kind("gh-lexo-rank"),
            flagged: flagged.and_then(id_of),
            epic_link: of_kind("gh-epic-link"),
            epic_name: of_kind("gh-epic-label"),
            points: points.and_then(|field| Some((id_of(field)?, field["name"].as_str()?.to_owned()))),
            epic_types: types.iter().filter(is_epic).filter_map(id_of).collect(),
        }
    }

    /// How JQL names a custom field: names are not unique, and may be anything.
    pub(super) fn in_jql(field: &str) -> String {
        format!("cf[{}]", number_of(field))
    }
}

/// The number of a custom field.
pub(super) fn number_of(field: &str) -> &str {
    field.trim_start_matches("customfield_")
}

fn id_of(value: &Value) -> Option<String> {
    value["id"].as_str().map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn fields_are_known_by_their_kind_and_not_by_their_name() {
        let fields = [
            json!({"id": "customfield_1", "name": "Iteration", "custom": true,
                   "schema": {"custom": "com.pyxis.greenhopper.jira:gh-sprint"}}),
            json!({"id": "customfield_2", "name": "Story Points", "custom": true,
                   "schema": {"custom": "com.atlassian.jira.plugin.system.customfieldtypes:float"}}),
            json!({"id": "customfield_3", "name": "Flagged", "custom": true, "schema": {}}),
        ];
        let types = [
            json!({"id": "1", "name": "Initiative", "hierarchyLevel": 2}),
            json!({"id": "2", "name": "Vorhaben", "hierarchyLevel": 1}),
            json!({"id": "3", "name": "Epic"}),
        ];
        let found = Landmarks::read(&fields, &types);
        assert_eq!(found.sprint.as_deref(), Some("customfield_1"));
        assert_eq!(found.points, Some(("customfield_2".into(), "Story Points".into())));
        assert_eq!(found.flagged.as_deref(), Some("customfield_3"));
        assert_eq!(found.epic_types, ["2", "3"]);
        assert_eq!(Landmarks::in_jql("customfield_10020"), "cf[10020]");
    }
}
