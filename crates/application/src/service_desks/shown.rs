//! How Jira Service Management writes moments, durations, request types and people into its answers and into its custom fields
//! (OpenAPI document of Jira Service Management).

use chrono::{DateTime, TimeDelta, Utc};
use chrono_tz::Tz;
use serde_json::{Value, json};

use super::{RequestType, ServiceDesk};

/// `DateDTO`: a moment in the zone of whoever reads it.
pub fn moment(at: DateTime<Utc>, zone: Tz) -> Value {
    let local = at.with_timezone(&zone);
    json!({
        "iso8601": local.format("%Y-%m-%dT%H:%M:%S%z").to_string(),
        "jira": local.format("%Y-%m-%dT%H:%M:%S%.3f%z").to_string(),
        "friendly": local.format("%d/%b/%y %-I:%M %p").to_string(),
        "epochMillis": at.timestamp_millis(),
    })
}

/// `DurationDTO`.
pub fn duration(time: TimeDelta) -> Value {
    let minutes = time.num_minutes();
    let sign = if minutes < 0 { "-" } else { "" };
    let (hours, minutes) = (minutes.abs() / 60, minutes.abs() % 60);
    let friendly = match (hours, minutes) {
        (0, minutes) => format!("{sign}{minutes}m"),
        (hours, 0) => format!("{sign}{hours}h"),
        (hours, minutes) => format!("{sign}{hours}h {minutes}m"),
    };
    json!({ "millis": time.num_milliseconds(), "friendly": friendly })
}

/// The address of a resource of the API.
pub fn address(base_url: &str, path: &str) -> String {
    format!("{base_url}/rest/servicedeskapi/{path}")
}

/// `RequestTypeDTO`.
pub fn request_type(base_url: &str, desk: &ServiceDesk, kind: &RequestType) -> Value {
    let icon = |size: &str| {
        format!("{base_url}/rest/api/3/universal_avatar/view/type/SD_REQTYPE/avatar/10527?size={size}")
    };
    json!({
        "_expands": ["field"],
        "id": kind.id,
        "_links": { "self": address(base_url, &format!("servicedesk/{}/requesttype/{}", desk.id, kind.id)) },
        "name": kind.name,
        "description": kind.description,
        "helpText": kind.help_text,
        "issueTypeId": kind.issue_type,
        "serviceDeskId": desk.id,
        "portalId": desk.id,
        "groupIds": kind.groups,
        "icon": {
            "id": "10527",
            "_links": { "iconUrls": {
                "48x48": icon("large"), "24x24": icon("small"), "16x16": icon("xsmall"), "32x32": icon("medium"),
            } },
        },
    })
}

/// `CustomerRequestStatusDTO`.
pub fn status(name: &Value, category: &Value, since: DateTime<Utc>, zone: Tz) -> Value {
    let category = match category["key"].as_str() {
        Some("new") => "NEW",
        Some("indeterminate") => "INDETERMINATE",
        Some("done") => "DONE",
        _ => "UNDEFINED",
    };
    json!({ "status": name, "statusCategory": category, "statusDate": moment(since, zone) })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_are_those_of_the_reader() {
        let at = "2015-10-08T07:42:00Z".parse().unwrap();
        assert_eq!(
            moment(at, Tz::Asia__Jakarta),
            json!({
                "iso8601": "2015-10-08T14:42:00+0700", "jira": "2015-10-08T14:42:00.000+0700",
                "friendly": "08/Oct/15 2:42 PM", "epochMillis": 1_444_290_120_000_u64,
            })
        );
    }

    #[test]
    fn durations_may_be_less_than_nothing() {
        let friendly = |minutes| duration(TimeDelta::minutes(minutes))["friendly"].clone();
        assert_eq!((friendly(0), friendly(59), friendly(60)), (json!("0m"), json!("59m"), json!("1h")));
        assert_eq!((friendly(-30), friendly(-95)), (json!("-30m"), json!("-1h 35m")));
        assert_eq!(duration(TimeDelta::seconds(90))["millis"], 90_000);
    }
}
