//! Which fields of an issue are asked for, and what else with it (jira-facts 1.1, 6.1).

use std::{collections::HashSet, sync::Arc};

use application::{ports::TenantTx, reference::Roster};
use domain::ids::InstanceId;
use serde_json::{Map, Value};

use super::refusal::Refusal;

/// The fields of an issue when a request names none.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum DefaultFields {
    /// Only what names the issue: `search/jql`.
    Ids,
    /// `*navigable`: the old search, `issue/bulkfetch`.
    Navigable,
    /// `*all`: one issue.
    All,
}

/// `fields` as asked for: ids, `*all`, `*navigable`, and `-id` for what is to be left out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Selection {
    base: Base,
    named: HashSet<String>,
    excluded: HashSet<String>,
    /// Whether fields are named by their keys, here and in what is answered.
    by_keys: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Base {
    Nothing,
    Navigable,
    All,
}

/// Not navigable in any Jira, whatever its roster of fields says or leaves out.
const NEVER_NAVIGABLE: [&str; 3] = ["comment", "worklog", "attachment"];

impl Selection {
    pub(super) fn parse(names: &[String], default: DefaultFields) -> Self {
        let (named, excluded) = (HashSet::new(), HashSet::new());
        let mut selection = Self { base: Base::Nothing, named, excluded, by_keys: false };
        for name in names {
            match (name.as_str(), name.strip_prefix('-')) {
                ("*all", _) => selection.base = Base::All,
                ("*navigable", _) if selection.base == Base::Nothing => selection.base = Base::Navigable,
                ("*navigable" | "", _) => {}
                (_, Some(excluded)) => {
                    selection.excluded.insert(excluded.to_owned());
                }
                (named, None) => {
                    selection.named.insert(named.to_owned());
                }
            }
        }
        let only_exclusions = selection.base == Base::Nothing && selection.named.is_empty();
        if only_exclusions {
            selection.base = match default {
                DefaultFields::All => Base::All,
                DefaultFields::Navigable => Base::Navigable,
                // What is left out must be left out of something: Jira takes the navigable fields.
                DefaultFields::Ids if !selection.excluded.is_empty() => Base::Navigable,
                DefaultFields::Ids => Base::Nothing,
            };
        }
        selection
    }

    /// The same, with fields named by their keys (`fieldsByKeys`): what apps bring has a key of its own, other fields are named by
    /// their ids in either way.
    pub(super) fn by_keys(self, by_keys: bool) -> Self {
        Self { by_keys, ..self }
    }

    pub(super) fn is_by_keys(&self) -> bool {
        self.by_keys
    }

    /// How a field is named.
    fn name_of<'f>(&self, field: &'f str, roster: &'f FieldRoster) -> &'f str {
        if self.by_keys { roster.key(field) } else { field }
    }

    /// Whether it names nothing but what every issue shows anyway.
    pub(super) fn is_ids_only(&self) -> bool {
        self.base == Base::Nothing && self.named.iter().all(|name| name == "id" || name == "key")
    }

    /// Whether the roster of fields is needed to tell.
    pub(super) fn needs_roster(&self) -> bool {
        self.base == Base::Navigable || self.by_keys
    }

    pub(super) fn contains(&self, field: &str, roster: &FieldRoster) -> bool {
        let name = self.name_of(field, roster);
        if self.excluded.contains(name) {
            return false;
        }
        match self.base {
            Base::All => true,
            _ if self.named.contains(name) => true,
            Base::Navigable => !NEVER_NAVIGABLE.contains(&field) && !roster.hidden.contains(field),
            Base::Nothing => false,
        }
    }
}

/// `expand` as asked for. Names that are not known here are passed over, as Jira does.
#[expect(clippy::struct_excessive_bools, reason = "each is a name of its own in a list of names")]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Expand {
    /// The histories of the issue.
    pub(super) changelog: bool,
    /// Rich text as HTML.
    pub(super) rendered_fields: bool,
    /// The fields' names.
    pub(super) names: bool,
    /// The fields' schemas.
    pub(super) schema: bool,
    /// The transitions that are open.
    pub(super) transitions: bool,
    /// How its fields can be edited.
    pub(super) editmeta: bool,
    /// What can be done with it in Jira's pages.
    pub(super) operations: bool,
    /// The versions of each field's value, in the place of the fields.
    pub(super) versioned: bool,
}

impl Expand {
    pub(super) fn parse(names: &[String]) -> Self {
        let has = |wanted: &str| names.iter().any(|name| name == wanted);
        Self {
            changelog: has("changelog"),
            rendered_fields: has("renderedFields"),
            names: has("names"),
            schema: has("schema"),
            transitions: has("transitions"),
            editmeta: has("editmeta"),
            operations: has("operations"),
            versioned: has("versionedRepresentations"),
        }
    }
}

/// What a site's roster of fields (`GET /field`) says of them. Empty where nothing is known of a site's fields.
#[derive(Clone, Debug, Default)]
pub(super) struct FieldRoster {
    fields: Arc<Vec<Value>>,
    hidden: HashSet<String>,
    textareas: HashSet<String>,
}

impl FieldRoster {
    pub(super) async fn load(tx: &mut dyn TenantTx, instance: InstanceId) -> Result<Self, Refusal> {
        Ok(Self::read(Arc::new(tx.roster(instance, Roster::Fields).await?)))
    }

    pub(super) fn read(served: Arc<Vec<Value>>) -> Self {
        let (mut hidden, mut textareas) = (HashSet::new(), HashSet::new());
        for field in served.iter() {
            let Some(id) = field["id"].as_str() else { continue };
            if field["navigable"] == false {
                hidden.insert(id.to_owned());
            }
            if field["schema"]["custom"].as_str().is_some_and(|custom| custom.ends_with(":textarea")) {
                textareas.insert(id.to_owned());
            }
        }
        Self { fields: served, hidden, textareas }
    }

    /// Whether the field holds rich text: a document in version 3, wiki markup in version 2 (jira-facts 7).
    pub(super) fn is_rich_text(&self, field: &str) -> bool {
        field == "description" || field == "environment" || self.textareas.contains(field)
    }

    /// A field's key; its id where it has no other.
    pub(super) fn key<'f>(&'f self, field: &'f str) -> &'f str {
        let listed = self.fields.iter().find(|listed| listed["id"] == field);
        listed.and_then(|listed| listed["key"].as_str()).unwrap_or(field)
    }

    /// A member of each selected field, by the field's id: what `names` and `schema` expand to.
    pub(super) fn expanded(&self, member: &str, selection: &Selection) -> Value {
        let listed = self.fields.iter().filter_map(|field| Some((field["id"].as_str()?, field)));
        let selected = listed.filter(|(id, _)| selection.contains(id, self));
        let members = selected.filter_map(|(id, field)| {
            Some((selection.name_of(id, self).to_owned(), field.get(member)?.clone()))
        });
        Value::Object(members.collect::<Map<_, _>>())
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn selection(names: &[&str], default: DefaultFields) -> Selection {
        Selection::parse(&names.iter().map(ToString::to_string).collect::<Vec<_>>(), default)
    }

    fn roster() -> FieldRoster {
        FieldRoster::read(Arc::new(vec![
            json!({"id": "summary", "name": "Summary", "navigable": true, "schema": {"type": "string"}}),
            json!({"id": "timetracking", "name": "Time tracking", "navigable": false}),
            json!({"id": "customfield_1", "name": "Notes", "navigable": true,
                   "schema": {"type": "string", "custom": "com.atlassian.jira.plugin.system.customfieldtypes:textarea"}}),
        ]))
    }

    #[test]
    fn each_operation_has_its_own_default() {
        let contains = |default, field| selection(&[], default).contains(field, &roster());
        assert!(!contains(DefaultFields::Ids, "summary"));
        assert!(contains(DefaultFields::Navigable, "summary"));
        assert!(!contains(DefaultFields::Navigable, "comment"));
        assert!(!contains(DefaultFields::Navigable, "timetracking"));
        assert!(contains(DefaultFields::All, "comment"));
        assert!(selection(&[], DefaultFields::Ids).is_ids_only());
        assert!(selection(&["key", "id"], DefaultFields::All).is_ids_only());
    }

    #[test]
    fn a_lone_exclusion_leaves_out_of_the_navigable_fields() {
        let selection = selection(&["-description"], DefaultFields::Ids);
        assert!(selection.contains("summary", &roster()));
        assert!(!selection.contains("description", &roster()));
        assert!(!selection.contains("comment", &roster()));
    }

    #[test]
    fn names_add_to_a_base_and_exclusions_win() {
        let picked = selection(&["*navigable", "comment", "-summary"], DefaultFields::Ids);
        assert!(picked.contains("comment", &roster()));
        assert!(picked.contains("status", &roster()));
        assert!(!picked.contains("summary", &roster()));
        let whole = selection(&["*navigable", "*all", "-comment"], DefaultFields::Ids);
        assert!(whole.contains("timetracking", &roster()));
        assert!(!whole.contains("comment", &roster()));
        let named = selection(&["summary"], DefaultFields::All);
        assert!(named.contains("summary", &roster()) && !named.contains("status", &roster()));
    }

    #[test]
    fn names_and_schemas_are_those_of_the_selected_fields() {
        let picked = selection(&["summary", "timetracking"], DefaultFields::Ids);
        let names = roster().expanded("name", &picked);
        assert_eq!(names, json!({"summary": "Summary", "timetracking": "Time tracking"}));
        assert_eq!(roster().expanded("schema", &picked), json!({"summary": {"type": "string"}}));
    }

    #[test]
    fn fields_are_named_by_key_where_that_is_asked_for() {
        let roster = FieldRoster::read(Arc::new(vec![
            json!({"id": "customfield_9", "key": "com.app__risk", "name": "Risk"}),
            json!({"id": "summary", "key": "summary", "name": "Summary"}),
        ]));
        let picked = selection(&["com.app__risk"], DefaultFields::Ids);
        assert!(!picked.contains("customfield_9", &roster));
        let picked = picked.by_keys(true);
        assert!(picked.contains("customfield_9", &roster) && !picked.contains("summary", &roster));
        assert_eq!(roster.expanded("name", &picked), json!({"com.app__risk": "Risk"}));
    }

    #[test]
    fn text_areas_are_known_by_their_type() {
        assert!(roster().is_rich_text("customfield_1"));
        assert!(roster().is_rich_text("environment"));
        assert!(!roster().is_rich_text("summary"));
    }
}
