//! Time tracking: estimates and time spent (jira-facts 6.2), by a day of eight hours and a week of five days.

use serde_json::{Value, json};

use super::merge;

/// Durations in seconds, by the letter that Jira writes behind them, longest first.
const UNITS: [(char, u64); 4] = [('w', 144_000), ('d', 28_800), ('h', 3_600), ('m', 60)];

/// Reads `1w 2d 3h 20m`, with fractions; a number alone is minutes. `None` for anything else.
pub(super) fn parse(text: &str) -> Option<u64> {
    let mut seconds = 0.0;
    let parts: Vec<&str> = text.split_whitespace().collect();
    for part in &parts {
        let (number, unit) = match part.chars().last()? {
            last if last.is_ascii_digit() => (*part, 60),
            last => {
                let unit = UNITS.iter().find(|(letter, _)| *letter == last.to_ascii_lowercase())?.1;
                (&part[..part.len() - 1], unit)
            }
        };
        if !number.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.') {
            return None;
        }
        seconds += number.parse::<f64>().ok()? * unit as f64;
    }
    // Far above any estimate, and far below where a float stops counting single seconds.
    let whole = seconds.round();
    (!parts.is_empty() && whole <= 1e12).then_some(whole as u64)
}

/// Prints a duration as Jira does.
pub(super) fn print(seconds: u64) -> String {
    let mut left = seconds;
    let mut parts = Vec::new();
    for (letter, unit) in UNITS {
        if left >= unit {
            parts.push(format!("{}{letter}", left / unit));
            left %= unit;
        }
    }
    if parts.is_empty() { "0m".to_owned() } else { parts.join(" ") }
}

/// An issue's three numbers, in seconds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Tracking {
    pub(super) original: Option<u64>,
    pub(super) remaining: Option<u64>,
    pub(super) spent: Option<u64>,
}

impl Tracking {
    /// Reads the field `timetracking`.
    pub(super) fn of(field: &Value) -> Self {
        Self {
            original: field["originalEstimateSeconds"].as_u64(),
            remaining: field["remainingEstimateSeconds"].as_u64(),
            spent: field["timeSpentSeconds"].as_u64(),
        }
    }

    /// Reads the fields of an issue: the plain numbers, where a source left the object out.
    pub(super) fn of_issue(fields: &Value) -> Self {
        let object = Self::of(&fields["timetracking"]);
        Self {
            original: object.original.or_else(|| fields["timeoriginalestimate"].as_u64()),
            remaining: object.remaining.or_else(|| fields["timeestimate"].as_u64()),
            spent: object.spent.or_else(|| fields["timespent"].as_u64()),
        }
    }

    /// As the field `timetracking` shows it.
    pub(super) fn field(&self) -> Value {
        let mut field = json!({});
        for (text, number, seconds) in [
            ("originalEstimate", "originalEstimateSeconds", self.original),
            ("remainingEstimate", "remainingEstimateSeconds", self.remaining),
            ("timeSpent", "timeSpentSeconds", self.spent),
        ] {
            if let Some(seconds) = seconds {
                field[text] = json!(print(seconds));
                field[number] = json!(seconds);
            }
        }
        field
    }

    /// Writes every field that follows from the three. What sub-tasks add to the aggregates is not known here: they move by as
    /// much as the issue's own numbers do.
    pub(super) fn write(&self, fields: &mut Value) {
        let before = Self::of_issue(fields);
        for (name, own, was) in [
            ("aggregatetimeoriginalestimate", self.original, before.original),
            ("aggregatetimeestimate", self.remaining, before.remaining),
            ("aggregatetimespent", self.spent, before.spent),
        ] {
            let others = fields[name].as_u64().unwrap_or(0).saturating_sub(was.unwrap_or(0));
            let sum = others + own.unwrap_or(0);
            fields[name] = if own.is_none() && others == 0 { Value::Null } else { json!(sum) };
        }
        let aggregate =
            progress(fields["aggregatetimespent"].as_u64(), fields["aggregatetimeestimate"].as_u64());
        let ratio = self.original.and_then(|original| (self.spent.unwrap_or(0) * 100).checked_div(original));
        merge(
            fields,
            json!({
                "timetracking": self.field(),
                "timespent": self.spent,
                "timeestimate": self.remaining,
                "timeoriginalestimate": self.original,
                "progress": progress(self.spent, self.remaining),
                "aggregateprogress": aggregate,
                "workratio": ratio.map_or(json!(-1), |ratio| json!(ratio)),
            }),
        );
    }

    /// The items of a change.
    pub(super) fn items(&self, after: &Self) -> Vec<Value> {
        [
            ("timeoriginalestimate", self.original, after.original),
            ("timespent", self.spent, after.spent),
            ("timeestimate", self.remaining, after.remaining),
        ]
        .into_iter()
        .filter(|(_, from, to)| from != to)
        .map(|(field, from, to)| seconds_item(field, Some(field), from, to))
        .collect()
    }
}

/// An item whose sides are numbers, as ids and as texts alike.
pub(super) fn seconds_item(field: &str, field_id: Option<&str>, from: Option<u64>, to: Option<u64>) -> Value {
    let text = |side: Option<u64>| side.map(|number| number.to_string());
    let mut item = json!({
        "field": field, "fieldtype": "jira",
        "from": text(from), "fromString": text(from), "to": text(to), "toString": text(to),
    });
    if let Some(id) = field_id {
        item["fieldId"] = json!(id);
    }
    item
}

fn progress(spent: Option<u64>, remaining: Option<u64>) -> Value {
    let done = spent.unwrap_or(0);
    let total = done + remaining.unwrap_or(0);
    let mut progress = json!({ "progress": done, "total": total });
    if let Some(percent) = (done * 100).checked_div(total) {
        progress["percent"] = json!(percent);
    }
    progress
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_read_and_printed_as_jira_does() {
        assert_eq!(parse("3h 20m"), Some(12_000));
        assert_eq!(parse("1w 2d"), Some(144_000 + 57_600));
        assert_eq!(parse("1.5h"), Some(5_400));
        assert_eq!(parse("30"), Some(1_800));
        for bad in ["", "soon", "3x", "h", "-1h", "1e3h"] {
            assert_eq!(parse(bad), None, "{bad}");
        }
        assert_eq!(print(201_600), "1w 2d");
        assert_eq!(print(12_000), "3h 20m");
        assert_eq!(print(0), "0m");
    }

    #[test]
    fn what_is_printed_is_read_again() {
        for minutes in (0..10_000).step_by(37) {
            assert_eq!(parse(&print(minutes * 60)), Some(minutes * 60));
        }
    }

    #[test]
    fn aggregates_keep_what_sub_tasks_add() {
        let mut fields =
            json!({ "timespent": 60, "aggregatetimespent": 100, "timetracking": {"timeSpentSeconds": 60} });
        Tracking { spent: Some(120), remaining: Some(120), ..Tracking::default() }.write(&mut fields);
        assert_eq!(fields["aggregatetimespent"], 160);
        assert_eq!(fields["aggregatetimeoriginalestimate"], Value::Null);
        assert_eq!(fields["progress"], json!({"progress": 120, "total": 240, "percent": 50}));
        assert_eq!(fields["workratio"], -1);
    }
}
