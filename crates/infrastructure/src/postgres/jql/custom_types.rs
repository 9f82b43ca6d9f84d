//! Types of custom fields (jira-facts 6.3): how their values are compared, and how Jira Cloud shows them in
//! `"Story Points[Number]"`.

use super::fields::Class;

const SPRINT: &str = "gh-sprint";
const REQUEST_TYPE: &str = "vp-origin";
const ORGANIZATIONS: &str = "sd-customer-organizations";

/// The part of `schema.custom` behind the colon, or `schema.type`.
fn suffix(kind: Option<&str>) -> &str {
    let kind = kind.unwrap_or_default();
    kind.rsplit_once(':').map_or(kind, |(_, suffix)| suffix)
}

/// How values of this type are compared.
pub(super) fn class(kind: Option<&str>) -> Class {
    match suffix(kind) {
        "float" | "number" | "jsw-story-points" => Class::Number,
        "datepicker" | "date" => Class::Day,
        "datetime" => Class::Time,
        "textfield" | "textarea" | "readonlyfield" => Class::Text,
        "select" | "radiobuttons" | "multiselect" | "multicheckboxes" | "cascadingselect" | "labels"
        | "grouppicker" | "multigrouppicker" | "version" | "multiversion" | "project" | "option" | "url"
        | "gh-epic-link" | "gh-epic-status" | "gh-epic-color" => Class::Choice,
        "userpicker" | "multiuserpicker" | "people" | "user" | "sd-request-participants" => Class::Person,
        "gh-epic-label" => Class::Text,
        REQUEST_TYPE => Class::RequestType,
        ORGANIZATIONS => Class::Organization,
        "sd-sla-field" => Class::Sla,
        _ => Class::Other,
    }
}

/// Whether this is the field that holds sprints.
pub(super) fn is_sprint(kind: Option<&str>) -> bool {
    suffix(kind) == SPRINT
}

/// The type of the one field of a site that JQL knows by names of its own (in lower case), whatever the site calls it.
pub(super) fn by_any_name(name: &str) -> Option<&'static str> {
    match name {
        "sprint" => Some(SPRINT),
        "request type" | "customer request type" => Some(REQUEST_TYPE),
        "organization" | "organizations" => Some(ORGANIZATIONS),
        _ => None,
    }
}

/// Whether this is a field of that type.
pub(super) fn is_of_type(kind: Option<&str>, wanted: &str) -> bool {
    suffix(kind) == wanted
}

/// Splits `name[type]`.
pub(super) fn disambiguated(name: &str) -> Option<(&str, &str)> {
    let (bare, kind) = name.strip_suffix(']')?.rsplit_once('[')?;
    Some((bare.trim_end(), kind.trim()))
}

/// Whether Jira Cloud shows a field of this type under this label (in lower case). Labels that we do not know fit any type.
pub(super) fn is_shown_as(kind: Option<&str>, label: &str) -> bool {
    let kinds: &[&str] = match label {
        "number" => &["float", "number", "jsw-story-points"],
        "short text" | "short text (plain text only)" => &["textfield"],
        "paragraph" | "paragraph (supports rich text)" => &["textarea"],
        "dropdown" | "select list (single choice)" => &["select"],
        "select list (multiple choices)" => &["multiselect"],
        "select list (cascading)" => &["cascadingselect"],
        "checkboxes" => &["multicheckboxes"],
        "radio buttons" => &["radiobuttons"],
        "date" | "date picker" => &["datepicker"],
        "time stamp" | "date time picker" => &["datetime"],
        "labels" => &["labels"],
        "people" | "user picker (multiple users)" => &["people", "multiuserpicker"],
        "user picker (single user)" => &["userpicker"],
        "group picker (single group)" => &["grouppicker"],
        "group picker (multiple groups)" => &["multigrouppicker"],
        "url" | "url field" => &["url"],
        _ => return true,
    };
    kinds.contains(&suffix(kind))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_type_is_known_by_what_stands_behind_its_plugin() {
        assert_eq!(class(Some("com.atlassian.jira.plugin.system.customfieldtypes:float")), Class::Number);
        assert_eq!(class(Some("com.pyxis.greenhopper.jira:jsw-story-points")), Class::Number);
        assert_eq!(
            class(Some("com.atlassian.jira.plugin.system.customfieldtypes:multiselect")),
            Class::Choice
        );
        assert_eq!(class(Some("com.pyxis.greenhopper.jira:gh-lexo-rank")), Class::Other);
        assert_eq!(class(None), Class::Other);
        assert!(is_sprint(Some("com.pyxis.greenhopper.jira:gh-sprint")));
        assert_eq!(class(Some("com.atlassian.servicedesk:sd-sla-field")), Class::Sla);
        assert_eq!(class(Some("com.atlassian.servicedesk:vp-origin")), Class::RequestType);
    }

    #[test]
    fn a_name_with_its_type_is_two_things() {
        assert_eq!(disambiguated("story points[number]"), Some(("story points", "number")));
        assert_eq!(disambiguated("a [b] [date]"), Some(("a [b]", "date")));
        assert_eq!(disambiguated("story points"), None);
        assert!(is_shown_as(Some("x:float"), "number"));
        assert!(!is_shown_as(Some("x:float"), "date"));
        assert!(is_shown_as(Some("x:float"), "some new type"));
    }
}
