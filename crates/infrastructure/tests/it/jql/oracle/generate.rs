//! Queries made by chance: right ones, over all that is answered.

use rand::{RngExt, seq::IndexedRandom};
use rand_chacha::ChaCha8Rng;

use super::world::{FILTERS, LABELS, PRIORITIES, RESOLUTIONS, STATUSES, TYPES, VERSIONS, WORDS, World};

/// What fields are sorted by.
const SORTABLE: [&str; 33] = [
    "key",
    "id",
    "created",
    "updated",
    "resolved",
    "due",
    "priority",
    "resolution",
    "status",
    "statusCategory",
    "type",
    "project",
    "assignee",
    "reporter",
    "creator",
    "summary",
    "labels",
    "component",
    "fixVersion",
    "affectedVersion",
    "'Story Points'",
    "Team",
    "Launch",
    "'Seen at'",
    "Owner",
    "sprint",
    "hierarchyLevel",
    "parent",
    "votes",
    "watchers",
    "timespent",
    "originalEstimate",
    "workRatio",
];

pub struct Generator<'w> {
    pub rng: ChaCha8Rng,
    pub world: &'w World,
}

impl Generator<'_> {
    fn pick<'a>(&mut self, list: &[&'a str]) -> &'a str {
        list.choose(&mut self.rng).unwrap()
    }

    fn chance(&mut self, percent: u32) -> bool {
        self.rng.random_range(0..100) < percent
    }

    pub fn query(&mut self) -> String {
        let filter = self.clause(0);
        let keys = self.rng.random_range(0..4);
        if keys == 0 {
            return filter;
        }
        let keys: Vec<String> = (0..keys)
            .map(|_| {
                let direction = self.pick(&["", " ASC", " DESC"]);
                format!("{}{direction}", self.pick(&SORTABLE))
            })
            .collect();
        format!("{filter} ORDER BY {}", keys.join(", "))
    }

    fn clause(&mut self, depth: u32) -> String {
        match self.rng.random_range(0..10) {
            0..2 if depth < 3 => {
                let joined = self.pick(&[" AND ", " OR "]);
                let count = self.rng.random_range(2..4);
                let parts: Vec<String> = (0..count).map(|_| self.clause(depth + 1)).collect();
                format!("({})", parts.join(joined))
            }
            2 if depth < 3 => format!("NOT ({})", self.clause(depth + 1)),
            _ => self.term(),
        }
    }

    fn term(&mut self) -> String {
        match self.rng.random_range(0..27) {
            25..27 => self.of_desks(),
            0..5 => self.listed(),
            5..7 => self.dated(),
            7..9 => self.numbered(),
            9..11 => self.worded(),
            11..15 => self.historical(),
            15 => self.keyed(),
            16 => self.emptiness(),
            17..19 => self.versioned(),
            19 => self.of_functions(),
            20 => self.worked(),
            22 => self.of_groups(),
            23 => self.followed(),
            24 => self.of_properties(),
            _ => self.other(),
        }
    }

    /// `=`, `!=`, `IN` or `NOT IN` with values of a list.
    fn among(&mut self, field: &str, values: &[&str], with_empty: bool) -> String {
        let count = self.rng.random_range(1..4);
        let mut list: Vec<String> = (0..count).map(|_| quoted(self.pick(values))).collect();
        if with_empty && self.chance(20) {
            list.push("EMPTY".into());
        }
        match self.rng.random_range(0..4) {
            0 => format!("{field} = {}", list[0]),
            1 => format!("{field} != {}", list[0]),
            2 => format!("{field} in ({})", list.join(", ")),
            _ => format!("{field} not in ({})", list.join(", ")),
        }
    }

    fn listed(&mut self) -> String {
        let people = ["ann", "bob", "cy", "zed", "Ann Lee", "BOB ROY"];
        let projects = ["PAY", "pay", "OPS", "OLD", "Operations", "11"];
        match self.rng.random_range(0..16) {
            0 => self.among("project", &projects, true),
            1 => self.among("type", &TYPES.map(|t| t.1), true),
            2 => self.among("status", &["To Do", "in progress", "In Review", "DONE", "3"], true),
            3 => self.among(
                "statusCategory",
                &["To Do", "new", "In Progress", "indeterminate", "Done", "done"],
                false,
            ),
            4 => self.among("priority", &["Highest", "high", "Medium", "Low", "4"], true),
            5 => self.among("resolution", &["Fixed", "Duplicate", "Unresolved", "unresolved", "1"], true),
            6 => self.among("assignee", &people, true),
            7 => self.among("reporter", &people, true),
            8 => self.among("creator", &people, true),
            9 => self.among("labels", &["red", "RED", "green", "blue", "x1", "nothing"], true),
            10 => self.among("component", &["API", "web", "db", "50", "41"], true),
            11 => self.among("sprint", &["Sprint A", "sprint b", "Sprint C", "12", "14"], true),
            12 => self.among("Team", &["North", "south", "East", "81"], true),
            13 => self.among("Regions", &["North", "South", "east", "83"], true),
            14 => self.among("Owner", &people, true),
            _ => self.among("Tags", &LABELS, true),
        }
    }

    fn date(&mut self) -> String {
        let month = self.rng.random_range(1..6);
        let day = if month == 5 { self.rng.random_range(1..31) } else { self.rng.random_range(1..29) };
        let (hour, minute) = (self.rng.random_range(0..24), [0, 30, 59][self.rng.random_range(0..3)]);
        let count = self.rng.random_range(0..9);
        let span = self.pick(&["Day", "Week", "Month", "Year"]);
        let unit = self.pick(&["", "d", "w", "M", "y", "h", "m"]);
        let sign = self.pick(&["", "-", "+"]);
        match self.rng.random_range(0..9) {
            0..2 => format!("2025-{month:02}-{day:02}"),
            2 => format!("'2025/{month:02}/{day:02} {hour:02}:{minute:02}'"),
            3 => format!("'2025-{month:02}-{day:02} {hour:02}:{minute:02}'"),
            4 => format!("'-{count}w {count}d'"),
            5 => format!("'{sign}{count}{}'", self.pick(&["d", "h", "w", "m"])),
            6 => "now()".into(),
            7 => format!("startOf{span}('{sign}{count}{unit}')"),
            _ => format!("endOf{span}('{sign}{count}{unit}')"),
        }
    }

    fn compared(&mut self) -> &'static str {
        self.pick(&["<", "<=", ">", ">=", "=", "!="])
    }

    fn dated(&mut self) -> String {
        let fields =
            ["created", "updated", "resolved", "due", "Launch", "'Seen at'", "statusCategoryChangedDate"];
        let field = self.pick(&fields);
        match self.rng.random_range(0..5) {
            0 => format!("{field} in ({}, {})", self.date(), self.date()),
            1 => format!("{field} not in ({}, {})", self.date(), self.date()),
            _ => format!("{field} {} {}", self.compared(), self.date()),
        }
    }

    fn numbered(&mut self) -> String {
        let operator = self.compared();
        match self.rng.random_range(0..8) {
            0 => format!("'Story Points' {operator} {}", self.pick(&["0.5", "1", "2", "3", "8"])),
            1 => format!("cf[10001] not in ({}, 8)", self.pick(&["0.5", "1", "2", "7"])),
            2 => format!("hierarchyLevel {operator} {}", self.pick(&["0", "1", "-1"])),
            3 => format!("votes {operator} {}", self.rng.random_range(0..4)),
            4 => format!("watchers {operator} {}", self.rng.random_range(0..4)),
            5 => format!("workRatio {operator} {}", self.rng.random_range(0..20) * 25),
            6 => {
                let field =
                    self.pick(&["timeSpent", "originalEstimate", "remainingEstimate", "timeEstimate"]);
                format!("{field} {operator} {}", self.pick(&["'4h'", "'1d'", "'1d 2h'", "120", "'0h'"]))
            }
            _ => format!(
                "priority {} {}",
                self.pick(&["<", "<=", ">", ">="]),
                self.pick(&["Highest", "high", "3", "Low"])
            ),
        }
    }

    fn words(&mut self) -> String {
        let word = |rng: &mut ChaCha8Rng| WORDS.choose(rng).unwrap().0;
        let (a, b) = (word(&mut self.rng), word(&mut self.rng));
        match self.rng.random_range(0..7) {
            0..2 => a.to_owned(),
            2 => format!("{a} {b}"),
            3 => format!("{a} OR {b}"),
            4 => format!("\\\"{a} {b}\\\""),
            5 => self.pick(&["log*", "err*", "fai*", "butt*", "re*"]).to_owned(),
            _ => format!("{a} -{b}"),
        }
    }

    fn worded(&mut self) -> String {
        let field = self.pick(&[
            "summary",
            "description",
            "environment",
            "comment",
            "text",
            "Notes",
            "worklogComment",
        ]);
        let operator = if field == "text" { "~" } else { self.pick(&["~", "!~"]) };
        format!("{field} {operator} \"{}\"", self.words())
    }

    fn historical(&mut self) -> String {
        let (field, values): (&str, Vec<&str>) = match self.rng.random_range(0..6) {
            0..2 => ("status", STATUSES.iter().map(|s| s.1).collect()),
            2 => ("assignee", vec!["ann", "Bob Roy", "zed", "EMPTY", "currentUser()"]),
            3 => ("priority", PRIORITIES.iter().map(|p| p.1).chain(["EMPTY"]).collect()),
            4 => ("resolution", RESOLUTIONS.iter().map(|r| r.1).chain(["EMPTY", "Unresolved"]).collect()),
            _ => ("fixVersion", vec!["1.0", "1.1", "2.0", "0.9", "22", "EMPTY"]),
        };
        let values: Vec<String> = values
            .into_iter()
            .map(|v| if v == "EMPTY" || v.ends_with(')') { v.to_owned() } else { quoted(v) })
            .collect();
        let value = |rng: &mut ChaCha8Rng| values.choose(rng).unwrap().clone();
        let (a, b) = (value(&mut self.rng), value(&mut self.rng));
        let (limits, history) = match self.rng.random_range(0..6) {
            0 => (true, format!("{field} was {a}")),
            1 => (true, format!("{field} was not {a}")),
            2 => (true, format!("{field} was in ({a}, {b})")),
            3 => (true, format!("{field} was not in ({a}, {b})")),
            _ => (false, format!("{field} changed")),
        };
        let mut history = history;
        for _ in 0..self.rng.random_range(0..3) {
            let limit = match self.rng.random_range(0..if limits { 5 } else { 7 }) {
                0 => format!(" before {}", self.date()),
                1 => format!(" after {}", self.date()),
                2 => format!(" on {}", self.date()),
                3 => format!(" during ({}, {})", self.date(), self.date()),
                4 => format!(" by {}", self.pick(&["ann", "'Ann Lee'", "(bob, cy)", "currentUser()"])),
                5 => format!(" from {}", value(&mut self.rng)),
                _ => format!(" to ({}, {})", value(&mut self.rng), value(&mut self.rng)),
            };
            history.push_str(&limit);
        }
        history
    }

    fn key(&mut self) -> String {
        let issue = self.world.issues.choose(&mut self.rng).unwrap();
        let name = if self.chance(70) { "key" } else { "id" };
        issue[name].as_str().unwrap().to_owned()
    }

    fn keyed(&mut self) -> String {
        let (a, b) = (self.key(), self.key());
        let field = self.pick(&["key", "parent", "'Epic Link'", "issue"]);
        let operator = self.compared();
        match self.rng.random_range(0..4) {
            0 => format!("{field} in ({a}, {b})"),
            1 => format!("{field} not in ({a}, {b})"),
            2 if field == "key" => format!("{field} {operator} {a}"),
            _ => format!("{field} {} {b}", self.pick(&["=", "!="])),
        }
    }

    fn emptiness(&mut self) -> String {
        let field = self.pick(&[
            "project",
            "key",
            "type",
            "status",
            "priority",
            "resolution",
            "assignee",
            "reporter",
            "creator",
            "created",
            "resolved",
            "due",
            "labels",
            "component",
            "fixVersion",
            "affectedVersion",
            "sprint",
            "parent",
            "'Epic Link'",
            "summary",
            "description",
            "environment",
            "hierarchyLevel",
            "'Story Points'",
            "Team",
            "Notes",
            "Launch",
            "'Seen at'",
            "Owner",
            "Regions",
            "Tags",
            "attachments",
            "watcher",
            "voter",
            "level",
            "category",
            "timeSpent",
            "originalEstimate",
            "remainingEstimate",
            "workRatio",
            "statusCategoryChangedDate",
        ]);
        let negated = self.chance(50);
        format!("{field} is {}EMPTY", if negated { "not " } else { "" })
    }

    fn versioned(&mut self) -> String {
        let field = self.pick(&["fixVersion", "affectedVersion"]);
        let versions: Vec<&str> = VERSIONS.iter().map(|v| v.2).chain(["22", "30"]).collect();
        let operator = self.pick(&["<", "<=", ">", ">="]);
        match self.rng.random_range(0..4) {
            0 => self.among(field, &versions, true),
            1 => format!(
                "{field} {} {}",
                self.pick(&["~", "!~"]),
                self.pick(&["'1.*'", "'?.0'", "'2.0'", "'*9'"])
            ),
            _ => format!("{field} {operator} {}", quoted(self.pick(&versions))),
        }
    }

    fn of_functions(&mut self) -> String {
        let listed = self.pick(&["in", "not in"]);
        let equal = self.pick(&["=", "!="]);
        let version = self.pick(&["fixVersion", "affectedVersion"]);
        let project = self.pick(&["PAY", "OPS", "Operations"]);
        match self.rng.random_range(0..12) {
            0 => format!(
                "sprint {listed} {}",
                self.pick(&["openSprints()", "closedSprints()", "futureSprints()"])
            ),
            1 => format!("type {listed} {}", self.pick(&["standardIssueTypes()", "subtaskIssueTypes()"])),
            2 => {
                format!("{} {equal} currentUser()", self.pick(&["assignee", "reporter", "creator", "Owner"]))
            }
            3 => format!("{version} {listed} releasedVersions({project})"),
            4 => format!("{version} {listed} unreleasedVersions()"),
            5 => format!("{version} {equal} latestReleasedVersion({project})"),
            6 => format!("{version} {equal} earliestUnreleasedVersion({project})"),
            7 => format!("component {listed} componentsLeadByUser({})", self.pick(&["", "bob", "ann"])),
            8 => format!("project {listed} projectsLeadByUser({})", self.pick(&["", "bob"])),
            9 => {
                let kind = self.pick(&["", ", Blocks", ", 'is blocked by'", ", 'relates to'"]);
                format!("issue {listed} linkedIssues({}{kind})", self.key())
            }
            10 => format!("issuekey {listed} updatedBy(ann)"),
            _ => format!(
                "issuekey in updatedBy({}, {})",
                self.pick(&["bob", "zed"]),
                self.pick(&["'-4w'", "2025-03-01, 2025-04-15"])
            ),
        }
    }

    fn of_groups(&mut self) -> String {
        let listed = self.pick(&["in", "not in"]);
        let group = self.pick(&["Staff", "'STAFF'", "crew", "Nobody", "'g-2'"]);
        match self.rng.random_range(0..8) {
            0 => {
                format!("project {listed} projectsWhereUserHasRole({})", self.pick(&["developers", "10002"]))
            }
            1 => format!("project {listed} (OLD, projectsWhereUserHasRole(Administrators))"),
            2 => format!("project {listed} projectsWhereUserHasPermission('Browse Projects')"),
            3 => format!("assignee was {listed} membersOf({group})"),
            4 => format!("assignee {listed} (EMPTY, cy, membersOf({group}))"),
            _ => {
                let field = self.pick(&["assignee", "reporter", "creator", "Owner", "worklogAuthor"]);
                format!("{field} {listed} membersOf({group})")
            }
        }
    }

    fn followed(&mut self) -> String {
        let field = self.pick(&["watcher", "voter"]);
        match self.rng.random_range(0..3) {
            0 => format!("{field} {} membersOf(Staff)", self.pick(&["in", "not in"])),
            1 => format!("{field} {} ('Ann Lee', currentUser())", self.pick(&["in", "not in"])),
            _ => self.among(field, &["ann", "bob", "cy", "Ann Lee", "BOB ROY"], true),
        }
    }

    fn of_properties(&mut self) -> String {
        let (compared, date) = (self.compared(), self.date());
        let (like, words) = (self.pick(&["~", "!~"]), self.words());
        match self.rng.random_range(0..9) {
            0..2 => self.among("issue.property[review].state", &["open", "DONE", "in review", "x"], true),
            2 => self.among("issue.property[review].tags", &["red", "GREEN", "x1"], true),
            3 => format!("issue.property[review].score {compared} {}", self.pick(&["1", "2.5", "'8.0'"])),
            4 => format!("issue.property[review].at {} {date}", self.pick(&["<", "<=", ">", ">="])),
            5 => format!("issue.property[review].note {like} \"{words}\""),
            6 => format!("issue.property[review].by.id {} currentUser()", self.pick(&["=", "!="])),
            7 => self.among("issue.property[flag]", &["true", "false"], false),
            _ => {
                let field = self.pick(&["review", "flag", "review].score", "review].tags", "none].of"]);
                let field = if field.contains(']') { field.to_owned() } else { format!("{field}]") };
                format!("issue.property[{field} is {}EMPTY", self.pick(&["", "not "]))
            }
        }
    }

    fn of_desks(&mut self) -> String {
        let clock = self.pick(&["'Time to resolution'", "cf[10010]"]);
        let field = self.pick(&["'Request Type'", "'customer request type'", "cf[10011]"]);
        match self.rng.random_range(0..6) {
            0 => self.among(field, &["Get help", "report a problem", "1", "2"], false),
            1 => self.among("organizations", &["North", "SOUTH", "7", "5"], true),
            2 => format!("organizations is {}EMPTY", self.pick(&["", "not "])),
            3 => {
                let state = self.pick(&[
                    "breached",
                    "everBreached",
                    "completed",
                    "running",
                    "Paused",
                    "withinCalendarHours",
                ]);
                format!("{clock} {} {state}()", self.pick(&["=", "!="]))
            }
            _ => {
                let time = self.pick(&["'0m'", "30", "1h", "'2h 30m'", "'4h'", "'1d'", "'2d 3h'", "'3w'"]);
                let function = self.pick(&["remaining", "elapsed"]);
                format!("{clock} {} {function}({time})", self.pick(&["<", "<=", ">", ">="]))
            }
        }
    }

    fn worked(&mut self) -> String {
        match self.rng.random_range(0..3) {
            0 => self.among("worklogAuthor", &["ann", "bob", "cy", "zed"], false),
            _ => format!("worklogDate {} {}", self.compared(), self.date()),
        }
    }

    fn other(&mut self) -> String {
        match self.rng.random_range(0..7) {
            5 => format!("{} {} currentUser()", self.pick(&["watcher", "voter"]), self.pick(&["=", "!="])),
            6 => {
                let function = self.pick(&["watchedIssues()", "votedIssues()"]);
                format!("issue {} {function}", self.pick(&["in", "not in"]))
            }
            0 => self.among("issueLinkType", &["Blocks", "is blocked by", "blocks", "relates to"], false),
            1 => self.among("level", &["Staff", "60"], true),
            2 => self.among("category", &["Money", "Past", "92"], true),
            3 => self.among("projectType", &["software", "business", "service_desk"], false),
            _ => self.among("filter", &FILTERS.map(|filter| filter.1), false),
        }
    }
}

/// A value in quotation marks, but for numbers, which mean ids first without.
fn quoted(value: &str) -> String {
    if value.parse::<i64>().is_ok() { value.to_owned() } else { jql::quote(value).into_owned() }
}
